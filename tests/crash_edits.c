// What is done to images in the suite crash, and what they hold before.

#include "crash_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/fs.h"

enum {
	BASE_TIME = 1700000000,
	EDIT_TIME = 1700000500,
	LONGEST = 400 * 1024, // of a file: double indirect with 1 KiB blocks
	MANY = 60,
	INDEXED = 90,       // names before
	INDEXED_MORE = 250, // and after
	DEEP = 1100,        // names
	DEEP_MORE = 1500,
	TRIPLE = 80000000, // a triple indirect block, if blocks are of 1 KiB
	LARGE = 5000,      // inodes, 4 to a block: more blocks than the log has
};

const struct crash_kind crash_ordered[CRASH_KINDS] = {
	{ .name = "ordered", .block_bytes = 1024, .blocks = 6144,
	  .inodes = 1000 },
	{ .name = "ordered, 4 KiB", .block_bytes = 4096, .blocks = 2048,
	  .inodes = 1000 },
};
const struct crash_kind crash_journal[CRASH_KINDS] = {
	{ .name = "journal", .block_bytes = 1024, .blocks = 6144,
	  .inodes = 1000, .journal = 1024 },
	{ .name = "journal, 4 KiB", .block_bytes = 4096, .blocks = 2560,
	  .inodes = 1000, .journal = 1024 },
};
static const struct crash_kind crash_large = {
	.block_bytes = 1024,
	.blocks = 8192,
	.inodes = 6000,
	.journal = 1024,
};

// A call that fails ends the edit.
#define TRY(call) do {                  \
	int error_ = (call);            \
	if (error_ < 0)                 \
		return error_;          \
} while (0)

// ## Steps

struct place {
	uint32_t dir;
	const char *name;
	size_t length;
};

static int place_of(struct ext2 *fs, const char *path, struct place *place)
{
	return ext2_walk_parent(fs, INO_ROOT, path, &place->dir, &place->name,
				&place->length);
}

static int ino_of(struct ext2 *fs, const char *path, uint32_t *ino)
{
	return ext2_walk(fs, INO_ROOT, path, EXT2_NOFOLLOW, NULL, NULL, ino);
}

static struct ext2_inode attributes(struct ext2 *fs, uint16_t mode)
{
	struct ext2_time now = ext2_now(fs);

	return (struct ext2_inode){ .mode = mode,
				    .uid = 1000,
				    .gid = 100,
				    .atime = now,
				    .mtime = now,
				    .ctime = now,
				    .crtime = now };
}

static int write_pattern(struct ext2 *fs, uint32_t ino, uint64_t at, size_t n,
			 uint64_t seed)
{
	struct random random = { seed };
	uint8_t *bytes = malloc(n + 1);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random_next(&random);
	int error = ext2_write(fs, ino, at, bytes, n);
	free(bytes);
	return error;
}

static int make(struct ext2 *fs, const char *path, uint16_t mode, size_t n,
		uint64_t seed)
{
	struct ext2_inode like = attributes(fs, mode);
	struct place place;
	uint32_t ino;

	TRY(place_of(fs, path, &place));
	TRY(ext2_create(fs, place.dir, place.name, place.length, &like, &ino));
	return n ? write_pattern(fs, ino, 0, n, seed) : 0;
}

static int put(struct ext2 *fs, const char *path, size_t n, uint64_t seed)
{
	return make(fs, path, S_IFREG | 0644, n, seed);
}

static int make_dir(struct ext2 *fs, const char *path)
{
	return make(fs, path, S_IFDIR | 0755, 0, 0);
}

static int make_symlink(struct ext2 *fs, const char *path, const char *target)
{
	struct ext2_inode like = attributes(fs, S_IFLNK | 0777);
	struct place place;
	uint32_t ino;

	TRY(place_of(fs, path, &place));
	return ext2_symlink(fs, place.dir, place.name, place.length, &like,
			    target, strlen(target), &ino);
}

static int make_link(struct ext2 *fs, const char *old, const char *path)
{
	struct place place;
	uint32_t ino;

	TRY(ino_of(fs, old, &ino));
	TRY(place_of(fs, path, &place));
	return ext2_link(fs, place.dir, place.name, place.length, ino);
}

