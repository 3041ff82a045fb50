// # Tests of mem/walk's tools: options, text, questions

#define _GNU_SOURCE
#include "walk_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in\n%s", part,
		      text);
}

static void assert_lacks(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in\n%s", part, text);
}

static struct outcome walk(const char *options)
{
	char command[512];

	snprintf(command, sizeof command, "$B/mem/walk %s", options);
	return run_shell(command);
}

static struct outcome walk_well(const char *options)
{
	struct outcome got = walk(options);

	ck_assert_msg(got.exit == 0 && !*got.err, "%s: exit %d\n%s", options,
		      got.exit, got.err);
	return got;
}

// ## Bad options

static const struct {
	const char *options, *says;
} bad_options[] = {
	{ "--ostep", "--ostep=: want linear, multilevel" },
	{ "--ostep=", "--ostep=: want linear, multilevel" },
	{ "--ostep=fork", "--ostep=fork: want linear, multilevel" },
	{ "--ostep=linear --ostep=fork", "--ostep=fork: want linear" },
	{ "--ostep=linear -x", "walk: -x: want an option of --ostep=linear" },
	{ "--ostep=multilevel -p 64k", "-p: want an option of" },
	{ "--ostep=linear --p 3", "--p: want the name of just one" },
	{ "--ostep=linear -s", "-s: want a value" },
	{ "--ostep=linear -s 1.5", "-s=1.5: want a whole number" },
	{ "--ostep=linear --format=xml", "--format=xml: want text or json" },
	{ "--ostep=linear --quiz --format=json", "want text beside --quiz" },

	{ "--ostep=linear -a 0", "--asize=0: want a size below 1g" },
	{ "--ostep=linear -a -16k", "--asize=-16k: want a size" },
	{ "--ostep=linear -a ''", "--asize=: want a size" },
	{ "--ostep=linear -a k", "--asize=k: want a size" },
	{ "--ostep=linear -a 16kk", "--asize=16kk: want a size" },
	{ "--ostep=linear -a 16x", "--asize=16x: want a size" },
	{ "--ostep=linear -a 1.5k", "--asize=1.5k: want a size" },
	{ "--ostep=linear -a 1g", "--asize=1g: want a size below 1g" },
	{ "--ostep=linear -a 1024m", "--asize=1024m: want a size below 1g" },
	{ "--ostep=linear -a 99999999999999999999g", "want a size below 1g" },
	{ "--ostep=linear -a 18014398509481985k", "want a size below 1g" },
	{ "--ostep=linear -a 12k", "--asize=12k: want a power of two" },
	{ "--ostep=linear -a 2k", "--asize=2k: want a multiple of the page" },
	{ "--ostep=linear -p 1g", "--physmem=1g: want a size below 1g" },
	{ "--ostep=linear -p 0", "--physmem=0: want a size" },
	{ "--ostep=linear -p 16k", "--physmem=16k: want more than" },
	{ "--ostep=linear -p 8k", "--physmem=8k: want more than" },
	{ "--ostep=linear -p 65537", "--physmem=65537: want a multiple" },
	{ "--ostep=linear -P 3k", "--pagesize=3k: want a power of two" },
	{ "--ostep=linear -P 0", "--pagesize=0: want a size" },
	{ "--ostep=linear -a 2m -p 4m -P 1", "at most 1048576 pages" },
	{ "--ostep=linear -n -1", "--numaddrs=-1: want a whole number from 0" },
	{ "--ostep=linear -n 100001", "from 0 to 100000" },
	{ "--ostep=linear -u -1", "--used=-1: want a whole number from 0" },
	{ "--ostep=linear -u 101", "--used=101: want" },
	{ "--ostep=linear -A 16384", "--addresses=16384: want addresses from" },
	{ "--ostep=linear -A 1,-1", "--addresses=1,-1: want addresses" },
	{ "--ostep=linear -A ''", "--addresses=: want addresses" },
	{ "--ostep=linear -A 1,,2", "--addresses=1,,2: want addresses" },
	{ "--ostep=linear -A 0x10", "--addresses=0x10: want addresses" },
	{ "--ostep=linear -A $(printf '1,%.0s' $(seq 10000))1", "at most 10000" },

	{ "--ostep=multilevel -a -1", "--allocated=-1: want a whole number" },
	{ "--ostep=multilevel -a 1025", "from 0 to 1024" },
	{ "--ostep=multilevel -a 128", "--allocated=128: want fewer pages" },
	{ "--ostep=multilevel -a 1024", "--allocated=1024: want fewer pages" },
	{ "--ostep=multilevel -n -1", "--addresses=-1: want" },
	{ "--ostep=multilevel -n 100001", "from 0 to 100000" },

	{ "split", "want an ADDRESS" },
	{ "split --levels=6 1", "--levels=6: want 1 to 5" },
	{ "split --levels= 1", "--levels=: want 1 to 5" },
	{ "split --levels=10,10, 1", "--levels=10,10,: want 1 to 5" },
	{ "split --levels=60,12 1", "--levels=60,12: want 1 to 6 indices" },
	{ "split --format=xml 1", "--format=xml: want text or json" },
	{ "split 12x", "ADDRESS=12x: want a whole number" },
	{ "split 0x", "ADDRESS=0x: want a whole number" },
	{ "split ''", "ADDRESS=: want a whole number" },
	{ "split -- -1", "ADDRESS=-1: want a whole number" },
	{ "split 0x10000000000000000", "want a number of 64 bits" },
	{ "split 18446744073709551616", "want a number of 64 bits" },
	{ "split --levels=2 0x100000000", "want an address of 32 bits" },
	{ "split $(seq 10001)", "at most 10000" },
};

