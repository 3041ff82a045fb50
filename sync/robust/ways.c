// # Ways to die, and locks that notice
//
// One owner takes a lock of every kind, and ends: in one way after another. Then
// somebody else asks for each. The table is filled in by trying.
//
//     plain, robust   pthread mutexes in shared memory
//     sem             a POSIX semaphore (ipc/semaphore has System V's SEM_UNDO,
//                     and what it does not heal)
//     flock           of the open file: gone with its last descriptor
//     OFD             the same for parts of a file (fcntl(2), F_OFD_SETLK)
//     fcntl           of the process: gone with it
//     pipe            no lock but a sign of life: its reader sees the end of the
//                     file when the last writer is gone (poll(2), POLLHUP)
//
// What the kernel keeps for a process it takes back with the process: that is
// open files, and locks of files. Memory it does not look at, but for the list
// that it was told of. And a thread has no files of its own, so its end returns
// none of them. Of those that do come back, only two say why: who finds a file
// lock free does not know whether its owner had finished.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "robust.h"

enum { PATIENCE_NS = 20000000, KINDS = 7 };

struct locks {
	pthread_mutex_t plain, robust;
	sem_t sem;
	const char *flock, *ofd, *fcntl; // paths
	int pipe[2];                     // held by the owner: its write end
	int life[2];       // execve(2): what cat(1) reads, and so waits for
	_Atomic pid_t tid; // of the thread that has taken them all; stored
			   // with release, read with acquire: then they are
};

// ## Taking

static int try_file(const char *path, int command)
{
	int fd = must(open(path, O_RDWR | O_CREAT, 0600));
	struct flock lock = { .l_type = F_WRLCK, .l_len = 1 };
	int result = command ? fcntl(fd, command, &lock)
			     : flock(fd, LOCK_EX | LOCK_NB);

	if (result != -1)
		return fd;
	int error = errno;
	must(close(fd));
	errno = error;
	return -1;
}

static void *take_all(void *argument)
{
	struct locks *locks = argument;

	must_zero(pthread_mutex_lock(&locks->plain));
	must_zero(pthread_mutex_lock(&locks->robust));
	must(sem_wait(&locks->sem));
	must(try_file(locks->flock, 0));
	must(try_file(locks->ofd, F_OFD_SETLK));
	must(try_file(locks->fcntl, F_SETLK));
	atomic_store_explicit(&locks->tid, gettid(), memory_order_release);
	return NULL;
}

// ## Ending

static void thread_returns(struct locks *locks)
{
	pthread_t thread;

	must_zero(pthread_create(&thread, NULL, take_all, locks));
	must_zero(pthread_join(thread, NULL));
	pid_t tid = atomic_load_explicit(&locks->tid, memory_order_relaxed);
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		sched_yield();
	for (;;)
		pause();
}

static void process_exits(struct locks *locks)
{
	take_all(locks);
	exit(0);
}

static void is_killed(struct locks *locks)
{
	take_all(locks);
	raise(SIGKILL);
}

// The same process with another program in it: its descriptors stay open (none
// has O_CLOEXEC), its memory is gone. cat(1) reads from a pipe, and so sleeps.
static void executes(struct locks *locks)
{
	take_all(locks);
	must(dup2(locks->life[0], STDIN_FILENO));
	must(close(locks->life[1]));
	execlp("cat", "cat", (char *)NULL);
	skip("there is no cat(1)");
}

static const struct way {
	const char *name;
	void (*end)(struct locks *locks);
	bool process_lives;
	const char *expected[KINDS];
} ways[] = {
	{ "its thread returns", thread_returns, true,
	  { "kept", "told", "kept", "kept", "kept", "kept", "kept" } },
	{ "its process exits", process_exits, false,
	  { "kept", "told", "kept", "free", "free", "free", "told" } },
	{ "it is killed (9)", is_killed, false,
	  { "kept", "told", "kept", "free", "free", "free", "told" } },
	{ "it calls execve", executes, true,
	  { "kept", "told", "kept", "kept", "kept", "kept", "kept" } },
};

