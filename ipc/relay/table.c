// # The report for people
//
// A table, as many of its columns as fit, a bar for each mechanism, and what
// was left out and why.

#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "relay.h"

enum { CELL_BYTES = 64 };

// ## The table

static void time_cell(char cell[CELL_BYTES], const struct row *row)
{
	char text[HUMAN_BYTES];

	snprintf(cell, CELL_BYTES, "%s",
		 human_duration(text, (double)row->carried.elapsed_ns));
}

// Three digits, and thousands apart from the rest.
static void number_cell(char cell[CELL_BYTES], double value)
{
	if (isnan(value))
		snprintf(cell, CELL_BYTES, "-");
	else if (value == 0)
		snprintf(cell, CELL_BYTES, "0");
	else if (value < 99.95)
		snprintf(cell, CELL_BYTES, "%.*f", value < 9.995 ? 2 : 1,
			 value);
	else if (value < 999.5)
		snprintf(cell, CELL_BYTES, "%.0f", value);
	else {
		long long whole = llround(value);
		int n = 0;
		for (long long unit = 1000000000; unit > 0; unit /= 1000)
			if (n)
				n += snprintf(cell + n, CELL_BYTES - n,
					      ",%03lld", whole / unit % 1000);
			else if (whole >= unit)
				n = snprintf(cell, CELL_BYTES, "%lld",
					     whole / unit);
	}
}

static void rate_cell(char cell[CELL_BYTES], const struct row *row)
{
	number_cell(cell, row->carried.bytes ? row_rate(row) / 1e6 : NAN);
}

static void calls_cell(char cell[CELL_BYTES], const struct row *row)
{
	number_cell(cell, row_calls(row));
}

static void switches_cell(char cell[CELL_BYTES], long switches)
{
	if (switches < 1000)
		snprintf(cell, CELL_BYTES, "%ld", switches);
	else
		number_cell(cell, (double)switches);
}

static void voluntary_cell(char cell[CELL_BYTES], const struct row *row)
{
	switches_cell(cell, row->carried.voluntary);
}

static void involuntary_cell(char cell[CELL_BYTES], const struct row *row)
{
	switches_cell(cell, row->carried.involuntary);
}

static void message_cell(char cell[CELL_BYTES], const struct row *row)
{
	char text[HUMAN_BYTES];

	snprintf(cell, CELL_BYTES, "%s", size_name(text, row->message_bytes));
}

static const struct column {
	const char *title;
	int width;
	int rank; // the highest leaves first
	void (*cell)(char cell[CELL_BYTES], const struct row *row);
} columns[] = {
	{ "time", 8, 0, time_cell },
	{ "MB/s", 7, 0, rate_cell },
	{ "calls/MiB", 10, 1, calls_cell },
	{ "voluntary", 10, 3, voluntary_cell },
	{ "involuntary", 12, 4, involuntary_cell },
	{ "message", 9, 2, message_cell },
};

enum { COLUMNS = sizeof columns / sizeof *columns, RANKS = 5 };

static int name_columns(const struct report *report)
{
	int longest = 9;

	for (size_t i = 0; i < report->count; i++) {
		int n = (int)strlen(report->rows[i].mechanism->name);
		longest = n > longest ? n : longest;
	}
	return longest;
}

// How many ranks fit.
static int ranks_for(const struct canvas *canvas, int names)
{
	int ranks = RANKS;

	for (; ranks > 1; ranks--) {
		int width = names;
		for (int i = 0; i < COLUMNS; i++)
			if (columns[i].rank < ranks)
				width += 1 + columns[i].width;
		if (width <= canvas->columns)
			break;
	}
	return ranks;
}

static void table(FILE *out, const struct report *report,
		  const struct canvas *canvas)
{
	char cell[CELL_BYTES];
	int names = name_columns(report), ranks = ranks_for(canvas, names);
	int hidden = 0;

	fprintf(out, "%-*s", names, "mechanism");
	for (int i = 0; i < COLUMNS; i++)
		if (columns[i].rank < ranks)
			fprintf(out, " %*s", columns[i].width,
				columns[i].title);
		else
			hidden++;
	putc('\n', out);
	for (size_t r = 0; r < report->count; r++) {
		const struct row *row = &report->rows[r];
		if (row->result != ROW_CARRIED)
			continue;
		fprintf(out, "%-*s", names, row->mechanism->name);
		for (int i = 0; i < COLUMNS; i++) {
			columns[i].cell(cell, row);
			if (columns[i].rank < ranks)
				fprintf(out, " %*s", columns[i].width, cell);
		}
		putc('\n', out);
	}
	if (hidden)
		print_wrapped(out, canvas, 0,
			      "(%d more columns in a wider terminal or with "
			      "--format=json)",
			      hidden);
}

