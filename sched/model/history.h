// history.h - who ran when: the same shape for the model and for the machine
//
// The simulator writes one, and so does whoever watches real processes, and
// everything that draws, compares or prints takes one. Times in ns since the
// beginning (time 0 of the job file).

#ifndef SCHED_HISTORY_H
#define SCHED_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One stretch of running. A decision that lets the same job run on begins a new
// slice in the model (each quantum is one); the machine's are as the kernel
// recorded them.
enum slice_end {
	SLICE_FINISHED,
	SLICE_BLOCKED,   // left by itself (a voluntary switch)
	SLICE_PREEMPTED, // was taken off (an involuntary one)
	SLICE_EXPIRED,   // the model: its quantum was over
};
struct slice {
	int job, cpu;
	int64_t begin_ns, end_ns;
	enum slice_end end;
};

// One job in the textbook's sense; times count from the arrival.
//
//   response    until it first runs
//   turnaround  until it is done
//   waiting     ready but not running: turnaround - running - I/O
//   switches    how often a CPU was switched to it (from another job, or from
//               idleness in which another job was the last to run; also the first time)
struct measure {
	int64_t arrival_ns, response_ns, turnaround_ns, waiting_ns;
	int64_t ran_ns; // CPU time it got
	uint32_t switches;
	uint32_t preempted : 31; // of its slices, how many ended against its
				 // will (not where it went on at once)
	bool done : 1;
};

// One decision, when asked for: why this job now.
struct decision {
	int64_t at_ns;
	int job, cpu;
	char why[120];
};

struct history {
	int cpus;
	size_t jobs;
	struct measure *measures; // `jobs` of them
	struct slice *slices;     // by begin_ns; NULL where not asked for
	size_t slice_count;
	struct decision *decisions;
	size_t decision_count;
	uint64_t picks;       // decisions made, recorded or not
	int64_t end_ns;       // when the last job was done
	int64_t busy_ns;      // CPU time in jobs, all CPUs together
	int64_t switching_ns; // CPU time in switches (--switch-cost)
	uint64_t switches;    // as in measure, all jobs together
};

// What a table says below its last line.
struct summary {
	double response_ns, turnaround_ns, waiting_ns; // means over the jobs
	double utilisation;                            // busy / (cpus * end)
	double throughput;                             // jobs a second
	double fairness; // Jain's index over slowdowns' inverse
			 // (CPU time / turnaround), 1/n .. 1. Jain, Chiu &
			 // Hawe, DEC-TR-301, 1984
	uint64_t switches;
};
struct summary history_summary(const struct history *history);

// From slices (all jobs' arrivals and the I/O of each given by `jobs`), makes
// measures and sums: for histories that were observed. A job is done if its last
// slice says so; else its turnaround is until then, and all is 0 if it never ran.
// What slices do not tell (picks, switching_ns) is left as it is. 0 or -ENOMEM.
struct jobs;
int history_measure(struct history *history, const struct jobs *jobs);

void history_free(struct history *history);

#endif
