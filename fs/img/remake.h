// remake.h - an image written anew beside itself (resize, defrag)
//
//     remake_open      the image, for writing: locked, its log replayed
//     remake           a new one of so many blocks, with all that is in it
//     remake_publish   the new one takes the name
//
// Until the last step the image is what it was; after it, the new one.

#ifndef REMAKE_H
#define REMAKE_H

#include "fs/img/img.h"

struct remade {
	struct device *device;
	struct ext2 *fs; // the new one, committed
	struct ext2_plan plan;
	struct ext2_numbers numbers;
};

// An exit status, having complained: for what lies inside a disk image, or on a
// block device, or has bytes behind it that are not its own.
int remake_open(struct session *);

// How a new image of so many blocks is to be made.
int remake_plan(struct session *, uint64_t blocks, struct ext2_plan *plan);

// 0 or -errno; on an error nothing is left of it. -ENOSPC: the new image is too
// small, or the host's file system is full.
int remake(struct session *, uint64_t blocks, const char *what,
	   struct remade *remade);
// The fewest blocks that do. Makes one that is large enough, and throws it away.
int remake_least(struct session *, uint64_t *blocks);

void remake_drop(struct remade *); // gives the new one up
// Closes both. An exit status, having complained.
int remake_publish(struct session *, struct remade *);

// Says why remake failed, other than -ENOSPC. Returns 1.
int remake_complain(const struct session *, int error);

#endif
