// stats_parts.h - what the two files of the stats suite share

#ifndef TESTS_STATS_PARTS_H
#define TESTS_STATS_PARTS_H

#include <math.h>

#include "tests.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline void assert_near(double got, double expected, double tolerance)
{
	ck_assert_msg(fabs(got - expected) <= tolerance,
		      "%.17g, expected %.17g within %g", got, expected,
		      tolerance);
}

// Adds a test case of several tests; the row ends with NULL.
static inline void add_case(Suite *suite, const char *name,
			    const TTest *const *tests)
{
	TCase *tcase = tcase_create(name);

	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
}

// The cases of stats_compare.c.
void add_compare_cases(Suite *suite);

#endif
