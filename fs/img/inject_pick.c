// # A place for damage
//
// Chosen by a seed among all places that fit, each as likely as the others: so the
// same seed damages the same image in the same way, and another seed is another
// exercise. One pass over the inodes (or over the directories' entries) with a
// reservoir of one: the n-th that fits is taken with probability 1/n.
//
// Source: Vitter, "Random sampling with a reservoir", 1985 (algorithm R).

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/inject.h"
#include "must.h"

bool inject_used(const struct injection *x, uint32_t ino)
{
	for (size_t i = 0; i < x->used_count; i++)
		if (x->used[i] == ino)
			return true;
	return false;
}

void inject_use(struct injection *x, uint32_t ino)
{
	if (x->used_count == x->used_room) {
		x->used_room = x->used_room ? x->used_room * 2 : 16;
		x->used = must_ptr(
			realloc(x->used, x->used_room * sizeof *x->used));
	}
	x->used[x->used_count++] = ino;
}

static bool taken(struct injection *x, uint32_t *met)
{
	return random_below(&x->random, ++*met) == 0;
}

// ## Inodes

static int next_inode(struct injection *x, uint32_t *ino,
		      struct ext2_inode *inode)
{
	bool in_use = false;
	int error = 0;

	while (!error && ++*ino <= x->numbers.inodes) {
		if (*ino > INO_ROOT && *ino < x->numbers.first_inode)
			continue;
		error = ext2_inode_in_use(x->session->fs, *ino, &in_use);
		if (!error && in_use)
			error = ext2_inode(x->session->fs, *ino, inode);
		if (!error && in_use && inode->links)
			return 0;
	}
	return error ? error : -ENOENT;
}

int pick_inode(struct injection *x,
	       bool (*fits)(const struct injection *,
			    const struct ext2_inode *),
	       struct ext2_inode *picked)
{
	struct ext2_inode inode;
	uint32_t ino = INO_ROOT - 1, met = 0;
	int error;

	memset(picked, 0, sizeof *picked);
	while (!(error = next_inode(x, &ino, &inode)))
		if (!inject_used(x, ino) && fits(x, &inode) && taken(x, &met))
			*picked = inode;
	if (error != -ENOENT)
		return error;
	if (met)
		inject_use(x, picked->ino);
	return met ? 0 : -ENOENT;
}

int pick_number(struct injection *x, bool in_use, uint32_t *picked)
{
	uint32_t met = 0;
	int error = 0;

	for (uint32_t ino = x->numbers.first_inode; ino <= x->numbers.inodes;
	     ino++) {
		bool used;

		error = ext2_inode_in_use(x->session->fs, ino, &used);
		if (error)
			return error;
		if (used == in_use && !inject_used(x, ino) && taken(x, &met))
			*picked = ino;
	}
	if (met)
		inject_use(x, *picked);
	return met ? 0 : -ENOENT;
}

// ## Entries

struct entries {
	struct injection *x;
	struct picked *picked;
	uint32_t dir, met;
	uint8_t type;
};

static int note_entry(void *context, const struct ext2_entry *e)
{
	struct entries *s = context;
	struct injection *x = s->x;
	bool dots = e->name_len <= 2 && e->name[0] == '.' &&
		    e->name[e->name_len - 1] == '.';

	if (dots || inject_used(x, e->ino) || (s->type && e->type != s->type) ||
	    (e->name_len == 10 && !memcmp(e->name, "lost+found", 10)) ||
	    !taken(x, &s->met))
		return 0;
	*s->picked = (struct picked){
		.dir = s->dir,
		.ino = e->ino,
		.type = e->type,
		.name_len = e->name_len,
		.block = e->block,
		.offset = e->offset,
		.rec_len = e->rec_len,
	};
	memcpy(s->picked->name, e->name, e->name_len);
	return 0;
}

