// # A worker's day
//
// The queue first, for what lies there has waited longest; then the other
// workers' deques, from one chosen at random on, so that hungry workers do not
// queue up at one door. After a short while of looking in vain, sleep. How short
// does not matter to anything but speed: a sleeper is woken.

#include "sync/lock/pause.h"
#include "threads/pool/parts.h"

enum { LOOKS = 64 };

// Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
static uint32_t next_random(struct pool_worker *me)
{
	me->random ^= me->random << 13;
	me->random ^= me->random >> 17;
	me->random ^= me->random << 5;
	return me->random;
}

void worker_run(struct pool_worker *me, struct pool_task *task)
{
	bool detached = task->detached;

	task->run(me, task);
	count_up(&me->ran);
	if (!detached)
		task_end(me->pool, task, TASK_ENDED);
}

static struct pool_task *steal(struct pool_worker *me)
{
	struct pool *pool = me->pool;
	unsigned n = pool->worker_count;
	void *task;

	for (unsigned i = 0, at = next_random(me) % n; i < n; i++, at++) {
		struct pool_worker *victim = &pool->workers[at % n];
		if (victim == me)
			continue;
		if (deque_steal(&victim->deque, &task) == 0)
			return task;
	}
	return NULL;
}

// Where its owner finds me while he waits. Release: he goes on to look into my
// deque, which is as he expects only from now on.
void worker_run_stolen(struct pool_worker *me, struct pool_task *task)
{
	atomic_store_explicit(&task->thief, me, memory_order_release);
	count_up(&me->stolen);
	worker_run(me, task);
}

// Runs one task, whoever's. False: there was none.
static bool serve(struct pool_worker *me)
{
	struct pool *pool = me->pool;
	struct pool_task *task = queue_take(pool);

	if (task) {
		worker_run(me, task);
		// The last one out, at closing time: the others sleep because
		// this task might have spawned. (seq_cst: see sleep_idle.)
		if (atomic_fetch_sub(&pool->active, 1) == 1 && pool->closing)
			wake_all(pool);
		return true;
	}
	task = steal(me);
	if (task)
		worker_run_stolen(me, task);
	return task != NULL;
}

// At closing time a worker stays while something may yet come out of a task.
static bool may_leave(struct pool *pool)
{
	bool leave = false;

	if (pool->closing) {
		pthread_mutex_lock(&pool->lock);
		leave = !pool->first && pool->active == 0;
		pthread_mutex_unlock(&pool->lock);
	}
	return leave;
}

void *worker_main(void *worker)
{
	struct pool_worker *me = worker;

	for (int looks = 0; !may_leave(me->pool);) {
		if (serve(me)) {
			looks = 0;
		} else if (looks++ < LOOKS) {
			cpu_pause();
		} else {
			sleep_idle(me);
			looks = 0;
		}
	}
	return NULL;
}
