// ordered_dirs.c - old directory blocks, changed so that every sector counts alone
//
// Such a block has a version on the disk, and one in the cache that is to replace
// it. Between the two it takes these steps:
//
//     slack  the disk's version, but bytes that none of its entries reaches
//            (behind a name, in an entry that is not in use) are already new
//     both   all entries of the disk's version stand, all new ones too: only
//            rec_len of old entries have changed
//     flips  an entry that goes over to another inode does
//     last   entries that go are skipped by the rec_len before them, or get
//            inode 0; their other bytes stay
//
// dir.c puts new names only where no entry was in this transaction, so both
// versions fit into one block. Where they do not after all (another program's
// entry overlaps), the old entry goes with the last step and `hard` says so.

#include "fs/ext2/directory.h"
#include "fs/ext2/ordered.h"

#include <errno.h>
#include <string.h>

// The entries of a block; 0 if it is not a chain of them.
static size_t parse(const struct ext2 *fs, const uint8_t *bytes,
		    struct spot_in_block *spot)
{
	uint32_t rec_len;
	size_t n = 0;

	for (uint32_t at = 0; at < fs->block_bytes; at += rec_len) {
		const struct disk_entry *entry =
			entry_at(fs, (uint8_t *)(uintptr_t)bytes, at, &rec_len);
		uint32_t used;

		if (!entry)
			return 0;
		used = entry_used(entry);
		spot[n++] = (struct spot_in_block){
			.at = at,
			.end = at + (used ? used : ENTRY_HEADER),
			.ino = get32(entry->inode),
		};
	}
	return n;
}

static bool same_name(const uint8_t *a, const uint8_t *b, uint32_t at)
{
	const struct disk_entry *x = (const struct disk_entry *)(a + at);
	const struct disk_entry *y = (const struct disk_entry *)(b + at);

	return x->name_len == y->name_len &&
	       !memcmp(x->name, y->name, x->name_len);
}

// An entry that goes: alright, if its inode goes too, or has other names. A
// directory has no other.
static int look_at_removed(struct ordered *o, uint32_t ino)
{
	struct ext2_inode inode;
	int error;

	o->removes = true;
	if (rank_of(&o->dead, ino))
		return 0;
	error = inode_get(o->fs, ino, &inode);
	if (error == -EUCLEAN)
		return 0; // it named nothing
	if (!error && S_ISDIR(inode.mode))
		o->hard = true;
	return error;
}

// ## Both versions in one

struct merging {
	struct ordered *o;
	const uint8_t *bytes; // the new version
	bool flip, look;
	size_t was, is, both;
};

// An entry of the disk that the new version does not have; that may have one that
// is not in use there (`instead`, or NULL), and another behind it (`next`).
static int keep_removed(struct merging *m, const struct spot_in_block *old,
			const struct spot_in_block *instead,
			const struct spot_in_block *next)
{
	struct ordered *o = m->o;

	if (next && next->at < old->end) {
		o->hard = o->flips = true; // its room is in use again
		if (instead)
			o->both[m->both++] = *instead;
		return 0;
	}
	memcpy(o->mixed + old->at, o->disk + old->at, old->end - old->at);
	o->both[m->both++] = *old;
	return m->look ? look_at_removed(o, old->ino) : 0;
}

// An entry that stands at the same place in both.
static int keep_changed(struct merging *m, const struct spot_in_block *old,
			const struct spot_in_block *new)
{
	struct ordered *o = m->o;
	bool same = same_name(o->disk, m->bytes, old->at);

	if (same && old->ino == new->ino) {
		o->both[m->both++] = *new;
		return 0;
	}
	o->hard = o->flips = true;
	o->both[m->both++] = *new;
	if (same && !m->flip)
		memcpy(o->mixed + old->at, o->disk + old->at, sizeof(le32));
	return 0;
}

static void set_lengths(struct merging *m)
{
	struct ordered *o = m->o;
	uint32_t end = o->fs->block_bytes;

	for (size_t i = m->both; i-- > 0;) {
		struct disk_entry *entry =
			(struct disk_entry *)(o->mixed + o->both[i].at);

		if (end - o->both[i].at < 65536)
			entry_set_length(entry, end - o->both[i].at);
		end = o->both[i].at;
	}
}

