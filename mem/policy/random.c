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
	struct circle circle;
	struct random random;
};

ALWAYS_INLINE struct replacement_outcome random_one(void *state, uint32_t page,
						    bool write)
{
	struct lot *lot = state;
	struct circle *circle = &lot->circle;
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

	uint32_t frame = random_below(&lot->random, circle->frames);
	uint32_t victim = circle->frame[frame];
	unsigned bits = circle->page[victim];

	circle->page[victim] = 0;
	circle->frame[frame] = page;
	return LEAVES(victim, bits & PAGE_MODIFIED);
}

static int random_create(void **state, const struct replacement_setup *setup)
{
	int error = circle_create(state, setup, sizeof(struct lot));

	if (!error)
		((struct lot *)*state)->random.state = setup->seed;
	return error;
}

REPLACEMENT_PLAYED(random, circle_soon, replacement_nothing)

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
	.destroy = circle_destroy,
	.grow = circle_grow,
	.reference = random_reference,
	.run = random_run,
	.page = circle_page,
	.resident = circle_resident,
};
