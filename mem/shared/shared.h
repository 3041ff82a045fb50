// shared.h - the scenes of mem/shared

#ifndef MEM_SHARED_H
#define MEM_SHARED_H

void scene_ways(void); // ways.c: five ways to one frame
void scene_seal(void); // seal.c: a promise about it
void scene_text(void); // text.c: programs and libraries
void scene_data(void);
void scene_pss(void);   // pss.c: whose memory is it
void scene_merge(void); // merge.c: KSM

#endif
