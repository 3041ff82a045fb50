// # Work that takes N ns of this CPU
//
// A multiply and an add, each of which needs the result of the one before: the
// CPU can neither do two rounds at once nor keep them waiting for memory, so a
// round takes the same number of cycles wherever it runs, also beside a second
// hardware thread that has a cache of its own to fill. The empty asm statement
// tells the compiler that the value is looked at, so it must be computed.
//
// Of many batches the fastest counts: interrupts, other processes' cache lines
// and hypervisors only ever make a batch slower (Bryant & O'Hallaron, Computer
// Systems, 1st ed. (2003), chapter 9.4, call it the K-best scheme). A real burst is as fast
// as that at best, so the sum of all bursts comes out a little above what was
// asked for; live_notes.work_error_ns says by how much.

#include "sched/live/work.h"

#include <time.h>

// A batch of a millisecond is long against reading the clock (a system call,
// some hundred ns) and short against a time slice.
enum { BATCHES = 20, FIRST_ROUNDS = 10000 };
static const int64_t BATCH_NS = 1000000;

int64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Not inlined: a loop that stands elsewhere may be aligned otherwise, and be
// faster or slower for it.
static __attribute__((noinline)) void compute(uint64_t rounds)
{
	uint64_t value = rounds;

	for (uint64_t i = 0; i < rounds; i++) {
		value = value * 6364136223846793005U + 1442695040888963407U;
		__asm__ volatile("" : "+r"(value));
	}
}

static int64_t time_of(uint64_t rounds)
{
	int64_t begin = thread_cpu_ns();

	compute(rounds);
	return thread_cpu_ns() - begin;
}

struct work work_calibrate(void)
{
	uint64_t rounds = FIRST_ROUNDS;
	int64_t best = time_of(rounds);

	// Doubling also gives the CPU the time to raise its frequency.
	while (best < BATCH_NS)
		best = time_of(rounds *= 2);
	for (int i = 1; i < BATCHES; i++) {
		int64_t ns = time_of(rounds);
		best = ns < best ? ns : best;
	}
	return (struct work){ (double)rounds / (double)best };
}

void work_for(const struct work *work, int64_t ns)
{
	if (ns > 0)
		compute((uint64_t)((double)ns * work->rounds_per_ns));
}
