// # Step by step: what happened, and why this job
//
// A line an event, in order of time. At one moment things are said in the order
// in which they become true: who is done or begins to wait, who comes, who loses
// the CPU for that or because its time is over, who is chosen and why
// (--explain), who runs. (With --ties=expired a quantum is over before others
// come.) Of one sort they stand as the model takes them (simulate.h): arrivals
// as in the file, ends of waits as the waits began, all else by CPU.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "sched/chart/stretches.h"
#include "sim.h"

enum kind { LEAVES, ARRIVES, RETURNS, LOSES, CHOSEN, BEGINS };

struct event {
	int64_t at_ns;
	enum kind kind;
	int job, cpu;     // RETURNS: the CPU that it left to wait
	int64_t since_ns; // RETURNS: when the wait began
	size_t order;     // of being made
	enum slice_end end;
	int64_t length_ns; // LEAVES: of the wait
	const char *why;
};

struct events {
	struct event *event;
	size_t count;
	bool expired_first;
};

static void add(struct events *events, struct event event)
{
	event.order = events->count;
	events->event[events->count++] = event;
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->since_ns != y->since_ns)
		return x->since_ns < y->since_ns ? -1 : 1;
	if (x->cpu != y->cpu && x->kind != CHOSEN)
		return x->cpu - y->cpu;
	return (x->order > y->order) - (x->order < y->order);
}

static enum kind kind_of(const struct events *events, enum slice_end end)
{
	return end == SLICE_PREEMPTED ||
			       (end == SLICE_EXPIRED && !events->expired_first)
		       ? LOSES
		       : LEAVES;
}

// A wait stands right behind the slice that ended with it.
static void add_stretch(struct events *events, int job, const struct stretch *s,
			const struct stretch *next)
{
	struct event event = { .job = job, .cpu = s->cpu, .end = s->end };

	if (s->state == WAITS) {
		event.since_ns = s->begin_ns;
		event.cpu = s[-1].cpu;
		event.at_ns = s->end_ns;
		event.kind = RETURNS;
		add(events, event);
	} else if (s->state == RUNS) {
		event.at_ns = s->begin_ns;
		event.kind = BEGINS;
		add(events, event);
		event.at_ns = s->end_ns;
		event.kind = kind_of(events, s->end);
		if (next && next->state == WAITS)
			event.length_ns = next->end_ns - next->begin_ns;
		add(events, event);
	}
}

static void add_life(struct events *events, const struct jobs *jobs,
		     const struct stretches *stretches)
{
	for (size_t j = 0; j < jobs->count; j++) {
		size_t from = stretches->first[j], to = stretches->first[j + 1];
		add(events, (struct event){ .at_ns = jobs->tasks[j].arrival_ns,
					    .kind = ARRIVES,
					    .job = (int)j });
		for (size_t i = from; i < to; i++)
			add_stretch(events, (int)j, &stretches->stretch[i],
				    i + 1 < to ? &stretches->stretch[i + 1]
					       : NULL);
	}
}

// ## Saying it

enum { SENTENCE_BYTES = 256 };

static void say_end(const struct event *e, const char *name,
		    char text[SENTENCE_BYTES])
{
	char time[HUMAN_BYTES];

	switch (e->end) {
	case SLICE_FINISHED:
		snprintf(text, SENTENCE_BYTES, "%s is done", name);
		break;
	case SLICE_BLOCKED:
		snprintf(text, SENTENCE_BYTES, "%s waits, %s", name,
			 duration_name(time, e->length_ns));
		break;
	case SLICE_PREEMPTED:
		snprintf(text, SENTENCE_BYTES, "%s is preempted", name);
		break;
	case SLICE_EXPIRED:
		snprintf(text, SENTENCE_BYTES, "%s: the quantum is over", name);
		break;
	}
}

static void say(const struct event *e, const char *name, bool several,
		char text[SENTENCE_BYTES])
{
	char on[32] = "";

	if (several)
		snprintf(on, sizeof on, " on CPU %d", e->cpu);
	switch (e->kind) {
	case LEAVES:
	case LOSES:
		say_end(e, name, text);
		break;
	case ARRIVES:
		snprintf(text, SENTENCE_BYTES, "%s arrives", name);
		break;
	case RETURNS:
		snprintf(text, SENTENCE_BYTES, "%s is ready again", name);
		break;
	case CHOSEN:
		snprintf(text, SENTENCE_BYTES, "%s is chosen%s: %s", name, on,
			 e->why);
		break;
	case BEGINS:
		snprintf(text, SENTENCE_BYTES, "%s runs%s", name, on);
		break;
	}
}

static void say_all(const struct jobs *jobs, const struct events *events,
		    bool several)
{
	enum { INDENT = 17 };
	int columns = canvas_of(STDOUT_FILENO).columns;
	char name[JOB_NAME_BYTES], text[SENTENCE_BYTES], time[HUMAN_BYTES];

	putchar('\n');
	for (size_t i = 0; i < events->count; i++) {
		const struct event *e = &events->event[i];
		snprintf(time, sizeof time, "%10.15g ms  ",
			 (double)e->at_ns / 1e6);
		say(e, job_name(jobs, e->job, name), several, text);
		put_wrapped(stdout, columns, time, INDENT, text);
	}
}

int show_events(const struct request *request, const struct jobs *jobs,
		const struct history *history)
{
	struct stretches stretches = { 0 };
	struct events events = {
		.expired_first = request->simulation.expired_first,
	};
	size_t life = 0;

	if (!request->steps && !request->explain)
		return 0;
	if (request->steps) {
		if (stretches_make(&stretches, jobs, history) != 0)
			return -ENOMEM;
		life = jobs->count + 2 * stretches.first[jobs->count];
	}
	events.event = malloc((life + history->decision_count + 1) *
			      sizeof *events.event);
	if (!events.event) {
		stretches_free(&stretches);
		return -ENOMEM;
	}
	if (request->steps)
		add_life(&events, jobs, &stretches);
	for (size_t i = 0; i < history->decision_count; i++) {
		const struct decision *d = &history->decisions[i];
		add(&events, (struct event){ .at_ns = d->at_ns,
					     .kind = CHOSEN,
					     .job = d->job,
					     .cpu = d->cpu,
					     .why = d->why });
	}
	qsort(events.event, events.count, sizeof *events.event, by_time);
	say_all(jobs, &events, history->cpus > 1);
	free(events.event);
	stretches_free(&stretches);
	return 0;
}
