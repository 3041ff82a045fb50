// actor.h - a thread of a play, as actors.c and perform.c know it

#ifndef SCHED_INVERSION_ACTOR_H
#define SCHED_INVERSION_ACTOR_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "sched/inversion/inversion.h"

struct cast;

struct actor {
	const struct part *part;
	struct cast *cast;
	pthread_t thread;
	sem_t gate;
	pid_t tid;
	int stat; // its /proc/self/task/TID/stat
	struct account account;
};

struct cast {
	struct actor actors[PARTS];
	pthread_mutex_t locks[LOCKS];
	sem_t hired;        // posted by each, when its tid is known
	_Atomic int runner; // the last who computed. One CPU: no order is
			    // needed between this and anything else
};

// The body of a thread; its argument is its struct actor. It waits at its gate,
// then it takes its steps.
void *act(void *actor);

// Opens another's gate.
void wake(struct actor *other);

#endif
