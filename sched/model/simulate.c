// # The model: a virtual clock that jumps
//
// Nothing happens between two events, so the clock goes from one to the next:
// an arrival, the end of a wait, the end of a burst or of a slice. At each stop
// all that happens in this moment is told to the policy, in a fixed order (see
// simulate.h, expired_first); then idle CPUs ask whom to run; then, where the
// policy has a rank, running jobs are asked to make room for more urgent ones.
//
//     the next arrival      a cursor in the jobs sorted by arrival
//     the next wake         a heap of those who wait
//     the next on a CPU     a tournament over the CPUs
//
// With one CPU the tournament is a single node, and a whole job under FCFS (it
// arrives, is picked and ends) takes some 500 instructions. Of a million jobs'
// time about half is the kernel's, which clears the pages of the tables (make.c
// asks for huge ones).
//
// Each turn of the main loop ends a wait, a burst or a slice, and slices are
// longer than nothing: it comes to an end. Where nothing will ever happen again
// and jobs are left (a policy that keeps one back), the answer is -EDEADLK.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "sched/model/engine.h"

// ## Room

static void *grown(void *old, size_t *room, size_t each)
{
	size_t more = *room ? *room * 2 : 64;
	void *new = reallocarray(old, more, each);

	if (new)
		*room = more;
	return new;
}

static int keep_slice(struct engine *e, const struct slice *slice)
{
	struct history *h = e->history;

	if (h->slice_count == e->slice_room) {
		struct slice *more = grown(h->slices, &e->slice_room,
					   sizeof *more);
		if (!more)
			return -ENOMEM;
		h->slices = more;
	}
	h->slices[h->slice_count++] = *slice;
	return 0;
}

static int keep_decision(struct engine *e, int c)
{
	struct history *h = e->history;
	int job = e->cpu[c].job;

	if (h->decision_count == e->decision_room) {
		struct decision *more = grown(h->decisions, &e->decision_room,
					      sizeof *more);
		if (!more)
			return -ENOMEM;
		h->decisions = more;
	}
	struct decision *d = &h->decisions[h->decision_count++];
	*d = (struct decision){ .at_ns = e->now, .job = job, .cpu = c };
	if (e->policy->explain)
		e->policy->explain(e->state, job, e->now, d->why,
				   sizeof d->why);
	return 0;
}

// ## The events of the CPUs

static inline void set_event(struct engine *e, int c, int64_t at_ns)
{
	const int64_t *event_ns = e->event_ns;

	e->event_ns[c] = at_ns;
	for (int node = (c + e->leaves) / 2; node >= 1; node /= 2) {
		int left = e->winner[2 * node], right = e->winner[2 * node + 1];
		e->winner[node] = event_ns[left] <= event_ns[right] ? left
								    : right;
	}
}

// When something will happen to the job on CPU c: its burst ends, its slice
// does, or it comes to a lock.
static inline int plan(struct engine *e, int c)
{
	const struct cpu *cpu = &e->cpu[c];
	int64_t at_ns;

	if (__builtin_add_overflow(cpu->since_ns, e->tasks[cpu->job].left_ns,
				   &at_ns) ||
	    at_ns == NEVER)
		return -EOVERFLOW;
	if (cpu->slice_end_ns < at_ns ||
	    (e->simulation->whole_slices && cpu->slice_end_ns != NEVER))
		at_ns = cpu->slice_end_ns;
	if (e->locks) {
		int64_t until_ns = locks_until(e, cpu->job);
		if (until_ns < at_ns - cpu->since_ns)
			at_ns = cpu->since_ns + until_ns;
	}
	set_event(e, c, at_ns);
	return 0;
}

// A slice begins at `from_ns`. An empty one would never end.
static int set_slice(struct cpu *cpu, int64_t from_ns, int64_t slice_ns)
{
	if (slice_ns <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(from_ns, slice_ns, &cpu->slice_end_ns))
		cpu->slice_end_ns = NEVER;
	return 0;
}

// Brings left_ns of the job on CPU c up to now.
static inline void bring_up(struct engine *e, struct cpu *cpu)
{
	int64_t ran_ns = e->now - cpu->since_ns;

	if (ran_ns <= 0)
		return;
	struct task *task = &e->tasks[cpu->job];
	task->left_ns = ran_ns < task->left_ns ? task->left_ns - ran_ns : 0;
	cpu->since_ns = e->now;
	if (e->locks)
		locks_ran(e, cpu->job, ran_ns);
}

