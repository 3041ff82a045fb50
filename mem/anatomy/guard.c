// # Where the stack stops
//
// What lies below must not be overwritten in silence. So a stack ends with
// something that cannot be touched: for the first thread the kernel keeps a gap
// free (stack_guard_gap, 256 pages) and a limit; for the others the C library
// puts a page without rights below (pthread_attr_setguardsize(3)).

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"
#include "mem/anatomy/anatomy.h"
#include "supervisor.h"

enum { MIB = 1024 * 1024 };

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
	struct region stack = own_region(PART_STACK);
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
	struct region stack = own_region(PART_STACK);
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

enum { THREAD_STACK = 256 * 1024, GUARD = 4 * FRAME, ALTERNATIVE = 128 * 1024 };

static void *overflow_thread(void *argument)
{
	stack_t stack = { .ss_sp = argument, .ss_size = ALTERNATIVE };

	must(sigaltstack(&stack, NULL));
	overflow(NULL);
	return NULL;
}

// Pages without rights below, more than a frame has, or a call could step over
// them (gcc has -fstack-clash-protection against that). They are our own: the C
// library's would do, but are not always to be seen in the maps
// (MADV_GUARD_INSTALL).
static void overflow_in_thread(void *argument)
{
	char *guard = argument;
	pthread_t thread;
	pthread_attr_t attributes;

	must_zero(pthread_attr_init(&attributes));
	must_zero(pthread_attr_setstack(&attributes, guard + GUARD,
					THREAD_STACK));
	char *other = must_ptr(malloc(ALTERNATIVE));
	must_zero(pthread_create(&thread, &attributes, overflow_thread, other));
	must_zero(pthread_join(thread, NULL));
}

static void meet_guard_page(void)
{
	char *guard = must(mmap(NULL, THREAD_STACK + GUARD,
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	must(mprotect(guard, GUARD, PROT_NONE));
	struct fault fault = fault_of(overflow_in_thread, guard);
	say("a thread's stack from %p", (void *)(guard + GUARD));
	say("fault at              0x%zx: %s", (size_t)fault.address,
	    fault.code == SEGV_ACCERR ? "SEGV_ACCERR" : "SIGSEGV");
	claim(fault.signal == SIGSEGV && fault.code == SEGV_ACCERR &&
		      fault.address >= (uintptr_t)guard &&
		      fault.address < (uintptr_t)guard + GUARD,
	      "a thread that overflows meets its guard pages");
	must(munmap(guard, THREAD_STACK + GUARD));
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
