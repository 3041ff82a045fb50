// ahead.c - making the sets of places, see ahead.h

#include "ahead.h"

int ahead_create(void **state, const struct replacement_setup *setup)
{
	const struct replacement_future *future = &setup->future;
	int error = replacement_check(setup);

	if (!error && future->count && (!future->references || !future->next))
		error = -EINVAL;
	if (!error && future->count >= STRAYED)
		error = -EFBIG;
	if (error)
		return error;

	struct ahead *ahead = calloc(1, sizeof *ahead);
	if (!ahead)
		return -ENOMEM;
	ahead->future = *future;
	ahead->pages = setup->pages;
	ahead->frames = setup->frames;
	ahead->loaded = replacement_zeros(setup->pages, sizeof *ahead->loaded);
	ahead->strays = replacement_zeros(setup->frames, sizeof *ahead->strays);
	if (!ahead->loaded || !ahead->strays)
		error = -ENOMEM;
	if (!error)
		error = bits_create(&ahead->next, future->count);
	if (!error)
		error = bits_create(&ahead->never, future->count);
	if (error)
		ahead_destroy(ahead);
	else
		*state = ahead;
	return error;
}

void ahead_destroy(void *state)
{
	struct ahead *ahead = state;

	if (!ahead)
		return;
	free(ahead->loaded);
	free(ahead->strays);
	bits_free(&ahead->next);
	bits_free(&ahead->never);
	free(ahead);
}

int ahead_grow(void *state, uint32_t pages)
{
	struct ahead *ahead = state;

	if (pages > REPLACEMENT_PAGES)
		return -EINVAL;
	if (pages <= ahead->pages)
		return 0;
	uint32_t *loaded = replacement_more(ahead->loaded, ahead->pages, pages,
					    sizeof *loaded);
	if (!loaded)
		return -ENOMEM;
	ahead->loaded = loaded;
	ahead->pages = pages;
	return 0;
}

unsigned ahead_page(const void *state, uint32_t page)
{
	uint32_t loaded = ((const struct ahead *)state)->loaded[page];

	return !loaded                   ? 0
	       : loaded & AHEAD_MODIFIED ? PAGE_RESIDENT | PAGE_MODIFIED
					 : PAGE_RESIDENT;
}

uint32_t ahead_resident(const void *state)
{
	return ((const struct ahead *)state)->used;
}

void ahead_found(struct ahead *ahead, uint32_t page)
{
	uint32_t i = 0;

	while (ahead->strays[i] != page)
		i++;
	for (ahead->stray_count--; i < ahead->stray_count; i++)
		ahead->strays[i] = ahead->strays[i + 1];
	ahead->loaded[page] = (ahead->loaded[page] & AHEAD_MODIFIED) |
			      (uint32_t)(ahead->at + 1);
}
