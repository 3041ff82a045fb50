// ticket.h - a ticket lock: first come, first served
//
// As at a counter in an office: a machine gives out numbers, a display shows
// which one is being served. Taking a number is one atomic addition, so no two
// are the same, and whoever came first is served first: nobody starves. Linux
// used it for its spinlocks from 2008 to 2015.
//
//   next     fetch_add 1, relaxed: it only says whose turn is whose. What makes
//            the data visible is the other word.
//   serving  load, acquire, until it is our number; pairs with
//   unlock   store of our number + 1, release. A plain store: only the holder
//            ever writes this word.
//   try      takes number n only if n is being served: load serving, acquire;
//            compare-exchange next, relaxed. (When it succeeds nobody held the
//            lock at that moment, so serving still is what we loaded; a wrap
//            around by 2^32 turns in between we take as impossible.)
//
// A number also says how many are before us, so we need not look until they can
// be done: proportional back-off (Mellor-Crummey & Scott 1991).
//
//   fair       first in, first out
//   space      8 bytes, one cache line
//   free       1 atomic read-modify-write, 1 store
//   contended  each unlock sends the line to all who look: O(waiters) traffic,
//              less with back-off. And the line moves at every turn: that is
//              what fairness costs.
//   too many threads  it collapses. The next one in line may not be on a CPU,
//              and nobody else may go. Those that spin keep it from running.
//              ticket_lock_yielding() is the cure: who waits too long gives its
//              CPU away, and sooner the more there are before it.
//
// Sources: Reed & Kanodia, "Synchronization with Eventcounts and Sequencers",
// CACM 22(2), 1979; Mellor-Crummey & Scott, "Algorithms for Scalable
// Synchronization on Shared-Memory Multiprocessors", ACM TOCS 9(1), 1991.

#ifndef TICKET_H
#define TICKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/lock/backoff.h"

struct ticket {
	_Atomic uint32_t next;    // the number the next one will get
	_Atomic uint32_t serving; // equal to next: free. All zero: free
};

// How many pauses one turn of another thread may take.
enum { TICKET_PAUSES = 2 };

static inline void ticket_wait(struct ticket *lock, uint32_t mine, bool yields)
{
	uint32_t spent = 0;

	for (;;) {
		uint32_t before = mine -
				  atomic_load_explicit(&lock->serving,
						       memory_order_acquire);
		if (before == 0)
			return;
		uint32_t pauses = before == 1 ? 1 : before * TICKET_PAUSES;
		if (yields && spent >= BACKOFF_PATIENCE / before) {
			sched_yield();
		} else {
			pause_for(pauses);
			spent += pauses;
		}
	}
}

static inline void ticket_lock_or_wait(struct ticket *lock, bool yields)
{
	uint32_t mine = atomic_fetch_add_explicit(&lock->next, 1,
						  memory_order_relaxed);

	if (atomic_load_explicit(&lock->serving, memory_order_acquire) != mine)
		ticket_wait(lock, mine, yields);
}

static inline void ticket_lock(struct ticket *lock)
{
	ticket_lock_or_wait(lock, false);
}

static inline void ticket_lock_yielding(struct ticket *lock)
{
	ticket_lock_or_wait(lock, true);
}

static inline bool ticket_try(struct ticket *lock)
{
	uint32_t serving = atomic_load_explicit(&lock->serving,
						memory_order_acquire);

	return atomic_compare_exchange_strong_explicit(&lock->next, &serving,
						       serving + 1,
						       memory_order_relaxed,
						       memory_order_relaxed);
}

// The load is of our own store, or of one that our lock has acquired.
static inline void ticket_unlock(struct ticket *lock)
{
	uint32_t mine = atomic_load_explicit(&lock->serving,
					     memory_order_relaxed);

	atomic_store_explicit(&lock->serving, mine + 1, memory_order_release);
}

#endif
