// lru.c - least recently used
//
// A list in the order of the last use: a reference moves its page to the head,
// who is at the tail goes. Only hardware that stops at every reference could
// keep it for memory; kernels come near with reference bits.
//
// O(1). 16 bytes a frame, 4 a page.

#include "slots.h"

enum { USED, LISTS };

ALWAYS_INLINE struct replacement_outcome lru_one(void *state, uint32_t page,
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
	if (slots->used == slots->frames) {
		outcome = slot_evict(slots, at[USED].prev);
		slots_tail_soon(slots, USED);
	}
	slot_in(at, USED, slot_take(slots, page, PAGE_RESIDENT | modified));
	slots->used++;
	return outcome;
}

static int lru_create(void **state, const struct replacement_setup *setup)
{
	return slots_create(state, setup, sizeof(struct slots), LISTS,
			    setup->frames);
}

REPLACEMENT_PLAYED(lru, slots_soon, slots_next)

const struct replacement replacement_lru = {
	.name = "lru",
	.title = "least recently used",
	.summary = "the page that was not used for the longest time goes",
	.source = "Mattson, Gecsei, Slutz, Traiger, IBM Systems Journal 9 "
		  "(1970); Silberschatz, Galvin, Gagne, section 10.4.4",
	.bound = "O(1)",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = sizeof(struct slot),
	.page_bytes = 4,
	.create = lru_create,
	.destroy = slots_destroy,
	.grow = slots_grow,
	.reference = lru_reference,
	.run = lru_run,
	.page = slots_page,
	.resident = slots_resident,
};
