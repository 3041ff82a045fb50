// Block maps and content: what others wrote and we read, what we wrote and others
// judge. Against a model in content_model.c; attributes in content_xattr.c; broken
// images in content_hostile.c.

#define _GNU_SOURCE
#include "content_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct format {
	const char *options;
	uint32_t block_bytes;
};

static const struct format formats[] = {
	{ "-t ext2 -b 1024", 1024 }, { "-t ext2 -b 2048", 2048 },
	{ "-t ext2 -b 4096", 4096 }, { "-t ext3 -b 1024", 1024 },
	{ "-t ext4 -b 1024", 1024 }, { "-t ext4 -b 2048", 2048 },
	{ "-t ext4 -b 4096", 4096 },
};

enum {
	FORMATS = sizeof(formats) / sizeof(formats[0]),
	WRITABLE = 4, // the first of them
};

static int open_in_folder(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", content_folder, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

// A sparse file with an island astride each edge of the map.
static void make_islands(int fd, uint32_t block_bytes, struct random *random)
{
	struct content_edges edges = content_edges(block_bytes);

	content_island(fd, random, 100, 1000);
	for (int i = 0; i < 3; i++)
		content_island(fd, random,
			       edges.at[i] * block_bytes - block_bytes - 7,
			       3 * block_bytes);
	content_island(fd, random, (edges.at[2] + 5) * block_bytes, 70000);
}

// Every second block has data.
static void make_comb(int fd, uint32_t block_bytes, int teeth,
		      struct random *random)
{
	for (int i = 0; i < teeth; i++)
		content_island(fd, random, 2ull * (unsigned)i * block_bytes,
			       block_bytes);
}

static uint32_t find_in_root(struct ext2 *fs, const char *name)
{
	struct ext2_entry entry;

	ck_assert_int_eq(ext2_find(fs, INO_ROOT, name, strlen(name), &entry),
			 0);
	return entry.ino;
}

// --- theirs, read by us ---------------------------------------------------------

START_TEST(what_mke2fs_wrote_is_read)
{
	const struct format *format = &formats[_i];
	static const char *const names[] = { "islands", "comb", "small",
					     "empty", "dense" };
	struct random random = { 1 };
	int files[5];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_do("mkdir tree");
	for (int i = 0; i < 5; i++) {
		char path[32];

		snprintf(path, sizeof path, "tree/%s", names[i]);
		files[i] = open_in_folder(path, O_RDWR | O_CREAT);
	}
	make_islands(files[0], format->block_bytes, &random);
	make_comb(files[1], format->block_bytes, 1500, &random);
	content_island(files[2], &random, 0, 5001);
	content_island(files[4], &random, 0, 3000000);
	content_do("mke2fs -q -F %s -d tree image 32M", format->options);

	struct content_image image = content_open(0);
	int out = content_model();

	for (int i = 0; i < 5; i++) {
		uint32_t ino = find_in_root(image.fs, names[i]);
		struct ext2_inode inode;

		content_compare(image.fs, ino, files[i]);
		ck_assert_int_eq(ext2_inode(image.fs, ino, &inode), 0);
		ck_assert_int_eq(ftruncate(out, 0), 0);
		ck_assert_int_eq(ext2_copy_out(image.fs, &inode, out), 0);
		content_compare_files(out, files[i]);

		struct stat stat;

		ck_assert_int_eq(fstat(out, &stat), 0);
		if (i == 0) // its holes are holes
			ck_assert_int_lt(stat.st_blocks, 1024);
		close(files[i]);
	}
	close(out);
	content_close(&image);
}
END_TEST

// debugfs says "/f0: BLOCK" or so for each; 0 is a hole.
static uint64_t judge_bmap(const char *name, uint64_t logical)
{
	char *out =
		content_shell("debugfs -R 'bmap /%s %llu' image 2>/dev/null",
			      name, (unsigned long long)logical);
	uint64_t block = strtoull(out, NULL, 10);

	free(out);
	return block;
}

static uint64_t path_value(struct ext2 *fs, const struct ext2_inode *inode,
			   uint64_t logical, int *steps)
{
	struct ext2_map_step step[8];
	uint8_t bytes[4096];

	*steps = ext2_map_path(fs, inode, logical, step);
	ck_assert_int_ge(*steps, 1);
	for (int i = 1; i < *steps; i++)
		ck_assert_uint_eq(step[i].holder, step[i - 1].value);
	// What the last step says stands where it says.
	ck_assert_int_eq(ext2_read_block(fs, step[*steps - 1].holder, bytes),
			 0);
	if (!(inode->flags & INODE_EXTENTS))
		ck_assert_uint_eq(
			get32(*(le32 *)(bytes + step[*steps - 1].offset)),
			step[*steps - 1].value);
	return step[*steps - 1].value;
}

START_TEST(runs_and_paths_are_those_of_debugfs)
{
	const struct format *format = &formats[_i];
	struct content_edges edges = content_edges(format->block_bytes);
	struct random random = { 2 };

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_do("mkdir tree");

	int fd = open_in_folder("tree/f", O_RDWR | O_CREAT);

	make_islands(fd, format->block_bytes, &random);
	close(fd);
	content_do("mke2fs -q -F %s -d tree image 16M", format->options);

	struct content_image image = content_open(0);
	struct ext2_inode inode;

	ck_assert_int_eq(
		ext2_inode(image.fs, find_in_root(image.fs, "f"), &inode), 0);
	for (int i = 0; i < 4; i++) {
		uint64_t at = i ? edges.at[i - 1] : 0;

		for (int k = i ? -2 : 0; k <= 2; k += 2) {
			uint64_t logical = at + (uint64_t)k;
			uint64_t judged = judge_bmap("f", logical);
			struct ext2_run run;
			int steps;

			ck_assert_int_eq(ext2_run_at(image.fs, &inode, logical,
						     &run),
					 0);
			ck_assert_uint_eq(run.physical, judged);
			ck_assert_uint_eq(path_value(image.fs, &inode, logical,
						     &steps),
					  judged);
			if (!(inode.flags & INODE_EXTENTS) && judged)
				ck_assert_int_eq(steps,
						 1 + (k < 0 ? i - 1 : i));
		}
	}
	content_close(&image);
}
END_TEST

START_TEST(room_that_was_never_written_reads_as_zeros)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext4 -b 1024", "8M", 1);
	content_do("debugfs -w -R 'fallocate /f0 3 40' image 2>/dev/null");
	content_do("debugfs -w -R 'set_inode_field /f0 size 50000' image "
		   "2>/dev/null");
	content_do("head -c 8M /dev/urandom >noise");

	struct content_image image = content_open(0);
	struct ext2_inode inode;
	struct ext2_run run;
	uint8_t bytes[50000];

	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_int_eq(ext2_run_at(image.fs, &inode, 3, &run), 0);
	ck_assert(run.unwritten && run.physical && run.blocks == 38);
	memset(bytes, 1, sizeof bytes);
	ck_assert_int_eq(ext2_read(image.fs, FIRST_FILE, 0, bytes,
				   sizeof bytes),
			 sizeof bytes);
	ck_assert(content_zeros(bytes, sizeof bytes));
	content_close(&image);
}
END_TEST

