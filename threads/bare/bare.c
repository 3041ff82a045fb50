// # A task without the C library

#define _GNU_SOURCE
#include "threads/bare/bare.h"

#include <errno.h>
#include <linux/sched.h>
#include <sys/mman.h>

// bare.S. The first is clone3(2), the second clone(2); both call run(argument)
// in the new task and end it. They return a thread ID or -errno.
long bare_clone3(const struct clone_args *how, size_t how_bytes,
		 int (*run)(void *), void *argument);
long bare_clone(uint64_t flags, void *stack_top, int (*run)(void *),
		void *argument, _Atomic int *alive);

int bare_stack(struct bare *bare)
{
	enum { STACK_BYTES = 256 * 1024 };
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return -errno;
	bare->stack = stack;
	bare->stack_bytes = STACK_BYTES;
	return 0;
}

void bare_no_stack(struct bare *bare)
{
	munmap(bare->stack, bare->stack_bytes);
}

pid_t bare_start(const struct bare *bare)
{
	const struct clone_args how = {
		.flags = bare->flags,
		.child_tid = (uintptr_t)bare->alive,
		.exit_signal = (uint64_t)bare->exit_signal,
		.stack = (uintptr_t)bare->stack,
		.stack_size = bare->stack_bytes,
	};
	long tid = bare_clone3(&how, sizeof how, bare->run, bare->argument);

	if (tid == -ENOSYS)
		tid = bare_clone(bare->flags | (uint64_t)bare->exit_signal,
				 (char *)bare->stack + bare->stack_bytes,
				 bare->run, bare->argument, bare->alive);
	return (pid_t)tid;
}
