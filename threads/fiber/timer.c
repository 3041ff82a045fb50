// # Who sleeps until when: a heap
//
// Only one question is asked all the time: who is next? A binary heap keeps the
// earliest at the top and is ordered as far as that needs, no further: each is
// not later than the two below it, at 2i + 1 and 2i + 2. To come and to go
// costs one walk up or down, O(log n). Each fiber knows its place, so one that
// is cancelled can be taken out of the middle.
//
// Of equal deadlines, who began to sleep first wakes first.
//
// Source: Williams, "Algorithm 232: Heapsort", CACM 7 (1964).

#define _GNU_SOURCE
#include <errno.h>

#include "clock.h"
#include "parts.h"

static bool earlier(const struct fiber *a, const struct fiber *b)
{
	return a->deadline_ns != b->deadline_ns
		       ? a->deadline_ns < b->deadline_ns
		       : a->order < b->order;
}

static void put(struct scheduler *s, size_t place, struct fiber *f)
{
	s->heap[place] = f;
	f->place = place;
}

static void rise(struct scheduler *s, size_t place, struct fiber *f)
{
	while (place > 0 && earlier(f, s->heap[(place - 1) / 2])) {
		put(s, place, s->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(s, place, f);
}

static void sink(struct scheduler *s, size_t place, struct fiber *f)
{
	size_t below;

	while ((below = 2 * place + 1) < s->sleeping) {
		if (below + 1 < s->sleeping &&
		    earlier(s->heap[below + 1], s->heap[below]))
			below++;
		if (!earlier(s->heap[below], f))
			break;
		put(s, place, s->heap[below]);
		place = below;
	}
	put(s, place, f);
}

// The last one takes the place, and goes from there to where it belongs.
static void take_out(struct scheduler *s, struct fiber *f)
{
	size_t place = f->place;
	struct fiber *last = s->heap[--s->sleeping];

	if (last == f)
		return;
	if (place > 0 && earlier(last, s->heap[(place - 1) / 2]))
		rise(s, place, last);
	else
		sink(s, place, last);
}

static bool stop_sleeping(struct scheduler *s, struct fiber *f)
{
	take_out(s, f);
	return true;
}

int64_t fiber_timer_first(const struct scheduler *s)
{
	return s->sleeping ? s->heap[0]->deadline_ns : INT64_MAX;
}

void fiber_timer_wake(struct scheduler *s, int64_t now)
{
	while (s->sleeping && s->heap[0]->deadline_ns <= now) {
		struct fiber *f = s->heap[0];
		take_out(s, f);
		fiber_ready(s, f, 0);
	}
}

int fiber_sleep_until(int64_t deadline_ns)
{
	struct scheduler *s = fiber_scheduler();

	if (!s)
		return -EPERM;
	struct fiber *f = s->running;
	int error = fiber_check_cancel(f);
	if (error)
		return error;
	if (deadline_ns <= now_ns()) {
		fiber_yield();
		return 0;
	}
	f->deadline_ns = deadline_ns;
	f->order = s->sleeps_begun++;
	s->sleeping++;
	rise(s, s->sleeping - 1, f);
	return (int)fiber_wait(s, stop_sleeping);
}

int fiber_sleep(int64_t ns)
{
	int64_t now = now_ns();

	return fiber_sleep_until(ns < INT64_MAX - now ? now + ns : INT64_MAX);
}
