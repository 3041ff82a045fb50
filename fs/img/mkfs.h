// mkfs.h - a tree of files on its way into a new image
//
// Three sources fill a `struct tree`: a directory (mkfs_scan.c), a tar archive
// (mkfs_tar.c), a table of devices (mkfs_table.c). Then its size is known
// (mkfs_size.c), and it is written (mkfs_write.c) while a second thread reads the
// files ahead (mkfs_read.c).
//
// A node is 72 bytes and its name, so that 50,000 files are 4 MiB. Names, targets
// of symlinks and attributes stand in one text, and nodes know them by offset.
//
// Functions return 0 or an exit status, having said what is wrong.

#ifndef MKFS_H
#define MKFS_H

#include <stddef.h>

#include "fs/img/img.h"

enum {
	NO_NODE = UINT32_MAX,
	ROOT_NODE = 0,

	NODE_SPARSE = 1,  // has holes, which are to be found again
	NODE_LINK = 2,    // a hard link to the node `target`, which comes first
	NODE_GIVEN = 4,   // its attributes were said, not guessed
	NODE_GONE = 8,    // was replaced, or vanished
	NODE_CLOSED = 16, // a directory of another file system: not entered
	NODE_THERE = 32,  // is in the image already, and keeps its attributes
};

struct node {
	uint64_t size;    // of a file or a symlink's target; of a device:
			  // major << 32 | minor
	uint64_t content; // of a file: where it stands in the spool, or
			  // (from a directory, NODE_SPARSE) its blocks
	uint64_t atime, mtime, ctime; // see pack_time
	uint32_t uid, gid;
	uint32_t name; // in the text: a byte of length, the name, NUL
	uint32_t parent;
	uint32_t target; // directory: its first child; NODE_LINK: that node;
			 // symlink: the target's text
	uint32_t count;  // directory: how many children; else how many
			 // NODE_LINKs there may be to it
	uint32_t xattrs; // in the text: see tree_add_xattr; 0: none
	uint32_t ino;    // in the image; set before it is written: it is there
			 // already (img put)
	uint16_t mode;
	uint8_t flags;
};

struct tree {
	const struct session *session;
	struct node *node;
	uint32_t count, room;
	char *text;
	size_t bytes, text_room;
	uint32_t xattrs; // the attributes that were added last, and their size
	size_t xattrs_bytes;
	bool arranged; // children stand in a row, sorted, parents before them

	uint32_t *slot; // an index by parent and name, while it is needed
	uint32_t slots, indexed;

	// Where content comes from: a directory, or the spool of an archive.
	int root, spool;
	uint32_t changed; // files that were not as they had been listed
};

struct make_options {
	const char *from, *table;
	uint64_t size;       // 0: as small as can be
	uint64_t free_bytes; // --free, absolute
	double free_share;   // or a share
	uint32_t block_bytes, inode_bytes, inodes, bytes_an_inode;
	const char *label;
	uint8_t uuid[16];
	bool uuid_given, journal, force, one_file_system, sparse;
	uint64_t journal_bytes; // 0: what suits
	uint64_t reserved_bytes;
	double reserved_share;
	int64_t uid, gid;  // --owner; -1: as they are
	bool reproducible; // SOURCE_DATE_EPOCH is set
	struct ext2_time now;
};

// ## Tree (mkfs_tree.c)

void tree_begin(struct tree *, const struct session *);
void tree_end(struct tree *);
// All nodes go; what there is to be said of them stays (`changed`).
void tree_forget(struct tree *);

// lost+found is there before the tree is written. A tree may have one, too.
bool is_lost_found(const struct tree *, const struct node *);
uint32_t lost_found_blocks(uint32_t block_bytes);

// Appends. The pointer is good until the next call.
struct node *tree_add(struct tree *, uint32_t parent, const char *name,
		      size_t length);
// The same, with a name that stands in the text already.
struct node *tree_add_kept(struct tree *, uint32_t parent, uint32_t name);
// By their bytes; names as they stand in the text.
int compare_names(const char *a, const char *b);

