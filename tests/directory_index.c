// directory_index.c - large directories: the index, built, looked up, split, dropped
//
// Judges: e2fsck checks every index (order, ranges, depth, limits), and makes
// others for us to read (-D); debugfs prints hashes (htree_dump), also the unsigned
// ones; the kernel's ext4 driver looks names up through our index, and changes it.

#define _GNU_SOURCE
#include "directory_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ## Many names

static void add_many(struct ext2 *fs, uint32_t dir, uint32_t from, uint32_t end)
{
	struct ext2_inode attributes = wanted(S_IFREG | 0644);
	char name[NAME_LONGEST + 1];

	for (uint32_t i = from; i < end; i++) {
		size_t length = many_name(i, name);
		uint32_t ino;

		ck_assert_int_eq(ext2_create(fs, dir, name, length, &attributes,
					     &ino),
				 0);
	}
}

static void remove_many(struct ext2 *fs, uint32_t dir, uint32_t from,
			uint32_t end, uint32_t step)
{
	char name[NAME_LONGEST + 1];

	for (uint32_t i = from; i < end; i += step) {
		size_t length = many_name(i, name);

		ck_assert_int_eq(ext2_unlink(fs, dir, name, length), 0);
	}
}

static int count_entry(void *context, const struct ext2_entry *entry)
{
	*(uint32_t *)context += entry->name[0] == 'n';
	return 0;
}

// Names [from, end) whose number is there (every one; NULL) are found, others not,
// and there are no more.
static void find_many(struct ext2 *fs, uint32_t dir, uint32_t end,
		      const bool *there)
{
	char name[NAME_LONGEST + 1];
	uint32_t counted = 0, expected = 0;

	for (uint32_t i = 0; i < end + 500; i++) {
		size_t length = many_name(i, name);
		struct ext2_entry entry;
		bool is = i < end && (!there || there[i]);
		int error = ext2_find(fs, dir, name, length, &entry);

		ck_assert_msg(error == (is ? 0 : -ENOENT), "%s: %s", name,
			      strerror(-error));
		expected += is;
	}
	ck_assert_int_eq(ext2_list(fs, dir, count_entry, &counted), 0);
	ck_assert_uint_eq(counted, expected);
}

static uint32_t find_dir(struct ext2 *fs, const char *name)
{
	uint32_t ino = 0;

	ck_assert_int_eq(find_name(fs, INO_ROOT, name, &ino), 0);
	return ino;
}

struct grown {
	uint32_t block_bytes, names, levels;
};

static const struct grown grown[] = {
	{ 1024, 30, 0 },    { 1024, 600, 1 },   { 1024, 20000, 2 },
	{ 2048, 600, 1 },   { 2048, 30000, 2 }, { 4096, 600, 1 },
	{ 4096, 60000, 1 },
};

static int levels_of(struct ext2 *fs, uint32_t dir)
{
	struct ext2_inode inode;
	uint8_t bytes[32];

	ck_assert_int_eq(ext2_inode(fs, dir, &inode), 0);
	if (!(inode.flags & INODE_INDEX))
		return 0;
	ck_assert_int_eq(ext2_read(fs, dir, 0, bytes, sizeof bytes), 32);
	return 1 + ((struct disk_htree_root *)(bytes + 24))->indirect_levels;
}

START_TEST(built_at_once)
{
	const struct grown *g = &grown[_i];
	uint64_t blocks = 3000 + g->names / 2 +
			  (uint64_t)g->names * 320 / g->block_bytes;
	struct content_image image = fresh_image(g->block_bytes, blocks,
						 g->names + 100, 0);
	uint32_t d = make_dir(image.fs, INO_ROOT, "d");

	add_many(image.fs, d, 0, g->names);
	find_many(image.fs, d, g->names, NULL);
	ck_assert_int_eq(levels_of(image.fs, d), 0);
	content_commit(&image);
	ck_assert_int_eq(levels_of(image.fs, d), (int)g->levels);
	find_many(image.fs, d, g->names, NULL);
	content_close(&image);
	image = content_open(0);
	find_many(image.fs, d, g->names, NULL);
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();
}
END_TEST

