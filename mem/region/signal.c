// The way without userfaultfd: a page out of sight has no rights, so who touches
// it gets SIGSEGV. The handler does nothing but what userfaultfd does: it tells
// the region's thread, and sleeps until the page is there. Then it returns, and
// the instruction is done again.
//
// The frames are a memfd. To put one into sight is to map its page over that of
// the region; both are mappings of the same bytes, so nothing is copied.
//
// A handler gets no argument of ours, so the regions of the process stand in a
// table: the one global state here. It does only what signal-safety(7) allows,
// and futex(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "mem/region/parts.h"

enum { MOST_REGIONS = 16, OTHER_MAPS = 1000, USUAL_MAPS = 65530 };

// The row is free where `bytes` is 0. Written under the lock; `bytes` is released
// last, and the handler acquires it first.
static struct row {
	atomic_size_t bytes;
	atomic_uintptr_t begin;
	atomic_int pipe; // the end to write to
} table[MOST_REGIONS];

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static int rows_used;
static struct sigaction former;

// ## Who touches a page

// Lives on the stack of who waits. `served` is released by the region's thread.
struct touch {
	uintptr_t address;
	int write; // -1: unknown
	atomic_uint served;
};

// Whether it was a write the CPU has told the kernel, and the kernel tells us,
// each in its own place.
static int was_write(const ucontext_t *context)
{
#if defined __x86_64__
	return context->uc_mcontext.gregs[REG_ERR] >> 1 & 1;
#elif defined __aarch64__
	enum { ESR = 0x45535201, WRITE_BIT = 6 };
	const unsigned char *record = context->uc_mcontext.__reserved;
	const unsigned char *end = record +
				   sizeof context->uc_mcontext.__reserved;

	while (end - record >= 16) {
		uint32_t head[2];
		uint64_t value;
		memcpy(head, record, sizeof head);
		memcpy(&value, record + sizeof head, sizeof value);
		if (head[0] == ESR)
			return value >> WRITE_BIT & 1;
		if (head[0] == 0 || head[1] < 16)
			break;
		record += head[1];
	}
	return -1;
#else
	(void)context;
	return -1;
#endif
}

static void wait_served(int pipe, struct touch *touch)
{
	while (write(pipe, &touch, sizeof touch) < 0 && errno == EINTR)
		;
	while (!atomic_load_explicit(&touch->served, memory_order_acquire))
		syscall(SYS_futex, &touch->served, FUTEX_WAIT_PRIVATE, 0, NULL,
			NULL, 0);
}

static void on_segv(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	int error = errno;

	for (int i = 0; info->si_code > 0 && i < MOST_REGIONS; i++) {
		size_t bytes = atomic_load_explicit(&table[i].bytes,
						    memory_order_acquire);
		uintptr_t begin = atomic_load(&table[i].begin);
		if (bytes == 0 || address < begin || address - begin >= bytes)
			continue;
		struct touch touch = { .address = address,
				       .write = was_write(context) };
		wait_served(atomic_load(&table[i].pipe), &touch);
		errno = error;
		return;
	}
	// Not ours: it happens again, and is handled as it was before.
	sigaction(number, &former, NULL);
}

// ## Opening

static int enter_table(struct region *region, size_t bytes)
{
	struct sigaction action = { .sa_sigaction = on_segv,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK |
						SA_RESTART };
	int i = 0, error = 0;

	pthread_mutex_lock(&table_lock);
	while (i < MOST_REGIONS && atomic_load(&table[i].bytes) != 0)
		i++;
	if (i == MOST_REGIONS)
		error = -ENOSPC;
	else if (rows_used == 0 && sigaction(SIGSEGV, &action, &former) < 0)
		error = -errno;
	if (!error) {
		rows_used++;
		atomic_store(&table[i].begin, (uintptr_t)region->memory);
		atomic_store(&table[i].pipe, region->pipe[1]);
		atomic_store_explicit(&table[i].bytes, bytes,
				      memory_order_release);
	}
	pthread_mutex_unlock(&table_lock);
	return error;
}

static void leave_table(const struct region *region)
{
	pthread_mutex_lock(&table_lock);
	for (int i = 0; i < MOST_REGIONS; i++)
		if (atomic_load(&table[i].bytes) != 0 &&
		    atomic_load(&table[i].begin) == (uintptr_t)region->memory)
			atomic_store(&table[i].bytes, 0);
	if (--rows_used == 0)
		sigaction(SIGSEGV, &former, NULL);
	pthread_mutex_unlock(&table_lock);
}

