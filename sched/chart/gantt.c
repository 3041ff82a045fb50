// # Gantt charts: a row a job, time runs to the right
//
//     rr · round robin, quantum 10 ms
//     A  ████|··············████|·······████]
//     B   ···████|··············████]
//     C      ······████>~~~~~~~·····████]
//        ┬─────────┬─────────┬─────────┬─────
//        0 ms      20        40        60
//     █ runs  · ready  ~ waits (I/O)  | quantum over  > left to wait  ] done
//
// What may a picture of 60 columns say about 10,000 slices? A slice at least a
// column long is drawn as such, its borders rounded to the nearest column, and
// when it is two columns or more its last one tells how it ended. Where slices
// are shorter, no column belongs to one job any more: such a column shows of
// each job how much of the column it ran, so the shares of all rows add up to
// at most the number of CPUs, and nobody seems to run who did not.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "draw_pen.h"
#include "scale.h"
#include "stretches.h"

#define READY_COLOUR PEN_FAINT
#define WAITS_COLOUR "\033[35m"

static const char *cpu_colour(int cpu)
{
	static const char *const hues[] = { PEN_BAR, "\033[32m" };
	return hues[cpu & 1];
}

// What can stand in a chart; what did, the legend explains.
enum sign {
	ABSENT,
	RUN,
	PART,
	IS_READY,
	IS_WAITING,
	END, // + enum slice_end
	SIGNS = END + SLICE_EXPIRED + 1
};

struct picture {
	struct pen pen;
	struct scale scale;
	int label; // columns, with the gap
	int cpus;  // the most of all histories
	bool used[SIGNS];
	const char *colour; // that of the sign before, or NULL
	bool inverse;
	bool *mixed;        // a column: some slice is too short for it
	struct cell *cells; // a row
};

struct cell {
	double share[WAITS + 1]; // of the column, by state
	double longest;          // the longest run in it ...
	int cpu;                 // ... and where that was
	bool owned;              // a run that covers its middle
	char mark;               // how that ended, or 0
	enum slice_end end;
};

static const char marks[] = {
	[SLICE_FINISHED] = ']',
	[SLICE_BLOCKED] = '>',
	[SLICE_PREEMPTED] = '!',
	[SLICE_EXPIRED] = '|',
};

// One character for each of the first 62 CPUs.
static char cpu_digit(int cpu)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return cpu >= 0 && cpu < (int)sizeof digits - 1 ? digits[cpu] : '*';
}

// ## From times to columns

static bool is_short(const struct scale *scale, const struct stretch *s)
{
	return ((wide)s->end_ns - s->begin_ns) * scale->columns <
	       scale->length_ns;
}

struct range {
	int from, to; // columns: from <= c < to
};

// The columns that a stretch touches.
static struct range touched(const struct scale *scale, const struct stretch *s)
{
	double from = scale_place(scale, s->begin_ns);
	double to = scale_place(scale, s->end_ns);
	struct range range = { (int)from, (int)to + (to > (int)to) };

	if (range.from < 0)
		range.from = 0;
	if (range.to > scale->columns)
		range.to = scale->columns;
	return range;
}

static void find_mixed(struct picture *picture,
		       const struct stretches *stretches, size_t n)
{
	memset(picture->mixed, 0, (size_t)picture->scale.columns);
	for (size_t i = 0; i < n; i++) {
		const struct stretch *s = &stretches->stretch[i];
		if (s->state != RUNS || !is_short(&picture->scale, s))
			continue;
		struct range range = touched(&picture->scale, s);
		for (int c = range.from; c < range.to; c++)
			picture->mixed[c] = true;
	}
}

