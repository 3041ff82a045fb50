// # unix-dgram: letters between two addresses
//
// A datagram socket knows messages but no connection: each is sent to an
// address and arrives whole or not at all. Over a network that means "or not
// at all". Between two UNIX sockets nothing is ever lost, doubled or swapped:
// the sender itself hangs the message into the receiver's queue, and sleeps
// when it may not.
//
//     left (/a) ── send ▶ [ msg ][ msg ] queue of right ▶ recv ── right (/b)
//     left (/a) ◀─ recv ─ queue of left [ msg ][ msg ] ◀ send ── right (/b)
//
// connect(2) on a datagram socket only says where send(2) goes and from whom
// messages are let in. Two limits: the sender's SO_SNDBUF holds what was not
// yet received (and so limits the single message, see unix-seqpacket); and a
// queue takes no more than net.unix.max_dgram_qlen messages (10 by default)
// from strangers. Not from us: Linux does not count it between two sockets
// that are connected to each other, and 278 messages of 1 B fit before the
// send buffer is full.
//
// The end: there is no connection that could end. shutdown(SHUT_WR) shuts this
// socket and says nothing to the other one, so an empty datagram is our mark.
// Nor is there anything that could break when the peer dies: a receiver waits
// on, for ever. Only a sender is told, ECONNREFUSED.
//
// Price: as unix-stream. Sources: unix(7), recv(2).

#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>

#include "parts.h"
#include "sockets.h"

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	return sockets_unix_limit(SOCK_DGRAM, limit_bytes);
}

static int open_sockets(struct channel *c)
{
	int pair[2];

	int error = sockets_by_address(AF_UNIX, pair);
	if (error)
		return error;
	for (int side = 0; side < 2; side++)
		channel_set_ends(c, side, pair[side], pair[side]);
	return 0;
}

static int send_message(struct channel *c, const void *message, size_t bytes)
{
	return send_whole(c->out, message, bytes);
}

// Once the mark has come, SHUT_RD makes the kernel remember it for us: every
// further receive returns 0 and does not wait.
static ssize_t receive_message(struct channel *c, void *buffer, size_t bytes)
{
	ssize_t got = receive_whole(c->in, buffer, bytes);
	if (got == 0 && shutdown(c->in, SHUT_RD) == -1)
		return -errno;
	return got;
}

static int finish(struct channel *c)
{
	return send_whole(c->out, NULL, 0);
}

const struct mechanism mechanism_unix_dgram = {
	.name = "unix-dgram",
	.title = "UNIX datagram socket: messages between two paths",
	.when = "notices to a local service, whole, in order; no end is told",
	.meets = "path",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.probe = probe,
	.open = open_sockets,
	.send = send_message,
	.receive = receive_message,
	.finish = finish,
};
