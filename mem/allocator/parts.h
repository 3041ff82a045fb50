// parts.h - what the files of the allocator share
//
//   strip.c   opens, closes, keeps the blocks, counts, compacts
//   list.c    first, best, worst and next fit over a list of holes
//   buddy.c   powers of two
//
// Holes and blocks are rows of pieces: finding is a walk or a binary search,
// putting in and taking out moves what follows. An allocator that serves memory
// has its lists in the holes themselves; here there is nothing in them.

#ifndef MEM_ALLOCATOR_PARTS_H
#define MEM_ALLOCATOR_PARTS_H

#include "mem/allocator/allocator.h"

struct pieces {
	struct piece *at;
	size_t count, room;
};

// Makes room for `more`, so that putting these in cannot fail. 0 or -ENOMEM.
int pieces_reserve(struct pieces *pieces, size_t more);

void pieces_put(struct pieces *pieces, size_t i, struct piece piece);
void pieces_take(struct pieces *pieces, size_t i);

// Of pieces by address, the first at or above this one; count: none.
size_t pieces_find(const struct pieces *pieces, uint64_t address);

struct strip {
	struct strip_settings settings;
	struct pieces blocks; // by address
	struct pieces holes;
	uint64_t rover; // next fit: where the last block given out ends
};

// How holes are chosen and come back. Room for the block, and for more holes
// than a piece can be halved into, has been made: none of these fails for want
// of it.
struct method {
	void (*begin)(struct strip *strip);

	// placement->size is set; sets the rest. 0, -ENOSPC or -ENOMEM.
	int (*take)(struct strip *strip, struct placement *placement);
	void (*give)(struct strip *strip, struct piece hole);

	// How much is taken for a request with its header. 0: too much.
	uint64_t (*whole)(const struct strip *strip, uint64_t bytes);
};

extern const struct method list_method, buddy_method;

#endif
