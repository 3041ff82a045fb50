// mcs_sleep.h - the queue lock whose waiters go to sleep
//
// The queue of mcs.h, where nobody spins for longer than a sleep would cost. A
// waiter that has been patient writes SLEEPS into its node and lets the kernel
// wake it (futex.h). Whoever hands the lock over finds that, in the same atomic
// exchange that hands it over, and makes the system call only then.
//
//   waits   SPINS -> SLEEPS   compare-exchange by the waiter. It fails when the
//                             lock has come meanwhile: acquire.
//           any   -> ITS_TURN exchange by who leaves, release; pairs with the
//                             waiter's loads, acquire. It was SLEEPS: futex_wake.
//
// No wake-up is lost. Either the exchange comes first: then the
// compare-exchange fails, or futex_wait finds a word that is not SLEEPS. Or the
// waiter is on the kernel's queue first: then the exchange finds SLEEPS and
// wakes it.
//
// The wake may come when the waiter has seen its turn by itself, has left, and
// its node is gone. futex_wake only uses the address; at worst it wakes somebody
// who sleeps on another word there now, and who sleeps on a futex has to look
// again anyway (futex(2) allows waking up for no reason).
//
//   fair       first in, first out
//   space      as mcs.h
//   free       2 atomic read-modify-writes
//   contended  as mcs.h, one more read-modify-write for each turn
//   too many threads  each turn waits until the next in line is awake, a switch
//              for each: slow and steady, the price of order. It does not
//              collapse: those that wait let the others run.
//
// Source: the queue as in mcs.h; how long to spin before one sleeps: Karlin, Li,
// Manasse & Owicki, "Empirical Studies of Competitive Spinning", SOSP 1991.

#ifndef MCS_SLEEP_H
#define MCS_SLEEP_H

#include "sync/lock/backoff.h"
#include "sync/lock/futex.h"
#include "sync/lock/mcs.h"

struct mcs_sleep {
	struct mcs queue; // all zero: free
};

enum { MCS_ITS_TURN, MCS_SPINS, MCS_SLEEPS };

// Looks, with a pause between two.
enum { MCS_LOOKS = 256 };

static inline void mcs_sleep_wait(struct mcs_node *node, int looks)
{
	uint32_t state = MCS_SPINS;

	for (; looks > 0; looks--) {
		if (atomic_load_explicit(&node->waits, memory_order_acquire) ==
		    MCS_ITS_TURN)
			return;
		cpu_pause();
	}
	if (!atomic_compare_exchange_strong_explicit(
		    &node->waits, &state, MCS_SLEEPS, memory_order_acquire,
		    memory_order_acquire))
		return;
	do
		futex_wait(&node->waits, MCS_SLEEPS, false);
	while (atomic_load_explicit(&node->waits, memory_order_acquire) ==
	       MCS_SLEEPS);
}

static inline void mcs_sleep_lock_after(struct mcs_sleep *lock,
					struct mcs_node *node, int looks)
{
	atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
	struct mcs_node *before = atomic_exchange_explicit(
		&lock->queue.tail, node, memory_order_acq_rel);
	if (!before)
		return;
	atomic_store_explicit(&node->waits, MCS_SPINS, memory_order_relaxed);
	atomic_store_explicit(&before->next, node, memory_order_release);
	mcs_sleep_wait(node, looks);
}

static inline void mcs_sleep_lock(struct mcs_sleep *lock, struct mcs_node *node)
{
	mcs_sleep_lock_after(lock, node, MCS_LOOKS);
}

static inline bool mcs_sleep_try(struct mcs_sleep *lock, struct mcs_node *node)
{
	return mcs_try(&lock->queue, node);
}

static inline void mcs_sleep_unlock(struct mcs_sleep *lock,
				    struct mcs_node *node)
{
	struct backoff backoff = { 0 };
	struct mcs_node *next = atomic_load_explicit(&node->next,
						     memory_order_acquire);

	if (!next && mcs_leave(&lock->queue, node))
		return;
	while (!next) {
		back_off(&backoff);
		next = atomic_load_explicit(&node->next, memory_order_acquire);
	}
	if (atomic_exchange_explicit(&next->waits, MCS_ITS_TURN,
				     memory_order_release) == MCS_SLEEPS)
		futex_wake(&next->waits, 1, false);
}

#endif
