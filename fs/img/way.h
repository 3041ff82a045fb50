// way.h - how a block of a file is found: the pointers from its inode on
#ifndef WAY_H
#define WAY_H

#include "fs/img/img.h"

struct way {
	struct ext2_map_step step[8];
	int steps; // or -errno
	int slot;  // of i_block; -1: extents
};
void way_find(struct session *, const struct ext2_inode *, uint64_t logical,
	      struct way *);

// "i_block[13] = 5040, there at byte 8 = 5041, there at byte 296": all that is read
// before the block itself. To be freed.
char *way_text(const struct way *);

// [{"holder": 134, "offset": 296, "value": 5040}, ...]: the last value is the block.
json_t *way_json(const struct way *);

#endif
