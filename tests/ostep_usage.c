// # Tests of sched/sim --ostep and --quiz: options, text, questions

#define _GNU_SOURCE
#include "ostep_parts.h"

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

// ## Bad options

static const struct {
	const char *options, *says;
} bad_options[] = {
	{ "--ostep", "--ostep=: want scheduler, mlfq or lottery" },
	{ "--ostep=", "--ostep=: want scheduler, mlfq or lottery" },
	{ "--ostep=fork", "--ostep=fork: want scheduler, mlfq or lottery" },
	{ "--ostep=mlfq --ostep=fork", "--ostep=fork: want" },

	{ "--ostep=scheduler -x", "sim: -x: want an option of" },
	{ "--ostep=scheduler -cx", "sim: -cx: want an option of" },
	{ "--ostep=scheduler --cpus=2", "sim: --cpus=2: want an option of" },
	{ "--ostep=scheduler --j 3", "sim: --j: want the name of just one" },
	{ "--ostep=mlfq --m 3", "sim: --m: want the name of just one" },
	{ "--ostep=mlfq --quantumL", "--quantumList: want a value" },
	{ "--ostep=scheduler -s", "-s: want a value" },
	{ "--ostep=scheduler --seed", "--seed: want a value" },
	{ "--ostep=scheduler -l", "-l: want a value" },
	{ "--ostep=mlfq --stay=1", "--stay=1: want no value" },
	{ "--ostep=mlfq --format=xml", "--format=xml: want text or json" },
	{ "--ostep=mlfq --quiz --format=json", "want text beside --quiz" },

	{ "--ostep=scheduler -s ''", "-s=: want a whole number" },
	{ "--ostep=scheduler -s 1.5", "-s=1.5: want a whole number" },
	{ "--ostep=scheduler -s 08", "-s=08: want a whole number" },
	{ "--ostep=scheduler -s 0x", "-s=0x: want a whole number" },
	{ "--ostep=scheduler -s 0xg", "-s=0xg: want a whole number" },
	{ "--ostep=scheduler -s 0b2", "-s=0b2: want a whole number" },
	{ "--ostep=scheduler -s -0x1", "-s=-0x1: want a whole number" },
	{ "--ostep=scheduler -s -", "-s=-: want a whole number" },
	{ "--ostep=scheduler -s 18446744073709551616",
	  "want a seed from -18446744073709551615 to 18446744073709551615" },
	{ "--ostep=scheduler -j 9223372036854775808", "fits 64 bits" },

	{ "--ostep=scheduler -j 0", "--jobs=0: want a whole number from 1" },
	{ "--ostep=scheduler -j -1", "--jobs=-1: want" },
	{ "--ostep=scheduler -j 10001", "from 1 to 10000" },
	{ "--ostep=scheduler -m -1", "--maxlen=-1: want" },
	{ "--ostep=scheduler -m 100000001", "from 0 to 100000000" },
	{ "--ostep=scheduler -p RR -q 0", "--quantum=0: want" },
	{ "--ostep=scheduler -p RR -q -1", "--quantum=-1: want" },
	{ "--ostep=scheduler -p rr", "--policy=rr: want FIFO, SJF or RR" },
	{ "--ostep=scheduler -p ''", "--policy=: want FIFO, SJF or RR" },
	{ "--ostep=scheduler -l ,", "--jlist=,: want lengths" },
	{ "--ostep=scheduler -l 1,", "--jlist=1,: want lengths" },
	{ "--ostep=scheduler -l 1,a", "--jlist=1,a: want lengths" },
	{ "--ostep=scheduler -l -1", "--jlist=-1: want lengths from 0" },
	{ "--ostep=scheduler -l -0", "--jlist=-0: want lengths from 0" },
	{ "--ostep=scheduler -l nan", "--jlist=nan: want lengths" },
	{ "--ostep=scheduler -l inf", "--jlist=inf: want lengths" },
	{ "--ostep=scheduler -l 0x10", "--jlist=0x10: want lengths" },
	{ "--ostep=scheduler -l 1e99", "to 100000000" },
	{ "--ostep=scheduler -l 1:2", "--jlist=1:2: want lengths" },
	{ "--ostep=scheduler -p RR -l 1000001", "more than 1000000 turns" },
	{ "--ostep=scheduler -p RR -l 900000,900000",
	  "more than 1000000 turns" },

	{ "--ostep=mlfq -j 0", "--numJobs=0: want" },
	{ "--ostep=mlfq -m 0", "--maxlen=0: want" },
	{ "--ostep=mlfq -M -1", "--maxio=-1: want" },
	{ "--ostep=mlfq -n 0", "--numQueues=0: want a whole number from 1" },
	{ "--ostep=mlfq -n 65", "from 1 to 64" },
	{ "--ostep=mlfq -i -1", "--iotime=-1: want" },
	{ "--ostep=mlfq -q 99999999999", "--quantum=99999999999: want" },
	{ "--ostep=mlfq -Q 1,,2", "--quantumList=1,,2: want a quantum" },
	{ "--ostep=mlfq -Q 1.5", "--quantumList=1.5: want a quantum" },
	{ "--ostep=mlfq -Q $(printf '1,%.0s' $(seq 64))1", "at most 64" },
	{ "--ostep=mlfq -A 1,1", "as many allotments as there are queues: 3" },
	{ "--ostep=mlfq -A 1,0,1", "--allotmentList=1,0,1: want" },
	{ "--ostep=mlfq -A 1,x,1", "--allotmentList=1,x,1: want" },
	{ "--ostep=mlfq -l 0,5", "--jlist=0,5: want start,run,io" },
	{ "--ostep=mlfq -l 0,5,0,0", "--jlist=0,5,0,0: want start,run,io" },
	{ "--ostep=mlfq -l 0,5,0:", "--jlist=0,5,0:: want start,run,io" },
	{ "--ostep=mlfq -l -1,5,0", "--jlist=-1,5,0: want start,run,io" },
	{ "--ostep=mlfq -l 0,0,0", "run from 1" },
	{ "--ostep=mlfq -l 0,5,-1", "--jlist=0,5,-1: want start,run,io" },
	{ "--ostep=mlfq -l 0,1000001,0", "run from 1 to 1000000" },
	{ "--ostep=mlfq -l 1000000,1,0", "want at most 1000000 ticks" },
	{ "--ostep=mlfq -l 0,1000,1 -i 1001", "want at most 1000000 ticks" },
	{ "--ostep=mlfq -l 0,9,1 -i 9223372036854775807",
	  "want at most 1000000 ticks" },
	{ "--ostep=mlfq -j 10000 -m 10000", "want at most 1000000 ticks" },

	{ "--ostep=lottery -j 0", "--jobs=0: want" },
	{ "--ostep=lottery -m 1", "--maxlen=1: want a whole number from 2" },
	{ "--ostep=lottery -m -5", "--maxlen=-5: want" },
	{ "--ostep=lottery -T 1", "--maxticket=1: want a whole number from 2" },
	{ "--ostep=lottery -q 0", "--quantum=0: want" },
	{ "--ostep=lottery -q -1", "--quantum=-1: want" },
	{ "--ostep=lottery -l 5", "--jlist=5: want length:tickets" },
	{ "--ostep=lottery -l 5:5:5", "--jlist=5:5:5: want length:tickets" },
	{ "--ostep=lottery -l 5:0", "tickets from 1" },
	{ "--ostep=lottery -l 5:4294967296", "tickets from 1 to 4294967295" },
	{ "--ostep=lottery -l -5:5", "--jlist=-5:5: want length:tickets" },
	{ "--ostep=lottery -l 1000001:1", "want at most 1000000" },
	{ "--ostep=lottery -m 99999999 -j 100", "want at most 1000000" },
};

