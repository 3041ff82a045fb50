// # Measuring: rounds of all cases in turn, until the figures are sure
//
// A B C, A B C ...: the cases are interleaved, so that a machine that drifts
// (its neighbours, its clock, its temperature) drifts under all of them alike.
// A case leaves the turn when its interval is narrow enough; the run ends when
// all have left or the time is over, but not before every case has had the
// least number of rounds that lets two runs be compared. `bench run`, the command,
// is at the end; `bench when` measures in the same way.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "draw.h"
#include "must.h"
#include "names.h"
#include "options.h"
#include "supervisor.h"

enum {
	// With 8 rounds against 8 the smallest p-value of Mann-Whitney is
	// 0.00016: low enough to find a real difference among 60 cases.
	MIN_ROUNDS = 8,
	QUICK_MIN_ROUNDS = 3,
};
static const double SETTLED = 0.01; // half of the interval, of the median
static const int64_t SECOND = 1000000000,
		     USUAL_CASE_NS = 1000000000, // time for one case
	QUICK_CASE_NS = 150000000, LEAST_NS = 4000000000,
		     SHORTEST_SLOT_NS = 15000000, LONGEST_SLOT_NS = 400000000;

// --- the options -------------------------------------------------------------

enum { OPTION_JSON = 256, OPTION_QUICK };

static const struct argp_option measuring_table[] = {
	{ "time", 't', "TIME", 0,
	  "how long it may take (default: a second a case, half of that for "
	  "'when'); the least rounds, 8 a case or 3 with --quick, are played "
	  "in any case", 0 },
	{ "quick", OPTION_QUICK, NULL, 0,
	  "a short look: few rounds, wide intervals", 0 },
	{ "json", OPTION_JSON, "FILE", 0, "keep everything in FILE", 0 },
	{ 0 }
};

