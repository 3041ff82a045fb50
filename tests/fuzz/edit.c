// # Editing a hostile image
//
//     edit      STEP_DO: an edit, its verb in `region`, numbers in `at` and `value`
//     rebuild   the image is copied into a new one (resize, defrag)
//
// What an edit is answered does not matter. But where the check finds nothing
// before, it finds nothing after the commit, and nothing after edits that were
// given up; and a rebuilt image that was committed is clean, whatever it was made
// from.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/check.h"
#include "fs/ext2/ext2.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

// ## Judging

struct judgement {
	uint64_t found;
	char first[600];
};

static void found(void *context, const struct finding *f, bool repaired)
{
	struct judgement *j = context;

	(void)repaired;
	// A date after 2310 is suspect, but is copied as it is.
	if (!strcmp(f->code, "inode-time"))
		return;
	if (!j->found++)
		snprintf(j->first, sizeof j->first, "%s: %s", f->code, f->text);
}

static bool is_clean(struct device *device, struct judgement *j)
{
	const struct check_options options = {
		.force = true,
		.threads = 1,
		.found = found,
		.context = j,
	};
	struct check_result result;

	*j = (struct judgement){ 0 };
	return !ext2_check(device, &options, &result) && !j->found;
}

// ## Edits

static const char *const paths[] = {
	"/dir/file",  "/hard",     "/empty",       "/short",
	"/dir/long",  "/loop",     "/fifo",        "/device",
	"/dir",       "/dir/sub",  "/dir/sub/deep", "/dir/large",
	"/new",       "/dir/new",  "/dir/sub/new", "/lost+found",
	"/index/9-a-name-that-takes-some-room",
	"/index/77-a-name-that-takes-some-room",
	"/index/new", "/index",    "/node",        "/lost+found/new",
	"/new/in",    "/dir/a name of some more bytes, so that the block is full",
};

static const char *path_of(uint16_t number)
{
	return paths[number % (sizeof paths / sizeof *paths)];
}

struct editing {
	struct ext2 *fs;
	uint32_t dir, new_dir, ino;
	const char *name, *new_name;
	size_t length, new_length;
	uint16_t at, value;
};

static const struct ext2_time now = { .seconds = 1750000000, .ns = 9 };

static int create(struct editing *e, uint16_t mode)
{
	const struct ext2_inode attributes = {
		.mode = mode,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.device_major = 1,
		.device_minor = 3,
	};
	uint32_t ino;

	return ext2_create(e->fs, e->dir, e->name, e->length, &attributes,
			   &ino);
}

static int make_file(struct editing *e)
{
	return create(e, S_IFREG | 0644);
}

static int make_directory(struct editing *e)
{
	return create(e, S_IFDIR | 0755);
}

static int make_device(struct editing *e)
{
	return create(e, S_IFCHR | 0600);
}

// Names like those that the index holds, so many that leaves are split.
static int make_many(struct editing *e)
{
	const struct ext2_inode attributes = { .mode = S_IFREG | 0600 };
	char name[64];
	uint32_t ino;
	int error = 0;

	for (unsigned i = 0; !error && i < e->value % 64u; i++) {
		int n = snprintf(name, sizeof name, "%u-another-name-of-%u", i,
				 e->value);

		error = i ? ext2_link(e->fs, e->dir, name, (size_t)n, ino)
			  : ext2_create(e->fs, e->dir, name, (size_t)n,
					&attributes, &ino);
	}
	return error;
}

static int make_symlink(struct editing *e)
{
	const struct ext2_inode attributes = { .mode = S_IFLNK | 0777 };
	static char target[1024];
	uint32_t ino;

	memset(target, 'l', sizeof target);
	return ext2_symlink(e->fs, e->dir, e->name, e->length, &attributes,
			    target, e->value % sizeof target, &ino);
}

static int add_link(struct editing *e)
{
	return e->ino ? ext2_link(e->fs, e->new_dir, e->new_name, e->new_length,
				  e->ino)
		      : -ENOENT;
}

static int unlink_it(struct editing *e)
{
	return ext2_unlink(e->fs, e->dir, e->name, e->length);
}

static int remove_directory(struct editing *e)
{
	return ext2_rmdir(e->fs, e->dir, e->name, e->length);
}

static int rename_it(struct editing *e)
{
	return ext2_rename(e->fs, e->dir, e->name, e->length, e->new_dir,
			   e->new_name, e->new_length);
}

static int truncate_it(struct editing *e)
{
	return ext2_truncate(e->fs, e->ino, (uint64_t)e->value * 37);
}

static int truncate_large(struct editing *e)
{
	return ext2_truncate(e->fs, e->ino, (uint64_t)e->value << 16);
}

static int write_it(struct editing *e)
{
	static char bytes[20000];

	memset(bytes, 'w', sizeof bytes);
	return ext2_write(e->fs, e->ino, (uint64_t)e->at / 256 << 10, bytes,
			  e->value % sizeof bytes);
}

static int write_far(struct editing *e)
{
	return ext2_write(e->fs, e->ino, (uint64_t)e->value << 12, "far", 3);
}

