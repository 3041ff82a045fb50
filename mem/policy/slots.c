// slots.c - making lists of pages, see slots.h

#include "slots.h"

int slots_create(void **state, const struct replacement_setup *setup,
		 size_t bytes, unsigned lists, size_t count)
{
	int error = replacement_check(setup);
	if (error)
		return error;

	struct slots *slots = calloc(1, bytes);
	if (!slots)
		return -ENOMEM;
	slots->pages = setup->pages;
	slots->frames = setup->frames;
	slots->cleared = setup->cleared;
	slots->context = setup->context;
	slots->fresh = lists;
	slots->where = replacement_zeros(setup->pages, sizeof *slots->where);
	slots->at = replacement_zeros(lists + count, sizeof *slots->at);
	if (!slots->where || !slots->at) {
		slots_destroy(slots);
		return -ENOMEM;
	}
	for (uint32_t list = 0; list < lists; list++)
		slots->at[list].prev = slots->at[list].next = list;
	*state = slots;
	return 0;
}

void slots_destroy(void *state)
{
	struct slots *slots = state;

	if (!slots)
		return;
	free(slots->where);
	free(slots->at);
	free(slots);
}

int slots_grow(void *state, uint32_t pages)
{
	struct slots *slots = state;

	if (pages > REPLACEMENT_PAGES)
		return -EINVAL;
	if (pages <= slots->pages)
		return 0;
	uint32_t *where = replacement_more(slots->where, slots->pages, pages,
					   sizeof *where);
	if (!where)
		return -ENOMEM;
	slots->where = where;
	slots->pages = pages;
	return 0;
}

unsigned slots_page(const void *state, uint32_t page)
{
	const struct slots *slots = state;
	uint32_t slot = slots->where[page];
	unsigned bits = slot ? slots->at[slot].info : 0;

	return bits & PAGE_RESIDENT ? bits & (PAGE_RESIDENT | PAGE_REFERENCED |
					      PAGE_MODIFIED)
				    : 0;
}

uint32_t slots_resident(const void *state)
{
	return ((const struct slots *)state)->used;
}
