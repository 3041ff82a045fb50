// pool.h - a fixed number of threads for any number of tasks
//
// A thread costs a stack, a kernel's task structure and two trips through the
// scheduler; most pieces of work are smaller than that (threads/price says by
// how much). So a pool makes its threads once, the workers, and a task is no
// more than a record in the caller's memory: a function and a few words. The
// pool never allocates for a task; it only keeps pointers to records, so a
// record must stay where it is until its task is done.
//
// There are two ways in.
//
// From outside (or from a task): pool_submit hands a task over, through one
// bounded queue, first come, first served. pool_wait waits for it. When the
// queue is full, pool_submit makes its caller wait: back pressure, a fast
// producer is slowed to the pace of the workers instead of filling the memory.
//
//     struct job { struct pool_task task; ... } job = { .task.run = work };
//     pool_submit(pool, &job.task);
//     ...
//     pool_wait(pool, NULL, &job.task);
//
// From inside: a task forks with pool_spawn and joins with pool_sync, its
// children's records on its own stack:
//
//     struct fib a = { .task.run = fib, .n = n - 1 };
//     pool_spawn(me, &a.task);              may run elsewhere
//     ...                                   I go on
//     pool_sync(me, &a.task);               now it has run
//
// In a POOL_STEALING pool a spawned task goes to the worker's own deque
// (deque.h) and costs a few ns; idle workers steal from the other end. In a
// POOL_SHARED pool it goes through the one queue and its lock: simpler, and the
// measure of what stealing is worth.
//
// A worker that waits helps, but only with what it waits for: it begins the
// awaited task itself if nobody has, and if a thief has its child, it steals
// that thief's children ("leapfrogging", Wagner & Calder, PPoPP 1993). To help
// with just anything would bury a task somebody else waits for beneath one that
// may wait for him: a deadlock that no single task is guilty of. So: a program
// whose tasks wait for each other in no circle comes to an end, on one worker,
// too. And a stack never holds more than one path through the tree of tasks.
//
// Idle workers sleep (futex(2)) and cost nothing.
//
// All functions return 0 (or what they say) or -errno; none prints or exits.
// Workers have all signals blocked, so signals go to the program's own threads.
// Memory: all that happened before a task was handed over happens before it
// runs, and all it did happens before the return of who waited for it.
//
// Sources: Blumofe & Leiserson, "Scheduling Multithreaded Computations by Work
// Stealing", JACM 46 (1999); Frigo, Leiserson & Randall, "The Implementation of
// the Cilk-5 Multithreaded Language", PLDI 1998; Faxén, "Wool - A Work Stealing
// Library", 2008 (task records on the stack).

#ifndef THREADS_POOL_H
#define THREADS_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct pool_worker;

// A task's record. Set `run` and, where wanted, `dropped` and `detached`; all
// else must be 0 (an initialiser does that). After its end a record may be set
// anew and handed over again.
struct pool_task {
	// What the task does. `me` is the worker that does it.
	void (*run)(struct pool_worker *me, struct pool_task *task);
	// NULL, or called instead of run if the task is cancelled before it has
	// begun, by the thread that cancels it or stops the pool, before those
	// who wait are told.
	void (*dropped)(struct pool_task *task);
	// Nobody will wait for it or cancel it, and the pool forgets the record
	// when it calls run or dropped, which may free it.
	bool detached;

	// the pool's
	atomic_bool cancel;
	_Atomic uint32_t state;
	struct pool_worker *owner;           // who spawned it
	_Atomic(struct pool_worker *) thief; // who stole it
	struct pool_task *next, *before;     // in the queue
};

enum pool_kind { POOL_STEALING, POOL_SHARED };

enum { POOL_WORKERS_MOST = 4096 };

struct pool_options {
	enum pool_kind kind;
	int workers;        // 0: as many as CPUs this thread may use
	size_t capacity;    // tasks the queue holds; 0: 1024
	size_t stack_bytes; // of each worker; 0: the system's default
};

// Makes the workers. Returns 0; -EINVAL: an option is out of range; -ENOMEM,
// -EAGAIN: no memory, or no more threads for this user (RLIMIT_NPROC, cgroup).
// Then no thread and no memory is left behind.
int pool_open(struct pool **pool, const struct pool_options *options);

