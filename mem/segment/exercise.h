// exercise.h - an address space of two segments
//
// The exercise of "Operating Systems: Three Easy Pieces", chapter 16: a small
// address space whose lower half is segment 0, which grows up, and whose upper
// half is segment 1, which grows down from its end. The same options and the
// same seed draw the same exercise as the course's program does.

#ifndef MEM_SEGMENT_EXERCISE_H
#define MEM_SEGMENT_EXERCISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What was asked for; the course's options by the names they have there.
struct exercise_options {
	uint64_t seed;                                   // without its sign
	const char *asize, *physmem, *b0, *l0, *b1, *l1; // sizes: "16k"
	const char *addresses;                           // "-1": random
	int64_t numaddrs;
	bool compute; // -c
	bool json, explain, quiz;
};

struct exercise {
	int64_t space, physical; // bytes
	int64_t base0, limit0;
	int64_t low1, limit1; // segment 1 from its lowest byte
	int64_t *addresses;   // virtual
	size_t count;
};

// Reads the sizes, and draws what is left to chance. Refuses with 2 and one line
// what the course's program refuses, and numbers that are no sizes. The caller
// frees the addresses.
struct exercise exercise_make(const struct exercise_options *options);

// The base of segment 1 as it is told: one past its highest byte.
int64_t exercise_top(const struct exercise *exercise);

// 0 or 1.
int exercise_segment(const struct exercise *exercise, int64_t address);

// Returns false for a segmentation violation.
bool exercise_translate(const struct exercise *exercise, int64_t address,
			int64_t *physical);

#endif
