// # Tests of mem/segment --ostep=segmentation: options, text, questions

#define _GNU_SOURCE
#include "segment_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs.h"

// ## Bad options

static const struct {
	const char *options, *says;
} bad_options[] = {
	{ "--ostep=fork", "--ostep=fork: want segmentation" },
	{ "--ostep=", "--ostep=: want segmentation" },
	{ "-x", "-x: want an option of --ostep=segmentation" },
	{ "--cpus=2", "--cpus=2: want an option of" },
	{ "-s", "-s: want a value" },
	{ "-s 1.5", "-s=1.5: want a whole number" },
	{ "-s 08", "-s=08: want a whole number" },
	{ "-n x", "-n=x: want a whole number" },
	{ "-n -1", "--numaddrs=-1: want a whole number from 0 to 100000" },
	{ "-n 100001", "--numaddrs=100001: want" },
	{ "-c --quiz --format=json", "--format=json: want text" },
	{ "--format=xml", "--format=xml: want text or json" },
	{ "-a 0", "--asize=0: want 1 byte or more" },
	{ "-a -1", "--asize=-1: want a size up to 1048576g" },
	{ "-a 1t", "--asize=1t: want a size" },
	{ "-a 1.5k", "--asize=1.5k: want a size" },
	{ "-a ''", "--asize=: want a size" },
	{ "-a k", "--asize=k: want a size" },
	{ "-a 1kk", "--asize=1kk: want a size" },
	{ "-a '1 k'", "--asize=1 k: want a size" },
	{ "-a 0x10", "--asize=0x10: want a size" },
	{ "-a 1048577g", "--asize=1048577g: want a size" },
	{ "-a 99999999999999999999999999999999999999999999", "want a size" },
	{ "-p 4 -a 2", "--physmem=4: want more than 4 bytes" },
	{ "-p 1k", "--physmem=1k: want more than 4 bytes, and more than the "
		   "address space, which has 1024" },
	{ "-p 2k", "--physmem=2k: want more than twice the address space" },
	{ "-p 2k -b 0", "--physmem=2k: want more than twice" },
	{ "-p -1", "--physmem=-1: want a size" },
	{ "-b -2", "--b0=-2: want a size up to 1048576g, such as 64, 16k or "
		   "1m; -1: random" },
	{ "-B -1k", "--b1=-1k: want a size" },
	{ "-l 513", "--l0=513: want at most half of the address space of 1024" },
	{ "-L 1k", "--l1=1024: want at most half" },
	{ "-l -3", "--l0=-3: want a size" },
	{ "-a 3 -l 2", "--l0=2: want at most half" },
	{ "-b 16k -l 2", "--b0=16k: want segment 0 within the 16384 bytes" },
	{ "-a 128 -p 512 -b 494 -l 20 -B 100 -L 20",
	  "--b0=494: want segment 0 within the 512 bytes" },
	{ "-b 0 -B 17k -L 9", "--b1=17k: want segment 1 within" },
	{ "-a 128 -p 512 -b 0 -l 20 -B 533 -L 20",
	  "--b1=533: want segment 1 within the 512 bytes" },
	{ "-b 100 -l 100 -B 200 -L 50",
	  "--b1=200: want segments that do not overlap: 0 ends at 200, and 1 "
	  "would begin at 150" },
	{ "-A 1024", "--addresses=1024: want virtual addresses from 0 to 1023" },
	{ "-A -2", "--addresses=-2: want virtual" },
	{ "-A -1,5", "--addresses=-1,5: want virtual" },
	{ "-A 1,,2", "--addresses=1,,2: want virtual" },
	{ "-A ''", "--addresses=: want virtual" },
	{ "-A 0x10", "--addresses=0x10: want virtual" },
	{ "-A '5 6'", "--addresses=5 6: want virtual" },
	{ "-A 1.5", "--addresses=1.5: want virtual" },
};

// One line and nothing else, exit 2.
START_TEST(segment_bad_options)
{
	enum { ROWS = sizeof bad_options / sizeof *bad_options };
	char *command, *rest;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);

	ck_assert(out != NULL);
	for (int i = 0; i < ROWS; i++)
		fprintf(out, SHEET " -c %s 2>&1; echo \"exit $?\"\n",
			bad_options[i].options);
	fclose(out);
	struct outcome got = run_shell(command);
	rest = got.out;
	for (int i = 0; i < ROWS; i++) {
		const char *line = strsep(&rest, "\n");
		const char *exit = strsep(&rest, "\n");
		ck_assert_msg(line && exit && !strcmp(exit, "exit 2") &&
				      strstr(line, bad_options[i].says) &&
				      !strncmp(line, "segment: ", 9),
			      "%s:\n%s\n%s", bad_options[i].options, line,
			      exit);
	}
	ck_assert_str_eq(rest, "");
	outcome_free(&got);
	free(command);
}
END_TEST

