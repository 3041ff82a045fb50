// # Reading a hostile image: all that the library can be asked about it
//
//     read     opens it (a log is replayed in memory) and looks at everything
//     replay   plays its log onto it, and looks at what the log says
//
// A reader never writes: the scratch is sealed. Nothing is judged but that each
// question has an answer, in time; what a file says of its own size is limited
// here, as a program limits it.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/ext2/ext2.h"
#include "fs/ext2/fs.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

enum { INODES_MOST = 64, CALLS_MOST = 3000, PIECE = 3000 };

struct reading {
	struct ext2 *fs;
	uint32_t dir;
	int calls;
};

// ## One inode

static int count_block(void *context, const struct ext2_map_block *b)
{
	struct reading *r = context;

	(void)b;
	return ++r->calls > CALLS_MOST;
}

static void read_map(struct reading *r, const struct ext2_inode *inode)
{
	static const uint64_t at[] = { 0, 11, 12, 267, 268, 65804, 1u << 31 };
	struct ext2_map_step step[8];
	struct ext2_run run;
	uint64_t next = 0;

	for (int i = 0; i < 40; i++, next = run.logical + run.blocks) {
		if (ext2_run_at(r->fs, inode, next, &run) || !run.blocks)
			break;
		promise(run.logical == next && next + run.blocks > next,
			"a run at %ju", (uintmax_t)next);
	}
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		int steps = ext2_map_path(r->fs, inode, at[i], step);

		promise(steps <= 8, "%d steps", steps);
	}
	r->calls = 0;
	(void)ext2_map_blocks(r->fs, inode, count_block, r);
}

static void read_content(struct reading *r, const struct ext2_inode *inode)
{
	const uint64_t at[] = {
		0,           1000,      inode->size / 2, inode->size - 7,
		inode->size, UINT64_MAX
	};
	static char bytes[PIECE];

	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		int64_t n = ext2_read(r->fs, inode->ino, at[i], bytes,
				      sizeof bytes);

		promise(n <= PIECE, "%jd bytes", (intmax_t)n);
	}
}

static int each_xattr(void *context, const char *name, const void *value,
		      size_t size, bool in_inode)
{
	struct reading *r = context;
	static uint8_t copy[65536];
	uint8_t sum = (uint8_t)in_inode;

	// Whoever is given a value may look at all of it.
	for (size_t i = 0; i < size; i++)
		sum ^= ((const uint8_t *)value)[i];
	copy[0] = sum;
	(void)ext2_xattr(r->fs, r->dir, name, copy, sizeof copy);
	(void)ext2_xattr(r->fs, r->dir, name, NULL, 0);
	return ++r->calls > CALLS_MOST;
}

static int each_entry(void *context, const struct ext2_entry *entry)
{
	struct reading *r = context;
	char name[256];

	promise(entry->name_len, "an entry without a name");
	memcpy(name, entry->name, entry->name_len);
	return ++r->calls > CALLS_MOST;
}

static int each_name(void *context, const struct ext2_entry *entry)
{
	struct reading *r = context;
	struct ext2_entry found;

	int error = ext2_find(r->fs, r->dir, entry->name, entry->name_len,
			      &found);
	promise(error || found.ino, "found what is not in use");
	return ++r->calls > 40;
}

static void read_inode(struct reading *r, uint32_t ino)
{
	struct ext2_inode inode;
	struct ext2_entry entry;
	uint64_t block;
	uint32_t offset;
	char target[5000];
	bool used;

	(void)ext2_inode_in_use(r->fs, ino, &used);
	(void)ext2_inode_place(r->fs, ino, &block, &offset);
	if (ext2_inode(r->fs, ino, &inode))
		return;
	r->dir = ino;
	read_map(r, &inode);
	read_content(r, &inode);
	r->calls = 0;
	(void)ext2_xattrs(r->fs, ino, each_xattr, r);
	int error = ext2_readlink(r->fs, ino, target, sizeof target);
	promise(error || memchr(target, 0, sizeof target), "no end");
	(void)ext2_readlink(r->fs, ino, target, 5);
	r->calls = 0;
	(void)ext2_list(r->fs, ino, each_entry, r);
	r->calls = 0;
	(void)ext2_list(r->fs, ino, each_name, r);
	(void)ext2_find(r->fs, ino, "..", 2, &entry);
	(void)ext2_find(r->fs, ino, "149-a-name-that-takes-some-room", 31,
			&entry);
	(void)ext2_find(r->fs, ino, "none", 4, &entry);
}

