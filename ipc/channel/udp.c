// # udp: datagrams that may be lost, and how not to lose them
//
// UDP adds to IP a port and a checksum, nothing else: no connection, no order,
// no acknowledgement. Over loopback a datagram cannot get lost on the way, only
// at the door: what arrives when the receiver's buffer (SO_RCVBUF) is full is
// dropped, and the sender is told that it was sent. A sender never sleeps for a
// slow receiver. So the receiver must say how much it can take: flow control.
//
//     left ── data (room - 1) ────────────────▶ [ buffer of right ] ─▶ right
//          ── data (room - 1) ────────────────▶
//          ◀─ credit: half a window was taken ─ (room + half)
//
// The protocol is a sliding window of credits. The sender may have `window`
// datagrams under way. It counts down `room` for each, and at 0 waits for a
// credit. The receiver counts what it has taken, and for each half of a window
// sends one empty datagram, the credit. Under way are then never more than
// `window`, so nothing is ever dropped; and a waiting sender always gets a
// credit, since at least half a window is not yet credited to it and will be
// taken. Credits travel on a second pair of sockets: so data needs no header
// and may have all 65,507 bytes (65,535 less the IP and UDP headers, RFC 768
// and 791), and a sender that waits for a credit never has to put data aside.
// Round trips of a single message cost one credit in half a window of them.
//
// How large is the window? The buffer counts not bytes but memory (truesize):
// 1 byte is charged as 832, 65,507 as 66,339 on Linux 6.18, x86-64. We send
// ourselves one datagram of the largest size and ask what it was charged
// (SO_MEMINFO). Only half the buffer is given out, since the kernel returns the
// memory of taken datagrams late, in lots of up to a quarter of the buffer; and
// no more than 256 datagrams, for a busy kernel parks packets in a queue for
// each CPU that drops from 1,000 on (net.core.netdev_max_backlog).
//
// The end: an empty datagram of data. A dead peer tells a receiver nothing: it
// waits on. A sender that has room gets ECONNREFUSED soon, because the kernel
// answers a datagram to a closed port with an ICMP message; one that waits for a
// credit sends nothing, and so hears nothing. A peer that closes in an orderly
// way therefore sends a last credit, after its data port is gone: whoever waited
// wakes, sends, and is refused. One that is killed cannot.
//
// Price: two system calls, two copies, and the stack once down and once up a
// message. On one CPU also a context switch for nearly every datagram, where
// the other sockets let the sender go on: 105,846 for 100,000 messages of 64 B,
// against 8,108 over unix-dgram. That is the kernel's, not the credits': it is
// so without them. Sources: udp(7), socket(7), RFC 768; credits: Kung & Morris,
// "Credit-Based Flow Control for ATM Networks", IEEE Network 9 (1995).

#define _GNU_SOURCE
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts.h"
#include "sockets.h"

enum {
	LIMIT_BYTES = 65507,
	WANTED_BYTES = 1 << 20, // of receive buffer, if the user may
	MOST_DATAGRAMS = 256,
};

struct flow {
	int credit[2];  // sockets, by side; -1 once closed
	unsigned room;  // datagrams this side may still send
	unsigned taken; // received and not yet credited to the peer
	unsigned lot;   // datagrams a credit stands for
};

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	*limit_bytes = LIMIT_BYTES;
	return sockets_probe_loopback(why, why_bytes);
}

