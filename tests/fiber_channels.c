// # Tests of threads/fiber/: channels against a model
//
// The model is what fiber.h says, in the plainest way: a list of values, a list
// of who waits to put and one of who waits to take, and no fibers at all. Chance
// drives both; after each step all runs as far as it can, and then what every
// fiber has got, or that it still waits, is compared.

#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber_parts.h"
#include "random.h"

enum { STEPS = 400, WAITS = 1 };

// What becomes of one put or take: WAITS, or its result; a take's value.
struct fate {
	enum fiber_act act;
	int result, value;
};

// --- the model -----------------------------------------------------------------

struct model {
	int capacity, count;
	bool closed;
	int ring[8];
	int waiting[2][STEPS], waiting_count[2]; // by act: indices of fates
	struct fate fates[STEPS];
};

static int first_waiting(struct model *m, enum fiber_act act)
{
	int first = m->waiting[act][0];

	memmove(m->waiting[act], m->waiting[act] + 1,
		--m->waiting_count[act] * sizeof(int));
	return first;
}

static void model_put(struct model *m, int i)
{
	struct fate *f = &m->fates[i];

	if (m->closed) {
		f->result = -EPIPE;
	} else if (m->waiting_count[FIBER_TAKE]) {
		struct fate *taker = &m->fates[first_waiting(m, FIBER_TAKE)];
		taker->result = f->result = 0;
		taker->value = f->value;
	} else if (m->count < m->capacity) {
		m->ring[m->count++] = f->value;
		f->result = 0;
	} else {
		m->waiting[FIBER_PUT][m->waiting_count[FIBER_PUT]++] = i;
	}
}

static void model_take(struct model *m, int i)
{
	struct fate *f = &m->fates[i];
	struct fate *putter = m->waiting_count[FIBER_PUT]
				      ? &m->fates[first_waiting(m, FIBER_PUT)]
				      : NULL;

	if (putter) {
		m->ring[m->count++] = putter->value;
		putter->result = 0;
	}
	if (m->count) {
		f->value = m->ring[0];
		memmove(m->ring, m->ring + 1, --m->count * sizeof(int));
		f->result = 0;
	} else if (m->closed) {
		f->result = -EPIPE;
	} else {
		m->waiting[FIBER_TAKE][m->waiting_count[FIBER_TAKE]++] = i;
	}
}

static void model_close(struct model *m)
{
	m->closed = true;
	for (int act = 0; act < 2; act++)
		while (m->waiting_count[act])
			m->fates[first_waiting(m, act)].result = -EPIPE;
}

static void model_cancel(struct model *m, enum fiber_act act, int at)
{
	m->fates[m->waiting[act][at]].result = -ECANCELED;
	memmove(&m->waiting[act][at], &m->waiting[act][at + 1],
		(--m->waiting_count[act] - at) * sizeof(int));
}

// --- and the real one ------------------------------------------------------------

struct real {
	struct fiber_channel *channel;
	struct fate fates[STEPS];
	struct fiber *fibers[STEPS];
};

static struct real real;

static void *meet_fate(void *fate)
{
	struct fate *f = fate;

	f->result = f->act == FIBER_PUT
			    ? fiber_channel_put(real.channel, &f->value)
			    : fiber_channel_take(real.channel, &f->value);
	return NULL;
}

static void begin_fate(struct model *m, int i, enum fiber_act act)
{
	struct fate fate = { act, WAITS, act == FIBER_PUT ? 1000 + i : -1 };

	m->fates[i] = real.fates[i] = fate;
	real.fibers[i] = spawned(meet_fate, &real.fates[i]);
	if (act == FIBER_PUT)
		model_put(m, i);
	else
		model_take(m, i);
}

static void compare(const struct model *m, int steps)
{
	for (int i = 0; i <= steps; i++) {
		const struct fate *is = &real.fates[i], *should = &m->fates[i];
		if (is->result == should->result && is->value == should->value)
			continue; // each ck_assert costs a write
		ck_abort_msg("step %d, fate %d: %d (%d), and the model has "
			     "%d (%d)",
			     steps, i, is->result, is->value, should->result,
			     should->value);
	}
	ck_assert_uint_eq(fiber_channel_count(real.channel), (size_t)m->count);
}

