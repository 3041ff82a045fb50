// # sync/stepper and sync/weave: every interleaving
//
// Judges: combinatorics (how many orders there are), a model of the
// instructions in C that walks orders one by one (weave_model.c), GNU as for
// the machine code (weave_text.c). Known answers: 18 of 20 orders of load, add,
// store lose an update; Peterson's and Dekker's algorithms exclude, and a naive
// flag does not (M. Ben-Ari, "Principles of Concurrent and Distributed
// Programming", chapter 3).

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weave_parts.h"

static const struct explore_limits plenty = { .states = 100000,
					      .steps = SIZE_MAX };

static void explored(struct exploration *e, struct woven *woven)
{
	int error = explore(e, woven->stepper, &woven->start,
			    woven->program.routines, woven->program.words,
			    &plenty);

	ck_assert_msg(error == 0, "explore: %s", strerror(-error));
}

// --- counts ----------------------------------------------------------------------

// (a + b + c)! / (a! b! c!), by Pascal's rule.
static uint64_t multinomial(int a, int b, int c)
{
	if (a < 0 || b < 0 || c < 0)
		return 0;
	if (a + b + c == 0)
		return 1;
	return multinomial(a - 1, b, c) + multinomial(a, b - 1, c) +
	       multinomial(a, b, c - 1);
}

static char *nops(const int *counts, int processes)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < processes; i++) {
		fprintf(out, "process %c\n", 'A' + i);
		for (int j = 0; j < counts[i]; j++)
			fputs("nop\n", out);
	}
	fclose(out);
	return text;
}

static bool check_nops(int a, int b, int c)
{
	struct woven woven;
	struct exploration e;
	char *text = nops((int[]){ a, b, c }, c ? 3 : 2);
	bool can = woven_begin(&woven, text);

	free(text);
	if (!can)
		return false;
	explored(&e, &woven);
	ck_assert(e.finite && e.complete);
	ck_assert_uint_eq(exploration_orders(&e), multinomial(a, b, c));
	ck_assert_uint_eq(e.count,
			  (size_t)(a + 1) * (size_t)(b + 1) * (size_t)(c + 1));
	exploration_free(&e);
	woven_end(&woven);
	return true;
}

START_TEST(weave_orders_are_multinomial)
{
	for (int a = 1; a <= 5; a++)
		for (int b = 1; b <= 5; b++)
			if (!check_nops(a, b, 0))
				SKIP(NO_STEPPING);
	for (int a = 1; a <= 3; a++)
		for (int b = 1; b <= 3; b++)
			check_nops(a, b, 3);
	check_nops(10, 10, 0);
	ck_assert_uint_eq(multinomial(10, 10, 0), 184756); // OEIS A000984
	ck_assert_uint_eq(multinomial(3, 3, 3), 1680);     // OEIS A006480
}
END_TEST

// 48!/(16! 16! 16!), about 10^21: more orders than 64 bits hold.
START_TEST(weave_orders_saturate)
{
	struct woven woven;
	struct exploration e;
	char *text = nops((int[]){ 16, 16, 16 }, 3);
	bool can = woven_begin(&woven, text);

	free(text);
	if (!can)
		SKIP(NO_STEPPING);
	explored(&e, &woven);
	ck_assert_uint_eq(e.count, 17 * 17 * 17);
	ck_assert(e.finite);
	ck_assert_uint_eq(exploration_orders(&e), EXPLORED_MANY);
	exploration_free(&e);
	woven_end(&woven);
}
END_TEST

// --- against the model -----------------------------------------------------------

enum { ENDS = 512 };

struct ends {
	int count, words;
	struct {
		uint64_t words[STEPPER_WORDS], orders;
	} end[ENDS];
};

static void note_end(struct ends *ends, const struct step_state *state,
		     uint64_t orders)
{
	size_t bytes = (size_t)ends->words * sizeof(uint64_t);
	int i = 0;

	while (i < ends->count &&
	       memcmp(ends->end[i].words, state->words, bytes) != 0)
		i++;
	ck_assert_int_lt(i, ENDS);
	if (i == ends->count) {
		memcpy(ends->end[ends->count++].words, state->words, bytes);
		ends->end[i].orders = 0;
	}
	ends->end[i].orders += orders;
}

static void note_one(void *context, const struct step_state *end)
{
	note_end(context, end, 1);
}

