// # Tests of mem/segment --ostep=segmentation: worked cases, and two ways
//
// tests/data/ostep/NN-segment*.cmd is the course's program with its options,
// NN-segment*.json what it printed (ostep-homework, commit 6c6cfc7, run with
// Python 3.11), as facts: seg0, seg1: [base, limit]; va: [address, segment,
// physical address, null for a violation].

#define _GNU_SOURCE
#include "segment_parts.h"

#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python_random.h"
#include "random.h"

json_t *segment_solutions(char *const options[], size_t n)
{
	char *command, *at;
	size_t bytes;
	FILE *out = open_memstream(&command, &bytes);
	json_t *all = json_array();

	ck_assert(out && all);
	for (size_t i = 0; i < n; i++)
		fprintf(out, SHEET " --format=json %s 2>&- || echo null\n",
			options[i]);
	ck_assert_int_eq(fclose(out), 0);
	struct outcome got = run_shell(command);
	ck_assert_str_eq(got.err, "");
	at = got.out;
	for (size_t i = 0; i < n; i++) {
		json_error_t error;
		json_t *one = json_loads(
			at, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
		ck_assert_msg(one != NULL, "%s: %s", options[i], error.text);
		json_array_append_new(all, one);
		at += error.position;
	}
	ck_assert_str_eq(at + strspn(at, "\n"), "");
	outcome_free(&got);
	free(command);
	return all;
}

// ## The course's facts

static int64_t integer(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_integer(value), "\"%s\" is no integer", key);
	return json_integer_value(value);
}

static json_t *segment_fact(const json_t *solution, int segment)
{
	const json_t *one =
		json_array_get(json_object_get(solution, "segments"), segment);

	ck_assert_int_eq(integer(one, "segment"), segment);
	ck_assert_str_eq(json_string_value(json_object_get(one, "grows")),
			 segment ? "down" : "up");
	return json_pack("[I, I]", (json_int_t)integer(one, "base"),
			 (json_int_t)integer(one, "limit"));
}

// The course has null where we have a fault.
static json_t *segment_facts(const json_t *solution)
{
	json_t *va = json_array(), *one;
	size_t i;

	json_array_foreach(json_object_get(solution, "translations"), i, one)
	{
		json_t *physical = json_object_get(one, "physical");
		const char *fault =
			json_string_value(json_object_get(one, "fault"));
		ck_assert(json_is_null(physical) == (fault != NULL));
		if (fault)
			ck_assert_str_eq(fault, "segmentation violation");
		json_array_append_new(
			va, json_pack("[I, I, O]",
				      (json_int_t)integer(one, "virtual"),
				      (json_int_t)integer(one, "segment"),
				      physical));
	}
	return json_pack("{s:o, s:o, s:o}", "seg0", segment_fact(solution, 0),
			 "seg1", segment_fact(solution, 1), "va", va);
}

static void judge_case(const char *path)
{
	char line[256], *facts_path = NULL, *options = line + 13;
	json_error_t error;
	FILE *in = fopen(path, "r");

	ck_assert(in && fgets(line, sizeof line, in) &&
		  !strncmp(line, "segmentation ", 13));
	fclose(in);
	line[strcspn(line, "\n")] = '\0';
	ck_assert(asprintf(&facts_path, "%.*s.json", (int)strlen(path) - 4,
			   path) > 0);
	json_t *facts = json_load_file(facts_path, 0, &error);
	ck_assert_msg(facts != NULL, "%s: %s", facts_path, error.text);
	json_t *all = segment_solutions(&options, 1);
	json_t *ours = segment_facts(json_array_get(all, 0));
	char *got = json_dumps(ours, JSON_COMPACT);
	ck_assert_msg(json_equal(facts, ours), "%s: %s", path, got);
	free(got);
	json_decref(ours);
	json_decref(all);
	json_decref(facts);
	free(facts_path);
}

