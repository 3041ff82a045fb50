// journal_grow.c - a transaction that is larger than the log
//
// The log grows at its end: free blocks are appended to inode 8, in a small
// transaction of their own that goes through the log as it was. The log's own
// superblock says how much of the file is in use, and so the length changes in
// the very sector that decides the large transaction, and changes back in the one
// that empties the log. Afterwards a last small transaction gives the blocks back.
//
// To move the log to another place would be simpler, and wrong: a kernel that
// mounts an image and replays such a move goes on using the old place, which it
// has just marked as free. A file that only becomes longer, or shorter beyond the
// part in use, cannot harm it.
//
//     1  inode 8 longer, its map, bitmaps, counts     before or after, both with
//                                                     the old content
//     2  the large transaction                        before or after
//     3  inode 8 as it was                            after
//
// A crash after 1 or 2 leaves a journal that is too long; nothing else is wrong
// with it, and the next commit does step 3.
//
// What is pending in the cache must not get to the disk in step 1. So its blocks
// are built here, from those on the disk, and what changes in them is changed in
// the pending ones, too: bit by bit (exclusive or) where both hold the same
// fields, anew where they hold sums. The blocks that are taken are free on the
// disk as well as in what is pending, for this may have freed some that the disk
// still needs, and filled some that the disk calls free.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/journal_parts.h"
#include "fs/ext2/space.h"

struct change { // of a block on the disk
	uint64_t block;
	uint8_t *old, *bytes;
	bool is_new; // nothing points at it yet: needs no log
};

struct resizing {
	struct ext2 *fs;
	struct log *log;
	struct disk_inode inode; // 8, as it is going to be
	uint64_t inode_blocks;
	struct change *change;
	size_t count, room;
	int64_t *taken; // by group; below 0: given back
	int64_t taken_blocks;

	uint8_t *bitmap; // of `group`: free on the disk, and as it is pending
	uint32_t group, bit, bits, groups_left;
};

static int resizing_begin(struct ext2 *fs, struct resizing *r)
{
	struct log *log = &fs->journal->log;
	uint64_t last;
	int error = log_place(log, log->length - 1, &last);

	*r = (struct resizing){
		.fs = fs,
		.log = log,
		.inode = log->inode,
		.inode_blocks = log->inode_blocks,
	};
	if (error)
		return error;
	if (last < fs->first_data_block)
		return -EUCLEAN;
	r->group = (uint32_t)((last - fs->first_data_block) /
			      fs->blocks_per_group);
	r->groups_left = fs->group_count;
	r->taken = calloc(fs->group_count, sizeof(*r->taken));
	r->bitmap = malloc(fs->block_bytes);
	return r->taken && r->bitmap ? 0 : -ENOMEM;
}

static void resizing_end(struct resizing *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->change[i].old);
		free(r->change[i].bytes);
	}
	free(r->change);
	free(r->taken);
	free(r->bitmap);
}

// ## Blocks that change

static int read_disk(const struct resizing *r, uint64_t block, uint8_t *bytes)
{
	return device_read(r->fs->device, block * r->fs->block_bytes, bytes,
			   r->fs->block_bytes);
}

static int add_change(struct resizing *r, uint64_t block, bool is_new,
		      struct change **added)
{
	const uint32_t block_bytes = r->fs->block_bytes;
	struct change change = { .block = block, .is_new = is_new };

