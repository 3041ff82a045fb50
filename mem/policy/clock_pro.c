// clock_pro.c - LRU's stack distances guessed with reference bits
//
// Pages are hot or cold, and only cold ones leave. A new page is cold and in a
// *test*: if it is referenced before the oldest hot page of the clock is newer
// than it, its distance is shorter than that one's, and they change places. The
// test goes on when the page has left memory: then a ghost is in the clock. A
// page that passes its test makes the share of cold frames larger, one that
// fails makes it smaller. The names are the paper's: m frames, m_c of them for
// cold pages.
//
// The paper has one circle of all pages and three hands. Each hand cares for
// one kind of page, and whatever a hand leaves behind or puts in is then the
// newest of the circle; so here each kind is a queue of its own, and a hand is
// the tail of its queue: it walks over nothing that it does not care for. (Cold
// pages that the hot hand would pass keep their place.) Between the queues the
// order is known by the time at which a page was last put in.
//
// What the paper leaves open: m_c begins as all frames; a ghost that is hit is
// taken out before a frame is freed; a cold page that was referenced, but not
// yet seen by the hand when its test ends, has not failed.
//
// O(1) amortised: a step of a hand clears an R, ends a test, or finds what it
// looks for. Up to m ghosts: 64 bytes a frame, 4 a page.

#include "slots.h"

enum { HOT, COLD, LISTS };

// In a slot's info. Resident pages are in the list HOT or COLD, those in a test
// (resident or not) in a second list.
enum { IN_HOT = 8, IN_TEST = 16 };

struct test {
	uint32_t prev, next; // slots; 0 is the list's own
	uint64_t since;      // when the page was put in, hot ones, too
};

struct clock_pro {
	struct slots slots;
	struct test *test;
	uint64_t now;
	uint32_t hot, cold_target; // m_c
	uint32_t ghosts;
};

ALWAYS_INLINE void pro_put(struct clock_pro *pro, unsigned list, uint32_t slot)
{
	slot_in(pro->slots.at, list, slot);
	pro->test[slot].since = ++pro->now;
}

ALWAYS_INLINE void pro_begin(struct clock_pro *pro, uint32_t slot)
{
	struct test *test = pro->test;
	uint32_t next = test[0].next;

	pro->slots.at[slot].info |= IN_TEST;
	test[slot].prev = 0;
	test[slot].next = next;
	test[0].next = slot;
	test[next].prev = slot;
}

ALWAYS_INLINE void pro_end(struct clock_pro *pro, uint32_t slot)
{
	struct test *test = pro->test;

	pro->slots.at[slot].info &= ~(unsigned)IN_TEST;
	test[test[slot].prev].next = test[slot].next;
	test[test[slot].next].prev = test[slot].prev;
}

static void pro_passed(struct clock_pro *pro)
{
	if (pro->cold_target < pro->slots.frames)
		pro->cold_target++;
}

// The oldest test ends: HAND_test.
static void pro_test_hand(struct clock_pro *pro)
{
	struct slots *slots = &pro->slots;
	uint32_t slot = pro->test[0].prev;

	pro_end(pro, slot);
	if (!(slots->at[slot].info & PAGE_REFERENCED) && pro->cold_target > 1)
		pro->cold_target--;
	if (slots->at[slot].info & PAGE_RESIDENT)
		return;
	pro->ghosts--;
	slots->where[slots->at[slot].page] = 0;
	slots->at[slot].next = slots->spare;
	slots->spare = slot;
}

ALWAYS_INLINE bool pro_referenced(struct clock_pro *pro, uint32_t slot)
{
	struct slots *slots = &pro->slots;

	if (!(slots->at[slot].info & PAGE_REFERENCED))
		return false;
	slots->at[slot].info &= ~(unsigned)PAGE_REFERENCED;
	if (slots->cleared)
		slots->cleared(slots->context, slots->at[slot].page);
	return true;
}

// HAND_hot: as long as there are too many hot pages, the oldest that was not
// referenced turns cold. Tests older than the hand's place are over.
static void pro_hot_hand(struct clock_pro *pro)
{
	struct slot *at = pro->slots.at;

	while (pro->hot > pro->slots.frames - pro->cold_target) {
		uint32_t slot = at[HOT].prev;

		while (pro->test[0].prev && pro->test[pro->test[0].prev].since <
						    pro->test[slot].since)
			pro_test_hand(pro);
		slot_out(at, slot);
		if (pro_referenced(pro, slot)) {
			pro_put(pro, HOT, slot);
			continue;
		}
		at[slot].info &= ~(unsigned)IN_HOT;
		pro->hot--;
		pro_put(pro, COLD, slot);
	}
}

