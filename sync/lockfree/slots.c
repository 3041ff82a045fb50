// # A stack of numbers
//
// Orders: push releases (by its exchange of the top), pop acquires (by its load
// of the top). Whoever loads a top sees what its pusher wrote, and also what the
// pushers of all numbers below did: each exchange since continues the release
// sequence of the one before, as C17 5.1.2.4 has it for read-modify-writes.
//
// `below` is atomic, and relaxed, because a slow pop may read the entry of a
// number that another thread has taken and is pushing elsewhere. What it reads is
// then not used: its exchange fails (if there are tags).

#include <errno.h>
#include <stdlib.h>

#include "sync/lockfree/slots.h"

int slots_init(struct slots *slots, uint32_t count, bool tagged)
{
	if (count == 0 || count >= SLOTS_NONE)
		return -EINVAL;
	*slots = (struct slots){ .count = count, .tagged = tagged };
	slots->below = calloc(count, sizeof *slots->below);
	if (!slots->below)
		return -ENOMEM;
	atomic_init(&slots->top, SLOTS_NONE);
	return 0;
}

void slots_free(struct slots *slots)
{
	free(slots->below);
	slots->below = NULL;
}

static uint64_t next_top(const struct slots *slots, uint64_t top,
			 uint32_t number)
{
	uint64_t tag = (top >> 32) + slots->tagged;

	return tag << 32 | number;
}

void slots_push(struct slots *slots, uint32_t number)
{
	uint64_t top = atomic_load_explicit(&slots->top, memory_order_relaxed);

	do {
		atomic_store_explicit(&slots->below[number], (uint32_t)top,
				      memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(
		&slots->top, &top, next_top(slots, top, number),
		memory_order_release, memory_order_relaxed));
}

bool slots_look(struct slots *slots, struct slots_look *look)
{
	look->top = atomic_load_explicit(&slots->top, memory_order_acquire);
	look->number = (uint32_t)look->top;
	if (look->number == SLOTS_NONE)
		return false;
	look->below = atomic_load_explicit(&slots->below[look->number],
					   memory_order_relaxed);
	return true;
}

bool slots_swing(struct slots *slots, const struct slots_look *look)
{
	uint64_t top = look->top;

	return atomic_compare_exchange_strong_explicit(
		&slots->top, &top, next_top(slots, top, look->below),
		memory_order_acquire, memory_order_relaxed);
}

uint32_t slots_pop(struct slots *slots)
{
	struct slots_look look;

	while (slots_look(slots, &look))
		if (slots_swing(slots, &look))
			return look.number;
	return SLOTS_NONE;
}
