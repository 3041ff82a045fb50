// # The words and tables of the report
//
// The first paragraph and the tiles are for whoever has ten seconds; the
// tables hold every value that was reported, for whoever wants to check.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "utf8.h"

enum { LONG_TEXT = 300, LIST_TEXT = 4096 };

// ## Text

// What HTML and XML forbid (controls, noncharacters), and the marks that turn
// the direction of writing and so could make text say something else.
static bool is_fit(uint32_t c)
{
	return c != UTF8_INVALID && c >= ' ' && !(c >= 0x7f && c < 0xa0) &&
	       !(c >= 0x200e && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2066 && c <= 0x2069) && !(c >= 0xfdd0 && c <= 0xfdef) &&
	       c != 0xfeff && (c & 0xfffe) != 0xfffe;
}

void html_text(FILE *out, const char *text, size_t limit)
{
	size_t n;

	for (; *text; text += n) {
		uint32_t c = utf8_next(text, &n);
		if (limit-- == 0) {
			fputs("…", out);
			return;
		}
		if (c == '\n' || c == '\t' || c == '\r')
			putc(' ', out);
		else if (!is_fit(c))
			fputs("\xef\xbf\xbd", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c == '\'')
			fputs("&#39;", out);
		else
			fwrite(text, 1, n, out);
	}
}

struct unit {
	const char *name;
	double size;
};
static const struct unit times[] = {
	{ "ns", 1 }, { "µs", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { NULL, 0 },
};
static const struct unit rates[] = {
	{ "B/s", 1 }, { "kB/s", 1e3 }, { "MB/s", 1e6 }, { "GB/s", 1e9 },
	{ "TB/s", 1e12 }, { NULL, 0 },
};

// The unit in which a value has one to three digits before the point.
static const struct unit *unit_of(bool bandwidth, double value)
{
	const struct unit *unit = bandwidth ? rates : times;
	while (unit[1].name && value >= 999.5 * unit->size)
		unit++;
	return unit;
}

// Always three digits, so that columns of values can be compared at a glance.
const char *fine_value(char text[VALUE_BYTES], bool bandwidth, double value)
{
	const struct unit *unit = unit_of(bandwidth, value);
	double scaled = value / unit->size;

	snprintf(text, VALUE_BYTES, "%.*f %s", scaled >= 99.95 ? 0
		 : scaled >= 9.995 ? 1 : 2, scaled, unit->name);
	return text;
}

const char *tick_value(char text[VALUE_BYTES], bool bandwidth, double value)
{
	const struct unit *unit = unit_of(bandwidth, value);

	snprintf(text, VALUE_BYTES, "%.4g %s", value / unit->size, unit->name);
	return text;
}

void html_value(FILE *out, bool bandwidth, double value)
{
	char text[VALUE_BYTES];

	fine_value(text, bandwidth, value);
	for (const char *at = text; *at; at++)
		if (*at == ' ')
			fputs("\xc2\xa0", out);
		else
			putc(*at, out);
}

static void html(FILE *out, const char *text)
{
	html_text(out, text, LONG_TEXT);
}

struct words {
	const char *name, *title, *detail;
};

static const struct words *look_up(const struct words *table, const char *name)
{
	while (table->name && strcmp(table->name, name) != 0)
		table++;
	return table->name ? table : NULL;
}

static const struct words placements[] = {
	{ "same-cpu", "On one CPU", "on one CPU" },
	{ "smt", "Two threads of one core", "on two threads of one core" },
	{ "cross-core", "Between two cores", "between two cores" },
	{ "cross-socket", "Between two sockets", "between two sockets" },
	{ NULL, NULL, NULL },
};

static const struct words families[] = {
	{ "floor", "The floor: what nothing can be cheaper than",
	  "one operation" },
	{ "switch", "Context switches", "one hand-over to the next" },
	{ "ipc", "A message there and back",
	  "one round trip between two processes" },
	{ "bandwidth", "Bandwidth", "bytes that arrive in a second" },
	{ NULL, NULL, NULL },
};

const char *placement_title(const char *placement)
{
	const struct words *words = look_up(placements, placement);
	return words ? words->title : placement;
}

const char *family_title(const char *family)
{
	const struct words *words = look_up(families, family);
	return words ? words->title : family;
}

const char *family_value(const char *family)
{
	const struct words *words = look_up(families, family);
	return words ? words->detail : "one value";
}

// ## What a stranger should know after ten seconds

// The cheapest case of a family at a placement (NULL: any) whose `what` begins
// with the text; of one size, or any ("").
static const struct measured *best(const struct reading *r, const char *family,
				   const char *what, const char *size,
				   const char *placement)
{
	const struct measured *found = NULL;

	for (size_t i = 0; i < r->count; i++) {
		const struct measured *c = &r->cases[i];
		if (!has_values(c) || strcmp(c->family, family) != 0 ||
		    strncmp(c->what, what, strlen(what)) != 0 ||
		    (*size && strcmp(c->size, size) != 0) ||
		    (placement && strcmp(c->placement, placement) != 0))
			continue;
		if (!found || (c->bandwidth ? c->median > found->median
					    : c->median < found->median))
			found = c;
	}
	return found;
}

// The size to speak of: 1 KiB where it was measured, else any that a pipe has,
// else any.
static const char *spoken_size(const struct reading *r)
{
	const struct measured *c = best(r, "ipc", "", "1KiB", NULL);

	if (!c)
		c = best(r, "ipc", "pipe", "", NULL);
	if (!c)
		c = best(r, "ipc", "", "", NULL);
	return c ? c->size : "";
}

static const struct measured *pipe_case(const struct reading *r,
					const char *size,
					const char *placement)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct measured *c = &r->cases[i];
		if (has_values(c) && !strcmp(c->family, "ipc") &&
		    !strcmp(c->what, "pipe") && !strcmp(c->size, size) &&
		    !strcmp(c->placement, placement))
			return c;
	}
	return NULL;
}

