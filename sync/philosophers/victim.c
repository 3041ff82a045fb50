// # A victim
//
// A deadlock that has been found can be broken by force: somebody has to give
// up what he has. A thread that sleeps in pthread_mutex_lock cannot be made to;
// a process can be killed. So the philosophers are processes now, and the forks
// are robust mutexes: when the owner of one dies, the kernel gives it to who
// waits for it, and tells him (EOWNERDEAD; how it knows: sync/robust).
//
// The victim loses what it has done, so it should be one that has done little,
// and not always the same one, or it would starve. Here it has only just taken a
// fork, and begins anew.

#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "outside.h"
#include "scenes.h"
#include "table.h"

static void use_robust_forks(struct table *table)
{
	pthread_mutexattr_t attributes;

	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_setpshared(&attributes,
					       PTHREAD_PROCESS_SHARED));
	must_zero(
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
	for (int i = 0; i < table->n; i++)
		must_zero(pthread_mutex_init(&table->fork[i], &attributes));
	must_zero(pthread_mutexattr_destroy(&attributes));
}

static pid_t fork_philosopher(struct table *table, int who)
{
	pid_t child = fork_as("philosopher");

	if (child == 0) {
		meal_play(table, who);
		_exit(0);
	}
	return child;
}

void scene_victim(void)
{
	struct table *table = table_new(FIVE, &left_first);
	pid_t philosophers[FIVE];
	bool in_order = true;

	use_robust_forks(table);
	table->refuses = false;
	table->staged = true;
	for (int i = 0; i < FIVE; i++) {
		philosophers[i] = fork_philosopher(table, i);
		meal_await(table, i);
	}
	meal_open(table);
	struct ring ring = graph_ring(&table->graph);
	int victim = ring.who[0];
	say("a ring of %d; the victim is P%d", ring.length, victim);
	must(kill(philosophers[victim], SIGKILL));
	must(waitpid(philosophers[victim], NULL, 0));
	graph_no_longer_asks(&table->graph, victim);

	for (int i = 0; i < FIVE; i++)
		must(sem_post(&table->plates));
	for (int i = 0; i < FIVE; i++)
		if (i != victim)
			reap(philosophers[i]);
	for (int i = 0; i < FIVE - 1; i++)
		in_order &= table->order[i] ==
			    (victim + 2 * FIVE - 1 - i) % FIVE;
	claim(ring.length == FIVE && table->order_length == FIVE - 1 &&
		      in_order,
	      "all others eat, against the arrows: P%d, P%d, P%d, P%d",
	      table->order[0], table->order[1], table->order[2],
	      table->order[3]);

	must(sem_post(&table->gate));
	reap(fork_philosopher(table, victim));
	claim(table->order_length == FIVE && table->order[FIVE - 1] == victim,
	      "P%d begins anew, and eats", victim);
}
