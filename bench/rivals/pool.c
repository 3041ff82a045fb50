// # threads/pool against OpenMP's tasks
//
// OpenMP is what a C programmer has at hand: gcc's libgomp (clang's libomp, when
// this is built with CC=clang). The same functions, the same cutoff below which
// a function calls itself and makes no task, the same number of threads: as many
// as there are CPUs. Between two measurements all sleep: libgomp's threads go on
// spinning for some milliseconds after their work.
//
//   fib(35), cut at 20   1,596 tasks of some 18,000 calls each
//   fib(35), cut at 10   121,392 tasks of some 177 calls
//   fib(30), no cutoff   1.3 million tasks of one call: the price of a task.
//                        With `long` as argument fib(35), 15 million tasks
//   quicksort            a million numbers, cut at 1,000
//   empty, alone         a hundred tasks of nothing at a time, then waits for
//                        them; one thread
//   empty, each          the same on every CPU, each its own
//
// libraries: -fopenmp

#define _GNU_SOURCE
#include <omp.h>
#include <string.h>
#include <time.h>

#include "bench/rivals/rivals.h"
#include "lib/clock.h"
#include "lib/cpu.h"
#include "lib/random.h"
#include "threads/pool/pool.h"

enum { EMPTY = 100, BATCHES = 10000, NUMBERS = 1000000, SORT_CUT = 1000 };

static struct pool *pool, *single;
static int cpus;

