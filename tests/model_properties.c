// What must hold of any jobs under any policy: random sets of jobs, each policy,
// one to four CPUs, with and without switch costs, ties both ways.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

enum { MOST_JOBS = 12 };

struct jobs model_random_jobs(struct random *random, const struct shape *shape)
{
	struct job_line lines[MOST_JOBS];
	int64_t bursts_ns[MOST_JOBS][5];
	int n = 1 + random_below(random, shape->most_jobs);
	struct jobs jobs;

	for (int i = 0; i < n; i++) {
		int bursts = shape->waits ? 1 + 2 * random_below(random, 3) : 1;
		int64_t cpu_ns = 0;
		for (int k = 0; k < bursts; k++) {
			bursts_ns[i][k] =
				MS *
				(int64_t)(1 + random_below(random,
							   shape->most_cpu));
			cpu_ns += k % 2 ? 0 : bursts_ns[i][k];
		}
		lines[i] = (struct job_line){
			.arrival_ns = MS *
				      (int64_t)random_below(
					      random, shape->most_arrival + 1),
			.bursts_ns = bursts_ns[i],
			.bursts = bursts,
			.priority = (int32_t)random_below(random, 5) - 2,
			.tickets = 1 + random_below(random, 200),
			.nice = (int8_t)((int)random_below(random, 40) - 20),
		};
		if (shape->deadlines)
			lines[i].deadline_ns =
				cpu_ns +
				MS * (int64_t)random_below(random,
							   2 * cpu_ns / MS + 1);
	}
	ck_assert_int_eq(jobs_make(&jobs, lines, n), 0);
	return jobs;
}

// --- one history ------------------------------------------------------------------

char model_told[300];

void model_tell(const struct policy *policy, int turn, const struct jobs *jobs,
		const struct simulation *s)
{
	snprintf(model_told, sizeof model_told,
		 "%s, set %d of %zu jobs, %d CPUs, switch %g ms, %s first",
		 policy->name, turn, jobs->count, s->cpus,
		 (double)s->switch_cost_ns / MS,
		 s->expired_first ? "expired" : "arrivals");
}

// Goes through one job's slices: it never runs before its arrival, nor twice at
// once, nor while it waits; and it gets what it needs, burst by burst.
static void check_job(const struct jobs *jobs, const struct history *h, int job)
{
	size_t phase = jobs->first[job], end = jobs->first[job + 1];
	int64_t ready_ns = jobs->tasks[job].arrival_ns, ran_ns = 0, all_ns = 0;
	int64_t first_ns = -1;

	for (size_t i = 0; i < h->slice_count; i++) {
		const struct slice *s = &h->slices[i];
		if (s->job != job)
			continue;
		holds(phase < end);
		holds(s->begin_ns >= ready_ns);
		holds(s->end_ns > s->begin_ns);
		if (first_ns < 0)
			first_ns = s->begin_ns;
		ran_ns += s->end_ns - s->begin_ns;
		all_ns += s->end_ns - s->begin_ns;
		holds(ran_ns <= jobs->bursts_ns[phase]);
		bool over = ran_ns == jobs->bursts_ns[phase];
		holds(over == (s->end <= SLICE_BLOCKED));
		ready_ns = s->end_ns;
		if (!over)
			continue;
		holds((s->end == SLICE_FINISHED) == (phase + 1 == end));
		if (phase + 1 < end)
			ready_ns += jobs->bursts_ns[phase + 1];
		phase += 2;
		ran_ns = 0;
	}
	const struct measure *m = &h->measures[job];
	int64_t arrival_ns = jobs->tasks[job].arrival_ns;
	holds(phase >= end);
	holds(m->done && m->arrival_ns == arrival_ns);
	holds(all_ns == job_cpu_ns(jobs, job) && m->ran_ns == all_ns);
	holds(m->response_ns == first_ns - arrival_ns && m->response_ns >= 0);
	holds(m->turnaround_ns == ready_ns - arrival_ns);
	holds(m->waiting_ns ==
	      m->turnaround_ns - m->ran_ns - job_io_ns(jobs, job));
	holds(m->waiting_ns >= m->response_ns);
	holds(m->switches >= 1);
}

