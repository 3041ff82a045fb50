// scenes.h - the scenes of sync/barrier

#ifndef SYNC_BARRIER_SCENES_H
#define SYNC_BARRIER_SCENES_H

// phases.c: what a barrier is for
void scene_ahead(void);
void scene_phases(void);
void scene_rumour(void);

// reuse.c: its trap
void scene_reuse(void);
void scene_sense(void);

// made.c: once
void scene_twice(void);
void scene_once(void);

#endif
