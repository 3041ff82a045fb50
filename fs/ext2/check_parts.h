// check_parts.h - what the files of the checker know of each other
//
//     check.c         the rounds, and what is told of a finding
//     check_names.c   paths, found when the first finding needs one
//     check_super.c   which superblock is believed
//     check_fields.c  its other fields, and its copies
//     check_groups.c  descriptors; what is metadata
//     check_special.c journal
//     check_orphans.c files deleted while open
//     check_resize.c  the inode that keeps room for descriptors
//     check_inodes.c  each inode's fields             (pass 1)
//     check_kinds.c   what an inode of each kind may hold
//     check_maps.c    the walk along an inode's block map
//     check_xattr.c   extended attributes
//     check_claims.c  blocks that two claim
//     check_dirs.c    the blocks of directories       (pass 2)
//     check_twins.c   names that stand twice
//     check_htree.c   their indexes
//     check_tree.c    all reach the root; link counts (pass 3, 4)
//     check_lost.c    the root, lost+found, room in directories
//     check_counts.c  bitmaps and counts              (pass 5)
//
// All functions return 0 or -errno where they return int and say nothing else.

#ifndef EXT2_CHECK_PARTS_H
#define EXT2_CHECK_PARTS_H

#include "fs/ext2/check.h"

// What is known of an inode: a byte each.
enum {
	KIND_TYPE = 7,       // enum entry_type; 0: not in use
	KIND_REACHED = 8,    // a directory that an entry names, in a tree
	KIND_TWICE = 16,     // claims a block that another claims, too
	KIND_INDEXED = 32,   // a directory with an htree
	KIND_RESERVED = 64,  // in use, and no entry may name it
	KIND_SEVERAL = 64,   // a directory of more than one block
	KIND_CLIMBING = 128, // for the moment, in check_tree.c
};

struct place { // a descriptor, decoded
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint32_t free_blocks, free_inodes, directories;
};

struct dir { // by rising ino
	uint32_t ino;
	uint32_t parent; // the directory with its entry; 0: none yet
	uint32_t dotdot; // what its ".." says; 0: none
};

struct dir_block {
	uint32_t block; // 0: a hole
	uint32_t ino;
	uint32_t logical;
};

struct xattr_block {
	uint32_t block; // 0: this place of the table is free
	uint32_t refs;  // counted
	uint32_t said;  // h_refcount
	bool bad;
};

struct named { // where an inode has its name
	uint32_t dir;
	uint32_t block;
};

enum { NOTED_MOST = 32 };

struct check {
	struct device *device;
	struct device *overlay; // of a check without repair that must replay
	const struct check_options *o;
	struct check_result *result;
	unsigned round;
	bool changed; // in this round
	bool copied;  // blocks that two claimed: what was read before is old

	struct disk_super super;
	bool super_dirty;
	uint32_t block_bytes, blocks, first_data, inodes, inode_bytes;
	uint32_t first_ino, group_count, blocks_per_group, inodes_per_group;
	uint32_t table_blocks, desc_blocks, reserved_gdt, pointers;
	bool resize_broken; // it is to be made anew
	bool journal_lost;  // the same
	uint32_t lost_hint; // the block of lost+found that had room last
	bool filetype, has_index, has_journal, has_resize;
	uint64_t source; // the byte whose superblock was taken; 0: the first
	bool super_kept; // a copy is used, and is not to be written
	int64_t now;

	struct place *groups;
	uint8_t *descs;    // as on the disk
	uint64_t *used;    // a bit a block
	uint64_t *twice;   // claimed again
	uint64_t *entered; // as blocks of maps: those below are claimed
	uint64_t twice_count;
	uint64_t
		*released; // blocks and inodes of orphans, a bit each: that the
	uint64_t *released_inodes; // bitmaps still have them is no finding
	bool unclean; // in use at the last end: totals lag behind the groups

	uint8_t *kind;   // by ino, from 1 on
	uint16_t *links; // that the inode says
	uint16_t *seen;  // that entries make
	uint32_t used_inodes;

	struct dir *dirs;
	size_t dir_count, dir_room;
	struct dir_block *dir_blocks;
	size_t dir_block_count, dir_block_room;
	struct xattr_block *xattrs; // a hash table
	size_t xattr_count, xattr_room;
	uint64_t *names; // of directories of several blocks: hashes, a table
	size_t name_count, name_room;
	struct noted {
		uint64_t hash;
		uint32_t dir;
	} noted[NOTED_MOST]; // on their way into the table
	size_t noted_count;
	uint32_t *twin_dirs; // where a hash came twice
	size_t twin_dir_count, twin_dir_room;
	uint32_t lost; // lost+found, once it is looked for
	bool large;    // a file of 2 GiB or more has been met

	uint8_t *block;      // one block, for short use
	uint8_t *map[3];     // of the walk
	struct named *named; // by ino; NULL: not asked for yet
	uint64_t *declined;  // hashes of what was not agreed to
	size_t declined_count, declined_room;
	double share; // of the progress
};

