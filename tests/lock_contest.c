// sync/contest: all get what they should, and are told what it cost

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "lock_parts.h"
#include "sync/contest/contest.h"

struct play {
	_Atomic int64_t turns;
	_Atomic int playing;
	int cpus_seen[CONTEST_MOST];
};

static void count_turns(struct contestant *me)
{
	struct play *p = me->argument;

	while (contest_goes_on(me))
		atomic_fetch_add(&p->turns, 1);
}

START_TEST(turns_each)
{
	struct play p = { 0 };
	struct contestant who[40];
	struct contest_sum sum;

	ck_assert_int_eq(contest_run(&(struct contest){ .play = count_turns,
							.argument = &p,
							.threads = 40,
							.turns = 250 },
				     who, &sum),
			 0);
	ck_assert_int_eq(atomic_load(&p.turns), 40 * 250);
	ck_assert_int_eq(sum.turns, 40 * 250);
	ck_assert_int_eq(sum.fewest, 250);
	ck_assert_int_eq(sum.most, 250);
	ck_assert(sum.fairness == 1.0);
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(who[i].index, i);
		ck_assert_int_eq(who[i].turns, 250);
		ck_assert_int_eq(who[i].cpu, -1);
		ck_assert_int_gt(who[i].tid, 0);
		ck_assert_int_ge(who[i].ended_ns, who[i].begun_ns);
		ck_assert_int_ge(sum.length_ns,
				 who[i].ended_ns - who[i].begun_ns);
	}
}
END_TEST

// It ends by time, and what was begun was finished.
START_TEST(length_of_time)
{
	struct play p = { 0 };
	struct contestant who[3];
	struct contest_sum sum;

	ck_assert_int_eq(contest_run(&(struct contest){ .play = count_turns,
							.argument = &p,
							.threads = 3,
							.length_ns = 20000000 },
				     who, &sum),
			 0);
	ck_assert_int_ge(sum.length_ns, 0);
	ck_assert_int_eq(sum.turns, atomic_load(&p.turns));
	ck_assert_int_gt(sum.turns, 0);
}
END_TEST

static void two_turns_and_no_more(struct contestant *me)
{
	int64_t turns = 0;

	while (contest_goes_on(me))
		turns++;
	ck_assert_int_eq(turns, 2);
}

START_TEST(both_limits)
{
	struct contestant who[2];

	ck_assert_int_eq(
		contest_run(&(struct contest){ .play = two_turns_and_no_more,
					       .threads = 2,
					       .turns = 2,
					       .length_ns =
						       INT64_C(3600000000000) },
			    who, NULL),
		0);
}
END_TEST

// Nobody begins before all are there: each waits for all others, which would
// last for ever if one of them had to wait for the end of another.
static void meet(struct contestant *me)
{
	struct play *p = me->argument;

	atomic_fetch_add(&p->playing, 1);
	while (contest_goes_on(me))
		while (atomic_load(&p->playing) < 30)
			sched_yield();
}

START_TEST(all_play_at_once)
{
	struct play p = { 0 };
	struct contestant who[30];

	ck_assert_int_eq(contest_run(&(struct contest){ .play = meet,
							.argument = &p,
							.threads = 30,
							.turns = 1 },
				     who, NULL),
			 0);
	ck_assert_int_eq(atomic_load(&p.playing), 30);
}
END_TEST

static void see_cpu(struct contestant *me)
{
	struct play *p = me->argument;

	while (contest_goes_on(me))
		p->cpus_seen[me->index] = sched_getcpu();
}

static void places_are_kept(enum contest_places places)
{
	static struct play p;
	struct contestant who[8];

	ck_assert_int_eq(contest_run(&(struct contest){ .play = see_cpu,
							.argument = &p,
							.threads = 8,
							.turns = 50,
							.places = places },
				     who, NULL),
			 0);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_ge(who[i].cpu, 0);
		ck_assert_int_eq(p.cpus_seen[i], who[i].cpu);
	}
	cpu_set_t mine;
	ck_assert_int_eq(sched_getaffinity(0, sizeof mine, &mine), 0);
	int cpus = places == CONTEST_ONE_CPU ? 1 : CPU_COUNT(&mine);
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < i; j++)
			ck_assert_int_eq(who[i].cpu == who[j].cpu,
					 i % cpus == j % cpus);
}

START_TEST(pinned)
{
	places_are_kept(CONTEST_PINNED);
	places_are_kept(CONTEST_ONE_CPU);
}
END_TEST

static void use_stride(struct contestant *me)
{
	while (contest_goes_on(me))
		++*(int *)me->argument;
}

