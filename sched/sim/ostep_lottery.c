// # lottery
//
// The exercise is drawn first: lengths, tickets, and one random number for each
// tick of work there is, which is as many rounds as there can be at a quantum of
// 1. The solution then takes these numbers, one a round, as its luck. The clock
// moves a whole quantum in each round, also when the winner needed less
// (simulate.h, whole_slices).
//
// A job of length 0 may be listed. It is done when it wins its first round. As
// it adds no round to the number of rounds, a lottery with such jobs may end
// with somebody left over: he has a null in JSON, a dash in the table.

#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "must.h"
#include "options.h"
#include "optparse.h"
#include "sched/command/command.h"
#include "sched/sim/ostep_parts.h"
#include "python_random.h"
#include "quiz.h"

enum { RANDOM_LIMIT = 1000001 }; // random numbers are 0 .. 1000000

struct ticket_holder {
	int64_t length;
	uint32_t tickets;
	int64_t done; // when; -1: never
};

struct round {
	uint64_t winning, total; // the ticket, of how many
	uint64_t before;         // tickets of the jobs listed before the winner
};

struct exercise {
	struct ticket_holder *jobs;
	size_t count;
	int64_t quantum;
	uint32_t *randoms; // one a tick of work
	size_t random_count, used;
	struct round *rounds;
};

// ## The jobs

static int64_t some(struct python_random *random, int64_t limit)
{
	int64_t number;

	do
		number = (int64_t)trunc((double)limit *
					python_random_real(random));
	while (number == 0);
	return number;
}

static void draw_jobs(struct exercise *x, const struct ostep *o,
		      struct python_random *random)
{
	optparse_range("--jobs", o->jobs, 1, MOST_JOBS);
	optparse_range("--maxlen", o->maxlen, 2, MOST_LENGTH);
	optparse_range("--maxticket", o->maxticket, 2, UINT32_MAX);
	x->count = (size_t)o->jobs;
	x->jobs = must_ptr(calloc(x->count, sizeof *x->jobs));
	for (size_t i = 0; i < x->count; i++) {
		x->jobs[i].length = some(random, o->maxlen);
		x->jobs[i].tickets = (uint32_t)some(random, o->maxticket);
	}
}

static void list_jobs(struct exercise *x, const struct ostep *o)
{
	static const char want[] =
		"length:tickets of each job, separated by commas, such as "
		"10:100,20:50; lengths from 0, tickets from 1 to 4294967295";
	struct ostep_list list = ostep_list("--jlist", o->jlist, ',', ':', 2,
					    want);
	int64_t tickets;

	x->count = list.items;
	x->jobs = must_ptr(calloc(x->count, sizeof *x->jobs));
	for (size_t i = 0; i < x->count; i++) {
		if (parse_number(list.text[2 * i], 0, MOST_LENGTH,
				 &x->jobs[i].length) != 0 ||
		    parse_number(list.text[2 * i + 1], 1, UINT32_MAX,
				 &tickets) != 0)
			option_refuse(outside_argp(), "--jlist", o->jlist, "%s",
				      want);
		x->jobs[i].tickets = (uint32_t)tickets;
	}
	ostep_list_free(&list);
}

static void draw_randoms(struct exercise *x, struct python_random *random)
{
	char text[32];
	int64_t sum = 0;

	for (size_t i = 0; i < x->count; i++)
		sum += x->jobs[i].length;
	if (sum > MOST_STEPS) {
		snprintf(text, sizeof text, "%" PRId64, sum);
		option_refuse(outside_argp(), "lengths together", text,
			      "at most %d", MOST_STEPS);
	}
	x->random_count = (size_t)sum;
	x->randoms = must_ptr(calloc(x->random_count + 1, sizeof *x->randoms));
	for (size_t i = 0; i < x->random_count; i++)
		x->randoms[i] = (uint32_t)trunc(python_random_real(random) *
						RANDOM_LIMIT);
}

// ## The rounds

// The policy's luck. Where jobs of length 0 need more rounds than there are
// numbers, those rounds do not count (see hold_rounds).
static uint64_t next_random(void *luck)
{
	struct exercise *x = luck;

	return x->used < x->random_count ? x->randoms[x->used++] : 0;
}

