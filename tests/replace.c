// # Tests of mem/replace: the simulator as its users run it
//
// Known answers come from Silberschatz, Galvin & Gagne, "Operating System
// Concepts", 10th ed., 2018, section 10.4, and from Belady, Nelson & Shedler, "An
// anomaly in space-time characteristics of certain programs running in a paging
// machine", CACM 12 (1969).

#define _GNU_SOURCE
#include "replace_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "mem/policy/policy.h"

struct outcome replace_run(const char *input, const char *arguments)
{
	char *command;

	ck_assert_int_ne(asprintf(&command, "printf '%s' | " REPLACE "%s",
				  input, arguments),
			 -1);
	struct outcome got = run_shell(command);
	free(command);
	return got;
}

json_t *replace_json(const char *input, const char *arguments)
{
	char *with;
	json_error_t error;

	ck_assert_int_ne(asprintf(&with, "--format=json %s", arguments), -1);
	struct outcome got = replace_run(input, with);
	ck_assert_msg(got.exit == 0, "%s: exit %d\n%s", arguments, got.exit,
		      got.err);
	json_t *array = json_loads(got.out, 0, &error);
	ck_assert_msg(json_is_array(array), "%s: %s\n%.2000s", arguments,
		      error.text, got.out);
	free(with);
	outcome_free(&got);
	return array;
}

const json_t *replace_member(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(value != NULL, "no \"%s\"", key);
	return value;
}

double replace_number(const json_t *object, const char *key)
{
	const json_t *value = replace_member(object, key);

	ck_assert_msg(json_is_number(value), "\"%s\" is no number", key);
	return json_number_value(value);
}

void replace_refused(const struct outcome *got, const char *what,
		     const char *says)
{
	ck_assert_msg(got->exit == 2 && !*got->out &&
			      occurrences(got->err, "\n") == 1 &&
			      !strncmp(got->err, "replace: ", 9) &&
			      strstr(got->err, says),
		      "%s: exit %d, signal %d, want \"%s\"\n%s%s", what,
		      got->exit, got->signal, says, got->out, got->err);
}

// ## Published examples

#define OSC_STRING "--string=7,0,1,2,0,3,0,4,2,3,0,3,2,1,2,0,1,7,0,1 "
#define BELADY_STRING "--string=1,2,3,4,1,2,5,1,2,3,4,5 "

static const struct {
	const char *source, *arguments;
	int faults;
} published[] = {
	{ "OSC 10.4.2, figure 10.12", OSC_STRING "--policy=fifo", 15 },
	{ "OSC 10.4.3, figure 10.14", OSC_STRING "--policy=opt", 9 },
	{ "OSC 10.4.4, figure 10.15", OSC_STRING "--policy=lru", 12 },
	{ "Belady 1969, 3 frames", BELADY_STRING "--policy=fifo", 9 },
	{ "Belady 1969, 4 frames", BELADY_STRING "--policy=fifo --frames=4", 10 },
	{ "OSC figure 10.13, 1 frame", BELADY_STRING "--policy=fifo --frames=1", 12 },
	{ "OSC figure 10.13, 2", BELADY_STRING "--policy=fifo --frames=2", 12 },
	{ "OSC figure 10.13, 5", BELADY_STRING "--policy=fifo --frames=5", 5 },
};

START_TEST(replace_published_examples)
{
	json_t *array = replace_json("", published[_i].arguments);

	ck_assert_uint_eq(json_array_size(array), 1);
	ck_assert_msg(replace_number(json_array_get(array, 0), "faults") ==
			      published[_i].faults,
		      "%s", published[_i].source);
	json_decref(array);
}
END_TEST

// The figure of OSC 10.4.2 is the grid.
START_TEST(replace_draws_the_textbooks_figure)
{
	struct outcome got = replace_run("", OSC_STRING "--policy=fifo");

	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	assert_has(got.out,
		   "reference  7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1\n"
		   "frame 0    7 7 7 2 2 2 2 4 4 4 0 0 0 0 0 0 0 7 7 7\n"
		   "frame 1      0 0 0 0 3 3 3 2 2 2 2 2 1 1 1 1 1 0 0\n"
		   "frame 2        1 1 1 1 0 0 0 3 3 3 3 3 2 2 2 2 2 1\n"
		   "fault      F F F F   F F F F F F     F F     F F F\n"
		   "leaves           7   0 1 2 3 0 4     2 3     0 1 2\n"
		   "15 faults\n");
	outcome_free(&got);
}
END_TEST

