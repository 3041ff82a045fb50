// # The race of a semaphore's birth
//
// To make a set and to give it values are two calls, semget() and semctl().
// Between them the set is there for everybody and not ready for anybody. POSIX
// even leaves its values open until then; on Linux they are 0. (sem_open(3) has
// the value among its arguments, and no such gap: ipc/semaphore.)
//
// The two programs: a maker that wants START in the semaphore, and another that
// adds one. START + 1 must be there at the end. The maker is held in the gap,
// by a pipe.

#define _GNU_SOURCE
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "sysv.h"

enum { START = 3 };

struct gap {
	pid_t maker;
	int end; // a byte into this pipe ends the gap
	int set; // as the other program finds it
};

static void set_value(int set, int value)
{
	must(semctl(set, 0, SETVAL, (union semun){ .val = value }));
}

static void add(int set, int n)
{
	struct sembuf up = { .sem_op = n };

	must(semop(set, &up, 1));
}

static bool is_ready(int set)
{
	struct semid_ds facts = { 0 };

	must(semctl(set, 0, IPC_STAT, (union semun){ .buf = &facts }));
	return facts.sem_otime != 0;
}

// Two ways for the maker to give the first value, see below.
static void give_with_setval(int set)
{
	set_value(set, START);
}

static void give_with_semop(int set)
{
	set_value(set, 0);
	claim(!is_ready(set), "SETVAL leaves sem_otime 0");
	add(set, START);
	claim(is_ready(set), "a semop sets it");
}

static struct gap begin_birth(void (*give)(int set))
{
	int born[2], go[2];
	struct gap gap;
	key_t key;

	must(pipe(born));
	must(pipe(go));
	gap.maker = fork_as("maker");
	if (gap.maker == 0) {
		char byte = 0;
		int set = make_set(1, 0600, &key);
		must(write(born[WRITE], &key, sizeof key));
		must(read(go[READ], &byte, 1));
		give(set);
		_exit(0);
	}
	must(close(born[WRITE]));
	ssize_t n = must(read(born[READ], &key, sizeof key));
	if (n == 0) // it left the scene
		reap(gap.maker);
	gap.end = go[WRITE];
	gap.set = must(semget(key, 1, 0));
	return gap;
}

static void end_birth(const struct gap *gap)
{
	must(write(gap->end, "x", 1));
	reap(gap->maker);
}

// ## The wrong way: it is there, so it is ready
//
// IPC_EXCL decides well who makes the set and who only opens it. Who opens it
// sees no error, and a semaphore that counts. Then the maker's SETVAL wipes the
// count away.

static void trust(void)
{
	struct gap gap = begin_birth(give_with_setval);

	int found = value_of(gap.set, 0);
	add(gap.set, 1);
	end_birth(&gap);
	say("opened in the gap: %d, added 1; the maker set %d: it is %d", found,
	    START, value_of(gap.set, 0));
	claim(found == 0 && value_of(gap.set, 0) == START,
	      "opened too early: what was added is lost, and no call failed");
}

// ## The cure: sem_otime
//
// The set remembers when semop() last changed it, sem_otime, and that is 0
// until the first time. SETVAL does not count. So the maker gives the first
// value with a semop() as its last act, and who opens the set waits until
// sem_otime is not 0 (Stevens). A maker that dies in the gap leaves a set that
// is never ready: a real program gives up after a while. And who does not wait
// spoils it for others: his semop() sets sem_otime, too.

static void wait_until_ready(int set, int report)
{
	claim(!is_ready(set), "in the gap sem_otime is 0: not ready");
	must(write(report, "x", 1));
	while (!is_ready(set))
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static void look_first(void)
{
	struct gap gap = begin_birth(give_with_semop);
	int looked[2];
	char byte;

	must(pipe(looked));
	pid_t opener = fork_as("opener");
	if (opener == 0) {
		wait_until_ready(gap.set, looked[WRITE]);
		add(gap.set, 1);
		_exit(0);
	}
	must(read(looked[READ], &byte, 1));
	await_state(opener, 'S');
	claim(value_of(gap.set, 0) == 0, "opener sleeps and leaves it alone");
	end_birth(&gap);
	reap(opener);
	say("waited for sem_otime, then added 1: it is %d",
	    value_of(gap.set, 0));
	claim(value_of(gap.set, 0) == START + 1,
	      "who waits for sem_otime adds to a finished semaphore");
}

void birth(void)
{
	trust();
	look_first();
}
