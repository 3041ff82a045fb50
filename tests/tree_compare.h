// tree_compare.h - whether two trees of files are the same, in every attribute
//
// Type, mode, owner, size, times of last access and modification (ns), which names
// are links to one file, devices, extended attributes (ACLs and capabilities are
// such), holes, content. Not compared: times of change (nobody can set them), and
// when a symlink was last read. A directory lost+found at the top of `b` counts only
// if `a` has one, too.

#ifndef TREE_COMPARE_H
#define TREE_COMPARE_H

#include <stddef.h>

// How many differences there are; the first is described in `first`. What cannot be
// read is a difference. Reading leaves the times of last access as they are, where
// we may do that (O_NOATIME).
int tree_differences(const char *a, const char *b, char *first, size_t size);

#endif
