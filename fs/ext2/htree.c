// htree.c - the index of a large directory: finding a name
//
// A linear directory is read until the name is found: half of it, or all. The index
// leads to the one block where a name must be. Its key is not the name but a hash
// of it (hash.c), of which the index is a sorted table: entry i leads to the block
// with all names whose hash is at least its own and less than that of entry i + 1.
//
//     block 0  root    "." ".."  version, levels │ (0) → 1 │ 4f2a… → 2 │ 9c00… → 3
//     block 1  leaf    names with hashes below 4f2a…, in any order
//     block 2  leaf    names from 4f2a… on
//     block 3  leaf    names from 9c00… on
//
// With 4 KiB blocks the root holds 508 of them: enough for 80,000 names. Then nodes
// come in between (511 each), one level of them without the feature large_dir.
//
// The index is hidden from who does not know it: in the root it lies in the slack
// of "..", a node begins with an entry that is not in use and takes the whole
// block, and leaves are ordinary blocks. A linear reader sees all names.
//
// Names with the same hash may be more than a leaf holds. The next leaf's entry
// then has the last bit set, which hashes do not have: whoever did not find the name
// goes on there.
//
// Nothing that an index says is believed: blocks lie inside the directory, limits
// are those that the block's size gives, a search visits no more leaves than there
// are blocks. -EUCLEAN means a broken index; the directory can be read without it.
//
// Source: Phillips, "A Directory Index for Ext2", OLS 2001; Documentation/
// filesystems/ext4/directory.rst.

#include "fs/ext2/htree.h"

#include <errno.h>
#include <string.h>

enum { LIMIT_CHECKSUM = 1 }; // one entry less where blocks have checksums

void htree_drop(struct htree_path *path)
{
	for (int i = 0; i < path->frames; i++)
		cache_drop(path->frame[i].buffer);
	path->frames = 0;
}

uint32_t htree_limit(const struct ext2 *fs, bool root)
{
	uint32_t head = root ? HTREE_ROOT_HEAD : HTREE_NODE_HEAD;

	return (fs->block_bytes - head) / sizeof(struct disk_htree_entry);
}

struct disk_htree_root *htree_info(uint8_t *bytes)
{
	return (struct disk_htree_root *)(bytes + HTREE_INFO);
}

uint32_t frame_child(const struct htree_frame *frame, uint32_t i)
{
	return get32(frame->entry[i].block) & HTREE_BLOCK;
}

// The first one has no hash: limit and count stand there.
uint32_t frame_hash(const struct htree_frame *frame, uint32_t i)
{
	return i == 0 ? 0 : get32(frame->entry[i].hash);
}

struct disk_htree_limit *frame_limit(const struct htree_frame *frame)
{
	return (struct disk_htree_limit *)frame->entry;
}

static bool is_root(const struct ext2 *fs, uint8_t *bytes)
{
	uint32_t dot, dots;
	const struct disk_entry *first = entry_at(fs, bytes, 0, &dot);
	const struct disk_entry *second;

	if (!first || dot != ENTRY_LEAST)
		return false;
	second = entry_at(fs, bytes, ENTRY_LEAST, &dots);
	return second && dots == fs->block_bytes - ENTRY_LEAST &&
	       second->name_len == 2 && memcmp(second->name, "..", 2) == 0;
}

static bool is_node(const struct ext2 *fs, uint8_t *bytes)
{
	uint32_t rec_len;
	const struct disk_entry *first = entry_at(fs, bytes, 0, &rec_len);

	return first && get32(first->inode) == 0 && rec_len == fs->block_bytes;
}

static bool is_info(const struct disk_htree_root *info)
{
	return get32(info->reserved_zero) == 0 &&
	       info->info_length == sizeof *info && info->hash_version <= 5 &&
	       info->indirect_levels < HTREE_FRAMES &&
	       (info->unused_flags & 1) == 0;
}

// One more frame, for the root or a node.
static int push(struct ext2 *fs, const struct ext2_inode *inode,
		struct htree_path *path, uint64_t logical)
{
	struct htree_frame *frame = &path->frame[path->frames];
	bool root = path->frames == 0;
	int error = dir_get(fs, inode, logical, &frame->buffer);

	if (error)
		return error;
	path->frames++;

	uint8_t *bytes = frame->buffer->bytes;
	uint32_t most = htree_limit(fs, root);

	if (root ? !is_root(fs, bytes) || !is_info(htree_info(bytes))
		 : !is_node(fs, bytes))
		return -EUCLEAN;
	frame->entry =
		(struct disk_htree_entry *)(bytes + (root ? HTREE_ROOT_HEAD
							  : HTREE_NODE_HEAD));
	frame->limit = get16(frame_limit(frame)->limit);
	frame->count = get16(frame_limit(frame)->count);
	frame->at = 0;
	if (frame->limit > most || frame->limit < most - LIMIT_CHECKSUM ||
	    frame->count == 0 || frame->count > frame->limit)
		return -EUCLEAN;
	return 0;
}

