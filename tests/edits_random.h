// edits_random.h - a run of random edits

#ifndef EDITS_RANDOM_H
#define EDITS_RANDOM_H

#include "edits_parts.h"

struct run {
	struct random random;
	struct model *model, *committed;
	struct device *device;
	struct ext2 *fs;
	char folder[64], image[96], mount[96];
	uint32_t block_bytes, now;
	bool wide, mounts, growing, whole_seconds;
	int step, top; // top: of the mounted image, or -1
	unsigned played, refused, full, abandoned;
	uint8_t *bytes;
	struct edit e;
};

static inline uint32_t below(struct run *r, uint32_t n)
{
	return random_below(&r->random, n);
}

static inline bool one_in(struct run *r, uint32_t n)
{
	return below(r, n) == 0;
}

// The next edit, r->e; one that the program has a word for.
void random_edit(struct run *, bool by_program);
// Whether to play it.
bool edit_is_possible(const struct run *, bool by_program);

#endif
