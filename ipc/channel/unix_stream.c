// # unix-stream: a connection without a network
//
// A UNIX stream socket is a pipe in both directions with the manners of TCP: a
// server listens at a path, clients connect, and each side has one descriptor
// to read and to write.
//
//     left ── write ▶ [ · · · ] receive queue of right ▶ read ── right
//     left ◀─ read ─ [ · · · ] receive queue of left  ◀ write ─ right
//
// There is no network in it: no headers, no checksums, no acknowledgements.
// write(2) allocates a buffer, copies the bytes in and hangs it straight into
// the other socket's receive queue; read(2) copies out and frees it. That
// allocation is why it costs more than a pipe, and why small messages fill it
// early: each is charged to the sender's SO_SNDBUF (212,992 bytes, from
// /proc/sys/net/core/wmem_default) with its whole buffer, so that 278 messages
// of 1 B fill what takes 180,224 bytes of 4 KiB (seen on Linux 6.18, x86-64).
// A writer sleeps until enough was taken, a reader until something comes.
//
// The end: shutdown(SHUT_WR) closes one direction, and the peer's read returns
// 0 after the last byte while it can still write. A dead peer is closed by the
// kernel: read returns 0, or ECONNRESET if it died with bytes unread; write
// gives SIGPIPE or EPIPE.
//
// Price: two system calls, two copies, an allocation a message; a switch when
// the other side sleeps. Sources: unix(7), shutdown(2).

#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>

#include "parts.h"
#include "sockets.h"

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	*limit_bytes = SIZE_MAX;
	return 0;
}

// The path is needed for as long as it takes to meet (sockets.c).
static int open_sockets(struct channel *c)
{
	int pair[2];

	int error = sockets_by_accept(AF_UNIX, SOCK_STREAM, pair);
	if (error)
		return error;
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

// close(2) would take our ear with our mouth: the descriptor is both.
static int finish(struct channel *c)
{
	return shutdown(c->out, SHUT_WR) == -1 ? -errno : 0;
}

const struct mechanism mechanism_unix_stream = {
	.name = "unix-stream",
	.title = "UNIX stream socket: a connection by a path",
	.when = "first choice for a local server; you mark where messages end",
	.meets = "path",
	.kind = CHANNEL_STREAM,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_sockets,
	.send = send_bytes,
	.receive = receive_bytes,
	.finish = finish,
};
