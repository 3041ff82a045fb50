// Tests of fs/ext2/device: each kind against the same battery, by a model (an
// array of bytes). The other files take one kind each.

#define _GNU_SOURCE
#include "device_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

enum {
	// Not a multiple of anything, so the last unit of an overlay is short.
	BATTERY_BYTES = 700 * 1024 + 700,
	BATTERY_STEPS = 1500,
	OTHER_BYTES = 200 * 1024, // of the file that is copied from
	COPY_LONGEST = 150 * 1024,
	MARGIN = 5000, // of the file around an image inside it
};

// ## The kinds

struct kind_made {
	struct device *device, *base, *base_2;
	struct recording recording;
};

static void make_memory(struct kind_made *made)
{
	ck_assert_int_eq(device_memory(BATTERY_BYTES, &made->device), 0);
}

static void make_file_kind(struct kind_made *made)
{
	make_file(device_path("image"), "", 0);
	ck_assert_int_eq(truncate(device_path("image"), BATTERY_BYTES), 0);
	ck_assert_int_eq(device_file(device_path("image"), DEVICE_WRITE, 0, 0,
				     &made->device),
			 0);
}

static void make_part(struct kind_made *made)
{
	make_file(device_path("image"), "", 0);
	ck_assert_int_eq(
		truncate(device_path("image"), BATTERY_BYTES + 2 * MARGIN), 0);
	ck_assert_int_eq(device_file(device_path("image"), DEVICE_WRITE, MARGIN,
				     BATTERY_BYTES, &made->device),
			 0);
}

static void make_created(struct kind_made *made)
{
	ck_assert_int_eq(device_create(device_path("image"), BATTERY_BYTES,
				       &made->device),
			 0);
}

static void make_overlay(struct kind_made *made)
{
	ck_assert_int_eq(device_memory(BATTERY_BYTES, &made->base), 0);
	ck_assert_int_eq(device_overlay(made->base, 4096, BATTERY_BYTES * 2,
					&made->device),
			 0);
}

static void make_overlay_small(struct kind_made *made)
{
	make_file_kind(made);
	made->base = made->device;
	ck_assert_int_eq(
		device_overlay(made->base, 1024, 20 * 1024, &made->device), 0);
}

static void make_overlay_of_overlay(struct kind_made *made)
{
	ck_assert_int_eq(device_memory(BATTERY_BYTES, &made->base_2), 0);
	ck_assert_int_eq(device_overlay(made->base_2, 65536, 0, &made->base),
			 0);
	ck_assert_int_eq(device_overlay(made->base, 512, 4096, &made->device),
			 0);
}

static void make_recorder(struct kind_made *made)
{
	ck_assert_int_eq(device_memory(BATTERY_BYTES, &made->base), 0);
	ck_assert_int_eq(device_recorder(made->base, &made->recording,
					 &made->device),
			 0);
}

