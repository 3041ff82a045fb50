// device_file.c - an image in a file or on a block device
//
// pread(2) and pwrite(2) at the image's offset; fdatasync(2) to flush. No cache:
// the kernel has one, and the layer above keeps metadata in its own.
//
// Nobody else may write meanwhile. Programs of ours keep each other out by
// flock(2), which the kernel drops when the process ends, however it ends. The
// kernel itself asks nobody: an image that is mounted is a loop device's file,
// so those are looked through; a block device that is mounted (or whose
// partition is) cannot be opened with O_EXCL, and as long as we have it open so
// nobody can mount it.
//
// Large pieces are copied by copy_file_range(2), which saves one of the two
// copies, and on file systems that share blocks both. Small ones are faster
// through a buffer. It refuses many pairs of files (EXDEV, EINVAL, EOPNOTSUPP
// ...) and says 0 for some that have content (/proc): the buffer is the way
// round for all that, and decides alone where the file ends.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/ext2/device_parts.h"

enum {
	COPY_PAYS = 4096,     // bytes; below two calls with a buffer are faster
	COPY_MOST = 64 << 20, // at once, so that signals are not kept waiting
	REOPENINGS = 16,
};

static struct device_on_file *on_file(struct device *device)
{
	return (struct device_on_file *)device;
}

// ## Bytes

static int file_read(struct device *device, uint64_t offset, void *bytes,
		     size_t n)
{
	struct device_on_file *file = on_file(device);
	int64_t got = device_pread(file->fd, bytes, n, file->begin + offset);

	if (got < 0)
		return got;
	return (uint64_t)got < n ? -EIO : 0;
}

static int file_write(struct device *device, uint64_t offset, const void *bytes,
		      size_t n)
{
	struct device_on_file *file = on_file(device);

	return device_pwrite(file->fd, bytes, n, file->begin + offset);
}

static int file_flush(struct device *device)
{
	int failed;

	do
		failed = fdatasync(on_file(device)->fd);
	while (failed && errno == EINTR);
	return failed ? -errno : 0;
}

// EINVAL: a block device wants whole sectors.
static int file_punch(struct device *device, uint64_t offset, uint64_t n)
{
	struct device_on_file *file = on_file(device);
	int failed;

	do
		failed = fallocate(file->fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   file->begin + offset, n);
	while (failed && errno == EINTR);
	if (!failed)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

// Returns how many bytes were copied, which may be fewer than n for many reasons;
// none is an error here: the buffer will meet it again if it is one.
static uint64_t copy_range(int from_fd, uint64_t from, int to_fd, uint64_t to,
			   uint64_t n)
{
	uint64_t done = 0;

	while (n - done >= COPY_PAYS) {
		off64_t at = from + done, there = to + done;
		uint64_t left = n - done;
		ssize_t got =
			copy_file_range(from_fd, &at, to_fd, &there,
					left < COPY_MOST ? left : COPY_MOST, 0);

		if (got > 0)
			done += got;
		else if (got == 0 || errno != EINTR)
			break;
	}
	return done;
}

static int file_copy_in(struct device *device, uint64_t offset, int fd,
			uint64_t from, uint64_t n)
{
	struct device_on_file *file = on_file(device);
	uint64_t done = copy_range(fd, from, file->fd, file->begin + offset, n);

	return device_pour_in(device, offset + done, fd, from + done, n - done);
}

static int file_copy_out(struct device *device, uint64_t offset, int fd,
			 uint64_t to, uint64_t n)
{
	struct device_on_file *file = on_file(device);
	uint64_t done = copy_range(file->fd, file->begin + offset, fd, to, n);

	return device_pour_out(device, offset + done, fd, to + done, n - done);
}

// Only a file that ends where the image does.
static int file_resize(struct device *device, uint64_t bytes)
{
	struct device_on_file *file = on_file(device);
	int failed;

	if (!file->end || file->end != file->begin + device->bytes)
		return -ENOTSUP;
	if (bytes > INT64_MAX - file->begin)
		return -EFBIG;
	do
		failed = ftruncate(file->fd, file->begin + bytes);
	while (failed && errno == EINTR);
	if (failed)
		return -errno;
	file->end = file->begin + bytes;
	return 0;
}

static void file_close(struct device *device)
{
	struct device_on_file *file = on_file(device);

	if (file->temporary)
		unlinkat(file->dir, file->temporary, 0);
	if (file->dir >= 0)
		close(file->dir);
	if (file->replaced >= 0)
		close(file->replaced);
	close(file->fd);
	free(file->temporary);
	free(file->path);
	free(file);
}

static const struct device_kind file_kind = {
	.name = "file",
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.punch = file_punch,
	.copy_in = file_copy_in,
	.copy_out = file_copy_out,
	.resize = file_resize,
	.close = file_close,
};

// ## Opening

int device_lock(int fd, bool exclusive)
{
	return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) ? -errno
								    : 0;
}

int device_on_fd(int fd, uint64_t begin, uint64_t bytes, bool writable,
		 struct device_on_file **made)
{
	struct device_on_file *file = malloc(sizeof(*file));
	off_t end = lseek(fd, 0, SEEK_END);
	struct stat info = { 0 };
	int error = 0;

