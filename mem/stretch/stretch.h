// stretch.h - private memory of a chosen page size, with nothing beside it
//
// A stretch begins at a multiple of the huge page size and is a mapping of its
// own: on both sides lies memory that nobody may touch, so that no neighbour is
// merged into it and all that smaps says of it is about it.
//
// Huge pages are a wish: the kernel must have them (CONFIG_TRANSPARENT_HUGEPAGE),
// the administrator must allow them (/sys/kernel/mm/transparent_hugepage/enabled:
// always or madvise), and whole aligned pieces of memory must be free at the
// moment of the first touch. What came, AnonHugePages in smaps tells.
//
// Any thread may call these, one at a time for one stretch. They return 0 or
// -errno and leave nothing half done.
//
// Sources: madvise(2), proc_pid_smaps(5); Linux, Documentation/admin-guide/mm/
// transhuge.rst.

#ifndef MEM_STRETCH_H
#define MEM_STRETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stretch {
	char *memory;
	size_t bytes;
	void *reserved; // the whole of it, both sides included
	size_t reserved_bytes;
};

// The size of a huge page that one entry of a page directory maps, in bytes; 0
// where the kernel has none.
size_t huge_page_bytes(void);

// Makes one of `bytes`, rounded up to whole huge pages when `huge`, otherwise to
// pages. Nothing is touched: no frame is behind it yet. Small pages are sure
// (MADV_NOHUGEPAGE), huge ones are only asked for (MADV_HUGEPAGE; -EINVAL: the
// kernel has none).
int stretch_make(struct stretch *stretch, size_t bytes, bool huge);
void stretch_free(struct stretch *stretch);

// Writes to each page, so that all have frames; the bytes become `value`, one in
// each page of the smallest size.
void stretch_touch(const struct stretch *stretch, char value);

// How many of its bytes huge pages hold now, or -errno. O(pages).
ssize_t stretch_huge_bytes(const struct stretch *stretch);

// Why there are none, or how to get them: a sentence for the user. Returns text.
enum { STRETCH_TEXT = 256 };
const char *stretch_why_small(char text[STRETCH_TEXT]);

#endif
