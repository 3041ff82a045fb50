// # The run, from the jobs to the report
//
// Signals that end a program only raise a flag while the jobs run: live_run sees
// it, ends the children and gives what happened so far; that is reported like a
// whole run, and then the program dies of the signal after all, so that the
// shell knows.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gantt.h"
#include "must.h"
#include "sched/chart/chart.h"

// ## Signals

static volatile sig_atomic_t stopped_by;

static void remember(int signal_number)
{
	stopped_by = signal_number;
}

// What whoever started us wants ignored stays ignored.
static void catch_signals(bool catch)
{
	const int ends_us[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action;

	for (size_t i = 0; i < sizeof ends_us / sizeof *ends_us; i++) {
		must(sigaction(ends_us[i], NULL, &action));
		if (action.sa_handler == SIG_IGN)
			continue;
		action = (struct sigaction){ .sa_handler = catch ? remember
								 : SIG_DFL };
		must(sigaction(ends_us[i], &action, NULL));
	}
}

// ## Progress: a line on standard error, if that is a terminal

struct progress {
	struct canvas canvas;
	int64_t all_ns;
	bool shown;
};

static void show_progress(void *argument, int64_t elapsed_ns)
{
	struct progress *p = argument;
	double share = (double)elapsed_ns / (double)(p->all_ns + 1);

	if (elapsed_ns < 0)
		return;
	share = share > 1 ? 1 : share;
	char *line = draw_progress(&p->canvas, share, "the jobs run");
	fprintf(stderr, "\r%s\033[K", line ? line : "the jobs run");
	fflush(stderr);
	free(line);
	p->shown = true;
}

static void clear_progress(const struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
}

// ## Running

static int status_of(int error)
{
	switch (error) {
	case -EINVAL:
		return EXIT_USAGE;
	case -EPERM:
	case -EACCES:
	case -EBUSY:
	case -ENOSYS:
		return EXIT_HOST;
	default:
		return EXIT_FAILURE;
	}
}

static int run_jobs(struct run *run)
{
	const struct gantt_options *o = run->options;
	struct progress progress = { .canvas = canvas_of(STDERR_FILENO),
				     .all_ns = predicted_ns(run) };

	progress.canvas.columns--;
	run->live.nice = o->nice;
	run->live.priority = o->priority;
	run->live.priority_by_job = true;
	run->live.runtime_ns = o->runtime_ns;
	run->live.period_ns = o->period_ns;
	run->live.no_trace = o->no_trace;
	run->live.stop = &stopped_by;
	if (isatty(STDERR_FILENO)) {
		run->live.progress = show_progress;
		run->live.progress_argument = &progress;
	}
	catch_signals(true);
	int error = live_run(&run->live, &run->jobs, &run->history,
			     &run->notes);
	catch_signals(false);
	clear_progress(&progress);
	return error && error != -EINTR ? option_complain(status_of(error),
							  "%s", run->notes.told)
					: 0;
}

// ## Telling

static int write_svg(const struct run *run)
{
	const struct chart chart = {
		.title = kernel_policy_names[run->live.policy],
		.history = &run->history,
	};
	char *svg = must_ptr(chart_svg(&run->jobs, &chart, 1));
	FILE *file = fopen(run->options->svg, "we");
	bool written = file && fputs(svg, file) >= 0;

	free(svg);
	if (file && fclose(file) == EOF)
		written = false;
	return written ? 0
		       : option_complain(EXIT_FAILURE, "--svg=%s: %s",
					 run->options->svg, strerror(errno));
}

static int tell(const struct run *run)
{
	const struct canvas canvas = canvas_of(STDOUT_FILENO);

	if (run->options->json) {
		json_t *report = must_ptr(report_json(run));
		json_dumpf(report, stdout,
			   JSON_INDENT(1) | JSON_REAL_PRECISION(9));
		putchar('\n');
		json_decref(report);
	} else {
		report_print(run, &canvas);
	}
	int status = run->options->svg ? write_svg(run) : 0;
	return options_end(status);
}

int gantt(void *argument)
{
	struct run run = { .options = argument };

	run.live.policy = run.options->policy;
	int status = jobs_take(&run.options->jobs, &run.jobs);

	if (!status)
		status = get_cpus(&run);
	if (!status)
		status = refuse_danger(&run);
	if (!status)
		status = run_jobs(&run);
	if (!status && run.history.measures)
		status = tell(&run);
	history_free(&run.history);
	jobs_free(&run.jobs);
	if (stopped_by) {
		fflush(NULL);
		raise(stopped_by);
	}
	return status;
}
