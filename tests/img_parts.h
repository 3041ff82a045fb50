// img_parts.h - what the files of the suite img share
//
// The program is played as its users play it: by a shell, in a folder of its own,
// where `img` is the program and e2fsck, debugfs, mke2fs are found.

#ifndef IMG_PARTS_TESTS_H
#define IMG_PARTS_TESTS_H

#include <stdbool.h>

#include "tests.h"

extern char img_folder[64]; // in memory, if there is such a place

void img_set_up(void);
void img_tear_down(void);

// SKIPs a test where the judges are not to be had:
//     if (!img_judges())
//             SKIP(IMG_NEEDS);
bool img_judges(void);
#define IMG_NEEDS "needs mke2fs, e2fsck and debugfs (package e2fsprogs)"

// A script, in the folder. img_text: it ends with 0, and this is what it printed
// (to be freed). img_do: the same, and nobody wants to know.
struct outcome img_shell(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
char *img_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define img_do(...) free(img_text(__VA_ARGS__))

// The script prints just this.
void img_prints(const char *expected, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// It ends with `status`, prints nothing, and says one line, in which the words
// stand.
void img_fails(int status, const char *words, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void img_clean(const char *image); // e2fsck -fn has nothing to say

// A tree of everything that is hard to keep, as FOLDER/name; as root with devices,
// foreign owners and capabilities.
void img_hard_tree(const char *name);
// The two are the same in everything (tree_compare.h).
void img_same(const char *a, const char *b);

// Bytes in a file of the folder: puts `with` in place of each `what` (of the same
// length). At least one must be there.
void img_patch(const char *file, const char *what, const char *with);

// The suite's cases.
void add_img_look_tests(Suite *);
void add_img_edit_tests(Suite *);
void add_img_copy_tests(Suite *);
void add_img_hostile_tests(Suite *);
void add_img_trouble_tests(Suite *);
void add_img_kernel_tests(Suite *);
void add_img_attack_tests(Suite *);

#endif
