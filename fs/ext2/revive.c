// revive.c - a deleted file becomes a file again
//
// Deleting gives back an inode and its blocks, and erases neither. So a file comes
// back as long as nobody else has taken them: first they are taken (claim), then
// the inode is written anew and gets a name (revive). Two steps, because what the
// second one needs, a block for a directory or for a map, could else be the very
// block that the next file is to be brought back from.
//
// Blocks that were free at the last commit may be used at once, and nothing has to
// be written to those of the data: they hold what they held. The map is made anew.
// The old one may be gone (the kernel clears i_block) while the data are not, and
// what stands there is not worth more belief than any other free block.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/directory.h"
#include "fs/ext2/space.h"

void ext2_decode_inode(const struct ext2 *fs, uint32_t ino, const void *bytes,
		       struct ext2_inode *inode)
{
	memset(inode, 0, sizeof *inode);
	inode_decode(fs, ino, bytes, inode);
}

// ## Claiming

static int claim_run(struct ext2 *fs, uint64_t first, uint64_t blocks)
{
	uint64_t end = first + blocks, at = first;
	int error = 0;

	if (!block_is_data(fs, first) || blocks > fs->blocks - first)
		return -EUCLEAN;
	while (at < end) {
		uint64_t left = end - at, got_first;
		uint32_t want = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
		uint32_t got;

		error = blocks_allocate(fs, at, want, &got_first, &got);
		if (error)
			break;
		if (got_first != at) { // it is not free
			error = blocks_free(fs, got_first, got);
			if (!error)
				error = -EEXIST;
			break;
		}
		at += got;
	}
	if (error == -ENOSPC)
		error = -EEXIST;
	if (error && at > first &&
	    blocks_free(fs, first, (uint32_t)(at - first)))
		fs->failed = true;
	return error;
}

static void unclaim(struct ext2 *fs, const struct ext2_run *runs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (blocks_free(fs, runs[i].physical, (uint32_t)runs[i].blocks))
			fs->failed = true;
}

// Several inodes may share a block of attributes, and come back together. Claimed
// with the first it has no owner; each that is revived is one more.
static int owners(struct ext2 *fs, uint64_t block, bool first)
{
	struct disk_xattr_header *header;
	struct buffer *buffer;
	uint32_t count;
	int error = cache_get(fs->cache, block, 0, &buffer);

	if (error)
		return error;
	header = (void *)buffer->bytes;
	count = first ? 0 : get32(header->h_refcount) + 1;
	if (get32(header->h_magic) != XATTR_MAGIC)
		error = -EUCLEAN;
	else
		header->h_refcount = put32(count);
	if (!error)
		cache_dirty(fs->cache, buffer, BLOCK_NEW);
	cache_drop(buffer);
	return error;
}

static int claim_attributes(struct ext2 *fs, uint64_t block)
{
	int error;

	if (!block || block_is_new(fs, block))
		return 0;
	error = claim_run(fs, block, 1);
	if (error)
		return error;
	error = owners(fs, block, true);
	if (error && blocks_free(fs, block, 1))
		fs->failed = true;
	return error;
}

int ext2_claim(struct ext2 *fs, const struct ext2_inode *inode,
	       const struct ext2_run *runs, size_t count)
{
	size_t done = 0;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	error = inode_take(fs, inode->ino, S_ISDIR(inode->mode));
	if (error)
		return error;
	for (; done < count && !error; done++)
		error = claim_run(fs, runs[done].physical, runs[done].blocks);
	if (error)
		done--;
	if (!error)
		error = claim_attributes(fs, inode->xattr_block);
	if (!error)
		return 0;
	unclaim(fs, runs, done);
	inode_free(fs, inode->ino, S_ISDIR(inode->mode));
	return error;
}

size_t ext2_hold(struct ext2 *fs, const struct ext2_run *runs, size_t count)
{
	size_t done = 0;

	while (fs->mode != MODE_READ && done < count &&
	       !claim_run(fs, runs[done].physical, runs[done].blocks))
		done++;
	return done;
}

void ext2_let_go(struct ext2 *fs, const struct ext2_run *runs, size_t count)
{
	unclaim(fs, runs, count);
}

// ## Reviving

