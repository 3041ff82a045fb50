// sync/lockfree: the stack of numbers and its tags, the bounded ring, and the
// properties that Michael & Scott (PODC 1996) and Vyukov (2010) give for their
// queues: every value once, those of one producer in order. Hazard pointers and
// what is built on them by itself: sync_hazard.c.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "sync/lockfree/ring.h"
#include "sync/lockfree/slots.h"
#include "sync_ring_parts.h"

// --- slots -------------------------------------------------------------------

START_TEST(slots_are_a_stack)
{
	struct slots slots;

	ck_assert_int_eq(slots_init(&slots, 0, true), -EINVAL);
	ck_assert_int_eq(slots_init(&slots, SLOTS_NONE, true), -EINVAL);
	ck_assert_int_eq(slots_init(&slots, 4, _i), 0);
	ck_assert_uint_eq(slots_pop(&slots), SLOTS_NONE);
	for (uint32_t i = 0; i < 4; i++)
		slots_push(&slots, i);
	for (uint32_t i = 4; i-- > 0;)
		ck_assert_uint_eq(slots_pop(&slots), i);
	ck_assert_uint_eq(slots_pop(&slots), SLOTS_NONE);
	ck_assert_uint_eq(slots.top >> 32, _i ? 8 : 0);
	slots_free(&slots);
}
END_TEST

// The tag goes on from 0 after its largest value, and touches no number.
START_TEST(slots_tag_wraps)
{
	struct slots slots;
	struct slots_look look;

	ck_assert_int_eq(slots_init(&slots, 2, true), 0);
	slots.top |= UINT64_C(0xffffffff) << 32;
	slots_push(&slots, 1);
	ck_assert_uint_eq(slots.top, 1);
	ck_assert(slots_look(&slots, &look));
	ck_assert_uint_eq(look.number, 1);
	ck_assert_uint_eq(look.below, SLOTS_NONE);
	ck_assert(slots_swing(&slots, &look));
	ck_assert(!slots_swing(&slots, &look));
	slots_free(&slots);
}
END_TEST

// Every order of the steps of two threads: one takes a number (look, swing, and
// again where it fails), the other takes two and puts the first back. `order` has
// a bit a step: who makes it. Returns in how many hands the worst number is, and
// whether the order was used up.
enum { STEPS = 12, ABA_NUMBERS = 3 };

struct actor {
	struct slots_look look;
	bool looked;
	int stage;
	uint32_t mine[2];
};

// One step of a pop; true when it is done.
static bool pop_step(struct slots *slots, struct actor *actor, uint32_t *number)
{
	if (!actor->looked) {
		*number = SLOTS_NONE;
		actor->looked = slots_look(slots, &actor->look);
		return !actor->looked;
	}
	actor->looked = false;
	*number = actor->look.number;
	return slots_swing(slots, &actor->look);
}

static void actor_step(struct slots *slots, struct actor *actor, int pops)
{
	uint32_t number;

	if (actor->stage < pops) {
		if (pop_step(slots, actor, &number))
			actor->mine[actor->stage++] = number;
	} else if (pops == 2 && actor->stage == 2) {
		if (actor->mine[0] != SLOTS_NONE)
			slots_push(slots, actor->mine[0]);
		actor->mine[0] = SLOTS_NONE;
		actor->stage++;
	}
}

static int worst_hands(bool tagged, unsigned order)
{
	struct slots slots;
	struct actor one = { .mine = { SLOTS_NONE, SLOTS_NONE } }, two = one;
	int hands[ABA_NUMBERS] = { 0 }, worst = 0;

	ck_assert_int_eq(slots_init(&slots, ABA_NUMBERS, tagged), 0);
	for (uint32_t i = ABA_NUMBERS; i-- > 0;)
		slots_push(&slots, i);
	for (int step = 0; step < STEPS; step++)
		actor_step(&slots, order >> step & 1 ? &two : &one,
			   order >> step & 1 ? 2 : 1);
	const uint32_t held[] = { one.mine[0], two.mine[0], two.mine[1] };
	for (int i = 0; i < 3; i++)
		if (held[i] != SLOTS_NONE)
			hands[held[i]]++;
	uint32_t number;
	for (int i = 0; i < STEPS && (number = slots_pop(&slots)) != SLOTS_NONE;
	     i++)
		hands[number]++;
	for (int i = 0; i < ABA_NUMBERS; i++)
		worst = hands[i] > worst ? hands[i] : worst;
	slots_free(&slots);
	return worst;
}

START_TEST(slots_every_order)
{
	int wrong[2] = { 0 };

	for (int tagged = 0; tagged < 2; tagged++)
		for (unsigned order = 0; order < 1u << STEPS; order++)
			wrong[tagged] += worst_hands(tagged, order) > 1;
	ck_assert_int_gt(wrong[false], 0);
	ck_assert_int_eq(wrong[true], 0);
}
END_TEST

// Numbers that threads take, mark as theirs, and give back. Nobody finds one
// that is marked.
enum { HOLDERS = 8, NUMBERS = 4 };

static struct slots crowd;
static long owned[NUMBERS]; // not atomic: TSan judges, too
static _Atomic int collisions;

static void *hold_and_give(void *argument)
{
	int turns = soaking() ? 400000 : 4000;
	long self = (long)argument;

	for (int i = 0; i < turns; i++) {
		uint32_t number = slots_pop(&crowd);
		if (number == SLOTS_NONE) {
			sched_yield();
			continue;
		}
		collisions += owned[number] != 0;
		owned[number] = self;
		if (i % 16 == 0)
			sched_yield();
		collisions += owned[number] != self;
		owned[number] = 0;
		slots_push(&crowd, number);
	}
	return NULL;
}

