// attributes.h - what sched_setattr(2) gets for a job

#ifndef SCHED_ATTRIBUTES_H
#define SCHED_ATTRIBUTES_H

#include "sched/live/live.h"

enum { USUAL_PRIORITY = 50 }; // real-time, where live->priority is 0

// The real-time priority of a job: 1 .. 99, or -EINVAL and why.
int realtime_priority(const struct live *live, const struct jobs *jobs, int job,
		      char told[TOLD_BYTES]);

// The nice value of a job: the caller's, live's and its own, together.
int nice_of_job(const struct live *live, const struct jobs *jobs, int job);

// What a deadline task reserves: live's, or chosen from the job. The deadline is
// the end of the period.
struct reservation {
	int64_t runtime_ns, period_ns;
};
struct reservation reservation_for(const struct live *live,
				   const struct jobs *jobs, int job);

// Sets the policy of `pid` (0: the caller) as `live` asks it for `job`. 0 or
// -errno with a sentence in `told` that says what is wrong and what helps.
int policy_set(pid_t pid, const struct live *live, const struct jobs *jobs,
	       int job, char told[TOLD_BYTES]);

#endif
