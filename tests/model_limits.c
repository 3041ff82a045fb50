// The simulator's limits: what it refuses, bad policies, what it costs.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

// --- what cannot be done ----------------------------------------------------------

static int nobody(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	(void)state, (void)cpu, (void)now, (void)slice_ns;
	return NOBODY;
}

static int hurried(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	int job = policy_named("fifo")->pick(state, cpu, now, slice_ns);

	*slice_ns = 0;
	return job;
}

static bool never_tired(void *state, int job, int64_t ran_ns, int64_t now,
			int64_t *slice_ns)
{
	(void)state, (void)job, (void)ran_ns, (void)now;
	*slice_ns = 0;
	return false;
}

static int outside(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	(void)state, (void)cpu, (void)now, (void)slice_ns;
	return 2;
}

static int result_of(const struct policy *policy,
		     const struct policy_settings *settings,
		     const struct simulation *simulation,
		     const struct jobs *jobs)
{
	struct history history;
	int result = simulate(simulation, policy, settings, jobs, &history);

	if (result == 0)
		history_free(&history);
	ck_assert(!history.measures && !history.slices);
	return result;
}

START_TEST(model_never_hangs_on_a_bad_policy)
{
	struct policy lazy = *policy_named("fifo"), wild = lazy, hasty = lazy;
	struct policy restless = *policy_named("rr");
	struct policy_settings settings =
		policy_defaults(&(struct random){ 1 });
	struct jobs jobs = model_jobs("A 0 20\nB 3 20,5,20\n");
	const struct simulation one = { .cpus = 1, .keep_slices = true };

	lazy.pick = nobody;
	wild.pick = outside;
	hasty.pick = hurried;
	restless.tick = never_tired;
	ck_assert_int_eq(result_of(&lazy, &settings, &one, &jobs), -EDEADLK);
	ck_assert_int_eq(result_of(&wild, &settings, &one, &jobs), -EINVAL);
	ck_assert_int_eq(result_of(&hasty, &settings, &one, &jobs), -EINVAL);
	ck_assert_int_eq(result_of(&restless, &settings, &one, &jobs), -EINVAL);
	jobs_free(&jobs);
}
END_TEST

START_TEST(model_refuses_bad_settings)
{
	struct policy_settings settings =
		policy_defaults(&(struct random){ 1 });
	const struct policy *rr = policy_named("rr");
	struct jobs jobs = model_jobs("A 0 20\nB 3 20,5,20\n"), none = { 0 };
	static const struct simulation bad[] = {
		{ .cpus = 0 },
		{ .cpus = -1 },
		{ .cpus = MODEL_CPUS_MAX + 1 },
		{ .cpus = 1, .switch_cost_ns = -1 },
	};
	const struct simulation one = { .cpus = 1 };

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_int_eq(result_of(rr, &settings, &bad[i], &jobs),
				 -EINVAL);
	ck_assert_int_eq(result_of(rr, &settings, &one, &none), -EINVAL);
	ck_assert_int_eq(result_of(rr, &settings, &one, &jobs), 0);
	settings.quantum_ns = 0;
	ck_assert_int_eq(result_of(rr, &settings, &one, &jobs), -EINVAL);
	settings.quantum_ns = MS;
	jobs.bursts_ns[2] = -1; // B's wait
	ck_assert_int_eq(result_of(rr, &settings, &one, &jobs), -EINVAL);
	jobs.bursts_ns[2] = 0;
	ck_assert_int_eq(result_of(rr, &settings, &one, &jobs), 0);
	jobs.bursts_ns[1] = 0;
	ck_assert_int_eq(result_of(rr, &settings, &one, &jobs), -EINVAL);
	jobs_free(&jobs);
}
END_TEST