static int set_xattr(struct editing *e)
{
	static const char *const name[] = { "user.mime", "user.new",
					    "security.selinux", "trusted.t" };
	static char value[4096];

	return ext2_set_xattr(e->fs, e->ino, name[e->at / 256 % 4], value,
			      e->value % sizeof value);
}

static int set_acl(struct editing *e)
{
	uint8_t acl[28] = { 2,   0,   0, 0, 1,   0,   6,   0,   255, 255,
			    255, 255, 4, 0, 4,   0,   255, 255, 255, 255,
			    32,  0,   4, 0, 255, 255, 255, 255 };

	acl[4 + e->at / 256 % 24] ^= (uint8_t)e->value;
	return ext2_set_xattr(e->fs, e->ino,
			      e->value & 256 ? "system.posix_acl_default"
					     : "system.posix_acl_access",
			      acl, sizeof acl);
}

static int remove_xattr(struct editing *e)
{
	return ext2_remove_xattr(e->fs, e->ino,
				 e->value & 1 ? "user.long" : "user.mime");
}

static int set_inode(struct editing *e)
{
	struct ext2_inode inode;
	int error = ext2_inode(e->fs, e->ino, &inode);

	if (error)
		return error;
	inode.mode = (uint16_t)((inode.mode & S_IFMT) | (e->value & 07777));
	inode.uid = (uint32_t)e->value << 4;
	inode.mtime.seconds = (int64_t)e->value << 17;
	return ext2_set_inode(e->fs, &inode);
}

static int expect(struct editing *e)
{
	return ext2_expect_entries(e->fs, e->ino, e->value);
}

static int commit(struct editing *e)
{
	return ext2_commit(e->fs);
}

static int (*const verbs[])(struct editing *) = {
	make_file,    make_directory, make_device,    make_many,
	make_symlink, add_link,       unlink_it,      remove_directory,
	rename_it,    truncate_it,    truncate_large, write_it,
	write_far,    set_xattr,      set_acl,        remove_xattr,
	set_inode,    expect,         commit,
};

static int edit(struct ext2 *fs, const struct step *step)
{
	struct editing e = {
		.fs = fs,
		.at = step->at,
		.value = step->value,
	};
	const char *path = path_of(step->at % 256);

	if (ext2_walk_parent(fs, INO_ROOT, path, &e.dir, &e.name, &e.length) ||
	    ext2_walk_parent(fs, INO_ROOT, path_of(step->value), &e.new_dir,
			     &e.new_name, &e.new_length))
		return 0;
	if (ext2_walk(fs, INO_ROOT, path, EXT2_NOFOLLOW, NULL, NULL, &e.ino))
		e.ino = 0;
	return verbs[step->region % (sizeof verbs / sizeof *verbs)](&e);
}

int fuzz_edit(const uint8_t *bytes, size_t n)
{
	const struct step *steps;
	struct judgement before, after;
	struct ext2 *fs;
	int count;

	if (n < STEPS_BEGIN)
		return 0;
	struct scratch *s = scratch_begin(base_of(bytes[0]), bytes, n, &steps,
					  &count);
	bool clean = is_clean(&s->device, &before), give_up = bytes[1] & 1;

	if (ext2_open(&s->device, EXT2_WRITE | EXT2_ANY_STATE, &fs, NULL))
		return 0;
	ext2_set_now(fs, now);
	for (int i = 0; i < count; i++)
		if (edit(fs, &steps[i]) == -EIO)
			break;
	int error = give_up ? 0 : ext2_commit(fs);
	ext2_close(fs);
	promise(!clean || !error || error == -ENOSPC, "commit: %d", error);
	promise(!clean || is_clean(&s->device, &after), "%s", after.first);
	return 0;
}

// ## Rebuilding

static void rebuild(struct ext2 *from, uint32_t blocks)
{
	struct judgement after;
	struct ext2_numbers n;
	struct device *device;
	struct ext2 *to = NULL;

	ext2_numbers(from, &n);
	struct ext2_plan plan = {
		.blocks = blocks,
		.block_bytes = n.block_bytes,
		.inode_bytes = n.inode_bytes,
		.inodes = n.inodes < 256 ? n.inodes : 256,
		.root_mode = 0755,
		.lost_and_found = true,
		.now = ext2_now(from),
	};
	if (device_memory((uint64_t)blocks * n.block_bytes, &device))
		return;
	int error = ext2_make(device, &plan);
	if (!error)
		error = ext2_open(device, EXT2_WRITE | EXT2_FRESH, &to, NULL);
	if (!error)
		error = ext2_rebuild(from, to, NULL, NULL);
	if (!error)
		error = ext2_commit(to);
	ext2_close(to);
	promise(error || is_clean(device, &after), "%s", after.first);
	device_close(device);
}

int fuzz_rebuild(const uint8_t *bytes, size_t n)
{
	struct ext2 *fs;

	if (n < STEPS_BEGIN)
		return 0;
	struct scratch *s = scratch_begin(base_of(bytes[0]), bytes, n, NULL,
					  NULL);

	s->seal = true;
	s->device.writable = false;
	if (ext2_open(&s->device, 0, &fs, NULL))
		return 0;
	rebuild(fs, 64 + bytes[1] * 4u);
	ext2_close(fs);
	return 0;
}