enum { BAD_OPTIONS = sizeof bad_options / sizeof *bad_options };

// One line and nothing else, exit 2; also when the answers were asked for.
START_TEST(ostep_bad_options)
{
	char *command, *rest;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);

	ck_assert(out != NULL);
	for (int i = 0; i < BAD_OPTIONS; i++)
		fprintf(out, "$B/" SIM " -c %s 2>&1; echo \"exit $?\"\n",
			bad_options[i].options);
	fclose(out);
	struct outcome got = run_shell(command);
	rest = got.out;
	for (int i = 0; i < BAD_OPTIONS; i++) {
		const char *line = strsep(&rest, "\n");
		const char *exit = strsep(&rest, "\n");
		ck_assert_msg(line && exit && !strcmp(exit, "exit 2") &&
				      strstr(line, bad_options[i].says) &&
				      !strncmp(line, "sim: ", 5),
			      "%s:\n%s\n%s", bad_options[i].options, line,
			      exit);
	}
	ck_assert_str_eq(rest, "");
	outcome_free(&got);
	free(command);
}
END_TEST

// ## Spellings

static void expect_same(const char *const commands[], size_t n)
{
	char *command, *rest;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);

	ck_assert(out != NULL);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "$B/" SIM " %s | cksum\n", commands[i]);
	fclose(out);
	struct outcome got = run_shell(command);
	ck_assert_str_eq(got.err, "");
	rest = got.out;
	const char *first = strsep(&rest, "\n");
	for (size_t i = 1; i < n; i++) {
		const char *line = strsep(&rest, "\n");
		ck_assert_msg(line && !strcmp(line, first), "%s is not %s",
			      commands[i], commands[0]);
	}
	outcome_free(&got);
	free(command);
}

