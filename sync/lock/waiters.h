// waiters.h - a queue of threads that wait their turn (대기큐)
//
// What a semaphore, a condition variable and a fair readers-writer lock have in
// common: a thread that may not go on puts a node of its own stack at the end
// of a queue and sleeps until somebody takes that node out and wakes it
// (wakeup()). First come, first served; each sleeps on a word of its own, so
// that one waking wakes one thread, the one that is meant.
//
// The queue itself is shared memory. Its guard is the lock of Drepper's paper
// ("Futexes Are Tricky", 2011, "mutex2"): 0 free, 1 taken, 2 taken and somebody
// sleeps. It is held for a few instructions, never while sleeping.
//
// Functions are inline: they are the parts that the pages of this folder are
// made of. O(1), but for waiters_remove. Any thread may call them. Zeroed memory
// is an empty queue. Within one process: the futexes are private (futex(2)).

#ifndef WAITERS_H
#define WAITERS_H

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/lock/futex.h"
#include "sync/lock/pause.h"

// How often to look again before sleeping. To sleep and to be woken costs some
// microseconds; so much may be spent in the hope that it is not needed. Twice
// the cheaper of two prices is the most that such a guess can lose (Karlin et
// al., "Empirical studies of competitive spinning", SOSP 1991).
#ifndef WAITERS_SPIN
enum { WAITERS_SPIN = 60 };
#endif

enum { WAITER_AWAKE, WAITER_ASLEEP, WAITER_GO };

struct waiter {
	struct waiter *next;
	_Atomic uint32_t go; // WAITER_AWAKE, _ASLEEP or _GO
};

struct waiters {
	_Atomic uint32_t guard; // whoever holds it may touch the rest
	struct waiter *head, *tail;
};

// Acquire: pairs with the release in guard_unlock, so that whoever takes the
// guard sees the queue as the last one left it.
static inline void guard_lock(_Atomic uint32_t *guard)
{
	uint32_t seen = 0;

	if (atomic_compare_exchange_strong_explicit(guard, &seen, 1,
						    memory_order_acquire,
						    memory_order_relaxed))
		return;
	for (int i = 0; i < WAITERS_SPIN; i++) {
		cpu_pause();
		seen = 0;
		if (atomic_load_explicit(guard, memory_order_relaxed) == 0 &&
		    atomic_compare_exchange_strong_explicit(
			    guard, &seen, 1, memory_order_acquire,
			    memory_order_relaxed))
			return;
	}
	while (atomic_exchange_explicit(guard, 2, memory_order_acquire) != 0)
		futex_wait(guard, 2, false);
}

static inline void guard_unlock(_Atomic uint32_t *guard)
{
	if (atomic_exchange_explicit(guard, 0, memory_order_release) == 2)
		futex_wake(guard, 1, false);
}

// With the guard held: at the end, from the front, out of the middle.
static inline void waiters_push(struct waiters *queue, struct waiter *me)
{
	*(queue->head ? &queue->tail->next : &queue->head) = me;
	queue->tail = me;
}

static inline struct waiter *waiters_pop(struct waiters *queue)
{
	struct waiter *first = queue->head;

	if (first)
		queue->head = first->next;
	return first;
}

// Whether it is in the queue still. If not, somebody has taken it out and will
// wake it. O(n), as is waiters_remove, for one that is in there.
static inline bool waiters_hold(const struct waiters *queue,
				const struct waiter *me)
{
	const struct waiter *at = queue->head;

	while (at && at != me)
		at = at->next;
	return at;
}

static inline void waiters_remove(struct waiters *queue, struct waiter *me)
{
	struct waiter *before = NULL;

	for (struct waiter *at = queue->head; at != me; at = at->next)
		before = at;
	*(before ? &before->next : &queue->head) = me->next;
	if (queue->tail == me)
		queue->tail = before;
}

// Waits for waiter_wake. Acquire: pairs with its release; who was woken sees
// all that the waker did before. The exchange needs no order: whatever it finds,
// we look again.
static inline void waiter_sleep(struct waiter *me)
{
	uint32_t seen = WAITER_AWAKE;

	for (int i = 0; i < WAITERS_SPIN; i++) {
		if (atomic_load_explicit(&me->go, memory_order_acquire) ==
		    WAITER_GO)
			return;
		cpu_pause();
	}
	atomic_compare_exchange_strong_explicit(&me->go, &seen, WAITER_ASLEEP,
						memory_order_relaxed,
						memory_order_relaxed);
	while (atomic_load_explicit(&me->go, memory_order_acquire) != WAITER_GO)
		futex_wait(&me->go, WAITER_ASLEEP, false);
}

// The same up to a point of CLOCK_MONOTONIC in ns. False: it has passed; the
// node may be in the queue still, or a waking be under way.
static inline bool waiter_sleep_until(struct waiter *me, int64_t deadline_ns)
{
	const struct timespec until = { deadline_ns / 1000000000,
					deadline_ns % 1000000000 };
	uint32_t seen = WAITER_AWAKE;
	int error = 0;

	atomic_compare_exchange_strong_explicit(&me->go, &seen, WAITER_ASLEEP,
						memory_order_relaxed,
						memory_order_relaxed);
	while (atomic_load_explicit(&me->go, memory_order_acquire) !=
		       WAITER_GO &&
	       error != -ETIMEDOUT)
		error = futex_wait_until(&me->go, WAITER_ASLEEP, &until, false);
	return atomic_load_explicit(&me->go, memory_order_acquire) == WAITER_GO;
}

// wakeup(): the node has been taken out. With the exchange it is its owner's
// again, who may return and reuse that memory at once: after it only the
// address is used, and a futex that is woken for nothing harms nobody, since
// all who sleep on one look again.
static inline void waiter_wake(struct waiter *waiter)
{
	_Atomic uint32_t *go = &waiter->go;

	if (atomic_exchange_explicit(go, WAITER_GO, memory_order_release) ==
	    WAITER_ASLEEP)
		futex_wake(go, 1, false);
}

#endif