// What the policy has not been told yet: none while the CPU still switches.
static inline int64_t untold(const struct engine *e, const struct cpu *cpu)
{
	return e->now > cpu->told_ns ? e->now - cpu->told_ns : 0;
}

// ## Keeping the books

// A slice is over. The measures count from what was really run: a job that was
// displaced while the CPU still switched to it has not run.
static inline int close_slice(struct engine *e, int c, enum slice_end end)
{
	struct cpu *cpu = &e->cpu[c];
	struct history *h = e->history;
	struct measure *m = &h->measures[cpu->job];
	int64_t ran_ns = e->now - cpu->begin_ns;

	if (ran_ns <= 0) {
		h->switching_ns += ran_ns;
		return 0;
	}
	if (m->ran_ns == 0)
		m->response_ns = cpu->begin_ns - m->arrival_ns;
	m->ran_ns += ran_ns;
	if (__builtin_add_overflow(h->busy_ns, ran_ns, &h->busy_ns))
		return -EOVERFLOW;
	if (cpu->last != cpu->job) {
		cpu->last = cpu->job;
		m->switches++;
		h->switches++;
	}
	if (!e->simulation->keep_slices)
		return 0;
	return keep_slice(e, &(struct slice){ .job = cpu->job,
					      .cpu = c,
					      .begin_ns = cpu->begin_ns,
					      .end_ns = e->now,
					      .end = end });
}

// It loses the CPU. (Whether against its will is taken back in start, where it
// gets the CPU again in the same moment.)
static inline int leave(struct engine *e, int c, enum slice_end end)
{
	struct cpu *cpu = &e->cpu[c];
	int64_t begin_ns = cpu->begin_ns;
	int error = close_slice(e, c, end);

	if (error)
		return error;
	if (end >= SLICE_PREEMPTED) {
		e->ready++;
		e->stirred = true;
		if (begin_ns < e->now) {
			e->history->measures[cpu->job].preempted++;
			cpu->left_at_ns = e->now;
		}
	}
	cpu->job = NOBODY;
	e->busy--;
	e->idle[c / 64] |= UINT64_C(1) << c % 64;
	set_event(e, c, NEVER);
	return 0;
}

static inline int start(struct engine *e, int c, int job, int64_t slice_ns)
{
	struct cpu *cpu = &e->cpu[c];
	int64_t cost_ns = e->simulation->switch_cost_ns, begin_ns = e->now;

	if (cpu->last == job) {
		if (cpu->left_at_ns == e->now)
			e->history->measures[job].preempted--;
		cpu->left_at_ns = -1;
	} else if (cost_ns && cpu->last != NOBODY) {
		if (__builtin_add_overflow(begin_ns, cost_ns, &begin_ns) ||
		    __builtin_add_overflow(e->history->switching_ns, cost_ns,
					   &e->history->switching_ns))
			return -EOVERFLOW;
	}
	cpu->job = job;
	cpu->begin_ns = cpu->told_ns = cpu->since_ns = begin_ns;
	e->idle[c / 64] &= ~(UINT64_C(1) << c % 64);
	e->busy++;
	e->ready--;
	e->history->picks++;
	int error = set_slice(cpu, begin_ns, slice_ns);
	if (!error)
		error = plan(e, c);
	if (!error && e->simulation->keep_decisions)
		error = keep_decision(e, c);
	return error;
}

// ## Waiting
//
// A heap by time, then by who began to wait first.

static bool sooner(const struct sleeper *a, const struct sleeper *b)
{
	return a->wake_ns < b->wake_ns ||
	       (a->wake_ns == b->wake_ns && a->order < b->order);
}

static int fall_asleep(struct engine *e, int job, int64_t wait_ns)
{
	struct sleeper new = { .order = e->slept++, .job = job };
	size_t i = e->sleeping++;

	if (__builtin_add_overflow(e->now, wait_ns, &new.wake_ns) ||
	    new.wake_ns == NEVER)
		return -EOVERFLOW;
	for (; i > 0 && sooner(&new, &e->sleepers[(i - 1) / 2]);
	     i = (i - 1) / 2)
		e->sleepers[i] = e->sleepers[(i - 1) / 2];
	e->sleepers[i] = new;
	return 0;
}

