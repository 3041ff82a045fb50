// # Tests of mem/replace: trouble, and what it costs

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "interrupt.h"
#include "replace_parts.h"

START_TEST(replace_full_disk)
{
	static const char *const arguments[] = {
		"--policy=all", "--format=json --steps", "--help", "--svg=-",
		"--list-policies", "--curve", "--anomaly",
		"--ostep=paging-policy -c",
	};

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		char with[128];
		snprintf(with, sizeof with, "%s >/dev/full", arguments[i]);
		struct outcome got = replace_run("1 2 3 4 1 2 3", with);
		ck_assert_msg(
			got.exit == 1 && occurrences(got.err, "\n") == 1 &&
				strstr(got.err, "cannot write the output"),
			"%s: exit %d\n%s", with, got.exit, got.err);
		outcome_free(&got);
	}
	struct outcome got = replace_run("1 2", "--svg=/dev/full");
	ck_assert_int_eq(got.exit, 1);
	ck_assert_str_eq(got.err,
			 "replace: /dev/full: No space left on device\n");
	outcome_free(&got);
}
END_TEST

START_TEST(replace_closed_pipe)
{
	static const char *const commands[] = {
		REPLACE "--generate=zipf --references=100000 --steps "
			"--format=json | head -n 1",
		"trap '' PIPE; " REPLACE
		"--generate=zipf --references=100000 --steps --format=json | "
		"head -n 1",
		REPLACE "--help | head -n 1",
	};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct outcome got = run_shell(commands[i]);
		ck_assert_str_eq(got.err, "");
		ck_assert_int_eq(got.exit, 0);
		ck_assert_int_eq(occurrences(got.out, "\n"), 1);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(replace_interrupted)
{
	static const char *const argv[] = {
		"mem/replace",  "--generate=zipf", "--references=300000",
		"--policy=all", "--format=json",   NULL
	};

	interrupt_at_moments(argv, SIGINT, soaking() ? 60 : 3);
	interrupt_at_moments(argv, SIGTERM, soaking() ? 60 : 3);
}
END_TEST

// However little memory there is: played, or a line in words.
#ifndef OSLAB_SANITIZED
START_TEST(replace_too_little_memory)
{
	int failed = 0;

	for (int mib = 20; mib <= 260; mib += 24) {
		char command[256];
		snprintf(command, sizeof command,
			 "ulimit -v %d; " REPLACE
			 "--generate=uniform --pages=2000000 "
			 "--references=2000000 --frames=1000000",
			 mib << 10);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 0 || got.exit == 1 || got.exit == 127,
			      "%d MiB: exit %d, signal %d\n%s", mib, got.exit,
			      got.signal, got.err);
		if (got.exit == 1) {
			ck_assert_msg(occurrences(got.err, "\n") == 1 &&
					      !strncmp(got.err,
						       "replace: ", 9) &&
					      strstr(got.err, "memory"),
				      "%d MiB: %s", mib, got.err);
			assert_lacks(got.err, ".c:");
			failed++;
		}
		outcome_free(&got);
	}
	ck_assert_int_gt(failed, 0);
}
END_TEST
#endif

// A hundred million references: memory is that of the pages.
START_TEST(replace_memory_of_a_stream)
{
	enum { MOST_KIB = 200 << 10 };
	static const char pipeline[] = REPLACE
		"--generate=zipf --pages=1000000 --frames=10000 "
		"--references=100000000 --policy=fifo,lru,arc";
	struct rusage usage;

	struct outcome got = run_shell(pipeline);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
	ck_assert_int_lt(usage.ru_maxrss, MOST_KIB);
	outcome_free(&got);
}
END_TEST

// And without a terminal there is no bar.
START_TEST(replace_says_what_it_costs)
{
	struct outcome got = run_shell(
		REPLACE "--generate=zipf --references=300000 --timing "
			"--policy=fifo,opt --sparse");

	ck_assert_int_eq(got.exit, 0);
	ck_assert_int_eq(occurrences(got.err, "\n"), 3);
	ck_assert_int_eq(occurrences(got.err, " million/s, per CPU second "),
			 3);
	assert_has(got.err, "300000 references made: ");
	assert_has(got.err, "\nfifo, 3 frames: ");
	assert_has(got.err, "\nopt, 3 frames, with the pass for next uses: ");
	assert_has(got.out, "needs the whole trace: 2.29 MiB of it were kept");
	outcome_free(&got);
	got = run_shell(REPLACE "--generate=zipf --references=3000000 "
				"--policy=lru");
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

void add_replace_trouble(Suite *suite)
{
	TCase *tests = tcase_create("trouble");

	tcase_set_timeout(tests, soaking() ? 3600 : 300);
	tcase_add_test(tests, replace_full_disk);
	tcase_add_test(tests, replace_closed_pipe);
	tcase_add_test(tests, replace_interrupted);
#ifndef OSLAB_SANITIZED
	tcase_add_test(tests, replace_too_little_memory);
#endif
	if (soaking())
		tcase_add_test(tests, replace_memory_of_a_stream);
	tcase_add_test(tests, replace_says_what_it_costs);
	suite_add_tcase(suite, tests);
}