static void step(struct model *m, struct random *random, int i)
{
	unsigned what = random_below(random, 100);
	enum fiber_act act = random_below(random, 2);

	m->fates[i] = real.fates[i] = (struct fate){ .result = 0 };
	real.fibers[i] = NULL;
	if (what < 2 && i > STEPS / 2) {
		fiber_channel_close(real.channel);
		model_close(m);
	} else if (what < 15 && m->waiting_count[act]) {
		int at = (int)random_below(random, m->waiting_count[act]);
		fiber_cancel(real.fibers[m->waiting[act][at]]);
		model_cancel(m, act, at);
	} else {
		// Long runs of one kind, so that many wait.
		begin_fate(m, i,
			   random_below(random, 40) < 20U + 15U * (i / 32 % 2)
				   ? FIBER_PUT
				   : FIBER_TAKE);
	}
	settle();
}

static void *drive(void *seed)
{
	static struct model m;
	struct random random = { (uint64_t)of_number(seed) };

	m = (struct model){ .capacity = (int)of_number(seed) % 4 };
	ck_assert_int_eq(fiber_channel_new(&real.channel, sizeof(int),
					   (size_t)m.capacity),
			 0);
	for (int i = 0; i < STEPS; i++) {
		step(&m, &random, i);
		compare(&m, i);
	}
	fiber_channel_close(real.channel);
	for (int i = 0; i < STEPS; i++)
		if (real.fibers[i])
			joined(real.fibers[i]);
	fiber_channel_free(real.channel);
	return NULL;
}

START_TEST(fiber_channel_model)
{
#ifdef __SANITIZE_THREAD__
	enum { SEEDS = 8 }; // a switch takes it a hundred times as long
#else
	enum { SEEDS = 40 };
#endif

	for (int seed = 0; seed < (soaking() ? 2000 : SEEDS); seed++)
		run_fibers(0, drive, number(seed));
}
END_TEST

// --- select ----------------------------------------------------------------------

static struct fiber_channel *new_channel(size_t capacity)
{
	struct fiber_channel *channel = NULL;

	ck_assert_int_eq(fiber_channel_new(&channel, sizeof(int), capacity), 0);
	return channel;
}

struct choice {
	struct fiber_channel *a, *b;
	int index, error, got;
};

static void *take_either(void *choice)
{
	struct choice *c = choice;
	struct fiber_case cases[] = {
		{ .channel = c->a, .act = FIBER_TAKE, .element = &c->got },
		{ .channel = c->b, .act = FIBER_TAKE, .element = &c->got },
	};

	c->index = fiber_select(cases, 2, true);
	c->error = c->index < 0 ? 0 : cases[c->index].error;
	return NULL;
}

// What is served is taken out of all its queues: a later element waits.
static void *select_waits(void *argument)
{
	struct choice c = { .a = new_channel(0), .b = new_channel(1) };
	struct fiber *f = spawned(take_either, &c);
	int value = 5;

	settle();
	ck_assert_int_eq(fiber_channel_put(c.b, &value), 0);
	joined(f);
	ck_assert_int_eq(c.index, 1);
	ck_assert_int_eq(c.got, 5);
	value = 6;
	ck_assert_int_eq(fiber_channel_put(c.b, &value), 0);
	ck_assert_uint_eq(fiber_channel_count(c.b), 1);

	struct fiber_case put = { c.a, FIBER_PUT, &value, 0, NULL, NULL, NULL };
	ck_assert_int_eq(fiber_select(&put, 1, false), -EAGAIN);
	ck_assert_int_eq(fiber_select(NULL, 0, false), -EAGAIN);

	take_either(&c); // without waiting
	ck_assert_int_eq(c.got, 6);

	f = spawned(take_either, &c);
	settle();
	fiber_cancel(f);
	joined(f);
	ck_assert_int_eq(c.index, -ECANCELED);

	f = spawned(take_either, &c);
	settle();
	fiber_channel_close(c.a);
	joined(f);
	ck_assert_int_eq(c.index, 0);
	ck_assert_int_eq(c.error, -EPIPE);
	fiber_channel_free(c.a);
	fiber_channel_free(c.b);
	return argument;
}

