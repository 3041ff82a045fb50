// The policies by worked examples that others have published; see also
// replacement_oracle.c (every policy once more, the slow way),
// replacement_chance.c (policies against it, on traces made by chance),
// replacement_drivers.c (who is told less than all) and replacement_paging.c
// (the simulator, curves, samples).
//
// OSC: Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th edition,
// section 10.4. MOS: Tanenbaum & Bos, "Modern Operating Systems", 4th edition,
// section 3.4. STA: Stallings, "Operating Systems: Internals and Design
// Principles", section 8.2. OSTEP: Arpaci-Dusseau, "Operating Systems: Three
// Easy Pieces", chapter 22.
//
// Of LFU, ARC, 2Q, SIEVE, S3-FIFO and CLOCK-Pro no worked example with numbers
// was at hand: for those the oracle is all there is, and a trace that shows
// what they are for.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "replacement_parts.h"

// --- playing -----------------------------------------------------------------

size_t replacement_digits(const char *digits, uint32_t *trace)
{
	size_t n = 0;

	for (; *digits; digits++)
		if (*digits >= '0' && *digits <= '9')
			trace[n++] = (uint32_t)(*digits - '0');
	return n;
}

void *replacement_made(const struct replacement *policy,
		       struct replacement_setup *setup, const uint32_t *trace,
		       size_t count, uint32_t *next)
{
	void *state;

	ck_assert_ptr_nonnull(policy);
	if (policy->future) {
		ck_assert_int_eq(replacement_next_uses(trace, count,
						       setup->pages, next),
				 0);
		setup->future = (struct replacement_future){ trace, next,
							     count };
	}
	ck_assert_int_eq(policy->create(&state, setup), 0);
	return state;
}

// Plays a book's string; `faults` says '*' for a fault.
static void assert_faults(const char *policy, uint32_t frames,
			  const char *string, const char *faults)
{
	const struct replacement *p = replacement_named(policy);
	struct replacement_setup setup = { .frames = frames, .pages = 10 };
	uint32_t trace[64], next[64];
	size_t count = replacement_digits(string, trace);
	char seen[65] = "";
	void *state = replacement_made(p, &setup, trace, count, next);

	for (size_t i = 0; i < count; i++)
		seen[i] = p->reference(state, trace[i], false).hit ? '.' : '*';
	ck_assert_msg(!strcmp(seen, faults), "%s, %u frames: %s, not %s",
		      policy, frames, seen, faults);
	p->destroy(state);
}

static uint64_t faults_of(const char *policy, uint32_t frames,
			  const char *string)
{
	const struct replacement *p = replacement_named(policy);
	struct replacement_setup setup = { .frames = frames, .pages = 10 };
	struct replacement_counts counts = { .references = 0 };
	uint32_t trace[64], next[64];
	size_t count = replacement_digits(string, trace);
	void *state = replacement_made(p, &setup, trace, count, next);

	p->run(state, trace, count, &counts);
	p->destroy(state);
	ck_assert_uint_eq(counts.references, count);
	return counts.faults;
}

// --- published ---------------------------------------------------------------

#define OSC_STRING "7,0,1,2,0,3,0,4,2,3,0,3,2,1,2,0,1,7,0,1"

// OSC, figures 10.12, 10.14 and 10.15.
START_TEST(replacement_of_silberschatz)
{
	assert_faults("fifo", 3, OSC_STRING, "****.******..**..***");
	assert_faults("opt", 3, OSC_STRING, "****.*.*..*..*...*..");
	assert_faults("lru", 3, OSC_STRING, "****.*.****..*.*.*..");
	ck_assert_uint_eq(faults_of("fifo", 3, OSC_STRING), 15);
	ck_assert_uint_eq(faults_of("opt", 3, OSC_STRING), 9);
	ck_assert_uint_eq(faults_of("lru", 3, OSC_STRING), 12);
}
END_TEST

// Belady, Nelson, Shedler, "An anomaly in space-time characteristics of certain
// programs running in a paging machine", CACM 12 (1969); OSC, figure 10.13, has
// the whole curve.
START_TEST(replacement_anomaly_of_belady)
{
	static const char string[] = "1,2,3,4,1,2,5,1,2,3,4,5";
	static const uint64_t curve[] = { 12, 12, 9, 10, 5, 5, 5 };

	for (uint32_t frames = 1; frames <= 7; frames++)
		ck_assert_uint_eq(faults_of("fifo", frames, string),
				  curve[frames - 1]);
}
END_TEST

