// # Size curves and distributions
//
// Both answer what a median cannot: what a byte costs, and what the seldom
// operation costs.

#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "panels.h"

enum { HIGHLIGHTS = MAX_RESULTS, LABEL_HEIGHT = 14 };

// ## Size curves
//
// Each line has its name at its end, pushed apart where ends lie close; six of
// them have a colour.

struct curve {
	const char *what;
	size_t points;
	double last, last_bytes; // the value at its largest size
	int ink;
	double label; // pixels from the bottom of the plot
};

struct curves {
	const struct panel *panel;
	struct curve *curve;
	size_t count;
	double low_bytes, high_bytes, zero; // where "0 bytes" is drawn
	double low, high;
};

static bool on_curve(const struct panel *panel, const struct measured *c,
		     const char *what)
{
	return in_panel(panel, c) && c->bytes >= 0 && !strcmp(c->what, what);
}

static size_t points_of(const struct panel *panel, const char *what,
			const struct measured **largest)
{
	const struct reading *r = panel->readings;
	size_t points = 0;

	*largest = NULL;
	for (size_t i = 0; i < r->count; i++) {
		const struct measured *c = &r->cases[i];
		if (!on_curve(panel, c, what))
			continue;
		points++;
		if (!*largest || c->bytes > (*largest)->bytes)
			*largest = c;
	}
	return points;
}

// Finds the mechanisms with two sizes or more. False: memory is out.
static bool find_curves(const struct panel *panel, struct curves *curves)
{
	const struct reading *r = panel->readings;
	const struct measured *largest;

	*curves = (struct curves){ .panel = panel,
				   .low_bytes = INFINITY,
				   .low = INFINITY };
	curves->curve = calloc(r->count + 1, sizeof *curves->curve);
	if (!curves->curve)
		return false;
	for (size_t i = 0; i < r->count; i++) {
		const struct measured *c = &r->cases[i];
		size_t k = 0;
		if (!in_panel(panel, c) || c->bytes < 0)
			continue;
		while (k < curves->count &&
		       strcmp(curves->curve[k].what, c->what) != 0)
			k++;
		if (k == curves->count) {
			size_t points = points_of(panel, c->what, &largest);
			if (points < 2)
				continue;
			curves->curve[curves->count++] = (struct curve){
				.what = c->what,
				.points = points,
				.last = largest->median,
				.last_bytes = (double)largest->bytes,
				.ink = INK_MUTED,
			};
		}
		double bytes = (double)c->bytes;
		if (bytes > 0)
			curves->low_bytes = fmin(curves->low_bytes, bytes);
		curves->high_bytes = fmax(curves->high_bytes, bytes);
		curves->zero = c->bytes == 0 ? 1 : curves->zero;
		curves->low = fmin(curves->low, c->interval.low);
		curves->high = fmax(curves->high, c->interval.high);
	}
	return true;
}

static int by_last(const void *left, const void *right)
{
	const struct curve *a = left, *b = right;
	return a->last != b->last ? (a->last > b->last) - (a->last < b->last)
				  : strcmp(a->what, b->what);
}

// The same colour for the same mechanism on every plot: those that readers
// know first, then others in the order of the file while colours last.
static void choose_highlights(struct curves *curves)
{
	static const char *const known[HIGHLIGHTS] = {
		"pipe", "tcp", "ring", "unix-stream", "shm-futex", "mqueue",
	};
	bool used[HIGHLIGHTS] = { false };
	size_t next = 0;

	for (size_t i = 0; i < curves->count; i++)
		for (size_t k = 0; k < HIGHLIGHTS; k++)
			if (!strcmp(curves->curve[i].what, known[k])) {
				curves->curve[i].ink = INK_SERIES + (int)k;
				used[k] = true;
			}
	for (size_t i = 0; i < curves->count; i++) {
		while (next < HIGHLIGHTS && used[next])
			next++;
		if (next == HIGHLIGHTS)
			break;
		if (curves->curve[i].ink == INK_MUTED)
			curves->curve[i].ink = INK_SERIES + (int)next++;
	}
}

