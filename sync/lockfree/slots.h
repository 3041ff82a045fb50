// slots.h - a stack of numbers without a lock, with or without tags
//
// Treiber, "Systems Programming: Coping with Parallelism", IBM RJ 5118 (1986): a
// stack is a word that names its top, and each element names the one below. To
// take the top, load the word, look up the one below, and put that into the word
// by compare-and-swap, which fails if the word has changed.
//
// But it asks whether the word is the same, not whether it has changed. Top A,
// below it B; then somebody takes A, takes B, and puts A back: the word says A
// again, and a compare-and-swap that was prepared before all that succeeds, and
// puts B on top, which is not in the stack. That is ABA (the name is from the
// IBM System/370 Principles of Operation, whose answer is used here): next to
// the number stands a tag that each change makes larger. Tag and number are 32
// bits each and change together. A tag comes back after 2^32 changes; whoever
// sleeps for just that many between two instructions is deceived.
//
// The elements are numbers from 0 to count - 1, of slots in an array of the
// caller's: memory that is handed out and given back, never freed. (Where it is
// to be freed, tags do not help: see hazard.h.)
//
// Any number of threads may call push, pop, look and swing, O(1) each try. Lock-
// free: a try fails only where another one has succeeded. No errors, but init.

#ifndef SYNC_LOCKFREE_SLOTS_H
#define SYNC_LOCKFREE_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SLOTS_NONE = UINT32_MAX };

struct slots {
	_Atomic uint64_t top;    // tag << 32 | number, SLOTS_NONE: empty
	_Atomic uint32_t *below; // of each number
	uint32_t count;
	bool tagged; // false: the tag stays 0, which is the mistake
};

// What a pop has seen: the word, and what it would put in its place.
struct slots_look {
	uint64_t top;
	uint32_t number, below;
};

// An empty stack for `count` numbers (less than SLOTS_NONE). 0 or -ENOMEM,
// -EINVAL. slots_free gives the memory back when nobody else uses it.
int slots_init(struct slots *slots, uint32_t count, bool tagged);
void slots_free(struct slots *slots);

// What a thread did before it pushed a number is seen by the one that pops it.
void slots_push(struct slots *slots, uint32_t number);

// The number, or SLOTS_NONE where there is none.
uint32_t slots_pop(struct slots *slots);

// pop in two halves, for who wants to see what may happen between them. look is
// false where the stack is empty; swing is false where the word has changed,
// then look again.
bool slots_look(struct slots *slots, struct slots_look *look);
bool slots_swing(struct slots *slots, const struct slots_look *look);

#endif
