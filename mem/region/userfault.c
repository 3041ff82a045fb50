// The ways of userfaultfd(2): the kernel tells of a fault in a message, and the
// thread that touched the page sleeps until somebody has put one there.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem/region/parts.h"

// Newer than the headers of some systems.
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define FEATURE_MOVE (UINT64_C(1) << 16)
struct move {
	uint64_t to, from, bytes, mode;
	int64_t moved;
};
#define IOCTL_MOVE _IOWR(UFFDIO, 0x05, struct move)
enum { MOVE_DONTWAKE = 1, MOST_BUSY = 100000 };

// ## Opening

static int open_with(int flags, uint64_t features)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api) < 0) {
		int error = errno == EINVAL ? -EOPNOTSUPP : -errno;
		close(fd);
		return error;
	}
	return fd;
}

// For faults of the kernel, too, if we may.
static int open_userfaultfd(bool move, bool *user_only)
{
	uint64_t features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			    (move ? FEATURE_MOVE : 0);
	int fd = open_with(0, features);

	*user_only = fd == -EPERM;
	return *user_only ? open_with(UFFD_USER_MODE_ONLY, features) : fd;
}

int region_can(enum region_way way)
{
	bool user_only;

	if (way == REGION_SIGNAL)
		return 0;
	int fd = open_userfaultfd(way == REGION_MOVE, &user_only);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

enum region_way region_best(void)
{
	enum region_way way = REGION_MOVE;

	while (region_can(way))
		way++;
	return way;
}

static int watch(const struct region *region, char *memory, size_t bytes)
{
	struct uffdio_register wish = {
		.range = { (uintptr_t)memory, bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};

	return ioctl(region->fd, UFFDIO_REGISTER, &wish) < 0 ? -errno : 0;
}

static size_t memory_bytes(const struct region *region)
{
	return (region->setup.plan.pages + (size_t)1) * region->page_bytes;
}

static size_t frames_bytes(const struct region *region)
{
	return region->setup.plan.frames * region->page_bytes;
}

static void close_way(struct region *region)
{
	close(region->fd);
	munmap(region->memory, memory_bytes(region));
	munmap(region->frames, frames_bytes(region));
}

// The frames get their pages before they are watched: who reads into one must
// never fault. (A page can only be moved to where somebody watches.)
static int open_way(struct region *region, bool move)
{
	region->fd = open_userfaultfd(move, &region->user_only);
	if (region->fd < 0)
		return region->fd;
	region->memory = region_reserve(memory_bytes(region),
					PROT_READ | PROT_WRITE);
	region->frames = region_reserve(frames_bytes(region),
					PROT_READ | PROT_WRITE);
	int error = region->memory == MAP_FAILED || region->frames == MAP_FAILED
			    ? -ENOMEM
			    : 0;
	if (!error) {
		memset(region->frames, 0xff, frames_bytes(region));
		error = watch(region, region->memory, memory_bytes(region));
	}
	if (!error && move)
		error = watch(region, region->frames, frames_bytes(region));
	if (error) {
		close(region->fd);
		if (region->memory != MAP_FAILED)
			munmap(region->memory, memory_bytes(region));
		if (region->frames != MAP_FAILED)
			munmap(region->frames, frames_bytes(region));
	}
	return error;
}

static int open_move(struct region *region)
{
	return open_way(region, true);
}

static int open_copy(struct region *region)
{
	return open_way(region, false);
}

// ## Faults

static int next_fault(struct region *region, struct asked *asked)
{
	struct uffd_msg message;

	for (;;) {
		ssize_t n = read(region->fd, &message, sizeof message);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof message)
			return n < 0 ? -errno : -EIO;
		if (message.event == UFFD_EVENT_PAGEFAULT)
			break;
	}
	uint64_t offset = message.arg.pagefault.address -
			  (uintptr_t)region->memory;
	if (offset >= memory_bytes(region))
		return -EFAULT; // the thread's own: a frame is empty
	asked->page = (uint32_t)(offset / region->page_bytes);
	asked->write = message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE;
	return 0;
}

static int wake(struct region *region, const struct asked *asked)
{
	struct uffdio_range range = { (uintptr_t)page_at(region, asked->page),
				      region->page_bytes };

	return ioctl(region->fd, UFFDIO_WAKE, &range) < 0 ? -errno : 0;
}

static int protect(struct region *region, uint32_t page, bool on)
{
	struct uffdio_writeprotect wish = {
		.range = { (uintptr_t)page_at(region, page),
			   region->page_bytes },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	while (ioctl(region->fd, UFFDIO_WRITEPROTECT, &wish) < 0)
		if (errno != EAGAIN)
			return -errno;
	return 0;
}

// To let somebody write wakes him.
static int allow(struct region *region, uint32_t page)
{
	region->woken = true;
	return protect(region, page, false);
}

// ## By copying

static int put_copy(struct region *region, uint32_t page, bool writable)
{
	struct uffdio_copy wish = {
		.dst = (uintptr_t)page_at(region, page),
		.src = (uintptr_t)frame_of(region, page),
		.len = region->page_bytes,
		.mode = writable ? 0 : UFFDIO_COPY_MODE_WP,
	};

	while (ioctl(region->fd, UFFDIO_COPY, &wish) < 0) {
		if (errno != EAGAIN)
			return -errno;
		wish.copy = 0;
	}
	region->woken = true;
	return 0;
}

// The program sleeps or will fault, so nobody else looks at these bytes; a race
// detector cannot know that.
__attribute__((no_sanitize("thread"))) static void
copy_back(volatile uint64_t *to, const volatile uint64_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof *to; i++)
		to[i] = from[i];
}

static int take_copy(struct region *region, uint32_t page)
{
	char *memory = page_at(region, page);

	if (region->pages[page].sight & WRITABLE) {
		int error = protect(region, page, true);
		if (error)
			return error;
		copy_back((uint64_t *)frame_of(region, page),
			  (uint64_t *)memory, region->page_bytes);
	}
	return madvise(memory, region->page_bytes, MADV_DONTNEED) < 0 ? -errno
								      : 0;
}

// ## By moving
//
// A page that the kernel itself holds for a moment (to read or write for a
// device, say) cannot be moved meanwhile: EBUSY.

static int move(struct region *region, char *to, char *from, uint64_t mode)
{
	struct move wish = { (uintptr_t)to, (uintptr_t)from, region->page_bytes,
			     mode, 0 };

	for (int busy = 0; ioctl(region->fd, IOCTL_MOVE, &wish) < 0;) {
		if (errno == EBUSY && busy++ < MOST_BUSY)
			sched_yield();
		else if (errno != EAGAIN)
			return -errno;
		wish.moved = 0;
	}
	return 0;
}

static int put_move(struct region *region, uint32_t page, bool writable)
{
	int error = move(region, page_at(region, page), frame_of(region, page),
			 writable ? 0 : MOVE_DONTWAKE);

	if (error)
		return error;
	region->woken = writable;
	return writable ? 0 : protect(region, page, true);
}

static int take_move(struct region *region, uint32_t page)
{
	return move(region, frame_of(region, page), page_at(region, page), 0);
}

// ## The end
//
// Behind the last page lies one more. Who touches it wants the thread to end.

static void ask_end(struct region *region)
{
	(void)*(volatile char *)page_at(region, region->setup.plan.pages);
}

static int next(struct region *region, struct asked *asked)
{
	int error = next_fault(region, asked);

	if (error || asked->page < region->setup.plan.pages)
		return error;
	struct uffdio_zeropage wish = {
		.range = { (uintptr_t)page_at(region, asked->page),
			   region->page_bytes }
	};
	return ioctl(region->fd, UFFDIO_ZEROPAGE, &wish) < 0 ? -errno : 0;
}

const struct way way_move = { open_move, close_way, next, put_move,
			      allow,     take_move, wake, ask_end };
const struct way way_copy = { open_copy, close_way, next, put_copy,
			      allow,     take_copy, wake, ask_end };
