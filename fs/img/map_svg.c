// # The picture in colours
//
// A square a cell, 64 in a row; the number beside a row is its first block.
// Metadata are dark, a colour a kind; each file has a bright one of its own, made of
// its inode's number, so that its pieces are seen to belong together; the largest
// files are named below. What a cell is stands in its title, which a browser shows
// under the mouse. Less used cells are paler. SVG 1.1, W3C 2011.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/map.h"

enum {
	PER_ROW = 64,
	SIDE = 12,
	LEFT = 72, // room for the numbers of blocks
	EDGE = 16,
	TOP = 60,
	LEGEND_ROW = 20,
	FILES_SHOWN = 16,
};

const char *const cell_colours[CELL_KINDS] = {
	[PIECE_BOOT] = "#3b3b3b",         [PIECE_SUPER] = "#8b0000",
	[PIECE_DESCRIPTORS] = "#b5451b",  [PIECE_RESERVED] = "#c9a58a",
	[PIECE_BLOCK_BITMAP] = "#54278f", [PIECE_INODE_BITMAP] = "#807dba",
	[PIECE_INODE_TABLE] = "#1c3f6e",  [PIECE_JOURNAL] = "#636363",
	[PIECE_DIRECTORY] = "#000000",    [PIECE_DATA] = "#5bd05b",
	[PIECE_SYMLINK] = "#00695c",      [PIECE_MAP] = "#6d4c2f",
	[PIECE_XATTR] = "#880e4f",        [CELL_FREE] = "#eeeeee",
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
static void put_file_colour(FILE *out, uint32_t inode)
{
	fprintf(out, "hsl(%" PRIu32 ",75%%,62%%)",
		(uint32_t)(inode * UINT64_C(137508) / 1000 % 360));
}

static void put_colour(FILE *out, const struct cell *cell)
{
	if (cell->used && cell->kind == PIECE_DATA)
		put_file_colour(out, cell->inode);
	else
		fputs(cell_colours[cell->used ? cell->kind : CELL_FREE], out);
}

static void put_cell(FILE *out, const struct picture *x, size_t i)
{
	const struct cell *cell = &x->cell[i];
	uint64_t first = i * x->span, last = first + x->span - 1;
	double share = (double)cell->used / (double)x->span;

	if (i % PER_ROW == 0)
		fprintf(out,
			"<text x=\"%d\" y=\"%zu\" text-anchor=\"end\" "
			"font-size=\"10\" fill=\"#777777\">%" PRIu64
			"</text>\n",
			LEFT - 6, TOP + i / PER_ROW * SIDE + SIDE - 2, first);
	if (last >= x->numbers.blocks)
		last = x->numbers.blocks - 1;
	fprintf(out,
		"<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" "
		"fill=\"",
		LEFT + i % PER_ROW * SIDE, TOP + i / PER_ROW * SIDE, SIDE - 1,
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

// One line of the legend, in one of two columns. `colour` was not said yet where
// it is a file's.
static void put_key(FILE *out, size_t top, int n, const char *colour,
		    uint32_t inode)
{
	size_t left = LEFT + (size_t)(n % 2) * PER_ROW * SIDE / 2;
	size_t y = top + (size_t)(n / 2) * LEGEND_ROW;

	fprintf(out,
		"<rect x=\"%zu\" y=\"%zu\" width=\"12\" height=\"12\" "
		"fill=\"",
		left, y);
	if (colour)
		fputs(colour, out);
	else
		put_file_colour(out, inode);
	fprintf(out, "\"/><text x=\"%zu\" y=\"%zu\">", left + 18, y + 11);
}

// The kinds that occur. Returns how many lines that took.
static int put_kinds(FILE *out, const struct picture *x, size_t top)
{
	int n = 0;

	for (int kind = 0; kind < CELL_KINDS; kind++) {
		if (!x->of_kind[kind])
			continue;
		put_key(out, top, n++, cell_colours[kind], 0);
		put_xml(out, cell_word(kind));
		fprintf(out, ": %" PRIu64 "%s</text>\n", x->of_kind[kind],
			kind == PIECE_DATA ? " (each file has its colour)"
					   : "");
	}
	return (n + 1) / 2;
}

static int put_files(FILE *out, const struct picture *x,
		     const struct named *named, size_t top)
{
	enum { LONGEST = 44 }; // characters; the rest is under the mouse
	int n = 0;

	for (int i = 0; i < named->count && n < FILES_SHOWN; i++) {
		uint32_t ino = named->inode[i];
		char *text = shown(x->path[ino], strlen(x->path[ino]));
		size_t length = strlen(text), cut = length;
		if (length > LONGEST)
			cut = LONGEST;
		while (cut < length && cut && (text[cut] & 0xc0) == 0x80)
			cut--;
		put_key(out, top, n++, NULL, ino);
		const char *rest = cut < length ? "..." : "";
		text[cut] = '\0';
		put_xml(out, text);
		fprintf(out, "%s: %" PRIu64 "</text>\n", rest, x->size[ino]);
		free(text);
	}
	return (n + 1) / 2;
}

// Of files that have data blocks: a directory's colour is that of all directories.
static struct named with_data(const struct session *s, const struct picture *x)
{
	struct named all = picture_largest(x), some = { .count = 0 };
	struct ext2_inode inode;

	for (int i = 0; i < all.count; i++)
		if (ext2_inode(s->fs, all.inode[i], &inode) == 0 &&
		    S_ISREG(inode.mode))
			some.inode[some.count++] = all.inode[i];
	return some;
}

static void put_head(FILE *out, const struct session *s,
		     const struct picture *x, size_t height)
{
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%zu\" font-family=\"sans-serif\" "
		"font-size=\"13\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		"<text x=\"%d\" y=\"24\" font-weight=\"bold\">",
		LEFT + PER_ROW * SIDE + EDGE, height, LEFT);
	char *name = s->image_path ? shown(s->image_path, strlen(s->image_path))
				   : NULL;
	put_xml(out, name ? name : "");
	free(name);
	fprintf(out,
		"</text>\n<text x=\"%d\" y=\"44\">%" PRIu64
		" blocks of %" PRIu32 " bytes, a square is %" PRIu64
		"; %" PRIu64 " files in %" PRIu64 " runs, %" PRIu64
		" in more than one piece</text>\n",
		LEFT, x->numbers.blocks, x->numbers.block_bytes, x->span,
		x->scatter.files, x->scatter.runs, x->scatter.split);
}

int map_svg(const struct session *s, const struct picture *x, const char *path)
{
	size_t rows = (x->cells + PER_ROW - 1) / PER_ROW;
	size_t bottom = TOP + rows * SIDE + EDGE;
	struct named named = with_data(s, x);
	int kinds = 0,
	    files = (named.count < FILES_SHOWN ? named.count : FILES_SHOWN) + 1;
	FILE *out = fopen(path, "we");

	if (!out)
		return -errno;
	for (int kind = 0; kind < CELL_KINDS; kind++)
		kinds += x->of_kind[kind] != 0;
	put_head(out, s, x,
		 bottom + (size_t)((kinds + 1) / 2 + files / 2) * LEGEND_ROW +
			 2 * EDGE);
	for (size_t i = 0; i < x->cells; i++)
		put_cell(out, x, i);
	int lines = put_kinds(out, x, bottom);
	put_files(out, x, &named, bottom + (size_t)lines * LEGEND_ROW + EDGE);
	fputs("</svg>\n", out);
	bool failed = ferror(out);
	return fclose(out) != 0 || failed ? -EIO : 0;
}
