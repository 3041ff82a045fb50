// map_change.c - giving a file other blocks
//
// A pointer is set in the array that map_descend() finds (see map.c), which makes
// the missing nodes on the way. A node that the last commit held is changed in the
// cache as BLOCK_MAP. A new one is BLOCK_NEW, and lies just before the data it
// maps, as the kernel has it too: then a reader meets it where the disk's head
// already is.
//
// Taking away is a walk over the tree: first dry, which only looks whether every
// pointer is one, then for good. So a map that is broken is left alone. (A device
// that fails in the second walk leaves pointers at free blocks: then the
// transaction can only be given up.) A node of which nothing is left goes, too.

#include "fs/ext2/map.h"

#include <errno.h>
#include <string.h>

// ## Supplies

int supply_take(struct ext2 *fs, struct supply *supply, uint32_t most,
		uint64_t *first, uint32_t *got)
{
	if (!supply->left) {
		uint64_t want = supply->want > most ? supply->want : most;
		int error = blocks_allocate(fs, supply->goal,
					    want > UINT32_MAX ? UINT32_MAX
							      : (uint32_t)want,
					    &supply->next, &supply->left);

		if (error) {
			supply->left = 0;
			return error;
		}
	}
	*first = supply->next;
	*got = most < supply->left ? most : supply->left;
	supply->next += *got;
	supply->left -= *got;
	supply->goal = supply->next;
	supply->want -= supply->want < *got ? supply->want : *got;
	return 0;
}

void content_give_back(struct ext2 *fs, uint64_t first, uint32_t count)
{
	if (blocks_free(fs, first, count))
		fs->failed = true;
}

void supply_end(struct ext2 *fs, struct supply *supply)
{
	content_give_back(fs, supply->next, supply->left);
	supply->left = 0;
}

// ## What a write needs

struct range {
	uint64_t from, end; // of the file
};

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct need {
	uint64_t data, nodes;
};

// `slots` are n pointers of this level, the first of which maps from `first` on.
static int count_need(struct ext2 *fs, const le32 *slots, uint32_t n, int level,
		      uint64_t first, struct range range, struct need *need)
{
	uint64_t span = span_of(fs, level);
	uint64_t i = range.from > first ? (range.from - first) / span : 0;

	for (; i < n && first + i * span < range.end; i++) {
		uint64_t block = get32(slots[i]), start = first + i * span;
		struct buffer *node;

		if (block && !block_is_data(fs, block))
			return -EUCLEAN;
		if (!level) {
			need->data += !block || !block_is_new(fs, block);
			continue;
		}

		uint64_t from = larger(range.from, start) - start;
		uint64_t end = smaller(range.end, start + span) - start;

		if (!block) {
			need->data += end - from;
			need->nodes += map_nodes_for(fs, level, from, end);
			continue;
		}

		int error = cache_get(fs->cache, block, 0, &node);

		if (error)
			return error;
		error = count_need(fs, (const le32 *)node->bytes, fs->pointers,
				   level - 1, start, range, need);
		cache_drop(node);
		if (error)
			return error;
	}
	return 0;
}

static int need_of(struct ext2 *fs, const struct ext2_inode *inode,
		   struct range range, struct need *need)
{
	const le32 *slots = (const le32 *)inode->block;
	uint64_t first = BLOCKS_DIRECT;
	int error;

	*need = (struct need){ 0 };
	error = count_need(fs, slots, BLOCKS_DIRECT, 0, 0, range, need);
	for (int level = 1; !error && level <= 3; level++) {
		uint64_t end = first + span_of(fs, level);

		if (range.end > first && range.from < end)
			error = count_need(fs, slots + BLOCK_SINGLE + level - 1,
					   1, level, first, range, need);
		first = end;
	}
	return error;
}

int map_need(struct ext2 *fs, const struct ext2_inode *inode, uint64_t from,
	     uint64_t end, uint64_t *blocks)
{
	struct need need;
	int error = need_of(fs, inode, (struct range){ from, end }, &need);

	*blocks = need.data + need.nodes;
	return error;
}

// ## Taking away

struct cutter {
	struct ext2 *fs;
	struct ext2_inode *inode;
	struct range range;
	bool dry;
	uint64_t met;
	uint64_t run, run_blocks; // to be freed
};

static int free_run(struct cutter *c)
{
	uint64_t first = c->run, blocks = c->run_blocks;
	uint64_t sectors = blocks * (c->fs->block_bytes / 512);
	int error;

	if (!blocks)
		return 0;
	c->run_blocks = 0;
	c->inode->sectors -= smaller(sectors, c->inode->sectors);
	error = content_settle(c->fs, first, blocks);
	if (!error)
		error = blocks_free(c->fs, first, (uint32_t)blocks);
	if (error)
		c->fs->failed = true;
	return error;
}

static int release(struct cutter *c, uint64_t block)
{
	if (!block_is_data(c->fs, block) || ++c->met > c->fs->blocks)
		return -EUCLEAN;
	if (c->dry)
		return 0;
	if (c->run_blocks && block == c->run + c->run_blocks) {
		c->run_blocks++;
		return 0;
	}

	int error = free_run(c);

	c->run = block;
	c->run_blocks = 1;
	return error;
}

// A pointer with all below it. The nodes stay as they are: until the commit the
// inode on the disk leads through them.
static int release_tree(struct cutter *c, uint64_t block, int level)
{
	struct buffer *node;
	int error;

	if (!level)
		return release(c, block);
	error = release(c, block);
	if (!error)
		error = cache_get(c->fs->cache, block, 0, &node);
	if (error)
		return error;
	for (uint32_t i = 0; !error && i < c->fs->pointers; i++) {
		uint64_t below = get32(((const le32 *)node->bytes)[i]);

		if (below)
			error = release_tree(c, below, level - 1);
	}
	cache_drop(node);
	if (!error && !c->dry)
		cache_forget(c->fs->cache, block);
	return error;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, n - 1);
}

