// make.c - an empty file system
//
// The layout is the one that mke2fs -t ext2 gives without resize_inode: groups of
// 8 × block bytes blocks (as many as one block of bitmap has bits), and at the head
// of each
//
//     copy of the superblock, descriptors     groups 0, 1 and powers of 3, 5, 7
//     bitmap of blocks, bitmap of inodes      a block each
//     table of inodes                         the same size in every group
//
// and then data. A last group that could hold hardly more than its own metadata
// is left out (mke2fs does the same below 50 blocks). Inodes are rounded up until
// the tables' blocks are full, in eights, since bitmaps are bytes.
//
// The bitmap of inodes is a block, too. Where many small files need more inodes
// than so few groups may have there are more groups, of fewer blocks each: 50,000
// empty files are an image of 17 MB, not of two times 128 MiB.
//
// Data begin with the root directory, lost+found (16 KiB at once, at most what 12
// direct blocks hold: a repair must not need room for directory blocks), and the
// journal, which is contiguous: first the blocks of its map, then the log. It goes
// to the first group where that fits.
//
// What is zero is not written. The device reads as zeros (see ext2.h), so tables
// of inodes, the log and the boot block stay holes of the image file. Bitmaps and
// descriptors are a few KiB a group.
//
// The superblock says what mke2fs says: both kinds of names' hashes are possible
// later (seed and signedness are there), but dir_index is only set by whoever
// writes an index.
//
// Sources: as layout.h; mke2fs(8), mke2fs.conf(5), dumpe2fs(8) on its images.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/fs.h"

enum {
	LAST_GROUP_DATA = 50, // fewer blocks of data: no last group
	LOST_FOUND_BYTES = 16 << 10,
	BYTES_AN_INODE = 16 << 10,
	JOURNAL_LEAST = 1024, // blocks; jbd2 takes no smaller log
	NO_GROUP = -1,
};

struct shape {
	uint64_t blocks;
	uint32_t block_bytes, first_data_block, group_blocks, groups;
	uint32_t inodes_per_group, table_blocks, desc_blocks;
	uint32_t lost_found_blocks; // 0: none
	uint32_t journal_map;       // blocks of the journal's map
	uint32_t journal_group;
	uint64_t overhead; // all that is not free afterwards
};

// ## Shape

static bool is_power_of(uint32_t n, uint32_t base)
{
	uint32_t power = base;

	while (power < n && power <= UINT32_MAX / base)
		power *= base;
	return power == n;
}

static bool has_copy(uint32_t group)
{
	return group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
	       is_power_of(group, 7);
}

static uint32_t metadata_of(const struct shape *s, uint32_t group)
{
	return (has_copy(group) ? 1 + s->desc_blocks : 0) + 2 + s->table_blocks;
}

static uint64_t first_of(const struct shape *s, uint32_t group)
{
	return s->first_data_block + (uint64_t)group * s->group_blocks;
}

static uint32_t blocks_in(const struct shape *s, uint32_t group)
{
	uint64_t left = s->blocks - first_of(s, group);

	return left < s->group_blocks ? (uint32_t)left : s->group_blocks;
}

static uint32_t divide_up(uint64_t n, uint32_t by)
{
	return (uint32_t)((n + by - 1) / by);
}

uint64_t ext2_blocks_of(uint64_t data_blocks, uint32_t block_bytes)
{
	uint64_t each = block_bytes / 4, left, blocks = data_blocks;

	if (data_blocks <= BLOCKS_DIRECT)
		return blocks;
	left = data_blocks - BLOCKS_DIRECT;
	blocks++;
	if (left <= each)
		return blocks;
	left -= each;
	uint64_t twice = left < each * each ? left : each * each;
	blocks += 1 + (twice + each - 1) / each;
	left -= twice;
	if (left)
		blocks += 1 + (left + each - 1) / each +
			  (left + each * each - 1) / (each * each);
	return blocks;
}

