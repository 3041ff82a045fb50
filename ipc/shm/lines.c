// # Lines: where the two indices live, measured
//
// To store into a cache line (64 bytes on most machines) a CPU must have it
// alone; all others lose their copies. So two CPUs that each write only their
// own variable take a line that holds both from each other: false sharing.
//
// - **No look.** The ring is half full, so neither side has to look. With own
//   lines no index travels; in one line the two fight for it, for nothing.
// - **Cached.** Few looks, few journeys of the indices. How much of the fight
//   for the one line is left depends on where the two CPUs are.
// - **Always.** Each side reads at every message what the other has written.
//   Both indices travel anyway, in one line together: own lines may lose.
//   So a ring has both, own lines and cached indices.

#define _GNU_SOURCE
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu.h"
#include "draw.h"
#include "shm.h"
#include "small.h"
#include "stats.h"

// Apart means a pair of lines apart: prefetchers like to fetch the neighbour.
enum {
	LINE = 64,
	APART = 2 * LINE / sizeof(uint64_t), // in words
	MESSAGES = 1 << 13,
	ROUNDS = 15, // and one before that, which warms up
};
enum { PRODUCER, CONSUMER };
enum manner { NO_LOOK, CACHED, ALWAYS };

static const struct variant {
	const char *label;
	size_t head_word; // tail is word 0
	enum manner manner;
} variants[] = {
	{ "one, no look", 1,     NO_LOOK },
	{ "own, no look", APART, NO_LOOK },
	{ "one, cached",  1,     CACHED },
	{ "own, cached",  APART, CACHED },
	{ "one, always",  1,     ALWAYS },
	{ "own, always",  APART, ALWAYS },
};
enum { VARIANTS = sizeof variants / sizeof *variants };

struct arena {
	alignas(4 * LINE) _Atomic uint64_t words[2 * APART];
	alignas(4 * LINE) _Atomic unsigned arrived;
	alignas(4 * LINE) double ns[2][VARIANTS][1 + ROUNDS]; // a message
	uint64_t looks[2][VARIANTS];
	uint64_t wrong; // messages that were not the next
	alignas(4 * LINE) uint64_t slots[2 * MESSAGES];
};

static struct small_ring ring_of(struct arena *arena, const struct variant *v)
{
	return (struct small_ring){
		.tail = &arena->words[0],
		.head = &arena->words[v->head_word],
		.slots = arena->slots,
		.capacity = v->manner == NO_LOOK ? 2 * MESSAGES : MESSAGES / 8,
	};
}

// ## One round

// A barrier: a number that both have to raise.
static void meet(struct arena *arena, unsigned *meetings)
{
	unsigned turns = 0;

	++*meetings;
	atomic_fetch_add(&arena->arrived, 1);
	while (atomic_load(&arena->arrived) < 2 * *meetings)
		spin(&turns);
}

// Where there are to be no looks, half the ring is full at the start.
static void prepare(struct arena *arena, const struct variant *v)
{
	for (uint64_t i = 0; i < MESSAGES; i++)
		arena->slots[i] = i;
	for (int i = 0; i < 2 * APART; i++)
		atomic_store(&arena->words[i], 0);
	if (v->manner == NO_LOOK)
		atomic_store(&arena->words[0], MESSAGES);
}

static uint64_t produce(struct small_ring ring, bool cached)
{
	struct small_side side = { 0 };

	for (uint64_t i = 0; i < MESSAGES; i++)
		for (unsigned t = 0; !small_put(&ring, &side, i, cached);)
			spin(&t);
	return side.looks;
}

static uint64_t consume(struct small_ring ring, bool cached, uint64_t *wrong)
{
	struct small_side side = { .seen = cached ? *ring.tail : 0 };
	uint64_t value, bad = 0;

	for (uint64_t i = 0; i < MESSAGES; i++) {
		for (unsigned t = 0;
		     !small_take(&ring, &side, &value, cached, 1);)
			spin(&t);
		bad += value != i;
	}
	*wrong += bad;
	return side.looks;
}

