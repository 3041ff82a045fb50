// # Tests of sched/duel
//
// The program as its users would run it. What it is about, that model and
// machine agree, is tested with the dispatcher: duel_dispatcher.c.

#define _GNU_SOURCE
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "duel_parts.h"
#include "interrupt.h"
#include "labs.h"

#define DUEL "sched/duel"

static json_t *parsed(const char *text)
{
	json_error_t error;
	json_t *all = json_loads(text, 0, &error);

	ck_assert_msg(all, "line %d: %s in:\n%.2000s", error.line, error.text,
		      text);
	return all;
}

static void check_played(const json_t *played, const char *policy)
{
	const char *name;
	json_t *jobs, *slices;
	double response, turnaround, waiting;

	ck_assert_int_eq(json_unpack((json_t *)played,
				     "{s:s, s:o, s:o, s:{s:F, s:F, s:F}}",
				     "policy", &name, "jobs", &jobs, "slices",
				     &slices, "averages", "response", &response,
				     "turnaround", &turnaround, "waiting",
				     &waiting),
			 0);
	ck_assert_str_eq(name, policy);
	ck_assert_uint_eq(json_array_size(jobs), 2);
	ck_assert_uint_ge(json_array_size(slices), 2);
}

#define PRINTF "printf 'A 0 6\\nB 2 4,5,4\\n' | $B/" DUEL " "

static double number_in(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_number(value), "no number %s", key);
	return json_number_value(value);
}

// On one CPU, what is not computing is a switch, a waking, a job put aside, time
// of somebody else's or idleness: together they are the time until the last job
// is done. No switch and no waking is longer than 0.1 ms. What the jobs had the
// CPU for is what was asked for, more work than that, and pauses.
static void check_account(const json_t *all, double asked_ms)
{
	const json_t *why = json_object_get(all, "why");
	const char *const kinds[] = { "switches",  "wakings", "put_aside",
				      "strangers", "late",    "throttled" };
	double sum = number_in(why, "idle"), end = 0, busy;
	json_t *slice;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(all, "observed"),
					   "slices"),
			   i, slice)
	{
		double to = number_in(slice, "end");
		sum += to - number_in(slice, "start");
		end = to > end ? to : end;
	}
	busy = sum - number_in(why, "idle");
	ck_assert_double_eq_tol(number_in(why, "work") +
					number_in(why, "paused") + asked_ms,
				busy, 1e-4);
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const json_t *gaps = json_object_get(why, kinds[i]);
		ck_assert_double_ge(number_in(gaps, "sum"), 0);
		ck_assert(i >= 2 || number_in(gaps, "longest") <= 0.1);
		sum += number_in(gaps, "sum");
	}
	ck_assert_double_eq_tol(sum, end, 1e-4);
}

START_TEST(duel_json)
{
	struct outcome got =
		run_shell(PRINTF "--policy=fifo --format=json --repeat=3 2>&1");
	const char *policy, *under;
	json_t *predicted, *observed, *errors;
	int equal, rounds, of_equal;

	ck_assert_msg(got.exit == 0, "%s", got.out);
	json_t *all = parsed(got.out);
	ck_assert_int_eq(
		json_unpack(all, "{s:s, s:s, s:o, s:o, s:o, s:b, s:i, s:i}",
			    "policy", &policy, "under", &under, "predicted",
			    &predicted, "observed", &observed, "error", &errors,
			    "order_equal", &equal, "rounds", &rounds,
			    "rounds_of_equal_order", &of_equal),
		0);
	ck_assert_str_eq(policy, "fifo");
	ck_assert_str_eq(under, "dispatcher");
	check_played(predicted, "fifo");
	check_played(observed, "fifo");
	ck_assert_int_eq(rounds, 3);
	ck_assert_int_eq(of_equal, 3);
	ck_assert(equal);
	ck_assert_uint_eq(json_array_size(errors), 2);
	check_account(all, 6 + 4 + 4);
	// The model's own figures: A 6; B 2 to 19, it waits for A until 6.
	ck_assert_double_eq_tol(
		json_number_value(json_object_get(
			json_array_get(json_object_get(predicted, "jobs"), 1),
			"turnaround")),
		17, 1e-9);
	json_decref(all);
	outcome_free(&got);
}
END_TEST

START_TEST(duel_text)
{
	struct outcome got = run_shell("export COLUMNS=80 LC_ALL=C; " PRINTF
				       "--policy=rr --quantum=2");

	ck_assert_msg(got.exit == 0, "%s", got.err);
	assert_has(got.out, "predicted: rr");
	assert_has(got.out, "observed: rr");
	assert_has(got.out, "turnaround, ms");
	assert_has(got.out, "\norder ");
	assert_has(got.out, "\nwork ");
	assert_has(got.out, "the dispatcher ran on CPU");
	ck_assert_str_eq(got.err, "");
	for (const char *line = got.out; *line;) {
		size_t n = strcspn(line, "\n");
		ck_assert_msg(n <= 80, "%zu columns: %.*s", n, (int)n, line);
		ck_assert_msg(!n || line[n - 1] != ' ', "%.*s|", (int)n, line);
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(line[i] >= ' ' && line[i] <= '~', "%.*s",
				      (int)n, line);
		line += n + (line[n] == '\n');
	}
	outcome_free(&got);
}
END_TEST

