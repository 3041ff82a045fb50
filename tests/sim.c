// # Tests of sched/sim: the simulator as its users run it
//
// Known answers come from Silberschatz, Galvin & Gagne, "Operating System
// Concepts", 10th ed., 2018, section 5.3, whose examples give the Gantt chart and the
// average waiting time of each policy, and are named at each.

#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "sched/policy/policy.h"
#include "sim_parts.h"

// "printf JOBS | sim ARGUMENTS", in a shell.
struct outcome sim_run(const char *jobs, const char *arguments)
{
	char *command;

	ck_assert_int_ne(asprintf(&command, "printf '%s' | " SIM "%s", jobs,
				  arguments),
			 -1);
	struct outcome got = run_shell(command);
	free(command);
	return got;
}

static json_t *sim_json(const char *jobs, const char *arguments)
{
	char *with_format;
	json_error_t error;

	ck_assert_int_ne(asprintf(&with_format, "%s --format=json", arguments),
			 -1);
	struct outcome got = sim_run(jobs, with_format);
	ck_assert_msg(got.exit == 0 && !*got.err, "%s: exit %d\n%s", arguments,
		      got.exit, got.err);
	json_t *array = json_loads(got.out, 0, &error);
	ck_assert_msg(json_is_array(array), "%s: %s\n%.2000s", arguments,
		      error.text, got.out);
	free(with_format);
	outcome_free(&got);
	return array;
}

static double at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_number(value), "no number \"%s\"", key);
	return json_number_value(value);
}

const char *sim_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	ck_assert_msg(text != NULL, "no string \"%s\"", key);
	return text;
}

// A job file that shows differences between policies.
const char sim_mixed[] = "A 0 30 prio=3 tickets=10\\n"
			 "B 5 10,20,10 prio=1 tickets=50 deadline=90\\n"
			 "C 5 20 prio=2 deadline=60\\n"
			 "D 12 3 prio=0 nice=5\\n";

// One line, exit 2, nothing on standard output.
void sim_check_refusal(const struct outcome *got, const char *what,
		       const char *says)
{
	ck_assert_msg(got->exit == 2 && !*got->out &&
			      occurrences(got->err, "\n") == 1 &&
			      !strncmp(got->err, "sim: ", 5) &&
			      strstr(got->err, says),
		      "%s: exit %d, signal %d\n%s%s", what, got->exit,
		      got->signal, got->out, got->err);
}

// ## Published examples
//
// "slices" is the Gantt chart: job and end of each slice; all begin where the
// one before ends, at 0.

static const struct example {
	const char *source, *jobs, *arguments, *slices;
	double waiting, turnaround; // 0: the book does not say
} examples[] = {
	{ "OSC 5.3.1, p. 206, P1 first", "P1 0 24\\nP2 0 3\\nP3 0 3\\n",
	  "--policy=fifo", "P1 24 P2 27 P3 30", 17, 0 },
	{ "OSC 5.3.1, p. 206, P1 last", "P2 0 3\\nP3 0 3\\nP1 0 24\\n", "--policy=fcfs",
	  "P2 3 P3 6 P1 30", 3, 0 },
	{ "OSC 5.3.2, p. 207, SJF", "P1 0 6\\nP2 0 8\\nP3 0 7\\nP4 0 3\\n",
	  "--policy=sjf", "P4 3 P1 9 P3 16 P2 24", 7, 0 },
	{ "OSC 5.3.2, p. 209, preemptive", "P1 0 8\\nP2 1 4\\nP3 2 9\\nP4 3 5\\n",
	  "--policy=srtf", "P1 1 P2 5 P4 10 P1 17 P3 26", 6.5, 0 },
	{ "OSC 5.3.2, p. 209, the same, non-preemptive",
	  "P1 0 8\\nP2 1 4\\nP3 2 9\\nP4 3 5\\n", "--policy=sjf",
	  "P1 8 P2 12 P4 17 P3 26", 7.75, 0 },
	{ "OSC 5.3.3, p. 210, round robin", "P1 0 24\\nP2 0 3\\nP3 0 3\\n",
	  "--policy=rr --quantum=4",
	  "P1 4 P2 7 P3 10 P1 14 P1 18 P1 22 P1 26 P1 30", 17 / 3.0, 0 },
	{ "OSC 5.3.3, p. 212, figure 5.6, turnaround over the quantum",
	  "P1 0 6\\nP2 0 3\\nP3 0 1\\nP4 0 7\\n", "--policy=rr --quantum=6",
	  "P1 6 P2 9 P3 10 P4 16 P4 17", 0, 10.5 },
	{ "OSC 5.3.4, pp. 212-213, priorities",
	  "P1 0 10 prio=3\\nP2 0 1 prio=1\\nP3 0 2 prio=4\\nP4 0 1 prio=5\\n"
	  "P5 0 5 prio=2\\n",
	  "--policy=priority", "P2 1 P5 6 P1 16 P3 18 P4 19", 8.2, 0 },
};

