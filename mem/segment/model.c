// # The rule against the CPU
//
// The module mem/descriptor holds the rule of the book: which offsets lie in a
// segment, what its type allows, what the address is. Here it predicts, and the
// CPU answers: segments of all types, sizes and both directions, offsets at
// their ends and a byte beyond, reads and writes.
//
// The offset is drawn first, and then a base for which base + d (modulo 2^32) is
// a byte of the arena. So whatever the CPU allows hits memory of ours.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"
#include "random.h"

enum { SEGMENTS = 500, TRIES = 6 };

static struct descriptor some_segment(struct random *luck, bool sixteen)
{
	struct descriptor d = data_segment(0, 1);
	uint64_t bits = random_next(luck);

	// data of four kinds, code of two (conforming is refused)
	d.type = (uint8_t)(bits % 6 * 2);
	d.pages = bits >> 8 & 1;
	d.big = !sixteen || bits >> 9 & 1;
	d.limit = (uint32_t)(bits >> 16) & LIMIT_MOST;
	if (bits >> 10 & 1) // often small
		d.limit &= 0xff;
	return d;
}

// An offset at an end, or anywhere.
static uint32_t some_offset(struct random *luck, const struct descriptor *d)
{
	uint32_t lowest = 0, highest = 0, bits = (uint32_t)random_next(luck);
	uint32_t anywhere = (uint32_t)random_next(luck);

	descriptor_offsets(d, &lowest, &highest);
	if (bits % 3 == 0)
		return lowest;
	return bits % 3 == 1 ? highest : anywhere >> bits / 3 % 32;
}

// Code that is only for executing is refused when the register is loaded.
static bool as_predicted(const struct descriptor *d, uint16_t s,
			 uint32_t offset, bool write)
{
	uint8_t *byte = arena() +
			(descriptor_address(d, offset) - arena_address(0));
	bool allowed = descriptor_allows(d, write ? USE_WRITE : USE_READ,
					 offset, 1);
	bool loads = !(d->type & TYPE_CODE) || d->type & TYPE_READABLE;

	*byte = 'm';
	struct answer a = visit(write ? ACT_STORE : ACT_LOAD, s, offset, 'v');
	if (!allowed)
		return faulted(a, VECTOR_GP, loads ? 0 : s & ~3u) &&
		       *byte == 'm';
	return worked(a) && *byte == (write ? 'v' : 'm') &&
	       a.value == (write ? 'v' : 'm');
}

// Reads and writes at `offset` and on both sides of it; counts.
static void try_around(const struct descriptor *d, uint16_t s, uint32_t offset,
		       unsigned *allowed, unsigned *wrong)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t at = offset + (uint32_t)(i / 2) - 1;
		bool write = i % 2;
		*allowed += descriptor_allows(d, write ? USE_WRITE : USE_READ,
					      at, 1);
		if (as_predicted(d, s, at, write))
			continue;
		if (!(*wrong)++) {
			tell_segment(s);
			say("%s at 0x%x is not as predicted",
			    write ? "a write" : "a read", at);
		}
	}
}

void scene_model(void)
{
	struct random luck = { 16 };
	unsigned allowed = 0, wrong = 0;

	reach_begin();
	struct descriptor d = data_segment(0, 1);
	d.big = false;
	bool sixteen = try_entry(ENTRY_ONE, &d) == 0;
	for (int i = 0; i < SEGMENTS; i++) {
		d = some_segment(&luck, sixteen);
		uint32_t offset = some_offset(&luck, &d);
		d.base = arena_address(1 +
				       random_below(&luck, ARENA_BYTES - 2)) -
			 offset;
		try_around(&d, put_entry(ENTRY_ONE, &d), offset, &allowed,
			   &wrong);
	}
	say("%d accesses, %u allowed, %u wrongly predicted", SEGMENTS * TRIES,
	    allowed, wrong);
	claim(wrong == 0, "each is allowed or #GP as the rule says");
	claim(allowed > SEGMENTS && allowed < SEGMENTS * (TRIES - 1),
	      "and many are of each kind");
}
