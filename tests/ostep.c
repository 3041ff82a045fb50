// # Tests of sched/sim --ostep: worked cases
//
// tests/data/ostep/ holds public test data of this project: NN-name.cmd is a
// course program with its options, NN-name.json what that program printed for
// them (ostep-homework, commit 6c6cfc7, run with Python 3.11), as facts and
// not as text:
//
//     scheduler  jobs (lengths); run: [start, job, ran]
//     mlfq       jobs: [start, run, io]; run: [tick, job, queue], beside it
//                left: [ticks, slices, run time]; idle: ticks; boost: times
//     lottery    jobs: [length, tickets]; draws: [random, winning ticket,
//                tickets, winner]; done: [job, time]
//
// and for the first two stats by job and avg, with two digits. Start times of
// scheduler are whole there because the course drops the fraction.

#define _GNU_SOURCE
#include "ostep_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## The program's answers

json_t *ostep_solutions(char *const options[], size_t n)
{
	char *command, *at;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);
	json_t *all = json_array();

	ck_assert(out && all);
	fprintf(out, "set -e\n");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "$B/" SIM " --format=json --ostep %s\n",
			options[i]);
	ck_assert_int_eq(fclose(out), 0);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s%s", n == 1 ? command : "", got.err);
	at = got.out;
	for (size_t i = 0; i < n; i++) {
		json_error_t error;
		json_t *one = json_loads(at, JSON_DISABLE_EOF_CHECK, &error);
		ck_assert_msg(json_is_array(one) && json_array_size(one) == 1,
			      "%s: %s", options[i], error.text);
		json_array_append(all, json_array_get(one, 0));
		json_decref(one);
		at += error.position;
	}
	ck_assert_str_eq(at + strspn(at, "\n"), "");
	outcome_free(&got);
	free(command);
	return all;
}

json_t *ostep_solution(const char *options)
{
	char *copy = strdup(options);
	json_t *all = ostep_solutions(&copy, 1);
	json_t *one = json_incref(json_array_get(all, 0));

	json_decref(all);
	free(copy);
	return one;
}

json_t *member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	ck_assert_msg(value != NULL, "no \"%s\"", key);
	return value;
}

double number_of(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	ck_assert_msg(json_is_number(value), "\"%s\" is no number", key);
	return json_number_value(value);
}

int job_of(const json_t *object, const char *key)
{
	const char *name = json_string_value(member(object, key));
	char *end;

	ck_assert_msg(name && *name, "\"%s\" is no name", key);
	int job = (int)strtol(name, &end, 10);
	ck_assert_str_eq(end, "");
	return job;
}

double two_digits(double number)
{
	char text[64];

	snprintf(text, sizeof text, "%.2f", number);
	return strtod(text, NULL);
}

char *ostep_row(const json_t *solution, const char *key)
{
	const json_t *ticks = member(solution, "ticks");
	size_t n = json_array_size(ticks);
	size_t end = (size_t)number_of(json_array_get(ticks, n - 1), "tick");
	char *row = malloc(end + 2);

	ck_assert(row && n > 0);
	memset(row, '.', end + 1);
	row[end + 1] = '\0';
	for (size_t i = 0; i < n; i++) {
		const json_t *tick = json_array_get(ticks, i);
		int value = strcmp(key, "job") != 0 ? (int)number_of(tick, key)
						    : job_of(tick, key);
		ck_assert(value >= 0 && value <= 9);
		row[(size_t)number_of(tick, "tick")] = (char)('0' + value);
	}
	return row;
}

// ## As the facts put it

static void append(json_t *array, json_t *value)
{
	ck_assert(value && json_array_append_new(array, value) == 0);
}

static json_t *job_facts(const json_t *solution, const char *a, const char *b,
			 const char *c)
{
	json_t *facts = json_array(), *job;
	size_t i;

	json_array_foreach(member(solution, "jobs"), i, job)
	{
		ck_assert_int_eq(job_of(job, "name"), i);
		if (!b)
			append(facts, json_real(number_of(job, a)));
		else if (!c)
			append(facts, json_pack("[f, f]", number_of(job, a),
						number_of(job, b)));
		else
			append(facts,
			       json_pack("[f, f, f]", number_of(job, a),
					 number_of(job, b), number_of(job, c)));
	}
	return facts;
}

static json_t *times_of(const json_t *object, bool waiting)
{
	json_t *times = json_array();

	append(times, json_real(two_digits(number_of(object, "response"))));
	append(times, json_real(two_digits(number_of(object, "turnaround"))));
	if (waiting)
		append(times,
		       json_real(two_digits(number_of(object, "waiting"))));
	return times;
}

static json_t *stats_facts(const json_t *solution, bool waiting)
{
	json_t *facts = json_object(), *job;
	size_t i;

	json_array_foreach(member(solution, "jobs"), i, job)
		json_object_set_new(facts,
				    json_string_value(member(job, "name")),
				    times_of(job, waiting));
	return facts;
}

