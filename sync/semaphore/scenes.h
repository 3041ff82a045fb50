// scenes.h - the scenes of sync/semaphore

#ifndef SYNC_SEMAPHORE_SCENES_H
#define SYNC_SEMAPHORE_SCENES_H

// ours.c: P, V and S by hand
void scene_inside(void);
void scene_negative(void);
void scene_burnt(void);

// named.c: sem_open, sem_wait, sem_post between strangers
void scene_strangers(void);
void scene_ask(void);
void scene_killed(void);
int tool_hold(int argc, char **argv);

#endif