// No job is longer than MOST_STEPS, so a quantum need not be either: the times
// are worked out in hold_rounds.
static struct history solve(struct exercise *x)
{
	struct policy_settings settings = policy_defaults(NULL);
	struct ostep_job *jobs = must_ptr(calloc(x->count, sizeof *jobs));
	int64_t *lengths = must_ptr(calloc(x->count, sizeof *lengths));

	settings.quantum_ns = (x->quantum < MOST_STEPS ? x->quantum
						       : MOST_STEPS) *
			      (int64_t)STEP_NS;
	settings.draw = next_random;
	settings.luck = x;
	for (size_t i = 0; i < x->count; i++) {
		lengths[i] = x->jobs[i].length ? x->jobs[i].length : 1;
		jobs[i] = (struct ostep_job){ .phases = &lengths[i],
					      .phase_count = 1,
					      .tickets = x->jobs[i].tickets };
	}
	struct history history = ostep_solve("lottery", &settings, jobs,
					     x->count, true);
	free(lengths);
	free(jobs);
	return history;
}

// What round i says of itself, before it is known who is done after it.
static struct round round_of(const struct exercise *x, size_t i, int job,
			     const uint64_t *before)
{
	return (struct round){ .winning = x->randoms[i] % before[x->count],
			       .total = before[x->count],
			       .before = before[job] };
}

static void hold_rounds(struct sheet *sheet, struct exercise *x,
			const struct history *history)
{
	int64_t *won = must_ptr(calloc(x->count, sizeof *won));
	uint64_t *before = must_ptr(calloc(x->count + 1, sizeof *before));

	for (size_t i = 0; i < x->count; i++) {
		before[i + 1] = before[i] + x->jobs[i].tickets;
		x->jobs[i].done = -1;
	}
	for (size_t i = 0; i < sheet->turn_count; i++) {
		int job = history->slices[i].job;
		struct ticket_holder *winner = &x->jobs[job];
		struct answer *a = &sheet->answers[job];
		int64_t clock = (int64_t)i * x->quantum;

		sheet->turns[i] = (struct turn){ job, (double)clock,
						 (double)(clock + x->quantum),
						 (double)x->quantum };
		x->rounds[i] = round_of(x, i, job, before);
		if (!a->ran)
			a->response = (double)clock;
		a->ran = true;
		if (++won[job] * x->quantum < winner->length)
			continue;
		for (size_t k = (size_t)job + 1; k <= x->count; k++)
			before[k] -= winner->tickets;
		winner->done = clock + x->quantum;
		a->turnaround = (double)winner->done;
		a->waiting = (double)(winner->done - won[job] * x->quantum);
		a->done = true;
	}
	free(before);
	free(won);
}

// ## Telling

static void print_randoms(const struct exercise *x)
{
	enum { A_LINE = 8 };

	for (size_t i = 0; i < x->random_count; i++)
		printf("%s%8" PRIu32 "%s", i % A_LINE ? " " : "  ",
		       x->randoms[i],
		       i % A_LINE == A_LINE - 1 || i + 1 == x->random_count
			       ? "\n"
			       : "");
}

static void problem(const struct sheet *sheet)
{
	const struct exercise *x = sheet->exercise;
	uint64_t total = 0;

	printf("Lottery, quantum %" PRId64 ", seed %" PRIu64
	       ", all ready at time 0\n\n",
	       x->quantum, sheet->options->seed);
	for (size_t i = 0; i < x->count; i++) {
		total += x->jobs[i].tickets;
		printf("  job %zu runs for %" PRId64 ", tickets: %" PRIu32 "\n",
		       i, x->jobs[i].length, x->jobs[i].tickets);
	}
	printf("\nTickets in all: %" PRIu64
	       ". The random numbers, one a round; "
	       "the remainder by the\n"
	       "tickets of all who are not done is the winning one:\n\n",
	       total);
	print_randoms(x);
	printf("\nWho wins each round, and when is each job done?\n");
}

static void why(const struct sheet *sheet, size_t i)
{
	const struct exercise *x = sheet->exercise;
	const struct round *round = &x->rounds[i];
	const struct ticket_holder *job = &x->jobs[sheet->turns[i].job];

	printf("%" PRIu32 " mod %" PRIu64 " is ticket %" PRIu64 ", and %" PRIu64
	       " to %" PRIu64 " are job %d's",
	       x->randoms[i], round->total, round->winning, round->before,
	       round->before + job->tickets - 1, sheet->turns[i].job);
}

