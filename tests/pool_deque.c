// The deque by itself: against the simplest model, and with thieves.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "pool_parts.h"
#include "random.h"
#include "threads/pool/deque.h"

// An item is a number in a pointer; 0 is none.
static void *item(uintptr_t number)
{
	return (void *)number; // NOLINT(performance-no-int-to-ptr)
}

// One thread does all three by chance; an array with two ends is the model. From
// a deque of two, so that it grows at every filling, and wraps at every length.
START_TEST(pool_deque_model)
{
	enum { STEPS = 5000 };
	static uintptr_t model[STEPS];
	struct random random = { _i };
	struct deque deque;
	size_t top = 0, bottom = 0;
	uintptr_t next = 1;
	void *got;

	ck_assert_int_eq(deque_make(&deque, 2), 0);
	ck_assert(deque_seems_empty(&deque));
	ck_assert_ptr_null(deque_take(&deque));
	ck_assert_int_eq(deque_steal(&deque, &got), -ENOENT);
	for (int i = 0; i < STEPS; i++) {
		// long tides, so that it fills and empties
		uint32_t chance = random_below(&random, 100);
		bool flood = i / (50 + 10 * _i) % 2;
		if (chance < (flood ? 70 : 30)) {
			ck_assert_int_eq(deque_push(&deque, item(next)), 0);
			model[bottom++] = next++;
		} else if (chance % 2) {
			got = deque_take(&deque);
			ck_assert_ptr_eq(
				got, item(bottom > top ? model[--bottom] : 0));
		} else {
			int error = deque_steal(&deque, &got);
			ck_assert_int_eq(error, bottom > top ? 0 : -ENOENT);
			if (!error)
				ck_assert_ptr_eq(got, item(model[top++]));
		}
		ck_assert(deque_seems_empty(&deque) == (top == bottom));
	}
	while (bottom > top)
		ck_assert_ptr_eq(deque_take(&deque), item(model[--bottom]));
	deque_free(&deque);
}
END_TEST

enum { THIEVES = 3, ITEMS = MANY(400000, 40000) };

static struct deque common;
static _Atomic unsigned char seen[ITEMS + 1];
static _Atomic bool over;

struct thief {
	pthread_t thread;
	long items;
	bool in_order;
};

// What one thief steals gets only younger.
static void *thieve(void *argument)
{
	struct thief *thief = argument;
	uintptr_t last = 0;
	unsigned looks = 0;
	void *got;

	while (!over) {
		int error = deque_steal(&common, &got);
		// most looks come close upon each other, and owners get a turn
		if (error == -ENOENT && ++looks % 64 == 0)
			sched_yield();
		if (error)
			continue;
		thief->in_order &= (uintptr_t)got > last;
		last = (uintptr_t)got;
		seen[last]++;
		thief->items++;
	}
	return NULL;
}

// Whatever the lengths at which owner and thieves meet, most at none and one:
// each item is somebody's, once.
START_TEST(pool_deque_thieves)
{
	struct thief thieves[THIEVES] = { 0 };
	struct random random = { _i };
	int most = (int[]){ 1, 2, 3, 100, ITEMS }[_i];
	uintptr_t next = 1;
	long taken = 0, stolen = 0;
	void *got;

	ck_assert_int_eq(deque_make(&common, 2), 0);
	over = false;
	for (int i = 1; i <= ITEMS; i++)
		seen[i] = 0;
	for (int i = 0; i < THIEVES; i++) {
		thieves[i].in_order = true;
		ck_assert_int_eq(pthread_create(&thieves[i].thread, NULL,
						thieve, &thieves[i]),
				 0);
	}
	while (next <= ITEMS) {
		int push = 1 + (int)random_below(&random, most);
		for (; push > 0 && next <= ITEMS; push--)
			if (deque_push(&common, item(next++)) != 0)
				ck_abort_msg("no memory");
		int take = (int)random_below(&random, most + 1);
		for (; take > 0 && (got = deque_take(&common)); take--) {
			seen[(uintptr_t)got]++;
			taken++;
		}
	}
	while ((got = deque_take(&common))) {
		seen[(uintptr_t)got]++;
		taken++;
	}
	over = true;
	for (int i = 0; i < THIEVES; i++) {
		pthread_join(thieves[i].thread, NULL);
		stolen += thieves[i].items;
		ck_assert(thieves[i].in_order);
	}
	ck_assert_int_eq(taken + stolen, ITEMS);
	for (int i = 1; i <= ITEMS; i++)
		if (seen[i] != 1) // an assertion costs a system call
			ck_abort_msg("item %d came %d times", i, seen[i]);
	deque_free(&common);
}
END_TEST

void add_deque_tests(Suite *suite)
{
	TCase *tests = tcase_create("deque");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, pool_deque_model, 0, 10);
	tcase_add_loop_test(tests, pool_deque_thieves, 0, 5);
	suite_add_tcase(suite, tests);
}
