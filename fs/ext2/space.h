// space.h - what space.c (blocks) and inodes.c (inodes) share: the bits that a
// transaction keeps beside the bitmaps

#ifndef EXT2_SPACE_H
#define EXT2_SPACE_H

#include "fs/ext2/fs.h"

struct space_group {
	uint32_t first_free;       // below it no block is free
	uint32_t first_free_inode; // the same
	uint32_t head;             // blocks of superblock and descriptors
	bool head_known, checked, bad;
	uint8_t *new_blocks, *freed_blocks, *new_inodes; // NULL: none
};

struct space {
	struct space_group *group;
	uint32_t last_group;  // where the last block came from
	uint32_t inode_group; // fresh: below it no inode is free
	uint64_t queued;      // blocks freed and not yet applied
	bool touched, any_bad;
};

// With checksums of descriptors a group's bitmaps need not have been written.
static inline bool has_lazy_groups(const struct ext2 *fs)
{
	return get32(fs->super.s_feature_ro_compat) &
	       (RO_COMPAT_GDT_CSUM | RO_COMPAT_METADATA_CSUM);
}

// Bit n is bit n % 8 of byte n / 8.
static inline bool bit_get(const uint8_t *bits, uint32_t n)
{
	return bits[n / 8] >> n % 8 & 1;
}

static inline void bit_clear(uint8_t *bits, uint32_t n)
{
	bits[n / 8] &= (uint8_t) ~(1u << n % 8);
}

void bits_set(uint8_t *bits, uint32_t first, uint32_t count);
uint32_t find_bit(const uint8_t *bits, uint32_t from, uint32_t end, bool set);
int own_bits(struct ext2 *fs, uint8_t **bits, uint32_t count);
int inodes_apply_freed(struct ext2 *fs);

#endif
