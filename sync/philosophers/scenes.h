// scenes.h - the scenes of sync/philosophers

#ifndef SYNC_PHILOSOPHERS_SCENES_H
#define SYNC_PHILOSOPHERS_SCENES_H

void scene_deadlock(void);   // deadlock.c
void scene_conditions(void); // conditions.c
void scene_kernel(void);     // kernel.c: the kernel's own graph
void scene_victim(void);     // victim.c: broken by force
void scene_refusal(void);    // refusal.c: broken by who closes it
void scene_ordered(void);    // cures.c
void scene_waiter(void);
void scene_livelock(void); // backoff.c
void scene_backoff(void);
void scene_hygienic(void); // cures.c

// dine.c: a table of the reader's size.
int tool_dine(int argc, char **argv);

#endif
