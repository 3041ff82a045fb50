// Tests of fs/ext2/device_overlay: what waits, what is applied, and what brings
// the old state back when applying is cut off.

#define _GNU_SOURCE
#include "device_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"

enum {
	IMAGE = 50 * 1024 + 300, // the last unit is a short one
	UNIT = 1024,
	EDITS = 14,
};

static void fill(struct device *d, uint64_t seed)
{
	struct random random = { seed };
	uint8_t bytes[IMAGE];

	for (int i = 0; i < IMAGE; i++)
		bytes[i] = (uint8_t)random_next(&random);
	ck_assert_int_eq(device_write(d, 0, bytes, IMAGE), 0);
}

static void image_of(struct device *d, uint8_t bytes[IMAGE])
{
	ck_assert_int_eq(device_read(d, 0, bytes, IMAGE), 0);
}

// The same few writes each time: some are neighbours, one is at the end.
static void edit(struct device *overlay)
{
	static const struct {
		uint32_t offset, n;
	} edits[EDITS] = {
		{ 40000, 10 },	 { 5 * UNIT, UNIT },  { 6 * UNIT, UNIT },
		{ 7 * UNIT, 1 }, { IMAGE - 5, 5 },    { 0, 3 * UNIT },
		{ 30000, 2000 }, { 20 * UNIT, UNIT }, { 22 * UNIT, 1 },
		{ 24000, 1 },	 { 26 * UNIT, 40 },   { 100, 100 },
		{ 11000, 3 },	 { 45000, 3000 },
	};
	uint8_t bytes[3 * UNIT];

	for (int i = 0; i < EDITS; i++) {
		memset(bytes, 'A' + i, sizeof(bytes));
		ck_assert_int_eq(device_write(overlay, edits[i].offset, bytes,
					      edits[i].n),
				 0);
	}
}

// ## What waits

struct collected {
	uint64_t last, units;
	struct device *copy;
	uint64_t stop_at;
};

static int collect(void *context, uint64_t offset, const void *bytes)
{
	struct collected *c = context;
	uint64_t left = c->copy->bytes - offset;

	ck_assert(!c->units || offset > c->last);
	ck_assert_uint_eq(offset % UNIT, 0);
	c->last = offset;
	if (++c->units == c->stop_at)
		return 7;
	return device_write(c->copy, offset, bytes, left < UNIT ? left : UNIT);
}

START_TEST(overlay_each_gives_what_was_written)
{
	struct device *base, *overlay;
	uint8_t a[IMAGE], b[IMAGE];
	// All in memory, some, none.
	const size_t memory[] = { IMAGE * 2, 5 * UNIT + 3, 0 };
	struct collected c = { 0 };

	ck_assert_int_eq(device_memory(IMAGE, &base), 0);
	ck_assert_int_eq(device_memory(IMAGE, &c.copy), 0);
	fill(base, 1);
	fill(c.copy, 1);
	ck_assert_int_eq(device_overlay(base, UNIT, memory[_i], &overlay), 0);
	ck_assert_int_eq(device_overlay_each(overlay, collect, &c), 0);
	ck_assert_uint_eq(c.units, 0);
	edit(overlay);
	ck_assert_int_eq(device_overlay_each(overlay, collect, &c), 0);
	ck_assert_uint_eq(c.units, device_overlay_units(overlay));
	image_of(overlay, a);
	image_of(c.copy, b);
	ck_assert_mem_eq(a, b, IMAGE);
	c.units = 0;
	c.stop_at = 3;
	ck_assert_int_eq(device_overlay_each(overlay, collect, &c), 7);
	ck_assert_uint_eq(c.units, 3);

	// The base has not been touched; forgotten, it is what is seen.
	fill(c.copy, 1);
	image_of(base, a);
	image_of(c.copy, b);
	ck_assert_mem_eq(a, b, IMAGE);
	device_overlay_forget(overlay);
	ck_assert_uint_eq(device_overlay_units(overlay), 0);
	image_of(overlay, a);
	ck_assert_mem_eq(a, b, IMAGE);

	// And it can be used again.
	edit(overlay);
	image_of(overlay, a);
	ck_assert_int_eq(device_overlay_apply(overlay, NULL), 0);
	ck_assert_uint_eq(device_overlay_units(overlay), 0);
	image_of(base, b);
	ck_assert_mem_eq(a, b, IMAGE);
	device_close(overlay);
	device_close(base);
	device_close(c.copy);
}
END_TEST

START_TEST(overlay_refuses)
{
	struct device *base, *d;
	const uint32_t units[] = { 0, 1, 511, 513, 1000, 131072, UINT32_MAX };

	ck_assert_int_eq(device_memory(IMAGE, &base), 0);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		ck_assert_int_eq(device_overlay(base, units[i], 0, &d),
				 -EINVAL);
	// Over what may not be written one can still try things out.
	base->writable = false;
	ck_assert_int_eq(device_overlay(base, 512, 0, &d), 0);
	ck_assert_int_eq(device_write(d, 5, "x", 1), 0);
	ck_assert_int_eq(device_overlay_apply(d, NULL), -EROFS);
	ck_assert_int_eq(device_overlay_apply(d, device_path("undo")), -EROFS);
	ck_assert_int_eq(entries_of_folder(), 0);
	ck_assert_int_eq(device_resize(d, 5), -ENOTSUP);
	device_close(d);
	device_close(base);
}
END_TEST

