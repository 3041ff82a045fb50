// Cancelling tasks, stopping pools, and what may fail.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_parts.h"

// A task that counts what becomes of it.
struct fate {
	struct pool_task task;
	_Atomic int ran, dropped;
};

static void fate_run(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	((struct fate *)task)->ran++;
}

static void fate_dropped(struct pool_task *task)
{
	((struct fate *)task)->dropped++;
}

static struct fate fresh_fate(void)
{
	return (struct fate){ .task = { .run = fate_run,
					.dropped = fate_dropped } };
}

// --- cancelling -------------------------------------------------------------------

static void run_until_cancelled(struct pool_worker *me, struct pool_task *task)
{
	struct gate *gate = (struct gate *)task;

	(void)me;
	gate->begun = 1;
	while (!pool_cancelled(task))
		test_nap();
	gate->open = 2;
}

START_TEST(pool_cancel_each_state)
{
	struct pool *pool = pool_made(kinds[_i], 1, 0);
	struct fate fate = fresh_fate();
	struct gate gate = { .task.run = run_until_cancelled };

	ck_assert_int_eq(pool_submit(pool, &gate.task), 0);
	await(gate.begun);
	ck_assert_int_eq(pool_submit(pool, &fate.task), 0);
	ck_assert_int_eq(pool_cancel(pool, &fate.task), 0);
	ck_assert_int_eq(pool_cancel(pool, &fate.task), -EALREADY);
	ck_assert(pool_ended(&fate.task));
	ck_assert_int_eq(pool_wait(pool, NULL, &fate.task), -ECANCELED);
	ck_assert_int_eq(pool_cancel(pool, &gate.task), -EINPROGRESS);
	ck_assert_int_eq(pool_wait(pool, NULL, &gate.task), 0);
	ck_assert_int_eq(gate.open, 2);
	ck_assert_int_eq(pool_cancel(pool, &gate.task), -EALREADY);

	// a record that was cancelled may be used again
	fate = fresh_fate();
	ck_assert_int_eq(pool_run(pool, &fate.task), 0);
	ck_assert_int_eq(fate.ran, 1);
	ck_assert_int_eq(fate.dropped, 0);
	pool_close(pool);
}
END_TEST

enum { RACES = MANY(20000, 3000) };

struct race {
	struct pool *pool;
	struct fate *fates;
	_Atomic int *submitted;
	int won;
};

static void *cancel_all(void *argument)
{
	struct race *race = argument;

	for (int i = 0; i < RACES; i++) {
		while (*race->submitted <= i)
			sched_yield();
		race->won += !pool_cancel(race->pool, &race->fates[i].task);
	}
	return NULL;
}

// Two threads cancel what two workers run: each task has one fate, and of those
// who cancel it at most one is told that he did.
START_TEST(pool_cancel_race)
{
	struct pool *pool = pool_made(kinds[_i], 2, 8);
	struct fate *fates = calloc(RACES, sizeof *fates);
	_Atomic int submitted = 0;
	struct race races[2];
	pthread_t threads[2];
	int ran = 0, dropped = 0;

	ck_assert_ptr_nonnull(fates);
	for (int i = 0; i < 2; i++) {
		races[i] = (struct race){ pool, fates, &submitted, 0 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, cancel_all,
						&races[i]),
				 0);
	}
	for (int i = 0; i < RACES; i++) {
		fates[i] = fresh_fate();
		if (pool_submit(pool, &fates[i].task) != 0)
			ck_abort_msg("not accepted");
		submitted = i + 1;
	}
	for (int i = 0; i < RACES; i++) {
		int error = pool_wait(pool, NULL, &fates[i].task);
		if (fates[i].ran + fates[i].dropped != 1 ||
		    error != (fates[i].ran ? 0 : -ECANCELED))
			ck_abort_msg("ran %d times, dropped %d times, %d",
				     fates[i].ran, fates[i].dropped, error);
		ran += fates[i].ran;
		dropped += fates[i].dropped;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(races[0].won + races[1].won, dropped);
	ck_assert_int_eq(ran + dropped, RACES);
	pool_close(pool);
	free(fates);
}
END_TEST

