// # Tests of mem/walk and mem/demand: worked cases, and where a scene cannot be
//
// tests/data/ostep/NN-linear*.cmd and NN-multilevel*.cmd are a course program with
// its options, the .json beside it what that program printed for them
// (ostep-homework, commit 6c6cfc7, run with Python 3.11), as facts and not as text:
//
//     paging-linear      pt: the entries; va: [address, physical or null, page]
//     paging-multilevel  pdbr; memory: a page a string; va: [address, physical,
//                        value], or [address, "pde" or "pte", null]

#define _GNU_SOURCE
#include "walk_parts.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mem/pages/pages.h"

// ## The program's answers

json_t *walk_answers(char *const options[], size_t n)
{
	char *command, *at;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);
	json_t *all = json_array();

	ck_assert(out && all);
	fprintf(out, "set -e\n");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "$B/mem/walk %s --format=json\n", options[i]);
	ck_assert_int_eq(fclose(out), 0);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s%s", n == 1 ? command : "", got.err);
	at = got.out;
	for (size_t i = 0; i < n; i++) {
		json_error_t error;
		json_t *one = json_loads(at, JSON_DISABLE_EOF_CHECK, &error);
		ck_assert_msg(json_is_object(one), "%s: %s", options[i],
			      error.text);
		json_array_append_new(all, one);
		at += error.position;
	}
	ck_assert_str_eq(at + strspn(at, "\n"), "");
	outcome_free(&got);
	free(command);
	return all;
}

json_t *walk_answer(const char *options)
{
	char *copy = strdup(options);
	json_t *all = walk_answers(&copy, 1);
	json_t *one = json_incref(json_array_get(all, 0));

	json_decref(all);
	free(copy);
	return one;
}

json_t *walk_member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	ck_assert_msg(value != NULL, "no \"%s\"", key);
	return value;
}

double walk_number(const json_t *object, const char *key)
{
	json_t *value = walk_member(object, key);

	ck_assert_msg(json_is_number(value), "\"%s\" is no number", key);
	return json_number_value(value);
}

// ## The cases

static json_t *linear_facts(const json_t *answer)
{
	json_t *entries = json_array(), *va = json_array(), *one;
	size_t i;

	json_array_foreach(walk_member(answer, "page_table"), i, one)
	{
		char text[16];
		snprintf(text, sizeof text, "0x%08llx",
			 json_integer_value(one));
		json_array_append_new(entries, json_string(text));
	}
	json_array_foreach(walk_member(answer, "translations"), i, one)
		json_array_append_new(
			va, json_pack("[O, O, O]", walk_member(one, "virtual"),
				      walk_member(one, "physical"),
				      walk_member(one, "page")));
	return json_pack("{s:o, s:o}", "pt", entries, "va", va);
}

static json_t *multilevel_facts(const json_t *answer)
{
	json_t *va = json_array(), *one;
	size_t i;

	json_array_foreach(walk_member(answer, "translations"), i, one)
	{
		json_t *fault = walk_member(one, "fault");
		json_array_append_new(
			va, json_pack("[O, O, O]", walk_member(one, "virtual"),
				      json_is_null(fault)
					      ? walk_member(one, "physical")
					      : fault,
				      walk_member(one, "value")));
	}
	return json_pack("{s:O, s:O, s:o}", "pdbr", walk_member(answer, "pdbr"),
			 "memory", walk_member(answer, "memory"), "va", va);
}

static void judge_case(const char *path)
{
	json_error_t error;
	char line[256], options[512], *facts_path = NULL;
	FILE *in = fopen(path, "r");

	ck_assert(in && fgets(line, sizeof line, in));
	fclose(in);
	line[strcspn(line, "\n")] = '\0';
	ck_assert(asprintf(&facts_path, "%.*s.json", (int)strlen(path) - 4,
			   path) > 0);
	json_t *facts = json_load_file(facts_path, 0, &error);
	ck_assert_msg(facts != NULL, "%s: %s", facts_path, error.text);
	snprintf(options, sizeof options, "--ostep %s", line);
	json_t *answer = walk_answer(options);
	json_t *found = strstr(path, "linear") ? linear_facts(answer)
					       : multilevel_facts(answer);
	if (!json_equal(found, facts))
		ck_abort_msg("%s: %s", path, json_dumps(found, 0));
	json_decref(found);
	json_decref(answer);
	json_decref(facts);
	free(facts_path);
}