enum { EXAMPLES = sizeof examples / sizeof *examples };

static void check_slices(const json_t *slices, const char *expected,
			 const char *source)
{
	char *copy = strdup(expected), *rest = copy, *job, *end;
	double begin = 0;
	size_t i = 0;

	for (; (job = strsep(&rest, " ")) && (end = strsep(&rest, " ")); i++) {
		const json_t *slice = json_array_get(slices, i);
		ck_assert_msg(slice != NULL, "%s: ends before %s", source, job);
		ck_assert_msg(!strcmp(sim_string(slice, "job"), job) &&
				      at(slice, "start") == begin &&
				      at(slice, "end") == atof(end) &&
				      at(slice, "cpu") == 0,
			      "%s: slice %zu is %s %g-%g, not %s %g-%s", source,
			      i, sim_string(slice, "job"), at(slice, "start"),
			      at(slice, "end"), job, begin, end);
		begin = at(slice, "end");
	}
	ck_assert_msg(i == json_array_size(slices), "%s: more slices", source);
	free(copy);
}

START_TEST(sim_published_examples)
{
	const struct example *e = &examples[_i];
	json_t *array = sim_json(e->jobs, e->arguments);
	const json_t *played = json_array_get(array, 0);
	const json_t *averages = json_object_get(played, "averages");

	ck_assert_uint_eq(json_array_size(array), 1);
	check_slices(json_object_get(played, "slices"), e->slices, e->source);
	if (e->waiting > 0)
		ck_assert_msg(fabs(at(averages, "waiting") - e->waiting) < 1e-9,
			      "%s: waiting %g, not %g", e->source,
			      at(averages, "waiting"), e->waiting);
	if (e->turnaround > 0)
		ck_assert_msg(fabs(at(averages, "turnaround") - e->turnaround) <
				      1e-9,
			      "%s: turnaround %g, not %g", e->source,
			      at(averages, "turnaround"), e->turnaround);
	json_decref(array);
}
END_TEST

