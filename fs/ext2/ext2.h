// ext2.h - ext2 file systems in a file: read, written, made, checked
//
// A library without mounting, root or FUSE. Reads ext2, ext3 and ext4; writes
// ext2 and ext3 (and what ext4 shares with them; see ext2_open).
//
//     struct device *device;
//     struct ext2 *fs;
//     uint32_t ino;
//
//     device_file("disk.img", DEVICE_WRITE, 0, 0, &device);
//     ext2_open(device, EXT2_WRITE, &fs, NULL);
//     ext2_walk(fs, INO_ROOT, "/home/ubuntu", 0, NULL, NULL, &ino);
//     ext2_unlink(fs, ino, "link.txt", 8);
//     ext2_commit(fs);
//     ext2_close(fs);
//     device_close(device);
//
// Every function returns 0 (or what it says) or -errno, prints nothing, never
// exits, keeps no state outside `fs`. One thread at a time uses an fs. Memory is
// bounded by the cache (a few MiB) and what open directories need (about 16 bytes
// an entry of the few that were used last).
//
// ## What is on the disk when
//
// Changes make up one transaction, from ext2_open or the last ext2_commit to the
// next ext2_commit. Until then nothing that the image already held is overwritten:
// data go into blocks that were free, changed metadata stay in memory (and, if
// they are many, in a temporary file), and what is freed is not used again. So
// closing without commit leaves the image as it was.
//
// ext2_commit returns 0 when all is durable. How it gets there depends on the
// image:
//
//     journal      (ext3) all or nothing: data, flush, log, flush, the log's
//                  superblock (this one sector is the decision), flush, home
//     ordered      (ext2) in the order of Ganger & Patt's rules (what is pointed
//                  at first, then the pointer; nothing is used again before the
//                  last pointer to it is gone): a crash leaks blocks, inodes or
//                  counts and no more
//     fresh        (an image that is being made, in a file without a name yet)
//                  in any order
//
// Sources: Ganger & Patt, "Metadata update performance in file systems", OSDI
// 1994 (the rules of order); Tweedie, "Journaling the Linux ext2fs Filesystem",
// LinuxExpo 1998; the rest at the head of each file.

#ifndef EXT2_H
#define EXT2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fs/ext2/device.h"
#include "fs/ext2/layout.h"

struct ext2;

// ## Opening

enum {
	EXT2_WRITE = 1,
	EXT2_NO_REPLAY = 2, // read: show the image as it lies, with a dirty log
	EXT2_FRESH = 4,     // write: nobody needs this image if we fail
	EXT2_ANY_STATE = 8, // write also what is marked as in error
};

struct ext2_refusal {
	char text[160]; // why: a sentence for people
};

// A log that holds transactions is replayed: for reading in memory, for writing
// on the device. Returns
//     -EINVAL   not an ext2 image, or its superblock contradicts itself
//     -ENOTSUP  a feature that we do not know (named in the refusal), or that we
//               do not write, or (EXT2_WRITE) extents, 64bit, checksums ...
//     -EUCLEAN  (EXT2_WRITE) marked as in error: check it first
//     -EROFS    the device is read-only
// and the device's errors. `why` may be NULL. The device stays the caller's.
int ext2_open(struct device *device, int flags, struct ext2 **fs,
	      struct ext2_refusal *why);

// Makes all changes durable. On an error before the decision the image is as it
// was (fs can be closed, not used); an error after it is returned, too, and the
// image is as meant once its log has been replayed (ext2_decided says which).
int ext2_commit(struct ext2 *fs);
bool ext2_decided(const struct ext2 *fs);

// Gives everything up that was not committed. Also of NULL.
void ext2_close(struct ext2 *fs);

// The time that changes are marked with (at first that of ext2_open).
struct ext2_time {
	int64_t seconds; // since 1970; 1901 to 2446, or 2038 in small inodes
	uint32_t ns;
};
void ext2_set_now(struct ext2 *fs, struct ext2_time now);
struct ext2_time ext2_now(const struct ext2 *fs);

// ## What it is

