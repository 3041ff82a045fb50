// ext2_space.c - allocation and commits
//
// A model has one state a block and an inode. Judges: e2fsck, and debugfs for what
// is left on the disk.

#include "ext2_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Blocks

enum block_state {
	FREE,
	COMMITTED, // in use at the last commit
	NEW,       // in use since
	QUEUED,    // given back, and in use until the commit
	OTHERS,    // in use before we began
};

struct blocks {
	struct ext2 *fs;
	struct ext2_numbers n;
	uint8_t *state;
	uint64_t free, queued;
	struct random random;
};

static void note_states(struct blocks *m, struct ext2 *fs)
{
	bool used;

	m->fs = fs;
	m->free = 0;
	ext2_numbers(fs, &m->n);
	m->state = malloc(m->n.blocks);
	for (uint64_t b = 0; b < m->n.blocks; b++) {
		ck_assert_int_eq(ext2_block_in_use(fs, b, &used), 0);
		m->state[b] = used ? OTHERS : FREE;
		m->free += !used;
	}
}

static void check_counts(struct blocks *m)
{
	ext2_numbers(m->fs, &m->n);
	ck_assert_uint_eq(m->n.free_blocks, m->free + m->queued);
}

static bool allocate(struct blocks *m, uint64_t goal, uint32_t want)
{
	uint64_t first;
	uint32_t got;
	int error = blocks_allocate(m->fs, goal, want, &first, &got);

	if (error) {
		ck_assert_int_eq(error, -ENOSPC);
		ck_assert_uint_eq(m->free, 0);
		return false;
	}
	ck_assert_uint_ge(got, 1);
	ck_assert_uint_le(got, want);
	ck_assert_uint_le(first + got, m->n.blocks);
	for (uint32_t i = 0; i < got; i++) {
		ck_assert_msg(m->state[first + i] == FREE,
			      "block %llu is in use (%d)",
			      (unsigned long long)first + i,
			      m->state[first + i]);
		m->state[first + i] = NEW;
		ck_assert(block_is_new(m->fs, first + i));
	}
	if (goal && m->state[goal] == NEW && first != goal)
		ck_assert_msg(first != goal, "goal");
	m->free -= got;
	return true;
}

static void give_back(struct blocks *m, uint64_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (m->state[first + i] != NEW &&
		    m->state[first + i] != COMMITTED)
			return;
	ck_assert_int_eq(blocks_free(m->fs, first, count), 0);
	for (uint64_t b = first; b < first + count; b++) {
		if (m->state[b] == NEW) {
			m->state[b] = FREE;
			m->free++;
		} else {
			m->state[b] = QUEUED;
			m->queued++;
		}
		ck_assert(!block_is_new(m->fs, b));
	}
}

static void commit(struct blocks *m)
{
	ck_assert_int_eq(ext2_commit(m->fs), 0);
	ck_assert(ext2_decided(m->fs));
	for (uint64_t b = 0; b < m->n.blocks; b++) {
		if (m->state[b] == NEW)
			m->state[b] = COMMITTED;
		if (m->state[b] == QUEUED)
			m->state[b] = FREE;
	}
	m->free += m->queued;
	m->queued = 0;
}

static void check_bits(struct blocks *m)
{
	bool used;

	for (uint64_t b = 0; b < m->n.blocks; b++) {
		ck_assert_int_eq(ext2_block_in_use(m->fs, b, &used), 0);
		ck_assert_msg(used == (m->state[b] != FREE &&
				       m->state[b] != QUEUED),
			      "block %llu: %d, state %d", (unsigned long long)b,
			      used, m->state[b]);
	}
}

