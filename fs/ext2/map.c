// map.c - which block of the disk holds which block of a file
//
// The inode has room for 15 pointers. Twelve point at data. The other three are
// the roots of trees of height one, two and three, whose nodes are blocks full of
// pointers (P = block bytes / 4 of them), and whose leaves are data:
//
//     i_block   0 .. 11   12          13              14
//               │     │   │           │               │
//               data  data single ─┐  double ─┐       triple ─┐
//                         P data ◄─┘  P single ◄─┘    P double ◄─┘
//
// so that block n of a file is found after at most three more reads, and small
// files, which most are, need none. A pointer that is 0 is a hole: of one block,
// or at a root or an inner node of all that it would have mapped.
//
// ## Reading
//
// map_descend() goes from the inode to the array of pointers that holds that of a
// block: the inode's own, or a block of level 1. ext2_run_at() reads on in that
// array, and in the next ones, while the pointers count up: a caller sees runs and
// not blocks, and one pread(2) fetches megabytes.
//
// ## Hostile maps
//
// A pointer outside the image, or at a node that is already on the path, is
// -EUCLEAN. A tree is at most three high, so that no path is endless; but one
// block can stand in a million places, and a walk would go through each. There are
// no more blocks than the image has: a walk that has met more says -EUCLEAN.
//
// Source: Card, Ts'o, Tweedie 1994; Documentation/filesystems/ext4/blockmap.rst.

#include "fs/ext2/map.h"

#include <errno.h>
#include <string.h>

enum { LEAVES_A_RUN = 64 }; // arrays of pointers that one run is made from

// ## The shape

// The pointer of the inode that leads to `logical`, its level, and the first block
// that it maps. -EFBIG: none does.
static int root_of(const struct ext2 *fs, uint64_t logical, int *slot,
		   int *level, uint64_t *first)
{
	if (logical < BLOCKS_DIRECT) {
		*slot = (int)logical;
		*level = 0;
		*first = logical;
		return 0;
	}
	*first = BLOCKS_DIRECT;
	for (*level = 1; *level <= 3; ++*level) {
		*slot = BLOCK_SINGLE + *level - 1;
		if (logical - *first < span_of(fs, *level))
			return 0;
		*first += span_of(fs, *level);
	}
	return -EFBIG;
}

uint64_t map_nodes_for(const struct ext2 *fs, int level, uint64_t from,
		       uint64_t end)
{
	uint64_t nodes = 0;

	for (; level > 0; level--) {
		unsigned bits = (unsigned)level * pointer_bits(fs);

		nodes += ((end - 1) >> bits) - (from >> bits) + 1;
	}
	return nodes;
}

// Nodes of the map of a file with so many blocks and no hole.
static uint64_t nodes_of(const struct ext2 *fs, uint64_t blocks)
{
	uint64_t nodes = 0, first = BLOCKS_DIRECT;

	for (int level = 1; level <= 3 && blocks > first; level++) {
		uint64_t span = span_of(fs, level), n = blocks - first;

		nodes += map_nodes_for(fs, level, 0, n < span ? n : span);
		first += span;
	}
	return nodes;
}

// As the kernel has it: what the pointers reach; but i_blocks of a file without
// holes must fit its 32 bits, in units of 512 bytes.
uint64_t map_limit(const struct ext2 *fs)
{
	uint64_t most = UINT32_MAX >> (fs->block_bits - 9);
	uint64_t reach = BLOCKS_DIRECT + span_of(fs, 1) + span_of(fs, 2) +
			 span_of(fs, 3);

	return reach + nodes_of(fs, reach) <= most ? reach
						   : most - nodes_of(fs, most);
}

uint64_t inode_file_blocks(const struct ext2 *fs,
			   const struct ext2_inode *inode)
{
	uint64_t mask = fs->block_bytes - 1;

	return (inode->size >> fs->block_bits) + ((inode->size & mask) != 0);
}

bool inode_has_map(const struct ext2_inode *inode)
{
	if (inode->flags & INODE_INLINE_DATA)
		return false;
	if (S_ISLNK(inode->mode))
		return inode->size >= SYMLINK_INSIDE ||
		       (inode->flags & INODE_EXTENTS) ||
		       (inode->sectors && !inode->xattr_block);
	return S_ISREG(inode->mode) || S_ISDIR(inode->mode) ||
	       !(inode->mode & S_IFMT);
}

