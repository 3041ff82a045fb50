// layout.h - what an ext2, ext3 or ext4 image looks like, byte by byte
//
// All numbers on the disk are little-endian and stand at any address: le16, le32
// are arrays of bytes, so that neither the machine's byte order nor its alignment
// matters. (A compiler makes one load of them.) The journal is older than that
// decision and big-endian: be32.
//
//     block 0          block 1                                   (4 KiB blocks)
//     ┌───────┬───────┬────────────┬───────┬───────┬────────┬─────────────┐
//     │ boot  │ super │ group      │ block │ inode │ inode  │ data blocks │
//     │ 1 KiB │ block │ descriptors│ bitmap│ bitmap│ table  │             │
//     └───────┴───────┴────────────┴───────┴───────┴────────┴─────────────┘
//      byte 1024         one for each group of 8 × block bytes blocks
//
// The superblock is always at byte 1024: in block 0, or with 1 KiB blocks in
// block 1, and that block is s_first_data_block. Copies of superblock and
// descriptors stand at the head of group 1 and of the groups whose number is a
// power of 3, 5 or 7 (sparse_super).
//
// Sources: Card, Ts'o, Tweedie, "Design and Implementation of the Second Extended
// Filesystem", 1994; Linux: Documentation/filesystems/ext2.rst and
// Documentation/filesystems/ext4/ (ondisk); ext4(5), mke2fs(8).

#ifndef EXT2_LAYOUT_H
#define EXT2_LAYOUT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

// ## Numbers

typedef struct {
	uint8_t byte[2];
} le16;
typedef struct {
	uint8_t byte[4];
} le32;
typedef struct {
	uint8_t byte[4];
} be32;
typedef struct {
	uint8_t byte[2];
} be16;

static inline uint16_t get16(le16 n)
{
	return (uint16_t)(n.byte[0] | n.byte[1] << 8);
}

static inline uint32_t get32(le32 n)
{
	return n.byte[0] | (uint32_t)n.byte[1] << 8 |
	       (uint32_t)n.byte[2] << 16 | (uint32_t)n.byte[3] << 24;
}

static inline le16 put16(uint32_t n)
{
	return (le16){ { (uint8_t)n, (uint8_t)(n >> 8) } };
}

static inline le32 put32(uint32_t n)
{
	return (le32){ { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
			 (uint8_t)(n >> 24) } };
}

static inline uint32_t get32_be(be32 n)
{
	return n.byte[3] | (uint32_t)n.byte[2] << 8 |
	       (uint32_t)n.byte[1] << 16 | (uint32_t)n.byte[0] << 24;
}

static inline be32 put32_be(uint32_t n)
{
	return (be32){ { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
			 (uint8_t)(n >> 8), (uint8_t)n } };
}

static inline uint16_t get16_be(be16 n)
{
	return (uint16_t)(n.byte[1] | n.byte[0] << 8);
}

static inline be16 put16_be(uint32_t n)
{
	return (be16){ { (uint8_t)(n >> 8), (uint8_t)n } };
}

// ## The superblock

enum {
	SUPER_OFFSET = 1024,
	SUPER_BYTES = 1024,
	EXT2_MAGIC = 0xef53,

	STATE_CLEAN = 1, // s_state
	STATE_ERRORS = 2,
	STATE_ORPHANS = 4,
};

enum {
	COMPAT_DIR_PREALLOC = 0x1,
	COMPAT_HAS_JOURNAL = 0x4,
	COMPAT_EXT_ATTR = 0x8,
	COMPAT_RESIZE_INODE = 0x10,
	COMPAT_DIR_INDEX = 0x20,
	COMPAT_SPARSE_SUPER2 = 0x200,

	INCOMPAT_COMPRESSION = 0x1,
	INCOMPAT_FILETYPE = 0x2,
	INCOMPAT_RECOVER = 0x4,
	INCOMPAT_JOURNAL_DEV = 0x8,
	INCOMPAT_META_BG = 0x10,
	INCOMPAT_EXTENTS = 0x40,
	INCOMPAT_64BIT = 0x80,
	INCOMPAT_MMP = 0x100,
	INCOMPAT_FLEX_BG = 0x200,
	INCOMPAT_EA_INODE = 0x400,
	INCOMPAT_DIRDATA = 0x1000,
	INCOMPAT_CSUM_SEED = 0x2000,
	INCOMPAT_LARGEDIR = 0x4000,
	INCOMPAT_INLINE_DATA = 0x8000,
	INCOMPAT_ENCRYPT = 0x10000,
	INCOMPAT_CASEFOLD = 0x20000,

