// # Tables: what became of each job, and of all together
//
//     job  arrival  CPU  response  turnaround  waiting  switches
//     A          0   30         0          50       20         2
//     B          5   10        15          35       25         1
//     mean                    7.5        42.5     22.5         3
//
//     times in ms; CPU busy 100 %; 40 jobs/s; fairness 0.44 of 1 (Jain)
//
// All times of a table have one unit and as many decimals as it takes to tell
// them exactly (the means: two), but at most three and never more than seven
// digits. A narrow canvas gets short titles and does without what the job file
// says anyway.

#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "digits.h"
#include "draw_pen.h"

enum { CELL_BYTES = DIGITS_BYTES };

enum column {
	NAME,
	ARRIVAL,
	CPU,
	RESPONSE,
	TURNAROUND,
	WAITING,
	SWITCHES,
	COLUMNS
};

// The lines of the table: its titles, its jobs, the means.
struct table {
	struct pen pen;
	const struct jobs *jobs;
	const struct history *history;
	struct summary summary;
	size_t rows;

	struct digits digits;
	int decimals, mean_decimals;

	bool narrow, shown[COLUMNS];
	int width[COLUMNS], gap;
};

static const char *const titles[][2] = {
	[NAME] = { "job", "job" },
	[ARRIVAL] = { "arrival", "arr." },
	[CPU] = { "CPU", "CPU" },
	[RESPONSE] = { "response", "resp." },
	[TURNAROUND] = { "turnaround", "turn." },
	[WAITING] = { "waiting", "wait" },
	[SWITCHES] = { "switches", "sw." },
};

// ## Digits

static void note_decimals(const struct table *t, double ns, int most,
			  int *decimals)
{
	int own = digits_decimals(&t->digits, ns, most);

	*decimals = own > *decimals ? own : *decimals;
}

static double largest_of(const struct table *t)
{
	double largest = t->summary.turnaround_ns;

	for (size_t i = 0; i < t->rows; i++) {
		const struct measure *m = &t->history->measures[i];
		largest = fmax(largest, (double)m->turnaround_ns);
		largest = fmax(largest, (double)m->arrival_ns);
		largest = fmax(largest, (double)m->ran_ns);
	}
	return largest;
}

static void find_decimals(struct table *t)
{
	enum { EXACT = 3, MEAN = 2 };

	for (size_t i = 0; i < t->rows; i++) {
		const struct measure *m = &t->history->measures[i];
		int *decimals = &t->decimals;
		note_decimals(t, (double)m->arrival_ns, EXACT, decimals);
		note_decimals(t, (double)m->ran_ns, EXACT, decimals);
		note_decimals(t, (double)m->response_ns, EXACT, decimals);
		note_decimals(t, (double)m->turnaround_ns, EXACT, decimals);
		note_decimals(t, (double)m->waiting_ns, EXACT, decimals);
	}
	t->mean_decimals = t->decimals;
	note_decimals(t, t->summary.response_ns, MEAN, &t->mean_decimals);
	note_decimals(t, t->summary.turnaround_ns, MEAN, &t->mean_decimals);
	note_decimals(t, t->summary.waiting_ns, MEAN, &t->mean_decimals);
}

// ## Cells

static void time_cell(const struct table *t, char cell[CELL_BYTES], int64_t ns)
{
	digits_text(&t->digits, cell, (double)ns, t->decimals);
}

static void mean_time_cell(const struct table *t, char cell[CELL_BYTES],
			   double ns)
{
	digits_text(&t->digits, cell, ns, t->mean_decimals);
}