struct ext2_numbers {
	uint32_t block_bytes, inode_bytes;
	uint64_t blocks, free_blocks, reserved_blocks;
	uint32_t inodes, free_inodes, first_inode; // not reserved from here on
	uint32_t groups, blocks_per_group, inodes_per_group, first_data_block;
	uint32_t compat, incompat, ro_compat;
	uint64_t overhead_blocks; // superblocks, descriptors, bitmaps, tables,
				  // journal
	uint16_t state;
	uint8_t uuid[16];
	char label[17];
	bool replayed; // the log held something when it was opened
};
void ext2_numbers(const struct ext2 *fs, struct ext2_numbers *numbers);

// The superblock as it is now (with the counts of this transaction).
const struct disk_super *ext2_super(const struct ext2 *fs);

struct ext2_group {
	uint64_t first_block, blocks;
	uint64_t block_bitmap, inode_bitmap, inode_table;
	uint32_t inode_table_blocks;
	uint32_t free_blocks, free_inodes, directories;
	bool has_super; // and how many blocks from first_block on hold it, the
	uint32_t super_blocks; // descriptors and those kept for more of them
	uint32_t flags;
};
int ext2_group(struct ext2 *fs, uint32_t group, struct ext2_group *info);

// The names of features, by word (0 compat, 1 incompat, 2 ro_compat) and bit, as
// dumpe2fs(8) has them; NULL: unknown.
const char *ext2_feature_name(int word, int bit);
// Bits that we know to read, and those that we can write beside.
extern const uint32_t ext2_readable[3], ext2_writable[3];

// Whether a block or an inode is in use, as this transaction sees it.
int ext2_block_in_use(struct ext2 *fs, uint64_t block, bool *in_use);
int ext2_inode_in_use(struct ext2 *fs, uint32_t ino, bool *in_use);

// A block as it is on the disk (as this transaction would write it).
int ext2_read_block(struct ext2 *fs, uint64_t block, void *bytes);

// ## Inodes

struct ext2_inode {
	uint32_t ino;
	uint16_t mode; // S_IFMT and permissions
	uint32_t uid, gid;
	uint64_t size;
	uint32_t links;
	struct ext2_time atime, mtime, ctime, crtime; // crtime 0: has none
	uint32_t dtime;
	uint64_t sectors; // i_blocks, in 512 bytes
	uint32_t flags, generation;
	uint64_t xattr_block;
	uint32_t device_major, device_minor;  // of devices
	uint16_t extra;                       // i_extra_isize
	uint8_t block[BLOCK_POINTERS * 4];    // i_block as it is
	uint8_t rest[1024 - INODE_BYTES_OLD]; // after byte 128, as it is;
					      // extended attributes in it
};

int ext2_inode(struct ext2 *fs, uint32_t ino, struct ext2_inode *inode);

// Sets permissions, owner, times, flags; other fields are left as they are. The
// bits S_IFMT of the mode must stay.
int ext2_set_inode(struct ext2 *fs, const struct ext2_inode *inode);

// Where an inode stands: block and the offset in it.
int ext2_inode_place(struct ext2 *fs, uint32_t ino, uint64_t *block,
		     uint32_t *offset);

// ## Content

// Up to n bytes from `offset`; holes read as zeros. Returns how many (0 at the
// end), or -errno. -EISDIR is not a mistake here: directories can be read.
int64_t ext2_read(struct ext2 *fs, uint32_t ino, uint64_t offset, void *bytes,
		  size_t n);

// Writes n bytes at `offset`; the file grows, holes stay holes. Blocks that hold
// committed data are not overwritten: a changed block gets a new place. Does not
// touch the times. -ENOSPC, -EFBIG: the file is what it was. After another error
// what was written up to there stays, and the size covers just that.
int ext2_write(struct ext2 *fs, uint32_t ino, uint64_t offset,
	       const void *bytes, size_t n);

// The same from a file, as fast as the host can.
int ext2_write_from(struct ext2 *fs, uint32_t ino, uint64_t offset, int fd,
		    uint64_t from, uint64_t n);

// Writes a file's runs to fd, an empty file, at the same offsets, as fast as the
// host can; its holes stay holes, and fd has the file's size after it.
int ext2_copy_out(struct ext2 *fs, const struct ext2_inode *inode, int fd);

