// python_random.h - the random numbers of Python's random.random()
//
// The engine is MT19937 (Matsumoto & Nishimura, "Mersenne Twister", ACM
// Transactions on Modeling and Computer Simulation 8 (1998), and their reference
// file mt19937ar.c), seeded as Python's random.seed(int) does it. A course whose
// exercises are made by Python can so be followed number by number.

#ifndef PYTHON_RANDOM_H
#define PYTHON_RANDOM_H

#include <stdint.h>

enum { MT_WORDS = 624 };

struct python_random {
	uint32_t x[MT_WORDS];
	unsigned next; // the word that comes next; MT_WORDS: none is left
};

// Python takes the seed's absolute value, so -7 and 7 give the same numbers.
struct python_random python_random_seeded(uint64_t seed);

// 32 bits.
uint32_t python_random_word(struct python_random *random);

// 0 <= r < 1, one of 2^53 with equal steps between them.
double python_random_real(struct python_random *random);

#endif
