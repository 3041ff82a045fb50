// sync/lock: every lock of the table, by threads; the wrong mutex, caught. Every
// interleaving of them is tried in ordered_lock.c, sync/contest in lock_contest.c.

#define _GNU_SOURCE
#include "sync/lock/lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lock_parts.h"
#include "sync/contest/contest.h"
#include "sync/lock/mutex_wrong.h"

static int kinds(void)
{
	int n = 0;

	while (lock_kinds[n].name)
		n++;
	return n;
}

START_TEST(names_are_found)
{
	for (const struct lock_kind *k = lock_kinds; k->name; k++) {
		ck_assert_ptr_eq(lock_kind(k->name), k);
		ck_assert_uint_gt(k->bytes, 0);
		ck_assert_uint_le(k->bytes, sizeof(union lock));
	}
	ck_assert_ptr_null(lock_kind("mutex-wrong"));
	ck_assert_ptr_null(lock_kind(""));
	ck_assert_uint_eq(sizeof(union lock), 64);
	ck_assert_uint_eq(sizeof(struct mcs_node), 64);
}
END_TEST

START_TEST(try_takes_a_free_lock_only)
{
	for (const struct lock_kind *k = lock_kinds; k->name; k++) {
		union lock lock = { 0 };
		struct mcs_node mine, other;

		for (int round = 0; round < 3; round++) {
			ck_assert_msg(k->take(&lock, &mine), "%s", k->name);
			ck_assert_msg(!k->take(&lock, &other), "%s", k->name);
			k->unlock(&lock, &mine);
			k->lock(&lock, &other);
			ck_assert_msg(!k->take(&lock, &mine), "%s", k->name);
			k->unlock(&lock, &other);
		}
	}
}
END_TEST

// A ticket lock whose numbers pass 2^32.
START_TEST(tickets_wrap)
{
	struct ticket lock = { UINT32_MAX - 1, UINT32_MAX - 1 };

	for (int i = 0; i < 4; i++) {
		ticket_lock(&lock);
		ck_assert(!ticket_try(&lock));
		ticket_unlock(&lock);
		ck_assert(ticket_try(&lock));
		ticket_unlock(&lock);
	}
	ck_assert_uint_eq(atomic_load(&lock.next), 6);
	ck_assert_uint_eq(atomic_load(&lock.serving), 6);
}
END_TEST

// --- many threads ------------------------------------------------------------

struct fight {
	union lock lock;
	const struct lock_kind *kind;
	// Plain: what the lock does not order, ThreadSanitizer sees, and what it
	// does not exclude gets lost.
	int64_t counter;
	int inside, most_inside;
};

static void fight(struct contestant *me)
{
	struct fight *f = me->argument;
	struct mcs_node node;

	while (contest_goes_on(me)) {
		if (me->turns % 4 != 0 || !f->kind->take(&f->lock, &node))
			f->kind->lock(&f->lock, &node);
		if (++f->inside > f->most_inside)
			f->most_inside = f->inside;
		f->counter++;
		f->inside--;
		f->kind->unlock(&f->lock, &node);
	}
}

static void fight_it_out(const struct lock_kind *kind, int threads,
			 int64_t turns)
{
	struct fight f = { .kind = kind };
	struct contestant who[64];
	struct contest_sum sum;
	struct contest contest = { .play = fight,
				   .argument = &f,
				   .threads = threads,
				   .turns = turns };

	ck_assert_int_eq(contest_run(&contest, who, &sum), 0);
	ck_assert_int_eq(sum.turns, threads * turns);
	ck_assert_msg(f.counter == sum.turns, "%s: %jd of %jd", kind->name,
		      (intmax_t)f.counter, (intmax_t)sum.turns);
	ck_assert_int_eq(f.most_inside, 1);
}

START_TEST(two_threads)
{
	fight_it_out(&lock_kinds[_i], 2, soaking() ? 100000 : 2000);
}
END_TEST

// A queue whose next one is not running costs a time slice for each turn: where
// waiters only spin, few turns are enough to be long.
START_TEST(far_more_threads_than_cpus)
{
	const struct lock_kind *k = &lock_kinds[_i];
	bool collapses = k->fifo && k->patience == LOCK_SPINS;

	if (collapses)
		fight_it_out(k, 6, 4);
	else
		fight_it_out(k, 48, soaking() ? 5000 : 100);
}
END_TEST

// --- who waits ------------------------------------------------------------------

enum { WAITERS = 5 };

struct queue {
	union lock lock;
	const struct lock_kind *kind;
	struct mcs_node nodes[WAITERS + 1];
	int order[WAITERS]; // who came in, under the lock
	int entered;
	_Atomic pid_t tids[WAITERS];
	_Atomic int done;
};

struct waiter {
	struct queue *queue;
	int index;
	pthread_t thread;
};

static void *wait_in_line(void *argument)
{
	struct waiter *w = argument;
	struct queue *q = w->queue;

	atomic_store(&q->tids[w->index], (pid_t)syscall(SYS_gettid));
	q->kind->lock(&q->lock, &q->nodes[w->index]);
	q->order[q->entered++] = w->index;
	q->kind->unlock(&q->lock, &q->nodes[w->index]);
	atomic_fetch_add(&q->done, 1);
	return NULL;
}

static char state_of(pid_t tid)
{
	char path[64], text[512];

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 'X';
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

// Whether waiter `i` stands in the queue, as the lock itself says.
static bool has_come(struct queue *q, int i)
{
	if (q->kind->lock == lock_kind("ticket")->lock ||
	    q->kind->lock == lock_kind("ticket-yield")->lock)
		return atomic_load(&q->lock.ticket.next) == (uint32_t)i + 2;
	return atomic_load(&q->lock.mcs.tail) == &q->nodes[i];
}

static void begin_waiter(struct waiter *w, struct queue *q, int i)
{
	*w = (struct waiter){ .queue = q, .index = i };
	ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_in_line, w), 0);
	await(atomic_load(&q->tids[i]));
}

