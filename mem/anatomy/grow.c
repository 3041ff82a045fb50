// # What grows
//
// Three parts grow while a program runs. The heap: brk(2) moves its end. The
// mappings: mmap(2) adds one. Both are asked for. The stack grows by itself: a
// fault a little below it makes the kernel lower its begin, as long as that is
// allowed (RLIMIT_STACK) and nothing else is near.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"
#include "mem/anatomy/anatomy.h"

enum { MIB = 1024 * 1024, LINE = 256 * 1024, STEP = 4096 };

struct region own_region(enum part part)
{
	struct layout layout;
	struct region copy = { 0 };

	own_layout(&layout);
	for (size_t i = 0; i < layout.count; i++)
		if (layout.regions[i].part == part)
			copy = layout.regions[i];
	layout_free(&layout);
	copy.first = NULL; // gone
	return copy;
}

static void draw_part(uintptr_t begin, uintptr_t end, const struct mark *mark)
{
	struct layout layout;
	struct canvas canvas = canvas_of(STDOUT_FILENO);

	own_layout(&layout);
	char *picture = must_ptr(
		layout_picture(&layout, &canvas, mark, 1, LINE, begin, end));
	show(picture);
	free(picture);
	layout_free(&layout);
}

static uintptr_t round_up(uintptr_t address)
{
	return (address + page_bytes() - 1) / page_bytes() * page_bytes();
}

// ## The heap

static void grow_heap(void)
{
	struct region before = own_region(PART_HEAP);

	if (before.begin == 0) {
		must(sbrk((intptr_t)page_bytes()));
		before = own_region(PART_HEAP);
	}
	struct mark end = { "its end", (uintptr_t)sbrk(0) - 1 };
	say("the heap:");
	draw_part(before.begin, before.end, &end);
	if (sbrk(MIB) == (void *)-1)
		skip("brk: %s: the heap cannot grow (ulimit -d, -v)",
		     strerror(errno));
	struct region after = own_region(PART_HEAP);
	end.address = (uintptr_t)sbrk(0) - 1;
	say("after sbrk(1 MiB):");
	draw_part(after.begin, after.end, &end);
	claim(after.begin == before.begin && after.end == before.end + MIB &&
		      after.end == round_up((uintptr_t)sbrk(0)),
	      "brk moves the upper end of the heap, by just what was asked");
}

// ## The stack

// A compiler that sees through it would make a loop of these calls: so it is not
// told whom they call, nor that the frame is not needed after them.
static uintptr_t (*volatile deeper)(size_t bytes, void (*then)(void *),
				    void *argument) = descend;

uintptr_t descend(size_t bytes, void (*then)(void *), void *argument)
{
	volatile char frame[FRAME];
	uintptr_t lowest = (uintptr_t)__builtin_frame_address(0);

	for (size_t i = FRAME; i >= STEP; i -= STEP)
		frame[i - STEP] = 1;
	if (bytes > FRAME)
		lowest = deeper(bytes - FRAME, then, argument);
	else if (then)
		then(argument);
	__asm__ volatile("" : : "r"(frame) : "memory");
	return lowest;
}

static void draw_stack(void *argument)
{
	(void)argument;
	struct region stack = own_region(PART_STACK);
	struct mark mark = { "here", (uintptr_t)__builtin_frame_address(0) };

	draw_part(stack.begin, stack.end, &mark);
}

rlim_t stack_limit(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_STACK, &limit));
	return limit.rlim_cur;
}

static void grow_stack(void)
{
	struct region before = own_region(PART_STACK);

	if (before.begin == 0 || stack_limit() < 3 * MIB) {
		say("too little stack to show it (ulimit -s)");
		return;
	}
	say("the stack:");
	draw_stack(NULL);
	say("1 MiB of calls further down:");
	uintptr_t lowest = descend(MIB, draw_stack, NULL);
	struct region after = own_region(PART_STACK);
	claim(after.end == before.end && after.begin <= lowest &&
		      before.end - after.begin >= MIB,
	      "the stack has grown downwards, and nobody asked for it");
	say("we are back, and it is %zu KiB still",
	    (size_t)(after.end - after.begin) / 1024);
	claim(own_region(PART_STACK).begin == after.begin,
	      "calls that return give nothing back");
}

// ## A mapping

static size_t count_mapped(const char *from, size_t bytes)
{
	struct maps maps;
	size_t mapped = 0;

	must_neg(maps_read(&maps, 0));
	for (size_t i = 0; i < bytes; i += page_bytes())
		mapped += maps_find(&maps, (uintptr_t)from + i) != NULL;
	maps_free(&maps);
	return mapped;
}

static void grow_mappings(void)
{
	size_t pages = MIB / page_bytes();
	char *got = must(mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	size_t mapped = count_mapped(got, MIB);
	struct mark mark = { "new", (uintptr_t)got };

	say("mmap of 1 MiB, shared so that it stays apart:");
	draw_part((uintptr_t)got, (uintptr_t)got + MIB, &mark);
	must(munmap(got + MIB / 2, MIB / 2));
	say("the upper half given back:");
	draw_part((uintptr_t)got, (uintptr_t)got + MIB, &mark);
	claim(mapped == pages && count_mapped(got, MIB) == pages / 2,
	      "mmap adds, and munmap takes away any part of it");
}

void scene_grow(void)
{
	need_plain_memory();
	grow_heap();
	grow_stack();
	grow_mappings();
}
