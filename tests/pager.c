// mem/pager as its user sees it, beside its scenes (the suite `mem` plays those).

#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host_tree.h"
#include "interrupt.h"
#include "pager_parts.h"

#define PAGER "mem/pager"

enum { MISSING = 77 };

// ## compare

static json_t *parsed(const char *text)
{
	json_error_t error;
	json_t *all = json_loads(text, 0, &error);

	ck_assert_msg(all != NULL, "%s in:\n%s", error.text, text);
	return all;
}

static json_int_t at(const json_t *run, const char *key)
{
	return json_integer_value(json_object_get(run, key));
}

START_TEST(pager_compare)
{
	static const char *const works[] = { "ijk", "quicksort", "join",
					     "graph" };
	struct outcome got = run(PAGER, "compare", works[_i], "--frames=3,9",
				 "--policy=fifo,nur,lru,opt", "--format=json",
				 NULL);
	size_t i;
	json_t *value;
	json_int_t faults[8] = { 0 };

	ck_assert_msg(got.exit == 0, "%s", got.err);
	json_t *all = parsed(got.out);
	json_t *runs = json_object_get(all, "runs");
	ck_assert_uint_eq(json_array_size(runs), 8);
	json_array_foreach(runs, i, value)
	{
		ck_assert(json_is_true(json_object_get(value, "same")));
		ck_assert(json_is_true(json_object_get(value, "bytes")));
		json_t *model = json_object_get(value, "model");
		ck_assert_int_eq(at(value, "faults"), at(model, "faults"));
		ck_assert_int_eq(at(value, "writebacks"),
				 at(model, "writebacks"));
		faults[i] = at(value, "faults");
		// each page is written once for each time it came, at most
		ck_assert_int_le(at(value, "writebacks"), faults[i]);
		ck_assert_int_lt(faults[i], at(value, "references"));
	}
	for (i = 0; i < 8; i++) // nobody beats OPT; LRU keeps inclusion
		ck_assert_int_ge(faults[i], faults[6 + i % 2]);
	ck_assert_int_ge(faults[4], faults[5]);
	json_decref(all);
	outcome_free(&got);
}
END_TEST

// With all pages in frames, each is loaded once, whoever has to say.
START_TEST(pager_compare_all_in_frames)
{
	struct outcome got = run(PAGER, "compare", "quicksort", "--frames=8",
				 "--way=signal", "--format=json", NULL);
	size_t i;
	json_t *value;

	ck_assert_msg(got.exit == 0, "%s", got.err);
	json_t *all = parsed(got.out);
	ck_assert_str_eq(json_string_value(json_object_get(all, "way")),
			 "signal");
	json_array_foreach(json_object_get(all, "runs"), i, value)
	{
		const char *name =
			json_string_value(json_object_get(value, "policy"));
		// working-set lets pages go early
		if (strcmp(name, "working-set") != 0)
			ck_assert_msg(at(value, "faults") == 8, "%s", name);
	}
	ck_assert_uint_ge(i, 16);
	json_decref(all);
	outcome_free(&got);
}
END_TEST

// The ways and tracking make no difference to what is counted.
START_TEST(pager_compare_ways)
{
	static const char *const options[] = { "", "--track", "--way=copy",
					       "--way=signal",
					       "--way=signal --track" };
	char command[200], first[4000] = "";

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		snprintf(command, sizeof command,
			 "$B/" PAGER " compare join --policy=clock,random,opt "
			 "--frames=7 %s | grep -v way: | cut -c1-62",
			 options[i]);
		struct outcome got = run_shell(command);
		if (i == 0)
			snprintf(first, sizeof first, "%s", got.out);
		else if (*got.out || !strstr(options[i], "copy"))
			ck_assert_str_eq(got.out, first);
		outcome_free(&got);
	}
	assert_has(first, "random");
}
END_TEST

static const struct {
	const char *arguments;
	int exit;
	const char *out, *err;
} usages[] = {
	{ "compare", 2, "", "which work?" },
	{ "compare sort", 2, "", "WORK=sort: want one of ijk, ikj" },
	{ "compare join --policy=nobody", 2, "", "--policy=nobody: want" },
	{ "compare join --policy=lru,,opt", 2, "", "--policy=: want" },
	{ "compare join --policy=", 2, "", "--policy=: want" },
	{ "compare join --frames=0", 2, "", "--frames=0: want" },
	{ "compare join --frames=4097", 2, "", "--frames=4097: want" },
	{ "compare join --frames=4,", 2, "", "--frames=: want" },
	{ "compare join --frames=4x", 2, "", "--frames=4x: want" },
	{ "compare join --frames=1e2", 2, "", "--frames=1e2: want" },
	{ "compare join --way=magic", 2, "",
	  "--way=magic: want move, copy or signal" },
	{ "compare join --seed=-1", 2, "", "--seed=-1: want" },
	{ "compare join --format=xml", 2, "", "--format=xml: want" },
	{ "compare join --nothing", 2, "", "unrecognized option" },
	{ "join --policy=lru", 2, "", "" },
	{ "compare --help", 0, "compare join --policy=lru,opt", "" },
	{ "compare --version", 0, "oslab", "" },
	{ "--help", 0, "compare", "" },
	{ "compare quicksort --policy=ws --frames=1 --seed=0", 0, "working-set",
	  "" },
};