	if (end < 0 || fstat(fd, &info))
		error = -errno;
	else if (!file)
		error = -ENOMEM;
	else if (begin > (uint64_t)end)
		error = -EINVAL;
	if (error) {
		free(file);
		close(fd);
		return error;
	}
	if (!bytes || bytes > (uint64_t)end - begin)
		bytes = (uint64_t)end - begin;
	*file = (struct device_on_file){
		.device = { .kind = &file_kind,
			    .bytes = bytes,
			    .writable = writable,
			    .parallel = true },
		.fd = fd,
		.begin = begin,
		.end = S_ISREG(info.st_mode) ? end : 0,
		.dir = -1,
		.replaced = -1,
	};
	*made = file;
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

// Opens and locks the file that has this name. Between the two another may have
// got the name (device_publish): then once more, with that one. Returns the fd.
static int open_locked(const char *path, bool writable)
{
	for (int turn = 0; turn < REOPENINGS; turn++) {
		struct stat named, opened;

		if (stat(path, &named))
			return -errno;
		if (S_ISDIR(named.st_mode))
			return -EISDIR;
		if (!S_ISREG(named.st_mode) && !S_ISBLK(named.st_mode))
			return -EINVAL;

		bool claim = writable && S_ISBLK(named.st_mode);
		int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC |
					    O_NOCTTY | O_NONBLOCK |
					    (claim ? O_EXCL : 0));
		int error = fd < 0 ? -errno : device_lock(fd, writable);

		if (fd < 0)
			return error;
		// Some file systems have no locks for those who only read.
		if (error && error != -EWOULDBLOCK && !writable)
			error = 0;
		if (!error && (fstat(fd, &opened) || stat(path, &named)))
			error = -errno;
		if (!error && same_file(&opened, &named) &&
		    claim == (writable && S_ISBLK(opened.st_mode)))
			return fd;
		close(fd);
		if (error && error != -ENOENT)
			return error;
	}
	return -EWOULDBLOCK;
}

int device_file(const char *path, int mode, uint64_t offset, uint64_t bytes,
		struct device **made)
{
	bool writable = mode == DEVICE_WRITE;
	int fd = open_locked(path, writable);
	struct device_on_file *file;

	if (fd < 0)
		return fd;

	int error = device_on_fd(fd, offset, bytes, writable, &file);

	if (error)
		return error;
	if (writable)
		error = device_under_loop(fd, offset, file->device.bytes);
	if (error) {
		device_close(&file->device);
		return error;
	}
	*made = &file->device;
	return 0;
}

// ## Loop devices
//
// The kernel tells the name of each one's file to everybody, and device and inode
// number of it (LOOP_GET_STATUS64) to those who may open the loop device. The
// name is as good, unless it is that of another mount namespace, or gone.

// One line of a file in /sys/block/NAME/loop, without its newline.
static bool loop_attribute(int sys, const char *name, const char *attribute,
			   char *value, size_t size)
{
	char path[512];

	if (snprintf(path, sizeof(path), "%s/loop/%s", name, attribute) >=
	    (int)sizeof(path))
		return false;

	int fd = openat(sys, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;

	int64_t got = device_pread(fd, value, size - 1, 0);

	close(fd);
	if (got <= 0)
		return false;
	value[got - (value[got - 1] == '\n')] = '\0';
	return true;
}

static bool loop_lies_on(const char *name, const char *backing,
			 const struct stat *image)
{
	struct loop_info64 loop;
	struct stat named;
	char path[300];

	if (!stat(backing, &named) && same_file(&named, image))
		return true;
	snprintf(path, sizeof(path), "/dev/%s", name);

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;

	bool same = !ioctl(fd, LOOP_GET_STATUS64, &loop) &&
		    loop.lo_inode == image->st_ino &&
		    major(loop.lo_device) == major(image->st_dev) &&
		    minor(loop.lo_device) == minor(image->st_dev);

	close(fd);
	return same;
}

static uint64_t loop_number(int sys, const char *name, const char *attribute)
{
	char text[32];

	return loop_attribute(sys, name, attribute, text, sizeof(text))
		       ? strtoull(text, NULL, 10)
		       : 0;
}

int device_under_loop(int fd, uint64_t begin, uint64_t bytes)
{
	DIR *all = opendir("/sys/block");
	struct stat image;
	struct dirent *entry;
	bool busy = false;

	if (!all || fstat(fd, &image) || !S_ISREG(image.st_mode)) {
		if (all)
			closedir(all);
		return 0;
	}
	while (!busy && (entry = readdir(all))) {
		const char *name = entry->d_name;
		int sys = dirfd(all);
		char backing[4096 + 1];

		if (strncmp(name, "loop", 4) ||
		    !loop_attribute(sys, name, "backing_file", backing,
				    sizeof(backing)) ||
		    !loop_lies_on(name, backing, &image))
			continue;

		uint64_t first = loop_number(sys, name, "offset");
		uint64_t limit = loop_number(sys, name, "sizelimit");

		busy = first < begin + bytes &&
		       (!limit || begin < first + limit);
	}
	closedir(all);
	return busy ? -EBUSY : 0;
}

// A block device that is mounted cannot be opened with O_EXCL.
bool device_mounted(const struct device *device)
{
	const struct device_on_file *file = (const void *)device;
	char path[40];

	if (device->kind != &file_kind)
		return false;
	if (file->end)
		return device_under_loop(file->fd, file->begin,
					 device->bytes) != 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);

	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}
