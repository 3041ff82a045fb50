// # mlfq
//
// The queues are those of sched/policy/mlfq.c, and the model says who runs in
// each tick. What the course prints beside it (the queue, what is left of the
// slice, how many slices are left) is bookkeeping about one job at a time: it is
// kept here, along the trace, by the course's rules. Its numbers differ from
// ours: queue 0 is the lowest, and a quantum or an allotment of 0 or less never
// runs out.

#define _GNU_SOURCE
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "must.h"
#include "options.h"
#include "optparse.h"
#include "sched/command/command.h"
#include "sched/sim/ostep_mlfq.h"
#include "python_random.h"

// ## The queues

static int64_t list_item(const char *option, const char *list, const char *text,
			 const char *want)
{
	int64_t value;

	if (parse_number(text, INT32_MIN, INT32_MAX, &value) != 0)
		option_refuse(outside_argp(), option, list, "%s", want);
	return value;
}

static void read_quanta(struct mlfq *x, const struct ostep *o)
{
	static const char want[] =
		"a quantum for each queue, the highest first, at most 64, "
		"separated by commas, such as 5,10,20";

	if (!*o->quantum_list) {
		optparse_range("--numQueues", o->queues, 1, LEVELS_MAX);
		optparse_range("--quantum", o->quantum, INT32_MIN, INT32_MAX);
		x->queues = (int)o->queues;
		for (int q = 0; q < x->queues; q++)
			x->quantum[q] = o->quantum;
		return;
	}
	struct ostep_list list = ostep_list("--quantumList", o->quantum_list,
					    ',', '\0', 1, want);
	if (list.items > LEVELS_MAX)
		option_refuse(outside_argp(), "--quantumList", o->quantum_list,
			      "%s", want);
	x->queues = (int)list.items;
	for (int q = 0; q < x->queues; q++)
		x->quantum[x->queues - 1 - q] = list_item(
			"--quantumList", o->quantum_list, list.text[q], want);
	ostep_list_free(&list);
}

static void read_allotments(struct mlfq *x, const struct ostep *o)
{
	static const char want[] =
		"an allotment for each queue, the highest first, above 0 but "
		"for the last, separated by commas, such as 2,2,1";

	if (!*o->allotment_list) {
		optparse_range("--allotment", o->allotment, INT32_MIN,
			       INT32_MAX);
		for (int q = 0; q < x->queues; q++)
			x->allotment[q] = o->allotment;
		return;
	}
	struct ostep_list list = ostep_list(
		"--allotmentList", o->allotment_list, ',', '\0', 1, want);
	if (list.items != (size_t)x->queues)
		option_refuse(outside_argp(), "--allotmentList",
			      o->allotment_list,
			      "as many allotments as there are queues: %d",
			      x->queues);
	for (int q = x->queues - 1, i = 0; q >= 0; q--, i++) {
		x->allotment[q] = list_item("--allotmentList",
					    o->allotment_list, list.text[i],
					    want);
		if (q > 0 && x->allotment[q] <= 0)
			option_refuse(outside_argp(), "--allotmentList",
				      o->allotment_list, "%s", want);
	}
	ostep_list_free(&list);
}

// ## The jobs

// Python rounds twice; a compiler that fuses the two operations would round
// once, and now and then find another number.
static int64_t drawn(struct python_random *random, int64_t bound)
{
	volatile double product = python_random_real(random) *
				  (double)(bound - 1);

	return (int64_t)trunc(product + 1);
}

static void draw_jobs(struct mlfq *x, const struct ostep *o)
{
	struct python_random random = python_random_seeded(o->seed);

	optparse_range("--numJobs", o->jobs, 1, MOST_JOBS);
	optparse_range("--maxlen", o->maxlen, 1, MOST_LENGTH);
	optparse_range("--maxio", o->maxio, 0, INT64_MAX);
	x->count = (size_t)o->jobs;
	x->jobs = must_ptr(calloc(x->count, sizeof *x->jobs));
	for (size_t i = 0; i < x->count; i++) {
		x->jobs[i].run = drawn(&random, o->maxlen);
		x->jobs[i].io = drawn(&random, o->maxio);
	}
}

static void list_jobs(struct mlfq *x, const struct ostep *o)
{
	static const char want[] =
		"start,run,io of each job, separated by colons, such as "
		"0,20,0:5,7,3; start and io from 0, run from 1 to 1000000";
	struct ostep_list list = ostep_list("--jlist", o->jlist, ':', ',', 3,
					    want);

	x->count = list.items;
	x->jobs = must_ptr(calloc(x->count, sizeof *x->jobs));
	for (size_t i = 0; i < x->count; i++) {
		struct mlfq_job *job = &x->jobs[i];
		const char *const *fields = list.text + 3 * i;
		if (parse_number(fields[0], 0, MOST_STEPS, &job->start) != 0 ||
		    parse_number(fields[1], 1, MOST_STEPS, &job->run) != 0 ||
		    parse_number(fields[2], 0, INT64_MAX, &job->io) != 0)
			option_refuse(outside_argp(), "--jlist", o->jlist, "%s",
				      want);
	}
	ostep_list_free(&list);
}

static int64_t waits_of(const struct mlfq_job *job)
{
	return job->io > 0 ? (job->run - 1) / job->io : 0;
}

