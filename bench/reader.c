// # Results that were read: their cases, and how two of them differ
//
// ## When is a difference real?
//
// A ratio of medians is never exactly 1. Whether it means anything is asked of
// the rounds: each is a fresh pair of processes, so the rounds of a case are
// independent draws of what this machine does, bistable or not. The test of
// Mann and Whitney asks whether the rounds of one file tend to lie above those
// of the other; it looks at ranks only, so that one wild round cannot decide.
//
// With sixty cases three would differ by chance at p < 0.05. Holm's correction
// keeps the chance of even one false alarm in a comparison below 5 %.
//
// The price is that few rounds cannot say anything: with n and m rounds no
// result is rarer than 2 in n+m over n, so with four of each and sixty cases
// even "all slower" stays at p = 1. Such cases are named, not called equal.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "reader.h"

static const double significance = 0.05;

const char *const verdict_names[VERDICTS] = {
	[NO_DIFFERENCE] = "no difference",
	[SLOWER] = "slower",
	[FASTER] = "faster",
	[TOO_FEW] = "too few rounds",
};

// ## Reading

static void split_name(struct measured *c)
{
	char *const parts[] = { c->family, c->what, c->size, c->placement };
	const char *at = c->name;
	uint64_t bytes;

	for (int i = 0; i < 4; i++) {
		size_t n = strcspn(at, "/");
		memcpy(parts[i], at, n);
		parts[i][n] = '\0';
		at += n + (at[n] == '/');
	}
	c->bytes = parse_size(c->size, 0, INT64_MAX, &bytes) == 0
			   ? (int64_t)bytes
			   : -1;
}

