// dump.h - what the parts of img dump share
#ifndef DUMP_H
#define DUMP_H

#include "fs/img/img.h"

enum dump_what {
	DUMP_SUPER,
	DUMP_GROUP,
	DUMP_INODE,
	DUMP_BLOCK,
	DUMP_DIR,
	DUMP_JOURNAL
};

struct dump {
	struct session *session;
	struct ext2_numbers numbers;
	enum dump_what what;
	bool chosen;
	const char *argument; // NULL: none
	uint64_t number;
	int64_t copy; // -1: the first
	bool hex, replay;
};

int dump_super(struct dump *);
int dump_group(struct dump *);
int dump_inode(struct dump *);
int dump_block(struct dump *); // dump_block.c
int dump_dir(struct dump *);   // dump_dir.c
// A block of a directory; the index's nodes, too.
void print_dir_block(const struct dump *, const struct ext2_inode *dir,
		     const uint8_t *bytes, uint64_t logical);
json_t *json_dir_block(const struct dump *, const struct ext2_inode *dir,
		       const uint8_t *bytes, uint64_t logical);
int dump_journal(struct dump *); // dump_journal.c

#endif
