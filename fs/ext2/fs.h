// fs.h - what the layers of the module know of each other
//
//     names      dir.c htree.c path.c names.c      a name -> an inode
//     content    map.c extents.c content.c xattr.c a block of a file -> of the disk
//     inodes     inode.c                           a number -> 256 bytes
//     space      space.c                           which blocks and inodes are free
//     commit     commit.c ordered.c journal.c replay.c
//     cache      cache.c                           blocks of metadata, bounded
//     device     device*.c
//
// Each layer calls those below it. check*.c stands beside: it shares layout.h
// and the device, and nothing else.

#ifndef EXT2_FS_H
#define EXT2_FS_H

#include "fs/ext2/ext2.h"

// ## Cache: blocks of metadata

// What kind of block it is, for the order in which an ordered commit writes and
// for what a journal must hold. BLOCK_NEW: the block was free at the last commit,
// nothing on the disk points at it: it may be written at any time before the
// decision and needs no journal. A buffer that is BLOCK_NEW stays so until then.
enum block_kind {
	BLOCK_NEW,
	BLOCK_BITMAP,
	BLOCK_INODES,
	BLOCK_MAP, // indirect blocks
	BLOCK_XATTR,
	BLOCK_DIRECTORY,
	BLOCK_SUPER, // superblock, descriptors, and their copies
	BLOCK_KINDS
};

struct buffer {
	uint64_t block;
	uint8_t *bytes;       // block_bytes of them, aligned to 8
	enum block_kind kind; // of a dirty one
	bool dirty;
	unsigned pins;
	struct buffer *next_same_hash; // the cache's own
	struct buffer *older, *newer;
};

struct cache;

// `home` is where blocks live. Dirty blocks that no longer fit go home at once
// when they are BLOCK_NEW or the fs is fresh, else into `staging` (an overlay over
// home, made when it is needed); they are read from there again.
int cache_make(struct device *home, uint32_t block_bytes, uint64_t blocks,
	       bool fresh, size_t memory_bytes, struct cache **cache);
void cache_free(struct cache *cache);

// The block, pinned: until cache_drop its bytes stay where they are. -EUCLEAN: a
// number outside the image. CACHE_ZERO: not read, all zeros (for new blocks).
enum { CACHE_ZERO = 1 };
int cache_get(struct cache *cache, uint64_t block, int flags,
	      struct buffer **buffer);
void cache_drop(struct buffer *buffer); // also of NULL

// After its bytes were changed (or before, while pinned). A kind other than
// BLOCK_NEW does not replace BLOCK_NEW.
void cache_dirty(struct cache *cache, struct buffer *buffer,
		 enum block_kind kind);

// Who knows which blocks were free at the last commit: their first change makes
// them BLOCK_NEW, whatever kind the caller says.
void cache_ask_new(struct cache *cache,
		   bool (*is_new)(void *context, uint64_t block),
		   void *context);

// Its bytes, if they are in memory; until the next call.
const uint8_t *cache_peek(struct cache *cache, uint64_t block);

// A block that is free now: its content is no longer of interest to anybody.
void cache_forget(struct cache *cache, uint64_t block);

// Dirty blocks of the kinds in `kinds` (1 << BLOCK_...), by rising number, from
// memory and staging alike.
int cache_each_dirty(struct cache *cache, unsigned kinds,
		     int (*each)(void *context, uint64_t block,
				 enum block_kind kind, const uint8_t *bytes),
		     void *context);
uint64_t cache_dirty_count(const struct cache *cache, unsigned kinds);

// Writes those home, neighbours in one call, and marks them clean if `clean`.
int cache_write_home(struct cache *cache, unsigned kinds, bool clean);
// They are home, the caller has seen to it.
int cache_clean(struct cache *cache, unsigned kinds);

// ## The whole

struct group { // a descriptor, decoded
	uint64_t block_bitmap, inode_bitmap, inode_table;
	uint32_t free_blocks, free_inodes, directories, flags;
	uint32_t itable_unused;
	bool changed;
};

struct freed_run {
	uint64_t block;
	uint32_t count;
};

