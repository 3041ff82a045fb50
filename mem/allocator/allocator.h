// allocator.h - a strip of memory, given out in pieces
//
// Memory here is a row of bytes with addresses from 0, and nothing is in them:
// what is kept is who has which. The caller asks for so many bytes and gives
// back what it got; between them the free pieces (holes) become small and many,
// and that is what there is to see.
//
// Four ways to choose a hole, from a list of them:
//
//   first   the first that is large enough; the walk ends there
//   best    the smallest that is large enough; of equals the first in the list
//   worst   the largest; of equals the first in the list
//   next    as first, but the walk begins where the last one ended, and comes
//           round: with the first hole that reaches beyond the end of the block
//           given out last
//
// A hole that is larger than what is wanted is split: the low part is given out,
// the rest stays at the hole's place in the list. What comes back becomes a hole
// of the list, at its place in the list's order, and joins its neighbours in the
// list where they touch. (Only in a list by address are these all that touch.)
//
//   buddy   pieces are powers of two, at multiples of their size. A piece too
//           large is halved until it is not; two halves of the same piece
//           (buddies, their addresses differ in one bit) join again.
//
// Sources: D. E. Knuth, The Art of Computer Programming 1, 3rd ed. 1997, section
// 2.5 (first fit, best fit, next fit as the "roving pointer" of exercise 6, the
// buddy system of Knowlton and Markowitz, the fifty-percent rule); K. Knowlton,
// "A Fast Storage Allocator", CACM 8 (1965); P. Wilson et al., "Dynamic Storage
// Allocation: A Survey and Critical Review", IWMM 1995.

#ifndef MEM_ALLOCATOR_ALLOCATOR_H
#define MEM_ALLOCATOR_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fit { FIT_FIRST, FIT_BEST, FIT_WORST, FIT_NEXT, FIT_BUDDY, FITS };

// "first", "best" ...; ends with NULL.
extern const char *const fit_names[FITS + 1];

// Where in the list a hole goes. In the three sorted orders the whole list is
// sorted when a block comes back (equals keep their order), and not when one is
// given out: a hole that has become smaller waits at its place until then.
enum hole_order {
	ORDER_ADDRESS,   // rising
	ORDER_SIZE_UP,   // the smallest first
	ORDER_SIZE_DOWN, // the largest first
	ORDER_FRONT,     // what came back last is first
	ORDER_BACK,      // is last
	ORDERS
};
extern const char *const hole_order_names[ORDERS + 1];

enum { STRIP_BITS = 62 }; // sizes are up to 2^62 bytes

struct strip_settings {
	uint64_t size; // of the strip, bytes; above 0
	enum fit fit;
	enum hole_order order; // next and buddy: ORDER_ADDRESS
	bool coalesce;         // join holes
	// A request is rounded up to a multiple of `alignment` (0: as it is),
	// then the header is added. So addresses are multiples of the alignment
	// where the header is one.
	uint64_t alignment, header;
	// Buddy: no piece is smaller. A power of two (0 means 1), and the
	// strip's size is a multiple of it.
	uint64_t smallest;
};

// A hole, or a block that was given out, header and all.
struct piece {
	uint64_t address, size;
	uint64_t wanted; // of a block: what was asked for
};

// How a request was met, or not.
struct placement {
	uint64_t address; // of the block; what is asked for follows its header
	uint64_t size;    // of the block, rounded and with its header
	// How many holes were looked at, all of them before one is refused (and
	// always by best and worst); buddy: how many sizes.
	size_t searched;
	struct piece hole; // the one it was taken from, as it was before
};

struct strip;

// Opens a strip with one hole (buddy: with as few pieces as make up the strip).
// -EINVAL: the settings are none. -ENOMEM.
int strip_open(const struct strip_settings *settings, struct strip **strip);
void strip_close(struct strip *strip);

// Gives out a block. -ENOSPC: no hole is large enough (placement->searched and
// ->size are set). -EINVAL: nothing would be occupied (0 bytes and no header).
// -ENOMEM. On failure nothing has changed. O(holes + blocks).
int strip_allocate(struct strip *strip, uint64_t bytes,
		   struct placement *placement);

// Takes the block at `address` back. -ENOENT: no block begins there. -ENOMEM.
// O(holes + blocks); in a list by size O(holes) for each hole that has changed
// since it was sorted.
int strip_free(struct strip *strip, uint64_t address);

// Moves every block as far down as it goes, in the order of their addresses, so
// that there is one hole, at the end. Each move is told (may be NULL), lower
// addresses first, so whoever copies the bytes along (memmove) loses none.
// Returns 0; -ENOTSUP: buddies stay at multiples of their sizes. O(blocks).
int strip_compact(struct strip *strip,
		  void (*moved)(void *argument, uint64_t from, uint64_t to,
				uint64_t bytes),
		  void *argument);

// The holes in the order of the list (buddy: of address) and the blocks in that
// of address; valid until the strip changes. O(1).
size_t strip_holes(const struct strip *strip, const struct piece **holes);
size_t strip_blocks(const struct strip *strip, const struct piece **blocks);

struct strip_statistics {
	size_t holes, blocks;
	uint64_t free, largest; // bytes of all holes, of the largest
	uint64_t used, wanted;  // bytes of all blocks, and asked for
	// How much of what is free cannot be had in one piece, 0 to 1:
	// 1 - largest / free.
	double external;
	// How much of what is given out nobody asked for, 0 to 1:
	// 1 - wanted / used.
	double internal;
};

// O(holes + blocks).
struct strip_statistics strip_statistics(const struct strip *strip);

#endif
