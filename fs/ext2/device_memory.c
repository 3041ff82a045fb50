// device_memory.c - an image in memory
//
// Anonymous pages: they read as zeros until they are written, and only then take
// room. So an image of many GiB costs what is in it.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/ext2/device_parts.h"

struct memory {
	struct device device;
	uint8_t *bytes;
	size_t mapped; // more than 0
};

static int memory_read(struct device *device, uint64_t offset, void *bytes,
		       size_t n)
{
	memcpy(bytes, ((struct memory *)device)->bytes + offset, n);
	return 0;
}

static int memory_write(struct device *device, uint64_t offset,
			const void *bytes, size_t n)
{
	memcpy(((struct memory *)device)->bytes + offset, bytes, n);
	return 0;
}

static int memory_flush(struct device *device)
{
	(void)device;
	return 0;
}

static int memory_punch(struct device *device, uint64_t offset, uint64_t n)
{
	struct memory *memory = (struct memory *)device;
	size_t page = sysconf(_SC_PAGESIZE);
	uint64_t end = offset + n;
	uint64_t first = (offset + page - 1) / page * page;
	uint64_t last = end / page * page;

	if (first >= last ||
	    madvise(memory->bytes + first, last - first, MADV_DONTNEED)) {
		memset(memory->bytes + offset, 0, n);
		return 0;
	}
	memset(memory->bytes + offset, 0, first - offset);
	memset(memory->bytes + last, 0, end - last);
	return 0;
}

static int memory_copy_in(struct device *device, uint64_t offset, int fd,
			  uint64_t from, uint64_t n)
{
	struct memory *memory = (struct memory *)device;
	int64_t got = device_pread(fd, memory->bytes + offset, n, from);

	if (got >= 0)
		memset(memory->bytes + offset + got, 0, n - got);
	return got < 0 ? got : 0;
}

static int memory_copy_out(struct device *device, uint64_t offset, int fd,
			   uint64_t to, uint64_t n)
{
	struct memory *memory = (struct memory *)device;

	return device_pwrite(fd, memory->bytes + offset, n, to);
}

static int memory_resize(struct device *device, uint64_t bytes)
{
	struct memory *memory = (struct memory *)device;
	size_t room = bytes ? bytes : 1;

	// What is cut off must not come back when it grows again.
	if (bytes < device->bytes)
		memory_punch(device, bytes, device->bytes - bytes);
	if (room > memory->mapped) {
		void *moved = mremap(memory->bytes, memory->mapped, room,
				     MREMAP_MAYMOVE);

		if (moved == MAP_FAILED)
			return -ENOMEM;
		memory->bytes = moved;
		memory->mapped = room;
	}
	return 0;
}

static void memory_close(struct device *device)
{
	struct memory *memory = (struct memory *)device;

	munmap(memory->bytes, memory->mapped);
	free(memory);
}

static const struct device_kind memory_kind = {
	.name = "memory",
	.read = memory_read,
	.write = memory_write,
	.flush = memory_flush,
	.punch = memory_punch,
	.copy_in = memory_copy_in,
	.copy_out = memory_copy_out,
	.resize = memory_resize,
	.close = memory_close,
};

int device_memory(uint64_t bytes, struct device **made)
{
	struct memory *memory = malloc(sizeof(*memory));

	if (!memory || bytes > SIZE_MAX / 2) {
		free(memory);
		return -ENOMEM;
	}
	*memory = (struct memory){
		.device = { .kind = &memory_kind,
			    .bytes = bytes,
			    .writable = true,
			    .parallel = true },
		.mapped = bytes ? bytes : 1,
	};
	memory->bytes = mmap(NULL, memory->mapped, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);
	if (memory->bytes == MAP_FAILED) {
		free(memory);
		return -ENOMEM;
	}
	*made = &memory->device;
	return 0;
}
