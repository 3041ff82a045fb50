// # lottery: shares of the CPU by chance
//
// Each job holds tickets. For every quantum one ticket is drawn among those of
// the ready jobs, and its holder gets the CPU: who holds a third of the tickets
// gets a third of the time, in the long run. After n quanta a job with the
// share p has won n p of them, give or take the square root of n p (1 - p).
//
// Good: proportional shares from one line of arithmetic and no memory of the
// past; a job that comes, goes or changes its tickets needs no care; nobody
// with a ticket starves. Bad: over short times chance is unfair (stride.c is
// the same without chance), and a job that gives up its quantum early gets less
// than its share (the paper has compensation tickets for that, not here).
//
// The winner is drawn % (tickets of all ready jobs), counted through the jobs
// in the order of the list, without walking it: a Fenwick tree holds the
// running totals. O(log n) a decision; 8 bytes a job. A job whose quantum is
// over takes part in the next draw.
//
// Sources: Waldspurger & Weihl, "Lottery Scheduling: Flexible
// Proportional-Share Resource Management", OSDI 1994; OSTEP, chapter 9.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fenwick.h"
#include "parts.h"

struct lottery {
	const struct policy_settings *settings;
	const struct task *tasks;
	struct fenwick tickets;     // of the ready jobs
	uint64_t drawn, of, before; // for explain: the last draw
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	if (settings->quantum_ns <= 0 || !settings->draw)
		return -EINVAL;
	int error = policy_numbered(n);
	if (error)
		return error;
	for (size_t i = 0; i < n; i++)
		if (!tasks[i].tickets)
			return -EINVAL;

	struct lottery *l = calloc(1, sizeof *l);
	if (!l)
		return -ENOMEM;
	l->settings = settings;
	l->tasks = tasks;
	error = fenwick_create(&l->tickets, n);
	if (error)
		free(l);
	else
		*state = l;
	return error;
}

static void destroy(void *state)
{
	struct lottery *l = state;

	if (l)
		fenwick_free(&l->tickets);
	free(l);
}

static void add(void *state, int job, int64_t now)
{
	struct lottery *l = state;

	(void)now;
	fenwick_add(&l->tickets, (size_t)job, l->tasks[job].tickets);
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct lottery *l = state;

	(void)cpu, (void)now;
	if (!l->tickets.total)
		return NOBODY;
	l->of = l->tickets.total;
	l->drawn = l->settings->draw(l->settings->luck) % l->of;
	size_t winner = fenwick_find(&l->tickets, l->drawn, &l->before);
	fenwick_subtract(&l->tickets, winner, l->tasks[winner].tickets);
	*slice_ns = l->settings->quantum_ns;
	return (int)winner;
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
	const struct lottery *l = state;

	(void)now;
	snprintf(text, bytes,
		 "ticket %" PRIu64 " of %" PRIu64 " is drawn; it holds %" PRIu64
		 " to %" PRIu64,
		 l->drawn, l->of, l->before,
		 l->before + l->tasks[job].tickets - 1);
}

const struct policy policy_lottery = {
	.name = "lottery",
	.title = "lottery",
	.summary = "draws a ticket for every quantum; its holder is picked",
	.source = "Waldspurger & Weihl, Lottery Scheduling, OSDI 1994, "
		  "pp. 1-11",
	.preemptive = true,
	.time_sharing = true,
	.create = create,
	.destroy = destroy,
	.arrive = add,
	.wake = add,
	.pick = pick,
	.tick = tick,
	.block = policy_leave,
	.finish = policy_leave,
	.explain = explain,
};
