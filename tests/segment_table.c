// # Tests of mem/descriptor, and of mem/segment where it cannot play
//
// Known descriptors. What the numbers mean: Intel SDM, volume 3A, figure 3-8
// (segment descriptor) and table 3-1 (types); 3.4.2 (selectors), 6.13 (error
// codes). Whole ones: the state of CS and of the data segments after reset, table
// 10-1 there (base FFFF0000H or 0, limit FFFFH, present, read and write, accessed);
// the GDT of Linux, arch/x86/kernel/cpu/common.c (gdt_page), as /dev/kmem and
// debuggers show it since 2.6.

#define _GNU_SOURCE
#include "mem/descriptor/descriptor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host_tree.h"
#include "labs.h"
#include "random.h"
#include "segment_parts.h"

// ## Eight bytes

static const struct {
	uint64_t bits;
	struct descriptor d;
	const char *name;
} known[] = {
	// reset: CS, and DS, ES, FS, GS, SS
	{ 0xff0093ff0000ffff,
	  { .base = 0xffff0000,
	    .limit = 0xffff,
	    .type = 3,
	    .memory = true,
	    .present = true },
	  "data, read and write" },
	{ 0x000093000000ffff,
	  { .limit = 0xffff, .type = 3, .memory = true, .present = true },
	  "data, read and write" },
	// Linux: the kernel's 32-bit code, 64-bit code, data
	{ 0x00cf9b000000ffff,
	  { .limit = 0xfffff,
	    .type = 11,
	    .memory = true,
	    .present = true,
	    .big = true,
	    .pages = true },
	  "code, execute and read" },
	{ 0x00af9b000000ffff,
	  { .limit = 0xfffff,
	    .type = 11,
	    .memory = true,
	    .present = true,
	    .long_mode = true,
	    .pages = true },
	  "code, execute and read" },
	{ 0x00cf93000000ffff,
	  { .limit = 0xfffff,
	    .type = 3,
	    .memory = true,
	    .present = true,
	    .big = true,
	    .pages = true },
	  "data, read and write" },
	// and the user's: selectors 0x23, 0x2b, 0x33
	{ 0x00cffb000000ffff,
	  { .limit = 0xfffff,
	    .type = 11,
	    .dpl = 3,
	    .memory = true,
	    .present = true,
	    .big = true,
	    .pages = true },
	  "code, execute and read" },
	{ 0x00cff3000000ffff,
	  { .limit = 0xfffff,
	    .type = 3,
	    .dpl = 3,
	    .memory = true,
	    .present = true,
	    .big = true,
	    .pages = true },
	  "data, read and write" },
	{ 0x00affb000000ffff,
	  { .limit = 0xfffff,
	    .type = 11,
	    .dpl = 3,
	    .memory = true,
	    .present = true,
	    .long_mode = true,
	    .pages = true },
	  "code, execute and read" },
	// by the figure, every field another number
	{ 0x125a55345678bcde,
	  { .base = 0x12345678,
	    .limit = 0xabcde,
	    .type = 5,
	    .dpl = 2,
	    .memory = true,
	    .available = true,
	    .big = true },
	  "data, read, grows down" },
	{ 0x00a78d0000000000,
	  { .limit = 0x70000,
	    .type = 13,
	    .long_mode = true,
	    .pages = true,
	    .present = true },
	  "the system's" },
};

static bool same_descriptor(const struct descriptor *a,
			    const struct descriptor *b)
{
	return a->base == b->base && a->limit == b->limit &&
	       a->type == b->type && a->dpl == b->dpl &&
	       a->memory == b->memory && a->present == b->present &&
	       a->available == b->available && a->long_mode == b->long_mode &&
	       a->big == b->big && a->pages == b->pages;
}

START_TEST(segment_known_descriptors)
{
	struct descriptor d = descriptor_decode(known[_i].bits);

	ck_assert(same_descriptor(&d, &known[_i].d));
	ck_assert_uint_eq(descriptor_encode(&known[_i].d), known[_i].bits);
	ck_assert_str_eq(descriptor_type_name(&d), known[_i].name);
}
END_TEST

