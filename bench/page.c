// # The words of the report
//
// The first paragraph and the tiles are for whoever has ten seconds; the machine
// and the method for whoever wants to believe them. The tables are in values.c.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "report.h"
#include "utf8.h"

enum { LONG_TEXT = 300, LIST_TEXT = 4096, FEW_ROUNDS = 6 };

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

	snprintf(text, VALUE_BYTES, "%.*f %s",
		 scaled >= 99.95   ? 0
		 : scaled >= 9.995 ? 1
				   : 2,
		 scaled, unit->name);
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

void html_line(FILE *out, const char *text)
{
	html_text(out, text, LONG_TEXT);
}

void html_key(FILE *out, size_t which)
{
	fprintf(out,
		"<span class=\"key\" style=\"background:var(--ink%zu)\">"
		"</span>",
		INK_SERIES + which);
}

const char *result_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
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

static const char *placement_phrase(const char *placement)
{
	const struct words *words = look_up(placements, placement);
	return words ? words->detail : placement;
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
					const char *size, const char *placement)
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

void page_finding(FILE *out, const struct reading *r)
{
	const char *size = spoken_size(r);
	char name[HUMAN_BYTES];
	bool begun = false;

	for (const struct words *p = placements; p->name; p++) {
		const struct measured *fast =
			*size ? best(r, "ipc", "", size, p->name) : NULL;
		const struct measured *pipe = pipe_case(r, size, p->name);
		if (!fast)
			continue;
		if (!begun && fast->bytes >= 0)
			fprintf(out,
				"Sending %s to another process and "
				"getting an answer takes ",
				human_size(name, (uint64_t)fast->bytes));
		else
			fputs(begun ? "; " : "A round trip takes ", out);
		begun = true;
		fputs("<b>", out);
		html_value(out, false, fast->median);
		fprintf(out, "</b> %s at best (", p->detail);
		html_line(out, fast->what);
		fputs(json_is_true(json_object_get(fast->json, "spins"))
			      ? ", which keeps the CPU busy while it waits)"
			      : ")",
		      out);
		if (!pipe || pipe == fast)
			continue;
		fputs(", <b>", out);
		html_value(out, false, pipe->median);
		fputs("</b> through a pipe", out);
		if (pipe->interval.low > fast->interval.high)
			fprintf(out, ", %.*f times as long",
				pipe->median / fast->median < 9.95 ? 1 : 0,
				pipe->median / fast->median);
		else
			fputs(", not surely longer", out);
	}
	if (begun)
		fputs(".", out);
	else
		fprintf(out, "%zu cases were measured.", r->count);
}

// "Linux 6.18.0": of the kernel's release and version the first word.
void page_machine(FILE *out, const struct reading *r)
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

struct rounds {
	size_t fewest, most;
};

static struct rounds count_rounds(const struct reading *r)
{
	struct rounds rounds = { 0, 0 };

	for (size_t i = 0; i < r->count; i++) {
		size_t n = r->cases[i].rounds;
		if (n && (!rounds.fewest || n < rounds.fewest))
			rounds.fewest = n;
		rounds.most = n > rounds.most ? n : rounds.most;
	}
	return rounds;
}

void page_begin(struct report *report)
{
	const struct reading *r = report->readings;
	FILE *out = report->out;

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
	      "content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"generator\" content=\"oslab bench\"/>\n<title>"
	      "Context switches and IPC on ",
	      out);
	html_text(out, reading_text(r, "cpu_model"), 80);
	fprintf(out,
		"</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n"
		"<h1>What context switches and IPC cost %s</h1>\n",
		page_style, report->count > 1 ? "in several runs" : "here");
	if (report->count > 1)
		return;
	fputs("<p class=\"lead\">", out);
	page_machine(out, r);
	fputs(". ", out);
	page_finding(out, r);
	fputs("</p>\n", out);
	if (json_is_true(json_object_get(r->json, "interrupted")))
		fputs("<p class=\"warn\">The run was interrupted: cases may be "
		      "missing or have few rounds.</p>\n",
		      out);
	else if (count_rounds(r).most > 0 && count_rounds(r).most < FEW_ROUNDS)
		fputs("<p class=\"warn\">A short look: with so few rounds the "
		      "intervals are wide, and the order of neighbours may be "
		      "chance.</p>\n",
		      out);
}

