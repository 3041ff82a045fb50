// # mem/chase and mem/stretch: chains and memory, what mem/tlb and mem/cow rest on
//
// That a chain is one cycle, that each cycle is as likely as any other, and what is
// known of random permutations otherwise: Sattolo, Information Processing Letters 22
// (1986); Knuth, The Art of Computer Programming 1, 1.3.3 (of n! permutations,
// (n - 1)! are one cycle; they have H_n cycles on average).
//
// The tools of mem/tlb: cow_tool.c. What the labs do where something is missing:
// cow_play.c. Their scenes are played by the suite `mem`.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cow_parts.h"
#include "mem/chase/chase.h"
#include "mem/pages/pages.h"
#include "mem/stretch/stretch.h"

enum { SMALL_SLOTS = 4, ARRANGEMENTS = 24, SEEDS = 24000 };

static struct chase chase_of(size_t slots, size_t slot_bytes)
{
	char *memory = aligned_alloc(CHASE_LINE, slots * slot_bytes);

	ck_assert_ptr_nonnull(memory);
	return (struct chase){ memory, slots, slot_bytes };
}

// Every slot once, and back; with whatever step the walk is cut.
static void check_cycle(const struct chase *chase)
{
	uint8_t *visits = calloc(chase->slots, 1);
	struct chase_link *first = chase_at(chase, 0);

	chase_count(first, chase->slots, visits);
	for (size_t i = 0; i < chase->slots; i++)
		ck_assert_uint_eq(visits[i], 1);
	ck_assert_uint_eq(chase_cycle(chase, chase->slots / 2), chase->slots);
	ck_assert_ptr_eq(chase_walk(first, chase->slots), first);
	const struct chase_link *at = first;
	for (size_t steps = 0; steps < 40; steps++, at = at->next)
		ck_assert_ptr_eq(chase_walk(first, steps), at);
	free(visits);
}

START_TEST(cow_chase_is_one_cycle)
{
	static const size_t sizes[] = { 1, 2, 3, 7, 64, 1000, 4096 };

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct chase chase = chase_of(sizes[s], 4 * CHASE_LINE);
		for (uint64_t seed = 0; seed < 20; seed++) {
			chase_lay(&chase, &(struct random){ seed });
			check_cycle(&chase);
		}
		chase_lay_in_order(&chase);
		check_cycle(&chase);
		ck_assert_ptr_eq(chase_at(&chase, 0)->next,
				 chase_at(&chase, 1 % sizes[s]));
		free(chase.memory);
	}
}
END_TEST

// The successors of four slots as one number, and how many cycles they are.
static unsigned arrangement(const struct chase *chase, int *cycles)
{
	unsigned code = 0;
	uint8_t seen[SMALL_SLOTS] = { 0 };

	*cycles = 0;
	for (size_t i = 0; i < SMALL_SLOTS; i++) {
		const struct chase_link *at = chase_at(chase, i);
		code = code * SMALL_SLOTS + (unsigned)at->next->number;
		*cycles += !seen[i];
		while (!seen[at->number]) {
			seen[at->number] = 1;
			at = at->next;
		}
	}
	return code;
}

// How often each of the arrangements that there are comes up: as often as the next
// one. (Five standard deviations of a binomial: one in a million and a half.)
static double judge(void (*lay)(const struct chase *, struct random *),
		    size_t expected)
{
	static int
		counts[SMALL_SLOTS * SMALL_SLOTS * SMALL_SLOTS * SMALL_SLOTS];
	struct chase chase = chase_of(SMALL_SLOTS, CHASE_LINE);
	struct random random = { 7 };
	size_t different = 0;
	long all_cycles = 0;
	double mean = (double)SEEDS / (double)expected;

	memset(counts, 0, sizeof counts);
	for (int i = 0; i < SEEDS; i++) {
		int cycles;
		lay(&chase, &random);
		counts[arrangement(&chase, &cycles)]++;
		all_cycles += cycles;
	}
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		if (counts[i] == 0)
			continue;
		different++;
		double off = counts[i] - mean;
		ck_assert_msg(off * off < 25 * mean, "%d times, not about %.0f",
			      counts[i], mean);
	}
	ck_assert_uint_eq(different, expected);
	free(chase.memory);
	return (double)all_cycles / SEEDS;
}

START_TEST(cow_chase_is_fair)
{
	const double h4 = 1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4;

	ck_assert_double_eq(judge(chase_lay, ARRANGEMENTS / SMALL_SLOTS), 1);
	double cycles = judge(chase_lay_any, ARRANGEMENTS);
	ck_assert_double_gt(cycles, h4 - 0.05);
	ck_assert_double_lt(cycles, h4 + 0.05);
}
END_TEST

// The sums of two stretches tell whether their order is the same.
START_TEST(cow_chase_checksum_is_of_the_order)
{
	struct chase one = chase_of(100, CHASE_LINE);
	struct chase two = chase_of(100, 2 * CHASE_LINE);
	uint8_t visits[100];

	chase_lay(&one, &(struct random){ 1 });
	chase_lay(&two, &(struct random){ 1 });
	uint64_t sum = chase_count(chase_at(&one, 0), 100, visits);
	ck_assert_uint_eq(chase_count(chase_at(&two, 0), 100, visits), sum);
	chase_lay(&two, &(struct random){ 2 });
	ck_assert_uint_ne(chase_count(chase_at(&two, 0), 100, visits), sum);
	memset(visits, 0, sizeof visits);
	chase_count(chase_at(&one, 0), 100 * 300, visits);
	ck_assert_uint_eq(visits[99], UINT8_MAX);
	free(one.memory);
	free(two.memory);
}
END_TEST

