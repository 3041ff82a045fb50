// # threads/pool: the thread pool
//
// This file: what pools compute, in what order, and how tasks wait;
// pool_sleep.c: how workers do; pool_deque.c: the deque by itself; pool_end.c:
// cancelling, stopping, and what may fail; pool_sum.c: the tool of the lab.
//
// OEIS: the On-Line Encyclopedia of Integer Sequences, https://oeis.org.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool_parts.h"
#include "random.h"

static const int crews[] = { 1, 2, 3, 16 };
enum { CREWS = 4 };

struct pool *pool_made(enum pool_kind kind, int workers, size_t capacity)
{
	struct pool *pool = NULL;
	struct pool_options options = { .kind = kind,
					.workers = workers,
					.capacity = capacity };
	int error = pool_open(&pool, &options);

	ck_assert_msg(error == 0, "pool_open: %s", strerror(-error));
	return pool;
}

void gate_run(struct pool_worker *me, struct pool_task *task)
{
	struct gate *gate = (struct gate *)task;

	(void)me;
	gate->begun = 1;
	while (!gate->open)
		test_nap();
}

void gate_begin(struct pool *pool, struct gate *gate)
{
	*gate = (struct gate){ .task.run = gate_run };
	ck_assert_int_eq(pool_submit(pool, &gate->task), 0);
	await(gate->begun);
}

void gate_end(struct pool *pool, struct gate *gate)
{
	gate->open = 1;
	ck_assert_int_eq(pool_wait(pool, NULL, &gate->task), 0);
}

// --- fork and join --------------------------------------------------------------

void fib(struct pool_worker *me, struct pool_task *task)
{
	struct fib *f = (struct fib *)task;

	if (f->n < 2) {
		f->result = f->n;
		return;
	}
	struct fib a = { .task.run = fib, .n = f->n - 1 };
	struct fib b = { .n = f->n - 2 };
	pool_spawn(me, &a.task);
	fib(me, &b.task);
	pool_sync(me, &a.task);
	f->result = a.result + b.result;
}

// OEIS A000045: F(20) = 6765, F(23) = 28657.
START_TEST(pool_fib)
{
	struct pool *pool = pool_made(kinds[_i / CREWS], crews[_i % CREWS], 0);
	struct fib f = { .task.run = fib, .n = MANY(23, 20) };

	ck_assert_int_eq(pool_run(pool, &f.task), 0);
	ck_assert_int_eq(f.result, MANY(28657, 6765));
	ck_assert_int_eq(pool_stop(pool, POOL_DRAIN), 0);
	// a task for each call that is no leaf, and the first: F(n + 1)
	ck_assert_uint_eq(pool_count(pool, -1).ran, MANY(46368, 10946));
	pool_close(pool);
}
END_TEST

struct sort {
	struct pool_task task;
	int *from, *to;
};

static int compare(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) -
	       (*(const int *)a < *(const int *)b);
}

// Quicksort, the middle as pivot, down to single values.
static void sort(struct pool_worker *me, struct pool_task *task)
{
	struct sort *s = (struct sort *)task;

	if (s->to - s->from < 2)
		return;
	int pivot = s->from[(s->to - s->from) / 2], *i = s->from, *j = s->to;
	for (;;) {
		while (*i < pivot)
			i++;
		do
			j--;
		while (*j > pivot);
		if (i >= j)
			break;
		int swap = *i;
		*i++ = *j;
		*j = swap;
	}
	struct sort low = { .task.run = sort, .from = s->from, .to = i };
	struct sort high = { .from = i, .to = s->to };
	pool_spawn(me, &low.task);
	sort(me, &high.task);
	pool_sync(me, &low.task);
}

START_TEST(pool_sort)
{
	enum { N = MANY(30000, 3000) };
	static int values[N], expected[N];
	struct pool *pool = pool_made(kinds[_i / CREWS], crews[_i % CREWS], 0);
	struct random random = { 7 };

	for (int i = 0; i < N; i++)
		values[i] = expected[i] = (int)random_below(&random, N);
	struct sort s = { .task.run = sort, .from = values, .to = values + N };
	ck_assert_int_eq(pool_run(pool, &s.task), 0);
	qsort(expected, N, sizeof *expected, compare);
	ck_assert_mem_eq(values, expected, sizeof values);
	pool_close(pool);
}
END_TEST

