// log.c - finding the journal, and walking through its log
//
// A log is read before anything else of an image is, because it may hold the
// newest version of any block. So this file finds its way alone, from superblock
// to descriptor to inode 8 to that inode's map, of which it keeps the block read
// last on each level: memory stays the same however long the journal claims to
// be, and a walk along the log reads each of them once.
//
// Every number may be a lie. Three bounds make the walk end: a journal is not
// longer than its image (nor than mke2fs makes them), a walk goes round the ring
// once at most, and a node of an extent tree must lie one level below its parent.
//
// Which transactions are whole is decided as Linux does it (fs/jbd2/recovery.c):
// a transaction counts from its first descriptor to a commit block with the same
// number; the log ends before the first that has none. With checksums, a bad one
// in a commit block also ends the log; a bad one in a descriptor or revoke block
// may be a leftover of an older log that happens to have the right number, and is
// one if its commit block is older than the one before: else it is damage.
//
// Source: Linux, Documentation/filesystems/ext4/journal.rst.

#include "fs/ext2/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ## Checksums: CRC-32C of the newer kinds, the CRC-32 of Ethernet with the most
// significant bit first of the oldest

static void make_tables(struct log *log)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t low = byte, high = byte << 24;

		for (int bit = 0; bit < 8; bit++) {
			low = low >> 1 ^ (low & 1 ? 0x82f63b78 : 0);
			high = high << 1 ^ (high >> 31 ? 0x04c11db7 : 0);
		}
		log->castagnoli[byte] = low;
		log->ethernet[byte] = high;
	}
}

uint32_t log_crc32c(const struct log *log, uint32_t crc, const void *bytes,
		    size_t n)
{
	const uint8_t *p = bytes;

	while (n--)
		crc = crc >> 8 ^ log->castagnoli[(crc ^ *p++) & 0xff];
	return crc;
}

static uint32_t crc32_be(const struct log *log, uint32_t crc, const uint8_t *p,
			 size_t n)
{
	while (n--)
		crc = crc << 8 ^ log->ethernet[crc >> 24 ^ *p++];
	return crc;
}

static bool log_has_checksums(const struct log *log)
{
	return log->incompat &
	       (JOURNAL_INCOMPAT_CSUM_2 | JOURNAL_INCOMPAT_CSUM_3);
}

// Whether a block of the log is what the checksum at `offset` in it says.
static bool is_whole(const struct log *log, const uint8_t *bytes,
		     uint32_t offset)
{
	static const uint8_t zero[4];
	be32 stored;
	uint32_t crc;

	if (!log_has_checksums(log))
		return true;
	memcpy(&stored, bytes + offset, sizeof(stored));
	crc = log_crc32c(log, log->seed, bytes, offset);
	crc = log_crc32c(log, crc, zero, sizeof(zero));
	crc = log_crc32c(log, crc, bytes + offset + 4,
			 log->block_bytes - offset - 4);
	return crc == get32_be(stored);
}

bool log_copy_is_whole(const struct log *log, uint32_t sequence,
		       uint32_t checksum, const uint8_t *bytes)
{
	be32 number = put32_be(sequence);
	uint32_t crc;

	if (!log_has_checksums(log))
		return true;
	crc = log_crc32c(log, log->seed, &number, sizeof(number));
	crc = log_crc32c(log, crc, bytes, log->block_bytes);
	if (!(log->incompat & JOURNAL_INCOMPAT_CSUM_3))
		crc &= 0xffff;
	return crc == checksum;
}

static uint32_t super_checksum(const struct log *log,
			       const struct disk_journal_super *super)
{
	struct disk_journal_super copy = *super;

	copy.s_checksum = put32_be(0);
	return log_crc32c(log, UINT32_MAX, &copy, sizeof(copy));
}

void log_seal_super(const struct log *log, struct disk_journal_super *super)
{
	if (log_has_checksums(log))
		super->s_checksum = put32_be(super_checksum(log, super));
}

// ## The map of inode 8

