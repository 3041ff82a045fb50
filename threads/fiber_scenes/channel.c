// # Fibers that hand on, and fibers that wait for each other
//
// A channel with no room is a meeting: who puts waits for who takes. So a row of
// fibers is a pipeline that needs no buffer and no lock, and each stage reads as
// if it were alone. The sieve is McIlroy's: the first number that a stage gets is
// a prime, and it lets pass what that does not divide.
//
//     2 3 4 5 ... ──▶ [2] ──3 5 7 9──▶ [3] ──5 7 11──▶ [5] ──▶ ...
//
// Sources: Hoare, "Communicating Sequential Processes", CACM 21 (1978).

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "threads/fiber_scenes/scenes.h"

enum { LIMIT = 100, MOST_STAGES = 40 };

struct pipeline {
	struct fiber_channel *channels[MOST_STAGES];
	int primes[MOST_STAGES], count;
};

static void *numbers(void *out)
{
	for (int n = 2; n < LIMIT; n++)
		must_neg(fiber_channel_put(out, &n));
	fiber_channel_close(out);
	return NULL;
}

// Spawns the next stage when it knows that there is one.
static void *stage(void *pipeline)
{
	struct pipeline *p = pipeline;
	struct fiber_channel *in = p->channels[p->count], *out = NULL;
	int prime, n;

	if (fiber_channel_take(in, &prime) != 0)
		return NULL;
	p->primes[p->count++] = prime;
	while (fiber_channel_take(in, &n) == 0) {
		if (n % prime == 0)
			continue;
		if (!out) {
			must_neg(fiber_channel_new(&out, sizeof n, 0));
			p->channels[p->count] = out;
			must_neg(fiber_spawn(NULL, stage, p));
		}
		must_neg(fiber_channel_put(out, &n));
	}
	if (out)
		fiber_channel_close(out);
	return NULL;
}

static void *sieve(void *pipeline)
{
	struct pipeline *p = pipeline;

	must_neg(fiber_channel_new(&p->channels[0], sizeof(int), 0));
	must_neg(fiber_spawn(NULL, stage, p));
	return numbers(p->channels[0]);
}

void scene_pipeline(void)
{
	static const int known[] = { 2,  3,  5,  7,  11, 13, 17, 19, 23,
				     29, 31, 37, 41, 43, 47, 53, 59, 61,
				     67, 71, 73, 79, 83, 89, 97 };
	struct pipeline p = { .count = 0 };
	struct fiber_facts facts = { 0 };
	const struct fiber_setup setup = { .facts = &facts };
	char line[128] = "";

	must_neg(fiber_run(&setup, sieve, &p));
	for (int i = 0; i < p.count; i++)
		snprintf(line + strlen(line), sizeof line - strlen(line), " %d",
			 p.primes[i]);
	say("%zu fibers in a row, %llu switches:", facts.most_alive,
	    (unsigned long long)facts.switches);
	snprintf(line + strlen(line), sizeof line - strlen(line), "\n");
	show_text(line + 1);
	claim((size_t)p.count == sizeof known / sizeof *known &&
		      !memcmp(p.primes, known, sizeof known),
	      "these are the 25 primes below 100");
	claim(facts.sleeps == 0, "the thread has not slept once");
	for (int i = 0; i < p.count; i++)
		fiber_channel_free(p.channels[i]);
}

// ## All wait for each other
//
// Between processes a deadlock is a guess: the one they wait for may yet come
// from outside. Here all waits are known to one scheduler. When nobody can run,
// nobody sleeps and no I/O is under way, it is certain; and so each of these
// waits fails with EDEADLK, and whoever stands in it can clean up and go.

struct embrace {
	struct fiber *fibers[2];
	int errors[2];
};

static void *wait_for_second(void *embrace)
{
	struct embrace *e = embrace;

	e->errors[0] = fiber_join(e->fibers[1], NULL);
	return NULL;
}

static void *wait_for_first(void *embrace)
{
	struct embrace *e = embrace;

	e->errors[1] = fiber_join(e->fibers[0], NULL);
	return NULL;
}

static void *deadlock(void *embrace)
{
	struct embrace *e = embrace;

	e->fibers[0] = spawn(wait_for_second, e);
	e->fibers[1] = spawn(wait_for_first, e);
	return NULL;
}

void scene_deadlock(void)
{
	struct embrace e = { 0 };
	struct fiber_facts facts = { 0 };
	const struct fiber_setup setup = { .facts = &facts };

	int error = fiber_run(&setup, deadlock, &e);
	say("first waits for second, second for first, and they hear:");
	say("%s", strerror(-e.errors[0]));
	claim(error == -EDEADLK && e.errors[0] == -EDEADLK &&
		      e.errors[1] == -EDEADLK,
	      "both are told that it is a deadlock");
	claim(facts.left == 0, "and both came to their end");
}
