// device_parts.h - what the kinds of devices share among themselves

#ifndef EXT2_DEVICE_PARTS_H
#define EXT2_DEVICE_PARTS_H

#include <sys/types.h>

#include "fs/ext2/device.h"

// pread(2) until n bytes are there or the file ends, whatever signals come.
// Returns how many, or -errno.
int64_t device_pread(int fd, void *bytes, size_t n, uint64_t offset);

// pwrite(2) until all n bytes are written. Returns 0 or -errno.
int device_pwrite(int fd, const void *bytes, size_t n, uint64_t offset);

// Writes zeros where there are others, so that holes stay holes.
int device_zero(struct device *device, uint64_t offset, uint64_t n);

// The copies through a buffer, for kinds that have no better way.
int device_pour_in(struct device *device, uint64_t offset, int fd,
		   uint64_t from, uint64_t n);
int device_pour_out(struct device *device, uint64_t offset, int fd, uint64_t to,
		    uint64_t n);

// ## Undo files (device_undo.c)

// Which units of `base` are going to be overwritten, by rising place, and with what.
struct undo_plan {
	struct device *base;
	uint64_t count;
	uint32_t unit;
	uint64_t (*place)(const void *context, uint64_t i); // a byte
	int (*after)(const void *context, uint64_t i, void *bytes);
	const void *context;
};
// Saves what stands there, flushed. The file must not exist.
int device_undo_save(const struct undo_plan *plan, const char *path);

// ## Files

struct device_on_file {
	struct device device;
	int fd;
	uint64_t begin; // of the image in the file
	uint64_t end;   // of the file, when it may be resized; else 0

	// Of a new image that has no name yet; else path is NULL.
	char *path;
	char *name;      // the last component, in path
	char *temporary; // a name that the file has meanwhile, or NULL
	int dir;         // where both are
	int replaced;    // the file that has the name now, locked; or -1
};

// The device is closed, the fd too, if this fails.
int device_on_fd(int fd, uint64_t begin, uint64_t bytes, bool writable,
		 struct device_on_file **made);

// flock(2) without waiting: 0, -EWOULDBLOCK, or why it cannot be.
int device_lock(int fd, bool exclusive);

// Whether a loop device lies on these bytes of the file: -EBUSY, or 0.
int device_under_loop(int fd, uint64_t begin, uint64_t bytes);

#endif
