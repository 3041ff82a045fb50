// # Compiled hot paths of sync/lock, in every order of their machine instructions
//
// What the compiler made of a page is what runs: two processes step through it,
// instruction by instruction, in every order (sync/stepper). Inside, each counts
// how many are there. In all that can be reached at most as many as the lock
// lets in have been counted, and at the end of every order the lock is free.
//
// Waiting loops come to their end as states that are known. A futex call cannot
// be stepped: where a lock sleeps, the process tries instead. Every order of the
// sleeping parts is in ordered_*.c, on the level of C.

#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weave_parts.h"

#include "sync/lock/lock.h"
#include "sync/lock/once.h"
#include "sync/lock/semaphore.h"

#if defined __x86_64__ && !defined OSLAB_SANITIZED &&                          \
	!defined __SANITIZE_ADDRESS__

// The shared words: a lock of two, and what is counted.
struct woven_lock {
	union {
		struct tas tas;
		struct ttas ttas;
		struct ticket ticket;
		struct mutex_fast fast;
		struct busysem semaphore;
		struct once once;
		_Atomic uint32_t flag;
		uint64_t words[2];
	};
	volatile uint64_t inside, most, done;
};

static_assert(sizeof(struct woven_lock) <= STEPPER_WORDS * sizeof(uint64_t),
	      "it has to lie in the words of the stepper");

enum { INSIDE = 2, MOST, DONE, WORDS };

static inline __attribute__((always_inline)) void
count(volatile uint64_t *number, uint64_t by)
{
	__asm__ volatile("lock addq %1, %0" : "+m"(*number) : "r"(by));
}

// Counted while nobody else can have changed it in between: one instruction
// each, but for `most`, which is only wrong if the lock is.
static inline __attribute__((always_inline)) void stay(struct woven_lock *l)
{
	count(&l->inside, 1);
	uint64_t now = l->inside;
	if (now > l->most)
		l->most = now;
	count(&l->inside, (uint64_t)-1);
	count(&l->done, 1);
}

#define STEPPED(name, take, leave)                                    \
	static __attribute__((noinline)) void name(void *words)       \
	{                                                             \
		struct woven_lock *l = words;                         \
		take                                                  \
		stay(l);                                              \
		leave;                                                \
	}

STEPPED(tas, tas_lock(&l->tas);, tas_unlock(&l->tas))
STEPPED(tas_tries, if (!tas_try(&l->tas)) return;, tas_unlock(&l->tas))
STEPPED(ttas_tries, if (!ttas_try(&l->ttas)) return;, ttas_unlock(&l->ttas))
STEPPED(ticket_tries, if (!ticket_try(&l->ticket)) return;
	, ticket_unlock(&l->ticket))
STEPPED(fast_tries, if (!mutex_fast_try(&l->fast)) return;
	, mutex_fast_unlock(&l->fast))
STEPPED(semaphore, busysem_p(&l->semaphore);, busysem_v(&l->semaphore))
STEPPED(semaphore_tries, if (!busysem_try_p(&l->semaphore)) return;
	, busysem_v(&l->semaphore))

// Takes a number and looks, with no pause longer than an instruction:
// ticket_wait counts its looks, which would be new states for ever.
STEPPED(ticket, uint32_t mine = atomic_fetch_add_explicit(&l->ticket.next, 1,
							  memory_order_relaxed);
	while (atomic_load_explicit(&l->ticket.serving, memory_order_acquire) !=
	       mine) cpu_pause();
	, ticket_unlock(&l->ticket))

// A flag that is looked at and then set: two instructions.
STEPPED(flag, if (atomic_load_explicit(&l->flag, memory_order_acquire)) return;
	atomic_store_explicit(&l->flag, 1, memory_order_relaxed);
	, atomic_store_explicit(&l->flag, 0, memory_order_release))

// Once: what is made has two parts. Who finds it done must find both; the
// wrong one believes in it as soon as it is not new.
static void make(void *words)
{
	struct woven_lock *l = words;

	count(&l->inside, 1);
	count(&l->most, 1);
}

static __attribute__((noinline)) void once(void *words)
{
	struct woven_lock *l = words;

	once_run(&l->once, make, l);
}

enum { ONCE_NEW, ONCE_DONE = 3 };

static __attribute__((noinline)) void once_done(void *words)
{
	struct woven_lock *l = words;

	if (atomic_load_explicit(&l->once.state, memory_order_acquire) !=
	    ONCE_DONE)
		return;
	once_run(&l->once, make, l);
	l->done = l->inside + l->most;
}

static __attribute__((noinline)) void once_begun(void *words)
{
	struct woven_lock *l = words;

	if (atomic_load_explicit(&l->once.state, memory_order_acquire) !=
	    ONCE_NEW)
		l->done = l->inside + l->most;
}