// The variants take turns: what the machine does meanwhile it does to all.
static void play_side(struct arena *arena, int side)
{
	unsigned meetings = 0;

	for (int n = 0; n < (1 + ROUNDS) * VARIANTS; n++) {
		int round = n / VARIANTS, i = n % VARIANTS;
		struct small_ring ring = ring_of(arena, &variants[i]);
		bool cached = variants[i].manner != ALWAYS;
		if (side == CONSUMER)
			prepare(arena, &variants[i]);
		meet(arena, &meetings);
		int64_t began_ns = now_ns();
		arena->looks[side][i] +=
			side == PRODUCER ? produce(ring, cached)
					 : consume(ring, cached, &arena->wrong);
		arena->ns[side][i][round] = (double)(now_ns() - began_ns) /
					    MESSAGES;
		meet(arena, &meetings);
	}
}

// ## All rounds, and what they say
//
// A round took as long as its slower side. Bounds of a ratio: see stats.h.

static void rounds_of(const struct arena *arena, int variant, double ns[ROUNDS])
{
	for (int round = 0; round < ROUNDS; round++) {
		double a = arena->ns[PRODUCER][variant][1 + round];
		ns[round] = arena->ns[CONSUMER][variant][1 + round];
		ns[round] = a > ns[round] ? a : ns[round];
	}
	stats_sort(ns, ROUNDS);
}

static void draw_rounds(const struct arena *arena)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[VARIANTS];
	char notes[VARIANTS][32];

	for (int i = 0; i < VARIANTS; i++) {
		double ns[ROUNDS];
		rounds_of(arena, i, ns);
		bars[i] = (struct bar){ variants[i].label, notes[i],
					stats_median(ns, ROUNDS) };
		snprintf(notes[i], sizeof *notes, "%.1f ns", bars[i].value);
	}
	say("indices in one line, on own lines; median of %d rounds:", ROUNDS);
	char *picture = must_ptr(draw_bars(&canvas, bars, VARIANTS, false));
	show(picture);
	free(picture);
}

static int decimals(double ratio)
{
	return ratio < 1 ? 2 : ratio < 10;
}

static void say_ratio(const struct arena *arena, const char *what, int a, int b)
{
	double as[ROUNDS], bs[ROUNDS];

	rounds_of(arena, a, as);
	rounds_of(arena, b, bs);
	struct interval r = stats_ratio_interval(as, ROUNDS, bs, ROUNDS, 0.5);
	bool told = r.low > 1 || r.high < 1;
	say("%s %.*f to %.*f times%s", what, decimals(r.low), r.low,
	    decimals(r.high), r.high,
	    told ? " as long" : ": no difference told");
}

static void report(const struct arena *arena)
{
	const double messages = (double)MESSAGES * (1 + ROUNDS);
	const uint64_t *put = arena->looks[0], *took = arena->looks[1];

	draw_rounds(arena);
	say_ratio(arena, "no look: in one line", 0, 1);
	say_ratio(arena, "cached: in one line", 2, 3);
	say("own lines, cached: %.3f and %.3f looks a message",
	    put[3] / messages, took[3] / messages);
	say_ratio(arena, "always: in one line", 4, 5);
	say("a look at every message: both own lines travel for each;");
	say("that is why the real ring also caches the other's index:");
	say_ratio(arena, "own lines: always to cached", 5, 3);
	claim(arena->wrong == 0,
	      "every message came, in order, in each layout");
	claim(put[0] + put[1] + took[0] + took[1] == 0,
	      "no look: neither side ever read the other's index");
}

// Two cores of one socket if there are, and what they are called; or NULL.
static const char *find_pair(int pair[2])
{
	static const enum placement wanted[] = { CROSS_CORE, CROSS_SOCKET,
						 SMT };
	struct topology topology;
	int i = 0;

	must_neg(topology_read(&topology));
	while (i < 3 && !topology_pair(&topology, wanted[i], pair))
		i++;
	topology_free(&topology);
	return i < 3 ? placement_names[wanted[i]] : NULL;
}

void play_lines(void)
{
	struct arena *arena = shared(sizeof *arena);
	pid_t children[2];
	int pair[2];
	const char *placement = find_pair(pair);
	if (!placement)
		skip("lines travel between CPUs, and I may use only one: allow "
		     "two (taskset, cpuset)");
	say("producer on CPU %d, consumer on CPU %d (%s)", pair[0], pair[1],
	    placement);
	for (int side = 0; side < 2; side++) {
		children[side] = fork_as(side ? "consumer" : "producer");
		if (children[side] == 0) {
			if (pin_to_cpu(pair[side]))
				skip("I may not choose a CPU: allow "
				     "sched_setaffinity(2)");
			play_side(arena, side);
			_exit(0);
		}
	}
	reap(children[PRODUCER]);
	reap(children[CONSUMER]);
	report(arena);
}
