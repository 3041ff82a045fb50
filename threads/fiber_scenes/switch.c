// # A switch is a function call that returns elsewhere
//
// Two threads of the kernel cannot take turns without it: one goes to sleep in a
// system call, the scheduler chooses, the other wakes in its own. Two fibers need
// none of that. But how does one see that nothing happened? The kernel counts the
// times that a thread gave up its CPU (getrusage(2), ru_nvcsw). And it can be
// asked to kill whoever makes any system call at all but read, write and exit:
// seccomp(2) in strict mode. In this cage a fiber yields a million times.
//
// (ru_nivcsw, the times that the kernel took the CPU away, is no business of
// ours: others want to run, too.)

#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "threads/fiber_scenes/scenes.h"

enum { SWITCHES = SANITIZED ? 50000 : 500000 };

static void *yield_often(void *turns)
{
	for (int i = 0; i < SWITCHES; i++) {
		++*(long *)turns;
		fiber_yield();
	}
	return NULL;
}

static long given_up(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nvcsw;
}

static void *two_take_turns(void *argument)
{
	long turns[2] = { 0 };
	struct fiber_facts before, after;
	struct fiber *a = spawn(yield_often, &turns[0]);
	struct fiber *b = spawn(yield_often, &turns[1]);

	must_neg(fiber_look(&before));
	long kernel = given_up();
	must_neg(fiber_join(a, NULL));
	must_neg(fiber_join(b, NULL));
	kernel = given_up() - kernel;
	must_neg(fiber_look(&after));
	long switches = (long)(after.switches - before.switches);
	say("%ld switches between two fibers; the kernel counts %ld", switches,
	    kernel);
	claim(turns[0] == SWITCHES && switches > 2 * SWITCHES,
	      "each has had %d turns", SWITCHES);
	claim(kernel == 0, "the thread has never given up its CPU for it");
	return argument;
}

// Whoever is not caught leaves by exit(2) of the thread, the only one allowed.
static void *in_the_cage(void *calls_kernel)
{
	long turns[2] = { 0 };

	spawn(yield_often, &turns[0]);
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	yield_often(&turns[1]);
	if (calls_kernel)
		(void)sched_yield();
	(void)syscall(SYS_exit, turns[0] >= SWITCHES - 1 ? 0 : 1);
	return NULL;
}

static int cage(bool calls_kernel)
{
	int status;
	pid_t child = fork_as("caged");

	if (child == 0) {
		run_fibers(2, in_the_cage, calls_kernel ? &status : NULL);
		_exit(1);
	}
	must(waitpid(child, &status, 0));
	return status;
}

void scene_switch(void)
{
	run_fibers(3, two_take_turns, NULL);
	if (SANITIZED) {
		say("a sanitizer makes system calls of its own: no cage");
		return;
	}
	int status = cage(false);
	say("in a cage where a system call is death: it ended with %#x",
	    status);
	claim(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "%d switches, not one system call", 2 * SWITCHES);
	status = cage(true);
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	      "the thread's own way, sched_yield, once: killed");
}
