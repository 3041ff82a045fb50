// Images of the corpus, and where things stand in them.
//
// mke2fs makes each image. What is in it is written by the library, as an ordinary
// user may neither mount an image nor make devices for mke2fs -d; e2fsck has to
// agree that the result is sound.

#define _GNU_SOURCE
#include "content_parts.h"
#include "crash_parts.h"
#include "fsck_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS (KIND_RESIZE | KIND_COPY)
const struct corpus_kind corpus_kinds[CORPUS_KINDS] = {
	{ "ext2, 1 KiB", "-t ext2 -b 1024 -I 256 -N 320", "12M", 1024,
	  GROUPS | KIND_TWO_LEVELS | KIND_NO_JOURNAL },
	{ "ext2, 2 KiB", "-t ext2 -b 2048 -I 256 -N 320 -g 2048", "12M", 2048,
	  GROUPS | KIND_THREE | KIND_NO_JOURNAL },
	{ "ext2, 4 KiB", "-t ext2 -b 4096 -I 256 -N 320 -g 2048", "12M", 4096,
	  GROUPS | KIND_NO_JOURNAL },
	{ "ext3, 1 KiB", "-t ext3 -b 1024 -I 256 -N 320 -J size=1", "12M", 1024,
	  GROUPS | KIND_JOURNAL | KIND_TWO_LEVELS },
	{ "ext3, 2 KiB", "-t ext3 -b 2048 -I 128 -N 320 -J size=2 -g 4096",
	  "14M", 2048, GROUPS | KIND_JOURNAL },
	{ "ext3, 4 KiB",
	  "-t ext3 -b 4096 -I 256 -N 320 -J size=4 -g 2048 -O ^resize_inode",
	  "16M", 4096, KIND_JOURNAL | KIND_COPY },
	{ "one group", "-t ext2 -b 1024 -I 256 -N 320", "6M", 1024,
	  KIND_RESIZE | KIND_NO_JOURNAL | KIND_ONE },
};

enum {
	SMALL = 700,
	LINK = 100, // bytes of a symlink's target that needs a block
	XATTR = 600,
	NAMES_ONE = 60,   // in a directory with an index of one level
	NAMES_TWO = 1100, // of two
	SECTOR = 512,
	CHUNK = 4096,
	MEMORY = 8 << 20,
};

static const uint64_t LARGE = UINT64_C(5) << 30; // of a file with holes

void corpus_set_up(void)
{
	const char *above = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	snprintf(content_folder, sizeof content_folder, "%s/fsck-test-XXXXXX",
		 above);
	ck_assert_ptr_nonnull(mkdtemp(content_folder));
	snprintf(content_image, sizeof content_image, "%s/image",
		 content_folder);
	snprintf(crash_folder, sizeof crash_folder, "%s", content_folder);
}

void corpus_tear_down(void)
{
	content_tear_down();
}

static struct ext2_inode like(struct ext2 *fs, uint16_t mode)
{
	struct ext2_time now = ext2_now(fs);

	return (struct ext2_inode){
		.mode = mode,
		.uid = 1000,
		.gid = 100,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
		.extra = INODE_EXTRA,
		.device_major = S_ISCHR(mode) || S_ISBLK(mode) ? 8 : 0,
		.device_minor = S_ISCHR(mode) || S_ISBLK(mode) ? 1 : 0,
	};
}

static uint32_t make(struct ext2 *fs, const char *path, uint16_t mode)
{
	struct ext2_inode attributes = like(fs, mode);
	const char *name;
	uint32_t dir, ino;
	size_t n;

	ck_assert_int_eq(ext2_walk_parent(fs, INO_ROOT, path, &dir, &name, &n),
			 0);
	ck_assert_int_eq(ext2_create(fs, dir, name, n, &attributes, &ino), 0);
	return ino;
}

static void write_bytes(struct ext2 *fs, uint32_t ino, uint64_t at, size_t n)
{
	struct random random = { ino + at };
	uint8_t *bytes = malloc(n);

	ck_assert_ptr_nonnull(bytes);
	content_fill(&random, bytes, n);
	ck_assert_int_eq(ext2_write(fs, ino, at, bytes, n), 0);
	free(bytes);
}

static uint32_t file(struct ext2 *fs, const char *path, size_t n)
{
	uint32_t ino = make(fs, path, S_IFREG | 0644);

	if (n)
		write_bytes(fs, ino, 0, n);
	return ino;
}

