// table.h - inside the model: a table of jobs that grows

#ifndef SCHED_TABLE_H
#define SCHED_TABLE_H

#include "sched/model/jobs.h"

enum { DEFAULT_TICKETS = 100 };

struct table {
	struct jobs *jobs;
	size_t job_room, burst_room, bursts;
};

// Adds a burst to the job that is being made; then the job itself, with its
// name (copied; NULL only if no job has one). 0; -ENOMEM; table_job also
// -EOVERFLOW: its times add up to NEVER or more. The task's burst_ns and left_ns
// are set here, and its deadline counts from the arrival (0: none).
int table_burst(struct table *table, int64_t ns);
int table_job(struct table *table, const struct task *task, const char *name);

#endif
