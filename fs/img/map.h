// map.h - the picture of an image: what both drawings are made from
#ifndef MAP_H
#define MAP_H

#include "fs/img/pieces.h"

enum { CELL_FREE = PIECE_KINDS, CELL_LEAKED, CELL_KINDS };

// One cell of the picture: `span` blocks, and what most of them are.
struct cell {
	uint8_t kind; // enum piece_kind, or CELL_...
	uint32_t inode;
	uint64_t blocks; // of that kind
	uint64_t used;   // of any
};

struct picture {
	struct ext2_numbers numbers;
	struct cell *cell;
	size_t cells;
	uint64_t span;                // blocks a cell stands for
	char **path;                  // by inode; NULL: no file's
	uint64_t *size;               // by inode: blocks
	uint64_t of_kind[CELL_KINDS]; // blocks

	struct scatter scatter;
	uint64_t free_runs, longest_free;
};

// The largest files that have a name, by size.
enum { NAMED_FILES = 26 };
struct named {
	uint32_t inode[NAMED_FILES];
	int count;
};
struct named picture_largest(const struct picture *);

// Writes it as SVG: a square a cell, with what it is as its title.
int map_svg(const struct session *, const struct picture *, const char *path);

extern const char *const cell_colours[CELL_KINDS];
const char *cell_word(int kind);

#endif
