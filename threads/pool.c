// # Pool: few threads, many tasks
//
// Chapter 11 · Threads (스레드)
//
// The notes' second drawback of threads (단점): with many of them there is much
// context switching, and all gets slower. But programs do not want threads, they
// want work done. So they keep a few threads, the workers, and hand them tasks:
// a pool. This lab plays with the one in threads/pool/ (pool.h says what it
// does): a thread for each task against a pool, a queue that makes a fast
// producer wait, and the two hard parts: taking a task back, and coming to an
// end.
//
//     $ build/threads/pool                  every scene
//     $ build/threads/pool pressure         one of them
//     $ build/threads/pool sum DIRECTORY    SHA-256 of all files, in parallel
//
//     pressure · a full queue makes its producer wait
//         4.24 ms  main     the worker is held; 4 of 12 are in the queue
//                  ✓ the queue holds what it may, and who brings more sleeps
//                  ✓ who will not sleep is told to come again (-EAGAIN)
//     bringing  cffffffggggghhhhhhiiiiiijjjjjkkkkkklllll······················
//     working   ·aaaaaabbbbbccccccddddddeeeeeffffffggggg···hhhhhiiiiiijjjjjkkk
//
// Try: in `pressure`, make the queue as long as there are tasks. Who waits now,
// and what grows? In `stop`, submit from a running task while the pool drains.
//
// Read next: threads/steal.c (the pool that steals), threads/amdahl.c (how much
// faster with more workers), threads/pool/pool.h and queue.c (how it is made),
// threads/price (what a thread costs), threads/checksum/ (what `sum` does).
// Sources: those of threads/pool/pool.h; pthread_create(3), futex(2).

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "threads/checksum/checksum.h"
#include "threads/pool/pool.h"

static struct pool *new_pool(enum pool_kind kind, int workers, size_t capacity)
{
	struct pool *pool;

	must_neg(pool_open(&pool,
			   &(struct pool_options){ .kind = kind,
						   .workers = workers,
						   .capacity = capacity }));
	return pool;
}

// A task that says on which thread it runs, and runs until it is let go.
struct gate {
	struct pool_task task;
	_Atomic pid_t thread;
	_Atomic bool open;
};

static void hold(struct pool_worker *me, struct pool_task *task)
{
	struct gate *gate = (struct gate *)task;

	(void)me;
	gate->thread = gettid();
	while (!gate->open && !pool_cancelled(task))
		sched_yield();
}

static void hold_a_worker(struct pool *pool, struct gate *gate)
{
	*gate = (struct gate){ .task.run = hold };
	must_neg(pool_submit(pool, &gate->task));
	while (!gate->thread)
		sched_yield();
}

// ## A thread for each task
//
// The kernel has no small threads. Each gets a stack, a task structure, a number
// and a place in the scheduler's queue, and is taken apart again after work that
// may have been shorter than that. The workers of a pool are made once. Count
// the threads by their numbers, and look at the times, which are this machine's.

enum { JOBS = 200, ROUNDS = 7 };

static _Atomic pid_t done_by[JOBS];

static void *one_job(void *number)
{
	done_by[(_Atomic pid_t *)number - done_by] = gettid();
	return NULL;
}

struct job {
	struct pool_task task;
	_Atomic pid_t *number;
};

static void pool_job(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	one_job(((struct job *)task)->number);
}

static void by_threads(void)
{
	for (int i = 0; i < JOBS; i++) {
		pthread_t thread;
		must_zero(pthread_create(&thread, NULL, one_job, &done_by[i]));
		must_zero(pthread_join(thread, NULL));
	}
}

static void by_pool(void)
{
	struct pool *pool = new_pool(POOL_STEALING, 2, JOBS);
	struct job jobs[JOBS];

	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){ .task.run = pool_job,
					.number = &done_by[i] };
		must_neg(pool_submit(pool, &jobs[i].task));
	}
	pool_close(pool);
}

static int different_threads(void)
{
	int n = 0;

	for (int i = 0; i < JOBS; i++) {
		bool fresh = true;
		for (int j = 0; j < i; j++)
			fresh &= done_by[i] != done_by[j];
		n += fresh;
	}
	return n;
}

