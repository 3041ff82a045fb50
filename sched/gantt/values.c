// # What stands behind the equals sign

#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "gantt.h"
#include "must.h"

// Digits alone, "10" or "2.5", are ms, as in a job file.
int64_t option_time(const struct argp_state *state, const char *option,
		    const char *text, int64_t min_ns, int64_t max_ns)
{
	char low[HUMAN_BYTES], high[HUMAN_BYTES], *whole;
	bool bare = *text && strspn(text, "0123456789.") == strlen(text);
	int64_t ns;

	must(asprintf(&whole, "%s%s", text, bare ? "ms" : ""));
	if (parse_duration(whole, min_ns, max_ns, &ns))
		option_refuse(state, option, text,
			      "a time from %s to %s, such as 10 (ms) or 1.5s",
			      duration_name(low, min_ns),
			      duration_name(high, max_ns));
	free(whole);
	return ns;
}

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
