// dir.c - directories: finding, adding and removing names
//
// What is open (directories.c) answers from its table, what has an index (htree.c)
// from that, and anything else is read from its beginning: for one lookup that is
// less work than to open it.
//
// Adding has two steps. dir_prepare finds that the name is not there and makes
// room; whatever can fail for want of space or memory fails there, or between the
// two, where the inode is made. dir_put writes the entry.

#include "fs/ext2/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// ## Finding

// In the table. -ENOENT.
static int look_up(struct ext2 *fs, const struct directory *d, const char *name,
		   size_t length, struct spot *spot)
{
	uint64_t at = 0;
	uint32_t place;

	spot->hash = text_hash(name, length);
	while ((place = table_next(&d->names, spot->hash, &at)) != 0) {
		uint64_t position = (uint64_t)place * 4;
		struct buffer *buffer;
		uint32_t rec_len;

		spot->logical = position / fs->block_bytes;
		spot->offset = (uint32_t)(position % fs->block_bytes);
		if (spot->logical >= d->blocks)
			return -EUCLEAN;
		spot->block = d->block[spot->logical].block;

		int error = cache_get(fs->cache, spot->block, 0, &buffer);

		if (error)
			return error;

		const struct disk_entry *entry =
			entry_at(fs, buffer->bytes, spot->offset, &rec_len);
		bool same = entry && entry->name_len == length &&
			    memcmp(entry->name, name, length) == 0;

		cache_drop(buffer);
		if (same)
			return 0;
	}
	return -ENOENT;
}

static bool is_dots(const char *name, size_t length)
{
	return (length == 1 && name[0] == '.') ||
	       (length == 2 && name[0] == '.' && name[1] == '.');
}

// From block to block, at most `most` of them. -ENOENT; -EUCLEAN: not found, and
// not all could be read.
static int scan(struct ext2 *fs, const struct ext2_inode *inode,
		const char *name, size_t length, uint64_t most,
		struct spot *spot)
{
	uint64_t blocks = dir_blocks(fs, inode), seen = 0;
	struct ext2_run run;
	bool broken = inode->size % fs->block_bytes != 0;

	if (blocks > most)
		blocks = most;
	for (uint64_t logical = 0; logical < blocks; logical += run.blocks) {
		int error = ext2_run_at(fs, inode, logical, &run);

		if (error)
			return error;
		if (run.blocks == 0)
			return -EUCLEAN;
		if (run.physical == 0 || run.unwritten) {
			broken = true;
			continue;
		}
		for (uint64_t i = 0; i < run.blocks && logical + i < blocks;
		     i++) {
			struct buffer *buffer;

			if (++seen > fs->blocks)
				return -EUCLEAN;
			spot->logical = logical + i;
			spot->block = run.physical + i;
			error = cache_get(fs->cache, spot->block, 0, &buffer);
			if (error)
				return error;

			int found = block_find(fs, buffer->bytes, name, length,
					       &spot->offset, &spot->previous);

			cache_drop(buffer);
			if (found > 0)
				return 0;
			broken |= found < 0;
		}
	}
	return broken ? -EUCLEAN : -ENOENT;
}

// Where a name is, in a directory that may be open or not.
static int locate(struct ext2 *fs, uint32_t dir, const char *name,
		  size_t length, struct spot *spot)
{
	struct directory *d = dir_opened(fs, dir);
	struct ext2_inode inode;
	int error;

	if (d && !d->indexed && !is_dots(name, length))
		return look_up(fs, d, name, length, spot);
	error = inode_get(fs, dir, &inode);
	if (error)
		return error;
	if (!S_ISDIR(inode.mode))
		return -ENOTDIR;
	if (inode.flags & INODE_INLINE_DATA)
		return -ENOTSUP;
	if (is_dots(name, length))
		return scan(fs, &inode, name, length, 1, spot);
	if (htree_usable(fs, &inode)) {
		error = htree_find(fs, &inode, name, length, spot);
		if (error != -EUCLEAN)
			return error;
	}

	// Who comes again shall not read it all again.
	error = directories_ready(fs);
	if (error)
		return error;
	if (fs->directories->scanned == dir && dir_blocks(fs, &inode) > 1 &&
	    dir_open(fs, dir, &d) == 0 && !d->indexed)
		return look_up(fs, d, name, length, spot);
	fs->directories->scanned = dir;
	return scan(fs, &inode, name, length, UINT64_MAX, spot);
}

