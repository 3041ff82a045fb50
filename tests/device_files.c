// Tests of fs/ext2/device_file: what the kernel may do to a call, refusals, locks.

#define _GNU_SOURCE
#include "device_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/ext2/device_parts.h"
#include "random.h"

enum { IMAGE = 1 << 20 };

static struct device *open_image(int mode, uint64_t offset, uint64_t bytes)
{
	struct device *device;

	ck_assert_int_eq(device_file(device_path("image"), mode, offset, bytes,
				     &device),
			 0);
	return device;
}

static void make_image(size_t n)
{
	make_file(device_path("image"), "", 0);
	ck_assert_int_eq(truncate(device_path("image"), n), 0);
}

static int try_open(int mode, uint64_t offset, uint64_t bytes)
{
	struct device *device;
	int error = device_file(device_path("image"), mode, offset, bytes,
				&device);

	if (!error)
		device_close(device);
	return error;
}

// ## Calls that do half, or are interrupted

struct moody {
	struct random random;
	int short_ones, interrupted;
	const char *wrong;
};

// A third of the calls is interrupted, a third does a part.
static int64_t moody_answer(void *context, int number,
			    const uint64_t argument[6])
{
	struct moody *moody = context;
	void *bytes = (void *)(uintptr_t)argument[1];

	switch (random_below(&moody->random, 3)) {
	case 0:
		return CALL_GOES_ON;
	case 1:
		moody->interrupted++;
		return -EINTR;
	default:
		break;
	}
	if (number == SYS_fdatasync || number == SYS_fallocate ||
	    number == SYS_ftruncate || argument[2] < 2)
		return CALL_GOES_ON;
	moody->short_ones++;
	if (number == SYS_copy_file_range) {
		off64_t from = *(off64_t *)(uintptr_t)argument[1];
		off64_t to = *(off64_t *)(uintptr_t)argument[3];

		ssize_t n = copy_file_range(argument[0], &from, argument[2],
					    &to, argument[4] / 2, 0);
		return n < 0 ? -errno : n;
	}
	ssize_t n = number == SYS_pread64
			    ? pread(argument[0], bytes, argument[2] / 2,
				    argument[3])
			    : pwrite(argument[0], bytes, argument[2] / 2,
				     argument[3]);
	return n < 0 ? -errno : n;
}

