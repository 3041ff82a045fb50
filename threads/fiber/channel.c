// # Channels: who waits for whom
//
// A channel is a ring of elements and two queues: of those that wait to put and
// of those that wait to take. At most one of the queues has anybody in it, and
// then the ring is full or empty. Whoever comes serves the other queue first:
//
//     put   somebody waits to take    copy from stack to stack, he can run
//           there is room             into the ring
//           else                      into the queue of putters
//     take  the ring has one          take it, and the first putter's element
//                                     moves into the ring
//           somebody waits to put     copy from stack to stack (no capacity)
//           else                      into the queue of takers
//
// To wait for several at once (select) is to stand in several queues. What
// stands there is the case, memory of the waiter's own; when one of them is
// served, all are taken out. So a put or take is a select of one case, and there
// is nothing to allocate.
//
// No locks and no atomics: between two waits a fiber is alone.
//
// Sources: Hoare (1978), see fiber.h; Pike & Thompson's Alef and Limbo, from
// which Go has its select.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

struct line {
	struct fiber_case *head, *tail;
};

struct fiber_channel {
	size_t element_bytes, capacity;
	size_t first, count; // in the ring
	bool closed;
	struct line waiting[2]; // by enum fiber_act
	char ring[];
};

int fiber_channel_new(struct fiber_channel **new, size_t element_bytes,
		      size_t capacity)
{
	size_t bytes;

	if (element_bytes == 0)
		return -EINVAL;
	if (__builtin_mul_overflow(element_bytes, capacity, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof **new, &bytes))
		return -EOVERFLOW;
	*new = malloc(bytes);
	if (!*new)
		return -ENOMEM;
	**new = (struct fiber_channel){ .element_bytes = element_bytes,
					.capacity = capacity };
	return 0;
}

void fiber_channel_free(struct fiber_channel *channel)
{
	free(channel);
}

size_t fiber_channel_count(const struct fiber_channel *channel)
{
	return channel->count;
}

// ## The queues

static void stand(struct fiber_case *c)
{
	struct line *line = &c->channel->waiting[c->act];

	c->next = NULL;
	c->previous = line->tail;
	*(line->tail ? &line->tail->next : &line->head) = c;
	line->tail = c;
}

static void step_out(struct fiber_case *c)
{
	struct line *line = &c->channel->waiting[c->act];

	*(c->previous ? &c->previous->next : &line->head) = c->next;
	*(c->next ? &c->next->previous : &line->tail) = c->previous;
}

static bool stop_standing(struct scheduler *s, struct fiber *f)
{
	(void)s;
	for (size_t i = 0; i < f->count; i++)
		step_out(&f->cases[i]);
	return true;
}

// One case of a fiber that waits is done: none of the others is any more.
static void serve(struct fiber_case *c, int error)
{
	struct fiber *f = c->fiber;

	c->error = error;
	stop_standing(NULL, f);
	fiber_ready(fiber_scheduler(), f, c - f->cases);
}

// ## The ring

static char *place(struct fiber_channel *channel, size_t index)
{
	return channel->ring + (channel->first + index) % channel->capacity *
				       channel->element_bytes;
}

static void push(struct fiber_channel *channel, const void *element)
{
	memcpy(place(channel, channel->count++), element,
	       channel->element_bytes);
}

static void pop(struct fiber_channel *channel, void *element)
{
	memcpy(element, place(channel, 0), channel->element_bytes);
	channel->first = (channel->first + 1) % channel->capacity;
	channel->count--;
}

// ## Put, take, select

static int try_put(struct fiber_channel *channel, const void *element)
{
	struct fiber_case *taker = channel->waiting[FIBER_TAKE].head;

	if (channel->closed)
		return -EPIPE;
	if (taker) {
		memcpy(taker->element, element, channel->element_bytes);
		serve(taker, 0);
		return 0;
	}
	if (channel->count == channel->capacity)
		return -EAGAIN;
	push(channel, element);
	return 0;
}

static int try_take(struct fiber_channel *channel, void *element)
{
	struct fiber_case *putter = channel->waiting[FIBER_PUT].head;

	if (channel->count > 0) {
		pop(channel, element);
		if (putter) {
			push(channel, putter->element);
			serve(putter, 0);
		}
		return 0;
	}
	if (putter) {
		memcpy(element, putter->element, channel->element_bytes);
		serve(putter, 0);
		return 0;
	}
	return channel->closed ? -EPIPE : -EAGAIN;
}

static int try_case(struct fiber_case *c)
{
	return c->act == FIBER_PUT ? try_put(c->channel, c->element)
				   : try_take(c->channel, c->element);
}

int fiber_select(struct fiber_case *cases, size_t count, bool wait)
{
	struct scheduler *s = fiber_scheduler();

	if (!s)
		return -EPERM;
	struct fiber *f = s->running;
	int error = fiber_check_cancel(f);
	if (error)
		return error;
	for (size_t i = 0; i < count; i++) {
		cases[i].error = try_case(&cases[i]);
		if (cases[i].error != -EAGAIN)
			return (int)i;
	}
	if (!wait)
		return -EAGAIN;
	for (size_t i = 0; i < count; i++) {
		cases[i].fiber = f;
		stand(&cases[i]);
	}
	f->cases = cases;
	f->count = count;
	return (int)fiber_wait(s, stop_standing);
}

static int one(struct fiber_case c)
{
	int index = fiber_select(&c, 1, true);

	return index == 0 ? c.error : index;
}

int fiber_channel_put(struct fiber_channel *channel, const void *element)
{
	return one((struct fiber_case){ .channel = channel,
					.act = FIBER_PUT,
					.element = (void *)element });
}

int fiber_channel_take(struct fiber_channel *channel, void *element)
{
	return one((struct fiber_case){
		.channel = channel, .act = FIBER_TAKE, .element = element });
}

void fiber_channel_close(struct fiber_channel *channel)
{
	channel->closed = true;
	for (int act = FIBER_PUT; act <= FIBER_TAKE; act++)
		while (channel->waiting[act].head)
			serve(channel->waiting[act].head, -EPIPE);
}
