// # Duel: the model predicts, the machine answers
//
// Chapter 06 · Scheduling algorithms (스케줄링 알고리즘)
//
//SAMPLE
//
// Sources: those of the policies (build/sched/sim --list-policies); sched(7).

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "duel.h"
#include "options.h"
#include "supervisor.h"
#include "values.h"

static const char chapter[] = "06 · Scheduling algorithms";
static const char summary[] =
	"one policy, the same jobs: what the model says, what the machine does";

enum {
	OPT_POLICY = 256,
	OPT_UNDER,
	OPT_CPUS,
	OPT_REPEAT,
	OPT_SWITCH_COST,
	OPT_QUANTUM,
	OPT_LEVELS,
	OPT_QUANTA,
	OPT_ALLOTMENTS,
	OPT_BOOST,
	OPT_AGEING,
	OPT_STAY,
	OPT_IO_HEAD,
	OPT_GENERATE,
	OPT_ARRIVALS,
	OPT_LENGTHS,
	OPT_LOAD,
	OPT_MEAN,
	OPT_IO,
	OPT_SEED,
	OPT_FORMAT,
	OPT_SVG,
	OPT_LIMIT,
	OPT_FORCE,
	OPT_NO_TRACE,
	OPT_CATALOGUE
};

// The names are those of sched/sim.
static const struct argp_option table[] = {
	{ 0, 0, 0, 0, "What is played", 1 },
	{ "policy", OPT_POLICY, "NAME", 0, "The policy (rr)", 1 },
	{ "under", OPT_UNDER, "dispatcher|kernel", 0,
	  "Who rules the processes: our own code of that policy (the default), "
	  "or the kernel's own policy of that name", 1 },
	{ "cpus", OPT_CPUS, "N", 0,
	  "How many CPUs share the ready jobs (1; edf under the kernel: all)",
	  1 },
	{ "switch-cost", OPT_SWITCH_COST, "TIME", 0,
	  "What the model charges a CPU that goes over to another job (0)", 1 },
	{ "repeat", OPT_REPEAT, "N", 0,
	  "Run N times; errors are the medians (1)", 1 },

	{ 0, 0, 0, 0, "What policies look at", 2 },
	{ "quantum", OPT_QUANTUM, "TIME", 0,
	  "Of rr, lottery, stride, eevdf, and of mlfq's highest level (10)",
	  2 },
	{ "levels", OPT_LEVELS, "N", 0,
	  "mlfq: how many queues (3), each with twice the quantum of the one "
	  "above", 2 },
	{ "quanta", OPT_QUANTA, "TIME,...", 0,
	  "mlfq: the quantum of each level, the highest first (10,20,40)", 2 },
	{ "allotments", OPT_ALLOTMENTS, "N,...", 0,
	  "mlfq: after how many quanta a job sinks, one number for all levels "
	  "or one for each (1)", 2 },
	{ "boost", OPT_BOOST, "TIME", 0,
	  "mlfq: how often all go back to the top; 0: never (1s)", 2 },
	{ "stay", OPT_STAY, 0, 0,
	  "mlfq: who waits gets a new quantum and allotment", 2 },
	{ "io-head", OPT_IO_HEAD, 0, 0,
	  "mlfq: who waited comes back at the head of its queue", 2 },
	{ "ageing", OPT_AGEING, "TIME", 0,
	  "ageing: so much waiting is worth a step of priority (100)", 2 },

	{ 0, 0, 0, 0, "Jobs by chance, in place of a file", 3 },
	{ "generate", OPT_GENERATE, "N", 0, "N jobs, J0 to JN-1", 3 },
	{ "arrivals", OPT_ARRIVALS, "together|poisson|uniform", 0,
	  "When they come (poisson)", 3 },
	{ "lengths", OPT_LENGTHS, "exponential|uniform|fixed|pareto|bimodal",
	  0, "How CPU times are distributed (exponential)", 3 },
	{ "load", OPT_LOAD, "X", 0,
	  "How much of all CPUs they ask for, by their rate of arrival (0.8)",
	  3 },
	{ "mean", OPT_MEAN, "TIME", 0, "The mean CPU time of a job (50)", 3 },
	{ "io", OPT_IO, "X", 0,
	  "Which share of them waits between bursts, 0 to 1 (0)", 3 },
	{ "seed", OPT_SEED, "N", 0,
	  "The same seed, the same jobs, the same luck in the lottery (0)", 3 },

	{ 0, 0, 0, 0, "What comes out", 4 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: one object, times in ms",
	  4 },
	{ "svg", OPT_SVG, "FILE", 0,
	  "Also draw the charts into FILE (- : to standard output, and nothing "
	  "else there)", 4 },

	{ 0, 0, 0, 0, "Safety", 5 },
	{ "limit", OPT_LIMIT, "TIME", 0,
	  "Refuse jobs that would take longer (10m)", 5 },
	{ "force", OPT_FORCE, 0, 0,
	  "Given twice: run also what would make the machine unusable while "
	  "it lasts", 5 },
	{ "no-trace", OPT_NO_TRACE, 0, OPTION_HIDDEN, 0, 0 },
	{ "catalogue", OPT_CATALOGUE, 0, OPTION_HIDDEN, 0, 0 },
	{ 0 }
};

