// # priority, priority-preemptive: the most urgent first
//
// Every job has a number, the smaller the more urgent (as with nice; many books
// count so, some the other way). Static: it stays what it was. The most urgent
// ready job is picked, among equals the one that came first. The preemptive
// form takes the CPU away as soon as somebody more urgent is ready, never for
// an equal one; who was displaced is the first of his equals. That form is
// Linux's SCHED_FIFO, and what real-time systems are built on.
//
// Good: says plainly what matters, O(log n), predictable for the most urgent.
// Bad: the others have no promise at all. A job of low priority starves as long
// as more urgent ones keep coming (ageing.c cures that), and with locks it
// holds up the urgent ones in turn (priority inversion, sched/inversion).
//
// A lock's holder is lent a better priority and has to give it back. When that
// happens to a ready job it changes its place by the rules that POSIX has for
// pthread_setschedprio(): raised, it becomes the last of its new equals;
// lowered, the first, since it is not its fault; otherwise it stays where it
// is.
//
// A heap with an index: O(log n) a decision, 20 bytes a job.
//
// Sources: Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th
// edition, section 5.3.4; POSIX.1-2017, volume 2, 2.8.4 (Process Scheduling);
// sched(7); Sha, Rajkumar & Lehoczky, "Priority Inheritance Protocols", IEEE
// Transactions on Computers 39 (1990).

#include <stdio.h>

#include "least.h"
#include "parts.h"

static int64_t priority(const struct task *task)
{
	return task->priority;
}

static void add(void *state, int job, int64_t now)
{
	struct least *l = state;

	(void)now;
	heap_add(&l->ready, job, l->tasks[job].priority, HEAP_TAIL);
}

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	(void)settings;
	return least_create(state, tasks, n, priority, true);
}

static void changed(void *state, int job, int64_t now)
{
	struct least *p = state;
	int32_t to = p->tasks[job].priority;

	(void)now;
	if (!heap_has(&p->ready, job))
		return;
	int64_t from = heap_key_of(&p->ready, job);
	if (from == to)
		return;
	heap_remove(&p->ready, job);
	heap_add(&p->ready, job, to, to < from ? HEAP_TAIL : HEAP_HEAD);
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct least *p = state;
	int32_t own = p->tasks[job].priority;

	(void)now;
	if (!p->ready.count)
		snprintf(text, bytes, "alone, priority %d", own);
	else if (heap_key(&p->ready) == own)
		snprintf(text, bytes,
			 "most urgent of %zu: priority %d like the next one, "
			 "%s",
			 p->ready.count + 1, own,
			 policy_tie(heap_took_first(&p->ready)));
	else
		snprintf(text, bytes,
			 "most urgent of %zu: priority %d, the next one %d",
			 p->ready.count + 1, own, (int)heap_key(&p->ready));
}

const struct policy policy_priority = {
	.name = "priority",
	.title = "static priority",
	.summary = "picks the most urgent; takes the CPU from nobody",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.4, p. 212",
	.create = create,
	.destroy = least_destroy,
	.arrive = add,
	.wake = add,
	.pick = least_pick,
	.tick = policy_run_on,
	.block = policy_leave,
	.finish = policy_leave,
	.changed = changed,
	.explain = explain,
};

const struct policy policy_priority_preemptive = {
	.name = "priority-preemptive",
	.title = "static priority, preemptive",
	.summary = "picks the most urgent; takes the CPU for somebody more "
		   "urgent at once",
	.source = "Silberschatz, Galvin & Gagne, Operating System Concepts, "
		  "10th ed., section 5.3.4, p. 213; sched(7), SCHED_FIFO",
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
	.changed = changed,
	.explain = explain,
};
