// # wait: readers-writer lock, condition variable and barrier against glibc's
//
// The pages of sync/lock and what the C library has of the same kind do the same
// work in turn: alone, on one thread that nobody disturbs, and by 2, 4 and 16
// threads on the CPUs that there are. A reader's section reads a word, a
// writer's adds one; one in ten is a writer's.
//
// Of the readers-writer locks glibc has two kinds, and each is ours' rival in
// its kind (pthread_rwlockattr_setkind_np(3)). It has no fair one: the rival of
// that is Concurrency Kit's phase-fair lock, which spins, and which 16 threads
// on few CPUs bring almost to a stop; it is timed where there is a CPU for each.
//
//   wait [ROUNDS]
//
// libraries: -lck

#define _GNU_SOURCE
#include <ck_pflock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/sysinfo.h>

#include "bench/rivals/rivals.h"
#include "lib/clock.h"
#include "sync/lock/barrier.h"
#include "sync/lock/condition.h"
#include "sync/lock/rwlock.h"

enum { MOST = 16, ALONE_TURNS = 200000 };

struct work {
	int threads, turns; // turns of each
	void (*setup)(struct work *work);
	void *(*thread)(void *worker);
	const struct rwlock_kind *kind;
	void (*read_section)(struct work *work);
	void (*write_section)(struct work *work);
	union rwlock lock;
	pthread_rwlock_t glibc;
	ck_pflock_t pflock;
	int glibc_kind;
	_Alignas(128) volatile long number;
	_Alignas(128) pthread_mutex_t mutex;
	pthread_cond_t cond[2];
	struct condition condition[2];
	int ball;
	pthread_barrier_t glibc_barrier;
	struct barrier barrier;
	struct dissemination dissemination;
	_Atomic int started;
};

struct worker {
	struct work *work;
	int me;
};

// ns a turn of one thread: all threads' turns are as many as they make.
static double run(struct work *w)
{
	struct worker workers[MOST];
	pthread_t threads[MOST] = { 0 };

	w->setup(w);
	w->started = 0;
	int64_t begin_ns = now_ns();
	for (int i = 1; i < w->threads; i++) {
		workers[i] = (struct worker){ w, i };
		must_zero(pthread_create(&threads[i], NULL, w->thread,
					 &workers[i]));
	}
	workers[0] = (struct worker){ w, 0 };
	w->thread(&workers[0]);
	for (int i = 1; i < w->threads; i++)
		must_zero(pthread_join(threads[i], NULL));
	return (double)(now_ns() - begin_ns) / w->turns / w->threads;
}

// --- readers and writers -----------------------------------------------------

static void setup_rw(struct work *w)
{
	pthread_rwlockattr_t attributes;

	must_zero(pthread_rwlockattr_init(&attributes));
	must_zero(pthread_rwlockattr_setkind_np(&attributes, w->glibc_kind));
	must_zero(pthread_rwlock_init(&w->glibc, &attributes));
	must_zero(pthread_rwlockattr_destroy(&attributes));
	ck_pflock_init(&w->pflock);
	w->lock = (union rwlock){ 0 };
}

static void glibc_read(struct work *w)
{
	pthread_rwlock_rdlock(&w->glibc);
	(void)w->number;
	pthread_rwlock_unlock(&w->glibc);
}

static void glibc_write(struct work *w)
{
	pthread_rwlock_wrlock(&w->glibc);
	w->number++;
	pthread_rwlock_unlock(&w->glibc);
}

static void ck_read(struct work *w)
{
	ck_pflock_read_lock(&w->pflock);
	(void)w->number;
	ck_pflock_read_unlock(&w->pflock);
}

static void ck_write(struct work *w)
{
	ck_pflock_write_lock(&w->pflock);
	w->number++;
	ck_pflock_write_unlock(&w->pflock);
}

static void our_read(struct work *w)
{
	w->kind->read_lock(&w->lock);
	(void)w->number;
	w->kind->read_unlock(&w->lock);
}

static void our_write(struct work *w)
{
	w->kind->write_lock(&w->lock);
	w->number++;
	w->kind->write_unlock(&w->lock);
}

static void *only_read(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		w->read_section(w);
	return NULL;
}

static void *only_write(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		w->write_section(w);
	return NULL;
}

static void *mixed(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		(i % 10 ? w->read_section : w->write_section)(w);
	return NULL;
}

static double by_glibc(void *work)
{
	struct work *w = work;

	w->read_section = glibc_read;
	w->write_section = glibc_write;
	return run(w);
}

static double by_ck(void *work)
{
	struct work *w = work;

	w->read_section = ck_read;
	w->write_section = ck_write;
	return run(w);
}

static double by_ours(void *work)
{
	struct work *w = work;

	w->read_section = our_read;
	w->write_section = our_write;
	return run(w);
}

