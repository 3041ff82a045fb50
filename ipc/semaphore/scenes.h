// scenes.h - the scenes of ipc/semaphore, and what they share

#ifndef SEMAPHORE_SCENES_H
#define SEMAPHORE_SCENES_H

#include <semaphore.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

#include "lab.h"

void play_slots(void); // slots.c
void play_exclusion(void);
void play_go(void); // order.c
void play_owner(void);
void play_rendezvous(void);
void play_named(void); // where.c
void play_private(void);
void play_ask(void);  // ask.c
void play_dies(void); // death.c
void play_undo(void);
void play_halves(void);
void play_debts(void); // undo.c

// Memory that this process and all it forks from now on have in common. It
// goes when the last of them ends.
static inline void *shared(size_t bytes)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

// For shared memory, and so between processes: that is what the 1 says.
static inline void init_shared(sem_t *semaphore, unsigned value)
{
	must(sem_init(semaphore, 1, value));
}

static inline int value_of(sem_t *semaphore)
{
	int value;

	must(sem_getvalue(semaphore, &value));
	return value;
}

// Between two looks at a state.
static inline void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
}

// death.c: kills a child that would not end by itself, and waits for it.
void bury(pid_t child);

// ask.c: sem_timedwait for `length_ns` (below a second) from now; returns 0 or
// the reason why not.
int take_within(sem_t *semaphore, long length_ns);

// undo.c: a System V set of one semaphore, gone with the scene; its value; and
// P (by -1) and V (by +1), with SEM_UNDO or without.
int make_set(int value);
int set_value(int id);
void change(int id, short by, short flags);

#endif
