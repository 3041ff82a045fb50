// entry.c - the blocks of a directory, and the entries in them
//
// A directory is a file without holes whose blocks are each a chain of entries:
//
//     ┌───────┬─────────┬────┬────┬──────────┐
//     │ inode │ rec_len │ len│type│ name     │ ... the next one, rec_len bytes on
//     └───────┴─────────┴────┴────┴──────────┘
//
// The last one's rec_len reaches to the end of the block, so that a block is always
// full. Room is what an entry's rec_len has more than its name needs (slack), or an
// entry whose inode is 0. A new name is written into the slack behind another, and
// only then that one's rec_len is cut: a reader, and a crash, see either none or
// all of it. Removing is the reverse: the entry before takes over its room, and the
// bytes stay. Nothing else is ever moved.
//
// Nothing here believes a block. An entry has to lie on a multiple of 4, to be long
// enough for its name, and to end inside the block: everything that goes along a
// chain does so with entry_at, whose steps are 12 bytes at least.

#include "fs/ext2/directory.h"

#include <errno.h>
#include <string.h>

// 2 GiB: what the kernel and e2fsck accept without the feature large_dir.
static const uint64_t directory_most = UINT64_C(1) << 31;

// ## Entries

struct disk_entry *entry_at(const struct ext2 *fs, uint8_t *bytes,
			    uint32_t offset, uint32_t *rec_len)
{
	if (offset % 4 != 0 || fs->block_bytes < ENTRY_LEAST ||
	    offset > fs->block_bytes - ENTRY_LEAST)
		return NULL;

	struct disk_entry *entry = (struct disk_entry *)(bytes + offset);
	uint32_t length = get16(entry->rec_len);

	// 16 bits are one too few for a block of 64 KiB.
	if (fs->block_bytes == 65536 && (length == 65535 || length == 0))
		length = 65536;
	if (length < ENTRY_LEAST || length % 4 != 0 ||
	    length > fs->block_bytes - offset)
		return NULL;
	if (get32(entry->inode) != 0 &&
	    (entry->name_len == 0 || entry_bytes(entry->name_len) > length))
		return NULL;
	*rec_len = length;
	return entry;
}

void block_empty(const struct ext2 *fs, uint8_t *bytes)
{
	memset(bytes, 0, fs->block_bytes);
	entry_set_length((struct disk_entry *)bytes, fs->block_bytes);
}

int block_find(const struct ext2 *fs, uint8_t *bytes, const char *name,
	       size_t length, uint32_t *offset, uint32_t *previous)
{
	uint32_t before = 0, rec_len;

	for (uint32_t at = 0; at < fs->block_bytes; at += rec_len) {
		const struct disk_entry *entry = entry_at(fs, bytes, at,
							  &rec_len);

		if (!entry)
			return -EUCLEAN;
		if (entry->name_len == length && get32(entry->inode) != 0 &&
		    memcmp(entry->name, name, length) == 0) {
			*offset = at;
			*previous = before;
			return 1;
		}
		before = at;
	}
	return 0;
}

int block_room(const struct ext2 *fs, uint8_t *bytes, uint32_t need,
	       uint32_t *offset, uint32_t *most)
{
	uint32_t rec_len;

	*most = 0;
	for (uint32_t at = 0; at < fs->block_bytes; at += rec_len) {
		const struct disk_entry *entry = entry_at(fs, bytes, at,
							  &rec_len);

		if (!entry)
			return -EUCLEAN;

		uint32_t room = rec_len - entry_used(entry);

		if (room >= need) {
			*offset = at;
			return 1;
		}
		if (room > *most)
			*most = room;
	}
	return 0;
}

uint32_t entry_put(const struct ext2 *fs, uint8_t *bytes, uint32_t offset,
		   const char *name, size_t length, uint32_t ino,
		   enum entry_type type)
{
	struct disk_entry *host = (struct disk_entry *)(bytes + offset);
	uint32_t used = entry_used(host), rec_len = 0;
	struct disk_entry *entry = (struct disk_entry *)(bytes + offset + used);

	entry_at(fs, bytes, offset, &rec_len);
	entry->name_len = (uint8_t)length;
	entry->file_type =
		get32(fs->super.s_feature_incompat) & INCOMPAT_FILETYPE ? type
									: 0;
	memcpy(entry->name, name, length);
	entry->inode = put32(ino);
	entry_set_length(entry, rec_len - used);
	if (used > 0)
		entry_set_length(host, used);
	return offset + used;
}

// ## Blocks

uint64_t dir_blocks(const struct ext2 *fs, const struct ext2_inode *inode)
{
	return inode->size / fs->block_bytes;
}

