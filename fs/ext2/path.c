// path.c - from a path to an inode
//
// A path is walked component by component. Each is looked up in the directory that
// the walk has reached; what is found is an inode number, and the inode says what
// it is. "." and ".." are entries like any other: the directory itself names its
// parent. Only the root's ".." is not asked, it is the root.
//
// A symlink's text takes the place of its name: the rest of the path is put behind
// it, and the walk goes on in the directory where the symlink stands, or from the
// root if the text begins with '/'. After 40 of them it ends (path_resolution(7)).
//
// A slash at the end means a directory, and that a symlink before it is followed.

#include "fs/ext2/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SYMLINKS_MOST = 40 };

struct walk {
	struct ext2 *fs;
	uint32_t ino; // reached so far
	char *path;   // what is left is in here, at `rest`
	const char *rest;
	int depth;
	void (*told)(void *context, const struct ext2_step *);
	void *context;
};

static void tell(const struct walk *w, struct ext2_step step)
{
	step.depth = w->depth;
	if (w->told)
		w->told(w->context, &step);
}

static const char *past_slashes(const char *path)
{
	return path + strspn(path, "/");
}

int ext2_readlink(struct ext2 *fs, uint32_t ino, char *target, size_t size)
{
	struct ext2_inode inode;
	int error = inode_get(fs, ino, &inode);

	if (error)
		return error;
	if (!S_ISLNK(inode.mode))
		return -EINVAL;
	if (inode.size == 0 || inode.size >= fs->block_bytes)
		return -EUCLEAN;
	if (inode.size >= size)
		return -ENAMETOOLONG;
	if (inode_has_map(&inode)) {
		int64_t n = ext2_read(fs, ino, 0, target, (size_t)inode.size);

		if (n < 0)
			return (int)n;
		if ((uint64_t)n != inode.size)
			return -EUCLEAN;
	} else {
		if (inode.size >= sizeof inode.block)
			return -EUCLEAN;
		memcpy(target, inode.block, (size_t)inode.size);
	}
	target[inode.size] = '\0';
	return strlen(target) == inode.size ? 0 : -EUCLEAN;
}

// The symlink's text before the rest of the path.
static int follow(struct walk *w, uint32_t dir, uint32_t ino)
{
	size_t left = strlen(w->rest);
	size_t most = w->fs->block_bytes;
	char *path;
	int error;

	if (w->depth >= SYMLINKS_MOST)
		return -ELOOP;
	path = malloc(most + 1 + left);
	if (!path)
		return -ENOMEM;
	error = ext2_readlink(w->fs, ino, path, most);
	if (error) {
		free(path);
		return error;
	}
	w->depth++;
	w->ino = path[0] == '/' ? INO_ROOT : dir;
	tell(w, (struct ext2_step){ .kind = STEP_SYMLINK,
				    .dir = w->ino,
				    .ino = ino,
				    .target = path });

	size_t length = strlen(path);

	// The rest is empty or begins with '/'.
	memcpy(path + length, w->rest, left + 1);
	free(w->path);
	w->path = path;
	w->rest = path[0] == '/' ? past_slashes(path) : path;
	return 0;
}

static int is_directory(struct ext2 *fs, uint32_t ino)
{
	struct ext2_inode inode;
	int error = inode_get(fs, ino, &inode);

	if (error)
		return error;
	return S_ISDIR(inode.mode) ? 0 : -ENOTDIR;
}

// One component, and the symlink that it may be.
static int step(struct walk *w, int flags)
{
	size_t length = strcspn(w->rest, "/");
	const char *name = w->rest;
	struct ext2_entry entry;
	struct ext2_inode inode;
	uint32_t dir = w->ino;
	int error = ext2_find(w->fs, dir, name, length, &entry);

	if (error == -ENOENT)
		tell(w, (struct ext2_step){ .kind = STEP_MISSING,
					    .dir = dir,
					    .name = name,
					    .name_len = length });
	if (error)
		return error;
	if (dir == INO_ROOT && length == 2 && name[0] == '.' && name[1] == '.')
		entry.ino = INO_ROOT;
	tell(w, (struct ext2_step){ .kind = STEP_ENTRY,
				    .dir = dir,
				    .name = name,
				    .name_len = length,
				    .entry = entry,
				    .ino = entry.ino });
	w->rest += length;
	w->ino = entry.ino;
	error = inode_get(w->fs, entry.ino, &inode);
	if (error)
		return error;

	bool at_end = *past_slashes(w->rest) == '\0';
	bool wants_directory = *w->rest == '/';

	if (S_ISLNK(inode.mode) &&
	    !(at_end && !wants_directory && flags & EXT2_NOFOLLOW))
		return follow(w, dir, entry.ino);
	if (wants_directory && !S_ISDIR(inode.mode))
		return -ENOTDIR;
	w->rest = past_slashes(w->rest);
	return 0;
}

static int walk(struct ext2 *fs, uint32_t start, const char *path,
		size_t length, int flags,
		void (*told)(void *context, const struct ext2_step *),
		void *context, uint32_t *ino)
{
	struct walk w = {
		.fs = fs,
		.ino = path[0] == '/' ? INO_ROOT : start,
		.told = told,
		.context = context,
	};
	int error;

	w.path = malloc(length + 1);
	if (!w.path)
		return -ENOMEM;
	memcpy(w.path, path, length);
	w.path[length] = '\0';
	w.rest = past_slashes(w.path);
	tell(&w, (struct ext2_step){ .kind = STEP_START, .ino = w.ino });
	error = is_directory(fs, w.ino);
	while (!error && *w.rest != '\0')
		error = step(&w, flags);
	free(w.path);
	*ino = w.ino;
	return error;
}

int ext2_walk(struct ext2 *fs, uint32_t start, const char *path, int flags,
	      void (*told)(void *context, const struct ext2_step *),
	      void *context, uint32_t *ino)
{
	uint32_t reached;
	int error;

	if (path[0] == '\0')
		return -ENOENT;
	error = walk(fs, start, path, strlen(path), flags, told, context,
		     &reached);
	if (!error)
		*ino = reached;
	return error;
}

int ext2_walk_parent(struct ext2 *fs, uint32_t start, const char *path,
		     uint32_t *dir, const char **name, size_t *length)
{
	size_t end = strlen(path), begin;
	uint32_t reached;
	int error;

	if (end == 0)
		return -ENOENT;
	while (end > 0 && path[end - 1] == '/')
		end--;
	begin = end;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	if (end == begin || (end - begin == 1 && path[begin] == '.') ||
	    (end - begin == 2 && path[begin] == '.' && path[begin + 1] == '.'))
		return -EINVAL;
	if (end - begin > NAME_LONGEST)
		return -ENAMETOOLONG;
	error = walk(fs, start, path, begin, 0, NULL, NULL, &reached);
	if (!error)
		error = is_directory(fs, reached);
	if (error)
		return error;
	*dir = reached;
	*name = path + begin;
	*length = end - begin;
	return 0;
}