START_TEST(duel_narrow)
{
	struct outcome got = run_shell("export COLUMNS=40 LC_ALL=C; " PRINTF
				       "--policy=sjf");

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "response, ms");
	for (const char *line = got.out; *line;) {
		size_t n = strcspn(line, "\n");
		ck_assert_msg(n <= 40, "%zu columns: %.*s", n, (int)n, line);
		line += n + (line[n] == '\n');
	}
	outcome_free(&got);
}
END_TEST

START_TEST(duel_svg)
{
	struct outcome got = run_shell(PRINTF "--svg=-");

	ck_assert_msg(got.exit == 0, "%s", got.err);
	ck_assert(!strncmp(got.out, "<svg", 4) || strstr(got.out, "<?xml"));
	assert_has(got.out, "predicted");
	assert_has(got.out, "observed");
	assert_lacks(got.out, "turnaround, ms");
	outcome_free(&got);
}
END_TEST

START_TEST(duel_generated)
{
	struct outcome got = run(DUEL, "--generate=4", "--mean=3", "--io=0.5",
				 "--seed=5", "--policy=mlfq", "--cpus=1",
				 "--format=json", NULL);

	ck_assert_msg(got.exit == 0, "%s", got.err);
	json_t *all = parsed(got.out);
	ck_assert_uint_eq(json_array_size(json_object_get(all, "error")), 4);
	json_decref(all);
	outcome_free(&got);
}
END_TEST

// Without any privilege. Order is law where the policy does not go by time. The
// program is copied to where such a user can go.
START_TEST(duel_ordinary_user)
{
	const char *const names[] = { "fifo", "sjf", "priority",
				      "srtf", "rr",  "mlfq" };
	const int untimed = 4;
	char command[512];

	snprintf(command, sizeof command,
		 "as=; [ $(id -u) != 0 ] || as='setpriv --reuid=65534"
		 " --regid=65534 --clear-groups';"
		 " printf 'A 0 12 prio=2\nB 0 6 prio=1\n' |"
		 " $as $B/" DUEL " --policy=%s --quantum=3 --format=json",
		 names[_i]);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s: %s", names[_i], got.err);
	json_t *all = parsed(got.out);
	ck_assert(_i >= untimed ||
		  json_is_true(json_object_get(all, "order_equal")));
	json_decref(all);
	outcome_free(&got);
}
END_TEST

static const struct {
	const char *arguments, *says;
} bad[] = {
	{ "--policy=nobody", "--policy=nobody: want one of batch, fifo" },
	{ "--policy=", "--policy=: want one of" },
	{ "--under=nobody", "--under=nobody: want" },
	{ "--under=kernel --policy=sjf", "fifo, rr, priority-preemptive" },
	{ "--under=kernel --policy=rr --quantum=5", "--quantum: want none" },
	{ "--under=kernel --policy=eevdf --boost=5", "--boost: want none" },
	{ "--cpus=0", "--cpus=0: want" },
	{ "--cpus=65", "--cpus=65: want" },
	{ "--repeat=0", "--repeat=0: want" },
	{ "--repeat=101", "--repeat=101: want" },
	{ "--quantum=0", "--quantum=0: want a time from" },
	{ "--quantum=-1", "--quantum=-1: want" },
	{ "--quantum=1e9", "--quantum=1e9: want" },
	{ "--quanta=5,,5", "--quanta=5,,5: want" },
	{ "--levels=2 --quanta=5", "--levels=2: want" },
	{ "--allotments=1,2", "--allotments=1,2: want" },
	{ "--ageing=0", "--ageing=0: want" },
	{ "--switch-cost=x", "--switch-cost=x: want" },
	{ "--generate=0", "--generate=0: want" },
	{ "--generate=501", "--generate=501: want" },
	{ "--load=2", "--load: want --generate=N beside it" },
	{ "--generate=2 x", "x: want a file or --generate" },
	{ "--generate=2 --io=2", "--io=2: want" },
	{ "--format=xml", "--format=xml: want" },
	{ "--svg=", "--svg=: want a file" },
	{ "--svg=- --format=json", "--svg=-: want a file" },
	{ "--limit=0", "--limit=0: want" },
	{ "--limit=5 -", "want at most 5.0 ms" },
	{ "/nowhere/jobs", "/nowhere/jobs: No such file" },
	{ "/", "/: Is a directory" },
	{ "a b", "b: want one file" },
	{ "--policy=edf --under=kernel --cpus=60", "--cpus=60: want" },
};

