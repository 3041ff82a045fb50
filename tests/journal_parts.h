// journal_parts.h - what the files of the suite "journal" share

#ifndef JOURNAL_TESTS_PARTS_H
#define JOURNAL_TESTS_PARTS_H

#include <stdint.h>

#include "fs/ext2/fs.h"
#include "fs/ext2/log.h"
#include "random.h"
#include "tests.h"

extern char journal_folder[64]; // exists while a test runs

void journal_set_up(void);
void journal_tear_down(void);

// A command in the folder, with PATH and /usr/sbin. Returns its exit status, its
// output (both kinds) in *out, which is the caller's; out may be NULL.
int journal_shell(char **out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
// It must succeed.
void journal_do(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool journal_judges(void); // e2fsprogs is there
#define JOURNAL_NEEDS "needs mke2fs, e2fsck and debugfs"
bool journal_mounts(void); // the kernel is, too
#define JOURNAL_NEEDS_ROOT "needs root and loop devices"

struct image {
	uint8_t *bytes;
	size_t n;
};
struct image image_load(const char *name);
void image_save(const char *name, const struct image *image);
// A device in memory that holds it.
struct device *image_device(const struct image *image);
struct image image_of(struct device *device);
void image_free(struct image *image);

// Replays on the file; *found as journal_replay has it.
int replay_file(const char *name, uint64_t *found);

// Whether two images are the same in every block but superblocks and the journal
// (of `a`). `descriptors`: group descriptors have checksums, and whoever replays
// may set those anew, and bg_itable_unused. Says in `why` where they differ.
bool image_same(const struct image *a, const struct image *b, bool descriptors,
		char why[200]);

// ## Logs that a test makes (journal_made.c)

enum made_checksum { MADE_NONE, MADE_OLD, MADE_V2, MADE_V3 };

struct made_kind {
	uint32_t block_bytes;
	bool wide; // 64-bit tags
	enum made_checksum checksum;
};

struct made_count { // of what has been put into logs
	uint32_t transactions, torn, wrapped, revokes, escapes, descriptors;
	uint32_t lapped; // logs whose numbers go over 2^32
};

// Writes a log of random transactions into an image that has an empty one, and
// asks for recovery. Copies belong to free blocks from `home` on. *whole: how many
// transactions a replay has to find.
void made_log(struct image *image, const struct made_kind *kind,
	      struct random *random, uint64_t home, uint32_t homes,
	      struct made_count *count, uint32_t *whole);

TCase *journal_made_case(void);    // journal_made.c
TCase *journal_hostile_case(void); // journal_hostile.c
TCase *journal_commit_case(void);  // journal_commit.c
TCase *journal_large_case(void);   // journal_large.c

#endif
