// # Tests of the dispatcher
//
// The order in which jobs are done is law: model and machine must agree on it
// whenever the policy decides it by arrivals, lengths, priorities or deadlines,
// however slow the machine is. Where time itself decides (quanta), a loaded
// machine may change the order, and what must hold is what a dispatcher is for:
// everybody is done, and a CPU has one job at a time.
//
// live_dispatch is played directly, with and without the kernel's records. duel.c
// plays the program, also as an ordinary user.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "duel_parts.h"
#include "labs.h"
#include "random.h"
#include "sched/live/live.h"
#include "sched/model/simulate.h"

// ## Jobs
//
// Together at time 0, so that no arrival races with a burst: which is done
// first depends on lengths, priorities and deadlines alone. B waits once, long
// before anybody who could be confused with it.

#define MS(n) ((int64_t)(n)*1000000)

static const struct job_line apart[] = {
	{ .name = "A", .bursts_ns = (int64_t[]){ MS(20) }, .bursts = 1,
	  .priority = 3, .deadline_ns = MS(300) },
	{ .name = "B", .bursts_ns = (int64_t[]){ MS(8) }, .bursts = 1,
	  .priority = 4, .deadline_ns = MS(500), .tickets = 300 },
	{ .name = "C", .bursts_ns = (int64_t[]){ MS(14) }, .bursts = 1,
	  .priority = 1, .deadline_ns = MS(200), .nice = 5 },
	{ .name = "D", .bursts_ns = (int64_t[]){ MS(3) }, .bursts = 1,
	  .priority = 2, .deadline_ns = MS(100), .nice = -5 },
};

// Some wait, some come later.
static const struct job_line mixed[] = {
	{ .name = "A", .bursts_ns = (int64_t[]){ MS(12) }, .bursts = 1,
	  .priority = 2 },
	{ .name = "B", .arrival_ns = MS(3),
	  .bursts_ns = (int64_t[]){ MS(4), MS(6), MS(4) }, .bursts = 3,
	  .priority = 1, .deadline_ns = MS(40) },
	{ .name = "C", .arrival_ns = MS(3), .bursts_ns = (int64_t[]){ MS(9) },
	  .bursts = 1, .priority = 3, .tickets = 50 },
	{ .name = "D", .arrival_ns = MS(70),
	  .bursts_ns = (int64_t[]){ MS(2), 0, MS(2) }, .bursts = 3,
	  .nice = 3 },
};

static struct jobs made_of(const struct job_line *lines, size_t n)
{
	struct jobs jobs;

	ck_assert_int_eq(jobs_make(&jobs, lines, n), 0);
	return jobs;
}

#define JOBS_OF(lines) made_of(lines, sizeof(lines) / sizeof *(lines))

// ## Playing

static uint64_t draw_from(void *random)
{
	return random_next(random);
}

static struct policy_settings settings_of(struct random *random)
{
	*random = (struct random){ 7 };
	struct policy_settings s = policy_defaults(random);
	s.quantum_ns = s.level_quantum_ns[0] = MS(4);
	s.draw = draw_from;
	s.luck = random;
	return s;
}

// The last `want` CPUs that we may use; how many there are.
static int our_cpus(int cpus[], int want)
{
	struct topology topology;

	ck_assert_int_eq(topology_read(&topology), 0);
	int all = (int)topology.count;
	int n = want < all ? want : all;
	for (int i = 0; i < n; i++)
		cpus[i] = topology.cpus[all - n + i].number;
	topology_free(&topology);
	return n;
}

static struct history predict(const struct policy *policy,
			      const struct jobs *jobs, int cpus)
{
	struct random random;
	struct policy_settings s = settings_of(&random);
	struct simulation simulation = { .cpus = cpus, .keep_slices = true };
	struct history h;

	ck_assert_int_eq(simulate(&simulation, policy, &s, jobs, &h), 0);
	return h;
}

