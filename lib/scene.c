// # What a scene may call: children, states, names

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "names.h"
#include "stage.h"
#include "supervisor.h"

// ## Children
//
// PR_SET_PDEATHSIG is set after the fork, so the parent may be dead already;
// then we have another parent. In a new PID namespace a parent outside it has
// the number 0. (The kernel means the thread that forked: prctl(2).)

pid_t fork_as(const char *name)
{
	pid_t parent = getpid(), child = must(fork());

	if (child == 0) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
		if (getppid() != parent && getppid() != 0)
			_exit(EXIT_FAILURE);
		speak_as(name);
	}
	return child;
}

static const char *signal_name(char text[ENDING_BYTES], int number)
{
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 32)
	const char *name = sigabbrev_np(number);
	if (name) {
		snprintf(text, ENDING_BYTES, "SIG%s", name);
		return text;
	}
#endif
	snprintf(text, ENDING_BYTES, "signal %d", number);
	return text;
}

const char *ending(char text[ENDING_BYTES], int status)
{
	char name[ENDING_BYTES];

	if (WIFSIGNALED(status))
		snprintf(text, ENDING_BYTES, "killed by %.40s",
			 signal_name(name, WTERMSIG(status)));
	else
		snprintf(text, ENDING_BYTES, "exit status %d",
			 WEXITSTATUS(status));
	return text;
}

// A child that left the scene (skip) takes its parent along.
void reap(pid_t child)
{
	char text[ENDING_BYTES];
	int status;

	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			die_at(__FILE__, __LINE__, "waitpid(child)", errno);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP &&
	    atomic_load(&stage->skipped))
		_exit(EXIT_SKIP);
	if (status != 0)
		claim(false, "child %d ends well: %s", child,
		      ending(text, status));
}

// ## States

// The state is field 3 of stat, behind the name, which may hold a parenthesis
// itself. 0: there is no such process.
static char state_of(pid_t pid)
{
	char path[32], text[512];

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		die_at(__FILE__, __LINE__, "open(/proc/PID/stat)", errno);
	ssize_t n = read(fd, text, sizeof text - 1);
	must(close(fd));
	if (n <= 0)
		return 0;
	text[n] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end && name_end[1] ? name_end[2] : 0;
}

static bool is_speaking(pid_t pid)
{
	for (int i = 0; i < SPEAKING; i++)
		if (atomic_load(&stage->speaking[i]) == pid)
			return true;
	return false;
}

// State S is shown a moment before the CPU is really given up, and its clock runs
// on. Whoever reads PID/syscall is made to wait until it has been (the kernel's
// wait_task_inactive); what there is to read we need not know. Where we may not
// read it (Yama, another user) S has to do.
static bool has_left_cpu(pid_t pid)
{
	static const char running[] = "running";
	char path[32], text[sizeof running] = "";

	snprintf(path, sizeof path, "/proc/%d/syscall", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return true;
	ssize_t n = read(fd, text, sizeof text - 1);
	must(close(fd));
	return n <= 0 || strcmp(text, running) != 0;
}

// A process that sleeps inside say or claim does not sleep for the reason we
// wait for. It may come in or go out while we look, so we ask twice.
static bool is_in_state(pid_t pid, char wanted)
{
	bool speaks = is_speaking(pid);
	char state = state_of(pid);

	if (state == 0)
		die_at(__FILE__, __LINE__, "await_state", ESRCH);
	if (state != wanted || wanted != 'S')
		return state == wanted;
	return !speaks && !is_speaking(pid) && has_left_cpu(pid);
}

void await_state(pid_t pid, char state)
{
	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	while (!is_in_state(pid, state))
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

// ## Names

// Kept on a list, so that the memory stays in reach of the leak checker.
struct kept {
	struct kept *next;
	char name[NAME_BYTES];
};

static _Atomic(struct kept *) all_kept;

static const char *fresh(enum name_kind kind)
{
	struct kept *kept = must_ptr(malloc(sizeof *kept));

	int error = names_fresh(kind, kept->name);
	if (error == -EPERM || error == -EACCES || error == -EROFS ||
	    error == -ENOENT)
		skip("no private folder ${TMPDIR:-/tmp}/oslab-%u for the "
		     "ledger "
		     "of names (%s): set TMPDIR to a folder of your own",
		     geteuid(), strerror(-error));
	if (error)
		die_at(__FILE__, __LINE__,
		       "the ledger of names in ${TMPDIR:-/tmp}/oslab-UID",
		       -error);
	kept->next = atomic_load(&all_kept);
	while (!atomic_compare_exchange_weak(&all_kept, &kept->next, kept))
		;
	return kept->name;
}

const char *fresh_name(void)
{
	return fresh(NAME_POSIX);
}

const char *fresh_path(void)
{
	return fresh(NAME_PATH);
}