	RO_COMPAT_SPARSE_SUPER = 0x1,
	RO_COMPAT_LARGE_FILE = 0x2,
	RO_COMPAT_BTREE_DIR = 0x4,
	RO_COMPAT_HUGE_FILE = 0x8,
	RO_COMPAT_GDT_CSUM = 0x10,
	RO_COMPAT_DIR_NLINK = 0x20,
	RO_COMPAT_EXTRA_ISIZE = 0x40,
	RO_COMPAT_QUOTA = 0x100,
	RO_COMPAT_BIGALLOC = 0x200,
	RO_COMPAT_METADATA_CSUM = 0x400,
	RO_COMPAT_READONLY = 0x1000,
	RO_COMPAT_PROJECT = 0x2000,
	RO_COMPAT_VERITY = 0x8000,
	RO_COMPAT_ORPHAN_PRESENT = 0x10000,
};

// s_flags: how the hash of a directory index takes its characters.
enum { FLAG_SIGNED_HASH = 1, FLAG_UNSIGNED_HASH = 2 };

struct disk_super {
	le32 s_inodes_count;   // in all groups together
	le32 s_blocks_count;   // from block 0 on
	le32 s_r_blocks_count; // reserved for root
	le32 s_free_blocks_count;
	le32 s_free_inodes_count;
	le32 s_first_data_block; // 1 with 1 KiB blocks, else 0
	le32 s_log_block_size;   // block bytes = 1024 << this
	le32 s_log_cluster_size; // the same (fragments, bigalloc)
	le32 s_blocks_per_group;
	le32 s_clusters_per_group;
	le32 s_inodes_per_group;
	le32 s_mtime; // last mount
	le32 s_wtime; // last write
	le16 s_mnt_count;
	le16 s_max_mnt_count; // 0xffff: never check because of this
	le16 s_magic;         // EXT2_MAGIC
	le16 s_state;
	le16 s_errors; // 1 go on, 2 read-only, 3 panic
	le16 s_minor_rev_level;
	le32 s_lastcheck;
	le32 s_checkinterval;
	le32 s_creator_os; // 0: Linux
	le32 s_rev_level;  // 1: the fields below count
	le16 s_def_resuid;
	le16 s_def_resgid;

	le32 s_first_ino; // 11: the first that is not reserved
	le16 s_inode_size;
	le16 s_block_group_nr; // in which group this copy stands
	le32 s_feature_compat;
	le32 s_feature_incompat;
	le32 s_feature_ro_compat;
	uint8_t s_uuid[16];
	uint8_t s_volume_name[16];
	uint8_t s_last_mounted[64];
	le32 s_algorithm_usage_bitmap;
	uint8_t s_prealloc_blocks;
	uint8_t s_prealloc_dir_blocks;
	le16 s_reserved_gdt_blocks; // after the descriptors of each copy
	uint8_t s_journal_uuid[16];
	le32 s_journal_inum; // 8
	le32 s_journal_dev;
	le32 s_last_orphan; // head of a list through i_dtime
	le32 s_hash_seed[4];
	uint8_t s_def_hash_version; // 0 legacy, 1 half MD4, 2 TEA
	uint8_t s_jnl_backup_type;  // 1: s_jnl_blocks holds a copy
	le16 s_desc_size;           // with 64bit: 64
	le32 s_default_mount_opts;
	le32 s_first_meta_bg;
	le32 s_mkfs_time;
	le32 s_jnl_blocks[17]; // i_block of the journal, size high, size
	le32 s_blocks_count_hi;
	le32 s_r_blocks_count_hi;
	le32 s_free_blocks_hi;
	le16 s_min_extra_isize;
	le16 s_want_extra_isize;
	le32 s_flags;
	uint8_t s_rest[1024 - 356];
};
static_assert(sizeof(struct disk_super) == SUPER_BYTES, "superblock");
static_assert(offsetof(struct disk_super, s_first_ino) == 84, "revision 1");
static_assert(offsetof(struct disk_super, s_feature_compat) == 92, "features");
static_assert(offsetof(struct disk_super, s_last_orphan) == 232, "orphans");
static_assert(offsetof(struct disk_super, s_jnl_blocks) == 268, "journal");
static_assert(offsetof(struct disk_super, s_flags) == 352, "flags");

