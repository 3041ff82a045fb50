// # Panels: which cases a plot shows, in which order, on which axis
//
// A placement has its own panel; the panels of a family share their axis, so
// that they can be compared.

#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "panels.h"

enum {
	EVERY_CASE_ROWS = 16, // up to here, more than one size a mechanism
	MOST_ROWS = 60,       // the tables have the others
};

// ## Rows

static int place_of(const char *placement)
{
	int place = 0;
	while (place < PLACEMENTS && strcmp(placement, placement_names[place]))
		place++;
	return place;
}

bool in_panel(const struct panel *panel, const struct measured *c)
{
	return has_values(c) && !strcmp(c->family, panel->family) &&
	       c->bandwidth == panel->bandwidth &&
	       (!panel->placement || !strcmp(c->placement, panel->placement));
}

// The size that most mechanisms of the family have; of equals, 1 KiB, then the
// first.
static const char *usual_size(const struct panel *all)
{
	const struct reading *r = all->readings;
	const char *best = "";
	size_t most = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (!in_panel(all, &r->cases[i]))
			continue;
		const char *size = r->cases[i].size;
		size_t count = 0;
		for (size_t k = 0; k < r->count; k++)
			count += in_panel(all, &r->cases[k]) &&
				 !strcmp(r->cases[k].size, size);
		if (count > most || (count == most && !strcmp(size, "1KiB"))) {
			most = count;
			best = size;
		}
	}
	return best;
}

// Rows by speed, fastest first.
static int by_speed(const void *left, const void *right)
{
	const struct measured *a = ((const struct row *)left)->first;
	const struct measured *b = ((const struct row *)right)->first;
	double x = a->bandwidth ? -a->median : a->median;
	double y = b->bandwidth ? -b->median : b->median;

	return x != y ? (x > y) - (x < y) : strcmp(a->name, b->name);
}

static struct row *row_of(const struct panel *panel, const struct measured *c,
			  bool whole_name)
{
	for (size_t i = 0; i < panel->count; i++)
		if (whole_name ? !strcmp(panel->rows[i].first->name, c->name)
			       : !strcmp(panel->rows[i].first->what, c->what))
			return &panel->rows[i];
	return NULL;
}

static void label_row(struct row *row, const char *usual)
{
	const struct measured *c = row->first;
	const char *blank = !strcmp(c->size, usual) || c->bytes == 0 ? "" : " ";

	snprintf(row->label, sizeof row->label, "%s%s%s", c->what, blank,
		 *blank ? c->size : "");
}

// Fills the rows: every case while they are few, else one a mechanism, at the
// usual size where it has that.
static bool panel_rows(struct panel *panel)
{
	size_t cases = 0;

	for (size_t r = 0; r < panel->results; r++)
		for (size_t i = 0; i < panel->readings[r].count; i++)
			cases += in_panel(panel, &panel->readings[r].cases[i]);
	bool every = cases <= EVERY_CASE_ROWS * panel->results;
	panel->rows = calloc(cases + 1, sizeof *panel->rows);
	if (!panel->rows)
		return false;

	for (size_t r = 0; r < panel->results; r++)
		for (size_t i = 0; i < panel->readings[r].count; i++) {
			const struct measured *c = &panel->readings[r].cases[i];
			if (!in_panel(panel, c))
				continue;
			struct row *row = row_of(panel, c, every);
			if (!row)
				row = &panel->rows[panel->count++];
			else if (r == 0 && !every &&
				 !strcmp(c->size, panel->size))
				row->first = NULL;
			if (!row->first)
				row->first = c;
		}
	for (size_t i = 0; i < panel->count; i++) {
		struct row *row = &panel->rows[i];
		label_row(row, panel->size);
		for (size_t r = 0; r < panel->results; r++) {
			row->cases[r] = reading_find(&panel->readings[r],
						     row->first->name);
			if (row->cases[r] && !has_values(row->cases[r]))
				row->cases[r] = NULL;
		}
	}
	qsort(panel->rows, panel->count, sizeof *panel->rows, by_speed);
	if (panel->count > MOST_ROWS) {
		panel->left_out = panel->count - MOST_ROWS;
		panel->count = MOST_ROWS;
	}
	return true;
}

