// The policies rule by rule, driven by hand: what a quantum, an allotment, a
// boost are; who is displaced, and where he stands then.

#define _GNU_SOURCE
#include <limits.h>

#include "policy_parts.h"

void hand_make(struct hand *h, const char *policy)
{
	*h = (struct hand){ .policy = policy_named(policy), .random = { 1 } };
	h->settings = policy_defaults(&h->random);
	h->settings.boost_ns = 0;
	for (int i = 0; i < HAND_JOBS; i++)
		h->tasks[i] = (struct task){ .burst_ns = 1000 * MS,
					     .left_ns = 1000 * MS,
					     .deadline_ns = NEVER,
					     .tickets = 100 };
}

void hand_create(struct hand *h)
{
	ck_assert_int_eq(h->policy->create(&h->state, &h->settings, h->tasks,
					   HAND_JOBS),
			 0);
}

void hand_free(struct hand *h)
{
	h->policy->destroy(h->state);
}

static void arrive(struct hand *h, int job)
{
	h->policy->arrive(h->state, job, h->now * MS);
}

static void wake(struct hand *h, int job)
{
	h->policy->wake(h->state, job, h->now * MS);
}

int hand_pick(struct hand *h)
{
	int64_t slice_ns = -MS;
	int job = h->policy->pick(h->state, 0, h->now * MS, &slice_ns);

	h->slice = slice_ns == NEVER ? -1 : slice_ns / MS;
	return job;
}

// The job runs for some ms; then its tick, its block.
static bool tick(struct hand *h, int job, int64_t ran)
{
	int64_t slice_ns = -MS;

	h->now += ran;
	bool over = h->policy->tick(h->state, job, ran * MS, h->now * MS,
				    &slice_ns);
	h->slice = slice_ns == NEVER ? -1 : slice_ns / MS;
	return over;
}

static void block(struct hand *h, int job, int64_t ran)
{
	h->now += ran;
	h->policy->block(h->state, job, ran * MS, h->now * MS);
}

// --- the multilevel feedback queue -------------------------------------------

// Levels of 10, 20, 40 ms. A new job begins on top, sinks with each quantum,
// and gets the quantum of its level; at the bottom it stays.
START_TEST(mlfq_sinks)
{
	struct hand h;
	static const int expected[] = { 10, 20, 40, 40, 40 };

	hand_make(&h, "mlfq");
	hand_create(&h);
	ck_assert_int_eq(hand_pick(&h), NOBODY);
	arrive(&h, 0);
	for (size_t i = 0; i < COUNT(expected); i++) {
		ck_assert_int_eq(hand_pick(&h), 0);
		ck_assert_int_eq(h.slice, expected[i]);
		ck_assert_int_eq(h.policy->rank(h.state, 0, h.now),
				 i < 2 ? (int)i : 2);
		ck_assert(tick(&h, 0, expected[i]));
	}
	hand_free(&h);
}
END_TEST

// Equals take turns; a quantum used up goes to the tail.
START_TEST(mlfq_takes_turns)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.levels = 1;
	hand_create(&h);
	for (int job = 0; job < 3; job++)
		arrive(&h, job);
	for (int turn = 0; turn < 9; turn++) {
		ck_assert_int_eq(hand_pick(&h), turn % 3);
		ck_assert(tick(&h, turn % 3, 10));
	}
	hand_free(&h);
}
END_TEST

// An allotment counts quanta, and a quantum counts what was run, however often
// the job waited in between (OSTEP, chapter 8, rule 4).
START_TEST(mlfq_allotment)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.level_allotment[0] = 2;
	hand_create(&h);
	arrive(&h, 0);
	for (int quantum = 0; quantum < 2; quantum++) {
		ck_assert_int_eq(hand_pick(&h), 0);
		ck_assert_int_eq(h.slice, 10);
		block(&h, 0, 6);
		h.now += 5;
		wake(&h, 0);
		ck_assert_int_eq(hand_pick(&h), 0);
		ck_assert_int_eq(h.slice, 4);
		ck_assert_int_eq(h.policy->rank(h.state, 0, h.now), 0);
		ck_assert(tick(&h, 0, 4));
	}
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 20);
	// The end of the burst with the end of the quantum: it sinks all the
	// same, and comes back to the tail of its new level.
	block(&h, 0, 20);
	wake(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 40);
	hand_free(&h);
}
END_TEST

