// # Duel: the model predicts, the machine answers
//
// Chapter 06 · Scheduling algorithms (스케줄링 알고리즘)
//
// Model and kernel on one page. The simulator says when each job will run, be
// answered and be done; then the same jobs run as processes, and a dispatcher
// drives them with the very code that the simulator just ran (--under=kernel: or
// the kernel does, with its own policy of that name). What differs is what a
// textbook leaves out, and each part of it is measured.
//
//     $ printf 'A 0 30\nB 5 10,20,10\nC 5 20\n' | build/sched/duel --policy=rr
//
//     predicted: rr, the model
//     A  ████████|···················████████|···················█████████]
//     B       ····█████████>~~~~~~~~~~~~~~~~~~··········████████]
//     C       ··············████████|·········█████████]
//     observed: rr, our dispatcher
//     A  ████!███!▄··················▁████████!▃···················██████████]
//     B       ····▃████████>~~~~~~~~~~~~~~~~~~~···········████████]
//     C       ··············█████████▇·········▄█████████]
//        ┬────────┬─────────┬────────┬────────┬─────────┬────────┬─────────┬──
//        0 ms     10        20       30       40        50       60        70
//
//         turnaround, ms
//     job predicted  observed    error      %
//     A       70.00     73.68    +3.68   +5.3
//     B       55.00     57.32    +2.32   +4.2
//     C       45.00     46.83    +1.83   +4.1
//
//     order      equal: the jobs are done in the order that the model said.
//     end        the last job was done at 73.68 ms, +3.68 against the model:
//                +2.91 computing, +0.43 switching, +0.00 idle, +0.02 waking up,
//                +0.32 put aside.
//
// That is a virtual machine of two CPUs on which compilers ran meanwhile. With
// five jobs of 10 to 60 ms, 20 rounds of each of 14 policies, 271 of 280 rounds
// there kept the model's order; 7 of the others were sjf's, in one bad moment,
// and the next 80 were right. Turnarounds were 3 to 6 % longer in the middle,
// of which 3 to 4 because the same work took longer than when the CPU was
// measured; some short jobs' beside long ones up to 16 %.
//
// Try: --policy=rr with --quantum=10 and 1: what becomes of "switching"? Then
// --switch-cost with what it says a switch takes here: does the model come
// nearer? --policy=eevdf, under the dispatcher and --under=kernel: the same
// rules, and the kernel still lets each job run longer at a time. Why? As an
// ordinary user, beside something that computes: who protects the jobs now?
//
// Read next: play.c, then ../live/dispatch.c (the dispatcher; what a moment is),
// ../live/dispatch_hold.c (how to hold a process, and what it costs), why.c.
// Sources: those of the policies (build/sched/sim --list-policies); sched(7).

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "duel.h"
#include "options.h"
#include "supervisor.h"

static const char chapter[] = "06 · Scheduling algorithms";
static const char summary[] =
	"one policy, the same jobs: what the model says, what the machine does";

enum {
	OPT_POLICY = 256,
	OPT_UNDER,
	OPT_CPUS,
	OPT_REPEAT,
	OPT_SWITCH_COST,
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

static const struct argp_child children[] = {
	{ &settings_argp, 0, "What policies look at", 2 },
	{ &jobs_argp, 0, "Jobs by chance, in place of a file", 3 },
	{ 0 }
};

// ## The rules between options

static void finish_kernel(const struct options *o,
			  const struct argp_state *state)
{
	char names[128];

	rules_text(names, sizeof names);
	if (!rule_named(o->policy->name))
		option_refuse(state, "--policy", o->policy->name,
			      "one that the kernel has, too, with "
			      "--under=kernel: %s",
			      names);
	if (o->given.option)
		argp_failure(state, EXIT_USAGE, 0,
			     "--%s: want none with --under=kernel: there the "
			     "kernel's own settings count, and the model gets "
			     "those",
			     o->given.option);
}

static void finish(struct options *o, const struct argp_state *state)
{
	if (o->json && o->svg && !strcmp(o->svg, "-"))
		option_refuse(state, "--svg", o->svg,
			      "a file: standard output is for the JSON");
	if (o->under == UNDER_KERNEL)
		finish_kernel(o, state);
	o->jobs.generate.cpus = o->cpus ? o->cpus : 1;
}

// ## One option after another

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
		option_policies(state, text, false, &o->policy, 1);
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
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	if (key == ARGP_KEY_INIT) {
		state->child_inputs[0] = &o->given;
		state->child_inputs[1] = &o->jobs;
		return 0;
	}
	if (key == ARGP_KEY_END) {
		finish(o, state);
		return 0;
	}
	error_t error = parse_played(key, text, state, o);
	return error == ARGP_ERR_UNKNOWN ? parse_output(key, text, state, o)
					 : error;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.children = children,
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
	struct options options = {
		.jobs = jobs_given(JOBS_AT_ONCE),
		.given = settings_given(SHORTEST_QUANTUM_NS),
		.policy = policy_named("rr"),
		.repeat = 1,
		.limit_ns = 600 * SECOND,
	};

	options.jobs.seed_alone = true;
	options_begin("sched/duel");
	argp_parse(&parser, argc, argv, 0, NULL, &options);
	return supervise(duel, &options);
}
