// device_create.c - a new image appears whole, or not at all
//
// The file has no name while it is being made (open(2), O_TMPFILE), so whatever
// ends the program leaves nothing behind. When it is whole and flushed it gets
// its name: by linkat(2) where nothing has that name yet. A link cannot replace a
// file, only rename(2) can, and that wants a name: so the file is linked as
// .IMAGE.being-made first and renamed at once. Last the directory is flushed, for
// the name.
//
// Where the file system has no O_TMPFILE (or there is no /proc, by which such a
// file is linked) it is .IMAGE.being-made all the while.
//
// Between the two, or then, kill -9 leaves that name. Who makes the image next
// removes it: whoever is still at work holds its lock.
//
// The file that has the name until then is locked meanwhile: who is writing to it
// would find it gone.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/device_parts.h"

enum {
	PUBLIC_MODE = 0666,
	NAME_TRIES = 100,
	NAME_MOST = 255,
};

// ## Names

// ".disk.img.being-made"; a long name is cut.
static char *temporary_name(const char *name)
{
	static const char suffix[] = "being-made";
	char *made;

	return asprintf(&made, ".%.*s.%s", NAME_MOST - 1 - (int)sizeof(suffix),
			name, suffix) < 0
		       ? NULL
		       : made;
}

// Removes what a killed program has left there. The lock is held until it is gone,
// and it must be the same file then: so what somebody else begins there stays.
static int remove_left(struct device_on_file *file, const char *name)
{
	int fd = openat(file->dir, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat ours, there;
	int error = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -EEXIST;
	if (fstat(fd, &ours) || !S_ISREG(ours.st_mode))
		error = -EEXIST;
	else if (device_lock(fd, true))
		error = -EWOULDBLOCK;
	else if (!fstatat(file->dir, name, &there, AT_SYMLINK_NOFOLLOW) &&
		 ours.st_dev == there.st_dev && ours.st_ino == there.st_ino &&
		 unlinkat(file->dir, name, 0))
		error = -errno;
	close(fd);
	return error;
}

// Takes the temporary name, with `take`; it stays file->temporary.
static int take_name(struct device_on_file *file,
		     int (*take)(struct device_on_file *, const char *name))
{
	char *name = temporary_name(file->name);
	int error = name ? take(file, name) : -ENOMEM;

	for (int turn = 0; turn < NAME_TRIES && error == -EEXIST; turn++) {
		error = remove_left(file, name);
		if (!error)
			error = take(file, name);
	}
	if (error)
		free(name);
	else
		file->temporary = name;
	return error;
}

static int take_by_open(struct device_on_file *file, const char *name)
{
	file->fd = openat(file->dir, name,
			  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, PUBLIC_MODE);
	return file->fd < 0 ? -errno : 0;
}

static int take_by_link(struct device_on_file *file, const char *name)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, self, file->dir, name, AT_SYMLINK_FOLLOW)
		       ? -errno
		       : 0;
}

// ## Making

// The directory and the last component of where it is to be. A symlink stays what
// it is: the file it leads to is replaced.
static int find_place(struct device_on_file *file, const char *path)
{
	struct stat info;

	file->name = "";
	if (lstat(path, &info))
		file->path = errno == ENOENT ? strdup(path) : NULL;
	else if (!S_ISLNK(info.st_mode))
		file->path = strdup(path);
	else
		file->path = realpath(path, NULL);
	if (!file->path) {
		int error = errno;
		return error == ENOENT ? -EEXIST : error ? -error : -ENOMEM;
	}

	char *slash = strrchr(file->path, '/');

	file->name = slash ? slash + 1 : file->path;
	if (!*file->name)
		return *path ? -EISDIR : -ENOENT;

	char *above = !slash ? strdup(".")
		      : slash == file->path
			      ? strdup("/")
			      : strndup(file->path, slash - file->path);

	if (!above)
		return -ENOMEM;
	file->dir = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->dir < 0 && errno == EACCES)
		file->dir = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(above);
	return file->dir < 0 ? -errno : 0;
}

