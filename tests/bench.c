// The benchmark as its users run it: its plan, its options, its result file,
// what it refuses to time, and what it leaves behind.

#define _GNU_SOURCE
#include "bench_files.h"
#include "interrupt.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHORT "--time=300ms"

static json_t *parse(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	ck_assert_msg(json, "not JSON: %s in: %.200s", why.text, text);
	return json;
}

static int lines(const char *text)
{
	int n = 0;
	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

// --- the plan ----------------------------------------------------------------

START_TEST(default_set_is_small_and_named)
{
	struct outcome o = run(BENCH, "list", "--format=json", NULL);
	ck_assert_int_eq(o.exit, 0);
	json_t *list = parse(o.out), *a, *b;
	size_t i, j;

	ck_assert_uint_le(json_array_size(list), 60);
	ck_assert_uint_ge(json_array_size(list), 25);
	json_array_foreach(list, i, a)
	{
		const char *name =
			json_string_value(json_object_get(a, "name"));
		char parts[4][40];
		int end = 0;
		sscanf(name, "%39[^/]/%39[^/]/%39[0-9KMGiB]/%39[a-z-]%n",
		       parts[0], parts[1], parts[2], parts[3], &end);
		ck_assert_msg(end && !name[end],
			      "%s is not family/what/size/placement", name);
		json_array_foreach(list, j, b) ck_assert(
			i == j ||
			strcmp(name,
			       json_string_value(json_object_get(b, "name"))));
	}
	json_decref(list);
	outcome_free(&o);
}
END_TEST

START_TEST(every_mechanism_has_a_round_trip)
{
	static const char *const names[] = {
		"pipe", "fifo", "mqueue", "sysv-mq", "unix-stream",
		"unix-dgram", "unix-seqpacket", "socketpair", "tcp", "udp",
		"signal", "eventfd", "shm-futex", "shm-sem", "shm-cond",
		"shm-spin", "ring", "file", "vmread", "uring"
	};
	struct outcome o = run(BENCH, "list", NULL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char begin[64];
		snprintf(begin, sizeof begin, "ipc/%s/", names[i]);
		ck_assert_msg(strstr(o.out, begin), "no case %s", begin);
	}
	outcome_free(&o);
}
END_TEST

START_TEST(patterns_choose)
{
	struct outcome o = run(BENCH, "list", "switch/thread*", NULL);
	ck_assert_int_eq(o.exit, 0);
	ck_assert_ptr_nonnull(
		strstr(o.out, "switch/thread-pipe-2/0B/same-cpu"));
	ck_assert_ptr_null(strstr(o.out, "switch/process"));
	ck_assert_msg(strstr(o.out, "floor/handoff/64B/same-cpu"),
		      "the floor comes along");
	outcome_free(&o);

	o = run(BENCH, "list", "ipc/pipe/100B/same-cpu", NULL);
	ck_assert_msg(strstr(o.out, "ipc/pipe/100B/same-cpu"),
		      "a complete name may have any size");
	outcome_free(&o);

	o = run(BENCH, "list", "ipc/signal/64B/same-cpu", NULL);
	ck_assert_msg(strstr(o.out, "64B is above its limit of 8B"), "%s",
		      o.out);
	outcome_free(&o);

	o = run(BENCH, "list", "no/such*", NULL);
	ck_assert_int_eq(o.exit, 2);
	ck_assert_int_eq(lines(o.err), 1);
	ck_assert_ptr_nonnull(strstr(o.err, "no/such*"));
	outcome_free(&o);
}
END_TEST

START_TEST(what_cannot_be_sent_is_a_row_that_says_so)
{
	struct outcome o = run(BENCH, "list", "ipc/pipe/0B/same-cpu",
			       "bandwidth/pipe/0B/same-cpu", NULL);
	ck_assert_int_eq(o.exit, 0);
	ck_assert_int_eq(lines(o.out), 2);
	ck_assert_ptr_nonnull(strstr(o.out, "needs at least a byte"));
	outcome_free(&o);
}
END_TEST

START_TEST(workers_that_are_not_pinned_are_anywhere)
{
	struct outcome o = run(BENCH, "run", "--quick", "--no-pin",
			       "--format=json", "ipc/pipe/", NULL);
	ck_assert_int_eq(o.exit, 0);
	ck_assert_ptr_nonnull(strstr(o.out, "ipc/pipe/1KiB/anywhere"));
	ck_assert_ptr_nonnull(strstr(o.out, "\"pinned\": false"));
	ck_assert_ptr_null(strstr(o.out, "/same-cpu"));
	ck_assert_ptr_null(strstr(o.out, "/cross-core"));
	outcome_free(&o);
}
END_TEST

START_TEST(every_run_ends_with_a_sentence)
{
	static const char *const about[] = { "floor/syscall", "bandwidth/tcp",
					     "ipc/tcp", "ipc/pipe" };
	for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
		struct outcome o = run(BENCH, "run", "--quick", about[i], NULL);
		size_t n = strlen(o.out);
		ck_assert_msg(n > 2 && !strcmp(o.out + n - 2, ".\n") &&
				      strstr(o.out, " here: "),
			      "%s ends with: %s", about[i],
			      o.out + (n > 100 ? n - 100 : 0));
		outcome_free(&o);
	}
}
END_TEST