// Then names come to an index that is there, and go.
START_TEST(split_one_by_one)
{
	static const uint32_t block_bytes[] = { 1024, 2048, 4096 };
	enum { FIRST = 700, ALL = 9000 };
	struct content_image image = fresh_image(block_bytes[_i], 20000,
						 ALL + 100, 1024);
	uint32_t d = make_dir(image.fs, INO_ROOT, "d");
	bool *there = calloc(ALL, sizeof *there);

	add_many(image.fs, d, 0, FIRST);
	content_commit(&image);
	content_close(&image);
	image = content_open(EXT2_WRITE); // with a journal
	ck_assert_int_eq(levels_of(image.fs, d), 1);
	add_many(image.fs, d, FIRST, ALL / 2);
	find_many(image.fs, d, ALL / 2, NULL);
	content_commit(&image);
	if (content_judges())
		content_check();
	remove_many(image.fs, d, 0, ALL / 2, 2);
	add_many(image.fs, d, ALL / 2, ALL);
	for (uint32_t i = 0; i < ALL; i++)
		there[i] = i >= ALL / 2 || i % 2;
	find_many(image.fs, d, ALL, there);
	content_commit(&image);
	ck_assert_int_eq(levels_of(image.fs, d), _i == 0 ? 2 : 1);
	find_many(image.fs, d, ALL, there);
	content_close(&image);
	free(there);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();
}
END_TEST

// 1 KiB blocks hold 124 × 127 leaves in the index. With more the directory goes on
// without one.
START_TEST(a_full_index)
{
	enum { BUILT = 40000, ALL = 64000 };
	struct content_image image = fresh_image(1024, 90000, ALL + 100, 0);
	struct ext2_inode attributes = wanted(S_IFREG | 0644);
	uint32_t d = make_dir(image.fs, INO_ROOT, "d"), ino;
	char name[NAME_LONGEST + 1];
	struct ext2_entry entry;

	memset(name, 'x', sizeof name);
	for (uint32_t i = 0; i < ALL; i++) {
		if (i == BUILT) {
			content_commit(&image);
			ck_assert_int_eq(levels_of(image.fs, d), 2);
		}
		snprintf(name, 10, "%09u", i);
		name[9] = 'x';
		ck_assert_int_eq(ext2_create(image.fs, d, name, 250,
					     &attributes, &ino),
				 0);
	}
	ck_assert_int_eq(levels_of(image.fs, d), 0);
	content_commit(&image);
	for (uint32_t i = 0; i < ALL; i++) {
		snprintf(name, 10, "%09u", i);
		name[9] = 'x';
		ck_assert_int_eq(ext2_find(image.fs, d, name, 250, &entry), 0);
	}
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();
}
END_TEST

// More are worked on than are open, by turns.
START_TEST(many_directories_by_turns)
{
	enum { DIRS = 100, EACH = 300 };
	struct content_image image = fresh_image(1024, 40000, 31000, 0);
	uint32_t dir[DIRS];

	for (int i = 0; i < DIRS; i++) {
		char name[16];

		snprintf(name, sizeof name, "d%d", i);
		dir[i] = make_dir(image.fs, INO_ROOT, name);
	}
	for (uint32_t k = 0; k < EACH; k += 30)
		for (int i = 0; i < DIRS; i++)
			add_many(image.fs, dir[i], k, k + 30);
	content_commit(&image);
	for (int i = 0; i < DIRS; i++) {
		ck_assert_msg(has_index(image.fs, dir[i]), "%d", i);
		find_many(image.fs, dir[i], EACH, NULL);
	}
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();
}
END_TEST

// ## A full image

static void fill_until_full(struct ext2 *fs)
{
	struct ext2_inode attributes = wanted(S_IFREG | 0644);
	static const uint8_t bytes[1024] = { 1 };
	uint32_t ino;
	char name[16];
	int error = 0;

	for (int i = 0; !error; i++) {
		int n = snprintf(name, sizeof name, "full%d", i);

		error = ext2_create_with(fs, INO_ROOT, name, (size_t)n,
					 &attributes, bytes, sizeof bytes,
					 &ino);
	}
	ck_assert_int_eq(error, -ENOSPC);
}