static int read_node(struct log *log, int level, uint64_t block,
		     const uint8_t **bytes)
{
	if (block == 0 || block >= log->blocks)
		return -EUCLEAN;
	if (!log->node[level].bytes) {
		log->node[level].bytes = malloc(log->block_bytes);
		if (!log->node[level].bytes)
			return -ENOMEM;
	}
	if (log->node[level].block != block) {
		log->node[level].block = 0;
		int error = device_read(log->device, block * log->block_bytes,
					log->node[level].bytes,
					log->block_bytes);

		if (error)
			return error;
		log->node[level].block = block;
	}
	*bytes = log->node[level].bytes;
	return 0;
}

static int place_indirect(struct log *log, uint64_t n, uint64_t *place)
{
	const uint64_t pointers = log->block_bytes / 4;
	uint64_t span = 1; // blocks below one pointer of this level
	int level = 0;

	if (n < BLOCKS_DIRECT) {
		*place = get32(log->inode.i_block[n]);
		return 0;
	}
	n -= BLOCKS_DIRECT;
	while (n >= span * pointers) {
		span *= pointers;
		n -= span;
		if (++level == 3)
			return -EUCLEAN;
	}
	uint64_t block = get32(log->inode.i_block[BLOCK_SINGLE + level]);

	for (; level >= 0; level--) {
		const uint8_t *bytes;
		le32 pointer;
		int error = read_node(log, level, block, &bytes);

		if (error)
			return error;
		memcpy(&pointer, bytes + n / span * 4, 4);
		block = get32(pointer);
		n %= span;
		span /= pointers;
	}
	*place = block;
	return 0;
}

