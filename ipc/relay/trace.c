// # How many system calls: stopping at each of them
//
// An ordinary user may not ask the tracepoint, but may trace processes of his
// own, as a debugger does. With PTRACE_SYSCALL a process stops whenever it
// enters a system call and whenever it leaves one; PTRACE_GET_SYSCALL_INFO says
// which of the two it is. Each stop is two context switches: the traced are
// slower by a factor, which is why times come from another pass. What does not
// change is how many calls a message takes, save for those who wait by yielding
// the CPU: they have longer to wait.
//
// The sides are traced from before they begin; a flag in the memory that they
// share with us says where the job begins and ends. When they stand at an
// entry they stand still, so the flag can be read at leisure.
//
// Sources: ptrace(2); Documentation/admin-guide/LSM/Yama.rst.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"
#include "relay.h"

// The first byte of struct ptrace_syscall_info, whose name differs from one C
// library to the next, tells which stop it is; the rest we do not need.
enum { INFO_BYTES = 128 };

static bool enters(pid_t pid)
{
	unsigned char info[INFO_BYTES] = { 0 };

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, info) >
		       0 &&
	       info[0] == PTRACE_SYSCALL_INFO_ENTRY;
}

static int seize(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL,
		   (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == -1 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1 ||
	    waitpid(pid, &status, __WALL) == -1)
		return -errno;
	return WIFSTOPPED(status) ? 0 : -ESRCH;
}

bool trace_works(char why[WHY_BYTES])
{
	unsigned char info[INFO_BYTES];

	pid_t self = getpid(), child = must(fork());
	if (child == 0) {
		while (getppid() == self)
			pause();
		_exit(0);
	}
	int error = seize(child);
	if (!error && ptrace(PTRACE_GET_SYSCALL_INFO, child,
			     (void *)sizeof info, info) <= 0)
		error = -errno;
	kill(child, SIGKILL);
	must(waitpid(child, NULL, __WALL));
	if (error)
		snprintf(
			why, WHY_BYTES,
			"not counted: the tracepoint raw_syscalls:sys_enter "
			"needs CAP_PERFMON and a tracefs that can be read, and "
			"ptrace is refused here (%s)",
			strerror(-error));
	return !error;
}

// Goes on as the stop demands: a stop for a signal delivers it, a group's stop
// (Ctrl-Z) is listened to, so that SIGCONT ends it.
static void go_on(struct ground *ground, int side, pid_t pid, int status)
{
	int stop = WSTOPSIG(status), event = status >> 16;
	long deliver = 0;

	if (stop == (SIGTRAP | 0x80)) {
		struct side_report *report = &ground->sides[side];
		if (atomic_load(&report->counting) && enters(pid))
			report->calls++;
	} else if (event == PTRACE_EVENT_STOP && stop != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, NULL, NULL);
		return;
	} else if (!event) {
		deliver = stop;
	}
	ptrace(PTRACE_SYSCALL, pid, NULL, (void *)deliver);
}

int trace_sides(struct ground *ground, const pid_t pids[2], int status[2],
		bool killed[2])
{
	bool ended[2] = { false, false };

	int error = seize(pids[SENDER]);
	if (!error && (error = seize(pids[RECEIVER])))
		ptrace(PTRACE_DETACH, pids[SENDER], NULL, NULL);
	if (error)
		return error;
	for (int side = 0; side < 2; side++)
		ptrace(PTRACE_SYSCALL, pids[side], NULL, NULL);
	ground_open_gate(ground);
	while (!ended[SENDER] || !ended[RECEIVER]) {
		int seen;
		pid_t pid = waitpid(-1, &seen, __WALL);
		if (pid == -1 && errno == EINTR)
			continue;
		if (pid == -1)
			return -errno;
		int side = pid == pids[RECEIVER];
		if (WIFSTOPPED(seen)) {
			go_on(ground, side, pid, seen);
			continue;
		}
		ended[side] = true;
		status[side] = seen;
		if (seen != 0 && !ended[!side]) {
			killed[!side] = true;
			kill(pids[!side], SIGKILL);
		}
	}
	return 0;
}