// What the kernel charges the receiver for a datagram of this size. Kernels
// before 4.12 do not tell; they allocate powers of two, so twice is enough.
static int charge(int from, int to, size_t bytes, size_t *charged)
{
	struct pollfd arrival = { .fd = to, .events = POLLIN };
	unsigned info[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof info;
	char *message = calloc(1, bytes);

	if (!message)
		return -ENOMEM;
	int error = send_whole(from, message, bytes);
	if (!error && poll(&arrival, 1, 1000) == 0)
		error = -ENOBUFS;
	if (!error && getsockopt(to, SOL_SOCKET, SO_MEMINFO, info, &length))
		error = errno == ENOPROTOOPT ? 0 : -errno;
	ssize_t got = error ? error : receive_whole(to, message, bytes);
	free(message);
	*charged = info[SK_MEMINFO_RMEM_ALLOC];
	if (*charged < bytes)
		*charged = 2 * bytes + 2048;
	return got < 0 ? (int)got : 0;
}

// The window of datagrams of up to `bytes` from one socket to another.
static int window(int from, int to, size_t bytes, unsigned *datagrams)
{
	int wanted = WANTED_BYTES, granted;
	socklen_t length = sizeof granted;
	size_t charged;

	if (setsockopt(to, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted) ||
	    getsockopt(to, SOL_SOCKET, SO_RCVBUF, &granted, &length))
		return -errno;
	int error = charge(from, to, bytes, &charged);
	if (error)
		return error;
	size_t fit = granted / 2 / charged;
	*datagrams = fit < 1 ? 1 : fit < MOST_DATAGRAMS ? fit : MOST_DATAGRAMS;
	return 0;
}

static int start_flow(struct flow *flow, const int data[2], size_t bytes)
{
	unsigned there = 0, back = 0;

	int error = window(data[0], data[1], bytes, &there);
	if (!error)
		error = window(data[1], data[0], bytes, &back);
	if (!error)
		error = sockets_by_address(AF_INET, flow->credit);
	flow->room = there < back ? there : back;
	flow->lot = (flow->room + 1) / 2;
	flow->taken = 0;
	return error;
}

static int open_sockets(struct channel *c)
{
	int data[2];

	int error = sockets_by_address(AF_INET, data);
	if (error)
		return error;
	for (int side = 0; side < 2; side++)
		channel_set_ends(c, side, data[side], data[side]);
	struct flow *flow = malloc(sizeof *flow);
	if (!flow)
		return -ENOMEM;
	error = start_flow(flow, data, c->largest_bytes);
	if (error) {
		free(flow);
		return error;
	}
	c->state = flow;
	return 0;
}

static void close_credit(struct flow *flow, int side)
{
	if (flow->credit[side] != -1)
		close(flow->credit[side]);
	flow->credit[side] = -1;
}

static int take_side(struct channel *c)
{
	close_credit(c->state, !c->side);
	return 0;
}

static int wait_for_credit(struct channel *c)
{
	struct flow *flow = c->state;
	char none;

	ssize_t got = receive_whole(flow->credit[c->side], &none, 0);
	if (got < 0)
		return got;
	flow->room += flow->lot;
	return 0;
}

static int send_message(struct channel *c, const void *message, size_t bytes)
{
	struct flow *flow = c->state;

	if (flow->room == 0) {
		int error = wait_for_credit(c);
		if (error)
			return error;
	}
	flow->room--;
	return send_whole(c->out, message, bytes);
}

// A peer that has sent everything and left needs no credit: not an error.
static ssize_t receive_message(struct channel *c, void *buffer, size_t bytes)
{
	struct flow *flow = c->state;

	ssize_t got = receive_whole(c->in, buffer, bytes);
	if (got >= 0 && ++flow->taken == flow->lot) {
		flow->taken = 0;
		send_whole(flow->credit[c->side], NULL, 0);
	}
	if (got == 0)
		shutdown(c->in, SHUT_RD); // as in unix-dgram
	return got;
}

static int finish(struct channel *c)
{
	return send_message(c, NULL, 0);
}

static void close_credits(struct channel *c)
{
	struct flow *flow = c->state;

	if (channel_has_side(c)) {
		close(c->in);
		c->ends[c->side][0] = c->ends[c->side][1] = -1;
		send_whole(flow->credit[c->side], NULL, 0);
	}
	close_credit(flow, CHANNEL_LEFT);
	close_credit(flow, CHANNEL_RIGHT);
	free(flow);
}

const struct mechanism mechanism_udp = {
	.name = "udp",
	.title = "UDP: datagrams over loopback, with credits against loss",
	.when = "many peers, and loss is no harm; order and pace are yours",
	.meets = "address",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.probe = probe,
	.open = open_sockets,
	.take_side = take_side,
	.send = send_message,
	.receive = receive_message,
	.finish = finish,
	.close = close_credits,
};
