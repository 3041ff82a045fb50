// # Semaphore with a wait queue (대기큐), negative value and wakeup()
//
// The first step of P and V is one indivisible addition each, and what S was
// before decides everything: a P that found S above 0 is inside; a V that found
// S below 0 owes somebody a wakeup. Without contention that is all, and no other
// memory is touched.
//
// Between a P's subtraction and its place in the queue there is a moment in
// which S counts it and the queue does not hold it. A V that comes then finds
// the queue empty. It must neither forget the wakeup (the P would sleep for
// ever) nor wait for the P; it writes down that one is owed, and the next P that
// comes to queue takes that and does not sleep.
//
// Why this is right: of all Ps that found S at 0 or below, each needs one
// wakeup; of all Vs that found S below 0, each gives one. S itself counts the
// difference, so there are as many of one as of the other, whatever the order.
//
// Nobody overtakes: a P that comes while others wait finds S below 0 and goes to
// the end of the queue, even if a V has just happened. The price: the woken
// thread has to get a CPU before anybody gets in, whereas a lock that may be
// grabbed by whoever runs would have been taken many times meanwhile.

#include "sync/lock/semaphore.h"

void queuesem_init(struct queuesem *sem, int32_t s)
{
	*sem = (struct queuesem){ .s = s };
}

// False: a wakeup was owed, and is taken. Otherwise the caller has a place.
static bool queue_up(struct queuesem *sem, struct waiter *me)
{
	guard_lock(&sem->queue.guard);
	bool owed = sem->owed > 0;
	if (owed)
		sem->owed--;
	else
		waiters_push(&sem->queue, me);
	guard_unlock(&sem->queue.guard);
	return !owed;
}

// Acquire: pairs with the release in queuesem_v. Who came through the queue has
// the waker's release in waiter_wake, or the guard's.
void queuesem_p(struct queuesem *sem)
{
	struct waiter me = { 0 };

	if (atomic_fetch_sub_explicit(&sem->s, 1, memory_order_acquire) <= 0 &&
	    queue_up(sem, &me))
		waiter_sleep(&me);
}

// wakeup(), the second half of V: the first of the queue goes on.
static void wakeup(struct queuesem *sem)
{
	guard_lock(&sem->queue.guard);
	struct waiter *first = waiters_pop(&sem->queue);
	if (!first)
		sem->owed++;
	guard_unlock(&sem->queue.guard);
	if (first)
		waiter_wake(first);
}

void queuesem_v(struct queuesem *sem)
{
	if (atomic_fetch_add_explicit(&sem->s, 1, memory_order_release) < 0)
		wakeup(sem);
}

// As P, but never more than is there: it must not count itself before it knows.
bool queuesem_try_p(struct queuesem *sem)
{
	int32_t s = atomic_load_explicit(&sem->s, memory_order_relaxed);

	while (s > 0)
		if (atomic_compare_exchange_weak_explicit(&sem->s, &s, s - 1,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	return false;
}

// To leave the queue means to take back the subtraction, and that is only
// allowed while S is below 0: at 0 or above each who waits has a wakeup under
// way to it, and who left then would leave one that nobody takes.
static bool withdraw(struct queuesem *sem, struct waiter *me)
{
	int32_t s = atomic_load_explicit(&sem->s, memory_order_relaxed);
	bool gone = false;

	guard_lock(&sem->queue.guard);
	if (waiters_hold(&sem->queue, me))
		while (s < 0 && !gone)
			gone = atomic_compare_exchange_weak_explicit(
				&sem->s, &s, s + 1, memory_order_relaxed,
				memory_order_relaxed);
	if (gone)
		waiters_remove(&sem->queue, me);
	guard_unlock(&sem->queue.guard);
	return gone;
}

bool queuesem_p_until(struct queuesem *sem, int64_t deadline_ns)
{
	struct waiter me = { 0 };

	if (atomic_fetch_sub_explicit(&sem->s, 1, memory_order_acquire) > 0 ||
	    !queue_up(sem, &me) || waiter_sleep_until(&me, deadline_ns))
		return true;
	if (withdraw(sem, &me))
		return false;
	waiter_sleep(&me);
	return true;
}

int32_t queuesem_value(const struct queuesem *sem)
{
	return atomic_load_explicit(&sem->s, memory_order_relaxed);
}