// ## The whole

static void told(void *context, const struct ext2_step *step)
{
	struct reading *r = context;

	if (step->kind == STEP_SYMLINK)
		r->calls += (int)strlen(step->target);
}

static void read_paths(struct reading *r)
{
	static const char *const path[] = {
		"/", "", "/dir/sub/deep/../../file", "/short", "/loop/x",
		"/dir/up", "dir/long", "/index/77-a-name-that-takes-some-room",
		"//dir//./file/", "/hard/..", "/tty",
	};
	const char *name;
	size_t length;
	uint32_t ino;

	for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
		(void)ext2_walk(r->fs, INO_ROOT, path[i], 0, told, r, &ino);
		(void)ext2_walk(r->fs, INO_ROOT, path[i], EXT2_NOFOLLOW, NULL,
				NULL, &ino);
		(void)ext2_walk_parent(r->fs, INO_ROOT, path[i], &ino, &name,
				       &length);
	}
}

static void read_groups(struct reading *r, const struct ext2_numbers *n)
{
	static uint8_t bytes[65536];
	struct ext2_group group;
	bool used;

	for (uint32_t i = 0; i < n->groups && i < 8; i++)
		(void)ext2_group(r->fs, i, &group);
	promise(ext2_group(r->fs, n->groups, &group), "one group too many");
	for (uint64_t i = 0; i < 5; i++) {
		(void)ext2_block_in_use(r->fs, i * n->blocks / 4, &used);
		(void)ext2_read_block(r->fs, i * n->blocks / 4, bytes);
	}
}

static void read_image(struct device *device, int flags)
{
	struct reading r = { 0 };
	struct ext2_numbers numbers;

	if (ext2_open(device, flags, &r.fs, NULL))
		return;
	ext2_numbers(r.fs, &numbers);
	read_groups(&r, &numbers);
	for (uint32_t ino = 0; ino <= INODES_MOST; ino++)
		read_inode(&r, ino);
	read_inode(&r, numbers.inodes);
	read_inode(&r, UINT32_MAX);
	read_paths(&r);
	ext2_close(r.fs);
}

int fuzz_read(const uint8_t *bytes, size_t n)
{
	if (n < STEPS_BEGIN)
		return 0;
	struct scratch *s = scratch_begin(base_of(bytes[0]), bytes, n, NULL,
					  NULL);

	s->seal = true;
	s->device.writable = false;
	read_image(&s->device, bytes[1] & 1 ? EXT2_NO_REPLAY : 0);
	return 0;
}

// ## The log

static int each_seen(void *context, const struct journal_seen *seen)
{
	int *calls = context;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < seen->revoke_count; i++)
		sum += seen->revokes[i];
	return ++*calls > CALLS_MOST && sum;
}

int fuzz_replay(const uint8_t *bytes, size_t n)
{
	struct disk_journal_super super;
	struct device *overlay;
	struct ext2 *fs;
	uint64_t found;
	int calls = 0;

	if (n < STEPS_BEGIN)
		return 0;
	struct scratch *s =
		scratch_begin(base_of(bytes[1] & 1 ? BASE_LOG : bytes[0]),
			      bytes, n, NULL, NULL);

	s->seal = true;
	(void)journal_look(&s->device, &super, each_seen, &calls);
	(void)journal_look(&s->device, &super, NULL, NULL);
	must_neg(device_overlay(&s->device, 512, 1 << 20, &overlay));
	int error = journal_replay(overlay, &found);
	if (!error) {
		error = journal_replay(overlay, &found);
		promise(error || !found, "a log that was played holds %ju",
			(uintmax_t)found);
	}
	device_close(overlay);

	// The same by opening it, which also works off the orphans.
	s->seal = false;
	if (!ext2_open(&s->device, EXT2_WRITE | EXT2_ANY_STATE, &fs, NULL)) {
		(void)ext2_commit(fs);
		ext2_close(fs);
	}
	return 0;
}
