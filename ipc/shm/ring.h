// ring.h - a ring that is small enough to be drawn
//
// One producer puts, one consumer takes; ring.c explains how, rules.c what
// happens otherwise. All zeros is an empty ring.

#ifndef SHM_RING_H
#define SHM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CELLS = 16, WORD = CELLS / 2 };

struct ring {
	_Atomic uint64_t tail, head;
	char cells[CELLS];
};

// Puts a message of 1 to WORD - 1 letters. False: there is no room.
bool put(struct ring *ring, const char *message);

// Takes the oldest message. False: there is none.
bool take(struct ring *ring, char message[WORD]);

// Shows the cells, h at the place of head above them, t at tail's below.
void draw_ring(const struct ring *ring);

#endif
