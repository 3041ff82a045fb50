// Maps, extent trees and attributes that lie. What they must not do: crash, hang,
// lead out of the image. What they must do where a test knows the lie: -EUCLEAN,
// and leave things alone. The image is in memory, and each case starts from the
// same bytes.

#define _GNU_SOURCE
#include "content_parts.h"
#include "fs/ext2/content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1024, POINTERS = BLOCK / 4, SOME_RUNS = 3000 };

struct hostile {
	uint8_t *bytes;
	size_t n;
	struct device *device;
	struct ext2 *fs;
};

static struct hostile hostile_load(void)
{
	struct hostile h = { 0 };
	FILE *f = fopen(content_image, "rb");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	h.n = (size_t)ftell(f);
	rewind(f);
	h.bytes = malloc(h.n);
	ck_assert_uint_eq(fread(h.bytes, 1, h.n, f), h.n);
	fclose(f);
	return h;
}

static void hostile_open(struct hostile *h, int flags)
{
	ck_assert_int_eq(device_memory(h->n, &h->device), 0);
	ck_assert_int_eq(device_write(h->device, 0, h->bytes, h->n), 0);
	ck_assert_int_eq(ext2_open(h->device, flags, &h->fs, NULL), 0);
}

static void hostile_close(struct hostile *h)
{
	ext2_close(h->fs);
	device_close(h->device);
	h->fs = NULL;
	h->device = NULL;
}

static int ignore_block(void *context, const struct ext2_map_block *block)
{
	(void)context;
	(void)block;
	return 0;
}

static int ignore_xattr(void *context, const char *name, const void *value,
			size_t size, bool in_inode)
{
	uint32_t *sum = context;

	*sum += (uint32_t)strlen(name) + in_inode;
	for (size_t i = 0; i < size; i++)
		*sum += ((const uint8_t *)value)[i];
	return 0;
}

static void look_at_runs(struct ext2 *fs, const struct ext2_inode *inode)
{
	struct ext2_run run;
	uint64_t at = 0;

	for (int i = 0; i < SOME_RUNS; i++) {
		if (ext2_run_at(fs, inode, at, &run)) {
			at += at / 7 + 1; // and what is behind it
			continue;
		}
		if (!run.blocks)
			break;
		if (run.logical != at ||
		    (run.physical && (run.physical >= fs->blocks ||
				      run.blocks > fs->blocks - run.physical)))
			ck_abort_msg("a run leads out of the image");
		at += run.blocks;
	}
}

// Everything that can be asked of an inode.
static void look_at_all(struct ext2 *fs, uint32_t ino)
{
	static uint8_t bytes[100000];
	static const uint64_t places[] = {
		0,     5,     11,       12,       267,        268,       65803,
		65804, 70000, 16843019, 16843020, UINT32_MAX, UINT64_MAX
	};
	struct ext2_inode inode;
	struct ext2_map_step step[8];
	uint32_t sum = 0;

	if (ext2_inode(fs, ino, &inode))
		return;
	look_at_runs(fs, &inode);
	ext2_map_blocks(fs, &inode, ignore_block, NULL);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		ext2_map_path(fs, &inode, places[i], step);
		ext2_read(fs, ino, places[i] * BLOCK + 3, bytes,
			  i ? 3000 : sizeof bytes);
	}
	ext2_xattrs(fs, ino, ignore_xattr, &sum);
	ext2_xattr(fs, ino, "user.a", bytes, sizeof bytes);
	if (inode.size <= 1 << 20) {
		int fd = content_model();

		ext2_copy_out(fs, &inode, fd);
		close(fd);
	}
}

static void change_all(struct ext2 *fs, uint32_t ino, struct random *random)
{
	static uint8_t bytes[5000];

	for (int i = 0; i < 4; i++)
		switch (random_below(random, 5)) {
		case 0:
			ext2_write(fs, ino, random_below(random, 70 << 20),
				   bytes, sizeof bytes);
			break;
		case 1:
			ext2_truncate(fs, ino, random_below(random, 70 << 20));
			break;
		case 2:
			ext2_set_xattr(fs, ino, "user.new", bytes,
				       random_below(random, 300));
			break;
		case 3:
			ext2_remove_xattr(fs, ino, "user.a");
			break;
		default:
			ext2_truncate(fs, ino, 0);
		}
}