// --- ours, judged ---------------------------------------------------------------

// Writes the model's data into a file, by ext2_write or ext2_write_from.
static void write_model(struct ext2 *fs, uint32_t ino, int model, bool from)
{
	struct stat stat;

	for (off_t at = 0;;) {
		off_t end;

		at = lseek(model, at, SEEK_DATA);
		if (at < 0)
			break;
		end = lseek(model, at, SEEK_HOLE);

		size_t n = (size_t)(end - at);

		if (from) {
			ck_assert_int_eq(ext2_write_from(fs, ino, (uint64_t)at,
							 model, (uint64_t)at,
							 n),
					 0);
		} else {
			uint8_t *bytes = malloc(n);

			ck_assert_int_eq(pread(model, bytes, n, at),
					 (ssize_t)n);
			ck_assert_int_eq(
				ext2_write(fs, ino, (uint64_t)at, bytes, n), 0);
			free(bytes);
		}
		at = end;
	}
	ck_assert_int_eq(fstat(model, &stat), 0);
	ck_assert_int_eq(ext2_truncate(fs, ino, (uint64_t)stat.st_size), 0);
}

static const char *copy_all(const char *folder, void *context)
{
	char command[512];

	snprintf(command, sizeof command, "cp --sparse=%s %s/f* %s/out",
		 (const char *)context, folder, content_folder);
	return system(command) ? "cp failed" : NULL;
}

