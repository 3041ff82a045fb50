// ordered.c - a commit without a journal
//
// A crash may come between any two writes, and between two sectors of one write.
// Whatever is on the disk then, e2fsck -p has to mend it without a question, and
// no file may be lost. What it mends so, and what not, was tried (1.47.0):
//
//     mended                                        asks
//     a name whose inode is not in use              an inode with links and
//     an inode without links or time of deletion      no name
//     counts of links, of blocks, sums              ".." that is not the parent
//     bitmaps, in either direction                  a directory with two names
//     a size that does not fit the blocks           two that claim a block
//
// So a name may stand without its inode, never an inode without its name. This
// is not the first rule of Ganger & Patt (never point at what is not written yet):
// theirs has a checker in mind that trusts names, e2fsck trusts inodes. Their
// others hold: nothing is used again before the last pointer to it is gone, and
// the old pointer stays until the new one is there.
//
//     1  new blocks (data, maps, directories), bitmaps with what was allocated;
//        in old directory blocks only bytes that no entry reaches
//     2  inodes and maps that were there before; old directory blocks with their
//        old and their new entries
//     3  new inodes: directories from the top down, then all others
//     4  inodes that go: files, then directories from the bottom up
//     5  old directory blocks without what goes
//     6  bitmaps with what was freed, descriptors, superblock
//
// with a flush after each that wrote something. Steps 3 and 4 take as many
// flushes as the new or old tree is deep.
//
// Within a step single sectors decide: an inode lies in one; a directory block
// differs from the version before it only in a few rec_len of two bytes, because
// names first go into slack, and bytes of a removed name stay where they are.
//
// Some changes have no such order: a directory that moves needs its new name, its
// old one, and ".." to change at once; so does a name that goes over to another
// inode, and a block of attributes that several inodes share with its count. And a
// file whose indirect blocks change has two places, or more, that say what is in
// it, while one sector (its inode) would be the old file or the new one. Then the
// image gets a log for this one transaction (ordered_log.c), if there is room. If
// not, the order above is the best there is: what a crash leaves may have to be
// asked about, or be a file with some blocks of the old and some of the new.
//
// Source: Ganger & Patt, "Metadata update performance in file systems", OSDI 1994.

#include "fs/ext2/ordered.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/space.h"

// ## Who comes and who goes

static int by_ino(const void *a, const void *b)
{
	uint32_t x = ((const struct rank *)a)->ino;
	uint32_t y = ((const struct rank *)b)->ino;

	return (x > y) - (x < y);
}

static struct rank *find_rank(const struct ranks *ranks, uint32_t ino)
{
	struct rank key = { .ino = ino };

	return ranks->count ? bsearch(&key, ranks->rank, ranks->count,
				      sizeof key, by_ino)
			    : NULL;
}

const struct rank *rank_of(const struct ranks *ranks, uint32_t ino)
{
	return find_rank(ranks, ino);
}

// Of a directory that goes its first block is still on the disk.
static int read_first_block(struct ordered *o, const struct ext2_inode *inode,
			    bool on_disk)
{
	struct ext2 *fs = o->fs;
	struct buffer *b;
	le32 first;
	int error;

	memcpy(&first, inode->block, sizeof first);
	if (!block_is_data(fs, get32(first)))
		return -EUCLEAN;
	if (on_disk)
		return device_read(fs->device,
				   (uint64_t)get32(first) * fs->block_bytes,
				   o->disk, fs->block_bytes);
	error = cache_get(fs->cache, get32(first), 0, &b);
	if (error)
		return error;
	memcpy(o->disk, b->bytes, fs->block_bytes);
	cache_drop(b);
	return 0;
}

