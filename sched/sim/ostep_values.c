// # Values of the course's options
//
// Python's optparse reads integers as C does, by their prefix: 0x1f, 0b101, 017.
// Numbers in lists are plain decimal, with blanks around them if one likes.

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "sched/command/command.h"
#include "sched/sim/ostep_parts.h"

// ## Integers

// The base that a prefix names, and past the prefix. It goes without a sign, as
// in Python: "-0x10" is no integer there.
static unsigned base_of(const char **text)
{
	if (!strncasecmp(*text, "0x", 2) || !strncasecmp(*text, "0b", 2)) {
		*text += 2;
		return tolower((*text)[-1]) == 'x' ? 16 : 2;
	}
	if (**text == '0')
		return 8;
	*text += **text == '-' || **text == '+';
	return 10;
}

static int read_integer(const char *text, bool *negative, uint64_t *size)
{
	static const char digits[] = "0123456789abcdef";

	*negative = *text == '-';
	*size = 0;
	unsigned base = base_of(&text);
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		const char *found = strchr(digits,
					   tolower((unsigned char)*text));
		if (!found || found - digits >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(*size, base, size) ||
		    __builtin_add_overflow(*size, (uint64_t)(found - digits),
					   size))
			return -ERANGE;
	}
	return 0;
}

int64_t ostep_integer(const char *option, const char *text)
{
	bool negative;
	uint64_t size;

	int error = read_integer(text, &negative, &size);
	if (error == -ERANGE || (!error && size > INT64_MAX))
		option_refuse(outside_argp(), option, text,
			      "a whole number that fits 64 bits");
	if (error)
		option_refuse(outside_argp(), option, text,
			      "a whole number: decimal, 0x, 0b, or octal after "
			      "a 0");
	return negative ? -(int64_t)size : (int64_t)size;
}

// Python seeds by the absolute value.
uint64_t ostep_seed(const char *option, const char *text)
{
	bool negative;
	uint64_t size;

	int error = read_integer(text, &negative, &size);
	if (error == -ERANGE)
		option_refuse(outside_argp(), option, text,
			      "a seed from -%" PRIu64 " to %" PRIu64,
			      UINT64_MAX, UINT64_MAX);
	if (error)
		option_refuse(outside_argp(), option, text,
			      "a whole number as seed: decimal, 0x, 0b, or "
			      "octal after a 0");
	return size;
}

void ostep_range(const char *option, int64_t value, int64_t min, int64_t max)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, value);
	option_number(outside_argp(), option, text, min, max);
}

// ## Lists

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; (text = strchr(text, c)); text++)
		n++;
	return n;
}

static char *trimmed(char *text)
{
	text += strspn(text, " \t");
	size_t n = strlen(text);
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	text[n] = '\0';
	return text;
}

struct ostep_list ostep_list(const char *option, const char *text, char item,
			     char field, size_t fields, const char *want)
{
	size_t items = count(text, item) + 1, n = 0;
	char *rest, *one, *part, fields_end[2] = { field, '\0' };

	if (items > MOST_JOBS)
		option_refuse(outside_argp(), option, text, "at most %d items",
			      MOST_JOBS);
	struct ostep_list list = {
		.copy = must_ptr(strdup(text)),
		.text = must_ptr(calloc(items * fields, sizeof *list.text)),
		.items = items,
	};
	rest = list.copy;
	while ((one = strsep(&rest, (char[]){ item, '\0' }))) {
		if (fields > 1 && count(one, field) != fields - 1)
			option_refuse(outside_argp(), option, text, "%s", want);
		while ((part = strsep(&one, fields_end)))
			list.text[n++] = trimmed(part);
	}
	return list;
}

void ostep_list_free(struct ostep_list *list)
{
	free(list->copy);
	free(list->text);
}
