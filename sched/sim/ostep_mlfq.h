// ostep_mlfq.h - what the two halves of mlfq share
//
//   ostep_mlfq.c        makes the exercise and has it solved
//   ostep_mlfq_trace.c  follows the solution tick by tick, and prints it

#ifndef SCHED_SIM_OSTEP_MLFQ_H
#define SCHED_SIM_OSTEP_MLFQ_H

#include "sched/sim/ostep_parts.h"

struct mlfq_job {
	int64_t start, run;
	int64_t io; // after so many ticks of running; 0: never
};

// What the course prints of a tick in which a job runs. `ticks` and `left` are
// those after it, `slices` those before anything is taken off.
struct mlfq_tick {
	int64_t at;
	int job, queue;
	int64_t ticks, slices, left;
	bool waits;   // an I/O begins after it
	int falls_to; // the queue it is in after it
};

struct mlfq {
	struct mlfq_job *jobs;
	size_t count;
	int queues; // 0 is the lowest
	int64_t quantum[LEVELS_MAX], allotment[LEVELS_MAX];
	int64_t boost, iotime;

	struct mlfq_tick *ticks;
	size_t tick_count;
	int64_t end;    // when all are done
	size_t *starts; // jobs by their start
	int *back_at;   // by time: whose I/O is complete, or NOBODY
	struct stand {  // at the beginning of each turn: jobs that are ready
		int queue;
		size_t here, below; // in the queue of its job, in lower ones
	} * stands;
};

struct sheet mlfq_sheet(const struct mlfq *x, const struct ostep *options);

// Keeps each job's books along the turns of the sheet.
void mlfq_follow(const struct sheet *sheet, struct mlfq *x);
void mlfq_free(struct mlfq *x);

#endif