static int take_away(struct ext2 *fs, const char *path)
{
	struct place place;

	TRY(place_of(fs, path, &place));
	return ext2_unlink(fs, place.dir, place.name, place.length);
}

static int take_away_dir(struct ext2 *fs, const char *path)
{
	struct place place;

	TRY(place_of(fs, path, &place));
	return ext2_rmdir(fs, place.dir, place.name, place.length);
}

static int move(struct ext2 *fs, const char *old, const char *path)
{
	struct place a, b;

	TRY(place_of(fs, old, &a));
	TRY(place_of(fs, path, &b));
	return ext2_rename(fs, a.dir, a.name, a.length, b.dir, b.name,
			   b.length);
}

static int cut(struct ext2 *fs, const char *path, uint64_t size)
{
	uint32_t ino;

	TRY(ino_of(fs, path, &ino));
	return ext2_truncate(fs, ino, size);
}

static int write_into(struct ext2 *fs, const char *path, uint64_t at, size_t n,
		      uint64_t seed)
{
	uint32_t ino;

	TRY(ino_of(fs, path, &ino));
	return write_pattern(fs, ino, at, n, seed);
}

static int set_attribute(struct ext2 *fs, const char *path, const char *name,
			 size_t n)
{
	char value[900];
	uint32_t ino;

	memset(value, 'v', sizeof(value));
	TRY(ino_of(fs, path, &ino));
	return ext2_set_xattr(fs, ino, name, value, n);
}

static int change_mode(struct ext2 *fs, const char *path, uint16_t mode)
{
	struct ext2_inode inode;
	uint32_t ino;

	TRY(ino_of(fs, path, &ino));
	TRY(ext2_inode(fs, ino, &inode));
	inode.mode = (inode.mode & S_IFMT) | mode;
	return ext2_set_inode(fs, &inode);
}

static const char *numbered(const char *pattern, int n)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s%03d", pattern, n);
	return path;
}

// ## What all images hold

static int base_tree(struct ext2 *fs)
{
	TRY(make_dir(fs, "/a"));
	TRY(make_dir(fs, "/a/sub"));
	TRY(make_dir(fs, "/b"));
	TRY(make_dir(fs, "/tree"));
	TRY(make_dir(fs, "/tree/one"));
	TRY(make_dir(fs, "/tree/one/two"));
	TRY(put(fs, "/tree/file", 3000, 1));
	TRY(put(fs, "/tree/one/file", 30000, 2));
	TRY(put(fs, "/tree/one/two/file", 300, 3));
	TRY(put(fs, "/a/empty", 0, 0));
	TRY(put(fs, "/a/small", 100, 4));
	TRY(put(fs, "/a/medium", 5000, 5));
	TRY(put(fs, "/a/single", 40000, 6));
	TRY(put(fs, "/a/sub/deep", 2222, 7));
	TRY(put(fs, "/big", LONGEST, 8));
	TRY(make_symlink(fs, "/short", "a/small"));
	TRY(make_symlink(fs, "/long",
			 "b/../b/../b/../b/../b/../b/../b/../b/../b/../b/../"
			 "a/medium/that/is/not/inside/the/inode"));
	TRY(make_link(fs, "/a/medium", "/b/linked"));
	TRY(make(fs, "/fifo", S_IFIFO | 0600, 0, 0));
	TRY(set_attribute(fs, "/a/small", "user.inside", 20));
	return set_attribute(fs, "/a/medium", "user.outside", 300);
}

// ## The edits

static int edit_create(struct ext2 *fs)
{
	return put(fs, "/a/new", 20000, 20);
}

static int edit_create_large(struct ext2 *fs)
{
	return put(fs, "/b/new", LONGEST, 21);
}

static int edit_mkdir(struct ext2 *fs)
{
	TRY(make_dir(fs, "/b/new"));
	TRY(make_dir(fs, "/b/new/below"));
	return make_dir(fs, "/b/new/below/that");
}

static int edit_unlink(struct ext2 *fs)
{
	TRY(take_away(fs, "/a/single"));
	return take_away(fs, "/big");
}

static int edit_unlink_link(struct ext2 *fs)
{
	return take_away(fs, "/a/medium");
}