static void pro_heat(struct clock_pro *pro, uint32_t slot)
{
	pro_passed(pro);
	pro->slots.at[slot].info |= IN_HOT;
	pro->hot++;
	pro_put(pro, HOT, slot);
	pro_hot_hand(pro);
}

// HAND_cold: the oldest cold page that was not referenced leaves.
static struct replacement_outcome pro_cold_hand(struct clock_pro *pro)
{
	struct slots *slots = &pro->slots;
	struct slot *at = slots->at;

	for (;;) {
		uint32_t slot = at[COLD].prev;
		bool test = at[slot].info & IN_TEST;

		if (pro_referenced(pro, slot)) {
			slot_out(at, slot);
			if (test) {
				pro_end(pro, slot);
				pro_heat(pro, slot);
			} else {
				pro_put(pro, COLD, slot);
				pro_begin(pro, slot);
			}
			continue;
		}
		if (!test)
			return slot_evict(slots, slot);

		unsigned bits = at[slot].info;
		uint32_t page = at[slot].page;

		slot_out(at, slot);
		at[slot].info = IN_TEST;
		slots->used--;
		pro->ghosts++;
		while (pro->ghosts > slots->frames)
			pro_test_hand(pro);
		slots_tail_soon(slots, COLD);
		return LEAVES(page, bits & PAGE_MODIFIED);
	}
}

ALWAYS_INLINE struct replacement_outcome pro_one(void *state, uint32_t page,
						 bool write)
{
	struct clock_pro *pro = state;
	struct slots *slots = &pro->slots;
	struct slot *at = slots->at;
	unsigned modified = write ? PAGE_MODIFIED : 0;
	uint32_t slot = slots->where[page];
	struct replacement_outcome outcome = NOBODY_LEAVES;

	if (slot && at[slot].info & PAGE_RESIDENT) {
		unsigned bits = PAGE_REFERENCED | modified;

		if (bits & ~at[slot].info)
			at[slot].info |= bits;
		return HIT;
	}
	if (slot) {
		pro_end(pro, slot);
		pro->ghosts--;
	}
	if (slots->used == slots->frames)
		outcome = pro_cold_hand(pro);
	slots->used++;
	if (slot) {
		at[slot].info = PAGE_RESIDENT | modified;
		pro_heat(pro, slot);
	} else {
		slot = slot_take(slots, page, PAGE_RESIDENT | modified);
		pro_put(pro, COLD, slot);
		pro_begin(pro, slot);
	}
	return outcome;
}

static void pro_destroy(void *state)
{
	struct clock_pro *pro = state;

	if (pro)
		free(pro->test);
	slots_destroy(pro);
}

// One ghost more than m while the test hand comes, and one that is coming back.
static int pro_create(void **state, const struct replacement_setup *setup)
{
	size_t slots = 2 * (size_t)setup->frames + 2;
	void *made;
	int error = slots_create(&made, setup, sizeof(struct clock_pro), LISTS,
				 slots);
	if (error)
		return error;

	struct clock_pro *pro = made;
	pro->cold_target = setup->frames;
	pro->test = replacement_zeros(LISTS + slots, sizeof *pro->test);
	if (!pro->test) {
		pro_destroy(pro);
		return -ENOMEM;
	}
	*state = pro;
	return 0;
}

REPLACEMENT_PLAYED(pro, slots_soon, slots_next)

const struct replacement replacement_clock_pro = {
	.name = "clock-pro",
	.title = "CLOCK-Pro",
	.summary =
		"a cold page without R goes; pages that are referenced while "
		"they are tested turn hot",
	.source = "Jiang, Chen, Zhang, CLOCK-Pro: An Effective Improvement of "
		  "the CLOCK Replacement, USENIX ATC 2005",
	.bound = "O(1) amortised, a fault O(frames) at worst",
	.needs = REPLACEMENT_FRESH_BITS,
	.frame_bytes = 2 * (sizeof(struct slot) + sizeof(struct test)),
	.page_bytes = 4,
	.create = pro_create,
	.destroy = pro_destroy,
	.grow = slots_grow,
	.reference = pro_reference,
	.run = pro_run,
	.page = slots_page,
	.resident = slots_resident,
};
