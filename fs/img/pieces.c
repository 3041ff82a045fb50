// # What each block is for
//
// First what the groups say of themselves, then what every inode in use points
// at: that is the only place where it is written who owns a block. A file system
// has no list from blocks to owners; whoever wants one makes it as here.

#define _GNU_SOURCE
#include "fs/img/pieces.h"

#include <inttypes.h>
#include <stdlib.h>

const char *const piece_words[PIECE_KINDS] = {
	[PIECE_BOOT] = "boot block",
	[PIECE_SUPER] = "superblock",
	[PIECE_DESCRIPTORS] = "group descriptors",
	[PIECE_RESERVED] = "kept for more descriptors",
	[PIECE_BLOCK_BITMAP] = "block bitmap",
	[PIECE_INODE_BITMAP] = "inode bitmap",
	[PIECE_INODE_TABLE] = "inode table",
	[PIECE_JOURNAL] = "journal",
	[PIECE_DIRECTORY] = "directory",
	[PIECE_DATA] = "data",
	[PIECE_SYMLINK] = "symlink target",
	[PIECE_MAP] = "block map",
	[PIECE_XATTR] = "extended attributes",
};

struct walk {
	struct session *session;
	int (*each)(void *context, const struct piece *);
	void *context;
	struct ext2_numbers numbers;
};

// ## Groups

static int tell(const struct walk *w, enum piece_kind kind, uint32_t group,
		uint64_t first, uint64_t blocks)
{
	const struct piece piece = {
		.kind = kind, .group = group, .first = first, .blocks = blocks
	};

	return blocks ? w->each(w->context, &piece) : 0;
}

static int tell_super(const struct walk *w, uint32_t group,
		      const struct ext2_group *g)
{
	uint64_t reserved = 0, blocks = g->super_blocks;

	if (!g->has_super || !blocks)
		return 0;
	if (w->numbers.compat & COMPAT_RESIZE_INODE)
		reserved = get16(
			ext2_super(w->session->fs)->s_reserved_gdt_blocks);
	if (reserved > blocks - 1)
		reserved = blocks - 1;
	int stop = tell(w, PIECE_SUPER, group, g->first_block, 1);
	if (!stop)
		stop = tell(w, PIECE_DESCRIPTORS, group, g->first_block + 1,
			    blocks - 1 - reserved);
	return stop ? stop
		    : tell(w, PIECE_RESERVED, group,
			   g->first_block + blocks - reserved, reserved);
}

static int tell_group(const struct walk *w, uint32_t group)
{
	struct ext2_group g;
	int stop = ext2_group(w->session->fs, group, &g);

	if (!stop)
		stop = tell_super(w, group, &g);
	if (!stop)
		stop = tell(w, PIECE_BLOCK_BITMAP, group, g.block_bitmap, 1);
	if (!stop)
		stop = tell(w, PIECE_INODE_BITMAP, group, g.inode_bitmap, 1);
	if (!stop)
		stop = tell(w, PIECE_INODE_TABLE, group, g.inode_table,
			    g.inode_table_blocks);
	return stop;
}

// ## Inodes

struct map_context {
	const struct walk *walk;
	uint32_t inode;
};

static int tell_map(void *context, const struct ext2_map_block *block)
{
	const struct map_context *m = context;
	const struct piece piece = {
		.kind = PIECE_MAP,
		.first = block->block,
		.blocks = 1,
		.inode = m->inode,
		.logical = block->logical,
		.level = block->level,
	};

	return m->walk->each(m->walk->context, &piece);
}

static enum piece_kind kind_of(const struct ext2_inode *inode)
{
	if (inode->ino == INO_JOURNAL)
		return PIECE_JOURNAL;
	if (S_ISDIR(inode->mode))
		return PIECE_DIRECTORY;
	return S_ISLNK(inode->mode) ? PIECE_SYMLINK : PIECE_DATA;
}

// A short symlink's target and a device's number stand where others have
// pointers.
static bool points(const struct ext2_inode *inode)
{
	uint64_t own = inode->xattr_block ? 1 : 0;

	if (S_ISREG(inode->mode) || S_ISDIR(inode->mode))
		return true;
	return S_ISLNK(inode->mode) && inode->size &&
	       (inode->size >= SYMLINK_INSIDE || inode->sectors > own * 8);
}

