// # Tests of mem/replace --ostep=paging-policy
//
// tests/data/ostep/ holds public test data of this project: what the course's
// program printed (ostep-homework, commit 6c6cfc7, run with Python 3.11), as facts
// and not as text: access: [page, HIT or MISS, victim or null]; memory: the list
// after each; hits, misses, hitrate. Larger exercises are solved here once more,
// in the most naive way.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/policy/policy.h"
#include "python_random.h"
#include "random.h"
#include "replace_parts.h"

#define SHEET REPLACE "--ostep="
#define PAGING REPLACE "--ostep=paging-policy "

static json_t *sheet_json(const char *command)
{
	char with[600];
	json_error_t error;

	snprintf(with, sizeof with, "%s --format=json", command);
	struct outcome got = run_shell(with);
	ck_assert_msg(got.exit == 0 && !*got.err, "%s: exit %d\n%s", command,
		      got.exit, got.err);
	json_t *array = json_loads(got.out, 0, &error);
	ck_assert_msg(json_array_size(array) == 1, "%s: %s", command,
		      error.text);
	json_t *sheet = json_incref(json_array_get(array, 0));
	json_decref(array);
	outcome_free(&got);
	return sheet;
}

// ## The worked cases

static const char *const replace_cases[] = {
	"13-page-fifo", "14-page-lru", "15-page-opt-ties", "16-page-rand",
	"17-page-fifo-belady-3", "18-page-fifo-belady-4", "19-page-mru",
	"20-page-unopt",
};

static void same_step(const json_t *access, const json_t *memory,
		      const json_t *step, const char *name, size_t i)
{
	json_t *found = json_pack(
		"[O, s, O]", replace_member(step, "page"),
		json_is_true(replace_member(step, "hit")) ? "HIT" : "MISS",
		replace_member(step, "victim"));

	ck_assert_msg(json_equal(found, access), "%s: step %zu", name, i);
	ck_assert_msg(json_equal(replace_member(step, "memory"), memory),
		      "%s: memory after step %zu", name, i);
	json_decref(found);
}

START_TEST(replace_ostep_case)
{
	const char *name = replace_cases[_i];
	char path[300], options[256], command[400];
	size_t i;
	const json_t *access;

	snprintf(path, sizeof path, "%s/tests/data/ostep/%s.json",
		 source_folder(), name);
	json_t *facts = json_load_file(path, 0, NULL);
	snprintf(path, sizeof path, "%s/tests/data/ostep/%s.cmd",
		 source_folder(), name);
	FILE *file = fopen(path, "re");
	ck_assert(facts && file && fgets(options, sizeof options, file));
	fclose(file);
	options[strcspn(options, "\n")] = '\0';
	snprintf(command, sizeof command, SHEET "%s", options);
	json_t *sheet = sheet_json(command);
	const json_t *steps = replace_member(sheet, "steps");

	json_array_foreach(replace_member(facts, "access"), i, access)
		same_step(access,
			  json_array_get(replace_member(facts, "memory"), i),
			  json_array_get(steps, i), name, i);
	ck_assert_uint_eq(json_array_size(steps), i);
	ck_assert_double_eq(replace_number(sheet, "hits"),
			    replace_number(facts, "hits"));
	ck_assert_double_eq(replace_number(sheet, "faults"),
			    replace_number(facts, "misses"));
	ck_assert_double_eq(replace_number(sheet, "hitrate"),
			    replace_number(facts, "hitrate"));
	json_decref(sheet);
	json_decref(facts);
}
END_TEST

// ## Naively

enum { NAIVE_MOST = 400 };

static const char *const names[] = { "FIFO", "LRU",   "MRU",
				     "OPT",  "UNOPT", "RAND" };
static const char *const houses[] = { "fifo", "lru",   "mru",
				      "opt",  "unopt", "random" };

struct naive {
	int n, frames;
	long page[NAIVE_MOST];
	struct python_random random;
};

static int next_of(const struct naive *x, int from, long page)
{
	for (int i = from + 1; i < x->n; i++)
		if (x->page[i] == page)
			return i;
	return x->n;
}

static int naive_victim(struct naive *x, int policy, int at, const long *list,
			int count)
{
	int best = 0;

	if (policy < 2)
		return 0;
	if (policy == 2)
		return count - 1;
	if (policy == 5)
		return (int)(python_random_real(&x->random) * count);
	for (int i = 1; i < count; i++) {
		int mine = next_of(x, at, list[i]);
		int other = next_of(x, at, list[best]);
		if (policy == 3 ? mine >= other : mine < other)
			best = i;
	}
	return best;
}