static void job_cell(const struct table *t, enum column column, size_t job,
		     char cell[CELL_BYTES])
{
	const struct measure *m = &t->history->measures[job];
	char text[JOB_NAME_BYTES];

	switch (column) {
	case NAME:
		snprintf(cell, CELL_BYTES, "%s",
			 job_name(t->jobs, (int)job, text));
		break;
	case ARRIVAL:
		time_cell(t, cell, m->arrival_ns);
		break;
	case CPU:
		time_cell(t, cell, m->ran_ns);
		break;
	case RESPONSE:
		time_cell(t, cell, m->response_ns);
		break;
	case TURNAROUND:
		time_cell(t, cell, m->turnaround_ns);
		break;
	case WAITING:
		time_cell(t, cell, m->waiting_ns);
		break;
	case SWITCHES:
		snprintf(cell, CELL_BYTES, "%" PRIu32, m->switches);
		break;
	case COLUMNS:
		break;
	}
}

static void mean_cell(const struct table *t, enum column column,
		      char cell[CELL_BYTES])
{
	*cell = '\0';
	switch (column) {
	case NAME:
		snprintf(cell, CELL_BYTES, "mean");
		break;
	case RESPONSE:
		mean_time_cell(t, cell, t->summary.response_ns);
		break;
	case TURNAROUND:
		mean_time_cell(t, cell, t->summary.turnaround_ns);
		break;
	case WAITING:
		mean_time_cell(t, cell, t->summary.waiting_ns);
		break;
	case SWITCHES:
		snprintf(cell, CELL_BYTES, "%.3g",
			 (double)t->summary.switches /
				 (double)(t->history->jobs ? t->history->jobs
							   : 1));
		break;
	case ARRIVAL:
	case CPU:
	case COLUMNS:
		break;
	}
}

// ## Widths

static void widen(struct table *t, enum column column, const char *cell)
{
	int own = text_columns(cell);

	if (own > t->width[column])
		t->width[column] = own;
}

static int measure_widths(struct table *t)
{
	char cell[CELL_BYTES];
	int total = -t->gap;

	for (enum column c = NAME; c < COLUMNS; c++) {
		t->width[c] = 0;
		if (!t->shown[c])
			continue;
		widen(t, c, titles[c][t->narrow]);
		mean_cell(t, c, cell);
		widen(t, c, cell);
		for (size_t i = 0; i < t->rows; i++) {
			job_cell(t, c, i, cell);
			widen(t, c, cell);
		}
		total += t->width[c] + t->gap;
	}
	return total;
}

// First the titles shrink, then the columns go that the job file has, too, and
// what is still missing is taken from the names.
static void fit(struct table *t)
{
	int columns = t->pen.columns;

	for (enum column c = NAME; c < COLUMNS; c++)
		t->shown[c] = true;
	if (measure_widths(t) <= columns)
		return;
	t->shown[CPU] = t->shown[ARRIVAL] = false;
	if (measure_widths(t) <= columns)
		return;
	t->narrow = true;
	if (measure_widths(t) <= columns)
		return;
	t->gap = 1;
	int over = measure_widths(t) - columns;
	if (over > 0)
		t->width[NAME] -= over;
	if (t->width[NAME] < 1)
		t->width[NAME] = 1;
}

// ## Lines

static void draw_cell(struct table *t, enum column c, const char *cell)
{
	if (c != NAME)
		pen_repeat(&t->pen, " ", t->gap);
	pen_text(&t->pen, cell, t->width[c], c == NAME ? PEN_LEFT : PEN_RIGHT);
}

static void draw_lines(struct table *t)
{
	char cell[CELL_BYTES];

	pen_colour(&t->pen, PEN_FAINT);
	for (enum column c = NAME; c < COLUMNS; c++)
		if (t->shown[c])
			draw_cell(t, c, titles[c][t->narrow]);
	pen_colour(&t->pen, NULL);
	pen_newline(&t->pen);
	for (size_t i = 0; i < t->rows; i++) {
		for (enum column c = NAME; c < COLUMNS; c++) {
			job_cell(t, c, i, cell);
			if (t->shown[c])
				draw_cell(t, c, cell);
		}
		pen_newline(&t->pen);
	}
	for (enum column c = NAME; c < COLUMNS; c++) {
		mean_cell(t, c, cell);
		if (t->shown[c])
			draw_cell(t, c, cell);
	}
	pen_newline(&t->pen);
}

