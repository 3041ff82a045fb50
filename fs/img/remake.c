// # An image written anew beside itself
//
// The new image is a file without a name until it is whole (device_create.c), so
// it needs room of its own on the host, as much as the content takes; and Ctrl-C,
// kill -9 or a full disk leave the old one as it was. The lock on the old one is
// held until the new one has its name.
//
// The new image has the same block size, inode size and journal. Inodes keep
// their share of the blocks, and are as many as are in use at least. A journal
// that fits into no group of the new layout is made shorter (mke2fs lays long
// ones over several groups).

#define _GNU_SOURCE
#include "fs/img/remake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "must.h"

// ## The old one

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return n == 0 || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
}

// What was appended to the image would be lost with the old file.
static int check_tail(struct session *s)
{
	enum { CHUNK = 1 << 20 };
	uint8_t *bytes = must_ptr(malloc(CHUNK));
	struct ext2_numbers n;
	int status = EXIT_SUCCESS;

	ext2_numbers(s->fs, &n);
	uint64_t at = n.blocks * n.block_bytes, end = s->device->bytes;
	while (!status && at < end) {
		size_t some = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		int error = device_read(s->device, at, bytes, some);
		if (error)
			status = complain(s, error, "cannot read it");
		else if (!all_zero(bytes, some))
			status = complain(s, 0,
					  "there is more in this file behind "
					  "the file system: want a file that "
					  "is the image alone");
		at += some;
	}
	free(bytes);
	return status;
}

int remake_open(struct session *s)
{
	struct stat info;

	if (s->offset || s->partition) {
		complain(s, 0,
			 "an image inside a disk image keeps its place and "
			 "size: want it copied out (dd), remade there, and "
			 "copied back");
		return EXIT_USAGE;
	}
	if (!stat(s->image_path, &info) && S_ISBLK(info.st_mode))
		return complain(s, 0,
				"the new image takes the name of the old one, "
				"which a block device cannot give away: want a "
				"file");
	int status = session_open(s, EXT2_WRITE);
	return status ? status : check_tail(s);
}

// ## The plan

static int journal_blocks(struct session *s, const struct ext2_numbers *n,
			  uint64_t *blocks)
{
	uint64_t most = (uint64_t)n->block_bytes * 8 * 3 / 4;
	struct ext2_inode journal;

	*blocks = 0;
	if (!(n->compat & COMPAT_HAS_JOURNAL))
		return 0;
	int error = ext2_inode(s->fs, INO_JOURNAL, &journal);
	if (error)
		return error;
	*blocks = journal.size / n->block_bytes;
	if (*blocks > most)
		*blocks = most;
	return 0;
}

static bool has_lost_found(struct session *s)
{
	struct ext2_entry entry;
	struct ext2_inode inode;

	return !ext2_find(s->fs, INO_ROOT, "lost+found", 10, &entry) &&
	       !ext2_inode(s->fs, entry.ino, &inode) && S_ISDIR(inode.mode);
}

int remake_plan(struct session *s, uint64_t blocks, struct ext2_plan *plan)
{
	const struct disk_super *super = ext2_super(s->fs);
	struct ext2_numbers n;

	ext2_numbers(s->fs, &n);
	uint32_t used = n.inodes - n.free_inodes;
	uint64_t inodes = blocks == n.blocks ? n.inodes
					     : (uint64_t)((double)n.inodes *
							  (double)blocks /
							  (double)n.blocks);
	if (inodes < used)
		inodes = used;
	*plan = (struct ext2_plan){
		.blocks = blocks,
		.block_bytes = n.block_bytes,
		.inode_bytes = n.inode_bytes,
		.inodes = inodes < UINT32_MAX ? (uint32_t)inodes : UINT32_MAX,
		.root_mode = 0755,
		.lost_and_found = has_lost_found(s),
		.now = ext2_now(s->fs),
	};
	memcpy(plan->uuid, n.uuid, sizeof plan->uuid);
	memcpy(plan->hash_seed, super->s_hash_seed, sizeof plan->hash_seed);
	memcpy(plan->label, n.label, sizeof plan->label);
	return journal_blocks(s, &n, &plan->journal);
}

