// # Tests of sched/gantt and sched/live: what real processes leave behind
//
// How long anything takes is the machine's business and no test's. What is
// tested is what must hold however slow or busy it is: what a history may look
// like at all (one CPU runs one job at a time, nobody runs before it arrived,
// who waits has left by itself ...), the order that strict priorities force, what
// is refused and in which words, and that nobody is left.

#define _GNU_SOURCE
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gantt_parts.h"
#include "interrupt.h"
#include "labs.h"
#include "sched/live/live.h"

// Runs gantt, `options` as in a shell, with `jobs` at its standard input.
static struct outcome gantt_of(const char *jobs, const char *options)
{
	char command[2048];

	snprintf(command, sizeof command, "printf '%s' | $B/" GANTT " %s", jobs,
		 options);
	return run_shell(command);
}

// ## What any history must be like

struct job_seen {
	const char *name;
	double arrival, io; // ms
};

static double number_in(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_number(value), "no number \"%s\"", key);
	return json_number_value(value);
}

static const char *word_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	ck_assert_msg(text, "no text \"%s\"", key);
	return text;
}

static json_t *report_of(const struct outcome *got)
{
	json_error_t error;

	ck_assert_msg(got->exit == 0, "exit %d: %s", got->exit, got->err);
	json_t *array = json_loads(got->out, 0, &error);
	ck_assert_msg(json_array_size(array) == 1, "%s in:\n%s", error.text,
		      got->out);
	return array;
}

static const json_t *job_named(const json_t *report, const char *name)
{
	json_t *job;
	size_t i;

	json_array_foreach(json_object_get(report, "jobs"), i,
			   job) if (!strcmp(word_in(job, "name"),
					    name)) return job;
	ck_abort_msg("no job %s", name);
}

// Slices of one job in order of time: each begins where the one before has
// ended, or later; the first not before the job arrived; they make the numbers.
static void check_job(const json_t *report, const struct job_seen *seen)
{
	static const double rounding = 1e-3; // numbers have nine digits
	const json_t *job = job_named(report, seen->name);
	double ran = 0, first = -1, last = seen->arrival;
	int blocked = 0, preempted = 0, finished = 0;
	json_t *slice;
	size_t i;

	json_array_foreach(json_object_get(report, "slices"), i, slice)
	{
		const char *ended = word_in(slice, "ended");
		if (strcmp(word_in(slice, "job"), seen->name))
			continue;
		double begin = number_in(slice, "start");
		double end = number_in(slice, "end");
		ck_assert_msg(begin >= last - rounding && end >= begin,
			      "%s: %g to %g after %g", seen->name, begin, end,
			      last);
		ck_assert_msg(!finished, "%s runs after its end", seen->name);
		first = first < 0 ? begin : first;
		ran += end - begin;
		last = end;
		blocked += !strcmp(ended, "blocked");
		preempted += !strcmp(ended, "preempted");
		finished += !strcmp(ended, "finished");
	}
	ck_assert_int_eq(finished, 1);
	ck_assert_int_eq(blocked, (int)number_in(job, "voluntary"));
	ck_assert_int_eq(preempted, (int)number_in(job, "involuntary"));
	ck_assert(json_is_true(json_object_get(job, "done")));

	double turnaround = number_in(job, "turnaround");
	ck_assert_double_eq(number_in(job, "arrival"), seen->arrival);
	ck_assert_double_eq_tol(number_in(job, "response"),
				first - seen->arrival, rounding);
	ck_assert_double_eq_tol(turnaround, last - seen->arrival, rounding);
	ck_assert_double_ge(number_in(job, "switches"), 1);
	// I/O is a sleep that the kernel does not cut short, so what is left
	// of the turnaround is waiting
	ck_assert_double_ge(turnaround, ran + seen->io - rounding);
	ck_assert_double_eq_tol(number_in(job, "waiting"),
				turnaround - ran - seen->io, 2 * rounding);
}

static void check_one_at_a_time(const json_t *report)
{
	double free_from = 0;
	double cpu = -1;
	json_t *slice;
	size_t i;

	json_array_foreach(json_object_get(report, "slices"), i, slice)
	{
		ck_assert_msg(number_in(slice, "start") >= free_from - 1e-6,
			      "slice %zu begins at %g, the CPU is free from %g",
			      i, number_in(slice, "start"), free_from);
		free_from = number_in(slice, "end");
		ck_assert(cpu < 0 || cpu == number_in(slice, "cpu"));
		cpu = number_in(slice, "cpu");
	}
}