START_TEST(fiber_selects)
{
	run_fibers(0, select_waits, NULL);
}
END_TEST

// The first case that can be done is done, in the caller's order.
static void *select_first(void *argument)
{
	struct fiber_channel *a = new_channel(2), *b = new_channel(2);
	int value = 1, got = 0;
	struct fiber_case cases[] = {
		{ .channel = a, .act = FIBER_TAKE, .element = &got },
		{ .channel = b, .act = FIBER_PUT, .element = &value },
		{ .channel = a, .act = FIBER_PUT, .element = &value },
	};
	const int order[] = { 1, 1, 2, 0, 2, 0 };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		ck_assert_int_eq(fiber_select(cases, 3, false), order[i]);
		ck_assert_int_eq(cases[order[i]].error, 0);
	}
	fiber_channel_free(a);
	fiber_channel_free(b);
	return argument;
}

START_TEST(fiber_select_order)
{
	run_fibers(0, select_first, NULL);
}
END_TEST

// --- a pipeline ---------------------------------------------------------------------

// The sieve: each prime is a fiber that lets pass what it does not divide.
// McIlroy's, in Hoare (1978) an example. OEIS A000040 knows the answer: the
// 100th prime is 541.
struct filter {
	struct fiber_channel *in, *out;
	int prime;
};

static void *sieve(void *filter)
{
	struct filter me = *(struct filter *)filter;
	int n;

	free(filter);
	while (fiber_channel_take(me.in, &n) == 0)
		if (n % me.prime && fiber_channel_put(me.out, &n) != 0)
			break;
	fiber_channel_close(me.in);
	fiber_channel_close(me.out);
	return NULL;
}

static void *count_up(void *out)
{
	for (int n = 2; fiber_channel_put(out, &n) == 0; n++)
		continue;
	return NULL;
}

static void *hundredth_prime(void *result)
{
	enum { PRIMES = 100 };
	struct fiber_channel *channels[PRIMES];
	struct fiber *fibers[PRIMES];
	int prime = 0;

	channels[0] = new_channel(0);
	fibers[0] = spawned(count_up, channels[0]);
	for (int i = 1; i < PRIMES; i++) {
		struct filter *next = malloc(sizeof *next);
		ck_assert_ptr_nonnull(next);
		ck_assert_int_eq(fiber_channel_take(channels[i - 1], &prime),
				 0);
		channels[i] = new_channel((size_t)i % 3);
		*next = (struct filter){ channels[i - 1], channels[i], prime };
		fibers[i] = spawned(sieve, next);
	}
	ck_assert_int_eq(fiber_channel_take(channels[PRIMES - 1], result), 0);
	fiber_channel_close(channels[PRIMES - 1]);
	for (int i = PRIMES; i-- > 0;)
		joined(fibers[i]);
	for (int i = 0; i < PRIMES; i++)
		fiber_channel_free(channels[i]);
	return NULL;
}

START_TEST(fiber_sieve)
{
	int prime = 0;

	run_fibers(0, hundredth_prime, &prime);
	ck_assert_int_eq(prime, 541);
}
END_TEST

START_TEST(fiber_channel_refusals)
{
	struct fiber_channel *channel = NULL;

	ck_assert_int_eq(fiber_channel_new(&channel, 0, 1), -EINVAL);
	ck_assert_int_eq(fiber_channel_new(&channel, 2, SIZE_MAX / 2 + 1),
			 -EOVERFLOW);
	ck_assert_int_eq(fiber_channel_new(&channel, 1, SIZE_MAX), -EOVERFLOW);
	fiber_channel_free(NULL);
	channel = new_channel(1);
	ck_assert_int_eq(fiber_channel_put(channel, &(int){ 1 }), -EPERM);
	fiber_channel_free(channel);
}
END_TEST

void add_fiber_channel_tests(Suite *suite)
{
	TCase *tcase = tcase_create("channels");

	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, fiber_channel_model);
	tcase_add_test(tcase, fiber_selects);
	tcase_add_test(tcase, fiber_select_order);
	tcase_add_test(tcase, fiber_sieve);
	tcase_add_test(tcase, fiber_channel_refusals);
}