// ## Group descriptors

enum { GROUP_BYTES = 32, GROUP_BYTES_64 = 64 };

// bg_flags (with checksums of descriptors only).
enum { GROUP_INODE_UNINIT = 1, GROUP_BLOCK_UNINIT = 2, GROUP_ZEROED = 4 };

struct disk_group {
	le32 bg_block_bitmap; // a block number
	le32 bg_inode_bitmap;
	le32 bg_inode_table; // its first block
	le16 bg_free_blocks_count;
	le16 bg_free_inodes_count;
	le16 bg_used_dirs_count;
	le16 bg_flags;
	le32 bg_exclude_bitmap;
	le16 bg_block_bitmap_csum;
	le16 bg_inode_bitmap_csum;
	le16 bg_itable_unused;
	le16 bg_checksum;
	le32 bg_block_bitmap_hi; // from here on only with 64bit
	le32 bg_inode_bitmap_hi;
	le32 bg_inode_table_hi;
	le16 bg_free_blocks_count_hi;
	le16 bg_free_inodes_count_hi;
	le16 bg_used_dirs_count_hi;
	le16 bg_itable_unused_hi;
	le32 bg_rest[3];
};
static_assert(offsetof(struct disk_group, bg_block_bitmap_hi) == GROUP_BYTES,
	      "descriptor");
static_assert(sizeof(struct disk_group) == GROUP_BYTES_64, "descriptor, 64bit");

// ## Inodes

enum {
	INO_BAD_BLOCKS = 1,
	INO_ROOT = 2,
	INO_RESIZE = 7,
	INO_JOURNAL = 8,
	INO_FIRST = 11, // usually lost+found

	INODE_BYTES_OLD = 128, // revision 0, and the least there is
	INODE_EXTRA = 32,      // i_extra_isize that we write

	BLOCKS_DIRECT = 12, // i_block: 12 direct, then these
	BLOCK_SINGLE = 12,
	BLOCK_DOUBLE = 13,
	BLOCK_TRIPLE = 14,
	BLOCK_POINTERS = 15,

	SYMLINK_INSIDE = 60, // shorter targets stand in i_block itself
	LINKS_MOST = 32000,
};

// i_flags
enum {
	INODE_SECRM = 0x1,
	INODE_SYNC = 0x8,
	INODE_IMMUTABLE = 0x10,
	INODE_APPEND = 0x20,
	INODE_NODUMP = 0x40,
	INODE_NOATIME = 0x80,
	INODE_COMPRESSED = 0x200,
	INODE_ENCRYPTED = 0x800,
	INODE_INDEX = 0x1000, // a directory with an htree
	INODE_IMAGIC = 0x2000,
	INODE_JOURNAL_DATA = 0x4000,
	INODE_DIRSYNC = 0x10000,
	INODE_TOPDIR = 0x20000,
	INODE_HUGE_FILE = 0x40000, // i_blocks counts blocks
	INODE_EXTENTS = 0x80000,
	INODE_VERITY = 0x100000,
	INODE_EA_INODE = 0x200000,
	INODE_INLINE_DATA = 0x10000000,
	INODE_CASEFOLD = 0x40000000,

	// Those that say how an inode is to be read: nobody sets or clears
	// them as he does the others.
	INODE_FORM = INODE_COMPRESSED | INODE_ENCRYPTED | INODE_INDEX |
		     INODE_IMAGIC | INODE_HUGE_FILE | INODE_EXTENTS |
		     INODE_VERITY | INODE_EA_INODE | INODE_INLINE_DATA |
		     INODE_CASEFOLD,

	// And those that symlinks, devices, fifos and sockets never have.
	INODE_NOT_SPECIAL = INODE_IMMUTABLE | INODE_APPEND,
};