// A CPU has one job at a time, in order; between two jobs lies a switch.
static void check_cpus(const struct simulation *simulation,
		       const struct history *h)
{
	int64_t free_ns[4] = { 0 };
	int last[4] = { NOBODY, NOBODY, NOBODY, NOBODY };
	int64_t before_ns = 0;

	for (size_t i = 0; i < h->slice_count; i++) {
		const struct slice *s = &h->slices[i];
		holds(s->cpu >= 0 && s->cpu < h->cpus);
		holds(s->begin_ns >= before_ns);
		before_ns = s->begin_ns;
		if (last[s->cpu] != s->job && last[s->cpu] != NOBODY)
			free_ns[s->cpu] += simulation->switch_cost_ns;
		holds(s->begin_ns >= free_ns[s->cpu]);
		free_ns[s->cpu] = s->end_ns;
		last[s->cpu] = s->job;
	}
}

static void check_sums(const struct jobs *jobs, const struct history *h)
{
	int64_t busy_ns = 0, end_ns = 0;
	uint64_t switches = 0;

	for (size_t i = 0; i < jobs->count; i++) {
		const struct measure *m = &h->measures[i];
		busy_ns += m->ran_ns;
		switches += m->switches;
		if (m->arrival_ns + m->turnaround_ns > end_ns)
			end_ns = m->arrival_ns + m->turnaround_ns;
	}
	holds(h->busy_ns == busy_ns);
	holds(h->switches == switches);
	holds(h->end_ns == end_ns);
	struct summary s = history_summary(h);
	holds(s.utilisation > 0 && s.utilisation <= 1 + 1e-12);
	holds(s.fairness <= 1 + 1e-12 &&
	      s.fairness >= 1.0 / (double)jobs->count - 1e-12);
	holds(s.switches == switches);
}

// From its slices alone the history is measured as the simulator did.
static void check_measure(const struct jobs *jobs, const struct history *h)
{
	struct history observed = { .cpus = h->cpus,
				    .slices = h->slices,
				    .slice_count = h->slice_count };

	ck_assert_int_eq(history_measure(&observed, jobs), 0);
	holds(observed.jobs == h->jobs);
	holds(observed.busy_ns == h->busy_ns && observed.end_ns == h->end_ns);
	holds(observed.switches == h->switches);
	for (size_t i = 0; i < h->jobs; i++) {
		const struct measure *a = &observed.measures[i];
		const struct measure *b = &h->measures[i];
		holds(a->arrival_ns == b->arrival_ns);
		holds(a->response_ns == b->response_ns);
		holds(a->turnaround_ns == b->turnaround_ns);
		holds(a->waiting_ns == b->waiting_ns);
		holds(a->ran_ns == b->ran_ns);
		holds(a->switches == b->switches);
		holds(a->preempted == b->preempted);
		holds(a->done == b->done);
	}
	observed.slices = NULL;
	history_free(&observed);
}

// How many jobs run, or are ready and do not, from `from_ns` on.
static void count_at(const struct jobs *jobs, const struct history *h,
		     int64_t from_ns, int *running, int *ready)
{
	*running = *ready = 0;
	for (size_t job = 0; job < jobs->count; job++) {
		size_t phase = jobs->first[job];
		int64_t ready_ns = jobs->tasks[job].arrival_ns;
		bool runs = false, done = false;
		for (size_t i = 0; i < h->slice_count; i++) {
			const struct slice *s = &h->slices[i];
			if (s->job != (int)job || s->begin_ns > from_ns)
				continue;
			runs |= from_ns < s->end_ns;
			ready_ns = s->end_ns;
			done |= s->end == SLICE_FINISHED;
			if (s->end == SLICE_BLOCKED) {
				ready_ns += jobs->bursts_ns[phase + 1];
				phase += 2;
			}
		}
		*running += runs;
		*ready += !runs && !done && ready_ns <= from_ns;
	}
}