START_TEST(duel_bad_options)
{
	char command[256];

	snprintf(command, sizeof command, PRINTF "%s", bad[_i].arguments);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 2, "%s: exit %d, %s", bad[_i].arguments,
		      got.exit, got.err);
	assert_has(got.err, bad[_i].says);
	ck_assert_str_eq(got.out, "");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	outcome_free(&got);
}
END_TEST

START_TEST(duel_bad_jobs)
{
	struct outcome got = run_shell("printf 'A 0 5\\nB 0 -1\\n' | $B/" DUEL);

	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "duel: standard input:2:5: ");
	outcome_free(&got);
	got = run_shell("$B/" DUEL " </dev/null");
	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "standard input");
	outcome_free(&got);
}
END_TEST

// Real-time work that would hang the machine must be asked for twice. (None of
// it is run here.)
START_TEST(duel_refuses_to_hang)
{
	struct outcome got = run_shell("printf 'A 0 20s\\n' | $B/" DUEL
				       " --policy=fifo --under=kernel --force");

	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "--force twice");
	outcome_free(&got);
}
END_TEST

// Each of the kernel's policies, where this user may have them.
START_TEST(duel_kernel)
{
	const char *const names[] = { "fifo", "rr", "priority-preemptive",
				      "edf", "eevdf" };
	char command[256];

	snprintf(
		command, sizeof command,
		"printf 'A 0 5 prio=2 deadline=90\\nB 0 9 prio=1 deadline=60\\n"
		"' | $B/" DUEL " --under=kernel --policy=%s --format=json",
		names[_i]);
	struct outcome got = run_shell(command);
	if (got.exit == 77) {
		char why[200];
		snprintf(why, sizeof why, "%s", got.err);
		why[strcspn(why, "\n")] = '\0';
		ck_assert(*why);
		outcome_free(&got);
		SKIP("%s", why);
	}
	ck_assert_msg(got.exit == 0, "%s", got.err);
	json_t *all = parsed(got.out);
	ck_assert_str_eq(json_string_value(json_object_get(all, "under")),
			 "kernel");
	// Real-time on one CPU: first come, or the more urgent one, first.
	if (!strcmp(names[_i], "fifo") ||
	    !strcmp(names[_i], "priority-preemptive"))
		ck_assert(json_is_true(json_object_get(all, "order_equal")));
	json_decref(all);
	outcome_free(&got);
}
END_TEST

START_TEST(duel_help)
{
	struct outcome got = run(DUEL, "--help", NULL);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "Examples:");
	assert_has(got.out, "--under=dispatcher|kernel");
	outcome_free(&got);
	got = run(DUEL, "--catalogue", NULL);
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "sched/duel\t");
	assert_has(got.out, "\t06 · Scheduling algorithms\ttool\n");
	outcome_free(&got);
}
END_TEST

START_TEST(duel_full_disk)
{
	struct outcome got = run_shell(PRINTF ">/dev/full");

	ck_assert_int_eq(got.exit, 1);
	ck_assert(*got.err);
	outcome_free(&got);
	got = run_shell(PRINTF "--svg=/dev/full");
	ck_assert_int_eq(got.exit, 1);
	outcome_free(&got);
	got = run_shell(PRINTF "| true; exit ${PIPESTATUS:-0}");
	ck_assert_int_eq(got.exit, 0);
	outcome_free(&got);
}
END_TEST

START_TEST(duel_interrupted)
{
	const int signals[] = { SIGINT, SIGTERM, SIGKILL };
	const char *const rr[] = {
		DUEL,       "--generate=5",        "--mean=15",
		"--seed=3", "--arrivals=together", NULL
	};

	interrupt_at_moments(rr, signals[_i], soaking() ? 40 : 5);
}
END_TEST

Suite *duel_suite(void)
{
	Suite *suite = suite_create("duel");
	TCase *tool = tcase_create("tool");
	int bads = sizeof bad / sizeof *bad;

	add_dispatcher_tests(suite);
	suite_add_tcase(suite, tool);
	tcase_set_timeout(tool, 300);
	tcase_add_test(tool, duel_json);
	tcase_add_test(tool, duel_text);
	tcase_add_test(tool, duel_narrow);
	tcase_add_test(tool, duel_svg);
	tcase_add_test(tool, duel_generated);
	tcase_add_loop_test(tool, duel_ordinary_user, 0, 6);
	tcase_add_loop_test(tool, duel_bad_options, 0, bads);
	tcase_add_test(tool, duel_bad_jobs);
	tcase_add_test(tool, duel_refuses_to_hang);
	tcase_add_loop_test(tool, duel_kernel, 0, 5);
	tcase_add_test(tool, duel_help);
	tcase_add_test(tool, duel_full_disk);
	tcase_add_loop_test(tool, duel_interrupted, 0, 3);
	return suite;
}