// There is no room for the root of an index: it stays linear, and nothing is lost.
START_TEST(no_room_to_build)
{
	struct content_image image = fresh_image(1024, 2000, 3000, 0);
	uint32_t d = make_dir(image.fs, INO_ROOT, "d");

	add_many(image.fs, d, 0, 400);
	fill_until_full(image.fs);
	content_commit(&image);
	ck_assert_int_eq(levels_of(image.fs, d), 0);
	find_many(image.fs, d, 400, NULL);
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();
}
END_TEST

// Names are added until there is no block for one more; the last one is not there.
START_TEST(no_room_to_split)
{
	bool indexed = _i > 0;
	struct content_image image = fresh_image(1024, 3000, 3000, 0);
	struct ext2_inode attributes = wanted(S_IFREG | 0644);
	uint32_t d = make_dir(image.fs, INO_ROOT, "d"), n = 400, ino;
	char name[NAME_LONGEST + 1];
	int error = 0;

	add_many(image.fs, d, 0, n);
	if (indexed)
		content_commit(&image);
	fill_until_full(image.fs);
	while (!error) {
		size_t length = many_name(n, name);

		error = ext2_create(image.fs, d, name, length, &attributes,
				    &ino);
		n += error == 0;
	}
	ck_assert_int_eq(error, -ENOSPC);
	ck_assert_int_eq(ext2_unlink(image.fs, INO_ROOT, "full0", 5), 0);
	content_commit(&image);
	ck_assert_int_eq(levels_of(image.fs, d), indexed);
	find_many(image.fs, d, n, NULL);
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();
}
END_TEST

// ## Room set aside

START_TEST(expected_entries)
{
	struct content_image image = fresh_image(1024, 4000, 2000, 0);
	struct ext2 *fs = image.fs;
	uint32_t a = make_dir(fs, INO_ROOT, "a"),
		 b = make_dir(fs, INO_ROOT, "b");
	struct ext2_inode inode;
	struct ext2_run run;
	uint64_t before = fs->free_blocks;

	ck_assert_int_eq(ext2_expect_entries(fs, a, 1000), 0);
	ck_assert_int_eq(ext2_expect_entries(fs, b, 100), 0);
	ck_assert_uint_lt(fs->free_blocks, before - 8);
	for (uint32_t i = 0; i < 200; i += 20) {
		add_many(fs, a, i, i + 20);
		add_many(fs, b, i, i + 20);
	}
	ck_assert_int_eq(ext2_inode(fs, a, &inode), 0);
	ck_assert_uint_ge(inode.size, 5 * 1024);
	ck_assert_int_eq(ext2_run_at(fs, &inode, 1, &run), 0);
	ck_assert_uint_eq(run.blocks, inode.size / 1024 - 1);
	content_commit(&image);
	ck_assert_int_eq(ext2_expect_entries(fs, b, UINT64_MAX), 0);
	ck_assert_int_eq(ext2_expect_entries(fs, 99, 10), -ENOTDIR);
	content_commit(&image);
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check(); // blocks that are in use without reason, too
}
END_TEST

// ## Without a journal

// An image whose directory d has an index and 500 names, open as an ordered one.
static struct content_image ordered_image(uint32_t *d)
{
	struct content_image image = fresh_image(1024, 4000, 3000, 0);

	*d = make_dir(image.fs, INO_ROOT, "d");
	add_many(image.fs, *d, 0, 500);
	content_commit(&image);
	content_close(&image);
	image = content_open(EXT2_WRITE);
	ck_assert_int_eq(image.fs->mode, MODE_ORDERED);
	ck_assert_int_eq(levels_of(image.fs, *d), 1);
	return image;
}

