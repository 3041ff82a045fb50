// scenes.h - the scenes of sync/readers

#ifndef SYNC_READERS_SCENES_H
#define SYNC_READERS_SCENES_H

// turns.c: who is let in next
void scene_share(void);
void scene_writers(void);
void scene_readers(void);
void scene_fair(void);

// torn.c: readers that write nothing
void scene_torn(void);
void scene_seqlock(void);

#endif
