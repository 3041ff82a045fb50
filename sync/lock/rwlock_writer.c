// # Writers first
//
// One word of 64 bits says everything: how many readers are inside, how many
// writers wait, whether a writer is inside. A reader goes in only if neither a
// writer is inside nor one waits. So the last thing that keeps readers out is a
// writer that leaves while no other waits, and only there have readers to be
// woken; all of them, since all may go in.
//
// Two more bits say whether anybody sleeps, so that nobody calls the kernel for
// nothing. How one of several sleeping writers is woken, and why it puts the bit
// back, is told in rwlock_reader.c.

#include "sync/lock/rwlock.h"

#define WRITER (UINT64_C(1) << 63)        // one is inside
#define WRITER_SLEEPS (UINT64_C(1) << 62) // on `turn`
#define READER_SLEEPS (UINT64_C(1) << 61) // on `gate`
#define WAITS (UINT64_C(1) << 32)         // one writer that waits
#define ALL_WAIT (READER_SLEEPS - WAITS)  // the bits of their count
#define READERS (WAITS - 1)               // the bits of the readers' count

// Acquire: pairs with the release of the writer that was inside before.
static void writer_read_lock(union rwlock *lock)
{
	struct rw_writer *l = &lock->writer;
	uint64_t state = 0;

	if (atomic_compare_exchange_strong_explicit(&l->state, &state, 1,
						    memory_order_acquire,
						    memory_order_relaxed))
		return;
	for (int turns = 0;;) {
		uint32_t gate = atomic_load_explicit(&l->gate,
						     memory_order_acquire);
		state = atomic_load_explicit(&l->state, memory_order_relaxed);
		if (!(state & (WRITER | ALL_WAIT))) {
			if (atomic_compare_exchange_weak_explicit(
				    &l->state, &state, state + 1,
				    memory_order_acquire, memory_order_relaxed))
				return;
		} else if (turns++ < WAITERS_SPIN) {
			cpu_pause();
		} else if (state & READER_SLEEPS ||
			   atomic_compare_exchange_strong_explicit(
				   &l->state, &state, state | READER_SLEEPS,
				   memory_order_relaxed,
				   memory_order_relaxed)) {
			futex_wait(&l->gate, gate, false);
		}
	}
}

// Takes the bit off and, if it was there, has those who wait on `word` look
// again: `count` of the sleepers, and whoever is about to sleep. Release: pairs
// with the acquire of their look at `word`.
static void wake(struct rw_writer *l, uint64_t bit, _Atomic uint32_t *word,
		 int count)
{
	if (!(atomic_fetch_and_explicit(&l->state, ~bit, memory_order_relaxed) &
	      bit))
		return;
	atomic_fetch_add_explicit(word, 1, memory_order_release);
	futex_wake(word, count, false);
}

// Release: pairs with the acquire of the next writer.
static void writer_read_unlock(union rwlock *lock)
{
	struct rw_writer *l = &lock->writer;
	uint64_t state = atomic_fetch_sub_explicit(&l->state, 1,
						   memory_order_release);

	if ((state & READERS) == 1 && state & WRITER_SLEEPS)
		wake(l, WRITER_SLEEPS, &l->turn, 1);
}

static void writer_write_lock(union rwlock *lock)
{
	struct rw_writer *l = &lock->writer;
	uint64_t state = 0, slept = 0;

	if (atomic_compare_exchange_strong_explicit(&l->state, &state, WRITER,
						    memory_order_acquire,
						    memory_order_relaxed))
		return;
	atomic_fetch_add_explicit(&l->state, WAITS, memory_order_relaxed);
	for (int turns = 0;;) {
		uint32_t turn = atomic_load_explicit(&l->turn,
						     memory_order_acquire);
		state = atomic_load_explicit(&l->state, memory_order_relaxed);
		if (!(state & (WRITER | READERS))) {
			if (atomic_compare_exchange_strong_explicit(
				    &l->state, &state,
				    (state - WAITS) | WRITER | slept,
				    memory_order_acquire, memory_order_relaxed))
				return;
		} else if (turns++ < WAITERS_SPIN) {
			cpu_pause();
		} else if (state & WRITER_SLEEPS ||
			   atomic_compare_exchange_strong_explicit(
				   &l->state, &state, state | WRITER_SLEEPS,
				   memory_order_relaxed,
				   memory_order_relaxed)) {
			slept = WRITER_SLEEPS;
			futex_wait(&l->turn, turn, false);
		}
	}
}

// Release: pairs with the acquire of whoever is next.
static void writer_write_unlock(union rwlock *lock)
{
	struct rw_writer *l = &lock->writer;
	uint64_t state = atomic_fetch_sub_explicit(&l->state, WRITER,
						   memory_order_release);

	if (state == WRITER)
		return;
	if (state & WRITER_SLEEPS)
		wake(l, WRITER_SLEEPS, &l->turn, 1);
	if (!(state & ALL_WAIT) && state & READER_SLEEPS)
		wake(l, READER_SLEEPS, &l->gate, INT_MAX);
}

const struct rwlock_kind rwlock_writer = {
	.name = "writer",
	.read_lock = writer_read_lock,
	.read_unlock = writer_read_unlock,
	.write_lock = writer_write_lock,
	.write_unlock = writer_write_unlock,
};
