// # Seqlock: the order of five accesses
//
//     writer                          reader
//     sequence = odd      (1)         before = sequence    acquire (a)
//     word = value        release (2) value = word         acquire (b)
//     sequence = even     release (3) after = sequence     relaxed (c)
//
// Nothing torn gets through, for two reasons.
//
// A reader that sees a new word sees (in c) an odd or later sequence: (2) is a
// release, so (1) comes before it, and (b) acquires it, so (c) comes after.
// Hence before != after, or before is odd. For this every word is written with
// release and read with acquire: on x86 both are plain moves, on Arm64 stlr and
// ldar. A fence after (1) and one before (c) would do, too; then words may be
// relaxed. (ThreadSanitizer does not understand fences.)
//
// A reader that sees the even sequence of (3) sees all words of that writer or
// later ones: (3) is a release and (a) acquires it.
//
// The sequence runs over after 2^31 writes. A reader that sleeps for exactly so
// many between (a) and (c) is fooled; at 10 ns a write that is 21 s.

#include "sync/lock/pause.h"
#include "sync/lock/seqlock.h"

void seqlock_write(struct seqlock *lock, _Atomic uint64_t *words,
		   const uint64_t *values, size_t count)
{
	uint32_t sequence = atomic_load_explicit(&lock->sequence,
						 memory_order_relaxed);

	atomic_store_explicit(&lock->sequence, sequence + 1,
			      memory_order_relaxed);
	for (size_t i = 0; i < count; i++)
		atomic_store_explicit(&words[i], values[i],
				      memory_order_release);
	atomic_store_explicit(&lock->sequence, sequence + 2,
			      memory_order_release);
}

bool seqlock_try_read(const struct seqlock *lock, const _Atomic uint64_t *words,
		      uint64_t *values, size_t count)
{
	uint32_t before = atomic_load_explicit(&lock->sequence,
					       memory_order_acquire);

	if (before & 1)
		return false;
	for (size_t i = 0; i < count; i++)
		values[i] = atomic_load_explicit(&words[i],
						 memory_order_acquire);
	return before ==
	       atomic_load_explicit(&lock->sequence, memory_order_relaxed);
}

unsigned long seqlock_read(const struct seqlock *lock,
			   const _Atomic uint64_t *words, uint64_t *values,
			   size_t count)
{
	unsigned long again = 0;

	while (!seqlock_try_read(lock, words, values, count)) {
		cpu_pause();
		again++;
	}
	return again;
}
