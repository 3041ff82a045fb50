// # Manners: ways to take two forks
//
//     left first   the left fork, then the right one       can deadlock
//     ordered      the fork with the lower number first    no ring can close
//     waiter       n - 1 seats for n philosophers          no ring is complete
//     back-off     the second one only if it is free       nobody holds and waits
//     hygienic     forks are asked for, and handed over    (hygienic.c)
//
// Each of these is a page of its own in this folder; here is only what it does.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include "lab.h"
#include "random.h"
#include "table.h"

static void give_both(struct table *table, int who)
{
	fork_give(table, right(table, who));
	fork_give(table, left(who));
}

// Where forks are refused to him who would close a ring (dinners only), he puts
// back the one that he has and begins again. (The first one is never refused:
// for somebody who holds nothing, nobody waits.)
static void take_two(struct table *table, int who, int first, int second)
{
	fork_take(table, who, first);
	table_at_gate(table, who);
	while (fork_take(table, who, second) == EDEADLK) {
		fork_give(table, first);
		sched_yield();
		fork_take(table, who, first);
	}
}

static void take_left_first(struct table *table, int who)
{
	take_two(table, who, left(who), right(table, who));
}

static void take_lower_first(struct table *table, int who)
{
	int a = left(who), b = right(table, who);

	take_two(table, who, a < b ? a : b, a < b ? b : a);
}

static void take_with_seat(struct table *table, int who)
{
	table_go_to(table, who, SEATLESS);
	must(sem_wait(&table->seats));
	table_go_to(table, who, HUNGRY);
	take_left_first(table, who);
}

static void give_with_seat(struct table *table, int who)
{
	give_both(table, who);
	must(sem_post(&table->seats));
}

// How long he stays away grows with each time that he fails, up to 2^6 turns,
// and is drawn by lot, so that two who collided once do not do so for ever.
static void take_or_back_off(struct table *table, int who)
{
	struct philosopher *self = &table->philosopher[who];

	for (int failures = 0;; failures++) {
		fork_take(table, who, left(who));
		table_at_gate(table, who);
		if (fork_try(table, who, right(table, who)) == 0)
			return;
		fork_give(table, left(who));
		int window = 1 << (failures < 6 ? failures : 6);
		for (int n = random_below(&self->random, window); n > 0; n--)
			sched_yield();
	}
}

const struct manner left_first = {
	.name = "left-first",
	.rule = "the left fork, then the right one",
	.take = take_left_first,
	.give = give_both,
	.needs_refusal = true,
};

const struct manner ordered = {
	.name = "ordered",
	.rule = "the fork with the lower number first",
	.take = take_lower_first,
	.give = give_both,
};

const struct manner waiter = {
	.name = "waiter",
	.rule = "one seat fewer than philosophers",
	.take = take_with_seat,
	.give = give_with_seat,
};

const struct manner back_off = {
	.name = "back-off",
	.rule = "puts the first back if the second is taken",
	.take = take_or_back_off,
	.give = give_both,
};

const struct manner *const manners[MANNERS] = {
	&left_first, &ordered, &waiter, &back_off, &hygienic,
};