static int edit_rename(struct ext2 *fs)
{
	return move(fs, "/a/single", "/b/other");
}

static int edit_rename_over(struct ext2 *fs)
{
	return move(fs, "/a/single", "/tree/one/file");
}

static int edit_rename_directory(struct ext2 *fs)
{
	return move(fs, "/tree/one", "/b/moved");
}

// The way a careful program replaces a file.
static int edit_replace(struct ext2 *fs)
{
	TRY(put(fs, "/a/.single", 30000, 22));
	return move(fs, "/a/.single", "/a/single");
}

static int edit_replace_by_name(struct ext2 *fs)
{
	TRY(take_away(fs, "/a/single"));
	return put(fs, "/a/single", 30000, 23);
}

static int edit_swap(struct ext2 *fs)
{
	TRY(move(fs, "/a/single", "/a/temporary"));
	TRY(move(fs, "/tree/one/file", "/a/single"));
	return move(fs, "/a/temporary", "/tree/one/file");
}

static int edit_truncate(struct ext2 *fs)
{
	TRY(cut(fs, "/big", 5000));
	TRY(cut(fs, "/a/single", 0));
	return cut(fs, "/a/small", 100000);
}

static int edit_write_inside(struct ext2 *fs)
{
	return write_into(fs, "/big", 1000, 3000, 24);
}

static int edit_write_indirect(struct ext2 *fs)
{
	return write_into(fs, "/big", 20000, 300000, 25);
}

static int edit_append(struct ext2 *fs)
{
	TRY(write_into(fs, "/a/medium", 5000, 9000, 26));
	return write_into(fs, "/a/single", 40000, 100, 27);
}

static int edit_put_many(struct ext2 *fs)
{
	TRY(make_dir(fs, "/many"));
	for (int i = 0; i < MANY; i++)
		TRY(put(fs, numbered("/many/file-with-a-name-", i),
			(size_t)i * 117, 100 + i));
	return 0;
}

static int edit_remove_tree(struct ext2 *fs)
{
	TRY(take_away(fs, "/tree/one/two/file"));
	TRY(take_away_dir(fs, "/tree/one/two"));
	TRY(take_away(fs, "/tree/one/file"));
	TRY(take_away_dir(fs, "/tree/one"));
	TRY(take_away(fs, "/tree/file"));
	return take_away_dir(fs, "/tree");
}

static int edit_symlinks(struct ext2 *fs)
{
	char target[400];

	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	TRY(make_symlink(fs, "/b/fast", "x"));
	TRY(make_symlink(fs, "/b/slow", target));
	TRY(take_away(fs, "/short"));
	return take_away(fs, "/long");
}

static int edit_attributes(struct ext2 *fs)
{
	TRY(set_attribute(fs, "/a/empty", "user.small", 10));
	TRY(set_attribute(fs, "/a/small", "user.grown", 700));
	TRY(set_attribute(fs, "/a/medium", "user.second", 200));
	TRY(set_attribute(fs, "/a", "user.of-directory", 500));
	uint32_t ino;
	TRY(ino_of(fs, "/a/medium", &ino));
	return ext2_remove_xattr(fs, ino, "user.outside");
}

static int edit_links(struct ext2 *fs)
{
	for (int i = 0; i < 5; i++)
		TRY(make_link(fs, "/a/single", numbered("/b/link", i)));
	return make_link(fs, "/a/empty", "/empty");
}

static int edit_modes(struct ext2 *fs)
{
	TRY(change_mode(fs, "/a", 0700));
	TRY(change_mode(fs, "/a/single", 0400));
	return change_mode(fs, "/big", 04755);
}

static int edit_special(struct ext2 *fs)
{
	struct ext2_inode device = attributes(fs, S_IFBLK | 0600);
	struct place place;
	uint32_t ino;

	device.device_major = 259;
	device.device_minor = 70000;
	TRY(place_of(fs, "/b/disk", &place));
	TRY(ext2_create(fs, place.dir, place.name, place.length, &device,
			&ino));
	TRY(make(fs, "/b/socket", S_IFSOCK | 0600, 0, 0));
	return take_away(fs, "/fifo");
}

