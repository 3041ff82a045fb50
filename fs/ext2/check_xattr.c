// check_xattr.c - extended attributes: in the inode, and in a block
//
// Both hold entries from the front (header, name) and values from the end; four
// zero bytes end the entries. Nothing may overlap, which a bit for each four bytes
// tells. A value has a hash over name and value. In the inode the entries before
// the first that is wrong are kept; a block with an error is given up, as inodes
// share it and none can say what it should be.
//
// A block may belong to many inodes: it is claimed once, and who refers to it is
// counted and held against what its header says.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

enum { END_BYTES = 4, CELL = 4 };

// ## Entries

struct area {
	uint8_t *bytes; // values count from here
	uint32_t size;
	uint32_t first;   // entry
	bool hash_needed; // 0 is no hash
	uint8_t taken[65536 / CELL / 8];
};

static bool take(struct area *a, uint32_t offset, uint32_t n)
{
	if (offset > a->size || n > a->size - offset)
		return false;
	for (uint32_t i = offset / CELL; i < (offset + n + 3) / CELL; i++) {
		if (a->taken[i / 8] >> i % 8 & 1)
			return false;
		a->taken[i / 8] |= (uint8_t)(1 << i % 8);
	}
	return true;
}

// The hash of an entry, as ext2 defines it: over the name's bytes (which some
// machines take as signed), then the value's words.
static uint32_t hash_entry(const struct disk_xattr_entry *e,
			   const uint8_t *value, bool is_signed)
{
	uint32_t hash = 0, words = (get32(e->e_value_size) + 3) / 4;

	for (uint32_t i = 0; i < e->e_name_len; i++)
		hash = hash << 5 ^ hash >> 27 ^
		       (is_signed ? (uint32_t)(int8_t)e->e_name[i]
				  : e->e_name[i]);
	for (uint32_t i = 0; i < words; i++) {
		le32 word;

		memcpy(&word, value + 4 * i, 4);
		hash = hash << 16 ^ hash >> 16 ^ get32(word);
	}
	return hash;
}

static uint32_t entry_size(const struct disk_xattr_entry *e)
{
	return (sizeof *e + e->e_name_len + 3) & ~3u;
}

static const char *entry_fault(struct area *a, uint32_t at)
{
	const struct disk_xattr_entry *e = (const void *)(a->bytes + at);
	uint32_t offset, size, hash;

	if (at + sizeof *e > a->size || at + entry_size(e) > a->size)
		return "an entry does not end";
	offset = get16(e->e_value_offs);
	size = get32(e->e_value_size);
	if (!e->e_name_index && a->hash_needed)
		return "an entry has no kind of name";
	if (get32(e->e_value_inum))
		return "a value is said to stand in another inode";
	if (!take(a, at, entry_size(e)))
		return "entries and values overlap";
	if (size > a->size || offset > a->size || size > a->size - offset)
		return "a value does not stand where attributes do";
	// Values take whole words; the last may reach over the end by nothing.
	if (size && (((size + 3) & ~3u) > a->size - offset || offset % 4 ||
		     !take(a, offset, (size + 3) & ~3u)))
		return "values overlap";
	hash = get32(e->e_hash);
	if ((hash || a->hash_needed) &&
	    hash != hash_entry(e, a->bytes + offset, false) &&
	    hash != hash_entry(e, a->bytes + offset, true))
		return "a value does not have the hash of its entry";
	return NULL;
}

// The first fault, and where the entry stands.
static const char *area_fault(struct area *a, uint32_t *at)
{
	static const uint8_t zeros[END_BYTES];

	for (*at = a->first;; *at += entry_size((void *)(a->bytes + *at))) {
		const char *fault;

		if (*at + END_BYTES > a->size)
			return "the entries do not end";
		if (!memcmp(a->bytes + *at, zeros, END_BYTES))
			return take(a, *at, END_BYTES) ? NULL
						       : "values overlap";
		fault = entry_fault(a, *at);
		if (fault)
			return fault;
	}
}

// ## In the inode

int xattr_in_inode(struct check *c, uint32_t ino, struct disk_inode *inode,
		   bool *dirty)
{
	uint32_t from = INODE_BYTES_OLD + get16(inode->i_extra_isize), at;
	uint8_t *bytes = (uint8_t *)inode;
	struct area *a;
	le32 magic;
	const char *fault;

	if (from + 4 >= c->inode_bytes || from % 4)
		return 0;
	memcpy(&magic, bytes + from, 4);
	if (get32(magic) != XATTR_MAGIC)
		return 0;
	a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	a->bytes = bytes + from + 4;
	a->size = c->inode_bytes - from - 4;
	fault = area_fault(a, &at);
	if (fault && problem(c, "xattr-inode", 0, ino, 0,
			     at ? "clears this attribute and those behind it"
				: "clears its attributes",
			     "its attributes are damaged: %s", fault)) {
		uint32_t end = at < a->size - END_BYTES ? at
							: a->size - END_BYTES;

		if (at)
			memset(a->bytes + end, 0, END_BYTES);
		else
			memset(bytes + from, 0, a->size + 4);
		*dirty = true;
		// A value may begin where the entries now end.
		memset(a->taken, 0, sizeof a->taken);
		if (area_fault(a, &at))
			memset(bytes + from, 0, a->size + 4);
	}
	free(a);
	return 0;
}

