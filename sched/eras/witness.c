// # Witnesses: whether a stranger had the CPU
//
// A job is due and does not run. Was the CPU idle, or at work for others? On each
// CPU we put an idler, a process of SCHED_IDLE that never stops: it runs when
// nobody else wants to, and whoever wakes up takes the CPU from it at once
// (sched(7)). The kernel keeps records of when it, the dispatcher and the jobs
// were switched in and out (trace.h). Where none of these has a CPU, somebody
// else has: another process, or a thread of the kernel.
//
// So a stranger excuses a job that does not run, also where it was held back by
// us and he only used the time: that shows when he is gone, on a calm machine.
// And what no record shows: an interrupt, and the hypervisor at work for another
// machine, count for whoever had the CPU then.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "eras.h"
#include "lab.h"
#include "sched/live/trace.h"

static _Noreturn void be_idle(void)
{
	for (volatile unsigned rounds = 0;;)
		rounds = rounds + 1;
}

// It is sent there from outside: on a busy CPU it may be long before it runs.
static pid_t idler_on(int cpu)
{
	struct sched_param none = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pid_t child = fork_as("idler");
	if (child == 0)
		be_idle();
	must(sched_setscheduler(child, SCHED_IDLE, &none));
	must(sched_setaffinity(child, sizeof set, &set));
	return child;
}

// To die it has to run, so it gets the priority for that; without, it takes
// longer.
static void dismiss(pid_t idler)
{
	struct sched_param none = { 0 };

	sched_setscheduler(idler, SCHED_OTHER, &none);
	must(kill(idler, SIGKILL));
	must(waitpid(idler, NULL, 0));
}

void witness_begin(struct witness *witness, const int *cpus, int n)
{
	int error;

	*witness = (struct witness){ .cpus = cpus,
				     .cpu_count = n,
				     .start_ns = INT64_MAX };
	witness->trace = trace_family(cpus, (size_t)n, &error);
	for (int i = 0; witness->trace && i < n; i++)
		witness->idlers[i] = idler_on(cpus[i]);
}

// Time 0 is now less what has elapsed; what passes in between makes it later.
void witness_progress(void *argument, int64_t elapsed_ns)
{
	struct witness *witness = argument;
	int64_t start_ns = now_ns() - elapsed_ns;

	if (start_ns < witness->start_ns)
		witness->start_ns = start_ns;
}

// From each switch to one of ours until the switch away from it. Who had the CPU
// when the records begin had it before.
static void add_cpu(struct ours *ours, const struct witness *witness, int cpu,
		    const struct trace_event *events, size_t n)
{
	enum { NOT_OURS = -1 };
	int64_t since = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t at_ns = events[i].at_ns - witness->start_ns;
		if (events[i].cpu != cpu)
			continue;
		if (events[i].kind != TRACE_IN && since != NOT_OURS)
			ours->stretches[ours->n++] = (struct stretch){ since,
								       at_ns };
		since = events[i].kind != TRACE_IN ? NOT_OURS
			: at_ns > 0                ? at_ns
						   : 0;
	}
	if (since != NOT_OURS)
		ours->stretches[ours->n++] = (struct stretch){ since, NEVER };
}

struct ours witness_end(struct witness *witness)
{
	struct ours ours = { 0 };
	struct trace_event *events;
	uint64_t lost;
	size_t n;

	if (!witness->trace)
		return ours;
	int error = trace_read(witness->trace, &events, &n, &lost);
	for (int i = 0; i < witness->cpu_count; i++)
		dismiss(witness->idlers[i]);
	trace_free(witness->trace);
	if (error)
		return ours;
	ours.stretches = must_ptr(calloc(n + CPUS, sizeof *ours.stretches));
	ours.known = lost == 0 && witness->start_ns != INT64_MAX;
	for (int i = 0; i < witness->cpu_count; i++)
		add_cpu(&ours, witness, witness->cpus[i], events, n);
	free(events);
	return ours;
}
