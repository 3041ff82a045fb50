// # Two ways to live on, and what they cost
//
// A lock is a word in memory, and the rule that it guards is in nobody's memory
// at all. Whoever removes a thread from the middle of an update leaves a word
// that says "taken" for ever, and data half changed.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "threads/crash/crash.h"

enum { SUM = 100, MOVED = 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int left_account, right_account;

// ## The wrong cure: jump out of the handler
//
// The fault's handler does not return (that would run the load again) but jumps
// to where the thread began. The process lives. But the money that left one
// account has not reached the other, and the lock waits for a thread that has
// forgotten it.

static _Thread_local sigjmp_buf before;

static void jump(int number)
{
	siglongjmp(before, number);
}

static void *move_money(void *argument)
{
	speak_as("mover");
	if (sigsetjmp(before, 1) != 0) {
		say("saved! I have jumped out of the fault, and end");
		return argument;
	}
	must_zero(pthread_mutex_lock(&lock));
	left_account -= MOVED;
	read_byte(NULL);
	right_account += MOVED;
	must_zero(pthread_mutex_unlock(&lock));
	return argument;
}

static _Noreturn void survive(void)
{
	struct sigaction action = { .sa_handler = jump };
	pthread_t thread;

	be_mortal();
	must(sigemptyset(&action.sa_mask));
	must(sigaction(SIGSEGV, &action, NULL));
	left_account = SUM;
	must_zero(pthread_create(&thread, NULL, move_money, NULL));
	must_zero(pthread_join(thread, NULL));
	int error = pthread_mutex_trylock(&lock);
	say("the mover is gone; the accounts hold %d and %d", left_account,
	    right_account);
	claim(error == EBUSY, "the lock is taken, and its owner is gone");
	claim(left_account + right_account == SUM - MOVED, "of %d, %d are lost",
	      SUM, MOVED);
	_exit(EXIT_SUCCESS);
}

// What is right depends on what the data is worth: let the process die, and
// start it again from data that is whole; or put the work that may fail into a
// process of its own (scene `alone`).
void scene_jump(void)
{
	pid_t process = fork_as("process");

	if (process == 0)
		survive();
	reap(process);
	say("the process has lived on, and every later lock would wait");
}

// ## fork from a process with threads
//
// fork(2) copies all the memory and one thread: the caller. Whatever the others
// were about, their half-done work and their locks are in the copy, they are
// not. Here one holds the lock while main forks. (That is why POSIX allows a
// child of such a fork only what a signal handler may do, until it calls
// execve: malloc has locks, too. glibc's has handlers for fork, see
// pthread_atfork(3); yours have not.)

struct holder {
	pthread_barrier_t turn;
	_Atomic pid_t tid;
};

static void *hold_the_lock(void *argument)
{
	struct holder *holder = argument;

	must_zero(pthread_mutex_lock(&lock));
	holder->tid = gettid();
	pthread_barrier_wait(&holder->turn); // main forks
	pthread_barrier_wait(&holder->turn);
	must_zero(pthread_mutex_unlock(&lock));
	return NULL;
}

static _Noreturn void look_around(const struct holder *holder)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/task/%d", holder->tid);
	bool is_here = access(path, F_OK) == 0;
	int error = pthread_mutex_trylock(&lock);
	say("the holder is thread %d, and %s", holder->tid,
	    is_here ? "here" : "there is none here");
	claim(!is_here, "fork has copied its caller alone");
	claim(error == EBUSY, "and the lock as it was: nobody will unlock it");
	_exit(EXIT_SUCCESS);
}

void scene_fork(void)
{
	struct holder holder;
	pthread_t thread;

	must_zero(pthread_barrier_init(&holder.turn, NULL, 2));
	must_zero(pthread_create(&thread, NULL, hold_the_lock, &holder));
	pthread_barrier_wait(&holder.turn);
	say("a thread holds the lock; main forks");
	pid_t child = fork_as("child");
	if (child == 0)
		look_around(&holder);
	reap(child);
	pthread_barrier_wait(&holder.turn);
	must_zero(pthread_join(thread, NULL));
	claim(pthread_mutex_trylock(&lock) == 0,
	      "in the parent its holder has given it back");
	must_zero(pthread_mutex_unlock(&lock));
}
