// # An echo server of fibers
//
//     the first   waits until it is told to stop, and then sees to it
//     one         accepts, and spawns a fiber for each client
//     each other  receives and sends, for one client
//
// Compare `converse` with epoll.c and uring.c of ipc/echo/: there a client is a
// record, and what comes next for it must be worked out from its fields each time
// that something has happened. Here it is where its fiber stands, and what it
// has is local variables. The buffer is on the fiber's stack: a client that is
// silent has a stack of which it has touched little, one that talks has touched
// some pages more.
//
// To stop is to end each conversation from outside: shutdown(2) makes the receive
// it waits in return 0. A fiber that is cancelled would do as well; the shutdown
// also ends what is sent.
//
// Sources: RFC 862; Behren, Condit & Brewer, "Why Events Are A Bad Idea (for
// high-concurrency servers)", HotOS 2003.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>

#include "fiber_echo.h"
#include "ipc/echo/parts.h"

struct client {
	struct server *server;
	struct client *next, **link; // in the list of all
	int fd;
	uint64_t number, bytes;
};

struct server {
	const struct echo_job *job;
	struct client *clients;
	int accepted; // handed to a fiber that has not begun yet
	bool stopping;
	int error;
};

// ## One client

static void enter(struct server *s, struct client *c)
{
	c->next = s->clients;
	c->link = &s->clients;
	if (c->next)
		c->next->link = &c->next;
	s->clients = c;
}

static void leave(struct client *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
}

static ssize_t send_all(int fd, const char *bytes, ssize_t n)
{
	ssize_t sent = 0, at = 0;

	while (at < n && (sent = fiber_send(fd, bytes + at, n - at, 0)) > 0)
		at += sent;
	return sent < 0 ? sent : at;
}

// Until the client has said all, or an error.
static int converse(struct client *c)
{
	char buffer[ECHO_BUFFER];
	ssize_t n;

	while ((n = fiber_recv(c->fd, buffer, sizeof buffer, 0)) > 0) {
		n = send_all(c->fd, buffer, n);
		if (n < 0)
			break;
		c->bytes += n;
		echo_count(&c->server->job->counts->bytes, n);
	}
	return (int)-n;
}

static void *client(void *server)
{
	struct server *s = server;
	struct client me = { .server = s, .fd = s->accepted };

	s->accepted = -1;
	me.number = echo_began(s->job);
	enter(s, &me);
	int error = s->stopping ? 0 : converse(&me);
	leave(&me);
	(void)fiber_close(me.fd);
	error = s->stopping ? 0 : error;
	echo_ended(s->job, error);
	if (s->job->gone)
		s->job->gone(me.number, me.bytes, error);
	return NULL;
}

// ## Who accepts

// The new fiber takes the descriptor when it first runs, so it is let run before
// the next one is accepted.
static int hand_over(struct server *s, int fd)
{
	s->accepted = fd;
	int error = fiber_spawn(NULL, client, s);
	if (error) {
		(void)fiber_close(fd);
		echo_began(s->job);
		echo_ended(s->job, -error);
		return 0;
	}
	while (s->accepted != -1)
		fiber_yield();
	return 0;
}

// What must not be waited out is a mistake. Who finds no room waits in the
// listener's queue meanwhile; see echo_trouble.
static void *accept_all(void *server)
{
	struct server *s = server;
	int fd, error = 0;

	while (!s->stopping && error != -ECANCELED && !s->error) {
		error = 0;
		fd = echo_is_full(s->job) ? -EMFILE
					  : fiber_accept(s->job->listener, NULL,
							 NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			error = hand_over(s, fd);
		} else if (fd == -ECANCELED) {
			error = fd;
		} else if (echo_trouble(-fd) == ECHO_REST) {
			echo_count(&s->job->counts->rests, 1);
			error = fiber_sleep(ECHO_REST_MS * 1000000LL);
		} else if (echo_trouble(-fd) == ECHO_BROKEN) {
			s->error = fd;
		}
	}
	return NULL;
}

// ## From the beginning to the end

static void *serve(void *server)
{
	struct server *s = server;
	struct fiber *acceptor;

	s->error = fiber_spawn(&acceptor, accept_all, s);
	if (s->error)
		return NULL;
	int events = fiber_poll(s->job->stop, POLLIN);
	s->stopping = true;
	if (events < 0)
		s->error = s->error ?: events;
	fiber_cancel(acceptor);
	(void)fiber_join(acceptor, NULL);
	for (struct client *c = s->clients; c; c = c->next)
		(void)shutdown(c->fd, SHUT_RDWR);
	return NULL;
}

// The clients at once are bounded by the job, so that there is always a place for
// the two that are none.
int fiber_echo_serve(const struct echo_job *job, enum fiber_backend backend,
		     struct fiber_facts *facts)
{
	struct echo_job bounded = *job;
	struct server server = { .job = &bounded, .accepted = -1 };

	if (!bounded.most_clients)
		bounded.most_clients = FIBER_ECHO_MOST;
	struct fiber_setup setup = {
		.most = (size_t)bounded.most_clients + 4,
		.backend = backend,
		.facts = facts,
	};
	int error = echo_set_blocking(job->listener, true);
	return error ? error : fiber_run(&setup, serve, &server) ?: server.error;
}
