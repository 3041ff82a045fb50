// # The signal that comes too early
//
//     while (!flag)
//             pause();
//
// If the signal comes after the test and before the sleep, its handler sets the
// flag and nobody looks: the program sleeps on what has already happened. Two
// system calls cannot close that gap. sigsuspend(2) is one: it exchanges the
// mask and sleeps, atomically. The signal is blocked during the test; one that
// comes in the gap stays pending, and sigsuspend finds it. (ppoll, pselect and
// epoll_pwait take a mask for the same reason.)
//
// A child of each kind stops itself in the gap, and we send the signal just
// then.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

static volatile sig_atomic_t *flag; // in memory shared with the children

static void set_flag(int number)
{
	(void)number;
	*flag = 1;
}

static void wait_with_pause(void)
{
	while (!*flag) {
		must_zero(raise(SIGSTOP));
		pause();
	}
}

static void wait_with_sigsuspend(void)
{
	sigset_t while_asleep;

	block(SIGUSR1);
	must(sigprocmask(SIG_SETMASK, NULL, &while_asleep));
	must(sigdelset(&while_asleep, SIGUSR1));
	while (!*flag) {
		must_zero(raise(SIGSTOP));
		sigsuspend(&while_asleep);
	}
}

static pid_t signal_in_the_gap(const char *name, void (*wait)(void))
{
	*flag = 0;
	pid_t child = fork_as(name);
	if (child == 0) {
		handle(SIGUSR1, set_flag, 0);
		unblock(SIGUSR1);
		wait();
		say("I have seen the flag");
		_exit(EXIT_SUCCESS);
	}
	await_state(child, 'T');
	must(kill(child, SIGUSR1));
	say("%s has tested the flag; now SIGUSR1 comes", name);
	must(kill(child, SIGCONT));
	return child;
}

void scene_lost(void)
{
	flag = must(mmap(NULL, sizeof *flag, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	pid_t child = signal_in_the_gap("pause", wait_with_pause);
	await_state(child, 'S');
	claim(*flag == 1,
	      "test, then pause: it sleeps, and the flag is set already");
	say("it would sleep for ever; a second SIGUSR1 wakes it");
	must(kill(child, SIGUSR1));
	reap(child);

	child = signal_in_the_gap("suspend", wait_with_sigsuspend);
	reap(child);
	claim(*flag == 1, "sigsuspend: it did not sleep on the first one");
}
