// mutex_right.h - a futex mutex that is correct
//
// A lock that is free or not contended is no business of the kernel: the word
// says all, and an atomic instruction changes it. Only who has to sleep, and who
// has to wake somebody, makes a system call. So the word has to say whether
// there is somebody to wake:
//
//     0 free        1 taken, nobody sleeps        2 taken, somebody may sleep
//
//   lock    compare-exchange 0 -> 1, acquire. It fails: exchange 2 (acquire)
//           until that finds 0, and sleep in between. So whoever has waited
//           holds the lock with a 2, as others may be asleep still: it cannot
//           know, and a wake too many is better than one too few (that is what
//           mutex_wrong.h gets wrong).
//   unlock  exchange 0, release; pairs with the acquire of the next lock. It was
//           2: wake one. That one is not given the lock, it has to ask again,
//           and may find that somebody new was faster.
//
// No wake-up is lost: who sleeps has put a 2 there before, and futex_wait makes
// sure of it (it looks at the word with the kernel's queue locked). From then on
// the word stays 2 until an unlock, and that unlock wakes.
//
//   fair       no: who is running overtakes who is waking up
//   space      4 bytes
//   free       2 atomic read-modify-writes, no system call
//   contended  a sleep, a wake-up and two switches, also where the holder would
//              have been done in a moment: mutex_fast.h
//   too many threads  that is what it is for: who waits needs no CPU
//
// Source: Drepper, "Futexes Are Tricky", 2011, sections 5 and 6 (there mutex2
// and mutex3); Franke, Russell & Kirkwood, "Fuss, Futexes and Furwocks", 2002.

#ifndef MUTEX_RIGHT_H
#define MUTEX_RIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/lock/futex.h"

enum { MUTEX_FREE, MUTEX_TAKEN, MUTEX_AWAITED };

struct mutex_right {
	_Atomic uint32_t state; // all zero: free
};

static inline bool mutex_right_try(struct mutex_right *lock)
{
	uint32_t state = MUTEX_FREE;

	return atomic_compare_exchange_strong_explicit(&lock->state, &state,
						       MUTEX_TAKEN,
						       memory_order_acquire,
						       memory_order_relaxed);
}

static inline void mutex_right_lock(struct mutex_right *lock)
{
	if (mutex_right_try(lock))
		return;
	while (atomic_exchange_explicit(&lock->state, MUTEX_AWAITED,
					memory_order_acquire) != MUTEX_FREE)
		futex_wait(&lock->state, MUTEX_AWAITED, false);
}

static inline void mutex_right_unlock(struct mutex_right *lock)
{
	if (atomic_exchange_explicit(&lock->state, MUTEX_FREE,
				     memory_order_release) == MUTEX_AWAITED)
		futex_wake(&lock->state, 1, false);
}

#endif
