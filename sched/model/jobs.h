// jobs.h - who wants the CPU, when and for how long
//
// A job arrives, computes, waits (I/O), computes ... and is done. The same file
// of jobs feeds the model (simulate.h) and the real processes (sched/live).
//
//     # name arrival cpu[,io,cpu...] [prio=N] [tickets=N] [deadline=T] [nice=N]
//     A  0   30
//     B  5   10,20,10   prio=1
//     C  5   1.5s       deadline=3s
//
// A time is a number with a unit (ns us ms s m h) or without one: ms. A job
// ends with computing. The deadline counts from the arrival.

#ifndef SCHED_JOBS_H
#define SCHED_JOBS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sched/policy/policy.h"

// A table of jobs. task[i].left_ns and .burst_ns are those of the first burst.
// bursts_ns holds all jobs' phases one after the other: job i has those from
// first[i] up to, without, first[i + 1]; the even ones (0, 2 ...) compute, the
// odd ones wait. Names are "J0", "J1" ... where `names` is NULL (generated jobs).
struct jobs {
	size_t count;
	struct task *tasks;
	size_t *first; // count + 1
	int64_t *bursts_ns;
	char **names;
};

struct jobs_error {
	size_t line, column; // from 1; 0 where it is about the whole
	char text[200];      // what was expected, and what was found
};

enum { PRIORITY_MAX = 1000000, TICKETS_MAX = 1000000 }; // in a file

// Reads a job file whole. Returns 0; -EINVAL with *error; -ENOMEM or another
// -errno of reading. No jobs at all is an error. Names are 1 to 31 bytes of
// printable UTF-8 without blanks and #, each used once; a # begins a comment
// anywhere. Lines end with LF, CRLF or the file. O(bytes).
int jobs_read(struct jobs *jobs, FILE *file, struct jobs_error *error);

// Jobs by chance, the same for the same seed, in order of arrival, the first at
// 0. Each has an urgency 0 .. 9, in every policy's terms: prio and nice are it,
// tickets 100 less ten times it; the deadline is 2 to 10 times the CPU time. Who
// waits does so one to three times, for mean_ns each on average. Pareto's shape
// is 1.5; bimodal: nine of ten have 0.2 means, the tenth 8.2. -EINVAL (mean_ns
// below 1 us or above a day, count, load, cpus, io out of range), -EOVERFLOW,
// -ENOMEM.
enum arrivals { TOGETHER, POISSON, UNIFORM_ARRIVALS };
enum lengths { EXPONENTIAL, UNIFORM_LENGTHS, FIXED, PARETO, BIMODAL };
struct generate {
	size_t count;
	uint64_t seed;
	enum arrivals arrivals;
	double load; // of all CPUs together, for the rate of arrivals
	int cpus;
	enum lengths lengths;
	int64_t mean_ns; // of a job's CPU time
	double io;       // share of jobs that wait between bursts, 0 .. 1
};
int jobs_generate(struct jobs *jobs, const struct generate *generate);

// A table by hand, for tests and labs: -EINVAL, -ENOMEM. Everything is copied.
struct job_line {
	const char *name;
	int64_t arrival_ns;
	const int64_t *bursts_ns;
	size_t bursts;
	int32_t priority;
	uint32_t tickets;    // 0: the default, 100
	int64_t deadline_ns; // from the arrival; 0: none
	int8_t nice;
};
int jobs_make(struct jobs *jobs, const struct job_line *lines, size_t n);

// The name of a job: its own, or "J17" in `text`.
enum { JOB_NAME_BYTES = 32 };
const char *job_name(const struct jobs *jobs, int job,
		     char text[JOB_NAME_BYTES]);

// CPU time of a job, its waiting (I/O) time; the sums of its phases.
int64_t job_cpu_ns(const struct jobs *jobs, int job);
int64_t job_io_ns(const struct jobs *jobs, int job);

// Writes a file that jobs_read reads as the same table (times exact, with their
// units; keys where they are not the default). 0 or -errno.
int jobs_write(const struct jobs *jobs, FILE *file);

void jobs_free(struct jobs *jobs); // also after an error

#endif
