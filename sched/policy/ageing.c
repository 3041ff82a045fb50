// # ageing, ageing-preemptive: priorities that grow with waiting
//
// Dynamic priority, the cure for starvation: who waits becomes more urgent, by
// one step for each ageing_ns. Sooner or later even the least urgent job is the
// most urgent one.
//
// It looks as if all waiting jobs had to be sorted anew all the time. They do
// not: all of them age at the same speed, so their order among each other never
// changes. With the priority p and the moment s since which a job waits, its
// urgency now is
//
//     p - (now - s) / ageing   or, in units of time,   p * ageing + s - now
//
// and without "now", which is the same for all, that is a number that does not
// change: the key of a heap.
//
// A running job does not age. In the preemptive form somebody takes its place
// who is a whole step more urgent (so equals take turns of a step, not of a
// ns), and the slice ends when the first waiting job gets there. One who came
// up by its age alone would lose the CPU again in the same moment, to the job
// it has just displaced; so it keeps the urgency with which it was picked for
// the first ageing_ns of running, and only then falls back to its own. (Windows
// treats starved threads so: raised for a few quanta, then back.)
//
// Good: what matters still runs first, and nobody waits for ever: behind m
// jobs, none more urgent by more than d, a job that needs the CPU is picked
// after the time in which it gains d steps and those before it had their turns.
// Bad: one more number that nobody knows how to choose; under load everything
// is old, and it becomes first come, first served. On several CPUs only the
// least urgent running job is looked at when somebody comes.
//
// A heap with an index: O(log n) a decision, 36 bytes a job.
//
// Sources: Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th
// edition, section 5.3.4 (aging); the static key: Kleinrock, "A delay dependent
// queue discipline", Naval Research Logistics Quarterly 11 (1964), of which
// this is the case of equal slopes.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap.h"
#include "parts.h"

struct age {
	int64_t since_ns;  // ready or, where it runs, running
	int64_t picked_at; // the urgency with which it was picked
};

struct ageing {
	const struct task *tasks;
	int64_t step_ns;
	struct heap ready; // key: own urgency + since
	struct age jobs[];
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	void *memory;

	if (settings->ageing_ns <= 0)
		return -EINVAL;
	int error = policy_memory(&memory, sizeof(struct ageing),
				  sizeof(struct age), n);
	if (error)
		return error;
	struct ageing *a = memory;
	a->tasks = tasks;
	a->step_ns = settings->ageing_ns;
	error = heap_create(&a->ready, n, true);
	if (error)
		free(a);
	else
		*state = a;
	return error;
}

static void destroy(void *state)
{
	struct ageing *a = state;

	if (a)
		heap_free(&a->ready);
	free(a);
}

// Priority as time. What is so far apart that it would not fit (73 years) is
// all the same.
static int64_t urgency(const struct ageing *a, int job)
{
	enum { FAR_BITS = 61 };
	int64_t far = INT64_C(1) << FAR_BITS;
	int64_t value = product_within(a->tasks[job].priority, a->step_ns);

	return value < -far ? -far : value > far ? far : value;
}

static void wait_from(struct ageing *a, int job, int64_t since_ns,
		      enum heap_end end)
{
	a->jobs[job].since_ns = since_ns;
	heap_add(&a->ready, job, sum_within(urgency(a, job), since_ns), end);
}

static void add(void *state, int job, int64_t now)
{
	wait_from(state, job, now, HEAP_TAIL);
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct ageing *a = state;

	(void)cpu;
	if (!a->ready.count)
		return NOBODY;
	int64_t picked_at = sum_within(heap_key(&a->ready), -now);
	int job = heap_take(&a->ready);
	a->jobs[job] = (struct age){ .since_ns = now, .picked_at = picked_at };
	*slice_ns = NEVER;
	return job;
}

// The end of the time for which a running job keeps what it had when picked.
static int64_t grace(const struct ageing *a, int job)
{
	return sum_within(a->jobs[job].since_ns, a->step_ns);
}

