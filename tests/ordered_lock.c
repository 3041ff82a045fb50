// # Every interleaving of the locks of sync/lock
//
// Each lock by two threads and by three, and one of them that only tries. Inside
// a thread changes a plain number: who comes in without knowing what the one
// before did there has a data race, and so every memory order of the locks is
// checked.

#define _GNU_SOURCE
#include "ordered.h"

#include "lock_parts.h"
#include "sync/lock/lock.h"
#include "sync/lock/mutex_wrong.h"

enum { THREADS = 3 };

static struct {
	union lock lock;
	struct mutex_wrong wrong;
	struct mcs_node nodes[THREADS];
	_Atomic uint32_t flags[2];
	int data, inside;
} shared;

static UNSEEN void enter(void)
{
	if (shared.inside++)
		orders_fail("two are inside");
}

static UNSEEN void leave(void)
{
	shared.inside--;
}

static void stay(void)
{
	enter();
	shared.data++;
	orders_step();
	leave();
}

static bool is_zero(const void *object, size_t bytes)
{
	const unsigned char *at = object;

	for (size_t i = 0; i < bytes; i++)
		if (at[i])
			return false;
	return true;
}

// Free are zeros only; of the ticket lock two equal numbers.
static const char *end_zero(void)
{
	return is_zero(&shared.lock, sizeof shared.lock) &&
			       !atomic_load(&shared.wrong.state)
		       ? NULL
		       : "the lock is not free at the end";
}

static const char *end_ticket(void)
{
	return atomic_load(&shared.lock.ticket.next) ==
			       atomic_load(&shared.lock.ticket.serving)
		       ? NULL
		       : "the lock is not free at the end";
}

// --- who does what -----------------------------------------------------------

#define SECTION(name, lock_it, unlock_it)     \
	static void name(int me)              \
	{                                     \
		(void)me;                     \
		lock_it;                      \
		stay();                       \
		unlock_it;                    \
	}
// Once, twice, and all but the first only try.
#define LOCK(name, lock_it, try_it, unlock_it)         \
	SECTION(name, lock_it, unlock_it)              \
	static void name##_twice(int me)               \
	{                                              \
		name(me);                              \
		name(me);                              \
	}                                              \
	static void name##_or_try(int me)              \
	{                                              \
		if (me == 0)                           \
			name(me);                      \
		else if (try_it) {                     \
			stay();                        \
			unlock_it;                     \
		}                                      \
	}

#define NODE &shared.nodes[me]
LOCK(tas, tas_lock(&shared.lock.tas), tas_try(&shared.lock.tas),
     tas_unlock(&shared.lock.tas))
LOCK(ttas, ttas_lock(&shared.lock.ttas), ttas_try(&shared.lock.ttas),
     ttas_unlock(&shared.lock.ttas))
LOCK(ticket, ticket_lock(&shared.lock.ticket), ticket_try(&shared.lock.ticket),
     ticket_unlock(&shared.lock.ticket))
LOCK(ticket_yielding, ticket_lock_yielding(&shared.lock.ticket),
     ticket_try(&shared.lock.ticket), ticket_unlock(&shared.lock.ticket))
LOCK(mcs, mcs_lock(&shared.lock.mcs, NODE), mcs_try(&shared.lock.mcs, NODE),
     mcs_unlock(&shared.lock.mcs, NODE))
LOCK(mcs_sleep, mcs_sleep_lock_after(&shared.lock.mcs_sleep, NODE, orders_spin),
     mcs_sleep_try(&shared.lock.mcs_sleep, NODE),
     mcs_sleep_unlock(&shared.lock.mcs_sleep, NODE))
LOCK(mutex_right, mutex_right_lock(&shared.lock.mutex_right),
     mutex_right_try(&shared.lock.mutex_right),
     mutex_right_unlock(&shared.lock.mutex_right))

static void fast_lock(struct mutex_fast *lock)
{
	if (!mutex_fast_try(lock))
		mutex_fast_wait(lock, 1);
}
LOCK(mutex_fast, fast_lock(&shared.lock.mutex_fast),
     mutex_fast_try(&shared.lock.mutex_fast),
     mutex_fast_unlock(&shared.lock.mutex_fast))

// --- all of them -------------------------------------------------------------

static const struct checked {
	const char *name;
	void (*once)(int me), (*twice)(int me), (*try)(int me);
	const char *(*end)(void);
	bool sleeps;
	const char *spare;
} locks[] = {
#define CHECKED(name, ...)                                                     \
	{                                                                      \
#name, name, name##_twice, name##_or_try, __VA_ARGS__          \
	}
	CHECKED(tas, end_zero, false, ""),
	CHECKED(ttas, end_zero, false, ""),
	CHECKED(ticket, end_ticket, false, ""),
	CHECKED(ticket_yielding, end_ticket, false, ""),
	CHECKED(mcs, end_zero, false, ""),
	CHECKED(mcs_sleep, end_zero, true, "acquire at compare\n"),
	CHECKED(mutex_right, end_zero, true, ""),
	CHECKED(mutex_fast, end_zero, true, ""),
};

