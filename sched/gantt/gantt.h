// gantt.h - the parts of sched/gantt
//
// main.c understands the command line (with sched/command), cpus.c finds where to
// run, danger.c says no, run.c does it, report.c and json.c tell what happened.

#ifndef GANTT_H
#define GANTT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "draw.h"
#include "options.h"
#include "sched/command/command.h"
#include "sched/live/live.h"

enum { CPUS_MAX = 1024, EXIT_HOST = 77 };

struct gantt_options {
	enum kernel_policy policy;
	int nice, priority;
	int cpus[CPUS_MAX]; // as asked for, each once
	int cpu_count;      // 0: choose
	int64_t runtime_ns, period_ns, limit_ns;
	struct jobs_given jobs;
	const char *svg; // NULL: none
	bool json, no_trace;
	int forced; // how often --force was given
};

// One run and what came of it.
struct run {
	const struct gantt_options *options;
	struct jobs jobs;
	struct live live;
	int cpus[CPUS_MAX];
	struct history history;
	struct live_notes notes;
};

int gantt(void *options); // for supervise

// ## cpus.c

// --cpu=LIST: adds "0,2-3" to those asked for, each once.
void option_cpus(struct gantt_options *options, const struct argp_state *state,
		 const char *text);

// Chooses them. 0, or the exit status; standard error has been told.
int get_cpus(struct run *run);

// "CPU 1", "CPUs 0, 2"
enum { CPU_LIST_BYTES = 64 };
const char *cpu_list(const struct run *run, char text[CPU_LIST_BYTES]);

// ## danger.c

// About how long it will take, whatever the scheduler does.
int64_t predicted_ns(const struct run *run);

// 0, or the exit status where the run would take too long or the machine could
// not be used meanwhile; standard error has been told.
int refuse_danger(const struct run *run);

// ## report.c, json.c

void report_print(const struct run *run, const struct canvas *canvas);

// How often a job left the CPU by itself, and how often it was taken off.
struct leaves {
	uint32_t voluntary, involuntary;
};
struct leaves leaves_of(const struct history *history, int job);

// {"policy", "jobs", "averages", "slices", "observed"}, in ms.
json_t *report_json(const struct run *run);

// Why there is no trace, as a sentence; "" where there is.
enum { REASON_BYTES = 300 };
void untraced_reason(const struct live_notes *notes, char text[REASON_BYTES]);

#endif
