// Every policy against its oracle on traces made by chance, and what theory
// promises: inclusion, and that nobody beats OPT.

#include <string.h>

#include "replacement_parts.h"

enum { ROUNDS = 60 };

// Some way of going on for some time, then another.
void replacement_trace(uint32_t *trace, size_t count, uint32_t pages,
		       unsigned write_percent, uint64_t seed)
{
	struct random random = { seed };
	size_t i = 0;

	while (i < count) {
		uint32_t shape = random_below(&random, 4);
		uint32_t base = random_below(&random, pages);
		uint32_t width = 1 + random_below(&random, pages);
		size_t end = i + 1 + random_below(&random, 4 * pages);

		for (size_t k = 0; i < end && i < count; i++, k++) {
			uint32_t any = random_below(&random, width);
			uint32_t page =
				shape == 0   ? base + (uint32_t)k
				: shape == 1 ? base + (uint32_t)(k % width)
				: shape == 2 ? base + any
					     : random_below(&random, any + 1);
			bool write = random_below(&random, 100) < write_percent;

			trace[i] = page % pages | (write ? REFERENCE_WRITE : 0);
		}
	}
}

static void assert_same(const struct replacement *p, uint32_t frames, size_t i,
			struct replacement_outcome got,
			struct replacement_outcome expected)
{
	QUICK_MSG(got.hit == expected.hit && got.victim == expected.victim &&
			  got.dirty == expected.dirty && !got.strayed,
		  "%s, %u frames, reference %zu: hit %d, victim %d, dirty "
		  "%d; the oracle says %d, %d, %d",
		  p->name, frames, i, got.hit, (int)got.victim, got.dirty,
		  expected.hit, (int)expected.victim, expected.dirty);
}

// All that can be seen of a state.
static void assert_state(const struct replacement *p, const void *state,
			 const struct oracle *oracle, uint32_t pages)
{
	uint32_t resident = 0;

	for (uint32_t page = 0; page < pages; page++) {
		unsigned bits = p->page(state, page);

		resident += bits & PAGE_RESIDENT ? 1 : 0;
		if (!(bits & PAGE_RESIDENT)) {
			QUICK_EQ(bits, 0);
			continue;
		}
		QUICK_EQ(!!(bits & PAGE_MODIFIED), oracle->modified[page]);
		if (p->needs == REPLACEMENT_BITS ||
		    p->needs == REPLACEMENT_FRESH_BITS)
			QUICK_EQ(!!(bits & PAGE_REFERENCED),
				 oracle->referenced[page]);
	}
	QUICK_EQ(p->resident(state), resident);
	QUICK_LE(resident, oracle->frames);
}

// Page numbers come as they are met in half of the rounds: the state grows.
START_TEST(replacement_like_its_oracle)
{
	const struct replacement *p = replacements[_i];
	oracle_step *step = oracle_named(p->name);
	static uint32_t trace[ORACLE_REFERENCES], next[ORACLE_REFERENCES];
	static struct oracle oracle;
	struct random random = { 41 };

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint32_t pages = 2 + random_below(&random, ORACLE_PAGES - 1);
		size_t count = 1 + random_below(&random, 1500);
		struct replacement_setup setup = {
			.frames = 1 +
				  random_below(&random, round % 3 ? 12 : pages),
			.pages = pages,
			.seed = round,
			.window = round % 2 ? 1 + random_below(&random, 40) : 0,
			.period = round % 4 ? 1 + random_below(&random, 9) : 0,
		};
		void *state;

		replacement_trace(trace, count, pages,
				  round % 5 ? random_below(&random, 100) : 0,
				  round);
		oracle_begin(&oracle, &setup, trace, count);
		state = replacement_made(p, &setup, trace, count, next);
		if (round % 2) {
			p->destroy(state);
			setup.pages = 0;
			QUICK_EQ(p->create(&state, &setup), 0);
		}
		for (size_t i = 0; i < count; i++) {
			uint32_t page = trace[i] & ~REFERENCE_WRITE;

			if (round % 2)
				QUICK_EQ(p->grow(state, page + 1), 0);
			assert_same(p, setup.frames, i,
				    p->reference(state, page,
						 trace[i] & REFERENCE_WRITE),
				    oracle_next(&oracle, step));
			if (!(round % 2) && i % 16 == 0)
				assert_state(p, state, &oracle, pages);
		}
		p->destroy(state);
	}
}
END_TEST

