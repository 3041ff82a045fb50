// space.c - which blocks and inodes are free
//
// One bit each, in a bitmap block of the group. The cache holds the bitmaps as
// this transaction wants them. Two more bits a block say what the bitmaps cannot,
// in groups that the transaction touches:
//
//     new     free at the last commit, in use now. May be written in place, and
//             is free again at once when it is given back.
//     freed   in use at the last commit, given back now. Stays set in the bitmap
//             until the commit applies it, so that nothing is overwritten which
//             the disk still points at.
//
// A fresh image has no last commit: all is new.
//
// Allocation looks at the goal first, then for a run behind it in the group, then
// in the groups that follow. A group remembers below which bit all is taken, so
// filling an image in order looks at one word of 64 bits a call. Bits of the
// group's own metadata are checked when its bitmap is first used: a bitmap that
// calls the inode table free is not to be believed, and the group is left alone.
//
// Inodes: a file beside its directory; a directory below the root to the group
// with the fewest directories among those with room, so that trees spread, and
// deeper ones near their parent (Orlov's rule, as Linux has it, without its memory
// of recent decisions). In a fresh image: in order.

#include "fs/ext2/space.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_GROUPS = 8, LONG_RUN = 16 };

static struct space_group *group_of(struct ext2 *fs, uint32_t group)
{
	return &fs->space->group[group];
}

int space_make(struct ext2 *fs)
{
	fs->space = calloc(1, sizeof *fs->space);
	if (!fs->space)
		return -ENOMEM;
	fs->space->group = calloc(fs->group_count, sizeof *fs->space->group);
	if (!fs->space->group)
		return -ENOMEM;
	return 0;
}

static void forget_changes(struct ext2 *fs)
{
	struct space *space = fs->space;

	for (uint32_t i = 0; space->group && i < fs->group_count; i++) {
		struct space_group *g = &space->group[i];

		free(g->new_blocks);
		free(g->freed_blocks);
		free(g->new_inodes);
		g->new_blocks = g->freed_blocks = g->new_inodes = NULL;
	}
	space->queued = 0;
	space->touched = false;
}

void space_free(struct ext2 *fs)
{
	if (!fs->space)
		return;
	forget_changes(fs);
	free(fs->space->group);
	free(fs->space);
	fs->space = NULL;
}

// ## Bits. Bit n is bit n % 8 of byte n / 8; on any machine a word of 64 of them
// is read little-endian.

static uint64_t word_at(const uint8_t *bits, uint32_t word)
{
	uint64_t n;

	memcpy(&n, bits + (size_t)word * 8, sizeof n);
	return le64toh(n);
}

void bits_set(uint8_t *bits, uint32_t first, uint32_t count)
{
	for (; count && first % 8; first++, count--)
		bits[first / 8] |= (uint8_t)(1u << first % 8);
	memset(bits + first / 8, 0xff, count / 8);
	first += count & ~7u;
	for (count %= 8; count; first++, count--)
		bits[first / 8] |= (uint8_t)(1u << first % 8);
}

// The first bit from `from` on, below `end`, that is `set` or not; end: none.
uint32_t find_bit(const uint8_t *bits, uint32_t from, uint32_t end, bool set)
{
	uint64_t flip = set ? 0 : UINT64_MAX, word;

	if (from >= end)
		return end;
	word = (word_at(bits, from / 64) ^ flip) & UINT64_MAX << from % 64;
	for (from &= ~63u; !word;) {
		from += 64;
		if (from >= end)
			return end;
		word = word_at(bits, from / 64) ^ flip;
	}
	from += (uint32_t)__builtin_ctzll(word);
	return from < end ? from : end;
}

// Bitmaps of a transaction, made when a group is first touched.
int own_bits(struct ext2 *fs, uint8_t **bits, uint32_t count)
{
	if (*bits)
		return 0;
	*bits = calloc((count + 63) / 64, 8);
	fs->space->touched = true;
	return *bits ? 0 : -ENOMEM;
}

// ## Blocks of a group

