// content_parts.h - what the files of the suite "content" share
//
// Images are made by mke2fs and filled by debugfs, so that files can be written
// by inode number without any of the layer above; a file's model is a sparse file
// of the host.

#ifndef CONTENT_PARTS_H
#define CONTENT_PARTS_H

#include "fs/ext2/fs.h"
#include "random.h"
#include "tests.h"

enum { FIRST_FILE = 12 }; // the inode of the first file, /f0

extern char content_folder[64]; // of this test
extern char content_image[96];

void content_set_up(void);
void content_tear_down(void);

// Whether e2fsprogs is there; a test that needs it says
//     if (!content_judges()) SKIP(CONTENT_NEEDS);
bool content_judges(void);
#define CONTENT_NEEDS "needs mke2fs, e2fsck and debugfs"

// The image, with empty files /f0 ... as inodes 12 ...
void content_make_image(const char *options, const char *size, int files);

// A command in the folder; its exit status must be 0. The output is the caller's.
char *content_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define content_do(...) free(content_shell(__VA_ARGS__))

struct content_image {
	struct device *device;
	struct ext2 *fs;
};
struct content_image content_open(int flags);
void content_close(struct content_image *image);
void content_commit(struct content_image *image);

void content_check(void); // e2fsck -fn finds nothing

// A file of the host, sparse; islands of random bytes.
int content_model(void);
int content_model_copy(int model);
void content_fill(struct random *random, uint8_t *bytes, size_t n);
void content_island(int model, struct random *random, uint64_t offset,
		    size_t n);

bool content_zeros(const uint8_t *bytes, size_t n);

// Where a map changes its form, in blocks: the first that needs single, double
// and triple indirection, and the first beyond.
struct content_edges {
	uint64_t at[4];
};
struct content_edges content_edges(uint32_t block_bytes);

// The file is the model: size, content, holes, and i_blocks counts what it has.
void content_compare(struct ext2 *fs, uint32_t ino, int model);
// Two files of the host are the same.
void content_compare_files(int a, int b);

// Runs `work` in a child that has the image mounted at `folder`; true when it
// returned NULL. Else *why (the caller's) says what it returned. Needs root.
bool content_mounted(const char *options,
		     const char *(*work)(const char *folder, void *context),
		     void *context, char why[256]);

TCase *content_model_case(void);   // content_model.c
TCase *content_xattr_case(void);   // content_xattr.c
TCase *content_hostile_case(void); // content_hostile.c

#endif