// The last of an extent node's entries that begins at or before block n: entries
// rise, and an index and an extent both begin with the first block they cover.
static const uint8_t *entry_for(const uint8_t *node, uint32_t entries,
				uint64_t n)
{
	const uint8_t *found = NULL;
	uint32_t low = 0, high = entries;

	node += sizeof(struct disk_extent_header);
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const uint8_t *entry = node +
				       middle * sizeof(struct disk_extent);
		le32 begin;

		memcpy(&begin, entry, sizeof(begin));
		if (get32(begin) <= n) {
			found = entry;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return found;
}

static int place_extent(struct log *log, uint64_t n, uint64_t *place)
{
	const uint8_t *node = (const uint8_t *)log->inode.i_block;
	uint32_t room = sizeof(log->inode.i_block);
	int depth = -1;

	*place = 0;
	for (;;) {
		struct disk_extent_header header;

		memcpy(&header, node, sizeof(header));
		uint32_t entries = get16(header.eh_entries);

		if (get16(header.eh_magic) != EXTENT_MAGIC ||
		    entries > (room - sizeof(header)) /
				      sizeof(struct disk_extent) ||
		    get16(header.eh_depth) >= LOG_DEEPEST ||
		    (depth >= 0 && get16(header.eh_depth) != depth - 1))
			return -EUCLEAN;
		depth = get16(header.eh_depth);
		const uint8_t *entry = entry_for(node, entries, n);

		if (!entry)
			return 0;
		if (depth == 0) {
			struct disk_extent extent;

			memcpy(&extent, entry, sizeof(extent));
			uint64_t offset = n - get32(extent.ee_block);

			if (get16(extent.ee_len) > EXTENT_LONGEST)
				return -EUCLEAN;
			if (offset < get16(extent.ee_len))
				*place = get32(extent.ee_start_lo) + offset +
					 ((uint64_t)get16(extent.ee_start_hi)
					  << 32);
			return 0;
		}
		struct disk_extent_index index;

		memcpy(&index, entry, sizeof(index));
		int error = read_node(log, depth - 1,
				      get32(index.ei_leaf_lo) |
					      (uint64_t)get16(index.ei_leaf_hi)
						      << 32,
				      &node);

		if (error)
			return error;
		room = log->block_bytes;
	}
}

int log_place(struct log *log, uint64_t log_block, uint64_t *place)
{
	int error = get32(log->inode.i_flags) & INODE_EXTENTS
			    ? place_extent(log, log_block, place)
			    : place_indirect(log, log_block, place);

	if (error)
		return error;
	return *place != 0 && *place < log->blocks ? 0 : -EUCLEAN;
}

// ## Opening

static int find_inode(struct log *log)
{
	const struct disk_super *fs = &log->fs;
	const uint32_t per_group = get32(fs->s_inodes_per_group);
	const bool wide = get32(fs->s_feature_incompat) & INCOMPAT_64BIT;
	uint32_t inode_bytes = INODE_BYTES_OLD;
	uint32_t desc_bytes = GROUP_BYTES;
	struct disk_group group = { 0 };

	if (get32(fs->s_rev_level) > 0)
		inode_bytes = get16(fs->s_inode_size);
	if (wide)
		desc_bytes = get16(fs->s_desc_size);
	if (per_group == 0 || log->ino == 0 ||
	    log->ino > get32(fs->s_inodes_count) ||
	    inode_bytes < INODE_BYTES_OLD || inode_bytes > log->block_bytes ||
	    log->block_bytes % inode_bytes != 0 ||
	    desc_bytes < (wide ? GROUP_BYTES_64 : GROUP_BYTES) ||
	    desc_bytes > log->block_bytes)
		return -EUCLEAN;

	uint32_t n = (log->ino - 1) / per_group;
	uint32_t index = (log->ino - 1) % per_group;
	uint64_t table = get32(fs->s_first_data_block) + UINT64_C(1);

	if (n >= log->block_bytes / desc_bytes || table >= log->blocks)
		return -EUCLEAN;
	int error = device_read(log->device,
				table * log->block_bytes + n * desc_bytes,
				&group, wide ? GROUP_BYTES_64 : GROUP_BYTES);

	if (error)
		return error;
	log->inode_block = get32(group.bg_inode_table) |
			   (uint64_t)get32(group.bg_inode_table_hi) << 32;
	if (log->inode_block == 0 || log->inode_block >= log->blocks)
		return -EUCLEAN;
	log->inode_block += (uint64_t)index * inode_bytes / log->block_bytes;
	log->inode_offset =
		(uint32_t)((uint64_t)index * inode_bytes % log->block_bytes);
	if (log->inode_block >= log->blocks)
		return -EUCLEAN;
	error = device_read(
		log->device,
		log->inode_block * log->block_bytes + log->inode_offset,
		&log->inode,
		inode_bytes < sizeof(log->inode) ? INODE_BYTES_OLD
						 : sizeof(log->inode));
	if (error)
		return error;
	if (!S_ISREG(get16(log->inode.i_mode)) ||
	    get16(log->inode.i_links_count) == 0 ||
	    get32(log->inode.i_flags) & (INODE_INLINE_DATA | INODE_EA_INODE))
		return -EUCLEAN;
	log->inode_blocks = (get32(log->inode.i_size) |
			     (uint64_t)get32(log->inode.i_size_high) << 32) /
			    log->block_bytes;
	return 0;
}

static int read_journal_super(struct log *log)
{
	const struct disk_journal_super *super = &log->super;
	const uint32_t known =
		JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT |
		JOURNAL_INCOMPAT_ASYNC_COMMIT | JOURNAL_INCOMPAT_CSUM_2 |
		JOURNAL_INCOMPAT_CSUM_3 | JOURNAL_INCOMPAT_FAST_COMMIT;
	int error = log_place(log, 0, &log->super_block);

	if (!error)
		error = device_read(log->device,
				    log->super_block * log->block_bytes,
				    &log->super, sizeof(log->super));
	if (error)
		return error;

	uint32_t type = get32_be(super->s_header.h_blocktype);

	log->length = get32_be(super->s_maxlen);
	log->first = get32_be(super->s_first);
	if (get32_be(super->s_header.h_magic) != JOURNAL_MAGIC ||
	    (type != JOURNAL_SUPER_1 && type != JOURNAL_SUPER_2) ||
	    get32_be(super->s_blocksize) != log->block_bytes ||
	    log->length > log->inode_blocks || log->length > log->blocks ||
	    log->length > LOG_LONGEST || log->first == 0)
		return -EUCLEAN;
	if (type == JOURNAL_SUPER_2) {
		log->compat = get32_be(super->s_feature_compat);
		log->incompat = get32_be(super->s_feature_incompat);
		if (log->incompat & ~known ||
		    get32_be(super->s_feature_ro_compat) != 0)
			return -ENOTSUP;
	}
	log->last = log->length;
	if (log->incompat & JOURNAL_INCOMPAT_FAST_COMMIT) {
		uint32_t kept = get32_be(super->s_num_fc_blocks);

		if (kept == 0)
			kept = LOG_FAST_COMMIT;
		if (kept >= log->last)
			return -EUCLEAN;
		log->last -= kept;
	}
	uint32_t start = get32_be(super->s_start);

	if (log->first >= log->last || log->last - log->first < 2 ||
	    (start != 0 && (start < log->first || start >= log->last)))
		return -EUCLEAN;
	if (log_has_checksums(log)) {
		if ((log->incompat & JOURNAL_INCOMPAT_CSUM_2 &&
		     log->incompat & JOURNAL_INCOMPAT_CSUM_3) ||
		    super_checksum(log, super) != get32_be(super->s_checksum))
			return -EUCLEAN;
		log->seed = log_crc32c(log, UINT32_MAX, super->s_uuid,
				       sizeof(super->s_uuid));
		log->tail_bytes = 4;
	}
	// A tag is 8 bytes, 12 with 64bit; checksums of the second kind add 2
	// (that they have room already was noticed too late); the third has 16.
	log->tag_bytes = log->incompat & JOURNAL_INCOMPAT_64BIT ? 12 : 8;
	if (log->incompat & JOURNAL_INCOMPAT_CSUM_2)
		log->tag_bytes += 2;
	if (log->incompat & JOURNAL_INCOMPAT_CSUM_3)
		log->tag_bytes = 16;
	return 0;
}

int log_open(struct log *log, struct device *device)
{
	struct disk_super *fs = &log->fs;
	int error;

	memset(log, 0, sizeof(*log));
	log->device = device;
	make_tables(log);
	if (device->bytes < SUPER_OFFSET + SUPER_BYTES)
		return -EUCLEAN;
	error = device_read(device, SUPER_OFFSET, fs, sizeof(*fs));
	if (error)
		return error;
	if (get16(fs->s_magic) != EXT2_MAGIC || get32(fs->s_log_block_size) > 6)
		return -EUCLEAN;
	log->block_bytes = 1024u << get32(fs->s_log_block_size);
	log->blocks = get32(fs->s_blocks_count);
	if (get32(fs->s_feature_incompat) & INCOMPAT_64BIT)
		log->blocks |= (uint64_t)get32(fs->s_blocks_count_hi) << 32;
	if (log->blocks > device->bytes / log->block_bytes)
		log->blocks = device->bytes / log->block_bytes;
	if (!(get32(fs->s_feature_compat) & COMPAT_HAS_JOURNAL))
		return -ENOENT;
	log->ino = get32(fs->s_journal_inum);
	if (get32(fs->s_feature_incompat) & INCOMPAT_JOURNAL_DEV ||
	    (log->ino == 0 && get32(fs->s_journal_dev) != 0))
		return -ENOTSUP;
	error = find_inode(log);
	return error ? error : read_journal_super(log);
}

void log_close(struct log *log)
{
	for (int i = 0; i < LOG_DEEPEST; i++)
		free(log->node[i].bytes);
	memset(log->node, 0, sizeof(log->node));
}

// ## Walking

struct walk {
	struct log *log;
	uint32_t at, left; // the next log block; how many the ring still has
	uint8_t *bytes, *copy;
	int (*each)(void *context, const struct log_item *);
	void *context;
};

// Takes the next block of the ring. Returns 1 when there is none left.
static int next_block(struct walk *walk, struct log_item *item)
{
	if (walk->left == 0)
		return 1;
	walk->left--;
	item->log_block = walk->at;
	if (++walk->at == walk->log->last)
		walk->at = walk->log->first;
	return log_place(walk->log, item->log_block, &item->place);
}

static int read_block(struct walk *walk, uint64_t place, uint8_t *bytes)
{
	return device_read(walk->log->device, place * walk->log->block_bytes,
			   bytes, walk->log->block_bytes);
}

static void decode_tag(const struct log *log, const uint8_t *bytes,
		       struct log_item *item)
{
	struct disk_journal_tag tag;
	be32 high, word[2];

	memcpy(&tag, bytes, sizeof(tag));
	memcpy(word, bytes, sizeof(word));
	item->home = get32_be(tag.t_blocknr);
	item->flags = get16_be(tag.t_flags);
	item->checksum = get16_be(tag.t_checksum);
	if (log->incompat & JOURNAL_INCOMPAT_CSUM_3) {
		be32 checksum;

		memcpy(&checksum, bytes + 12, sizeof(checksum));
		item->flags = get32_be(word[1]);
		item->checksum = get32_be(checksum);
	}
	if (log->incompat & JOURNAL_INCOMPAT_64BIT) {
		memcpy(&high, bytes + 8, sizeof(high));
		item->home |= (uint64_t)get32_be(high) << 32;
	}
}

static int walk_tags(struct walk *walk, uint32_t sequence)
{
	const struct log *log = walk->log;
	const uint32_t end = log->block_bytes - log->tail_bytes;
	uint32_t offset = sizeof(struct disk_journal_header);

	while (offset + log->tag_bytes <= end) {
		struct log_item item = { .sequence = sequence };
		int result;

		decode_tag(log, walk->bytes + offset, &item);
		result = next_block(walk, &item);
		if (!result && walk->copy) {
			item.bytes = walk->copy;
			result = read_block(walk, item.place, walk->copy);
		}
		if (!result)
			result = walk->each(walk->context, &item);
		if (result || item.flags & TAG_LAST)
			return result;
		offset += log->tag_bytes;
		if (!(item.flags & TAG_SAME_UUID))
			offset += 16;
	}
	return 0;
}

static int walk_on(struct walk *walk, uint32_t sequence, const uint32_t *end)
{
	const struct log *log = walk->log;

	while (!end || sequence != *end) {
		struct log_item item = { .sequence = sequence };
		struct disk_journal_header header;
		int result = next_block(walk, &item);

		if (!result)
			result = read_block(walk, item.place, walk->bytes);
		if (result)
			return result;
		memcpy(&header, walk->bytes, sizeof(header));
		if (get32_be(header.h_magic) != JOURNAL_MAGIC ||
		    get32_be(header.h_sequence) != sequence)
			return 0;
		item.type = (int)get32_be(header.h_blocktype);
		item.bytes = walk->bytes;
		if (item.type != JOURNAL_DESCRIPTOR &&
		    item.type != JOURNAL_COMMIT && item.type != JOURNAL_REVOKE)
			return 0;
		if (item.type != JOURNAL_COMMIT)
			item.bad_checksum = !is_whole(log, walk->bytes,
						      log->block_bytes - 4);
		result = walk->each(walk->context, &item);
		if (!result && item.type == JOURNAL_DESCRIPTOR)
			result = walk_tags(walk, sequence);
		if (result)
			return result;
		if (item.type == JOURNAL_COMMIT)
			sequence++;
	}
	return 0;
}

int log_walk(struct log *log, uint32_t at, uint32_t sequence,
	     const uint32_t *end, bool copies,
	     int (*each)(void *context, const struct log_item *), void *context)
{
	struct walk walk = {
		.log = log,
		.at = at,
		.left = log->last - log->first,
		.bytes = malloc(log->block_bytes),
		.copy = copies ? malloc(log->block_bytes) : NULL,
		.each = each,
		.context = context,
	};
	int result = -ENOMEM;

	if (walk.bytes && (walk.copy || !copies))
		result = walk_on(&walk, sequence, end);
	free(walk.bytes);
	free(walk.copy);
	return result > 0 ? 0 : result;
}

// ## Which transactions are whole

struct scan {
	const struct log *log;
	uint32_t end, after;
	uint32_t crc;  // of all but the commit block (the oldest checksum)
	bool suspect;  // a descriptor or revoke block had a bad checksum
	uint64_t time; // of the commit before
};

static bool commit_is_whole(const struct scan *scan, const uint8_t *bytes)
{
	const uint32_t at = offsetof(struct disk_commit, h_chksum);
	struct disk_commit commit;

	if (!(scan->log->compat & JOURNAL_COMPAT_CHECKSUM))
		return is_whole(scan->log, bytes, at);
	memcpy(&commit, bytes, sizeof(commit));
	uint32_t stored = get32_be(commit.h_chksum[0]);

	if (commit.h_chksum_type == 0 && commit.h_chksum_size == 0 &&
	    stored == 0)
		return true;
	return commit.h_chksum_type == 1 && commit.h_chksum_size == 4 &&
	       stored == scan->crc;
}

static int scan_each(void *context, const struct log_item *item)
{
	struct scan *scan = context;
	const struct log *log = scan->log;
	struct disk_commit commit;

	if (item->type != JOURNAL_COMMIT) {
		scan->suspect |= item->bad_checksum;
		if (item->type != JOURNAL_REVOKE &&
		    log->compat & JOURNAL_COMPAT_CHECKSUM)
			scan->crc = crc32_be(log, scan->crc, item->bytes,
					     log->block_bytes);
		return 0;
	}
	memcpy(&commit, item->bytes, sizeof(commit));
	uint64_t time = (uint64_t)get32_be(commit.h_commit_sec_high) << 32 |
			get32_be(commit.h_commit_sec);

	if (scan->suspect)
		return time >= scan->time ? -EUCLEAN : 1;
	if (!commit_is_whole(scan, item->bytes))
		return 1;
	scan->time = time;
	scan->crc = UINT32_MAX;
	scan->end = item->sequence + 1;
	scan->after = item->log_block + 1;
	if (scan->after == log->last)
		scan->after = log->first;
	return 0;
}

int log_scan(struct log *log, uint32_t *end, uint32_t *after)
{
	const uint32_t begin = get32_be(log->super.s_sequence);
	const uint32_t start = get32_be(log->super.s_start);
	struct scan scan = {
		.log = log, .end = begin, .after = start, .crc = UINT32_MAX
	};
	int error = 0;

	if (start != 0)
		error = log_walk(log, start, begin, NULL,
				 log->compat & JOURNAL_COMPAT_CHECKSUM,
				 scan_each, &scan);
	*end = scan.end;
	*after = scan.after;
	return error;
}

// ## Revoke blocks

int64_t log_revokes(const struct log *log, const uint8_t *bytes)
{
	const uint32_t each = log->incompat & JOURNAL_INCOMPAT_64BIT ? 8 : 4;
	struct disk_journal_revoke revoke;

	memcpy(&revoke, bytes, sizeof(revoke));
	uint32_t used = get32_be(revoke.r_count);

	if (used > log->block_bytes - log->tail_bytes)
		return -EUCLEAN;
	return used < sizeof(revoke) ? 0 : (used - sizeof(revoke)) / each;
}

uint64_t log_revoke(const struct log *log, const uint8_t *bytes, uint32_t n)
{
	be32 word[2];

	bytes += sizeof(struct disk_journal_revoke);
	if (!(log->incompat & JOURNAL_INCOMPAT_64BIT)) {
		memcpy(word, bytes + n * 4, 4);
		return get32_be(word[0]);
	}
	memcpy(word, bytes + n * 8, 8);
	return (uint64_t)get32_be(word[0]) << 32 | get32_be(word[1]);
}
