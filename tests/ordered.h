// ordered.h - the pages of sync/lock as orders.h wants them
//
// Included first, then the sources that are to be checked. The Makefile compiles
// tests/ordered_*.c so that each of their accesses to memory is a call.

#ifndef ORDERED_H
#define ORDERED_H

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orders.h"
#include "sync/lock/backoff.h"
#include "sync/lock/futex.h"
#include "sync/lock/pause.h"
#include "tests.h"

#define WAITERS_SPIN orders_spin
#define futex_wait orders_futex_wait
#define futex_wait_until orders_futex_wait_until
#define futex_wake orders_futex_wake
#define cpu_pause orders_pause
#define sched_yield orders_pause
#define pause_for(pauses) orders_pause()
#define back_off(backoff) ((void)(backoff), orders_pause())

// Of a function: the checker does not see its accesses. What counts who is
// inside must not be found as a race before it has counted.
#define UNSEEN __attribute__((noinline, no_sanitize_thread))

#define GAME(title, n, ...) (&(const struct game){                    \
	.name = (title), .threads = (n), .shared = &shared,           \
	.bytes = sizeof shared, __VA_ARGS__ })

// No interleaving is wrong.
void orders_right(const struct game *game);

// The same for up to 4 games, NULL after the last; and without any memory order
// or waking that they use some interleaving of some game is. But for those in
// `spare`, a line each: "acquire at compare of a waiter".
void orders_needs_all(const struct game *const *games, const char *spare);
#define GAMES(...) ((const struct game *const[]){ __VA_ARGS__, NULL })

// This is found, and found again by its schedule.
void orders_wrong(const struct game *game, const char *why);

#define ORDERS_IMPOSSIBLE \
	"not in this build (x86-64 or aarch64, without sanitizers)"

#endif