static int many_names(struct ext2 *fs, int first, int end)
{
	for (int i = first; i < end; i++)
		TRY(put(fs,
			numbered("/indexed/a-name-that-takes-some-room-", i), 0,
			0));
	return 0;
}

static int prepare_indexed(struct ext2 *fs)
{
	TRY(make_dir(fs, "/indexed"));
	return many_names(fs, 0, INDEXED);
}

static int edit_indexed(struct ext2 *fs)
{
	return many_names(fs, INDEXED, INDEXED_MORE);
}

static int edit_indexed_less(struct ext2 *fs)
{
	for (int i = 0; i < INDEXED; i += 2)
		TRY(take_away(fs, numbered("/indexed/a-name-that-takes-some-"
					   "room-",
					   i)));
	return 0;
}

// A directory whose index has two levels by the end.
static int deep_names(struct ext2 *fs, int first, int end)
{
	for (int i = first; i < end; i++)
		TRY(make_link(fs, "/a/empty",
			      numbered("/deep/a-name-that-takes-some-room-and-"
				       "more-of-it-",
				       i)));
	return 0;
}

static int prepare_deep(struct ext2 *fs)
{
	TRY(make_dir(fs, "/deep"));
	return deep_names(fs, 0, DEEP);
}

static int edit_deep(struct ext2 *fs)
{
	return deep_names(fs, DEEP, DEEP_MORE);
}

// Two inodes that have the same attributes may share the block of them: Linux
// makes it so, and counts them in it.
static int prepare_shared(struct ext2 *fs)
{
	struct ext2_inode from, to;
	struct buffer *buffer;
	struct disk_xattr_header *header;
	uint32_t ino;

	TRY(ino_of(fs, "/a/medium", &ino));
	TRY(inode_get(fs, ino, &from));
	TRY(ino_of(fs, "/a/single", &ino));
	TRY(inode_get(fs, ino, &to));
	to.xattr_block = from.xattr_block;
	to.sectors += fs->block_bytes / 512;
	TRY(inode_put(fs, &to));
	TRY(cache_get(fs->cache, from.xattr_block, 0, &buffer));
	header = (struct disk_xattr_header *)buffer->bytes;
	header->h_refcount = put32(2);
	cache_dirty(fs->cache, buffer, BLOCK_XATTR);
	cache_drop(buffer);
	return 0;
}

static int edit_shared(struct ext2 *fs)
{
	uint32_t ino;

	TRY(set_attribute(fs, "/a/single", "user.second", 200));
	TRY(ino_of(fs, "/a/medium", &ino));
	return ext2_remove_xattr(fs, ino, "user.outside");
}

// Far behind the double indirect blocks: a triple one is made, and goes.
static int edit_triple(struct ext2 *fs)
{
	TRY(write_into(fs, "/a/single", TRIPLE, 5000, 29));
	return cut(fs, "/big", 300000);
}

static int prepare_triple(struct ext2 *fs)
{
	return write_into(fs, "/big", TRIPLE, 9000, 30);
}

static int edit_batch(struct ext2 *fs)
{
	TRY(edit_create(fs));
	TRY(edit_put_many(fs));
	TRY(edit_unlink(fs));
	TRY(edit_rename_directory(fs));
	TRY(take_away(fs, "/tree/file"));
	TRY(take_away_dir(fs, "/tree"));
	TRY(edit_symlinks(fs));
	TRY(edit_attributes(fs));
	TRY(make_link(fs, "/a/new", "/many/link"));
	TRY(move(fs, "/b/linked", "/many/file-with-a-name-007"));
	TRY(write_into(fs, "/a/medium", 2000, 9000, 28));
	return change_mode(fs, "/a", 0700);
}

static int prepare_large(struct ext2 *fs)
{
	TRY(make_dir(fs, "/large"));
	for (int i = 0; i < LARGE; i++)
		TRY(put(fs, numbered("/large/", i), 0, 0));
	return 0;
}

static int edit_large(struct ext2 *fs)
{
	for (int i = 0; i < LARGE; i++)
		TRY(change_mode(fs, numbered("/large/", i), 0600));
	return edit_create(fs);
}

static int edit_nothing(struct ext2 *fs)
{
	(void)fs;
	return 0;
}