// What was given, for the rules between options.
struct parsing {
	struct options options;
	int quanta, allotments;
	int64_t levels; // 0: not said
	const char *levels_text, *allotments_text;
	const char *generator_option; // one that only --generate takes
	const char *setting;          // one that only our own code takes
};

// ## The rules between options

static void finish_levels(struct parsing *p, const struct argp_state *state)
{
	struct policy_settings *s = &p->options.settings;

	if (p->quanta && p->levels && p->levels != p->quanta)
		option_refuse(state, "--levels", p->levels_text,
			      "as many levels as --quanta has times, %d, or no "
			      "--levels at all",
			      p->quanta);
	if (p->quanta || p->levels)
		s->levels = p->quanta ? p->quanta : (int)p->levels;
	for (int i = 0; !p->quanta && i < s->levels; i++)
		s->level_quantum_ns[i] =
			i == 0 ? s->quantum_ns
			: s->level_quantum_ns[i - 1] <= LONGEST_NS / 2
				? 2 * s->level_quantum_ns[i - 1]
				: s->level_quantum_ns[i - 1];
	if (p->allotments > 1 && p->allotments != s->levels)
		option_refuse(state, "--allotments", p->allotments_text,
			      "one number, or one for each of the %d levels",
			      s->levels);
	for (int i = 0; i < s->levels; i++)
		if (p->allotments == 0)
			s->level_allotment[i] = 1;
		else if (p->allotments == 1)
			s->level_allotment[i] = s->level_allotment[0];
}

static void finish_kernel(const struct parsing *p,
			  const struct argp_state *state)
{
	const struct options *o = &p->options;
	char names[128];

	rules_text(names, sizeof names);
	if (!rule_named(o->policy->name))
		option_refuse(state, "--policy", o->policy->name,
			      "one that the kernel has, too, with "
			      "--under=kernel: %s",
			      names);
	if (p->setting)
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want none with --under=kernel: there the "
			     "kernel's own settings count, and the model gets "
			     "those",
			     p->setting);
}

static void finish(struct parsing *p, const struct argp_state *state)
{
	struct options *o = &p->options;

	if (o->generated && o->input)
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want a file or --generate, not both",
			     o->input);
	if (!o->generated && p->generator_option)
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want --generate=N beside it",
			     p->generator_option);
	if (o->json && o->svg && !strcmp(o->svg, "-"))
		option_refuse(state, "--svg", o->svg,
			      "a file: standard output is for the JSON");
	finish_levels(p, state);
	if (o->under == UNDER_KERNEL)
		finish_kernel(p, state);
	o->generate.cpus = o->cpus ? o->cpus : 1;
}

// ## One option after another

static error_t parse_generator(int key, const char *text,
			       const struct argp_state *state,
			       struct parsing *p)
{
	static const char *const arrivals[] = { "together", "poisson",
						"uniform", NULL };
	static const char *const lengths[] = { "exponential", "uniform",
					       "fixed",       "pareto",
					       "bimodal",     NULL };
	struct generate *g = &p->options.generate;

