// super.c - superblock and groups: where everything stands, and how it is written
//
// The fields are looked at when an image is opened (open.c); here they are used.
//
// Copies of the superblock and of the descriptors stand at the head of some groups.
// They are written while an image is made; after that only the first ones are, as
// Linux does it: a copy is a last resort, and its counts are made anew anyway.

#include "fs/ext2/super.h"

#include <errno.h>
#include <string.h>

enum { BACKUP_GROUPS = 588 - 356 }; // s_backup_bgs, in s_rest

// ## Groups

static bool power_of(uint32_t n, uint32_t base)
{
	while (n > base && !(n % base))
		n /= base;
	return n == base;
}

bool group_has_super(const struct ext2 *fs, uint32_t group)
{
	const struct disk_super *s = &fs->super;
	const uint8_t *backup = s->s_rest + BACKUP_GROUPS;
	le32 at[2];

	if (get32(s->s_feature_compat) & COMPAT_SPARSE_SUPER2) {
		memcpy(at, backup, sizeof at);
		return !group || group == get32(at[0]) || group == get32(at[1]);
	}
	if (group <= 1 || !has_ro_compat(s, RO_COMPAT_SPARSE_SUPER))
		return true;
	return power_of(group, 3) || power_of(group, 5) || power_of(group, 7);
}

static uint32_t descs_in_block(const struct ext2 *fs)
{
	return fs->desc_bytes && fs->desc_bytes <= fs->block_bytes
		       ? fs->block_bytes / fs->desc_bytes
		       : 1;
}

uint64_t desc_block(const struct ext2 *fs, uint32_t index)
{
	const struct disk_super *s = &fs->super;
	uint32_t group = index * descs_in_block(fs);

	if (!has_incompat(s, INCOMPAT_META_BG) ||
	    index < get32(s->s_first_meta_bg))
		return SUPER_OFFSET / fs->block_bytes + 1ull + index;
	return group_first_block(fs, group) + group_has_super(fs, group);
}

uint32_t head_blocks(const struct ext2 *fs, uint32_t group)
{
	const struct disk_super *s = &fs->super;
	uint32_t in_block = descs_in_block(fs);
	uint32_t meta = group / in_block, within = group % in_block;
	uint32_t old = fs->desc_blocks, super = group_has_super(fs, group);

	// With bigalloc block 0 belongs to the first group even if it is 1 KiB.
	if (!group && SUPER_OFFSET / fs->block_bytes > fs->first_data_block)
		super++;

	if (has_incompat(s, INCOMPAT_META_BG)) {
		if (old > get32(s->s_first_meta_bg))
			old = get32(s->s_first_meta_bg);
		if (meta >= old)
			return super + (within <= 1 || within == in_block - 1);
	}
	return super ? super + old + get16(s->s_reserved_gdt_blocks) : 0;
}

uint64_t group_blocks(const struct ext2 *fs, uint32_t group)
{
	uint64_t left = fs->blocks - group_first_block(fs, group);

	return left < fs->blocks_per_group ? left : fs->blocks_per_group;
}

void group_decode(const struct ext2 *fs, const struct disk_group *d,
		  struct group *g)
{
	bool wide = fs->desc_bytes >= GROUP_BYTES_64;

	*g = (struct group){
		.block_bitmap = get32(d->bg_block_bitmap),
		.inode_bitmap = get32(d->bg_inode_bitmap),
		.inode_table = get32(d->bg_inode_table),
		.free_blocks = get16(d->bg_free_blocks_count),
		.free_inodes = get16(d->bg_free_inodes_count),
		.directories = get16(d->bg_used_dirs_count),
		.flags = get16(d->bg_flags),
		.itable_unused = get16(d->bg_itable_unused),
	};
	if (!wide)
		return;
	g->block_bitmap |= (uint64_t)get32(d->bg_block_bitmap_hi) << 32;
	g->inode_bitmap |= (uint64_t)get32(d->bg_inode_bitmap_hi) << 32;
	g->inode_table |= (uint64_t)get32(d->bg_inode_table_hi) << 32;
	g->free_blocks |= (uint32_t)get16(d->bg_free_blocks_count_hi) << 16;
	g->free_inodes |= (uint32_t)get16(d->bg_free_inodes_count_hi) << 16;
	g->directories |= (uint32_t)get16(d->bg_used_dirs_count_hi) << 16;
	g->itable_unused |= (uint32_t)get16(d->bg_itable_unused_hi) << 16;
}

// ## What it is

static void put_counts(const struct ext2 *fs, struct disk_super *s)
{
	s->s_free_blocks_count = put32((uint32_t)fs->free_blocks);
	if (has_incompat(s, INCOMPAT_64BIT))
		s->s_free_blocks_hi = put32((uint32_t)(fs->free_blocks >> 32));
	s->s_free_inodes_count = put32(fs->free_inodes);
}

const struct disk_super *ext2_super(const struct ext2 *fs)
{
	if (fs->mode != MODE_READ)
		put_counts(fs, &((struct ext2 *)(uintptr_t)fs)->super);
	return &fs->super;
}

