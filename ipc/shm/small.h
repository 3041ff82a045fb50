// small.h - the smallest ring, with its indices wherever one likes
//
// Slots of eight bytes, one producer, one consumer (see ring.c for the orders
// and what they pair with). Each side has a struct of its own, in its own
// memory.

#ifndef SHM_SMALL_H
#define SHM_SMALL_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct small_ring {
	_Atomic uint64_t *tail, *head;
	uint64_t *slots;
	uint64_t capacity; // a power of two
};

struct small_side {
	uint64_t seen;  // the other's index, when we last looked
	uint64_t looks; // how often that was
	uint64_t kept;  // the consumer's: slots it has not given back yet
};

// False: full.
static inline bool small_put(const struct small_ring *ring,
			     struct small_side *side, uint64_t value,
			     bool cached)
{
	uint64_t tail = atomic_load_explicit(ring->tail, memory_order_relaxed);

	if (!cached || tail - side->seen == ring->capacity) {
		side->seen = atomic_load_explicit(ring->head,
						  memory_order_acquire);
		side->looks++;
		if (tail - side->seen == ring->capacity)
			return false;
	}
	ring->slots[tail & (ring->capacity - 1)] = value;
	atomic_store_explicit(ring->tail, tail + 1, memory_order_release);
	return true;
}

// False: empty. Gives back `at_once` slots at once. (Who waits at empty should
// give back what it kept before; the plays here need not.)
static inline bool small_take(const struct small_ring *ring,
			      struct small_side *side, uint64_t *value,
			      bool cached, uint64_t at_once)
{
	uint64_t head = side->kept +
			atomic_load_explicit(ring->head, memory_order_relaxed);

	if (!cached || head == side->seen) {
		side->seen = atomic_load_explicit(ring->tail,
						  memory_order_acquire);
		side->looks++;
		if (head == side->seen)
			return false;
	}
	*value = ring->slots[head & (ring->capacity - 1)];
	if (++side->kept < at_once)
		return true;
	side->kept = 0;
	atomic_store_explicit(ring->head, head + 1, memory_order_release);
	return true;
}

// A wait spins for about a microsecond between two looks, so that the other can
// get ahead: who looks at once finds a single message, and has taken the line
// away from one who was about to write the next. Now and then it lets others
// run, for the other may be waiting for this CPU.

static inline void spin(unsigned *turns)
{
	enum { PAUSES = 32, YIELD = 64 };

	for (int i = 0; i < PAUSES; i++) {
#if defined __x86_64__ || defined __i386__
		__builtin_ia32_pause();
#elif defined __aarch64__
		__asm__ volatile("yield");
#endif
	}
	if (++*turns % YIELD == 0)
		sched_yield();
}

#endif