static void write_finding(FILE *out, const struct reading *r)
{
	const char *size = spoken_size(r);
	char name[HUMAN_BYTES];
	bool begun = false;

	for (const struct words *p = placements; p->name; p++) {
		const struct measured *fast = *size
			? best(r, "ipc", "", size, p->name) : NULL;
		const struct measured *pipe = pipe_case(r, size, p->name);
		if (!fast)
			continue;
		if (!begun && fast->bytes >= 0)
			fprintf(out, "Sending %s to another process and "
				"getting an answer takes ",
				human_size(name, (uint64_t)fast->bytes));
		else
			fputs(begun ? "; " : "A round trip takes ", out);
		begun = true;
		fputs("<b>", out);
		html_value(out, false, fast->median);
		fprintf(out, "</b> %s at best (", p->detail);
		html(out, fast->what);
		fputs(json_is_true(json_object_get(fast->json, "spins"))
		      ? ", which keeps the CPU busy while it waits)" : ")",
		      out);
		if (!pipe || pipe == fast)
			continue;
		fputs(", <b>", out);
		html_value(out, false, pipe->median);
		fprintf(out, "</b> through a pipe, %.*f times as long",
			pipe->median / fast->median < 9.95 ? 1 : 0,
			pipe->median / fast->median);
	}
	if (begun)
		fputs(".", out);
	else
		fprintf(out, "%zu cases were measured.", r->count);
}

// "Linux 6.18.0": of the kernel's release and version the first word.
static void write_machine(FILE *out, const struct reading *r)
{
	const json_t *e = r->environment;
	json_int_t cpus = json_integer_value(json_object_get(e, "cpus_online"));
	const char *hypervisor = reading_text(r, "hypervisor");
	const char *kernel = reading_text(r, "kernel");
	const char *model = reading_text(r, "cpu_model");
	char release[60];

	fputs("<strong>", out);
	html_text(out, *model ? model : "Unknown CPU", 80);
	fprintf(out, "</strong>, %" JSON_INTEGER_FORMAT " CPU%s", cpus,
		cpus == 1 ? "" : "s");
	if (*hypervisor && strcmp(hypervisor, "none") != 0) {
		fputs(" of a virtual machine (", out);
		html_text(out, hypervisor, 40);
		putc(')', out);
	}
	snprintf(release, sizeof release, "%.*s", (int)strcspn(kernel, " "),
		 kernel);
	fputs(", Linux ", out);
	html_text(out, release, sizeof release);
}

