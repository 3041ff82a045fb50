// table.c - the names of an open directory, to be found at once
//
// A linear directory has to be read from its beginning to know that a name is not
// there yet: n insertions would cost n². So its entries stand in a hash table
// while it is open. The names are not copied: a slot is a hash and the place of the
// entry in the directory, 8 bytes; the entry itself says whether it is the one.
//
// Open addressing, a power of two of slots, the next slot when one is taken, at
// most 3 of 4 in use. What is removed leaves no mark: later ones move up.
//
// The table doubles in place. A slot's home is the low bits of its hash: with one
// more bit it stays the same or moves to the same slot of the upper half. Entries
// are taken up in the order in which they stand, from a free slot on, and put down
// again: none ever has to pass one that has not been taken up yet, so no second
// table is needed, and a million names never take more than 16 MiB.
//
// Source: Knuth, The Art of Computer Programming, vol. 3, 6.4 (algorithms L, R).

#include "fs/ext2/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BITS = 4, MOST_BITS = 31 };

static uint32_t mask_of(const struct table *table)
{
	return (uint32_t)((UINT64_C(1) << table->bits) - 1);
}

// Puts a slot down without counting it.
static void put_down(struct table *table, struct table_slot slot)
{
	uint32_t mask = mask_of(table), at = slot.hash & mask;

	while (table->slot[at].place != 0)
		at = (at + 1) & mask;
	table->slot[at] = slot;
}

static void put_again(struct table *table, uint32_t at)
{
	struct table_slot slot = table->slot[at];

	if (slot.place == 0)
		return;
	table->slot[at].place = 0;
	put_down(table, slot);
}

static int doubled(struct table *table)
{
	unsigned bits = table->bits == 0 ? FIRST_BITS : table->bits + 1;
	size_t old = table->bits == 0 ? 0 : (size_t)1 << table->bits;
	size_t slots = (size_t)1 << bits;

	if (bits > MOST_BITS)
		return -ENOMEM;

	struct table_slot *slot = realloc(table->slot,
					  slots * sizeof *table->slot);

	if (!slot)
		return -ENOMEM;
	memset(slot + old, 0, (slots - old) * sizeof *slot);
	table->slot = slot;
	table->bits = bits;
	if (old == 0)
		return 0;

	size_t begin = 0;

	while (slot[begin].place != 0)
		begin++;
	for (size_t at = begin; at < old; at++)
		put_again(table, (uint32_t)at);

	// The run at the beginning may hold some that had come round the end, and
	// others have come round to its end now.
	size_t end = begin;

	while (slot[end].place != 0)
		end++;
	for (size_t at = 0; at < end; at++)
		put_again(table, (uint32_t)at);
	return 0;
}

int table_reserve(struct table *table)
{
	uint64_t slots = table->bits == 0 ? 0 : UINT64_C(1) << table->bits;

	return (uint64_t)table->count + 1 > slots - slots / 4 ? doubled(table)
							      : 0;
}

void table_add(struct table *table, uint32_t hash, uint32_t place)
{
	put_down(table, (struct table_slot){ hash, place });
	table->count++;
}

// What follows the gap moves up into it, unless its home lies behind the gap.
void table_remove(struct table *table, uint32_t hash, uint32_t place)
{
	if (table->bits == 0)
		return;

	uint32_t mask = mask_of(table), at = hash & mask;

	while (table->slot[at].place != place || table->slot[at].hash != hash) {
		if (table->slot[at].place == 0)
			return;
		at = (at + 1) & mask;
	}
	table->count--;

	uint32_t gap = at;

	for (;;) {
		at = (at + 1) & mask;

		struct table_slot *next = &table->slot[at];

		if (next->place == 0)
			break;
		if (((at - next->hash) & mask) >= ((at - gap) & mask)) {
			table->slot[gap] = *next;
			gap = at;
		}
	}
	table->slot[gap].place = 0;
}

uint32_t table_next(const struct table *table, uint32_t hash, uint64_t *at)
{
	if (table->bits == 0)
		return 0;

	uint32_t mask = mask_of(table);

	for (;;) {
		uint32_t i = (uint32_t)(hash + *at) & mask;
		const struct table_slot *slot = &table->slot[i];

		if (slot->place == 0)
			return 0;
		++*at;
		if (slot->hash == hash)
			return slot->place;
	}
}

void table_free(struct table *table)
{
	free(table->slot);
	*table = (struct table){ 0 };
}

size_t table_bytes(const struct table *table)
{
	return table->bits == 0 ? 0 : sizeof *table->slot << table->bits;
}
