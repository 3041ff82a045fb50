// # Witness: who ran when
//
// The kernel can record each switch of a thread to and from a CPU
// (perf_event_open(2), PERF_RECORD_SWITCH; see sched/live/trace.h). Where it may
// not be asked, the threads' own stamps must do: each time one computes and
// finds that another did since, a stretch of running has begun.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "sched/inversion/inversion.h"

void witness_begin(struct witness *witness, const pid_t *tasks, size_t count)
{
	*witness = (struct witness){ .count = count };
	for (size_t i = 0; i < count && !witness->error; i++)
		witness->traces[i] = trace_task(tasks[i], &witness->error);
}

static void add(struct performance *performance, struct slice slice)
{
	size_t n = performance->slice_count;

	// Room is doubled whenever it is full, at 0, 1, 2, 4 ...
	if ((n & (n - 1)) == 0)
		performance->slices = must_ptr(realloc(
			performance->slices, (n ? 2 * n : 1) * sizeof slice));
	performance->slices[performance->slice_count++] = slice;
}

// What a thread does after its last step (it leaves the process) is no part of
// the play.
static void add_events(struct performance *performance, int part,
		       const struct trace_event *events, size_t n)
{
	int64_t ended_ns = performance->accounts[part].ended_ns;

	for (size_t i = 0; i < n && events[i].at_ns < ended_ns; i++) {
		if (events[i].kind != TRACE_IN)
			continue;
		struct slice slice = { .job = part,
				       .cpu = events[i].cpu,
				       .begin_ns = events[i].at_ns,
				       .end_ns = ended_ns,
				       .end = SLICE_FINISHED };
		if (i + 1 < n && events[i + 1].at_ns < ended_ns) {
			bool left = events[i + 1].kind == TRACE_OUT_BLOCKED;
			slice.end_ns = events[i + 1].at_ns;
			slice.end = left ? SLICE_BLOCKED : SLICE_PREEMPTED;
		}
		add(performance, slice);
	}
}

// Whether all the traces could be read, and nothing in them was lost.
static bool add_traces(struct witness *witness, struct performance *performance)
{
	for (size_t i = 0; i < witness->count && !witness->error; i++) {
		struct trace_event *events;
		uint64_t lost;
		size_t n;

		witness->error = trace_read(witness->traces[i], &events, &n,
					    &lost);
		if (witness->error)
			break;
		performance->lost += lost;
		add_events(performance, (int)i, events, n);
		free(events);
	}
	performance->trace_error = -witness->error;
	return !witness->error && !performance->lost;
}

// A thread that was off the CPU between two stamps slept if it took a lock in
// between and slept for that; else it was preempted.
static bool slept(const struct account *account, int64_t from_ns, int64_t to_ns)
{
	for (int i = 0; i < LOCKS; i++) {
		const struct hold *hold = &account->holds[i];
		if (hold->slept && hold->wanted_ns >= from_ns &&
		    hold->got_ns <= to_ns)
			return true;
	}
	return false;
}

static void add_stamps(struct witness *witness, struct performance *performance)
{
	performance->slice_count = 0;
	for (size_t i = 0; i < witness->count; i++) {
		const struct account *account = &performance->accounts[i];
		for (size_t s = 0; s < account->stamp_count; s++) {
			struct slice slice = account->stamps[s];
			if (s + 1 == account->stamp_count)
				slice.end = SLICE_FINISHED;
			else if (slept(account, slice.end_ns,
				       account->stamps[s + 1].begin_ns))
				slice.end = SLICE_BLOCKED;
			else
				slice.end = SLICE_PREEMPTED;
			add(performance, slice);
		}
	}
}

static int earlier(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;

	return (x->begin_ns > y->begin_ns) - (x->begin_ns < y->begin_ns);
}

void witness_end(struct witness *witness, struct performance *performance)
{
	if (!add_traces(witness, performance))
		add_stamps(witness, performance);
	for (size_t i = 0; i < witness->count; i++)
		trace_free(witness->traces[i]);
	qsort(performance->slices, performance->slice_count,
	      sizeof *performance->slices, earlier);
}

// ## What follows from it

const char *order_of(char text[ORDER_BYTES], const struct play *play,
		     const struct slice *slices, size_t count)
{
	size_t used = 0;
	int last = NOBODY;

	for (size_t i = 0; i < count && used + 3 < ORDER_BYTES; i++) {
		if (slices[i].job == last)
			continue;
		last = slices[i].job;
		if (used)
			text[used++] = ' ';
		text[used++] = *play->parts[last].name;
	}
	text[used] = '\0';
	return text;
}

int64_t ran_ns(const struct performance *performance, int part,
	       int64_t begin_ns, int64_t end_ns)
{
	int64_t sum = 0;

	for (size_t i = 0; i < performance->slice_count; i++) {
		const struct slice *s = &performance->slices[i];
		int64_t from = s->begin_ns > begin_ns ? s->begin_ns : begin_ns;
		int64_t to = s->end_ns < end_ns ? s->end_ns : end_ns;
		if (s->job == part && to > from)
			sum += to - from;
	}
	return sum;
}
