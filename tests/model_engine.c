// The simulator by examples whose answer is known: from books, or by hand.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

static uint64_t draw_number(void *luck)
{
	return random_next(luck);
}

struct history model_run(const struct policy *policy, int quantum_ms,
			 const struct simulation *simulation,
			 const struct jobs *jobs)
{
	struct random random = { 7 };
	struct policy_settings settings = policy_defaults(&random);
	struct history history;

	settings.draw = draw_number;
	settings.luck = &random;
	if (quantum_ms)
		settings.quantum_ns = (int64_t)quantum_ms * MS;
	int error = simulate(simulation, policy, &settings, jobs, &history);
	ck_assert_msg(error == 0, "%s: %s", policy->name, strerror(-error));
	return history;
}

const char *model_slices(const struct jobs *jobs, const struct history *history,
			 char *text, size_t bytes)
{
	static const char *const marks[] = { "", ">", "!", ":" };
	char name[JOB_NAME_BYTES];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < history->slice_count && n < bytes; i++) {
		const struct slice *s = &history->slices[i];
		n += snprintf(text + n, bytes - n, "%s%s %g-%g", i ? " " : "",
			      job_name(jobs, s->job, name),
			      (double)s->begin_ns / MS, (double)s->end_ns / MS);
		if (history->cpus > 1 && n < bytes)
			n += snprintf(text + n, bytes - n, "@%d", s->cpu);
		if (n < bytes)
			n += snprintf(text + n, bytes - n, "%s", marks[s->end]);
	}
	return text;
}

// One example: a policy, the jobs, what the slices must be.
struct example {
	const char *policy;
	int quantum_ms;
	struct simulation simulation;
	const char *jobs, *slices;
};

static void play_example(const struct example *e)
{
	struct jobs jobs = model_jobs(e->jobs);
	struct simulation simulation = e->simulation;
	char text[2000];

	simulation.keep_slices = true;
	if (!simulation.cpus)
		simulation.cpus = 1;
	const struct policy *policy = policy_named(e->policy);
	ck_assert_ptr_nonnull(policy);
	struct history history = model_run(policy, e->quantum_ms, &simulation,
					   &jobs);
	ck_assert_msg(!strcmp(model_slices(&jobs, &history, text, sizeof text),
			      e->slices),
		      "%s of\n%sgave     %s\nexpected %s", e->policy, e->jobs,
		      text, e->slices);
	history_free(&history);
	jobs_free(&jobs);
}

static void play_examples(const struct example *examples, size_t n)
{
	for (size_t i = 0; i < n; i++)
		play_example(&examples[i]);
}

// --- from books -------------------------------------------------------------------

// Stallings, "Operating Systems: Internals and Design Principles", 7th edition,
// tables 9.4 (five processes) and 9.5 (when each is finished). In his round robin
// an arrival goes before the process whose quantum ends in the same moment.
static const char stallings[] = "A 0 3\nB 2 6\nC 4 4\nD 6 5\nE 8 2\n";

START_TEST(model_agrees_with_stallings)
{
	static const struct {
		const char *policy;
		int quantum_ms, end_ms[5];
	} rows[] = {
		{ "fifo", 0, { 3, 9, 13, 18, 20 } },
		{ "rr", 1, { 4, 18, 17, 20, 15 } },
		{ "rr", 4, { 3, 17, 11, 20, 19 } },
		{ "sjf", 0, { 3, 9, 15, 20, 11 } },
		{ "srtf", 0, { 3, 15, 8, 20, 10 } },
	};
	struct jobs jobs = model_jobs(stallings);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct history h = model_run(policy_named(rows[i].policy),
					     rows[i].quantum_ms,
					     &(struct simulation){ .cpus = 1 },
					     &jobs);
		for (int job = 0; job < 5; job++) {
			const struct measure *m = &h.measures[job];
			ck_assert_int_eq(m->arrival_ns + m->turnaround_ns,
					 (int64_t)rows[i].end_ms[job] * MS);
		}
		history_free(&h);
	}
	jobs_free(&jobs);
}
END_TEST

// Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th edition,
// 2018, sections 5.3.1 to 5.3.4: mean waiting times of 17 and 3 (p. 206), 7 (p.
// 207), 6.5 and 7.75 (p. 209), 17/3 (p. 210) and 8.2 (p. 213).
START_TEST(model_agrees_with_silberschatz)
{
	static const struct {
		const char *policy, *jobs;
		int quantum_ms;
		double waiting_ms;
	} rows[] = {
		{ "fifo", "P1 0 24\nP2 0 3\nP3 0 3\n", 0, 17 },
		{ "fifo", "P2 0 3\nP3 0 3\nP1 0 24\n", 0, 3 },
		{ "sjf", "P1 0 6\nP2 0 8\nP3 0 7\nP4 0 3\n", 0, 7 },
		{ "srtf", "P1 0 8\nP2 1 4\nP3 2 9\nP4 3 5\n", 0, 6.5 },
		{ "sjf", "P1 0 8\nP2 1 4\nP3 2 9\nP4 3 5\n", 0, 7.75 },
		{ "rr", "P1 0 24\nP2 0 3\nP3 0 3\n", 4, 17.0 / 3 },
		{ "priority",
		  "P1 0 10 prio=3\nP2 0 1 prio=1\nP3 0 2 prio=4\n"
		  "P4 0 1 prio=5\nP5 0 5 prio=2\n", 0, 8.2 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct jobs jobs = model_jobs(rows[i].jobs);
		struct history h = model_run(policy_named(rows[i].policy),
					     rows[i].quantum_ms,
					     &(struct simulation){ .cpus = 1 },
					     &jobs);
		struct summary s = history_summary(&h);
		ck_assert_double_eq_tol(s.waiting_ns / MS, rows[i].waiting_ms,
					1e-9);
		history_free(&h);
		jobs_free(&jobs);
	}
}
END_TEST

// --- by hand: moments in which several things happen -----------------------------

static const struct example ties[] = {
	// An arrival in the moment in which a slice ends: before or after.
	{ "rr", 2, { 0 }, "A 0 4\nB 2 2\n", "A 0-2: B 2-4 A 4-6" },
	{ "rr",
	  2,
	  { .expired_first = true },
	  "A 0 4\nB 2 2\n",
	  "A 0-2: A 2-4 B 4-6" },
	// Stallings' five once more, by OSTEP's rule.
	{ "rr",
	  1,
	  { .expired_first = true },
	  "A 0 3\nB 2 6\nC 4 4\nD 6 5\nE 8 2\n",
	  "A 0-1: A 1-2: A 2-3 B 3-4: B 4-5: C 5-6: B 6-7: C 7-8: D 8-9: "
	  "B 9-10: C 10-11: E 11-12: D 12-13: B 13-14: C 14-15 E 15-16 "
	  "D 16-17: B 17-18 D 18-19: D 19-20" },
	// Arrivals go before ends of waits, these by who began to wait first.
	{ "fifo",
	  0,
	  { 0 },
	  "A 0 1,4,1\nB 0 1,3,1\nC 5 1\nD 0 4\nE 4 0.5\n",
	  "A 0-1> B 1-2> D 2-6 E 6-6.5 C 6.5-7.5 A 7.5-8.5 B 8.5-9.5" },
	{ "fifo",
	  0,
	  { 0 },
	  "B 0 1,4,1\nA 0 1,3,1\nD 0 4\n",
	  "B 0-1> A 1-2> D 2-6 B 6-7 A 7-8" },
	// Who comes back goes before the one whose slice ends.
	{ "rr", 2, { 0 }, "A 0 1,2,1\nB 0 4\n", "A 0-1> B 1-3: A 3-4 B 4-6" },
	{ "rr",
	  2,
	  { .expired_first = true },
	  "A 0 1,2,1\nB 0 4\n",
	  "A 0-1> B 1-3: B 3-5 A 5-6" },
	// The end of a burst wins over the end of a slice.
	{ "rr", 2, { 0 }, "A 0 2,1,2\nB 0 2\n", "A 0-2> B 2-4 A 4-6" },
	// Alone, a job goes on from quantum to quantum.
	{ "rr", 2, { 0 }, "A 0 5\n", "A 0-2: A 2-4: A 4-5" },
	// The clock moves a whole slice on (OSTEP's lottery), where there is one.
	{ "rr",
	  4,
	  { .whole_slices = true },
	  "A 0 3\nB 0 5\n",
	  "A 0-4 B 4-8: B 8-12" },
	{ "fifo", 0, { .whole_slices = true }, "A 0 3\n", "A 0-3" },
	// Of two CPUs the one of the lower number goes first.
	{ "rr",
	  2,
	  { .cpus = 2 },
	  "A 0 4\nB 0 4\nC 0 2\n",
	  "A 0-2@0: B 0-2@1: C 2-4@0 A 2-4@1 B 4-6@0" },
	// Nobody is there for a while.
	{ "fifo", 0, { 0 }, "B 7 1\nA 2 1\n", "A 2-3 B 7-8" },
	// The oldest way: the CPU waits with the job.
	{ "batch", 0, { 0 }, "A 0 1,5,1\nB 0 2\n", "A 0-1> A 6-7 B 7-9" },
};

START_TEST(model_orders_what_happens_at_once)
{
	play_examples(ties, COUNT(ties));
}
END_TEST

// A wait of nothing is over at once: after the arrivals of that moment, before
// anybody is picked.
START_TEST(model_ends_empty_waits_at_once)
{
	static const int64_t waits[] = { MS, 0, MS }, plain[] = { MS };
	static const struct job_line lines[] = {
		{ .name = "A", .bursts_ns = waits, .bursts = 3 },
		{ .name = "B", .bursts_ns = plain, .bursts = 1,
		  .priority = 1 },
		{ .name = "C", .bursts_ns = plain, .bursts = 1,
		  .arrival_ns = MS },
	};

	static const struct {
		const char *policy;
		int jobs;
		const char *slices;
	} rows[] = {
		{ "fifo", 1, "A 0-1> A 1-2" },
		{ "fifo", 3, "A 0-1> B 1-2 C 2-3 A 3-4" },
		{ "priority", 2, "A 0-1> A 1-2 B 2-3" },
		{ "priority", 3, "A 0-1> C 1-2 A 2-3 B 3-4" },
	};

	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		struct jobs jobs;
		struct simulation simulation = { .cpus = 1,
						 .keep_slices = true,
						 .expired_first = i % 2 };
		char text[200];
		ck_assert_int_eq(jobs_make(&jobs, lines, rows[i / 2].jobs), 0);
		struct history h = model_run(policy_named(rows[i / 2].policy),
					     0, &simulation, &jobs);
		ck_assert_str_eq(model_slices(&jobs, &h, text, sizeof text),
				 rows[i / 2].slices);
		ck_assert_uint_eq(h.switches, rows[i / 2].slices[7] == 'A'
						      ? jobs.count
						      : jobs.count + 1);
		history_free(&h);
		jobs_free(&jobs);
	}
}
END_TEST