static void moody_body(void *context)
{
	struct moody *moody = context;
	struct random random = { 4 };
	struct device *image = NULL, *model = NULL;
	int from = open(device_path("from"), O_RDONLY | O_CLOEXEC);
	int to = open(device_path("to"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	static uint8_t a[50000], b[50000];

	if (device_file(device_path("image"), DEVICE_WRITE, 0, 0, &image) ||
	    device_memory(IMAGE, &model) || from < 0 || to < 0)
		moody->wrong = "cannot begin";
	for (int i = 0; i < 300 && !moody->wrong; i++) {
		size_t n = random_below(&random, sizeof(a));
		uint64_t at = random_below(&random, IMAGE - n);

		for (size_t k = 0; k < n; k++)
			a[k] = (uint8_t)random_next(&random);
		if (device_write(image, at, a, n) ||
		    device_write(model, at, a, n) || device_flush(image))
			moody->wrong = "write";
		at = random_below(&random, IMAGE - n);
		if (device_copy_in(image, at, from, i, n) ||
		    device_copy_in(model, at, from, i, n))
			moody->wrong = "copy in";
		at = random_below(&random, IMAGE - n);
		if (device_punch(image, at, n) || device_punch(model, at, n))
			moody->wrong = "punch";
		at = random_below(&random, IMAGE - n);
		if (device_read(image, at, a, n) ||
		    device_read(model, at, b, n) || memcmp(a, b, n))
			moody->wrong = "read";
		if (device_copy_out(image, at, to, i, n) ||
		    device_pread(to, a, n, i) != (int64_t)n || memcmp(a, b, n))
			moody->wrong = "copy out";
	}
	if (!moody->wrong && device_resize(image, IMAGE / 2))
		moody->wrong = "resize";
	device_close(image);
	device_close(model);
	close(from);
	close(to);
}

START_TEST(file_calls_may_be_short)
{
	const int numbers[] = { SYS_pread64,
				SYS_pwrite64,
				SYS_fdatasync,
				SYS_copy_file_range,
				SYS_fallocate,
				SYS_ftruncate,
				-1 };
	struct moody moody = { .random = { 5 } };
	uint8_t *from = malloc(50400);

	ck_assert_ptr_nonnull(from);
	for (int i = 0; i < 50400; i++)
		from[i] = i * 7 + i / 256;
	make_image(IMAGE);
	make_file(device_path("from"), from, 50400);
	free(from);
	if (!run_filtered(&(struct filtered){ .numbers = numbers,
					      .answer = moody_answer,
					      .body = moody_body,
					      .context = &moody }))
		SKIP(NO_FILTERS);
	ck_assert_msg(!moody.wrong, "%s", moody.wrong);
	ck_assert_int_gt(moody.short_ones, 300);
	ck_assert_int_gt(moody.interrupted, 300);
}
END_TEST

// ## What copy_file_range and fallocate refuse

struct refusing {
	int error, refused;
	const char *wrong;
};

static int64_t refuse(void *context, int number, const uint64_t argument[6])
{
	struct refusing *refusing = context;

	(void)number;
	(void)argument;
	refusing->refused++;
	return -refusing->error;
}

static void refused_body(void *context)
{
	struct refusing *refusing = context;
	int from = open(device_path("from"), O_RDONLY | O_CLOEXEC);
	int to = open(device_path("to"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct device *image;
	static uint8_t a[100000], b[100000];

	if (device_file(device_path("image"), DEVICE_WRITE, 0, 0, &image)) {
		refusing->wrong = "open";
		return;
	}
	if (device_copy_in(image, 777, from, 0, sizeof(a)) ||
	    device_copy_out(image, 777, to, 5, sizeof(a)))
		refusing->wrong = "copy";
	else if (device_pread(to, a, sizeof(a), 5) != sizeof(a) ||
		 device_pread(from, b, sizeof(b), 0) != sizeof(b) ||
		 memcmp(a, b, sizeof(a)))
		refusing->wrong = "content";
	memset(b + 100, 0, 50000);
	if (device_punch(image, 877, 50000) ||
	    device_read(image, 777, a, sizeof(a)) || memcmp(a, b, sizeof(a)))
		refusing->wrong = "punch";
	device_close(image);
	close(from);
	close(to);
}

START_TEST(file_copies_without_copy_file_range)
{
	const int numbers[] = { SYS_copy_file_range, SYS_fallocate, -1 };
	const int errors[] = { EXDEV, EOPNOTSUPP, EINVAL, ENOSYS };
	struct refusing refusing = { .error = errors[_i] };
	uint8_t *from = malloc(100000);

	ck_assert_ptr_nonnull(from);
	for (int i = 0; i < 100000; i++)
		from[i] = 1 + i % 251;
	make_image(IMAGE);
	make_file(device_path("from"), from, 100000);
	free(from);
	// fallocate never says EXDEV.
	if (!run_filtered(&(struct filtered){
		    .numbers = errors[_i] == EXDEV
				       ? (const int[]){ SYS_copy_file_range,
							-1 }
				       : numbers,
		    .answer = refuse,
		    .body = refused_body,
		    .context = &refusing }))
		SKIP(NO_FILTERS);
	ck_assert_msg(!refusing.wrong, "%s", refusing.wrong);
	ck_assert_int_ge(refusing.refused, errors[_i] == EXDEV ? 2 : 3);
}
END_TEST

// Files that say they have no bytes, and one on another file system.
START_TEST(file_copies_from_anywhere)
{
	struct device *image;
	uint8_t bytes[8192], wanted[8192];
	const char *text = "/proc/version";
	int fd = open(text, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP("no /proc/version");
	make_image(IMAGE);
	image = open_image(DEVICE_WRITE, 0, 0);
	memset(bytes, 9, sizeof(bytes));
	ck_assert_int_eq(device_write(image, 100, bytes, sizeof(bytes)), 0);

	ssize_t n = pread(fd, wanted, sizeof(wanted), 0);

	ck_assert_int_gt(n, 10);
	memset(wanted + n, 0, sizeof(wanted) - n);
	ck_assert_int_eq(device_copy_in(image, 100, fd, 0, sizeof(wanted)), 0);
	ck_assert(device_holds(image, 100, wanted, sizeof(wanted)));
	close(fd);

	// From itself, onto itself: copy_file_range says EINVAL.
	int self = open(device_path("image"), O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(device_read(image, 0, wanted, sizeof(wanted)), 0);
	ck_assert_int_eq(device_copy_in(image, 4000, self, 0, sizeof(wanted)),
			 0);
	ck_assert(device_holds(image, 4000, wanted, sizeof(wanted)));
	close(self);

	int elsewhere = memfd_create("elsewhere", MFD_CLOEXEC);

	memset(wanted, 3, sizeof(wanted));
	ck_assert_int_eq(write(elsewhere, wanted, sizeof(wanted)),
			 sizeof(wanted));
	ck_assert_int_eq(device_copy_in(image, 0, elsewhere, 0, 8192), 0);
	ck_assert(device_holds(image, 0, wanted, sizeof(wanted)));
	close(elsewhere);

	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(device_copy_in(image, 0, ends[0], 0, 10), -ESPIPE);
	ck_assert_int_eq(device_copy_out(image, 0, ends[1], 0, 10), -ESPIPE);
	close(ends[0]);
	close(ends[1]);
	device_close(image);
}
END_TEST

// More than read(2) gives at once (2 GiB less a page).
START_TEST(file_copies_more_than_a_call_can)
{
	const uint64_t n = ((uint64_t)2 << 30) + 12345;
	struct device *image, *memory;
	int to = open(device_path("to"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (!soaking()) {
		close(to);
		return;
	}
	make_image(n);
	image = open_image(DEVICE_WRITE, 0, 0);
	ck_assert_int_eq(device_write(image, n - 4, "tail", 4), 0);
	ck_assert_int_eq(device_memory(n, &memory), 0);
	int from = open(device_path("image"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(device_copy_in(memory, 0, from, 0, n), 0);
	ck_assert(device_holds(memory, n - 4, "tail", 4));
	ck_assert_int_eq(device_copy_out(image, 0, to, 0, n), 0);
	char tail[4];
	ck_assert_int_eq(pread(to, tail, 4, n - 4), 4);
	ck_assert_mem_eq(tail, "tail", 4);
	close(from);
	close(to);
	device_close(image);
	device_close(memory);
}
END_TEST

// ## Refusals

START_TEST(file_refuses)
{
	const char *path = device_path("image");
	struct device *d;
	const int modes[] = { DEVICE_READ, DEVICE_WRITE };

	for (int i = 0; i < 2; i++) {
		int mode = modes[i];

		ck_assert_int_eq(try_open(mode, 0, 0), -ENOENT);
		ck_assert_int_eq(device_file("", mode, 0, 0, &d), -ENOENT);
		ck_assert_int_eq(device_file("/", mode, 0, 0, &d), -EISDIR);
		ck_assert_int_eq(device_file("/dev/null", mode, 0, 0, &d),
				 -EINVAL);
		// Not even opened: that would wait for a writer.
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		ck_assert_int_eq(try_open(mode, 0, 0), -EINVAL);
		ck_assert_int_eq(unlink(path), 0);

		make_image(1000);
		ck_assert_int_eq(try_open(mode, 1001, 0), -EINVAL);
		ck_assert_int_eq(try_open(mode, UINT64_MAX, 1), -EINVAL);
		d = open_image(mode, 1000, 0);
		ck_assert_uint_eq(d->bytes, 0);
		device_close(d);
		// Beyond its end there is nothing.
		d = open_image(mode, 600, UINT64_MAX);
		ck_assert_uint_eq(d->bytes, 400);
		device_close(d);
		ck_assert_int_eq(unlink(path), 0);
	}
	make_image(1000);
	ck_assert_int_eq(chmod(path, 0444), 0);
	if (geteuid() != 0)
		ck_assert_int_eq(try_open(DEVICE_WRITE, 0, 0), -EACCES);
	d = open_image(DEVICE_READ, 0, 0);
	ck_assert_int_eq(device_write(d, 0, "x", 1), -EROFS);
	device_close(d);
}
END_TEST

START_TEST(file_that_was_cut_off)
{
	struct device *d;
	uint8_t bytes[1000];

	make_image(10000);
	d = open_image(DEVICE_READ, 0, 0);
	ck_assert_int_eq(truncate(device_path("image"), 5000), 0);
	ck_assert_int_eq(device_read(d, 4000, bytes, 1000), 0);
	ck_assert_int_eq(device_read(d, 4001, bytes, 1000), -EIO);
	ck_assert_int_eq(device_read(d, 6000, bytes, 1000), -EIO);
	int to = open(device_path("to"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(device_copy_out(d, 0, to, 0, 10000), -EIO);
	close(to);
	device_close(d);
}
END_TEST

START_TEST(file_resizes)
{
	struct device *d;
	struct stat info;

	make_image(10000);
	d = open_image(DEVICE_WRITE, 1000, 0);
	ck_assert_int_eq(device_write(d, 8990, "end", 3), 0);
	ck_assert_int_eq(device_resize(d, 20000), 0);
	ck_assert_uint_eq(d->bytes, 20000);
	ck_assert_int_eq(stat(device_path("image"), &info), 0);
	ck_assert_int_eq(info.st_size, 21000);
	ck_assert_int_eq(device_write(d, 19997, "end", 3), 0);
	ck_assert_int_eq(device_resize(d, 8992), 0);
	ck_assert_int_eq(device_resize(d, 9000), 0);
	ck_assert(device_holds(d, 8990, "en\0", 3));
	ck_assert_int_eq(device_resize(d, INT64_MAX), -EFBIG);
	ck_assert_uint_eq(d->bytes, 9000);
	device_close(d);

	// What follows a partition is somebody else's.
	d = open_image(DEVICE_WRITE, 1000, 5000);
	ck_assert_int_eq(device_resize(d, 6000), -ENOTSUP);
	ck_assert_int_eq(device_resize(d, 4000), -ENOTSUP);
	device_close(d);
}
END_TEST

// A limit that is reached inside a write: the kernel writes what fits and says
// so; only the next call gets the error.
START_TEST(file_write_that_meets_a_limit)
{
	struct rlimit before, limit;
	struct device *d;
	uint8_t bytes[5000];

	memset(bytes, 5, sizeof(bytes));
	make_image(20000);
	d = open_image(DEVICE_WRITE, 0, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 12000;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

	int error = device_write(d, 10000, bytes, sizeof(bytes));

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	ck_assert_int_eq(error, -EFBIG);
	ck_assert(device_holds(d, 10000, bytes, 2000));
	device_close(d);
}
END_TEST

// ## Locks

// A process that has the image open in this mode until it is killed.
static pid_t holder(int mode)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);

	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		struct device *d;

		if (device_file(device_path("image"), mode, 0, 0, &d) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

START_TEST(file_locks)
{
	const struct {
		int held, wanted, error;
	} pairs[] = {
		{ DEVICE_READ, DEVICE_READ, 0 },
		{ DEVICE_READ, DEVICE_WRITE, -EWOULDBLOCK },
		{ DEVICE_WRITE, DEVICE_READ, -EWOULDBLOCK },
		{ DEVICE_WRITE, DEVICE_WRITE, -EWOULDBLOCK },
	};

	make_image(IMAGE);
	for (int i = 0; i < 4; i++) {
		pid_t pid = holder(pairs[i].held);

		ck_assert_int_eq(try_open(pairs[i].wanted, 0, 0),
				 pairs[i].error);
		// A part of it is the same file.
		ck_assert_int_eq(try_open(pairs[i].wanted, 512, 512),
				 pairs[i].error);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		ck_assert_int_eq(try_open(DEVICE_WRITE, 0, 0), 0);
	}
}
END_TEST

struct opening {
	int mode, result, error, turns;
	uint64_t bytes;
};

static void opening_body(void *context)
{
	struct opening *opening = context;
	struct device *d = NULL;

	opening->result = device_file(device_path("image"), opening->mode, 0, 0,
				      &d);
	opening->bytes = d ? d->bytes : 0;
	device_close(d);
}

static int64_t no_lock(void *context, int number, const uint64_t argument[6])
{
	(void)number;
	(void)argument;
	return -((struct opening *)context)->error;
}

// A file system without locks: fit for reading only.
START_TEST(file_without_locks)
{
	const int numbers[] = { SYS_flock, -1 };
	const struct {
		int mode, error, result;
	} rows[] = {
		{ DEVICE_READ, ENOLCK, 0 },
		{ DEVICE_READ, EOPNOTSUPP, 0 },
		{ DEVICE_READ, EWOULDBLOCK, -EWOULDBLOCK },
		{ DEVICE_WRITE, ENOLCK, -ENOLCK },
	};

	make_image(IMAGE);
	for (int i = 0; i < 4; i++) {
		struct opening opening = { .mode = rows[i].mode,
					   .error = rows[i].error };

		if (!run_filtered(&(struct filtered){ .numbers = numbers,
						      .answer = no_lock,
						      .body = opening_body,
						      .context = &opening }))
			SKIP(NO_FILTERS);
		ck_assert_int_eq(opening.result, rows[i].result);
	}
}
END_TEST

// Another image gets the name after this one was opened and before it is locked.
static int64_t replace_first(void *context, int number,
			     const uint64_t argument[6])
{
	struct opening *opening = context;

	(void)number;
	(void)argument;
	if (opening->turns-- > 0) {
		make_file(device_path("new"), "newer", 5);
		rename(device_path("new"), device_path("image"));
	}
	return CALL_GOES_ON;
}

START_TEST(file_replaced_before_it_is_locked)
{
	const int numbers[] = { SYS_flock, -1 };
	struct opening opening = { .mode = DEVICE_WRITE, .turns = 3 };
	struct filtered filtered = { .numbers = numbers,
				     .answer = replace_first,
				     .body = opening_body,
				     .context = &opening };

	make_image(IMAGE);
	if (!run_filtered(&filtered))
		SKIP(NO_FILTERS);
	ck_assert_int_eq(opening.result, 0);
	ck_assert_int_eq(opening.bytes, 5);
	ck_assert_int_eq(opening.turns, -1);

	// It ends, whatever happens.
	opening.turns = 1000;
	ck_assert(run_filtered(&filtered));
	ck_assert_int_eq(opening.result, -EWOULDBLOCK);
}
END_TEST

void add_device_file_tests(Suite *suite)
{
	TCase *tests = tcase_create("file");

	tcase_add_checked_fixture(tests, make_device_folder,
				  remove_device_folder);
	tcase_add_test(tests, file_calls_may_be_short);
	tcase_add_loop_test(tests, file_copies_without_copy_file_range, 0, 4);
	tcase_add_test(tests, file_copies_from_anywhere);
	tcase_add_test(tests, file_copies_more_than_a_call_can);
	tcase_add_test(tests, file_refuses);
	tcase_add_test(tests, file_that_was_cut_off);
	tcase_add_test(tests, file_resizes);
	tcase_add_test(tests, file_write_that_meets_a_limit);
	tcase_add_test(tests, file_locks);
	tcase_add_test(tests, file_without_locks);
	tcase_add_test(tests, file_replaced_before_it_is_locked);
	suite_add_tcase(suite, tests);
}
