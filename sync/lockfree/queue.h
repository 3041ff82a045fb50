// queue.h - Michael and Scott's queue, with hazard pointers
//
// Michael & Scott, "Simple, Fast, and Practical Non-Blocking and Blocking
// Concurrent Queue Algorithms", PODC 1996. A list with a head and a tail. The
// node at the head is a dummy whose value has been taken; the first value is in
// the node behind it. To append takes two exchanges: the last node's link, then
// the tail. In between the tail is one behind, and whoever finds it so pushes it
// on for the other: so a thread that is stopped there is in nobody's way. That is
// what lock-free means: some thread always gets on.
//
// Unbounded. Values are the caller's words. Any number of threads may call these,
// each with a record of its own (queue_join); first in, first out.

#ifndef SYNC_LOCKFREE_QUEUE_H
#define SYNC_LOCKFREE_QUEUE_H

#include <stdint.h>

#include "sync/lockfree/hazard.h"

struct queue_node;

struct queue {
	_Alignas(64) void *_Atomic head; // queue_nodes
	_Alignas(64) void *_Atomic tail;
	struct hazard hazard;
};

// For at most `threads` threads at a time. 0, -EINVAL or -ENOMEM. queue_destroy
// frees all nodes, when nobody uses it any more.
int queue_init(struct queue *queue, size_t threads);
void queue_destroy(struct queue *queue);

// A record for the calling thread (hazard_leave gives it back); NULL: none left.
struct hazard_record *queue_join(struct queue *queue);

// 0 or -ENOMEM. What a thread did before push is seen by who pops the value.
int queue_push(struct queue *queue, struct hazard_record *record,
	       uintptr_t value);

// 0, or -EAGAIN where the queue is empty.
int queue_pop(struct queue *queue, struct hazard_record *record,
	      uintptr_t *value);

// The first half of a push: the node is linked, the tail still behind it. For
// who wants to see that the others go on. 0 or -ENOMEM.
int queue_link(struct queue *queue, struct hazard_record *record,
	       uintptr_t value);

#endif