// Times count from the arrival. Silberschatz, 5.3.2, p. 209: P1's 9 ms of waiting, P2's
// 0, P3's 15, P4's 2.
START_TEST(sim_json_has_just_its_keys)
{
	static const struct {
		const char *name;
		double arrival, response, turnaround, waiting, switches;
	} jobs[] = { { "P1", 0, 0, 17, 9, 2 },
		     { "P2", 1, 0, 4, 0, 1 },
		     { "P3", 2, 15, 24, 15, 1 },
		     { "P4", 3, 2, 7, 2, 1 } };
	json_t *array = sim_json("P1 0 8\\nP2 1 4\\nP3 2 9\\nP4 3 5\\n",
				 "--policy=srtf");
	const json_t *played = json_array_get(array, 0);
	const json_t *row = json_object_get(played, "jobs");

	ck_assert_uint_eq(json_object_size(played), 4);
	ck_assert_str_eq(sim_string(played, "policy"), "srtf");
	ck_assert_uint_eq(json_array_size(row), 4);
	for (size_t i = 0; i < 4; i++) {
		const json_t *job = json_array_get(row, i);
		ck_assert_uint_eq(json_object_size(job), 6);
		ck_assert_str_eq(sim_string(job, "name"), jobs[i].name);
		ck_assert_double_eq(at(job, "arrival"), jobs[i].arrival);
		ck_assert_double_eq(at(job, "response"), jobs[i].response);
		ck_assert_double_eq(at(job, "turnaround"), jobs[i].turnaround);
		ck_assert_double_eq(at(job, "waiting"), jobs[i].waiting);
		ck_assert_double_eq(at(job, "switches"), jobs[i].switches);
	}
	const json_t *averages = json_object_get(played, "averages");
	ck_assert_uint_eq(json_object_size(averages), 3);
	ck_assert_double_eq(at(averages, "response"), 17 / 4.0);
	ck_assert_double_eq(at(averages, "turnaround"), 52 / 4.0);
	ck_assert_double_eq(at(averages, "waiting"), 26 / 4.0);
	ck_assert_uint_eq(json_object_size(json_array_get(
				  json_object_get(played, "slices"), 0)),
			  4);
	json_decref(array);
}
END_TEST

// ## Text and JSON say the same

// The last three numbers but one of the line that begins so: response,
// turnaround, waiting (and switches).
bool sim_means(const char *text, const char *begin, double means[3])
{
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, begin, strlen(begin)) &&
		    line[strlen(begin)] == ' ')
			return sscanf(line + strlen(begin), "%lf %lf %lf",
				      &means[0], &means[1], &means[2]) == 3;
	return false;
}

START_TEST(sim_text_and_json_agree)
{
	static const char *const keys[] = { "response", "turnaround",
					    "waiting" };
	const struct policy *policy = policies[_i];
	char arguments[64], both[128];
	double text[3], row[3];

	snprintf(arguments, sizeof arguments, "--policy=%s", policy->name);
	snprintf(both, sizeof both, "--policy=fifo,%s", policy->name);
	json_t *array = sim_json(sim_mixed, arguments);
	struct outcome got = sim_run(sim_mixed, arguments);
	struct outcome compared = sim_run(sim_mixed, both);
	const json_t *averages = json_object_get(json_array_get(array, 0),
						 "averages");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	ck_assert_msg(sim_means(got.out, "mean", text), "%s", got.out);
	ck_assert_msg(sim_means(strstr(compared.out, "policy "), policy->name,
				row),
		      "%s", compared.out);
	for (int i = 0; i < 3; i++) {
		double exact = at(averages, keys[i]);
		ck_assert_double_eq_tol(text[i], exact, 0.0051);
		ck_assert_double_eq_tol(row[i], exact, 0.0051);
	}
	json_decref(array);
	outcome_free(&got);
	outcome_free(&compared);
}
END_TEST

// What JSON says of each job follows from its slices.
START_TEST(sim_slices_add_up)
{
	json_t *array = sim_json(sim_mixed, "--policy=all --cpus=2 "
					    "--switch-cost=0.5");
	static const double arrival[] = { 0, 5, 5, 12 };
	static const double cpu[] = { 30, 20, 20, 3 }, io[] = { 0, 20, 0, 0 };
	size_t p;
	json_t *played, *slice, *job;

	json_array_foreach(array, p, played)
	{
		double ran[4] = { 0 }, first[4] = { 0 }, last[4] = { 0 };
		double free_at[2] = { 0 };
		size_t i;
		json_array_foreach(json_object_get(played, "slices"), i, slice)
		{
			int j = sim_string(slice, "job")[0] - 'A';
			int c = (int)at(slice, "cpu");
			ck_assert(j >= 0 && j < 4 && c >= 0 && c < 2);
			ck_assert(at(slice, "start") >= free_at[c]);
			ck_assert(at(slice, "end") > at(slice, "start"));
			free_at[c] = at(slice, "end");
			if (ran[j] == 0)
				first[j] = at(slice, "start");
			ran[j] += at(slice, "end") - at(slice, "start");
			last[j] = at(slice, "end");
		}
		json_array_foreach(json_object_get(played, "jobs"), i, job)
		{
			double turnaround = last[i] - arrival[i];
			ck_assert_double_eq_tol(ran[i], cpu[i], 1e-9);
			ck_assert_double_eq_tol(at(job, "response"),
						first[i] - arrival[i], 1e-9);
			ck_assert_double_eq_tol(at(job, "turnaround"),
						turnaround, 1e-9);
			ck_assert_double_eq_tol(at(job, "waiting"),
						turnaround - cpu[i] - io[i],
						1e-9);
		}
	}
	json_decref(array);
}
END_TEST

