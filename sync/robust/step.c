// # Dying after any instruction
//
// A traced process can be let go for one machine instruction at a time
// (PTRACE_SINGLESTEP), and killed in between. So "killed in the critical section"
// need not be a matter of luck: it can be tried at every place there is.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "robust.h"

// It stops itself before the act, and is stopped once more behind it.
static _Noreturn void perform(void (*act)(void *argument), void *argument)
{
	pid_t self = getpid();

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		skip("ptrace(2) is forbidden here: allow it in the container's "
		     "seccomp profile");
	must(syscall(SYS_kill, self, SIGSTOP));
	act(argument);
	must(syscall(SYS_kill, self, SIGSTOP));
	_exit(0);
}

// After a step it has SIGTRAP; SIGSTOP is the end of the act.
static bool step(pid_t child)
{
	int status;

	must(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL));
	must(waitpid(child, &status, 0));
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

long kill_after(long steps, void (*act)(void *argument), void *argument,
		void (*watch)(void *argument, long made))
{
	int status;
	long made = 0;

	pid_t child = fork_as("mover");
	if (child == 0)
		perform(act, argument);
	must(waitpid(child, &status, 0));
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	while (made < steps && step(child)) {
		made++;
		if (watch)
			watch(argument, made);
	}
	bury(child);
	if (made == ALL_STEPS)
		skip("single steps lead nowhere on this CPU: exclusive loads "
		     "and stores (without LSE) do not survive them");
	return made;
}