// Sets the size; what is beyond becomes free, what is new is a hole.
int ext2_truncate(struct ext2 *fs, uint32_t ino, uint64_t size);

// Runs of blocks, by rising `logical`. A hole is a run with physical 0.
struct ext2_run {
	uint64_t logical, physical, blocks;
	bool unwritten; // ext4: has a place, reads as zeros
};

// The run that holds the block `logical` of the file, cut at its beginning to
// begin there. After the last block: blocks 0.
int ext2_run_at(struct ext2 *fs, const struct ext2_inode *inode,
		uint64_t logical, struct ext2_run *run);

// Blocks that hold no data but say where data are (indirect blocks, nodes of the
// extent tree); level 1 points at data. In the order in which a reader meets
// them. `each` may stop it by returning other than 0, which is returned.
struct ext2_map_block {
	uint64_t block;
	int level;
	uint64_t logical; // the first block of the file that it maps
};
int ext2_map_blocks(struct ext2 *fs, const struct ext2_inode *inode,
		    int (*each)(void *context, const struct ext2_map_block *),
		    void *context);

// Where pointer number `index` of such a block, or of the inode, stands.
//
// The path from the inode to the block `logical`: up to 4 steps (indirect), 6
// (extents). step[0] is in the inode. Returns how many steps there are.
struct ext2_map_step {
	uint64_t holder; // the block that holds the pointer (the inode's for 0)
	uint32_t offset; // of the pointer in it
	uint64_t value;  // the block it points at; 0: a hole
};
int ext2_map_path(struct ext2 *fs, const struct ext2_inode *inode,
		  uint64_t logical, struct ext2_map_step step[8]);

// ## Directories

struct ext2_entry {
	uint32_t ino;
	uint8_t type; // enum entry_type
	uint8_t name_len;
	const char *name; // not terminated; valid during the call
	uint64_t logical; // block of the directory
	uint64_t block;   // of the disk
	uint32_t offset;  // in that block
	uint32_t rec_len;
};

// All entries that are in use, "." and ".." too, in the order of the disk.
// -EUCLEAN: a broken block. `each` may stop it as above; it must not change the
// directory.
int ext2_list(struct ext2 *fs, uint32_t dir,
	      int (*each)(void *context, const struct ext2_entry *),
	      void *context);

// One name. The entry's `name` points at the caller's. -ENOENT, -ENOTDIR.
int ext2_find(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	      struct ext2_entry *entry);

// The way over a directory's index (htree) to the block where a name must be.
struct ext2_index_step {
	uint64_t logical, block; // the node: of the directory, of the disk
	uint32_t offset;         // in it, of the entry that the way takes
	uint32_t at, count;      // the how manieth of how many
	uint32_t hash;           // from which on it counts
	uint64_t child;          // the block of the directory it leads to
};
struct ext2_index_path {
	int version;   // of the hash: HASH_...
	uint32_t hash; // of the name
	int steps;
	struct ext2_index_step step[4]; // the root, and the nodes below it
};
// -ENODATA: it has no index, or one that a reader does not use.
int ext2_index_path(struct ext2 *fs, const struct ext2_inode *dir,
		    const char *name, size_t length,
		    struct ext2_index_path *path);

// ## Paths

enum { EXT2_NOFOLLOW = 1 }; // a symlink at the end is what is meant

// What a walk does, told step by step.
struct ext2_step {
	enum { STEP_START, STEP_ENTRY, STEP_SYMLINK, STEP_MISSING } kind;
	uint32_t dir;     // where the walk stands
	const char *name; // STEP_ENTRY: the component that was looked up;
			  // STEP_MISSING: that was not found
	size_t name_len;
	struct ext2_entry entry; // STEP_ENTRY: where it was found
	uint32_t ino;            // the inode that is reached
	const char *target;      // STEP_SYMLINK: what it says
	int depth;               // of symlinks followed so far
};

// From `start` (INO_ROOT for paths from the root; a path that begins with /
// starts there anyway). ".." of the root is the root. -ENOENT, -ENOTDIR, -ELOOP
// (after 40 symlinks, as Linux), -ENAMETOOLONG. `told` may be NULL.
int ext2_walk(struct ext2 *fs, uint32_t start, const char *path, int flags,
	      void (*told)(void *context, const struct ext2_step *),
	      void *context, uint32_t *ino);

