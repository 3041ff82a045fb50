// device_overlay.c - writes that wait
//
// Reads come from the base, but for the units that were written: those are in the
// overlay until they are applied, or forgotten. A table of hashes (open
// addressing, linear probing, at most half full) leads from a unit's number to a
// slot; the first slots are in memory, the others in a temporary file without a
// name. Nothing is ever removed from the table but everything.
//
// The last unit of an image may be shorter than the others: in memory and in the
// undo file (device_undo.c) zeros fill it up.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/device_parts.h"
#include "fs/ext2/layout.h"

enum {
	UNIT_LEAST = 512,
	UNIT_MOST = 65536,
	TABLE_LEAST = 64,      // places
	TOGETHER = 256 * 1024, // bytes written to the base at once
};

struct place {
	uint64_t unit; // its number + 1; 0: free
	uint64_t slot;
};

struct overlay {
	struct device device;
	struct device *base;
	uint32_t unit;
	struct place *table;
	size_t places; // a power of two, or 0
	uint64_t count;
	uint8_t *memory; // the first slots
	size_t memory_slots;
	int fd; // the others; or -1
};

static size_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// ## The table

static struct place *place_of(const struct overlay *overlay, uint64_t unit)
{
	uint64_t hash = unit * UINT64_C(0x9e3779b97f4a7c15); // 2^64 / golden

	for (size_t i = hash >> 32;; i++) {
		struct place *place =
			&overlay->table[i & (overlay->places - 1)];

		if (!place->unit || place->unit == unit + 1)
			return place;
	}
}

static const struct place *found(const struct overlay *overlay, uint64_t unit)
{
	const struct place *place = overlay->count ? place_of(overlay, unit)
						   : NULL;

	return place && place->unit ? place : NULL;
}

static int make_room(struct overlay *overlay)
{
	if (overlay->count < overlay->places / 2)
		return 0;

	struct overlay larger = *overlay;

	larger.places = overlay->places ? 2 * overlay->places : TABLE_LEAST;
	larger.table = calloc(larger.places, sizeof(*larger.table));
	if (!larger.table)
		return -ENOMEM;
	for (size_t i = 0; i < overlay->places; i++)
		if (overlay->table[i].unit)
			*place_of(&larger, overlay->table[i].unit - 1) =
				overlay->table[i];
	free(overlay->table);
	overlay->table = larger.table;
	overlay->places = larger.places;
	return 0;
}

// ## Slots

static int open_without_name(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;

	char path[4096];
	size_t length = strlen(dir);

	if (length + sizeof("/oslab.XXXXXX") > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, length);
	memcpy(path + length, "/oslab.XXXXXX", sizeof("/oslab.XXXXXX"));
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int open_slots(void)
{
	const char *const dirs[] = { secure_getenv("TMPDIR"), "/var/tmp",
				     "/tmp" };
	int fd = -ENOENT;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs) && fd < 0; i++)
		if (dirs[i] && *dirs[i])
			fd = open_without_name(dirs[i]);
	return fd;
}

static int slot_read(const struct overlay *overlay, uint64_t slot,
		     size_t within, void *bytes, size_t n)
{
	uint64_t at = slot * overlay->unit + within;

	if (slot < overlay->memory_slots) {
		memcpy(bytes, overlay->memory + at, n);
		return 0;
	}

	int64_t got = device_pread(overlay->fd, bytes, n, at);

	if (got < 0)
		return got;
	return (size_t)got < n ? -EIO : 0;
}

static int slot_write(struct overlay *overlay, uint64_t slot, size_t within,
		      const void *bytes, size_t n)
{
	uint64_t at = slot * overlay->unit + within;

	if (slot < overlay->memory_slots) {
		memcpy(overlay->memory + at, bytes, n);
		return 0;
	}
	if (overlay->fd < 0) {
		int fd = open_slots();

		if (fd < 0)
			return fd;
		overlay->fd = fd;
	}
	return device_pwrite(overlay->fd, bytes, n, at);
}

// ## Reading and writing

