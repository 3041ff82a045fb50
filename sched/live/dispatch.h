// dispatch.h - the parts of live_dispatch
//
// dispatch.c is the dispatcher: it drives a policy with what really happens.
// dispatch_hold.c holds processes and lets them go, and raises the dispatcher
// above them; dispatch_record.c makes the history. Nobody else's business.

#ifndef SCHED_DISPATCH_H
#define SCHED_DISPATCH_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "sched/live/crew.h"

// ## dispatch_hold.c: a process by its neck

// One that is not allowed to run sleeps at its gate (crew.h) or is stopped.
struct held {
	pid_t pid;
	clockid_t clock; // its CPU time
	int cpu;         // where it is pinned; -1: not yet
	bool stopped;
};
int held_begin(struct held *held, pid_t pid); // 0 or -errno

// Stops a process that runs, and waits until it has stopped: whoever may run
// now does not meet it on the CPU, and its CPU time is final. 0 or -errno;
// -ESRCH: it died.
int held_stop(struct held *held);

// Pins it to a CPU. Lets it go on, if it was stopped. 0 or -errno.
int held_place(struct held *held, int cpu);
int held_go(struct held *held);

int64_t held_cpu_ns(const struct held *held); // its CPU time so far

// What the calling thread was before it became a dispatcher.
struct raised {
	bool real_time;
	cpu_set_t cpus;
	int policy;
	struct sched_param param;
	int slack_ns;
};

// Moves the caller to `cpu`, itself above the crew and the crew above all
// others, as far as it may; tells how far. 0 or -errno.
int raise_above(struct raised *raised, int cpu, const struct crew *crew,
		char told[TOLD_BYTES]);
void lower_again(const struct raised *raised);

// ## dispatch_record.c: who ran when

// The dispatcher's own record, for when the kernel keeps none for us.
struct record {
	struct slice *slices;
	size_t count, room;
};
int record_add(struct record *record, struct slice slice); // 0 or -ENOMEM

// Puts what is right into a history that crew_history has made. 0 or -ENOMEM.
int record_history(struct record *record, const struct crew *crew,
		   struct history *history);

#endif
