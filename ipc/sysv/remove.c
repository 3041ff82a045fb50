// # IPC_RMID: one command, two meanings
//
// A queue and a set have no users that the kernel knows of, only callers. So
// they are removed at once, under everybody's hands; who sleeps in a call there
// is woken with EIDRM. Memory has users, those who attached it, and to take it
// from under them would kill them. So it is only marked: it loses its key, and
// goes when the last has detached. That is how unlink(2) treats an open file.

#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "sysv.h"

enum { BYTES = 4096 };

// ## At once: the queue and the set
//
// An identifier is a place in the kernel's table and, above it, a count of how
// often the places were given out. So one of the past never means another
// object that has the same place now: EINVAL, as for an empty one.

static pid_t sleep_in(const char *name, int (*call)(int), int id)
{
	pid_t sleeper = fork_as(name);

	if (sleeper == 0) {
		int error = call(id);
		claim(error == EIDRM, "%s is woken by the removal: EIDRM",
		      name);
		_exit(0);
	}
	await_state(sleeper, 'S');
	return sleeper;
}

static int send_more(int queue)
{
	return send_text(queue, 1, "more", 0);
}

static int receive(int queue)
{
	struct letter got;

	return FAILURE(msgrcv(queue, &got, TEXT, 0, 0));
}

static int take_one(int set)
{
	struct sembuf down = { .sem_op = -1 };

	return FAILURE(semop(set, &down, 1));
}

static int look(int queue)
{
	return FAILURE(msgctl(queue, IPC_STAT, &(struct msqid_ds){ 0 }));
}

// A queue's room is its msg_qbytes, and its owner may make that smaller.
static void fill(int queue)
{
	struct msqid_ds facts;

	must(msgctl(queue, IPC_STAT, &facts));
	facts.msg_qbytes = 4;
	must(msgctl(queue, IPC_SET, &facts));
	must_zero(send_text(queue, 1, "full", 0));
}

void removing(void)
{
	int full = make_queue(0600, NULL), empty = make_queue(0600, NULL);
	int set = make_set(1, 0600, NULL);
	struct msqid_ds facts;

	fill(full);
	pid_t sender = sleep_in("sender", send_more, full);
	pid_t receiver = sleep_in("receiver", receive, empty);
	pid_t taker = sleep_in("taker", take_one, set);
	must(msgctl(full, IPC_STAT, &facts));
	say("one sleeps at a full queue, one at an empty, one at a set");
	claim(facts.msg_qnum == 1 && waiting_for(set, 0) == 1,
	      "the full queue has a message, and the set one that waits");

	must(msgctl(full, IPC_RMID, NULL));
	must(msgctl(empty, IPC_RMID, NULL));
	must(semctl(set, 0, IPC_RMID));
	reap(sender);
	reap(receiver);
	reap(taker);
	claim(look(full) == EINVAL && look(empty) == EINVAL,
	      "the identifiers mean nothing now (EINVAL), the message is lost");
}

// ## When the last has gone: memory
//
// In the list it is marked, `dest` in ipcs. On Linux the identifier still
// works, also for a new attach; the key does not.

static int users_of(int memory)
{
	struct shmid_ds facts;

	must(shmctl(memory, IPC_STAT, &facts));
	return (int)facts.shm_nattch;
}

static bool exists(int memory)
{
	struct shmid_ds facts;

	return shmctl(memory, IPC_STAT, &facts) == 0;
}

static void mark(int memory, key_t key)
{
	struct shmid_ds facts;

	must(shmctl(memory, IPC_RMID, NULL));
	must(shmctl(memory, IPC_STAT, &facts));
	say("removed: mode %o, key %x, nattch %d", facts.shm_perm.mode,
	    (unsigned)facts.shm_perm.__key, (int)facts.shm_nattch);
	claim(facts.shm_perm.mode & SHM_DEST && facts.shm_nattch == 2,
	      "it has two users, and is only marked (%o, SHM_DEST)", SHM_DEST);
	int error = FAILURE(shmget(key, 0, 0));
	claim(error == ENOENT, "by its key nobody finds it any more (ENOENT)");
}

static pid_t attach_and_stop(const char *name, int memory, bool mark_it)
{
	pid_t user = fork_as(name);

	if (user == 0) {
		char *bytes = must(shmat(memory, NULL, 0));
		if (mark_it)
			must(shmctl(memory, IPC_RMID, NULL));
		snprintf(bytes, BYTES, "written by a user");
		must(raise(SIGSTOP));
		_exit(0);
	}
	await_state(user, 'T');
	return user;
}

// ## The wrong way and the cure
//
// Whoever removes memory at the end of the program leaves it behind when the
// program is killed. Whoever removes it at the beginning, as soon as all have
// attached, leaves nothing: the kernel detaches the dead. For queues and sets
// there is no such cure, which is why this toolkit writes its keys down before
// it makes an object (lib/names.h).

static void leave_or_not(void)
{
	int memory = make_memory(BYTES, 0600, NULL);
	kill_child(attach_and_stop("late", memory, false));
	claim(exists(memory) && users_of(memory) == 0,
	      "to be removed at the end: its user is killed, and it is left");

	memory = make_memory(BYTES, 0600, NULL);
	kill_child(attach_and_stop("early", memory, true));
	claim(!exists(memory),
	      "removed right after attaching: it has gone with its user");
}

void removing_memory(void)
{
	key_t key;

	need_memory_that_stays();
	int memory = make_memory(BYTES, 0600, &key);
	pid_t user = attach_and_stop("user", memory, false);
	char *bytes = must(shmat(memory, NULL, 0));

	mark(memory, key);
	claim(!strcmp(bytes, "written by a user"),
	      "who is attached has it as before");
	kill_child(user);
	char *again = must(shmat(memory, NULL, 0));
	claim(users_of(memory) == 2 && *again == *bytes,
	      "the dead is detached; by identifier one can attach anew");
	must(shmdt(again));
	must(shmdt(bytes));
	claim(!exists(memory), "the last has detached: the memory is gone");
	leave_or_not();
}