START_TEST(walk_ostep_cases)
{
	static const char *const patterns[] = {
		"tests/data/ostep/*-linear*.cmd",
		"tests/data/ostep/*-multilevel*.cmd",
	};

	for (size_t i = 0; i < 2; i++) {
		glob_t found;
		ck_assert_int_eq(glob(patterns[i], 0, NULL, &found), 0);
		ck_assert_uint_eq(found.gl_pathc, 4);
		for (size_t k = 0; k < found.gl_pathc; k++)
			judge_case(found.gl_pathv[k]);
		globfree(&found);
	}
}
END_TEST

// ## Where a scene cannot be played

// A tmpfs of its own, or the usual one, has nowhere to drop its pages to.
START_TEST(demand_on_tmpfs)
{
	enum { TMPFS = 0x01021994 };
	struct statfs fs;

	if (statfs("/dev/shm", &fs) != 0 || fs.f_type != TMPFS ||
	    access("/dev/shm", W_OK) != 0)
		SKIP("/dev/shm is no tmpfs that may be written to");
	struct outcome got =
		run_shell("TMPDIR=/dev/shm $B/mem/demand faults readahead");
	ck_assert_msg(got.exit == 77, "exit %d\n%s%s", got.exit, got.out,
		      got.err);
	ck_assert_msg(strstr(got.out, "keeps its pages in memory") &&
			      strstr(got.out, "set TMPDIR"),
		      "%s", got.out);
	outcome_free(&got);

	got = run_shell("TMPDIR=/dev/shm $B/mem/demand back around");
	ck_assert_msg(got.exit == 0, "exit %d\n%s%s", got.exit, got.out,
		      got.err);
	outcome_free(&got);
}
END_TEST

// The kernel hides the frames from an ordinary user; the zero page gives itself
// away without them.
START_TEST(demand_ordinary_user)
{
	if (geteuid() != 0)
		SKIP("only root can become somebody else");
	struct outcome got = run_shell(
		"setpriv --reuid=65534 --regid=65534 --clear-groups "
		"$B/mem/demand zero staircase");
	if (got.exit == 127)
		SKIP("setpriv is not installed");
	ck_assert_msg(got.exit == 0, "exit %d\n%s%s", got.exit, got.out,
		      got.err);
	ck_assert_msg(strstr(got.out, "none has memory of its own") &&
			      strstr(got.out, "the kernel tells only root") &&
			      !strstr(got.out, "ZERO_PAGE"),
		      "%s", got.out);
	outcome_free(&got);
}
END_TEST

START_TEST(demand_root_sees_the_zero_page)
{
	if (frames_shown() != 1)
		SKIP("the kernel hides the frames from us");
	struct outcome got = run_shell("$B/mem/demand zero");
	ck_assert_msg(got.exit == 0 && strstr(got.out, "one and the same"),
		      "exit %d\n%s%s", got.exit, got.out, got.err);
	outcome_free(&got);
}
END_TEST

// A disk that is full, and a limit for files: skipped, and said why.
START_TEST(demand_no_room_for_a_file)
{
	if (geteuid() != 0)
		SKIP("only root can mount a small file system");
	struct outcome got = run_shell(
		"unshare --mount sh -c 'mount -t tmpfs -o size=1m none /mnt && "
		"TMPDIR=/mnt \"$B\"/mem/demand readahead'");
	if (strstr(got.err, "unshare") || strstr(got.err, "mount"))
		SKIP("no tmpfs can be mounted here");
	ck_assert_msg(got.exit == 77 && strstr(got.out, "no room for a file"),
		      "exit %d\n%s%s", got.exit, got.out, got.err);
	outcome_free(&got);
}
END_TEST

START_TEST(walk_no_room_for_addresses)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer wants terabytes of addresses itself");
#endif
	struct outcome got = run_shell("ulimit -v 8000000; $B/mem/walk growth");
	ck_assert_msg(got.exit == 77 && strstr(got.out, "raise ulimit -v"),
		      "exit %d\n%s%s", got.exit, got.out, got.err);
	outcome_free(&got);
}
END_TEST

Suite *walk_suite(void)
{
	Suite *suite = suite_create("walk");
	TCase *tests = tcase_create("cases");

	tcase_add_test(tests, walk_ostep_cases);
	tcase_add_test(tests, demand_on_tmpfs);
	tcase_add_test(tests, demand_ordinary_user);
	tcase_add_test(tests, demand_root_sees_the_zero_page);
	tcase_add_test(tests, demand_no_room_for_a_file);
	tcase_add_test(tests, walk_no_room_for_addresses);
	suite_add_tcase(suite, tests);
	walk_naive_tests(suite);
	walk_tables_tests(suite);
	walk_usage_tests(suite);
	return suite;
}
