// worker.h - what a child and its parent share
//
// For crew.c (parent), worker.c (child) and record.c (what became of it).

#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include "sched/live/crew.h"

// Where a child is. It tells; the parent waits for it (futex).
enum place { UNBORN, AT_GATE, SETTING_TIMER, OVER };

// Stretches without the CPU inside bursts that a child saw by its own clock. A
// child writes one, then `gap_count` (release; record.c reads it with acquire).
enum { GAPS_MAX = 2000 };
struct gap {
	int64_t begin_ns, end_ns;
	int cpu; // after it
};

struct crew_member {
	_Atomic uint32_t gate;    // how many bursts it may begin; 0: none
	_Atomic uint32_t place;   // enum place
	_Atomic int64_t start_ns; // time 0, set before the gate opens
	_Atomic int first_cpu;    // where its latest burst began
	_Atomic long voluntary, involuntary; // switches since its arrival
	_Atomic uint32_t gap_count, gaps_lost;
	struct gap gaps[]; // GAPS_MAX, or none where there is a trace
};

struct crew_member *crew_member(const struct crew *crew, int job);

// The child's life; begins right after fork.
_Noreturn void worker_live(struct crew *crew, int job, pid_t parent);

// futex(2): sleeps while *word is `value`, at most so long (NULL: for ever);
// wakes whoever sleeps there. Words are in memory that processes share.
void gate_wait(_Atomic uint32_t *word, uint32_t value,
	       const struct timespec *timeout);
void gate_wake(_Atomic uint32_t *word);

#endif
