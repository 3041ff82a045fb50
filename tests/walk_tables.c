// # Tests of mem/tables
//
// Known addresses, and the counting of tables against brute force.

#define _GNU_SOURCE
#include "walk_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/tables/tables.h"
#include "random.h"

static struct paging shape(const char *text)
{
	struct paging paging;

	ck_assert_int_eq(paging_parse(&paging, text), 0);
	return paging;
}

// ## Known addresses
//
// Which bits index what: Intel SDM volume 3A, chapter "Paging", the figures
// "Linear-Address Translation to a 4-KByte Page using 32-Bit Paging" (31:22,
// 21:12, 11:0), "... using PAE Paging" (31:30, 29:21, 20:12, 11:0) and "... using
// 4-Level Paging" (47:39, 38:30, 29:21, 20:12, 11:0). Where Linux puts what:
// Documentation/arch/x86/x86_64/mm.rst, "Complete virtual memory map": the direct
// mapping at entry 273 of the root, the kernel's text at the last but two GiB.

static const struct known {
	const char *shape;
	uint64_t address;
	uint64_t indices[MOST_LEVELS], offset;
} known[] = {
	{ "1", 0x12345678, { 0x12345 }, 0x678 },
	{ "2", 0x00400abc, { 1, 0 }, 0xabc },
	{ "2", 0xffffffff, { 1023, 1023 }, 4095 },
	{ "2", 0xc0000000, { 768, 0 }, 0 },
	{ "3", 0xc0000000, { 3, 0, 0 }, 0 },
	{ "3", 0x80201fff, { 2, 1, 1 }, 4095 },
	{ "4", 0x0000000000400000, { 0, 0, 2, 0 }, 0 },
	{ "4", 0x00007fffffffffff, { 255, 511, 511, 511 }, 4095 },
	{ "4", 0xffff800000000000, { 256, 0, 0, 0 }, 0 },
	{ "4", 0xffff888000000000, { 273, 0, 0, 0 }, 0 },
	{ "4", 0xffffffff80000000, { 511, 510, 0, 0 }, 0 },
	{ "4", 0xffffffffffffffff, { 511, 511, 511, 511 }, 4095 },
	{ "5", 0x00ffffffffffffff, { 255, 511, 511, 511, 511 }, 4095 },
	{ "5", 0xff11000000000000, { 273, 0, 0, 0, 0 }, 0 },
	{ "13,13,16", 0x3ffdeadbeef, { 8190, 7853 }, 0xbeef },
	{ "36,12", 0x00007fffffffffff, { 0x7ffffffff }, 4095 },
};

START_TEST(walk_known_addresses)
{
	const struct known *k = &known[_i];
	struct paging paging = shape(k->shape);
	uint64_t mask = UINT64_MAX >> (64 - paging_bits(&paging));

	for (unsigned i = 0; i < paging.levels; i++)
		ck_assert_uint_eq(paging_index(&paging, i, k->address),
				  k->indices[i]);
	ck_assert_uint_eq(paging_offset(&paging, k->address), k->offset);
	ck_assert_uint_eq(paging_join(&paging, k->indices, k->offset),
			  k->address & mask);
}
END_TEST

// Intel SDM volume 1, "Canonical Addressing": with 48 bits, from 0 to
// 00007FFF_FFFFFFFF and from FFFF8000_00000000 on.
START_TEST(walk_canonical_addresses)
{
	struct paging four = shape("4"), five = shape("5");

	ck_assert(paging_is_canonical(&four, 0));
	ck_assert(paging_is_canonical(&four, 0x00007fffffffffff));
	ck_assert(!paging_is_canonical(&four, 0x0000800000000000));
	ck_assert(!paging_is_canonical(&four, 0xffff7fffffffffff));
	ck_assert(paging_is_canonical(&four, 0xffff800000000000));
	ck_assert(paging_is_canonical(&four, UINT64_MAX));
	ck_assert(paging_is_canonical(&five, 0x0000800000000000));
	ck_assert(paging_is_canonical(&five, 0x00ffffffffffffff));
	ck_assert(!paging_is_canonical(&five, 0x0100000000000000));
	ck_assert(paging_is_canonical(&five, 0xff00000000000000));
}
END_TEST

