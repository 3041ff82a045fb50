// # Curves: several quantities over one axis

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw_pen.h"

enum { ROWS = 12, LABEL = 7, NUMBER_BYTES = 32 };

// One axis: where a value lies, from 0 to 1.
struct axis {
	bool logarithmic;
	double low, high; // of the values, or of their logarithms
};

static double on_axis(const struct axis *axis, double value)
{
	double v = axis->logarithmic ? log10(value) : value;

	return axis->high > axis->low
		       ? (v - axis->low) / (axis->high - axis->low)
		       : 0;
}

static double from_axis(const struct axis *axis, double share)
{
	double v = axis->low + share * (axis->high - axis->low);

	return axis->logarithmic ? pow(10, v) : v;
}

static struct axis axis_of(bool logarithmic)
{
	return (struct axis){ logarithmic, logarithmic ? INFINITY : 0,
			      logarithmic ? -INFINITY : 0 };
}

static bool is_drawn(const struct axis *axis, double value)
{
	return isfinite(value) && (!axis->logarithmic || value > 0);
}

static void stretch(struct axis *axis, double value)
{
	if (!is_drawn(axis, value))
		return;
	double v = axis->logarithmic ? log10(value) : value;
	axis->low = fmin(axis->low, v);
	axis->high = fmax(axis->high, v);
}

struct plane {
	struct axis x, y;
	int columns, rows;
	char *cells; // rows of columns, the highest first; '\0': nothing
};

static int column_of(const struct plane *p, double x)
{
	return (int)lround(on_axis(&p->x, x) * (p->columns - 1));
}

static void put_mark(const struct plane *p, int column, double height,
		     char mark)
{
	int row = p->rows - 1 - (int)lround(height * (p->rows - 1));
	char *cell = &p->cells[row * p->columns + column];

	if (!*cell)
		*cell = mark;
}

// From each point to the next one that is there: one mark a column.
static void put_curve(const struct plane *p, const struct axes *f,
		      const struct curve *c)
{
	char mark = c->mark > ' ' && c->mark <= '~' ? c->mark : '?';
	int last_column = -1;
	double last_height = 0;

	for (size_t i = 0; i < f->points; i++) {
		if (!is_drawn(&p->x, f->x[i]))
			continue;
		if (!is_drawn(&p->y, c->y[i])) {
			last_column = -1;
			continue;
		}
		int column = column_of(p, f->x[i]);
		double height = on_axis(&p->y, c->y[i]);
		for (int k = last_column + 1; last_column >= 0 && k < column;
		     k++)
			put_mark(p, k,
				 last_height + (height - last_height) *
						       (k - last_column) /
						       (column - last_column),
				 mark);
		put_mark(p, column, height, mark);
		last_column = column;
		last_height = height;
	}
}

// "850", "1024", "15.3k", "20M": three digits, and what they are times.
static const char *number(char text[NUMBER_BYTES], double value)
{
	static const char letters[] = " kMGTPE";
	int power = 0;

	if (value < 9999.5)
		snprintf(text, NUMBER_BYTES, value < 999.5 ? "%.3g" : "%.0f",
			 value);
	else {
		while (value >= 999.5 && letters[power + 1]) {
			value /= 1000;
			power++;
		}
		snprintf(text, NUMBER_BYTES, "%.3g%c", value, letters[power]);
	}
	return text;
}

static void draw_row(struct pen *pen, const struct plane *p, int row)
{
	// A number every third row, from the axis upwards.
	int from_axis_row = p->rows - 1 - row;
	char text[NUMBER_BYTES] = "";

	if (from_axis_row % 3 == 0)
		number(text,
		       from_axis(&p->y, (double)from_axis_row / (p->rows - 1)));
	pen_text(pen, text, LABEL - 1, PEN_RIGHT);
	pen_colour(pen, PEN_FAINT);
	pen_write(pen, *text ? pen_glyph(pen, " ┤", " +")
			     : pen_glyph(pen, " │", " |"));
	pen_colour(pen, NULL);
	for (int i = 0; i < p->columns; i++) {
		char letter[] = { p->cells[row * p->columns + i], '\0' };
		pen_write(pen, *letter ? letter : " ");
	}
	pen_newline(pen);
}

