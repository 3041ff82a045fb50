// sim.h - the parts of sched/sim
//
// main.c understands the command line, values.c its lists and times, input.c
// reads or makes the jobs, play.c simulates them under one policy after
// another, and what came out is shown by text.c, events.c (--explain, --steps)
// and json.c. The exercises of --ostep and --quiz are ostep.h and quiz.h.

#ifndef SCHED_SIM_SIM_H
#define SCHED_SIM_SIM_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "draw.h"
#include "sched/model/simulate.h"

enum { MOST_POLICIES = 64, TITLE_BYTES = 200 };
enum { WORK_FAILED = 1, BAD_USAGE = 2 }; // exit statuses

// What the user wants.
struct request {
	const struct policy *policy[MOST_POLICIES];
	size_t policies;

	const char *input; // NULL: none was named
	bool generated;
	struct generate generate;
	uint64_t seed;

	struct simulation simulation;
	struct policy_settings settings; // but for the luck

	size_t rows; // more jobs than these are summed up only
	bool explain, steps, quiz, json;
	const char *svg;
};

// One policy, played.
struct played {
	const struct policy *policy;
	char title[TITLE_BYTES];
	struct history history; // emptied where nobody needs it any more
	struct summary summary;
};

// ## values.c

// A time: as an option's duration, but without a unit it is in ms.
int64_t option_time(const struct argp_state *state, const char *option,
		    const char *text, int64_t min_ns, int64_t max_ns);

// "10,20,40": at most `most`. Returns how many.
int option_times(const struct argp_state *state, const char *option,
		 const char *text, int64_t min_ns, int64_t max_ns,
		 int64_t *values, int most);
int option_numbers(const struct argp_state *state, const char *option,
		   const char *text, int64_t min, int64_t max, int *values,
		   int most);

// "rr,sjf" or "all".
void option_policies(const struct argp_state *state, const char *text,
		     struct request *request);

// ## input.c

// Reads or makes the jobs; or says on standard error what is wrong with them and
// returns the exit status.
int input_jobs(const struct request *request, struct jobs *jobs);

// One line on standard error: "sim: NAME: sentence". A format that begins with a
// colon follows the name at once: "sim: NAME:3:7: sentence".
void complain(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// ## play.c

// Returns the exit status.
int play(const struct request *request, const struct jobs *jobs);

// ## text.c, events.c, json.c

void show_text(const struct request *request, const struct jobs *jobs,
	       const struct played *played, int64_t until_ns);
void show_comparison(const struct played *played, size_t n);
void show_hint(const struct request *request, const struct jobs *jobs);

// 0 or -ENOMEM.
int show_events(const struct request *request, const struct jobs *jobs,
		const struct history *history);

int json_history(FILE *out, const struct request *request,
		 const struct jobs *jobs, const struct played *played);

#endif