void page_begin(struct report *report)
{
	const struct reading *r = report->readings;
	FILE *out = report->out;

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
	      "content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"generator\" content=\"oslab bench\"/>\n<title>"
	      "Context switches and IPC on ", out);
	html_text(out, reading_text(r, "cpu_model"), 80);
	fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n"
		"<h1>What context switches and IPC cost %s</h1>\n",
		page_style, report->count > 1 ? "in several runs" : "here");
	if (report->count > 1)
		return;
	fputs("<p class=\"lead\">", out);
	write_machine(out, r);
	fputs(". ", out);
	write_finding(out, r);
	fputs("</p>\n", out);
	if (json_is_true(json_object_get(r->json, "interrupted")))
		fputs("<p class=\"warn\">The run was interrupted: cases may be "
		      "missing or have few rounds.</p>\n", out);
}

static void write_tile(FILE *out, const char *title, const struct measured *c)
{
	if (!c)
		return;
	fputs("<div><dt>", out);
	html(out, title);
	fputs("</dt><dd class=\"big\">", out);
	html_value(out, c->bandwidth, c->median);
	fputs("</dd><dd><code>", out);
	html(out, c->name);
	fputs("</code></dd></div>\n", out);
}

void page_tiles(struct report *report, const struct reading *r)
{
	const char *size = spoken_size(r);
	FILE *out = report->out;
	char title[120], bytes[HUMAN_BYTES] = "";

	fputs("<dl class=\"tiles\">\n", out);
	write_tile(out, "A system call", best(r, "floor", "syscall", "", NULL));
	write_tile(out, "Copying in memory", best(r, "floor", "memcpy", "",
						  NULL));
	write_tile(out, "Switch to another process, on one CPU",
		   best(r, "switch", "process", "", "same-cpu"));
	for (const struct words *p = placements; p->name; p++) {
		const struct measured *pipe = pipe_case(r, size, p->name);
		if (pipe && pipe->bytes >= 0)
			human_size(bytes, (uint64_t)pipe->bytes);
		snprintf(title, sizeof title, "Pipe, %s there and back, %s",
			 bytes, p->detail);
		write_tile(out, title, pipe);
	}
	for (const struct words *p = placements; p->name; p++) {
		snprintf(title, sizeof title, "Fastest bytes %s", p->detail);
		write_tile(out, title, best(r, "bandwidth", "", "", p->name));
	}
	fputs("</dl>\n", out);
}

// ## Tables

static void begin_table(FILE *out, const char *label, const char *caption)
{
	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
	      "aria-label=\"", out);
	html(out, label);
	fputs("\">\n<table>\n<caption>", out);
	html(out, caption);
	fputs("</caption>\n<thead><tr>", out);
}

static void write_headings(FILE *out, const char *const *headings)
{
	for (; *headings; headings++)
		fprintf(out, "<th scope=\"col\">%s</th>", *headings);
	fputs("</tr></thead>\n<tbody>\n", out);
}

static void end_table(FILE *out)
{
	fputs("</tbody>\n</table>\n</div>\n", out);
}

static void cell(FILE *out, bool bandwidth, double value)
{
	fputs("<td>", out);
	if (isnan(value))
		fputs("–", out);
	else
		html_value(out, bandwidth, value);
	fputs("</td>", out);
}

// A number with few digits; "–" where there is none.
static void plain_cell(FILE *out, const json_t *value)
{
	double number = json_number_value(value);

	if (!json_is_number(value))
		fputs("<td>–</td>", out);
	else if (number == floor(number) && number < 1e6)
		fprintf(out, "<td>%.0f</td>", number);
	else
		fprintf(out, "<td>%.*f</td>", number < 0.1 ? 4 : 2, number);
}

