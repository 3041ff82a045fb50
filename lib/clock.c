// # clock: what a look at the clock costs
//
// clock_gettime(2) on x86 and arm is no system call: the kernel maps a page of
// its time keeping into every process (vdso(7)), and the C library reads the
// CPU's counter and scales it. Where the counter cannot be trusted (clock
// source hpet, acpi_pm, some hypervisors), the same function enters the kernel
// and costs ten times as much or more. So we measure.

#include "clock.h"

enum {
	MEASURE_NS = 1000000, // about as long as we look
	BATCHES = 4,          // at least that many
	STEPS = 1000,         // a batch lasts as many steps of the clock,
	LONG_NS = 100000000,  // or this, which is long enough for any clock
};

// Reads the clock n times and returns how long that took.
static int64_t batch(long n)
{
	int64_t began = now_ns(), now = began;

	while (n-- > 0)
		now = now_ns();
	return now - began;
}

// The smallest of some steps. Where the clock moves faster than we can look,
// this is the time of one look, in whole steps of the counter.
static int64_t smallest_step(void)
{
	int64_t smallest = INT64_MAX, last = now_ns();

	for (int i = 0; i < STEPS || smallest == INT64_MAX; i++) {
		int64_t now = now_ns();

		if (now > last && now - last < smallest)
			smallest = now - last;
		last = now;
	}
	return smallest;
}

// Whatever disturbs a batch only ever makes it longer: an interrupt, another
// process, a cold cache. So the fastest one is the nearest to the cost itself.
// A batch has to be long against the clock's step, which may be anything from
// a nanosecond to the 4 ms of a timer tick: it is doubled until it is.
struct clock_facts clock_measure(void)
{
	struct clock_facts facts = { 0 };
	struct timespec resolution;
	int64_t began = now_ns(), took;
	long n = 64;

	if (clock_getres(CLOCK_MONOTONIC, &resolution) == 0)
		facts.resolution_ns = resolution.tv_sec * INT64_C(1000000000) +
				      resolution.tv_nsec;
	facts.step_ns = smallest_step();

	while ((took = batch(n)) < LONG_NS && took / STEPS < facts.step_ns)
		n *= 2;
	facts.cost_ns = (double)took / (double)n;
	for (int i = 0; i < BATCHES || now_ns() - began < MEASURE_NS; i++) {
		double cost = (double)batch(n) / (double)n;

		if (cost < facts.cost_ns)
			facts.cost_ns = cost;
	}
	return facts;
}