static enum entry_type type_of(uint16_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TYPE_REGULAR;
	case S_IFDIR:
		return TYPE_DIRECTORY;
	case S_IFCHR:
		return TYPE_CHARACTER;
	case S_IFBLK:
		return TYPE_BLOCK;
	case S_IFIFO:
		return TYPE_FIFO;
	case S_IFSOCK:
		return TYPE_SOCKET;
	case S_IFLNK:
		return TYPE_SYMLINK;
	}
	return TYPE_UNKNOWN;
}

// What the old inode says of itself, as far as it can stay.
static void begin(const struct ext2 *fs, const struct ext2_inode *was,
		  struct ext2_inode *inode)
{
	const uint32_t gone = INODE_INDEX | INODE_HUGE_FILE | INODE_EXTENTS |
			      INODE_EA_INODE | INODE_INLINE_DATA;

	*inode = *was;
	inode->links = S_ISDIR(was->mode) ? 2 : 1;
	inode->dtime = 0;
	inode->ctime = fs->now;
	inode->flags &= ~gone;
	inode->sectors = inode->xattr_block ? fs->block_bytes / 512 : 0;
	if (S_ISDIR(was->mode))
		inode->size = 0;
	if (S_ISDIR(was->mode) || inode_has_map(was) ||
	    !(S_ISLNK(was->mode) || S_ISCHR(was->mode) || S_ISBLK(was->mode)))
		memset(inode->block, 0, sizeof inode->block);
	if (fs->inode_bytes > INODE_BYTES_OLD &&
	    (inode->extra % 4 || inode->extra < INODE_EXTRA ||
	     inode->extra > fs->inode_bytes - INODE_BYTES_OLD)) {
		memset(inode->rest, 0, sizeof inode->rest);
		inode->extra = INODE_EXTRA;
	}
}

static int count_directory(struct ext2 *fs, uint32_t dir)
{
	struct ext2_inode inode;
	int error = inode_get(fs, dir, &inode);

	if (error)
		return error;
	inode.links++;
	return inode_put(fs, &inode);
}

static void know_large(struct ext2 *fs, const struct ext2_inode *inode)
{
	uint32_t features = get32(fs->super.s_feature_ro_compat);

	if (!S_ISREG(inode->mode) || inode->size <= INT32_MAX ||
	    features & RO_COMPAT_LARGE_FILE)
		return;
	fs->super.s_feature_ro_compat = put32(features | RO_COMPAT_LARGE_FILE);
	fs->super_changed = true;
}

static int fill(struct ext2 *fs, struct ext2_inode *inode, uint32_t dir,
		const struct ext2_run *runs, size_t count)
{
	int error = inode->xattr_block ? owners(fs, inode->xattr_block, false)
				       : 0;

	if (S_ISDIR(inode->mode))
		return error ? error : dir_begin(fs, inode, dir);
	for (size_t i = 0; i < count && !error; i++)
		error = map_set(fs, inode, runs[i].logical, runs[i].physical,
				runs[i].blocks);
	return error;
}

int ext2_revive(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		const struct ext2_inode *was, const struct ext2_run *runs,
		size_t count)
{
	bool directory = S_ISDIR(was->mode);
	struct ext2_inode inode, parent;
	struct adding adding;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (length > NAME_LONGEST)
		return -ENAMETOOLONG;
	if (!length || memchr(name, '/', length) ||
	    memchr(name, '\0', length) ||
	    (length <= 2 && name[0] == '.' && name[length - 1] == '.') ||
	    type_of(was->mode) == TYPE_UNKNOWN || !inode_is_new(fs, was->ino))
		return -EINVAL;
	error = inode_get(fs, dir, &parent);
	if (!error && directory && parent.links >= LINKS_MOST)
		error = -EMLINK;
	if (!error)
		error = dir_prepare(fs, dir, name, length, &adding);
	if (error)
		return error;
	begin(fs, was, &inode);
	error = fill(fs, &inode, dir, runs, count);
	if (!error)
		error = inode_put(fs, &inode);
	if (!error)
		error = dir_put(fs, &adding, inode.ino, type_of(inode.mode));
	if (!error && directory)
		error = count_directory(fs, dir);
	if (error) // some of it is in the map, some is not
		fs->failed = true;
	know_large(fs, &inode);
	return error ? error : dir_touch(fs, dir);
}