// Copies bytes into the text; returns their offset.
uint32_t tree_keep(struct tree *, const void *bytes, size_t n);

static inline const char *node_name(const struct tree *t, const struct node *n)
{
	return t->text + n->name + 1;
}

static inline size_t node_name_len(const struct tree *t, const struct node *n)
{
	return (uint8_t)t->text[n->name];
}

// The node of that name below `parent`, or NO_NODE.
uint32_t tree_child(struct tree *, uint32_t parent, const char *name,
		    size_t length);

// The path below the root ("a/b"; "." for the root), in a buffer to be freed.
char *node_path(const struct tree *, const struct node *);

// Puts all children of a directory in a row, sorted by the bytes of their names,
// parents before children, and links after what they link to. What is gone, goes.
void tree_arrange(struct tree *);

// Attributes are gathered between begin and end; end returns their place (0: there
// were none).
uint32_t xattrs_begin(struct tree *);
void tree_xattr_add(struct tree *, const char *name, const void *value,
		    size_t n);
uint32_t xattrs_end(struct tree *, uint32_t begun);
// The next one after `at` (at first node->xattrs); 0: that was the last.
struct kept_xattr {
	const char *name;
	const void *value;
	size_t size;
};
uint32_t xattr_next(const struct tree *, uint32_t at, struct kept_xattr *);

// Whether attributes of that name are kept at all.
bool is_kept_xattr(const char *name);

// ns since the beginning of 1901-12-13 20:45:52 UTC, in 64 bits: until 2446, which
// is just what an inode can say. What is beyond becomes the nearest.
uint64_t pack_time(int64_t seconds, uint32_t ns);
struct ext2_time unpack_time(uint64_t packed);

// Applies --owner, and SOURCE_DATE_EPOCH: no file is younger, and all its times are
// that of its last change (reading must not show).
void tree_normalise(struct tree *, const struct make_options *);

// ## Sources

int scan_directory(struct tree *, const struct make_options *);
int read_archive(struct tree *, const struct make_options *);
int apply_table(struct tree *, const struct make_options *);

// Opens a directory of the source for its node. -errno.
int open_directory(const struct tree *, uint32_t node);

// ## Size (mkfs_size.c)

// Calls `each` for the runs of data of a file of so many bytes, by rising offset;
// with `zeros` blocks of zeros count as holes. 0, -errno, or what `each` said.
int each_run(int fd, uint64_t begin, uint64_t size, uint32_t zeros,
	     int (*each)(void *context, uint64_t from, uint64_t n),
	     void *context);

// How many blocks a file with holes takes, with those of its map.
int sparse_blocks(int fd, uint64_t begin, uint64_t size, uint32_t block_bytes,
		  bool zeros, uint64_t *blocks);

// What the tree takes, and with it the plan.
struct need {
	uint64_t blocks;
	uint32_t inodes; // those that are reserved, too
};
// What does not depend on the size: names, forms, the root.
void begin_plan(const struct tree *, const struct make_options *,
		struct ext2_plan *);
int size_tree(struct tree *, const struct make_options *,
	      const struct ext2_plan *, struct need *);
int finish_plan(struct tree *, const struct make_options *, const struct need *,
		struct ext2_plan *);

// ## Reading ahead (mkfs_read.c)

struct reader;

// What stands in a file: all of it in memory, or a descriptor.
struct fetched {
	uint32_t node;
	int error; // -errno; 0
	int fd;    // -1: `bytes` has it all
	const char *bytes;
	size_t n;
};

struct reader *reader_begin(struct tree *);
// The regular files that have content, in the order of their nodes. The piece is
// good until the next call. NULL: that was the last.
const struct fetched *reader_next(struct reader *);
void reader_end(struct reader *);

// ## Writing (mkfs_write.c)

int write_xattrs(const struct tree *, struct ext2 *fs, uint32_t ino,
		 const struct node *); // -errno
int write_tree(struct tree *, struct ext2 *fs, const struct make_options *,
	       struct progress *);

#endif
