// A driver that sees only what hardware shows it: faults, and accesses to pages
// that it has protected. It tells a policy no more than `needs` says, and must
// see the same victims as one that tells everything.

#include <string.h>

#include "replacement_parts.h"

enum { ROUNDS = 60 };

// A page table: what is set here need not be told.
struct table {
	bool present[ORACLE_PAGES], accessible[ORACLE_PAGES];
	bool writable[ORACLE_PAGES];
	size_t told, cleared;
};

static void protect(void *context, uint32_t page)
{
	struct table *table = context;

	QUICK_MSG(table->present[page], "cleared: a page that is not here");
	QUICK_MSG(table->accessible[page], "cleared: R was not set");
	table->accessible[page] = false;
	table->cleared++;
}

static struct replacement_outcome access_page(const struct replacement *p,
					      void *state, struct table *table,
					      uint32_t page, bool write)
{
	struct replacement_outcome outcome = { .victim = NO_PAGE, .hit = true };

	if (table->present[page] && table->accessible[page] &&
	    (!write || table->writable[page]) &&
	    p->needs != REPLACEMENT_REFERENCES)
		return outcome;
	outcome = p->reference(state, page, write);
	QUICK_EQ(outcome.hit, table->present[page]);
	table->told++;
	if (outcome.victim != NO_PAGE)
		table->present[outcome.victim] =
			table->accessible[outcome.victim] =
				table->writable[outcome.victim] = false;
	table->accessible[page] = outcome.hit ||
				  p->needs != REPLACEMENT_FRESH_BITS;
	table->present[page] = true;
	table->writable[page] |= write;
	return outcome;
}

START_TEST(replacement_told_what_it_needs)
{
	const struct replacement *p = replacements[_i];
	static uint32_t trace[ORACLE_REFERENCES], next[ORACLE_REFERENCES];
	struct random random = { 47 };
	size_t told = 0, cleared = 0;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct replacement_setup setup = {
			.frames = 1 + random_below(&random, 40),
			.pages = ORACLE_PAGES,
			.seed = round,
			.period = round % 3 ? 0 : 5,
		};
		struct table table = { .told = 0 };
		void *all, *some;

		replacement_trace(trace, ORACLE_REFERENCES, ORACLE_PAGES, 20,
				  round);
		all = replacement_made(p, &setup, trace, ORACLE_REFERENCES,
				       next);
		setup.cleared = protect;
		setup.context = &table;
		some = replacement_made(p, &setup, trace, ORACLE_REFERENCES,
					next);
		for (size_t i = 0; i < ORACLE_REFERENCES; i++) {
			uint32_t page = trace[i] & ~REFERENCE_WRITE;
			bool write = trace[i] & REFERENCE_WRITE;
			struct replacement_outcome a = p->reference(all, page,
								    write);
			struct replacement_outcome b =
				access_page(p, some, &table, page, write);

			QUICK_MSG(a.hit == b.hit && a.victim == b.victim &&
					  a.dirty == b.dirty && !a.strayed &&
					  !b.strayed,
				  "%s, round %u, reference %zu", p->name,
				  (unsigned)round, i);
			for (uint32_t k = 0; i % 64 == 0 && k < ORACLE_PAGES;
			     k++) {
				unsigned bits = p->page(some, k);

				QUICK_EQ(bits, p->page(all, k));
				QUICK_EQ(!!(bits & PAGE_RESIDENT),
					 table.present[k]);
				QUICK_EQ(!!(bits & PAGE_MODIFIED),
					 table.writable[k]);
				if (p->needs == REPLACEMENT_BITS ||
				    p->needs == REPLACEMENT_FRESH_BITS)
					QUICK_EQ(!!(bits & PAGE_REFERENCED),
						 table.accessible[k]);
			}
		}
		told += table.told;
		cleared += table.cleared;
		p->destroy(all);
		p->destroy(some);
	}
	if (p->needs == REPLACEMENT_REFERENCES)
		QUICK_EQ(told, (size_t)ROUNDS * ORACLE_REFERENCES);
	else
		QUICK_LT(told, (size_t)ROUNDS * ORACLE_REFERENCES);
	if (p->needs == REPLACEMENT_BITS || p->needs == REPLACEMENT_FRESH_BITS)
		QUICK_GT(cleared, 0);
	else
		QUICK_EQ(cleared, 0);
}
END_TEST

