// # Michael and Scott's queue
//
// Orders. A value travels by the link: its exchange releases, the load of the
// link in pop acquires. All that is done to head and tail is sequentially
// consistent, for hazard.h: a node is retired once the tail was seen to be beyond
// it and the head was moved beyond it, and who protects one asks head or tail
// again after he has said so.
//
// The node behind the head is protected, too, before it is read. It is one that
// nobody has retired if the head is still the same when that was said: nodes are
// retired in order, so the one behind the head never before the head.

#include "sync/lockfree/queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct queue_node {
	struct hazard_node hazard;
	void *_Atomic next;
	uintptr_t value; // written before the node is linked, never after
};

static void free_node(void *context, struct hazard_node *node)
{
	(void)context;
	free(node); // its first member
}

static struct queue_node *new_node(uintptr_t value)
{
	struct queue_node *node = malloc(sizeof *node);

	if (node) {
		atomic_init(&node->next, NULL);
		node->value = value;
	}
	return node;
}

int queue_init(struct queue *queue, size_t threads)
{
	struct queue_node *dummy = new_node(0);

	if (!dummy)
		return -ENOMEM;
	int error = hazard_init(&queue->hazard, threads, free_node, NULL);
	if (error) {
		free(dummy);
		return error;
	}
	atomic_init(&queue->head, dummy);
	atomic_init(&queue->tail, dummy);
	return 0;
}

void queue_destroy(struct queue *queue)
{
	struct queue_node *node = atomic_load_explicit(&queue->head,
						       memory_order_relaxed);

	while (node) {
		struct queue_node *next =
			atomic_load_explicit(&node->next, memory_order_relaxed);
		free(node);
		node = next;
	}
	hazard_destroy(&queue->hazard);
}

struct hazard_record *queue_join(struct queue *queue)
{
	return hazard_join(&queue->hazard);
}

static void swing_tail(struct queue *queue, struct queue_node *from,
		       struct queue_node *to)
{
	void *tail = from;

	atomic_compare_exchange_strong_explicit(&queue->tail, &tail, (void *)to,
						memory_order_seq_cst,
						memory_order_relaxed);
}

// Links the node behind the last one, which it returns, protected by 0.
static struct queue_node *link_last(struct queue *queue,
				    struct hazard_record *record,
				    struct queue_node *node)
{
	for (;;) {
		struct queue_node *tail = hazard_protect(record, 0,
							 &queue->tail);
		void *next = NULL;
		if (atomic_compare_exchange_strong_explicit(
			    &tail->next, &next, (void *)node,
			    memory_order_release, memory_order_acquire))
			return tail;
		swing_tail(queue, tail, next);
	}
}

int queue_link(struct queue *queue, struct hazard_record *record,
	       uintptr_t value)
{
	struct queue_node *node = new_node(value);

	if (!node)
		return -ENOMEM;
	link_last(queue, record, node);
	hazard_clear(record, 0);
	return 0;
}

int queue_push(struct queue *queue, struct hazard_record *record,
	       uintptr_t value)
{
	struct queue_node *node = new_node(value);

	if (!node)
		return -ENOMEM;
	swing_tail(queue, link_last(queue, record, node), node);
	hazard_clear(record, 0);
	return 0;
}

// One try. True: done, with *next the node whose value was taken (protected by
// 1) or NULL where the queue is empty.
static bool take_first(struct queue *queue, struct hazard_record *record,
		       struct queue_node **head, struct queue_node **next)
{
	*head = hazard_protect(record, 0, &queue->head);
	struct queue_node *tail = atomic_load_explicit(&queue->tail,
						       memory_order_seq_cst);
	*next = atomic_load_explicit(&(*head)->next, memory_order_acquire);
	hazard_set(record, 1, *next);
	void *again = atomic_load_explicit(&queue->head, memory_order_seq_cst);
	if (again != *head)
		return false;
	if (!*next)
		return true;
	if (*head == tail) {
		swing_tail(queue, tail, *next);
		return false;
	}
	return atomic_compare_exchange_strong_explicit(&queue->head, &again,
						       (void *)*next,
						       memory_order_seq_cst,
						       memory_order_relaxed);
}

int queue_pop(struct queue *queue, struct hazard_record *record,
	      uintptr_t *value)
{
	struct queue_node *head, *next;

	while (!take_first(queue, record, &head, &next))
		;
	if (next)
		*value = next->value;
	hazard_clear(record, 0);
	hazard_clear(record, 1);
	if (!next)
		return -EAGAIN;
	hazard_retire(record, &head->hazard);
	return 0;
}
