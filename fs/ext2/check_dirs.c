// check_dirs.c - the blocks of directories
//
// The blocks were noted while inodes were read. They are read by rising number,
// neighbours at once, and each is checked by itself: a chain of entries whose
// lengths add up to the block. Where the chain breaks, the entry's own name is
// kept if it can be one, and the next place is searched from which a chain of
// sound entries reaches the end; what lies between is free space.
//
// Each entry counts as a link of its inode. For directories, who has an entry for
// it (one at most) and what ".." says are kept for the tree.
//
// A name that stands twice in a directory: the second is renamed, or removed when
// it means the same inode. Within a block this is seen by comparing; names of
// directories of several blocks leave a number of 64 bits, and numbers that occur
// twice are looked into (check_twins.c).

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

enum { READ_BYTES = 256 << 10, LEAST_ENTRY = 12 };

bool entry_sound(const struct check *c, const uint8_t *block, uint32_t offset)
{
	const struct disk_entry *e = (const void *)(block + offset);
	uint32_t room = c->block_bytes - offset, length;

	if (room < LEAST_ENTRY)
		return false;
	length = entry_length(c, e);
	return length >= LEAST_ENTRY && length % 4 == 0 && length <= room &&
	       ENTRY_HEADER + (uint32_t)e->name_len <= length;
}

struct dir *dir_find(struct check *c, uint32_t ino)
{
	size_t low = 0, high = c->dir_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->dirs[middle].ino < ino)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->dir_count && c->dirs[low].ino == ino ? &c->dirs[low]
							     : NULL;
}

static void set_entry(struct block_check *b, uint32_t offset, uint32_t ino,
		      uint32_t length, const char *name, enum entry_type type)
{
	struct disk_entry *e = entry_at(b, offset);

	e->inode = put32(ino);
	e->rec_len = put_length(length);
	e->name_len = (uint8_t)strlen(name);
	e->file_type = b->c->filetype && ino ? type : 0;
	memcpy(e->name, name, e->name_len);
	if (length >= ENTRY_HEADER + 4u && e->name_len < 4)
		memset(e->name + e->name_len, 0, 4u - e->name_len);
	b->dirty = true;
}

// ## Chains that break

// Marks from which offsets a chain of sound entries reaches the end exactly.
static void mark_chains(struct block_check *b, uint32_t from, uint8_t *good)
{
	struct check *c = b->c;

	for (uint32_t at = c->block_bytes; at > from;) {
		at -= 4;
		good[at / 4] = 0;
		if (!entry_sound(c, b->bytes, at))
			continue;
		uint32_t next = at + entry_length(c, entry_at(b, at));

		good[at / 4] = next == c->block_bytes || good[next / 4];
	}
}

// Rather an entry than bytes that happen to look like one.
static bool likely(struct block_check *b, uint32_t offset)
{
	const struct disk_entry *e = entry_at(b, offset);
	uint32_t ino = get32(e->inode);

	return ino >= INO_ROOT && ino <= b->c->inodes && e->name_len &&
	       offset + ENTRY_HEADER + e->name_len <= b->c->block_bytes &&
	       !memchr(e->name, '\0', e->name_len) &&
	       !memchr(e->name, '/', e->name_len) &&
	       (b->c->kind[ino] & KIND_TYPE);
}

// Mends the entry at *place: it gets a length that leads to a sound chain. Where
// there is too little room for an entry, *place moves on.
static int salvage(struct block_check *b, uint32_t *place)
{
	struct check *c = b->c;
	uint32_t offset = *place;
	uint8_t *good = malloc(c->block_bytes / 4);
	bool keep = c->block_bytes - offset >= LEAST_ENTRY && likely(b, offset);
	uint32_t least = keep ? entry_bytes(entry_at(b, offset)->name_len)
			      : LEAST_ENTRY;
	uint32_t to;

	if (!good)
		return -ENOMEM;
	mark_chains(b, offset, good);
	if (!offset && !b->at.logical && !keep)
		least = 2 * LEAST_ENTRY;
	for (to = offset + least; to < c->block_bytes; to += 4)
		if (good[to / 4] && likely(b, to))
			break;
	free(good);
	if (to > c->block_bytes || c->block_bytes - offset < LEAST_ENTRY)
		to = c->block_bytes;
	b->dirty = true;
	if (to - offset < LEAST_ENTRY) {
		// Too little for an entry: the one before takes it.
		struct disk_entry *e = entry_at(b, b->previous);

		e->rec_len = put_length(to - b->previous);
		*place = to;
		return 0;
	}
	if (!keep)
		set_entry(b, offset, 0, to - offset, "", 0);
	else
		entry_at(b, offset)->rec_len = put_length(to - offset);
	return 0;
}