START_TEST(segment_cases)
{
	glob_t found;

	ck_assert(glob("tests/data/ostep/*-segment*.cmd", 0, NULL, &found) ==
		  0);
	ck_assert_uint_eq(found.gl_pathc, 4);
	for (size_t i = 0; i < found.gl_pathc; i++)
		judge_case(found.gl_pathv[i]);
	globfree(&found);
}
END_TEST

// ## Another way to the same
//
// The exercise once more, literally: each segment is a row of bytes in physical
// memory, and a translation looks for the row's byte. Random options must come
// out the same, and what is refused must be refused. Shared is only the
// generator, which has its own tests.

enum { EXERCISES = 1500, A_SHELL = 300 };

// -1 is random.
struct wish {
	int64_t a, p, b, l, top, limit1, seed, n;
};

struct drawn {
	bool refused;
	int64_t base0, limit0, low1, limit1;
	int64_t address[8], physical[8]; // INT64_MIN: a violation
};

static double next(struct python_random *random)
{
	return python_random_real(random);
}

static bool unhappy(const struct wish *w, const struct drawn *d)
{
	return d->base0 + d->limit0 - 1 > w->p || d->low1 > w->p ||
	       (double)d->limit0 > (double)w->a / 2.0 ||
	       (double)d->limit1 > (double)w->a / 2.0 ||
	       (d->low1 > d->base0 && d->base0 + d->limit0 > d->low1);
}

static void draw_naively(struct drawn *d, const struct wish *w,
			 struct python_random *random)
{
	double a = (double)w->a, p = (double)w->p;

	d->refused = w->p <= 4 || w->a == 0 || w->p <= w->a;
	if (d->refused)
		return;
	d->limit0 = w->l != -1 ? w->l
			       : (int64_t)(a / 4.0 + a / 4.0 * next(random));
	d->limit1 = w->limit1 != -1
			    ? w->limit1
			    : (int64_t)(a / 4.0 + a / 4.0 * next(random));
	d->refused = ((w->b == -1 || w->top == -1) && w->p <= 2 * w->a) ||
		     (double)d->limit0 > a / 2.0 || (double)d->limit1 > a / 2.0;
	if (d->refused) // a limit would be refused in the end
		return;
	d->base0 = w->b;
	for (bool placed = w->b != -1; !placed;
	     placed = d->base0 + d->limit0 < w->p)
		d->base0 = (int64_t)(p * next(random));
	d->low1 = w->top - d->limit1;
	for (bool placed = w->top != -1; !placed;) {
		d->low1 = (int64_t)(p * next(random));
		placed = d->low1 + d->limit1 < w->p &&
			 (d->low1 > d->base0 + d->limit0 ||
			  d->low1 + d->limit1 < d->base0);
	}
	d->refused = unhappy(w, d);
}

// The upper half's last byte is segment 1's last, and so on downwards.
static int64_t find_byte(const struct drawn *d, int64_t a, int64_t address)
{
	if ((double)address < (double)a / 2.0) {
		for (int64_t i = 0; i < d->limit0; i++)
			if (i == address)
				return d->base0 + i;
		return INT64_MIN;
	}
	for (int64_t i = 1; i <= d->limit1; i++)
		if (a - i == address)
			return d->low1 + d->limit1 - i;
	return INT64_MIN;
}

static struct drawn solve_naively(const struct wish *w)
{
	struct python_random random = python_random_seeded((uint64_t)w->seed);
	struct drawn d = { 0 };

	draw_naively(&d, w, &random);
	for (int64_t i = 0; !d.refused && i < w->n; i++) {
		d.address[i] = (int64_t)((double)w->a * next(&random));
		d.physical[i] = find_byte(&d, w->a, d.address[i]);
	}
	return d;
}

static int64_t or_random(struct random *luck, int64_t value)
{
	return random_below(luck, 3) ? -1 : value;
}