enum { BAD_OPTIONS = sizeof bad_options / sizeof *bad_options };

START_TEST(walk_bad_options)
{
	for (int i = 0; i < BAD_OPTIONS; i++) {
		struct outcome got = walk(bad_options[i].options);
		ck_assert_msg(got.exit == 2 && !*got.out &&
				      strstr(got.err, bad_options[i].says) &&
				      strstr(got.err, "walk"),
			      "%s: exit %d\n%.2000s", bad_options[i].options,
			      got.exit, got.err);
		outcome_free(&got);
	}
}
END_TEST

// ## Spellings

START_TEST(walk_spellings)
{
	static const char *const same[][6] = {
		{ "--ostep=linear -s 5 -a 32k -p 128k -P 1k -n 3 -u 70 -v -c",
		  "--ostep linear -cv -u70 -n3 -P1K -p131072 -a0032768 -s-5",
		  "-c --seed=5 --ostep=paging-linear --asize 32k --physm=128k "
		  "--page=1024 --numaddrs 3 --used=0b1000110 -v",
		  "-s 9 -v --ostep=linear words -s 0x5 -a 32k -p 128k - -P 1k "
		  "-n 3 -u 70 -A -1 -c -- -s 6" },
		{ "--ostep=multilevel -s 7 -a 20 -n 4 -c --explain",
		  "--explain --ostep paging-multilevel --solve --seed 7 "
		  "--allocated=20 --addresses=4",
		  "--ostep=multilevel --so -s07 --al 024 --ad 4 --expl" },
	};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct outcome first = walk_well(same[i][0]);
		for (int k = 1; k < 6 && same[i][k]; k++) {
			struct outcome got = walk_well(same[i][k]);
			ck_assert_msg(!strcmp(got.out, first.out),
				      "%s is not %s", same[i][k], same[i][0]);
			outcome_free(&got);
		}
		outcome_free(&first);
	}
}
END_TEST

// ## Text

// Without -c the exercise and no answer to it. JSON holds the answers anyhow.
START_TEST(walk_answers_with_c)
{
	static const char *const exercises[][3] = {
		// options, task, answer
		{ "--ostep=linear -s 6", "0x8000000d", "is not valid" },
		{ "--ostep=linear -u 100 -A 5", "0x0005 (5)", "physical 0x" },
		{ "--ostep=multilevel -s 20 -a 3", "The directory (PDBR)",
		  "directory entry is not" },
	};
	static const char *const ours[] = { "", "--explain", "-n 3" };

	for (size_t i = 0; i < sizeof exercises / sizeof *exercises; i++) {
		char options[256];
		for (int k = 0; k < 3; k++) {
			snprintf(options, sizeof options, "%s %s",
				 exercises[i][0], ours[k]);
			struct outcome got = walk_well(options);
			assert_has(got.out, exercises[i][1]);
			assert_has(got.out, "-c, asked for with --quiz");
			assert_lacks(got.out, exercises[i][2]);
			outcome_free(&got);
		}
		snprintf(options, sizeof options, "%s -c", exercises[i][0]);
		struct outcome got = walk_well(options);
		assert_has(got.out, exercises[i][1]);
		assert_has(got.out, exercises[i][2]);
		outcome_free(&got);
	}
}
END_TEST

