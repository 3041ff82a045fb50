// ext2_inodes.c - inodes: every field there and back
//
// The judge is debugfs: what we write, its "stat" must show; what its
// "set_inode_field" writes, we must read.

#include "ext2_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static void expect(const char *said, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void expect(const char *said, const char *fmt, ...)
{
	char text[200];
	va_list arguments;

	va_start(arguments, fmt);
	vsnprintf(text, sizeof text, fmt, arguments);
	va_end(arguments);
	ck_assert_msg(strstr(said, text), "no '%s' in\n%s", text, said);
}

static char *stat_of(const char *what)
{
	return content_shell("TZ=UTC debugfs -R 'stat %s' image 2>/dev/null",
			     what);
}

static void new_image(const char *options)
{
	content_make_image(options, "4M", 2);
}

// ## Times

struct moment {
	int64_t seconds;
	uint32_t ns;
	int64_t small; // what an inode of 128 bytes makes of it
};

static const struct moment moments[] = {
	{ -2147483648, 0, -2147483648 },          // 1901
	{ -157766400, 123456789, -157766400 },    // 1965
	{ -1, 999999999, -1 },
	{ 0, 1, 0 },
	{ 1700000000, 500000000, 1700000000 },
	{ 2147483647, 999999999, 2147483647 },    // January 2038
	{ 2147483648, 0, 2147483647 },            // a second later
	{ 2208988800, 7, 2147483647 },            // 2040
	{ 4294967295, 1, 2147483647 },            // 2106
	{ 4294967296, 2, 2147483647 },
	{ 6442450943, 3, 2147483647 },
	{ 6442450944, 4, 2147483647 },
	{ 12884901888, 5, 2147483647 },
	{ 15032385535, 999999999, 2147483647 },   // 2446
};

enum { MOMENTS = sizeof moments / sizeof *moments };

static void expect_time(const char *said, const char *label, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char date[60], line[200];
	const char *at = strstr(said, label);
	struct tm tm;

	ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
	strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm);
	ck_assert_msg(at, "%s", said);
	snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
	expect(line, "%s", date);
}

START_TEST(times)
{
	struct content_image image;
	struct ext2_inode inode;
	const struct moment *m = &moments[_i % MOMENTS];
	bool small = _i >= MOMENTS;
	struct ext2_time time = { m->seconds, m->ns }, earlier = time;
	int64_t seconds = small ? m->small : m->seconds;
	char *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image(small ? "-t ext2 -I 128" : "-t ext2 -I 256");
	image = content_open(EXT2_WRITE);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	earlier.ns /= 2;
	inode.mtime = inode.atime = time;
	inode.ctime = inode.crtime = earlier;
	ck_assert_int_eq(ext2_set_inode(image.fs, &inode), 0);
	memset(&inode, 0xee, sizeof inode);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_int_eq(inode.mtime.seconds, seconds);
	ck_assert_uint_eq(inode.mtime.ns, small ? 0 : m->ns);
	ck_assert_int_eq(inode.atime.seconds, seconds);
	ck_assert_int_eq(inode.ctime.seconds, seconds);
	ck_assert_uint_eq(inode.ctime.ns, small ? 0 : m->ns / 2);
	ck_assert_int_eq(inode.crtime.seconds, small ? 0 : seconds);
	content_commit(&image);
	content_close(&image);
	content_check();

	said = stat_of("f0");
	expect_time(said, "mtime: ", seconds);
	expect_time(said, "atime: ", seconds);
	expect_time(said, "ctime: ", seconds);
	if (!small) {
		expect_time(said, "crtime: ", seconds);
		expect(said, " mtime: 0x%08x:%08x", (uint32_t)seconds,
		       (uint32_t)((seconds - (int32_t)seconds) >> 32 & 3) |
			       m->ns << 2);
	}
	free(said);
}
END_TEST

// Outside what can be told: the nearest that can.
START_TEST(times_are_clamped)
{
	static const struct {
		int64_t seconds, wanted;
	} far[] = { { INT64_MIN, -2147483648 },
		    { -2147483649, -2147483648 },
		    { 15032385536, 15032385535 },
		    { INT64_MAX, 15032385535 } };
	struct content_image image;
	struct ext2_inode inode;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image("-t ext2 -I 256");
	image = content_open(EXT2_WRITE);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
		inode.mtime = (struct ext2_time){ far[i].seconds, 5 };
		ck_assert_int_eq(ext2_set_inode(image.fs, &inode), 0);
		ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
		ck_assert_int_eq(inode.mtime.seconds, far[i].wanted);
	}
	content_close(&image);
}
END_TEST

