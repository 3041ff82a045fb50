// # The price
//
// Each of 1 to 16 threads pushes and pops in turn, all at once, until there have
// been so many pairs. Rounds of the three queues take turns, so that what the
// machine does besides falls on all of them. Where threads are more than CPUs, a
// mutex has a way to make the others wait that costs little: they sleep.

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "queues.h"
#include "scenes.h"
#include "stats.h"

enum { PAIRS = 32000, ROUNDS = 5, COUNTS = 5 };

struct race {
	struct any_queue *q;
	pthread_barrier_t gate;
	int threads;
};

struct runner {
	struct race *race;
	int64_t begin_ns, end_ns;
};

static void *push_and_pop(void *argument)
{
	struct runner *runner = argument;
	struct race *race = runner->race;
	const struct kind *kind = race->q->kind;
	struct user user = enter(race->q);
	uintptr_t value;

	meet(&race->gate);
	runner->begin_ns = now_ns();
	for (int i = 0; i < PAIRS / race->threads; i++) {
		while (kind->push(&user, i))
			sched_yield();
		while (kind->pop(&user, &value))
			sched_yield();
	}
	runner->end_ns = now_ns();
	leave(&user);
	return NULL;
}

// ns a pair, from the first that begins to the last that ends. *empty: nothing is
// left in it.
static double time_pairs(const struct kind *kind, int threads, bool *empty)
{
	struct race race = { .q = open_queue(kind), .threads = threads };
	struct runner runners[CROWD];
	pthread_t ids[CROWD];
	uintptr_t value;

	must_zero(pthread_barrier_init(&race.gate, NULL, threads));
	for (int i = 0; i < threads; i++) {
		runners[i].race = &race;
		must_zero(pthread_create(&ids[i], NULL, push_and_pop,
					 &runners[i]));
	}
	int64_t begin_ns = INT64_MAX, end_ns = 0;
	for (int i = 0; i < threads; i++) {
		const struct runner *r = &runners[i];
		must_zero(pthread_join(ids[i], NULL));
		begin_ns = r->begin_ns < begin_ns ? r->begin_ns : begin_ns;
		end_ns = r->end_ns > end_ns ? r->end_ns : end_ns;
	}
	must_zero(pthread_barrier_destroy(&race.gate));
	struct user user = enter(race.q);
	*empty &= kind->pop(&user, &value) == -EAGAIN;
	leave(&user);
	close_queue(race.q);
	return (double)(end_ns - begin_ns) / PAIRS;
}

static void draw(const double *threads, double median[KINDS][COUNTS])
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct axes axes = { .x_title = "threads",
			     .y_title = "ns a pair",
			     .x = threads,
			     .points = COUNTS,
			     .x_logarithmic = true,
			     .y_logarithmic = true,
			     .rows = 10 };
	struct curve curves[KINDS];

	for (int k = 0; k < KINDS; k++)
		curves[k] = (struct curve){ kinds[k].name, kinds[k].mark,
					    median[k] };
	char *picture = must_ptr(draw_curves(&canvas, &axes, curves, KINDS));
	show(picture);
	free(picture);
}

static void show_row(const struct kind *kind, double ns[COUNTS][ROUNDS],
		     double median[COUNTS])
{
	char line[160], cell[40];
	int n = snprintf(line, sizeof line, "    %-5s", kind->word);

	for (int c = 0; c < COUNTS; c++) {
		stats_sort(ns[c], ROUNDS);
		median[c] = stats_median(ns[c], ROUNDS);
		snprintf(cell, sizeof cell, "%.0f (%.0f-%.0f)", median[c],
			 ns[c][0], ns[c][ROUNDS - 1]);
		n += snprintf(line + n, sizeof line - n, " %13s", cell);
	}
	snprintf(line + n, sizeof line - n, "\n");
	show_text(line);
}

void scene_price(void)
{
	static const double threads[COUNTS] = { 1, 2, 4, 8, 16 };
	static double ns[KINDS][COUNTS][ROUNDS], median[KINDS][COUNTS];
	bool empty[KINDS] = { true, true, true };

	for (int round = 0; round < ROUNDS; round++)
		for (int c = 0; c < COUNTS; c++)
			for (int k = 0; k < KINDS; k++)
				ns[k][c][round] = time_pairs(
					&kinds[k], (int)threads[c], &empty[k]);
	show_text("    ns a pair: median of 5 (least-most)\n"
		  "    threads          1             2             4          "
		  "   8 "
		  "           16"
		  "\n");
	for (int k = 0; k < KINDS; k++)
		show_row(&kinds[k], ns[k], median[k]);
	draw(threads, median);
	for (int k = 0; k < KINDS; k++)
		claim(empty[k], "%s: each time as many came out as went in",
		      kinds[k].name);
}
