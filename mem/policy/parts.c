// parts.c - the ring of frames, see parts.h

#include "parts.h"

int replacement_check(const struct replacement_setup *setup)
{
	return setup->frames < 1 || setup->frames > REPLACEMENT_FRAMES ||
			       setup->pages > REPLACEMENT_PAGES
		       ? -EINVAL
		       : 0;
}

int frame_ring_create(void **state, const struct replacement_setup *setup,
		      size_t bytes)
{
	int error = replacement_check(setup);
	if (error)
		return error;

	struct ring *ring = calloc(1, bytes);
	if (!ring)
		return -ENOMEM;
	ring->pages = setup->pages;
	ring->frames = setup->frames;
	ring->cleared = setup->cleared;
	ring->context = setup->context;
	ring->page = replacement_zeros(setup->pages, sizeof *ring->page);
	ring->frame = replacement_zeros(setup->frames, sizeof *ring->frame);
	if (!ring->page || !ring->frame) {
		frame_ring_destroy(ring);
		return -ENOMEM;
	}
	*state = ring;
	return 0;
}

void frame_ring_destroy(void *state)
{
	struct ring *ring = state;

	if (!ring)
		return;
	free(ring->page);
	free(ring->frame);
	free(ring);
}

int frame_ring_grow(void *state, uint32_t pages)
{
	struct ring *ring = state;

	if (pages > REPLACEMENT_PAGES)
		return -EINVAL;
	if (pages <= ring->pages)
		return 0;
	uint8_t *page = replacement_more(ring->page, ring->pages, pages,
					 sizeof *page);
	if (!page)
		return -ENOMEM;
	ring->page = page;
	ring->pages = pages;
	return 0;
}

unsigned frame_ring_page(const void *state, uint32_t page)
{
	return ((const struct ring *)state)->page[page];
}

uint32_t frame_ring_resident(const void *state)
{
	return ((const struct ring *)state)->used;
}
