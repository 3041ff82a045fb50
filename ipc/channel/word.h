// word.h - a word in shared memory that can be waited on (see shm_futex.c)

#ifndef WORD_H
#define WORD_H

#include <stdatomic.h>
#include <stdint.h>

enum {
	WORD_EMPTY = 1,    // the box is the sender's
	WORD_FULL = 2,     // the box is the receiver's
	WORD_ENDED = 4,    // the sender sends no more
	WORD_GONE = 8,     // the receiver has closed
	WORD_SLEEPER = 16, // somebody sleeps, or is about to, on this word
};

// Waits until one of `bits` is set and returns the word. Acquire: pairs with
// word_change, whoever sees the bit sees what was done before it was set.
uint32_t word_await(_Atomic uint32_t *word, uint32_t bits);

// Clears and sets bits in one step, and wakes the sleeper if there is one.
// Release: pairs with word_await.
void word_change(_Atomic uint32_t *word, uint32_t clear, uint32_t set);

#endif
