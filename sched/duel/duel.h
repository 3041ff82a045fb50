// duel.h - the parts of sched/duel
//
// main.c understands the command line (with sched/command), length.c says what is
// too long, play.c lets the model predict and the machine do, compare.c holds one against the
// other, kernel.c knows which of the kernel's policies are ours, why.c measures
// what lies between the two, report.c says it, json.c for programs.

#ifndef DUEL_H
#define DUEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "random.h"
#include "sched/command/command.h"
#include "sched/live/live.h"
#include "sched/model/simulate.h"

static const int64_t MS = 1000000, SECOND = 1000000000;

// A quantum that is not much longer than what it takes to end it is none.
static const int64_t SHORTEST_QUANTUM_NS = 500000;

enum {
	EXIT_CANNOT = 77,
	REPEAT_MAX = 100,
	DUEL_CPUS = 64,
};

enum under { UNDER_DISPATCHER, UNDER_KERNEL };
extern const char *const under_names[];

struct options {
	struct jobs_given jobs;
	struct settings_given given;
	const struct policy *policy;
	enum under under;
	int cpus; // 0: not said
	int64_t switch_cost_ns, limit_ns;
	int repeat, forced;
	bool json, no_trace;
	const char *svg;
};

// What one run on the machine gave.
struct round {
	struct history observed;
	struct live_notes notes;
	bool order_equal;
};

struct duel {
	const struct options *options;
	struct jobs jobs;
	struct policy_settings settings;
	int cpus[DUEL_CPUS];
	int cpu_count;
	struct live live;
	const struct rule *rule; // UNDER_KERNEL
	struct history predicted;
	struct round *rounds;
	int rounds_done;
	int shown;     // the round with the median error
	int *order[2]; // jobs by completion: predicted, observed in `shown`
};

// ## length.c

// 0, or the exit status where the run would be too long: that is said.
int refuse_length(const struct duel *duel);

// ## play.c

int duel(void *options); // for supervise

// ## compare.c: predicted, observed

// Finds the orders of completion, and the round to show. 0 or -ENOMEM.
int compare(struct duel *duel);

enum error_of { RESPONSE, TURNAROUND };

// Observed less predicted, the median of all rounds, ns; and in percent of what
// was predicted (0 where that is 0).
double error_ns(const struct duel *duel, size_t job, enum error_of which);
double error_percent(const struct duel *duel, size_t job, enum error_of which);
int orders_equal(const struct duel *duel); // in how many rounds

// ## kernel.c: a policy of ours under the kernel's own name

struct rule {
	const char *ours;
	enum kernel_policy kernel;
	bool by_job;       // priorities of each job
	bool everywhere;   // must be allowed on all CPUs
	bool real_time;    // and without a bound: nothing else runs meanwhile
	bool sliced;       // takes turns by time
	const char *title; // "SCHED_RR"
};

const struct rule *rule_named(const char *policy); // or NULL
void rules_text(char *text, size_t bytes);         // "fifo, rr, ..."

// The kernel's slice for this rule, ns; 0: it has none, or does not tell.
int64_t rule_slice_ns(const struct rule *rule);

// ## why.c

struct gaps {
	size_t count;
	double median_ns, longest_ns;
	int64_t sum_ns;
};

// Where a history's CPUs spent the time in which no job had them: the sums and
// idle_ns are all of it.
struct spent {
	struct gaps switches;  // one job to the next that is ready already
	struct gaps aside;     // a job's CPU is taken and given back to it
	struct gaps wakings;   // of a job that becomes ready, on an idle CPU
	struct gaps strangers; // too long for a switch: somebody else had it
	struct gaps late;      // too long for a waking
	struct gaps throttled; // deadline: a job's runtime is used up
	int64_t idle_ns;       // nobody wanted it
	double slice_ns;       // median length of slices that were cut short
	size_t cut;            // how many
};

// 0 or -ENOMEM.
int spent_in(const struct duel *duel, const struct history *history,
	     struct spent *spent);

// What the jobs had a CPU for, by the slices, and did not compute in, by their
// CPU clocks: interrupts, the hypervisor.
int64_t paused_ns(const struct duel *duel, const struct round *round);

// ## report.c, json.c: 0 or -ENOMEM
int report_print(FILE *out, const struct duel *duel);
int json_print(FILE *out, const struct duel *duel);
int svg_write(const struct duel *duel); // 0 or -errno

#endif
