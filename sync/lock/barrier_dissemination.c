// # Dissemination barrier: tell one, hear from one, twice as far each round
//
// In round k a party tells the one 2^k places on, and waits for the one 2^k
// places back. After round 0 it has heard of two parties, after round 1 of
// four, since who told it had heard of two itself; after log2(n) rounds,
// rounded up, of all. n need not be a power of two: then it hears of some twice.
//
//     round 0   0>1 1>2 2>3 3>4 4>0      1 and 2 parties know of each other
//     round 1   0>2 1>3 2>4 3>0 4>1      3 and 4
//     round 2   0>4 1>0 2>1 3>2 4>3      all 5
//
// Each flag has one who writes and one who waits, and lies in the memory of the
// one who waits: no line is wanted by all. The flag counts how often it was
// told, so there is nothing to set back, and a partner that is already one
// episode ahead has just told once more.

#include <errno.h>
#include <stdlib.h>

#include "sync/lock/barrier.h"

enum { MOST_ROUNDS = 32, LINE = 64, SLEEPS = 1, TOLD = 2 };

// `told` by twos; the low bit says that the party sleeps on it.
struct dissemination_party {
	_Alignas(LINE) _Atomic uint32_t told[MOST_ROUNDS];
	uint32_t episode; // of this party; nobody else looks
};

int dissemination_init(struct dissemination *b, uint32_t parties)
{
	uint32_t rounds = 0;

	while ((UINT64_C(1) << rounds) < parties)
		rounds++;
	*b = (struct dissemination){
		.parties = parties,
		.rounds = rounds,
		.spin = barrier_spin(parties),
		.party = aligned_alloc(LINE, parties * sizeof *b->party),
	};
	if (!b->party)
		return -ENOMEM;
	for (uint32_t i = 0; i < parties; i++)
		b->party[i] = (struct dissemination_party){ 0 };
	return 0;
}

void dissemination_free(struct dissemination *b)
{
	free(b->party);
	b->party = NULL;
}

// Release: pairs with the acquire in hear. What was heard in earlier rounds is
// passed on with it, because it was acquired before.
static void tell(_Atomic uint32_t *told)
{
	if (atomic_fetch_add_explicit(told, TOLD, memory_order_release) &
	    SLEEPS)
		futex_wake(told, 1, false);
}

// The bit is only set by who waits here, so it is there to take off. Counts run
// over at 2^31; the difference does not mind.
static void hear(_Atomic uint32_t *told, uint32_t episode, int spin)
{
	for (int i = 0;; i++) {
		uint32_t seen = atomic_load_explicit(told,
						     memory_order_acquire);
		if ((int32_t)((seen & ~SLEEPS) - episode * TOLD) >= 0) {
			if (seen & SLEEPS)
				atomic_fetch_and_explicit(told, ~SLEEPS,
							  memory_order_relaxed);
			return;
		}
		if (i < spin)
			cpu_pause();
		else if (seen & SLEEPS ||
			 atomic_compare_exchange_strong_explicit(
				 told, &seen, seen | SLEEPS,
				 memory_order_relaxed, memory_order_relaxed))
			futex_wait(told, seen | SLEEPS, false);
	}
}

void dissemination_wait(struct dissemination *b, uint32_t me)
{
	uint32_t episode = ++b->party[me].episode;

	for (uint32_t round = 0; round < b->rounds; round++) {
		uint32_t partner = (me + (UINT64_C(1) << round)) % b->parties;
		tell(&b->party[partner].told[round]);
		hear(&b->party[me].told[round], episode, b->spin);
	}
}
