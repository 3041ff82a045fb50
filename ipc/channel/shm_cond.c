// # shm-cond: a mailbox in shared memory, a mutex and a condition variable
//
// The box for one message of shm_spin.c as a monitor: the mutex lets one side
// in at a time, the condition variable is where it waits, inside, for the other
// to change something.
//
//     sender                                  receiver
//     lock                                    lock
//     while (full) wait                       while (empty) wait
//     copy in, full                           copy out, empty
//     unlock, signal                          unlock, signal
//
// wait gives the mutex back and sleeps in one step, and has the mutex again
// when it returns: no signal falls between. It stands in a `while`, because
// being woken is no promise: it may come from nowhere (POSIX allows it), and
// the condition must hold when the mutex is ours again. A signal that nobody
// waits for is forgotten; the truth is in `length`, not in the signal. One
// condition variable serves both: never do both sides wait on the same box. We
// signal after unlocking; inside, the woken side would run into the locked
// mutex.
//
// Both objects are PTHREAD_PROCESS_SHARED, and the mutex is robust: the thread
// that holds it is on a list that the kernel walks when the thread dies, and
// the next to lock gets EOWNERDEAD. What a monitor guards may then be half
// done: we say -EPIPE and do not repair (without pthread_mutex_consistent all
// later locks fail too). It covers only a death inside the monitor. A peer that
// dies elsewhere is never missed: the wait is for ever. Nor is a condition
// variable robust: one killed inside wait stays in its books, and with glibc
// 2.36 a later signal may wait for it, for ever.
//
// Price: two copies; lock and unlock stay in user space while they do not
// collide, so it is the two system calls of a sleep and a wake-up, as with the
// futex below it, and some more bookkeeping. Sources:
// pthread_mutexattr_setrobust(3), POSIX.1-2017 pthread_cond_wait; Hoare,
// "Monitors", CACM 17 (1974); Lampson & Redell, "Experience with Processes and
// Monitors in Mesa", CACM 23 (1980): `while`.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lane.h"

struct box {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint32_t length; // 0: empty. This and all below under the mutex
	bool ended, gone;
	char bytes[];
};

static int init_box(struct box *box, const pthread_mutexattr_t *mutex,
		    const pthread_condattr_t *cond)
{
	int error = pthread_mutex_init(&box->mutex, mutex);
	return error ? error : pthread_cond_init(&box->changed, cond);
}

static int set_attributes(pthread_mutexattr_t *mutex, pthread_condattr_t *cond)
{
	int error = pthread_mutexattr_setpshared(mutex, PTHREAD_PROCESS_SHARED);
	if (!error)
		error = pthread_mutexattr_setrobust(mutex,
						    PTHREAD_MUTEX_ROBUST);
	if (!error)
		error = pthread_condattr_setpshared(cond,
						    PTHREAD_PROCESS_SHARED);
	return error;
}

static int init_boxes(struct channel *c)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	int error = pthread_mutexattr_init(&mutex);
	if (error)
		return error;
	error = pthread_condattr_init(&cond);
	if (!error) {
		error = set_attributes(&mutex, &cond);
		for (int side = 0; side < 2 && !error; side++)
			error = init_box(lanes_of(c, side), &mutex, &cond);
		pthread_condattr_destroy(&cond);
	}
	pthread_mutexattr_destroy(&mutex);
	return error;
}

static int open_boxes(struct channel *c)
{
	int error = lanes_open(c, sizeof(struct box) + c->largest_bytes);
	if (error)
		return error;
	error = init_boxes(c);
	if (error)
		lanes_close(c);
	return -error;
}

// Into the monitor, and what a wait inside it says. With EOWNERDEAD the mutex
// is ours, and giving it back as it is makes it unusable for ever.
static int inside(struct box *box, int error)
{
	if (error == EOWNERDEAD)
		pthread_mutex_unlock(&box->mutex);
	return error == EOWNERDEAD || error == ENOTRECOVERABLE ? -EPIPE
							       : -error;
}

static int enter(struct box *box)
{
	return inside(box, pthread_mutex_lock(&box->mutex));
}

static int wait_inside(struct box *box)
{
	return inside(box, pthread_cond_wait(&box->changed, &box->mutex));
}

static int leave(struct box *box)
{
	int error = pthread_mutex_unlock(&box->mutex);
	return -(error ? error : pthread_cond_signal(&box->changed));
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	struct box *box = lane_out(c);

	int error = enter(box);
	while (!error && box->length != 0 && !box->gone)
		error = wait_inside(box);
	if (error)
		return error;
	bool gone = box->gone;
	if (!gone) {
		memcpy(box->bytes, message, bytes);
		box->length = bytes;
	}
	error = leave(box);
	return gone ? -EPIPE : error;
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct box *box = lane_in(c);

	int error = enter(box);
	while (!error && box->length == 0 && !box->ended)
		error = wait_inside(box);
	if (error)
		return error;
	uint32_t length = box->length;
	if (length <= bytes) {
		memcpy(buffer, box->bytes, length);
		box->length = 0;
	}
	error = leave(box);
	return error ? error : length <= bytes ? (ssize_t)length : -EMSGSIZE;
}

static int finish(struct channel *c)
{
	struct box *box = lane_out(c);

	int error = enter(box);
	if (error)
		return error;
	box->ended = true;
	return leave(box);
}

static void close_boxes(struct channel *c)
{
	if (channel_has_side(c)) {
		struct box *box = lane_in(c);
		if (!enter(box)) {
			box->gone = true;
			leave(box);
		}
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_shm_cond = {
	.name = "shm-cond",
	.title = "shared memory, a mutex and a condition variable",
	.when = "shared state, many conditions; most deaths go unnoticed",
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
