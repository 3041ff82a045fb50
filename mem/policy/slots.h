// slots.h - lists of pages
//
// A slot holds a page and is in one list at a time. Lists are doubly linked
// circles through a slot of their own, which holds no page: its `next` is the
// head, where pages enter, its `prev` the tail. The first slots are those of
// the lists, so no page is ever in slot 0, and 0 can mean "none".
//
// Some policies remember pages that have left, *ghosts*: those have a slot,
// too, without PAGE_RESIDENT.
//
// All is O(1). 16 bytes a slot, 4 bytes a page.

#ifndef MEM_POLICY_SLOTS_H
#define MEM_POLICY_SLOTS_H

#include "parts.h"

struct slot {
	uint32_t prev, next, page;
	uint32_t info; // PAGE_RESIDENT | ..., and more of the policy's own
};

struct slots {
	uint32_t *where; // of each page: its slot, or 0
	struct slot *at;
	uint32_t pages, frames, used; // used: resident pages
	uint32_t fresh;               // from here on, slots were never used
	uint32_t spare;               // a list of others, by next; 0: none
	void (*cleared)(void *context, uint32_t page);
	void *context;
};

// Makes a policy's state, `bytes` large, that begins with slots: `lists` empty
// lists (slots 0 .. lists - 1), and room for `count` pages.
int slots_create(void **state, const struct replacement_setup *setup,
		 size_t bytes, unsigned lists, size_t count);
void slots_destroy(void *state);
int slots_grow(void *state, uint32_t pages);
unsigned slots_page(const void *state, uint32_t page);
uint32_t slots_resident(const void *state);

ALWAYS_INLINE void slot_out(struct slot *at, uint32_t slot)
{
	uint32_t prev = at[slot].prev, next = at[slot].next;

	at[prev].next = next;
	at[next].prev = prev;
}

// Between `prev` and what follows it; for a list: at its head.
ALWAYS_INLINE void slot_in(struct slot *at, uint32_t prev, uint32_t slot)
{
	uint32_t next = at[prev].next;

	at[slot].prev = prev;
	at[slot].next = next;
	at[prev].next = slot;
	at[next].prev = slot;
}

ALWAYS_INLINE void slot_move(struct slot *at, uint32_t list, uint32_t slot)
{
	if (at[list].next == slot)
		return;
	slot_out(at, slot);
	slot_in(at, list, slot);
}

// A slot for a page that has none. The caller knows that there is one.
ALWAYS_INLINE uint32_t slot_take(struct slots *slots, uint32_t page,
				 uint32_t info)
{
	uint32_t slot = slots->spare;

	if (slot)
		slots->spare = slots->at[slot].next;
	else
		slot = slots->fresh++;
	slots->at[slot].page = page;
	slots->at[slot].info = info;
	slots->where[page] = slot;
	return slot;
}

// Takes a page out of its list and forgets it.
ALWAYS_INLINE void slot_drop(struct slots *slots, uint32_t slot)
{
	slot_out(slots->at, slot);
	slots->where[slots->at[slot].page] = 0;
	slots->at[slot].next = slots->spare;
	slots->spare = slot;
}

// The same for a resident page that leaves.
ALWAYS_INLINE struct replacement_outcome slot_evict(struct slots *slots,
						    uint32_t slot)
{
	uint32_t page = slots->at[slot].page;
	unsigned bits = slots->at[slot].info;

	slot_drop(slots, slot);
	slots->used--;
	return LEAVES(page, bits & PAGE_MODIFIED);
}

ALWAYS_INLINE void slots_soon(const void *state, uint32_t page)
{
	__builtin_prefetch(&((const struct slots *)state)->where[page], 1);
}

// (A page without a slot asks for slot 0, which is near anyway.)
ALWAYS_INLINE void slots_next(const void *state, uint32_t page)
{
	const struct slots *slots = state;

	__builtin_prefetch(&slots->at[slots->where[page]], 1);
}

// Who is next to leave is known, too: the tail of a list.
ALWAYS_INLINE void slots_tail_soon(const struct slots *slots, uint32_t list)
{
	slots_soon(slots, slots->at[slots->at[list].prev].page);
}

#endif