// ## Findings (check.c)

// PENDING: the next mount does it by itself, and it has been played in memory: told,
// but not counted.
enum { SAFE = 1, PENDING = 2 };

// Of a finding about an inode that names no other block: where the inode stands.
// 0: not known yet.
uint32_t inode_block(const struct check *c, uint32_t ino);

// Whether two superblocks are of one file system of one shape.
bool super_same_shape(const struct disk_super *a, const struct disk_super *b);

// Tells of it; the sentence begins with "Inode 12 (/home/x)" where ino is not 0.
// True: it is to be repaired now. repair NULL: nothing can be done.
bool problem(struct check *c, const char *code, int flags, uint32_t ino,
	     uint64_t block, const char *repair, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));

// The repair that was just agreed to was not possible after all.
void not_repaired(struct check *c);
void check_progress(struct check *c, const char *phase, double share);

// ## Blocks and bits

static inline bool bit_get(const uint64_t *bits, uint64_t n)
{
	return bits[n / 64] >> n % 64 & 1;
}

static inline void bit_set(uint64_t *bits, uint64_t n)
{
	bits[n / 64] |= UINT64_C(1) << n % 64;
}

static inline void bit_clear(uint64_t *bits, uint64_t n)
{
	bits[n / 64] &= ~(UINT64_C(1) << n % 64);
}

int check_read(struct check *c, uint64_t block, void *bytes);
int check_write(struct check *c, uint64_t block, const void *bytes);

// Room for one more in an array that doubles; false: no memory.
bool check_room(void *array, size_t *room, size_t count, size_t item_bytes);

// A block number that data may have.
static inline bool block_valid(const struct check *c, uint32_t block)
{
	return block > c->first_data && block < c->blocks;
}

// A block that is free, in use from now on; 0: there is none.
uint32_t check_allocate(struct check *c, uint32_t goal);

// Claims it; true: it was claimed before.
static inline bool block_claim(struct check *c, uint32_t block)
{
	uint64_t bit = UINT64_C(1) << block % 64, *word = &c->used[block / 64];

	if (!(*word & bit)) {
		*word |= bit;
		return false;
	}
	if (!bit_get(c->twice, block)) {
		bit_set(c->twice, block);
		c->twice_count++;
	}
	return true;
}

// ## Names (check_names.c)

enum { PATH_TEXT = 1024 };
// The path of an inode, or NULL where none leads to it.
const char *check_path(struct check *c, uint32_t ino, char text[PATH_TEXT]);
// A name in quotes, with what would hurt a terminal as \ooo.
enum { NAME_TEXT = NAME_LONGEST * 4 + 3 };
const char *check_name(const void *name, size_t length, char text[NAME_TEXT]);

// ## Superblock and groups

int super_find(struct check *c);
// Whether an inode table at that block begins with a root.
bool root_at(const struct check *c, uint64_t table);
void super_geometry(struct check *c);
// Its numbers lead to a root, and to all bitmaps and tables.
bool super_is_plausible(struct check *c);
int super_fields(struct check *c); // those that only have to be sensible
int super_copies(struct check *c);
int super_write(struct check *c);
bool super_sane(const struct check *c, const struct disk_super *super);
// 0: all known; else the first unknown bit of the word (0, 1, 2).
uint32_t super_unknown(const struct disk_super *super, int *word);

int groups_read(struct check *c);
int groups_mark(struct check *c);  // metadata into `used`
int groups_write(struct check *c); // descriptors, from c->groups
bool group_holds_super(const struct check *c, uint32_t group);
bool block_is_metadata(const struct check *c, uint32_t block);
// NULL, or what is wrong with a descriptor, and with which block.
const char *group_fault(const struct check *c, uint32_t group,
			const struct place *place, uint32_t *block);
uint32_t group_start(const struct check *c, uint32_t group);
uint32_t group_end(const struct check *c, uint32_t group);
uint32_t group_super_blocks(const struct check *c, uint32_t group);
// Where mke2fs puts bitmaps and table.
void group_layout(const struct check *c, uint32_t group, struct place *place);

// ## Inodes

int inode_read(struct check *c, uint32_t ino, void *bytes);
int inode_write(struct check *c, uint32_t ino, const void *bytes);

// All inodes with links, a mode or a time of deletion, in order. `each` changes the bytes and sets
// *dirty to have them written.
int inodes_each(struct check *c,
		int (*each)(void *context, uint32_t ino, uint8_t *bytes,
			    bool *dirty),
		void *context, const char *phase, double from, double to);
int check_inodes(struct check *c);
enum entry_type kind_of(uint32_t mode);
uint64_t inode_size(const struct disk_inode *inode);

// Whether it has a block map at all.
bool inode_maps(const struct check *c, const struct disk_inode *inode);
int kind_check(struct check *c, uint32_t ino, struct disk_inode *inode,
	       bool *dirty);