// Plays it beside the program's steps.
static void naive_play(struct naive *x, int policy, const json_t *steps,
		       const char *command)
{
	long list[NAIVE_MOST];
	int count = 0;

	for (int i = 0; i < x->n; i++) {
		const json_t *step = json_array_get(steps, (size_t)i);
		const json_t *memory = replace_member(step, "memory");
		long left = -1;
		int at = 0;
		while (at < count && list[at] != x->page[i])
			at++;
		bool hit = at < count;
		if (!hit && count == x->frames) {
			at = naive_victim(x, policy, i, list, count);
			left = list[at];
		}
		if (left >= 0 || (hit && (policy == 1 || policy == 2))) {
			count--;
			memmove(list + at, list + at + 1,
				(size_t)(count - at) * sizeof *list);
			list[count++] = x->page[i];
		} else if (!hit) {
			list[count++] = x->page[i];
		}
		const json_t *victim = replace_member(step, "victim");
		ck_assert_msg(
			replace_number(step, "page") == (double)x->page[i] &&
				json_is_true(replace_member(step, "hit")) ==
					hit &&
				(left < 0 ? json_is_null(victim)
					  : json_integer_value(victim) == left),
			"%s: step %d", command, i);
		ck_assert_msg(json_array_size(memory) == (size_t)count,
			      "%s: memory after step %d", command, i);
		for (int k = 0; k < count; k++)
			ck_assert_msg(json_integer_value(json_array_get(
					      memory, (size_t)k)) == list[k],
				      "%s: memory after step %d", command, i);
	}
}

START_TEST(replace_ostep_naively)
{
	struct random random = { 40 + (uint64_t)_i };
	int rounds = soaking() ? 500 : 12;

	for (int round = 0; round < rounds; round++) {
		struct naive x = {
			.n = 1 + (int)random_below(&random, NAIVE_MOST),
			.frames = 1 + (int)random_below(&random, 12),
		};
		uint64_t seed = random_next(&random) >>
				random_below(&random, 64);
		int most = 1 + (int)random_below(&random, 30);
		char command[300];
		snprintf(command, sizeof command,
			 PAGING "-s %llu -n %d -m %d -C %d -p %s -c",
			 (unsigned long long)seed, x.n, most, x.frames,
			 names[_i]);
		x.random = python_random_seeded(seed);
		for (int i = 0; i < x.n; i++)
			x.page[i] =
				(long)(most * python_random_real(&x.random));
		json_t *sheet = sheet_json(command);
		ck_assert_str_eq(
			json_string_value(replace_member(sheet, "policy")),
			houses[_i]);
		naive_play(&x, _i, replace_member(sheet, "steps"), command);
		json_decref(sheet);
	}
}
END_TEST

// The house's policies come to the same faults on the same references; for FIFO,
// LRU and MRU also to the same victims.
START_TEST(replace_ostep_and_the_house)
{
	char command[900], string[400] = "";
	size_t i;
	const json_t *step;

	if (_i == 5)
		return;
	snprintf(command, sizeof command, PAGING "-s 7 -n 120 -m 9 -C 4 -p %s",
		 names[_i]);
	json_t *sheet = sheet_json(command);
	const json_t *steps = replace_member(sheet, "steps");
	json_array_foreach(steps, i, step)
		sprintf(string + strlen(string), "%s%d", i ? "," : "",
			(int)replace_number(step, "page"));
	snprintf(command, sizeof command,
		 "--steps --frames=4 --policy=%s --string=%s", houses[_i],
		 string);
	json_t *array = replace_json("", command);
	const json_t *run = json_array_get(array, 0);
	ck_assert_double_eq(replace_number(run, "faults"),
			    replace_number(sheet, "faults"));
	json_array_foreach(steps, i, step) if (_i < 3) ck_assert(json_equal(
		replace_member(step, "victim"),
		replace_member(json_array_get(replace_member(run, "steps"), i),
			       "victim")));
	json_decref(array);
	json_decref(sheet);
}
END_TEST

// ## The command line