START_TEST(ostep_spellings)
{
	static const char *const scheduler[] = {
		"--ostep=scheduler -p RR -q 3 -s 5 -j 4 -c",
		"--ostep scheduler -p RR -q 3 -s 5 -j 4 -c",
		"-pRR -q3 -s5 -j4 -c --ostep=scheduler",
		"-c -p RR --ostep scheduler -q 3 -s 5 -j 4",
		"--ostep=mlfq --ostep=scheduler -cpRR -q03 -s0x5 -j0b100",
		"--ostep=scheduler --policy=RR --quantum=3 --seed=5 --jobs=4 -c",
		"--ostep=scheduler --policy RR --quantum 3 --seed 5 --jobs 4 -c",
		"--ostep=scheduler --p RR --q 3 --s 5 --jo 4 -c",
		"--ostep=scheduler -s 9 -s 5 -p SJF -p RR -q 3 -j 7 --jobs=4 -c",
		"some --ostep=scheduler words -p RR - -q 3 here -s 5 -j 4 -c x",
		"--ostep=scheduler -p RR -q 3 -s -5 -j 4 -c -- -s 6 --help",
		"--ostep=scheduler -p RR -q 3 -s +5 -j 4 -c -l ''",
		"--ostep=scheduler --format=text -p RR -q 3 -s 5 -j 4 -c",
		"--format json --format text --ostep=scheduler -pRR -q3 -s5 -cj4",
	};
	static const char *const mlfq[] = {
		"--ostep=mlfq -Q 5,10 -A 2,1 -S -I -B 20 -i 3 -M 4 -c",
		"--ostep=mlfq --quantumList=5,10 --allotmentList=2,1 --stay "
		"--iobump --boost=20 --iotime=3 --maxio=4 -c",
		"--ostep=mlfq --quantumL 5,10 --allotmentL 2,1 --st --iob "
		"--b 20 --iot 3 --maxi 4 -c",
		"--ostep=mlfq -SIcQ ' 5 , 10' -A2,1 -B20 -i3 -M4",
		"--ostep=mlfq -SI -Q 5,10 -A 2,1 -B 20 -i 3 -M 4 -c"
		" --quantum 7 --numQ 9",
	};
	static const char *const lottery[] = {
		"--ostep=lottery -T 20 -m 5 -c --explain",
		"--explain --ostep=lottery --maxticket=20 --maxlen=5 --compute",
		"--ostep=lottery --maxt 20 --expl --maxl 5 --c",
	};

	expect_same(scheduler, sizeof scheduler / sizeof *scheduler);
	expect_same(mlfq, sizeof mlfq / sizeof *mlfq);
	expect_same(lottery, sizeof lottery / sizeof *lottery);
}
END_TEST

