// # What it costs two processes to talk
//
// Three families over the same mechanisms, those of ipc/channel: the code that
// is timed is the code that explains them.
//
//   ipc         one round trip: a message there, one of the same size back
//   bandwidth   messages one way, as fast as the receiver takes them; only
//               where several can be under way at once
//   batch       the same, 256 messages in one call (channel_send_many); only
//               where the mechanism has a way of its own for that
//
// All begin each round by sending messages whose every byte is known and
// checking them on the other side: what loses or mixes up bytes is not timed.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "clock.h"
#include "ipc/channel/channel.h"

enum { KIB = 1024, MIB = 1024 * KIB, MANY = 256 };

// --- the messages ------------------------------------------------------------

// Byte `at` of message `number`: differs between neighbours, messages and
// directions, so that a byte that is lost, doubled or moved shows.
static unsigned char expected(long number, int from, size_t at)
{
	uint64_t x = (uint64_t)number * 0x9e3779b97f4a7c15u + at * 31 +
		     (at >> 8) * 17 + from * 101;
	return x ^ x >> 29;
}

static inline int send_one(struct channel *c, void *message, size_t bytes)
{
	return channel_send(c, message, bytes);
}

// A stream may split what was sent, and then the rest is asked for; a message
// and an event come whole.
static inline int receive_one(struct channel *c, void *buffer, size_t bytes)
{
	ssize_t n = channel_receive(c, buffer, bytes);
	if (n > 0 && (size_t)n < bytes &&
	    c->mechanism->kind == CHANNEL_STREAM) {
		ssize_t rest = channel_receive_full(c, (char *)buffer + n,
						    bytes - n);
		n = rest < 0 ? rest : n + rest;
	}
	if (n < 0)
		return (int)n;
	return (size_t)n == bytes || c->mechanism->kind == CHANNEL_EVENT
		       ? 0
		       : -EBADMSG;
}

static int send_known(struct worker *w, struct channel *c, long number)
{
	unsigned char *message = w->own;
	for (size_t i = 0; i < w->c->bytes; i++)
		message[i] = expected(number, w->index, i);
	return send_one(c, message, w->c->bytes);
}

static int receive_known(struct worker *w, struct channel *c, long number)
{
	unsigned char *message = w->own;
	memset(message, 0, w->c->bytes + 1);
	int error = receive_one(c, message, w->c->bytes);
	for (size_t i = 0; i < w->c->bytes && !error; i++)
		if (message[i] != expected(number, 1 - w->index, i))
			error = -EBADMSG;
	return error;
}

// --- all families ------------------------------------------------------------

static int open_case(struct worker *w)
{
	struct channel *c = NULL;
	int error = channel_open(&c, w->c->subject->data, w->c->bytes);
	w->shared = c;
	return error;
}

static int enter(struct worker *w)
{
	void *own;
	size_t room = w->c->bytes * w->c->subject->hops + 1;
	int error = posix_memalign(&own, 4096, room);
	if (error)
		return -error;
	memset(own, 1, room);
	w->own = own;
	return channel_take_side(w->shared,
				 w->index ? CHANNEL_RIGHT : CHANNEL_LEFT);
}

// --- ipc: round trips --------------------------------------------------------

static int round_trips_verified(struct worker *w, long ops)
{
	struct channel *c = w->shared;
	int error = 0;
	for (long i = 0; i < ops && !error; i++) {
		if (w->index == 0)
			error = send_known(w, c, i) ?: receive_known(w, c, i);
		else
			error = receive_known(w, c, i) ?: send_known(w, c, i);
	}
	return error;
}

static inline int there_and_back(struct worker *w, struct channel *c)
{
	if (w->index == 0)
		return send_one(c, w->own, w->c->bytes)
			       ?: receive_one(c, w->own, w->c->bytes);
	return receive_one(c, w->own, w->c->bytes)
		       ?: send_one(c, w->own, w->c->bytes);
}

static int round_trips(struct worker *w, long ops)
{
	struct channel *c = w->shared;
	int error = 0;
	for (long i = 0; i < ops && !error; i++)
		error = there_and_back(w, c);
	return error;
}

static int round_trips_stamped(struct worker *w, long ops, int64_t *stamps)
{
	struct channel *c = w->shared;
	int error = 0;
	for (long i = 0; i < ops && !error; i++) {
		error = there_and_back(w, c);
		stamps[i] = now_ns();
	}
	return error;
}

// --- bandwidth: worker 0 receives what worker 1 sends --------------------------

static int transfer_verified(struct worker *w, long ops)
{
	struct channel *c = w->shared;
	int error = 0;
	for (long i = 0; i < ops && !error; i++)
		error = w->index == 0 ? receive_known(w, c, i)
				      : send_known(w, c, i);
	return error;
}

static int transfer(struct worker *w, long ops)
{
	struct channel *c = w->shared;
	size_t bytes = w->c->bytes;
	int error = 0;
	if (w->index == 0)
		for (long i = 0; i < ops && !error; i++)
			error = receive_one(c, w->own, bytes);
	else
		for (long i = 0; i < ops && !error; i++)
			error = send_one(c, w->own, bytes);
	return error;
}

static int transfer_stamped(struct worker *w, long ops, int64_t *stamps)
{
	struct channel *c = w->shared;
	int error = 0;
	for (long i = 0; i < ops && !error; i++) {
		error = receive_one(c, w->own, w->c->bytes);
		stamps[i] = now_ns();
	}
	return error;
}

// --- batch: the same, and an operation is MANY messages, in one call ------------

static int send_many(struct worker *w, struct channel *c)
{
	return channel_send_many(c, w->own, w->c->bytes, MANY);
}