// Half a million units: the table grows, and nothing takes time out of proportion.
START_TEST(overlay_of_many_units)
{
	const uint64_t bytes = (uint64_t)1 << 40, step = 3 << 20;
	struct device *base, *overlay;
	uint64_t n = soaking() ? 300000 : 20000;

	ck_assert_int_eq(device_memory(bytes, &base), 0);
	ck_assert_int_eq(device_overlay(base, 512, 1 << 20, &overlay), 0);
	for (uint64_t i = 0; i < n; i++)
		ck_assert_int_eq(device_write(overlay, i * step, &i, sizeof(i)),
				 0);
	ck_assert_uint_eq(device_overlay_units(overlay), n);
	for (uint64_t i = 0; i < n; i++)
		ck_assert(device_holds(overlay, i * step, &i, sizeof(i)));
	device_close(overlay);
	device_close(base);
}
END_TEST

// ## Undo

struct bench {
	struct device *base, *recorder, *overlay;
	struct recording recording;
	uint8_t before[IMAGE], after[IMAGE];
};

static void bench_begin(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	ck_assert_int_eq(device_memory(IMAGE, &b->base), 0);
	fill(b->base, 2);
	image_of(b->base, b->before);
	ck_assert_int_eq(device_recorder(b->base, &b->recording, &b->recorder),
			 0);
	ck_assert_int_eq(
		device_overlay(b->recorder, UNIT, 4 * UNIT, &b->overlay), 0);
	edit(b->overlay);
	image_of(b->overlay, b->after);
}

static void bench_end(struct bench *b)
{
	device_close(b->overlay);
	device_close(b->recorder);
	device_close(b->base);
	recording_clear(&b->recording);
}

static void check_base(struct bench *b, const uint8_t wanted[IMAGE])
{
	uint8_t now[IMAGE];

	image_of(b->base, now);
	ck_assert_mem_eq(now, wanted, IMAGE);
}

START_TEST(undo_brings_the_old_state_back)
{
	const char *undo = device_path("undo");
	struct bench b;
	struct stat info;

	bench_begin(&b);
	ck_assert_int_eq(device_overlay_apply(b.overlay, undo), 0);
	check_base(&b, b.after);
	ck_assert_int_eq(stat(undo, &info), 0);
	ck_assert_int_eq(info.st_mode, S_IFREG | 0600);
	for (int i = 0; i < 2; i++) { // once more does no harm
		ck_assert_int_eq(device_undo(b.base, undo), 0);
		check_base(&b, b.before);
	}
	// Never over a file that is there: it may be the only way back.
	edit(b.overlay);
	ck_assert_int_eq(device_overlay_apply(b.overlay, undo), -EEXIST);
	ck_assert_int_eq(device_overlay_apply(b.overlay, device_path("x/y")),
			 -ENOENT);
	check_base(&b, b.before);
	ck_assert_int_eq(device_undo(b.base, undo), 0);
	ck_assert_int_eq(device_undo(b.base, device_path("none")), -ENOENT);

	b.base->writable = false;
	ck_assert_int_eq(device_undo(b.base, undo), -EROFS);
	bench_end(&b);
}
END_TEST

// Nothing was written: also a valid undo file.
START_TEST(undo_of_nothing)
{
	struct bench b;

	bench_begin(&b);
	device_overlay_forget(b.overlay);
	ck_assert_int_eq(device_overlay_apply(b.overlay, device_path("undo")),
			 0);
	check_base(&b, b.before);
	ck_assert_int_eq(device_undo(b.base, device_path("undo")), 0);
	check_base(&b, b.before);
	bench_end(&b);
}
END_TEST

// The base fails at each of its calls, after some of the bytes; the undo file has
// been written before. The file of 2 KiB writes would be in the way of reads.
START_TEST(undo_after_each_failure)
{
	const uint64_t shorts[] = { 0, 1, 512, 100000 };
	int failures = 0;

	for (size_t s = 0; s < sizeof(shorts) / sizeof(*shorts); s++)
		for (uint64_t at = 0;; at++) {
			const char *undo = device_path("undo");
			struct bench b;

			bench_begin(&b);
			b.recording.fail_at = at;
			b.recording.error = EIO;
			b.recording.short_bytes = shorts[s];
			b.recording.fail_ever_after = true;

			int error = device_overlay_apply(b.overlay, undo);
			uint64_t calls = b.recording.calls;

			if (error) {
				ck_assert_int_eq(error, -EIO);
				failures++;
				// What waited is still there to be tried again.
				ck_assert_uint_gt(
					device_overlay_units(b.overlay), 0);
			}
			ck_assert_int_eq(device_undo(b.base, undo), 0);
			check_base(&b, b.before);
			ck_assert_int_eq(unlink(undo), 0);
			bench_end(&b);
			if (!error) {
				ck_assert_uint_eq(at, calls);
				break;
			}
		}
	ck_assert_int_ge(failures, 4 * 5);
}
END_TEST

