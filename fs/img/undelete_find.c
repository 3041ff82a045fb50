// # What is left of deleted files
//
// The inodes that are free by the bitmap are read, one after the other. What a
// free inode still says was tried (Linux 6.18, whose ext4 driver also serves ext2
// and ext3; e2fsprogs 1.47; e2tools 0.1):
//
//     deleted by          size, i_blocks, pointers  indirect blocks  its name
//     img rm, debugfs rm  as they were              as they were     in the slack
//     e2rm                as they were              as they were     in the slack
//     the kernel          zeros                     as they were     zeros
//
// All of them set the time of deletion. (debugfs forgets the block of attributes,
// which stays in use until e2fsck frees it.) So what the kernel has deleted cannot be
// told from a file that was empty, by the inode alone. With a journal there is
// another place: the log's ring holds older copies of the blocks of the inode
// table, of directories and of maps until it comes round. The newest copy of the
// inode with links, of the same kind and generation, is what it was before. (The
// kernel clears the pointers first, in the same transaction or in one before.)
// Without a journal a file that the kernel has deleted is lost to this program;
// its data may stand somewhere, but nothing says where.
//
// A block is there when it is free by the bitmap. It may have been another's in
// between, which has been deleted since: where the other's inode stands, the
// block is counted as the later one's. Else nobody can know.
//
// A node of a map is only followed when it is free, or a copy of it stands in the
// log. A hostile map costs no more than the image has blocks, and all of them
// together a few times that; what is beyond is not believed.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/undelete.h"
#include "must.h"

enum { BUDGET = 4, BUDGET_LEAST = 1 << 16 };

const char *const deleted_words[DELETED_STATES] = {
	[DELETED_WHOLE] = "whole",
	[DELETED_PART] = "in part",
	[DELETED_GONE] = "gone",
	[DELETED_CLEARED] = "cleared",
};

static bool bit_get(const uint8_t *bits, uint64_t n)
{
	return bits[n / 8] >> n % 8 & 1;
}

static bool valid_block(const struct search *s, uint64_t block)
{
	return block > s->numbers.first_data_block && block < s->numbers.blocks;
}

// ## What an inode says

static bool has_map(const struct ext2_inode *inode)
{
	if (S_ISLNK(inode->mode))
		return inode->size >= SYMLINK_INSIDE ||
		       (inode->sectors && !inode->xattr_block);
	return S_ISREG(inode->mode) || S_ISDIR(inode->mode);
}

// Whether it says what was in the file.
static bool tells(const struct ext2_inode *inode)
{
	bool pointers = false;

	for (size_t i = 0; i < sizeof inode->block; i++)
		pointers |= inode->block[i] != 0;
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		return pointers || inode->size;
	case S_IFLNK:
		return pointers && inode->size;
	case S_IFDIR:
		return pointers;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	}
	return false;
}

static void note_inode(struct deleted *d, const struct ext2_inode *inode)
{
	d->mode = inode->mode;
	d->size = inode->size;
	d->mtime = inode->mtime;
}

static struct deleted *add_deleted(struct search *s, uint32_t ino)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->deleted = must_ptr(
			realloc(s->deleted, s->room * sizeof *s->deleted));
	}
	s->deleted[s->count] = (struct deleted){ .ino = ino };
	return &s->deleted[s->count++];
}

// Copies of one block of an inode table, the newest first, until all of the
// inodes that stand in it, from deleted[from] on, are known.
static int look_in_log(struct search *s, uint64_t block, size_t from)
{
	struct ext2_inode now, was;
	size_t first, unknown = 0, n = copies_of(s, block, &first);
	uint64_t place;
	uint32_t offset;

	for (size_t i = from; i < s->count; i++)
		unknown += s->deleted[i].state == DELETED_CLEARED;
	for (; n && unknown; n--) {
		const struct log_copy *copy = &s->copy[first + n - 1];
		int error = copy_read(s, copy, s->copy_block);

		for (size_t i = from; i < s->count && !error; i++) {
			struct deleted *d = &s->deleted[i];

			if (d->state != DELETED_CLEARED)
				continue;
			error = ext2_inode(s->session->fs, d->ino, &now);
			if (!error)
				error = ext2_inode_place(s->session->fs, d->ino,
							 &place, &offset);
			if (error)
				break;
			ext2_decode_inode(s->session->fs, d->ino,
					  s->copy_block + offset, &was);
			if (!was.links || !tells(&was) ||
			    (now.mode && (now.generation != was.generation ||
					  (now.mode ^ was.mode) & S_IFMT)))
				continue;
			note_inode(d, &was);
			d->copy = (uint32_t)(copy - s->copy) + 1;
			d->state = DELETED_WHOLE;
			unknown--;
		}
		if (error)
			return error;
	}
	return 0;
}

