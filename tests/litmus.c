// sync/litmus beside its scenes (the suite `sync` plays those): its tool, and
// what it says of each test against what is published.

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs.h"

enum { PLAYED = 0, ONE_CPU = 77 };

// A machine of one CPU, or a container that holds us to one, plays none of it.
#define PLAY(o, ...)                                                           \
	struct outcome o = run("sync/litmus", __VA_ARGS__, NULL);              \
	if ((o).exit == ONE_CPU) {                                             \
		outcome_free(&(o));                                            \
		SKIP("one CPU: taskset, cpuset");                              \
	}

// The weak outcome of each, and that no interleaving has it: Alglave, Maranget &
// Tautschnig, "Herding Cats" (2014), figures of sb, mp, lb, iriw and coRR; and
// what x86-TSO and C11 have to say: Sewell et al., CACM 53 (2010).
static const struct row {
	const char *test, *order, *line;
} rows[] = {
	{ "--test=SB", "--order=relaxed", "r0=0 r1=0 * no yes yes yes" },
	{ "--test=SB", "--order=acqrel", "r0=0 r1=0 * no yes no yes" },
	{ "--test=SB", "--order=fence", "r0=0 r1=0 * no no no no" },
	{ "--test=SB", "--order=seqcst", "r0=0 r1=0 * no no no no" },
	{ "--test=MP", "--order=relaxed", "r0=1 r1=0 * no no yes yes" },
	{ "--test=MP", "--order=acqrel", "r0=1 r1=0 * no no no no" },
	{ "--test=LB", "--order=relaxed", "r0=1 r1=1 * no no yes yes" },
	{ "--test=LB", "--order=acqrel", "r0=1 r1=1 * no no no no" },
	{ "--test=IRIW", "--order=relaxed",
	  "r0=1 r1=0 r2=1 r3=0 * no no yes yes" },
	{ "--test=IRIW", "--order=acqrel",
	  "r0=1 r1=0 r2=1 r3=0 * no no no yes" },
	{ "--test=IRIW", "--order=seqcst", "r0=1 r1=0 r2=1 r3=0 * no no no no" },
	{ "--test=CoRR", "--order=relaxed", "r0=1 r1=0 * no no no no" },
};

// The line of `out` that begins with the part of `want` before the '*', and ends
// with what is behind it; single spaces in both.
static bool has_line(const char *out, const char *want)
{
	char text[200], rest[4000];
	const char *star = strchr(want, '*');

	snprintf(rest, sizeof rest, "%s", out);
	for (char *line = strtok(rest, "\n"); line; line = strtok(NULL, "\n")) {
		size_t n = 0;
		for (const char *c = line; *c && n < sizeof text - 1; c++)
			if (*c != ' ' || (n > 0 && text[n - 1] != ' '))
				text[n++] = *c;
		text[n] = '\0';
		size_t tail = strlen(star + 1);
		if (!strncmp(text, want, star - want) && n > tail &&
		    !strcmp(text + n - tail, star + 1))
			return true;
	}
	return false;
}

START_TEST(litmus_verdicts)
{
	const struct row *row = &rows[_i];
	PLAY(o, row->test, row->order, "--rounds=100");

	ck_assert_msg(o.exit == PLAYED, "%s", o.err);
	ck_assert_msg(has_line(o.out, row->line), "no \"%s\" in:\n%s",
		      row->line, o.out);
	outcome_free(&o);
}
END_TEST

// Every round has one outcome.
START_TEST(litmus_counts)
{
	static const char *const names[] = { "--test=SB", "--test=MP",
					     "--test=LB", "--test=IRIW",
					     "--test=CoRR" };
	PLAY(o, names[_i], "--order=seqcst", "--rounds=1000", "--format=json");
	json_error_t error;
	json_int_t sum = 0;
	const char *key;
	json_t *value;

	ck_assert_int_eq(o.exit, PLAYED);
	json_t *all = json_loads(o.out, 0, &error);
	ck_assert_msg(all != NULL, "%s in:\n%s", error.text, o.out);
	ck_assert_int_eq(json_integer_value(json_object_get(all, "rounds")),
			 1000);
	json_object_foreach(json_object_get(all, "outcomes"), key, value)
		sum += json_integer_value(value);
	ck_assert_int_eq(sum, 1000);
	const char *weak = json_string_value(json_object_get(all, "weak"));
	ck_assert_int_eq(json_integer_value(json_object_get(
				 json_object_get(all, "outcomes"), weak)),
			 0);
	ck_assert(json_is_false(json_object_get(all, "allowed here")));
	json_decref(all);
	outcome_free(&o);
}
END_TEST

START_TEST(litmus_usage)
{
	static const struct {
		const char *options, *complaint;
	} bad[] = {
		{ "--test=sb", "--test=sb: want" },
		{ "--test", "requires an argument" },
		{ "--test=SB --order=strong", "--order=strong: want" },
		{ "--test=SB --rounds=0", "--rounds=0: want" },
		{ "--test=SB --rounds=1e6", "--rounds=1e6: want" },
		{ "--test=SB --rounds=1000000001", "--rounds=1000000001: want" },
		{ "--test=SB --format=xml", "--format=xml: want" },
		{ "--test=SB sb", "" },
		{ "--rounds=10", "" },
	};
	char command[200];

	snprintf(command, sizeof command, "$B/sync/litmus %s", bad[_i].options);
	struct outcome o = run_shell(command);
	ck_assert_msg(o.exit == 2, "%s: exit %d", bad[_i].options, o.exit);
	assert_has(o.err, bad[_i].complaint);
	outcome_free(&o);
}
END_TEST

START_TEST(litmus_one_cpu)
{
	struct outcome o = run_shell("command -v taskset >/dev/null || exit 70;"
				     "cpu=$(taskset -cp $$ | "
				     "sed 's/.*[^0-9]\\([0-9]*\\)$/\\1/');"
				     "taskset -c $cpu $B/sync/litmus --test=MP;"
				     "[ $? = 77 ] || exit 1;"
				     "taskset -c $cpu $B/sync/litmus sb");
	if (o.exit == 70) {
		outcome_free(&o);
		SKIP("no taskset");
	}
	ck_assert_msg(o.exit == ONE_CPU, "exit %d: %s", o.exit, o.err);
	assert_has(o.out, "allow two");
	outcome_free(&o);
}
END_TEST

Suite *litmus_suite(void)
{
	Suite *suite = suite_create("litmus");
	TCase *tcase = tcase_create("litmus");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, litmus_verdicts, 0,
			    sizeof rows / sizeof *rows);
	tcase_add_loop_test(tcase, litmus_counts, 0, 5);
	tcase_add_loop_test(tcase, litmus_usage, 0, 9);
	tcase_add_test(tcase, litmus_one_cpu);
	suite_add_tcase(suite, tcase);
	return suite;
}
