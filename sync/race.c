// # Race: an update that gets lost
//
// Chapter 12 · Synchronisation (동기화): 동일 자원을 여러 스레드가 동시 수정
//
// `counter++` is one expression of C and three steps of a machine: load, add,
// store. Two threads that do them at the same time may both load the same
// value, and then one of two additions is gone. Nothing reports that: no signal,
// no error, only a wrong number, some time later.
//
//     $ build/sync/race              every scene
//     $ build/sync/race steps        one of them
//
//     steps · a lost update, step by step
//        23.84 ms  main     B begins before A has stored: AABBAB
//        27.51 ms  A        loads 0
//        39.86 ms  A        adds 1: 1
//        39.93 ms  B        loads 0
//        39.96 ms  B        adds 1: 1
//        39.98 ms  A        stores 1
//        40.05 ms  B        stores 1
//                 ✓ both loaded 0, so two additions make 1
//
// Try: in `chance`, let each thread keep its own counter and add them up in the
// end. No lock at all, and nothing lost: what is not shared needs no exclusion.
//
// Read next: sync/mutex (what a lock guarantees, and what waiting costs),
// sync/weave (all orders of the real instructions), sync/lock/tas.h and the
// headers after it. Sources: Dijkstra, "Cooperating Sequential Processes"
// (EWD 123), 1965; the C standard, 5.1.2.4 (data races); sem_overview(7).

#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "options.h"
#include "stats.h"
#include "sync/contest/contest.h"
#include "sync/lock/mutex_fast.h"
#include "sync/lock/ttas.h"

// The counter is atomic, loads and stores of it are relaxed: on every machine
// that Linux runs on these are a plain load and a plain store, as of an int. But
// for an int two threads at once would be undefined behaviour (a data race), and
// the compiler might make anything of it, for instance one addition of 1,000,000
// in place of the loop, which loses nothing and shows nothing.
static struct {
	alignas(CONTEST_APART) _Atomic int64_t counter;
	alignas(CONTEST_APART) struct mutex_fast mutex;
	alignas(CONTEST_APART) struct ttas spinlock;
	alignas(CONTEST_APART) sem_t semaphore;
} shared;

static int64_t load(void)
{
	return atomic_load_explicit(&shared.counter, memory_order_relaxed);
}

static void store(int64_t value)
{
	atomic_store_explicit(&shared.counter, value, memory_order_relaxed);
}

// ## Forced: step by step
//
// Two threads, and each takes a step only when it is told to: sem_post lets it
// go, and it answers when the step is done. So we can play any order, and the
// outcome of each is certain. What the kernel does with threads that nobody
// holds is one of these orders, too, and nobody says which.

struct walker {
	const char *name;
	int64_t loaded;
	sem_t go, done;
};

static void *walk(void *argument)
{
	struct walker *w = argument;

	speak_as(w->name);
	must(sem_wait(&w->go));
	w->loaded = load();
	say("loads %jd", (intmax_t)w->loaded);
	must(sem_post(&w->done));

	must(sem_wait(&w->go));
	int64_t sum = w->loaded + 1;
	say("adds 1: %jd", (intmax_t)sum);
	must(sem_post(&w->done));

	must(sem_wait(&w->go));
	store(sum);
	say("stores %jd", (intmax_t)sum);
	must(sem_post(&w->done));
	return NULL;
}

// Plays an order such as "AABBAB"; the counter at the end.
static int64_t play(const char *order)
{
	struct walker walkers[2] = { { .name = "A" }, { .name = "B" } };
	pthread_t threads[2];

	store(0);
	for (int i = 0; i < 2; i++) {
		must(sem_init(&walkers[i].go, 0, 0));
		must(sem_init(&walkers[i].done, 0, 0));
		must_zero(pthread_create(&threads[i], NULL, walk, &walkers[i]));
	}
	for (const char *c = order; *c; c++) {
		struct walker *w = &walkers[*c - 'A'];
		must(sem_post(&w->go));
		must(sem_wait(&w->done));
	}
	for (int i = 0; i < 2; i++)
		must_zero(pthread_join(threads[i], NULL));
	return load();
}