// The last entry whose hash is not above.
static uint32_t search(const struct htree_frame *frame, uint32_t hash)
{
	uint32_t low = 0, high = frame->count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (frame_hash(frame, middle) > hash)
			high = middle;
		else
			low = middle;
	}
	return low;
}

static int child_of(const struct ext2 *fs, const struct ext2_inode *inode,
		    const struct htree_frame *frame, uint64_t *logical)
{
	*logical = frame_child(frame, frame->at);
	return *logical == 0 || *logical >= dir_blocks(fs, inode) ? -EUCLEAN
								  : 0;
}

int htree_descend(struct ext2 *fs, const struct ext2_inode *inode,
		  const char *name, size_t length, struct htree_path *path,
		  uint64_t *leaf)
{
	uint64_t logical = 0;
	int levels = 0, error;

	path->frames = 0;
	do {
		error = push(fs, inode, path, logical);
		if (error)
			return error;

		struct htree_frame *frame = &path->frame[path->frames - 1];

		if (path->frames == 1) {
			const struct disk_htree_root *info =
				htree_info(frame->buffer->bytes);

			levels = info->indirect_levels;
			path->version = info->hash_version;
			error = name_hash(fs, path->version, name, length,
					  &path->hash, NULL);
			if (error)
				return -EUCLEAN;
		}
		frame->at = search(frame, path->hash);
		error = child_of(fs, inode, frame, &logical);
		if (error)
			return error;
	} while (path->frames <= levels);
	*leaf = logical;
	return 0;
}

int ext2_index_path(struct ext2 *fs, const struct ext2_inode *dir,
		    const char *name, size_t length,
		    struct ext2_index_path *path)
{
	struct htree_path way = { 0 };
	uint64_t leaf, logical = 0;

	*path = (struct ext2_index_path){ 0 };
	if (!htree_usable(fs, dir))
		return -ENODATA;
	int error = htree_descend(fs, dir, name, length, &way, &leaf);
	path->version = way.version;
	path->hash = way.hash;
	for (int i = 0; !error && i < way.frames; i++) {
		const struct htree_frame *frame = &way.frame[i];
		const uint8_t *entry =
			(const uint8_t *)&frame->entry[frame->at];

		path->step[path->steps++] = (struct ext2_index_step){
			.logical = logical,
			.block = frame->buffer->block,
			.offset = (uint32_t)(entry - frame->buffer->bytes),
			.at = frame->at,
			.count = frame->count,
			.hash = frame_hash(frame, frame->at),
			.child = frame_child(frame, frame->at),
		};
		logical = frame_child(frame, frame->at);
	}
	htree_drop(&way);
	return error;
}

// The next leaf, if names with our hash go on there: 1, or 0.
static int next_leaf(struct ext2 *fs, const struct ext2_inode *inode,
		     struct htree_path *path, uint64_t *leaf)
{
	int levels = path->frames, error;
	struct htree_frame *frame = &path->frame[levels - 1];

	while (frame->at + 1 >= frame->count) {
		if (frame == path->frame)
			return 0;
		cache_drop(frame->buffer);
		path->frames--;
		frame--;
	}
	frame->at++;
	if ((frame_hash(frame, frame->at) & ~1u) != path->hash)
		return 0;
	error = child_of(fs, inode, frame, leaf);
	while (!error && path->frames < levels) {
		error = push(fs, inode, path, *leaf);
		if (!error)
			error = child_of(fs, inode,
					 &path->frame[path->frames - 1], leaf);
	}
	return error ? error : 1;
}

static int look_in_leaf(struct ext2 *fs, const struct ext2_inode *inode,
			const char *name, size_t length, struct spot *spot)
{
	struct buffer *buffer;
	int found = dir_get(fs, inode, spot->logical, &buffer);

	if (found < 0)
		return found;
	spot->block = buffer->block;
	found = block_find(fs, buffer->bytes, name, length, &spot->offset,
			   &spot->previous);
	cache_drop(buffer);
	return found;
}

int htree_find(struct ext2 *fs, const struct ext2_inode *inode,
	       const char *name, size_t length, struct spot *spot)
{
	uint64_t left = dir_blocks(fs, inode);
	struct htree_path path;
	int found = htree_descend(fs, inode, name, length, &path,
				  &spot->logical);

	if (found == 0)
		do {
			found = look_in_leaf(fs, inode, name, length, spot);
			if (found != 0)
				break;
			found = next_leaf(fs, inode, &path, &spot->logical);
			if (found == 1 && --left == 0)
				found = -EUCLEAN;
			if (found == 0)
				found = -ENOENT;
		} while (found == 1);
	htree_drop(&path);
	return found == 1 ? 0 : found;
}

bool htree_usable(struct ext2 *fs, const struct ext2_inode *inode)
{
	struct htree_path path = { 0 };
	bool usable = inode->flags & INODE_INDEX &&
		      get32(fs->super.s_feature_compat) & COMPAT_DIR_INDEX &&
		      inode->size % fs->block_bytes == 0 &&
		      push(fs, inode, &path, 0) == 0;

	htree_drop(&path);
	return usable;
}