static void share_out(struct picture *picture, const struct stretch *s)
{
	struct range range = touched(&picture->scale, s);
	double begin = scale_place(&picture->scale, s->begin_ns);
	double end = scale_place(&picture->scale, s->end_ns);

	for (int c = range.from; c < range.to; c++) {
		struct cell *cell = &picture->cells[c];
		double share = (end < c + 1 ? end : c + 1) -
			       (begin > c ? begin : c);
		cell->share[s->state] += share;
		if (s->state == RUNS && share > cell->longest) {
			cell->longest = share;
			cell->cpu = s->cpu;
		}
	}
}

static void own(struct picture *picture, const struct stretch *s)
{
	int from = scale_border(&picture->scale, s->begin_ns);
	int to = scale_border(&picture->scale, s->end_ns);

	for (int c = from; c < to; c++) {
		picture->cells[c].owned = true;
		picture->cells[c].cpu = s->cpu;
	}
	if (to - from >= 2 && !picture->mixed[to - 1]) {
		picture->cells[to - 1].mark = marks[s->end];
		picture->cells[to - 1].end = s->end;
	}
}

// ## From columns to signs

// A colour is named where it changes only.
static void change_colour(struct picture *picture, const char *colour,
			  bool inverse)
{
	if (colour == picture->colour && inverse == picture->inverse)
		return;
	if (picture->colour)
		pen_colour(&picture->pen, NULL);
	if (colour && inverse)
		pen_colour(&picture->pen, "\033[7m");
	if (colour)
		pen_colour(&picture->pen, colour);
	picture->colour = colour;
	picture->inverse = inverse;
}

static void draw_sign(struct picture *picture, enum sign sign,
		      const char *colour, const char *glyph)
{
	bool letter = glyph[1] == '\0' && (sign == RUN || sign >= END);

	picture->used[sign] = true;
	change_colour(picture, colour, letter);
	pen_write(&picture->pen, glyph);
}

// A bar of one CPU is a block; of several, its digit, inverse where there is
// colour, as the marks of an end are: so a bar stays a bar.
static void draw_whole(struct picture *picture, const struct cell *cell)
{
	const char text[] = { cpu_digit(cell->cpu), '\0' };

	draw_sign(picture, RUN, cpu_colour(cell->cpu),
		  picture->cpus > 1 ? text
				    : pen_glyph(&picture->pen, "█", "#"));
}

static void draw_end(struct picture *picture, const struct cell *cell)
{
	const char text[] = { cell->mark, '\0' };

	draw_sign(picture, END + cell->end, cpu_colour(cell->cpu), text);
}

static void draw_part(struct picture *picture, const struct cell *cell)
{
	static const char *const eighths[] = {
		"▁", "▂", "▃", "▄", "▅", "▆", "▇"
	};
	double share = cell->share[RUNS];
	int eighth = (int)(share * 8 + 0.5);

	eighth = eighth < 1 ? 1 : eighth > 7 ? 7 : eighth;
	draw_sign(picture, PART, cpu_colour(cell->cpu),
		  pen_glyph(&picture->pen, eighths[eighth - 1],
			    share < 0.5 ? "-" : "="));
}

static void draw_rest(struct picture *picture, const struct cell *cell)
{
	double ready = cell->share[READY], waits = cell->share[WAITS];
	double absent = 1 - cell->share[RUNS] - ready - waits;

	if (ready > 0 && ready >= waits && ready >= absent)
		draw_sign(picture, IS_READY, READY_COLOUR,
			  pen_glyph(&picture->pen, "·", "."));
	else if (waits > 0 && waits >= absent)
		draw_sign(picture, IS_WAITING, WAITS_COLOUR, "~");
	else
		draw_sign(picture, ABSENT, NULL, " ");
}

static void draw_cells(struct picture *picture)
{
	static const double nearly_all = 1 - 1e-9, next_to_nothing = 1e-9;

	for (int c = 0; c < picture->scale.columns; c++) {
		const struct cell *cell = &picture->cells[c];
		double ran = cell->share[RUNS];
		bool mixed = picture->mixed[c];
		if (cell->mark)
			draw_end(picture, cell);
		else if (mixed ? ran > nearly_all : cell->owned)
			draw_whole(picture, cell);
		else if (mixed && ran > next_to_nothing)
			draw_part(picture, cell);
		else
			draw_rest(picture, cell);
	}
	change_colour(picture, NULL, false);
}