void ext2_numbers(const struct ext2 *fs, struct ext2_numbers *n)
{
	const struct disk_super *s = &fs->super;
	bool wide = has_incompat(s, INCOMPAT_64BIT);

	*n = (struct ext2_numbers){
		.block_bytes = fs->block_bytes,
		.inode_bytes = fs->inode_bytes,
		.blocks = fs->blocks,
		.free_blocks = fs->free_blocks + space_queued(fs),
		.inodes = get32(s->s_inodes_count),
		.free_inodes = fs->free_inodes +
			       (uint32_t)fs->freed_inode_count,
		.first_inode = get32(s->s_rev_level) ? get32(s->s_first_ino)
						     : INO_FIRST,
		.groups = fs->group_count,
		.blocks_per_group = fs->blocks_per_group,
		.inodes_per_group = fs->inodes_per_group,
		.first_data_block = fs->first_data_block,
		.compat = get32(s->s_feature_compat),
		.incompat = get32(s->s_feature_incompat),
		.ro_compat = get32(s->s_feature_ro_compat),
		.overhead_blocks = fs->overhead,
		.state = get16(s->s_state),
		.replayed = fs->replayed,
	};
	n->reserved_blocks = get32(s->s_r_blocks_count);
	if (wide)
		n->reserved_blocks |= (uint64_t)get32(s->s_r_blocks_count_hi)
				      << 32;
	memcpy(n->uuid, s->s_uuid, sizeof n->uuid);
	memcpy(n->label, s->s_volume_name, sizeof s->s_volume_name);
}

int ext2_group(struct ext2 *fs, uint32_t group, struct ext2_group *info)
{
	const struct group *g;

	if (group >= fs->group_count)
		return -EINVAL;
	g = &fs->groups[group];
	*info = (struct ext2_group){
		.first_block = group_first_block(fs, group),
		.blocks = group_blocks(fs, group),
		.block_bitmap = g->block_bitmap,
		.inode_bitmap = g->inode_bitmap,
		.inode_table = g->inode_table,
		.inode_table_blocks = fs->table_blocks,
		.free_blocks = g->free_blocks,
		.free_inodes = g->free_inodes,
		.directories = g->directories,
		.has_super = group_has_super(fs, group),
		.super_blocks = head_blocks(fs, group),
		.flags = g->flags,
	};
	return 0;
}

int ext2_read_block(struct ext2 *fs, uint64_t block, void *bytes)
{
	const uint8_t *cached;
	struct buffer *b;
	int error;

	if (block >= fs->blocks)
		return -EINVAL;
	cached = cache_peek(fs->cache, block);
	if (!cached) {
		error = content_flush(fs);
		if (!error)
			error = cache_get(fs->cache, block, 0, &b);
		if (error)
			return error;
		memcpy(bytes, b->bytes, fs->block_bytes);
		cache_drop(b);
		if (!b->dirty) // a file's: it is written past the cache
			cache_forget(fs->cache, block);
		return 0;
	}
	memcpy(bytes, cached, fs->block_bytes);
	return 0;
}

// ## Writing it

static void group_encode(const struct group *g, struct disk_group *d)
{
	d->bg_block_bitmap = put32((uint32_t)g->block_bitmap);
	d->bg_inode_bitmap = put32((uint32_t)g->inode_bitmap);
	d->bg_inode_table = put32((uint32_t)g->inode_table);
	d->bg_free_blocks_count = put16(g->free_blocks);
	d->bg_free_inodes_count = put16(g->free_inodes);
	d->bg_used_dirs_count = put16(g->directories);
	d->bg_flags = put16(g->flags);
}

// One block of descriptors as the one with number `index`, at `block`.
static int stage_descriptors(struct ext2 *fs, uint32_t index, uint64_t block,
			     bool all)
{
	uint32_t in_block = fs->block_bytes / fs->desc_bytes;
	uint32_t first = index * in_block, i;
	struct buffer *b;
	int error;

	for (i = first; i < first + in_block && i < fs->group_count; i++)
		if (all || fs->groups[i].changed)
			break;
	if (i == first + in_block || i == fs->group_count)
		return 0;
	error = cache_get(fs->cache, block, 0, &b);
	if (error)
		return error;
	for (; i < first + in_block && i < fs->group_count; i++)
		group_encode(
			&fs->groups[i],
			(struct disk_group *)(void *)(b->bytes +
						      (size_t)(i - first) *
							      fs->desc_bytes));
	cache_dirty(fs->cache, b, BLOCK_SUPER);
	cache_drop(b);
	return 0;
}

static int stage_super(struct ext2 *fs, uint64_t block, uint32_t offset,
		       uint32_t group)
{
	struct buffer *b;
	int error = cache_get(fs->cache, block, 0, &b);
	struct disk_super *s;

	if (error)
		return error;
	s = (struct disk_super *)(void *)(b->bytes + offset);
	*s = fs->super;
	s->s_block_group_nr = put16(group);
	cache_dirty(fs->cache, b, BLOCK_SUPER);
	cache_drop(b);
	return 0;
}

int super_stage(struct ext2 *fs)
{
	uint32_t head = fs->first_data_block;
	int error = 0;

	put_counts(fs, &fs->super);
	fs->super.s_wtime = put32((uint32_t)fs->now.seconds);
	for (uint32_t i = 0; i < fs->desc_blocks && !error; i++)
		error = stage_descriptors(fs, i, head + 1ull + i,
					  fs->mode == MODE_FRESH);
	if (!error)
		error = stage_super(fs, head, head ? 0 : SUPER_OFFSET, 0);
	for (uint32_t g = 1;
	     g < fs->group_count && fs->mode == MODE_FRESH && !error; g++) {
		uint64_t first = group_first_block(fs, g);

		if (!group_has_super(fs, g))
			continue;
		error = stage_super(fs, first, 0, g);
		for (uint32_t i = 0; i < fs->desc_blocks && !error; i++)
			error = stage_descriptors(fs, i, first + 1 + i, true);
	}
	if (error)
		return error;
	for (uint32_t i = 0; i < fs->group_count; i++)
		fs->groups[i].changed = false;
	fs->super_changed = false;
	return 0;
}
