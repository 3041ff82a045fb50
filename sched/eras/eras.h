// eras.h - the mix of jobs, and what became of it in each era

#ifndef SCHED_ERAS_H
#define SCHED_ERAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/live/live.h"
#include "sched/model/history.h"
#include "sched/model/jobs.h"

// ## mix.c: an era is a policy and a number of CPUs

enum era_name { BATCH, MULTIPROGRAMMING, TIME_SHARING, MULTIPROCESSING, ERAS };

struct era {
	const char *title, *policy;
	int cpus;
	bool one_at_a_time; // nobody is let in before the last one is done
	int64_t slack_ns;   // what the order of the turns bears for sure
};
extern const struct era eras[ERAS];

enum { JOBS = 4, TURNS = 256, CPUS = 2, QUANTUM_MS = 10 };

// A CPU, given to a job until it is given to another one.
struct turn {
	int job, cpu;
	int64_t ran_ns;
};

// Where the time of the CPUs went, from time 0 until the last job was done:
// each of them was busy, idle (no job was there to be run) or lost (one was
// there, and did not run). What is not lost is our time: response and makespan
// are readings of a clock that stands still when time is lost.
struct account {
	int64_t busy_ns, idle_ns, lost_ns; // all CPUs together
	int64_t lost_in_waits_ns;          // ... while some job waited
	double utilisation;                // busy / (busy + idle)
	int64_t makespan_ns, response_ns;  // the mean over the jobs
	int waits, waits_used;             // of the jobs; while another one ran
	int64_t together_ns;      // as long did two jobs run at the same moment
	struct turn turns[TURNS]; // those of the first CPU, then the second's
	int turn_count;           // what is beyond TURNS is not kept
};

// One era, predicted by the model and observed on this machine.
struct run {
	const struct era *era;
	struct history predicted, observed;
	struct account model, real;
	struct live_notes notes;
	int attempts;
};

// The jobs of every era.
const struct jobs *mix(void);

// Whether this process may use so many.
bool enough_cpus(int wanted);

// Predicts and observes. Leaves the scene where the host lacks what it takes.
struct run run_era(enum era_name name);

// Time lost, and how much more or less than asked for the jobs computed.
int64_t disturbance_ns(const struct run *run);

// More than all jobs need.
bool mostly_lost(const struct run *run);
void forget(struct run *run);

// ## account.c

struct account account_of(const struct era *era, const struct jobs *jobs,
			  const struct history *history);

// The jobs of the turns, a letter each, the CPUs apart: "ABAC|CDAB".
enum { LETTERS = TURNS + CPUS };
const char *letters(const struct account *account, char text[LETTERS]);

// ## bound.c: how far from the prediction is still as predicted

// The turn in which the last of the jobs appears, counted from 1.
int first_round(const struct account *account);

struct figure {
	const char *name, *unit;
	double predicted, observed;
	double below, above; // what it may differ by; INFINITY: no bound
};
struct figure utilisation_of(const struct run *run);
struct figure response_of(const struct run *run);
struct figure makespan_of(const struct run *run);

// That the CPUs went to the jobs in the predicted order; that a figure is as
// predicted; that it changed from one era to another, as predicted. Where the
// machine was too busy for it, they say so, with the figures, and claim nothing.
void claim_turns(const struct run *run);
void claim_waits_used(const struct run *batch, const struct run *run);
void claim_figure(struct figure figure);
void claim_change(struct figure from, struct figure to);

// ## show.c

void show_run(const struct run *run);
void show_eras(const struct run *runs, size_t n);
void show_figures(const struct run *runs, size_t n);

// ## the scenes: one.c, several.c

void batch(void);
void multiprogramming(void);
void time_sharing(void);
void multiprocessing(void);
void together(void);

#endif
