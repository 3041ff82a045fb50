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
// A letter stands for several blocks; it says what most of those in use are, and
// is small where less than half of them are in use. --files gives the largest files
// letters of their own. --svg draws a square a cell in colours, each file in one of
// its own, and names it under the mouse.

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
	uint64_t *size; // blocks by inode, for --files
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
	if (m->size && p->inode && p->inode <= x->numbers.inodes)
		m->size[p->inode] += p->blocks;
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

enum { NAMED_FILES = 26 };

struct named {
	uint32_t inode[NAMED_FILES];
	int count;
};

// The largest files that have a name, by size.
static struct named largest(const struct map *m)
{
	const struct picture *x = &m->picture;
	struct named named = { .count = 0 };

	for (uint32_t ino = x->numbers.first_inode; ino <= x->numbers.inodes;
	     ino++) {
		int at = named.count;
		if (!x->path || !m->size[ino] || !x->path[ino])
			continue;
		while (at && m->size[named.inode[at - 1]] < m->size[ino])
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

static void print_legend(const struct map *m, const struct named *named)
{
	char text[HUMAN_BYTES];

	put_wrapped(stdout, canvas_of(STDOUT_FILENO).columns, "", 0,
		    "S superblock and descriptors, R kept for more of them, B "
		    "bitmaps, I inode tables, J journal, D directories, L "
		    "symlinks, M block maps, X attributes; data where more "
		    "and where less than half is in use; free");
	if (named->count)
		printf("\n");
	for (int i = 0; m->picture.path && i < named->count; i++) {
		uint32_t ino = named->inode[i];
		char *path = shown(m->picture.path[ino],
				   strlen(m->picture.path[ino]));
		printf("%c  %s (%s)\n", 'a' + i, path,
		       human_size(text,
				  m->size[ino] *
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
	char *cells = must_ptr(malloc(x->cells + 1));

	if (m->files)
		named = largest(m);
	for (size_t i = 0; i < x->cells; i++)
		cells[i] = letter_of(&x->cell[i], x->span, &named);
	char *drawn = must_ptr(draw_map(&canvas, cells, x->cells, 0));
	printf("%s: %" PRIu64 " blocks of %s in %" PRIu32
	       " group%s; a cell stands for %" PRIu64 "\n\n%s\n",
	       human_size(size, x->numbers.blocks * x->numbers.block_bytes),
	       x->numbers.blocks, human_size(block, x->numbers.block_bytes),
	       x->numbers.groups, x->numbers.groups == 1 ? "" : "s", x->span,
	       drawn);
	print_legend(m, &named);
	print_numbers(x);
	free(drawn);
	free(cells);
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
	if (m->files || m->svg)
		x->path = must_ptr(
			calloc((size_t)x->numbers.inodes + 1, sizeof *x->path));
	if (m->files)
		m->size = must_ptr(
			calloc((size_t)x->numbers.inodes + 1, sizeof *m->size));
}

static void free_room(struct map *m)
{
	struct picture *x = &m->picture;

	for (uint32_t i = 0; x->path && i <= x->numbers.inodes; i++)
		free(x->path[i]);
	free(x->path);
	free(x->cell);
	free(m->size);
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