static int look_at(struct search *s, uint32_t ino)
{
	struct ext2_inode inode;
	struct deleted *d;
	bool in_use = false;
	uint64_t block;
	uint32_t offset;
	size_t first;
	int error = ext2_inode_in_use(s->session->fs, ino, &in_use);

	if (error || in_use)
		return error;
	error = ext2_inode(s->session->fs, ino, &inode);
	if (!error)
		error = ext2_inode_place(s->session->fs, ino, &block, &offset);
	if (error)
		return error;
	// One that was never used has no copy that says anything, either.
	if (!inode.mode && !inode.dtime && !copies_of(s, block, &first))
		return 0;
	d = add_deleted(s, ino);
	d->dtime = inode.dtime;
	note_inode(d, &inode);
	d->state = tells(&inode) ? DELETED_WHOLE : DELETED_CLEARED;
	return 0;
}

// What has neither fields nor a copy was never a file.
static void drop_nothing(struct search *s, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < s->count; i++)
		if (s->deleted[i].mode || s->deleted[i].dtime)
			s->deleted[kept++] = s->deleted[i];
	s->count = kept;
}

static int read_inodes(struct search *s)
{
	uint32_t per_block = s->numbers.block_bytes / s->numbers.inode_bytes;
	uint32_t per_group = s->numbers.inodes_per_group, offset;
	struct progress progress;
	uint64_t block;
	size_t from = 0;
	int error = 0;

	progress_begin(&progress, s->session, "reading inodes",
		       s->numbers.inodes);
	for (uint32_t ino = s->first_ino; ino <= s->numbers.inodes && !error;
	     ino++) {
		uint32_t index = (ino - 1) % per_group;

		error = look_at(s, ino);
		progress_add(&progress, 1);
		if (error || ((index + 1) % per_block &&
			      index + 1 < per_group && ino < s->numbers.inodes))
			continue;
		error = ext2_inode_place(s->session->fs, ino, &block, &offset);
		if (!error)
			error = look_in_log(s, block, from);
		drop_nothing(s, from);
		from = s->count;
	}
	progress_end(&progress);
	return error;
}

int deleted_inode(struct search *s, const struct deleted *d,
		  struct ext2_inode *inode)
{
	uint64_t block;
	uint32_t offset;

	if (!d->copy)
		return ext2_inode(s->session->fs, d->ino, inode);
	int error = ext2_inode_place(s->session->fs, d->ino, &block, &offset);
	if (!error)
		error = copy_read(s, &s->copy[d->copy - 1], s->copy_block);
	if (!error)
		ext2_decode_inode(s->session->fs, d->ino,
				  s->copy_block + offset, inode);
	return error;
}

struct deleted *search_find(const struct search *s, uint32_t ino)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->deleted[middle].ino < ino)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->count && s->deleted[low].ino == ino ? &s->deleted[low]
							    : NULL;
}

// ## Its blocks

struct follow {
	struct search *search;
	bool from_log; // the inode is a copy: so may its nodes be
	uint64_t end;  // blocks of the file
	uint64_t met;
	bool broken;
	int (*each)(void *context, int level, uint64_t logical, uint64_t block,
		    bool in_use);
	void *context;
};

static int follow_node(struct follow *f, uint64_t block, int level,
		       uint64_t logical, bool in_use);

static int follow_block(struct follow *f, uint64_t block, int level,
			uint64_t logical)
{
	bool in_use;

	if (!block || (logical >= f->end && !level))
		return 0;
	if (!valid_block(f->search, block) ||
	    ++f->met > f->search->numbers.blocks) {
		f->broken = true;
		return 0;
	}
	int error = ext2_block_in_use(f->search->session->fs, block, &in_use);
	if (!error)
		error = f->each(f->context, level, logical, block, in_use);
	return error || !level ? error
			       : follow_node(f, block, level, logical, in_use);
}

static int follow_node(struct follow *f, uint64_t block, int level,
		       uint64_t logical, bool in_use)
{
	struct search *s = f->search;
	uint8_t *node = s->node[level - 1];
	uint32_t pointers = s->numbers.block_bytes / 4;
	uint64_t span = 1;
	size_t first, n = f->from_log ? copies_of(s, block, &first) : 0;
	int error = 0;

	for (int i = 1; i < level; i++)
		span *= pointers;
	if (n)
		error = copy_read(s, &s->copy[first + n - 1], node);
	else if (in_use)
		f->broken = true;
	else
		error = ext2_read_block(s->session->fs, block, node);
	if (!n && in_use)
		return 0;
	for (uint32_t i = 0; i < pointers && !error; i++) {
		le32 pointer;

		if (logical + i * span >= f->end || f->met > s->numbers.blocks)
			break;
		memcpy(&pointer, node + (size_t)i * 4, 4);
		error = follow_block(f, get32(pointer), level - 1,
				     logical + i * span);
	}
	return error;
}

