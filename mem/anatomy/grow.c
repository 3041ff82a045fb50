// # What grows, and where it stops
//
// Three parts grow while a program runs. The heap: brk(2) moves its end. The
// mappings: mmap(2) adds one. Both are asked for. The stack grows by itself: a
// fault a little below it makes the kernel lower its begin, as long as that is
// allowed (RLIMIT_STACK) and nothing else is near.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"
#include "mem/anatomy/anatomy.h"
#include "supervisor.h"

enum { MIB = 1024 * 1024, LINE = 256 * 1024, FRAME = 16 * 1024, STEP = 4096 };

// The heap or the stack as it is now; from 0 to 0 if there is none.
static struct region now(enum part part)
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
	struct region before = now(PART_HEAP);

	if (before.begin == 0) {
		must(sbrk((intptr_t)page_bytes()));
		before = now(PART_HEAP);
	}
	struct mark end = { "its end", (uintptr_t)sbrk(0) - 1 };
	say("the heap:");
	draw_part(before.begin, before.end, &end);
	if (sbrk(MIB) == (void *)-1)
		skip("brk: %s: the heap cannot grow (ulimit -d, -v)",
		     strerror(errno));
	struct region after = now(PART_HEAP);
	end.address = (uintptr_t)sbrk(0) - 1;
	say("after sbrk(1 MiB):");
	draw_part(after.begin, after.end, &end);
	claim(after.begin == before.begin && after.end == before.end + MIB &&
		      after.end == round_up((uintptr_t)sbrk(0)),
	      "brk moves the upper end of the heap, by just what was asked");
}

// ## The stack

// Uses so many bytes of stack, from the top down, and calls then(argument) there.
static __attribute__((noinline)) uintptr_t
descend(size_t bytes, void (*then)(void *), void *argument)
{
	volatile char frame[FRAME];

	for (size_t i = FRAME; i >= STEP; i -= STEP)
		frame[i - STEP] = 1;
	uintptr_t lowest = bytes > FRAME
				   ? descend(bytes - FRAME, then, argument)
				   : (uintptr_t)__builtin_frame_address(0);
	if (bytes <= FRAME && then)
		then(argument);
	frame[0]++; // so that this is no jump
	return lowest;
}

static void draw_stack(void *argument)
{
	(void)argument;
	struct region stack = now(PART_STACK);
	struct mark mark = { "here", (uintptr_t)__builtin_frame_address(0) };

	draw_part(stack.begin, stack.end, &mark);
}

static rlim_t stack_limit(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_STACK, &limit));
	return limit.rlim_cur;
}

static void grow_stack(void)
{
	struct region before = now(PART_STACK);

	if (before.begin == 0 || stack_limit() < 3 * MIB) {
		say("too little stack to show it (ulimit -s)");
		return;
	}
	say("the stack:");
	draw_stack(NULL);
	say("1 MiB of calls further down:");
	uintptr_t lowest = descend(MIB, draw_stack, NULL);
	struct region after = now(PART_STACK);
	claim(after.end == before.end && after.begin <= lowest &&
		      before.end - after.begin >= MIB,
	      "the stack has grown downwards, and nobody asked for it");
	say("we are back, and it is %zu KiB still",
	    (size_t)(after.end - after.begin) / 1024);
	claim(now(PART_STACK).begin == after.begin,
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

// ## Where the stack stops
//
// What lies below must not be overwritten in silence. So a stack ends with
// something that cannot be touched: for the first thread the kernel keeps a gap
// free (stack_guard_gap, 256 pages) and a limit; for the others the C library
// puts a page without rights below (pthread_attr_setguardsize(3)).

static void overflow(void *argument)
{
	(void)argument;
	descend(SIZE_MAX / 2, NULL, NULL);
}

static void overflow_small(void *argument)
{
	const rlim_t *bytes = argument;
	struct rlimit limit = { 0 };

	must(getrlimit(RLIMIT_STACK, &limit));
	limit.rlim_cur = *bytes;
	must(setrlimit(RLIMIT_STACK, &limit));
	overflow(NULL);
}

static void meet_limit(void)
{
	struct region stack = now(PART_STACK);
	rlim_t bytes = stack_limit();

	bytes = bytes > 2 * MIB ? 2 * MIB : bytes;
	if (stack.end - stack.begin > bytes - FRAME) {
		say("this stack is larger than 2 MiB already");
		return;
	}
	struct fault fault = fault_of(overflow_small, &bytes);
	say("a limit of %zu KiB, and calls without end", (size_t)bytes / 1024);
	say("stack from 0x%zx", (size_t)fault.stack_begin);
	say("fault at   0x%zx: %s", (size_t)fault.address,
	    fault.code == SEGV_MAPERR ? "SEGV_MAPERR" : "SIGSEGV");
	claim(fault.signal == SIGSEGV && fault.address < fault.stack_begin,
	      "the fault is below the stack");
	claim(fault.stack_end - fault.stack_begin <= bytes &&
		      fault.stack_end - fault.address + page_bytes() > bytes,
	      "the stack ends where its limit is");
}

struct neighbour {
	char *page;
};

static void overflow_towards(void *argument)
{
	const struct neighbour *neighbour = argument;
	struct rlimit limit;

	must(getrlimit(RLIMIT_STACK, &limit));
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_STACK, &limit));
	char *got = mmap(neighbour->page, page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);
	if (got != neighbour->page)
		skip("no page below the stack can be mapped: %s",
		     strerror(errno));
	overflow(NULL);
}

