// scenes.h - the scenes of sync/ring, and what they share

#ifndef SYNC_RING_SCENES_H
#define SYNC_RING_SCENES_H

#include <pthread.h>

void scene_aba(void);     // aba.c
void scene_tags(void);    // aba.c
void scene_freed(void);   // freed.c
void scene_hazard(void);  // freed.c
void scene_once(void);    // once.c
void scene_stopped(void); // stopped.c
void scene_price(void);   // price.c

// Waits until all are there (pthread_barrier_wait).
void meet(pthread_barrier_t *barrier);

#endif