static void draw_ticks(struct pen *pen, const struct plane *p,
		       const struct axes *f)
{
	char text[NUMBER_BYTES];
	int column = 0;

	pen_repeat(pen, " ", LABEL);
	pen_colour(pen, PEN_FAINT);
	pen_write(pen, pen_glyph(pen, "└", "+"));
	for (size_t i = 0; i < f->points; i++) {
		if (!is_drawn(&p->x, f->x[i]) || column_of(p, f->x[i]) < column)
			continue;
		int tick = column_of(p, f->x[i]);
		pen_repeat(pen, pen_glyph(pen, "─", "-"), tick - column);
		pen_write(pen, pen_glyph(pen, "┬", "+"));
		column = tick + 1;
	}
	pen_repeat(pen, pen_glyph(pen, "─", "-"), p->columns - column);
	pen_colour(pen, NULL);
	pen_newline(pen);

	// A number's first digit stands under its tick, unless it would reach
	// over the edge.
	pen_repeat(pen, " ", LABEL + 1);
	column = 0;
	for (size_t i = 0; i < f->points; i++) {
		if (!is_drawn(&p->x, f->x[i]))
			continue;
		int n = (int)strlen(number(text, f->x[i]));
		int tick = column_of(p, f->x[i]);
		if (tick + n > p->columns)
			tick = p->columns - n;
		if (tick < column || tick < 0)
			continue;
		pen_repeat(pen, " ", tick - column);
		pen_write(pen, text);
		pen_write(pen, " ");
		column = tick + n + 1;
	}
	pen_newline(pen);
}

static void draw_titles(struct pen *pen, const struct axes *f,
			const struct curve *curves, size_t n)
{
	char mark[] = "?  ";

	pen_repeat(pen, " ", LABEL + 1);
	pen_text(pen, f->x_title, text_columns(f->x_title), PEN_LEFT);
	pen_newline(pen);
	for (size_t i = 0; i < n; i++) {
		mark[0] = curves[i].mark;
		pen_repeat(pen, " ", LABEL + 1);
		pen_write(pen, mark);
		pen_text(pen, curves[i].label,
			 pen->columns - LABEL - 1 - (int)strlen(mark),
			 PEN_LEFT);
		pen_newline(pen);
	}
}

char *draw_curves(const struct canvas *canvas, const struct axes *field,
		  const struct curve *curves, size_t n)
{
	struct pen pen = pen_begin(canvas);
	struct plane p = {
		.x = axis_of(field->x_logarithmic),
		.y = axis_of(field->y_logarithmic),
		.columns = pen.columns - LABEL - 1,
		.rows = field->rows > 1 ? field->rows : ROWS,
	};

	bool any = false;

	for (size_t i = 0; i < field->points; i++) {
		stretch(&p.x, field->x[i]);
		for (size_t k = 0; k < n; k++) {
			stretch(&p.y, curves[k].y[i]);
			any |= is_drawn(&p.x, field->x[i]) &&
			       is_drawn(&p.y, curves[k].y[i]);
		}
	}
	p.cells = calloc((size_t)p.rows, (size_t)p.columns);
	pen.failed = !p.cells;
	if (!pen.failed && any) {
		for (size_t k = 0; k < n; k++)
			put_curve(&p, field, &curves[k]);
		pen_text(&pen, field->y_title, pen.columns, PEN_LEFT);
		pen_newline(&pen);
		for (int row = 0; row < p.rows; row++)
			draw_row(&pen, &p, row);
		draw_ticks(&pen, &p, field);
		draw_titles(&pen, field, curves, n);
	}
	free(p.cells);
	return pen_end(&pen);
}
