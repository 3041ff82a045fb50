// # Signals that are fetched, not handled
//
// Who blocks a signal can fetch it from the pending sets when it suits: with
// sigwait(3), or read from a descriptor, signalfd(2). Then a signal is an event
// like any other, and what deals with it is ordinary code that may allocate,
// print and lock.

#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

enum { READ, WRITE, SENT = 3 };

static int signal_descriptor(int number)
{
	const sigset_t set = only(number);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		skip("no signalfd here: it needs a kernel with CONFIG_SIGNALFD "
		     "and a container that allows it: %s",
		     strerror(errno));
	return must(fd);
}

// ## A loop that waits for both
//
// A child sends signals and bytes, and one poll(2) tells of either. What is
// read is a struct of 128 bytes with what a siginfo_t has. It is taken from the
// same pending sets: so a standard signal is still one bit, however often it
// was sent.

void scene_signalfd(void)
{
	struct signalfd_siginfo info;
	int fd[2], signals = 0, bytes = 0;
	pid_t sender = 0;
	char byte;

	block(SIGUSR1);
	must(pipe(fd));
	struct pollfd inputs[] = {
		{ signal_descriptor(SIGUSR1), POLLIN, 0 },
		{ fd[READ], POLLIN, 0 },
	};
	int nothing = must(poll(inputs, 2, 0));
	pid_t child = fork_as("child");
	if (child == 0) {
		for (int i = 0; i < SENT; i++) {
			must(kill(getppid(), SIGUSR1));
			must(write(fd[WRITE], "x", 1));
		}
		say("I have sent %d times SIGUSR1 and a byte", SENT);
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	must(close(fd[WRITE]));

	while (inputs[1].fd != -1) {
		must(poll(inputs, 2, -1));
		if (inputs[0].revents & POLLIN) {
			must(read(inputs[0].fd, &info, sizeof info));
			say("signal %u from process %u", info.ssi_signo,
			    info.ssi_pid);
			sender = (pid_t)info.ssi_pid;
			signals++;
		} else if (must(read(fd[READ], &byte, 1)) == 1) {
			say("a byte");
			bytes++;
		} else {
			say("end of file");
			inputs[1].fd = -1;
		}
	}
	claim(nothing == 0 && signals > 0 && bytes == SENT,
	      "one poll tells of signals and of bytes");
	claim(sender == child, "what is read names the sender");
	claim(signals == 1, "%d standard signals, 1 to read: they still merge",
	      SENT);
}

// ## The wrong way: not blocked
//
// The descriptor reads what is pending. Who does not block the signal has it
// delivered the usual way, and there is nothing to read: a handler is faster,
// or the default action ends the process. Nothing warns of that: signalfd
// succeeds.
//
// So: block first, then make the descriptor, and block before starting threads
// (each inherits the mask). And before execve(2) unblock again.

static volatile sig_atomic_t handled;

static void count(int number)
{
	(void)number;
	handled = handled + 1;
}

void scene_unblocked(void)
{
	struct signalfd_siginfo info;
	int status;

	handle(SIGUSR1, count, 0);
	unblock(SIGUSR1);
	int fd = signal_descriptor(SIGUSR1);
	must(kill(getpid(), SIGUSR1));
	int error = read(fd, &info, sizeof info) == -1 ? errno : 0;
	say("SIGUSR1 comes, and has a handler; its runs: %d", (int)handled);
	claim(handled == 1 && error == EAGAIN,
	      "not blocked: the handler got it, there is nothing to read");

	pid_t child = fork_as("child");
	if (child == 0) {
		handle(SIGUSR1, SIG_DFL, 0);
		for (;;)
			must(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1));
	}
	await_state(child, 'S');
	say("no handler; the child sleeps in poll; now SIGUSR1");
	must(kill(child, SIGUSR1));
	must(waitpid(child, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1,
	      "not blocked and not handled: it died, its poll told it nothing");
}

// ## One thread that waits
//
// The same idea for a program of several threads: all block the signals, and
// one does nothing but sigwait. Compare `deadlock`: here too the signal comes
// while the main thread holds the lock. The waiting thread sleeps until the
// lock is free, that is all.

static pthread_mutex_t balance_lock = PTHREAD_MUTEX_INITIALIZER;
static int balance, seen;
static sem_t taken;
static _Atomic pid_t waiter_tid;

static void *wait_for_signals(void *argument)
{
	const sigset_t *set = argument;
	int number;

	speak_as("waiter");
	waiter_tid = gettid();
	do {
		must_zero(sigwait(set, &number));
		must(sem_post(&taken));
		must_zero(pthread_mutex_lock(&balance_lock));
		seen = balance;
		say("signal %d; under the lock I read the balance: %d", number,
		    balance);
		must_zero(pthread_mutex_unlock(&balance_lock));
	} while (number != SIGTERM);
	return NULL;
}

void scene_waiter(void)
{
	sigset_t set = only(SIGUSR1);
	pthread_t waiter;

	must(sigaddset(&set, SIGTERM));
	must_zero(pthread_sigmask(SIG_BLOCK, &set, NULL));
	must(sem_init(&taken, 0, 0));
	must_zero(pthread_create(&waiter, NULL, wait_for_signals, &set));

	must_zero(pthread_mutex_lock(&balance_lock));
	balance = 1;
	must(kill(getpid(), SIGUSR1));
	must(sem_wait(&taken));
	await_state(waiter_tid, 'S');
	say("I hold the lock; waiter has its signal and sleeps");
	claim(seen == 0, "the thread that took the signal waits for the lock");
	balance = 2;
	must_zero(pthread_mutex_unlock(&balance_lock));
	must(kill(getpid(), SIGTERM));
	must_zero(pthread_join(waiter, NULL));
	claim(seen == 2, "and gets it when we are done: the update is whole");
}
