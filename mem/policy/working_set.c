// working_set.c - who was not used for a while leaves, needed or not
//
// The working set of a program are the pages of its last `window` references.
// The other policies let nobody go before a frame is needed; here a page leaves
// as soon as it is not in the working set any more, and the frames it had are
// for others (see mem/thrash). So the number of resident pages follows the
// program. If the working set is larger than the frames, the least recently
// used page goes.
//
// A list in the order of the last use, with the times. Time is the number of
// references, so at most one page gets too old at each, the one at the tail.
// O(1). 20 bytes a frame, 4 a page.

#include "slots.h"

enum { USED, LISTS };

struct working_set {
	struct slots slots;
	uint32_t *last; // of each slot: when; it may wrap, ages are small
	uint32_t now, window;
};

ALWAYS_INLINE struct replacement_outcome
working_set_one(void *state, uint32_t page, bool write)
{
	struct working_set *set = state;
	struct slots *slots = &set->slots;
	struct slot *at = slots->at;
	unsigned modified = write ? PAGE_MODIFIED : 0;
	uint32_t slot = slots->where[page];
	bool hit = slot;
	struct replacement_outcome outcome = NOBODY_LEAVES;

	set->now++;
	if (hit) {
		at[slot].info |= modified;
		slot_move(at, USED, slot);
		set->last[slot] = set->now;
	}

	uint32_t oldest = at[USED].prev;

	if (oldest && (set->now - set->last[oldest] >= set->window ||
		       (!hit && slots->used == slots->frames))) {
		outcome = slot_evict(slots, oldest);
		slots_tail_soon(slots, USED);
	}
	if (!hit) {
		slot = slot_take(slots, page, PAGE_RESIDENT | modified);
		slot_in(at, USED, slot);
		set->last[slot] = set->now;
		slots->used++;
	}
	outcome.hit = hit;
	return outcome;
}

static void working_set_destroy(void *state)
{
	struct working_set *set = state;

	if (set)
		free(set->last);
	slots_destroy(set);
}

static int working_set_create(void **state,
			      const struct replacement_setup *setup)
{
	struct working_set *set;
	void *made;

	if (setup->window > UINT32_MAX)
		return -EINVAL;
	int error = slots_create(&made, setup, sizeof *set, LISTS,
				 setup->frames);
	if (error)
		return error;
	set = made;
	set->window = (uint32_t)(setup->window ? setup->window
					       : 4 * (uint64_t)setup->frames);
	set->last = replacement_zeros(LISTS + setup->frames, sizeof *set->last);
	if (!set->last) {
		working_set_destroy(set);
		return -ENOMEM;
	}
	*state = set;
	return 0;
}

REPLACEMENT_PLAYED(working_set, slots_soon, slots_next)

const struct replacement replacement_working_set = {
	.name = "working-set",
	.title = "working set",
	.summary = "a page leaves when it was not used for a window of "
		   "references; when frames run out, the least recently used",
	.source = "Denning, The Working Set Model for Program Behavior, "
		  "Communications of the ACM 11 (1968)",
	.bound = "O(1)",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = sizeof(struct slot) + 4,
	.page_bytes = 4,
	.create = working_set_create,
	.destroy = working_set_destroy,
	.grow = slots_grow,
	.reference = working_set_reference,
	.run = working_set_run,
	.page = slots_page,
	.resident = slots_resident,
};
