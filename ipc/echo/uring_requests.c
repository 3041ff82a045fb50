// # What io_uring is asked for
//
// A request is a record in a queue that the process and the kernel share
// (submission queue entry, SQE): what to do, with which descriptor and buffer, and
// a pointer that comes back with the result. To fill one in is no system call;
// the loop in uring.c hands in all of a turn at once.
//
// Sources: io_uring_setup(2), io_uring_get_sqe(3), io_uring_prep_recv(3),
// io_uring_prep_poll_add(3), io_uring_prep_cancel(3).

#define _GNU_SOURCE
#include <poll.h>

#include "uring.h"

// RESULTS is for a throng at the door; what does not fit the kernel keeps
// (IORING_FEAT_NODROP).
enum { REQUESTS = 256, RESULTS = 4096 };

// What the newest kernels know makes it cheaper (see ipc/channel/uring.c); the
// others say EINVAL and get none of it.
int echo_uring_open(struct io_uring *ring)
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

// There is always a free place (see URING_ROOM).
static struct io_uring_sqe *hand_in(struct uring_server *s)
{
	s->under_way++;
	return io_uring_get_sqe(&s->ring);
}

void uring_ask_receive(struct uring_server *s, struct echo_client *c)
{
	struct io_uring_sqe *sqe = hand_in(s);

	c->sending = false;
	io_uring_prep_recv(sqe, c->fd, c->buffer, sizeof c->buffer, 0);
	io_uring_sqe_set_data(sqe, c);
}

void uring_ask_send(struct uring_server *s, struct echo_client *c)
{
	struct io_uring_sqe *sqe = hand_in(s);

	c->sending = true;
	io_uring_prep_send(sqe, c->fd, c->buffer + c->begin, c->end - c->begin,
			   MSG_NOSIGNAL);
	io_uring_sqe_set_data(sqe, c);
}

void uring_ask_accept(struct uring_server *s)
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

void uring_ask_stop(struct uring_server *s)
{
	struct io_uring_sqe *sqe = hand_in(s);

	s->awaiting_stop = true;
	io_uring_prep_poll_add(sqe, s->job->stop, POLLIN);
	io_uring_sqe_set_data(sqe, &s->awaiting_stop);
}

void uring_cancel(struct uring_server *s, bool *whose)
{
	if (!*whose)
		return;
	struct io_uring_sqe *sqe = hand_in(s);
	io_uring_prep_cancel(sqe, whose, 0);
	io_uring_sqe_set_data(sqe, &s->cancelling);
}