static void draw_row(struct picture *picture, const char *name,
		     const struct stretch *stretch, size_t n)
{
	memset(picture->cells, 0,
	       (size_t)picture->scale.columns * sizeof *picture->cells);
	for (size_t i = 0; i < n; i++) {
		share_out(picture, &stretch[i]);
		if (stretch[i].state == RUNS &&
		    !is_short(&picture->scale, &stretch[i]))
			own(picture, &stretch[i]);
	}
	pen_text(&picture->pen, name, picture->label - 2, PEN_LEFT);
	pen_write(&picture->pen, "  ");
	draw_cells(picture);
	pen_newline(&picture->pen);
}

// ## The axis
//
// Each number begins below its tick; the first one has the unit.

static void draw_ticks(struct picture *picture, int64_t first_ns, int64_t step)
{
	struct pen *pen = &picture->pen;
	int columns = picture->scale.columns, column = 0;

	pen_repeat(pen, " ", picture->label);
	pen_colour(pen, PEN_FAINT);
	for (wide t = first_ns; column < columns; t += step) {
		int tick = t > NEVER
				   ? columns
				   : scale_border(&picture->scale, (int64_t)t);
		if (tick >= columns)
			break;
		pen_repeat(pen, pen_glyph(pen, "─", "-"), tick - column);
		pen_write(pen, pen_glyph(pen, "┬", "+"));
		column = tick + 1;
	}
	pen_repeat(pen, pen_glyph(pen, "─", "-"), columns - column);
	pen_colour(pen, NULL);
	pen_newline(pen);
}

static void draw_numbers(struct picture *picture, int64_t first_ns,
			 int64_t step)
{
	struct time_unit unit = scale_unit(&picture->scale);
	int columns = picture->scale.columns, column = 0;
	char number[64];

	pen_repeat(&picture->pen, " ", picture->label);
	for (wide t = first_ns; t <= NEVER; t += step) {
		int tick = scale_border(&picture->scale, (int64_t)t);
		int n = snprintf(number, sizeof number, "%.12g%s%s",
				 (double)t / (double)unit.ns,
				 column == 0 ? " " : "",
				 column == 0 ? unit.name : "");
		if (tick + n > columns)
			break;
		if (column > 0 && tick < column)
			continue;
		pen_repeat(&picture->pen, " ", tick - column);
		pen_write(&picture->pen, number);
		pen_write(&picture->pen, " ");
		column = tick + n + 1;
	}
	pen_newline(&picture->pen);
}

static void draw_axis(struct picture *picture)
{
	enum { APART = 8 };
	int64_t first_ns;
	int64_t step = scale_step(&picture->scale, APART, &first_ns);

	draw_ticks(picture, first_ns, step);
	draw_numbers(picture, first_ns, step);
}

// ## The legend: of the signs that were drawn, as many a line as fit

static void explain(struct picture *picture, int *column, const char *colour,
		    const char *glyph, const char *meaning)
{
	struct pen *pen = &picture->pen;
	int own = text_columns(glyph) + 1 + text_columns(meaning);

	if (*column > 0 && *column + 2 + own > pen->columns) {
		pen_newline(pen);
		*column = 0;
	}
	if (*column > 0)
		pen_write(pen, "  ");
	*column += (*column > 0 ? 2 : 0) + own;
	pen_colour(pen, colour);
	pen_write(pen, glyph);
	pen_colour(pen, NULL);
	pen_write(pen, " ");
	pen_write(pen, meaning);
}

