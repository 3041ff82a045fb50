// # Tests of sched/live by itself
//
// What the kernel is asked for, its records of switches, and what is done where
// it forbids them. The tests of sched/gantt (gantt.c) go through the same code.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gantt_parts.h"
#include "host_tree.h"
#include "labs.h"
#include "privilege.h"
#include "sched/live/attributes.h"
#include "sched/live/live.h"
#include "sched/live/trace.h"

// ## What the kernel is asked for

// Priorities: by rank, from the top; 50 where nothing is said.
START_TEST(live_ranks_priorities)
{
	const int64_t burst_ns = 1000000;
	struct job_line lines[4];
	struct jobs jobs;
	char told[TOLD_BYTES] = "";
	const char *const names[] = { "a", "b", "c", "d" };
	const int32_t given[] = { 5, -1, 5, 0 };
	const int expected[] = { 48, 50, 48, 49 };

	for (int i = 0; i < 4; i++)
		lines[i] = (struct job_line){ .name = names[i],
					      .bursts_ns = &burst_ns,
					      .bursts = 1,
					      .priority = given[i] };
	ck_assert_int_eq(jobs_make(&jobs, lines, 4), 0);
	struct live live = { .policy = K_FIFO, .priority_by_job = true };
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(realtime_priority(&live, &jobs, i, told),
				 expected[i]);
	live.priority = 2;
	ck_assert_int_eq(realtime_priority(&live, &jobs, 3, told), 1);
	ck_assert_int_eq(realtime_priority(&live, &jobs, 0, told), -EINVAL);
	assert_has(told, "more different priorities");
	live.priority_by_job = false;
	ck_assert_int_eq(realtime_priority(&live, &jobs, 0, told), 2);
	jobs_free(&jobs);
}
END_TEST

// Reservations: given, from the deadline, a share; none above its period, and
// all together within what the kernel admits.
START_TEST(live_chooses_reservations)
{
	const int64_t ms_ns = 1000000, burst_ns = 40 * ms_ns;
	const struct job_line lines[] = {
		{ .name = "a", .bursts_ns = &burst_ns, .bursts = 1,
		  .arrival_ns = 7 * ms_ns, .deadline_ns = 100 * ms_ns },
		{ .name = "b", .bursts_ns = &burst_ns, .bursts = 1 },
		{ .name = "c", .bursts_ns = &burst_ns, .bursts = 1 },
	};
	struct live live = { .policy = K_DEADLINE, .cpu_count = 1 };
	struct jobs jobs;
	double sum = 0;

	ck_assert_int_eq(jobs_make(&jobs, lines, 3), 0);
	for (int i = 0; i < 3; i++) {
		struct reservation r = reservation_for(&live, &jobs, i);
		ck_assert_int_ge(r.runtime_ns, 1024);
		ck_assert_int_le(r.runtime_ns, r.period_ns);
		sum += (double)r.runtime_ns / (double)r.period_ns;
	}
	ck_assert_double_le(sum, 0.95);
	struct reservation a = reservation_for(&live, &jobs, 0);
	ck_assert_int_eq(a.period_ns, 100 * ms_ns);
	ck_assert_int_ge(a.runtime_ns, 40 * ms_ns);
	live.runtime_ns = 3 * ms_ns;
	live.period_ns = 2 * ms_ns;
	a = reservation_for(&live, &jobs, 0);
	ck_assert_int_eq(a.runtime_ns, 3 * ms_ns);
	ck_assert_int_eq(a.period_ns, 2 * ms_ns);
	jobs_free(&jobs);
}
END_TEST

// ## The trace

static _Noreturn void read_bytes(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1)
		;
	_exit(0);
}

static bool sleeps(pid_t pid)
{
	char path[64], text[256] = "";

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *stat = fopen(path, "re");
	ck_assert_ptr_nonnull(stat);
	text[fread(text, 1, sizeof text - 1, stat)] = '\0';
	fclose(stat);
	const char *end = strrchr(text, ')');
	return end && end[2] == 'S';
}