static uint64_t orders_of(const struct ends *ends, const uint64_t *words)
{
	for (int i = 0; i < ends->count; i++)
		if (!memcmp(ends->end[i].words, words,
			    (size_t)ends->words * sizeof *words))
			return ends->end[i].orders;
	return 0;
}

// Every order by the model, one by one; all states by the CPU. The same ends,
// by as many orders.
static bool compare_ends(const char *text)
{
	struct woven woven;
	struct exploration e;
	static struct ends model, cpu;

	if (!woven_begin(&woven, text))
		return false;
	model.count = cpu.count = 0;
	model.words = cpu.words = woven.program.words;
	explored(&e, &woven);
	ck_assert(e.finite);
	for (size_t i = 0; i < e.count; i++) {
		struct step_state state;
		exploration_state(&e, i, &state);
		if (e.states[i].ended)
			note_end(&cpu, &state, e.states[i].orders);
	}
	uint64_t orders = weave_model_orders(&woven.program, &woven.start,
					     note_one, &model);
	ck_assert_uint_eq(exploration_orders(&e), orders);
	ck_assert_msg(model.count == cpu.count, "%d ends, %d expected:\n%s",
		      cpu.count, model.count, text);
	for (int i = 0; i < cpu.count; i++)
		ck_assert_msg(cpu.end[i].orders ==
				      orders_of(&model, cpu.end[i].words),
			      "other orders than expected:\n%s", text);
	ck_assert_uint_eq(e.count,
			  weave_model_states(&woven.program, &woven.start));
	exploration_free(&e);
	woven_end(&woven);
	return true;
}

static const char *const ending_programs[] = { "count", "count3", "add",
					       "lock" };

START_TEST(weave_ends_as_brute_force)
{
	char *text = listed_text(ending_programs[_i]);

	bool can = compare_ends(text);
	free(text);
	if (!can)
		SKIP(NO_STEPPING);
}
END_TEST

START_TEST(weave_random_programs)
{
	uint64_t seed = (uint64_t)_i + 1;

	for (int i = 0; i < (soaking() ? 200 : 6); i++) {
		int processes = 2 + i % 2;
		char *text = random_program(&seed, processes,
					    processes == 2 ? 5 : 3);
		bool can = compare_ends(text);
		free(text);
		if (!can)
			SKIP(NO_STEPPING);
	}
}
END_TEST

static const char *const looping[] = { "flag",     "polite",    "peterson",
				       "overtake", "dekker",    "xchg",
				       "xchg3",    "cmpxchg",   "ticket",
				       "ticket3",  "semaphore", "semagap",
				       "embrace" };

// With loops there is no end of orders, but the states are counted by the
// model, too.
START_TEST(weave_states_as_brute_force)
{
	struct woven woven;
	struct exploration e;
	char *text = listed_text(looping[_i]);
	bool can = woven_begin(&woven, text);

	free(text);
	if (!can)
		SKIP(NO_STEPPING);
	explored(&e, &woven);
	ck_assert(!e.finite);
	ck_assert_uint_eq(e.count,
			  weave_model_states(&woven.program, &woven.start));
	exploration_free(&e);
	woven_end(&woven);
}
END_TEST

// A schedule by chance: every register and flag as the model has it.
static bool compare_steps(uint64_t *seed)
{
	char *text = random_program(seed, 3, 15);
	struct woven woven;
	bool can = woven_begin(&woven, text);

	free(text);
	if (!can)
		return false;
	struct step_state cpu = woven.start, model = woven.start;
	for (int i = 0; i < 100; i++) {
		int who = (int)(*seed >> 40) % 3;
		*seed = *seed * UINT64_C(6364136223846793005) + 1;
		if (step_ended(&cpu, who))
			continue;
		const struct routine *r = &woven.program.routine[who];
		int at = program_at(r, &cpu.processes[who]);
		ck_assert_int_eq(stepper_step(woven.stepper, &cpu, who), 0);
		weave_model_step(&woven.program, &model, who);
		ck_assert_msg(!memcmp(&cpu, &model, sizeof cpu),
			      "step %d: after '%s' flags are %#jx, expected "
			      "%#jx; p %jd, %jd; q %jd, %jd",
			      i, r->instructions[at].text,
			      (uintmax_t)cpu.processes[who].flags,
			      (uintmax_t)model.processes[who].flags,
			      (intmax_t)cpu.words[0], (intmax_t)model.words[0],
			      (intmax_t)cpu.words[1], (intmax_t)model.words[1]);
	}
	woven_end(&woven);
	return true;
}

