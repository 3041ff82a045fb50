// scenes.h - the scenes of sync/bounded

#ifndef SYNC_BOUNDED_SCENES_H
#define SYNC_BOUNDED_SCENES_H

#include <pthread.h>
#include <stdbool.h>

#include "sync/crew/crew.h"
#include "sync/lock/condition.h"

// right.c: with semaphores, with a mutex and conditions
void scene_semaphores(void);
void scene_conditions(void);

// wrong.c: three ways to get it wrong
void scene_if(void);
void scene_signal(void);
void scene_order(void);

// A pthread mutex as sync/lock/condition.h wants it.
struct condition_mutex mutex_of(pthread_mutex_t *mutex);

#endif
