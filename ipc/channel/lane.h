// lane.h - shared memory between the two sides, one lane for each direction
//
// Every mechanism that keeps something in shared memory keeps it twice: once
// for what the left side sends, once for what the right side sends. A lane is
// one of the two. What lies in it is the mechanism's own.
//
//     left ── out ▶ [ lane of the left side  ] ▶ in ── right
//     left ◀─ in ── [ lane of the right side ] ◀ out ─ right

#ifndef LANE_H
#define LANE_H

#include "parts.h"

enum {
	// What two CPUs hand to each other is a whole cache line, whatever part
	// of it was written: 64 bytes on x86-64 and on most of aarch64.
	CACHE_LINE = 64,

	// The largest message of a mechanism that keeps room for it in memory.
	// No law of the kernel: a bound, so that nobody asks for the machine.
	LANE_LIMIT_BYTES = 16 << 20,
};

struct lanes {
	void *in, *out; // this side's, once it has been taken
	char *pages;
	size_t lane_bytes;
};

// Opens two zeroed lanes of `lane_bytes` each, on cache lines of their own;
// c->state is a struct lanes from then on. Returns 0 or -ENOMEM. No page is
// spent before it is touched.
int lanes_open(struct channel *c, size_t lane_bytes);

// The lane in which `side` sends: for open, which prepares both.
void *lanes_of(struct channel *c, enum channel_side side);

// A mechanism's take_side: tells in from out.
int lanes_take_side(struct channel *c);

void lanes_close(struct channel *c);

// A probe that finds what every host has, and the limit above.
int lanes_probe(size_t *limit_bytes, char *why, size_t why_bytes);

static inline void *lane_out(const struct channel *c)
{
	return ((struct lanes *)c->state)->out;
}

static inline void *lane_in(const struct channel *c)
{
	return ((struct lanes *)c->state)->in;
}

#endif
