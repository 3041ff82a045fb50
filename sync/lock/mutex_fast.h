// mutex_fast.h - a futex mutex that looks again before it sleeps
//
// The mutex of mutex_right.h, and a guess: most locks are held for less time
// than it takes to fall asleep and be woken (here some 5 to 50 us). So who finds
// it taken backs off and looks again, a few times, twice as long each time, and
// sleeps only then. What the guess may lose is about the price of one sleep, so
// at worst we pay double (Karlin et al., backoff.h).
//
// Three things make it fast where the lock is fought over:
//
//   - who looks only reads, and only seldom: the holder goes on undisturbed,
//     and a thread that comes back at once finds the lock in its own cache;
//   - while everybody who waits is spinning, the word is 1, and unlock makes no
//     system call;
//   - who finds a 2 sleeps at once: others sleep already, so the lock is held
//     for long or wanted by many, and one more spinner would only be in the way.
//
//   look    load, relaxed: only the compare-exchange decides
//   take    compare-exchange 0 -> 1, acquire, or exchange 2, acquire
//   unlock  exchange 0, release; pairs with either
//
//   fair       no, less than mutex_right.h
//   space      4 bytes
//   free       2 atomic read-modify-writes, no system call
//   contended  see above
//   too many threads  the guess is wrong when the holder is not on a CPU; then
//              it costs some microseconds once, and we sleep
//
// Sources: as mutex_right.h; Karlin et al. 1991. glibc's default mutex does not
// spin, its PTHREAD_MUTEX_ADAPTIVE_NP does.

#ifndef MUTEX_FAST_H
#define MUTEX_FAST_H

#include "sync/lock/backoff.h"
#include "sync/lock/mutex_right.h"

struct mutex_fast {
	_Atomic uint32_t state; // all zero: free; else as in mutex_right.h
};

// With MUTEX_PAUSES before the first look and twice as many before each further
// one: 8 + 16 + ... + 256 pauses.
enum { MUTEX_LOOKS = 6, MUTEX_PAUSES = 8 };

static inline bool mutex_fast_try(struct mutex_fast *lock)
{
	uint32_t state = MUTEX_FREE;

	return atomic_compare_exchange_strong_explicit(&lock->state, &state,
						       MUTEX_TAKEN,
						       memory_order_acquire,
						       memory_order_relaxed);
}

// Whether the lock came while we looked.
static inline bool mutex_fast_spin(struct mutex_fast *lock, int looks)
{
	uint32_t pauses = MUTEX_PAUSES;

	for (; looks > 0; looks--, pauses *= 2) {
		pause_for(pauses);
		uint32_t state = atomic_load_explicit(&lock->state,
						      memory_order_relaxed);
		if (state == MUTEX_AWAITED)
			return false;
		if (state == MUTEX_FREE && mutex_fast_try(lock))
			return true;
	}
	return false;
}

// Not inline in its caller: the hot path stays short.
static __attribute__((noinline, unused)) void
mutex_fast_wait(struct mutex_fast *lock, int looks)
{
	if (mutex_fast_spin(lock, looks))
		return;
	while (atomic_exchange_explicit(&lock->state, MUTEX_AWAITED,
					memory_order_acquire) != MUTEX_FREE)
		futex_wait(&lock->state, MUTEX_AWAITED, false);
}

static inline void mutex_fast_lock(struct mutex_fast *lock)
{
	if (__builtin_expect(!mutex_fast_try(lock), 0))
		mutex_fast_wait(lock, MUTEX_LOOKS);
}

static inline void mutex_fast_unlock(struct mutex_fast *lock)
{
	if (__builtin_expect(atomic_exchange_explicit(&lock->state, MUTEX_FREE,
						      memory_order_release) ==
				     MUTEX_AWAITED,
			     0))
		futex_wake(&lock->state, 1, false);
}

#endif
