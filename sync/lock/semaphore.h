// semaphore.h - P, V and S, waiting busily and in a queue
//
// A semaphore is a number S and two operations (Dijkstra, "Cooperating
// sequential processes", EWD 123, 1965). S begins with how many may be inside.
//
//   P  before the critical section: one off, or wait     (wait(), sem_wait)
//   V  after it: one on, and somebody who waits goes in  (signal(), sem_post)
//
// There are two ways to wait, and S means something else in each:
//
//   busysem   a loop that looks until S is above 0. S is never negative, the
//             loop burns its CPU, and who gets in is chance.
//   queuesem  P takes one off in any case. Who brought S below 0 goes to the
//             end of a queue and sleeps; V adds one, and where S was below 0
//             it takes the first out of the queue and wakes it: wakeup(). So
//             -S is how many wait.
//
// S has no owner: any thread may V. Within one process, any thread. S must
// not pass INT32_MAX. Memory that V's caller wrote before V is seen by the P
// that it lets in. No call fails; -errno where it says so.

#ifndef SEMAPHORE_H
#define SEMAPHORE_H

#include "sync/lock/waiters.h"

// semaphore_busy.c
struct busysem {
	_Atomic int32_t s;
};
void busysem_init(struct busysem *sem, int32_t s); // s >= 0
void busysem_p(struct busysem *sem);
bool busysem_try_p(struct busysem *sem); // false: S was 0
void busysem_v(struct busysem *sem);
int32_t busysem_value(const struct busysem *sem); // a moment ago

// semaphore_queue.c
struct queuesem {
	_Atomic int32_t s;
	struct waiters queue; // under its guard, `owed` too
	uint32_t owed;        // wakeups that came before their waiter
};
void queuesem_init(struct queuesem *sem, int32_t s); // s >= 0
void queuesem_p(struct queuesem *sem);
bool queuesem_try_p(struct queuesem *sem); // false: S was not above 0
// As P, but no longer than to a point of CLOCK_MONOTONIC in ns; false: in vain,
// and S is as if it had not been tried. O(waiters) where it is in vain.
bool queuesem_p_until(struct queuesem *sem, int64_t deadline_ns);
void queuesem_v(struct queuesem *sem);
int32_t queuesem_value(const struct queuesem *sem); // -S wait; a moment ago

#endif
