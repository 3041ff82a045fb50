// # Who ran when, and why it stopped
//
// The kernel's records know each switch, but not what we meant by it. To it a
// process that stops (SIGSTOP) has left by itself, though nobody ever did so
// less willingly; and one that is interrupted on its way to its gate, a few us
// after its burst, was preempted. The children's own notes of when their bursts
// began and ended tell which is which.
//
// Where the kernel keeps no records for us, our own decisions are the history:
// a stretch is from letting a job go to stopping it, or to the end of its burst
// as it told. Then nobody sees who else ran in between.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "sched/live/dispatch.h"

// ## Our own

int record_add(struct record *record, struct slice slice)
{
	if (record->count == record->room) {
		size_t room = record->room ? 2 * record->room : 256;
		struct slice *more = reallocarray(record->slices, room,
						  sizeof *more);
		if (!more)
			return -ENOMEM;
		record->slices = more;
		record->room = room;
	}
	record->slices[record->count++] = slice;
	return 0;
}

// Stretches were added when they ended.
static int by_begin(const void *left, const void *right)
{
	const struct slice *a = left, *b = right;

	return a->begin_ns < b->begin_ns   ? -1
	       : a->begin_ns > b->begin_ns ? 1
					   : a->cpu - b->cpu;
}

static void own(struct record *record, struct history *history)
{
	free(history->slices);
	history->slices = record->slices;
	history->slice_count = record->count;
	*record = (struct record){ 0 };
	if (history->slice_count)
		qsort(history->slices, history->slice_count,
		      sizeof *history->slices, by_begin);
}

// ## The kernel's

// The burst that is not over at the beginning of this slice, or the last one.
static size_t burst_at(const struct crew *crew, const struct slice *slice,
		       size_t from)
{
	size_t end = crew->jobs->first[slice->job + 1];

	for (size_t i = from; i + 2 < end; i += 2) {
		int64_t over = atomic_load(&crew->bursts[i].end_ns);
		if (!over || slice->begin_ns < over - crew->start_ns)
			return i;
	}
	return end - 1;
}

// False: nothing of it is the job's, it is on its way between two bursts.
static bool judge(const struct crew *crew, struct slice *slice, size_t burst)
{
	int64_t begin = atomic_load(&crew->bursts[burst].begin_ns);
	int64_t end = atomic_load(&crew->bursts[burst].end_ns);

	if (!begin || slice->end_ns <= begin - crew->start_ns)
		return false;
	if (slice->end == SLICE_FINISHED)
		return true;
	slice->end = SLICE_PREEMPTED;
	if (end && end - crew->start_ns <= slice->end_ns) {
		slice->end_ns = end - crew->start_ns;
		slice->end = SLICE_BLOCKED;
	}
	return slice->begin_ns < slice->end_ns;
}

static int kernels(const struct crew *crew, struct history *history)
{
	size_t n = 0, *burst = malloc(crew->count * sizeof *burst);

	if (!burst)
		return -ENOMEM;
	for (size_t i = 0; i < crew->count; i++)
		burst[i] = crew->jobs->first[i];
	for (size_t i = 0; i < history->slice_count; i++) {
		struct slice slice = history->slices[i];
		size_t *at = &burst[slice.job];
		*at = burst_at(crew, &slice, *at);
		if (judge(crew, &slice, *at))
			history->slices[n++] = slice;
	}
	history->slice_count = n;
	free(burst);
	return 0;
}

int record_history(struct record *record, const struct crew *crew,
		   struct history *history)
{
	int error = 0;

	if (crew->trace)
		error = kernels(crew, history);
	else
		own(record, history);
	return error ? error : history_measure(history, crew->jobs);
}