// What everybody has left before the round, and holds.
static void print_state(const struct exercise *x, const int64_t *left,
			int64_t clock)
{
	printf("%10s", "");
	for (size_t i = 0; i < x->count; i++) {
		bool done = x->jobs[i].done >= 0 && x->jobs[i].done <= clock;
		printf("%s job %zu: left %" PRId64 ", tickets %" PRIu32,
		       i ? ";" : " ", i, left[i],
		       done ? 0 : x->jobs[i].tickets);
	}
	putchar('\n');
}

static void trace(const struct sheet *sheet)
{
	const struct exercise *x = sheet->exercise;
	int64_t *left = must_ptr(calloc(x->count, sizeof *left));

	for (size_t i = 0; i < x->count; i++)
		left[i] = x->jobs[i].length;
	for (size_t i = 0; i < sheet->turn_count; i++) {
		const struct turn *turn = &sheet->turns[i];
		const struct round *round = &x->rounds[i];
		int64_t *mine = &left[turn->job];
		if (sheet->options->steps)
			print_state(x, left, (int64_t)turn->begin);
		printf("%10.0f  random %" PRIu32 ", ticket %" PRIu64
		       " of %" PRIu64 ": job %d wins",
		       turn->begin, x->randoms[i], round->winning, round->total,
		       turn->job);
		*mine = *mine > x->quantum ? *mine - x->quantum : 0;
		if (*mine == 0)
			printf(" and is done at %.0f", turn->end);
		putchar('\n');
		if (sheet->options->explain) {
			printf("            because ");
			why(sheet, i);
			putchar('\n');
		}
	}
	free(left);
}

static void job_members(const struct sheet *sheet, size_t job)
{
	const struct exercise *x = sheet->exercise;

	printf(", \"length\": %" PRId64 ", \"tickets\": %" PRIu32,
	       x->jobs[job].length, x->jobs[job].tickets);
}

// As many numbers as rounds were held.
static void members(const struct sheet *sheet)
{
	const struct exercise *x = sheet->exercise;

	printf(",\n \"draws\": [");
	for (size_t i = 0; i < sheet->turn_count; i++)
		printf("%s\n  {\"random\": %" PRIu32 ", \"winner\": \"%d\", "
		       "\"ticket\": %" PRIu64 ", \"tickets\": %" PRIu64 "}",
		       i ? "," : "", x->randoms[i], sheet->turns[i].job,
		       x->rounds[i].winning, x->rounds[i].total);
	putchar(']');
}

static void ask(const struct sheet *sheet, struct quiz *quiz)
{
	const struct exercise *x = sheet->exercise;

	for (size_t i = 0; i < sheet->turn_count; i++)
		if (!quiz_ask(quiz, sheet->turns[i].job,
			      "round %zu, random %" PRIu32 ": which job wins",
			      i + 1, x->randoms[i]))
			return;
}

int ostep_lottery(const struct ostep *o)
{
	struct exercise x = { .quantum = o->quantum };
	struct python_random random = python_random_seeded(o->seed);

	optparse_range("--quantum", o->quantum, 1, MOST_LENGTH);
	if (*o->jlist)
		list_jobs(&x, o);
	else
		draw_jobs(&x, o, &random);
	draw_randoms(&x, &random);
	struct history history = solve(&x);
	size_t rounds = history.slice_count < x.random_count
				? history.slice_count
				: x.random_count;
	struct sheet sheet = {
		.options = o,
		.policy = "lottery",
		.unit = "ticks",
		.whole = true,
		.exercise = &x,
		.job_members = job_members,
		.members = members,
		.problem = problem,
		.trace = trace,
		.why = why,
		.ask = ask,
	};
	sheet_begin(&sheet, x.count, rounds);
	x.rounds = must_ptr(calloc(rounds + 1, sizeof *x.rounds));
	hold_rounds(&sheet, &x, &history);
	sheet_end(&sheet);
	history_free(&history);
	int status = sheet_show(&sheet);
	free(x.rounds);
	free(x.randoms);
	free(x.jobs);
	return status;
}