static int check_chain(struct block_check *b, uint32_t *at, bool *again)
{
	struct check *c = b->c;
	uint32_t offset = *at;

	*again = problem(c, "entry-length", 0, b->at.ino, b->at.block,
			 "mends the chain of entries",
			 "the entry at byte %u of block %u is broken: its "
			 "length is %u",
			 offset, b->at.block,
			 c->block_bytes - offset >= 8
				 ? get16(entry_at(b, offset)->rec_len)
				 : 0);
	return *again ? salvage(b, at) : 0;
}

// ## "." and ".."

static void split_dot(struct block_check *b)
{
	uint32_t length = entry_length(b->c, entry_at(b, 0));

	if (length <= 2 * LEAST_ENTRY)
		return;
	set_entry(b, LEAST_ENTRY, 0, length - LEAST_ENTRY, "", 0);
	entry_at(b, 0)->rec_len = put16(LEAST_ENTRY);
	b->dirty = true;
}

static bool is_named(const struct disk_entry *e, const char *name)
{
	size_t n = strlen(name);

	return e->name_len == n && !memcmp(e->name, name, n);
}

static void count_link(struct check *c, uint32_t ino)
{
	if (c->seen[ino] < UINT16_MAX)
		c->seen[ino]++;
}

static void check_type(struct block_check *b, uint32_t offset)
{
	struct disk_entry *e = entry_at(b, offset);
	struct check *c = b->c;
	uint32_t ino = get32(e->inode);
	char name[NAME_TEXT];
	uint32_t right = 0;

	if (ino > c->inodes)
		return;
	if (c->filetype)
		right = c->kind[ino] & KIND_TYPE;
	if (e->file_type == right ||
	    !problem(c, "entry-type", SAFE, b->at.ino, b->at.block, "sets it",
		     "the entry %s says type %u, inode %u is of type %u",
		     check_name(e->name, e->name_len, name), e->file_type, ino,
		     right))
		return;
	e->file_type = (uint8_t)right;
	b->dirty = true;
}

static void check_dot(struct block_check *b)
{
	struct disk_entry *e = entry_at(b, 0);
	const char *why = NULL;
	struct check *c = b->c;
	uint32_t ino = b->at.ino;

	if (!get32(e->inode) || !is_named(e, "."))
		why = "is missing";
	else if (get32(e->inode) != ino)
		why = "means another inode";
	else if (e->name[1])
		why = "has a name that does not end";
	else if (entry_length(c, e) > 2 * LEAST_ENTRY)
		why = "takes more room than it needs";
	if (why && problem(c, "dot", 0, ino, b->at.block, "sets it",
			   "the entry '.' of the directory %s", why)) {
		set_entry(b, 0, ino, entry_length(c, e), ".", TYPE_DIRECTORY);
		split_dot(b);
	}
	e = entry_at(b, 0);
	if (is_named(e, ".") && get32(e->inode) == ino)
		check_type(b, 0);
	if (is_named(e, ".") && get32(e->inode) && get32(e->inode) <= c->inodes)
		count_link(c, get32(e->inode));
}

static void check_dotdot(struct block_check *b, uint32_t offset)
{
	struct disk_entry *e = entry_at(b, offset);
	struct check *c = b->c;
	struct dir *dir = dir_find(c, b->at.ino);
	const char *why = NULL;
	uint32_t ino;

	if (!get32(e->inode) || !is_named(e, ".."))
		why = "is missing";
	else if (e->name[2])
		why = "has a name that does not end";
	if (why && problem(c, "dotdot", 0, b->at.ino, b->at.block, "sets it",
			   "the entry '..' of the directory %s", why))
		set_entry(b, offset,
			  is_named(e, "..") && get32(e->inode) ? get32(e->inode)
							       : INO_ROOT,
			  entry_length(c, e), "..", TYPE_DIRECTORY);
	ino = get32(e->inode);
	if (!is_named(e, "..") || !ino)
		return;
	if (dir)
		dir->dotdot = ino;
	if (ino > c->inodes)
		return;
	if ((c->kind[ino] & KIND_TYPE) == TYPE_DIRECTORY)
		check_type(b, offset);
	count_link(c, ino);
}

// ## Entries