START_TEST(slots_in_one_hand)
{
	pthread_t threads[HOLDERS];
	int n = 0;

	ck_assert_int_eq(slots_init(&crowd, NUMBERS, true), 0);
	collisions = 0;
	for (uint32_t i = 0; i < NUMBERS; i++)
		slots_push(&crowd, i);
	for (long i = 0; i < HOLDERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						hold_and_give, (void *)(i + 1)),
				 0);
	for (int i = 0; i < HOLDERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(collisions, 0);
	while (slots_pop(&crowd) != SLOTS_NONE)
		n++;
	ck_assert_int_eq(n, NUMBERS);
	slots_free(&crowd);
}
END_TEST

// --- ring --------------------------------------------------------------------

START_TEST(ring_limits)
{
	const size_t bad[] = { 0, 1, 3, 6, 1000, SIZE_MAX };
	struct ring ring;
	uintptr_t value;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(ring_init(&ring, bad[i]), -EINVAL);
#ifndef OSLAB_SANITIZED // a sanitizer's calloc ends the program
	ck_assert_int_eq(ring_init(&ring, SIZE_MAX / 2 + 1), -ENOMEM);
#endif
	ck_assert_int_eq(ring_init(&ring, 4), 0);
	ck_assert_int_eq(ring_pop(&ring, &value), -EAGAIN);
	for (uintptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(ring_push(&ring, i), 0);
	ck_assert_int_eq(ring_push(&ring, 4), -EAGAIN);
	for (uintptr_t i = 0; i < 4; i++) {
		ck_assert_int_eq(ring_pop(&ring, &value), 0);
		ck_assert_uint_eq(value, i);
	}
	ck_assert_int_eq(ring_pop(&ring, &value), -EAGAIN);
	ring_destroy(&ring);
}
END_TEST

// Random pushes and pops, against a queue that is obviously right, also where
// the positions go on from SIZE_MAX to 0.
START_TEST(ring_against_a_model)
{
	enum { CAPACITY = 8, TURNS = 20000 };
	const size_t starts[] = { 0, 5, SIZE_MAX - 20, SIZE_MAX / 2 - 9 };
	size_t start = starts[_i];
	struct random random = { _i + 1 };
	uintptr_t model[CAPACITY], value, next = 0;
	size_t held = 0;
	struct ring ring;

	ck_assert_int_eq(ring_init(&ring, CAPACITY), 0);
	for (size_t i = 0; i < CAPACITY; i++)
		ring.cells[(start + i) & ring.mask].sequence = start + i;
	ring.head = ring.tail = start;
	for (int turn = 0; turn < TURNS; turn++) {
		if (random_below(&random, 2)) {
			int error = ring_push(&ring, next);
			ck_assert_int_eq(error, held == CAPACITY ? -EAGAIN : 0);
			if (!error)
				model[held++] = next++;
		} else {
			int error = ring_pop(&ring, &value);
			ck_assert_int_eq(error, held ? 0 : -EAGAIN);
			if (error)
				continue;
			ck_assert_uint_eq(value, model[0]);
			memmove(model, model + 1, --held * sizeof *model);
		}
	}
	ring_destroy(&ring);
}
END_TEST

// A claimed cell that is not filled: what is behind it waits, and then comes in
// order; a lap later producers wait for it, too.
START_TEST(ring_claimed)
{
	struct ring ring;
	size_t position;
	uintptr_t value;

	ck_assert_int_eq(ring_init(&ring, 2), 0);
	ck_assert_int_eq(ring_claim(&ring, &position), 0);
	ck_assert_int_eq(ring_push(&ring, 8), 0);
	ck_assert_int_eq(ring_push(&ring, 9), -EAGAIN);
	ck_assert_int_eq(ring_pop(&ring, &value), -EAGAIN);
	ring_fill(&ring, position, 7);
	ck_assert_int_eq(ring_pop(&ring, &value), 0);
	ck_assert_uint_eq(value, 7);
	ck_assert_int_eq(ring_pop(&ring, &value), 0);
	ck_assert_uint_eq(value, 8);
	ring_destroy(&ring);
}
END_TEST

static int push_to_ring(void *queue, struct hazard_record *record,
			uintptr_t value)
{
	(void)record;
	return ring_push(queue, value);
}

static int pop_from_ring(void *queue, struct hazard_record *record,
			 uintptr_t *value)
{
	(void)record;
	return ring_pop(queue, value);
}

// Capacities far below and far above the number of threads.
START_TEST(ring_each_value_once)
{
	const size_t capacities[] = { 2, 16, 1024 };
	struct ring ring;

	ck_assert_int_eq(ring_init(&ring, capacities[_i]), 0);
	assert_each_value_once(&(struct traffic_kind){
		.queue = &ring, .push = push_to_ring, .pop = pop_from_ring });
	ring_destroy(&ring);
}
END_TEST

Suite *ring_suite(void)
{
	Suite *suite = suite_create("ring");
	TCase *slots = tcase_create("slots"), *ring = tcase_create("ring");

	suite_add_tcase(suite, slots);
	tcase_add_loop_test(slots, slots_are_a_stack, 0, 2);
	tcase_add_test(slots, slots_tag_wraps);
	tcase_add_test(slots, slots_every_order);
	tcase_add_test(slots, slots_in_one_hand);

	suite_add_tcase(suite, ring);
	tcase_add_test(ring, ring_limits);
	tcase_add_loop_test(ring, ring_against_a_model, 0, 4);
	tcase_add_test(ring, ring_claimed);
	tcase_add_loop_test(ring, ring_each_value_once, 0, 3);
	add_hazard_tests(suite);
	return suite;
}