// Ends the pool: no task is accepted from now on (-ESHUTDOWN, also to those who
// wait for room in the queue), spawns of running tasks excepted. DRAIN: what is
// in the queue is done first. DROP: it is cancelled; only what has begun ends by
// itself (see pool_stopping). Returns when the workers are gone. Any thread but
// a worker (-EDEADLK), again and by several at a time: DROP after DRAIN drops
// what is left by then.
enum pool_end { POOL_DRAIN, POOL_DROP };
int pool_stop(struct pool *pool, enum pool_end end);

// Stops (DRAIN) if that has not been done, and frees. No other thread may be in
// a call, or make one afterwards. NULL is allowed.
void pool_close(struct pool *pool);

// Hands a task over. While the queue is full, pool_submit waits, which a worker
// of this pool must not (all might wait, and nobody empties the queue): there it
// returns -EDEADLK. pool_try_submit returns -EAGAIN. -ESHUTDOWN: being stopped.
// Nothing has happened to the task then. Any thread.
int pool_submit(struct pool *pool, struct pool_task *task);
int pool_try_submit(struct pool *pool, struct pool_task *task);

// Waits for a submitted task that is not detached. `me` is the calling worker,
// which runs the task itself if it has not begun, or NULL for any other thread,
// which sleeps. Any number of threads may wait for one task. Returns 0, or
// -ECANCELED if it was cancelled before it had begun.
int pool_wait(struct pool *pool, struct pool_worker *me,
	      struct pool_task *task);

// Both: to submit one task and wait for it, from outside.
int pool_run(struct pool *pool, struct pool_task *task);

// Takes a submitted task back. Returns 0: it had not begun, and never will;
// -EINPROGRESS: it is running and has been asked to stop (pool_cancelled);
// -EALREADY: it has ended, or was cancelled before. Exactly one of all that run
// and cancel a task gets it. Any thread.
int pool_cancel(struct pool *pool, struct pool_task *task);

// What a running task may ask: has somebody cancelled it; is the pool stopped by
// DROP. Both only say so; the task ends by returning.
bool pool_cancelled(const struct pool_task *task);
bool pool_stopping(const struct pool_worker *me);

// Whether a submitted task has ended (then all it did is visible) or has been
// cancelled.
bool pool_ended(const struct pool_task *task);

// Fork and join, in a task, by its worker. Every spawned task must be synced
// before the task that spawned it returns, best in reverse order (which is the
// cheap one). Where there is no memory or no room, pool_spawn runs it at once.
void pool_spawn(struct pool_worker *me, struct pool_task *task);
void pool_sync(struct pool_worker *me, struct pool_task *task);

struct pool *pool_of(const struct pool_worker *me);
int pool_index(const struct pool_worker *me); // 0 .. workers - 1
int pool_workers(const struct pool *pool);

// Accounts of one worker, or of all (-1), since pool_open. Exact once the pool
// is stopped; before, a moment old.
struct pool_counts {
	uint64_t ran;    // tasks, however they came
	uint64_t stolen; // of these, from another worker's deque
	uint64_t slept;  // went to sleep because there was nothing to do
};
struct pool_counts pool_count(const struct pool *pool, int worker);

// How the queue is: tasks in it now, the most there ever were, and how often a
// pool_submit had to wait for room.
struct pool_queue {
	size_t length, longest;
	uint64_t waits;
};
struct pool_queue pool_queue_now(struct pool *pool);

// # Futures: a task with a value
//
//     struct pool_future f;
//     future_begin(pool, &f, parse, text);
//     ...
//     int error = future_value(pool, NULL, &f, &tree);
//
// future_begin is pool_submit of `function(argument)`, future_value is pool_wait,
// and the value in *value if it returns 0. Cancel with pool_cancel(&f.task).
struct pool_future {
	struct pool_task task;
	void *(*function)(struct pool_worker *me, void *argument);
	void *argument, *value;
};
int future_begin(struct pool *pool, struct pool_future *future,
		 void *(*function)(struct pool_worker *me, void *argument),
		 void *argument);
int future_value(struct pool *pool, struct pool_worker *me,
		 struct pool_future *future, void **value);

#endif
