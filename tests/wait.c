// # sync/lock: semaphores, readers and writers, conditions, barriers
//
// Here known behaviours, one by one, as the sources of the pages define them:
// EWD 123 for P and V, Courtois et al. (1971) for what readers and writers may
// do, Brandenburg & Anderson (2010) for phases. Every interleaving is in
// ordered_*.c, many threads at once in wait_stress.c.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "sync/lock/barrier.h"
#include "sync/lock/condition.h"
#include "sync/lock/once.h"
#include "sync/lock/rwlock.h"
#include "sync/lock/semaphore.h"
#include "sync/lock/seqlock.h"
#include "wait_parts.h"

// --- threads that come one after the other -----------------------------------

enum { MOST = 8 };

// A row of threads. Each does `wait`, notes its letter, waits to be let out, and
// does `leave`. The next one starts when the last one sleeps or is in.
struct row {
	struct queuesem queue;
	struct condition condition;
	pthread_mutex_t mutex;
	union rwlock lock;
	const struct rwlock_kind *kind;
	_Atomic int entered;
	char order[MOST + 1];
	struct guest {
		struct row *row;
		pthread_t thread;
		_Atomic pid_t tid;
		char letter;
		void (*wait)(struct guest *guest);
		void (*leave)(struct guest *guest);
		_Atomic bool in, may_leave;
	} guests[MOST];
	int count;
};

static void *visit(void *argument)
{
	struct guest *guest = argument;
	struct row *row = guest->row;

	guest->tid = syscall(SYS_gettid);
	guest->wait(guest);
	row->order[row->entered++] = guest->letter;
	guest->in = true;
	while (!guest->may_leave)
		test_nap();
	if (guest->leave)
		guest->leave(guest);
	return NULL;
}

