// backoff.h - how to wait on a busy CPU without being in the way
//
// Whoever asks for a lock again and again disturbs the one who holds it: each
// look takes the lock's cache line away from the holder's CPU, each attempt to
// write takes it away exclusively. Anderson (1990) took from the Ethernet what
// helps: wait after a failure, twice as long after the next one, up to a limit.
//
// That is for waiting while somebody else runs. With more threads than CPUs the
// holder may be one of those that do not run, and every look is wasted until the
// scheduler takes the CPU from us, which is milliseconds away. So after a while
// (`patience`) we give it away: sched_yield(2). The price of patience is at most
// that much for each wait, the price of impatience a system call and a context
// switch each time: the two are made about equal (the rule that loses at most a
// factor of two: Karlin, Li, Manasse & Owicki, "Empirical Studies of Competitive
// Spinning for a Shared-Memory Multiprocessor", SOSP 1991).
//
// Source: Anderson, "The Performance of Spin Lock Alternatives for Shared-Memory
// Multiprocessors", IEEE Transactions on Parallel and Distributed Systems 1(1),
// 1990.

#ifndef BACKOFF_H
#define BACKOFF_H

#include <sched.h>
#include <stdint.h>

#include "sync/lock/pause.h"

// In pauses, of which each takes 5 to 40 ns, as the CPU likes (pause.h).
enum {
	BACKOFF_FIRST = 4,
	BACKOFF_LONGEST = 256,
	BACKOFF_PATIENCE = 512,
};

struct backoff {
	uint32_t next;  // pauses; 0: at the beginning
	uint32_t spent; // ... so far
};

static inline void pause_for(uint32_t pauses)
{
	while (pauses-- > 0)
		cpu_pause();
}

// Waits a while, next time twice as long; when patience is at its end, lets
// others have the CPU instead.
static inline void back_off(struct backoff *b)
{
	if (b->spent >= BACKOFF_PATIENCE) {
		sched_yield();
		return;
	}
	if (b->next == 0)
		b->next = BACKOFF_FIRST;
	pause_for(b->next);
	b->spent += b->next;
	if (b->next < BACKOFF_LONGEST)
		b->next *= 2;
}

#endif