// Ends that lie close push each other up; what is pushed out at the top pushes
// back down.
static void place_labels(struct curves *curves, double height)
{
	double scale = height / log(curves->high / curves->low);
	double above = height;

	for (size_t i = 0; i < curves->count; i++) {
		struct curve *c = &curves->curve[i];
		c->label = scale * log(c->last / curves->low);
		if (i > 0 && c->label < c[-1].label + LABEL_HEIGHT)
			c->label = c[-1].label + LABEL_HEIGHT;
	}
	for (size_t i = curves->count; i-- > 0; above -= LABEL_HEIGHT) {
		if (curves->curve[i].label <= above)
			above = curves->curve[i].label;
		curves->curve[i].label = above;
	}
}

static int by_bytes(const void *left, const void *right)
{
	const struct measured *a = *(const struct measured *const *)left;
	const struct measured *b = *(const struct measured *const *)right;
	return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static bool write_curve(struct drawing *d, const struct curves *curves,
			size_t number)
{
	const struct reading *r = curves->panel->readings;
	const struct measured **points = calloc(r->count + 1, sizeof *points);
	size_t count = 0;

	if (!points)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (on_curve(curves->panel, &r->cases[i],
			     curves->curve[number].what))
			points[count++] = &r->cases[i];
	qsort(points, count, sizeof *points, by_bytes);
	fprintf(d->script, "$c%zu << EOD\n", number);
	for (size_t i = 0; i < count; i++)
		fprintf(d->script, "%.9g %.9g %.9g %.9g\n",
			points[i]->bytes ? (double)points[i]->bytes
					 : curves->zero,
			points[i]->median, points[i]->interval.low,
			points[i]->interval.high);
	fputs("EOD\n", d->script);
	free(points);
	return true;
}

static bool size_is_measured(const struct curves *curves, int64_t bytes)
{
	const struct reading *r = curves->panel->readings;

	for (size_t i = 0; i < r->count; i++)
		if (in_panel(curves->panel, &r->cases[i]) &&
		    r->cases[i].bytes == bytes)
			return true;
	return false;
}

static void write_size_ticks(struct drawing *d, const struct curves *curves)
{
	char name[HUMAN_BYTES], ink[16];
	bool begun = false;

	fprintf(d->script, "set xtics scale 0 textcolor rgb '%s' (",
		ink_colour(ink, INK_TEXT));
	if (curves->zero > 0) {
		fprintf(d->script, "'0' %.9g", curves->zero);
		begun = true;
	}
	for (int shift = 0; shift < 62; shift++) {
		int64_t bytes = INT64_C(1) << shift;
		if (!size_is_measured(curves, bytes))
			continue;
		fprintf(d->script, "%s'%s' %.9g", begun ? ", " : "",
			human_size(name, (uint64_t)bytes), (double)bytes);
		begun = true;
	}
	fprintf(d->script, "%s)\nset grid xtics lt 1 lw 1 lc rgb '%s'\n",
		begun ? "" : "'' 1", ink_colour(ink, INK_GRID));
}

static void write_value_ticks(struct drawing *d, const struct curves *curves)
{
	double decades = log10(curves->high / curves->low);
	char text[VALUE_BYTES], ink[16];
	bool begun = false;

	fprintf(d->script, "set ytics scale 0 textcolor rgb '%s' (",
		ink_colour(ink, INK_TEXT));
	for (double at = round_number(curves->low, true);
	     at <= curves->high * 1.0001; at = round_number(at * 1.5, true)) {
		bool decade = fabs(log10(at) - round(log10(at))) < 1e-6;
		if (decades > 2 && !decade)
			continue;
		fprintf(d->script, "%s'%s' %.9g", begun ? ", " : "",
			tick_value(text, curves->panel->bandwidth, at), at);
		begun = true;
	}
	fprintf(d->script, "%s)\nset grid ytics lt 1 lw 1 lc rgb '%s'\n",
		begun ? "" : "'' 1", ink_colour(ink, INK_GRID));
}

static void write_curve_labels(struct drawing *d, const struct curves *curves,
			       int right, int bottom)
{
	char token[16], colour[16], line[16];

	for (size_t i = 0; i < curves->count; i++) {
		const struct curve *c = &curves->curve[i];
		double y = (bottom + c->label) / d->height;
		ink_colour(colour, c->ink);
		ink_colour(line, c->ink == INK_MUTED ? INK_GRID : c->ink);
		fprintf(d->script,
			"set label '%s' at screen %.5f, screen %.5f "
			"left tc rgb '%s'\nset arrow from first %.9g, "
			"first %.9g to screen %.5f, screen %.5f nohead lw 0.7 "
			"lc rgb '%s'\n",
			drawing_label(d, token, c->what),
			(d->width - right + 20) / (double)d->width, y, colour,
			c->last_bytes > 0 ? c->last_bytes : curves->zero,
			c->last, (d->width - right + 17) / (double)d->width, y,
			line);
	}
}

bool has_curves(const struct panel *panel)
{
	struct curves curves;
	bool has = panel->results == 1 && find_curves(panel, &curves) &&
		   curves.count > 0;

	if (panel->results == 1)
		free(curves.curve);
	return has;
}

static char *describe_curves(const struct curves *curves)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	fprintf(out,
		"%s by size, %s, from the smallest value at the largest "
		"size up:",
		family_title(curves->panel->family),
		placement_title(curves->panel->placement));
	for (size_t i = 0; i < curves->count; i++)
		fprintf(out, "%s %s", i ? "," : "", curves->curve[i].what);
	fputs(". The values are in the table.", out);
	return fclose(out) == 0 ? text : NULL;
}

