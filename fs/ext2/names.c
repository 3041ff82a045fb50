// names.c - making, linking, removing and renaming files
//
// Each call checks all it can before it changes anything, then gets what may be
// missing (an inode, a block, room for the entry), and then does the rest, which
// only a failing device can stop. What was got is given back when the rest is not
// done.
//
// Links are counted as the kernel does: one for each name; a directory has one for
// its name, one for its own "." and one for the ".." of each directory in it. An
// inode whose last name goes is removed with its content (inode_remove).
//
// A directory must not be moved into itself: from the new place the way up, by
// "..", must reach the root without meeting it. The way of a hostile image may go
// round in a circle, which Brent's algorithm notices.
//
// Source of the rules: rename(2), link(2), unlink(2), rmdir(2), mkdir(2).

#include "fs/ext2/directory.h"

#include <errno.h>
#include <string.h>

static int check_name(const char *name, size_t length)
{
	if (length == 0)
		return -ENOENT;
	if (length > NAME_LONGEST)
		return -ENAMETOOLONG;
	if (memchr(name, '/', length) || memchr(name, '\0', length) ||
	    (length <= 2 && name[0] == '.' && name[length - 1] == '.'))
		return -EINVAL;
	return 0;
}

static enum entry_type type_of(uint16_t mode)
{
	static const uint8_t types[16] = {
		[S_IFREG >> 12] = TYPE_REGULAR,
		[S_IFDIR >> 12] = TYPE_DIRECTORY,
		[S_IFCHR >> 12] = TYPE_CHARACTER,
		[S_IFBLK >> 12] = TYPE_BLOCK,
		[S_IFIFO >> 12] = TYPE_FIFO,
		[S_IFSOCK >> 12] = TYPE_SOCKET,
		[S_IFLNK >> 12] = TYPE_SYMLINK,
	};

	return types[mode >> 12];
}

// ## Making

// A new inode in memory, from what the caller wants of it.
static void begin_inode(const struct ext2 *fs, uint32_t ino,
			const struct ext2_inode *wanted,
			struct ext2_inode *inode)
{
	memset(inode, 0, sizeof *inode);
	inode->ino = ino;
	inode->mode = wanted->mode;
	inode->uid = wanted->uid;
	inode->gid = wanted->gid;
	inode->links = S_ISDIR(wanted->mode) ? 2 : 1;
	inode->atime = wanted->atime;
	inode->mtime = wanted->mtime;
	inode->ctime = wanted->ctime;
	inode->crtime = wanted->crtime;
	inode->flags = flags_allowed(wanted->mode,
				     wanted->flags & ~(uint32_t)INODE_FORM);
	inode->generation = wanted->generation;
	inode->device_major = wanted->device_major;
	inode->device_minor = wanted->device_minor;
	inode->extra = fs->inode_bytes > INODE_BYTES_OLD ? INODE_EXTRA : 0;
}

// What a new file holds besides its attributes.
struct filling {
	const void *bytes;
	size_t n;
};

static int fill(struct ext2 *fs, struct ext2_inode *inode, uint32_t parent,
		struct filling filling)
{
	if (S_ISDIR(inode->mode))
		return dir_begin(fs, inode, parent);
	if (S_ISLNK(inode->mode) && filling.n < SYMLINK_INSIDE) {
		memcpy(inode->block, filling.bytes, filling.n);
		inode->size = filling.n;
		return 0;
	}
	return filling.n > 0
		       ? content_create(fs, inode, filling.bytes, filling.n)
		       : 0;
}

static int count_link(struct ext2 *fs, uint32_t dir, int change)
{
	struct ext2_inode inode;
	int error = inode_get(fs, dir, &inode);

	if (error)
		return error;
	// Whoever does not count (1, more than fit), or has lost count, keeps it.
	if (change < 0 && inode.links <= 2)
		return 0;
	inode.links += (uint32_t)change;
	return inode_put(fs, &inode);
}

static int may_have_child(struct ext2 *fs, uint32_t dir)
{
	struct ext2_inode inode;
	int error = inode_get(fs, dir, &inode);

	return error ? error : inode.links >= LINKS_MOST ? -EMLINK : 0;
}

