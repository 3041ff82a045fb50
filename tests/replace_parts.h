// replace_parts.h - what the files of the suite replace share: replace.c (what it
// computes and shows), replace_trouble.c (output that fails, interrupts, little
// memory), replace_trace.c (formats, generators), replace_options.c (every option),
// replace_ostep.c (the course's exercises)

#ifndef REPLACE_PARTS_TESTS_H
#define REPLACE_PARTS_TESTS_H

#include <jansson.h>

#include "labs.h"

#define REPLACE "$B/mem/replace "

// Runs the program with these arguments, in a shell; `input` goes through printf.
struct outcome replace_run(const char *input, const char *arguments);

// The same with --format=json: an array. The test fails where it fails.
json_t *replace_json(const char *input, const char *arguments);

const json_t *replace_member(const json_t *object, const char *key);
double replace_number(const json_t *object, const char *key);

// Bad usage: exit 2, nothing on standard output, one line that has `says`.
void replace_refused(const struct outcome *got, const char *what,
		     const char *says);

void add_replace_trouble(Suite *suite);
void add_replace_trace(Suite *suite);
void add_replace_options(Suite *suite);
void add_replace_ostep(Suite *suite);

#endif
