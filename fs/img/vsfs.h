// vsfs.h - the very simple file system of a course's worksheet
//
// A row of inodes and a row of blocks, a bitmap for each, first fit. A directory
// is a block of (name, inode); a file is empty or has one block with one letter.
// Operations are drawn from a seed as OSTEP's homework program does it, so that
// the worksheet's answers are ours, too; a full disk is an error that an
// operation returns, and not the end.
//
// Source: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, chapter "File System Implementation" and its
// homework.

#ifndef VSFS_H
#define VSFS_H

#include <stdbool.h>
#include <stdint.h>

#include "python_random.h"

enum {
	VSFS_ENTRIES = 32, // of a directory: 24 names and the two dots at most
	VSFS_MOST = 4096,  // inodes, and blocks
};

struct vsfs_entry {
	char name[3]; // ".", "..", "a"
	int inode;
};

struct vsfs_inode {
	char type;   // 'f', 'd'; '\0': free
	int address; // of its block, -1: none
	int references;
};

struct vsfs_block {
	bool used;
	char letter; // of a file's
	int count;   // of a directory's: entries
	struct vsfs_entry *entry;
};

struct vsfs_node { // a path of the generator's lists
	char *path;
	int inode;
};

struct vsfs {
	int inodes, blocks;
	struct vsfs_inode *inode;
	struct vsfs_block *block;
	struct vsfs_node *file, *dir;
	int files, dirs;
	struct python_random random;
};

enum vsfs_kind { VSFS_CREAT, VSFS_MKDIR, VSFS_UNLINK, VSFS_LINK, VSFS_APPEND };

struct vsfs_operation {
	enum vsfs_kind kind;
	char *path;   // of a link: the new one
	char *target; // of a link
	char letter;  // of an append
	int error;    // 0, or ENOSPC: nothing was changed
	char *why;    // a sentence: which inode and block, and why these
};

// Inodes and blocks, 1 to VSFS_MOST; root is there. 0 or -ENOMEM.
int vsfs_make(struct vsfs *fs, int inodes, int blocks, uint64_t seed);
void vsfs_free(struct vsfs *fs);

// Draws until an attempt succeeds or fails for want of room. 0 or -ENOMEM.
int vsfs_next(struct vsfs *fs, struct vsfs_operation *operation);
void vsfs_operation_free(struct vsfs_operation *operation);

bool vsfs_inodes_full(const struct vsfs *fs);
bool vsfs_blocks_full(const struct vsfs *fs);

#endif
