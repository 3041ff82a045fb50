// check_kinds.c - what an inode of each kind may hold
//
// A regular file may hold anything. Devices, fifos and sockets have no size and no
// blocks; a device keeps its number where others have pointers. The target of a
// symlink stands in the inode when it is shorter than 60 bytes, else in one block,
// and is as long as i_size says.
//
// A mode that names no kind is guessed from the rest rather than given up: what
// begins as a directory begins (an entry "." with its own number) is one, what
// has blocks is a file.

#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/check_parts.h"

static bool fast_symlink(const struct disk_inode *inode)
{
	return inode_size(inode) < SYMLINK_INSIDE;
}

bool inode_maps(const struct check *c, const struct disk_inode *inode)
{
	(void)c;
	switch (kind_of(get16(inode->i_mode))) {
	case TYPE_REGULAR:
	case TYPE_DIRECTORY:
		return true;
	case TYPE_SYMLINK:
		return !fast_symlink(inode);
	default:
		return false;
	}
}

// The first block holds "." with this number, and "..".
static bool looks_like_directory(struct check *c, uint32_t ino,
				 const struct disk_inode *inode)
{
	uint32_t block = get32(inode->i_block[0]);
	const struct disk_entry *e = (const void *)c->block;

	if (!block_valid(c, block) || check_read(c, block, c->block) ||
	    get32(e->inode) != ino || e->name_len != 1 || e->name[0] != '.' ||
	    !entry_sound(c, c->block, 0) ||
	    entry_length(c, e) >= c->block_bytes)
		return false;
	e = (const void *)(c->block + entry_length(c, e));
	return entry_sound(c, c->block,
			   (uint32_t)((const uint8_t *)e - c->block)) &&
	       e->name_len == 2 && !memcmp(e->name, "..", 2);
}

static bool has_pointers(const struct check *c, const struct disk_inode *inode)
{
	for (int i = 0; i < BLOCK_POINTERS; i++)
		if (get32(inode->i_block[i]))
			return block_valid(c, get32(inode->i_block[i]));
	return false;
}

static void set_kind(struct disk_inode *inode, uint32_t kind, bool *dirty)
{
	inode->i_mode = put16(kind | (get16(inode->i_mode) & 07777));
	*dirty = true;
}

static void bad_mode(struct check *c, uint32_t ino, struct disk_inode *inode,
		     bool *dirty)
{
	bool file = has_pointers(c, inode);

	if (!problem(c, "inode-mode", 0, ino, 0,
		     file ? "makes it a regular file" : "clears it",
		     "its mode 0%o is not that of any kind of file",
		     get16(inode->i_mode)))
		return;
	if (file) {
		set_kind(inode, S_IFREG, dirty);
		return;
	}
	inode_erase(c, inode);
	*dirty = true;
}

static void special(struct check *c, uint32_t ino, struct disk_inode *inode,
		    bool *dirty)
{
	if (inode_size(inode) &&
	    problem(c, "special-size", SAFE, ino, 0, "sets it to 0",
		    "it is a device, fifo or socket, but has a size")) {
		inode->i_size = inode->i_size_high = put32(0);
		*dirty = true;
	}
}

static void special_flags(struct check *c, uint32_t ino,
			  struct disk_inode *inode, bool *dirty)
{
	uint32_t flags = get32(inode->i_flags);

	if (flags & INODE_NOT_SPECIAL &&
	    problem(c, "special-flags", SAFE, ino, 0, "clears them",
		    "it is a symlink, device, fifo or socket, but has flags of "
		    "files (immutable, append)")) {
		inode->i_flags = put32(flags & ~(uint32_t)INODE_NOT_SPECIAL);
		*dirty = true;
	}
}

// ## Symlinks

struct target {
	const char *why; // NULL: it is sound
	uint32_t length; // what i_size should be; 0: there is no target
	bool inside;
};

static struct target target_inside(const struct disk_inode *inode)
{
	struct target t = { .inside = true };

