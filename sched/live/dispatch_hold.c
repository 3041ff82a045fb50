// # Holding processes
//
// A dispatcher in a kernel takes the CPU away by not giving it back. Ours is a
// process like those it rules, and has three ways to hold another one:
//
//   a lower real-time priority   sched_setscheduler(2)
//   stopping it                  SIGSTOP and SIGCONT
//   freezing it                  a cgroup of its own, and its freezer
//
// What they cost to take one process off and let another on, the dispatcher on
// the same CPU, real-time (Linux 6.18, AMD EPYC under KVM, medians of 300):
//
//   priority             6 us
//   SIGSTOP             13 us, with waiting for the stop 19 us
//   freezer (cgroup v1) 43 us
//
// The cheapest is not exact: whoever has the lower priority still runs as soon
// as the CPU is free, while the chosen one waits (batch wants just that not to
// happen) or, on another CPU, until the dispatcher has heard of it. A stopped
// process does not run at all. It is also the one way that ordinary users have.
// So everybody gets SIGSTOP; with quanta of milliseconds the difference is 0.1 %
// of the time.
//
// SIGSTOP is a request: kill(2) returns when it is noted, and a process on
// another CPU goes on for 16 us there until an interrupt tells it. waitid(2)
// waits until it stands. On one CPU that also keeps the order: the old one has
// its last microsecond, in which it stops, before the new one has its first.
//
// Where does the dispatcher sit? On a CPU of the children. Woken by a timer
// there it was 39 us late, on a CPU of its own, that was asleep meanwhile, 69;
// and each signal and each wait for a stop then crosses cores (SIGSTOP with its
// wait: 105 us).
//
// Above them it is by SCHED_FIFO where it may. So are the children, below it, as
// long as all their bursts together are not more than Linux leaves to real-time
// tasks in one period (sched_rt_runtime_us, 950 ms of a second): after that it
// would take the CPU away from them for the rest of the period, 50 ms, which no
// policy asked for. Those of a longer run get nice -20, which helps less: beside
// compilers on both CPUs such jobs took two to four times as long as the model
// said, real-time ones 1.05 times. For nice values only count within an
// autogroup (sched(7)), and the compilers were in other ones.
//
// Without privilege there is a shorter slice for the dispatcher (sched_setattr(2),
// since Linux 6.12): who asks for less at a time gets it sooner.
//
// Sources: signal(7), waitid(2), sched(7), sched_setattr(2),
// clock_getcpuclockid(3); Documentation/scheduler/sched-rt-group.rst.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "host.h"
#include "sched/live/dispatch.h"

enum { PRIORITY = 50, CHILDREN_NICE = -20, SHORT_SLICE_NS = 100000 };
static const int64_t LONGEST_REAL_TIME_NS = 1000000000;

// ## One process

int held_begin(struct held *held, pid_t pid)
{
	*held = (struct held){ .pid = pid, .cpu = -1 };
	return -clock_getcpuclockid(pid, &held->clock);
}