int dir_get(struct ext2 *fs, const struct ext2_inode *inode, uint64_t logical,
	    struct buffer **buffer)
{
	struct ext2_run run;

	*buffer = NULL;
	if (logical >= dir_blocks(fs, inode))
		return -EUCLEAN;

	int error = ext2_run_at(fs, inode, logical, &run);

	if (error)
		return error;
	if (run.blocks == 0 || run.physical == 0 || run.unwritten)
		return -EUCLEAN;
	return cache_get(fs->cache, run.physical, 0, buffer);
}

int dir_shrink(struct ext2 *fs, struct ext2_inode *inode, uint64_t blocks)
{
	int error = map_cut(fs, inode, blocks);

	if (error)
		return error;
	inode->size = blocks * fs->block_bytes;
	return inode_put(fs, inode);
}

static int grow_one(struct ext2 *fs, struct ext2_inode *inode)
{
	uint64_t blocks = dir_blocks(fs, inode), goal, first;
	uint32_t got;
	struct ext2_run run = { 0 };
	bool reserved;
	struct buffer *buffer;
	int error = 0;

	if (inode->size + fs->block_bytes > directory_most)
		return -ENOSPC;
	reserved = dir_reserved(fs, inode->ino, &first);
	if (blocks > 0 && !reserved)
		error = ext2_run_at(fs, inode, blocks - 1, &run);
	goal = run.physical ? run.physical + 1 : inode_goal(fs, inode->ino);
	if (!error && !reserved)
		error = blocks_allocate(fs, goal, 1, &first, &got);
	if (error)
		return error;
	error = cache_get(fs->cache, first, CACHE_ZERO, &buffer);
	if (!error) {
		block_empty(fs, buffer->bytes);
		cache_dirty(fs->cache, buffer, BLOCK_NEW);
		cache_drop(buffer);
		error = map_set(fs, inode, blocks, first, 1);
	}
	if (error) {
		blocks_free(fs, first, 1);
		return error;
	}
	inode->size += fs->block_bytes;
	return 0;
}

int dir_grow(struct ext2 *fs, struct ext2_inode *inode, uint32_t count)
{
	uint64_t before = dir_blocks(fs, inode);

	for (uint32_t i = 0; i < count; i++) {
		int error = grow_one(fs, inode);

		if (error) {
			if (i > 0)
				dir_shrink(fs, inode, before);
			return error;
		}
	}
	return inode_put(fs, inode);
}

// ## Listing

// Whatever can be read is told, also behind a broken block.
int ext2_list(struct ext2 *fs, uint32_t dir,
	      int (*each)(void *context, const struct ext2_entry *),
	      void *context)
{
	struct ext2_inode inode;
	int error = inode_get(fs, dir, &inode);
	bool broken = inode.size % fs->block_bytes != 0;

	if (error)
		return error;
	if (!S_ISDIR(inode.mode))
		return -ENOTDIR;
	if (inode.flags & INODE_INLINE_DATA)
		return -ENOTSUP;

	uint64_t blocks = dir_blocks(fs, &inode), seen = 0;
	struct ext2_run run;

	for (uint64_t logical = 0; logical < blocks; logical += run.blocks) {
		error = ext2_run_at(fs, &inode, logical, &run);
		if (error)
			return error;
		if (run.blocks == 0)
			return -EUCLEAN;
		if (run.blocks > blocks - logical)
			run.blocks = blocks - logical;
		if (run.physical == 0 || run.unwritten) {
			broken = true;
			continue;
		}
		seen += run.blocks;
		if (seen > fs->blocks) // the same ones over and over
			return -EUCLEAN;
		for (uint64_t i = 0; i < run.blocks; i++) {
			struct buffer *buffer;
			uint32_t rec_len;

			error = cache_get(fs->cache, run.physical + i, 0,
					  &buffer);
			if (error)
				return error;
			for (uint32_t at = 0; at < fs->block_bytes && !error;
			     at += rec_len) {
				const struct disk_entry *entry = entry_at(
					fs, buffer->bytes, at, &rec_len);

				if (!entry) {
					broken = true;
					break;
				}
				if (get32(entry->inode) == 0)
					continue;
				error = each(
					context,
					&(struct ext2_entry){
						.ino = get32(entry->inode),
						.type = entry->file_type,
						.name_len = entry->name_len,
						.name = (const char *)
								entry->name,
						.logical = logical + i,
						.block = run.physical + i,
						.offset = at,
						.rec_len = rec_len,
					});
			}
			cache_drop(buffer);
			if (error)
				return error;
		}
	}
	return broken ? -EUCLEAN : 0;
}