// --- stopping -----------------------------------------------------------------------

enum { SUBMITTERS = 8, EACH = MANY(20000, 2000) };

struct submitter {
	struct pool *pool;
	struct fate *fates;
	int accepted, error;
	pthread_t thread;
};

static _Atomic int accepted_in_all;

static void *submit_until_refused(void *argument)
{
	struct submitter *s = argument;

	while (s->accepted < EACH) {
		s->fates[s->accepted] = fresh_fate();
		s->error = pool_submit(s->pool, &s->fates[s->accepted].task);
		if (s->error)
			break;
		s->accepted++;
		accepted_in_all++;
	}
	return NULL;
}

static void *stop_with_drop(void *pool)
{
	return pool_stop(pool, POOL_DROP) ? pool : NULL;
}

// The pool is stopped while eight threads submit to it and most of them wait for
// room (of a queue of one, most of them even after the last task has left it).
// How: 0 drain, 1 drop, 2 drain and drop at once. What was accepted has
// run or, by a drop, was dropped, once; all others were told.
START_TEST(pool_stop_under_load)
{
	int how = _i / KINDS % 3;
	struct pool *pool = pool_made(kinds[_i % KINDS], 3, _i < 6 ? 16 : 1);
	struct submitter all[SUBMITTERS];
	int accepted = 0, ran = 0, dropped = 0;
	pthread_t other;
	void *failed;

	accepted_in_all = 0;
	for (int i = 0; i < SUBMITTERS; i++) {
		all[i] = (struct submitter){ .pool = pool };
		all[i].fates = calloc(EACH, sizeof *all[i].fates);
		ck_assert_ptr_nonnull(all[i].fates);
		ck_assert_int_eq(pthread_create(&all[i].thread, NULL,
						submit_until_refused, &all[i]),
				 0);
	}
	await(accepted_in_all > 500);
	if (how == 2)
		ck_assert_int_eq(
			pthread_create(&other, NULL, stop_with_drop, pool), 0);
	ck_assert_int_eq(pool_stop(pool, how == 1 ? POOL_DROP : POOL_DRAIN), 0);
	if (how == 2) {
		pthread_join(other, &failed);
		ck_assert_ptr_null(failed);
	}
	for (int i = 0; i < SUBMITTERS; i++) {
		pthread_join(all[i].thread, NULL);
		if (all[i].accepted < EACH)
			ck_assert_int_eq(all[i].error, -ESHUTDOWN);
		accepted += all[i].accepted;
		for (int j = 0; j < all[i].accepted; j++) {
			struct fate *fate = &all[i].fates[j];
			if (fate->ran + fate->dropped != 1 ||
			    !pool_ended(&fate->task))
				ck_abort_msg("ran %d times, dropped %d times",
					     fate->ran, fate->dropped);
			ran += fate->ran;
			dropped += fate->dropped;
		}
	}
	ck_assert_int_eq(ran + dropped, accepted);
	if (how == 0)
		ck_assert_int_eq(dropped, 0);
	struct fate late = fresh_fate();
	ck_assert_int_eq(pool_submit(pool, &late.task), -ESHUTDOWN);
	ck_assert_int_eq(pool_try_submit(pool, &late.task), -ESHUTDOWN);
	ck_assert_int_eq(pool_stop(pool, POOL_DROP), 0);
	pool_close(pool);
	for (int i = 0; i < SUBMITTERS; i++)
		free(all[i].fates);
}
END_TEST

// A task that looks after itself: its record is freed by its own functions.
static _Atomic int freed;

static void run_and_free(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	free(task);
	freed++;
}

static void drop_and_free(struct pool_task *task)
{
	free(task);
	freed += 1000;
}