static void steps(void)
{
	say("one after the other: AAABBB");
	int64_t serial = play("AAABBB");
	claim(serial == 2, "two additions of 1 make 2");
	say("B begins before A has stored: AABBAB");
	int64_t mixed = play("AABBAB");
	claim(mixed == 1, "both loaded 0, so two additions make 1");
	say("B does everything while A adds: AABBBA");
	mixed = play("AABBBA");
	claim(mixed == 1, "A's store wipes out what B has stored before it");
}

// ## By chance
//
// The same without a director. How many get lost is the machine's mood: two CPUs
// that fight for the line lose many, one CPU that changes threads every few
// milliseconds may lose none in a million. A test that runs this ten times and
// sees nothing wrong has shown nothing.
//
// What is certain are two bounds. No addition counts twice, so the sum is never
// too high. And at least 2 remain, but not much more is sure: A loads 0 and is
// held up; B does all its turns but one; A stores 1; B loads that 1 for its last
// turn and is held up; A does all its turns; B stores 2.

// A contest that must take place (sync/contest/contest.h).
static struct contest_sum hold_contest(const struct contest *contest,
				       struct contestant *who)
{
	struct contest_sum sum;
	int error = contest_run(contest, who, &sum);

	if (error == -EAGAIN)
		skip("no room for %d threads: raise ulimit -u or -v",
		     contest->threads);
	must_neg(error);
	return sum;
}

enum { CHANCE_THREADS = 2, CHANCE_TURNS = 200000, CHANCES = 8 };

static void add_unprotected(struct contestant *me)
{
	while (contest_goes_on(me))
		store(load() + 1);
}

static void chance(void)
{
	char labels[CHANCES][HUMAN_BYTES], notes[CHANCES][64];
	struct bar bars[CHANCES];
	struct contestant who[CHANCE_THREADS];
	const int64_t all = CHANCE_THREADS * CHANCE_TURNS;
	bool bounded = true;

	say("%d threads add 1 to a counter, %d times each", CHANCE_THREADS,
	    CHANCE_TURNS);
	for (int i = 0; i < CHANCES; i++) {
		store(0);
		hold_contest(&(struct contest){ .play = add_unprotected,
						.threads = CHANCE_THREADS,
						.turns = CHANCE_TURNS,
						.places = CONTEST_PINNED },
			     who);
		int64_t lost = all - load();
		bounded &= load() >= 2 && load() <= all;
		snprintf(labels[i], sizeof labels[i], "run %d", i + 1);
		snprintf(notes[i], sizeof notes[i], "%jd lost", (intmax_t)lost);
		bars[i] = (struct bar){ labels[i], notes[i], (double)lost };
	}
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_bars(&canvas, bars, CHANCES, false));
	show(picture);
	free(picture);
	claim(bounded, "whatever is lost: the sum is from 2 to %jd",
	      (intmax_t)all);
}

// ## Four cures
//
// What goes wrong is that somebody comes in between load and store. So either
// nobody may come in between (mutual exclusion, 상호배제, of the critical
// section, 임계구역), or there is no between: the CPU does all three in one
// instruction.

static void add_by_mutex(struct contestant *me)
{
	while (contest_goes_on(me)) {
		mutex_fast_lock(&shared.mutex);
		store(load() + 1);
		mutex_fast_unlock(&shared.mutex);
	}
}

static void add_by_spinlock(struct contestant *me)
{
	while (contest_goes_on(me)) {
		ttas_lock(&shared.spinlock);
		store(load() + 1);
		ttas_unlock(&shared.spinlock);
	}
}

static void add_by_semaphore(struct contestant *me)
{
	while (contest_goes_on(me)) {
		must(sem_wait(&shared.semaphore));
		store(load() + 1);
		must(sem_post(&shared.semaphore));
	}
}

