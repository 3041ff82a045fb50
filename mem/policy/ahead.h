// ahead.h - policies that know the future: opt and unopt
//
// The future is recorded: all references, and of each, where its page comes
// again. A resident page is known by that place, which no other page shares; so
// the resident pages are a set of places in the trace, and its last or first
// member is the page that is needed latest or soonest. Pages that are never
// needed again are a second set, by the place at which they were loaded: among
// those the tie is broken.
//
// A driver need not tell hits: at a fault, the recording is played up to that
// page. What then comes before it must be hits, else the run is not the
// recorded one, it has strayed. A page that strays in is one nobody knows
// about: it counts as loaded last and never used again.
//
// O(log n) to the base 64, n references in all; strayed ones O(frames). Memory:
// a bit and a sixty-third for each reference, twice; 4 bytes a page, 4 a frame.

#ifndef MEM_POLICY_AHEAD_H
#define MEM_POLICY_AHEAD_H

#include "bits.h"
#include "parts.h"

// In the table of pages: 0, or the place of its load + 1, or STRAYED; and M.
// So there can be 2^31 - 2 references.
enum { STRAYED = INT32_MAX };
#define AHEAD_MODIFIED (UINT32_C(1) << 31)

struct ahead {
	struct replacement_future future;
	uint64_t at; // how many references of the future are over
	uint32_t *loaded;
	struct bits next;  // resident pages, by their next use
	struct bits never; // those without one, by their load
	uint32_t *strays;  // pages, the last loaded at the end
	uint32_t stray_count;
	uint32_t pages, frames, used;
};

int ahead_create(void **state, const struct replacement_setup *setup);
void ahead_destroy(void *state);
int ahead_grow(void *state, uint32_t pages);
unsigned ahead_page(const void *state, uint32_t page);
uint32_t ahead_resident(const void *state);

// A page that strayed in is one of the others again.
void ahead_found(struct ahead *ahead, uint32_t page);

ALWAYS_INLINE uint32_t ahead_here(const struct ahead *ahead)
{
	return ahead->future.references[ahead->at] & ~REFERENCE_WRITE;
}

// The reference at `at` is done, its page is resident.
ALWAYS_INLINE void ahead_done(struct ahead *ahead, uint32_t page)
{
	uint32_t next = ahead->future.next[ahead->at++];

	if (next == NO_NEXT_USE)
		bits_set(&ahead->never,
			 (ahead->loaded[page] & ~AHEAD_MODIFIED) - 1);
	else
		bits_set(&ahead->next, next);
}

// The reference at `at` is a hit of this page.
ALWAYS_INLINE void ahead_hit(struct ahead *ahead, uint32_t page)
{
	if ((ahead->loaded[page] & ~AHEAD_MODIFIED) == STRAYED)
		ahead_found(ahead, page);
	else
		bits_clear(&ahead->next, ahead->at);
	ahead_done(ahead, page);
}

// The page to go, out of all sets. latest: opt.
ALWAYS_INLINE uint32_t ahead_victim(struct ahead *ahead, bool latest)
{
	struct bits *first = latest ? &ahead->never : &ahead->next;
	struct bits *second = latest ? &ahead->next : &ahead->never;
	size_t place;

	if (latest && ahead->stray_count)
		return ahead->strays[--ahead->stray_count];
	place = latest ? bits_last(first) : bits_first(first, ahead->at);
	if (place != NO_BIT) {
		bits_clear(first, place);
		return ahead->future.references[place] & ~REFERENCE_WRITE;
	}
	place = latest ? bits_last(second) : bits_first(second, 0);
	if (place != NO_BIT) {
		bits_clear(second, place);
		return ahead->future.references[place] & ~REFERENCE_WRITE;
	}
	return ahead->strays[--ahead->stray_count];
}

ALWAYS_INLINE struct replacement_outcome ahead_one(void *state, uint32_t page,
						   bool write, bool latest)
{
	struct ahead *ahead = state;
	uint32_t modified = write ? AHEAD_MODIFIED : 0;
	struct replacement_outcome outcome = NOBODY_LEAVES;
	bool expected = ahead->at < ahead->future.count &&
			ahead_here(ahead) == page;

	if (ahead->loaded[page]) {
		ahead->loaded[page] |= modified;
		if (expected)
			ahead_hit(ahead, page);
		return HIT;
	}
	while (!expected && ahead->at < ahead->future.count &&
	       ahead->loaded[ahead_here(ahead)]) {
		ahead_hit(ahead, ahead_here(ahead));
		expected = ahead->at < ahead->future.count &&
			   ahead_here(ahead) == page;
	}
	if (ahead->used == ahead->frames) {
		uint32_t victim = ahead_victim(ahead, latest);
		uint32_t loaded = ahead->loaded[victim];

		ahead->loaded[victim] = 0;
		outcome = LEAVES(victim, loaded & AHEAD_MODIFIED);
	} else {
		ahead->used++;
	}
	if (expected) {
		ahead->loaded[page] = (uint32_t)(ahead->at + 1) | modified;
		ahead_done(ahead, page);
	} else {
		ahead->loaded[page] = STRAYED | modified;
		ahead->strays[ahead->stray_count++] = page;
		outcome.strayed = true;
	}
	return outcome;
}

ALWAYS_INLINE void ahead_soon(const void *state, uint32_t page)
{
	__builtin_prefetch(&((const struct ahead *)state)->loaded[page], 1);
}

// (The words of `next` are asked for when the place is read, not before: a bit
// is set and not looked at, so nothing waits for it.)

#endif