// Eight queens: a task a column that is free, synced in an order by chance.
struct queens {
	struct pool_task task;
	int row, columns[8];
	long boards;
};

static void queens(struct pool_worker *me, struct pool_task *task)
{
	struct queens *q = (struct queens *)task, next[8];
	struct random random = { (uint64_t)q->row * 64 + q->columns[0] };
	int n = 0;

	q->boards = q->row == 8;
	for (int column = 0; q->row < 8 && column < 8; column++) {
		bool free = true;
		for (int i = 0; i < q->row; i++)
			free &= q->columns[i] != column &&
				abs(q->columns[i] - column) != q->row - i;
		if (!free)
			continue;
		next[n] = (struct queens){ .task.run = queens };
		memcpy(next[n].columns, q->columns, sizeof q->columns);
		next[n].columns[q->row] = column;
		next[n].row = q->row + 1;
		pool_spawn(me, &next[n++].task);
	}
	int first = n ? (int)random_below(&random, n) : 0;
	for (int i = 0; i < n; i++) {
		pool_sync(me, &next[(first + i) % n].task);
		q->boards += next[(first + i) % n].boards;
	}
}

// OEIS A000170: 92 ways for eight queens.
START_TEST(pool_any_order)
{
	struct pool *pool = pool_made(kinds[_i / CREWS], crews[_i % CREWS], 0);
	struct queens q = { .task.run = queens };

	ck_assert_int_eq(pool_run(pool, &q.task), 0);
	ck_assert_int_eq(q.boards, 92);
	pool_close(pool);
}
END_TEST

// --- each task once ----------------------------------------------------------------

enum { TASKS = MANY(1000000, 50000), FEEDERS = 4 };

struct mark {
	struct pool_task task;
	_Atomic int runs;
};

static void mark(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	atomic_fetch_add_explicit(&((struct mark *)task)->runs, 1,
				  memory_order_relaxed);
}

struct feeder {
	struct pool *pool;
	struct mark *marks;
	int n;
};

static void *feed(void *argument)
{
	struct feeder *f = argument;

	for (int i = 0; i < f->n; i++)
		if (pool_submit(f->pool, &f->marks[i].task) != 0)
			return NULL;
	return f;
}

struct sower {
	struct pool_task task;
	struct mark *marks;
	int n;
};

// A thousand at a time are open, so that thieves find something.
static void sow(struct pool_worker *me, struct pool_task *task)
{
	struct sower *s = (struct sower *)task;

	for (int from = 0; from < s->n; from += 1000) {
		int to = from + 1000 < s->n ? from + 1000 : s->n;
		for (int i = from; i < to; i++)
			pool_spawn(me, &s->marks[i].task);
		for (int i = to - 1; i >= from; i--)
			pool_sync(me, &s->marks[i].task);
	}
}

// One half is submitted by four threads, the other spawned by two tasks.
START_TEST(pool_exactly_once)
{
	struct mark *marks = calloc(TASKS, sizeof *marks);
	struct pool *pool = pool_made(kinds[_i], 4, 64);
	struct feeder feeders[FEEDERS];
	struct sower sowers[2];
	pthread_t threads[FEEDERS];
	int each = TASKS / 2 / FEEDERS, half = TASKS / 4;

	ck_assert_ptr_nonnull(marks);
	for (int i = 0; i < TASKS; i++)
		marks[i].task.run = mark;
	for (int i = 0; i < FEEDERS; i++) {
		feeders[i] = (struct feeder){ pool, marks + i * each, each };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, feed,
						&feeders[i]),
				 0);
	}
	for (int i = 0; i < 2; i++) {
		sowers[i] =
			(struct sower){ .task.run = sow,
					.marks = marks + TASKS / 2 + i * half,
					.n = half };
		ck_assert_int_eq(pool_submit(pool, &sowers[i].task), 0);
	}
	for (int i = 0; i < FEEDERS; i++) {
		void *done;
		pthread_join(threads[i], &done);
		ck_assert_ptr_nonnull(done);
	}
	ck_assert_int_eq(pool_stop(pool, POOL_DRAIN), 0);
	for (int i = 0; i < TASKS; i++)
		if (marks[i].runs != 1) // an assertion costs a system call
			ck_abort_msg("task %d ran %d times", i, marks[i].runs);
	ck_assert_uint_eq(pool_count(pool, -1).ran, TASKS + 2);
	pool_close(pool);
	free(marks);
}
END_TEST

