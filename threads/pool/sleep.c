// # Sleeping without missing anything
//
// A worker that finds nothing sleeps, and whoever has something new wakes one.
// Between its last look and its sleep something may come; the old cure is to say
// "I am about to sleep" first and look once more after that. The other side
// makes work known first and looks for sleepers after that. Each writes, then
// reads what the other writes, so each needs a full barrier in between (as in
// deque.c): some 20 cycles at every spawn, for a sleeper that is there once in a
// million spawns.
//
// So the barrier is bought by the one who sleeps, for both: membarrier(2)
// makes the kernel interrupt every CPU that runs a thread of this process, and
// each passes a full barrier. After it, a spawn either is visible to the sleeper
// or sees that somebody sleeps. It costs the sleeper some microseconds, the
// spawner nothing. Where a filter forbids the call, the spawner pays (see
// wake_if_wanted in parts.h).
//
// Who wants what is known exactly, under the pool's lock: an idle worker wants
// anybody's tasks; one whose child was stolen wants its thief's. `wanted` in each
// worker counts those who would come, so that a spawn looks at one word, in a
// line that nobody else writes while all are busy.
//
// Sources: membarrier(2); Desnoyers, "membarrier system call", Linux 4.14.

#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sync/lock/futex.h"
#include "threads/pool/parts.h"

bool sleep_prepare(struct pool *pool)
{
	pool->membarrier = syscall(SYS_membarrier,
				   MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0,
				   0) == 0;
	return pool->membarrier;
}

// With the lock held. seq_cst: without membarrier(2) this count is in the total
// order with the spawner's bottom, which it loads after storing that.
static void count_wish(struct pool_worker *me, int by)
{
	struct pool *pool = me->pool;

	if (!me->idle) {
		if (me->thief)
			atomic_fetch_add(&me->thief->wanted, by);
		return;
	}
	pool->idle_count += by;
	for (int i = 0; i < pool->worker_count; i++)
		if (&pool->workers[i] != me)
			atomic_fetch_add(&pool->workers[i].wanted, by);
}

void unpark(struct pool_worker *worker)
{
	if (!worker->parked)
		return;
	worker->parked = false;
	count_wish(worker, -1);
	// release, for sleep() reads it without the lock
	atomic_store_explicit(&worker->woken, 1, memory_order_release);
}

// With the lock held.
static void park(struct pool_worker *me, bool idle, struct pool_worker *thief)
{
	me->idle = idle;
	me->thief = thief;
	me->parked = true;
	atomic_store_explicit(&me->woken, 0, memory_order_relaxed);
	count_wish(me, 1);
}

static void sleep_until_woken(struct pool_worker *me, bool changed)
{
	if (changed) {
		pthread_mutex_lock(&me->pool->lock);
		unpark(me);
		pthread_mutex_unlock(&me->pool->lock);
		return;
	}
	count_up(&me->slept);
	while (!atomic_load_explicit(&me->woken, memory_order_acquire))
		(void)futex_wait(&me->woken, 0, false);
}

static void barrier_for_all(const struct pool *pool)
{
	if (pool->membarrier)
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED,
			      0, 0);
}

void sleep_idle(struct pool_worker *me)
{
	struct pool *pool = me->pool;
	bool changed = false;

	pthread_mutex_lock(&pool->lock);
	if (pool->first || (pool->closing && !pool->active)) {
		pthread_mutex_unlock(&pool->lock);
		return;
	}
	park(me, true, NULL);
	pthread_mutex_unlock(&pool->lock);

	barrier_for_all(pool);
	for (int i = 0; i < pool->worker_count && !changed; i++)
		changed = !deque_seems_empty(&pool->workers[i].deque);
	sleep_until_woken(me, changed);
}

// A sleep for a task of mine that somebody else runs. The flag AWAITED is for
// task_end, which wakes me.
void sleep_for(struct pool_worker *me, struct pool_task *task,
	       struct pool_worker *thief)
{
	struct pool *pool = me->pool;

	pthread_mutex_lock(&pool->lock);
	park(me, false, thief);
	pthread_mutex_unlock(&pool->lock);

	barrier_for_all(pool);
	uint32_t state = atomic_fetch_or(&task->state, TASK_AWAITED) &
			 TASK_STATES;
	sleep_until_woken(me,
			  state >= TASK_ENDED || state == TASK_QUEUED ||
				  (thief && !deque_seems_empty(&thief->deque)));
}

struct pool_worker *wake_choose(struct pool *pool)
{
	for (int i = 0; pool->idle_count > 0 && i < pool->worker_count; i++) {
		struct pool_worker *w = &pool->workers[i];
		if (w->parked && w->idle) {
			unpark(w);
			return w;
		}
	}
	return NULL;
}

void wake(struct pool_worker *worker)
{
	if (worker)
		(void)futex_wake(&worker->woken, 1, false);
}

// Of several who want my work, one comes; it finds more and I, spawning again,
// wake the next.
void wake_for(struct pool_worker *spawner)
{
	struct pool *pool = spawner->pool;

	pthread_mutex_lock(&pool->lock);
	struct pool_worker *chosen = wake_choose(pool);
	for (int i = 0; !chosen && i < pool->worker_count; i++) {
		struct pool_worker *w = &pool->workers[i];
		if (w->parked && w->thief == spawner) {
			unpark(w);
			chosen = w;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	wake(chosen);
}

void wake_all(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	for (int i = 0; i < pool->worker_count; i++)
		unpark(&pool->workers[i]);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < pool->worker_count; i++)
		wake(&pool->workers[i]);
}

// The end of a task of a worker that may sleep for it.
void task_end(struct pool *pool, struct pool_task *task, uint32_t state)
{
	// Both are mine to look at until the exchange: then the record may go.
	struct pool_worker *owner = task->owner;
	_Atomic uint32_t *word = &task->state;
	uint32_t before = atomic_exchange_explicit(word, state,
						   memory_order_acq_rel);

	if (!(before & TASK_AWAITED))
		return;
	if (!owner) {
		// The address is only a key: if the record is gone, at worst
		// somebody wakes for no reason, and looks again.
		(void)futex_wake(word, INT_MAX, false);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	unpark(owner);
	pthread_mutex_unlock(&pool->lock);
	wake(owner);
}