START_TEST(a_list_leaves_nothing)
{
	struct outcome o = run_shell("d=$(mktemp -d); TMPDIR=$d"
				     " $B/bench/bench list >$d/list;"
				     " rm $d/list; rmdir $d && echo empty");
	ck_assert_str_eq(o.out, "empty\n");
	outcome_free(&o);
}
END_TEST

// --- options -----------------------------------------------------------------

static const struct {
	const char *option, *says;
} bad[] = {
	{ "--time=fast", "--time=fast" }, { "--time=", "--time=" },
	{ "--time=10", "--time=10" }, { "--time=-1s", "--time=-1s" },
	{ "--time=1e3s", "--time=1e3s" }, { "--time=1ns", "100ms" },
	{ "--time=99999999999999999999s", "--time" },
	{ "--format=xml", "json" }, { "--nonsense", "--nonsense" },
};

START_TEST(bad_options_are_refused)
{
	struct outcome o = run(BENCH, "run", bad[_i].option, "floor/call",
			       NULL);
	ck_assert_int_eq(o.exit, 2);
	ck_assert_msg(strstr(o.err, bad[_i].says), "%s says: %s",
		      bad[_i].option, o.err);
	ck_assert_str_eq(o.out, "");
	outcome_free(&o);
}
END_TEST

