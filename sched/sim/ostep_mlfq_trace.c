// # mlfq: the trace
//
// Who runs in each tick is known. Following that, the books of the jobs: the
// queue each is in, what is left of its slice, how many slices it has left in
// this queue. Boosts come first in a tick, then starts and completed I/O.

#define _GNU_SOURCE
#include "sched/sim/ostep_mlfq.h"

#include <inttypes.h>
#include <stdlib.h>

#include "must.h"

// ## The books

struct book {
	int queue;
	int64_t ticks, slices, left;
	int64_t boosts; // that it has seen
	bool ready;
};

struct books {
	struct mlfq *x;
	bool stay;
	struct book *book;
	size_t started;   // of x->starts
	int64_t time;     // events before it have been followed
	int64_t boosts;   // until now
	size_t *ready_in; // by queue: how many are ready there
};

// A quantum or allotment that begins at 0 or below falls on and is never 0.
static void refill(const struct mlfq *x, struct book *book, int queue)
{
	book->queue = queue;
	book->ticks = x->quantum[queue];
	book->slices = x->allotment[queue];
}

// A boost concerns all jobs, and is entered in each one's book when that is next
// opened.
static void boost(struct books *b)
{
	int top = b->x->queues - 1;

	for (int q = 0; q < top; q++) {
		b->ready_in[top] += b->ready_in[q];
		b->ready_in[q] = 0;
	}
	b->boosts++;
}

static struct book *book_of(struct books *b, int job)
{
	struct book *book = &b->book[job];

	if (book->boosts < b->boosts)
		refill(b->x, book, b->x->queues - 1);
	book->boosts = b->boosts;
	return book;
}

static void set_ready(struct books *b, struct book *book, bool ready)
{
	b->ready_in[book->queue] += ready;
	b->ready_in[book->queue] -= book->ready;
	book->ready = ready;
}

static bool boosted_at(const struct mlfq *x, int64_t time)
{
	return x->boost > 0 && time > 0 && time % x->boost == 0;
}

static bool starts_at(const struct mlfq *x, size_t started, int64_t time)
{
	return started < x->count && x->jobs[x->starts[started]].start <= time;
}

// All that happens up to the beginning of tick `time`.
static void events_until(struct books *b, int64_t time)
{
	const struct mlfq *x = b->x;

	for (; b->time <= time; b->time++) {
		if (boosted_at(x, b->time))
			boost(b);
		for (; starts_at(x, b->started, b->time); b->started++)
			set_ready(b, book_of(b, (int)x->starts[b->started]),
				  true);
		if (x->back_at[b->time] != NOBODY)
			set_ready(b, book_of(b, x->back_at[b->time]), true);
	}
}

// The tick is run; what the rules make of it. An I/O may come back at once (in
// 0 ticks), and is so noted before the events of the next moment.
static void account(struct books *b, struct mlfq_tick *tick)
{
	struct mlfq *x = b->x;
	const struct mlfq_job *job = &x->jobs[tick->job];
	struct book *book = book_of(b, tick->job);
	int queue = book->queue;

	if (book->left == 0) {
		set_ready(b, book, false);
		return;
	}
	tick->waits = job->io > 0 && (job->run - book->left) % job->io == 0;
	set_ready(b, book, false);
	if (tick->waits) {
		x->back_at[tick->at + 1 + x->iotime] = tick->job;
		if (b->stay)
			refill(x, book, queue);
	}
	if (tick->ticks == 0) {
		book->ticks = x->quantum[queue];
		if (--book->slices == 0)
			refill(x, book, queue ? queue - 1 : 0);
	}
	set_ready(b, book, !tick->waits);
	tick->falls_to = book->queue;
}

static void run_tick(struct books *b, int job, int64_t at)
{
	struct book *book = book_of(b, job);
	struct mlfq_tick *tick = &b->x->ticks[b->x->tick_count++];

	*tick = (struct mlfq_tick){ .at = at,
				    .job = job,
				    .queue = book->queue,
				    .falls_to = book->queue,
				    .ticks = --book->ticks,
				    .slices = book->slices,
				    .left = --book->left };
	account(b, tick);
}

static void stand(struct books *b, size_t turn, int job)
{
	struct stand *s = &b->x->stands[turn];
	int queue = book_of(b, job)->queue;

	s->queue = queue;
	s->here = b->ready_in[queue];
	for (int q = 0; q < queue; q++)
		s->below += b->ready_in[q];
}

static int by_start(const void *a, const void *b, void *jobs)
{
	const struct mlfq_job *job = jobs;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;

	if (job[i].start != job[j].start)
		return job[i].start < job[j].start ? -1 : 1;
	return i < j ? -1 : 1;
}