// The inode that ".." names; 0 where there is none.
static int read_parent(struct ordered *o, const struct ext2_inode *inode,
		       bool on_disk, uint32_t *parent)
{
	const struct disk_entry *entry = (const struct disk_entry *)o->disk;
	int error = read_first_block(o, inode, on_disk);
	uint32_t at;

	*parent = 0;
	if (error)
		return error == -EUCLEAN ? 0 : error;
	at = get16(entry->rec_len);
	if (at > o->fs->block_bytes - ENTRY_HEADER - 2)
		return 0;
	entry = (const struct disk_entry *)(o->disk + at);
	if (entry->name_len == 2 && !memcmp(entry->name, "..", 2))
		*parent = get32(entry->inode);
	return 0;
}

// Directories get their depth below the first that stays as it is. A circle (of a
// hostile image) ends where it is met again.
static void rank_directory(struct ranks *ranks, struct rank *rank)
{
	struct rank *top = rank, *above;
	uint32_t depth = 1, steps = 0;

	while ((above = find_rank(ranks, top->parent)) && !above->level &&
	       steps++ < ranks->count) {
		top = above;
		depth++;
	}
	if (above && above->level)
		depth += above->level;
	for (; depth && rank && !rank->level;
	     depth--, rank = find_rank(ranks, rank->parent)) {
		rank->level = depth;
		if (depth > ranks->levels)
			ranks->levels = depth;
	}
}

enum { NO_DIRECTORY = UINT32_MAX };

static int rank_all(struct ordered *o, struct ranks *ranks, bool on_disk)
{
	struct ext2_inode inode;
	int error = 0;

	if (ranks->count)
		qsort(ranks->rank, ranks->count, sizeof *ranks->rank, by_ino);
	for (size_t i = 0; i < ranks->count && !error; i++) {
		struct rank *rank = &ranks->rank[i];

		error = inode_get(o->fs, rank->ino, &inode);
		if (error)
			break;
		rank->parent = NO_DIRECTORY;
		if (S_ISDIR(inode.mode))
			error = read_parent(o, &inode, on_disk, &rank->parent);
	}
	for (size_t i = 0; i < ranks->count; i++)
		if (ranks->rank[i].parent != NO_DIRECTORY &&
		    !ranks->rank[i].level)
			rank_directory(ranks, &ranks->rank[i]);
	return error;
}

static int who_comes(struct ordered *o)
{
	struct ext2 *fs = o->fs;
	struct ranks *born = &o->born;
	size_t room = 0;
	int error;

	for (uint32_t g = 0; g < fs->group_count; g++) {
		const uint8_t *new = fs->space->group[g].new_inodes;
		uint32_t end = fs->inodes_per_group, bit = 0;

		for (; new && (bit = find_bit(new, bit, end, true)) < end;
		     bit++) {
			void *more = born->rank;

			if (born->count == room) {
				room = room ? room * 2 : 64;
				more = realloc(born->rank,
					       room * sizeof *born->rank);
			}
			if (!more)
				return -ENOMEM;
			born->rank = more;
			born->rank[born->count++] = (struct rank){
				.ino = g * fs->inodes_per_group + bit + 1,
			};
		}
	}
	error = rank_all(o, born, false);
	born->levels += born->count > 0;
	for (size_t i = 0; i < born->count; i++)
		if (born->rank[i].parent == NO_DIRECTORY)
			born->rank[i].level = born->levels;
	return error;
}

// ## Shared attributes: the count in the block and the inodes change together

static int look_at_attributes(struct ordered *o, uint64_t block)
{
	struct disk_xattr_header header;
	int error;

	if (!block || o->hard || !block_is_data(o->fs, block))
		return 0;
	error = device_read(o->fs->device, block * o->fs->block_bytes, &header,
			    sizeof header);
	o->hard |= get32(header.h_refcount) > 1;
	return error;
}

// The inodes that lose their attributes.
static int look_at_inodes(void *context, uint64_t block, enum block_kind kind,
			  const uint8_t *bytes)
{
	struct ordered *o = context;
	const struct ext2 *fs = o->fs;
	int error = device_read(fs->device, block * fs->block_bytes, o->mixed,
				fs->block_bytes);

	(void)kind;
	for (uint32_t at = 0; at < fs->block_bytes && !error;
	     at += fs->inode_bytes) {
		const struct disk_inode *was = (void *)(o->mixed + at);
		const struct disk_inode *is = (const void *)(bytes + at);

		if (get16(was->i_links_count) &&
		    get32(was->i_file_acl) != get32(is->i_file_acl))
			error = look_at_attributes(o, get32(was->i_file_acl));
	}
	return error;
}

