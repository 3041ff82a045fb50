// # The server, with one thread and a machine for each client
//
// One thread may wait for nobody in particular, or it keeps all the others
// waiting. So nothing in here sleeps but epoll_wait, and there is no text that
// could be read from the greeting to the farewell: it is cut at each place where
// threads.c sleeps, and what the thread's stack kept over that sleep has to be
// put into `struct connection` (simpler.h) by hand. Where a conversation is in
// the text becomes `state`; the loop over the numbers becomes `left`; a send
// that takes only half becomes `output`; a sleep becomes a place in a queue.

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "must.h"
#include "simpler.h"

enum { EVENTS = 64 };

const char *const state_names[] = { "GREETING", "COMMAND", "NUMBER", "WAITING",
				    "LEAVING" };

struct machine {
	struct server *server;
	int epoll;
	struct connection *all;
	// Who waits for the back end. All wait equally long, so who came first
	// is first due, and a queue is enough.
	struct connection *first_due, *last_due;
};

// ## What to be told of a connection

static bool watch(const struct machine *m, struct connection *c, uint32_t what)
{
	struct epoll_event event = { .events = what, .data.ptr = c };

	if (c->watched == what)
		return true;
	c->watched = what;
	return epoll_ctl(m->epoll, EPOLL_CTL_MOD, c->fd, &event) == 0;
}

// ## The queue of those who wait

static void enqueue(struct machine *m, struct connection *c)
{
	c->due_ns = now_ns() + m->server->wait_ns;
	c->state = WAITING;
	c->next_due = NULL;
	c->before_due = m->last_due;
	if (c->before_due)
		c->before_due->next_due = c;
	else
		m->first_due = c;
	m->last_due = c;
}

static void dequeue(struct machine *m, const struct connection *c)
{
	if (c->before_due)
		c->before_due->next_due = c->next_due;
	else
		m->first_due = c->next_due;
	if (c->next_due)
		c->next_due->before_due = c->before_due;
	else
		m->last_due = c->before_due;
}

// In ms, rounded up: to wake too early is to wake twice. -1: for ever.
static int time_left_ms(const struct machine *m)
{
	if (!m->first_due)
		return -1;
	int64_t left_ns = m->first_due->due_ns - now_ns();
	return left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
}

// ## Steps

__attribute__((format(printf, 2, 3))) static void answer(struct connection *c,
							 const char *fmt, ...)
{
	va_list values;

	va_start(values, fmt);
	c->out_begin = 0;
	c->out_end = vsnprintf(c->output, sizeof c->output, fmt, values);
	va_end(values);
}

static void take_greeting(struct connection *c, const struct request *r)
{
	if (r->verb != HELLO) {
		answer(c, "hello first\n");
		return;
	}
	for (int i = 0; i < LINE; i++)
		c->name[i] = r->name[i];
	answer(c, "hello %s\n", c->name);
	c->state = COMMAND;
}

static void take_command(struct connection *c, const struct request *r)
{
	if (r->verb == SUM) {
		c->left = r->count;
		c->total = 0;
		c->state = NUMBER;
	} else if (r->verb == BYE) {
		answer(c, "bye %s, %u %s\n", c->name, c->sums,
		       sums_word(c->sums));
		c->state = LEAVING;
	} else {
		answer(c, "what?\n");
	}
}

static void finish_sum(struct connection *c)
{
	answer(c, "%jd\n", (intmax_t)c->total);
	c->sums++;
	c->state = COMMAND;
}

static void take_number(struct machine *m, struct connection *c,
			const char *line)
{
	c->total += number_of(line);
	if (--c->left > 0)
		return;
	if (m->server->wait_ns > 0)
		enqueue(m, c);
	else
		finish_sum(c);
}

static void take_line(struct machine *m, struct connection *c, const char *line)
{
	struct request request = request_of(line);

	if (c->state == GREETING)
		take_greeting(c, &request);
	else if (c->state == COMMAND)
		take_command(c, &request);
	else
		take_number(m, c, line);
}

// What a step came to.
enum step { GO_ON, SLEEP, GONE };

static enum step send_more(struct machine *m, struct connection *c)
{
	ssize_t n = send(c->fd, c->output + c->out_begin,
			 c->out_end - c->out_begin, MSG_NOSIGNAL);

	if (n >= 0)
		c->out_begin += n;
	else if (errno == EAGAIN)
		return watch(m, c, EPOLLOUT) ? SLEEP : GONE;
	else if (errno != EINTR)
		return GONE;
	if (m->server->forgetful && c->out_begin == c->out_end)
		return watch(m, c, EPOLLIN) ? SLEEP : GONE;
	return GO_ON;
}