// --- waiting for each other ---------------------------------------------------------

// A random graph of submitted tasks: each waits for some with lower numbers, and
// spawns children that do the same, and adds up what they computed. Were a worker
// to run just anything while it waits, this would stand still sooner or later.
enum { NODES = 300, EDGES = 3 };

static _Atomic bool all_submitted;

struct node {
	struct pool_task task;
	struct pool_task part[2]; // spawned
	struct node *all;
	int number, edges[2][EDGES];
	uint32_t parts[2], value;
};

static uint32_t node_part(struct pool_worker *me, struct node *node, int which)
{
	uint32_t sum = 1;

	for (int i = 0; i < EDGES && node->number; i++) {
		struct node *other = &node->all[node->edges[which][i]];
		if (me && pool_wait(pool_of(me), me, &other->task) != 0)
			abort();
		sum += other->value;
	}
	return sum;
}

static void node_child(struct pool_worker *me, struct pool_task *task)
{
	struct node *node;
	int which = 0;

	// the two records lie side by side: which is it?
	node = (struct node *)((char *)task - offsetof(struct node, part[0]));
	if (task->dropped) {
		node = (struct node *)((char *)task -
				       offsetof(struct node, part[1]));
		which = 1;
	}
	node->parts[which] = node_part(me, node, which);
}

static void never_dropped(struct pool_task *task)
{
	(void)task;
	abort();
}

static void node_run(struct pool_worker *me, struct pool_task *task)
{
	struct node *node = (struct node *)task;

	while (!all_submitted)
		sched_yield();
	for (int i = 0; i < 2; i++) {
		node->part[i] = (struct pool_task){ .run = node_child,
						    .dropped = i ? never_dropped
								 : NULL };
		pool_spawn(me, &node->part[i]);
	}
	sched_yield();
	for (int i = 1; i >= 0; i--)
		pool_sync(me, &node->part[i]);
	node->value = node->parts[0] * 3 + node->parts[1];
}

START_TEST(pool_graph)
{
	struct pool *pool = pool_made(kinds[_i / CREWS], crews[_i % CREWS],
				      NODES + 1);
	static struct node nodes[NODES];

	for (int seed = 0; seed < (soaking() ? 200 : 3); seed++) {
		uint32_t expected[NODES];
		struct random random = { seed };
		memset(nodes, 0, sizeof nodes);
		for (int n = 0; n < NODES; n++) {
			struct node *node = &nodes[n];
			*node = (struct node){ .task.run = node_run,
					       .all = nodes,
					       .number = n };
			for (int i = 0; i < 2 * EDGES && n; i++)
				node->edges[i / EDGES][i % EDGES] =
					(int)random_below(&random, n);
			uint32_t parts[2] = { node_part(NULL, node, 0),
					      node_part(NULL, node, 1) };
			expected[n] = node->value = parts[0] * 3 + parts[1];
		}
		for (int n = 0; n < NODES; n++)
			nodes[n].value = 0;
		// who is waited for comes last, and all before the first runs
		all_submitted = false;
		for (int n = NODES; n-- > 0;)
			ck_assert_int_eq(pool_submit(pool, &nodes[n].task), 0);
		all_submitted = true;
		for (int n = 0; n < NODES; n++) {
			ck_assert_int_eq(pool_wait(pool, NULL, &nodes[n].task),
					 0);
			ck_assert_uint_eq(nodes[n].value, expected[n]);
		}
	}
	pool_close(pool);
}
END_TEST

static void *square(struct pool_worker *me, void *argument)
{
	(void)me;
	*(int *)argument *= *(int *)argument;
	return argument;
}

static void *waiter(void *argument)
{
	struct pool_future *f = ((void **)argument)[1];
	void *value = NULL;

	return future_value(((void **)argument)[0], NULL, f, &value) ? NULL
								     : value;
}

// Eight threads wait for one value that comes after they sleep.
START_TEST(pool_future)
{
	struct pool *pool = pool_made(kinds[_i], 1, 0);
	struct pool_future f;
	struct gate gate;
	pthread_t threads[8];
	int number = 12;
	void *both[] = { pool, &f };

	gate_begin(pool, &gate);
	ck_assert_int_eq(future_begin(pool, &f, square, &number), 0);
	ck_assert(!pool_ended(&f.task));
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, waiter, both), 0);
	gate_end(pool, &gate);
	for (int i = 0; i < 8; i++) {
		void *value;
		pthread_join(threads[i], &value);
		ck_assert_ptr_eq(value, &number);
	}
	ck_assert_int_eq(number, 144);
	ck_assert(pool_ended(&f.task));
	pool_close(pool);
}
END_TEST

