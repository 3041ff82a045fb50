// device.h - the one seam between a file system and what it lies on
//
// Everything that reads or writes an image goes through these few calls, so that
// a test can sit in between: record what is written in which order, lose some of
// it, fail at any call.
//
//     file      an image, or a part of one (offset, bytes), locked
//     create    a new image: a temporary file that takes its name when whole
//     memory    bytes in memory
//     overlay   reads another device; what is written stays in the overlay until
//               it is applied
//     recorder  passes everything on to another device, notes it, and fails when
//               it is told to
//
// All return 0 or -errno. Nothing prints, exits, or keeps state outside the
// device. A device is used by one thread at a time; device_read alone may be
// called by several threads at once (where the device says so: .parallel).

#ifndef EXT2_DEVICE_H
#define EXT2_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;

struct device_kind {
	const char *name;
	int (*read)(struct device *, uint64_t offset, void *bytes, size_t n);
	int (*write)(struct device *, uint64_t offset, const void *bytes,
		     size_t n);
	int (*flush)(struct device *);
	// These may be NULL: then done with reads and writes.
	int (*punch)(struct device *, uint64_t offset, uint64_t n);
	int (*copy_in)(struct device *, uint64_t offset, int fd, uint64_t from,
		       uint64_t n);
	int (*copy_out)(struct device *, uint64_t offset, int fd, uint64_t to,
			uint64_t n);
	int (*resize)(struct device *, uint64_t bytes); // -ENOTSUP
	void (*close)(struct device *);
};

struct device { // the first member of each kind's own structure
	const struct device_kind *kind;
	uint64_t bytes; // those beyond: -EIO (a read), -ENOSPC (a write)
	bool writable;  // false: device_write says -EROFS
	bool parallel;
};

// ## Using one

// All n bytes, or an error (a file that ends early: -EIO).
int device_read(struct device *, uint64_t offset, void *bytes, size_t n);
int device_write(struct device *, uint64_t offset, const void *bytes, size_t n);

// What was written before is on stable storage when it returns
// (fdatasync(2)); what is written after is not there before.
int device_flush(struct device *);

// The bytes read as zeros from now on, and take no room where that can be.
int device_punch(struct device *, uint64_t offset, uint64_t n);

// n bytes from or to a file, by copy_file_range(2) where that pays. The file
// that ends early leaves zeros and is no error (somebody truncated it).
int device_copy_in(struct device *, uint64_t offset, int fd, uint64_t from,
		   uint64_t n);
int device_copy_out(struct device *, uint64_t offset, int fd, uint64_t to,
		    uint64_t n);

int device_resize(struct device *, uint64_t bytes);

// Also of NULL. What a create device has not published is gone.
void device_close(struct device *);

// ## Making one; *made is set on success only

enum { DEVICE_READ = 0, DEVICE_WRITE = 1 };

// The image in the file (or block device) `path` from byte `offset` on; bytes 0:
// to its end. A reader locks it shared and a writer exclusively (flock(2)):
// -EWOULDBLOCK when somebody else has it; a writer gets -EBUSY when it is mounted
// (as a loop device's file, or itself a mounted block device). A DEVICE_READ one
// that only root or the owner could lock is opened without lock.
int device_file(const char *path, int mode, uint64_t offset, uint64_t bytes,
		struct device **made);

// Whether one from device_file is mounted, or a loop device lies on it.
bool device_mounted(const struct device *);

// A new file beside `path` (so that rename(2) can put it there), sparse, all
// zeros. -EEXIST when path exists and is not an ordinary file. device_publish
// flushes it, gives it its name (mode 0666 less umask; that of the file it
// replaces, if any) and flushes the directory.
int device_create(const char *path, uint64_t bytes, struct device **made);
// device_create_over: the same for whoever has opened that file for writing (`held`)
// and so has its lock. -EWOULDBLOCK: the path has become another file's.
int device_create_over(struct device *held, const char *path, uint64_t bytes,
		       struct device **made);
int device_publish(struct device *);

int device_memory(uint64_t bytes, struct device **made);

// Writes in units of `unit` bytes (a power of two, 512 to 65536) stay in memory,
// above `memory_bytes` in an unlinked temporary file. Does not own the base.
int device_overlay(struct device *base, uint32_t unit, size_t memory_bytes,
		   struct device **made);

// What has been written, by rising offset, a call a unit; `each` may stop it by
// returning other than 0, which is returned.
int device_overlay_each(struct device *overlay,
			int (*each)(void *context, uint64_t offset,
				    const void *bytes),
			void *context);
uint64_t device_overlay_units(const struct device *overlay);
void device_overlay_forget(struct device *overlay);

// Writes it all to the base. First what stood there is saved in the file
// `undo_path` (NULL: without; it must not exist: -EEXIST) and flushed; after the
// base has been flushed the overlay is empty. The undo file stays: it is the
// caller's to remove. See device_undo.
int device_overlay_apply(struct device *overlay, const char *undo_path);

// Puts back what an undo file holds (also one of an apply that was cut off). An
// undo file that is not whole changed nothing yet: returns -ENODATA, and it may
// be removed. -EINVAL: not an undo file of this image, or the image has been changed
// since by others.
int device_undo(struct device *, const char *undo_path);
// Removes an undo file, and it is gone for good when this returns: one that a loss of
// power brings back would take back whatever has been written since.
int device_undo_remove(const char *undo_path);

// ## Recording and failing (tests)

enum recorded_kind {
	RECORDED_WRITE,
	RECORDED_FLUSH,
	RECORDED_PUNCH,
	RECORDED_RESIZE
};

struct recorded {
	enum recorded_kind kind;
	uint64_t offset, n; // RECORDED_RESIZE: offset is the new size
	void *bytes;        // of a write
};

struct recording {
	struct recorded *item; // by time
	size_t count;
	// The fault, once: the call with this number, counted over reads (if
	// fail_reads), writes, flushes and punches, from 0, returns -error;
	// before that a write puts `short_bytes` of its bytes down.
	uint64_t calls, fail_at;
	int error; // 0: no fault
	uint64_t short_bytes;
	bool fail_reads, fail_ever_after;
};

int device_recorder(struct device *base, struct recording *, struct device **);
void recording_clear(struct recording *);

// ## Partitions

struct partition {
	int number; // from 1
	uint64_t offset, bytes;
	char type[40]; // "83", or a GUID
	char name[40]; // GPT; UTF-8
};

// Reads the partition table of a disk image (MBR with extended partitions, GPT;
// sectors of 512 bytes). Returns how many were stored, at most `most`, or -errno:
// -EINVAL where there is no table (or a hostile one).
int device_partitions(struct device *, struct partition *, int most);

#endif
