// # Fair: phases of readers and writers in turn
//
// `state` counts the readers inside and has a bit for a writer inside. A second
// bit, QUEUED, says that somebody waits, and it closes the door: who comes now
// goes to the end of a queue, one for readers and one for writers. With the
// door closed nobody gets in by himself. Whoever leaves last opens it for those
// he chooses, and they are inside before they know it:
//
//   a writer leaves         all readers that wait now, or else the next writer
//   the last reader leaves  the next writer; readers wait only behind one
//
// So reader and writer phases alternate while there are both, and writers keep
// the order in which they came. This is the phase-fair rule of Brandenburg &
// Anderson (2010), who spin; here those who wait sleep.
//
// The price is that of every lock that is handed over: between two phases the
// woken have to get a CPU, and nobody else may use the lock meanwhile. With
// more threads than CPUs that is a context switch a turn.

#include "sync/lock/rwlock.h"

#define WRITER (UINT64_C(1) << 63) // one is inside
#define QUEUED (UINT64_C(1) << 62) // somebody waits
#define READERS (QUEUED - 1)       // the bits of their count

// Goes in, adding `add`, if none of `closed` is set; or closes the door and
// queues. The door is only opened with the guard held: what is decided here
// under it holds until the guard is released.
static void enter_or_queue(struct rw_fair *l, struct waiters *queue,
			   uint64_t closed, uint64_t add)
{
	struct waiter me = { 0 };
	uint64_t state;
	bool entered;

	guard_lock(&l->readers.guard);
	state = atomic_load_explicit(&l->state, memory_order_relaxed);
	do
		entered = !(state & closed);
	while (!atomic_compare_exchange_weak_explicit(
		&l->state, &state, entered ? state + add : state | QUEUED,
		memory_order_acquire, memory_order_relaxed));
	if (!entered)
		waiters_push(queue, &me);
	guard_unlock(&l->readers.guard);
	if (!entered)
		waiter_sleep(&me);
}

// Nobody is inside and the door is closed: the state is ours to write. Release:
// pairs with the acquire of those who come when the door is open again; those
// we let in are told by waiter_wake.
static void pass_on(struct rw_fair *l, bool writer_left)
{
	struct waiter *chosen = NULL, *next;
	uint64_t state = 0;

	guard_lock(&l->readers.guard);
	if (l->readers.head && (writer_left || !l->writers.head)) {
		chosen = l->readers.head;
		l->readers.head = NULL;
		for (struct waiter *w = chosen; w; w = w->next)
			state++;
	} else if (l->writers.head) {
		chosen = waiters_pop(&l->writers);
		chosen->next = NULL;
		state = WRITER;
	}
	if (l->readers.head || l->writers.head)
		state |= QUEUED;
	atomic_store_explicit(&l->state, state, memory_order_release);
	guard_unlock(&l->readers.guard);
	for (; chosen; chosen = next) {
		next = chosen->next;
		waiter_wake(chosen);
	}
}

// Acquire: pairs with the release of the writer that was inside before. The
// first try guesses that the lock is free; if it is not, it says what it is.
static void fair_read_lock(union rwlock *lock)
{
	struct rw_fair *l = &lock->fair;
	uint64_t state = 0;

	while (!(state & (WRITER | QUEUED)))
		if (atomic_compare_exchange_strong_explicit(
			    &l->state, &state, state + 1, memory_order_acquire,
			    memory_order_relaxed))
			return;
	enter_or_queue(l, &l->readers, WRITER | QUEUED, 1);
}

// Release: pairs with the acquire of the next writer. Acquire: who passes on
// passes on what the readers before him have done, too.
static void fair_read_unlock(union rwlock *lock)
{
	struct rw_fair *l = &lock->fair;

	if (atomic_fetch_sub_explicit(&l->state, 1, memory_order_acq_rel) ==
	    (1 | QUEUED))
		pass_on(l, false);
}

static void fair_write_lock(union rwlock *lock)
{
	struct rw_fair *l = &lock->fair;
	uint64_t state = 0;

	if (!atomic_compare_exchange_strong_explicit(&l->state, &state, WRITER,
						     memory_order_acquire,
						     memory_order_relaxed))
		enter_or_queue(l, &l->writers, WRITER | QUEUED | READERS,
			       WRITER);
}

// With the door closed it stays ours until we have passed it on.
static void fair_write_unlock(union rwlock *lock)
{
	struct rw_fair *l = &lock->fair;
	uint64_t state = WRITER;

	if (!atomic_compare_exchange_strong_explicit(&l->state, &state, 0,
						     memory_order_release,
						     memory_order_relaxed))
		pass_on(l, true);
}

const struct rwlock_kind rwlock_fair = {
	.name = "fair",
	.read_lock = fair_read_lock,
	.read_unlock = fair_read_unlock,
	.write_lock = fair_write_lock,
	.write_unlock = fair_write_unlock,
};
