// # The price: from one thread to many, and of the wrong neighbours

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "stats.h"
#include "sync/mutex/scenes.h"

// ## From one thread to many
//
// Each lock, wanted by 1 to 16 threads as often as they can get it, pinned to
// the CPUs in turn. To 1 it is free. From 2 on its line has to travel. Above the
// number of CPUs some who wait have no CPU, and the locks part: where the next
// one is chosen beforehand, each turn waits for that one to run.

enum { ROUNDS = 3, MOST = 16, CURVES = 5 };
static const double crowds[] = { 1, 2, 4, 8, 16 };
enum { CROWDS = sizeof crowds / sizeof *crowds };

static alignas(CONTEST_APART) union lock the_lock;
static alignas(CONTEST_APART) int64_t counter;

#define LOOP(name, node_type, lock_it, unlock_it)      \
	static void name(struct contestant *me)        \
	{                                              \
		node_type node __attribute__((unused)); \
		while (contest_goes_on(me)) {          \
			lock_it;                       \
			counter++;                     \
			unlock_it;                     \
		}                                      \
	}

static pthread_mutex_t glibc = PTHREAD_MUTEX_INITIALIZER;

LOOP(by_ttas, int, ttas_lock(&the_lock.ttas), ttas_unlock(&the_lock.ttas))
LOOP(by_ticket, int, ticket_lock_yielding(&the_lock.ticket),
     ticket_unlock(&the_lock.ticket))
LOOP(by_mcs, struct mcs_node, mcs_sleep_lock(&the_lock.mcs_sleep, &node),
     mcs_sleep_unlock(&the_lock.mcs_sleep, &node))
LOOP(by_mutex, int, mutex_fast_lock(&the_lock.mutex_fast),
     mutex_fast_unlock(&the_lock.mutex_fast))
LOOP(by_glibc, int, pthread_mutex_lock(&glibc), pthread_mutex_unlock(&glibc))

static const struct {
	const char *label;
	char mark;
	void (*play)(struct contestant *me);
} contenders[CURVES] = {
	{ "ttas", 't', by_ttas },
	{ "ticket-yield", 'k', by_ticket },
	{ "mcs-sleep", 'm', by_mcs },
	{ "mutex-fast", 'f', by_mutex },
	{ "pthread_mutex", 'p', by_glibc },
};

// The median of a few rounds, and whether the counter was right.
static double turn_ns(void (*play)(struct contestant *me), int threads,
		      bool *exact)
{
	struct contestant who[MOST];
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		the_lock = (union lock){ 0 };
		counter = 0;
		struct contest_sum sum = hold_contest(
			&(struct contest){ .play = play,
					   .threads = threads,
					   .length_ns = 4000000,
					   .places = CONTEST_PINNED },
			who);
		*exact &= counter == sum.turns;
		ns[i] = sum.turns ? (double)sum.length_ns / (double)sum.turns
				  : NAN;
	}
	return stats_median(ns, ROUNDS);
}

void scene_crowd(void)
{
	double y[CURVES][CROWDS];
	struct curve curves[CURVES];
	bool exact = true;

	for (int i = 0; i < CURVES; i++) {
		for (int j = 0; j < CROWDS; j++)
			y[i][j] = turn_ns(contenders[i].play, (int)crowds[j],
					  &exact);
		curves[i] = (struct curve){ contenders[i].label,
					    contenders[i].mark, y[i] };
	}
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture =
		must_ptr(draw_curves(&canvas,
				     &(struct axes){ .x_title = "threads",
						     .y_title = "ns a turn",
						     .x = crowds,
						     .points = CROWDS,
						     .x_logarithmic = true,
						     .y_logarithmic = true },
				     curves, CURVES));
	show(picture);
	free(picture);
	claim(exact, "each lock, each crowd: every turn counted once");
}

// ## The wrong neighbours
//
// Two threads, two locks, two counters: nothing is shared. But a CPU that writes
// takes the whole cache line (64 bytes on most machines) from all others, and if
// both locks lie in one line they fight as if it were one lock: false sharing.

enum { NEIGHBOURS = 2, LINE_ROUNDS = 9, APART = CONTEST_APART };

struct household {
	struct ttas lock;
	uint32_t counter;
};

static void keep_house(struct contestant *me)
{
	struct household *mine = me->argument;

	while (contest_goes_on(me)) {
		ttas_lock(&mine->lock);
		mine->counter++;
		ttas_unlock(&mine->lock);
	}
}

void scene_lines(void)
{
	static alignas(APART) char street[NEIGHBOURS * APART];
	static const size_t strides[] = { sizeof(struct household), APART };
	double ns[2][LINE_ROUNDS];
	char notes[2][64];
	struct bar bars[2];
	struct contestant who[NEIGHBOURS];
	bool exact = true;

	for (int round = 0; round < LINE_ROUNDS; round++)
		for (int i = 0; i < 2; i++) {
			struct contest_sum sum = hold_contest(
				&(struct contest){ .play = keep_house,
						   .argument = street,
						   .stride = strides[i],
						   .threads = NEIGHBOURS,
						   .length_ns = 4000000,
						   .places = CONTEST_PINNED },
				who);
			uint32_t counted = 0;
			for (int t = 0; t < NEIGHBOURS; t++) {
				struct household *h = who[t].argument;
				counted += h->counter;
				h->counter = 0;
			}
			exact &= counted == (uint32_t)sum.turns;
			ns[i][round] = (double)sum.cpu_ns /
				       ((double)sum.turns + 1e-9);
		}
	for (int i = 0; i < 2; i++) {
		stats_sort(ns[i], LINE_ROUNDS);
		bars[i] = (struct bar){ i ? "own lines" : "one line", notes[i],
					stats_median(ns[i], LINE_ROUNDS) };
		snprintf(notes[i], sizeof *notes, "%.1f ns (%.1f to %.1f)",
			 bars[i].value,
			 stats_quantile(ns[i], LINE_ROUNDS, 0.25),
			 stats_quantile(ns[i], LINE_ROUNDS, 0.75));
	}
	say("CPU time a turn, a median of %d (and the middle half):",
	    LINE_ROUNDS);
	show_bars(bars, 2, false);
	claim(exact, "nobody touches the other's lock or counter");
	long line = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);
	if (line <= 0) {
		say("the C library does not know how long a line is here");
		return;
	}
	claim((long)strides[0] < line && (long)strides[1] >= line,
	      "a line is %ld bytes: %zu apart share one, %zu do not", line,
	      strides[0], strides[1]);
}
