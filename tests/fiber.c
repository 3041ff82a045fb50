// # Tests of threads/fiber/: order, join, sleep, cancellation, deadlock
//
// See fiber_parts.h for the other files.

#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "clock.h"
#include "fiber_parts.h"
#include "random.h"

void run_fibers(int expected, fiber_function *first, void *argument)
{
	const struct fiber_setup setup = { .most = 2000 };

	ck_assert_int_eq(fiber_run(&setup, first, argument), expected);
}

struct fiber *spawned(fiber_function *function, void *argument)
{
	struct fiber *f = NULL;

	ck_assert_int_eq(fiber_spawn(&f, function, argument), 0);
	ck_assert_ptr_nonnull(f);
	return f;
}

void *joined(struct fiber *f)
{
	void *result = NULL;

	ck_assert_int_eq(fiber_join(f, &result), 0);
	return result;
}

void settle(void)
{
	for (int i = 0; i < 4; i++)
		fiber_yield();
}

void *returns_argument(void *argument)
{
	return argument;
}

// --- what is refused ---------------------------------------------------------------

static void *run_within(void *argument)
{
	ck_assert_int_eq(fiber_run(argument, returns_argument, NULL), -EBUSY);
	return NULL;
}

START_TEST(fiber_refusals)
{
	struct fiber_setup small = { .stack_bytes = 16383 };
	struct fiber_setup vast = { .stack_bytes = SIZE_MAX - 4096 };
	struct fiber_setup throng = { .most = 10000001 };
	struct fiber_setup backend = { .backend = FIBER_EPOLL + 1 };
	struct fiber_setup guard = { .guard = FIBER_GUARD_PROTECT + 1 };
	struct fiber_setup usual = { 0 };
	struct fiber_facts facts;
	char byte;

	ck_assert_int_eq(fiber_run(&small, returns_argument, NULL), -EINVAL);
	ck_assert_int_eq(fiber_run(&vast, returns_argument, NULL), -EINVAL);
	ck_assert_int_eq(fiber_run(&throng, returns_argument, NULL), -EINVAL);
	ck_assert_int_eq(fiber_run(&backend, returns_argument, NULL), -EINVAL);
	ck_assert_int_eq(fiber_run(&guard, returns_argument, NULL), -EINVAL);
	ck_assert_int_eq(fiber_run(&usual, run_within, &usual), 0);

	ck_assert_ptr_null(fiber_self());
	ck_assert_int_eq(fiber_spawn(NULL, returns_argument, NULL), -EPERM);
	ck_assert_int_eq(fiber_sleep(1), -EPERM);
	ck_assert_int_eq(fiber_read(0, &byte, 1), -EPERM);
	ck_assert_int_eq(fiber_look(&facts), -EPERM);
	fiber_yield();
}
END_TEST

// Address space that is not there is said before anything runs.
START_TEST(fiber_no_room)
{
	if (IS_SANITIZED)
		SKIP("a sanitizer needs more address space than any limit");
	pid_t pid = fork_fresh();

	if (pid == 0) {
		struct rlimit little = { 1 << 30, 1 << 30 };
		struct fiber_setup setup = { .most = 100000 };
		struct fiber_setup fewer = { .most = 1000 };
		setrlimit(RLIMIT_AS, &little);
		_exit(fiber_run(&setup, returns_argument, NULL) == -ENOMEM &&
				      fiber_run(&fewer, returns_argument,
						NULL) == 0
			      ? 0
			      : 1);
	}
	ck_assert_int_eq(status_of(pid), 0);
}
END_TEST

// --- order -------------------------------------------------------------------------

static char trace[256];

static void note(char mark)
{
	size_t n = strlen(trace);

	ck_assert_uint_lt(n + 1, sizeof trace);
	trace[n] = mark;
	trace[n + 1] = '\0';
}

static void *note_thrice(void *mark)
{
	for (int i = 0; i < 3; i++) {
		note((char)of_number(mark));
		fiber_yield();
	}
	return NULL;
}

