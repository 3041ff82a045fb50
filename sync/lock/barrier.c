// # Central barrier that reverses its sense
//
// Everybody takes one off `missing`; who makes it 0 is the last, fills it again
// and opens the gate. The trap is to use it twice. If the gate is "missing is 0"
// then who is slow to look finds it filled again, and waits in the old phase for
// parties who wait in the new: all sleep (see sync/barrier, scene `reuse`). So
// the gate must not be a place that is open or closed, but something that is
// different each time: here a phase that counts, of which a party remembers what
// it was when it came. One bit that turns over would do (the "sense" of
// Mellor-Crummey & Scott), since nobody can be two phases ahead.
//
// It is filled before the gate opens: whoever comes through may be back at once.

#include <unistd.h>

#include "sync/lock/barrier.h"

enum { SLEEPS = 1, PHASE = 2 };

int barrier_spin(uint32_t parties)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 1 && parties <= (unsigned long)cpus ? 20 * WAITERS_SPIN
							  : 0;
}

void barrier_init(struct barrier *b, uint32_t parties)
{
	*b = (struct barrier){ .missing = parties,
			       .parties = parties,
			       .spin = barrier_spin(parties) };
}

// The subtraction is acquire and release: what each party did before passes
// through it to the last one, and from there, by the release of `phase`, to all
// who see the new phase with acquire.
//
// Only the last one of a phase can change `phase` in it, but those who go to
// sleep set its low bit. The exchange tells the last whether any did.
bool barrier_wait(struct barrier *b)
{
	uint32_t phase = atomic_load_explicit(&b->phase, memory_order_relaxed) &
			 ~SLEEPS;

	if (atomic_fetch_sub_explicit(&b->missing, 1, memory_order_acq_rel) ==
	    1) {
		atomic_store_explicit(&b->missing, b->parties,
				      memory_order_relaxed);
		if (atomic_exchange_explicit(&b->phase, phase + PHASE,
					     memory_order_release) &
		    SLEEPS)
			futex_wake(&b->phase, INT_MAX, false);
		return true;
	}
	uint32_t seen = atomic_load_explicit(&b->phase, memory_order_acquire);
	for (int i = 0; i < b->spin && (seen & ~SLEEPS) == phase; i++) {
		cpu_pause();
		seen = atomic_load_explicit(&b->phase, memory_order_acquire);
	}
	while ((seen & ~SLEEPS) == phase) {
		if (seen & SLEEPS ||
		    atomic_compare_exchange_strong_explicit(
			    &b->phase, &seen, phase | SLEEPS,
			    memory_order_relaxed, memory_order_relaxed))
			futex_wait(&b->phase, phase | SLEEPS, false);
		seen = atomic_load_explicit(&b->phase, memory_order_acquire);
	}
	return false;
}
