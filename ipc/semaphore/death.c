// # The holder dies
//
// A POSIX semaphore is a number in memory. Who took it is written nowhere, and
// the kernel, which buries the dead, does not even know that there is a
// semaphore. A System V semaphore lives in the kernel, and there SEM_UNDO asks
// for a note beside the process: how much of each semaphore to give back when it
// ends, however it ends. semop(2) calls it semadj.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenes.h"

enum { LIMIT_NS = 20000000 };

void bury(pid_t child)
{
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
}

// ## POSIX: it stays taken
//
// Nobody is woken, for there was no post. We know that the holder is dead (it
// was our child), and may post in its place, for nobody asks who posts. A
// stranger sees a wait that takes too long, and the holder may just be slow.

void play_dies(void)
{
	sem_t *lock = shared(sizeof *lock);

	init_shared(lock, 1);
	pid_t holder = fork_as("holder");
	if (holder == 0) {
		must(sem_wait(lock));
		for (;;)
			pause();
	}
	await_state(holder, 'S');
	pid_t waiter = fork_as("waiter");
	if (waiter == 0) {
		must(sem_wait(lock));
		say("I have it");
		_exit(0);
	}
	await_state(waiter, 'S');
	bury(holder);
	say("one held it, one waits; I killed the holder");
	claim(value_of(lock) == 0, "it stays taken: the value is 0");
	claim(take_within(lock, LIMIT_NS) == ETIMEDOUT,
	      "who waits with a limit is told ETIMEDOUT, and not why");
	await_state(waiter, 'S');
	claim(waitpid(waiter, NULL, WNOHANG) == 0,
	      "who waits without one still sleeps");
	say("I post for the dead");
	must(sem_post(lock));
	reap(waiter);
	claim(value_of(lock) == 0, "the waiter had to be let in by hand");
}

// ## System V: SEM_UNDO gives it back
//
// The kernel does it while the process ends, and wakes who waits; not even
// SIGKILL is in the way, which no handler could catch. Without the flag a System
// V semaphore stays taken, too. (semtimedop takes a length of time. GETNCNT
// tells how many sleep, for which POSIX has no call.)

static pid_t fork_owner(int id, short flags)
{
	pid_t owner = fork_as("owner");

	if (owner > 0) {
		await_state(owner, 'S');
		return owner;
	}
	change(id, -1, flags);
	for (;;)
		pause();
}

void play_undo(void)
{
	int id = make_set(1);
	pid_t owner = fork_owner(id, 0);
	bury(owner);
	struct sembuf take = { 0, -1, 0 };
	struct timespec limit = { .tv_nsec = LIMIT_NS };
	int error = semtimedop(id, &take, 1, &limit) == -1 ? errno : 0;
	claim(error == EAGAIN && set_value(id) == 0,
	      "without SEM_UNDO it stays taken: EAGAIN after the limit");

	change(id, 1, 0);
	owner = fork_owner(id, SEM_UNDO);
	pid_t waiter = fork_as("waiter");
	if (waiter == 0) {
		change(id, -1, SEM_UNDO);
		say("I have it");
		_exit(0);
	}
	await_state(waiter, 'S');
	int value = set_value(id), sleepers = must(semctl(id, 0, GETNCNT));
	claim(value == 0 && sleepers == 1,
	      "taken with SEM_UNDO: the value is %d, and %d sleeps for it",
	      value, sleepers);
	say("I kill the owner");
	bury(owner);
	reap(waiter);
	claim(set_value(id) == 1,
	      "given back for the dead, and for the waiter, which did no V");
}

// ## What SEM_UNDO does not heal
//
// The lock was taken for a reason: inside, the data are not in order for a
// while. Who dies there leaves them so. SEM_UNDO opens the door and says
// nothing to the next who comes in. (A robust mutex says it, EOWNERDEAD, so that
// the next can repair first: `robust` in ipc/shm.)

void play_halves(void)
{
	int id = make_set(1);
	struct {
		long left, right;
	} *accounts = shared(sizeof *accounts);

	accounts->left = 100;
	pid_t mover = fork_as("mover");
	if (mover == 0) {
		change(id, -1, SEM_UNDO);
		accounts->left -= 10;
		say("100 + 0: I take 10 from the left, and die");
		raise(SIGKILL);
		accounts->right += 10;
		change(id, 1, SEM_UNDO);
		_exit(0);
	}
	must(waitpid(mover, NULL, 0));
	change(id, -1, 0);
	claim(accounts->left + accounts->right == 90,
	      "I am let in, told nothing, and find %ld + %ld: 10 are lost",
	      accounts->left, accounts->right);
}
