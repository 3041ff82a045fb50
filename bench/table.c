// # The result as text for people
//
// One section for each family and placement, its rows from cheap to dear (or
// fast to slow), as many columns as fit, and at the end one sentence to act on.

#define _GNU_SOURCE
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "draw.h"
#include "options.h"

enum { LEAST_NAME = 10, MOST_FOOTNOTES = 4 };

// The unit of a section: its values divided by `scale`.
struct unit {
	const char *name;
	double scale;
};

const char *significant(char cell[CELL_BYTES], double value)
{
	int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	if (isnan(value))
		snprintf(cell, CELL_BYTES, "-");
	else
		snprintf(cell, CELL_BYTES, "%.*f", digits, value);
	return cell;
}

struct layout {
	int width; // of the whole table
	int names; // columns of the first column
	int ranks; // how many of the others
};

void print_wrapped(FILE *out, const char *label, const char *text, int width,
		   int indent)
{
	int at = 0;
	while (*text) {
		int word = strcspn(text, " ");
		if (at && at + 1 + word > width)
			at = 0, putc('\n', out);
		if (at)
			at += fprintf(out, " %.*s", word, text);
		else
			at = fprintf(out, "%-*s%s%.*s", indent, label,
				     *label && (int)strlen(label) >= indent
					     ? " "
					     : "",
				     word, text);
		label = "";
		text += word + strspn(text + word, " ");
	}
	putc('\n', out);
}

static void wrap(FILE *out, const char *text, int width, int indent)
{
	print_wrapped(out, "", text, width, indent);
}

// --- the columns ---------------------------------------------------------------

struct column {
	const char *title;
	int width;
	int rank; // the highest rank leaves first
	void (*cell)(char cell[CELL_BYTES], const struct result *r,
		     const struct unit *unit, int number);
	int number;
};

static void median_cell(char cell[CELL_BYTES], const struct result *r,
			const struct unit *unit, int number)
{
	(void)number;
	size_t n = strlen(significant(cell, r->median / unit->scale));
	snprintf(cell + n, CELL_BYTES - n, "%s", r->unstable ? "~" : " ");
}

static void interval_cell(char cell[CELL_BYTES], const struct result *r,
			  const struct unit *unit, int number)
{
	char low[CELL_BYTES], high[CELL_BYTES];
	(void)number;
	snprintf(cell, CELL_BYTES, "%.20s - %.20s",
		 significant(low, r->interval.low / unit->scale),
		 significant(high, r->interval.high / unit->scale));
}

// Single operations are times, also where the value is a bandwidth.
static double time_scale(const struct unit *unit)
{
	return strcmp(unit->name, "GB/s") ? unit->scale : 1000;
}

static void percentile_cell(char cell[CELL_BYTES], const struct result *r,
			    const struct unit *unit, int number)
{
	significant(cell, r->percentile[number] / time_scale(unit));
}

static void max_cell(char cell[CELL_BYTES], const struct result *r,
		     const struct unit *unit, int number)
{
	(void)number;
	significant(cell,
		    (r->below_clock ? NAN : r->max_ns) / time_scale(unit));
}

static void rate_cell(char cell[CELL_BYTES], const struct result *r,
		      const struct unit *unit, int number)
{
	static const char prefixes[] = " kMG";
	double rate = r->c->subject->bandwidth ? r->median / r->c->bytes
					       : 1e9 / r->median;
	int prefix = 0;
	(void)unit, (void)number;
	for (; rate >= 999.5 && prefixes[prefix + 1]; prefix++)
		rate /= 1000;
	size_t n = strlen(significant(cell, rate));
	snprintf(cell + n, CELL_BYTES - n, "%c", prefixes[prefix]);
}

static void switches_cell(char cell[CELL_BYTES], const struct result *r,
			  const struct unit *unit, int number)
{
	(void)unit;
	snprintf(cell, CELL_BYTES, "%.2f",
		 (number ? r->involuntary : r->voluntary) / r->usage_ops);
}

