// parts.h - what the parts of a region share
//
// region.c knows pages, frames and the policy; a way (userfault.c, signal.c) knows how
// a page gets into sight, and who waits for it. All of it is called by the
// region's thread, with the region locked, but for open, close and ask_end.

#ifndef MEM_REGION_PARTS_H
#define MEM_REGION_PARTS_H

#include <pthread.h>

#include "mem/region/region.h"

enum { NO_FRAME = -1, SIGHT = 1, WRITABLE = 2 };

// Who waits for which page.
struct asked {
	uint32_t page; // `pages`: nobody, the thread is to end
	bool write;
	void *who;
};

struct way {
	// Maps `region->memory` (one page more than the region has) and
	// `region->frames`. 0 or -errno.
	int (*open)(struct region *region);
	void (*close)(struct region *region);

	// Waits for the next fault. 0 or -errno.
	int (*next)(struct region *region, struct asked *asked);

	// Puts a page of a frame into sight, or takes it out of it: then its
	// bytes are those of the frame. `allow` makes one in sight writable. 0
	// or -errno. The first two set `region->woken` if who waited goes on.
	int (*put)(struct region *region, uint32_t page, bool writable);
	int (*allow)(struct region *region, uint32_t page);
	int (*take)(struct region *region, uint32_t page);

	// Lets who waits go on.
	int (*wake)(struct region *region, const struct asked *asked);

	// Has `next` say that the thread is to end.
	void (*ask_end)(struct region *region);
};

extern const struct way way_move, way_copy, way_signal;

struct page {
	int32_t frame; // or NO_FRAME
	uint8_t sight; // SIGHT | WRITABLE
};

struct region {
	struct region_setup setup;
	const struct way *way;
	void *policy;
	size_t page_bytes;
	struct page *pages;
	int32_t *free_frames; // a stack
	uint32_t free_count;

	// Where the program looks, and where the thread reads and writes.
	char *memory, *frames;

	int fd;         // userfaultfd, or the memfd of the frames
	int pipe[2];    // signal: who asks
	bool user_only; // no faults of the kernel
	bool woken;

	uint32_t last;    // tracked: the page in sight, or NO_PAGE
	uint32_t before;  // and the one before it
	uint64_t in_turn; // so often these two have taken turns

	pthread_t thread;
	pthread_mutex_t lock;
	struct region_counts counts;
	int error; // of `cleared`, in a call of the policy
};

static inline char *page_at(const struct region *region, uint32_t page)
{
	return region->memory + page * region->page_bytes;
}

static inline char *frame_of(const struct region *region, uint32_t page)
{
	return region->frames +
	       (size_t)region->pages[page].frame * region->page_bytes;
}

// Where both ways have the same to do: reserves `bytes` of memory without
// access. MAP_FAILED on failure.
void *region_reserve(size_t bytes, int protection);

#endif
