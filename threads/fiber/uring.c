// # I/O by io_uring: the kernel does it and says when it is done
//
// A request goes into the ring with its fiber's address, and the fiber waits.
// Nothing is handed in then: the root does that for all requests of a turn, in
// the io_uring_enter(2) with which it waits for results. So with a thousand busy
// fibers a system call serves many of them.
//
// The request keeps the fiber's buffer until its result is there, so a fiber that
// is cancelled cannot just go: the kernel is asked to cancel the request
// (IORING_OP_ASYNC_CANCEL), and its result ends the wait, whichever it is.
//
// To a request for a descriptor that is O_NONBLOCK the kernel says EAGAIN rather
// than keep it; then one that waits until it is ready comes before (POLL_ADD).
//
// Sources: io_uring(7), io_uring_setup(2), io_uring_prep_cancel(3); Axboe,
// "Efficient IO with io_uring" (2019).

#define _GNU_SOURCE
#include <errno.h>

#include "parts.h"

enum { REQUESTS = 256, RESULTS = 4096 };

// What the newest kernels know makes it cheaper (Linux 6.1): one thread alone
// uses the ring, and work is left until that thread waits. The others say
// EINVAL.
static int open_ring(struct scheduler *s)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		.cq_entries = RESULTS,
	};

	int error = io_uring_queue_init_params(REQUESTS, &s->ring, &params);
	if (error == -EINVAL) {
		params = (struct io_uring_params){
			.flags = IORING_SETUP_CQSIZE,
			.cq_entries = RESULTS,
		};
		error = io_uring_queue_init_params(REQUESTS, &s->ring, &params);
	}
	return error;
}

static void close_ring(struct scheduler *s)
{
	io_uring_queue_exit(&s->ring);
}

// Results without a fiber are of cancellations, and of a timeout that liburing
// makes of its own on old kernels.
static void take_results(struct scheduler *s)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(&s->ring, head, cqe)
	{
		n++;
		if (cqe->user_data == 0 ||
		    cqe->user_data == LIBURING_UDATA_TIMEOUT)
			continue;
		s->under_way--;
		fiber_ready(s, io_uring_cqe_get_data(cqe), cqe->res);
	}
	io_uring_cq_advance(&s->ring, n);
}

// Not now, but later: a signal, the time is over, or results have to be taken
// first.
static bool is_passing(int error)
{
	return error == -EINTR || error == -ETIME || error == -EAGAIN ||
	       error == -EBUSY;
}

// A place in the ring. A full one is handed in. NULL: it is broken.
static struct io_uring_sqe *place(struct scheduler *s)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&s->ring))) {
		int n = io_uring_submit_and_get_events(&s->ring);
		if (n < 0 && !is_passing(n)) {
			s->broken = n;
			return NULL;
		}
		take_results(s);
	}
	return sqe;
}

static bool cancel_request(struct scheduler *s, struct fiber *f)
{
	struct io_uring_sqe *sqe = place(s);

	if (sqe) {
		io_uring_prep_cancel(sqe, f, 0);
		io_uring_sqe_set_data(sqe, NULL);
	}
	return false;
}

static int64_t wait_for_result(struct scheduler *s, struct request *r,
			       struct io_uring_sqe *sqe)
{
	struct fiber *f = s->running;

	io_uring_sqe_set_data(sqe, f);
	s->under_way++;
	int64_t result = fiber_wait(s, r->operation->stays ? NULL
							   : cancel_request);
	if (result != -ECANCELED && result != -EINTR)
		return result;
	return fiber_check_cancel(f) ?: result;
}

static int64_t perform(struct scheduler *s, struct request *r)
{
	struct io_uring_sqe *sqe;
	int64_t result;

	do {
		if (!(sqe = place(s)))
			return s->broken;
		r->operation->prepare(sqe, r);
		result = wait_for_result(s, r, sqe);
		if (result == -EAGAIN && r->operation->events) {
			if (!(sqe = place(s)))
				return s->broken;
			io_uring_prep_poll_add(sqe, r->fd,
					       (unsigned short)r->events);
			result = wait_for_result(s, r, sqe);
			if (result >= 0)
				result = -EAGAIN;
		}
	} while (result == -EINTR ||
		 (result == -EAGAIN && r->operation->events));
	return result;
}

// Without anything to hand in, and the kernel does not ask for us: no call.
static int look(struct scheduler *s, int64_t limit_ns)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec limit = { .tv_sec = limit_ns / 1000000000,
					   .tv_nsec = limit_ns % 1000000000 };
	unsigned asks = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;
	int n = 0;

	if (limit_ns != 0)
		n = io_uring_submit_and_wait_timeout(
			&s->ring, &cqe, 1, limit_ns < 0 ? NULL : &limit, NULL);
	else if (io_uring_sq_ready(&s->ring) ||
		 (IO_URING_READ_ONCE(*s->ring.sq.kflags) & asks))
		n = io_uring_submit_and_get_events(&s->ring);
	take_results(s);
	return n < 0 && !is_passing(n) ? n : 0;
}

const struct backend fiber_uring = { "uring", open_ring, close_ring, perform,
				     look };
