// # A crowd of clients, good and bad
//
// One process, epoll, and a record for each client. What a client does is a row
// of a table (conduct.c), how it does it is told in talk.c. Here is how all of
// them come and go:
//
//     CONNECTING ──▶ GREETING ──▶ GATE ──▶ TALKING ──▶ DONE
//                    16 bytes     until everybody is here
//                    and back
//
// The gate makes them concurrent: when it opens, the server has accepted and
// answered every client, and not one of them has left (but for those that leave
// at once). Not too many stand at the door at the same time: a connection that
// finds the listener's queue full would be tried again only after a second.
//
// Sources: connect(2), "EINPROGRESS"; unix(7).

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "crowd.h"
#include "random.h"
#include "stats.h"

enum {
	AT_THE_DOOR = 64, // connecting or greeting
	EVENTS = 256,
	TICK_MS = 1, // between two bites of the slow
	SPARE = 32,  // descriptors of this process besides clients
};

// ## From the door to the gate

static void greet(struct play *p, struct client *c)
{
	ssize_t n = 0;

	if (crowd_send(p, c) < 0 || c->sent < GREETING)
		n = -EPIPE;
	else if (c->back < GREETING)
		n = crowd_receive(p, c, GREETING - c->back);
	if (n <= 0 && crowd_complain(p, c, n))
		return;
	if (c->back < GREETING) {
		crowd_want(p, c, EPOLLIN);
		return;
	}
	c->state = GATE;
	p->at_door--;
	p->arrived++;
	crowd_want(p, c, 0);
}

static void connected(struct play *p, struct client *c)
{
	int error;
	socklen_t bytes = sizeof error;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == -1)
		error = errno;
	if (error) {
		crowd_failed(p, c, "connect: %s", strerror(error));
	} else if (c->conduct->leave == AT_ONCE) {
		crowd_did_well(p, c, false);
	} else if (c->conduct->kind == ECHO_SILENT) {
		c->state = GATE;
		p->at_door--;
		p->arrived++;
		crowd_want(p, c, 0);
	} else {
		c->state = GREETING_BACK;
		greet(p, c);
	}
}

// Returns 0 or -errno; -EAGAIN: the queue of an AF_UNIX listener is full.
static int begin_to_connect(struct play *p, struct client *c)
{
	const struct echo_address *server = p->server;
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = c };
	int on = 1, room = c->conduct->room;

	c->fd = socket(server->any.sa_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd == -1)
		return -errno;
	if (server->any.sa_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (room)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (connect(c->fd, &server->any, server->bytes) == -1 &&
	    errno != EINPROGRESS)
		return -errno;
	c->wanted = EPOLLOUT;
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &event) == -1 ? -errno
								       : 0;
}

// Returns whether somebody found the queue full: try again a little later.
static bool send_to_the_door(struct play *p)
{
	while (p->next < p->crowd->clients && p->at_door < AT_THE_DOOR) {
		struct client *c = &p->clients[p->next];
		int error = begin_to_connect(p, c);
		if (error == -EAGAIN) {
			close(c->fd);
			c->fd = -1;
			return true;
		}
		p->next++;
		p->at_door++;
		if (error)
			crowd_failed(p, c, "connect: %s", strerror(-error));
	}
	return false;
}

static void open_gate(struct play *p)
{
	p->open = true;
	for (unsigned i = 0; i < p->next; i++) {
		struct client *c = &p->clients[i];
		if (c->state != GATE || c->conduct->kind == ECHO_SILENT)
			continue;
		c->state = TALKING;
		crowd_want(p, c, EPOLLIN | EPOLLOUT);
	}
}

// ## The play

static void take_turn(struct play *p, struct client *c, uint32_t events)
{
	switch (c->state) {
	case CONNECTING:
		connected(p, c);
		break;
	case GREETING_BACK:
		greet(p, c);
		break;
	case TALKING:
		crowd_talk(p, c, events);
		break;
	case GATE: // only errors are reported here
		crowd_failed(p, c, "the server hung up");
		break;
	case DONE:
		break;
	}
}

