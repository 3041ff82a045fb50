// walk_parts.h - what the tests of mem/walk and mem/demand share

#ifndef WALK_PARTS_H
#define WALK_PARTS_H

#include <jansson.h>

#include "tests.h"

// What mem/walk says in JSON to these command lines ("--ostep=linear -s 3"), from
// one run of the shell: an array, in their order.
json_t *walk_answers(char *const options[], size_t n);
json_t *walk_answer(const char *options); // to one

// A member that must be there; one that is a number.
json_t *walk_member(const json_t *object, const char *key);
double walk_number(const json_t *object, const char *key);

// More tests for the suite.
void walk_naive_tests(Suite *suite);  // walk_naive.c
void walk_tables_tests(Suite *suite); // walk_tables.c
void walk_usage_tests(Suite *suite);  // walk_usage.c

#endif
