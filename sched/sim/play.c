// # One policy after another
//
// Charts of several policies share one time scale, so all are played before the
// first is drawn. Of many jobs there are no charts: each policy's history is
// summed up and given back at once, and memory is that of one.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "must.h"
#include "options.h"
#include "random.h"
#include "sched/chart/chart.h"
#include "quiz.h"
#include "sim.h"

// ## What it is called

static void append_time(char *text, size_t room, const char *before, int64_t ns)
{
	char time[HUMAN_BYTES];
	size_t used = strlen(text);

	snprintf(text + used, room - used, "%s%s", before,
		 duration_name(time, ns));
}

// The policy with those of its settings that the user can change.
static void make_title(const struct request *request,
		       const struct policy *policy, char title[TITLE_BYTES])
{
	const struct policy_settings *s = &request->given.settings;

	snprintf(title, TITLE_BYTES, "%s: %s", policy->name, policy->title);
	if (!strcmp(policy->name, "mlfq"))
		for (int i = 0; i < s->levels; i++)
			append_time(title, TITLE_BYTES,
				    i == 0 ? ", quanta " : ",",
				    s->level_quantum_ns[i]);
	else if (policy->time_sharing)
		append_time(title, TITLE_BYTES, ", quantum ", s->quantum_ns);
	else if (!strncmp(policy->name, "ageing", strlen("ageing")))
		append_time(title, TITLE_BYTES, ", a step per ", s->ageing_ns);
}

// ## How far it is

struct progress {
	bool shown;
	struct canvas canvas;
};

static void progress_show(struct progress *progress, size_t done, size_t all,
			  const char *name)
{
	if (!progress->shown)
		return;
	char *line = draw_progress(&progress->canvas,
				   (double)done / (double)all, name);
	if (line)
		fprintf(stderr, "\r\033[K%s", line);
	free(line);
}

static struct progress progress_begin(const struct jobs *jobs)
{
	enum { WORTH_A_BAR = 50000 };
	struct progress progress = {
		.shown = jobs->count >= WORTH_A_BAR && isatty(STDERR_FILENO),
		.canvas = canvas_of(STDERR_FILENO),
	};

	// The last column stays free: some terminals would begin a new line
	progress.canvas.columns--;
	return progress;
}

static void progress_clear(const struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
}

// ## Playing

static bool is_many(const struct request *request, const struct jobs *jobs)
{
	return jobs->count > request->rows;
}

static bool wants_slices(const struct request *request, const struct jobs *jobs)
{
	return request->json || request->steps || request->svg ||
	       !is_many(request, jobs);
}

// ## Whether there will be an end
//
// Each turn takes something off a job, so all comes to an end; but nobody lives
// to see that of 1000 hours by turns of 1 ns, and turns that are kept must fit
// into memory. How many there will be is known before, roughly and from above:
// all CPU time, by the shortest time after which the policy looks again. (What
// arrivals and waits add is no more than was read.)

struct step {
	const char *option; // NULL: this policy looks at no clock
	int64_t ns;
};

static struct step shortest_step(const struct settings_given *given,
				 const struct policy *policy)
{
	const struct policy_settings *s = &given->settings;
	struct step step = { "--quantum", s->quantum_ns };

	if (!strcmp(policy->name, "ageing-preemptive"))
		return (struct step){ "--ageing", s->ageing_ns };
	if (!policy->time_sharing)
		return (struct step){ NULL, NEVER };
	if (strcmp(policy->name, "mlfq") != 0)
		return step;
	step = (struct step){ given->quanta ? "--quanta" : "--quantum",
			      s->level_quantum_ns[0] };
	for (int i = 1; i < s->levels; i++)
		if (s->level_quantum_ns[i] < step.ns)
			step.ns = s->level_quantum_ns[i];
	if (s->boost_ns && s->boost_ns < step.ns)
		step = (struct step){ "--boost", s->boost_ns };
	return step;
}