START_TEST(pager_usage)
{
	char command[256];

	snprintf(command, sizeof command, "$B/" PAGER " %s",
		 usages[_i].arguments);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == usages[_i].exit, "%s: exit %d, %s",
		      usages[_i].arguments, got.exit, got.err);
	assert_has(got.out, usages[_i].out);
	assert_has(got.err, usages[_i].err);
	if (got.exit == 2)
		ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST

// ## Where userfaultfd is refused

static int refused_error;

static int run_refused(void)
{
	if (forbid(SYS_userfaultfd, refused_error, UINT32_MAX))
		return MISSING;
	struct outcome got = run(PAGER, "compare", "join", "--way=move", NULL);
	int bad = got.exit != MISSING || !strstr(got.err, "--way=signal");
	outcome_free(&got);
	got = run(PAGER, "price", NULL);
	bad |= (got.exit != MISSING || !strstr(got.out, "Linux 5.11")) * 2;
	outcome_free(&got);
	got = run(PAGER, "region", "bits", "join", "forbidden", NULL);
	bad |= (got.exit != 0 || !strstr(got.out, "SIGSEGV")) * 4;
	outcome_free(&got);
	got = run(PAGER, "compare", "join", "--frames=4", "--policy=lru", NULL);
	bad |= (got.exit != 0 || !strstr(got.out, "way: signal")) * 8;
	outcome_free(&got);
	return bad;
}

START_TEST(pager_without_userfaultfd)
{
	const int errors[] = { EPERM, ENOSYS };
	pid_t child = fork_fresh();

	if (child == 0) {
		refused_error = errors[_i];
		_exit(run_refused());
	}
	int status = status_of(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == MISSING)
		SKIP("this host allows no seccomp filter");
	ck_assert_msg(status == 0, "not as it should be: %#x", status);
}
END_TEST

// ## An ordinary user
//
// With userfaultfd for user mode, as the kernel gives it to everybody.

START_TEST(pager_ordinary_user)
{
	struct outcome got = run_shell(
		"as=; [ $(id -u) != 0 ] || as='setpriv --reuid=65534"
		" --regid=65534 --clear-groups';"
		" $as $B/" PAGER " region bits join forbidden &&"
		" $as $B/" PAGER " compare graph --policy=clock,lru");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	assert_has(got.out, "signal: into one that is not: EFAULT");
	assert_lacks(got.out, "DIFFER");
	outcome_free(&got);
}
END_TEST

// ## Trouble

START_TEST(pager_interrupted)
{
	const char *const argv[] = { PAGER, "exact", NULL };
	const char *const last[] = { PAGER, "bits", NULL };

	interrupt_in_turns(argv, last, soaking() ? 60 : 6);
}
END_TEST

START_TEST(pager_compare_interrupted)
{
	const char *const argv[] = { PAGER, "compare", "join", "--frames=4",
				     NULL };

	interrupt_at_moments(argv, SIGINT, soaking() ? 60 : 4);
}
END_TEST

START_TEST(pager_two_at_once)
{
	struct outcome got = run_shell(
		"$B/" PAGER
		" compare join --policy=clock,lru >/dev/null & one=$!;"
		"$B/" PAGER " compare join --policy=clock,lru --way=signal & "
		"two=$!; wait $one && wait $two");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	outcome_free(&got);
}
END_TEST

START_TEST(pager_closed_pipe)
{
	struct outcome got = run_shell(
		"{ $B/" PAGER " compare join; echo $? >&2; } | :; true");

	ck_assert_str_eq(got.err, "141\n");
	outcome_free(&got);
}
END_TEST

// Where there is no room for the file behind the pages.
START_TEST(pager_no_room)
{
	struct outcome got = run_shell("ulimit -f 8; trap '' XFSZ; $B/" PAGER
				       " compare join");

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "EFBIG");
	outcome_free(&got);
	got = run_shell("TMPDIR=/proc/self/nowhere $B/" PAGER " compare join");
	ck_assert_int_eq(got.exit, 1);
	outcome_free(&got);
}
END_TEST

Suite *pager_suite(void)
{
	Suite *suite = suite_create("pager");
	TCase *tcase = tcase_create("pager");

	tcase_set_timeout(tcase, 240);
	tcase_add_loop_test(tcase, pager_compare, 0, 4);
	tcase_add_test(tcase, pager_compare_all_in_frames);
	tcase_add_test(tcase, pager_compare_ways);
	tcase_add_loop_test(tcase, pager_usage, 0,
			    sizeof usages / sizeof *usages);
	tcase_add_loop_test(tcase, pager_without_userfaultfd, 0, 2);
	tcase_add_test(tcase, pager_ordinary_user);
	tcase_add_test(tcase, pager_interrupted);
	tcase_add_test(tcase, pager_compare_interrupted);
	tcase_add_test(tcase, pager_two_at_once);
	tcase_add_test(tcase, pager_closed_pipe);
	tcase_add_test(tcase, pager_no_room);
	suite_add_tcase(suite, tcase);
	add_region_tests(suite);
	return suite;
}