// /f0: data around the edges of the map, attributes in both places.
static void make_victim(void)
{
	struct content_edges edges = content_edges(BLOCK);
	uint8_t bytes[3 * BLOCK];
	struct content_image image;

	content_make_image("-t ext2 -b 1024 -I 256", "2M", 2);
	memset(bytes, 'x', sizeof bytes);
	image = content_open(EXT2_WRITE);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE,
					    (edges.at[i] - 1) * BLOCK, bytes,
					    sizeof bytes),
				 0);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 0, bytes, 2000), 0);
	ck_assert_int_eq(
		ext2_set_xattr(image.fs, FIRST_FILE, "user.a", bytes, 20), 0);
	ck_assert_int_eq(
		ext2_set_xattr(image.fs, FIRST_FILE, "user.b", bytes, 200), 0);
	ck_assert_int_eq(
		ext2_set_xattr(image.fs, FIRST_FILE, "user.c", bytes, 300), 0);
	content_commit(&image);
	content_close(&image);
}

// --- maps -----------------------------------------------------------------------

START_TEST(pointers_out_of_the_image_are_refused)
{
	static const uint32_t wrong[] = { 2048, 1, UINT32_MAX, 0x80000000 };
	static const uint64_t logical[] = { 0, 12, 268, 65804 };
	static const int slot[] = { 0, 12, 13, 14 };
	uint8_t bytes[10];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_victim();

	struct hostile h = hostile_load();

	for (int k = 0; k < 4; k++)
		for (int i = 0; i < 4; i++) {
			struct ext2_inode inode, after;
			struct ext2_run run;

			hostile_open(&h, EXT2_WRITE);
			ck_assert_int_eq(ext2_inode(h.fs, FIRST_FILE, &inode),
					 0);
			((le32 *)inode.block)[slot[k]] = put32(wrong[i]);
			ck_assert_int_eq(inode_put(h.fs, &inode), 0);
			ck_assert_int_eq(ext2_run_at(h.fs, &inode, logical[k],
						     &run),
					 -EUCLEAN);
			ck_assert_int_eq(ext2_read(h.fs, FIRST_FILE,
						   logical[k] * BLOCK, bytes,
						   sizeof bytes),
					 -EUCLEAN);
			if (k)
				ck_assert_int_eq(ext2_map_blocks(h.fs, &inode,
								 ignore_block,
								 NULL),
						 -EUCLEAN);
			ck_assert_int_eq(ext2_write(h.fs, FIRST_FILE,
						    logical[k] * BLOCK, bytes,
						    sizeof bytes),
					 -EUCLEAN);
			ck_assert_int_eq(ext2_truncate(h.fs, FIRST_FILE, 0),
					 -EUCLEAN);
			ck_assert_int_eq(ext2_inode(h.fs, FIRST_FILE, &after),
					 0);
			ck_assert_mem_eq(inode.block, after.block,
					 sizeof after.block);
			ck_assert_uint_eq(inode.sectors, after.sectors);
			ck_assert_uint_eq(inode.size, after.size);
			look_at_all(h.fs, FIRST_FILE);
			hostile_close(&h);
		}
	free(h.bytes);
}
END_TEST

// A run ends where the next array of pointers is broken, and with the image; what
// it says until then must be looked at, too.
START_TEST(runs_end_where_the_map_lies)
{
	struct ext2_inode inode;
	struct ext2_run run;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_victim();

	struct hostile h = hostile_load();

	hostile_open(&h, 0);
	ck_assert_int_eq(ext2_inode(h.fs, FIRST_FILE, &inode), 0);
	((le32 *)inode.block)[11] = put32(5000);
	((le32 *)inode.block)[12] = put32(6000);
	ck_assert_int_eq(ext2_run_at(h.fs, &inode, 11, &run), -EUCLEAN);
	// Pointers that count up over the end: the run ends there.
	for (uint32_t i = 0; i < 4; i++)
		((le32 *)inode.block)[i] = put32(2046 + i);
	ck_assert_int_eq(ext2_run_at(h.fs, &inode, 0, &run), 0);
	ck_assert_uint_eq(run.physical, 2046);
	ck_assert_uint_eq(run.blocks, 2);
	ck_assert_int_eq(ext2_run_at(h.fs, &inode, 2, &run), -EUCLEAN);
	hostile_close(&h);
	free(h.bytes);
}
END_TEST

static void fill_node(struct ext2 *fs, uint64_t block, uint32_t value)
{
	struct buffer *node;

	ck_assert_int_eq(cache_get(fs->cache, block, 0, &node), 0);
	for (int i = 0; i < POINTERS; i++)
		((le32 *)node->bytes)[i] = put32(value);
	cache_dirty(fs->cache, node, BLOCK_MAP);
	cache_drop(node);
}