// ## Asking
//
// With a limit where somebody could let go a moment later; but nobody does.

static const char *ask_mutex(pthread_mutex_t *mutex)
{
	int error = lock_within(mutex, PATIENCE_NS);

	return error == ETIMEDOUT    ? "kept"
	       : error == EOWNERDEAD ? "told"
				     : "free";
}

static const char *ask_semaphore(sem_t *sem)
{
	return sem_trywait(sem) == 0 ? "free" : "kept";
}

static const char *ask_file(const char *path, int command)
{
	int fd = try_file(path, command);

	if (fd == -1)
		return "kept";
	must(close(fd));
	return "free";
}

static const char *ask_pipe(int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };

	must(poll(&look, 1, 0));
	return look.revents & POLLHUP ? "told" : "kept";
}

// False: the owner has ended without them.
static bool await_taken(struct locks *locks, pid_t owner)
{
	siginfo_t end = { 0 };

	while (!atomic_load_explicit(&locks->tid, memory_order_acquire)) {
		if (end.si_pid == owner) {
			reap(owner);
			return false;
		}
		must(waitid(P_PID, owner, &end, WEXITED | WNOHANG | WNOWAIT));
		sched_yield();
	}
	return true;
}

// That the robust mutex comes back says that the list was walked, which is early
// in the end of a process: its files are closed later.
static void await_end(pid_t owner, const struct way *way)
{
	siginfo_t info;

	if (way->process_lives)
		await_state(owner, 'S');
	else
		must(waitid(P_PID, owner, &info, WEXITED | WNOWAIT));
}

static void ask_all(struct locks *locks, pid_t owner, const struct way *way)
{
	char row[160];
	bool as_expected = true;

	const char *robust = ask_mutex(&locks->robust);
	while (!strcmp(robust, "kept"))
		robust = ask_mutex(&locks->robust);
	await_end(owner, way);
	const char *found[KINDS] = {
		ask_mutex(&locks->plain),
		robust,
		ask_semaphore(&locks->sem),
		ask_file(locks->flock, 0),
		ask_file(locks->ofd, F_OFD_SETLK),
		ask_file(locks->fcntl, F_SETLK),
		ask_pipe(locks->pipe[0]),
	};
	int n = snprintf(row, sizeof row, "    %-20s", way->name);
	for (int i = 0; i < KINDS; i++) {
		n += snprintf(row + n, sizeof row - n, " %-*s",
			      i + 1 < KINDS ? 7 : 0, found[i]);
		as_expected &= !strcmp(found[i], way->expected[i]);
	}
	snprintf(row + n, sizeof row - n, "\n");
	show_text(row);
	claim(as_expected, "%s: just that", way->name);
	bury(owner);
}

static void try_way(const struct way *way)
{
	struct locks *locks = shared(sizeof *locks);

	init_mutex(&locks->plain, false);
	init_mutex(&locks->robust, true);
	must(sem_init(&locks->sem, 1, 1));
	locks->flock = fresh_path();
	locks->ofd = fresh_path();
	locks->fcntl = fresh_path();
	must(pipe(locks->pipe));
	must(pipe2(locks->life, O_CLOEXEC));
	pid_t owner = fork_as("owner");
	if (owner == 0) {
		must(close(locks->pipe[0]));
		way->end(locks);
		_exit(0);
	}
	must(close(locks->pipe[1]));
	if (await_taken(locks, owner))
		ask_all(locks, owner, way);
	must(close(locks->pipe[0]));
	must(close(locks->life[0]));
	must(close(locks->life[1]));
}

void scene_ways(void)
{
	show_text("                         plain   robust  sem     flock   "
		  "OFD     fcntl   pipe\n");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		try_way(&ways[i]);
}
