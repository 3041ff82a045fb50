// model_parts.h - what the files of the model's suite share

#ifndef TESTS_MODEL_PARTS_H
#define TESTS_MODEL_PARTS_H

#include "random.h"
#include "sched/model/simulate.h"
#include "tests.h"

enum { MS = 1000000 };

// The jobs of a text in the format of job files; fails the test if it is wrong.
struct jobs model_jobs(const char *text);

// Small sets of jobs for properties, the times whole ms.
struct shape {
	int most_jobs, most_cpu, most_arrival;
	bool waits;     // some jobs have up to three bursts
	bool deadlines; // between 1 and 3 times the CPU time after the arrival
};
struct jobs model_random_jobs(struct random *random, const struct shape *shape);

// Runs a policy with the default settings (`quantum_ms` instead of 10 ms where
// it is not 0) and a luck that is the same in every run; fails the test unless
// it works.
struct history model_run(const struct policy *policy, int quantum_ms,
			 const struct simulation *simulation,
			 const struct jobs *jobs);

// The slices as text, "A 0-3 B 3-9", in ms; with several CPUs "A 0-3@1"; after a
// slice that ended otherwise than by the end of the job: > blocked, ! displaced,
// : quantum over.
const char *model_slices(const struct jobs *jobs, const struct history *history,
			 char *text, size_t bytes);

// The cases of the other files.
void add_engine_cases(Suite *suite);
void add_limit_cases(Suite *suite);
void add_property_cases(Suite *suite);
void add_theorem_cases(Suite *suite);

// What is run at the moment, told in a failure.
extern char model_told[300];
void model_tell(const struct policy *policy, int turn, const struct jobs *jobs,
		const struct simulation *simulation);

// Check notes each of its assertions in a file, which is slow where there are
// millions: this one is silent while it holds.
#define holds(condition) do {                                         \
	if (!(condition))                                             \
		ck_abort_msg("%s: not %s", model_told, #condition);   \
} while (0)

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline void add_model_case(Suite *suite, const char *name,
				  const TTest *const *tests)
{
	TCase *tcase = tcase_create(name);

	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
}

#endif
