// # scheduler: FIFO, SJF, RR
//
// All jobs are there at time 0. Lengths are Python's floats, and what is left of
// one is found by subtracting the quantum again and again; nanoseconds would
// take 2.0000000001 for 2. So the model gets what the policy has to tell apart
// and no more: for SJF the rank of each length, for RR the number of turns that
// each job will need. It says who runs when; the times are added up here, as
// the course's program adds them.

#define _GNU_SOURCE
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "optparse.h"
#include "sched/command/command.h"
#include "sched/sim/ostep_parts.h"
#include "python_random.h"

enum discipline { FIFO, SJF, RR };

struct exercise {
	enum discipline discipline;
	double *lengths;
	double quantum;
	size_t count;
	bool *last_turn; // by turn: the job is done after it
};

// ## The jobs

// As Python's float() reads it, but for what is no length: no sign, no "inf".
// The characters are checked first, strtod(3) would read hexadecimal, too.
static double read_length(const char *option, const char *list,
			  const char *text)
{
	static const char want[] =
		"lengths from 0 to %d, separated by commas, such as 2.5,7";
	locale_t plain = must_ptr(newlocale(LC_NUMERIC_MASK, "C", NULL));
	char *end;

	double length = strtod_l(text, &end, plain);
	freelocale(plain);
	if (!*text || *end || text[strspn(text, "0123456789.eE+-")] ||
	    !(length >= 0 && length <= MOST_LENGTH) || signbit(length))
		option_refuse(outside_argp(), option, list, want, MOST_LENGTH);
	return length;
}

static void list_jobs(struct exercise *x, const struct ostep *o)
{
	struct ostep_list list = ostep_list("--jlist", o->jlist, ',', '\0', 1,
					    NULL);

	x->count = list.items;
	x->lengths = must_ptr(calloc(x->count, sizeof *x->lengths));
	for (size_t i = 0; i < x->count; i++)
		x->lengths[i] = read_length("--jlist", o->jlist, list.text[i]);
	ostep_list_free(&list);
}

static void draw_jobs(struct exercise *x, const struct ostep *o)
{
	struct python_random random = python_random_seeded(o->seed);

	optparse_range("--jobs", o->jobs, 1, MOST_JOBS);
	optparse_range("--maxlen", o->maxlen, 0, MOST_LENGTH);
	x->count = (size_t)o->jobs;
	x->lengths = must_ptr(calloc(x->count, sizeof *x->lengths));
	for (size_t i = 0; i < x->count; i++)
		x->lengths[i] =
			trunc((double)o->maxlen * python_random_real(&random)) +
			1;
}

// ## What the model is told

// How many lengths are smaller: equal lengths have the same rank.
static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void rank(const struct exercise *x, int64_t *ranks)
{
	double *sorted = must_ptr(calloc(x->count, sizeof *sorted));

	memcpy(sorted, x->lengths, x->count * sizeof *sorted);
	qsort(sorted, x->count, sizeof *sorted, by_value);
	for (size_t i = 0; i < x->count; i++) {
		size_t low = 0, high = x->count;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (sorted[middle] < x->lengths[i])
				low = middle + 1;
			else
				high = middle;
		}
		ranks[i] = (int64_t)low + 1;
	}
	free(sorted);
}

// A job with just a quantum left ends there.
static void count_turns(const struct exercise *x, int64_t *turns)
{
	int64_t sum = 0;
	char text[40];

	for (size_t i = 0; i < x->count; i++) {
		double left = x->lengths[i];
		for (turns[i] = 1; left > x->quantum; left -= x->quantum) {
			if (turns[i]++ < MOST_STEPS - sum)
				continue;
			option_refuse(outside_argp(), "--quantum",
				      ostep_number(text, x->quantum),
				      "a longer one: these jobs would need "
				      "more than %d turns",
				      MOST_STEPS);
		}
		sum += turns[i];
	}
}

static struct history solve(const struct exercise *x)
{
	static const char *const names[] = { "fifo", "sjf", "rr" };
	struct policy_settings settings = policy_defaults(NULL);
	struct ostep_job *jobs = must_ptr(calloc(x->count, sizeof *jobs));
	int64_t *steps = must_ptr(calloc(x->count, sizeof *steps));

	settings.quantum_ns = STEP_NS;
	for (size_t i = 0; i < x->count; i++) {
		steps[i] = 1;
		jobs[i] = (struct ostep_job){ .phases = &steps[i],
					      .phase_count = 1 };
	}
	if (x->discipline == SJF)
		rank(x, steps);
	else if (x->discipline == RR)
		count_turns(x, steps);
	struct history history = ostep_solve(names[x->discipline], &settings,
					     jobs, x->count, false);
	free(steps);
	free(jobs);
	return history;
}

// ## The times

// Waiting is summed up turn by turn; it begins where the job's last turn ended.
static void add_up(struct sheet *sheet, struct exercise *x,
		   const struct history *history)
{
	double clock = 0;
	double *left = must_ptr(calloc(x->count, sizeof *left));
	double *since = must_ptr(calloc(x->count, sizeof *since));
	size_t done = 0;

	memcpy(left, x->lengths, x->count * sizeof *left);
	for (size_t i = 0; i < history->slice_count; i++) {
		const struct slice *slice = &history->slices[i];
		struct answer *a = &sheet->answers[slice->job];
		bool last = slice->end == SLICE_FINISHED;
		double ran = last ? left[slice->job] : x->quantum;

		if (!a->ran)
			a->response = clock;
		a->ran = true;
		a->waiting += clock - since[slice->job];
		sheet->turns[i] = (struct turn){ slice->job, clock, clock + ran,
						 ran };
		clock += ran;
		left[slice->job] -= ran;
		since[slice->job] = clock;
		x->last_turn[i] = last;
		if (last) {
			a->turnaround = clock;
			a->done = true;
			if (x->discipline != RR)
				sheet->order[done++] = (size_t)slice->job;
		}
	}
	free(since);
	free(left);
}

