// arc.c - adaptive replacement cache
//
// Two LRU lists: pages that were used once since they came (T1) and pages used
// at least twice (T2). Behind each, the ghosts of pages that it lost (B1, B2).
// A fault on a ghost says which list was too short, and moves the target size
// of T1: so ARC learns how much recency and how much frequency the program
// wants, and a scan only passes through T1.
//
// The names are the paper's: x is the page, p the target, c the frames. p moves
// in whole frames (B2/B1 rounded down).
//
// O(1). Up to c ghosts: 32 bytes a frame, 4 a page.

#include "slots.h"

enum { T1, T2, B1, B2, LISTS };

enum { LIST_SHIFT = 8 }; // in a slot's info

struct arc {
	struct slots slots;
	uint32_t count[LISTS];
	uint32_t p;
};

ALWAYS_INLINE unsigned arc_list(const struct slot *slot)
{
	return slot->info >> LIST_SHIFT;
}

// Puts a slot that is in no list at the head of one, with these bits.
ALWAYS_INLINE void arc_in(struct arc *arc, unsigned list, uint32_t slot,
			  unsigned bits)
{
	arc->slots.at[slot].info = bits | list << LIST_SHIFT;
	slot_in(arc->slots.at, list, slot);
	arc->count[list]++;
}

ALWAYS_INLINE void arc_out(struct arc *arc, uint32_t slot)
{
	arc->count[arc_list(&arc->slots.at[slot])]--;
	slot_out(arc->slots.at, slot);
}

// Forgets the oldest of a list.
ALWAYS_INLINE void arc_forget(struct arc *arc, unsigned list)
{
	arc->count[list]--;
	slot_drop(&arc->slots, arc->slots.at[list].prev);
	slots_tail_soon(&arc->slots, list);
}

// The paper's REPLACE: the oldest page of T1 or T2 leaves and is a ghost.
ALWAYS_INLINE struct replacement_outcome arc_replace(struct arc *arc,
						     bool in_b2)
{
	struct slots *slots = &arc->slots;
	uint32_t t1 = arc->count[T1];
	unsigned from = t1 && (t1 > arc->p || (in_b2 && t1 == arc->p)) ? T1
								       : T2;
	uint32_t slot = slots->at[from].prev;
	unsigned bits = slots->at[slot].info;

	arc_out(arc, slot);
	arc_in(arc, from == T1 ? B1 : B2, slot, 0);
	slots->used--;
	slots_tail_soon(slots, from);
	return LEAVES(slots->at[slot].page, bits & PAGE_MODIFIED);
}

// A page of which nothing is known (case IV).
ALWAYS_INLINE struct replacement_outcome arc_new(struct arc *arc)
{
	struct slots *slots = &arc->slots;
	uint32_t c = slots->frames;
	uint32_t l1 = arc->count[T1] + arc->count[B1];
	uint32_t all = l1 + arc->count[T2] + arc->count[B2];

	if (l1 == c) {
		if (arc->count[T1] < c) {
			arc_forget(arc, B1);
			return arc_replace(arc, false);
		}
		arc->count[T1]--;
		return slot_evict(slots, slots->at[T1].prev);
	}
	if (all < c)
		return NOBODY_LEAVES;
	if (all == 2 * c)
		arc_forget(arc, B2);
	return arc_replace(arc, false);
}

ALWAYS_INLINE uint32_t arc_step(uint32_t other, uint32_t own)
{
	return other > own ? other / own : 1;
}

ALWAYS_INLINE struct replacement_outcome arc_one(void *state, uint32_t page,
						 bool write)
{
	struct arc *arc = state;
	struct slots *slots = &arc->slots;
	struct slot *at = slots->at;
	unsigned bits = PAGE_RESIDENT | (write ? PAGE_MODIFIED : 0);
	uint32_t slot = slots->where[page], c = slots->frames;
	struct replacement_outcome outcome;

	if (!slot) {
		outcome = arc_new(arc);
		slots->used++;
		arc_in(arc, T1, slot_take(slots, page, 0), bits);
		return outcome;
	}

	unsigned list = arc_list(&at[slot]);
	uint32_t b1 = arc->count[B1], b2 = arc->count[B2];

	if (list == T1 || list == T2) {
		bits |= at[slot].info & PAGE_MODIFIED;
		arc_out(arc, slot);
		arc_in(arc, T2, slot, bits);
		return HIT;
	}
	if (list == B1) {
		uint32_t step = arc_step(b2, b1);

		arc->p = step < c - arc->p ? arc->p + step : c;
	} else {
		uint32_t step = arc_step(b1, b2);

		arc->p = step < arc->p ? arc->p - step : 0;
	}
	outcome = arc_replace(arc, list == B2);
	arc_out(arc, slot);
	arc_in(arc, T2, slot, bits);
	slots->used++;
	return outcome;
}

static int arc_create(void **state, const struct replacement_setup *setup)
{
	return slots_create(state, setup, sizeof(struct arc), LISTS,
			    2 * (size_t)setup->frames);
}

REPLACEMENT_PLAYED(arc, slots_soon, slots_next)

const struct replacement replacement_arc = {
	.name = "arc",
	.title = "adaptive replacement cache",
	.summary = "the oldest of the pages used once or of those used more "
		   "often goes, as faults on remembered pages have taught",
	.source = "Megiddo, Modha, ARC: A Self-Tuning, Low Overhead "
		  "Replacement Cache, FAST 2003",
	.bound = "O(1)",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = 2 * sizeof(struct slot),
	.page_bytes = 4,
	.create = arc_create,
	.destroy = slots_destroy,
	.grow = slots_grow,
	.reference = arc_reference,
	.run = arc_run,
	.page = slots_page,
	.resident = slots_resident,
};
