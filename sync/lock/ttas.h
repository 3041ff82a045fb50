// ttas.h - test-and-test-and-set with back-off
//
// Like tas.h, but who waits only looks. A look needs no more than a copy of the
// cache line, and copies may be in all caches at once: waiting makes no traffic
// until the holder writes. Then all see a 0 and rush to exchange it, and all but
// one lose. So each waits between looks, longer and longer, and at last gives
// its CPU away (backoff.h).
//
//   look    relaxed: it decides nothing, only the exchange does
//   lock    exchange 1, acquire; pairs with the store in unlock
//   unlock  store 0, release
//
//   fair       no, and back-off makes it less so: who has waited long looks
//              seldom, who has just had it finds it in its own cache
//   space      4 bytes
//   free       1 atomic read-modify-write, 1 store
//   contended  the unfairness is what makes it fast: many turns in a row by one
//              thread need no traffic at all
//   too many threads  they yield; a turn may take long but all get on
//
// Sources: Rudolph & Segall, "Dynamic Decentralized Cache Schemes for MIMD
// Parallel Processors", ISCA 1984; Anderson 1990 (backoff.h).

#ifndef TTAS_H
#define TTAS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/lock/backoff.h"

struct ttas {
	_Atomic uint32_t taken; // all zero: free
};

// Looks first: a try that fails leaves the cache line where it is.
static inline bool ttas_try(struct ttas *lock)
{
	return !atomic_load_explicit(&lock->taken, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&lock->taken, 1, memory_order_acquire);
}

static inline void ttas_wait(struct ttas *lock)
{
	struct backoff backoff = { 0 };

	do
		back_off(&backoff);
	while (!ttas_try(lock));
}

static inline void ttas_lock(struct ttas *lock)
{
	if (atomic_exchange_explicit(&lock->taken, 1, memory_order_acquire))
		ttas_wait(lock);
}

static inline void ttas_unlock(struct ttas *lock)
{
	atomic_store_explicit(&lock->taken, 0, memory_order_release);
}

#endif