// ## In a block

static struct xattr_block *place_of(struct check *c, uint32_t block)
{
	size_t i = block * UINT32_C(2654435761) % c->xattr_room;

	while (c->xattrs[i].block && c->xattrs[i].block != block)
		i = (i + 1) % c->xattr_room;
	return &c->xattrs[i];
}

static bool make_room(struct check *c)
{
	struct xattr_block *old = c->xattrs;
	size_t room = c->xattr_room;

	if (c->xattr_count * 4 < room * 3)
		return true;
	c->xattr_room = room ? room * 2 : 64;
	c->xattrs = calloc(c->xattr_room, sizeof *c->xattrs);
	if (!c->xattrs) {
		c->xattrs = old;
		c->xattr_room = room;
		return false;
	}
	for (size_t i = 0; i < room; i++)
		if (old[i].block)
			*place_of(c, old[i].block) = old[i];
	free(old);
	return true;
}

static int block_fault(struct check *c, uint32_t block, const char **fault,
		       uint32_t *said)
{
	const struct disk_xattr_header *header = (const void *)c->block;
	struct area *a;
	uint32_t at;
	int error = check_read(c, block, c->block);

	if (error)
		return error;
	*said = get32(header->h_refcount);
	if (get32(header->h_magic) != XATTR_MAGIC)
		*fault = "it holds no attributes";
	else if (get32(header->h_blocks) != 1)
		*fault = "it is said to be more than one block";
	if (*fault)
		return 0;
	a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	a->bytes = c->block;
	a->size = c->block_bytes;
	a->first = sizeof *header;
	a->hash_needed = true;
	take(a, 0, sizeof *header);
	*fault = area_fault(a, &at);
	free(a);
	return 0;
}

static void drop(struct disk_inode *inode, bool *dirty)
{
	inode->i_file_acl = put32(0);
	*dirty = true;
}

static void need_feature(struct check *c)
{
	if (get32(c->super.s_feature_compat) & COMPAT_EXT_ATTR ||
	    !problem(c, "super-ext-attr", SAFE, 0, 0, "sets the feature",
		     "There are extended attributes, but the superblock lacks "
		     "the feature ext_attr"))
		return;
	c->super.s_feature_compat = put32(get32(c->super.s_feature_compat) |
					  COMPAT_EXT_ATTR);
	c->super_dirty = true;
}

int xattr_claim(struct check *c, uint32_t ino, struct disk_inode *inode,
		bool *dirty)
{
	uint32_t block = get32(inode->i_file_acl);
	struct xattr_block *x;
	const char *fault = NULL;
	int error;

	if (!block_valid(c, block) || block_is_metadata(c, block)) {
		if (problem(c, "xattr-pointer", 0, ino, block,
			    "clears the pointer",
			    "its attributes are said to stand in block %u, "
			    "%s",
			    block,
			    block_valid(c, block)
				    ? "which holds metadata"
				    : "which is not of this file system"))
			drop(inode, dirty);
		return 0;
	}
	// Who sets the first attribute raises the revision, too.
	if (!get32(c->super.s_rev_level)) {
		if (problem(c, "xattr-revision", 0, ino, block,
			    "clears the pointer",
			    "its attributes are said to stand in block %u, but "
			    "a file system of revision 0 has none",
			    block))
			drop(inode, dirty);
		return 0;
	}
	if (!make_room(c))
		return -ENOMEM;
	x = place_of(c, block);
	if (!x->block) {
		uint32_t said = 0;

		error = block_fault(c, block, &fault, &said);
		if (error)
			return error;
		*x = (struct xattr_block){ .block = block,
					   .said = said,
					   .bad = fault };
		c->xattr_count++;
		if (!fault) {
			need_feature(c);
			block_claim(c, block);
		}
	}
	if (x->bad) {
		if (!fault)
			fault = "as was said before";
		if (problem(c, "xattr-block", 0, ino, block,
			    "clears the pointer",
			    "its attributes in block %u are damaged: %s", block,
			    fault))
			drop(inode, dirty);
		return 0;
	}
	x->refs++;
	return 0;
}

int xattr_counts(struct check *c)
{
	int error = 0;

	for (size_t i = 0; !error && i < c->xattr_room; i++) {
		struct xattr_block *x = &c->xattrs[i];
		struct disk_xattr_header *header = (void *)c->block;

		if (!x->block || x->bad || x->refs == x->said ||
		    !problem(c, "xattr-count", SAFE, 0, x->block, "sets it",
			     "The attributes in block %u are said to belong to "
			     "%u inodes, but belong to %u",
			     x->block, x->said, x->refs))
			continue;
		error = check_read(c, x->block, c->block);
		header->h_refcount = put32(x->refs);
		if (!error)
			error = check_write(c, x->block, c->block);
	}
	return error;
}
