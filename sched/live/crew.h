// crew.h - one child a job, held at a gate, watched
//
// For live_run (run.c) and live_dispatch (dispatch*.c); nobody else's business.
//
//     crew_hire     calibrates, opens the trace, forks; all sleep at their gates
//     crew_start    time 0 is set; `told` false: each child now sleeps until its
//                   arrival, computes, sleeps for its I/O ... by itself
//     crew_let      `told` true: a child may begin its next burst
//     crew_history  who ran when, from the kernel's records or the workers' own
//     crew_dismiss  kills and reaps all, closes and frees everything
//
// A child computes a burst without a system call. In between it is asleep, in
// clock_nanosleep(2) until an absolute time or, when told, in futex(2) at its
// gate; and after its last burst in futex(2) until it is dismissed, so that its
// last switch is recorded, too. Children are killed when their parent (the
// thread that hired them) dies, and ignore a terminal's signals: the parent
// gets them as well, and dismisses them.

#ifndef SCHED_CREW_H
#define SCHED_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sched/live/live.h"
#include "sched/live/trace.h"
#include "sched/live/work.h"

// What a child tells of one burst, in shared memory: on CLOCK_MONOTONIC, and how
// much CPU time it took (CLOCK_THREAD_CPUTIME_ID); that comes after the I/O that
// follows or, when told, with the news. 0: not yet.
struct crew_burst {
	_Atomic int64_t begin_ns, end_ns, cpu_ns;
};

// Written to crew.news (one write(2), so whole) at the end of each burst when
// `told`, else only of the last one. The burst's numbers are in crew.bursts by
// then.
struct crew_news {
	int job;
	int burst; // 0, 1 ... of this job: bursts_ns[first[job] + 2 * burst]
	bool last; // its last one: the job is done
	int64_t end_ns; // as in its crew_burst
};

struct crew_member; // shared with the child

struct crew {
	const struct jobs *jobs;
	size_t count;
	pid_t *pids;      // of each job; 0: reaped
	int news;         // to read from, non-blocking
	int64_t start_ns; // time 0 on CLOCK_MONOTONIC, once started
	int64_t late_ns;  // when crew_start was done, if that was after time 0
	struct trace *trace; // NULL: the children watch their own clocks
	int trace_error;     // why
	struct work work;

	// private
	const volatile sig_atomic_t *stop; // live.stop
	bool told;
	int news_write;
	int *cpus;
	int cpu_count;
	char *members;
	struct crew_burst *bursts; // as jobs->bursts_ns: job i's burst k is
				   // bursts[jobs->first[i] + 2 * k]
	void *shared;
	size_t shared_bytes, member_bytes;
	int64_t stolen_ns; // of our CPUs, at the start; -1: unknown
};

// Returns 0 or -errno with a sentence in notes->told: -EINVAL (no jobs, more
// than JOBS_AT_ONCE, a CPU that is not ours to use), -EAGAIN (no more processes)
// -EINTR (live->stop) ... Nothing is left then. Children are of SCHED_OTHER, nice 0 or the caller's,
// and pinned to live->cpus; give them another policy (policy_set, attributes.h)
// when you like. Where the kernel forbids the trace, or live->no_trace,
// crew->trace is NULL.
int crew_hire(struct crew *crew, const struct live *live,
	      const struct jobs *jobs, bool told, struct live_notes *notes);

// Sets crew->start_ns: `margin_ns` from now when the children go by the clock,
// which then all have their timers set when this returns (those that arrive in
// one moment become ready in the order of the file); else now. 0 or -errno.
int crew_start(struct crew *crew, int64_t margin_ns);

// Told children: lets a job begin its burst number `burst` (and all before).
// Wakes it if it sleeps at its gate; returns at once.
void crew_let(struct crew *crew, int job, int burst);

// The job of a child that died though it should not have, or -1.
int crew_dead(const struct crew *crew);

// Who ran when since crew->start_ns: slices, measures and sums, and in *notes
// all but `told`. Jobs that are not done yet have what they had so far. Call
// it once, before crew_dismiss. 0 or -errno, then *history is empty.
int crew_history(struct crew *crew, struct history *history,
		 struct live_notes *notes);

// Takes a crew of zeros, and one that was dismissed, too.
void crew_dismiss(struct crew *crew);

#endif
