// Both semaphores, once and the seqlock, in every interleaving.

#define _GNU_SOURCE
#include "ordered.h"
#include "wait_parts.h"

#define busysem_init modelled_busysem_init
#define busysem_p modelled_busysem_p
#define busysem_try_p modelled_busysem_try_p
#define busysem_v modelled_busysem_v
#define busysem_value modelled_busysem_value
#define queuesem_init modelled_queuesem_init
#define queuesem_p modelled_queuesem_p
#define queuesem_try_p modelled_queuesem_try_p
#define queuesem_p_until modelled_queuesem_p_until
#define queuesem_v modelled_queuesem_v
#define queuesem_value modelled_queuesem_value
#define once_run modelled_once_run
#define seqlock_write modelled_seqlock_write
#define seqlock_read modelled_seqlock_read
#define seqlock_try_read modelled_seqlock_try_read
#include "sync/lock/once.c"
#include "sync/lock/semaphore_busy.c"
#include "sync/lock/semaphore_queue.c"
#include "sync/lock/seqlock.c"

static struct {
	struct busysem busy;
	struct queuesem queue;
	struct once once;
	struct seqlock seqlock;
	_Atomic uint64_t words[2];
	int inside, room, data, made, timeouts;
	_Atomic uint32_t broken, broken_sleepers;
} shared;

static UNSEEN void enter(void)
{
	if (++shared.inside > shared.room)
		orders_fail("too many inside");
}

static UNSEEN void leave(void)
{
	shared.inside--;
}

// A place where another thread may look around. Where only one may be inside,
// it changes what the semaphore protects.
static void stay(void)
{
	enter();
	if (shared.room == 1)
		shared.data++;
	orders_step();
	leave();
}

static const char *nobody_inside(void)
{
	return shared.inside ? "somebody is inside" : NULL;
}

static void begin_busy(void)
{
	busysem_init(&shared.busy, shared.room = 1);
}

static void use_busy(int me)
{
	(void)me;
	for (int i = 0; i < 2; i++) {
		busysem_p(&shared.busy);
		stay();
		busysem_v(&shared.busy);
	}
}

static const char *end_busy(void)
{
	return shared.busy.s == 1 ? nobody_inside() : "S is not 1 again";
}

START_TEST(orders_busy)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_needs_all(GAMES(GAME(__func__, 2, .begin = begin_busy,
				    .thread = use_busy, .end = end_busy,
				    .stale = 1)),
			 "");
	orders_right(GAME(__func__, 3, .begin = begin_busy, .thread = use_busy,
			  .end = end_busy));
}
END_TEST

static void begin_queue(void)
{
	queuesem_init(&shared.queue, shared.room = 1);
}

static void begin_queue_of_two(void)
{
	queuesem_init(&shared.queue, shared.room = 2);
}

static void use_queue(int me)
{
	(void)me;
	queuesem_p(&shared.queue);
	stay();
	queuesem_v(&shared.queue);
}

static void use_queue_twice(int me)
{
	use_queue(me);
	use_queue(me);
}

// All that was owed was taken.
static const char *end_queue(void)
{
	if (shared.queue.s != shared.room)
		return "S is not what it was";
	if (shared.queue.owed || shared.queue.queue.head)
		return "a wakeup or a waiter is left";
	return nobody_inside();
}

START_TEST(orders_queue)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_right(GAME(__func__, 2, .begin = begin_queue,
			  .thread = use_queue_twice, .end = end_queue,
			  .spurious = 1));
	orders_needs_all(GAMES(GAME(__func__, 2, .begin = begin_queue,
				    .thread = use_queue, .end = end_queue,
				    .stale = 1)),
			 "");
	orders_right(GAME(__func__, 3, .begin = begin_queue,
			  .thread = use_queue, .end = end_queue,
			  .unwatched = true));
	orders_right(GAME(__func__, 3, .begin = begin_queue_of_two,
			  .thread = use_queue, .end = end_queue,
			  .unwatched = true));
}
END_TEST

// One waits with a deadline, which may pass anywhere.
static void use_queue_impatiently(int me)
{
	if (me > 0) {
		use_queue(me);
		return;
	}
	if (queuesem_p_until(&shared.queue, 0)) {
		stay();
		queuesem_v(&shared.queue);
	} else {
		shared.timeouts++;
	}
}