// The bitmaps of debugfs, after all that we hold has been given back, are those
// of the beginning.
START_TEST(never_twice)
{
	static const char *const options[] = { "-t ext2 -b 1024 -g 512",
					       "-t ext2 -b 4096",
					       "-t ext3 -b 1024 -J size=1" };
	int rounds = soaking() ? 200000 : 6000;
	struct content_image image;
	struct blocks m = { .random = { 5 + (uint64_t)_i } };

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(options[_i], _i == 1 ? "40M" : "5M", 0);
	image = content_open(EXT2_WRITE);
	note_states(&m, image.fs);
	for (int i = 0; i < rounds; i++) {
		uint32_t what = random_below(&m.random, 1000);
		uint64_t block = random_below(&m.random, (uint32_t)m.n.blocks);

		if (what < 480)
			allocate(&m, what % 3 ? block : 0,
				 1 + random_below(&m.random, 1 + what % 40));
		else if (what < 997)
			give_back(&m, block,
				  1 + random_below(&m.random,
						   m.n.blocks - block < 9 ? 1
									  : 8));
		else
			commit(&m);
		if (what % 100 == 0)
			check_counts(&m);
	}
	check_bits(&m);
	commit(&m);
	check_bits(&m);
	for (uint64_t b = 0; b < m.n.blocks; b++)
		if (m.state[b] == COMMITTED)
			give_back(&m, b, 1);
	commit(&m);
	check_counts(&m);
	content_close(&image);
	content_check();
	free(m.state);
}
END_TEST

START_TEST(goals_and_runs)
{
	struct content_image image;
	uint64_t first, end, goal;
	uint32_t got;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024", "40M", 0);
	image = content_open(EXT2_WRITE);
	goal = 20000;
	ck_assert_int_eq(blocks_allocate(image.fs, goal, 1000, &first, &got),
			 0);
	ck_assert_uint_eq(first, goal);
	ck_assert_uint_eq(got, 1000);
	// In use: what is behind it.
	ck_assert_int_eq(blocks_allocate(image.fs, goal, 10, &first, &got), 0);
	ck_assert_uint_eq(first, goal + 1000);
	ck_assert_uint_eq(got, 10);
	// A hole of 5 is no place for 10, but for 5, and for whoever asks for it.
	ck_assert_int_eq(blocks_free(image.fs, goal + 100, 5), 0);
	ck_assert_int_eq(blocks_allocate(image.fs, goal + 1, 10, &first, &got),
			 0);
	ck_assert_uint_eq(first, goal + 1010);
	ck_assert_int_eq(blocks_allocate(image.fs, goal + 1, 4, &first, &got),
			 0);
	ck_assert_uint_eq(first, goal + 100);
	ck_assert_int_eq(
		blocks_allocate(image.fs, goal + 104, 10, &first, &got), 0);
	ck_assert_uint_eq(first, goal + 104);
	ck_assert_uint_eq(got, 1);
	// In order: each at the end of the one before, over groups' ends.
	ck_assert_int_eq(blocks_allocate(image.fs, goal + 5000, 1, &end, &got),
			 0);
	for (int i = 0; i < 300; i++) {
		ck_assert_int_eq(
			blocks_allocate(image.fs, end + 1, 1, &first, &got), 0);
		ck_assert_uint_eq(first, end + 1);
		end = first;
	}
	ck_assert_int_eq(blocks_allocate(image.fs, 0, 0, &first, &got),
			 -EINVAL);
	ck_assert_int_eq(blocks_allocate(image.fs, UINT64_MAX, 1, &first, &got),
			 0);
	content_close(&image);
}
END_TEST

static char *whole_image(void)
{
	return content_shell("sha256sum image");
}

// All blocks, then all inodes, are taken: one more is refused, nothing changes, and
// the file is as it was when all is given up.
START_TEST(full_and_given_up)
{
	struct content_image image;
	struct blocks m = { .random = { 1 } };
	struct ext2_numbers before, after;
	uint32_t ino, got, count = 0;
	uint64_t first;
	char *was, *is;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(_i ? "-t ext3 -b 1024 -J size=1"
			      : "-t ext2 -b 1024 -g 1024",
			   "8M", 3);
	was = whole_image();
	image = content_open(EXT2_WRITE);
	note_states(&m, image.fs);
	before = m.n;
	while (allocate(&m, 0, 1 + random_below(&m.random, 3000)))
		;
	ext2_numbers(image.fs, &after);
	ck_assert_uint_eq(after.free_blocks, 0);
	while (!inode_allocate(image.fs, INO_ROOT, count % 5 == 0, &ino)) {
		ck_assert_uint_ge(ino, before.first_inode);
		ck_assert_uint_le(ino, before.inodes);
		count++;
	}
	ck_assert_uint_eq(count, before.free_inodes);
	ck_assert_int_eq(inode_allocate(image.fs, INO_ROOT, false, &ino),
			 -ENOSPC);
	ck_assert_int_eq(blocks_allocate(image.fs, 0, 1, &first, &got),
			 -ENOSPC);
	ext2_numbers(image.fs, &after);
	ck_assert_uint_eq(after.free_blocks, 0);
	ck_assert_uint_eq(after.free_inodes, 0);
	content_close(&image);
	is = whole_image();
	ck_assert_str_eq(was, is);
	free(was);
	free(is);
	free(m.state);
}
END_TEST