// ## JSON

static void only_keys(const json_t *object, const char *const keys[])
{
	size_t n = 0;

	for (; keys[n]; n++)
		replace_member(object, keys[n]);
	ck_assert_uint_eq(json_object_size(object), n);
}

START_TEST(replace_json_has_just_its_keys)
{
	static const char *const keys[] = { "policy", "frames", "references",
					    "hits",   "faults", "writebacks",
					    NULL };
	static const char *const more[] = { "policy", "frames", "references",
					    "hits",   "faults", "writebacks",
					    "steps",  NULL };
	static const char *const step_keys[] = { "page", "hit", "victim",
						 NULL };
	static const struct {
		int page, victim;
		bool hit;
	} steps[] = {
		{ 1, -1, false }, { 2, -1, false }, { 1, -1, true },
		{ 3, 1, false },  { 1, 2, false },
	};
	json_t *array = replace_json("1 w2 w1 3 1",
				     "--policy=fifo,lru --frames=2,9");
	const json_t *first = json_array_get(array, 0);

	ck_assert_uint_eq(json_array_size(array), 4);
	for (size_t i = 0; i < 4; i++)
		only_keys(json_array_get(array, i), keys);
	ck_assert_str_eq(json_string_value(replace_member(first, "policy")),
			 "fifo");
	ck_assert_double_eq(replace_number(first, "frames"), 2);
	ck_assert_double_eq(replace_number(first, "references"), 5);
	ck_assert_double_eq(replace_number(first, "hits"), 1);
	ck_assert_double_eq(replace_number(first, "faults"), 4);
	ck_assert_double_eq(replace_number(first, "writebacks"), 2);
	ck_assert_double_eq(replace_number(json_array_get(array, 3), "faults"),
			    3);
	json_decref(array);

	array = replace_json("1 w2 w1 3 1", "--policy=fifo --frames=2 --steps");
	first = json_array_get(array, 0);
	only_keys(first, more);
	const json_t *list = replace_member(first, "steps");
	ck_assert_uint_eq(json_array_size(list), 5);
	for (size_t i = 0; i < 5; i++) {
		const json_t *step = json_array_get(list, i);
		only_keys(step, step_keys);
		ck_assert_double_eq(replace_number(step, "page"),
				    steps[i].page);
		ck_assert(json_is_boolean(replace_member(step, "hit")));
		ck_assert_int_eq(json_is_true(replace_member(step, "hit")),
				 steps[i].hit);
		if (steps[i].victim < 0)
			ck_assert(json_is_null(replace_member(step, "victim")));
		else
			ck_assert_double_eq(replace_number(step, "victim"),
					    steps[i].victim);
	}
	json_decref(array);
}
END_TEST

// What JSON says of each run follows from its steps, for every policy.
START_TEST(replace_steps_add_up)
{
	const struct replacement *policy = replacements[_i];
	char arguments[200];
	double resident = 0;
	size_t hits = 0, i;
	const json_t *step;

	snprintf(arguments, sizeof arguments,
		 "--policy=%s --frames=7 --steps --generate=zipf --pages=30 "
		 "--references=3000 --write=0.3 --seed=4",
		 policy->name);
	json_t *array = replace_json("", arguments);
	const json_t *run = json_array_get(array, 0);
	json_array_foreach(replace_member(run, "steps"), i, step)
	{
		bool hit = json_is_true(replace_member(step, "hit"));
		hits += hit;
		resident += !hit;
		resident -= !json_is_null(replace_member(step, "victim"));
		ck_assert(resident >= 1 && resident <= 7);
	}
	ck_assert_uint_eq(i, 3000);
	ck_assert_double_eq(replace_number(run, "hits"), hits);
	ck_assert_double_eq(replace_number(run, "faults"), 3000 - hits);
	json_decref(array);
}
END_TEST

