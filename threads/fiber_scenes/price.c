// # The price of a switch
//
// Two fibers that yield to each other, and two threads that hand a word to each
// other by futex(2) on the same CPU, which is the least that the kernel can do
// for it. CPU time, not the clock, so that others on this machine do not count;
// many rounds in turns, and the middle half of them is shown.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cpu.h"
#include "draw.h"
#include "lab.h"
#include "options.h"
#include "stats.h"
#include "sync/lock/futex.h"
#include "threads/fiber_scenes/scenes.h"

enum { ROUNDS = 21, YIELDS = 20000, HANDOVERS = 500, WAYS = 2 };

static double cpu_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// Of this thread, or of all that there have been: given up, and taken away.
static long given_up(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nvcsw;
}

static long all_switches(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_SELF, &usage));
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

// ## Fibers

static void *yields(void *argument)
{
	for (int i = 0; i < YIELDS; i++)
		fiber_yield();
	return argument;
}

static void *two_yield(void *argument)
{
	struct fiber *other = spawn(yields, NULL);

	yields(NULL);
	must_neg(fiber_join(other, NULL));
	return argument;
}

static double fiber_round(void)
{
	double begin = cpu_ns();

	run_fibers(2, two_yield, NULL);
	return (cpu_ns() - begin) / (2.0 * YIELDS);
}

// ## Threads
//
// Whose turn it is stands in a word: release when it is handed over pairs with
// acquire when it is taken. Who waits sleeps, so each hand-over is a wake and a
// sleep, and on one CPU a switch.

static _Atomic uint32_t turn;

static void take_turns(uint32_t me)
{
	for (int i = 0; i < HANDOVERS; i++) {
		uint32_t now;
		while ((now = atomic_load_explicit(&turn,
						   memory_order_acquire)) != me)
			(void)futex_wait(&turn, now, false);
		atomic_store_explicit(&turn, !me, memory_order_release);
		(void)futex_wake(&turn, 1, false);
	}
}

static void *other_thread(void *argument)
{
	take_turns(1);
	return argument;
}

static double thread_round(void)
{
	pthread_t other;
	double begin = cpu_ns();

	atomic_store_explicit(&turn, 0, memory_order_relaxed);
	must_zero(pthread_create(&other, NULL, other_thread, NULL));
	take_turns(0);
	must_zero(pthread_join(other, NULL));
	return (cpu_ns() - begin) / (2.0 * HANDOVERS);
}

static void draw(double ns[WAYS][ROUNDS])
{
	static const char *const labels[WAYS] = { "fibers", "threads" };
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[WAYS];
	char notes[WAYS][64];

	for (int way = 0; way < WAYS; way++) {
		char low[HUMAN_BYTES], middle[HUMAN_BYTES], high[HUMAN_BYTES];
		stats_sort(ns[way], ROUNDS);
		double median = stats_quantile(ns[way], ROUNDS, 0.5);
		snprintf(notes[way], sizeof notes[way], "%s (%s to %s)",
			 human_duration(middle, median),
			 human_duration(low,
					stats_quantile(ns[way], ROUNDS, 0.25)),
			 human_duration(high,
					stats_quantile(ns[way], ROUNDS, 0.75)));
		bars[way] = (struct bar){ labels[way], notes[way], median };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, WAYS, true));
	show(picture);
	free(picture);
	say("a hand-over to a fiber costs a %.0fth of one to a thread",
	    bars[1].value / bars[0].value);
}

void scene_price(void)
{
	static double ns[WAYS][ROUNDS];
	long kernel[WAYS] = { 0 };
	struct topology topology;
	int pair[2];

	must_neg(topology_read(&topology));
	if (!topology_pair(&topology, SAME_CPU, pair))
		skip("no CPU to run on");
	must_neg(pin_to_cpu(pair[0]));
	topology_free(&topology);
	for (int i = 0; i < ROUNDS; i++) {
		long before = given_up();
		ns[0][i] = fiber_round();
		kernel[0] += given_up() - before;
		before = all_switches();
		ns[1][i] = thread_round();
		kernel[1] += all_switches() - before;
	}
	draw(ns);
	say("switches that the kernel made for it: %ld and %ld", kernel[0],
	    kernel[1]);
	claim(kernel[0] == 0, "%d yields, and it has switched for none of them",
	      ROUNDS * 2 * YIELDS);
	claim(kernel[1] >= (2 * HANDOVERS - 1) * ROUNDS,
	      "threads on one CPU: a switch of the kernel for each of %d",
	      (2 * HANDOVERS - 1) * ROUNDS);
}