START_TEST(what_may_not_be_freed)
{
	struct content_image image;
	struct ext2_numbers n;
	struct ext2_group g;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024 -g 1024", "8M", 0);
	image = content_open(EXT2_WRITE);
	ext2_numbers(image.fs, &n);
	for (uint32_t i = 0; i < n.groups; i++) {
		ck_assert_int_eq(ext2_group(image.fs, i, &g), 0);
		ck_assert_int_eq(blocks_free(image.fs, g.block_bitmap, 1),
				 -EUCLEAN);
		ck_assert_int_eq(blocks_free(image.fs, g.inode_bitmap, 1),
				 -EUCLEAN);
		ck_assert_int_eq(
			blocks_free(image.fs,
				    g.inode_table + g.inode_table_blocks - 1,
				    2),
			-EUCLEAN);
		if (g.super_blocks)
			ck_assert_int_eq(
				blocks_free(image.fs,
					    g.first_block + g.super_blocks - 1,
					    1),
				-EUCLEAN);
	}
	ck_assert_int_eq(blocks_free(image.fs, 0, 1), -EUCLEAN);
	ck_assert_int_eq(blocks_free(image.fs, 1, 1), -EUCLEAN);
	ck_assert_int_eq(blocks_free(image.fs, n.blocks, 1), -EUCLEAN);
	ck_assert_int_eq(blocks_free(image.fs, n.blocks - 1, 2), -EUCLEAN);
	ck_assert_int_eq(blocks_free(image.fs, UINT64_MAX, 2), -EUCLEAN);
	ck_assert_int_eq(blocks_free(image.fs, n.blocks, 0), 0);
	// Free already, and twice.
	ck_assert_int_eq(blocks_free(image.fs, n.blocks - 1, 1), 0);
	ck_assert_int_eq(blocks_free(image.fs, n.blocks - 1, 1), 0);
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

// A bitmap that calls the inode table free: its group is left alone.
START_TEST(a_bitmap_that_lies)
{
	struct content_image image;
	struct ext2_numbers n;
	struct ext2_group g;
	uint8_t zeros[1024] = { 0 };
	uint64_t first;
	uint32_t got;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024 -g 1024", "4M", 0);
	image = content_open(EXT2_WRITE);
	ext2_numbers(image.fs, &n);
	ck_assert_int_eq(ext2_group(image.fs, 1, &g), 0);
	ck_assert_int_eq(device_write(image.device, g.block_bitmap * 1024,
				      zeros, sizeof zeros),
			 0);
	while (!blocks_allocate(image.fs, g.first_block, 50, &first, &got))
		ck_assert(first >= g.first_block + g.blocks ||
			  first + got <= g.first_block);
	content_close(&image);
}
END_TEST

// ## Inodes

START_TEST(directories_spread)
{
	struct content_image image;
	struct ext2_numbers n;
	uint32_t ino, child, count[8] = { 0 };
	int groups = 0;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024 -g 1024", "8M", 0);
	image = content_open(EXT2_WRITE);
	ext2_numbers(image.fs, &n);
	ck_assert_uint_eq(n.groups, 8);
	for (int i = 0; i < 16; i++) {
		ck_assert_int_eq(inode_allocate(image.fs, INO_ROOT, true, &ino),
				 0);
		count[(ino - 1) / n.inodes_per_group]++;
		// Its files are beside it, and their data.
		ck_assert_int_eq(inode_allocate(image.fs, ino, false, &child),
				 0);
		ck_assert_uint_eq((child - 1) / n.inodes_per_group,
				  (ino - 1) / n.inodes_per_group);
		ck_assert_uint_eq((inode_goal(image.fs, child) - 1) / 1024,
				  (ino - 1) / n.inodes_per_group);
		ck_assert(inode_is_new(image.fs, ino));
	}
	// Groups with copies of the superblock have less room than the others.
	for (int i = 0; i < 8; i++) {
		ck_assert_uint_le(count[i], 16 / 4);
		groups += count[i] > 0;
	}
	ck_assert_int_ge(groups, 4);
	content_close(&image);
}
END_TEST

// A place that was used before is all zeros; one that this transaction gives back
// is free at once, one of the last commit is not.
START_TEST(inodes_given_back)
{
	struct content_image image;
	struct ext2_inode inode, zeros;
	struct ext2_numbers n;
	uint32_t ino, again;
	bool used;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024", "2M", 3);
	content_do("debugfs -w -R 'rm f2' image");
	memset(&zeros, 0, sizeof zeros);
	image = content_open(EXT2_WRITE);
	ext2_numbers(image.fs, &n);
	ck_assert_int_eq(inode_allocate(image.fs, INO_ROOT, false, &ino), 0);
	ck_assert_uint_eq(ino, FIRST_FILE + 2);
	memset(&inode, 0, sizeof inode);
	ck_assert_int_eq(inode_get(image.fs, ino, &inode), 0);
	inode.ino = 0;
	ck_assert_mem_eq(&inode, &zeros, sizeof inode);
	ck_assert_int_eq(inode_remove(image.fs, ino), 0);
	ck_assert_int_eq(inode_allocate(image.fs, INO_ROOT, false, &again), 0);
	ck_assert_uint_eq(again, ino);
	ck_assert_int_eq(inode_remove(image.fs, ino), 0);

	ck_assert_int_eq(inode_remove(image.fs, FIRST_FILE), 0);
	ck_assert_int_eq(ext2_inode_in_use(image.fs, FIRST_FILE, &used), 0);
	ck_assert(!used);
	ck_assert_int_eq(inode_allocate(image.fs, INO_ROOT, false, &again), 0);
	ck_assert_uint_eq(again, ino);
	ck_assert_int_eq(inode_remove(image.fs, ino), 0);
	ck_assert_int_eq(dir_remove(image.fs, INO_ROOT, "f0", 2), 0);
	content_commit(&image);
	ck_assert_int_eq(inode_allocate(image.fs, INO_ROOT, false, &again), 0);
	ck_assert_uint_eq(again, FIRST_FILE);
	content_close(&image);
	content_check();
}
END_TEST

// ## Commits

static int try_file(struct ext2 *fs, const char *name, size_t n)
{
	struct ext2_inode wanted = { .mode = S_IFREG | 0644 };
	uint8_t *bytes = malloc(n);
	struct random random = { n };
	uint32_t ino;
	int error;

	content_fill(&random, bytes, n);
	wanted.atime = wanted.mtime = wanted.ctime = wanted.crtime =
		ext2_now(fs);
	error = ext2_create(fs, INO_ROOT, name, strlen(name), &wanted, &ino);
	if (!error)
		error = ext2_write(fs, ino, 0, bytes, n);
	free(bytes);
	return error;
}

static void make_file(struct ext2 *fs, const char *name, size_t n)
{
	ck_assert_int_eq(try_file(fs, name, n), 0);
}

START_TEST(commits)
{
	static const char *const options[] = { "-t ext2 -b 1024",
					       "-t ext2 -b 2048 -I 128",
					       "-t ext3 -b 1024 -J size=1" };
	bool fresh = _i >= 3;
	struct content_image image;
	char *was, *is;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(options[_i % 3], "8M", 3);
	// Given up: what is written lies in blocks that are free.
	image = content_open(EXT2_WRITE);
	make_file(image.fs, "no", 100000);
	content_close(&image);
	content_check();
	content_do("test \"$(debugfs -R 'ls -p' image | grep -c /no/)\" = 0");

	image = content_open(EXT2_WRITE | (fresh ? EXT2_FRESH : 0));
	ext2_set_now(image.fs, (struct ext2_time){ 1600000000, 5 });
	make_file(image.fs, "one", 100000);
	content_commit(&image);
	ck_assert(ext2_decided(image.fs));
	content_check();
	make_file(image.fs, "two", 50000);
	ck_assert_int_eq(ext2_unlink(image.fs, INO_ROOT, "one", 3), 0);
	content_commit(&image);
	content_check();
	was = whole_image();
	content_commit(&image); // nothing
	is = whole_image();
	if (!fresh)
		ck_assert_str_eq(was, is);
	free(was);
	free(is);
	content_close(&image);
	content_check();
	content_do("dumpe2fs -h image 2>&1 | grep -q 'state:  *clean$'");
	content_do("TZ=UTC dumpe2fs -h image 2>&1 | "
		   "grep -q 'Last write time:  *Sun Sep 13 12:26:40 2020'");
	content_do("debugfs -R 'ls -p' image 2>&1 | grep -q /two/");
	content_do("test \"$(debugfs -R 'ls -p' image | grep -c /one/)\" = 0");
	// The log that was lent to an ext2 is gone.
	if (_i % 3 < 2)
		content_do("dumpe2fs -h image 2>&1 | grep features | "
			   "grep -qv has_journal");
}
END_TEST

// What no order makes safe goes through a log that is there only as long; where
// there is no room for one, in the best order.
START_TEST(a_log_for_one_transaction)
{
	struct recording recording = { .fail_at = UINT64_MAX };
	struct device *file, *recorder;
	struct ext2_numbers n;
	bool saw_journal = false, room = !_i;
	struct ext2 *fs;
	uint64_t before;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024 -O ^resize_inode",
			   room ? "3M" : "600", 0);
	content_do("printf 'mkdir a\nmkdir b\nmkdir a/c\n' >script; "
		   "debugfs -w -f script image");
	ck_assert_int_eq(device_file(content_image, DEVICE_WRITE, 0, 0, &file),
			 0);
	ck_assert_int_eq(device_recorder(file, &recording, &recorder), 0);
	fs = opened(recorder, EXT2_WRITE);
	ext2_numbers(fs, &n);
	before = n.free_blocks;
	ck_assert_int_eq(ext2_rename(fs, 12, "c", 1, 13, "d", 1), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_numbers(fs, &n);
	ck_assert_uint_eq(n.free_blocks, before);
	ext2_close(fs);
	for (size_t i = 0; i < recording.count; i++) {
		const struct recorded *item = &recording.item[i];
		const struct disk_super *super = item->bytes;

		if (item->kind == RECORDED_WRITE && item->offset == 1024 &&
		    get32(super->s_feature_compat) & COMPAT_HAS_JOURNAL)
			saw_journal = true;
	}
	ck_assert_int_eq(saw_journal, room);
	device_close(recorder);
	recording_clear(&recording);
	device_close(file);
	content_check();
	content_do("debugfs -R 'ls -p b' image 2>&1 | grep -q /d/");
	content_do("dumpe2fs -h image 2>&1 | grep features | "
		   "grep -qv has_journal");
	content_do("debugfs -R 'stat <8>' image 2>&1 | grep -q 'Mode:  0000'");
}
END_TEST

static int edit(struct ext2 *fs)
{
	int error = try_file(fs, "new", 30000);

	return error ? error : ext2_unlink(fs, INO_ROOT, "f0", 2);
}

// Each call fails in turn. The commit says so, a second one is refused, and what
// is left can be mended without a question.
START_TEST(a_device_that_fails)
{
	static const char *const options[] = { "-t ext2 -b 1024",
					       "-t ext3 -b 1024 -J size=1" };
	struct device *base = NULL;
	uint8_t *bytes = NULL;
	uint64_t at = 0;
	int edits = 0, commits_failed = 0;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	base = image_in_memory(options[_i], "4M");
	image_to_file(base);
	content_do("echo x >script; debugfs -w -R 'write script f0' image");
	device_close(base);
	ck_assert_int_eq(device_file(content_image, DEVICE_READ, 0, 0, &base),
			 0);
	bytes = device_bytes(base);
	for (;; at++) {
		struct recording recording = { .fail_at = at, .error = EIO };
		struct device *memory, *recorder;
		struct ext2_refusal why;
		struct ext2 *fs;
		int error;

		ck_assert_int_eq(device_memory(base->bytes, &memory), 0);
		ck_assert_int_eq(device_write(memory, 0, bytes, base->bytes),
				 0);
		ck_assert_int_eq(device_recorder(memory, &recording, &recorder),
				 0);
		ck_assert_int_eq(ext2_open(recorder, EXT2_WRITE, &fs, &why), 0);
		error = edit(fs);
		if (error) {
			ck_assert_int_eq(error, -EIO);
			edits++;
		} else {
			error = ext2_commit(fs);
			commits_failed += error != 0;
			if (error)
				ck_assert_int_eq(ext2_commit(fs), -EIO);
		}
		ext2_close(fs);
		image_to_file(memory);
		device_close(recorder);
		recording_clear(&recording);
		device_close(memory);
		if (error && !commits_failed)
			content_check(); // nothing but free blocks differs
		content_do("e2fsck -fp image >said; test $? -le 1");
		content_check();
		if (!error)
			break;
	}
	ck_assert_int_ge(edits, 1);
	ck_assert_int_ge(commits_failed, 8);
	device_close(base);
	free(bytes);
}
END_TEST

// ## Orphans

static void make_orphans(const char *options, const char *last)
{
	content_do("head -c 30000 /dev/urandom >data");
	content_do("rm -f image; mke2fs -q -F %s image 4M", options);
	content_do("printf 'write data f0\nwrite data f1\nwrite data f2\n"
		   "unlink f0\nsif f1 size 5000\nsif <12> links_count 0\n"
		   "sif <12> dtime 13\nsif <13> dtime %s\n"
		   "ssv last_orphan 12\n' >script; debugfs -w -f script image",
		   last);
}

START_TEST(orphans)
{
	struct content_image image;
	struct ext2_inode inode;
	bool used;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_orphans(_i ? "-t ext3 -b 1024 -J size=1" : "-t ext2 -b 1024", "0");
	image = content_open(EXT2_WRITE);
	ck_assert_int_eq(ext2_inode_in_use(image.fs, 12, &used), 0);
	ck_assert(!used);
	ck_assert_int_eq(ext2_inode(image.fs, 13, &inode), 0);
	ck_assert_uint_eq(inode.sectors, 5 * 2);
	ck_assert_uint_eq(inode.size, 5000);
	ck_assert_uint_eq(inode.dtime, 0);
	content_commit(&image);
	content_close(&image);
	content_do("dumpe2fs -h image 2>&1 | grep -c 'orphan inode' | "
		   "grep -q 0");
	content_check();
}
END_TEST

START_TEST(a_list_of_orphans_that_leads_nowhere)
{
	static const char *const last[] = { "12", "13", "5", "4000000000",
					    "100" };
	struct device *device;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_orphans("-t ext2 -b 1024", last[_i]);
	ck_assert_int_eq(
		device_file(content_image, DEVICE_WRITE, 0, 0, &device), 0);
	for (int turn = 0; turn < 2; turn++) {
		struct ext2_refusal why;
		struct ext2 *fs;

		ck_assert_int_eq(ext2_open(device, EXT2_WRITE, &fs, &why),
				 -EUCLEAN);
		ck_assert_msg(strstr(why.text, "deleted files"), "%s",
			      why.text);
	}
	ext2_close(opened(device, 0));
	device_close(device);
}
END_TEST

TCase *ext2_space_case(void)
{
	TCase *tests = tcase_create("space");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, 300);
	tcase_add_loop_test(tests, never_twice, 0, 3);
	tcase_add_test(tests, goals_and_runs);
	tcase_add_loop_test(tests, full_and_given_up, 0, 2);
	tcase_add_test(tests, what_may_not_be_freed);
	tcase_add_test(tests, a_bitmap_that_lies);
	tcase_add_test(tests, directories_spread);
	tcase_add_test(tests, inodes_given_back);
	tcase_add_loop_test(tests, commits, 0, 6);
	tcase_add_loop_test(tests, a_log_for_one_transaction, 0, 2);
	tcase_add_loop_test(tests, a_device_that_fails, 0, 2);
	tcase_add_loop_test(tests, orphans, 0, 2);
	tcase_add_loop_test(tests, a_list_of_orphans_that_leads_nowhere, 0, 5);
	return tests;
}
