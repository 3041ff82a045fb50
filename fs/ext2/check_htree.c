// check_htree.c - the index of a directory agrees with what it indexes
//
// The root stands in block 0 behind "." and "..", inner nodes in blocks of their
// own that read as one empty entry. Every other block is a leaf and has just one
// pointer to it; all its names have hashes from that pointer's on, to below the
// next one's (or equal to it, where its last bit says that such names go on).
//
// An index that is wrong is given up: without the flag the same blocks are an
// ordinary directory, and nothing is lost. The kernel makes an index anew when it
// splits the directory's only block, else names are found one after the other.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"
#include "fs/ext2/fs.h"

enum { ROOT_INFO = 24, ROOT_ENTRIES = 32, NODE_ENTRIES = 8, LEVELS_MOST = 1 };

struct index {
	struct check *c;
	struct ext2 *fs; // for the hash: nothing but its superblock is set
	uint32_t *block;
	size_t count;
	uint8_t *met; // by logical block: how many pointers lead here
	uint8_t *bytes[LEVELS_MOST + 2];
	int version;
	const char *why; // it is wrong; NULL: so far it is not
};

static bool hash_fits(const struct index *x, const struct disk_entry *e,
		      uint32_t least, uint32_t next, bool goes_on, bool last)
{
	uint32_t hash;

	if (name_hash(x->fs, x->version, (const char *)e->name, e->name_len,
		      &hash, NULL))
		return false;
	hash &= ~1u;
	return hash >= least &&
	       (last || hash < next || (goes_on && hash == next));
}

// What reads as an empty leaf, but is made as a node, is one to e2fsck(8).
static bool is_node(const struct check *c, const uint8_t *bytes)
{
	const struct disk_entry *whole = (const void *)bytes;
	const struct disk_htree_limit *limit =
		(const void *)(bytes + NODE_ENTRIES);

	return !get32(whole->inode) && !whole->name_len &&
	       entry_length(c, whole) == c->block_bytes &&
	       get16(limit->limit) == (c->block_bytes - NODE_ENTRIES) / 8;
}

static int check_leaf(struct index *x, uint32_t logical, uint32_t least,
		      uint32_t next, bool goes_on, bool last)
{
	struct check *c = x->c;
	uint8_t *bytes = x->bytes[LEVELS_MOST + 1];
	int error = check_read(c, x->block[logical], bytes);

	if (error)
		return error;
	if (is_node(c, bytes))
		x->why = "a node stands where names should";
	for (uint32_t at = 0; at < c->block_bytes;) {
		const struct disk_entry *e = (const void *)(bytes + at);

		if (!entry_sound(c, bytes, at))
			return 0; // check_dirs.c has told of it
		if (get32(e->inode) &&
		    !hash_fits(x, e, least, next, goes_on, last)) {
			x->why = "a name does not stand where its hash says";
			return 0;
		}
		at += entry_length(c, e);
	}
	return 0;
}

struct range {
	uint32_t least, next; // hashes
	bool goes_on, last;
};

static int check_node(struct index *x, uint32_t logical, int depth, int levels,
		      struct range range);

static int check_child(struct index *x, uint32_t logical, int depth, int levels,
		       struct range range)
{
	if (!logical || logical >= x->count) {
		x->why = "a pointer leads out of the directory";
		return 0;
	}
	if (x->met[logical]++) {
		x->why = "two pointers lead to the same block";
		return 0;
	}
	if (depth < levels)
		return check_node(x, logical, depth + 1, levels, range);
	return check_leaf(x, logical, range.least, range.next, range.goes_on,
			  range.last);
}

static int check_node(struct index *x, uint32_t logical, int depth, int levels,
		      struct range range)
{
	struct check *c = x->c;
	uint8_t *bytes = x->bytes[depth];
	uint32_t from = depth ? NODE_ENTRIES : ROOT_ENTRIES, n, before = 0;
	const struct disk_htree_entry *e = (const void *)(bytes + from);
	const struct disk_htree_limit *limit = (const void *)e;
	const struct disk_entry *whole = (const void *)bytes;
	int error = check_read(c, x->block[logical], bytes);

