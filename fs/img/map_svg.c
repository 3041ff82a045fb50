// # The picture in colours
//
// A square a cell, 64 in a row, the first block at the top left. Metadata has a
// colour a kind; each file has one of its own, made of its inode's number, so that
// its pieces are seen to belong together. What a cell is stands in its title, which
// a browser shows under the mouse. Less used cells are paler. SVG 1.1, W3C 2011.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/map.h"

enum { PER_ROW = 64, SIDE = 12, TOP = 40, LEGEND_ROW = 20 };

const char *const cell_colours[CELL_KINDS] = {
	[PIECE_BOOT] = "#777777",         [PIECE_SUPER] = "#b2182b",
	[PIECE_DESCRIPTORS] = "#d6604d",  [PIECE_RESERVED] = "#f4a582",
	[PIECE_BLOCK_BITMAP] = "#762a83", [PIECE_INODE_BITMAP] = "#9970ab",
	[PIECE_INODE_TABLE] = "#2166ac",  [PIECE_JOURNAL] = "#222222",
	[PIECE_DIRECTORY] = "#e6ab02",    [PIECE_DATA] = "#1b7837",
	[PIECE_SYMLINK] = "#66a61e",      [PIECE_MAP] = "#a6761d",
	[PIECE_XATTR] = "#e7298a",        [CELL_FREE] = "#eeeeee",
	[CELL_LEAKED] = "#ff0000",
};

// In XML these five have a meaning, and controls have no place at all.
static void put_xml(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
}

// Hues far apart for neighbouring numbers: steps of the golden angle.
static void put_colour(FILE *out, const struct cell *cell)
{
	if (cell->used && cell->kind == PIECE_DATA)
		fprintf(out, "hsl(%" PRIu32 ",60%%,45%%)",
			(uint32_t)(cell->inode * UINT64_C(137508) / 1000 %
				   360));
	else
		fputs(cell_colours[cell->used ? cell->kind : CELL_FREE], out);
}

static void put_cell(FILE *out, const struct picture *x, size_t i)
{
	const struct cell *cell = &x->cell[i];
	uint64_t first = i * x->span, last = first + x->span - 1;
	double share = (double)cell->used / (double)x->span;

	if (last >= x->numbers.blocks)
		last = x->numbers.blocks - 1;
	fprintf(out,
		"<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" "
		"fill=\"",
		i % PER_ROW * SIDE, TOP + i / PER_ROW * SIDE, SIDE - 1,
		SIDE - 1);
	put_colour(out, cell);
	fprintf(out, "\" fill-opacity=\"%.2f\"><title>",
		cell->used ? 0.35 + 0.65 * (share < 1 ? share : 1) : 1.0);
	if (last > first)
		fprintf(out, "blocks %" PRIu64 "-%" PRIu64 ": ", first, last);
	else
		fprintf(out, "block %" PRIu64 ": ", first);
	put_xml(out, cell_word(cell->used ? cell->kind : CELL_FREE));
	if (cell->used && cell->inode) {
		const char *path = x->path[cell->inode];
		char *text = path ? shown(path, strlen(path)) : NULL;
		fprintf(out, " of inode %" PRIu32 " ", cell->inode);
		put_xml(out, text ? text : "");
		free(text);
	}
	fputs("</title></rect>\n", out);
}

// The kinds that occur, in two columns.
static int put_legend(FILE *out, const struct picture *x, size_t top)
{
	int n = 0;

	for (int kind = 0; kind < CELL_KINDS; kind++) {
		if (!x->of_kind[kind])
			continue;
		size_t left = (size_t)(n % 2) * PER_ROW * SIDE / 2;
		size_t y = top + (size_t)(n / 2) * LEGEND_ROW;
		fprintf(out,
			"<rect x=\"%zu\" y=\"%zu\" width=\"12\" "
			"height=\"12\" fill=\"%s\"/>"
			"<text x=\"%zu\" y=\"%zu\">",
			left, y, cell_colours[kind], left + 18, y + 11);
		put_xml(out, cell_word(kind));
		fprintf(out, ": %" PRIu64 "%s</text>\n", x->of_kind[kind],
			kind == PIECE_DATA ? " (each file its colour)" : "");
		n++;
	}
	return n;
}

int map_svg(const struct session *s, const struct picture *x, const char *path)
{
	size_t rows = (x->cells + PER_ROW - 1) / PER_ROW;
	size_t bottom = TOP + rows * SIDE + 16;
	FILE *out = fopen(path, "we");

	if (!out)
		return -errno;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%zu\" font-family=\"sans-serif\" font-size=\"13\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		"<text x=\"0\" y=\"16\" font-weight=\"bold\">",
		PER_ROW * SIDE, bottom + (CELL_KINDS / 2 + 1) * LEGEND_ROW);
	put_xml(out, s->image_path ? s->image_path : "");
	fprintf(out,
		"</text>\n<text x=\"0\" y=\"32\">%" PRIu64 " blocks of %" PRIu32
		" bytes, a square is %" PRIu64 "; %" PRIu64 " files in %" PRIu64
		" runs, %" PRIu64 " in more than one piece</text>\n",
		x->numbers.blocks, x->numbers.block_bytes, x->span,
		x->scatter.files, x->scatter.runs, x->scatter.split);
	for (size_t i = 0; i < x->cells; i++)
		put_cell(out, x, i);
	put_legend(out, x, bottom);
	fputs("</svg>\n", out);
	bool failed = ferror(out);
	return fclose(out) != 0 || failed ? -EIO : 0;
}