static const char mixed[] = "A 0 30\\nB 5 10,20,10\\nC 5 5,3,5,3,5\\n";
static const struct job_seen mixed_jobs[] = {
	{ "A", 0, 0 },
	{ "B", 5, 20 },
	{ "C", 5, 6 },
};

static void check_mixed(const struct outcome *got, const char *policy)
{
	json_t *array = report_of(got), *report = json_array_get(array, 0);
	const json_t *observed = json_object_get(report, "observed");

	ck_assert_str_eq(word_in(report, "policy"), policy);
	for (size_t i = 0; i < 3; i++)
		check_job(report, &mixed_jobs[i]);
	ck_assert_double_ge(number_in(observed, "voluntary"), 0);
	ck_assert_double_ge(number_in(observed, "involuntary"), 0);
	ck_assert_double_ge(number_in(observed, "lost"), 0);
	ck_assert_double_ge(number_in(observed, "stolen"), 0);
	ck_assert(json_is_false(json_object_get(observed, "stopped")));
	if (json_array_size(json_object_get(observed, "cpus")) == 1) {
		check_one_at_a_time(report);
		ck_assert_double_ge(number_in(observed, "others"), 0);
	} else {
		ck_assert(json_is_null(json_object_get(observed, "others")));
	}
	json_decref(array);
}

// Each policy, by the kernel's records and by the processes' own clocks.
START_TEST(gantt_every_policy)
{
	const char *policy = kernel_policy_names[_i % KERNEL_POLICIES];
	bool untraced = _i >= KERNEL_POLICIES;
	char options[128];

	snprintf(options, sizeof options, "--policy=%s --format=json %s",
		 policy, untraced ? "--no-trace" : "");
	struct outcome got = gantt_of(mixed, options);
	if (got.exit == LACKING) {
		ck_assert_msg(strstr(got.err, "CAP_SYS_NICE"), "%s", got.err);
		outcome_free(&got);
		SKIP("policy %s is not allowed here", policy);
	}
	if (untraced)
		assert_has(got.out, "own clocks");
	check_mixed(&got, policy);
	outcome_free(&got);
}
END_TEST

// Who waits leaves the CPU by himself: as often as he has I/O, by the kernel's
// counters and in the picture. A tick in the wrong microsecond may take the CPU
// before the sleep, and the I/O is over when it comes back; that does not happen
// ten times in a row.
START_TEST(gantt_counts_waits)
{
	bool counted = false, drawn = false;

	for (int i = 0; i < 10 && !(counted && drawn); i++) {
		struct outcome got = gantt_of("A 0 1,30,1,30,1,30,1\n",
					      _i ? "--format=json --no-trace"
						 : "--format=json");
		json_t *array = report_of(&got);
		json_t *report = json_array_get(array, 0);
		json_t *observed = json_object_get(report, "observed");
		const json_t *job = job_named(report, "A");
		counted = number_in(observed, "voluntary") >= 3;
		drawn = number_in(job, "voluntary") >= 3;
		json_decref(array);
		outcome_free(&got);
	}
	ck_assert(counted);
	ck_assert(drawn);
}
END_TEST

// ## The order that priorities force

// Runs it again, a few times, while the machine is too busy to have all of the
// processes ready at time 0: then nothing forces an order. False: it always was,
// or real-time scheduling is not allowed.
static bool run_punctually(const char *jobs, const char *options,
			   struct outcome *got)
{
	for (int i = 0; i < 5; i++) {
		*got = gantt_of(jobs, options);
		if (got->exit == LACKING)
			break;
		json_t *array = report_of(got);
		double late = number_in(
			json_object_get(json_array_get(array, 0), "observed"),
			"late");
		json_decref(array);
		if (late == 0)
			return true;
		outcome_free(got);
		*got = (struct outcome){ 0 };
	}
	outcome_free(got);
	return false;
}

#define PUNCTUALLY(jobs, options, got)                                      \
	do {                                                                \
		if (!run_punctually(jobs, options, got))                    \
			SKIP("no real-time scheduling here, or no moment's peace"); \
	} while (0)

