// command.h - what the command lines of sim, gantt and duel have in common
//
// The jobs (a file, standard input, or by chance), the settings of the policies,
// and times that need no unit. The options are children of the program's own
// argp, which sets their inputs when it begins:
//
//     static const struct argp_child children[] = {
//             { &jobs_argp, 0, "Jobs by chance, in place of a file", 3 }, { 0 },
//     };
//     case ARGP_KEY_INIT:
//             state->child_inputs[0] = &given->jobs;
//
// Unlike a module's other functions these refuse and exit with 2, as options.h.

#ifndef SCHED_COMMAND_H
#define SCHED_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/model/jobs.h"

enum { EXIT_USAGE = 2 };

// ## Values

static const int64_t LONGEST_NS = INT64_C(1000) * 3600 * 1000000000;

// As option_duration, but without a unit it is in ms, as in a job file.
int64_t option_time(const struct argp_state *state, const char *option,
		    const char *text, int64_t min_ns, int64_t max_ns);

// "10,20,40": at most `most`. Returns how many.
int option_times(const struct argp_state *state, const char *option,
		 const char *text, int64_t min_ns, int64_t max_ns,
		 int64_t *values, int most);
int option_numbers(const struct argp_state *state, const char *option,
		   const char *text, int64_t min, int64_t max, int *values,
		   int most);

// "rr"; `many`: "rr,sjf" or "all". At most `most`; returns how many.
int option_policies(const struct argp_state *state, const char *text, bool many,
		    const struct policy **values, int most);

// ## Jobs

struct jobs_given {
	// Set by the program before.
	size_t most;     // jobs it can take
	bool seed_alone; // --seed means something without --generate, too

	const char *input; // NULL: none was named
	bool generated;
	struct generate generate;  // .cpus is the program's business
	const char *chance_option; // one that needs --generate, as given
};

// Arrivals by Poisson, exponential lengths of 50 ms on average, load 0.8.
struct jobs_given jobs_given(size_t most);

// --generate, --arrivals, --lengths, --load, --mean, --io, --seed, and FILE.
extern const struct argp jobs_argp;

// Reads or makes the jobs. Returns 0, or has said what is wrong with them and
// returns the exit status.
int jobs_take(const struct jobs_given *given, struct jobs *jobs);

// ## Settings of the policies

struct settings_given {
	// Set by the program before.
	int64_t shortest_quantum_ns;

	struct policy_settings settings; // but for the luck
	const char *option;              // one of these, as given; NULL: none

	int quanta, allotments, levels; // how many were given; 0: not said
	const char *levels_text, *allotments_text;
};

struct settings_given settings_given(int64_t shortest_quantum_ns);

// --quantum, --levels, --quanta, --allotments, --boost, --stay, --io-head,
// --ageing.
extern const struct argp settings_argp;

#endif
