// # One queue, bounded
//
// A list through the records themselves, so that nothing is allocated and a task
// is taken back from the middle in O(1). One lock; what is done under it is a
// few stores. It is the door for tasks from outside, and in a POOL_SHARED pool
// everybody's only way.
//
// A queue that may grow without end only hides that work comes faster than it is
// done: memory fills, and each task waits longer than the last. This one holds
// `capacity` tasks; who brings more waits on `room`.

#include <errno.h>

#include "threads/pool/parts.h"

// With the lock held, as all static functions here.
static void append(struct pool *pool, struct pool_task *task)
{
	task->next = NULL;
	task->before = pool->last;
	*(pool->last ? &pool->last->next : &pool->first) = task;
	pool->last = task;
	size_t queued = pool->queued + 1;
	atomic_store_explicit(&pool->queued, queued, memory_order_relaxed);
	if (queued > pool->longest)
		pool->longest = queued;
}

static void detach(struct pool *pool, struct pool_task *task)
{
	*(task->before ? &task->before->next : &pool->first) = task->next;
	*(task->next ? &task->next->before : &pool->last) = task->before;
	atomic_store_explicit(&pool->queued, pool->queued - 1,
			      memory_order_relaxed);
	if (pool->submitters)
		pthread_cond_signal(&pool->room);
}

static void enter(struct pool *pool, struct pool_task *task,
		  struct pool_worker *owner)
{
	// relaxed: who reads the state of a task that he did not hand over
	// himself was told of it by somebody who did, or has the lock
	task->owner = owner;
	atomic_store_explicit(&task->thief, NULL, memory_order_relaxed);
	atomic_store_explicit(&task->cancel, false, memory_order_relaxed);
	atomic_store_explicit(&task->state, TASK_QUEUED, memory_order_relaxed);
	append(pool, task);
}

bool pool_is_worker(const struct pool *pool)
{
	for (int i = 0; i < pool->worker_count; i++)
		if (pthread_equal(pool->workers[i].thread, pthread_self()))
			return true;
	return false;
}

static int wait_for_room(struct pool *pool)
{
	if (pool_is_worker(pool))
		return -EDEADLK;
	pool->waits++;
	pool->submitters++;
	while (pool->queued >= pool->capacity && !pool->closing)
		pthread_cond_wait(&pool->room, &pool->lock);
	if (--pool->submitters == 0 && pool->closing)
		pthread_cond_broadcast(&pool->left);
	return 0;
}

static int submit(struct pool *pool, struct pool_task *task, bool may_wait)
{
	struct pool_worker *woken = NULL;
	int error = 0;

	pthread_mutex_lock(&pool->lock);
	if (!pool->closing && pool->queued >= pool->capacity)
		error = may_wait ? wait_for_room(pool) : -EAGAIN;
	if (!error && pool->closing)
		error = -ESHUTDOWN;
	if (!error) {
		enter(pool, task, NULL);
		woken = wake_choose(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	wake(woken);
	return error;
}

int pool_submit(struct pool *pool, struct pool_task *task)
{
	return submit(pool, task, true);
}

int pool_try_submit(struct pool *pool, struct pool_task *task)
{
	return submit(pool, task, false);
}

int queue_offer(struct pool_worker *me, struct pool_task *task)
{
	struct pool *pool = me->pool;
	struct pool_worker *woken = NULL;
	bool room;

	pthread_mutex_lock(&pool->lock);
	room = pool->queued < pool->capacity;
	if (room) {
		enter(pool, task, me);
		woken = wake_choose(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	wake(woken);
	return room ? 0 : -EAGAIN;
}

void queue_return(struct pool *pool, struct pool_task *task)
{
	struct pool_worker *owner = task->owner, *woken;

	pthread_mutex_lock(&pool->lock);
	append(pool, task);
	bool awaited = task_move(task, TASK_READY, TASK_QUEUED) & TASK_AWAITED;
	if (awaited)
		unpark(owner);
	woken = wake_choose(pool);
	pthread_mutex_unlock(&pool->lock);
	if (awaited)
		wake(owner);
	wake(woken);
}

struct pool_task *queue_take(struct pool *pool)
{
	struct pool_task *task;

	// A hint: whoever appends after this look wakes somebody.
	if (atomic_load_explicit(&pool->queued, memory_order_relaxed) == 0)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	task = pool->first;
	if (task) {
		detach(pool, task);
		pool->active++;
		task_move(task, TASK_QUEUED, TASK_RUNNING);
	}
	pthread_mutex_unlock(&pool->lock);
	return task;
}

bool queue_claim(struct pool *pool, struct pool_task *task, uint32_t to)
{
	bool mine;

	pthread_mutex_lock(&pool->lock);
	mine = task_state(task) == TASK_QUEUED;
	if (mine) {
		detach(pool, task);
		task_move(task, TASK_QUEUED, to);
	}
	pthread_mutex_unlock(&pool->lock);
	return mine;
}

// ## Cancelling
//
// Both who runs and who cancels a task must take it out of the queue first, and
// the lock lets only one of them.

static void drop(struct pool *pool, struct pool_task *task)
{
	bool detached = task->detached;

	if (task->dropped)
		task->dropped(task);
	if (!detached)
		task_end(pool, task, TASK_CANCELLED);
}

int pool_cancel(struct pool *pool, struct pool_task *task)
{
	if (queue_claim(pool, task, TASK_LEAVING)) {
		drop(pool, task);
		return 0;
	}
	// relaxed: a wish, which carries nothing
	atomic_store_explicit(&task->cancel, true, memory_order_relaxed);
	return task_state(task) == TASK_RUNNING ? -EINPROGRESS : -EALREADY;
}

bool pool_cancelled(const struct pool_task *task)
{
	return atomic_load_explicit(&task->cancel, memory_order_relaxed);
}

bool pool_ended(const struct pool_task *task)
{
	return task_over(task);
}

// Takes all out, as a list. Those that are children of a running task
// (queue_offer, queue_return) stay: their parents wait for them, and run them.
struct pool_task *queue_empty(struct pool *pool)
{
	struct pool_task *list = NULL, **end = &list, *next;

	for (struct pool_task *task = pool->first; task; task = next) {
		next = task->next;
		if (task->owner)
			continue;
		detach(pool, task);
		task_move(task, TASK_QUEUED, TASK_LEAVING);
		*end = task;
		end = &task->next;
	}
	*end = NULL;
	return list;
}

void queue_drop(struct pool *pool, struct pool_task *list)
{
	for (struct pool_task *next; list; list = next) {
		next = list->next;
		drop(pool, list);
	}
}

struct pool_queue pool_queue_now(struct pool *pool)
{
	struct pool_queue now;

	pthread_mutex_lock(&pool->lock);
	now = (struct pool_queue){ .length = pool->queued,
				   .longest = pool->longest,
				   .waits = pool->waits };
	pthread_mutex_unlock(&pool->lock);
	return now;
}