// All arrive at once, on one CPU, and the file's order is none that the
// priorities allow: a real-time job runs only while none more urgent is ready.
START_TEST(gantt_fifo_obeys_priorities)
{
	const char *options[] = { "--policy=fifo --format=json",
				  "--policy=rr --format=json --no-trace" };
	struct outcome got;
	double end[3], response[3];

	PUNCTUALLY("low 0 20 prio=9\\nhigh 0 20 prio=-3\\nmiddle 0 20\\n",
		   options[_i], &got);
	json_t *array = report_of(&got), *report = json_array_get(array, 0);
	const char *const names[] = { "high", "middle", "low" };
	for (int i = 0; i < 3; i++) {
		const json_t *job = job_named(report, names[i]);
		end[i] = number_in(job, "turnaround");
		response[i] = number_in(job, "response");
	}
	ck_assert_msg(response[1] >= end[0] && response[2] >= end[1],
		      "one began before a more urgent one was done:\n%s",
		      got.out);
	check_one_at_a_time(report);
	json_decref(array);
	outcome_free(&got);
}
END_TEST

// A long job, and a more urgent one that comes while it computes: the long one
// is taken off, and is done last.
START_TEST(gantt_tells_who_was_taken_off)
{
	const char *options[] = { "--policy=fifo --format=json",
				  "--policy=fifo --format=json --no-trace" };
	struct outcome got;

	PUNCTUALLY("long 0 200 prio=2\\nshort 20 10 prio=1\\n", options[_i],
		   &got);
	json_t *array = report_of(&got), *report = json_array_get(array, 0);
	const json_t *slow = job_named(report, "long");
	const json_t *quick = job_named(report, "short");
	ck_assert_double_ge(number_in(slow, "involuntary"), 1);
	ck_assert_double_eq(number_in(slow, "voluntary"), 0);
	ck_assert_double_lt(20 + number_in(quick, "turnaround"),
			    number_in(slow, "turnaround"));
	json_decref(array);
	outcome_free(&got);
}
END_TEST

// ## What is refused, and in which words

static void refused(const char *jobs, const char *options, int status,
		    const char *words)
{
	struct outcome got = gantt_of(jobs, options);

	ck_assert_msg(got.exit == status && !*got.out, "%s: exit %d, %s%s",
		      options, got.exit, got.out, got.err);
	assert_has(got.err, words);
	ck_assert_msg(occurrences(got.err, "\n") == 1, "not one line: %s",
		      got.err);
	outcome_free(&got);
}

START_TEST(gantt_refuses_bad_usage)
{
	static const struct {
		const char *options, *words;
	} bad[] = {
		{ "--policy=lifo", "--policy=lifo: want " },
		{ "--policy=", "--policy=: want " },
		{ "--nice=20", "--nice=20: want " },
		{ "--nice=1x", "--nice=1x: want " },
		{ "--policy=fifo --priority=0", "--priority=0: want " },
		{ "--policy=fifo --priority=100", "--priority=100: want " },
		{ "--priority=5", "--priority: policy other has none" },
		{ "--policy=fifo --nice=5", "--nice: policy fifo" },
		{ "--runtime=5", "--runtime, --period: policy other" },
		{ "--policy=deadline --runtime=0", "--runtime=0: want " },
		{ "--policy=deadline --period=x", "--period=x: want " },
		{ "--cpu=", "--cpu=: want " },
		{ "--cpu=-1", "--cpu=-1: want " },
		{ "--cpu=1-0", "--cpu=1-0: want " },
		{ "--cpu=0,,1", "--cpu=0,,1: want " },
		{ "--cpu=99999", "--cpu=99999: want " },
		{ "--cpu=1023", "--cpu=1023: want a CPU that" },
		{ "--generate=0", "--generate=0: want " },
		{ "--generate=501", "--generate=501: want " },
		{ "--generate=3 --seed=-1", "--seed=-1: want " },
		{ "--generate=3 --arrivals=x", "--arrivals=x: want " },
		{ "--generate=3 --lengths=x", "--lengths=x: want " },
		{ "--generate=3 --mean=0", "--mean=0: want " },
		{ "--generate=3 --load=0", "--load=0: want " },
		{ "--generate=3 --io=1.1", "--io=1.1: want " },
		{ "--generate=3 -", "want a file or --generate" },
		{ "--seed=3", "want --generate=N" },
		{ "--format=xml", "--format=xml: want " },
		{ "--svg=", "--svg=: want " },
		{ "--limit=0", "--limit=0: want " },
		{ "--limit=50", "the jobs would take about" },
		{ "one two", "want one file" },
		{ "/nowhere", "/nowhere: No such file" },
		{ "/", "/: Is a directory" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused("A 0 100\\n", bad[i].options, USAGE, bad[i].words);
	refused("", "", USAGE, "standard input: want at least one job");
	refused("A 0 1\\nB zero 1\\n", "", USAGE, "standard input:2:3: want ");
	refused("A 0 11m\\n", "", USAGE, "at most 10 min (--limit)");
}
END_TEST

// A real-time hog for longer than anybody likes: on one CPU, and on all.
START_TEST(gantt_refuses_hogs)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN), ours = 0;
	char jobs[4096] = "", options[4096] = "--policy=fifo";
	size_t used = 0, length = strlen(options);
	cpu_set_t set;

	refused("A 0 20s\\n", "--policy=fifo", USAGE, "give --force twice");
	refused("A 0 20s\\n", "--policy=rr --force", USAGE,
		"--force must be given twice");
	ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && ours < 64; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		ours++;
		used += (size_t)snprintf(jobs + used, sizeof jobs - used,
					 "J%d 0 3s\\n", cpu);
		length += (size_t)snprintf(options + length,
					   sizeof options - length, " --cpu=%d",
					   cpu);
	}
	if (ours == online)
		refused(jobs, options, USAGE, "nothing else would run");
}
END_TEST

