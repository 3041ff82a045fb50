// # Cures
//
// Each is put through the same two trials. First the least fortunate moment:
// everybody comes, and nobody goes on before all who can have their first fork.
// The graph that remains is looked at: a chain has an end, and who is at the end
// eats. Then a dinner: all eat as often and as fast as they can, and the graph
// is asked at each arrow.

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "lab.h"
#include "outside.h"
#include "scenes.h"
#include "table.h"

enum { GOAL = 30 };

static void dinner(const struct manner *manner)
{
	struct table *table = table_new(FIVE, manner);

	dine(table, GOAL);
	if (table->refuses)
		say("a ring was about to close %d times", table->rings);
	show_meals(table);
	claim_meals(table);
}

// How many arrows follow one another at most.
static int longest_chain(struct table *table)
{
	struct graph now = graph_now(&table->graph);
	int longest = 0;

	for (int i = 0; i < now.n; i++) {
		int length = 0, who = i;
		while ((who = graph_waits_for(&now, who)) != NOBODY &&
		       length < now.n)
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

static bool ate_in_order(const struct table *table, const int *order)
{
	bool same = table->order_length == table->n;

	for (int i = 0; i < table->n; i++)
		same &= table->order[i] == order[i];
	return same;
}

// The worst that can be done to a manner that has no ring.
static void bad_moment(const struct manner *manner, int chain)
{
	static const int order[] = { 3, 2, 1, 0, 4 };
	struct table *table = table_new(FIVE, manner);
	pthread_t threads[MOST];

	meal_seat(table, threads);
	meal_open(table);
	say("each who can has one fork, then all go on:");
	show_graph(table);
	int longest = longest_chain(table);
	claim(graph_ring(&table->graph).length == 0 && longest == chain,
	      "a chain of %d arrows, and no ring", longest);
	meal_end(table, threads);
	claim(ate_in_order(table, order),
	      "it is eaten from its end: P3, P2, P1, P0, P4");
}

// ## An order of the forks
//
// Dijkstra, "Hierarchical ordering of sequential processes" (EWD310, 1971), has
// the philosophers and the five forks; that an order of all resources removes
// the ring is from Havender, "Avoiding deadlock in multitasking systems", IBM
// Systems Journal 7 (1968). Whoever waits has only lower numbers than the fork
// he waits for. So along the arrows the numbers grow, and a ring would have to
// grow back to its beginning.
//
// Only P4 does anything else than before: he asks for fork 0 first. What remains
// is a chain that may be as long as the table: four wait for one to eat, though
// two could eat at a time.

void scene_ordered(void)
{
	bad_moment(&ordered, FIVE - 1);
	dinner(&ordered);
}

// ## A waiter
//
// A counting semaphore lets n - 1 sit down. A ring of n forks needs n holders,
// so one fork is on the table, or in the hand of somebody who has two. Nobody
// has to know the numbers of the forks, but all have to pass the waiter, also
// those who are not in each other's way.

void scene_waiter(void)
{
	struct table *table = table_new(FIVE, &waiter);
	struct ring ring;

	bad_moment(&waiter, FIVE - 2);
	dinner(&waiter);

	say("and if he lets in all five?");
	must(sem_post(&table->seats));
	pid_t child = fork_deadlock(table, &ring);
	claim(ring.length == FIVE, "with n seats: a ring of %d again",
	      ring.length);
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
}

// ## Who closes it is refused
//
// The graph itself can be the cure: it is asked before each wait, and a wait
// that would close a ring is refused (EDEADLK). Who is refused puts back what he
// has and begins again. Databases do it, and the kernel with POSIX file locks
// (ipc/file, scene `deadlock`). All other manners may stay as they were.

void scene_refusal(void)
{
	struct table *table = table_new(FIVE, &left_first);
	pthread_t threads[MOST];

	meal_seat(table, threads);
	meal_open(table);
	int rings = table->rings;
	claim(rings >= 1 && graph_ring(&table->graph).length == 0,
	      "refused %d times: nobody closed the ring", rings);
	meal_end(table, threads);
	claim(table->order_length == FIVE, "and all %d have eaten",
	      table->order_length);
	dinner(&left_first);
}

// ## Hygienic
//
// Nobody is overtaken twice: that is fairness without a queue (hygienic.c).

void scene_hygienic(void)
{
	struct table *table = table_new(FIVE, &hygienic);
	long overtaken = 0;

	dine(table, GOAL);
	show_meals(table);
	claim_meals(table);
	for (int i = 0; i < FIVE; i++)
		if (table->philosopher[i].overtaken > overtaken)
			overtaken = table->philosopher[i].overtaken;
	claim(overtaken <= 1,
	      "while one was hungry, a neighbour began to eat %ld time at most",
	      overtaken);
}
