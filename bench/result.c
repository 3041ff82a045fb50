// # What the rounds of a case say
//
// A round is one value: the median of the means of its batches. The result of
// a case is the median of its rounds with the bootstrap interval of that
// median, because a round (a fresh pair of processes) is the unit that varies.
// Single operations of all rounds together give the percentiles.
//
// Outliers stay in. A case whose rounds disagree is marked, with what is known
// of the reason.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "options.h"
#include "reader.h"

const double result_percentiles[PERCENTILES] = { 50, 90, 99, 99.9 };

// Rounds disagree when the middle half of them spreads wider than this share of
// the median, or when they fall into two groups this far apart.
static const double SPREAD = 0.15, GROUPS_APART = 1.2, GROUPS_EXPLAIN = 0.9;

// A single operation can be told from the clock that stamps it when it takes
// this many times as long.
static const double CLOCKS = 4;

int result_add_round(struct result *r, const struct round *round)
{
	if (round->error) {
		snprintf(r->failure, sizeof r->failure, "%s", round->failure);
		return 0;
	}
	double *values = reallocarray(r->values, r->rounds + 1, sizeof *values);
	if (!values)
		return -ENOMEM;
	r->values = values;
	float *samples = reallocarray(r->sample_ns, r->samples + round->stamps,
				      sizeof *samples);
	if (!samples)
		return -ENOMEM;
	r->sample_ns = samples;

	double ns = stats_median(round->batch_ns, round->batches);
	values[r->rounds++] = r->c->subject->bandwidth ? r->c->bytes * 1e9 / ns
						       : ns;
	memcpy(samples + r->samples, round->stamp_ns,
	       round->stamps * sizeof *samples);
	r->samples += round->stamps;
	r->usage_ops += (double)round->usage_ops * r->c->subject->hops;
	for (int i = 0; i < r->c->subject->workers; i++)
		r->cpu_ns[i] += round->cpu_ns[i];
	r->voluntary += round->voluntary;
	r->involuntary += round->involuntary;
	r->migrations = round->migrations < 0 || r->migrations < 0
				? -1
				: r->migrations + round->migrations;
	r->steal_ns = round->steal_ns < 0 || r->steal_ns < 0
			      ? -1
			      : r->steal_ns + round->steal_ns;
	r->op_ns = round->op_ns;
	return 0;
}

bool result_settled(const struct result *r, double share)
{
	if (r->rounds < 2)
		return false;
	struct interval i = stats_median_interval(r->values, r->rounds);
	return (i.high - i.low) / 2 <=
	       share * stats_median(r->values, r->rounds);
}

