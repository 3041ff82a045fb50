// # The duel: the model says it first, then the machine does it
//
// The model predicts before anything runs, so it cannot be helped by what
// happened. Then the same jobs run as processes, as often as was asked for. Both
// get the same settings; where the kernel rules, its settings are the model's.
// A lottery's luck is the same in both worlds, draw for draw.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "draw.h"
#include "duel.h"
#include "must.h"
#include "options.h"

const char *const under_names[] = { "dispatcher", "kernel", NULL };

// ## Luck

static uint64_t draw_luck(void *random)
{
	return random_next(random);
}

// The seed makes the jobs, too (--generate), but from other numbers.
static struct policy_settings settings_for(const struct duel *duel,
					   struct random *random)
{
	static const uint64_t other_than_the_jobs = 0x9e3779b97f4a7c15;
	struct policy_settings settings = duel->settings;

	*random = (struct random){ duel->options->jobs.generate.seed ^
				   other_than_the_jobs };
	settings.draw = draw_luck;
	settings.luck = random;
	return settings;
}

// ## Where

static int want_cpus(const struct duel *duel, int all)
{
	int want = duel->options->cpus;

	if (want)
		return want;
	return !duel->rule || !duel->rule->everywhere ? 1
	       : all <= DUEL_CPUS                     ? all
						      : DUEL_CPUS;
}

// The last CPUs that we may use: CPU 0 takes most of the machine's own work.
static int choose_cpus(struct duel *duel)
{
	struct topology topology;

	must_neg(topology_read(&topology));
	int all = (int)topology.count, want = want_cpus(duel, all), status = 0;
	if (duel->rule && duel->rule->everywhere && want != all)
		status = option_complain(
			EXIT_USAGE,
			"--cpus=%d: want %d, all that there are: the "
			"kernel's promise to deadline tasks is made "
			"for all CPUs together",
			want, all);
	else if (want > all)
		status = option_complain(EXIT_CANNOT,
					 "--cpus=%d: this process may use %d",
					 want, all);
	for (int i = 0; !status && i < want; i++)
		duel->cpus[i] = topology.cpus[all - want + i].number;
	topology_free(&topology);
	duel->cpu_count = want;
	duel->live.cpus = duel->cpus;
	duel->live.cpu_count = want;
	return status;
}

// ## The model

static int take_rules(struct duel *duel)
{
	const struct rule *rule = duel->rule;

	if (!rule)
		return 0;
	int64_t slice_ns = rule_slice_ns(rule);
	if (rule->sliced && !slice_ns)
		return option_complain(
			EXIT_CANNOT,
			"this kernel does not tell the slice of %s%s",
			rule->title,
			rule->kernel == K_OTHER
				? " (since Linux 6.12 sched_getattr(2) "
				  "does)"
				: "");
	if (rule->sliced)
		duel->settings.quantum_ns = slice_ns;
	duel->live.policy = rule->kernel;
	duel->live.priority_by_job = rule->by_job;
	return 0;
}

static int predict(struct duel *duel)
{
	const struct policy *policy = duel->options->policy;
	struct random random;
	struct policy_settings settings = settings_for(duel, &random);
	struct simulation simulation = {
		.cpus = duel->cpu_count,
		.switch_cost_ns = duel->options->switch_cost_ns,
		.keep_slices = true,
	};
	int error = simulate(&simulation, policy, &settings, &duel->jobs,
			     &duel->predicted);

	return error == -EINVAL
		       ? option_complain(EXIT_USAGE,
					 "--policy=%s: these settings make "
					 "no sense for it",
					 policy->name)
	       : error == -EOVERFLOW
		       ? option_complain(
				 EXIT_USAGE,
				 "the jobs would take longer than 292 years")
	       : error ? option_complain(EXIT_FAILURE, "the model: %s",
					 strerror(-error))
		       : 0;
}

// ## The machine

struct display {
	const struct duel *duel;
	struct canvas canvas;
	int round;
};

static void show_progress(void *argument, int64_t elapsed_ns)
{
	const struct display *display = argument;
	int rounds = display->duel->options->repeat;
	double share = (double)elapsed_ns /
		       (double)(display->duel->predicted.end_ns + 1);
	char text[64] = "the machine's turn";

	if (rounds > 1)
		snprintf(text, sizeof text, "round %d of %d",
			 display->round + 1, rounds);
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	char *line = draw_progress(&display->canvas,
				   (display->round + share) / rounds, text);
	if (line)
		fprintf(stderr, "\r\033[K%s", line);
	free(line);
}

static int play_round(const struct duel *duel, struct round *round)
{
	struct random random;
	struct policy_settings settings = settings_for(duel, &random);

	return duel->rule ? live_run(&duel->live, &duel->jobs, &round->observed,
				     &round->notes)
			  : live_dispatch(&duel->live, duel->options->policy,
					  &settings, &duel->jobs,
					  &round->observed, &round->notes);
}

// Not for us: what it takes is missing here, or is not for this user.
static bool is_lacking(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOSYS ||
	       error == -EBUSY || error == -EAGAIN;
}

static int play_rounds(struct duel *duel)
{
	bool terminal = isatty(STDERR_FILENO);
	struct display display = { .duel = duel,
				   .canvas = canvas_of(STDERR_FILENO) };
	int error = 0;

	// The last column stays free: some terminals would begin a new line
	display.canvas.columns--;
	duel->live.no_trace = duel->options->no_trace;
	duel->live.progress = terminal ? show_progress : NULL;
	duel->live.progress_argument = &display;
	for (; !error && display.round < duel->options->repeat;
	     display.round++) {
		error = play_round(duel, &duel->rounds[display.round]);
		duel->rounds_done += !error;
	}
	duel->live.progress = NULL;
	duel->live.progress_argument = NULL;
	if (terminal)
		fputs("\r\033[K", stderr);
	return error ? option_complain(
			       is_lacking(error) ? EXIT_CANNOT : EXIT_FAILURE,
			       "%s", duel->rounds[display.round - 1].notes.told)
		     : 0;
}

// ## All of it

static int tell(struct duel *duel)
{
	const struct options *o = duel->options;

	must_neg(compare(duel));
	if (o->svg) {
		int error = svg_write(duel);
		if (error)
			return option_complain(EXIT_FAILURE, "%s: %s", o->svg,
					       strerror(-error));
		if (!strcmp(o->svg, "-"))
			return 0;
	}
	must_neg(o->json ? json_print(stdout, duel)
			 : report_print(stdout, duel));
	return 0;
}

static int play(struct duel *duel)
{
	int status = jobs_take(&duel->options->jobs, &duel->jobs);

	if (!status)
		status = choose_cpus(duel);
	if (!status)
		status = take_rules(duel);
	if (!status)
		status = predict(duel);
	if (!status)
		status = refuse_length(duel);
	if (!status)
		status = play_rounds(duel);
	return status ? status : tell(duel);
}

static void duel_free(struct duel *duel)
{
	for (int i = 0; i < duel->rounds_done; i++)
		history_free(&duel->rounds[i].observed);
	history_free(&duel->predicted);
	free(duel->rounds);
	free(duel->order[0]);
	free(duel->order[1]);
	jobs_free(&duel->jobs);
}

int duel(void *argument)
{
	const struct options *options = argument;
	struct duel duel = { .options = options,
			     .settings = options->given.settings };

	if (options->under == UNDER_KERNEL)
		duel.rule = rule_named(options->policy->name);
	duel.rounds =
		must_ptr(calloc((size_t)options->repeat, sizeof *duel.rounds));
	int status = play(&duel);
	duel_free(&duel);
	return options_end(status);
}
