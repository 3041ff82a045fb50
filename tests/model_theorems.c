// What has been proved about policies must be seen in the model.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

// --- the same again -----------------------------------------------------------------

START_TEST(model_is_deterministic)
{
	const struct generate generate = {
		.count = 300,
		.seed = 5,
		.arrivals = POISSON,
		.load = 0.95,
		.cpus = 3,
		.lengths = EXPONENTIAL,
		.mean_ns = 15 * MS,
		.io = 0.4,
	};
	const struct simulation s = { .cpus = 3,
				      .switch_cost_ns = 1000,
				      .keep_slices = true };
	struct jobs jobs;

	ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
	for (int i = 0; policies[i]; i++) {
		struct history a = model_run(policies[i], 0, &s, &jobs);
		struct history b = model_run(policies[i], 0, &s, &jobs);
		model_tell(policies[i], 0, &jobs, &s);
		holds(a.slice_count == b.slice_count && a.picks == b.picks);
		for (size_t k = 0; k < a.slice_count; k++) {
			const struct slice *x = &a.slices[k], *y = &b.slices[k];
			holds(x->job == y->job && x->cpu == y->cpu &&
			      x->begin_ns == y->begin_ns &&
			      x->end_ns == y->end_ns && x->end == y->end);
		}
		history_free(&a);
		history_free(&b);
	}
	jobs_free(&jobs);
}
END_TEST

// --- theorems -----------------------------------------------------------------------

// One CPU, nobody waits. The makespan is that of the work; and SRTF has the least
// mean turnaround of all (Schrage, Operations Research 16, 1968).
START_TEST(model_srtf_is_never_beaten)
{
	const struct shape shape = { .most_jobs = 10,
				     .most_cpu = 20,
				     .most_arrival = 60,
				     .deadlines = true };
	const struct simulation s = { .cpus = 1 };
	struct random random = { 400 };
	int worse = 0;

	for (int turn = 0; turn < 150; turn++) {
		struct jobs jobs = model_random_jobs(&random, &shape);
		struct history best = model_run(policy_named("srtf"), 0, &s,
						&jobs);
		double least = history_summary(&best).turnaround_ns;
		for (int i = 0; policies[i]; i++) {
			struct history h = model_run(policies[i], 3, &s, &jobs);
			double mean = history_summary(&h).turnaround_ns;
			model_tell(policies[i], turn, &jobs, &s);
			holds(h.end_ns == best.end_ns);
			holds(mean >= least * (1 - 1e-12));
			worse += mean > least;
			history_free(&h);
		}
		history_free(&best);
		jobs_free(&jobs);
	}
	ck_assert_int_gt(worse, 100);
}
END_TEST

// The least sum of turnarounds over all orders of jobs that are all there.
static int64_t least_sum(const int64_t *cpu_ns, int n, unsigned done,
			 int64_t now_ns)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < n; i++) {
		if (done & 1u << i)
			continue;
		int64_t end_ns = now_ns + cpu_ns[i];
		int64_t sum = end_ns +
			      least_sum(cpu_ns, n, done | 1u << i, end_ns);
		if (sum < least)
			least = sum;
	}
	return least == INT64_MAX ? 0 : least;
}

START_TEST(model_sjf_is_the_best_order)
{
	const struct shape shape = { .most_jobs = 6, .most_cpu = 30 };
	struct random random = { 500 };

	for (int turn = 0; turn < 60; turn++) {
		struct jobs jobs = model_random_jobs(&random, &shape);
		int64_t cpu_ns[6], sum = 0;
		struct history h = model_run(policy_named("sjf"), 0,
					     &(struct simulation){ .cpus = 1 },
					     &jobs);
		for (size_t i = 0; i < jobs.count; i++) {
			cpu_ns[i] = job_cpu_ns(&jobs, (int)i);
			sum += h.measures[i].turnaround_ns;
		}
		ck_assert_int_eq(sum, least_sum(cpu_ns, (int)jobs.count, 0, 0));
		history_free(&h);
		jobs_free(&jobs);
	}
}
END_TEST

// Whether any schedule of whole ms meets all deadlines: every choice at every ms.
static bool feasible(const struct jobs *jobs, int64_t *left_ns, int64_t now_ns)
{
	bool all_done = true, idle = true;

	for (size_t i = 0; i < jobs->count; i++) {
		const struct task *t = &jobs->tasks[i];
		if (left_ns[i] && now_ns + left_ns[i] > t->deadline_ns)
			return false;
		all_done &= !left_ns[i];
	}
	for (size_t i = 0; i < jobs->count && !all_done; i++) {
		if (!left_ns[i] || jobs->tasks[i].arrival_ns > now_ns)
			continue;
		idle = false;
		left_ns[i] -= MS;
		bool works = feasible(jobs, left_ns, now_ns + MS);
		left_ns[i] += MS;
		if (works)
			return true;
	}
	return all_done || (idle && feasible(jobs, left_ns, now_ns + MS));
}