static int cut_slots(struct cutter *c, le32 *slots, uint32_t n, int level,
		     uint64_t first, bool *changed);

// A node of which only a part goes; unless nothing is left of it.
static int cut_node(struct cutter *c, le32 *pointer, int level, uint64_t first,
		    bool *changed)
{
	uint64_t block = get32(*pointer);
	struct buffer *node;
	bool below = false, empty;
	int error;

	if (!block_is_data(c->fs, block) || ++c->met > c->fs->blocks)
		return -EUCLEAN;
	error = cache_get(c->fs->cache, block, 0, &node);
	if (error)
		return error;
	error = cut_slots(c, (le32 *)node->bytes, c->fs->pointers, level - 1,
			  first, &below);
	empty = all_zero(node->bytes, c->fs->block_bytes);
	if (below)
		cache_dirty(c->fs->cache, node, BLOCK_MAP);
	cache_drop(node);
	if (error || !below || !empty)
		return error;
	*pointer = put32(0);
	*changed = true;
	error = release(c, block);
	cache_forget(c->fs->cache, block);
	return error;
}

static int cut_slots(struct cutter *c, le32 *slots, uint32_t n, int level,
		     uint64_t first, bool *changed)
{
	uint64_t span = span_of(c->fs, level);
	uint64_t from = c->range.from, end = c->range.end;
	uint64_t i = from > first ? (from - first) / span : 0;

	for (; i < n && first + i * span < end; i++) {
		uint64_t block = get32(slots[i]), start = first + i * span;
		int error;

		if (!block)
			continue;
		if (start < from || start + span > end) {
			error = cut_node(c, slots + i, level, start, changed);
		} else {
			error = release_tree(c, block, level);
			if (!error && !c->dry) {
				slots[i] = put32(0);
				*changed = true;
			}
		}
		if (error)
			return error;
	}
	return 0;
}

static int cut_once(struct cutter *c)
{
	le32 *slots = (le32 *)c->inode->block;
	uint64_t first = BLOCKS_DIRECT;
	bool changed = false;
	int error = cut_slots(c, slots, BLOCKS_DIRECT, 0, 0, &changed);

	for (int level = 1; !error && level <= 3; level++) {
		error = cut_slots(c, slots + BLOCK_SINGLE + level - 1, 1, level,
				  first, &changed);
		first += span_of(c->fs, level);
	}

	int end = free_run(c);

	return error ? error : end;
}

static int cut(struct ext2 *fs, struct ext2_inode *inode, uint64_t from,
	       uint64_t end)
{
	struct cutter c = {
		.fs = fs,
		.inode = inode,
		.range = { from, end },
		.dry = true,
	};
	int error;

	if (!inode_has_map(inode) || from >= end)
		return 0;
	if (inode->flags & INODE_EXTENTS)
		return -ENOTSUP;
	error = cut_once(&c);
	c.dry = false;
	c.met = 0;
	if (!error) {
		error = cut_once(&c);
		if (error)
			fs->failed = true;
	}
	return error;
}

int map_cut(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical)
{
	return cut(fs, inode, logical, UINT64_MAX);
}

// ## Setting

int map_prepare(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical,
		struct supply *supply, uint64_t *room)
{
	struct place place;
	int error = map_descend(fs, inode, logical, supply, &place);

	if (!error) {
		*room = place.room;
		cache_drop(place.buffer);
	}
	return error;
}

static int set_slots(struct ext2 *fs, struct ext2_inode *inode, le32 *slots,
		     uint64_t physical, uint32_t n)
{
	struct cutter c = {
		.fs = fs,
		.inode = inode,
	};
	int error = 0;

	for (uint32_t i = 0; !error && i < n; i++) {
		uint64_t old = get32(slots[i]);

		if (old == physical + i)
			continue;
		if (old)
			error = release(&c, old);
		if (!error) {
			slots[i] = put32((uint32_t)(physical + i));
			inode->sectors += fs->block_bytes / 512;
		}
	}

	int end = free_run(&c);

	return error ? error : end;
}

int map_put(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical,
	    uint64_t physical, uint64_t blocks, struct supply *supply)
{
	int error = 0;

	while (!error && blocks) {
		struct place place;

		error = map_descend(fs, inode, logical, supply, &place);
		if (error)
			break;

		uint32_t n = (uint32_t)smaller(blocks, place.room);

		error = set_slots(fs, inode, place.slots + place.index,
				  physical, n);
		if (place.buffer)
			cache_dirty(fs->cache, place.buffer, BLOCK_MAP);
		cache_drop(place.buffer);
		logical += n;
		physical += n;
		blocks -= n;
	}
	return error;
}

int map_set(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical,
	    uint64_t physical, uint64_t blocks)
{
	struct supply supply = { .goal = physical + blocks };
	struct range range = { logical, logical + blocks };
	struct need need;
	int error;

	if (inode->flags & INODE_EXTENTS)
		return -ENOTSUP;
	if (blocks > map_limit(fs) || logical > map_limit(fs) - blocks)
		return -EFBIG;
	if (!physical)
		return cut(fs, inode, range.from, range.end);
	if (!block_is_data(fs, physical) || blocks > fs->blocks - physical)
		return -EINVAL;
	error = need_of(fs, inode, range, &need);
	if (!error && need.nodes > fs->free_blocks)
		error = -ENOSPC;
	if (error)
		return error;
	supply.want = need.nodes;
	error = map_put(fs, inode, logical, physical, blocks, &supply);
	supply_end(fs, &supply);
	return error;
}