// ## The bars

enum { FAR_APART = 50 };

static void bars(FILE *out, const struct report *report,
		 const struct canvas *canvas)
{
	static char notes[MOST_MECHANISMS][CELL_BYTES];
	struct bar rows[MOST_MECHANISMS];
	double slowest = INFINITY, fastest = 0;
	size_t n = 0;

	for (size_t i = 0; i < report->count; i++) {
		const struct row *row = &report->rows[i];
		double rate = row_rate(row) / 1e6;
		if (row->result != ROW_CARRIED || !(rate > 0))
			continue;
		number_cell(notes[n], rate);
		slowest = rate < slowest ? rate : slowest;
		fastest = rate > fastest ? rate : fastest;
		rows[n] = (struct bar){ row->mechanism->name, notes[n], rate };
		n++;
	}
	if (n == 0)
		return;
	bool logarithmic = fastest > FAR_APART * slowest;
	char *picture = draw_bars(canvas, rows, n, logarithmic);
	fprintf(out, "\nMB/s%s\n%s", logarithmic ? ", logarithmic" : "",
		picture ? picture : "");
	free(picture);
}

// ## What stands around them

static void heading(FILE *out, const struct report *report,
		    const struct canvas *canvas, const struct row *first)
{
	char amount[HUMAN_BYTES], where[64] = "", sum[33], name[256];

	if (report->cpus[0] == -1)
		snprintf(where, sizeof where, "two processes");
	else if (report->cpus[0] == report->cpus[1])
		snprintf(where, sizeof where, "two processes on CPU %d",
			 report->cpus[0]);
	else
		snprintf(where, sizeof where, "CPU %d to CPU %d",
			 report->cpus[SENDER], report->cpus[RECEIVER]);
	checksum_text(sum, first->carried.checksum);
	printable(name, sizeof name, report->source.name);
	print_wrapped(out, canvas, 0, "%s, %s, %s",
		      human_size(amount, first->carried.bytes), name, where);
	print_wrapped(out, canvas, 0, "XXH3-128 %s, sent and received", sum);
	putc('\n', out);
}

static void notes(FILE *out, const struct report *report,
		  const struct canvas *canvas)
{
	const struct counting *counting = &report->counting;

	putc('\n', out);
	if (input_changed(report))
		print_wrapped(
			out, canvas, 0,
			"The input changed while it was carried: not every row "
			"carried the same bytes.");
	print_wrapped(
		out, canvas, 0,
		"time: from the sender's first read to the receiver's checksum "
		"of the last byte. voluntary, involuntary: context switches of "
		"both.");
	if (counting->counter == COUNT_NOTHING)
		print_wrapped(out, canvas, 0, "calls/MiB: %s", counting->why);
	else
		print_wrapped(
			out, canvas, 0,
			"calls/MiB: system calls of both to send and receive a "
			"MiB in such messages, counted by %s in a pass of its "
			"own over at most %d messages%s.",
			counting->counter == COUNT_TRACEPOINT
				? "the tracepoint raw_syscalls:sys_enter"
				: "ptrace",
			COUNTED_MESSAGES,
			counting->counter == COUNT_TRACEPOINT
				? ""
				: " (which slows them: who waits by yielding "
				  "yields more often)");
}

// Says whether there are any.
static bool others(FILE *out, const struct report *report,
		   const struct canvas *canvas, bool gap, int result,
		   const char *title)
{
	bool titled = false;

	for (size_t i = 0; i < report->count; i++) {
		const struct row *row = &report->rows[i];
		if (row->result != (unsigned)result)
			continue;
		if (!titled)
			fprintf(out, "%s%s\n", gap ? "\n" : "", title);
		titled = true;
		print_wrapped(out, canvas, 2, "%s: %s", row->mechanism->name,
			      row->why);
	}
	return titled;
}

void table_print(FILE *out, const struct report *report,
		 const struct canvas *canvas)
{
	const struct row *first = NULL;

	for (size_t i = report->count; i-- > 0;)
		if (report->rows[i].result == ROW_CARRIED)
			first = &report->rows[i];
	if (first) {
		heading(out, report, canvas, first);
		table(out, report, canvas);
		bars(out, report, canvas);
	}
	bool gap = others(out, report, canvas, first, ROW_FAILED, "failed");
	others(out, report, canvas, first || gap, ROW_SKIPPED, "left out");
	if (first)
		notes(out, report, canvas);
}
