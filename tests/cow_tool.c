// The tools of mem/tlb as their users see them: options, JSON, output that fails,
// too little memory.

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow_parts.h"

static const struct {
	const char *arguments;
	int exit;
	const char *out, *err; // parts
} cow_runs[] = {
	{ "mountain --max=64K", 0, "64 KiB", "" },
	{ "mountain --max=64K --rounds=1", 0, "GB of words a second", "" },
	{ "mountain --max=100K --rounds=1", 0, "  64 KiB", "" },
	{ "chase --max=64K --rounds=1", 0, "16 pages", "" },
	{ "chase --max=96K --rounds=1", 0, "24 pages", "" },
	{ "mountain --max=63K", 2, "", "--max=63K: want a size from 64 KiB" },
	{ "mountain --max=1P", 2, "", "--max=1P: want" },
	{ "mountain --max=65G", 2, "", "--max=65G: want" },
	{ "mountain --max=-1", 2, "", "--max=-1: want" },
	{ "mountain --max=64K4", 2, "", "--max=64K4: want" },
	{ "mountain --max", 2, "", "requires an argument" },
	{ "mountain --rounds=0", 2, "", "--rounds=0: want" },
	{ "mountain --rounds=26", 2, "", "--rounds=26: want" },
	{ "mountain --rounds=1.5", 2, "", "--rounds=1.5: want" },
	{ "mountain --format=xml", 2, "", "--format=xml: want" },
	{ "mountain 64K", 2, "", "Too many arguments" },
	{ "mountain --huge=yes", 2, "", "doesn't allow an argument" },
	{ "chase --huge", 2, "", "unrecognized option" },
	{ "chase --max=0", 2, "", "--max=0: want" },
	{ "chase --format", 2, "", "requires an argument" },
	{ "mountain --help", 0, "Example:", "" },
	{ "chase --help", 0, "Example:", "" },
	{ "--help", 0, "mem/tlb mountain", "" },
};
enum { RUNS = sizeof cow_runs / sizeof *cow_runs };

START_TEST(cow_tool_command_lines)
{
	char command[160];

	snprintf(command, sizeof command, "$B/mem/tlb %s",
		 cow_runs[_i].arguments);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == cow_runs[_i].exit, "%s: exit %d, %s%s",
		      command, got.exit, got.out, got.err);
	assert_has(got.out, cow_runs[_i].out);
	assert_has(got.err, cow_runs[_i].err);
	if (got.exit == 2)
		ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST

static json_t *cow_json(const char *arguments)
{
	char command[160];
	json_error_t error;

	snprintf(command, sizeof command, "$B/mem/tlb %s --format=json",
		 arguments);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s: exit %d, %s", command, got.exit,
		      got.err);
	json_t *json = json_loads(got.out, 0, &error);
	ck_assert_msg(json != NULL, "%s: %s in\n%s", command, error.text,
		      got.out);
	outcome_free(&got);
	return json;
}

static void check_spread(json_t *value)
{
	double median, low, high;

	ck_assert_int_eq(json_unpack(value, "{s:F, s:F, s:F}", "median",
				     &median, "low", &low, "high", &high),
			 0);
	ck_assert(0 < low && low <= median && median <= high);
}

// From 4 KiB to 128 KiB, each with the strides at which it has 32 words or more.
START_TEST(cow_tool_mountain_json)
{
	json_t *json = cow_json("mountain --max=128K --rounds=3"), *cell, *ns;
	size_t i, cells = 0;
	json_int_t rounds;
	int huge, right;

	ck_assert_int_eq(json_unpack(json, "{s:I, s:b, s:b}", "rounds", &rounds,
				     "huge", &huge, "sums_right", &right),
			 0);
	ck_assert(rounds == 3 && !huge && right);
	for (size_t bytes = 4096; bytes <= 128 * 1024; bytes *= 2)
		for (size_t stride = 8; stride <= 4096; stride *= 2)
			cells += bytes / stride >= 32;
	json_t *all = json_object_get(json, "cells");
	ck_assert_uint_eq(json_array_size(all), cells);
	json_array_foreach(all, i, cell)
	{
		json_int_t bytes, stride;
		double speed;
		ck_assert_int_eq(json_unpack(cell, "{s:I, s:I, s:F, s:o}",
					     "bytes", &bytes, "stride", &stride,
					     "gb_per_s", &speed, "ns_per_read",
					     &ns),
				 0);
		ck_assert(bytes / stride >= 32 && speed > 0);
		check_spread(ns);
		// 8 bytes in `median` ns, said twice
		double median =
			json_number_value(json_object_get(ns, "median"));
		ck_assert_double_lt(speed * median, 8.001);
		ck_assert_double_gt(speed * median, 7.999);
	}
	json_decref(json);
}
END_TEST

START_TEST(cow_tool_chase_json)
{
	json_t *json = cow_json("chase --max=256K --rounds=2"), *set;
	json_int_t page, last = 0;
	size_t i, sets = 0;
	int all;

	ck_assert_int_eq(json_unpack(json, "{s:I, s:b}", "page_bytes", &page,
				     "all_visited", &all),
			 0);
	ck_assert(all);
	size_t most = (256 << 10) / (size_t)page;
	for (size_t pages = 16; pages <= most; pages *= 2)
		sets += 1 + (pages + pages / 2 <= most);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "sets")), sets);
	json_array_foreach(json_object_get(json, "sets"), i, set)
	{
		json_int_t pages;
		json_t *small, *huge;
		ck_assert_int_eq(json_unpack(set, "{s:I, s:o, s:o}", "pages",
					     &pages, "small_ns", &small,
					     "huge_ns", &huge),
				 0);
		ck_assert(pages > last);
		last = pages;
		check_spread(small);
		if (!json_is_null(huge))
			check_spread(huge);
	}
	json_decref(json);
}
END_TEST

// More than there may be is refused, not tried.
START_TEST(cow_tool_no_room)
{
	static const char *const tools[] = { "mountain", "mountain --huge",
					     "chase" };
	char command[160];

	if (sanitized())
		SKIP("a sanitizer needs room itself");
	snprintf(command, sizeof command,
		 "ulimit -v 300000; $B/mem/tlb %s --max=512M", tools[_i]);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 1 || (_i == 1 && got.exit == 77),
		      "%s: exit %d, %s", command, got.exit, got.err);
	if (got.exit == 1)
		assert_has(got.err, "no room for");
	ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST

START_TEST(cow_tool_unheard)
{
	struct outcome got = run_shell(
		"$B/mem/tlb mountain --max=64K --rounds=1 >/dev/full");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "No space left");
	outcome_free(&got);
	got = run_shell("$B/mem/tlb chase --max=64K --format=json | head -1 "
			">/dev/null");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

void add_cow_tool_tests(Suite *suite)
{
	TCase *tool = tcase_create("tool");

	tcase_add_loop_test(tool, cow_tool_command_lines, 0, RUNS);
	tcase_add_test(tool, cow_tool_mountain_json);
	tcase_add_test(tool, cow_tool_chase_json);
	tcase_add_loop_test(tool, cow_tool_no_room, 0, 3);
	tcase_add_test(tool, cow_tool_unheard);
	suite_add_tcase(suite, tool);
}