static struct wish some_wish(struct random *luck)
{
	struct wish w = { .a = random_below(luck, 600),
			  .seed = random_below(luck, 1000000),
			  .n = random_below(luck, 9) };

	w.p = random_below(luck, 2) ? random_below(luck, 3000)
				    : 2 * w.a + 1 + random_below(luck, 50);
	w.b = or_random(luck, random_below(luck, (uint32_t)w.p + 20));
	w.l = or_random(luck, random_below(luck, (uint32_t)w.a * 2 / 3 + 1));
	w.top = or_random(luck, random_below(luck, (uint32_t)w.p + 20));
	w.limit1 = or_random(luck,
			     random_below(luck, (uint32_t)w.a * 2 / 3 + 1));
	return w;
}

static void compare_one(const char *options, const struct drawn *d,
			const struct wish *w, const json_t *solution)
{
	ck_assert_msg(json_is_null(solution) == d->refused, "%s: %s", options,
		      d->refused ? "is refused by the course" : "is refused");
	if (d->refused)
		return;
	json_t *want = json_array(), *found = segment_facts(solution);
	for (int64_t i = 0; i < w->n; i++) {
		bool valid = d->physical[i] != INT64_MIN;
		json_array_append_new(
			want,
			json_pack("[I, i, o]", (json_int_t)d->address[i],
				  (double)d->address[i] >= (double)w->a / 2.0,
				  valid ? json_integer(d->physical[i])
					: json_null()));
	}
	int64_t top = d->low1 + d->limit1;
	json_t *all = json_pack("{s:[I, I], s:[I, I], s:o}", "seg0",
				(json_int_t)d->base0, (json_int_t)d->limit0,
				"seg1", (json_int_t)top, (json_int_t)d->limit1,
				"va", want);
	char *want_text = json_dumps(all, JSON_COMPACT),
	     *found_text = json_dumps(found, JSON_COMPACT);
	ck_assert_msg(json_equal(all, found), "%s\nwant %s\ngot %s", options,
		      want_text, found_text);
	free(want_text);
	free(found_text);
	json_decref(all);
	json_decref(found);
}

static unsigned compare_some(struct random *luck, size_t n)
{
	char *options[A_SHELL];
	struct wish wishes[A_SHELL];
	unsigned taken = 0;

	for (size_t i = 0; i < n; i++) {
		struct wish *w = &wishes[i];
		*w = some_wish(luck);
		ck_assert(asprintf(&options[i],
				   "-a %" PRId64 " -p %" PRId64 " -b %" PRId64
				   " -l%" PRId64 " -B %" PRId64 " -L %" PRId64
				   " -s %" PRId64 " -n %" PRId64,
				   w->a, w->p, w->b, w->l, w->top, w->limit1,
				   w->seed, w->n) > 0);
	}
	json_t *all = segment_solutions(options, n);
	for (size_t i = 0; i < n; i++) {
		struct drawn d = solve_naively(&wishes[i]);
		compare_one(options[i], &d, &wishes[i], json_array_get(all, i));
		taken += !d.refused;
		free(options[i]);
	}
	json_decref(all);
	return taken;
}

START_TEST(segment_naive)
{
	struct random luck = { 1600 + (uint64_t)_i };
	unsigned rounds = soaking() ? 20 : 1;

	for (unsigned i = 0; i < rounds; i++)
		ck_assert_uint_gt(compare_some(&luck, A_SHELL), A_SHELL / 5);
}
END_TEST

Suite *segment_suite(void)
{
	Suite *suite = suite_create("segment");
	TCase *tests = tcase_create("ostep");

	tcase_set_timeout(tests, 0);
	tcase_add_test(tests, segment_cases);
	tcase_add_loop_test(tests, segment_naive, 0, EXERCISES / A_SHELL);
	suite_add_tcase(suite, tests);
	segment_usage_tests(suite);
	segment_table_tests(suite);
	return suite;
}
