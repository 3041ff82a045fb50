// explain_parts.h - what the files of the suite explain share
//
// The program's pages as JSON, what debugfs says to the same question, and the
// image's bytes themselves: the third judge between the two.

#ifndef EXPLAIN_PARTS_TESTS_H
#define EXPLAIN_PARTS_TESTS_H

#include <jansson.h>
#include <stdint.h>

#include "img_parts.h"

// x.img: what mke2fs -t TYPE -b BYTES makes of a tree with a chain of directories,
// symlinks, a file with holes and all levels of its map, a directory of 1200 names
// (e2fsck -D gives it an index).
struct explain_image {
	const char *type;
	int block_bytes;
};
enum { EXPLAIN_IMAGES = 7 };
extern const struct explain_image explain_images[EXPLAIN_IMAGES];
void explain_make(int which);

// A page, which must be one JSON value, and the exit status 0.
json_t *explain_json(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
int64_t explain_number(const json_t *object, const char *key);
const char *explain_text(const json_t *object, const char *key);

// What debugfs prints for a request; the first number behind `before` in it.
char *debugfs_says(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int64_t debugfs_number(const char *before, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// Bytes of x.img.
void explain_bytes(uint64_t at, void *bytes, size_t n);
void explain_put_bytes(uint64_t at, const void *bytes, size_t n);
uint32_t explain_le32(uint64_t at);
uint32_t explain_block_bytes(void); // of x.img, from its superblock

void add_explain_walk_tests(Suite *);
void add_explain_dump_tests(Suite *);
void add_explain_map_tests(Suite *);
void add_explain_script_tests(Suite *);

#endif