START_TEST(what_we_write_is_read_by_all)
{
	const struct format *format = &formats[_i];
	struct random random = { 3 };
	int models[3];
	char why[256];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(format->options, "32M", 6);
	for (int i = 0; i < 3; i++)
		models[i] = content_model();
	make_islands(models[0], format->block_bytes, &random);
	make_comb(models[1], format->block_bytes, 700, &random);
	content_island(models[2], &random, 0, 2345678);

	struct content_image image = content_open(EXT2_WRITE);

	for (int i = 0; i < 6; i++)
		write_model(image.fs, FIRST_FILE + (uint32_t)i, models[i / 2],
			    i % 2);
	for (int i = 0; i < 6; i++)
		content_compare(image.fs, FIRST_FILE + (uint32_t)i,
				models[i / 2]);
	content_commit(&image);
	content_close(&image);
	content_check();
	image = content_open(0);
	for (int i = 0; i < 6; i++)
		content_compare(image.fs, FIRST_FILE + (uint32_t)i,
				models[i / 2]);
	content_close(&image);

	content_do("debugfs -R 'dump /f4 dumped' image 2>/dev/null");

	int dumped = open_in_folder("dumped", O_RDONLY);

	content_compare_files(dumped, models[2]);
	close(dumped);

	content_do("mkdir out");
	if (content_mounted("loop,ro", copy_all, (void *)"auto", why))
		for (int i = 0; i < 6; i++) {
			char name[32];

			snprintf(name, sizeof name, "out/f%d", i);

			int fd = open_in_folder(name, O_RDONLY);

			content_compare_files(fd, models[i / 2]);
			close(fd);
		}
	else
		ck_assert_msg(!strncmp(why, "cannot mount", 12), "%s", why);
	for (int i = 0; i < 3; i++)
		close(models[i]);
}
END_TEST

static const char *copy_in(const char *folder, void *context)
{
	char command[512];

	(void)context;
	snprintf(command, sizeof command, "cp --sparse=always %s/tree/* %s/",
		 content_folder, folder);
	return system(command) ? "cp failed" : NULL;
}

START_TEST(what_the_kernel_writes_is_read)
{
	const struct format *format = &formats[_i];
	struct random random = { 4 };
	char why[256];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(format->options, "32M", 1);
	content_do("mkdir tree");

	int fd = open_in_folder("tree/f", O_RDWR | O_CREAT);

	make_islands(fd, format->block_bytes, &random);
	make_comb(fd, 2 * format->block_bytes, 900, &random);
	if (!content_mounted("loop", copy_in, NULL, why)) {
		close(fd);
		if (!strncmp(why, "cannot mount", 12))
			SKIP("%s (needs root)", why);
		ck_abort_msg("%s", why);
	}

	struct content_image image = content_open(0);

	content_compare(image.fs, find_in_root(image.fs, "f"), fd);
	content_close(&image);
	close(fd);
}
END_TEST

// A new file lies in one piece: data, indirect blocks in front of what they map.
START_TEST(a_new_file_lies_in_one_piece)
{
	uint8_t *bytes = calloc(1, 3 << 20);
	uint64_t next = 0;

	if (!content_judges()) {
		free(bytes);
		SKIP(CONTENT_NEEDS);
	}
	content_make_image("-t ext2 -b 1024", "16M", 1);

	struct content_image image = content_open(EXT2_WRITE);
	struct ext2_inode inode;
	struct ext2_run run;

	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 0, bytes, 3 << 20),
			 0);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	for (uint64_t at = 0; at < 3072; at += run.blocks) {
		ck_assert_int_eq(ext2_run_at(image.fs, &inode, at, &run), 0);
		ck_assert_uint_gt(run.blocks, 0);
		// Between runs one indirect block, and one more before the
		// first of the double ones.
		if (at)
			ck_assert_uint_eq(run.physical,
					  next + (at == 12 + 256 ? 2 : 1));
		next = run.physical + run.blocks;
	}
	content_commit(&image);
	content_close(&image);
	content_check();
	free(bytes);
}
END_TEST