// What removals have freed is not used before the commit, and then it is.
START_TEST(freed_room_is_held)
{
	uint32_t d;
	struct content_image image = ordered_image(&d);
	struct ext2_entry old, new;
	char name[NAME_LONGEST + 1];
	size_t length = many_name(7, name);
	bool there[501];

	memset(there, true, sizeof there);
	ck_assert_int_eq(ext2_find(image.fs, d, name, length, &old), 0);
	ck_assert_int_eq(ext2_unlink(image.fs, d, name, length), 0);
	ck_assert_int_eq(levels_of(image.fs, d), 1);
	add_many(image.fs, d, 7, 8);
	ck_assert_int_eq(ext2_find(image.fs, d, name, length, &new), 0);
	ck_assert_uint_ne(new.block, old.block);
	content_commit(&image);
	if (content_judges())
		content_check();
	ck_assert_int_eq(ext2_unlink(image.fs, d, name, length), 0);
	content_commit(&image);
	add_many(image.fs, d, 7, 8);
	ck_assert_int_eq(ext2_find(image.fs, d, name, length, &old), 0);
	ck_assert_uint_eq(old.block, new.block);
	find_many(image.fs, d, 500, there);
	content_commit(&image);
	content_close(&image);
	if (content_judges())
		content_check();
}
END_TEST

// Removing, and adding where there is room, keep the index. The first name whose
// leaf is full ends it.
START_TEST(an_index_is_dropped)
{
	uint32_t d, n = 500;
	struct content_image image = ordered_image(&d);
	bool there[3000];

	memset(there, true, sizeof there);
	for (uint32_t i = 0; i < 300; i += 3)
		there[i] = false;
	remove_many(image.fs, d, 0, 300, 3);
	content_commit(&image);
	ck_assert_int_eq(levels_of(image.fs, d), 1);
	if (content_judges())
		content_check();
	for (; levels_of(image.fs, d) == 1; n++) {
		add_many(image.fs, d, n, n + 1);
		content_commit(&image);
	}
	ck_assert_uint_gt(n, 501);
	find_many(image.fs, d, n, there);
	if (content_judges())
		content_check();
	add_many(image.fs, d, n, n + 100);
	remove_many(image.fs, d, n, n + 100, 1);
	find_many(image.fs, d, n, there);
	content_commit(&image);
	content_close(&image);
	if (content_judges())
		content_check();
}
END_TEST

// The commit that drops it, cut off after each of its writes.
START_TEST(a_crash_while_it_is_dropped)
{
	uint32_t d, n = 500;
	struct content_image image = ordered_image(&d);
	struct recording recording = { .fail_at = UINT64_MAX };
	struct device *base, *recorder;
	struct ext2 *fs;
	uint8_t *before;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	before = device_bytes(image.device);
	ck_assert_int_eq(device_memory(image.device->bytes, &base), 0);
	ck_assert_int_eq(device_write(base, 0, before, base->bytes), 0);
	content_close(&image);
	ck_assert_int_eq(device_recorder(base, &recording, &recorder), 0);
	fs = opened(recorder, EXT2_WRITE);
	while (levels_of(fs, d) == 1) {
		add_many(fs, d, n, n + 1);
		n++;
	}
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	ck_assert_uint_gt(recording.count, 5);
	ck_assert_int_eq(device_write(base, 0, before, base->bytes), 0);
	for (size_t i = 0; i < recording.count; i++) {
		const struct recorded *r = &recording.item[i];

		image_to_file(base);
		content_do("e2fsck -fp image >/dev/null 2>&1; test $? -le 1 "
			   "&& e2fsck -fn image");
		image = content_open(0);
		for (uint32_t k = 0; k < 500; k++) {
			char name[NAME_LONGEST + 1];
			size_t length = many_name(k, name);
			struct ext2_entry entry;

			ck_assert_int_eq(ext2_find(image.fs, d, name, length,
						   &entry),
					 0);
		}
		content_close(&image);
		if (r->kind == RECORDED_WRITE)
			ck_assert_int_eq(device_write(base, r->offset, r->bytes,
						      r->n),
					 0);
	}
	free(before);
	recording_clear(&recording);
	device_close(recorder);
	device_close(base);
}
END_TEST

// ## Indexes that others made

