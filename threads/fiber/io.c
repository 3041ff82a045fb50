// # What a blocking call becomes
//
// A row for each call: how it is said to io_uring, and how it is tried where
// epoll has to tell when. To io_uring one says the call itself, and gets its
// result later; that is all. With epoll the program does the call, at a moment
// when it does not block, and that takes a trick each:
//
//   read, write   preadv2(2) with RWF_NOWAIT: for this one call, as if the
//                 descriptor were non-blocking. O_NONBLOCK would be seen by all
//                 who share it (a shell's terminal, say). Where a file does not
//                 know it, wait until it is ready, then just read.
//   recv, send    MSG_DONTWAIT, the same for sockets
//   accept        has no such flag: the listener becomes O_NONBLOCK
//   connect       O_NONBLOCK meanwhile; when it can be written to, SO_ERROR
//                 says how it went
//   poll          poll(2) that does not wait
//   openat, close, fsync, and all of a regular file: nobody can say when these
//                 would not block, so they just do
//
// Sources: preadv2(2), recv(2), connect(2), io_uring_enter(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "parts.h"

enum { UNIX_RETRY_NS = 1000000, NO_FLAGS = -1 };

static int64_t or_errno(int64_t result)
{
	return result == -1 ? -errno : result;
}

// A request says 32 bits; the kernel itself takes no more than 2 GiB at once.
static unsigned some(size_t n)
{
	return n < INT_MAX ? (unsigned)n : INT_MAX;
}

// ## Read and write

static void prepare_read(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_read(sqe, r->fd, r->bytes, some(r->n), r->offset);
}

static int64_t attempt_read(struct request *r, enum attempt attempt)
{
	struct iovec v = { .iov_base = r->bytes, .iov_len = r->n };
	int flags = attempt == BLOCK ? 0 : RWF_NOWAIT;

	int64_t n = or_errno(preadv2(r->fd, &v, 1, r->offset, flags));
	if (n != -EOPNOTSUPP || attempt == BLOCK)
		return n;
	return attempt == TRY ? -EAGAIN
			      : or_errno(preadv2(r->fd, &v, 1, r->offset, 0));
}

static void prepare_write(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_write(sqe, r->fd, r->bytes, some(r->n), r->offset);
}

static int64_t attempt_write(struct request *r, enum attempt attempt)
{
	struct iovec v = { .iov_base = r->bytes, .iov_len = r->n };
	int flags = attempt == BLOCK ? 0 : RWF_NOWAIT;

	int64_t n = or_errno(pwritev2(r->fd, &v, 1, r->offset, flags));
	if (n != -EOPNOTSUPP || attempt == BLOCK)
		return n;
	return attempt == TRY ? -EAGAIN
			      : or_errno(pwritev2(r->fd, &v, 1, r->offset, 0));
}

// ## Sockets

static void prepare_recv(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_recv(sqe, r->fd, r->bytes, r->n, r->flags);
}

static int64_t attempt_recv(struct request *r, enum attempt attempt)
{
	(void)attempt;
	return or_errno(recv(r->fd, r->bytes, r->n, r->flags | MSG_DONTWAIT));
}

static void prepare_send(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_send(sqe, r->fd, r->bytes, r->n, r->flags);
}

static int64_t attempt_send(struct request *r, enum attempt attempt)
{
	(void)attempt;
	return or_errno(send(r->fd, r->bytes, r->n, r->flags | MSG_DONTWAIT));
}

static void prepare_accept(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_accept(sqe, r->fd, r->bytes, r->length, r->flags);
}

static int64_t attempt_accept(struct request *r, enum attempt attempt)
{
	int flags = fcntl(r->fd, F_GETFL);

	(void)attempt;
	if (flags == -1 || (!(flags & O_NONBLOCK) &&
			    fcntl(r->fd, F_SETFL, flags | O_NONBLOCK) == -1))
		return -errno;
	return or_errno(accept4(r->fd, r->bytes, r->length, r->flags));
}

static void prepare_connect(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_connect(sqe, r->fd, r->bytes, (socklen_t)r->n);
}

// The listener of a Unix socket whose queue is full is no reason for the kernel
// to keep a connection in mind: it says EAGAIN, and one has to come again.
static int64_t attempt_connect(struct request *r, enum attempt attempt)
{
	int result, error = 0;
	socklen_t bytes = sizeof error;

	if (attempt == AGAIN)
		return getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &bytes)
			       ? -errno
			       : -error;
	result = fcntl(r->fd, F_GETFL);
	if (result == -1 || fcntl(r->fd, F_SETFL, result | O_NONBLOCK) == -1)
		return -errno;
	r->offset = result;
	while ((result = connect(r->fd, r->bytes, (socklen_t)r->n)) == -1 &&
	       errno == EAGAIN) {
		error = fiber_sleep(UNIX_RETRY_NS);
		if (error)
			return error;
	}
	return result == 0 ? 0 : errno == EINPROGRESS ? -EAGAIN : -errno;
}

static void prepare_poll(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_poll_add(sqe, r->fd, (unsigned short)r->events);
}

static int64_t attempt_poll(struct request *r, enum attempt attempt)
{
	struct pollfd fd = { .fd = r->fd, .events = r->events };

	int64_t n = or_errno(poll(&fd, 1, attempt == BLOCK ? -1 : 0));
	if (fd.revents & POLLNVAL)
		return -EBADF;
	return n == 0 ? -EAGAIN : n < 0 ? n : fd.revents;
}