// ## Where the jobs come from

START_TEST(sim_reads_files_and_standard_input)
{
	char command[1024];

	snprintf(command, sizeof command,
		 "d=$(mktemp -d); printf '%s' >$d/j; " SIM "$d/j >$d/1; " SIM
		 "- <$d/j >$d/2; cat $d/j | " SIM ">$d/3; mkfifo $d/p; "
		 "cat $d/j >$d/p & " SIM "$d/p >$d/4; wait; cmp $d/1 $d/2 && "
		 "cmp $d/1 $d/3 && cmp $d/1 $d/4 && test -s $d/1; s=$?; "
		 "rm -r $d; exit $s",
		 sim_mixed);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	outcome_free(&got);
}
END_TEST

// A terminal as standard input: nobody knows that he is waited for.
START_TEST(sim_says_what_it_wants_at_a_terminal)
{
	char command[256], *slave;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	ck_assert(master != -1 && grantpt(master) == 0 &&
		  unlockpt(master) == 0 && (slave = ptsname(master)));
	snprintf(command, sizeof command, SIM "<%s", slave);
	struct outcome got = run_shell(command);
	sim_check_refusal(&got, command, "want a file of jobs, - for standard");
	outcome_free(&got);
	close(master);
}
END_TEST

START_TEST(sim_closed_standard_input)
{
	struct outcome got = run_shell(SIM "<&-");

	ck_assert_int_eq(got.exit, 1);
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	assert_has(got.err, "standard input: ");
	outcome_free(&got);
}
END_TEST

START_TEST(sim_generates_jobs)
{
	json_t *array = sim_json("", "--generate=300 --policy=fifo --io=0.5");
	const json_t *played = json_array_get(array, 0);

	ck_assert_uint_eq(json_array_size(json_object_get(played, "jobs")),
			  300);
	ck_assert_str_eq(
		sim_string(json_array_get(json_object_get(played, "jobs"), 299),
			   "name"),
		"J299");
	json_decref(array);
}
END_TEST

// ## Reasons and events

START_TEST(sim_explains_each_decision)
{
	char arguments[64], chosen[80];

	snprintf(arguments, sizeof arguments, "--policy=%s --explain",
		 policies[_i]->name);
	ck_assert_int_eq(setenv("COLUMNS", "300", true), 0); // no reason wraps
	struct outcome got = sim_run(sim_mixed, arguments);
	unsetenv("COLUMNS");
	json_t *array = sim_json(sim_mixed, arguments);
	const json_t *played = json_array_get(array, 0);
	const json_t *decisions = json_object_get(played, "decisions");
	size_t i;
	const json_t *decision;

	ck_assert_uint_eq(json_object_size(played), 5);
	ck_assert_uint_ge(json_array_size(decisions), 4);
	ck_assert_int_eq(occurrences(got.out, " is chosen: "),
			 (int)json_array_size(decisions));
	json_array_foreach(decisions, i, decision)
	{
		const char *why = sim_string(decision, "why");
		ck_assert_uint_ge(strlen(why), 5);
		snprintf(chosen, sizeof chosen,
			 " ms  %s is chosen: ", sim_string(decision, "job"));
		assert_has(got.out, chosen);
		assert_has(got.out, why);
	}
	json_decref(array);
	outcome_free(&got);
}
END_TEST