// The floor of a panel, when the rows of its usual size agree on it. The file
// says how many times the floor a case is, so the floor is that part of it: a
// family may count half a round trip of the floor's.
static double common_floor(const struct panel *panel)
{
	double floor = NAN;

	for (size_t i = 0; i < panel->count && !panel->bandwidth; i++) {
		const struct measured *c = panel->rows[i].first;
		if (isnan(c->floor_ratio) || strcmp(c->size, panel->size) != 0)
			continue;
		double its = c->median / c->floor_ratio;
		if (!isnan(floor) && fabs(its / floor - 1) > 0.01)
			return NAN;
		floor = its;
	}
	return floor;
}

// ## A family's panels
//
// All placements share their axis.

static void stretch(double *low, double *high, double value)
{
	if (!(*low <= value))
		*low = value;
	if (!(*high >= value))
		*high = value;
}

static void common_axis(struct panel *panels, size_t count)
{
	double low = NAN, high = NAN;

	for (size_t p = 0; p < count; p++) {
		for (size_t i = 0; i < panels[p].count; i++)
			for (size_t r = 0; r < panels[p].results; r++) {
				const struct measured *c =
					panels[p].rows[i].cases[r];
				for (size_t k = 0; c && k < c->rounds; k++)
					stretch(&low, &high, c->values[k]);
				if (c)
					stretch(&low, &high, c->median);
			}
		if (!isnan(panels[p].floor))
			stretch(&low, &high, panels[p].floor);
	}
	for (size_t p = 0; p < count; p++) {
		panels[p].low = panels[p].bandwidth
					? 0
					: round_number(low / 1.03, false);
		panels[p].high = panels[p].bandwidth
					 ? high * 1.04
					 : round_number(high * 1.03, true);
	}
}

// The placements of a family in the order of the enumeration, others after.
static size_t find_placements(const struct panel *all, const char *found[],
			      size_t max)
{
	size_t count = 0;

	for (int place = 0; place <= PLACEMENTS; place++)
		for (size_t r = 0; r < all->results; r++)
			for (size_t i = 0; i < all->readings[r].count; i++) {
				const struct measured *c =
					&all->readings[r].cases[i];
				size_t k = 0;
				if (!in_panel(all, c) ||
				    place_of(c->placement) != place)
					continue;
				while (k < count &&
				       strcmp(found[k], c->placement))
					k++;
				if (k == count && count < max)
					found[count++] = c->placement;
			}
	return count;
}

bool make_panels(struct panels *panels, const struct reading *readings,
		 size_t results, const char *family, bool bandwidth)
{
	struct panel all = { .family = family,
			     .bandwidth = bandwidth,
			     .readings = readings,
			     .results = results,
			     .floor = NAN };
	const char *placements[MOST_PANELS];
	bool made = true;

	all.size = usual_size(&all);
	*panels = (struct panels){
		.count = find_placements(&all, placements, MOST_PANELS),
	};
	for (size_t i = 0; i < panels->count; i++) {
		struct panel *panel = &panels->panel[i];
		*panel = all;
		panel->placement = placements[i];
		panel->place = place_of(placements[i]);
		made = made && panel_rows(panel);
		if (made)
			panel->floor = common_floor(panel);
	}
	if (made)
		common_axis(panels->panel, panels->count);
	return made;
}

void free_panels(struct panels *panels)
{
	for (size_t i = 0; i < panels->count; i++)
		free(panels->panel[i].rows);
}

// ## Axes

