// # The plots: one question each
//
//   side by side   which mechanism is how far from which? One row a mechanism,
//                  fastest on top, logarithmic for times, from zero for bytes
//                  per second (a length is a bandwidth). Every round is a
//                  thin mark, the interval a bar, the median a dot: what
//                  varies can be seen to vary.
//   size curves    what does a byte cost?                       (curves.c)
//   distribution   what does a single operation cost when it
//                  goes wrong?                                  (curves.c)

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "panels.h"

enum { ROW_HEIGHT = 22 };

// What is drawn for one case: `row` is the middle of the row, `y` that of its
// marks, `half` half of their height.
struct mark {
	const struct measured *c;
	double row, y, half;
	int ink, soft;
};

static void write_marks(struct drawing *d, const struct mark *marks,
			size_t count, const struct panel *panel)
{
	fputs("$guides << EOD\n", d->script);
	for (size_t i = 0; i < count; i++)
		fprintf(d->script, "%.9g %.9g %g %g\n", panel->low,
			marks[i].c->median,
			panel->bandwidth ? marks[i].y : marks[i].row,
			marks[i].half);
	fputs("EOD\n$rounds << EOD\n", d->script);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < marks[i].c->rounds; k++)
			fprintf(d->script, "%.9g %g %g\n",
				marks[i].c->values[k],
				marks[i].y - marks[i].half, 2 * marks[i].half);
	fputs("EOD\n", d->script);
	for (size_t i = 0; i < count; i++)
		fprintf(d->script, "$m%zu << EOD\n%.9g %.9g %.9g %g\nEOD\n", i,
			marks[i].c->median, marks[i].c->interval.low,
			marks[i].c->interval.high, marks[i].y);
}

static void write_plot(struct drawing *d, const struct mark *marks,
		       size_t count, const struct panel *panel)
{
	char colour[16], soft[16];

	write_marks(d, marks, count, panel);
	ink_colour(soft, marks[0].soft);
	if (panel->bandwidth)
		fprintf(d->script,
			"plot $guides using 2:3:(0):2:($3-$4):"
			"($3+$4) with boxxyerror fs solid noborder "
			"lc rgb '%s'",
			soft);
	else
		fprintf(d->script,
			"plot $guides using 1:3:($2-$1):(0) "
			"with vectors nohead lw 1 lc rgb '%s'",
			ink_colour(colour, INK_GRID));
	fprintf(d->script,
		", $rounds using 1:2:(0):3 with vectors nohead "
		"lw 1 lc rgb '%s'",
		ink_colour(colour,
			   panel->results > 1 ? INK_MUTED : marks[0].ink));
	for (size_t i = 0; i < count; i++) {
		ink_colour(colour, marks[i].ink);
		fprintf(d->script,
			", $m%zu using 2:4:($3-$2):(0) with vectors "
			"nohead lw 3 lc rgb '%s', $m%zu using 1:4 with points "
			"pt %d ps 0.9 lc rgb '%s'",
			i, colour, i, marks[i].c->stable ? 7 : 6, colour);
	}
	fputc('\n', d->script);
}

static size_t make_marks(const struct panel *panel, struct mark *marks)
{
	size_t count = 0;

	for (size_t i = 0; i < panel->count; i++)
		for (size_t r = 0; r < panel->results; r++) {
			double share = 1.0 / (double)panel->results;
			if (!panel->rows[i].cases[r])
				continue;
			marks[count++] = (struct mark){
				.c = panel->rows[i].cases[r],
				.row = (double)(panel->count - i),
				.y = (double)(panel->count - i) + 0.36 -
				     0.72 * share * ((double)r + 0.5),
				.half = 0.36 * share,
				.ink = panel->results > 1
					       ? INK_SERIES + (int)r
					       : INK_PLACE + panel->place,
				.soft = INK_PLACE_SOFT + panel->place,
			};
		}
	return count;
}

static void write_right_column(struct drawing *d, const struct panel *panel)
{
	for (size_t i = 0; i < panel->count; i++) {
		const struct row *row = &panel->rows[i];
		const struct measured *first = row->cases[0];
		const struct measured *last = row->cases[panel->results - 1];
		char text[VALUE_BYTES] = "";

		if (panel->results == 1)
			fine_value(text, panel->bandwidth, first->median);
		else if (panel->results == 2 && first && last)
			snprintf(text, sizeof text, "×%.2f",
				 last->median / first->median);
		write_row_label(d, text, d->width - 4,
				(double)(panel->count - i), "right", INK_TEXT);
	}
}

