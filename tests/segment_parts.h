// segment_parts.h - what the tests of mem/segment share

#ifndef SEGMENT_PARTS_H
#define SEGMENT_PARTS_H

#include <jansson.h>

#include "tests.h"

#define SEGMENT "mem/segment"
#define SHEET "$B/" SEGMENT " --ostep=segmentation"

// The program's JSON for `n` exercises, each by its options, from one run of
// the shell; where one is refused null. The caller frees the array.
json_t *segment_solutions(char *const options[], size_t n);

// More tests for the suite.
void segment_usage_tests(Suite *suite); // segment_usage.c
void segment_table_tests(Suite *suite); // segment_table.c

#endif
