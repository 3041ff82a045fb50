// trace.h - who got the CPU when, from the kernel's own records
//
// perf_event_open(2) with attr.context_switch: PERF_RECORD_SWITCH at each switch
// in and out of a task, with its CPU, its time on CLOCK_MONOTONIC
// (attr.use_clockid, so that these and now_ns() are one clock) and, since Linux
// 4.17, whether it was preempted (PERF_RECORD_MISC_SWITCH_OUT_PREEMPT).

#ifndef SCHED_TRACE_H
#define SCHED_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum trace_kind { TRACE_IN, TRACE_OUT_BLOCKED, TRACE_OUT_PREEMPTED };
struct trace_event {
	int64_t at_ns; // CLOCK_MONOTONIC
	pid_t task;    // a thread's or process's number
	int cpu;
	enum trace_kind kind;
};

// Watches one task (thread or process) of ours, from now on; call while it is
// held back (before it begins). Works for ordinary users where
// /proc/sys/kernel/perf_event_paranoid is 2 or less. Returns a trace or a
// negative errno in *error: -EACCES and -EPERM (forbidden), -ENOSYS, -ENOENT.
struct trace *trace_task(pid_t task, int *error);

// The same for this process (the calling thread) and whoever it forks or starts
// as a thread from now on, on these CPUs.
struct trace *trace_family(const int *cpus, size_t n, int *error);

// Stops it and gives its events in order of time; the caller frees the array.
// *lost: records that did not fit. 0 or -errno.
int trace_read(struct trace *trace, struct trace_event **events, size_t *n,
	       uint64_t *lost);
void trace_free(struct trace *trace); // takes NULL

#endif
