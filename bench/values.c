// # The tables of the report, and what to doubt
//
// The tables hold every value that was reported, for whoever wants to check.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "report.h"

// ## Tables

static void begin_table(FILE *out, const char *label, const char *caption)
{
	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
	      "aria-label=\"",
	      out);
	html_line(out, label);
	fputs("\">\n<table>\n<caption>", out);
	html_line(out, caption);
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
	fprintf(out, "<td>%.*f%s%s/s</td>",
		rate >= 99.95   ? 0
		: rate >= 9.995 ? 1
				: 2,
		rate, "\xc2\xa0", units[unit]);
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
	html_line(out, c->name);
	fputs("</th><td><b>", out);
	html_value(out, c->bandwidth, c->median);
	fputs("</b></td><td>", out);
	html_value(out, c->bandwidth, c->interval.low);
	fputs(" to ", out);
	html_value(out, c->bandwidth, c->interval.high);
	if (c->stable)
		fprintf(out, "</td><td>%zu</td>", c->rounds);
	else
		fprintf(out,
			"</td><td>%zu <a class=\"flag\" href=\"#%s-"
			"unstable\">unstable</a></td>",
			c->rounds, prefix);
	for (int i = 0; i < READ_PERCENTILES; i++)
		cell(out, false, c->percentile[i]);
	if (c->bandwidth)
		fputs("<td>–</td>", out);
	else
		write_rate(out,
			   json_number_value(json_object_get(c->json, "rate")));
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
	cell(out, false,
	     json_is_number(steal) ? json_number_value(steal) : NAN);
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
			snprintf(caption, sizeof caption,
				 "%s. A value is %s; "
				 "p50 to max, switches and CPU time are of "
				 "single operations.",
				 family_title(family), family_value(family));
			begin_table(report->out, family_title(family), caption);
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

	fprintf(report->out,
		"<h2 id=\"%s-values\">All values</h2>\n"
		"<p class=\"note\">Mean cost (median, interval) comes from "
		"whole batches; p50 to max from a separate pass that looks at "
		"the clock after each operation. – where the operation is lost "
		"in the cost of the clock, or fewer than ten samples lie "
		"beyond a percentile.</p>\n",
		anchor(prefix, which));
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
		const char *why = c->skipped        ? c->skipped
				  : c->failed       ? c->failed
				  : c->why_unstable ? c->why_unstable
						    : "";
		fputs("<li><code>", out);
		html_line(out, c->name);
		fputs(*why ? "</code>: " : "</code>", out);
		html_line(out, why);
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
		       "timed.",
		       is_failed);
	write_troubles(report->out, r, "Unstable",
		       "The rounds of these disagree: the next run may give "
		       "another median. What is known of the reason:",
		       is_unstable);
	write_troubles(report->out, r, "Skipped",
		       "These could not be measured here.", is_skipped);
}

// ## Several results

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
	fprintf(report->out,
		": <b>%zu slower, %zu faster</b> than the first, "
		"of %zu cases",
		c.verdicts[SLOWER], c.verdicts[FASTER], c.count);
	comparison_free(&c);
}

void page_legend(struct report *report)
{
	FILE *out = report->out;

	fputs("<ul>\n", out);
	for (size_t i = 0; i < report->count; i++) {
		const struct reading *r = &report->readings[i];
		fputs("<li>", out);
		html_key(out, i);
		fprintf(out, "<a href=\"#r%zu\">", i + 1);
		html_line(out, result_name(r->path));
		fputs("</a>: ", out);
		page_machine(out, r);
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
	html_key(report->out, which);
	html_line(report->out, result_name(report->readings[which].path));
	fputs("</h2>\n<p>", report->out);
	page_finding(report->out, &report->readings[which]);
	fputs("</p>\n", report->out);
}

static void differing_field(void *argument, const char *field, const char *was,
			    const char *is)
{
	FILE *out = argument;

	fputs("<li>", out);
	html_line(out, field);
	fputs(": ", out);
	html_line(out, was);
	fputs(" → ", out);
	html_line(out, is);
	fputs("</li>\n", out);
}

static void write_difference(FILE *out, const struct difference *d)
{
	fputs("<tr><th scope=\"row\">", out);
	html_line(out, d->new->name);
	fputs("</th>", out);
	cell(out, d->old->bandwidth, d->old->median);
	cell(out, d->new->bandwidth, d->new->median);
	fprintf(out,
		"<td><b>%.2f</b></td><td>%.2f to %.2f</td><td>%s%.4f</td>"
		"<td class=\"%s\">%s</td></tr>\n",
		d->ratio, d->interval.low, d->interval.high,
		d->adjusted < 0.0001 ? "&lt;" : "", fmax(d->adjusted, 0.0001),
		d->verdict == SLOWER   ? "slower"
		: d->verdict == FASTER ? "faster"
				       : "none",
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
	html_key(out, which);
	html_line(out, result_name(new->path));
	fputs(" against ", out);
	html_key(out, 0);
	html_line(out, result_name(old->path));
	fprintf(out,
		"</h3>\n<p>Of %zu cases %zu are slower, %zu faster, %zu "
		"show no real difference",
		c.count, c.verdicts[SLOWER], c.verdicts[FASTER],
		c.verdicts[NO_DIFFERENCE]);
	if (c.verdicts[TOO_FEW])
		fprintf(out,
			", and %zu have too few rounds for any verdict "
			"(%zu of each side are needed)",
			c.verdicts[TOO_FEW], c.rounds_needed);
	fputs(".</p>\n<ul>\n", out);
	if (!environments_differ(old, new, differing_field, out))
		fputs("<li>The environments are the same.</li>\n", out);
	fputs("</ul>\n", out);
	begin_table(out, "Ratios",
		    "Ratio of medians, this run over the first; "
		    "p of Mann-Whitney over the rounds, after Holm's "
		    "correction for all cases.");
	write_headings(out, headings);
	for (size_t i = 0; i < c.count; i++)
		write_difference(out, &c.differences[i]);
	end_table(out);
	comparison_free(&c);
}