// --- by hand: displacement, several CPUs, switches --------------------------------

static const struct example urgent[] = {
	{ "srtf", 0, { 0 }, "A 0 10\nB 2 5\nC 3 1\nD 3 9\n",
	  "A 0-2! B 2-3! C 3-4 B 4-8 A 8-16 D 16-25" },
	// The longest of the running ones makes room, and goes on where it can.
	{ "srtf", 0, { .cpus = 2 }, "A 0 10\nB 0 8\nC 1 3\n",
	  "B 0-8@0 A 0-1@1! C 1-4@1 A 4-13@1" },
	// Of equals the one on the highest CPU; two arrive, two make room.
	{ "priority-preemptive", 0, { .cpus = 3 },
	  "X 0 4 prio=5\nY 0 4 prio=5\nW 0 9 prio=1\nZ 1 2 prio=2\n",
	  "W 0-9@0 X 0-4@1 Y 0-1@2! Z 1-3@2 Y 3-6@2" },
	{ "priority-preemptive", 0, { .cpus = 2 },
	  "X 0 4 prio=5\nY 0 4 prio=6\nU 1 1 prio=1\nV 1 2 prio=2\n",
	  "X 0-1@0! Y 0-1@1! V 1-3@0 U 1-2@1 X 2-5@1 Y 3-6@0" },
	// Equal urgency displaces nobody.
	{ "priority-preemptive", 0, { 0 }, "A 0 3 prio=1\nB 1 1 prio=1\n",
	  "A 0-3 B 3-4" },
	{ "fifo", 0, { .cpus = 2 }, "A 0 3\nB 0 1\nC 0 1\nD 2 1\n",
	  "A 0-3@0 B 0-1@1 C 1-2@1 D 2-3@1" },
	{ "batch", 0, { .cpus = 2 }, "A 0 1,3,1\nB 0 2\nC 0 1\n",
	  "A 0-1@0> B 0-2@1 C 2-3@1 A 4-5@0" },
	// One switch a change of jobs, the first one is free, none where the
	// same job goes on, also after idleness.
	{ "fifo", 0, { .switch_cost_ns = MS }, "A 0 2,3,2\nB 20 1\n",
	  "A 0-2> A 5-7 B 21-22" },
	{ "rr", 2, { .switch_cost_ns = MS }, "A 0 5\nB 0 2\n",
	  "A 0-2: B 3-5 A 6-8: A 8-9" },
	// Cut short: B was being switched to when C came, and has not run.
	{ "srtf", 0, { .switch_cost_ns = 2 * MS }, "A 0 9\nB 1 5\nC 2 1\n",
	  "A 0-1! C 4-5 B 7-12 A 14-22" },
	{ "srtf", 0, { .cpus = 2, .switch_cost_ns = MS },
	  "A 0 1\nB 0 4\nC 1 1\nD 1 2\n",
	  "A 0-1@0 B 0-1@1! C 2-3@0 D 2-4@1 B 4-7@0" },
};

