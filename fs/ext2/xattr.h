// xattr.h - what xattr.c and xattr_change.c share

#ifndef EXT2_XATTR_H
#define EXT2_XATTR_H

#include "fs/ext2/content.h"

enum { XATTR_END_BYTES = 4 }; // the zeros behind the last entry

// A name or a value is where it was found: in an inode, a buffer, the caller's.
struct attribute {
	uint8_t index, name_len;
	const uint8_t *name;
	const uint8_t *value;
	uint32_t size;
	bool inside; // in the inode
};

static inline bool is_acl(const struct attribute *a)
{
	return !a->name_len &&
	       (a->index == XATTR_ACL_ACCESS || a->index == XATTR_ACL_DEFAULT);
}

// All of an inode.
struct attributes {
	struct attribute *item;
	size_t count, room;
	struct buffer *block; // pinned; NULL: has none
};

// One of the two places.
struct area {
	uint8_t *entries; // the first
	size_t room;      // from there on
	uint8_t *base;    // what e_value_offs counts from
};

static inline size_t xattr_padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

// Of "user.mime": prefix and rest. -EOPNOTSUPP, -ERANGE, -EINVAL.
int xattr_name_split(const char *name, struct attribute *a);
// The order of entries in a block, as strcmp.
int xattr_order(const struct attribute *a, const struct attribute *b);

// The inode's, in these bytes of its rest; room 0: it has none, or nothing says
// where it would begin.
struct area xattr_inside(const struct ext2 *fs, uint8_t *rest, unsigned extra);
struct area xattr_area(const struct ext2 *fs, uint8_t *block_bytes);

// Pinned, and its header looked at.
int xattr_block_get(struct ext2 *fs, const struct ext2_inode *inode,
		    struct buffer **buffer);

// On an error, too, *all is to be dropped. What it holds points into *inode and
// the block.
int xattrs_read(struct ext2 *fs, struct ext2_inode *inode,
		struct attributes *all);
int xattrs_add(struct attributes *all, const struct attribute *a);
struct attribute *xattrs_find(const struct attributes *all,
			      const struct attribute *wanted);
void xattrs_drop(struct attributes *all);

#endif
