// # Where they are to run

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "gantt.h"
#include "must.h"

static void add_cpu(struct gantt_options *o, const struct argp_state *state,
		    const char *text, int cpu)
{
	for (int i = 0; i < o->cpu_count; i++)
		if (o->cpus[i] == cpu)
			return;
	if (o->cpu_count == CPUS_MAX)
		option_refuse(state, "--cpu", text, "at most %d CPUs",
			      CPUS_MAX);
	o->cpus[o->cpu_count++] = cpu;
}

// "0,2-3": numbers and ranges, joined by commas.
void option_cpus(struct gantt_options *o, const struct argp_state *state,
		 const char *text)
{
	char *copy = must_ptr(strdup(text)), *rest = copy, *part;

	while ((part = strsep(&rest, ","))) {
		char *dash = strchr(part, '-');
		int64_t from, to;
		if (dash)
			*dash = '\0';
		if (parse_number(part, 0, CPU_SETSIZE - 1, &from) ||
		    (dash &&
		     parse_number(dash + 1, from, CPU_SETSIZE - 1, &to)))
			option_refuse(state, "--cpu", text,
				      "numbers and ranges from 0 to %d, such "
				      "as 1 or 0,2-3",
				      CPU_SETSIZE - 1);
		for (int64_t cpu = from; cpu <= (dash ? to : from); cpu++)
			add_cpu(o, state, text, (int)cpu);
	}
	free(copy);
}

// Where nothing is said: one, as in the textbook, and the one with the highest
// number, for CPU 0 takes most of the machine's own work. Deadline tasks may not
// be confined to some CPUs, so they get all.

static bool is_asked_for(const struct gantt_options *o, int cpu)
{
	for (int i = 0; i < o->cpu_count; i++)
		if (o->cpus[i] == cpu)
			return true;
	return false;
}

int get_cpus(struct run *run)
{
	const struct gantt_options *o = run->options;
	bool all = o->policy == K_DEADLINE && !o->cpu_count;
	cpu_set_t ours;
	int highest = 0, n = 0;

	if (sched_getaffinity(0, sizeof ours, &ours) == -1)
		return option_complain(EXIT_FAILURE, "sched_getaffinity: %s",
				       strerror(errno));
	for (int i = 0; i < o->cpu_count; i++)
		if (!CPU_ISSET(o->cpus[i], &ours))
			return option_complain(
				EXIT_USAGE,
				"--cpu=%d: want a CPU that this "
				"process may use (taskset -p $$ tells "
				"which)",
				o->cpus[i]);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < CPUS_MAX; cpu++) {
		if (!CPU_ISSET(cpu, &ours))
			continue;
		highest = cpu;
		if (all || is_asked_for(o, cpu))
			run->cpus[n++] = cpu;
	}
	if (!n)
		run->cpus[n++] = highest;
	run->live.cpus = run->cpus;
	run->live.cpu_count = n;
	return 0;
}

const char *cpu_list(const struct run *run, char text[CPU_LIST_BYTES])
{
	const struct live *live = &run->live;
	int used = snprintf(text, CPU_LIST_BYTES, "CPU%s %d",
			    live->cpu_count > 1 ? "s" : "", live->cpus[0]);

	for (int i = 1; i < live->cpu_count; i++) {
		if (used > CPU_LIST_BYTES - 16) {
			snprintf(text + used, (size_t)(CPU_LIST_BYTES - used),
				 " ...");
			break;
		}
		used += snprintf(text + used, (size_t)(CPU_LIST_BYTES - used),
				 ", %d", live->cpus[i]);
	}
	return text;
}