// --- limits ---------------------------------------------------------------------

static const char *try_sizes(const char *folder, void *context)
{
	uint64_t limit = *(uint64_t *)context;
	char path[128];
	const char *why = NULL;

	snprintf(path, sizeof path, "%s/f0", folder);

	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return "open failed";
	if (ftruncate(fd, (off_t)limit))
		why = "the kernel refuses the largest size";
	else if (!ftruncate(fd, (off_t)limit + 1))
		why = "the kernel takes one byte more";
	close(fd);
	return why;
}

START_TEST(the_largest_file_is_the_kernels)
{
	const struct format *format = &formats[_i];
	uint64_t limit, low = 0, high = UINT64_C(1) << 44;
	uint8_t byte = 7, got = 0;
	char why[256];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(format->options, "16M", 1);

	struct content_image image = content_open(EXT2_WRITE);

	while (high - low > 1) { // sizes that are possible are below `high`
		uint64_t middle = low + (high - low) / 2;
		int error = ext2_truncate(image.fs, FIRST_FILE, middle);

		ck_assert(error == 0 || error == -EFBIG);
		*(error ? &high : &low) = middle;
	}
	limit = low;
	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 0), 0);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, limit, &byte, 1),
			 -EFBIG);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, limit - 1, &byte, 1),
			 0);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, UINT64_MAX, &byte, 1),
			 -EFBIG);
	ck_assert_int_eq(ext2_read(image.fs, FIRST_FILE, limit - 1, &got, 1),
			 1);
	ck_assert_int_eq(got, 7);
	ck_assert_int_eq(ext2_read(image.fs, FIRST_FILE, limit, &got, 1), 0);
	ck_assert(get32(ext2_super(image.fs)->s_feature_ro_compat) &
		  RO_COMPAT_LARGE_FILE);
	content_commit(&image);
	content_close(&image);
	content_check();
	if (!content_mounted("loop", try_sizes, &limit, why))
		ck_assert_msg(!strncmp(why, "cannot mount", 12), "%s", why);
	content_check();
}
END_TEST

START_TEST(a_size_of_2_gib_is_marked)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 4096 -O ^large_file,^resize_inode",
			   "16M", 1);

	struct content_image image = content_open(EXT2_WRITE);

	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, INT32_MAX), 0);
	ck_assert(!(get32(ext2_super(image.fs)->s_feature_ro_compat) &
		    RO_COMPAT_LARGE_FILE));
	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE,
				       UINT64_C(1) + INT32_MAX),
			 0);
	ck_assert(get32(ext2_super(image.fs)->s_feature_ro_compat) &
		  RO_COMPAT_LARGE_FILE);
	content_commit(&image);
	content_close(&image);
	content_check();
	content_do("dumpe2fs -h image 2>/dev/null | grep -q large_file");
}
END_TEST

// --- the buffer -----------------------------------------------------------------

// Data that wait in the buffer for a block that is then freed, and used for
// something else, must not be written over that.
START_TEST(what_was_freed_is_not_written_later)
{
	enum { BLOCKS = 6000 }; // more than the cache keeps
	uint8_t bytes[5000];
	uint64_t *block = calloc(BLOCKS, sizeof *block);
	struct random random = { 15 };

	if (!content_judges()) {
		free(block);
		SKIP(CONTENT_NEEDS);
	}
	content_make_image("-t ext2 -b 1024", "12M", 1);
	content_fill(&random, bytes, sizeof bytes);

	struct content_image image = content_open(EXT2_WRITE);
	struct buffer *buffer;
	uint32_t got;

	ck_assert_int_eq(
		ext2_write(image.fs, FIRST_FILE, 0, bytes, sizeof bytes), 0);
	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 0), 0);
	for (int i = 0; i < BLOCKS; i++) {
		if (blocks_allocate(image.fs, 0, 1, &block[i], &got) ||
		    cache_get(image.fs->cache, block[i], CACHE_ZERO, &buffer))
			ck_abort_msg("block %d", i);
		memset(buffer->bytes, i % 251 + 1, 1024);
		cache_dirty(image.fs->cache, buffer, BLOCK_NEW);
		cache_drop(buffer);
	}
	ck_assert_int_eq(content_flush(image.fs), 0);
	for (int i = 0; i < BLOCKS; i++) {
		if (cache_get(image.fs->cache, block[i], 0, &buffer))
			ck_abort_msg("block %d", i);
		if (buffer->bytes[0] != i % 251 + 1 ||
		    buffer->bytes[1023] != i % 251 + 1)
			ck_abort_msg("block %d was overwritten", i);
		cache_drop(buffer);
	}
	content_close(&image);
	free(block);
}
END_TEST