static struct history dispatch(const struct policy *policy,
			       const struct jobs *jobs, int cpus, bool traced,
			       struct live_notes *notes)
{
	int list[8];
	struct live live = { .cpus = list,
			     .cpu_count = our_cpus(list, cpus),
			     .no_trace = !traced };
	struct random random;
	struct policy_settings s = settings_of(&random);
	struct history h;
	int error = live_dispatch(&live, policy, &s, jobs, &h, notes);

	ck_assert_msg(error == 0, "%s: %s: %s", policy->name, strerror(-error),
		      notes->told);
	ck_assert_msg(living_child(NULL, 0) == 0, "%s leaves a child",
		      policy->name);
	return h;
}

static int64_t done_ns(const struct history *h, size_t job)
{
	return h->measures[job].arrival_ns + h->measures[job].turnaround_ns;
}

// ## What must hold

// Everybody is done, has had the CPU, and never ran before arriving.
static void check_everybody(const struct policy *policy,
			    const struct jobs *jobs, const struct history *h)
{
	ck_assert_uint_eq(h->jobs, jobs->count);
	for (size_t i = 0; i < jobs->count; i++) {
		const struct measure *m = &h->measures[i];
		ck_assert_msg(m->done, "%s: job %zu is not done", policy->name,
			      i);
		ck_assert_msg(
			m->ran_ns > 0 && m->response_ns >= 0 &&
				m->turnaround_ns >=
					job_io_ns(jobs, (int)i) + m->ran_ns,
			"%s: job %zu: ran %lld, response %lld, "
			"turnaround %lld",
			policy->name, i, (long long)m->ran_ns,
			(long long)m->response_ns, (long long)m->turnaround_ns);
	}
}

// A CPU has one job at a time, and a job one CPU.
static void check_alone(const struct policy *policy, const struct history *h)
{
	for (size_t i = 0; i < h->slice_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct slice *a = &h->slices[k];
			const struct slice *b = &h->slices[i];
			ck_assert_msg((a->cpu != b->cpu && a->job != b->job) ||
					      a->end_ns <= b->begin_ns ||
					      b->end_ns <= a->begin_ns,
				      "%s: jobs %d and %d run at once: %lld to "
				      "%lld on CPU %d, %lld to %lld on CPU %d",
				      policy->name, a->job, b->job,
				      (long long)a->begin_ns,
				      (long long)a->end_ns, a->cpu,
				      (long long)b->begin_ns,
				      (long long)b->end_ns, b->cpu);
		}
}

static void check_order(const struct policy *policy,
			const struct history *predicted,
			const struct history *observed)
{
	for (size_t i = 0; i < predicted->jobs; i++)
		for (size_t k = 0; k < i; k++) {
			int64_t model = done_ns(predicted, i) -
					done_ns(predicted, k);
			int64_t machine = done_ns(observed, i) -
					  done_ns(observed, k);
			ck_assert_msg(model == 0 ||
					      (model < 0) == (machine < 0),
				      "%s: jobs %zu and %zu: %lld ns apart in "
				      "the model, %lld on the machine",
				      policy->name, k, i, (long long)model,
				      (long long)machine);
		}
}

// A job of a policy that never takes the CPU away leaves it by itself.
static void check_ends(const struct policy *policy, const struct history *h,
		       const struct live_notes *notes)
{
	for (size_t i = 0; !notes->traced && i < h->slice_count; i++)
		ck_assert_msg(policy->preemptive ||
				      h->slices[i].end == SLICE_FINISHED ||
				      h->slices[i].end == SLICE_BLOCKED,
			      "%s takes the CPU away", policy->name);
}

// Whether time decides who is done first.
static bool by_time(const struct policy *policy)
{
	return policy->time_sharing || strstr(policy->name, "ageing");
}

static void check_policy(const struct policy *policy, bool traced)
{
	struct jobs jobs = JOBS_OF(apart);
	struct history model = predict(policy, &jobs, 1);
	struct live_notes notes;
	struct history machine = dispatch(policy, &jobs, 1, traced, &notes);

	ck_assert(traced || !notes.traced);
	check_everybody(policy, &jobs, &machine);
	check_alone(policy, &machine);
	check_ends(policy, &machine, &notes);
	if (!by_time(policy))
		check_order(policy, &model, &machine);
	history_free(&model);
	history_free(&machine);
	jobs_free(&jobs);
}