static void *take_turns(void *argument)
{
	for (int mark = 'a'; mark <= 'c'; mark++)
		ck_assert_int_eq(fiber_spawn(NULL, note_thrice, number(mark)),
				 0);
	note('.');
	for (int i = 0; i < 4; i++) {
		fiber_yield();
		note('.');
	}
	return argument;
}

START_TEST(fiber_order)
{
	trace[0] = '\0';
	run_fibers(0, take_turns, NULL);
	ck_assert_str_eq(trace, ".abc.abc.abc..");
}
END_TEST

// Who yields and waits mixed with who always yields: the looks in between change
// nothing in the order, and nobody is lost.
static void *count_turns(void *counter)
{
	for (int i = 0; i < 1000; i++) {
		++*(int *)counter;
		fiber_yield();
	}
	return NULL;
}

static void *even_turns(void *argument)
{
	int turns[7] = { 0 }, wrong = 0;

	for (int i = 0; i < 7; i++)
		ck_assert_int_eq(fiber_spawn(NULL, count_turns, &turns[i]), 0);
	for (int n = 1; n <= 1000; n++) {
		fiber_yield();
		for (int i = 0; i < 7; i++)
			wrong += turns[i] != n;
	}
	ck_assert_int_eq(wrong, 0);
	return argument;
}

START_TEST(fiber_fair)
{
	run_fibers(0, even_turns, NULL);
}
END_TEST

// --- join --------------------------------------------------------------------------

static void *join_it(void *f)
{
	return number(fiber_join(f, NULL));
}

static void *joins(void *argument)
{
	struct fiber *late = spawned(returns_argument, number(7)), *f;

	settle();
	ck_assert_int_eq(of_number(joined(late)), 7); // it has long ended
	ck_assert_int_eq(fiber_join(fiber_self(), NULL), -EINVAL);

	f = spawned(note_thrice, number('j'));
	struct fiber *one = spawned(join_it, f), *two = spawned(join_it, f);
	ck_assert_int_eq(of_number(joined(one)), 0);
	ck_assert_int_eq(of_number(joined(two)), -EINVAL);
	return argument;
}

START_TEST(fiber_joins)
{
	trace[0] = '\0';
	run_fibers(0, joins, NULL);
	ck_assert_str_eq(trace, "jjj");
}
END_TEST

// Nobody joins: that is no leak, and no hindrance.
static void *orphan(void *argument)
{
	spawned(returns_argument, NULL);
	spawned(returns_argument, NULL);
	return argument;
}

START_TEST(fiber_orphans)
{
	run_fibers(0, orphan, NULL);
}
END_TEST

// --- sleep -------------------------------------------------------------------------

enum { SLEEPERS = 300 };

struct sleeper {
	int64_t deadline_ns;
	int order, result;
	struct fiber *fiber;
};

struct dormitory {
	struct sleeper sleepers[SLEEPERS];
	int woken[SLEEPERS], count;
};

static struct dormitory dormitory;

static void *sleep_there(void *sleeper)
{
	struct sleeper *me = sleeper;

	me->result = fiber_sleep_until(me->deadline_ns);
	if (me->result == 0)
		ck_assert_int_ge(now_ns(), me->deadline_ns);
	dormitory.woken[dormitory.count++] = me->order;
	return NULL;
}

