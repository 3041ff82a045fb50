// # For programs, and as a picture
//
// One object: what the model said and what the machine did, each as sched/sim
// says it, times in ms.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "duel.h"
#include "sched/chart/chart.h"

static const double MS_NS = 1e6;

// ## JSON

static json_t *job_error(const struct duel *duel, size_t job)
{
	char text[JOB_NAME_BYTES];

	return json_pack("{s:s, s:f, s:f, s:f}", "job",
			 job_name(&duel->jobs, (int)job, text), "response",
			 error_ns(duel, job, RESPONSE) / MS_NS, "turnaround",
			 error_ns(duel, job, TURNAROUND) / MS_NS,
			 "turnaround_percent",
			 error_percent(duel, job, TURNAROUND));
}

static json_t *errors(const struct duel *duel)
{
	json_t *all = json_array();

	for (size_t i = 0; all && i < duel->jobs.count; i++)
		if (json_array_append_new(all, job_error(duel, i))) {
			json_decref(all);
			return NULL;
		}
	return all;
}

static json_t *gaps_json(const struct gaps *gaps)
{
	return json_pack("{s:I, s:f, s:f, s:f}", "count",
			 (json_int_t)gaps->count, "median",
			 gaps->median_ns / MS_NS, "longest",
			 gaps->longest_ns / MS_NS, "sum",
			 (double)gaps->sum_ns / MS_NS);
}

static json_t *why(const struct duel *duel)
{
	const struct round *round = &duel->rounds[duel->shown];
	const struct live_notes *n = &round->notes;
	struct spent spent;

	if (spent_in(duel, &round->observed, &spent))
		return NULL;
	return json_pack("{s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f,"
			 " s:b, s:I, s:s}",
			 "work", (double)n->work_error_ns / MS_NS, "paused",
			 (double)paused_ns(duel, round) / MS_NS, "switches",
			 gaps_json(&spent.switches), "wakings",
			 gaps_json(&spent.wakings), "put_aside",
			 gaps_json(&spent.aside), "strangers",
			 gaps_json(&spent.strangers), "late",
			 gaps_json(&spent.late), "throttled",
			 gaps_json(&spent.throttled), "idle",
			 (double)spent.idle_ns / MS_NS, "stolen",
			 (double)n->stolen_ns / MS_NS, "traced", n->traced,
			 "lost", (json_int_t)n->lost, "told", n->told);
}

int json_print(FILE *out, const struct duel *duel)
{
	const char *policy = duel->options->policy->name;
	const struct history *seen = &duel->rounds[duel->shown].observed;
	json_t *all = json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:b, s:i, s:i, s:o}", "policy",
		policy, "under", under_names[duel->options->under], "predicted",
		chart_json(policy, &duel->jobs, &duel->predicted, MS_NS),
		"observed", chart_json(policy, &duel->jobs, seen, MS_NS),
		"error", errors(duel), "order_equal",
		orders_equal(duel) == duel->rounds_done, "rounds",
		duel->rounds_done, "rounds_of_equal_order", orders_equal(duel),
		"why", why(duel));

	if (!all)
		return -ENOMEM;
	(void)json_dumpf(all, out, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	putc('\n', out);
	json_decref(all);
	return 0;
}

// ## SVG

int svg_write(const struct duel *duel)
{
	const char *path = duel->options->svg;
	const struct chart charts[] = {
		{ .title = "predicted", .history = &duel->predicted },
		{ .title = "observed",
		  .history = &duel->rounds[duel->shown].observed },
	};
	char *text = chart_svg(&duel->jobs, charts, 2);

	if (!text)
		return -ENOMEM;
	if (!strcmp(path, "-")) {
		fputs(text, stdout);
		free(text);
		return 0;
	}
	FILE *file = fopen(path, "we");
	int error = file ? 0 : -errno;
	if (file && fputs(text, file) == EOF)
		error = -errno;
	if (file && fclose(file) && !error)
		error = -errno;
	free(text);
	return error;
}
