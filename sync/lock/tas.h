// tas.h - test-and-set: the smallest lock
//
// One word, 0 free and 1 taken. One instruction (XCHG, or an exclusive pair or
// SWP on Arm) writes a 1 and returns what was there before: of all who do that
// at once exactly one gets the 0. Everybody else tries again.
//
//   lock    exchange 1, acquire: what the holder does comes after it. Pairs with
//           the store in unlock of whoever held it before.
//   unlock  store 0, release: what the holder did comes before it.
//
//   fair       no: who asks most often gets it, and nobody is sure to
//   space      4 bytes
//   free       1 atomic read-modify-write, 1 store
//   contended  each try writes: the cache line moves at each, also to CPUs that
//              get nothing from it, and the holder waits for it like everybody
//              else when it wants to unlock. O(waiters) traffic for each turn.
//   too many threads  a holder that is not on a CPU keeps all that are waiting
//
// This is the baseline; ttas.h is the first cure. Source: Anderson 1990
// (backoff.h); the instruction is older, IBM System/360's TEST AND SET (1964).

#ifndef TAS_H
#define TAS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/lock/pause.h"

struct tas {
	_Atomic uint32_t taken; // all zero: free
};

static inline bool tas_try(struct tas *lock)
{
	return atomic_exchange_explicit(&lock->taken, 1,
					memory_order_acquire) == 0;
}

static inline void tas_lock(struct tas *lock)
{
	while (!tas_try(lock))
		cpu_pause();
}

// By the thread that locked it, as in all locks of this folder.
static inline void tas_unlock(struct tas *lock)
{
	atomic_store_explicit(&lock->taken, 0, memory_order_release);
}

#endif
