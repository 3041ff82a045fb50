// bench.h - how the benchmark is put together
//
//   families   floor.c switch.c ipc.c    what can be measured
//   plan.c     the cases of the families, their names and patterns
//   round.c    one round of one case: fresh processes, every pass of them
//   run.c      rounds of all cases in turn, until the intervals are narrow
//   result.c   what the rounds of a case say, as numbers and as JSON
//   table.c    ... as text for people, finding.c its last sentence
//   when.c     which mechanism when: its figures, when_page.c the table
//   compare.c  two results against each other
//   report.c   one HTML page
//   rivals.c   the same mechanisms, timed by others in turn
//
// A new case is a new row in a family's table; a new family is a new file with
// one BENCH_FAMILY.

#ifndef BENCH_H
#define BENCH_H

#include <argp.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cpu.h"
#include "host.h"
#include "stats.h"

// --- what can be measured ----------------------------------------------------

enum {
	CASE_NAME_BYTES = 96,
	MAX_WORKERS = 64,
	MAX_SIZES = 12,
	MAX_MECHANISMS = 64,
	ROUNDS_JUDGED = 4, // fewer do not tell whether they agree
};

struct worker;

// The `what` of a case name, at every size and placement it can have.
struct subject {
	char name[32];           // "pipe", "process-futex-2"
	const char *title;       // one line for `bench list`
	size_t sizes[MAX_SIZES]; // bytes, of the full matrix
	int size_count;
	size_t usual_bytes;  // the size in the default set
	unsigned placements; // bits, 1 << SAME_CPU ...: full matrix
	unsigned usual;      // ... and default set (0: not in it)
	int workers;         // 1 to MAX_WORKERS
	bool threads;        // workers are threads of one process
	int hops;            // the value is the time of an operation
			     // divided by this (a ring of 8: 8)
	bool bandwidth;      // the value is bytes per second
	bool spins;          // waits with its CPU busy
	size_t limit_bytes;  // largest size it can carry here
	char missing[128];   // why this host cannot run it, or ""
	const char *floor;   // the cheapest way: "floor/handoff" at
			     // the same size, "floor/handoff/64B"
			     // at that one; same placement
	double floor_share;  // ... of which this share counts
	const void *data;    // the family's own
	int number;          // the family's own
};

struct family {
	const char *name;  // "ipc"
	const char *title; // what one value is: "one round trip"
	// The subjects; the array belongs to the family and lives for ever.
	const struct subject *(*subjects)(size_t *count);

	// All that follows runs in processes made for one round. 0 or -errno.
	int (*open)(struct worker *w);  // once, before the workers start
	int (*enter)(struct worker *w); // in each worker, pinned already
	// Writes and checks every byte of `ops` operations, untimed. -EBADMSG
	// when a byte is lost or wrong. NULL where there is nothing to check.
	int (*verify)(struct worker *w, long ops);
	// Does `ops` operations. Every worker is called with the same count;
	// worker 0 is the one that is timed, around the call.
	int (*work)(struct worker *w, long ops);
	// The same in worker 0, with the time after each operation.
	int (*stamp)(struct worker *w, long ops, int64_t *stamps);
};

// One worker of a round: what the functions above are given.
struct worker {
	const struct bench_case *c;
	int index;    // 0 is timed; -1 while the family opens
	void *shared; // the family's, made by open: the same address
		      // in every worker
	void *own;    // the family's, made by enter
};

// Makes a family known to the plan before main runs.
#define BENCH_FAMILY(family)                                             \
	__attribute__((constructor)) static void register_##family(void) \
	{                                                                \
		plan_register(&family);                                  \
	}
void plan_register(const struct family *family);

// --- the plan ----------------------------------------------------------------

struct bench_case {
	char name[CASE_NAME_BYTES]; // family/what/size/placement
	const struct family *family;
	const struct subject *subject;
	size_t bytes;
	enum placement placement;
	const char *where;  // ... as the name says it; "anywhere": not pinned
	int cpus[2];        // worker i runs on cpus[i % 2]; -1: any
	char excluded[160]; // why it is not measured, or ""
	char floor[CASE_NAME_BYTES]; // the case that is its floor, or ""
};

struct plan {
	struct bench_case *cases;
	size_t count;
};

enum plan_set { PLAN_USUAL, PLAN_MATRIX };

// The cases of a set that match any of the patterns (glob(7), against the whole
// name or a leading part of it up to a slash; none: all), in the order of the
// families. A pattern that is a complete name may have any size. The floors of
// the chosen cases are added. With patterns the matrix is searched when the set
// holds no match. Returns 0, -ENOENT with *unmatched set to the pattern that
// matches nothing, or -ENOMEM. plan_free releases it.
int plan_make(struct plan *plan, enum plan_set set, char *const *patterns,
	      bool pin, const char **unmatched);
void plan_free(struct plan *plan);

// The families, by number; NULL behind the last.
const struct family *plan_family(size_t number);

// The subject of that name, and its family in *family where that is not NULL;
// or NULL.
const struct subject *plan_subject(const char *family_name, const char *name,
				   const struct family **family);

// --- one round ---------------------------------------------------------------

enum { MAX_BATCHES = 64, MAX_STAMPS = 8192 };

