// The pages of sync/lock with many more threads than CPUs. What they protect is
// plain memory: ThreadSanitizer sees whether the orders are right.

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "sync/lock/barrier.h"
#include "sync/lock/condition.h"
#include "sync/lock/once.h"
#include "sync/lock/rwlock.h"
#include "sync/lock/semaphore.h"
#include "sync/lock/seqlock.h"
#include "wait_parts.h"

enum { THREADS = 16 };

static int turns(int n)
{
	return soaking() ? 50 * n : n;
}

static void together(void *(*work)(void *), void *argument)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, work, argument), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

// --- semaphores --------------------------------------------------------------

static struct {
	struct busysem busy;
	struct queuesem queue;
	_Atomic int inside, most, refused;
	long sum; // with S = 1, protected by it
} sems;

static void be_inside(void)
{
	int inside = atomic_fetch_add(&sems.inside, 1) + 1;
	int most = sems.most;

	while (inside > most &&
	       !atomic_compare_exchange_weak(&sems.most, &most, inside))
		;
	sched_yield();
	sems.inside--;
}

static void *use_queue(void *of)
{
	(void)of;
	for (int i = 0; i < turns(200); i++) {
		if (i % 8 == 3 && !queuesem_p_until(&sems.queue, 0)) {
			sems.refused++;
			continue;
		} else if (i % 8 != 3) {
			queuesem_p(&sems.queue);
		}
		be_inside();
		queuesem_v(&sems.queue);
	}
	return NULL;
}

START_TEST(wait_stress_queue)
{
	sems.most = 0;
	queuesem_init(&sems.queue, 3);
	together(use_queue, NULL);
	ck_assert_int_eq(queuesem_value(&sems.queue), 3);
	ck_assert_uint_eq(sems.queue.owed, 0);
	ck_assert_int_le(sems.most, 3);
}
END_TEST

static void *add_busily(void *of)
{
	(void)of;
	for (int i = 0; i < turns(50); i++) {
		busysem_p(&sems.busy);
		sems.sum++;
		busysem_v(&sems.busy);
	}
	return NULL;
}

static void *add_queued(void *of)
{
	(void)of;
	for (int i = 0; i < turns(200); i++) {
		queuesem_p(&sems.queue);
		sems.sum++;
		queuesem_v(&sems.queue);
	}
	return NULL;
}

START_TEST(wait_stress_exclusion)
{
	busysem_init(&sems.busy, 1);
	sems.sum = 0;
	together(add_busily, NULL);
	ck_assert_int_eq(sems.sum, THREADS * turns(50));
	queuesem_init(&sems.queue, 1);
	sems.sum = 0;
	together(add_queued, NULL);
	ck_assert_int_eq(sems.sum, THREADS * turns(200));
}
END_TEST

// --- readers and writers -----------------------------------------------------

static const struct rwlock_kind *const kinds[] = { &rwlock_reader,
						   &rwlock_writer,
						   &rwlock_fair };

static struct {
	union rwlock lock;
	const struct rwlock_kind *kind;
	long a, b;
	_Atomic int torn;
} book;

static void *read_and_write(void *of)
{
	(void)of;
	for (int i = 0; i < turns(200); i++) {
		if (i % 4 == 0) {
			book.kind->write_lock(&book.lock);
			book.a++;
			if (i % 16 == 0)
				sched_yield();
			book.b++;
			book.kind->write_unlock(&book.lock);
		} else {
			book.kind->read_lock(&book.lock);
			book.torn += book.a != book.b;
			book.kind->read_unlock(&book.lock);
		}
	}
	return NULL;
}

START_TEST(wait_stress_rwlock)
{
	book.lock = (union rwlock){ 0 };
	book.kind = kinds[_i];
	book.a = book.b = 0;
	together(read_and_write, NULL);
	ck_assert_int_eq(book.torn, 0);
	ck_assert_int_eq(book.a, THREADS * turns(200) / 4);
	ck_assert_int_eq(book.b, book.a);
	book.kind->write_lock(&book.lock);
	book.kind->write_unlock(&book.lock);
}
END_TEST

// --- condition variable ------------------------------------------------------

static struct {
	pthread_mutex_t mutex;
	struct condition not_empty, not_full;
	int held;
	long put, taken;
} box = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void lock(void *mutex)
{
	pthread_mutex_lock(mutex);
}

static void unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

static const struct condition_mutex box_mutex = { lock, unlock, &box.mutex };
static _Atomic int next_role;