START_TEST(segment_spellings)
{
	static const char *const same[] = {
		" -a 2048 -p 8192 -l 700 -s 19 -n 4 -c",
		" -cs19 -a2k -p8K -l700 -n0x4",
		" --asize=2k --physmem 8k --l0 700 --seed=-19 --numaddrs=0b100 -c",
		" --as 2k --ph 8k --l0=0700 --se 19 --n 04 -c -b -1 words",
		" -s 3 -a 1m -a 2k -p 8k -l 700 -n 4 -c -s 19 -- -s 4",
		" -a 2k -p 8k -l 700 -s 19 -n 4 -c -A 3 -A -1 -B -1 -L -1",
		" -a2k -p8k -l700 -s19 -L7 -L-1 -cA '1047, 805 , 2041,592'",
	};
	char *command, *rest;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);

	ck_assert(out != NULL);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		fprintf(out, SHEET "%s | cksum\n", same[i]);
	fclose(out);
	struct outcome got = run_shell(command);
	ck_assert_str_eq(got.err, "");
	rest = got.out;
	const char *first = strsep(&rest, "\n");
	for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
		const char *line = strsep(&rest, "\n");
		ck_assert_msg(line && !strcmp(line, first), "%s is not %s",
			      same[i], same[0]);
	}
	outcome_free(&got);
	free(command);
}
END_TEST

// ## Text

#define EDGES SHEET " -a 128 -p 512 -b 0 -l 20 -B 512 -L 20 -A 19,20,107,108"

START_TEST(segment_text)
{
	struct outcome got = run_shell(EDGES);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "segment 1      grows down  base 0x00000200 (512), "
			    "limit 20\n");
	assert_has(got.out, "  VA 3: 0x0000006c (108)\n");
	assert_has(got.out, "shown with -c");
	assert_lacks(got.out, "violation\n");
	outcome_free(&got);

	got = run_shell(EDGES " -c");
	assert_has(got.out,
		   "VA 0: 0x00000013 (19)  segment 0, 0x00000013 (19)");
	assert_has(got.out, "(20)  segment 0, segmentation violation\n");
	assert_has(got.out, "(107)  segment 1, segmentation violation\n");
	assert_has(got.out, "(108)  segment 1, 0x000001ec (492)\n");
	assert_lacks(got.out, "because");
	assert_lacks(got.out, "shown with -c");
	outcome_free(&got);

	got = run_shell("LC_ALL=C " EDGES " -c --explain");
	assert_has(got.out, "because 19 is below 20; 0 + 19\n");
	assert_has(got.out, "because 20 is not below 20\n");
	assert_has(got.out, "because 107 - 128 = -21 is below -20\n");
	assert_has(got.out, "because 108 - 128 = -20 is not below -20; "
			    "512 - 20\n");
	assert_has(got.out, "8 bytes a cell\n 0  000.....");
	assert_has(got.out, "...111\n");
	outcome_free(&got);
}
END_TEST

// The course's program takes segments that end a byte or, with segment 1, all of
// its bytes too far.
START_TEST(segment_at_the_end)
{
	struct outcome got = run_shell(SHEET " -a 128 -p 512 -b 493 -l 20"
					     " -B 100 -L 20 -A 19 -c");

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "(19)  segment 0, 0x00000200 (512)\n");
	outcome_free(&got);
	got = run_shell(SHEET " -a 128 -p 512 -b 0 -l 20 -B 532 -L 20 -A 108"
			      " -c");
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "(108)  segment 1, 0x00000200 (512)\n");
	outcome_free(&got);
}
END_TEST

// A segment 1 whose base is smaller than its limit begins below 0: the course's
// program calculates on.
START_TEST(segment_below_zero)
{
	struct outcome got = run_shell(
		SHEET " -a 128 -p 512 -b 50 -l 20 -B 5 -L 20 -A 108,123 -c");

	assert_has(got.out, "(108)  segment 1, -0x0000000f (-15)\n");
	assert_has(got.out, "(123)  segment 1, 0x00000000 (0)\n");
	outcome_free(&got);
}
END_TEST