static int create(struct ext2 *fs, uint32_t dir, const char *name,
		  size_t length, const struct ext2_inode *wanted,
		  struct filling filling, uint32_t *made)
{
	bool directory = S_ISDIR(wanted->mode);
	struct adding adding;
	struct ext2_inode inode;
	uint32_t ino;
	int error = check_name(name, length);

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!error && type_of(wanted->mode) == TYPE_UNKNOWN)
		error = -EINVAL;
	if (!error)
		error = dir_prepare(fs, dir, name, length, &adding);
	if (!error && directory)
		error = may_have_child(fs, dir);
	if (!error)
		error = inode_allocate(fs, dir, directory, &ino);
	if (error)
		return error;
	begin_inode(fs, ino, wanted, &inode);
	error = fill(fs, &inode, dir, filling);
	if (!error) {
		error = inode_put(fs, &inode);
		if (!error)
			error = dir_put(fs, &adding, ino,
					type_of(wanted->mode));
		if (error && inode_has_map(&inode))
			map_cut(fs, &inode, 0);
	}
	if (error) {
		inode_clear(fs, ino);
		inode_free(fs, ino, directory);
		return error;
	}
	if (directory)
		error = count_link(fs, dir, 1);
	*made = ino;
	return error ? error : dir_touch(fs, dir);
}

int ext2_create(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		const struct ext2_inode *attributes, uint32_t *ino)
{
	if (S_ISLNK(attributes->mode))
		return -EINVAL;
	return create(fs, dir, name, length, attributes, (struct filling){ 0 },
		      ino);
}

int ext2_create_with(struct ext2 *fs, uint32_t dir, const char *name,
		     size_t length, const struct ext2_inode *attributes,
		     const void *bytes, size_t n, uint32_t *ino)
{
	if (!S_ISREG(attributes->mode))
		return -EINVAL;
	return create(fs, dir, name, length, attributes,
		      (struct filling){ bytes, n }, ino);
}

int ext2_symlink(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		 const struct ext2_inode *attributes, const char *target,
		 size_t target_length, uint32_t *ino)
{
	struct ext2_inode wanted = *attributes;

	if (target_length == 0 || memchr(target, '\0', target_length))
		return -EINVAL;
	if (target_length >= fs->block_bytes)
		return -ENAMETOOLONG;
	wanted.mode = (uint16_t)((wanted.mode & ~S_IFMT) | S_IFLNK);
	return create(fs, dir, name, length, &wanted,
		      (struct filling){ target, target_length }, ino);
}

int ext2_link(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	      uint32_t ino)
{
	struct ext2_inode inode;
	struct adding adding;
	int error = check_name(name, length);

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!error)
		error = inode_get(fs, ino, &inode);
	if (error)
		return error;
	if (S_ISDIR(inode.mode))
		return -EPERM;
	if (inode.links == 0)
		return -ENOENT;
	if (inode.links >= LINKS_MOST)
		return -EMLINK;
	error = dir_prepare(fs, dir, name, length, &adding);
	if (error)
		return error;
	inode.links++;
	inode.ctime = fs->now;
	error = inode_put(fs, &inode);
	if (!error)
		error = dir_put(fs, &adding, ino, type_of(inode.mode));
	return error ? error : dir_touch(fs, dir);
}

// ## Removing

// An entry of a directory that is to be changed, and its inode.
static int look(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		struct ext2_inode *inode)
{
	struct ext2_entry entry = { 0 };
	struct directory *d;
	int error = dir_open(fs, dir, &d);

	if (!error)
		error = ext2_find(fs, dir, name, length, &entry);
	if (!error)
		error = inode_get(fs, entry.ino, inode);
	if (!error && inode->links == 0)
		error = -EUCLEAN;
	return error;
}

// One link less, or the end of the inode. Before its name goes: a file whose map
// is broken cannot be freed, and then all stays as it is.
static int drop_link(struct ext2 *fs, struct ext2_inode *inode)
{
	if (S_ISDIR(inode->mode)) {
		dir_forget(fs, inode->ino);
		return inode_remove(fs, inode->ino);
	}
	if (inode->links == 1)
		return inode_remove(fs, inode->ino);
	inode->links--;
	inode->ctime = fs->now;
	return inode_put(fs, inode);
}

static bool is_reserved(const struct ext2 *fs, uint32_t ino)
{
	uint32_t first = get32(fs->super.s_rev_level) == 0
				 ? INO_FIRST
				 : get32(fs->super.s_first_ino);

	return ino < first;
}

int ext2_unlink(struct ext2 *fs, uint32_t dir, const char *name, size_t length)
{
	struct ext2_inode inode;
	int error = check_name(name, length);

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!error)
		error = look(fs, dir, name, length, &inode);
	if (!error && S_ISDIR(inode.mode))
		error = -EISDIR;
	if (!error && is_reserved(fs, inode.ino))
		error = -EUCLEAN;
	if (!error)
		error = drop_link(fs, &inode);
	if (!error)
		error = dir_remove(fs, dir, name, length);
	return error ? error : dir_touch(fs, dir);
}

// Whether a directory may go: -ENOTEMPTY; -EUCLEAN: it is not one that can.
static int may_remove(struct ext2 *fs, uint32_t dir, uint32_t ino)
{
	bool empty;
	int error;

	if (is_reserved(fs, ino) || ino == dir)
		return -EUCLEAN;
	error = dir_is_empty(fs, ino, &empty);
	return error ? error : empty ? 0 : -ENOTEMPTY;
}

