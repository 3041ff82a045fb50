// ostep_parts.h - what the parts of --ostep share
//
//   ostep.c            the command line: whose exercise, with which options
//   ostep_values.c     lists
//   ostep_scheduler.c, ostep_mlfq.c (and ostep_mlfq_trace.c), ostep_lottery.c
//                      make the exercise, have it solved, print both
//   ostep_sheet.c      the solution's common part: table, JSON, questions
//
// An exercise goes the same way in all three: draw the jobs (as the course's
// program draws them), give them to the model (sched/model/simulate.h) under the
// house's policy, and read off its slices who ran in what order. The numbers
// that the course prints are then worked out along that order, in the course's
// own arithmetic.

#ifndef SCHED_SIM_OSTEP_PARTS_H
#define SCHED_SIM_OSTEP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sched/model/history.h"
#include "sched/policy/policy.h"

// Beyond these an exercise is refused: they keep memory and time small.
enum {
	MOST_JOBS = 10000,
	MOST_STEPS = 1000000,    // turns, ticks, rounds
	MOST_LENGTH = 100000000, // of one job: sums of squares stay exact
};

// What was asked for; the course's options by the names they have there.
struct ostep {
	const char *name; // the program: "mlfq"
	uint64_t seed;    // without its sign
	int64_t jobs, maxlen, quantum;
	const char *jlist, *policy;
	int64_t queues, allotment, maxio, boost, iotime;
	const char *quantum_list, *allotment_list;
	bool stay, iobump;
	int64_t maxticket;
	bool compute; // -c
	bool json, explain, steps, quiz;
};

// ## Values (ostep_values.c)

// A list in its parts: items separated by `item`, fields within one by `field`
// ('\0': each item is one field). Blanks around a field are dropped. Every item
// has `fields` fields; field(i, k) is text[i * fields + k]. Refuses with `want`
// where it has not, and where there are more than MOST_JOBS.
struct ostep_list {
	char *copy;
	const char **text;
	size_t items;
};
struct ostep_list ostep_list(const char *option, const char *list, char item,
			     char field, size_t fields, const char *want);
void ostep_list_free(struct ostep_list *list);

// ## The solution (ostep_sheet.c)

struct quiz;

// The numbers of one job, in the course's units. A job that never ran has no
// response, one that was not done (in a lottery that ended early) no turnaround.
struct answer {
	double arrival, response, turnaround, waiting;
	unsigned switches;
	bool ran, done;
};

struct turn {
	int job;
	double begin, end;
	double ran; // end - begin, but for what doubles lose
};

struct sheet {
	const struct ostep *options;
	const char *policy; // the house's name
	const char *unit;   // "seconds"
	bool whole;         // times are integers

	size_t jobs;
	struct answer *answers;
	size_t *order; // of summing and of printing
	size_t turn_count;
	struct turn *turns;
	double response, turnaround, waiting; // means

	// What the exercise adds. In JSON: members of the job's object, of the
	// turn's, and of the whole, each beginning with ", ". In text: the
	// exercise, the trace. Why turn i is job's (no quotes in it). Its own
	// questions, before the common ones; NULL: none.
	const void *exercise;
	void (*job_members)(const struct sheet *sheet, size_t job);
	void (*turn_members)(const struct sheet *sheet, size_t i);
	void (*members)(const struct sheet *sheet);
	void (*problem)(const struct sheet *sheet);
	void (*trace)(const struct sheet *sheet);
	void (*why)(const struct sheet *sheet, size_t i);
	void (*ask)(const struct sheet *sheet, struct quiz *quiz);
};

// Room for `jobs` answers, in the order of the list, and `turns` turns.
void sheet_begin(struct sheet *sheet, size_t jobs, size_t turns);

// From turns and answers: who was switched to how often, and the means.
void sheet_end(struct sheet *sheet);

// Prints what was asked for, or asks; returns the exit status. Frees it.
int sheet_show(struct sheet *sheet);

// The shortest decimal that is this number: "2.5".
const char *ostep_number(char text[40], double number);

// ## The model

// One job: when it comes, its phases; times in steps of the course.
struct ostep_job {
	int64_t arrival;
	const int64_t *phases;
	size_t phase_count;
	uint32_t tickets;
};

// Runs them under the policy of that name. A step is a millisecond of the model.
enum { STEP_NS = 1000000 };
struct history ostep_solve(const char *policy,
			   const struct policy_settings *settings,
			   const struct ostep_job *jobs, size_t n,
			   bool whole_slices);

// ## The three

int ostep_scheduler(const struct ostep *options);
int ostep_mlfq(const struct ostep *options);
int ostep_lottery(const struct ostep *options);

#endif