START_TEST(contradictions_and_unknown_commands)
{
	struct outcome o = run(BENCH, "run", "--quick", "--thorough", NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
	o = run(BENCH, "measure", NULL);
	ck_assert_int_eq(o.exit, 2);
	ck_assert_int_eq(lines(o.err), 1);
	outcome_free(&o);
	o = run(BENCH, NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
	o = run(BENCH, "--help", NULL);
	ck_assert_int_eq(o.exit, 0);
	ck_assert_ptr_nonnull(strstr(o.out, "Example"));
	outcome_free(&o);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_refused_first)
{
	struct outcome o = run(BENCH, "run", "--json=/no/such/folder/x",
			       "--time=1h", "floor/call", NULL);
	ck_assert_int_eq(o.exit, 1);
	ck_assert_ptr_nonnull(strstr(o.err, "/no/such/folder/x"));
	outcome_free(&o);

	o = run_shell("$B/bench/bench run " SHORT " floor/call >/dev/full");
	ck_assert_int_eq(o.exit, 1);
	ck_assert_int_eq(lines(o.err), 1);
	outcome_free(&o);
}
END_TEST

// --- results -----------------------------------------------------------------

static json_t *find(json_t *result, const char *name)
{
	size_t i;
	json_t *c;
	json_array_foreach(
		json_object_get(result, "cases"), i,
		c) if (!strcmp(json_string_value(json_object_get(c, "name")),
			       name)) return c;
	ck_abort_msg("no case %s in the result", name);
	return NULL;
}

static double number(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	ck_assert_msg(json_is_number(value), "%s is no number", key);
	return json_number_value(value);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

START_TEST(a_result_agrees_with_itself)
{
	struct outcome o = run(BENCH, "run", SHORT, "--format=json",
			       "ipc/pipe/1KiB/same-cpu", NULL);
	ck_assert_int_eq(o.exit, 0);
	json_t *result = parse(o.out);
	json_t *c = find(result, "ipc/pipe/1KiB/same-cpu");
	json_t *floor = find(result, "floor/handoff/1KiB/same-cpu");
	json_t *rounds = json_object_get(c, "rounds");
	json_t *interval = json_object_get(c, "interval");
	json_t *percentiles = json_object_get(c, "percentiles");
	json_t *histogram = json_object_get(c, "histogram"), *row;
	double values[100], stamped = 0;
	size_t n = json_array_size(rounds), i;

	ck_assert_int_eq(json_integer_value(json_object_get(result, "schema")),
			 1);
	ck_assert_uint_ge(n, 8);
	ck_assert_uint_le(n, 100);
	for (i = 0; i < n; i++)
		values[i] = json_real_value(json_array_get(rounds, i));
	qsort(values, n, sizeof *values, by_value);
	double median = (values[(n - 1) / 2] + values[n / 2]) / 2;
	ck_assert_double_eq_tol(number(c, "median") / median, 1, 1e-5);
	ck_assert_double_le(json_real_value(json_array_get(interval, 0)),
			    median * (1 + 1e-5));
	ck_assert_double_ge(json_real_value(json_array_get(interval, 1)),
			    median * (1 - 1e-5));
	ck_assert_double_eq_tol(number(c, "rate") * median / 1e9, 1, 1e-5);
	ck_assert_double_eq_tol(number(c, "floor_ratio") *
					number(floor, "median") / median,
				1, 1e-4);
	ck_assert_double_le(number(percentiles, "50"),
			    number(percentiles, "90"));
	ck_assert_double_le(number(percentiles, "90"),
			    number(percentiles, "max"));
	json_array_foreach(histogram, i, row)
		stamped += json_number_value(json_array_get(row, 2));
	ck_assert_double_eq(stamped, number(c, "samples"));
	// A round trip on one CPU takes two switches; the kernel counts them.
	json_t *switches = json_object_get(c, "switches");
	ck_assert_double_ge(number(switches, "voluntary") +
				    number(switches, "involuntary"),
			    1.5);
	json_decref(result);
	outcome_free(&o);
}
END_TEST

START_TEST(few_samples_give_no_far_percentile)
{
	struct outcome o = run(BENCH, "run", SHORT, "--format=json",
			       "switch/process-pipe-64/1MiB/same-cpu", NULL);
	json_t *result = parse(o.out);
	json_t *c = find(result, "switch/process-pipe-64/1MiB/same-cpu");
	double samples = number(c, "samples");
	static const struct {
		const char *name;
		double beyond;
	} far[] = {
		{ "50", 0.5 }, { "90", 0.1 }, { "99", 0.01 },
		{ "99.9", 0.001 }
	};
	for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
		json_t *p = json_object_get(json_object_get(c, "percentiles"),
					    far[i].name);
		ck_assert_msg(json_is_null(p) ==
				      (samples * far[i].beyond < 9.999),
			      "p%s of %.0f samples", far[i].name, samples);
	}
	json_decref(result);
	outcome_free(&o);
}
END_TEST

START_TEST(what_is_shorter_than_the_clock_has_no_percentiles)
{
	struct outcome o = run(BENCH, "run", SHORT, "--format=json",
			       "floor/call", NULL);
	json_t *result = parse(o.out);
	json_t *c = find(result, "floor/call/0B/same-cpu");
	ck_assert(json_is_null(
		json_object_get(json_object_get(c, "percentiles"), "50")));
	ck_assert_double_gt(number(json_object_get(result, "environment"),
				   "clock_cost_ns"),
			    0);
	json_decref(result);
	outcome_free(&o);
}
END_TEST

// A pipe that changes one byte in a thousand, put between the program and the
// C library: the case must fail, not be timed.
START_TEST(what_mixes_up_bytes_is_not_timed)
{
	struct outcome o = run_shell(
		"nm $B/bench/bench | grep -q __[at]san_init && exit 77\n"
		"set -e; d=$(mktemp -d); trap 'rm -rf $d' EXIT\n"
		"cat >$d/f.c <<'END'\n"
		"#define _GNU_SOURCE\n"
		"#include <sys/syscall.h>\n#include <unistd.h>\n"
		"ssize_t read(int fd, void *b, size_t n) {\n"
		"  ssize_t got = syscall(SYS_read, fd, b, n);\n"
		"  if (got > 1000) ((char *)b)[1000] ^= 1;\n"
		"  return got;\n}\n"
		"END\n"
		"cc -shared -fPIC -o $d/f.so $d/f.c\n"
		"LD_PRELOAD=$d/f.so $B/bench/bench run " SHORT
		" --format=json ipc/pipe/4KiB/same-cpu || echo status $?\n");
	if (o.exit == 77) {
		outcome_free(&o);
		SKIP("a sanitizer does not go with LD_PRELOAD");
	}
	ck_assert_int_eq(o.exit, 0);
	ck_assert_ptr_nonnull(strstr(o.out, "status 1"));
	ck_assert_ptr_nonnull(strstr(o.out, "bytes were lost or mixed up"));
	ck_assert_ptr_null(strstr(strstr(o.out, "ipc/pipe"), "\"median\""));
	outcome_free(&o);
}
END_TEST

START_TEST(the_table_fits_its_terminal)
{
	struct outcome o = run_shell(
		"for w in 40 80 132; do COLUMNS=$w script -qec \"stty cols $w;"
		" $B/bench/bench run " SHORT " ipc/pipe\" /dev/null |"
		" tr -d '\\r' | grep -A3 '^ipc' | LC_ALL=C.UTF-8 wc -L; done");
	int w40, w80, w132;
	if (sscanf(o.out, "%d %d %d", &w40, &w80, &w132) != 3)
		ck_abort_msg("%s%s", o.out, o.err);
	ck_assert_int_lt(w40, w80);
	ck_assert_int_le(w80, 80);
	ck_assert_int_le(w132, 132);
	ck_assert_int_lt(w80, w132);
	outcome_free(&o);
}
END_TEST

// --- interruption ------------------------------------------------------------

// The mechanisms whose objects have names; all of them in a soak.
static const char *const interrupted[] = { BENCH,
					   "run",
					   "--quick",
					   "--time=100ms",
					   "ipc/sysv-mq/64B/same-cpu",
					   "ipc/mqueue/64B/same-cpu",
					   "ipc/fifo/64B/same-cpu",
					   NULL };
static const char *const interrupted_long[] = { BENCH, "run", "--quick", NULL };

START_TEST(sigint_at_any_moment)
{
	interrupt_at_moments(soaking() ? interrupted_long : interrupted, SIGINT,
			     50);
}
END_TEST

START_TEST(sigkill_at_any_moment)
{
	interrupt_at_moments(soaking() ? interrupted_long : interrupted,
			     SIGKILL, 50);
}
END_TEST

// What was measured so far is kept, and the shell sees the signal. (Where nothing
// was, in one second on a busy machine, it is given more.)
START_TEST(ctrl_c_ends_with_a_report)
{
	struct outcome o = run_shell(
		"f=$(mktemp); trap 'rm -f $f $f.out' EXIT\n"
		"for seconds in 1 4 16; do\n"
		"timeout --preserve-status -s INT $seconds $B/bench/bench run"
		" --time=1h --json $f ipc/pipe >$f.out; echo status $?\n"
		"grep -o '\"interrupted\": true' $f && break; done\n"
		"grep -o 'interrupted after' $f.out\n");
	ck_assert_ptr_nonnull(strstr(o.out, "status 130"));
	ck_assert_ptr_nonnull(strstr(o.out, "\"interrupted\": true"));
	ck_assert_ptr_nonnull(strstr(o.out, "interrupted after"));
	outcome_free(&o);
}
END_TEST

Suite *bench_suite(void)
{
	Suite *suite = suite_create("bench");
	TCase *plan = tcase_create("plan"), *options = tcase_create("options"),
	      *results = tcase_create("results");

	tcase_set_timeout(plan, 60);
	tcase_add_test(plan, default_set_is_small_and_named);
	tcase_add_test(plan, every_mechanism_has_a_round_trip);
	tcase_add_test(plan, patterns_choose);
	tcase_add_test(plan, what_cannot_be_sent_is_a_row_that_says_so);
	tcase_add_test(plan, workers_that_are_not_pinned_are_anywhere);
	tcase_add_test(plan, every_run_ends_with_a_sentence);
	tcase_add_test(plan, a_list_leaves_nothing);
	suite_add_tcase(suite, plan);

	tcase_set_timeout(options, 60);
	tcase_add_loop_test(options, bad_options_are_refused, 0,
			    sizeof bad / sizeof *bad);
	tcase_add_test(options, contradictions_and_unknown_commands);
	tcase_add_test(options, a_file_that_cannot_be_written_is_refused_first);
	suite_add_tcase(suite, options);

	tcase_set_timeout(results, 120);
	tcase_add_test(results, a_result_agrees_with_itself);
	tcase_add_test(results, few_samples_give_no_far_percentile);
	tcase_add_test(results,
		       what_is_shorter_than_the_clock_has_no_percentiles);
	tcase_add_test(results, what_mixes_up_bytes_is_not_timed);
	tcase_add_test(results, the_table_fits_its_terminal);
	suite_add_tcase(suite, results);
	TCase *stopped = tcase_create("interruption");
	tcase_set_timeout(stopped, soaking() ? 3600 : 240);
	tcase_add_test(stopped, sigint_at_any_moment);
	tcase_add_test(stopped, sigkill_at_any_moment);
	tcase_add_test(stopped, ctrl_c_ends_with_a_report);
	suite_add_tcase(suite, stopped);
	add_bench_file_tests(suite);
	return suite;
}
