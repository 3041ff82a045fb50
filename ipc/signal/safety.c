// # What a handler may do
//
// A handler runs between any two instructions of its own thread: in the middle
// of malloc, of printf, of your own update. So it may only call what does not
// mind being interrupted anywhere and entered again: the list in
// signal-safety(7). Nothing that waits for a lock is on it, for the very thread
// that the handler interrupts may hold the lock. It cannot go on before the
// handler returns, nor the handler return before it goes on.
//
// The moment is short, so in practice the bug is a server that hangs once a
// month. Here the signal comes just at that moment.

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "ipc/signal/scenes.h"
#include "lab.h"

enum { READ, WRITE };

// ## A deadlock, seen from outside
//
// Whoever waits for a lock sleeps in futex(2): /proc/PID/syscall begins with
// that call's number, /proc/PID/wchan names the kernel's function (0: not
// known). Both want permission to trace the process; a container may deny it.
// And while a handler runs, its signal is blocked: a second one shows whether
// the handler has come to its end.

static void claim_asleep_in_futex(const char *name, pid_t pid)
{
	char path[64], call[HOST_TEXT], place[HOST_TEXT];

	snprintf(path, sizeof path, "/proc/%d/syscall", pid);
	do {
		await_state(pid, 'S');
		if (!host_line(path, call, sizeof call)) {
			say("%s sleeps; where, only tracers may know", name);
			return;
		}
	} while (!strcmp(call, "running"));
	snprintf(path, sizeof path, "/proc/%d/wchan", pid);
	host_line(path, place, sizeof place);
	long number = strtol(call, NULL, 10);
	say("%s sleeps in system call %ld (%s)", name, number, place);
	claim(number == SYS_futex, "that is futex(2): it waits for a lock");
}

static void claim_deadlocked(const char *name, pid_t pid)
{
	claim_asleep_in_futex(name, pid);
	must(kill(pid, SIGUSR1));
	struct masks masks = masks_of(pid);
	claim(has(masks.process_pending & masks.blocked, SIGUSR1),
	      "it is still in its handler: a second SIGUSR1 stays pending");
	must(kill(pid, SIGKILL));
	must(waitpid(pid, NULL, 0));
}

// ## The deadlock
//
// The program adds to a balance under a lock, and the handler wants to read it.
// One thread, one lock, and the signal comes while the lock is held.
//
// Is it really for ever? A mutex of type PTHREAD_MUTEX_ERRORCHECK asks who
// holds it before it waits. The second child has such a one and is told
// EDEADLK: the thread that waits and the thread that holds are the same.

static pthread_mutex_t balance_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t balance, lock_error;

static void read_balance(int number)
{
	(void)number;
	lock_error = pthread_mutex_lock(&balance_lock);
	if (lock_error == 0)
		pthread_mutex_unlock(&balance_lock);
}

static void add_to_balance(void)
{
	must_zero(pthread_mutex_lock(&balance_lock));
	balance = balance + 1;
	say("I hold the lock, and here comes SIGUSR1");
	must_zero(raise(SIGUSR1));
	must_zero(pthread_mutex_unlock(&balance_lock));
}

static void check_who_holds_it(void)
{
	pthread_mutexattr_t kind;

	must_zero(pthread_mutexattr_init(&kind));
	must_zero(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK));
	must_zero(pthread_mutex_init(&balance_lock, &kind));
}

void scene_deadlock(void)
{
	handle(SIGUSR1, read_balance, 0);
	unblock(SIGUSR1);
	pid_t child = fork_as("naive");
	if (child == 0) {
		add_to_balance();
		_exit(EXIT_FAILURE);
	}
	claim_deadlocked("naive", child);

	child = fork_as("checked");
	if (child == 0) {
		check_who_holds_it();
		add_to_balance();
		say("its handler is told: %s", strerror(lock_error));
		claim(lock_error == EDEADLK,
		      "the holder of the lock is who waits for it (EDEADLK)");
		_exit(EXIT_SUCCESS);
	}
	reap(child);
}

