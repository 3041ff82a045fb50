// # The scheduling simulator
//
// Chapter 06 · Scheduling algorithms (스케줄링 알고리즘)
//
// Who gets the CPU next, and for how long? Here are the textbook's answers, run
// on your own jobs: exactly, so that a worksheet can be checked by hand, and
// fast, so that a million jobs under every policy take seconds. The policies are
// sched/policy, each written once: the same code drives real processes in
// sched/duel.
//
//     # name arrival cpu[,io,cpu...] [prio=N] [tickets=N] [deadline=T] [nice=N]
//     A  0   30
//     B  5   10,20,10  prio=1
//     C  5   20        deadline=60
//
//     $ build/sched/sim --policy=rr,sjf --quantum=10 jobs.txt
//
//     rr: round robin, quantum 10ms
//     A  ████████|··················█████████|··················████████]
//     B       ····████████>~~~~~~~~~~~~~~~~~~~·········████████]
//     C       ·············████████|··········████████]
//        ┬────────┬────────┬────────┬─────────┬────────┬────────┬────────
//        0 ms     10       20       30        40       50       60
//     █ runs  · ready  ~ waits (I/O)  | quantum over  > left to wait
//     ] done
//
//     job   arrival  CPU  response  turnaround  waiting  switches
//     A           0   30         0          70       40         3
//     B           5   20         5          55       15         2
//     C           5   20        15          45       25         2
//     mean                    6.67       56.67    26.67      2.33
//
//     times in ms; CPU busy 100 %; 42.9 jobs/s; fairness 0.99 (Jain);
//     7 switches; 0 of 1 deadlines missed
//
// Try: --explain, and cover the reasons with your hand before you read them.
// --policy=rr with --quantum=1, 10 and 1000: what becomes of the response, and
// of the switches? The same with --switch-cost=1. Which policy is best for the
// mean turnaround, and who pays for it? Then --quiz.
//
// Read next: play.c, then sched/model/simulate.c (the clock that jumps) and
// sched/policy/rr.c (the shortest of the policies).
// Sources: those of the policies, in their files and in --list-policies.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "ostep.h"
#include "sim.h"

static const char chapter[] = "06 · Scheduling algorithms";
static const char summary[] =
	"the textbook's scheduling policies on your own jobs";

// ## The command line

enum {
	OPT_POLICY = 256,
	OPT_LIST_POLICIES,
	OPT_CPUS,
	OPT_SWITCH_COST,
	OPT_TIES,
	OPT_ROWS,
	OPT_TIMING,
	OPT_EXPLAIN,
	OPT_STEPS,
	OPT_FORMAT,
	OPT_SVG,
	OPT_QUIZ,
	OPT_OSTEP,
	OPT_CATALOGUE
};

static const struct argp_option table[] = {
	{ 0, 0, 0, 0, "What is played", 1 },
	{ "policy", OPT_POLICY, "NAME,...", 0,
	  "The policies (below), in this order, or `all' (fifo,sjf,rr)", 1 },
	{ "cpus", OPT_CPUS, "N", 0, "How many CPUs share the ready jobs (1)",
	  1 },
	{ "switch-cost", OPT_SWITCH_COST, "TIME", 0,
	  "What it takes a CPU to go over to another job (0); the first job "
	  "on a CPU costs nothing", 1 },
	{ "ties", OPT_TIES, "arrivals|expired", 0,
	  "When a quantum ends just as others become ready: who joins the "
	  "queue first, the arrivals (the default, as in most books) or the "
	  "job whose quantum expired. Arrivals come as in the file, then ends "
	  "of waits as the waits began, then the CPUs by number", 1 },

	{ 0, 0, 0, 0, "What is shown", 4 },
	{ "explain", OPT_EXPLAIN, 0, 0, "At each decision: why this job", 4 },
	{ "steps", OPT_STEPS, 0, 0, "Each event, a line each", 4 },
	{ "rows", OPT_ROWS, "N", 0,
	  "Draw charts of up to N jobs; more are summed up only (24)", 4 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: an array of one object a "
	  "policy, times in ms", 4 },
	{ "svg", OPT_SVG, "FILE", 0,
	  "Also draw the charts into FILE (- : to standard output, and nothing "
	  "else there)", 4 },
	{ "timing", OPT_TIMING, 0, 0,
	  "A line a policy on standard error: how many decisions (picks) the "
	  "model made, how long it took, how many that are a second", 4 },
	{ "list-policies", OPT_LIST_POLICIES, 0, 0,
	  "List the policies, with who described them", 4 },

	{ 0, 0, 0, 0, "Exercises", 5 },
	{ "quiz", OPT_QUIZ, 0, 0,
	  "Asks for each job's times, waits for answers and marks them", 5 },
	{ "ostep", OPT_OSTEP, "scheduler|mlfq|lottery", 0,
	  "An exercise of the OSTEP course by its seed; all other options are "
	  "then that program's (--ostep=mlfq --help)", 5 },
	{ "catalogue", OPT_CATALOGUE, 0, OPTION_HIDDEN, 0, 0 },
	{ 0 }
};