static int64_t rank(void *state, int job, int64_t now)
{
	const struct ageing *a = state;
	int64_t own = urgency(a, job), picked_at = a->jobs[job].picked_at;

	return now < grace(a, job) && picked_at < own ? picked_at : own;
}

// When the first waiting job will be a whole step more urgent than `than`.
static int64_t overtaken(const struct ageing *a, int64_t than)
{
	return sum_within(heap_key(&a->ready), sum_within(a->step_ns, -than));
}

static int64_t slice(struct ageing *a, int job, int64_t now)
{
	int64_t level = rank(a, job, now), own = urgency(a, job);

	if (level < own)
		return grace(a, job) - now;
	return a->ready.count ? overtaken(a, own) - now : NEVER;
}

static int pick_preemptive(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	int job = pick(state, cpu, now, slice_ns);

	if (job != NOBODY)
		*slice_ns = slice(state, job, now);
	return job;
}

static bool tick(void *state, int job, int64_t ran_ns, int64_t now,
		 int64_t *slice_ns)
{
	struct ageing *a = state;

	(void)ran_ns;
	if (a->ready.count && overtaken(a, rank(a, job, now)) <= now) {
		wait_from(a, job, now, HEAP_HEAD);
		return true;
	}
	*slice_ns = slice(a, job, now);
	return false;
}

// The time that it has waited stays its own; only the priority is another.
static void changed(void *state, int job, int64_t now)
{
	struct ageing *a = state;

	(void)now;
	if (!heap_has(&a->ready, job))
		return;
	int64_t from = heap_key_of(&a->ready, job);
	int64_t to = sum_within(urgency(a, job), a->jobs[job].since_ns);
	if (from == to)
		return;
	heap_remove(&a->ready, job);
	heap_add(&a->ready, job, to, to < from ? HEAP_TAIL : HEAP_HEAD);
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct ageing *a = state;
	int32_t own = a->tasks[job].priority;
	int64_t picked_at = a->jobs[job].picked_at;
	double level = (double)picked_at / (double)a->step_ns;
	char behind[SPAN_BYTES];

	if (!a->ready.count) {
		snprintf(text, bytes, "alone, priority %d", own);
		return;
	}
	int64_t next = sum_within(heap_key(&a->ready), -now);
	if (next == picked_at)
		snprintf(text, bytes,
			 "most urgent of %zu: priority %d, by waiting %.6g "
			 "like the next one, %s",
			 a->ready.count + 1, own, level,
			 policy_tie(heap_took_first(&a->ready)));
	else
		snprintf(text, bytes,
			 "most urgent of %zu: priority %d, by waiting %.6g; "
			 "the next one is %s of waiting behind",
			 a->ready.count + 1, own, level,
			 span(behind, sum_within(next, -picked_at)));
}

const struct policy policy_ageing = {
	.name = "ageing",
	.title = "dynamic priority (ageing)",
	.summary = "picks the most urgent, and waiting makes urgent; takes the "
		   "CPU from nobody",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.4, p. 213",
	.create = create,
	.destroy = destroy,
	.arrive = add,
	.wake = add,
	.pick = pick,
	.tick = policy_run_on,
	.block = policy_leave,
	.finish = policy_leave,
	.changed = changed,
	.explain = explain,
};

const struct policy policy_ageing_preemptive = {
	.name = "ageing-preemptive",
	.title = "dynamic priority (ageing), preemptive",
	.summary = "picks the most urgent, and waiting makes urgent; takes the "
		   "CPU for somebody more urgent by a step",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.4, p. 213",
	.preemptive = true,
	.create = create,
	.destroy = destroy,
	.arrive = add,
	.wake = add,
	.pick = pick_preemptive,
	.tick = tick,
	.block = policy_leave,
	.finish = policy_leave,
	.rank = rank,
	.changed = changed,
	.explain = explain,
};
