// # Tests of mem/fragment: `strip`, and scenes where something is missing

#define _GNU_SOURCE
#include "fragment_parts.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define STRIP "$B/mem/fragment strip "

static void assert_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in\n%.3000s", part,
		      text);
}

static void prints(const char *command, int status, const char *part)
{
	struct outcome got = run_shell(command);

	ck_assert_msg(got.exit == status, "%s: %d\n%s%s", command, got.exit,
		      got.out, got.err);
	assert_has(got.out, part);
	outcome_free(&got);
}

// ## strip

static const struct {
	const char *arguments, *says;
} bad_strips[] = {
	{ "", "want requests, such as" },
	{ "''", "want requests, such as" },
	{ "' , '", "want requests, such as" },
	{ "'a 1' 'f 0'", "f 0: want the requests in one argument" },
	{ "'b 1'", "'b 1': want a BYTES" },
	{ "a", "'a': want a BYTES" },
	{ "'a 0'", "'a 0': want a BYTES" },
	{ "'a -1'", "'a -1': want a BYTES" },
	{ "'a 1.5'", "'a 1.5': want a BYTES" },
	{ "'a 2000T'", "'a 2000T': want a BYTES (1 to 1024T)" },
	{ "'a 1, f 1'", "'f 1': want a BYTES" },
	{ "'a 1, f B'", "'f B': want a BYTES" },
	{ "'a 1, f AA'", "'f AA': want" },
	{ "'a 1, f'", "'f': want" },
	{ "'c 1'", "'c 1': want" },
	{ "--fit=good 'a 1'", "--fit=good: want first, best, worst, next" },
	{ "--size=0 'a 1'", "--size=0: want" },
	{ "--size=x 'a 1'", "--size=x: want" },
	{ "--header=-1 'a 1'", "--header=-1: want" },
	{ "--align=0 'a 1'", "--align=0: want" },
	{ "--smallest=3 'a 1'", "--smallest=3: want a power of two" },
	{ "--fit=buddy --size=100 --smallest=8 'a 1'",
	  "--smallest=8: want what divides the strip's size, 100" },
	{ "--order=up 'a 1'", "--order=up: want address, size-up" },
	{ "--order=back --fit=next 'a 1'",
	  "--order=back: want address for next fit and buddy" },
	{ "--order=back --fit=all 'a 1'", "--order=back: want address" },
	{ "--format=xml 'a 1'", "--format=xml: want text or json" },
	{ "--nothing 'a 1'", "unrecognized option" },
};

START_TEST(fragment_strip_bad)
{
	char command[256];

	snprintf(command, sizeof command, STRIP "%s", bad_strips[_i].arguments);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 2, "%s: %d", command, got.exit);
	assert_has(got.err, bad_strips[_i].says);
	outcome_free(&got);
}
END_TEST

START_TEST(fragment_strip_text)
{
	prints(STRIP "'a 300, a 200, a 300, f 1, a 120'", 0,
	       "a 120      3 (D) at 300, 1 looked at\n"
	       " 0  AAAAAAAAAAAAAAAAAAAADDDDDDD·····CCCCCCCCCCCCCCCCCCCC"
	       "············\n"
	       "280 bytes free in 2 holes, the largest 200: 28.6 % of no use "
	       "to one request\n"
	       "720 given out, 720 asked for: 0.0 % lost inside\n");
	prints(STRIP "--fit=buddy 'a 65, c, f A, f A'", 0,
	       "f 0        is not there");
	prints(STRIP "'a 900, a 200, f 1, c'", 0, "refused, 1 looked at");
	prints("printf 'a 1K\\r\\na 2K\\nf B\\n' | " STRIP
	       "--size=4K --fit=worst -",
	       0, "3072 bytes free in 1 hole, the largest 3072: 0.0 %");
	prints("yes 'a 10' | head -3000 | " STRIP "--size=1M -", 0,
	       "a 10       2999 (#) at 29990");

	struct outcome got = run_shell("yes 'a 100000000000000' | " STRIP "-");
	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "want a text of less than 1048576 bytes");
	outcome_free(&got);
	got = run_shell(STRIP "- < /");
	ck_assert_int_eq(got.exit, 1);
	outcome_free(&got);
	got = run_shell("yes 'a 10' | head -20000 | " STRIP "--size=1M -");
	ck_assert_int_eq(got.exit, 2);
	outcome_free(&got);
}
END_TEST

START_TEST(fragment_strip_json)
{
	struct outcome got = run_shell(STRIP
				       "--fit=all --size=256 --format=json "
				       "'a 100, a 30, f A, a 40, c, a 200'");
	json_error_t error;
	json_t *all = json_loads(got.out, 0, &error);

	ck_assert_int_eq(got.exit, 0);
	ck_assert_msg(all != NULL, "%s in %s", error.text, got.out);
	ck_assert_uint_eq(json_array_size(all), 5);
	// the first hole, the smallest, the largest, the one behind; the 64
	// behind B's 32
	static const int address[] = { 0, 0, 130, 130, 192 };
	for (size_t i = 0; i < 5; i++) {
		json_t *ops = json_object_get(json_array_get(all, i),
					      "operations");
		json_t *op = json_array_get(ops, 3);
		ck_assert_uint_eq(json_array_size(ops), 6);
		ck_assert_int_eq(
			json_integer_value(json_object_get(op, "address")),
			address[i]);
		op = json_array_get(ops, 5);
		ck_assert(json_is_null(json_object_get(op, "address")));
		op = json_array_get(ops, 4);
		ck_assert_uint_eq(
			json_array_size(json_object_get(op, "free_list")),
			i < 4 ? 1 : 2);
	}
	json_decref(all);
	outcome_free(&got);
}
END_TEST

// ## Scenes

// A limited address space says nothing about holes: the scene is left.
START_TEST(fragment_limited)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer wants all addresses");
#endif
	prints("ulimit -v 8000000 && $B/mem/fragment space", 77,
	       "ulimit -v unlimited");
}
END_TEST

START_TEST(fragment_closed_pipe)
{
	struct outcome got = run_shell(
		"($B/mem/fragment fill; echo $? >&2) | head -1 >/dev/null");

	ck_assert_int_eq(got.exit, 0);
	ck_assert_msg(!strstr(got.err, "EPIPE"), "%s", got.err);
	outcome_free(&got);
}
END_TEST

void fragment_tool_tests(Suite *suite)
{
	TCase *tests = tcase_create("tool");

	tcase_add_loop_test(tests, fragment_strip_bad, 0,
			    sizeof bad_strips / sizeof *bad_strips);
	tcase_add_test(tests, fragment_strip_text);
	tcase_add_test(tests, fragment_strip_json);
	tcase_add_test(tests, fragment_limited);
	tcase_add_test(tests, fragment_closed_pipe);
	suite_add_tcase(suite, tests);
}
