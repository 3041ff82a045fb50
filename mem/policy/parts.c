// parts.c - the ring of frames, see parts.h

#include "parts.h"

int replacement_check(const struct replacement_setup *setup)
{
	return setup->frames < 1 || setup->frames > REPLACEMENT_FRAMES ||
			       setup->pages > REPLACEMENT_PAGES
		       ? -EINVAL
		       : 0;
}

int circle_create(void **state, const struct replacement_setup *setup,
		  size_t bytes)
{
	int error = replacement_check(setup);
	if (error)
		return error;

	struct circle *circle = calloc(1, bytes);
	if (!circle)
		return -ENOMEM;
	circle->pages = setup->pages;
	circle->frames = setup->frames;
	circle->cleared = setup->cleared;
	circle->context = setup->context;
	circle->page = replacement_zeros(setup->pages, sizeof *circle->page);
	// One more: sieve looks ahead of its hand, which may be at the tail.
	circle->frame = replacement_zeros((size_t)setup->frames + 1,
					  sizeof *circle->frame);
	if (!circle->page || !circle->frame) {
		circle_destroy(circle);
		return -ENOMEM;
	}
	*state = circle;
	return 0;
}

void circle_destroy(void *state)
{
	struct circle *circle = state;

	if (!circle)
		return;
	free(circle->page);
	free(circle->frame);
	free(circle);
}

int circle_grow(void *state, uint32_t pages)
{
	struct circle *circle = state;

	if (pages > REPLACEMENT_PAGES)
		return -EINVAL;
	if (pages <= circle->pages)
		return 0;
	uint8_t *page = replacement_more(circle->page, circle->pages, pages,
					 sizeof *page);
	if (!page)
		return -ENOMEM;
	circle->page = page;
	circle->pages = pages;
	return 0;
}

unsigned circle_page(const void *state, uint32_t page)
{
	return ((const struct circle *)state)->page[page];
}

uint32_t circle_resident(const void *state)
{
	return ((const struct circle *)state)->used;
}
