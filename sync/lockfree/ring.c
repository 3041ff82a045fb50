// # A bounded queue of cells with sequence numbers
//
// Orders: the value travels by its cell's sequence number. Push stores it with
// release, pop loads it with acquire and so sees the value; pop stores with
// release, and the push of the next lap, which acquires, overwrites a value that
// has been read. The counters are relaxed: they only hand out positions.

#include "sync/lockfree/ring.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int ring_init(struct ring *ring, size_t capacity)
{
	if (capacity < 2 || capacity & (capacity - 1))
		return -EINVAL;
	ring->cells = calloc(capacity, sizeof *ring->cells);
	if (!ring->cells)
		return -ENOMEM;
	ring->mask = capacity - 1;
	for (size_t i = 0; i < capacity; i++)
		atomic_init(&ring->cells[i].sequence, i);
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	return 0;
}

void ring_destroy(struct ring *ring)
{
	free(ring->cells);
	ring->cells = NULL;
}

// Takes the next position of a counter once its cell has the number that is due
// (position + ahead). The difference is signed, so that counters may wrap.
static int take_position(struct ring *ring, _Atomic size_t *counter,
			 size_t ahead, size_t *position)
{
	size_t next = atomic_load_explicit(counter, memory_order_relaxed);

	for (;;) {
		size_t sequence = atomic_load_explicit(
			&ring->cells[next & ring->mask].sequence,
			memory_order_acquire);
		intptr_t early = (intptr_t)(sequence - (next + ahead));
		if (early < 0)
			return -EAGAIN;
		if (early > 0)
			next = atomic_load_explicit(counter,
						    memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(
				 counter, &next, next + 1, memory_order_relaxed,
				 memory_order_relaxed))
			break;
	}
	*position = next;
	return 0;
}

int ring_claim(struct ring *ring, size_t *position)
{
	return take_position(ring, &ring->head, 0, position);
}

void ring_fill(struct ring *ring, size_t position, uintptr_t value)
{
	struct ring_cell *cell = &ring->cells[position & ring->mask];

	cell->value = value;
	atomic_store_explicit(&cell->sequence, position + 1,
			      memory_order_release);
}

int ring_push(struct ring *ring, uintptr_t value)
{
	size_t position;
	int error = ring_claim(ring, &position);

	if (error)
		return error;
	ring_fill(ring, position, value);
	return 0;
}

int ring_pop(struct ring *ring, uintptr_t *value)
{
	size_t position;
	int error = take_position(ring, &ring->tail, 1, &position);

	if (error)
		return error;
	struct ring_cell *cell = &ring->cells[position & ring->mask];
	*value = cell->value;
	atomic_store_explicit(&cell->sequence, position + ring->mask + 1,
			      memory_order_release);
	return 0;
}
