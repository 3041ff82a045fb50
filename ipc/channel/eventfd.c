// # eventfd: a number in the kernel that can be waited for
//
// An eventfd is a descriptor with a 64-bit counter behind it and nothing else:
// write(2) adds, read(2) takes everything and leaves 0, and a reader that finds
// 0 sleeps until somebody adds. It says *that* something happened and how
// often, not *what*: a channel without payload, the smallest wake-up call that
// poll(2) and epoll(7) understand.
//
//     left ── write 1 ▶ [ counter: 3 ] ▶ read: 3 ── right
//
// Events that come before the read join into one number, and that is the point
// of it: thirty events, one system call. We hand them out one by one: what a
// read brought beyond the first waits in `pending`. (EFD_SEMAPHORE would make
// the kernel hand out one a read, at a system call each.)
//
// End: an eventfd cannot be closed for writing, for its descriptors are all
// alike, and a reader is never told that the others have been closed. So finish
// adds END, 2^63, which no sender reaches by ones; read brings it with whatever
// was still there. For the same reason a peer that dies is not noticed: the
// wait is for ever; nor is a receiver that has closed.
//
// The sender would sleep at 2^64 - 2, that is never. Price: one system call a
// side and no copy worth the name. Sources: eventfd(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "parts.h"

static const uint64_t END = UINT64_C(1) << 63;

struct received {
	uint64_t pending; // events read and not yet handed out
	bool ended;
};

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	*limit_bytes = 0;
	return 0;
}

// One counter, two descriptors: each side closes its own.
static int open_counter(struct channel *c, enum channel_side sender)
{
	int out = eventfd(0, EFD_CLOEXEC);
	int in = out == -1 ? -1 : fcntl(out, F_DUPFD_CLOEXEC, 0);
	if (in == -1) {
		int error = errno;
		if (out != -1)
			close(out);
		return -error;
	}
	c->ends[sender][1] = out;
	c->ends[!sender][0] = in;
	return 0;
}

static int open_counters(struct channel *c)
{
	c->state = calloc(1, sizeof(struct received));
	if (!c->state)
		return -ENOMEM;
	int error = open_counter(c, CHANNEL_LEFT);
	if (!error) {
		error = open_counter(c, CHANNEL_RIGHT);
		if (error) {
			close(c->ends[CHANNEL_LEFT][1]);
			close(c->ends[CHANNEL_RIGHT][0]);
		}
	}
	if (error)
		free(c->state);
	return error;
}

static int add(int fd, uint64_t number)
{
	return write_all(fd, &number, sizeof number);
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	(void)message, (void)bytes;
	return add(c->out, 1);
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct received *received = c->state;
	(void)buffer, (void)bytes;

	if (received->pending == 0 && !received->ended) {
		uint64_t number;
		ssize_t n = read_some(c->in, &number, sizeof number);
		if (n < 0)
			return n;
		received->pending = number & ~END;
		received->ended = number & END;
	}
	if (received->pending == 0)
		return 0;
	received->pending--;
	return 1;
}

static int finish(struct channel *c)
{
	int error = add(c->out, END);
	close(c->out);
	c->out = -1;
	return error;
}

static void close_counters(struct channel *c)
{
	if (channel_has_side(c) && c->out != -1)
		add(c->out, END);
	free(c->state);
}

const struct mechanism mechanism_eventfd = {
	.name = "eventfd",
	.title = "eventfd: a counter in the kernel, no payload",
	.when = "wakes an epoll loop, say beside shared memory; carries no "
		"data",
	.meets = "inherited",
	.kind = CHANNEL_EVENT,
	.queues = true,
	.probe = probe,
	.open = open_counters,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_counters,
};
