// # The table, and how fast it went

#define _GNU_SOURCE
#include <inttypes.h>

#include "mem/replace/replace.h"
#include "options.h"

double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

void show_table(const struct input *input, const struct played *played,
		size_t n)
{
	printf("%" PRIu64 " reference%s to %" PRIu32 " page%s\n\n",
	       input->references, input->references == 1 ? "" : "s",
	       input_pages(input), input_pages(input) == 1 ? "" : "s");
	printf("%-14s %10s %14s  %9s %14s\n", "policy", "frames", "faults",
	       "hit ratio", "write-backs");
	for (size_t i = 0; i < n; i++) {
		const struct replacement_counts *c = &played[i].counts;
		printf("%-14s %10" PRIu32 " %14" PRIu64 "  %7.2f %% %14" PRIu64
		       "\n",
		       played[i].policy->name, played[i].frames, c->faults,
		       percent(c->references - c->faults, c->references),
		       c->writebacks);
	}
}

static double rate(uint64_t references, int64_t ns)
{
	return ns > 0 ? (double)references * 1e3 / (double)ns : 0;
}

static void show_cost(const char *what, uint64_t references, struct cost cost)
{
	char wall[HUMAN_BYTES], cpu[HUMAN_BYTES];

	fprintf(stderr, "%s: %s, CPU %s: %.1f million/s, per CPU second %.1f\n",
		what, human_duration(wall, (double)cost.wall_ns),
		human_duration(cpu, (double)cost.cpu_ns),
		rate(references, cost.wall_ns), rate(references, cost.cpu_ns));
}

// The trace is read (or made) and numbered once, whatever is played on it. Who
// looks ahead has to find the next uses first.
void show_timing(const struct input *input, const struct played *played,
		 size_t n, struct cost future)
{
	char what[128];

	snprintf(what, sizeof what, "%" PRIu64 " references %s",
		 input->references,
		 input->request->generated ? "made" : "read");
	show_cost(what, input->references, input->cost);
	for (size_t i = 0; i < n; i++) {
		struct cost cost = played[i].cost;
		bool ahead = played[i].policy->future;
		cost.wall_ns += ahead ? future.wall_ns : 0;
		cost.cpu_ns += ahead ? future.cpu_ns : 0;
		snprintf(what, sizeof what, "%s, %" PRIu32 " frames%s",
			 played[i].policy->name, played[i].frames,
			 ahead ? ", with the pass for next uses" : "");
		show_cost(what, input->references, cost);
	}
}
