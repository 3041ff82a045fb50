// # img map: the whole image as a picture
//
//     $ img map disk.img
//     4 MiB: 1024 blocks of 4 KiB in 1 group; a cell stands for 1
//
//        0  SSBBIIIIIIIIIIIIIIIIDDDDDDD█D█·····································
//       70  ···································································
//     ...
//     7 files and directories in 7 runs; in more than one piece: 0
//     994 of 1024 blocks are free; runs of them: 1, the longest of 994
//
// A cell stands for several blocks and says what most of those in use are; a row
// begins with the number of its first block. On a terminal with colours each kind
// has one, and each file. --files gives the largest files letters of their own.
// --svg draws a square a cell, each file in a colour of its own, and names it under
// the mouse.

#define _GNU_SOURCE
#include "fs/img/map.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "must.h"

struct map {
	struct session *session;
	const char *svg;
	bool files;
	uint64_t span; // 0: as many as make a picture of about 20 lines

	struct picture picture;
};

// ## The command line

enum { OPT_SVG = 256, OPT_FILES, OPT_SPAN };

static const struct argp_option table[] = {
	{ "svg", OPT_SVG, "FILE", 0, "Draw it into FILE, too, in colours", 1 },
	{ "files", OPT_FILES, 0, 0,
	  "Give the largest files letters of their own", 1 },
	{ "span", OPT_SPAN, "N", 0,
	  "Blocks that a cell stands for (as the width allows)", 1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct map *m = state->input;

	switch (key) {
	case OPT_SVG:
		if (!*text)
			option_refuse(state, "--svg", text, "a file");
		m->svg = text;
		return 0;
	case OPT_FILES:
		m->files = true;
		return 0;
	case OPT_SPAN:
		m->span = (uint64_t)option_number(state, "--span", text, 1,
						  INT32_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want nothing after the image", text);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE",
	.doc = "Draws an image: what its blocks are used for, which are free, "
	       "and how much the files are in pieces."
	       "\vExamples:\n"
	       "  img map disk.img\n"
	       "  img map disk.img --files --svg=disk.svg",
};

// ## Filling in

// A cell belongs to the kind (and inode) that has most of its blocks: decided by
// majority vote as the pieces come (Boyer & Moore, "MJRTY", 1981).
static void vote(struct cell *cell, int kind, uint32_t inode, uint64_t blocks)
{
	cell->used += blocks;
	if (cell->blocks && cell->kind == kind && cell->inode == inode) {
		cell->blocks += blocks;
	} else if (cell->blocks > blocks) {
		cell->blocks -= blocks;
	} else {
		cell->kind = (uint8_t)kind;
		cell->inode = inode;
		cell->blocks = blocks - cell->blocks + (blocks == cell->blocks);
	}
}

static int paint(void *context, const struct piece *p)
{
	struct map *m = context;
	struct picture *x = &m->picture;
	uint64_t at = p->first, left = p->blocks;

	scatter_note(&x->scatter, p, x->numbers.block_bytes);
	x->of_kind[p->kind] += p->blocks;
	if (x->size && p->inode && p->inode <= x->numbers.inodes)
		x->size[p->inode] += p->blocks;
	while (left && at < x->numbers.blocks) {
		uint64_t here = x->span - at % x->span;
		if (here > left)
			here = left;
		vote(&x->cell[at / x->span], p->kind, p->inode, here);
		at += here;
		left -= here;
	}
	return 0;
}

static int count_free(struct map *m)
{
	struct picture *x = &m->picture;
	uint64_t run = 0;

	for (uint64_t block = 0; block < x->numbers.blocks; block++) {
		bool used = true;
		int error = ext2_block_in_use(m->session->fs, block, &used);
		if (error)
			return complain(m->session, error,
					"cannot read a bitmap");
		x->of_kind[CELL_FREE] += !used;
		x->free_runs += !used && !run;
		run = used ? 0 : run + 1;
		if (run > x->longest_free)
			x->longest_free = run;
	}
	return 0;
}

static int name(void *context, struct visit *visit)
{
	struct picture *x = context;

	if (visit->inode.ino <= x->numbers.inodes && !x->path[visit->inode.ino])
		x->path[visit->inode.ino] = must_ptr(strdup(visit->path));
	return 0;
}

// ## In characters

static const char letters[CELL_KINDS] = {
	[PIECE_BOOT] = 'S',         [PIECE_SUPER] = 'S',
	[PIECE_DESCRIPTORS] = 'S',  [PIECE_RESERVED] = 'R',
	[PIECE_BLOCK_BITMAP] = 'B', [PIECE_INODE_BITMAP] = 'B',
	[PIECE_INODE_TABLE] = 'I',  [PIECE_JOURNAL] = 'J',
	[PIECE_DIRECTORY] = 'D',    [PIECE_DATA] = '#',
	[PIECE_SYMLINK] = 'L',      [PIECE_MAP] = 'M',
	[PIECE_XATTR] = 'X',        [CELL_FREE] = '.',
	[CELL_LEAKED] = '?',
};

const char *cell_word(int kind)
{
	return kind == CELL_FREE     ? "free"
	       : kind == CELL_LEAKED ? "nobody's (img fsck)"
				     : piece_words[kind];
}

// The largest files that have a name, by size.
struct named picture_largest(const struct picture *x)
{
	struct named named = { .count = 0 };

	for (uint32_t ino = x->numbers.first_inode; ino <= x->numbers.inodes;
	     ino++) {
		int at = named.count;
		if (!x->path || !x->size[ino] || !x->path[ino])
			continue;
		while (at && x->size[named.inode[at - 1]] < x->size[ino])
			at--;
		if (at == NAMED_FILES)
			continue;
		if (named.count < NAMED_FILES)
			named.count++;
		for (int i = named.count - 1; i > at; i--)
			named.inode[i] = named.inode[i - 1];
		named.inode[at] = ino;
	}
	return named;
}

static char letter_of(const struct cell *cell, uint64_t span,
		      const struct named *named)
{
	if (!cell->used)
		return '.';
	for (int i = 0; i < named->count; i++)
		if (cell->inode == named->inode[i])
			return (char)('a' + i);
	char letter = letters[cell->kind];
	if (letter == '#')
		return cell->used * 2 >= span ? '#' : '+';
	return letter;
}

// Metadata in a colour a kind, each file in one of its own: of the 256 that
// terminals have (ECMA-48 SGR 38;5), those that are neither dark nor pale.
static int colour_of(const struct cell *cell)
{
	static const uint8_t kinds[CELL_KINDS] = {
		[PIECE_BOOT] = 160,         [PIECE_SUPER] = 160,
		[PIECE_DESCRIPTORS] = 160,  [PIECE_RESERVED] = 95,
		[PIECE_BLOCK_BITMAP] = 133, [PIECE_INODE_BITMAP] = 133,
		[PIECE_INODE_TABLE] = 25,   [PIECE_JOURNAL] = 242,
		[PIECE_DIRECTORY] = 220,    [PIECE_SYMLINK] = 108,
		[PIECE_MAP] = 137,          [PIECE_XATTR] = 199,
		[CELL_FREE] = 240,          [CELL_LEAKED] = 196,
	};
	static const uint8_t files[] = {
		40,  208, 51,  171, 154, 39,  214, 48,
		205, 111, 118, 203, 80,  184, 141, 76
	};

	if (!cell->used)
		return kinds[CELL_FREE];
	return cell->kind == PIECE_DATA ? files[cell->inode % sizeof files]
					: kinds[cell->kind];
}

static const char *cell_glyph(const struct canvas *canvas, char letter,
			      char text[2])
{
	if (canvas->utf8 && letter == '#')
		return "█";
	if (canvas->utf8 && letter == '+')
		return "▒";
	if (canvas->utf8 && letter == '.')
		return "·";
	text[0] = letter;
	text[1] = '\0';
	return text;
}

// A row begins with the number of its first block.
static void print_cells(const struct picture *x, const struct canvas *canvas,
			const struct named *named)
{
	int digits = snprintf(NULL, 0, "%" PRIu64, x->numbers.blocks - 1);
	size_t fit = (size_t)(canvas->columns - digits - 2);
	size_t per_row = fit - fit % 10;
	char letter[2];

	for (size_t i = 0; i < x->cells; i++) {
		const struct cell *cell = &x->cell[i];
		size_t place = i % per_row;
		int colour = canvas->colour ? colour_of(cell) : -1;
		if (place == 0)
			printf("%*" PRIu64 "  ", digits, i * x->span);
		if (colour >= 0 &&
		    (place == 0 || colour != colour_of(cell - 1)))
			printf("\033[38;5;%dm", colour);
		fputs(cell_glyph(canvas, letter_of(cell, x->span, named),
				 letter),
		      stdout);
		if (place + 1 == per_row || i + 1 == x->cells)
			printf("%s\n", colour >= 0 ? "\033[0m" : "");
	}
}

static void print_legend(const struct map *m, const struct named *named)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char text[HUMAN_BYTES], *legend;

	must(asprintf(&legend,
		      "S superblock and descriptors, R kept for more of them, "
		      "B bitmaps, I inode tables, J journal, D directories, L "
		      "symlinks, M block maps, X attributes, %s data, %s data "
		      "in less than half of the blocks, %s free",
		      canvas.utf8 ? "█" : "#", canvas.utf8 ? "▒" : "+",
		      canvas.utf8 ? "·" : "."));
	put_wrapped(stdout, canvas.columns, "", 0, legend);
	free(legend);
	if (named->count)
		printf("\n");
	for (int i = 0; m->picture.path && i < named->count; i++) {
		uint32_t ino = named->inode[i];
		char *path = shown(m->picture.path[ino],
				   strlen(m->picture.path[ino]));
		printf("%c  %s (%s)\n", 'a' + i, path,
		       human_size(text,
				  m->picture.size[ino] *
					  m->picture.numbers.block_bytes));
		free(path);
	}
}

static void print_numbers(const struct picture *x)
{
	printf("\n%" PRIu64 " files and directories in %" PRIu64
	       " runs; in more than one piece: %" PRIu64 "\n",
	       x->scatter.files, x->scatter.runs, x->scatter.split);
	printf("%" PRIu64 " of %" PRIu64
	       " blocks are free; runs of them: %" PRIu64
	       ", the longest of %" PRIu64 "\n",
	       x->of_kind[CELL_FREE], x->numbers.blocks, x->free_runs,
	       x->longest_free);
}

static int print_map(const struct map *m)
{
	const struct picture *x = &m->picture;
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct named named = { .count = 0 };
	char size[HUMAN_BYTES], block[HUMAN_BYTES];

	if (m->files)
		named = picture_largest(x);
	printf("%s: %" PRIu64 " blocks of %s in %" PRIu32
	       " group%s; a cell stands for %" PRIu64 "\n\n",
	       human_size(size, x->numbers.blocks * x->numbers.block_bytes),
	       x->numbers.blocks, human_size(block, x->numbers.block_bytes),
	       x->numbers.groups, x->numbers.groups == 1 ? "" : "s", x->span);
	print_cells(x, &canvas, &named);
	putchar('\n');
	print_legend(m, &named);
	print_numbers(x);
	return EXIT_SUCCESS;
}

// ## As JSON

static int print_map_json(const struct picture *x)
{
	json_t *kinds = json_object(), *cells = json_array();

	for (int kind = 0; kind < CELL_KINDS; kind++)
		json_object_set_new(kinds, cell_word(kind),
				    json_integer((json_int_t)x->of_kind[kind]));
	for (size_t i = 0; i < x->cells; i++) {
		const struct cell *cell = &x->cell[i];
		json_array_append_new(
			cells, json_pack("{s:s, s:I, s:I}", "is",
					 cell_word(cell->used ? cell->kind
							      : CELL_FREE),
					 "inode", (json_int_t)cell->inode,
					 "used", (json_int_t)cell->used));
	}
	return print_json(
		json_pack("{s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o}",
			  "block_bytes", (json_int_t)x->numbers.block_bytes,
			  "blocks", (json_int_t)x->numbers.blocks,
			  "cell_blocks", (json_int_t)x->span, "by_use", kinds,
			  "files", (json_int_t)x->scatter.files, "runs",
			  (json_int_t)x->scatter.runs, "split",
			  (json_int_t)x->scatter.split, "free_runs",
			  (json_int_t)x->free_runs, "longest_free",
			  (json_int_t)x->longest_free, "cells", cells));
}

// ## The whole

// About so many cells: the lines of a screen, or a square.
static uint64_t fitting_span(const struct map *m)
{
	uint64_t lines = m->svg ? 64 : 20;
	uint64_t columns = (uint64_t)canvas_of(STDOUT_FILENO).columns;
	uint64_t cells = m->svg ? 64 * lines : lines * (columns - 12);
	uint64_t span = 1;

	while (m->picture.numbers.blocks / span > cells)
		span *= 2;
	return span;
}

static void make_room(struct map *m)
{
	struct picture *x = &m->picture;

	ext2_numbers(m->session->fs, &x->numbers);
	x->span = m->span ? m->span : fitting_span(m);
	x->cells = (size_t)((x->numbers.blocks + x->span - 1) / x->span);
	x->cell = must_ptr(calloc(x->cells, sizeof *x->cell));
	if (!m->files && !m->svg)
		return;
	x->path = must_ptr(
		calloc((size_t)x->numbers.inodes + 1, sizeof *x->path));
	x->size = must_ptr(
		calloc((size_t)x->numbers.inodes + 1, sizeof *x->size));
}

static void free_room(struct map *m)
{
	struct picture *x = &m->picture;

	for (uint32_t i = 0; x->path && i <= x->numbers.inodes; i++)
		free(x->path[i]);
	free(x->path);
	free(x->cell);
	free(x->size);
}

static int draw(struct map *m)
{
	struct picture *x = &m->picture;
	int failed = pieces_each(m->session, paint, m);

	failed |= count_free(m);
	if (x->path)
		failed |= visit_tree(m->session, INO_ROOT, "/", false, name, x);
	int status = m->session->json ? print_map_json(x) : print_map(m);
	if (!status && m->svg) {
		int error = map_svg(m->session, x, m->svg);
		if (error)
			status = complain(m->session, error, "cannot write %s",
					  m->svg);
	}
	return status || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int map(struct session *s, int argc, char **argv)
{
	struct map m = { .session = s };

	command_parse(s, &parser, argc, argv, &m);
	int status = session_open(s, EXT2_READ_ONLY);
	if (status)
		return status;
	make_room(&m);
	status = draw(&m);
	free_room(&m);
	return status;
}

const struct command map_command = {
	.name = "map",
	.summary = "the image as a picture: metadata, files, free space",
	.heading = "Explaining",
	.run = map,
};
