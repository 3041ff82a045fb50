// ordered.c - a commit without a journal
#include "fs/ext2/fs.h"

static int write_phase(struct ext2 *fs, unsigned kinds)
{
	int error;

	if (!cache_dirty_count(fs->cache, kinds))
		return 0;
	error = cache_write_home(fs->cache, kinds, true);
	return error ? error : device_flush(fs->device);
}

int ordered_commit(struct ext2 *fs)
{
	int error = write_phase(fs, 1u << BLOCK_NEW | 1u << BLOCK_BITMAP);

	if (!error)
		error = write_phase(fs, 1u << BLOCK_INODES | 1u << BLOCK_MAP |
						1u << BLOCK_XATTR);
	if (!error)
		error = write_phase(fs, 1u << BLOCK_DIRECTORY);
	for (size_t i = 0; i < fs->freed_inode_count && !error; i++)
		error = inode_bury(fs, fs->freed_inodes[i]);
	if (!error)
		error = write_phase(fs, 1u << BLOCK_INODES);
	if (!error)
		error = space_apply_freed(fs);
	if (!error)
		error = super_stage(fs);
	if (!error)
		error = write_phase(fs, ~0u);
	return error;
}