static int overlay_read(struct device *device, uint64_t offset, void *bytes,
			size_t n)
{
	struct overlay *overlay = (struct overlay *)device;
	uint8_t *to = bytes;
	size_t from_base = 0; // bytes at the end of what is done

	while (n || from_base) {
		size_t within = offset % overlay->unit;
		size_t piece = smaller(n, overlay->unit - within);
		const struct place *place =
			piece ? found(overlay, offset / overlay->unit) : NULL;
		int error = 0;

		if (from_base && (!piece || place)) {
			error = device_read(overlay->base, offset - from_base,
					    to - from_base, from_base);
			from_base = 0;
		}
		if (!error && place)
			error = slot_read(overlay, place->slot, within, to,
					  piece);
		if (error)
			return error;
		if (!place)
			from_base += piece;
		offset += piece;
		to += piece;
		n -= piece;
	}
	return 0;
}

// Part of a unit that is not here yet: the rest of it comes from the base.
static int write_new(struct overlay *overlay, uint64_t unit, size_t within,
		     const void *bytes, size_t n)
{
	uint8_t whole[UNIT_MOST];
	uint64_t offset = unit * overlay->unit;
	size_t there = smaller(overlay->unit, overlay->device.bytes - offset);
	int error = make_room(overlay);

	if (!error && n < there)
		error = device_read(overlay->base, offset, whole, there);
	if (error)
		return error;
	memcpy(whole + within, bytes, n);
	memset(whole + there, 0, overlay->unit - there);
	error = slot_write(overlay, overlay->count, 0, whole, overlay->unit);
	if (!error)
		*place_of(overlay, unit) = (struct place){
			.unit = unit + 1,
			.slot = overlay->count++,
		};
	return error;
}

static int overlay_write(struct device *device, uint64_t offset,
			 const void *bytes, size_t n)
{
	struct overlay *overlay = (struct overlay *)device;
	const uint8_t *from = bytes;

	for (size_t piece; n; n -= piece) {
		uint64_t unit = offset / overlay->unit;
		size_t within = offset % overlay->unit;
		const struct place *place = found(overlay, unit);

		piece = smaller(n, overlay->unit - within);

		int error = place ? slot_write(overlay, place->slot, within,
					       from, piece)
				  : write_new(overlay, unit, within, from,
					      piece);

		if (error)
			return error;
		offset += piece;
		from += piece;
	}
	return 0;
}

static int overlay_flush(struct device *device)
{
	(void)device;
	return 0;
}

static void overlay_close(struct device *device)
{
	struct overlay *overlay = (struct overlay *)device;

	if (overlay->memory)
		munmap(overlay->memory, overlay->memory_slots * overlay->unit);
	if (overlay->fd >= 0)
		close(overlay->fd);
	free(overlay->table);
	free(overlay);
}

static const struct device_kind overlay_kind = {
	.name = "overlay",
	.read = overlay_read,
	.write = overlay_write,
	.flush = overlay_flush,
	.close = overlay_close,
};

int device_overlay(struct device *base, uint32_t unit, size_t memory_bytes,
		   struct device **made)
{
	struct overlay *overlay;

	if (unit < UNIT_LEAST || unit > UNIT_MOST || (unit & (unit - 1)))
		return -EINVAL;
	overlay = malloc(sizeof(*overlay));
	if (!overlay)
		return -ENOMEM;
	*overlay = (struct overlay){
		.device = { .kind = &overlay_kind,
			    .bytes = base->bytes,
			    .writable = true,
			    .parallel = base->parallel },
		.base = base,
		.unit = unit,
		.memory_slots = memory_bytes / unit,
		.fd = -1,
	};
	// Pages that nobody writes to take no room.
	if (overlay->memory_slots) {
		overlay->memory = mmap(
			NULL, overlay->memory_slots * unit,
			PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (overlay->memory == MAP_FAILED) {
			free(overlay);
			return -ENOMEM;
		}
	}
	*made = &overlay->device;
	return 0;
}

// ## All that was written

uint64_t device_overlay_units(const struct device *device)
{
	return ((const struct overlay *)device)->count;
}

void device_overlay_forget(struct device *device)
{
	struct overlay *overlay = (struct overlay *)device;

	free(overlay->table);
	overlay->table = NULL;
	overlay->places = 0;
	overlay->count = 0;
	if (overlay->memory)
		madvise(overlay->memory, overlay->memory_slots * overlay->unit,
			MADV_DONTNEED);
	if (overlay->fd >= 0)
		close(overlay->fd);
	overlay->fd = -1;
}

static int by_unit(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->unit > y->unit) - (x->unit < y->unit);
}