static int receive_many(struct worker *w, struct channel *c)
{
	size_t got = 0, bytes = w->c->bytes;
	while (got < MANY) {
		ssize_t n = channel_receive_many(
			c, (char *)w->own + got * bytes, bytes, MANY - got);
		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		got += n;
	}
	return 0;
}

static int transfer_many_verified(struct worker *w, long ops)
{
	unsigned char *messages = w->own;
	size_t bytes = w->c->bytes, all = MANY * bytes;
	int error = 0;

	for (long i = 0; i < ops && !error; i++) {
		if (w->index == 0) {
			memset(messages, 0, all);
			error = receive_many(w, w->shared);
			for (size_t at = 0; at < all && !error; at++)
				if (messages[at] != expected(i, 1, at))
					error = -EBADMSG;
			continue;
		}
		for (size_t at = 0; at < all; at++)
			messages[at] = expected(i, 1, at);
		error = send_many(w, w->shared);
	}
	return error;
}

static int transfer_many(struct worker *w, long ops)
{
	struct channel *c = w->shared;
	int error = 0;
	for (long i = 0; i < ops && !error; i++)
		error = w->index == 0 ? receive_many(w, c) : send_many(w, c);
	return error;
}

static int transfer_many_stamped(struct worker *w, long ops, int64_t *stamps)
{
	int error = 0;
	for (long i = 0; i < ops && !error; i++) {
		error = receive_many(w, w->shared);
		stamps[i] = now_ns();
	}
	return error;
}

// --- the tables: one row a mechanism -----------------------------------------

static void add_size(struct subject *s, size_t bytes)
{
	for (int i = 0; i < s->size_count; i++)
		if (s->sizes[i] == bytes)
			return;
	s->sizes[s->size_count++] = bytes;
}

static void describe(struct subject *s, const struct mechanism *m)
{
	*s = (struct subject){
		.title = m->title,
		.placements = ~0u,
		.workers = 2,
		.hops = 1,
		.spins = m->spins,
		.floor_share = 1,
		.data = m,
		.limit_bytes = SIZE_MAX,
	};
	snprintf(s->name, sizeof s->name, "%s", m->name);
	if (m->probe(&s->limit_bytes, s->missing, sizeof s->missing) &&
	    !s->missing[0])
		snprintf(s->missing, sizeof s->missing, "missing here");
}

static const struct subject *latencies(size_t *count)
{
	static const size_t sizes[] = { 1, 64, KIB, 4 * KIB, 64 * KIB };
	static struct subject table[MAX_MECHANISMS];
	static size_t filled;

	for (; channel_mechanisms[filled]; filled++) {
		struct subject *s = &table[filled];
		describe(s, channel_mechanisms[filled]);
		s->floor = "floor/handoff";
		s->usual = 1 << SAME_CPU | 1 << CROSS_CORE;
		s->usual_bytes = KIB;
		if (s->limit_bytes < KIB && !s->missing[0])
			s->usual_bytes = s->limit_bytes;
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			add_size(s, sizes[i]);
		add_size(s, s->usual_bytes);
	}
	*count = filled;
	return table;
}

static const struct subject *bandwidths(size_t *count)
{
	static const size_t sizes[] = { 64,       KIB,       4 * KIB,
					64 * KIB, 256 * KIB, MIB };
	static const char *const usual[] = { "pipe", "unix-stream", "tcp",
					     "ring", "uring" };
	static struct subject table[MAX_MECHANISMS];
	static size_t filled;

	*count = 0;
	for (size_t m = 0; !filled && channel_mechanisms[m]; m++) {
		if (!channel_mechanisms[m]->queues ||
		    channel_mechanisms[m]->kind == CHANNEL_EVENT)
			continue;
		struct subject *s = &table[*count];
		describe(s, channel_mechanisms[m]);
		s->bandwidth = true;
		s->floor = "floor/memcpy";
		s->usual_bytes = 64 * KIB;
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			add_size(s, sizes[i]);
		for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
			if (!strcmp(usual[i], s->name))
				s->usual = 1 << CROSS_CORE;
		++*count;
	}
	filled = filled ?: *count;
	*count = filled;
	return table;
}

static const struct subject *batches(size_t *count)
{
	static const size_t sizes[] = { 64, KIB, 4 * KIB };
	static struct subject table[MAX_MECHANISMS];

	*count = 0;
	for (size_t m = 0; channel_mechanisms[m]; m++) {
		if (!channel_mechanisms[m]->send_many)
			continue;
		struct subject *s = &table[(*count)++];
		describe(s, channel_mechanisms[m]);
		s->bandwidth = true;
		s->hops = MANY;
		s->floor = "floor/memcpy";
		if (s->limit_bytes > 64 * KIB)
			s->limit_bytes = 64 * KIB; // MANY of them in memory
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			add_size(s, sizes[i]);
	}
	return table;
}

static const struct family family_ipc = {
	.name = "ipc",
	.title = "one round trip",
	.subjects = latencies,
	.open = open_case,
	.enter = enter,
	.verify = round_trips_verified,
	.work = round_trips,
	.stamp = round_trips_stamped,
};
BENCH_FAMILY(family_ipc)

static const struct family family_bandwidth = {
	.name = "bandwidth",
	.title = "one way, messages in a row",
	.subjects = bandwidths,
	.open = open_case,
	.enter = enter,
	.verify = transfer_verified,
	.work = transfer,
	.stamp = transfer_stamped,
};
BENCH_FAMILY(family_bandwidth)

static const struct family family_batch = {
	.name = "batch",
	.title = "one way, 256 messages a call",
	.subjects = batches,
	.open = open_case,
	.enter = enter,
	.verify = transfer_many_verified,
	.work = transfer_many,
	.stamp = transfer_many_stamped,
};
BENCH_FAMILY(family_batch)
