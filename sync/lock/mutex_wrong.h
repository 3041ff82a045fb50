// mutex_wrong.h - a futex mutex that loses a wake-up: do not use it
//
// Here to be read and to be caught (tests/ordered_lock.c finds the schedule,
// sync/mutex forces it). It is not in the table of locks. The idea is that of
// mutex_right.h: 0 free, 1 taken, 2 taken and somebody may sleep; unlock makes
// the system call only if it finds 2.
//
// The mistake is in one line. Who has been woken takes the lock as if it were
// new here, with a 1. But others may still sleep, and the 2 that told of them is
// gone: the next unlock finds a 1, wakes nobody, and the lock is free while they
// sleep on for ever.
//
//     A holds it; B and C sleep                 word 2
//     A unlocks: 2, so it wakes B               word 0
//     B takes it with a 1                       word 1   <- forgets C
//     B unlocks: 1, so it wakes nobody          word 0
//     C sleeps, the lock is free
//
// It needs three threads, and is right as long as somebody new comes along and
// has to wait: the kind of mistake that tests with two threads never show.

#ifndef MUTEX_WRONG_H
#define MUTEX_WRONG_H

#include <stdatomic.h>
#include <stdint.h>

#include "sync/lock/futex.h"

struct mutex_wrong {
	_Atomic uint32_t state; // 0 free, 1 taken, 2 taken, somebody sleeps
};

static inline void mutex_wrong_lock(struct mutex_wrong *lock)
{
	uint32_t state = 0;

	while (!atomic_compare_exchange_strong_explicit(
		&lock->state, &state, 1, // should be 2 once we have slept
		memory_order_acquire, memory_order_relaxed)) {
		if (state == 2 ||
		    atomic_compare_exchange_strong_explicit(
			    &lock->state, &state, 2, memory_order_relaxed,
			    memory_order_relaxed))
			futex_wait(&lock->state, 2, false);
		state = 0;
	}
}

static inline void mutex_wrong_unlock(struct mutex_wrong *lock)
{
	if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) ==
	    2)
		futex_wake(&lock->state, 1, false);
}

#endif