static void host_tree(const char *below, uint32_t names)
{
	char path[400], name[NAME_LONGEST + 1];

	snprintf(path, sizeof path, "%s/%s", content_folder, below);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	for (uint32_t i = 0; i < names; i++) {
		many_name(i, name);
		snprintf(path, sizeof path, "%s/%s/%s", content_folder, below,
			 name);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		snprintf(path, sizeof path, "%s/%s/\xe9\xff%u\x80\xfe",
			 content_folder, below, i);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	}
}

static void find_odd(struct ext2 *fs, uint32_t d, uint32_t names)
{
	for (uint32_t i = 0; i < names; i++) {
		struct ext2_entry entry;
		char name[32];
		int n = snprintf(name, sizeof name, "\xe9\xff%u\x80\xfe", i);

		ck_assert_int_eq(ext2_find(fs, d, name, (size_t)n, &entry), 0);
	}
}

// Hashes of all kinds, signed and not: e2fsck sorts, we look up, and go on.
START_TEST(made_by_e2fsck)
{
	enum { NAMES = 1500 };
	static const char *const algorithms[] = { "legacy", "half_md4", "tea" };
	struct content_image image;
	bool is_unsigned = _i >= 3;
	uint32_t d;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	host_tree("tree", 1);
	content_do("mkdir tree/d");
	host_tree("tree/d/e", NAMES);
	content_do(
		"mke2fs -q -F -t ext3 -b 1024 -N 12000 -d tree/d image 20M && "
		"tune2fs -E hash_alg=%s image >/dev/null && "
		"debugfs -w -R 'ssv flags %d' image 2>/dev/null && "
		"{ e2fsck -fyD image >/dev/null; test $? -le 1; }",
		algorithms[_i % 3], is_unsigned ? 2 : 1);
	image = content_open(EXT2_WRITE);
	d = find_dir(image.fs, "e");
	ck_assert_int_eq(levels_of(image.fs, d), 1);
	find_many(image.fs, d, NAMES, NULL);
	find_odd(image.fs, d, NAMES);
	add_many(image.fs, d, NAMES, NAMES * 3);
	for (uint32_t i = NAMES; i < 2 * NAMES; i++) {
		char name[32];
		int n = snprintf(name, sizeof name, "\xe9\xff%u\x80\xfe", i);
		struct ext2_inode attributes = wanted(S_IFREG | 0644);
		uint32_t ino;

		ck_assert_int_eq(ext2_create(image.fs, d, name, (size_t)n,
					     &attributes, &ino),
				 0);
	}
	find_many(image.fs, d, NAMES * 3, NULL);
	find_odd(image.fs, d, NAMES * 2);
	content_commit(&image);
	ck_assert_int_ge(levels_of(image.fs, d), 1);
	content_check();

	// What debugfs takes for the hashes of the names in the leaves, a few a line.
	// (It says also that nodes have no space for a checksum, and they need none.)
	char *out =
		content_shell("debugfs -R 'htree_dump /e' image 2>/dev/null");
	uint32_t seen = 0;

	for (char *at = out; (at = strstr(at, " 0x")); at++) {
		uint32_t hash, minor, major, second;
		int begin = 0;
		char *end;

		if (sscanf(at, " 0x%x-%x (%*u) %n", &hash, &minor, &begin) < 2)
			continue;
		end = strstr(at + begin, "   ");
		ck_assert_ptr_nonnull(end);
		ck_assert_int_eq(name_hash(image.fs, _i % 3, at + begin,
					   (size_t)(end - at - begin), &major,
					   &second),
				 0);
		ck_assert_msg(major == hash, "[%.*s] %x %x",
			      (int)(end - at - begin), at + begin, major, hash);
		ck_assert_uint_eq(second, minor);
		seen++;
	}
	ck_assert_uint_gt(seen, NAMES);
	free(out);
	content_close(&image);
}
END_TEST

// ## The kernel

static uint32_t kernel_names;
static const char *find_by_kernel(const char *folder, void *context)
{
	static char why[300];
	char path[400], name[NAME_LONGEST + 1];
	const bool *there = context;

	for (uint32_t i = 0; i < kernel_names + 2000; i++) {
		bool is = i < kernel_names && there[i];
		struct stat stat;

		many_name(i, name);
		snprintf(path, sizeof path, "%s/d/%s", folder, name);
		if ((lstat(path, &stat) == 0) != is) {
			snprintf(why, sizeof why, "%s %s", name,
				 is ? "is not found" : "is found");
			return why;
		}
	}
	return NULL;
}

