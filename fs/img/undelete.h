// undelete.h - what is left of deleted files: finding it (undelete_find.c,
// undelete_log.c,
// undelete_names.c), and bringing it back (undelete.c, undelete_back.c)

#ifndef UNDELETE_H
#define UNDELETE_H

#include "fs/img/img.h"
#include "fs/img/numbers.h"
#include "fs/img/pieces.h"

enum deleted_state {
	DELETED_WHOLE,   // all that it was is there
	DELETED_PART,    // some of its blocks are others' now
	DELETED_GONE,    // all of them are
	DELETED_CLEARED, // nothing says which they were; or it was empty
	DELETED_STATES
};
extern const char *const deleted_words[DELETED_STATES]; // "whole"

struct deleted {
	uint32_t ino;
	uint16_t mode; // 0: not even that is left
	enum deleted_state state;
	uint64_t size;
	uint32_t dtime; // 0: unknown
	struct ext2_time mtime;
	uint32_t copy; // in the log, of its block: 1 + its index; 0: the table

	uint64_t blocks;  // data and map, as far as the map could be followed
	uint64_t free;    // of them
	uint64_t lost;    // data that are not there any more
	bool map_broken;  // pointers that are none, or a node that is gone
	bool xattrs_gone; // the block of its attributes is another's

	uint32_t first_name, names; // in search.name

	struct taker { // whose its blocks are now
		enum piece_kind kind;
		uint32_t inode; // 0: the group's
		bool deleted;   // and gone, too
		uint64_t blocks;
	} taker[3];
	int takers;
	uint64_t other_takers; // blocks
};

struct deleted_name {
	uint32_t of;  // index of the deleted
	uint32_t dir; // inode of the directory, which may be deleted, too
	uint8_t length;
	char *name; // terminated
	enum { NAME_SLACK, NAME_LOG, NAME_DELETED } from;
};

struct log_copy {
	uint64_t home, place;
	uint32_t sequence;
	int32_t age;  // larger: newer
	uint32_t dir; // of which home is a block; 0: none that is known
	bool escaped;
};

struct search {
	struct session *session;
	struct ext2_numbers numbers;
	uint32_t first_ino;

	struct deleted *deleted; // by ino
	size_t count, room;
	struct deleted_name *name; // by deleted
	size_t names, name_room;
	uint32_t *by_dir;      // indices of names
	struct log_copy *copy; // by home, then by age
	size_t copies, copy_room;
	struct numbers paths; // of living inodes that matter
	uint64_t budget;      // how many more blocks are looked at

	uint8_t *later; // a bit a block: a file deleted later had it
	uint8_t *block, *copy_block; // one each, for short use
	uint8_t *node[3];
};

// Finds it all. An exit status, having complained; to be ended in any case.
int search_open(struct search *, struct session *);
void search_close(struct search *);

struct deleted *search_find(const struct search *, uint32_t ino);
// The inode as it was.
int deleted_inode(struct search *, const struct deleted *, struct ext2_inode *);
// Its blocks that are there still, by rising `logical`, and with `map` those of
// its map, too; to be freed. (Of a directory only with `map`: it comes back empty.) Blocks that
// a file deleted later had, too, are not counted among them.
int deleted_runs(struct search *, const struct deleted *,
		 const struct ext2_inode *, bool map, struct ext2_run **runs,
		 size_t *count);

// Old copies (undelete_log.c).
void log_collect(struct search *);
// Copies in the log of a block, the newest last; *first is set. How many.
size_t copies_of(const struct search *, uint64_t home, size_t *first);
int copy_read(struct search *, const struct log_copy *, uint8_t *bytes);

// Names (undelete_names.c).
int names_find(struct search *);
// The path that goes with a name, or NULL where its directory is not known; to be
// freed.
char *deleted_path(const struct search *, const struct deleted_name *);
// Names in a deleted or living directory: indices into by_dir.
size_t names_in(const struct search *, uint32_t dir, size_t *first);

// Living inodes whose paths are to be known; and one of these, or NULL.
int path_want(struct search *, uint32_t ino);
const char *path_known(const struct search *, uint32_t ino);
void paths_free(struct search *);

// Bringing back (undelete_back.c).
struct bring {
	struct search *search;
	struct deleted *which; // NULL: all
	const char *to, *output;
	bool partial;
	const struct deleted_name *name; // that was asked for; NULL: none
};

struct back { // one that is to come back
	struct deleted *d;
	size_t parent; // index of its directory, or NOWHERE: `dir`
	uint32_t dir;
	const char *name; // NULL: #INODE
	bool claimed;
	char *path;   // that it has again; NULL: none yet
	json_t *told; // of plan.list
	struct ext2_inode inode;
	struct ext2_run *runs;
	size_t run_count;
};

struct plan {
	const struct bring *bring;
	struct search *search;
	struct session *session;
	struct back *back;
	size_t count, room;
	bool *chosen; // by index of the deleted
	struct held { // what others have, that do not come back now
		struct ext2_run *runs;
		size_t count;
	} * held;
	size_t held_count;
	bool renamed;         // --to gave a new name
	const char *replaced; // the old one, or NULL
	char *where;          // the path of the directory that it all goes into
	json_t *list;
	size_t done, left;
};

#define NOWHERE SIZE_MAX // not a directory that comes back

void plan_begin(struct plan *, const struct bring *);
int plan_end(struct plan *, int status);
// `name` NULL: #INODE.
void plan_add(struct plan *, struct deleted *, size_t parent, uint32_t dir,
	      const char *name);
void plan_add_all(struct plan *, uint32_t dir);
// Why it cannot come back, or NULL; and saying so: returns 1.
const char *back_why_not(const struct bring *, const struct deleted *);
int back_left_out(struct plan *, const struct deleted *, const char *why);
char *back_name(const struct back *, int try); // to be freed
// `path` NULL: to the host, where `name` says it all.
void back_tell(struct plan *, struct back *, const char *name,
	       const char *path);

int bring_into_image(const struct bring *);
int bring_to_host(const struct bring *); // undelete_host.c

#endif