// The listed cases 30 (multilevel) and 6 of section "linear", in words.
START_TEST(walk_explains)
{
	struct outcome got =
		walk_well("--ostep=multilevel -a 3 -n 8 -s 20 -c --explain");

	assert_has(got.out, "0x06eb (1771): physical 0xaab (2731), there is "
			    "0x06");
	assert_has(got.out, "00001 10111 01011: directory index 1, table index "
			    "23, offset 11");
	assert_has(got.out, "directory, frame 115, entry 1: 0x8f, valid, frame "
			    "15");
	assert_has(got.out, "table, frame 15, entry 23: 0xd5, valid, frame 85");
	assert_has(got.out, "85 * 32 + 11 = 2731");
	assert_has(got.out, "0x5696 (22166): fault, the table entry");
	outcome_free(&got);

	got = walk_well("--ostep=linear -s 6 -c --explain -v");
	assert_has(got.out, "         0  0x8000000d");
	assert_has(got.out, "10859 = 2 * 4096 + 2667, so p = 2, d = 2667");
	assert_has(got.out, "entry 2 is 0x00000000: the top bit is 0");
	outcome_free(&got);
}
END_TEST

// All lines fit a terminal.
START_TEST(walk_in_80_columns)
{
	static const char *const options[] = {
		"--ostep=linear -c --explain", "--ostep=linear --help",
		"--ostep=linear -a 512k -p 1023m -P 512 -u 1 -c --explain",
		"--ostep=multilevel -c --explain", "--ostep=multilevel --help",
		"split 0x7ffc1a2b3c4d 0xffff888012345678",
		"split --levels=5 0x00ff1a2b3c4d5e6f",
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct outcome got = walk_well(options[i]);
		char *rest = got.out;
		for (char *line; (line = strsep(&rest, "\n"));)
			ck_assert_msg(strlen(line) <= 80, "%s: %s", options[i],
				      line);
		outcome_free(&got);
	}
}
END_TEST

// ## Questions

// The answers as the quiz wants them, a line each; *n counts.
static char *all_answers(const char *exercise, int *n)
{
	json_t *answer = walk_answer(exercise), *one;
	bool linear = strstr(exercise, "linear") != NULL;
	char *text;
	size_t bytes, i;
	FILE *out = open_memstream(&text, &bytes);

	*n = 0;
	json_array_foreach(walk_member(answer, "translations"), i, one)
	{
		const char *fault =
			json_string_value(walk_member(one, "fault"));
		fprintf(out, "%.0f\n",
			walk_number(one, linear ? "page" : "directory_index"));
		if (fault)
			fprintf(out, "%d\n",
				linear || !strcmp(fault, "pde") ? -1 : -2);
		else
			fprintf(out, "%.0f\n", walk_number(one, "physical"));
		*n += 2;
		if (linear || fault)
			continue;
		fprintf(out, "%.0f\n", walk_number(one, "value"));
		++*n;
	}
	fclose(out);
	json_decref(answer);
	return text;
}