// What debugfs sets.
START_TEST(times_of_debugfs)
{
	struct content_image image;
	struct ext2_inode inode;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image("-t ext2 -I 256");
	content_do("debugfs -w -R 'sif f0 mtime 24460510223855' image; "
		   "debugfs -w -R 'sif f0 atime @-2145916800' image; "
		   "debugfs -w -R 'sif f0 crtime 20400229120000' image; "
		   "debugfs -w -R 'sif f0 ctime_extra 0xffffffff' image");
	image = content_open(0);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_int_eq(inode.mtime.seconds, 15032385535);
	ck_assert_int_eq(inode.atime.seconds, -2145916800);
	ck_assert_int_eq(inode.crtime.seconds, 2214129600);
	ck_assert_uint_eq(inode.ctime.ns, 999999999); // 2^30 - 1 is too many
	content_close(&image);
}
END_TEST

// ## The other fields

START_TEST(fields)
{
	struct content_image image;
	struct ext2_inode inode, again;
	char *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image(_i ? "-t ext2 -I 128" : "-t ext2 -I 512 -O ^resize_inode");
	content_do("debugfs -w -R 'sif f0 version 77' image");
	if (!_i)
		content_do("debugfs -w -R 'sif f0 projid 99' image");
	image = content_open(EXT2_WRITE);
	ck_assert_int_eq(inode_get(image.fs, FIRST_FILE, &inode), 0);
	inode.mode = S_IFREG | 06751;
	inode.uid = 100000;
	inode.gid = 4294967294u;
	inode.size = (uint64_t)3 << 32 | 12345;
	inode.links = 31999;
	inode.dtime = 0x12345678;
	inode.flags = INODE_NODUMP | INODE_NOATIME;
	inode.generation = 0xfedcba98;
	inode.sectors = 24;
	for (unsigned i = 0; i < sizeof inode.block; i++)
		inode.block[i] = (uint8_t)(i + 1);
	ck_assert_int_eq(inode_put(image.fs, &inode), 0);
	memset(&again, 0x55, sizeof again);
	memcpy(again.rest, inode.rest, sizeof again.rest);
	ck_assert_int_eq(inode_get(image.fs, FIRST_FILE, &again), 0);
	ck_assert_uint_eq(again.ino, FIRST_FILE);
	ck_assert_uint_eq(again.mode, inode.mode);
	ck_assert_uint_eq(again.uid, inode.uid);
	ck_assert_uint_eq(again.gid, inode.gid);
	ck_assert_uint_eq(again.size, inode.size);
	ck_assert_uint_eq(again.links, inode.links);
	ck_assert_uint_eq(again.dtime, inode.dtime);
	ck_assert_uint_eq(again.flags, inode.flags);
	ck_assert_uint_eq(again.generation, inode.generation);
	ck_assert_uint_eq(again.sectors, inode.sectors);
	ck_assert_uint_eq(again.extra, inode.extra);
	ck_assert_mem_eq(again.block, inode.block, sizeof inode.block);
	content_commit(&image);
	content_close(&image);

	said = stat_of("f0");
	expect(said, "Type: regular");
	expect(said, "Mode:  06751");
	expect(said, "Flags: 0xc0");
	expect(said, "Generation: 4275878552");
	expect(said, "User: 100000");
	expect(said, "Group:    -2");
	expect(said, "Size: 12884914233");
	expect(said, "Links: 31999");
	expect(said, "Blockcount: 24");
	expect(said, "dtime: 0x12345678");
	expect(said, "(0):67305985"); // 1, 2, 3, 4
	expect(said, "Version: 0x%s0000004d", _i ? "" : "00000000:");
	if (!_i)
		expect(said, "Project:    99");
	free(said);
}
END_TEST

