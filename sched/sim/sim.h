// sim.h - the parts of sched/sim
//
// main.c understands the command line (with sched/command), play.c simulates the
// jobs under one policy after another, and what came out is shown by text.c,
// events.c (--explain, --steps) and json.c. The exercises of --ostep and --quiz
// are ostep.h and quiz.c.

#ifndef SCHED_SIM_SIM_H
#define SCHED_SIM_SIM_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "draw.h"
#include "sched/command/command.h"
#include "sched/model/simulate.h"

enum { MOST_POLICIES = 64, TITLE_BYTES = 200 };

// What the user wants.
struct request {
	const struct policy *policy[MOST_POLICIES];
	size_t policies;

	struct jobs_given jobs;
	struct settings_given given;
	struct simulation simulation;

	size_t rows; // more jobs than these are summed up only
	bool explain, steps, quiz, json, timing;
	const char *svg;
};

// One policy, played.
struct played {
	const struct policy *policy;
	char title[TITLE_BYTES];
	struct history history; // emptied where nobody needs it any more
	struct summary summary;
};

// ## play.c

// Returns the exit status.
int play(const struct request *request, const struct jobs *jobs);

// ## text.c, events.c, json.c

// Words behind `before`, as many a line as fit; further lines are indented.
void put_wrapped(FILE *out, int columns, const char *before, int indent,
		 const char *text);

// Prints a chart; NULL, for want of memory, ends the program with 1.
void print_and_free(char *picture);

void show_text(const struct request *request, const struct jobs *jobs,
	       const struct played *played, int64_t until_ns);
void show_comparison(const struct played *played, size_t n);
void show_hint(const struct request *request, const struct jobs *jobs);

// 0 or -ENOMEM.
int show_events(const struct request *request, const struct jobs *jobs,
		const struct history *history);

int json_history(FILE *out, const struct request *request,
		 const struct jobs *jobs, const struct played *played);

// ## quiz.c

// Asks for one policy's history: the response, turnaround and waiting time of
// each job (in ms), and the three means. Returns the exit status (quiz.h).
int quiz_history(const char *title, const struct jobs *jobs,
		 const struct history *history);

#endif