// For whose sake turns are kept; NULL: they are not.
static const char *keeper(const struct request *request,
			  const struct jobs *jobs)
{
	return request->explain          ? "for --explain"
	       : request->json           ? "for --format=json"
	       : request->steps          ? "for --steps"
	       : request->svg            ? "for --svg"
	       : !is_many(request, jobs) ? "for charts (--rows=0: none)"
					 : NULL;
}

// `at_once`: what is kept for one policy is given back before the next.
static void refuse_too_many_turns(const struct request *request,
				  const struct jobs *jobs, bool at_once)
{
	static const int64_t MOST = 10000000000, MOST_KEPT = 20000000;
	const char *kept_for = keeper(request, jobs);
	int64_t most = kept_for ? MOST_KEPT : MOST;
	double cpu_ns = 0, turns = 0;
	char text[HUMAN_BYTES];

	for (size_t i = 0; i < jobs->count; i++)
		cpu_ns += (double)job_cpu_ns(jobs, (int)i);
	for (size_t i = 0; i < request->policies; i++) {
		const struct policy *policy = request->policy[i];
		struct step step = shortest_step(&request->given, policy);
		if (!step.option)
			continue;
		turns = (at_once ? 0 : turns) + cpu_ns / (double)step.ns;
		if (turns > (double)most)
			option_refuse(outside_argp(), step.option,
				      duration_name(text, step.ns),
				      "a longer one: with %s these jobs would "
				      "need more than %" PRId64 " turns, too "
				      "many%s%s",
				      policy->name, most, kept_for ? " " : "",
				      kept_for ? kept_for : "");
	}
}

// ## One policy

// The model alone, without reading or making the jobs and without the output. A
// decision is one pick.
static void tell_timing(const struct policy *policy,
			const struct history *history, int64_t took_ns)
{
	char took[HUMAN_BYTES];

	fprintf(stderr, "%s: %" PRIu64 " decisions in %s: %.1f million/s\n",
		policy->name, history->picks,
		human_duration(took, (double)took_ns),
		(double)history->picks * 1e3 / (double)took_ns);
}

// Each policy has the same luck, whoever is played before it.
static int play_one(const struct request *request, const struct jobs *jobs,
		    const struct policy *policy, struct played *played)
{
	static const uint64_t other_than_the_jobs = 0x9e3779b97f4a7c15;
	struct random random = { request->jobs.generate.seed ^
				 other_than_the_jobs };
	struct policy_settings settings = request->given.settings;
	struct simulation simulation = request->simulation;

	settings.luck = &random;
	simulation.keep_slices = wants_slices(request, jobs);
	simulation.keep_decisions = request->explain;
	*played = (struct played){ .policy = policy };
	make_title(request, policy, played->title);
	int64_t began_ns = now_ns();
	int error = simulate(&simulation, policy, &settings, jobs,
			     &played->history);
	int64_t took_ns = now_ns() - began_ns;
	if (error)
		return error;
	if (request->timing)
		tell_timing(policy, &played->history, took_ns);
	played->summary = history_summary(&played->history);
	return 0;
}

static int failure(const struct policy *policy, int error)
{
	bool misuse = error == -EINVAL || error == -EOVERFLOW;

	return option_complain(
		misuse ? EXIT_USAGE : EXIT_FAILURE, "%s: %s", policy->name,
		error == -EINVAL ? "these settings make no sense for it"
		: error == -EOVERFLOW
			? "the jobs would take longer than 292 years"
			: strerror(-error));
}

// ## Showing

static int show_one(const struct request *request, const struct jobs *jobs,
		    const struct played *played, bool first, int64_t until_ns)
{
	if (request->json) {
		fputs(first ? "[" : ",\n", stdout);
		return json_history(stdout, request, jobs, played);
	}
	if (!is_many(request, jobs) || request->policies == 1 ||
	    request->explain || request->steps) {
		fputs(first ? "" : "\n", stdout);
		show_text(request, jobs, played, until_ns);
	}
	return show_events(request, jobs, &played->history);
}