// Both make and end all their threads within the time.
static int play_jobs(const char *name, void (*play)(void))
{
	struct rusage before, after;
	int64_t least = INT64_MAX, most = 0;

	must(getrusage(RUSAGE_SELF, &before));
	for (int i = 0; i < ROUNDS; i++) {
		int64_t begin = now_ns();
		play();
		int64_t took = now_ns() - begin;
		least = took < least ? took : least;
		most = took > most ? took : most;
	}
	must(getrusage(RUSAGE_SELF, &after));
	int threads = different_threads();
	say("%s: %d thread%s worked, %ld switches, %.2f to %.2f ms", name,
	    threads, threads == 1 ? "" : "s",
	    (after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw -
	     before.ru_nivcsw) /
		    ROUNDS,
	    (double)least / 1e6, (double)most / 1e6);
	return threads;
}

static void price(void)
{
	say("%d jobs of nothing, %d times over", JOBS, ROUNDS);
	int threads = play_jobs("a thread each", by_threads);
	int workers = play_jobs("a pool of two", by_pool);
	claim(threads == JOBS, "each job had a kernel thread of its own: %d",
	      threads);
	claim(workers <= 2, "the pool did all of them with %s of its workers",
	      workers == 1 ? "one" : "both");
}

// ## Back pressure
//
// A producer is faster than the workers. In a queue without end its tasks would
// fill the memory, and each would wait longer than the one before. A bounded
// queue makes the producer wait instead: it sleeps, and goes on at the pace of
// who does the work.

enum { SLOTS = 4, GOODS = 12 };

struct good {
	struct pool_task task;
	struct span span;
};

static struct good goods[GOODS];
static struct span bringing[GOODS];
static _Atomic pid_t producer_thread;

static void spin_for(int64_t ns)
{
	for (int64_t end = now_ns() + ns; now_ns() < end;)
		;
}

static void use_good(struct pool_worker *me, struct pool_task *task)
{
	struct good *good = (struct good *)task;

	(void)me;
	good->span.begin_ns = now_ns();
	spin_for(1000000);
	good->span.end_ns = now_ns();
}

static void *produce(void *pool)
{
	producer_thread = gettid();
	for (int i = 0; i < GOODS; i++) {
		char mark = (char)('a' + i);
		goods[i] = (struct good){ .task.run = use_good,
					  .span = { 1, .mark = mark } };
		bringing[i] = (struct span){ 0, now_ns(), 0, mark };
		must_neg(pool_submit(pool, &goods[i].task));
		bringing[i].end_ns = now_ns();
	}
	return NULL;
}

static void draw_two(const char *const names[2], struct span *spans, size_t n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < n; i++)
		first = spans[i].begin_ns < first ? spans[i].begin_ns : first;
	for (size_t i = 0; i < n; i++) {
		spans[i].begin_ns -= first;
		spans[i].end_ns -= first;
	}
	char *picture = must_ptr(draw_timeline(&canvas, names, 2, spans, n));
	show(picture);
	free(picture);
}

static void pressure(void)
{
	static const char *const names[] = { "bringing", "working" };
	struct pool *pool = new_pool(POOL_SHARED, 1, SLOTS);
	struct pool_task extra = { .run = use_good };
	struct span spans[2 * GOODS];
	struct gate gate;
	pthread_t producer;

	hold_a_worker(pool, &gate);
	must_zero(pthread_create(&producer, NULL, produce, pool));
	while (pool_queue_now(pool).waits == 0)
		sched_yield();
	await_state(producer_thread, 'S');
	say("the worker is held; %zu of %d are in the queue",
	    pool_queue_now(pool).length, GOODS);
	claim(pool_queue_now(pool).length == SLOTS,
	      "the queue holds what it may, and who brings more sleeps");
	claim(pool_try_submit(pool, &extra) == -EAGAIN,
	      "who will not sleep is told to come again (-EAGAIN)");
	gate.open = true;
	must_zero(pthread_join(producer, NULL));
	must_neg(pool_stop(pool, POOL_DRAIN));
	for (int i = 0; i < GOODS; i++) {
		spans[i] = bringing[i];
		spans[GOODS + i] = goods[i].span;
	}
	say("each letter is one task: brought, then worked on");
	draw_two(names, spans, sizeof spans / sizeof *spans);
	bool ordered = true;
	for (int i = 1; i < GOODS; i++)
		ordered &= goods[i].span.begin_ns >= goods[i - 1].span.end_ns;
	claim(ordered, "all were done, first come, first served");
	claim(pool_queue_now(pool).longest == SLOTS,
	      "and there were never more than %d in the queue", SLOTS);
	pool_close(pool);
}