START_TEST(pool_detached)
{
	struct pool *pool = pool_made(kinds[_i], 1, 0);
	struct gate gate;

	freed = 0;
	for (int i = 0; i < 150; i++) {
		struct pool_task *task = calloc(1, sizeof *task);
		ck_assert_ptr_nonnull(task);
		*task = (struct pool_task){ .run = run_and_free,
					    .dropped = drop_and_free,
					    .detached = true };
		if (i == 100) {
			await(freed == 100);
			gate_begin(pool, &gate);
		}
		ck_assert_int_eq(pool_submit(pool, task), 0);
	}
	gate.open = 1;
	ck_assert_int_eq(pool_stop(pool, POOL_DROP), 0);
	int ran = freed % 1000, dropped = freed / 1000;
	ck_assert_int_eq(ran + dropped, 150);
	ck_assert_int_ge(ran, 100);
	pool_close(pool);
}
END_TEST

struct tree {
	struct pool_task task;
	int depth;
	long leaves;
	struct gate *gate;
};

static void tree(struct pool_worker *me, struct pool_task *task)
{
	struct tree *t = (struct tree *)task;

	if (t->gate) {
		t->gate->begun = 1;
		while (!pool_stopping(me))
			test_nap();
	}
	if (t->depth == 0) {
		t->leaves = 1;
		return;
	}
	struct tree a = { .task.run = tree, .depth = t->depth - 1 }, b = a;
	pool_spawn(me, &a.task);
	pool_spawn(me, &b.task);
	pool_sync(me, &b.task);
	pool_sync(me, &a.task);
	t->leaves = a.leaves + b.leaves;
}

// What has begun ends as it would have, also by a drop in its middle: its
// children are part of it.
START_TEST(pool_drop_spares_children)
{
	struct pool *pool = pool_made(kinds[_i], 3, 0);
	struct gate gate = { .begun = 0 };
	struct tree root = { .task.run = tree, .depth = 12, .gate = &gate };

	ck_assert_int_eq(pool_submit(pool, &root.task), 0);
	await(gate.begun);
	ck_assert_int_eq(pool_stop(pool, POOL_DROP), 0);
	ck_assert_int_eq(root.leaves, 4096);
	pool_close(pool);
}
END_TEST

static void stop_own(struct pool_worker *me, struct pool_task *task)
{
	((struct tree *)task)->leaves = pool_stop(pool_of(me), POOL_DRAIN);
}

START_TEST(pool_worker_cannot_stop)
{
	struct pool *pool = pool_made(kinds[_i], 2, 0);
	struct tree t = { .task.run = stop_own };

	ck_assert_int_eq(pool_run(pool, &t.task), 0);
	ck_assert_int_eq(t.leaves, -EDEADLK);
	t = (struct tree){ .task.run = tree, .depth = 3 };
	ck_assert_int_eq(pool_run(pool, &t.task), 0);
	ck_assert_int_eq(t.leaves, 8);
	pool_close(pool);
	pool_close(NULL);
}
END_TEST

// --- what may fail ---------------------------------------------------------------------

START_TEST(pool_options_refused)
{
	static const struct pool_options bad[] = {
		{ .workers = -1 },
		{ .workers = POOL_WORKERS_MOST + 1 },
		{ .kind = (enum pool_kind)7 },
		{ .stack_bytes = 1 }, // below PTHREAD_STACK_MIN
	};
	struct pool *pool = NULL;
	int before = thread_count();

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(pool_open(&pool, &bad[i]), -EINVAL);
	ck_assert_ptr_null(pool);
	ck_assert_int_eq(thread_count(), before);
	ck_assert_int_eq(pool_open(&pool, &(struct pool_options){ 0 }), 0);
	ck_assert_int_ge(pool_workers(pool), 1);
	pool_close(pool);
}
END_TEST