// Relaxed: nobody concludes from this number that something else was done. That
// no addition is lost does not depend on the order.
static void add_atomically(struct contestant *me)
{
	while (contest_goes_on(me))
		atomic_fetch_add_explicit(&shared.counter, 1,
					  memory_order_relaxed);
}

static const struct cure {
	const char *name;
	void (*add)(struct contestant *me);
} cures[] = {
	{ "none", add_unprotected },     { "atomic", add_atomically },
	{ "spinlock", add_by_spinlock }, { "mutex", add_by_mutex },
	{ "semaphore", add_by_semaphore },
};
enum { CURES = sizeof cures / sizeof *cures, CROWD = 8, CROWD_TURNS = 5000 };

static void cured(void)
{
	struct contestant who[CROWD];

	must(sem_init(&shared.semaphore, 0, 1));
	say("%d threads, %d turns each", CROWD, CROWD_TURNS);
	for (int i = 1; i < CURES; i++) {
		store(0);
		hold_contest(&(struct contest){ .play = cures[i].add,
						.threads = CROWD,
						.turns = CROWD_TURNS },
			     who);
		claim(load() == CROWD * CROWD_TURNS, "%s: %jd, nothing is lost",
		      cures[i].name, (intmax_t)load());
	}
}

// ## What each costs
//
// Alone, a lock costs two atomic instructions or one, some nanoseconds, and no
// system call. With two threads on two CPUs the line with the counter has to
// travel, whatever the cure: that is the price of sharing, not of the lock.
// A lock whose loser sleeps or backs off may be cheaper by the turn than the
// bare addition: the winner takes many turns while the line stays with it.
// (How unfair that is, sync/mutex shows.)

enum { PRICE_ROUNDS = 7 };
static const int64_t price_length_ns = 3000000;

static double price_of(const struct cure *cure, int threads, bool *exact)
{
	struct contestant who[2];

	store(0);
	struct contest_sum sum =
		hold_contest(&(struct contest){ .play = cure->add,
						.threads = threads,
						.length_ns = price_length_ns,
						.places = CONTEST_PINNED },
			     who);
	// without a cure, a thread alone loses nothing either
	if (cure != &cures[0] || threads == 1)
		*exact &= load() == sum.turns;
	return sum.turns ? (double)sum.length_ns / (double)sum.turns : 0;
}

static void price_with(int threads)
{
	double ns[CURES][PRICE_ROUNDS];
	char notes[CURES][64];
	struct bar bars[CURES];
	bool exact = true;

	for (int round = 0; round < PRICE_ROUNDS; round++)
		for (int i = 0; i < CURES; i++)
			ns[i][round] = price_of(&cures[i], threads, &exact);
	for (int i = 0; i < CURES; i++) {
		stats_sort(ns[i], PRICE_ROUNDS);
		bars[i] = (struct bar){ cures[i].name, notes[i],
					stats_median(ns[i], PRICE_ROUNDS) };
		snprintf(notes[i], sizeof notes[i], "%5.1f ns (%.1f to %.1f)",
			 bars[i].value,
			 stats_quantile(ns[i], PRICE_ROUNDS, 0.25),
			 stats_quantile(ns[i], PRICE_ROUNDS, 0.75));
	}
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_bars(&canvas, bars, CURES, false));
	say("%s; median (and middle half) of %d rounds",
	    threads == 1 ? "one thread" : "two threads", PRICE_ROUNDS);
	show(picture);
	free(picture);
	claim(exact, "each turn is counted%s",
	      threads == 1 ? ", alone even without a cure" : " by each cure");
}

static void price(void)
{
	must(sem_init(&shared.semaphore, 0, 1));
	price_with(1);
	price_with(2);
}

static const struct scene scenes[] = {
	{ "steps",  "a lost update, step by step",       steps },
	{ "chance", "by chance: how many get lost",      chance },
	{ "cured",  "four cures, and nothing is lost",   cured },
	{ "price",  "what each cure costs",              price },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/race",
	.summary = "an update that gets lost, four cures and their prices",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
