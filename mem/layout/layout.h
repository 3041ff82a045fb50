// layout.h - an address space by what its parts are for, and a picture of it
//
// The kernel tells of mappings (mem/pages); books of text, data, bss, heap and
// stack. Here each mapping gets such a name. Any thread may call these.

#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "draw.h"
#include "mem/pages/pages.h"

enum part {
	PART_TEXT,      // the program's instructions
	PART_CONSTANTS, // what it may only read
	PART_DATA,      // global variables with a value in the file
	PART_BSS,       // those that begin as zero, and are not in the file
	PART_HEAP,
	PART_FILE, // another file: libraries ...
	PART_ANONYMOUS,
	PART_SHARED,
	PART_STACK,
	PART_KERNEL,
	PARTS
};

struct region {
	uintptr_t begin, end;
	enum part part;
	const struct mapping *first; // of the mappings in it
	size_t mappings;
};

struct layout {
	struct maps maps;
	size_t count;
	struct region *regions; // ascending
	char program[4096];     // the file that it executes, "" if not known
};

// The address space of a process (0: the caller's). A region is one mapping, or
// neighbours of one file. 0 or -errno (as maps_read); layout_free also after an
// error. O(mappings).
int layout_read(struct layout *layout, pid_t pid);
void layout_free(struct layout *layout);

// The region that holds an address, or NULL. O(log regions).
const struct region *layout_find(const struct layout *layout,
				 uintptr_t address);

// "heap", "libc.so.6": what to call it. Lives as long as the layout.
const char *region_name(const struct region *region);

struct mark {
	const char *name; // "main"
	uintptr_t address;
};

// Where the user's part of the addresses ends, at the latest: on 64-bit machines
// the upper half is the kernel's ([vsyscall] lies there).
#define LAYOUT_USER_END \
	((uintptr_t)(sizeof(uintptr_t) > 4 ? INTPTR_MAX : UINTPTR_MAX))

// High addresses on top, as on most blackboards. One line is `scale` bytes of a
// region, or less (0: chosen so that all takes about 40 lines); a gap is one line.
// Of a long region both ends are drawn, its marks, and what is left out is said.
// Only regions that overlap [begin, end). A string of the caller's (free it), or
// NULL when memory is out.
char *layout_picture(const struct layout *layout, const struct canvas *canvas,
		     const struct mark *marks, size_t mark_count, size_t scale,
		     uintptr_t begin, uintptr_t end);

#endif
