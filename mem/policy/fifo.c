// fifo.c - first in, first out
//
// The pages sit in a ring in the order in which they were loaded; the hand
// points at the oldest. Hits change nothing. More frames may mean more faults:
// Belady's anomaly.
//
// O(1). One byte a page, four a frame.

#include "parts.h"

ALWAYS_INLINE struct replacement_outcome fifo_one(void *state, uint32_t page,
						  bool write)
{
	struct circle *circle = state;
	unsigned modified = write ? PAGE_MODIFIED : 0;

	if (circle->page[page]) {
		circle_mark(circle, page, modified);
		return HIT;
	}
	circle->page[page] = (uint8_t)(PAGE_RESIDENT | modified);
	if (circle->used < circle->frames) {
		circle->frame[circle->used++] = page;
		return NOBODY_LEAVES;
	}

	uint32_t victim = circle->frame[circle->hand];
	unsigned bits = circle->page[victim];

	circle->page[victim] = 0;
	circle->frame[circle->hand] = page;
	circle->hand = circle->hand + 1 < circle->frames ? circle->hand + 1 : 0;
	__builtin_prefetch(&circle->page[circle->frame[circle->hand]], 1);
	return LEAVES(victim, bits & PAGE_MODIFIED);
}

static int fifo_create(void **state, const struct replacement_setup *setup)
{
	return circle_create(state, setup, sizeof(struct circle));
}

REPLACEMENT_PLAYED(fifo, circle_soon, replacement_nothing)

const struct replacement replacement_fifo = {
	.name = "fifo",
	.title = "first in, first out",
	.summary = "the page that was loaded longest ago goes",
	.source = "Belady, IBM Systems Journal 5 (1966); "
		  "Silberschatz, Galvin, Gagne, section 10.4.2",
	.bound = "O(1)",
	.needs = REPLACEMENT_FAULTS,
	.frame_bytes = 4,
	.page_bytes = 1,
	.create = fifo_create,
	.destroy = circle_destroy,
	.grow = circle_grow,
	.reference = fifo_reference,
	.run = fifo_run,
	.page = circle_page,
	.resident = circle_resident,
};