// ## Telling

static void problem(const struct sheet *sheet)
{
	const struct exercise *x = sheet->exercise;
	const struct ostep *o = sheet->options;
	char text[40];

	printf("%s", o->policy);
	if (x->discipline == RR)
		printf(", quantum %g", x->quantum);
	if (*o->jlist)
		printf("; the jobs as listed");
	else
		printf("; seed %ju", (uintmax_t)o->seed);
	printf(", all ready at time 0\n\n");
	for (size_t i = 0; i < x->count; i++)
		printf("  job %zu runs for %s\n", i,
		       ostep_number(text, x->lengths[i]));
}

// Who is in the queue before turn i, from its head: in the order of their next
// turns, until one comes for the second time.
static size_t queue_before(const struct sheet *sheet, size_t i, int *queue,
			   size_t most)
{
	size_t n = 0;

	for (; i < sheet->turn_count && n < most; i++) {
		for (size_t k = 0; k < n; k++)
			if (queue[k] == sheet->turns[i].job)
				return n;
		queue[n++] = sheet->turns[i].job;
	}
	return n;
}

static void why(const struct sheet *sheet, size_t i)
{
	const struct exercise *x = sheet->exercise;
	const struct turn *turn = &sheet->turns[i];
	size_t left = x->count - (x->discipline == RR ? 0 : i);
	char text[40];
	int next;

	switch (x->discipline) {
	case FIFO:
		printf("the first in the list of %zu that have not run", left);
		break;
	case SJF:
		printf("the shortest of %zu that have not run, with %s", left,
		       ostep_number(text, x->lengths[turn->job]));
		if (i + 1 < sheet->turn_count) {
			next = sheet->turns[i + 1].job;
			if (x->lengths[next] == x->lengths[turn->job])
				printf("; job %d is as short, but stands "
				       "behind it in the list",
				       next);
		}
		break;
	case RR:
		if (i && sheet->turns[i - 1].job == turn->job)
			printf("the only one left");
		else
			printf("at the head of the queue");
		printf(x->last_turn[i]
			       ? "; what is left of it fits the quantum"
			       : "; more than a quantum is left: to the tail");
		break;
	}
}

static void print_queue(const struct sheet *sheet, size_t i)
{
	enum { SHOWN = 16 };
	int queue[SHOWN + 1];
	size_t n = queue_before(sheet, i, queue, SHOWN + 1);

	printf("              then");
	for (size_t k = 1; k < n && k < SHOWN; k++)
		printf(" %d", queue[k]);
	printf("%s\n", n > SHOWN ? " ..." : n < 2 ? " nobody" : "");
}

static void trace(const struct sheet *sheet)
{
	const struct exercise *x = sheet->exercise;

	for (size_t i = 0; i < sheet->turn_count; i++) {
		const struct turn *turn = &sheet->turns[i];
		printf("%12.2f  job %d runs for %.2f", turn->begin, turn->job,
		       turn->ran);
		if (x->last_turn[i])
			printf(" and is done at %.2f", turn->end);
		putchar('\n');
		if (sheet->options->explain) {
			printf("              because it is ");
			why(sheet, i);
			putchar('\n');
		}
		if (sheet->options->steps)
			print_queue(sheet, i);
	}
}

static void job_members(const struct sheet *sheet, size_t job)
{
	const struct exercise *x = sheet->exercise;
	char text[40];

	printf(", \"length\": %s", ostep_number(text, x->lengths[job]));
}

static void turn_members(const struct sheet *sheet, size_t i)
{
	const struct exercise *x = sheet->exercise;
	char text[40];

	printf(", \"ran\": %s, \"done\": %s",
	       ostep_number(text, sheet->turns[i].ran),
	       x->last_turn[i] ? "true" : "false");
}

int ostep_scheduler(const struct ostep *o)
{
	static const char *const names[] = { "FIFO", "SJF", "RR", NULL };
	static const char *const house[] = { "fifo", "sjf", "rr" };
	struct exercise x = {
		.discipline = option_choice(outside_argp(), "--policy",
					    o->policy, names),
		.quantum = (double)o->quantum,
	};

	if (x.discipline == RR)
		optparse_range("--quantum", o->quantum, 1, INT64_MAX);
	if (*o->jlist)
		list_jobs(&x, o);
	else
		draw_jobs(&x, o);
	struct history history = solve(&x);
	struct sheet sheet = {
		.options = o,
		.policy = house[x.discipline],
		.unit = "seconds",
		.exercise = &x,
		.job_members = job_members,
		.turn_members = turn_members,
		.problem = problem,
		.trace = trace,
		.why = why,
	};
	sheet_begin(&sheet, x.count, history.slice_count);
	x.last_turn =
		must_ptr(calloc(history.slice_count, sizeof *x.last_turn));
	add_up(&sheet, &x, &history);
	sheet_end(&sheet);
	history_free(&history);
	int status = sheet_show(&sheet);
	free(x.last_turn);
	free(x.lengths);
	return status;
}
