// # Looks: how often a side has to know where the other is
//
// The producer must not pass head, the consumer must not pass tail. But an old
// value of the other's index is good enough: indices only grow, so a head that
// was seen a while ago can only tell of less room than there is. So each side
// keeps the last value it saw, and looks again only when that is used up (Lee,
// Bu and Chandranmenon, ANCS 2009): the producer when the ring seems full, the
// consumer when it seems empty. A look is not free: the other has just written
// its index, so the line has to come over from its cache.
//
// One look serves all that has come in meanwhile, and that is one message if the
// sides are on each other's heels. Nearly empty: the consumer looks, takes one,
// and looks again. Nearly full: the producer does. Being late helps. A consumer
// that lets some messages come, before it looks, gets them all for one look. And
// one that gives back room for several at once lets the producer put as many.

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "draw.h"
#include "shm.h"
#include "small.h"

enum { SLOTS = 16, MESSAGES = 128, FEW = 4 };

// In turns the consumer takes up to `take` messages and the producer puts up to
// `put`, as far as the ring allows. Counted are the looks of the side that has
// to wait for the other: of the producer where the ring is full at the start, of
// the consumer where it is empty.
static const struct pace {
	const char *label;
	bool cached, full;
	int put, take, at_once; // given back at once
} paces[] = {
	{ "every time",     false, false, SLOTS, SLOTS, 1 },
	{ "cached",         true,  false, SLOTS, SLOTS, 1 },
	{ "nearly empty",   true,  false, 1,     SLOTS, 1 },
	{ "  4 come first", true,  false, FEW,   SLOTS, 1 },
	{ "nearly full",    true,  true,  SLOTS, 1,     1 },
	{ "  4 given back", true,  true,  SLOTS, 1,     FEW },
};
enum { PACES = sizeof paces / sizeof *paces };

// We play both sides in one process, so the counts are exact. Neither side tries
// what cannot be done yet: the looks of one who waits anyway are not counted.
static uint64_t looks_of(const struct pace *pace, int *in_order)
{
	_Atomic uint64_t tail = 0, head = 0;
	uint64_t slots[SLOTS] = { 0 }, put = 0, taken = 0, value = 0;
	struct small_ring ring = { &tail, &head, slots, SLOTS };
	struct small_side producer = { 0 }, consumer = { 0 };

	while (pace->full && put < SLOTS)
		small_put(&ring, &producer, put++, true);
	while (taken < MESSAGES) {
		for (int i = 0; i < pace->take && put > taken; i++) {
			small_take(&ring, &consumer, &value, pace->cached,
				   pace->at_once);
			*in_order += value == taken++;
		}
		for (int i = 0; i < pace->put && tail - head < SLOTS; i++)
			small_put(&ring, &producer, put++, pace->cached);
	}
	return pace->full ? producer.looks : consumer.looks;
}

void play_looks(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[PACES];
	char notes[PACES][32];
	uint64_t looks[PACES];
	int in_order = 0;

	for (int i = 0; i < PACES; i++) {
		looks[i] = looks_of(&paces[i], &in_order);
		snprintf(notes[i], sizeof *notes, "%d", (int)looks[i]);
		bars[i] = (struct bar){ paces[i].label, notes[i], looks[i] };
	}
	say("%d messages through %d slots; looks at the other's index:",
	    MESSAGES, SLOTS);
	char *picture = must_ptr(draw_bars(&canvas, bars, PACES, false));
	show(picture);
	free(picture);
	claim(in_order == PACES * MESSAGES, "every message came, in order");
	claim(looks[0] == MESSAGES && looks[1] == MESSAGES / SLOTS,
	      "a look for each message; cached: one for %d", SLOTS);
	claim(looks[2] == MESSAGES && looks[4] == MESSAGES,
	      "nearly empty or nearly full: one for each message again");
	claim(looks[3] == MESSAGES / FEW && looks[5] == MESSAGES / FEW,
	      "if %d come first, or are given back at once: one for %d", FEW,
	      FEW);
}
