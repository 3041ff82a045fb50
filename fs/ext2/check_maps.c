// check_maps.c - the walk along an inode's block map
//
// Twelve direct pointers, then a block of pointers, a block of blocks of them,
// and once more. The walk visits each pointer before what is below it, so that a
// visitor can change a pointer or say that its subtree is not to be entered. It
// never enters a block twice on one path: it goes down at most three levels.
//
// For the check, the visitor claims each block. A block of the map is entered once:
// all walks together cost no more than the blocks there are, however often a
// hostile image lets maps share blocks. One that was claimed before as something
// else is entered all the same: what it leads to is in use, and a repair that took
// it for free would write over it.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

struct walk {
	struct check *c;
	uint8_t *const *buffers;
	int flags;
	int (*visit)(void *context, struct pointer *);
	void *context;
	uint64_t most; // blocks that a file can have: logical stays below
};

static uint64_t span(const struct check *c, int level)
{
	uint64_t blocks = 1;

	while (level--)
		blocks *= c->pointers;
	return blocks;
}

static int walk_block(struct walk *w, uint32_t block, int level,
		      uint64_t logical);

// One pointer, and what is below.
static int walk_pointer(struct walk *w, le32 *pointer, struct pointer *p,
			uint64_t logical, bool *changed)
{
	uint32_t value = get32(*pointer);
	int next;

	if (logical > UINT32_MAX)
		return 0;
	if (!value && !(w->flags & MAP_HOLES && !p->level))
		return 0;
	p->logical = (uint32_t)logical;
	p->value = value;
	next = w->visit(w->context, p);
	if (p->value != value) {
		*pointer = put32(p->value);
		*changed = true;
	}
	if (next || !p->level || !block_valid(w->c, p->value))
		return next == MAP_SKIP ? 0 : next;
	return walk_block(w, p->value, p->level, logical);
}

static int walk_block(struct walk *w, uint32_t block, int level,
		      uint64_t logical)
{
	le32 *pointers = (void *)w->buffers[level - 1];
	uint64_t each = span(w->c, level - 1);
	bool changed = false;
	int status = check_read(w->c, block, pointers);

	if (status)
		return status;
	for (uint32_t i = 0; !status && i < w->c->pointers; i++) {
		struct pointer p = { .level = level - 1,
				     .holder = block,
				     .index = i };

		if (!get32(pointers[i]) && !(w->flags & MAP_HOLES))
			continue;
		status = walk_pointer(w, &pointers[i], &p, logical + i * each,
				      &changed);
	}
	if (changed && status >= 0) {
		int error = check_write(w->c, block, pointers);

		status = error ? error : status;
	}
	return status;
}

int map_walk(struct check *c, uint8_t *const buffers[3],
	     struct disk_inode *inode, bool *dirty, int flags,
	     int (*visit)(void *context, struct pointer *), void *context)
{
	struct walk w = { .c = c,
			  .buffers = buffers,
			  .flags = flags,
			  .visit = visit,
			  .context = context };
	int status = 0;

	for (uint32_t i = 0; !status && i < BLOCK_POINTERS; i++) {
		int level = i < BLOCKS_DIRECT ? 0 : (int)i - BLOCK_SINGLE + 1;
		struct pointer p = { .level = level, .index = i };
		uint64_t logical = i < BLOCKS_DIRECT ? i : BLOCKS_DIRECT;

		if (!get32(inode->i_block[i]) && !(flags & MAP_HOLES))
			continue;
		for (int below = 1; below < level; below++)
			logical += span(c, below);
		status = walk_pointer(&w, &inode->i_block[i], &p, logical,
				      dirty);
	}
	return status < 0 ? status : 0;
}

// ## Finding one block

struct search {
	uint64_t logical;
	uint32_t block, pointers;
};

static int search_visit(void *context, struct pointer *p)
{
	struct search *s = context;
	uint64_t blocks = 1;

	for (int i = 0; i < p->level; i++)
		blocks *= s->pointers;
	if (s->logical < p->logical || s->logical >= p->logical + blocks)
		return MAP_SKIP;
	if (p->level)
		return 0;
	s->block = p->value;
	return MAP_STOP;
}

int map_find(struct check *c, struct disk_inode *inode, uint32_t logical,
	     uint32_t *block)
{
	struct search s = { .logical = logical, .pointers = c->pointers };
	bool dirty = false;
	int error = map_walk(c, c->map, inode, &dirty, 0, search_visit, &s);

	*block = block_valid(c, s.block) ? s.block : 0;
	return error;
}

// ## Building one: blocks without holes

struct building {
	struct check *c;
	const uint32_t *data, *map; // map: blocks that may hold pointers
	size_t data_count, data_used, map_count, map_used;
	uint32_t goal;
};

static uint32_t take_map_block(struct building *b)
{
	size_t i = b->map_used++;

	return i < b->map_count ? b->map[i] : check_allocate(b->c, b->goal);
}