static void link_symbolically(struct ext2 *fs, const char *name, int length)
{
	struct ext2_inode attributes = like(fs, S_IFLNK | 0777);
	char target[LINK];
	uint32_t ino;

	memset(target, 't', sizeof target);
	ck_assert_int_eq(ext2_symlink(fs, INO_ROOT, name, strlen(name),
				      &attributes, target, length, &ino),
			 0);
}

static void set_xattr(struct ext2 *fs, uint32_t ino, const char *name, size_t n)
{
	char value[XATTR];

	memset(value, 'v', sizeof value);
	ck_assert_int_eq(ext2_set_xattr(fs, ino, name, value, n), 0);
}

// A directory with so many names of 200 bytes, all of them one file's.
static void many_names(struct ext2 *fs, const char *path, int n)
{
	uint32_t dir = make(fs, path, S_IFDIR | 0755), ino;
	char name[201];

	ck_assert_int_eq(ext2_walk(fs, INO_ROOT, "/small", 0, NULL, NULL, &ino),
			 0);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%0200d", i);
		ck_assert_int_eq(ext2_link(fs, dir, name, 200, ino), 0);
	}
}

static void fill(struct ext2 *fs, const struct corpus_kind *kind)
{
	uint64_t pointers = kind->block_bytes / 4, block = kind->block_bytes;
	uint32_t ino;

	file(fs, "/small", SMALL);
	file(fs, "/plain", 5 * block);
	file(fs, "/empty", 0);
	ino = file(fs, "/big", 20 * block);
	write_bytes(fs, ino, (12 + pointers) * block, 10 * block);
	write_bytes(fs, ino, (12 + pointers + pointers * pointers) * block, 10);
	ck_assert_int_eq(ext2_truncate(fs, ino, LARGE), 0);
	make(fs, "/dir", S_IFDIR | 0755);
	make(fs, "/dir/sub", S_IFDIR | 0755);
	make(fs, "/dir/sub/deep", S_IFDIR | 0755);
	file(fs, "/dir/sub/deep/leaf", SMALL);
	file(fs, "/dir/file", 3 * block);
	make(fs, "/other", S_IFDIR | 0750);
	file(fs, "/other/file", 14 * block);
	file(fs, "/other/more", SMALL);
	many_names(fs, "/names", NAMES_ONE);
	if (kind->has & KIND_TWO_LEVELS)
		many_names(fs, "/tree", NAMES_TWO);
	link_symbolically(fs, "fast", 20);
	link_symbolically(fs, "slow", LINK);
	make(fs, "/fifo", S_IFIFO | 0600);
	make(fs, "/socket", S_IFSOCK | 0600);
	make(fs, "/tty", S_IFCHR | 0600);
	make(fs, "/disk", S_IFBLK | 0600);
	ino = file(fs, "/one", SMALL);
	ck_assert_int_eq(ext2_link(fs, INO_ROOT, "two", 3, ino), 0);
	set_xattr(fs, file(fs, "/xa", SMALL), "user.large", XATTR);
	file(fs, "/xb", SMALL);
	ino = file(fs, "/xi", SMALL);
	set_xattr(fs, ino, "user.a", 20);
	set_xattr(fs, ino, "user.b", 12);
}

static struct ext2 *open_image(struct device *device, int flags)
{
	struct ext2_refusal why;
	struct ext2 *fs;
	int error = ext2_open(device, flags, &fs, &why);

	ck_assert_msg(!error, "%s: %s", strerror(-error), why.text);
	return fs;
}

// /xb shares the block of attributes of /xa, as files of one directory do that
// the kernel wrote.
static void share_attributes(struct corpus *c)
{
	uint64_t a = corpus_inode(c, corpus_ino(c, "/xa"));
	uint64_t b = corpus_inode(c, corpus_ino(c, "/xb"));
	const uint32_t acl = offsetof(struct disk_inode, i_file_acl);
	const uint32_t blocks = offsetof(struct disk_inode, i_blocks);
	uint32_t block = corpus_get(c, a + acl, 4);

	ck_assert_uint_ne(block, 0);
	corpus_put(c, b + acl, 4, block);
	corpus_put(c, b + blocks, 4, corpus_get(c, a + blocks, 4));
	corpus_put(c, (uint64_t)block * c->kind->block_bytes + 4, 4, 2);
}

static struct device *read_image(void)
{
	struct device *image, *memory;
	uint8_t *bytes;

