// htree_split.c - the index of a large directory: room for a name
//
// A name goes into the leaf that the index says. If that is full,
//
//     1  its names are put together, when holes were all that was missing; else
//     2  they are sorted by hash, the upper half goes into a new leaf at the end of
//        the directory, and the node above gets an entry for it;
//     3  before that, if the node is full: half of its entries go into a new node;
//        if it is the root that is full, all of them, and the index has one level
//        more.
//
// The new blocks are there before anything is changed: a full image leaves the
// directory as it was. A root and nodes that are all full (4 KiB blocks: 259,588
// leaves; 1 KiB: 15,748) take no more; the directory then goes on without index.

#include "fs/ext2/htree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Where 2 blocks that are to be split come from: frames of a path point into
// pinned buffers, so they stay valid.
enum { SPLITS_MOST = 16, LEVELS_WRITTEN = 2 };

struct leaf_name {
	uint32_t hash, offset, bytes;
};

struct leaf {
	struct buffer *buffer;
	uint8_t *copy; // as it was
	struct leaf_name *name;
	uint32_t count, bytes;
};

static int by_hash(const void *a, const void *b)
{
	const struct leaf_name *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static void leaf_end(struct leaf *leaf)
{
	free(leaf->copy);
	free(leaf->name);
	cache_drop(leaf->buffer);
}

// The names of a leaf, sorted.
static int leaf_begin(struct ext2 *fs, const struct ext2_inode *inode,
		      uint64_t logical, int version, struct leaf *leaf)
{
	uint32_t rec_len;
	int error = dir_get(fs, inode, logical, &leaf->buffer);

	if (error)
		return error;
	leaf->copy = malloc(fs->block_bytes);
	leaf->name = calloc(fs->block_bytes / ENTRY_LEAST, sizeof *leaf->name);
	leaf->count = leaf->bytes = 0;
	if (!leaf->copy || !leaf->name)
		return -ENOMEM;
	memcpy(leaf->copy, leaf->buffer->bytes, fs->block_bytes);
	for (uint32_t at = 0; at < fs->block_bytes; at += rec_len) {
		const struct disk_entry *entry = entry_at(fs, leaf->copy, at,
							  &rec_len);
		struct leaf_name *name = &leaf->name[leaf->count];

		if (!entry)
			return -EUCLEAN;
		if (get32(entry->inode) == 0)
			continue;
		name->offset = at;
		name->bytes = entry_used(entry);
		error = name_hash(fs, version, (const char *)entry->name,
				  entry->name_len, &name->hash, NULL);
		if (error)
			return -EUCLEAN;
		leaf->bytes += name->bytes;
		leaf->count++;
	}
	qsort(leaf->name, leaf->count, sizeof *leaf->name, by_hash);
	return 0;
}

// Names [from, end) make up a block.
static void leaf_write(struct ext2 *fs, const struct leaf *leaf, uint32_t from,
		       uint32_t end, struct buffer *buffer)
{
	struct disk_entry *last = NULL;
	uint32_t at = 0;

	block_empty(fs, buffer->bytes);
	for (uint32_t i = from; i < end; i++) {
		last = (struct disk_entry *)(buffer->bytes + at);
		memcpy(last, leaf->copy + leaf->name[i].offset,
		       leaf->name[i].bytes);
		entry_set_length(last, leaf->name[i].bytes);
		at += leaf->name[i].bytes;
	}
	if (last)
		entry_set_length(last, fs->block_bytes - at +
					       leaf->name[end - 1].bytes);
	cache_dirty(fs->cache, buffer, BLOCK_DIRECTORY);
}

// ## Nodes

static void frame_changed(struct ext2 *fs, struct htree_frame *frame)
{
	frame_limit(frame)->limit = put16(frame->limit);
	frame_limit(frame)->count = put16(frame->count);
	cache_dirty(fs->cache, frame->buffer, BLOCK_DIRECTORY);
}

// A new one behind the one that the way leads over.
static void frame_insert(struct ext2 *fs, struct htree_frame *frame,
			 uint32_t hash, uint64_t block)
{
	struct disk_htree_entry *at = &frame->entry[frame->at + 1];

	memmove(at + 1, at, (frame->count - frame->at - 1) * sizeof *at);
	*at = (struct disk_htree_entry){ put32(hash), put32((uint32_t)block) };
	frame->count++;
	frame_changed(fs, frame);
}

static int new_node(struct ext2 *fs, const struct ext2_inode *inode,
		    uint64_t logical, struct htree_frame *frame)
{
	int error = dir_get(fs, inode, logical, &frame->buffer);

	if (error)
		return error;
	block_empty(fs, frame->buffer->bytes);
	frame->entry = (struct disk_htree_entry *)(frame->buffer->bytes +
						   HTREE_NODE_HEAD);
	frame->limit = htree_limit(fs, false);
	frame->count = 0;
	frame->at = 0;
	return 0;
}

// Entries [from, count) of one node become those of an empty one.
static void move_entries(struct htree_frame *to, struct htree_frame *from,
			 uint32_t begin)
{
	to->count = from->count - begin;
	memcpy(to->entry, from->entry + begin, to->count * sizeof *from->entry);
	from->count = begin;
}

// The root is full: its entries go one level down.
static int deepen(struct ext2 *fs, const struct ext2_inode *inode,
		  struct htree_path *path, uint64_t logical)
{
	struct htree_frame *root = &path->frame[0], *node = &path->frame[1];
	int error = new_node(fs, inode, logical, node);

	if (error)
		return error;
	path->frames = 2;
	move_entries(node, root, 0);
	node->at = root->at;
	root->at = 0;
	root->count = 1;
	root->entry[0].block = put32((uint32_t)logical);
	htree_info(root->buffer->bytes)->indirect_levels = 1;
	frame_changed(fs, root);
	frame_changed(fs, node);
	return 0;
}

static int split_node(struct ext2 *fs, const struct ext2_inode *inode,
		      struct htree_path *path, uint64_t logical)
{
	struct htree_frame *node = &path->frame[1], upper;
	uint32_t half = node->count / 2, hash = frame_hash(node, half);
	int error = new_node(fs, inode, logical, &upper);

	if (error)
		return error;
	move_entries(&upper, node, half);
	frame_changed(fs, node);
	frame_changed(fs, &upper);
	frame_insert(fs, &path->frame[0], hash, logical);
	if (node->at >= half) {
		upper.at = node->at - half;
		path->frame[0].at++;
		cache_drop(node->buffer);
		*node = upper;
	} else {
		cache_drop(upper.buffer);
	}
	return 0;
}

// ## Leaves

// The first of the upper half, by bytes.
static uint32_t middle_of(const struct leaf *leaf)
{
	uint32_t i = 0, bytes = 0;

	while (i + 1 < leaf->count && bytes < leaf->bytes / 2)
		bytes += leaf->name[i++].bytes;
	return i == 0 ? 1 : i;
}

static int split(struct ext2 *fs, struct ext2_inode *inode,
		 struct htree_path *path, const struct leaf *leaf)
{
	uint32_t middle = middle_of(leaf), hash = leaf->name[middle].hash;
	uint64_t logical = dir_blocks(fs, inode);
	struct htree_frame *last = &path->frame[path->frames - 1];
	bool full = last->count == last->limit;
	struct buffer *buffer;
	int error;

	if (full && path->frames >= LEVELS_WRITTEN &&
	    path->frame[0].count == path->frame[0].limit)
		return -EMLINK;
	error = dir_grow(fs, inode, full ? 2 : 1);
	if (!error && full)
		error = path->frames == 1
				? deepen(fs, inode, path, logical + 1)
				: split_node(fs, inode, path, logical + 1);
	if (!error)
		error = dir_get(fs, inode, logical, &buffer);
	if (error)
		return error;
	if (leaf->name[middle - 1].hash == hash)
		hash |= 1;
	leaf_write(fs, leaf, middle, leaf->count, buffer);
	leaf_write(fs, leaf, 0, middle, leaf->buffer);
	cache_drop(buffer);
	frame_insert(fs, &path->frame[path->frames - 1], hash, logical);
	return 0;
}

static int make_room(struct ext2 *fs, struct ext2_inode *inode,
		     struct htree_path *path, uint64_t logical, uint32_t need)
{
	struct leaf leaf = { 0 };
	int error = leaf_begin(fs, inode, logical, path->version, &leaf);

	if (!error && path->frames > LEVELS_WRITTEN)
		error = -EMLINK;
	if (!error && leaf.bytes + need <= fs->block_bytes)
		leaf_write(fs, &leaf, 0, leaf.count, leaf.buffer);
	else if (!error)
		error = split(fs, inode, path, &leaf);
	leaf_end(&leaf);
	return error;
}

int htree_room(struct ext2 *fs, struct ext2_inode *inode, const char *name,
	       size_t length, bool may_split, struct spot *spot)
{
	uint32_t need = entry_bytes((uint32_t)length), most;

	for (int i = 0; i < SPLITS_MOST; i++) {
		struct htree_path path;
		struct buffer *buffer = NULL;
		int error = htree_descend(fs, inode, name, length, &path,
					  &spot->logical),
		    found = 0;

		if (!error)
			error = dir_get(fs, inode, spot->logical, &buffer);
		if (!error) {
			spot->block = buffer->block;
			found = block_room(fs, buffer->bytes, need,
					   &spot->offset, &most);
			cache_drop(buffer);
			if (found < 0)
				error = found;
		}
		if (!error && !found)
			error = may_split ? make_room(fs, inode, &path,
						      spot->logical, need)
					  : -EMLINK;
		htree_drop(&path);
		if (error || found)
			return error;
	}
	return -EMLINK; // hashes that no split tells apart
}
