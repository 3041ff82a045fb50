// # What an order costs
//
// One thread alone, storing to a word that is in its cache, over and over: the
// price of a fence where there is nothing to wait for but the store itself.

#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "litmus.h"
#include "options.h"
#include "stats.h"

enum { ROUNDS = 15, TIMES = 10000 };

static double time_part(part_fn *part, struct cells *cells)
{
	uint32_t seen[MOST_REGISTERS];
	int64_t began_ns = now_ns();

	for (uint32_t i = 0; i < TIMES; i++)
		part(cells, i, seen);
	return (double)(now_ns() - began_ns) / TIMES;
}

void scene_price(void)
{
	const struct test *test = &tests[SB];
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	static struct cells cells;
	static double ns[ORDERS][ROUNDS];
	struct bar bars[ORDERS];
	char notes[ORDERS][80], median[HUMAN_BYTES], low[HUMAN_BYTES],
		high[HUMAN_BYTES];

	for (int round = 0; round < ROUNDS; round++)
		for (int o = 0; o < ORDERS; o++)
			ns[o][round] = time_part(test->part[o][0], &cells);
	for (int o = 0; o < ORDERS; o++) {
		struct interval in = stats_median_interval(ns[o], ROUNDS);
		double middle = stats_median(ns[o], ROUNDS);
		snprintf(notes[o], sizeof notes[o], "%s  (%s to %s)",
			 human_duration(median, middle),
			 human_duration(low, in.low),
			 human_duration(high, in.high));
		bars[o] = (struct bar){ order_names[o], notes[o], middle };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, ORDERS, false));
	say("a store and a load after it, by order (95 %% intervals):");
	show(picture);
	free(picture);
	claim(atomic_load_explicit(&cells.x, memory_order_relaxed) == TIMES - 1,
	      "the last of %d stores is what is there", TIMES);
}
