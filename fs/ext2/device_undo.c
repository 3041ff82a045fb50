// device_undo.c - what stood on a device before an overlay was applied to it
//
// So that a repair that is cut off can be taken back. All numbers little-endian:
//
//     0   "oslab-undo-file\n"
//     16  bytes of the image
//     24  units that are saved
//     32  bytes of a unit
//     40  XXH3 (64 bits) of everything, with these 8 bytes as zeros
//     48  zeros
//     64  where each unit belongs, 8 bytes each, rising
//         XXH3 of each sector of 512 bytes as it is going to be, 8 bytes each
//         the units, one after the other
//
// It is written and flushed, its name too, before the base is touched. If that
// was cut off, length or checksum are wrong: then the base is as it was.
//
// A sector that is neither what it was nor what it was going to be may be the one
// that was being written when the program ended. If there are more of them somebody
// else has changed the image since, or it is another one, and nothing is put back.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "fs/ext2/device_parts.h"

enum {
	UNIT_LEAST = 512,
	UNIT_MOST = 65536,
	UNDO_HEADER = 64,
	UNDO_SUM = 40,
	SECTOR = 512,
};

static const char undo_magic[16] = "oslab-undo-file\n";

static size_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// ## Numbers

static void put64(uint8_t *to, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(n >> 8 * i);
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t n = 0;

	for (int i = 7; i >= 0; i--)
		n = n << 8 | from[i];
	return n;
}

// Bytes of a unit that the image has: the last may be short.
static size_t unit_there(const struct device *image, uint32_t unit,
			 uint64_t offset)
{
	return smaller(unit, image->bytes - offset);
}

static int undo_append(int fd, XXH3_state_t *sum, uint64_t *end,
		       const void *bytes, size_t n)
{
	int error = device_pwrite(fd, bytes, n, *end);

	XXH3_64bits_update(sum, bytes, n);
	*end += n;
	return error;
}

static int undo_fill(const struct undo_plan *plan, int fd, XXH3_state_t *sum)
{
	uint8_t header[UNDO_HEADER] = { 0 }, bytes[UNIT_MOST];
	uint64_t end = 0;
	int error;

	memcpy(header, undo_magic, sizeof(undo_magic));
	put64(header + 16, plan->base->bytes);
	put64(header + 24, plan->count);
	put64(header + 32, plan->unit);
	XXH3_64bits_reset(sum);
	error = undo_append(fd, sum, &end, header, sizeof(header));
	for (uint64_t i = 0, n; i < plan->count && !error; i += n) {
		n = smaller(plan->count - i, sizeof(bytes) / 8);
		for (uint64_t k = 0; k < n; k++)
			put64(bytes + 8 * k, plan->place(plan->context, i + k));
		error = undo_append(fd, sum, &end, bytes, 8 * n);
	}
	for (uint64_t i = 0; i < plan->count && !error; i++) {
		uint8_t hashes[8 * UNIT_MOST / SECTOR];

		error = plan->after(plan->context, i, bytes);
		for (uint32_t k = 0; k < plan->unit / SECTOR; k++)
			put64(hashes + 8 * k,
			      XXH3_64bits(bytes + k * SECTOR, SECTOR));
		if (!error)
			error = undo_append(fd, sum, &end, hashes,
					    plan->unit / SECTOR * 8);
	}
	for (uint64_t i = 0; i < plan->count && !error; i++) {
		uint64_t offset = plan->place(plan->context, i);
		size_t there = unit_there(plan->base, plan->unit, offset);

		memset(bytes + there, 0, plan->unit - there);
		error = device_read(plan->base, offset, bytes, there);
		if (!error)
			error = undo_append(fd, sum, &end, bytes, plan->unit);
	}
	if (error)
		return error;
	put64(header + UNDO_SUM, XXH3_64bits_digest(sum));
	return device_pwrite(fd, header, sizeof(header), 0);
}

// The directory that a file is in; it is what keeps the file's name.
static int flush_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *above = slash ? strndup(path, slash == path ? 1 : slash - path)
			    : strdup(".");

	if (!above)
		return -ENOMEM;

	int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || (fsync(fd) && errno != EINVAL) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(above);
	return error;
}

int device_undo_save(const struct undo_plan *plan, const char *path)
{
	XXH3_state_t *sum = XXH3_createState();

	if (!sum)
		return -ENOMEM;

	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error = fd < 0 ? -errno : undo_fill(plan, fd, sum);

	if (!error && fsync(fd))
		error = -errno;
	if (!error)
		error = flush_directory_of(path);
	if (fd >= 0)
		close(fd);
	if (error && fd >= 0)
		unlink(path);
	XXH3_freeState(sum);
	return error;
}

// ## Undoing

struct undo {
	int fd;
	uint64_t bytes, count;
	uint32_t unit;
};

// -ENODATA: not whole.
static int undo_read(const struct undo *undo, uint64_t offset, void *bytes,
		     size_t n)
{
	int64_t got = device_pread(undo->fd, bytes, n, offset);

	if (got < 0)
		return got;
	return (size_t)got < n ? -ENODATA : 0;
}

