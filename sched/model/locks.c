// # Critical sections in the model
//
// A job takes a lock when its own CPU time comes to the beginning of a section,
// and releases it at the end. Who finds it held is blocked; at the release the
// lock goes straight to the most urgent waiter (the one who waited longest among
// equals), who is ready from then on.
//
// A lent priority is written into the table of tasks. A policy that keeps its
// ready jobs by priority is told (changed); for running ones the engine asks
// the ranks again, since `stirred` is set.
//
// Sections of a job do not overlap, so a holder never waits for a lock: chains
// of donations do not arise, and there is no deadlock.

#include <errno.h>
#include <stdlib.h>

#include "sched/model/engine.h"

struct lock {
	int holder;      // or NOBODY
	int first, last; // who waits, in order of coming; NOBODY: none
	int32_t ceiling; // priority of the most urgent job that ever takes it
};

struct owner {
	int64_t used_ns;  // CPU time so far
	size_t next, end; // its sections that are not over, in `sections`
	bool holds;       // the lock of section `next`
	int next_waiter;  // for the same lock
	int32_t priority; // its own
};

struct locks {
	struct section *sections; // by job, then by time
	struct owner *owners;     // one a job
	struct lock *locks;
	size_t count;
};

void locks_free(struct locks *l)
{
	if (!l)
		return;
	free(l->sections);
	free(l->owners);
	free(l->locks);
	free(l);
}

// ## Before

