// tests.h - what the Check suites share
//
// One program, build/tests/check. A file tests/NAME.c defines one suite,
// NAME_suite(), and has a row in check.c. Suites run programs of the build as
// their users would and look at the exit status and the output.
//
//     make check                              everything
//     make check CHECK="stats lab_watchdog"   one suite and one test
//     CK_FORK=no make check                   all tests in one process

#ifndef TESTS_H
#define TESTS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// One row each in check.c.
Suite *options_suite(void);
Suite *draw_suite(void);
Suite *stats_suite(void);
Suite *host_suite(void); // clock, cpu, host
Suite *names_suite(void);
Suite *lab_suite(void); // lab, supervisor, must
Suite *channel_suite(void);
Suite *ipc_suite(void);         // the labs of ipc/
Suite *echo_suite(void);        // ipc/echo
Suite *relay_suite(void);       // ipc/relay
Suite *sched_suite(void);       // the labs of sched/
Suite *policy_suite(void);      // sched/policy
Suite *model_suite(void);       // sched/model
Suite *chart_suite(void);       // sched/chart
Suite *sim_suite(void);         // sched/sim
Suite *ostep_suite(void);       // sched/sim --ostep, --quiz
Suite *gantt_suite(void);       // sched/gantt, sched/live
Suite *duel_suite(void);        // sched/duel, the dispatcher
Suite *threads_suite(void);     // every lab of threads/
Suite *pool_suite(void);        // threads/pool
Suite *fiber_suite(void);       // threads/fiber
Suite *sync_suite(void);        // every lab of sync/
Suite *lock_suite(void);        // sync/lock: mutual exclusion
Suite *wait_suite(void);        // sync/lock: semaphore, rwlock, condition ...
Suite *weave_suite(void);       // sync/stepper, sync/weave
Suite *litmus_suite(void);      // sync/litmus: its tool
Suite *ring_suite(void);        // sync/lockfree
Suite *walk_suite(void);        // mem/walk, mem/tables, mem/demand
Suite *cow_suite(void);         // mem/chase, mem/stretch; cow, shared, tlb
Suite *mem_suite(void);         // every lab of mem/
Suite *pages_suite(void);       // mem/pages
Suite *segment_suite(void);     // mem/descriptor, mem/segment
Suite *fragment_suite(void);    // mem/allocator, mem/fragment
Suite *replace_suite(void);     // mem/trace, mem/replace
Suite *overcommit_suite(void);  // mem/overcommit, control groups
Suite *replacement_suite(void); // mem/policy, mem/paging
Suite *pager_suite(void);       // mem/region, mem/pager
Suite *device_suite(void);      // fs/ext2/device
Suite *ext2_suite(void);        // fs/ext2: opening, inodes, space, commit
Suite *content_suite(void);     // fs/ext2: block maps, data, attributes
Suite *directory_suite(void);   // fs/ext2: names, htree, paths
Suite *journal_suite(void);     // fs/ext2: the log
Suite *crash_suite(void);       // fs/ext2: power loss at every write
Suite *fsck_suite(void);        // fs/ext2/check, img fsck
Suite *mkfs_suite(void);        // img mkfs
Suite *img_suite(void);         // img's commands
Suite *explain_suite(void);     // img walk, dump, map, who
Suite *teaching_suite(void);    // img inject, undelete
Suite *edits_suite(void);       // random edits, against a model and the kernel
Suite *vsfs_suite(void);        // img exercise --ostep=vsfs
Suite *fuzz_suite(void);        // the seeds of tests/fuzz
Suite *bench_suite(void);
Suite *build_suite(void); // the Makefile, deps.sh
Suite *docs_suite(void);  // links, the catalogue

// What a program did. `out` and `err` end with '\0' and belong to the caller
// (outcome_free).
struct outcome {
	int exit;   // exit status, or -1 when a signal ended it
	int signal; // that signal, or 0
	char *out, *err;
};

// Runs a program and waits for it. `program` is a path below the build folder
// ("ipc/pipe") or, with a leading '/', any; arguments end with NULL. Standard
// input is /dev/null. A program that is not done after 120 s is killed and the
// test fails. Whoever it left behind fails the test too, and so does a report of
// a sanitizer.
struct outcome run(const char *program, ...) __attribute__((sentinel));
struct outcome run_shell(const char *command); // sh -c; $B is the build folder
void outcome_free(struct outcome *outcome);

// A child of this process that lives, and is neither ending already nor among
// `known`; 0 when there is none. Orphans below a subreaper are its children.
pid_t living_child(const pid_t *known, size_t n);

// The absolute path of the build folder, and of the source tree.
const char *build_folder(void);
const char *source_folder(void);

// Waits (states, not times: polls) until `condition` holds, at most 60 s; fails
// the test otherwise.
#define await(condition)                                                       \
	do {                                                                   \
		for (int turns_ = 0; !(condition); turns_++) {                 \
			ck_assert_msg(turns_ < 60000, "never: " #condition);   \
			test_nap();                                            \
		}                                                              \
	} while (0)
void test_nap(void); // a millisecond

// Only the tests that were asked for are added to their suites: this stands in
// for the function that all of Check's tcase_add_... macros call.
#define _tcase_add_test(tcase, test, ...)                                      \
	(test_selected((test)->name)                                           \
		 ? _tcase_add_test(tcase, test, __VA_ARGS__)                   \
		 : (void)0)
bool test_selected(const char *test);

// Leaves the test, which counts as passed; it is listed by name and reason
// before Check's summary.
#define SKIP(...)                                                              \
	do {                                                                   \
		test_skipped(__func__, __VA_ARGS__);                           \
		return;                                                        \
	} while (0)
void test_skipped(const char *test, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// True for `make soak`: the long ones.
bool soaking(void);

// True when built with a sanitizer, which takes several times as long, and sees
// no other program: fewer of what other programs judge.
bool sanitized(void);

#endif
