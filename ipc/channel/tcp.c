// # tcp: a stream that would also cross an ocean
//
// The interface is that of unix-stream; underneath, a network protocol does
// its whole work although both ends are in one machine. The bytes are cut into
// segments with sequence numbers and kept by the sender until they are
// acknowledged; the receiver announces a window, how much more it can take.
//
//     left ─ write ▶ [ send buffer ] ─ segment ▶ lo ▶ [ receive buffer ] ▶ read
//                         ▲                                 │
//                         └──────── ACK, window ◀── lo ◀────┘
//
// The loopback interface lo hands each packet from the sending half of the
// stack to the receiving half, usually still within the sender's system call.
// Its packets are large (MTU 65,536 bytes) and need no checksum. A writer
// sleeps when the send buffer is full, a reader when the receive buffer is
// empty. Both buffers grow by themselves up to the last number of
// /proc/sys/net/ipv4/tcp_wmem and tcp_rmem, so that some megabytes may be under
// way.
//
// TCP_NODELAY matters: Nagle's algorithm (RFC 896) holds back a small segment
// while an earlier one is not acknowledged, and the receiver may delay its
// acknowledgement by 40 ms in the hope of an answer to put it on. Two small
// sends in a row would wait for that. We send whole messages: we turn it off.
//
// The end: shutdown(SHUT_WR) sends FIN, and the peer's read returns 0 after the
// last byte. A dead peer's kernel does the same for it, or sends RST if bytes
// were unread: ECONNRESET. (A peer whose machine dies tells nothing.) Whoever
// closes first leaves its port in TIME_WAIT for a minute.
//
// Price: two system calls, two copies, and the stack once down and once up a
// message; the same for acknowledgements that no answer carries. Sources:
// tcp(7), RFC 9293, RFC 896, RFC 1122 4.2.3.2.

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts.h"
#include "sockets.h"

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	*limit_bytes = SIZE_MAX;
	return sockets_probe_loopback(why, why_bytes);
}

static int open_sockets(struct channel *c)
{
	int pair[2], on = 1;

	int error = sockets_by_accept(AF_INET, SOCK_STREAM, pair);
	if (error)
		return error;
	for (int side = 0; side < 2; side++) {
		channel_set_ends(c, side, pair[side], pair[side]);
		if (setsockopt(pair[side], IPPROTO_TCP, TCP_NODELAY, &on,
			       sizeof on) == -1)
			error = -errno;
	}
	return error;
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

const struct mechanism mechanism_tcp = {
	.name = "tcp",
	.title = "TCP: a network connection, over loopback",
	.when = "the peer may be on another machine; the stack costs here too",
	.meets = "address",
	.kind = CHANNEL_STREAM,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_sockets,
	.send = send_bytes,
	.receive = receive_bytes,
	.finish = finish,
};