// Ends of waits of one moment: who began first; those who began together, by the
// number of the CPU that they left. The policy is told in that order, so who
// comes back first runs first.
START_TEST(sim_steps_tell_waits_as_they_began)
{
	struct outcome got = sim_run("X 1 1,3,1\\nY 0 1,4,1\\n",
				     "--policy=fifo --steps --rows=0");

	assert_has(got.out, "         5 ms  Y is ready again\n"
			    "         5 ms  X is ready again\n"
			    "         5 ms  Y runs\n");
	outcome_free(&got);
	// P is more urgent, so it is on CPU 0, and X on CPU 1
	got = sim_run("X 0 2,3,1 prio=2\\nP 0 2,3,1 prio=1\\n",
		      "--policy=priority --cpus=2 --steps --rows=0");
	assert_has(got.out, "         0 ms  P runs on CPU 0\n"
			    "         0 ms  X runs on CPU 1\n"
			    "         2 ms  P waits, 3ms\n"
			    "         2 ms  X waits, 3ms\n"
			    "         5 ms  P is ready again\n"
			    "         5 ms  X is ready again\n");
	outcome_free(&got);
}
END_TEST

// Reasons are longer than that, and go on below, indented.
START_TEST(sim_wraps_reasons)
{
	char *line, *rest;
	int further = 0;
	struct outcome got = run_shell(
		"export COLUMNS=40; " SIM
		"--generate=9 --io=0.5 --load=2 --policy=ageing-preemptive "
		"--cpus=2 --explain --steps --rows=0");

	ck_assert_int_eq(got.exit, 0);
	rest = strstr(got.out, "ms  J0 arrives\n");
	ck_assert_msg(rest != NULL, "%s", got.out);
	while ((line = strsep(&rest, "\n"))) {
		ck_assert_msg(text_columns(line) <= 40, "'%s'", line);
		if (!strncmp(line, "                 ", 17)) {
			ck_assert_msg(line[17] > ' ', "'%s'", line);
			further++;
		}
	}
	ck_assert_int_gt(further, 9);
	outcome_free(&got);
}
END_TEST

// A line a policy, on standard error; each turn of rr is a decision and a slice.
START_TEST(sim_times_the_model)
{
	static const char begin[] = "rr: ";
	const char *arguments = "--policy=rr --quantum=3";
	json_t *array = sim_json(sim_mixed, arguments);
	size_t slices = json_array_size(
		json_object_get(json_array_get(array, 0), "slices"));
	struct outcome got =
		sim_run(sim_mixed, "--policy=rr,fifo,sjf --quantum=3 --timing");
	size_t decisions;
	char end[16] = "";

	ck_assert_int_eq(got.exit, 0);
	ck_assert_int_eq(occurrences(got.err, "\n"), 3);
	ck_assert_int_eq(occurrences(got.err, " decisions in "), 3);
	assert_has(got.err, "\nfifo: ");
	assert_has(got.err, "\nsjf: ");
	assert_lacks(got.out, "decisions");
	ck_assert_msg(!strncmp(got.err, begin, strlen(begin)) &&
			      sscanf(got.err + strlen(begin), "%zu %15s",
				     &decisions, end) == 2 &&
			      !strcmp(end, "decisions"),
		      "%s", got.err);
	ck_assert_uint_eq(decisions, slices);
	json_decref(array);
	outcome_free(&got);
}
END_TEST