// Who is displaced by a higher level is the first of its own when that is
// empty, with what was left of its quantum.
START_TEST(mlfq_displaced)
{
	struct hand h;

	hand_make(&h, "mlfq");
	hand_create(&h);
	arrive(&h, 0);
	arrive(&h, 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert(tick(&h, 0, 10));
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert(tick(&h, 1, 10));
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 20);
	h.now += 5;
	arrive(&h, 2);
	h.now -= 5;
	ck_assert(tick(&h, 0, 5));
	ck_assert_int_eq(hand_pick(&h), 2);
	// Nobody is displaced by an equal, or by a lower one.
	h.now += 1;
	arrive(&h, 3);
	h.now -= 1;
	ck_assert(!tick(&h, 2, 1));
	ck_assert_int_eq(h.slice, 9);
	block(&h, 2, 1);
	ck_assert_int_eq(hand_pick(&h), 3);
	block(&h, 3, 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 15);
	ck_assert(tick(&h, 0, 15));
	ck_assert_int_eq(hand_pick(&h), 1);
	hand_free(&h);
}
END_TEST

// OSTEP's rules with stay (-S): waiting refills both; but a quantum that ended
// at the block costs one of the refilled allotment, and sinks with an allotment
// of 1.
START_TEST(mlfq_stay)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.stay = true;
	h.settings.level_allotment[1] = 2;
	hand_create(&h);
	arrive(&h, 0);
	for (int turn = 0; turn < 5; turn++) {
		ck_assert_int_eq(hand_pick(&h), 0);
		ck_assert_int_eq(h.slice, 10);
		block(&h, 0, 9);
		wake(&h, 0);
	}
	ck_assert_int_eq(hand_pick(&h), 0);
	block(&h, 0, 10);
	wake(&h, 0);
	for (int turn = 0; turn < 3; turn++) {
		ck_assert_int_eq(hand_pick(&h), 0);
		ck_assert_int_eq(h.slice, 20);
		block(&h, 0, 20); // back with an allotment of 2 - 1
		wake(&h, 0);
	}
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 20);
	ck_assert(tick(&h, 0, 20));
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 40);
	hand_free(&h);
}
END_TEST

// The lowest level has nowhere to sink to, whatever its allotment.
START_TEST(mlfq_bottom_allotment)
{
	static const int allotments[] = { INT_MIN, -1, 0, 1, 3, INT_MAX };

	for (size_t i = 0; i < COUNT(allotments); i++) {
		struct hand h;
		hand_make(&h, "mlfq");
		h.settings.levels = 2;
		h.settings.level_allotment[1] = allotments[i];
		hand_create(&h);
		arrive(&h, 0);
		for (int turn = 0; turn < 9; turn++) {
			ck_assert_int_eq(hand_pick(&h), 0);
			ck_assert_int_eq(h.slice, turn ? 20 : 10);
			ck_assert(tick(&h, 0, h.slice));
		}
		hand_free(&h);
	}
}
END_TEST

// OSTEP: the levels from the lowest to the second highest are appended behind
// the top one, each in its order.
START_TEST(mlfq_boost_order)
{
	struct hand h;
	static const int expected[] = { 4, 2, 0, 1, 3 };

	hand_make(&h, "mlfq");
	h.settings.boost_ns = 1000 * MS;
	hand_create(&h);
	// 0 and 1 go to level 1, 2 to level 2: each comes when the others are
	// out of the way.
	arrive(&h, 2);
	ck_assert_int_eq(hand_pick(&h), 2);
	ck_assert(tick(&h, 2, 10));
	ck_assert_int_eq(hand_pick(&h), 2);
	ck_assert(tick(&h, 2, 20));
	for (int job = 0; job < 2; job++) {
		arrive(&h, job);
		ck_assert_int_eq(hand_pick(&h), job);
		ck_assert(tick(&h, job, 10));
	}
	arrive(&h, 3);
	arrive(&h, 4);
	// 3 runs up to the boost and has used up its quantum then, so it has
	// sunk before: to the tail of level 1.
	h.now = 990;
	ck_assert_int_eq(hand_pick(&h), 3);
	ck_assert_int_eq(h.slice, 10);
	ck_assert(tick(&h, 3, 10));
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(hand_pick(&h), expected[i]);
		ck_assert_int_eq(h.slice, 10);
		ck_assert_int_eq(h.policy->rank(h.state, expected[i], h.now),
				 0);
		block(&h, expected[i], 0);
	}
	hand_free(&h);
}
END_TEST

