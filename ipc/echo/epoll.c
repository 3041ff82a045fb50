// # One thread that asks who is ready
//
// No call may wait for one client, since all others would wait with it. So
// every socket is non-blocking, and there is one place to sleep: epoll_wait(2),
// which says which sockets could be read or written now. A client is no longer
// a process with a stack but a record with a state, and there are just two:
//
//              it has something for us
//     READING ─────────────────────────▶ recv, send ──▶ all sent: READING
//        ▲                                    │
//        │ all sent                           ▼ it takes no more (EAGAIN)
//        └──────────────── send ◀────────── WRITING
//                            it has room again
//
// READING we want EPOLLIN, WRITING only EPOLLOUT. That is the whole of back
// pressure: while something is left for a client we read nothing from it, so
// there is one buffer each and never more in it than that. And it is what keeps
// a level-triggered loop from spinning: epoll reports a condition as long as it
// lasts, so who asks for what it does not want to have now (EPOLLIN with a full
// buffer, EPOLLOUT with an empty one) is woken for it again and again.
//
// Level-triggered, not EPOLLET: one recv a turn is enough then, since what is
// left is reported again, and a client that sends without end gets no more than
// its turn. Edge-triggered one must read until EAGAIN, or wait for ever.
//
// What it costs: two system calls for each message, and one wait for all that
// happened meanwhile; per client a descriptor and a buffer. It uses one CPU.
//
// Sources: epoll(7), epoll_ctl(2), accept(2), send(2); Kegel, "The C10K
// problem"; Banga, Mogul & Druschel, "A Scalable and Explicit Event Delivery
// Mechanism for UNIX", USENIX 1999.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "parts.h"

enum { EVENTS = 64, AT_THE_DOOR = 64 };

struct server {
	const struct echo_job *job;
	int epoll;
	bool door_watched;
	struct echo_rest rest;
	struct echo_client *clients;
};

// `how` is EPOLL_CTL_ADD or EPOLL_CTL_MOD.
static int watch(struct server *s, int how, int fd, uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	return epoll_ctl(s->epoll, how, fd, &event) == -1 ? -errno : 0;
}

// ## A client

// One turn. EPOLLERR and EPOLLHUP come unasked; the recv or the send that we
// do next anyway says what is behind them. Returns 1 at the end of file: all
// was sent back then, or we would not have read. Else 0 or -errno.
static int serve_turn(struct server *s, struct echo_client *c)
{
	if (!c->sending) {
		ssize_t n = recv(c->fd, c->buffer, sizeof c->buffer, 0);
		if (n == 0)
			return 1;
		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		c->begin = 0;
		c->end = n;
	}
	while (c->begin < c->end) {
		ssize_t n = send(c->fd, c->buffer + c->begin, c->end - c->begin,
				 MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1 && errno != EINTR)
			return -errno;
		if (n > 0)
			echo_client_sent(s->job, c, n);
	}
	bool sending = c->begin < c->end;
	if (sending == c->sending)
		return 0;
	c->sending = sending;
	return watch(s, EPOLL_CTL_MOD, c->fd, sending ? EPOLLOUT : EPOLLIN, c);
}

// Closing the last descriptor takes a socket out of the epoll set.
static void end_client(struct server *s, struct echo_client *c, int error)
{
	echo_client_end(s->job, &s->clients, c, error);
	s->rest.until_ns = 0;
}

// The record first: it is easier to give back than a connection.
static int begin_client(struct server *s)
{
	struct echo_client *c = malloc(sizeof *c);
	int fd = !c ? -ENOMEM
		    : accept4(s->job->listener, NULL, NULL,
			      SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		fd = -errno;
	if (fd < 0) {
		free(c);
		return fd;
	}
	echo_client_begin(s->job, &s->clients, c, fd);
	int error = watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, c);
	if (error)
		end_client(s, c, -error);
	return 0;
}

// ## The door

// Nobody can be let in while we rest or are full: then the door is taken out of
// the set, or epoll would report it again at once.
static int watch_door(struct server *s)
{
	const struct echo_job *job = s->job;
	bool open = s->rest.until_ns == 0 && !echo_is_full(job);

	if (open == s->door_watched)
		return 0;
	s->door_watched = open;
	return watch(s, EPOLL_CTL_MOD, job->listener, open ? EPOLLIN : 0,
		     &s->rest);
}

// Some at a time, so that a throng at the door does not keep the others
// waiting. Who is left is reported again.
static int let_in(struct server *s)
{
	for (int i = 0; i < AT_THE_DOOR && !echo_is_full(s->job); i++) {
		int error = begin_client(s);
		if (error == -EAGAIN)
			break;
		switch (error ? echo_trouble(-error) : ECHO_GO_ON) {
		case ECHO_GO_ON:
			break;
		case ECHO_REST:
			echo_rest_begin(&s->rest, s->job);
			return 0;
		case ECHO_BROKEN:
			return error;
		}
	}
	return 0;
}

// ## The loop

// Returns 1 when told to stop. Each socket is in `events` once at most, and
// only its own turn ends a client: none of the records is gone before its turn.
static int take_turns(struct server *s, struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		void *what = events[i].data.ptr;
		if (what == s)
			return 1;
		if (what == &s->rest) {
			int error = let_in(s);
			if (error)
				return error;
			continue;
		}
		int end = serve_turn(s, what);
		if (end)
			end_client(s, what, end < 0 ? -end : 0);
	}
	return 0;
}

static int serve_until_stopped(struct server *s)
{
	struct epoll_event events[EVENTS];
	int stopped = 0;

	while (!stopped) {
		int error = watch_door(s);
		if (error)
			return error;
		int n = epoll_wait(s->epoll, events, EVENTS,
				   echo_rest_ms(&s->rest));
		if (n == -1 && errno != EINTR)
			return -errno;
		echo_count(&s->job->counts->turns, 1);
		stopped = take_turns(s, events, n);
		if (echo_rest_is_over(&s->rest))
			s->rest.until_ns = 0;
	}
	return stopped < 0 ? stopped : 0;
}

// Two addresses that no client has mark the door and the word to stop.
static int serve(const struct echo_job *job)
{
	struct server s = { .job = job };

	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll == -1)
		return -errno;
	int error = echo_set_blocking(job->listener, false)
			    ?: watch(&s, EPOLL_CTL_ADD, job->stop, EPOLLIN, &s)
			    ?: watch(&s, EPOLL_CTL_ADD, job->listener, 0, &s.rest)
			    ?: serve_until_stopped(&s);
	while (s.clients)
		end_client(&s, s.clients, 0);
	close(s.epoll);
	return error;
}

static int probe(char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	return 0;
}

const struct echo_way echo_way_epoll = {
	.name = "epoll",
	.title = "one thread that asks the kernel who is ready",
	.probe = probe,
	.serve = serve,
};
