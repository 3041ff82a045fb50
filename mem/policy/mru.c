// mru.c - most recently used
//
// LRU's list, but who is at the head goes. Good for loops over more pages than
// there are frames, where LRU throws out just what comes next.
//
// O(1). 16 bytes a frame, 4 a page.

#include "slots.h"

enum { USED, LISTS };

ALWAYS_INLINE struct replacement_outcome mru_one(void *state, uint32_t page,
						 bool write)
{
	struct slots *slots = state;
	struct slot *at = slots->at;
	unsigned modified = write ? PAGE_MODIFIED : 0;
	uint32_t slot = slots->where[page];
	struct replacement_outcome outcome = NOBODY_LEAVES;

	if (slot) {
		at[slot].info |= modified;
		slot_move(at, USED, slot);
		return HIT;
	}
	if (slots->used == slots->frames)
		outcome = slot_evict(slots, at[USED].next);
	slot_in(at, USED, slot_take(slots, page, PAGE_RESIDENT | modified));
	slots->used++;
	return outcome;
}

static int mru_create(void **state, const struct replacement_setup *setup)
{
	return slots_create(state, setup, sizeof(struct slots), LISTS,
			    setup->frames);
}

REPLACEMENT_PLAYED(mru, slots_soon, slots_next)

const struct replacement replacement_mru = {
	.name = "mru",
	.title = "most recently used",
	.summary = "the page that was used last goes",
	.source = "Denning, Working Sets Past and Present, IEEE Transactions "
		  "on Software Engineering 6 (1980)",
	.bound = "O(1)",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = sizeof(struct slot),
	.page_bytes = 4,
	.create = mru_create,
	.destroy = slots_destroy,
	.grow = slots_grow,
	.reference = mru_reference,
	.run = mru_run,
	.page = slots_page,
	.resident = slots_resident,
};