	t.length = (uint32_t)strnlen((const char *)inode->i_block,
				     SYMLINK_INSIDE);
	if (t.length == SYMLINK_INSIDE)
		t.length = SYMLINK_INSIDE - 1;
	if (!t.length)
		t.why = "its target is empty";
	else if (inode_size(inode) != t.length)
		t.why = "its size is not that of its target";
	return t;
}

static struct target target_in_block(struct check *c,
				     const struct disk_inode *inode)
{
	struct target t = { 0 };
	uint64_t size = inode_size(inode);

	if (!block_valid(c, get32(inode->i_block[0]))) {
		t.why = "the block of its target is not of this file system";
		return t;
	}
	if (check_read(c, get32(inode->i_block[0]), c->block))
		return t;
	t.length = (uint32_t)strnlen((const char *)c->block, c->block_bytes);
	if (t.length == c->block_bytes) {
		t.length = 0;
		t.why = "its target does not end";
	} else if (!t.length) {
		t.why = "its target is empty";
	} else if (size != t.length) {
		t.why = "its size is not that of its target";
	} else {
		for (int i = 1; i < BLOCK_POINTERS; i++)
			if (get32(inode->i_block[i]))
				t.why = "it has more than one block";
	}
	return t;
}

static void repair_symlink(struct check *c, struct disk_inode *inode,
			   struct target t)
{
	if (!t.length) {
		inode_erase(c, inode);
		return;
	}
	inode->i_size = put32(t.length);
	inode->i_size_high = put32(0);
	if (t.inside) {
		memset((uint8_t *)inode->i_block + t.length, 0,
		       SYMLINK_INSIDE - t.length);
		return;
	}
	memset(&inode->i_block[1], 0, sizeof inode->i_block - 4);
	if (t.length < SYMLINK_INSIDE) {
		memset(inode->i_block, 0, sizeof inode->i_block);
		memcpy(inode->i_block, c->block, t.length);
	}
}

static void symlink_check(struct check *c, uint32_t ino,
			  struct disk_inode *inode, bool *dirty)
{
	struct target t;

	// A size that says one and a block count that says the other: look at
	// what is there.
	if (fast_symlink(inode) && inode_size(inode))
		t = target_inside(inode);
	else
		t = target_in_block(c, inode);
	if (!t.length && !fast_symlink(inode)) {
		struct target inside = target_inside(inode);

		if (inside.length && !get32(inode->i_blocks))
			t = inside;
	} else if (t.why && fast_symlink(inode) && t.inside &&
		   get32(inode->i_blocks) && !get32(inode->i_file_acl)) {
		struct target block = target_in_block(c, inode);

		if (block.length)
			t = block;
	}
	if (!t.why)
		return;
	if (!problem(c, "symlink", 0, ino, 0,
		     t.length ? "makes size and target agree" : "clears it",
		     "the symlink cannot be: %s", t.why))
		return;
	repair_symlink(c, inode, t);
	*dirty = true;
}

int kind_check(struct check *c, uint32_t ino, struct disk_inode *inode,
	       bool *dirty)
{
	enum entry_type kind = kind_of(get16(inode->i_mode));

	if (kind != TYPE_REGULAR && kind != TYPE_DIRECTORY &&
	    looks_like_directory(c, ino, inode) &&
	    problem(c, "inode-mode", 0, ino, 0, "makes it a directory",
		    "its mode 0%o is not that of a directory, but it holds "
		    "one",
		    get16(inode->i_mode)))
		set_kind(inode, S_IFDIR, dirty);
	kind = kind_of(get16(inode->i_mode));
	if (!kind)
		bad_mode(c, ino, inode, dirty);
	else if (kind == TYPE_SYMLINK)
		symlink_check(c, ino, inode, dirty);
	else if (kind != TYPE_REGULAR && kind != TYPE_DIRECTORY)
		special(c, ino, inode, dirty);
	kind = kind_of(get16(inode->i_mode));
	if (kind && kind != TYPE_REGULAR && kind != TYPE_DIRECTORY)
		special_flags(c, ino, inode, dirty);
	return 0;
}
