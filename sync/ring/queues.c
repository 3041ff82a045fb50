// # Three queues
//
// With a mutex; the bounded ring of cells with sequence numbers; Michael and
// Scott's list with hazard pointers.

#include "queues.h"

#include <errno.h>
#include <stdlib.h>

#include "lab.h"

static int mutex_push(const struct user *user, uintptr_t value)
{
	struct any_queue *q = user->q;

	must_zero(pthread_mutex_lock(&q->mutex));
	int error = q->head - q->tail == CAPACITY ? -EAGAIN : 0;
	if (!error)
		q->values[q->head++ % CAPACITY] = value;
	must_zero(pthread_mutex_unlock(&q->mutex));
	return error;
}

static int mutex_pop(const struct user *user, uintptr_t *value)
{
	struct any_queue *q = user->q;

	must_zero(pthread_mutex_lock(&q->mutex));
	int error = q->head == q->tail ? -EAGAIN : 0;
	if (!error)
		*value = q->values[q->tail++ % CAPACITY];
	must_zero(pthread_mutex_unlock(&q->mutex));
	return error;
}

static int cells_push(const struct user *user, uintptr_t value)
{
	return ring_push(&user->q->ring, value);
}

static int cells_pop(const struct user *user, uintptr_t *value)
{
	return ring_pop(&user->q->ring, value);
}

static int list_push(const struct user *user, uintptr_t value)
{
	return must_neg(queue_push(&user->q->queue, user->record, value));
}

static int list_pop(const struct user *user, uintptr_t *value)
{
	return queue_pop(&user->q->queue, user->record, value);
}

const struct kind kinds[KINDS] = {
	[WITH_MUTEX] = { "mutex", "mutex", 'm', mutex_push, mutex_pop },
	[CELLS] = { "ring of cells", "ring", 'r', cells_push, cells_pop },
	[LIST] = { "list with hazard pointers", "list", 'l', list_push, list_pop },
};

struct any_queue *open_queue(const struct kind *kind)
{
	struct any_queue *q = must_ptr(aligned_alloc(64, sizeof *q));

	q->kind = kind;
	q->head = q->tail = 0;
	must_zero(pthread_mutex_init(&q->mutex, NULL));
	must_neg(ring_init(&q->ring, CAPACITY));
	must_neg(queue_init(&q->queue, CROWD));
	return q;
}

void close_queue(struct any_queue *q)
{
	ring_destroy(&q->ring);
	queue_destroy(&q->queue);
	must_zero(pthread_mutex_destroy(&q->mutex));
	free(q);
}

struct user enter(struct any_queue *q)
{
	return (struct user){ q, must_ptr(queue_join(&q->queue)) };
}

void leave(const struct user *user)
{
	hazard_leave(user->record);
}