START_TEST(replace_text_and_json_agree)
{
	static const char input[] = "1 w2 w1 3 1 4 5 w6 1 2 3";
	json_t *array = replace_json(input, "--policy=all --frames=3,4");
	struct outcome got = replace_run(input, "--policy=all --frames=3,4");
	size_t i;
	const json_t *run;

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "11 references to 6 pages\n");
	json_array_foreach(array, i, run)
	{
		char row[128];
		snprintf(row, sizeof row,
			 "\n%-14s %10.0f %14.0f  %7.2f %% %14.0f\n",
			 json_string_value(replace_member(run, "policy")),
			 replace_number(run, "frames"),
			 replace_number(run, "faults"),
			 replace_number(run, "hits") / 11 * 100,
			 replace_number(run, "writebacks"));
		assert_has(got.out, row);
	}
	json_decref(array);
	outcome_free(&got);
}
END_TEST

// ## Steps as text

// Wide traces go on in a further block, no line is wider than the terminal, and
// none ends with a blank.
START_TEST(replace_grid_wraps)
{
	static const char *const arguments[] = {
		"--generate=zipf --references=200 --pages=2000 --write=0.3 "
		"--steps --policy=all --frames=4",
		"--generate=uniform --references=90 --sparse --steps",
		OSC_STRING "--policy=all --steps --frames=1-3",
	};

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		char *line, *rest;
		struct outcome got = replace_run("", arguments[i]);
		ck_assert_int_eq(got.exit, 0);
		rest = got.out;
		while ((line = strsep(&rest, "\n"))) {
			size_t n = strlen(line);
			ck_assert_msg(text_columns(line) <= 80, "'%s'", line);
			ck_assert_msg(!n || line[n - 1] != ' ', "'%s'", line);
		}
		outcome_free(&got);
	}
}
END_TEST

START_TEST(replace_marks_writes)
{
	struct outcome got = replace_run("w1 2 3 2 w2 3",
					 "--policy=fifo --frames=2");

	assert_has(got.out, "reference  1w 2  3  2  2w 3\n"
			    "frame 0    1* 1* 3  3  3  3\n"
			    "frame 1       2  2  2  2* 2*\n"
			    "fault      F  F  F\n"
			    "leaves           1*\n");
	outcome_free(&got);
}
END_TEST

// ## The curve

// LRU by stack distances is LRU, at every frame count; the others are exact while
// the trace is short.
START_TEST(replace_curve_equals_single_runs)
{
	static const char trace[] =
		"--generate=phases --pages=60 --references=5000 --phase=300 "
		"--locality=9 --seed=3";
	char arguments[256];
	size_t i;
	const json_t *point;

	snprintf(arguments, sizeof arguments,
		 "%s --curve --policy=lru,fifo,sieve,opt", trace);
	json_t *curve = replace_json("", arguments);
	size_t pages = json_array_size(curve) / 4;
	ck_assert_uint_ge(pages, 50);
	snprintf(arguments, sizeof arguments,
		 "%s --frames=1-%zu --policy=lru,fifo,sieve,opt", trace, pages);
	json_t *runs = replace_json("", arguments);
	ck_assert_uint_eq(json_array_size(runs), 4 * pages);
	json_array_foreach(curve, i, point)
	{
		const json_t *run = json_array_get(runs, i);
		const char *const same[] = { "frames", "references", "hits",
					     "faults" };
		for (size_t k = 0; k < 4; k++)
			ck_assert_double_eq(replace_number(point, same[k]),
					    replace_number(run, same[k]));
		ck_assert_str_eq(
			json_string_value(replace_member(point, "policy")),
			json_string_value(replace_member(run, "policy")));
		ck_assert(json_is_null(replace_member(point, "writebacks")));
		ck_assert_double_eq(replace_number(point, "rate"), 1);
	}
	json_decref(curve);
	json_decref(runs);
}
END_TEST