int64_t held_cpu_ns(const struct held *held)
{
	struct timespec t = { 0 };

	clock_gettime(held->clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// WNOWAIT leaves a death to be found, and the stop to be forgotten by SIGCONT.
int held_stop(struct held *held)
{
	siginfo_t info;
	int result;

	if (held->stopped)
		return 0;
	if (kill(held->pid, SIGSTOP) == -1)
		return -errno;
	held->stopped = true;
	do
		result = waitid(P_PID, held->pid, &info,
				WSTOPPED | WEXITED | WNOWAIT);
	while (result == -1 && errno == EINTR);
	if (result == -1)
		return -errno;
	return info.si_code == CLD_STOPPED ? 0 : -ESRCH;
}

int held_place(struct held *held, int cpu)
{
	cpu_set_t set;

	if (held->cpu == cpu)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(held->pid, sizeof set, &set) == -1)
		return -errno;
	held->cpu = cpu;
	return 0;
}

int held_go(struct held *held)
{
	if (held->stopped && kill(held->pid, SIGCONT) == -1)
		return -errno;
	held->stopped = false;
	return 0;
}

// The kernel's struct sched_attr; glibc has none before 2.41.
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

// An older kernel takes the call and ignores the length.
static void set_slice(int64_t ns)
{
	struct attributes a = { .size = sizeof a,
				.policy = SCHED_OTHER,
				.nice = getpriority(PRIO_PROCESS, 0),
				.runtime = ns };

	syscall(SYS_sched_setattr, 0, &a, 0);
}

// ## Above the children

// What real-time tasks may have of a CPU at a stretch.
static int64_t real_time_budget_ns(void)
{
	char line[HOST_TEXT];

	if (!host_line("/proc/sys/kernel/sched_rt_runtime_us", line,
		       sizeof line))
		return 0;
	int64_t us = strtoll(line, NULL, 10);
	return us < 0 ? LONGEST_REAL_TIME_NS : us * 1000;
}

// A little of the budget is for the dispatcher.
static bool fits(const struct jobs *jobs)
{
	int64_t budget_ns = real_time_budget_ns(), sum_ns = 0;

	budget_ns -= budget_ns / 20;
	if (budget_ns > LONGEST_REAL_TIME_NS)
		budget_ns = LONGEST_REAL_TIME_NS;
	for (size_t i = 0; i < jobs->count && sum_ns <= budget_ns; i++)
		sum_ns += job_cpu_ns(jobs, (int)i);
	return sum_ns <= budget_ns;
}

static bool raise_children(const struct crew *crew)
{
	const struct sched_param below = { .sched_priority = PRIORITY - 1 };

	if (!fits(crew->jobs))
		return false;
	for (size_t i = 0; i < crew->count; i++)
		if (sched_setscheduler(crew->pids[i], SCHED_FIFO, &below) == -1)
			return false;
	return true;
}

static int favour_children(const struct crew *crew)
{
	const struct sched_param none = { 0 };
	int nice = 0;

	for (size_t i = 0; i < crew->count; i++) {
		sched_setscheduler(crew->pids[i], SCHED_OTHER, &none);
		setpriority(PRIO_PROCESS, (id_t)crew->pids[i], CHILDREN_NICE);
		nice = getpriority(PRIO_PROCESS, (id_t)crew->pids[i]);
	}
	return nice;
}

static void tell(const struct raised *raised, int cpu, bool children_too,
		 int nice, char told[TOLD_BYTES])
{
	char jobs[64] = "real-time, too";

	if (!children_too)
		snprintf(jobs, sizeof jobs, "ordinary processes of nice %d",
			 nice);
	snprintf(told, TOLD_BYTES,
		 "the dispatcher ran on CPU %d, %s, the jobs were %s%s", cpu,
		 raised->real_time ? "real-time (SCHED_FIFO)"
				   : "with an ordinary priority",
		 jobs,
		 raised->real_time ? ""
				   : "; with CAP_SYS_NICE (root) or an "
				     "RLIMIT_RTPRIO it would be real-time, and "
				     "exact also when others compute");
}

// Timers of tasks that are not real-time may be late by their slack, 50 us
// unless it is set. (0 would mean that.)
int raise_above(struct raised *raised, int cpu, const struct crew *crew,
		char told[TOLD_BYTES])
{
	const struct sched_param top = { .sched_priority = PRIORITY };
	bool children_too;
	int nice = 0;

	*raised = (struct raised){ .policy = sched_getscheduler(0),
				   .slack_ns = prctl(PR_GET_TIMERSLACK) };
	if (raised->policy == -1 || sched_getparam(0, &raised->param) == -1 ||
	    sched_getaffinity(0, sizeof raised->cpus, &raised->cpus) == -1)
		return -errno;
	int error = pin_to_cpu(cpu);
	if (error)
		return error;
	prctl(PR_SET_TIMERSLACK, 1);
	raised->real_time = sched_setscheduler(0, SCHED_FIFO, &top) == 0;
	if (!raised->real_time)
		set_slice(SHORT_SLICE_NS);
	children_too = raised->real_time && raise_children(crew);
	if (!children_too)
		nice = favour_children(crew);
	tell(raised, cpu, children_too, nice, told);
	return 0;
}

void lower_again(const struct raised *raised)
{
	if (raised->real_time)
		sched_setscheduler(0, raised->policy, &raised->param);
	else if (raised->policy == SCHED_OTHER)
		set_slice(0);
	prctl(PR_SET_TIMERSLACK, (unsigned long)raised->slack_ns);
	sched_setaffinity(0, sizeof raised->cpus, &raised->cpus);
}
