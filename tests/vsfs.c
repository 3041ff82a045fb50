// # Tests of img exercise --ostep=vsfs
//
// tests/data/ostep/NN-vsfs*.cmd is the course's program with its options,
// NN-vsfs*.json what it printed (ostep-homework, commit 6c6cfc7, run with Python
// 3.11), as facts: ops [call, path] or [link, target, new path]; states [inode
// bitmap, inodes, data bitmap, data], the first and one after each operation;
// full: null, or what ran out, where the course's program ends without showing
// the state; files and dirs at the end.

#define _GNU_SOURCE
#include "tests.h"

#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *vsfs_answers(const char *options)
{
	char *command = NULL;
	json_error_t error;

	ck_assert(asprintf(&command,
			   "$B/fs/img exercise --ostep=vsfs --format=json %s",
			   options) > 0);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0 && !*got.err, "%s: %s", command, got.err);
	json_t *answers = json_loads(got.out, 0, &error);
	ck_assert_msg(answers != NULL, "%s: %s", command, error.text);
	outcome_free(&got);
	free(command);
	return answers;
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void same_operation(const json_t *fact, const json_t *ours)
{
	bool link = json_array_size(fact) == 3;

	ck_assert_str_eq(json_string_value(json_array_get(fact, 0)),
			 text_at(ours, "call"));
	ck_assert_str_eq(json_string_value(json_array_get(fact, 1)),
			 text_at(ours, link ? "target" : "path"));
	if (link)
		ck_assert_str_eq(json_string_value(json_array_get(fact, 2)),
				 text_at(ours, "path"));
	ck_assert(json_is_null(json_object_get(ours, "error")));
}