int ext2_find(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	      struct ext2_entry *entry)
{
	struct spot spot;
	struct buffer *buffer;
	uint32_t rec_len;

	if (length > NAME_LONGEST)
		return -ENAMETOOLONG;
	if (length == 0)
		return -ENOENT;

	int error = locate(fs, dir, name, length, &spot);

	if (!error)
		error = cache_get(fs->cache, spot.block, 0, &buffer);
	if (error)
		return error;

	const struct disk_entry *found = entry_at(fs, buffer->bytes,
						  spot.offset, &rec_len);

	if (found)
		*entry = (struct ext2_entry){
			.ino = get32(found->inode),
			.type = found->file_type,
			.name_len = (uint8_t)length,
			.name = name,
			.logical = spot.logical,
			.block = spot.block,
			.offset = spot.offset,
			.rec_len = rec_len,
		};
	cache_drop(buffer);
	return found ? 0 : -EUCLEAN;
}

// ## Adding

// The index is no longer kept up: the directory is linear from now on.
static int drop_index(struct ext2 *fs, struct directory **d)
{
	uint32_t dir = (*d)->ino;
	struct ext2_inode inode;
	int error = inode_get(fs, dir, &inode);

	if (error)
		return error;
	inode.flags &= ~(uint32_t)INODE_INDEX;
	error = inode_put(fs, &inode);
	(*d)->keeps_flag = false;
	if (error || !(*d)->indexed)
		return error;
	dir_forget(fs, dir);
	error = dir_open(fs, dir, d);
	if (!error)
		(*d)->loaded = UINT32_MAX; // and not built again
	return error;
}

static int add_block(struct ext2 *fs, struct directory *d)
{
	struct ext2_inode inode;
	struct ext2_run run;
	int error = inode_get(fs, d->ino, &inode);

	if (!error)
		error = dir_grow(fs, &inode, 1);
	if (!error)
		error = ext2_run_at(fs, &inode, d->blocks, &run);
	if (error)
		return error;
	settle_tail(d);
	if (!append_block(d, run.physical)) {
		dir_shrink(fs, &inode, d->blocks);
		return -ENOMEM;
	}
	d->tail = 0;
	d->tail_room = fs->block_bytes;
	d->tail_held = false;
	return 0;
}

// In a block that may have room: 1, or 0 and the note is true now.
static int look_for_room(struct ext2 *fs, struct directory *d, uint32_t logical,
			 uint32_t need, struct spot *spot)
{
	struct dir_block *block = &d->block[logical];
	struct buffer *buffer;
	uint32_t most;

	if (block->room < need / ROOM_UNIT)
		return 0;

	int found = cache_get(fs->cache, block->block, 0, &buffer);

	if (found < 0)
		return found;
	found = block_room(fs, buffer->bytes, need, &spot->offset, &most);
	cache_drop(buffer);
	if (found == 0)
		block->room = room_units(most);
	spot->logical = logical;
	spot->block = block->block;
	return found;
}

static int find_room(struct ext2 *fs, struct directory *d, uint32_t need,
		     struct spot *spot)
{
	uint32_t *from = &d->from[need / ROOM_UNIT];
	int found;

	for (; *from + UINT64_C(1) < d->blocks; ++*from) {
		found = look_for_room(fs, d, *from, need, spot);
		if (found)
			return found < 0 ? found : 0;
	}
	if (d->tail_held || d->tail_room < need) {
		if (!d->tail_held && d->blocks > 0) {
			found = look_for_room(fs, d, d->blocks - 1, need, spot);
			if (found)
				return found < 0 ? found : 0;
		}
		found = add_block(fs, d);
		if (found)
			return found;
	}
	spot->logical = d->blocks - 1;
	spot->block = d->block[spot->logical].block;
	spot->offset = d->tail;
	return 0;
}

