// # shm-sem: a mailbox in shared memory, guarded by two semaphores
//
// The box for one message of shm_spin.c with Dijkstra's answer to the waiting:
// a semaphore is a number that is never below zero. P (sem_wait) takes one and
// sleeps while there is none; V (sem_post) puts one back and wakes a sleeper.
// Two of them count what there is of each kind, and whoever takes one makes one
// of the other: the bounded buffer with room for one.
//
//     empty = 1, full = 0         sender         receiver
//                                 P(empty)       P(full)
//                                 copy in        copy out
//                                 V(full)        V(empty)
//
// No mutex is needed: with one place, the two counts never let both sides in.
// A semaphore remembers: a V before the P is not lost, which is what tells it
// from a condition variable (shm_cond.c), which only wakes who waits now.
//
// The kernel's side is a futex (shm_futex.c): glibc counts in the word, enters
// the kernel in P only when the count is zero and in V only when somebody
// sleeps. POSIX promises that P and V synchronise memory (XBD 4.12), so the box
// needs no atomics: what was written before V is seen after P.
//
// End: a V(full) without a message. The receiver sets length back to 0 when it
// takes a message, so it finds 0 and knows; it gives that V back, for the next
// receive shall see the end as well. In the same way a receiver that closes
// does V(empty) with `gone` set. A peer that dies posts nothing: semaphores
// have no owner, and nobody could know. Then the wait is for ever.
//
// Price: two copies; two system calls a message when the other side sleeps,
// none otherwise. Sources: sem_overview(7), sem_init(3); Dijkstra, "Cooperating
// sequential processes" (EWD 123, 1965), 4.3.

#define _GNU_SOURCE
#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include "lane.h"

struct box {
	sem_t empty, full;
	uint32_t length;
	_Atomic uint32_t gone; // relaxed: V(empty) follows it, P(empty) comes
			       // before the look at it
	char bytes[];
};

static int open_boxes(struct channel *c)
{
	int error = lanes_open(c, sizeof(struct box) + c->largest_bytes);
	if (error)
		return error;
	for (int side = 0; side < 2; side++) {
		struct box *box = lanes_of(c, side);
		if (sem_init(&box->empty, 1, 1) == -1 ||
		    sem_init(&box->full, 1, 0) == -1) {
			error = errno;
			lanes_close(c);
			return -error;
		}
	}
	return 0;
}

static int take(sem_t *semaphore)
{
	while (sem_wait(semaphore) == -1)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int give(sem_t *semaphore)
{
	return sem_post(semaphore) == -1 ? -errno : 0;
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	struct box *box = lane_out(c);

	int error = take(&box->empty);
	if (error)
		return error;
	if (atomic_load_explicit(&box->gone, memory_order_relaxed)) {
		give(&box->empty);
		return -EPIPE;
	}
	memcpy(box->bytes, message, bytes);
	box->length = bytes;
	return give(&box->full);
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct box *box = lane_in(c);

	int error = take(&box->full);
	if (error)
		return error;
	uint32_t length = box->length;
	if (length == 0 || length > bytes) {
		error = give(&box->full);
		return error ? error : length ? -EMSGSIZE : 0;
	}
	memcpy(buffer, box->bytes, length);
	box->length = 0;
	error = give(&box->empty);
	return error ? error : (ssize_t)length;
}

static int finish(struct channel *c)
{
	struct box *box = lane_out(c);
	return give(&box->full);
}

static void close_boxes(struct channel *c)
{
	if (channel_has_side(c)) {
		struct box *box = lane_in(c);
		atomic_store_explicit(&box->gone, 1, memory_order_relaxed);
		give(&box->empty);
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_shm_sem = {
	.name = "shm-sem",
	.title = "shared memory and two POSIX semaphores",
	.when = "the simplest wait on shared memory; for ever if the peer dies",
	.meets = "name",
	.kind = CHANNEL_MESSAGE,
	.probe = lanes_probe,
	.open = open_boxes,
	.take_side = lanes_take_side,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_boxes,
};