// The kernel's own refusals in words.
START_TEST(gantt_explains_the_kernel)
{
	char options[128];
	long twice = 2 * sysconf(_SC_NPROCESSORS_ONLN);

	refused("A 0 5\\n", "--policy=deadline --runtime=9 --period=3", USAGE,
		"runtime <= period");
	refused("A 0 5\\n", "--policy=deadline --runtime=1ms --period=1us",
		USAGE, "runtime <= period");
	snprintf(options, sizeof options,
		 "--policy=deadline --runtime=9 --period=10 --generate=%ld",
		 twice < 500 ? twice : 500);
	struct outcome got = gantt_of("", options);
	ck_assert_int_eq(got.exit, LACKING);
	if (!strstr(got.err, "CAP_SYS_NICE"))
		assert_has(got.err, "cannot guarantee so much");
	outcome_free(&got);
}
END_TEST

// Root becomes an ordinary user; the program is copied to where such a user can
// go.
START_TEST(gantt_as_ordinary_user)
{
	struct outcome got = run_shell(
		"d=$(mktemp -d) && chmod 755 $d && cp $B/" GANTT
		" $d/gantt && cd $d; as=; [ $(id -u) != 0 ] ||"
		" as='setpriv --reuid=65534 --regid=65534 --clear-groups';"
		" export TMPDIR=/tmp; printf 'A 0 30\\nB 5 10,20,10\\n"
		"C 5 5,3,5,3,5\\n' >jobs;"
		" $as ./gantt --policy=batch --nice=3 --format=json jobs;"
		" s=$?; cd /; rm -r $d; exit $s");

	check_mixed(&got, "batch");
	outcome_free(&got);
}
END_TEST

// ## What comes out, and when it cannot

START_TEST(gantt_report_in_words)
{
	struct outcome got = run_shell(
		"printf 'one 0 10\\nother 2 4,3,4 nice=3\\n' |"
		" LC_ALL=C COLUMNS=40 $B/" GANTT " --no-trace");

	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	assert_has(got.out, "2 processes, policy other, CPU ");
	assert_has(got.out, "(involuntary)");
	assert_has(got.out, "nice 3");
	assert_has(got.out, "of CPU time");
	for (const char *line = got.out; *line; line += strcspn(line, "\n") + 1)
		ck_assert_msg(strcspn(line, "\n") <= 40, "too wide: %.60s",
			      line);
	for (const char *c = got.out; *c; c++)
		ck_assert_msg(!(*c & 0x80), "byte %#x", (unsigned char)*c);
	outcome_free(&got);
}
END_TEST