// All 64 bits have a place, and what does not fit a field spoils no other.
START_TEST(segment_all_bits)
{
	struct random luck = { 3 };
	struct descriptor full;

	for (int i = 0; i < 10000; i++) {
		uint64_t bits = random_next(&luck);
		struct descriptor d = descriptor_decode(bits);
		ck_assert_uint_eq(descriptor_encode(&d), bits);
	}
	memset(&full, 0, sizeof full);
	full.limit = UINT32_MAX;
	full.type = full.dpl = UINT8_MAX;
	ck_assert_uint_eq(descriptor_encode(&full), 0x000f6f000000ffff);
}
END_TEST

// Table 3-1: of each type, what may be done.
START_TEST(segment_types)
{
	static const char *const rights[16] = {
		"r", "r", "rw", "rw", "r", "r", "rw", "rw",
		"x", "x", "rx", "rx", "x", "x", "rx", "rx",
	};
	struct descriptor d = {
		.limit = 0x100, .memory = true, .big = true, .type = (uint8_t)_i
	};
	uint32_t inside = _i >= 4 && _i < 8 ? 0x101 : 0x100;
	uint32_t outside = inside ^ 1;

	for (int use = USE_READ; use <= USE_EXECUTE; use++) {
		bool may = strchr(rights[_i], "rwx"[use]) != NULL;
		d.memory = true;
		ck_assert(descriptor_allows(&d, use, inside, 1) == may);
		ck_assert(!descriptor_allows(&d, use, outside, 1));
		d.memory = false;
		ck_assert(!descriptor_allows(&d, use, inside, 1));
	}
}
END_TEST

// 5.3: the lowest and the highest offset.
static const struct {
	struct descriptor d;
	bool any;
	uint32_t lowest, highest;
} ends[] = {
	{ { .limit = 0 }, true, 0, 0 },
	{ { .limit = 0xfffff }, true, 0, 0xfffff },
	{ { .limit = 0, .pages = true }, true, 0, 0xfff },
	{ { .limit = 0xfffff, .pages = true }, true, 0, 0xffffffff },
	{ { .limit = 7, .type = TYPE_CODE | TYPE_CONFORMING }, true, 0, 7 },
	{ { .limit = 0, .type = 4, .big = true }, true, 1, 0xffffffff },
	{ { .limit = 0xffffe, .type = 6, .big = true, .pages = true }, true,
	  0xfffff000, 0xffffffff },
	{ { .limit = 0xfffff, .type = 6, .big = true, .pages = true }, false,
	  0, 0 },
	{ { .limit = 0x7fff, .type = 6 }, true, 0x8000, 0xffff },
	{ { .limit = 0xfffe, .type = 6 }, true, 0xffff, 0xffff },
	{ { .limit = 0xffff, .type = 6 }, false, 0, 0 },
	{ { .limit = 0xf, .type = 6, .pages = true }, false, 0, 0 },
};

START_TEST(segment_ends)
{
	struct descriptor d = ends[_i].d;
	uint32_t lowest, highest;

	d.memory = true;
	enum segment_use use = d.type & TYPE_CODE ? USE_EXECUTE : USE_READ;
	ck_assert(descriptor_offsets(&d, &lowest, &highest) == ends[_i].any);
	if (!ends[_i].any) {
		for (uint64_t at = 0; at <= UINT32_MAX; at += 0x7fff)
			ck_assert(!descriptor_allows(&d, use, (uint32_t)at, 1));
		return;
	}
	ck_assert_uint_eq(lowest, ends[_i].lowest);
	ck_assert_uint_eq(highest, ends[_i].highest);
	ck_assert(descriptor_allows(&d, use, lowest, 1));
	ck_assert(descriptor_allows(&d, use, highest, 1));
	ck_assert(lowest == 0 || !descriptor_allows(&d, use, lowest - 1, 1));
	ck_assert(highest == UINT32_MAX ||
		  !descriptor_allows(&d, use, highest + 1, 1));
	// all bytes of an access count, and there is no way round
	ck_assert(!descriptor_allows(&d, use, highest, 2));
	ck_assert(highest - lowest < 3 ||
		  descriptor_allows(&d, use, highest - 3, 4));
	ck_assert(highest - lowest < 3 ||
		  !descriptor_allows(&d, use, highest - 2, 4));
}
END_TEST