static uint32_t blocks_in(const struct ext2 *fs, uint32_t group)
{
	uint64_t left = fs->blocks - group_first_block(fs, group);

	return left < fs->blocks_per_group ? (uint32_t)left
					   : fs->blocks_per_group;
}

// Whether one of the blocks holds the group's own metadata. In images that are
// written these stand in the group that they describe (ext2_open looked).
static bool holds_metadata(struct ext2 *fs, uint32_t group, uint64_t first,
			   uint32_t count)
{
	const struct group *g = &fs->groups[group];
	struct space_group *s = group_of(fs, group);
	struct ext2_group info;
	uint64_t end = first + count;

	if (!s->head_known) {
		ext2_group(fs, group, &info);
		s->head = info.super_blocks;
		s->head_known = true;
	}
	return first < group_first_block(fs, group) + s->head ||
	       (first <= g->block_bitmap && g->block_bitmap < end) ||
	       (first <= g->inode_bitmap && g->inode_bitmap < end) ||
	       (first < g->inode_table + fs->table_blocks &&
		g->inode_table < end);
}

// Whether the bitmap has the group's own metadata in use.
static bool believable(struct ext2 *fs, uint32_t group, const uint8_t *bits)
{
	const struct group *g = &fs->groups[group];
	uint64_t first = group_first_block(fs, group);
	uint32_t table = (uint32_t)(g->inode_table - first);
	uint32_t head;

	holds_metadata(fs, group, first, 1);
	head = group_of(fs, group)->head;
	return find_bit(bits, 0, head, false) == head &&
	       bit_get(bits, (uint32_t)(g->block_bitmap - first)) &&
	       bit_get(bits, (uint32_t)(g->inode_bitmap - first)) &&
	       find_bit(bits, table, table + fs->table_blocks, false) ==
		       table + fs->table_blocks;
}

// Free blocks from bit `from` on, at least `least`, at most `want`, below `end`.
static uint32_t find_run(const uint8_t *bits, uint32_t from, uint32_t end,
			 uint32_t least, uint32_t want, uint32_t *got)
{
	uint32_t most, stop;

	for (; (from = find_bit(bits, from, end, false)) < end; from = stop) {
		most = want < end - from ? want : end - from;
		stop = find_bit(bits, from, from + most, true);
		if (stop - from >= least) {
			*got = stop - from;
			return from;
		}
	}
	*got = 0;
	return end;
}

static int take_blocks(struct ext2 *fs, uint32_t group, struct buffer *b,
		       uint32_t first, uint32_t count)
{
	struct space_group *s = group_of(fs, group);
	uint64_t block = group_first_block(fs, group) + first;
	struct group *g = &fs->groups[group];

	if (fs->mode != MODE_FRESH) {
		int error = own_bits(fs, &s->new_blocks, fs->blocks_per_group);

		if (error)
			return error;
		bits_set(s->new_blocks, first, count);
		for (uint32_t i = 0; i < count; i++)
			cache_forget(fs->cache, block + i);
	}
	bits_set(b->bytes, first, count);
	cache_dirty(fs->cache, b, BLOCK_BITMAP);
	if (s->first_free == first)
		s->first_free = first + count;
	g->free_blocks -= g->free_blocks < count ? g->free_blocks : count;
	fs->free_blocks -= fs->free_blocks < count ? fs->free_blocks : count;
	g->changed = true;
	return 0;
}

// A run in this group: at bit `goal`, else behind it, else before it.
static int allocate_in(struct ext2 *fs, uint32_t group, uint32_t goal,
		       uint32_t least, uint32_t want, uint64_t *first,
		       uint32_t *got)
{
	struct space_group *s = group_of(fs, group);
	uint32_t end = blocks_in(fs, group), at;
	struct buffer *b;
	int error;

	*got = 0;
	if (s->bad || !fs->groups[group].free_blocks)
		return 0;
	error = cache_get(fs->cache, fs->groups[group].block_bitmap, 0, &b);
	if (error)
		return error;
	if (!s->checked && !believable(fs, group, b->bytes)) {
		s->bad = true;
		fs->space->any_bad = true;
		cache_drop(b);
		return 0;
	}
	s->checked = true;
	s->first_free = find_bit(b->bytes, s->first_free, end, false);
	if (goal < s->first_free)
		goal = s->first_free;
	if (goal < end && !bit_get(b->bytes, goal))
		least = 1; // the place that was asked for, however short
	at = find_run(b->bytes, goal, end, least, want, got);
	if (!*got)
		at = find_run(b->bytes, s->first_free, goal < end ? goal : end,
			      least, want, got);
	if (*got) {
		error = take_blocks(fs, group, b, at, *got);
		*first = group_first_block(fs, group) + at;
	}
	cache_drop(b);
	return error;
}

