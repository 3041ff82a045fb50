// # The kernel's policies, by our names
//
// Some of ours are Linux's own: then the kernel itself can be the opponent.
//
//     ours                 the kernel's
//     fifo                 SCHED_FIFO, all of one priority
//     rr                   SCHED_RR, and its quantum, the same for everybody
//     priority-preemptive  SCHED_FIFO, a priority for each job
//     edf                  SCHED_DEADLINE
//     eevdf                SCHED_OTHER
//
// The others are nobody's: shortest jobs first asks for lengths that no kernel
// knows; a queue with feedback, a lottery, strides were Linux's never.
//
// Sources: sched(7), sched_rr_get_interval(2), sched_setattr(2); in the kernel
// kernel/sched/syscalls.c: since Linux 6.12 sched_getattr tells a fair task's
// slice in sched_runtime.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "duel.h"

static const struct rule rules[] = {
	{ .ours = "fifo", .kernel = K_FIFO, .real_time = true,
	  .title = "SCHED_FIFO" },
	{ .ours = "rr", .kernel = K_RR, .real_time = true, .sliced = true,
	  .title = "SCHED_RR" },
	{ .ours = "priority-preemptive", .kernel = K_FIFO, .by_job = true,
	  .real_time = true, .title = "SCHED_FIFO" },
	{ .ours = "edf", .kernel = K_DEADLINE, .everywhere = true,
	  .title = "SCHED_DEADLINE" },
	{ .ours = "eevdf", .kernel = K_OTHER, .sliced = true,
	  .title = "SCHED_OTHER" },
};

enum { RULES = sizeof rules / sizeof *rules };

const struct rule *rule_named(const char *policy)
{
	for (size_t i = 0; i < RULES; i++)
		if (!strcmp(rules[i].ours, policy))
			return &rules[i];
	return NULL;
}

void rules_text(char *text, size_t bytes)
{
	size_t n = 0;

	*text = '\0';
	for (size_t i = 0; i < RULES && n < bytes; i++)
		n += (size_t)snprintf(text + n, bytes - n, "%s%s",
				      i ? ", " : "", rules[i].ours);
}

// SCHED_RR's quantum is that of /proc, in ms, rounded to timer ticks as the
// kernel does. (sched_rr_get_interval(2) would tell it exactly, of a process
// that has the policy already.)
static int64_t rr_slice_ns(void)
{
	char line[HOST_TEXT];
	struct timespec tick;

	if (!host_line("/proc/sys/kernel/sched_rr_timeslice_ms", line,
		       sizeof line) ||
	    clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == -1 || !tick.tv_nsec)
		return 0;
	int64_t ns = strtol(line, NULL, 10) * MS;
	return ns <= 0 ? 0
		       : (ns + tick.tv_nsec - 1) / tick.tv_nsec * tick.tv_nsec;
}

struct fair_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

// Of this process, which is an ordinary one.
static int64_t fair_slice_ns(void)
{
	struct fair_attributes a = { .size = sizeof a };

	return syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == -1
		       ? 0
		       : (int64_t)a.runtime;
}

int64_t rule_slice_ns(const struct rule *rule)
{
	return rule->kernel == K_RR      ? rr_slice_ns()
	       : rule->kernel == K_OTHER ? fair_slice_ns()
					 : 0;
}