START_TEST(sim_explains_in_the_books_words)
{
	struct outcome got = sim_run("P1 0 8\\nP2 1 4\\nP3 2 9\\n",
				     "--policy=srtf --explain --cpus=1");

	// At 1 the shortest of two, at 5 of two, then only one is left
	assert_has(got.out, "         1 ms  P2 is chosen: ");
	assert_has(got.out, "4 ms");
	assert_has(got.out, "         5 ms  P1 is chosen: ");
	assert_has(got.out, "        12 ms  P3 is chosen: ");
	ck_assert_int_eq(occurrences(got.out, " is chosen: "), 4);
	outcome_free(&got);
	got = sim_run("P1 0 8\\nP2 1 4\\n", "--policy=srtf --explain --cpus=2");
	assert_has(got.out, "P2 is chosen on CPU 1: ");
	outcome_free(&got);
}
END_TEST

START_TEST(sim_steps_are_in_order)
{
	static const char expected[] = "\n"
				       "         0 ms  A arrives\n"
				       "         0 ms  A runs\n"
				       "         4 ms  B arrives\n"
				       "         4 ms  A is preempted\n"
				       "         4 ms  B runs\n"
				       "         6 ms  B waits, 3ms\n"
				       "         6 ms  A runs\n"
				       "         9 ms  B is ready again\n"
				       "         9 ms  A is preempted\n"
				       "         9 ms  B runs\n"
				       "        10 ms  B is done\n"
				       "        10 ms  A runs\n"
				       "        13 ms  A is done\n";
	struct outcome got = sim_run("A 0 10\\nB 4 2,3,1\\n",
				     "--policy=srtf --steps");

	assert_has(got.out, expected);
	outcome_free(&got);
	got = sim_run("A 0 20\\nB 10 10\\n", "--policy=rr --steps");
	assert_has(got.out, "        10 ms  B arrives\n"
			    "        10 ms  A: the quantum is over\n"
			    "        10 ms  B runs\n");
	outcome_free(&got);
	got = sim_run("A 0 20\\nB 10 10\\n",
		      "--policy=rr --steps --ties=expired");
	assert_has(got.out, "        10 ms  A: the quantum is over\n"
			    "        10 ms  B arrives\n"
			    "        10 ms  A runs\n");
	outcome_free(&got);
}
END_TEST

// ## What is shown

START_TEST(sim_draws_a_chart_a_policy)
{
	struct outcome got =
		sim_run("A 0 30\\nB 0 15\\nC 0 27\\n",
			"--policy=fifo,rr --quantum=10 | sed /sed/d");

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "fifo: first come, first served\nA  ██");
	assert_has(got.out, "\nrr: round robin, quantum 10ms\nA  ██");
	ck_assert_int_eq(occurrences(got.out, "   0 ms "), 2);
	assert_has(got.out, "\njob   arrival  CPU  response  turnaround");
	assert_has(got.out, "CPU busy 100 %; 41.7 jobs/s; fairness ");
	assert_has(got.out, "\npolicy  response  turnaround  waiting");
	outcome_free(&got);
}
END_TEST

START_TEST(sim_fits_a_narrow_terminal)
{
	char *line, *rest;
	struct outcome got = run_shell(
		"export COLUMNS=40 LC_ALL=C; " SIM
		"--generate=24 --io=0.5 --load=2 --policy=all --cpus=2");

	ck_assert_int_eq(got.exit, 0);
	rest = got.out;
	while ((line = strsep(&rest, "\n"))) {
		ck_assert_msg(text_columns(line) <= 40, "'%s'", line);
		for (const char *c = line; *c; c++)
			ck_assert_msg(*c >= ' ' && *c <= '~', "'%s'", line);
	}
	outcome_free(&got);
}
END_TEST

// More jobs than rows: means, a table of policies, and how to see more.
START_TEST(sim_sums_up_many_jobs)
{
	struct outcome got = sim_run("", "--generate=25 --policy=rr,fifo");

	ck_assert_int_eq(got.exit, 0);
	assert_lacks(got.out, "J7");
	assert_has(got.out, "\npolicy  response");
	assert_has(got.out, "--rows=N");
	outcome_free(&got);
	got = sim_run("", "--generate=25 --policy=rr");
	assert_lacks(got.out, "J7");
	assert_has(got.out, "\nmean ");
	assert_has(got.out, "fairness");
	outcome_free(&got);
	got = sim_run("", "--generate=25 --policy=rr --rows=25");
	assert_has(got.out, "\nJ7 ");
	assert_lacks(got.out, "--rows");
	outcome_free(&got);
}
END_TEST