static int by_time(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static void distribution(struct result *r, double clock_cost_ns)
{
	double p50 = 0;

	if (r->samples) {
		qsort(r->sample_ns, r->samples, sizeof *r->sample_ns, by_time);
		r->min_ns = r->sample_ns[0];
		r->max_ns = r->sample_ns[r->samples - 1];
		p50 = r->sample_ns[r->samples / 2];
	}
	r->below_clock = p50 * r->c->subject->hops < CLOCKS * clock_cost_ns;
	for (int i = 0; i < PERCENTILES; i++) {
		double p = result_percentiles[i] / 100;
		// The nearest rank: no more than 1 - p lie beyond it.
		double rank = ceil(p * (double)r->samples - 1e-9);
		size_t at = rank < 1 ? 0 : (size_t)rank - 1;
		r->percentile[i] =
			r->below_clock || r->samples < stats_samples_for(p)
				? NAN
				: r->sample_ns[at];
	}
}

static void stability(struct result *r)
{
	char values[2][VALUE_BYTES];
	double sorted[MAX_ROUNDS];

	if (r->rounds < ROUNDS_JUDGED)
		return;
	memcpy(sorted, r->values, r->rounds * sizeof *sorted);
	stats_sort(sorted, r->rounds);
	double spread = (stats_quantile(sorted, r->rounds, 0.75) -
			 stats_quantile(sorted, r->rounds, 0.25)) /
			r->median;
	struct two_groups two = stats_two_groups(r->values, r->rounds);
	bool split = two.explained > GROUPS_EXPLAIN && two.low_count > 1 &&
		     two.high_count > 1 &&
		     two.high_median > two.low_median * GROUPS_APART;
	if (!split && spread <= SPREAD)
		return;

	r->unstable = true;
	size_t n = 0, room = sizeof r->why_unstable;
	if (split && r->c->subject->bandwidth)
		n = snprintf(r->why_unstable, room,
			     "%zu rounds near %s, %zu near %s", two.low_count,
			     human_value(values[0], true, two.low_median),
			     two.high_count,
			     human_value(values[1], true, two.high_median));
	else if (split)
		n = snprintf(r->why_unstable, room,
			     "%zu rounds near %s, %zu near %s", two.low_count,
			     human_duration(values[0], two.low_median),
			     two.high_count,
			     human_duration(values[1], two.high_median));
	else
		n = snprintf(
			r->why_unstable, room,
			"the middle half of the rounds spreads over %.0f %%",
			spread * 100);
	if (r->steal_ns > 0 && n < room)
		n += snprintf(r->why_unstable + n, room - n,
			      "; %s stolen by the hypervisor",
			      human_duration(values[0], r->steal_ns));
	// On one CPU, a worker that is woken often preempts its waker: no news.
	if (r->c->placement != SAME_CPU &&
	    r->involuntary / r->usage_ops > 0.01 && n < room)
		snprintf(r->why_unstable + n, room - n,
			 "; %.2g involuntary switches an operation",
			 r->involuntary / r->usage_ops);
}

static const struct result *named(const struct result *results, size_t count,
				  const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(results[i].c->name, name) && results[i].rounds &&
		    !results[i].failure[0])
			return &results[i];
	return NULL;
}

void result_summarise(struct result *results, size_t count,
		      double clock_cost_ns)
{
	for (size_t i = 0; i < count; i++) {
		struct result *r = &results[i];
		r->floor_ratio = NAN;
		if (!r->rounds || r->failure[0])
			continue;
		r->median = stats_median(r->values, r->rounds);
		r->interval = stats_median_interval(r->values, r->rounds);
		distribution(r, clock_cost_ns);
		stability(r);
	}
	for (size_t i = 0; i < count; i++) {
		struct result *r = &results[i];
		const struct result *floor = named(results, count, r->c->floor);
		if (!floor || !r->rounds || r->failure[0])
			continue;
		r->floor_ratio = r->c->subject->bandwidth
					 ? floor->median / r->median
					 : r->median /
						   (floor->median *
						    r->c->subject->floor_share);
	}
}

void result_free(struct result *r)
{
	free(r->values);
	free(r->sample_ns);
	r->values = NULL;
	r->sample_ns = NULL;
}

// --- JSON: the fields are explained in bench/README.md -------------------------

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *percentiles_json(const struct result *r)
{
	json_t *o = json_object();
	char name[16];
	for (int i = 0; i < PERCENTILES; i++) {
		snprintf(name, sizeof name, "%g", result_percentiles[i]);
		json_object_set_new(o, name, number(r->percentile[i]));
	}
	json_object_set_new(o, "max", number(r->below_clock ? NAN : r->max_ns));
	return o;
}

// Eight buckets a doubling: a bucket's width is 9 % of its bounds.
static json_t *histogram_json(const struct result *r)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < r->samples && !r->below_clock;) {
		double from = r->sample_ns[i] < 1 ? 1 : r->sample_ns[i];
		int bucket = floor(log2(from) * 8 + 1e-9);
		double upper = exp2((bucket + 1) / 8.0);
		size_t first = i;
		while (i < r->samples &&
		       (r->sample_ns[i] < upper || i == first))
			i++;
		json_array_append_new(rows, json_pack("[f, f, I]",
						      exp2(bucket / 8.0), upper,
						      (json_int_t)(i - first)));
	}
	return rows;
}

static json_t *cpu_json(const struct result *r)
{
	int workers = r->c->subject->workers;
	double others = 0;
	json_t *cpu = json_array();

	json_array_append_new(cpu, number(r->cpu_ns[0] / r->usage_ops));
	for (int i = 1; i < workers; i++)
		others += r->cpu_ns[i] / r->usage_ops;
	if (workers > 1)
		json_array_append_new(cpu, number(others / (workers - 1)));
	return cpu;
}