static int follow_extents(struct follow *f, const struct ext2_inode *inode)
{
	struct ext2_run run;
	uint64_t at = 0;
	int error;

	while (!(error = ext2_run_at(f->search->session->fs, inode, at,
				     &run)) &&
	       run.blocks) {
		for (uint64_t i = 0; i < run.blocks && run.physical &&
				     !run.unwritten && !error && !f->broken;
		     i++)
			error = follow_block(f, run.physical + i, 0,
					     run.logical + i);
		if (error || f->broken)
			return error;
		at += run.blocks;
	}
	f->broken |= error == -EUCLEAN;
	return error == -EUCLEAN ? 0 : error;
}

static int follow(struct follow *f, const struct ext2_inode *inode)
{
	uint32_t bytes = f->search->numbers.block_bytes;
	uint64_t logical = BLOCKS_DIRECT, span = bytes / 4;
	le32 pointer[BLOCK_POINTERS];
	int error = 0;

	if (!has_map(inode))
		return 0;
	f->end = inode->size / bytes + (inode->size % bytes != 0);
	if (inode->flags & INODE_EXTENTS)
		return follow_extents(f, inode);
	if (inode->flags & INODE_INLINE_DATA) {
		f->broken = true;
		return 0;
	}
	memcpy(pointer, inode->block, sizeof pointer);
	for (uint32_t i = 0; i < BLOCKS_DIRECT && !error; i++)
		error = follow_block(f, get32(pointer[i]), 0, i);
	for (int level = 1; level <= 3 && !error; level++) {
		if (logical < f->end)
			error = follow_block(
				f, get32(pointer[BLOCK_SINGLE + level - 1]),
				level, logical);
		logical += span;
		span *= bytes / 4;
	}
	return error;
}

// ## Which of them are there

struct count_blocks {
	struct search *search;
	struct deleted *d;
	struct wanted *wanted; // blocks in use, whose owners are looked for
};

struct wanted {
	struct want {
		uint64_t block;
		uint32_t of; // index of the deleted
	} * want;
	size_t count, room;
};

static void add_taker(struct deleted *d, struct taker taker)
{
	enum { MOST = sizeof d->taker / sizeof *d->taker };

	for (int i = 0; i < d->takers; i++) {
		struct taker *t = &d->taker[i];
		if (t->inode != taker.inode || t->deleted != taker.deleted ||
		    (!t->inode && t->kind != taker.kind))
			continue;
		t->blocks++;
		return;
	}
	if (d->takers == MOST)
		d->other_takers++;
	else
		d->taker[d->takers++] = taker;
}

static int count_block(void *context, int level, uint64_t logical,
		       uint64_t block, bool in_use)
{
	struct count_blocks *c = context;
	struct search *s = c->search;
	struct deleted *d = c->d;
	struct wanted *w = c->wanted;

	(void)logical;
	if (!s->budget)
		return 1;
	s->budget--;
	d->blocks++;
	if (!in_use && !bit_get(s->later, block)) {
		s->later[block / 8] |= (uint8_t)(1u << block % 8);
		d->free++;
		return 0;
	}
	d->lost += !level;
	if (!in_use) {
		add_taker(d, (struct taker){ .deleted = true, .blocks = 1 });
		return 0;
	}
	if (w->count == w->room) {
		w->room = w->room ? w->room * 2 : 256;
		w->want = must_ptr(realloc(w->want, w->room * sizeof *w->want));
	}
	w->want[w->count++] = (struct want){ block,
					     (uint32_t)(d - s->deleted) };
	return 0;
}

static int count_all(struct search *s, struct deleted *d, struct wanted *wanted)
{
	struct count_blocks count = { s, d, wanted };
	struct ext2_inode inode;
	struct follow f = {
		.search = s,
		.from_log = d->copy != 0,
		.each = count_block,
		.context = &count,
	};
	bool in_use = false;
	int error = deleted_inode(s, d, &inode);

	if (error || d->state == DELETED_CLEARED)
		return error;
	error = follow(&f, &inode);
	d->map_broken = f.broken || error > 0;
	if (error > 0)
		error = 0;
	if (!error && inode.xattr_block) {
		if (valid_block(s, inode.xattr_block))
			error = ext2_block_in_use(s->session->fs,
						  inode.xattr_block, &in_use);
		else
			in_use = true;
		d->xattrs_gone = in_use;
	}
	// A directory comes back empty, for whatever names stand for it.
	if (S_ISDIR(d->mode))
		return error;
	if (d->lost || d->map_broken)
		d->state = d->free && d->blocks > d->lost ? DELETED_PART
							  : DELETED_GONE;
	return error;
}

