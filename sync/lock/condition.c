// # Condition variable: a queue of sleepers
//
// A waiter enters the queue before it gives the mutex back. So whoever changes
// the condition later, with the mutex held, finds it there, and the signal
// cannot be lost in the moment between giving back and sleeping: it is not sent
// to a sleeper but to a node, and the node remembers (`go`). It is the scheme of
// Birrell ("Implementing Condition Variables with Semaphores", 2003), who gives
// each thread a semaphore of its own where we have a word.
//
// The simpler scheme is a counter: a waiter notes it, gives the mutex back and
// sleeps with futex_wait while it has that value, a signal adds one and wakes
// one. It loses no wakeup either, but it may give it to the wrong one: to a
// thread that came after the signal and overtook, in the kernel's queue, the one
// that was meant and had been there before. And a sleeper that 2^32 signals
// have passed by sleeps on. With a queue of our own both are impossible.
//
// `waiting` may be read without the guard and without order. Whoever signals has
// held the mutex since it changed the condition; who waits has entered the queue
// with it held. One of them was first, and the mutex's release and acquire show
// the other what it did. A signal that nobody waits for costs this one look.

#include "sync/lock/condition.h"

static void enter(struct condition *c, struct waiter *me)
{
	guard_lock(&c->queue.guard);
	waiters_push(&c->queue, me);
	atomic_fetch_add_explicit(&c->waiting, 1, memory_order_relaxed);
	guard_unlock(&c->queue.guard);
}

void condition_wait(struct condition *c, const struct condition_mutex *mutex)
{
	struct waiter me = { 0 };

	enter(c, &me);
	mutex->unlock(mutex->of);
	waiter_sleep(&me);
	mutex->lock(mutex->of);
}

// The deadline may pass while a signal is under way to us. Whether it is, the
// queue says: who is no longer in it was signalled, and must take that.
bool condition_wait_until(struct condition *c,
			  const struct condition_mutex *mutex,
			  int64_t deadline_ns)
{
	struct waiter me = { 0 };

	enter(c, &me);
	mutex->unlock(mutex->of);
	bool signalled = waiter_sleep_until(&me, deadline_ns);
	if (!signalled) {
		guard_lock(&c->queue.guard);
		signalled = !waiters_hold(&c->queue, &me);
		if (!signalled) {
			waiters_remove(&c->queue, &me);
			atomic_fetch_sub_explicit(&c->waiting, 1,
						  memory_order_relaxed);
		}
		guard_unlock(&c->queue.guard);
		if (signalled)
			waiter_sleep(&me);
	}
	mutex->lock(mutex->of);
	return signalled;
}

void condition_signal(struct condition *c)
{
	if (atomic_load_explicit(&c->waiting, memory_order_relaxed) == 0)
		return;
	guard_lock(&c->queue.guard);
	struct waiter *first = waiters_pop(&c->queue);
	if (first)
		atomic_fetch_sub_explicit(&c->waiting, 1, memory_order_relaxed);
	guard_unlock(&c->queue.guard);
	if (first)
		waiter_wake(first);
}

// The whole queue is taken out at once: who comes while they are being woken
// belongs to the next signal. A node is its owner's again once it is woken, so
// the next one is looked up before.
void condition_broadcast(struct condition *c)
{
	struct waiter *next;

	if (atomic_load_explicit(&c->waiting, memory_order_relaxed) == 0)
		return;
	guard_lock(&c->queue.guard);
	struct waiter *all = c->queue.head;
	c->queue.head = NULL;
	atomic_store_explicit(&c->waiting, 0, memory_order_relaxed);
	guard_unlock(&c->queue.guard);
	for (; all; all = next) {
		next = all->next;
		waiter_wake(all);
	}
}