static void end_all(struct play *p, const char *reason)
{
	for (unsigned i = 0; i < p->crowd->clients; i++) {
		struct client *c = &p->clients[i];
		if (c->state != DONE && c->conduct->kind == ECHO_SILENT &&
		    !reason)
			crowd_did_well(p, c, false);
		else if (c->state != DONE)
			crowd_failed(p, c,
				     "%s: %zu of %zu bytes sent, %zu back",
				     reason ? reason : "left over", c->sent,
				     c->conduct->bytes, c->back);
	}
}

static int play_on(struct play *p)
{
	struct epoll_event events[EVENTS];
	int64_t begin_ns = now_ns(), tick_ns = begin_ns;
	unsigned slow_ones = 0;

	while (p->talking > 0 || !p->open) {
		int64_t left_ns = begin_ns + p->crowd->limit_ns - now_ns();
		if (left_ns <= 0) {
			end_all(p, "out of time");
			break;
		}
		bool again = send_to_the_door(p);
		if (!p->open && p->arrived == p->crowd->clients) {
			open_gate(p);
			slow_ones = 1;
			continue;
		}
		int n = epoll_wait(p->epoll, events, EVENTS,
				   again || slow_ones > 0
					   ? TICK_MS
					   : (int)(left_ns / 1000000 + 1));
		if (n == -1 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			take_turn(p, events[i].data.ptr, events[i].events);
		if (now_ns() - tick_ns >= TICK_MS * INT64_C(1000000)) {
			tick_ns = now_ns();
			slow_ones = p->open ? crowd_nibble(p) : 0;
		}
	}
	end_all(p, NULL);
	p->report->took_ns = now_ns() - begin_ns;
	return 0;
}

static void begin_clients(struct play *p)
{
	struct random random = { p->crowd->seed };

	echo_crowd_count(p->crowd, p->report->sent);
	for (unsigned i = 0; i < p->crowd->clients; i++) {
		struct client *c = &p->clients[i];
		c->conduct = crowd_conduct(p->crowd, i);
		c->fd = -1;
		c->seed = random_next(&random);
		p->talking += c->conduct->kind != ECHO_SILENT;
		if (c->conduct->kind == ECHO_PROMPT)
			p->room += c->conduct->bytes / c->conduct->ahead;
	}
}

static int play(struct play *p)
{
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->clients = calloc(p->crowd->clients + 1, sizeof *p->clients);
	p->out = malloc(SCRATCH);
	p->in = malloc(SCRATCH);
	if (p->epoll == -1)
		return -errno;
	if (!p->clients || !p->out || !p->in)
		return -ENOMEM;
	begin_clients(p);
	p->trips_ns = calloc(p->room + 1, sizeof *p->trips_ns);
	if (!p->trips_ns)
		return -ENOMEM;
	int error = play_on(p);
	if (p->trips > 0) {
		stats_sort(p->trips_ns, p->trips);
		p->report->p50_ns = stats_quantile(p->trips_ns, p->trips, 0.5);
		p->report->p99_ns = stats_quantile(p->trips_ns, p->trips, 0.99);
	}
	return error;
}

// Whether there is a way to the server at all. connect(2) on a datagram socket
// sends nothing, it only looks for a way; in a new network namespace even the
// loopback interface is down (ENETUNREACH).
static int look_for_a_way(const struct echo_address *server)
{
	if (server->any.sa_family == AF_UNIX)
		return 0;
	int fd = socket(server->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = fd == -1 || connect(fd, &server->any, server->bytes) == -1
			    ? -errno
			    : 0;
	if (fd != -1)
		close(fd);
	return error;
}

int echo_crowd_play(const struct echo_crowd *crowd,
		    const struct echo_address *server,
		    struct echo_report *report)
{
	struct play p = { .crowd = crowd, .server = server, .report = report };

	*report = (struct echo_report){ .failed = 0 };
	int error = echo_descriptors(crowd->clients + SPARE)
			    ?: look_for_a_way(server);
	if (error)
		return error;
	error = play(&p);
	for (unsigned i = 0; p.clients && i < crowd->clients; i++)
		if (p.clients[i].conduct && p.clients[i].fd != -1)
			close(p.clients[i].fd);
	if (p.epoll != -1)
		close(p.epoll);
	free(p.clients);
	free(p.trips_ns);
	free(p.out);
	free(p.in);
	return error;
}