// The directory of the last component, and that component (a pointer into path,
// its length): for making and removing. -EINVAL: "/", or the last is "." or "..".
// Slashes after it stay for the caller to judge: then name[length] is '/'.
int ext2_walk_parent(struct ext2 *fs, uint32_t start, const char *path,
		     uint32_t *dir, const char **name, size_t *length);

// The target of a symlink, terminated; target has room for `size` bytes.
int ext2_readlink(struct ext2 *fs, uint32_t ino, char *target, size_t size);

// ## Names. Each is done wholly or not at all in this transaction; times of the
// directories become ext2_now. -EEXIST, -ENOENT, -ENOTDIR, -EISDIR, -ENOTEMPTY,
// -EMLINK, -ENAMETOOLONG, -EINVAL (a name with / or NUL, ".", ".."), -ENOSPC.

// Makes a file of any kind but a symlink: mode, owner, times (all four), flags,
// generation and device come from `attributes`; a directory gets "." and "..".
// Its times stay those given when names are added below it in the order that
// copying does it only if they are set again afterwards.
int ext2_create(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		const struct ext2_inode *attributes, uint32_t *ino);
// A regular file with its whole content: the inode is written once.
int ext2_create_with(struct ext2 *fs, uint32_t dir, const char *name,
		     size_t length, const struct ext2_inode *attributes,
		     const void *bytes, size_t n, uint32_t *ino);
int ext2_symlink(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		 const struct ext2_inode *attributes, const char *target,
		 size_t target_length, uint32_t *ino);
int ext2_link(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
	      uint32_t ino);
int ext2_unlink(struct ext2 *fs, uint32_t dir, const char *name,
		size_t length); // not a directory: -EISDIR
int ext2_rmdir(struct ext2 *fs, uint32_t dir, const char *name, size_t length);

// As rename(2): replaces what has the new name. -EINVAL: a directory into itself.
int ext2_rename(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		uint32_t new_dir, const char *new_name, size_t new_length);

// Says that a directory that is to hold about `entries` names is going to be
// filled (room at once, an index when it is large). Optional.
int ext2_expect_entries(struct ext2 *fs, uint32_t dir, uint64_t entries);

// ## Deleted files (revive.c). Their inodes are free, and may still say all.

// The bytes of an inode, inode_bytes of them, from wherever they stand (an old
// copy in the log).
void ext2_decode_inode(const struct ext2 *fs, uint32_t ino, const void *bytes,
		       struct ext2_inode *inode);

// Takes the inode, its block of attributes, and these runs: from now on nothing
// else of this transaction is put there. -EEXIST: something is in use (or stands
// twice in the runs); then nothing is taken. -EUCLEAN: outside the image, or no
// attributes. -EINVAL: a reserved inode. A block of attributes may have been claimed
// with another inode before, which shares it.
int ext2_claim(struct ext2 *fs, const struct ext2_inode *inode,
	       const struct ext2_run *runs, size_t count);

// Keeps free blocks from being used, for a while: returns how many of the runs are
// held (the first that is not free, or outside, ends it). All must be let go before
// the transaction is committed.
size_t ext2_hold(struct ext2 *fs, const struct ext2_run *runs, size_t count);
void ext2_let_go(struct ext2 *fs, const struct ext2_run *runs, size_t count);

// What was claimed becomes a file with this name: fields as in `was`, one link,
// ctime ext2_now; its content is in the runs, the rest are holes. A directory
// comes back empty. After an error other than -EEXIST, -ENOSPC (no room for the
// name), -EMLINK, -ENAMETOOLONG, -EINVAL (as above) the transaction can only be
// given up.
int ext2_revive(struct ext2 *fs, uint32_t dir, const char *name, size_t length,
		const struct ext2_inode *was, const struct ext2_run *runs,
		size_t count);

// ## Extended attributes; names as in xattr(7): "user.mime", "security.
// capability", "system.posix_acl_access" (values as getxattr(2) has them)