// NULL, or why there cannot be such an entry.
static const char *entry_fault(struct block_check *b, struct disk_entry *e,
			       const char **code, int *flags)
{
	struct check *c = b->c;
	uint32_t ino = get32(e->inode);

	*code = "entry-inode";
	*flags = 0;
	if (ino > c->inodes)
		return "an inode that does not exist";
	if (ino < c->first_ino && ino != INO_ROOT)
		return "a reserved inode";
	*code = "entry-root";
	if (ino == INO_ROOT)
		return "the root";
	*code = "entry-name";
	if (!e->name_len)
		return "an inode without saying a name";
	*code = "entry-dot";
	if (is_named(e, ".") || is_named(e, ".."))
		return "an inode, though '.' and '..' are only at the head of "
		       "a directory";
	*code = "entry-unused";
	*flags = SAFE;
	if (!(c->kind[ino] & KIND_TYPE))
		return "an inode that is not in use";
	*code = "entry-directory";
	*flags = 0;
	if ((c->kind[ino] & KIND_TYPE) == TYPE_DIRECTORY) {
		struct dir *dir = dir_find(c, ino);

		if (dir && dir->parent)
			return "a directory that has another name";
	}
	return NULL;
}

static bool mend_name(struct block_check *b, struct disk_entry *e)
{
	char name[NAME_TEXT];

	if (!memchr(e->name, '/', e->name_len) &&
	    !memchr(e->name, '\0', e->name_len))
		return true;
	check_name(e->name, e->name_len, name);
	if (!problem(b->c, "entry-name", 0, b->at.ino, b->at.block,
		     "puts dots in their place",
		     "the entry %s has a name with '/' or NUL", name))
		return true;
	for (uint32_t i = 0; i < e->name_len; i++)
		if (!e->name[i] || e->name[i] == '/')
			e->name[i] = '.';
	b->dirty = true;
	return !is_named(e, ".") && !is_named(e, "..");
}

static int check_twin(struct block_check *b, uint32_t offset)
{
	struct disk_entry *e = entry_at(b, offset),
			  *other = twin_known(b, offset);
	char name[NAME_TEXT];
	bool same;

	if (!other)
		return b->c->kind[b->at.ino] & KIND_SEVERAL
			       ? twin_note(b->c, b->at.ino, e)
			       : 0;
	same = get32(e->inode) == get32(other->inode);
	if (!problem(b->c, "entry-twice", 0, b->at.ino, b->at.block,
		     same ? "removes one" : "renames the second",
		     "the name %s stands twice in the directory, for inodes "
		     "%u and %u",
		     check_name(e->name, e->name_len, name),
		     get32(other->inode), get32(e->inode)))
		return 0;
	b->dirty = true;
	if (same)
		e->inode = put32(0);
	else
		twin_rename(b, offset);
	return 0;
}

static int check_entry(struct block_check *b, uint32_t offset)
{
	struct disk_entry *e = entry_at(b, offset);
	struct check *c = b->c;
	uint32_t ino = get32(e->inode);
	char name[NAME_TEXT];
	const char *fault, *code;
	int flags, error;

	if (!ino)
		return 0;
	fault = entry_fault(b, e, &code, &flags);
	if (!fault && !mend_name(b, e)) {
		fault = "a name that only stands at the head of a directory";
		code = "entry-dot";
		flags = 0;
	}
	if (fault) {
		if (problem(c, code, flags, b->at.ino, b->at.block,
			    "clears the entry",
			    "the entry %s (byte %u of block %u) means inode "
			    "%u: %s",
			    check_name(e->name, e->name_len, name), offset,
			    b->at.block, ino, fault)) {
			e->inode = put32(0);
			b->dirty = true;
		}
		return 0;
	}
	check_type(b, offset);
	error = check_twin(b, offset);
	if (error || !get32(e->inode))
		return error;
	count_link(c, ino);
	if ((c->kind[ino] & KIND_TYPE) == TYPE_DIRECTORY) {
		struct dir *dir = dir_find(c, ino);

		if (dir)
			dir->parent = b->at.ino;
	}
	return 0;
}

// ## Blocks

static int check_block(struct block_check *b)
{
	struct check *c = b->c;
	int entry = b->at.logical ? 2 : 0, error = 0;

	b->previous = UINT32_MAX;
	for (uint32_t at = 0; at < c->block_bytes; entry++) {
		if (!entry_sound(c, b->bytes, at)) {
			bool again;

			error = check_chain(b, &at, &again);
			if (error || !again)
				return error;
			if (at == c->block_bytes)
				break;
		}
		if (entry == 0)
			check_dot(b);
		else if (entry == 1)
			check_dotdot(b, at);
		else
			error = check_entry(b, at);
		if (error)
			return error;
		b->previous = at;
		at += entry_length(c, entry_at(b, at));
	}
	return 0;
}

