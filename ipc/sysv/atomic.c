// # Several semaphores in one step
//
// What System V has and POSIX has not: semop() takes a list of operations on
// the semaphores of a set, and does all of them or none. If one would have to
// wait, the caller sleeps without having touched any.
//
// Two philosophers, two forks (Dijkstra's dinner of five, made small). Each
// needs both forks to eat.
//
// One thing we leave out: SEM_UNDO, by which the kernel gives back what a
// process has taken and not returned when it ends. ipc/semaphore shows it.

#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "sysv.h"

enum { FORKS = 2, MEALS = 200 };

static const char *const names[FORKS] = { "left", "right" };

static int lay_table(void)
{
	unsigned short one_each[FORKS] = { 1, 1 };
	int table = make_set(FORKS, 0600, NULL);

	must(semctl(table, 0, SETALL, (union semun){ .array = one_each }));
	return table;
}

static int change(int table, int fork, int by)
{
	struct sembuf one = { .sem_num = fork, .sem_op = by };

	return FAILURE(semop(table, &one, 1));
}

static int change_both(int table, int by, int flags)
{
	struct sembuf both[FORKS] = {
		{ .sem_num = 0, .sem_op = by, .sem_flg = flags },
		{ .sem_num = 1, .sem_op = by, .sem_flg = flags },
	};
	int error = FAILURE(semop(table, both, FORKS));

	if (error == E2BIG)
		skip("this host allows one operation a semop: raise SEMOPM, "
		     "the third number of /proc/sys/kernel/sem");
	return error;
}

// Waits until somebody sleeps because a fork is taken.
static void await_hungry(pid_t philosopher, int table, int fork)
{
	while (waiting_for(table, fork) != 1)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	await_state(philosopher, 'S');
}

// ## The wrong way: one by one
//
// Each takes the fork in front of him, then the other. It goes well as long as
// one is faster than the other. Here both must have their first fork before
// either may reach for the second: a pipe tells us that they have it, a second
// pipe lets them go on. Then each waits for what the other holds, for ever. The
// kernel sees two processes asleep, and nothing wrong.
//
// It can tell us all: GETPID is who changed a semaphore last, so who took the
// fork; GETNCNT is how many wait for it.

static pid_t sit_down(int table, int own, int report, int go)
{
	char byte = 0;
	pid_t philosopher = fork_as(names[own]);

	if (philosopher > 0)
		return philosopher;
	must_zero(change(table, own, -1));
	must(write(report, "x", 1));
	must(read(go, &byte, 1));
	must_zero(change(table, 1 - own, -1));
	_exit(0);
}

static void show_table(int table, const pid_t *philosophers)
{
	char picture[256];
	size_t used = 0;

	for (int i = 0; i < FORKS; i++) {
		pid_t holder = must(semctl(table, i, GETPID));
		used += snprintf(picture + used, sizeof picture - used,
				 "fork %d: held by %-5s  waited for by %d\n", i,
				 holder == philosophers[0]   ? names[0]
				 : holder == philosophers[1] ? names[1]
							     : "?",
				 waiting_for(table, i));
	}
	show(picture);
}

void one_by_one(void)
{
	int table = lay_table(), report[2], go[2];
	pid_t philosophers[FORKS];
	char both[FORKS];

	must(pipe(report));
	must(pipe(go));
	for (int i = 0; i < FORKS; i++)
		philosophers[i] = sit_down(table, i, report[WRITE], go[READ]);
	for (int i = 0; i < FORKS; i++)
		must(read(report[READ], &both[i], 1));
	say("each has one fork; now each reaches for the other");
	must(write(go[WRITE], "xx", 2));
	for (int i = 0; i < FORKS; i++)
		await_hungry(philosophers[1 - i], table, i);
	show_table(table, philosophers);
	claim(semctl(table, 0, GETPID) == philosophers[0] &&
		      semctl(table, 1, GETPID) == philosophers[1] &&
		      value_of(table, 0) == 0 && value_of(table, 1) == 0,
	      "each has taken one fork, and both sleep for ever");

	kill_child(philosophers[0]);
	say("left is killed; waiting for fork 0: %d, for fork 1: %d",
	    waiting_for(table, 0), waiting_for(table, 1));
	claim(waiting_for(table, 0) == 1 && waiting_for(table, 1) == 0,
	      "left waits no more; right still waits for fork 0");
	claim(value_of(table, 0) == 0,
	      "the fork of the dead stays taken: a semaphore has no owner");
	kill_child(philosophers[1]);
}

// ## The right way: all or nothing
//
// Both forks in one semop(). Who cannot have both takes none, and so holds up
// nobody: of the four conditions of a deadlock (Coffman, 1971), "hold and wait"
// is gone. We hold one fork ourselves, to see how the other is left alone.

static void eat(int table, int meals)
{
	for (int i = 0; i < meals; i++) {
		must_zero(change_both(table, -1, 0));
		must_zero(change_both(table, 1, 0));
	}
	_exit(0);
}

static void hold_one_fork(int table)
{
	must_zero(change(table, 1, -1));
	int error = change_both(table, -1, IPC_NOWAIT);
	claim(error == EAGAIN && value_of(table, 0) == 1,
	      "fork 1 is taken: both at once fails, and takes no fork 0");

	pid_t hungry = fork_as("hungry");
	if (hungry == 0)
		eat(table, 1);
	await_hungry(hungry, table, 1);
	say("hungry sleeps; fork 0: %d, fork 1: %d", value_of(table, 0),
	    value_of(table, 1));
	claim(value_of(table, 0) == 1, "who waits for both holds none");
	must_zero(change(table, 1, 1));
	reap(hungry);
}

// An operation 0 waits until the semaphore is 0, which POSIX has not either.
// With "add one" in the same list it is a lock: free at 0, so that a new set is
// free at once.
static void lock_at_zero(void)
{
	struct sembuf lock[] = {
		{ .sem_op = 0, .sem_flg = IPC_NOWAIT },
		{ .sem_op = 1, .sem_flg = IPC_NOWAIT },
	};
	int set = make_set(1, 0600, NULL);
	int first = FAILURE(semop(set, lock, 2));
	int second = FAILURE(semop(set, lock, 2));

	say("wait for 0 and add 1, in one step: %d after two tries",
	    value_of(set, 0));
	claim(first == 0 && second == EAGAIN && value_of(set, 0) == 1,
	      "the other way round: a lock that is free at 0");
}

void all_or_nothing(void)
{
	int table = lay_table();
	pid_t philosophers[FORKS];

	hold_one_fork(table);
	for (int i = 0; i < FORKS; i++) {
		philosophers[i] = fork_as(names[i]);
		if (philosophers[i] == 0)
			eat(table, MEALS);
	}
	for (int i = 0; i < FORKS; i++)
		reap(philosophers[i]);
	claim(value_of(table, 0) == 1 && value_of(table, 1) == 1,
	      "two eat %d times each, and the forks lie there again", MEALS);
	lock_at_zero();
}