// To hear of a reference again, or of a write of a page that is modified,
// changes nothing but for policies that count references.
START_TEST(replacement_told_twice)
{
	const struct replacement *p = replacements[_i];
	static uint32_t trace[ORACLE_REFERENCES];
	struct replacement_setup setup = { .frames = 12,
					   .pages = ORACLE_PAGES };
	void *once, *twice;

	if (p->needs == REPLACEMENT_REFERENCES || p->future ||
	    p->needs == REPLACEMENT_FRESH_BITS)
		return;
	replacement_trace(trace, ORACLE_REFERENCES, ORACLE_PAGES, 20, 5);
	QUICK_EQ(p->create(&once, &setup), 0);
	QUICK_EQ(p->create(&twice, &setup), 0);
	for (size_t i = 0; i < ORACLE_REFERENCES; i++) {
		uint32_t page = trace[i] & ~REFERENCE_WRITE;
		bool write = trace[i] & REFERENCE_WRITE;
		struct replacement_outcome a = p->reference(once, page, write);
		struct replacement_outcome b = p->reference(twice, page, write);

		QUICK_EQ(a.victim, b.victim);
		QUICK_EQ(a.dirty, b.dirty);
		QUICK(p->reference(twice, page, write).hit);
	}
	p->destroy(once);
	p->destroy(twice);
}
END_TEST

// A run that leaves its recording goes on, and says so at each fault that is
// not there; the frames stay as many as they are.
START_TEST(replacement_strays)
{
	static const char *const names[] = { "opt", "unopt" };
	const struct replacement *p = replacement_named(names[_i]);
	static uint32_t trace[ORACLE_REFERENCES], next[ORACLE_REFERENCES];
	static uint32_t other[ORACLE_REFERENCES];

	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct replacement_setup setup = {
			.frames = 1 + (uint32_t)round % 20,
			.pages = ORACLE_PAGES,
		};
		bool present[ORACLE_PAGES] = { false };
		size_t strayed = 0, resident = 0;
		void *state;

		replacement_trace(trace, ORACLE_REFERENCES, ORACLE_PAGES, 0,
				  round);
		replacement_trace(other, ORACLE_REFERENCES, ORACLE_PAGES, 20,
				  round + 1);
		memcpy(other, trace, sizeof trace / 4);
		state = replacement_made(p, &setup, trace, ORACLE_REFERENCES,
					 next);
		for (size_t i = 0; i < ORACLE_REFERENCES; i++) {
			uint32_t page = other[i] & ~REFERENCE_WRITE;
			struct replacement_outcome outcome = p->reference(
				state, page, other[i] & REFERENCE_WRITE);

			if (i < ORACLE_REFERENCES / 4)
				QUICK(!outcome.strayed);
			strayed += outcome.strayed;
			QUICK_EQ(outcome.hit, present[page]);
			resident += !outcome.hit;
			present[page] = true;
			if (outcome.victim != NO_PAGE) {
				QUICK(present[outcome.victim]);
				QUICK_NE(outcome.victim, page);
				present[outcome.victim] = false;
				resident--;
			}
			QUICK_LE(resident, setup.frames);
			QUICK_EQ(p->resident(state), resident);
		}
		QUICK_GT(strayed, 0);
		p->destroy(state);
	}
}
END_TEST

void add_replacement_drivers(Suite *suite)
{
	TCase *tcase = tcase_create("drivers");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, replacement_told_what_it_needs, 0, 16);
	tcase_add_loop_test(tcase, replacement_told_twice, 0, 16);
	tcase_add_loop_test(tcase, replacement_strays, 0, 2);
	suite_add_tcase(suite, tcase);
}