START_TEST(weave_steps_as_model)
{
	uint64_t seed = 1000 + (uint64_t)_i;

	for (int i = 0; i < (soaking() ? 1000 : 20); i++)
		if (!compare_steps(&seed))
			SKIP(NO_STEPPING);
}
END_TEST

// --- verdicts --------------------------------------------------------------------

// Which of a program's checks fail, as the lab has them: one letter each.
static const struct {
	const char *program, *verdicts; // + holds, - fails
} judged[] = {
	{ "count", "-" },     { "count3", "-" },    { "add", "+" },
	{ "lock", "+" },      { "flag", "--+" },    { "polite", "++-" },
	{ "peterson", "+++" }, { "overtake", "--+" }, { "dekker", "+++" },
	{ "xchg", "+++" },    { "xchg3", "+++" },   { "cmpxchg", "+++" },
	{ "ticket", "+++" },  { "ticket3", "++++" }, { "semaphore", "++++" },
	{ "semagap", "--++" }, { "embrace", "+-" },
};

static bool holds(const struct woven *woven, const struct exploration *e,
		  const char *text)
{
	struct condition condition;
	struct text_error error;
	bool all = true;

	ck_assert_int_eq(
		condition_parse(&condition, &woven->program, text, &error), 0);
	for (size_t i = 0; i < e->count; i++) {
		struct step_state state;
		exploration_state(e, i, &state);
		if (condition.when == CONDITION_PROGRESS)
			all &= e->states[i].can_end;
		else if (condition.when == CONDITION_ALWAYS ||
			 e->states[i].ended)
			all &= condition_value(&condition, &woven->program,
					       &state) != 0;
	}
	return all;
}

static bool verdicts_of(const char *text, char verdicts[PROGRAM_CHECKS + 1])
{
	struct woven woven;
	struct exploration e;

	if (!woven_begin(&woven, text))
		return false;
	explored(&e, &woven);
	int i = 0;
	for (; i < woven.program.checks; i++)
		verdicts[i] = holds(&woven, &e, woven.program.check[i].text)
				      ? '+'
				      : '-';
	verdicts[i] = '\0';
	exploration_free(&e);
	woven_end(&woven);
	return true;
}

START_TEST(weave_verdicts)
{
	char verdicts[PROGRAM_CHECKS + 1];
	char *text = listed_text(judged[_i].program);
	bool can = verdicts_of(text, verdicts);

	free(text);
	if (!can)
		SKIP(NO_STEPPING);
	ck_assert_str_eq(verdicts, judged[_i].verdicts);
}
END_TEST

// Correct programs with one thing wrong: each is found out.
static const struct {
	const char *program, *from, *to, *verdicts;
} broken[] = {
	// the turn is taken, not given
	{ "peterson", "mov [turn], 1", "mov [turn], 0", "-" },
	// the flag comes after the turn
	{ "peterson", "mov [a], 1\n      mov [turn], 1",
	  "mov [turn], 1\n      mov [a], 1", "-" },
	// no turn at all
	{ "peterson", "mov [turn], 1", "nop", "?" },
	// leaves without a word
	{ "peterson", "out:  mov [a], 0", "out:  nop", "++-" },
	{ "xchg", "xchg [gate], rax", "mov [gate], rax", "?" },
	{ "xchg", "out:  mov [gate], 0", "out:  nop", "++-" },
	{ "cmpxchg", "jne wait", "nop", "--+" },
	{ "ticket", "lock xadd [next], rax", "mov rax, [next]", "-" },
	{ "dekker", "mov [b], 0\nwait:", "nop\nwait:", "++-" },
};

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result = NULL;

	ck_assert_msg(at != NULL, "no '%s' in\n%s", from, text);
	ck_assert_int_gt(asprintf(&result, "%.*s%s%s", (int)(at - text), text,
				  to, at + strlen(from)),
			 0);
	return result;
}

START_TEST(weave_finds_what_is_wrong)
{
	char verdicts[PROGRAM_CHECKS + 1];
	char *text = listed_text(broken[_i].program);
	char *wrong = replaced(text, broken[_i].from, broken[_i].to);
	const char *expected = broken[_i].verdicts;

	free(text);
	bool can = verdicts_of(wrong, verdicts);
	free(wrong);
	if (!can)
		SKIP(NO_STEPPING);
	if (*expected == '?')
		ck_assert_msg(strchr(verdicts, '-') != NULL,
			      "nothing was found: %s", verdicts);
	else
		ck_assert_msg(!strncmp(verdicts, expected, strlen(expected)),
			      "%s, expected %s", verdicts, expected);
}
END_TEST