// Small writes wait in the buffer, large ones go past it: the last one counts.
START_TEST(what_is_written_last_stays)
{
	enum { FROM = 12 * 4096, WITHIN = FROM + 150000 }; // behind one node
	static uint8_t bytes[352 << 10];
	struct random random = { 16 };
	uint8_t got[1024];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 4096", "4M", 1);
	content_fill(&random, bytes, sizeof bytes);

	struct content_image image = content_open(EXT2_WRITE);

	for (int i = 0; i < 3; i++) {
		bytes[WITHIN - FROM] = (uint8_t)i;
		ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, FROM, bytes,
					    sizeof bytes),
				 0);
		if (i == 2)
			break;
		ck_assert_int_eq(
			ext2_write(image.fs, FIRST_FILE, WITHIN, "x", 1), 0);
		ck_assert_int_eq(
			ext2_read(image.fs, FIRST_FILE, WITHIN, got, 1), 1);
		ck_assert_int_eq(got[0], 'x');
	}
	content_commit(&image);
	ck_assert_int_eq(ext2_read(image.fs, FIRST_FILE, WITHIN, got, 1024),
			 1024);
	ck_assert_mem_eq(got, bytes + WITHIN - FROM, 1024);
	content_close(&image);
	content_check();
}
END_TEST

START_TEST(a_source_that_ends_early_leaves_zeros)
{
	uint8_t bytes[9000] = { 0 };
	struct random random = { 13 };

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024", "4M", 1);

	struct content_image image = content_open(EXT2_WRITE);
	int model = content_model();

	content_island(model, &random, 0, 2500);
	ck_assert_int_eq(
		ext2_write_from(image.fs, FIRST_FILE, 0, model, 0, 9000), 0);
	ck_assert_int_eq(ftruncate(model, 9000), 0);
	content_compare(image.fs, FIRST_FILE, model);
	ck_assert_int_eq(ext2_read(image.fs, FIRST_FILE, 2500, bytes, 6500),
			 6500);
	ck_assert_int_eq(bytes[0] | bytes[6499], 0);
	content_close(&image);
	close(model);
}
END_TEST

Suite *content_suite(void)
{
	Suite *s = suite_create("content");
	TCase *t = tcase_create("judged");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, content_set_up, content_tear_down);
	tcase_add_loop_test(t, what_mke2fs_wrote_is_read, 0, FORMATS);
	tcase_add_loop_test(t, runs_and_paths_are_those_of_debugfs, 0, FORMATS);
	tcase_add_test(t, room_that_was_never_written_reads_as_zeros);
	tcase_add_loop_test(t, what_we_write_is_read_by_all, 0, WRITABLE);
	tcase_add_loop_test(t, what_the_kernel_writes_is_read, 0, FORMATS);
	tcase_add_test(t, a_new_file_lies_in_one_piece);
	tcase_add_loop_test(t, the_largest_file_is_the_kernels, 0, WRITABLE);
	tcase_add_test(t, a_size_of_2_gib_is_marked);
	tcase_add_test(t, what_was_freed_is_not_written_later);
	tcase_add_test(t, what_is_written_last_stays);
	tcase_add_test(t, a_source_that_ends_early_leaves_zeros);
	suite_add_tcase(s, t);
	suite_add_tcase(s, content_model_case());
	suite_add_tcase(s, content_xattr_case());
	suite_add_tcase(s, content_hostile_case());
	return s;
}
