// ordered_log.c - a log for one transaction, in an image that has none
//
// For changes that no order of writes makes safe (ordered.c). The image becomes an
// ext3 for a moment:
//
//     1  inode 8, its map and an empty log, in blocks that were free
//     2  the superblock has a journal        (one sector: from here on it is ext3)
//     3  the transaction, through the log    (see journal.c)
//     4  the superblock has none             (one sector: it is ext2 again)
//     5  inode 8 is empty, its blocks are free
//
// A crash between 2 and 4 leaves an ext3 with a log that is empty or to be
// replayed: all or nothing, and what has leaked is the log (tune2fs -O
// ^has_journal takes it away). One in 1 or 5 leaks blocks; e2fsck -p empties an
// inode 8 that nobody names.
//
// Linux mounts no journal below 1024 blocks. Where so many are not free there is
// no log.

#include "fs/ext2/journal_parts.h"
#include "fs/ext2/ordered.h"

#include <errno.h>
#include <string.h>

// What the superblock says of a journal.
struct told {
	le32 compat, ino, blocks[17];
	uint8_t backup;
};

static void get_told(const struct disk_super *super, struct told *told)
{
	told->compat = super->s_feature_compat;
	told->ino = super->s_journal_inum;
	told->backup = super->s_jnl_backup_type;
	memcpy(told->blocks, super->s_jnl_blocks, sizeof told->blocks);
}

static void put_told(struct disk_super *super, const struct told *told)
{
	super->s_feature_compat = told->compat;
	super->s_journal_inum = told->ino;
	super->s_jnl_backup_type = told->backup;
	memcpy(super->s_jnl_blocks, told->blocks, sizeof told->blocks);
}

// In the one sector that decides, and nothing else of it.
static int tell(struct ext2 *fs, const struct told *told)
{
	struct disk_super super;
	int error = device_read(fs->device, SUPER_OFFSET, &super, sizeof super);

	if (error)
		return error;
	put_told(&super, told);
	put_told(&fs->super, told);
	error = device_write(fs->device, SUPER_OFFSET, &super, SECTOR_BYTES);
	return error ? error : device_flush(fs->device);
}

// ## Inode 8

static uint32_t log_blocks(struct ext2 *fs)
{
	uint64_t need = cache_dirty_count(fs->cache, ~(1u << BLOCK_NEW));

	need += need / 64 + 2ull * fs->group_count + fs->desc_blocks + 16;
	if (need < LOG_SHORTEST)
		return LOG_SHORTEST;
	return need < LOG_LONGEST ? (uint32_t)need : LOG_LONGEST;
}

static int give_blocks(struct ext2 *fs, struct ext2_inode *inode,
		       uint32_t blocks)
{
	uint64_t first, goal = 0;
	uint32_t got;
	int error = 0;

	for (uint32_t at = 0; at < blocks && !error; at += got) {
		error = blocks_allocate(fs, goal, blocks - at, &first, &got);
		if (error)
			break;
		error = map_set(fs, inode, at, first, got);
		if (error)
			blocks_free(fs, first, got);
		goal = first + got;
	}
	if (error)
		map_cut(fs, inode, 0);
	inode->size = (uint64_t)blocks << fs->block_bits;
	return error;
}

static int make_inode(struct ext2 *fs, struct ext2_inode *inode)
{
	uint32_t blocks = log_blocks(fs);
	int error = inode_get(fs, INO_JOURNAL, inode);

	if (error)
		return error;
	if (inode->mode || inode->links || !get32(fs->super.s_rev_level))
		return -ENOTSUP;
	if (fs->free_blocks < blocks + blocks / 64)
		return -ENOSPC;
	memset(inode, 0, sizeof *inode);
	inode->ino = INO_JOURNAL;
	inode->mode = S_IFREG | 0600;
	inode->links = 1;
	inode->atime = inode->ctime = inode->mtime = fs->now;
	if (fs->inode_bytes >= sizeof(struct disk_inode))
		inode->extra = INODE_EXTRA;
	return give_blocks(fs, inode, blocks);
}

// Its slot alone: the others of that block are the transaction's.
static int write_inode(struct ext2 *fs, const struct ext2_inode *inode)
{
	uint64_t block;
	uint32_t offset;
	struct buffer *b;
	int error = inode_put(fs, inode);

	if (!error)
		error = ext2_inode_place(fs, INO_JOURNAL, &block, &offset);
	if (!error)
		error = cache_get(fs->cache, block, 0, &b);
	if (error)
		return error;
	error = device_write(fs->device, block * fs->block_bytes + offset,
			     b->bytes + offset, fs->inode_bytes);
	cache_drop(b);
	return error;
}

// ## The five steps

static int step_inode(struct ext2 *fs, const struct ext2_inode *inode)
{
	const unsigned kinds = 1u << BLOCK_NEW | 1u << BLOCK_BITMAP;
	struct ext2_run run;
	int error = ext2_run_at(fs, inode, 0, &run);

	if (!error)
		error = journal_format(
			fs->device, fs->block_bytes, run.physical,
			(uint32_t)(inode->size >> fs->block_bits),
			fs->super.s_uuid);
	if (!error)
		error = cache_write_home(fs->cache, kinds, true);
	if (!error)
		error = write_inode(fs, inode);
	return error ? error : device_flush(fs->device);
}

// What goes was left as it is on the disk, for the order of writes.
static int bury_all(struct ext2 *fs)
{
	int error = 0;

	for (size_t i = 0; i < fs->freed_inode_count && !error; i++)
		error = inode_bury(fs, fs->freed_inodes[i]);
	return error;
}

static int step_transaction(struct ext2 *fs)
{
	int error;

	fs->mode = MODE_JOURNAL;
	error = journal_open(fs);
	if (!error)
		error = bury_all(fs);
	if (!error)
		error = space_apply_freed(fs);
	if (!error)
		error = super_stage(fs);
	if (!error)
		error = journal_commit(fs);
	journal_free(fs);
	fs->mode = MODE_ORDERED;
	return error;
}

static int step_empty(struct ext2 *fs)
{
	struct ext2_inode inode;
	int error = inode_get(fs, INO_JOURNAL, &inode);

	if (!error)
		error = map_cut(fs, &inode, 0);
	if (!error)
		error = inode_clear(fs, INO_JOURNAL);
	if (!error)
		error = super_stage(fs);
	if (!error)
		error = cache_write_home(fs->cache, ~0u, true);
	return error ? error : device_flush(fs->device);
}

int log_once_commit(struct ext2 *fs, bool *begun)
{
	struct ext2_inode inode;
	struct told before, now;
	int error = make_inode(fs, &inode);

	*begun = !error;
	if (error)
		return error;
	get_told(&fs->super, &before);
	now = before;
	now.compat = put32(get32(now.compat) | COMPAT_HAS_JOURNAL);
	now.ino = put32(INO_JOURNAL);
	error = step_inode(fs, &inode);
	if (!error)
		error = tell(fs, &now);
	if (!error)
		error = step_transaction(fs);
	if (error && !fs->decided)
		tell(fs, &before);
	if (!error)
		error = tell(fs, &before);
	if (!error)
		error = step_empty(fs);
	return error;
}
