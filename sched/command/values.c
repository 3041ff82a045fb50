// # What stands behind the equals sign

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "sched/command/command.h"

// ## Times and lists

// Digits alone, "10" or "2.5", get the unit that they have in job files.
static int parse_time(const char *text, int64_t min_ns, int64_t max_ns,
		      int64_t *ns)
{
	char *with_unit;
	bool bare = *text && text[strspn(text, "0123456789.")] == '\0';

	if (!bare)
		return parse_duration(text, min_ns, max_ns, ns);
	must(asprintf(&with_unit, "%sms", text));
	int error = parse_duration(with_unit, min_ns, max_ns, ns);
	free(with_unit);
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

// ## Policies

static _Noreturn void refuse_policy(const struct argp_state *state,
				    const char *text, bool many)
{
	char names[1024] = "";

	for (size_t i = 0, n = 0; policies[i] && n < sizeof names; i++)
		n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
				      i ? ", " : "", policies[i]->name);
	option_refuse(state, "--policy", text,
		      many ? "all, or some of %s, joined by commas"
			   : "one of %s",
		      names);
}

int option_policies(const struct argp_state *state, const char *text, bool many,
		    const struct policy **values, int most)
{
	char *copy = must_ptr(strdup(text)), *rest = copy, *name;
	int n = 0;

	if (many && !strcmp(text, "all")) {
		for (; n < most && policies[n]; n++)
			values[n] = policies[n];
		rest = NULL;
	}
	while ((name = strsep(&rest, ","))) {
		if (n == most && many)
			option_refuse(state, "--policy", text,
				      "at most %d policies", most);
		if (n == most || !(values[n++] = policy_named(name)))
			refuse_policy(state, text, many);
	}
	free(copy);
	return n;
}
