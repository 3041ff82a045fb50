// # Our locks beside those of glibc and of Concurrency Kit
//
// libraries: -lck
//
// Each of ours against those of its kind, in one program and in turn: threads
// take the lock, add one to a counter, let go, as often as they can for some
// milliseconds. One thread first (what a free lock costs), then 2, 4 and 16, each
// pinned, so that on two CPUs the sixteen are eight for each.
//
// Fair locks are slow by nature here: every turn brings the line to another CPU,
// or another thread onto the CPU. So each is held against its kind: what only
// excludes (pthread_spin), what keeps the order (ck_spinlock_ticket,
// ck_spinlock_mcs), what sleeps (pthread_mutex, default and adaptive).
//
//     make rivals, or build/obj/bench/rivals/lock [ROUNDS]

#define _GNU_SOURCE
#include <ck_spinlock.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "bench/rivals/rivals.h"
#include "lib/clock.h"
#include "lib/cpu.h"
#include "sync/contest/contest.h"
#include "sync/lock/lock.h"

enum { LENGTH_NS = 25000000, ROUNDS = 15, MOST_THREADS = 16 };

static struct {
	alignas(CONTEST_APART) struct tas our_tas;
	alignas(CONTEST_APART) struct ttas our_ttas;
	alignas(CONTEST_APART) struct ticket our_ticket;
	alignas(CONTEST_APART) struct mcs our_mcs;
	alignas(CONTEST_APART) struct mcs_sleep our_mcs_sleep;
	alignas(CONTEST_APART) struct mutex_fast our_mutex;
	alignas(CONTEST_APART) pthread_spinlock_t spin;
	alignas(CONTEST_APART) pthread_mutex_t mutex;
	alignas(CONTEST_APART) pthread_mutex_t adaptive;
	alignas(CONTEST_APART) ck_spinlock_ticket_t ticket;
	alignas(CONTEST_APART) ck_spinlock_mcs_t mcs;
	alignas(CONTEST_APART) long counter;
} shared;

// Thread 0 holds the lock until all others are about to ask for it, and the time
// is taken from then on: else the first would be alone for a while, and a fair
// lock would look as cheap as it is without company.
static alignas(CONTEST_APART) _Atomic int asking;
static _Atomic bool held;
static int others;
static int64_t begun_ns;

static void wait_for_the_others(void)
{
	atomic_store(&held, true);
	while (atomic_load(&asking) < others)
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	begun_ns = now_ns();
}

static void wait_for_the_first(void)
{
	while (!atomic_load(&held))
		sched_yield();
	atomic_fetch_add(&asking, 1);
}

