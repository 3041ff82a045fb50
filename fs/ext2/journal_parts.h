// journal_parts.h - what journal.c and journal_grow.c share

#ifndef EXT2_JOURNAL_PARTS_H
#define EXT2_JOURNAL_PARTS_H

#include "fs/ext2/fs.h"
#include "fs/ext2/log.h"

struct journal {
	struct log log;
	uint32_t sequence; // of the next transaction
};

struct transaction {
	uint32_t length; // the journal's while it holds this one
	// Calls `block` for each block that is to be logged.
	int (*each)(void *context,
		    int (*block)(void *writer, uint64_t block,
				 const uint8_t *bytes),
		    void *writer);
	int (*home)(void *context); // writes them where they belong
	void *context;
};

// The five steps. *decided is set as soon as the disk has the decision.
int journal_pass(struct ext2 *fs, const struct transaction *transaction,
		 bool *decided);

// Sets or clears INCOMPAT_RECOVER in a superblock.
void journal_mark_super(uint8_t *bytes, bool ask);

// How long a journal must be for a transaction of so many blocks.
uint64_t journal_need(const struct log *log, uint64_t blocks);

// Sees to it that the journal has room for what is dirty of these kinds. *length:
// how much of it is to be used. -EFBIG: it has not, and cannot have.
int journal_room(struct ext2 *fs, unsigned kinds, uint32_t *length);

// Gives back what lies behind the log's end.
int journal_shrink(struct ext2 *fs);

#endif