static void settle(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

// ## Fibonacci

struct fib_job {
	int n, cut;
	long tasks; // to divide by
};

static long fib_alone(int n)
{
	return n < 2 ? n : fib_alone(n - 1) + fib_alone(n - 2);
}

static long fib_theirs(int n, int cut)
{
	long a, b;

	if (n < 2 || n < cut)
		return fib_alone(n);
#pragma omp task shared(a) firstprivate(n, cut)
	a = fib_theirs(n - 1, cut);
	b = fib_theirs(n - 2, cut);
#pragma omp taskwait
	return a + b;
}

struct fib {
	struct pool_task task;
	int n, cut;
	long result;
};

static void fib_run(struct pool_worker *me, struct pool_task *task);

static long fib_ours(struct pool_worker *me, int n, int cut)
{
	if (n < 2 || n < cut)
		return fib_alone(n);
	struct fib a = { .task.run = fib_run, .n = n - 1, .cut = cut };
	pool_spawn(me, &a.task);
	long b = fib_ours(me, n - 2, cut);
	pool_sync(me, &a.task);
	return a.result + b;
}

static void fib_run(struct pool_worker *me, struct pool_task *task)
{
	struct fib *f = (struct fib *)task;

	f->result = fib_ours(me, f->n, f->cut);
}

static void check(bool right)
{
	if (!right) {
		fprintf(stderr, "a wrong result\n");
		exit(1);
	}
}

static double time_fib_theirs(void *argument)
{
	const struct fib_job *job = argument;
	long result = 0;

	settle();
	int64_t begin = now_ns();
#pragma omp parallel num_threads(cpus)
#pragma omp single
	result = fib_theirs(job->n, job->cut);
	int64_t end = now_ns();
	check(result == fib_alone(job->n));
	return (double)(end - begin) / job->tasks;
}

static double time_fib_ours(void *argument)
{
	const struct fib_job *job = argument;
	struct fib f = { .task.run = fib_run, .n = job->n, .cut = job->cut };

	settle();
	int64_t begin = now_ns();
	must_neg(pool_run(pool, &f.task));
	int64_t end = now_ns();
	check(f.result == fib_alone(job->n));
	return (double)(end - begin) / job->tasks;
}

// F(n + 1 - cut ...): how many calls make a task.
static long count_tasks(int n, int cut)
{
	if (n < 2 || n < cut)
		return 0;
	return 1 + count_tasks(n - 1, cut) + count_tasks(n - 2, cut);
}

// ## Quicksort

static int numbers[NUMBERS], unsorted[NUMBERS];

// Moves what is smaller to the front; returns where the rest begins.
static int *split(int *from, int *to)
{
	int pivot = from[(to - from) / 2], *i = from, *j = to;

	for (;;) {
		while (*i < pivot)
			i++;
		do
			j--;
		while (*j > pivot);
		if (i >= j)
			return i;
		int swap = *i;
		*i++ = *j;
		*j = swap;
	}
}

static void sort_alone(int *from, int *to)
{
	while (to - from > 1) {
		int *middle = split(from, to);
		sort_alone(from, middle);
		from = middle;
	}
}

static void sort_theirs(int *from, int *to)
{
	if (to - from < SORT_CUT) {
		sort_alone(from, to);
		return;
	}
	int *middle = split(from, to);
#pragma omp task firstprivate(from, middle)
	sort_theirs(from, middle);
	sort_theirs(middle, to);
#pragma omp taskwait
}

struct sort {
	struct pool_task task;
	int *from, *to;
};

static void sort_run(struct pool_worker *me, struct pool_task *task);

static void sort_ours(struct pool_worker *me, int *from, int *to)
{
	if (to - from < SORT_CUT) {
		sort_alone(from, to);
		return;
	}
	int *middle = split(from, to);
	struct sort low = { .task.run = sort_run, .from = from, .to = middle };
	pool_spawn(me, &low.task);
	sort_ours(me, middle, to);
	pool_sync(me, &low.task);
}

static void sort_run(struct pool_worker *me, struct pool_task *task)
{
	struct sort *s = (struct sort *)task;

	sort_ours(me, s->from, s->to);
}

static void check_sorted(void)
{
	for (int i = 1; i < NUMBERS; i++)
		check(numbers[i - 1] <= numbers[i]);
}

static double time_sort_theirs(void *argument)
{
	(void)argument;
	memcpy(numbers, unsorted, sizeof numbers);
	settle();
	int64_t begin = now_ns();
#pragma omp parallel num_threads(cpus)
#pragma omp single
	sort_theirs(numbers, numbers + NUMBERS);
	int64_t end = now_ns();
	check_sorted();
	return (double)(end - begin) / 1e6;
}

static double time_sort_ours(void *argument)
{
	struct sort s = { .task.run = sort_run,
			  .from = numbers,
			  .to = numbers + NUMBERS };

	(void)argument;
	memcpy(numbers, unsorted, sizeof numbers);
	settle();
	int64_t begin = now_ns();
	must_neg(pool_run(pool, &s.task));
	int64_t end = now_ns();
	check_sorted();
	return (double)(end - begin) / 1e6;
}

// ## Nothing
//
// `argument` points to how many threads do it.

static void empty_theirs(void)
{
	for (int batch = 0; batch < BATCHES; batch++) {
		for (int i = 0; i < EMPTY; i++) {
#pragma omp task
			__asm__ volatile("");
		}
#pragma omp taskwait
	}
}

static void nothing(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	(void)task;
	__asm__ volatile("");
}

static void empty_ours(struct pool_worker *me, struct pool_task *task)
{
	struct pool_task tasks[EMPTY];

	(void)task;
	for (int batch = 0; batch < BATCHES; batch++) {
		for (int i = 0; i < EMPTY; i++) {
			tasks[i] = (struct pool_task){ .run = nothing };
			pool_spawn(me, &tasks[i]);
		}
		for (int i = EMPTY - 1; i >= 0; i--)
			pool_sync(me, &tasks[i]);
	}
}

// Of CPU time: so many threads, each so many tasks.
static double time_empty_theirs(void *threads)
{
	settle();
	int64_t begin = now_ns();
#pragma omp parallel num_threads(*(int *)threads)
	empty_theirs();
	return (double)(now_ns() - begin) / (BATCHES * EMPTY);
}

static double time_empty_ours(void *threads)
{
	int n = *(int *)threads;
	struct pool *those = n == 1 ? single : pool;
	struct pool_task *roots = must_ptr(calloc(n, sizeof *roots));

	settle();
	int64_t begin = now_ns();
	for (int i = 0; i < n; i++) {
		roots[i].run = empty_ours;
		must_neg(pool_submit(those, &roots[i]));
	}
	for (int i = 0; i < n; i++)
		must_neg(pool_wait(those, NULL, &roots[i]));
	double ns = (double)(now_ns() - begin) / (BATCHES * EMPTY);
	free(roots);
	return ns;
}

// What the hardware wants for the exchange in deque_take, alone: the floor.
static double exchange_ns(void)
{
	enum { TIMES = 1000000 };
	static _Atomic long word;
	double best = 1e9;

	for (int round = 0; round < 10; round++) {
		int64_t begin = now_ns();
		for (int i = 0; i < TIMES; i++)
			atomic_store(&word, i);
		double ns = (double)(now_ns() - begin) / TIMES;
		best = ns < best ? ns : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	struct rivals tasks = { .rounds = 15, .of = "ns a task" };
	struct rivals times = { .rounds = 20, .of = "ms" };
	struct topology topology;
	struct random random = { 1 };
	bool is_long = argc > 1 && !strcmp(argv[1], "long");
	struct fib_job jobs[] = { { 35, 20, 0 }, { 35, 10, 0 }, { 30, 0, 0 } };
	static const char *const names[] = { "fib(35), cut at 20",
					     "fib(35), cut at 10",
					     "fib(30), no cutoff" };

	must_neg(topology_read(&topology));
	cpus = (int)topology.count;
	topology_free(&topology);
	must_neg(pool_open(&pool, &(struct pool_options){ .workers = cpus }));
	must_neg(pool_open(&single, &(struct pool_options){ .workers = 1 }));
	for (int i = 0; i < NUMBERS; i++)
		unsorted[i] = (int)random_below(&random, 1 << 30);

	printf("threads/pool and OpenMP tasks, %d threads\n", cpus);
	for (int i = 0; i < 3; i++) {
		jobs[i].tasks = count_tasks(jobs[i].n, jobs[i].cut);
		rivals_line(&tasks, names[i], "OpenMP", 1, time_fib_theirs,
			    time_fib_ours, &jobs[i]);
	}
	if (is_long) {
		struct fib_job job = { 35, 0, count_tasks(35, 0) };
		tasks.rounds = 6;
		rivals_line(&tasks, "fib(35), no cutoff", "OpenMP", 1,
			    time_fib_theirs, time_fib_ours, &job);
	}
	int one = 1;
	rivals_line(&tasks, "empty, alone", "OpenMP", 1, time_empty_theirs,
		    time_empty_ours, &one);
	rivals_line(&tasks, "empty, each", "OpenMP", 1, time_empty_theirs,
		    time_empty_ours, &cpus);
	printf("\n");
	rivals_line(&times, "quicksort, 1,000,000", "OpenMP", 1,
		    time_sort_theirs, time_sort_ours, NULL);

	double best = 1e9;
	for (int i = 0; i < 15; i++) {
		double ns = time_empty_ours(&one);
		best = ns < best ? ns : best;
	}
	double floor = exchange_ns();
	printf("\nempty tasks, best of 15: %.1f ns, %.0f million a second and "
	       "core;\nan exchange with memory alone, of which each takes one: "
	       "%.1f ns\n",
	       best, 1e3 / best, floor);
	pool_close(single);
	pool_close(pool);
	return tasks.dearer || times.dearer || best > 100;
}
