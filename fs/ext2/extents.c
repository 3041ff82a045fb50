// extents.c - ext4's way to say where a file is; read only
//
// An extent is a run: first block of the file, first block of the disk, length.
// The inode's 60 bytes of i_block hold a header and four of them. When a file has
// more pieces, they hold indexes of blocks with further extents, up to five deep:
//
//     i_block   header depth 1 │ index 0 ─┐ │ index 900 ─┐
//     block            header depth 0 │ extent │ ...     header depth 0 │ extent ...
//
// Entries rise by block of the file; what no extent names is a hole. An extent with
// more than 32768 as its length was given room but never written: its length is
// what is above, and it reads as zeros.
//
// Nothing in such a node is trusted: its count must fit the room that there is, the
// depth must go down by one from node to node (so that no path is endless), entries
// must rise, and what an extent names must lie in the image. Checksums of ext4 are
// not looked at: who only reads can show what is there.
//
// Source: Documentation/filesystems/ext4/ifork.rst, "Extent Tree".

#include "fs/ext2/content.h"

#include <errno.h>
#include <string.h>

enum { DEPTH_MOST = 5, ENTRY_BYTES = 12 };

struct node {
	struct buffer *buffer; // NULL: the inode's i_block
	const uint8_t *bytes;
	uint32_t entries;
	int depth;
};

static const struct disk_extent *leaf_of(const struct node *node, uint32_t i)
{
	return (const struct disk_extent *)(node->bytes +
					    ENTRY_BYTES * (i + 1));
}

static const struct disk_extent_index *index_of(const struct node *node,
						uint32_t i)
{
	return (const struct disk_extent_index *)(node->bytes +
						  ENTRY_BYTES * (i + 1));
}

static uint64_t first_of(const struct node *node, uint32_t i)
{
	return get32(leaf_of(node, i)->ee_block); // an index begins alike
}

static uint64_t child_of(const struct node *node, uint32_t i)
{
	const struct disk_extent_index *index = index_of(node, i);

	return (uint64_t)get16(index->ei_leaf_hi) << 32 |
	       get32(index->ei_leaf_lo);
}

static uint32_t length_of(const struct node *node, uint32_t i)
{
	uint32_t length = get16(leaf_of(node, i)->ee_len);

	return length > EXTENT_LONGEST ? length - EXTENT_LONGEST : length;
}

static uint64_t start_of(const struct node *node, uint32_t i)
{
	const struct disk_extent *extent = leaf_of(node, i);

	return (uint64_t)get16(extent->ee_start_hi) << 32 |
	       get32(extent->ee_start_lo);
}

static bool entry_is_sound(const struct ext2 *fs, const struct node *node,
			   uint32_t i)
{
	uint64_t start;

	if (i && first_of(node, i) <= first_of(node, i - 1))
		return false;
	if (node->depth)
		return block_is_data(fs, child_of(node, i));
	start = start_of(node, i);
	if (!length_of(node, i) || !block_is_data(fs, start) ||
	    length_of(node, i) > fs->blocks - start)
		return false;
	return !i || first_of(node, i) - first_of(node, i - 1) >=
			     length_of(node, i - 1);
}

// depth -1: the inode's, which may be any.
static int node_check(const struct ext2 *fs, struct node *node, uint32_t room,
		      int depth)
{
	const struct disk_extent_header *header =
		(const struct disk_extent_header *)node->bytes;
	uint32_t entries = get16(header->eh_entries);

	node->depth = get16(header->eh_depth);
	node->entries = entries;
	if (get16(header->eh_magic) != EXTENT_MAGIC ||
	    entries > get16(header->eh_max) ||
	    get16(header->eh_max) > room / ENTRY_BYTES - 1 ||
	    (depth < 0 ? node->depth > DEPTH_MOST : node->depth != depth))
		return -EUCLEAN;
	for (uint32_t i = 0; i < entries; i++)
		if (!entry_is_sound(fs, node, i))
			return -EUCLEAN;
	return 0;
}

static int node_root(const struct ext2 *fs, const struct ext2_inode *inode,
		     struct node *node)
{
	*node = (struct node){ .bytes = inode->block };
	return node_check(fs, node, sizeof(inode->block), -1);
}

static int node_child(struct ext2 *fs, uint64_t block, int depth,
		      struct node *node)
{
	int error;