	switch (key) {
	case OPT_GENERATE:
		g->count = (size_t)option_number(state, "--generate", text, 1,
						 JOBS_MAX);
		p->options.generated = true;
		return 0;
	case OPT_ARRIVALS:
		p->generator_option = "--arrivals";
		g->arrivals = (enum arrivals)option_choice(state, "--arrivals",
							   text, arrivals);
		return 0;
	case OPT_LENGTHS:
		p->generator_option = "--lengths";
		g->lengths = (enum lengths)option_choice(state, "--lengths",
							 text, lengths);
		return 0;
	case OPT_LOAD:
		p->generator_option = "--load";
		g->load = option_real(state, "--load", text, 0.001, 1000);
		return 0;
	case OPT_MEAN:
		p->generator_option = "--mean";
		g->mean_ns = option_time(state, "--mean", text, 1, LONGEST_NS);
		return 0;
	case OPT_IO:
		p->generator_option = "--io";
		g->io = option_real(state, "--io", text, 0, 1);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_setting(int key, const char *text,
			     const struct argp_state *state, struct parsing *p)
{
	static const int64_t MOST_QUANTA = 1000000;
	struct policy_settings *s = &p->options.settings;

	switch (key) {
	case OPT_QUANTUM:
		s->quantum_ns = option_time(state, "--quantum", text,
					    SHORTEST_QUANTUM_NS, LONGEST_NS);
		p->setting = "--quantum";
		return 0;
	case OPT_LEVELS:
		p->levels_text = text;
		p->levels = option_number(state, "--levels", text, 1,
					  LEVELS_MAX);
		p->setting = "--levels";
		return 0;
	case OPT_QUANTA:
		p->quanta = option_times(state, "--quanta", text,
					 SHORTEST_QUANTUM_NS, LONGEST_NS,
					 s->level_quantum_ns, LEVELS_MAX);
		p->setting = "--quanta";
		return 0;
	case OPT_ALLOTMENTS:
		p->allotments_text = text;
		p->allotments = option_numbers(state, "--allotments", text, 1,
					       MOST_QUANTA, s->level_allotment,
					       LEVELS_MAX);
		p->setting = "--allotments";
		return 0;
	case OPT_BOOST:
		s->boost_ns = option_time(state, "--boost", text, 0,
					  LONGEST_NS);
		p->setting = "--boost";
		return 0;
	case OPT_STAY:
		s->stay = true;
		p->setting = "--stay";
		return 0;
	case OPT_IO_HEAD:
		s->io_head = true;
		p->setting = "--io-head";
		return 0;
	case OPT_AGEING:
		s->ageing_ns = option_time(state, "--ageing", text, 1,
					   LONGEST_NS);
		p->setting = "--ageing";
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_output(int key, char *text, const struct argp_state *state,
			    struct options *o)
{
	static const char *const formats[] = { "text", "json", NULL };

	switch (key) {
	case OPT_FORMAT:
		o->json = option_choice(state, "--format", text, formats);
		return 0;
	case OPT_SVG:
		if (!*text)
			option_refuse(state, "--svg", text, "a file, or -");
		o->svg = text;
		return 0;
	case OPT_LIMIT:
		o->limit_ns = option_time(state, "--limit", text, 1,
					  LONGEST_NS);
		return 0;
	case OPT_FORCE:
		o->forced++;
		return 0;
	case OPT_NO_TRACE:
		o->no_trace = true;
		return 0;
	case OPT_CATALOGUE:
		printf("sched/duel\t%s\t%s\ttool\n", summary, chapter);
		exit(options_end(EXIT_SUCCESS));
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_played(int key, char *text, const struct argp_state *state,
			    struct options *o)
{
	switch (key) {
	case OPT_POLICY:
		o->policy = option_policy(state, text);
		return 0;
	case OPT_UNDER:
		o->under = (enum under)option_choice(state, "--under", text,
						     under_names);
		return 0;
	case OPT_CPUS:
		o->cpus = (int)option_number(state, "--cpus", text, 1,
					     DUEL_CPUS);
		return 0;
	case OPT_SWITCH_COST:
		o->switch_cost_ns = option_time(state, "--switch-cost", text, 0,
						LONGEST_NS);
		return 0;
	case OPT_REPEAT:
		o->repeat = (int)option_number(state, "--repeat", text, 1,
					       REPEAT_MAX);
		return 0;
	case OPT_SEED:
		o->generate.seed = (uint64_t)option_number(state, "--seed",
							   text, 0, INT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		if (o->input)
			argp_failure(state, EXIT_USAGE, 0,
				     "%s: want one file of jobs, or none for "
				     "standard input",
				     text);
		o->input = text;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct parsing *p = state->input;
	error_t error = parse_played(key, text, state, &p->options);

	if (key == ARGP_KEY_END) {
		finish(p, state);
		return 0;
	}
	if (error == ARGP_ERR_UNKNOWN)
		error = parse_setting(key, text, state, p);
	if (error == ARGP_ERR_UNKNOWN)
		error = parse_generator(key, text, state, p);
	if (error == ARGP_ERR_UNKNOWN)
		error = parse_output(key, text, state, &p->options);
	return error;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Predicts with the model what a scheduling policy does with the "
	       "jobs of FILE (- or none: of standard input), runs them as "
	       "processes under that policy, and shows both, and why they "
	       "differ.\n(chapter 06 · Scheduling algorithms)"
	       "\vA job is a line; times are in ms or have a unit (ns us ms s "
	       "m h); # begins a comment.\n"
	       "  name arrival cpu[,io,cpu...] [prio=N] [tickets=N] "
	       "[deadline=TIME] [nice=N]\n\n"
	       "Policies: those of sched/sim (sim --list-policies); with "
	       "--under=kernel fifo, rr, priority-preemptive, edf, eevdf.\n\n"
	       "Examples:\n"
	       "  printf 'A 0 30\\nB 5 10,20,10\\n' | duel --policy=rr\n"
	       "  duel --policy=mlfq --repeat=5 jobs.txt\n"
	       "  duel --policy=rr --under=kernel jobs.txt\n\n"
	       "Exit status: 0 it ran, however large the errors; 1 something "
	       "failed on the way; 2 bad usage, bad jobs, or a run that would "
	       "hang the machine; 77 this host or this user may not do that "
	       "(it says what is missing).",
};

int main(int argc, char **argv)
{
	static struct random nobodys;
	struct parsing parsing = {
		.options = {
			.policy = policy_named("rr"),
			.settings = policy_defaults(&nobodys),
			.repeat = 1,
			.limit_ns = 600 * SECOND,
			.generate = { .arrivals = POISSON,
				      .lengths = EXPONENTIAL,
				      .load = 0.8,
				      .mean_ns = 50 * MS },
		},
	};

	options_begin("sched/duel");
	argp_parse(&parser, argc, argv, 0, NULL, &parsing);
	return supervise(duel, &parsing.options);
}
