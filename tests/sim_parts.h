// sim_parts.h - what the files of the suite sim share: sim.c (what it computes,
// what it shows), sim_options.c, sim_trouble.c (exercises, failing output,
// interrupts, very many jobs, anything at all)

#ifndef SIM_PARTS_TESTS_H
#define SIM_PARTS_TESTS_H

#include <jansson.h>
#include <stdbool.h>

#include "labs.h"

#define SIM "$B/sched/sim "

// A job file that shows differences between policies.
extern const char sim_mixed[];

// "printf JOBS | sim ARGUMENTS", in a shell.
struct outcome sim_run(const char *jobs, const char *arguments);

const char *sim_string(const json_t *object, const char *key);

// The three numbers behind the name that begins a line: response, turnaround,
// waiting. False: no line begins so.
bool sim_means(const char *text, const char *begin, double means[3]);

// Bad usage: exit 2, one line on standard error that has `says`.
void sim_check_refusal(const struct outcome *got, const char *what,
		       const char *says);

void add_sim_options(TCase *tests);
void add_sim_trouble(TCase *tests);

#endif