static json_t *scheduler_facts(const json_t *solution)
{
	json_t *run = json_array(), *slice;
	size_t i;

	json_array_foreach(member(solution, "slices"), i, slice) append(
		run,
		json_pack("[f, i, f]", floor(number_of(slice, "start")),
			  job_of(slice, "job"),
			  number_of(slice, "end") - number_of(slice, "start")));
	return json_pack("{s:o, s:o, s:o, s:o}", "jobs",
			 job_facts(solution, "length", NULL, NULL), "run", run,
			 "stats", stats_facts(solution, true), "avg",
			 times_of(member(solution, "averages"), true));
}

static json_t *mlfq_facts(const json_t *solution)
{
	json_t *run = json_array(), *left = json_array(), *tick;
	size_t i;

	json_array_foreach(member(solution, "ticks"), i, tick)
	{
		append(run, json_pack("[f, i, f]", number_of(tick, "tick"),
				      job_of(tick, "job"),
				      number_of(tick, "queue")));
		append(left, json_pack("[f, f, f]", number_of(tick, "ticks"),
				       number_of(tick, "slices"),
				       number_of(tick, "left")));
	}
	return json_pack("{s:o, s:o, s:o, s:O, s:O, s:o, s:o}", "jobs",
			 job_facts(solution, "arrival", "run", "io"), "run",
			 run, "left", left, "idle", member(solution, "idle"),
			 "boost", member(solution, "boosts"), "stats",
			 stats_facts(solution, false), "avg",
			 times_of(member(solution, "averages"), false));
}

// [job, time] in order of time: a slice is done where its job has no other.
static json_t *lottery_facts(const json_t *solution)
{
	json_t *draws = json_array(), *done = json_array(), *one;
	json_t *jobs = member(solution, "jobs");
	size_t i;

	json_array_foreach(member(solution, "draws"), i, one) append(
		draws,
		json_pack("[f, f, f, i]", number_of(one, "random"),
			  number_of(one, "ticket"), number_of(one, "tickets"),
			  job_of(one, "winner")));
	json_array_foreach(member(solution, "slices"), i, one)
	{
		int job = job_of(one, "job");
		double end = number_of(one, "end");
		if (number_of(json_array_get(jobs, job), "turnaround") == end)
			append(done, json_pack("[i, f]", job, end));
	}
	return json_pack("{s:o, s:o, s:o}", "jobs",
			 job_facts(solution, "length", "tickets", NULL),
			 "draws", draws, "done", done);
}

// ## The cases

static const char *const cases[] = {
	"01-sched-fifo-fractions", "02-sched-sjf-random",
	"03-sched-rr-random", "04-sched-rr-fractions",
	"05-mlfq-defaults", "06-mlfq-boost-arrivals",
	"07-mlfq-stay-allotment-2", "08-mlfq-iobump-random",
	"09-lottery-defaults", "10-lottery-quantum-overrun",
	"11-lottery-unfair", "12-lottery-random-many",
};

enum { CASES = sizeof cases / sizeof *cases };

// An integer and a real of the same value are the same.
static bool same(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	if (json_is_array(a) && json_is_array(b)) {
		bool equal = json_array_size(a) == json_array_size(b);
		json_array_foreach(a, i, value)
			equal = equal && same(value, json_array_get(b, i));
		return equal;
	}
	if (!json_is_object(a) || !json_is_object(b) ||
	    json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(
		(json_t *)a, key,
		value) if (!same(value, json_object_get(b, key))) return false;
	return true;
}

static void case_path(char path[256], int i, const char *kind)
{
	snprintf(path, 256, "%s/tests/data/ostep/%s.%s", source_folder(),
		 cases[i], kind);
}

START_TEST(ostep_case)
{
	char path[256], command[512];
	json_error_t error;

	case_path(path, _i, "json");
	json_t *facts = json_load_file(path, 0, &error);
	ck_assert_msg(facts != NULL, "%s: %s", path, error.text);
	case_path(path, _i, "cmd");
	FILE *file = fopen(path, "r");
	ck_assert(file && fgets(command, sizeof command, file));
	fclose(file);
	command[strcspn(command, "\n")] = '\0';

	json_t *solution = ostep_solution(command);
	json_t *found = !strncmp(command, "sch", 3) ? scheduler_facts(solution)
			: !strncmp(command, "mlfq", 4)
				? mlfq_facts(solution)
				: lottery_facts(solution);
	const char *key;
	json_t *fact;
	ck_assert_uint_eq(json_object_size(found), json_object_size(facts));
	json_object_foreach(facts, key, fact)
	{
		char *want = json_dumps(fact, JSON_ENCODE_ANY);
		char *got = json_dumps(member(found, key), JSON_ENCODE_ANY);
		ck_assert_msg(same(fact, member(found, key)),
			      "%s: %s is %s, not %s", cases[_i], key, got,
			      want);
		free(got);
		free(want);
	}
	json_decref(found);
	json_decref(solution);
	json_decref(facts);
}
END_TEST

Suite *ostep_suite(void)
{
	Suite *suite = suite_create("ostep");
	TCase *tests = tcase_create("cases");

	tcase_add_loop_test(tests, ostep_case, 0, CASES);
	suite_add_tcase(suite, tests);
	ostep_rule_tests(suite);
	ostep_naive_tests(suite);
	ostep_usage_tests(suite);
	return suite;
}
