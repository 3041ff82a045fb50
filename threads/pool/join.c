// # Fork, join, wait
//
// The common case comes first: what was spawned last is still the last in my own
// deque, and I run it like a function call. Only when a thief has it is there
// anything to wait for.

#include <errno.h>

#include "sync/lock/futex.h"
#include "sync/lock/pause.h"
#include "threads/pool/parts.h"

enum { LOOKS = 256 };

static void run_at_once(struct pool_worker *me, struct pool_task *task)
{
	task->run(me, task);
	count_up(&me->ran);
	atomic_store_explicit(&task->state, TASK_ENDED, memory_order_release);
}

void pool_spawn(struct pool_worker *me, struct pool_task *task)
{
	if (me->pool->kind == POOL_SHARED) {
		if (queue_offer(me, task) != 0)
			run_at_once(me, task);
		return;
	}
	task->owner = me;
	// relaxed: the push makes them known, together with the task
	atomic_store_explicit(&task->thief, NULL, memory_order_relaxed);
	atomic_store_explicit(&task->state, TASK_READY, memory_order_relaxed);
	if (__builtin_expect(deque_push(&me->deque, task) == 0, 1))
		wake_if_wanted(me);
	else
		run_at_once(me, task);
}

// ## My child is elsewhere
//
// Its thief had an empty deque when it stole it, so as long as the child runs,
// all that the thief's deque holds are descendants of the child: what I wait
// for. If the child has ended by the time I have stolen one, that is no longer
// sure, and it goes to the queue, for whoever is idle (and its owner, who may be
// waiting for it, is told).

static bool leapfrog(struct pool_worker *me, const struct pool_task *child,
		     struct pool_worker *thief)
{
	void *stolen;

	if (deque_steal(&thief->deque, &stolen) != 0)
		return false;
	if (task_over(child))
		queue_return(me->pool, stolen);
	else
		worker_run_stolen(me, stolen);
	return true;
}

static void await_child(struct pool_worker *me, struct pool_task *task)
{
	int looks = 0;

	while (!task_over(task)) {
		if (task_state(task) == TASK_QUEUED) {
			if (queue_claim(me->pool, task, TASK_RUNNING)) {
				run_at_once(me, task);
				return;
			}
			continue;
		}
		// acquire: pairs with worker_run_stolen
		struct pool_worker *thief = atomic_load_explicit(
			&task->thief, memory_order_acquire);
		if (thief && leapfrog(me, task, thief)) {
			looks = 0;
		} else if (looks++ < LOOKS) {
			cpu_pause();
		} else {
			sleep_for(me, task, thief);
			looks = 0;
		}
	}
}

void pool_sync(struct pool_worker *me, struct pool_task *task)
{
	if (me->pool->kind == POOL_STEALING) {
		while (!task_over(task)) {
			struct pool_task *last = deque_take(&me->deque);
			if (!last)
				break;
			run_at_once(me, last);
		}
	}
	await_child(me, task);
}

// ## Waiting for what was submitted

int pool_wait(struct pool *pool, struct pool_worker *me, struct pool_task *task)
{
	if (me && task_state(task) == TASK_QUEUED &&
	    queue_claim(pool, task, TASK_RUNNING))
		worker_run(me, task);
	while (!task_over(task)) {
		uint32_t seen = atomic_fetch_or_explicit(
			&task->state, TASK_AWAITED, memory_order_acq_rel);
		if ((seen & TASK_STATES) < TASK_ENDED)
			(void)futex_wait(&task->state, seen | TASK_AWAITED,
					 false);
	}
	return task_state(task) == TASK_CANCELLED ? -ECANCELED : 0;
}

int pool_run(struct pool *pool, struct pool_task *task)
{
	int error = pool_submit(pool, task);

	return error ? error : pool_wait(pool, NULL, task);
}

// ## Futures

static void compute(struct pool_worker *me, struct pool_task *task)
{
	struct pool_future *f = (struct pool_future *)task;

	f->value = f->function(me, f->argument);
}

int future_begin(struct pool *pool, struct pool_future *future,
		 void *(*function)(struct pool_worker *me, void *argument),
		 void *argument)
{
	*future = (struct pool_future){ .task.run = compute,
					.function = function,
					.argument = argument };
	return pool_submit(pool, &future->task);
}

int future_value(struct pool *pool, struct pool_worker *me,
		 struct pool_future *future, void **value)
{
	int error = pool_wait(pool, me, &future->task);

	if (!error)
		*value = future->value;
	return error;
}