// ## From the inode to a pointer

static int make_node(struct ext2 *fs, struct ext2_inode *inode,
		     struct supply *supply, struct buffer **node)
{
	uint64_t block;
	uint32_t got;
	int error = supply_take(fs, supply, 1, &block, &got);

	if (error)
		return error;
	error = cache_get(fs->cache, block, CACHE_ZERO, node);
	if (error) {
		content_give_back(fs, block, 1);
		return error;
	}
	cache_dirty(fs->cache, *node, BLOCK_NEW);
	inode->sectors += fs->block_bytes / 512;
	return 0;
}

int map_descend(struct ext2 *fs, const struct ext2_inode *const_inode,
		uint64_t logical, struct supply *supply, struct place *place)
{
	struct ext2_inode *inode = (struct ext2_inode *)const_inode;
	uint64_t path[3], first;
	int slot, level;
	int error = root_of(fs, logical, &slot, &level, &first);

	*place = (struct place){ 0 };
	if (error)
		return error;
	place->slots = (le32 *)inode->block;
	place->index = (uint32_t)slot;
	place->room = level ? 1 : BLOCKS_DIRECT - (uint32_t)slot;

	uint64_t within = logical - first;

	for (int depth = 0; level > 0; depth++) {
		le32 *pointer = place->slots + place->index;
		uint64_t block = get32(*pointer);
		struct buffer *node;

		if (!block && !supply) {
			cache_drop(place->buffer);
			place->buffer = NULL;
			place->slots = NULL;
			place->absent = span_of(fs, level) -
					(within & (span_of(fs, level) - 1));
			return 0;
		}
		if (block) {
			error = block_is_data(fs, block) ? 0 : -EUCLEAN;
			for (int i = 0; i < depth; i++)
				if (path[i] == block)
					error = -EUCLEAN;
			if (!error)
				error = cache_get(fs->cache, block, 0, &node);
		} else {
			error = make_node(fs, inode, supply, &node);
			if (!error) {
				*pointer = put32((uint32_t)node->block);
				if (place->buffer)
					cache_dirty(fs->cache, place->buffer,
						    BLOCK_MAP);
			}
		}
		cache_drop(place->buffer);
		place->buffer = NULL;
		if (error)
			return error;
		path[depth] = node->block;
		level--;
		place->buffer = node;
		place->slots = (le32 *)node->bytes;
		place->index = (uint32_t)(within >>
					  (level * (int)pointer_bits(fs))) &
			       (fs->pointers - 1);
		place->room = fs->pointers - place->index;
	}
	return 0;
}

// ## Runs

// How many pointers count up from the first; holes are all 0.
static uint32_t alike(const le32 *slots, uint32_t n, uint64_t value)
{
	uint32_t i = 0;

	if (!value)
		while (i < n && !get32(slots[i]))
			i++;
	else
		while (i < n && get32(slots[i]) == value + i)
			i++;
	return i;
}

static int map_run_at(struct ext2 *fs, const struct ext2_inode *inode,
		      uint64_t logical, uint64_t end, struct ext2_run *run)
{
	for (int leaves = 0; leaves < LEAVES_A_RUN; leaves++) {
		uint64_t at = logical + run->blocks;
		struct place place;

		if (at >= end)
			break;

		int error = map_descend(fs, inode, at, NULL, &place);

		if (error == -EFBIG) { // the size says more than the map can
			if (!run->physical)
				run->blocks = end - logical;
			break;
		}
		if (error && run->blocks)
			break; // who asks for what follows will be told
		if (error)
			return error;
		if (!place.slots) {
			if (run->physical)
				break;
			run->blocks += place.absent;
			continue;
		}

		const le32 *slots = place.slots + place.index;
		uint32_t room = place.room;

		if (!run->blocks)
			run->physical = get32(slots[0]);

		uint32_t same =
			alike(slots, room,
			      run->physical ? run->physical + run->blocks : 0);

		cache_drop(place.buffer);
		run->blocks += same;
		if (same < room)
			break;
	}
	if (run->blocks > end - logical)
		run->blocks = end - logical;
	if (run->physical) {
		if (!block_is_data(fs, run->physical))
			return -EUCLEAN;
		if (run->blocks > fs->blocks - run->physical)
			run->blocks = fs->blocks - run->physical;
	}
	return 0;
}