// ## A lock that you do not see
//
// The handler only wants to note the time. But localtime(3) consults the time
// zone, which is the process's, so the C library guards it with a lock, and
// reads the zone's file while it holds that. malloc has such locks, syslog,
// setenv, dlopen; so does printf (glibc lets the same thread enter that one
// twice: no deadlock, but a buffer that is changed in the middle of a change).
// Worse than a deadlock: OpenSSH's handler for SIGALRM called syslog, and that
// malloc; a stranger who hit the right moment ran code as root (CVE-2024-6387).
//
// To interrupt just then we make the file slow: the zone's file is a FIFO, and
// opening it waits for a writer that never comes.

static int entered[2];

static void note_time(int number)
{
	time_t now = 0;
	struct tm parts;

	(void)number;
	(void)!write(entered[WRITE], "x", 1);
	localtime_r(&now, &parts);
}

static _Noreturn void log_time(const char *zone)
{
	char variable[512];
	time_t now = 0;
	struct tm parts;

	handle(SIGUSR1, note_time, SA_RESTART);
	snprintf(variable, sizeof variable, ":%s", zone);
	must(setenv("TZ", variable, 1));
	say("calling localtime");
	localtime_r(&now, &parts);
	must(write(entered[WRITE], "r", 1));
	for (;;)
		pause();
}

void scene_libc(void)
{
#ifndef __GLIBC__
	skip("the locks of this C library are others: build it with glibc");
#endif
	const char *zone = fresh_path();
	char byte;

	must(pipe(entered));
	must(mkfifo(zone, 0600));
	unblock(SIGUSR1);
	pid_t child = fork_as("logger");
	if (child == 0)
		log_time(zone);
	await_state(child, 'S');
	if (must(poll(&(struct pollfd){ entered[READ], POLLIN, 0 }, 1, 0)) > 0)
		skip("localtime of this C library does not open a FIFO");
	say("logger sleeps, opening the file of its time zone; SIGUSR1");
	must(kill(child, SIGUSR1));
	must(read(entered[READ], &byte, 1));
	say("its handler has begun, and calls localtime");
	claim_deadlocked("logger", child);
}

// ## The right way: say that it happened, and return
//
// The same signal at the same moment. This handler does two things that are
// allowed: it sets a flag of type volatile sig_atomic_t, and it writes a byte
// into a pipe of its own process. The flag tells code that looks at it in a
// loop, the pipe wakes a poll(2) (Bernstein's self-pipe trick). All that wants
// a lock is done by the main program, when nothing is half done.
//
// The pipe must not block: a flood of signals fills it, and the handler would
// wait for ever. Here it is full from the start. Nothing is lost by that, since
// a full pipe wakes poll too; but the write sets errno, which the interrupted
// code may be just about to look at. So a handler puts errno back. (In the
// kernel it is easier: `signalfd`.)

static int self_pipe[2];
static volatile sig_atomic_t asked, write_error;

static void note(int number)
{
	int saved = errno;

	(void)number;
	asked = 1;
	if (write(self_pipe[WRITE], "x", 1) == -1)
		write_error = errno;
	errno = saved;
}

void scene_safe(void)
{
	static char page[4096];

	must(pipe2(self_pipe, O_CLOEXEC | O_NONBLOCK));
	while (write(self_pipe[WRITE], page, sizeof page) != -1)
		;
	handle(SIGUSR1, note, SA_RESTART);
	unblock(SIGUSR1);
	add_to_balance();
	claim(asked, "the handler ran in the middle of the update, and left");
	errno = ENOTTY;
	raise(SIGUSR1);
	int after = errno;
	say("its pipe is full, so its write fails (errno %d)",
	    (int)write_error);
	claim(write_error == EAGAIN && after == ENOTTY,
	      "its write failed, yet errno is what it was before");

	int ready = must(
		poll(&(struct pollfd){ self_pipe[READ], POLLIN, 0 }, 1, -1));
	must_zero(pthread_mutex_lock(&balance_lock));
	say("poll woke; under the lock I read the balance: %d", (int)balance);
	claim(ready == 1 && balance == 1,
	      "the main program does the rest, whatever it takes");
	must_zero(pthread_mutex_unlock(&balance_lock));
}
