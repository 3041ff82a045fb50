// condition.h - to wait, with a mutex in hand, until something is true
//
// A condition variable is a queue of threads and nothing else: it holds no
// condition. That is in the data, which a mutex protects, and only the program
// knows it. So a waiter looks again whenever it returns, in a loop:
//
//     mutex.lock(mutex.of);
//     while (!there_is_work)
//             condition_wait(&changed, &mutex);
//
// condition_wait gives the mutex back and sleeps, and no signal can fall
// between the two (Hoare, "Monitors", CACM 17, 1974; Lampson & Redell,
// "Experience with processes and monitors in Mesa", CACM 23, 1980, for the loop:
// a signal is a hint, and by the time the waiter has the mutex somebody else may
// have been quicker).
//
// Any mutex will do, told by two functions. All who wait at the same time use
// the same one. Signal and broadcast may be called with the mutex held or after
// it was given back, if the condition was changed with it held. A thread leaves
// the queue only by signal, broadcast or its deadline, in the order of coming;
// there are no spurious wakeups here, POSIX's variables have them
// (pthread_cond_wait(3)).
//
// Within one process; any thread. Zeroed memory is an empty condition variable.
// It may be freed when nobody waits in it. O(1), broadcast O(waiters).

#ifndef CONDITION_H
#define CONDITION_H

#include <stdint.h>

#include "sync/lock/waiters.h"

struct condition_mutex {
	void (*lock)(void *of);
	void (*unlock)(void *of);
	void *of;
};

struct condition {
	struct waiters queue;
	_Atomic uint32_t waiting; // how many are in the queue
};

// The mutex is held by the caller, before and after.
void condition_wait(struct condition *condition,
		    const struct condition_mutex *mutex);

// As far as a point of CLOCK_MONOTONIC in ns. False: it has passed, and nobody
// has signalled this thread. The mutex is held again in either case.
bool condition_wait_until(struct condition *condition,
			  const struct condition_mutex *mutex,
			  int64_t deadline_ns);

void condition_signal(struct condition *condition);    // the first
void condition_broadcast(struct condition *condition); // all

#endif