START_TEST(segment_sizes)
{
	static const struct {
		uint64_t bytes, has;
		uint32_t limit;
		bool pages;
	} rows[] = {
		{ 1, 1, 0, false },
		{ 100, 100, 99, false },
		{ 1 << 20, 1 << 20, 0xfffff, false },
		{ (1 << 20) + 1, (1 << 20) + 4096, 256, true },
		{ 1ULL << 32, 1ULL << 32, 0xfffff, true },
		{ (1ULL << 32) + 1, 1ULL << 32, 0xfffff, true },
		{ UINT64_MAX, 1ULL << 32, 0xfffff, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct descriptor d = { .pages = true };
		ck_assert_uint_eq(descriptor_set_bytes(&d, rows[i].bytes),
				  rows[i].has);
		ck_assert_uint_eq(d.limit, rows[i].limit);
		ck_assert(d.pages == rows[i].pages);
	}
}
END_TEST

START_TEST(segment_selectors)
{
	static const struct {
		uint16_t bits;
		struct selector s;
	} rows[] = {
		{ 0, { 0, false, 0 } },	    { 0x33, { 6, false, 3 } },
		{ 0x2b, { 5, false, 3 } },  { 0x10, { 2, false, 0 } },
		{ 0x07, { 0, true, 3 } },   { 0x0f, { 1, true, 3 } },
		{ 0xffff, { 8191, true, 3 } },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct selector s = selector_decode(rows[i].bits);
		ck_assert(s.index == rows[i].s.index &&
			  s.local == rows[i].s.local && s.rpl == rows[i].s.rpl);
		ck_assert_uint_eq(selector_encode(s), rows[i].bits);
	}
	for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
		ck_assert_uint_eq(
			selector_encode(selector_decode((uint16_t)bits)), bits);
		ck_assert(selector_is_null((uint16_t)bits) == (bits <= 3));
	}
	struct selector_error e = selector_error_decode(0x1c);
	ck_assert(e.index == 3 && e.local && !e.interrupt && !e.external);
	e = selector_error_decode(0x803);
	ck_assert(e.index == 0x100 && !e.local && e.interrupt && e.external);
}
END_TEST

START_TEST(segment_addresses)
{
	struct descriptor d = { .base = 0x1000 };

	ck_assert_uint_eq(descriptor_address(&d, 0x234), 0x1234);
	ck_assert_uint_eq(descriptor_address(&d, UINT32_MAX), 0xfff);
}
END_TEST

// ## Where it cannot play

static const char *wanted_reason;

static int is_skipped(void)
{
	struct outcome o = run(SEGMENT, "base", "flat", "model", NULL);
	bool right = o.exit == 77 && strstr(o.out, wanted_reason);

	if (!right)
		fprintf(stderr, "exit %d\n%s%s", o.exit, o.out, o.err);
	outcome_free(&o);
	return !right;
}

static int play_without(int error)
{
#ifdef SYS_modify_ldt
	if (forbid(SYS_modify_ldt, error, UINT32_MAX) == -1)
		return CANNOT;
#else
	(void)error;
#endif
	return is_skipped();
}

static int play_without_call(void)
{
	return play_without(ENOSYS);
}

static int play_forbidden(void)
{
	return play_without(EPERM);
}

