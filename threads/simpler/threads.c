// # The server, with a thread for each client
//
// Read `converse`: it is the protocol, from the greeting to the farewell. A line
// is waited for where it is needed, in the middle of a loop if need be. How far
// a conversation has come is where its thread is in this text, and what it has
// to remember are local variables. The kernel keeps both while the thread
// sleeps.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "simpler.h"

enum { STACK_BYTES = 256 * 1024 };

struct caller {
	struct server *server;
	int fd;
	struct input input;
	bool too_long;
};

// Sleeps until there is a whole line. NULL: there will be none, because the
// client has gone or the line is too long.
static const char *next_line(struct caller *c)
{
	const char *line;

	while (!(line = input_line(&c->input))) {
		size_t bytes;
		if ((c->too_long = input_full(&c->input)))
			return NULL;
		void *room = input_room(&c->input, &bytes);
		ssize_t n = recv(c->fd, room, bytes, 0);
		if (n == 0 || (n == -1 && errno != EINTR))
			return NULL;
		c->input.end += n > 0 ? (size_t)n : 0;
	}
	return line;
}

// Sleeps until the kernel has taken all of it. False: the client has gone.
__attribute__((format(printf, 2, 3))) static bool answer(const struct caller *c,
							 const char *fmt, ...)
{
	char text[2 * LINE];
	va_list values;

	va_start(values, fmt);
	int length = vsnprintf(text, sizeof text, fmt, values);
	va_end(values);
	for (int sent = 0; sent < length;) {
		ssize_t n = send(c->fd, text + sent, length - sent,
				 MSG_NOSIGNAL);
		if (n == -1 && errno != EINTR)
			return false;
		sent += n > 0 ? (int)n : 0;
	}
	return true;
}

static void wait_for_back_end(const struct server *server)
{
	struct timespec left = { server->wait_ns / 1000000000,
				 server->wait_ns % 1000000000 };

	while (server->wait_ns > 0 && nanosleep(&left, &left) == -1 &&
	       errno == EINTR)
		;
}

// Not inlined, so that `states` finds `total` in memory, where it is by now.
__attribute__((noinline)) static bool add_up(struct caller *c, unsigned count,
					     uint64_t *total)
{
	const char *line;

	for (*total = 0; count > 0; count--) {
		if (!(line = next_line(c)))
			return false;
		*total += number_of(line);
	}
	return true;
}

static void converse(struct caller *c)
{
	struct request request, greeting;
	const char *line;
	unsigned sums = 0;
	uint64_t total;
	bool here = true;

	do {
		if (!(line = next_line(c)))
			return;
		greeting = request_of(line);
		here = greeting.verb == HELLO
			       ? answer(c, "hello %s\n", greeting.name)
			       : answer(c, "hello first\n");
	} while (here && greeting.verb != HELLO);

	while (here && (line = next_line(c))) {
		request = request_of(line);
		if (request.verb == SUM) {
			if (!add_up(c, request.count, &total))
				return;
			wait_for_back_end(c->server);
			here = answer(c, "%jd\n", (intmax_t)total);
			sums++;
		} else if (request.verb == BYE) {
			answer(c, "bye %s, %u %s\n", greeting.name, sums,
			       sums_word(sums));
			return;
		} else {
			here = answer(c, "what?\n");
		}
	}
}

// ## A thread a client

static void *serve_caller(void *argument)
{
	struct caller c = *(struct caller *)argument;

	free(argument);
	converse(&c);
	if (c.too_long)
		answer(&c, "too long\n");
	close(c.fd);
	atomic_fetch_sub_explicit(&c.server->open, 1, memory_order_relaxed);
	return NULL;
}

static void begin_thread(struct server *server, int fd)
{
	struct caller *caller = malloc(sizeof *caller);
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add_explicit(&server->open, 1, memory_order_relaxed);
	if (caller)
		*caller = (struct caller){ .server = server, .fd = fd };
	int error = caller ? pthread_create(&thread, &attributes, serve_caller,
					    caller)
			   : ENOMEM;
	if (error)
		turn_away(error);
	pthread_attr_destroy(&attributes);
}

// To stop is to return: the process ends, and all of its threads.
static void serve(struct server *server)
{
	struct pollfd wanted[] = { { .fd = server->listener, .events = POLLIN },
				   { .fd = server->stop, .events = POLLIN } };

	while (!wanted[1].revents) {
		if (poll(wanted, 2, -1) == -1 && errno != EINTR)
			return;
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd != -1)
			begin_thread(server, fd);
		else if (errno == EMFILE)
			turn_away(errno);
	}
}

const struct way threads_way = {
	.name = "threads",
	.source = "threads/simpler/threads.c",
	.serve = serve,
};