static void compare_rwlocks(struct rivals *r)
{
	static const struct {
		const struct rwlock_kind *kind;
		int glibc;
	} pairs[] = {
		{ &rwlock_reader, PTHREAD_RWLOCK_PREFER_READER_NP },
		{ &rwlock_writer,
		  PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP },
		{ &rwlock_fair, -1 },
	};
	static const int counts[] = { 2, 4, 16 };
	char what[64];

	for (size_t i = 0; i < 3; i++) {
		bool ck = pairs[i].glibc == -1;
		const char *rival = ck ? "ck_pflock" : "pthread_rwlock";
		struct work w = { .setup = setup_rw,
				  .threads = 1,
				  .turns = ALONE_TURNS,
				  .kind = pairs[i].kind,
				  .glibc_kind = ck ? 0 : pairs[i].glibc };
		double (*theirs)(void *) = ck ? by_ck : by_glibc;
		w.thread = only_read;
		snprintf(what, sizeof what, "%s, read, alone", w.kind->name);
		rivals_line(r, what, rival, 1.2, theirs, by_ours, &w);
		w.thread = only_write;
		snprintf(what, sizeof what, "%s, write, alone", w.kind->name);
		rivals_line(r, what, rival, 1.2, theirs, by_ours, &w);
		w.thread = mixed;
		for (size_t j = 0; j < 3; j++) {
			w.threads = counts[j];
			w.turns = (ck ? 20000 : 100000) / counts[j];
			if (ck && counts[j] > get_nprocs())
				continue;
			snprintf(what, sizeof what, "%s, 1 in 10 writes, %d",
				 w.kind->name, counts[j]);
			rivals_line(r, what, rival, 1, theirs, by_ours, &w);
		}
	}
}

// --- condition variable: a ball goes round -----------------------------------

static void lock(void *mutex)
{
	pthread_mutex_lock(mutex);
}

static void unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

static void setup_condition(struct work *w)
{
	must_zero(pthread_mutex_init(&w->mutex, NULL));
	for (int i = 0; i < 2; i++) {
		must_zero(pthread_cond_init(&w->cond[i], NULL));
		w->condition[i] = (struct condition){ 0 };
	}
	w->ball = 0;
}

// Half of the threads take the ball, half put it: a buffer of one.
static void *play_glibc(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;
	int side = ((struct worker *)worker)->me % 2;

	for (int i = 0; i < w->turns; i++) {
		lock(&w->mutex);
		while (w->ball != side)
			pthread_cond_wait(&w->cond[side], &w->mutex);
		w->ball = !side;
		pthread_cond_signal(&w->cond[!side]);
		unlock(&w->mutex);
	}
	return NULL;
}

static void *play_ours(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;
	int side = ((struct worker *)worker)->me % 2;
	const struct condition_mutex mutex = { lock, unlock, &w->mutex };

	for (int i = 0; i < w->turns; i++) {
		lock(&w->mutex);
		while (w->ball != side)
			condition_wait(&w->condition[side], &mutex);
		w->ball = !side;
		condition_signal(&w->condition[!side]);
		unlock(&w->mutex);
	}
	return NULL;
}

static void *signal_glibc(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		pthread_cond_signal(&w->cond[0]);
	return NULL;
}

static void *signal_ours(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		condition_signal(&w->condition[0]);
	return NULL;
}

// --- barrier -----------------------------------------------------------------

static void setup_barrier(struct work *w)
{
	must_zero(pthread_barrier_init(&w->glibc_barrier, NULL, w->threads));
	barrier_init(&w->barrier, w->threads);
	dissemination_free(&w->dissemination);
	must_neg(dissemination_init(&w->dissemination, w->threads));
}

static void *meet_glibc(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		pthread_barrier_wait(&w->glibc_barrier);
	return NULL;
}

static void *meet_ours(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		barrier_wait(&w->barrier);
	return NULL;
}

static void *meet_dissemination(void *worker)
{
	struct work *w = ((struct worker *)worker)->work;

	for (int i = 0; i < w->turns; i++)
		dissemination_wait(&w->dissemination,
				   ((struct worker *)worker)->me);
	return NULL;
}

// --- in turns ----------------------------------------------------------------

static void *(*glibc_thread)(void *), *(*our_thread)(void *);

static double thread_glibc(void *work)
{
	((struct work *)work)->thread = glibc_thread;
	return run(work);
}

static double thread_ours(void *work)
{
	((struct work *)work)->thread = our_thread;
	return run(work);
}

static void compare(struct rivals *r, const char *what, const char *rival,
		    double allowed, struct work *w, void *(*theirs)(void *),
		    void *(*ours)(void *))
{
	char line[64];

	snprintf(line, sizeof line, "%s, %d", what, w->threads);
	glibc_thread = theirs;
	our_thread = ours;
	rivals_line(r, line, rival, allowed, thread_glibc, thread_ours, w);
}

int main(int argc, char **argv)
{
	struct rivals r = { .rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10)
					       : 20,
			    .of = "ns a turn of one thread" };
	static struct work w;
	static const int counts[] = { 2, 4, 16 };

	compare_rwlocks(&r);
	w = (struct work){ .setup = setup_condition,
			   .threads = 1,
			   .turns = ALONE_TURNS };
	compare(&r, "signal to nobody", "pthread_cond", 1.2, &w, signal_glibc,
		signal_ours);
	for (size_t i = 0; i < 3; i++) {
		w.threads = counts[i];
		w.turns = 20000 / counts[i];
		compare(&r, "condition, a ball", "pthread_cond", 1, &w,
			play_glibc, play_ours);
	}
	w.setup = setup_barrier;
	w.threads = 1;
	w.turns = ALONE_TURNS;
	compare(&r, "barrier", "pthread_barrier", 1.2, &w, meet_glibc,
		meet_ours);
	for (size_t i = 0; i < 3; i++) {
		w.threads = counts[i];
		w.turns = 8000 / counts[i];
		compare(&r, "barrier", "pthread_barrier", 1, &w, meet_glibc,
			meet_ours);
	}
	w.threads = 2;
	w.turns = 4000;
	compare(&r, "dissemination", "pthread_barrier", 1, &w, meet_glibc,
		meet_dissemination);
	return r.dearer ? 1 : 0;
}