uint64_t ext2_journal_blocks(uint64_t blocks, uint32_t block_bytes)
{
	static const struct {
		uint64_t below, journal;
	} sizes[] = {
		{ 2048, 0 },	      { 32768, 1024 },	   { 262144, 4096 },
		{ 524288, 8192 },     { 4194304, 16384 },  { 8388608, 32768 },
		{ 16777216, 65536 },  { UINT64_MAX, 262144 },
	};
	uint64_t journal = 0, most = (uint64_t)block_bytes * 8 * 3 / 4;

	for (size_t i = 0; !journal && i < sizeof sizes / sizeof *sizes; i++)
		if (blocks < sizes[i].below) {
			journal = sizes[i].journal;
			break;
		}
	return journal < most ? journal : most;
}

static int check_plan(const struct ext2_plan *plan)
{
	uint32_t b = plan->block_bytes, i = plan->inode_bytes;

	if (b != 1024 && b != 2048 && b != 4096)
		return -EINVAL;
	if (i < INODE_BYTES_OLD || i > 1024 || (i & (i - 1)))
		return -EINVAL;
	if (plan->journal && plan->journal < JOURNAL_LEAST)
		return -EINVAL;
	if (plan->blocks > UINT32_MAX || plan->journal > plan->blocks)
		return plan->blocks > UINT32_MAX ? -EFBIG : -ENOSPC;
	return plan->reserved > plan->blocks / 2 ? -EINVAL : 0;
}

static uint32_t most_in_group(const struct shape *s)
{
	return s->block_bytes * 8;
}

// How many inodes a group has, and what that takes.
static int shape_tables(struct shape *s, const struct ext2_plan *plan,
			uint64_t wanted)
{
	uint32_t in_block = s->block_bytes / plan->inode_bytes;
	uint32_t unit = in_block > 8 ? in_block : 8;
	uint64_t each = (wanted + s->groups - 1) / s->groups;

	each = (each + unit - 1) / unit * unit;
	if (each * s->groups > UINT32_MAX)
		return -EFBIG;
	s->inodes_per_group = (uint32_t)each;
	s->table_blocks = (uint32_t)each / in_block;
	s->desc_blocks = divide_up((uint64_t)s->groups * GROUP_BYTES,
				   s->block_bytes);
	// A group with a copy has the most metadata.
	if (metadata_of(s, 0) < s->group_blocks)
		return 0;
	return s->group_blocks < most_in_group(s) ? -ENOSPC : -EFBIG;
}

// As large as can be: a group has at most as many blocks, and as many inodes, as a
// block has bits. Else so many, all alike, in eights; what is left is a last group
// or is left out.
static int shape_groups(struct shape *s, uint64_t inodes)
{
	uint64_t blocks = s->blocks - s->first_data_block;
	uint32_t most = most_in_group(s), least = divide_up(inodes, most);

	s->group_blocks = most;
	if (divide_up(blocks, most) < least)
		s->group_blocks = (uint32_t)(blocks / least) & ~7u;
	if (!s->group_blocks)
		return -ENOSPC;
	s->groups = divide_up(blocks, s->group_blocks);
	return 0;
}

// The group where `blocks` in a row are free.
static int place_journal(struct shape *s, uint64_t blocks)
{
	for (uint32_t g = 0; g < s->groups; g++) {
		uint64_t used = metadata_of(s, g);

		if (g == 0)
			used += 1 + s->lost_found_blocks;
		if (used + blocks <= blocks_in(s, g)) {
			s->journal_group = g;
			return 0;
		}
	}
	// Too few blocks, or too long a log for a group of any image?
	if (s->group_blocks < most_in_group(s))
		return -ENOSPC;
	return s->groups > 2 || blocks > s->group_blocks ? -EINVAL : -ENOSPC;
}