struct disk_inode {
	le16 i_mode;
	le16 i_uid;
	le32 i_size;
	le32 i_atime;
	le32 i_ctime;
	le32 i_mtime;
	le32 i_dtime; // deletion; or the next in the list of orphans
	le16 i_gid;
	le16 i_links_count;
	le32 i_blocks; // of 512 bytes, indirect ones and i_file_acl included
	le32 i_flags;
	le32 i_version;
	le32 i_block[BLOCK_POINTERS];
	le32 i_generation;
	le32 i_file_acl; // block with extended attributes
	le32 i_size_high;
	le32 i_faddr;
	le16 i_blocks_high;
	le16 i_file_acl_high;
	le16 i_uid_high;
	le16 i_gid_high;
	le16 i_checksum_lo;
	le16 i_reserved;

	le16 i_extra_isize; // how many of the bytes from here on are fields
	le16 i_checksum_hi;
	le32 i_ctime_extra; // bits 0-1: bits 32-33 of the seconds; 2-31: ns
	le32 i_mtime_extra;
	le32 i_atime_extra;
	le32 i_crtime;
	le32 i_crtime_extra;
	le32 i_version_hi;
	le32 i_projid;
};
static_assert(offsetof(struct disk_inode, i_extra_isize) == INODE_BYTES_OLD,
	      "inode");
static_assert(sizeof(struct disk_inode) == INODE_BYTES_OLD + INODE_EXTRA,
	      "inode, extra fields");

// ## Extents (ext4; read only)

enum { EXTENT_MAGIC = 0xf30a, EXTENT_LONGEST = 32768 };

struct disk_extent_header {
	le16 eh_magic;
	le16 eh_entries;
	le16 eh_max;
	le16 eh_depth; // 0: leaves follow
	le32 eh_generation;
};

struct disk_extent_index {
	le32 ei_block;
	le32 ei_leaf_lo;
	le16 ei_leaf_hi;
	le16 ei_unused;
};

struct disk_extent {
	le32 ee_block;
	le16 ee_len; // above EXTENT_LONGEST: not initialised, reads as zeros
	le16 ee_start_hi;
	le32 ee_start_lo;
};
static_assert(sizeof(struct disk_extent_header) == 12, "extent header");
static_assert(sizeof(struct disk_extent_index) == 12, "extent index");
static_assert(sizeof(struct disk_extent) == 12, "extent");

// ## Directories

enum { NAME_LONGEST = 255, ENTRY_HEADER = 8 };

enum entry_type {
	TYPE_UNKNOWN,
	TYPE_REGULAR,
	TYPE_DIRECTORY,
	TYPE_CHARACTER,
	TYPE_BLOCK,
	TYPE_FIFO,
	TYPE_SOCKET,
	TYPE_SYMLINK,
	TYPES
};

struct disk_entry {
	le32 inode;   // 0: not in use
	le16 rec_len; // to the next entry; a multiple of 4, never over the end
	uint8_t name_len;
	uint8_t file_type; // enum entry_type; without filetype: 0
	uint8_t name[];    // not terminated
};
static_assert(sizeof(struct disk_entry) == ENTRY_HEADER, "directory entry");

// The least an entry with such a name takes.
static inline uint32_t entry_bytes(uint32_t name_len)
{
	return (ENTRY_HEADER + name_len + 3) & ~3u;
}

// Block 0 of a directory with an index: the entries "." and ".." (rec_len to the
// end of the block), and inside the second this, at byte 24; an inner node of the
// index (block bytes of rec_len, inode 0) has its limit and count at byte 8.
struct disk_htree_root {
	le32 reserved_zero;
	uint8_t hash_version; // see s_def_hash_version
	uint8_t info_length;  // 8
	uint8_t indirect_levels;
	uint8_t unused_flags;
};

struct disk_htree_limit { // in place of the first entry's hash
	le16 limit;
	le16 count;
};

struct disk_htree_entry {
	le32 hash;
	le32 block; // of the directory, not of the disk
};
static_assert(sizeof(struct disk_htree_root) == 8, "htree root");
static_assert(sizeof(struct disk_htree_entry) == 8, "htree entry");

enum { HASH_LEGACY, HASH_HALF_MD4, HASH_TEA };

