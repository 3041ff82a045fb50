// clock.c - second chance without moving anything
//
// The frames lie in a circle, a hand points at one of them. To find a victim
// the hand goes round: a page with R set loses the bit and stays, the first
// without it goes. A new page has R set, for it is being referenced, and the
// hand is behind it.
//
// O(1) amortised: the hand clears no more bits than references have set. A
// single fault looks at all frames at worst. One byte a page, four a frame.

#include "parts.h"

ALWAYS_INLINE struct replacement_outcome clock_one(void *state, uint32_t page,
						   bool write)
{
	struct circle *circle = state;
	unsigned bits = PAGE_RESIDENT | PAGE_REFERENCED |
			(write ? PAGE_MODIFIED : 0);

	if (circle->page[page]) {
		circle_mark(circle, page, bits);
		return HIT;
	}
	circle->page[page] = (uint8_t)bits;
	if (circle->used < circle->frames) {
		circle->frame[circle->used++] = page;
		return NOBODY_LEAVES;
	}
	for (;;) {
		uint32_t here = circle->hand, there = circle->frame[here];

		circle->hand = here + 1 < circle->frames ? here + 1 : 0;
		__builtin_prefetch(&circle->page[circle->frame[circle->hand]],
				   1);
		if (circle->page[there] & PAGE_REFERENCED) {
			circle->page[there] &= (uint8_t)~PAGE_REFERENCED;
			if (circle->cleared)
				circle->cleared(circle->context, there);
			continue;
		}

		unsigned left = circle->page[there];

		circle->page[there] = 0;
		circle->frame[here] = page;
		return LEAVES(there, left & PAGE_MODIFIED);
	}
}

static int clock_create(void **state, const struct replacement_setup *setup)
{
	return circle_create(state, setup, sizeof(struct circle));
}

REPLACEMENT_PLAYED(clock, circle_soon, replacement_nothing)

const struct replacement replacement_clock = {
	.name = "clock",
	.title = "clock",
	.summary = "a hand goes round and clears R; the first page without it "
		   "goes",
	.source = "Corbato, MIT Project MAC report MAC-M-384 (1968); "
		  "Tanenbaum, Bos, Modern Operating Systems, section 3.4.5",
	.bound = "O(1) amortised, a fault O(frames) at worst",
	.needs = REPLACEMENT_BITS,
	.frame_bytes = 4,
	.page_bytes = 1,
	.create = clock_create,
	.destroy = circle_destroy,
	.grow = circle_grow,
	.reference = clock_reference,
	.run = clock_run,
	.page = circle_page,
	.resident = circle_resident,
};
