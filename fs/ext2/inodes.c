// inodes.c - which inodes are free (see space.c for the rules of a transaction)

#include "fs/ext2/space.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t first_inode(const struct ext2 *fs)
{
	return get32(fs->super.s_rev_level) ? get32(fs->super.s_first_ino)
					    : INO_FIRST;
}

static uint32_t group_of_inode(const struct ext2 *fs, uint32_t ino)
{
	return (ino - 1) / fs->inodes_per_group;
}

static bool valid(const struct ext2 *fs, uint32_t ino)
{
	return ino && ino <= get32(fs->super.s_inodes_count);
}

// ## Where

// A group for a directory below the root: of those that have about the average of
// free inodes and blocks, or more, the one with the fewest directories. (Groups with
// a copy of the superblock always have a little less than the others.)
static uint32_t spread_directory(const struct ext2 *fs, uint32_t parent)
{
	uint32_t inodes = fs->free_inodes / fs->group_count;
	uint64_t blocks = fs->free_blocks / fs->group_count;
	uint32_t best = parent, fewest = UINT32_MAX;

	inodes -= inodes / 8;
	blocks -= blocks / 8;
	for (uint32_t i = 0; i < fs->group_count; i++) {
		const struct group *g = &fs->groups[i];

		if (g->free_inodes && g->free_inodes >= inodes &&
		    g->free_blocks >= blocks && g->directories < fewest) {
			best = i;
			fewest = g->directories;
		}
	}
	return best;
}

// The parent's group while it is not much fuller than the others.
static uint32_t near_parent(const struct ext2 *fs, uint32_t parent)
{
	uint32_t inodes = fs->free_inodes / fs->group_count;
	uint64_t blocks = fs->free_blocks / fs->group_count;

	inodes -= inodes / 4;
	blocks -= blocks / 4;
	for (uint32_t i = 0; i < fs->group_count; i++) {
		uint32_t at = (parent + i) % fs->group_count;
		const struct group *g = &fs->groups[at];

		if (g->free_inodes && g->free_inodes >= inodes &&
		    g->free_blocks >= blocks)
			return at;
	}
	return parent;
}

static uint32_t first_group(const struct ext2 *fs, uint32_t dir, bool directory)
{
	uint32_t parent = valid(fs, dir) ? group_of_inode(fs, dir) : 0;

	if (fs->mode == MODE_FRESH)
		return fs->space->inode_group;
	if (!directory)
		return parent;
	return dir == INO_ROOT ? spread_directory(fs, parent)
			       : near_parent(fs, parent);
}

// ## Taking

static int take_inode(struct ext2 *fs, uint32_t group, struct buffer *b,
		      uint32_t bit, bool directory)
{
	struct space_group *s = &fs->space->group[group];
	struct group *g = &fs->groups[group];
	uint32_t ino = group * fs->inodes_per_group + bit + 1;
	int error = inode_clear(fs, ino);

	if (!error && fs->mode != MODE_FRESH)
		error = own_bits(fs, &s->new_inodes, fs->inodes_per_group);
	if (error)
		return error;
	if (fs->mode != MODE_FRESH)
		bits_set(s->new_inodes, bit, 1);
	bits_set(b->bytes, bit, 1);
	cache_dirty(fs->cache, b, BLOCK_BITMAP);
	s->first_free_inode = bit + 1;
	g->free_inodes--;
	g->directories += directory;
	g->changed = true;
	if (fs->free_inodes)
		fs->free_inodes--;
	return 0;
}

static int allocate_in(struct ext2 *fs, uint32_t group, bool directory,
		       uint32_t *ino)
{
	struct space_group *s = &fs->space->group[group];
	uint32_t end = fs->inodes_per_group;
	uint32_t first = group * fs->inodes_per_group + 1;
	uint32_t reserved = first_inode(fs);
	struct buffer *b;
	int error;

	*ino = 0;
	if (!fs->groups[group].free_inodes)
		return 0;
	if (first < reserved && s->first_free_inode < reserved - first)
		s->first_free_inode = reserved - first;
	error = cache_get(fs->cache, fs->groups[group].inode_bitmap, 0, &b);
	if (error)
		return error;
	s->first_free_inode = find_bit(b->bytes, s->first_free_inode, end,
				       false);
	if (s->first_free_inode < end) {
		*ino = first + s->first_free_inode;
		error = take_inode(fs, group, b, s->first_free_inode,
				   directory);
	}
	cache_drop(b);
	return error;
}

int inode_allocate(struct ext2 *fs, uint32_t dir, bool directory, uint32_t *ino)
{
	uint32_t group;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	group = first_group(fs, dir, directory);
	for (uint32_t i = 0; i < fs->group_count; i++) {
		uint32_t at = (group + i) % fs->group_count;

		error = allocate_in(fs, at, directory, ino);
		if (error)
			return error;
		if (*ino) {
			if (fs->mode == MODE_FRESH)
				fs->space->inode_group = at;
			return 0;
		}
	}
	return -ENOSPC;
}