// In batches of any size it is the same.
START_TEST(replacement_in_batches)
{
	const struct replacement *p = replacements[_i];
	static uint32_t trace[ORACLE_REFERENCES], next[ORACLE_REFERENCES];
	struct random random = { 43 };

	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct replacement_setup setup = {
			.frames = 1 + random_below(&random, 40),
			.pages = ORACLE_PAGES,
			.seed = round,
		};
		struct replacement_counts one = { .references = 0 };
		struct replacement_counts many = one;
		void *a, *b;

		replacement_trace(trace, ORACLE_REFERENCES, ORACLE_PAGES, 30,
				  round);
		a = replacement_made(p, &setup, trace, ORACLE_REFERENCES, next);
		b = replacement_made(p, &setup, trace, ORACLE_REFERENCES, next);
		for (size_t i = 0, batch; i < ORACLE_REFERENCES; i += batch) {
			batch = random_below(&random, 200);
			if (batch > ORACLE_REFERENCES - i)
				batch = ORACLE_REFERENCES - i;
			p->run(b, trace + i, batch, &many);
			for (size_t k = i; k < i + batch; k++) {
				struct replacement_outcome outcome =
					p->reference(
						a, trace[k] & ~REFERENCE_WRITE,
						trace[k] & REFERENCE_WRITE);

				one.references++;
				one.faults += !outcome.hit;
				one.writebacks += outcome.dirty;
			}
			QUICK_EQ(one.references, many.references);
			QUICK_EQ(one.faults, many.faults);
			QUICK_EQ(one.writebacks, many.writebacks);
			for (uint32_t page = 0; page < ORACLE_PAGES; page++)
				QUICK_EQ(p->page(a, page), p->page(b, page));
		}
		p->destroy(a);
		p->destroy(b);
	}
}
END_TEST

static uint64_t faults_with(const struct replacement *p, uint32_t frames,
			    const uint32_t *trace, size_t count, uint32_t *next)
{
	struct replacement_setup setup = { .frames = frames,
					   .pages = ORACLE_PAGES,
					   .seed = frames };
	struct replacement_counts counts = { .references = 0 };
	void *state = replacement_made(p, &setup, trace, count, next);

	p->run(state, trace, count, &counts);
	p->destroy(state);
	return counts.faults;
}

START_TEST(replacement_never_beats_opt)
{
	static uint32_t trace[2000], next[2000];
	const struct replacement *opt = replacement_named("opt");

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint32_t frames = 1 + (uint32_t)round % 30;
		uint64_t least;

		replacement_trace(trace, 2000, ORACLE_PAGES, 0, round);
		least = faults_with(opt, frames, trace, 2000, next);
		for (size_t i = 0; replacements[i]; i++)
			QUICK_GE(faults_with(replacements[i], frames, trace,
					     2000, next),
				 least);
	}
}
END_TEST

// What is resident with f frames is so with f + 1: for LRU all pages, for OPT
// those that are needed again.
START_TEST(replacement_inclusion)
{
	static const char *const names[] = { "lru", "opt" };
	const struct replacement *p = replacement_named(names[_i]);
	static uint32_t trace[1500], next[1500];

	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct replacement_setup setup = {
			.frames = 1 + (uint32_t)round % 24,
			.pages = ORACLE_PAGES,
		};
		struct replacement_setup more = setup;
		void *a, *b;

		more.frames++;
		replacement_trace(trace, 1500, ORACLE_PAGES, 0, round);
		a = replacement_made(p, &setup, trace, 1500, next);
		b = replacement_made(p, &more, trace, 1500, next);
		for (size_t i = 0; i < 1500; i++) {
			p->reference(a, trace[i], false);
			p->reference(b, trace[i], false);
			for (size_t k = i + 1; k < 1500; k++)
				if (p->page(a, trace[k]))
					QUICK(p->page(b, trace[k]));
			for (uint32_t page = 0; !_i && page < ORACLE_PAGES;
			     page++)
				if (p->page(a, page))
					QUICK(p->page(b, page));
		}
		p->destroy(a);
		p->destroy(b);
	}
}
END_TEST

void add_replacement_chance(Suite *suite)
{
	TCase *tcase = tcase_create("chance");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, replacement_like_its_oracle, 0, 16);
	tcase_add_loop_test(tcase, replacement_in_batches, 0, 16);
	tcase_add_test(tcase, replacement_never_beats_opt);
	tcase_add_loop_test(tcase, replacement_inclusion, 0, 2);
	suite_add_tcase(suite, tcase);
}