static enum step read_more(struct machine *m, struct connection *c)
{
	size_t bytes;
	void *room = input_room(&c->input, &bytes);
	ssize_t n = recv(c->fd, room, bytes, 0);

	if (n > 0)
		c->input.end += n;
	else if (n == 0)
		c->ended = true;
	else if (errno == EAGAIN)
		return watch(m, c, EPOLLIN) ? SLEEP : GONE;
	else if (errno != EINTR)
		return GONE;
	return GO_ON;
}

// Which step is the next? The order of the questions is the protocol: no line is
// taken before the last answer is gone, or memory would fill with answers that
// nobody reads; none while the back end is at work, or answers would overtake.
static enum step take_step(struct machine *m, struct connection *c)
{
	const char *line;

	if (c->out_begin < c->out_end)
		return send_more(m, c);
	if (c->state == LEAVING)
		return GONE;
	if (c->state == WAITING)
		return watch(m, c, 0) ? SLEEP : GONE;
	if ((line = input_line(&c->input))) {
		take_line(m, c, line);
		return GO_ON;
	}
	if (input_full(&c->input)) {
		answer(c, "too long\n");
		c->state = LEAVING;
		return GO_ON;
	}
	return c->ended ? GONE : read_more(m, c);
}

// ## Connections

static void end_connection(struct machine *m, struct connection *c)
{
	if (c->state == WAITING)
		dequeue(m, c);
	if (c->before)
		c->before->next = c->next;
	else
		m->all = c->next;
	if (c->next)
		c->next->before = c->before;
	m->server->inside = m->all;
	close(c->fd);
	free(c);
	atomic_fetch_sub_explicit(&m->server->open, 1, memory_order_relaxed);
}

static void run(struct machine *m, struct connection *c)
{
	enum step step;

	do
		step = take_step(m, c);
	while (step == GO_ON);
	if (step == GONE)
		end_connection(m, c);
}

static void begin_connection(struct machine *m, int fd)
{
	struct connection *c = must_ptr(calloc(1, sizeof *c));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		turn_away(errno);
	c->fd = fd;
	c->watched = EPOLLIN;
	c->next = m->all;
	if (c->next)
		c->next->before = c;
	m->all = c;
	m->server->inside = c;
	atomic_fetch_add_explicit(&m->server->open, 1, memory_order_relaxed);
}

// Somebody who waits for the back end is not to be read from, and epoll has been
// told so; that a client is gone altogether (EPOLLHUP) it tells unasked, and
// again and again.
static void take_event(struct machine *m, const struct epoll_event *event)
{
	struct connection *c = event->data.ptr;

	if (c->state == WAITING && event->events & (EPOLLHUP | EPOLLERR))
		end_connection(m, c);
	else
		run(m, c);
}

// ## The loop

static void take_due(struct machine *m)
{
	int64_t now = m->first_due ? now_ns() : 0;

	while (m->first_due && m->first_due->due_ns <= now) {
		struct connection *c = m->first_due;
		dequeue(m, c);
		finish_sum(c);
		run(m, c);
	}
}

static void serve_turns(struct machine *m)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(m->epoll, events, EVENTS, time_left_ms(m));
		if (n == -1 && errno != EINTR)
			return;
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &m->server->stop)
				return;
			if (events[i].data.ptr) {
				take_event(m, &events[i]);
				continue;
			}
			int fd = accept4(m->server->listener, NULL, NULL,
					 SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd != -1)
				begin_connection(m, fd);
			else if (errno == EMFILE)
				turn_away(errno);
		}
		take_due(m);
	}
}

static void serve(struct server *server)
{
	struct machine m = { .server = server };
	struct epoll_event door = { .events = EPOLLIN };
	struct epoll_event stop = { .events = EPOLLIN,
				    .data.ptr = &server->stop };

	m.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m.epoll == -1 ||
	    epoll_ctl(m.epoll, EPOLL_CTL_ADD, server->listener, &door) ||
	    epoll_ctl(m.epoll, EPOLL_CTL_ADD, server->stop, &stop))
		return;
	serve_turns(&m);
	for (struct connection *c = m.all, *next; c; c = next) {
		next = c->next;
		end_connection(&m, c);
	}
	close(m.epoll);
}

const struct way machine_way = {
	.name = "machine",
	.source = "threads/simpler/machine.c",
	.serve = serve,
};