// Where switches cost nothing: no CPU is idle while somebody is ready, at any
// time at which anything begins.
static void check_nobody_idles(const struct jobs *jobs, const struct history *h)
{
	for (size_t i = 0; i < jobs->count + 2 * h->slice_count; i++) {
		size_t k = i - jobs->count;
		int64_t at_ns = i < jobs->count ? jobs->tasks[i].arrival_ns
				: k % 2         ? h->slices[k / 2].begin_ns
						: h->slices[k / 2].end_ns;
		int running, ready;
		count_at(jobs, h, at_ns, &running, &ready);
		holds(!ready || running == h->cpus);
	}
}

static const struct policy *policy_at(int i)
{
	return policies[i];
}

static int count_policies(void)
{
	int n = 0;

	while (policies[n])
		n++;
	return n;
}

// One loop test a policy.
START_TEST(model_loses_nothing)
{
	const struct policy *policy = policy_at(_i);
	const struct shape shape = { .most_jobs = 7,
				     .most_cpu = 25,
				     .most_arrival = 40,
				     .waits = true,
				     .deadlines = true };
	static const int64_t costs_ns[] = { 0, 1, 3 * MS };
	struct random random = { 100 };
	bool batch = !strcmp(policy->name, "batch");

	for (int turn = 0; turn < 60; turn++) {
		struct jobs jobs = model_random_jobs(&random, &shape);
		for (int variant = 0; variant < 24; variant++) {
			struct simulation s = {
				.cpus = 1 + variant % 4,
				.switch_cost_ns = costs_ns[variant / 4 % 3],
				.expired_first = variant / 12,
				.keep_slices = true,
			};
			model_tell(policy, turn, &jobs, &s);
			struct history h = model_run(policy, 4, &s, &jobs);
			for (size_t job = 0; job < jobs.count; job++)
				check_job(&jobs, &h, (int)job);
			check_cpus(&s, &h);
			check_sums(&jobs, &h);
			check_measure(&jobs, &h);
			if (!batch && !s.switch_cost_ns)
				check_nobody_idles(&jobs, &h);
			history_free(&h);
		}
		jobs_free(&jobs);
	}
}
END_TEST

// --- what the driver promises a policy ----------------------------------------------

// A policy around another that watches its driver: who is told what, in what
// state, with which numbers.
static struct watch {
	const struct policy *policy;
	const struct task *tasks;
	void *state;
	int cpus, running;
	bool switches, locks; // switching costs something; there are sections
	int64_t now;
	enum { NEW, READY, RUNNING, WAITING, DONE } is[MOST_JOBS];
	int64_t told_ns[MOST_JOBS], slice_ns[MOST_JOBS], got_ns[MOST_JOBS];
	bool stirred; // somebody became ready, or a priority changed, now
} watch;

static int watch_create(void **state, const struct policy_settings *settings,
			const struct task *tasks, size_t n)
{
	watch = (struct watch){ .policy = watch.policy,
				.cpus = watch.cpus,
				.switches = watch.switches,
				.locks = watch.locks,
				.tasks = tasks };
	*state = &watch;
	return watch.policy->create(&watch.state, settings, tasks, n);
}

static void watch_destroy(void *state)
{
	(void)state;
	watch.policy->destroy(watch.state);
}

static void watch_clock(int64_t now)
{
	holds(now >= watch.now);
	watch.stirred &= now == watch.now;
	watch.now = now;
}

static void watch_arrive(void *state, int job, int64_t now)
{
	(void)state;
	watch_clock(now);
	holds(watch.is[job] == NEW);
	holds(now == watch.tasks[job].arrival_ns);
	holds(watch.tasks[job].left_ns == watch.tasks[job].burst_ns);
	watch.is[job] = READY;
	watch.stirred = true;
	watch.policy->arrive(watch.state, job, now);
}

static void watch_wake(void *state, int job, int64_t now)
{
	(void)state;
	watch_clock(now);
	holds(watch.is[job] == WAITING);
	holds(watch.locks ||
	      watch.tasks[job].left_ns == watch.tasks[job].burst_ns);
	watch.is[job] = READY;
	watch.stirred = true;
	watch.policy->wake(watch.state, job, now);
}