START_TEST(device_numbers)
{
	static const struct {
		uint32_t major, minor;
		bool old;
	} devices[] = { { 8, 1, true },        { 255, 255, true },
			{ 259, 70000, false }, { 0, 256, false },
			{ 256, 0, false },     { 4095, 1048575, false },
			{ 3, 112, true } };
	struct content_image image;
	struct ext2_inode inode;
	char *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		new_image("-t ext2");
		content_do("debugfs -w -R 'mknod dev %c 1 1' image",
			   i % 2 ? 'b' : 'c');
		image = content_open(EXT2_WRITE);
		ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE + 2, &inode),
				 0);
		ck_assert_uint_eq(inode.device_major, 1);
		ck_assert_uint_eq(inode.device_minor, 1);
		inode.device_major = devices[i].major;
		inode.device_minor = devices[i].minor;
		ck_assert_int_eq(inode_put(image.fs, &inode), 0);
		ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE + 2, &inode),
				 0);
		ck_assert_uint_eq(inode.device_major, devices[i].major);
		ck_assert_uint_eq(inode.device_minor, devices[i].minor);
		content_commit(&image);
		content_close(&image);
		content_check();
		said = stat_of("dev");
		expect(said, i % 2 ? "Type: block" : "Type: character");
		if (devices[i].old)
			expect(said, "Device major/minor number: %02u:%02u",
			       devices[i].major, devices[i].minor);
		else
			expect(said,
			       "(New-style) Device major/minor number: "
			       "%02u:%02u",
			       devices[i].major, devices[i].minor);
		free(said);
	}
}
END_TEST