START_TEST(sim_lists_policies)
{
	struct outcome list = run("sched/sim", "--list-policies", NULL);
	struct outcome help = run("sched/sim", "--help", NULL);

	ck_assert_int_eq(list.exit, 0);
	ck_assert_int_eq(help.exit, 0);
	for (size_t i = 0; policies[i]; i++) {
		char name[80], words[40];
		snprintf(name, sizeof name, "\n  %s (", policies[i]->name);
		assert_has(help.out, name);
		snprintf(name, sizeof name, "%s: %s (", policies[i]->name,
			 policies[i]->title);
		assert_has(list.out, name);
		snprintf(words, sizeof words, "(%s)", policy_kind(policies[i]));
		assert_has(strstr(list.out, name), words);
	}
	assert_has(help.out, "--policy=rr,sjf,mlfq --quantum=10 jobs.txt");
	assert_has(help.out, "name arrival cpu[,io,cpu...]");
	outcome_free(&list);
	outcome_free(&help);
}
END_TEST

START_TEST(sim_draws_svg)
{
	char command[512];

	snprintf(command, sizeof command,
		 "d=$(mktemp -d); printf '%s' | " SIM
		 "--policy=rr,srtf --svg $d/x.svg >$d/out && test -s $d/out && "
		 "cat $d/x.svg; printf '%s' | " SIM
		 "--policy=rr,srtf --svg=- | cmp - $d/x.svg; s=$?; rm -r $d; "
		 "exit $s",
		 sim_mixed, sim_mixed);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s", got.err);
	assert_has(got.out, "<svg xmlns=");
	assert_has(got.out, "rr: round robin");
	assert_has(got.out, "srtf: ");
	ck_assert_str_eq(got.out + strlen(got.out) - 7, "</svg>\n");
	outcome_free(&got);
	got = sim_run(sim_mixed, "--svg=/no/such/folder/x.svg");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "sim: /no/such/folder/x.svg: No such file");
	outcome_free(&got);
}
END_TEST

static int policy_count(void)
{
	int count = 0;

	while (policies[count])
		count++;
	return count;
}

Suite *sim_suite(void)
{
	Suite *suite = suite_create("sim");
	TCase *tests = tcase_create("sim");

	suite_add_tcase(suite, tests);
	tcase_add_loop_test(tests, sim_published_examples, 0, EXAMPLES);
	tcase_add_test(tests, sim_json_has_just_its_keys);
	tcase_add_loop_test(tests, sim_text_and_json_agree, 0, policy_count());
	tcase_add_test(tests, sim_slices_add_up);
	tcase_add_test(tests, sim_reads_files_and_standard_input);
	tcase_add_test(tests, sim_says_what_it_wants_at_a_terminal);
	tcase_add_test(tests, sim_closed_standard_input);
	tcase_add_test(tests, sim_generates_jobs);
	tcase_add_loop_test(tests, sim_explains_each_decision, 0,
			    policy_count());
	tcase_add_test(tests, sim_explains_in_the_books_words);
	tcase_add_test(tests, sim_steps_are_in_order);
	tcase_add_test(tests, sim_steps_tell_waits_as_they_began);
	tcase_add_test(tests, sim_wraps_reasons);
	tcase_add_test(tests, sim_times_the_model);
	tcase_add_test(tests, sim_draws_a_chart_a_policy);
	tcase_add_test(tests, sim_fits_a_narrow_terminal);
	tcase_add_test(tests, sim_sums_up_many_jobs);
	tcase_add_test(tests, sim_lists_policies);
	tcase_add_test(tests, sim_draws_svg);
	add_sim_options(tests);
	add_sim_trouble(tests);
	return suite;
}
