// directory.h - what dir.c, table.c, hash.c, directories.c, entry.c,
// htree.c, names.c and path.c share
//
// ext2.h and fs.h say what they do for others.

#ifndef EXT2_DIRECTORY_H
#define EXT2_DIRECTORY_H

#include "fs/ext2/fs.h"

// ## Names in memory (table.c)

// Where the entry of a name stands, in units of 4 bytes from the beginning of the
// directory. 0, the place of ".", means that a slot is free.
struct table_slot {
	uint32_t hash, place;
};

struct table { // all zeros: empty
	struct table_slot *slot;
	uint32_t count;
	unsigned bits; // 1 << bits slots; 0: none
};

// Room for one more, so that the next table_add cannot fail. -ENOMEM.
int table_reserve(struct table *table);
void table_add(struct table *table, uint32_t hash, uint32_t place);
void table_remove(struct table *table, uint32_t hash, uint32_t place);
void table_free(struct table *table); // empty again
size_t table_bytes(const struct table *table);

// The places with a hash, one a call; 0: no more. *at is 0 before the first call.
uint32_t table_next(const struct table *table, uint32_t hash, uint64_t *at);

// ## Entries in a block (entry.c)

enum { ENTRY_LEAST = 12 };

// The entry at `offset`, with its rec_len; NULL: none that could stand there.
struct disk_entry *entry_at(const struct ext2 *fs, uint8_t *bytes,
			    uint32_t offset, uint32_t *rec_len);

static inline void entry_set_length(struct disk_entry *entry, uint32_t rec_len)
{
	entry->rec_len = put16(rec_len < 65536 ? rec_len : 65535);
}

static inline uint32_t entry_used(const struct disk_entry *entry)
{
	return get32(entry->inode) == 0 ? 0 : entry_bytes(entry->name_len);
}

// An empty block: one entry that is not in use.
void block_empty(const struct ext2 *fs, uint8_t *bytes);

// Where a name is, or where it could go.
struct spot {
	uint64_t logical, block;
	uint32_t offset;   // of the entry
	uint32_t previous; // of the one before it; none: equal to offset
	uint32_t hash;     // of the name, for the table
};

// Looks for a name: 1 and *offset, *previous; 0: not there; -EUCLEAN.
int block_find(const struct ext2 *fs, uint8_t *bytes, const char *name,
	       size_t length, uint32_t *offset, uint32_t *previous);

// Looks for an entry with `need` bytes behind it (or not in use and so long): 1
// and *offset; else 0 and *most, the most that there is. -EUCLEAN.
int block_room(const struct ext2 *fs, uint8_t *bytes, uint32_t need,
	       uint32_t *offset, uint32_t *most);

// Puts a name behind the entry at `offset`, or into it if it is not in use. Returns
// the new one's offset.
uint32_t entry_put(const struct ext2 *fs, uint8_t *bytes, uint32_t offset,
		   const char *name, size_t length, uint32_t ino,
		   enum entry_type type);

// ## Open directories (directories.c)

enum {
	OPEN_MOST = 48,
	TABLES_BYTES = 16 << 20,
	LARGE = 4,                   // blocks: more than these get an index
	RESERVE_ENTRY = ENTRY_LEAST, // bytes: it is never too much
	ROOM_UNIT = 4,
	ROOM_MOST = 255,
	NEEDS = (ENTRY_HEADER + NAME_LONGEST + 3) / ROOM_UNIT + 1,
};

struct dir_block {
	uint64_t block : 48, room : 8; // room in ROOM_UNITs, of the last
				       // block without what is behind its tail
};

struct directory {
	uint32_t ino;
	uint64_t used;
	bool indexed;    // no table: names are found through the index
	bool keeps_flag; // there is an index, but we do not rely on it
	bool changed;

