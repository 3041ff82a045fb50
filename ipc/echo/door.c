// # From the door to the gate
//
// A client connects without waiting, sends a greeting and waits at the gate until
// everybody is there. Not too many stand at the door at the same time: a TCP
// connection that finds the listener's queue full would be tried again only
// after a second.
//
// Sources: connect(2), "EINPROGRESS"; unix(7).

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "crowd.h"

enum { AT_THE_DOOR = 64 }; // connecting or greeting

static void wait_at_gate(struct play *p, struct client *c)
{
	c->state = GATE;
	p->at_door--;
	p->arrived++;
	crowd_want(p, c, 0);
}

void crowd_greet(struct play *p, struct client *c)
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
	wait_at_gate(p, c);
}

void crowd_connected(struct play *p, struct client *c)
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
		wait_at_gate(p, c);
	} else {
		c->state = GREETING_BACK;
		crowd_greet(p, c);
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
bool crowd_send_to_the_door(struct play *p)
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

void crowd_open_gate(struct play *p)
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
