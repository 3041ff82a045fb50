// lock.h - the locks of this folder in one table
//
// Each lock is a header of its own, whose hot path is inline and whose text
// explains it; read them in this order:
//
//   tas.h           test-and-set: the smallest
//   ttas.h          ... that looks first, and backs off (backoff.h)
//   ticket.h        first come, first served; collapses or yields
//   mcs.h           a queue, each waiter on its own cache line
//   mcs_sleep.h     ... whose waiters sleep
//   mutex_wrong.h   a futex mutex that loses a wake-up (not in the table)
//   mutex_right.h   ... that does not
//   mutex_fast.h    ... that looks again before it sleeps
//
// A program that knows which one it wants includes its header. This table is for
// those that hold all of them against each other: labs, tests, benchmarks. A
// call through it costs a nanosecond or two more.
//
//     union lock lock = { 0 };
//     const struct lock_kind *kind = lock_kind("ticket");
//     struct mcs_node node;
//     kind->lock(&lock, &node);
//     ...
//     kind->unlock(&lock, &node);
//
// None of them is recursive, none looks after its owner: a thread that locks
// twice waits for itself, and only the holder may unlock. They work between
// threads of one process.

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "sync/lock/mcs.h"
#include "sync/lock/mcs_sleep.h"
#include "sync/lock/mutex_fast.h"
#include "sync/lock/mutex_right.h"
#include "sync/lock/tas.h"
#include "sync/lock/ticket.h"
#include "sync/lock/ttas.h"

// Any of them, all zero: free. On a line of its own, so that what lies beside it
// does not slow it down.
union lock {
	alignas(64) struct tas tas;
	struct ttas ttas;
	struct ticket ticket;
	struct mcs mcs;
	struct mcs_sleep mcs_sleep;
	struct mutex_right mutex_right;
	struct mutex_fast mutex_fast;
};

// What a waiter does when it has waited for longer than usual.
enum lock_patience { LOCK_SPINS, LOCK_YIELDS, LOCK_SLEEPS };

struct lock_kind {
	const char *name;  // one word: "ticket"
	const char *title; // what it is, in a line
	size_t bytes;      // of the lock itself
	bool fifo;         // first in, first out
	enum lock_patience patience;

	// `node` is the caller's from lock to unlock; only the queue locks use
	// it. take: true when the lock was free and now is the caller's.
	void (*lock)(union lock *lock, struct mcs_node *node);
	bool (*take)(union lock *lock, struct mcs_node *node);
	void (*unlock)(union lock *lock, struct mcs_node *node);
};

// In the order of this page; ends with a kind whose name is NULL.
extern const struct lock_kind lock_kinds[];

// The kind of that name, or NULL.
const struct lock_kind *lock_kind(const char *name);

#endif
