// # A million rounds
//
// The window in which a store waits in its buffer is some nanoseconds wide. To
// meet in it, the threads have to start a round together, each on a CPU of its
// own, and then each waits for a random little while: somewhere among a million
// such pairs of delays the two meet.
//
// The meeting itself must not be what keeps them in order. It does in its own
// memory, before the round, and each outcome is put aside and counted after all.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "cpu.h"
#include "litmus.h"
#include "random.h"
#include "sync/lock/pause.h"

enum { DELAYS = 64, SPINS = 2000, STRAY = 1 << 7 };
// Rounds between two looks at the clock: one may last as long as a time slice of
// each, where threads take turns or the machine is busy with others.
enum { CLOCK_EVERY = 8 };

struct player {
	alignas(128) _Atomic uint32_t round; // it has come to
	struct run *run;
	int index, cpu, error; // error: of pinning
	pthread_t thread;
	uint8_t *seen; // a byte a round: bit i, register i saw the new value
};

struct run {
	struct cells cells;
	struct player players[MOST_THREADS];
	const struct test *test;
	part_fn *const *part;
	bool crowded; // more threads than CPUs
	uint32_t rounds;
	uint64_t seed;
	int64_t until_ns;
	// The first round that is not played. Player 0 stores it before it
	// comes to a meeting, so whoever has met it there knows it: that
	// player's `round` is the release and the acquire for it.
	_Atomic uint32_t stop;
	sem_t pinned;
	pthread_mutex_t gate; // ours, until all are there
	bool abandoned;       // the gate's
};

// Waits until all have come to `round`. Release and acquire: what somebody did
// before it came, everybody sees who has met it.
static void meet(struct run *run, struct player *me, uint32_t round)
{
	atomic_store_explicit(&me->round, round, memory_order_release);
	for (int i = 0; i < run->test->threads; i++) {
		unsigned turns = 0;
		while (atomic_load_explicit(&run->players[i].round,
					    memory_order_acquire) < round) {
			cpu_pause();
			if (run->crowded || ++turns % SPINS == 0)
				sched_yield();
		}
	}
}

static void delay(struct random *random)
{
	for (uint32_t n = random_below(random, DELAYS); n > 0; n--)
		atomic_signal_fence(memory_order_seq_cst);
}

static uint8_t bits_of(const struct test *test, int index, const uint32_t *seen,
		       uint32_t round)
{
	unsigned bits = 0;

	for (int i = 0; i < test->registers; i++) {
		if (test->reader[i] != index)
			continue;
		bits |= (unsigned)(seen[i] == round) << i;
		if (seen[i] != round && seen[i] != round - 1)
			bits |= STRAY;
	}
	return (uint8_t)bits;
}

static void play_rounds(struct run *run, struct player *me)
{
	struct random random = { run->seed + (uint64_t)me->index };
	part_fn *part = run->part[me->index];

	for (uint32_t round = 1;; round++) {
		uint32_t seen[MOST_REGISTERS] = { 0 };
		if (me->index == 0 &&
		    (round > run->rounds ||
		     (round % CLOCK_EVERY == 0 && now_ns() > run->until_ns)))
			atomic_store_explicit(&run->stop, round,
					      memory_order_relaxed);
		meet(run, me, round);
		if (atomic_load_explicit(&run->stop, memory_order_relaxed) ==
		    round)
			return;
		delay(&random);
		part(&run->cells, round, seen);
		me->seen[round - 1] = bits_of(run->test, me->index, seen,
					      round);
	}
}

static void *play(void *player)
{
	struct player *me = player;
	struct run *run = me->run;

	me->error = pin_to_cpu(me->cpu);
	sem_post(&run->pinned);
	pthread_mutex_lock(&run->gate);
	bool abandoned = run->abandoned;
	pthread_mutex_unlock(&run->gate);
	if (!abandoned)
		play_rounds(run, me);
	return NULL;
}

// ## Who plays where

static int choose_cpus(struct run *run)
{
	static const enum placement wanted[] = { CROSS_CORE, CROSS_SOCKET,
						 SMT };
	struct topology topology;
	int pair[2] = { -1, -1 }, threads = run->test->threads;

	int error = topology_read(&topology);
	for (int i = 0; !error && i < 3; i++)
		if (topology_pair(&topology, wanted[i], pair))
			break;
	if (!error && pair[0] == -1)
		error = -ENODEV;
	run->crowded = (size_t)threads > topology.count;
	for (int i = 0; !error && i < threads; i++)
		run->players[i].cpu =
			threads > 2 && !run->crowded
				? topology.cpus[topology.count - 1 - i].number
				: pair[i % 2];
	topology_free(&topology);
	return error;
}

// ## Counting

static void count(const struct run *run, struct counts *counts)
{
	uint32_t played =
		atomic_load_explicit(&run->stop, memory_order_relaxed) - 1;

	for (uint32_t round = 0; round < played; round++) {
		unsigned outcome = 0;
		for (int i = 0; i < run->test->threads; i++)
			outcome |= run->players[i].seen[round];
		if (outcome & STRAY)
			counts->strays++;
		else
			counts->of[outcome]++;
	}
	counts->rounds += played;
}

// A thread that could not be made or pinned would be waited for at the first
// meeting, for ever. So all stand at a gate until everybody is there, and go home
// if somebody is not.
static int play_all(struct run *run)
{
	int threads = run->test->threads, made = 0, error = 0;

	pthread_mutex_lock(&run->gate);
	for (; made < threads && !error; made += !error) {
		struct player *p = &run->players[made];
		error = -pthread_create(&p->thread, NULL, play, p);
	}
	for (int i = 0; i < made; i++)
		while (sem_wait(&run->pinned) == -1)
			;
	for (int i = 0; i < made && !error; i++)
		error = run->players[i].error;
	run->abandoned = error;
	pthread_mutex_unlock(&run->gate);
	for (int i = 0; i < made; i++)
		pthread_join(run->players[i].thread, NULL);
	return error;
}

int litmus_run(const struct test *test, enum order order, uint32_t rounds,
	       int64_t limit_ns, uint64_t seed, struct counts *counts)
{
	struct run *run = aligned_alloc(128, sizeof *run);
	uint8_t *seen = malloc((size_t)rounds * test->threads);
	int error = run && seen ? 0 : -ENOMEM;
	int64_t began_ns = now_ns();

	if (!error) {
		memset(run, 0, sizeof *run);
		sem_init(&run->pinned, 0, 0);
		pthread_mutex_init(&run->gate, NULL);
		run->test = test;
		run->part = test->part[order];
		run->rounds = rounds;
		run->seed = seed;
		run->until_ns = began_ns + limit_ns;
		for (int i = 0; i < test->threads; i++) {
			run->players[i].run = run;
			run->players[i].index = i;
			run->players[i].seen = seen + (size_t)rounds * i;
		}
		error = choose_cpus(run) ?: play_all(run);
	}
	if (!error) {
		count(run, counts);
		counts->took_ns += now_ns() - began_ns;
		counts->cpus = run->crowded ? 2 : test->threads;
	}
	free(seen);
	free(run);
	return error;
}
