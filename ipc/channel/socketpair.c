// # socketpair: two sockets that were born connected
//
// Two related processes need no address to find each other. socketpair(2)
// makes both ends at once, already connected, and fork hands one on. Nothing
// has a name, so nothing has to be bound, listened at, accepted or unlinked.
//
//     socketpair ──▶ pair[0] ◀═══════════▶ pair[1]
//                      left      fork       right
//
// What is made is the same as in unix-stream: from then on the kernel runs the
// same code, and the two cost the same. Any difference the benchmark shows
// between them is noise, or luck with the pages, and a measure of both. Against
// a pipe: two directions and one descriptor a side instead of two.
//
// The end, a dead peer, the limits: as unix-stream.
//
// Price: as unix-stream. Sources: socketpair(2), unix(7).

#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>

#include "parts.h"

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	*limit_bytes = SIZE_MAX;
	return 0;
}

static int open_pair(struct channel *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return -errno;
	for (int side = 0; side < 2; side++)
		channel_set_ends(c, side, pair[side], pair[side]);
	return 0;
}

static int send_bytes(struct channel *c, const void *message, size_t bytes)
{
	return write_all(c->out, message, bytes);
}

static ssize_t receive_bytes(struct channel *c, void *buffer, size_t bytes)
{
	return read_some(c->in, buffer, bytes);
}

static int finish(struct channel *c)
{
	return shutdown(c->out, SHUT_WR) == -1 ? -errno : 0;
}

const struct mechanism mechanism_socketpair = {
	.name = "socketpair",
	.title = "socketpair: two stream sockets that were born connected",
	.when = "parent and child both ways, can pass descriptors; no name",
	.meets = "inherited",
	.kind = CHANNEL_STREAM,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_pair,
	.send = send_bytes,
	.receive = receive_bytes,
	.finish = finish,
};
