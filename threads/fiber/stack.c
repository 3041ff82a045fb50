// # Stacks: one mapping, a guard below each
//
//     ┌────────┬──────┬───┬─────────┬───┬─────────┬───┬─────────┬ ─ ─
//     │ fibers │ heap │░░░│ stack 0 │░░░│ stack 1 │░░░│ stack 2 │
//     └────────┴──────┴───┴─────────┴───┴─────────┴───┴─────────┴ ─ ─
//                      guard         guard
//
// A stack grows down, and what it grows into must not be another one. So the
// page below each is one that cannot be touched. mprotect(2) makes such a page by
// cutting the mapping in two: each stack costs two of the vm.max_map_count
// mappings that a process may have (65,530), and the kernel has a tree to search
// at every page fault. Since Linux 6.13 madvise(2) marks the page in the page
// table instead (MADV_GUARD_INSTALL): still one mapping, however many stacks.
//
// All is reserved at once and costs nothing until it is touched: the kernel gives
// a stack its first page when a fiber first runs on it. MAP_NORESERVE: that the
// sum of all stacks is beyond what this machine has is no lie, since no fiber is
// expected to use all of its own. No huge pages: one would be hundreds of times
// what a fiber needs.
//
// The slot that became free last is taken first; its pages are in the cache.
//
// Stacks that all begin at the same place of a page use the same few sets of the
// first-level cache (it is indexed by the low 12 bits of the address), so each
// begins a little further down than its neighbour.
//
// Sources: mmap(2), madvise(2), mprotect(2); Documentation/admin-guide/sysctl/
// vm.rst.

#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
	SMALLEST = 16 << 10,
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
	USUAL = 256 << 10, // their frames are larger
#else
	USUAL = 64 << 10,
#endif
	USUAL_MOST = 1000,
	MOST = 10000000,
	COLOURS = 16,
	COLOUR_BYTES = 128,
};

static size_t rounded(size_t bytes, size_t page)
{
	return (bytes + page - 1) / page * page;
}

char *fiber_stack_low(const struct scheduler *s, const struct fiber *f)
{
	return s->stacks + (f - s->fibers) * s->stride + s->page_bytes;
}

char *fiber_stack_top(const struct scheduler *s, const struct fiber *f)
{
	return fiber_stack_low(s, f) + s->stack_bytes -
	       (f - s->fibers) % COLOURS * COLOUR_BYTES;
}

static int guard(const struct scheduler *s, char *page, enum fiber_guard how)
{
	int error = how == FIBER_GUARD_MARK
			    ? madvise(page, s->page_bytes, MADV_GUARD_INSTALL)
			    : mprotect(page, s->page_bytes, PROT_NONE);

	return error ? -errno : 0;
}

// Tried on the first stack: what the kernel cannot do it says here.
static int choose_guard(struct scheduler *s, enum fiber_guard wanted)
{
	int error = -EINVAL;

	s->guard = wanted == FIBER_GUARD_PROTECT ? wanted : FIBER_GUARD_MARK;
	error = guard(s, s->stacks, s->guard);
	if (error == -EINVAL && wanted == FIBER_GUARD_ANY) {
		s->guard = FIBER_GUARD_PROTECT;
		error = guard(s, s->stacks, s->guard);
	}
	return error;
}

static int measure(struct scheduler *s, const struct fiber_setup *setup)
{
	size_t stack = setup->stack_bytes ?: USUAL;

	s->page_bytes = sysconf(_SC_PAGESIZE);
	s->most = setup->most ?: USUAL_MOST;
	if (stack < SMALLEST || stack > SIZE_MAX / 2 / MOST || s->most > MOST)
		return -EINVAL;
#ifdef FIBER_TSAN
	if (s->most > 7000)
		s->most = 7000;
#endif
	s->stack_bytes = rounded(stack, s->page_bytes);
	s->stride = s->stack_bytes + s->page_bytes;
	return 0;
}

int fiber_stacks_open(struct scheduler *s, const struct fiber_setup *setup)
{
	int error = measure(s, setup);

	if (error)
		return error;
	size_t fibers = rounded(s->most * sizeof *s->fibers, s->page_bytes);
	size_t heap = rounded(s->most * sizeof(*s->heap), s->page_bytes);
	s->mapping_bytes = fibers + heap + s->most * s->stride;
	s->mapping = mmap(
		NULL, s->mapping_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (s->mapping == MAP_FAILED)
		return -errno;
	(void)madvise(s->mapping, s->mapping_bytes, MADV_NOHUGEPAGE);
	s->fibers = (void *)s->mapping;
	s->heap = (void *)(s->mapping + fibers);
	s->stacks = s->mapping + fibers + heap;
	error = choose_guard(s, setup->guard);
	if (error)
		(void)munmap(s->mapping, s->mapping_bytes);
	return error;
}

// Whoever was left behind has frames on its stack that AddressSanitizer still
// watches; the next mapping there must not inherit that.
void fiber_stacks_close(struct scheduler *s)
{
	for (size_t i = 0; i < s->used; i++)
		shadow_end(&s->fibers[i].shadow);
#ifdef FIBER_ASAN
	__asan_unpoison_memory_region(s->stacks, s->used * s->stride);
#endif
	(void)munmap(s->mapping, s->mapping_bytes);
}

int fiber_slot_take(struct scheduler *s, struct fiber **f)
{
	int error;

	if (s->free) {
		*f = s->free;
		s->free = (*f)->next;
	} else if (s->used == s->most) {
		return -EAGAIN;
	} else {
		*f = &s->fibers[s->used];
		error = guard(s, fiber_stack_low(s, *f) - s->page_bytes,
			      s->guard);
		if (error)
			return error;
		s->used++;
	}
	**f = (struct fiber){ .state = FIBER_NONE };
	shadow_begin(&(*f)->shadow, fiber_stack_low(s, *f), s->stack_bytes);
	return 0;
}

void fiber_slot_give(struct scheduler *s, struct fiber *f)
{
	f->state = FIBER_NONE;
	f->next = s->free;
	s->free = f;
}