// How much a round does.
struct effort {
	int64_t slot_ns; // about how long a round of one case may take
	int max_stamps;  // at most MAX_STAMPS
	double op_ns;    // one operation in an earlier round, or 0
};

// What one round found. Times are of worker 0; usage is summed over the pass
// of batches.
struct round {
	int error;         // 0 or -errno
	char failure[160]; // which step failed, in words, or ""
	bool was_stopped;  // Ctrl-Z meanwhile: the values are worth nothing
	int batches;
	long batch_ops;
	double batch_ns[MAX_BATCHES]; // mean of one operation, over hops
	int stamps;
	float stamp_ns[MAX_STAMPS];  // single operations, over hops
	long usage_ops;              // operations that usage is about
	double cpu_ns[MAX_WORKERS];  // CPU time by worker
	long voluntary, involuntary; // context switches of all workers
	long migrations;             // -1: the kernel does not tell
	int64_t steal_ns;            // of the CPUs used, -1: not told
	double op_ns;                // one operation, roughly
};

// Plays a round of a case in fresh processes and waits for it. `round` lies in
// memory shared with them (round_new). Nothing of it is left when it returns,
// also when `*stop` became true meanwhile (-EINTR).
struct round *round_new(void);
void round_play(const struct bench_case *c, const struct effort *effort,
		struct round *round, volatile sig_atomic_t *stop);

// --- results -----------------------------------------------------------------

enum { PERCENTILES = 4 }; // 50 90 99 99.9
extern const double result_percentiles[PERCENTILES];

enum { MAX_ROUNDS = 60 };

// The rounds of one case, gathered, and what they say.
struct result {
	const struct bench_case *c;

	// One value a round, ns or bytes/s; at most MAX_ROUNDS.
	size_t rounds;
	double *values;
	size_t samples; // single operations of all rounds
	float *sample_ns;
	double usage_ops, cpu_ns[MAX_WORKERS], voluntary, involuntary,
		migrations, steal_ns; // sums; the last two < 0: not known
	double op_ns;
	char failure[200]; // the case failed and is not timed

	// Filled by result_summarise.
	double median;
	struct interval interval;
	double percentile[PERCENTILES]; // NAN: too few samples
	double max_ns, min_ns;
	double floor_ratio; // NAN: no floor
	bool unstable;      // never with fewer than ROUNDS_JUDGED rounds
	char why_unstable[200];
	bool below_clock; // single operations are lost in the
			  // cost of the clock: no percentiles
};

int result_add_round(struct result *result, const struct round *round);
// Intervals narrow enough: half of the width below `share` of the median.
bool result_settled(const struct result *result, double share);
void result_summarise(struct result *results, size_t count,
		      double clock_cost_ns);
void result_free(struct result *result);

// A complete run, for JSON and the table.
struct run_facts {
	struct host host;
	struct topology topology;
	double clock_cost_ns;
	int64_t clock_resolution_ns;
	double elapsed_s;
	bool interrupted, pinned;
};

json_t *result_json(const struct result *results, size_t count,
		    const struct run_facts *facts);
// Reads a result file and checks its schema. NULL with a sentence in *why.
json_t *result_load(const char *path, char why[256]);

// Those of them that have values; the rest failed or was not reached.
bool has_figures(const struct result *result);

// The one sentence at the end. `here` is "here", or where else the results were
// measured. False when nothing was measured.
bool finding(char *text, size_t room, const char *here,
	     const struct result *results, size_t count);

// "between two cores"
const char *where_phrase(const struct bench_case *c);

void table_print(FILE *out, const struct result *results, size_t count,
		 const struct run_facts *facts, int columns);

// Prints words up to the width. The first line begins with the label, filled up
// to `indent` columns, or a blank behind it; further lines are indented by so
// many.
void print_wrapped(FILE *out, const char *label, const char *text, int width,
		   int indent);

// Three digits of a value, "-" for NAN.
enum { CELL_BYTES = 64 };
const char *significant(char cell[CELL_BYTES], double value);

// --- measuring -----------------------------------------------------------------

// What is measured, for how long, and where it is kept.
struct measuring {
	enum plan_set set;
	char **patterns;
	bool pin, quick;
	int64_t time_ns;  // of all; 0: case_ns for each case
	int64_t case_ns;  // 0: a second
	const char *json; // a file, or NULL
};

// The options --time, --quick and --json: an argp child whose input is a struct
// measuring.
extern const struct argp measuring_options;

// Is given what was measured; `json` is the same as a result file has it.
typedef void measured_fn(void *argument, const struct result *results,
			 size_t count, const struct run_facts *facts,
			 const json_t *json);

// Measures, showing the progress, calls `measured`, and returns the exit status.
// A first SIGINT or SIGTERM ends the measuring early; what was measured until
// then is told, and the process ends by the signal. Once a process, as the body
// of supervise (supervisor.h).
int measure(const struct measuring *wish, measured_fn *measured,
	    void *argument);

// --- the subcommands: argv[0] is their name, exit status returned -------------

int bench_list(int argc, char **argv);
int bench_run(int argc, char **argv);
int bench_when(int argc, char **argv);
int bench_compare(int argc, char **argv);
int bench_report(int argc, char **argv);
int bench_rivals(int argc, char **argv);

#endif
