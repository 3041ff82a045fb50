// distances.c - one bit at each last use, and a Fenwick tree, see distances.h

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "distances.h"
#include "mem/policy/memory.h"
#include "mem/policy/policy.h"

// Places are numbered in the order of time. A bit is set at those where some
// page was used last; the tree counts the bits of whole words: sums[i] (from 1)
// is that of as many words as the lowest set bit of i says, up to word i - 1.
struct distances {
	uint32_t *last;  // of each page: the place of its last use + 1, or 0
	uint64_t *depth; // [d]: references that found their page d deep
	uint32_t pages;  // room for so many, a power of two

	uint64_t *bits; // PLACES_A_PAGE * pages
	uint32_t *sums;
	uint32_t *page; // of each place
	uint32_t now;   // the next place

	uint32_t distinct;
	uint64_t references, memory_bytes;
};

enum { PAGES_FIRST = 1024, PLACES_A_PAGE = 2, WORD = 64, SOON = 24 };

static size_t places(uint32_t pages)
{
	return (size_t)PLACES_A_PAGE * pages;
}

static uint64_t bytes_with(uint32_t pages)
{
	return sizeof(struct distances) +
	       pages * (sizeof(uint32_t) + sizeof(uint64_t)) +
	       places(pages) * sizeof(uint32_t) +
	       places(pages) / WORD * (sizeof(uint64_t) + sizeof(uint32_t));
}

static void *larger(void *array, size_t count, size_t more, size_t each)
{
	return array ? replacement_more(array, count, more, each)
		     : replacement_zeros(more, each);
}

// The tree over the bits as they are. O(places / 64).
static void sum_up(struct distances *distances)
{
	size_t words = places(distances->pages) / WORD;
	uint32_t *sums = distances->sums;

	for (size_t i = 1; i <= words; i++)
		sums[i] =
			(uint32_t)__builtin_popcountll(distances->bits[i - 1]);
	for (size_t i = 1; i <= words; i++) {
		size_t above = i + (i & -i);

		if (above <= words)
			sums[above] += sums[i];
	}
}

// All arrays, one after the other: what was made larger before another found no
// memory stays larger, which nobody sees.
static int make_room(struct distances *distances, uint32_t pages)
{
	size_t old = distances->last ? distances->pages : 0;
	uint32_t *last = larger(distances->last, old, pages, sizeof *last);
	if (last)
		distances->last = last;
	uint64_t *depth = larger(distances->depth, old + (old > 0),
				 (size_t)pages + 1, sizeof *depth);
	if (depth)
		distances->depth = depth;
	uint64_t *bits = larger(distances->bits, places((uint32_t)old) / WORD,
				places(pages) / WORD, sizeof *bits);
	if (bits)
		distances->bits = bits;
	uint32_t *sums = larger(distances->sums,
				places((uint32_t)old) / WORD + (old > 0),
				places(pages) / WORD + 1, sizeof *sums);
	if (sums)
		distances->sums = sums;
	uint32_t *page = larger(distances->page, places((uint32_t)old),
				places(pages), sizeof *page);
	if (page)
		distances->page = page;
	if (!last || !depth || !bits || !sums || !page)
		return -ENOMEM;
	distances->pages = pages;
	sum_up(distances);
	return 0;
}

int distances_create(struct distances **distances, uint64_t memory_bytes)
{
	if (memory_bytes && bytes_with(PAGES_FIRST) > memory_bytes)
		return -ENOMEM;

	struct distances *made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->memory_bytes = memory_bytes;
	if (make_room(made, PAGES_FIRST)) {
		distances_free(made);
		return -ENOMEM;
	}
	*distances = made;
	return 0;
}

void distances_free(struct distances *distances)
{
	if (!distances)
		return;
	free(distances->last);
	free(distances->depth);
	free(distances->bits);
	free(distances->sums);
	free(distances->page);
	free(distances);
}

