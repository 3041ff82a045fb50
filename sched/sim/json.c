// # For programs: one object a policy, written as it is made
//
// The text is never whole in memory, only one job or slice at a time: a million
// jobs take what their history takes.

#define _GNU_SOURCE
#include <errno.h>

#include "sched/chart/chart.h"
#include "sim.h"

#define MS 1e6

// 17 digits tell two doubles apart; 15 are what a time can be good for.
#define FORMAT (JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

static int put(FILE *out, const char *before, json_t *value)
{
	if (!value)
		return -ENOMEM;
	fputs(before, out);
	int failed = json_dumpf(value, out, FORMAT);
	json_decref(value);
	// A full disk is noticed at the end, by options_end
	return failed && !ferror(out) ? -ENOMEM : 0;
}

static json_t *decision(const struct jobs *jobs, const struct decision *d)
{
	return json_pack("{s:o, s:o, s:i, s:s}", "at",
			 chart_json_time(d->at_ns, MS), "job",
			 chart_json_name(jobs, d->job), "cpu", d->cpu, "why",
			 d->why);
}

int json_history(FILE *out, const struct request *request,
		 const struct jobs *jobs, const struct played *played)
{
	const struct history *h = &played->history;
	int error = put(out,
			"{\"policy\": ", json_string(played->policy->name));

	fputs(",\n\"jobs\": [", out);
	for (size_t i = 0; i < h->jobs && error == 0; i++)
		error = put(out, i ? ",\n" : "\n",
			    chart_json_job(jobs, h, i, MS));
	fputs("],\n", out);
	if (error == 0)
		error = put(out, "\"averages\": ", chart_json_averages(h, MS));
	fputs(",\n\"slices\": [", out);
	for (size_t i = 0; i < h->slice_count && error == 0; i++)
		error = put(out, i ? ",\n" : "\n",
			    chart_json_slice(jobs, &h->slices[i], MS));
	fputs("]", out);
	if (request->explain) {
		fputs(",\n\"decisions\": [", out);
		for (size_t i = 0; i < h->decision_count && error == 0; i++)
			error = put(out, i ? ",\n" : "\n",
				    decision(jobs, &h->decisions[i]));
		fputs("]", out);
	}
	fputs("}", out);
	return error;
}