static int watch_pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	(void)state;
	watch_clock(now);
	holds(cpu >= 0 && cpu < watch.cpus && watch.running < watch.cpus);
	int job = watch.policy->pick(watch.state, cpu, now, slice_ns);
	if (job == NOBODY)
		return job;
	holds(job >= 0 && watch.is[job] == READY);
	holds(*slice_ns > 0 && watch.tasks[job].left_ns > 0);
	watch.is[job] = RUNNING;
	watch.told_ns[job] = now;
	watch.slice_ns[job] = *slice_ns;
	watch.got_ns[job] = watch.tasks[job].burst_ns -
			    watch.tasks[job].left_ns;
	watch.running++;
	return job;
}

// left_ns is up to date: less by what it ran. A switch is not running.
static void watch_ran(int job, int64_t ran_ns, int64_t now)
{
	watch_clock(now);
	holds(watch.is[job] == RUNNING);
	holds(ran_ns == now - watch.told_ns[job] ||
	      (watch.switches && ran_ns >= 0 &&
	       ran_ns < now - watch.told_ns[job]));
	holds(ran_ns <= watch.slice_ns[job]);
	watch.told_ns[job] = now;
	watch.got_ns[job] += ran_ns;
}

static bool watch_tick(void *state, int job, int64_t ran_ns, int64_t now,
		       int64_t *slice_ns)
{
	(void)state;
	watch_ran(job, ran_ns, now);
	holds(ran_ns == watch.slice_ns[job] ||
	      (watch.policy->rank && watch.running == watch.cpus &&
	       (watch.stirred || watch.locks)));
	holds(watch.tasks[job].left_ns > 0);
	holds(watch.tasks[job].burst_ns - watch.tasks[job].left_ns ==
	      watch.got_ns[job]);
	if (watch.policy->tick(watch.state, job, ran_ns, now, slice_ns)) {
		watch.is[job] = READY;
		watch.stirred = true;
		watch.running--;
		return true;
	}
	holds(*slice_ns > 0);
	watch.slice_ns[job] = *slice_ns;
	return false;
}

static void watch_block(void *state, int job, int64_t ran_ns, int64_t now)
{
	(void)state;
	watch_ran(job, ran_ns, now);
	holds(watch.locks ||
	      watch.tasks[job].left_ns == watch.tasks[job].burst_ns);
	watch.is[job] = WAITING;
	watch.running--;
	watch.policy->block(watch.state, job, ran_ns, now);
}

static void watch_finish(void *state, int job, int64_t ran_ns, int64_t now)
{
	(void)state;
	watch_ran(job, ran_ns, now);
	holds(watch.tasks[job].left_ns == 0);
	holds(watch.got_ns[job] == watch.tasks[job].burst_ns);
	watch.is[job] = DONE;
	watch.running--;
	watch.policy->finish(watch.state, job, ran_ns, now);
}

static int64_t watch_rank(void *state, int job, int64_t now)
{
	(void)state;
	watch_clock(now);
	holds(watch.is[job] == RUNNING);
	holds(watch.switches ||
	      watch.tasks[job].burst_ns - watch.tasks[job].left_ns ==
		      watch.got_ns[job] + now - watch.told_ns[job]);
	return watch.policy->rank(watch.state, job, now);
}

static void watch_changed(void *state, int job, int64_t now)
{
	(void)state;
	watch_clock(now);
	holds(watch.is[job] == READY);
	watch.policy->changed(watch.state, job, now);
}

static struct policy watched(const struct policy *policy)
{
	watch.policy = policy;
	return (struct policy){
		.name = policy->name,
		.create = watch_create,
		.destroy = watch_destroy,
		.arrive = watch_arrive,
		.wake = watch_wake,
		.pick = watch_pick,
		.tick = watch_tick,
		.block = watch_block,
		.finish = watch_finish,
		.rank = policy->rank ? watch_rank : NULL,
		.changed = policy->changed ? watch_changed : NULL,
	};
}

