// # What a simulation needs, before it starts

#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sched/model/engine.h"

static_assert(sizeof(struct task) + sizeof(struct measure) + sizeof(uint32_t) +
			      sizeof(struct sleeper) + sizeof(int) ==
		      BYTES_A_JOB,
	      "simulate.h tells what a job costs");

// Large tables in huge pages, where the kernel has them: with a million jobs a
// third of the time would go to page faults. Freed by free(3).
static void *table_of(size_t n, size_t each)
{
	const size_t huge = 2 << 20;
	size_t bytes;

	if (__builtin_mul_overflow(n, each, &bytes) || bytes > PTRDIFF_MAX / 2)
		return NULL;
	if (bytes < 2 * huge)
		return malloc(bytes);
	bytes = (bytes + huge - 1) / huge * huge;
	void *table = aligned_alloc(huge, bytes);
	if (table)
		(void)madvise(table, bytes, MADV_HUGEPAGE);
	return table;
}

// Takes the jobs over, in one pass: a million of them are as many bytes as there
// are to read. Nothing is believed that could turn into a wrong index or an
// endless run. *waiters: how many jobs ever wait; *sorted: by arrival already.
static int take_jobs(struct engine *e, size_t *waiters, bool *sorted)
{
	const struct jobs *jobs = e->jobs;
	int64_t sum_ns = 0, before_ns = 0;

	*waiters = 0;
	*sorted = true;
	for (size_t i = 0; i < jobs->count; i++) {
		size_t from = jobs->first[i], to = jobs->first[i + 1];
		int64_t arrival_ns = jobs->tasks[i].arrival_ns;
		if (to <= from || (to - from) % 2 == 0 ||
		    to - from > UINT32_MAX || arrival_ns < 0)
			return -EINVAL;
		for (size_t k = from; k < to; k++)
			if (jobs->bursts_ns[k] < ((k - from) % 2 == 0))
				return -EINVAL;
			else if (__builtin_add_overflow(
					 sum_ns, jobs->bursts_ns[k], &sum_ns))
				return -EOVERFLOW;
		*waiters += to - from > 1;
		*sorted &= before_ns <= arrival_ns;
		before_ns = arrival_ns;
		e->tasks[i] = jobs->tasks[i];
		e->tasks[i].burst_ns = e->tasks[i].left_ns =
			jobs->bursts_ns[from];
	}
	return 0;
}

// Stable: among equal times the order of the file.
static int by_arrival(const void *a, const void *b, void *tasks)
{
	const struct task *task = tasks;
	int i = *(const int *)a, j = *(const int *)b;
	int64_t x = task[i].arrival_ns, y = task[j].arrival_ns;

	return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

static int sort_arrivals(struct engine *e)
{
	size_t n = e->jobs->count;

	e->order = malloc(n * sizeof *e->order);
	if (!e->order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		e->order[i] = (int)i;
	qsort_r(e->order, n, sizeof *e->order, by_arrival, e->tasks);
	return 0;
}

// Everybody idle, nobody ran yet.
static int make_cpus(struct engine *e)
{
	size_t leaves = 1, words = (e->cpus + 63) / 64;

	while (leaves < (size_t)e->cpus)
		leaves *= 2;
	e->leaves = (int)leaves;
	e->cpu = calloc(e->cpus, sizeof *e->cpu);
	e->event_ns = malloc(leaves * sizeof *e->event_ns);
	e->winner = malloc(2 * leaves * sizeof *e->winner);
	e->idle = calloc(words, sizeof *e->idle);
	if (!e->cpu || !e->event_ns || !e->winner || !e->idle)
		return -ENOMEM;
	for (int c = 0; c < e->cpus; c++) {
		e->cpu[c].job = e->cpu[c].last = NOBODY;
		e->cpu[c].left_at_ns = -1;
		e->idle[c / 64] |= UINT64_C(1) << c % 64;
	}
	for (size_t i = 0; i < leaves; i++) {
		e->event_ns[i] = NEVER;
		e->winner[leaves + i] = (int)i;
	}
	for (size_t i = leaves; i-- > 1;)
		e->winner[i] = e->winner[2 * i];
	return 0;
}

int engine_make(struct engine *e, const struct policy_settings *settings)
{
	size_t n = e->jobs->count, waiters;
	bool sorted;

	e->tasks = table_of(n, sizeof *e->tasks);
	e->history->measures = table_of(n, sizeof *e->history->measures);
	if (!e->tasks || !e->history->measures)
		return -ENOMEM;
	int error = take_jobs(e, &waiters, &sorted);
	if (!error && waiters) {
		e->phase = table_of(n, sizeof *e->phase);
		e->sleepers = table_of(waiters, sizeof *e->sleepers);
		if (!e->phase || !e->sleepers)
			return -ENOMEM;
	}
	if (!error && !sorted)
		error = sort_arrivals(e);
	if (!error)
		error = make_cpus(e);
	if (!error && e->simulation->section_count)
		error = locks_create(e);
	if (!error)
		error = e->policy->create(&e->state, settings, e->tasks, n);
	return error;
}

void engine_free(struct engine *e)
{
	locks_free(e->locks);
	free(e->idle);
	free(e->winner);
	free(e->event_ns);
	free(e->cpu);
	free(e->sleepers);
	free(e->order);
	free(e->phase);
	free(e->tasks);
}