int blocks_allocate(struct ext2 *fs, uint64_t goal, uint32_t want,
		    uint64_t *first, uint32_t *got)
{
	uint32_t group = fs->space->last_group, bit = 0;
	uint32_t least = want < LONG_RUN ? want : LONG_RUN;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!want)
		return -EINVAL;
	if (block_is_data(fs, goal)) {
		uint64_t n = goal - fs->first_data_block;

		group = (uint32_t)(n / fs->blocks_per_group);
		bit = (uint32_t)(n % fs->blocks_per_group);
	}
	// Long runs nearby first; after that anything, in all groups.
	for (uint32_t round = 0; round < 2; round++) {
		uint32_t groups = fs->group_count;

		if (!round && groups > NEAR_GROUPS)
			groups = NEAR_GROUPS;
		for (uint32_t i = 0; i < groups; i++) {
			uint32_t at = group + i < fs->group_count
					      ? group + i
					      : group + i - fs->group_count;

			error = allocate_in(fs, at, i ? 0 : bit,
					    round ? 1 : least, want, first,
					    got);
			if (error)
				return error;
			if (*got) {
				fs->space->last_group = at;
				return 0;
			}
		}
	}
	return -ENOSPC;
}

// ## Giving back

static int queue_blocks(struct ext2 *fs, uint64_t first, uint32_t count)
{
	struct freed_run *last = fs->freed_count
					 ? &fs->freed[fs->freed_count - 1]
					 : NULL;

	if (last && last->block + last->count == first &&
	    last->count + count > last->count) {
		last->count += count;
		return 0;
	}
	if (!fs->freed || fs->freed_count == fs->freed_room) {
		size_t room = fs->freed_room ? fs->freed_room * 2 : 64;
		void *more = realloc(fs->freed, room * sizeof *fs->freed);

		if (!more)
			return -ENOMEM;
		fs->freed = more;
		fs->freed_room = room;
	}
	fs->freed[fs->freed_count++] = (struct freed_run){ first, count };
	return 0;
}

// The working bitmap calls these free.
static void clear_blocks(struct ext2 *fs, uint32_t group, struct buffer *b,
			 uint32_t first, uint32_t count)
{
	struct space_group *s = group_of(fs, group);
	struct group *g = &fs->groups[group];

	for (uint32_t i = first; i < first + count; i++) {
		if (!bit_get(b->bytes, i))
			continue; // it was free: two claimed it
		bit_clear(b->bytes, i);
		g->free_blocks++;
		fs->free_blocks++;
	}
	if (first < s->first_free)
		s->first_free = first;
	cache_dirty(fs->cache, b, BLOCK_BITMAP);
	g->changed = true;
}

// Blocks of one group.
static int free_in(struct ext2 *fs, uint32_t group, uint32_t first,
		   uint32_t count)
{
	struct space_group *s = group_of(fs, group);
	uint64_t base = group_first_block(fs, group);
	struct buffer *b;
	int error;

	for (uint32_t i = first; i < first + count; i++)
		cache_forget(fs->cache, base + i);
	error = cache_get(fs->cache, fs->groups[group].block_bitmap, 0, &b);
	if (error)
		return error;
	if (fs->mode == MODE_FRESH) {
		clear_blocks(fs, group, b, first, count);
		cache_drop(b);
		return 0;
	}
	error = own_bits(fs, &s->freed_blocks, fs->blocks_per_group);
	for (uint32_t i = first; i < first + count && !error; i++) {
		if (s->new_blocks && bit_get(s->new_blocks, i)) {
			clear_blocks(fs, group, b, i, 1);
			bit_clear(s->new_blocks, i);
		} else if (bit_get(b->bytes, i) &&
			   !bit_get(s->freed_blocks, i)) {
			error = queue_blocks(fs, base + i, 1);
			if (error)
				break;
			bits_set(s->freed_blocks, i, 1);
			fs->space->queued++;
		}
	}
	cache_drop(b);
	return error;
}