struct ext2 {
	struct device *device;  // data are read and written here
	struct device *overlay; // over the caller's, when a log was replayed in
				// memory; `device` is it then
	struct cache *cache;
	enum { MODE_READ, MODE_FRESH, MODE_ORDERED, MODE_JOURNAL } mode;
	bool failed; // a commit failed, or freeing blocks did half way: only
		     // closing is left
	bool decided;
	bool replayed;

	struct disk_super super; // as it is to be written
	bool super_changed;
	uint32_t block_bytes, block_bits, inode_bytes, desc_bytes;
	uint64_t blocks, free_blocks;
	uint32_t group_count, blocks_per_group, inodes_per_group;
	uint32_t first_data_block, free_inodes;
	uint32_t pointers;     // in a block of them: block_bytes / 4
	uint32_t table_blocks; // of a group's inode table
	uint32_t desc_blocks;  // of one copy of the descriptors
	uint64_t overhead;     // blocks that can never hold files
	struct group *groups;
	struct ext2_time now;

	// What this transaction frees, and applies when it commits.
	struct freed_run *freed;
	size_t freed_count, freed_room;
	uint32_t *freed_inodes;
	size_t freed_inode_count, freed_inode_room;

	struct space *space;             // space.c's own
	struct directories *directories; // dir.c's own
	struct content *content;         // content.c's own
	struct journal *journal;         // journal.c's own
};

static inline uint64_t group_first_block(const struct ext2 *fs, uint32_t group)
{
	return fs->first_data_block + (uint64_t)group * fs->blocks_per_group;
}

static inline bool block_is_data(const struct ext2 *fs, uint64_t block)
{
	return block > fs->first_data_block && block < fs->blocks;
}

// Whether a group holds copies of superblock and descriptors (ext2_open's file).
bool group_has_super(const struct ext2 *fs, uint32_t group);

