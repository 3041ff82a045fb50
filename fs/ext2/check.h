// check.h - does an image hold together, and what would make it so
//
// As e2fsck(8): superblock and descriptors (with copies), journal, inodes and
// their block maps, blocks that two claim, directories, the tree, link counts,
// bitmaps and counts. Trusts nothing that the other layers trust: it reads the
// device itself, and every number is looked at before it is used.
//
// The walk stays O(blocks + entries) in time and a few bits a block in memory,
// whatever a hostile image says.

#ifndef EXT2_CHECK_H
#define EXT2_CHECK_H

#include "fs/ext2/device.h"
#include "fs/ext2/layout.h"

// Repair or not, and what may be done without asking (fsck -p).
struct finding {
	const char *code;   // "inode-bitmap", "double-block": stable, for tests
	bool safe;          // preen: nobody loses anything by the repair
	bool pending;       // no fault: a log, played in memory for this check
	uint64_t block;     // 0: none
	uint32_t inode;     // 0: none
	const char *path;   // "/home/x" as far as known, or NULL
	const char *text;   // a sentence: what is wrong
	const char *repair; // what the repair does: "clears the entry"
};

struct check_options {
	bool repair;
	bool force;           // also when the superblock says that it is clean
	uint64_t super_block; // 0: the first, and a copy when that is no good
	uint32_t block_bytes; // with super_block; 0: found out
	int threads;          // for reading; 0: as many as help

	// Asked for each finding when repair is set; true: do it. NULL: all.
	bool (*agree)(void *context, const struct finding *);
	void (*found)(void *context, const struct finding *, bool repaired);
	void (*progress)(void *context, const char *phase, double share);
	void *context;
};

struct check_result {
	uint64_t findings, repaired, left; // left: not repaired
	bool played;                       // a log that was pending, in memory
	bool was_clean; // the superblock said so, and nothing was read
	uint32_t inodes, used_inodes, directories, files, links, fragmented;
	uint64_t blocks, used_blocks;
};

// 0, or -errno: -EINVAL no superblock can be found, -EIO, -ENOTSUP a feature that
// is not in ext2_checked, or a journal on another device. Repairs are written to
// `device`: give an overlay, and apply it when all went well.
int ext2_check(struct device *device, const struct check_options *options,
	       struct check_result *result);

// Features (compat, incompat, ro_compat) that are understood here.
extern const uint32_t ext2_checked[3];

#endif