// The value's size, or -errno: -ENODATA, -ERANGE (more than `size`, unless that
// is 0: then only the size is asked for).
int ext2_xattr(struct ext2 *fs, uint32_t ino, const char *name, void *value,
	       size_t size);
int ext2_xattrs(struct ext2 *fs, uint32_t ino,
		int (*each)(void *context, const char *name, const void *value,
			    size_t size, bool in_inode),
		void *context);
// -ENOSPC: all of an inode's attributes together fit into its rest and one block.
int ext2_set_xattr(struct ext2 *fs, uint32_t ino, const char *name,
		   const void *value, size_t size);
int ext2_remove_xattr(struct ext2 *fs, uint32_t ino, const char *name);

// ## The log

// What the log on `device` holds, for people: its superblock, and (each not NULL)
// a call for each block of the log, those that count first. -ENOENT: no journal.
struct journal_seen {
	uint32_t log_block;  // of the journal
	uint64_t disk_block; // where that is
	uint32_t sequence;
	int type;              // JOURNAL_...; 0: a block of data
	uint64_t home;         // data: where it belongs
	bool escaped, revoked; // revoked: replay leaves it out
	uint64_t *revokes;     // of a JOURNAL_REVOKE block
	uint32_t revoke_count;
	bool live; // belongs to a transaction that replay would play
};
int journal_look(struct device *device, struct disk_journal_super *super,
		 int (*each)(void *context, const struct journal_seen *),
		 void *context);

// ## Making one

struct ext2_plan {
	uint64_t blocks;      // of the whole; 0: as many as the device has
	uint32_t block_bytes; // 1024, 2048, 4096
	uint32_t inode_bytes; // 128 (no ns, no 2038+) or 256
	uint32_t inodes;      // at least; 0: one for each 16 KiB
	uint64_t reserved;    // blocks
	uint64_t journal;     // blocks; 0: none (ext2)
	uint8_t uuid[16];
	uint8_t hash_seed[16];
	char label[17];
	uint32_t root_uid, root_gid;
	uint16_t root_mode;
	bool lost_and_found;
	struct ext2_time now;
};

// Writes an empty file system: root, lost+found. The device must read as zeros.
// -EINVAL: such a plan is not possible (a journal of less than 1024 blocks, or
// longer than what is free in a row in one group); -ENOSPC: so few blocks do not
// hold even the metadata; -EFBIG.
int ext2_make(struct device *device, const struct ext2_plan *plan);

// What of plan->blocks is not free in such a new file system (also a last group
// that is left out), and how many inodes it has, the first 11 of which are in use
// (10 without lost+found). For finding the least size that holds so much.
int ext2_overhead(const struct ext2_plan *plan, uint64_t *blocks,
		  uint32_t *inodes);

// The journal, in blocks, that suits an image of so many blocks; 0: it is too
// small for one.
uint64_t ext2_journal_blocks(uint64_t blocks, uint32_t block_bytes);

// How many blocks (without those of its map) a directory of a new image takes, if
// it had so many before (1, or those of lost+found) and gets these names, in this
// order and at one stretch. A small part of it may be free again at the end.
// -EFBIG, -ENOMEM. A name is not terminated; good until the next is asked for.
struct ext2_names {
	const char *(*name)(void *context, uint32_t i, size_t *length);
	void *context;
	uint64_t count;
};
int ext2_directory_blocks(const struct ext2_plan *plan, uint32_t had,
			  const struct ext2_names *names, uint32_t *blocks);

// Blocks, with those of its block map, that a file of such a size takes.
uint64_t ext2_blocks_of(uint64_t data_blocks, uint32_t block_bytes);

// Copies everything that is in `from` into `to`, which is fresh and empty (opened
// with EXT2_FRESH after ext2_make); what is kept and what not stands at the head of
// rebuild.c. `progress` may be NULL. Does not commit. -ENOSPC: `to` is too small.
// -EUCLEAN: `from` is damaged, so that a copy would lose something: check it first.
int ext2_rebuild(struct ext2 *from, struct ext2 *to,
		 void (*progress)(void *context, uint64_t done_blocks,
				  uint64_t all),
		 void *context);

#endif
