// engine.h - inside the model: what simulate.c and locks.c share

#ifndef SCHED_ENGINE_H
#define SCHED_ENGINE_H

#include "sched/model/simulate.h"

// One CPU. A job's time here is cut in two ways: into slices (what the history
// shows) and by ticks (what the policy was told).
struct cpu {
	int job;          // who runs, or NOBODY
	int last;         // who ran last, really: for longer than nothing
	int64_t begin_ns; // the slice; later than now while it still switches
	int64_t told_ns;  // the last pick or tick
	int64_t since_ns; // task.left_ns is that of this moment
	int64_t slice_end_ns;
	int64_t left_at_ns; // when `last` was taken off against its will, -1:
			    // it was not
};

// A job that waits. Equal times: who began to wait first is back first.
struct sleeper {
	int64_t wake_ns;
	uint64_t order;
	int job;
};

struct engine {
	const struct simulation *simulation;
	const struct policy *policy;
	const struct jobs *jobs;
	void *state; // the policy's
	int64_t now;

	struct task *tasks; // a copy: left_ns, burst_ns and priority change
	uint32_t *phase;    // of each job, the burst it is in or comes to next;
			    // NULL: nobody ever waits
	size_t ready, finished;
	bool stirred; // somebody is ready, or a priority has changed, and
		      // nobody has looked yet who should run

	int *order; // jobs by arrival; NULL: as they are
	size_t arrived;
	int64_t arrival_ns; // the next one

	struct sleeper *sleepers; // a heap
	size_t sleeping;
	uint64_t slept;

	// The CPUs' next events and a tournament over them: the winner of node
	// i is the earlier of nodes 2i and 2i + 1, the left one when equal; the
	// leaves are nodes `leaves` + CPU. Node 1 is the earliest of all.
	int cpus, leaves, busy;
	struct cpu *cpu;
	int64_t *event_ns; // NEVER: idle
	int *winner;
	uint64_t *idle; // a set of bits

	struct locks *locks; // NULL: no sections
	struct history *history;
	size_t slice_room, decision_room;
};

// The i-th job to arrive.
static inline int engine_order(const struct engine *engine, size_t i)
{
	return engine->order ? engine->order[i] : (int)i;
}

// make.c: room for the jobs and CPUs, the policy's state; what was made is freed
// by engine_free, also after an error (but the history, which is the caller's).
int engine_make(struct engine *engine, const struct policy_settings *settings);
void engine_free(struct engine *engine);

// locks.c: the sections of each job.
int locks_create(struct engine *engine);
void locks_free(struct locks *locks); // takes NULL

// CPU time until this job takes or releases its next lock; NEVER: it will not.
int64_t locks_until(const struct engine *engine, int job);

// It has run. Then it releases what is to be released now, or takes what is to
// be taken now: false when it has to wait for that.
void locks_ran(struct engine *engine, int job, int64_t ran_ns);
void locks_release(struct engine *engine, int job);
bool locks_acquire(struct engine *engine, int job);

#endif