// ## The new one

static void show_progress(void *context, uint64_t done, uint64_t all)
{
	struct progress *progress = context;

	progress->total = all;
	progress_add(progress, done - progress->done);
}

static int write_it(struct session *s, struct remade *r, const char *what)
{
	struct progress progress;
	int error = ext2_make(r->device, &r->plan);

	if (!error)
		error = ext2_open(r->device, EXT2_WRITE | EXT2_FRESH, &r->fs,
				  NULL);
	if (error)
		return error;
	ext2_set_now(r->fs, ext2_now(s->fs));
	progress_begin(&progress, s, what, 0);
	error = ext2_rebuild(s->fs, r->fs, show_progress, &progress);
	progress_end(&progress);
	if (!error)
		error = ext2_commit(r->fs);
	if (!error)
		ext2_numbers(r->fs, &r->numbers);
	return error;
}

int remake(struct session *s, uint64_t blocks, const char *what,
	   struct remade *r)
{
	*r = (struct remade){ 0 };
	int error = remake_plan(s, blocks, &r->plan);
	if (!error)
		error = device_create_over(s->device, s->image_path,
					   blocks * r->plan.block_bytes,
					   &r->device);
	if (!error)
		error = write_it(s, r, what);
	if (error)
		remake_drop(r);
	return error;
}

void remake_drop(struct remade *r)
{
	ext2_close(r->fs);
	device_close(r->device);
	r->fs = NULL;
	r->device = NULL;
}

int remake_publish(struct session *s, struct remade *r)
{
	ext2_close(r->fs);
	r->fs = NULL;
	int error = device_publish(r->device);
	remake_drop(r);
	ext2_close(s->fs); // with nothing to commit
	device_close(s->device);
	s->fs = NULL;
	s->device = NULL;
	return error ? complain(s, error,
				"cannot put the new image in its "
				"place")
		     : EXIT_SUCCESS;
}

int remake_complain(const struct session *s, int error)
{
	if (error == -EUCLEAN)
		return complain(s, 0,
				"it is damaged, and a copy would lose "
				"something: check it first (img fsck)");
	if (error == -EINVAL)
		return complain(s, 0,
				"want blocks of 1, 2 or 4 KiB, and a journal "
				"that fits into one group");
	if (error == -EWOULDBLOCK)
		return complain(s, 0, "another file has taken its name");
	return complain(s, error, "cannot write the new image");
}

// ## The least size

// With more blocks come more metadata, so it is tried upwards.
static int least_for(struct session *s, uint64_t data, uint64_t *blocks)
{
	uint64_t b = data + 1, overhead;
	struct ext2_plan plan;
	uint32_t inodes;

	for (;;) {
		if (b > UINT32_MAX)
			return -EFBIG;
		int error = remake_plan(s, b, &plan);
		if (!error)
			error = ext2_overhead(&plan, &overhead, &inodes);
		if (error && error != -ENOSPC)
			return error;
		if (!error && b >= data + overhead)
			break;
		b = error ? b + 1 : data + overhead;
	}
	*blocks = b;
	return 0;
}

int remake_least(struct session *s, uint64_t *blocks)
{
	enum { ROOM = 4096 };
	struct ext2_numbers n;
	struct remade trial;
	uint64_t overhead;
	uint32_t inodes;

	ext2_numbers(s->fs, &n);
	uint64_t most = n.blocks + n.blocks / 2 + ROOM;
	if (most > UINT32_MAX)
		most = UINT32_MAX;
	int error = remake(s, most, "measuring", &trial);
	if (error)
		return error;
	uint64_t free_blocks = trial.numbers.free_blocks;
	error = ext2_overhead(&trial.plan, &overhead, &inodes);
	remake_drop(&trial);
	return error ? error
		     : least_for(s, most - free_blocks - overhead, blocks);
}
