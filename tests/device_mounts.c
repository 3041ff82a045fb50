// Tests of fs/ext2/device_file: images that somebody has mounted. With root only.
//
// The loop device is freed when its last user is gone (LO_FLAGS_AUTOCLEAR), so
// nothing stays behind whatever happens here.

#define _GNU_SOURCE
#include "device_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IMAGE = 1 << 20 };

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

// The loop device's fd, with its path; -1: cannot be had here.
static int attach(uint64_t offset, uint64_t limit, char path[64])
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(device_path("image"), O_RDWR | O_CLOEXEC);
	int loop = -1;

	// Another may take the same free one: then the next.
	for (int turn = 0; control >= 0 && loop < 0 && turn < 20; turn++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		struct loop_config config = {
			.fd = file,
			.info = { .lo_offset = offset,
				  .lo_sizelimit = limit,
				  .lo_flags = LO_FLAGS_AUTOCLEAR },
		};

		if (number < 0)
			break;
		snprintf(path, 64, "/dev/loop%d", number);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config)) {
			close(loop);
			loop = -1;
		}
	}
	if (control >= 0)
		close(control);
	if (file >= 0)
		close(file);
	return loop;
}

START_TEST(file_under_a_loop_device)
{
	const uint64_t mib = 1 << 20;
	char path[64];
	struct device *d;
	const struct {
		uint64_t offset, limit; // of the loop device
		uint64_t begin, bytes;  // of the image
		int error;
	} rows[] = {
		{ 0, 0, 0, 0, -EBUSY },
		{ 0, 0, 3 * mib, mib, -EBUSY },
		{ mib, mib, 0, 0, -EBUSY },
		{ mib, mib, 0, mib, 0 },
		{ mib, mib, mib - 512, 513, -EBUSY },
		{ mib, mib, 2 * mib - 1, 0, -EBUSY },
		{ mib, mib, 2 * mib, 0, 0 },
		{ mib, 0, 3 * mib, mib, -EBUSY },
	};

	make_image(4 * mib);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int loop = attach(rows[i].offset, rows[i].limit, path);

		if (loop < 0)
			SKIP("no loop device can be had: %s", strerror(errno));
		ck_assert_int_eq(try_open(DEVICE_WRITE, rows[i].begin,
					  rows[i].bytes),
				 rows[i].error);
		ck_assert_int_eq(
			try_open(DEVICE_READ, rows[i].begin, rows[i].bytes), 0);
		ck_assert_int_eq(device_create(device_path("image"), mib, &d),
				 -EBUSY);
		// By another of its names.
		ck_assert_int_eq(
			link(device_path("image"), device_path("other")), 0);
		ck_assert_int_eq(
			rename(device_path("other"), device_path("image2")), 0);
		ck_assert_int_eq(device_file(device_path("image2"),
					     DEVICE_WRITE, rows[i].begin,
					     rows[i].bytes, &d),
				 rows[i].error);
		if (!rows[i].error)
			device_close(d);
		ck_assert_int_eq(unlink(device_path("image2")), 0);
		close(loop);
		await(try_open(DEVICE_WRITE, 0, 0) == 0);
	}
}
END_TEST

// The name under which the kernel knows it is gone; only the numbers tell.
START_TEST(file_under_a_loop_device_by_number)
{
	char path[64];

	make_image(IMAGE);

	int loop = attach(0, 0, path);

	if (loop < 0)
		SKIP("no loop device can be had: %s", strerror(errno));
	ck_assert_int_eq(link(device_path("image"), device_path("kept")), 0);
	ck_assert_int_eq(unlink(device_path("image")), 0);
	ck_assert_int_eq(rename(device_path("kept"), device_path("image")), 0);
	ck_assert_int_eq(try_open(DEVICE_WRITE, 0, 0), -EBUSY);
	close(loop);
	await(try_open(DEVICE_WRITE, 0, 0) == 0);
}
END_TEST

static void format_ext2(const char *path)
{
	char command[300];

	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext2 '%s'", path);

	struct outcome made = run_shell(command);

	ck_assert_msg(made.exit == 0, "%s", made.err);
	outcome_free(&made);
}

START_TEST(file_block_device_that_is_mounted)
{
	char path[64];
	struct device *d;
	uint8_t bytes[3000], *there;
	size_t n;

	make_image(IMAGE);
	format_ext2(device_path("image"));

	int loop = attach(0, 0, path);

	if (loop < 0)
		SKIP("no loop device can be had: %s", strerror(errno));

	// As long as it is open for writing nobody mounts it, and the reverse.
	memset(bytes, 1, sizeof(bytes));
	ck_assert_int_eq(device_file(path, DEVICE_WRITE, 0, 0, &d), 0);
	ck_assert_uint_eq(d->bytes, IMAGE);
	ck_assert_int_eq(device_resize(d, IMAGE / 2), -ENOTSUP);

	int done[2];
	char result, byte;

	ck_assert_int_eq(pipe2(done, O_CLOEXEC), 0);

	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		struct device *held;

		if (unshare(CLONE_NEWNS) ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(2);
		result = mount(path, device_folder, "ext2", 0, "") == 0 ? 1
			 : errno == EBUSY                               ? 0
									: 2;
		device_close(d);
		if (read(done[0], &byte, 1) != 1)
			_exit(8);
		if (result || mount(path, device_folder, "ext2", 0, ""))
			_exit(3 + result);
		result = device_file(path, DEVICE_WRITE, 0, 0, &held);
		_exit(-(signed char)result == EBUSY ? 0 : 9);
	}
	// The child has a copy of the descriptor: it is closed when both are.
	device_close(d);
	ck_assert_int_eq(write(done[1], "", 1), 1);

	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(done[0]);
	close(done[1]);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "status %x", status);

	// Parts of sectors, and of the device; fallocate(2) wants whole ones.
	memset(bytes, 7, sizeof(bytes));
	await(device_file(path, DEVICE_WRITE, 1024, 0, &d) == 0);
	ck_assert_int_eq(device_write(d, 100, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(device_punch(d, 333, 1111), 0);
	memset(bytes + 233, 0, 1111);
	ck_assert(device_holds(d, 100, bytes, sizeof(bytes)));
	ck_assert_int_eq(device_flush(d), 0);
	device_close(d);
	there = file_bytes(device_path("image"), &n);
	ck_assert_mem_eq(there + 1124, bytes, sizeof(bytes));
	free(there);
	close(loop);
	await(try_open(DEVICE_WRITE, 0, 0) == 0);
}
END_TEST

void add_device_mount_tests(Suite *suite)
{
	TCase *tests = tcase_create("mounted");

	tcase_add_checked_fixture(tests, make_device_folder,
				  remove_device_folder);
	tcase_add_test(tests, file_under_a_loop_device);
	tcase_add_test(tests, file_under_a_loop_device_by_number);
	tcase_add_test(tests, file_block_device_that_is_mounted);
	suite_add_tcase(suite, tests);
}