static error_t parse_measuring(int key, char *text, struct argp_state *state)
{
	struct measuring *m = state->input;

	switch (key) {
	case 't':
		m->time_ns = option_duration(state, "--time", text, SECOND / 10,
					     24 * 3600 * SECOND);
		return 0;
	case OPTION_QUICK:
		m->quick = true;
		return 0;
	case OPTION_JSON:
		m->json = text;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp measuring_options = {
	.options = measuring_table,
	.parser = parse_measuring,
};

// --- interruption ------------------------------------------------------------

static volatile sig_atomic_t stop_signal;

// The first one ends the run with a report, another one at once. A tool such as
// timeout(1) signals both the process and its group: what comes within half a
// second is the same wish.
static void on_stop(int signal_number)
{
	static volatile int64_t first_ns;

	if (!stop_signal) {
		first_ns = now_ns();
		stop_signal = signal_number;
	} else if (now_ns() - first_ns > SECOND / 2) {
		signal(signal_number, SIG_DFL);
		raise(signal_number);
	}
}

// --- progress: one line on standard error, only where that is a terminal -------

struct progress {
	struct canvas canvas;
	bool shown;
};

static void progress_clear(struct progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r\033[K");
	p->shown = false;
}

// --- the rounds --------------------------------------------------------------

struct run {
	const struct measuring *wish;
	struct plan plan;
	struct result *results;
	struct round *round;
	struct progress progress;
	size_t wanted; // cases that can be measured
	size_t min_rounds;
	int64_t started_ns, budget_ns;
	struct effort effort;
};

static bool over(const struct run *run)
{
	return now_ns() - run->started_ns >= run->budget_ns;
}

static bool wants_round(const struct run *run, const struct result *r)
{
	return !r->c->excluded[0] && !r->failure[0] &&
	       (r->rounds < run->min_rounds ||
		(r->rounds < MAX_ROUNDS && !over(run) &&
		 !result_settled(r, SETTLED)));
}

// The run is over when both the time is and every case has its least rounds.
static void progress_show(struct run *run, const char *name)
{
	double spent = now_ns() - run->started_ns, rounds = 0;
	char text[160];

	if (!isatty(STDERR_FILENO))
		return;
	for (size_t i = 0; i < run->plan.count; i++)
		rounds += run->results[i].rounds < run->min_rounds
				  ? run->results[i].rounds
				  : run->min_rounds;
	double share = spent / run->budget_ns;
	double least = rounds / (run->wanted * run->min_rounds);
	share = share < least ? share : least;
	snprintf(text, sizeof text, "%.0f s left · %s",
		 share > 0 ? spent * (1 - share) / share / 1e9
			   : run->budget_ns / 1e9,
		 name);
	char *line = draw_progress(&run->progress.canvas, share, text);
	fprintf(stderr, "\r%s\033[K", line ? line : text);
	fflush(stderr);
	free(line);
	run->progress.shown = true;
}

static bool one_turn(struct run *run)
{
	bool any = false;
	for (size_t i = 0; i < run->plan.count && !stop_signal; i++) {
		struct result *r = &run->results[i];
		if (!wants_round(run, r))
			continue;
		progress_show(run, r->c->name);
		run->effort.op_ns = r->op_ns;
		round_play(r->c, &run->effort, run->round, &stop_signal);
		if (stop_signal)
			break;
		if (!run->round->was_stopped)
			must_neg(result_add_round(r, run->round));
		any = true;
	}
	return any && !stop_signal;
}

static void choose_effort(struct run *run)
{
	const struct measuring *m = run->wish;
	for (size_t i = 0; i < run->plan.count; i++)
		run->wanted += !run->plan.cases[i].excluded[0];
	int64_t n = run->wanted ? run->wanted : 1;

	int64_t case_ns = m->quick     ? QUICK_CASE_NS
			  : m->case_ns ? m->case_ns
				       : USUAL_CASE_NS;

	run->min_rounds = m->quick ? QUICK_MIN_ROUNDS : MIN_ROUNDS;
	run->budget_ns = m->time_ns ? m->time_ns : n * case_ns;
	if (!m->time_ns && !m->quick && run->budget_ns < LEAST_NS)
		run->budget_ns = LEAST_NS;

	// Time for a quarter more rounds than needed.
	int64_t slot = run->budget_ns / n / (run->min_rounds * 5 / 4 + 1);
	slot = slot < SHORTEST_SLOT_NS ? SHORTEST_SLOT_NS : slot;
	slot = slot > LONGEST_SLOT_NS ? LONGEST_SLOT_NS : slot;
	run->effort = (struct effort){
		.slot_ns = slot,
		.max_stamps = n > 200 ? MAX_STAMPS / 8 : MAX_STAMPS,
	};
}

// --- the end -----------------------------------------------------------------

static int save(const char *path, const json_t *json)
{
	if (json_dump_file(json, path,
			   JSON_INDENT(1) | JSON_REAL_PRECISION(7)) == 0)
		return 0;
	fprintf(stderr, "bench: %s: %s\n", path,
		errno ? strerror(errno) : "could not be written");
	return 1;
}

// Saves the results and has them told.
static int report(struct run *run, struct run_facts *facts,
		  measured_fn *measured, void *argument)
{
	const struct measuring *m = run->wish;
	size_t count = run->plan.count, failed = 0, rounds = 0;
	int status = 0;

	facts->elapsed_s = (now_ns() - run->started_ns) / 1e9;
	facts->interrupted = stop_signal != 0;
	result_summarise(run->results, count, facts->clock_cost_ns);
	for (size_t i = 0; i < count; i++) {
		failed += run->results[i].failure[0] != '\0';
		rounds += run->results[i].rounds;
	}
	json_t *json = must_ptr(result_json(run->results, count, facts));
	// A run that measured nothing must not replace one that did.
	if (m->json && !(stop_signal && !rounds))
		status = save(m->json, json);
	measured(argument, run->results, count, facts, json);
	json_decref(json);
	return failed ? 1 : status;
}

// Refuses early what would fail only after a minute of measuring.
static bool writable(const char *path)
{
	if (!path)
		return true;
	FILE *f = fopen(path, "ae");
	if (f)
		fclose(f);
	else
		fprintf(stderr, "bench: --json=%s: %s\n", path,
			strerror(errno));
	return f != NULL;
}

int measure(const struct measuring *wish, measured_fn *measured, void *argument)
{
	static struct run run;
	static struct run_facts facts;
	const char *unmatched;

	int error = plan_make(&run.plan, wish->set, wish->patterns, wish->pin,
			      &unmatched);
	if (error == -ENOENT) {
		fprintf(stderr,
			"bench: no case matches '%s': see 'bench list'\n",
			unmatched);
		return 2;
	}
	must_neg(error);
	if (!writable(wish->json))
		return 1;

	run.wish = wish;
	run.results = must_ptr(calloc(run.plan.count, sizeof *run.results));
	run.round = must_ptr(round_new());
	run.progress.canvas = canvas_of(STDERR_FILENO);
	for (size_t i = 0; i < run.plan.count; i++)
		run.results[i].c = &run.plan.cases[i];
	choose_effort(&run);

	struct clock_facts clock = clock_measure();
	host_read(&facts.host);
	facts.clock_cost_ns = clock.cost_ns;
	facts.clock_resolution_ns = clock.resolution_ns;
	facts.pinned = wish->pin;
	must_neg(topology_read(&facts.topology));

	signal(SIGINT, on_stop);
	signal(SIGTERM, on_stop);
	run.started_ns = now_ns();
	while (one_turn(&run))
		;
	progress_clear(&run.progress);
	int status = report(&run, &facts, measured, argument);

	for (size_t i = 0; i < run.plan.count; i++)
		result_free(&run.results[i]);
	free(run.results);
	plan_free(&run.plan);
	topology_free(&facts.topology);
	status = options_end(status);
	if (stop_signal) {
		signal(stop_signal, SIG_DFL);
		raise(stop_signal);
	}
	return run.wanted ? status : status ?: 77;
}

// --- bench run ---------------------------------------------------------------

struct options {
	struct measuring measuring;
	bool format_json;
};

enum { OPTION_THOROUGH = 512, OPTION_NO_PIN, OPTION_FORMAT };

static const struct argp_option option_table[] = {
	{ "thorough", OPTION_THOROUGH, NULL, 0,
	  "the full matrix of mechanisms, sizes and placements", 0 },
	{ "format", OPTION_FORMAT, "text|json", 0,
	  "what to print (default: text)", 0 },
	{ "no-pin", OPTION_NO_PIN, NULL, 0,
	  "leave the workers to the scheduler", 0 },
	{ 0 }
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct options *o = state->input;
	struct measuring *m = &o->measuring;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = m;
		return 0;
	case OPTION_THOROUGH:
		m->set = PLAN_MATRIX;
		return 0;
	case OPTION_FORMAT:
		o->format_json = option_choice(state, "--format", text,
					       formats) == 1;
		return 0;
	case OPTION_NO_PIN:
		m->pin = false;
		return 0;
	case ARGP_KEY_ARGS:
		m->patterns = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (m->quick && m->set == PLAN_MATRIX)
			argp_error(state, "--quick and --thorough contradict "
					  "each other: give one");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void tell(void *argument, const struct result *results, size_t count,
		 const struct run_facts *facts, const json_t *json)
{
	const struct options *o = argument;

	if (o->format_json) {
		(void)json_dumpf(json, stdout,
				 JSON_INDENT(1) | JSON_REAL_PRECISION(7));
		putchar('\n');
	} else {
		struct canvas canvas = canvas_of(STDOUT_FILENO);
		table_print(stdout, results, count, facts,
			    isatty(STDOUT_FILENO) ? canvas.columns : 132);
	}
}

static int body(void *argument)
{
	struct options *o = argument;
	return measure(&o->measuring, tell, o);
}

int bench_run(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &measuring_options, 0, NULL, 0 }, { 0 }
	};
	static const struct argp parser = {
		.options = option_table,
		.parser = parse_option,
		.children = children,
		.args_doc = "[PATTERN...]",
		.doc = "Measures what context switches and IPC cost on this "
		       "machine."
		       "\vA pattern is a glob over family/what/size/placement "
		       "or a leading part of it; a complete name may have any "
		       "size. Without one, the default set is run.\n\n"
		       "Examples:\n"
		       "  bench run\n"
		       "  bench run --json today.json ipc/pipe 'ipc/unix*'\n"
		       "  bench run --time=10s ipc/pipe/100B/cross-core\n"
		       "  bench run --thorough bandwidth",
	};
	struct options options = { .measuring = { .pin = true } };

	argp_parse(&parser, argc, argv, 0, NULL, &options);
	return supervise(body, &options);
}
