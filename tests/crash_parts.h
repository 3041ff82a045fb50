// crash_parts.h - what the files of the suite crash share
//
// An edit is played once on a recorder. From what was recorded every state is
// built in which a loss of power may have left the image, and judged.

#ifndef CRASH_PARTS_TESTS_H
#define CRASH_PARTS_TESTS_H

#include <stdint.h>

#include "fs/ext2/ext2.h"
#include "random.h"
#include "tests.h"

extern char crash_folder[64]; // in memory, if there is such a place

void make_crash_folder(void);
void remove_crash_folder(void);

// ## Images (crash_parts.c)

struct crash_bytes {
	uint8_t *bytes;
	size_t n;
};

struct crash_bytes bytes_of_device(struct device *);
struct device *device_of_bytes(const struct crash_bytes *);

// ## Trees: a line a file, sorted by path

struct tree_row {
	char *path;
	char *line; // everything about it, path and content included
	uint16_t mode;
	uint64_t size,
		content; // of a file: a hash of it; of a symlink, its target's
	uint64_t others; // a hash of attributes, owner, device
};

struct tree {
	struct tree_row *row;
	size_t count, room;
};

// 0, or -errno of the first thing that could not be read.
int tree_of_fs(struct ext2 *, struct tree *);
int tree_of_device(struct device *, struct tree *); // a log replayed in memory
int tree_of_folder(const char *folder, struct tree *);
void tree_clear(struct tree *);
const struct tree_row *crash_tree_find(const struct tree *, const char *path);

// NULL, or the first difference; in a static place.
const char *tree_difference(const struct tree *, const struct tree *);

// ## States (crash_states.c)

struct crash_point {
	enum {
		POINT_PREFIX,
		POINT_TORN,
		POINT_MISSING,
		POINT_ALONE,
		POINT_SUBSET,
		POINT_SECTORS
	} kind;
	size_t first, end; // the writes between two flushes
	size_t which;  // of them: the first that is not there; the torn one ...
	uint64_t torn; // bytes of it that are there
	uint64_t seed; // of a subset
};

// Calls `each` with about `wanted` of the states (0: all of them), chosen by the
// seed, and two more for each window, where the order matters most. Returns how
// many there are in all; *seen of them were chosen.
uint64_t crash_states(const struct crash_bytes *base, const struct recording *,
		      uint64_t wanted, uint64_t seed, uint64_t *seen,
		      void (*each)(void *context, const struct crash_bytes *,
				   const struct crash_point *),
		      void *context);
const char *crash_point_text(const struct crash_point *); // static

// Bytes of one state: what came before `end` (of all items).
struct crash_bytes crash_prefix(const struct crash_bytes *base,
				const struct recording *, size_t end);

// ## Judges no one here wrote (crash_judges.c)

bool have_e2fsck(void);
#define NO_E2FSCK "no e2fsck"

// The status of e2fsck with these options on the file; what it said is static.
int e2fsck(const char *options, const char *path, const char **said);

const char *crash_image(void); // where judges find it
void put_sector_bytes(const char *path, const struct crash_bytes *);
struct crash_bytes get_bytes(const char *path);

// Mounts the image (which replays its log), reads its tree. -errno; -ENODEV: this
// host mounts nothing.
int tree_of_kernel(const char *path, bool journal, struct tree *);

// ## Edits (crash_edits.c)

struct crash_kind {
	const char *name;
	uint32_t block_bytes;
	uint64_t blocks, journal;
	uint32_t inodes;
};

enum { CRASH_KINDS = 2 }; // blocks of 1 and of 4 KiB
extern const struct crash_kind crash_ordered[CRASH_KINDS];
extern const struct crash_kind crash_journal[CRASH_KINDS];

struct crash_edit {
	const char *name;
	int (*prepare)(struct ext2 *); // besides what all images hold; or NULL
	int (*edit)(struct ext2 *);
	bool large; // needs more than the log of the first kind, and no other
};

extern const struct crash_edit crash_edits[];
extern const int crash_edit_count;
const struct crash_edit *crash_edit_called(const char *name);

// An image as it is before the edit.
struct crash_bytes crash_base(const struct crash_kind *,
			      const struct crash_edit *);
// Opens, edits, commits, closes; *decided as ext2_decided says in the end.
int crash_play(struct device *, const struct crash_edit *, bool *decided);

// ## Judging states (crash_verdict.c)

struct judge {
	const char *edit, *kind;
	bool journal;
	struct tree before, after;
	struct device *device, *work; // for all states: they have their memory
	struct random random;
	uint32_t e2fsck_of, kernel_of; // one of so many
	bool no_kernel;
	uint64_t states, in_all, judged_e2fsck, judged_kernel, failures;
	char first[4000];
	const struct crash_bytes *state;
	const char *where;
};

void judge_begin(struct judge *, const char *edit, const struct crash_kind *,
		 const struct crash_bytes *before,
		 const struct crash_bytes *after);
// What a complaint is about, from here on.
void judge_looks_at(struct judge *, const struct crash_bytes *state,
		    const char *where);
void judge_state(struct judge *, const struct crash_bytes *state,
		 const char *where);
// The same, for crash_states; the context is the judge.
void judge_point(void *context, const struct crash_bytes *state,
		 const struct crash_point *point);
void crash_wrong(struct judge *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
// Says what was seen, in a soak, and that nothing was wrong; `what` was judged.
void judge_end(struct judge *, const char *what);

// ## A program, call by call (crash_traced.c)

struct traced {
	const char *image; // its path; others of the same folder are told apart
	int kill_at;       // SIGKILL before this of the calls; -1: none

	struct recording recording; // what it did to the image
	// A letter for each call that changes something, in their order:
	//     W C F   written to the image, a hole made in it, flushed
	//     U u     written to IMAGE.undo, flushed
	//     T t     a new file (without a name, or .IMAGE.being-made) likewise
	//     L R X   linked, renamed, removed
	//     D       the folder flushed
	//     E       the end of the program
	//     ?       something else was done to the image
	char *calls;
	size_t count;
	int exit; // its status; -1: killed
};

// argv[0] is a path. Returns false where nobody may be traced.
bool run_traced(struct traced *, char *const argv[]);
void traced_clear(struct traced *);
#define NO_TRACING "programs cannot be traced here (ptrace(2))"

// ## Commands of the program (crash_commands.c)

void add_crash_command_tests(TCase *tests);

// ## Repairs (crash_repair.c)

// Makes an image wrong in many places.
void crash_damage(struct device *);

void add_crash_repair_tests(TCase *tests);

#endif