// 64 pages in a row use 64 or nearly as many lines of a page; of 2,048 no two have
// the same line and the same five lowest bits of the page's number, from which a
// cache of 2,048 sets takes its set.
START_TEST(cow_chase_spreads_over_a_cache)
{
	enum { PAGE = 4096, LINES = PAGE / CHASE_LINE, SETS = 2048 };
	struct chase chase = chase_of(SETS, PAGE);
	static uint8_t set[SETS];
	size_t lines = 0;

	memset(set, 0, sizeof set);
	for (size_t i = 0; i < SETS; i++) {
		size_t at =
			(size_t)((char *)chase_at(&chase, i) - chase.memory);
		ck_assert_uint_eq(at / PAGE, i);
		ck_assert_uint_eq(at % CHASE_LINE, 0);
		size_t index = at / CHASE_LINE % SETS;
		ck_assert_uint_eq(set[index], 0);
		set[index] = 1;
	}
	memset(set, 0, sizeof set);
	for (size_t i = 0; i < LINES; i++) {
		size_t at =
			(size_t)((char *)chase_at(&chase, i) - chase.memory);
		lines += !set[at % PAGE / CHASE_LINE]++;
	}
	ck_assert_uint_ge(lines, LINES - 1);
	free(chase.memory);
}
END_TEST

// --- stretches ----------------------------------------------------------------

static size_t mappings(void)
{
	struct maps maps;

	ck_assert_int_eq(maps_read(&maps, 0), 0);
	size_t count = maps.count;
	maps_free(&maps);
	return count;
}

// Whether a child that touches this address lives.
static bool may_touch(char *address)
{
	pid_t pid = fork_fresh();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		*(volatile char *)address = 1;
		_exit(0);
	}
	return status_of(pid) == 0;
}

START_TEST(cow_stretch_small)
{
	struct stretch stretch;
	size_t page = page_bytes(), before = mappings();

	ck_assert_int_eq(stretch_make(&stretch, 0, false), -EINVAL);
	ck_assert_int_eq(stretch_make(&stretch, SIZE_MAX, false), -EINVAL);
	ck_assert_int_eq(stretch_make(&stretch, 3 * page - 1, false), 0);
	ck_assert_uint_eq(stretch.bytes, 3 * page);
	if (huge_page_bytes())
		ck_assert_uint_eq((uintptr_t)stretch.memory % huge_page_bytes(),
				  0);
	unsigned char there[3];
	ck_assert_int_eq(resident_read(stretch.memory, 3 * page, there), 0);
	ck_assert(!there[0] && !there[1] && !there[2]);
	stretch_touch(&stretch, 'x');
	ck_assert_int_eq(resident_read(stretch.memory, 3 * page, there), 0);
	ck_assert(there[0] && there[1] && there[2]);
	ck_assert_int_eq(stretch.memory[2 * page], 'x');
	ck_assert_int_eq(stretch_huge_bytes(&stretch), 0);
	if (!sanitized()) {
		ck_assert(may_touch(stretch.memory + 3 * page - 1));
		ck_assert(!may_touch(stretch.memory + 3 * page));
		ck_assert(!may_touch(stretch.memory - 1));
	}
	stretch_free(&stretch);
	ck_assert_ptr_null(stretch.memory);
	stretch_free(&stretch);
	if (!sanitized())
		ck_assert_uint_eq(mappings(), before);
}
END_TEST

START_TEST(cow_stretch_huge)
{
	struct stretch stretch;
	char why[STRETCH_TEXT];
	size_t piece = huge_page_bytes();

	ck_assert_uint_gt(strlen(stretch_why_small(why)), 20);
	if (!piece) {
		ck_assert_int_eq(stretch_make(&stretch, 1, true), -EINVAL);
		SKIP("%s", why);
	}
	ck_assert_int_eq(stretch_make(&stretch, 1, true), 0);
	ck_assert_uint_eq(stretch.bytes, piece);
	ck_assert_uint_eq((uintptr_t)stretch.memory % piece, 0);
	ck_assert_int_eq(stretch_huge_bytes(&stretch), 0);
	stretch_touch(&stretch, 'x');
	ssize_t huge = stretch_huge_bytes(&stretch);
	stretch_free(&stretch);
	if (huge == 0)
		SKIP("%s", why);
	ck_assert_int_eq(huge, (ssize_t)piece);
}
END_TEST

// Without room nothing is left half done.
START_TEST(cow_stretch_without_room)
{
	struct stretch stretch;
	size_t before = mappings();

	if (sanitized())
		SKIP("a sanitizer needs room itself");
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_AS,
				   &(struct rlimit){ (rlim_t)256 << 20,
						     limit.rlim_max }),
			 0);
	int error = stretch_make(&stretch, (size_t)1 << 30, _i);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert(error == -ENOMEM || (_i && error == -EINVAL));
	ck_assert_ptr_null(stretch.reserved);
	ck_assert_uint_eq(mappings(), before);
}
END_TEST

Suite *cow_suite(void)
{
	Suite *suite = suite_create("cow");
	TCase *chase = tcase_create("chase");
	TCase *stretch = tcase_create("stretch");

	tcase_add_test(chase, cow_chase_is_one_cycle);
	tcase_add_test(chase, cow_chase_is_fair);
	tcase_add_test(chase, cow_chase_checksum_is_of_the_order);
	tcase_add_test(chase, cow_chase_spreads_over_a_cache);
	suite_add_tcase(suite, chase);
	tcase_add_test(stretch, cow_stretch_small);
	tcase_add_test(stretch, cow_stretch_huge);
	tcase_add_loop_test(stretch, cow_stretch_without_room, 0, 2);
	suite_add_tcase(suite, stretch);
	add_cow_tool_tests(suite);
	add_cow_play_tests(suite);
	return suite;
}
