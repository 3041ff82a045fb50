// commit.c - a transaction becomes durable
//
//     fresh    everything home, in order of block numbers, one flush
//     ordered  see ordered.c
//     journal  see journal.c
//
// In all of them data that were gathered go first, and what was freed is applied
// to the bitmaps last: until then nothing has used it again.

#include "fs/ext2/fs.h"

#include <errno.h>

static int fresh_commit(struct ext2 *fs)
{
	int error = super_stage(fs);

	if (!error)
		error = cache_write_home(fs->cache, ~0u, true);
	if (!error)
		error = device_flush(fs->device);
	return error;
}

static int log_commit(struct ext2 *fs)
{
	int error = space_apply_freed(fs);

	if (!error)
		error = super_stage(fs);
	if (!error)
		error = journal_commit(fs);
	return error;
}

static bool nothing_changed(const struct ext2 *fs)
{
	return !fs->super_changed && !fs->freed_count &&
	       !fs->freed_inode_count && !cache_dirty_count(fs->cache, ~0u);
}

int ext2_commit(struct ext2 *fs)
{
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (fs->failed)
		return -EIO;
	fs->decided = false;
	error = directories_finish(fs);
	if (!error)
		error = content_flush(fs);
	if (!error && fs->mode != MODE_FRESH && nothing_changed(fs))
		return device_flush(fs->device);
	if (!error)
		error = fs->mode == MODE_FRESH     ? fresh_commit(fs)
			: fs->mode == MODE_ORDERED ? ordered_commit(fs)
						   : log_commit(fs);
	if (error) {
		fs->failed = true;
		return error;
	}
	fs->decided = true;
	directories_committed(fs);
	return space_committed(fs);
}

bool ext2_decided(const struct ext2 *fs)
{
	return fs->decided;
}