// ## What can only block

static void prepare_openat(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_openat(sqe, r->fd, r->bytes, r->flags, r->mode);
}

static int64_t attempt_openat(struct request *r, enum attempt attempt)
{
	(void)attempt;
	return or_errno(openat(r->fd, r->bytes, r->flags, r->mode));
}

static void prepare_fsync(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_fsync(sqe, r->fd, 0);
}

static int64_t attempt_fsync(struct request *r, enum attempt attempt)
{
	(void)attempt;
	return or_errno(fsync(r->fd));
}

static void prepare_close(struct io_uring_sqe *sqe, const struct request *r)
{
	io_uring_prep_close(sqe, r->fd);
}

static int64_t attempt_close(struct request *r, enum attempt attempt)
{
	(void)attempt;
	fiber_epoll_closed(fiber_scheduler(), r->fd);
	return or_errno(close(r->fd));
}

static const struct operation op_read = { prepare_read, attempt_read, POLLIN,
					  false };
static const struct operation op_write = { prepare_write, attempt_write,
					   POLLOUT, false };
static const struct operation op_recv = { prepare_recv, attempt_recv, POLLIN,
					  false };
static const struct operation op_send = { prepare_send, attempt_send, POLLOUT,
					  false };
static const struct operation op_accept = { prepare_accept, attempt_accept,
					    POLLIN, false };
static const struct operation op_connect = { prepare_connect, attempt_connect,
					     POLLOUT, false };
static const struct operation op_poll = { prepare_poll, attempt_poll, 0,
					  false };
static const struct operation op_openat = { prepare_openat, attempt_openat, 0,
					    false };
static const struct operation op_fsync = { prepare_fsync, attempt_fsync, 0,
					   false };
static const struct operation op_close = { prepare_close, attempt_close, 0,
					   true };

// ## The calls

int fiber_backend_open(struct scheduler *s)
{
	int error = 0;

	if (s->backend)
		return 0;
	if (s->wanted != FIBER_EPOLL) {
		error = fiber_uring.open(s);
		if (!error)
			s->backend = &fiber_uring;
		if (!error || s->wanted == FIBER_URING)
			return error;
	}
	error = fiber_epoll.open(s);
	if (!error)
		s->backend = &fiber_epoll;
	return error;
}

static int64_t perform(struct request *r)
{
	struct scheduler *s = fiber_scheduler();

	if (!s)
		return -EPERM;
	int error = r->operation->stays ? 0 : fiber_check_cancel(s->running);
	if (!error)
		error = fiber_backend_open(s);
	if (error)
		return error;
	r->fiber = s->running;
	if (!r->events)
		r->events = r->operation->events;
	return s->backend->perform(s, r);
}

ssize_t fiber_read(int fd, void *bytes, size_t n)
{
	return fiber_pread(fd, bytes, n, -1);
}

ssize_t fiber_write(int fd, const void *bytes, size_t n)
{
	return fiber_pwrite(fd, bytes, n, -1);
}

ssize_t fiber_pread(int fd, void *bytes, size_t n, off_t offset)
{
	return perform(&(struct request){ .operation = &op_read,
					  .fd = fd,
					  .bytes = bytes,
					  .n = n,
					  .offset = offset });
}

ssize_t fiber_pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	return perform(&(struct request){ .operation = &op_write,
					  .fd = fd,
					  .bytes = (void *)bytes,
					  .n = n,
					  .offset = offset });
}

ssize_t fiber_recv(int fd, void *bytes, size_t n, int flags)
{
	return perform(&(struct request){ .operation = &op_recv,
					  .fd = fd,
					  .bytes = bytes,
					  .n = n,
					  .flags = flags });
}

ssize_t fiber_send(int fd, const void *bytes, size_t n, int flags)
{
	return perform(&(struct request){ .operation = &op_send,
					  .fd = fd,
					  .bytes = (void *)bytes,
					  .n = n,
					  .flags = flags | MSG_NOSIGNAL });
}

int fiber_accept(int fd, struct sockaddr *address, socklen_t *bytes, int flags)
{
	return (int)perform(&(struct request){ .operation = &op_accept,
					       .fd = fd,
					       .bytes = address,
					       .length = bytes,
					       .flags = flags });
}

int fiber_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct request r = { .operation = &op_connect,
			     .fd = fd,
			     .bytes = (void *)address,
			     .n = bytes,
			     .offset = NO_FLAGS };
	int result = (int)perform(&r);

	if (r.offset != NO_FLAGS)
		(void)fcntl(fd, F_SETFL, (int)r.offset);
	return result;
}

int fiber_openat(int folder, const char *path, int flags, mode_t mode)
{
	return (int)perform(&(struct request){ .operation = &op_openat,
					       .fd = folder,
					       .bytes = (void *)path,
					       .flags = flags,
					       .mode = mode });
}

int fiber_fsync(int fd)
{
	return (int)perform(
		&(struct request){ .operation = &op_fsync, .fd = fd });
}

int fiber_close(int fd)
{
	return (int)perform(
		&(struct request){ .operation = &op_close, .fd = fd });
}

int fiber_poll(int fd, short events)
{
	return (int)perform(&(struct request){
		.operation = &op_poll, .fd = fd, .events = events | POLLERR });
}
