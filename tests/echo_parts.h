// echo_parts.h - what the tests of ipc/echo/ and of the tool ipc/echo share

#ifndef ECHO_PARTS_TESTS_H
#define ECHO_PARTS_TESTS_H

#include "ipc/echo/echo.h"
#include "labs.h"

// The way of a test that is played for each, or skipped where the host lacks it.
// (The probe of io_uring closes a ring, and when the kernel takes that down, a
// little later, it interrupts us as a signal would, without one: MSG_WAITALL may
// return less than all here.)
#define WAY(index)                                               \
	const struct echo_way *way = echo_ways[index];           \
	char why_[256];                                          \
	if (way->probe(why_, sizeof why_) != 0)                  \
		SKIP("%s: %s", way->name, why_)

// echo_judges.c
void add_echo_judge_tests(TCase *tcase);

// echo_tool.c; `ways` is how many there are.
void add_echo_tool_tests(TCase *tcase, int ways);

#endif
