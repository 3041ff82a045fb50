// # One thread that says what is to be done
//
// epoll tells who is ready, and then the server does the work, a system call
// each. io_uring turns it round: the server hands in what it wants done (accept
// whoever comes; receive from this one; send to that one), and the kernel does
// it when it can and puts the result into a queue. So a client's life is a
// chain of completions, each of which hands in the next link:
//
//     accept ──▶ recv ──▶ send ──▶ recv ──▶ send ──▶ ... recv is 0 ──▶ close
//                  ▲        │
//                  └────────┘  part of it went: send the rest
//
// One request of a client is under way at any time, with its one buffer; so a
// client that does not read has a send that waits in the kernel, and nothing is
// received from it. No interest to switch, no EAGAIN, nothing to spin on. All
// requests of a turn are handed in by the same io_uring_enter(2) that waits for
// the next results: with many clients busy, far less than a call a message.
//
// The price is that the kernel has our buffers. A record may not be freed while
// its request is under way, and stopping means to get every request back first:
// the accept is cancelled, the connections are shut down (shutdown(2) ends what
// waits in them), and then we go on taking results until none is missing.
//
// An accept that stays (multishot, Linux 5.19) gives one result for each client
// that comes; where the kernel does not know it (EINVAL), or a limit on clients
// needs them one by one, it is asked for each time anew.
//
// Sources: io_uring(7), io_uring_enter(2), io_uring_prep_multishot_accept(3);
// Axboe, "Efficient IO with io_uring" (2019).

#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

// A result hands in one request at most, the word to stop two, the door one. So
// a turn takes results as long as ROOM places are free in the queue of REQUESTS.
// RESULTS is for a throng at the door; what does not fit the kernel keeps
// (IORING_FEAT_NODROP).
enum { REQUESTS = 256, RESULTS = 4096, ROOM = 4 };

struct client {
	struct client *before, *next;
	int fd;
	bool sending; // the request that is under way
	size_t begin, end;
	uint64_t number, bytes;
	char buffer[ECHO_BUFFER];
};

// Requests are known by an address: a client's record, or of these flags the one
// that says that the request is under way.
struct server {
	const struct echo_job *job;
	struct io_uring ring;
	struct client *clients;
	bool accepting, awaiting_stop, cancelling;
	bool multishot, stopping;
	size_t under_way; // requests whose last result has not come
	struct echo_rest rest;
	int error;
};

// ## Requests

// There is always a free place (see ROOM).
static struct io_uring_sqe *hand_in(struct server *s)
{
	s->under_way++;
	return io_uring_get_sqe(&s->ring);
}

static void ask_receive(struct server *s, struct client *c)
{
	struct io_uring_sqe *sqe = hand_in(s);

	c->sending = false;
	io_uring_prep_recv(sqe, c->fd, c->buffer, sizeof c->buffer, 0);
	io_uring_sqe_set_data(sqe, c);
}

static void ask_send(struct server *s, struct client *c)
{
	struct io_uring_sqe *sqe = hand_in(s);

	c->sending = true;
	io_uring_prep_send(sqe, c->fd, c->buffer + c->begin, c->end - c->begin,
			   MSG_NOSIGNAL);
	io_uring_sqe_set_data(sqe, c);
}

static void ask_accept(struct server *s)
{
	struct io_uring_sqe *sqe = hand_in(s);

	s->accepting = true;
	if (s->multishot)
		io_uring_prep_multishot_accept(sqe, s->job->listener, NULL,
					       NULL, SOCK_CLOEXEC);
	else
		io_uring_prep_accept(sqe, s->job->listener, NULL, NULL,
				     SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, &s->accepting);
}

static void ask_stop(struct server *s)
{
	struct io_uring_sqe *sqe = hand_in(s);

	s->awaiting_stop = true;
	io_uring_prep_poll_add(sqe, s->job->stop, POLLIN);
	io_uring_sqe_set_data(sqe, &s->awaiting_stop);
}

static void cancel(struct server *s, bool *whose)
{
	if (!*whose)
		return;
	struct io_uring_sqe *sqe = hand_in(s);
	io_uring_prep_cancel(sqe, whose, 0);
	io_uring_sqe_set_data(sqe, &s->cancelling);
}

// ## A client

static void begin_client(struct server *s, int fd)
{
	struct client *c = malloc(sizeof *c);
	uint64_t number = echo_began(s->job);

	if (!c) {
		close(fd);
		echo_ended(s->job, ENOMEM);
		return;
	}
	c->fd = fd;
	c->number = number;
	c->begin = c->end = c->bytes = 0;
	c->before = NULL;
	c->next = s->clients;
	if (c->next)
		c->next->before = c;
	s->clients = c;
	ask_receive(s, c);
}

static void end_client(struct server *s, struct client *c, int error)
{
	if (s->job->gone)
		s->job->gone(c->number, c->bytes, error);
	*(c->before ? &c->before->next : &s->clients) = c->next;
	if (c->next)
		c->next->before = c->before;
	close(c->fd);
	free(c);
	echo_ended(s->job, error);
	s->rest.until_ns = 0;
}

// The next link of the chain. A result is a count, or a negative errno.
static void client_done(struct server *s, struct client *c, int result)
{
	if (s->stopping) {
		end_client(s, c, 0);
		return;
	}
	if (result == -EINTR || result == -EAGAIN)
		result = 0;
	else if (result < 0 || (result == 0 && !c->sending)) {
		end_client(s, c, -result);
		return;
	}
	if (c->sending) {
		c->begin += result;
		c->bytes += result;
		echo_count(&s->job->counts->bytes, result);
	} else {
		c->begin = 0;
		c->end = result;
	}
	if (c->begin < c->end)
		ask_send(s, c);
	else
		ask_receive(s, c);
}

