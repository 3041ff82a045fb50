// inject.h - damage of a named kind: the table (inject_kinds.c), where and how it
// is done (inject_pick.c, inject_harm.c), the command (inject.c), and what it tells
// (inject_tell.c)

#ifndef INJECT_H
#define INJECT_H

#include "fs/img/img.h"
#include "random.h"

enum { CHANGE_BYTES = 64 };

struct change { // one place of the image
	uint64_t offset;
	uint32_t n;
	uint8_t before[CHANGE_BYTES], after[CHANGE_BYTES];
	char *what; // "i_size of inode 14 (/home/x)"
};

// The image as it was is read through session->fs; damage goes to `out`.
struct injection {
	struct session *session;
	struct ext2_numbers numbers;
	struct device *out;
	struct random random;
	struct change *change;
	size_t count, room;
	uint32_t *used; // inodes that were damaged: left alone from now on
	size_t used_count, used_room;
	uint8_t *block; // one, for short use
};

struct kind {
	const char *name;      // "entry-type"
	const char *structure; // "directory entry"
	const char *text;  // what is wrong: a sentence without its full stop
	const char *codes; // of img fsck's findings, one of which is there
	// Words of what e2fsck -fn says (1.47.0); NULL: nothing, because of `quiet`.
	const char *judge, *quiet;
	bool gives_up;     // it does not mend that, unless told of a copy (-b)
	const char *needs; // what an image must have for it
	bool alone;        // hides or alters what else is damaged
	int (*harm)(struct injection *,
		    const struct kind *); // -ENOENT: no place

	// Of kinds that are one field with a wrong value (harm_field):
	enum where {
		IN_SUPER,
		IN_COPY,
		IN_GROUP,
		IN_INODE,
		IN_RESERVED, // inode number `number`
		IN_ENTRY,
		IN_DIRECTORY, // at `number` of its first block
		IN_INDEX,     // the same, of one with an index
		IN_XATTR,
		IN_LOG,
	} where;
	const char *field;
	uint32_t offset, bytes;
	enum how { SET, ADD, FLIP } how;
	uint32_t value;
	uint32_t number;
	bool (*fits)(const struct injection *, const struct ext2_inode *);
};

extern const struct kind inject_kinds[]; // ends with name NULL

// ## Where (inject_pick.c). 0 or -errno; -ENOENT: there is none.

bool inject_used(const struct injection *, uint32_t ino);
void inject_use(struct injection *, uint32_t ino);

// Any one inode that fits, each as likely as the other.
int pick_inode(struct injection *,
	       bool (*fits)(const struct injection *,
			    const struct ext2_inode *),
	       struct ext2_inode *inode);

struct picked {
	uint32_t dir, ino;
	uint8_t type, name_len;
	char name[NAME_LONGEST + 1];
	uint64_t block;
	uint32_t offset, rec_len;
};
// An entry other than "." and ".." and lost+found, of one with type `type` (0: any).
int pick_entry(struct injection *, uint8_t type, struct picked *picked);
// A block or an inode that is (not) in use, as the bitmap says; not metadata.
int pick_block(struct injection *, bool in_use, uint64_t *block);
int pick_number(struct injection *, bool in_use, uint32_t *ino);

// The first block of a file's data (or that with this number).
int block_of(struct injection *, const struct ext2_inode *, uint64_t logical,
	     uint64_t *block);
int offset_of_inode(struct injection *, uint32_t ino, uint64_t *offset);
uint64_t offset_of_group(const struct injection *, uint32_t group);
char *inode_text(struct injection *, uint32_t ino); // "inode 14 (/home/x)"

// Changes bytes, and notes that.
int poke(struct injection *, uint64_t offset, const void *bytes, uint32_t n,
	 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
// A little-endian number of 1, 2 or 4 bytes.
int poke_number(struct injection *, uint64_t offset, uint32_t bytes,
		enum how how, uint32_t value, const char *what);
int peek(struct injection *, uint64_t offset, void *bytes, uint32_t n);
uint32_t peek_number(struct injection *, uint64_t offset, uint32_t bytes,
		     int *error);

int harm_field(struct injection *, const struct kind *);

// What inodes a kind fits, and kinds that are more than a field (inject_harm.c).
bool fits_file(const struct injection *, const struct ext2_inode *);
bool fits_plain(const struct injection *, const struct ext2_inode *);
bool fits_mapped(const struct injection *, const struct ext2_inode *);
bool fits_doubly_mapped(const struct injection *, const struct ext2_inode *);
bool fits_wide(const struct injection *, const struct ext2_inode *);
bool fits_directory(const struct injection *, const struct ext2_inode *);
bool fits_indexed(const struct injection *, const struct ext2_inode *);
bool fits_fast(const struct injection *, const struct ext2_inode *);
bool fits_special(const struct injection *, const struct ext2_inode *);
bool fits_attributes(const struct injection *, const struct ext2_inode *);
bool fits_inside(const struct injection *, const struct ext2_inode *);
int harm_block_lost(struct injection *, const struct kind *);
int harm_block_leaked(struct injection *, const struct kind *);
int harm_inode_lost(struct injection *, const struct kind *);
int harm_inode_leaked(struct injection *, const struct kind *);
int harm_padding(struct injection *, const struct kind *);
int harm_pointer_outside(struct injection *, const struct kind *);
int harm_map_outside(struct injection *, const struct kind *);
int harm_pointer_metadata(struct injection *, const struct kind *);
int harm_pointer_double(struct injection *, const struct kind *);
int harm_pointer_loop(struct injection *, const struct kind *);
int harm_entry_unused(struct injection *, const struct kind *);
int harm_entry_slash(struct injection *, const struct kind *);
int harm_entry_twice(struct injection *, const struct kind *);
int harm_directory_loop(struct injection *, const struct kind *);
int harm_dot_name(struct injection *, const struct kind *);
int harm_orphan(struct injection *, const struct kind *);
int harm_orphan_list(struct injection *, const struct kind *);

// ## The command (inject.c), and what it tells (inject_tell.c)

struct inject {
	struct session *session;
	const char **names; // of kinds
	int count;
	uint32_t random, exercise; // how many; 0: not asked for
	uint64_t seed;
	bool answers;
	const char *to, *keep_undo;
};

struct done { // one kind that was carried out
	const struct kind *kind;
	size_t first, changes; // in injection.change
};

struct found {
	char *code, *text, *repair;
	bool told;
};

struct work {
	struct inject *in;
	struct injection x;
	struct done *done;
	size_t count;
	struct found *found;
	size_t found_count, found_room;
};

int inject_list(bool json);
int inject_question(const struct work *, const char *copy);
int inject_answers(struct work *);

#endif