	ck_assert_int_eq(device_file(content_image, DEVICE_READ, 0, 0, &image),
			 0);
	ck_assert_int_eq(device_memory(image->bytes, &memory), 0);
	bytes = malloc(image->bytes);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(device_read(image, 0, bytes, image->bytes), 0);
	ck_assert_int_eq(device_write(memory, 0, bytes, image->bytes), 0);
	device_close(image);
	free(bytes);
	return memory;
}

// Most of an image is zeros: where it is not.
static void note_chunks(struct corpus *c)
{
	uint8_t bytes[CHUNK];
	size_t n = 0;

	c->chunk = calloc(c->sound->bytes / CHUNK, sizeof *c->chunk);
	ck_assert_ptr_nonnull(c->chunk);
	for (uint64_t at = 0; at < c->sound->bytes; at += CHUNK) {
		ck_assert_int_eq(device_read(c->sound, at, bytes, CHUNK), 0);
		if (!content_zeros(bytes, CHUNK))
			c->chunk[n++] = at;
	}
	c->chunk_count = n;
}

// e2fsck makes the indexes of directories, with -D.
void corpus_make(struct corpus *c, const struct corpus_kind *kind)
{
	*c = (struct corpus){ .kind = kind };
	content_make_image(kind->options, kind->size, 0);
	ck_assert_int_eq(
		device_file(content_image, DEVICE_WRITE, 0, 0, &c->device), 0);
	c->fs = open_image(c->device, EXT2_WRITE);
	fill(c->fs, kind);
	ck_assert_int_eq(ext2_commit(c->fs), 0);
	share_attributes(c);
	ext2_close(c->fs);
	device_close(c->device);
	c->device = NULL;
	content_do("e2fsck -fyD image; test $? -le 1");
	c->sound = read_image();
	note_chunks(c);
	c->fs = open_image(c->sound, 0);
}

void corpus_copy(struct corpus *c)
{
	device_close(c->device);
	ck_assert_int_eq(device_overlay(c->sound, SECTOR, MEMORY, &c->device),
			 0);
}

void corpus_free(struct corpus *c)
{
	ext2_close(c->fs);
	device_close(c->device);
	device_close(c->sound);
	free(c->chunk);
}

static int put_unit(void *context, uint64_t offset, const void *bytes)
{
	ck_assert_int_eq(pwrite(*(int *)context, bytes, SECTOR, (off_t)offset),
			 SECTOR);
	return 0;
}

void corpus_put_file(struct corpus *c, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t bytes[CHUNK];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)c->sound->bytes), 0);
	for (size_t i = 0; i < c->chunk_count; i++) {
		device_read(c->sound, c->chunk[i], bytes, CHUNK);
		ck_assert_int_eq(pwrite(fd, bytes, CHUNK, (off_t)c->chunk[i]),
				 CHUNK);
	}
	device_overlay_each(c->device, put_unit, &fd);
	close(fd);
}

// ## Where things stand

uint32_t corpus_ino(const struct corpus *c, const char *path)
{
	uint32_t ino;

	ck_assert_msg(!ext2_walk(c->fs, INO_ROOT, path, EXT2_NOFOLLOW, NULL,
				 NULL, &ino),
		      "%s", path);
	return ino;
}

uint64_t corpus_inode(const struct corpus *c, uint32_t ino)
{
	uint64_t block;
	uint32_t offset;

	ck_assert_int_eq(ext2_inode_place(c->fs, ino, &block, &offset), 0);
	return block * c->kind->block_bytes + offset;
}

uint64_t corpus_group(const struct corpus *c, uint32_t group)
{
	uint64_t block = c->kind->block_bytes == 1024 ? 2 : 1;

	return block * c->kind->block_bytes + (uint64_t)group * GROUP_BYTES;
}

uint64_t corpus_entry(const struct corpus *c, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct ext2_entry entry;
	char dir[100] = "/";

	if (name > path + 1)
		snprintf(dir, sizeof dir, "%.*s", (int)(name - path - 1), path);
	ck_assert_msg(!ext2_find(c->fs, corpus_ino(c, dir), name, strlen(name),
				 &entry),
		      "%s", path);
	return entry.block * c->kind->block_bytes + entry.offset;
}

static struct ext2_inode inode_of(const struct corpus *c, const char *path)
{
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(c->fs, corpus_ino(c, path), &inode), 0);
	return inode;
}