START_TEST(segment_json)
{
	char *options[] = { "-s 2 -n 2", "-s 2 -n 1 --explain", "-n 0" };
	json_t *all = segment_solutions(options, 3);
	json_t *one = json_array_get(all, 0);
	json_error_t error;
	int space, physical, seed, zero, first, second, big;
	const char *exercise, *why;

	ck_assert_msg(
		json_unpack_ex(one, &error, JSON_STRICT,
			       "{s:s, s:i, s:i, s:i, s:[{s:i, s:i, s:i, s:s!}, "
			       "{s:i, s:i, s:i, s:s!}], s:[{s:i, s:i, s:i, "
			       "s:n!}, {s:i, s:i, s:i, s:n!}]}",
			       "exercise", &exercise, "seed", &seed,
			       "address_space", &space, "physical_memory",
			       &physical, "segments", "segment", &zero, "base",
			       &big, "limit", &big, "grows", &why, "segment",
			       &zero, "base", &big, "limit", &big, "grows",
			       &why, "translations", "virtual", &first,
			       "segment", &zero, "physical", &big, "fault",
			       "virtual", &second, "segment", &zero, "physical",
			       &big, "fault") == 0,
		"%s", error.text);
	ck_assert_str_eq(exercise, "segmentation");
	ck_assert(seed == 2 && space == 1024 && physical == 16384 &&
		  first == 753 && second == 685);
	one = json_array_get(
		json_object_get(json_array_get(all, 1), "translations"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(one, "why")),
			 "753 - 1024 = -271 is not below -498; 14186 - 271");
	ck_assert_uint_eq(json_array_size(json_object_get(
				  json_array_get(all, 2), "translations")),
			  0);
	json_decref(all);
}
END_TEST

// ## Questions

static const struct {
	const char *answers, *says, *score;
	int exit;
} quizzes[] = {
	{ "0 19 0 -1 1 -1 1 492", "VA 3, 108: which segment? right\n",
	  "8 of 8 right\n", 0 },
	{ "0 19 0 40 1 -1 1 492", "-1 for a violation? wrong: it is -1.00\n",
	  "7 of 8 right\n", 1 },
	{ "0 19 1", "VA 1, 20: which segment? wrong: it is 0.00\n",
	  "2 of 3 right; the rest was not answered\n", 1 },
	{ "", "VA 0, 19: which segment?", "0 of 0 right; the rest", 1 },
};

START_TEST(segment_quiz)
{
	char command[512];

	snprintf(command, sizeof command,
		 "printf '%%s\\n' %s | " EDGES " --quiz", quizzes[_i].answers);
	if (!*quizzes[_i].answers)
		snprintf(command, sizeof command, EDGES " --quiz");
	struct outcome got = run_shell(command);
	ck_assert_int_eq(got.exit, quizzes[_i].exit);
	assert_has(got.out, quizzes[_i].says);
	assert_has(got.out, quizzes[_i].score);
	assert_lacks(got.out, "segmentation violation");
	outcome_free(&got);
}
END_TEST

START_TEST(segment_help)
{
	struct outcome got = run_shell(SHEET " --help");

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "-B, --b1=SIZE");
	assert_has(got.out, "Example: segment --ostep=segmentation");
	outcome_free(&got);
	got = run_shell(SHEET " --version");
	assert_has(got.out, "mem/segment (oslab)");
	outcome_free(&got);
	got = run(SEGMENT, "--help", NULL);
	assert_has(got.out, "--ostep=segmentation");
	outcome_free(&got);
}
END_TEST

// A full disk is a failure, a reader that leaves is none.
START_TEST(segment_output)
{
	struct outcome got = run_shell(SHEET " -c >/dev/full");

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "cannot write");
	outcome_free(&got);
	got = run_shell(SHEET " -n 100000 --format=json | head -c 1");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
	got = run_shell("$B/" SEGMENT " | head -c 1");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

void segment_usage_tests(Suite *suite)
{
	TCase *tests = tcase_create("usage");

	tcase_set_timeout(tests, 0);
	tcase_add_test(tests, segment_bad_options);
	tcase_add_test(tests, segment_spellings);
	tcase_add_test(tests, segment_text);
	tcase_add_test(tests, segment_at_the_end);
	tcase_add_test(tests, segment_below_zero);
	tcase_add_test(tests, segment_json);
	tcase_add_loop_test(tests, segment_quiz, 0,
			    sizeof quizzes / sizeof *quizzes);
	tcase_add_test(tests, segment_help);
	tcase_add_test(tests, segment_output);
	suite_add_tcase(suite, tests);
}