int inode_take(struct ext2 *fs, uint32_t ino, bool directory)
{
	struct space_group *s;
	struct buffer *b;
	uint32_t group, bit, below;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!valid(fs, ino) || ino < first_inode(fs))
		return -EINVAL;
	group = group_of_inode(fs, ino);
	bit = (ino - 1) % fs->inodes_per_group;
	s = &fs->space->group[group];
	error = cache_get(fs->cache, fs->groups[group].inode_bitmap, 0, &b);
	if (error)
		return error;
	below = s->first_free_inode;
	error = -EEXIST;
	if (!bit_get(b->bytes, bit) && fs->groups[group].free_inodes)
		error = take_inode(fs, group, b, bit, directory);
	s->first_free_inode = below;
	cache_drop(b);
	return error;
}

bool inode_is_new(struct ext2 *fs, uint32_t ino)
{
	const uint8_t *bits;

	if (fs->mode == MODE_FRESH)
		return true;
	if (!valid(fs, ino))
		return false;
	bits = fs->space->group[group_of_inode(fs, ino)].new_inodes;
	return bits && bit_get(bits, (ino - 1) % fs->inodes_per_group);
}

uint64_t inode_goal(const struct ext2 *fs, uint32_t ino)
{
	uint64_t first;

	if (!valid(fs, ino))
		return 0;
	first = group_first_block(fs, group_of_inode(fs, ino));
	return first ? first : 1;
}

// ## Giving back

static int clear_inode(struct ext2 *fs, uint32_t ino)
{
	uint32_t group = group_of_inode(fs, ino);
	uint32_t bit = (ino - 1) % fs->inodes_per_group;
	struct space_group *s = &fs->space->group[group];
	struct group *g = &fs->groups[group];
	struct buffer *b;
	int error = cache_get(fs->cache, g->inode_bitmap, 0, &b);

	if (error)
		return error;
	if (bit_get(b->bytes, bit)) {
		bit_clear(b->bytes, bit);
		cache_dirty(fs->cache, b, BLOCK_BITMAP);
		g->free_inodes++;
		fs->free_inodes++;
		g->changed = true;
	}
	if (bit < s->first_free_inode)
		s->first_free_inode = bit;
	if (group < fs->space->inode_group)
		fs->space->inode_group = group;
	cache_drop(b);
	return 0;
}

int inode_free(struct ext2 *fs, uint32_t ino, bool directory)
{
	uint32_t group;
	struct group *g;

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!valid(fs, ino) || ino < first_inode(fs))
		return -EUCLEAN;
	group = group_of_inode(fs, ino);
	g = &fs->groups[group];
	if (!inode_is_new(fs, ino) &&
	    fs->freed_inode_count == fs->freed_inode_room) {
		size_t room = fs->freed_inode_room ? fs->freed_inode_room * 2
						   : 64;
		void *more = realloc(fs->freed_inodes,
				     room * sizeof *fs->freed_inodes);

		if (!more)
			return -ENOMEM;
		fs->freed_inodes = more;
		fs->freed_inode_room = room;
	}
	if (directory && g->directories) {
		g->directories--;
		g->changed = true;
	}
	if (!inode_is_new(fs, ino)) {
		fs->freed_inodes[fs->freed_inode_count++] = ino;
		return 0;
	}
	if (fs->mode != MODE_FRESH)
		bit_clear(fs->space->group[group].new_inodes,
			  (ino - 1) % fs->inodes_per_group);
	return clear_inode(fs, ino);
}

int inodes_apply_freed(struct ext2 *fs)
{
	int error = 0;

	for (size_t i = 0; i < fs->freed_inode_count && !error; i++)
		error = clear_inode(fs, fs->freed_inodes[i]);
	return error;
}

int ext2_inode_in_use(struct ext2 *fs, uint32_t ino, bool *in_use)
{
	const struct group *g;
	struct buffer *b;
	int error;

	if (!valid(fs, ino))
		return -EINVAL;
	g = &fs->groups[group_of_inode(fs, ino)];
	*in_use = false;
	if (g->flags & GROUP_INODE_UNINIT && has_lazy_groups(fs))
		return 0;
	error = cache_get(fs->cache, g->inode_bitmap, 0, &b);
	if (error)
		return error;
	*in_use = bit_get(b->bytes, (ino - 1) % fs->inodes_per_group);
	cache_drop(b);
	for (size_t i = 0; i < fs->freed_inode_count; i++)
		if (fs->freed_inodes[i] == ino)
			*in_use = false;
	return 0;
}
