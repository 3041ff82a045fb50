// # Tests of sched/sim: exercises, trouble, and anything at all

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "interrupt.h"
#include "random.h"
#include "sched/policy/policy.h"
#include "sim_parts.h"

// ## Exercises

START_TEST(sim_hands_over_to_ostep)
{
	struct outcome got = run("sched/sim", "-l", "5,7", "-c",
				 "--ostep=scheduler", "--format=json", NULL);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	json_t *array = json_loads(got.out, 0, NULL);
	ck_assert(json_is_array(array));
	ck_assert_str_eq(
		sim_string(
			json_array_get(json_object_get(json_array_get(array, 0),
						       "jobs"),
				       1),
			"name"),
		"1");
	json_decref(array);
	outcome_free(&got);
	// Cut short, or after --, it is not that option
	got = run("sched/sim", "--ost=scheduler", NULL);
	sim_check_refusal(&got, "--ost", "spelled out");
	outcome_free(&got);
	got = run("sched/sim", "--", "--ostep=scheduler", NULL);
	sim_check_refusal(&got, "--", "--ostep=scheduler: No such file");
	outcome_free(&got);
}
END_TEST

START_TEST(sim_quiz_asks_about_these_jobs)
{
	struct outcome got = run("sched/sim", "--generate=2", "--quiz",
				 "--policy=fifo", NULL);

	// Nobody answers
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "J1");
	outcome_free(&got);
}
END_TEST

// ## Trouble

START_TEST(sim_full_disk)
{
	static const char *const arguments[] = {
		"--policy=all", "--policy=all --format=json",
		"--generate=3000 --format=json", "--svg=-", "--help",
		"--list-policies", "--explain --steps",
	};

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		char with[128];
		snprintf(with, sizeof with, "%s >/dev/full", arguments[i]);
		struct outcome got =
			sim_run(strstr(with, "--gen") ? "" : sim_mixed, with);
		ck_assert_msg(
			got.exit == 1 && occurrences(got.err, "\n") == 1 &&
				strstr(got.err, "cannot write the output"),
			"%s: exit %d\n%s", with, got.exit, got.err);
		outcome_free(&got);
	}
	struct outcome got = sim_run(sim_mixed, "--svg=/dev/full");
	ck_assert_int_eq(got.exit, 1);
	ck_assert_str_eq(got.err, "sim: /dev/full: No space left on device\n");
	outcome_free(&got);
}
END_TEST

// However little memory there is: played, or a line in words. A loader that has
// too little, too, says so itself (127).
#ifndef OSLAB_SANITIZED
START_TEST(sim_too_little_memory)
{
	int failed = 0;

	for (int mib = 20; mib <= 200; mib += 20) {
		char command[256];
		snprintf(command, sizeof command,
			 "ulimit -v %d; echo A 0 10 | " SIM
			 "--policy=rr --quantum=10ns",
			 mib << 10);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 0 || got.exit == 1 || got.exit == 127,
			      "%d MiB: exit %d, signal %d\n%s", mib, got.exit,
			      got.signal, got.err);
		if (got.exit == 1) {
			ck_assert_msg(occurrences(got.err, "\n") == 1 &&
					      !strncmp(got.err, "sim: ", 5) &&
					      strstr(got.err, "memory"),
				      "%d MiB: %s", mib, got.err);
			assert_lacks(got.err, ".c:");
			failed++;
		}
		outcome_free(&got);
	}
	ck_assert_int_gt(failed, 0);
}
END_TEST
#endif