START_TEST(dispatcher_order)
{
	check_policy(policies[_i], true);
	check_policy(policies[_i], false);
}
END_TEST

// Waits, late arrivals, a wait of no length.
START_TEST(dispatcher_waits)
{
	struct jobs jobs = JOBS_OF(mixed);
	struct live_notes notes;
	struct history h = dispatch(policies[_i], &jobs, 1, true, &notes);

	check_everybody(policies[_i], &jobs, &h);
	check_alone(policies[_i], &h);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

START_TEST(dispatcher_two_cpus)
{
	struct jobs jobs = JOBS_OF(mixed);
	struct live_notes notes;
	struct history h = dispatch(policies[_i], &jobs, 2, true, &notes);

	check_everybody(policies[_i], &jobs, &h);
	check_alone(policies[_i], &h);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// A quantum that divides the burst: the end of the burst is the end of it, and
// no further turn is needed. 12 ms in turns of 4: three picks, not four. (Unless
// the same work takes this CPU much longer than when it was measured. A
// dispatcher that is not real-time may be late, and its turns longer and fewer.)
START_TEST(dispatcher_burst_ends_with_its_quantum)
{
	const struct job_line equal[] = {
		{ .name = "A", .bursts_ns = (int64_t[]){ MS(12) }, .bursts = 1 },
		{ .name = "B", .bursts_ns = (int64_t[]){ MS(12) }, .bursts = 1 },
	};
	struct jobs jobs = JOBS_OF(equal);
	const struct policy *rr = policy_named("rr");
	struct history model = predict(rr, &jobs, 1);
	struct live_notes notes;
	struct history machine = dispatch(rr, &jobs, 1, false, &notes);

	ck_assert_uint_eq(model.picks, 6);
	if (notes.work_error_ns < MS(6)) {
		ck_assert_uint_le(machine.picks, 6);
		if (strstr(notes.told, "(SCHED_FIFO)"))
			ck_assert_uint_eq(machine.picks, 6);
		if (machine.picks == 6)
			check_order(rr, &model, &machine);
	}
	history_free(&model);
	history_free(&machine);
	jobs_free(&jobs);
}
END_TEST

// batch: one after another, the CPU waits with the job.
START_TEST(dispatcher_batch_waits_too)
{
	const struct job_line two[] = {
		{ .name = "A", .bursts_ns = (int64_t[]){ MS(3), MS(10), MS(3) },
		  .bursts = 3 },
		{ .name = "B", .bursts_ns = (int64_t[]){ MS(3) }, .bursts = 1 },
	};
	struct jobs jobs = JOBS_OF(two);
	const struct policy *batch = policy_named("batch");
	struct live_notes notes;
	struct history h = dispatch(batch, &jobs, 1, true, &notes);

	ck_assert_int_ge(done_ns(&h, 1) - h.measures[1].ran_ns, done_ns(&h, 0));
	ck_assert_int_ge(h.measures[1].response_ns,
			 h.measures[0].turnaround_ns);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// The most urgent job comes while another one computes: it is done first.
START_TEST(dispatcher_preempts)
{
	const struct job_line two[] = {
		{ .name = "long", .bursts_ns = (int64_t[]){ MS(200) },
		  .bursts = 1, .priority = 5 },
		{ .name = "urgent", .arrival_ns = MS(5),
		  .bursts_ns = (int64_t[]){ MS(5) }, .bursts = 1,
		  .priority = 1 },
	};
	const char *const names[] = { "priority-preemptive", "srtf",
				      "priority" };
	struct jobs jobs = JOBS_OF(two);
	struct live_notes notes;

	for (int i = 0; i < 3; i++) {
		const struct policy *policy = policy_named(names[i]);
		struct history h = dispatch(policy, &jobs, 1, true, &notes);
		ck_assert_msg((done_ns(&h, 1) < done_ns(&h, 0)) ==
				      policy->preemptive,
			      "%s", names[i]);
		history_free(&h);
	}
	jobs_free(&jobs);
}
END_TEST

// The caller gets back what it had.
START_TEST(dispatcher_restores_its_caller)
{
	struct jobs jobs = JOBS_OF(mixed);
	cpu_set_t before, after;
	struct live_notes notes;
	int slack = prctl(PR_GET_TIMERSLACK);

	ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
	int policy = sched_getscheduler(0);
	struct history h = dispatch(policy_named("rr"), &jobs, 1, true, &notes);
	ck_assert_int_eq(sched_getaffinity(0, sizeof after, &after), 0);
	ck_assert(CPU_EQUAL(&before, &after));
	ck_assert_int_eq(sched_getscheduler(0), policy);
	ck_assert_int_eq(prctl(PR_GET_TIMERSLACK), slack);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

START_TEST(dispatcher_refuses)
{
	struct jobs jobs = JOBS_OF(mixed);
	struct random random;
	struct policy_settings s = settings_of(&random);
	struct live_notes notes;
	struct history h;
	const int none[] = { 100000 };
	struct live live = { .cpus = none, .cpu_count = 1 };

	ck_assert_int_eq(live_dispatch(&live, policy_named("rr"), &s, &jobs, &h,
				       &notes),
			 -EINVAL);
	ck_assert(*notes.told);
	int cpu;
	live.cpu_count = our_cpus(&cpu, 1);
	live.cpus = &cpu;
	s.quantum_ns = 0;
	ck_assert_int_eq(live_dispatch(&live, policy_named("rr"), &s, &jobs, &h,
				       &notes),
			 -EINVAL);
	ck_assert(*notes.told);
	ck_assert_int_eq(living_child(NULL, 0), 0);
	jobs_free(&jobs);
}
END_TEST

// `stop` ends it, and nobody is left.
static volatile sig_atomic_t stop_now;

static void stop_it(void *argument, int64_t elapsed_ns)
{
	(void)argument;
	stop_now = elapsed_ns > MS(20);
}

START_TEST(dispatcher_stops)
{
	const struct job_line endless[] = {
		{ .name = "A", .bursts_ns = (int64_t[]){ MS(100000) },
		  .bursts = 1 },
		{ .name = "B", .bursts_ns = (int64_t[]){ MS(100000) },
		  .bursts = 1 },
	};
	struct jobs jobs = JOBS_OF(endless);
	int cpu;
	struct live live = { .cpus = &cpu,
			     .cpu_count = our_cpus(&cpu, 1),
			     .stop = &stop_now,
			     .progress = stop_it };
	struct random random;
	struct policy_settings s = settings_of(&random);
	struct live_notes notes;
	struct history h;

	ck_assert_int_eq(live_dispatch(&live, policy_named("rr"), &s, &jobs, &h,
				       &notes),
			 0);
	ck_assert(notes.stopped);
	ck_assert(!h.measures[0].done && !h.measures[1].done);
	ck_assert_int_eq(living_child(NULL, 0), 0);
	history_free(&h);
	jobs_free(&jobs);
}
END_TEST

// ## A killed dispatcher

// The state and the parent of a process, 'X' and 0 where there is none. (Names
// of jobs have blanks in them: the last parenthesis ends the name.)
static char state_of(const char *pid, int *parent)
{
	char path[64], text[512] = "", state;

	*parent = 0;
	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 'X';
	char *line = fgets(text, sizeof text, file);
	fclose(file);
	const char *end = line ? strrchr(text, ')') : NULL;
	return end && sscanf(end + 1, " %c %d", &state, parent) == 2 ? state
								     : 'X';
}

// Dead, though perhaps nobody has waited for it.
static bool is_over(pid_t pid)
{
	char text[24];
	int parent;

	snprintf(text, sizeof text, "%d", pid);
	char state = state_of(text, &parent);
	return state == 'X' || state == 'Z';
}

// The children of `parent`: how many, and in what states.
static int children_of(pid_t parent, pid_t *pids, char *states, int most)
{
	DIR *proc = opendir("/proc");
	int n = 0;

	ck_assert_ptr_nonnull(proc);
	for (struct dirent *entry; n < most && (entry = readdir(proc));) {
		int ppid = 0;
		bool process = *entry->d_name >= '1' && *entry->d_name <= '9';
		char state = process ? state_of(entry->d_name, &ppid) : 'X';
		if (ppid != parent || !process)
			continue;
		pids[n] = (pid_t)strtol(entry->d_name, NULL, 10);
		states[n++] = state;
	}
	closedir(proc);
	return n;
}

static _Noreturn void dispatch_for_ever(void)
{
	const struct job_line endless[] = {
		{ .name = "A", .bursts_ns = (int64_t[]){ MS(100000) },
		  .bursts = 1 },
		{ .name = "B", .bursts_ns = (int64_t[]){ MS(100000) },
		  .bursts = 1 },
		{ .name = "C", .bursts_ns = (int64_t[]){ MS(100000) },
		  .bursts = 1 },
	};
	struct jobs jobs;
	struct topology topology;
	struct random random;
	struct policy_settings s = settings_of(&random);
	struct live_notes notes;
	struct history h;

	if (jobs_make(&jobs, endless, 3) || topology_read(&topology))
		_exit(1);
	int cpu = topology.cpus[topology.count - 1].number;
	struct live live = { .cpus = &cpu, .cpu_count = 1, .no_trace = true };
	live_dispatch(&live, policy_named("rr"), &s, &jobs, &h, &notes);
	_exit(2);
}

// While it lives, others than one are stopped or asleep; when it is killed, all
// go, those that are stopped, too.
START_TEST(dispatcher_killed)
{
	pid_t pids[8], dispatcher = fork_fresh();
	char states[8];
	int n = 0, stopped = 0;

	if (dispatcher == 0)
		dispatch_for_ever();
	for (int turns = 0; stopped < 2; turns++) {
		ck_assert_int_lt(turns, 60000);
		test_nap();
		n = children_of(dispatcher, pids, states, 8);
		stopped = 0;
		for (int i = 0; i < n; i++)
			stopped += states[i] == 'T';
	}
	ck_assert_int_eq(n, 3);
	kill(dispatcher, SIGKILL);
	status_of(dispatcher);
	for (int i = 0; i < n; i++)
		await(is_over(pids[i]));
}
END_TEST

// Somebody kills a job: the dispatcher says so, and ends the others.
START_TEST(dispatcher_loses_a_job)
{
	pid_t pids[8], dispatcher = fork_fresh();
	char states[8];
	int n = 0;

	if (dispatcher == 0)
		dispatch_for_ever();
	for (int turns = 0; n < 3; turns++) {
		ck_assert_int_lt(turns, 60000);
		test_nap();
		n = children_of(dispatcher, pids, states, 8);
	}
	kill(pids[1], SIGKILL);
	int status = status_of(dispatcher);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	for (int i = 0; i < n; i++)
		ck_assert(is_over(pids[i]));
}
END_TEST

void add_dispatcher_tests(Suite *suite)
{
	TCase *tcase = tcase_create("dispatcher");
	int n = 0;

	while (policies[n])
		n++;
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, dispatcher_order, 0, n);
	tcase_add_loop_test(tcase, dispatcher_waits, 0, n);
	tcase_add_loop_test(tcase, dispatcher_two_cpus, 0, n);
	tcase_add_test(tcase, dispatcher_burst_ends_with_its_quantum);
	tcase_add_test(tcase, dispatcher_batch_waits_too);
	tcase_add_test(tcase, dispatcher_preempts);
	tcase_add_test(tcase, dispatcher_restores_its_caller);
	tcase_add_test(tcase, dispatcher_refuses);
	tcase_add_test(tcase, dispatcher_stops);
	tcase_add_test(tcase, dispatcher_killed);
	tcase_add_test(tcase, dispatcher_loses_a_job);
}
