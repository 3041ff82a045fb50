// # A thread ends with a lock in its hand
//
// It returns from its function, or calls pthread_exit, and forgets the unlock on
// that path. Nothing crashed, the process goes on, and the kernel has nothing to
// report. (A process that dies, and how the next one repairs what it left:
// ipc/shm, scene `robust`.)

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "robust.h"

enum { PATIENCE_NS = 20000000 };

struct forgetful {
	pthread_mutex_t *mutex;
	pid_t tid;
};

static void *forget(void *argument)
{
	struct forgetful *forgetful = argument;

	speak_as("thread");
	must_zero(pthread_mutex_lock(forgetful->mutex));
	forgetful->tid = gettid();
	say("I am %d, I have the lock, and return", forgetful->tid);
	return NULL;
}

static pid_t lose(pthread_mutex_t *mutex)
{
	struct forgetful forgetful = { .mutex = mutex };
	pthread_t thread;

	must_zero(pthread_create(&thread, NULL, forget, &forgetful));
	must_zero(pthread_join(thread, NULL));
	while (syscall(SYS_tgkill, getpid(), forgetful.tid, 0) == 0)
		sched_yield();
	return forgetful.tid;
}

// ## A plain mutex: nobody ever has it again
//
// The word in the mutex still says "locked", and its owner is nobody. Who waits
// without a limit waits for ever; who waits with one is told that it took too
// long, not why. And there is no way back: an unlock by somebody else is an
// error, and whoever waits cannot tell a dead owner from a slow one.

void scene_plain(void)
{
	pthread_mutex_t *mutex = shared(sizeof(pthread_mutex_t));

	init_mutex(mutex, false);
	pid_t tid = lose(mutex);
	int error = syscall(SYS_tgkill, getpid(), tid, 0) == -1 ? errno : 0;
	claim(error == ESRCH, "the owner, %d, is no more (ESRCH)", tid);
	error = pthread_mutex_trylock(mutex);
	claim(error == EBUSY, "its lock is still taken (EBUSY)");
	error = lock_within(mutex, PATIENCE_NS);
	claim(error == ETIMEDOUT, "who waits with a limit: ETIMEDOUT");
	pid_t waiter = fork_as("waiter");
	if (waiter == 0) {
		must_zero(pthread_mutex_lock(mutex));
		_exit(0);
	}
	await_state(waiter, 'S');
	claim(waitpid(waiter, NULL, WNOHANG) == 0,
	      "who waits without one sleeps, for nobody");
	bury(waiter);
}

// ## A robust one: the next is told
//
// The kernel does the same for a thread that ends as for a process that is
// killed: the list is the thread's. So EOWNERDEAD does not mean that anything
// crashed, and nothing has to be shared between processes.

void scene_thread(void)
{
	pthread_mutex_t *mutex = shared(sizeof(pthread_mutex_t));

	init_mutex(mutex, true);
	lose(mutex);
	int error = pthread_mutex_lock(mutex);
	say("the next one asks: %s", strerrorname_np(error));
	claim(error == EOWNERDEAD, "it has the lock, and is told (EOWNERDEAD)");
	must_zero(pthread_mutex_consistent(mutex));
	must_zero(pthread_mutex_unlock(mutex));
	error = pthread_mutex_lock(mutex);
	claim(error == 0, "said to be consistent, it is a mutex as before");
	must_zero(pthread_mutex_unlock(mutex));
}