// STA, figure 8.14: three frames, and the faults after these were first filled
// (three more in all).
START_TEST(replacement_of_stallings)
{
	static const char string[] = "2 3 2 1 5 2 4 5 3 2 5 2";

	assert_faults("opt", 3, string, "**.**.*..*..");
	assert_faults("lru", 3, string, "**.**.*.**..");
	assert_faults("fifo", 3, string, "**.****.*.**");
	assert_faults("clock", 3, string, "**.****.*.*.");
	assert_faults("second-chance", 3, string, "**.****.*.*.");
}
END_TEST

// OSTEP, figures 22.1, 22.2 and 22.5.
START_TEST(replacement_of_ostep)
{
	static const char string[] = "0 1 2 0 1 3 0 3 1 2 1";

	assert_faults("opt", 3, string, "***..*...*.");
	assert_faults("fifo", 3, string, "***..**.**.");
	assert_faults("lru", 3, string, "***..*...*.");
}
END_TEST

// OSC, figure 10.22: a window of 10 references. The working set after the first
// ten of them, and at a later time.
START_TEST(working_set_of_silberschatz)
{
	static const char string[] = "2615777751"
				     "6234123444343444"
				     "1323444344";
	const struct replacement *p = replacement_named("ws");
	struct replacement_setup setup = { .frames = 10,
					   .pages = 10,
					   .window = 10 };
	uint32_t trace[64];
	size_t count = replacement_digits(string, trace);
	void *state;

	ck_assert_int_eq(p->create(&state, &setup), 0);
	for (size_t i = 0; i < count; i++) {
		uint32_t set = 0;

		p->reference(state, trace[i], false);
		for (uint32_t page = 0; page < 10; page++)
			set |= p->page(state, page) ? 1u << page : 0;
		ck_assert_uint_eq(p->resident(state),
				  (unsigned)__builtin_popcount(set));
		if (i + 1 == 10)
			ck_assert_uint_eq(set, 1 << 1 | 1 << 2 | 1 << 5 |
						       1 << 6 | 1 << 7);
		if (i + 1 == 26)
			ck_assert_uint_eq(set, 1 << 3 | 1 << 4);
	}
	p->destroy(state);
}
END_TEST

// MOS, figure 3-15: eight pages in the order of loading, the oldest has R set.
// It queues up again, and the next one goes. (Here A's turn is over: it left
// when all R were cleared, so B is the oldest.)
START_TEST(second_chance_of_tanenbaum)
{
	static const char *const names[] = { "second-chance", "clock" };
	enum { A, B, C, H = 7, I, J };

	for (size_t n = 0; n < 2; n++) {
		const struct replacement *p = replacement_named(names[n]);
		struct replacement_setup setup = { .frames = 8, .pages = 10 };
		void *state;

		ck_assert_int_eq(p->create(&state, &setup), 0);
		for (uint32_t page = A; page <= H; page++)
			ck_assert_uint_eq(
				p->reference(state, page, false).victim,
				NO_PAGE);
		ck_assert_uint_eq(p->reference(state, I, false).victim, A);
		ck_assert_uint_eq(p->page(state, B), PAGE_RESIDENT);
		ck_assert(p->reference(state, B, false).hit);
		ck_assert_uint_eq(p->page(state, B),
				  PAGE_RESIDENT | PAGE_REFERENCED);
		ck_assert_uint_eq(p->reference(state, J, false).victim, C);
		ck_assert_uint_eq(p->page(state, B), PAGE_RESIDENT);
		p->destroy(state);
	}
}
END_TEST