static int attributes_look(struct ordered *o)
{
	struct ext2_inode inode;
	int error = 0;

	for (size_t i = 0; i < o->dead.count && !error; i++) {
		error = inode_get(o->fs, o->dead.rank[i].ino, &inode);
		if (!error)
			error = look_at_attributes(o, inode.xattr_block);
	}
	return error ? error
		     : cache_each_dirty(o->fs->cache, 1u << BLOCK_INODES,
					look_at_inodes, o);
}

static int who_goes(struct ordered *o)
{
	struct ext2 *fs = o->fs;
	struct ranks *dead = &o->dead;
	int error;

	if (!fs->freed_inode_count)
		return 0;
	dead->rank = calloc(fs->freed_inode_count, sizeof *dead->rank);
	if (!dead->rank)
		return -ENOMEM;
	dead->count = fs->freed_inode_count;
	for (size_t i = 0; i < dead->count; i++)
		dead->rank[i].ino = fs->freed_inodes[i];
	error = rank_all(o, dead, true);
	for (size_t i = 0; i < dead->count; i++) {
		struct rank *rank = &dead->rank[i];

		rank->level = rank->parent == NO_DIRECTORY
				      ? 1
				      : 2 + dead->levels - rank->level;
	}
	dead->levels++;
	return error;
}

// ## Writing

static int write_home(struct ordered *o, unsigned kinds)
{
	return cache_write_home(o->fs->cache, kinds, true);
}

static int write_and_flush(struct ordered *o, unsigned kinds)
{
	int error;

	if (!cache_dirty_count(o->fs->cache, kinds))
		return 0;
	error = write_home(o, kinds);
	return error ? error : device_flush(o->fs->device);
}

// The inode in the first slot of a block of an inode table.
static uint32_t first_in(const struct ext2 *fs, uint64_t block)
{
	uint32_t group = (uint32_t)((block - fs->first_data_block) /
				    fs->blocks_per_group);
	uint64_t index = block - fs->groups[group].inode_table;

	return group * fs->inodes_per_group +
	       (uint32_t)index * (fs->block_bytes / fs->inode_bytes) + 1;
}

// Level 0: inodes that are not new. Else: the new ones of that level. The other
// slots stay as the disk has them.
static int write_some_inodes(void *context, uint64_t block,
			     enum block_kind kind, const uint8_t *bytes)
{
	struct ordered *o = context;
	const struct ext2 *fs = o->fs;
	uint32_t size = fs->inode_bytes, ino = first_in(fs, block);
	int error = device_read(fs->device, block * fs->block_bytes, o->disk,
				fs->block_bytes);

	(void)kind;
	if (error)
		return error;
	memcpy(o->mixed, o->disk, fs->block_bytes);
	for (uint32_t at = 0; at < fs->block_bytes; at += size, ino++) {
		const struct rank *rank = rank_of(&o->born, ino);

		if ((rank ? rank->level : 0) == o->level)
			memcpy(o->mixed + at, bytes + at, size);
	}
	if (!memcmp(o->mixed, o->disk, fs->block_bytes))
		return 0;
	return device_write(fs->device, block * fs->block_bytes, o->mixed,
			    fs->block_bytes);
}

static int write_inodes(struct ordered *o, uint32_t level)
{
	o->level = level;
	if (level == o->born.levels) // the last: nothing is held back
		return write_home(o, 1u << BLOCK_INODES);
	return cache_each_dirty(o->fs->cache, 1u << BLOCK_INODES,
				write_some_inodes, o);
}