static void make_books(struct books *b, int64_t end)
{
	struct mlfq *x = b->x;
	size_t ticks = 0;

	b->book = must_ptr(calloc(x->count, sizeof *b->book));
	b->ready_in = must_ptr(calloc(x->queues, sizeof *b->ready_in));
	x->starts = must_ptr(calloc(x->count, sizeof *x->starts));
	for (size_t i = 0; i < x->count; i++) {
		refill(x, &b->book[i], x->queues - 1);
		b->book[i].left = x->jobs[i].run;
		ticks += (size_t)x->jobs[i].run;
		x->starts[i] = i;
	}
	qsort_r(x->starts, x->count, sizeof *x->starts, by_start, x->jobs);
	x->ticks = must_ptr(calloc(ticks, sizeof *x->ticks));
	x->end = end;
	x->back_at = must_ptr(calloc(end + 1, sizeof *x->back_at));
	for (int64_t i = 0; i <= end; i++)
		x->back_at[i] = NOBODY;
}

void mlfq_follow(const struct sheet *sheet, struct mlfq *x)
{
	struct books b = { .x = x, .stay = sheet->options->stay };
	size_t last = sheet->turn_count - 1;

	make_books(&b, (int64_t)sheet->turns[last].end);
	x->stands = must_ptr(calloc(sheet->turn_count, sizeof *x->stands));
	for (size_t i = 0; i < sheet->turn_count; i++) {
		const struct turn *turn = &sheet->turns[i];
		int64_t at = (int64_t)turn->begin;
		events_until(&b, at);
		stand(&b, i, turn->job);
		for (; at < (int64_t)turn->end; at++) {
			events_until(&b, at);
			run_tick(&b, turn->job, at);
		}
	}
	free(b.ready_in);
	free(b.book);
}

void mlfq_free(struct mlfq *x)
{
	free(x->stands);
	free(x->back_at);
	free(x->starts);
	free(x->ticks);
	free(x->jobs);
}

// ## The exercise

static void print_queue(const struct mlfq *x, int q)
{
	printf("  queue %d%s: ", q, q == x->queues - 1 ? " (highest)" : "");
	if (x->quantum[q] <= 0)
		printf("a slice without end\n");
	else if (q == 0 || x->allotment[q] <= 0)
		printf("slices of %" PRId64 "\n", x->quantum[q]);
	else
		printf("slices of %" PRId64 "; after %" PRId64
		       " down to queue %d\n",
		       x->quantum[q], x->allotment[q], q - 1);
}

static void problem(const struct sheet *sheet)
{
	const struct mlfq *x = sheet->exercise;
	const struct ostep *o = sheet->options;

	printf("Multilevel feedback queue");
	if (*o->jlist)
		printf("; the jobs as listed\n\n");
	else
		printf(", seed %" PRIu64 "\n\n", o->seed);
	for (int q = x->queues - 1; q >= 0; q--)
		print_queue(x, q);
	if (x->boost > 0)
		printf("  every %" PRId64 " ticks all go to the highest\n",
		       x->boost);
	printf("  ticks of an I/O: %" PRId64 "; then to the %s of the queue%s\n"
	       "\n",
	       x->iotime, o->iobump ? "head" : "tail",
	       o->stay ? ", slice and allotment refilled" : "");
	for (size_t i = 0; i < x->count; i++) {
		const struct mlfq_job *job = &x->jobs[i];
		printf("  job %zu starts at %" PRId64 ", runs for %" PRId64, i,
		       job->start, job->run);
		if (job->io > 0)
			printf(", with an I/O every %" PRId64 "\n", job->io);
		else
			printf(", without I/O\n");
	}
}

// ## The trace as text

static void why(const struct sheet *sheet, size_t i)
{
	const struct mlfq *x = sheet->exercise;
	const struct stand *s = &x->stands[i];

	printf("%s queue %d, the highest that is not empty (%zu there, %zu "
	       "below)",
	       s->here > 1 ? "at the head of" : "alone in", s->queue, s->here,
	       s->below);
}

static void print_tick(const struct mlfq_tick *tick)
{
	printf("%8" PRId64 "  job %d runs in queue %d; left: slice %" PRId64
	       ", slices %" PRId64 ", run %" PRId64 "\n",
	       tick->at, tick->job, tick->queue, tick->ticks, tick->slices,
	       tick->left);
}

