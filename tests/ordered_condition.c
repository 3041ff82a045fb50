// The condition variable and both barriers, in every interleaving.

#define _GNU_SOURCE
#include "ordered.h"
#include "wait_parts.h"

#define condition_wait modelled_condition_wait
#define condition_wait_until modelled_condition_wait_until
#define condition_signal modelled_condition_signal
#define condition_broadcast modelled_condition_broadcast
#include "sync/lock/condition.c"

#define dissemination_init modelled_dissemination_init
#define dissemination_free modelled_dissemination_free
#define dissemination_wait modelled_dissemination_wait
#define barrier_spin modelled_barrier_spin
#define barrier_init modelled_barrier_init
#define barrier_wait modelled_barrier_wait
#define SLEEPS CENTRAL_SLEEPS
#include "sync/lock/barrier.c"
#undef SLEEPS

#define SLEEPS DISSEMINATION_SLEEPS
#include "sync/lock/barrier_dissemination.c"
#undef SLEEPS

enum { PARTIES = 3, PHASES = 2 };

static struct {
	_Atomic uint32_t lock; // a mutex: the guard of waiters.h
	struct condition changed;
	int items;
	struct barrier barrier;
	struct dissemination dissemination;
	struct dissemination_party party[PARTIES];
	int arrived[PHASES], last[PHASES], data[PHASES][PARTIES];
} shared;

static void lock(void *of)
{
	guard_lock(of);
}

static void unlock(void *of)
{
	guard_unlock(of);
}

static const struct condition_mutex mutex = { lock, unlock, &shared.lock };

// --- condition variable ------------------------------------------------------

static void take(void)
{
	lock(&shared.lock);
	while (shared.items == 0)
		condition_wait(&shared.changed, &mutex);
	shared.items--;
	unlock(&shared.lock);
}

static void put(int items)
{
	lock(&shared.lock);
	shared.items += items;
	unlock(&shared.lock);
}

// One puts one item for each of the others and signals as often.
static void signals(int me)
{
	if (me > 0) {
		take();
		return;
	}
	for (int i = 1; i < PARTIES; i++) {
		put(1);
		condition_signal(&shared.changed);
	}
}

static void signals_one(int me)
{
	if (me > 0) {
		take();
		return;
	}
	put(1);
	condition_signal(&shared.changed);
}

static void broadcasts(int me)
{
	if (me > 0) {
		take();
		return;
	}
	put(PARTIES - 1);
	condition_broadcast(&shared.changed);
}

static const char *end_empty(void)
{
	if (shared.changed.queue.head || shared.changed.waiting)
		return "somebody is left in the queue";
	return shared.items ? "an item is left" : NULL;
}

START_TEST(orders_condition)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_right(GAME(__func__, 2, .thread = signals_one, .end = end_empty,
			  .spurious = 1));
	orders_right(GAME(__func__, 3, .thread = broadcasts, .end = end_empty));
	orders_right(GAME(__func__, 3, .thread = signals, .end = end_empty));
}
END_TEST

static void impatient(int me);
static const char *end_queue_empty(void);

// Wakes one twice, whose node is in the same place again.
static void twice(int me)
{
	for (int i = 0; i < 2; i++)
		if (me == 0)
			signals_one(me);
		else
			take();
}

// clang does not tell of writes to a variable before its address is known to
// others, so there a node that is used again too early is not seen.
#ifdef __clang__
#define SPARE_ORDERS \
	"release at exchange of a waiter\nacquire at load of a waiter\n"
#else
#define SPARE_ORDERS ""
#endif

START_TEST(orders_condition_needs)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_needs_all(GAMES(GAME("signal", 2, .thread = twice,
				    .end = end_empty, .stale = 1),
			       GAME("deadline", 2, .thread = impatient,
				    .end = end_queue_empty),
			       GAME("broadcast", 3, .thread = broadcasts,
				    .end = end_empty),
			       GAME("signal, 3", 3, .thread = signals,
				    .end = end_empty)),
			 SPARE_ORDERS);
}
END_TEST

// The first waits with a deadline. A signal that comes too late for it must not
// be lost to the other; one that it got counts.
static void impatient(int me)
{
	if (me == 1) {
		lock(&shared.lock);
		bool told = condition_wait_until(&shared.changed, &mutex, 0);
		if (shared.items > 0)
			shared.items--;
		else if (told)
			orders_fail("signalled for nothing");
		unlock(&shared.lock);
	} else {
		put(1);
		condition_signal(&shared.changed);
	}
}

static const char *end_queue_empty(void)
{
	return shared.changed.queue.head || shared.changed.waiting
		       ? "somebody is left in the queue"
		       : NULL;
}

