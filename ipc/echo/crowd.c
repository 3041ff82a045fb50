// # A crowd of clients, good and bad
//
// One process, epoll, and a record for each client. What a client does is a row
// of a table (conduct.c); how it comes is told in door.c and how it talks in
// talk.c. Here is the play as a whole:
//
//     CONNECTING ──▶ GREETING ──▶ GATE ──▶ TALKING ──▶ DONE
//                    16 bytes     until everybody is here
//                    and back
//
// The gate makes them concurrent: when it opens, the server has accepted and
// answered every client, and not one of them has left (but for those that leave
// at once).

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "crowd.h"
#include "random.h"
#include "stats.h"

enum {
	EVENTS = 256,
	TICK_MS = 1, // between two bites of the slow
	SPARE = 32,  // descriptors of this process besides clients
};

static void take_turn(struct play *p, struct client *c, uint32_t events)
{
	switch (c->state) {
	case CONNECTING:
		crowd_connected(p, c);
		break;
	case GREETING_BACK:
		crowd_greet(p, c);
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
		bool again = crowd_send_to_the_door(p);
		if (!p->open && p->arrived == p->crowd->clients) {
			crowd_open_gate(p);
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
