// # What stands behind the equals sign
//
// Written as in sched/sim: a time without a unit is in ms, lists have commas.

#define _GNU_SOURCE
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "sched/policy/policy.h"

static int parse_time(const char *text, int64_t min_ns, int64_t max_ns,
		      int64_t *ns)
{
	char *in_ms;
	bool bare = *text && !text[strspn(text, "0123456789.")];

	if (!bare)
		return parse_duration(text, min_ns, max_ns, ns);
	must(asprintf(&in_ms, "%sms", text));
	int error = parse_duration(in_ms, min_ns, max_ns, ns);
	free(in_ms);
	return error;
}

static _Noreturn void refuse_time(const struct argp_state *state,
				  const char *option, const char *text,
				  const char *what, int64_t min_ns,
				  int64_t max_ns)
{
	char low[HUMAN_BYTES], high[HUMAN_BYTES];

	option_refuse(state, option, text,
		      "%s from %s to %s, such as 10 (ms) or 1.5s", what,
		      duration_name(low, min_ns), duration_name(high, max_ns));
}

int64_t option_time(const struct argp_state *state, const char *option,
		    const char *text, int64_t min_ns, int64_t max_ns)
{
	int64_t ns;

	if (parse_time(text, min_ns, max_ns, &ns) != 0)
		refuse_time(state, option, text, "a time", min_ns, max_ns);
	return ns;
}

int option_times(const struct argp_state *state, const char *option,
		 const char *text, int64_t min_ns, int64_t max_ns,
		 int64_t *values, int most)
{
	char *copy = must_ptr(strdup(text)), *rest = copy, *item;
	int n = 0;

	while ((item = strsep(&rest, ","))) {
		if (n == most)
			option_refuse(state, option, text, "at most %d times",
				      most);
		if (parse_time(item, min_ns, max_ns, &values[n++]) != 0)
			refuse_time(state, option, text,
				    "times joined by commas, each", min_ns,
				    max_ns);
	}
	free(copy);
	return n;
}

int option_numbers(const struct argp_state *state, const char *option,
		   const char *text, int64_t min, int64_t max, int *values,
		   int most)
{
	char *copy = must_ptr(strdup(text)), *rest = copy, *item;
	int n = 0;

	while ((item = strsep(&rest, ","))) {
		int64_t value;
		if (n == most)
			option_refuse(state, option, text, "at most %d numbers",
				      most);
		if (parse_number(item, min, max, &value) != 0)
			option_refuse(state, option, text,
				      "whole numbers from %lld to %lld, joined "
				      "by commas",
				      (long long)min, (long long)max);
		values[n++] = (int)value;
	}
	free(copy);
	return n;
}

const struct policy *option_policy(const struct argp_state *state,
				   const char *text)
{
	const struct policy *policy = policy_named(text);
	char names[1024] = "";

	if (policy)
		return policy;
	for (size_t i = 0, n = 0; policies[i] && n < sizeof names; i++)
		n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
				      i ? ", " : "", policies[i]->name);
	option_refuse(state, "--policy", text, "one of %s", names);
}
