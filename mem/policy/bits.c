// bits.c - the tree of words, see bits.h

#include <errno.h>

#include "bits.h"
#include "parts.h"

// Each level has a word more than it needs, so that looking for a number behind
// the last one finds nothing.
int bits_create(struct bits *bits, size_t count)
{
	struct bits made = { .levels = 0 };

	do {
		count = count / 64 + 1;
		made.level[made.levels] = replacement_zeros(count, 8);
		if (!made.level[made.levels]) {
			bits_free(&made);
			return -ENOMEM;
		}
		made.levels++;
	} while (count > 1);
	*bits = made;
	return 0;
}

void bits_free(struct bits *bits)
{
	for (unsigned l = 0; l < BITS_LEVELS; l++)
		free(bits->level[l]);
}

// From the first word of a level down to the bit.
static size_t down(const struct bits *bits, unsigned level, size_t i, bool last)
{
	while (level--) {
		uint64_t word = bits->level[level][i];

		i = i << 6 | (unsigned)(last ? 63 - __builtin_clzll(word)
					     : __builtin_ctzll(word));
	}
	return i;
}

size_t bits_first(const struct bits *bits, size_t from)
{
	for (unsigned l = 0; l < bits->levels; l++) {
		size_t i = from >> 6;
		uint64_t word = bits->level[l][i] & ~UINT64_C(0) << (from & 63);

		if (word)
			return down(bits, l,
				    i << 6 | (unsigned)__builtin_ctzll(word),
				    false);
		from = i + 1;
	}
	return NO_BIT;
}

size_t bits_last(const struct bits *bits)
{
	if (!bits->level[bits->levels - 1][0])
		return NO_BIT;
	return down(bits, bits->levels, 0, true);
}