// A third is cancelled, from anywhere in the heap; the rest wakes in the order of
// deadlines, equal ones in the order in which they went to sleep.
static void *sleep_and_wake(void *argument)
{
	struct random random = { 6 };
	int64_t base = now_ns() + 30000000, last_ns = 0;
	int cancelled = 0, last = -1;

	dormitory.count = 0;
	for (int i = 0; i < SLEEPERS; i++) {
		struct sleeper *s = &dormitory.sleepers[i];
		*s = (struct sleeper){
			.deadline_ns = base +
				       random_below(&random, 200) * 10000,
			.order = i
		};
		s->fiber = spawned(sleep_there, s);
	}
	settle();
	if (dormitory.count > 0)
		return number(1); // this machine slept longer: no order to see
	for (int i = 0; i < SLEEPERS; i++) {
		if (random_below(&random, 3) == 0) {
			fiber_cancel(dormitory.sleepers[i].fiber);
			cancelled++;
		}
	}
	for (int i = 0; i < SLEEPERS; i++)
		joined(dormitory.sleepers[i].fiber);
	ck_assert_int_eq(dormitory.count, SLEEPERS);
	for (int i = 0; i < SLEEPERS; i++) {
		struct sleeper *s = &dormitory.sleepers[dormitory.woken[i]];
		ck_assert_int_eq(s->result, i < cancelled ? -ECANCELED : 0);
		if (i < cancelled)
			continue;
		ck_assert(s->deadline_ns > last_ns ||
			  (s->deadline_ns == last_ns && s->order > last));
		last_ns = s->deadline_ns;
		last = s->order;
	}
	return argument;
}

START_TEST(fiber_sleepers)
{
	run_fibers(0, sleep_and_wake, NULL);
}
END_TEST

static void *sleep_for_ever(void *argument)
{
	(void)argument;
	return number(fiber_sleep(INT64_MAX));
}

static void *odd_sleeps(void *argument)
{
	struct fiber *ever = spawned(sleep_for_ever, NULL);

	ck_assert_int_eq(fiber_sleep(0), 0);
	ck_assert_int_eq(fiber_sleep(-5), 0);
	ck_assert_int_eq(fiber_sleep(INT64_MIN), 0);
	ck_assert_int_eq(fiber_sleep_until(0), 0);
	ck_assert_int_eq(fiber_sleep(1000), 0);
	fiber_cancel(ever);
	ck_assert_int_eq(of_number(joined(ever)), -ECANCELED);
	return argument;
}

START_TEST(fiber_odd_sleeps)
{
	run_fibers(0, odd_sleeps, NULL);
}
END_TEST

// A signal that interrupts the thread's sleep wakes nobody early. (The sleepers
// look at the clock themselves.)
static void on_alarm(int signal)
{
	(void)signal;
}

static void *sleep_on(void *argument)
{
	int64_t deadline = now_ns() + 20000000;

	ck_assert_int_eq(fiber_sleep_until(deadline), 0);
	ck_assert_int_ge(now_ns(), deadline);
	return argument;
}

START_TEST(fiber_interrupted)
{
	struct sigaction action = { .sa_handler = on_alarm }, before;
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };

	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	run_fibers(0, sleep_on, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
}
END_TEST

// --- cancellation ------------------------------------------------------------------

static void *join_twice(void *f)
{
	ck_assert_int_eq(fiber_join(f, NULL), -ECANCELED);
	return number(fiber_join(f, NULL));
}

// Before it waits: the next wait fails, and only that one.
static void *cancelled_early(void *argument)
{
	fiber_cancel(fiber_self());
	fiber_yield();
	ck_assert_int_eq(fiber_sleep(1), -ECANCELED);
	ck_assert_int_eq(fiber_sleep(1), 0);
	return argument;
}

static void *cancellations(void *argument)
{
	struct fiber *ever = spawned(sleep_for_ever, NULL);
	struct fiber *f = spawned(join_twice, ever);

	settle();
	fiber_cancel(f);
	settle();
	fiber_cancel(ever);
	ck_assert_int_eq(of_number(joined(f)), 0);

	joined(spawned(cancelled_early, NULL));
	f = spawned(returns_argument, number(3));
	settle();
	fiber_cancel(f); // has ended
	ck_assert_int_eq(of_number(joined(f)), 3);
	return argument;
}

START_TEST(fiber_cancellations)
{
	run_fibers(0, cancellations, NULL);
}
END_TEST

// --- deadlock ----------------------------------------------------------------------