static int shape_of(const struct ext2_plan *plan, struct shape *s)
{
	uint64_t wanted = plan->inodes;
	uint64_t dropped = 0;
	int error = check_plan(plan);

	if (error)
		return error;
	*s = (struct shape){
		.blocks = plan->blocks,
		.block_bytes = plan->block_bytes,
		.first_data_block = plan->block_bytes == 1024,
	};
	if (!wanted)
		wanted = plan->blocks * plan->block_bytes / BYTES_AN_INODE;
	if (wanted < INO_FIRST + 1)
		wanted = INO_FIRST + 1;
	if (plan->lost_and_found) {
		s->lost_found_blocks = LOST_FOUND_BYTES / plan->block_bytes;
		if (s->lost_found_blocks > BLOCKS_DIRECT)
			s->lost_found_blocks = BLOCKS_DIRECT;
	}
	for (;;) {
		if (s->blocks <= s->first_data_block)
			return -ENOSPC;
		error = shape_groups(s, wanted);
		if (!error)
			error = shape_tables(s, plan, wanted);
		if (error)
			return error;
		uint32_t last = s->groups - 1, there = blocks_in(s, last);
		if (last == 0 || there == s->group_blocks ||
		    there >= metadata_of(s, last) + LAST_GROUP_DATA)
			break;
		s->blocks -= there;
		dropped += there;
	}

	uint64_t used = s->first_data_block + 1 + s->lost_found_blocks;
	for (uint32_t g = 0; g < s->groups; g++)
		used += metadata_of(s, g);
	if (metadata_of(s, 0) + 1 + s->lost_found_blocks > blocks_in(s, 0))
		return -ENOSPC;
	if (plan->journal) {
		uint64_t all = ext2_blocks_of(plan->journal, s->block_bytes);

		s->journal_map = (uint32_t)(all - plan->journal);
		error = place_journal(s, all);
		used += all;
	}
	s->overhead = used + dropped;
	return error;
}

int ext2_overhead(const struct ext2_plan *plan, uint64_t *blocks,
		  uint32_t *inodes)
{
	struct shape s;
	int error = plan->blocks ? shape_of(plan, &s) : -EINVAL;

	if (error)
		return error;
	*blocks = s.overhead;
	*inodes = s.inodes_per_group * s.groups;
	return 0;
}

// ## Writing

struct making {
	struct device *device;
	const struct ext2_plan *plan;
	struct shape shape;
	struct disk_super super;
	uint8_t *descriptors; // desc_blocks of them
	uint8_t *bitmaps;     // two blocks: of blocks, of inodes
	struct disk_inode journal;
};

static uint64_t table_of(const struct shape *s, uint32_t group)
{
	return first_of(s, group) + metadata_of(s, group) - s->table_blocks;
}

static int write_at(const struct making *m, uint64_t block, uint32_t offset,
		    const void *bytes, size_t n)
{
	return device_write(m->device, block * m->shape.block_bytes + offset,
			    bytes, n);
}

// How many blocks of data a group has in use, which follow its metadata.
static uint32_t data_in(const struct making *m, uint32_t group)
{
	const struct shape *s = &m->shape;
	uint64_t data = group == 0 ? 1 + s->lost_found_blocks : 0;

	if (m->plan->journal && group == s->journal_group)
		data += s->journal_map + m->plan->journal;
	return (uint32_t)data;
}

static void set_bits(uint8_t *bitmap, uint32_t from, uint32_t to)
{
	for (; from < to && from % 8; from++)
		bitmap[from / 8] |= (uint8_t)(1 << from % 8);
	for (; from + 8 <= to; from += 8)
		bitmap[from / 8] = 0xff;
	for (; from < to; from++)
		bitmap[from / 8] |= (uint8_t)(1 << from % 8);
}

static int write_group(struct making *m, uint32_t group, uint64_t *free_blocks)
{
	const struct shape *s = &m->shape;
	uint32_t there = blocks_in(s, group), bits = s->block_bytes * 8;
	uint32_t used = metadata_of(s, group) + data_in(m, group);
	uint32_t inodes = group ? 0 : INO_FIRST - 1 + !!s->lost_found_blocks;
	uint64_t bitmaps = table_of(s, group) - 2;
	struct disk_group d = {
		.bg_block_bitmap = put32((uint32_t)bitmaps),
		.bg_inode_bitmap = put32((uint32_t)bitmaps + 1),
		.bg_inode_table = put32((uint32_t)bitmaps + 2),
		.bg_free_blocks_count = put16(there - used),
		.bg_free_inodes_count = put16(s->inodes_per_group - inodes),
		.bg_used_dirs_count = put16(group ? 0
						  : 1 + !!s->lost_found_blocks),
	};

	memcpy(m->descriptors + (size_t)group * GROUP_BYTES, &d, GROUP_BYTES);
	memset(m->bitmaps, 0, 2 * (size_t)s->block_bytes);
	set_bits(m->bitmaps, 0, used);
	set_bits(m->bitmaps, there, bits);
	set_bits(m->bitmaps + s->block_bytes, 0, inodes);
	set_bits(m->bitmaps + s->block_bytes, s->inodes_per_group, bits);
	*free_blocks += there - used;
	return write_at(m, bitmaps, 0, m->bitmaps, 2 * (size_t)s->block_bytes);
}

