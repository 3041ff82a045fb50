// deque.h - a deque that its owner pushes and others steal from
//
// The owner, one thread, pushes and takes at the bottom, last in, first out, as
// on a stack. Thieves, any threads, steal at the top what has lain longest. Only
// for the last item do they meet, and one compare-and-swap decides who has it.
// No locks; the owner never waits for a thief. Pointers are kept, never looked
// behind.
//
// Chase & Lev, "Dynamic Circular Work-Stealing Deque", SPAA 2005; the memory
// orders after Lê, Pop, Cohen & Zappa Nardelli, "Correct and Efficient
// Work-Stealing for Weak Memory Models", PPoPP 2013. They write fences; here the
// operations themselves are ordered, which ThreadSanitizer can follow, and which
// comes to the same machine code on x86-64 (an XCHG in deque_take, nothing in
// deque_push) and to single LDAR and STLR on aarch64.
//
// The array doubles when it is full. A thief may still be reading the old one,
// so old ones live as long as the deque: together less than the newest.

#ifndef THREADS_POOL_DEQUE_H
#define THREADS_POOL_DEQUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEQUE_LINE = 64 };

struct deque_array {
	struct deque_array *older;
	int64_t mask; // length - 1; item i lives in slots[i & mask]
	_Atomic(void *) slots[];
};

// Items have numbers that only grow: [top, bottom) are there.
struct deque {
	_Alignas(DEQUE_LINE) _Atomic int64_t top;    // moved by who steals
	_Alignas(DEQUE_LINE) _Atomic int64_t bottom; // moved by the owner
	int64_t top_seen; // the owner's last look at top, which is no larger:
			  // a push needs the thieves' line only when it seems
			  // full
	_Atomic(struct deque_array *) array;
};

// An empty deque for `length` items before it grows, a power of two. Returns 0
// or -ENOMEM. deque_free: when no thread uses it any more.
int deque_make(struct deque *deque, size_t length);
void deque_free(struct deque *deque);

// The owner's. Push: O(1) but for growing, -ENOMEM when that fails (nothing has
// changed then). Take: NULL when there is nothing.
int deque_push(struct deque *deque, void *item);
void *deque_take(struct deque *deque);

// Anybody's. 0; -ENOENT: there is nothing; -EAGAIN: somebody else was faster,
// there may be more.
int deque_steal(struct deque *deque, void **item);

// Whether there was nothing a moment ago (to anybody; no order promised).
static inline bool deque_seems_empty(const struct deque *deque)
{
	int64_t top = atomic_load_explicit(&deque->top, memory_order_relaxed);

	return atomic_load_explicit(&deque->bottom, memory_order_seq_cst) <=
	       top;
}

#endif