// In the kernel, waiting: state S.
static bool sleeps(pid_t tid)
{
	char path[64], line[256] = "";

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	FILE *file = fopen(path, "r");
	if (file && !fgets(line, sizeof line, file))
		line[0] = '\0';
	if (file)
		fclose(file);
	const char *end = strrchr(line, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static struct guest *come(struct row *row, char letter,
			  void (*wait)(struct guest *),
			  void (*leave)(struct guest *))
{
	struct guest *guest = &row->guests[row->count++];

	*guest = (struct guest){ .row = row,
				 .letter = letter,
				 .wait = wait,
				 .leave = leave,
				 .may_leave = leave == NULL };
	ck_assert_int_eq(pthread_create(&guest->thread, NULL, visit, guest), 0);
	await(guest->tid != 0);
	await(guest->in || sleeps(guest->tid));
	return guest;
}

static void go(struct guest *guest)
{
	guest->may_leave = true;
	pthread_join(guest->thread, NULL);
}

// --- semaphores --------------------------------------------------------------

START_TEST(wait_busy_counts)
{
	struct busysem sem;

	busysem_init(&sem, 2);
	ck_assert(busysem_try_p(&sem));
	busysem_p(&sem);
	ck_assert(!busysem_try_p(&sem));
	ck_assert_int_eq(busysem_value(&sem), 0);
	busysem_v(&sem);
	busysem_v(&sem);
	busysem_v(&sem);
	ck_assert_int_eq(busysem_value(&sem), 3);
}
END_TEST

static void wait_p(struct guest *guest)
{
	queuesem_p(&guest->row->queue);
}

START_TEST(wait_queue_negative_and_in_order)
{
	struct row row = { 0 };

	queuesem_init(&row.queue, 1);
	queuesem_p(&row.queue);
	for (int i = 0; i < 4; i++) {
		come(&row, 'a' + i, wait_p, NULL);
		ck_assert_int_eq(queuesem_value(&row.queue), -1 - i);
	}
	ck_assert(!queuesem_try_p(&row.queue));
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(row.entered, i);
		queuesem_v(&row.queue);
		go(&row.guests[i]);
	}
	ck_assert_str_eq(row.order, "abcd");
	ck_assert_int_eq(queuesem_value(&row.queue), 0);
	queuesem_v(&row.queue);
	ck_assert(queuesem_try_p(&row.queue));
}
END_TEST

static void wait_p_a_moment(struct guest *guest)
{
	ck_assert(!queuesem_p_until(&guest->row->queue, now_ns() + 3000000));
}

// Who gives up leaves the order of the others, and S, as if it had never been.
START_TEST(wait_queue_gives_up)
{
	struct row row = { 0 };

	queuesem_init(&row.queue, 0);
	ck_assert(!queuesem_p_until(&row.queue, now_ns() - 1));
	ck_assert_int_eq(queuesem_value(&row.queue), 0);
	come(&row, 'a', wait_p, NULL);
	go(come(&row, 'x', wait_p_a_moment, NULL));
	come(&row, 'b', wait_p, NULL);
	go(come(&row, 'y', wait_p_a_moment, NULL));
	ck_assert_int_eq(queuesem_value(&row.queue), -2);
	queuesem_v(&row.queue);
	go(&row.guests[0]);
	queuesem_v(&row.queue);
	go(&row.guests[2]);
	ck_assert_str_eq(row.order, "xyab");
	queuesem_v(&row.queue);
	ck_assert(queuesem_p_until(&row.queue, now_ns() - 1));
}
END_TEST

// --- readers and writers -----------------------------------------------------

static const struct rwlock_kind *const kinds[] = { &rwlock_reader,
						   &rwlock_writer,
						   &rwlock_fair };

static void wait_read(struct guest *guest)
{
	guest->row->kind->read_lock(&guest->row->lock);
}

static void leave_read(struct guest *guest)
{
	guest->row->kind->read_unlock(&guest->row->lock);
}

static void wait_write(struct guest *guest)
{
	guest->row->kind->write_lock(&guest->row->lock);
}

static void leave_write(struct guest *guest)
{
	guest->row->kind->write_unlock(&guest->row->lock);
}

static struct guest *reader(struct row *row, char letter)
{
	return come(row, letter, wait_read, leave_read);
}

static struct guest *writer(struct row *row, char letter)
{
	return come(row, letter, wait_write, leave_write);
}

START_TEST(wait_rwlock_excludes)
{
	struct row row = { .kind = kinds[_i] };

	struct guest *a = reader(&row, 'a'), *b = reader(&row, 'b');
	ck_assert_int_eq(row.entered, 2);
	struct guest *w = writer(&row, 'W');
	ck_assert(!w->in);
	go(a);
	ck_assert(!w->in);
	go(b);
	await(w->in);
	struct guest *c = reader(&row, 'c'), *v = writer(&row, 'V');
	ck_assert(!c->in && !v->in);
	go(w);
	await(c->in || v->in);
	ck_assert(!c->in || !v->in);
	go(c->in ? c : v);
	await(c->in && v->in);
	go(row.order[4] == 'c' ? c : v);
}
END_TEST

// Reader a is inside, writer W waits, reader b comes.
START_TEST(wait_rwlock_prefers)
{
	static const char *const orders[] = { "abW", "aWb", "aWb" };
	struct row row = { .kind = kinds[_i] };

	struct guest *a = reader(&row, 'a'), *w = writer(&row, 'W');
	struct guest *b = reader(&row, 'b');
	ck_assert_int_eq(b->in, kinds[_i] == &rwlock_reader);
	if (b->in)
		go(b);
	go(a);
	await(w->in);
	ck_assert_int_eq(row.entered, kinds[_i] == &rwlock_reader ? 3 : 2);
	go(w);
	if (kinds[_i] != &rwlock_reader)
		go(b);
	ck_assert_str_eq(row.order, orders[_i]);
}
END_TEST

// Writer W is inside; reader a, writer X, reader b and writer Y come, in this
// order. Readers first: a and b (in any order), then the writers. Writers first:
// X and Y, then the readers. Fair: the phase of both readers, then X, then Y.
START_TEST(wait_rwlock_phases)
{
	struct row row = { .kind = kinds[_i] };
	bool writers_first = kinds[_i] == &rwlock_writer;

	struct guest *w = writer(&row, 'W'), *a = reader(&row, 'a');
	struct guest *x = writer(&row, 'X'), *b = reader(&row, 'b');
	struct guest *y = writer(&row, 'Y');
	go(w);
	for (int phase = 0; phase < 2; phase++) {
		if ((phase == 0) == writers_first) {
			await(x->in || y->in);
			ck_assert(x->in != y->in);
			ck_assert_int_eq(a->in, phase > 0);
			ck_assert(kinds[_i] != &rwlock_fair || x->in);
			struct guest *first = x->in ? x : y;
			go(first);
			await(x->in && y->in);
			ck_assert_int_eq(b->in, phase > 0);
			go(first == x ? y : x);
		} else {
			await(a->in && b->in);
			ck_assert_int_eq(x->in || y->in, phase > 0);
			go(a);
			go(b);
		}
	}
	ck_assert_int_eq(row.entered, 5);
}
END_TEST

// --- condition variable ------------------------------------------------------

static void mutex_lock(void *mutex)
{
	pthread_mutex_lock(mutex);
}

static void mutex_unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

static struct condition_mutex mutex_of(struct row *row)
{
	return (struct condition_mutex){ mutex_lock, mutex_unlock,
					 &row->mutex };
}

// The mutex is given back while the row notes who came, or the next could not.
static void wait_condition(struct guest *guest)
{
	struct row *row = guest->row;
	const struct condition_mutex mutex = mutex_of(row);

	mutex_lock(&row->mutex);
	condition_wait(&row->condition, &mutex);
	ck_assert_int_ne(pthread_mutex_trylock(&row->mutex), 0);
	mutex_unlock(&row->mutex);
}

START_TEST(wait_condition_in_order)
{
	struct row row = { .mutex = PTHREAD_MUTEX_INITIALIZER };

	condition_signal(&row.condition);
	condition_broadcast(&row.condition);
	for (int i = 0; i < 5; i++)
		come(&row, 'a' + i, wait_condition, NULL);
	ck_assert_int_eq(row.entered, 0);
	for (int i = 0; i < 2; i++) {
		condition_signal(&row.condition);
		go(&row.guests[i]);
		ck_assert_int_eq(row.entered, i + 1);
	}
	ck_assert(!memcmp(row.order, "ab", 2));
	ck_assert_int_eq(row.condition.waiting, 3);
	mutex_lock(&row.mutex);
	condition_broadcast(&row.condition);
	ck_assert_int_eq(row.condition.waiting, 0);
	mutex_unlock(&row.mutex);
	for (int i = 2; i < 5; i++)
		go(&row.guests[i]);
	ck_assert_int_eq(row.entered, 5);
}
END_TEST

START_TEST(wait_condition_deadline)
{
	struct row row = { .mutex = PTHREAD_MUTEX_INITIALIZER };
	const struct condition_mutex mutex = mutex_of(&row);
	int64_t deadline_ns = now_ns() + 2000000;

	mutex_lock(&row.mutex);
	ck_assert(!condition_wait_until(&row.condition, &mutex, deadline_ns));
	ck_assert_int_ge(now_ns(), deadline_ns);
	ck_assert(!condition_wait_until(&row.condition, &mutex, 0));
	ck_assert_int_ne(pthread_mutex_trylock(&row.mutex), 0);
	mutex_unlock(&row.mutex);
	ck_assert_int_eq(row.condition.waiting, 0);
	come(&row, 'a', wait_condition, NULL);
	condition_signal(&row.condition);
	go(&row.guests[0]);
}
END_TEST

// --- barriers, once, seqlock -------------------------------------------------

START_TEST(wait_barrier_of_one)
{
	struct barrier barrier;
	struct dissemination dissemination;

	barrier_init(&barrier, 1);
	ck_assert_int_eq(dissemination_init(&dissemination, 1), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert(barrier_wait(&barrier));
		dissemination_wait(&dissemination, 0);
	}
	dissemination_free(&dissemination);
}
END_TEST

static void count_one(void *counter)
{
	++*(int *)counter;
}

START_TEST(wait_once_once)
{
	struct once once = { 0 };
	int made = 0;

	for (int i = 0; i < 3; i++)
		once_run(&once, count_one, &made);
	ck_assert_int_eq(made, 1);
}
END_TEST

START_TEST(wait_seqlock_tells)
{
	struct seqlock lock = { 0 };
	_Atomic uint64_t words[2] = { 0 };
	uint64_t seen[2];

	seqlock_write(&lock, words, (uint64_t[]){ 7, 8 }, 2);
	ck_assert_uint_eq(seqlock_read(&lock, words, seen, 2), 0);
	ck_assert(seen[0] == 7 && seen[1] == 8);
	lock.sequence++;
	ck_assert(!seqlock_try_read(&lock, words, seen, 2));
	lock.sequence++;
	ck_assert(seqlock_try_read(&lock, words, seen, 2));
}
END_TEST

Suite *wait_suite(void)
{
	Suite *suite = suite_create("wait");
	TCase *known = tcase_create("known"), *models = tcase_create("models");
	TCase *stress = tcase_create("stress");

	tcase_add_test(known, wait_busy_counts);
	tcase_add_test(known, wait_queue_negative_and_in_order);
	tcase_add_test(known, wait_queue_gives_up);
	tcase_add_loop_test(known, wait_rwlock_excludes, 0, 3);
	tcase_add_loop_test(known, wait_rwlock_prefers, 0, 3);
	tcase_add_loop_test(known, wait_rwlock_phases, 0, 3);
	tcase_add_test(known, wait_condition_in_order);
	tcase_add_test(known, wait_condition_deadline);
	tcase_add_test(known, wait_barrier_of_one);
	tcase_add_test(known, wait_once_once);
	tcase_add_test(known, wait_seqlock_tells);
	suite_add_tcase(suite, known);

	tcase_set_timeout(models, 300);
	add_semaphore_orders(models);
	add_rwlock_orders(models);
	add_condition_orders(models);
	suite_add_tcase(suite, models);

	tcase_set_timeout(stress, 300);
	add_wait_stress(stress);
	suite_add_tcase(suite, stress);
	return suite;
}
