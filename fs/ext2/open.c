// open.c - from 1024 bytes at byte 1024 to a file system in memory
//
// The superblock is a stranger's word. Every field that is used as a size, a
// count or a place is looked at before, in 64 bits, so that no product overflows:
//
//     block size      1024 << 0 to 6
//     blocks          no more than the device has
//     groups          what blocks and blocks_per_group make; a bound on the memory
//                     for descriptors
//     inodes          groups × inodes_per_group exactly
//     inode size      a power of two, 128 to a block
//     descriptors     inside the image
//
// For writing also: bitmaps and tables stand in their own group and apart from
// each other (so "is this block metadata?" is answered without a search), no error
// is marked, no feature is used that we do not keep in order. A reader takes a
// broken descriptor as it is; who follows it meets the bounds of the cache.
//
// A log with transactions is replayed first: for reading into an overlay that
// vanishes with the fs, for writing on the device.

#include "fs/ext2/super.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LOG_BLOCK_MOST = 6, // 64 KiB
	GROUPS_MOST =
		1 << 20, // 4 TiB in groups of 8192 blocks of 1 KiB are half
	INODE_MOST_WRITE = 1024, // what struct ext2_inode has room for
	CACHE_BYTES = 4 << 20,
	OVERLAY_BYTES = 1 << 20,
};

// ## The superblock's fields

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

// Says what is wrong with the field and returns -EINVAL.
#define WRONG(...) (refuse(why, __VA_ARGS__), -EINVAL)

static int check_sizes(struct ext2 *fs, struct ext2_refusal *why)
{
	const struct disk_super *s = &fs->super;
	uint32_t log = get32(s->s_log_block_size);
	uint32_t revision = get32(s->s_rev_level);
	uint32_t desc = get16(s->s_desc_size);

	if (log > LOG_BLOCK_MOST)
		return WRONG("its block size is 2 to the power of %llu",
			     10ull + log);
	if (revision > 1)
		return WRONG("it is of revision %u; known are 0 and 1",
			     revision);
	fs->block_bytes = 1024u << log;
	fs->block_bits = 10 + log;
	fs->pointers = fs->block_bytes / 4;
	fs->inode_bytes = revision ? get16(s->s_inode_size) : INODE_BYTES_OLD;
	if (!power_of_two(fs->inode_bytes) ||
	    fs->inode_bytes < INODE_BYTES_OLD ||
	    fs->inode_bytes > fs->block_bytes)
		return WRONG("its inodes have %u bytes, in blocks of %u",
			     fs->inode_bytes, fs->block_bytes);
	fs->desc_bytes = GROUP_BYTES;
	if (has_incompat(s, INCOMPAT_64BIT)) {
		if (!power_of_two(desc) || desc < GROUP_BYTES_64 || desc > 1024)
			return WRONG("its group descriptors have %u bytes",
				     desc);
		fs->desc_bytes = desc;
	}
	return 0;
}

static int check_blocks(struct ext2 *fs, struct ext2_refusal *why)
{
	const struct disk_super *s = &fs->super;
	uint32_t per = get32(s->s_blocks_per_group);
	uint32_t first = get32(s->s_first_data_block);
	bool bigalloc = has_ro_compat(s, RO_COMPAT_BIGALLOC);
	uint32_t clusters = bigalloc ? get32(s->s_clusters_per_group) : per;
	uint32_t ratio_bits = 0;
	uint64_t groups;

	fs->blocks = get32(s->s_blocks_count);
	if (has_incompat(s, INCOMPAT_64BIT))
		fs->blocks |= (uint64_t)get32(s->s_blocks_count_hi) << 32;
	fs->first_data_block = first;
	if (first != (fs->block_bytes == 1024) && !(bigalloc && !first))
		return WRONG("its first block of data is %u", first);
	if (bigalloc) {
		uint64_t log = get32(s->s_log_cluster_size);

		if (log < fs->block_bits - 10 || log > 20)
			return WRONG("its clusters are 2 to the power of %llu",
				     10ull + log);
		ratio_bits = (uint32_t)log - (fs->block_bits - 10);
	}
	if (!per || per % 8 || clusters > fs->block_bytes * 8 ||
	    (uint64_t)clusters << ratio_bits != per)
		return WRONG("it has %u blocks in a group", per);
	fs->blocks_per_group = per;
	if (fs->blocks <= first)
		return WRONG("it has %llu blocks in all",
			     (unsigned long long)fs->blocks);
	if (fs->blocks > fs->device->bytes / fs->block_bytes)
		return WRONG("it has %llu blocks of %u bytes, but the image "
			     "ends after %llu bytes",
			     (unsigned long long)fs->blocks, fs->block_bytes,
			     (unsigned long long)fs->device->bytes);
	groups = (fs->blocks - first + per - 1) / per;
	if (groups > GROUPS_MOST)
		return WRONG("it has %llu groups", (unsigned long long)groups);
	fs->group_count = (uint32_t)groups;
	return 0;
}

