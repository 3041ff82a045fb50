// ext2_parts.h - what the files of the suite "ext2" share; see content_parts.h

#ifndef EXT2_PARTS_H
#define EXT2_PARTS_H

#include "content_parts.h"

// Makes the image by mke2fs and reads it into memory; *bytes is the caller's.
struct device *image_in_memory(const char *options, const char *size);
// Writes what a device in memory holds to the image's file.
void image_to_file(struct device *memory);
uint8_t *device_bytes(struct device *device); // all of them, the caller's

// Opens, or fails the test.
struct ext2 *opened(struct device *device, int flags);

TCase *ext2_inode_case(void); // ext2_inodes.c
TCase *ext2_space_case(void); // ext2_space.c
TCase *ext2_cache_case(void); // ext2_cache.c

#endif