int ext2_rmdir(struct ext2 *fs, uint32_t dir, const char *name, size_t length)
{
	struct ext2_inode inode = { 0 };
	int error = check_name(name, length);

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!error)
		error = look(fs, dir, name, length, &inode);
	if (!error && !S_ISDIR(inode.mode))
		error = -ENOTDIR;
	if (!error)
		error = may_remove(fs, dir, inode.ino);
	if (!error)
		error = drop_link(fs, &inode);
	if (!error)
		error = dir_remove(fs, dir, name, length);
	if (!error)
		error = count_link(fs, dir, -1);
	return error ? error : dir_touch(fs, dir);
}

// ## Renaming

// -EINVAL: on the way up from `dir` is `ino`.
static int check_above(struct ext2 *fs, uint32_t dir, uint32_t ino)
{
	uint32_t seen = 0;
	uint64_t steps = 0, limit = 1;

	while (dir != ino && dir != INO_ROOT) {
		struct ext2_entry up;
		int error = ext2_find(fs, dir, "..", 2, &up);

		if (error)
			return error == -ENOENT ? -EUCLEAN : error;
		dir = up.ino;
		if (dir == seen)
			return -EUCLEAN;
		if (++steps == limit) {
			limit *= 2;
			seen = dir;
		}
	}
	return dir == ino ? -EINVAL : 0;
}

struct renaming {
	uint32_t dir, new_dir;
	struct ext2_inode moved, replaced;
	bool replaces;
};

static int check_renaming(struct ext2 *fs, const struct renaming *r)
{
	bool directory = S_ISDIR(r->moved.mode);
	int error = 0;

	if (is_reserved(fs, r->moved.ino))
		return -EUCLEAN;
	if (directory)
		error = check_above(fs, r->new_dir, r->moved.ino);
	if (error || !r->replaces)
		return error || !directory || r->dir == r->new_dir
			       ? error
			       : may_have_child(fs, r->new_dir);
	if (directory && !S_ISDIR(r->replaced.mode))
		return -ENOTDIR;
	if (!directory && S_ISDIR(r->replaced.mode))
		return -EISDIR;
	if (!directory)
		return is_reserved(fs, r->replaced.ino) ? -EUCLEAN : 0;
	return may_remove(fs, r->new_dir, r->replaced.ino);
}

// The links of both directories and "..", when a directory has moved.
static int settle_parents(struct ext2 *fs, const struct renaming *r)
{
	int error = 0;

	if (!S_ISDIR(r->moved.mode))
		return 0;
	if (r->dir != r->new_dir) {
		error = dir_change(fs, r->moved.ino, "..", 2, r->new_dir,
				   TYPE_DIRECTORY);
		if (!error)
			error = count_link(fs, r->dir, -1);
		if (!error)
			error = count_link(fs, r->new_dir, 1);
	}
	if (!error && r->replaces)
		error = count_link(fs, r->new_dir, -1);
	return error;
}

int ext2_rename(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		uint32_t new_dir, const char *new_name, size_t new_length)
{
	struct renaming r = { .dir = dir, .new_dir = new_dir };
	struct adding adding;
	int error = check_name(name, length);

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!error)
		error = check_name(new_name, new_length);
	if (!error)
		error = look(fs, dir, name, length, &r.moved);
	if (error)
		return error;
	error = look(fs, new_dir, new_name, new_length, &r.replaced);
	r.replaces = error == 0;
	if (error && error != -ENOENT)
		return error;
	if (r.replaces && r.moved.ino == r.replaced.ino)
		return 0; // the same name, or two names of one file
	error = check_renaming(fs, &r);
	if (error)
		return error;

	enum entry_type type = type_of(r.moved.mode);

	if (r.replaces)
		error = drop_link(fs, &r.replaced);
	else
		error = dir_prepare(fs, new_dir, new_name, new_length, &adding);
	if (!error)
		error = r.replaces ? dir_change(fs, new_dir, new_name,
						new_length, r.moved.ino, type)
				   : dir_put(fs, &adding, r.moved.ino, type);
	if (!error)
		error = dir_remove(fs, dir, name, length);
	if (!error)
		error = settle_parents(fs, &r);
	if (error)
		return error;
	// Read again: a directory's inode may have changed since.
	error = inode_get(fs, r.moved.ino, &r.moved);
	r.moved.ctime = fs->now;
	if (!error)
		error = inode_put(fs, &r.moved);
	if (!error)
		error = dir_touch(fs, dir);
	return error ? error : dir_touch(fs, new_dir);
}
