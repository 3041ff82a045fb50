// # batch: one job at a time
//
// The oldest operating systems loaded one job, ran it from its first to its
// last instruction, and loaded the next one. While the job waited for its tape,
// the CPU waited too: multiprogramming was invented to fill these holes. So
// this is first come, first served for whole jobs, with I/O and all; a job owns
// its CPU until it is finished.
//
// Good: nothing to protect, nothing to switch. Bad: a CPU that costs as much as
// the building stands still for most of the day, and nobody gets an answer
// before all those in front of him are done.
//
// O(1) a decision; 4 bytes a job: who stands in the queue has a successor, who
// is running has a CPU, and nobody has both.
//
// Sources: Tanenbaum & Bos, "Modern Operating Systems", 4th edition, section
// 1.2.2 (the second generation: batch systems); Silberschatz, Galvin & Gagne,
// "Operating System Concepts", 10th edition, appendix A.

#include <stdio.h>

#include "parts.h"
#include "queue.h"

struct place {
	int32_t owner; // job + 1; 0: none
	bool back;     // ... has waited and can go on
};

struct batch {
	struct queue ready; // those that have not begun
	uint32_t count;
	struct place cpus[POLICY_CPUS];
	int32_t next[]; // its successor in the queue, or the CPU it owns
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)settings, (void)tasks;
	return policy_memory(state, sizeof(struct batch), sizeof(int32_t), n);
}

static void arrive(void *state, int job, int64_t now)
{
	struct batch *b = state;

	(void)now;
	queue_append(&b->ready, b->next, job);
	b->count++;
}

static void wake(void *state, int job, int64_t now)
{
	struct batch *b = state;

	(void)now;
	b->cpus[b->next[job]].back = true;
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct batch *b = state;
	struct place *place = &b->cpus[cpu];

	(void)now;
	*slice_ns = NEVER;
	if (place->owner) {
		if (!place->back)
			return NOBODY;
		place->back = false;
		return place->owner - 1;
	}
	if (queue_empty(&b->ready))
		return NOBODY;
	int job = queue_take(&b->ready, b->next);
	b->count--;
	b->next[job] = cpu;
	place->owner = job + 1;
	return job;
}

static void finish(void *state, int job, int64_t ran_ns, int64_t now)
{
	struct batch *b = state;

	(void)ran_ns, (void)now;
	b->cpus[b->next[job]].owner = 0;
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct batch *b = state;

	(void)now;
	snprintf(text, bytes,
		 "CPU %d is its own until it is finished; %u behind it",
		 b->next[job], b->count);
}

const struct policy policy_batch = {
	.name = "batch",
	.title = "batch, one job at a time",
	.summary = "picks who came first and keeps the CPU for him until he is "
		   "finished, also while he waits",
	.source = "Tanenbaum & Bos, Modern Operating Systems, 4th ed., "
		  "section 1.2.2",
	.create = create,
	.destroy = policy_free,
	.arrive = arrive,
	.wake = wake,
	.pick = pick,
	.tick = policy_run_on,
	.block = policy_leave,
	.finish = finish,
	.explain = explain,
};