static const struct woven_row {
	const char *name;
	void (*function[2])(void *words);
	uint64_t start;      // of the lock's word
	uint64_t most, done; // inside at once; in the end, at least
	bool broken;
} rows[] = {
	{ "tas", { tas, tas }, 0, 1, 2, false },
	{ "tas, tries", { tas, tas_tries }, 0, 1, 1, false },
	{ "ttas, both try", { ttas_tries, ttas_tries }, 0, 1, 1, false },
	{ "ticket", { ticket, ticket }, 0, 1, 2, false },
	{ "ticket, tries", { ticket, ticket_tries }, 0, 1, 1, false },
	{ "mutex-fast, both try", { fast_tries, fast_tries }, 0, 1, 1, false },
	{ "semaphore of 1", { semaphore, semaphore }, 1, 1, 2, false },
	{ "semaphore of 1, tries", { semaphore, semaphore_tries }, 1, 1, 1,
	  false },
	{ "semaphore of 2", { semaphore, semaphore }, 2, 2, 2, false },
	{ "a flag", { flag, flag }, 0, 1, 1, true },
	{ "a semaphore that is too large", { semaphore, semaphore }, 2, 1, 2,
	  true },
};

enum { ROWS = sizeof rows / sizeof *rows };

// How many states are not as they should be: too many inside, nobody done,
// waiting for ever, or an end at which the lock is not free.
static size_t wrong_states(const struct exploration *e, uint64_t start,
			   uint64_t most, uint64_t done)
{
	size_t wrong = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct step_state s;
		exploration_state(e, i, &s);
		uint32_t halves[2] = { (uint32_t)s.words[0],
				       (uint32_t)(s.words[0] >> 32) };
		bool freed = s.words[0] == start ||
			     (halves[0] == halves[1] && start == 0);
		wrong += s.words[INSIDE] > most || s.words[MOST] > most ||
			 !e->states[i].can_end ||
			 (e->states[i].ended &&
			  (!freed || s.words[DONE] < done ||
			   s.words[INSIDE] != 0));
	}
	return wrong;
}

static bool explore_two(struct exploration *e,
			void (*const function[2])(void *), uint64_t start)
{
	static const struct explore_limits plenty = { .states = 1000000,
						      .steps = SIZE_MAX };
	const struct step_piece pieces[] = { { .function = function[0] },
					     { .function = function[1] } };
	struct stepper *stepper;
	struct step_state state;
	int error = stepper_open(&stepper, pieces, 2);

	if (error == -EPERM || error == -ENOSYS || error == -ENOTSUP)
		return false;
	ck_assert_int_eq(error, 0);
	stepper_start(stepper, &state);
	state.words[0] = start;
	error = explore(e, stepper, &state, 2, WORDS, &plenty);
	stepper_close(stepper);
	ck_assert_msg(error == 0, "explore: %s", strerror(-error));
	ck_assert(e->complete);
	return true;
}

START_TEST(weave_lock_hot_path)
{
	const struct woven_row *row = &rows[_i];
	struct exploration e;

	if (!explore_two(&e, row->function, row->start))
		SKIP(NO_STEPPING);
	size_t wrong = wrong_states(&e, row->start, row->most, row->done);
	if (getenv("OSLAB_ORDERS"))
		fprintf(stderr, "%-32s %7zu states, %zu wrong\n", row->name,
			e.count, wrong);
	if (row->broken)
		ck_assert_msg(wrong > 0, "%s: found nothing", row->name);
	else
		ck_assert_msg(wrong == 0, "%s: %zu of %zu states are wrong",
			      row->name, wrong, e.count);
	ck_assert_uint_gt(e.count, 50);
	exploration_free(&e);
}
END_TEST

// How many states there are in which half of it was found.
static bool halves(void (*finder)(void *words), size_t *count_of, size_t *seen)
{
	void (*const both[2])(void *) = { once, finder };
	struct exploration e;

	*count_of = *seen = 0;
	if (!explore_two(&e, both, 0))
		return false;
	for (size_t i = 0; i < e.count; i++) {
		struct step_state s;
		exploration_state(&e, i, &s);
		*count_of += s.words[DONE] == 1 || s.words[INSIDE] > 1;
		*seen += e.states[i].ended && s.words[DONE] == 2;
	}
	exploration_free(&e);
	return true;
}

START_TEST(weave_lock_once)
{
	size_t half, whole;

	if (!halves(once_done, &half, &whole))
		SKIP(NO_STEPPING);
	ck_assert_uint_eq(half, 0);
	ck_assert_uint_gt(whole, 0);
	ck_assert(halves(once_begun, &half, &whole));
	ck_assert_uint_gt(half, 0);
}
END_TEST

void add_weave_lock_tests(Suite *suite)
{
	TCase *tcase = tcase_create("lock");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, weave_lock_hot_path, 0, ROWS);
	tcase_add_test(tcase, weave_lock_once);
	suite_add_tcase(suite, tcase);
}

#else

START_TEST(weave_lock_hot_path)
{
	SKIP("x86-64 only, and what sanitizers add cannot be stepped");
}
END_TEST

void add_weave_lock_tests(Suite *suite)
{
	TCase *tcase = tcase_create("lock");

	tcase_add_test(tcase, weave_lock_hot_path);
	suite_add_tcase(suite, tcase);
}

#endif
