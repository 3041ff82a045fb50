// # A test of the reader's choice
//
//     build/sync/litmus --test=SB --order=seqcst --rounds=10000000

#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "litmus.h"
#include "must.h"
#include "options.h"

enum {
	OPT_TEST = 0x100,
	OPT_ORDER,
	OPT_ROUNDS,
	OPT_FORMAT,
	DEFAULT_ROUNDS = 1000000,
	LARGEST_ROUNDS = 1000000000,
	MISSING = 77,
};
#define NO_LIMIT_NS (INT64_C(1) << 60)

static const struct argp_option options[] = {
	{ "test", OPT_TEST, "NAME", 0, "SB, MP, LB, IRIW or CoRR", 0 },
	{ "order", OPT_ORDER, "ORDER", 0,
	  "relaxed (the default), acqrel, fence or seqcst", 0 },
	{ "rounds", OPT_ROUNDS, "N", 0, "How many (1000000)", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

struct wish {
	int test, order, json;
	int64_t rounds;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const names[] = { "SB",   "MP",   "LB",
					     "IRIW", "CoRR", NULL };
	static const char *const formats[] = { "text", "json", NULL };
	struct wish *wish = state->input;

	switch (key) {
	case OPT_TEST:
		wish->test = option_choice(state, "--test", arg, names);
		return 0;
	case OPT_ORDER:
		wish->order = option_choice(state, "--order", arg, order_names);
		return 0;
	case OPT_ROUNDS:
		wish->rounds = option_number(state, "--rounds", arg, 1,
					     LARGEST_ROUNDS);
		return 0;
	case OPT_FORMAT:
		wish->json = option_choice(state, "--format", arg, formats);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int play(const struct wish *wish, struct counts *counts)
{
	int error = 0;

	for (int64_t left = wish->rounds; left > 0 && !error;) {
		uint32_t rounds = left < MOST_ROUNDS ? (uint32_t)left
						     : MOST_ROUNDS;
		error = litmus_run(&tests[wish->test], wish->order, rounds,
				   NO_LIMIT_NS, 1 + (uint64_t)left, counts);
		left -= rounds;
	}
	return error;
}

static void print_json(const struct wish *wish, const struct counts *counts)
{
	const struct test *test = &tests[wish->test];
	json_t *outcomes = must_ptr(json_object());
	char text[40];

	for (unsigned o = 0; o < 1U << test->registers; o++)
		must(json_object_set_new(
			outcomes, outcome_text(test, o, text),
			json_integer((json_int_t)counts->of[o])));
	json_t *all = must_ptr(json_pack(
		"{s:s, s:s, s:I, s:f, s:i, s:o, s:s, s:b}", "test", test->name,
		"order", order_names[wish->order], "rounds",
		(json_int_t)counts->rounds, "seconds",
		(double)counts->took_ns / 1e9, "cpus", counts->cpus, "outcomes",
		outcomes, "weak", outcome_text(test, test->weak, text),
		"allowed here", (int)is_allowed_here(test, wish->order)));
	char *line = must_ptr(json_dumps(all, JSON_INDENT(2)));
	puts(line);
	free(line);
	json_decref(all);
}

int tool_main(int argc, char **argv)
{
	struct wish wish = { .rounds = DEFAULT_ROUNDS };
	struct counts counts = { 0 };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "One litmus test, counted.\vExit status: 0 nothing "
		       "forbidden was seen, 1 it was, 2 bad usage, 77 there "
		       "is one CPU only.",
	};

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &wish));
	const struct test *test = &tests[wish.test];
	int error = play(&wish, &counts);
	if (error == -ENODEV || error == -EPERM)
		return option_complain(MISSING,
				       "two CPUs are needed, and I may not use "
				       "them: taskset, cpuset");
	if (error)
		return option_complain(EXIT_FAILURE, "cannot play: %s",
				       strerror(-error));
	if (wish.json) {
		print_json(&wish, &counts);
	} else {
		printf("%s (%s), %s: %ju rounds in %.2f s, on %d CPUs\n",
		       test->name, test->spoken, order_names[wish.order],
		       (uintmax_t)counts.rounds, (double)counts.took_ns / 1e9,
		       counts.cpus);
		print_counts(stdout, test, wish.order, &counts);
	}
	bool forbidden = counts.of[test->weak] &&
			 !is_allowed_here(test, wish.order);
	return options_end(forbidden || counts.strays ? EXIT_FAILURE
						      : EXIT_SUCCESS);
}
