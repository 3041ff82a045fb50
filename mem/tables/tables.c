// # Page tables as arithmetic
//
// Levels are counted from the root, 0, to the last, whose entries hold frames.
// See tables.h.

#define _GNU_SOURCE
#include "mem/tables/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BITS = 64, LARGEST_INDEX = 52, LARGEST_OFFSET = 30 };

// ## Shapes

static const struct paging classical[] = {
	{ 1, { 20 }, 12 },
	{ 2, { 10, 10 }, 12 },
	{ 3, { 2, 9, 9 }, 12 },
	{ 4, { 9, 9, 9, 9 }, 12 },
	{ 5, { 9, 9, 9, 9, 9 }, 12 },
};

// One number of a list; *text moves past it and its comma.
static int read_bits(const char **text, unsigned *bits)
{
	const char *c = *text;

	*bits = 0;
	if (*c < '0' || *c > '9')
		return -EINVAL;
	for (; *c >= '0' && *c <= '9'; c++) {
		*bits = *bits * 10 + (unsigned)(*c - '0');
		if (*bits > ADDRESS_BITS)
			return -ERANGE;
	}
	if (*c != ',' && *c != '\0')
		return -EINVAL;
	*text = *c ? c + 1 : c;
	return *c && !**text ? -EINVAL : 0;
}

int paging_parse(struct paging *paging, const char *text)
{
	unsigned bits[MOST_LEVELS + 1] = { 0 }, n = 0, all = 0;

	if (strlen(text) == 1 && *text >= '1' && *text <= '5') {
		*paging = classical[*text - '1'];
		return 0;
	}
	while (*text) {
		if (n > MOST_LEVELS)
			return -ERANGE;
		int error = read_bits(&text, &bits[n]);
		if (error)
			return error;
		all += bits[n++];
	}
	if (n < 2)
		return -EINVAL;
	struct paging read = { .levels = n - 1, .offset_bits = bits[n - 1] };
	for (unsigned i = 0; i < read.levels; i++) {
		if (bits[i] < 1 || bits[i] > LARGEST_INDEX)
			return -ERANGE;
		read.index_bits[i] = bits[i];
	}
	if (all > ADDRESS_BITS || read.offset_bits < 1 ||
	    read.offset_bits > LARGEST_OFFSET)
		return -ERANGE;
	*paging = read;
	return 0;
}

struct paging paging_of(unsigned address_bits, unsigned page_bits)
{
	enum { ENTRY_BITS = 3 };
	unsigned each = page_bits - ENTRY_BITS;
	unsigned left = address_bits - page_bits;
	struct paging paging = {
		.levels = (left + each - 1) / each,
		.offset_bits = page_bits,
	};

	for (unsigned i = paging.levels - 1; i > 0; i--) {
		paging.index_bits[i] = each;
		left -= each;
	}
	paging.index_bits[0] = left;
	return paging;
}

const char *paging_text(char text[PAGING_BYTES], const struct paging *paging)
{
	int n = 0;

	for (unsigned i = 0; i < paging->levels; i++)
		n += snprintf(text + n, PAGING_BYTES - (size_t)n, "%u/",
			      paging->index_bits[i]);
	snprintf(text + n, PAGING_BYTES - (size_t)n, "%u", paging->offset_bits);
	return text;
}

// ## Taking apart

// Shifts by all 64 bits are undefined in C: zero is meant.
static uint64_t upper(uint64_t value, unsigned shift)
{
	return shift >= ADDRESS_BITS ? 0 : value >> shift;
}

static uint64_t lowest(uint64_t value, unsigned bits)
{
	return bits >= ADDRESS_BITS ? value
				    : value & ((UINT64_C(1) << bits) - 1);
}

unsigned paging_shift(const struct paging *paging, unsigned level)
{
	unsigned shift = paging->offset_bits;

	for (unsigned i = level + 1; i < paging->levels; i++)
		shift += paging->index_bits[i];
	return shift;
}

unsigned paging_bits(const struct paging *paging)
{
	return paging_shift(paging, 0) + paging->index_bits[0];
}

uint64_t paging_index(const struct paging *paging, unsigned level,
		      uint64_t address)
{
	return lowest(upper(address, paging_shift(paging, level)),
		      paging->index_bits[level]);
}

uint64_t paging_offset(const struct paging *paging, uint64_t address)
{
	return lowest(address, paging->offset_bits);
}

uint64_t paging_join(const struct paging *paging, const uint64_t *indices,
		     uint64_t offset)
{
	uint64_t address = offset;

	for (unsigned i = 0; i < paging->levels; i++)
		address |= indices[i] << paging_shift(paging, i);
	return address;
}

bool paging_is_canonical(const struct paging *paging, uint64_t address)
{
	unsigned bits = paging_bits(paging);
	uint64_t above = upper(address,
			       bits - 1); // and the highest that counts

	return above == 0 || above == upper(UINT64_MAX, bits - 1);
}

unsigned paging_shared(const struct paging *paging, uint64_t a, uint64_t b)
{
	unsigned shared = 1;

	while (shared < paging->levels &&
	       paging_index(paging, shared - 1, a) ==
		       paging_index(paging, shared - 1, b))
		shared++;
	return shared;
}

// ## Counting
//
// A table of a level is named by the bits above its index, an entry by these and
// its index. As the ranges ascend, only the last one of each can come again.

static uint64_t span(uint64_t begin, uint64_t last, uint64_t before, bool any,
		     unsigned shift)
{
	uint64_t n = upper(last, shift) - upper(begin, shift) + 1;

	return n - (any && upper(before, shift) == upper(begin, shift));
}

int table_count_add(struct table_count *count, uint64_t begin, uint64_t end)
{
	const struct paging *paging = count->paging;
	bool any = count->tables[0] > 0;

	if (begin >= end || (any && begin <= count->last))
		return -EINVAL;
	for (unsigned i = 0; i < paging->levels; i++) {
		unsigned shift = paging_shift(paging, i);
		count->entries[i] += span(begin, end - 1, count->last, any,
					  shift);
		count->tables[i] += span(begin, end - 1, count->last, any,
					 shift + paging->index_bits[i]);
	}
	count->last = end - 1;
	return 0;
}

uint64_t table_count_from(const struct table_count *count, unsigned first)
{
	uint64_t sum = 0;

	for (unsigned i = first; i < count->paging->levels; i++)
		sum += count->tables[i];
	return sum;
}