static const char *change_by_kernel(const char *folder, void *context)
{
	char path[400], name[NAME_LONGEST + 1];

	(void)context;
	for (uint32_t i = 0; i < kernel_names; i++) {
		many_name(i, name);
		snprintf(path, sizeof path, "%s/d/%s", folder, name);
		if (i % 3 == 0 && unlink(path))
			return "unlink failed";
	}
	for (uint32_t i = kernel_names; i < kernel_names * 5 / 4; i++) {
		many_name(i, name);
		snprintf(path, sizeof path, "%s/d/%s", folder, name);

		int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
			      0644);

		if (fd < 0)
			return "open failed";
		close(fd);
	}
	return NULL;
}

START_TEST(with_the_kernel)
{
	struct grown sizes[] = { { 1024, 8000, 2 }, { 4096, 60000, 1 } };
	const struct grown *g = &sizes[_i];
	struct content_image image;
	bool *there;
	char why[256];
	uint32_t d;

	if (geteuid() != 0)
		SKIP("needs root for a loop mount");
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	there = calloc(g->names * 3, sizeof *there);
	image = fresh_image(g->block_bytes,
			    g->names * UINT64_C(8000) / g->block_bytes + 5000,
			    g->names * 3 / 2 + 2000, 1024);
	d = make_dir(image.fs, INO_ROOT, "d");
	add_many(image.fs, d, 0, g->names);
	content_commit(&image);
	ck_assert_int_eq(levels_of(image.fs, d), (int)g->levels);
	content_close(&image);

	memset(there, true, g->names);
	kernel_names = g->names;
	if (!content_mounted("loop,ro", find_by_kernel, there, why)) {
		free(there);
		if (strncmp(why, "cannot mount", 12) == 0)
			SKIP("%s", why);
		ck_abort_msg("%s", why);
	}
	ck_assert_msg(content_mounted("loop", change_by_kernel, NULL, why),
		      "%s", why);
	for (uint32_t i = 0; i < g->names * 5 / 4; i++)
		there[i] = i >= g->names || i % 3;
	image = content_open(EXT2_WRITE);
	ck_assert_int_ge(levels_of(image.fs, d), 1);
	find_many(image.fs, d, g->names * 5 / 4, there);
	remove_many(image.fs, d, 1, g->names, 6);
	add_many(image.fs, d, g->names * 5 / 4, g->names * 3 / 2);
	for (uint32_t i = 1; i < g->names; i += 6)
		there[i] = false;
	for (uint32_t i = g->names * 5 / 4; i < g->names * 3 / 2; i++)
		there[i] = true;
	content_commit(&image);
	content_close(&image);
	content_check();
	kernel_names = g->names * 3 / 2;
	ck_assert_msg(content_mounted("loop,ro", find_by_kernel, there, why),
		      "%s", why);
	free(there);
}
END_TEST

TCase *directory_index_case(void)
{
	TCase *tests = tcase_create("directory_index");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, soaking() ? 1200 : 120);
	tcase_add_loop_test(tests, built_at_once, 0,
			    sizeof grown / sizeof *grown);
	tcase_add_loop_test(tests, split_one_by_one, 0, 3);
	tcase_add_test(tests, a_full_index);
	tcase_add_test(tests, many_directories_by_turns);
	tcase_add_test(tests, no_room_to_build);
	tcase_add_loop_test(tests, no_room_to_split, 0, 2);
	tcase_add_test(tests, expected_entries);
	tcase_add_test(tests, freed_room_is_held);
	tcase_add_test(tests, an_index_is_dropped);
	tcase_add_test(tests, a_crash_while_it_is_dropped);
	tcase_add_loop_test(tests, made_by_e2fsck, 0, 6);
	tcase_add_loop_test(tests, with_the_kernel, 0, 2);
	return tests;
}