// Waiting jobs are boosted too; slices end at the boost; who runs alone goes on
// without a switch, made new.
START_TEST(mlfq_boost_lazily)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.boost_ns = 100 * MS;
	hand_create(&h);
	arrive(&h, 0);
	arrive(&h, 1);
	for (int level = 0; level < 2; level++)
		for (int job = 0; job < 2; job++) {
			ck_assert_int_eq(hand_pick(&h), job);
			ck_assert(tick(&h, job, h.slice));
		}
	ck_assert_int_eq(h.now, 60);
	ck_assert_int_eq(hand_pick(&h), 0);
	block(&h, 0, 1);
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 39);
	ck_assert_int_eq(h.policy->rank(h.state, 1, h.now), 2);
	ck_assert(!tick(&h, 1, 39));
	ck_assert_int_eq(h.policy->rank(h.state, 1, h.now), 0);
	ck_assert_int_eq(h.slice, 10);
	ck_assert(tick(&h, 1, 10));
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 20);
	wake(&h, 0); // on top since 100, so before the one at level 1
	ck_assert(tick(&h, 1, 5));
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 10);
	block(&h, 0, 1);
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 15);
	block(&h, 1, 1);
	// Several boosts in idleness are one.
	h.now = 731;
	wake(&h, 1);
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 10);
	ck_assert(tick(&h, 1, 10));
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert(tick(&h, 1, 20));
	h.now = 790;
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 10); // of 40: the boost
	hand_free(&h);
}
END_TEST

// A running job that has not used up its quantum is found by the boost at the
// head of its level: on top it stays the first, else it stands behind the top
// level.
START_TEST(mlfq_boost_keeps_places)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.boost_ns = 50 * MS;
	hand_create(&h);
	arrive(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert(tick(&h, 0, 10));
	h.now = 30;
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 20);
	block(&h, 0, 15);
	arrive(&h, 1);
	arrive(&h, 2);
	wake(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 5);
	ck_assert(!tick(&h, 1, 5)); // at the boost, with 5 of 10 left: renewed
	ck_assert_int_eq(h.slice, 10);
	block(&h, 1, 1);
	ck_assert_int_eq(hand_pick(&h), 2);
	block(&h, 2, 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 10);
	hand_free(&h);
}
END_TEST

// Where those who come in the moment of the boost are told first (the books'
// way), the one who ran up to it is judged by its old state all the same.
START_TEST(mlfq_boost_with_arrivals_first)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.boost_ns = 15 * MS;
	hand_create(&h);
	arrive(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert(tick(&h, 0, 10));
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 5);
	h.now += 5;
	arrive(&h, 1);
	h.now -= 5;
	ck_assert(tick(&h, 0, 5));
	ck_assert_int_eq(hand_pick(&h), 1);
	block(&h, 1, 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 10);
	hand_free(&h);
}
END_TEST

