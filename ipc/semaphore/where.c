// # Where a semaphore lives: behind a name, or in shared memory
//
// A semaphore is a few words of memory (32 bytes with glibc on a 64-bit
// machine), and its users must have that memory in common. sem_open makes a
// small file and maps it: any process that knows the name can come. sem_init
// makes one wherever we say, and that this is shared is our affair.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "privilege.h"
#include "scenes.h"

// ## A name in /dev/shm
//
// The file outlives its maker, and the value lies in it. Only sem_unlink takes
// the name away; whoever has the semaphore open keeps it.
//
// glibc first fills a file of a random name, /dev/shm/sem.XXXXXX, links it to the
// name, and unlinks the random one: nobody ever opens a semaphore that is half
// made, and of two who make it at once one wins. But who is killed in between
// leaves a file that nobody looks for, and that no one can tell from another
// program's semaphore with a name of six letters. So where we may, we play in a
// /dev/shm of our own: a mount namespace, and what is in it, ends with us.

#ifdef __GLIBC__
#define PREFIX "/dev/shm/sem."
#else
#define PREFIX "/dev/shm/"
#endif

static void mount_own_memory(void)
{
	if (try_own_namespaces(CLONE_NEWNS) &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		mount("oslab", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		      "mode=1777");
}

static sem_t *open_named(const char *name, int flags, unsigned value)
{
	sem_t *semaphore = sem_open(name, flags, 0600, value);

	if (semaphore == SEM_FAILED && flags & O_CREAT &&
	    (errno == ENOENT || errno == EACCES || errno == EROFS))
		skip("no place for named semaphores: mount a tmpfs on "
		     "/dev/shm that you may write to (mode 1777)");
	return semaphore;
}

void play_named(void)
{
	const char *name = fresh_name();
	char path[HOST_TEXT];
	struct stat file;

	mount_own_memory();
	pid_t maker = fork_as("maker");
	if (maker == 0) {
		sem_t *mine = must_ptr(open_named(name, O_CREAT | O_EXCL, 3));
		must(sem_wait(mine));
		say("made it with 3, took one, and leave");
		_exit(0);
	}
	reap(maker);
	snprintf(path, sizeof path, PREFIX "%s", name + 1);
	must(stat(path, &file));
	say("%s: %lld bytes", path, (long long)file.st_size);
	sem_t *found = must_ptr(sem_open(name, 0));
	claim(value_of(found) == 2,
	      "its maker is dead, name and value (2) are still there");

	sem_t *again = must_ptr(open_named(name, O_CREAT, 7));
	claim(value_of(again) == 2,
	      "O_CREAT with 7 opens what is there: 2, and no word of the 7");
	sem_t *third = open_named(name, O_CREAT | O_EXCL, 7);
	claim(third == SEM_FAILED && errno == EEXIST,
	      "O_CREAT | O_EXCL says it: EEXIST");

	must(sem_unlink(name));
	sem_t *gone = sem_open(name, 0);
	claim(gone == SEM_FAILED && errno == ENOENT,
	      "sem_unlink takes the name away");
	sem_t *other = must_ptr(open_named(name, O_CREAT | O_EXCL, 7));
	must(sem_post(found));
	claim(value_of(found) == 3 && value_of(other) == 7,
	      "the old one works on, and a new one of that name is another");
}

// ## Memory that is not shared, and a lie to sem_init
//
// The same play three times: a child waits, we post. A child that is woken ends;
// one that is not sleeps on. sem_post makes the sleeper runnable before it
// returns, so state S after that, with the value still there, is no accident of
// time.
//
// - In private memory, fork(2) leaves each process a copy. We post ours.
// - In shared memory, but with pshared = 0. The value arrives. But glibc waits
//   and wakes by futex(2) with FUTEX_PRIVATE_FLAG: the kernel looks for sleepers
//   by address space and address, not by the page below, which is faster. Two
//   processes are two address spaces: we wake nobody. (A signal makes the sleeper
//   look again; then it finds the value that was there all the time. And a test
//   that posts before the wait would pass.)
// - With pshared = 1 the key is the page, and all is well.

static char state_of(pid_t pid)
{
	char path[32], line[HOST_TEXT];

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	host_line(path, line, sizeof line);
	const char *name_end = strrchr(line, ')');
	return name_end && name_end[1] ? name_end[2] : '?';
}

static bool sleeps_on(pid_t waiter, sem_t *posted)
{
	char state;

	while ((state = state_of(waiter)) != 'S' && state != 'Z')
		nap();
	return state == 'S' && value_of(posted) == 1;
}

static void look_again(int number)
{
	(void)number;
}

static pid_t fork_waiter(sem_t *semaphore)
{
	pid_t waiter = fork_as("waiter");

	if (waiter > 0) {
		await_state(waiter, 'S');
		return waiter;
	}
	sigset_t it;
	must(sigemptyset(&it));
	must(sigaddset(&it, SIGUSR1));
	must_zero(pthread_sigmask(SIG_UNBLOCK, &it, NULL));
	must(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = look_again },
		       NULL));
	while (sem_wait(semaphore) == -1)
		if (errno != EINTR)
			die_at(__FILE__, __LINE__, "sem_wait", errno);
	_exit(0);
}

void play_private(void)
{
	sem_t *copied = must(mmap(NULL, sizeof *copied, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must(sem_init(copied, 1, 0));
	pid_t waiter = fork_waiter(copied);
	must(sem_post(copied));
	claim(sleeps_on(waiter, copied),
	      "in private memory: my copy says 1, the waiter sleeps on its 0");
	bury(waiter);

	sem_t *keyed = shared(sizeof *keyed);
	must(sem_init(keyed, 0, 0));
	waiter = fork_waiter(keyed);
	must(sem_post(keyed));
	claim(sleeps_on(waiter, keyed),
	      "shared memory, pshared = 0: the value is 1, nobody was woken");
	say("a signal, and the waiter looks again");
	must(kill(waiter, SIGUSR1));
	reap(waiter);
	claim(value_of(keyed) == 0, "then it finds the 1 and takes it");

	sem_t *right = shared(sizeof *right);
	must(sem_init(right, 1, 0));
	waiter = fork_waiter(right);
	must(sem_post(right));
	claim(!sleeps_on(waiter, right) && value_of(right) == 0,
	      "shared memory, pshared = 1: the post wakes the waiter");
	reap(waiter);
}