// A child that is woken by a byte and sleeps again, five times.
START_TEST(trace_of_one_task)
{
	enum { TURNS = 5 };
	int fds[2], error = 0, in = 0, blocked = 0;
	struct trace_event *events;
	uint64_t lost;
	size_t n;

	ck_assert_int_eq(pipe(fds), 0);
	pid_t child = fork_fresh();
	if (child == 0) {
		close(fds[1]);
		read_bytes(fds[0]);
	}
	await(sleeps(child));
	struct trace *trace = trace_task(child, &error);
	for (int i = 0; i < TURNS && trace; i++) {
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
		int unread = 1;
		await((ioctl(fds[0], FIONREAD, &unread), unread == 0) &&
		      sleeps(child));
	}
	kill(child, SIGKILL);
	if (!trace) {
		status_of(child);
		SKIP("perf_event_open: %s", strerror(-error));
	}
	ck_assert_int_eq(trace_read(trace, &events, &n, &lost), 0);
	status_of(child);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(events[i].task, child);
		ck_assert(i == 0 || events[i].at_ns >= events[i - 1].at_ns);
		ck_assert(i == 0 || (events[i].kind == TRACE_IN) !=
					    (events[i - 1].kind == TRACE_IN));
		in += events[i].kind == TRACE_IN;
		blocked += events[i].kind == TRACE_OUT_BLOCKED;
	}
	ck_assert_uint_eq(lost, 0);
	ck_assert_int_ge(in, TURNS);
	ck_assert_int_ge(blocked, TURNS);
	free(events);
	trace_free(trace);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(trace_of_nobody)
{
	int error = 0;

	ck_assert_ptr_null(trace_task(INT32_MAX, &error));
	ck_assert_int_lt(error, 0);
	trace_free(NULL);
}
END_TEST

static int first_cpu(void)
{
	cpu_set_t ours;
	int cpu = 0;

	sched_getaffinity(0, sizeof ours, &ours);
	while (!CPU_ISSET(cpu, &ours))
		cpu++;
	return cpu;
}

// ## Where the kernel's records are forbidden

static int forbidden_error;

// Exit status 0 if all is as it should be.
static int run_without_perf(void)
{
	const int64_t bursts_ns[] = { 3000000, 1000000, 3000000 };
	const struct job_line line = { .name = "A",
				       .bursts_ns = bursts_ns,
				       .bursts = 3 };
	struct history history;
	struct live_notes notes;
	struct jobs jobs;
	int cpu = first_cpu();

	if (forbid(SYS_perf_event_open, forbidden_error, UINT32_MAX))
		return LACKING;
	struct live live = { .cpus = &cpu, .cpu_count = 1 };
	if (jobs_make(&jobs, &line, 1) ||
	    live_run(&live, &jobs, &history, &notes))
		return 1;
	int bad = notes.traced * 2 |
		  (notes.trace_error != -forbidden_error) * 4 |
		  !history.measures[0].done * 16;
	history_free(&history);
	jobs_free(&jobs);
	struct outcome got = run_shell("echo A 0 3 | $B/" GANTT);
	bad |= (got.exit || !strstr(got.out, "perf_event_open")) * 32;
	outcome_free(&got);
	return bad;
}

START_TEST(live_without_perf_events)
{
	const int errors[] = { EPERM, EACCES, ENOSYS };

	forbidden_error = errors[_i];
	int status = in_child(run_without_perf);
	if (status == LACKING)
		SKIP("this host allows no seccomp filter");
	ck_assert_msg(status == 0, "not as it should be: %#x", status);
}
END_TEST

// ## Where sched_setattr(2) is forbidden, though nobody needs power for it
//
// What is so already is not asked for; what is refused does not call for a nice
// value that nobody lowered.

static int run_without_setattr(void)
{
	if (forbid(SYS_sched_setattr, EPERM, UINT32_MAX))
		return LACKING;
	struct outcome got = run_shell("echo A 0 3 | $B/" GANTT);
	int bad = (got.exit != 0) * 2;
	outcome_free(&got);
	got = run_shell("echo A 0 3 | $B/" GANTT " --policy=batch");
	bad |= (got.exit != 77 || !strstr(got.err, "sched_setattr") ||
		strstr(got.err, "RLIMIT_NICE")) *
	       4;
	outcome_free(&got);
	return bad;
}

START_TEST(live_without_sched_setattr)
{
	if (sched_getscheduler(0) != SCHED_OTHER)
		SKIP("this test does not run under SCHED_OTHER");
	int status = in_child(run_without_setattr);
	if (status == LACKING)
		SKIP("this host allows no seccomp filter");
	ck_assert_msg(status == 0, "not as it should be: %#x", status);
}
END_TEST

// ## Without power

static int run_powerless(void)
{
	const int64_t burst_ns = 1000000;
	const struct job_line line = { .name = "A",
				       .bursts_ns = &burst_ns,
				       .bursts = 1 };
	const struct live wishes[] = {
		{ .policy = K_FIFO }, { .policy = K_DEADLINE },
		{ .policy = K_OTHER, .nice = -5 }
	};
	struct history history;
	struct live_notes notes;
	struct jobs jobs;
	int cpu = first_cpu(), bad = 0;

	give_up_capabilities();
	if (jobs_make(&jobs, &line, 1))
		return 1;
	for (int i = 0; i < 3; i++) {
		struct live live = wishes[i];
		live.cpus = &cpu;
		live.cpu_count = 1;
		int error = live_run(&live, &jobs, &history, &notes);
		if (error != -EPERM || !strstr(notes.told, "CAP_SYS_NICE") ||
		    living_child(NULL, 0))
			bad |= 2 << i;
	}
	jobs_free(&jobs);
	return bad;
}

