// # Forks and those who take them
//
// A fork is a pthread mutex. Around lock and unlock the graph is told; the order
// of the two is what makes it true (see graph.h).

#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

struct table *table_new(int n, const struct manner *manner)
{
	struct table *table = must(mmap(NULL, sizeof *table,
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	table->n = n;
	table->manner = manner;
	table->refuses = manner->needs_refusal;
	must_zero(graph_init(&table->graph, n));
	must_zero(pthread_mutex_init(&table->lock, NULL));
	must(sem_init(&table->seats, 1, n - 1));
	must(sem_init(&table->gate, 1, 0));
	must(sem_init(&table->plates, 1, 0));
	for (int i = 0; i < n; i++) {
		must_zero(pthread_mutex_init(&table->fork[i], NULL));
		must_zero(pthread_cond_init(&table->moved[i], NULL));
		table->philosopher[i].random.state = i + 1;
		table->owner[i] = i == 0 ? 0 : i - 1;
		table->dirty[i] = true;
	}
	return table;
}

int fork_take(struct table *table, int who, int fork)
{
	struct ring ring = graph_asks(&table->graph, who, fork);

	if (ring.length)
		atomic_fetch_add_explicit(&table->rings, 1,
					  memory_order_relaxed);
	if (ring.length && table->refuses) {
		graph_no_longer_asks(&table->graph, who);
		return EDEADLK;
	}
	int error = pthread_mutex_lock(&table->fork[fork]);
	if (error == EOWNERDEAD) {
		say("fork %d comes from a dead hand (EOWNERDEAD)", fork);
		error = pthread_mutex_consistent(&table->fork[fork]);
	}
	must_zero(error);
	graph_has(&table->graph, who, fork);
	return 0;
}

int fork_try(struct table *table, int who, int fork)
{
	int error = pthread_mutex_trylock(&table->fork[fork]);

	if (error == EBUSY)
		return error;
	must_zero(error);
	graph_has(&table->graph, who, fork);
	return 0;
}

void fork_give(struct table *table, int fork)
{
	graph_gives(&table->graph, fork);
	must_zero(pthread_mutex_unlock(&table->fork[fork]));
}

// ## One meal

void table_go_to(struct table *table, int who, enum place place)
{
	atomic_store_explicit(&table->philosopher[who].place, place,
			      memory_order_release);
}

static enum place place_of(struct table *table, int who)
{
	return atomic_load_explicit(&table->philosopher[who].place,
				    memory_order_acquire);
}

void table_at_gate(struct table *table, int who)
{
	if (!table->staged) {
		sched_yield();
		return;
	}
	table_go_to(table, who, AT_GATE);
	must(sem_wait(&table->gate));
	table_go_to(table, who, HUNGRY);
}

static long begun(struct table *table, int who)
{
	return atomic_load_explicit(&table->philosopher[who].begun,
				    memory_order_relaxed);
}

static int neighbour(const struct table *table, int who, int side)
{
	return (who + (side ? 1 : table->n - 1)) % table->n;
}

void table_is_hungry(struct table *table, int who)
{
	for (int i = 0; i < 2; i++)
		table->philosopher[who].seen[i] =
			begun(table, neighbour(table, who, i));
}

static void note_meal(struct table *table, int who)
{
	struct philosopher *self = &table->philosopher[who];

	atomic_fetch_add_explicit(&self->begun, 1, memory_order_relaxed);
	self->meals++;
	for (int i = 0; i < 2; i++) {
		long n = begun(table, neighbour(table, who, i)) - self->seen[i];
		if (n > self->overtaken)
			self->overtaken = n;
	}
}

// Whoever eats counts on both forks, and not in one step: were a fork in two
// hands, a count would be lost (and ThreadSanitizer would say so).
static void eat(struct table *table, int who)
{
	int forks[] = { left(who), right(table, who) };

	for (int i = 0; i < 2; i++) {
		long uses = table->uses[forks[i]];
		sched_yield();
		table->uses[forks[i]] = uses + 1;
	}
}

static void eat_once(struct table *table, int who)
{
	table_is_hungry(table, who);
	table->manner->take(table, who);
	note_meal(table, who);
	eat(table, who);
	if (table->staged) {
		table->order[atomic_fetch_add(&table->order_length, 1)] = who;
		table_go_to(table, who, EATING);
		must(sem_wait(&table->plates));
	}
	table->manner->give(table, who);
}

struct seat {
	struct table *table;
	int who;
};

static struct seat *new_seat(struct table *table, int who)
{
	struct seat *seat = must_ptr(malloc(sizeof *seat));

	*seat = (struct seat){ table, who };
	return seat;
}

// ## A meal on the stage

void meal_play(struct table *table, int who)
{
	char name[16];

	snprintf(name, sizeof name, "P%d", who);
	speak_as(name);
	table->philosopher[who].tid = gettid();
	table_go_to(table, who, HUNGRY);
	eat_once(table, who);
	table_go_to(table, who, HOME);
}

static void *play_one(void *argument)
{
	struct seat seat = *(struct seat *)argument;

	free(argument);
	meal_play(seat.table, seat.who);
	return NULL;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

// Whether he stays where he is, as long as all others do: he waits for the scene
// (AT_GATE, EATING), or his arrow leads to somebody, or he sleeps in sem_wait
// for a seat. If that is so of everybody in one copy of the graph, and their
// places were read before it, nobody can move.
static bool is_at_rest(struct table *table, int who, enum place expected,
		       enum place place, const struct graph *now)
{
	if (place == SEATLESS) {
		await_state(table->philosopher[who].tid, 'S');
		return place_of(table, who) == SEATLESS;
	}
	return place == expected || place == EATING ||
	       (place == HUNGRY && graph_waits_for(now, who) != NOBODY);
}

static void await_rest(struct table *table, int first, enum place expected)
{
	for (bool rest = false; !rest; nap()) {
		enum place place[MOST] = { OUTSIDE };
		for (int i = first; i < table->n; i++)
			place[i] = place_of(table, i);
		struct graph now = graph_now(&table->graph);
		rest = true;
		for (int i = first; i < table->n && place[i]; i++)
			rest &= is_at_rest(table, i, expected, place[i], &now);
	}
}

void meal_await(struct table *table, int who)
{
	while (place_of(table, who) == OUTSIDE)
		nap();
	await_rest(table, who, AT_GATE);
}

void meal_seat(struct table *table, pthread_t threads[MOST])
{
	for (int i = 0; i < table->n; i++) {
		table->staged = true;
		must_zero(pthread_create(&threads[i], NULL, play_one,
					 new_seat(table, i)));
		meal_await(table, i);
	}
}

void meal_open(struct table *table)
{
	for (int i = 0; i < table->n; i++)
		must(sem_post(&table->gate));
	await_rest(table, 0, EATING);
}

void meal_end(struct table *table, pthread_t threads[MOST])
{
	for (int i = 0; i < table->n; i++)
		must(sem_post(&table->plates));
	for (int i = 0; i < table->n; i++)
		must_zero(pthread_join(threads[i], NULL));
}

// ## A dinner
//
// Without a ring one may still starve for long, where others always come first; on
// a busy machine, for minutes. So who is full goes home, and the hungry get their
// turn at last.

enum { FULL = 10 };

static void *play_dinner(void *argument)
{
	struct seat seat = *(struct seat *)argument;
	struct table *table = seat.table;

	free(argument);
	while (table->philosopher[seat.who].meals < FULL * table->goal &&
	       atomic_load_explicit(&table->done, memory_order_relaxed) <
		       table->n) {
		eat_once(table, seat.who);
		if (table->philosopher[seat.who].meals == table->goal)
			atomic_fetch_add_explicit(&table->done, 1,
						  memory_order_relaxed);
	}
	return NULL;
}

void dine(struct table *table, long goal)
{
	pthread_t threads[MOST];

	table->goal = goal;
	for (int i = 0; i < table->n; i++)
		must_zero(pthread_create(&threads[i], NULL, play_dinner,
					 new_seat(table, i)));
	for (int i = 0; i < table->n; i++)
		must_zero(pthread_join(threads[i], NULL));
}