	uint32_t loaded; // blocks when it was opened
	uint32_t blocks, block_room;
	struct dir_block *block;
	struct table names;
	uint32_t tail, tail_room; // offset; bytes
	bool tail_held;
	uint32_t from[NEEDS];
	uint64_t reserve; // blocks that it may grow by, in use already
	uint32_t reserved;

	bool touched;         // by dir_touch, at
	struct ext2_time now; // which made these of the inode's:
	le32 times[4];
};

struct directories {
	struct directory *open[OPEN_MOST];
	int count;
	uint64_t clock;
	struct table held; // blocks of the disk, see above
	uint32_t scanned;  // the last one that was searched without opening it
};

// The directory, open; it stays so while no other than one more is opened.
// -ENOTDIR, -ENOENT (it has no links left), -EUCLEAN.
int dir_open(struct ext2 *fs, uint32_t dir, struct directory **d);

// NULL: it is not open.
struct directory *dir_opened(struct ext2 *fs, uint32_t dir);
int directories_ready(struct ext2 *fs); // fs->directories is there

uint32_t text_hash(const char *text, size_t length);
bool is_held(const struct ext2 *fs, uint64_t block);
int hold_block(struct ext2 *fs, uint64_t block);

uint8_t room_units(uint32_t bytes);
// The block has so much room at least.
void note_room(struct directory *d, uint32_t logical, uint8_t units);
void settle_tail(struct directory *d);
struct dir_block *append_block(struct directory *d, uint64_t block);
uint32_t place_of(const struct ext2 *fs, uint64_t logical, uint32_t offset);

// ## Blocks of a directory (entry.c)

uint64_t dir_blocks(const struct ext2 *fs, const struct ext2_inode *inode);

// The block, pinned. -EUCLEAN: a hole, or behind the end.
int dir_get(struct ext2 *fs, const struct ext2_inode *inode, uint64_t logical,
	    struct buffer **buffer);

// `count` empty blocks more, all or none; *inode has been written. -ENOSPC.
int dir_grow(struct ext2 *fs, struct ext2_inode *inode, uint32_t count);
// Takes blocks from `blocks` on away again.
int dir_shrink(struct ext2 *fs, struct ext2_inode *inode, uint64_t blocks);

// ## Adding in two steps: what can fail for want of room is done in the first

struct adding {
	uint32_t dir;
	const char *name;
	size_t length;
	struct spot spot; // the entry behind which, or in which, it goes
};
int dir_prepare(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		struct adding *adding); // -EEXIST, -ENOSPC ...
int dir_put(struct ext2 *fs, const struct adding *adding, uint32_t ino,
	    enum entry_type type);

// "." and ".." for a directory that is not on the disk yet; `inode` is written.
int dir_begin(struct ext2 *fs, struct ext2_inode *inode, uint32_t parent);

// The directory is gone, or its blocks have changed by other hands.
void dir_forget(struct ext2 *fs, uint32_t dir);

// A block that ext2_expect_entries has set aside for it.
bool dir_reserved(struct ext2 *fs, uint32_t dir, uint64_t *block);

// mtime and ctime become now.
int dir_touch(struct ext2 *fs, uint32_t dir);

// ## Index (htree.c)

// Whether it has one that we may use: the flag, the feature, a root that is sane.
bool htree_usable(struct ext2 *fs, const struct ext2_inode *inode);

// -ENOENT. -EUCLEAN: the index is broken (not: the directory).
int htree_find(struct ext2 *fs, const struct ext2_inode *inode,
	       const char *name, size_t length, struct spot *spot);

// Where a name that is not there has to go. Splits leaf and nodes if `split`, else
// -EMLINK when there is no room. -EMLINK also when the index is full. -EUCLEAN: as
// above. *inode is written if it has changed.
int htree_room(struct ext2 *fs, struct ext2_inode *inode, const char *name,
	       size_t length, bool split, struct spot *spot);

// Sorts the whole directory and gives it an index. -ENOSPC: it is as it was.
int htree_build(struct ext2 *fs, struct ext2_inode *inode);

#endif
