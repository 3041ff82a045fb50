// chase.h - a chain of pointers through memory, a round of which visits each slot
//
// To learn what one access to memory costs, each must wait for the one before:
// the address of the next is what the last one has loaded. So a word of each slot
// (a page, a cache line) points to the word of another slot, in a random order
// that no prefetcher guesses. The order must be one cycle. A random permutation
// is not: with n slots it falls into about ln n cycles, and a walk stays in one of
// them, perhaps a short one that fits every cache.
//
// The caller owns the memory. Nothing here allocates or fails; any thread may
// call these, one at a time for one chase.
//
// Sources: Sattolo, "An algorithm to generate a random cyclic permutation",
// Information Processing Letters 22 (1986); Knuth, The Art of Computer
// Programming 2, 3.4.2, algorithm P (the usual shuffle); McVoy & Staelin,
// "lmbench", USENIX 1996 (chains of pointers).

#ifndef MEM_CHASE_H
#define MEM_CHASE_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

struct chase_link {
	struct chase_link *next;
	size_t number; // of its slot
};

struct chase {
	char *memory; // slots * slot_bytes, aligned to a cache line
	size_t slots;
	size_t slot_bytes; // a multiple of CHASE_LINE
};

enum { CHASE_LINE = 64 };

// The word of a slot, 0 <= i < slots. Were it the first of each page, all would
// fall into a few sets of each cache; so it lies in another line in each slot, such
// that the n words of n slots spread over a cache as evenly as n lines can.
struct chase_link *chase_at(const struct chase *chase, size_t i);

// Lays the chain, one cycle of all slots. The same state of `random` gives the
// same order. O(slots); writes to each slot.
void chase_lay(const struct chase *chase, struct random *random);

// Lays a random permutation: usually several cycles. Each permutation is equally
// likely (see random.h for how equally).
void chase_lay_any(const struct chase *chase, struct random *random);

// Lays them in ascending order, the last one points to the first.
void chase_lay_in_order(const struct chase *chase);

// Follows the chain `steps` times from a link and returns where that ends. This is
// what is timed: a load a step, and nothing else to do.
struct chase_link *chase_walk(struct chase_link *from, size_t steps);

// The same, counted: visits[number] goes up by one for each step that leads to
// that slot (it stays at 255). Returns a checksum of the numbers in their order.
uint64_t chase_count(const struct chase_link *from, size_t steps,
		     uint8_t *visits);

// How many steps lead from slot i back to it.
size_t chase_cycle(const struct chase *chase, size_t i);

#endif
