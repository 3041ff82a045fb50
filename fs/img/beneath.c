// # Nothing outside the target directory
//
// Three ways lead out of a directory: a name "..", a name with a slash in it, and
// a symlink in the middle of a path (one that was there before, or that the image
// itself put there first). So names are single components, looked at before they
// are used, and every open is openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS, where the kernel itself refuses to leave (Linux 5.6). Where
// that call does not exist or a sandbox forbids it, openat(2) with O_NOFOLLOW does
// the same for a single component.
//
// Trees may be deeper than a process may have open files. Then the lower part of
// the stack is closed, and on the way back reached through "..", which must lead
// to the directory that was left: device and inode are compared.

#define _GNU_SOURCE
#include "fs/img/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN_MOST = 64 };

bool beneath_good_name(const char *name, size_t length)
{
	if (length == 0 || memchr(name, '/', length) ||
	    memchr(name, '\0', length))
		return false;
	return !(length == 1 && name[0] == '.') &&
	       !(length == 2 && name[0] == '.' && name[1] == '.');
}

int beneath_open(int dir, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};

	long fd = syscall(SYS_openat2, dir, name, &how, sizeof how);
	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dir, name, (int)how.flags, mode);
	return fd == -1 ? -errno : (int)fd;
}

// ## The stack

static int push(struct beneath *b, int fd)
{
	if (b->depth == b->room) {
		size_t room = b->room ? b->room * 2 : 16;
		void *more = realloc(b->level, room * sizeof *b->level);
		if (!more) {
			close(fd);
			return -ENOMEM;
		}
		b->level = more;
		b->room = room;
	}
	b->level[b->depth++] = (struct beneath_level){ .fd = fd };
	return 0;
}

int beneath_begin(struct beneath *b, const char *path)
{
	*b = (struct beneath){ .open_from = 1 };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? -errno : push(b, fd);
}

void beneath_end(struct beneath *b)
{
	while (b->depth)
		if (b->level[--b->depth].fd != -1)
			close(b->level[b->depth].fd);
	free(b->level);
	*b = (struct beneath){ 0 };
}

int beneath_here(const struct beneath *b)
{
	return b->level[b->depth - 1].fd;
}

// One that is not in use, in the order in which they were opened.
static int close_one(struct beneath *b)
{
	struct beneath_level *level = &b->level[b->open_from];
	struct stat info;

	if (b->depth - b->open_from < OPEN_MOST)
		return 0;
	if (fstat(level->fd, &info) != 0)
		return -errno;
	level->dev = info.st_dev;
	level->ino = info.st_ino;
	close(level->fd);
	level->fd = -1;
	b->open_from++;
	return 0;
}

int beneath_enter(struct beneath *b, const char *name)
{
	int fd = beneath_open(beneath_here(b), name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	int error = close_one(b);
	if (error) {
		close(fd);
		return error;
	}
	return push(b, fd);
}

static int reopen(struct beneath_level *level, int child)
{
	struct stat info;
	int fd = openat(child, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	if (fstat(fd, &info) != 0 || info.st_dev != level->dev ||
	    info.st_ino != level->ino) {
		close(fd);
		return -EXDEV;
	}
	level->fd = fd;
	return 0;
}

int beneath_leave(struct beneath *b)
{
	struct beneath_level *parent = &b->level[b->depth - 2];
	int child = b->level[b->depth - 1].fd, error = 0;

	if (parent->fd == -1) {
		error = reopen(parent, child);
		if (!error)
			b->open_from--;
	}
	close(child);
	b->depth--;
	return error;
}

int beneath_find(const struct beneath *b, const char *path)
{
	char name[256];
	int fd = beneath_open(b->level[0].fd, ".", O_RDONLY | O_DIRECTORY, 0);

	while (fd >= 0 && *path) {
		size_t n = strcspn(path, "/");
		if (n >= sizeof name || !beneath_good_name(path, n)) {
			close(fd);
			return -EINVAL;
		}
		memcpy(name, path, n);
		name[n] = '\0';
		int next = beneath_open(fd, name, O_PATH | O_DIRECTORY, 0);
		close(fd);
		fd = next;
		path += n;
		path += *path == '/';
	}
	return fd;
}