static int prepare_indexed(struct ext2 *fs, struct directory *d,
			   struct adding *adding)
{
	struct ext2_inode inode;
	int error = inode_get(fs, d->ino, &inode);

	if (error)
		return error;
	error = htree_find(fs, &inode, adding->name, adding->length,
			   &adding->spot);
	if (error != -ENOENT)
		return error == 0 ? -EEXIST : error;
	return htree_room(fs, &inode, adding->name, adding->length, true,
			  &adding->spot);
}

int dir_prepare(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		struct adding *adding)
{
	struct directory *d;
	struct ext2_inode inode;
	int error = dir_open(fs, dir, &d);

	*adding = (struct adding){ .dir = dir, .name = name, .length = length };
	if (error)
		return error;
	if (d->indexed) {
		error = prepare_indexed(fs, d, adding);
		if (error != -EUCLEAN && error != -EMLINK)
			return error;
		error = drop_index(fs, &d);
		if (error)
			return error;
	}
	error = look_up(fs, d, name, length, &adding->spot);
	if (error != -ENOENT)
		return error == 0 ? -EEXIST : error;
	error = table_reserve(&d->names);
	if (error)
		return error;
	if (d->keeps_flag) {
		uint32_t hash = adding->spot.hash;

		error = inode_get(fs, dir, &inode);
		if (!error)
			error = htree_usable(fs, &inode)
					? htree_room(fs, &inode, name, length,
						     false, &adding->spot)
					: -EUCLEAN;
		adding->spot.hash = hash;
		if (!error && !is_held(fs, adding->spot.block))
			return 0;
		if (error && error != -EUCLEAN && error != -EMLINK)
			return error;
		error = drop_index(fs, &d);
		if (error)
			return error;
	}
	return find_room(fs, d, entry_bytes((uint32_t)length), &adding->spot);
}

static void changed(struct ext2 *fs, struct buffer *buffer)
{
	cache_dirty(fs->cache, buffer, BLOCK_DIRECTORY);
}

int dir_put(struct ext2 *fs, const struct adding *adding, uint32_t ino,
	    enum entry_type type)
{
	const struct spot *spot = &adding->spot;
	struct directory *d;
	struct buffer *buffer;
	uint32_t rec_len = 0;
	int error = dir_open(fs, adding->dir, &d);

	if (!error)
		error = cache_get(fs->cache, spot->block, 0, &buffer);
	if (error)
		return error;

	uint32_t at = entry_put(fs, buffer->bytes, spot->offset, adding->name,
				adding->length, ino, type);

	changed(fs, buffer);
	d->changed = true;
	if (!d->indexed) {
		table_add(&d->names, spot->hash,
			  place_of(fs, spot->logical, at));
		if (spot->logical + 1 == d->blocks && spot->offset == d->tail) {
			entry_at(fs, buffer->bytes, at, &rec_len);
			d->tail = at;
			d->tail_room = rec_len -
				       entry_bytes((uint32_t)adding->length);
		}
	}
	cache_drop(buffer);
	return 0;
}

int dir_add(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	    uint32_t ino, enum entry_type type)
{
	struct adding adding;
	int error = dir_prepare(fs, dir, name, length, &adding);

	return error ? error : dir_put(fs, &adding, ino, type);
}

// ## Removing and changing

// Gives the room of an entry to the one before it; the first of a block is marked
// as not in use. *slack: what is free in a row now, and *owner the entry that has
// it.
static int unlink_entry(const struct ext2 *fs, uint8_t *bytes,
			const struct spot *spot, uint32_t *owner,
			uint32_t *slack)
{
	uint32_t rec_len, before_len;
	struct disk_entry *entry = entry_at(fs, bytes, spot->offset, &rec_len);
	struct disk_entry *before = entry_at(fs, bytes, spot->previous,
					     &before_len);

	if (!entry || !before)
		return -EUCLEAN;
	*owner = spot->previous;
	if (spot->offset == spot->previous) {
		entry->inode = put32(0);
		*slack = rec_len;
	} else {
		entry_set_length(before, before_len + rec_len);
		*slack = before_len + rec_len - entry_used(before);
	}
	return 0;
}

