// # The supervisor: front, guard and body
//
// See supervisor.h for who is who. None of the three has a signal handler: the
// front and the guard keep every signal they care for blocked and fetch them
// one at a time with sigwaitinfo(2), so nothing can come at a bad moment, and
// the body has the signals as its caller left them.
//
// Sources: prctl(2), signal(7), sigwaitinfo(2), setpgid(2), credentials(7);
// "Orphaned Process Group" in POSIX.1-2017, 3.264.

#define _GNU_SOURCE
#include "supervisor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "must.h"
#include "names.h"

// ## Who is my child?
//
// /proc tells it in two ways. /proc/PID/task/TID/children (where the kernel has
// CONFIG_PROC_CHILDREN) lists the children of one thread. Otherwise every
// process's stat file names its parent, and we read them all.
//
// Both lists change while they are read, and a child may be missed. That is
// why the caller goes on until wait(2) says that there is none.

// Adds one to *killed for each child that takes a SIGKILL, to *refused for each
// that we may not kill.
static void kill_child(pid_t pid, int *killed, int *refused)
{
	if (kill(pid, SIGKILL) == 0)
		++*killed;
	else if (errno == EPERM)
		++*refused;
}

static bool kill_listed(const char *thread, int *killed, int *refused)
{
	char path[64];
	int pid;

	snprintf(path, sizeof path, "/proc/self/task/%.20s/children", thread);
	FILE *children = fopen(path, "re");
	if (!children)
		return false;
	while (fscanf(children, "%d", &pid) == 1)
		kill_child(pid, killed, refused);
	fclose(children);
	return true;
}

// An orphan is adopted by any thread of the subreaper, so all are asked.
static bool kill_by_lists(int *killed, int *refused)
{
	bool have_lists = false;
	DIR *threads = opendir("/proc/self/task");

	if (!threads)
		return false;
	for (struct dirent *entry; (entry = readdir(threads));)
		if (isdigit((unsigned char)*entry->d_name))
			have_lists |= kill_listed(entry->d_name, killed,
						  refused);
	closedir(threads);
	return have_lists;
}