struct pair {
	struct fiber *a, *b;
	int error_a, error_b;
	bool again; // once told, they do it once more
};

static void *join_b(void *pair)
{
	struct pair *p = pair;

	p->error_a = fiber_join(p->b, NULL);
	if (p->again)
		fiber_join(p->b, NULL);
	return NULL;
}

static void *join_a(void *pair)
{
	struct pair *p = pair;

	p->error_b = fiber_join(p->a, NULL);
	if (p->again)
		fiber_join(p->a, NULL);
	return NULL;
}

// The sleep is under way, so until it is over there is no deadlock.
static void *embrace(void *pair)
{
	struct pair *p = pair;

	p->a = spawned(join_b, p);
	p->b = spawned(join_a, p);
	settle();
	ck_assert_int_eq(fiber_sleep(1000000), 0);
	ck_assert_int_eq(p->error_a, 1);
	ck_assert_int_eq(p->error_b, 1);
	return NULL;
}

START_TEST(fiber_deadlock)
{
	struct pair pair = { .error_a = 1, .error_b = 1, .again = _i };
	struct fiber_facts facts;
	struct fiber_setup setup = { .facts = &facts };

	ck_assert_int_eq(fiber_run(&setup, embrace, &pair), -EDEADLK);
	ck_assert_int_eq(pair.error_a, -EDEADLK);
	ck_assert_int_eq(pair.error_b, -EDEADLK);
	ck_assert_uint_eq(facts.left, _i ? 2 : 0);
	run_fibers(0, returns_argument, NULL);
}
END_TEST

static void *take_for_ever(void *channel)
{
	char byte;

	return number(fiber_channel_take(channel, &byte));
}

static void *all_wait(void *argument)
{
	struct fiber_channel *channel;
	struct fiber *f[10];

	ck_assert_int_eq(fiber_channel_new(&channel, 1, 3), 0);
	for (int i = 0; i < 10; i++)
		f[i] = spawned(take_for_ever, channel);
	ck_assert_int_eq(fiber_join(f[0], NULL), -EDEADLK);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(of_number(joined(f[i])), -EDEADLK);
	ck_assert_int_eq(fiber_channel_put(channel, "x"), 0);
	fiber_channel_free(channel);
	return argument;
}

START_TEST(fiber_deadlock_unwinds)
{
	run_fibers(-EDEADLK, all_wait, NULL);
}
END_TEST

// --- threads -----------------------------------------------------------------------

static void *thread(void *count)
{
	for (int i = 0; i < 3; i++)
		run_fibers(0, even_turns, NULL);
	return count;
}

START_TEST(fiber_two_threads)
{
	pthread_t other;

	ck_assert_int_eq(pthread_create(&other, NULL, thread, NULL), 0);
	thread(NULL);
	ck_assert_int_eq(pthread_join(other, NULL), 0);
}
END_TEST

Suite *fiber_suite(void)
{
	Suite *suite = suite_create("fiber");
	TCase *tcase = tcase_create("fiber");

	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	add_fiber_switch_tests(tcase);
	tcase_add_test(tcase, fiber_refusals);
	tcase_add_test(tcase, fiber_no_room);
	tcase_add_test(tcase, fiber_order);
	tcase_add_test(tcase, fiber_fair);
	tcase_add_test(tcase, fiber_joins);
	tcase_add_test(tcase, fiber_orphans);
	tcase_add_test(tcase, fiber_sleepers);
	tcase_add_test(tcase, fiber_odd_sleeps);
	tcase_add_test(tcase, fiber_interrupted);
	tcase_add_test(tcase, fiber_cancellations);
	tcase_add_loop_test(tcase, fiber_deadlock, 0, 2);
	tcase_add_test(tcase, fiber_deadlock_unwinds);
	tcase_add_test(tcase, fiber_two_threads);
	add_fiber_channel_tests(suite);
	add_fiber_io_tests(suite);
	add_fiber_echo_tests(suite);
	return suite;
}
