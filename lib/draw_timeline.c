// # Timelines: who did what when

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw_pen.h"

// Differences of int64_t may not fit into one.
typedef __int128 wide;

struct frame {
	wide begin, length; // in ns; length > 0
	int label, plot;    // columns
};

// The axis begins at 0 where that is near: a schedule whose first job comes
// after 2 ms shows those 2 ms. Readings of a clock are far from 0; they begin
// with the first span.
static void find_time(struct frame *f, const struct span *spans, size_t n)
{
	wide first = 0, last = 0;

	for (size_t i = 0; i < n; i++) {
		if (i == 0 || spans[i].begin_ns < first)
			first = spans[i].begin_ns;
		if (i == 0 || spans[i].end_ns > last)
			last = spans[i].end_ns;
	}
	if (first > 0 && first <= last - first)
		first = 0;
	f->begin = first;
	f->length = last > first ? last - first : 1;
}

static wide column_of(const struct frame *f, wide ns)
{
	return (2 * (ns - f->begin) * f->plot + f->length) / (2 * f->length);
}

static int longest_first(const void *a, const void *b)
{
	const struct span *const *x = a, *const *y = b;
	wide dx = (wide)(*x)->end_ns - (*x)->begin_ns;
	wide dy = (wide)(*y)->end_ns - (*y)->begin_ns;

	if (dx != dy)
		return dx > dy ? -1 : 1;
	return ((*x)->begin_ns > (*y)->begin_ns) -
	       ((*x)->begin_ns < (*y)->begin_ns);
}

// The longest first, so that a short one is drawn over the edge of a long one
// and not under it. A span that no column begins or ends in takes the column of
// its middle.
static void fill_line(const struct frame *f, char *line,
		      const struct span *const *spans, size_t n, size_t track)
{
	memset(line, '\0', (size_t)f->plot);
	for (size_t i = 0; i < n; i++) {
		const struct span *s = spans[i];
		if (s->track < 0 || (size_t)s->track != track ||
		    s->end_ns < s->begin_ns)
			continue;
		wide from = column_of(f, s->begin_ns);
		wide to = column_of(f, s->end_ns);
		if (from == to) {
			wide middle = ((wide)s->begin_ns + s->end_ns) / 2;
			from = (middle - f->begin) * f->plot / f->length;
			if (from >= f->plot)
				from = f->plot - 1;
			to = from + 1;
		}
		char mark = s->mark >= ' ' && s->mark <= '~' ? s->mark : '?';
		memset(line + from, mark, (size_t)(to - from));
	}
}

// A mark has the same colour wherever it stands.
static const char *colour_of(char mark)
{
	static const char *const colours[] = { "\033[36m", "\033[35m",
					       "\033[32m" };
	return mark ? colours[(unsigned char)mark % 3] : PEN_FAINT;
}

static void draw_line(struct pen *pen, const char *line, int columns)
{
	for (int i = 0; i < columns; i++) {
		char letter[] = { line[i], '\0' };
		if (i == 0 || line[i] != line[i - 1])
			pen_colour(pen, colour_of(line[i]));
		pen_write(pen, line[i] ? letter : pen_glyph(pen, "·", "."));
		if (i + 1 == columns || line[i] != line[i + 1])
			pen_colour(pen, NULL);
	}
	pen_newline(pen);
}

// ## The axis
//
// A tick every 1, 2 or 5 times a power of ten, at least TICK columns apart. The
// number stands under its tick, to the right; the first one bears the unit.

enum { TICK = 8 };

static wide step_of(const struct frame *f)
{
	static const int factors[] = { 2, 5, 10 };
	wide power = 1, step = 1;

	for (int i = 0; step * f->plot < f->length * TICK; i++) {
		step = power * factors[i % 3];
		if (i % 3 == 2)
			power *= 10;
	}
	return step;
}

struct unit {
	const char *name;
	double ns;
};

static struct unit unit_of(const struct frame *f)
{
	static const struct unit units[] = {
		{ "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 },
	};
	const struct unit *unit = units;

	while (unit->ns > 1 && (double)f->length < unit->ns)
		unit++;
	return *unit;
}

static void draw_axis(struct pen *pen, const struct frame *f)
{
	struct unit unit = unit_of(f);
	wide step = step_of(f);
	char number[64];
	int column = 0;

	pen_repeat(pen, " ", f->label);
	pen_colour(pen, PEN_FAINT);
	for (wide t = 0; t <= f->length; t += step) {
		int tick = (int)column_of(f, f->begin + t);
		if (tick >= f->plot)
			break;
		pen_repeat(pen, pen_glyph(pen, "─", "-"), tick - column);
		pen_write(pen, pen_glyph(pen, "┬", "+"));
		column = tick + 1;
	}
	pen_repeat(pen, pen_glyph(pen, "─", "-"), f->plot - column);
	pen_colour(pen, NULL);
	pen_newline(pen);

	pen_repeat(pen, " ", f->label);
	column = 0;
	for (wide t = 0; t <= f->length; t += step) {
		int tick = (int)column_of(f, f->begin + t);
		int n = snprintf(number, sizeof number, "%.12g%s%s",
				 (double)t / unit.ns, t == 0 ? " " : "",
				 t == 0 ? unit.name : "");
		if (tick + n > f->plot)
			break;
		if (tick < column)
			continue;
		pen_repeat(pen, " ", tick - column);
		pen_write(pen, number);
		pen_write(pen, " ");
		column = tick + n + 1;
	}
	pen_newline(pen);
}

static int widest(const char *const *tracks, size_t n)
{
	int columns = 0;

	for (size_t i = 0; i < n; i++) {
		int own = text_columns(tracks[i]);
		columns = own > columns ? own : columns;
	}
	return columns;
}

char *draw_timeline(const struct canvas *canvas, const char *const *tracks,
		    size_t track_count, const struct span *spans, size_t n)
{
	enum { GAP = 2 };
	struct pen pen = pen_begin(canvas);
	struct frame f;
	int label = widest(tracks, track_count);

	if (label > pen.columns / 3)
		label = pen.columns / 3;
	f.label = label ? label + GAP : 0;
	f.plot = pen.columns - f.label;
	find_time(&f, spans, n);

	char *line = malloc((size_t)f.plot);
	const struct span **sorted = malloc((n + 1) * sizeof *sorted);
	pen.failed = !line || !sorted;
	if (!pen.failed) {
		for (size_t i = 0; i < n; i++)
			sorted[i] = &spans[i];
		qsort(sorted, n, sizeof *sorted, longest_first);
		for (size_t i = 0; i < track_count; i++) {
			fill_line(&f, line, sorted, n, i);
			pen_text(&pen, tracks[i], label, PEN_LEFT);
			pen_repeat(&pen, " ", f.label - label);
			draw_line(&pen, line, f.plot);
		}
		if (track_count > 0 && n > 0)
			draw_axis(&pen, &f);
	}
	free(sorted);
	free(line);
	return pen_end(&pen);
}
