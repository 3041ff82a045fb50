// inversion.h - threads of unequal urgency, the locks between them, and who ran
//
// What a thread does is a table of steps; what several do together, a play.
// actors.c performs a play with real-time threads on one CPU, witness.c tells
// who ran when, picture.c draws it. The same table feeds the simulator
// (model.c).

#ifndef SCHED_INVERSION_INVERSION_H
#define SCHED_INVERSION_INVERSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sched/live/trace.h"
#include "sched/model/simulate.h"

enum { PARTS = 4, LOCKS = 2, LOOKS = 4, STAMPS = 32, MS = 1000000 };

// COMPUTE so many ms of CPU time, LOCK and UNLOCK that lock, WAKE the thread of
// that part, LOOK at my own priority.
enum deed { END, COMPUTE, LOCK, UNLOCK, WAKE, LOOK };
struct step {
	enum deed deed;
	int what;
};

struct part {
	const char *name; // one letter
	int urgency; // its SCHED_FIFO priority: the larger, the more urgent
	const struct step *steps;
};

// The first to run is the last of the parts: it wakes the others.
struct play {
	size_t count;
	struct part parts[PARTS];
};

// What a thread has written down. `looks` are in the order of its LOOK steps;
// `stamps` are its stretches of running, as far as it can tell itself.
struct look {
	int now; // the priority that the kernel schedules it by
	int own; // the one it was given (sched_getparam(2))
};
struct hold {
	int64_t wanted_ns, got_ns, freed_ns;
	long slept; // times it gave up the CPU between wanted and got
};
struct account {
	int64_t woken_ns, ended_ns;
	struct hold holds[LOCKS]; // wanted_ns 0: never
	struct look looks[LOOKS];
	int look_count;
	struct slice stamps[STAMPS];
	size_t stamp_count;
};

// How a play went. Slices are in order of time; `job` is the part's number. All
// times are CLOCK_MONOTONIC.
struct performance {
	struct account accounts[PARTS];
	struct slice *slices;
	size_t slice_count;
	int trace_error; // 0: the slices are the kernel's own records; else
			 // why not, and they are the threads' stamps
	uint64_t lost;   // records that were lost (then they are stamps, too)
};

// --- actors.c -----------------------------------------------------------------

// Performs the play; leaves the scene where this host forbids it.
struct performance perform(const struct play *play, enum protocol protocol);
void performance_free(struct performance *performance);

// Whether this host lets us have threads of such priorities; why not.
enum { WHY_BYTES = 300 };
bool may_perform(const struct play *play, char why[WHY_BYTES]);

// A mutex with this protocol (pthread_mutex_t); `highest` is its ceiling.
void make_lock(pthread_mutex_t *lock, enum protocol protocol, int highest);

// --- witness.c ----------------------------------------------------------------

// Watches threads that are held back, by the kernel's records of its switches,
// as far as those may be read.
struct witness {
	size_t count;
	struct trace *traces[PARTS];
	int error;
};
void witness_begin(struct witness *witness, const pid_t *tasks, size_t count);

// Ends it and fills in the performance's slices, by the accounts if need be.
void witness_end(struct witness *witness, struct performance *performance);

// Who ran, in order, as letters with blanks between: "L H L". Somebody who is
// interrupted by none of the others counts once.
enum { ORDER_BYTES = 128 };
const char *order_of(char text[ORDER_BYTES], const struct play *play,
		     const struct slice *slices, size_t count);

// How long `part` ran between two moments.
int64_t ran_ns(const struct performance *performance, int part,
	       int64_t begin_ns, int64_t end_ns);

// --- picture.c ----------------------------------------------------------------

// Says how it was observed, and draws it.
void show_performance(const struct play *play,
		      const struct performance *performance);

// --- the scenes ---------------------------------------------------------------

// three.c
enum { H, M, L };
extern const struct play three;
void inversion(void);
void inheritance(void);
void ceiling(void);

// refused.c
void refused(void);

// chain.c
void chain(void);

// model.c
void model(void);

#endif
