// # Undo: what the kernel owes for a process
//
// Each operation with SEM_UNDO adds its opposite to semadj, a number that the
// kernel keeps for this process and this semaphore. When the process ends,
// semadj is added to the semaphore. It is no memory of who holds what: it goes
// wrong where one process does P and another V.

#define _GNU_SOURCE
#include <errno.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include "names.h"
#include "scenes.h"

// semctl's last argument; the program has to declare it (semctl(2)).
union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

int make_set(int value)
{
	int id;

	do {
		key_t key;
		int error = names_fresh_key(NAME_SYSV_SEM, &key);
		if (error == -EEXIST)
			skip("a filter forbids System V IPC: allow semget in "
			     "the container's seccomp profile");
		if (error)
			die_at(__FILE__, __LINE__, "names_fresh_key", -error);
		id = semget(key, 1, IPC_CREAT | IPC_EXCL | 0600);
	} while (id == -1 && errno == EEXIST);
	if (id == -1 && errno == ENOSYS)
		skip("no System V semaphores: it takes CONFIG_SYSVIPC");
	if (id == -1 && errno == ENOSPC)
		skip("all semaphores that /proc/sys/kernel/sem allows are in "
		     "use: see ipcs -s");
	must(id);
	must(semctl(id, 0, SETVAL, (union semun){ .val = value }));
	return id;
}

int set_value(int id)
{
	return must(semctl(id, 0, GETVAL));
}

void change(int id, short by, short flags)
{
	struct sembuf operation = { 0, by, flags };

	must(semop(id, &operation, 1));
}

// ## Six lives, and what is left of a semaphore of 1
//
// In each a process takes it with SEM_UNDO (0 left, semadj +1) and ends.
//
// - It does nothing else: semadj gives the 1 back.
// - It gives it back itself, with SEM_UNDO: semadj is 0 again.
// - It gives it back itself, without: semadj still says +1, and there are two.
//   So always both or neither.
// - Another process gives it back, as a sign that something is ready: the same.
//   SEM_UNDO is for locks, never for "go".
// - It forks a child that ends: semadj is not inherited, the debt is the
//   parent's (and outlives an execve(2)). Looked at before the parent ends.
// - Somebody sets the value meanwhile (SETVAL): that clears semadj in all
//   processes, and nothing comes back.

static void nothing(int id)
{
	(void)id;
}

static void gives_with(int id)
{
	change(id, 1, SEM_UNDO);
}

static void gives_without(int id)
{
	change(id, 1, 0);
}

static void another_gives(int id)
{
	pid_t other = fork_as("another");

	if (other == 0) {
		change(id, 1, 0);
		_exit(0);
	}
	reap(other);
}

static void child_ends(int id)
{
	pid_t child = fork_as("child");

	if (child == 0)
		_exit(0);
	reap(child);
	claim(set_value(id) == 0, "(a child ends: nothing is given back)");
}

static void is_set(int id)
{
	must(semctl(id, 0, SETVAL, (union semun){ .val = 0 }));
}

void play_debts(void)
{
	static const struct {
		const char *what;
		void (*then)(int id);
		int left;
	} lives[] = {
		{ "it had done nothing else", nothing, 1 },
		{ "it had given back, with SEM_UNDO", gives_with, 1 },
		{ "it had given back, without", gives_without, 2 },
		{ "another had given it back", another_gives, 2 },
		{ "its child had ended before", child_ends, 1 },
		{ "the value had been set to 0", is_set, 0 },
	};

	say("a semaphore of 1, taken with SEM_UNDO, after the taker's end:");
	for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
		int id = make_set(1);
		pid_t life = fork_as("life");
		if (life == 0) {
			change(id, -1, SEM_UNDO);
			lives[i].then(id);
			_exit(0);
		}
		reap(life);
		claim(set_value(id) == lives[i].left, "%s: %d", lives[i].what,
		      set_value(id));
	}
}
