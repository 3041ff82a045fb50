// policy_parts.h - what the files of the policies' suite share

#ifndef TESTS_POLICY_PARTS_H
#define TESTS_POLICY_PARTS_H

#include "random.h"
#include "sched/model/simulate.h"
#include "sched/policy/policy.h"
#include "tests.h"

#define MS INT64_C(1000000)
#define COUNT(array) (sizeof(array) / sizeof *(array))

// Check notes each assertion that holds in a file; this one only fails. For
// loops of a million turns.
#define EXPECT(condition) \
	((condition) ? (void)0 : ck_abort_msg("not so: %s", #condition))

// A game: a policy, its settings and jobs, driven by the model on one CPU.
struct game {
	const struct policy *policy;
	struct random random;
	struct policy_settings settings;
	struct simulation simulation;
	struct jobs jobs;
	struct history history;
};

// `jobs` is a job file's text.
void game_make(struct game *game, const char *policy, const char *jobs);
void game_play(struct game *game); // fails the test unless it works
void game_free(struct game *game);

// The whole Gantt chart: "0 A 3 - 5 B 9": A ran from 0 to 3 ms, then nobody to
// 5, then B. What one job ran on end is one.
const char *game_chart(const struct game *game, char *text, size_t bytes);

// The means, in ms.
double game_waiting(const struct game *game);
double game_turnaround(const struct game *game);

// Jobs and a clock in ms, driven by hand.
enum { HAND_JOBS = 24 };
struct hand {
	const struct policy *policy;
	struct random random;
	struct policy_settings settings;
	struct task tasks[HAND_JOBS];
	void *state;
	int64_t now, slice; // ms; -1: without end
};
void hand_make(struct hand *h, const char *policy); // no boost
void hand_create(struct hand *h);
void hand_free(struct hand *h);
int hand_pick(struct hand *h);

void add_policy_structures(Suite *suite);
void add_policy_rules(Suite *suite);
void add_policy_storms(Suite *suite);
void add_policy_shares(Suite *suite);
void add_policy_feedback(Suite *suite);

static inline void add_policy_case(Suite *suite, const char *name,
				   const TTest *const *tests)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 120);
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
}

#endif
