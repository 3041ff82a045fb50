// # What of this program lies where
//
// Each of these is put somewhere by somebody: the linker (text, constants, data,
// bss), the C library (small and large blocks), the kernel (stack, vDSO).

#define _GNU_SOURCE
#include "mem/anatomy/anatomy.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "lab.h"

const char a_constant[] = "I may only be read";
int a_global = 42;
static char zeros[256 * 1024]; // several pages, so that some are of no file

enum { SMALL = 64, LARGE = 1024 * 1024, USUAL_THRESHOLD = 128 * 1024 };

// glibc takes blocks of M_MMAP_THRESHOLD and more from mmap(2), and others from
// the heap. The threshold moves with what is freed, unless it is set.
static void *block(size_t bytes)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, USUAL_THRESHOLD);
#endif
	char *got = must_ptr(malloc(bytes));
	*(volatile char *)got = 1;
	return got;
}

// What is behind the program's data, not the rest of the page that they share.
static uintptr_t middle_of_zeros(void)
{
	return (uintptr_t)(zeros + sizeof zeros / 2);
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

void need_plain_memory(void)
{
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
	skip("ThreadSanitizer lays out memory its own way: build without");
#endif
}

void own_marks(struct mark marks[MARKS])
{
	static void *small, *large;

	small = small ? small : block(SMALL);
	large = large ? large : block(LARGE);
	const struct mark all[MARKS] = {
		[MARK_MAIN] = { "main", (uintptr_t)main },
		[MARK_CONSTANT] = { "a constant", (uintptr_t)a_constant },
		[MARK_GLOBAL] = { "a global", (uintptr_t)&a_global },
		[MARK_ZERO] = { "a global of zeros", middle_of_zeros() },
		[MARK_SMALL] = { "a small malloc", (uintptr_t)small },
		[MARK_LARGE] = { "a large malloc", (uintptr_t)large },
		[MARK_LIBRARY] = { "getenv", (uintptr_t)getenv },
		[MARK_VDSO] = { "the vDSO", getauxval(AT_SYSINFO_EHDR) },
		// (a sanitizer keeps locals elsewhere; the frame is here)
		[MARK_LOCAL] = { "a local",
				 (uintptr_t)__builtin_frame_address(0) },
	};

	memcpy(marks, all, sizeof all);
}

void own_layout(struct layout *layout)
{
	int error = layout_read(layout, 0);

	if (error == -ENOENT)
		skip("no /proc/self/maps: mount /proc");
	must_neg(error);
}

// ## The picture

static const struct mapping *home(const struct layout *layout,
				  const struct mark *mark)
{
	const struct mapping *found = maps_find(&layout->maps, mark->address);

	if (!found)
		claim(false, "%s is mapped", mark->name);
	return found;
}

static enum part part_at(const struct layout *layout, const struct mark *mark)
{
	const struct region *region = layout_find(layout, mark->address);

	return region ? region->part : PARTS;
}

static void claim_blocks(const struct layout *layout, const struct mark *marks)
{
	const struct mapping *small = home(layout, &marks[MARK_SMALL]),
			     *large = home(layout, &marks[MARK_LARGE]);

	if (small->kind != MAPPING_HEAP && !MALLOC_IS_KNOWN)
		say("this malloc takes small blocks from mmap, not from brk");
	else
		claim(small->kind == MAPPING_HEAP,
		      "a small block lies in the heap, which brk moves");
	claim(large->kind == MAPPING_ANONYMOUS && large->write &&
		      large != small,
	      "a large one has a mapping of its own");
}

void scene_picture(void)
{
	struct mark marks[MARKS];
	struct layout layout;
	struct canvas canvas = canvas_of(STDOUT_FILENO);

	own_marks(marks);
	own_layout(&layout);
	char *picture = must_ptr(layout_picture(&layout, &canvas, marks, MARKS,
						0, 0, LAYOUT_USER_END));
	say("process %d, from the highest address to the lowest:", getpid());
	show(picture);
	free(picture);

	const struct mapping *text = home(&layout, &marks[MARK_MAIN]),
			     *constant = home(&layout, &marks[MARK_CONSTANT]),
			     *global = home(&layout, &marks[MARK_GLOBAL]),
			     *zero = home(&layout, &marks[MARK_ZERO]),
			     *stack = home(&layout, &marks[MARK_LOCAL]);
	claim(text->execute && !text->write &&
		      part_at(&layout, &marks[MARK_MAIN]) == PART_TEXT,
	      "main lies in the text: executable, not writable");
	claim(!constant->write, "a constant lies where nothing is written");
	claim(global->write && !global->execute &&
		      part_at(&layout, &marks[MARK_GLOBAL]) == PART_DATA,
	      "a global lies in the data: writable, not executable");
	claim(zero->kind != MAPPING_FILE && zero->write,
	      "what begins as zero is in no file");
	claim_blocks(&layout, marks);
	claim(stack->kind == MAPPING_STACK && stack->write && !stack->execute,
	      "a local lies on the stack");
	claim(marks[MARK_MAIN].address < marks[MARK_GLOBAL].address &&
		      marks[MARK_GLOBAL].address < marks[MARK_ZERO].address &&
		      marks[MARK_ZERO].address < marks[MARK_LOCAL].address,
	      "from below: text, data, bss, and the stack above them all");
	layout_free(&layout);
}