// The same where nobody has to give way: who is on top stays, made new; who is
// alone, too; a quantum used up is one.
START_TEST(mlfq_boost_seen_late)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.boost_ns = 25 * MS;
	hand_create(&h);
	h.now = 20;
	arrive(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 5);
	h.now += 5;
	arrive(&h, 1);
	h.now -= 5;
	ck_assert(!tick(&h, 0, 5));
	ck_assert_int_eq(h.slice, 10);
	ck_assert(tick(&h, 0, 10));
	ck_assert_int_eq(hand_pick(&h), 1);
	block(&h, 1, 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.policy->rank(h.state, 0, h.now), 1);
	ck_assert_int_eq(h.slice, 14);
	// 1 comes and goes in the moment of the boost: 0 is alone, and on top.
	h.now += 14;
	wake(&h, 1);
	ck_assert_int_eq(hand_pick(&h), 1);
	block(&h, 1, 0);
	h.now -= 14;
	ck_assert(!tick(&h, 0, 14));
	ck_assert_int_eq(h.policy->rank(h.state, 0, h.now), 0);
	ck_assert_int_eq(h.slice, 10);
	block(&h, 0, 1);
	// A quantum that ends with the boost sends it behind the newcomer.
	h.now = 65;
	wake(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 9);
	ck_assert(tick(&h, 0, 9));
	h.now = 74;
	ck_assert_int_eq(hand_pick(&h), 0);
	block(&h, 0, 0);
	h.now = 90;
	wake(&h, 0);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.slice, 10);
	h.now += 10;
	wake(&h, 1);
	h.now -= 10;
	ck_assert(tick(&h, 0, 10));
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(h.policy->rank(h.state, 0, h.now), 0);
	ck_assert_int_eq(h.slice, 10);
	hand_free(&h);
}
END_TEST

// With io_head (-I) a job back from waiting stands before the one that runs at
// its level; that one is behind it, but before all others. A new job has no
// such right.
START_TEST(mlfq_io_head)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.io_head = true;
	hand_create(&h);
	for (int job = 0; job < 4; job++)
		arrive(&h, job);
	for (int job = 0; job < 2; job++) {
		ck_assert_int_eq(hand_pick(&h), job);
		block(&h, job, 1);
	}
	ck_assert_int_eq(hand_pick(&h), 2);
	ck_assert(!tick(&h, 2, 1)); // 3 waits, and has to
	wake(&h, 0);
	wake(&h, 1);
	ck_assert(tick(&h, 2, 1));
	static const struct {
		int job;
		int64_t slice;
	} expected[] = { { 1, 9 }, { 0, 9 }, { 2, 8 }, { 3, 10 } };
	for (size_t i = 0; i < COUNT(expected); i++) {
		ck_assert_int_eq(hand_pick(&h), expected[i].job);
		ck_assert_int_eq(h.slice, expected[i].slice);
		if (expected[i].job == 1) {
			// Picked before 0, which had come to the head before
			// it: displaced, it stands before 0 again.
			ck_assert(!tick(&h, 1, 0));
		}
		block(&h, expected[i].job, 0);
	}
	hand_free(&h);
}
END_TEST

// Two came to the head; the first of them runs and is displaced by a higher
// level: its place is before the second, not behind.
START_TEST(mlfq_io_head_keeps_places)
{
	struct hand h;

	hand_make(&h, "mlfq");
	h.settings.io_head = true;
	hand_create(&h);
	for (int job = 0; job < 2; job++) {
		arrive(&h, job);
		ck_assert_int_eq(hand_pick(&h), job);
		ck_assert(tick(&h, job, 10)); // to level 1
		ck_assert_int_eq(hand_pick(&h), job);
		block(&h, job, 1);
	}
	wake(&h, 0);
	wake(&h, 1);
	ck_assert_int_eq(hand_pick(&h), 1);
	arrive(&h, 2);
	ck_assert(tick(&h, 1, 1));
	ck_assert_int_eq(hand_pick(&h), 2);
	block(&h, 2, 1);
	ck_assert_int_eq(hand_pick(&h), 1);
	ck_assert_int_eq(h.slice, 18);
	block(&h, 1, 1);
	ck_assert_int_eq(hand_pick(&h), 0);
	hand_free(&h);
}
END_TEST

// --- ties, displacement, changes ---------------------------------------------

