// check.c - rounds of checking, and what is told of a finding
//
// One round looks at everything, in the order in which one thing can be trusted
// because of another:
//
//     superblock      which block size, how many groups; else from a copy
//     journal         what it holds is replayed, then all is read anew
//     descriptors     where bitmaps and inode tables are; else where they must be
//     orphans         files that were deleted while open
//     inodes          fields, block maps; each block gets its first claimer
//     claims          blocks with a second one
//     directories     entries; each inode's links are counted
//     tree            every directory reaches the root
//     links           counted and said
//     counts          bitmaps and counts against what was found
//     copies          of superblock and descriptors
//
// A repair is written at once, and later steps see it. Some repairs show what
// was hidden (the copy of a doubly claimed block of a map makes all blocks below
// doubly claimed). So after a round that repaired something there is another,
// until one finds nothing new.
//
// A check that must not repair works on an overlay of its own where the journal
// has to be replayed or orphans have to be removed first: else it would tell of
// what the next mount makes good by itself.
//
// Memory: three bits a block, five bytes an inode, twelve a directory and a block
// of a directory. What a hostile superblock says is held against the size of the
// device before anything is allocated. Every block of a map is followed once, so
// that maps that share blocks, or loop, cost no more than others.
//
// Sources: McKusick & Kowalski, "Fsck - The UNIX File System Check Program",
// 1985 (the passes); fsck(8), e2fsck(8).

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/ext2/check_parts.h"

enum { ROUNDS_MOST = 40, AGAIN = 1 };

int check_read(struct check *c, uint64_t block, void *bytes)
{
	if (block >= c->blocks)
		return -EUCLEAN;
	return device_read(c->device, block * c->block_bytes, bytes,
			   c->block_bytes);
}

int check_write(struct check *c, uint64_t block, const void *bytes)
{
	if (block >= c->blocks)
		return -EUCLEAN;
	return device_write(c->device, block * c->block_bytes, bytes,
			    c->block_bytes);
}

bool check_room(void *array, size_t *room, size_t count, size_t item_bytes)
{
	void *old, *more;
	size_t wanted = *room ? *room * 2 : 64;

	if (count < *room)
		return true;
	memcpy(&old, array, sizeof old);
	more = reallocarray(old, wanted, item_bytes);
	if (!more)
		return false;
	memcpy(array, &more, sizeof more);
	*room = wanted;
	return true; // cppcheck-suppress memleak
}

uint32_t check_allocate(struct check *c, uint32_t goal)
{
	uint32_t words = (c->blocks + 63) / 64;
	uint32_t start = goal && goal < c->blocks ? goal / 64 : 0;

	for (uint32_t i = 0; i <= words; i++) {
		uint32_t word = (start + i) % words;
		uint64_t room = ~c->used[word];

		while (room) {
			uint32_t block = word * 64 + __builtin_ctzll(room);

			room &= room - 1;
			if (!block_valid(c, block) ||
			    block_is_metadata(c, block))
				continue;
			bit_set(c->used, block);
			return block;
		}
	}
	return 0;
}

void check_progress(struct check *c, const char *phase, double share)
{
	if (c->o->progress)
		c->o->progress(c->o->context, phase, share);
}

// ## Findings

// FNV-1a, 64 bits (Fowler, Noll, Vo).
static uint64_t hash_of(const char *code, uint32_t ino, uint64_t block,
			const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < 2; i++)
		for (const char *s = i ? text : code; *s; s++)
			hash = (hash ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	return hash ^ ino ^ block << 32;
}

// What was not agreed to is not told again in a later round.
static bool declined_before(struct check *c, uint64_t hash)
{
	for (size_t i = 0; i < c->declined_count; i++)
		if (c->declined[i] == hash)
			return true;
	return false;
}

static void decline(struct check *c, uint64_t hash)
{
	if (check_room(&c->declined, &c->declined_room, c->declined_count,
		       sizeof *c->declined))
		c->declined[c->declined_count++] = hash;
}

bool problem(struct check *c, const char *code, int flags, uint32_t ino,
	     uint64_t block, const char *repair, const char *fmt, ...)
{
	char path_text[PATH_TEXT], text[3 * PATH_TEXT];
	const char *path = ino ? check_path(c, ino, path_text) : NULL;
	size_t n = 0;
	va_list rest;

	if (ino && path)
		n = snprintf(text, sizeof text, "Inode %u (%s): ", ino, path);
	else if (ino)
		n = snprintf(text, sizeof text, "Inode %u: ", ino);
	va_start(rest, fmt);
	vsnprintf(text + n, sizeof text - n, fmt, rest);
	va_end(rest);

	struct finding finding = {
		.code = code,
		.safe = flags & SAFE,
		.pending = flags & PENDING,
		.block = block ? block : inode_block(c, ino),
		.inode = ino,
		.path = path,
		.text = text,
		.repair = repair ? repair : "cannot be repaired",
	};
	uint64_t hash = hash_of(code, ino, block, text);

	if (c->round > 1 && declined_before(c, hash))
		return false;

	if (finding.pending) {
		c->result->played = true;
		if (c->o->found)
			c->o->found(c->o->context, &finding, false);
		return false;
	}

	bool fix = repair && c->o->repair &&
		   (!c->o->agree || c->o->agree(c->o->context, &finding));

	c->result->findings++;
	if (fix) {
		c->result->repaired++;
		c->changed = true;
	} else {
		c->result->left++;
		if (c->o->repair)
			decline(c, hash);
	}
	if (c->o->found)
		c->o->found(c->o->context, &finding, fix);
	return fix;
}

void not_repaired(struct check *c)
{
	c->result->repaired--;
	c->result->left++;
}

