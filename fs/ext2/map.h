// map.h - what map.c and map_change.c share: the shape of the trees of pointers

#ifndef EXT2_MAP_H
#define EXT2_MAP_H

#include "fs/ext2/content.h"

static inline unsigned pointer_bits(const struct ext2 *fs)
{
	return fs->block_bits - 2;
}

// How many blocks of a file a pointer of this level maps (level 0: at data).
static inline uint64_t span_of(const struct ext2 *fs, int level)
{
	return UINT64_C(1) << ((unsigned)level * pointer_bits(fs));
}

// Nodes of a tree of this height that [from, end), counted from its first block,
// needs.
uint64_t map_nodes_for(const struct ext2 *fs, int level, uint64_t from,
		       uint64_t end);

// Where the pointer to a block of a file stands.
struct place {
	struct buffer *buffer; // NULL: the inode's own pointers
	le32 *slots;           // NULL: there is no node for it
	uint32_t index, room;  // the block's, and how many from there on
	uint64_t absent; // without node: blocks to the end of what is missing
};

// Without a supply the inode is only read. The place's buffer is the caller's to
// drop.
int map_descend(struct ext2 *fs, const struct ext2_inode *inode,
		uint64_t logical, struct supply *supply, struct place *place);

#endif
