// # The buddy system
//
// Every piece is 2^k bytes at a multiple of 2^k. So a piece's buddy, the other
// half of what it was halved from, has an address that differs in bit k alone:
// no list need be searched for a neighbour. The price is inside: 65 bytes take
// 128.
//
// The holes are kept in one row, by address, and counted by size. (An allocator
// that serves memory keeps a list for each size, and finds a hole in O(log n).
// Linux's page allocator does, see /proc/buddyinfo.)
//
// A strip that is no power of two begins as several: 1000 is 512 + 256 + 128 + 64
// + 32 + 8. They lie at multiples of their sizes, and none is another's buddy.

#define _GNU_SOURCE
#include "mem/allocator/parts.h"

#include <errno.h>

static void begin(struct strip *strip)
{
	uint64_t at = 0;

	for (int k = STRIP_BITS; k >= 0; k--) {
		uint64_t size = UINT64_C(1) << k;
		if (!(strip->settings.size & size))
			continue;
		pieces_put(&strip->holes, strip->holes.count,
			   (struct piece){ .address = at, .size = size });
		at += size;
	}
}

static uint64_t whole(const struct strip *strip, uint64_t bytes)
{
	uint64_t size = strip->settings.smallest;

	while (size < bytes)
		size *= 2;
	return size;
}

// ## Giving out: the smallest that is large enough, and of these the lowest

static bool has_size(const struct pieces *holes, uint64_t size, size_t *place)
{
	for (*place = 0; *place < holes->count; ++*place)
		if (holes->at[*place].size == size)
			return true;
	return false;
}

// The upper halves stay, in the order of their addresses.
static void halve(struct pieces *holes, size_t i, uint64_t size)
{
	struct piece hole = holes->at[i];

	pieces_take(holes, i);
	while (hole.size > size) {
		hole.size /= 2;
		pieces_put(holes, i,
			   (struct piece){ .address = hole.address + hole.size,
					   .size = hole.size });
	}
}

static int take(struct strip *strip, struct placement *placement)
{
	struct pieces *holes = &strip->holes;
	const uint64_t most = strip->settings.size;
	size_t i;

	for (uint64_t size = placement->size; size <= most; size *= 2) {
		placement->searched++;
		if (!has_size(holes, size, &i))
			continue;
		placement->hole = holes->at[i];
		placement->address = holes->at[i].address;
		halve(holes, i, placement->size);
		return 0;
	}
	return -ENOSPC;
}

// ## Coming back: as long as the buddy is free, and whole, the two are one

static void give(struct strip *strip, struct piece hole)
{
	struct pieces *holes = &strip->holes;

	while (strip->settings.coalesce) {
		uint64_t buddy = hole.address ^ hole.size;
		size_t i = pieces_find(holes, buddy);
		if (i == holes->count || holes->at[i].address != buddy ||
		    holes->at[i].size != hole.size)
			break;
		pieces_take(holes, i);
		hole.address &= ~hole.size;
		hole.size *= 2;
	}
	pieces_put(holes, pieces_find(holes, hole.address), hole);
}

const struct method buddy_method = { begin, take, give, whole };
