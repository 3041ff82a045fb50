// fsck_parts.h - what the files of the suite fsck share
//
// An image of each kind is made once a test, with every structure that there is
// to damage. It stays as it is; damage is done to copies in memory. Where things
// are is looked up in the sound image.

#ifndef FSCK_PARTS_H
#define FSCK_PARTS_H

#include "fs/ext2/check.h"
#include "fs/ext2/ext2.h"
#include "tests.h"

void fsck_corpus_tests(Suite *suite);   // fsck_corpus.c
void fsck_program_tests(Suite *suite);  // fsck_program.c
void fsck_damage_tests(Suite *suite);   // fsck_damage.c
void fsck_combined_tests(Suite *suite); // fsck_corpus_combined.c
void fsck_clean_tests(Suite *suite);    // fsck_corpus_clean.c
void fsck_limit_tests(Suite *suite);    // fsck_corpus_limits.c

// ## Images (fsck_corpus_image.c)

enum {
	KIND_JOURNAL = 1,
	KIND_NO_JOURNAL = 2,
	KIND_RESIZE = 4,
	KIND_COPY = 8,        // several groups
	KIND_THREE = 16,      // groups, one of them without a copy
	KIND_TWO_LEVELS = 32, // of an index
	KIND_ONE = 64,        // group
};

struct corpus_kind {
	const char *name;
	const char *options, *size; // of mke2fs
	uint32_t block_bytes;
	unsigned has;
};

enum { CORPUS_KINDS = 7 };
extern const struct corpus_kind corpus_kinds[CORPUS_KINDS];

struct corpus {
	const struct corpus_kind *kind;
	struct device *sound; // and what is mapped by
	struct ext2 *fs;
	struct device *device; // an overlay: the copy, to be damaged
	uint64_t *chunk;       // of 4 KiB, that are not all zeros
	size_t chunk_count;
};

void corpus_set_up(void); // a folder, for content_... and crash_...
void corpus_tear_down(void);
void corpus_make(struct corpus *corpus, const struct corpus_kind *kind);
void corpus_copy(struct corpus *corpus); // a new one, sound
void corpus_free(struct corpus *corpus);
void corpus_put_file(struct corpus *corpus, const char *path); // the copy

// Where things stand, in bytes of the image.
uint32_t corpus_ino(const struct corpus *, const char *path);
uint64_t corpus_inode(const struct corpus *, uint32_t ino);
uint64_t corpus_group(const struct corpus *, uint32_t group); // descriptor
uint64_t corpus_entry(const struct corpus *, const char *path);
// Blocks: of data; of the map (level 1 to 3); of attributes.
uint32_t corpus_block(const struct corpus *, const char *path,
		      uint64_t logical);
uint32_t corpus_map_block(const struct corpus *, const char *path, int level);
uint32_t corpus_xattr_block(const struct corpus *, const char *path);
uint64_t corpus_log(const struct corpus *); // the journal's superblock
uint32_t corpus_free_block(const struct corpus *);

// Numbers of 1, 2 or 4 bytes, little-endian: read of the sound image, so that damage
// done before does not mislead.
uint32_t corpus_get(const struct corpus *, uint64_t at, int bytes);
void corpus_put(struct corpus *, uint64_t at, int bytes, uint32_t value);
void corpus_zero(struct corpus *, uint64_t at, uint64_t bytes);

// What `first` holds and `second` does not, NULL if nothing; the caller's. The
// content of the file `spoilt` (or NULL) does not count (fsck_corpus_trees.c).
char *corpus_lost(struct device *first, struct device *second,
		  const char *spoilt);

// ## Damage

// How the verdict of e2fsck 1.47.0 differs from ours.
enum {
	// e2fsck -fn exits with 0. It does not look into copies, the list of
	// orphans and the log when it may not write; it follows the groups' counts
	// without a word; and to some questions it lets "no" pass (times in the
	// future, fields of a journal or a resize inode that is not there).
	QUIET = 1,
	// All of the sound image has to be kept: e2fsck loses of it (it reads
	// inodes from the wrong places, drops attributes, takes a fast symlink for
	// one with blocks, or gives a directory's names to another).
	INTACT = 2,
	NO_JUDGE = 4, // e2fsck does not come to an end
	EITHER = 8,   // e2fsck -fn finds something, or nothing
	NO_COMPARING = 16,
	ALONE = 32,   // beside other damage e2fsck decides otherwise
	SEVERAL = 64, // where e2fsck gives up there is no comparing
};

struct damage {
	const char *name;
	const char *codes; // that are found, among others
	unsigned flags;
	unsigned needs;     // KIND_...
	const char *spoils; // a file whose content nobody can keep
	// Either bytes are changed:
	enum spot {
		AT_NONE,
		AT_SUPER,
		AT_COPY,  // superblock of group 1
		AT_GROUP, // descriptor 0
		AT_INODE, // of `path`, or number `number`
		AT_NUMBER,
		AT_ENTRY, // of `path` in its directory
		AT_BLOCK, // block `number` of the content of `path`
		AT_MAP,   // the map's first block of level `number`
		AT_XATTR, // the block of attributes
		AT_LOG
	} at;
	const char *path;
	uint32_t number;
	uint32_t offset;
	int bytes;
	enum how { SET, FLIP, ADD } how;
	uint32_t value;
	// ... or this is done:
	void (*by)(struct corpus *);
};

void damage_do(struct corpus *, const struct damage *);
bool damage_possible(const struct corpus *, const struct damage *);

// ## Judging (fsck_corpus.c)

struct told {
	char codes[4000]; // " code code"
	char text[8000];
	int count;
};
// ext2_check, with -f, and what it tells.
int corpus_look(struct device *, bool repair, struct told *told,
		struct check_result *result);

// The damage has been done. NULL, or what is wrong with how it was found and
// repaired; the caller's.
char *corpus_judge(struct corpus *, const struct damage *);

extern const struct damage corpus_fields[]; // fsck_corpus_fields.c
extern const int corpus_field_count;
extern const struct damage corpus_structures[]; // fsck_corpus_structures.c
extern const int corpus_structure_count;

#endif
