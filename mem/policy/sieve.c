// sieve.c - a clock whose pages do not move
//
// A queue in the order of loading, and a hand that goes from its tail to its
// head. As in second chance, a page with the bit set loses it and stays, the
// first without it goes; but who stays keeps its place, and the hand goes on
// from there at the next fault. So new pages, which enter at the head without
// the bit, are looked at soon, and those that only came once go quickly.
//
// A hit only sets the bit. O(1) amortised, a single fault looks at all frames
// at worst. One byte a page, twelve a frame.

#include "parts.h"

struct link {
	uint32_t older, newer; // frames
};

// link[frames] is between the newest and the oldest: its `newer` is the tail.
struct sieve {
	struct circle circle; // hand: a frame, or `frames`: begin at the tail
	struct link *link;
};

ALWAYS_INLINE uint32_t sieve_victim(struct sieve *sieve)
{
	struct circle *circle = &sieve->circle;
	uint32_t none = circle->frames, hand = circle->hand;

	for (;;) {
		if (hand == none)
			hand = sieve->link[none].newer;

		uint32_t page = circle->frame[hand];
		uint32_t next = sieve->link[hand].newer;

		if (next != none)
			__builtin_prefetch(&circle->page[circle->frame[next]],
					   1);
		if (!(circle->page[page] & PAGE_REFERENCED)) {
			circle->hand = next;
			return hand;
		}
		circle->page[page] &= (uint8_t)~PAGE_REFERENCED;
		if (circle->cleared)
			circle->cleared(circle->context, page);
		hand = next;
	}
}

ALWAYS_INLINE struct replacement_outcome sieve_one(void *state, uint32_t page,
						   bool write)
{
	struct sieve *sieve = state;
	struct circle *circle = &sieve->circle;
	struct link *link = sieve->link;
	unsigned modified = write ? PAGE_MODIFIED : 0;
	struct replacement_outcome outcome = NOBODY_LEAVES;
	uint32_t frame, head = circle->frames;

	if (circle->page[page]) {
		circle_mark(circle, page, PAGE_REFERENCED | modified);
		return HIT;
	}
	if (circle->used < circle->frames) {
		frame = circle->used++;
	} else {
		frame = sieve_victim(sieve);
		link[link[frame].older].newer = link[frame].newer;
		link[link[frame].newer].older = link[frame].older;

		uint32_t victim = circle->frame[frame];
		unsigned bits = circle->page[victim];

		circle->page[victim] = 0;
		outcome = LEAVES(victim, bits & PAGE_MODIFIED);
	}
	circle->frame[frame] = page;
	circle->page[page] = (uint8_t)(PAGE_RESIDENT | modified);
	link[frame] = (struct link){ link[head].older, head };
	link[link[head].older].newer = frame;
	link[head].older = frame;
	return outcome;
}

static void sieve_destroy(void *state)
{
	struct sieve *sieve = state;

	if (sieve)
		free(sieve->link);
	circle_destroy(sieve);
}

static int sieve_create(void **state, const struct replacement_setup *setup)
{
	void *made;
	int error = circle_create(&made, setup, sizeof(struct sieve));
	if (error)
		return error;

	struct sieve *sieve = made;
	uint32_t none = setup->frames;

	sieve->circle.hand = none;
	sieve->link = replacement_zeros((size_t)none + 1, sizeof *sieve->link);
	if (!sieve->link) {
		sieve_destroy(sieve);
		return -ENOMEM;
	}
	sieve->link[none] = (struct link){ none, none };
	*state = sieve;
	return 0;
}

REPLACEMENT_PLAYED(sieve, circle_soon, replacement_nothing)

const struct replacement replacement_sieve = {
	.name = "sieve",
	.title = "SIEVE",
	.summary = "a hand goes from old to new and clears R; the first page "
		   "without it goes, the others keep their places",
	.source = "Zhang, Yang, Yue, Vigfusson, Rashmi, SIEVE is Simpler than "
		  "LRU, NSDI 2024",
	.bound = "O(1) amortised, a fault O(frames) at worst",
	.needs = REPLACEMENT_FRESH_BITS,
	.frame_bytes = 4 + sizeof(struct link),
	.page_bytes = 1,
	.create = sieve_create,
	.destroy = sieve_destroy,
	.grow = circle_grow,
	.reference = sieve_reference,
	.run = sieve_run,
	.page = circle_page,
	.resident = circle_resident,
};