// Header, length and checksum.
static int undo_verify(struct undo *undo, XXH3_state_t *sum)
{
	static const uint8_t nothing[UNDO_HEADER];
	uint8_t header[UNDO_HEADER], bytes[UNIT_MOST];
	struct stat info;
	int error = undo_read(undo, 0, header, sizeof(header));

	if (error)
		return error;
	if (!memcmp(header, nothing, sizeof(header)))
		return -ENODATA;
	if (memcmp(header, undo_magic, sizeof(undo_magic)))
		return -EINVAL;

	uint64_t unit = get64(header + 32), wanted = get64(header + UNDO_SUM);
	uint64_t end;

	undo->bytes = get64(header + 16);
	undo->count = get64(header + 24);
	undo->unit = unit;
	if (unit < UNIT_LEAST || unit > UNIT_MOST || (unit & (unit - 1)))
		return -EINVAL;
	if (__builtin_mul_overflow(undo->count, unit + 8 + unit / SECTOR * 8,
				   &end) ||
	    __builtin_add_overflow(end, sizeof(header), &end))
		return -EINVAL;
	if (fstat(undo->fd, &info))
		return -errno;
	if ((uint64_t)info.st_size < end)
		return -ENODATA;

	memset(header + UNDO_SUM, 0, 8);
	XXH3_64bits_reset(sum);
	XXH3_64bits_update(sum, header, sizeof(header));
	for (uint64_t at = sizeof(header); at < end && !error;) {
		size_t n = smaller(end - at, sizeof(bytes));

		error = undo_read(undo, at, bytes, n);
		if (!error)
			XXH3_64bits_update(sum, bytes, n);
		at += n;
	}
	if (!error && XXH3_64bits_digest(sum) != wanted)
		error = -ENODATA;
	return error;
}

// Where the unit number i belongs, and what stood there.
static int undo_unit(const struct undo *undo, uint64_t i, uint64_t *offset,
		     uint8_t *bytes)
{
	uint64_t units = UNDO_HEADER +
			 undo->count * 8 * (1 + undo->unit / SECTOR);
	uint8_t place[8];
	int error = undo_read(undo, UNDO_HEADER + 8 * i, place, 8);

	*offset = get64(place);
	if (!error)
		error = undo_read(undo, units + i * undo->unit, bytes,
				  undo->unit);
	return error;
}

// Counts the sectors of a unit that are neither what they were nor what they were
// going to be.
static int undo_strangers(const struct undo *undo, struct device *device,
			  uint64_t i, uint64_t *strangers)
{
	uint32_t sectors = undo->unit / SECTOR;
	uint8_t before[UNIT_MOST], now[UNIT_MOST] = { 0 }, hash[8];
	uint64_t offset, hashes = UNDO_HEADER + 8 * undo->count;
	int error = undo_unit(undo, i, &offset, before);

	if (error)
		return error;
	if (offset >= device->bytes || offset % undo->unit)
		return -EINVAL;
	error = device_read(device, offset, now,
			    unit_there(device, undo->unit, offset));
	for (uint32_t k = 0; k < sectors && !error; k++) {
		const uint8_t *sector = now + k * SECTOR;

		if (!memcmp(sector, before + k * SECTOR, SECTOR))
			continue;
		error = undo_read(undo, hashes + 8 * (i * sectors + k), hash,
				  8);
		*strangers += XXH3_64bits(sector, SECTOR) != get64(hash);
	}
	return error;
}

// Two rounds: all places are looked at before the first unit is written.
static int undo_play(const struct undo *undo, struct device *device)
{
	uint8_t bytes[UNIT_MOST];
	uint64_t offset, strangers = 0;
	int error = 0;

	for (uint64_t i = 0; i < undo->count && !error; i++)
		error = undo_strangers(undo, device, i, &strangers);
	if (!error && (strangers > 1 ||
		       (strangers && undo->count * undo->unit == SECTOR)))
		return -EINVAL;
	for (uint64_t i = 0; i < undo->count && !error; i++) {
		error = undo_unit(undo, i, &offset, bytes);
		if (!error)
			error = device_write(device, offset, bytes,
					     unit_there(device, undo->unit,
							offset));
	}
	return error;
}

int device_undo(struct device *device, const char *undo_path)
{
	XXH3_state_t *sum = XXH3_createState();
	struct undo undo = { .fd = open(undo_path, O_RDONLY | O_CLOEXEC) };
	int error = undo.fd < 0 ? -errno : sum ? 0 : -ENOMEM;

	if (!error)
		error = undo_verify(&undo, sum);
	if (!error && undo.bytes != device->bytes)
		error = -EINVAL;
	if (!error)
		error = undo_play(&undo, device);
	if (!error)
		error = device_flush(device);
	if (undo.fd >= 0)
		close(undo.fd);
	XXH3_freeState(sum);
	return error;
}

int device_undo_remove(const char *undo_path)
{
	return unlink(undo_path) ? -errno : flush_directory_of(undo_path);
}