static int build_level(struct building *b, int level, le32 *pointer)
{
	struct check *c = b->c;
	le32 *pointers;
	uint32_t block;
	int error = 0;

	if (b->data_used == b->data_count) {
		*pointer = put32(0);
		return 0;
	}
	if (!level) {
		*pointer = put32(b->data[b->data_used++]);
		return 0;
	}
	block = take_map_block(b);
	if (!block)
		return -ENOSPC;
	pointers = calloc(1, c->block_bytes);
	if (!pointers)
		return -ENOMEM;
	for (uint32_t i = 0; !error && i < c->pointers; i++)
		error = build_level(b, level - 1, &pointers[i]);
	if (!error)
		error = check_write(c, block, pointers);
	free(pointers);
	*pointer = put32(block);
	return error;
}

int map_build(struct check *c, struct disk_inode *inode, const uint32_t *data,
	      size_t data_count, const uint32_t *map, size_t map_count,
	      size_t *map_used)
{
	struct building b = {
		.c = c,
		.data = data,
		.data_count = data_count,
		.map = map,
		.map_count = map_count,
		.goal = data_count ? data[data_count - 1] : 0,
	};
	int error = 0;

	for (int i = 0; !error && i < BLOCK_POINTERS; i++)
		error = build_level(
			&b, i < BLOCKS_DIRECT ? 0 : i - BLOCK_SINGLE + 1,
			&inode->i_block[i]);
	*map_used = b.map_used;
	return error ? error : b.data_used < data_count ? -EFBIG : 0;
}

struct collecting {
	uint32_t *block[2]; // data, map
	size_t count[2], room[2];
	const struct check *c;
};

static int collect(void *context, struct pointer *p)
{
	struct collecting *g = context;
	bool map = p->level;

	if (!block_valid(g->c, p->value) || g->count[map] > g->c->blocks)
		return MAP_SKIP;
	if (!check_room(&g->block[map], &g->room[map], g->count[map],
			sizeof(uint32_t)))
		return -ENOMEM;
	g->block[map][g->count[map]++] = p->value;
	return 0;
}

int map_lists(struct check *c, struct disk_inode *inode, uint32_t **data,
	      size_t *data_count, uint32_t **map, size_t *map_count)
{
	struct collecting g = { .c = c };
	bool dirty = false;
	int error = map_walk(c, c->map, inode, &dirty, 0, collect, &g);

	*data = g.block[0];
	*data_count = g.count[0];
	*map = g.block[1];
	*map_count = g.count[1];
	return error;
}

// ## The check

struct checking {
	struct check *c;
	uint32_t ino;
	bool directory;
	bool partial;      // not all of it could be seen
	uint64_t data;     // blocks claimed
	uint64_t map;      // and of the map
	uint64_t last;     // logical, plus 1
	uint32_t expected; // the next block, were the file in one piece
	bool fragmented;
	bool asked, fix; // pointers that are bad, of one holder
	uint32_t holder;
	uint32_t path[4]; // the blocks of the map above, by level
};

static bool bad_pointer(struct checking *k, struct pointer *p, const char *code,
			const char *what)
{
	char where[64] = "in the inode";

	if (p->holder)
		snprintf(where, sizeof where, "in block %u of its map",
			 p->holder);
	return problem(k->c, code, 0, k->ino, p->value,
		       p->level ? "clears the pointer: holes are left"
				: "clears the pointer: a hole is left",
		       "pointer %u %s says block %u, %s", p->index, where,
		       p->value, what);
}

// Blocks out of range are told once for all that stand in one block: a block of
// garbage holds a thousand of them.
static bool stray_pointer(struct checking *k, struct pointer *p)
{
	if (!k->asked || k->holder != p->holder || !p->holder)
		k->fix = bad_pointer(k, p, "pointer",
				     "which is not of this file system");
	k->asked = true;
	k->holder = p->holder;
	return k->fix;
}

static bool in_path(const struct checking *k, const struct pointer *p)
{
	for (int i = p->level + 1; i < 4; i++)
		if (k->path[i] == p->value)
			return true;
	return false;
}

static int note_dir_block(struct checking *k, uint32_t block, uint32_t logical)
{
	struct check *c = k->c;

	if (c->dir_block_count > 2ull * c->blocks)
		return 0; // only where blocks are claimed beyond measure
	if (!check_room(&c->dir_blocks, &c->dir_block_room, c->dir_block_count,
			sizeof *c->dir_blocks))
		return -ENOMEM;
	if (logical)
		c->kind[k->ino] |= KIND_SEVERAL;
	c->dir_blocks[c->dir_block_count++] = (struct dir_block){ block, k->ino,
								  logical };
	return 0;
}

static int dropped(struct checking *k, struct pointer *p, bool fix)
{
	if (fix)
		p->value = 0;
	else
		k->partial = true;
	return MAP_SKIP;
}