static int check_inodes(struct ext2 *fs, struct ext2_refusal *why)
{
	const struct disk_super *s = &fs->super;
	uint32_t per = get32(s->s_inodes_per_group);
	uint32_t all = get32(s->s_inodes_count);
	uint32_t first = get32(s->s_first_ino);
	uint32_t in_block = fs->block_bytes / fs->inode_bytes;

	if (!per || per % 8 || per > fs->block_bytes * 8)
		return WRONG("it has %u inodes in a group", per);
	if ((uint64_t)per * fs->group_count != all)
		return WRONG("it has %u inodes, but %u groups of %u", all,
			     fs->group_count, per);
	if (!get32(s->s_rev_level))
		first = INO_FIRST;
	if (first < INO_FIRST || first > all)
		return WRONG("its first inode for files is %u of %u", first,
			     all);
	fs->inodes_per_group = per;
	fs->table_blocks = (per + in_block - 1) / in_block;
	return 0;
}

static int check_rest(struct ext2 *fs, struct ext2_refusal *why)
{
	const struct disk_super *s = &fs->super;
	uint32_t in_block = fs->block_bytes / fs->desc_bytes;
	uint32_t reserved = get16(s->s_reserved_gdt_blocks);

	fs->desc_blocks = (fs->group_count + in_block - 1) / in_block;
	if (reserved > fs->pointers)
		return WRONG("it keeps %u blocks for more descriptors",
			     reserved);
	if (has_incompat(s, INCOMPAT_META_BG))
		return 0; // each block is looked at when it is read
	if (fs->first_data_block + 1ull + fs->desc_blocks >= fs->blocks)
		return WRONG("its group descriptors end beyond its %llu blocks",
			     (unsigned long long)fs->blocks);
	return 0;
}

static int read_super(struct ext2 *fs, int flags, struct ext2_refusal *why)
{
	const struct disk_super *s = &fs->super;
	uint32_t features[3];
	int error;

	if (fs->device->bytes < SUPER_OFFSET + SUPER_BYTES)
		return WRONG("it is no ext2 image: it is too small");
	error = device_read(fs->device, SUPER_OFFSET, &fs->super, SUPER_BYTES);
	if (error) {
		refuse(why, "its superblock cannot be read");
		return error;
	}
	if (get16(s->s_magic) != EXT2_MAGIC)
		return WRONG("it is no ext2 image: there is no superblock at "
			     "byte 1024");
	if (!get32(s->s_rev_level)) // the words mean nothing yet
		memset(&fs->super.s_feature_compat, 0, 12);
	features[0] = get32(s->s_feature_compat);
	features[1] = get32(s->s_feature_incompat);
	features[2] = get32(s->s_feature_ro_compat);
	error = features_check(features, flags & EXT2_WRITE, why);
	if (!error)
		error = check_sizes(fs, why);
	if (!error)
		error = check_blocks(fs, why);
	if (!error)
		error = check_inodes(fs, why);
	if (!error)
		error = check_rest(fs, why);
	return error;
}

// ## Groups