	*node = (struct node){ 0 };
	error = cache_get(fs->cache, block, 0, &node->buffer);
	if (error)
		return error;
	node->bytes = node->buffer->bytes;
	error = node_check(fs, node, fs->block_bytes, depth);
	if (error) {
		cache_drop(node->buffer);
		node->buffer = NULL;
	}
	return error;
}

// The last entry that begins at or before `logical`; entries: there is none.
static uint32_t entry_for(const struct node *node, uint64_t logical)
{
	uint32_t low = 0, high = node->entries;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (first_of(node, middle) <= logical)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : node->entries;
}

// What a tree says of a block: the extent that holds it, or until where nothing
// does. The leaf's parents know what comes after it.
int extent_run_at(struct ext2 *fs, const struct ext2_inode *inode,
		  uint64_t logical, uint64_t end, struct ext2_run *run)
{
	struct node node;
	uint64_t next = end;
	int error = node_root(fs, inode, &node);

	while (!error) {
		uint32_t i = entry_for(&node, logical);
		uint32_t after = i == node.entries ? 0 : i + 1;

		if (after < node.entries && first_of(&node, after) < next)
			next = first_of(&node, after);
		if (i == node.entries)
			break;
		if (!node.depth) {
			uint64_t within = logical - first_of(&node, i);
			uint32_t length = length_of(&node, i);

			if (within < length) {
				run->physical = start_of(&node, i) + within;
				run->unwritten =
					get16(leaf_of(&node, i)->ee_len) >
					EXTENT_LONGEST;
				if (logical + length - within < next)
					next = logical + length - within;
			}
			break;
		}

		uint64_t child = child_of(&node, i);
		int depth = node.depth - 1;

		cache_drop(node.buffer);
		error = node_child(fs, child, depth, &node);
	}
	cache_drop(node.buffer);
	if (!error)
		run->blocks = next - logical;
	return error;
}

struct extent_teller {
	struct ext2 *fs;
	int (*each)(void *context, const struct ext2_map_block *);
	void *context;
	uint64_t met;
};

static int tell_node(struct extent_teller *t, const struct node *node)
{
	int error = 0;

	if (!node->depth)
		return 0;
	for (uint32_t i = 0; !error && i < node->entries; i++) {
		uint64_t block = child_of(node, i);
		struct node child;

		if (++t->met > t->fs->blocks)
			return -EUCLEAN;
		error = t->each(t->context,
				&(struct ext2_map_block){ block, node->depth,
							  first_of(node, i) });
		if (error)
			return error;
		error = node_child(t->fs, block, node->depth - 1, &child);
		if (error)
			return error;
		error = tell_node(t, &child);
		cache_drop(child.buffer);
	}
	return error;
}

int extent_map_blocks(struct ext2 *fs, const struct ext2_inode *inode,
		      int (*each)(void *context, const struct ext2_map_block *),
		      void *context)
{
	struct extent_teller t = { .fs = fs, .each = each, .context = context };
	struct node node;
	int error = node_root(fs, inode, &node);

	return error ? error : tell_node(&t, &node);
}

int extent_map_path(struct ext2 *fs, const struct ext2_inode *inode,
		    uint64_t logical, struct ext2_map_step step[8])
{
	struct node node;
	int steps = 0;
	int error = ext2_inode_place(fs, inode->ino, &step[0].holder,
				     &step[0].offset);

	if (error)
		return error;
	step[0].offset += (uint32_t)offsetof(struct disk_inode, i_block);
	error = node_root(fs, inode, &node);
	while (!error) {
		uint32_t i = entry_for(&node, logical);
		struct ext2_map_step *at = &step[steps++];
		uint64_t child;
		int depth = node.depth - 1;

		if (i == node.entries)
			break;
		at->offset += ENTRY_BYTES * (i + 1);
		if (!node.depth) {
			uint64_t within = logical - first_of(&node, i);

			if (within < length_of(&node, i))
				at->value = start_of(&node, i) + within;
			break;
		}
		child = child_of(&node, i);
		at->value = child;
		step[steps].holder = child;
		cache_drop(node.buffer);
		error = node_child(fs, child, depth, &node);
	}
	cache_drop(node.buffer);
	return error ? error : steps;
}