void draw_panel_curves(struct report *report, const struct panel *panel)
{
	enum {
		LEFT = 66,
		RIGHT = 124,
		TOP = 10,
		BOTTOM = 30,
		LOW = 190,
		TALL = 300
	};
	struct curves curves;
	struct drawing d;
	char colour[16];

	bool found = find_curves(panel, &curves);
	choose_highlights(&curves);
	qsort(curves.curve, curves.count, sizeof *curves.curve, by_last);
	// so that an axis has two numbers at least
	curves.low = fmin(curves.low / 1.05, round_number(curves.low, false));
	curves.high = fmax(curves.high * 1.05, round_number(curves.high, true));
	if (curves.zero > 0) {
		curves.zero = isfinite(curves.low_bytes) ? curves.low_bytes / 4
							 : 1;
		curves.low_bytes = curves.zero;
	}
	curves.high_bytes = fmax(curves.high_bytes, 2 * curves.low_bytes);
	int least = curves.count < 3 ? LOW : TALL;
	int plot = LABEL_HEIGHT * (int)curves.count;
	plot = plot > least ? plot : least;
	place_labels(&curves, plot);

	char *alt = describe_curves(&curves);
	drawing_begin(&d, PANEL_WIDTH, plot + TOP + BOTTOM);
	d.out_of_memory |= !found || !alt;
	write_margins(&d, LEFT, RIGHT, TOP, BOTTOM);
	fprintf(d.script,
		"set logscale x 2\nset logscale y 10\n"
		"set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n",
		curves.low_bytes / 1.1, curves.high_bytes * 1.1, curves.low,
		curves.high);
	write_size_ticks(&d, &curves);
	write_value_ticks(&d, &curves);
	write_curve_labels(&d, &curves, RIGHT, BOTTOM);
	for (size_t i = 0; i < curves.count; i++)
		d.out_of_memory |= !write_curve(&d, &curves, i);
	// the coloured ones last, on top
	const char *separator = "plot ";
	for (int coloured = 0; coloured < 2; coloured++)
		for (size_t i = 0; i < curves.count; i++) {
			int ink = curves.curve[i].ink;
			if ((ink != INK_MUTED) != coloured)
				continue;
			ink_colour(colour, coloured ? ink : INK_GRID);
			fprintf(d.script,
				"%s$c%zu using 1:2 with lines lw %g "
				"lc rgb '%s'",
				separator, i, coloured ? 2.2 : 1.3, colour);
			separator = ", ";
			if (!coloured)
				continue;
			fprintf(d.script,
				", $c%zu using 1:3:(0):($4-$3) with "
				"vectors nohead lw 3 lc rgb '%s', $c%zu using "
				"1:2 with points pt 7 ps 0.7 lc rgb '%s'",
				i, colour, i, colour);
		}
	fputc('\n', d.script);
	drawing_end(&d, report, alt ? alt : "");
	free(alt);
	free(curves.curve);
}