static uint32_t super_time(struct ext2_time time)
{
	return time.seconds < 0            ? 0
	       : time.seconds > UINT32_MAX ? UINT32_MAX
					   : (uint32_t)time.seconds;
}

static void fill_super(struct making *m, uint64_t free_blocks)
{
	const struct ext2_plan *plan = m->plan;
	const struct shape *s = &m->shape;
	uint32_t log = s->block_bytes == 1024   ? 0
		       : s->block_bytes == 2048 ? 1
						: 2;
	uint32_t now = super_time(plan->now);
	uint32_t inodes = s->inodes_per_group * s->groups;
	uint16_t extra = plan->inode_bytes > INODE_BYTES_OLD ? INODE_EXTRA : 0;

	m->super = (struct disk_super){
		.s_inodes_count = put32(inodes),
		.s_blocks_count = put32((uint32_t)s->blocks),
		.s_r_blocks_count = put32((uint32_t)plan->reserved),
		.s_free_blocks_count = put32((uint32_t)free_blocks),
		.s_free_inodes_count = put32(inodes - (INO_FIRST - 1) -
					     !!s->lost_found_blocks),
		.s_first_data_block = put32(s->first_data_block),
		.s_log_block_size = put32(log),
		.s_log_cluster_size = put32(log),
		.s_blocks_per_group = put32(s->group_blocks),
		.s_clusters_per_group = put32(s->group_blocks),
		.s_inodes_per_group = put32(s->inodes_per_group),
		.s_wtime = put32(now),
		.s_max_mnt_count = put16(0xffff),
		.s_magic = put16(EXT2_MAGIC),
		.s_state = put16(STATE_CLEAN),
		.s_errors = put16(1),
		.s_lastcheck = put32(now),
		.s_rev_level = put32(1),
		.s_first_ino = put32(INO_FIRST),
		.s_inode_size = put16(plan->inode_bytes),
		.s_feature_compat =
			put32(COMPAT_EXT_ATTR |
			      (plan->journal ? COMPAT_HAS_JOURNAL : 0)),
		.s_feature_incompat = put32(INCOMPAT_FILETYPE),
		.s_feature_ro_compat = put32(RO_COMPAT_SPARSE_SUPER |
					     RO_COMPAT_LARGE_FILE),
		.s_def_hash_version = HASH_HALF_MD4,
		.s_default_mount_opts = put32(0x4 | 0x8), // user_xattr, acl
		.s_mkfs_time = put32(now),
		.s_min_extra_isize = put16(extra),
		.s_want_extra_isize = put16(extra),
		.s_flags = put32(FLAG_SIGNED_HASH),
	};
	memcpy(m->super.s_uuid, plan->uuid, sizeof plan->uuid);
	memcpy(m->super.s_hash_seed, plan->hash_seed, sizeof plan->hash_seed);
	memcpy(m->super.s_volume_name, plan->label,
	       strnlen(plan->label, sizeof m->super.s_volume_name));
	if (!plan->journal)
		return;
	m->super.s_journal_inum = put32(INO_JOURNAL);
	m->super.s_jnl_backup_type = 1;
	memcpy(m->super.s_jnl_blocks, m->journal.i_block,
	       sizeof m->journal.i_block);
	m->super.s_jnl_blocks[15] = m->journal.i_size_high;
	m->super.s_jnl_blocks[16] = m->journal.i_size;
}

static int write_supers(struct making *m)
{
	const struct shape *s = &m->shape;
	int error = 0;

	for (uint32_t g = 0; !error && g < s->groups; g++) {
		if (!has_copy(g))
			continue;
		uint64_t block = first_of(s, g);
		m->super.s_block_group_nr = put16(g);
		error = write_at(m, block,
				 g || s->first_data_block ? 0 : SUPER_OFFSET,
				 &m->super, SUPER_BYTES);
		if (!error)
			error = write_at(m, block + 1, 0, m->descriptors,
					 (size_t)s->desc_blocks *
						 s->block_bytes);
	}
	return error;
}