int ext2_run_at(struct ext2 *fs, const struct ext2_inode *inode,
		uint64_t logical, struct ext2_run *run)
{
	uint64_t end = inode_file_blocks(fs, inode);

	*run = (struct ext2_run){ .logical = logical };
	if (logical >= end || !inode_has_map(inode))
		return 0;
	return inode->flags & INODE_EXTENTS
		       ? extent_run_at(fs, inode, logical, end, run)
		       : map_run_at(fs, inode, logical, end, run);
}

// ## Telling

struct teller {
	struct ext2 *fs;
	int (*each)(void *context, const struct ext2_map_block *);
	void *context;
	uint64_t met;
	uint64_t path[3];
};

static int tell_tree(struct teller *t, uint64_t block, int level,
		     uint64_t logical, int depth)
{
	struct buffer *node;
	int error;

	if (!level || !block)
		return 0;
	if (!block_is_data(t->fs, block) || ++t->met > t->fs->blocks)
		return -EUCLEAN;
	for (int i = 0; i < depth; i++)
		if (t->path[i] == block)
			return -EUCLEAN;
	t->path[depth] = block;
	error = t->each(t->context,
			&(struct ext2_map_block){ block, level, logical });
	if (error || level == 1)
		return error;
	error = cache_get(t->fs->cache, block, 0, &node);
	if (error)
		return error;
	for (uint32_t i = 0; !error && i < t->fs->pointers; i++)
		error = tell_tree(t, get32(((const le32 *)node->bytes)[i]),
				  level - 1,
				  logical + i * span_of(t->fs, level - 1),
				  depth + 1);
	cache_drop(node);
	return error;
}

int ext2_map_blocks(struct ext2 *fs, const struct ext2_inode *inode,
		    int (*each)(void *context, const struct ext2_map_block *),
		    void *context)
{
	const le32 *slots = (const le32 *)inode->block;
	struct teller t = { .fs = fs, .each = each, .context = context };
	uint64_t first = BLOCKS_DIRECT;
	int error = 0;

	if (!inode_has_map(inode))
		return 0;
	if (inode->flags & INODE_EXTENTS)
		return extent_map_blocks(fs, inode, each, context);
	for (int level = 1; !error && level <= 3; level++) {
		error = tell_tree(&t, get32(slots[BLOCK_SINGLE + level - 1]),
				  level, first, 0);
		first += span_of(fs, level);
	}
	return error;
}

int ext2_map_path(struct ext2 *fs, const struct ext2_inode *inode,
		  uint64_t logical, struct ext2_map_step step[8])
{
	int slot, level, steps = 0, error;
	uint64_t first;

	memset(step, 0, 8 * sizeof(step[0]));
	if (!inode_has_map(inode))
		return -EINVAL;
	if (inode->flags & INODE_EXTENTS)
		return extent_map_path(fs, inode, logical, step);
	error = root_of(fs, logical, &slot, &level, &first);
	if (!error)
		error = ext2_inode_place(fs, inode->ino, &step[0].holder,
					 &step[0].offset);
	if (error)
		return error;
	step[0].offset += (uint32_t)(offsetof(struct disk_inode, i_block) +
				     (size_t)slot * sizeof(le32));
	step[0].value = get32(((const le32 *)inode->block)[slot]);
	while (level-- > 0 && step[steps].value) {
		uint64_t index = (logical - first) >>
				 (level * (int)pointer_bits(fs));
		uint32_t at = (uint32_t)(index & (fs->pointers - 1));
		uint64_t block = step[steps].value;
		struct buffer *node;

		for (int i = 1; i <= steps; i++)
			if (step[i].holder == block)
				return -EUCLEAN;
		if (!block_is_data(fs, block))
			return -EUCLEAN;
		error = cache_get(fs->cache, block, 0, &node);
		if (error)
			return error;
		step[++steps] = (struct ext2_map_step){
			.holder = block,
			.offset = at * (uint32_t)sizeof(le32),
			.value = get32(((const le32 *)node->bytes)[at]),
		};
		cache_drop(node);
	}
	return steps + 1;
}
