// random.c - any page goes, all are equally likely
//
// No worse than FIFO on many traces, without an anomaly to fear on purpose-made
// ones, and a lower bar for anything cleverer. The same seed picks the same
// frames.
//
// O(1). One byte a page, four a frame.

#include "parts.h"
#include "random.h"

struct lot {
	struct ring ring;
	struct random random;
};

ALWAYS_INLINE struct replacement_outcome random_one(void *state, uint32_t page,
						    bool write)
{
	struct lot *lot = state;
	struct ring *ring = &lot->ring;
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

	uint32_t frame = random_below(&lot->random, ring->frames);
	uint32_t victim = ring->frame[frame];
	unsigned bits = ring->page[victim];

	ring->page[victim] = 0;
	ring->frame[frame] = page;
	return LEAVES(victim, bits & PAGE_MODIFIED);
}

static int random_create(void **state, const struct replacement_setup *setup)
{
	int error = frame_ring_create(state, setup, sizeof(struct lot));

	if (!error)
		((struct lot *)*state)->random.state = setup->seed;
	return error;
}

REPLACEMENT_PLAYED(random, frame_ring_soon, replacement_nothing)

const struct replacement replacement_random = {
	.name = "random",
	.title = "random",
	.summary = "any page goes",
	.source = "Belady, IBM Systems Journal 5 (1966): RAND",
	.bound = "O(1)",
	.needs = REPLACEMENT_FAULTS,
	.frame_bytes = 4,
	.page_bytes = 1,
	.create = random_create,
	.destroy = frame_ring_destroy,
	.grow = frame_ring_grow,
	.reference = random_reference,
	.run = random_run,
	.page = frame_ring_page,
	.resident = frame_ring_resident,
};
