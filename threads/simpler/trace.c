// # Counting another process's system calls
//
// ptrace(2) stops a thread at each call's entry and exit, and whoever traces is
// told. That makes all of it slow and changes no count. New threads are traced
// from their birth (PTRACE_O_TRACECLONE).

#define _GNU_SOURCE
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "lab.h"
#include "simpler.h"

// Which of the two stops this is.
static bool is_entry(pid_t tid)
{
	struct __ptrace_syscall_info info = { 0 };

	return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

// A tracee that is killed vanishes under the tracer's hands: ESRCH.
static void let_go(pid_t tid, int signal)
{
	if (ptrace(PTRACE_SYSCALL, tid, 0, (void *)(intptr_t)signal) == -1 &&
	    errno != ESRCH)
		die_at(__FILE__, __LINE__, "PTRACE_SYSCALL", errno);
}

// Waiting for anybody, as a tracer must who does not know its tracees, we are
// told of the client's end, too.
static void claim_end(pid_t pid, int status)
{
	if (status != 0)
		claim(false, "process %d ends well", pid);
}

int64_t count_calls(pid_t server, pid_t client)
{
	int64_t calls = 0;
	int status, left = 2;

	must(waitpid(server, &status, __WALL));
	if (!WIFSTOPPED(status))
		skip("I may not count system calls by ptrace(2): allow it");
	must(ptrace(PTRACE_SETOPTIONS, server, 0,
		    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
			    PTRACE_O_EXITKILL));
	let_go(server, 0);
	while (left > 0) {
		pid_t tid = must(waitpid(-1, &status, __WALL));
		if (!WIFSTOPPED(status)) {
			if (tid == server || tid == client) {
				claim_end(tid, status);
				left--;
			}
			continue;
		}
		int signal = WSTOPSIG(status);
		bool at_call = signal == (SIGTRAP | 0x80);
		calls += at_call && is_entry(tid);
		// SIGSTOP: how a new thread begins. SIGTRAP: one was made.
		if (at_call || signal == SIGSTOP || signal == SIGTRAP)
			signal = 0;
		let_go(tid, signal);
	}
	return calls;
}