// ## The end

// Every request comes back now, with its result or with ECANCELED. shutdown(2)
// rather than a cancellation for each client: it works on every kernel, and on
// whatever waits in that connection.
static void begin_to_stop(struct server *s, int error)
{
	s->error = s->error ?: error;
	if (s->stopping)
		return;
	s->stopping = true;
	cancel(s, &s->accepting);
	cancel(s, &s->awaiting_stop);
	for (struct client *c = s->clients; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
}

// ## The loop

static void accept_done(struct server *s, int result)
{
	if (result >= 0 && s->stopping) {
		close(result);
	} else if (result >= 0) {
		begin_client(s, result);
	} else if (result == -EINVAL && s->multishot) {
		s->multishot = false;
	} else if (!s->stopping) {
		enum echo_trouble trouble = echo_trouble(-result);
		if (trouble == ECHO_REST)
			echo_rest_begin(&s->rest, s->job);
		if (trouble == ECHO_BROKEN)
			begin_to_stop(s, result);
	}
}

// A multishot request is done only with the result that has no F_MORE.
static void take_result(struct server *s, const struct io_uring_cqe *cqe)
{
	void *whose = io_uring_cqe_get_data(cqe);
	bool more = cqe->flags & IORING_CQE_F_MORE;

	s->under_way -= !more;
	if (whose == &s->accepting) {
		s->accepting = more;
		accept_done(s, cqe->res);
	} else if (whose == &s->awaiting_stop) {
		s->awaiting_stop = false;
		begin_to_stop(s, cqe->res < 0 && !s->stopping ? cqe->res : 0);
	} else if (whose != &s->cancelling) {
		client_done(s, whose, cqe->res);
	}
}

// Hands in all there is and sleeps until there is a result. Returns 0 or
// -errno: what a signal, a pause or a queue that is full for the moment ends is
// only a turn without results.
static int wait_for_results(struct server *s)
{
	struct io_uring_cqe *cqe;
	int pause_ms = echo_rest_ms(&s->rest);
	struct __kernel_timespec pause = {
		.tv_sec = pause_ms / 1000,
		.tv_nsec = pause_ms % 1000 * 1000000LL,
	};

	int n = io_uring_submit_and_wait_timeout(
		&s->ring, &cqe, 1, pause_ms == -1 ? NULL : &pause, NULL);
	if (n == -ETIME || n == -EINTR || n == -EAGAIN || n == -EBUSY)
		return 0;
	return n < 0 ? n : 0;
}

static int serve_until_stopped(struct server *s)
{
	struct io_uring_cqe *cqe;

	ask_stop(s);
	while (s->under_way > 0) {
		if (echo_rest_is_over(&s->rest))
			s->rest.until_ns = 0;
		if (!s->accepting && !s->stopping && s->rest.until_ns == 0 &&
		    !echo_is_full(s->job))
			ask_accept(s);
		int error = wait_for_results(s);
		if (error)
			return error;
		echo_count(&s->job->counts->turns, 1);
		while (io_uring_sq_space_left(&s->ring) >= ROOM &&
		       io_uring_peek_cqe(&s->ring, &cqe) == 0) {
			take_result(s, cqe);
			io_uring_cqe_seen(&s->ring, cqe);
		}
	}
	return s->error;
}

// What the newest kernels know makes it cheaper (see ipc/channel/uring.c); the
// others say EINVAL and get none of it.
static int open_ring(struct io_uring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = RESULTS,
	};

	int error = io_uring_queue_init_params(REQUESTS, ring, &params);
	if (error == -EINVAL) {
		params = (struct io_uring_params){
			.flags = IORING_SETUP_CQSIZE,
			.cq_entries = RESULTS,
		};
		error = io_uring_queue_init_params(REQUESTS, ring, &params);
	}
	return error;
}

// The listener is made blocking: to a request for a non-blocking descriptor the
// kernel says EAGAIN instead of keeping it until it can be done.
//
// The last loop finds clients only if the ring itself broke. Then the kernel
// may still write into their buffers: the connections go, the memory stays.
static int serve(const struct echo_job *job)
{
	struct server s = { .job = job, .multishot = job->most_clients == 0 };

	int error = open_ring(&s.ring);
	if (error)
		return error;
	error = echo_set_blocking(job->listener, true)
			?: serve_until_stopped(&s);
	io_uring_queue_exit(&s.ring);
	for (struct client *c = s.clients; c; c = c->next) {
		close(c->fd);
		echo_ended(job, ECANCELED);
	}
	return error;
}

// A ring that is closed is taken down a little later, by the kernel, which
// interrupts this process for it as a signal would: a recv(2) with MSG_WAITALL
// may then return less than all.
static int probe(char *why, size_t why_bytes)
{
	struct io_uring ring;

	int error = open_ring(&ring);
	if (!error) {
		io_uring_queue_exit(&ring);
		return 0;
	}
	const char *reason =
		error == -EPERM    ? "it is forbidden here: see sysctl "
				     "kernel.io_uring_disabled, or allow "
				     "io_uring_setup in the container's profile"
		: error == -ENOSYS ? "this kernel has none, or a container "
				     "hides it: it takes Linux 5.6"
		: error == -ENOMEM ? "it may not lock memory: raise ulimit -l"
				   : strerror(-error);
	snprintf(why, why_bytes, "io_uring: %s", reason);
	return error;
}

const struct echo_way echo_way_uring = {
	.name = "uring",
	.title = "one thread that tells io_uring what is to be done",
	.probe = probe,
	.serve = serve,
};