// Arm ARM, "The AArch64 Virtual Memory System Architecture": tables of one page,
// 8 bytes an entry. The kernel's sizes: Documentation/arch/arm64/memory.rst.
START_TEST(walk_shapes_of_machines)
{
	static const struct {
		unsigned address_bits, page_bits;
		const char *shape;
	} machines[] = {
		{ 48, 12, "9/9/9/9/12" },   { 57, 12, "9/9/9/9/9/12" },
		{ 39, 12, "9/9/9/12" },     { 48, 14, "1/11/11/11/14" },
		{ 47, 14, "11/11/11/14" },  { 36, 14, "11/11/14" },
		{ 42, 16, "13/13/16" },     { 48, 16, "6/13/13/16" },
		{ 52, 16, "10/13/13/16" },
	};

	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		struct paging paging = paging_of(machines[i].address_bits,
						 machines[i].page_bits);
		char text[PAGING_BYTES];
		ck_assert_str_eq(paging_text(text, &paging), machines[i].shape);
		ck_assert_uint_eq(paging_bits(&paging),
				  machines[i].address_bits);
	}
}
END_TEST

START_TEST(walk_shapes_refused)
{
	static const struct {
		const char *text;
		int error;
	} bad[] = {
		{ "", -EINVAL },	{ "0", -EINVAL },
		{ "6", -EINVAL },	{ "12", -EINVAL },
		{ "x", -EINVAL },	{ "10,", -EINVAL },
		{ ",12", -EINVAL },	{ "10,,12", -EINVAL },
		{ "10,12x", -EINVAL },	{ "-1,12", -EINVAL },
		{ " 9,12", -EINVAL },	{ "0,12", -ERANGE },
		{ "10,0", -ERANGE },	{ "53,1", -ERANGE },
		{ "52,13", -ERANGE },	{ "1,31", -ERANGE },
		{ "99,12", -ERANGE },	{ "99999999999,12", -ERANGE },
		{ "1,1,1,1,1,1,1,12", -ERANGE },
	};
	struct paging paging;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(paging_parse(&paging, bad[i].text) ==
				      bad[i].error,
			      "'%s'", bad[i].text);
	paging = shape("1,1,1,1,1,1,12");
	ck_assert_uint_eq(paging.levels, MOST_LEVELS);
	paging = shape("52,12");
	ck_assert_uint_eq(paging_bits(&paging), 64);
	ck_assert_uint_eq(paging_index(&paging, 0, UINT64_MAX),
			  UINT64_MAX >> 12);
	ck_assert(paging_is_canonical(&paging, UINT64_C(1) << 62));
}
END_TEST

START_TEST(walk_shared_tables)
{
	struct paging paging = shape("4");
	uint64_t a = 0x00007f0000000000;

	ck_assert_uint_eq(paging_shared(&paging, a, a), 4);
	ck_assert_uint_eq(paging_shared(&paging, a, a + 0x1fffff), 4);
	ck_assert_uint_eq(paging_shared(&paging, a, a + 0x200000), 3);
	ck_assert_uint_eq(paging_shared(&paging, a, a + 0x40000000), 2);
	ck_assert_uint_eq(paging_shared(&paging, a, a + 0x8000000000), 1);
	ck_assert_uint_eq(paging_shared(&paging, a, 0), 1);
}
END_TEST

// ## Counting
//
// Brute force: for every byte of the address space, is it in a range; which tables
// and entries does it need; each once.

enum { BITS = 14, SPACE = 1 << BITS };

