// directory_parts.h - what the files of the suite "directory" share; see
// content_parts.h and ext2_parts.h

#ifndef DIRECTORY_PARTS_H
#define DIRECTORY_PARTS_H

#include "ext2_parts.h"
#include "fs/ext2/directory.h"

// What a new file is to be.
struct ext2_inode wanted(uint16_t mode);

uint32_t make_dir(struct ext2 *fs, uint32_t parent, const char *name);
uint32_t directory_make_file(struct ext2 *fs, uint32_t parent,
			     const char *name);

// -errno, or 0 and what it is.
int find_name(struct ext2 *fs, uint32_t dir, const char *name, uint32_t *ino);

// The i-th of many names: readable, of different lengths.
size_t many_name(uint32_t i, char name[NAME_LONGEST + 1]);

// An image of `bytes` in content_image, empty, open as a fresh one.
struct content_image fresh_image(uint32_t block_bytes, uint64_t blocks,
				 uint32_t inodes, uint64_t journal);

bool has_index(struct ext2 *fs, uint32_t dir);

TCase *directory_tables_case(void);  // directory_tables.c
TCase *directory_model_case(void);   // directory_model.c
TCase *directory_index_case(void);   // directory_index.c
TCase *directory_hostile_case(void); // directory_hostile.c

#endif
