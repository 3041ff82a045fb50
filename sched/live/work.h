// work.h - a CPU burst of N ns as a fixed amount of computing
//
// A burst must be work, not a wait for a clock: a worker that computed until
// the clock says "30 ms are over" would do less whenever somebody else has the
// CPU, and no scheduler could be seen in it. So we count how many rounds of a
// loop this CPU does in a ns, and a burst is a number of rounds.
//
// How long that takes varies with the CPU's frequency, its caches and the
// hypervisor. So each burst's true CPU time is measured as well (crew.h).

#ifndef SCHED_WORK_H
#define SCHED_WORK_H

#include <stdint.h>

struct work {
	double rounds_per_ns;
};

// Measures the CPU that it runs on, about 25 ms: the fastest of many batches,
// by CLOCK_THREAD_CPUTIME_ID, since whatever disturbs only makes them slower.
struct work work_calibrate(void);

// Computes what takes `ns` of this CPU's time. No system call, no memory but
// registers; not optimised away. Less than nothing is nothing.
void work_for(const struct work *work, int64_t ns);

// The calling thread's CPU time in ns (CLOCK_THREAD_CPUTIME_ID).
int64_t thread_cpu_ns(void);

#endif
