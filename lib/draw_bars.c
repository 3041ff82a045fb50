// # Bars and histograms
//
// A histogram is bars whose labels are the buckets' bounds, so both share their
// layout: label, bar, note at the right edge. When the canvas is narrow, a
// quarter of it stays for the bars, and label and note share the rest.

#define _GNU_SOURCE
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw_pen.h"

enum { GAP = 2 };

struct layout {
	int label, bar, note;
};

static struct layout lay_out(int columns, const struct bar *bars, size_t n)
{
	struct layout l = { 0 };

	for (size_t i = 0; i < n; i++) {
		int label = text_columns(bars[i].label);
		int note = text_columns(bars[i].note ? bars[i].note : "");
		l.label = label > l.label ? label : l.label;
		l.note = note > l.note ? note : l.note;
	}
	int gaps = (l.label ? GAP : 0) + (l.note ? GAP : 0);
	int room = columns - gaps - columns / 4;
	if (l.label + l.note > room) {
		int most = room - (l.label < room / 2 ? l.label : room / 2);
		l.note = l.note < most ? l.note : most;
		most = room - l.note;
		l.label = l.label < most ? l.label : most;
	}
	l.bar = columns - gaps - l.label - l.note;
	return l;
}

struct scale {
	bool logarithmic;
	double low, high; // values, or their logarithms to the base 10
};

static struct scale find_scale(const struct bar *bars, size_t n,
			       bool logarithmic)
{
	double smallest = DBL_MAX, largest = 0;

	for (size_t i = 0; i < n; i++) {
		if (bars[i].value > largest)
			largest = bars[i].value;
		if (bars[i].value > 0 && bars[i].value < smallest)
			smallest = bars[i].value;
	}
	struct scale s = { .logarithmic = logarithmic, .high = largest };
	if (logarithmic && largest > 0) {
		s.high = log10(largest);
		s.low = floor(log10(smallest));
		if (s.low >= s.high)
			s.low -= 1;
	}
	return s;
}

// From 0 to 1. A value at the foot of a logarithmic scale is not 0 and has to
// show: pen_bar gives the least it can to anything above 0.
static double share_of(const struct scale *s, double value)
{
	if (!(value > 0))
		return 0;
	if (!s->logarithmic)
		return value / s->high;
	double share = (log10(value) - s->low) / (s->high - s->low);
	return share > DBL_MIN ? share : DBL_MIN;
}

static char *draw_rows(const struct canvas *canvas, const struct bar *bars,
		       size_t n, bool logarithmic, enum pen_align labels)
{
	struct pen pen = pen_begin(canvas);
	struct layout l = lay_out(pen.columns, bars, n);
	struct scale scale = find_scale(bars, n, logarithmic);

	for (size_t i = 0; i < n; i++) {
		pen_text(&pen, bars[i].label, l.label, labels);
		pen_repeat(&pen, " ", l.label ? GAP : 0);
		int drawn = pen_bar(&pen, share_of(&scale, bars[i].value),
				    l.bar);
		if (l.note) {
			pen_repeat(&pen, " ", l.bar - drawn + GAP);
			pen_text(&pen, bars[i].note ? bars[i].note : "", l.note,
				 PEN_RIGHT);
		}
		pen_newline(&pen);
	}
	return pen_end(&pen);
}

char *draw_bars(const struct canvas *canvas, const struct bar *bars, size_t n,
		bool logarithmic)
{
	return draw_rows(canvas, bars, n, logarithmic, PEN_LEFT);
}

// ## Bounds that can be read
//
// What is printed is what is counted: a bound is written down first, and its
// value is what the text says. Bucket i holds low <= value < high; the last one
// also its high.

struct bound {
	char text[32];
	double value;
};

struct buckets {
	int rows;
	double min, max;
	struct bound *bounds; // rows + 1
};

static void set_bound(struct bound *bound, int decimals, double value)
{
	snprintf(bound->text, sizeof bound->text, "%.*f", decimals, value);
	bound->value = strtod(bound->text, NULL);
}

static bool usable(const struct buckets *b)
{
	for (int i = 0; i < b->rows; i++)
		if (!(b->bounds[i].value < b->bounds[i + 1].value))
			return false;
	return b->bounds[0].value <= b->min &&
	       b->bounds[b->rows].value >= b->max;
}

// Equal steps of a round number: 0 25 50 75. The least round step with which
// the rows reach from min to max.
static bool round_bounds(struct buckets *b)
{
	static const struct {
		int hundredths, decimals;
	} steps[] = { { 100, 0 }, { 125, 2 }, { 150, 1 }, { 200, 0 },
		      { 250, 1 }, { 300, 0 }, { 400, 0 }, { 500, 0 },
		      { 600, 0 }, { 800, 0 } };
	double least = b->max / b->rows - b->min / b->rows;
	int exponent = (int)floor(log10(least));
	enum { STEPS = sizeof steps / sizeof *steps };

	if (exponent < -6 || fmax(fabs(b->min), fabs(b->max)) >= 1e12)
		return false;
	for (int i = 0; i < 2 * STEPS; i++) {
		int power = exponent + i / STEPS;
		int decimals = steps[i % STEPS].decimals - power;
		double hundredths = steps[i % STEPS].hundredths;
		double scale = pow(10, abs(power - 2));
		double step = power < 2 ? hundredths / scale
					: hundredths * scale;
		double first = floor(b->min / step + 1e-9);
		for (int row = 0; row <= b->rows; row++) {
			double units = (first + row) * hundredths;
			set_bound(&b->bounds[row], decimals < 0 ? 0 : decimals,
				  power < 2 ? units / scale : units * scale);
		}
		if (usable(b))
			return true;
	}
	return false;
}