// ## Distributions

enum { STRIP_HEIGHT = 32 };

static bool has_histogram(const struct measured *c)
{
	return json_array_size(json_object_get(c->json, "histogram")) > 0;
}

bool has_distribution(const struct panel *panel)
{
	for (size_t i = 0; i < panel->count && panel->results == 1; i++)
		if (has_histogram(panel->rows[i].first))
			return true;
	return false;
}

static double bucket_value(const json_t *bucket, size_t i)
{
	return json_number_value(json_array_get(bucket, i));
}

struct strips {
	double low, high;
	size_t count;
};

static struct strips measure_strips(const struct panel *panel)
{
	struct strips s = { .low = INFINITY };

	for (size_t i = 0; i < panel->count; i++) {
		if (!has_histogram(panel->rows[i].first))
			continue;
		const struct measured *c = panel->rows[i].first;
		const json_t *histogram = json_object_get(c->json, "histogram");
		const json_t *first = json_array_get(histogram, 0);
		const json_t *last = json_array_get(
			histogram, json_array_size(histogram) - 1);
		double low = bucket_value(first, 0);
		s.low = fmin(s.low, low > 0 ? low : bucket_value(first, 1) / 2);
		s.high = fmax(s.high, bucket_value(last, 1));
		if (!isnan(c->percentile[READ_PERCENTILE_MAX]))
			s.high = fmax(s.high,
				      c->percentile[READ_PERCENTILE_MAX]);
		s.count++;
	}
	return s;
}

static void write_boxes(struct drawing *d, const struct measured *c, double y,
			double low)
{
	const json_t *histogram = json_object_get(c->json, "histogram");
	double most = 0;
	size_t i;
	json_t *bucket;

	json_array_foreach(histogram, i, bucket)
		most = fmax(most, bucket_value(bucket, 2));
	json_array_foreach(histogram, i, bucket)
	{
		double height = most > 0 ? sqrt(bucket_value(bucket, 2) / most)
					 : 0;
		double from = fmax(bucket_value(bucket, 0), low);
		if (height > 0)
			fprintf(d->script, "%.9g %.9g %g %g\n", from,
				bucket_value(bucket, 1), y - 0.38,
				y - 0.38 + 0.76 * height);
	}
}

// x and y of one percentile of all strips; gnuplot leaves "NaN" out.
static void write_percentile(struct drawing *d, const struct panel *panel,
			     const char *block, int percentile, double low,
			     size_t count)
{
	fprintf(d->script, "$%s << EOD\n", block);
	for (size_t i = 0; i < panel->count; i++) {
		const struct measured *c = panel->rows[i].first;
		if (!has_histogram(panel->rows[i].first))
			continue;
		double value = c->percentile[percentile];
		if (isnan(value) || value <= 0)
			fprintf(d->script, "NaN %zu\n", count);
		else
			fprintf(d->script, "%.9g %g\n", fmax(value, low),
				(double)count - 0.38);
		count--;
	}
	fputs("EOD\n", d->script);
}

// From the fastest operation to the slowest.
static void write_ranges(struct drawing *d, const struct panel *panel,
			 double low, size_t count)
{
	fputs("$range << EOD\n", d->script);
	for (size_t i = 0; i < panel->count; i++) {
		const struct measured *c = panel->rows[i].first;
		if (!has_histogram(panel->rows[i].first))
			continue;
		const json_t *histogram = json_object_get(c->json, "histogram");
		double from = bucket_value(json_array_get(histogram, 0), 0);
		double to = c->percentile[READ_PERCENTILE_MAX];
		if (isnan(to))
			to = bucket_value(
				json_array_get(histogram,
					       json_array_size(histogram) - 1),
				1);
		fprintf(d->script, "%.9g %.9g %g\n", fmax(from, low),
			fmax(to, low), (double)count-- - 0.38);
	}
	fputs("EOD\n", d->script);
}

