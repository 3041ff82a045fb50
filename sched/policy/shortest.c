// # sjf, srtf: the shortest first
//
// sjf gives the CPU to the job with the shortest next burst and lets it run to
// the end of it. srtf (shortest remaining time first) also takes the CPU away
// when somebody arrives who needs less than the running job still does. Among
// equals who came first is first.
//
// No policy has a shorter mean waiting time: exchange two neighbours where the
// longer one runs first, and the mean only falls. That holds for sjf when all
// are there from the beginning, for srtf always (one CPU, jobs that do not
// wait). Bad: somebody must know the future. A batch system asked the user; a
// kernel could only guess from the bursts before. And a long job starves as
// long as short ones keep coming.
//
// A heap: O(log n) a decision; 16 bytes a job. A job that was displaced returns
// to the head of its equals.
//
// Sources: Conway, Maxwell & Miller, "Theory of Scheduling", 1967 (shortest
// processing time); Schrage, "A Proof of the Optimality of the Shortest
// Remaining Processing Time Discipline", Operations Research 16 (1968);
// Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th edition,
// section 5.3.2; OSTEP, chapter 7.

#include <stdio.h>

#include "least.h"
#include "parts.h"

static int64_t left(const struct task *task)
{
	return task->left_ns;
}

static void add(void *state, int job, int64_t now)
{
	struct least *l = state;

	(void)now;
	heap_add(&l->ready, job, l->tasks[job].left_ns, HEAP_TAIL);
}

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)settings;
	return least_create(state, tasks, n, left, false);
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct least *s = state;
	int64_t left_ns = s->tasks[job].left_ns;
	char own[SPAN_BYTES], next[SPAN_BYTES];

	(void)now;
	span(own, left_ns);
	if (!s->ready.count)
		snprintf(text, bytes, "alone, needs %s", own);
	else if (heap_key(&s->ready) == left_ns)
		snprintf(text, bytes,
			 "shortest of %zu: needs %s like the next one, %s",
			 s->ready.count + 1, own,
			 policy_tie(heap_took_first(&s->ready)));
	else
		snprintf(text, bytes,
			 "shortest of %zu: needs %s, the next one %s",
			 s->ready.count + 1, own,
			 span(next, heap_key(&s->ready)));
}

const struct policy policy_sjf = {
	.name = "sjf",
	.title = "shortest job first",
	.summary = "picks the shortest next burst; takes the CPU from nobody",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.2, p. 207",
	.create = create,
	.destroy = least_destroy,
	.arrive = add,
	.wake = add,
	.pick = least_pick,
	.tick = policy_run_on,
	.block = policy_leave,
	.finish = policy_leave,
	.explain = explain,
};

const struct policy policy_srtf = {
	.name = "srtf",
	.title = "shortest remaining time first",
	.summary = "picks the shortest rest of a burst; takes the CPU for "
		   "somebody who needs less",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.2, p. 209",
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
