// # Fault ratios against frames, for papers
//
// SVG 1.1 by hand: a field, two axes, a line and a legend for each policy. Frames
// are spaced by their logarithm where they span far.
//
// Source: https://www.w3.org/TR/SVG11/

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/replace/replace.h"
#include "options.h"

enum {
	WIDTH = 720,
	HEIGHT = 420,
	LEFT = 60,
	TOP = 40,
	FIELD = 460,
	DEEP = 320
};

struct scale {
	double low, high;
	bool logarithmic;
};

static struct scale scale_of(const double *x, size_t points)
{
	struct scale s = { x[0], x[0], false };

	for (size_t i = 0; i < points; i++) {
		s.low = fmin(s.low, x[i]);
		s.high = fmax(s.high, x[i]);
	}
	s.logarithmic = s.high / s.low > 32;
	return s;
}

static double place(const struct scale *s, double x)
{
	if (s->low == s->high)
		return LEFT + FIELD / 2.0;
	double share = s->logarithmic ? log(x / s->low) / log(s->high / s->low)
				      : (x - s->low) / (s->high - s->low);
	return LEFT + share * FIELD;
}

static double height(double y)
{
	return TOP + DEEP * (1 - y / 100);
}

// A hue for each of `n`, by turns light and dark.
static void put_colour(FILE *out, size_t i, size_t n)
{
	fprintf(out, "hsl(%zu,70%%,%d%%)", i * 360 / n, i % 2 ? 30 : 45);
}

static void put_axes(FILE *out, const struct scale *s, const double *x,
		     size_t points)
{
	enum { TICKS = 8 };
	size_t step = points > TICKS ? (points + TICKS - 1) / TICKS : 1;

	for (int y = 0; y <= 100; y += 20)
		fprintf(out,
			"<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d "
			"%%</text>\n",
			LEFT, height(y), LEFT + FIELD, LEFT - 6, height(y) + 4,
			y);
	for (size_t i = 0; i < points; i += step)
		fprintf(out,
			"<path d=\"M%.1f %dv5\" stroke=\"#000\"/>\n"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f"
			"</text>\n",
			place(s, x[i]), TOP + DEEP, place(s, x[i]),
			TOP + DEEP + 18, x[i]);
	fprintf(out,
		"<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#000\"/>\n"
		"<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">frames</text>"
		"\n",
		LEFT, TOP, TOP + DEEP, LEFT + FIELD, LEFT + FIELD / 2,
		TOP + DEEP + 38);
}

static void put_line(FILE *out, const struct scale *s, const double *x,
		     size_t points, const struct line *line, size_t i, size_t n)
{
	bool pen = false;

	fputs("<path fill=\"none\" stroke-width=\"1.5\" stroke=\"", out);
	put_colour(out, i, n);
	fputs("\" d=\"", out);
	for (size_t p = 0; p < points; p++) {
		if (!isnan(line->y[p]))
			fprintf(out, "%c%.1f %.1f", pen ? 'L' : 'M',
				place(s, x[p]), height(line->y[p]));
		pen = !isnan(line->y[p]);
	}
	fputs("\"/>\n", out);
	for (size_t p = 0; p < points && points <= 16; p++)
		if (!isnan(line->y[p])) {
			fprintf(out,
				"<circle r=\"2.5\" cx=\"%.1f\" cy=\"%.1f\" "
				"fill=\"",
				place(s, x[p]), height(line->y[p]));
			put_colour(out, i, n);
			fputs("\"/>\n", out);
		}
	double y = TOP + 10 + 20 * (double)i;
	fprintf(out, "<path stroke-width=\"3\" d=\"M%d %.0fh20\" stroke=\"",
		LEFT + FIELD + 20, y - 4);
	put_colour(out, i, n);
	fprintf(out, "\"/>\n<text x=\"%d\" y=\"%.0f\">%s</text>\n",
		LEFT + FIELD + 46, y, line->label);
}

static int put(FILE *out, const char *title, const double *x, size_t points,
	       const struct line *lines, size_t n)
{
	struct scale scale = scale_of(x, points);

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n"
		"<text x=\"%d\" y=\"24\" font-size=\"14\">%s</text>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT, title);
	put_axes(out, &scale, x, points);
	for (size_t i = 0; i < n; i++)
		put_line(out, &scale, x, points, &lines[i], i, n);
	return fputs("</svg>\n", out) == EOF ? -1 : 0;
}

int write_svg(const struct request *request, const char *title, const double *x,
	      size_t points, const struct line *lines, size_t n)
{
	if (!strcmp(request->svg, "-")) {
		put(stdout, title, x, points, lines, n);
		return 0; // whether it could be written, options_end looks
	}
	FILE *file = fopen(request->svg, "we");
	bool failed = !file || put(file, title, x, points, lines, n) != 0;
	int error = errno;
	if (file && fclose(file) != 0 && !failed) {
		failed = true;
		error = errno;
	}
	return failed ? option_complain(EXIT_FAILURE, "%s: %s", request->svg,
					strerror(error))
		      : 0;
}