static int one_block(struct block_check *b, uint8_t *bytes,
		     const struct dir_block *at)
{
	struct check *c = b->c;
	int error;

	b->at = *at;
	b->bytes = bytes;
	b->dirty = b->renamed = false;
	error = check_block(b);
	twin_forget(b);
	if (!error && b->dirty)
		error = check_write(c, at->block, bytes);
	if (!error && b->renamed && c->kind[at->ino] & KIND_INDEXED)
		error = index_drop(c, at->ino);
	return error;
}

static int by_number(const void *a, const void *b)
{
	const struct dir_block *x = a, *y = b;

	return (x->block > y->block) - (x->block < y->block);
}

static void sort_blocks(struct check *c)
{
	for (size_t i = 1; i < c->dir_block_count; i++)
		if (c->dir_blocks[i - 1].block > c->dir_blocks[i].block) {
			qsort(c->dir_blocks, c->dir_block_count,
			      sizeof *c->dir_blocks, by_number);
			return;
		}
}

// How many blocks from list[i] on are neighbours, and fit.
static size_t neighbours(const struct check *c, size_t i)
{
	size_t most = READ_BYTES / c->block_bytes, n = 1;
	const struct dir_block *list = c->dir_blocks + i;

	while (n < most && i + n < c->dir_block_count &&
	       list[n].block == list[0].block + n)
		n++;
	return n;
}

void dir_format(struct check *c, uint32_t ino, uint32_t parent, uint8_t *bytes)
{
	struct block_check b = { .c = c, .bytes = bytes };

	memset(bytes, 0, c->block_bytes);
	set_entry(&b, 0, ino, LEAST_ENTRY, ".", TYPE_DIRECTORY);
	set_entry(&b, LEAST_ENTRY, parent, c->block_bytes - LEAST_ENTRY, "..",
		  TYPE_DIRECTORY);
}

// A directory without any block: it gets one.
static int fill_empty(struct check *c, struct dir_block *at)
{
	struct disk_inode *inode;
	uint32_t block;
	int error;

	if (!problem(c, "directory-empty", 0, at->ino, 0, "gives it one",
		     "the directory has no block"))
		return 0;
	block = check_allocate(
		c, group_start(c, (at->ino - 1) / c->inodes_per_group));
	if (!block) {
		not_repaired(c);
		return 0;
	}
	inode = malloc(c->inode_bytes);
	error = inode ? inode_read(c, at->ino, inode) : -ENOMEM;
	if (!error) {
		uint32_t blocks = 1 + !!get32(inode->i_file_acl);

		memset(inode->i_block, 0, sizeof inode->i_block);
		inode->i_block[0] = put32(block);
		inode->i_size = put32(c->block_bytes);
		inode->i_size_high = put32(0);
		inode->i_blocks = put32(blocks * (c->block_bytes / 512));
		inode->i_flags = put32(get32(inode->i_flags) & ~INODE_INDEX);
		error = inode_write(c, at->ino, inode);
	}
	free(inode);
	c->kind[at->ino] &= ~KIND_INDEXED;
	dir_format(c, at->ino, INO_ROOT, c->block);
	at->block = block;
	return error ? error : check_write(c, block, c->block);
}

int check_dirs(struct check *c)
{
	uint8_t *bytes = malloc(READ_BYTES);
	struct block_check *b = calloc(1, sizeof *b);
	int error = bytes && b ? 0 : -ENOMEM;
	size_t n;

	for (size_t i = 0; !error && i < c->dir_block_count; i++)
		if (!c->dir_blocks[i].block)
			error = fill_empty(c, &c->dir_blocks[i]);
	sort_blocks(c);
	if (b)
		b->c = c;
	for (size_t i = 0; !error && i < c->dir_block_count; i += n) {
		uint32_t first = c->dir_blocks[i].block;

		n = neighbours(c, i);
		if (!first)
			continue; // left without a block
		check_progress(c, "directories",
			       0.55 + 0.35 * (double)i /
					       (double)c->dir_block_count);
		error = device_read(c->device, (uint64_t)first * c->block_bytes,
				    bytes, n * c->block_bytes);
		for (size_t k = 0; !error && k < n; k++)
			error = one_block(b, bytes + k * c->block_bytes,
					  &c->dir_blocks[i + k]);
	}
	if (!error)
		error = twin_settle(b);
	free(b);
	free(bytes);
	return error;
}
