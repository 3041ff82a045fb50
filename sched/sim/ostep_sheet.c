// # The solution of an exercise: the common part
//
// Three programs, one shape of answer: jobs with their times, turns on the CPU,
// three means. As text with two digits, as the course prints it; as JSON with
// all digits; or as questions.

#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "sched/model/simulate.h"
#include "sched/sim/ostep_parts.h"
#include "quiz.h"

// ## The model

struct history ostep_solve(const char *policy,
			   const struct policy_settings *settings,
			   const struct ostep_job *list, size_t n,
			   bool whole_slices)
{
	const struct simulation simulation = { .cpus = 1,
					       .keep_slices = true,
					       .expired_first = true,
					       .whole_slices = whole_slices };
	struct job_line *lines = must_ptr(calloc(n, sizeof *lines));
	char(*names)[24] = must_ptr(calloc(n, sizeof *names));
	size_t phases = 0, used = 0;
	struct history history;
	struct jobs jobs;

	for (size_t i = 0; i < n; i++)
		phases += list[i].phase_count;
	int64_t *phase_ns = must_ptr(calloc(phases, sizeof *phase_ns));
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "%zu", i);
		lines[i] = (struct job_line){
			.name = names[i],
			.arrival_ns = list[i].arrival * STEP_NS,
			.bursts_ns = phase_ns + used,
			.bursts = list[i].phase_count,
			.tickets = list[i].tickets,
		};
		for (size_t k = 0; k < list[i].phase_count; k++)
			phase_ns[used++] = list[i].phases[k] * STEP_NS;
	}
	must_neg(jobs_make(&jobs, lines, n));
	must_neg(simulate(&simulation, policy_named(policy), settings, &jobs,
			  &history));
	jobs_free(&jobs);
	free(phase_ns);
	free(names);
	free(lines);
	return history;
}

// ## Filling it in

void sheet_begin(struct sheet *sheet, size_t jobs, size_t turns)
{
	sheet->jobs = jobs;
	sheet->answers = must_ptr(calloc(jobs, sizeof *sheet->answers));
	sheet->order = must_ptr(calloc(jobs, sizeof *sheet->order));
	for (size_t i = 0; i < jobs; i++)
		sheet->order[i] = i;
	sheet->turn_count = turns;
	sheet->turns = must_ptr(calloc(turns + 1, sizeof *sheet->turns));
}

void sheet_end(struct sheet *sheet)
{
	double response = 0, turnaround = 0, waiting = 0;

	for (size_t i = 0; i < sheet->turn_count; i++)
		if (i == 0 || sheet->turns[i - 1].job != sheet->turns[i].job)
			sheet->answers[sheet->turns[i].job].switches++;
	for (size_t i = 0; i < sheet->jobs; i++) {
		const struct answer *a = &sheet->answers[sheet->order[i]];
		response += a->response;
		turnaround += a->turnaround;
		waiting += a->waiting;
	}
	sheet->response = response / (double)sheet->jobs;
	sheet->turnaround = turnaround / (double)sheet->jobs;
	sheet->waiting = waiting / (double)sheet->jobs;
}

static bool all(const struct sheet *sheet, bool done)
{
	for (size_t i = 0; i < sheet->jobs; i++)
		if (!(done ? sheet->answers[i].done : sheet->answers[i].ran))
			return false;
	return true;
}

// ## Numbers

