// htree.h - what htree.c, htree_split.c and htree_build.c share

#ifndef EXT2_HTREE_H
#define EXT2_HTREE_H

#include "fs/ext2/directory.h"

enum {
	HTREE_FRAMES = 3, // root and nodes; more than two only with large_dir
	HTREE_INFO = 24,  // behind "." and ".."
	HTREE_ROOT_HEAD = HTREE_INFO + 8,
	HTREE_NODE_HEAD = ENTRY_HEADER,
	HTREE_BLOCK = 0x0fffffff, // bits of a number of a block
};

struct htree_frame {
	struct buffer *buffer;
	struct disk_htree_entry *entry;
	uint32_t limit, count;
	uint32_t at; // the way leads over this one
};

// From the root to the last node before the leaf.
struct htree_path {
	struct htree_frame frame[HTREE_FRAMES];
	int frames; // how many hold a buffer
	int version;
	uint32_t hash; // of the name
};

// Where a name is or has to go; the path is to be dropped in any case.
int htree_descend(struct ext2 *fs, const struct ext2_inode *inode,
		  const char *name, size_t length, struct htree_path *path,
		  uint64_t *leaf);
void htree_drop(struct htree_path *path);

uint32_t htree_limit(const struct ext2 *fs, bool root);
struct disk_htree_root *htree_info(uint8_t *bytes);
struct disk_htree_limit *frame_limit(const struct htree_frame *frame);
uint32_t frame_child(const struct htree_frame *frame, uint32_t i);
uint32_t frame_hash(const struct htree_frame *frame, uint32_t i);

#endif
