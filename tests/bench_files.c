// Result files of the benchmark: what compare says of two, and that nobody
// believes a file that is wrong.
//
// The files are made here, with values whose ratios and p-values are known.

#define _GNU_SOURCE
#include "bench_files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *compare_json(const char *old, const char *new)
{
	json_error_t error;
	struct outcome o = run(BENCH, "compare", "--format=json", old, new,
			       NULL);
	ck_assert_msg(o.exit == 0, "%s", o.err);
	ck_assert_str_eq(o.err, "");
	json_t *all = json_loads(o.out, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(all != NULL, "%s in %s", error.text, o.out);
	outcome_free(&o);
	return all;
}

static const json_t *first_pair(const json_t *all)
{
	return json_array_get(json_object_get(all, "comparisons"), 0);
}

static const json_t *pair_case(const json_t *all, size_t i)
{
	const json_t *c =
		json_array_get(json_object_get(first_pair(all), "cases"), i);
	ck_assert_ptr_nonnull(c);
	return c;
}

static double number(const json_t *object, const char *field)
{
	const json_t *value = json_object_get(object, field);
	ck_assert_msg(json_is_number(value), "no number %s", field);
	return json_number_value(value);
}

static const char *verdict(const json_t *all, size_t i)
{
	return json_string_value(json_object_get(pair_case(all, i), "verdict"));
}

// ## compare

START_TEST(a_file_does_not_differ_from_itself)
{
	const char *old = save("old.json", one_case("ns", 100, 1, 12));
	json_t *all = compare_json(old, old);

	ck_assert_double_eq(number(pair_case(all, 0), "ratio"), 1);
	ck_assert_double_eq(number(pair_case(all, 0), "p_adjusted"), 1);
	ck_assert_str_eq(verdict(all, 0), "no difference");
	json_decref(all);
	struct outcome o = run(BENCH, "compare", "--fail-if-slower=0", old, old,
			       NULL);
	ck_assert_int_eq(o.exit, 0);
	lacks(o.out, PIPE);
	outcome_free(&o);
	o = run(BENCH, "compare", "--all", old, old, NULL);
	ck_assert_int_eq(o.exit, 0);
	contains(o.out, PIPE);
	outcome_free(&o);
}
END_TEST

// 100 to 111 against 200 to 222: medians 105.5 and 211. No round of one lies
// among the other's, so p is 2 of the 24 over 12 orders: 2 / 2704156.
START_TEST(doubled_times_are_slower)
{
	const char *old = save("old.json", one_case("ns", 100, 1, 12));
	const char *new = save("new.json", one_case("ns", 200, 2, 12));
	json_t *all = compare_json(old, new);
	const json_t *c = pair_case(all, 0);
	const json_t *interval = json_object_get(c, "interval");

	ck_assert_double_eq_tol(number(c, "ratio"), 2, 1e-5);
	ck_assert_double_eq_tol(number(c, "p"), 2 / 2704156.0, 1e-11);
	ck_assert_double_eq_tol(number(c, "p_adjusted"), 2 / 2704156.0, 1e-11);
	ck_assert_double_gt(json_number_value(json_array_get(interval, 0)),
			    1.8);
	ck_assert_double_lt(json_number_value(json_array_get(interval, 0)), 2);
	ck_assert_double_gt(json_number_value(json_array_get(interval, 1)), 2);
	ck_assert_double_lt(json_number_value(json_array_get(interval, 1)),
			    2.2);
	ck_assert_str_eq(verdict(all, 0), "slower");
	json_decref(all);
	all = compare_json(new, old);
	ck_assert_double_eq_tol(number(pair_case(all, 0), "ratio"), 0.5, 1e-6);
	ck_assert_str_eq(verdict(all, 0), "faster");
	json_decref(all);
}
END_TEST

static int limited(const char *limit, const char *old, const char *new)
{
	struct outcome o = run(BENCH, "compare", limit, old, new, NULL);
	int status = o.exit;

	ck_assert_str_eq(o.err, "");
	if (status == 1)
		contains(o.out, "FAILS");
	else
		lacks(o.out, "FAILS");
	outcome_free(&o);
	return status;
}

START_TEST(only_sure_slowdowns_beyond_the_limit_fail)
{
	const char *old = save("old.json", one_case("ns", 100, 1, 12));
	const char *new = save("new.json", one_case("ns", 200, 2, 12));

	ck_assert_int_eq(limited("--all", old, new), 0);
	ck_assert_int_eq(limited("--fail-if-slower=50", old, new), 1);
	ck_assert_int_eq(limited("--fail-if-slower=0", old, new), 1);
	// the ratio is 2, its interval reaches below
	ck_assert_int_eq(limited("--fail-if-slower=99.9", old, new), 0);
	ck_assert_int_eq(limited("--fail-if-slower=150", old, new), 0);
	ck_assert_int_eq(limited("--fail-if-slower=0", new, old), 0);
}
END_TEST

START_TEST(half_the_bandwidth_is_slower)
{
	const char *old = save("old.json", one_case("B/s", 200, 2, 12));
	const char *new = save("new.json", one_case("B/s", 100, 1, 12));
	json_t *all = compare_json(old, new);

	ck_assert_double_eq_tol(number(pair_case(all, 0), "ratio"), 0.5, 1e-6);
	ck_assert_str_eq(verdict(all, 0), "slower");
	json_decref(all);
	ck_assert_int_eq(limited("--fail-if-slower=50", old, new), 1);
	ck_assert_int_eq(limited("--fail-if-slower=150", old, new), 0);
	ck_assert_int_eq(limited("--fail-if-slower=50", new, old), 0);
}
END_TEST

// Four rounds against four: no p is below 2 / 70 = 0.0286. One case may pass
// with that; two may not, since Holm doubles it; 2 / 252 of five rounds may.
START_TEST(too_few_rounds_are_said)
{
	json_t *a = one_case("ns", 100, 1, 4), *b = one_case("ns", 200, 2, 4);
	const char *old = save("old.json", json_deep_copy(a));
	const char *new = save("new.json", json_deep_copy(b));
	json_t *all = compare_json(old, new);

	ck_assert_str_eq(verdict(all, 0), "slower");
	json_decref(all);
	add_case(a, "ipc/tcp/1KiB/same-cpu", "ns", 100, 1, 4);
	add_case(b, "ipc/tcp/1KiB/same-cpu", "ns", 100, 1, 4);
	old = save("old.json", a);
	new = save("new.json", b);
	all = compare_json(old, new);
	ck_assert_str_eq(verdict(all, 0), "too few rounds");
	ck_assert_str_eq(verdict(all, 1), "too few rounds");
	ck_assert_double_eq(number(first_pair(all), "rounds_needed"), 5);
	json_decref(all);
	struct outcome o = run(BENCH, "compare", "--fail-if-slower=1", old, new,
			       NULL);
	ck_assert_int_eq(o.exit, 0);
	contains(o.out, "too few rounds");
	outcome_free(&o);
}
END_TEST

// Beside a case that surely differs, four rounds are enough: Holm multiplies
// only the smallest p by two.
START_TEST(holm_is_sequential)
{
	json_t *a = one_case("ns", 100, 1, 12), *b = one_case("ns", 200, 2, 12);
	add_case(a, "ipc/tcp/1KiB/same-cpu", "ns", 100, 1, 4);
	json_t *c = json_deep_copy(b);
	add_case(b, "ipc/tcp/1KiB/same-cpu", "ns", 200, 2, 4);
	add_case(c, "ipc/tcp/1KiB/same-cpu", "ns", 100, 1, 4);
	const char *old = save("old.json", a);
	json_t *all = compare_json(old, save("new.json", b));

	ck_assert_double_eq_tol(number(pair_case(all, 0), "p_adjusted"),
				2 * 2 / 2704156.0, 1e-10);
	ck_assert_double_eq_tol(number(pair_case(all, 1), "p_adjusted"),
				2 / 70.0, 1e-6);
	ck_assert_str_eq(verdict(all, 1), "slower");
	json_decref(all);
	all = compare_json(old, save("new.json", c));
	ck_assert_str_eq(verdict(all, 1), "no difference");
	json_decref(all);
}
END_TEST

// Three equal rounds against three others: 2 of 20 orders are as extreme, so p
// is 0.1, whatever an approximation for ties would claim.
START_TEST(ties_claim_no_more_than_orders)
{
	const char *old = save("old.json", one_case("ns", 100, 0, 3));
	json_t *all = compare_json(old,
				   save("new.json", one_case("ns", 200, 0, 3)));

	ck_assert_double_eq_tol(number(pair_case(all, 0), "p"), 0.1, 1e-6);
	ck_assert_str_eq(verdict(all, 0), "too few rounds");
	json_decref(all);
}
END_TEST

// Three cases with U = 1 of five rounds each (p = 4 / 252) do not pass as the
// first of four (times 4), so the fourth, whose four rounds cannot go below
// 2 / 70, never has its turn.
START_TEST(holm_stops_at_the_first_that_fails)
{
	static const char *const names[] = { PIPE, "a/b/1B/c", "a/b/2B/c",
					     "a/b/3B/c" };
	json_t *a = empty_result(), *b = empty_result();

	for (int i = 0; i < 3; i++) {
		json_t *was = add_case(a, names[i], "ns", 100, 1, 5);
		json_t *is = add_case(b, names[i], "ns", 105, 1, 5);
		json_object_set_new(was, "rounds",
				    json_pack("[i,i,i,i,i]", 1, 2, 3, 4, 6));
		json_object_set_new(is, "rounds",
				    json_pack("[i,i,i,i,i]", 5, 7, 8, 9, 10));
	}
	add_case(a, names[3], "ns", 100, 1, 4);
	add_case(b, names[3], "ns", 100, 1, 4);
	const char *old = save("old.json", a);
	json_t *all = compare_json(old, save("new.json", b));
	ck_assert_double_eq_tol(number(pair_case(all, 0), "p"), 4 / 252.0,
				1e-6);
	ck_assert_str_eq(verdict(all, 0), "no difference");
	ck_assert_str_eq(verdict(all, 3), "too few rounds");
	json_decref(all);
}
END_TEST

START_TEST(what_differs_besides_values_is_named)
{
	json_t *a = one_case("ns", 100, 1, 12), *b = json_deep_copy(a);
	json_t *environment = json_object_get(b, "environment");

	json_object_set_new(environment, "kernel", json_string("6.2.0 #1"));
	json_object_set_new(environment, "date", json_string("2026"));
	json_object_set_new(environment, "load", json_string("0.20 0 0"));
	json_object_set_new(environment, "clock_cost_ns", json_integer(25));
	json_object_set_new(environment, "pinned", json_false());
	add_case(a, "ipc/old/1KiB/same-cpu", "ns", 100, 1, 12);
	add_case(b, "ipc/new/1KiB/same-cpu", "ns", 100, 1, 12);
	add_case(a, "ipc/broken/1KiB/same-cpu", "ns", 100, 1, 12);
	add_bare(b, "ipc/broken/1KiB/same-cpu", "failed", "byte 3 is lost");
	const char *old = save("old.json", a), *new = save("new.json", b);
	struct outcome o = run(BENCH, "compare", old, new, NULL);

	ck_assert_int_eq(o.exit, 0);
	contains(o.out, "6.1.0 #1 -> 6.2.0 #1");
	contains(o.out, "pinned");
	lacks(o.out, "load ");
	lacks(o.out, "clock_cost_ns");
	contains(o.out, "ipc/old/1KiB/same-cpu");
	contains(o.out, "ipc/new/1KiB/same-cpu");
	contains(o.out, "FAILED: byte 3 is lost");
	outcome_free(&o);
	// a case that breaks is slower than any limit
	ck_assert_int_eq(limited("--fail-if-slower=1000", old, new), 1);
}
END_TEST

START_TEST(nothing_to_compare_is_a_failure)
{
	json_t *other = empty_result();
	add_case(other, "ipc/other/1KiB/same-cpu", "ns", 100, 1, 12);
	struct outcome o = run(BENCH, "compare",
			       save("old.json", one_case("ns", 100, 1, 12)),
			       save("new.json", other), NULL);

	ck_assert_int_eq(o.exit, 1);
	contains(o.err, "no case has values in both");
	outcome_free(&o);
}
END_TEST

START_TEST(several_files_are_held_against_the_first)
{
	const char *old = save("old.json", one_case("ns", 100, 1, 12));
	const char *new = save("new.json", one_case("ns", 200, 2, 12));
	struct outcome o = run(BENCH, "compare", "--fail-if-slower=10", old,
			       old, new, NULL);

	ck_assert_int_eq(o.exit, 1);
	contains(o.out, "1 without a real difference");
	contains(o.out, "1 slower");
	outcome_free(&o);
}
END_TEST

// In the C locale, where a byte is a column.
START_TEST(lines_fit_the_terminal)
{
	char command[600];
	snprintf(command, sizeof command,
		 "LC_ALL=C COLUMNS=80 \"$B/bench/bench\" compare --all %s %s",
		 save("old.json", one_case("ns", 100, 1, 12)),
		 save("new.json", one_case("ns", 200, 2, 12)));
	struct outcome o = run_shell(command);
	ck_assert_int_eq(o.exit, 0);
	for (char *line = strtok(o.out, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 80, "%zu columns: %s",
			      strlen(line), line);
	outcome_free(&o);
}
END_TEST

START_TEST(bad_usage)
{
	const char *old = save("old.json", one_case("ns", 100, 1, 12));
	const char *const limits[] = {
		"--fail-if-slower=", "--fail-if-slower=-1",
		"--fail-if-slower=10x", "--fail-if-slower=nan",
		"--fail-if-slower=10001", "--format=xml", "--format=",
		"--nonsense",
	};
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct outcome o = run(BENCH, "compare", limits[i], old, old,
				       NULL);
		ck_assert_msg(o.exit == 2, "%s: %d", limits[i], o.exit);
		ck_assert_str_eq(o.out, "");
		ck_assert_str_ne(o.err, "");
		outcome_free(&o);
	}
	struct outcome o = run(BENCH, "compare", old, NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
	o = run(BENCH, "compare", NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
	o = run(BENCH, "report", NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
	o = run(BENCH, "report", "-o", "", old, NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
	o = run(BENCH, "report", old, old, old, old, old, old, old, NULL);
	ck_assert_int_eq(o.exit, 2);
	outcome_free(&o);
}
END_TEST

// ## Files that are wrong

// Each is refused by all commands, in a sentence that names the file.
static void refused(const char *path, const char *because)
{
	const char *const commands[] = { "compare", "report", "when" };
	char output[200];

	snprintf(output, sizeof output, "-o%s/never.html", folder);
	for (int i = 0; i < 3; i++) {
		struct outcome o =
			i == 0   ? run(BENCH, "compare", path, path, NULL)
			: i == 1 ? run(BENCH, "report", output, path, NULL)
				 : run(BENCH, "when", path, NULL);
		ck_assert_msg(o.exit == 1, "%s: exit %d, want: %s", commands[i],
			      o.exit, because);
		ck_assert_str_eq(o.out, "");
		contains(o.err, because);
		contains(o.err, strrchr(path, '/') + 1);
		outcome_free(&o);
	}
	ck_assert_int_eq(access(output + 2, F_OK), -1);
}

START_TEST(text_that_is_no_result)
{
	static const struct {
		const char *text, *because;
	} texts[] = {
		{ "", "empty" },
		{ "{", "line 1" },
		{ "hello", "line 1" },
		{ "[]", "no result of bench run" },
		{ "{}", "no result of bench run" },
		{ "{\"schema\": 2}", "newer" },
		{ "{\"schema\": 0}", "schema" },
		{ "{\"schema\": \"1\"}", "schema" },
		{ "{\"schema\": 1.0}", "schema" },
		{ "{\"schema\": NaN}", "line 1" },
		{ "{\"schema\": 1, \"schema\": 1}", "duplicate" },
		{ "{\"schema\": 99999999999999999999}", "too big" },
		{ "{\"schema\": 1e999}", "overflow" },
		{ "{\"schema\": \"\xff\xfe\"}", "decode byte" },
		{ "{\"schema\": 1}", "environment" },
		{ "{\"schema\": 1}}", "end of file" },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		refused(save_text("bad.json", texts[i].text,
				  strlen(texts[i].text)),
			texts[i].because);

	enum { DEEP = 100000 };
	char *deep = malloc(DEEP);
	ck_assert_ptr_nonnull(deep);
	memset(deep, '[', DEEP);
	refused(save_text("deep.json", deep, DEEP), "depth");
	free(deep);
	refused(path_of("missing.json"), "No such file");
	refused(folder, "directory");
}
END_TEST

START_TEST(a_file_that_is_too_large)
{
	const char *path = save_text("large.json", "", 0);
	ck_assert_int_eq(truncate(path, (64 << 20) + 1), 0);
	refused(path, "larger than 64 MiB");
}
END_TEST

// Sets the value at a path of names and numbers; NULL takes it away.
static void set_at(json_t *at, const char *path, json_t *value)
{
	char name[64];
	size_t n = strcspn(path, "/");

	ck_assert_uint_lt(n, sizeof name);
	snprintf(name, sizeof name, "%.*s", (int)n, path);
	if (path[n]) {
		set_at(isdigit((unsigned char)*name) && json_is_array(at)
			       ? json_array_get(at, (size_t)atol(name))
			       : json_object_get(at, name),
		       path + n + 1, value);
		return;
	}
	if (json_is_array(at))
		ck_assert_int_eq(
			value ? json_array_set_new(at, (size_t)atol(name),
						   value)
			      : json_array_remove(at, (size_t)atol(name)),
			0);
	else
		ck_assert_int_eq(value ? json_object_set_new(at, name, value)
				       : json_object_del(at, name),
				 0);
}

START_TEST(fields_that_are_wrong)
{
	static const struct {
		const char *path, *value, *because;
	} fields[] = {
		{ "cases", NULL, "cases" },
		{ "cases", "{}", "want an array" },
		{ "elapsed_s", "-1", "elapsed_s" },
		{ "elapsed_s", "\"1\"", "found a string" },
		{ "interrupted", "0", "true or false" },
		{ "environment", "[]", "want an object" },
		{ "environment/kernel", NULL, "kernel" },
		{ "environment/kernel", "6", "kernel: want a string" },
		{ "environment/cores", "1.5", "cores" },
		{ "environment/pinned", "null", "pinned" },
		{ "cases/0", "7", "case 1: want an object" },
		{ "cases/0/name", NULL, "case 1" },
		{ "cases/0/name", "\"ipc/pipe\"", "form" },
		{ "cases/0/name", "\"/pipe/1B/same-cpu\"", "form" },
		{ "cases/0/name", "\"ipc//1B/same-cpu\"", "form" },
		{ "cases/0/name", "\"ipc/pipe/1B/same-cpu/\"", "form" },
		{ "cases/0/name", "\"a/b/c/d\\n\"", "form" },
		{ "cases/0/name", "\"a/b/c/\\u001b[31m\"", "form" },
		{ "cases/0/name", "\"a/b/c/\\u009b31m\"", "form" },
		{ "cases/1/name", "\"" PIPE "\"", PIPE ": there are two" },
		{ "cases/0/unit", "\"s\"", PIPE ": want unit" },
		{ "cases/0/better", "\"higher\"", "want unit" },
		{ "cases/0/median", NULL, PIPE ": there is no field" },
		{ "cases/0/median", "0", "median: want a number above 0" },
		{ "cases/0/median", "null", "found null" },
		{ "cases/0/median", "1e19", "up to 1e18" },
		{ "cases/0/median", "1e-300", "above 0" },
		{ "cases/0/rounds", "[]", "rounds: want 1 to" },
		{ "cases/0/rounds/3", "-2", "rounds: value 4" },
		{ "cases/0/rounds/3", "\"x\"", "rounds: value 4" },
		{ "cases/0/interval", "[1]", "interval" },
		{ "cases/0/interval", "[2, 1]", "low above high" },
		{ "cases/0/percentiles/99.9", NULL, "99.9" },
		{ "cases/0/percentiles/50", "true", "percentiles: 50" },
		{ "cases/0/histogram", "[[1, 2]]", "histogram: bucket 1" },
		{ "cases/0/histogram", "[[2, 1, 5]]", "lower below upper" },
		{ "cases/0/histogram", "[7]", "histogram" },
		{ "cases/0/switches", "{}", "voluntary" },
		{ "cases/0/cpu_ns", "[null]", "cpu_ns" },
		{ "cases/0/samples", "1.5", "samples" },
		{ "cases/0/migrations", "-1", "migrations" },
		{ "cases/0/floor_ratio", "0", "floor_ratio" },
		{ "cases/0/stable", "1", "stable" },
		{ "cases/0/rate", "\"fast\"", "rate" },
		{ "cases/0/skipped", "7", "skipped: want a string" },
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		json_t *result = one_case("ns", 100, 1, 12);
		add_case(result, "ipc/tcp/1B/same-cpu", "ns", 100, 1, 12);
		set_at(result, fields[i].path,
		       !fields[i].value ? NULL
					: json_loads(fields[i].value,
						     JSON_DECODE_ANY, NULL));
		refused(save("field.json", result), fields[i].because);
	}
	json_t *result = empty_result();
	json_object_set_new(add_bare(result, PIPE, "skipped", "x"), "failed",
			    json_string("y"));
	refused(save("field.json", result), "skipped and failed");
}
END_TEST

START_TEST(a_field_from_the_future_is_left_alone)
{
	json_t *result = one_case("ns", 100, 1, 12);
	set_at(result, "novelty", json_true());
	set_at(result, "environment/novelty", json_integer(3));
	set_at(result, "cases/0/novelty", json_array());
	const char *path = save("new.json", result);
	struct outcome o = run(BENCH, "compare", path, path, NULL);
	ck_assert_msg(o.exit == 0, "%s", o.err);
	outcome_free(&o);
}
END_TEST

void add_bench_file_tests(Suite *suite)
{
	TCase *tests = tcase_create("files");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, a_file_does_not_differ_from_itself);
	tcase_add_test(tests, doubled_times_are_slower);
	tcase_add_test(tests, only_sure_slowdowns_beyond_the_limit_fail);
	tcase_add_test(tests, half_the_bandwidth_is_slower);
	tcase_add_test(tests, too_few_rounds_are_said);
	tcase_add_test(tests, holm_is_sequential);
	tcase_add_test(tests, ties_claim_no_more_than_orders);
	tcase_add_test(tests, holm_stops_at_the_first_that_fails);
	tcase_add_test(tests, what_differs_besides_values_is_named);
	tcase_add_test(tests, nothing_to_compare_is_a_failure);
	tcase_add_test(tests, several_files_are_held_against_the_first);
	tcase_add_test(tests, lines_fit_the_terminal);
	tcase_add_test(tests, bad_usage);
	tcase_add_test(tests, text_that_is_no_result);
	tcase_add_test(tests, a_file_that_is_too_large);
	tcase_add_test(tests, fields_that_are_wrong);
	tcase_add_test(tests, a_field_from_the_future_is_left_alone);
	suite_add_tcase(suite, tests);
	add_bench_report_tests(suite);
	add_bench_when_tests(suite);
}
