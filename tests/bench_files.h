// bench_files.h - result files of the benchmark, made for tests
//
// The tests of compare (bench_files.c), of report (bench_report.c) and of when
// (bench_when.c) write files whose values are known into a folder that lives as
// long as a test.

#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <jansson.h>

#include "tests.h"

#define BENCH "bench/bench"
#define PIPE "ipc/pipe/1KiB/same-cpu"

// Added to a suite by bench.c; the others by the first.
void add_bench_file_tests(Suite *suite);
void add_bench_report_tests(Suite *suite);
void add_bench_when_tests(Suite *suite);

// The folder: a checked fixture.
extern char folder[100];
void make_folder(void);
void remove_folder(void);

// A path in it. Eight may be in use at once.
const char *path_of(const char *name);
const char *save_text(const char *name, const char *text, size_t bytes);
const char *save(const char *name, json_t *result); // takes the result
char *load_text(const char *path);                  // for free(3)

json_t *empty_result(void);
// A case that was not timed: `key` is "skipped" or "failed".
json_t *add_bare(json_t *result, const char *name, const char *key,
		 const char *why);
// A case of `n` rounds from `first` upwards in equal steps.
json_t *add_case(json_t *result, const char *name, const char *unit,
		 double first, double step, int n);
json_t *one_case(const char *unit, double first, double step, int n);

void contains(const char *text, const char *what);
void lacks(const char *text, const char *what);

#endif