// Into o->mixed: the new version with the entries of the disk's (o->disk).
static int merge(struct ordered *o, const uint8_t *bytes, bool flip, bool look)
{
	struct merging m = {
		.o = o, .bytes = bytes, .flip = flip, .look = look
	};
	size_t w = 0, i = 0;
	int error = 0;

	memcpy(o->mixed, bytes, o->fs->block_bytes);
	m.was = parse(o->fs, o->disk, o->was);
	m.is = parse(o->fs, bytes, o->is);
	if (!m.was || !m.is)
		return 0; // it cannot be merged: as it is to be
	while ((w < m.was || i < m.is) && !error) {
		const struct spot_in_block *old = &o->was[w], *new = &o->is[i];
		bool has_old = w < m.was, has_new = i < m.is;

		if (has_old && (!has_new || old->at < new->at)) {
			w++;
			if (old->ino)
				error = keep_removed(&m, old, NULL,
						     has_new ? new : NULL);
		} else if (has_new && (!has_old || new->at < old->at)) {
			i++;
			o->both[m.both++] = *new;
		} else {
			w++;
			i++;
			if (old->ino && new->ino)
				error = keep_changed(&m, old, new);
			else if (old->ino)
				error = keep_removed(&m, old, new,
						     i < m.is ? new + 1 : NULL);
			else
				o->both[m.both++] = *new;
		}
	}
	set_lengths(&m);
	return error;
}

// ## Writing the steps

static int read_old(struct ordered *o, uint64_t block)
{
	return device_read(o->fs->device, block * o->fs->block_bytes, o->disk,
			   o->fs->block_bytes);
}

static int write_mixed(struct ordered *o, uint64_t block)
{
	if (!memcmp(o->mixed, o->disk, o->fs->block_bytes))
		return 0;
	return device_write(o->fs->device, block * o->fs->block_bytes, o->mixed,
			    o->fs->block_bytes);
}

static int look_at(void *context, uint64_t block, enum block_kind kind,
		   const uint8_t *bytes)
{
	struct ordered *o = context;
	int error = read_old(o, block);

	(void)kind;
	return error ? error : merge(o, bytes, false, true);
}

// What entries of a version reach is taken from it.
static void keep_reached(const struct ordered *o, const uint8_t *version,
			 const struct spot_in_block *spot, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memcpy(o->mixed + spot[i].at, version + spot[i].at,
		       spot[i].end - spot[i].at);
}

static int write_slack(void *context, uint64_t block, enum block_kind kind,
		       const uint8_t *bytes)
{
	struct ordered *o = context;
	int error = read_old(o, block);
	size_t n;

	(void)kind;
	if (!error)
		error = merge(o, bytes, false, false);
	if (error)
		return error;
	n = parse(o->fs, o->disk, o->was);
	if (!n)
		return 0;
	keep_reached(o, o->disk, o->was, n);
	return write_mixed(o, block);
}

static int write_both(void *context, uint64_t block, enum block_kind kind,
		      const uint8_t *bytes)
{
	struct ordered *o = context;
	int error = read_old(o, block);

	(void)kind;
	if (!error)
		error = merge(o, bytes, false, false);
	return error ? error : write_mixed(o, block);
}

static int write_flips(void *context, uint64_t block, enum block_kind kind,
		       const uint8_t *bytes)
{
	struct ordered *o = context;
	int error = read_old(o, block);

	(void)kind;
	if (!error)
		error = merge(o, bytes, true, false);
	return error ? error : write_mixed(o, block);
}

// The disk has what entries do not reach from the steps before.
static int write_last(void *context, uint64_t block, enum block_kind kind,
		      const uint8_t *bytes)
{
	struct ordered *o = context;
	int error = read_old(o, block);
	size_t n = parse(o->fs, bytes, o->is);

	(void)kind;
	if (error)
		return error;
	memcpy(o->mixed, n ? o->disk : bytes, o->fs->block_bytes);
	keep_reached(o, bytes, o->is, n);
	return write_mixed(o, block);
}

static int each(struct ordered *o,
		int (*step)(void *, uint64_t, enum block_kind, const uint8_t *))
{
	return cache_each_dirty(o->fs->cache, 1u << BLOCK_DIRECTORY, step, o);
}

int dirs_look(struct ordered *o)
{
	return each(o, look_at);
}

int dirs_write_slack(struct ordered *o)
{
	return each(o, write_slack);
}

int dirs_write_both(struct ordered *o)
{
	return each(o, write_both);
}

int dirs_write_flips(struct ordered *o)
{
	return each(o, write_flips);
}

int dirs_write_last(struct ordered *o)
{
	int error = each(o, write_last);

	return error ? error : cache_clean(o->fs->cache, 1u << BLOCK_DIRECTORY);
}
