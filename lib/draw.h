// draw.h - pictures of characters
//
// Bars, histograms, timelines and maps, in a string of the caller's (free it),
// for any width from 40 columns. Blocks and lines where the locale is UTF-8,
// plain ASCII elsewhere; colour only where asked. Nothing is printed here.
// Each returns NULL when memory is out.

#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct canvas {
	int columns; // 40 or more
	bool utf8, colour;
};

// What standard output (or fd) can show: its width (TIOCGWINSZ, COLUMNS, else
// 80; never below 40), its locale's character set, and colour only where it is
// a terminal, TERM is not "dumb" and NO_COLOR is not set.
struct canvas canvas_of(int fd);

// One bar a row, label left, note right, lengths in proportion to the values
// (from 0 to the largest), or to their logarithms, from a power of ten at or
// below the smallest, when `logarithmic`. Values are >= 0 and finite.
struct bar {
	const char *label, *note;
	double value;
};
char *draw_bars(const struct canvas *canvas, const struct bar *bars, size_t n,
		bool logarithmic);

// How often each value occurs: `rows` buckets, equal or (logarithmic, all
// values > 0) equal in ratio, each with its bounds, bar and count. `unit`
// follows the bounds ("us"). Equal buckets begin at round numbers, so the last
// ones may be empty; values that are all the same make one row.
char *draw_histogram(const struct canvas *canvas, const double *values,
		     size_t n, int rows, bool logarithmic, const char *unit);

// Who did what when: one line a track, time runs to the right. Spans of one
// track must not overlap; a span shorter than a column still shows. The axis
// begins at 0 or, where 0 is farther away than the spans last (readings of a
// clock), with the first span; its unit stands at its first number.
struct span {
	int track; // index into the track labels
	int64_t begin_ns, end_ns;
	char mark; // the letter to draw it with
};
char *draw_timeline(const struct canvas *canvas, const char *const *tracks,
		    size_t track_count, const struct span *spans, size_t n);

// Curves over one axis, in a field of `rows` lines (0: 12), a letter each; where
// curves meet, the first one's letter stands. Between two points a straight line
// is drawn (straight as the axes are), at each x below the field a tick. A value
// that is NAN is left out: a curve may begin late, or have a gap. Axes from 0 to
// the largest value, or logarithmic, from the smallest to the largest, all > 0.
// x ascends. Titles say the units; the labels, with their letters, stand below.
struct curve {
	const char *label;
	char mark;
	const double *y; // one for each x
};
struct axes {
	const char *x_title, *y_title; // "threads", "ns a turn"
	const double *x;
	size_t points; // of each curve
	bool x_logarithmic, y_logarithmic;
	int rows;
};
char *draw_curves(const struct canvas *canvas, const struct axes *axes,
		  const struct curve *curves, size_t n);

// A row of cells, wrapped to the width, each shown by its letter's glyph:
// '#' full, '+' half, '.' empty, anything else as it is. `per_row` 0: as many
// tens as fit. Row labels are the index of the first cell; a row that is wider
// than the canvas goes on in a line with a label of its own.
char *draw_map(const struct canvas *canvas, const char *cells, size_t n,
	       size_t per_row);

// Lines of text, such as a table's. One that is wider than the canvas goes on in
// the next line, 8 blanks further in, from a word that no longer fits; a word that
// is wider than a line is cut. Each line is ended, without blanks at its end.
char *draw_text(const struct canvas *canvas, const char *text);

// A line "[#####.....]  50 %  text" for progress, at most `columns` wide, no
// newline. The share is 0 to 1; the figure keeps its place and is rounded down.
char *draw_progress(const struct canvas *canvas, double share,
		    const char *text);

// How many columns a UTF-8 string takes (wide characters, such as Hangul,
// two; combining ones none). Colour sequences take none.
int text_columns(const char *text);

#endif