// A long trace of many pages is sampled; lru is not. Estimates are near.
START_TEST(replace_curve_samples)
{
	static const char trace[] =
		"--generate=zipf --pages=40000 --references=6000000 "
		"--exponent=0.8 --frames=2000,8000";
	char arguments[256];
	size_t i;
	const json_t *point;
	int sampled = 0;

	snprintf(arguments, sizeof arguments, "%s --policy=lru,fifo,s3-fifo",
		 trace);
	json_t *runs = replace_json("", arguments);
	snprintf(arguments, sizeof arguments,
		 "%s --policy=lru,fifo,s3-fifo --curve", trace);
	json_t *curve = replace_json("", arguments);
	ck_assert_uint_eq(json_array_size(curve), 6);
	json_array_foreach(curve, i, point)
	{
		double all = replace_number(point, "references");
		double there = replace_number(point, "faults") / all;
		double exact =
			replace_number(json_array_get(runs, i), "faults") / all;
		double apart = fabs(there - exact);
		ck_assert_msg(apart <= (i < 2 ? 0 : 0.02), "%g, not %g", there,
			      exact);
		sampled += replace_number(point, "rate") < 1;
	}
	ck_assert_int_eq(sampled, 4);
	json_decref(curve);
	json_decref(runs);
}
END_TEST

START_TEST(replace_curve_is_drawn)
{
	struct outcome got = replace_run(
		"", "--generate=zipf --references=20000 --curve --policy=all");

	ck_assert_msg(got.exit == 0 && !*got.err, "%s", got.err);
	for (size_t i = 0; replacements[i]; i++)
		assert_has(got.out, replacements[i]->name);
	assert_has(got.out, "lru exactly, by stack distances");
	char *rest = got.out;
	for (char *line; (line = strsep(&rest, "\n"));)
		ck_assert_msg(text_columns(line) <= 80, "'%s'", line);
	outcome_free(&got);
	got = replace_run("5", "--curve");
	ck_assert_msg(got.exit == 0 && !*got.err, "%s", got.err);
	outcome_free(&got);
}
END_TEST

// ## The anomaly

START_TEST(replace_anomaly_in_a_trace)
{
	struct outcome got = replace_run("", BELADY_STRING
					 "--anomaly --policy=fifo,lru,opt");

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "4             10  more frames, more faults\n");
	assert_has(got.out, "fifo faults 9 times with 3 frames, 10 times with "
			    "4\n");
	ck_assert_int_eq(occurrences(got.out, "more frames, more faults"), 1);
	ck_assert_int_eq(occurrences(got.out, "no anomaly: "), 2);
	outcome_free(&got);
	json_t *array = replace_json("1 2 3 4 1 2 5 1 2 3 4 5", "--anomaly");
	const json_t *one = json_array_get(
		replace_member(json_array_get(array, 0), "anomalies"), 0);
	ck_assert_double_eq(replace_number(one, "frames"), 3);
	ck_assert_double_eq(replace_number(one, "faults"), 9);
	ck_assert_double_eq(replace_number(one, "more_frames"), 4);
	ck_assert_double_eq(replace_number(one, "more_faults"), 10);
	json_decref(array);
}
END_TEST

// Without a trace one is found, whatever the seed, and it is one; LRU and OPT have
// none.
START_TEST(replace_anomaly_by_search)
{
	char command[256], string[256] = "--frames=1-6 --policy=fifo --string=";
	size_t i;
	const json_t *page;

	snprintf(command, sizeof command,
		 REPLACE "--anomaly --policy=fifo,lru,opt --seed=%d "
			 "--format=json </dev/null",
		 _i);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	json_t *array = json_loads(got.out, 0, NULL);
	const json_t *fifo = json_array_get(array, 0);
	const json_t *one = json_array_get(replace_member(fifo, "anomalies"),
					   0);
	json_array_foreach(replace_member(fifo, "trace"), i, page)
		sprintf(string + strlen(string), "%s%d", i ? "," : "",
			(int)json_integer_value(page));
	json_t *runs = replace_json("", string);
	int frames = (int)replace_number(one, "frames");
	double fewer = replace_number(json_array_get(runs, (size_t)frames - 1),
				      "faults");
	double more = replace_number(json_array_get(runs, (size_t)frames),
				     "faults");
	ck_assert_msg(more > fewer, "%s", string);
	for (size_t k = 1; k < 3; k++)
		ck_assert_uint_eq(
			json_array_size(replace_member(json_array_get(array, k),
						       "anomalies")),
			0);
	json_decref(runs);
	json_decref(array);
	outcome_free(&got);
	// An empty pipe is no trace either
	got = replace_run("", "--anomaly");
	assert_has(got.out, "Belady's anomaly: fifo faults ");
	outcome_free(&got);
}
END_TEST

