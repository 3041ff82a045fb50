// random.h - numbers that look random and are the same in every run
//
// SplitMix64: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number
// Generators", OOPSLA 2014, with the mixing constants of Stafford's variant 13
// that Java's SplittableRandom uses. A counter that grows by an odd constant,
// each value mixed until it looks like noise: eight bytes of state, period
// 2^64, any seed is as good as any other. For resampling, exercises and tests;
// never for secrets, whoever sees one value knows all that follow.

#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state; // the seed, at first
};

// 64 bits.
static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

// A whole number from 0 to limit - 1. The product's upper half replaces a slow
// division; some results are more likely than others by at most one part in
// 2^32 / limit, too little to be seen below a million.
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)((random_next(random) >> 32) * limit >> 32);
}

// A real number, 0 <= x < 1, one of 2^53 with equal steps between them.
static inline double random_unit(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

#endif