// Each of the nodes points 256 times at itself, or at one other: a tree of three
// blocks that stands for 2^24.
START_TEST(circles_end)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_victim();

	struct hostile h = hostile_load();

	for (int depth = 0; depth < 4; depth++) {
		struct ext2_inode inode;
		struct ext2_map_step step[8];
		int out = content_model();
		uint8_t byte;

		hostile_open(&h, EXT2_WRITE);
		ck_assert_int_eq(ext2_inode(h.fs, FIRST_FILE, &inode), 0);
		ck_assert_int_eq(ext2_map_path(h.fs, &inode, 65804, step), 4);
		for (int i = 0; i < 3; i++)
			fill_node(h.fs, step[i].value,
				  (uint32_t)step[i == depth ? i : i + 1].value);
		inode.size = UINT64_C(16843020) * BLOCK;
		ck_assert_int_eq(inode_put(h.fs, &inode), 0);
		if (depth < 2) // at itself, as a node
			ck_assert_int_eq(ext2_read(h.fs, FIRST_FILE,
						   UINT64_C(65804) * BLOCK,
						   &byte, 1),
					 -EUCLEAN);
		ck_assert_int_eq(ext2_map_blocks(h.fs, &inode, ignore_block,
						 NULL),
				 -EUCLEAN);
		ck_assert_int_eq(ext2_copy_out(h.fs, &inode, out), -EUCLEAN);
		ck_assert_int_eq(ext2_truncate(h.fs, FIRST_FILE, 0), -EUCLEAN);
		look_at_all(h.fs, FIRST_FILE);
		hostile_close(&h);
		close(out);
	}
	free(h.bytes);
}
END_TEST

// --- extents --------------------------------------------------------------------

struct lie {
	const char *name;
	bool in_leaf; // else in the inode
	uint32_t offset;
	uint8_t bytes[4];
	uint32_t n;
};

static const struct lie lies[] = {
	{ "no magic", false, 0, { 0, 0 }, 2 },
	{ "more entries than room", false, 2, { 5, 0, 5, 0 }, 4 },
	{ "more entries than it may have", false, 2, { 4, 0, 1, 0 }, 4 },
	{ "too deep", false, 6, { 6, 0 }, 2 },
	{ "one deeper than it is", false, 6, { 3, 0 }, 2 },
	{ "child outside", false, 16, { 255, 255, 255, 255 }, 4 },
	{ "child far outside", false, 20, { 255, 255 }, 2 },
	{ "leaf without magic", true, 0, { 0, 0 }, 2 },
	{ "leaf with too many", true, 2, { 255, 255, 255, 255 }, 4 },
	{ "leaf that is none", true, 6, { 1, 0 }, 2 },
	{ "empty extent", true, 12 + 4, { 0, 0 }, 2 },
	{ "extent outside", true, 12 + 8, { 255, 255, 255, 127 }, 4 },
	{ "extent over the end", true, 12 + 4, { 255, 127 }, 2 },
	{ "extents out of order", true, 24, { 0, 0, 0, 0 }, 4 },
	{ "extents that fall", true, 12, { 100, 0, 0, 0 }, 4 },
	{ "extents that overlap", true, 12 + 4, { 50, 0 }, 2 },
};

enum { LIES = sizeof(lies) / sizeof(lies[0]) };

static int first_leaf(void *context, const struct ext2_map_block *block)
{
	*(uint64_t *)context = block->block;
	return block->level == 1;
}

START_TEST(extent_trees_that_lie_are_refused)
{
	const struct lie *lie = &lies[_i];
	struct random random = { 40 };
	struct ext2_inode inode;
	uint64_t holder, leaf = 0;
	uint32_t offset, ino;
	uint8_t bytes[10];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_do("mkdir tree && : >tree/f");

	int fd = content_model();

	for (uint64_t i = 0; i < 600; i++)
		content_island(fd, &random, 4096 * i, 1024);
	content_do("cp --sparse=always /proc/%d/fd/%d tree/f", (int)getpid(),
		   fd);
	close(fd);
	content_do("mke2fs -q -F -t ext4 -b 1024 -d tree image 8M");

	struct hostile h = hostile_load();
	struct ext2_entry entry;

	hostile_open(&h, 0);
	ck_assert_int_eq(ext2_find(h.fs, INO_ROOT, "f", 1, &entry), 0);
	ino = entry.ino;
	ck_assert_int_eq(ext2_inode(h.fs, ino, &inode), 0);
	ck_assert_int_eq(ext2_inode_place(h.fs, ino, &holder, &offset), 0);
	ck_assert_int_eq(ext2_map_blocks(h.fs, &inode, first_leaf, &leaf), 1);
	ck_assert_int_eq(ext2_read(h.fs, ino, 0, bytes, sizeof bytes),
			 sizeof bytes);
	look_at_all(h.fs, ino);
	hostile_close(&h);
	memcpy(h.bytes +
		       (lie->in_leaf ? leaf * BLOCK
				     : holder * BLOCK + offset +
					       offsetof(struct disk_inode,
							i_block)) +
		       lie->offset,
	       lie->bytes, lie->n);
	hostile_open(&h, 0);
	ck_assert_msg(ext2_read(h.fs, ino, 0, bytes, sizeof bytes) == -EUCLEAN,
		      "%s", lie->name);
	look_at_all(h.fs, ino);
	hostile_close(&h);
	free(h.bytes);
}
END_TEST

