// directories.c - open directories: what is known of them while they are
//
// A directory that is worked on is open: what a decision needs is in memory, and
// the blocks themselves stay in the cache. A few dozen are open at a time; the one
// that was used longest ago makes room, and so do others when their tables take
// more than TABLES_BYTES. To open one again costs reading it once.
//
// A linear directory has, while open,
//
//     names   a table of all names: is there such a one, and where (table.c)
//     block   for each block its number on the disk, and the most bytes in a row
//             that are free in it, or more than that: a scan that finds less says so
//     from    for each length of entry the first block that may have room for it
//     tail    the last entry of the last block, behind which new names usually go
//
// so that adding a name costs the same in a directory of ten and of a million. One
// with an index (htree.c) needs none of that: a lookup in the index says where a
// name is, or has to go.
//
// ## When a directory gets an index
//
// Sorting once is cheaper than keeping sorted. A directory that has become large
// in this transaction is linear until it is closed or committed; then all its
// entries are sorted and the index is built. One that had an index before keeps
// it: names go into their leaf, leaves and nodes are split.
//
// ## Without a journal
//
// A block that the disk holds already may only be changed so that each 512 bytes of
// the old and the new fit together. Entries are put into slack, removed by the
// rec_len before them, or changed in place. Room that a removal made must not be
// used before the commit: such blocks are noted in `held`, and get no new names.
// A leaf cannot be split that way. So an index is kept while names fit into their
// leaves, and dropped (the flag in the inode; nodes look like empty blocks to a
// linear reader) with the first that does not; ext2 without an index is complete.
// Its root and nodes are not used for names before the commit, either: as long as
// the flag is on the disk they are an index.

