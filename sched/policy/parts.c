// parts.c - memory and phrases, see parts.h

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

int policy_numbered(size_t n)
{
	return n > INT_MAX ? -EINVAL : 0;
}

int policy_memory(void **state, size_t head, size_t each, size_t n)
{
	size_t bytes;

	int error = policy_numbered(n);
	if (error)
		return error;
	if (__builtin_mul_overflow(each, n, &bytes) ||
	    __builtin_add_overflow(bytes, head, &bytes))
		return -ENOMEM;
	void *memory = malloc(bytes);
	if (!memory)
		return -ENOMEM;
	memset(memory, 0, head);
	*state = memory;
	return 0;
}

void policy_free(void *state)
{
	free(state);
}

bool policy_run_on(void *state, int job, int64_t ran_ns, int64_t now,
		   int64_t *slice_ns)
{
	(void)state, (void)job, (void)ran_ns, (void)now;
	*slice_ns = NEVER;
	return false;
}

void policy_leave(void *state, int job, int64_t ran_ns, int64_t now)
{
	(void)state, (void)job, (void)ran_ns, (void)now;
}

const char *policy_tie(bool head)
{
	return head ? "but had to give way and goes first"
		    : "which queued up after it";
}

const char *span(char text[SPAN_BYTES], int64_t ns)
{
	if (ns == NEVER)
		snprintf(text, SPAN_BYTES, "for ever");
	else if (ns > -1000 && ns < 1000)
		snprintf(text, SPAN_BYTES, "%d ns", (int)ns);
	else if (ns > -1000000 && ns < 1000000)
		snprintf(text, SPAN_BYTES, "%.6g us", (double)ns / 1e3);
	else
		snprintf(text, SPAN_BYTES, "%.15g ms", (double)ns / 1e6);
	return text;
}
