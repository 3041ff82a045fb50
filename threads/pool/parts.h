// parts.h - what the files of the pool share; pool.h is for everybody else

#ifndef THREADS_POOL_PARTS_H
#define THREADS_POOL_PARTS_H

#include <pthread.h>

#include "threads/pool/deque.h"
#include "threads/pool/pool.h"

// The life of a task. A task in a deque is READY, in the queue QUEUED. Only who
// holds the pool's lock moves a task into or out of QUEUED. ENDED and CANCELLED
// are final and are stored with release, read with acquire: they carry what the
// task did. AWAITED is added by who is about to sleep for the task.
enum {
	TASK_NEW,
	TASK_READY,
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_LEAVING, // is being cancelled
	TASK_ENDED,
	TASK_CANCELLED,
	TASK_STATES = 7, // the bits of those
	TASK_AWAITED = 8
};

static inline uint32_t task_state(const struct pool_task *task)
{
	return atomic_load_explicit(&task->state, memory_order_acquire) &
	       TASK_STATES;
}

// From one state to the next, whoever adds AWAITED meanwhile. The state before.
static inline uint32_t task_move(struct pool_task *task, uint32_t from,
				 uint32_t to)
{
	return atomic_fetch_add_explicit(&task->state, to - from,
					 memory_order_acq_rel);
}

static inline bool task_over(const struct pool_task *task)
{
	return task_state(task) >= TASK_ENDED;
}

// Numbers that one thread adds to and others read: a relaxed load and store, no
// locked instruction.
static inline void count_up(_Atomic uint64_t *count)
{
	atomic_store_explicit(
		count, atomic_load_explicit(count, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

struct pool_worker {
	struct deque deque; // begins and ends with lines of its own

	// How many sleepers would like to know that this deque got something:
	// read at each spawn, written under the lock. See sleep.c.
	_Alignas(DEQUE_LINE) _Atomic int wanted;
	struct pool *pool;
	int index;
	uint32_t random;
	_Atomic uint64_t ran, stolen, slept;

	// How it sleeps; `parked` and `thief` belong to the lock.
	_Alignas(DEQUE_LINE) _Atomic uint32_t woken;
	bool parked;
	bool idle; // wants anybody's work; else thief's (NULL: nobody's)
	struct pool_worker *thief;
	pthread_t thread;
};

struct pool {
	enum pool_kind kind;
	int worker_count;
	bool membarrier; // the sleepers' side of a barrier is to be had
	size_t capacity;

	pthread_mutex_t lock; // of all that follows
	pthread_cond_t room;  // the queue is not full, or it is over
	pthread_cond_t left;  // a waiting submitter or the last worker is gone
	struct pool_task *first, *last;
	// Written under the lock, read without it as a hint.
	_Atomic size_t queued;
	atomic_bool closing, dropping;
	_Atomic int active; // tasks from the queue that run; not in the lock
	size_t longest, submitters;
	uint64_t waits;
	int idle_count;
	int started; // workers that exist
	bool joining, stopped;

	struct pool_worker workers[];
};

// queue.c. The oldest task, which is RUNNING then, or NULL; whether this task was
// still QUEUED, and is now in state `to`; in, if there is room (0, -EAGAIN); back
// in, room or not; all are cancelled. They take the lock themselves.
struct pool_task *queue_take(struct pool *pool);
bool queue_claim(struct pool *pool, struct pool_task *task, uint32_t to);
int queue_offer(struct pool_worker *me, struct pool_task *task);
void queue_return(struct pool *pool, struct pool_task *task);
struct pool_task *queue_empty(struct pool *pool); // lock held
void queue_drop(struct pool *pool, struct pool_task *list);
bool pool_is_worker(const struct pool *pool); // the caller; lock held

// worker.c. worker_run runs a task that is this worker's now, to its end.
void *worker_main(void *worker);
void worker_run(struct pool_worker *me, struct pool_task *task);
void worker_run_stolen(struct pool_worker *me, struct pool_task *task);

// sleep.c. task_end says that a task is over and wakes who waits for it; the
// record may be gone when it returns, and must not be detached.
void task_end(struct pool *pool, struct pool_task *task, uint32_t state);
bool sleep_prepare(struct pool *pool); // true: membarrier(2) is there
void sleep_idle(struct pool_worker *me);
void sleep_for(struct pool_worker *me, struct pool_task *task,
	       struct pool_worker *thief);
// With the lock held: unparks that worker if it sleeps; one idle worker, or
// NULL. wake, after the lock, wakes who was unparked.
void unpark(struct pool_worker *worker);
struct pool_worker *wake_choose(struct pool *pool);
void wake(struct pool_worker *worker); // NULL: nobody
void wake_for(struct pool_worker *spawner);
void wake_all(struct pool *pool);

// Wakes a sleeper if somebody wants what was just pushed to my deque.
static inline void wake_if_wanted(struct pool_worker *me)
{
	if (__builtin_expect(!me->pool->membarrier, 0)) {
		// The push again, in the total order with the load below.
		int64_t bottom = atomic_load_explicit(&me->deque.bottom,
						      memory_order_relaxed);
		atomic_store_explicit(&me->deque.bottom, bottom,
				      memory_order_seq_cst);
	}
	atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&me->wanted,
						  memory_order_seq_cst) > 0,
			     0))
		wake_for(me);
}

#endif
