// # Order: a semaphore says "go"
//
// A lock is given back by who took it. A semaphore has no owner: who does V
// need never have done P. So it can carry a message with no content, "it is
// done, go on", from one process to another. It begins at 0.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenes.h"

// ## Go
//
// Whoever comes first, the answer is read after it was written: sem_post and
// sem_wait also order memory (POSIX, 4.12 Memory Synchronization). And the number
// remembers: a post that nobody waits for yet is not lost, as the signal of a
// condition variable would be (ipc/channel/shm_cond.c).

void play_go(void)
{
	struct {
		sem_t ready;
		int answer;
	} *desk = shared(sizeof *desk);

	init_shared(&desk->ready, 0);
	for (int round = 0; round < 2; round++) {
		bool early = round == 1;
		desk->answer = 0;
		if (early) {
			desk->answer = 42;
			must(sem_post(&desk->ready));
			say("posted; nobody waits, the value is %d",
			    value_of(&desk->ready));
		}
		pid_t reader = fork_as("reader");
		if (reader == 0) {
			must(sem_wait(&desk->ready));
			say("read the answer: %d", desk->answer);
			claim(desk->answer == 42,
			      early ? "a post before the wait is remembered"
				    : "who waits for the post reads what was "
				      "written before it");
			_exit(0);
		}
		if (!early) {
			await_state(reader, 'S');
			say("the reader sleeps; I write the answer and post");
			desk->answer = 42;
			must(sem_post(&desk->ready));
		}
		reap(reader);
	}
}

// ## The other side of having no owner
//
// Used as a lock, a semaphore believes everybody. One V too many, from someone
// who holds nothing, and two are inside. A mutex that checks its owner refuses
// (EPERM): who wants a lock takes a lock.

static pid_t fork_holder(sem_t *lock, _Atomic int *inside)
{
	pid_t holder = fork_as("holder");

	if (holder > 0)
		return holder;
	must(sem_wait(lock));
	atomic_fetch_add(inside, 1);
	for (;;)
		pause();
}

static int unlock_what_another_holds(void)
{
	pthread_mutex_t *mutex = shared(sizeof(pthread_mutex_t));
	pthread_mutexattr_t attributes;

	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_setpshared(&attributes,
					       PTHREAD_PROCESS_SHARED));
	must_zero(pthread_mutexattr_settype(&attributes,
					    PTHREAD_MUTEX_ERRORCHECK));
	must_zero(pthread_mutex_init(mutex, &attributes));
	pid_t holder = fork_as("holder");
	if (holder == 0) {
		must_zero(pthread_mutex_lock(mutex));
		for (;;)
			pause();
	}
	await_state(holder, 'S');
	int error = pthread_mutex_unlock(mutex);
	bury(holder);
	return error;
}

void play_owner(void)
{
	struct {
		sem_t lock;
		_Atomic int inside;
	} *room = shared(sizeof *room);
	pid_t holders[2];

	init_shared(&room->lock, 1);
	for (int i = 0; i < 2; i++) {
		holders[i] = fork_holder(&room->lock, &room->inside);
		await_state(holders[i], 'S');
	}
	claim(room->inside == 1, "a lock for two: one holds it, one sleeps");
	say("I hold nothing, and post all the same");
	must(sem_post(&room->lock));
	while (room->inside < 2)
		nap();
	claim(room->inside == 2, "nobody asks who posts: two are inside");
	for (int i = 0; i < 2; i++)
		bury(holders[i]);
	claim(unlock_what_another_holds() == EPERM,
	      "a mutex (PTHREAD_MUTEX_ERRORCHECK) has an owner: EPERM");
}

// ## Rendezvous
//
// Neither goes on before the other has come. Each says "I am here" on a
// semaphore of its own and waits on the other's. In the wrong order each waits
// for what the other would say next: a deadlock.

struct meeting {
	sem_t here[2];
	_Atomic int came, gone_early;
};

static pid_t fork_guest(struct meeting *meeting, int me, bool wait_first)
{
	pid_t guest = fork_as(me ? "right" : "left");

	if (guest > 0)
		return guest;
	atomic_fetch_add(&meeting->came, 1);
	if (wait_first)
		must(sem_wait(&meeting->here[!me]));
	must(sem_post(&meeting->here[me]));
	if (!wait_first)
		must(sem_wait(&meeting->here[!me]));
	if (atomic_load(&meeting->came) < 2)
		atomic_fetch_add(&meeting->gone_early, 1);
	_exit(0);
}

void play_rendezvous(void)
{
	struct meeting *meeting = shared(sizeof *meeting);
	pid_t guests[2];

	for (int i = 0; i < 2; i++)
		init_shared(&meeting->here[i], 0);
	for (int i = 0; i < 2; i++) {
		guests[i] = fork_guest(meeting, i, true);
		await_state(guests[i], 'S');
	}
	claim(waitpid(-1, NULL, WNOHANG) == 0 &&
		      value_of(&meeting->here[0]) == 0 &&
		      value_of(&meeting->here[1]) == 0,
	      "wait, then post: both sleep, nobody is left to wake them");
	for (int i = 0; i < 2; i++)
		bury(guests[i]);

	meeting->came = 0;
	guests[0] = fork_guest(meeting, 0, false);
	await_state(guests[0], 'S');
	say("left has posted, and sleeps until right has come");
	guests[1] = fork_guest(meeting, 1, false);
	for (int i = 0; i < 2; i++)
		reap(guests[i]);
	claim(meeting->came == 2 && meeting->gone_early == 0,
	      "post, then wait: both come, and neither leaves before that");
}
