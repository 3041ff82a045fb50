// # Stopped in the middle
//
// One producer is stopped at the worst moment: with the mutex in its hand; with
// a cell that it has claimed and not filled; with a node that it has linked and
// not made the tail. Then another one pushes 2, and somebody pops. Lock-free is
// the one of which something comes: some thread always gets on, whoever stands
// still. (To be without a lock is not enough.)

#include <errno.h>
#include <pthread.h>

#include "lab.h"
#include "queues.h"
#include "scenes.h"

static int pop_now(struct any_queue *q, struct user *user)
{
	uintptr_t value = 0;

	return q->kind->pop(user, &value) ? 0 : (int)value;
}

void scene_stopped(void)
{
	struct any_queue *q = open_queue(&kinds[CELLS]);
	struct user user = enter(q);
	size_t position;

	must_zero(pthread_mutex_lock(&q->mutex));
	int error = pthread_mutex_trylock(&q->mutex);
	claim(error == EBUSY, "mutex: nobody comes in (EBUSY)");
	must_zero(pthread_mutex_unlock(&q->mutex));

	must_neg(ring_claim(&q->ring, &position));
	must_neg(ring_push(&q->ring, 2));
	int got = pop_now(q, &user);
	claim(got == 0, "ring of cells: 2 is in it, but nothing comes out");
	ring_fill(&q->ring, position, 1);
	got = pop_now(q, &user);
	claim(got == 1, "it goes on, and %d comes, and then 2", got);

	q->kind = &kinds[LIST];
	must_neg(queue_link(&q->queue, user.record, 1));
	must_neg(queue_push(&q->queue, user.record, 2));
	int first = pop_now(q, &user), second = pop_now(q, &user);
	claim(first == 1 && second == 2,
	      "list: %d and %d come out; others moved its tail", first, second);
	leave(&user);
	close_queue(q);
}
