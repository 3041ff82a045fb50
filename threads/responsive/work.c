// # The work
//
// Trial division is a slow way to find primes, which is what we want of it. How
// many there are below 100,000 has long been known: 9,592 (the On-Line
// Encyclopedia of Integer Sequences, A006880).

#define _GNU_SOURCE
#include <sched.h>
#include <sys/resource.h>

#include "lab.h"
#include "responsive.h"

enum { PRIMES_IN_FIRST = 9592 };

static bool is_prime(uint64_t n)
{
	if (n % 2 == 0)
		return n == 2;
	for (uint64_t divisor = 3; divisor * divisor <= n; divisor += 2)
		if (n % divisor == 0)
			return false;
	return n > 1;
}

// The only thread that stores these two, so it needs no atomic addition.
static void test_next(struct work *work)
{
	uint64_t n = atomic_load_explicit(&work->tested, memory_order_relaxed);
	uint64_t primes = atomic_load_explicit(&work->primes,
					       memory_order_relaxed);

	primes += is_prime(n);
	atomic_store_explicit(&work->primes, primes, memory_order_relaxed);
	atomic_store_explicit(&work->tested, n + 1, memory_order_release);
	if (n + 1 == FIRST)
		work->in_first = primes;
}

static bool is_enough(const struct meeting *m)
{
	return atomic_load_explicit(&m->asked->count, memory_order_acquire) ==
		       QUESTIONS &&
	       atomic_load_explicit(&m->work.tested, memory_order_relaxed) >=
		       m->work.least;
}

// What getrusage(2) knows of one thread: ru_nivcsw counts the switches that the
// kernel decided, ru_nvcsw those that the thread asked for by going to sleep.
static void end_work(struct work *work)
{
	struct rusage usage;

	work->ended_ns = now_ns();
	must(getrusage(RUSAGE_THREAD, &usage));
	work->taken = usage.ru_nivcsw - work->taken;
	work->given = usage.ru_nvcsw - work->given;
	work->cpu = sched_getcpu();
}

static void begin_work(struct meeting *m)
{
	struct work *work = &m->work;
	struct rusage usage;

	must(getrusage(RUSAGE_THREAD, &usage));
	work->taken = usage.ru_nivcsw;
	work->given = usage.ru_nvcsw;
	work->began_ns = now_ns();
	answer_now(m, QUESTIONS); // "I have begun"
}

bool work_piece(struct meeting *m, uint64_t numbers)
{
	if (m->work.began_ns == 0)
		begin_work(m);
	for (; numbers > 0; numbers--) {
		if (is_enough(m)) {
			end_work(&m->work);
			return false;
		}
		test_next(&m->work);
	}
	return true;
}

void work_to_the_end(struct meeting *m)
{
	work_piece(m, UINT64_MAX);
}

void claim_work(const struct meeting *m)
{
	claim(m->work.in_first == PRIMES_IN_FIRST,
	      "the work is right: %d primes below 100,000", PRIMES_IN_FIRST);
}
