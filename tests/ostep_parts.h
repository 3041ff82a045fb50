// ostep_parts.h - what the tests of --ostep share

#ifndef OSTEP_PARTS_H
#define OSTEP_PARTS_H

#include <jansson.h>

#include "tests.h"

#define SIM "sched/sim"

// The solutions of `n` exercises, each by its options ("lottery -s 3"), from
// one run of the shell: an array of the JSON objects.
json_t *ostep_solutions(char *const options[], size_t n);

// The solution of one.
json_t *ostep_solution(const char *options);

// A member of an object that must be there; its number; the number of a name.
json_t *member(const json_t *object, const char *key);
double number_of(const json_t *object, const char *key);
int job_of(const json_t *object, const char *key);

// As the course prints a number, with two digits.
double two_digits(double number);

// Who runs in each tick, a digit a tick, '.' where nobody does; the caller
// frees it. `key` is what to show of each tick: "job", "queue", "slices".
char *ostep_row(const json_t *solution, const char *key);

// More tests for the suite.
void ostep_rule_tests(Suite *suite);  // ostep_rules.c
void ostep_naive_tests(Suite *suite); // ostep_naive.c
void ostep_usage_tests(Suite *suite); // ostep_usage.c

#endif