const char *ostep_number(char text[40], double number)
{
	int digits = number == trunc(number) && number < 1e15 ? 15 : 1;

	for (; digits <= 17; digits++) {
		snprintf(text, 40, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	return text;
}

static void print_number(const char *key, double number, bool known)
{
	char text[40];

	printf("\"%s\": %s", key, known ? ostep_number(text, number) : "null");
}

// ## JSON
//
// Written as it goes: a million ticks need no memory. Nothing in it has to be
// escaped, for there are no names but numbers.

static void json_job(const struct sheet *sheet, size_t job)
{
	const struct answer *a = &sheet->answers[job];

	printf("%s\n  {\"name\": \"%zu\", ", job ? "," : "", job);
	print_number("arrival", a->arrival, true);
	printf(", ");
	print_number("response", a->response, a->ran);
	printf(", ");
	print_number("turnaround", a->turnaround, a->done);
	printf(", ");
	print_number("waiting", a->waiting, a->done);
	printf(", \"switches\": %u", a->switches);
	sheet->job_members(sheet, job);
	putchar('}');
}

static void json_turn(const struct sheet *sheet, size_t i)
{
	const struct turn *turn = &sheet->turns[i];

	printf("%s\n  {\"job\": \"%d\", \"cpu\": 0, ", i ? "," : "", turn->job);
	print_number("start", turn->begin, true);
	printf(", ");
	print_number("end", turn->end, true);
	if (sheet->turn_members)
		sheet->turn_members(sheet, i);
	if (sheet->options->explain) {
		printf(", \"why\": \"");
		sheet->why(sheet, i);
		putchar('"');
	}
	putchar('}');
}

static void show_json(const struct sheet *sheet)
{
	printf("[{\"policy\": \"%s\", \"jobs\": [", sheet->policy);
	for (size_t i = 0; i < sheet->jobs; i++)
		json_job(sheet, i);
	printf("],\n \"averages\": {");
	print_number("response", sheet->response, all(sheet, false));
	printf(", ");
	print_number("turnaround", sheet->turnaround, all(sheet, true));
	printf(", ");
	print_number("waiting", sheet->waiting, all(sheet, true));
	printf("},\n \"slices\": [");
	for (size_t i = 0; i < sheet->turn_count; i++)
		json_turn(sheet, i);
	putchar(']');
	if (sheet->members)
		sheet->members(sheet);
	printf("}]\n");
}

// ## Text

static void print_cell(double number, int digits, bool known)
{
	if (known)
		printf("%12.*f", digits, number);
	else
		printf("%12s", "-");
}

static void show_table(const struct sheet *sheet)
{
	bool ran = all(sheet, false), done = all(sheet, true);
	int digits = sheet->whole ? 0 : 2;

	printf("\n%-8s%12s%12s%12s   (%s)\n", "job", "response", "turnaround",
	       "waiting", sheet->unit);
	for (size_t i = 0; i < sheet->jobs; i++) {
		size_t job = sheet->order[i];
		const struct answer *a = &sheet->answers[job];
		printf("%-8zu", job);
		print_cell(a->response, digits, a->ran);
		print_cell(a->turnaround, digits, a->done);
		print_cell(a->waiting, digits, a->done);
		putchar('\n');
	}
	printf("%-8s", "mean");
	print_cell(sheet->response, 2, ran);
	print_cell(sheet->turnaround, 2, done);
	print_cell(sheet->waiting, 2, done);
	putchar('\n');
}

// ## Questions

static int ask(const struct sheet *sheet)
{
	bool ran = all(sheet, false), done = all(sheet, true);
	struct quiz quiz = { 0 };

	if (sheet->ask)
		sheet->ask(sheet, &quiz);
	for (size_t i = 0; i < sheet->jobs; i++) {
		const struct answer *a = &sheet->answers[i];
		if (a->ran)
			quiz_ask(&quiz, a->response, "job %zu: response time",
				 i);
		if (a->done) {
			quiz_ask(&quiz, a->turnaround,
				 "job %zu: turnaround time", i);
			quiz_ask(&quiz, a->waiting, "job %zu: waiting time", i);
		}
	}
	if (ran)
		quiz_ask(&quiz, sheet->response, "mean response time");
	if (done) {
		quiz_ask(&quiz, sheet->turnaround, "mean turnaround time");
		quiz_ask(&quiz, sheet->waiting, "mean waiting time");
	}
	return quiz_end(&quiz);
}

int sheet_show(struct sheet *sheet)
{
	const struct ostep *o = sheet->options;
	int status = EXIT_SUCCESS;

	if (o->json) {
		show_json(sheet);
	} else {
		sheet->problem(sheet);
		if (o->quiz)
			status = ask(sheet);
		else if (!o->compute)
			printf("\nWork out the response, turnaround and "
			       "waiting time of each job, and the three\n"
			       "means. The answers are shown with -c, asked "
			       "for with --quiz.\n");
		if (o->compute) {
			putchar('\n');
			sheet->trace(sheet);
			show_table(sheet);
		}
	}
	free(sheet->turns);
	free(sheet->order);
	free(sheet->answers);
	return status;
}