const struct crash_edit crash_edits[] = {
	{ .name = "nothing", .edit = edit_nothing },
	{ .name = "create", .edit = edit_create },
	{ .name = "create large", .edit = edit_create_large },
	{ .name = "mkdir", .edit = edit_mkdir },
	{ .name = "unlink", .edit = edit_unlink },
	{ .name = "unlink one link", .edit = edit_unlink_link },
	{ .name = "rename", .edit = edit_rename },
	{ .name = "rename over", .edit = edit_rename_over },
	{ .name = "rename directory", .edit = edit_rename_directory },
	{ .name = "replace", .edit = edit_replace },
	{ .name = "replace by name", .edit = edit_replace_by_name },
	{ .name = "swap", .edit = edit_swap },
	{ .name = "truncate", .edit = edit_truncate },
	{ .name = "write inside", .edit = edit_write_inside },
	{ .name = "write indirect", .edit = edit_write_indirect },
	{ .name = "append", .edit = edit_append },
	{ .name = "put many", .edit = edit_put_many },
	{ .name = "remove tree", .edit = edit_remove_tree },
	{ .name = "symlinks", .edit = edit_symlinks },
	{ .name = "attributes", .edit = edit_attributes },
	{ .name = "links", .edit = edit_links },
	{ .name = "modes", .edit = edit_modes },
	{ .name = "special", .edit = edit_special },
	{ .name = "index", .prepare = prepare_indexed, .edit = edit_indexed },
	{ .name = "index less", .prepare = prepare_indexed,
	  .edit = edit_indexed_less },
	{ .name = "index of two levels", .prepare = prepare_deep,
	  .edit = edit_deep },
	{ .name = "shared attributes", .prepare = prepare_shared,
	  .edit = edit_shared },
	{ .name = "triple", .prepare = prepare_triple, .edit = edit_triple },
	{ .name = "batch", .edit = edit_batch },
	{ .name = "large", .prepare = prepare_large, .edit = edit_large,
	  .large = true },
};

const int crash_edit_count = sizeof(crash_edits) / sizeof(*crash_edits);

const struct crash_edit *crash_edit_called(const char *name)
{
	for (int i = 0; i < crash_edit_count; i++)
		if (!strcmp(crash_edits[i].name, name))
			return &crash_edits[i];
	ck_abort_msg("no edit is called %s", name);
	return NULL;
}

// ## Playing

struct crash_bytes crash_base(const struct crash_kind *kind,
			      const struct crash_edit *edit)
{
	const struct crash_kind *k = edit->large ? &crash_large : kind;
	struct ext2_plan plan = {
		.block_bytes = k->block_bytes,
		.inode_bytes = 256,
		.inodes = k->inodes,
		.journal = kind->journal ? k->journal : 0,
		.uuid = { 0xc4, 1, 2, 3 },
		.hash_seed = { 7, 8, 9 },
		.label = "crash",
		.root_mode = 0755,
		.lost_and_found = true,
		.now = { BASE_TIME, 0 },
	};
	struct device *device;
	struct ext2 *fs;

	ck_assert_int_eq(device_memory(k->blocks * k->block_bytes, &device), 0);
	ck_assert_int_eq(ext2_make(device, &plan), 0);
	ck_assert_int_eq(ext2_open(device, EXT2_WRITE | EXT2_FRESH, &fs, NULL),
			 0);
	ext2_set_now(fs, plan.now);
	ck_assert_int_eq(base_tree(fs), 0);
	if (edit->prepare)
		ck_assert_int_eq(edit->prepare(fs), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);

	struct crash_bytes made = bytes_of_device(device);

	device_close(device);
	return made;
}

int crash_play(struct device *device, const struct crash_edit *edit,
	       bool *decided)
{
	struct ext2 *fs;
	int error = ext2_open(device, EXT2_WRITE, &fs, NULL);

	*decided = false;
	if (error)
		return error;
	ext2_set_now(fs, (struct ext2_time){ EDIT_TIME, 123456789 });
	error = edit->edit(fs);
	if (!error) {
		error = ext2_commit(fs);
		*decided = ext2_decided(fs);
	}
	ext2_close(fs);
	return error;
}