// MOS, section 3.4.2: class 0 to 3 are not referenced and not modified; not
// referenced, modified; referenced, not modified; both. The lowest goes.
START_TEST(nur_of_tanenbaum)
{
	const struct replacement *p = replacement_named("nru");
	struct replacement_setup setup = { .frames = 4,
					   .pages = 10,
					   .period = 4 };
	struct replacement_outcome outcome;
	void *state;

	ck_assert_int_eq(p->create(&state, &setup), 0);

	// All R are cleared before the fifth fault: class 1, 0, 1, 0.
	p->reference(state, 0, true);
	p->reference(state, 1, false);
	p->reference(state, 2, true);
	p->reference(state, 3, false);
	outcome = p->reference(state, 4, false);
	ck_assert_uint_eq(outcome.victim, 1);
	ck_assert(!outcome.dirty);

	// 0: class 1, 4: class 2, 2: class 3, 3: class 2.
	p->reference(state, 2, false);
	p->reference(state, 3, false);
	ck_assert_uint_eq(p->page(state, 2),
			  PAGE_RESIDENT | PAGE_REFERENCED | PAGE_MODIFIED);
	outcome = p->reference(state, 5, true);
	ck_assert_uint_eq(outcome.victim, 0);
	ck_assert(outcome.dirty);

	// 5: class 3, 4: class 2, 2: class 3, 3: class 2. Of two, the next frame.
	ck_assert_uint_eq(p->reference(state, 6, true).victim, 4);
	ck_assert_uint_eq(p->reference(state, 7, true).victim, 3);

	// All modified, all R cleared: class 1.
	outcome = p->reference(state, 8, false);
	ck_assert_uint_eq(outcome.victim, 5);
	ck_assert(outcome.dirty);
	ck_assert_uint_eq(p->page(state, 7), PAGE_RESIDENT | PAGE_MODIFIED);
	p->destroy(state);
}
END_TEST

// --- what they are for -------------------------------------------------------

// A few pages in use all the time, and a scan that passes by: FIFO and LRU lose
// the few each time, the others need not.
START_TEST(replacement_resists_a_scan)
{
	enum { FEW = 8, SCAN = 24, FRAMES = 16, ROUNDS = 60 };
	static const char *const weak[] = { "fifo", "lru", "clock" };
	static const char *const strong[] = { "arc", "sieve", "s3-fifo",
					      "clock-pro", "lfu" };
	static uint32_t trace[ROUNDS * (3 * FEW + SCAN)];
	size_t count = 0;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < 3 * FEW; i++)
			trace[count++] = i % FEW;
		for (uint32_t i = 0; i < SCAN; i++)
			trace[count++] = FEW + round * SCAN + i;
	}
	for (size_t i = 0; i < 8; i++) {
		const struct replacement *p =
			replacement_named(i < 3 ? weak[i] : strong[i - 3]);
		struct replacement_setup setup = {
			.frames = FRAMES, .pages = FEW + ROUNDS * SCAN
		};
		struct replacement_counts counts = { .references = 0 };
		void *state;

		ck_assert_int_eq(p->create(&state, &setup), 0);
		p->run(state, trace, count, &counts);
		p->destroy(state);
		if (i < 3)
			ck_assert_uint_eq(counts.faults, ROUNDS * (FEW + SCAN));
		else
			ck_assert_msg(counts.faults <
					      ROUNDS * SCAN + ROUNDS * FEW / 2,
				      "%s: %lu", p->name,
				      (unsigned long)counts.faults);
	}
}
END_TEST

// A loop over one page more than there are frames: LRU never hits, MRU misses
// one of four.
START_TEST(replacement_in_a_loop)
{
	static const char loop[] = "12345123451234512345";

	ck_assert_uint_eq(faults_of("lru", 4, loop), 20);
	ck_assert_uint_eq(faults_of("fifo", 4, loop), 20);
	ck_assert_uint_eq(faults_of("mru", 4, loop), faults_of("opt", 4, loop));
}
END_TEST

// --- names, numbers out of range, no memory ----------------------------------

START_TEST(replacement_names)
{
	size_t n = 0;

	for (; replacements[n]; n++) {
		const struct replacement *p = replacements[n];

		ck_assert_ptr_eq(replacement_named(p->name), p);
		ck_assert(p->title && p->summary && p->source && p->bound);
		ck_assert_ptr_nonnull(oracle_named(p->name));
	}
	ck_assert_uint_eq(n, 16);
	ck_assert_ptr_eq(replacement_named("belady"), replacement_named("opt"));
	ck_assert_ptr_null(replacement_named("lifo"));
}
END_TEST