#include "fs/ext2/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t block_hash(uint64_t block)
{
	return (uint32_t)(block * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

uint32_t text_hash(const char *text, size_t length)
{
	uint64_t hash = length, word;

	for (; length >= sizeof word; text += 8, length -= 8) {
		memcpy(&word, text, sizeof word);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, text, length);
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	return (uint32_t)(hash * UINT64_C(0xbf58476d1ce4e5b9) >> 32);
}

// ## Held blocks

bool is_held(const struct ext2 *fs, uint64_t block)
{
	const struct table *held = &fs->directories->held;
	uint64_t at = 0;
	uint32_t found;

	while ((found = table_next(held, block_hash(block), &at)) != 0)
		if (found == block)
			return true;
	return false;
}

int hold_block(struct ext2 *fs, uint64_t block)
{
	struct table *held = &fs->directories->held;

	if (fs->mode != MODE_ORDERED || block_is_new(fs, block) ||
	    is_held(fs, block))
		return 0;

	int error = table_reserve(held);

	if (!error)
		table_add(held, block_hash(block), (uint32_t)block);
	return error;
}

// ## Which are open

int directories_ready(struct ext2 *fs)
{
	if (!fs->directories)
		fs->directories = calloc(1, sizeof *fs->directories);
	return fs->directories ? 0 : -ENOMEM;
}

struct directory *dir_opened(struct ext2 *fs, uint32_t dir)
{
	struct directories *all = fs->directories;

	for (int i = 0; all && i < all->count; i++) {
		struct directory *d = all->open[i];

		if (d->ino == dir) {
			d->used = ++all->clock;
			if (i > 0) { // most often it is the one before
				all->open[i] = all->open[0];
				all->open[0] = d;
			}
			return d;
		}
	}
	return NULL;
}

static void unload(struct directory *d)
{
	table_free(&d->names);
	free(d->block);
	d->block = NULL;
	d->blocks = d->block_room = 0;
}

static bool is_unloaded(const struct directory *d)
{
	return !d->indexed && d->blocks == 0;
}

static int give_back(struct ext2 *fs, struct directory *d)
{
	uint32_t count = d->reserved;

	d->reserved = 0;
	return count == 0 ? 0 : blocks_free(fs, d->reserve, count);
}

static void discard(struct ext2 *fs, struct directory *d)
{
	struct directories *all = fs->directories;
	int i = 0;

	while (all->open[i] != d)
		i++;
	give_back(fs, d);
	all->open[i] = all->open[--all->count];
	unload(d);
	free(d);
}

// What is due when it is not going to be worked on any longer. Afterwards it may
// be unloaded, and stand elsewhere among those that are open.
static int finish(struct ext2 *fs, struct directory *d)
{
	struct ext2_inode inode;
	int error = give_back(fs, d);

	if (error || !d->changed || d->indexed || d->blocks <= LARGE ||
	    d->loaded > LARGE || d->keeps_flag ||
	    (fs->mode != MODE_FRESH && fs->mode != MODE_JOURNAL) ||
	    get32(fs->super.s_rev_level) == 0)
		return error;
	error = inode_get(fs, d->ino, &inode);

	if (error)
		return error;
	unload(d);
	d->changed = false;
	error = htree_build(fs, &inode);
	d->indexed = error == 0;
	return error == -ENOSPC ? 0 : error;
}

// Closes the one that was used longest ago, but not the one that was used last.
static int close_oldest(struct ext2 *fs)
{
	struct directories *all = fs->directories;
	struct directory *oldest = all->open[0];

	for (int i = 1; i < all->count; i++)
		if (all->open[i]->used < oldest->used)
			oldest = all->open[i];

	int error = finish(fs, oldest);

	discard(fs, oldest);
	return error;
}

static int keep_within(struct ext2 *fs, int most)
{
	struct directories *all = fs->directories;
	int error = 0;

	for (;;) {
		size_t bytes = 0;

		for (int i = 0; i < all->count; i++)
			bytes += table_bytes(&all->open[i]->names);
		if (error || all->count <= 1 ||
		    (all->count <= most && bytes <= TABLES_BYTES))
			return error;
		error = close_oldest(fs);
	}
}

void directories_free(struct ext2 *fs)
{
	struct directories *all = fs->directories;

	if (!all)
		return;
	while (all->count > 0) {
		all->open[0]->reserved = 0; // never on the disk
		discard(fs, all->open[0]);
	}
	table_free(&all->held);
	free(all);
	fs->directories = NULL;
}

void dir_forget(struct ext2 *fs, uint32_t dir)
{
	struct directory *d = dir_opened(fs, dir);

	if (d)
		discard(fs, d);
	if (fs->directories && fs->directories->scanned == dir)
		fs->directories->scanned = 0;
}

int directories_finish(struct ext2 *fs)
{
	struct directory *d[OPEN_MOST];
	int count = fs->directories ? fs->directories->count : 0, error = 0;

	if (count > 0)
		memcpy(d, fs->directories->open, (size_t)count * sizeof *d);
	for (int i = 0; i < count && !error; i++) {
		error = finish(fs, d[i]);
		if (error || is_unloaded(d[i]))
			discard(fs, d[i]);
	}
	return error;
}

// ## Opening

uint8_t room_units(uint32_t bytes)
{
	uint32_t units = bytes / ROOM_UNIT;

	return units > ROOM_MOST ? ROOM_MOST : (uint8_t)units;
}

struct dir_block *append_block(struct directory *d, uint64_t block)
{
	if (d->blocks == d->block_room) {
		uint32_t room = d->block_room ? d->block_room * 2 : 2;
		struct dir_block *grown = realloc(d->block,
						  room * sizeof *grown);

		if (!grown)
			return NULL;
		d->block = grown;
		d->block_room = room;
	}
	d->block[d->blocks] = (struct dir_block){ .block = block };
	return &d->block[d->blocks++];
}

void note_room(struct directory *d, uint32_t logical, uint8_t units)
{
	if (units > d->block[logical].room)
		d->block[logical].room = units;
	units = d->block[logical].room;
	for (uint32_t need = 0; need < NEEDS && need <= units; need++)
		if (d->from[need] > logical)
			d->from[need] = logical;
}

// The last block's room behind its tail is counted with the rest again.
void settle_tail(struct directory *d)
{
	if (d->blocks == 0)
		return;

	uint8_t units = d->tail_held ? 0 : room_units(d->tail_room);

	note_room(d, d->blocks - 1, units);
}

uint32_t place_of(const struct ext2 *fs, uint64_t logical, uint32_t offset)
{
	return (uint32_t)((logical * fs->block_bytes + offset) / 4);
}

// The names of a block go into the table, what is free is noted.
static int load_block(struct ext2 *fs, struct directory *d, uint64_t number)
{
	struct buffer *buffer;
	int error = cache_get(fs->cache, number, 0, &buffer);

	if (error)
		return error;
	settle_tail(d);

	uint32_t logical = d->blocks, most = 0, rec_len;
	struct dir_block *block = append_block(d, number);

	if (!block)
		error = -ENOMEM;
	for (uint32_t at = 0; at < fs->block_bytes && !error; at += rec_len) {
		const struct disk_entry *entry = entry_at(fs, buffer->bytes, at,
							  &rec_len);
		uint32_t place = place_of(fs, logical, at);

		if (!entry) {
			error = -EUCLEAN;
			break;
		}
		if (get32(entry->inode) != 0 && place != 0) {
			error = table_reserve(&d->names);
			if (!error)
				table_add(&d->names,
					  text_hash((const char *)entry->name,
						    entry->name_len),
					  place);
		}
		if (most < d->tail_room && at > 0)
			most = d->tail_room;
		d->tail = at;
		d->tail_room = rec_len - entry_used(entry);
	}

	// An inner node of an index.
	bool node = d->keeps_flag &&
		    (logical == 0 || (d->tail == 0 && most == 0 &&
				      d->tail_room == fs->block_bytes));

	d->tail_held = node || is_held(fs, number);
	if (!error && !d->tail_held)
		block->room = room_units(most);
	cache_drop(buffer);
	return error;
}

static int load(struct ext2 *fs, struct directory *d,
		const struct ext2_inode *inode)
{
	uint64_t blocks = dir_blocks(fs, inode);
	struct ext2_run run;

	if (inode->size % fs->block_bytes != 0 || blocks == 0 ||
	    blocks > fs->blocks || inode->size > UINT64_C(4) * UINT32_MAX)
		return -EUCLEAN;
	memset(d->from, 0xff, sizeof d->from);
	for (uint64_t logical = 0; logical < blocks; logical += run.blocks) {
		int error = ext2_run_at(fs, inode, logical, &run);

		if (!error &&
		    (run.blocks == 0 || run.physical == 0 || run.unwritten))
			error = -EUCLEAN;
		for (uint64_t i = 0;
		     i < run.blocks && logical + i < blocks && !error; i++)
			error = load_block(fs, d, run.physical + i);
		if (error)
			return error;
	}
	d->loaded = d->blocks;
	return 0;
}

// The directory, open. -ENOTDIR, -ENOENT (it has no links left).
int dir_open(struct ext2 *fs, uint32_t dir, struct directory **opening)
{
	struct directory *d = dir_opened(fs, dir);
	struct ext2_inode inode;

	*opening = d;
	if (d)
		return 0;

	int error = directories_ready(fs);

	if (!error)
		error = inode_get(fs, dir, &inode);
	if (!error)
		error = keep_within(fs, OPEN_MOST - 1);
	if (error)
		return error;
	if (!S_ISDIR(inode.mode))
		return -ENOTDIR;
	if (inode.links == 0)
		return -ENOENT;
	if (inode.flags & INODE_INLINE_DATA)
		return -ENOTSUP;
	d = calloc(1, sizeof *d);
	if (!d)
		return -ENOMEM;
	d->ino = dir;
	d->indexed = htree_usable(fs, &inode) && fs->mode != MODE_ORDERED;
	d->keeps_flag = !d->indexed && inode.flags & INODE_INDEX;
	if (!d->indexed)
		error = load(fs, d, &inode);
	if (error) {
		unload(d);
		free(d);
		return error;
	}
	d->used = ++fs->directories->clock;
	fs->directories->open[fs->directories->count++] = d;
	*opening = dir_opened(fs, dir);
	return keep_within(fs, OPEN_MOST);
}

// ## After a commit

static int measure(struct ext2 *fs, struct directory *d, uint32_t logical)
{
	struct dir_block *block = &d->block[logical];
	struct buffer *buffer;
	uint32_t most = 0, tail = 0, tail_room = 0, rec_len;
	int error = cache_get(fs->cache, block->block, 0, &buffer);

	if (error)
		return error;
	for (uint32_t at = 0; at < fs->block_bytes; at += rec_len) {
		const struct disk_entry *entry = entry_at(fs, buffer->bytes, at,
							  &rec_len);

		if (!entry) {
			error = -EUCLEAN;
			break;
		}
		if (most < tail_room)
			most = tail_room;
		tail = at;
		tail_room = rec_len - entry_used(entry);
	}
	cache_drop(buffer);
	if (error)
		return error;
	block->room = 0;
	if (logical + 1 == d->blocks) {
		d->tail = tail;
		d->tail_room = tail_room;
		d->tail_held = false;
	} else if (most < tail_room) {
		most = tail_room;
	}
	note_room(d, logical, room_units(most));
	return 0;
}

// What removals have freed may be used from now on.
void directories_committed(struct ext2 *fs)
{
	struct directories *all = fs->directories;

	if (!all)
		return;
	for (int i = all->count - 1; i >= 0; i--) {
		struct directory *d = all->open[i];
		int error = 0;

		for (uint32_t n = 0; n < d->blocks && !error; n++)
			if (all->held.count > 0 &&
			    is_held(fs, d->block[n].block))
				error = measure(fs, d, n);
		if (error)
			discard(fs, d);
		else
			d->loaded = d->blocks;
	}
	table_free(&all->held);
}

// ## Times

static void times_of(const uint8_t *inode, uint32_t bytes, le32 times[4])
{
	const struct disk_inode *d = (const struct disk_inode *)inode;
	bool wide = bytes > INODE_BYTES_OLD;

	times[0] = d->i_mtime;
	times[1] = d->i_ctime;
	times[2] = wide ? d->i_mtime_extra : put32(0);
	times[3] = wide ? d->i_ctime_extra : put32(0);
}

// Most often a name was added at the same "now" before. Whether somebody has set
// other times since is seen in the inode table, without decoding an inode.
int dir_touch(struct ext2 *fs, uint32_t dir)
{
	struct directory *d = dir_opened(fs, dir);
	struct ext2_inode inode;
	struct buffer *buffer;
	uint64_t block;
	uint32_t offset;
	le32 times[4];
	int error = ext2_inode_place(fs, dir, &block, &offset);

	if (!error)
		error = cache_get(fs->cache, block, 0, &buffer);
	if (error)
		return error;
	times_of(buffer->bytes + offset, fs->inode_bytes, times);
	if (!d || !d->touched || d->now.seconds != fs->now.seconds ||
	    d->now.ns != fs->now.ns ||
	    memcmp(times, d->times, sizeof times) != 0) {
		error = inode_get(fs, dir, &inode);
		inode.mtime = inode.ctime = fs->now;
		if (!error)
			error = inode_put(fs, &inode);
		if (!error && d) {
			times_of(buffer->bytes + offset, fs->inode_bytes,
				 d->times);
			d->now = fs->now;
			d->touched = true;
		}
	}
	cache_drop(buffer);
	return error;
}

// ## Room at once

int ext2_expect_entries(struct ext2 *fs, uint32_t dir, uint64_t entries)
{
	struct directory *d;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	error = dir_open(fs, dir, &d);
	if (error || d->indexed || d->reserved > 0 ||
	    entries > UINT32_MAX / RESERVE_ENTRY)
		return error;

	uint64_t want = entries * RESERVE_ENTRY / fs->block_bytes;

	if (want <= d->blocks)
		return 0;
	error = blocks_allocate(fs, d->block[d->blocks - 1].block + 1,
				(uint32_t)(want - d->blocks), &d->reserve,
				&d->reserved);
	if (error)
		d->reserved = 0;
	return error == -ENOSPC ? 0 : error;
}

bool dir_reserved(struct ext2 *fs, uint32_t dir, uint64_t *block)
{
	struct directory *d = dir_opened(fs, dir);

	if (!d || d->reserved == 0)
		return false;
	*block = d->reserve++;
	d->reserved--;
	return true;
}
