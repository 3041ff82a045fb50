// robust.h - what the scenes of sync/robust share

#ifndef SYNC_ROBUST_ROBUST_H
#define SYNC_ROBUST_ROBUST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

void scene_plain(void);    // plain.c
void scene_thread(void);   // plain.c
void scene_list(void);     // list.c
void scene_word(void);     // list.c
void scene_anywhere(void); // anywhere.c
void scene_journal(void);  // anywhere.c
void scene_ways(void);     // ways.c

// tools.c. Memory that children share, zeroed, until the scene ends.
void *shared(size_t bytes);

// A mutex for several processes.
void init_mutex(pthread_mutex_t *mutex, bool robust);

// pthread_mutex_timedlock with so much patience from now on.
int lock_within(pthread_mutex_t *mutex, long ns);

// SIGKILL, and waits until nothing is left of it.
void bury(pid_t child);

// step.c. Plays `act` in a child of its own, kills it after `steps` machine
// instructions, and returns how many it made: fewer where act was over. Calls
// watch (unless NULL) after each. Leaves the scene where ptrace(2) is forbidden
// or leads nowhere.
long kill_after(long steps, void (*act)(void *argument), void *argument,
		void (*watch)(void *argument, long made));
enum { ALL_STEPS = 100000 };

#endif