// The parent is field 4 of stat. The name, field 2, may itself hold blanks and
// parentheses, so we look behind the last one.
static pid_t parent_of(const char *pid)
{
	char path[64], text[512];
	int parent = 0;

	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	FILE *stat = fopen(path, "re");
	if (!stat)
		return 0;
	text[fread(text, 1, sizeof text - 1, stat)] = '\0';
	fclose(stat);
	const char *name_end = strrchr(text, ')');
	if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool kill_by_scan(int *killed, int *refused)
{
	DIR *processes = opendir("/proc");

	if (!processes)
		return false;
	for (struct dirent *entry; (entry = readdir(processes));)
		if (isdigit((unsigned char)*entry->d_name) &&
		    parent_of(entry->d_name) == getpid())
			kill_child((pid_t)strtol(entry->d_name, NULL, 10),
				   killed, refused);
	closedir(processes);
	return true;
}

// Believing a /proc that is not ours, we would kill strangers.
bool proc_is_ours(void)
{
	char text[32] = "";

	return readlink("/proc/self", text, sizeof text - 1) > 0 &&
	       strtol(text, NULL, 10) == getpid();
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static bool any_child(void)
{
	return waitid(P_ALL, 0, &(siginfo_t){ 0 },
		      WEXITED | WNOHANG | WNOWAIT) == 0;
}

// Kills the children, waits for one to die, reaps all that have: their own
// children are ours by then. So the tree falls from the top, one level a turn,
// until there is nobody to wait for.
int kill_descendants(void)
{
	int reaped = 0;

	must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	for (;;) {
		int killed = 0, refused = 0;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			reaped++;
		if (!any_child())
			return reaped;
		if (!proc_is_ours() || (!kill_by_lists(&killed, &refused) &&
					!kill_by_scan(&killed, &refused)))
			return -ENOSYS;
		if (killed > 0)
			reaped += waitpid(-1, NULL, 0) > 0;
		else if (refused > 0)
			return -EPERM;
		else
			nap();
	}
}

// ## The three processes

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

enum { PASSED_ON = sizeof passed_on / sizeof *passed_on };

// Memory that the front and the guard share. How the body ended is a wait
// status: the guard's own exit status could not say which signal.
struct shared {
	_Atomic bool front_ready, guard_ready;
	bool body_ended;
	int status;
};

// What the front and the guard wait for: a child's end, and the signals to pass
// on. Those that whoever started us wants ignored (nohup, `sh -c 'lab &'`)
// stay ignored; blocked, they would be queued all the same.
static void awaited_signals(sigset_t *signals)
{
	struct sigaction action;

	sigemptyset(signals);
	sigaddset(signals, SIGCHLD);
	for (int i = 0; i < PASSED_ON; i++) {
		must(sigaction(passed_on[i], NULL, &action));
		if (action.sa_handler != SIG_IGN)
			sigaddset(signals, passed_on[i]);
	}
}

// The signal of a terminal comes from the kernel and reaches the whole
// foreground group; what a process sent with kill(2) reaches only whom it
// named.
static bool from_terminal(const siginfo_t *info)
{
	return info->si_code == SI_KERNEL;
}

// ### The guard
//
// Its parent's death is told by SIGCHLD, too (any signal will do): whatever
// woke us, we look at both, the parent and the body. What comes to be passed on
// comes from the front, so it goes to the body in any case.
//
// A group of its own, but the same session: so the front's group has, in its
// parent the shell and here in the body's parent, members' parents outside it
// and is never orphaned. An orphaned group would get EIO from a terminal where
// others are stopped, and could not be stopped by Ctrl-Z.
//
// Until it has left the front's group, a terminal's signal reaches the guard,
// too. If the body is there already, it must get it once, not twice: so the
// body waits, every signal blocked, until the guard has left and passed on what
// it got; of two pending signals of a kind the kernel keeps one.

static _Noreturn void begin_body(pid_t guard, struct shared *shared,
				 const sigset_t *mask, int (*body)(void *),
				 void *argument)
{
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	if (getppid() != guard)
		_exit(EXIT_FAILURE);
	must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	while (!atomic_load(&shared->guard_ready))
		nap();
	must(sigprocmask(SIG_SETMASK, mask, NULL));
	exit(body(argument));
}

// Passes on one signal; false when none came (within `timeout`, NULL for ever).
static bool pass_on(pid_t worker, const sigset_t *signals,
		    const struct timespec *timeout)
{
	int signal_number = sigtimedwait(signals, NULL, timeout);

	if (signal_number > 0 && signal_number != SIGCHLD)
		kill(worker, signal_number);
	return signal_number > 0;
}

static _Noreturn void guard(pid_t front, const sigset_t *signals,
			    int (*body)(void *argument), void *argument,
			    struct shared *shared)
{
	sigset_t all, mask_before;

	sigfillset(&all);
	must(sigprocmask(SIG_SETMASK, &all, &mask_before));
	must(prctl(PR_SET_PDEATHSIG, SIGCHLD, 0, 0, 0));
	must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	while (!atomic_load(&shared->front_ready) && getppid() == front)
		nap();

	pid_t self = getpid(), worker = must(fork());
	if (worker == 0)
		begin_body(self, shared, &mask_before, body, argument);
	must(setpgid(0, 0));
	must(prctl(PR_SET_NAME, "oslab-guard", 0, 0, 0));
	while (pass_on(worker, signals, &(struct timespec){ 0 }))
		;
	atomic_store(&shared->guard_ready, true);

	while (getppid() == front) {
		int status;

		if (waitpid(worker, &status, WNOHANG) == worker) {
			shared->body_ended = true;
			shared->status = status;
			break;
		}
		pass_on(worker, signals, NULL);
	}
	kill_descendants();
	if (getppid() != front)
		names_close();
	_exit(EXIT_SUCCESS);
}

// ### The end
//
// Dying of the signal that the body died of is more than an exit status: a
// shell that runs a script stops the script at Ctrl-C only if the command died
// of it. One core dump is enough (the body's). The last line is for whom no
// signal kills: PID 1 of a container.
static int end_like(int status)
{
	sigset_t only;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	int signal_number = WTERMSIG(status);
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	if (signal_number != SIGKILL)
		must(signal(signal_number, SIG_DFL));
	sigemptyset(&only);
	sigaddset(&only, signal_number);
	must(raise(signal_number));
	must(sigprocmask(SIG_UNBLOCK, &only, NULL));
	return 128 + signal_number;
}

// ### The front
//
// A ledger that cannot be opened does not stop a program that needs no names;
// one that does will ask for a name and hear why there is none. SIGCHLD, if it
// came to us ignored, would make children vanish unseen.
//
// The guard is forked before the front blocks the signals: a Ctrl-C just then
// kills the front as it would kill any program, and the guard sees that. Blocked
// earlier, one could come before there is a guard, and reach nobody. The guard
// in turn starts the body only when the front is ready to pass signals on.

int supervise(int (*body)(void *argument), void *argument)
{
	sigset_t signals, mask_before;
	siginfo_t info;
	int status;

	(void)names_sweep();
	(void)names_open();
	must(signal(SIGCHLD, SIG_DFL));
	must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	struct shared *shared = must(mmap(NULL, sizeof *shared,
					  PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	awaited_signals(&signals);
	fflush(NULL);

	pid_t self = getpid(), child = must(fork());
	if (child == 0)
		guard(self, &signals, body, argument, shared);
	must(sigprocmask(SIG_BLOCK, &signals, &mask_before));
	atomic_store(&shared->front_ready, true);

	while (waitpid(child, &status, WNOHANG) != child) {
		int signal_number = sigwaitinfo(&signals, &info);
		if (signal_number > 0 && signal_number != SIGCHLD &&
		    !from_terminal(&info))
			kill(child, signal_number);
	}
	kill_descendants();
	names_close();
	if (shared->body_ended)
		status = shared->status;
	must(munmap(shared, sizeof *shared));
	status = end_like(status);
	must(sigprocmask(SIG_SETMASK, &mask_before, NULL));
	return status;
}