// Whether n blocks from `at` on lie in the group behind its head.
static bool in_group(const struct ext2 *fs, uint32_t group, uint64_t at,
		     uint32_t n)
{
	uint64_t first = group_first_block(fs, group);
	uint64_t end = first + group_blocks(fs, group);

	return at >= first + head_blocks(fs, group) && at < end &&
	       n <= end - at;
}

static bool apart(uint64_t a, uint32_t n, uint64_t b)
{
	return b < a || b - a >= n;
}

static int check_group(const struct ext2 *fs, uint32_t i,
		       struct ext2_refusal *why)
{
	const struct group *g = &fs->groups[i];

	if (in_group(fs, i, g->block_bitmap, 1) &&
	    in_group(fs, i, g->inode_bitmap, 1) &&
	    in_group(fs, i, g->inode_table, fs->table_blocks) &&
	    g->block_bitmap != g->inode_bitmap &&
	    apart(g->inode_table, fs->table_blocks, g->block_bitmap) &&
	    apart(g->inode_table, fs->table_blocks, g->inode_bitmap))
		return 0;
	refuse(why, "the descriptor of group %u is damaged: check it first", i);
	return -EUCLEAN;
}

static uint32_t clusters_to_blocks(const struct ext2 *fs, uint32_t clusters)
{
	uint64_t n = (uint64_t)clusters
		     << (get32(fs->super.s_log_cluster_size) -
			 get32(fs->super.s_log_block_size));

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static int read_groups(struct ext2 *fs, bool write, struct ext2_refusal *why)
{
	uint32_t in_block = fs->block_bytes / fs->desc_bytes;
	struct buffer *b;
	int error;

	fs->groups = calloc(fs->group_count, sizeof *fs->groups);
	if (!fs->groups)
		return -ENOMEM;
	for (uint32_t i = 0; i < fs->desc_blocks; i++) {
		error = cache_get(fs->cache, desc_block(fs, i), 0, &b);
		if (error) {
			refuse(why,
			       "the group descriptors in block %llu "
			       "cannot be read",
			       (unsigned long long)desc_block(fs, i));
			return error;
		}
		for (uint32_t k = 0; k < in_block; k++) {
			uint32_t group = i * in_block + k;
			struct disk_group d;

			if (group >= fs->group_count)
				break;
			memset(&d, 0, sizeof d);
			memcpy(&d, b->bytes + (size_t)k * fs->desc_bytes,
			       fs->desc_bytes < sizeof d ? fs->desc_bytes
							 : sizeof d);
			group_decode(fs, &d, &fs->groups[group]);
		}
		cache_drop(b);
	}
	for (uint32_t i = 0; i < fs->group_count; i++) {
		struct group *g = &fs->groups[i];
		uint64_t most = group_blocks(fs, i);

		error = write ? check_group(fs, i, why) : 0;
		if (error)
			return error;
		if (has_ro_compat(&fs->super, RO_COMPAT_BIGALLOC))
			g->free_blocks = clusters_to_blocks(fs, g->free_blocks);
		if (g->free_blocks > most)
			g->free_blocks = (uint32_t)most;
		if (g->free_inodes > fs->inodes_per_group)
			g->free_inodes = fs->inodes_per_group;
		fs->free_blocks += g->free_blocks;
		fs->free_inodes += g->free_inodes;
		fs->overhead += head_blocks(fs, i) + 2ull + fs->table_blocks;
	}
	fs->overhead += fs->first_data_block;
	return 0;
}

// ## Opening

static struct ext2_time time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct ext2_time){ now.tv_sec, (uint32_t)now.tv_nsec };
}

static int check_state(const struct ext2 *fs, int flags,
		       struct ext2_refusal *why)
{
	uint16_t state = get16(fs->super.s_state);

	if (!fs->device->writable) {
		refuse(why, "it can only be read here");
		return -EROFS;
	}
	if (fs->inode_bytes > INODE_MOST_WRITE) {
		refuse(why,
		       "it can be read, but not changed: its inodes have "
		       "%u bytes",
		       fs->inode_bytes);
		return -ENOTSUP;
	}
	if (flags & EXT2_ANY_STATE)
		return 0;
	if (state & STATE_ERRORS) {
		refuse(why, "it is marked as damaged: check it first");
		return -EUCLEAN;
	}
	if (!(state & STATE_CLEAN)) {
		refuse(why, "it was not unmounted: check it first");
		return -EUCLEAN;
	}
	return 0;
}

