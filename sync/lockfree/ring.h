// ring.h - a bounded queue for many producers and many consumers
//
// Vyukov, "Bounded MPMC queue" (1024cores.net, 2010). An array of cells, and in
// each a sequence number that says whose turn it is there:
//
//     sequence == position             free, for the push that gets `position`
//     sequence == position + 1         full, for the pop that gets `position`
//     sequence == position + capacity  free again, a lap later
//
// A producer takes a position by compare-and-swap, writes the value, and then
// the sequence number. Producers meet only at the counter of positions,
// consumers at another one, and a producer and a consumer only at their cell. No
// memory is made or freed, so there is no ABA (positions only grow) and nothing
// to reclaim.
//
// It has no lock; but it is not lock-free: a producer that is stopped between
// taking its position and writing the number keeps all consumers from what comes
// behind it (they see an empty queue), and after a lap all producers.

#ifndef SYNC_LOCKFREE_RING_H
#define SYNC_LOCKFREE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct ring_cell {
	_Atomic size_t sequence;
	uintptr_t value;
};

struct ring {
	struct ring_cell *cells;
	size_t mask;
	_Alignas(64) _Atomic size_t head; // the next position to push to
	_Alignas(64) _Atomic size_t tail; // the next one to pop from
};

// `capacity` is a power of two, 2 or more. 0, -EINVAL or -ENOMEM. ring_destroy
// when nobody uses it any more.
int ring_init(struct ring *ring, size_t capacity);
void ring_destroy(struct ring *ring);

// 0, or -EAGAIN: full, empty. Any number of threads, O(1) a try. What a thread
// did before push is seen by who pops the value. First in, first out: values
// come in the order of their positions.
int ring_push(struct ring *ring, uintptr_t value);
int ring_pop(struct ring *ring, uintptr_t *value);

// push in two halves: take a position (0 or -EAGAIN), and fill it.
int ring_claim(struct ring *ring, size_t *position);
void ring_fill(struct ring *ring, size_t position, uintptr_t value);

#endif