// --- attributes -----------------------------------------------------------------

struct xattr_lie {
	const char *name;
	bool in_block;
	uint32_t offset; // from the header, or the magic in the inode
	uint8_t bytes[4];
	uint32_t n;
};

static const struct xattr_lie xattr_lies[] = {
	{ "no magic", true, 0, { 0, 0, 0, 0 }, 4 },
	{ "nobody has it", true, 4, { 0, 0, 0, 0 }, 4 },
	{ "two blocks", true, 8, { 2, 0, 0, 0 }, 4 },
	{ "value outside", true, 32 + 2, { 255, 255 }, 2 },
	{ "value over the end", true, 32 + 2, { 252, 3 }, 2 },
	{ "value in the header", true, 32 + 2, { 0, 0 }, 2 },
	{ "value in the entries", true, 32 + 2, { 36, 0 }, 2 },
	{ "value of 4 GiB", true, 32 + 8, { 255, 255, 255, 255 }, 4 },
	{ "value in an inode", true, 32 + 4, { 12, 0, 0, 0 }, 4 },
	{ "value outside", false, 4 + 2, { 255, 255 }, 2 },
	{ "value over the end", false, 4 + 2, { 90, 0 }, 2 },
	{ "value in the entry", false, 4 + 2, { 4, 0 }, 2 },
	{ "name over the end", false, 4, { 255 }, 1 },
};

enum { XATTR_LIES = sizeof(xattr_lies) / sizeof(xattr_lies[0]) };

START_TEST(attributes_that_lie_are_refused)
{
	const struct xattr_lie *lie = &xattr_lies[_i];
	struct ext2_inode inode;
	uint64_t holder;
	uint32_t offset, sum = 0;
	uint8_t bytes[300];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_victim();

	struct hostile h = hostile_load();

	hostile_open(&h, 0);
	ck_assert_int_eq(ext2_inode(h.fs, FIRST_FILE, &inode), 0);
	ck_assert_int_eq(ext2_inode_place(h.fs, FIRST_FILE, &holder, &offset),
			 0);
	hostile_close(&h);
	ck_assert_uint_ne(inode.xattr_block, 0);
	memcpy(h.bytes +
		       (lie->in_block ? inode.xattr_block * BLOCK
				      : holder * BLOCK + offset +
						INODE_BYTES_OLD + inode.extra) +
		       lie->offset,
	       lie->bytes, lie->n);
	hostile_open(&h, EXT2_WRITE);
	ck_assert_msg(ext2_xattrs(h.fs, FIRST_FILE, ignore_xattr, &sum) ==
			      -EUCLEAN,
		      "%s", lie->name);
	ck_assert_int_eq(ext2_set_xattr(h.fs, FIRST_FILE, "user.x", "", 0),
			 -EUCLEAN);
	ck_assert_int_eq(ext2_remove_xattr(h.fs, FIRST_FILE, "user.a"),
			 -EUCLEAN);
	ck_assert_int_eq(ext2_xattr(h.fs, FIRST_FILE, "user.c", bytes,
				    sizeof bytes),
			 -EUCLEAN);
	hostile_close(&h);
	free(h.bytes);
}
END_TEST