static int first_awake(struct engine *e)
{
	int job = e->sleepers[0].job;
	struct sleeper last = e->sleepers[--e->sleeping];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < e->sleeping; i = child) {
		if (child + 1 < e->sleeping &&
		    sooner(&e->sleepers[child + 1], &e->sleepers[child]))
			child++;
		if (!sooner(&e->sleepers[child], &last))
			break;
		e->sleepers[i] = e->sleepers[child];
	}
	e->sleepers[i] = last;
	return job;
}

static inline void wakes(struct engine *e)
{
	while (e->sleeping && e->sleepers[0].wake_ns == e->now) {
		int job = first_awake(e);
		e->policy->wake(e->state, job, e->now);
		e->ready++;
		e->stirred = true;
	}
}

// ## Arriving

static inline void arrivals(struct engine *e)
{
	while (e->arrival_ns == e->now) {
		int job = engine_order(e, e->arrived);
		if (e->phase)
			e->phase[job] = 0;
		e->history->measures[job] =
			(struct measure){ .arrival_ns = e->now };
		e->policy->arrive(e->state, job, e->now);
		e->ready++;
		e->stirred = true;
		e->arrival_ns = ++e->arrived == e->jobs->count
					? NEVER
					: e->tasks[engine_order(e, e->arrived)]
						  .arrival_ns;
	}
}

// ## The end of a burst, of a slice

static inline int finish(struct engine *e, int c)
{
	int job = e->cpu[c].job;
	struct measure *m = &e->history->measures[job];
	int64_t ran_ns = untold(e, &e->cpu[c]);
	int error = leave(e, c, SLICE_FINISHED);

	m->turnaround_ns = e->now - m->arrival_ns;
	m->waiting_ns += m->turnaround_ns - m->ran_ns; // had -I/O in it
	m->done = true;
	e->finished++;
	e->history->end_ns = e->now;
	e->policy->finish(e->state, job, ran_ns, e->now);
	return error;
}

static int burst_over(struct engine *e, int c)
{
	const struct jobs *jobs = e->jobs;
	int job = e->cpu[c].job;

	if (!e->phase)
		return finish(e, c);
	size_t at = jobs->first[job] + e->phase[job];
	if (at + 1 == jobs->first[job + 1])
		return finish(e, c);
	struct task *task = &e->tasks[job];
	int64_t wait_ns = jobs->bursts_ns[at + 1];
	int64_t ran_ns = untold(e, &e->cpu[c]);
	int error = leave(e, c, SLICE_BLOCKED);
	e->phase[job] += 2;
	task->left_ns = task->burst_ns = jobs->bursts_ns[at + 2];
	e->history->measures[job].waiting_ns -= wait_ns;
	e->policy->block(e->state, job, ran_ns, e->now);
	return error ? error : fall_asleep(e, job, wait_ns);
}

static int slice_over(struct engine *e, int c)
{
	struct cpu *cpu = &e->cpu[c];
	int64_t slice_ns = NEVER;

	if (e->policy->tick(e->state, cpu->job, untold(e, cpu), e->now,
			    &slice_ns))
		return leave(e, c, SLICE_EXPIRED);
	int error = close_slice(e, c, SLICE_EXPIRED);
	cpu->begin_ns = cpu->told_ns = e->now;
	if (!error)
		error = set_slice(cpu, e->now, slice_ns);
	return error ? error : plan(e, c);
}

// A lock is released before all else, and taken by who goes on computing.
static int event_on(struct engine *e, int c)
{
	struct cpu *cpu = &e->cpu[c];
	int job = cpu->job;

	bring_up(e, cpu);
	if (e->locks)
		locks_release(e, job);
	if (e->tasks[job].left_ns == 0)
		return burst_over(e, c);
	if (e->locks && !locks_acquire(e, job)) {
		int64_t ran_ns = untold(e, cpu);
		int error = leave(e, c, SLICE_BLOCKED);
		e->policy->block(e->state, job, ran_ns, e->now);
		return error;
	}
	return cpu->slice_end_ns == e->now ? slice_over(e, c) : plan(e, c);
}

static int ends(struct engine *e)
{
	int error = 0;

	while (!error && e->event_ns[e->winner[1]] == e->now)
		error = event_on(e, e->winner[1]);
	return error;
}

// ## Who runs

static inline int fill(struct engine *e, int c)
{
	int64_t slice_ns = NEVER;
	int job = e->policy->pick(e->state, c, e->now, &slice_ns);

	if (job == NOBODY)
		return 0;
	return job < 0 || (size_t)job >= e->jobs->count
		       ? -EINVAL
		       : start(e, c, job, slice_ns);
}

