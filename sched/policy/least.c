// least.c - the least of some number first, see least.h

#include <errno.h>
#include <stdlib.h>

#include "least.h"

int least_create(void **state, const struct task *tasks, size_t n,
		 int64_t (*key)(const struct task *task), bool indexed)
{
	struct least *l = malloc(sizeof *l);
	if (!l)
		return -ENOMEM;
	l->tasks = tasks;
	l->key = key;
	int error = heap_create(&l->ready, n, indexed);
	if (error)
		free(l);
	else
		*state = l;
	return error;
}

void least_destroy(void *state)
{
	struct least *l = state;

	if (l)
		heap_free(&l->ready);
	free(l);
}

int least_pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct least *l = state;

	(void)cpu, (void)now;
	if (!l->ready.count)
		return NOBODY;
	*slice_ns = NEVER;
	return heap_take(&l->ready);
}

bool least_give_way(void *state, int job, int64_t ran_ns, int64_t now,
		    int64_t *slice_ns)
{
	struct least *l = state;
	int64_t own = l->key(&l->tasks[job]);

	(void)ran_ns, (void)now;
	*slice_ns = NEVER;
	if (!l->ready.count || heap_key(&l->ready) >= own)
		return false;
	heap_add(&l->ready, job, own, HEAP_HEAD);
	return true;
}

int64_t least_rank(void *state, int job, int64_t now)
{
	const struct least *l = state;

	(void)now;
	return l->key(&l->tasks[job]);
}
