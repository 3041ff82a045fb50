// # Picture: a performance, drawn
//
// One line a thread. Between being woken and its last step a thread runs, with
// the lock (a capital) or without, waits for the lock, or waits for the CPU.

#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "sched/inversion/inversion.h"

enum {
	FOR_LOCK = '-',
	FOR_CPU = '_',
	CUTS = 2 + 2 * LOCKS,
	SPECK_NS = MS / 10, // what is shorter would be drawn too long
};

struct sketch {
	struct span *spans;
	size_t count;
};

static bool between(int64_t moment, int64_t begin, int64_t end)
{
	return begin && moment >= begin && moment < end;
}

// A speck belongs to what was before it.
static void add_span(struct sketch *sketch, int track, int64_t begin_ns,
		     int64_t end_ns, char mark)
{
	struct span *last = sketch->count ? &sketch->spans[sketch->count - 1]
					  : NULL;

	if (end_ns - begin_ns >= SPECK_NS)
		sketch->spans[sketch->count++] = (struct span){ track, begin_ns,
								end_ns, mark };
	else if (last && last->track == track)
		last->end_ns = end_ns;
}

static char mark_of_run(const struct account *account, char letter,
			int64_t moment)
{
	for (int i = 0; i < LOCKS; i++)
		if (between(moment, account->holds[i].got_ns,
			    account->holds[i].freed_ns))
			return letter;
	return (char)tolower((unsigned char)letter);
}

static char mark_of_gap(const struct account *account, int64_t moment)
{
	for (int i = 0; i < LOCKS; i++)
		if (between(moment, account->holds[i].wanted_ns,
			    account->holds[i].got_ns))
			return FOR_LOCK;
	return FOR_CPU;
}

static int ascending(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

// A slice is cut where a lock was taken or given back in it.
static void add_slice(struct sketch *sketch, const struct account *account,
		      const struct slice *slice, char letter)
{
	int64_t cuts[CUTS] = { slice->begin_ns, slice->end_ns };
	size_t n = 2;

	for (int i = 0; i < LOCKS; i++) {
		const struct hold *hold = &account->holds[i];
		if (between(hold->got_ns, slice->begin_ns, slice->end_ns))
			cuts[n++] = hold->got_ns;
		if (between(hold->freed_ns, slice->begin_ns, slice->end_ns))
			cuts[n++] = hold->freed_ns;
	}
	qsort(cuts, n, sizeof *cuts, ascending);
	for (size_t i = 0; i + 1 < n; i++) {
		int64_t middle = cuts[i] + (cuts[i + 1] - cuts[i]) / 2;
		add_span(sketch, slice->job, cuts[i], cuts[i + 1],
			 mark_of_run(account, letter, middle));
	}
}

static void add_part(struct sketch *sketch, const struct performance *p,
		     int part, char letter)
{
	const struct account *account = &p->accounts[part];
	int64_t last_ns = account->woken_ns;

	for (size_t i = 0; i < p->slice_count; i++) {
		const struct slice *slice = &p->slices[i];
		if (slice->job != part)
			continue;
		int64_t middle = last_ns + (slice->begin_ns - last_ns) / 2;
		add_span(sketch, part, last_ns, slice->begin_ns,
			 mark_of_gap(account, middle));
		add_slice(sketch, account, slice, letter);
		last_ns = slice->end_ns;
	}
}

static void say_witness(const struct performance *p)
{
	if (p->trace_error)
		say("from their own stamps (perf events: %s):",
		    strerror(p->trace_error));
	else if (p->lost)
		say("from their own stamps (%llu records were lost):",
		    (unsigned long long)p->lost);
	else
		say("from the kernel's record of its switches (perf events):");
}

void show_performance(const struct play *play, const struct performance *p)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const char *tracks[PARTS];
	struct sketch sketch = {
		.spans = must_ptr(calloc((p->slice_count + 1) * (CUTS + 1),
					 sizeof *sketch.spans)),
	};

	for (size_t i = 0; i < play->count; i++) {
		tracks[i] = play->parts[i].name;
		add_part(&sketch, p, (int)i, *play->parts[i].name);
	}
	say_witness(p);
	char *picture = must_ptr(draw_timeline(&canvas, tracks, play->count,
					       sketch.spans, sketch.count));
	show(picture);
	free(picture);
	free(sketch.spans);
	say("h: runs, H: with the lock, %c: waits for it, %c: for the CPU",
	    FOR_LOCK, FOR_CPU);
}
