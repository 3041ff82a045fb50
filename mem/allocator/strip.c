// # The strip: blocks, figures, compaction
//
// Where a block comes from is decided in list.c or buddy.c. What both need is
// here.

#define _GNU_SOURCE
#include "mem/allocator/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const fit_names[FITS + 1] = {
	[FIT_FIRST] = "first", [FIT_BEST] = "best",   [FIT_WORST] = "worst",
	[FIT_NEXT] = "next",   [FIT_BUDDY] = "buddy",
};

const char *const hole_order_names[ORDERS + 1] = {
	[ORDER_ADDRESS] = "address",     [ORDER_SIZE_UP] = "size-up",
	[ORDER_SIZE_DOWN] = "size-down", [ORDER_FRONT] = "front",
	[ORDER_BACK] = "back",
};

// ## Rows of pieces

int pieces_reserve(struct pieces *pieces, size_t more)
{
	size_t room = pieces->room ? pieces->room : 64;

	if (pieces->count + more <= pieces->room)
		return 0;
	while (room < pieces->count + more)
		room *= 2;
	void *at = reallocarray(pieces->at, room, sizeof *pieces->at);
	if (!at)
		return -ENOMEM;
	pieces->at = at;
	pieces->room = room;
	return 0;
}

void pieces_put(struct pieces *pieces, size_t i, struct piece piece)
{
	memmove(&pieces->at[i + 1], &pieces->at[i],
		(pieces->count - i) * sizeof *pieces->at);
	pieces->at[i] = piece;
	pieces->count++;
}

void pieces_take(struct pieces *pieces, size_t i)
{
	pieces->count--;
	memmove(&pieces->at[i], &pieces->at[i + 1],
		(pieces->count - i) * sizeof *pieces->at);
}

size_t pieces_find(const struct pieces *pieces, uint64_t address)
{
	size_t low = 0, high = pieces->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (pieces->at[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// ## Opening

static const struct method *method_of(const struct strip *strip)
{
	return strip->settings.fit == FIT_BUDDY ? &buddy_method : &list_method;
}

static bool is_valid(const struct strip_settings *s)
{
	const uint64_t most = UINT64_C(1) << STRIP_BITS;
	bool by_address = s->fit == FIT_NEXT || s->fit == FIT_BUDDY;

	if (!s->size || s->size > most || s->header > most ||
	    s->alignment > most || (unsigned)s->fit >= FITS ||
	    (unsigned)s->order >= ORDERS)
		return false;
	if (by_address && s->order != ORDER_ADDRESS)
		return false;
	return s->fit != FIT_BUDDY || s->smallest == 0 ||
	       ((s->smallest & (s->smallest - 1)) == 0 &&
		s->size % s->smallest == 0);
}

int strip_open(const struct strip_settings *settings, struct strip **strip)
{
	if (!is_valid(settings))
		return -EINVAL;
	struct strip *new = calloc(1, sizeof *new);
	if (!new)
		return -ENOMEM;
	new->settings = *settings;
	if (!settings->alignment)
		new->settings.alignment = 1;
	if (!settings->smallest)
		new->settings.smallest = 1;
	if (pieces_reserve(&new->holes, STRIP_BITS + 1) != 0) {
		free(new);
		return -ENOMEM;
	}
	method_of(new)->begin(new);
	*strip = new;
	return 0;
}

void strip_close(struct strip *strip)
{
	if (!strip)
		return;
	free(strip->blocks.at);
	free(strip->holes.at);
	free(strip);
}

// ## Giving out and taking back

// Rounded, then the header. 0: more than any strip has.
static uint64_t with_header(const struct strip_settings *s, uint64_t bytes)
{
	const uint64_t most = UINT64_C(1) << STRIP_BITS;
	uint64_t rest = bytes % s->alignment;

	if (bytes > most)
		return 0;
	bytes += rest ? s->alignment - rest : 0;
	return bytes > most || bytes + s->header > most ? 0 : bytes + s->header;
}

int strip_allocate(struct strip *strip, uint64_t bytes,
		   struct placement *placement)
{
	const struct method *method = method_of(strip);

	*placement = (struct placement){ 0 };
	if (!bytes && !strip->settings.header)
		return -EINVAL;
	if (pieces_reserve(&strip->blocks, 1) != 0 ||
	    pieces_reserve(&strip->holes, STRIP_BITS + 1) != 0)
		return -ENOMEM;
	// What is too much for any strip is looked for as the most there is.
	uint64_t whole = with_header(&strip->settings, bytes);
	whole = whole ? method->whole(strip, whole) : 0;
	placement->size = whole ? whole : UINT64_MAX;
	int error = method->take(strip, placement);
	if (error)
		return error;
	pieces_put(
		&strip->blocks, pieces_find(&strip->blocks, placement->address),
		(struct piece){ placement->address, placement->size, bytes });
	return 0;
}

int strip_free(struct strip *strip, uint64_t address)
{
	size_t i = pieces_find(&strip->blocks, address);

	if (i == strip->blocks.count || strip->blocks.at[i].address != address)
		return -ENOENT;
	if (pieces_reserve(&strip->holes, 1) != 0)
		return -ENOMEM;
	struct piece hole = strip->blocks.at[i];
	hole.wanted = 0;
	pieces_take(&strip->blocks, i);
	method_of(strip)->give(strip, hole);
	return 0;
}

// ## Compaction

int strip_compact(struct strip *strip,
		  void (*moved)(void *argument, uint64_t from, uint64_t to,
				uint64_t bytes),
		  void *argument)
{
	uint64_t end = 0;

	if (strip->settings.fit == FIT_BUDDY)
		return -ENOTSUP;
	for (size_t i = 0; i < strip->blocks.count; i++) {
		struct piece *block = &strip->blocks.at[i];
		if (moved && block->address != end)
			moved(argument, block->address, end, block->size);
		block->address = end;
		end += block->size;
	}
	strip->holes.count = 0;
	strip->rover = end;
	if (end < strip->settings.size)
		pieces_put(
			&strip->holes, 0,
			(struct piece){ .address = end,
					.size = strip->settings.size - end });
	return 0;
}

// ## Looking

size_t strip_holes(const struct strip *strip, const struct piece **holes)
{
	*holes = strip->holes.at;
	return strip->holes.count;
}

size_t strip_blocks(const struct strip *strip, const struct piece **blocks)
{
	*blocks = strip->blocks.at;
	return strip->blocks.count;
}

struct strip_statistics strip_statistics(const struct strip *strip)
{
	struct strip_statistics s = { .holes = strip->holes.count,
				      .blocks = strip->blocks.count };

	for (size_t i = 0; i < s.holes; i++) {
		uint64_t size = strip->holes.at[i].size;
		s.free += size;
		s.largest = size > s.largest ? size : s.largest;
	}
	for (size_t i = 0; i < s.blocks; i++) {
		s.used += strip->blocks.at[i].size;
		s.wanted += strip->blocks.at[i].wanted;
	}
	s.external = s.free ? 1 - (double)s.largest / (double)s.free : 0;
	s.internal = s.used ? 1 - (double)s.wanted / (double)s.used : 0;
	return s;
}
