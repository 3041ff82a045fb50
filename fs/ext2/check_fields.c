// check_fields.c - the superblock's other fields, and its copies
//
// Fields that nothing else hangs on only have to be sensible. The copies of
// superblock and descriptors are compared at the end, in what never changes while
// a file system is used: geometry, UUID, places of bitmaps and tables. Free counts
// and times of copies are as old as the file system, and that is right so.

#include <string.h>

#include "fs/ext2/check_parts.h"

const uint32_t ext2_checked[3] = {
	COMPAT_DIR_PREALLOC | COMPAT_HAS_JOURNAL | COMPAT_EXT_ATTR |
		COMPAT_RESIZE_INODE | COMPAT_DIR_INDEX,
	INCOMPAT_FILETYPE | INCOMPAT_RECOVER,
	RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_DIR_NLINK |
		RO_COMPAT_EXTRA_ISIZE,
};

enum { SLACK_SECONDS = 24 * 3600 };

static void reserved_fields(struct check *c)
{
	struct disk_super *s = &c->super;

	if (get32(s->s_r_blocks_count) > c->blocks / 2 &&
	    problem(c, "super-reserved", SAFE, 0, 0, "reserves none",
		    "The superblock reserves %u of %u blocks for root",
		    get32(s->s_r_blocks_count), c->blocks)) {
		s->s_r_blocks_count = put32(0);
		c->super_dirty = true;
	}
	if (!c->has_resize && get32(s->s_rev_level) &&
	    get16(s->s_reserved_gdt_blocks) &&
	    problem(c, "super-reserved-gdt", SAFE, 0, 0, "reserves none",
		    "The superblock reserves %u blocks for more descriptors "
		    "without the feature resize_inode",
		    get16(s->s_reserved_gdt_blocks))) {
		s->s_reserved_gdt_blocks = put16(0);
		c->super_dirty = true;
	}
}

static void size_field(struct check *c)
{
	uint32_t bytes = get16(c->super.s_desc_size);

	if (!bytes || bytes == GROUP_BYTES || bytes == GROUP_BYTES_64 ||
	    !problem(c, "super-desc-size", SAFE, 0, 0, "sets it to 0",
		     "The superblock says that descriptors have %u bytes, but "
		     "here they have %d",
		     bytes, GROUP_BYTES))
		return;
	c->super.s_desc_size = put16(0);
	c->super_dirty = true;
}

// Fields of ext4: upper halves of counts, groups a "flexible" group, inodes for
// quotas and for a file of orphans.
static void later_fields(struct check *c)
{
	static const struct {
		uint16_t at, bytes;
	} later[] = {
		{ 336, 12 }, { 372, 1 }, { 576, 8 }, { 620, 4 }, { 640, 4 }
	};
	uint8_t *bytes = (uint8_t *)&c->super;
	uint32_t any = 0;

	for (size_t i = 0; i < sizeof later / sizeof *later; i++)
		for (uint32_t k = 0; k < later[i].bytes; k++)
			any |= bytes[later[i].at + k];
	if (!any ||
	    !problem(c, "super-later", SAFE, 0, 0, "clears them",
		     "The superblock has values in fields of ext4 whose "
		     "features it lacks"))
		return;
	for (size_t i = 0; i < sizeof later / sizeof *later; i++)
		memset(bytes + later[i].at, 0, later[i].bytes);
	c->super_dirty = true;
}

static void time_field(struct check *c, le32 *field, const char *what)
{
	if ((int64_t)get32(*field) > c->now + SLACK_SECONDS &&
	    problem(c, "super-time", SAFE, 0, 0, "sets it to now",
		    "The superblock's time of the last %s is in the future",
		    what)) {
		*field = put32((uint32_t)c->now);
		c->super_dirty = true;
	}
}

int super_fields(struct check *c)
{
	reserved_fields(c);
	size_field(c);
	later_fields(c);
	time_field(c, &c->super.s_mtime, "mount");
	time_field(c, &c->super.s_wtime, "write");
	return 0;
}