START_TEST(model_displaces_and_switches)
{
	play_examples(urgent, COUNT(urgent));
}
END_TEST

// The measures of round robin with a switch cost, counted by hand:
// A 0-2: B 3-5 A 6-8: A 8-9.
START_TEST(model_measures_by_hand)
{
	struct jobs jobs = model_jobs("A 0 5\nB 0 2\n");
	struct history h = model_run(
		policy_named("rr"), 2,
		&(struct simulation){ .cpus = 1, .switch_cost_ns = MS }, &jobs);
	const struct measure *a = &h.measures[0], *b = &h.measures[1];
	struct summary s = history_summary(&h);

	ck_assert(a->done && a->arrival_ns == 0 && a->response_ns == 0 &&
		  a->turnaround_ns == 9 * MS && a->waiting_ns == 4 * MS &&
		  a->ran_ns == 5 * MS && a->switches == 2 && a->preempted == 1);
	ck_assert(b->done && b->response_ns == 3 * MS &&
		  b->turnaround_ns == 5 * MS && b->waiting_ns == 3 * MS &&
		  b->ran_ns == 2 * MS && b->switches == 1 && b->preempted == 0);
	ck_assert(h.end_ns == 9 * MS && h.busy_ns == 7 * MS &&
		  h.switching_ns == 2 * MS && h.switches == 3 && h.picks == 4);
	ck_assert(!h.slices && !h.decisions);
	ck_assert_double_eq_tol(s.response_ns, 1.5 * MS, 1e-6);
	ck_assert_double_eq_tol(s.turnaround_ns, 7 * MS, 1e-6);
	ck_assert_double_eq_tol(s.waiting_ns, 3.5 * MS, 1e-6);
	ck_assert_double_eq_tol(s.utilisation, 7.0 / 9, 1e-12);
	ck_assert_double_eq_tol(s.throughput, 2 / 0.009, 1e-9);
	// Shares 5/9 and 2/5: (43/45)^2 / (2 * (25/81 + 4/25)).
	ck_assert_double_eq_tol(s.fairness, 1849.0 / 2025 / 2 * 2025 / 949,
				1e-12);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// A switch that is cut short costs what it took: 1 of 2 ms for B, then 2 for C,
// 2 for B and 2 for A.
START_TEST(model_counts_switches_cut_short)
{
	struct jobs jobs = model_jobs("A 0 9\nB 1 5\nC 2 1\n");
	struct history h = model_run(
		policy_named("srtf"), 0,
		&(struct simulation){ .cpus = 1, .switch_cost_ns = 2 * MS },
		&jobs);

	ck_assert(h.switching_ns == 7 * MS && h.busy_ns == 15 * MS &&
		  h.end_ns == 22 * MS);
	ck_assert(h.switches == 4 && h.picks == 5);
	ck_assert(h.measures[1].switches == 1 && h.measures[1].preempted == 0 &&
		  h.measures[1].response_ns == 6 * MS);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// A policy that lets the job run on when its slice is over.
static int64_t steady_ran_ns[4];
static int steady_told;

static int steady_pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	int job = policy_named("fifo")->pick(state, cpu, now, slice_ns);

	*slice_ns = 2 * MS;
	return job;
}

static bool steady_tick(void *state, int job, int64_t ran_ns, int64_t now,
			int64_t *slice_ns)
{
	(void)state, (void)job, (void)now;
	steady_ran_ns[steady_told++] = ran_ns;
	*slice_ns = MS;
	return false;
}

static void steady_finish(void *state, int job, int64_t ran_ns, int64_t now)
{
	(void)state, (void)job, (void)now;
	steady_ran_ns[steady_told++] = ran_ns;
}

START_TEST(model_goes_on_after_a_slice)
{
	struct policy policy = *policy_named("fifo");
	struct jobs jobs = model_jobs("A 0 3.5\n");
	char text[100];

	policy.pick = steady_pick;
	policy.tick = steady_tick;
	policy.finish = steady_finish;
	steady_told = 0;
	struct history h = model_run(
		&policy, 0,
		&(struct simulation){ .cpus = 1, .keep_slices = true }, &jobs);
	ck_assert_str_eq(model_slices(&jobs, &h, text, sizeof text),
			 "A 0-2: A 2-3: A 3-3.5");
	ck_assert(steady_told == 3 && steady_ran_ns[0] == 2 * MS &&
		  steady_ran_ns[1] == MS && steady_ran_ns[2] == MS / 2);
	ck_assert(h.picks == 1 && h.switches == 1 &&
		  h.measures[0].preempted == 0 &&
		  h.measures[0].waiting_ns == 0);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// What somebody saw of real processes: A was displaced and went on elsewhere, B
// was still waiting when the looking ended, C was never seen.
START_TEST(model_measures_what_was_observed)
{
	struct jobs jobs = model_jobs("A 0 5\nB 1 2,3,4\nC 2 1\n");
	struct slice slices[] = {
		{ 0, 0, 2 * MS, 4 * MS, SLICE_PREEMPTED },
		{ 1, 0, 4 * MS, 6 * MS, SLICE_BLOCKED },
		{ 0, 2, 5 * MS, 8 * MS, SLICE_FINISHED },
	};
	struct history h = { .cpus = 2,
			     .slices = slices,
			     .slice_count = 3,
			     .switching_ns = 17 };

	ck_assert_int_eq(history_measure(&h, &jobs), 0);
	const struct measure *m = h.measures;
	ck_assert_uint_eq(h.jobs, 3);
	ck_assert(m[0].done && m[0].response_ns == 2 * MS &&
		  m[0].turnaround_ns == 8 * MS && m[0].waiting_ns == 3 * MS &&
		  m[0].ran_ns == 5 * MS && m[0].switches == 2 &&
		  m[0].preempted == 1);
	ck_assert(!m[1].done && m[1].response_ns == 3 * MS &&
		  m[1].ran_ns == 2 * MS && m[1].waiting_ns == 0 &&
		  m[1].switches == 1 && m[1].preempted == 0);
	ck_assert(!m[2].done && m[2].arrival_ns == 2 * MS && m[2].ran_ns == 0 &&
		  m[2].turnaround_ns == 0 && m[2].waiting_ns == 0 &&
		  m[2].switches == 0);
	ck_assert(h.end_ns == 8 * MS && h.busy_ns == 7 * MS &&
		  h.switches == 3 && h.switching_ns == 17);
	struct summary s = history_summary(&h);
	ck_assert_double_eq_tol(s.turnaround_ns, 8 * MS, 1e-6);
	ck_assert_double_eq_tol(s.throughput, 125, 1e-9);
	h.slice_count = 0;
	ck_assert_int_eq(history_measure(&h, &jobs), 0);
	s = history_summary(&h);
	ck_assert(s.turnaround_ns == 0 && s.utilisation == 0 &&
		  s.throughput == 0 && s.fairness == 0);
	h.slices = NULL;
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// A thousand CPUs, two jobs for each.
START_TEST(model_runs_on_a_thousand_cpus)
{
	const struct generate generate = {
		.count = 2 * MODEL_CPUS_MAX,
		.seed = 1,
		.arrivals = TOGETHER,
		.load = 1,
		.cpus = 1,
		.lengths = FIXED,
		.mean_ns = MS,
	};
	struct jobs jobs;

	ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
	struct history h =
		model_run(policy_named("fifo"), 0,
			  &(struct simulation){ .cpus = MODEL_CPUS_MAX,
						.keep_slices = true },
			  &jobs);
	ck_assert_uint_eq(h.slice_count, jobs.count);
	for (int i = 0; i < 2 * MODEL_CPUS_MAX; i++) {
		const struct slice *s = &h.slices[i];
		holds(s->job == i && s->cpu == i % MODEL_CPUS_MAX &&
		      s->begin_ns == (i < MODEL_CPUS_MAX ? 0 : MS));
	}
	ck_assert_double_eq_tol(history_summary(&h).utilisation, 1, 1e-12);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// --- locks ------------------------------------------------------------------------

// The story of Sha, Rajkumar & Lehoczky (IEEE Transactions on Computers 39,
// 1990, section I): L holds what H needs, and M, who needs nothing, delays H.
// L computes 6 ms and has the lock from its 1st to its 5th; H comes at 2,
// computes 4 ms and has it from its 1st to its 3rd; M comes at 3 with 5 ms.
static const char inversion[] = "L 0 6 prio=3\nH 2 4 prio=1\nM 3 5 prio=2\n";
static const struct section inversion_sections[] = {
	{ 0, 0, 1 * MS, 5 * MS },
	{ 1, 0, 1 * MS, 3 * MS },
};

#define INVERSION(protocol_)                                          \
	{ .sections = inversion_sections, .section_count = 2,         \
	  .protocol = (protocol_) }

// Two on two CPUs want the lock that L on the third has: the more urgent one
// gets it, though it came later.
static const struct section queue_sections[] = {
	{ 0, 9, 0, 5 * MS },
	{ 1, 9, 1 * MS, 2 * MS },
	{ 2, 9, 2 * MS, 3 * MS },
	{ 0, 7, 5 * MS, 6 * MS }, // no sooner released than the next is taken
};

#define QUEUED(protocol_)                                             \
	{ .cpus = 3, .sections = queue_sections, .section_count = 4,  \
	  .protocol = (protocol_) }

// Lending to a holder that is ready, not running: L was displaced by M before H
// wants the lock; L has to be found in the policy's queue. N is between M and L.
static const struct section ready_sections[] = {
	{ 0, 0, 0, 3 * MS },
	{ 2, 0, 1 * MS, 2 * MS },
};
static const char ready_holder[] =
	"L 0 4 prio=9\nM 1 4 prio=5\nH 2 3 prio=1\nN 2 2 prio=6\n";

// A holder that is more urgent than who waits for it loses nothing.
static const struct section urgent_sections[] = {
	{ 0, 0, 0, 6 * MS },
	{ 1, 0, 1 * MS, 2 * MS },
};

// On two CPUs there is somebody to wait even with ceilings: K gets the lock at 4
// and has H's priority from then on, so neither M displaces it.
static const struct section handed_sections[] = {
	{ 0, 0, 0, 4 * MS },
	{ 1, 0, 1 * MS, 4 * MS },
	{ 2, 0, 0, 1 * MS },
};

static const struct example locked[] = {
	{ "priority-preemptive", 0, INVERSION(NO_PROTOCOL), inversion,
	  "L 0-2! H 2-3> M 3-8 L 8-11! H 11-14 L 14-15" },
	{ "priority-preemptive", 0, INVERSION(INHERITANCE), inversion,
	  "L 0-2! H 2-3> L 3-6! H 6-9 M 9-14 L 14-15" },
	{ "priority-preemptive", 0, INVERSION(CEILING), inversion,
	  "L 0-5! H 5-9 M 9-14 L 14-15" },
	// Who does not look at priorities is not disturbed by lending.
	{ "fifo", 0, INVERSION(INHERITANCE), inversion,
	  "L 0-6 H 6-10 M 10-15" },
	{ "rr", 2, INVERSION(INHERITANCE), inversion,
	  "L 0-2: H 2-3> L 3-5: M 5-7: L 7-9 M 9-11: H 11-13: M 13-14 "
	  "H 14-15" },
	{ "priority-preemptive", 0, QUEUED(NO_PROTOCOL),
	  "L 0 7 prio=9\nA 0 3 prio=5\nB 0 4 prio=1\n",
	  "B 0-2@0> A 0-1@1> L 0-7@2 B 5-7@0 A 6-8@1" },
	{ "priority-preemptive", 0, QUEUED(INHERITANCE),
	  "L 0 7 prio=9\nA 0 3 prio=5\nB 0 4 prio=1\n",
	  "B 0-2@0> A 0-1@1> L 0-7@2 B 5-7@0 A 6-8@1" },
	{ "priority-preemptive", 0, QUEUED(NO_PROTOCOL),
	  "L 0 7 prio=9\nA 0 3 prio=5\nB 0 4 prio=5\n",
	  "A 0-1@0> B 0-2@1> L 0-7@2 A 5-7@0 B 6-8@1" },
	{ "priority-preemptive", 0,
	  { .cpus = 2, .sections = urgent_sections, .section_count = 2,
	    .protocol = INHERITANCE },
	  "H 0 6 prio=1\nL 0 2 prio=9\nM 2 5 prio=5\nN 2 5 prio=5\n",
	  "H 0-6@0 L 0-1@1> M 2-7@1 N 6-11@0 L 7-8@1" },
	{ "priority-preemptive", 0,
	  { .cpus = 2, .sections = handed_sections, .section_count = 3,
	    .protocol = CEILING },
	  "L 0 4 prio=8\nK 0 4 prio=9\nH 20 1 prio=1\nM 5 3 prio=5\n"
	  "N 5 3 prio=5\n",
	  "L 0-4@0 K 0-1@1> K 4-7@0 M 5-8@1 N 7-10@0 H 20-21@0" },
	{ "priority-preemptive", 0,
	  { .sections = ready_sections, .section_count = 2 }, ready_holder,
	  "L 0-1! M 1-2! H 2-3> M 3-6 N 6-8 L 8-10! H 10-12 L 12-13" },
	{ "priority-preemptive", 0,
	  { .sections = ready_sections, .section_count = 2,
	    .protocol = INHERITANCE }, ready_holder,
	  "L 0-1! M 1-2! H 2-3> L 3-5! H 5-7 M 7-10 N 10-12 L 12-13" },
};

START_TEST(model_inverts_priorities_and_cures_it)
{
	play_examples(locked, COUNT(locked));
}
END_TEST

START_TEST(model_refuses_bad_sections)
{
	static const struct section bad[][2] = {
		{ { 0, 0, 1, 1 }, { 0, 0, 2, 3 } }, // empty
		{ { 0, 0, 2, 1 }, { 0, 0, 2, 3 } },
		{ { 3, 0, 1, 2 }, { 0, 0, 2, 3 } }, // no such job
		{ { -1, 0, 1, 2 }, { 0, 0, 2, 3 } },
		{ { 0, -1, 1, 2 }, { 0, 0, 2, 3 } }, // no such lock
		{ { 0, LOCKS_MAX, 1, 2 }, { 0, 0, 2, 3 } },
		{ { 0, 0, -1, 2 }, { 0, 0, 2, 3 } }, // before it begins
		{ { 0, 0, 1, 3 }, { 0, 1, 2, 4 } },  // overlap
		{ { 0, 0, 1, 7 * MS }, { 1, 1, 2, 3 } }, // longer than the job
		{ { 1, 0, MS, 3 * MS }, { 0, 0, 2, 3 } }, // across a wait
	};
	struct jobs jobs = model_jobs("A 0 6\nB 0 2,2,2\n");
	struct policy_settings settings =
		policy_defaults(&(struct random){ 1 });
	struct history history;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct simulation simulation = { .cpus = 1,
						 .sections = bad[i],
						 .section_count = 2 };
		ck_assert_msg(simulate(&simulation, policy_named("fifo"),
				       &settings, &jobs, &history) == -EINVAL,
			      "row %zu", i);
	}
	static const struct section edges[] = { { 1, 0, 0, 2 * MS },
						{ 1, 0, 2 * MS, 4 * MS } };
	struct simulation simulation = { .cpus = 1,
					 .sections = edges,
					 .section_count = 2 };
	ck_assert_int_eq(simulate(&simulation, policy_named("fifo"), &settings,
				  &jobs, &history),
			 0);
	history_free(&history);
	simulation.whole_slices = true;
	ck_assert_int_eq(simulate(&simulation, policy_named("fifo"), &settings,
				  &jobs, &history),
			 -EINVAL);
	jobs_free(&jobs);
}
END_TEST

void add_engine_cases(Suite *suite)
{
	add_model_case(suite, "simulator",
		       (const TTest *[]){ model_agrees_with_stallings,
					  model_agrees_with_silberschatz,
					  model_orders_what_happens_at_once,
					  model_ends_empty_waits_at_once,
					  model_displaces_and_switches,
					  model_measures_by_hand,
					  model_counts_switches_cut_short,
					  model_goes_on_after_a_slice,
					  model_measures_what_was_observed,
					  model_runs_on_a_thousand_cpus,
					  model_inverts_priorities_and_cures_it,
					  model_refuses_bad_sections, NULL });
}
