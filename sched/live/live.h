// live.h - the same jobs as real processes
//
// Each job of the file becomes a child that computes its CPU bursts (real work,
// calibrated to this CPU) and waits for its I/O (in the kernel, asleep). Who
// runs when is decided by the kernel (live_run) or by one of our own policies
// (live_dispatch: a dispatcher that lets one child a CPU run and holds the
// others). What happened is a history, the same shape the model produces.
//
// Nothing is printed; errors are -errno, and what a person should be told is a
// sentence in `told`. No child survives, also when the caller is killed.

#ifndef SCHED_LIVE_H
#define SCHED_LIVE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "sched/model/history.h"
#include "sched/model/jobs.h"
#include "sched/policy/policy.h"

enum {
	TOLD_BYTES = 400,
	JOBS_AT_ONCE = 500 // that live_run and live_dispatch take
};

// A switch takes a few us. While a job is ready, a CPU that has none for longer
// than this has somebody else.
enum { LONGEST_SWITCH_NS = 100000 };

// The kernel's policies by the names of chrt(1): what sched_setattr(2) gets.
enum kernel_policy {
	K_OTHER,
	K_BATCH,
	K_IDLE,
	K_FIFO,
	K_RR,
	K_DEADLINE,
	KERNEL_POLICIES
};
extern const char *const kernel_policy_names[KERNEL_POLICIES + 1]; // NULL ends

struct live {
	const int *cpus; // the CPUs to run on, `cpu_count` of them
	int cpu_count;

	// live_run
	enum kernel_policy policy;
	int nice;     // added to each job's own, and to the caller's
	int priority; // real-time priority 1 .. 99 (fifo, rr); 0: 50

	// fifo, rr: the smaller a job's prio= the more urgent: the smallest gets
	// `priority`, the next larger one less ...
	bool priority_by_job;
	int64_t runtime_ns, period_ns; // deadline; 0: chosen from the job

	bool no_trace; // do as if the kernel forbade perf events

	// May be NULL. `stop` is looked at now and then: when it is not 0, all
	// children end, and the history is what happened so far. `progress` is
	// told how long it has run.
	const volatile sig_atomic_t *stop;
	void (*progress)(void *argument, int64_t elapsed_ns);
	void *progress_argument;
};

// How the history was observed, and what disturbed it.
struct live_notes {
	// PERF_RECORD_SWITCH. false: the workers' own clocks, and why: -EACCES
	// ...; 0 where the trace was not wanted.
	bool traced;
	int trace_error;

	bool stopped; // by live.stop: some jobs may not be done

	// The children were not ready at time 0, but so much later: the machine
	// is very busy.
	int64_t late_ns;

	// Switches of all jobs together, counted by the kernel (getrusage(2)).
	long voluntary, involuntary;

	uint64_t lost;     // records the kernel could not keep
	int64_t stolen_ns; // the hypervisor ran somebody else (host_steal_ns)

	// Our CPU ran strangers (or nobody: real-time throttling) while a job
	// was ready; -1 where that cannot be known: several CPUs, deadline tasks
	// that have used up their time, a dispatcher.
	int64_t others_ns;

	// CPU time the bursts really took, all jobs together, less what was
	// asked for.
	int64_t work_error_ns;

	char told[TOLD_BYTES];
};

// Runs the jobs under the kernel's own scheduler. 0; -EPERM, -EINVAL, -ENOSYS,
// ... with a sentence in notes->told that says what to do. May be interrupted
// by a signal that ends the process: its children die with it. Call from a
// process whose time matters to nobody: it sleeps until all are done.
int live_run(const struct live *live, const struct jobs *jobs,
	     struct history *history, struct live_notes *notes);

// Runs them under `policy`, dispatched by this process: it takes a real-time
// priority where it may (fewer errors), and works without, too, by SIGSTOP and
// SIGCONT.
int live_dispatch(const struct live *live, const struct policy *policy,
		  const struct policy_settings *settings,
		  const struct jobs *jobs, struct history *history,
		  struct live_notes *notes);

#endif
