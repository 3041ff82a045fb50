// # Back-off, and the livelock
//
// Who does not wait while he holds cannot be part of a ring: he tries the second
// fork (pthread_mutex_trylock), and if it is taken puts the first one back. No
// deadlock; but nothing says that anybody eats. If all step in phase (take, try,
// fail, put back, and again) they are busy for ever, and no graph shows it: there
// is not one arrow. That is a livelock. On real CPUs phases drift, so it goes by
// sooner or later, and cannot be relied on not to come. Here barriers keep step:
//
//     each round    who tries takes his left fork
//                   (all have it)
//                   he tries the right one, and eats if he gets it
//                   (all have tried)
//                   all put back what they have
//
// The cure is what Ethernet does (Metcalfe & Boggs, "Ethernet: distributed packet
// switching for local computer networks", CACM 19, 1976): who fails stays away
// for a number of rounds drawn by lot, from a range that doubles each time. Who
// has eaten draws, too: else he would be back before those who failed, and those
// fail again (networks know it as the capture effect).

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "scenes.h"
#include "table.h"

enum { ROUNDS = 60, THINKS = 2, GOAL = 30 };

struct lockstep {
	struct table *table;
	bool by_lot;
	pthread_barrier_t step;
	char log[FIVE][ROUNDS + 1]; // E eats, x fails, . stays away
	int arrows;                 // seen when all have tried
};

struct stepper {
	struct lockstep *lockstep;
	int who;
};

static void step(struct lockstep *lockstep)
{
	int error = pthread_barrier_wait(&lockstep->step);

	if (error != PTHREAD_BARRIER_SERIAL_THREAD)
		must_zero(error);
}

// Returns whether he ate.
static bool try_once(struct lockstep *lockstep, int who)
{
	struct table *table = lockstep->table;

	must_zero(fork_try(table, who, left(who)));
	step(lockstep);
	return fork_try(table, who, right(table, who)) == 0;
}

static int draw(struct philosopher *self, int failures)
{
	return random_below(&self->random, 2 << (failures < 4 ? failures : 4));
}

static void *play(void *argument)
{
	struct stepper *stepper = argument;
	struct lockstep *lockstep = stepper->lockstep;
	struct table *table = lockstep->table;
	int who = stepper->who, away = 0, failures = 0;

	for (int round = 0; round < ROUNDS; round++) {
		bool tries = away == 0, ate = false;
		if (tries) {
			ate = try_once(lockstep, who);
		} else {
			step(lockstep);
			away--;
		}
		lockstep->log[who][round] = ate ? 'E' : tries ? 'x' : '.';
		step(lockstep);
		struct graph now = graph_now(&table->graph);
		for (int i = 0; who == 0 && i < FIVE; i++)
			lockstep->arrows += now.wants[i] != NOTHING;
		if (ate)
			fork_give(table, right(table, who));
		if (tries)
			fork_give(table, left(who));
		failures = ate ? 0 : failures + tries;
		if (tries && lockstep->by_lot)
			away = draw(&table->philosopher[who],
				    ate ? THINKS : failures);
		step(lockstep);
	}
	return NULL;
}

static int count(const struct lockstep *lockstep, char what, int *least)
{
	int sum = 0;

	*least = ROUNDS;
	for (int i = 0; i < FIVE; i++) {
		int own = 0;
		for (int round = 0; round < ROUNDS; round++)
			own += lockstep->log[i][round] == what;
		*least = own < *least ? own : *least;
		sum += own;
	}
	return sum;
}

static void play_rounds(struct lockstep *lockstep)
{
	struct stepper steppers[FIVE];
	pthread_t threads[FIVE];
	char picture[FIVE * (ROUNDS + 16) + 1] = "";
	int n = 0;

	must_zero(pthread_barrier_init(&lockstep->step, NULL, FIVE));
	for (int i = 0; i < FIVE; i++) {
		steppers[i] = (struct stepper){ lockstep, i };
		must_zero(
			pthread_create(&threads[i], NULL, play, &steppers[i]));
	}
	for (int i = 0; i < FIVE; i++)
		must_zero(pthread_join(threads[i], NULL));
	must_zero(pthread_barrier_destroy(&lockstep->step));
	for (int i = 0; i < FIVE; i++)
		n += snprintf(picture + n, sizeof picture - n, "    P%d  %s\n",
			      i, lockstep->log[i]);
	show_text(picture);
}

void scene_livelock(void)
{
	struct lockstep lockstep = { .table = table_new(FIVE, &back_off) };
	int least;

	say("%d rounds: x has tried and failed", ROUNDS);
	play_rounds(&lockstep);
	int failed = count(&lockstep, 'x', &least);
	claim(failed == FIVE * ROUNDS && lockstep.arrows == 0,
	      "in phase: %d tries, no meal, and not an arrow in the graph",
	      failed);
}

void scene_backoff(void)
{
	struct lockstep lockstep = { .table = table_new(FIVE, &back_off),
				     .by_lot = true };
	struct table *table = table_new(FIVE, &back_off);
	int least;

	say("by lot: E eats, x fails, . stays away");
	play_rounds(&lockstep);
	int meals = count(&lockstep, 'E', &least);
	claim(least >= 1, "drawn by lot: %d meals, each ate at least %d times",
	      meals, least);
	say("the same without barriers, as fast as they can");
	dine(table, GOAL);
	show_meals(table);
	claim_meals(table);
}
