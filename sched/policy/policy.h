// policy.h - a scheduling policy, written once for two worlds
//
// A policy decides who gets a CPU next and for how long. It keeps the ready
// jobs in whatever order it likes and knows nothing of clocks, processes or
// simulations: a *driver* tells it what happens and asks it to pick. There are
// two drivers. The model (sched/model) moves a virtual clock; the dispatcher
// (sched/live) holds real processes by their necks. Both call the same six
// functions, so what the model predicts and what the machine did come from the
// same code.
//
// A job is ready, running or waiting:
//
//         arrive            pick                 finish
//     --------------> ready ------> running ----------------->
//                       ^  <------     |
//            wake       |    tick      | block
//          +------------+   (true)     |
//          |                           |
//       waiting <----------------------+
//
// All times are in ns on the driver's clock, which never goes back. Jobs are
// numbers 0 .. n-1, indices into the driver's table of tasks. One policy object
// serves all CPUs of a driver (one ready queue for all of them, as in most
// textbooks; Linux has one a CPU and balances). It belongs to one thread.

#ifndef SCHED_POLICY_H
#define SCHED_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a policy may know about a job. The driver owns the table and keeps it up
// to date before each call; the policy only reads it.
struct task {
	int64_t arrival_ns;
	int64_t burst_ns;    // the present (or, while waiting, next) CPU burst:
			     // the model knows it, a kernel can only guess
	int64_t left_ns;     // what is left of that burst
	int64_t deadline_ns; // a point in time; NEVER: none
	int32_t priority;    // the smaller the more urgent, as with nice
	uint32_t tickets;    // lottery and stride; 1 or more
	int8_t nice;         // -20 .. 19
};

#define NEVER INT64_MAX // a time that does not come, a slice without end

enum { NOBODY = -1, LEVELS_MAX = 64, POLICY_CPUS = 1024 };

// What the user can set. Each policy takes what it needs and checks just that:
// create returns -EINVAL for a value that makes no sense.
struct policy_settings {
	int64_t quantum_ns; // rr, lottery, stride, eevdf (its base slice)

	// multilevel feedback queue; level 0 is the highest
	int levels; // 1 .. LEVELS_MAX
	int64_t level_quantum_ns[LEVELS_MAX];
	int level_allotment[LEVELS_MAX]; // quanta before it sinks; in the
					 // lowest level it does not matter
	int64_t boost_ns;                // everybody to the top; 0: never
	bool stay;    // waiting refills quantum and allotment (OSTEP's -S)
	bool io_head; // a job that waited enters at the head (-I)

	int64_t ageing_ns; // waiting so long is worth one step of priority

	// lottery: the source of luck, 64 random bits a call. Not NULL.
	uint64_t (*draw)(void *luck);
	void *luck;
};

// 10 ms quanta, three levels of 10, 20 and 40 ms with one quantum each, boost
// each second, one step of priority per 100 ms of waiting, luck from `random`
// (a struct random of the caller, see lib/random.h, that outlives the policy).
struct random;
struct policy_settings policy_defaults(struct random *random);

struct policy {
	const char *name;    // "rr", on command lines
	const char *title;   // "round robin"
	const char *summary; // one sentence for --help: what it picks, when it
			     // takes the CPU away
	const char *source;  // who described it: section or page
	bool preemptive;     // may take the CPU from a job that could go on
	bool time_sharing;   // ... because of the time alone: uses a quantum

	// Makes the state for `n` tasks; 0, -EINVAL or -ENOMEM. `tasks` and
	// `settings` outlive it. destroy takes NULL, too.
	int (*create)(void **state, const struct policy_settings *settings,
		      const struct task *tasks, size_t n);
	void (*destroy)(void *state);

	// A new job is ready; one that waited is ready again (its next burst is
	// in the table). Within one moment: arrivals in the order of the job
	// file, then the ends of waits in the order in which the waits began.
	void (*arrive)(void *state, int job, int64_t now);
	void (*wake)(void *state, int job, int64_t now);

	// Takes the next job out of the ready ones, to run on `cpu` (0 ..
	// POLICY_CPUS - 1), or NOBODY.
	// *slice_ns is how long it may run before tick must be called (NEVER:
	// until it blocks or finishes).
	int (*pick)(void *state, int cpu, int64_t now, int64_t *slice_ns);

	// A running job has run for `ran_ns` since pick or the last tick: its
	// slice is over or, where the policy has a rank, somebody became ready.
	// True: it must give up the CPU and is among the ready ones again.
	// False: it runs on, and *slice_ns is how long before the next tick.
	bool (*tick)(void *state, int job, int64_t ran_ns, int64_t now,
		     int64_t *slice_ns);

	// A running job ends its burst, having run for `ran_ns` since pick or
	// the last tick, and waits (block) or is done (finish). The end of a
	// burst wins over the end of a slice at the same moment.
	void (*block)(void *state, int job, int64_t ran_ns, int64_t now);
	void (*finish)(void *state, int job, int64_t ran_ns, int64_t now);

	// How badly a running job needs the CPU, smaller is more urgent, for
	// policies where somebody who becomes ready may displace a running job;
	// NULL for the others. When one becomes ready and no CPU is idle, the
	// driver calls tick for the running job of the highest rank (on equal
	// ranks, of the highest CPU number), and goes on until tick says false.
	int64_t (*rank)(void *state, int job, int64_t now);

	// A ready job's priority in the table has changed (a lock's holder was
	// lent a better one): puts it where it now belongs. NULL for policies
	// that do not look at priorities.
	void (*changed)(void *state, int job, int64_t now);

	// Why pick chose this job, as a phrase ("shortest burst of 3 ready: 12
	// ms"), right after pick, before any other call. Always ends with '\0'.
	void (*explain)(void *state, int job, int64_t now, char *text,
			size_t bytes);
};

// All of them, ends with a NULL. policy_named also knows the usual other names
// (fcfs for fifo, ...); NULL when there is no such policy.
//
//     batch fifo sjf srtf priority priority-preemptive ageing ageing-preemptive
//     rr mlfq lottery stride edf eevdf
//
// batch is the oldest: one job at a time (a CPU), and while it waits, so does
// the CPU; pick says NOBODY until that job is finished.
extern const struct policy *const policies[];
const struct policy *policy_named(const char *name);

// Which kind it is, in the notes' words: "batch, non-preemptive" (who has the
// CPU keeps it), "preemptive" (loses it to somebody better), "time sharing,
// preemptive" (loses it because of the time alone, too).
const char *policy_kind(const struct policy *policy);

#endif