START_TEST(gantt_svg)
{
	struct outcome got = run_shell(
		"d=$(mktemp -d); echo A 0 3 | $B/" GANTT
		" --svg=$d/a.svg >$d/out || exit; cat $d/a.svg; rm -r $d");

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "<svg");
	assert_has(got.out, "</svg>");
	outcome_free(&got);
	got = gantt_of("A 0 3\\n", "--svg=/nowhere/a.svg");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "--svg=/nowhere/a.svg: No such file");
	outcome_free(&got);
}
END_TEST

START_TEST(gantt_output_that_cannot_be_written)
{
	struct outcome got = run_shell("echo A 0 3 | $B/" GANTT " >/dev/full");

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "No space left");
	outcome_free(&got);
	got = run_shell("echo A 0 3 | $B/" GANTT " --format=json | :");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

START_TEST(gantt_draws_on_a_terminal)
{
	struct outcome got = run_shell(
		"f=$(mktemp); echo A 0 100 >$f; script -qec \"$B/" GANTT
		" $f\" /dev/null </dev/null; s=$?; rm $f; exit $s");

	if (got.exit == 127) {
		outcome_free(&got);
		SKIP("there is no script(1) here");
	}
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "the jobs run");
	assert_has(got.out, "\r\033[K1 process, policy other");
	outcome_free(&got);
}
END_TEST

// ## Interrupted

// A minute of work, interrupted after a while: what happened so far is told,
// and the program dies of the signal after all (143 to a shell). On a
// slow machine it may be too early for that, so the while grows.
START_TEST(gantt_interrupted_tells_so_far)
{
	struct outcome got = run_shell(
		"for s in 0.5 1 2 4 8 16; do out=$(printf 'A 0 60s\\nB 0 60s\\n"
		"C 10s 1\\nD 0 1,60s,1\\n' | timeout --preserve-status -s TERM "
		"$s $B/" GANTT
		" --format=json); r=$?; [ -z \"$out\" ] || break; done;"
		" echo \"$out\"; exit $((r - 143))");
	json_t *array = report_of(&got), *report = json_array_get(array, 0);
	const json_t *observed = json_object_get(report, "observed");
	const char *const names[] = { "A", "B", "C", "D" };

	ck_assert(json_is_true(json_object_get(observed, "stopped")));
	for (int i = 0; i < 4; i++)
		ck_assert(json_is_false(
			json_object_get(job_named(report, names[i]), "done")));
	check_one_at_a_time(report);
	json_decref(array);
	outcome_free(&got);
}
END_TEST

START_TEST(gantt_leaves_nobody)
{
	const char *const argv[] = { GANTT,
				     "--generate=5",
				     "--mean=10ms",
				     "--io=0.5",
				     "--arrivals=together",
				     _i % 2 ? "--no-trace" : "--format=json",
				     NULL };

	interrupt_at_moments(argv, _i < 2 ? SIGINT : SIGKILL,
			     soaking() ? 200 : 12);
}
END_TEST

Suite *gantt_suite(void)
{
	Suite *suite = suite_create("gantt");
	TCase *tests = tcase_create("gantt");

	tcase_set_timeout(tests, soaking() ? 3600 : 300);
	suite_add_tcase(suite, tests);
	tcase_add_loop_test(tests, gantt_every_policy, 0, 2 * KERNEL_POLICIES);
	tcase_add_loop_test(tests, gantt_counts_waits, 0, 2);
	tcase_add_loop_test(tests, gantt_fifo_obeys_priorities, 0, 2);
	tcase_add_loop_test(tests, gantt_tells_who_was_taken_off, 0, 2);
	tcase_add_test(tests, gantt_refuses_bad_usage);
	tcase_add_test(tests, gantt_refuses_hogs);
	tcase_add_test(tests, gantt_explains_the_kernel);
	tcase_add_test(tests, gantt_as_ordinary_user);
	tcase_add_test(tests, gantt_report_in_words);
	tcase_add_test(tests, gantt_svg);
	tcase_add_test(tests, gantt_output_that_cannot_be_written);
	tcase_add_test(tests, gantt_draws_on_a_terminal);
	tcase_add_test(tests, gantt_interrupted_tells_so_far);
	tcase_add_loop_test(tests, gantt_leaves_nobody, 0, 4);
	add_live_tests(tests);
	return suite;
}