static char *describe(const struct panel *panel)
{
	char *text = NULL, value[VALUE_BYTES];
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	fprintf(out, "%s, %s, fastest first.", family_title(panel->family),
		placement_title(panel->placement));
	for (size_t i = 0; i < panel->count; i++)
		for (size_t r = 0; r < panel->results; r++)
			if (panel->rows[i].cases[r])
				fprintf(out, " %s: %s.", panel->rows[i].label,
					fine_value(value, panel->bandwidth,
						   panel->rows[i]
							   .cases[r]
							   ->median));
	return fclose(out) == 0 ? text : NULL;
}

static bool shows_floor(const struct panel *panel)
{
	return !isnan(panel->floor) && panel->results == 1;
}

static void draw_side_by_side(struct report *report, const struct panel *panel)
{
	bool has_floor = shows_floor(panel);
	int left = label_width(panel), right = 84, top = has_floor ? 22 : 8;
	int height = top + (int)panel->count * ROW_HEIGHT + 28;
	char token[16], colour[16];
	struct drawing d;
	struct mark *marks = calloc(panel->count * panel->results + 1,
				    sizeof *marks);
	char *alt = describe(panel);

	drawing_begin(&d, PANEL_WIDTH, height);
	d.out_of_memory |= !marks || !alt;
	write_margins(&d, left, right, top, 28);
	fprintf(d.script, "set yrange [0.5:%g]\nset xrange [%.9g:%.9g]\n",
		(double)panel->count + 0.5, panel->low, panel->high);
	if (panel->bandwidth) {
		write_linear_ticks(&d, panel->high);
	} else {
		fputs("set logscale x 10\n", d.script);
		write_log_ticks(&d, panel->low, panel->high, false);
	}
	for (size_t i = 0; i < panel->count; i++)
		write_row_name(&d, panel->rows[i].label, left,
			       (double)(panel->count - i));
	write_right_column(&d, panel);
	if (has_floor) {
		ink_colour(colour, INK_MUTED);
		fprintf(d.script,
			"set arrow from first %.9g, graph 0 to first "
			"%.9g, graph 1 nohead dt 2 lw 1.5 lc rgb '%s'\n"
			"set label '%s' at first %.9g, graph 1 center "
			"offset 0,0.6 tc rgb '%s'\n",
			panel->floor, panel->floor, colour,
			drawing_label(&d, token, "floor"), panel->floor,
			colour);
	}
	if (marks)
		write_plot(&d, marks, make_marks(panel, marks), panel);
	drawing_end(&d, report, alt ? alt : "");
	free(alt);
	free(marks);
}

// ## The figures of a family

static void begin_figure(struct report *report, const struct panel *panel,
			 bool sized)
{
	char size[HUMAN_BYTES] = "";
	uint64_t bytes;

	if (sized && parse_size(panel->size, 1, INT64_MAX, &bytes) == 0)
		human_size(size, bytes);
	fputs("<figure>\n<h4>", report->out);
	html_text(report->out, placement_title(panel->placement), 80);
	fprintf(report->out, "%s%s</h4>\n", *size ? ", " : "", size);
}

static void end_figure(struct report *report, const struct panel *panel)
{
	if (panel->left_out)
		fprintf(report->out,
			"<figcaption>%zu more are in the table."
			"</figcaption>\n",
			panel->left_out);
	fputs("</figure>\n", report->out);
}

// How to read a plot is said once a page.
enum told { TOLD_MARKS = 1, TOLD_FLOOR = 2, TOLD_CURVES = 4, TOLD_STRIPS = 8 };

static const char marks_note[] =
	"Dot: median of the rounds; bar: its 95&#160;% interval; thin marks: "
	"every round. A hollow dot: its rounds disagree. ";
static const char floor_note[] =
	"Dashed: the floor, the cheapest way two processes can do this here. ";
static const char curves_note[] =
	"Logarithmic both ways. A flat line costs the same for any size; one "
	"that climbs with the grid pays for each byte.";
