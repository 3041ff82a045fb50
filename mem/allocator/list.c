// # A list of holes: first, best, worst, next fit
//
// One walk serves all four. What differs is where it begins, whether a hole
// that fits ends it, and which of two that fit is better.
//
// The list's order matters as much: best fit on a list by rising size need not
// look further than first fit, first fit on one by falling size is worst fit.

#define _GNU_SOURCE
#include "mem/allocator/parts.h"

#include <errno.h>

static void begin(struct strip *strip)
{
	pieces_put(&strip->holes, 0,
		   (struct piece){ .size = strip->settings.size });
}

static uint64_t whole(const struct strip *strip, uint64_t bytes)
{
	(void)strip;
	return bytes;
}

// ## Choosing

// The first hole that reaches beyond the rover; the first of all where none
// does.
static size_t roving_start(const struct strip *strip)
{
	const struct pieces *holes = &strip->holes;

	for (size_t i = 0; i < holes->count; i++)
		if (holes->at[i].address + holes->at[i].size > strip->rover)
			return i;
	return 0;
}

static bool is_better(enum fit fit, uint64_t size, uint64_t than)
{
	return fit == FIT_BEST ? size < than : size > than;
}

// The place of the hole in the list, or its length.
static size_t choose(const struct strip *strip, uint64_t size, size_t *searched)
{
	const struct pieces *holes = &strip->holes;
	enum fit fit = strip->settings.fit;
	size_t chosen = holes->count;
	size_t start = fit == FIT_NEXT ? roving_start(strip) : 0;

	*searched = 0;
	for (size_t k = 0; k < holes->count; k++) {
		size_t i = (start + k) % holes->count;
		++*searched;
		if (holes->at[i].size < size)
			continue;
		if (fit == FIT_FIRST || fit == FIT_NEXT)
			return i;
		if (chosen == holes->count ||
		    is_better(fit, holes->at[i].size, holes->at[chosen].size))
			chosen = i;
	}
	return chosen;
}

static int take(struct strip *strip, struct placement *placement)
{
	struct pieces *holes = &strip->holes;
	size_t i = choose(strip, placement->size, &placement->searched);

	if (i == holes->count)
		return -ENOSPC;
	struct piece *hole = &holes->at[i];
	placement->hole = *hole;
	placement->address = hole->address;
	strip->rover = hole->address + placement->size;
	hole->address += placement->size;
	hole->size -= placement->size;
	if (!hole->size)
		pieces_take(holes, i);
	return 0;
}

// ## Coming back

static bool comes_before(const struct piece *a, const struct piece *b,
			 enum hole_order order)
{
	if (order == ORDER_ADDRESS)
		return a->address < b->address;
	return order == ORDER_SIZE_UP ? a->size < b->size : a->size > b->size;
}

// By insertion, which is stable. Little is out of place: what has come back, and
// holes that have become smaller since.
static void sort(struct pieces *holes, enum hole_order order)
{
	for (size_t i = 1; i < holes->count; i++) {
		struct piece hole = holes->at[i];
		size_t k = i;
		for (; k && comes_before(&hole, &holes->at[k - 1], order); k--)
			holes->at[k] = holes->at[k - 1];
		holes->at[k] = hole;
	}
}

// One pass from the head: a hole that begins where the one before it in the list
// ends is joined to it. The list is not sorted again.
static void join(struct pieces *holes)
{
	size_t last = 0;

	for (size_t i = 1; i < holes->count; i++) {
		struct piece *before = &holes->at[last];
		if (before->address + before->size == holes->at[i].address)
			before->size += holes->at[i].size;
		else
			holes->at[++last] = holes->at[i];
	}
	if (holes->count)
		holes->count = last + 1;
}

static void give(struct strip *strip, struct piece hole)
{
	enum hole_order order = strip->settings.order;
	struct pieces *holes = &strip->holes;

	pieces_put(holes, order == ORDER_FRONT ? 0 : holes->count, hole);
	if (order != ORDER_FRONT && order != ORDER_BACK)
		sort(holes, order);
	if (strip->settings.coalesce)
		join(holes);
}

const struct method list_method = { begin, take, give, whole };