	if (r->count == r->room) {
		size_t room = r->room ? r->room * 2 : 16;
		struct change *more = reallocarray(r->change, room,
						   sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->change = more;
		r->room = room;
	}
	change.old = calloc(1, block_bytes);
	change.bytes = calloc(1, block_bytes);
	int error = change.old && change.bytes ? 0 : -ENOMEM;

	if (!error && !is_new)
		error = read_disk(r, block, change.old);
	if (error) {
		free(change.old);
		free(change.bytes);
		return error;
	}
	memcpy(change.bytes, change.old, block_bytes);
	*added = &r->change[r->count++];
	**added = change;
	return 0;
}

// The block as it is going to be, for changing it.
static int changed(struct resizing *r, uint64_t block, uint8_t **bytes)
{
	struct change *change = NULL;
	int error = 0;

	if (block >= r->fs->blocks)
		return -EUCLEAN;
	for (size_t i = r->count; i-- > 0 && !change;)
		if (r->change[i].block == block)
			change = &r->change[i];
	if (!change)
		error = add_change(r, block, false, &change);
	if (!error)
		*bytes = change->bytes;
	return error;
}

// ## Blocks that are taken or given back

static bool test_bit(const uint8_t *bitmap, uint32_t bit)
{
	return bitmap[bit / 8] >> bit % 8 & 1;
}

static int set_used(struct resizing *r, uint64_t block, bool used)
{
	const struct ext2 *fs = r->fs;
	uint64_t n = block - fs->first_data_block;
	uint32_t group = (uint32_t)(n / fs->blocks_per_group);
	uint32_t bit = (uint32_t)(n % fs->blocks_per_group);
	uint8_t *bitmap;
	int error;

	if (!block_is_data(fs, block))
		return -EUCLEAN;
	error = changed(r, fs->groups[group].block_bitmap, &bitmap);
	if (error)
		return error;
	if (test_bit(bitmap, bit) == used)
		return -EUCLEAN;
	bitmap[bit / 8] ^= (uint8_t)(1 << bit % 8);
	r->taken[group] += used ? 1 : -1;
	r->taken_blocks += used ? 1 : -1;
	return 0;
}

static int open_group(struct resizing *r)
{
	const struct ext2 *fs = r->fs;
	const uint64_t bitmap = fs->groups[r->group].block_bitmap;
	uint64_t left = fs->blocks - group_first_block(fs, r->group);
	struct buffer *pending;
	int error = read_disk(r, bitmap, r->bitmap);

	if (!error)
		error = cache_get(fs->cache, bitmap, 0, &pending);
	if (error)
		return error;
	for (uint32_t i = 0; i < fs->block_bytes; i++)
		r->bitmap[i] |= pending->bytes[i];
	cache_drop(pending);
	r->bit = 0;
	r->bits = left < fs->blocks_per_group ? (uint32_t)left
					      : fs->blocks_per_group;
	return 0;
}

static int take_block(struct resizing *r, uint64_t *block)
{
	for (;;) {
		while (r->bit < r->bits && test_bit(r->bitmap, r->bit))
			r->bit++;
		if (r->bit < r->bits)
			break;
		if (r->groups_left == 0)
			return -EFBIG;
		if (r->bits != 0)
			r->group = (r->group + 1) % r->fs->group_count;
		r->groups_left--;
		int error = open_group(r);

		if (error)
			return error;
	}
	*block = group_first_block(r->fs, r->group) + r->bit++;
	return set_used(r, *block, true);
}

// ## The map of inode 8

// Follows a pointer to a block of the map; makes that if there is none.
static int follow(struct resizing *r, void *pointer, uint8_t **bytes)
{
	struct change *change;
	le32 number;
	uint64_t block;

	memcpy(&number, pointer, sizeof(number));
	if (get32(number) != 0)
		return changed(r, get32(number), bytes);
	int error = take_block(r, &block);

	if (!error)
		error = add_change(r, block, true, &change);
	if (error)
		return error;
	number = put32((uint32_t)block);
	memcpy(pointer, &number, sizeof(number));
	*bytes = change->bytes;
	return 0;
}

static int append(struct resizing *r)
{
	const uint64_t pointers = r->fs->pointers;
	uint64_t n = r->inode_blocks, block, span = 1;
	uint8_t *place =
		(uint8_t *)&r->inode.i_block[n < BLOCKS_DIRECT ? n : 0];
	int error = 0;

	if (n >= BLOCKS_DIRECT) {
		int level = 0;

		n -= BLOCKS_DIRECT;
		while (n >= span * pointers) {
			span *= pointers;
			n -= span;
			if (++level == 3)
				return -EFBIG;
		}
		place = (uint8_t *)&r->inode.i_block[BLOCK_SINGLE + level];
		for (; level >= 0 && !error; level--) {
			uint8_t *bytes;

			error = follow(r, place, &bytes);
			if (error)
				return error;
			place = bytes + n / span * sizeof(le32);
			n %= span;
			span /= pointers;
		}
	}
	error = take_block(r, &block);
	if (error)
		return error;
	le32 number = put32((uint32_t)block);

	memcpy(place, &number, sizeof(number));
	r->inode_blocks++;
	return 0;
}

// Gives back what a pointer leads to from block `keep` of the file on; `first` is
// the first that it leads to. The pointer becomes 0 if nothing is left.
static int cut(struct resizing *r, uint8_t *pointer, int level, uint64_t first,
	       uint64_t keep)
{
	const struct ext2 *fs = r->fs;
	uint64_t span = 1;
	uint8_t *bytes = NULL, *whole = NULL;
	le32 number;
	int error = 0;

	memcpy(&number, pointer, sizeof(number));
	uint64_t block = get32(number);

	for (int i = 1; i < level; i++)
		span *= fs->pointers;
	if (block == 0)
		return 0;
	if (level > 0 && first < keep) {
		error = changed(r, block, &bytes);
	} else if (level > 0) {
		bytes = whole = malloc(fs->block_bytes);
		error = whole ? read_disk(r, block, whole) : -ENOMEM;
	}
	for (uint32_t i = 0; level > 0 && !error && i < fs->pointers; i++)
		if (first + (i + 1) * span > keep)
			error = cut(r, bytes + i * sizeof(le32), level - 1,
				    first + i * span, keep);
	free(whole);
	if (error || first < keep)
		return error;
	memset(pointer, 0, sizeof(number));
	return set_used(r, block, false);
}

static int cut_all(struct resizing *r, uint64_t keep)
{
	uint64_t first = 0, span = 1;
	int error = 0;

	for (int i = 0; i < BLOCK_POINTERS && !error; i++) {
		int level = i < BLOCK_SINGLE ? 0 : i - BLOCK_SINGLE + 1;

		if (level > 0)
			span *= r->fs->pointers;
		if (first + span > keep)
			error = cut(r, (uint8_t *)&r->inode.i_block[i], level,
				    first, keep);
		first += span;
	}
	r->inode_blocks = keep;
	return error;
}

// ## As a transaction

static int change_inode(struct resizing *r)
{
	const uint32_t sectors = r->fs->block_bytes / SECTOR_BYTES;
	const uint64_t bytes = r->inode_blocks * r->fs->block_bytes;
	struct disk_inode *inode = &r->inode;
	uint8_t *block;
	int error = changed(r, r->log->inode_block, &block);

	if (error)
		return error;
	if (bytes > INT32_MAX &&
	    !(get32(r->fs->super.s_feature_ro_compat) & RO_COMPAT_LARGE_FILE))
		return -EFBIG;
	inode->i_size = put32((uint32_t)bytes);
	inode->i_size_high = put32((uint32_t)(bytes >> 32));
	inode->i_blocks = put32(
		(uint32_t)(get32(inode->i_blocks) + r->taken_blocks * sectors));
	memcpy(block + r->log->inode_offset, inode, INODE_BYTES_OLD);
	return 0;
}

static void note_map(struct disk_super *super, const struct disk_inode *inode)
{
	memcpy(super->s_jnl_blocks, inode->i_block, sizeof(inode->i_block));
	super->s_jnl_blocks[15] = inode->i_size_high;
	super->s_jnl_blocks[16] = inode->i_size;
	super->s_jnl_backup_type = 1;
}

static int change_sums(struct resizing *r)
{
	const struct ext2 *fs = r->fs;
	const uint32_t each = fs->block_bytes / GROUP_BYTES;
	uint8_t *bytes;
	int error = 0;

	for (uint32_t i = 0; i < fs->group_count && !error; i++) {
		if (r->taken[i] == 0)
			continue;
		error = changed(r, fs->first_data_block + 1 + i / each, &bytes);
		if (error)
			return error;
		struct disk_group *group =
			(struct disk_group *)(void *)(bytes +
						      i % each * GROUP_BYTES);

		group->bg_free_blocks_count =
			put16((uint32_t)(get16(group->bg_free_blocks_count) -
					 r->taken[i]));
	}
	if (!error)
		error = changed(r, SUPER_OFFSET / fs->block_bytes, &bytes);
	if (error)
		return error;
	struct disk_super *super =
		(struct disk_super *)(void *)(bytes +
					      SUPER_OFFSET % fs->block_bytes);

	super->s_free_blocks_count = put32((
		uint32_t)(get32(super->s_free_blocks_count) - r->taken_blocks));
	note_map(super, &r->inode);
	journal_mark_super((uint8_t *)super, true);
	return 0;
}

static int each_change(void *context,
		       int (*block)(void *writer, uint64_t block,
				    const uint8_t *bytes),
		       void *writer)
{
	const struct resizing *r = context;
	int error = 0;

	for (size_t i = 0; i < r->count && !error; i++)
		if (!r->change[i].is_new)
			error = block(writer, r->change[i].block,
				      r->change[i].bytes);
	return error;
}

static int write_changes(const struct resizing *r, bool is_new)
{
	const uint32_t block_bytes = r->fs->block_bytes;
	int error = 0;

	for (size_t i = 0; i < r->count && !error; i++)
		if (r->change[i].is_new == is_new)
			error = device_write(r->fs->device,
					     r->change[i].block * block_bytes,
					     r->change[i].bytes, block_bytes);
	return error;
}

static int changes_home(void *context)
{
	return write_changes(context, false);
}

static bool holds_sums(const struct ext2 *fs, uint64_t block)
{
	return block <= (uint64_t)fs->first_data_block + fs->desc_blocks;
}

// What changes on the disk changes in the cache. Sums that are pending differ
// from those on the disk: super_stage makes them anew.
static int change_cache(struct resizing *r, bool sums)
{
	struct ext2 *fs = r->fs;

	for (size_t i = 0; i < r->count; i++) {
		const struct change *change = &r->change[i];
		struct buffer *buffer;

		if (change->is_new) {
			cache_forget(fs->cache, change->block);
			continue;
		}
		if (!sums && holds_sums(fs, change->block))
			continue;
		int error = cache_get(fs->cache, change->block, 0, &buffer);

		if (error)
			return error;
		for (uint32_t k = 0; k < fs->block_bytes; k++)
			buffer->bytes[k] ^= change->old[k] ^ change->bytes[k];
		cache_drop(buffer);
	}
	for (uint32_t i = 0; i < fs->group_count; i++) {
		fs->groups[i].free_blocks -= (uint32_t)r->taken[i];
		fs->groups[i].changed |= r->taken[i] != 0 && !sums;
		if (r->taken[i] < 0)
			fs->space->group[i].first_free = 0; // a hint
	}
	fs->free_blocks -= (uint64_t)r->taken_blocks;
	note_map(&fs->super, &r->inode);
	return sums ? 0 : super_stage(fs);
}

static int commit_changes(struct resizing *r, bool pending)
{
	struct log *log = r->log;
	struct transaction transaction = {
		.length = log->length,
		.each = each_change,
		.home = changes_home,
		.context = r,
	};
	bool decided;
	int error = change_inode(r);

	if (!error)
		error = change_sums(r);
	if (!error)
		error = write_changes(r, true);
	if (!error)
		error = change_cache(r, !pending);
	if (!error)
		error = journal_pass(r->fs, &transaction, &decided);
	if (error)
		return error;
	log->inode = r->inode;
	log->inode_blocks = r->inode_blocks;
	for (int i = 0; i < LOG_DEEPEST; i++)
		log->node[i].block = 0;
	return 0;
}

// ## For journal.c

int journal_room(struct ext2 *fs, unsigned kinds, uint32_t *length)
{
	const struct log *log = &fs->journal->log;
	uint64_t dirty = cache_dirty_count(fs->cache, kinds);
	struct resizing r;

	*length = log->length;
	if (journal_need(log, dirty) <= log->length)
		return 0;
	// Descriptors of groups from which blocks are taken join what is dirty.
	uint64_t need = journal_need(log, dirty + fs->desc_blocks + 1);

	if (need > LOG_LONGEST)
		return -EFBIG;
	*length = (uint32_t)need;
	if (need <= log->inode_blocks)
		return 0;
	int error = resizing_begin(fs, &r);

	while (!error && r.inode_blocks < need)
		error = append(&r);
	if (!error)
		error = commit_changes(&r, true);
	resizing_end(&r);
	return error;
}

int journal_shrink(struct ext2 *fs)
{
	struct resizing r;
	int error = resizing_begin(fs, &r);

	if (!error)
		error = cut_all(&r, fs->journal->log.length);
	if (!error)
		error = commit_changes(&r, false);
	resizing_end(&r);
	return error;
}
