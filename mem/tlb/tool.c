// # Longer sweeps, for the reader's own machine
//
//     build/mem/tlb mountain --max=256M
//     build/mem/tlb chase --max=1G --format=json

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "draw.h"
#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/tlb/tlb.h"

enum { OPT_MAX = 0x100, OPT_ROUNDS, OPT_HUGE, OPT_FORMAT, MISSING = 77 };

#define LEAST_MAX (UINT64_C(64) << 10)
#define MOST_MAX (UINT64_C(64) << 30)

struct wish {
	uint64_t max_bytes;
	int rounds, json;
	bool huge;
};

static const char example_mountain[] =
	"How fast memory is, by size and stride, on a longer sweep than the "
	"scene's.\vExample:  mem/tlb mountain --max=256M --huge\n\n"
	"Exit status: 0 done, 1 no memory, 2 bad usage, 77 no huge pages here.";
static const char example_reach[] =
	"One word a page, over more and more pages, small and huge.\v"
	"Example:  mem/tlb chase --max=1G --format=json\n\n"
	"Exit status: 0 done (without huge pages where there are none), "
	"1 no memory, 2 bad usage.";

static const struct argp_option mountain_options[] = {
	{ "max", OPT_MAX, "SIZE", 0, "The largest size (64M)", 0 },
	{ "rounds", OPT_ROUNDS, "N", 0, "How often (5)", 0 },
	{ "huge", OPT_HUGE, NULL, 0, "In huge pages", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

// The same without --huge: both page sizes are measured.
static const struct argp_option reach_options[] = {
	{ "max", OPT_MAX, "SIZE", 0, "The largest set of pages (64M)", 0 },
	{ "rounds", OPT_ROUNDS, "N", 0, "How often (5)", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct wish *wish = state->input;

	switch (key) {
	case OPT_MAX:
		wish->max_bytes = option_size(state, "--max", arg, LEAST_MAX,
					      MOST_MAX);
		return 0;
	case OPT_ROUNDS:
		wish->rounds = (int)option_number(state, "--rounds", arg, 1,
						  MOST_ROUNDS);
		return 0;
	case OPT_HUGE:
		wish->huge = true;
		return 0;
	case OPT_FORMAT:
		wish->json = option_choice(state, "--format", arg, formats);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static struct wish wish_of(int argc, char **argv,
			   const struct argp_option *options, const char *doc)
{
	struct wish wish = { .max_bytes = 64 << 20, .rounds = 5 };
	const struct argp argp = { .options = options,
				   .parser = parse,
				   .doc = doc };

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &wish));
	return wish;
}

// What would be more than is free makes the kernel kill somebody; say no before.
static uint64_t free_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long long kib = UINT64_MAX / 1024;

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

static int no_memory(uint64_t bytes)
{
	char wanted[HUMAN_BYTES];

	return option_complain(EXIT_FAILURE,
			       "there is no room for %s of memory here",
			       human_size(wanted, bytes));
}

// A stretch that is there. 0, or an exit status with a complaint.
static int make(struct stretch *stretch, const struct wish *wish, bool huge,
		uint64_t all_bytes)
{
	char why[STRETCH_TEXT];

	if (all_bytes > free_bytes() / 10 * 9)
		return no_memory(all_bytes);
	int error = stretch_make(stretch, wish->max_bytes, huge);
	if (error == -ENOMEM)
		return no_memory(wish->max_bytes);
	if (!error) {
		stretch_touch(stretch, 0);
		if (!huge ||
		    stretch_huge_bytes(stretch) == (ssize_t)stretch->bytes)
			return 0;
		stretch_free(stretch);
	}
	return option_complain(MISSING, "%s", stretch_why_small(why));
}

static void print_json(json_t *all)
{
	char *text = must_ptr(json_dumps(all, JSON_INDENT(2)));

	puts(text);
	free(text);
	json_decref(all);
}

static json_t *value_json(const double *values, size_t n)
{
	struct spread got = spread_of(values, n);

	return must_ptr(json_pack("{s:f, s:f, s:f}", "median", got.median,
				  "low", got.low, "high", got.high));
}

static json_t *mountain_json(const struct mountain *mountain)
{
	json_t *cells = must_ptr(json_array());
	size_t rounds = (size_t)mountain->rounds;

	for (int size = 0; size < mountain->sizes; size++)
		for (int t = 0; t < STRIDES; t++) {
			size_t i = (size_t)size * STRIDES + (size_t)t;
			if (isnan(mountain->middle[i]))
				continue;
			must(json_array_append_new(
				cells,
				must_ptr(json_pack(
					"{s:I, s:I, s:f, s:o}", "bytes",
					(json_int_t)mountain_bytes(size),
					"stride",
					(json_int_t)mountain_stride(t),
					"gb_per_s", mountain->middle[i],
					"ns_per_read",
					value_json(mountain->ns + i * rounds,
						   rounds)))));
		}
	return cells;
}

static void print_picture(const char *text)
{
	puts(text);
}

static void print_text(const char *text)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *broken = must_ptr(draw_text(&canvas, text));

	fputs(broken, stdout);
	free(broken);
}

int mountain_main(int argc, char **argv)
{
	struct wish wish = wish_of(argc, argv, mountain_options,
				   example_mountain);
	struct stretch stretch;
	struct mountain mountain;
	struct far far;

	int status = make(&stretch, &wish, wish.huge, wish.max_bytes);
	if (status)
		return status;
	int cpu = stay_here();
	must_neg(mountain_init(&mountain, wish.max_bytes, wish.rounds));
	far_begin(&far, "mountain",
		  (size_t)mountain.sizes * STRIDES * (size_t)wish.rounds);
	mountain_measure(&mountain, &stretch, &far);
	far_end(&far);
	bool right = mountain.right == mountain.samples;
	if (wish.json) {
		print_json(must_ptr(json_pack(
			"{s:s, s:i, s:i, s:b, s:b, s:o}", "program",
			"mem/tlb mountain", "cpu", cpu, "rounds", wish.rounds,
			"huge", (int)wish.huge, "sums_right", (int)right,
			"cells", mountain_json(&mountain))));
	} else {
		char *picture = must_ptr(mountain_picture(&mountain));
		print_text(picture);
		free(picture);
	}
	mountain_free(&mountain);
	stretch_free(&stretch);
	return right ? EXIT_SUCCESS : EXIT_FAILURE;
}

static json_t *reach_json(const struct reach *reach, bool has_huge)
{
	json_t *sets = must_ptr(json_array());
	size_t rounds = (size_t)reach->rounds;

	for (size_t i = 0; i < reach->sizes; i++) {
		json_t *set = must_ptr(json_pack(
			"{s:I, s:o, s:o}", "pages", (json_int_t)reach->pages[i],
			"small_ns",
			value_json(reach->ns[SMALL] + i * rounds, rounds),
			"huge_ns",
			has_huge ? value_json(reach->ns[HUGE] + i * rounds,
					      rounds)
				 : must_ptr(json_null())));
		must(json_array_append_new(sets, set));
	}
	return sets;
}

int chase_main(int argc, char **argv)
{
	struct wish wish = wish_of(argc, argv, reach_options, example_reach);
	struct stretch small, huge;
	struct reach reach;
	struct far far;

	int status = make(&small, &wish, false, 2 * wish.max_bytes);
	if (status)
		return status;
	bool has_huge = make(&huge, &wish, true, wish.max_bytes) == 0;
	int cpu = stay_here();
	must_neg(reach_init(&reach, wish.max_bytes, wish.rounds));
	far_begin(&far, "reach",
		  reach.sizes * (1 + has_huge) * (size_t)wish.rounds);
	reach_measure(&reach, &small, has_huge ? &huge : NULL, &far);
	far_end(&far);
	bool whole = reach.came_home == reach.walks;
	if (wish.json)
		print_json(must_ptr(json_pack(
			"{s:s, s:i, s:i, s:I, s:b, s:o}", "program",
			"mem/tlb chase", "cpu", cpu, "rounds", wish.rounds,
			"page_bytes", (json_int_t)page_bytes(), "all_visited",
			(int)whole, "sets", reach_json(&reach, has_huge))));
	else
		reach_show(&reach, has_huge, print_picture, print_text);
	reach_free(&reach);
	stretch_free(&small);
	if (has_huge)
		stretch_free(&huge);
	return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}
