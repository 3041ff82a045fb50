// # Gantt charts as SVG
//
// One document that needs nothing else: no script, no font, no other file. Its
// colours are those of Okabe & Ito, which also colour-blind readers can tell
// apart ("Color Universal Design", 2008), on a ground that follows the reader's
// own choice of light or dark (prefers-color-scheme). Each bar says in a
// tooltip what it is.
//
// Bars thinner than a point would be thousands, and a grey mush. They are
// gathered: each point of the row shows, by the height of its bar, for how much
// of that time the job ran. So the document stays small, whatever the history.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chart.h"
#include "scale.h"
#include "stretches.h"
#include "utf8.h"

enum {
	WIDTH = 960,
	MARGIN = 16,
	HEADING = 26,
	AXIS = 34,
	BETWEEN = 18,
	LEGEND = 22,
	LABEL_MOST = 240,
	COLOURS = 6,
};

struct document {
	FILE *out;
	const struct jobs *jobs;
	struct scale scale;
	struct time_unit unit;
	int label, row; // points
	int cpus;
	bool failed;
};

static void put(struct document *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct document *d, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vfprintf(d->out, format, ap) < 0)
		d->failed = true;
	va_end(ap);
}

// Text as XML 1.0 allows it (sections 2.2 and 2.4): without controls, in UTF-8,
// and with entities for what means something else.
static void put_text(struct document *d, const char *text)
{
	for (size_t bytes; *text; text += bytes) {
		uint32_t c = utf8_next(text, &bytes);
		if (c == '&')
			put(d, "&amp;");
		else if (c == '<')
			put(d, "&lt;");
		else if (c == '>')
			put(d, "&gt;");
		else if (c == '"')
			put(d, "&quot;");
		else if (c == '\'')
			put(d, "&apos;");
		else if (c == UTF8_INVALID || c < ' ' ||
			 (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff)
			put(d, "\xef\xbf\xbd");
		else
			put(d, "%.*s", (int)bytes, text);
	}
}

// Exact, in the unit of the axis.
static void put_time(struct document *d, int64_t ns)
{
	put(d, "%.12g", (double)ns / (double)d->unit.ns);
}

static double x_of(const struct document *d, int64_t ns)
{
	return d->label + scale_place(&d->scale, ns);
}

// ## Bars

static void put_tooltip(struct document *d, const char *name,
			const struct stretch *s)
{
	static const char *const ends[] = {
		[SLICE_FINISHED] = "done",
		[SLICE_BLOCKED] = "left to wait",
		[SLICE_PREEMPTED] = "preempted",
		[SLICE_EXPIRED] = "quantum over",
	};

	put(d, "<title>");
	put_text(d, name);
	put(d, " %s",
	    s->state == READY   ? "ready"
	    : s->state == WAITS ? "waits (I/O)"
				: "runs");
	if (s->state == RUNS && d->cpus > 1)
		put(d, " on CPU %d", s->cpu);
	put(d, ": ");
	put_time(d, s->begin_ns);
	put(d, " to ");
	put_time(d, s->end_ns);
	put(d, " %s", d->unit.name);
	if (s->state == RUNS)
		put(d, ", %s", ends[s->end]);
	put(d, "</title>");
}

// How a slice ended, at its right edge: an upright line where the time was
// over, a corner where somebody else was more urgent, a cap where all is done.
static void put_end(struct document *d, const struct stretch *s, double right,
		    double y)
{
	double low = y + d->row - 3;

	if (s->end == SLICE_EXPIRED)
		put(d, "<path class='x' d='M%.2f %.1fV%.1f'/>\n", right - 0.6,
		    y + 3, low);
	else if (s->end == SLICE_PREEMPTED)
		put(d, "<path class='p' d='M%.2f %.1fv8l-8 -8z'/>\n", right,
		    y + 3);
	else if (s->end == SLICE_FINISHED)
		put(d, "<path class='f' d='M%.2f %.1fV%.1f'/>\n", right - 1,
		    y + 1, y + d->row - 1.0);
}

static void put_bar(struct document *d, const char *name,
		    const struct stretch *s, double y)
{
	double x = x_of(d, s->begin_ns), width = x_of(d, s->end_ns) - x;
	double middle = y + d->row / 2.0;

	if (s->state == RUNS)
		put(d,
		    "<rect class='c%d' x='%.2f' y='%.1f' width='%.2f' "
		    "height='%d'>",
		    s->cpu % COLOURS, x, y + 3, width, d->row - 6);
	else
		put(d,
		    "<rect class='%s' x='%.2f' y='%.1f' width='%.2f' "
		    "height='%d'>",
		    s->state == READY ? "r" : "w", x,
		    middle - (s->state == READY ? 1 : 3), width,
		    s->state == READY ? 2 : 6);
	put_tooltip(d, name, s);
	put(d, "</rect>\n");
	if (s->state == RUNS && (width >= 6 || s->end == SLICE_FINISHED))
		put_end(d, s, x + width, y);
}

static void put_share(struct document *d, const char *name, int point,
		      double share, double y)
{
	double height = share * (d->row - 6);

	put(d,
	    "<rect class='s' x='%d' y='%.2f' width='1' height='%.2f'>"
	    "<title>",
	    d->label + point, y + d->row - 3 - height, height);
	put_text(d, name);
	put(d, " runs %.0f %% of the time here</title></rect>\n", share * 100);
}

static void gather(const struct document *d, double *shares,
		   const struct stretch *s)
{
	double begin = scale_place(&d->scale, s->begin_ns);
	double end = scale_place(&d->scale, s->end_ns);
	int point = (int)begin;

	if (point >= d->scale.columns)
		point = d->scale.columns - 1;
	double border = end < point + 1 ? end : point + 1;
	shares[point] += border - begin;
	if (end > border && point + 1 < d->scale.columns)
		shares[point + 1] += end - border;
}

static void put_row(struct document *d, const char *name,
		    const struct stretch *stretch, size_t n, double y)
{
	double *shares = calloc((size_t)d->scale.columns, sizeof *shares);

	put(d, "<text x='%d' y='%.1f'>", MARGIN, y + d->row / 2.0 + 4);
	put_text(d, name);
	put(d, "</text>\n");
	for (size_t i = 0; i < n && shares; i++) {
		const struct stretch *s = &stretch[i];
		double width = x_of(d, s->end_ns) - x_of(d, s->begin_ns);
		if (width >= 1)
			put_bar(d, name, s, y);
		else if (s->state == RUNS)
			gather(d, shares, s);
	}
	for (int i = 0; i < d->scale.columns && shares; i++)
		if (shares[i] > 0)
			put_share(d, name, i, shares[i], y);
	d->failed |= !shares;
	free(shares);
}

// ## The axis, with lines through all rows

static void put_axis(struct document *d, double top, double bottom)
{
	enum { APART = 70 };
	int64_t first_ns;
	int64_t step = scale_step(&d->scale, APART, &first_ns);

	for (wide t = first_ns; t - d->scale.begin_ns <= d->scale.length_ns;
	     t += step) {
		double x = x_of(d, (int64_t)t);
		put(d, "<path class='g' d='M%.2f %.1fV%.1f'/>\n", x, top,
		    bottom + 4);
		put(d, "<text class='n' x='%.2f' y='%.1f'>", x, bottom + 17);
		put_time(d, (int64_t)t);
		put(d, "%s%s</text>\n", t == first_ns ? " " : "",
		    t == first_ns ? d->unit.name : "");
	}
}

static double put_chart(struct document *d, const struct chart *chart, double y)
{
	struct stretches stretches;
	char text[JOB_NAME_BYTES];

	if (stretches_make(&stretches, d->jobs, chart->history) != 0) {
		d->failed = true;
		return y;
	}
	put(d, "<text class='t' x='%d' y='%.1f'>", MARGIN, y + 16);
	put_text(d, chart->title ? chart->title : "");
	put(d, "</text>\n");
	y += HEADING;
	double bottom = y + (double)d->jobs->count * d->row;
	put_axis(d, y, bottom);
	for (size_t i = 0; i < d->jobs->count; i++)
		put_row(d, job_name(d->jobs, (int)i, text),
			stretches.stretch + stretches.first[i],
			stretches.first[i + 1] - stretches.first[i],
			y + (double)i * d->row);
	stretches_free(&stretches);
	return bottom + AXIS + BETWEEN;
}

// ## The legend

static void put_key(struct document *d, double *x, double y, const char *class,
		    const char *text)
{
	double height = *class == 'r' ? 2 : *class == 'w' ? 6 : 12;

	put(d,
	    "<rect class='%s' x='%.1f' y='%.1f' width='22' height='%.0f'/>"
	    "<text x='%.1f' y='%.1f'>%s</text>\n",
	    class, *x, y + 6 - height / 2, height, *x + 28, y + 10, text);
	*x += 28 + 7 * text_columns(text) + 20;
}

static void put_end_key(struct document *d, double *x, double y,
			enum slice_end end, const char *text)
{
	const struct stretch key = { .end = end };

	put(d, "<rect class='c0' x='%.1f' y='%.1f' width='22' height='%d'/>\n",
	    *x, y + 6 - (d->row - 6) / 2.0, d->row - 6);
	put_end(d, &key, *x + (end == SLICE_EXPIRED ? 14 : 22),
		y + 6 - d->row / 2.0);
	put(d, "<text x='%.1f' y='%.1f'>%s</text>\n", *x + 28, y + 10, text);
	*x += 28 + 7 * text_columns(text) + 20;
}

static void put_legend(struct document *d, double y)
{
	double x = MARGIN;
	char class[8], text[32];

	if (d->cpus == 1) {
		put_key(d, &x, y, "c0", "runs");
	} else {
		for (int i = 0; i < d->cpus && i < COLOURS; i++) {
			snprintf(class, sizeof class, "c%d", i);
			snprintf(text, sizeof text, "CPU %d%s", i,
				 d->cpus > COLOURS ? " .." : "");
			put_key(d, &x, y, class, text);
		}
	}
	put_key(d, &x, y, "r", "ready");
	put_key(d, &x, y, "w", "waits (I/O)");
	x = MARGIN;
	y += LEGEND;
	put_end_key(d, &x, y, SLICE_EXPIRED, "quantum over");
	put_end_key(d, &x, y, SLICE_PREEMPTED, "preempted");
	put_end_key(d, &x, y, SLICE_FINISHED, "done");
}

// ## The document

static const char style[] =
	"<style>\n"
	"svg{--ground:#fff;--ink:#1a1a1a;--faint:#dcdcdc;--ready:#8c8c8c;"
	"--waits:#d55e00;--end:#fff;--cap:#1a1a1a;color-scheme:light dark}\n"
	"@media(prefers-color-scheme:dark){svg{--ground:#16181c;--ink:#e8e8e8;"
	"--faint:#33373d;--ready:#8a8f98;--waits:#e69f00;--end:#16181c;"
	"--cap:#e8e8e8}}\n"
	"text{font:12px system-ui,sans-serif;fill:var(--ink)}"
	".t{font-size:14px;font-weight:600}.n{fill:var(--ready)}\n"
	".ground{fill:var(--ground)}"
	".g{stroke:var(--faint);stroke-width:1}"
	".r{fill:var(--ready)}.w{fill:var(--waits)}.s{fill:#0072b2}\n"
	".c0{fill:#0072b2}.c1{fill:#009e73}.c2{fill:#cc79a7}.c3{fill:#b8860b}"
	".c4{fill:#56b4e9}.c5{fill:#7b5ea7}\n"
	".x{stroke:var(--end);stroke-width:1.2}.p{fill:#ffd000}"
	".f{stroke:var(--cap);stroke-width:2}\n"
	"</style>\n";

static int label_points(const struct jobs *jobs)
{
	char text[JOB_NAME_BYTES];
	int most = 0;

	for (size_t i = 0; i < jobs->count; i++) {
		int own = 8 * text_columns(job_name(jobs, (int)i, text));
		most = own > most ? own : most;
	}
	return MARGIN + (most < LABEL_MOST ? most : LABEL_MOST) + 12;
}

static double height_of(const struct document *d, size_t charts)
{
	double chart = HEADING + (double)d->jobs->count * d->row + AXIS +
		       BETWEEN;

	return MARGIN + (double)charts * chart + 2 * LEGEND + MARGIN;
}

static void put_document(struct document *d, const struct chart *charts,
			 size_t n)
{
	double height = height_of(d, n), y = MARGIN;

	put(d,
	    "<?xml version='1.0' encoding='UTF-8'?>\n"
	    "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%.0f' "
	    "viewBox='0 0 %d %.0f' role='img'>\n",
	    WIDTH, height, WIDTH, height);
	put(d, "<title>Gantt chart%s", n > 0 ? ": " : "");
	for (size_t i = 0; i < n; i++) {
		put(d, "%s", i > 0 ? "; " : "");
		put_text(d, charts[i].title ? charts[i].title : "");
	}
	put(d, "</title>\n%s<rect class='ground' width='%d' height='%.0f'/>\n",
	    style, WIDTH, height);
	for (size_t i = 0; i < n; i++)
		y = put_chart(d, &charts[i], y);
	put_legend(d, y);
	put(d, "</svg>\n");
}

char *chart_svg(const struct jobs *jobs, const struct chart *charts, size_t n)
{
	enum { MANY = 16 };
	char *text = NULL;
	size_t bytes;
	struct document d = {
		.out = open_memstream(&text, &bytes),
		.jobs = jobs,
		.label = label_points(jobs),
		.row = jobs->count > MANY ? 18 : 24,
		.cpus = 1,
	};

	if (!d.out)
		return NULL;
	d.scale = scale_of(jobs, charts, n, WIDTH - MARGIN - d.label);
	d.unit = scale_unit(&d.scale);
	for (size_t i = 0; i < n; i++)
		if (charts[i].history->cpus > d.cpus)
			d.cpus = charts[i].history->cpus;
	put_document(&d, charts, n);
	if (fclose(d.out) != 0 || d.failed) {
		free(text);
		return NULL;
	}
	return text;
}