// ## The first inodes

static int write_inode(const struct making *m, uint32_t ino,
		       struct disk_inode *inode)
{
	const struct ext2_plan *plan = m->plan;
	bool extra = plan->inode_bytes > INODE_BYTES_OLD;
	uint32_t low = (uint32_t)plan->now.seconds;
	le32 high =
		put32((uint32_t)((plan->now.seconds - (int32_t)low) >> 32 & 3) |
		      plan->now.ns << 2);

	inode->i_atime = inode->i_ctime = inode->i_mtime = put32(low);
	if (extra) {
		inode->i_extra_isize = put16(INODE_EXTRA);
		inode->i_crtime = put32(low);
		inode->i_atime_extra = inode->i_ctime_extra = high;
		inode->i_mtime_extra = inode->i_crtime_extra = high;
	}
	return device_write(m->device,
			    table_of(&m->shape, 0) * m->shape.block_bytes +
				    (uint64_t)(ino - 1) * plan->inode_bytes,
			    inode,
			    extra ? sizeof *inode : (size_t)INODE_BYTES_OLD);
}

static uint32_t put_entry(uint8_t *block, uint32_t at, uint32_t ino,
			  const char *name, uint32_t rec_len)
{
	struct disk_entry entry = {
		.inode = put32(ino),
		.rec_len = put16(rec_len),
		.name_len = (uint8_t)strlen(name),
		.file_type = TYPE_DIRECTORY,
	};

	memcpy(block + at, &entry, sizeof entry);
	memcpy(block + at + sizeof entry, name, entry.name_len);
	return at + rec_len;
}

// A directory of so many blocks from `first` on; the name of one directory in it.
static int write_directory(const struct making *m, uint32_t ino, uint64_t first,
			   uint32_t blocks, const char *child)
{
	uint32_t size = m->shape.block_bytes, at;
	uint8_t *block = calloc(blocks, size);
	int error;

	if (!block)
		return -ENOMEM;
	at = put_entry(block, 0, ino, ".", entry_bytes(1));
	if (child) {
		at = put_entry(block, at, INO_ROOT, "..", entry_bytes(2));
		put_entry(block, at, INO_FIRST, child, size - at);
	} else {
		put_entry(block, at, INO_ROOT, "..", size - at);
	}
	for (uint32_t i = 1; i < blocks; i++) // entries that are not in use
		((struct disk_entry *)(block + (size_t)i * size))->rec_len =
			put16(size);
	error = write_at(m, first, 0, block, (size_t)blocks * size);
	free(block);
	return error;
}

static int write_directories(struct making *m)
{
	const struct ext2_plan *plan = m->plan;
	const struct shape *s = &m->shape;
	uint64_t first = first_of(s, 0) + metadata_of(s, 0);
	uint32_t sectors = s->block_bytes / 512, lost = s->lost_found_blocks;
	struct disk_inode root = {
		.i_mode = put16(S_IFDIR | (plan->root_mode & 07777)),
		.i_uid = put16(plan->root_uid),
		.i_uid_high = put16(plan->root_uid >> 16),
		.i_gid = put16(plan->root_gid),
		.i_gid_high = put16(plan->root_gid >> 16),
		.i_size = put32(s->block_bytes),
		.i_blocks = put32(sectors),
		.i_links_count = put16(lost ? 3 : 2),
		.i_block = { put32((uint32_t)first) },
	};
	int error = write_inode(m, INO_ROOT, &root);

	if (!error)
		error = write_directory(m, INO_ROOT, first, 1,
					lost ? "lost+found" : NULL);
	if (error || !lost)
		return error;
	struct disk_inode found = {
		.i_mode = put16(S_IFDIR | 0700),
		.i_uid = root.i_uid,
		.i_uid_high = root.i_uid_high,
		.i_gid = root.i_gid,
		.i_gid_high = root.i_gid_high,
		.i_size = put32(lost * s->block_bytes),
		.i_blocks = put32(lost * sectors),
		.i_links_count = put16(2),
	};
	for (uint32_t i = 0; i < lost; i++)
		found.i_block[i] = put32((uint32_t)first + 1 + i);
	error = write_inode(m, INO_FIRST, &found);
	return error ? error
		     : write_directory(m, INO_FIRST, first + 1, lost, NULL);
}