// A feature has to be on the disk before what needs it.
static int write_features(struct ordered *o)
{
	const struct ext2 *fs = o->fs;
	const struct disk_super *super = &fs->super;
	struct disk_super disk;
	const size_t words = 3 * sizeof(le32);
	int error = device_read(fs->device, SUPER_OFFSET, &disk, sizeof disk);

	if (error ||
	    !memcmp(&disk.s_feature_compat, &super->s_feature_compat, words))
		return error;
	memcpy(&disk.s_feature_compat, &super->s_feature_compat, words);
	return device_write(fs->device, SUPER_OFFSET, &disk, sizeof disk);
}

// ## The six steps

static int step_new(struct ordered *o)
{
	const unsigned kinds = 1u << BLOCK_NEW | 1u << BLOCK_BITMAP;
	int error = write_features(o);

	if (!error)
		error = write_home(o, kinds);
	if (!error)
		error = dirs_write_slack(o);
	return error ? error : device_flush(o->fs->device);
}

static int step_old(struct ordered *o)
{
	int error = write_home(o, 1u << BLOCK_MAP | 1u << BLOCK_XATTR);

	if (!error)
		error = write_inodes(o, 0);
	if (!error)
		error = dirs_write_both(o);
	return error ? error : device_flush(o->fs->device);
}

static int step_born(struct ordered *o)
{
	int error = 0;

	for (uint32_t level = 1; level <= o->born.levels && !error; level++) {
		error = write_inodes(o, level);
		if (!error)
			error = device_flush(o->fs->device);
	}
	return error;
}

static int step_dead(struct ordered *o)
{
	int error = 0;

	for (uint32_t level = 1; level <= o->dead.levels && !error; level++) {
		for (size_t i = 0; i < o->dead.count && !error; i++)
			if (o->dead.rank[i].level == level)
				error = inode_bury(o->fs, o->dead.rank[i].ino);
		if (!error)
			error = write_and_flush(o, 1u << BLOCK_INODES);
	}
	return error;
}

static int step_names(struct ordered *o)
{
	int error = 0;

	if (o->flips) {
		error = dirs_write_flips(o);
		if (!error)
			error = device_flush(o->fs->device);
	}
	if (!error)
		error = dirs_write_last(o);
	return error || !o->removes ? error : device_flush(o->fs->device);
}

static int step_sums(struct ordered *o)
{
	int error = space_apply_freed(o->fs);

	if (!error)
		error = super_stage(o->fs);
	return error ? error : write_and_flush(o, ~0u);
}

static int in_order(struct ordered *o)
{
	static int (*const steps[])(struct ordered *) = {
		step_new, step_old, step_born, step_dead, step_names, step_sums,
	};
	int error = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && !error; i++)
		error = steps[i](o);
	return error;
}

static int begin(struct ordered *o)
{
	const size_t entries = o->fs->block_bytes / ENTRY_HEADER;
	int error;

	o->disk = malloc(o->fs->block_bytes);
	o->mixed = malloc(o->fs->block_bytes);
	o->was = calloc(entries, sizeof *o->was);
	o->is = calloc(entries, sizeof *o->is);
	o->both = calloc(entries * 2, sizeof *o->both);
	if (!o->disk || !o->mixed || !o->was || !o->is || !o->both)
		return -ENOMEM;
	o->hard = cache_dirty_count(o->fs->cache,
				    1u << BLOCK_MAP | 1u << BLOCK_XATTR) > 0;
	error = who_comes(o);
	if (!error)
		error = who_goes(o);
	if (!error)
		error = attributes_look(o);
	return error ? error : dirs_look(o);
}

static void end(struct ordered *o)
{
	free(o->disk);
	free(o->mixed);
	free(o->was);
	free(o->is);
	free(o->both);
	free(o->born.rank);
	free(o->dead.rank);
}

int ordered_commit(struct ext2 *fs)
{
	struct ordered o = { .fs = fs };
	int error = begin(&o);
	bool logged = false;

	if (!error && o.hard) {
		error = log_once_commit(fs, &logged);
		if (!logged && (error == -ENOSPC || error == -ENOTSUP))
			error = in_order(&o);
	} else if (!error) {
		error = in_order(&o);
	}
	end(&o);
	return error;
}
