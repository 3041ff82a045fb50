// log.h - the journal's log as it lies on the disk (replay.c, journal_look.c)
//
// A journal is a file, inode 8. Its first block is its own superblock; the others
// are a ring that holds transactions:
//
//     ┌───────┬────────────┬──────┬──────┬─────┬────────────┬──────┬────────┐
//     │ super │ descriptor │ copy │ copy │ ... │ descriptor │ copy │ commit │
//     └───────┴────────────┴──────┴──────┴─────┴────────────┴──────┴────────┘
//
// A descriptor has a tag for each copy that follows: the block where it belongs.
// Revoke blocks say which blocks are not to be overwritten with older copies. All
// three, and the commit block that ends a transaction, begin with a magic number,
// their kind, and the number of the transaction: numbers rise by one, so what is
// left over from earlier rounds through the ring can be told from what counts.

#ifndef EXT2_LOG_H
#define EXT2_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/ext2/device.h"
#include "fs/ext2/layout.h"

enum {
	SECTOR_BYTES = 512,     // a disk writes these wholly or not at all
	LOG_DEEPEST = 6,        // levels of blocks that map the journal
	LOG_LONGEST = 10240000, // blocks: as mke2fs(8)
	LOG_SHORTEST = 1024,    // of those we make; the least that Linux mounts
	LOG_FAST_COMMIT = 256,  // blocks, where the superblock says 0
	JOURNAL_COMPAT_CHECKSUM = 1,
};

struct disk_commit {
	struct disk_journal_header h_header;
	uint8_t h_chksum_type;
	uint8_t h_chksum_size;
	uint8_t h_padding[2];
	be32 h_chksum[8];
	be32 h_commit_sec_high;
	be32 h_commit_sec;
	be32 h_commit_nsec;
};
static_assert(sizeof(struct disk_commit) == 60, "commit block");

struct log {
	struct device *device;
	struct disk_super fs;
	uint32_t block_bytes;
	uint64_t blocks; // of the image

	uint32_t ino;
	struct disk_inode inode;
	uint64_t inode_block;
	uint32_t inode_offset;
	uint64_t inode_blocks; // how many its size says
	struct {
		uint64_t block;
		uint8_t *bytes;
	} node[LOG_DEEPEST]; // blocks of the map that were read last

	struct disk_journal_super super;
	uint64_t super_block; // of the disk
	uint32_t first, last; // the ring: first <= n < last
	uint32_t length;      // with the fast commit area behind the ring
	uint32_t compat, incompat;
	uint32_t tag_bytes, tail_bytes;
	uint32_t seed;
	uint32_t castagnoli[256], ethernet[256];
};

// Reads superblock, inode, map and journal superblock, and looks at each number.
//   -ENOENT   the image has no journal
//   -ENOTSUP  it lies on another device, or has a feature that is unknown here
//   -EUCLEAN  it contradicts itself
// log_close also after an error.
int log_open(struct log *log, struct device *device);
void log_close(struct log *log);

// Where on the disk a block of the journal is; -EUCLEAN: nowhere.
int log_place(struct log *log, uint64_t log_block, uint64_t *place);

// One block of the log, as log_walk meets it.
struct log_item {
	int type; // JOURNAL_DESCRIPTOR, _REVOKE, _COMMIT; 0: a copy
	uint32_t log_block;
	uint64_t place; // on the disk
	uint32_t sequence;
	const uint8_t *bytes; // not of a copy: NULL, unless log_walk was asked
	uint64_t home;        // of a copy; its tag
	uint32_t flags, checksum;
	bool bad_checksum; // its own (descriptor, revoke)
};

// From log block `at`, transaction `sequence` on, until something else lies
// there, `each` says other than 0 (which is returned), the ring has been gone
// round once, or transaction *end (NULL: none) begins. `copies`: read them, too.
int log_walk(struct log *log, uint32_t at, uint32_t sequence,
	     const uint32_t *end, bool copies,
	     int (*each)(void *context, const struct log_item *),
	     void *context);

// Finds which transactions are whole: those from s_sequence up to and without
// *end. *after: the log block behind the last.
int log_scan(struct log *log, uint32_t *end, uint32_t *after);

// A revoke block's entries: how many (-EUCLEAN: it says more than fit), and each.
int64_t log_revokes(const struct log *log, const uint8_t *bytes);
uint64_t log_revoke(const struct log *log, const uint8_t *bytes, uint32_t n);

uint32_t log_crc32c(const struct log *log, uint32_t crc, const void *bytes,
		    size_t n);
// Whether a copy (as it lies in the log) is what its tag says.
bool log_copy_is_whole(const struct log *log, uint32_t sequence,
		       uint32_t checksum, const uint8_t *bytes);

// With the checksum that it has to have.
void log_seal_super(const struct log *log, struct disk_journal_super *super);

#endif
