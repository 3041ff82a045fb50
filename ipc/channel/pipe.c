// # pipe: a buffer in the kernel with a write end and a read end
//
// A pipe runs one way, so a channel is two of them. The bytes live in up to 16
// pages of kernel memory (F_SETPIPE_SZ): write(2) copies in, read(2) copies
// out. A writer sleeps while it is full, a reader while it is empty, and each
// wakes the other; nothing has to be polled, locked or counted by us.
//
//     left ── write ▶ [ to_right ] ▶ read ── right
//     left ◀─ read ─ [ to_left  ] ◀ write ── right
//
// The end of a stream is the last write end being closed. That is why a side
// must close the ends it does not use: a forgotten copy is a writer that never
// leaves. channel_take_side does it for us.
//
// Price: two system calls and two copies a message, and a context switch when
// the other side sleeps. Sources: pipe(7).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "parts.h"

enum { READ, WRITE };

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	*limit_bytes = SIZE_MAX;
	return 0;
}

static int open_pipes(struct channel *c)
{
	int to_right[2], to_left[2];

	if (pipe2(to_right, O_CLOEXEC) == -1)
		return -errno;
	if (pipe2(to_left, O_CLOEXEC) == -1) {
		int error = errno;
		close(to_right[READ]);
		close(to_right[WRITE]);
		return -error;
	}
	channel_set_ends(c, CHANNEL_LEFT, to_left[READ], to_right[WRITE]);
	channel_set_ends(c, CHANNEL_RIGHT, to_right[READ], to_left[WRITE]);
	return 0;
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	return write_all(c->out, message, bytes);
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	return read_some(c->in, buffer, bytes);
}

static int finish(struct channel *c)
{
	close(c->out);
	c->out = -1;
	return 0;
}

const struct mechanism mechanism_pipe = {
	.name = "pipe",
	.title = "pipe: bytes through a kernel buffer, one way each",
	.when = "first choice, parent and child: end, death, poll; bytes only",
	.meets = "inherited",
	.kind = CHANNEL_STREAM,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_pipes,
	.send = send,
	.receive = receive,
	.finish = finish,
};
