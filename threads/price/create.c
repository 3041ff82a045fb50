// # To make one and wait for its end
//
// The six ways in turns, so that a busy moment of the machine hits all of them.
// The time is printed with its 95 % interval and nothing is claimed of it. What
// can be claimed are page faults: a forked child must fault at its first push
// (its stack is read-only until it is copied), a task that shares the memory
// need not fault at all.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "options.h"
#include "stats.h"
#include "threads/price/price.h"

enum { ROUNDS = 25, NOTE_BYTES = 64 };

struct prices {
	double ns[WAYS][ROUNDS];
	long faults[WAYS];
};

static void measure(struct prices *prices)
{
	for (int w = 0; w < WAYS; w++)
		ways[w].make(); // warm
	for (int round = 0; round < ROUNDS; round++)
		for (int w = 0; w < WAYS; w++) {
			int64_t start_ns = now_ns();
			ways[w].make();
			prices->ns[w][round] = (double)(now_ns() - start_ns);
		}
}

// Not in turns: what a fork has made read-only faults in whatever comes next.
static void count_faults(struct prices *prices)
{
	for (int w = 0; w < WAYS; w++) {
		ways[w].make();
		long before = page_faults();
		for (int round = 0; round < ROUNDS; round++)
			ways[w].make();
		prices->faults[w] = page_faults() - before;
	}
}

static void draw(const struct prices *prices)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[WAYS];
	char notes[WAYS][NOTE_BYTES], median[HUMAN_BYTES];

	for (int w = 0; w < WAYS; w++) {
		struct interval sure = stats_median_interval(prices->ns[w],
							     ROUNDS);
		bars[w] = (struct bar){ ways[w].name, notes[w],
					stats_median(prices->ns[w], ROUNDS) };
		snprintf(notes[w], NOTE_BYTES, "%s (%.0f-%.0f)",
			 human_duration(median, bars[w].value), sure.low / 1e3,
			 sure.high / 1e3);
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, WAYS, true));
	show(picture);
	free(picture);
}

void scene_create(void)
{
	struct prices *prices = must_ptr(calloc(1, sizeof *prices));

	measure(prices);
	count_faults(prices);
	say("median of %d, and its 95 %% interval in us:", ROUNDS);
	draw(prices);
	for (int w = 0; w < WAYS; w++)
		say("%-14s makes %s: %.1f page faults", ways[w].name,
		    ways[w].makes, (double)prices->faults[w] / ROUNDS);
	claim(prices->faults[FORK] >= ROUNDS &&
		      prices->faults[FORK_EXEC] >= ROUNDS,
	      "each fork is paid for with page faults, too");
	claim(prices->faults[CLONE3] < ROUNDS && prices->faults[VFORK] < ROUNDS,
	      "who shares the memory needs none");
	claim(prices->faults[SPAWN] >= ROUNDS,
	      "a new program begins with an empty memory: faults again");
	free(prices);
}