// A loop for each lock, so that each is inlined as in a program, and the function
// that rivals_line() calls: ns a turn.
#define CONTENDER(name, node_type, lock_it, unlock_it)                         \
	static void name##_loop(struct contestant *me)                         \
	{                                                                      \
		node_type node __attribute__((unused));                        \
		if (me->index == 0) {                                          \
			lock_it;                                               \
			wait_for_the_others();                                 \
			unlock_it;                                             \
		} else {                                                       \
			wait_for_the_first();                                  \
		}                                                              \
		while (contest_goes_on(me)) {                                  \
			lock_it;                                               \
			shared.counter++;                                      \
			unlock_it;                                             \
		}                                                              \
	}                                                                      \
	static double name(void *threads)                                      \
	{                                                                      \
		return turn_ns(name##_loop, *(int *)threads);                  \
	}

static double turn_ns(void (*loop)(struct contestant *me), int threads)
{
	struct contestant who[MOST_THREADS];
	struct contest_sum sum;
	int64_t ended_ns = 0;

	others = threads - 1;
	atomic_store(&asking, 0);
	atomic_store(&held, false);
	must_neg(contest_run(&(struct contest){ .play = loop,
						.threads = threads,
						.length_ns = LENGTH_NS,
						.places = CONTEST_PINNED },
			     who, &sum));
	for (int i = 0; i < threads; i++)
		if (who[i].ended_ns > ended_ns)
			ended_ns = who[i].ended_ns;
	double ns = (double)(ended_ns - begun_ns);
	return sum.turns ? ns / (double)sum.turns : ns;
}

CONTENDER(spin, int, pthread_spin_lock(&shared.spin),
	  pthread_spin_unlock(&shared.spin))
CONTENDER(mutex, int, pthread_mutex_lock(&shared.mutex),
	  pthread_mutex_unlock(&shared.mutex))
CONTENDER(adaptive, int, pthread_mutex_lock(&shared.adaptive),
	  pthread_mutex_unlock(&shared.adaptive))
CONTENDER(ck_ticket, int, ck_spinlock_ticket_lock(&shared.ticket),
	  ck_spinlock_ticket_unlock(&shared.ticket))
CONTENDER(ck_mcs, ck_spinlock_mcs_context_t,
	  ck_spinlock_mcs_lock(&shared.mcs, &node),
	  ck_spinlock_mcs_unlock(&shared.mcs, &node))

CONTENDER(our_tas, int, tas_lock(&shared.our_tas), tas_unlock(&shared.our_tas))
CONTENDER(our_ttas, int, ttas_lock(&shared.our_ttas),
	  ttas_unlock(&shared.our_ttas))
CONTENDER(our_ticket, int, ticket_lock(&shared.our_ticket),
	  ticket_unlock(&shared.our_ticket))
CONTENDER(our_ticket_yielding, int, ticket_lock_yielding(&shared.our_ticket),
	  ticket_unlock(&shared.our_ticket))
CONTENDER(our_mcs, struct mcs_node, mcs_lock(&shared.our_mcs, &node),
	  mcs_unlock(&shared.our_mcs, &node))
CONTENDER(our_mcs_sleep, struct mcs_node,
	  mcs_sleep_lock(&shared.our_mcs_sleep, &node),
	  mcs_sleep_unlock(&shared.our_mcs_sleep, &node))
CONTENDER(our_mutex, int, mutex_fast_lock(&shared.our_mutex),
	  mutex_fast_unlock(&shared.our_mutex))

static const struct line {
	const char *what, *rival;
	double (*ours)(void *threads), (*theirs)(void *threads);
	bool spins; // only where there is a CPU for each
} lines[] = {
	{ "tas", "pthread_spin", our_tas, spin, true },
	{ "ttas", "pthread_spin", our_ttas, spin, false },
	{ "ticket", "ck_spinlock_ticket", our_ticket, ck_ticket, true },
	{ "ticket-yield", "ck_spinlock_ticket", our_ticket_yielding, ck_ticket,
	  false },
	{ "mcs", "ck_spinlock_mcs", our_mcs, ck_mcs, true },
	{ "mcs-sleep", "ck_spinlock_mcs", our_mcs_sleep, ck_mcs, false },
	{ "mutex-fast", "pthread_mutex", our_mutex, mutex, false },
	{ "mutex-fast", "... PTHREAD_MUTEX_ADAPTIVE_NP", our_mutex, adaptive,
	  false },
};

static void make_theirs(void)
{
	pthread_mutexattr_t attributes;

	must_zero(pthread_spin_init(&shared.spin, PTHREAD_PROCESS_PRIVATE));
	must_zero(pthread_mutex_init(&shared.mutex, NULL));
	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_settype(&attributes,
					    PTHREAD_MUTEX_ADAPTIVE_NP));
	must_zero(pthread_mutex_init(&shared.adaptive, &attributes));
	must_zero(pthread_mutexattr_destroy(&attributes));
	ck_spinlock_ticket_init(&shared.ticket);
	ck_spinlock_mcs_init(&shared.mcs);
}

int main(int argc, char **argv)
{
	static const int crowds[] = { 1, 2, 4, 16 };
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
	struct rivals rivals = { .of = "ns a turn" };

	if (rounds < 5 || rounds > 10000) {
		fprintf(stderr, "lock: %s: want rounds from 5 to 10000\n",
			argv[1]);
		return 2;
	}
	rivals.rounds = (int)rounds;
	make_theirs();
	for (size_t i = 0; i < sizeof crowds / sizeof *crowds; i++)
		for (size_t j = 0; j < sizeof lines / sizeof *lines; j++) {
			const struct line *l = &lines[j];
			int threads = crowds[i];
			char what[64];
			if (l->spins && threads > usable_cpus())
				continue;
			snprintf(what, sizeof what, "%s, %d thread%s", l->what,
				 threads, threads == 1 ? "" : "s");
			rivals_line(&rivals, what, l->rival,
				    threads == 1 ? 1.2 : 1.0, l->theirs,
				    l->ours, &threads);
		}
	return rivals.dearer;
}
