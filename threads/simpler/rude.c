// # Clients that do not behave
//
// They leave in the middle, or ask and do not listen. That must cost the others
// nothing, and the server no more than it has set aside.

#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"
#include "simpler.h"

// ## Leaving
//
// In the middle of a line, of a list, of the back end's work, and with an answer
// under way. Each is in the state we want when it leaves: it has been greeted, if
// it said hello (a thread that finds nobody to greet ends there), and the server
// has read its last byte. The thread of somebody who leaves while the back end
// works learns it when it answers; the machine is told by epoll before.

enum { LONG_NS = 50000000 };
#define MINUTE_NS (INT64_C(60) * 1000000000)

static void leave_after(const struct running *r, bool hello, const char *text)
{
	int fd = connect_to(r);
	char reply[REPLY];

	if (hello) {
		send_text(fd, "hello ann\n");
		receive(fd, reply, strlen("hello ann\n"));
	}
	send_text(fd, text);
	await_read(fd);
	must(close(fd));
}

static void leave(const struct way *way)
{
	static const struct {
		bool hello;
		const char *text;
	} partings[] = {
		{ false, "hel" },
		{ true, "sum 3\n1\n" },
		{ true, "sum 1\n1\n" },
		{ true, "sum 1\n1\nsum 1\n2\nsum 1\n3\nbye\n" },
	};
	char reply[REPLY];
	struct running r = start_server(way, LONG_NS);
	int stays = connect_to(&r);

	send_text(stays, "hello eve\nsum 2\n40\n");
	size_t n = receive(stays, reply, strlen("hello eve\n"));
	long threads = status_of_server(&r, "status", "Threads");
	int descriptors = descriptors_of(&r);
	for (size_t i = 0; i < sizeof partings / sizeof *partings; i++)
		leave_after(&r, partings[i].hello, partings[i].text);
	await_open(&r, 1);
	claim(descriptors_of(&r) == descriptors,
	      "%s: four have left in the middle, no descriptor remains",
	      way->name);
	while (status_of_server(&r, "status", "Threads") > threads)
		poll(NULL, 0, 1);
	send_text(stays, "2\nbye\n");
	n += receive(stays, reply + n, sizeof reply - n);
	claim(n == strlen("hello eve\n42\nbye eve, 1 sum\n") &&
		      !memcmp(reply, "hello eve\n42\nbye eve, 1 sum\n", n),
	      "%s: who was in the middle of a list goes on", way->name);
	must(close(stays));
	stop_server(&r);
}

// The back end takes a minute, and nobody waits for its answer any more. The
// thread sleeps in nanosleep(2) and can be told nothing.
static void leave_while_waiting(const struct way *way)
{
	struct running r = start_server(way, MINUTE_NS);

	leave_after(&r, true, "sum 1\n1\n");
	if (way == &machine_way)
		await_open(&r, 0);
	claim(atomic_load_explicit(&r.server->open, memory_order_relaxed) ==
		      (way == &threads_way),
	      "%s: who leaves during the back end's work is %s", way->name,
	      way == &threads_way ? "not missed" : "forgotten");
	stop_server(&r);
}

void scene_leave(void)
{
	for (int i = 0; i < WAYS; i++) {
		leave(ways[i]);
		leave_while_waiting(ways[i]);
	}
}

// ## Asking, and not listening
//
// The answers fill the buffer in the kernel, then nobody takes requests any
// more, then the client's own buffer is full and its send would block: back
// pressure, all the way. A thread has it for nothing, it sleeps in send. The
// machine has to see that the answer did not go, keep it, ask epoll for EPOLLOUT
// instead of EPOLLIN, and take no line until it has gone.

enum { REQUESTS = 1 << 14, SMALL_BUFFER = 16384 };

static const char ask[] = "sum 1\n7\n";
enum { ASK = sizeof ask - 1, ANSWER = 2 };

struct flood {
	int fd;
	size_t said, heard; // bytes
};

// Says as much as there is room for.
static void say_some(struct flood *f)
{
	while (f->said < (size_t)REQUESTS * ASK) {
		size_t at = f->said % ASK;
		ssize_t n = send(f->fd, ask + at, ASK - at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			return;
		f->said += must(n);
	}
}

static size_t hear_rest(struct flood *f)
{
	size_t wrong = 0;
	char bytes[4096];

	while (f->heard < (size_t)REQUESTS * ANSWER) {
		struct pollfd can = { .fd = f->fd, .events = POLLIN };
		if (f->said < (size_t)REQUESTS * ASK)
			can.events |= POLLOUT;
		must(poll(&can, 1, -1));
		if (can.revents & POLLOUT)
			say_some(f);
		if (!(can.revents & (POLLIN | POLLHUP)))
			continue;
		ssize_t n = must(recv(f->fd, bytes, sizeof bytes, 0));
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			wrong += bytes[i] != "7\n"[f->heard++ % ANSWER];
	}
	return wrong;
}

static void slow(const struct way *way)
{
	struct running r = start_server(way, 0);
	struct flood f = { .fd = connect_to(&r) };
	char reply[REPLY];
	const int small = SMALL_BUFFER;

	must(setsockopt(f.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
	send_text(f.fd, "hello ann\n");
	receive(f.fd, reply, strlen("hello ann\n"));
	// The server may yet make room; what it cannot do is to make it for ever.
	for (size_t before = 1; before != f.said; poll(NULL, 0, 5)) {
		before = f.said;
		say_some(&f);
	}
	say("%s: it has not listened, and got rid of %zu requests", way->name,
	    f.said / ASK);
	claim(f.said < (size_t)REQUESTS * ASK,
	      "%s: who does not listen cannot go on asking", way->name);

	int other = connect_to(&r);
	send_text(other, "hello eve\nsum 1\n1\nbye\n");
	size_t n = receive(other, reply, sizeof reply);
	claim(n == strlen("hello eve\n1\nbye eve, 1 sum\n"),
	      "%s: others are served meanwhile", way->name);
	must(close(other));

	size_t wrong = hear_rest(&f);
	claim(wrong == 0 && f.heard == (size_t)REQUESTS * ANSWER,
	      "%s: then it listens, and has all %d answers", way->name,
	      REQUESTS);
	must(close(f.fd));
	stop_server(&r);
}

void scene_slow(void)
{
	for (int i = 0; i < WAYS; i++)
		slow(ways[i]);
}