static void write_tile(FILE *out, const char *title, const struct measured *c)
{
	if (!c)
		return;
	fputs("<div><dt>", out);
	html_line(out, title);
	fputs("</dt><dd class=\"big\">", out);
	html_value(out, c->bandwidth, c->median);
	fputs("</dd><dd><code>", out);
	html_line(out, c->name);
	fputs("</code></dd></div>\n", out);
}

void page_tiles(struct report *report, const struct reading *r)
{
	const char *size = spoken_size(r);
	FILE *out = report->out;
	char title[120], bytes[HUMAN_BYTES] = "";

	fputs("<dl class=\"tiles\">\n", out);
	write_tile(out, "A system call", best(r, "floor", "syscall", "", NULL));
	write_tile(out, "Copying in memory",
		   best(r, "floor", "memcpy", "", NULL));
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
	const struct measured *fastest = best(r, "bandwidth", "", "", NULL);
	if (fastest)
		snprintf(title, sizeof title, "Fastest stream of bytes, %.80s",
			 placement_phrase(fastest->placement));
	write_tile(out, title, fastest);
	fputs("</dl>\n", out);
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
	snprintf(text, sizeof text,
		 "%.0f CPUs online, %.0f cores, %.0f "
		 "sockets, %.0f threads a core",
		 fact(r, "cpus_online"), fact(r, "cores"), fact(r, "sockets"),
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
	write_fact(out, "Pinned",
		   json_is_true(json_object_get(r->environment, "pinned"))
			   ? "each process to its CPU"
			   : "no: the scheduler moved processes as it liked");
	fputs("</dl>\n", out);
}

void page_environment(struct report *report)
{
	fputs("<h2 id=\"machine\">The machine</h2>\n", report->out);
	for (size_t i = 0; i < report->count; i++) {
		if (report->count > 1) {
			fputs("<h3>", report->out);
			html_key(report->out, i);
			html_line(report->out,
				  result_name(report->readings[i].path));
			fputs("</h3>\n", report->out);
		}
		write_environment(report->out, &report->readings[i]);
	}
}

// How many rounds the cases of a result had, and how long that took.
static void write_rounds(FILE *out, const struct reading *r)
{
	struct rounds rounds = count_rounds(r);

	fprintf(out, "%zu", rounds.fewest);
	if (rounds.most != rounds.fewest)
		fprintf(out, " to %zu", rounds.most);
	fprintf(out,
		" rounds a case, in %.0f s; reading the clock cost %.1f ns",
		json_number_value(json_object_get(r->json, "elapsed_s")),
		fact(r, "clock_cost_ns"));
}

void page_method(struct report *report)
{
	FILE *out = report->out;

	fputs("<h2 id=\"method\">How it was measured</h2>\n<ul>\n"
	      "<li>A round starts fresh processes. The same case can be fast "
	      "in one pair of processes and half as fast in the next, and "
	      "hardly varies within one; so the interval is over rounds.</li>\n"
	      "<li>All cases take turns, a round each, so that a machine that "
	      "slows down meanwhile slows all alike.</li>\n",
	      out);
	for (size_t i = 0; i < report->count; i++) {
		fputs("<li>", out);
		html_line(out, report->count > 1
				       ? result_name(report->readings[i].path)
				       : "Here");
		fputs(": ", out);
		write_rounds(out, &report->readings[i]);
		fputs(".</li>\n", out);
	}
	fputs("<li>A round's value is the median of the means of whole "
	      "batches; within a batch the clock is not read. Single "
	      "operations are stamped in a pass of their own: the cost of the "
	      "clock is in each of them.</li>\n"
	      "<li>The interval is a 95&#160;% bootstrap interval of the "
	      "median of the rounds. Outliers are shown, not dropped.</li>\n"
	      "<li>Every payload is written and checked in an untimed pass "
	      "first; what loses or mixes up bytes fails and is not timed."
	      "</li>\n<li><em>Times the floor</em>: how many times dearer "
	      "than the cheapest way two processes can do this here.</li>\n"
	      "</ul>\n",
	      out);
}

void page_end(struct report *report)
{
	FILE *out = report->out;

	fputs("<footer>Made by <code>bench report</code> of "
	      "oslab " OSLAB_VERSION " from ",
	      out);
	for (size_t i = 0; i < report->count; i++) {
		fputs(i ? ", " : "", out);
		html_line(out, result_name(report->readings[i].path));
	}
	fputs(". Run one case again: <code>bench run CASE</code>.</footer>\n"
	      "</body>\n</html>\n",
	      out);
}