// Each tick somebody runs, waits, or has not begun: so the ticks are no more
// than all of that together.
static void limit_ticks(const struct mlfq *x)
{
	int64_t iotime = x->iotime < MOST_STEPS ? x->iotime : MOST_STEPS;
	int64_t last_start = 0, sum = 0;
	char text[32];

	for (size_t i = 0; i < x->count; i++) {
		const struct mlfq_job *job = &x->jobs[i];
		sum += job->run + waits_of(job) * iotime;
		if (job->start > last_start)
			last_start = job->start;
		if (sum + last_start > MOST_STEPS) {
			snprintf(text, sizeof text, "%" PRId64,
				 sum + last_start);
			option_refuse(outside_argp(),
				      "run and I/O times together", text,
				      "at most %d ticks", MOST_STEPS);
		}
	}
}

// ## Solving

// A job with I/O every n ticks computes for n, waits, computes for n ... A
// finished job does no I/O: the last phase has something to compute.
static void phases_of(const struct mlfq *x, const struct mlfq_job *job,
		      struct ostep_job *line, int64_t *phases)
{
	int64_t waits = waits_of(job);

	for (int64_t i = 0; i < waits; i++) {
		phases[2 * i] = job->io;
		phases[2 * i + 1] = x->iotime;
	}
	phases[2 * waits] = job->run - waits * job->io;
	*line = (struct ostep_job){ .arrival = job->start,
				    .phases = phases,
				    .phase_count = 2 * (size_t)waits + 1 };
}

static void set_levels(const struct mlfq *x, struct policy_settings *settings)
{
	settings->levels = x->queues;
	for (int level = 0; level < x->queues; level++) {
		int64_t quantum = x->quantum[x->queues - 1 - level];
		int64_t allotment = x->allotment[x->queues - 1 - level];
		settings->level_quantum_ns[level] =
			quantum > 0 && quantum <= MOST_STEPS ? quantum * STEP_NS
							     : NEVER;
		settings->level_allotment[level] =
			allotment > 0 && allotment <= MOST_STEPS
				? (int)allotment
				: INT_MAX;
	}
	settings->boost_ns = x->boost > 0 && x->boost <= MOST_STEPS
				     ? x->boost * STEP_NS
				     : 0;
}

static struct history solve(const struct mlfq *x, const struct ostep *o)
{
	struct policy_settings settings = policy_defaults(NULL);
	struct ostep_job *lines = must_ptr(calloc(x->count, sizeof *lines));
	size_t phases = 0;

	set_levels(x, &settings);
	settings.stay = o->stay;
	settings.io_head = o->iobump;
	for (size_t i = 0; i < x->count; i++)
		phases += 2 * (size_t)waits_of(&x->jobs[i]) + 1;
	int64_t *phase = must_ptr(calloc(phases, sizeof *phase));
	for (size_t i = 0, used = 0; i < x->count; i++) {
		phases_of(x, &x->jobs[i], &lines[i], phase + used);
		used += lines[i].phase_count;
	}
	struct history history = ostep_solve("mlfq", &settings, lines, x->count,
					     false);
	free(phase);
	free(lines);
	return history;
}

// ## The answers

static void answer(struct sheet *sheet, const struct mlfq *x)
{
	for (size_t i = 0; i < x->tick_count; i++) {
		const struct mlfq_tick *tick = &x->ticks[i];
		const struct mlfq_job *job = &x->jobs[tick->job];
		struct answer *a = &sheet->answers[tick->job];
		if (!a->ran) {
			a->response = (double)(tick->at - job->start);
			a->arrival = (double)job->start;
		}
		a->ran = true;
		if (tick->left > 0)
			continue;
		int64_t turnaround = tick->at + 1 - job->start;
		a->turnaround = (double)turnaround;
		a->waiting = (double)(turnaround - job->run -
				      waits_of(job) * x->iotime);
		a->done = true;
	}
}

static void copy_turns(struct sheet *sheet, const struct history *history)
{
	for (size_t i = 0; i < history->slice_count; i++) {
		const struct slice *slice = &history->slices[i];
		int64_t begin = slice->begin_ns / STEP_NS;
		int64_t end = slice->end_ns / STEP_NS;
		sheet->turns[i] = (struct turn){ slice->job, (double)begin,
						 (double)end,
						 (double)(end - begin) };
	}
}

int ostep_mlfq(const struct ostep *o)
{
	struct mlfq x = { .boost = o->boost, .iotime = o->iotime };

	read_quanta(&x, o);
	read_allotments(&x, o);
	optparse_range("--iotime", o->iotime, 0, INT64_MAX);
	if (*o->jlist)
		list_jobs(&x, o);
	else
		draw_jobs(&x, o);
	limit_ticks(&x);
	struct history history = solve(&x, o);
	struct sheet sheet = mlfq_sheet(&x, o);
	sheet_begin(&sheet, x.count, history.slice_count);
	copy_turns(&sheet, &history);
	history_free(&history);
	mlfq_follow(&sheet, &x);
	answer(&sheet, &x);
	sheet_end(&sheet);
	int status = sheet_show(&sheet);
	mlfq_free(&x);
	return status;
}