static void same_state(const json_t *fact, const json_t *ours)
{
	static const char *const keys[] = { "inode_bitmap", "inodes",
					    "data_bitmap", "data" };

	ck_assert_uint_eq(json_array_size(fact), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(json_string_value(json_array_get(fact, i)),
				 text_at(ours, keys[i]));
}

static void judge_case(const char *path)
{
	json_error_t error;
	char line[256], *facts_path = NULL;
	size_t i;
	json_t *fact;
	FILE *in = fopen(path, "r");

	ck_assert(in && fgets(line, sizeof line, in) &&
		  !strncmp(line, "vsfs ", 5));
	fclose(in);
	ck_assert(asprintf(&facts_path, "%.*s.json", (int)strlen(path) - 4,
			   path) > 0);
	json_t *facts = json_load_file(facts_path, 0, &error);
	ck_assert_msg(facts != NULL, "%s: %s", facts_path, error.text);
	json_t *ours = vsfs_answers(line + 5);

	json_t *ops = json_object_get(facts, "ops");
	json_t *states = json_object_get(facts, "states");
	json_t *our_ops = json_object_get(ours, "operations");
	json_t *our_states = json_object_get(ours, "states");
	ck_assert(json_array_size(ops) > 0 && json_array_size(states) > 0);
	json_array_foreach(ops, i, fact)
		same_operation(fact, json_array_get(our_ops, i));
	json_array_foreach(states, i, fact)
		same_state(fact, json_array_get(our_states, i));
	json_t *full = json_object_get(facts, "full");
	json_t *our_full = json_object_get(ours, "full");
	if (json_is_string(full)) {
		ck_assert_str_eq(json_string_value(full),
				 text_at(our_full, "what"));
		ck_assert_uint_eq((size_t)json_integer_value(
					  json_object_get(our_full, "after")),
				  json_array_size(ops));
	} else {
		ck_assert(json_is_null(our_full));
		ck_assert_uint_eq(json_array_size(our_ops),
				  json_array_size(ops));
		ck_assert(json_equal(json_object_get(facts, "files"),
				     json_object_get(ours, "files")));
		ck_assert(json_equal(json_object_get(facts, "dirs"),
				     json_object_get(ours, "dirs")));
	}
	json_decref(facts);
	json_decref(ours);
	free(facts_path);
}

START_TEST(vsfs_cases)
{
	glob_t found;

	ck_assert(glob("tests/data/ostep/*-vsfs*.cmd", 0, NULL, &found) == 0);
	ck_assert_uint_eq(found.gl_pathc, 4);
	for (size_t i = 0; i < found.gl_pathc; i++)
		judge_case(found.gl_pathv[i]);
	globfree(&found);
}
END_TEST

// ## What must hold in any state

static size_t ones(const char *bitmap)
{
	size_t n = 0;

	for (; *bitmap; bitmap++)
		n += *bitmap == '1';
	return n;
}

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

// The counts of all inodes are the entries of all directories, each inode that
// is in use has its bit, each address a used block.
static void consistent(const json_t *state)
{
	const char *inodes = text_at(state, "inodes");
	size_t references = 0, addresses = 0;

	ck_assert_uint_eq(ones(text_at(state, "inode_bitmap")),
			  occurrences(inodes, " r:"));
	for (const char *at = inodes; (at = strstr(at, " r:")); at++)
		references += strtoul(at + 3, NULL, 10);
	for (const char *at = inodes; (at = strstr(at, " a:")); at++)
		addresses += at[3] != '-';
	ck_assert_uint_eq(references, occurrences(text_at(state, "data"), ","));
	ck_assert_uint_eq(addresses, ones(text_at(state, "data_bitmap")));
}

START_TEST(vsfs_consistent)
{
	size_t i, failed = 0;
	json_t *state, *op;
	char options[80];

	for (int seed = 0; seed < 20; seed++) {
		snprintf(options, sizeof options, "-s %d -i %d -d %d -n 200",
			 seed, 3 + seed, 2 + seed * 2);
		json_t *answers = vsfs_answers(options);
		json_t *states = json_object_get(answers, "states");
		json_t *ops = json_object_get(answers, "operations");
		ck_assert_uint_eq(json_array_size(states), 201);
		json_array_foreach(states, i, state) consistent(state);
		// What failed changed nothing.
		json_array_foreach(ops, i, op)
		{
			if (json_is_null(json_object_get(op, "error")))
				continue;
			failed++;
			ck_assert(json_equal(json_array_get(states, i),
					     json_array_get(states, i + 1)));
		}
		json_decref(answers);
	}
	ck_assert_uint_gt(failed, 0);
}
END_TEST

// ## For people

START_TEST(vsfs_worksheet)
{
	struct outcome sheet = run("fs/img", "exercise", "--ostep=vsfs", "-s",
				   "3", NULL);
	struct outcome asked = run("fs/img", "exercise", "--ostep", "vsfs",
				   "-s3", "-r", NULL);
	struct outcome both = run("fs/img", "exercise", "--ostep=vsfs",
				  "--seed=3", "-cp", "--explain", NULL);

	ck_assert_int_eq(sheet.exit + asked.exit + both.exit, 0);
	ck_assert(strstr(sheet.out, "which operation was that?"));
	ck_assert(strstr(sheet.out, "(z,1)") && !strstr(sheet.out, "creat("));
	ck_assert(strstr(asked.out, "creat(\"/z\")"));
	ck_assert(strstr(asked.out, "what is the state now?"));
	ck_assert(!strstr(asked.out, "(z,1)"));
	ck_assert(strstr(both.out, "creat(\"/z\")"));
	ck_assert(strstr(both.out, "(z,1)"));
	ck_assert(strstr(both.out, "inode 1 is the first free one"));
	ck_assert(strstr(both.out, "files        /f /v/h\n"));
	outcome_free(&sheet);
	outcome_free(&asked);
	outcome_free(&both);
}
END_TEST

START_TEST(vsfs_full_disk)
{
	struct outcome got = run("fs/img", "exercise", "--ostep=vsfs", "-s",
				 "12", "-i", "4", "-d", "16", "-n", "30", "-c",
				 NULL);

	ck_assert_int_eq(got.exit, 0);
	ck_assert(strstr(got.out, "fails: ENOSPC"));
	ck_assert(strstr(got.out, "\n30  "));
	outcome_free(&got);
}
END_TEST

START_TEST(vsfs_bad_options)
{
	static const char *const bad[][2] = {
		{ "", "--ostep=: want vsfs" },
		{ "--ostep=fsck", "--ostep=fsck: want vsfs" },
		{ "--ostep=vsfs -i 0", "--numInodes=0: want" },
		{ "--ostep=vsfs -d 5000", "--numData=5000: want" },
		{ "--ostep=vsfs -n -1", "--numRequests=-1: want" },
		{ "--ostep=vsfs -s x", "-s=x: want" },
		{ "--ostep=vsfs -z", "-z: want an option" },
		{ "--ostep=vsfs --image=", "--image=: want a file" },
	};
	char command[128];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(command, sizeof command, "$B/fs/img exercise %s",
			 bad[i][0]);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 2, "%s: %d", command, got.exit);
		ck_assert_msg(strstr(got.err, bad[i][1]) != NULL, "%s: %s",
			      command, got.err);
		ck_assert_uint_eq(occurrences(got.err, "\n"), 1);
		outcome_free(&got);
	}
}
END_TEST

// The same calls in a real image leave the same names, and one that e2fsck finds
// nothing wrong with.
START_TEST(vsfs_real_image)
{
	struct outcome got = run_shell(
		"d=$(mktemp -d) && trap 'rm -rf $d' EXIT && PATH=$PATH:/sbin:"
		"/usr/sbin && for s in 1 2 3 4 5; do "
		"$B/fs/img exercise --ostep=vsfs -s $s -i 20 -d 20 -n 60 -p -c "
		"--image=$d/x >$d/out && e2fsck -fn $d/x >/dev/null 2>&1 && "
		"sed -n 's/^files *//p' $d/out | tr ' ' '\\n' | grep . | sort "
		">$d/files && $B/fs/img find $d/x / --type=f | sort "
		">$d/found && cmp $d/files $d/found || exit; done");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	outcome_free(&got);
}
END_TEST

Suite *vsfs_suite(void)
{
	Suite *suite = suite_create("vsfs");
	TCase *tcase = tcase_create("vsfs");

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, vsfs_cases);
	tcase_add_test(tcase, vsfs_consistent);
	tcase_add_test(tcase, vsfs_worksheet);
	tcase_add_test(tcase, vsfs_full_disk);
	tcase_add_test(tcase, vsfs_bad_options);
	tcase_add_test(tcase, vsfs_real_image);
	return suite;
}