// ## Text

static struct outcome ostep(const char *options)
{
	char command[512];

	snprintf(command, sizeof command, "$B/" SIM " %s", options);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0 && !*got.err, "%s: exit %d\n%s", options,
		      got.exit, got.err);
	return got;
}

// Without -c the exercise and no answer to it; the same exercise with -c. JSON
// holds the answers in any case.
START_TEST(ostep_answers_with_c)
{
	static const char *const exercises[][3] = {
		// options, task, answer
		{ "--ostep=scheduler -p RR -l 3,1.5", "job 1 runs for 1.5",
		  "2.00  job 0 runs for 1.00" },
		{ "--ostep=mlfq -s 8 -m 60", "job 2 starts at 0, runs for 6",
		  "job 2 runs in queue 2 until 19" },
		{ "--ostep=lottery -s 3", "259354   234331",
		  "ticket 88 of 120: job 1 wins" },
	};
	static const char *const ours[] = { "", "--explain", "--steps" };

	for (size_t i = 0; i < sizeof exercises / sizeof *exercises; i++) {
		char options[256];
		for (int k = 0; k < 3; k++) {
			snprintf(options, sizeof options, "%s %s",
				 exercises[i][0], ours[k]);
			struct outcome got = ostep(options);
			assert_has(got.out, exercises[i][1]);
			assert_lacks(got.out, exercises[i][2]);
			assert_lacks(got.out, "\nmean ");
			outcome_free(&got);
		}
		snprintf(options, sizeof options, "%s -c", exercises[i][0]);
		struct outcome got = ostep(options);
		assert_has(got.out, exercises[i][1]);
		assert_has(got.out, exercises[i][2]);
		assert_has(got.out, "\nmean ");
		outcome_free(&got);
	}
}
END_TEST

// Two digits, and SJF in the order of running.
START_TEST(ostep_text_tables)
{
	struct outcome got = ostep("--ostep=scheduler -p SJF -l 2.125,1 -c");

	assert_has(got.out, "0.00  job 1 runs for 1.00 and is done at 1.00\n");
	assert_has(got.out, "1.00  job 0 runs for 2.12 and is done at 3.12\n");
	assert_has(got.out, "\n1               0.00        1.00        0.00"
			    "\n0               1.00        3.12        1.00"
			    "\nmean            0.50        2.06        0.50\n");
	outcome_free(&got);

	got = ostep("--ostep=lottery -l 0:1,1:1 -c");
	assert_has(got.out, "\n1                  -           -           -\n");
	assert_has(got.out, "mean               -           -           -\n");
	outcome_free(&got);
}
END_TEST

