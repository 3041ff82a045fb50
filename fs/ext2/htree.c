// htree.c - the index of a large directory
#include "fs/ext2/directory.h"

#include <errno.h>

bool htree_usable(struct ext2 *fs, const struct ext2_inode *inode)
{
	(void)fs;
	(void)inode;
	return false;
}
int htree_find(struct ext2 *fs, const struct ext2_inode *inode,
	       const char *name, size_t length, struct spot *spot)
{
	(void)fs; (void)inode; (void)name; (void)length; (void)spot;
	return -EUCLEAN;
}
int htree_room(struct ext2 *fs, struct ext2_inode *inode, const char *name,
	       size_t length, bool split, struct spot *spot)
{
	(void)fs; (void)inode; (void)name; (void)length; (void)spot; (void)split;
	return -EUCLEAN;
}
int htree_build(struct ext2 *fs, struct ext2_inode *inode)
{
	(void)fs; (void)inode;
	return -ENOSPC;
}
