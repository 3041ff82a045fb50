// # Who I am: in the kernel's eyes, and in the C library's
//
// POSIX says that setuid(2) changes the process. Linux keeps user IDs and
// capabilities in each task, and its system call changes the caller alone. So
// the C library goes round: it interrupts each thread with a signal of its own
// (33, below SIGRTMIN; nptl(7)) whose handler makes the same call there. Who
// goes past the library (a raw system call, another language's runtime) has a
// process of two minds: one thread has given up root, and another has not.

#define _GNU_SOURCE
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "privilege.h"
#include "threads/share/share.h"

// Nobody's number, as far as that can be.
enum { SOMEBODY = 64321 };

// The effective user of a task of this process.
static long user_of(pid_t tid)
{
	char path[64], status[8192];
	long effective;

	snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
	host_line(path, status, sizeof status);
	const char *row = strstr(status, "Uid:");
	if (!row || sscanf(row, "Uid: %*d %ld", &effective) != 1)
		skip("no Uid in /proc/self/task/TID/status: it takes Linux's "
		     "own /proc");
	return effective;
}

struct other {
	pthread_t thread;
	pthread_barrier_t turn;
	pid_t tid;
	int keeps;
};

static void *change_myself(void *argument)
{
	struct other *other = argument;

	speak_as("raw");
	other->tid = gettid();
	must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	other->keeps = must(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	if (has_capability(CAP_SETUID)) {
		say("I become user %d by a system call of my own", SOMEBODY);
		must(syscall(SYS_setresuid, SOMEBODY, SOMEBODY, SOMEBODY));
	}
	pthread_barrier_wait(&other->turn); // main looks
	pthread_barrier_wait(&other->turn);
	return NULL;
}

static void *stand(void *argument)
{
	struct other *other = argument;

	other->tid = gettid();
	pthread_barrier_wait(&other->turn); // main changes its user
	pthread_barrier_wait(&other->turn);
	return NULL;
}

static void begin(struct other *other, void *(*run)(void *))
{
	*other = (struct other){ .tid = 0 };
	must_zero(pthread_barrier_init(&other->turn, NULL, 2));
	must_zero(pthread_create(&other->thread, NULL, run, other));
	pthread_barrier_wait(&other->turn);
}

static void finish(struct other *other)
{
	pthread_barrier_wait(&other->turn);
	must_zero(pthread_join(other->thread, NULL));
	must_zero(pthread_barrier_destroy(&other->turn));
}

void scene_credentials(void)
{
	struct other raw, bystander;
	bool may = has_capability(CAP_SETUID);

	begin(&raw, change_myself);
	claim(raw.keeps == 1 && must(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0)) == 0,
	      "a flag of the credentials is set in one thread alone");
	if (!may) {
		finish(&raw);
		say("to change a user takes CAP_SETUID: be root to see more");
		return;
	}
	long mine = user_of(getpid()), its = user_of(raw.tid);
	say("main is user %ld, raw is user %ld", mine, its);
	claim(mine == (long)geteuid() && its == SOMEBODY,
	      "two users in one process");
	finish(&raw);

	begin(&bystander, stand);
	say("setresuid of the C library, while a bystander does nothing");
	must(setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
	mine = user_of(getpid()), its = user_of(bystander.tid);
	say("main is user %ld, the bystander is user %ld", mine, its);
	claim(mine == SOMEBODY && its == SOMEBODY,
	      "the library has changed the bystander, too");
	finish(&bystander);
}
