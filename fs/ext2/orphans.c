// orphans.c - files that were deleted while somebody still had them open
//
// Linux links such inodes into a list before it removes the last name, so that a
// crash leaves nothing behind: s_last_orphan is the first, i_dtime of each the
// next. One with links is only to be cut to its size (a truncate was under way).
// Whoever opens the image for writing works the list off.
//
// A list that leads outside, into reserved inodes, or in a circle is damage: we
// touch nothing and say so.

#include "fs/ext2/fs.h"

#include <errno.h>

// Follows the list without changing anything; no longer than there are inodes.
static int look(struct ext2 *fs)
{
	uint32_t most = get32(fs->super.s_inodes_count);
	uint32_t first = get32(fs->super.s_rev_level)
				 ? get32(fs->super.s_first_ino)
				 : INO_FIRST;
	uint32_t ino = get32(fs->super.s_last_orphan), steps = 0;
	struct ext2_inode inode;
	bool in_use;
	int error;

	for (; ino; ino = inode.dtime) {
		if (ino < first || ino > most || steps++ == most)
			return -EUCLEAN;
		error = ext2_inode_in_use(fs, ino, &in_use);
		if (!error)
			error = inode_get(fs, ino, &inode);
		if (error)
			return error;
		if (!in_use || !inode.mode)
			return -EUCLEAN;
	}
	return 0;
}

static int clean(struct ext2 *fs, struct ext2_inode *inode)
{
	uint64_t blocks = (inode->size + fs->block_bytes - 1) >> fs->block_bits;
	int error = 0;

	inode->dtime = 0;
	if (!inode->links)
		return inode_remove(fs, inode->ino);
	if (inode_has_map(inode))
		error = map_cut(fs, inode, blocks);
	return error ? error : inode_put(fs, inode);
}

int orphans_clean(struct ext2 *fs)
{
	uint32_t ino = get32(fs->super.s_last_orphan), next;
	struct ext2_inode inode;
	int error;

	if (!ino)
		return 0;
	error = look(fs);
	for (; ino && !error; ino = next) {
		error = inode_get(fs, ino, &inode);
		next = inode.dtime;
		if (!error)
			error = clean(fs, &inode);
	}
	if (error)
		return error;
	fs->super.s_last_orphan = put32(0);
	fs->super_changed = true;
	return 0;
}