static char *describe_strips(const struct panel *panel)
{
	char *text = NULL, median[VALUE_BYTES], seldom[VALUE_BYTES];
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	fprintf(out, "Single operations of %s, %s: median and 99 %%.",
		family_title(panel->family), placement_title(panel->placement));
	for (size_t i = 0; i < panel->count; i++) {
		const double *p = panel->rows[i].first->percentile;
		if (has_histogram(panel->rows[i].first) && !isnan(p[2]))
			fprintf(out, " %s: %s, %s.", panel->rows[i].label,
				fine_value(median, false, p[0]),
				fine_value(seldom, false, p[2]));
	}
	return fclose(out) == 0 ? text : NULL;
}

void draw_distribution(struct report *report, const struct panel *panel)
{
	enum { TOP = 20, BOTTOM = 28, RIGHT = 74 };
	struct strips strips = measure_strips(panel);
	int left = label_width(panel);
	char text[VALUE_BYTES], ink[16], soft[16], dark[16];
	char *alt = describe_strips(panel);
	struct drawing d;
	size_t row = strips.count;

	strips.low = round_number(strips.low, false);
	strips.high = round_number(strips.high, true);
	drawing_begin(&d, PANEL_WIDTH,
		      TOP + BOTTOM + STRIP_HEIGHT * (int)strips.count);
	d.out_of_memory |= !alt;
	write_margins(&d, left, RIGHT, TOP, BOTTOM);
	fprintf(d.script,
		"set logscale x 10\nset xrange [%.9g:%.9g]\n"
		"set yrange [0.5:%g]\n",
		strips.low, strips.high, (double)strips.count + 0.5);
	write_log_ticks(&d, strips.low, strips.high, false);
	write_row_label(&d, "99 %", d.width - 4, (double)strips.count + 0.75,
			"right", INK_MUTED);
	fputs("$boxes << EOD\n", d.script);
	for (size_t i = 0; i < panel->count; i++)
		if (has_histogram(panel->rows[i].first))
			write_boxes(&d, panel->rows[i].first, (double)row--,
				    strips.low);
	fputs("EOD\n", d.script);
	row = strips.count;
	for (size_t i = 0; i < panel->count; i++) {
		const struct measured *c = panel->rows[i].first;
		if (!has_histogram(panel->rows[i].first))
			continue;
		write_row_name(&d, panel->rows[i].label, left, (double)row);
		write_row_label(&d,
				isnan(c->percentile[2])
					? "–"
					: fine_value(text, false,
						     c->percentile[2]),
				d.width - 4, (double)row, "right", INK_TEXT);
		row--;
	}
	write_percentile(&d, panel, "p50", 0, strips.low, strips.count);
	write_percentile(&d, panel, "p99", 2, strips.low, strips.count);
	write_percentile(&d, panel, "p999", 3, strips.low, strips.count);
	write_ranges(&d, panel, strips.low, strips.count);
	ink_colour(ink, INK_PLACE + panel->place);
	ink_colour(soft, INK_PLACE_SOFT + panel->place);
	ink_colour(dark, INK_TEXT);
	fprintf(d.script,
		"plot $boxes using 1:3:1:2:3:4 with boxxyerror fs "
		"solid noborder lc rgb '%s', $range using 1:3:($2-$1):(0) with "
		"vectors nohead lw 1.2 lc rgb '%s', $p50 using 1:2:(0):"
		"(0.76) with vectors nohead lw 2 lc rgb '%s', $p99 using 1:2 "
		"with points pt 7 ps 0.8 lc rgb '%s', $p999 using 1:2 with "
		"points pt 6 ps 0.85 lc rgb '%s'\n",
		soft, ink, dark, ink, ink);
	drawing_end(&d, report, alt ? alt : "");
	free(alt);
}
