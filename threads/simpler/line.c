// # What a line says
//
// Parsing is the same whoever waits for the bytes, so both servers share it.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simpler.h"

const struct way *const ways[WAYS] = { &threads_way, &machine_way };

struct request request_of(const char *line)
{
	struct request request = { .verb = OTHER };
	int end = 0;

	if (sscanf(line, "hello %63[a-z]%n", request.name, &end) == 1 &&
	    !line[end])
		request.verb = HELLO;
	else if (sscanf(line, "sum %3u%n", &request.count, &end) == 1 &&
		 !line[end] && request.count > 0)
		request.verb = SUM;
	else if (!strcmp(line, "bye"))
		request.verb = BYE;
	return request;
}

uint64_t number_of(const char *line)
{
	return (uint64_t)strtoll(line, NULL, 10);
}

const char *sums_word(unsigned sums)
{
	return sums == 1 ? "sum" : "sums";
}

const char *input_line(struct input *input)
{
	size_t bytes = input->end - input->begin;
	const char *begin = input->bytes + input->begin;
	const char *newline = memchr(begin, '\n', bytes);

	if (!newline)
		return NULL;
	size_t length = newline - begin;
	memcpy(input->line, begin, length);
	input->line[length] = '\0';
	input->begin += length + 1;
	return input->line;
}

bool input_full(const struct input *input)
{
	return input->end - input->begin == sizeof input->bytes;
}

void *input_room(struct input *input, size_t *bytes)
{
	input->end -= input->begin;
	memmove(input->bytes, input->bytes + input->begin, input->end);
	input->begin = 0;
	*bytes = sizeof input->bytes - input->end;
	return input->bytes + input->end;
}