// --- limits ----------------------------------------------------------------------

static int asked;

static bool stop_soon(void)
{
	return ++asked > 10;
}

START_TEST(weave_limits)
{
	// A counter that never ends: no end of states.
	static const char *const endless = "word x\n"
					   "process A B\n"
					   "l: add [x], 1\n"
					   "jmp l\n";
	struct explore_limits limits = { .states = 500, .steps = SIZE_MAX };
	struct woven woven;
	struct exploration e;

	if (!woven_begin(&woven, endless))
		SKIP(NO_STEPPING);
	ck_assert_int_eq(explore(&e, woven.stepper, &woven.start, 2, 1,
				 &limits),
			 -E2BIG);
	ck_assert_ptr_null(e.states);
	limits.steps = 8;
	ck_assert_int_eq(
		explore(&e, woven.stepper, &woven.start, 2, 1, &limits), 0);
	ck_assert(!e.complete);
	ck_assert_uint_eq(exploration_orders(&e), 0);
	uint64_t orders = 0;
	for (size_t i = 0; i < e.count; i++) {
		ck_assert_uint_le(e.states[i].steps, 8);
		ck_assert(e.states[i].cut == (e.states[i].steps == 8));
		orders += e.states[i].cut ? e.states[i].orders : 0;
	}
	ck_assert_uint_eq(orders, 256); // 2 choices, 8 times
	exploration_free(&e);
	limits.stop = stop_soon;
	asked = 0;
	ck_assert_int_eq(explore(&e, woven.stepper, &woven.start, 2, 1,
				 &limits),
			 -EINTR);
	limits = (struct explore_limits){ .states = 0, .steps = 1 };
	ck_assert_int_eq(explore(&e, woven.stepper, &woven.start, 2, 1,
				 &limits),
			 -E2BIG);
	woven_end(&woven);
}
END_TEST

// The order that is shown leads where it says, and there is no shorter one.
START_TEST(weave_shortest_order)
{
	struct woven woven;
	struct exploration e;
	char *text = listed_text("flag"), order[64];

	if (!woven_begin(&woven, text)) {
		free(text);
		SKIP(NO_STEPPING);
	}
	free(text);
	explored(&e, &woven);
	for (size_t i = 0; i < e.count; i++) {
		struct step_state there, replayed = woven.start;
		ck_assert_uint_lt(e.states[i].steps, sizeof order);
		exploration_order(&e, i, order);
		for (const char *c = order; *c; c++)
			ck_assert_int_eq(stepper_step(woven.stepper, &replayed,
						      *c - 'A'),
					 0);
		exploration_state(&e, i, &there);
		ck_assert(!memcmp(&there, &replayed, sizeof there));
		for (int who = 0; who < 2; who++)
			if (e.states[i].next[who] != EXPLORED_NONE)
				ck_assert_uint_le(
					e.states[e.states[i].next[who]].steps,
					e.states[i].steps + 1);
	}
	exploration_free(&e);
	woven_end(&woven);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

Suite *weave_suite(void)
{
	Suite *suite = suite_create("weave");
	TCase *counts = tcase_create("counts");

	tcase_set_timeout(counts, 120);
	tcase_add_test(counts, weave_orders_are_multinomial);
	tcase_add_test(counts, weave_orders_saturate);
	tcase_add_loop_test(counts, weave_ends_as_brute_force, 0,
			    ROWS(ending_programs));
	tcase_add_loop_test(counts, weave_random_programs, 0, 4);
	tcase_add_loop_test(counts, weave_states_as_brute_force, 0,
			    ROWS(looping));
	tcase_add_loop_test(counts, weave_steps_as_model, 0, 6);
	tcase_add_loop_test(counts, weave_verdicts, 0, ROWS(judged));
	tcase_add_loop_test(counts, weave_finds_what_is_wrong, 0, ROWS(broken));
	tcase_add_test(counts, weave_limits);
	tcase_add_test(counts, weave_shortest_order);
	suite_add_tcase(suite, counts);
	add_weave_text_tests(suite);
	add_weave_stepper_tests(suite);
	add_weave_tool_tests(suite);
	add_weave_lock_tests(suite);
	return suite;
}
