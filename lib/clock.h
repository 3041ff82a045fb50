// clock.h - the time, and what asking for it costs

#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

// CLOCK_MONOTONIC in ns: never set back, the same in every process of the
// machine. Through the vDSO (vdso(7)) no system call, where the clock source
// allows it. Inline, because the benchmark's stamps call it.
static inline int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

struct clock_facts {
	int64_t resolution_ns; // what clock_getres(2) promises
	int64_t step_ns;       // the smallest step seen between two readings;
			       // not below the time a reading takes
	double cost_ns; // one reading, mean of the fastest of many batches
};

// Measures the clock (about a millisecond; up to a second where it only moves
// with the timer tick). Errors: none, the clock is there.
struct clock_facts clock_measure(void);

#endif