static const struct kind_row {
	const char *name;
	void (*make)(struct kind_made *);
	bool parallel;
} kinds[] = {
	{ "memory", make_memory, true },
	{ "file", make_file_kind, true },
	{ "part of a file", make_part, true },
	{ "create", make_created, true },
	{ "overlay", make_overlay, true },
	{ "overlay with a file", make_overlay_small, true },
	{ "overlay of an overlay", make_overlay_of_overlay, true },
	{ "recorder", make_recorder, false },
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void close_kind(struct kind_made *made)
{
	device_close(made->device);
	device_close(made->base);
	device_close(made->base_2);
	recording_clear(&made->recording);
}

// ## The battery

struct battery {
	struct device *device;
	uint8_t *model, *piece;
	uint8_t *other; // what the file `from` holds, OTHER_BYTES
	int from, to;
	struct random random;
};

static struct battery battery_begin(struct device *device, uint64_t seed)
{
	struct battery battery = {
		.device = device,
		.model = calloc(1, BATTERY_BYTES),
		.piece = malloc(COPY_LONGEST),
		.other = malloc(OTHER_BYTES),
		.random = { seed },
	};

	ck_assert(battery.model && battery.piece && battery.other);
	for (size_t i = 0; i < OTHER_BYTES; i++)
		battery.other[i] = random_below(&battery.random, 256);
	make_file(device_path("from"), battery.other, OTHER_BYTES);
	battery.from = open(device_path("from"), O_RDONLY | O_CLOEXEC);
	battery.to = open(device_path("to"),
			  O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert(battery.from >= 0 && battery.to >= 0);
	return battery;
}

static void battery_end(struct battery *battery)
{
	close(battery->from);
	close(battery->to);
	free(battery->model);
	free(battery->piece);
	free(battery->other);
}

static void step_write(struct battery *b, uint64_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b->piece[i] = random_below(&b->random, 256);
	ck_assert_int_eq(device_write(b->device, offset, b->piece, n), 0);
	memcpy(b->model + offset, b->piece, n);
}

static void step_punch(struct battery *b, uint64_t offset, size_t n)
{
	ck_assert_int_eq(device_punch(b->device, offset, n), 0);
	memset(b->model + offset, 0, n);
}

static void step_read(struct battery *b, uint64_t offset, size_t n)
{
	ck_assert_int_eq(device_read(b->device, offset, b->piece, n), 0);
	ck_assert_mem_eq(b->piece, b->model + offset, n);
}

// Now and then beyond the end of the file: then there are zeros.
static void step_copy_in(struct battery *b, uint64_t offset, size_t n)
{
	uint64_t at = random_below(&b->random, OTHER_BYTES + 1000);
	size_t there = at >= OTHER_BYTES ? 0 : OTHER_BYTES - at;

	there = there < n ? there : n;
	ck_assert_int_eq(device_copy_in(b->device, offset, b->from, at, n), 0);
	if (there)
		memcpy(b->model + offset, b->other + at, there);
	memset(b->model + offset + there, 0, n - there);
}

static void step_copy_out(struct battery *b, uint64_t offset, size_t n)
{
	uint64_t at = random_below(&b->random, 100000);

	ck_assert_int_eq(device_copy_out(b->device, offset, b->to, at, n), 0);
	ck_assert_int_eq(pread(b->to, b->piece, n, at), n);
	ck_assert_mem_eq(b->piece, b->model + offset, n);
}

static void step_flush(struct battery *b, uint64_t offset, size_t n)
{
	(void)offset;
	(void)n;
	ck_assert_int_eq(device_flush(b->device), 0);
}

static void battery_play(struct battery *b, int steps)
{
	void (*const step[])(struct battery *, uint64_t, size_t) = {
		step_write,    step_read,  step_punch, step_copy_in,
		step_copy_out, step_write, step_read,  step_flush,
	};
	const uint32_t longest[] = { 16, 700, 9000, COPY_LONGEST };

	for (int i = 0; i < steps; i++) {
		size_t n = random_below(&b->random,
					longest[random_below(&b->random, 4)]);
		uint64_t offset = random_below(&b->random,
					       BATTERY_BYTES - n + 1);

		// Ends are where mistakes are.
		if (!random_below(&b->random, 10))
			offset = BATTERY_BYTES - n;
		else if (!random_below(&b->random, 3))
			offset -= offset % 4096;
		step[random_below(&b->random, 8)](b, offset, n);
	}
	ck_assert(device_holds(b->device, 0, b->model, BATTERY_BYTES));
}

START_TEST(device_battery)
{
	struct kind_made made = { 0 };

	kinds[_i].make(&made);
	ck_assert_uint_eq(made.device->bytes, BATTERY_BYTES);
	ck_assert_int_eq(made.device->parallel, kinds[_i].parallel);

	struct battery battery = battery_begin(made.device, 17 + _i);

	battery_play(&battery, soaking() ? 50 * BATTERY_STEPS : BATTERY_STEPS);
	close_kind(&made);
	battery_end(&battery);
}
END_TEST

START_TEST(device_bounds)
{
	struct kind_made made = { 0 };
	uint8_t bytes[600] = { 1 };
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);

	kinds[_i].make(&made);

	struct device *d = made.device;
	const uint64_t end = BATTERY_BYTES;
	const struct {
		uint64_t offset, n;
	} bad[] = {
		{ end, 1 },        { end - 599, 600 }, { end + 1, 0 },
		{ UINT64_MAX, 1 }, { UINT64_MAX, 2 },  { UINT64_MAX - 599, 600 },
		{ 0, end + 1 },    { 1, end },         { INT64_MAX, 512 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint64_t at = bad[i].offset, n = bad[i].n;

		if (n <= sizeof(bytes)) {
			ck_assert_int_eq(device_read(d, at, bytes, n), -EIO);
			ck_assert_int_eq(device_write(d, at, bytes, n),
					 -ENOSPC);
		}
		ck_assert_int_eq(device_punch(d, at, n), -ENOSPC);
		ck_assert_int_eq(device_copy_in(d, at, fd, 0, n), -ENOSPC);
		ck_assert_int_eq(device_copy_out(d, at, fd, 0, n), -EIO);
	}
	ck_assert_int_eq(device_read(d, end, bytes, 0), 0);
	ck_assert_int_eq(device_write(d, end, bytes, 0), 0);
	ck_assert_int_eq(device_read(d, end - 600, bytes, 600), 0);
	ck_assert_int_eq(device_copy_in(d, 0, fd, UINT64_MAX, 1), -EINVAL);
	ck_assert_int_eq(device_copy_out(d, 0, fd, INT64_MAX, 1), -EFBIG);
	ck_assert_int_eq(device_copy_in(d, 0, -1, 0, 10), -EBADF);
	ck_assert_int_eq(device_copy_out(d, 0, -1, 0, 10), -EBADF);

	d->writable = false;
	ck_assert_int_eq(device_write(d, 0, bytes, 1), -EROFS);
	ck_assert_int_eq(device_punch(d, 0, 1), -EROFS);
	ck_assert_int_eq(device_copy_in(d, 0, fd, 0, 1), -EROFS);
	ck_assert_int_eq(device_resize(d, 5), -EROFS);
	ck_assert_int_eq(device_flush(d), 0);
	d->writable = true;
	close(fd);
	close_kind(&made);
}
END_TEST

// ## Reading by several threads

struct reader {
	struct battery *battery;
	uint64_t seed;
	bool wrong;
};

static void *read_everywhere(void *context)
{
	struct reader *reader = context;
	struct random random = { reader->seed };
	uint8_t *bytes = malloc(9000);

	for (int i = 0; i < 1000 && bytes; i++) {
		size_t n = random_below(&random, 9000);
		uint64_t offset = random_below(&random, BATTERY_BYTES - n);

		if (device_read(reader->battery->device, offset, bytes, n) ||
		    memcmp(bytes, reader->battery->model + offset, n))
			reader->wrong = true;
	}
	free(bytes);
	return NULL;
}

START_TEST(device_read_in_parallel)
{
	struct kind_made made = { 0 };
	struct reader readers[3];
	pthread_t thread[3];

	if (!kinds[_i].parallel)
		return;
	kinds[_i].make(&made);

	struct battery battery = battery_begin(made.device, 99);

	battery_play(&battery, 100);
	for (int i = 0; i < 3; i++) {
		readers[i] = (struct reader){ .battery = &battery, .seed = i };
		ck_assert_int_eq(pthread_create(&thread[i], NULL,
						read_everywhere, &readers[i]),
				 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		ck_assert(!readers[i].wrong);
	}
	close_kind(&made);
	battery_end(&battery);
}
END_TEST

// ## Memory

START_TEST(device_memory_resizes)
{
	struct device *d;
	uint8_t bytes[100], zeros[100] = { 0 };

	memset(bytes, 7, sizeof(bytes));
	ck_assert_int_eq(device_memory(0, &d), 0);
	ck_assert_int_eq(device_resize(d, 3 << 20), 0);
	ck_assert_int_eq(device_write(d, (2 << 20) + 50, bytes, 100), 0);
	ck_assert_int_eq(device_resize(d, (2 << 20) + 100), 0);
	ck_assert_int_eq(device_read(d, (2 << 20) + 50, bytes, 51), -EIO);
	ck_assert_int_eq(device_resize(d, 4 << 20), 0);
	ck_assert(device_holds(d, (2 << 20) + 50, bytes, 50));
	ck_assert(device_holds(d, (2 << 20) + 100, zeros, 100));
	ck_assert_int_eq(device_resize(d, UINT64_MAX), -EFBIG);
	ck_assert_int_eq(device_resize(d, INT64_MAX), -ENOMEM);
	ck_assert(device_holds(d, (2 << 20) + 50, bytes, 50));
	device_close(d);
	ck_assert_int_eq(device_memory(UINT64_MAX, &d), -ENOMEM);
	ck_assert_int_eq(device_memory((uint64_t)1 << 62, &d), -ENOMEM);
	device_close(NULL);
}
END_TEST

// ## Recorder

START_TEST(recorder_notes_what_is_written)
{
	struct device *base, *d;
	struct recording r = { 0 };

	ck_assert_int_eq(device_memory(10000, &base), 0);
	ck_assert_int_eq(device_recorder(base, &r, &d), 0);
	ck_assert_int_eq(device_write(d, 10, "one", 3), 0);
	ck_assert_int_eq(device_flush(d), 0);
	ck_assert_int_eq(device_punch(d, 5, 7), 0);
	ck_assert_int_eq(device_resize(d, 20000), 0);
	ck_assert_int_eq(device_write(d, 15000, "two", 3), 0);

	ck_assert_uint_eq(r.count, 5);
	ck_assert_uint_eq(r.calls, 4);
	ck_assert_int_eq(r.item[0].kind, RECORDED_WRITE);
	ck_assert_uint_eq(r.item[0].offset, 10);
	ck_assert_uint_eq(r.item[0].n, 3);
	ck_assert_mem_eq(r.item[0].bytes, "one", 3);
	ck_assert_int_eq(r.item[1].kind, RECORDED_FLUSH);
	ck_assert_int_eq(r.item[2].kind, RECORDED_PUNCH);
	ck_assert_uint_eq(r.item[2].offset, 5);
	ck_assert_uint_eq(r.item[2].n, 7);
	ck_assert_int_eq(r.item[3].kind, RECORDED_RESIZE);
	ck_assert_uint_eq(r.item[3].offset, 20000);
	ck_assert_mem_eq(r.item[4].bytes, "two", 3);
	ck_assert(device_holds(base, 12, "e", 1));
	device_close(d);
	device_close(base);
	recording_clear(&r);
	ck_assert_uint_eq(r.count, 0);
	ck_assert_ptr_null(r.item);
}
END_TEST

// Six calls: read, write, flush, punch, write, read. Each fails once; or it and
// all after it.
START_TEST(recorder_fails_where_told)
{
	for (int reads = 0; reads < 2; reads++)
		for (int ever = 0; ever < 2; ever++)
			for (uint64_t at = 0; at < 8; at++) {
				struct device *base, *d;
				struct recording r = {
					.fail_at = at,
					.error = ENOSPC,
					.fail_reads = reads,
					.fail_ever_after = ever,
					.short_bytes = 2,
				};
				char bytes[4] = { 0 };
				int got[6], call = 0;

				device_memory(100, &base);
				device_recorder(base, &r, &d);
				got[0] = device_read(d, 0, bytes, 4);
				got[1] = device_write(d, 0, "abcd", 4);
				got[2] = device_flush(d);
				got[3] = device_punch(d, 50, 4);
				got[4] = device_write(d, 10, "efgh", 4);
				got[5] = device_read(d, 0, bytes, 4);
				for (int i = 0; i < 6; i++) {
					bool counts = reads ||
						      (i != 0 && i != 5);
					bool due = counts &&
						   (ever ? call >= (int)at
							 : call == (int)at);

					ck_assert_int_eq(got[i],
							 due ? -ENOSPC : 0);
					call += counts;
				}
				ck_assert_uint_eq(r.calls, call);
				// Only the first to fail is short.
				bool first = (int)at == reads;
				bool none = ever && at < (uint64_t)reads;
				ck_assert(device_holds(base, 0,
						       none    ? "\0\0\0"
						       : first ? "ab\0"
							       : "abcd",
						       4));
				device_close(d);
				device_close(base);
				recording_clear(&r);
			}
}
END_TEST

Suite *device_suite(void)
{
	Suite *suite = suite_create("device");
	TCase *tests = tcase_create("device");

	tcase_add_checked_fixture(tests, make_device_folder,
				  remove_device_folder);
	tcase_add_loop_test(tests, device_battery, 0, KINDS);
	tcase_add_loop_test(tests, device_bounds, 0, KINDS);
	tcase_add_loop_test(tests, device_read_in_parallel, 0, KINDS);
	tcase_add_test(tests, device_memory_resizes);
	tcase_add_test(tests, recorder_notes_what_is_written);
	tcase_add_test(tests, recorder_fails_where_told);
	suite_add_tcase(suite, tests);
	add_device_file_tests(suite);
	add_device_mount_tests(suite);
	add_device_create_tests(suite);
	add_device_overlay_tests(suite);
	add_device_partition_tests(suite);
	return suite;
}
