// scenes.h - the scenes of sync/mutex, and what they share

#ifndef SYNC_MUTEX_SCENES_H
#define SYNC_MUTEX_SCENES_H

#include <pthread.h>
#include <stdint.h>

#include "draw.h"
#include "sync/contest/contest.h"
#include "sync/lock/lock.h"

// kinds.c: what POSIX promises
void scene_kinds(void);
void scene_timed(void);

// waiting.c: what a waiter does, and in which order waiters go in
void scene_burn(void);
void scene_order(void);
void scene_wrong(void);

// turns.c: who gets how many turns
void scene_fairness(void);
void scene_convoy(void);
void scene_collapse(void);

// crowd.c: what it costs
void scene_crowd(void);
void scene_lines(void);

// tools.c: a thread that waits for a lock which the caller holds, then has it
// once and leaves.
struct waiter {
	const char *name;
	const struct lock_kind *kind;
	union lock *lock;
	int *log, *logged; // under the lock: who had it, in which order
	int number;
	struct mcs_node node;
	pthread_t thread;
	_Atomic pid_t tid;
	_Atomic int done; // 1: it has had its turn
};

// Starts it and returns when it is about to ask for the lock.
void begin_waiter(struct waiter *waiter);
void end_waiter(struct waiter *waiter);

// Whether it stands in the line of a lock that has one (ticket, MCS), as number
// `place` behind the holder, from 1.
bool is_in_line(const struct waiter *waiter, int place);

// Waits until `condition` holds: scenes wait for states.
#define await_that(condition)    \
	do                       \
		short_nap();     \
	while (!(condition))
void short_nap(void);

int64_t cpu_time_of(pthread_t thread);

// The picture, shown and freed.
void show_bars(const struct bar *bars, size_t n, bool logarithmic);

// A contest that must take place.
struct contest_sum hold_contest(const struct contest *contest,
				struct contestant *who);

#endif