// ## Extended attributes

enum {
	XATTR_MAGIC = 0xea020000,
	XATTR_USER = 1, // e_name_index: the prefix that the name lacks
	XATTR_ACL_ACCESS = 2,
	XATTR_ACL_DEFAULT = 3,
	XATTR_TRUSTED = 4,
	XATTR_SECURITY = 6,
	XATTR_SYSTEM = 7,
};

// In a block of their own. In the inode, after the extra fields, only h_magic.
struct disk_xattr_header {
	le32 h_magic;
	le32 h_refcount; // inodes that share the block
	le32 h_blocks;   // 1
	le32 h_hash;
	le32 h_checksum;
	le32 h_reserved[3];
};

struct disk_xattr_entry {
	uint8_t e_name_len;
	uint8_t e_name_index;
	le16 e_value_offs; // block: from its start; inode: from the first entry
	le32 e_value_inum;
	le32 e_value_size;
	le32 e_hash;
	uint8_t e_name[];
};
static_assert(sizeof(struct disk_xattr_header) == 32, "xattr header");
static_assert(sizeof(struct disk_xattr_entry) == 16, "xattr entry");

// A POSIX ACL as ext2 keeps it (version 1), not as getxattr(2) shows it (2).
enum { ACL_VERSION = 1 };

struct disk_acl_short { // USER_OBJ, GROUP_OBJ, MASK, OTHER
	le16 e_tag;
	le16 e_perm;
};

struct disk_acl_long { // USER, GROUP
	le16 e_tag;
	le16 e_perm;
	le32 e_id;
};

// ## The journal (jbd2)

enum {
	JOURNAL_MAGIC = 0xc03b3998,

	JOURNAL_DESCRIPTOR = 1, // h_blocktype
	JOURNAL_COMMIT = 2,
	JOURNAL_SUPER_1 = 3,
	JOURNAL_SUPER_2 = 4,
	JOURNAL_REVOKE = 5,

	JOURNAL_INCOMPAT_REVOKE = 1,
	JOURNAL_INCOMPAT_64BIT = 2,
	JOURNAL_INCOMPAT_ASYNC_COMMIT = 4,
	JOURNAL_INCOMPAT_CSUM_2 = 8,
	JOURNAL_INCOMPAT_CSUM_3 = 16,
	JOURNAL_INCOMPAT_FAST_COMMIT = 32,

	TAG_ESCAPE = 1, // the block began with the magic, which is now 0
	TAG_SAME_UUID = 2,
	TAG_DELETED = 4,
	TAG_LAST = 8,
};

struct disk_journal_header {
	be32 h_magic;
	be32 h_blocktype;
	be32 h_sequence;
};

struct disk_journal_super {
	struct disk_journal_header s_header;
	be32 s_blocksize;
	be32 s_maxlen;   // blocks of the journal
	be32 s_first;    // the first of the log
	be32 s_sequence; // of the first transaction to expect
	be32 s_start;    // where it begins; 0: the log is empty
	be32 s_errno;
	be32 s_feature_compat;
	be32 s_feature_incompat;
	be32 s_feature_ro_compat;
	uint8_t s_uuid[16];
	be32 s_nr_users;
	be32 s_dynsuper;
	be32 s_max_transaction;
	be32 s_max_trans_data;
	uint8_t s_checksum_type;
	uint8_t s_padding2[3];
	be32 s_num_fc_blocks;
	be32 s_head;
	be32 s_padding[40];
	be32 s_checksum;
	uint8_t s_users[16 * 48];
};
static_assert(sizeof(struct disk_journal_super) == 1024, "journal superblock");

struct disk_journal_tag {
	be32 t_blocknr;
	be16 t_checksum;
	be16 t_flags;
	// with 64bit: be32 t_blocknr_high; unless TAG_SAME_UUID: uuid[16]
};
static_assert(sizeof(struct disk_journal_tag) == 8, "journal tag");

struct disk_journal_revoke {
	struct disk_journal_header r_header;
	be32 r_count; // bytes used of this block, this header included

	// then block numbers: be32, with 64bit be64
};
static_assert(sizeof(struct disk_journal_revoke) == 16, "revoke block");

#endif
