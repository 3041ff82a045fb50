// # What a scheduling policy asks for, and why the kernel says no
//
// sched_setattr(2) takes all policies of Linux in one structure. The C library
// has had no wrapper for it for ten years (glibc has one since 2.41), so the
// call and its structure are our own.
//
// Who may do what (sched(7), "Privileges and resource limits"):
//
// - nice: up, always; down, with CAP_SYS_NICE or as far as RLIMIT_NICE allows.
// - fifo, rr: with CAP_SYS_NICE, or up to the priority that RLIMIT_RTPRIO says.
//   In a control group whose real-time budget is 0 not even root may
//   (CONFIG_RT_GROUP_SCHED).
// - deadline: CAP_SYS_NICE; and the task must be allowed on *all* CPUs of its
//   root domain (all CPUs, unless exclusive cpusets divide them), because the
//   kernel's promise to meet deadlines is made for them together
//   (Documentation/scheduler/sched-deadline.rst, "Tasks CPU affinity").
//
// Sources: sched_setattr(2), sched(7), sched-deadline.rst.

#define _GNU_SOURCE
#include "sched/live/attributes.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

const char *const kernel_policy_names[KERNEL_POLICIES + 1] = {
	[K_OTHER] = "other", [K_BATCH] = "batch",       [K_IDLE] = "idle",
	[K_FIFO] = "fifo",   [K_RR] = "rr",		[K_DEADLINE] = "deadline",
	[KERNEL_POLICIES] = NULL,
};

static const uint32_t numbers[KERNEL_POLICIES] = {
	[K_OTHER] = SCHED_OTHER, [K_BATCH] = SCHED_BATCH, [K_IDLE] = SCHED_IDLE,
	[K_FIFO] = SCHED_FIFO,   [K_RR] = SCHED_RR,
	[K_DEADLINE] = SCHED_DEADLINE,
};

// As the first version of the call knew it (SCHED_ATTR_SIZE_VER0).
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};
_Static_assert(sizeof(struct attributes) == 48, "SCHED_ATTR_SIZE_VER0");

static int refuse(char told[TOLD_BYTES], int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char told[TOLD_BYTES], int error, const char *fmt, ...)
{
	va_list values;

	va_start(values, fmt);
	vsnprintf(told, TOLD_BYTES, fmt, values);
	va_end(values);
	return error;
}

// ## Real-time priorities
//
// POSIX: the larger the number, the more urgent. Our job files, as nice(1): the
// smaller. So the most urgent jobs get `priority`, the next ones one less ...

int realtime_priority(const struct live *live, const struct jobs *jobs, int job,
		      char told[TOLD_BYTES])
{
	int top = live->priority ? live->priority : USUAL_PRIORITY, below = 0;

	if (!live->priority_by_job)
		return top;
	for (size_t i = 0; i < jobs->count; i++) {
		bool new = jobs->tasks[i].priority < jobs->tasks[job].priority;
		for (size_t k = 0; new &&k < i; k++)
			new = jobs->tasks[k].priority !=
			      jobs->tasks[i].priority;
		below += new;
	}
	if (top - below < 1)
		return refuse(told, -EINVAL,
			      "the jobs have more different priorities than "
			      "there are real-time priorities from 1 to %d",
			      top);
	return top - below;
}

// ## Reservations
//
// A deadline task gets `runtime` in each `period`, and is done with it by
// `deadline` after the period's begin, or the kernel refuses it from the
// start: the sum of runtime / period of all of them must not be above 95 % of
// the CPUs (sched_rt_runtime_us). What is not given is chosen:
//
// - a job with a deadline D: all its CPU time and a bit more, each D;
// - one without: an equal share of 90 % of what those leave, each 30 ms.

static const int64_t MARGIN_NS = 500000, USUAL_PERIOD_NS = 30000000;
static const int64_t LONGEST_PERIOD_NS = 4000000000; // the kernel's is 4.19 s

static struct reservation of_deadline(const struct jobs *jobs, int job)
{
	const struct task *task = &jobs->tasks[job];
	int64_t cpu = job_cpu_ns(jobs, job);
	struct reservation r = {
		.runtime_ns = cpu + cpu / 20 + MARGIN_NS,
		.period_ns = task->deadline_ns - task->arrival_ns,
	};

	// longer periods than the kernel takes: the same share of a shorter one
	if (r.period_ns > LONGEST_PERIOD_NS) {
		r.runtime_ns = (int64_t)((double)r.runtime_ns /
					 (double)r.period_ns *
					 (double)LONGEST_PERIOD_NS);
		r.period_ns = LONGEST_PERIOD_NS;
	}
	return r;
}

struct reservation reservation_for(const struct live *live,
				   const struct jobs *jobs, int job)
{
	struct reservation r = { live->runtime_ns, live->period_ns };
	double left = 0.9 * live->cpu_count;
	int sharers = 0;

	if (r.runtime_ns && r.period_ns)
		return r;
	if (jobs->tasks[job].deadline_ns != NEVER && !r.period_ns) {
		struct reservation own = of_deadline(jobs, job);
		own.runtime_ns = r.runtime_ns ? r.runtime_ns : own.runtime_ns;
		return own;
	}
	for (size_t i = 0; i < jobs->count; i++) {
		if (jobs->tasks[i].deadline_ns == NEVER || r.period_ns) {
			sharers++;
			continue;
		}
		struct reservation other = of_deadline(jobs, (int)i);
		left -= (double)other.runtime_ns / (double)other.period_ns;
	}
	double share = left / sharers;
	share = share < 0.01 ? 0.01 : share > 0.9 ? 0.9 : share;
	if (r.runtime_ns)
		r.period_ns = (int64_t)((double)r.runtime_ns / share);
	else if (r.period_ns)
		r.runtime_ns = (int64_t)((double)r.period_ns * share);
	else
		r = (struct reservation){ (int64_t)((double)USUAL_PERIOD_NS *
						    share),
					  USUAL_PERIOD_NS };
	return r;
}