// The one before an entry whose place the table knows.
static int find_previous(const struct ext2 *fs, uint8_t *bytes,
			 struct spot *spot)
{
	uint32_t rec_len;

	spot->previous = 0;
	for (uint32_t at = 0; at < spot->offset; at += rec_len) {
		if (!entry_at(fs, bytes, at, &rec_len))
			return -EUCLEAN;
		spot->previous = at;
	}
	return 0;
}

static void note_removal(struct ext2 *fs, struct directory *d,
			 const struct spot *spot, uint32_t owner,
			 uint32_t slack)
{
	bool last = spot->logical + 1 == d->blocks;

	table_remove(&d->names, spot->hash,
		     place_of(fs, spot->logical, spot->offset));
	if (last && spot->offset == d->tail) {
		d->tail = owner;
		d->tail_room = slack;
	}
	if (is_held(fs, spot->block)) {
		d->block[spot->logical].room = 0;
		d->tail_held |= last;
	} else if (!last || d->tail != owner) {
		note_room(d, (uint32_t)spot->logical, room_units(slack));
	}
}

int dir_remove(struct ext2 *fs, uint32_t dir, const char *name, size_t length)
{
	struct directory *d;
	struct spot spot = { 0 };
	struct buffer *buffer;
	uint32_t owner, slack;
	int error = dir_open(fs, dir, &d);

	if (!error)
		error = locate(fs, dir, name, length, &spot);
	if (!error)
		error = hold_block(fs, spot.block);
	if (!error)
		error = cache_get(fs->cache, spot.block, 0, &buffer);
	if (error)
		return error;
	error = find_previous(fs, buffer->bytes, &spot);
	if (!error)
		error = unlink_entry(fs, buffer->bytes, &spot, &owner, &slack);
	if (!error) {
		changed(fs, buffer);
		d->changed = true;
		if (!d->indexed)
			note_removal(fs, d, &spot, owner, slack);
	}
	cache_drop(buffer);
	return error;
}

int dir_change(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	       uint32_t ino, enum entry_type type)
{
	struct spot spot;
	struct buffer *buffer;
	uint32_t rec_len;
	int error = locate(fs, dir, name, length, &spot);

	if (!error)
		error = cache_get(fs->cache, spot.block, 0, &buffer);
	if (error)
		return error;

	struct disk_entry *entry = entry_at(fs, buffer->bytes, spot.offset,
					    &rec_len);

	if (entry) {
		entry->inode = put32(ino);
		if (get32(fs->super.s_feature_incompat) & INCOMPAT_FILETYPE)
			entry->file_type = type;
		changed(fs, buffer);
	}
	cache_drop(buffer);
	return entry ? 0 : -EUCLEAN;
}

static int not_dots(void *context, const struct ext2_entry *entry)
{
	(void)context;
	return !is_dots(entry->name, entry->name_len);
}

int dir_is_empty(struct ext2 *fs, uint32_t dir, bool *empty)
{
	int found = ext2_list(fs, dir, not_dots, NULL);

	*empty = found == 0;
	return found < 0 ? found : 0;
}

// ## A new one

int dir_begin(struct ext2 *fs, struct ext2_inode *inode, uint32_t parent)
{
	struct buffer *buffer;
	int error = dir_grow(fs, inode, 1);

	if (error)
		return error;
	error = dir_get(fs, inode, 0, &buffer);
	if (error) {
		dir_shrink(fs, inode, 0);
		return error;
	}

	uint32_t at = entry_put(fs, buffer->bytes, 0, ".", 1, inode->ino,
				TYPE_DIRECTORY);

	entry_put(fs, buffer->bytes, at, "..", 2, parent, TYPE_DIRECTORY);
	changed(fs, buffer);
	cache_drop(buffer);
	return 0;
}

int dir_init(struct ext2 *fs, uint32_t dir, uint32_t parent)
{
	struct ext2_inode inode;
	int error = inode_get(fs, dir, &inode);

	return error ? error : dir_begin(fs, &inode, parent);
}