	if (error)
		return error;
	n = get16(limit->count);
	if (get16(limit->limit) != (c->block_bytes - from) / 8 || !n ||
	    n > get16(limit->limit))
		x->why = "a node's number of pointers is not possible";
	else if (depth && (get32(whole->inode) ||
			   entry_length(c, whole) != c->block_bytes))
		x->why = "a block that should be a node holds names";
	for (uint32_t i = 0; !error && !x->why && i < n; i++) {
		struct range r = range;
		uint32_t hash = i ? get32(e[i].hash) : 0;

		if (i && (hash < before || (hash & ~1u) < range.least))
			x->why = "its hashes are not in order";
		before = hash;
		if (i)
			r.least = hash & ~1u;
		if (i + 1 < n) {
			r.next = get32(e[i + 1].hash) & ~1u;
			r.goes_on = get32(e[i + 1].hash) & 1;
			r.last = false;
		}
		if (!x->why)
			error = check_child(x, get32(e[i].block), depth, levels,
					    r);
	}
	return error;
}

static int check_index(struct index *x)
{
	struct check *c = x->c;
	struct disk_htree_root root;
	int error;

	if (!x->count)
		return 0;
	error = check_read(c, x->block[0], x->bytes[0]);
	if (error)
		return error;
	memcpy(&root, x->bytes[0] + ROOT_INFO, sizeof root);
	x->version = root.hash_version;
	if (get32(root.reserved_zero) || root.info_length != sizeof root ||
	    root.unused_flags & 1 || root.indirect_levels > LEVELS_MOST ||
	    root.hash_version > HASH_TEA) {
		x->why = "its root is not one";
		return 0;
	}
	error = check_node(x, 0, 0, root.indirect_levels,
			   (struct range){ .last = true });
	for (size_t i = 1; !error && !x->why && i < x->count; i++)
		if (!x->met[i])
			x->why = "no pointer leads to some of its blocks";
	return error;
}

int index_drop(struct check *c, uint32_t ino)
{
	struct disk_inode *inode = malloc(c->inode_bytes);
	int error = inode ? inode_read(c, ino, inode) : -ENOMEM;

	if (!error) {
		inode->i_flags = put32(get32(inode->i_flags) & ~INODE_INDEX);
		error = inode_write(c, ino, inode);
	}
	free(inode);
	c->kind[ino] &= ~KIND_INDEXED;
	return error;
}

static int check_one(struct index *x, uint32_t ino)
{
	struct check *c = x->c;
	struct disk_inode *inode = malloc(c->inode_bytes);
	uint32_t *map = NULL;
	size_t map_count;
	int error = inode ? inode_read(c, ino, inode) : -ENOMEM;

	x->block = NULL;
	x->why = NULL;
	if (!error)
		error = map_lists(c, inode, &x->block, &x->count, &map,
				  &map_count);
	x->met = calloc(x->count + 1, 1);
	if (!error)
		error = x->met ? check_index(x) : -ENOMEM;
	free(x->met);
	free(x->block);
	free(map);
	free(inode);
	if (!error && x->why &&
	    problem(c, "htree", SAFE, ino, 0,
		    "gives the index up; the names stay",
		    "the index of the directory is wrong: %s", x->why))
		error = index_drop(c, ino);
	return error;
}

int htree_check(struct check *c)
{
	struct index x = { .c = c };
	int error = 0;

	x.fs = calloc(1, sizeof *x.fs);
	if (!x.fs)
		return -ENOMEM;
	x.fs->super = c->super;
	for (int i = 0; i < LEVELS_MOST + 2; i++) {
		x.bytes[i] = malloc(c->block_bytes);
		if (!x.bytes[i])
			error = -ENOMEM;
	}
	for (size_t i = 0; !error && i < c->dir_count; i++)
		if (c->kind[c->dirs[i].ino] & KIND_INDEXED)
			error = check_one(&x, c->dirs[i].ino);
	for (int i = 0; i < LEVELS_MOST + 2; i++)
		free(x.bytes[i]);
	free(x.fs);
	return error;
}
