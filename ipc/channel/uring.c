// # uring: the bytes of a pipe, asked for through two queues
//
// A system call is a question and an answer at one counter. io_uring splits the
// two: the process writes requests into a queue that it shares with the kernel,
// the kernel writes results into another, and one io_uring_enter(2) may hand in
// any number of requests and wait for any number of results.
//
//              ┌──────── shared with the kernel ────────┐
//     send ──▶ │ SQ: write(fd, message, n)              │ ──▶ the kernel
//     res  ◀── │ CQ: n                                  │ ◀── when it is done
//              └────────────────────────────────────────┘
//
// Here it carries the same two pipes as pipe.c, one request and one result at a
// time. That is not what it is for, and it shows: a pipe read of a sleeping
// reader takes more steps this way (try, find nothing, ask to be called when
// there is something, sleep, be woken, try again) than a read(2) that sleeps in
// the pipe itself. It pays when one call hands in many requests, or waits for
// many descriptors. What the same job costs at one request a call is what this
// file is there to show.
//
// What was tried, and kept, with the CPU time of one side for a round trip of a
// byte, both on one CPU, Linux 6.18, a plain pipe 3.8 us: a ring that is told
// that one thread alone uses it and that may leave work until that thread next
// waits (IORING_SETUP_SINGLE_ISSUER | DEFER_TASKRUN, Linux 6.1): 5.1 instead of
// 5.9. A registered pipe or ring descriptor, which saves looking it up: no
// difference that could be told from chance, and a registered pipe would stay
// open after close(2). A socketpair for the pipes: 6.2. A kernel thread that
// polls the queue (SQPOLL) would take a CPU from one of the sides.
//
// So a ring belongs to a thread: each direction has its own, made when it is
// first used, by whoever uses it; and never before the fork, since parent and
// child would write into the same queues. Send from one thread, always the
// same, and receive from one.
//
// End and death: as with a pipe, when the last end is closed. But a request
// that waits in the kernel holds its pipe open, too. When a process is killed,
// a worker of the kernel takes its ring down a little later; until then the
// other's writes still go into the pipe, and only then fail with EPIPE.
//
// Price: one system call and one copy a side, more work in each. Sources:
// io_uring(7), io_uring_setup(2); Axboe, "Efficient IO with io_uring" (2019).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

enum { READ, WRITE, ENTRIES = 2, LARGEST_REQUEST = 1 << 30 };

struct queue {
	struct io_uring ring;
	bool open;
};

struct queues {
	struct queue out, in;
};

// The flags are newer than io_uring: a kernel that does not know them says
// EINVAL, and gets none.
static int open_queue(struct queue *queue)
{
	unsigned flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN;
	int error = io_uring_queue_init(ENTRIES, &queue->ring, flags);
	if (error == -EINVAL)
		error = io_uring_queue_init(ENTRIES, &queue->ring, 0);
	queue->open = !error;
	return error;
}

static void close_queue(struct queue *queue)
{
	if (queue->open)
		io_uring_queue_exit(&queue->ring);
	queue->open = false;
}

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	struct queue queue;
	int error = open_queue(&queue);
	if (!error) {
		close_queue(&queue);
		*limit_bytes = SIZE_MAX;
		return 0;
	}
	const char *reason =
		error == -EPERM ? "it is forbidden here (a container's seccomp "
				  "filter, or sysctl kernel.io_uring_disabled)"
		: error == -ENOSYS ? "this kernel has none, or hides it"
		: error == -ENOMEM ? "it may not lock memory (ulimit -l)"
				   : strerror(-error);
	snprintf(why, why_bytes, "io_uring: %s", reason);
	return error;
}

static int open_pipes(struct channel *c)
{
	int to_right[2], to_left[2];

	struct queues *queues = calloc(1, sizeof *queues);
	if (!queues)
		return -ENOMEM;
	int error = pipe2(to_right, O_CLOEXEC) == -1 ? errno : 0;
	if (!error && pipe2(to_left, O_CLOEXEC) == -1) {
		error = errno;
		close(to_right[READ]);
		close(to_right[WRITE]);
	}
	if (error) {
		free(queues);
		return -error;
	}
	channel_set_ends(c, CHANNEL_LEFT, to_left[READ], to_right[WRITE]);
	channel_set_ends(c, CHANNEL_RIGHT, to_right[READ], to_left[WRITE]);
	c->state = queues;
	return 0;
}

// Hands in the one request that lies in the queue and waits for its result. A
// signal may end the wait after the request was taken; then only the result is
// waited for.
static int ask(struct io_uring *ring)
{
	struct io_uring_cqe *done;
	int result;

	do
		result = io_uring_submit_and_wait(ring, 1);
	while (result == -EINTR);
	if (result < 0)
		return result;
	do
		result = io_uring_wait_cqe(ring, &done);
	while (result == -EINTR);
	if (result < 0)
		return result;
	result = done->res;
	io_uring_cqe_seen(ring, done);
	return result;
}

static int send_bytes(struct channel *c, const void *message, size_t bytes)
{
	struct queue *queue = &((struct queues *)c->state)->out;
	const char *at = message;
	int error = queue->open ? 0 : open_queue(queue);

	while (!error && bytes > 0) {
		unsigned part = bytes < LARGEST_REQUEST ? bytes
							: LARGEST_REQUEST;
		struct io_uring_sqe *request = io_uring_get_sqe(&queue->ring);
		io_uring_prep_write(request, c->out, at, part, -1);
		int n = ask(&queue->ring);
		if (n < 0 && n != -EINTR)
			error = n;
		if (n > 0) {
			at += n;
			bytes -= n;
		}
	}
	return error;
}

static ssize_t receive_bytes(struct channel *c, void *buffer, size_t bytes)
{
	struct queue *queue = &((struct queues *)c->state)->in;
	unsigned part = bytes < LARGEST_REQUEST ? bytes : LARGEST_REQUEST;
	int n = queue->open ? 0 : open_queue(queue);

	if (n < 0)
		return n;
	do {
		struct io_uring_sqe *request = io_uring_get_sqe(&queue->ring);
		io_uring_prep_read(request, c->in, buffer, part, -1);
		n = ask(&queue->ring);
	} while (n == -EINTR);
	return n;
}

static int finish(struct channel *c)
{
	if (c->out != -1)
		close(c->out);
	c->out = -1;
	return 0;
}

static void close_queues(struct channel *c)
{
	struct queues *queues = c->state;
	close_queue(&queues->out);
	close_queue(&queues->in);
	free(queues);
}

const struct mechanism mechanism_uring = {
	.name = "uring",
	.title = "io_uring: a pipe's reads and writes through shared queues",
	.when = "many requests a system call; one at a time it is just a pipe",
	.meets = "inherited",
	.kind = CHANNEL_STREAM,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_pipes,
	.send = send_bytes,
	.receive = receive_bytes,
	.finish = finish,
	.close = close_queues,
};
