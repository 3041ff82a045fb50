// # Once
//
// NEW, then BUSY while one makes it, then DONE. Who finds it BUSY turns that
// into AWAITED and sleeps, so that the maker knows that there is somebody to
// wake.
//
// The mistake that this replaces is "double-checked locking": a plain flag that
// is looked at without the lock. Even where the flag is written last, nothing
// makes the rest visible before it, unless the look acquires what the flag's
// writer released (Meyers & Alexandrescu, "C++ and the Perils of Double-Checked
// Locking", 2004).

#include "sync/lock/once.h"

enum { NEW, BUSY, AWAITED, DONE };

// Acquire at every look that may find DONE: pairs with the maker's release, so
// that whoever sees DONE sees what was made.
void once_run(struct once *once, void (*make)(void *argument), void *argument)
{
	uint32_t seen = atomic_load_explicit(&once->state,
					     memory_order_acquire);

	while (seen != DONE) {
		if (seen == NEW) {
			if (!atomic_compare_exchange_strong_explicit(
				    &once->state, &seen, BUSY,
				    memory_order_acquire, memory_order_acquire))
				continue;
			make(argument);
			if (atomic_exchange_explicit(&once->state, DONE,
						     memory_order_release) ==
			    AWAITED)
				futex_wake(&once->state, INT_MAX, false);
			return;
		}
		if (seen == AWAITED ||
		    atomic_compare_exchange_strong_explicit(
			    &once->state, &seen, AWAITED, memory_order_acquire,
			    memory_order_acquire)) {
			futex_wait(&once->state, AWAITED, false);
			seen = atomic_load_explicit(&once->state,
						    memory_order_acquire);
		}
	}
}
