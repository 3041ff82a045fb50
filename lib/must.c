#define _GNU_SOURCE
#include "must.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// "ENOENT": what the man pages and the headers call it. Only glibc tells
// (2.32); elsewhere the number has to do.
static const char *errno_name(int error, char number[16])
{
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 32)
	const char *name = strerrorname_np(error);
	if (name)
		return name;
#endif
	snprintf(number, 16, "errno %d", error);
	return number;
}

void (*die_first)(const char *call, int error);

// One write(2): several processes may die of the same thing at once. What is
// written last is all that is known, so its own failure changes nothing.
void die_at(const char *file, int line, const char *call, int error)
{
	char number[16], text[1024];

	if (die_first)
		die_first(call, error);
	int n = snprintf(text, sizeof text, "%s:%d: %s: %s (%s)\n", file, line,
			 call, errno_name(error, number), strerror(error));
	if (n >= (int)sizeof text) {
		n = sizeof text - 1;
		text[n - 1] = '\n';
	}
	if (n > 0 && write(STDERR_FILENO, text, n) < 0)
		_exit(1);
	_exit(1);
}
