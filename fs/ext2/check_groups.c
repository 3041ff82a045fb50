// check_groups.c - where bitmaps and inode tables are
//
// A descriptor names three places, and all three must lie in its group, behind
// the superblock's copy, without overlapping. There are up to three opinions:
// the descriptor, its copy in group 1, and the layout of mke2fs, which puts block
// bitmap, inode bitmap and table at the head of the group in this order. The
// descriptor is believed if it is possible, unless the other two agree with each
// other against it, or there is a root directory where mke2fs puts it and none
// where group 0 says. Nothing is searched for and no table is read for this, so a
// lost table costs no time: it is read as it stands in the place decided upon.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

uint32_t group_start(const struct check *c, uint32_t group)
{
	return c->first_data + group * c->blocks_per_group;
}

uint32_t group_end(const struct check *c, uint32_t group)
{
	uint64_t end = c->first_data +
		       (group + UINT64_C(1)) * c->blocks_per_group;

	return end < c->blocks ? (uint32_t)end : c->blocks;
}

uint32_t group_super_blocks(const struct check *c, uint32_t group)
{
	if (!group_holds_super(c, group))
		return 0;
	return 1 + c->desc_blocks + c->reserved_gdt;
}

void group_layout(const struct check *c, uint32_t group, struct place *place)
{
	uint32_t at = group_start(c, group) + group_super_blocks(c, group);

	place->block_bitmap = at;
	place->inode_bitmap = at + 1;
	place->inode_table = at + 2;
}

bool block_is_metadata(const struct check *c, uint32_t block)
{
	if (block <= c->first_data)
		return true;

	uint32_t group = (block - c->first_data) / c->blocks_per_group;
	const struct place *p = &c->groups[group];

	return block - group_start(c, group) < group_super_blocks(c, group) ||
	       block == p->block_bitmap || block == p->inode_bitmap ||
	       block - p->inode_table < c->table_blocks;
}

const char *group_fault(const struct check *c, uint32_t group,
			const struct place *p, uint32_t *block)
{
	uint32_t first = group_start(c, group) + group_super_blocks(c, group);
	uint32_t end = group_end(c, group);

	*block = p->block_bitmap;
	if (*block < first || *block >= end)
		return "block bitmap is not in the group";
	*block = p->inode_bitmap;
	if (*block < first || *block >= end)
		return "inode bitmap is not in the group";
	if (*block == p->block_bitmap)
		return "inode bitmap is where its block bitmap is";
	*block = p->inode_table;
	if (*block < first || *block >= end || end - *block < c->table_blocks)
		return "inode table is not in the group";
	if (p->block_bitmap - *block < c->table_blocks ||
	    p->inode_bitmap - *block < c->table_blocks)
		return "inode table covers a bitmap";
	return NULL;
}

static void decode(const uint8_t *descs, uint32_t group, struct place *p)
{
	const struct disk_group *d =
		(const void *)(descs + (size_t)group * GROUP_BYTES);

	p->block_bitmap = get32(d->bg_block_bitmap);
	p->inode_bitmap = get32(d->bg_inode_bitmap);
	p->inode_table = get32(d->bg_inode_table);
	p->free_blocks = get16(d->bg_free_blocks_count);
	p->free_inodes = get16(d->bg_free_inodes_count);
	p->directories = get16(d->bg_used_dirs_count);
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->block_bitmap == b->block_bitmap &&
	       a->inode_bitmap == b->inode_bitmap &&
	       a->inode_table == b->inode_table;
}

// A bitmap's place is put right: where mke2fs has it, or beside the table. What a
// file had there becomes its copy, as a bitmap is metadata (check_claims.c).
static void place_bitmap(const struct check *c, uint32_t group, struct place *p,
			 uint32_t *bitmap, uint32_t usual)
{
	uint32_t table = p->inode_table, after = table + c->table_blocks;
	const uint32_t tries[] = { *bitmap,   usual, table - 2,
				   table - 1, after, after + 1 };
	uint32_t first = group_start(c, group) + group_super_blocks(c, group);
	uint32_t other = bitmap == &p->block_bitmap ? p->inode_bitmap
						    : p->block_bitmap;

	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
		if (tries[i] >= first && tries[i] < group_end(c, group) &&
		    tries[i] != other && tries[i] - table >= c->table_blocks) {
			*bitmap = tries[i];
			return;
		}
}

// What is possible of a descriptor without a copy is kept: above all the table,
// since nothing else says where the inodes are.
static struct place mended(const struct check *c, uint32_t group,
			   const struct place *said, const struct place *usual)
{
	struct place p = *said;
	uint32_t ignored;

	if (p.inode_table >= group_end(c, group) ||
	    p.inode_table < group_start(c, group) ||
	    (!group && !root_at(c, p.inode_table)))
		p.inode_table = usual->inode_table;
	place_bitmap(c, group, &p, &p.block_bitmap, usual->block_bitmap);
	place_bitmap(c, group, &p, &p.inode_bitmap, usual->inode_bitmap);
	return group_fault(c, group, &p, &ignored) ? *usual : p;
}