START_TEST(walk_quiz)
{
	static const char *const exercises[] = {
		"--ostep=linear -s 3 -n 6 -u 60",
		"--ostep=multilevel -s 20 -a 30 -n 12",
	};
	char *command, says[64];
	int n;

	for (int i = 0; i < 2; i++) {
		char *answers = all_answers(exercises[i], &n);
		ck_assert_int_gt(asprintf(&command,
					  "printf '%s' | $B/mem/walk %s --quiz",
					  answers, exercises[i]),
				 0);
		struct outcome got = run_shell(command);
		snprintf(says, sizeof says, "%d of %d right", n, n);
		ck_assert_msg(got.exit == 0, "%s: %s", command, got.out);
		assert_has(got.out, says);
		outcome_free(&got);
		free(command);

		// one wrong, and one not known
		answers[0] = answers[0] == '7' ? '8' : '7';
		ck_assert_int_gt(asprintf(&command,
					  "printf '%s' | sed '2s/.*//' | "
					  "$B/mem/walk %s --quiz",
					  answers, exercises[i]),
				 0);
		got = run_shell(command);
		snprintf(says, sizeof says, "%d of %d right", n - 2, n);
		ck_assert_int_eq(got.exit, 1);
		assert_has(got.out, says);
		assert_lacks(got.out, "Translated:");
		outcome_free(&got);
		free(command);

		// nobody answers
		snprintf(says, sizeof says, "%s --quiz", exercises[i]);
		got = walk(says);
		ck_assert_int_eq(got.exit, 1);
		outcome_free(&got);
		free(answers);
	}
}
END_TEST

// ## walk split

START_TEST(walk_split_text)
{
	struct outcome got =
		walk_well("split --levels=4 0x00007f0000201abc 0x7f0000400000");

	assert_has(got.out, "4 levels, 9/9/9/9/12");
	assert_has(got.out, "|011111110|000000000|000000001|000000001|"
			    "101010111100");
	assert_has(got.out, "root[254] -> [0] -> [1] -> [1] -> frame, + 2748");
	assert_has(got.out, "3 of 4 tables in common");
	outcome_free(&got);

	got = walk_well("split --levels=1 305419896");
	assert_has(got.out, "0x12345678 (305419896)");
	assert_has(got.out, "p = 74565, d = 1656: v = p * 4096 + d");
	outcome_free(&got);

	got = walk_well("split --format=json --levels=10,10,12 0xC0FFEE");
	json_t *all = json_loads(got.out, 0, NULL);
	ck_assert_msg(all != NULL, "%s", got.out);
	json_t *one = json_array_get(walk_member(all, "addresses"), 0);
	ck_assert_str_eq(json_string_value(walk_member(one, "address")),
			 "0xc0ffee");
	ck_assert_int_eq((int)walk_number(one, "page"), 0xc0f);
	ck_assert_int_eq((int)walk_number(one, "offset"), 0xfee);
	json_t *indices = walk_member(one, "indices");
	ck_assert_int_eq(json_integer_value(json_array_get(indices, 0)), 3);
	ck_assert_int_eq(json_integer_value(json_array_get(indices, 1)), 15);
	ck_assert(json_is_true(walk_member(one, "canonical")));
	json_decref(all);
	outcome_free(&got);
}
END_TEST

#ifdef __x86_64__
START_TEST(walk_split_canonical)
{
	struct outcome got = walk_well("split --levels=4 0x800000000000");

	assert_has(got.out, "not canonical: bits 63 to 48 are not copies of "
			    "bit 47");
	outcome_free(&got);
	got = walk_well("split --levels=4 0xffff800000000000");
	assert_lacks(got.out, "not canonical");
	outcome_free(&got);
}
END_TEST
#endif

// In 40 columns a line a group.
START_TEST(walk_split_narrow)
{
	struct outcome got = run_shell(
		"COLUMNS=40 $B/mem/walk split --levels=4 0x7f0000201abc");

	assert_has(got.out, " p4 = 254          bits 47 to 39\n"
			    "    011111110\n");
	assert_has(got.out, "  d = 2748         bits 11 to 0\n");
	outcome_free(&got);
}
END_TEST

void walk_usage_tests(Suite *suite)
{
	TCase *tests = tcase_create("usage");

	tcase_add_test(tests, walk_bad_options);
	tcase_add_test(tests, walk_spellings);
	tcase_add_test(tests, walk_answers_with_c);
	tcase_add_test(tests, walk_explains);
	tcase_add_test(tests, walk_in_80_columns);
	tcase_add_test(tests, walk_quiz);
	tcase_add_test(tests, walk_split_text);
#ifdef __x86_64__
	tcase_add_test(tests, walk_split_canonical);
#endif
	tcase_add_test(tests, walk_split_narrow);
	suite_add_tcase(suite, tests);
}