static void use_queue_if_free(int me)
{
	if (me > 0) {
		use_queue(me);
	} else if (queuesem_try_p(&shared.queue)) {
		stay();
		queuesem_v(&shared.queue);
	}
}

START_TEST(orders_queue_leaves)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_needs_all(GAMES(GAME(__func__, 2, .begin = begin_queue,
				    .thread = use_queue_impatiently,
				    .end = end_queue, .stale = 1)),
			 "");
	orders_right(GAME(__func__, 3, .begin = begin_queue,
			  .thread = use_queue_impatiently, .end = end_queue,
			  .unwatched = true));
	orders_right(GAME(__func__, 3, .begin = begin_queue,
			  .thread = use_queue_if_free, .end = end_queue,
			  .unwatched = true));
}
END_TEST

// What the queue is there for, done wrong: V looks whether somebody sleeps
// before it adds, P says that it sleeps after it looked.
static void use_broken(int me)
{
	if (me == 0) {
		if (atomic_load_explicit(&shared.broken,
					 memory_order_acquire) == 0) {
			atomic_store_explicit(&shared.broken_sleepers, 1,
					      memory_order_release);
			futex_wait(&shared.broken_sleepers, 1, false);
		}
	} else {
		uint32_t sleepers = atomic_load_explicit(
			&shared.broken_sleepers, memory_order_acquire);
		atomic_store_explicit(&shared.broken, 1, memory_order_release);
		if (sleepers)
			futex_wake(&shared.broken_sleepers, 1, false);
	}
}

static void use_without_asking(int me)
{
	(void)me;
	enter();
	orders_step();
	leave();
}

START_TEST(orders_lost_and_crowded)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_wrong(GAME(__func__, 2, .thread = use_broken),
		     "nobody can go on");
	orders_wrong(GAME(__func__, 2, .begin = begin_queue,
			  .thread = use_without_asking),
		     "too many inside");
}
END_TEST

static void make(void *made)
{
	orders_step();
	++*(int *)made;
	orders_step();
}

static void use_once(int me)
{
	(void)me;
	once_run(&shared.once, make, &shared.made);
	if (shared.made != 1)
		orders_fail("not made once when once_run returned");
	once_run(&shared.once, make, &shared.made);
}

static const char *end_once(void)
{
	return shared.made == 1 ? NULL : "not made once";
}

START_TEST(orders_once)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_needs_all(GAMES(GAME(__func__, 2, .thread = use_once,
				    .end = end_once, .stale = 1)),
			 "acquire at compare\n");
	orders_right(GAME(__func__, 3, .thread = use_once, .end = end_once,
			  .spurious = 1));
}
END_TEST

static void use_seqlock(int me)
{
	uint64_t values[2];

	if (me == 0) {
		for (uint64_t i = 1; i <= 2; i++)
			seqlock_write(&shared.seqlock, shared.words,
				      (uint64_t[]){ i, i }, 2);
	} else {
		for (int i = 0; i < 2; i++)
			if (seqlock_try_read(&shared.seqlock, shared.words,
					     values, 2) &&
			    values[0] != values[1])
				orders_fail("a torn read");
		seqlock_read(&shared.seqlock, shared.words, values, 2);
		if (values[0] != values[1])
			orders_fail("a torn read");
	}
}

static void read_without_looking(int me)
{
	if (me == 0)
		seqlock_write(&shared.seqlock, shared.words,
			      (uint64_t[]){ 1, 1 }, 2);
	else if (atomic_load_explicit(&shared.words[0], memory_order_acquire) !=
		 atomic_load_explicit(&shared.words[1], memory_order_acquire))
		orders_fail("a torn read");
}

START_TEST(orders_seqlock)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	orders_needs_all(
		GAMES(GAME(__func__, 2, .thread = use_seqlock, .stale = 1)),
		"");
	if (soaking())
		orders_right(GAME(__func__, 3, .thread = use_seqlock));
	orders_wrong(GAME(__func__, 2, .thread = read_without_looking),
		     "a torn read");
}
END_TEST

void add_semaphore_orders(TCase *tcase)
{
	tcase_add_test(tcase, orders_lost_and_crowded);
	tcase_add_test(tcase, orders_busy);
	tcase_add_test(tcase, orders_queue);
	tcase_add_test(tcase, orders_queue_leaves);
	tcase_add_test(tcase, orders_once);
	tcase_add_test(tcase, orders_seqlock);
}
