// seqlock.h - readers who write nothing, and look whether they were disturbed
//
// Where a few words are read all the time and seldom written (the kernel keeps
// the time of day like this, include/linux/seqlock.h), readers should not even
// count themselves: that is a write, and all readers would want its cache line.
// So a writer makes a number odd, changes the words, and makes it even again; a
// reader notes the number, reads, and looks at the number once more. If it was
// odd or has changed, what was read may be torn and is thrown away.
//
// Writers are never held up. A reader is, for as long as there are writers; one
// that dies inside holds all of them up for ever.
//
// The words are atomic: without that it would be a data race even though what
// was torn is never used, and the compiler might read twice. Boehm ("Can Seqlocks
// Get Along With Programming Language Memory Models?", MSPC 2012) shows which
// orders are needed; we take the variant without fences.
//
// Any thread may read; the caller sees to it that one writes at a time (by a
// mutex among the writers). Zeroed memory is ready. O(count).

#ifndef SEQLOCK_H
#define SEQLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seqlock {
	_Atomic uint32_t sequence; // odd: a writer is at work
};

void seqlock_write(struct seqlock *lock, _Atomic uint64_t *words,
		   const uint64_t *values, size_t count);

// Tries until it has `count` words of one moment; returns how often it had to
// try again.
unsigned long seqlock_read(const struct seqlock *lock,
			   const _Atomic uint64_t *words, uint64_t *values,
			   size_t count);

// One try. False: `values` may be torn.
bool seqlock_try_read(const struct seqlock *lock, const _Atomic uint64_t *words,
		      uint64_t *values, size_t count);

#endif
