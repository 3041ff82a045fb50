// # pidfd: a process as a descriptor
//
// A process ID is a number, and a number can be given to another process as
// soon as the first has been waited for. A pidfd (Linux 5.3) refers to the
// process itself, as a file descriptor does to an open file: it becomes
// readable when the process ends, and it never means another.

#define _GNU_SOURCE
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/eventfd/scenes.h"
#include "lab.h"
#include "privilege.h"

enum { READ, WRITE, STATUS = 7 };

// ## Readable when it ends
//
// For everybody who has the descriptor, not only for the parent: another
// process may wait for the end too. To reap the child with waitid(2), P_PIDFD,
// remains the parent's business. (What the exit status was Linux 6.15 tells
// whoever has the descriptor: PIDFD_GET_INFO, linux/pidfd.h.)

static _Noreturn void watch(int pidfd)
{
	siginfo_t info;

	must(poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, -1));
	int error = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) == -1 ? errno
								       : 0;
	say("poll says that it has ended; waitid: %s", strerror(error));
	claim(error == ECHILD,
	      "a stranger sees the end, but may not reap it (ECHILD)");
	_exit(EXIT_SUCCESS);
}

void scene_end(void)
{
	char byte;
	int gate[2];

	must(pipe(gate));
	pid_t child = fork_as("child");
	if (child == 0) {
		must(close(gate[WRITE]));
		must(read(gate[READ], &byte, 1));
		_exit(STATUS);
	}
	int pidfd = open_process(child);
	say("a child waits, and I have its pidfd");
	claim(ready(pidfd) == 0, "while it lives, poll finds nothing");
	pid_t watcher = fork_as("watcher");
	if (watcher == 0)
		watch(pidfd);
	await_state(watcher, 'S');
	say("watcher has it too, and sleeps in poll; the child ends");
	must(write(gate[WRITE], "x", 1));
	must(poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, -1));
	await_state(child, 'Z');
	reap(watcher);
	claim(ready(pidfd) & POLLIN,
	      "it has ended (state Z): the descriptor is readable");
	siginfo_t info = reap_process(pidfd);
	claim(info.si_pid == child && info.si_status == STATUS,
	      "waitid(P_PIDFD) brings its status, %d, and reaps it", STATUS);
	int error = signal_process(pidfd, SIGTERM) == -1 ? errno : 0;
	claim(error == ESRCH, "from now on the pidfd means nobody (ESRCH)");
}

// ## A number that means another process
//
// A supervisor remembers the number of a worker, the worker ends and is waited
// for, and the kernel, which counts up to /proc/sys/kernel/pid_max and begins
// anew, gives the number to somebody else. kill(2) then hits an innocent.
//
// That takes bad luck, so we force it: in a PID namespace of our own the
// numbers are ours to choose, with clone3(2) and set_tid. Both children there
// are called 2. (CLONE_PIDFD gives us the pidfd at once: nothing can happen
// between the fork and an open.)

static pid_t fork_numbered(pid_t number, int *pidfd)
{
	const struct clone_args how = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&number,
		.set_tid_size = 1,
	};
	pid_t child = (pid_t)syscall(SYS_clone3, &how, sizeof how);

	if (child == -1)
		skip("clone3 with set_tid is not to be had here: it needs "
		     "Linux 5.5 and a container that allows it: %s",
		     strerror(errno));
	return child;
}

static _Noreturn void wait_to_be_killed(void)
{
	for (;;)
		pause();
}

static _Noreturn void play_in_namespace(void)
{
	int innocent_fd = -1;

	be_mortal();
	pid_t worker = fork_as("worker");
	if (worker == 0)
		wait_to_be_killed();
	int pidfd = open_process(worker);
	must(signal_process(pidfd, SIGKILL));
	reap_process(pidfd);
	pid_t innocent = fork_numbered(worker, &innocent_fd);
	if (innocent == 0)
		wait_to_be_killed();
	say("worker %d is dead and reaped; an innocent process is now %d",
	    worker, innocent);
	claim(innocent == worker, "the number was given again");

	int error = signal_process(pidfd, SIGTERM) == -1 ? errno : 0;
	say("SIGTERM to the worker by pidfd: %s", strerror(error));
	claim(error == ESRCH && ready(innocent_fd) == 0,
	      "by pidfd nobody is hit, and the innocent lives");
	say("and by its number: kill(%d, SIGTERM)", worker);
	must(kill(worker, SIGTERM));
	siginfo_t info = reap_process(innocent_fd);
	claim(info.si_code == CLD_KILLED && info.si_status == SIGTERM,
	      "by number, SIGTERM has killed the innocent");
	_exit(EXIT_SUCCESS);
}

// A PID namespace is for the children to come (unshare(2)): the first is its
// process 1. When that ends the kernel ends all others there, and no more can
// be made; so we enter it in a child, which has nothing else to do.
void scene_recycled(void)
{
	pid_t outside = fork_as("outside");

	if (outside == 0) {
		enter_own_namespaces(CLONE_NEWPID);
		pid_t first = fork_as("first");
		if (first == 0)
			play_in_namespace();
		reap(first);
		_exit(EXIT_SUCCESS);
	}
	reap(outside);
}
