// second_chance.c - first in, first out, but who was used may stay
//
// FIFO's queue. If the oldest page has R set, it loses the bit and queues up
// again as if it had just been loaded; the first without R goes. If all have
// it, the queue comes round, and it was FIFO. The clock is the same with a hand
// that moves instead of the pages; here they really move, as in the books.
//
// O(1) amortised: no more pages queue up again than references have set bits.
// A single fault moves all at worst. 16 bytes a frame, 4 a page.

#include "slots.h"

enum { QUEUE, LISTS };

ALWAYS_INLINE struct replacement_outcome
second_chance_one(void *state, uint32_t page, bool write)
{
	struct slots *slots = state;
	struct slot *at = slots->at;
	unsigned bits = PAGE_RESIDENT | PAGE_REFERENCED |
			(write ? PAGE_MODIFIED : 0);
	uint32_t slot = slots->where[page];
	struct replacement_outcome outcome = NOBODY_LEAVES;

	if (slot) {
		if (bits & ~at[slot].info)
			at[slot].info |= bits;
		return HIT;
	}
	if (slots->used == slots->frames) {
		uint32_t oldest = at[QUEUE].prev;

		while (at[oldest].info & PAGE_REFERENCED) {
			at[oldest].info &= ~(unsigned)PAGE_REFERENCED;
			slot_move(at, QUEUE, oldest);
			if (slots->cleared)
				slots->cleared(slots->context, at[oldest].page);
			oldest = at[QUEUE].prev;
		}
		outcome = slot_evict(slots, oldest);
		slots_tail_soon(slots, QUEUE);
	}
	slot_in(at, QUEUE, slot_take(slots, page, bits));
	slots->used++;
	return outcome;
}

static int second_chance_create(void **state,
				const struct replacement_setup *setup)
{
	return slots_create(state, setup, sizeof(struct slots), LISTS,
			    setup->frames);
}

REPLACEMENT_PLAYED(second_chance, slots_soon, slots_next)

const struct replacement replacement_second_chance = {
	.name = "second-chance",
	.title = "second chance",
	.summary =
		"the page that was loaded longest ago goes, but with R set it "
		"queues up again",
	.source = "Tanenbaum, Bos, Modern Operating Systems, section 3.4.4",
	.bound = "O(1) amortised, a fault O(frames) at worst",
	.needs = REPLACEMENT_BITS,
	.frame_bytes = sizeof(struct slot),
	.page_bytes = 4,
	.create = second_chance_create,
	.destroy = slots_destroy,
	.grow = slots_grow,
	.reference = second_chance_reference,
	.run = second_chance_run,
	.page = slots_page,
	.resident = slots_resident,
};
