// # What some interleaving can bring about
//
// A test is small, so all of its interleavings can be tried: one memory, one step
// of one thread at a time, each thread in program order. That is what sequential
// consistency means (Lamport, "How to Make a Multiprocessor Computer That
// Correctly Executes Multiprocess Programs", IEEE TC 28, 1979), and what stepping
// through a program shows. The steps are read from the test's own text, so what
// the lab prints is what was tried.

#define _GNU_SOURCE
#include <string.h>

#include "litmus.h"

struct machine {
	const struct test *test;
	unsigned outcomes; // bit o: outcome o has come about
	uint64_t ways;
};

struct moment {
	const char *next[MOST_THREADS]; // what each thread does next
	unsigned memory;                // bit 0: x is new, bit 1: y
	unsigned seen;                  // bit i: register i saw the new value
};

// One step, "x = 1" or "r0 = y".
static void step(struct moment *now, int thread)
{
	const char *text = now->next[thread];
	const char *end = strchr(text, ';');

	if (text[0] == 'r')
		now->seen |= (now->memory >> (text[5] == 'y') & 1)
			     << (text[1] - '0');
	else
		now->memory |= 1U << (text[0] == 'y');
	now->next[thread] = end ? end + 2 : NULL;
}

static void try_all(struct machine *m, const struct moment *now)
{
	bool over = true;

	for (int i = 0; i < m->test->threads; i++) {
		struct moment then = *now;
		if (!now->next[i])
			continue;
		over = false;
		step(&then, i);
		try_all(m, &then);
	}
	if (over) {
		m->outcomes |= 1U << now->seen;
		m->ways++;
	}
}

unsigned sc_outcomes(const struct test *test, uint64_t *ways)
{
	struct machine machine = { .test = test };
	struct moment start = { 0 };

	for (int i = 0; i < test->threads; i++)
		start.next[i] = test->program[i];
	try_all(&machine, &start);
	*ways = machine.ways;
	return machine.outcomes;
}