START_TEST(replace_ostep_spellings)
{
	static const char *const same[] = {
		PAGING "-s 5 -n 12 -m 8 -C 4 -p LRU -c",
		REPLACE "--ostep paging-policy -s5 -n12 -m8 -C4 -pLRU -c",
		REPLACE "-cs5 -n 12 -m 8 -C 4 -p LRU --ostep=paging-policy",
		PAGING "--seed=5 --numaddrs=12 --maxpage=8 --cachesize=4 "
		       "--policy=LRU --compute",
		PAGING "--s 5 --n 12 --notr --m 8 --ca 4 --p LRU --co "
		       "2>/dev/null || " PAGING
		       "--s 5 --nu 12 --m 8 --ca 4 --p LRU --co",
		PAGING "-s -5 -n 012 -m 08 -C 4 -p FIFO -p LRU -c -b 0x3",
		PAGING "words -s 5 -n 12 - -m 8 -C 4 -p LRU -c -a -1 more",
		PAGING "-s 5 -n 12 -m 8 -C 4 -p LRU -c -- -n 3",
		PAGING "-s +5 -n 12 -m 8 -C 4 -p LRU -c -f ''",
	};
	struct outcome first = run_shell(same[0]);

	ck_assert_int_eq(first.exit, 0);
	for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
		struct outcome got = run_shell(same[i]);
		if (i != 4)
			ck_assert_msg(!strcmp(got.out, first.out), "%s\n%s%s",
				      same[i], got.out, got.err);
		outcome_free(&got);
	}
	outcome_free(&first);
}
END_TEST

// Lists and files of references draw nothing: RAND's first number is the seed's.
START_TEST(replace_ostep_lists_and_files)
{
	static const char commands[] =
		"d=$(mktemp -d); printf '1\\n 2 \\n03\\n4\\n-5\\n1\\n' >$d/f; "
		"cd $d; r=\"$B/mem/replace --ostep=paging-policy -c -p RAND "
		"-C 2 --format=json\"; "
		"$r -a '1, 2,3,4,-5,1' >a; $r -f f >b; $r -a 9,9 -f f >c; "
		"cmp a b && cmp a c && cat a; s=$?; rm -r $d; exit $s";
	struct outcome got = run_shell(commands);

	ck_assert_msg(got.exit == 0, "%s", got.err);
	// 0.844 of 2 is place 1; 0.757 too; 0.42 is 0; 0.258 is 0
	assert_has(got.out, "{\"page\": 3, \"hit\": false, \"victim\": 2, "
			    "\"memory\": [1, 3]}");
	assert_has(got.out, "{\"page\": 4, \"hit\": false, \"victim\": 3, "
			    "\"memory\": [1, 4]}");
	assert_has(got.out, "{\"page\": -5, \"hit\": false, \"victim\": 1, "
			    "\"memory\": [4, -5]}");
	assert_has(got.out, "{\"page\": 1, \"hit\": false, \"victim\": 4, "
			    "\"memory\": [-5, 1]}");
	outcome_free(&got);
}
END_TEST

static const struct {
	const char *arguments, *says;
} replace_ostep_bad[] = {
	{ "-p CLOCK", "-p=CLOCK: want FIFO, LRU, MRU, OPT, UNOPT or RAND: what "
		      "that program calls CLOCK picks pages by chance" },
	{ "-p fifo", "-p=fifo: want FIFO, LRU, MRU, OPT, UNOPT or RAND\n" },
	{ "-p LFU", "-p=LFU: want FIFO" },
	{ "-C 0", "-C=0: want a whole number from 1" },
	{ "-C -1", "-C=-1: want" },
	{ "-n 0", "-n=0: want a whole number from 1" },
	{ "-n 0x10", "-n=0x10: want" },
	{ "-n 100001", "to 100000" },
	{ "-m x", "-m=x: want" },
	{ "-s 1.5", "-s=1.5: want a seed" },
	{ "-s ''", "want a seed" },
	{ "-s 18446744073709551616", "want a seed" },
	{ "-b x", "-b=x: want a whole number" },
	{ "-a ''", "-a=: want page numbers with commas between" },
	{ "-a 1,,2", "-a=1,,2: want page numbers" },
	{ "-a 1,x", "-a=1,x: want page numbers" },
	{ "-a 0x1", "-a=0x1: want page numbers" },
	{ "-f /no/such", "-f=/no/such: No such file" },
	{ "-f /dev/null", "want a file with a page number a line" },
	{ "-f /", "Is a directory" },
	{ "-z", "-z: want an option" },
	{ "-n", "-n: want a value" },
	{ "--quiz --format=json", "want text beside --quiz" },
	{ "--ostep=malloc", "--ostep=malloc: want" },
	{ "--a 1", "just one option" },
};

