// # Beginning and end
//
// Two things are easy to get wrong here. Making the threads may fail in the
// middle (RLIMIT_NPROC): then those that exist must go before the memory does.
// And the end must reach everybody: idle workers, busy ones, threads that wait
// for room in the queue, and threads that wait for tasks which will never run.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cpu.h"
#include "threads/pool/parts.h"

enum { DEQUE_LENGTH = 256, CAPACITY = 1024 };

// The workers inherit what their maker blocks.
static int start(struct pool *pool, const pthread_attr_t *attributes)
{
	sigset_t all, old;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < pool->worker_count && !error; i++) {
		struct pool_worker *w = &pool->workers[i];
		error = pthread_create(&w->thread, attributes, worker_main, w);
		if (error) {
			// Under the lock: those before are at work already.
			pthread_mutex_lock(&pool->lock);
			pool->started = i;
			pool->closing = true;
			pthread_mutex_unlock(&pool->lock);
		}
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

static void release(struct pool *pool)
{
	for (int i = 0; i < pool->worker_count; i++)
		deque_free(&pool->workers[i].deque);
	pthread_cond_destroy(&pool->left);
	pthread_cond_destroy(&pool->room);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static int make(struct pool **made, const struct pool_options *o, int workers)
{
	size_t bytes = sizeof(struct pool) +
		       workers * sizeof(struct pool_worker);
	struct pool *pool;
	int error = 0;

	bytes = (bytes + DEQUE_LINE - 1) / DEQUE_LINE * DEQUE_LINE;
	pool = aligned_alloc(DEQUE_LINE, bytes);
	if (!pool)
		return -ENOMEM;
	memset(pool, 0, bytes);
	pool->kind = o->kind;
	pool->worker_count = pool->started = workers;
	pool->capacity = o->capacity ? o->capacity : CAPACITY;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->room, NULL);
	pthread_cond_init(&pool->left, NULL);
	sleep_prepare(pool);
	for (int i = 0; i < workers && !error; i++) {
		struct pool_worker *w = &pool->workers[i];
		w->pool = pool;
		w->index = i;
		w->random = 2463534242u + 2654435769u * i;
		w->random += !w->random;
		error = deque_make(&w->deque, DEQUE_LENGTH);
	}
	if (error)
		release(pool);
	else
		*made = pool;
	return error;
}

int pool_open(struct pool **opened, const struct pool_options *o)
{
	int workers = o->workers ? o->workers : usable_cpus();
	pthread_attr_t attributes;
	struct pool *pool = NULL;
	int error;

	if (workers < 1 || workers > POOL_WORKERS_MOST ||
	    (o->kind != POOL_STEALING && o->kind != POOL_SHARED))
		return -EINVAL;
	error = -pthread_attr_init(&attributes);
	if (error)
		return error;
	if (o->stack_bytes)
		error = -pthread_attr_setstacksize(&attributes, o->stack_bytes);
	if (!error)
		error = make(&pool, o, workers);
	if (!error) {
		error = start(pool, &attributes);
		if (error) {
			pool_stop(pool, POOL_DROP);
			release(pool);
		}
	}
	pthread_attr_destroy(&attributes);
	if (!error)
		*opened = pool;
	return error;
}

static void join(struct pool *pool)
{
	wake_all(pool);
	for (int i = 0; i < pool->started; i++)
		pthread_join(pool->workers[i].thread, NULL);
}

int pool_stop(struct pool *pool, enum pool_end end)
{
	struct pool_task *given_back = NULL;
	bool joins;

	pthread_mutex_lock(&pool->lock);
	if (!pool->stopped && pool_is_worker(pool)) {
		pthread_mutex_unlock(&pool->lock);
		return -EDEADLK;
	}
	pool->closing = true;
	// At once: no worker that is done with its task may begin one of these.
	if (end == POOL_DROP) {
		pool->dropping = true;
		given_back = queue_empty(pool);
	}
	joins = !pool->joining;
	pool->joining = true;
	pthread_cond_broadcast(&pool->room);
	pthread_mutex_unlock(&pool->lock);

	queue_drop(pool, given_back);
	if (joins)
		join(pool);

	pthread_mutex_lock(&pool->lock);
	if (joins) {
		pool->stopped = true;
		pthread_cond_broadcast(&pool->left);
	}
	while (!pool->stopped || pool->submitters)
		pthread_cond_wait(&pool->left, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

void pool_close(struct pool *pool)
{
	if (!pool)
		return;
	(void)pool_stop(pool, POOL_DRAIN);
	release(pool);
}

bool pool_stopping(const struct pool_worker *me)
{
	return atomic_load_explicit(&me->pool->dropping, memory_order_relaxed);
}

struct pool *pool_of(const struct pool_worker *me)
{
	return me->pool;
}

int pool_index(const struct pool_worker *me)
{
	return me->index;
}

int pool_workers(const struct pool *pool)
{
	return pool->worker_count;
}

struct pool_counts pool_count(const struct pool *pool, int worker)
{
	struct pool_counts sum = { 0 };

	// relaxed: numbers that carry nothing
	for (int i = 0; i < pool->worker_count; i++) {
		const struct pool_worker *w = &pool->workers[i];
		if (worker != -1 && worker != i)
			continue;
		sum.ran += atomic_load_explicit(&w->ran, memory_order_relaxed);
		sum.stolen += atomic_load_explicit(&w->stolen,
						   memory_order_relaxed);
		sum.slept += atomic_load_explicit(&w->slept,
						  memory_order_relaxed);
	}
	return sum;
}
