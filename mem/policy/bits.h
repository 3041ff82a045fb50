// bits.h - a set of small numbers that finds its neighbours
//
// One bit a number, 64 to a word; above it a word for 64 words, with a bit for
// each that is not 0, and so on: a tree with 64 children a node, of which a
// machine instruction finds the first or the last. After van Emde Boas,
// "Preserving order in a forest in less than logarithmic time" (1975), with a
// word for the square root.
//
// O(log n) to the base 64: four steps for ten million numbers. A bit and a
// sixty-third for each number.

#ifndef MEM_POLICY_BITS_H
#define MEM_POLICY_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BITS_LEVELS = 6 };

#define NO_BIT SIZE_MAX

struct bits {
	unsigned levels;
	uint64_t *level[BITS_LEVELS]; // [0] has the bits themselves
};

// An empty set for the numbers 0 .. count - 1, count at most 2^31. 0 or
// -ENOMEM. A struct of zeros may be freed, too.
int bits_create(struct bits *bits, size_t count);
void bits_free(struct bits *bits);

// The first number from `from` on, the last of all; or NO_BIT.
size_t bits_first(const struct bits *bits, size_t from);
size_t bits_last(const struct bits *bits);

// Goes on upwards only from a word that was empty, or is now.
static inline void bits_set(struct bits *bits, size_t i)
{
	for (unsigned l = 0; l < bits->levels; l++) {
		uint64_t *word = &bits->level[l][i >> 6], old = *word;

		*word = old | UINT64_C(1) << (i & 63);
		if (old)
			return;
		i >>= 6;
	}
}

static inline void bits_clear(struct bits *bits, size_t i)
{
	for (unsigned l = 0; l < bits->levels; l++) {
		uint64_t *word = &bits->level[l][i >> 6];

		*word &= ~(UINT64_C(1) << (i & 63));
		if (*word)
			return;
		i >>= 6;
	}
}

#endif
