// # The jobs, and where they are to run

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gantt.h"

// ## Jobs

static int read_jobs(FILE *file, const char *name, struct jobs *jobs)
{
	struct jobs_error error = { 0 };
	int result = jobs_read(jobs, file, &error);

	if (!result)
		return 0;
	if (result != -EINVAL)
		return complain(result == -EISDIR ? EXIT_USAGE : EXIT_FAILURE,
				"%s: %s", name, strerror(-result));
	if (!error.line)
		return complain(EXIT_USAGE, "%s: %s", name, error.text);
	return complain(EXIT_USAGE, "%s:%zu:%zu: %s", name, error.line,
			error.column, error.text);
}

static int generate(const struct gantt_options *options, struct jobs *jobs)
{
	struct generate g = options->generate;

	g.cpus = options->cpu_count ? options->cpu_count : 1;
	int error = jobs_generate(jobs, &g);
	return error ? complain(EXIT_FAILURE, "--generate: %s",
				strerror(-error))
		     : 0;
}

int get_jobs(const struct gantt_options *options, struct jobs *jobs)
{
	const char *path = options->input;

	if (options->generate.count)
		return generate(options, jobs);
	if (!path && isatty(STDIN_FILENO))
		return complain(EXIT_USAGE,
				"want a file of jobs, - for standard input, or "
				"--generate=N; see --help");
	if (!path || !strcmp(path, "-"))
		return read_jobs(stdin, "standard input", jobs);
	FILE *file = fopen(path, "re");
	if (!file)
		return complain(EXIT_USAGE, "%s: %s", path, strerror(errno));
	int status = read_jobs(file, path, jobs);
	fclose(file);
	return status;
}

// ## CPUs
//
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
		return complain(EXIT_FAILURE, "sched_getaffinity: %s",
				strerror(errno));
	for (int i = 0; i < o->cpu_count; i++)
		if (!CPU_ISSET(o->cpus[i], &ours))
			return complain(EXIT_USAGE,
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