static int check_pointer(void *context, struct pointer *p)
{
	struct checking *k = context;
	struct check *c = k->c;

	if (!block_valid(c, p->value))
		return dropped(k, p, stray_pointer(k, p));
	if (p->level && in_path(k, p))
		return dropped(k, p,
			       bad_pointer(k, p, "map-loop",
					   "of which it is a part"));
	if (p->level && block_is_metadata(c, p->value))
		return dropped(k, p,
			       bad_pointer(k, p, "map-block",
					   "which holds metadata"));
	if (p->level) {
		k->map++;
		k->path[p->level] = p->value;
		if (p->value == k->expected)
			k->expected++;
	} else {
		k->fragmented |= k->data && p->value != k->expected;
		k->expected = p->value + 1;
		k->data++;
		k->last = p->logical + UINT64_C(1);
	}
	if (block_claim(c, p->value))
		c->kind[k->ino] |= KIND_TWICE;
	if (p->level && bit_get(c->entered, p->value)) {
		k->partial = true;
		return MAP_SKIP;
	}
	if (p->level)
		bit_set(c->entered, p->value);
	if (!p->level && k->directory)
		return note_dir_block(k, p->value, p->logical);
	return 0;
}

// What a map reaches, and what i_blocks can count (2^32 sectors).
static uint64_t largest(const struct check *c)
{
	uint64_t blocks = BLOCKS_DIRECT, counted = UINT32_MAX;

	for (int level = 1; level <= 3; level++)
		blocks += span(c, level);
	counted = counted / (c->block_bytes / 512);
	return (blocks < counted ? blocks : counted) * c->block_bytes;
}

static void check_size(struct checking *k, struct disk_inode *inode,
		       bool *dirty)
{
	struct check *c = k->c;
	uint64_t size = inode_size(inode), right = k->last * c->block_bytes;
	bool wrong;

	if (k->directory)
		wrong = size != right;
	else
		wrong = size > largest(c) ||
			(k->last && size < (k->last - 1) * c->block_bytes);
	if (!wrong || kind_of(get16(inode->i_mode)) == TYPE_SYMLINK)
		return;
	if (!problem(c, "inode-size", SAFE, k->ino, 0,
		     "sets it to what its blocks hold",
		     "its size is %llu bytes, but its blocks hold %llu",
		     (unsigned long long)size, (unsigned long long)right))
		return;
	inode->i_size = put32((uint32_t)right);
	inode->i_size_high = put32((uint32_t)(right >> 32));
	*dirty = true;
}

static void check_sectors(struct checking *k, struct disk_inode *inode,
			  bool *dirty)
{
	struct check *c = k->c;
	uint64_t blocks = k->data + k->map + !!get32(inode->i_file_acl);
	uint64_t right = blocks * (c->block_bytes / 512);

	if (get32(inode->i_blocks) == right)
		return;
	if (!problem(c, "inode-blocks", SAFE, k->ino, 0, "sets it",
		     "it is said to take %u sectors, but takes %llu",
		     get32(inode->i_blocks), (unsigned long long)right))
		return;
	inode->i_blocks = put32((uint32_t)right);
	*dirty = true;
}

// A directory has no holes. The blocks that are there move together; those of
// the map suffice for that.
static int close_holes(struct checking *k, struct disk_inode *inode,
		       bool *dirty)
{
	struct check *c = k->c;
	uint32_t *data = NULL, *map = NULL;
	size_t data_count, map_count, map_used = 0;
	int error;

	if (!k->directory || k->partial || k->data == k->last ||
	    !problem(c, "directory-hole", 0, k->ino, 0,
		     "moves its blocks together",
		     "the directory has holes: %llu blocks of %llu are missing",
		     (unsigned long long)(k->last - k->data),
		     (unsigned long long)k->last))
		return 0;
	error = map_lists(c, inode, &data, &data_count, &map, &map_count);
	if (!error)
		error = map_build(c, inode, data, data_count, map, map_count,
				  &map_used);
	for (size_t i = map_used; !error && i < map_count; i++)
		if (!bit_get(c->twice, map[i]))
			bit_clear(c->used, map[i]);
	for (size_t i = 0; !error && i < data_count; i++)
		c->dir_blocks[c->dir_block_count - data_count + i].logical =
			(uint32_t)i;
	k->last = k->data;
	k->map = map_used;
	inode->i_flags = put32(get32(inode->i_flags) & ~INODE_INDEX);
	c->kind[k->ino] &= ~KIND_INDEXED;
	*dirty = true;
	free(data);
	free(map);
	return error;
}

int map_check(struct check *c, uint32_t ino, struct disk_inode *inode,
	      bool *dirty)
{
	struct checking k = {
		.c = c,
		.ino = ino,
		.directory = kind_of(get16(inode->i_mode)) == TYPE_DIRECTORY,
	};
	bool bad_blocks = ino == INO_BAD_BLOCKS;
	int error = 0;

	if (bad_blocks || inode_maps(c, inode))
		error = map_walk(c, c->map, inode, dirty, 0, check_pointer, &k);
	if (!error)
		error = close_holes(&k, inode, dirty);
	if (!error && k.directory && !k.data && !k.partial)
		error = note_dir_block(&k, 0, 0);
	if (error || k.partial)
		return error;
	if (!bad_blocks)
		check_size(&k, inode, dirty);
	check_sectors(&k, inode, dirty);
	if (k.fragmented)
		c->result->fragmented++;
	return 0;
}