// A job that is displaced is the first of its equals when it is their turn
// again.
START_TEST(displaced_are_first_of_equals)
{
	static const char *const names[] = { "priority-preemptive", "edf",
					     "srtf" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct hand h;
		hand_make(&h, names[i]);
		for (int job = 0; job < 3; job++) {
			h.tasks[job].priority = job == 2 ? 1 : 5;
			h.tasks[job].deadline_ns = (job == 2 ? 10 : 50) * MS;
			h.tasks[job].left_ns = (job == 2 ? 10 : 50) * MS;
		}
		hand_create(&h);
		arrive(&h, 0);
		ck_assert_int_eq(hand_pick(&h), 0);
		ck_assert_int_eq(h.slice, -1);
		arrive(&h, 1);
		ck_assert(!tick(&h, 0, 0)); // an equal does not displace
		ck_assert_int_eq(h.slice, -1);
		arrive(&h, 2);
		ck_assert(h.policy->rank(h.state, 2, 0) <
			  h.policy->rank(h.state, 0, 0));
		ck_assert(tick(&h, 0, 0));
		ck_assert_int_eq(hand_pick(&h), 2);
		block(&h, 2, 0);
		ck_assert_int_eq(hand_pick(&h), 0);
		block(&h, 0, 0);
		ck_assert_int_eq(hand_pick(&h), 1);
		ck_assert_int_eq(hand_pick(&h), NOBODY);
		hand_free(&h);
	}
}
END_TEST

// POSIX, pthread_setschedprio(): raised, the last of its new equals; lowered,
// the first; the same, nothing moves. Who is not ready is left alone.
START_TEST(changed_priorities)
{
	static const char *const names[] = { "priority",
					     "priority-preemptive" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct hand h;
		static const int32_t priorities[] = { 1, 1, 5, 9, 9, 5 };
		static const int order[] = { 0, 1, 3, 5, 2, 4 };
		hand_make(&h, names[i]);
		for (int job = 0; job < 6; job++)
			h.tasks[job].priority = priorities[job];
		hand_create(&h);
		for (int job = 0; job < 6; job++)
			arrive(&h, job);
		h.tasks[3].priority = 1;
		h.policy->changed(h.state, 3, 0);
		h.policy->changed(h.state, 3, 0);
		h.tasks[2].priority = 9;
		h.policy->changed(h.state, 2, 0);
		h.tasks[10].priority = -5;
		h.policy->changed(h.state, 10, 0);
		for (int k = 0; k < 6; k++)
			ck_assert_int_eq(hand_pick(&h), order[k]);
		ck_assert_int_eq(hand_pick(&h), NOBODY);
		hand_free(&h);
	}
}
END_TEST

// What has been waited counts on when the priority changes.
START_TEST(changed_priorities_age)
{
	struct hand h;

	hand_make(&h, "ageing");
	h.tasks[0].priority = h.tasks[1].priority = 10;
	h.tasks[2].priority = 5;
	hand_create(&h); // a step is 100 ms
	arrive(&h, 0);
	h.now = 300;
	arrive(&h, 1);
	arrive(&h, 2);
	h.tasks[1].priority = 6;
	h.policy->changed(h.state, 1, h.now * MS);
	h.policy->changed(h.state, 1, h.now * MS); // nothing has
	h.tasks[0].priority = 7;                   // has waited for 3 steps: 4
	h.policy->changed(h.state, 0, h.now * MS);
	ck_assert_int_eq(hand_pick(&h), 0);
	ck_assert_int_eq(hand_pick(&h), 2);
	ck_assert_int_eq(hand_pick(&h), 1);
	hand_free(&h);
}
END_TEST

void add_policy_rules(Suite *suite)
{
	add_policy_case(suite, "rules",
			(const TTest *const[]){
				mlfq_sinks,
				mlfq_takes_turns,
				mlfq_allotment,
				mlfq_displaced,
				mlfq_stay,
				mlfq_bottom_allotment,
				mlfq_boost_order,
				mlfq_boost_lazily,
				mlfq_boost_keeps_places,
				mlfq_boost_with_arrivals_first,
				mlfq_boost_seen_late,
				mlfq_io_head,
				mlfq_io_head_keeps_places,
				displaced_are_first_of_equals,
				changed_priorities,
				changed_priorities_age,
				NULL,
			});
}