// Locks what has the name now, if anything has and we may, or it is held already.
// What has got the name since then is in use by whoever put it there.
static int lock_replaced(struct device_on_file *file,
			 const struct device_on_file *held, struct stat *info)
{
	struct stat ours;
	int error;

	if (fstatat(file->dir, file->name, info, AT_SYMLINK_NOFOLLOW)) {
		info->st_mode = 0;
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISREG(info->st_mode))
		return -EEXIST;
	if (!held) {
		file->replaced = openat(file->dir, file->name,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
						O_CLOEXEC);
		if (file->replaced < 0)
			return errno == EACCES ? 0 : -errno;
		error = device_lock(file->replaced, true);
		if (error == -EWOULDBLOCK)
			return error;
		error = device_under_loop(file->replaced, 0, info->st_size);
		if (error)
			return error;
	}
	if (fstat(held ? held->fd : file->replaced, &ours) ||
	    fstatat(file->dir, file->name, info, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return ours.st_dev == info->st_dev && ours.st_ino == info->st_ino
		       ? 0
		       : -EWOULDBLOCK;
}

// Opens a file without name, or with a temporary one.
static int open_new(struct device_on_file *file)
{
	char self[64];

	file->fd = openat(file->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
			  PUBLIC_MODE);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	if (file->fd >= 0 && !access(self, F_OK))
		return 0;
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	return take_name(file, take_by_open);
}

// The mode of the file that is replaced, and its owner where we may.
static int take_over(int fd, const struct stat *old)
{
	struct stat now;

	if (!old->st_mode)
		return 0;
	if (fstat(fd, &now))
		return -errno;
	if ((now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) && errno != EPERM &&
	    errno != EINVAL)
		return -errno;
	return fchmod(fd, old->st_mode & 0777) ? -errno : 0;
}

static int create(const struct device_on_file *held, const char *path,
		  uint64_t bytes, struct device **made)
{
	struct device_on_file place = { .dir = -1, .fd = -1, .replaced = -1 };
	struct device_on_file *file = NULL;
	struct stat old;
	int error = find_place(&place, path);

	if (!error)
		error = lock_replaced(&place, held, &old);
	if (!error && bytes > INT64_MAX)
		error = -EFBIG;
	if (!error)
		error = open_new(&place);
	if (!error)
		error = take_over(place.fd, &old);
	if (!error && ftruncate(place.fd, bytes))
		error = -errno;
	if (!error) {
		// Where there are no locks nobody else has one either.
		device_lock(place.fd, true);
		error = device_on_fd(place.fd, 0, bytes, true, &file);
		if (error)
			place.fd = -1;
	}
	if (!error) {
		file->path = place.path;
		file->name = place.name;
		file->temporary = place.temporary;
		file->dir = place.dir;
		file->replaced = place.replaced;
		*made = &file->device;
		return 0;
	}
	if (place.temporary)
		unlinkat(place.dir, place.temporary, 0);
	if (place.fd >= 0)
		close(place.fd);
	if (place.dir >= 0)
		close(place.dir);
	if (place.replaced >= 0)
		close(place.replaced);
	free(place.temporary);
	free(place.path);
	return error;
}

int device_create(const char *path, uint64_t bytes, struct device **made)
{
	return create(NULL, path, bytes, made);
}

int device_create_over(struct device *held, const char *path, uint64_t bytes,
		       struct device **made)
{
	if (strcmp(held->kind->name, "file"))
		return -EINVAL;
	return create((struct device_on_file *)held, path, bytes, made);
}

// ## Publishing

// The name is on stable storage. A directory that we may not read cannot be
// flushed: then all of its file system is. (EINVAL: such a file system keeps
// nothing.)
static int flush_name(struct device_on_file *file)
{
	if (!fsync(file->dir) || errno == EINVAL)
		return 0;
	if (errno != EBADF)
		return -errno;
	return syncfs(file->fd) ? -errno : 0;
}

int device_publish(struct device *device)
{
	struct device_on_file *file = (struct device_on_file *)device;
	int error = 0;

	if (strcmp(device->kind->name, "file") || !file->path)
		return -EINVAL;
	if (fsync(file->fd))
		return -errno;
	if (!file->temporary) {
		error = take_by_link(file, file->name);
		if (!error)
			goto named;
		if (error == -EEXIST)
			error = take_name(file, take_by_link);
		if (error)
			return error;
	}
	if (renameat(file->dir, file->temporary, file->dir, file->name))
		return -errno;
	free(file->temporary);
	file->temporary = NULL;
named:
	error = flush_name(file);
	free(file->path);
	file->path = NULL;
	return error;
}
