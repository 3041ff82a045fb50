// check_orphans.c - files that were deleted while somebody had them open
//
// They stand in a list that begins in the superblock and goes on through their
// times of deletion. Those without links are deleted, those with links were being
// cut to their size, and are. What they had is released: the bitmaps still have
// it, which is no finding of its own.
//
// An inode that cannot be in the list ends it, and so does one that leads to such
// a number: its time of deletion is something else, and nothing is deleted on
// the word of a list that is not whole.

#include <errno.h>
#include <stdlib.h>

#include "fs/ext2/check_parts.h"

struct cutting {
	struct check *c;
	uint64_t end;    // blocks of the file that stay
	uint64_t budget; // blocks of maps that are entered
	uint64_t count;  // that go
};

static void release(struct check *c, uint32_t block)
{
	if (block_valid(c, block) && !block_is_metadata(c, block))
		bit_set(c->released, block);
}

// What is below a pointer that goes is only looked at: it keeps its bytes.
static int cut_pointer(void *context, struct pointer *p)
{
	struct cutting *k = context;

	if (p->level && !k->budget--)
		return MAP_STOP;
	if (p->logical >= k->end) {
		release(k->c, p->value);
		k->count++;
	}
	return 0;
}

static int clear_pointer(void *context, struct pointer *p)
{
	struct cutting *k = context;

	if (p->logical < k->end)
		return 0;
	p->value = 0;
	return MAP_SKIP;
}

// A block of attributes has other owners, or goes, too.
static int release_attributes(struct check *c, uint32_t block)
{
	struct disk_xattr_header *header = (void *)c->block;
	int error;

	if (!block_valid(c, block) || block_is_metadata(c, block))
		return 0;
	error = check_read(c, block, c->block);
	if (error || get32(header->h_magic) != XATTR_MAGIC)
		return error;
	if (get32(header->h_refcount) < 2) {
		release(c, block);
		return 0;
	}
	header->h_refcount = put32(get32(header->h_refcount) - 1);
	return check_write(c, block, c->block);
}

static bool make_released(struct check *c)
{
	if (!c->released)
		c->released = calloc(c->blocks / 64 + 1, 8);
	if (!c->released_inodes)
		c->released_inodes = calloc(c->inodes / 64 + 1, 8);
	return c->released && c->released_inodes;
}

static int finish_orphan(struct check *c, uint32_t ino,
			 struct disk_inode *inode)
{
	struct cutting k = { .c = c, .budget = c->blocks };
	bool dirty = true, gone = !get16(inode->i_links_count);
	int error = make_released(c) ? 0 : -ENOMEM;

	if (!gone)
		k.end = (inode_size(inode) + c->block_bytes - 1) /
			c->block_bytes;
	if (!error && inode_maps(c, inode))
		error = map_walk(c, c->map, inode, &dirty, 0, cut_pointer, &k);
	if (!error && !gone && inode_maps(c, inode))
		error = map_walk(c, c->map, inode, &dirty, 0, clear_pointer,
				 &k);
	if (!error && !gone)
		inode->i_blocks =
			put32(get32(inode->i_blocks) -
			      (uint32_t)k.count * (c->block_bytes / 512));
	if (!error && gone)
		error = release_attributes(c, get32(inode->i_file_acl));
	if (!error && gone)
		bit_set(c->released_inodes, ino);
	inode->i_dtime = put32(gone ? (uint32_t)c->now : 0);
	return error ? error : inode_write(c, ino, inode);
}

// One that leads to no inode does not stand in the list: its file stays as it is.
static bool orphan_possible(const struct check *c, uint32_t ino,
			    const struct disk_inode *inode)
{
	enum entry_type kind = kind_of(get16(inode->i_mode));
	uint32_t next = get32(inode->i_dtime);

	return kind && ino >= c->first_ino &&
	       (!next || (next >= c->first_ino && next <= c->inodes)) &&
	       (!get16(inode->i_links_count) || kind == TYPE_REGULAR ||
		kind == TYPE_DIRECTORY || kind == TYPE_SYMLINK);
}

static int one_orphan(struct check *c, uint32_t ino, uint32_t *next)
{
	struct disk_inode *inode = calloc(1, c->inode_bytes);
	int error = inode ? 0 : -ENOMEM;
	bool links;

	*next = 0;
	if (!error && ino <= c->inodes)
		error = inode_read(c, ino, inode);
	if (!error && !orphan_possible(c, ino, inode)) {
		problem(c, "orphan-list", 0, 0, 0, "ends the list there",
			"The list of orphans leads to inode %u, which cannot "
			"be one",
			ino);
		free(inode);
		return 0;
	}
	if (!error) {
		*next = get32(inode->i_dtime);
		links = get16(inode->i_links_count);
		if (problem(c, "orphan", SAFE, ino, 0,
			    links ? "cuts it" : "deletes it",
			    links ? "it was being cut to its size"
				  : "it was deleted while it was open") ||
		    c->overlay)
			error = finish_orphan(c, ino, inode);
	}
	free(inode);
	return error;
}

int orphans_check(struct check *c)
{
	uint32_t ino = get32(c->super.s_last_orphan);
	uint64_t left = c->result->left;
	int error = 0;

	if (!ino)
		return 0;
	for (uint32_t n = 0; !error && ino && n < c->inodes; n++)
		error = one_orphan(c, ino, &ino);
	if (!error && (c->overlay || left == c->result->left)) {
		c->super.s_last_orphan = put32(0);
		c->super_dirty = true;
	}
	return error;
}