// In a child that may have few threads: those that came to be are gone again, and
// so they are at the second try.
static void open_in_vain(void)
{
	struct rlimit few = { 8, 8 };
	struct pool *pool = NULL;
	int before = thread_count();

	// A user of his own whom nobody else is: the limit counts by user.
	if (setresgid(61234, 61234, 61234) || setresuid(61234, 61234, 61234) ||
	    setrlimit(RLIMIT_NPROC, &few))
		_exit(77);
	for (int i = 0; i < 2; i++) {
		struct pool_options o = { .workers = 64 };
		if (pool_open(&pool, &o) != -EAGAIN || pool)
			_exit(1);
		for (int turns = 0; thread_count() > before; turns++) {
			if (turns > 60000)
				_exit(2);
			test_nap();
		}
	}
	struct fate fate = fresh_fate();
	struct pool_options o = { .workers = 4 };
	if (pool_open(&pool, &o) || pool_run(pool, &fate.task) || !fate.ran)
		_exit(3);
	pool_close(pool);
	_exit(0);
}

START_TEST(pool_no_more_threads)
{
	if (geteuid() != 0)
		SKIP("to have a user of its own, it must be root");
	pid_t child = fork_fresh();
	if (child == 0)
		open_in_vain();
	int status = status_of(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("this root may not become another user");
	ck_assert_int_eq(status, 0);
}
END_TEST

struct crowd {
	struct pool_task task;
	struct fate *fates;
	int n;
};

static void crowd(struct pool_worker *me, struct pool_task *task)
{
	struct crowd *c = (struct crowd *)task;

	for (int i = 0; i < c->n; i++)
		pool_spawn(me, &c->fates[i].task);
	for (int i = c->n - 1; i >= 0; i--)
		pool_sync(me, &c->fates[i].task);
}

// The deque cannot grow: what finds no place in it is run at once. (Places for
// 32,768 would take all the room that is left. Each refusal costs malloc some
// system calls, so there are not many more tasks.)
static void spawn_without_memory(void)
{
	struct crowd c = { .task.run = crowd, .n = 40000 };
	struct pool_options o = { .workers = 1 };
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct pool *pool;
	long pages = 0;

	c.fates = calloc(c.n, sizeof *c.fates);
	FILE *file = fopen("/proc/self/statm", "re");
	if (!c.fates || !file || pool_open(&pool, &o))
		_exit(1);
	for (int i = 0; i < c.n; i++)
		c.fates[i] = fresh_fate();
	if (fscanf(file, "%ld", &pages) != 1)
		_exit(2);
	fclose(file);
	limit.rlim_cur = pages * sysconf(_SC_PAGESIZE) + (256 << 10);
	if (setrlimit(RLIMIT_AS, &limit) || pool_run(pool, &c.task))
		_exit(3);
	void *array = malloc(2 << 20);
	if (array) // no limit after all, so this has shown nothing
		_exit(4);
	for (int i = 0; i < c.n; i++)
		if (c.fates[i].ran != 1)
			_exit(5);
	pool_close(pool);
	_exit(0);
}

START_TEST(pool_no_more_memory)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer's memory does not know the limit");
#endif
	pid_t child = fork_fresh();

	if (child == 0)
		spawn_without_memory();
	ck_assert_int_eq(status_of(child), 0);
}
END_TEST

void add_end_tests(Suite *suite)
{
	TCase *tests = tcase_create("end");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, pool_cancel_each_state, 0, KINDS);
	tcase_add_loop_test(tests, pool_cancel_race, 0, KINDS);
	tcase_add_loop_test(tests, pool_stop_under_load, 0, 6 * KINDS);
	tcase_add_loop_test(tests, pool_detached, 0, KINDS);
	tcase_add_loop_test(tests, pool_drop_spares_children, 0, KINDS);
	tcase_add_loop_test(tests, pool_worker_cannot_stop, 0, KINDS);
	tcase_add_test(tests, pool_options_refused);
	tcase_add_test(tests, pool_no_more_threads);
	tcase_add_test(tests, pool_no_more_memory);
	suite_add_tcase(suite, tests);
}
