// futex.h - a word in memory that threads can sleep on
//
// The kernel's half of a lock: it puts a thread to sleep if a word still has the
// value the thread saw, and wakes threads that sleep on a word. It knows nothing
// of locks; all meaning is in the word. The kernel checks and queues as one step
// with respect to futex_wake on the same word: who changes the word first and
// wakes then loses nobody.
//
// Any thread may call these. The word is 32 bits, aligned. `shared`: the sleepers
// may be in other processes that map the same memory (the kernel must find the
// page behind the address, which costs a little); else the address alone is the
// key. Both sides must say the same.
//
// Sources: futex(2); Franke, Russell & Kirkwood, "Fuss, Futexes and Furwocks",
// Ottawa Linux Symposium 2002; Drepper, "Futexes Are Tricky", 2011.

#ifndef FUTEX_H
#define FUTEX_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Sleeps while *word == value: until it is woken, until CLOCK_MONOTONIC reads
// `until` (NULL: for ever), or for no reason, so the caller looks again. Returns 0
// (woken), -EAGAIN (the word was another), -EINTR (a signal was handled) or
// -ETIMEDOUT.
static inline int futex_wait_until(const _Atomic uint32_t *word, uint32_t value,
				   const struct timespec *until, bool shared)
{
	int operation = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG);

	return syscall(SYS_futex, word, operation, value, until, NULL,
		       FUTEX_BITSET_MATCH_ANY) == -1
		       ? -errno
		       : 0;
}

static inline int futex_wait(const _Atomic uint32_t *word, uint32_t value,
			     bool shared)
{
	return futex_wait_until(word, value, NULL, shared);
}

// Wakes at most `count` sleepers (INT_MAX: all), of equal priority who slept
// first first. Returns how many, or -errno.
static inline int futex_wake(const _Atomic uint32_t *word, int count,
			     bool shared)
{
	int operation = FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG);
	long woken = syscall(SYS_futex, word, operation, count, NULL, NULL, 0);

	return woken == -1 ? -errno : (int)woken;
}

// If *word == value, wakes `wake` of its sleepers and moves up to `move` others to
// sleep on `to`. Returns how many it woke and moved, -EAGAIN if the word was
// another, or -errno.
static inline int futex_requeue(const _Atomic uint32_t *word, uint32_t value,
				int wake, int move, const _Atomic uint32_t *to,
				bool shared)
{
	int operation = FUTEX_CMP_REQUEUE | (shared ? 0 : FUTEX_PRIVATE_FLAG);
	long done = syscall(SYS_futex, word, operation, wake, (long)move, to,
			    value);

	return done == -1 ? -errno : (int)done;
}

#endif
