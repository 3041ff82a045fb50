// stretches.h - a job's life, cut where its state changes
//
// A history says when a job ran. Between two slices it was ready, or it waited
// for its I/O and was ready afterwards; before the first it was ready from its
// arrival on. Here that is made explicit, once for all pictures.

#ifndef SCHED_STRETCHES_H
#define SCHED_STRETCHES_H

#include <stddef.h>
#include <stdint.h>

#include "sched/model/history.h"
#include "sched/model/jobs.h"

enum state { READY, RUNS, WAITS };

struct stretch {
	enum state state;
	int cpu;                  // RUNS
	enum slice_end end;       // RUNS
	int64_t begin_ns, end_ns; // begin < end
};

// Those of job i, in order of time and without overlap, are stretch[first[i]]
// up to, without, stretch[first[i + 1]].
struct stretches {
	struct stretch *stretch;
	size_t *first; // jobs->count + 1
};

// 0 or -ENOMEM. Slices of jobs that are not in the table are passed over.
// O(slices + jobs + phases).
int stretches_make(struct stretches *stretches, const struct jobs *jobs,
		   const struct history *history);
void stretches_free(struct stretches *stretches); // also after an error

#endif
