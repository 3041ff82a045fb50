// mcs.h - the queue lock of Mellor-Crummey and Scott
//
// All locks before this one have their waiters look at one word, which moves
// between the caches whenever it changes. Here each waiter brings a node of its
// own and looks at that; the nodes form a queue. The lock is only a pointer to
// the last one.
//
//     lock -> tail ------------------+
//                                    v
//     [ A holds ] --next--> [ B ] --next--> [ C ]      B and C each spin on
//                                                      their own node
//
//   lock    our node's next = NULL, then exchange the tail for our node. Was
//           there none, the lock is ours. Else we have to tell the one before us
//           where we are (its next = our node), and wait for its word.
//           exchange: acquire pairs with the compare-exchange in unlock (the
//           data), release with the acquire of the next one's exchange (our node
//           is ready before anybody can find it). next: store release, so that
//           our `waits` is there before we can be found; pairs with the load of
//           next in unlock. waits: load acquire, pairs with
//   unlock  the store to the next one's `waits`, release: one cache line goes
//           from one CPU to one other. Nobody behind us? Then the tail goes from
//           our node to NULL (compare-exchange, release). If that fails,
//           somebody has exchanged the tail but not yet said where he is: we
//           wait for that.
//
//   fair       first in, first out
//   space      8 bytes and a node (one cache line) for each thread that holds or
//              waits; the node stays where it is from lock to unlock, usually on
//              the stack
//   free       2 atomic read-modify-writes
//   contended  O(1) traffic for each turn, however many wait: the reason why
//              kernels have it (Linux's qspinlock is one)
//   too many threads  it collapses, like the ticket lock and for the same
//              reason, and there is a second place: a thread that was taken off
//              its CPU between exchange and store makes unlock wait.
//              mcs_sleep.h is the cure.
//
// Source: Mellor-Crummey & Scott, "Algorithms for Scalable Synchronization on
// Shared-Memory Multiprocessors", ACM TOCS 9(1), 1991.

#ifndef MCS_H
#define MCS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/lock/pause.h"

struct mcs_node {
	alignas(64) struct mcs_node *_Atomic next;
	_Atomic uint32_t waits; // mcs: 0 or 1; mcs_sleep: what it says there
};

struct mcs {
	struct mcs_node *_Atomic tail; // NULL: free
};

static inline void mcs_lock(struct mcs *lock, struct mcs_node *node)
{
	atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
	struct mcs_node *before = atomic_exchange_explicit(
		&lock->tail, node, memory_order_acq_rel);
	if (!before)
		return;
	atomic_store_explicit(&node->waits, 1, memory_order_relaxed);
	atomic_store_explicit(&before->next, node, memory_order_release);
	while (atomic_load_explicit(&node->waits, memory_order_acquire))
		cpu_pause();
}

static inline bool mcs_try(struct mcs *lock, struct mcs_node *node)
{
	struct mcs_node *nobody = NULL;

	atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
	return atomic_compare_exchange_strong_explicit(&lock->tail, &nobody,
						       node,
						       memory_order_acq_rel,
						       memory_order_relaxed);
}

// Whether nobody is behind us, and the lock is free now.
static inline bool mcs_leave(struct mcs *lock, struct mcs_node *node)
{
	struct mcs_node *last = node;

	return atomic_compare_exchange_strong_explicit(&lock->tail, &last, NULL,
						       memory_order_release,
						       memory_order_relaxed);
}

static inline void mcs_unlock(struct mcs *lock, struct mcs_node *node)
{
	struct mcs_node *next = atomic_load_explicit(&node->next,
						     memory_order_acquire);

	if (!next && mcs_leave(lock, node))
		return;
	while (!next) {
		cpu_pause();
		next = atomic_load_explicit(&node->next, memory_order_acquire);
	}
	atomic_store_explicit(&next->waits, 0, memory_order_release);
}

#endif