int blocks_free(struct ext2 *fs, uint64_t first, uint32_t count)
{
	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!count)
		return 0;
	if (!block_is_data(fs, first) || count > fs->blocks - first)
		return -EUCLEAN;
	while (count) {
		uint64_t n = first - fs->first_data_block;
		uint32_t group = (uint32_t)(n / fs->blocks_per_group);
		uint32_t bit = (uint32_t)(n % fs->blocks_per_group);
		uint32_t most = fs->blocks_per_group - bit;
		int error;

		if (most > count)
			most = count;
		if (holds_metadata(fs, group, first, most))
			return -EUCLEAN;
		error = free_in(fs, group, bit, most);
		if (error)
			return error;
		first += most;
		count -= most;
	}
	return 0;
}

bool block_is_new(struct ext2 *fs, uint64_t block)
{
	const uint8_t *bits;
	uint64_t n;

	if (fs->mode == MODE_FRESH)
		return true;
	if (!fs->space->touched || !block_is_data(fs, block))
		return false;
	n = block - fs->first_data_block;
	bits = group_of(fs, (uint32_t)(n / fs->blocks_per_group))->new_blocks;
	return bits && bit_get(bits, (uint32_t)(n % fs->blocks_per_group));
}

uint64_t space_queued(const struct ext2 *fs)
{
	return fs->space ? fs->space->queued : 0;
}

int space_apply_freed(struct ext2 *fs)
{
	int error = 0;

	for (size_t i = 0; i < fs->freed_count && !error; i++) {
		uint64_t block = fs->freed[i].block;
		uint32_t left = fs->freed[i].count;

		while (left && !error) {
			uint64_t n = block - fs->first_data_block;
			uint32_t group = (uint32_t)(n / fs->blocks_per_group);
			uint32_t bit = (uint32_t)(n % fs->blocks_per_group);
			uint32_t most = fs->blocks_per_group - bit;
			struct buffer *b;

			if (most > left)
				most = left;
			error = cache_get(fs->cache,
					  fs->groups[group].block_bitmap, 0,
					  &b);
			if (error)
				break;
			clear_blocks(fs, group, b, bit, most);
			cache_drop(b);
			block += most;
			left -= most;
		}
	}
	fs->space->queued = 0;
	return error ? error : inodes_apply_freed(fs);
}

int space_committed(struct ext2 *fs)
{
	forget_changes(fs);
	fs->freed_count = 0;
	fs->freed_inode_count = 0;
	return 0;
}

int ext2_block_in_use(struct ext2 *fs, uint64_t block, bool *in_use)
{
	const uint8_t *freed;
	struct buffer *b;
	uint32_t group, bit, cluster = 0;
	uint64_t n;
	int error;

	if (block >= fs->blocks)
		return -EINVAL;
	*in_use = true;
	if (block < fs->first_data_block)
		return 0;
	n = block - fs->first_data_block;
	group = (uint32_t)(n / fs->blocks_per_group);
	bit = (uint32_t)(n % fs->blocks_per_group);
	if (get32(fs->super.s_feature_ro_compat) & RO_COMPAT_BIGALLOC)
		cluster = get32(fs->super.s_log_cluster_size) + 10 -
			  fs->block_bits;
	if (fs->groups[group].flags & GROUP_BLOCK_UNINIT &&
	    has_lazy_groups(fs)) {
		*in_use = holds_metadata(fs, group, block, 1);
		return 0;
	}
	error = cache_get(fs->cache, fs->groups[group].block_bitmap, 0, &b);
	if (error)
		return error;
	freed = group_of(fs, group)->freed_blocks;
	*in_use = bit_get(b->bytes, bit >> cluster) &&
		  !(freed && bit_get(freed, bit));
	cache_drop(b);
	return 0;
}
