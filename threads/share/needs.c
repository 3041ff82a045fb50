// # Which flags need which, and the kernel's own answer
//
// The flags are not as free as they look. One table of handlers cannot serve
// two address spaces: a handler is an address. And a thread group has one table
// of handlers, or "a signal sent to the process" would mean several things. So
// the kernel refuses SIGHAND without VM and THREAD without SIGHAND (clone(2),
// EINVAL), whoever asks.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"
#include "threads/share/share.h"

static const char *answer(int error)
{
	return error == 0 ? "made" : error == -EINVAL ? "EINVAL" : "refused";
}

// ## All eight
//
// And two of the flags that give a task a world of its own (namespaces(7)): a
// mount tree of my own and a working folder in yours do not go together, and
// neither do one process and two sets of process numbers.

// A container's filter may refuse new namespaces (EPERM) before the kernel has
// looked at the rest.
static void claim_refused(int flags, const char *what)
{
	int error = try_flags(flags);

	if (error == -EPERM)
		say("%s: a filter here refuses to ask", what);
	else
		claim(error == -EINVAL, "%s: EINVAL", what);
}

void scene_needs(void)
{
	int kept = 0;

	for (int set = 0; set < 8; set++) {
		bool vm = set & 1, handlers = set & 2, thread = set & 4;
		int error = try_flags((vm ? CLONE_VM : 0) |
				      (handlers ? CLONE_SIGHAND : 0) |
				      (thread ? CLONE_THREAD : 0));
		bool may = (!handlers || vm) && (!thread || handlers);
		say("%-3s %-8s %-7s %s", vm ? "VM" : "-",
		    handlers ? "SIGHAND" : "-", thread ? "THREAD" : "-",
		    answer(error));
		kept += error == (may ? 0 : -EINVAL);
	}
	claim(kept == 8, "SIGHAND wants VM, and THREAD wants SIGHAND: %d of 8",
	      kept);
	claim_refused(CLONE_FS | CLONE_NEWNS,
		      "one working folder, but two mount trees");
	claim_refused(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWPID,
		      "one process, but two sets of numbers");
}

// ## kcmp
//
// The table was filled in from outside. kcmp(2) asks the kernel to compare two
// tasks' pointers, so it should know without a try.

static bool same_in_kernel(pid_t maker, int what)
{
	return syscall(SYS_kcmp, maker, gettid(), what, 0, 0) == 0;
}

static void compare_memory(struct trial *trial)
{
	trial->same = same_in_kernel(trial->maker, KCMP_VM);
}

static void compare_folders(struct trial *trial)
{
	trial->same = same_in_kernel(trial->maker, KCMP_FS);
}

static void compare_descriptors(struct trial *trial)
{
	trial->same = same_in_kernel(trial->maker, KCMP_FILES);
}

static void compare_handlers(struct trial *trial)
{
	trial->same = same_in_kernel(trial->maker, KCMP_SIGHAND);
}

void scene_kernel(void)
{
	static const struct thing things[] = {
		{ "mm", CLONE_VM, NULL, compare_memory, NULL },
		{ "fs", CLONE_FS, NULL, compare_folders, NULL },
		{ "files", CLONE_FILES, NULL, compare_descriptors, NULL },
		{ "sighand", CLONE_SIGHAND, NULL, compare_handlers, NULL },
	};

	if (!same_in_kernel(getpid(), KCMP_VM))
		skip("no kcmp here: it takes a kernel with CONFIG_KCMP and a "
		     "container that allows it: %s",
		     strerror(errno));
	for (size_t t = 0; t < sizeof things / sizeof *things; t++) {
		char which[80] = "";
		int kept = 0;
		for (int w = 0; w < WAYS; w++) {
			bool same = try_thing(&things[t], &ways[w]);
			size_t used = strlen(which);
			if (same)
				snprintf(which + used, sizeof which - used,
					 " %s", ways[w].name);
			kept += same ==
				!!(ways[w].flags & things[t].decided_by);
		}
		say("%-7s is one with:%s", things[t].name, which);
		claim(kept == WAYS, "the kernel's pointer to %s says the same",
		      things[t].name);
	}
}