START_TEST(replace_ostep_bad_options)
{
	char command[300];

	snprintf(command, sizeof command, PAGING "%s",
		 replace_ostep_bad[_i].arguments);
	struct outcome got = run_shell(command);
	replace_refused(&got, command, replace_ostep_bad[_i].says);
	outcome_free(&got);
}
END_TEST

START_TEST(replace_ostep_bad_file)
{
	struct outcome got = run_shell(
		"d=$(mktemp -d); printf '1\\n2\\n\\n4\\n' >$d/f; cd $d; "
		"$B/mem/replace --ostep=paging-policy -f f; s=$?; rm -r $d; "
		"exit $s");

	replace_refused(&got, "-f", "f:3: want a page number");
	outcome_free(&got);
}
END_TEST

// ## Text

START_TEST(replace_ostep_text)
{
	struct outcome got = run_shell(PAGING);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "FIFO, 3 frames; seed 0\n\n"
			    "references: 8 7 4 2 5 4 7 3 4 5\n");
	assert_lacks(got.out, "hits");
	outcome_free(&got);
	got = run_shell(PAGING "-c");
	assert_has(got.out, "     2  miss       8       0       4  7 4 2\n");
	assert_has(got.out, "1 hits, 9 misses, hit rate 10.00 %\n");
	outcome_free(&got);
	got = run_shell(PAGING "-c -N");
	assert_lacks(got.out, "miss ");
	assert_has(got.out, "1 hits, 9 misses, hit rate 10.00 %\n");
	outcome_free(&got);
	for (int i = 0; i < 6; i++) {
		char command[200];
		snprintf(command, sizeof command,
			 PAGING "-c --explain -n 60 -p %s -C 12 -m 15 -s %d",
			 names[i], i);
		got = run_shell(command);
		assert_has(got.out, " leaves: ");
		char *rest = got.out;
		for (char *line; (line = strsep(&rest, "\n"));)
			ck_assert_msg(strlen(line) <= 80, "'%s'", line);
		outcome_free(&got);
	}
	got = run_shell(PAGING "--help");
	assert_has(got.out, "-C, --cachesize=N");
	assert_has(got.out, "Example: replace --ostep=paging-policy");
	outcome_free(&got);
}
END_TEST

// FIFO, two frames, 1 2 1 3: three misses, a hit, 1 leaves
START_TEST(replace_ostep_quiz)
{
	struct outcome got = run_shell("printf '%s\\n' 0 0 1 0 1 25 | " PAGING
				       "--quiz -C 2 -a 1,2,1,3");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	assert_has(got.out, "6 of 6 right\n");
	assert_lacks(got.out, "hit rate 25");
	outcome_free(&got);
	got = run_shell("printf '%s\\n' 0 0 1 0 2 25 | " PAGING
			"--quiz -c -C 2 -a 1,2,1,3");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "which page leaves? wrong: it is 1.00\n");
	assert_has(got.out, "5 of 6 right\n");
	assert_has(got.out, "hit rate 25.00 %\n");
	outcome_free(&got);
}
END_TEST

void add_replace_ostep(Suite *suite)
{
	TCase *tests = tcase_create("ostep");

	tcase_set_timeout(tests, soaking() ? 3600 : 300);
	tcase_add_loop_test(tests, replace_ostep_case, 0,
			    sizeof replace_cases / sizeof *replace_cases);
	tcase_add_loop_test(tests, replace_ostep_naively, 0, 6);
	tcase_add_loop_test(tests, replace_ostep_and_the_house, 0, 6);
	tcase_add_test(tests, replace_ostep_spellings);
	tcase_add_test(tests, replace_ostep_lists_and_files);
	tcase_add_loop_test(tests, replace_ostep_bad_options, 0,
			    sizeof replace_ostep_bad /
				    sizeof *replace_ostep_bad);
	tcase_add_test(tests, replace_ostep_bad_file);
	tcase_add_test(tests, replace_ostep_text);
	tcase_add_test(tests, replace_ostep_quiz);
	suite_add_tcase(suite, tests);
}
