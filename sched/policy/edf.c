// # edf: earliest deadline first
//
// Every job says by when it must be done; the one whose deadline is next runs,
// and whoever arrives with a nearer one takes the CPU at once. Jobs without a
// deadline run last, in the order in which they came.
//
// On one CPU it is optimal: if the deadlines can be kept at all, it keeps them.
// For periodic jobs that means up to 100 % of the CPU, where fixed priorities
// promise only n (2^(1/n) - 1), 69 % for many jobs. Bad: when there is too much
// work, it does not say who will be late, and one job can make all the others
// miss; on several CPUs it is not optimal any more. Linux's SCHED_DEADLINE is
// this rule with a budget, so that nobody takes more than he asked for.
//
// A heap: O(log n) a decision; 16 bytes a job.
//
// Sources: Liu & Layland, "Scheduling Algorithms for Multiprogramming in a
// Hard-Real-Time Environment", Journal of the ACM 20 (1973), section 7;
// Dertouzos, "Control Robotics", IFIP Congress 1974; Silberschatz, Galvin &
// Gagne, "Operating System Concepts", 10th edition, section 5.6.4; sched(7),
// SCHED_DEADLINE.

#include <stdio.h>

#include "least.h"
#include "parts.h"

static int64_t deadline(const struct task *task)
{
	return task->deadline_ns;
}

static void add(void *state, int job, int64_t now)
{
	struct least *l = state;

	(void)now;
	heap_add(&l->ready, job, l->tasks[job].deadline_ns, HEAP_TAIL);
}

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)settings;
	return least_create(state, tasks, n, deadline, false);
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct least *e = state;
	int64_t own = e->tasks[job].deadline_ns;
	size_t others = e->ready.count;
	int64_t next = others ? heap_key(&e->ready) : NEVER;
	const char *tie = policy_tie(heap_took_first(&e->ready));
	char deadline[SPAN_BYTES + 16], span_text[SPAN_BYTES];

	snprintf(deadline, sizeof deadline, "deadline %s %s",
		 own < now ? "missed by" : "in",
		 span(span_text, own < now ? now - own : own - now));
	if (own == NEVER && others)
		snprintf(text, bytes,
			 "no deadline among %zu, like the next one, %s",
			 others + 1, tie);
	else if (own == NEVER)
		snprintf(text, bytes, "alone, no deadline");
	else if (!others)
		snprintf(text, bytes, "alone, %s", deadline);
	else if (next == NEVER)
		snprintf(text, bytes, "%s, the others have none", deadline);
	else if (next == own)
		snprintf(text, bytes, "%s like the next one, %s", deadline,
			 tie);
	else
		snprintf(text, bytes, "%s, the next one is later by %s",
			 deadline, span(span_text, next - own));
}

const struct policy policy_edf = {
	.name = "edf",
	.title = "earliest deadline first",
	.summary = "picks the earliest deadline; takes the CPU for an earlier "
		   "one at once; no deadline is the latest",
	.source = "Liu & Layland, Journal of the ACM 20 (1973), pp. 46-61, "
		  "section 7",
	.preemptive = true,
	.create = create,
	.destroy = least_destroy,
	.arrive = add,
	.wake = add,
	.pick = least_pick,
	.tick = least_give_way,
	.block = policy_leave,
	.finish = policy_leave,
	.rank = least_rank,
	.explain = explain,
};