static const struct argp_child children[] = {
	{ &settings_argp, 0, "What policies look at", 2 },
	{ &jobs_argp, 0, "Jobs by chance, in place of a file", 3 },
	{ 0 }
};

enum { HELP_COLUMNS = 78 };

static _Noreturn void list_policies(void)
{
	for (size_t i = 0; policies[i]; i++) {
		const struct policy *p = policies[i];
		printf("%s%s: %s (%s)\n", i ? "\n" : "", p->name, p->title,
		       policy_kind(p));
		put_wrapped(stdout, HELP_COLUMNS, "  ", 2, p->summary);
		put_wrapped(stdout, HELP_COLUMNS, "  ", 2, p->source);
	}
	exit(options_end(EXIT_SUCCESS));
}

static void help_policy(FILE *out, const struct policy *policy)
{
	fprintf(out, "  %s (%s)\n", policy->name, policy_kind(policy));
	put_wrapped(out, HELP_COLUMNS, "      ", 6, policy->summary);
}

// --help lists the policies, too, before what argp says last.
static char *help(int key, const char *text, void *input)
{
	char *all = NULL;
	size_t bytes;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	FILE *out = must_ptr(open_memstream(&all, &bytes));
	fputs("Policies:\n", out);
	for (size_t i = 0; policies[i]; i++)
		help_policy(out, policies[i]);
	fprintf(out, "\n%s", text);
	if (fclose(out) != 0)
		return (char *)text;
	return all;
}

// ## The rules between options

static void take_policies(const struct argp_state *state, const char *text,
			  struct request *r)
{
	r->policies = (size_t)option_policies(state, text, true, r->policy,
					      MOST_POLICIES);
}

static void finish(struct request *r, const struct argp_state *state)
{
	const char *input = r->jobs.input;

	if (r->policies == 0)
		take_policies(state, "fifo,sjf,rr", r);
	if (r->json && r->svg && !strcmp(r->svg, "-"))
		option_refuse(state, "--svg", r->svg,
			      "a file: standard output is for the JSON");
	if (r->json && (r->quiz || r->steps))
		option_refuse(state, "--format", "json", "text beside %s",
			      r->quiz ? "--quiz, which asks a person"
				      : "--steps: programs read the slices");
	if (r->quiz && !r->jobs.generated && (!input || !strcmp(input, "-")))
		exit(option_complain(
			EXIT_USAGE,
			"--quiz: want a file of jobs, or --generate=N: "
			"standard input is for the answers"));
	r->jobs.generate.cpus = r->simulation.cpus;
}

static error_t parse_shown(int key, char *text, const struct argp_state *state,
			   struct request *r)
{
	static const char *const formats[] = { "text", "json", NULL };
	static const int64_t MOST_ROWS = 1000000;