// A value with so many significant digits; without an exponent where that is
// short enough. A nudge of -1 or 1 keeps it from being rounded to the other
// side of the value.
static void set_significant(struct bound *bound, int digits, double value,
			    int nudge)
{
	char text[32];

	snprintf(text, sizeof text, "%.*e", digits - 1, value);
	double rounded = strtod(text, NULL);
	int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if ((nudge < 0 && rounded > value) || (nudge > 0 && rounded < value)) {
		rounded += nudge * pow(10, exponent - digits + 1);
		snprintf(text, sizeof text, "%.*e", digits - 1, rounded);
		rounded = strtod(text, NULL);
	}
	bool plain = fabs(rounded) >= 1e-4 &&
		     (exponent < 9 || exponent < digits + 3);
	if (rounded == 0 || plain) {
		int decimals = digits - 1 - exponent;
		set_bound(bound, decimals < 0 || rounded == 0 ? 0 : decimals,
			  rounded);
	} else {
		memcpy(bound->text, text, sizeof text);
		bound->value = rounded;
	}
}

// Three significant digits, or as many as it takes to tell the bounds apart.
static bool exact_bounds(struct buckets *b, bool logarithmic)
{
	enum { FEWEST = 3, MOST = 17 };
	double low = logarithmic ? log(b->min) : b->min;
	double high = logarithmic ? log(b->max) : b->max;

	for (int digits = FEWEST; digits <= MOST; digits++) {
		for (int i = 1; i < b->rows; i++) {
			double part = (double)i / b->rows;
			double value = low * (1 - part) + high * part;
			set_significant(&b->bounds[i], digits,
					logarithmic ? exp(value) : value, 0);
		}
		set_significant(&b->bounds[0], digits, b->min, -1);
		set_significant(&b->bounds[b->rows], digits, b->max, 1);
		if (usable(b))
			return true;
	}
	return false;
}

static size_t bucket_of(const struct buckets *b, double value)
{
	size_t low = 0, high = (size_t)b->rows;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (b->bounds[middle].value <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

// One row of a histogram: "10 – 20 us", with the numbers under one another.
enum { LABEL_BYTES = 160, NOTE_BYTES = 24 };

struct row {
	char label[LABEL_BYTES], note[NOTE_BYTES];
	size_t count;
};

static void print_label(const struct canvas *canvas, char label[LABEL_BYTES],
			const struct buckets *b, int i, const char *unit)
{
	int low = 0, high = 0;

	for (int row = 0; row < b->rows; row++) {
		int n = (int)strlen(b->bounds[row].text);
		low = n > low ? n : low;
		n = (int)strlen(b->bounds[row + 1].text);
		high = n > high ? n : high;
	}
	snprintf(label, LABEL_BYTES, "%*s %s %*s %.60s", low, b->bounds[i].text,
		 canvas->utf8 ? "–" : "-", high, b->bounds[i + 1].text, unit);
}

static char *draw_counts(const struct canvas *canvas, const struct buckets *b,
			 struct row *rows, const char *unit)
{
	struct bar *bars = calloc((size_t)b->rows, sizeof *bars);
	if (!bars)
		return NULL;
	for (int i = 0; i < b->rows; i++) {
		if (b->min < b->max)
			print_label(canvas, rows[i].label, b, i, unit);
		else
			snprintf(rows[i].label, LABEL_BYTES, "%s %.60s",
				 b->bounds[0].text, unit);
		snprintf(rows[i].note, NOTE_BYTES, "%zu", rows[i].count);
		bars[i] = (struct bar){ rows[i].label, rows[i].note,
					(double)rows[i].count };
	}
	char *picture = draw_rows(canvas, bars, (size_t)b->rows, false,
				  PEN_RIGHT);
	free(bars);
	return picture;
}

// Values that are all the same, or nearer than a double can divide, are one
// bucket, named by as many digits as an eye takes in.
static void find_bounds(struct buckets *b, bool logarithmic)
{
	enum { FEWEST = 3, MOST = 6 };

	bool ratios = logarithmic && b->min > 0;
	if (b->min < b->max &&
	    ((!ratios && round_bounds(b)) || exact_bounds(b, ratios)))
		return;
	b->rows = 1;
	b->max = b->min;
	for (int digits = FEWEST; digits <= MOST; digits++) {
		set_significant(&b->bounds[0], digits, b->min, 0);
		if (b->bounds[0].value == b->min)
			break;
	}
}

char *draw_histogram(const struct canvas *canvas, const double *values,
		     size_t n, int rows, bool logarithmic, const char *unit)
{
	struct buckets b = { .rows = rows < 1 ? 1 : rows };
	char *picture = NULL;

	if (n == 0)
		return draw_rows(canvas, NULL, 0, false, PEN_RIGHT);
	b.min = b.max = values[0];
	for (size_t i = 1; i < n; i++) {
		b.min = fmin(b.min, values[i]);
		b.max = fmax(b.max, values[i]);
	}
	b.bounds = calloc((size_t)b.rows + 1, sizeof *b.bounds);
	struct row *counted = calloc((size_t)b.rows, sizeof *counted);
	if (b.bounds && counted) {
		find_bounds(&b, logarithmic);
		for (size_t i = 0; i < n; i++)
			counted[bucket_of(&b, values[i])].count++;
		picture = draw_counts(canvas, &b, counted, unit ? unit : "");
	}
	free(counted);
	free(b.bounds);
	return picture;
}