static void draw_legend(struct picture *picture)
{
	static const struct {
		enum slice_end end;
		const char *meaning;
	} ends[] = {
		{ SLICE_EXPIRED, "quantum over" },
		{ SLICE_PREEMPTED, "preempted" },
		{ SLICE_BLOCKED, "left to wait" },
		{ SLICE_FINISHED, "done" },
	};
	const struct pen *pen = &picture->pen;
	char cpus[8];
	int column = 0;

	snprintf(cpus, sizeof cpus, "0-%c", cpu_digit(picture->cpus - 1));
	if (picture->used[RUN] && picture->cpus > 1)
		explain(picture, &column, cpu_colour(0), cpus,
			"runs, on that CPU");
	else if (picture->used[RUN])
		explain(picture, &column, cpu_colour(0),
			pen_glyph(pen, "█", "#"), "runs");
	if (picture->used[PART])
		explain(picture, &column, cpu_colour(0),
			pen_glyph(pen, "▂▆", "-="), "runs a part of the time");
	if (picture->used[IS_READY])
		explain(picture, &column, READY_COLOUR,
			pen_glyph(pen, "·", "."), "ready");
	if (picture->used[IS_WAITING])
		explain(picture, &column, WAITS_COLOUR, "~", "waits (I/O)");
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const char mark[] = { marks[ends[i].end], '\0' };
		if (picture->used[END + ends[i].end])
			explain(picture, &column, cpu_colour(0), mark,
				ends[i].meaning);
	}
	if (column > 0)
		pen_newline(&picture->pen);
}

// ## All of it

static int name_columns(const struct jobs *jobs, int most)
{
	char text[JOB_NAME_BYTES];
	int columns = 1;

	for (size_t i = 0; i < jobs->count && columns < most; i++) {
		int own = text_columns(job_name(jobs, (int)i, text));
		columns = own > columns ? own : columns;
	}
	return columns < most ? columns : most;
}

static bool draw_chart(struct picture *picture, const struct jobs *jobs,
		       const struct chart *chart)
{
	struct stretches stretches;
	char text[JOB_NAME_BYTES];

	if (stretches_make(&stretches, jobs, chart->history) != 0)
		return false;
	if (chart->title) {
		int own = text_columns(chart->title);
		pen_text(&picture->pen, chart->title,
			 own < picture->pen.columns ? own
						    : picture->pen.columns,
			 PEN_LEFT);
		pen_newline(&picture->pen);
	}
	find_mixed(picture, &stretches, stretches.first[jobs->count]);
	for (size_t i = 0; i < jobs->count; i++)
		draw_row(picture, job_name(jobs, (int)i, text),
			 stretches.stretch + stretches.first[i],
			 stretches.first[i + 1] - stretches.first[i]);
	stretches_free(&stretches);
	draw_axis(picture);
	return true;
}

char *chart_gantt(const struct canvas *canvas, const struct jobs *jobs,
		  const struct chart *charts, size_t n)
{
	struct picture picture = { .pen = pen_begin(canvas), .cpus = 1 };
	int columns = picture.pen.columns;

	picture.label = name_columns(jobs, columns / 3) + 2;
	picture.scale = scale_of(jobs, charts, n, columns - picture.label);
	for (size_t i = 0; i < n; i++)
		if (charts[i].history->cpus > picture.cpus)
			picture.cpus = charts[i].history->cpus;
	picture.mixed = calloc((size_t)columns, sizeof *picture.mixed);
	picture.cells = calloc((size_t)columns, sizeof *picture.cells);
	if (!picture.mixed || !picture.cells)
		picture.pen.failed = true;
	for (size_t i = 0; i < n && !picture.pen.failed; i++) {
		if (i > 0)
			pen_newline(&picture.pen);
		if (!draw_chart(&picture, jobs, &charts[i]))
			picture.pen.failed = true;
	}
	if (!picture.pen.failed)
		draw_legend(&picture);
	free(picture.mixed);
	free(picture.cells);
	return pen_end(&picture.pen);
}