START_TEST(model_drives_as_promised)
{
	const struct shape shape = { .most_jobs = MOST_JOBS,
				     .most_cpu = 25,
				     .most_arrival = 40,
				     .waits = true,
				     .deadlines = true };
	struct policy policy = watched(policy_at(_i));
	struct random random = { 200 };

	for (int turn = 0; turn < 300; turn++) {
		struct jobs jobs = model_random_jobs(&random, &shape);
		struct simulation s = { .cpus = 1 + turn % 4,
					.expired_first = turn / 4 % 2,
					.switch_cost_ns = turn % 3 * MS };
		watch.cpus = s.cpus;
		watch.switches = s.switch_cost_ns > 0;
		watch.locks = false;
		model_tell(watch.policy, turn, &jobs, &s);
		struct history h = model_run(&policy, 4, &s, &jobs);
		for (size_t i = 0; i < jobs.count; i++)
			holds(watch.is[i] == DONE);
		history_free(&h);
		jobs_free(&jobs);
	}
}
END_TEST

// Locks among random jobs: nothing is lost, whatever the protocol; and nobody is
// in a section while another holds its lock.
START_TEST(model_keeps_locks_apart)
{
	const struct shape shape = { .most_jobs = 6,
				     .most_cpu = 10,
				     .most_arrival = 12 };
	struct policy policy = watched(policy_at(_i));
	struct random random = { 300 };

	for (int turn = 0; turn < 90; turn++) {
		struct jobs jobs = model_random_jobs(&random, &shape);
		struct section sections[MOST_JOBS];
		struct simulation s = { .cpus = 1 + turn % 3,
					.keep_slices = true,
					.sections = sections,
					.section_count = jobs.count,
					.protocol = turn / 3 % 3 };
		for (size_t i = 0; i < jobs.count; i++) {
			int ms = (int)(jobs.tasks[i].burst_ns / MS);
			int from = random_below(&random, ms);
			int to = from + 1 + random_below(&random, ms - from);
			sections[i] = (struct section){
				(int)i, random_below(&random, 2),
				(int64_t)from * MS, (int64_t)to * MS
			};
		}
		watch.cpus = s.cpus;
		watch.switches = false;
		watch.locks = true;
		model_tell(&policy, turn, &jobs, &s);
		struct history h = model_run(&policy, 3, &s, &jobs);
		check_cpus(&s, &h);
		check_sums(&jobs, &h);
		check_measure(&jobs, &h);
		// When each was first and last inside, by its CPU time.
		int64_t in_ns[MOST_JOBS], out_ns[MOST_JOBS];
		for (size_t i = 0; i < jobs.count; i++) {
			int64_t ran_ns = 0;
			in_ns[i] = out_ns[i] = -1;
			for (size_t k = 0; k < h.slice_count; k++) {
				const struct slice *slice = &h.slices[k];
				if (slice->job != (int)i)
					continue;
				int64_t base_ns = slice->begin_ns - ran_ns;
				ran_ns += slice->end_ns - slice->begin_ns;
				if (in_ns[i] < 0 &&
				    ran_ns > sections[i].from_ns)
					in_ns[i] = base_ns +
						   sections[i].from_ns;
				if (out_ns[i] < 0 &&
				    ran_ns >= sections[i].to_ns)
					out_ns[i] = base_ns + sections[i].to_ns;
			}
			holds(in_ns[i] >= 0 && out_ns[i] > in_ns[i]);
			holds(h.measures[i].ran_ns == jobs.tasks[i].burst_ns);
		}
		for (size_t i = 0; i < jobs.count; i++)
			for (size_t k = 0; k < i; k++)
				holds(sections[i].lock != sections[k].lock ||
				      out_ns[i] <= in_ns[k] ||
				      out_ns[k] <= in_ns[i]);
		history_free(&h);
		jobs_free(&jobs);
	}
}
END_TEST

void add_property_cases(Suite *suite)
{
	TCase *each = tcase_create("every policy");
	int n = count_policies();

	tcase_add_loop_test(each, model_loses_nothing, 0, n);
	tcase_add_loop_test(each, model_drives_as_promised, 0, n);
	tcase_add_loop_test(each, model_keeps_locks_apart, 0, n);
	suite_add_tcase(suite, each);
}
