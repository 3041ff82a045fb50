// # Race: two additions, one is lost
//
// Shared memory has no order of its own. `count + 1` is a load, an addition in
// a register, and a store; what another process stores in between is
// overwritten. By accident that happens rarely, and hardly ever while one looks.
// So we force it: `first` stops between its load and its store, at a gate
// (another shared word), until `second` has done all of its addition.

#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "shm.h"

enum gate { CLOSED, REACHED, OPEN };

struct desk {
	_Atomic long count;
	_Atomic int gate, come;
	long refusals; // of compare-and-swap
	pthread_mutex_t mutex;
	_Atomic uint32_t futex;
};

static void stop_at_gate(struct desk *desk)
{
	atomic_store(&desk->gate, REACHED);
	while (atomic_load(&desk->gate) != OPEN)
		nap();
}

// A way to add one. `between`, unless NULL, is called between load and store.
typedef void between_fn(struct desk *desk);
typedef void add_fn(struct desk *desk, between_fn *between);

// Relaxed: what the compiler makes of `count++` on a plain variable, but without
// the licence to guess that C gives it there.
static void add_carelessly(struct desk *desk, between_fn *between)
{
	long seen = atomic_load_explicit(&desk->count, memory_order_relaxed);
	if (between)
		between(desk);
	atomic_store_explicit(&desk->count, seen + 1, memory_order_relaxed);
}

// ## Cure 1: the CPU's own read-modify-write
//
// atomic_fetch_add is one instruction (x86: lock xadd, ARMv8.1: ldadd), during
// which the CPU does not give the cache line away: there is no between. Where no
// instruction computes what we want, compare-and-swap stores our result only if
// the word is still what we loaded, and else tells what it is now: again, with
// that.

static void add_atomically(struct desk *desk, between_fn *between)
{
	if (!between) {
		atomic_fetch_add(&desk->count, 1);
		return;
	}
	long seen = atomic_load(&desk->count);
	between(desk);
	while (!atomic_compare_exchange_strong(&desk->count, &seen, seen + 1))
		desk->refusals++;
}

// ## Cure 2: a mutex
//
// PTHREAD_PROCESS_SHARED, or it is for the threads of one process only; here
// also robust, so that it survives its holder (see robust.c).

static void add_with_mutex(struct desk *desk, between_fn *between)
{
	must_zero(pthread_mutex_lock(&desk->mutex));
	add_carelessly(desk, between);
	must_zero(pthread_mutex_unlock(&desk->mutex));
}

// ## Cure 3: a lock of our own, on a futex
//
// What a mutex is made of: a word, 0 free, 1 taken, 2 taken and somebody may
// sleep (Drepper, "Futexes Are Tricky"). Only who finds it taken calls the
// kernel, and who finds a 2 when giving it back: to wake one. FUTEX_WAIT sleeps
// if the word is still 2, looked at under the kernel's lock, so no wake-up is
// missed; otherwise, or after a signal, it fails, and we try again. Not
// FUTEX_PRIVATE_FLAG, for the sleepers are of several processes.
//
// Acquire, when it is taken, pairs with release, when it is given: who comes in
// sees all that the one before did inside.

static void lock_word(_Atomic uint32_t *word)
{
	uint32_t seen = 0;

	if (atomic_compare_exchange_strong_explicit(
		    word, &seen, 1, memory_order_acquire, memory_order_relaxed))
		return;
	while (atomic_exchange_explicit(word, 2, memory_order_acquire) != 0)
		syscall(SYS_futex, word, FUTEX_WAIT, 2, NULL, NULL, 0);
}

static void unlock_word(_Atomic uint32_t *word)
{
	if (atomic_exchange_explicit(word, 0, memory_order_release) == 2)
		must(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0));
}

static void add_with_futex(struct desk *desk, between_fn *between)
{
	lock_word(&desk->futex);
	add_carelessly(desk, between);
	unlock_word(&desk->futex);
}

// ## Forced
//
// Where a lock keeps `second` out we wait until it sleeps; where not, until it
// is done. Then `first` may store.

static long force(struct desk *desk, add_fn *add, bool locks)
{
	atomic_store(&desk->count, 0);
	atomic_store(&desk->gate, CLOSED);
	pid_t first = fork_as("first");
	if (first == 0) {
		add(desk, stop_at_gate);
		_exit(0);
	}
	while (atomic_load(&desk->gate) != REACHED)
		nap();
	pid_t second = fork_as("second");
	if (second == 0) {
		add(desk, NULL);
		_exit(0);
	}
	if (locks)
		await_state(second, 'S');
	else
		reap(second);
	atomic_store(&desk->gate, OPEN);
	reap(first);
	if (locks)
		reap(second);
	return atomic_load(&desk->count);
}

// ## Left to luck
//
// Several processes begin together and add as fast as they can. How many
// additions are lost without a cure is luck, and on one CPU often none.

enum { PROCESSES = 4, ROUNDS = 20000, ALL = PROCESSES * ROUNDS };

static long count_together(struct desk *desk, add_fn *add)
{
	pid_t children[PROCESSES];

	atomic_store(&desk->count, 0);
	atomic_store(&desk->come, 0);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork_as("counter");
		if (children[i] > 0)
			continue;
		atomic_fetch_add(&desk->come, 1);
		while (atomic_load(&desk->come) < PROCESSES)
			sched_yield();
		for (int n = 0; n < ROUNDS; n++)
			add(desk, NULL);
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++)
		reap(children[i]);
	return atomic_load(&desk->count);
}

void play_race(void)
{
	struct desk *desk = shared(sizeof *desk);
	long count = force(desk, add_carelessly, false);

	say("first loads 0; second loads 0, stores 1; first stores 1");
	claim(count == 1, "two processes added 1 each, and the sum is %ld",
	      count);
	count = count_together(desk, add_carelessly);
	say("left to luck, %d processes add 1, %d times each: %ld lost",
	    PROCESSES, ROUNDS, ALL - count);
}

void play_cures(void)
{
	static const struct {
		const char *name;
		add_fn *add;
		bool locks;
	} cures[] = {
		{ "atomic read-modify-write", add_atomically, false },
		{ "a process-shared mutex", add_with_mutex, true },
		{ "a lock on a futex", add_with_futex, true },
	};
	struct desk *desk = shared(sizeof *desk);

	init_robust(&desk->mutex);
	for (size_t i = 0; i < sizeof cures / sizeof *cures; i++) {
		long count = force(desk, cures[i].add, cures[i].locks);
		if (cures[i].locks)
			say("first is between load and store; second sleeps");
		else
			say("first loads 0; second makes it 1; first's swap is "
			    "refused");
		claim(count == 2 && desk->refusals == 1,
		      "%s: the same moment, the sum is %ld", cures[i].name,
		      count);
		count = count_together(desk, cures[i].add);
		claim(count == ALL, "%d processes, %d times each: %ld",
		      PROCESSES, ROUNDS, count);
	}
}
