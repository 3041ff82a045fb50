// ordered.h - what ordered.c, ordered_dirs.c and ordered_log.c share

#ifndef EXT2_ORDERED_H
#define EXT2_ORDERED_H

#include "fs/ext2/fs.h"

struct rank { // an inode that appears or vanishes, and when
	uint32_t ino, parent, level;
};

struct ranks {
	struct rank *rank; // by ino
	size_t count;
	uint32_t levels; // from 1 to this
};

struct spot_in_block { // an entry: where, and how far its name reaches
	uint32_t at, end;
	uint32_t ino;
	bool added; // put back; see union_of
};

struct ordered {
	struct ext2 *fs;
	uint8_t *disk, *mixed;                 // a block each
	struct spot_in_block *was, *is, *both; // the entries of one
	struct ranks born, dead;
	uint32_t level;
	bool hard;    // no order of writes is safe
	bool flips;   // an entry gets another inode, or another name its place
	bool removes; // an entry goes
};

// NULL: not among them.
const struct rank *rank_of(const struct ranks *ranks, uint32_t ino);

// ## Directory blocks that the disk has already (ordered_dirs.c)

// Sets hard, flips, removes.
int dirs_look(struct ordered *o);
int dirs_write_slack(struct ordered *o); // what no entry of the disk reaches
int dirs_write_both(struct ordered *o);  // all entries, the old and the new
int dirs_write_flips(struct ordered *o); // those that change do
int dirs_write_last(struct ordered *o);  // as they are to be; clean then

// ## A log for this transaction alone (ordered_log.c). An error with *begun false:
// there cannot be one (-ENOSPC, -ENOTSUP ...), and nothing has been written.
int log_once_commit(struct ext2 *fs, bool *begun);

#endif