static int tell_runs(const struct walk *w, const struct ext2_inode *inode)
{
	struct piece piece = { .kind = kind_of(inode), .inode = inode->ino };
	struct ext2_run run;
	uint64_t at = 0;
	int stop;

	while (!(stop = ext2_run_at(w->session->fs, inode, at, &run)) &&
	       run.blocks) {
		piece.first = run.physical;
		piece.blocks = run.blocks;
		piece.logical = run.logical;
		if (run.physical && (stop = w->each(w->context, &piece)))
			return stop;
		at += run.blocks;
	}
	return stop;
}

// The inode of resize_inode: its double indirect block has entries that lead to the
// blocks kept for descriptors in group 0, and these to their copies. They have been
// told, by group; what is its own is that one block.
static int tell_resize_inode(const struct walk *w,
			     const struct ext2_inode *inode)
{
	const struct piece piece = {
		.kind = PIECE_MAP,
		.first = get32(((const le32 *)inode->block)[BLOCK_DOUBLE]),
		.blocks = 1,
		.inode = inode->ino,
		.logical = BLOCKS_DIRECT + w->numbers.block_bytes / 4,
		.level = 2,
	};

	return piece.first ? w->each(w->context, &piece) : 0;
}

static int tell_inode(const struct walk *w, uint32_t ino)
{
	struct ext2_inode inode;
	struct map_context m = { w, ino };
	bool in_use = false;
	int stop = ext2_inode_in_use(w->session->fs, ino, &in_use);

	if (stop || !in_use)
		return stop;
	stop = ext2_inode(w->session->fs, ino, &inode);
	if (stop || !inode.mode)
		return stop;
	const struct piece attributes = {
		.kind = PIECE_XATTR,
		.first = inode.xattr_block,
		.blocks = 1,
		.inode = ino,
	};
	if (inode.xattr_block && (stop = w->each(w->context, &attributes)))
		return stop;
	if (ino == INO_RESIZE && w->numbers.compat & COMPAT_RESIZE_INODE)
		return tell_resize_inode(w, &inode);
	if (!points(&inode))
		return 0;
	stop = tell_runs(w, &inode);
	return stop ? stop
		    : ext2_map_blocks(w->session->fs, &inode, tell_map, &m);
}

int pieces_each(struct session *s,
		int (*each)(void *context, const struct piece *), void *context)
{
	struct walk w = { .session = s, .each = each, .context = context };
	struct progress progress;
	int stop = 0, first_error = 0;

	ext2_numbers(s->fs, &w.numbers);
	if (w.numbers.first_data_block)
		stop = tell(&w, PIECE_BOOT, 0, 0, 1);
	for (uint32_t group = 0; !stop && group < w.numbers.groups; group++)
		stop = tell_group(&w, group);
	progress_begin(&progress, s, "reading inodes", w.numbers.inodes);
	for (uint32_t ino = 1; stop <= 0 && ino <= w.numbers.inodes; ino++) {
		stop = tell_inode(&w, ino);
		progress_add(&progress, 1);
		if (stop >= 0)
			continue;
		complain(s, stop, "cannot follow inode %" PRIu32, ino);
		if (!first_error)
			first_error = stop;
	}
	progress_end(&progress);
	return stop > 0 ? stop : first_error;
}

// ## Fragmentation

void scatter_note(struct scatter *x, const struct piece *p,
		  uint32_t block_bytes)
{
	if (p->kind != PIECE_DATA && p->kind != PIECE_DIRECTORY)
		return;
	if (x->last.inode != p->inode) {
		x->files++;
		x->runs++;
		x->last.split = false;
	} else if (p->first < x->last.next ||
		   p->first > x->last.next + x->last.maps) {
		x->runs++;
		x->split += !x->last.split;
		x->last.split = true;
	}
	x->last.inode = p->inode;
	x->last.next = p->first + p->blocks;
	// Indirect blocks (up to three) between two data blocks are no break.
	uint64_t end = p->logical + p->blocks;
	bool boundary = end >= BLOCKS_DIRECT &&
			(end - BLOCKS_DIRECT) % (block_bytes / 4) == 0;
	x->last.maps = boundary ? 3 : 0;
}