// Why an image is not opened, for people (features.c). `why` may be NULL.
void refuse(struct ext2_refusal *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
// -ENOTSUP with the features named that we cannot read, or not write.
int features_check(const uint32_t found[3], bool write,
		   struct ext2_refusal *why);

// ## Space (space.c)

int space_make(struct ext2 *fs);
void space_free(struct ext2 *fs);

// Up to `want` free blocks in a row, at or after `goal` where that can be (0: no
// wish). They are in use at once. -ENOSPC. The blocks reserved for root are not
// held back: who edits an image is its owner.
int blocks_allocate(struct ext2 *fs, uint64_t goal, uint32_t want,
		    uint64_t *first, uint32_t *got);

// They become free with the commit (in a fresh fs at once). A block that this
// very transaction had allocated is free again at once.
int blocks_free(struct ext2 *fs, uint64_t first, uint32_t count);

// Whether the block was free at the last commit (so it may be written in place).
bool block_is_new(struct ext2 *fs, uint64_t block);

// A directory goes to a group with room; anything else near its directory. The
// inode's place is all zeros.
int inode_allocate(struct ext2 *fs, uint32_t dir, bool directory,
		   uint32_t *ino);

// This one and no other. -EEXIST: it is in use. -EINVAL: it is reserved.
int inode_take(struct ext2 *fs, uint32_t ino, bool directory);

// Free with the commit, when its links are gone: inode_put it before with links 0
// and dtime (that version is only written then: see inode_put_last).
int inode_free(struct ext2 *fs, uint32_t ino, bool directory);

// Whether it was allocated in this transaction.
bool inode_is_new(struct ext2 *fs, uint32_t ino);

// A block near which the data of an inode should begin.
uint64_t inode_goal(const struct ext2 *fs, uint32_t ino);

// ENOSPC that leaves all as before: what has been allocated since the mark is
// given back. (For operations that fail half way.)
uint64_t space_queued(const struct ext2 *fs); // blocks: freed, not yet applied
int space_apply_freed(struct ext2 *fs); // into the bitmaps: commit.c calls it
int space_committed(struct ext2 *fs);   // forget what is new: after a commit

// ## Inodes (inode.c)

int inode_get(struct ext2 *fs, uint32_t ino, struct ext2_inode *inode);
// Writes all fields (into the cache).
int inode_put(struct ext2 *fs, const struct ext2_inode *inode);

// Of the flags those that an inode of that mode may have.
uint32_t flags_allowed(uint16_t mode, uint32_t flags);
void inode_decode(const struct ext2 *fs, uint32_t ino, const uint8_t *bytes,
		  struct ext2_inode *inode);
void inode_encode(const struct ext2 *fs, const struct ext2_inode *inode,
		  uint8_t *bytes); // inode_bytes of them, all of them set

int inode_clear(struct ext2 *fs, uint32_t ino); // all zeros
int inode_bury(struct ext2 *fs, uint32_t ino);  // no links, time of deletion

// The last link is gone: content, attributes block and inode are freed. The
// inode as it is stays valid on the disk until no entry names it.
int inode_remove(struct ext2 *fs, uint32_t ino);

// ## Content (map.c, extents.c, content.c, xattr.c)

// Room in a new inode for what it holds: fast symlinks stand in i_block.
bool inode_has_map(const struct ext2_inode *inode); // not: device, fast symlink

// Puts a run of blocks of the disk at `logical` (physical 0: makes holes). What was
// there is freed. Changes *inode (block, sectors), does not inode_put it. -ENOSPC
// (no room for the indirect blocks): nothing has changed.
int map_set(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical,
	    uint64_t physical, uint64_t blocks);
// Frees all from block `logical` on, with the blocks of the map.
int map_cut(struct ext2 *fs, struct ext2_inode *inode, uint64_t logical);
int xattr_release(struct ext2 *fs, struct ext2_inode *inode);
// A new inode in memory (no blocks, size 0) gets this content; not put. On an
// error it is again without blocks. -ENOSPC, -EFBIG.
int content_create(struct ext2 *fs, struct ext2_inode *inode, const void *bytes,
		   size_t n);
// The same as ext2_set_xattr, ext2_remove_xattr (value NULL) for an inode in
// memory; not put.
int xattr_change(struct ext2 *fs, struct ext2_inode *inode, const char *name,
		 const void *value, size_t size);
// Data that were gathered to be written in large pieces go to the device.
int content_flush(struct ext2 *fs);
void content_free(struct ext2 *fs);

// ## Names (dir.c, htree.c)

void directories_free(struct ext2 *fs);
// Before a commit: indexes are built, room that was set aside is given back.
int directories_finish(struct ext2 *fs);
void directories_committed(struct ext2 *fs);
int dir_add(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	    uint32_t ino, enum entry_type type); // -EEXIST
int dir_remove(struct ext2 *fs, uint32_t dir, const char *name, size_t length);
// Another inode under the same name; also for "..".
int dir_change(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	       uint32_t ino, enum entry_type type);
int dir_is_empty(struct ext2 *fs, uint32_t dir, bool *empty);
int dir_init(struct ext2 *fs, uint32_t dir, uint32_t parent); // "." and ".."

// hash_version, and s_hash_seed and signedness from the superblock; minor may be
// NULL. -EINVAL: an unknown version.
int name_hash(const struct ext2 *fs, int version, const char *name,
	      size_t length, uint32_t *major, uint32_t *minor);

// ## Commit

// Decoded superblock and descriptors into the cache, as BLOCK_SUPER; in a fresh
// fs the copies, too (else those stay as they were made, as the kernel does it).
int super_stage(struct ext2 *fs); // open.c
int ordered_commit(struct ext2 *fs);

// The log: makes *journal from inode 8, refuses what we do not write.
int journal_open(struct ext2 *fs);
void journal_free(struct ext2 *fs);
int journal_commit(struct ext2 *fs);

// Replays what the log of the image on `device` holds, onto `device` (give it an
// overlay for a look without writing): blocks, then the log's superblock says
// empty and RECOVER goes. Trusts nothing. Orphans are not its business. *found: how
// many transactions. Needs no open fs.
int journal_replay(struct device *device, uint64_t *found);
// Why that, or journal_open, failed with `error`, for people.
void journal_refuse(struct device *device, int error, struct ext2_refusal *why);

// A journal of `blocks` blocks, empty, in the blocks from `first` on (mkfs, and a
// transaction that is larger than the log).
int journal_format(struct device *device, uint32_t block_bytes, uint64_t first,
		   uint32_t blocks, const uint8_t uuid[16]);

// inode_remove's orphans left by a kernel: i.e. the list at s_last_orphan is worked
// off when an image is opened for writing (truncate or delete), as the kernel does.
int orphans_clean(struct ext2 *fs);

#endif