START_TEST(live_explains_what_needs_power)
{
	struct rlimit priority, nice;

	getrlimit(RLIMIT_RTPRIO, &priority);
	getrlimit(RLIMIT_NICE, &nice);
	if (priority.rlim_cur || nice.rlim_cur)
		SKIP("RLIMIT_RTPRIO or RLIMIT_NICE gives everybody the power");
	int bad = in_child(run_powerless);
	ck_assert_msg(bad == 0, "not as it should be: %#x", bad);
}
END_TEST

// ## What remains

static bool somebody_left(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return living_child(NULL, 0) != 0;
}

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

// live_run by itself, again and again, also with nonsense: no child, no
// descriptor remains.
START_TEST(live_run_leaves_nothing)
{
	const int64_t burst_ns = 500000;
	const struct job_line line = { .name = "A",
				       .bursts_ns = &burst_ns,
				       .bursts = 1 };
	const int nowhere[] = { CPU_SETSIZE - 1 }, absurd[] = { -1 };
	struct history history;
	struct live_notes notes;
	struct jobs jobs, none = { 0 };
	int cpu = first_cpu();

	ck_assert_int_eq(jobs_make(&jobs, &line, 1), 0);
	int before = open_files();
	struct live live = { .cpus = &cpu, .cpu_count = 1 };
	for (int i = 0; i < 4; i++) {
		live.no_trace = i % 2;
		ck_assert_int_eq(live_run(&live, &jobs, &history, &notes), 0);
		ck_assert_uint_ge(history.slice_count, 1);
		history_free(&history);
	}
	ck_assert_int_eq(live_run(&live, &none, &history, &notes), -EINVAL);
	assert_has(notes.told, "0 jobs");
	live.cpus = nowhere;
	ck_assert_int_eq(live_run(&live, &jobs, &history, &notes), -EINVAL);
	assert_has(notes.told, "is not ours to use");
	live.cpus = absurd;
	ck_assert_int_eq(live_run(&live, &jobs, &history, &notes), -EINVAL);
	assert_has(notes.told, "there is no CPU -1");
	ck_assert(!somebody_left());
	ck_assert_int_eq(open_files(), before);
	jobs_free(&jobs);
}
END_TEST

static void tell_it_runs(void *fd, int64_t elapsed_ns)
{
	(void)elapsed_ns;
	(void)!write(*(int *)fd, "x", 1);
}

// Whoever called live_run is killed, and there is no supervisor: the children
// die with him.
START_TEST(live_children_die_with_their_parent)
{
	const int64_t burst_ns = INT64_C(600000000000);
	const struct job_line line = { .name = "A",
				       .bursts_ns = &burst_ns,
				       .bursts = 1 };
	int fds[2], cpu = first_cpu();
	struct history history;
	struct live_notes notes;
	struct jobs jobs;
	char byte;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(jobs_make(&jobs, &line, 1), 0);
	pid_t child = fork_fresh();
	if (child == 0) {
		struct live live = { .cpus = &cpu,
				     .cpu_count = 1,
				     .progress = tell_it_runs,
				     .progress_argument = &fds[1] };
		_exit(live_run(&live, &jobs, &history, &notes) ? 1 : 0);
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	kill(child, SIGKILL);
	ck_assert_int_eq(status_of(child), SIGKILL);
	for (int turns = 0; turns < 10000 && somebody_left(); turns++)
		test_nap();
	pid_t left = living_child(NULL, 0);
	if (left)
		kill(left, SIGKILL);
	ck_assert_msg(!left, "%d computes on", left);
	close(fds[0]);
	jobs_free(&jobs);
}
END_TEST

void add_live_tests(TCase *tests)
{
	tcase_add_test(tests, live_ranks_priorities);
	tcase_add_test(tests, live_chooses_reservations);
	tcase_add_test(tests, trace_of_one_task);
	tcase_add_test(tests, trace_of_nobody);
	tcase_add_loop_test(tests, live_without_perf_events, 0, 3);
	tcase_add_test(tests, live_explains_what_needs_power);
	tcase_add_test(tests, live_without_sched_setattr);
	tcase_add_test(tests, live_run_leaves_nothing);
	tcase_add_test(tests, live_children_die_with_their_parent);
}