// The power fails inside a write, or writes since the last flush are lost: each
// alone, and each missing.
START_TEST(undo_after_lost_writes)
{
	const char *undo = device_path("undo");
	struct bench b;
	struct device *crashed;

	bench_begin(&b);
	ck_assert_int_eq(device_overlay_apply(b.overlay, undo), 0);

	size_t n = b.recording.count;
	const struct recorded *item = b.recording.item;

	ck_assert_uint_gt(n, 5);
	ck_assert_int_eq(item[n - 1].kind, RECORDED_FLUSH);
	ck_assert_int_eq(device_memory(IMAGE, &crashed), 0);
	for (size_t which = 0; which < n - 1; which++)
		for (int alone = 0; alone < 2; alone++) {
			uint8_t now[IMAGE];

			device_write(crashed, 0, b.before, IMAGE);
			for (size_t i = 0; i < n - 1; i++)
				if ((i == which) == alone)
					device_write(crashed, item[i].offset,
						     item[i].bytes, item[i].n);
			ck_assert_int_eq(device_undo(crashed, undo), 0);
			image_of(crashed, now);
			ck_assert_mem_eq(now, b.before, IMAGE);
		}
	device_close(crashed);
	bench_end(&b);
}
END_TEST

// Cut off anywhere the undo file was not whole, so the base was not touched.
START_TEST(undo_file_cut_off_or_damaged)
{
	const char *undo = device_path("undo"), *bad = device_path("bad");
	struct random random = { 3 };
	struct bench b;
	size_t n;

	bench_begin(&b);
	ck_assert_int_eq(device_overlay_apply(b.overlay, undo), 0);

	uint8_t *bytes = file_bytes(undo, &n), *mine = malloc(n + 1);

	ck_assert_ptr_nonnull(mine);
	ck_assert_int_eq(unlink(undo), 0);
	for (size_t end = 0; end < n;
	     end += end < 600 || end > n - 3 ? 1 : 97) {
		make_file(bad, bytes, end);
		ck_assert_int_eq(device_undo(b.base, bad), -ENODATA);
	}
	check_base(&b, b.after);

	// Its length came to the disk, and not all of its sectors did.
	for (size_t at = 0; at < n; at += 512) {
		memcpy(mine, bytes, n);
		memset(mine + at, 0, n - at < 512 ? n - at : 512);
		if (!memcmp(mine, bytes, n))
			continue; // what fills up the last unit
		make_file(bad, mine, n);
		ck_assert_int_eq(device_undo(b.base, bad), -ENODATA);
	}
	for (int i = 0; i < (soaking() ? 20000 : 2000); i++) {
		size_t at = i < 64 ? (size_t)i : random_below(&random, n);

		memcpy(mine, bytes, n);
		mine[at] = (uint8_t)(bytes[at] ^ 1 << random_below(&random, 8));
		make_file(bad, mine, n);

		int error = device_undo(b.base, bad);

		ck_assert(error == -ENODATA || error == -EINVAL);
	}
	check_base(&b, b.after);

	// Of another image.
	make_file(bad, bytes, n);
	b.base->bytes = IMAGE - 1;
	ck_assert_int_eq(device_undo(b.base, bad), -EINVAL);
	b.base->bytes = IMAGE;
	make_file(bad,
		  "#!/bin/sh\n# No undo file, but longer than a header.\n"
		  "exit 0 # as you see\n",
		  70);
	ck_assert_int_eq(device_undo(b.base, bad), -EINVAL);
	make_file(bad, bytes, n);
	ck_assert_int_eq(device_undo(b.base, bad), 0);
	check_base(&b, b.before);
	free(bytes);
	free(mine);
	bench_end(&b);
}
END_TEST

void add_device_overlay_tests(Suite *suite)
{
	TCase *tests = tcase_create("overlay");

	tcase_add_checked_fixture(tests, make_device_folder,
				  remove_device_folder);
	tcase_add_loop_test(tests, overlay_each_gives_what_was_written, 0, 3);
	tcase_add_test(tests, overlay_refuses);
	tcase_add_test(tests, overlay_of_many_units);
	tcase_add_test(tests, undo_brings_the_old_state_back);
	tcase_add_test(tests, undo_of_nothing);
	tcase_add_test(tests, undo_after_each_failure);
	tcase_add_test(tests, undo_after_lost_writes);
	tcase_add_test(tests, undo_file_cut_off_or_damaged);
	suite_add_tcase(suite, tests);
}
