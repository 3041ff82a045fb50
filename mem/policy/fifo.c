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
	struct ring *ring = state;
	unsigned modified = write ? PAGE_MODIFIED : 0;

	if (ring->page[page]) {
		frame_ring_mark(ring, page, modified);
		return HIT;
	}
	ring->page[page] = (uint8_t)(PAGE_RESIDENT | modified);
	if (ring->used < ring->frames) {
		ring->frame[ring->used++] = page;
		return NOBODY_LEAVES;
	}

	uint32_t victim = ring->frame[ring->hand];
	unsigned bits = ring->page[victim];

	ring->page[victim] = 0;
	ring->frame[ring->hand] = page;
	ring->hand = ring->hand + 1 < ring->frames ? ring->hand + 1 : 0;
	__builtin_prefetch(&ring->page[ring->frame[ring->hand]], 1);
	return LEAVES(victim, bits & PAGE_MODIFIED);
}

static int fifo_create(void **state, const struct replacement_setup *setup)
{
	return frame_ring_create(state, setup, sizeof(struct ring));
}

REPLACEMENT_PLAYED(fifo, frame_ring_soon, replacement_nothing)

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
	.destroy = frame_ring_destroy,
	.grow = frame_ring_grow,
	.reference = fifo_reference,
	.run = fifo_run,
	.page = frame_ring_page,
	.resident = frame_ring_resident,
};
