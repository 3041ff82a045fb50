// # The queue at the door
//
// connect(2) does not wait for accept(2). The kernel makes the connection and
// puts it into the listener's queue, where accept later finds it; the client can
// send already. listen(2) says how long that queue may be, its backlog.
//
// A hint, says POSIX. On Linux the queue takes one more than asked for (the
// kernel asks "are there more than n?"), and never more than
// net.core.somaxconn, silently. What is certain: n connections find a place.
//
// Beyond that the families differ. AF_UNIX lets connect wait, or fail with EAGAIN
// if it must not. TCP throws the packet away that asks for the connection, and
// the client's kernel asks again: after a second, and then, up to Linux 6.4, after
// two more, four more ... Since 6.5 it first asks every second a few times
// (net.ipv4.tcp_syn_linear_timeouts). A server that is too slow at the door is
// seen as connections that take a whole number of seconds.
//
// Sources: listen(2), connect(2), unix(7); RFC 6298, 2 (the first second);
// the kernel's Documentation/networking/ip-sysctl.rst.

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "host.h"

enum { SIZES = 4, MOST = 64 };

static int begin_connect(const struct echo_address *address, int *error)
{
	int fd = must(socket(address->any.sa_family,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	*error = error_of(connect(fd, &address->any, address->bytes));
	return fd;
}

// How many connections find a place when nobody accepts.
static int fill_queue(int backlog)
{
	struct echo_address here;
	int listener = listen_on("unix:@", backlog, &here), error = 0, n = 0;
	int fd[MOST];

	while (n < MOST) {
		fd[n] = begin_connect(&here, &error);
		n++;
		if (error)
			break;
	}
	for (int i = 0; i < n; i++)
		must(close(fd[i]));
	must(close(listener));
	if (error != EAGAIN)
		die_at(__FILE__, __LINE__, "connect", error);
	return n - 1;
}

// ## Connected before anybody accepts

static void show_sizes(void)
{
	static const int sizes[SIZES] = { 1, 2, 8, 16 };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[SIZES];
	char labels[SIZES][24], notes[SIZES][16];
	bool enough = true;

	for (int i = 0; i < SIZES; i++) {
		int n = fill_queue(sizes[i]);
		enough &= n >= sizes[i];
		snprintf(labels[i], sizeof *labels, "listen(fd, %d)", sizes[i]);
		snprintf(notes[i], sizeof *notes, "%d", n);
		bars[i] = (struct bar){ labels[i], notes[i], n };
	}
	say("connected while nobody accepts:");
	char *picture = must_ptr(draw_bars(&canvas, bars, SIZES, false));
	show(picture);
	free(picture);
	claim(enough,
	      "room for n at least; then EAGAIN if connect must not wait");
}

void show_backlog(void)
{
	struct echo_address here;
	int listener = listen_on("unix:@", 0, &here);
	char got[8] = "";

	show_sizes();
	int first = connect_to(&here);
	must(send(first, "early", 5, 0));
	must(close(first));
	pid_t client = fork_as("client");
	if (client == 0) {
		int fd = connect_to(&here);
		say("connected at last");
		must(send(fd, "late", 4, 0));
		_exit(0);
	}
	await_state(client, 'S');
	say("one has connected, sent and closed; another one waits");
	claim(must(waitpid(client, NULL, WNOHANG)) == 0,
	      "connect waits while the queue is full");

	int fd = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	ssize_t n = must(recv(fd, got, sizeof got, 0));
	claim(n == 5 && !memcmp(got, "early", 5) &&
		      must(recv(fd, got, sizeof got, 0)) == 0,
	      "accept still brings the first, what it sent, and its end");
	fd = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	n = must(recv(fd, got, sizeof got, 0));
	claim(n == 4 && !memcmp(got, "late", 4),
	      "that made room, and the one that waited came in");
	reap(client);
}

// ## With TCP
//
// The kernel tells a listener's queue in TCP_INFO: how many wait (in the field
// tcpi_unacked) and how many may (tcpi_sacked); ss(8) prints them as Recv-Q and
// Send-Q. It counts what it threw away in SO_MEMINFO.

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t bytes = sizeof info;

	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes));
	return info;
}

static uint32_t dropped(int listener)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t bytes = sizeof info;

	must(getsockopt(listener, SOL_SOCKET, SO_MEMINFO, info, &bytes));
	return info[SK_MEMINFO_DROPS];
}

// Waits until the kernel has put the connection into the queue, or dropped what
// asked for it.
static bool gets_in(int listener, const struct echo_address *here, int *fd)
{
	uint32_t drops = dropped(listener);
	uint32_t waiting = info_of(listener).tcpi_unacked;
	int error;

	*fd = begin_connect(here, &error);
	if (error == ENETUNREACH)
		skip("no way to 127.0.0.1: ip link set lo up");
	if (error && error != EINPROGRESS)
		die_at(__FILE__, __LINE__, "connect", error);
	while (info_of(listener).tcpi_unacked == waiting &&
	       dropped(listener) == drops)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	return info_of(listener).tcpi_unacked > waiting;
}

void show_syn(void)
{
	enum { BACKLOG = 3 };
	struct echo_address here;
	int listener = listen_on("127.0.0.1:0", BACKLOG, &here), fd, n = 0;
	char line[HOST_TEXT];

	while (n < MOST && gets_in(listener, &here, &fd))
		n++;
	struct tcp_info queue = info_of(listener);
	say("listen(fd, %d): %u wait in the queue, %u dropped", BACKLOG,
	    queue.tcpi_unacked, dropped(listener));
	claim(n >= BACKLOG && (int)queue.tcpi_unacked == n,
	      "%d connections stand, though nobody has called accept", n);
	claim(info_of(fd).tcpi_state == TCP_SYN_SENT && dropped(listener) > 0,
	      "one more is dropped: SYN_SENT, and it asks again in a second");

	host_line("/proc/sys/net/core/somaxconn", line, sizeof line);
	long most = strtol(line, NULL, 10);
	if (most <= 0)
		return;
	int greedy = listen_on("127.0.0.1:0", 1 << 30, &here);
	say("listen(fd, 2^30) gets %u", info_of(greedy).tcpi_sacked);
	claim(info_of(greedy).tcpi_sacked == (uint32_t)most,
	      "at most net.core.somaxconn (%ld), and listen does not say so",
	      most);
}
