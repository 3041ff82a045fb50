// numbering.c - the hash table, see numbering.h

#include <errno.h>
#include <stdlib.h>

#include "mem/policy/memory.h"
#include "mem/policy/policy.h"
#include "numbering.h"

// A place holds a page's small number + 1, or 0, and its 64-bit number.
struct numbering {
	uint32_t *number;
	uint64_t *key;
	uint64_t *page; // of each small number: the 64-bit one
	unsigned bits;  // there are 2^bits places
	uint32_t count; // distinct pages
	uint64_t memory_bytes;
};

enum { BITS_FIRST = 10, SOON = 24 };

static size_t places(unsigned bits)
{
	return (size_t)1 << bits;
}

// As many pages as fit: three quarters of the places.
static size_t room(unsigned bits)
{
	return places(bits) / 4 * 3;
}

static uint64_t bytes_with(unsigned bits)
{
	return sizeof(struct numbering) +
	       places(bits) * (sizeof(uint32_t) + sizeof(uint64_t)) +
	       room(bits) * sizeof(uint64_t);
}

// All bits of the product's upper half depend on all of the key's.
static size_t place_of(const struct numbering *numbering, uint64_t key)
{
	key = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	key = (key ^ key >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (size_t)(key >> (64 - numbering->bits));
}

static void tables_free(struct numbering *numbering)
{
	free(numbering->number);
	free(numbering->key);
}

// Room for 2^bits places, all free.
static int tables_create(struct numbering *numbering, unsigned bits)
{
	numbering->bits = bits;
	numbering->number = replacement_zeros(places(bits), sizeof(uint32_t));
	numbering->key = replacement_zeros(places(bits), sizeof(uint64_t));
	return numbering->number && numbering->key ? 0 : -ENOMEM;
}

int numbering_create(struct numbering **numbering, uint64_t memory_bytes)
{
	if (memory_bytes && bytes_with(BITS_FIRST) > memory_bytes)
		return -ENOMEM;

	struct numbering *made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->memory_bytes = memory_bytes;
	made->page = replacement_zeros(room(BITS_FIRST), sizeof *made->page);
	if (tables_create(made, BITS_FIRST) || !made->page) {
		numbering_free(made);
		return -ENOMEM;
	}
	*numbering = made;
	return 0;
}

void numbering_free(struct numbering *numbering)
{
	if (!numbering)
		return;
	tables_free(numbering);
	free(numbering->page);
	free(numbering);
}

// The place that has this page, or the free one where it belongs.
static inline size_t find(const struct numbering *numbering, size_t place,
			  uint64_t page)
{
	while (numbering->number[place] && numbering->key[place] != page)
		place = (place + 1) & (places(numbering->bits) - 1);
	return place;
}

// Twice as many places. All pages are put in anew; the old tables stay until
// the new ones are there.
static int grow(struct numbering *numbering)
{
	struct numbering larger = *numbering;
	uint64_t *page;

	if (numbering->memory_bytes &&
	    bytes_with(numbering->bits + 1) > numbering->memory_bytes)
		return -ENOMEM;
	if (tables_create(&larger, numbering->bits + 1)) {
		tables_free(&larger);
		return -ENOMEM;
	}
	page = replacement_more(numbering->page, room(numbering->bits),
				room(larger.bits), sizeof *page);
	if (!page) {
		tables_free(&larger);
		return -ENOMEM;
	}
	larger.page = page;
	for (uint32_t i = 0; i < larger.count; i++) {
		size_t place = find(&larger, place_of(&larger, page[i]),
				    page[i]);

		larger.number[place] = i + 1;
		larger.key[place] = page[i];
	}
	free(numbering->number);
	free(numbering->key);
	numbering->number = larger.number;
	numbering->key = larger.key;
	numbering->page = larger.page;
	numbering->bits = larger.bits;
	return 0;
}

// A page that is met for the first time, at its place.
static int add(struct numbering *numbering, size_t place, uint64_t page)
{
	if (numbering->count == REPLACEMENT_PAGES - 1)
		return -EFBIG;
	if (numbering->count == room(numbering->bits)) {
		int error = grow(numbering);
		if (error)
			return error;
		place = find(numbering, place_of(numbering, page), page);
	}
	numbering->page[numbering->count++] = page;
	numbering->number[place] = numbering->count;
	numbering->key[place] = page;
	return 0;
}

// The place where a reference looks first is asked for some references ahead.
int numbering_translate(struct numbering *numbering, const uint64_t *pages,
			const uint8_t *writes, size_t count,
			uint32_t *references)
{
	for (size_t i = 0; i < count; i++) {
		size_t place = place_of(numbering,
					pages[i + SOON < count ? i + SOON : i]);

		__builtin_prefetch(&numbering->number[place]);
		__builtin_prefetch(&numbering->key[place]);

		place = find(numbering, place_of(numbering, pages[i]),
			     pages[i]);

		uint32_t number = numbering->number[place];

		if (!number) {
			int error = add(numbering, place, pages[i]);
			if (error)
				return error;
			number = numbering->count;
		}
		references[i] = (number - 1) |
				(writes && writes[i] ? REFERENCE_WRITE : 0);
	}
	return 0;
}

uint32_t numbering_count(const struct numbering *numbering)
{
	return numbering->count;
}

uint64_t numbering_page(const struct numbering *numbering, uint32_t page)
{
	return numbering->page[page];
}

uint64_t numbering_bytes(const struct numbering *numbering)
{
	return bytes_with(numbering->bits);
}
