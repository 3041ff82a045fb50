// # unix-seqpacket: a connection that keeps messages apart
//
// In between the other two UNIX sockets: connected like a stream (listen,
// connect, accept, an end), but what one send put in, one receive takes out,
// like a datagram. For messages between processes it is the best of both; that
// it is not portable (Linux and the BSDs have it, macOS does not) keeps it
// rare.
//
//     left ── send ▶ [ hello ][ how are you ][ ... ] ▶ recv ── right
//
// Each message lies as one buffer in the receiver's queue and is charged to
// the sender's SO_SNDBUF until it is taken; the sender sleeps when that is used
// up. So SO_SNDBUF (/proc/sys/net/core/wmem_default) also limits the single
// message: 212,960 bytes of 212,992 on Linux 6.18, found by trying. A message
// is there whole or not at all.
//
// A buffer that is too small loses the rest of the message: recv(2) cuts it
// off. With MSG_TRUNC it returns the real length, so that we notice, at no
// price.
//
// The end: shutdown(SHUT_WR), seen as a receive of 0 bytes. (An empty message
// would look the same; our messages have at least 1 byte.) A dead peer: 0, or
// ECONNRESET if it died with messages unread.
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
	return sockets_unix_limit(SOCK_SEQPACKET, limit_bytes);
}

static int open_sockets(struct channel *c)
{
	int pair[2];

	int error = sockets_by_accept(AF_UNIX, SOCK_SEQPACKET, pair);
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

static ssize_t receive_message(struct channel *c, void *buffer, size_t bytes)
{
	return receive_whole(c->in, buffer, bytes);
}

static int finish(struct channel *c)
{
	return shutdown(c->out, SHUT_WR) == -1 ? -errno : 0;
}

const struct mechanism mechanism_unix_seqpacket = {
	.name = "unix-seqpacket",
	.title =
		"UNIX seqpacket socket: a connection that keeps messages apart",
	.when = "a local server that speaks in messages; not on macOS",
	.meets = "path",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_sockets,
	.send = send_message,
	.receive = receive_message,
	.finish = finish,
};