// The places in use, by rising unit; the caller frees them. Never NULL with a
// count of 0 but for want of memory.
static struct place *sorted_places(const struct overlay *overlay)
{
	struct place *sorted = malloc((overlay->count + 1) * sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < overlay->places; i++)
		if (overlay->table[i].unit)
			sorted[n++] = overlay->table[i];
	qsort(sorted, n, sizeof(*sorted), by_unit);
	return sorted;
}

int device_overlay_each(struct device *device,
			int (*each)(void *context, uint64_t offset,
				    const void *bytes),
			void *context)
{
	struct overlay *overlay = (struct overlay *)device;
	struct place *sorted = sorted_places(overlay);
	uint64_t count = overlay->count;
	uint8_t bytes[UNIT_MOST];
	int result = sorted ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < count && !result; i++) {
		result = slot_read(overlay, sorted[i].slot, 0, bytes,
				   overlay->unit);
		if (!result)
			result = each(context,
				      (sorted[i].unit - 1) * overlay->unit,
				      bytes);
	}
	free(sorted);
	return result;
}

// ## Applying

struct applying {
	const struct overlay *overlay;
	const struct place *sorted;
};

static uint64_t undo_place(const void *context, uint64_t i)
{
	const struct applying *a = context;

	return (a->sorted[i].unit - 1) * a->overlay->unit;
}

static int undo_after(const void *context, uint64_t i, void *bytes)
{
	const struct applying *a = context;

	return slot_read(a->overlay, a->sorted[i].slot, 0, bytes,
			 a->overlay->unit);
}

static int save(const struct overlay *overlay, const struct place *sorted,
		const char *path)
{
	const struct applying a = { overlay, sorted };
	const struct undo_plan plan = {
		.base = overlay->base,
		.count = overlay->count,
		.unit = overlay->unit,
		.place = undo_place,
		.after = undo_after,
		.context = &a,
	};

	return device_undo_save(&plan, path);
}

// Neighbours go to the base together.
static int apply_sorted(struct overlay *overlay, const struct place *sorted)
{
	uint32_t unit = overlay->unit;
	uint8_t *bytes = malloc(TOGETHER);
	int error = bytes ? 0 : -ENOMEM;

	for (uint64_t i = 0, n; i < overlay->count && !error; i += n) {
		uint64_t offset = (sorted[i].unit - 1) * unit;

		for (n = 0;
		     !error && n < TOGETHER / unit && i + n < overlay->count &&
		     sorted[i + n].unit == sorted[i].unit + n;
		     n++)
			error = slot_read(overlay, sorted[i + n].slot, 0,
					  bytes + n * unit, unit);
		if (!error)
			error = device_write(
				overlay->base, offset, bytes,
				smaller(n * unit,
					overlay->base->bytes - offset));
	}
	free(bytes);
	return error;
}

int device_overlay_apply(struct device *device, const char *undo_path)
{
	struct overlay *overlay = (struct overlay *)device;
	struct place *sorted = sorted_places(overlay);
	int error = 0;

	if (!sorted)
		error = -ENOMEM;
	else if (!overlay->base->writable)
		error = -EROFS;
	else if (overlay->base->bytes != device->bytes)
		error = -EINVAL;
	if (!error && undo_path)
		error = save(overlay, sorted, undo_path);
	if (!error)
		error = apply_sorted(overlay, sorted);
	if (!error)
		error = device_flush(overlay->base);
	if (!error)
		device_overlay_forget(device);
	free(sorted);
	return error;
}