static void write_rate(FILE *out, double rate)
{
	static const char *const units[] = { "", "k", "M", "G" };
	int unit = 0;

	for (; unit < 3 && rate >= 999.5; unit++)
		rate /= 1000;
	fprintf(out, "<td>%.*f%s%s/s</td>", rate >= 99.95 ? 0
		: rate >= 9.995 ? 1 : 2, rate, "\xc2\xa0", units[unit]);
}

static void write_cpu(FILE *out, const json_t *cpu)
{
	fputs("<td>", out);
	for (size_t i = 0; i < json_array_size(cpu) && i < 2; i++) {
		fputs(i ? " + " : "", out);
		html_value(out, false,
			   json_number_value(json_array_get(cpu, i)));
	}
	fputs(json_array_size(cpu) ? "</td>" : "–</td>", out);
}

static void write_case(FILE *out, const struct measured *c, const char *prefix)
{
	const json_t *switches = json_object_get(c->json, "switches");

	fputs("<tr><th scope=\"row\">", out);
	html(out, c->name);
	fputs("</th><td><b>", out);
	html_value(out, c->bandwidth, c->median);
	fputs("</b></td><td>", out);
	html_value(out, c->bandwidth, c->interval.low);
	fputs(" to ", out);
	html_value(out, c->bandwidth, c->interval.high);
	if (c->stable)
		fprintf(out, "</td><td>%zu</td>", c->rounds);
	else
		fprintf(out, "</td><td>%zu <a class=\"flag\" href=\"#%s-"
			"unstable\">unstable</a></td>", c->rounds, prefix);
	for (int i = 0; i < READ_PERCENTILES; i++)
		cell(out, false, c->percentile[i]);
	if (c->bandwidth)
		fputs("<td>–</td>", out);
	else
		write_rate(out, json_number_value(json_object_get(c->json,
								  "rate")));
	if (isnan(c->floor_ratio))
		fputs("<td>–</td>", out);
	else
		fprintf(out, "<td>%.*f</td>", c->floor_ratio < 99.5 ? 1 : 0,
			c->floor_ratio);
	plain_cell(out, json_object_get(switches, "voluntary"));
	plain_cell(out, json_object_get(switches, "involuntary"));
	write_cpu(out, json_object_get(c->json, "cpu_ns"));
	plain_cell(out, json_object_get(c->json, "migrations"));
	const json_t *steal = json_object_get(c->json, "steal_ns");
	cell(out, false, json_is_number(steal) ? json_number_value(steal)
					       : NAN);
	plain_cell(out, json_object_get(c->json, "samples"));
	fputs("</tr>\n", out);
}

// The prefix of a result's anchors.
static const char *anchor(char text[16], size_t which)
{
	snprintf(text, 16, "r%zu", which + 1);
	return text;
}

static void write_family(struct report *report, size_t which,
			 const char *family)
{
	static const char *const headings[] = {
		"case", "median", "95&#160;% interval", "rounds", "p50", "p90",
		"p99", "p99.9", "max", "rate", "times<br/>the floor",
		"switches,<br/>voluntary", "switches,<br/>involuntary",
		"CPU time,<br/>each side", "migra-<br/>tions",
		"stolen", "single<br/>operations", NULL,
	};
	const struct reading *r = &report->readings[which];
	char caption[400], prefix[16];
	bool begun = false;

	for (size_t i = 0; i < r->count; i++) {
		const struct measured *c = &r->cases[i];
		if (!has_values(c) || strcmp(c->family, family) != 0)
			continue;
		if (!begun) {
			snprintf(caption, sizeof caption, "%s. A value is %s; "
				 "p50 to max, switches and CPU time are of "
				 "single operations.", family_title(family),
				 family_value(family));
			begin_table(report->out, family_title(family),
				    caption);
			write_headings(report->out, headings);
		}
		begun = true;
		write_case(report->out, c, anchor(prefix, which));
	}
	if (begun)
		end_table(report->out);
}