// ## Nice values

int nice_of_job(const struct live *live, const struct jobs *jobs, int job)
{
	int nice = getpriority(PRIO_PROCESS, 0) + live->nice +
		   jobs->tasks[job].nice;

	return nice < -20 ? -20 : nice > 19 ? 19 : nice;
}

// ## Why not
//
// The same errno has several causes; what can be looked up is looked up.

static int explain_realtime(int error, int priority, char told[TOLD_BYTES])
{
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_RTPRIO, &limit);
	if (error != -EPERM)
		return refuse(told, error,
			      "real-time priority %d was refused: %s", priority,
			      strerror(-error));
	if ((rlim_t)priority > limit.rlim_cur && geteuid() != 0)
		return refuse(
			told, error,
			"real-time priority %d needs CAP_SYS_NICE (be "
			"root) or a higher RLIMIT_RTPRIO: here it is %llu; "
			"root may raise it in "
			"/etc/security/limits.conf (rtprio) or with "
			"prlimit(1)",
			priority, (unsigned long long)limit.rlim_cur);
	return refuse(told, error,
		      "real-time scheduling is forbidden here though the user "
		      "would be allowed: a container without CAP_SYS_NICE "
		      "(docker run --cap-add=SYS_NICE), or a control group "
		      "without real-time budget (cpu.rt_runtime_us is 0): move "
		      "to the root group");
}

static int explain_deadline(int error, const struct reservation *r,
			    char told[TOLD_BYTES])
{
	switch (error) {
	case -EPERM:
		if (geteuid() != 0)
			return refuse(told, error,
				      "deadline scheduling needs CAP_SYS_NICE: "
				      "be root (no resource limit allows it)");
		return refuse(
			told, error,
			"a deadline task must be allowed on every CPU of its "
			"root domain, since the kernel guarantees the sum: "
			"leave the choice of CPUs (--cpu, taskset) away, or "
			"make an exclusive cpuset (cpuset(7)); or "
			"CAP_SYS_NICE is missing in this container");
	case -EBUSY:
		return refuse(told, error,
			      "the kernel cannot guarantee so much: all "
			      "deadline tasks together ask for more than "
			      "their share of the CPUs (95 %%, see "
			      "/proc/sys/kernel/sched_rt_runtime_us); less "
			      "runtime, a longer period, or fewer jobs");
	case -EINVAL:
		return refuse(told, error,
			      "runtime %.3f ms in a period of %.3f ms: the "
			      "kernel wants 1024 ns <= runtime <= period, and "
			      "periods from 100 us to 4.19 s "
			      "(/proc/sys/kernel/sched_deadline_period_m*)",
			      (double)r->runtime_ns / 1e6,
			      (double)r->period_ns / 1e6);
	default:
		return refuse(told, error, "deadline scheduling: %s",
			      strerror(-error));
	}
}

static int explain_nice(int error, pid_t pid, enum kernel_policy policy,
			int nice, char told[TOLD_BYTES])
{
	const char *name = kernel_policy_names[policy];

	if (error != -EPERM && error != -EACCES)
		return refuse(told, error, "policy %s with nice %d: %s", name,
			      nice, strerror(-error));
	if (nice < getpriority(PRIO_PROCESS, (id_t)pid))
		return refuse(
			told, error,
			"policy %s with nice %d was refused: a nice value "
			"below the present one needs CAP_SYS_NICE (be "
			"root) or RLIMIT_NICE; raise it, or leave it away",
			name, nice);
	if (sched_getscheduler(pid) == SCHED_IDLE)
		return refuse(told, error,
			      "policy %s with nice %d was refused: who is "
			      "under policy idle needs CAP_SYS_NICE (be root) "
			      "or RLIMIT_NICE to leave it",
			      name, nice);
	return refuse(told, error,
		      "policy %s with nice %d was refused though every user "
		      "may have it: a filter (seccomp) of this container or "
		      "service forbids sched_setattr(2)",
		      name, nice);
}

// A process that is as it shall be needs no call, which a filter might refuse.
static bool is_so(pid_t pid, const struct attributes *a)
{
	return sched_getscheduler(pid) == (int)a->policy &&
	       getpriority(PRIO_PROCESS, (id_t)pid) == a->nice;
}

int policy_set(pid_t pid, const struct live *live, const struct jobs *jobs,
	       int job, char told[TOLD_BYTES])
{
	struct attributes a = { .size = sizeof a,
				.policy = numbers[live->policy] };
	struct reservation r = { 0 };
	bool realtime = live->policy == K_FIFO || live->policy == K_RR;

	if (realtime) {
		int priority = realtime_priority(live, jobs, job, told);
		if (priority < 0)
			return priority;
		a.priority = (uint32_t)priority;
	} else if (live->policy == K_DEADLINE) {
		r = reservation_for(live, jobs, job);
		a.runtime_ns = (uint64_t)r.runtime_ns;
		a.deadline_ns = a.period_ns = (uint64_t)r.period_ns;
	} else {
		a.nice = nice_of_job(live, jobs, job);
		if (is_so(pid, &a))
			return 0;
	}
	if (syscall(SYS_sched_setattr, pid, &a, 0) == 0)
		return 0;
	int error = -errno;
	return realtime ? explain_realtime(error, (int)a.priority, told)
	       : live->policy == K_DEADLINE
		       ? explain_deadline(error, &r, told)
		       : explain_nice(error, pid, live->policy, a.nice, told);
}
