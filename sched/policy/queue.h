// queue.h - first in, first out, through an array of indices
//
// A job is in one queue at most, so one `next` for each job serves any number
// of queues: no memory is asked for while the scheduler runs. This is the list
// of the textbook's process control blocks, with numbers in place of pointers:
// half the bytes, and nothing to relocate. Every operation is O(1).

#ifndef SCHED_POLICY_QUEUE_H
#define SCHED_POLICY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct queue {
	int32_t first, last; // job + 1; 0: none. All zeros is an empty queue.
};

static inline bool queue_empty(const struct queue *queue)
{
	return !queue->first;
}

static inline void queue_append(struct queue *queue, int32_t *next, int job)
{
	if (queue->first)
		next[queue->last - 1] = job + 1;
	else
		queue->first = job + 1;
	next[job] = 0;
	queue->last = job + 1;
}

static inline void queue_prepend(struct queue *queue, int32_t *next, int job)
{
	if (!queue->first)
		queue->last = job + 1;
	next[job] = queue->first;
	queue->first = job + 1;
}

// Puts `job` right behind `place`, which is in the queue.
static inline void queue_insert(struct queue *queue, int32_t *next, int place,
				int job)
{
	if (queue->last == place + 1)
		queue->last = job + 1;
	next[job] = next[place];
	next[place] = job + 1;
}

// The first one leaves; the queue must not be empty.
static inline int queue_take(struct queue *queue, const int32_t *next)
{
	int job = queue->first - 1;

	queue->first = next[job];
	return job;
}

// All of `from`, in its order, goes behind the last of `queue`.
static inline void queue_join(struct queue *queue, int32_t *next,
			      struct queue *from)
{
	if (!from->first)
		return;
	if (queue->first)
		next[queue->last - 1] = from->first;
	else
		queue->first = from->first;
	queue->last = from->last;
	from->first = 0;
}

#endif
