// # The folder under another's feet, and three cures
//
// A path that does not begin with / is looked up from the working folder, and
// that is the process's. One thread that calls chdir(2) sends every other
// elsewhere. (fchdir to and fro around an open, as old code does it, is a race
// in a program with threads.)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "threads/share/share.h"

// A thread that does one thing when it is told to.
struct mover {
	pthread_t thread;
	pthread_barrier_t turn;
	int (*move)(void);
	int error; // of that move
};

static void *move_when_told(void *argument)
{
	struct mover *mover = argument;

	pthread_barrier_wait(&mover->turn);
	mover->error = mover->move() == -1 ? errno : 0;
	pthread_barrier_wait(&mover->turn);
	pthread_barrier_wait(&mover->turn);
	return NULL;
}

// The thread has done it, and lives.
static void begin(struct mover *mover, int (*move)(void))
{
	mover->move = move;
	must_zero(pthread_barrier_init(&mover->turn, NULL, 2));
	must_zero(pthread_create(&mover->thread, NULL, move_when_told, mover));
	pthread_barrier_wait(&mover->turn);
	pthread_barrier_wait(&mover->turn);
}

static int finish(struct mover *mover)
{
	pthread_barrier_wait(&mover->turn);
	must_zero(pthread_join(mover->thread, NULL));
	must_zero(pthread_barrier_destroy(&mover->turn));
	return mover->error;
}

static int go_to_proc(void)
{
	return chdir("/proc");
}

// ## unshare
//
// unshare(2) takes back what a clone flag gave: CLONE_FS makes a copy of where
// the task stands, CLONE_FILES of its descriptors. It then goes alone.

static int go_alone(void)
{
	return unshare(CLONE_FS) == -1 ? -1 : chdir("/proc");
}

static int shared_fd;

static int close_alone(void)
{
	return unshare(CLONE_FILES) == -1 ? -1 : close(shared_fd);
}

static int leave_memory(void)
{
	return unshare(CLONE_VM);
}

static int leave_process(void)
{
	return unshare(CLONE_THREAD);
}

static bool finds(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool stands_in_root(void)
{
	char folder[16];

	return !strcmp(must_ptr(getcwd(folder, sizeof folder)), "/");
}

void scene_apart(void)
{
	struct mover mover;

	must(chdir("/"));
	int root = must(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	say("I stand in / and mean proc/self");
	begin(&mover, go_to_proc);
	bool lost = !finds("proc/self"),
	     found = faccessat(root, "proc/self", F_OK, 0) == 0;
	must_zero(finish(&mover));
	say("a thread goes to /proc: %s",
	    lost ? "mine is not there any more" : "nothing happens");
	claim(lost, "another's chdir has moved me");
	claim(found, "openat and its like begin where I say");

	must(chdir("/"));
	say("a thread calls unshare(CLONE_FS), and goes to /proc");
	begin(&mover, go_alone);
	bool stayed = stands_in_root();
	int error = finish(&mover);
	if (error == EPERM || error == ENOSYS)
		skip("no unshare here: it takes a container that allows it");
	claim(!error && stayed, "after unshare it goes alone");

	shared_fd = must(dup(root));
	say("a thread calls unshare(CLONE_FILES), and closes %d", shared_fd);
	begin(&mover, close_alone);
	bool open_still = fcntl(shared_fd, F_GETFD) != -1;
	error = finish(&mover);
	claim(!error && open_still, "for me it is open still");

	begin(&mover, leave_memory);
	int memory = finish(&mover);
	begin(&mover, leave_process);
	claim(memory == EINVAL && finish(&mover) == EINVAL,
	      "the memory and the process nobody leaves (EINVAL)");
	must(close(shared_fd));
	must(close(root));
}