// On one CPU, taking it away at any time, the earliest deadline first meets all
// deadlines if that can be done at all (Dertouzos, "Control Robotics: the
// Procedural Control of Physical Processes", IFIP 1974).
START_TEST(model_edf_meets_what_can_be_met)
{
	const struct shape shape = { .most_jobs = 4,
				     .most_cpu = 3,
				     .most_arrival = 5,
				     .deadlines = true };
	struct random random = { 600 };
	int counts[2] = { 0 };

	for (int turn = 0; turn < 400; turn++) {
		struct jobs jobs = model_random_jobs(&random, &shape);
		int64_t left_ns[4];
		for (size_t i = 0; i < jobs.count; i++)
			left_ns[i] = job_cpu_ns(&jobs, (int)i);
		bool can = feasible(&jobs, left_ns, 0), met = true;
		struct history h = model_run(policy_named("edf"), 0,
					     &(struct simulation){ .cpus = 1 },
					     &jobs);
		for (size_t i = 0; i < jobs.count; i++)
			met &= h.measures[i].turnaround_ns <=
			       jobs.tasks[i].deadline_ns -
				       jobs.tasks[i].arrival_ns;
		ck_assert_msg(met == can, "set %d: %s", turn,
			      can ? "missed" : "met what cannot be met");
		counts[can]++;
		history_free(&h);
		jobs_free(&jobs);
	}
	ck_assert_int_gt(counts[0], 40);
	ck_assert_int_gt(counts[1], 40);
}
END_TEST

// What each job got until `until_ns`, in quanta, against its share.
static double worst_lag(const char *policy, const struct jobs *jobs,
			const double *weights, int64_t until_ns)
{
	struct simulation s = { .cpus = 1, .keep_slices = true };
	struct history h = model_run(policy_named(policy), 2, &s, jobs);
	double sum = 0, worst = 0;

	for (size_t i = 0; i < jobs->count; i++)
		sum += weights[i];
	for (size_t i = 0; i < jobs->count; i++) {
		int64_t got_ns = 0;
		for (size_t k = 0; k < h.slice_count; k++) {
			const struct slice *slice = &h.slices[k];
			if (slice->job == (int)i && slice->begin_ns < until_ns)
				got_ns += (slice->end_ns < until_ns
						   ? slice->end_ns
						   : until_ns) -
					  slice->begin_ns;
		}
		double lag = (double)got_ns -
			     (double)until_ns * weights[i] / sum;
		if (lag < 0)
			lag = -lag;
		if (lag > worst)
			worst = lag;
	}
	history_free(&h);
	return worst / (2 * MS);
}

// Jobs that compute all the time, none ends before the look. Round robin: equal
// within a quantum. Stride: an error below the number of jobs (Waldspurger, MIT
// LCS TR-667, 1995, section 3.1: O(n) absolutely, one quantum in pairs). EEVDF:
// lag below one request (Stoica & Abdel-Wahab, TR-95-22, theorem 1). Lottery:
// binomial, four standard deviations.
START_TEST(model_shares_fairly)
{
	static const int64_t cpu_ns[] = { INT64_C(2000) * MS };
	static const int nices[] = { 0, 0, 5, -5, 3 };
	// The kernel's weights for these (sched_prio_to_weight).
	static const double of_nice[] = { 1024, 1024, 335, 3121, 526 };
	static const double of_tickets[] = { 100, 30, 7, 250, 64 };
	static const double equal[] = { 1, 1, 1, 1, 1 };
	struct job_line lines[5];
	struct jobs jobs;

	for (int i = 0; i < 5; i++)
		lines[i] =
			(struct job_line){ .bursts_ns = cpu_ns,
					   .bursts = 1,
					   .tickets = (uint32_t)of_tickets[i],
					   .nice = (int8_t)nices[i] };
	ck_assert_int_eq(jobs_make(&jobs, lines, 5), 0);
	for (int64_t ms = 3; ms < 1900; ms += 131) {
		int64_t at_ns = ms * MS;
		double quanta = (double)ms / 2;
		ck_assert_double_le(worst_lag("rr", &jobs, equal, at_ns), 1);
		ck_assert_double_le(
			worst_lag("stride", &jobs, of_tickets, at_ns), 5);
		ck_assert_double_le(worst_lag("eevdf", &jobs, of_nice, at_ns),
				    1 + 1e-3);
		double lag = worst_lag("lottery", &jobs, of_tickets, at_ns);
		ck_assert_double_le(lag * lag, 16 * quanta / 4 + 1);
	}
	jobs_free(&jobs);
}
END_TEST

void add_theorem_cases(Suite *suite)
{
	add_model_case(suite, "theorems",
		       (const TTest *[]){ model_is_deterministic,
					  model_srtf_is_never_beaten,
					  model_sjf_is_the_best_order,
					  model_edf_meets_what_can_be_met,
					  model_shares_fairly, NULL });
}
