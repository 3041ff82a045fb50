// # Things that lie in memory: CLONE_VM
//
// A task has a pointer to a description of its address space (mm_struct). fork
// copies that description, page by page at the first write; CLONE_VM copies the
// pointer. So the flag does not choose among the things in memory: everything
// that has an address is shared or nothing is, stacks included. That a thread's
// stack is "its own" is a custom: each one's stack pointer points elsewhere.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "threads/share/share.h"

static void change_number(struct trial *trial)
{
	*trial->number = 1;
}

static bool number_changed(struct trial *trial)
{
	return *trial->number == 1;
}

static void prepare_global(struct trial *trial)
{
	static int global;

	trial->number = &global;
}

static void prepare_heap(struct trial *trial)
{
	trial->number = must_ptr(calloc(1, sizeof *trial->number));
}

// The maker's own stack: trial->number points to a variable there already.
static void prepare_stack(struct trial *trial)
{
	*trial->number = 0;
}

static void prepare_shared(struct trial *trial)
{
	trial->number = must(mmap(NULL, sizeof *trial->number,
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

// Not a page but the map itself: what the task maps is there for its maker.
static void map_a_page(struct trial *trial)
{
	trial->address = must(
		mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static bool page_is_mapped(struct trial *trial)
{
	unsigned char in_core;

	return mincore(trial->address, 1, &in_core) == 0;
}

// ## What is found by a register
//
// `mine` has one name and one address for each thread: the compiler adds an
// offset to the thread pointer (fs on x86-64, tpidr_el0 on arm64). errno is
// such a variable. The kernel knows nothing of it but the register, which
// CLONE_SETTLS loads. A task with our memory and our register has our `mine`.

static _Thread_local volatile int mine;

static void change_mine(struct trial *trial)
{
	(void)trial;
	mine = 1;
}

static bool mine_changed(struct trial *trial)
{
	(void)trial;
	return mine == 1;
}

static void prepare_errno(struct trial *trial)
{
	(void)trial;
	errno = 0;
}

static void fail(struct trial *trial)
{
	trial->fd = close(-1);
}

static bool errno_changed(struct trial *trial)
{
	(void)trial;
	return errno == EBADF;
}

const struct thing memory_things[] = {
	{ "a global", CLONE_VM, prepare_global, change_number, number_changed },
	{ "the heap", CLONE_VM, prepare_heap, change_number, number_changed },
	{ "my stack", CLONE_VM, prepare_stack, change_number, number_changed },
	{ "new mappings", CLONE_VM, NULL, map_a_page, page_is_mapped },
	{ "MAP_SHARED", ALWAYS, prepare_shared, change_number, number_changed },
	{ "_Thread_local", BY_REGISTER, NULL, change_mine, mine_changed },
	{ "errno", BY_REGISTER, prepare_errno, fail, errno_changed },
	{ 0 }
};
