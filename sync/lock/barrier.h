// barrier.h - nobody goes on before all have come
//
// Work in phases: what one thread reads in this phase others have written in the
// last. A barrier is the line between two phases; everything that any of the
// parties did before it is seen by all after it. It may be used again at once,
// by the same number of parties.
//
//   barrier        all count down one word: O(n) on one cache line
//   dissemination  in each of log2(n) rounds each tells one other: O(n log n)
//                  messages, but no line that all want at once
//
// Mellor-Crummey & Scott, "Algorithms for Scalable Synchronization on
// Shared-Memory Multiprocessors", ACM TOCS 9, 1991 (both); Hensgen, Finkel &
// Manber, "Two Algorithms for Barrier Synchronization", 1988 (the second).
//
// Within one process. Threads that wait look for a while, if there is a CPU for
// each party, and then sleep.

#ifndef BARRIER_H
#define BARRIER_H

#include <stdbool.h>
#include <stddef.h>

#include "sync/lock/waiters.h"

// barrier.c
struct barrier {
	_Atomic uint32_t missing; // parties that have not come yet
	_Atomic uint32_t phase;   // by twos; the low bit: somebody sleeps
	uint32_t parties;
	int spin;
};
void barrier_init(struct barrier *barrier, uint32_t parties); // 1 or more

// True for exactly one of the parties of a phase, the last to come. It may do
// by itself, after this barrier and before the next, what only one may do. The
// barrier may be freed when all parties have returned from it.
bool barrier_wait(struct barrier *barrier);

// barrier_dissemination.c
struct dissemination {
	uint32_t parties, rounds;
	int spin;
	struct dissemination_party *party;
};

// Returns 0 or -ENOMEM. The memory is the barrier's until dissemination_free.
int dissemination_init(struct dissemination *barrier, uint32_t parties);
void dissemination_free(struct dissemination *barrier);

// `me` is 0 to parties - 1, another one for each thread.
void dissemination_wait(struct dissemination *barrier, uint32_t me);

// How often to look before sleeping: never, where some party has no CPU and
// would have to wait until the one that looks gives up.
int barrier_spin(uint32_t parties);

#endif