static json_t *case_json(const struct result *r)
{
	const struct bench_case *c = r->c;
	bool bandwidth = c->subject->bandwidth;
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", c->name, "unit",
			      bandwidth ? "B/s" : "ns", "better",
			      bandwidth ? "higher" : "lower");
	if (c->excluded[0] || (!r->rounds && !r->failure[0])) {
		json_object_set_new(
			o, "skipped",
			json_string(c->excluded[0] ? c->excluded
						   : "the run ended before its "
						     "first round"));
		return o;
	}
	if (r->failure[0]) {
		json_object_set_new(o, "failed", json_string(r->failure));
		return o;
	}
	json_t *rounds = json_array();
	for (size_t i = 0; i < r->rounds; i++)
		json_array_append_new(rounds, number(r->values[i]));
	json_object_set_new(o, "rounds", rounds);
	json_object_set_new(o, "median", number(r->median));
	json_object_set_new(o, "interval",
			    json_pack("[f, f]", r->interval.low,
				      r->interval.high));
	json_object_set_new(o, "percentiles", percentiles_json(r));
	json_object_set_new(o, "samples", json_integer(r->samples));
	json_object_set_new(o, "histogram", histogram_json(r));
	json_object_set_new(o, "rate",
			    number(bandwidth ? r->median : 1e9 / r->median));
	json_object_set_new(o, "switches",
			    json_pack("{s:f, s:f}", "voluntary",
				      r->voluntary / r->usage_ops,
				      "involuntary",
				      r->involuntary / r->usage_ops));
	json_object_set_new(o, "cpu_ns", cpu_json(r));
	json_object_set_new(o, "migrations",
			    r->migrations < 0 ? json_null()
					      : json_integer(r->migrations));
	json_object_set_new(o, "floor",
			    c->floor[0] ? json_string(c->floor) : json_null());
	json_object_set_new(o, "floor_ratio", number(r->floor_ratio));
	json_object_set_new(o, "stable", json_boolean(!r->unstable));
	json_object_set_new(o, "why_unstable", json_string(r->why_unstable));
	json_object_set_new(o, "steal_ns",
			    r->steal_ns < 0 ? json_null()
					    : json_integer(r->steal_ns));
	json_object_set_new(o, "spins", json_boolean(c->subject->spins));
	return o;
}

// A host may tell bytes that are no UTF-8; they must not cost the result.
static json_t *text(const char *bytes)
{
	json_t *string = json_string(bytes);
	char clean[4096];

	if (string)
		return string;
	snprintf(clean, sizeof clean, "%s", bytes);
	for (char *c = clean; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(clean);
}

static json_t *environment_json(const struct run_facts *facts)
{
	const struct host *h = &facts->host;
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "cpu_model", h->cpu_model },
		{ "architecture", h->architecture },
		{ "kernel", h->kernel },
		{ "mitigations", h->mitigations },
		{ "governor", h->governor },
		{ "clock_source", h->clock_source },
		{ "hypervisor", h->hypervisor },
		{ "thp", h->thp },
		{ "load", h->load },
		{ "compiler", h->compiler },
		{ "flags", h->flags },
	};
	char date[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_t *o = json_pack(
		"{s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:I, s:b, s:s}",
		"cpus_online", h->cpus_online, "cores", h->cores, "sockets",
		h->sockets, "threads_per_core", h->threads_per_core,
		"memory_bytes", (json_int_t)h->memory_bytes, "page_bytes",
		(json_int_t)h->page_bytes, "clock_cost_ns",
		facts->clock_cost_ns, "clock_resolution_ns",
		(json_int_t)facts->clock_resolution_ns, "pinned", facts->pinned,
		"date", date);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		json_object_set_new(o, texts[i].name, text(texts[i].value));
	return o;
}

json_t *result_json(const struct result *results, size_t count,
		    const struct run_facts *facts)
{
	json_t *cases = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(cases, case_json(&results[i]));
	return json_pack("{s:i, s:o, s:f, s:b, s:o}", "schema", 1,
			 "environment", environment_json(facts), "elapsed_s",
			 facts->elapsed_s, "interrupted", facts->interrupted,
			 "cases", cases);
}