// A size above 4 GiB belongs to regular files; i_blocks of ext4's huge files.
START_TEST(wide_numbers)
{
	struct content_image image;
	struct ext2_inode inode;
	char *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image("-t ext2 -b 4096 -O huge_file");
	content_do("debugfs -w -R 'sif / size_high 1' image");
	image = content_open(EXT2_WRITE);
	ck_assert_int_eq(ext2_inode(image.fs, INO_ROOT, &inode), 0);
	ck_assert_uint_eq(inode.size, 4096);
	ck_assert_int_eq(inode_get(image.fs, FIRST_FILE, &inode), 0);
	inode.sectors = UINT64_C(5) << 32 | 9;
	ck_assert_int_eq(inode_put(image.fs, &inode), 0);
	ck_assert_int_eq(inode_get(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_uint_eq(inode.sectors, UINT64_C(5) << 32 | 9);
	ck_assert_uint_eq(inode.flags, 0);
	inode.ino = FIRST_FILE + 1;
	inode.sectors = UINT64_C(1) << 50;
	ck_assert_int_eq(inode_put(image.fs, &inode), 0);
	ck_assert_int_eq(inode_get(image.fs, FIRST_FILE + 1, &inode), 0);
	ck_assert_uint_eq(inode.sectors, UINT64_C(1) << 50);
	ck_assert_uint_eq(inode.flags, INODE_HUGE_FILE);
	content_commit(&image);
	content_close(&image);
	said = stat_of("f0");
	expect(said, "Blockcount: 21474836489");
	free(said);
	said = stat_of("f1");
	expect(said, "Flags: 0x40000");
	expect(said, "Blockcount: 140737488355328"); // blocks, it says
	free(said);
}
END_TEST

START_TEST(what_set_inode_leaves)
{
	struct content_image image;
	struct ext2_inode inode, wanted;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image("-t ext2");
	image = content_open(EXT2_WRITE);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	wanted = inode;
	wanted.mode = S_IFDIR | 0755;
	ck_assert_int_eq(ext2_set_inode(image.fs, &wanted), -EINVAL);
	wanted.mode = S_IFREG | 07777;
	wanted.size = 1 << 20;
	wanted.links = 9;
	wanted.sectors = 99;
	wanted.block[0] = 99;
	wanted.xattr_block = 99;
	wanted.generation = 99;
	wanted.flags = INODE_EXTENTS | INODE_INDEX | INODE_HUGE_FILE |
		       INODE_INLINE_DATA | INODE_EA_INODE | INODE_APPEND;
	ck_assert_int_eq(ext2_set_inode(image.fs, &wanted), 0);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &wanted), 0);
	ck_assert_uint_eq(wanted.mode, S_IFREG | 07777);
	ck_assert_uint_eq(wanted.flags, INODE_APPEND);
	ck_assert_uint_eq(wanted.size, inode.size);
	ck_assert_uint_eq(wanted.links, inode.links);
	ck_assert_uint_eq(wanted.sectors, inode.sectors);
	ck_assert_uint_eq(wanted.xattr_block, 0);
	ck_assert_uint_eq(wanted.generation, inode.generation);
	ck_assert_mem_eq(wanted.block, inode.block, sizeof inode.block);
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

START_TEST(numbers_out_of_bounds)
{
	struct content_image image;
	struct ext2_numbers n;
	struct ext2_inode inode;
	uint64_t block;
	uint32_t offset;
	bool used;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image("-t ext2 -b 1024");
	image = content_open(EXT2_WRITE);
	ext2_numbers(image.fs, &n);
	ck_assert_int_eq(ext2_inode(image.fs, 0, &inode), -EUCLEAN);
	ck_assert_int_eq(ext2_inode(image.fs, n.inodes, &inode), 0);
	ck_assert_int_eq(ext2_inode(image.fs, n.inodes + 1, &inode), -EUCLEAN);
	ck_assert_int_eq(ext2_inode(image.fs, UINT32_MAX, &inode), -EUCLEAN);
	inode.ino = 0;
	ck_assert_int_eq(inode_put(image.fs, &inode), -EUCLEAN);
	ck_assert_int_eq(ext2_inode_in_use(image.fs, 0, &used), -EINVAL);
	ck_assert_int_eq(ext2_inode_in_use(image.fs, n.inodes + 1, &used),
			 -EINVAL);
	ck_assert_int_eq(ext2_inode_place(image.fs, 1, &block, &offset), 0);
	ck_assert_uint_eq(block, image.fs->groups[0].inode_table);
	ck_assert_uint_eq(offset, 0);
	ck_assert_int_eq(ext2_inode_place(image.fs, 6, &block, &offset), 0);
	ck_assert_uint_eq(block, image.fs->groups[0].inode_table + 1);
	ck_assert_uint_eq(offset, n.inode_bytes);
	ck_assert_int_eq(inode_free(image.fs, INO_ROOT, true), -EUCLEAN);
	ck_assert_int_eq(inode_free(image.fs, 0, false), -EUCLEAN);
	content_close(&image);
}
END_TEST

// The end of a file: blocks, attributes and inode are free; undelete finds where
// the blocks were.
START_TEST(removing)
{
	struct content_image image;
	struct ext2_numbers before, after;
	bool used;
	char *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	new_image(_i ? "-t ext3 -b 1024 -J size=1" : "-t ext2 -b 1024");
	content_do("head -c 300000 /dev/urandom >data; "
		   "debugfs -w -R 'write data big' image; "
		   "debugfs -w -R 'unlink big' image");
	image = content_open(EXT2_WRITE);
	ext2_numbers(image.fs, &before);
	ck_assert_int_eq(inode_remove(image.fs, FIRST_FILE + 2), 0);
	ext2_numbers(image.fs, &after);
	ck_assert_uint_eq(after.free_blocks - before.free_blocks, 296);
	ck_assert_uint_eq(after.free_inodes - before.free_inodes, 1);
	ck_assert_int_eq(ext2_inode_in_use(image.fs, FIRST_FILE + 2, &used), 0);
	ck_assert(!used);
	content_commit(&image);
	ext2_numbers(image.fs, &after);
	ck_assert_uint_eq(after.free_blocks - before.free_blocks, 296);
	ck_assert_uint_eq(after.free_inodes - before.free_inodes, 1);
	content_close(&image);
	content_check();
	said = content_shell("debugfs -R lsdel image 2>/dev/null");
	expect(said, "1 deleted inodes found");
	expect(said, " 300000 ");
	free(said);
}
END_TEST

TCase *ext2_inode_case(void)
{
	TCase *tests = tcase_create("inodes");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, times, 0, 2 * MOMENTS);
	tcase_add_test(tests, times_are_clamped);
	tcase_add_test(tests, times_of_debugfs);
	tcase_add_loop_test(tests, fields, 0, 2);
	tcase_add_test(tests, device_numbers);
	tcase_add_test(tests, wide_numbers);
	tcase_add_test(tests, what_set_inode_leaves);
	tcase_add_test(tests, numbers_out_of_bounds);
	tcase_add_loop_test(tests, removing, 0, 2);
	return tests;
}