// A turn, up to where its queue changes (a boost may lift a job that runs).
static void print_stretch(const struct mlfq *x, size_t from, size_t to)
{
	const struct mlfq_tick *first = &x->ticks[from];
	size_t i = from;

	while (i < to && x->ticks[i].queue == first->queue)
		i++;
	printf("%8" PRId64 "  job %d runs in queue %d until %" PRId64 "\n",
	       first->at, first->job, first->queue, x->ticks[i - 1].at + 1);
}

static void print_after(const struct mlfq *x, const struct mlfq_tick *tick,
			bool explain)
{
	if (tick->left == 0)
		printf("%8" PRId64 "  job %d is done\n", tick->at + 1,
		       tick->job);
	else if (tick->waits)
		printf("%8" PRId64 "  job %d waits for I/O until %" PRId64 "\n",
		       tick->at + 1, tick->job, tick->at + 1 + x->iotime);
	if (!explain || tick->left == 0 || tick->ticks != 0)
		return;
	printf("%8" PRId64 "  job %d has used up its slice", tick->at + 1,
	       tick->job);
	if (tick->falls_to < tick->queue)
		printf(" and its allotment: down to queue %d\n",
		       tick->falls_to);
	else
		printf(" and gets another in queue %d\n", tick->queue);
}

static void print_events(const struct mlfq *x, int64_t at, size_t *started)
{
	if (boosted_at(x, at))
		printf("%8" PRId64 "  boost: all to queue %d\n", at,
		       x->queues - 1);
	for (; starts_at(x, *started, at); ++*started)
		printf("%8" PRId64 "  job %zu starts\n", at,
		       x->starts[*started]);
	if (x->back_at[at] != NOBODY)
		printf("%8" PRId64 "  job %d is back from I/O\n", at,
		       x->back_at[at]);
}

static void trace(const struct sheet *sheet)
{
	const struct mlfq *x = sheet->exercise;
	const struct ostep *o = sheet->options;
	size_t started = 0, turn = 0, i = 0, to = 0;
	bool idle = false;

	for (int64_t at = 0; at < x->end; at++) {
		print_events(x, at, &started);
		const struct mlfq_tick *tick = &x->ticks[i];
		if (tick->at > at) {
			if (o->steps || !idle)
				printf("%8" PRId64 "  idle\n", at);
			idle = true;
			continue;
		}
		idle = false;
		bool begins = i == to;
		if (begins) {
			to += (size_t)sheet->turns[turn].ran;
			if (o->explain) {
				printf("%8" PRId64 "  job %d is ", at,
				       tick->job);
				why(sheet, turn);
				putchar('\n');
			}
			turn++;
		}
		if (o->steps)
			print_tick(tick);
		else if (begins || tick->queue != tick[-1].queue)
			print_stretch(x, i, to);
		print_after(x, tick, o->explain);
		i++;
	}
}

// ## The trace as JSON

static void job_members(const struct sheet *sheet, size_t i)
{
	const struct mlfq_job *job =
		&((const struct mlfq *)sheet->exercise)->jobs[i];

	printf(", \"run\": %" PRId64 ", \"io\": %" PRId64, job->run, job->io);
}

// Each tick as the course prints it: time, job, queue, what is left of the slice,
// of the allotment and of the job.
static void members(const struct sheet *sheet)
{
	const struct mlfq *x = sheet->exercise;
	const char *between = "";

	printf(",\n \"ticks\": [");
	for (size_t i = 0; i < x->tick_count; i++) {
		const struct mlfq_tick *t = &x->ticks[i];
		printf("%s\n  {\"tick\": %" PRId64 ", \"job\": \"%d\", "
		       "\"queue\": %d, \"ticks\": %" PRId64 ", \"slices\": "
		       "%" PRId64 ", \"left\": %" PRId64 "}",
		       i ? "," : "", t->at, t->job, t->queue, t->ticks,
		       t->slices, t->left);
	}
	printf("],\n \"idle\": [");
	for (int64_t at = 0, i = 0; at < x->end; at++)
		if (x->ticks[i].at == at) {
			i++;
		} else {
			printf("%s%" PRId64, between, at);
			between = ", ";
		}
	printf("],\n \"boosts\": [");
	between = "";
	for (int64_t at = 0; at < x->end; at++)
		if (boosted_at(x, at)) {
			printf("%s%" PRId64, between, at);
			between = ", ";
		}
	putchar(']');
}

struct sheet mlfq_sheet(const struct mlfq *x, const struct ostep *o)
{
	return (struct sheet){
		.options = o,
		.policy = "mlfq",
		.unit = "ticks",
		.whole = true,
		.exercise = x,
		.job_members = job_members,
		.members = members,
		.problem = problem,
		.trace = trace,
		.why = why,
	};
}
