// bare.h - a task from clone3(2) alone, without the C library
//
// pthread_create(3) asks for a thread with everything shared and thread-local
// storage of its own; fork(2) for a process with nothing shared. The kernel
// knows neither word: it makes a task and shares with it what the flags say.
// This is the way to ask for one flag at a time.
//
// The library knows nothing of such a task. Where it shares its creator's
// memory (CLONE_VM) it also has its thread-local storage, errno included, so
// both must not be in library code at once: ask for CLONE_VFORK, and the
// creator sleeps until the task is gone; or let it do nothing at all.

#ifndef BARE_H
#define BARE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bare {
	uint64_t flags;  // CLONE_VM ... of clone(2); without its low byte
	int exit_signal; // to the parent at its end; 0 with CLONE_THREAD
	void *stack;     // its lowest byte (see bare_stack); ours
	size_t stack_bytes;

	// What the task does: its status is what this returns. NULL: it ends
	// at once, and has not touched its stack.
	int (*run)(void *argument);
	void *argument;

	// With CLONE_CHILD_CLEARTID: set to 0, and a futex(2) waiter is woken,
	// when the task has ended. Set it to something else before.
	_Atomic int *alive;
};

// Makes the task. Returns its thread ID or -errno, just as the kernel says it.
// With Linux before 5.3, and where a filter hides clone3, by clone(2). Any
// thread may call it.
pid_t bare_start(const struct bare *bare);

// A stack of at least 256 KiB (sanitizers want room). Returns 0 or -errno;
// bare_no_stack unmaps it.
int bare_stack(struct bare *bare);
void bare_no_stack(struct bare *bare);

#endif