static void check_place(struct check *c, uint32_t group, const uint8_t *copy)
{
	struct place *p = &c->groups[group], other, usual;
	const char *why, *repair = "takes what its copy says";
	uint32_t block, ignored;
	bool usable;

	decode(c->descs, group, p);
	decode(copy, group, &other);
	usual = other;
	group_layout(c, group, &usual);
	why = group_fault(c, group, p, &block);
	usable = !group_fault(c, group, &other, &ignored) &&
		 (group || root_at(c, other.inode_table) ||
		  !root_at(c, p->inode_table));
	if (!why && !group && !root_at(c, p->inode_table) &&
	    root_at(c, usual.inode_table)) {
		why = "inode table holds no root directory";
		block = p->inode_table;
	}
	if (!why && usable && !same_place(p, &other) &&
	    same_place(&other, &usual)) {
		why = "places are not those of its copy";
		block = p->inode_table;
	}
	if (!why)
		return;
	if (!usable) {
		other = mended(c, group, p, &usual);
		repair = "keeps what is possible of it, and takes the places "
			 "that mke2fs gives the rest";
	}
	if (problem(c, "group-descriptor", 0, 0, group_start(c, 0) + 1, repair,
		    "The descriptor of group %u is damaged: its %s (block %u)",
		    group, why, block))
		c->super_dirty = true;
	p->block_bitmap = other.block_bitmap;
	p->inode_bitmap = other.inode_bitmap;
	p->inode_table = other.inode_table;
}

// These belong to checksums of descriptors, a feature that is not there.
static void check_unused(struct check *c, uint32_t group)
{
	struct disk_group *d = (void *)(c->descs + (size_t)group * GROUP_BYTES);

	if (!(get16(d->bg_flags) & ~GROUP_ZEROED) &&
	    !get16(d->bg_itable_unused))
		return;
	if (!problem(c, "group-flags", SAFE, 0, group_start(c, 0) + 1,
		     "clears them",
		     "The descriptor of group %u has flags (0x%x) or unused "
		     "inodes (%u), which have no meaning here",
		     group, get16(d->bg_flags), get16(d->bg_itable_unused)))
		return;
	d->bg_flags = put16(get16(d->bg_flags) & GROUP_ZEROED);
	d->bg_itable_unused = put16(0);
}

static int read_descs(struct check *c, uint32_t group, uint8_t *descs)
{
	uint64_t from = (group_start(c, group) + UINT64_C(1)) * c->block_bytes;

	return device_read(c->device, from, descs,
			   (size_t)c->group_count * GROUP_BYTES);
}

int groups_read(struct check *c)
{
	size_t bytes = (size_t)c->group_count * GROUP_BYTES;
	uint8_t *copy = calloc(1, bytes);
	uint64_t before = c->result->repaired;
	int error = 0;

	c->groups = calloc(c->group_count, sizeof *c->groups);
	c->descs = calloc(1, bytes);
	if (!copy || !c->groups || !c->descs)
		error = -ENOMEM;
	if (!error)
		error = read_descs(c, 0, c->descs);
	if (!error && c->group_count > 1 &&
	    group_start(c, 1) + 1 + c->desc_blocks < c->blocks)
		error = read_descs(c, 1, copy);
	for (uint32_t i = 0; !error && i < c->group_count; i++) {
		check_place(c, i, copy);
		check_unused(c, i);
	}
	free(copy);
	if (!error && before != c->result->repaired)
		error = groups_write(c);
	return error;
}

int groups_write(struct check *c)
{
	for (uint32_t i = 0; i < c->group_count; i++) {
		struct disk_group *d =
			(void *)(c->descs + (size_t)i * GROUP_BYTES);
		const struct place *p = &c->groups[i];

		d->bg_block_bitmap = put32(p->block_bitmap);
		d->bg_inode_bitmap = put32(p->inode_bitmap);
		d->bg_inode_table = put32(p->inode_table);
		d->bg_free_blocks_count = put16(p->free_blocks);
		d->bg_free_inodes_count = put16(p->free_inodes);
		d->bg_used_dirs_count = put16(p->directories);
	}
	if (!c->o->repair)
		return 0;
	return device_write(c->device,
			    (c->first_data + UINT64_C(1)) * c->block_bytes,
			    c->descs, (size_t)c->group_count * GROUP_BYTES);
}

int groups_mark(struct check *c)
{
	for (uint32_t i = 0; i <= c->first_data; i++)
		bit_set(c->used, i);
	for (uint32_t i = 0; i < c->group_count; i++) {
		const struct place *p = &c->groups[i];
		uint32_t start = group_start(c, i);

		for (uint32_t k = 0; k < group_super_blocks(c, i); k++)
			bit_set(c->used, start + k);
		for (uint32_t k = 0; k < c->table_blocks; k++)
			bit_set(c->used, p->inode_table + k);
		bit_set(c->used, p->block_bitmap);
		bit_set(c->used, p->inode_bitmap);
	}
	return 0;
}
