// content.h - what map.c, extents.c, content.c, xattr.c and acl.c share
//
// A supply hands out blocks for one piece of work. Its owner says how many the
// work will take in all, so that the allocator is asked for all of them at once,
// and data and the indirect blocks in between come out as one row.

#ifndef EXT2_CONTENT_H
#define EXT2_CONTENT_H

#include "fs/ext2/fs.h"

struct supply {
	uint64_t goal; // where the next one should lie; 0: no wish
	uint64_t want; // how many more will be asked for
	uint64_t next; // in hand: from here on
	uint32_t left; // so many
};

// Up to `most` blocks in a row. -ENOSPC.
int supply_take(struct ext2 *fs, struct supply *supply, uint32_t most,
		uint64_t *first, uint32_t *got);
// Gives back what is in hand.
void supply_end(struct ext2 *fs, struct supply *supply);

// Gives back blocks that nothing points at yet. Where that fails they are lost to
// this transaction, which then cannot be committed.
void content_give_back(struct ext2 *fs, uint64_t first, uint32_t count);

// ## map.c

// Blocks that writing [from, end) takes: those of holes and of data that must not
// be overwritten, and the indirect blocks that do not exist yet.
int map_need(struct ext2 *fs, const struct ext2_inode *inode, uint64_t from,
	     uint64_t end, uint64_t *need);

// Makes the indirect blocks for `logical`. *room: how many blocks from there on
// have their pointer in the same place.
int map_prepare(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical,
		struct supply *supply, uint64_t *room);

// map_set with indirect blocks from a supply, which may turn out too small.
int map_put(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical,
	    uint64_t physical, uint64_t blocks, struct supply *supply);

// The largest size of a file, in blocks.
uint64_t map_limit(const struct ext2 *fs);

// The blocks of a file by its size.
uint64_t inode_file_blocks(const struct ext2 *fs,
			   const struct ext2_inode *inode);

// ## extents.c

int extent_run_at(struct ext2 *fs, const struct ext2_inode *inode,
		  uint64_t logical, uint64_t end, struct ext2_run *run);
int extent_map_blocks(struct ext2 *fs, const struct ext2_inode *inode,
		      int (*each)(void *context, const struct ext2_map_block *),
		      void *context);
int extent_map_path(struct ext2 *fs, const struct ext2_inode *inode,
		    uint64_t logical, struct ext2_map_step step[8]);

// ## gather.c

enum { XATTRS_SHARED = 32 };

struct content {
	uint8_t *bytes;  // data that wait to be written
	uint64_t block;  // to here
	uint32_t blocks; // so many
	uint64_t last;   // behind the last that was allocated for a new file
	// Blocks of attributes that others may share, those written last.
	struct {
		uint64_t block;
		uint32_t hash;
	} shared[XATTRS_SHARED];
	unsigned next_shared;
};

int content_make(struct ext2 *fs); // if it is not there yet

// Blocks of data are about to be freed, or to be read or written past the buffer
// of data that waits to be written.
int content_settle(struct ext2 *fs, uint64_t first, uint64_t count);

// Room for `count` blocks of which the first is `block`, in the buffer; NULL and
// *error where they must go to the device.
uint8_t *content_gather(struct ext2 *fs, uint64_t block, uint64_t count,
			int *error);

// n bytes from `offset` in the block on, over neighbours.
int content_fetch(struct ext2 *fs, uint64_t block, uint32_t offset, void *bytes,
		  size_t n);

// ## content.c

// From an inode in memory. As ext2_read.
int64_t content_read(struct ext2 *fs, const struct ext2_inode *inode,
		     uint64_t offset, void *bytes, size_t n);

// ## acl.c: between getxattr(2)'s form (version 2) and the disk's (version 1)

// The size, or -errno: -EINVAL. `disk` has room for `size` bytes. *mode: the
// permissions that the ACL means; *plain: it says no more than these.
int acl_to_disk(const void *value, size_t size, uint8_t *disk, uint16_t *mode,
		bool *plain);
// The size, or -EUCLEAN. `value` has room for 2 * size bytes; NULL: only checked.
int acl_from_disk(const uint8_t *disk, size_t size, uint8_t *value);

#endif
