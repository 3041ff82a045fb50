// check_resize.c - the inode that keeps room for more descriptors
//
// Inode 7 makes the blocks reserved behind the descriptors somebody's: its double
// indirect block names them, each from where its descriptors would stand; and each
// of these holds, as a block of pointers, the blocks in the same place of all the
// groups with copies. All of it follows from the superblock.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/check_parts.h"

static uint32_t first_reserved(const struct check *c)
{
	return c->first_data + 1 + c->desc_blocks;
}

static uint32_t copies(const struct check *c)
{
	uint32_t n = 0;

	for (uint32_t group = 1; group < c->group_count; group++)
		n += group_holds_super(c, group);
	return n;
}

static uint32_t sectors(const struct check *c)
{
	return (1 + c->reserved_gdt * (1 + copies(c))) * (c->block_bytes / 512);
}

static uint64_t least_size(const struct check *c)
{
	uint64_t end = c->desc_blocks + c->reserved_gdt; // it wraps around

	if (end > c->pointers)
		end = c->pointers;
	return (BLOCKS_DIRECT + end * c->pointers) * c->block_bytes;
}

static uint64_t usual_size(const struct check *c)
{
	uint64_t n = c->pointers;

	return (BLOCKS_DIRECT + n + n * n) * c->block_bytes;
}

// Compares, or makes (with `make`), the reserved block number `i`.
static int reserved_block(struct check *c, uint32_t i, bool make, bool *right)
{
	uint32_t block = first_reserved(c) + i, n = 0;
	le32 *pointers = (void *)c->block;
	int error = make ? 0 : check_read(c, block, c->block);

	if (error)
		return error;
	if (make)
		memset(c->block, 0, c->block_bytes);
	for (uint32_t group = 1; group < c->group_count && n < c->pointers;
	     group++) {
		uint32_t there = block + group * c->blocks_per_group;

		if (!group_holds_super(c, group))
			continue;
		if (make)
			pointers[n] = put32(there);
		else
			*right &= get32(pointers[n]) == there;
		n++;
	}
	for (; !make && n < c->pointers; n++)
		*right &= !get32(pointers[n]);
	return make ? check_write(c, block, c->block) : 0;
}

static int compare(struct check *c, const struct disk_inode *inode, bool *right)
{
	uint32_t block = get32(inode->i_block[BLOCK_DOUBLE]);
	le32 *pointers;
	int error = 0;

	*right = kind_of(get16(inode->i_mode)) == TYPE_REGULAR &&
		 get16(inode->i_links_count) && block_valid(c, block) &&
		 !block_is_metadata(c, block) && !get32(inode->i_file_acl) &&
		 !get32(inode->i_flags) &&
		 get32(inode->i_blocks) == sectors(c) &&
		 (!c->reserved_gdt || inode_size(inode) >= least_size(c)) &&
		 inode_size(inode) <= usual_size(c);
	for (int i = 0; i < BLOCK_POINTERS; i++)
		*right &= i == BLOCK_DOUBLE || !get32(inode->i_block[i]);
	if (!*right)
		return 0;
	pointers = malloc(c->block_bytes);
	if (!pointers)
		return -ENOMEM;
	error = check_read(c, block, pointers);
	for (uint32_t i = 0; !error && i < c->pointers; i++) {
		uint32_t back =
			(i + c->pointers - c->desc_blocks % c->pointers) %
			c->pointers;
		uint32_t want = back < c->reserved_gdt
					? first_reserved(c) + back
					: 0;

		*right &= get32(pointers[i]) == want;
	}
	for (uint32_t i = 0; !error && *right && i < c->reserved_gdt; i++)
		error = reserved_block(c, i, false, right);
	free(pointers);
	return error;
}

int resize_check(struct check *c, uint32_t ino, struct disk_inode *inode,
		 bool *dirty)
{
	bool right;
	int error = compare(c, inode, &right);

	(void)dirty;
	if (error)
		return error;
	if (right) {
		if (block_claim(c, get32(inode->i_block[BLOCK_DOUBLE])))
			c->resize_broken = true; // it moves
		return 0;
	}
	c->resize_broken = problem(c, "resize-inode", SAFE, ino, 0,
				   "makes it anew",
				   "the blocks kept for more descriptors are "
				   "not as the superblock says");
	return 0;
}

static int make_inode(struct check *c, uint32_t block)
{
	struct disk_inode *inode = calloc(1, c->inode_bytes);
	le32 now = put32((uint32_t)c->now);
	int error;

	if (!inode)
		return -ENOMEM;
	inode->i_mode = put16(S_IFREG | 0600);
	inode->i_links_count = put16(1);
	inode->i_atime = inode->i_ctime = inode->i_mtime = now;
	inode->i_size = put32((uint32_t)usual_size(c));
	inode->i_size_high = put32((uint32_t)(usual_size(c) >> 32));
	inode->i_blocks = put32(sectors(c));
	inode->i_block[BLOCK_DOUBLE] = put32(block);
	if (c->inode_bytes >= INODE_BYTES_OLD + INODE_EXTRA)
		inode->i_extra_isize = put16(INODE_EXTRA);
	error = inode_write(c, INO_RESIZE, inode);
	free(inode);
	return error;
}

int resize_rebuild(struct check *c)
{
	le32 *pointers;
	uint32_t block;
	int error = 0;

	if (!c->resize_broken)
		return 0;
	block = check_allocate(c, group_start(c, 0));
	if (!block) {
		not_repaired(c);
		return 0;
	}
	for (uint32_t i = 0; !error && i < c->reserved_gdt; i++)
		error = reserved_block(c, i, true, NULL);
	pointers = (void *)c->block;
	memset(c->block, 0, c->block_bytes);
	for (uint32_t i = 0; i < c->reserved_gdt; i++)
		pointers[(c->desc_blocks + i) % c->pointers] =
			put32(first_reserved(c) + i);
	if (!error)
		error = check_write(c, block, c->block);
	if (!error)
		error = make_inode(c, block);
	return error;
}