// ## The journal's inode

struct mapping {
	const struct making *making;
	uint32_t next_map;  // the next free block for the map
	uint32_t next_data; // and of the log
	uint64_t left;      // blocks of the log not yet mapped
};

// A tree of that many levels above the data, as full as `left` makes it; its
// blocks are handed out in the order in which a reader needs them.
static int map_tree(struct mapping *map, int levels, le32 *pointer)
{
	const struct making *m = map->making;
	uint32_t each = m->shape.block_bytes / 4, block;
	int error = 0;

	if (levels == 0) {
		*pointer = put32(map->next_data++);
		map->left--;
		return 0;
	}
	le32 *pointers = calloc(each, sizeof *pointers);
	if (!pointers)
		return -ENOMEM;
	block = map->next_map++;
	*pointer = put32(block);
	for (uint32_t i = 0; !error && map->left && i < each; i++)
		error = map_tree(map, levels - 1, &pointers[i]);
	if (!error)
		error = write_at(m, block, 0, pointers, m->shape.block_bytes);
	free(pointers);
	return error;
}

static int write_journal(struct making *m)
{
	const struct shape *s = &m->shape;
	uint64_t blocks = m->plan->journal, bytes = blocks * s->block_bytes;
	uint64_t sectors = (blocks + s->journal_map) * (s->block_bytes / 512);
	uint64_t first = first_of(s, s->journal_group) +
			 metadata_of(s, s->journal_group);
	struct mapping map = { .making = m, .left = blocks };
	int error = 0;

	if (s->journal_group == 0)
		first += 1 + s->lost_found_blocks;
	map.next_map = (uint32_t)first;
	map.next_data = (uint32_t)(first + s->journal_map);
	m->journal = (struct disk_inode){
		.i_mode = put16(S_IFREG | 0600),
		.i_size = put32((uint32_t)bytes),
		.i_size_high = put32((uint32_t)(bytes >> 32)),
		.i_blocks = put32((uint32_t)sectors),
		.i_links_count = put16(1),
	};
	for (int i = 0; !error && map.left && i < BLOCK_POINTERS; i++)
		error = map_tree(&map,
				 i < BLOCK_SINGLE ? 0 : i - BLOCK_SINGLE + 1,
				 &m->journal.i_block[i]);
	if (!error)
		error = write_inode(m, INO_JOURNAL, &m->journal);
	return error ? error
		     : journal_format(m->device, s->block_bytes,
				      first + s->journal_map, (uint32_t)blocks,
				      m->plan->uuid);
}

static int write_all(struct making *m)
{
	uint64_t free_blocks = 0;
	int error = 0;

	for (uint32_t g = 0; !error && g < m->shape.groups; g++)
		error = write_group(m, g, &free_blocks);
	if (!error)
		error = write_directories(m);
	if (!error && m->plan->journal)
		error = write_journal(m);
	if (error)
		return error;
	fill_super(m, free_blocks);
	return write_supers(m);
}

int ext2_make(struct device *device, const struct ext2_plan *plan)
{
	struct ext2_plan whole = *plan;
	struct making m = { .device = device, .plan = &whole };
	uint64_t there = plan->block_bytes ? device->bytes / plan->block_bytes
					   : 0;
	int error;

	if (!whole.blocks)
		whole.blocks = there;
	error = shape_of(&whole, &m.shape);
	if (error)
		return error;
	if (m.shape.blocks > there)
		return -ENOSPC;
	m.descriptors = calloc(m.shape.desc_blocks, m.shape.block_bytes);
	m.bitmaps = calloc(2, m.shape.block_bytes);
	error = m.descriptors && m.bitmaps ? write_all(&m) : -ENOMEM;
	free(m.descriptors);
	free(m.bitmaps);
	return error;
}