// prctl(2): from here on what was written is never executed.
static int play_without_new_code(void)
{
	enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 };

	return prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0 ? is_skipped()
							       : CANNOT;
}

START_TEST(segment_skips)
{
	static const struct {
		int (*play)(void);
		const char *reason, *lacks;
	} rows[] = {
		{ play_without_call, "CONFIG_MODIFY_LDT_SYSCALL", "seccomp" },
		{ play_forbidden, "seccomp", "seccomp" },
		{ play_without_new_code, "PR_SET_MDWE", "PR_SET_MDWE" },
	};

	wanted_reason = rows[_i].reason;
#ifndef SYS_modify_ldt
	wanted_reason = "x86-64";
#endif
	int status = in_child(rows[_i].play);
	if (status == CANNOT)
		SKIP("no %s here", rows[_i].lacks);
	ck_assert_int_eq(status, 0);
}
END_TEST

#ifndef OSLAB_SANITIZED // a sanitizer takes terabytes of addresses
// Without memory below 2 GiB, or without any.
START_TEST(segment_no_memory)
{
	struct outcome got = run_shell(
		"for k in 3000 6000 9000 12000 16000; do"
		" (ulimit -v $k; $B/" SEGMENT " base >/dev/null 2>&1);"
		" s=$?; case $s in 0|1|77|127) ;; *) echo $k: $s;; esac; done");

	ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST
#endif

// Nothing here takes a privilege.
START_TEST(segment_as_ordinary_user)
{
	struct outcome got = run_shell(
		"d=$(mktemp -d) && chmod 755 $d && cp $B/" SEGMENT
		" $d/segment && cd $d; as=; [ $(id -u) != 0 ] ||"
		" as='setpriv --reuid=65534 --regid=65534 --clear-groups';"
		" $as ./segment; s=$?; cd /; rm -r $d; exit $s");

	ck_assert_msg(got.exit == 0 || got.exit == 77, "%s%s", got.out,
		      got.err);
	assert_lacks(got.out, "✗");
	outcome_free(&got);
}
END_TEST

// The error codes and signals that the manual and the kernel promise are said.
START_TEST(segment_faults_told)
{
	struct outcome got = run(SEGMENT, "absent", "limit", NULL);

	if (got.exit == 77) {
		outcome_free(&got);
		SKIP("no segments here: it takes x86-64 with modify_ldt");
	}
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "load (0x0f, 0x0): #NP, vector 11, error code 0xc");
	assert_has(got.out, "0xc is entry 1 of the LDT (TI 1, IDT 0, EXT 0)");
	assert_has(got.out, "SIGBUS (SI_KERNEL) at CS:EIP = (0x07, 0x");
	assert_has(got.out,
		   "push (0x0f, 0x40): #SS, vector 12, error code 0xc");
	assert_has(got.out,
		   "read (0x0f, 0x64): #GP, vector 13, error code 0x0");
	assert_has(got.out, "|0|1|0| 0 | 0 |0| 3 |1|0011|");
	outcome_free(&got);
}
END_TEST

void segment_table_tests(Suite *suite)
{
	TCase *tests = tcase_create("table");

	tcase_set_timeout(tests, 0);
	tcase_add_loop_test(tests, segment_known_descriptors, 0,
			    sizeof known / sizeof *known);
	tcase_add_test(tests, segment_all_bits);
	tcase_add_loop_test(tests, segment_types, 0, 16);
	tcase_add_loop_test(tests, segment_ends, 0, sizeof ends / sizeof *ends);
	tcase_add_test(tests, segment_sizes);
	tcase_add_test(tests, segment_selectors);
	tcase_add_test(tests, segment_addresses);
	tcase_add_loop_test(tests, segment_skips, 0, 3);
#ifndef OSLAB_SANITIZED
	tcase_add_test(tests, segment_no_memory);
#endif
	tcase_add_test(tests, segment_as_ordinary_user);
	tcase_add_test(tests, segment_faults_told);
	suite_add_tcase(suite, tests);
}