int super_write(struct check *c)
{
	if (!c->super_dirty || c->super_kept || !c->o->repair)
		return 0;
	c->super_dirty = false;
	return device_write(c->device, SUPER_OFFSET, &c->super, SUPER_BYTES);
}

// ## The copies against what was found

bool super_same_shape(const struct disk_super *a, const struct disk_super *b)
{
	return get16(b->s_magic) == EXT2_MAGIC &&
	       !memcmp(&a->s_inodes_count, &b->s_inodes_count, 8) &&
	       !memcmp(&a->s_first_data_block, &b->s_first_data_block, 24) &&
	       !memcmp(&a->s_rev_level, &b->s_rev_level, 4) &&
	       !memcmp(&a->s_first_ino, &b->s_first_ino, 6) &&
	       !memcmp(a->s_uuid, b->s_uuid, sizeof a->s_uuid);
}

static bool same_places(const struct check *c, const uint8_t *descs)
{
	for (uint32_t i = 0; i < c->group_count; i++)
		if (memcmp(c->descs + i * GROUP_BYTES, descs + i * GROUP_BYTES,
			   12))
			return false;
	return true;
}

static int write_copy(struct check *c, uint32_t group, uint64_t at,
		      uint8_t *block)
{
	struct disk_super copy = c->super;
	uint32_t start = group_start(c, group);
	int error;

	copy.s_block_group_nr = put16(group);
	copy.s_state = put16(get16(copy.s_state) & ~STATE_CLEAN);
	copy.s_feature_incompat = put32(get32(copy.s_feature_incompat) &
					~INCOMPAT_RECOVER);
	error = device_write(c->device, at, &copy, SUPER_BYTES);
	for (uint32_t i = 0; !error && i < c->desc_blocks; i++) {
		uint64_t from = (uint64_t)i * c->block_bytes;
		uint64_t n = (uint64_t)c->group_count * GROUP_BYTES - from;

		memset(block, 0, c->block_bytes);
		memcpy(block, c->descs + from,
		       n < c->block_bytes ? n : c->block_bytes);
		error = check_write(c, start + 1ull + i, block);
	}
	return error;
}

static int check_copy(struct check *c, uint32_t group)
{
	uint32_t start = group_start(c, group);
	uint64_t at = (uint64_t)start * c->block_bytes;
	struct disk_super copy;
	bool descs = true;
	int error = device_read(c->device, at, &copy, SUPER_BYTES);

	for (uint32_t i = 0; !error && descs && i < c->desc_blocks; i++) {
		uint32_t each = c->block_bytes / GROUP_BYTES;
		struct check part = *c;

		error = check_read(c, start + 1ull + i, c->block);
		part.descs = c->descs + (uint64_t)i * c->block_bytes;
		part.group_count = c->group_count - i * each;
		if (part.group_count > each)
			part.group_count = each;
		descs = same_places(&part, c->block);
	}
	if (error || (descs && super_same_shape(&c->super, &copy)))
		return error;
	if (!problem(c, "super-copy", SAFE, 0, start, "writes it anew",
		     "The copy of superblock and descriptors in group %u does "
		     "not agree with the first",
		     group))
		return 0;
	return write_copy(c, group, at, c->block);
}

// genext2fs(8) writes no copies at all: those blocks are empty.
static int are_written(struct check *c, bool *written)
{
	static const struct disk_super blank;
	struct disk_super copy;
	int error = 0;

	*written = false;
	for (uint32_t i = 1; !error && !*written && i < c->group_count; i++) {
		if (!group_holds_super(c, i))
			continue;
		error = device_read(
			c->device, (uint64_t)group_start(c, i) * c->block_bytes,
			&copy, sizeof copy);
		*written = memcmp(&copy, &blank, sizeof copy) != 0;
	}
	return error;
}

int super_copies(struct check *c)
{
	bool written;
	int error = are_written(c, &written);

	if (!written)
		return error;
	for (uint32_t i = 1; !error && i < c->group_count; i++)
		if (group_holds_super(c, i))
			error = check_copy(c, i);
	return error;
}
