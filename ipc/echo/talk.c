// # One client's conversation
//
// What it sends follows from its seed, so what comes back can be compared byte
// for byte. How far ahead it sends, how it reads and leaves, its conduct says.
//
// Sources: send(2), recv(2), shutdown(2); socket(7), SO_LINGER.

#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "crowd.h"
#include "random.h"

// What a client sends from byte `at` on: word k is the generator's first number
// after the seed plus k, so any part can be made without what stands before it.
static void content(const struct client *c, size_t at, char *bytes, size_t n)
{
	while (n > 0) {
		struct random random = { c->seed + at / 8 };
		uint64_t word = htole64(random_next(&random));
		size_t skip = at % 8, part = 8 - skip < n ? 8 - skip : n;

		memcpy(bytes, (const char *)&word + skip, part);
		bytes += part;
		at += part;
		n -= part;
	}
}

// ## How it ends for a client

// The gate counts everybody once, who fails before it too.
static void leave_state(struct play *p, struct client *c)
{
	if (c->state == CONNECTING || c->state == GREETING_BACK) {
		p->at_door--;
		p->arrived++;
	}
	if (c->state != DONE && c->conduct->kind != ECHO_SILENT)
		p->talking--;
	c->state = DONE;
}

static void close_client(struct play *p, struct client *c, bool reset)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once,
			   sizeof at_once);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	leave_state(p, c);
}

void crowd_did_well(struct play *p, struct client *c, bool reset)
{
	p->report->well[c->conduct->kind]++;
	close_client(p, c, reset);
}

void crowd_failed(struct play *p, struct client *c, const char *fmt, ...)
{
	struct echo_report *report = p->report;
	size_t bytes = sizeof report->first;
	va_list ap;

	if (report->failed++ == 0) {
		int n = snprintf(report->first, bytes,
				 "client %td (%s): ", c - p->clients + 1,
				 echo_kind_names[c->conduct->kind]);
		va_start(ap, fmt);
		vsnprintf(report->first + n, bytes - n, fmt, ap);
		va_end(ap);
	}
	close_client(p, c, true);
}

// ## Sending and receiving

void crowd_want(struct play *p, struct client *c, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (c->wanted == events)
		return;
	c->wanted = events;
	if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, c->fd, &event) == -1)
		crowd_failed(p, c, "epoll_ctl: %s", strerror(errno));
}

static size_t may_send(const struct client *c)
{
	const struct conduct *d = c->conduct;
	size_t limit = c->state == TALKING ? d->bytes : GREETING;

	if (c->state == TALKING && d->ahead < limit - c->back)
		limit = c->back + d->ahead;
	return limit > c->sent ? limit - c->sent : 0;
}

int crowd_send(struct play *p, struct client *c)
{
	for (size_t n; (n = may_send(c)) > 0;) {
		n = n < SCRATCH ? n : SCRATCH;
		content(c, c->sent, p->out, n);
		ssize_t sent = send(c->fd, p->out, n, MSG_NOSIGNAL);
		if (sent == -1 && errno == EAGAIN)
			return 1;
		if (sent == -1 && errno != EINTR)
			return -errno;
		if (sent > 0) {
			c->asked_ns = now_ns();
			c->sent += sent;
		}
	}
	return 0;
}

static void note_trip(struct play *p, const struct client *c)
{
	if (c->conduct->kind != ECHO_PROMPT || p->trips == p->room ||
	    c->state != TALKING || c->back < c->sent)
		return;
	p->trips_ns[p->trips++] = (double)(now_ns() - c->asked_ns);
}

ssize_t crowd_receive(struct play *p, struct client *c, size_t most)
{
	ssize_t n = recv(c->fd, p->in, most < SCRATCH ? most : SCRATCH, 0);

	if (n <= 0)
		return n == 0 ? 0 : -errno;
	content(c, c->back, p->out, n);
	if (memcmp(p->in, p->out, n) != 0 || c->back + n > c->sent)
		return -EILSEQ;
	c->back += n;
	p->report->bytes += n;
	note_trip(p, c);
	return n;
}

bool crowd_complain(struct play *p, struct client *c, ssize_t n)
{
	if (n == -EILSEQ)
		crowd_failed(p, c, "after %zu right bytes came wrong ones",
			     c->back);
	else if (n == 0)
		crowd_failed(p, c, "end of file after %zu of %zu bytes",
			     c->back, c->sent);
	else if (n < 0 && n != -EAGAIN && n != -EINTR)
		crowd_failed(p, c, "%s after %zu of %zu bytes",
			     strerror((int)-n), c->back, c->sent);
	else
		return false;
	return true;
}

// ## One turn of a client

static bool nibbles(const struct client *c)
{
	return c->bites < c->conduct->bites;
}

// Receives what there is. Who has all back is done, or, having half closed,
// waits for the end of file.
static void hear(struct play *p, struct client *c)
{
	ssize_t n = crowd_receive(p, c, SCRATCH);
	bool all = c->back == c->conduct->bytes;

	if (all && (c->conduct->half_close ? n == 0 : n > 0))
		crowd_did_well(p, c, false);
	else if (n <= 0)
		crowd_complain(p, c, n);
}

// Who vanishes does so while the server has work with it: with much still under
// way; with an answer unread (close(2) then resets, too); or half closed, in
// the middle of an answer.
static void vanish(struct play *p, struct client *c, bool stuck)
{
	bool all_sent = c->sent == c->conduct->bytes;
	char byte;

	if (c->conduct->leave == LEAVES_UNREAD) {
		ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK);
		if (n == 1)
			crowd_did_well(p, c, false);
		else
			crowd_complain(p, c, n == 0 ? 0 : -errno);
	} else if (all_sent || (stuck && c->conduct->leave == RESETS)) {
		crowd_did_well(p, c, true);
	}
}

void crowd_talk(struct play *p, struct client *c, uint32_t events)
{
	const struct conduct *d = c->conduct;
	bool stays = d->leave == STAYS;

	if (stays && !nibbles(c) && events & ~(uint32_t)EPOLLOUT)
		hear(p, c);
	if (c->state == DONE)
		return;
	bool sending = c->sent < d->bytes;
	int stuck = crowd_send(p, c);
	if (stuck < 0) {
		crowd_complain(p, c, stuck);
		return;
	}
	if (sending && c->sent == d->bytes && d->half_close)
		shutdown(c->fd, SHUT_WR);
	if (!stays)
		vanish(p, c, stuck);
	if (c->state != DONE)
		crowd_want(p, c,
			   (nibbles(c) ? 0 : EPOLLIN) |
				   (may_send(c) > 0 ? EPOLLOUT : 0));
}

// Who nibbles asks for EPOLLIN only when it is through with it.
unsigned crowd_nibble(struct play *p)
{
	unsigned still = 0;

	for (unsigned i = 0; i < p->next; i++) {
		struct client *c = &p->clients[i];
		if (c->state != TALKING || !nibbles(c))
			continue;
		ssize_t n = crowd_receive(p, c, 1);
		if (n != 1 && crowd_complain(p, c, n))
			continue;
		c->bites += n == 1;
		if (nibbles(c))
			still++;
		else
			crowd_talk(p, c, 0);
	}
	return still;
}