// ## Taking a task back
//
// What has not begun can be taken out of the queue; what runs can only be asked,
// and ends when it looks. (Killing a thread in the middle would leave its locks
// locked and its memory lost: see pthread_cancel(3).)

static _Atomic int ran, dropped;

static void count_run(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	(void)task;
	ran++;
}

static void count_drop(struct pool_task *task)
{
	(void)task;
	dropped++;
}

static void cancel(void)
{
	struct pool *pool = new_pool(POOL_STEALING, 1, 0);
	struct pool_task tasks[6];
	struct gate gate;

	hold_a_worker(pool, &gate);
	for (int i = 0; i < 6; i++) {
		tasks[i] = (struct pool_task){ .run = count_run,
					       .dropped = count_drop };
		must_neg(pool_submit(pool, &tasks[i]));
	}
	int back = 0;
	for (int i = 0; i < 6; i += 2)
		back += pool_cancel(pool, &tasks[i]) == 0;
	claim(back == 3 && pool_queue_now(pool).length == 3,
	      "of six that wait, three are taken back");
	claim(pool_wait(pool, NULL, &tasks[0]) == -ECANCELED,
	      "who waits for one of them is told (-ECANCELED)");
	claim(pool_cancel(pool, &gate.task) == -EINPROGRESS,
	      "the one that runs can only be asked (-EINPROGRESS)");
	must_neg(pool_stop(pool, POOL_DRAIN));
	say("it looked, and ended; %d ran after it, %d never did", ran,
	    dropped);
	claim(ran == 3 && dropped == 3, "each of the six ran or was dropped");
	pool_close(pool);
}

// ## Coming to an end
//
// The end must reach everybody: workers that sleep and workers that work,
// threads that wait for a task, threads that wait for room. Draining does first
// what was accepted; dropping gives it back. Nobody is accepted any more.

static void *bring_one_more(void *pool)
{
	static struct pool_task late = { .run = count_run };

	producer_thread = gettid();
	return pool_submit(pool, &late) == -ESHUTDOWN ? pool : NULL;
}

struct ending {
	struct pool *pool;
	enum pool_end end;
};

static void *stop_now(void *argument)
{
	const struct ending *ending = argument;

	must_neg(pool_stop(ending->pool, ending->end));
	return NULL;
}

static void end_by(enum pool_end end)
{
	struct pool *pool = new_pool(POOL_STEALING, 1, SLOTS);
	struct pool_task tasks[SLOTS];
	struct ending ending = { pool, end };
	void *refused;
	pthread_t late, stopper;
	struct gate gate;

	ran = dropped = 0;
	hold_a_worker(pool, &gate);
	for (int i = 0; i < SLOTS; i++) {
		tasks[i] = (struct pool_task){ .run = count_run,
					       .dropped = count_drop };
		must_neg(pool_submit(pool, &tasks[i]));
	}
	must_zero(pthread_create(&late, NULL, bring_one_more, pool));
	while (pool_queue_now(pool).waits == 0)
		sched_yield();
	must_zero(pthread_create(&stopper, NULL, stop_now, &ending));
	must_zero(pthread_join(late, &refused));
	gate.open = true;
	must_zero(pthread_join(stopper, NULL));
	const char *name = end == POOL_DRAIN ? "drain" : "drop";
	say("%s: %d of %d in the queue ran, %d were dropped", name, ran, SLOTS,
	    dropped);
	claim(refused, "%s: who waited for room is told (-ESHUTDOWN)", name);
	claim(ran == (end == POOL_DRAIN ? SLOTS : 0) && ran + dropped == SLOTS,
	      "%s: what was accepted has %s", name,
	      end == POOL_DRAIN ? "run" : "been given back");
	pool_close(pool);
}

static void stop(void)
{
	end_by(POOL_DRAIN);
	end_by(POOL_DROP);
}

static const struct scene scenes[] = {
	{ "price",    "a thread for each task, or a pool",     price },
	{ "pressure", "a full queue makes its producer wait",  pressure },
	{ "cancel",   "taking a task back",                    cancel },
	{ "stop",     "an end that reaches everybody",         stop },
	{ 0 }
};

static const struct tool tools[] = {
	{ "sum", "[OPTION...] FILE|DIRECTORY...",
	  "SHA-256 of every file of a tree, by all CPUs", sum_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/pool",
	.summary = "few threads, many tasks: back pressure, a clean end",
	.chapter = "11 · Threads",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
