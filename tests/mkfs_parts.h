// mkfs_parts.h - what the files of the suite mkfs share
//
// A folder for each test, a tree with everything that is hard to keep, and judges
// that no one here wrote: e2fsck, debugfs, dumpe2fs, and the kernel that mounts.

#ifndef MKFS_PARTS_H
#define MKFS_PARTS_H

#include <stdint.h>

#include "tests.h"

extern char mkfs_folder[64]; // of this test, where holes are known

// A case whose tests have such a folder, and no limit of time.
TCase *mkfs_case(const char *name);

// A shell command, in the folder, with $IMG and the judges in PATH; its standard
// error goes where its output goes. The caller's.
struct outcome mkfs_shell(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
// The same; it must end with `status`.
void mkfs_expect(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
// ... and say `text`.
void mkfs_expect_text(int status, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

bool mkfs_have(const char *program);
#define MKFS_NEEDS "needs e2fsprogs"

// A tree below the folder. Root makes more of it: devices, owners, trusted
// attributes, a capability.
void mkfs_hard_tree(const char *name, int entries);

// e2fsck -fn finds nothing in an image of the folder.
void mkfs_check(const char *image);

// The image, mounted by the kernel, is just like the tree. Without root: e2fsck
// alone. Returns false where it could not be mounted.
bool mkfs_compare(const char *image, const char *tree);

// A number that dumpe2fs -h prints ("Free blocks").
uint64_t mkfs_number(const char *image, const char *name);

// How many names the folder has.
int mkfs_names(void);

void add_mkfs_back_tests(Suite *suite);    // mkfs_back.c
void add_mkfs_size_tests(Suite *suite);    // mkfs_sizes.c
void add_mkfs_tar_tests(Suite *suite);     // mkfs_tars.c
void add_mkfs_trouble_tests(Suite *suite); // mkfs_trouble.c

#endif