uint32_t corpus_block(const struct corpus *c, const char *path,
		      uint64_t logical)
{
	struct ext2_inode inode = inode_of(c, path);
	struct ext2_run run;

	ck_assert_int_eq(ext2_run_at(c->fs, &inode, logical, &run), 0);
	ck_assert_msg(run.blocks && run.physical, "%s: no block %ju", path,
		      (uintmax_t)logical);
	return (uint32_t)run.physical;
}

struct level {
	int level;
	uint32_t block;
};

static int is_level(void *context, const struct ext2_map_block *block)
{
	struct level *wanted = context;

	if (block->level != wanted->level)
		return 0;
	wanted->block = (uint32_t)block->block;
	return 1;
}

uint32_t corpus_map_block(const struct corpus *c, const char *path, int level)
{
	struct ext2_inode inode = inode_of(c, path);
	struct level wanted = { .level = level };

	ext2_map_blocks(c->fs, &inode, is_level, &wanted);
	ck_assert_uint_ne(wanted.block, 0);
	return wanted.block;
}

uint32_t corpus_xattr_block(const struct corpus *c, const char *path)
{
	return (uint32_t)inode_of(c, path).xattr_block;
}

uint64_t corpus_log(const struct corpus *c)
{
	uint64_t inode = corpus_inode(c, INO_JOURNAL);

	return (uint64_t)corpus_get(c, inode + 40, 4) * c->kind->block_bytes;
}

uint32_t corpus_free_block(const struct corpus *c)
{
	struct ext2_numbers numbers;
	bool in_use = true;
	uint64_t block;

	ext2_numbers(c->fs, &numbers);
	for (block = numbers.blocks - 1; in_use; block--)
		ck_assert_int_eq(ext2_block_in_use(c->fs, block, &in_use), 0);
	return (uint32_t)block + 1;
}

// ## Changing bytes

uint32_t corpus_get(const struct corpus *c, uint64_t at, int bytes)
{
	le32 value = { 0 };

	ck_assert_int_eq(device_read(c->sound ? c->sound : c->device, at,
				     &value, bytes),
			 0);
	return get32(value);
}

void corpus_put(struct corpus *c, uint64_t at, int bytes, uint32_t value)
{
	le32 put = put32(value);

	ck_assert_int_eq(device_write(c->device, at, &put, bytes), 0);
}

void corpus_zero(struct corpus *c, uint64_t at, uint64_t bytes)
{
	void *zeros = calloc(1, bytes);

	ck_assert_ptr_nonnull(zeros);
	ck_assert_int_eq(device_write(c->device, at, zeros, bytes), 0);
	free(zeros);
}

// ## Damage

bool damage_possible(const struct corpus *c, const struct damage *d)
{
	if (d->at == AT_INODE && d->offset >= INODE_BYTES_OLD &&
	    corpus_get(c, SUPER_OFFSET + 88, 2) == INODE_BYTES_OLD)
		return false;
	return (d->needs & c->kind->has) == d->needs;
}

static uint64_t place_of(const struct corpus *c, const struct damage *d)
{
	uint64_t block = c->kind->block_bytes;
	const uint32_t each = offsetof(struct disk_super, s_blocks_per_group);

	switch (d->at) {
	case AT_SUPER:
		return SUPER_OFFSET;
	case AT_COPY:
		return (corpus_get(c, SUPER_OFFSET + each, 4) +
			(block == 1024)) *
		       block;
	case AT_GROUP:
		return corpus_group(c, d->number);
	case AT_INODE:
		return corpus_inode(c, corpus_ino(c, d->path));
	case AT_NUMBER:
		return corpus_inode(c, d->number);
	case AT_ENTRY:
		return corpus_entry(c, d->path);
	case AT_BLOCK:
		return corpus_block(c, d->path, d->number) * block;
	case AT_MAP:
		return corpus_map_block(c, d->path, (int)d->number) * block;
	case AT_XATTR:
		return corpus_xattr_block(c, d->path) * block;
	case AT_LOG:
		return corpus_log(c);
	default:
		ck_abort_msg("%s: nowhere", d->name);
	}
}

void damage_do(struct corpus *c, const struct damage *d)
{
	uint64_t at;
	uint32_t old;

	if (d->by) {
		d->by(c);
		return;
	}
	at = place_of(c, d) + d->offset;
	old = corpus_get(c, at, d->bytes);
	corpus_put(c, at, d->bytes,
		   d->how == SET    ? d->value
		   : d->how == FLIP ? old ^ d->value
				    : old + d->value);
}
