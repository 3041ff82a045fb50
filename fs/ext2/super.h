// super.h - what open.c and super.c share

#ifndef EXT2_SUPER_H
#define EXT2_SUPER_H

#include "fs/ext2/fs.h"

static inline bool has_incompat(const struct disk_super *super, uint32_t bit)
{
	return get32(super->s_feature_incompat) & bit;
}

static inline bool has_ro_compat(const struct disk_super *super, uint32_t bit)
{
	return get32(super->s_feature_ro_compat) & bit;
}

// The block with number `index` of the descriptors; with meta_bg they stand at the
// head of the groups that they describe.
uint64_t desc_block(const struct ext2 *fs, uint32_t index);

// Blocks at the head of a group that hold superblock and descriptors, or are kept
// for more of them.
uint32_t head_blocks(const struct ext2 *fs, uint32_t group);

// All blocks of a group: the last may have fewer.
uint64_t group_blocks(const struct ext2 *fs, uint32_t group);

void group_decode(const struct ext2 *fs, const struct disk_group *d,
		  struct group *g);

#endif