START_TEST(replacement_refuses)
{
	const struct replacement *p = replacements[_i];
	uint32_t one = 0;
	struct replacement_setup good = { .frames = 1,
					  .pages = 1,
					  .future = { &one, &one, 1 } };
	struct replacement_setup bad = good;
	void *state = &bad;

	bad.frames = 0;
	ck_assert_int_eq(p->create(&state, &bad), -EINVAL);
	bad.frames = REPLACEMENT_FRAMES + 1;
	ck_assert_int_eq(p->create(&state, &bad), -EINVAL);
	bad = good;
	bad.pages = REPLACEMENT_PAGES + 1;
	ck_assert_int_eq(p->create(&state, &bad), -EINVAL);
	bad = good;
	bad.future.next = NULL;
	ck_assert_int_eq(p->create(&state, &bad), p->future ? -EINVAL : 0);
	if (!p->future)
		p->destroy(state);
	bad = good;
	bad.future.count = REPLACEMENT_PAGES;
	state = &bad;
	if (p->future) {
		ck_assert_int_eq(p->create(&state, &bad), -EFBIG);
		ck_assert_ptr_eq(state, &bad);
	}
	ck_assert_int_eq(p->create(&state, &good), 0);
	ck_assert_int_eq(p->grow(state, REPLACEMENT_PAGES + 1), -EINVAL);
	ck_assert_int_eq(p->grow(state, 0), 0);
	ck_assert_int_eq(p->grow(state, 5000), 0);
	ck_assert_uint_eq(p->page(state, 4999), 0);
	p->destroy(state);
	p->destroy(NULL);
	ck_assert_int_eq(replacement_next_uses(&one,
					       (uint64_t)REPLACEMENT_PAGES + 1,
					       1, &one),
			 -EFBIG);
}
END_TEST

// With an address space that is nearly used up: -ENOMEM, and what was there
// goes on as before.
START_TEST(replacement_without_memory)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer's own memory has no limit");
#else
	const struct replacement *p = replacements[_i];
	struct rlimit before, tight;
	uint32_t one = 0;
	struct replacement_setup setup = { .frames = 4,
					   .pages = 4,
					   .future = { &one, &one, 1 } };
	struct replacement_setup large = setup;
	void *state, *other = &large;

	large.frames = 1 << 28;
	ck_assert_int_eq(p->create(&state, &setup), 0);
	p->reference(state, 0, true);
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
	tight = before;
	tight.rlim_cur = 512 << 20;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &tight), 0);

	int created = p->create(&other, &large);
	int grown = p->grow(state, 1u << 30);
	int passed = replacement_next_uses(&one, 1, 1u << 30, &one);

	ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
	ck_assert_int_eq(created, -ENOMEM);
	ck_assert_ptr_eq(other, &large);
	ck_assert_int_eq(grown, -ENOMEM);
	ck_assert_int_eq(passed, -ENOMEM);
	ck_assert(p->page(state, 0) & PAGE_RESIDENT);
	ck_assert(p->reference(state, 0, false).hit);
	ck_assert(!p->reference(state, 3, false).hit);
	p->destroy(state);
#endif
}
END_TEST

Suite *replacement_suite(void)
{
	Suite *suite = suite_create("replacement");
	TCase *published = tcase_create("published");
	TCase *rules = tcase_create("rules");

	tcase_add_test(published, replacement_of_silberschatz);
	tcase_add_test(published, replacement_anomaly_of_belady);
	tcase_add_test(published, replacement_of_stallings);
	tcase_add_test(published, replacement_of_ostep);
	tcase_add_test(published, working_set_of_silberschatz);
	tcase_add_test(published, second_chance_of_tanenbaum);
	tcase_add_test(published, nur_of_tanenbaum);
	suite_add_tcase(suite, published);

	tcase_add_test(rules, replacement_resists_a_scan);
	tcase_add_test(rules, replacement_in_a_loop);
	tcase_add_test(rules, replacement_names);
	tcase_add_loop_test(rules, replacement_refuses, 0, 16);
	tcase_add_loop_test(rules, replacement_without_memory, 0, 16);
	suite_add_tcase(suite, rules);

	add_replacement_chance(suite);
	add_replacement_drivers(suite);
	add_replacement_paging(suite);
	return suite;
}