START_TEST(ostep_steps_and_reasons)
{
	static const char *const rows[][3] = {
		{ "--ostep=scheduler -p SJF -l 2,1,1 -c --explain",
		  "the shortest of 3 that have not run, with 1; job 2 is as "
		  "short, but stands behind it",
		  "the shortest of 1 that have not run, with 2\n" },
		{ "--ostep=scheduler -p FIFO -l 2,1 -c --explain",
		  "the first in the list of 2", "the first in the list of 1" },
		{ "--ostep=scheduler -p RR -l 1,2 -c --explain --steps",
		  "what is left of it fits the quantum\n              then 1\n",
		  "the only one left" },
		{ "--ostep=lottery -l 2:1,2:3 -c --explain",
		  "844422 mod 4 is ticket 2, and 1 to 3 are job 1's",
		  "258917 mod 1 is ticket 0, and 0 to 0 are job 0's" },
		{ "--ostep=lottery -l 3:1,2:3 -q 2 -c --steps",
		  "job 0: left 3, tickets 1; job 1: left 2, tickets 3",
		  "job 0: left 1, tickets 1; job 1: left 0, tickets 0" },
		{ "--ostep=mlfq -l 0,4,0:0,2,0 -q 2 -n 2 -c --explain",
		  "job 0 has used up its slice and its allotment: down to "
		  "queue 0",
		  "job 1 is alone in queue 1, the highest that is not empty (1 "
		  "there, 1 below)" },
		{ "--ostep=mlfq -l 1,3,2 -i 2 -q 3 -B 2 -c --steps",
		  "       0  idle\n       1  job 0 starts\n"
		  "       1  job 0 runs in queue 2; left: slice 2, slices 1, "
		  "run 2\n"
		  "       2  boost: all to queue 2\n"
		  "       2  job 0 runs in queue 2; left: slice 2, slices 1, "
		  "run 1\n"
		  "       3  job 0 waits for I/O until 5\n"
		  "       3  idle\n       4  boost: all to queue 2\n"
		  "       4  idle\n       5  job 0 is back from I/O\n",
		  "       6  job 0 is done\n" },
		{ "--ostep=mlfq -l 0,3,1 -i 3 -c", "       1  idle\n",
		  "       4  job 0 is back from I/O\n"
		  "       4  job 0 runs in queue 2 until 5\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome got = ostep(rows[i][0]);
		assert_has(got.out, rows[i][1]);
		assert_has(got.out, rows[i][2]);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(ostep_json)
{
	json_t *solution = ostep_solution("lottery -l 2:1,2:3 --explain");
	const json_t *slice = json_array_get(member(solution, "slices"), 1);
	const char *why = json_string_value(member(slice, "why"));

	ck_assert_str_eq(json_string_value(member(solution, "policy")),
			 "lottery");
	ck_assert_str_eq(why,
			 "757955 mod 4 is ticket 3, and 1 to 3 are job 1's");
	ck_assert_str_eq(json_string_value(member(slice, "job")), "1");
	ck_assert_double_eq(number_of(slice, "cpu"), 0);
	ck_assert_double_eq(number_of(slice, "start"), 1);
	ck_assert_double_eq(number_of(slice, "end"), 2);
	const json_t *job = json_array_get(member(solution, "jobs"), 0);
	ck_assert_double_eq(number_of(job, "switches"), 1);
	json_decref(solution);
	solution = ostep_solution("scheduler -p RR -l 2,2");
	slice = json_array_get(member(solution, "slices"), 0);
	ck_assert(!json_object_get(slice, "why"));
	job = json_array_get(member(solution, "jobs"), 1);
	ck_assert_double_eq(number_of(job, "switches"), 2);
	json_decref(solution);
}
END_TEST

START_TEST(ostep_help)
{
	struct outcome got = ostep("--ostep=mlfq -h");
	struct outcome long_one = ostep("--help --ostep mlfq -j 0");

	assert_has(got.out, "-Q, --quantumList=");
	assert_has(got.out, ", and:\n  run, io (of a job), ticks (");
	assert_has(got.out, "--quiz");
	ck_assert_str_eq(got.out, long_one.out);
	outcome_free(&got);
	outcome_free(&long_one);
	got = ostep("--ostep=lottery --help");
	assert_has(got.out, "-T, --maxticket=");
	assert_lacks(got.out, "quantumList");
	outcome_free(&got);
	got = ostep("--ostep=scheduler --version");
	assert_has(got.out, "sched/sim (oslab)");
	outcome_free(&got);
}
END_TEST

// A full disk is a failure, a reader that leaves is none.
START_TEST(ostep_output)
{
	struct outcome got = run_shell("$B/" SIM " --ostep=mlfq -c >/dev/full");

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "cannot write");
	outcome_free(&got);
	got = run_shell("$B/" SIM " --ostep=mlfq -l 0,200000,0 --format=json |"
			" head -c 1");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

// ## Questions

// RR, lengths 3 and 1.5, quantum 1: 0 0-1, 1 1-2, 0 2-3, 1 3-3.5, 0 3.5-4.5.
#define RR_QUIZ "$B/" SIM " --ostep=scheduler -p RR -l 3,1.5 --quiz"

static const struct {
	const char *answers, *command, *says, *score;
	int exit;
} quizzes[] = {
	{ "0 4.5 1.5 1 3.5 2 .5 4 1.75", RR_QUIZ,
	  "mean response time? a number, such as 7, 2.5 or 7/3? wrong: it is "
	  "0.50\n", "6 of 8 right; the rest was not answered\n", 1 },
	{ "0 4.5 1.5 1 3.5 2 0.5 4 1.75", RR_QUIZ,
	  "job 1: waiting time? right\nmean response time? right\n",
	  "9 of 9 right\n", 0 },
	{ "0 9/2 3/2 1 7/2 2 1/2 4.00 7/4", RR_QUIZ, "right",
	  "9 of 9 right\n", 0 },
	{ "0 4.5 1.5 1 3.5 2 0.5 4 1.76", RR_QUIZ,
	  "mean waiting time? wrong: it is 1.75\n", "8 of 9 right\n", 1 },
	{ "0 4.5 1.5 1 3.5 2 0.5 4 -1.75", RR_QUIZ, "wrong: it is 1.75",
	  "8 of 9 right\n", 1 },
	{ "0 4.5", RR_QUIZ, "job 0: waiting time? \n",
	  "2 of 2 right; the rest was not answered\n", 1 },
	{ "", RR_QUIZ, "job 0: response time?",
	  "0 of 0 right; the rest was not answered\n", 1 },
	{ "0 what 1/0 4.5 1.5 1 3.5 2 0.5 4 1.75", RR_QUIZ,
	  "a number, such as 7, 2.5 or 7/3? right", "9 of 9 right\n", 0 },
	{ "a b c 4.5 1.5 1 3.5 2 0.5 4 1.75", RR_QUIZ, "wrong: it is 0.00",
	  "8 of 9 right\n", 1 },
	// 2.125 to two digits: rounded up, rounded to even
	{ "0 1 0 1 2 1 2 2.125 2 1 1.7083 1",
	  "$B/" SIM " --ostep=scheduler -l 1,1,0.125 --quiz", "right",
	  "12 of 12 right\n", 0 },
	{ "0 1 0 1 2 1 2 2.13 2 1 1.71 1",
	  "$B/" SIM " --quiz --ostep=scheduler -l 1,1,0.125", "right",
	  "12 of 12 right\n", 0 },
	{ "0 1 0 1 2 1 2 2.12 2 1 1.71 1",
	  "$B/" SIM " --quiz --ostep=scheduler -l 1,1,0.125", "right",
	  "12 of 12 right\n", 0 },
	// winners first
	{ "1 1 0 0 2 4 2 0 2 0 1 3 1",
	  "$B/" SIM " --ostep=lottery -l 2:1,2:3 --quiz",
	  "round 1, random 844422: which job wins? right", "13 of 13 right\n",
	  0 },
	{ "1 0 0 0 2 4 2 0 2 0 1 3 1",
	  "$B/" SIM " --ostep=lottery -l 2:1,2:3 --quiz",
	  "round 2, random 757955: which job wins? wrong: it is 1",
	  "12 of 13 right\n", 1 },
	{ "0 6 0 4 8 4 2 7 2",
	  "$B/" SIM " --ostep=mlfq -l 0,6,0:2,4,0 -q 6 -n 2 --quiz", "right",
	  "9 of 9 right\n", 0 },
};

enum { QUIZZES = sizeof quizzes / sizeof *quizzes };

// An answer a line, from a pipe.
START_TEST(ostep_quiz)
{
	char command[512];

	snprintf(command, sizeof command, "printf '%%s\\n' %s | %s",
		 quizzes[_i].answers, quizzes[_i].command);
	if (!*quizzes[_i].answers)
		snprintf(command, sizeof command, "%s </dev/null",
			 quizzes[_i].command);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == quizzes[_i].exit, "%s: exit %d\n%s", command,
		      got.exit, got.out);
	assert_has(got.out, quizzes[_i].says);
	assert_has(got.out, quizzes[_i].score);
	assert_lacks(got.out, "-c, asked");
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

// What never ends, or is no text, ends all the same.
START_TEST(ostep_quiz_odd_input)
{
	static const char *const inputs[] = {
		"yes", "yes ''", "cat /dev/zero", "tr '\\0' x </dev/zero",
		"printf 1", "head -c 5000 /dev/urandom",
	};

	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		char command[256];
		snprintf(command, sizeof command, "%s 2>/dev/null | %s",
			 inputs[i], RR_QUIZ);
		struct outcome got = run_shell(command);
		ck_assert_int_eq(got.exit, 1);
		assert_has(got.out, " right");
		outcome_free(&got);
	}
}
END_TEST

// The answers follow where they are asked for, and an empty line is an answer.
START_TEST(ostep_quiz_then_answers)
{
	struct outcome got = run_shell("yes '' | " RR_QUIZ " -c");

	assert_has(got.out, "job 0: turnaround time? it is 4.50\n");
	assert_has(got.out, "0 of 9 right\n\n        0.00  job 0 runs");
	outcome_free(&got);
	got = run_shell("yes '' | " RR_QUIZ);
	assert_lacks(got.out, "0.00  job 0 runs");
	outcome_free(&got);
}
END_TEST

// The same for the ordinary simulator. A: 0-30, B: 30-40, fifo, in ms.
START_TEST(quiz_of_the_simulator)
{
	static const char jobs[] =
		"f=$(mktemp); printf 'A 0 30\\nB 5 5,2500us,5\\n' >$f; ";
	char command[512];

	snprintf(command, sizeof command,
		 "%s printf '%%s\\n' 0 30 0 25 37.5 25 12.5 33.75 12.5 |"
		 " $B/" SIM " --quiz --policy=fifo $f; s=$?; rm $f; exit $s",
		 jobs);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	assert_has(got.out,
		   "B arrives at 5 and runs 5, waits 2.5, runs 5 ms\n");
	assert_has(got.out, "A: turnaround time in ms? right\n");
	assert_has(got.out, "9 of 9 right\n");
	outcome_free(&got);
	snprintf(command, sizeof command,
		 "%s printf '%%s\\n' 0 31 |"
		 " $B/" SIM " --quiz --policy=fifo $f; s=$?; rm $f; exit $s",
		 jobs);
	got = run_shell(command);
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "wrong: it is 30.00\n");
	assert_has(got.out, "1 of 2 right; the rest was not answered\n");
	outcome_free(&got);
}
END_TEST

void ostep_usage_tests(Suite *suite)
{
	TCase *tests = tcase_create("usage");

	tcase_add_test(tests, ostep_bad_options);
	tcase_add_test(tests, ostep_spellings);
	tcase_add_test(tests, ostep_answers_with_c);
	tcase_add_test(tests, ostep_text_tables);
	tcase_add_test(tests, ostep_steps_and_reasons);
	tcase_add_test(tests, ostep_json);
	tcase_add_test(tests, ostep_help);
	tcase_add_test(tests, ostep_output);
	tcase_add_loop_test(tests, ostep_quiz, 0, QUIZZES);
	tcase_add_test(tests, ostep_quiz_odd_input);
	tcase_add_test(tests, ostep_quiz_then_answers);
	tcase_add_test(tests, quiz_of_the_simulator);
	suite_add_tcase(suite, tests);
}
