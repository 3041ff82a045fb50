// # A peer that does not read
//
// What is sent waits in the kernel, and somebody pays for the room: on AF_UNIX
// the sender, out of its send buffer (SO_SNDBUF). The kernel charges not the bytes
// alone but all the memory that a message takes. When that is spent, send waits:
// a fast sender cannot run away from a slow receiver. A box that many may write
// to has a second limit, or one of them could fill it for all: its queue takes
// net.unix.max_dgram_qlen messages. (One more, in fact: the kernel asks whether
// there are more than that, not as many.)
//
// UDP has nobody who could make a sender wait: the packet has left when send
// returns. What does not fit into the receiver's buffer is thrown away there,
// and nobody is told.
//
// Sources: unix(7), socket(7), SO_SNDBUF; udp(7).

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "host.h"

enum { MESSAGE = 100, PACKETS = 1000 };

// SO_SNDBUF or SO_RCVBUF, in bytes.
static int buffer_of(int fd, int which)
{
	int room;
	socklen_t bytes = sizeof room;

	must(getsockopt(fd, SOL_SOCKET, which, &room, &bytes));
	return room;
}

static int fill(int fd, const struct echo_address *to)
{
	static const char message[MESSAGE];
	int n = 0;

	while (sendto(fd, message, MESSAGE, MSG_DONTWAIT, to ? &to->any : NULL,
		      to ? to->bytes : 0) == MESSAGE &&
	       n < 1000000)
		n++;
	if (errno != EAGAIN)
		die_at(__FILE__, __LINE__, "sendto", errno);
	return n;
}

static int drain(int fd)
{
	char message[MESSAGE];
	int bytes = 0;

	for (ssize_t n; (n = recv(fd, message, MESSAGE, MSG_DONTWAIT)) > 0;)
		bytes += (int)n;
	return bytes / MESSAGE;
}

static int fill_a_box(int *got)
{
	struct echo_address box = { .bytes = sizeof(sa_family_t) };
	int to = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	int from = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	box.any.sa_family = AF_UNIX;
	must(bind(to, &box.any, box.bytes));
	box.bytes = sizeof box.un;
	must(getsockname(to, &box.any, &box.bytes));
	int sent = fill(from, &box);
	*got = drain(to);
	return sent;
}

static int flood_udp(int *got, int *room)
{
	struct echo_address box;
	char message[MESSAGE] = "";
	int small = 4096, sent = 0;

	must_neg(echo_address_parse("127.0.0.1:0", &box));
	int to = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	int from = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	must(setsockopt(to, SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
	*room = buffer_of(to, SO_RCVBUF);
	must(bind(to, &box.any, box.bytes));
	must(getsockname(to, &box.any, &box.bytes));
	if (connect(from, &box.any, box.bytes) == -1)
		skip("no way to 127.0.0.1 (%s): ip link set lo up",
		     strerror(errno));
	for (int i = 0; i < PACKETS; i++)
		sent += send(from, message, MESSAGE, 0) == MESSAGE;
	*got = drain(to);
	return sent;
}

// A sender that sleeps in the middle of a stream, until we read.
static void wake_a_writer(void)
{
	int fd[2];

	pair_of(STREAM, fd);
	int room = buffer_of(fd[0], SO_SNDBUF);
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		char *much = must_ptr(calloc(2, room));
		must(close(fd[1]));
		ssize_t n = must(send(fd[0], much, 2 * (size_t)room, 0));
		claim(n == 2 * (ssize_t)room,
		      "read, the peer lets it go on: send has sent all");
		_exit(0);
	}
	must(close(fd[0]));
	await_state(writer, 'S');
	say("a writer of %d bytes sleeps; its send buffer: %d", 2 * room, room);
	char *much = must_ptr(calloc(2, room));
	while (recv(fd[1], much, room, 0) > 0)
		continue;
	free(much);
	reap(writer);
}

void show_unread(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[KINDS + 1];
	char notes[KINDS + 1][48], line[HOST_TEXT];
	int got, room = 0;
	bool whole = true;

	for (int k = 0; k < KINDS; k++) {
		int fd[2];
		pair_of(k, fd);
		room = buffer_of(fd[0], SO_SNDBUF);
		int sent = fill(fd[0], NULL);
		whole &= drain(fd[1]) == sent;
		snprintf(notes[k], sizeof *notes, "%d", sent);
		bars[k] = (struct bar){ socket_kinds[k].name, notes[k], sent };
	}
	int sent = fill_a_box(&got);
	whole &= got == sent;
	snprintf(notes[KINDS], sizeof *notes, "%d", sent);
	bars[KINDS] = (struct bar){ "to a box", notes[KINDS], sent };
	say("messages of %d bytes, until send would wait:", MESSAGE);
	char *picture = must_ptr(draw_bars(&canvas, bars, KINDS + 1, false));
	show(picture);
	free(picture);
	claim(whole,
	      "AF_UNIX loses nothing: the sender waits, or is told EAGAIN");
	say("overhead is charged, too; the send buffer has %d bytes", room);
	host_line("/proc/sys/net/unix/max_dgram_qlen", line, sizeof line);
	long limit = strtol(line, NULL, 10);
	if (limit > 0)
		claim(sent <= limit + 1,
		      "a box for many holds max_dgram_qlen (%ld) and one, at "
		      "most",
		      limit);
	wake_a_writer();
	sent = flood_udp(&got, &room);
	say("UDP, receive buffer of %d bytes: %d sent, %d received", room, sent,
	    got);
	claim(sent == PACKETS && got < sent,
	      "UDP loses what nobody reads: every send succeeded");
}
