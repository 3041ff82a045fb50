// pieces.h - what each block of an image is for
//
// The image's blocks in pieces: runs that serve the same purpose of the same
// inode. Blocks that no piece names are free (or leaked: img fsck).

#ifndef PIECES_H
#define PIECES_H

#include <stdint.h>

#include "fs/img/img.h"

enum piece_kind {
	PIECE_BOOT,
	PIECE_SUPER,
	PIECE_DESCRIPTORS,
	PIECE_RESERVED, // kept for more descriptors
	PIECE_BLOCK_BITMAP,
	PIECE_INODE_BITMAP,
	PIECE_INODE_TABLE,
	PIECE_JOURNAL,
	PIECE_DIRECTORY,
	PIECE_DATA,
	PIECE_SYMLINK,
	PIECE_MAP, // indirect blocks, extent nodes
	PIECE_XATTR,
	PIECE_KINDS
};

struct piece {
	enum piece_kind kind;
	uint64_t first, blocks;
	uint32_t group;   // of what belongs to a group
	uint32_t inode;   // of what belongs to an inode
	uint64_t logical; // the file's block that stands (or is mapped) first
	int level;        // PIECE_MAP: 1 points at data
};

extern const char *const piece_words[PIECE_KINDS]; // "inode table"

// Of the whole image, group by group, then inode by inode. What cannot be read is
// said, and left out: the first such error is returned in the end. `each` may
// stop it by returning other than 0, which is returned.
int pieces_each(struct session *,
		int (*each)(void *context, const struct piece *),
		void *context);

// Fragmentation: files and directories with blocks, their runs, and those with
// more than one. All zeros before the first piece.
struct scatter {
	uint64_t files, runs, split;
	struct {
		uint32_t inode;
		uint64_t next; // the block after its last one
		unsigned maps; // blocks of the map that may come before it
		bool split;
	} last;
};
void scatter_note(struct scatter *, const struct piece *, uint32_t block_bytes);

#endif