START_TEST(orders_condition_deadline)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_right(GAME(__func__, 2, .thread = impatient,
			  .end = end_queue_empty, .stale = 1));
}
END_TEST

// The same with the mutex given back before the queue is entered: the signal
// falls in between.
static void enters_late(int me)
{
	if (me == 0) {
		put(1);
		condition_signal(&shared.changed);
		return;
	}
	lock(&shared.lock);
	while (shared.items == 0) {
		struct waiter node = { 0 };
		unlock(&shared.lock);
		enter(&shared.changed, &node);
		waiter_sleep(&node);
		lock(&shared.lock);
	}
	unlock(&shared.lock);
}

START_TEST(orders_condition_lost)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_wrong(GAME(__func__, 2, .thread = enters_late),
		     "nobody can go on");
}
END_TEST

// --- barriers ----------------------------------------------------------------

static int parties;

static void begin_barrier(void)
{
	barrier_init(&shared.barrier, parties);
	shared.barrier.spin = orders_spin;
	shared.dissemination = (struct dissemination){
		.parties = parties,
		.rounds = parties > 2 ? 2 : parties - 1,
		.spin = orders_spin,
		.party = shared.party,
	};
}

static UNSEEN void arrive(int phase)
{
	shared.arrived[phase]++;
}

static UNSEEN void went_on(int phase, bool last)
{
	shared.last[phase] += last;
	if (shared.arrived[phase] != parties)
		orders_fail("went on before all had come");
}

// What all have done in this phase, each may read and change in the next.
static void meet(int me, bool (*wait)(int me))
{
	for (int i = 0; i < PHASES; i++) {
		for (int j = 0; i > 0 && j < parties; j++)
			shared.data[i][me] += shared.data[i - 1][j];
		shared.data[i][me]++;
		arrive(i);
		went_on(i, wait(me));
	}
	shared.data[0][me]++;
}

static bool wait_central(int me)
{
	(void)me;
	return barrier_wait(&shared.barrier);
}

static bool wait_dissemination(int me)
{
	dissemination_wait(&shared.dissemination, (uint32_t)me);
	return false;
}

static void meet_central(int me)
{
	meet(me, wait_central);
}

static void meet_dissemination(int me)
{
	meet(me, wait_dissemination);
}

static const char *end_one_last(void)
{
	return shared.last[0] == 1 && shared.last[1] == 1
		       ? NULL
		       : "not exactly one was the last";
}

START_TEST(orders_barrier)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	for (parties = 1; parties <= PARTIES; parties++)
		orders_right(GAME(__func__, parties, .begin = begin_barrier,
				  .thread = meet_central, .end = end_one_last,
				  .spurious = parties == 2));
}
END_TEST

START_TEST(orders_dissemination)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	for (parties = 1; parties <= PARTIES; parties++)
		orders_right(GAME(__func__, parties, .begin = begin_barrier,
				  .thread = meet_dissemination,
				  .spurious = parties == 2));
}
END_TEST

// The gate is "missing is 0", and it is filled again by the last: the second
// phase fills it before a slow one has looked.
static void meet_naively(int me)
{
	(void)me;
	for (int i = 0; i < PHASES; i++) {
		_Atomic uint32_t *missing = &shared.barrier.missing;
		if (atomic_fetch_sub_explicit(missing, 1,
					      memory_order_acq_rel) == 1)
			atomic_store_explicit(missing, parties,
					      memory_order_release);
		else
			while (atomic_load_explicit(missing,
						    memory_order_acquire) !=
			       (uint32_t)parties)
				orders_pause();
	}
}

START_TEST(orders_barriers_need)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	parties = 2;
	orders_needs_all(GAMES(GAME("central", 2, .begin = begin_barrier,
				    .thread = meet_central, .end = end_one_last,
				    .stale = 1)),
			 "");
	orders_needs_all(GAMES(GAME("dissemination", 2, .begin = begin_barrier,
				    .thread = meet_dissemination, .stale = 1)),
			 "");
}
END_TEST

START_TEST(orders_barrier_reuse)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	parties = 2;
	orders_wrong(GAME(__func__, 2, .begin = begin_barrier,
			  .thread = meet_naively),
		     "nobody can go on");
}
END_TEST

void add_condition_orders(TCase *tcase)
{
	tcase_add_test(tcase, orders_condition);
	tcase_add_test(tcase, orders_condition_needs);
	tcase_add_test(tcase, orders_condition_deadline);
	tcase_add_test(tcase, orders_condition_lost);
	tcase_add_test(tcase, orders_barrier);
	tcase_add_test(tcase, orders_dissemination);
	tcase_add_test(tcase, orders_barriers_need);
	tcase_add_test(tcase, orders_barrier_reuse);
}
