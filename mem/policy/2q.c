// 2q.c - two queues
//
// A new page waits in a FIFO queue (A1in). When it leaves memory from there its
// number is remembered for a while (A1out, ghosts). Only a page that is used
// again in that time is worth a place in the LRU list (Am). References in quick
// succession, a page's first minutes, do not count: that is what A1in is for.
//
// A1in is a quarter of the frames, A1out remembers half as many pages as there
// are frames: the paper's "full version" with Kin 25 %, Kout 50 %.
//
// O(1). 24 bytes a frame, 4 a page.

#include "slots.h"

enum { AM, A1IN, A1OUT, LISTS };

enum { LIST_SHIFT = 8 }; // in a slot's info

struct two_queues {
	struct slots slots;
	uint32_t in, out;     // how many pages A1in and A1out have
	uint32_t k_in, k_out; // and should have
};

// Makes a frame free.
ALWAYS_INLINE struct replacement_outcome two_reclaim(struct two_queues *two)
{
	struct slots *slots = &two->slots;
	struct slot *at = slots->at;

	if (slots->used < slots->frames)
		return NOBODY_LEAVES;
	if (two->in <= two->k_in && at[AM].prev != AM) {
		struct replacement_outcome outcome = slot_evict(slots,
								at[AM].prev);

		slots_tail_soon(slots, AM);
		return outcome;
	}

	uint32_t slot = at[A1IN].prev;
	unsigned bits = at[slot].info;

	if (two->out == two->k_out) {
		slot_drop(slots, at[A1OUT].prev);
		slots_tail_soon(slots, A1OUT);
		two->out--;
	}
	slot_out(at, slot);
	slot_in(at, A1OUT, slot);
	at[slot].info = A1OUT << LIST_SHIFT;
	two->in--;
	two->out++;
	slots->used--;
	slots_tail_soon(slots, A1IN);
	return LEAVES(at[slot].page, bits & PAGE_MODIFIED);
}

ALWAYS_INLINE struct replacement_outcome two_one(void *state, uint32_t page,
						 bool write)
{
	struct two_queues *two = state;
	struct slots *slots = &two->slots;
	struct slot *at = slots->at;
	unsigned bits = PAGE_RESIDENT | (write ? PAGE_MODIFIED : 0);
	uint32_t slot = slots->where[page];
	struct replacement_outcome outcome;

	if (slot) {
		unsigned list = at[slot].info >> LIST_SHIFT;

		at[slot].info |= bits;
		if (list == AM)
			slot_move(at, AM, slot);
		if (list != A1OUT)
			return HIT;
		slot_drop(slots, slot);
		two->out--;
		outcome = two_reclaim(two);
		slot = slot_take(slots, page, bits | AM << LIST_SHIFT);
		slot_in(at, AM, slot);
	} else {
		outcome = two_reclaim(two);
		slot = slot_take(slots, page, bits | A1IN << LIST_SHIFT);
		slot_in(at, A1IN, slot);
		two->in++;
	}
	slots->used++;
	return outcome;
}

static int two_create(void **state, const struct replacement_setup *setup)
{
	uint32_t k_in = setup->frames / 4, k_out = setup->frames / 2;
	void *made;

	k_in = k_in ? k_in : 1;
	k_out = k_out ? k_out : 1;
	int error = slots_create(&made, setup, sizeof(struct two_queues), LISTS,
				 (size_t)setup->frames + k_out);
	if (error)
		return error;

	struct two_queues *two = made;
	two->k_in = k_in;
	two->k_out = k_out;
	*state = two;
	return 0;
}

REPLACEMENT_PLAYED(two, slots_soon, slots_next)

const struct replacement replacement_2q = {
	.name = "2q",
	.title = "two queues",
	.summary = "new pages pass through a FIFO queue; those that come back "
		   "soon after it are kept as LRU does",
	.source = "Johnson, Shasha, 2Q: A Low Overhead High Performance Buffer "
		  "Management Replacement Algorithm, VLDB 1994",
	.bound = "O(1)",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = 3 * sizeof(struct slot) / 2,
	.page_bytes = 4,
	.create = two_create,
	.destroy = slots_destroy,
	.grow = slots_grow,
	.reference = two_reference,
	.run = two_run,
	.page = slots_page,
	.resident = slots_resident,
};