static void *produce_or_consume(void *of)
{
	bool producer = next_role++ % 2;

	(void)of;
	for (int i = 0; i < turns(300); i++) {
		lock(&box.mutex);
		struct condition *mine = producer ? &box.not_full
						  : &box.not_empty;
		while (box.held == (producer ? 3 : 0))
			if (i % 7)
				condition_wait(mine, &box_mutex);
			else
				condition_wait_until(mine, &box_mutex, 0);
		box.held += producer ? 1 : -1;
		*(producer ? &box.put : &box.taken) += 1;
		if (i % 2)
			unlock(&box.mutex);
		if (i % 5)
			condition_signal(producer ? &box.not_empty
						  : &box.not_full);
		else
			condition_broadcast(producer ? &box.not_empty
						     : &box.not_full);
		if (i % 2 == 0)
			unlock(&box.mutex);
	}
	return NULL;
}

START_TEST(wait_stress_condition)
{
	together(produce_or_consume, NULL);
	ck_assert_int_eq(box.held, 0);
	ck_assert_int_eq(box.put, THREADS / 2 * turns(300));
	ck_assert_int_eq(box.taken, box.put);
	ck_assert_uint_eq(box.not_empty.waiting + box.not_full.waiting, 0);
}
END_TEST

// --- barriers ----------------------------------------------------------------

static struct {
	struct barrier central;
	struct dissemination dissemination;
	_Atomic uint32_t next;
	long done[THREADS]; // each writes its own, all read all
	_Atomic int early, last;
} meeting;

static void look_around(long phase)
{
	for (int i = 0; i < THREADS; i++)
		meeting.early += meeting.done[i] != phase;
}

static void *meet_central(void *of)
{
	uint32_t me = meeting.next++;

	(void)of;
	for (long phase = 1; phase <= turns(40); phase++) {
		meeting.done[me] = phase;
		meeting.last += barrier_wait(&meeting.central);
		look_around(phase);
		barrier_wait(&meeting.central);
	}
	return NULL;
}

static void *meet_dissemination(void *of)
{
	uint32_t me = meeting.next++;

	(void)of;
	for (long phase = 1; phase <= turns(20); phase++) {
		meeting.done[me] = phase;
		dissemination_wait(&meeting.dissemination, me);
		look_around(phase);
		dissemination_wait(&meeting.dissemination, me);
	}
	return NULL;
}

START_TEST(wait_stress_barrier)
{
	barrier_init(&meeting.central, THREADS);
	together(meet_central, NULL);
	ck_assert_int_eq(meeting.early, 0);
	ck_assert_int_eq(meeting.last, turns(40));
	meeting.next = 0;
	ck_assert_int_eq(dissemination_init(&meeting.dissemination, THREADS),
			 0);
	together(meet_dissemination, NULL);
	ck_assert_int_eq(meeting.early, 0);
	dissemination_free(&meeting.dissemination);
}
END_TEST

// --- seqlock and once --------------------------------------------------------

static struct {
	struct seqlock lock;
	_Atomic uint64_t words[4];
	pthread_mutex_t writers;
	_Atomic int torn, number;
} times = { .writers = PTHREAD_MUTEX_INITIALIZER };

static void *tell_and_ask(void *of)
{
	bool writer = times.number++ % 4 == 0;
	uint64_t v[4];

	(void)of;
	for (uint64_t i = 0; i < (uint64_t)turns(300); i++) {
		if (writer) {
			pthread_mutex_lock(&times.writers);
			seqlock_write(&times.lock, times.words,
				      (uint64_t[]){ i, i, i, i }, 4);
			pthread_mutex_unlock(&times.writers);
		} else {
			seqlock_read(&times.lock, times.words, v, 4);
			times.torn += v[0] != v[1] || v[1] != v[2] ||
				      v[2] != v[3];
		}
	}
	return NULL;
}

START_TEST(wait_stress_seqlock)
{
	together(tell_and_ask, NULL);
	ck_assert_int_eq(times.torn, 0);
	ck_assert_uint_eq(times.lock.sequence, 2 * (THREADS / 4) * turns(300));
}
END_TEST

static struct once once;
static int made;
static _Atomic int unmade;

static void make(void *at)
{
	sched_yield();
	*(int *)at += 1;
}

static void *ask_once(void *of)
{
	(void)of;
	once_run(&once, make, &made);
	unmade += made != 1;
	return NULL;
}

START_TEST(wait_stress_once)
{
	for (int i = 0; i < turns(10); i++) {
		once = (struct once){ 0 };
		made = 0;
		together(ask_once, NULL);
		ck_assert_int_eq(unmade, 0);
	}
}
END_TEST

void add_wait_stress(TCase *tcase)
{
	tcase_add_test(tcase, wait_stress_queue);
	tcase_add_test(tcase, wait_stress_exclusion);
	tcase_add_loop_test(tcase, wait_stress_rwlock, 0, 3);
	tcase_add_test(tcase, wait_stress_condition);
	tcase_add_test(tcase, wait_stress_barrier);
	tcase_add_test(tcase, wait_stress_seqlock);
	tcase_add_test(tcase, wait_stress_once);
}
