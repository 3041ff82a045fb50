// panels.h - what the plots share: rows, axes, labels

#ifndef PANELS_H
#define PANELS_H

#include "report.h"

enum {
	PANEL_WIDTH = 520, // pixels; readable on a phone
	LETTER_WIDTH = 7,  // about, of 13 px sans-serif
	MOST_PANELS = PLACEMENTS + 4,
};

struct row {
	char label[CASE_NAME_BYTES * 2];
	const struct measured *cases[MAX_RESULTS]; // of each result
	const struct measured *first; // of those, the first there is
};

// One placement of one family. Rows are sorted, fastest first.
struct panel {
	const char *family, *placement, *size; // the usual size
	int place; // number of the placement's colour
	bool bandwidth;
	struct row *rows;
	size_t count, left_out; // rows beyond what a plot can show
	const struct reading *readings;
	size_t results;
	double low, high; // of the axis
	double floor;     // NAN: not the same for all rows
};

struct panels {
	struct panel panel[MOST_PANELS];
	size_t count;
};

// The panels of a family, of its times or its bandwidths (a family may have
// both). False when memory is out; free_panels either way.
bool make_panels(struct panels *panels, const struct reading *readings,
		 size_t results, const char *family, bool bandwidth);
void free_panels(struct panels *panels);

// Whether the panel's family, placement and unit are the case's.
bool in_panel(const struct panel *panel, const struct measured *c);

// The next of 1, 2, 5, 10, 20 ... at or beyond the value (above 0).
double round_number(double value, bool up);

// Grid and numbers of the x axis.
void write_log_ticks(struct drawing *d, double low, double high,
		     bool bandwidth);
void write_linear_ticks(struct drawing *d, double high);

// The plot's rectangle, margins in pixels.
void write_margins(struct drawing *d, int left, int right, int top, int bottom);
// A label at a pixel from the left, beside a row of the y axis.
void write_row_label(struct drawing *d, const char *text, int pixel, double row,
		     const char *align, int ink);
// The same for the name of a row, right-aligned in a margin of that width,
// which label_width computes.
void write_row_name(struct drawing *d, const char *name, int pixels,
		    double row);
int label_width(const struct panel *panel);

// curves.c: draw into the page, or nothing where there is nothing to see.
bool has_curves(const struct panel *panel);
void draw_panel_curves(struct report *report, const struct panel *panel);
bool has_distribution(const struct panel *panel);
void draw_distribution(struct report *report, const struct panel *panel);

#endif