void page_tables(struct report *report, size_t which)
{
	char prefix[16];

	fprintf(report->out, "<h2 id=\"%s-values\">All values</h2>\n"
		"<p class=\"note\">Mean cost (median, interval) comes from "
		"whole batches; p50 to max from a separate pass that looks at "
		"the clock after each operation. – where the operation is lost "
		"in the cost of the clock, or fewer than ten samples lie "
		"beyond a percentile.</p>\n", anchor(prefix, which));
	each_family(report, which, which, write_family);
}

static size_t count_troubles(const struct reading *r,
			     bool (*is)(const struct measured *c))
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++)
		count += is(&r->cases[i]);
	return count;
}

static bool is_unstable(const struct measured *c)
{
	return has_values(c) && !c->stable;
}

static bool is_skipped(const struct measured *c)
{
	return c->skipped != NULL;
}

static bool is_failed(const struct measured *c)
{
	return c->failed != NULL;
}

static void write_troubles(FILE *out, const struct reading *r,
			   const char *title, const char *note,
			   bool (*is)(const struct measured *c))
{
	if (!count_troubles(r, is))
		return;
	fprintf(out, "<h3>%s</h3>\n<p class=\"note\">%s</p>\n<ul>\n", title,
		note);
	for (size_t i = 0; i < r->count; i++) {
		const struct measured *c = &r->cases[i];
		if (!is(c))
			continue;
		const char *why = c->skipped ? c->skipped
				: c->failed ? c->failed
				: c->why_unstable ? c->why_unstable : "";
		fputs("<li><code>", out);
		html(out, c->name);
		fputs(*why ? "</code>: " : "</code>", out);
		html(out, why);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

void page_troubles(struct report *report, const struct reading *r)
{
	char prefix[16];

	if (!count_troubles(r, is_unstable) && !count_troubles(r, is_skipped) &&
	    !count_troubles(r, is_failed))
		return;
	fprintf(report->out, "<h2 id=\"%s-unstable\">What to doubt</h2>\n",
		anchor(prefix, (size_t)(r - report->readings)));
	write_troubles(report->out, r, "Failed",
		       "These lost or mixed up bytes, or hung; they were not "
		       "timed.", is_failed);
	write_troubles(report->out, r, "Unstable",
		       "The rounds of these disagree: the next run may give "
		       "another median. What is known of the reason:",
		       is_unstable);
	write_troubles(report->out, r, "Skipped",
		       "These could not be measured here.", is_skipped);
}

// ## Several results

static void write_key(FILE *out, size_t which)
{
	fprintf(out, "<span class=\"key\" style=\"background:var(--ink%zu)\">"
		"</span>", INK_SERIES + which);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static void out_of_memory(struct report *report)
{
	if (report->error)
		return;
	report->error = -ENOMEM;
	snprintf(report->why, sizeof report->why, "%s", strerror(ENOMEM));
}

// How a result stands to the first, in half a line.
static void write_verdict(struct report *report, size_t which)
{
	struct comparison c;

	if (compare_readings(&report->readings[0], &report->readings[which],
			     &c) != 0) {
		out_of_memory(report);
		return;
	}
	fprintf(report->out, ": <b>%zu slower, %zu faster</b> than the first, "
		"of %zu cases", c.verdicts[SLOWER], c.verdicts[FASTER],
		c.count);
	comparison_free(&c);
}

void page_legend(struct report *report)
{
	FILE *out = report->out;

	fputs("<ul>\n", out);
	for (size_t i = 0; i < report->count; i++) {
		const struct reading *r = &report->readings[i];
		fputs("<li>", out);
		write_key(out, i);
		fprintf(out, "<a href=\"#r%zu\">", i + 1);
		html(out, base_name(r->path));
		fputs("</a>: ", out);
		write_machine(out, r);
		fputs(", ", out);
		html_text(out, reading_text(r, "date"), 40);
		if (i > 0)
			write_verdict(report, i);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

void page_result_heading(struct report *report, size_t which)
{
	fprintf(report->out, "<h2 id=\"r%zu\">", which + 1);
	write_key(report->out, which);
	html(report->out, base_name(report->readings[which].path));
	fputs("</h2>\n<p>", report->out);
	write_finding(report->out, &report->readings[which]);
	fputs("</p>\n", report->out);
}

static void differing_field(void *argument, const char *field,
			    const char *was, const char *is)
{
	FILE *out = argument;

	fputs("<li>", out);
	html(out, field);
	fputs(": ", out);
	html(out, was);
	fputs(" → ", out);
	html(out, is);
	fputs("</li>\n", out);
}

static void write_difference(FILE *out, const struct difference *d)
{
	fputs("<tr><th scope=\"row\">", out);
	html(out, d->new->name);
	fputs("</th>", out);
	cell(out, d->old->bandwidth, d->old->median);
	cell(out, d->new->bandwidth, d->new->median);
	fprintf(out, "<td><b>%.2f</b></td><td>%.2f to %.2f</td><td>%s%.4f</td>"
		"<td class=\"%s\">%s</td></tr>\n", d->ratio, d->interval.low,
		d->interval.high, d->adjusted < 0.0001 ? "&lt;" : "",
		fmax(d->adjusted, 0.0001), d->verdict == SLOWER ? "slower"
		: d->verdict == FASTER ? "faster" : "none",
		verdict_names[d->verdict]);
}

void page_comparison(struct report *report, size_t which)
{
	static const char *const headings[] = {
		"case", "first", "this", "ratio", "95&#160;% interval", "p",
		"verdict", NULL,
	};
	const struct reading *old = &report->readings[0];
	const struct reading *new = &report->readings[which];
	struct comparison c;
	FILE *out = report->out;

	if (compare_readings(old, new, &c) != 0) {
		out_of_memory(report);
		return;
	}
	fputs("<h3>", out);
	write_key(out, which);
	html(out, base_name(new->path));
	fputs(" against ", out);
	write_key(out, 0);
	html(out, base_name(old->path));
	fprintf(out, "</h3>\n<p>Of %zu cases %zu are slower, %zu faster, %zu "
		"show no real difference", c.count, c.verdicts[SLOWER],
		c.verdicts[FASTER], c.verdicts[NO_DIFFERENCE]);
	if (c.verdicts[TOO_FEW])
		fprintf(out, ", and %zu have too few rounds for any verdict "
			"(%zu of each side are needed)", c.verdicts[TOO_FEW],
			c.rounds_needed);
	fputs(".</p>\n<ul>\n", out);
	if (!environments_differ(old, new, differing_field, out))
		fputs("<li>The environments are the same.</li>\n", out);
	fputs("</ul>\n", out);
	begin_table(out, "Ratios", "Ratio of medians, this run over the first; "
		    "p of Mann-Whitney over the rounds, after Holm's "
		    "correction for all cases.");
	write_headings(out, headings);
	for (size_t i = 0; i < c.count; i++)
		write_difference(out, &c.differences[i]);
	end_table(out);
	comparison_free(&c);
}

// ## The machine and the method

static void write_fact(FILE *out, const char *name, const char *text)
{
	if (!*text)
		return;
	fprintf(out, "<dt>%s</dt><dd>", name);
	html_text(out, text, LIST_TEXT);
	fputs("</dd>\n", out);
}

static double fact(const struct reading *r, const char *field)
{
	return json_number_value(json_object_get(r->environment, field));
}

static void write_environment(FILE *out, const struct reading *r)
{
	static const char *const texts[][2] = {
		{ "architecture", "Architecture" }, { "kernel", "Kernel" },
		{ "hypervisor", "Hypervisor" }, { "governor", "Governor" },
		{ "clock_source", "Clock source" },
		{ "thp", "Transparent huge pages" }, { "load", "Load before" },
		{ "compiler", "Compiler" }, { "flags", "Flags" },
		{ "mitigations", "Mitigations" }, { "date", "Date (UTC)" },
	};
	char text[200], memory[HUMAN_BYTES], page[HUMAN_BYTES];

	fputs("<dl class=\"facts\">\n", out);
	write_fact(out, "CPU", reading_text(r, "cpu_model"));
	snprintf(text, sizeof text, "%.0f CPUs online, %.0f cores, %.0f "
		 "sockets, %.0f threads a core", fact(r, "cpus_online"),
		 fact(r, "cores"), fact(r, "sockets"),
		 fact(r, "threads_per_core"));
	write_fact(out, "Topology", text);
	snprintf(text, sizeof text, "%s, pages of %s",
		 human_size(memory, (uint64_t)fact(r, "memory_bytes")),
		 human_size(page, (uint64_t)fact(r, "page_bytes")));
	write_fact(out, "Memory", text);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		write_fact(out, texts[i][1], reading_text(r, texts[i][0]));
	snprintf(text, sizeof text, "%.1f ns a reading, resolution %.0f ns",
		 fact(r, "clock_cost_ns"), fact(r, "clock_resolution_ns"));
	write_fact(out, "Clock", text);
	write_fact(out, "Pinned", json_is_true(json_object_get(
		r->environment, "pinned")) ? "each process to its CPU"
		: "no: the scheduler moved processes as it liked");
	fputs("</dl>\n", out);
}

void page_environment(struct report *report)
{
	fputs("<h2 id=\"machine\">The machine</h2>\n", report->out);
	for (size_t i = 0; i < report->count; i++) {
		if (report->count > 1) {
			fputs("<h3>", report->out);
			write_key(report->out, i);
			html(report->out, base_name(report->readings[i].path));
			fputs("</h3>\n", report->out);
		}
		write_environment(report->out, &report->readings[i]);
	}
}

void page_method(struct report *report)
{
	const struct reading *r = report->readings;
	FILE *out = report->out;
	size_t fewest = 0, most = 0;

	for (size_t i = 0; i < r->count; i++) {
		size_t rounds = r->cases[i].rounds;
		if (!rounds)
			continue;
		fewest = !fewest || rounds < fewest ? rounds : fewest;
		most = rounds > most ? rounds : most;
	}
	fputs("<h2 id=\"method\">How it was measured</h2>\n<ul>\n"
	      "<li>A round starts fresh processes. The same case can be fast "
	      "in one pair of processes and half as fast in the next, and "
	      "hardly varies within one; so the interval is over rounds.</li>\n"
	      "<li>All cases take turns, a round each, so that a machine that "
	      "slows down meanwhile slows all alike.</li>\n", out);
	fprintf(out, "<li>Here: %zu to %zu rounds a case, in %.0f s.</li>\n",
		fewest, most, json_number_value(json_object_get(r->json,
								"elapsed_s")));
	fprintf(out, "<li>A round's value is the median of the means of whole "
		"batches; within a batch the clock is not read. Single "
		"operations are stamped in a pass of their own: reading the "
		"clock costs %.1f ns, which is in each of them.</li>\n"
		"<li>The interval is a 95&#160;%% bootstrap interval of the "
		"median of the rounds. Outliers are shown, not dropped.</li>\n"
		"<li>Every payload is written and checked in an untimed pass "
		"first; what loses or mixes up bytes fails and is not timed."
		"</li>\n<li><em>Times the floor</em>: how many times dearer "
		"than the cheapest way two processes can do this here.</li>\n"
		"</ul>\n", fact(r, "clock_cost_ns"));
}

void page_end(struct report *report)
{
	FILE *out = report->out;

	fputs("<footer>Made by <code>bench report</code> of oslab "
	      OSLAB_VERSION " from ", out);
	for (size_t i = 0; i < report->count; i++) {
		fputs(i ? ", " : "", out);
		html(out, base_name(report->readings[i].path));
	}
	fputs(". Run one case again: <code>bench run CASE</code>.</footer>\n"
	      "</body>\n</html>\n", out);
}