static void meet_neighbour(void)
{
	struct region stack = now(PART_STACK);
	size_t below = 4 * MIB;
	struct neighbour neighbour = {
		.page = (char *)stack.begin - below,
	};

	struct fault fault = fault_of(overflow_towards, &neighbour);
	if (fault.signal == 0)
		return;
	size_t gap = fault.stack_begin - (uintptr_t)neighbour.page -
		     page_bytes();
	say("a page lies 4 MiB below: the stack stops %zu KiB before",
	    gap / 1024);
	claim(fault.signal == SIGSEGV &&
		      fault.address >
			      (uintptr_t)neighbour.page + page_bytes() &&
		      fault.address < fault.stack_begin,
	      "before it meets another mapping there is a gap");
}

enum { THREAD_STACK = 256 * 1024, ALTERNATIVE = 128 * 1024 };

static void *overflow_thread(void *argument)
{
	stack_t stack = { .ss_sp = argument, .ss_size = ALTERNATIVE };

	must(sigaltstack(&stack, NULL));
	overflow(NULL);
	return NULL;
}

// Its own page without rights below; the C library's would do, but is not always
// to be seen in the maps (MADV_GUARD_INSTALL).
static void overflow_in_thread(void *argument)
{
	char *guard = argument;
	pthread_t thread;
	pthread_attr_t attributes;

	must_zero(pthread_attr_init(&attributes));
	must_zero(pthread_attr_setstack(&attributes, guard + page_bytes(),
					THREAD_STACK));
	char *other = must_ptr(malloc(ALTERNATIVE));
	must_zero(pthread_create(&thread, &attributes, overflow_thread, other));
	must_zero(pthread_join(thread, NULL));
}

static void meet_guard_page(void)
{
	char *guard = must(mmap(NULL, THREAD_STACK + page_bytes(),
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	must(mprotect(guard, page_bytes(), PROT_NONE));
	struct fault fault = fault_of(overflow_in_thread, guard);
	say("a thread's stack from %p", (void *)(guard + page_bytes()));
	say("fault at              0x%zx: %s", (size_t)fault.address,
	    fault.code == SEGV_ACCERR ? "SEGV_ACCERR" : "SIGSEGV");
	claim(fault.signal == SIGSEGV && fault.code == SEGV_ACCERR &&
		      fault.address >= (uintptr_t)guard &&
		      fault.address < (uintptr_t)guard + page_bytes(),
	      "a thread that overflows meets its guard page");
	must(munmap(guard, THREAD_STACK + page_bytes()));
}

void scene_guard(void)
{
	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	meet_limit();
	meet_neighbour();
	meet_guard_page();
}