static uint64_t distinct(const bool in[SPACE], unsigned shift)
{
	static bool seen[SPACE];
	uint64_t n = 0;

	memset(seen, 0, sizeof seen);
	for (unsigned i = 0; i < SPACE; i++)
		if (in[i] && !seen[i >> shift]) {
			seen[i >> shift] = true;
			n++;
		}
	return n;
}

static struct paging random_shape(struct random *random)
{
	char text[64];
	unsigned left = BITS, offset = 1 + random_below(random, 5);
	int n = 0;

	left -= offset;
	for (int i = 1; i < MOST_LEVELS && left > 1; i++) {
		unsigned bits = 1 + random_below(random, left - 1);
		n += snprintf(text + n, sizeof text - (size_t)n, "%u,", bits);
		left -= bits;
	}
	snprintf(text + n, sizeof text - (size_t)n, "%u,%u", left, offset);
	return shape(text);
}

START_TEST(walk_counts_as_brute_force)
{
	static bool in[SPACE];
	struct random random = { 14 };

	for (int round = 0; round < 1500; round++) {
		struct paging paging = random_shape(&random);
		struct table_count count = { .paging = &paging };
		unsigned longest = 1 + random_below(&random, 600);
		unsigned gap = 1 + random_below(&random, 3000);
		unsigned at = random_below(&random, gap);

		memset(in, 0, sizeof in);
		while (at < SPACE) {
			unsigned end = at + 1 + random_below(&random, longest);
			if (end > SPACE)
				end = SPACE;
			memset(in + at, true, end - at);
			ck_assert_int_eq(table_count_add(&count, at, end), 0);
			at = end + random_below(&random, gap); // may touch
		}
		uint64_t sum = 0;
		for (unsigned i = paging.levels; i-- > 0;) {
			unsigned shift = paging_shift(&paging, i);
			ck_assert_uint_eq(count.entries[i],
					  distinct(in, shift));
			ck_assert_uint_eq(
				count.tables[i],
				distinct(in, shift + paging.index_bits[i]));
			sum += count.tables[i];
			ck_assert_uint_eq(table_count_from(&count, i), sum);
		}
	}
}
END_TEST

START_TEST(walk_count_refuses)
{
	struct paging paging = shape("4");
	struct table_count count = { .paging = &paging };

	ck_assert_int_eq(table_count_add(&count, 8, 8), -EINVAL);
	ck_assert_int_eq(table_count_add(&count, 9, 8), -EINVAL);
	ck_assert_uint_eq(table_count_from(&count, 0), 0);
	ck_assert_int_eq(table_count_add(&count, 0, 4096), 0);
	ck_assert_int_eq(table_count_add(&count, 4095, 8192), -EINVAL);
	ck_assert_int_eq(table_count_add(&count, 0, 1), -EINVAL);
	ck_assert_uint_eq(table_count_from(&count, 0), 4);
	ck_assert_int_eq(table_count_add(&count, 4096, 8192), 0);
	ck_assert_uint_eq(table_count_from(&count, 0), 4);
	ck_assert_uint_eq(count.entries[3], 2);
	// the whole of it: 1 + 512 + 512^2 + 512^3 tables
	struct table_count all = { .paging = &paging };
	ck_assert_int_eq(table_count_add(&all, 0, UINT64_C(1) << 48), 0);
	ck_assert_uint_eq(table_count_from(&all, 0),
			  1 + 512 + 512 * 512 + 512 * 512 * 512);
}
END_TEST

void walk_tables_tests(Suite *suite)
{
	TCase *tests = tcase_create("tables");

	tcase_add_loop_test(tests, walk_known_addresses, 0,
			    sizeof known / sizeof *known);
	tcase_add_test(tests, walk_canonical_addresses);
	tcase_add_test(tests, walk_shapes_of_machines);
	tcase_add_test(tests, walk_shapes_refused);
	tcase_add_test(tests, walk_shared_tables);
	tcase_add_test(tests, walk_counts_as_brute_force);
	tcase_add_test(tests, walk_count_refuses);
	suite_add_tcase(suite, tests);
}
