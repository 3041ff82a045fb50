// # Stretches: what a job did while it did not run
//
// A slice that ended with SLICE_BLOCKED began a wait, but nobody noted when that
// wait was over: the job may have stood in the ready queue for long before it
// ran again. The table of jobs knows how long each I/O takes, so the wait is
// that long, or until the job ran again if that was sooner.
//
// Which I/O was it? In the model the n-th block is the n-th I/O. A real process
// may also block where the table has no I/O (a page that had to be read), and in
// the model a lock blocks, too. So when there are more blocks than I/Os, each
// I/O is taken to begin at the block whose CPU time so far comes nearest to what
// the table says; of any other block we know only when it ended at the latest:
// when the job ran again.

#define _GNU_SOURCE
#include "stretches.h"

#include <errno.h>
#include <stdlib.h>

// The slices of one job, in order, with what is found out about each.
struct turn {
	struct slice slice;
	bool waited;     // it left the CPU to wait
	int64_t wait_ns; // for so long; NEVER: until it ran again
};

static bool is_sound(const struct slice *slice, size_t jobs)
{
	return slice->job >= 0 && (size_t)slice->job < jobs &&
	       slice->end_ns > slice->begin_ns;
}

// A counting sort: slices are by time already, and stay so within a job.
static struct turn *sort_by_job(const struct history *history, size_t jobs,
				size_t *first)
{
	size_t slices = history->slices ? history->slice_count : 0;
	struct turn *turns = malloc((slices + 1) * sizeof *turns);

	if (!turns)
		return NULL;
	for (size_t j = 0; j <= jobs; j++)
		first[j] = 0;
	for (size_t i = 0; i < slices; i++)
		if (is_sound(&history->slices[i], jobs))
			first[history->slices[i].job + 1]++;
	for (size_t j = 0; j < jobs; j++)
		first[j + 1] += first[j];
	for (size_t i = 0; i < slices; i++) {
		const struct slice *slice = &history->slices[i];
		if (is_sound(slice, jobs))
			turns[first[slice->job]++] =
				(struct turn){ .slice = *slice };
	}
	for (size_t j = jobs; j > 0; j--)
		first[j] = first[j - 1];
	first[0] = 0;
	return turns;
}

// ## Which block was which I/O

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

// Where no cause was recorded, any gap may be the I/O.
static size_t mark_waits(struct turn *turns, size_t n)
{
	size_t waits = 0;

	for (size_t i = 0; i < n; i++) {
		turns[i].waited = turns[i].slice.end == SLICE_BLOCKED;
		turns[i].wait_ns = NEVER;
		waits += turns[i].waited;
	}
	return waits;
}

static size_t mark_gaps(struct turn *turns, size_t n)
{
	size_t gaps = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		turns[i].waited = turns[i].slice.end_ns <
				  turns[i + 1].slice.begin_ns;
		turns[i].wait_ns = 0;
		gaps += turns[i].waited;
	}
	return gaps;
}

static void match_waits(struct turn *turns, size_t n, const int64_t *phases,
			size_t phase_count)
{
	size_t ios = phase_count / 2, waits = mark_waits(turns, n), at = 0;
	int64_t ran_ns = 0, planned_ns = 0;

	if (ios > 0 && waits == 0)
		waits = mark_gaps(turns, n);
	for (size_t io = 0; io < ios; io++) {
		struct turn *best = NULL;
		int64_t nearest = 0;
		planned_ns += phases[2 * io];
		for (; at < n; at++) {
			struct turn *turn = &turns[at];
			int64_t length = turn->slice.end_ns -
					 turn->slice.begin_ns;
			int64_t off = distance(ran_ns + length, planned_ns);
			bool candidate = turn->waited;
			if (candidate && best && off >= nearest)
				break;
			ran_ns += length;
			if (!candidate)
				continue;
			best = turn;
			nearest = off;
			if (waits <= ios) {
				at++;
				break;
			}
		}
		if (!best)
			break;
		best->wait_ns = phases[2 * io + 1];
	}
}

// ## The life of one job

struct life {
	struct stretch *stretch;
	size_t count;
	int64_t until_ns; // so far
};

static void live(struct life *life, enum state state, int64_t until_ns)
{
	if (until_ns > life->until_ns)
		life->stretch[life->count++] = (struct stretch){
			.state = state,
			.begin_ns = life->until_ns,
			.end_ns = until_ns,
		};
	if (until_ns > life->until_ns)
		life->until_ns = until_ns;
}

static void live_gap(struct life *life, const struct turn *before,
		     int64_t until_ns)
{
	if (before && before->waited) {
		int64_t gap_ns = until_ns - life->until_ns;
		live(life, WAITS,
		     before->wait_ns < gap_ns ? life->until_ns + before->wait_ns
					      : until_ns);
	}
	live(life, READY, until_ns);
}

static void live_through(struct life *life, const struct turn *turns, size_t n,
			 const struct history *history, int64_t arrival_ns)
{
	life->until_ns = arrival_ns;
	if (n > 0 && turns[0].slice.begin_ns < arrival_ns)
		life->until_ns = turns[0].slice.begin_ns;
	for (size_t i = 0; i < n; i++) {
		const struct slice *slice = &turns[i].slice;
		live_gap(life, i > 0 ? &turns[i - 1] : NULL, slice->begin_ns);
		size_t before = life->count;
		live(life, RUNS, slice->end_ns);
		if (life->count > before) {
			life->stretch[before].cpu = slice->cpu;
			life->stretch[before].end = slice->end;
		}
	}
	if (n > 0 && turns[n - 1].slice.end != SLICE_FINISHED)
		live_gap(life, &turns[n - 1], history->end_ns);
	else if (n == 0 && history->slices)
		live(life, READY, history->end_ns);
}

int stretches_make(struct stretches *stretches, const struct jobs *jobs,
		   const struct history *history)
{
	size_t n = jobs->count;
	size_t slices = history->slices ? history->slice_count : 0;
	size_t *turn = calloc(n + 1, sizeof *turn);
	struct turn *turns = turn ? sort_by_job(history, n, turn) : NULL;
	struct life life = { 0 };

	// A slice makes at most three: before it, itself, and one after it
	stretches->first = calloc(n + 1, sizeof *stretches->first);
	life.stretch = malloc((3 * slices + 2 * n + 1) * sizeof *life.stretch);
	stretches->stretch = life.stretch;
	if (!turns || !stretches->first || !stretches->stretch) {
		free(turn);
		free(turns);
		stretches_free(stretches);
		return -ENOMEM;
	}
	for (size_t j = 0; j < n; j++) {
		struct turn *own = turns + turn[j];
		size_t count = turn[j + 1] - turn[j];
		match_waits(own, count, jobs->bursts_ns + jobs->first[j],
			    jobs->first[j + 1] - jobs->first[j]);
		live_through(&life, own, count, history,
			     jobs->tasks[j].arrival_ns);
		stretches->first[j + 1] = life.count;
	}
	free(turn);
	free(turns);
	return 0;
}

void stretches_free(struct stretches *stretches)
{
	free(stretches->stretch);
	free(stretches->first);
	*stretches = (struct stretches){ 0 };
}