static int fill_idle(struct engine *e)
{
	int error = 0, words = (e->cpus + 63) / 64;

	for (int word = 0; word < words; word++)
		for (uint64_t left = e->idle[word]; left; left &= left - 1) {
			if (!e->ready || error)
				return error;
			error = fill(e, word * 64 + __builtin_ctzll(left));
		}
	return error;
}

static int least_urgent(struct engine *e)
{
	int64_t worst = INT64_MIN;
	int found = NOBODY;

	for (int c = 0; c < e->cpus; c++) {
		if (e->cpu[c].job == NOBODY)
			continue;
		bring_up(e, &e->cpu[c]);
		int64_t rank = e->policy->rank(e->state, e->cpu[c].job, e->now);
		if (rank >= worst) {
			worst = rank;
			found = c;
		}
	}
	return found;
}

// After as many displacements as there are CPUs, the most urgent of all run.
static int displace(struct engine *e)
{
	int error = 0;

	for (int turn = 0; !error && e->ready && turn < e->cpus; turn++) {
		int c = least_urgent(e);
		if (c == NOBODY)
			break;
		struct cpu *cpu = &e->cpu[c];
		int64_t slice_ns = NEVER, ran_ns = untold(e, cpu);
		if (!e->policy->tick(e->state, cpu->job, ran_ns, e->now,
				     &slice_ns)) {
			cpu->told_ns = cpu->since_ns;
			error = set_slice(cpu, cpu->told_ns, slice_ns);
			return error ? error : plan(e, c);
		}
		error = leave(e, c, SLICE_PREEMPTED);
		if (!error)
			error = fill(e, c);
	}
	return error;
}

// ## The clock

static int moment(struct engine *e)
{
	int error = 0;

	e->stirred = false;
	if (e->simulation->expired_first)
		error = ends(e);
	arrivals(e);
	wakes(e);
	if (!e->simulation->expired_first) {
		error = ends(e);
		wakes(e);
	}
	if (error || !e->ready)
		return error;
	uint64_t picks = e->history->picks;
	error = fill_idle(e);
	if (error || !e->policy->rank || !e->stirred)
		return error;
	return e->cpus == 1 && picks != e->history->picks ? 0 : displace(e);
}

static int64_t next_wake(const struct engine *e)
{
	return e->sleeping ? e->sleepers[0].wake_ns : NEVER;
}

// Where all CPUs are busy and the policy has no rank, somebody who arrives
// changes nothing but the queue.
static int run(struct engine *e)
{
	int error = 0;

	e->arrival_ns = e->tasks[engine_order(e, 0)].arrival_ns;
	while (!error) {
		int64_t next_ns = e->event_ns[e->winner[1]];
		if (next_wake(e) < next_ns)
			next_ns = next_wake(e);
		if (e->arrival_ns < next_ns) {
			next_ns = e->arrival_ns;
			if (e->busy == e->cpus && !e->policy->rank) {
				e->now = next_ns;
				arrivals(e);
				continue;
			}
		}
		if (next_ns == NEVER)
			break;
		e->now = next_ns;
		error = moment(e);
	}
	return !error && e->finished < e->jobs->count ? -EDEADLK : error;
}

// ## All of it

static int by_begin(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;

	return x->begin_ns != y->begin_ns ? (x->begin_ns > y->begin_ns) -
						    (x->begin_ns < y->begin_ns)
					  : x->cpu - y->cpu;
}

int simulate(const struct simulation *simulation, const struct policy *policy,
	     const struct policy_settings *settings, const struct jobs *jobs,
	     struct history *history)
{
	struct engine e = { .simulation = simulation,
			    .policy = policy,
			    .jobs = jobs,
			    .cpus = simulation->cpus,
			    .history = history };

	*history = (struct history){ .cpus = simulation->cpus,
				     .jobs = jobs->count };
	if (simulation->cpus < 1 || simulation->cpus > MODEL_CPUS_MAX ||
	    simulation->switch_cost_ns < 0 ||
	    (simulation->section_count && simulation->whole_slices) ||
	    jobs->count < 1 || jobs->count > INT_MAX - 1)
		return -EINVAL;
	int error = engine_make(&e, settings);
	if (!error) {
		error = run(&e);
		policy->destroy(e.state);
	}
	if (!error && e.cpus > 1 && history->slice_count)
		qsort(history->slices, history->slice_count,
		      sizeof *history->slices, by_begin);
	engine_free(&e);
	if (error)
		history_free(history);
	return error;
}