static int write_svg(const struct request *request, const struct jobs *jobs,
		     const struct played *played)
{
	struct chart *charts =
		must_ptr(calloc(request->policies, sizeof *charts));

	for (size_t i = 0; i < request->policies; i++)
		charts[i] = (struct chart){ .title = played[i].title,
					    .history = &played[i].history };
	char *text = chart_svg(jobs, charts, request->policies);
	free(charts);
	if (!text)
		print_and_free(NULL);
	bool to_output = !strcmp(request->svg, "-");
	FILE *file = to_output ? stdout : fopen(request->svg, "we");
	bool failed = !file || fputs(text, file) == EOF;
	int error = errno;
	if (file && !to_output && fclose(file) != 0 && !failed) {
		failed = true;
		error = errno;
	}
	free(text);
	return failed && !to_output
		       ? option_complain(EXIT_FAILURE, "%s: %s", request->svg,
					 strerror(error))
		       : 0;
}

static int show_all(const struct request *request, const struct jobs *jobs,
		    const struct played *played)
{
	int64_t until_ns = 0;
	int error = 0;

	for (size_t i = 0; i < request->policies; i++)
		if (played[i].history.end_ns > until_ns)
			until_ns = played[i].history.end_ns;
	for (size_t i = 0; i < request->policies && error == 0; i++)
		error = show_one(request, jobs, &played[i], i == 0, until_ns);
	return error;
}

static int ask_all(const struct request *request, const struct jobs *jobs,
		   const struct played *played)
{
	int status = 0;

	for (size_t i = 0; i < request->policies; i++)
		if (quiz_history(played[i].title, jobs, &played[i].history))
			status = EXIT_FAILURE;
	return status;
}

// What comes after the last policy.
static int finish(const struct request *request, const struct jobs *jobs,
		  const struct played *played)
{
	if (request->json)
		puts("]");
	else if (request->policies > 1)
		show_comparison(played, request->policies);
	if (!request->json && is_many(request, jobs))
		show_hint(request, jobs);
	return request->svg ? write_svg(request, jobs, played) : 0;
}

static int show(const struct request *request, const struct jobs *jobs,
		const struct played *played, bool shown)
{
	if (request->quiz)
		return ask_all(request, jobs, played);
	if (request->svg && !strcmp(request->svg, "-"))
		return write_svg(request, jobs, played);
	int error = shown ? 0 : show_all(request, jobs, played);
	if (error)
		return option_complain(EXIT_FAILURE, "output: %s",
				       strerror(-error));
	return finish(request, jobs, played);
}

int play(const struct request *request, const struct jobs *jobs)
{
	enum { MOST_DRAWN = 1000 };

	if (request->svg && jobs->count > MOST_DRAWN)
		return option_complain(EXIT_USAGE,
				       "--svg: want at most %d jobs, found %zu",
				       MOST_DRAWN, jobs->count);
	bool at_once = is_many(request, jobs) && !request->svg &&
		       !request->quiz;
	refuse_too_many_turns(request, jobs, at_once);
	struct played *played =
		must_ptr(calloc(request->policies, sizeof *played));
	struct progress progress = progress_begin(jobs);
	int error = 0, status = 0;
	size_t n = 0;

	for (; n < request->policies && status == 0; n++) {
		progress_show(&progress, n, request->policies,
			      request->policy[n]->name);
		error = play_one(request, jobs, request->policy[n], &played[n]);
		progress_clear(&progress);
		if (error)
			status = failure(request->policy[n], error);
		if (!status && at_once) {
			error = show_one(request, jobs, &played[n], n == 0, 0);
			if (error)
				status = option_complain(EXIT_FAILURE,
							 "output: %s",
							 strerror(-error));
			history_free(&played[n].history);
		}
	}
	if (status == 0)
		status = show(request, jobs, played, at_once);
	for (size_t i = 0; i < n; i++)
		history_free(&played[i].history);
	free(played);
	return options_end(status);
}