START_TEST(an_argument_each)
{
	int counts[16][32] = { 0 };
	struct contestant who[16];

	ck_assert_int_eq(
		contest_run(&(struct contest){ .play = use_stride,
					       .argument = counts,
					       .stride = sizeof *counts,
					       .threads = 16,
					       .turns = 9 },
			    who, NULL),
		0);
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(counts[i][0], 9);
}
END_TEST

static void report_waits(struct contestant *me)
{
	while (contest_goes_on(me))
		contest_waited(me, me->turns * (me->index + 1));
}

START_TEST(waits_add_up)
{
	struct contestant who[3];
	struct contest_sum sum;

	ck_assert_int_eq(contest_run(&(struct contest){ .play = report_waits,
							.threads = 3,
							.turns = 4 },
				     who, &sum),
			 0);
	ck_assert_int_eq(who[2].longest_wait_ns, 12);
	ck_assert_int_eq(who[2].waited_ns, 3 + 6 + 9 + 12);
	ck_assert_int_eq(sum.longest_wait_ns, 12);
	ck_assert_int_eq(sum.waited_ns, 60);
}
END_TEST

// Busy until its clock has moved on by 5 ms, or asleep five times.
static void burn_or_sleep(struct contestant *me)
{
	struct timespec t = { 0 }, nap = { .tv_nsec = 100000 };

	while (contest_goes_on(me)) {
		if (me->index == 0)
			while (t.tv_nsec < 5000000 && t.tv_sec == 0)
				clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
		for (int i = 0; i < 5 && me->index == 1; i++)
			nanosleep(&nap, NULL);
	}
}

START_TEST(what_it_cost)
{
	struct contestant who[2];
	struct contest_sum sum;

	ck_assert_int_eq(contest_run(&(struct contest){ .play = burn_or_sleep,
							.threads = 2,
							.turns = 1 },
				     who, &sum),
			 0);
	ck_assert_int_ge(who[0].cpu_ns, 3000000);
	ck_assert_int_ge(who[1].voluntary, 5);
	ck_assert_int_eq(sum.cpu_ns, who[0].cpu_ns + who[1].cpu_ns);
	ck_assert_int_eq(sum.voluntary, who[0].voluntary + who[1].voluntary);
}
END_TEST

// One of four has everything: Jain's index is 1/4.
static void one_has_all(struct contestant *me)
{
	while (me->index == 0 && contest_goes_on(me))
		;
}

START_TEST(fairness)
{
	struct contestant who[4];
	struct contest_sum sum;

	ck_assert_int_eq(contest_run(&(struct contest){ .play = one_has_all,
							.threads = 4,
							.turns = 10 },
				     who, &sum),
			 0);
	ck_assert(sum.fairness == 0.25);
	ck_assert_int_eq(sum.fewest, 0);
	ck_assert_int_eq(sum.most, 10);
}
END_TEST

START_TEST(refused)
{
	struct contestant who[1];
	const struct contest good = { .play = one_has_all,
				      .threads = 1,
				      .turns = 1 };
	struct contest bad[] = { good, good, good, good, good, good };

	bad[0].play = NULL;
	bad[1].threads = 0;
	bad[2].threads = CONTEST_MOST + 1;
	bad[3].turns = 0;
	bad[4].turns = -1;
	bad[5].length_ns = -1;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(contest_run(&bad[i], who, NULL), -EINVAL);
	ck_assert_int_eq(contest_run(&good, who, NULL), 0);
}
END_TEST

static void never(struct contestant *me)
{
	(void)me;
	abort();
}

// No room for the stacks of so many: those that were made go home, and nobody
// has played.
START_TEST(threads_run_out)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer's shadow memory does not fit below RLIMIT_AS");
#endif
	static struct contestant who[CONTEST_MOST];
	struct rlimit limit = { 200 << 20, 200 << 20 };

	if (getenv("CK_FORK"))
		SKIP("the limit would stay: CK_FORK is set");
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(contest_run(&(struct contest){ .play = never,
							.threads = CONTEST_MOST,
							.turns = 1 },
				     who, NULL),
			 -EAGAIN);
}
END_TEST

void add_contest_tests(Suite *suite)
{
	TCase *tcase = tcase_create("contest");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, turns_each);
	tcase_add_test(tcase, length_of_time);
	tcase_add_test(tcase, both_limits);
	tcase_add_test(tcase, all_play_at_once);
	tcase_add_test(tcase, pinned);
	tcase_add_test(tcase, an_argument_each);
	tcase_add_test(tcase, waits_add_up);
	tcase_add_test(tcase, what_it_cost);
	tcase_add_test(tcase, fairness);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, threads_run_out);
	suite_add_tcase(suite, tcase);
}
