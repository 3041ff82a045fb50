// # I/O by epoll: the kernel says when, the program does it
//
// A call is tried so that it does not block. If there is nothing yet, the fiber
// waits until epoll says that there is, and tries again. Each descriptor is
// watched once and lists who waits for what on it; EPOLLONESHOT: once told, the
// kernel forgets, and is asked again by whoever still waits.
//
// When a descriptor is closed, epoll forgets it without a word (epoll(7), "Will
// closing a file descriptor cause it to be removed?"): who waited is made ready
// here, tries, and gets EBADF.
//
// A fiber that always finds its descriptor ready would never wait; so that it
// does not starve the others, each call counts as a turn.
//
// Sources: epoll(7), epoll_ctl(2).

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "parts.h"

enum { EVENTS = 256 };

// Who waits on one descriptor; the fibers' requests lie on their stacks.
struct watched {
	struct request *waiting;
};

// io_uring may have been tried before, in the same place of the scheduler, and
// leaves what it had when it failed.
static int open_epoll(struct scheduler *s)
{
	s->watched = NULL;
	s->watched_count = 0;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll == -1 ? -errno : 0;
}

static void close_epoll(struct scheduler *s)
{
	close(s->epoll);
	free(s->watched);
}

static int make_room(struct scheduler *s, size_t fd)
{
	size_t count = s->watched_count ?: 64;

	while (count <= fd)
		count *= 2;
	if (count == s->watched_count)
		return 0;
	struct watched *more = realloc(s->watched, count * sizeof *more);
	if (!more)
		return -ENOMEM;
	for (size_t i = s->watched_count; i < count; i++)
		more[i] = (struct watched){ 0 };
	s->watched = more;
	s->watched_count = count;
	return 0;
}

// Asks for all that is waited for on this descriptor; what is not known there
// yet (it is new, or has been closed and opened anew) is added.
static int ask(struct scheduler *s, int fd)
{
	struct epoll_event event = { .events = EPOLLONESHOT, .data.fd = fd };

	for (struct request *r = s->watched[fd].waiting; r; r = r->next)
		event.events |= (unsigned short)r->events;
	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	if (errno == ENOENT &&
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	return -errno;
}

static void take_out(struct scheduler *s, struct request *r)
{
	struct request **link = &s->watched[r->fd].waiting;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	s->under_way--;
}

static bool stop_waiting(struct scheduler *s, struct fiber *f)
{
	take_out(s, f->request);
	return true;
}

static int wait_until_ready(struct scheduler *s, struct request *r)
{
	int error = make_room(s, r->fd);

	if (error)
		return error;
	r->next = s->watched[r->fd].waiting;
	s->watched[r->fd].waiting = r;
	s->under_way++;
	error = ask(s, r->fd);
	if (error) {
		take_out(s, r);
		return error;
	}
	r->fiber->request = r;
	return (int)fiber_wait(s, stop_waiting);
}

// EPERM: this kind of file is always ready, says epoll, and does not watch it.
static int64_t perform(struct scheduler *s, struct request *r)
{
	enum attempt attempt = r->events ? TRY : BLOCK;
	int64_t result;

	if (s->turns > 0)
		s->turns--;
	else if (!r->operation->stays)
		fiber_yield();
	for (;;) {
		result = r->operation->attempt(r, attempt);
		if (result == -EINTR)
			continue;
		if (result != -EAGAIN || attempt == BLOCK)
			return result;
		int error = wait_until_ready(s, r);
		if (error && error != -EPERM)
			return error;
		attempt = error ? BLOCK : AGAIN;
	}
}

static void tell(struct scheduler *s, int fd, unsigned events)
{
	struct request **link = &s->watched[fd].waiting, *r;

	while ((r = *link)) {
		if (events &
		    ((unsigned short)r->events | EPOLLERR | EPOLLHUP)) {
			*link = r->next;
			s->under_way--;
			fiber_ready(s, r->fiber, 0);
		} else {
			link = &r->next;
		}
	}
	if (s->watched[fd].waiting && ask(s, fd) != 0)
		fiber_epoll_closed(s, fd);
}

void fiber_epoll_closed(struct scheduler *s, int fd)
{
	if (fd >= 0 && (size_t)fd < s->watched_count)
		tell(s, fd, EPOLLERR);
}

static int look(struct scheduler *s, int64_t limit_ns)
{
	struct epoll_event events[EVENTS];
	int64_t limit_ms = limit_ns < 0 ? -1 : (limit_ns + 999999) / 1000000;

	int n = epoll_wait(s->epoll, events, EVENTS,
			   limit_ms > 86400000 ? 86400000 : (int)limit_ms);
	for (int i = 0; i < n; i++)
		tell(s, events[i].data.fd, events[i].events);
	return n == -1 && errno != EINTR ? -errno : 0;
}

const struct backend fiber_epoll = { "epoll", open_epoll, close_epoll, perform,
				     look };
