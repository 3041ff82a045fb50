// edits_parts.h - what the files of the suite edits share: a file system in
// memory, and edits that it, our library, our program and the kernel play alike

#ifndef EDITS_PARTS_H
#define EDITS_PARTS_H

#include <stdio.h>

#include "fs/ext2/ext2.h"
#include "random.h"
#include "tests.h"

// ## An edit

enum edit_kind {
	EDIT_MKDIR,
	EDIT_CREATE, // an empty file
	EDIT_PUT,    // a file with `size` bytes from `offset` on, a hole before
	EDIT_WRITE,
	EDIT_TRUNCATE,
	EDIT_SYMLINK, // `other` is what it says
	EDIT_MKNOD,
	EDIT_LINK, // `other` is the new name
	EDIT_UNLINK,
	EDIT_RMDIR,
	EDIT_RENAME, // to `other`
	EDIT_CHMOD,
	EDIT_CHOWN,
	EDIT_TIMES,
	EDIT_SET_XATTR,
	EDIT_REMOVE_XATTR,
	EDIT_KINDS
};
extern const char *const edit_words[EDIT_KINDS];

enum { EDIT_PATH = 4096, EDIT_PIECE = 300000, EDIT_VALUE = 3000 };

struct edit {
	enum edit_kind kind;
	char path[EDIT_PATH], other[EDIT_PATH];
	uint16_t mode;
	uint32_t uid, gid, major, minor;
	struct ext2_time atime, mtime, now;
	uint64_t offset, size;
	char name[64];        // of an attribute
	const uint8_t *bytes; // `size` of them, to be written
};

// Each returns 0 or -errno, as the kernel's system calls do.
int edit_by_library(struct ext2 *fs, const struct edit *);
int edit_by_kernel(int top, const struct edit *); // below the directory `top`
// One process or two; `folder` is for a source of put. What it said is not an
// error's name: -EIO.
int edit_by_program(const char *image, const char *folder, const struct edit *);
// The lines of a batch; false: it cannot be said in one.
bool edit_in_words(FILE *batch, const char *folder, int number,
		   const struct edit *);

// ## The model

struct model;

// `wide`: times have ns and years up to 2446.
struct model *model_new(uint32_t block_bytes, bool wide);
bool model_is_wide(const struct model *);
void model_free(struct model *);
struct model *model_copy(const struct model *);

// `dry`: what would happen, and nothing does.
int model_play(struct model *, const struct edit *, bool dry);
// All that an image holds.
void model_adopt(struct model *, struct ext2 *fs);

// A random name that is there: of a directory, of another file, of either (never
// / and /lost+found, unless a directory is wanted). false: none.
enum { PICK_DIRECTORY = 1, PICK_OTHER = 2 };
bool model_pick(const struct model *, struct random *, int what,
		char path[EDIT_PATH]);
struct model_look {
	uint32_t mode, links;
	uint64_t size, attribute_bytes;
	bool there;
} model_look(const struct model *, const char *path);
uint64_t model_names(const struct model *);

// ## A tree as somebody sees it: a line for each path, sorted

struct seen {
	char *path, *target;
	uint64_t id; // the same for names of one file
	uint32_t mode, uid, gid, links, major, minor;
	uint64_t size;                    // 0 for directories
	struct ext2_time time[4];         // a, m, c, cr
	uint64_t content, blocks, xattrs; // sums; blocks that have a place
};

struct sight {
	struct seen *item;
	size_t count, room;
	uint32_t block_bytes;
};

void see_model(struct sight *, const struct model *);
void see_library(struct sight *, struct ext2 *fs);
void see_mounted(struct sight *, const char *folder, uint32_t block_bytes);
void sight_free(struct sight *);
// NULL: none. Else the first difference, for the caller to free.
char *sight_difference(const struct sight *a, const struct sight *b);
// The times that only the image knows, after the kernel's edits.
void model_take_times(struct model *, const struct sight *);

// For who sees: a block of a file, an attribute.
void seen_block(struct seen *, uint64_t logical, const uint8_t *bytes,
		size_t n);
void seen_xattr(struct seen *, const char *name, const void *value, size_t n);
struct seen *sight_add(struct sight *, const char *path);
void sight_sort(struct sight *);

// ## The cases

TCase *edits_random_case(void); // edits_random.c

#endif