// Plays the log back, and reads the superblock again.
static int replay(struct ext2 *fs, int flags, struct ext2_refusal *why)
{
	struct device *overlay;
	uint64_t found = 0;
	int error;

	if (!(flags & EXT2_WRITE)) {
		error = device_overlay(fs->device, 1024, OVERLAY_BYTES,
				       &overlay);
		if (error)
			return error;
		fs->overlay = fs->device = overlay;
	}
	error = journal_replay(fs->device, &found);
	if (error) {
		journal_refuse(fs->device, error, why);
		return error;
	}
	fs->replayed = found > 0;
	error = read_super(fs, flags, why);
	// The log may say that the kernel met an error.
	if (!error && flags & EXT2_WRITE)
		error = check_state(fs, flags, why);
	return error;
}

static bool is_new(void *fs, uint64_t block)
{
	return block_is_new(fs, block);
}

static int open_parts(struct ext2 *fs, int flags, struct ext2_refusal *why)
{
	bool write = flags & EXT2_WRITE;
	bool fresh = write && flags & EXT2_FRESH;
	struct ext2_inode journal;
	int error = read_super(fs, flags, why);

	if (!error && write)
		error = check_state(fs, flags, why);
	if (!error && has_incompat(&fs->super, INCOMPAT_RECOVER) &&
	    (write || !(flags & EXT2_NO_REPLAY)))
		error = replay(fs, flags, why);
	if (error)
		return error;
	error = cache_make(fs->device, fs->block_bytes, fs->blocks, fresh,
			   CACHE_BYTES, &fs->cache);
	if (!error)
		error = read_groups(fs, write, why);
	if (error)
		return error;
	fs->mode = MODE_READ;
	if (get32(fs->super.s_feature_compat) & COMPAT_HAS_JOURNAL &&
	    !inode_get(fs, INO_JOURNAL, &journal) &&
	    journal.size / fs->block_bytes < fs->blocks)
		fs->overhead += journal.size / fs->block_bytes;
	error = space_make(fs);
	if (error || !write)
		return error;
	fs->mode = fresh ? MODE_FRESH : MODE_ORDERED;
	if (!fresh)
		cache_ask_new(fs->cache, is_new, fs);
	if (!fresh && get32(fs->super.s_feature_compat) & COMPAT_HAS_JOURNAL) {
		fs->mode = MODE_JOURNAL;
		error = journal_open(fs);
		if (error) {
			journal_refuse(fs->device, error, why);
			return error;
		}
	}
	error = orphans_clean(fs);
	if (error)
		refuse(why, "its list of deleted files is damaged: check it "
			    "first");
	return error;
}

int ext2_open(struct device *device, int flags, struct ext2 **made,
	      struct ext2_refusal *why)
{
	struct ext2 *fs = calloc(1, sizeof *fs);
	int error;

	if (why)
		why->text[0] = '\0';
	if (!fs)
		return -ENOMEM;
	fs->device = device;
	fs->now = time_now();
	error = open_parts(fs, flags, why);
	if (error) {
		if (why && !why->text[0])
			refuse(why, "%s", strerror(-error));
		ext2_close(fs);
		return error;
	}
	*made = fs;
	return 0;
}

void ext2_close(struct ext2 *fs)
{
	if (!fs)
		return;
	content_free(fs);
	directories_free(fs);
	journal_free(fs);
	space_free(fs);
	cache_free(fs->cache);
	device_close(fs->overlay);
	free(fs->groups);
	free(fs->freed);
	free(fs->freed_inodes);
	free(fs);
}

void ext2_set_now(struct ext2 *fs, struct ext2_time now)
{
	fs->now = now;
}

struct ext2_time ext2_now(const struct ext2 *fs)
{
	return fs->now;
}