// --- the queue ------------------------------------------------------------------------

struct ticket {
	struct pool_task task;
	int *next, at;
};

static void ticket(struct pool_worker *me, struct pool_task *task)
{
	struct ticket *t = (struct ticket *)task;

	(void)me;
	t->at = (*t->next)++;
}

static void *submit_ticket(void *both)
{
	struct ticket *t = ((void **)both)[1];

	return pool_submit(((void **)both)[0], &t->task) ? NULL : t;
}

// Four fit; the fifth is refused, or waits for room; one worker runs all five,
// first come, first served.
START_TEST(pool_back_pressure)
{
	struct pool *pool = pool_made(kinds[_i], 1, 4);
	struct ticket tickets[6];
	struct gate gate;
	pthread_t thread;
	int next = 0;
	void *both[] = { pool, &tickets[4] }, *done;

	gate_begin(pool, &gate);
	for (int i = 0; i < 6; i++)
		tickets[i] = (struct ticket){ .task.run = ticket,
					      .next = &next };
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pool_try_submit(pool, &tickets[i].task), 0);
	ck_assert_int_eq(pool_try_submit(pool, &tickets[4].task), -EAGAIN);
	ck_assert_int_eq(pthread_create(&thread, NULL, submit_ticket, both), 0);
	await(pool_queue_now(pool).waits == 1);
	ck_assert_uint_eq(pool_queue_now(pool).length, 4);
	gate_end(pool, &gate);
	pthread_join(thread, &done);
	ck_assert_ptr_eq(done, &tickets[4]);
	ck_assert_int_eq(pool_wait(pool, NULL, &tickets[4].task), 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(tickets[i].at, i);
	ck_assert_uint_eq(pool_queue_now(pool).longest, 4);
	pool_close(pool);
}
END_TEST

struct overfill {
	struct pool_task task;
	struct mark marks[3];
	int errors[3];
};

static void overfill(struct pool_worker *me, struct pool_task *task)
{
	struct overfill *o = (struct overfill *)task;

	for (int i = 0; i < 3; i++) {
		o->marks[i].task.run = mark;
		o->errors[i] = pool_submit(pool_of(me), &o->marks[i].task);
	}
}

// A worker that waited for room might wait for itself.
START_TEST(pool_worker_never_waits_for_room)
{
	struct pool *pool = pool_made(kinds[_i], 1, 2);
	struct overfill o = { .task.run = overfill };

	ck_assert_int_eq(pool_run(pool, &o.task), 0);
	ck_assert_int_eq(o.errors[0], 0);
	ck_assert_int_eq(o.errors[1], 0);
	ck_assert_int_eq(o.errors[2], -EDEADLK);
	pool_close(pool);
	ck_assert_int_eq(o.marks[0].runs + o.marks[1].runs, 2);
	ck_assert_int_eq(o.marks[2].runs, 0);
}
END_TEST

static void add_core_tests(Suite *suite)
{
	TCase *tests = tcase_create("pool");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, pool_fib, 0, KINDS * CREWS);
	tcase_add_loop_test(tests, pool_sort, 0, KINDS * CREWS);
	tcase_add_loop_test(tests, pool_any_order, 0, KINDS * CREWS);
	tcase_add_loop_test(tests, pool_exactly_once, 0, KINDS);
	tcase_add_loop_test(tests, pool_graph, 0, KINDS * CREWS);
	tcase_add_loop_test(tests, pool_future, 0, KINDS);
	tcase_add_loop_test(tests, pool_back_pressure, 0, KINDS);
	tcase_add_loop_test(tests, pool_worker_never_waits_for_room, 0, KINDS);
	add_sleep_tests(tests);
	suite_add_tcase(suite, tests);
}

Suite *pool_suite(void)
{
	Suite *suite = suite_create("pool");

	add_core_tests(suite);
	add_deque_tests(suite);
	add_end_tests(suite);
	add_sum_tests(suite);
	return suite;
}
