// nur.c - not used recently (NRU): four classes by the bits R and M
//
//     class 0   not referenced, not modified
//     class 1   not referenced, modified
//     class 2   referenced, not modified
//     class 3   referenced, modified
//
// A page of the lowest class that has any goes; of several the next one in the
// order of frames, after the last victim. From time to time all R are cleared,
// else all pages would be in classes 2 and 3: here before every fault whose
// number, counted from 0, is a multiple of `period`. (A kernel does it by the
// clock. Counting faults, real pages and the model do it at the same moment.)
//
// Each class is a set of frames that finds its next member in O(log frames) to
// the base 64. Clearing is O(frames), once in `period` faults: with the usual
// period O(1) amortised. Nine bytes a frame, five a page.

#include "bits.h"
#include "parts.h"

enum { CLASSES = 4 };

struct nur {
	struct circle circle; // hand: after the last victim
	uint32_t *where;      // of each resident page: its frame
	struct bits classes[CLASSES];
	uint64_t period, left; // faults until the next clearing
};

ALWAYS_INLINE unsigned nur_class(unsigned bits)
{
	return (bits & PAGE_REFERENCED ? 2 : 0) |
	       (bits & PAGE_MODIFIED ? 1 : 0);
}

static void nur_mark(struct nur *nur, uint32_t page, unsigned bits)
{
	struct circle *circle = &nur->circle;
	uint32_t frame = nur->where[page];

	bits_clear(&nur->classes[nur_class(circle->page[page])], frame);
	circle->page[page] |= (uint8_t)bits;
	bits_set(&nur->classes[nur_class(circle->page[page])], frame);
}

static void nur_clear(struct nur *nur)
{
	struct circle *circle = &nur->circle;

	for (unsigned class = 2; class < CLASSES; class ++) {
		struct bits *from = &nur->classes[class];
		size_t frame = bits_first(from, 0);

		for (; frame != NO_BIT; frame = bits_first(from, frame + 1)) {
			uint32_t page = circle->frame[frame];

			bits_clear(from, frame);
			bits_set(&nur->classes[class - 2], frame);
			circle->page[page] &= (uint8_t)~PAGE_REFERENCED;
			if (circle->cleared)
				circle->cleared(circle->context, page);
		}
	}
}

// The frame of the victim, not in any class any more.
static uint32_t nur_victim(struct nur *nur)
{
	for (unsigned class = 0;; class ++) {
		struct bits *from = &nur->classes[class];
		size_t frame = bits_first(from, nur->circle.hand);

		if (frame == NO_BIT)
			frame = bits_first(from, 0);
		if (frame == NO_BIT)
			continue;
		bits_clear(from, frame);
		return (uint32_t)frame;
	}
}

ALWAYS_INLINE struct replacement_outcome nur_one(void *state, uint32_t page,
						 bool write)
{
	struct nur *nur = state;
	struct circle *circle = &nur->circle;
	unsigned bits = PAGE_RESIDENT | PAGE_REFERENCED |
			(write ? PAGE_MODIFIED : 0);
	struct replacement_outcome outcome = NOBODY_LEAVES;
	uint32_t frame;

	if (circle->page[page]) {
		if (bits & ~circle->page[page])
			nur_mark(nur, page, bits);
		return HIT;
	}
	if (!nur->left--) {
		nur_clear(nur);
		nur->left = nur->period - 1;
	}
	if (circle->used < circle->frames) {
		frame = circle->used++;
	} else {
		frame = nur_victim(nur);
		circle->hand = frame + 1 < circle->frames ? frame + 1 : 0;

		uint32_t victim = circle->frame[frame];
		unsigned left = circle->page[victim];

		circle->page[victim] = 0;
		outcome = LEAVES(victim, left & PAGE_MODIFIED);
	}
	circle->frame[frame] = page;
	circle->page[page] = (uint8_t)bits;
	nur->where[page] = frame;
	bits_set(&nur->classes[nur_class(bits)], frame);
	return outcome;
}

static void nur_destroy(void *state)
{
	struct nur *nur = state;

	if (nur) {
		free(nur->where);
		for (unsigned class = 0; class < CLASSES; class ++)
			bits_free(&nur->classes[class]);
	}
	circle_destroy(nur);
}

static int nur_create(void **state, const struct replacement_setup *setup)
{
	void *made;
	int error = circle_create(&made, setup, sizeof(struct nur));
	if (error)
		return error;

	struct nur *nur = made;
	nur->period = setup->period ? setup->period : setup->frames;
	nur->left = nur->period;
	nur->where = replacement_zeros(setup->pages, sizeof *nur->where);
	error = nur->where ? 0 : -ENOMEM;
	for (unsigned class = 0; class < CLASSES && !error; class ++)
		error = bits_create(&nur->classes[class], setup->frames);
	if (error)
		nur_destroy(nur);
	else
		*state = nur;
	return error;
}

// The table of frames first: when the second array finds no memory, the policy
// still has the pages it had.
static int nur_grow(void *state, uint32_t pages)
{
	struct nur *nur = state;

	if (pages <= REPLACEMENT_PAGES && pages > nur->circle.pages) {
		uint32_t *where = replacement_more(
			nur->where, nur->circle.pages, pages, sizeof *where);
		if (!where)
			return -ENOMEM;
		nur->where = where;
	}
	return circle_grow(nur, pages);
}

REPLACEMENT_PLAYED(nur, circle_soon, replacement_nothing)

const struct replacement replacement_nur = {
	.name = "nur",
	.title = "not used recently",
	.summary = "a page of the lowest class by R and M goes; all R are "
		   "cleared from time to time",
	.source = "Tanenbaum, Bos, Modern Operating Systems, section 3.4.2",
	.bound = "O(log frames) amortised, a fault O(frames) at worst",
	.needs = REPLACEMENT_BITS,
	.frame_bytes = 5,
	.page_bytes = 5,
	.create = nur_create,
	.destroy = nur_destroy,
	.grow = nur_grow,
	.reference = nur_reference,
	.run = nur_run,
	.page = circle_page,
	.resident = circle_resident,
};
