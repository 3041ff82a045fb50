// # Semaphore with busy waiting (바쁜대기)
//
// Dijkstra's definition, word by word: P is "if S is above 0, take one off",
// and that test and that subtraction are one indivisible act. Where S is 0, P
// tries again, and again. The compare-and-exchange is the indivisible act: it
// takes one off only if S is still what was seen.
//
// The loop looks with plain loads and exchanges only when there is something to
// take: a load leaves the cache line shared among all who wait, an exchange
// would tear it from one to the next (test and test-and-set, see Anderson, "The
// Performance of Spin Lock Alternatives", IEEE TPDS 1990).
//
// What it costs: while S is 0 a CPU runs and does nothing, and if the one who
// is to V has no CPU, because those who wait have them all, they wait until the
// scheduler takes one away. And nobody remembers who came first.

#include "sync/lock/semaphore.h"

void busysem_init(struct busysem *sem, int32_t s)
{
	atomic_init(&sem->s, s);
}

// Acquire: pairs with the release of the V that put here what we take. Other
// Ps and Vs in between do not break that chain: they are read-modify-writes
// (C17, 5.1.2.4, release sequence).
bool busysem_try_p(struct busysem *sem)
{
	int32_t s = atomic_load_explicit(&sem->s, memory_order_relaxed);

	while (s > 0)
		if (atomic_compare_exchange_weak_explicit(&sem->s, &s, s - 1,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	return false;
}

void busysem_p(struct busysem *sem)
{
	while (!busysem_try_p(sem))
		cpu_pause();
}

void busysem_v(struct busysem *sem)
{
	atomic_fetch_add_explicit(&sem->s, 1, memory_order_release);
}

int32_t busysem_value(const struct busysem *sem)
{
	return atomic_load_explicit(&sem->s, memory_order_relaxed);
}
