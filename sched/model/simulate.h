// simulate.h - the model: a policy, driven by a virtual clock
//
// Jumps from event to event (an arrival, the end of a wait, of a slice, of a
// burst), so the time is that of the decisions, not that of the ticks: O(log n)
// for each with any policy here.

#ifndef SCHED_SIMULATE_H
#define SCHED_SIMULATE_H

#include "sched/model/history.h"
#include "sched/model/jobs.h"
#include "sched/policy/policy.h"

enum { MODEL_CPUS_MAX = 1024, LOCKS_MAX = 1024 };

// A critical section: this job holds `lock` (0 .. LOCKS_MAX - 1) while its own
// CPU time goes from `from_ns` to `to_ns`, both counted over all its bursts. Who
// finds the lock held is blocked until it is given to him: at the release, to the
// most urgent waiter. Sections of one job do not overlap, and none spans a wait.
struct section {
	int job, lock;
	int64_t from_ns, to_ns;
};

// What happens to the holder's priority (Sha, Rajkumar & Lehoczky, "Priority
// Inheritance Protocols", IEEE Transactions on Computers 39 (1990)): nothing; it
// has the most urgent waiter's as long as there is one; from the beginning it
// has that of the most urgent job that ever takes the lock (the immediate form
// of the ceiling, POSIX's PTHREAD_PRIO_PROTECT).
enum protocol { NO_PROTOCOL, INHERITANCE, CEILING };

struct simulation {
	int cpus;               // 1 .. MODEL_CPUS_MAX
	int64_t switch_cost_ns; // charged whenever a CPU goes to another job
				// than it ran last (the first is free)
	bool keep_slices, keep_decisions;

	// What happens first when a slice ends in the very moment in which
	// others become ready. false: they join the queue before the one whose
	// slice is over (Stallings' and most books' examples). true: after it
	// (OSTEP's programs).
	bool expired_first;

	const struct section *sections; // NULL: no locks
	size_t section_count;
	enum protocol protocol;

	// The clock moves a whole slice on although the job needed less (OSTEP's
	// lottery); the job is done at the end of that slice, and all of it
	// counts as run.
	bool whole_slices;
};

// Runs all jobs to their end. Returns 0, -EINVAL (settings the policy refuses,
// no jobs, cpus out of range, sections that overlap or span a wait, sections
// with whole_slices, a policy that hands out an empty slice or a job that is not
// there), -ENOMEM, -EOVERFLOW (a time, or the sum of all phases, beyond NEVER) or
// -EDEADLK (a policy keeps a ready job back and nothing will ever happen again);
// on 0 the caller frees the history. Nothing global; any number at once.
//
// Within one moment: arrivals in the order of the file, the ends of waits in the
// order in which they began, then the CPUs by number (expired_first: before the
// others). On a CPU a lock is released first; then the burst ends, or else the
// next lock is taken, then the slice ends. A wait of 0 ns is over at once, after
// the arrivals of its moment. Then idle CPUs pick, the lowest number first.
//
// A switch can be cut short by somebody more urgent; the job it was made for has
// not run then. Waiting for a lock is waiting, as being ready is, in `measures`.
//
// Memory: a job costs BYTES_A_JOB at most, 48 of them its measure in the history
// (24 less for a job that never waits, 4 less where none does, 4 less where all
// are in order of arrival), besides its task and phases in `jobs` and what the
// policy's queue needs (each policy's file says how much). Where there are
// sections, 40 bytes a job more; slices are 32 each.
enum { BYTES_A_JOB = 128 };
int simulate(const struct simulation *simulation, const struct policy *policy,
	     const struct policy_settings *settings, const struct jobs *jobs,
	     struct history *history);

#endif
