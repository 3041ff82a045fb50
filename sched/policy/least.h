// least.h - what the policies share that pick the least of some number
//
// The shortest burst, the most urgent priority, the nearest deadline: the number
// differs and the rest is the same. The ready jobs are a heap by that number. Among
// equals who came first is first, and one that had to give way returns to the head
// of its equals.
//
// O(log n) a decision; 16 bytes a job, 20 with an index.

#ifndef SCHED_POLICY_LEAST_H
#define SCHED_POLICY_LEAST_H

#include "heap.h"
#include "policy.h"

struct least {
	const struct task *tasks;
	int64_t (*key)(const struct task *task);
	struct heap ready;
};

// For create; `indexed`: any ready job can be taken out (see heap.h). 0, -EINVAL
// or -ENOMEM.
int least_create(void **state, const struct task *tasks, size_t n,
		 int64_t (*key)(const struct task *task), bool indexed);
void least_destroy(void *state);

// Pick; the tick and rank of the preemptive ones: who is ready and has less takes
// the CPU. Arrive and wake add to the heap themselves, at its tail: there the number
// is read without a call, for each decision.
int least_pick(void *state, int cpu, int64_t now, int64_t *slice_ns);
bool least_give_way(void *state, int job, int64_t ran_ns, int64_t now,
		    int64_t *slice_ns);
int64_t least_rank(void *state, int job, int64_t now);

#endif
