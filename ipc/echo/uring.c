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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uring.h"

// ## A client

static void begin_client(struct uring_server *s, int fd)
{
	struct echo_client *c = malloc(sizeof *c);

	if (!c) {
		close(fd);
		echo_began(s->job);
		echo_ended(s->job, ENOMEM);
		return;
	}
	echo_client_begin(s->job, &s->clients, c, fd);
	uring_ask_receive(s, c);
}

static void end_client(struct uring_server *s, struct echo_client *c, int error)
{
	echo_client_end(s->job, &s->clients, c, error);
	s->rest.until_ns = 0;
}

// The next link of the chain. A result is a count, or a negative errno.
static void client_done(struct uring_server *s, struct echo_client *c,
			int result)
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
		echo_client_sent(s->job, c, result);
	} else {
		c->begin = 0;
		c->end = result;
	}
	if (c->begin < c->end)
		uring_ask_send(s, c);
	else
		uring_ask_receive(s, c);
}

// ## The end

// Every request comes back now, with its result or with ECANCELED. shutdown(2)
// rather than a cancellation for each client: it works on every kernel, and on
// whatever waits in that connection.
static void begin_to_stop(struct uring_server *s, int error)
{
	s->error = s->error ?: error;
	if (s->stopping)
		return;
	s->stopping = true;
	uring_cancel(s, &s->accepting);
	uring_cancel(s, &s->awaiting_stop);
	for (struct echo_client *c = s->clients; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
}

// ## The loop

static void accept_done(struct uring_server *s, int result)
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
static void take_result(struct uring_server *s, const struct io_uring_cqe *cqe)
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
static int wait_for_results(struct uring_server *s)
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

static int serve_until_stopped(struct uring_server *s)
{
	struct io_uring_cqe *cqe;

	uring_ask_stop(s);
	while (s->under_way > 0) {
		if (echo_rest_is_over(&s->rest))
			s->rest.until_ns = 0;
		if (!s->accepting && !s->stopping && s->rest.until_ns == 0 &&
		    !echo_is_full(s->job))
			uring_ask_accept(s);
		int error = wait_for_results(s);
		if (error)
			return error;
		echo_count(&s->job->counts->turns, 1);
		while (io_uring_sq_space_left(&s->ring) >= URING_ROOM &&
		       io_uring_peek_cqe(&s->ring, &cqe) == 0) {
			take_result(s, cqe);
			io_uring_cqe_seen(&s->ring, cqe);
		}
	}
	return s->error;
}

// The listener is made blocking: to a request for a non-blocking descriptor the
// kernel says EAGAIN instead of keeping it until it can be done.
//
// The last loop finds clients only if the ring itself broke. Then the kernel
// may still write into their buffers: the connections go, the memory stays.
static int serve(const struct echo_job *job)
{
	struct uring_server s = { .job = job,
				  .multishot = job->most_clients == 0 };

	int error = echo_uring_open(&s.ring);
	if (error)
		return error;
	error = echo_set_blocking(job->listener, true)
			?: serve_until_stopped(&s);
	io_uring_queue_exit(&s.ring);
	for (struct echo_client *c = s.clients; c; c = c->next) {
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

	int error = echo_uring_open(&ring);
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