// The next of 1, 2, 5, 10, 20 ... at or beyond the value.
double round_number(double value, bool up)
{
	static const double steps[] = { 1, 2, 5, 10 };
	double decade = pow(10, floor(log10(value)));
	int i;

	if (up) {
		for (i = 0; i < 3 && steps[i] * decade < value * 0.9999; i++)
			;
	} else {
		for (i = 3; i > 0 && steps[i] * decade > value * 1.0001; i--)
			;
	}
	return steps[i] * decade;
}

void write_log_ticks(struct drawing *d, double low, double high, bool bandwidth)
{
	static const int steps[] = { 1, 2, 5 };
	char text[VALUE_BYTES], ink[16];
	// with few decades the numbers between are needed, with many they crowd
	double decades = log10(high / low);
	bool fresh = true;

	fprintf(d->script, "set xtics scale 0 textcolor rgb '%s' (",
		ink_colour(ink, INK_TEXT));
	for (double decade = pow(10, floor(log10(low)));
	     decade <= high * 1.0001; decade *= 10)
		for (int i = 0; i < 3; i++) {
			double at = steps[i] * decade;
			if (at < low * 0.9999 || at > high * 1.0001)
				continue;
			bool named =
				i == 0 ? decades < 6 ||
						 (int)lround(log10(decade)) %
								 2 ==
							 0
				       : decades <= (i == 1 ? 1.7 : 1.1);
			if (decades > 3 && i > 0)
				continue;
			fprintf(d->script, "%s'%s' %.9g", fresh ? "" : ", ",
				named ? tick_value(text, bandwidth, at) : "",
				at);
			fresh = false;
		}
	fprintf(d->script, ")\nset grid xtics lt 1 lw 1 lc rgb '%s'\n",
		ink_colour(ink, INK_GRID));
}

void write_linear_ticks(struct drawing *d, double high)
{
	double step = round_number(high / 5, true);
	char text[VALUE_BYTES], ink[16];

	fprintf(d->script, "set xtics scale 0 textcolor rgb '%s' ('0' 0",
		ink_colour(ink, INK_TEXT));
	for (double at = step; at <= high * 1.0001; at += step)
		fprintf(d->script, ", '%s' %.9g", tick_value(text, true, at),
			at);
	fprintf(d->script, ")\nset grid xtics lt 1 lw 1 lc rgb '%s'\n",
		ink_colour(ink, INK_GRID));
}

// ## Helpers for gnuplot

// The plot's rectangle, margins in pixels.
void write_margins(struct drawing *d, int left, int right, int top, int bottom)
{
	fprintf(d->script,
		"set lmargin at screen %.5f\n"
		"set rmargin at screen %.5f\nset tmargin at screen %.5f\n"
		"set bmargin at screen %.5f\n",
		left / (double)d->width, 1 - right / (double)d->width,
		1 - top / (double)d->height, bottom / (double)d->height);
}

// A label whose vertical place is a row, whose horizontal one is a pixel.
void write_row_label(struct drawing *d, const char *text, int pixel, double row,
		     const char *align, int ink)
{
	char token[16], colour[16];

	fprintf(d->script,
		"set label '%s' at screen %.5f, first %g %s "
		"tc rgb '%s'\n",
		drawing_label(d, token, text), pixel / (double)d->width, row,
		align, ink_colour(colour, ink));
}

int label_width(const struct panel *panel)
{
	int widest = 9;

	for (size_t i = 0; i < panel->count; i++) {
		int columns = text_columns(panel->rows[i].label);
		if (widest < columns)
			widest = columns;
	}
	widest = widest * LETTER_WIDTH + 16;
	return widest < 210 ? widest : 210;
}

// A name that is too long for its margin is cut; the tables have it whole.
void write_row_name(struct drawing *d, const char *name, int pixels, double row)
{
	enum { MOST = 27 };
	char begin[MOST], cut[MOST + 4];

	if (text_columns(name) > MOST) {
		printable_text(begin, sizeof begin, name);
		snprintf(cut, sizeof cut, "%s…", begin);
		name = cut;
	}
	write_row_label(d, name, pixels - 8, row, "right", INK_TEXT);
}