int pick_entry(struct injection *x, uint8_t type, struct picked *picked)
{
	struct entries s = { .x = x, .picked = picked, .type = type };
	struct ext2_inode inode;
	uint32_t ino = INO_ROOT - 1;
	int error;

	while (!(error = next_inode(x, &ino, &inode))) {
		if (!S_ISDIR(inode.mode) || inject_used(x, ino))
			continue;
		s.dir = ino;
		error = ext2_list(x->session->fs, ino, note_entry, &s);
		if (error && error != -EUCLEAN)
			return error;
	}
	if (error != -ENOENT)
		return error;
	if (!s.met)
		return -ENOENT;
	inject_use(x, picked->ino);
	if (picked->dir != INO_ROOT)
		inject_use(x, picked->dir);
	return 0;
}

// ## Blocks

static int is_metadata(struct injection *x, uint64_t block, bool *yes)
{
	const struct ext2_numbers *n = &x->numbers;
	uint64_t group = (block - n->first_data_block) / n->blocks_per_group;
	struct ext2_group g;
	int error = ext2_group(x->session->fs, (uint32_t)group, &g);

	*yes = block < g.first_block + (g.has_super ? g.super_blocks : 0) ||
	       block == g.block_bitmap || block == g.inode_bitmap ||
	       (block >= g.inode_table &&
		block - g.inode_table < g.inode_table_blocks);
	return error;
}

int pick_block(struct injection *x, bool in_use, uint64_t *picked)
{
	uint32_t met = 0;

	for (uint64_t block = x->numbers.first_data_block + 1;
	     block < x->numbers.blocks; block++) {
		bool used, metadata = false;
		int error = ext2_block_in_use(x->session->fs, block, &used);

		if (!error && used == in_use)
			error = is_metadata(x, block, &metadata);
		if (error)
			return error;
		if (used == in_use && !metadata && taken(x, &met))
			*picked = block;
	}
	return met ? 0 : -ENOENT;
}

int block_of(struct injection *x, const struct ext2_inode *inode,
	     uint64_t logical, uint64_t *block)
{
	struct ext2_run run;
	int error = ext2_run_at(x->session->fs, inode, logical, &run);

	if (error)
		return error;
	*block = run.physical;
	return run.blocks && run.physical ? 0 : -ENOENT;
}

int offset_of_inode(struct injection *x, uint32_t ino, uint64_t *offset)
{
	uint64_t block;
	uint32_t within;
	int error = ext2_inode_place(x->session->fs, ino, &block, &within);

	*offset = error ? 0 : block * x->numbers.block_bytes + within;
	return error;
}

uint64_t offset_of_group(const struct injection *x, uint32_t group)
{
	uint64_t block = x->numbers.first_data_block + 1;

	return block * x->numbers.block_bytes + (uint64_t)group * GROUP_BYTES;
}

// ## Saying where

struct find_path {
	uint32_t ino;
	char *path;
};

static int find_path(void *context, struct visit *visit)
{
	struct find_path *find = context;

	if (visit->inode.ino != find->ino)
		return 0;
	find->path = shown(visit->path, strlen(visit->path));
	return 1;
}

char *inode_text(struct injection *x, uint32_t ino)
{
	struct find_path find = { .ino = ino };
	char *text;

	visit_tree(x->session, INO_ROOT, "/", false, find_path, &find);
	must(asprintf(&text, "inode %" PRIu32 "%s%s%s", ino,
		      find.path ? " (" : "", find.path ? find.path : "",
		      find.path ? ")" : ""));
	free(find.path);
	return text;
}

// ## Bytes

int peek(struct injection *x, uint64_t offset, void *bytes, uint32_t n)
{
	return device_read(x->out, offset, bytes, n);
}

uint32_t peek_number(struct injection *x, uint64_t offset, uint32_t bytes,
		     int *error)
{
	le32 n = { { 0 } };

	if (!*error)
		*error = peek(x, offset, n.byte, bytes);
	return get32(n);
}