	switch (key) {
	case OPT_EXPLAIN:
		r->explain = true;
		return 0;
	case OPT_STEPS:
		r->steps = true;
		return 0;
	case OPT_ROWS:
		r->rows = (size_t)option_number(state, "--rows", text, 0,
						MOST_ROWS);
		return 0;
	case OPT_TIMING:
		r->timing = true;
		return 0;
	case OPT_FORMAT:
		r->json = option_choice(state, "--format", text, formats);
		return 0;
	case OPT_SVG:
		if (!*text)
			option_refuse(state, "--svg", text, "a file, or -");
		r->svg = text;
		return 0;
	case OPT_QUIZ:
		r->quiz = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_rest(int key, char *text, const struct argp_state *state,
			  struct request *r)
{
	static const char *const ties[] = { "arrivals", "expired", NULL };

	switch (key) {
	case OPT_POLICY:
		take_policies(state, text, r);
		return 0;
	case OPT_CPUS:
		r->simulation.cpus = (int)option_number(state, "--cpus", text,
							1, 1024);
		return 0;
	case OPT_SWITCH_COST:
		r->simulation.switch_cost_ns = option_time(
			state, "--switch-cost", text, 0, LONGEST_NS);
		return 0;
	case OPT_TIES:
		r->simulation.expired_first = option_choice(state, "--ties",
							    text, ties);
		return 0;
	case OPT_LIST_POLICIES:
		list_policies();
	case OPT_OSTEP:
		option_refuse(state, "--ostep", text,
			      "the option spelled out, before any --");
	case OPT_CATALOGUE:
		printf("sched/sim\t%s\t%s\ttool\n", summary, chapter);
		exit(options_end(0));
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct request *r = state->input;

	if (key == ARGP_KEY_INIT) {
		state->child_inputs[0] = &r->given;
		state->child_inputs[1] = &r->jobs;
		return 0;
	}
	if (key == ARGP_KEY_END) {
		finish(r, state);
		return 0;
	}
	error_t error = parse_shown(key, text, state, r);
	return error == ARGP_ERR_UNKNOWN ? parse_rest(key, text, state, r)
					 : error;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.children = children,
	.args_doc = "[FILE]",
	.doc = "Plays scheduling policies on the jobs of FILE (- or none: of "
	       "standard input) and shows who ran when, and what each had to "
	       "wait.\n(chapter 06 · Scheduling algorithms)"
	       "\vA job file has a line a job; # begins a comment. A time is a "
	       "number with a unit (ns us ms s m h) or without: ms.\n"
	       "  name arrival cpu[,io,cpu...] [prio=N] [tickets=N] "
	       "[deadline=TIME] [nice=N]\n"
	       "  A    0       30\n"
	       "  B    5       10,20,10  prio=1\n"
	       "  C    5       1.5s      deadline=3s\n"
	       "A smaller prio is more urgent (0), more tickets win more often "
	       "(100), the deadline counts from the arrival.\n\n"
	       "Examples:\n"
	       "  sim --policy=rr,sjf,mlfq --quantum=10 jobs.txt\n"
	       "  sim --policy=srtf --explain jobs.txt\n"
	       "  sim --policy=all --generate=100000 --load=0.9\n\n"
	       "Exit status: 0 played; 1 the work failed, or an answer of the "
	       "quiz was wrong; 2 bad usage or a mistake in the job file.",
	.help_filter = help,
};

static bool is_exercise(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--ostep") ||
		    !strncmp(argv[i], "--ostep=", strlen("--ostep=")))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	enum { ROWS = 24, MOST_JOBS = 100000000 };
	struct jobs jobs = { 0 };
	struct request request = {
		.jobs = jobs_given(MOST_JOBS),
		.given = settings_given(1),
		.simulation = { .cpus = 1 },
		.rows = ROWS,
	};

	request.jobs.seed_alone = true;
	options_begin("sched/sim");
	if (is_exercise(argc, argv))
		return ostep_main(argc, argv);
	argp_parse(&parser, argc, argv, 0, NULL, &request);
	int status = jobs_take(&request.jobs, &jobs);
	if (status == 0)
		status = play(&request, &jobs);
	jobs_free(&jobs);
	return options_end(status);
}