// They come one after the other while we hold the lock, and go in as they came.
START_TEST(first_in_first_out)
{
	struct queue q = { .kind = &lock_kinds[_i] };
	struct waiter waiters[WAITERS];

	if (!q.kind->fifo)
		return;
	q.kind->lock(&q.lock, &q.nodes[WAITERS]);
	for (int i = 0; i < WAITERS; i++) {
		begin_waiter(&waiters[i], &q, i);
		await(has_come(&q, i));
	}
	ck_assert_int_eq(q.entered, 0);
	q.kind->unlock(&q.lock, &q.nodes[WAITERS]);
	for (int i = 0; i < WAITERS; i++)
		ck_assert_int_eq(pthread_join(waiters[i].thread, NULL), 0);
	for (int i = 0; i < WAITERS; i++)
		ck_assert_int_eq(q.order[i], i);
}
END_TEST

static int64_t cpu_time_of(pthread_t thread)
{
	clockid_t clock;
	struct timespec t;

	ck_assert_int_eq(pthread_getcpuclockid(thread, &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &t), 0);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Who sleeps is seen asleep by the kernel, and its clock stands; the clock of
// who does not sleep goes on.
START_TEST(patience)
{
	struct queue q = { .kind = &lock_kinds[_i] };
	struct waiter w;

	q.kind->lock(&q.lock, &q.nodes[WAITERS]);
	begin_waiter(&w, &q, 0);
	if (q.kind->patience == LOCK_SLEEPS) {
		await(state_of(q.tids[0]) == 'S');
		int64_t before_ns = cpu_time_of(w.thread);
		for (int i = 0; i < 10; i++)
			test_nap();
		ck_assert_int_eq(cpu_time_of(w.thread), before_ns);
	} else {
		int64_t before_ns = cpu_time_of(w.thread);
		await(cpu_time_of(w.thread) > before_ns + 1000000);
	}
	ck_assert_int_eq(atomic_load(&q.done), 0);
	q.kind->unlock(&q.lock, &q.nodes[WAITERS]);
	ck_assert_int_eq(pthread_join(w.thread, NULL), 0);
	ck_assert_int_eq(atomic_load(&q.done), 1);
}
END_TEST

// --- the wrong mutex -----------------------------------------------------------

static void wrong_locks(union lock *l, struct mcs_node *node)
{
	(void)node;
	mutex_wrong_lock((struct mutex_wrong *)l);
}

static void wrong_unlocks(union lock *l, struct mcs_node *node)
{
	(void)node;
	mutex_wrong_unlock((struct mutex_wrong *)l);
}

static const struct lock_kind wrong = { .name = "mutex-wrong",
					.patience = LOCK_SLEEPS,
					.lock = wrong_locks,
					.unlock = wrong_unlocks };

// We hold the lock until both sleep, and let go. How many come through: of the
// wrong one only the first, and the other sleeps on while the lock is free.
static void two_sleepers(const struct lock_kind *kind, int come_through)
{
	struct queue q = { .kind = kind };
	struct waiter waiters[2];
	pid_t last = 0;

	kind->lock(&q.lock, &q.nodes[WAITERS]);
	for (int i = 0; i < 2; i++) {
		begin_waiter(&waiters[i], &q, i);
		await(state_of(q.tids[i]) == 'S');
	}
	kind->unlock(&q.lock, &q.nodes[WAITERS]);
	await(atomic_load(&q.done) == come_through);
	if (come_through == 1) {
		// the kernel says that somebody still sleeps there
		ck_assert_uint_eq(atomic_load(&q.lock.mutex_right.state), 0);
		for (int i = 0; i < 2; i++)
			if (state_of(q.tids[i]) == 'S')
				last = q.tids[i];
		ck_assert_int_ne(last, 0);
		ck_assert_int_eq(
			futex_wake(&q.lock.mutex_right.state, 1, false), 1);
	}
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(waiters[i].thread, NULL), 0);
	ck_assert_int_eq(atomic_load(&q.done), 2);
}

START_TEST(the_wrong_mutex_loses_a_wake_up)
{
	two_sleepers(&wrong, 1);
}
END_TEST

START_TEST(the_others_lose_none)
{
	two_sleepers(lock_kind("mutex"), 2);
	two_sleepers(lock_kind("mutex-fast"), 2);
	two_sleepers(lock_kind("mcs-sleep"), 2);
}
END_TEST

Suite *lock_suite(void)
{
	Suite *suite = suite_create("lock");
	TCase *table = tcase_create("table"), *stress = tcase_create("stress");
	TCase *waiting = tcase_create("waiting");

	tcase_add_test(table, names_are_found);
	tcase_add_test(table, try_takes_a_free_lock_only);
	tcase_add_test(table, tickets_wrap);
	suite_add_tcase(suite, table);

	tcase_set_timeout(stress, 120);
	tcase_add_loop_test(stress, two_threads, 0, kinds());
	tcase_add_loop_test(stress, far_more_threads_than_cpus, 0, kinds());
	suite_add_tcase(suite, stress);

	tcase_set_timeout(waiting, 120);
	tcase_add_loop_test(waiting, first_in_first_out, 0, kinds());
	tcase_add_loop_test(waiting, patience, 0, kinds());
	tcase_add_test(waiting, the_wrong_mutex_loses_a_wake_up);
	tcase_add_test(waiting, the_others_lose_none);
	suite_add_tcase(suite, waiting);

	add_lock_orders(suite);
	add_contest_tests(suite);
	return suite;
}