static void cpu_cell(char cell[CELL_BYTES], const struct result *r,
		     const struct unit *unit, int number)
{
	double cpu = 0;
	int first = number ? 1 : 0;
	int last = number ? r->c->subject->workers - 1 : 0;
	for (int i = first; i <= last; i++)
		cpu += r->cpu_ns[i] / r->usage_ops / (last - first + 1);
	significant(cell, (number && last < 1 ? NAN : cpu) / time_scale(unit));
}

static void floor_cell(char cell[CELL_BYTES], const struct result *r,
		       const struct unit *unit, int number)
{
	(void)unit, (void)number;
	significant(cell, r->floor_ratio);
}

static const struct column columns[] = {
	{ "median", 9, 0, median_cell, 0 },
	{ "95 % interval", 15, 1, interval_cell, 0 },
	{ "x floor", 7, 2, floor_cell, 0 },
	{ "p50", 7, 4, percentile_cell, 0 },
	{ "p90", 7, 9, percentile_cell, 1 },
	{ "p99", 7, 3, percentile_cell, 2 },
	{ "p99.9", 7, 8, percentile_cell, 3 },
	{ "max", 7, 7, max_cell, 0 },
	{ "per s", 7, 10, rate_cell, 0 },
	{ "vol", 5, 5, switches_cell, 0 },
	{ "inv", 5, 6, switches_cell, 1 },
	{ "cpu 1st", 7, 11, cpu_cell, 0 },
	{ "rest", 7, 12, cpu_cell, 1 },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

// How many ranks fit beside names of that width.
static int ranks_that_fit(int width, int names)
{
	int used = names, rank = 0;
	for (; rank < COLUMNS; rank++)
		for (int i = 0; i < COLUMNS; i++) {
			if (columns[i].rank != rank)
				continue;
			used += 1 + columns[i].width;
			if (used > width)
				return rank ? rank : 1;
		}
	return rank;
}

// --- a section -----------------------------------------------------------------

static bool same_section(const struct result *a, const struct result *b)
{
	return a->c->family == b->c->family &&
	       a->c->placement == b->c->placement &&
	       a->c->subject->bandwidth == b->c->subject->bandwidth;
}

static int by_value(const void *a, const void *b)
{
	const struct result *x = *(const struct result *const *)a,
			    *y = *(const struct result *const *)b;
	double difference = x->median - y->median;
	if (x->c->bytes != y->c->bytes && x->c->subject == y->c->subject)
		return x->c->bytes < y->c->bytes ? -1 : 1;
	if (x->c->subject->bandwidth)
		difference = -difference;
	return (difference > 0) - (difference < 0);
}

static struct unit choose_unit(struct result *const *rows, size_t count)
{
	size_t large = 0;
	if (rows[0]->c->subject->bandwidth)
		return (struct unit){ "GB/s", 1e9 };
	for (size_t i = 0; i < count; i++)
		large += rows[i]->median >= 1000;
	return large * 2 > count ? (struct unit){ "us", 1000 }
				 : (struct unit){ "ns", 1 };
}

static void name_of(char name[CELL_BYTES], const struct result *r,
		    size_t usual_bytes)
{
	char size[HUMAN_BYTES];
	if (r->c->bytes == usual_bytes || (r->c->bytes == 0 && !usual_bytes))
		snprintf(name, CELL_BYTES, "%s", r->c->subject->name);
	else
		snprintf(name, CELL_BYTES, "%s %s", r->c->subject->name,
			 human_size(size, r->c->bytes));
}

// The size that most rows of a section have: it is told once, in the title.
static size_t usual_size(struct result *const *rows, size_t count)
{
	size_t best = 0, best_count = 0;
	for (size_t i = 0; i < count; i++) {
		size_t same = 0;
		for (size_t j = 0; j < count; j++)
			same += rows[j]->c->bytes == rows[i]->c->bytes;
		if (same > best_count ||
		    (same == best_count && rows[i]->c->bytes < best)) {
			best_count = same;
			best = rows[i]->c->bytes;
		}
	}
	return best_count > 1 ? best : 0;
}

static void title(FILE *out, struct result *const *rows, size_t usual,
		  const struct unit *unit, const struct layout *layout)
{
	const struct bench_case *c = rows[0]->c;
	char text[256], size[HUMAN_BYTES], where[48] = "";

	if (c->cpus[0] != -1 && c->cpus[0] == c->cpus[1])
		snprintf(where, sizeof where, " (CPU %d)", c->cpus[0]);
	else if (c->cpus[0] != -1)
		snprintf(where, sizeof where, " (CPU %d and %d)", c->cpus[0],
			 c->cpus[1]);
	snprintf(text, sizeof text, "%s: %s%s%s, %s%s, in %s%s",
		 c->family->name, c->family->title, usual ? ", " : "",
		 usual ? human_size(size, usual) : "", c->where, where,
		 unit->name,
		 strcmp(unit->name, "GB/s") ? "" : ", single messages in us");
	putc('\n', out);
	wrap(out, text, layout->width, 0);
}

static void row(FILE *out, const struct result *r, const char *name,
		const struct unit *unit, const struct layout *layout)
{
	char cell[CELL_BYTES];

	fprintf(out, "  %-*s", layout->names - 2, name);
	for (int i = 0; i < COLUMNS; i++) {
		if (columns[i].rank >= layout->ranks)
			continue;
		columns[i].cell(cell, r, unit, columns[i].number);
		fprintf(out, " %*s", columns[i].width, cell);
	}
	putc('\n', out);
}

// What is known of the rounds that disagree; where it is most of them, the
// machine is restless, and a few examples say so.
static void footnotes(FILE *out, struct result *const *rows, size_t count,
		      size_t usual, const struct layout *layout)
{
	char name[CELL_BYTES], line[512];
	size_t unstable = 0, told = 0;

	for (size_t r = 0; r < count; r++)
		unstable += rows[r]->unstable;
	for (size_t r = 0; r < count && told < MOST_FOOTNOTES; r++) {
		if (!rows[r]->unstable)
			continue;
		name_of(name, rows[r], usual);
		snprintf(line, sizeof line, "~ %s: %s", name,
			 rows[r]->why_unstable);
		wrap(out, line, layout->width, 2);
		told++;
	}
	if (told < unstable) {
		snprintf(line, sizeof line,
			 "~ and %zu more of %zu: this machine is restless, "
			 "--json tells why each",
			 unstable - told, count);
		wrap(out, line, layout->width, 2);
	}
}

static void section(FILE *out, struct result **rows, size_t count,
		    const struct layout *layout)
{
	char name[CELL_BYTES];

	qsort(rows, count, sizeof *rows, by_value);
	struct unit unit = choose_unit(rows, count);
	size_t usual = usual_size(rows, count);
	title(out, rows, usual, &unit, layout);
	fprintf(out, "%-*s", layout->names, "");
	for (int i = 0; i < COLUMNS; i++)
		if (columns[i].rank < layout->ranks)
			fprintf(out, " %*s", columns[i].width,
				columns[i].title);
	putc('\n', out);
	for (size_t r = 0; r < count; r++) {
		name_of(name, rows[r], usual);
		row(out, rows[r], name, &unit, layout);
	}
	footnotes(out, rows, count, usual, layout);
}

// --- around the sections ---------------------------------------------------------

static void machine(FILE *out, const struct run_facts *facts,
		    const struct layout *layout)
{
	const struct host *h = &facts->host;
	bool virtual = h->hypervisor[0] && strcmp(h->hypervisor, "none");
	char text[1024], cores[32] = "", cost[HUMAN_BYTES];

	if (h->cores)
		snprintf(cores, sizeof cores, " in %d cores", h->cores);
	snprintf(text, sizeof text, "%s, %d CPUs%s%s%s",
		 h->cpu_model[0] ? h->cpu_model : h->architecture,
		 h->cpus_online, cores,
		 virtual ? ", a virtual machine under " : "",
		 virtual ? h->hypervisor : "");
	wrap(out, text, layout->width, 0);
	snprintf(text, sizeof text, "Linux %s, clock %s, %s a look%s",
		 h->kernel, h->clock_source,
		 human_duration(cost, facts->clock_cost_ns),
		 facts->pinned ? "" : ", workers not pinned");
	wrap(out, text, layout->width, 0);
}

static void not_measured(FILE *out, const struct result *results, size_t count,
			 const struct layout *layout)
{
	char line[512];
	bool titled = false;
	for (size_t i = 0; i < count; i++) {
		const struct result *r = &results[i];
		const char *why =
			r->failure[0]       ? r->failure
			: r->c->excluded[0] ? r->c->excluded
			: !r->rounds ? "the run ended before its first round"
				     : NULL;
		if (!why)
			continue;
		if (!titled)
			fprintf(out, "\nnot measured\n");
		titled = true;
		snprintf(line, sizeof line, "%s: %s%s", r->c->name,
			 r->failure[0] ? "FAILED: " : "", why);
		wrap(out, line, layout->width, 2);
	}
}

static void explain(FILE *out, const struct layout *layout,
		    const struct run_facts *facts)
{
	char text[512];

	putc('\n', out);
	snprintf(text, sizeof text,
		 "median and interval: over rounds of fresh processes; p50 to "
		 "max: single operations, stamped in a pass of their own (the "
		 "clock's %.0f ns included); x floor: times the cheapest way "
		 "two processes can do this here (near 1: not told apart from "
		 "it; threads save the change of address space); ~ the rounds "
		 "disagree",
		 facts->clock_cost_ns);
	wrap(out, text, layout->width, 0);
	if (layout->ranks > 6)
		wrap(out,
		     "vol, inv: voluntary and involuntary context "
		     "switches an operation, of all workers (one that is "
		     "woken may preempt the one that woke it)",
		     layout->width, 0);
	if (layout->ranks > COLUMNS - 3)
		wrap(out,
		     "cpu 1st, rest: CPU time an operation of the worker "
		     "that is timed, and of the others on average",
		     layout->width, 0);
	if (layout->ranks < COLUMNS) {
		snprintf(
			text, sizeof text,
			"(%d more column%s in a wider terminal or with --json)",
			COLUMNS - layout->ranks,
			COLUMNS - layout->ranks == 1 ? "" : "s");
		wrap(out, text, layout->width, 0);
	}
}

static struct layout layout_for(const struct result *results, size_t count,
				int width)
{
	struct layout layout = { .width = width, .names = LEAST_NAME };
	char name[CELL_BYTES];

	for (size_t i = 0; i < count; i++) {
		name_of(name, &results[i], 0);
		int columns_of_name = 2 + strlen(name);
		if (results[i].rounds && columns_of_name > layout.names)
			layout.names = columns_of_name;
	}
	layout.ranks = ranks_that_fit(width, layout.names);
	return layout;
}

void table_print(FILE *out, const struct result *results, size_t count,
		 const struct run_facts *facts, int width)
{
	struct layout layout = layout_for(results, count, width);
	struct result **rows = calloc(count + 1, sizeof *rows);
	bool measured = false;
	char text[512];

	if (!rows)
		return;
	machine(out, facts, &layout);
	for (size_t first = 0; first < count; first++) {
		size_t n = 0;
		for (size_t i = 0; i < count; i++)
			if (same_section(&results[first], &results[i]) &&
			    results[i].rounds && !results[i].failure[0])
				rows[n++] = (struct result *)&results[i];
		measured = measured || n;
		if (n && rows[0] == &results[first])
			section(out, rows, n, &layout);
	}
	free(rows);
	not_measured(out, results, count, &layout);
	if (measured)
		explain(out, &layout, facts);
	snprintf(text, sizeof text,
		 facts->interrupted ? "interrupted after %.1f s: what was "
				      "measured so far"
				    : "measured in %.1f s",
		 facts->elapsed_s);
	wrap(out, text, width, 0);
	if (finding(text, sizeof text, "here", results, count)) {
		putc('\n', out);
		wrap(out, text, width, 0);
	}
}