static int by_job(const void *a, const void *b)
{
	const struct section *x = a, *y = b;

	return x->job != y->job
		       ? x->job - y->job
		       : (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

// Whether a section lies in one of the job's bursts.
static bool lies_in_burst(const struct jobs *jobs, const struct section *s)
{
	int64_t begin_ns = 0;

	for (size_t i = jobs->first[s->job]; i < jobs->first[s->job + 1];
	     i += 2) {
		int64_t end_ns = begin_ns + jobs->bursts_ns[i];
		if (s->from_ns >= begin_ns && s->from_ns < end_ns)
			return s->to_ns <= end_ns;
		begin_ns = end_ns;
	}
	return false;
}

static bool is_section(const struct jobs *jobs, const struct section *s)
{
	return s->job >= 0 && (size_t)s->job < jobs->count && s->lock >= 0 &&
	       s->lock < LOCKS_MAX && s->from_ns < s->to_ns &&
	       lies_in_burst(jobs, s);
}

static int add_sections(struct locks *l, const struct engine *e)
{
	const struct simulation *simulation = e->simulation;

	for (size_t i = 0; i < simulation->section_count; i++) {
		if (!is_section(e->jobs, &simulation->sections[i]))
			return -EINVAL;
		l->sections[i] = simulation->sections[i];
	}
	qsort(l->sections, simulation->section_count, sizeof *l->sections,
	      by_job);
	for (size_t i = 0; i < e->jobs->count; i++)
		l->owners[i].priority = e->tasks[i].priority;
	for (size_t i = 0; i < simulation->section_count; i++) {
		const struct section *s = &l->sections[i];
		struct owner *owner = &l->owners[s->job];
		struct lock *lock = &l->locks[s->lock];
		if (i == 0 || s[-1].job != s->job)
			owner->next = i;
		else if (s[-1].to_ns > s->from_ns)
			return -EINVAL;
		owner->end = i + 1;
		if (owner->priority < lock->ceiling)
			lock->ceiling = owner->priority;
	}
	return 0;
}

int locks_create(struct engine *e)
{
	const struct simulation *simulation = e->simulation;
	struct locks *l = e->locks = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->sections = calloc(simulation->section_count, sizeof *l->sections);
	l->owners = calloc(e->jobs->count, sizeof *l->owners);
	l->locks = malloc(LOCKS_MAX * sizeof *l->locks);
	if (!l->sections || !l->owners || !l->locks)
		return -ENOMEM;
	for (int i = 0; i < LOCKS_MAX; i++)
		l->locks[i] = (struct lock){ NOBODY, NOBODY, NOBODY,
					     INT32_MAX };
	return add_sections(l, e);
}

// ## Priorities

static void set_priority(struct engine *e, int job, int32_t priority)
{
	if (e->tasks[job].priority == priority)
		return;
	e->tasks[job].priority = priority;
	e->stirred = true;
}

static int most_urgent_waiter(const struct engine *e, const struct lock *lock)
{
	int best = lock->first;

	for (int job = best; job != NOBODY;
	     job = e->locks->owners[job].next_waiter)
		if (e->tasks[job].priority < e->tasks[best].priority)
			best = job;
	return best;
}

// What the holder of a lock has while it holds it.
static int32_t holders_priority(const struct engine *e, const struct lock *lock)
{
	int32_t own = e->locks->owners[lock->holder].priority, lent = own;
	int waiter = most_urgent_waiter(e, lock);

	if (e->simulation->protocol == CEILING)
		lent = lock->ceiling;
	else if (e->simulation->protocol == INHERITANCE && waiter != NOBODY)
		lent = e->tasks[waiter].priority;
	return lent < own ? lent : own;
}

static bool runs(const struct engine *e, int job)
{
	int c = 0;

	while (c < e->cpus && e->cpu[c].job != job)
		c++;
	return c < e->cpus;
}

// ## While it runs

int64_t locks_until(const struct engine *e, int job)
{
	const struct owner *owner = &e->locks->owners[job];

	if (owner->next == owner->end)
		return NEVER;
	const struct section *s = &e->locks->sections[owner->next];
	return (owner->holds ? s->to_ns : s->from_ns) - owner->used_ns;
}

void locks_ran(struct engine *e, int job, int64_t ran_ns)
{
	e->locks->owners[job].used_ns += ran_ns;
}

static void remove_waiter(struct locks *l, struct lock *lock, int job)
{
	int *link = &lock->first, before = NOBODY;

	while (*link != job) {
		before = *link;
		link = &l->owners[before].next_waiter;
	}
	*link = l->owners[job].next_waiter;
	if (lock->last == job)
		lock->last = before;
}

void locks_release(struct engine *e, int job)
{
	struct locks *l = e->locks;
	struct owner *owner = &l->owners[job];

	if (!owner->holds || l->sections[owner->next].to_ns != owner->used_ns)
		return;
	struct lock *lock = &l->locks[l->sections[owner->next].lock];
	owner->holds = false;
	owner->next++;
	set_priority(e, job, owner->priority);

	lock->holder = most_urgent_waiter(e, lock);
	if (lock->holder == NOBODY)
		return;
	remove_waiter(l, lock, lock->holder);
	l->owners[lock->holder].holds = true;
	set_priority(e, lock->holder, holders_priority(e, lock));
	e->policy->wake(e->state, lock->holder, e->now);
	e->ready++;
	e->stirred = true;
}

bool locks_acquire(struct engine *e, int job)
{
	struct locks *l = e->locks;
	struct owner *owner = &l->owners[job];

	if (owner->holds || locks_until(e, job) != 0)
		return true;
	struct lock *lock = &l->locks[l->sections[owner->next].lock];
	bool free_now = lock->holder == NOBODY;
	if (free_now) {
		lock->holder = job;
		owner->holds = true;
	} else {
		owner->next_waiter = NOBODY;
		if (lock->last == NOBODY)
			lock->first = job;
		else
			l->owners[lock->last].next_waiter = job;
		lock->last = job;
	}
	int32_t before = e->tasks[lock->holder].priority;
	set_priority(e, lock->holder, holders_priority(e, lock));
	if (e->tasks[lock->holder].priority != before &&
	    !runs(e, lock->holder) && e->policy->changed)
		e->policy->changed(e->state, lock->holder, e->now);
	return free_now;
}
