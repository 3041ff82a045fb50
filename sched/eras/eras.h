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

// Where the time of the CPUs went, from time 0 until the last job was done: busy,
// idle, or lost to others (account.c). Makespan and response are without what
// was lost to others.
struct account {
	int64_t busy_ns, idle_ns, lost_ns; // all CPUs together
	int64_t lost_in_waits_ns;          // ... while some job waited
	int64_t late_ns;    // of idle_ns: a job was due, and nobody else there
	double utilisation; // busy / (busy + idle)
	int64_t makespan_ns, response_ns; // the mean over the jobs
	int waits, waits_used;            // of the jobs; while another one ran
	int64_t together_ns;      // as long did two jobs run at the same moment
	struct turn turns[TURNS]; // those of the first CPU, then the second's
	int turn_count;           // what is beyond TURNS is not kept
};

// When our processes had a CPU, times as in a history. Not `known`: the kernel
// keeps no records for us, or lost some.
struct ours {
	struct stretch {
		int64_t begin_ns, end_ns;
	} * stretches;
	size_t n;
	bool known;
};

// One era, predicted by the model and observed on this machine.
struct run {
	const struct era *era;
	struct history predicted, observed;
	struct account model, real;
	struct live_notes notes;
	int attempts;
	bool who_known; // as ours.known
};

// The jobs of every era.
const struct jobs *mix(void);

// Whether this process may use so many.
bool enough_cpus(int wanted);

// Predicts and observes. Leaves the scene where the host lacks what it takes.
struct run run_era(enum era_name name);

// Time lost to others and by being late, and how much more or less than asked
// for the jobs computed.
int64_t disturbance_ns(const struct run *run);

// What being late may amount to: 1 ms for each turn and each wait (with a
// sanitizer 3).
int64_t allowance_ns(const struct run *run);
bool too_late(const struct run *run);

// More than all jobs need.
bool mostly_lost(const struct run *run);
void forget(struct run *run);

// ## witness.c

struct witness {
	struct trace *trace; // NULL: forbidden
	pid_t idlers[CPUS];
	const int *cpus;
	int cpu_count;
	int64_t start_ns; // the history's time 0
};
void witness_begin(struct witness *witness, const int *cpus, int n);
void witness_progress(void *witness, int64_t elapsed_ns); // for live.progress
struct ours witness_end(struct witness *witness); // the caller frees stretches

// ## account.c

// `ours` NULL: nobody else is there (the model).
struct account account_of(const struct era *era, const struct jobs *jobs,
			  const struct history *history,
			  const struct ours *ours);

// The jobs of the turns, a letter each, the CPUs apart: "ABAC|CDAB".
enum { LETTERS = TURNS + CPUS };
const char *letters(const struct account *account, char text[LETTERS]);

// ## bound.c: how far from the prediction is still as predicted

// The turn in which the last of the jobs appears, counted from 1.
int first_round(const struct account *account);
bool turns_as_predicted(const struct run *run);

// There are no records, or the hypervisor, which keeps none for us, was at work
// elsewhere, or strangers had more time than being late may amount to: what the
// kernel does for them in interrupts is in no record, either.
bool fault_unknown(const struct run *run);

struct figure {
	const char *name, *unit;
	double predicted, observed;
	double below, above; // what it may differ by
	char why[40];        // nothing is promised; "": something is
};
struct figure utilisation_of(const struct run *run);
struct figure response_of(const struct run *run);
struct figure makespan_of(const struct run *run);

// ## claims.c

// That the CPUs went to the jobs in the predicted order; that no more was late
// than is allowed; that a figure is as predicted, or changed so. Where nothing
// can be promised they say why, with the figures, and claim nothing.
void claim_turns(const struct run *run);
void claim_in_time(const struct run *run);
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
