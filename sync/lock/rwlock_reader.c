// # Readers first
//
// A reader counts itself with one addition, whatever happens; if no writer is
// inside it is in, and if one is, it has only to wait until that one leaves. For
// a writer gets in by changing a state in which nobody is counted, so from the
// moment a reader has counted itself no writer can. That is all of readers'
// preference: those who are inside and those who are next are one number, and
// only at 0 is it a writer's turn.
//
// Where threads sleep: readers on `gate`, which a writer changes when it leaves;
// writers on `turn`. Not on `state`, which every reader changes: a futex sleeps
// only if the word still has the value that was seen (futex(2), EAGAIN).
//
// SLEEPS says that a writer sleeps on `turn`. Whoever frees the lock takes that
// bit off and wakes one writer, and does not know of others; so a writer that
// has been through there puts the bit back, be it to sleep again or, when it
// gets the lock, in case there are others: the rule of Drepper's third mutex.

#include "sync/lock/rwlock.h"

#define WRITER (UINT32_C(1) << 31) // one is inside
#define SLEEPS (UINT32_C(1) << 30)

// Acquire: pairs with the release of the writer that was inside before.
static void reader_read_lock(union rwlock *lock)
{
	struct rw_reader *l = &lock->reader;

	if (!(atomic_fetch_add_explicit(&l->state, 1, memory_order_acquire) &
	      WRITER))
		return;
	for (int turns = 0;; turns++) {
		uint32_t gate = atomic_load_explicit(&l->gate,
						     memory_order_acquire);
		if (!(atomic_load_explicit(&l->state, memory_order_acquire) &
		      WRITER))
			return;
		if (turns < WAITERS_SPIN)
			cpu_pause();
		else if (gate & 1 ||
			 atomic_compare_exchange_strong_explicit(
				 &l->gate, &gate, gate | 1,
				 memory_order_relaxed, memory_order_relaxed))
			futex_wait(&l->gate, gate | 1, false);
	}
}

// The bit was taken off by us, so it is for us to wake. `turn` changes first:
// a writer that saw the lock taken and is about to sleep then will not. Release:
// pairs with the acquire of that writer's look at `turn`.
static void wake_writer(struct rw_reader *l)
{
	if (!(atomic_fetch_and_explicit(&l->state, ~SLEEPS,
					memory_order_relaxed) &
	      SLEEPS))
		return;
	atomic_fetch_add_explicit(&l->turn, 1, memory_order_release);
	futex_wake(&l->turn, 1, false);
}

// Release: pairs with the acquire of the next writer; through the additions and
// subtractions of other readers, which are all read-modify-writes.
static void reader_read_unlock(union rwlock *lock)
{
	struct rw_reader *l = &lock->reader;

	if (atomic_fetch_sub_explicit(&l->state, 1, memory_order_release) ==
	    (1 | SLEEPS))
		wake_writer(l);
}

static void reader_write_lock(union rwlock *lock)
{
	struct rw_reader *l = &lock->reader;
	uint32_t state = 0, slept = 0;

	if (atomic_compare_exchange_strong_explicit(&l->state, &state, WRITER,
						    memory_order_acquire,
						    memory_order_relaxed))
		return;
	for (int turns = 0;; turns++) {
		uint32_t turn = atomic_load_explicit(&l->turn,
						     memory_order_acquire);
		state = atomic_load_explicit(&l->state, memory_order_relaxed);
		if ((state & ~SLEEPS) == 0) {
			if (atomic_compare_exchange_strong_explicit(
				    &l->state, &state, state | WRITER | slept,
				    memory_order_acquire, memory_order_relaxed))
				return;
		} else if (turns < WAITERS_SPIN) {
			cpu_pause();
		} else if (state & SLEEPS ||
			   atomic_compare_exchange_strong_explicit(
				   &l->state, &state, state | SLEEPS,
				   memory_order_relaxed,
				   memory_order_relaxed)) {
			slept = SLEEPS;
			futex_wait(&l->turn, turn, false);
		}
	}
}

// Readers who are counted are in from the subtraction on; what is left is to
// wake those who sleep. Release: pairs with the acquire in read_lock and
// write_lock.
static void reader_write_unlock(union rwlock *lock)
{
	struct rw_reader *l = &lock->reader;
	uint32_t state = atomic_fetch_sub_explicit(&l->state, WRITER,
						   memory_order_release);

	if (state == WRITER)
		return;
	if (state == (WRITER | SLEEPS)) {
		wake_writer(l);
		return;
	}
	uint32_t gate = atomic_load_explicit(&l->gate, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&l->gate, &gate, (gate | 1) + 1, memory_order_release,
		memory_order_relaxed))
		;
	if (gate & 1)
		futex_wake(&l->gate, INT_MAX, false);
}

const struct rwlock_kind rwlock_reader = {
	.name = "reader",
	.read_lock = reader_read_lock,
	.read_unlock = reader_read_unlock,
	.write_lock = reader_write_lock,
	.write_unlock = reader_write_unlock,
};