START_TEST(sim_closed_pipe)
{
	static const char *const commands[] = {
		SIM "--generate=3000 --format=json | head -n 1",
		SIM "--generate=3000 --steps | head -n 1",
		"trap '' PIPE; " SIM "--generate=3000 --steps | head -n 1",
	};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct outcome got = run_shell(commands[i]);
		ck_assert_str_eq(got.err, "");
		ck_assert_int_eq(got.exit, 0);
		ck_assert_int_eq(occurrences(got.out, "\n"), 1);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(sim_interrupted)
{
	static const char *const argv[] = { "sched/sim", "--generate=300",
					    "--policy=all", "--format=json",
					    NULL };

	interrupt_at_moments(argv, SIGINT, soaking() ? 60 : 4);
	interrupt_at_moments(argv, SIGTERM, soaking() ? 60 : 4);
}
END_TEST

// Every policy on many jobs; as JSON it is still one valid document.
START_TEST(sim_many_jobs)
{
	char arguments[128];
	const int jobs = soaking() ? 1000000 : 20000;
	json_error_t error;

	snprintf(arguments, sizeof arguments,
		 "--generate=%d --policy=all --load=0.9", jobs);
	struct outcome got = sim_run("", arguments);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	for (size_t i = 0; policies[i]; i++) {
		double means[3];
		ck_assert(sim_means(got.out, policies[i]->name, means));
		ck_assert(means[1] >= means[2] && means[1] > 0);
	}
	outcome_free(&got);

	snprintf(arguments, sizeof arguments,
		 "--generate=%d --policy=rr,sjf --format=json", jobs / 4);
	got = sim_run("", arguments);
	json_t *array = json_loads(got.out, 0, &error);
	ck_assert_msg(json_array_size(array) == 2, "%s", error.text);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(json_array_size(json_object_get(
					  json_array_get(array, i), "jobs")),
				  (size_t)jobs / 4);
	json_decref(array);
	outcome_free(&got);
}
END_TEST

// Options and jobs at random: played, or refused, and nothing else; and what is
// played as JSON is valid.
static void random_arguments(struct random *random, char *text, size_t room)
{
	static const char *const words[] = {
		"--policy=all", "--policy=rr,mlfq", "--policy=lottery",
		"--policy=eevdf,stride", "--quantum=1", "--quantum=0.001",
		"--quantum=1h", "--cpus=2", "--cpus=1024", "--switch-cost=3",
		"--switch-cost=1h", "--ties=expired", "--levels=64",
		"--levels=2", "--quanta=1,5", "--quanta=7", "--allotments=3",
		"--allotments=3,4", "--boost=0", "--boost=1", "--stay",
		"--io-head", "--ageing=1", "--rows=0", "--rows=5", "--explain",
		"--steps", "--svg=-", "--seed=5", "--generate=7", "--load=5",
		"--io=1", "--mean=3", "--lengths=pareto", "--format=text",
		"--quantum=x", "--quiz", "-", "--arrivals=together",
	};
	size_t used = 0, n = random_below(random, 5);

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(
			text + used, room - used, "%s ",
			words[random_below(random,
					   sizeof words / sizeof *words)]);
}

static void random_jobs(struct random *random, char *text, size_t room)
{
	static const char *const words[] = {
		"A", "B", "C", "0", "5", "10", "10,5,10", "1us", "1h", ",",
		"-1", "prio=1", "tickets=0", "nice=-20", "deadline=9", "#",
		"\\n", "\\n", "\\n", "\\0", "\\377", "x", "prio=", "tickets=3",
	};
	size_t used = (size_t)snprintf(
		text, room, "%s",
		random_below(random, 4) ? "A 0 10\\nB 3 4,5,6\\n" : "");
	size_t n = random_below(random, 3) ? 0 : random_below(random, 8);

	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(
			text + used, room - used, "%s ",
			words[random_below(random,
					   sizeof words / sizeof *words)]);
}

START_TEST(sim_takes_anything)
{
	struct random random = { 11 };
	int rounds = soaking() ? 5000 : 150, played = 0;

	for (int round = 0; round < rounds; round++) {
		char arguments[512], jobs[512];
		bool json = random_below(&random, 3) == 0;
		random_arguments(&random, arguments, sizeof arguments - 20);
		if (json)
			strncat(arguments, "--format=json", 20);
		random_jobs(&random, jobs, sizeof jobs);
		struct outcome got = sim_run(jobs, arguments);
		bool quiz = strstr(arguments, "--quiz");
		ck_assert_msg(got.exit == 0 || got.exit == 2 ||
				      (got.exit == 1 && quiz),
			      "printf '%s' | sim %s: exit %d, signal %d\n%s",
			      jobs, arguments, got.exit, got.signal, got.err);
		ck_assert_msg((got.exit == 2) == (*got.err != '\0'),
			      "printf '%s' | sim %s: exit %d\n%s", jobs,
			      arguments, got.exit, got.err);
		if (got.exit == 0 && json && !quiz) {
			json_t *array = json_loads(got.out, 0, NULL);
			ck_assert_msg(json_is_array(array), "sim %s\n%.2000s",
				      arguments, got.out);
			json_decref(array);
		}
		played += got.exit == 0;
		outcome_free(&got);
	}
	// Neither of them is nearly all
	ck_assert_int_gt(played, rounds / 5);
	ck_assert_int_lt(played, rounds * 4 / 5);
}
END_TEST

// A switch that takes longer than mlfq's time between two boosts: several are due
// when the job begins to run.
START_TEST(sim_switch_longer_than_boost)
{
	struct outcome got = run("sched/sim", "--policy=mlfq", "--cpus=3",
				 "--generate=200", "--switch-cost=15s",
				 "--boost=1s", NULL);

	ck_assert_msg(got.exit == 0, "exit %d: %s", got.exit, got.err);
	outcome_free(&got);
}
END_TEST

void add_sim_trouble(TCase *tests)
{
	tcase_add_test(tests, sim_switch_longer_than_boost);
	tcase_add_test(tests, sim_hands_over_to_ostep);
	tcase_add_test(tests, sim_quiz_asks_about_these_jobs);
	tcase_add_test(tests, sim_full_disk);
#ifndef OSLAB_SANITIZED
	tcase_add_test(tests, sim_too_little_memory);
#endif
	tcase_add_test(tests, sim_closed_pipe);
	tcase_add_test(tests, sim_interrupted);
	tcase_add_test(tests, sim_many_jobs);
	tcase_add_test(tests, sim_takes_anything);
}