// Each page in sight is a mapping, and so is each gap between two.
static bool has_room_for_maps(uint32_t frames)
{
	unsigned long most = USUAL_MAPS;
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");

	if (file) {
		if (fscanf(file, "%lu", &most) != 1)
			most = USUAL_MAPS;
		fclose(file);
	}
	return 2 * (unsigned long)frames + OTHER_MAPS <= most;
}

static size_t memory_bytes(const struct region *region)
{
	return region->setup.plan.pages * region->page_bytes;
}

static size_t frames_bytes(const struct region *region)
{
	return region->setup.plan.frames * region->page_bytes;
}

static int map_frames(struct region *region)
{
	region->fd = memfd_create("frames", MFD_CLOEXEC);
	if (region->fd < 0 ||
	    ftruncate(region->fd, (off_t)frames_bytes(region)) < 0)
		return -errno;
	region->frames = mmap(NULL, frames_bytes(region),
			      PROT_READ | PROT_WRITE, MAP_SHARED, region->fd,
			      0);
	region->memory = region_reserve(memory_bytes(region), PROT_NONE);
	return region->frames == MAP_FAILED || region->memory == MAP_FAILED
		       ? -ENOMEM
		       : 0;
}

static void unmap(struct region *region)
{
	if (region->memory && region->memory != MAP_FAILED)
		munmap(region->memory, memory_bytes(region));
	if (region->frames && region->frames != MAP_FAILED)
		munmap(region->frames, frames_bytes(region));
	if (region->fd >= 0)
		close(region->fd);
	close(region->pipe[0]);
	close(region->pipe[1]);
}

static int open_signal(struct region *region)
{
	region->user_only = true;
	if (!has_room_for_maps(region->setup.plan.frames))
		return -ENOMEM;
	if (pipe2(region->pipe, O_CLOEXEC) < 0)
		return -errno;
	int error = map_frames(region);
	if (!error)
		error = enter_table(region, memory_bytes(region));
	if (error)
		unmap(region);
	return error;
}

static void close_signal(struct region *region)
{
	leave_table(region);
	unmap(region);
}

// ## Serving

static int next(struct region *region, struct asked *asked)
{
	struct touch *touch;
	ssize_t n;

	do
		n = read(region->pipe[0], &touch, sizeof touch);
	while (n < 0 && errno == EINTR);
	if (n != sizeof touch)
		return n < 0 ? -errno : -EIO;
	asked->who = touch;
	if (!touch) {
		asked->page = region->setup.plan.pages;
		return 0;
	}
	asked->page = (uint32_t)((touch->address - (uintptr_t)region->memory) /
				 region->page_bytes);
	// Where nobody says, a page that is in sight can only have been written.
	asked->write = touch->write >= 0 ? touch->write
					 : region->pages[asked->page].sight;
	return 0;
}

// After `served` the touch is gone; to wake who has gone on already does no harm.
static int wake(struct region *region, const struct asked *asked)
{
	struct touch *touch = asked->who;

	(void)region;
	atomic_store_explicit(&touch->served, 1, memory_order_release);
	syscall(SYS_futex, &touch->served, FUTEX_WAKE_PRIVATE, 1, NULL, NULL,
		0);
	return 0;
}

static int put(struct region *region, uint32_t page, bool writable)
{
	off_t at = frame_of(region, page) - region->frames;
	int rights = PROT_READ | (writable ? PROT_WRITE : 0);

	return mmap(page_at(region, page), region->page_bytes, rights,
		    MAP_SHARED | MAP_FIXED, region->fd, at) == MAP_FAILED
		       ? -errno
		       : 0;
}

static int allow(struct region *region, uint32_t page)
{
	return mprotect(page_at(region, page), region->page_bytes,
			PROT_READ | PROT_WRITE) < 0
		       ? -errno
		       : 0;
}

static int take(struct region *region, uint32_t page)
{
	return mmap(page_at(region, page), region->page_bytes, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		    0) == MAP_FAILED
		       ? -errno
		       : 0;
}

static void ask_end(struct region *region)
{
	struct touch *nobody = NULL;

	while (write(region->pipe[1], &nobody, sizeof nobody) < 0 &&
	       errno == EINTR)
		;
}

const struct way way_signal = { open_signal, close_signal, next, put,
				allow,       take,         wake, ask_end };
