// pool_parts.h - what the files of the suite pool share

#ifndef POOL_PARTS_H
#define POOL_PARTS_H

#include "labs.h"
#include "threads/pool/pool.h"

// How many of something a test does: `few` where a sanitizer makes all slow.
#ifdef OSLAB_SANITIZED
#define MANY(many, few) (few)
#else
#define MANY(many, few) (many)
#endif

// Each kind, for tests that are played with both.
static const enum pool_kind kinds[] = { POOL_STEALING, POOL_SHARED };
enum { KINDS = 2 };

// A pool, or the test fails. Capacity 0: the default.
struct pool *pool_made(enum pool_kind kind, int workers, size_t capacity);

// A task that says when it has begun and ends when it is let.
struct gate {
	struct pool_task task;
	_Atomic int begun, open;
};
void gate_run(struct pool_worker *me, struct pool_task *task);
void gate_begin(struct pool *pool, struct gate *gate); // and has begun
void gate_end(struct pool *pool, struct gate *gate);   // and has ended

// The n-th Fibonacci number, a task for each call.
struct fib {
	struct pool_task task;
	int n;
	long result;
};
void fib(struct pool_worker *me, struct pool_task *task);

// Threads of this process.
int thread_count(void);

void add_sleep_tests(TCase *tests);
void add_deque_tests(Suite *suite);
void add_end_tests(Suite *suite);
void add_sum_tests(Suite *suite);

#endif
