// # Deadlock
//
// Everybody takes the fork on his left, and nobody goes on before all have it.
// That is the barrier that makes certain what else happens once in a while: now
// each wants the fork on his right, which is somebody's left.
//
// The program finds it in its graph, the moment that the last arrow is drawn.
// Then somebody looks from outside, who knows nothing of philosophers: the
// kernel. It shows each thread asleep in futex(2), and the address of the word
// that it sleeps for. That address lies in a fork, and it is the fork that the
// graph says.

#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "outside.h"
#include "scenes.h"
#include "table.h"

// ## From outside
//
// /proc/PID/task/TID/syscall has the number of the call that a thread is in and
// its arguments, while it sleeps ("running" otherwise). Only for those who might
// trace it, as a parent may; and not every kernel is built with it.

enum sight look(pid_t pid, pid_t tid, const void *object, size_t bytes)
{
	char path[64], text[HOST_TEXT];
	unsigned long long word;
	long number;

	snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
	if (!host_line(path, text, sizeof text))
		return HIDDEN;
	if (sscanf(text, "%ld %llx", &number, &word) != 2 ||
	    number != SYS_futex)
		return ELSEWHERE;
	return word - (uintptr_t)object < bytes ? WAITS : ELSEWHERE;
}

static void await_futex(struct table *table, pid_t pid, int who, int fork)
{
	pid_t tid = table->philosopher[who].tid;

	await_state(tid, 'S');
	while (look(pid, tid, &table->fork[fork], sizeof(pthread_mutex_t)) ==
	       ELSEWHERE)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

// ## The table
//
// A process of its own, because threads that wait for ever end only with it.

static void claim_alive(pid_t child)
{
	if (must(waitpid(child, NULL, WNOHANG)) == 0)
		return;
	claim(false, "the table is there until it is caught");
	_exit(EXIT_FAILURE);
}

pid_t fork_deadlock(struct table *table, struct ring *ring)
{
	pid_t child = fork_as("table");

	if (child == 0) {
		pthread_t threads[MOST];
		meal_seat(table, threads);
		say("all are at the gate, each with his left fork; I open it");
		meal_open(table);
		for (;;)
			pause();
	}
	do {
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
		*ring = graph_ring(&table->graph);
		claim_alive(child);
	} while (ring->length == 0);
	for (int i = 0; i < ring->length; i++)
		await_futex(table, child, ring->who[i], ring->fork[i]);
	return child;
}

void show_ring(const struct ring *ring)
{
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	ring_draw(out, ring);
	must(fclose(out));
	show_text(text);
	free(text);
}

void scene_deadlock(void)
{
	struct table *table = table_new(FIVE, &left_first);
	bool asleep = true, hidden = false;
	struct ring ring;

	table->refuses = false;
	pid_t child = fork_deadlock(table, &ring);
	say("the graph has a ring:");
	show_ring(&ring);
	claim(ring.length == table->n && table->rings == 1,
	      "a ring of all %d, and just one of them found it closed",
	      table->n);

	for (int i = 0; i < ring.length; i++) {
		pid_t tid = table->philosopher[ring.who[i]].tid;
		enum sight sight = look(child, tid, &table->fork[ring.fork[i]],
					sizeof(pthread_mutex_t));
		asleep &= sight != ELSEWHERE;
		hidden |= sight == HIDDEN;
		if (sight == WAITS)
			say("P%d is thread %d: S, in futex(2), for fork %d",
			    ring.who[i], tid, ring.fork[i]);
		else
			say("P%d is thread %d: S", ring.who[i], tid);
	}
	if (hidden)
		say("(/proc/PID/task/TID/syscall is hidden here)");
	claim(asleep && waitpid(child, NULL, WNOHANG) == 0,
	      "the kernel says the same: each sleeps for the fork of another");
	int meals = atomic_load(&table->order_length);
	claim(meals == 0, "and nobody has eaten, or ever will");
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
}