// ACLs as the disk has them, cut off at each length, and each byte changed.
START_TEST(acls_that_lie_are_refused)
{
	static const uint8_t disk[] = { 1,  0, 0, 0, 1,  0, 6, 0, 2,  0, 5, 0,
					9,  0, 0, 0, 4,  0, 4, 0, 8,  0, 7, 0,
					10, 0, 0, 0, 16, 0, 7, 0, 32, 0, 0, 0 };
	uint8_t value[2 * sizeof disk], back[sizeof value];
	uint16_t mode;
	bool plain;
	int n = 0;

	for (size_t size = 0; size < sizeof disk; size++) {
		uint8_t *exact = malloc(size + 1);

		memcpy(exact, disk, size);
		n = acl_from_disk(exact, size, value);
		ck_assert_int_eq(n, -EUCLEAN);
		free(exact);
	}
	n = acl_from_disk(disk, sizeof disk, value);
	ck_assert_int_eq(n, 4 + 6 * 8);
	ck_assert_int_eq(acl_to_disk(value, (size_t)n, back, &mode, &plain),
			 (int)sizeof disk);
	ck_assert_mem_eq(back, disk, sizeof disk);
	ck_assert_int_eq(mode, 0670);
	for (size_t i = 0; i < sizeof disk; i++)
		for (int change = 1; change < 256; change++) {
			uint8_t other[sizeof disk];

			memcpy(other, disk, sizeof disk);
			other[i] ^= (uint8_t)change;
			n = acl_from_disk(other, sizeof disk, value);
			if (n != -EUCLEAN &&
			    (n < 0 || (size_t)n > sizeof value))
				ck_abort_msg("byte %zu: %d", i, n);
			if (n < 0)
				continue;
			n = acl_to_disk(value, (size_t)n, back, &mode, &plain);
			if (n != (int)sizeof disk ||
			    memcmp(back, other, sizeof disk) != 0)
				ck_abort_msg("byte %zu: not the same again", i);
		}
}
END_TEST

// --- anything -------------------------------------------------------------------

// A few random bytes of the inode, its nodes and its attributes.
static void damage(struct hostile *h, const uint64_t *places, int count,
		   struct random *random)
{
	static const uint8_t telling[] = { 0, 1, 2, 12, 127, 128, 255 };
	uint32_t changes = 1 + random_below(random, 4);

	for (uint32_t i = 0; i < changes; i++) {
		uint64_t at = places[random_below(random, (uint32_t)count)];
		bool inode = !(at % BLOCK);

		// Of a block mostly the head.
		at += random_below(
			random, inode && random_below(random, 2) ? BLOCK : 256);
		h->bytes[at] = random_below(random, 2)
				       ? (uint8_t)random_next(random)
				       : telling[random_below(random, 7)];
	}
}

START_TEST(random_damage_is_survived)
{
	struct random random = { (uint64_t)_i + 50 };
	struct ext2_inode inode;
	struct ext2_map_step step[8];
	uint64_t places[16];
	uint32_t offset;
	int count = 0, rounds = soaking() ? 50000 : 1000;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	make_victim();

	struct hostile h = hostile_load();
	uint8_t *whole = malloc(h.n);

	memcpy(whole, h.bytes, h.n);
	hostile_open(&h, 0);
	ck_assert_int_eq(
		ext2_inode_place(h.fs, FIRST_FILE, &places[0], &offset), 0);
	places[count] = places[0] * BLOCK + offset;
	count++;
	ck_assert_int_eq(ext2_inode(h.fs, FIRST_FILE, &inode), 0);
	places[count++] = inode.xattr_block * BLOCK;
	for (int k = 1; k <= 3; k++) {
		uint64_t at = content_edges(BLOCK).at[k - 1];

		ck_assert_int_eq(ext2_map_path(h.fs, &inode, at, step), k + 1);
		for (int i = 0; i < k; i++)
			places[count++] = step[i].value * BLOCK;
	}
	hostile_close(&h);
	for (int i = 0; i < rounds; i++) {
		memcpy(h.bytes, whole, h.n);
		damage(&h, places, count, &random);
		hostile_open(&h, EXT2_WRITE);
		look_at_all(h.fs, FIRST_FILE);
		change_all(h.fs, FIRST_FILE, &random);
		look_at_all(h.fs, FIRST_FILE);
		if (!random_below(&random, 4))
			ext2_commit(h.fs);
		hostile_close(&h);
	}
	free(h.bytes);
	free(whole);
}
END_TEST

TCase *content_hostile_case(void)
{
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 600);
	tcase_add_checked_fixture(t, content_set_up, content_tear_down);
	tcase_add_test(t, pointers_out_of_the_image_are_refused);
	tcase_add_test(t, runs_end_where_the_map_lies);
	tcase_add_test(t, circles_end);
	tcase_add_loop_test(t, extent_trees_that_lie_are_refused, 0, LIES);
	tcase_add_loop_test(t, attributes_that_lie_are_refused, 0, XATTR_LIES);
	tcase_add_test(t, acls_that_lie_are_refused);
	tcase_add_loop_test(t, random_damage_is_survived, 0, 2);
	return t;
}
