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

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap.h"
#include "parts.h"

struct shortest {
	const struct task *tasks;
	struct heap ready;
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)settings;
	struct shortest *s = malloc(sizeof *s);
	if (!s)
		return -ENOMEM;
	s->tasks = tasks;
	int error = heap_create(&s->ready, n, false);
	if (error)
		free(s);
	else
		*state = s;
	return error;
}

static void destroy(void *state)
{
	struct shortest *s = state;

	if (s)
		heap_free(&s->ready);
	free(s);
}

static void add(void *state, int job, int64_t now)
{
	struct shortest *s = state;

	(void)now;
	heap_add(&s->ready, job, s->tasks[job].left_ns, HEAP_TAIL);
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct shortest *s = state;

	(void)cpu, (void)now;
	if (!s->ready.count)
		return NOBODY;
	*slice_ns = NEVER;
	return heap_take(&s->ready);
}

static int64_t left(void *state, int job, int64_t now)
{
	const struct shortest *s = state;

	(void)now;
	return s->tasks[job].left_ns;
}

static bool give_way(void *state, int job, int64_t ran_ns, int64_t now,
		     int64_t *slice_ns)
{
	struct shortest *s = state;
	int64_t left_ns = s->tasks[job].left_ns;

	(void)ran_ns, (void)now;
	*slice_ns = NEVER;
	if (!s->ready.count || heap_key(&s->ready) >= left_ns)
		return false;
	heap_add(&s->ready, job, left_ns, HEAP_HEAD);
	return true;
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct shortest *s = state;
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
	.destroy = destroy,
	.arrive = add,
	.wake = add,
	.pick = pick,
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
	.destroy = destroy,
	.arrive = add,
	.wake = add,
	.pick = pick,
	.tick = give_way,
	.block = policy_leave,
	.finish = policy_leave,
	.rank = left,
	.explain = explain,
};