int inode_fields(struct check *c, uint32_t ino, struct disk_inode *inode,
		 bool *dirty);
void inode_erase(struct check *c, struct disk_inode *inode);

// ## Maps (check_maps.c)

struct pointer {
	int level;        // 0: of data; 1 to 3: of a block of the map
	uint32_t logical; // the first block of the file that it leads to
	uint32_t holder;  // the block that it stands in; 0: the inode
	uint32_t index;   // in that
	uint32_t value;   // may be changed
};

// Called for pointers other than 0 (and for all, with MAP_HOLES). Returns
// MAP_SKIP: what is below is not looked at. A value that was changed is written
// (in the inode: *dirty). Values that are out of range are not followed.
enum { MAP_SKIP = 1, MAP_STOP = 2, MAP_HOLES = 1 };
int map_walk(struct check *c, uint8_t *const buffers[3],
	     struct disk_inode *inode, bool *dirty, int flags,
	     int (*visit)(void *context, struct pointer *), void *context);

// Checks and claims; blocks of directories are noted.
int map_check(struct check *c, uint32_t ino, struct disk_inode *inode,
	      bool *dirty);
// The block of the disk that holds a block of a file; 0: a hole.
int map_find(struct check *c, struct disk_inode *inode, uint32_t logical,
	     uint32_t *block);

// The blocks of an inode, in order: of data, and of the map. The lists are the
// caller's to free, also after an error.
int map_lists(struct check *c, struct disk_inode *inode, uint32_t **data,
	      size_t *data_count, uint32_t **map, size_t *map_count);
// A map without holes, in the blocks `map`, and when these are used up in blocks
// that are free: -ENOSPC. -EFBIG: no map holds so many. *map_used: how many
// blocks it takes.
int map_build(struct check *c, struct disk_inode *inode, const uint32_t *data,
	      size_t data_count, const uint32_t *map, size_t map_count,
	      size_t *map_used);

// ## The rest

int xattr_in_inode(struct check *c, uint32_t ino, struct disk_inode *inode,
		   bool *dirty);
int xattr_claim(struct check *c, uint32_t ino, struct disk_inode *inode,
		bool *dirty);
int xattr_counts(struct check *c);

int check_claims(struct check *c);

// ## Directories

enum { NAME_SLOTS = 8192 };

struct block_check {
	struct check *c;
	struct dir_block at;
	uint8_t *bytes;
	bool dirty, renamed;
	uint32_t previous; // the entry before; UINT32_MAX: none
	// Its names: offset / 4 + 1, by hash; and which of them are taken.
	uint16_t slot[NAME_SLOTS];
	uint32_t taken[NAME_SLOTS / 2], taken_count;
};

static inline struct disk_entry *entry_at(const struct block_check *b,
					  uint32_t offset)
{
	return (void *)(b->bytes + offset);
}

int check_dirs(struct check *c);
struct dir *dir_find(struct check *c, uint32_t ino);

// The largest block, 64 KiB, does not fit into rec_len.
static inline uint32_t entry_length(const struct check *c,
				    const struct disk_entry *e)
{
	uint32_t n = get16(e->rec_len);

	return c->block_bytes == 65536 && (!n || n == 65535) ? 65536 : n;
}

static inline le16 put_length(uint32_t n)
{
	return put16(n == 65536 ? 65535 : n);
}

// Whether the entry at `offset` is sound in itself.
bool entry_sound(const struct check *c, const uint8_t *block, uint32_t offset);
// A block with "." and "..".
void dir_format(struct check *c, uint32_t ino, uint32_t parent, uint8_t *bytes);
int htree_check(struct check *c);

// Names that stand twice (check_twins.c). The entry of this block that has the
// same name, or NULL, and then this one is noted.
struct disk_entry *twin_known(struct block_check *b, uint32_t offset);
void twin_forget(struct block_check *b); // at the end of a block
void twin_rename(struct block_check *b, uint32_t offset);
// Notes a name of a directory of several blocks; and what came of it.
int twin_note(struct check *c, uint32_t dir, const struct disk_entry *e);
int twin_settle(struct block_check *b);
int index_drop(struct check *c, uint32_t ino);

int check_tree(struct check *c);
int check_links(struct check *c);
int root_check(struct check *c);
// Puts it into lost+found, which is made where there is none. Counts the link.
int lost_attach(struct check *c, uint32_t ino, bool *done);
int entry_erase(struct check *c, uint32_t dir, uint32_t ino);
int dotdot_set(struct check *c, uint32_t dir, uint32_t parent);

int check_counts(struct check *c);

int journal_check(struct check *c);
int orphans_check(struct check *c);
int resize_check(struct check *c, uint32_t ino, struct disk_inode *inode,
		 bool *dirty);
int resize_rebuild(struct check *c);
int journal_rebuild(struct check *c);
void journal_drop(struct check *c);

#endif
