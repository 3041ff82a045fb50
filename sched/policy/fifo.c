// # fifo: first come, first served
//
// The queue at the baker's: who came first is served first, to the end of the
// burst. Nobody is interrupted; who comes back from waiting stands at the end.
// It was the rule of the batch systems, and it is Linux's SCHED_FIFO among
// equal priorities.
//
// Good: fair in the everyday sense, no starvation as long as there is enough
// CPU for all, as few switches as possible, and nothing has to be known about
// the jobs. Bad: one long job makes all short ones behind it wait (the convoy
// effect), so the mean waiting time is often far from the best one.
//
// O(1) a decision; 4 bytes a job.
//
// Sources: Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th
// edition, section 5.3.1; Tanenbaum & Bos, "Modern Operating Systems", 4th
// edition, section 2.4.2; OSTEP, chapter 7.

#include <stdio.h>

#include "parts.h"
#include "queue.h"

struct fifo {
	struct queue ready;
	uint32_t count;
	int32_t next[];
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)settings, (void)tasks;
	return policy_memory(state, sizeof(struct fifo), sizeof(int32_t), n);
}

static void add(void *state, int job, int64_t now)
{
	struct fifo *f = state;

	(void)now;
	queue_append(&f->ready, f->next, job);
	f->count++;
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct fifo *f = state;

	(void)cpu, (void)now;
	if (queue_empty(&f->ready))
		return NOBODY;
	*slice_ns = NEVER;
	f->count--;
	return queue_take(&f->ready, f->next);
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct fifo *f = state;

	(void)job, (void)now;
	snprintf(text, bytes, "ready for longest; %u behind it", f->count);
}

const struct policy policy_fifo = {
	.name = "fifo",
	.title = "first come, first served",
	.summary = "picks who has been ready for longest; takes the CPU from "
		   "nobody",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.1, p. 206",
	.create = create,
	.destroy = policy_free,
	.arrive = add,
	.wake = add,
	.pick = pick,
	.tick = policy_run_on,
	.block = policy_leave,
	.finish = policy_leave,
	.explain = explain,
};