// Phrases, as many a line as fit.
static void phrase(struct table *t, int *column, const char *text)
{
	int own = text_columns(text);

	if (*column > 0 && *column + 2 + own >= t->pen.columns) {
		pen_write(&t->pen, ";");
		pen_newline(&t->pen);
		*column = 0;
	}
	if (*column > 0)
		pen_write(&t->pen, "; ");
	*column += (*column > 0 ? 2 : 0) + own;
	pen_text(&t->pen, text, own < t->pen.columns ? own : t->pen.columns,
		 PEN_LEFT);
}

static void count_deadlines(const struct table *t, size_t *with, size_t *late)
{
	*with = *late = 0;
	for (size_t i = 0; i < t->jobs->count; i++) {
		const struct measure *m = &t->history->measures[i];
		int64_t deadline_ns = t->jobs->tasks[i].deadline_ns;
		if (deadline_ns == NEVER)
			continue;
		++*with;
		*late += !m->done ||
			 m->turnaround_ns > deadline_ns - m->arrival_ns;
	}
}

static size_t unfinished(const struct history *history)
{
	size_t n = 0;

	for (size_t i = 0; i < history->jobs; i++)
		n += !history->measures[i].done;
	return n;
}

static void draw_summary(struct table *t)
{
	const struct history *h = t->history;
	const struct summary *s = &t->summary;
	char text[160], value[CELL_BYTES], cpus[32] = "CPU";
	size_t deadlines, late, left = unfinished(h);
	int column = 0;

	snprintf(text, sizeof text, "times in %s", t->digits.unit);
	phrase(t, &column, text);
	if (h->cpus > 1)
		snprintf(cpus, sizeof cpus, "%d CPUs", h->cpus);
	digits_three(value, s->utilisation * 100);
	snprintf(text, sizeof text, "%s busy %s %%", cpus, value);
	phrase(t, &column, text);
	digits_three(value, s->throughput);
	snprintf(text, sizeof text, "%s jobs/s", value);
	phrase(t, &column, text);
	snprintf(text, sizeof text, "fairness %.2f (Jain)", s->fairness);
	phrase(t, &column, text);
	snprintf(text, sizeof text, "%" PRIu64 " switches", s->switches);
	phrase(t, &column, text);
	if (h->switching_ns > 0) {
		digits_three(value,
			     (double)h->switching_ns * 100 /
				     ((double)h->cpus *
				      (double)(h->end_ns ? h->end_ns : 1)));
		snprintf(text, sizeof text, "%s %% of the time in switches",
			 value);
		phrase(t, &column, text);
	}
	count_deadlines(t, &deadlines, &late);
	if (deadlines > 0) {
		snprintf(text, sizeof text, "%zu of %zu deadlines missed", late,
			 deadlines);
		phrase(t, &column, text);
	}
	if (left > 0) {
		snprintf(text, sizeof text, "%zu not finished", left);
		phrase(t, &column, text);
	}
	pen_newline(&t->pen);
}

char *chart_table(const struct canvas *canvas, const struct jobs *jobs,
		  const struct history *history, size_t rows)
{
	struct table t = {
		.pen = pen_begin(canvas),
		.jobs = jobs,
		.history = history,
		.summary = history_summary(history),
		.rows = rows < history->jobs ? rows : history->jobs,
		.gap = 2,
	};
	char text[64];

	t.digits = digits_for(largest_of(&t));
	find_decimals(&t);
	fit(&t);
	draw_lines(&t);
	if (t.rows < history->jobs && t.rows > 0) {
		snprintf(text, sizeof text, "(and %zu jobs more)",
			 history->jobs - t.rows);
		pen_text(&t.pen, text, t.pen.columns, PEN_LEFT);
		pen_newline(&t.pen);
	}
	pen_newline(&t.pen);
	draw_summary(&t);
	return pen_end(&t.pen);
}