int poke(struct injection *x, uint64_t offset, const void *bytes, uint32_t n,
	 const char *fmt, ...)
{
	struct change c = { .offset = offset, .n = n };
	va_list ap;
	int error = n > CHANGE_BYTES ? -EINVAL : peek(x, offset, c.before, n);

	if (!error)
		error = device_write(x->out, offset, bytes, n);
	if (error)
		return error;
	memcpy(c.after, bytes, n);
	va_start(ap, fmt);
	must(vasprintf(&c.what, fmt, ap));
	va_end(ap);
	if (x->count == x->room) {
		x->room = x->room ? x->room * 2 : 16;
		x->change = must_ptr(
			realloc(x->change, x->room * sizeof *x->change));
	}
	x->change[x->count++] = c;
	return 0;
}

int poke_number(struct injection *x, uint64_t offset, uint32_t bytes,
		enum how how, uint32_t value, const char *what)
{
	int error = 0;
	uint32_t was = peek_number(x, offset, bytes, &error);
	le32 now = put32(how == SET   ? value
			 : how == ADD ? was + value
				      : was ^ value);

	return error ? error : poke(x, offset, now.byte, bytes, "%s", what);
}

// ## One field

static int place(struct injection *x, const struct kind *k, uint64_t *offset,
		 char **what)
{
	uint32_t bytes = x->numbers.block_bytes;
	struct ext2_inode inode;
	struct picked picked;
	char *text = NULL;
	uint64_t block = 0;
	uint32_t group;
	int error = 0;

	switch (k->where) {
	case IN_SUPER:
		*offset = SUPER_OFFSET;
		text = must_ptr(strdup("the superblock"));
		break;
	case IN_COPY:
		block = x->numbers.first_data_block +
			x->numbers.blocks_per_group;
		if (block >= x->numbers.blocks)
			return -ENOENT;
		*offset = block * bytes;
		text = must_ptr(strdup("the copy of the superblock in group "
				       "1"));
		break;
	case IN_GROUP:
		group = random_below(&x->random, x->numbers.groups);
		*offset = offset_of_group(x, group);
		must(asprintf(&text, "the descriptor of group %" PRIu32,
			      group));
		break;
	case IN_RESERVED:
		error = offset_of_inode(x, k->number, offset);
		must(asprintf(&text, "inode %" PRIu32, k->number));
		break;
	case IN_INODE:
	case IN_DIRECTORY:
	case IN_INDEX:
	case IN_XATTR:
		error = pick_inode(x, k->fits, &inode);
		if (error)
			return error;
		text = inode_text(x, inode.ino);
		if (k->where == IN_INODE)
			error = offset_of_inode(x, inode.ino, offset);
		else if (k->where == IN_XATTR)
			*offset = inode.xattr_block * bytes;
		else
			error = block_of(x, &inode, 0, &block);
		if (k->where == IN_DIRECTORY || k->where == IN_INDEX)
			*offset = block * bytes + k->number;
		break;
	case IN_ENTRY:
		error = pick_entry(x, 0, &picked);
		if (error)
			return error;
		*offset = picked.block * bytes + picked.offset;
		char *dir = inode_text(x, picked.dir);
		char *name = shown(picked.name, picked.name_len);
		must(asprintf(&text, "the entry \"%s\" in %s", name, dir));
		free(name);
		free(dir);
		break;
	case IN_LOG:
		if (!(x->numbers.compat & COMPAT_HAS_JOURNAL))
			return -ENOENT;
		error = ext2_inode(x->session->fs, INO_JOURNAL, &inode);
		if (!error)
			error = block_of(x, &inode, 0, &block);
		if (!error)
			*offset = block * bytes;
		text = must_ptr(strdup("the journal's superblock"));
		break;
	}
	if (!error)
		must(asprintf(what, "%s of %s", k->field, text));
	free(text);
	return error;
}

int harm_field(struct injection *x, const struct kind *k)
{
	char *what = NULL;
	uint64_t offset;
	int error = place(x, k, &offset, &what);

	if (!error)
		error = poke_number(x, offset + k->offset, k->bytes, k->how,
				    k->value, what);
	free(what);
	return error;
}