static int later_first(const void *a, const void *b)
{
	const struct deleted *x = *(struct deleted *const *)a;
	const struct deleted *y = *(struct deleted *const *)b;

	if (x->dtime != y->dtime)
		return x->dtime > y->dtime ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int count_in_order(struct search *s, struct wanted *wanted)
{
	struct deleted **order =
		must_ptr(calloc(s->count + 1, sizeof(struct deleted *)));
	int error = 0;

	for (size_t i = 0; i < s->count; i++)
		order[i] = &s->deleted[i];
	if (s->count)
		qsort(order, s->count, sizeof *order, later_first);
	for (size_t i = 0; i < s->count && !error; i++)
		error = count_all(s, order[i], wanted);
	free(order);
	return error;
}

// ## Whose the others are now

struct ask {
	struct search *search;
	struct wanted wanted;
};

static int by_block(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return (x->block > y->block) - (x->block < y->block);
}

static int note_piece(void *context, const struct piece *piece)
{
	struct ask *ask = context;
	const struct wanted *w = &ask->wanted;
	size_t low = 0, high = w->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (w->want[middle].block < piece->first)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < w->count &&
	       w->want[low].block - piece->first < piece->blocks;
	     low++) {
		add_taker(&ask->search->deleted[w->want[low].of],
			  (struct taker){ piece->kind, piece->inode, false,
					  1 });
		if (piece->inode && path_want(ask->search, piece->inode))
			return 1;
	}
	return 0;
}

int search_open(struct search *s, struct session *session)
{
	struct ask ask = { .search = s };

	*s = (struct search){ .session = session };
	ext2_numbers(session->fs, &s->numbers);
	s->first_ino = s->numbers.first_inode;
	s->budget = s->numbers.blocks * BUDGET + BUDGET_LEAST;
	s->later = must_ptr(calloc(1, s->numbers.blocks / 8 + 1));
	s->block = must_ptr(malloc(s->numbers.block_bytes));
	s->copy_block = must_ptr(malloc(s->numbers.block_bytes));
	for (int i = 0; i < 3; i++)
		s->node[i] = must_ptr(malloc(s->numbers.block_bytes));
	log_collect(s);
	int error = read_inodes(s);
	if (!error)
		error = count_in_order(s, &ask.wanted);
	if (!error && ask.wanted.count) {
		qsort(ask.wanted.want, ask.wanted.count,
		      sizeof *ask.wanted.want, by_block);
		pieces_each(session, note_piece, &ask);
	}
	free(ask.wanted.want);
	if (!error)
		error = names_find(s);
	return error ? complain(session, error,
				"cannot look for what was deleted")
		     : EXIT_SUCCESS;
}

void search_close(struct search *s)
{
	for (size_t i = 0; i < s->names; i++)
		free(s->name[i].name);
	for (int i = 0; i < 3; i++)
		free(s->node[i]);
	paths_free(s);
	free(s->deleted);
	free(s->name);
	free(s->by_dir);
	free(s->copy);
	free(s->later);
	free(s->block);
	free(s->copy_block);
}

// ## The runs of one

struct gather {
	bool map; // also the blocks of the map
	struct ext2_run *run;
	size_t count, room;
};

static int gather_block(void *context, int level, uint64_t logical,
			uint64_t block, bool in_use)
{
	struct gather *g = context;
	struct ext2_run *last = g->count ? &g->run[g->count - 1] : NULL;

	if ((level && !g->map) || in_use)
		return 0;
	if (last && last->logical + last->blocks == logical &&
	    last->physical + last->blocks == block) {
		last->blocks++;
		return 0;
	}
	if (g->count == g->room) {
		g->room = g->room ? g->room * 2 : 16;
		g->run = must_ptr(realloc(g->run, g->room * sizeof *g->run));
	}
	g->run[g->count++] = (struct ext2_run){ logical, block, 1, false };
	return 0;
}

int deleted_runs(struct search *s, const struct deleted *d,
		 const struct ext2_inode *inode, bool map,
		 struct ext2_run **runs, size_t *count)
{
	struct gather gather = { .map = map };
	struct follow f = {
		.search = s,
		.from_log = d->copy != 0,
		.each = gather_block,
		.context = &gather,
	};

	int error = S_ISDIR(inode->mode) && !map ? 0 : follow(&f, inode);
	*runs = gather.run;
	*count = gather.count;
	return error;
}