// ## SVG

START_TEST(replace_svg)
{
	static const char *const arguments[] = {
		"--policy=all --frames=1-9 --svg=-", "--svg=-",
		"--curve --policy=all --svg=-", "--anomaly --svg=-",
	};
	char command[512];

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		struct outcome got = replace_run("1 2 3 4 1 2 5 1 2 3 4 5",
						 arguments[i]);
		ck_assert_msg(got.exit == 0 && !*got.err, "%s: %s",
			      arguments[i], got.err);
		ck_assert(!strncmp(got.out, "<svg xmlns=", 11));
		assert_has(got.out, ">fifo</text>");
		assert_lacks(got.out, "nan");
		ck_assert_int_eq(occurrences(got.out, "<svg"), 1);
		ck_assert_str_eq(got.out + strlen(got.out) - 7, "</svg>\n");
		outcome_free(&got);
	}
	snprintf(command, sizeof command,
		 "d=$(mktemp -d); " REPLACE OSC_STRING
		 "--svg=$d/s >$d/o; s=$?; grep -c svg $d/s; grep -c '15 "
		 "faults' $d/o; "
		 "rm -r $d; exit $s");
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	ck_assert_str_eq(got.out, "2\n1\n");
	outcome_free(&got);
}
END_TEST

// ## The quiz

static const struct {
	const char *answers, *says, *score;
	int exit;
} replace_quizzes[] = {
	{ "1 1 0 1 1 1 2 4", "page 3: which page leaves? right\n",
	  "8 of 8 right\n", 0 },
	{ "1 1 0 1 2 1 2 4", "page 3: which page leaves? wrong: it is 1.00\n",
	  "7 of 8 right\n", 1 },
	{ "1 1 1", "page 1: is it a fault (1 yes, 0 no)? wrong: it is 0.00",
	  "2 of 3 right; the rest was not answered\n", 1 },
};

// fifo, two frames: fault, fault, hit, 1 leaves, 2 leaves
START_TEST(replace_quiz)
{
	char command[512];

	snprintf(command, sizeof command,
		 "printf '%%s\\n' %s | " REPLACE
		 "--quiz --policy=fifo --frames=2 --string=1,2,1,3,1",
		 replace_quizzes[_i].answers);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == replace_quizzes[_i].exit, "exit %d\n%s%s",
		      got.exit, got.out, got.err);
	assert_has(got.out, "references: 1 2 1 3 1\n");
	assert_has(got.out, replace_quizzes[_i].says);
	assert_has(got.out, replace_quizzes[_i].score);
	outcome_free(&got);
}
END_TEST

Suite *replace_suite(void)
{
	Suite *suite = suite_create("replace");
	TCase *tests = tcase_create("replace");
	int policies = 0;

	while (replacements[policies])
		policies++;
	tcase_set_timeout(tests, soaking() ? 3600 : 300);
	tcase_add_loop_test(tests, replace_published_examples, 0,
			    sizeof published / sizeof *published);
	tcase_add_test(tests, replace_draws_the_textbooks_figure);
	tcase_add_test(tests, replace_json_has_just_its_keys);
	tcase_add_loop_test(tests, replace_steps_add_up, 0, policies);
	tcase_add_test(tests, replace_text_and_json_agree);
	tcase_add_test(tests, replace_grid_wraps);
	tcase_add_test(tests, replace_marks_writes);
	tcase_add_test(tests, replace_curve_equals_single_runs);
	tcase_add_test(tests, replace_curve_samples);
	tcase_add_test(tests, replace_curve_is_drawn);
	tcase_add_test(tests, replace_anomaly_in_a_trace);
	tcase_add_loop_test(tests, replace_anomaly_by_search, 0, 4);
	tcase_add_test(tests, replace_svg);
	tcase_add_loop_test(tests, replace_quiz, 0,
			    sizeof replace_quizzes / sizeof *replace_quizzes);
	suite_add_tcase(suite, tests);
	add_replace_trouble(suite);
	add_replace_trace(suite);
	add_replace_options(suite);
	add_replace_ostep(suite);
	return suite;
}
