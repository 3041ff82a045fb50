// # Six ways to have something done by somebody else
//
// All six come to clone in the kernel; they differ in what it copies. A thread
// and the child of vfork(2) copy no memory. fork(2) copies the page tables of
// all private memory and marks both sides read-only, so that each page is
// copied at its first write. posix_spawn(3) is vfork and execve in one call;
// fork and execve copies first what execve then throws away.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "threads/bare/bare.h"
#include "threads/price/price.h"

void need_task(int error)
{
	if (error == EAGAIN || error == ENOMEM)
		skip("no more tasks or memory here (%s): the scene limits says "
		     "where to look",
		     strerror(error));
	must_zero(error);
}

static pid_t made(pid_t child)
{
	need_task(child == -1 ? errno : 0);
	return child;
}

static void wait_for(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0));
	if (status != 0)
		claim(false, "a child ends well: wait status %#x",
		      (unsigned)status);
}

// Mapped once: pthread_create, too, keeps the stacks of threads that have ended
// for those to come.
static struct bare *kept_stack(struct bare *task)
{
	static struct bare kept;

	if (!kept.stack)
		must_neg(bare_stack(&kept));
	task->stack = kept.stack;
	task->stack_bytes = kept.stack_bytes;
	return task;
}

// What pthread_create asks for, but for its book-keeping and thread-local
// storage. The kernel stores 0 to `alive` at the end and wakes who waits there:
// that is how pthread_join works. (Its acquire pairs with the kernel's store.)
static void make_by_clone3(void)
{
	_Atomic int alive = 1;
	struct bare task = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
			 CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
		.alive = &alive,
	};

	pid_t tid = bare_start(kept_stack(&task));
	need_task(tid < 0 ? -tid : 0);
	while (atomic_load_explicit(&alive, memory_order_acquire))
		syscall(SYS_futex, &alive, FUTEX_WAIT, 1, NULL, NULL, 0);
}

static void *do_nothing(void *argument)
{
	return argument;
}

static void make_by_pthread(void)
{
	pthread_t thread;

	need_task(pthread_create(&thread, NULL, do_nothing, NULL));
	must_zero(pthread_join(thread, NULL));
}

// vfork(2) by its definition: clone with these two flags. (A sanitizer's
// library puts a fork in its place.)
static void make_by_vfork(void)
{
	struct bare task = { .flags = CLONE_VM | CLONE_VFORK,
			     .exit_signal = SIGCHLD };

	pid_t child = bare_start(kept_stack(&task));
	need_task(child < 0 ? -child : 0);
	wait_for(child);
}

static void make_by_fork(void)
{
	pid_t child = made(fork());

	if (child == 0)
		_exit(EXIT_SUCCESS);
	wait_for(child);
}

static char *const program[] = { "true", NULL };

static void make_by_spawn(void)
{
	pid_t child;

	must_zero(posix_spawnp(&child, *program, NULL, NULL, program, environ));
	wait_for(child);
}

static void make_by_fork_and_exec(void)
{
	pid_t child = made(fork());

	if (child == 0) {
		must(execvp(*program, program));
		_exit(EXIT_FAILURE);
	}
	wait_for(child);
}

const struct way ways[WAYS] = {
	[CLONE3] = { "clone3", "a thread", make_by_clone3 },
	[PTHREAD] = { "pthread_create", "a thread", make_by_pthread },
	[VFORK] = { "vfork", "a process", make_by_vfork },
	[FORK] = { "fork", "a process", make_by_fork },
	[SPAWN] = { "posix_spawn", "a program", make_by_spawn },
	[FORK_EXEC] = { "fork, execve", "a program", make_by_fork_and_exec },
};

size_t default_stack_bytes(void)
{
	pthread_attr_t attributes;
	size_t bytes;

	must_zero(pthread_attr_init(&attributes));
	must_zero(pthread_attr_getstacksize(&attributes, &bytes));
	must_zero(pthread_attr_destroy(&attributes));
	return bytes;
}

long status_kib(const char *name)
{
	char status[8192];

	host_line("/proc/self/status", status, sizeof status);
	const char *row = strstr(status, name);
	if (row)
		return strtol(row + strlen(name), NULL, 10);
	skip("no %s in /proc/self/status: it takes Linux's own /proc", name);
}

long page_faults(void)
{
	struct rusage mine, theirs;

	must(getrusage(RUSAGE_SELF, &mine));
	must(getrusage(RUSAGE_CHILDREN, &theirs));
	return mine.ru_minflt + theirs.ru_minflt;
}