static double number_or_nan(const json_t *value)
{
	return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool take_values(struct measured *c)
{
	static const char *const percentiles[READ_PERCENTILES] = {
		"50", "90", "99", "99.9", "max",
	};
	const json_t *interval = json_object_get(c->json, "interval");
	const json_t *rounds = json_object_get(c->json, "rounds");
	const json_t *told = json_object_get(c->json, "percentiles");

	c->bandwidth = !strcmp(
		"B/s", json_string_value(json_object_get(c->json, "unit")));
	c->median = json_number_value(json_object_get(c->json, "median"));
	c->interval.low = json_number_value(json_array_get(interval, 0));
	c->interval.high = json_number_value(json_array_get(interval, 1));
	c->rounds = json_array_size(rounds);
	c->values = calloc(c->rounds, sizeof *c->values);
	if (!c->values)
		return false;
	for (size_t i = 0; i < c->rounds; i++)
		c->values[i] = json_number_value(json_array_get(rounds, i));
	for (int i = 0; i < READ_PERCENTILES; i++)
		c->percentile[i] =
			number_or_nan(json_object_get(told, percentiles[i]));
	c->floor = json_string_value(json_object_get(c->json, "floor"));
	c->floor_ratio = number_or_nan(json_object_get(c->json, "floor_ratio"));
	c->stable = json_is_true(json_object_get(c->json, "stable"));
	c->why_unstable =
		json_string_value(json_object_get(c->json, "why_unstable"));
	return true;
}

static bool take_case(struct reading *reading, size_t i, const json_t *json)
{
	struct measured *c = &reading->cases[i];

	c->json = json;
	c->name = json_string_value(json_object_get(json, "name"));
	split_name(c);
	c->skipped = json_string_value(json_object_get(json, "skipped"));
	c->failed = json_string_value(json_object_get(json, "failed"));
	return json_object_set_new(reading->index, c->name,
				   json_integer((json_int_t)i)) == 0 &&
	       (!has_values(c) || take_values(c));
}

bool reading_open(struct reading *reading, const char *path, char why[256])
{
	*reading = (struct reading){ .path = path };
	reading->json = result_load(path, why);
	if (!reading->json)
		return false;

	const json_t *cases = json_object_get(reading->json, "cases");
	reading->environment = json_object_get(reading->json, "environment");
	reading->count = json_array_size(cases);
	reading->cases = calloc(reading->count + 1, sizeof *reading->cases);
	reading->index = json_object();
	bool taken = reading->cases && reading->index;
	for (size_t i = 0; taken && i < reading->count; i++)
		taken = take_case(reading, i, json_array_get(cases, i));
	if (!taken) {
		snprintf(why, 256, "%.200s: %s", path, strerror(ENOMEM));
		reading_close(reading);
	}
	return taken;
}

void reading_close(struct reading *reading)
{
	for (size_t i = 0; reading->cases && i < reading->count; i++)
		free(reading->cases[i].values);
	free(reading->cases);
	json_decref(reading->index);
	json_decref(reading->json);
	*reading = (struct reading){ 0 };
}

const struct measured *reading_find(const struct reading *reading,
				    const char *name)
{
	const json_t *place = json_object_get(reading->index, name);
	return place ? &reading->cases[json_integer_value(place)] : NULL;
}

bool has_values(const struct measured *c)
{
	return !c->skipped && !c->failed;
}

const char *reading_text(const struct reading *reading, const char *field)
{
	const char *text =
		json_string_value(json_object_get(reading->environment, field));
	return text ? text : "";
}

// ## Retelling

static bool retell_place(struct bench_case *c, const char *placement)
{
	for (int p = 0; p < PLACEMENTS; p++)
		if (!strcmp(placement_names[p], placement)) {
			c->placement = p;
			c->where = placement_names[p];
			return true;
		}
	c->cpus[0] = c->cpus[1] = -1;
	c->where = "anywhere";
	return !strcmp(c->where, placement);
}

static bool retell_case(const struct measured *m, struct bench_case *c,
			struct result *r)
{
	*r = (struct result){ .c = c, .floor_ratio = m->floor_ratio };
	*c = (struct bench_case){ .bytes = (size_t)m->bytes };
	c->subject = plan_subject(m->family, m->what, &c->family);
	if (!c->subject || m->bytes < 0 || !retell_place(c, m->placement) ||
	    (has_values(m) && c->subject->bandwidth != m->bandwidth))
		return false;
	snprintf(c->name, sizeof c->name, "%s", m->name);
	if (m->skipped)
		printable_text(c->excluded, sizeof c->excluded, m->skipped);
	if (m->failed)
		printable_text(r->failure, sizeof r->failure,
			       *m->failed ? m->failed : "it does not say why");
	if (!has_values(m))
		return true;
	r->rounds = m->rounds;
	r->values = m->values;
	r->median = m->median;
	r->interval = m->interval;
	r->unstable = !m->stable;
	return true;
}

int reading_retell(const struct reading *reading, struct retold *retold)
{
	*retold = (struct retold){
		.cases = calloc(reading->count + 1, sizeof *retold->cases),
		.results = calloc(reading->count + 1, sizeof *retold->results),
	};
	if (!retold->cases || !retold->results) {
		retold_free(retold);
		return -ENOMEM;
	}
	for (size_t i = 0; i < reading->count; i++)
		retold->count += retell_case(&reading->cases[i],
					     &retold->cases[retold->count],
					     &retold->results[retold->count]);
	return 0;
}

void retold_free(struct retold *retold)
{
	free(retold->cases);
	free(retold->results);
	*retold = (struct retold){ 0 };
}

const char *human_value(char text[VALUE_BYTES], bool bandwidth, double value)
{
	static const char *const units[] = { "B/s", "kB/s", "MB/s", "GB/s",
					     "TB/s" };
	char duration[HUMAN_BYTES];
	int unit = 0;

	if (!bandwidth) {
		snprintf(text, VALUE_BYTES, "%s",
			 human_duration(duration, value));
		return text;
	}
	for (; unit < 4 && value >= 999.5; unit++)
		value /= 1000;
	snprintf(text, VALUE_BYTES, "%.*f %s",
		 value >= 99.95 || unit == 0 ? 0
		 : value >= 9.995            ? 1
					     : 2,
		 value, units[unit]);
	return text;
}

// ## Comparing

// The smallest two-sided p that a rank test of n and m rounds can have: 2 of
// the (n+m over n) ways to deal the ranks. Ties make the test approximate,
// which could claim less; never less than this.
static double smallest_p(size_t n, size_t m)
{
	double log_ways = lgamma((double)(n + m + 1)) -
			  lgamma((double)(n + 1)) - lgamma((double)(m + 1));
	return fmin(1, 2 * exp(-log_ways));
}

static struct difference compare_case(const struct measured *old,
				      const struct measured *new)
{
	struct difference d = { .old = old, .new = new };
	double u;

	d.ratio = new->median / old->median;
	d.interval = stats_ratio_interval(new->values, new->rounds, old->values,
					  old->rounds, 0.5);
	d.slowdown = d.ratio;
	d.slowdown_interval = d.interval;
	if (new->bandwidth) {
		d.slowdown = 1 / d.ratio;
		d.slowdown_interval.low = 1 / d.interval.high;
		d.slowdown_interval.high = 1 / d.interval.low;
	}
	d.least_p = smallest_p(new->rounds, old->rounds);
	d.p = fmax(d.least_p, stats_mann_whitney(new->values, new->rounds,
						 old->values, old->rounds, &u));
	d.adjusted = d.p;
	return d;
}

// How many of n ascending values are below `value`.
static size_t below(const double *sorted, size_t n, double value)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (sorted[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// A case without a difference could have had one only if its smallest possible
// p would have passed Holm's procedure. There the cases with smaller p come
// first, each must pass, and the k-th is multiplied by count - k + 1.
static bool could_differ(const struct difference *d, const double *sorted,
			 size_t count, size_t real)
{
	double p = d->least_p;
	size_t before = below(sorted, count, p);

	return before <= real && p * (double)(count - before) < significance;
}

static void decide(struct comparison *c, const double *sorted)
{
	size_t real = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct difference *d = &c->differences[i];
		// equal medians are no direction, however the ranks lie
		d->verdict = d->adjusted >= significance ? NO_DIFFERENCE
			     : d->slowdown > 1           ? SLOWER
			     : d->slowdown < 1           ? FASTER
							 : NO_DIFFERENCE;
		real += d->adjusted < significance;
	}
	for (size_t i = 0; i < c->count; i++) {
		struct difference *d = &c->differences[i];
		if (d->adjusted >= significance &&
		    !could_differ(d, sorted, c->count, real))
			d->verdict = TOO_FEW;
		c->verdicts[d->verdict]++;
	}
	while (smallest_p(c->rounds_needed, c->rounds_needed) *
		       (double)c->count >=
	       significance)
		c->rounds_needed++;
}

int compare_readings(const struct reading *old, const struct reading *new,
		     struct comparison *comparison)
{
	*comparison = (struct comparison){ .rounds_needed = 1 };
	comparison->differences = calloc(new->count + 1,
					 sizeof *comparison->differences);
	double *p = calloc(new->count + 1, sizeof *p);
	if (!comparison->differences || !p)
		goto no_memory;

	for (size_t i = 0; i < new->count; i++) {
		const struct measured *is = &new->cases[i];
		const struct measured *was = reading_find(old, is->name);
		size_t at = comparison->count;
		if (!was || !has_values(was) || !has_values(is) ||
		    was->bandwidth != is->bandwidth)
			continue;
		comparison->differences[at] = compare_case(was, is);
		p[at] = comparison->differences[at].p;
		comparison->count++;
	}
	if (stats_holm(p, comparison->count) != 0)
		goto no_memory;
	for (size_t i = 0; i < comparison->count; i++) {
		comparison->differences[i].adjusted = p[i];
		p[i] = comparison->differences[i].p;
	}
	stats_sort(p, comparison->count);
	decide(comparison, p);
	free(p);
	return 0;

no_memory:
	free(p);
	comparison_free(comparison);
	return -ENOMEM;
}

void comparison_free(struct comparison *comparison)
{
	free(comparison->differences);
	*comparison = (struct comparison){ 0 };
}

// ## Where they were measured
//
// A date differs always and explains nothing; the load and the cost of the
// clock are never twice the same, so they count from a size that matters.

static bool matters(const char *field, const json_t *was, const json_t *is)
{
	enum { LOAD_STEP = 1 };

	if (!strcmp(field, "date") || json_equal(was, is))
		return false;
	if (!strcmp(field, "load") && json_is_string(is))
		return fabs(strtod(json_string_value(was), NULL) -
			    strtod(json_string_value(is), NULL)) >= LOAD_STEP;
	if (!strcmp(field, "clock_cost_ns")) {
		double a = json_number_value(was), b = json_number_value(is);
		return fmax(a, b) > 1.5 * fmin(a, b);
	}
	return true;
}

static void value_text(char *text, size_t bytes, const json_t *value)
{
	if (json_is_string(value))
		printable_text(text, bytes,
			       *json_string_value(value)
				       ? json_string_value(value)
				       : "(not told)");
	else if (json_is_integer(value))
		snprintf(text, bytes, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else if (json_is_number(value))
		snprintf(text, bytes, "%.3g", json_number_value(value));
	else
		snprintf(text, bytes, "%s",
			 json_is_true(value)    ? "yes"
			 : json_is_false(value) ? "no"
						: "(not told)");
}

size_t environments_differ(const struct reading *old, const struct reading *new,
			   void (*told)(void *argument, const char *field,
					const char *was, const char *is),
			   void *argument)
{
	enum { SHOWN = 200 };
	json_t *environment = json_object_get(old->json, "environment");
	char was[SHOWN], is[SHOWN], name[SHOWN];
	size_t count = 0;
	const char *field;
	json_t *value;

	json_object_foreach(environment, field, value)
	{
		const json_t *other = json_object_get(new->environment, field);
		if (!other || !matters(field, value, other))
			continue;
		value_text(was, sizeof was, value);
		value_text(is, sizeof is, other);
		printable_text(name, sizeof name, field);
		told(argument, name, was, is);
		count++;
	}
	return count;
}
