// device.c - one device is used as the other: bounds, and ways round
//
// Every call passes through here once, so no kind has to look at bounds, and a
// kind that cannot punch or copy need not say how it is done without.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ext2/device_parts.h"

enum {
	PIECE = 256 * 1024,      // of a copy through a buffer
	SMALL_PIECE = 16 * 1024, // this much needs no malloc
};

static bool outside(const struct device *device, uint64_t offset, uint64_t n)
{
	return n > device->bytes || offset > device->bytes - n;
}

// 0 when these bytes may be written.
static int may_write(const struct device *device, uint64_t offset, uint64_t n)
{
	if (!device->writable)
		return -EROFS;
	return outside(device, offset, n) ? -ENOSPC : 0;
}

// ## Using one

int device_read(struct device *device, uint64_t offset, void *bytes, size_t n)
{
	if (outside(device, offset, n))
		return -EIO;
	return n ? device->kind->read(device, offset, bytes, n) : 0;
}

int device_write(struct device *device, uint64_t offset, const void *bytes,
		 size_t n)
{
	int error = may_write(device, offset, n);

	if (error || !n)
		return error;
	return device->kind->write(device, offset, bytes, n);
}

int device_flush(struct device *device)
{
	return device->writable ? device->kind->flush(device) : 0;
}

int device_punch(struct device *device, uint64_t offset, uint64_t n)
{
	int error = may_write(device, offset, n);

	if (error || !n)
		return error;
	if (device->kind->punch)
		error = device->kind->punch(device, offset, n);
	if (!device->kind->punch || error == -EOPNOTSUPP)
		error = device_zero(device, offset, n);
	return error;
}

int device_copy_in(struct device *device, uint64_t offset, int fd,
		   uint64_t from, uint64_t n)
{
	int error = may_write(device, offset, n);

	if (error || !n)
		return error;
	if (from > INT64_MAX - n)
		return -EINVAL;
	return device->kind->copy_in
		       ? device->kind->copy_in(device, offset, fd, from, n)
		       : device_pour_in(device, offset, fd, from, n);
}

int device_copy_out(struct device *device, uint64_t offset, int fd, uint64_t to,
		    uint64_t n)
{
	if (outside(device, offset, n))
		return -EIO;
	if (to > INT64_MAX - n)
		return -EFBIG;
	if (!n)
		return 0;
	return device->kind->copy_out
		       ? device->kind->copy_out(device, offset, fd, to, n)
		       : device_pour_out(device, offset, fd, to, n);
}

int device_resize(struct device *device, uint64_t bytes)
{
	if (!device->writable)
		return -EROFS;
	if (!device->kind->resize)
		return -ENOTSUP;
	if (bytes > INT64_MAX)
		return -EFBIG;

	int error = device->kind->resize(device, bytes);

	if (!error)
		device->bytes = bytes;
	return error;
}

void device_close(struct device *device)
{
	if (device)
		device->kind->close(device);
}

// ## Ways round

static size_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool all_zeros(const uint8_t *bytes, size_t n)
{
	return !n || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
}

int device_zero(struct device *device, uint64_t offset, uint64_t n)
{
	static const uint8_t zeros[SMALL_PIECE];
	uint8_t there[SMALL_PIECE];

	for (size_t piece; n; offset += piece, n -= piece) {
		piece = least(n, sizeof(there));

		int error = device->kind->read(device, offset, there, piece);

		if (!error && !all_zeros(there, piece))
			error = device->kind->write(device, offset, zeros,
						    piece);
		if (error)
			return error;
	}
	return 0;
}

int device_pour_in(struct device *device, uint64_t offset, int fd,
		   uint64_t from, uint64_t n)
{
	uint8_t small[SMALL_PIECE];
	size_t room = least(n, PIECE);
	uint8_t *buffer = room > sizeof(small) ? malloc(room) : small;
	int error = buffer ? 0 : -ENOMEM;

	while (n && !error) {
		size_t piece = least(n, room);
		int64_t got = device_pread(fd, buffer, piece, from);

		if (got > 0)
			error = device_write(device, offset, buffer, got);
		else if (got == 0)
			error = device_punch(device, offset, got = n);
		else
			error = got;
		offset += got;
		from += got;
		n -= got;
	}
	if (buffer != small)
		free(buffer);
	return error;
}

int device_pour_out(struct device *device, uint64_t offset, int fd, uint64_t to,
		    uint64_t n)
{
	uint8_t small[SMALL_PIECE];
	size_t room = least(n, PIECE);
	uint8_t *buffer = room > sizeof(small) ? malloc(room) : small;
	int error = buffer ? 0 : -ENOMEM;

	for (size_t piece; n && !error; n -= piece) {
		piece = least(n, room);
		error = device_read(device, offset, buffer, piece);
		if (!error)
			error = device_pwrite(fd, buffer, piece, to);
		offset += piece;
		to += piece;
	}
	if (buffer != small)
		free(buffer);
	return error;
}

int64_t device_pread(int fd, void *bytes, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (uint8_t *)bytes + done, n - done,
				    offset + done);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		if (got > 0)
			done += got;
	}
	return done;
}

int device_pwrite(int fd, const void *bytes, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(fd, (const uint8_t *)bytes + done,
				     n - done, offset + done);

		if (put < 0 && errno != EINTR)
			return -errno;
		if (put == 0)
			return -EIO;
		if (put > 0)
			done += put;
	}
	return 0;
}
