// # Lists of the course's options
//
// Numbers in them are plain decimal, with blanks around them if one likes.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "sched/sim/ostep_parts.h"

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
