// cow.h - the scenes of mem/cow

#ifndef MEM_COW_H
#define MEM_COW_H

void scene_private(void); // file.c: a private mapping of a file
void scene_poke(void);
void scene_fork(void); // fork.c: who copies when
void scene_shared(void);
void scene_crowd(void); // crowd.c: a frame and ever fewer who map it
void scene_cost(void);  // cost.c: what a fork costs
void scene_spare(void);
void scene_huge(void); // huge.c: huge pages

#endif
