// report.h - how the HTML page is put together
//
//   report.c   the command, the file, the order of the page
//   page.c     the words: first paragraph, machine, method
//   values.c   the tables, several results, what to doubt
//   style.c    the style sheet
//   plots.c    which cases a plot shows, and how it is laid out
//   svg.c      gnuplot, and its SVG made fit for the page
//
// Everything that comes out of a result file is a stranger's text. It reaches
// the page through html_text only, and never reaches gnuplot at all.

#ifndef REPORT_H
#define REPORT_H

#include "reader.h"

enum { MAX_RESULTS = 6 };

// The page in the making.
struct report {
	FILE *out;
	const struct reading *readings;
	size_t count;
	unsigned told; // what was explained already: bits of plots.c
	int error;     // 0, or the first -errno: -ENOENT, no gnuplot
	char why[256]; // ... in words
};

// --- words (page.c) ------------------------------------------------------------

// `text` as the content of an element or attribute: markup escaped, controls
// and direction marks replaced, at most `limit` characters of it.
void html_text(FILE *out, const char *text, size_t limit);
void html_line(FILE *out, const char *text); // of a usual length
void html_value(FILE *out, bool bandwidth, double value);
void html_key(FILE *out, size_t which); // the dot of a result's colour

// "3.20 µs" for a value, "5 µs" for a number at an axis.
const char *fine_value(char text[VALUE_BYTES], bool bandwidth, double value);
const char *tick_value(char text[VALUE_BYTES], bool bandwidth, double value);
// "Between two cores", for a placement's name or any other.
const char *placement_title(const char *placement);
const char *family_title(const char *family);
// What the two say about the values of a family: "one round trip".
const char *family_value(const char *family);

extern const char *const page_style;
const char *result_name(const char *path); // without its folder
void page_begin(struct report *report);
void page_machine(FILE *out, const struct reading *reading);
void page_finding(FILE *out, const struct reading *reading);
void page_tiles(struct report *report, const struct reading *reading);
void page_environment(struct report *report);
void page_method(struct report *report);
void page_end(struct report *report);

// --- tables (values.c) ---------------------------------------------------------

void page_tables(struct report *report, size_t which);
void page_troubles(struct report *report, const struct reading *reading);
// Several results: which colour is which, and the beginning of each.
void page_legend(struct report *report);
void page_result_heading(struct report *report, size_t which);
void page_comparison(struct report *report, size_t which);

// --- plots (plots.c) -----------------------------------------------------------

// All plots of one family: latencies or bandwidths by placement with all
// results side by side, size curves and distributions of the result `which`.
// Nothing where there is nothing to see.
void plot_family(struct report *report, size_t which, const char *family);
// Only the first kind, for a page of several results.
void plot_side_by_side(struct report *report, const char *family);

// Calls for each family of the readings from `first` to `last`, in the order
// of their first cases.
void each_family(struct report *report, size_t first, size_t last,
		 void (*call)(struct report *report, size_t which,
			      const char *family));

// --- gnuplot (svg.c) -----------------------------------------------------------

// The page's colours, by what they mean; the style sheet gives them values for
// light and dark. ink_colour spells them for gnuplot.
enum ink {
	INK_TEXT,
	INK_MUTED,
	INK_GRID,
	INK_PAGE,
	INK_PLACE, // and one more a placement
	INK_PLACE_SOFT = INK_PLACE + PLACEMENTS + 1,
	INK_SERIES = INK_PLACE_SOFT + PLACEMENTS + 1,
	INKS = INK_SERIES + MAX_RESULTS
};
const char *ink_colour(char text[16], int ink);

// A plot in the making: write gnuplot's commands to `script`.
struct drawing {
	FILE *script;
	char *commands;
	size_t command_bytes;
	int width, height;
	char **labels;
	size_t label_count;
	bool out_of_memory;
};
void drawing_begin(struct drawing *drawing, int width, int height);
// A label for the script, from any text: gnuplot sees a token that holds its
// place, and the text is put in, escaped, when the plot is done.
const char *drawing_label(struct drawing *drawing, char token[16],
			  const char *text);
// Runs gnuplot and writes the <svg> element, with `alt` for those who cannot
// see it. Errors are left in the report. Releases the drawing.
void drawing_end(struct drawing *drawing, struct report *report,
		 const char *alt);

#endif