static const char strips_note[] =
	"How often an operation took how long: the hill is most of them, its "
	"foot the seldom ones (heights are square roots, so that one in a "
	"thousand still shows). Line: half were faster; filled dot: "
	"99&#160;%; hollow dot: 99.9&#160;%; end of the base line: the "
	"slowest.";
static const char time_note[] =
	"Further left is better; the scale is logarithmic.";
static const char bandwidth_note[] = "Longer is better.";

// The text, unless it was told before.
static const char *once(struct report *report, enum told what, const char *text)
{
	bool told = report->told & what;

	report->told |= what;
	return told ? "" : text;
}

static void side_by_side(struct report *report, const struct panels *panels)
{
	bool has_floor = false;

	if (!panels->count)
		return;
	for (size_t i = 0; i < panels->count; i++)
		has_floor |= shows_floor(&panels->panel[i]);
	fprintf(report->out,
		"<p class=\"note\">%s%s%s</p>\n"
		"<div class=\"panels\">\n",
		once(report, TOLD_MARKS, marks_note),
		has_floor ? once(report, TOLD_FLOOR, floor_note) : "",
		panels->panel[0].bandwidth ? bandwidth_note : time_note);
	for (size_t i = 0; i < panels->count; i++) {
		begin_figure(report, &panels->panel[i], true);
		draw_side_by_side(report, &panels->panel[i]);
		end_figure(report, &panels->panel[i]);
	}
	fputs("</div>\n", report->out);
}

static void
group(struct report *report, const struct panels *panels, const char *title,
      enum told told, const char *note, bool (*has)(const struct panel *panel),
      void (*draw)(struct report *report, const struct panel *panel))
{
	bool begun = false;

	for (size_t i = 0; i < panels->count; i++) {
		if (!has(&panels->panel[i]))
			continue;
		if (!begun)
			fprintf(report->out,
				"<h3>%s</h3>\n<p class=\"note\">"
				"%s</p>\n<div class=\"panels\">\n",
				title, once(report, told, note));
		begun = true;
		begin_figure(report, &panels->panel[i],
			     draw != draw_panel_curves);
		draw(report, &panels->panel[i]);
		fputs("</figure>\n", report->out);
	}
	if (begun)
		fputs("</div>\n", report->out);
}

static void out_of_memory(struct report *report)
{
	if (report->error)
		return;
	report->error = -ENOMEM;
	snprintf(report->why, sizeof report->why, "%s", strerror(ENOMEM));
}

void plot_family(struct report *report, size_t which, const char *family)
{
	const struct reading *reading = &report->readings[which];
	struct panels times, rates;

	bool made = make_panels(&times, reading, 1, family, false);
	made = make_panels(&rates, reading, 1, family, true) && made;
	if (made) {
		const struct panels *const both[] = { &times, &rates };
		for (int i = 0; i < 2; i++)
			side_by_side(report, both[i]);
		for (int i = 0; i < 2; i++)
			group(report, both[i], "By size", TOLD_CURVES,
			      curves_note, has_curves, draw_panel_curves);
		for (int i = 0; i < 2; i++)
			group(report, both[i], "Single operations", TOLD_STRIPS,
			      strips_note, has_distribution, draw_distribution);
	} else {
		out_of_memory(report);
	}
	free_panels(&times);
	free_panels(&rates);
}

void plot_side_by_side(struct report *report, const char *family)
{
	struct panels panels;

	for (int bandwidth = 0; bandwidth < 2; bandwidth++) {
		if (make_panels(&panels, report->readings, report->count,
				family, bandwidth))
			side_by_side(report, &panels);
		else
			out_of_memory(report);
		free_panels(&panels);
	}
}

void each_family(struct report *report, size_t first, size_t last,
		 void (*call)(struct report *report, size_t which,
			      const char *family))
{
	const struct reading *readings = report->readings;

	for (size_t r = first; r <= last; r++)
		for (size_t i = 0; i < readings[r].count; i++) {
			const char *family = readings[r].cases[i].family;
			bool seen = false;
			for (size_t q = first; q <= r && !seen; q++) {
				size_t end = q == r ? i : readings[q].count;
				for (size_t k = 0; k < end && !seen; k++)
					seen = !strcmp(
						readings[q].cases[k].family,
						family);
			}
			if (!seen)
				call(report, first, family);
		}
}