START_TEST(model_tells_times_that_do_not_fit)
{
	struct policy_settings settings =
		policy_defaults(&(struct random){ 1 });
	const struct policy *fifo = policy_named("fifo");
	const struct simulation one = { .cpus = 1 },
				dear = { .cpus = 1,
					 .switch_cost_ns = NEVER / 2 },
				two = { .cpus = 2 };
	struct jobs jobs = model_jobs("A 2000000h 1\nB 0 2000000h\n");

	ck_assert_int_eq(result_of(fifo, &settings, &one, &jobs), 0);
	ck_assert_int_eq(result_of(fifo, &settings, &dear, &jobs), -EOVERFLOW);
	jobs_free(&jobs);
	jobs = model_jobs("A 2000000h 0.5h\nB 0 2000000h,500000h,1h\n"
			  "C 2000000h 500000h\n");
	ck_assert_int_eq(result_of(fifo, &settings, &one, &jobs), -EOVERFLOW);
	jobs_free(&jobs);
	jobs = model_jobs("A 0 2000000h\nB 0 2000000h\n");
	ck_assert_int_eq(result_of(fifo, &settings, &two, &jobs), -EOVERFLOW);
	jobs_free(&jobs);
}
END_TEST

// --- decisions --------------------------------------------------------------------

static int explained;

static void count_explanation(void *state, int job, int64_t now, char *text,
			      size_t bytes)
{
	(void)state;
	explained++;
	snprintf(text, bytes, "%d at %d", job, (int)(now / MS));
}

START_TEST(model_explains_only_when_asked)
{
	struct policy policy = *policy_named("rr");
	struct simulation simulation = { .cpus = 1 };
	struct jobs jobs = model_jobs("A 0 15\nB 5 10\n");

	policy.explain = count_explanation;
	explained = 0;
	struct history h = model_run(&policy, 10, &simulation, &jobs);
	ck_assert_int_eq(explained, 0);
	ck_assert(h.picks == 3 && h.decision_count == 0 && !h.decisions);
	history_free(&h);

	simulation.keep_decisions = true;
	h = model_run(&policy, 10, &simulation, &jobs);
	ck_assert_int_eq(explained, 3);
	ck_assert_uint_eq(h.decision_count, 3);
	ck_assert_str_eq(h.decisions[0].why, "0 at 0");
	ck_assert_str_eq(h.decisions[1].why, "1 at 10");
	ck_assert_str_eq(h.decisions[2].why, "0 at 20");
	ck_assert(h.decisions[1].job == 1 && h.decisions[1].cpu == 0 &&
		  h.decisions[1].at_ns == 10 * MS);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// --- memory -----------------------------------------------------------------------

// What is allocated while the first job is picked, against what simulate.h says.
// The worst case: jobs that all wait, not in order of arrival. Tables of several
// MB are rounded up to huge pages, and aligned_alloc needs room to align.
#if defined __GLIBC__ && !defined OSLAB_SANITIZED

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t allocated_inside;

static int look_and_pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	if (!allocated_inside)
		allocated_inside = allocated();
	return policy_named("fifo")->pick(state, cpu, now, slice_ns);
}

START_TEST(model_needs_the_bytes_it_states)
{
	enum { JOBS = 300000, ROUNDING = 4 * (4 << 20) };
	struct policy policy = *policy_named("fifo");
	struct generate generate = {
		.count = JOBS,
		.seed = 1,
		.arrivals = POISSON,
		.load = 0.9,
		.cpus = 1,
		.lengths = EXPONENTIAL,
		.mean_ns = MS,
		.io = 1,
	};
	const struct simulation one = { .cpus = 1 };
	const size_t queue = 4; // of fifo, see sched/policy/fifo.c
	struct jobs jobs;

	policy.pick = look_and_pick;
	ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
	jobs.tasks[0].arrival_ns = jobs.tasks[JOBS - 1].arrival_ns;
	size_t before = allocated();
	struct history h = model_run(&policy, 0, &one, &jobs);
	size_t bytes = allocated_inside - before;
	ck_assert_msg(bytes >= JOBS * (BYTES_A_JOB + queue) &&
			      bytes < JOBS * (BYTES_A_JOB + queue) + ROUNDING,
		      "%g bytes a job", (double)bytes / JOBS);
	history_free(&h);
	ck_assert_uint_le(allocated(), before + 100000);
	jobs_free(&jobs);
}
END_TEST

#endif

void add_limit_cases(Suite *suite)
{
	add_model_case(suite, "limits",
		       (const TTest *[]){ model_never_hangs_on_a_bad_policy,
					  model_refuses_bad_settings,
					  model_tells_times_that_do_not_fit,
					  model_explains_only_when_asked,
					  NULL });
#if defined __GLIBC__ && !defined OSLAB_SANITIZED
	add_model_case(suite, "memory",
		       (const TTest *[]){ model_needs_the_bytes_it_states,
					  NULL });
#endif
}
