// # rr: round robin, time sharing in its plainest form
//
// First come, first served, but nobody keeps the CPU for longer than a quantum:
// then he goes to the end of the queue. With n jobs ready everybody is served
// within n - 1 quanta, and the machine feels like n slow ones.
//
// The quantum is everything. Very long: first come, first served. Very short:
// short answers, but each switch costs, and the work is not done any sooner.
// Ten to a hundred ms are usual; the rule of thumb wants four of five bursts to
// be shorter than a quantum. For the mean turnaround it is among the worst: all
// jobs of the same length end at the same late time.
//
// O(1) a decision; 4 bytes a job.
//
// Sources: Kleinrock, "Analysis of a Time-Shared Processor", Naval Research
// Logistics Quarterly 11 (1964); Silberschatz, Galvin & Gagne, "Operating
// System Concepts", 10th edition, section 5.3.3; OSTEP, chapter 7; sched(7),
// SCHED_RR.

#include <errno.h>
#include <stdio.h>

#include "parts.h"
#include "queue.h"

struct rr {
	int64_t quantum_ns;
	struct queue ready;
	uint32_t count;
	int32_t next[];
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)tasks;
	if (settings->quantum_ns <= 0)
		return -EINVAL;
	int error = policy_memory(state, sizeof(struct rr), sizeof(int32_t), n);
	if (!error)
		((struct rr *)*state)->quantum_ns = settings->quantum_ns;
	return error;
}

static void add(void *state, int job, int64_t now)
{
	struct rr *r = state;

	(void)now;
	queue_append(&r->ready, r->next, job);
	r->count++;
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct rr *r = state;

	(void)cpu, (void)now;
	if (queue_empty(&r->ready))
		return NOBODY;
	*slice_ns = r->quantum_ns;
	r->count--;
	return queue_take(&r->ready, r->next);
}

static bool tick(void *state, int job, int64_t ran_ns, int64_t now,
		 int64_t *slice_ns)
{
	(void)ran_ns, (void)slice_ns;
	add(state, job, now);
	return true;
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct rr *r = state;
	char quantum[SPAN_BYTES];

	(void)job, (void)now;
	snprintf(text, bytes, "its turn for %s; %u behind it",
		 span(quantum, r->quantum_ns), r->count);
}

const struct policy policy_rr = {
	.name = "rr",
	.title = "round robin",
	.summary = "picks who has been ready for longest; after a quantum "
		   "it is the next one's turn",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.3, p. 210",
	.preemptive = true,
	.time_sharing = true,
	.create = create,
	.destroy = policy_free,
	.arrive = add,
	.wake = add,
	.pick = pick,
	.tick = tick,
	.block = policy_leave,
	.finish = policy_leave,
	.explain = explain,
};