enum { LOCKS = sizeof locks / sizeof *locks };

START_TEST(orders_lock)
{
	const struct checked *c = &locks[_i];

	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_right(GAME(c->name, 2, .thread = c->twice, .end = c->end,
			  .spurious = c->sleeps));
	orders_right(GAME(c->name, 3, .thread = c->once, .end = c->end,
			  .spurious = c->sleeps));
	orders_right(GAME(c->name, 3, .thread = c->try, .end = c->end));
}
END_TEST

START_TEST(orders_lock_needs)
{
	const struct checked *c = &locks[_i];

	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_needs_all(GAMES(GAME(c->name, 2, .thread = c->twice,
				    .end = c->end, .stale = 1)),
			 c->spare);
}
END_TEST

// --- wrong ones --------------------------------------------------------------

SECTION(mutex_wrong, mutex_wrong_lock(&shared.wrong),
	mutex_wrong_unlock(&shared.wrong))

static void mutex_wrong_twice(int me)
{
	mutex_wrong(me);
	mutex_wrong(me);
}

// Looks, and then takes: two may have looked.
static void look_and_take(int me)
{
	_Atomic uint32_t *taken = &shared.lock.tas.taken;

	(void)me;
	while (atomic_load_explicit(taken, memory_order_acquire))
		cpu_pause();
	atomic_store_explicit(taken, 1, memory_order_relaxed);
	enter();
	orders_step();
	leave();
	tas_unlock(&shared.lock.tas);
}

SECTION(tas_relaxed_unlock, tas_lock(&shared.lock.tas),
	atomic_store_explicit(&shared.lock.tas.taken, 0, memory_order_relaxed))
SECTION(never_unlocks, tas_lock(&shared.lock.tas), (void)0)
SECTION(never_wakes, mutex_right_lock(&shared.lock.mutex_right),
	(void)atomic_exchange_explicit(&shared.lock.mutex_right.state, 0,
				       memory_order_release))

// The order of two stores is nothing that anybody may count on.
static void relaxed_message(int me)
{
	if (me == 0) {
		atomic_store_explicit(&shared.flags[0], 1,
				      memory_order_relaxed);
		atomic_store_explicit(&shared.flags[1], 1,
				      memory_order_relaxed);
	} else if (atomic_load_explicit(&shared.flags[1],
					memory_order_acquire) &&
		   !atomic_load_explicit(&shared.flags[0],
					 memory_order_relaxed)) {
		orders_fail("the second without the first");
	}
}

// Nor that one's own store is seen by others before one looks (x86 does this,
// too: sync/litmus, SB).
static UNSEEN void neither(void)
{
	if (++shared.inside == 2)
		orders_fail("neither has seen the other");
}

static void store_buffering(int me)
{
	atomic_store_explicit(&shared.flags[me], 1, memory_order_release);
	if (!atomic_load_explicit(&shared.flags[!me], memory_order_acquire))
		neither();
}

START_TEST(orders_finds)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_right(GAME(__func__, 2, .thread = mutex_wrong_twice,
			  .end = end_zero));
	orders_wrong(GAME(__func__, 3, .thread = mutex_wrong, .end = end_zero),
		     "nobody can go on");
	orders_wrong(GAME(__func__, 2, .thread = look_and_take),
		     "two are inside");
	orders_wrong(GAME(__func__, 2, .thread = tas_relaxed_unlock),
		     "a data race");
	orders_wrong(GAME(__func__, 2, .thread = never_unlocks),
		     "nobody can go on");
	orders_wrong(GAME(__func__, 1, .thread = never_unlocks,
			  .end = end_zero),
		     "the lock is not free at the end");
	orders_wrong(GAME(__func__, 2, .thread = never_wakes),
		     "nobody can go on");
	orders_right(GAME(__func__, 2, .thread = relaxed_message));
	orders_wrong(GAME(__func__, 2, .thread = relaxed_message, .stale = 1),
		     "the second without the first");
	orders_right(GAME(__func__, 2, .thread = store_buffering));
	orders_wrong(GAME(__func__, 2, .thread = store_buffering, .stale = 1),
		     "neither has seen the other");
}
END_TEST

void add_lock_orders(Suite *suite)
{
	TCase *tcase = tcase_create("orders");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, orders_lock, 0, LOCKS);
	tcase_add_loop_test(tcase, orders_lock_needs, 0, LOCKS);
	tcase_add_test(tcase, orders_finds);
	suite_add_tcase(suite, tcase);
}