// ## A round

static void forget(struct check *c)
{
	free(c->groups);
	free(c->descs);
	free(c->used);
	free(c->twice);
	free(c->entered);
	free(c->released);
	free(c->released_inodes);
	free(c->kind);
	free(c->links);
	free(c->seen);
	free(c->dirs);
	free(c->dir_blocks);
	free(c->xattrs);
	free(c->names);
	free(c->twin_dirs);
	free(c->block);
	free(c->named);
	for (int i = 0; i < 3; i++)
		free(c->map[i]);
	device_close(c->overlay);
}

static int prepare(struct check *c)
{
	size_t words = c->blocks / 64 + 1;

	c->used = calloc(words, 8);
	c->twice = calloc(words, 8);
	c->entered = calloc(words, 8);
	c->kind = calloc((size_t)c->inodes + 1, 1);
	c->links = calloc((size_t)c->inodes + 1, 2);
	c->seen = calloc((size_t)c->inodes + 1, 2);
	return c->used && c->twice && c->entered && c->kind && c->links &&
			       c->seen
		       ? 0
		       : -ENOMEM;
}

static int make_buffers(struct check *c)
{
	c->block = malloc(c->block_bytes);
	for (int i = 0; i < 3; i++)
		c->map[i] = malloc(c->block_bytes);
	return c->block && c->map[0] && c->map[1] && c->map[2] ? 0 : -ENOMEM;
}

// With an overlay of our own, repairs of what comes first can be played through
// without touching the device.
static int own_overlay(struct check *c)
{
	uint16_t state = get16(c->super.s_state);
	bool dirty = get32(c->super.s_feature_incompat) & INCOMPAT_RECOVER;
	int error;

	if (c->o->repair || c->overlay ||
	    (!dirty && !get32(c->super.s_last_orphan) && state & STATE_CLEAN))
		return 0;
	error = device_overlay(c->device, 512, 4 << 20, &c->overlay);
	if (!error)
		c->device = c->overlay;
	return error;
}

// The conditions of e2fsck(8) for looking no further, and that there is a root.
static bool says_clean(struct check *c)
{
	const struct disk_super *s = &c->super;
	uint16_t most = get16(s->s_max_mnt_count);
	uint32_t interval = get32(s->s_checkinterval);

	return get16(s->s_state) == STATE_CLEAN && !c->source &&
	       !(get32(s->s_feature_incompat) & INCOMPAT_RECOVER) &&
	       !get32(s->s_last_orphan) &&
	       (most == 0xffff || !most || get16(s->s_mnt_count) < most) &&
	       (!interval ||
		c->now < (int64_t)get32(s->s_lastcheck) + interval) &&
	       super_is_plausible(c);
}

static void clean_numbers(struct check *c)
{
	struct check_result *r = c->result;

	r->was_clean = true;
	r->inodes = c->inodes;
	r->used_inodes = c->inodes - get32(c->super.s_free_inodes_count);
	r->blocks = c->blocks;
	r->used_blocks = c->blocks - get32(c->super.s_free_blocks_count);
}

// The last thing: it says that all is well, if it is.
static void state_check(struct check *c)
{
	uint16_t state = get16(c->super.s_state);
	uint16_t well = (state | STATE_CLEAN) & ~(STATE_ERRORS | STATE_ORPHANS);

	if (state == well || (c->o->repair && c->result->left))
		return;
	if (problem(c, "super-state", SAFE, 0, SUPER_OFFSET / c->block_bytes,
		    "marks it as clean",
		    "The superblock says that the file "
		    "system %s",
		    state & STATE_ERRORS ? "holds errors"
					 : "was not closed properly")) {
		c->super.s_state = put16(well);
		c->super_dirty = true;
	}
}

typedef int step(struct check *);

static int end_state(struct check *c)
{
	state_check(c);
	return 0;
}

// A block that had two owners was read once for both of them: a directory's would
// be judged as two. The next round knows better.
static int again(struct check *c)
{
	return c->copied ? AGAIN : 0;
}

static step *const steps[] = {
	super_fields,    groups_read,  prepare,      groups_mark,
	orphans_check,   check_inodes, check_claims, resize_rebuild,
	journal_rebuild, again,        xattr_counts, root_check,
	check_dirs,      htree_check,  check_tree,   check_links,
	check_counts,    super_copies, end_state,    super_write,
};

static int one_round(struct check *c)
{
	int error = super_find(c);

	if (error)
		return error;
	super_geometry(c);
	error = make_buffers(c);
	if (!error)
		error = own_overlay(c);
	if (error)
		return error;
	if (!c->o->force && c->round == 1 && says_clean(c)) {
		clean_numbers(c);
		return 0;
	}
	error = journal_check(c);
	for (size_t i = 0; !error && i < sizeof steps / sizeof *steps; i++)
		error = steps[i](c);
	return error == AGAIN ? super_write(c) : error;
}

int ext2_check(struct device *device, const struct check_options *options,
	       struct check_result *result)
{
	struct check c = { 0 };
	uint64_t *declined = NULL;
	size_t declined_count = 0, declined_room = 0;
	int error;

	*result = (struct check_result){ 0 };
	for (unsigned round = 1;; round++) {
		c = (struct check){
			.device = device,
			.o = options,
			.result = result,
			.round = round,
			.now = time(NULL),
			.declined = declined,
			.declined_count = declined_count,
			.declined_room = declined_room,
		};
		error = one_round(&c);
		declined = c.declined;
		declined_count = c.declined_count;
		declined_room = c.declined_room;
		forget(&c);
		if (error || !c.changed || round == ROUNDS_MOST)
			break;
	}
	free(declined);
	return error;
}
