// parts.h - what the policies share: rows of the table, memory, the inner loop

#ifndef MEM_POLICY_PARTS_H
#define MEM_POLICY_PARTS_H

#include <errno.h>
#include <stdlib.h>

#include "memory.h"
#include "policy.h"

extern const struct replacement replacement_fifo, replacement_opt,
	replacement_lru, replacement_lfu, replacement_mru, replacement_unopt,
	replacement_nur, replacement_second_chance, replacement_clock,
	replacement_random, replacement_working_set, replacement_arc,
	replacement_2q, replacement_sieve, replacement_s3_fifo,
	replacement_clock_pro;

// 0, or -EINVAL for frames or pages out of range.
int replacement_check(const struct replacement_setup *setup);

// What a policy keeps that needs one byte a page, PAGE_RESIDENT | ..., and the
// pages in a ring of frames.
struct circle {
	uint8_t *page;   // of each page: what `page` of the policy says
	uint32_t *frame; // which page is there
	uint32_t pages, frames, used;
	uint32_t hand; // a frame
	void (*cleared)(void *context, uint32_t page);
	void *context;
};

// Makes a policy's state, `bytes` large, that begins with a circle.
int circle_create(void **state, const struct replacement_setup *setup,
		  size_t bytes);
void circle_destroy(void *state);
int circle_grow(void *state, uint32_t pages);
unsigned circle_page(const void *state, uint32_t page);
uint32_t circle_resident(const void *state);

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// Writes only what changes: most hits set a bit that is set.
ALWAYS_INLINE void circle_mark(struct circle *circle, uint32_t page,
			       unsigned bits)
{
	if (bits & ~circle->page[page])
		circle->page[page] |= (uint8_t)bits;
}

ALWAYS_INLINE void circle_soon(const void *state, uint32_t page)
{
	__builtin_prefetch(&((const struct circle *)state)->page[page], 1);
}

ALWAYS_INLINE void replacement_nothing(const void *state, uint32_t page)
{
	(void)state, (void)page;
}

// The victim's page leaves: the outcome of a fault.
#define LEAVES(page_, dirty_)                                                  \
	((struct replacement_outcome){ .victim = (page_),                      \
				       .dirty = (dirty_) != 0 })
#define NOBODY_LEAVES ((struct replacement_outcome){ .victim = NO_PAGE })
#define HIT ((struct replacement_outcome){ .victim = NO_PAGE, .hit = true })

// The inner loop. A table of pages does not fit into the cache, and where the
// next reference goes is known: so what it needs is asked for some references
// ahead (`soon`), and what hangs from that a little later (`next`). With
// constant functions the compiler makes one loop of all this.
enum { REFERENCES_SOON = 24, REFERENCES_NEXT = 10 };

ALWAYS_INLINE void
replacement_each(void *state, const uint32_t *references, size_t count,
		 struct replacement_counts *counts,
		 struct replacement_outcome (*one)(void *, uint32_t, bool),
		 void (*soon)(const void *, uint32_t),
		 void (*next)(const void *, uint32_t))
{
	uint64_t hits = 0, writebacks = 0;

	for (size_t i = 0; i < count; i++) {
		size_t ahead = i + REFERENCES_SOON < count ? i + REFERENCES_SOON
							   : i;

		soon(state, references[ahead] & ~REFERENCE_WRITE);
		ahead = i + REFERENCES_NEXT < count ? i + REFERENCES_NEXT : i;
		next(state, references[ahead] & ~REFERENCE_WRITE);

		struct replacement_outcome outcome =
			one(state, references[i] & ~REFERENCE_WRITE,
			    references[i] & REFERENCE_WRITE);
		hits += outcome.hit;
		writebacks += outcome.dirty;
	}
	counts->references += count;
	counts->faults += count - hits;
	counts->writebacks += writebacks;
}

// The functions `reference` and `run` of a policy.
#define REPLACEMENT_PLAYED(name, soon, next)                                   \
	static struct replacement_outcome name##_reference(                    \
		void *state, uint32_t page, bool write)                        \
	{                                                                      \
		return name##_one(state, page, write);                         \
	}                                                                      \
	static void name##_run(void *state, const uint32_t *references,        \
			       size_t count,                                   \
			       struct replacement_counts *counts)              \
	{                                                                      \
		replacement_each(state, references, count, counts, name##_one, \
				 soon, next);                                  \
	}

#endif
