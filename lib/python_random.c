// # MT19937, seeded by an array of words
//
// 624 words of state. A block of 624 outputs is made at once, each state word
// from the two neighbours and from one 397 places on; an output is a state word
// with its bits stirred.
//
// Sources: see python_random.h; the constants are those of the paper and of the
// authors' array seeding of 2002.

#include "python_random.h"

enum { MIDDLE = 397 };

static uint32_t stirred(const uint32_t *x, unsigned i)
{
	return x[i - 1] ^ (x[i - 1] >> 30);
}

// The place after i. Place 0 is skipped on the way round: it takes the last
// word, so that i - 1 is always a place.
static unsigned advance(uint32_t *x, unsigned i)
{
	if (++i < MT_WORDS)
		return i;
	x[0] = x[MT_WORDS - 1];
	return 1;
}

// The key is the seed in words of 32 bits, the least significant first, without
// leading zeros: one word, or two.
struct python_random python_random_seeded(uint64_t seed)
{
	struct python_random random = { .next = MT_WORDS };
	const uint32_t key[] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	unsigned words = key[1] ? 2 : 1, i = 1;
	uint32_t *x = random.x;

	x[0] = 19650218;
	for (unsigned k = 1; k < MT_WORDS; k++)
		x[k] = UINT32_C(1812433253) * stirred(x, k) + k;
	for (unsigned round = 0; round < MT_WORDS; round++) {
		unsigned j = round % words;
		x[i] = (x[i] ^ stirred(x, i) * UINT32_C(1664525)) + key[j] + j;
		i = advance(x, i);
	}
	for (unsigned round = 1; round < MT_WORDS; round++) {
		x[i] = (x[i] ^ stirred(x, i) * UINT32_C(1566083941)) - i;
		i = advance(x, i);
	}
	x[0] = UINT32_C(0x80000000);
	return random;
}

static void make_block(uint32_t *x)
{
	for (unsigned i = 0; i < MT_WORDS; i++) {
		uint32_t y = (x[i] & UINT32_C(0x80000000)) |
			     (x[(i + 1) % MT_WORDS] & UINT32_C(0x7fffffff));
		x[i] = x[(i + MIDDLE) % MT_WORDS] ^ y >> 1 ^
		       (y & 1 ? UINT32_C(0x9908b0df) : 0);
	}
}

uint32_t python_random_word(struct python_random *random)
{
	if (random->next == MT_WORDS) {
		make_block(random->x);
		random->next = 0;
	}
	uint32_t y = random->x[random->next++];
	y ^= y >> 11;
	y ^= y << 7 & UINT32_C(0x9d2c5680);
	y ^= y << 15 & UINT32_C(0xefc60000);
	return y ^ y >> 18;
}

// 27 bits of one word and 26 of the next.
double python_random_real(struct python_random *random)
{
	uint32_t high = python_random_word(random) >> 5;
	uint32_t low = python_random_word(random) >> 6;

	return (high * 0x1p26 + low) * 0x1p-53;
}