// The places are used up: those with a bit move together, in their order. There
// are as many as distinct pages, at most half of all.
static void pack(struct distances *distances)
{
	size_t words = places(distances->pages) / WORD;
	uint32_t packed = 0;

	for (size_t w = 0; w < words; w++) {
		uint64_t word = distances->bits[w];

		for (; word; word &= word - 1) {
			size_t place = w * WORD +
				       (unsigned)__builtin_ctzll(word);
			uint32_t page = distances->page[place];

			distances->page[packed] = page;
			distances->last[page] = ++packed;
		}
	}
	memset(distances->bits, 0, words * sizeof *distances->bits);
	memset(distances->bits, 0xff, packed / WORD * sizeof *distances->bits);
	if (packed % WORD)
		distances->bits[packed / WORD] =
			(UINT64_C(1) << packed % WORD) - 1;
	distances->now = packed;
	sum_up(distances);
}

// How many bits there are before a place.
static inline uint32_t before(const struct distances *distances, size_t place)
{
	size_t w = place / WORD;
	uint64_t below = distances->bits[w] &
			 ((UINT64_C(1) << place % WORD) - 1);
	uint32_t sum = (uint32_t)__builtin_popcountll(below);

	for (; w; w &= w - 1)
		sum += distances->sums[w];
	return sum;
}

static inline void change(struct distances *distances, size_t word, uint32_t by)
{
	size_t words = places(distances->pages) / WORD;

	for (size_t i = word + 1; i <= words; i += i & -i)
		distances->sums[i] += by;
}

static inline void use(struct distances *distances, uint32_t page)
{
	size_t was = distances->last[page], word;

	if (distances->now == places(distances->pages)) {
		pack(distances);
		was = distances->last[page];
	}
	word = distances->now / WORD;
	if (was == distances->now && was) {
		distances->depth[1]++;
		return;
	}
	if (was) {
		was--;
		distances
			->depth[distances->distinct - before(distances, was)]++;
		distances->bits[was / WORD] &= ~(UINT64_C(1) << was % WORD);
		if (was / WORD != word) {
			change(distances, was / WORD, UINT32_MAX);
			change(distances, word, 1);
		}
	} else {
		distances->distinct++;
		change(distances, word, 1);
	}
	distances->bits[word] |= UINT64_C(1) << distances->now % WORD;
	distances->page[distances->now++] = page;
	distances->last[page] = distances->now;
}

int distances_add(struct distances *distances, const uint32_t *references,
		  size_t count)
{
	uint32_t highest = 0, pages = distances->pages;

	for (size_t i = 0; i < count; i++) {
		uint32_t page = references[i] & ~REFERENCE_WRITE;

		highest = page > highest ? page : highest;
	}
	if (highest >= REPLACEMENT_PAGES - 1)
		return -EINVAL;
	while (pages <= highest)
		pages *= 2;
	if (pages > REPLACEMENT_PAGES / 2 ||
	    (distances->memory_bytes &&
	     bytes_with(pages) > distances->memory_bytes))
		return -ENOMEM;
	if (pages != distances->pages && make_room(distances, pages))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t soon = i + SOON < count ? i + SOON : i;

		__builtin_prefetch(
			&distances->last[references[soon] & ~REFERENCE_WRITE],
			1);
		use(distances, references[i] & ~REFERENCE_WRITE);
	}
	distances->references += count;
	return 0;
}

uint64_t distances_references(const struct distances *distances)
{
	return distances->references;
}

uint32_t distances_pages(const struct distances *distances)
{
	return distances->distinct;
}

uint64_t distances_at(const struct distances *distances, uint32_t depth)
{
	return depth <= distances->pages ? distances->depth[depth] : 0;
}

uint64_t distances_faults(const struct distances *distances, uint32_t frames)
{
	uint64_t faults = distances->references;

	for (uint32_t d = 1; d <= frames && d <= distances->distinct; d++)
		faults -= distances->depth[d];
	return faults;
}

uint64_t distances_bytes(const struct distances *distances)
{
	return bytes_with(distances->pages);
}
