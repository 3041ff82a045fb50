// journal.c - a transaction through the log
//
// The log is empty whenever a transaction begins: each is brought home before the
// next one, so there is one in the log at most, it starts at the first block, and
// nothing in it ever needs a revoke record. (A kernel lets transactions pile up in
// the log because it must not wait for the disk. A tool that ends must.)
//
//         what is written                              a crash before the flush
//     1   data and new blocks, where they belong; the  as before: nothing points
//         superblock asks for recovery; descriptors,   at the data, the log is
//         copies and the commit block in the log       empty
//         flush
//     2   the log's superblock: it begins here         as before or as after:
//         flush                                        one sector decides
//     3   the blocks home                              as after, once the log
//         flush                                        has been replayed
//     4   the log's superblock: it is empty            the same
//         flush
//     5   the superblock asks for nothing any more     as after; recovery finds
//         flush                                        an empty log
//
// The superblock has to ask for recovery before the log holds anything: Linux
// wipes a log that nobody asks for, and e2fsck(8) calls it an error. To ask for
// the recovery of an empty log means nothing to either. The copy of the superblock
// inside the log asks, too, or step 3 would take the question back too early.
//
// A disk writes sectors of 512 bytes wholly or not at all, so both superblocks
// are written in the one sector that changes.
//
// Step 3 must not fail for lack of room: the image may be a file with holes on a
// disk that is full. A block that lies in a hole reads as zeros; writing these
// zeros back in step 1 changes nothing and makes room for what comes.
//
// When writing the decision fails, or its flush, nobody knows what the disk holds;
// so the log is emptied again. If that works nothing has been decided. If it fails,
// too (the disk is dead), the image is as before or as after, and nobody can say.
//
// A transaction that is larger than the log makes the log grow: journal_grow.c.
//
// Source: Tweedie, "Journaling the Linux ext2fs Filesystem", LinuxExpo 1998;
// Linux, Documentation/filesystems/ext4/journal.rst.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/fs.h"
#include "fs/ext2/journal_parts.h"

enum { GATHERED_BYTES = 256 * 1024, UUID_BYTES = 16 };

// ## Opening

int journal_open(struct ext2 *fs)
{
	const uint32_t known = JOURNAL_INCOMPAT_REVOKE |
			       JOURNAL_INCOMPAT_ASYNC_COMMIT;
	struct journal *journal = calloc(1, sizeof(*journal));
	uint32_t after;
	int error;

	if (!journal)
		return -ENOMEM;
	error = log_open(&journal->log, fs->device);
	if (!error && (journal->log.incompat & ~known ||
		       get32(journal->log.inode.i_flags) & INODE_EXTENTS))
		error = -ENOTSUP;
	// A log that nobody asked to replay: its numbers are not used again.
	if (!error)
		error = log_scan(&journal->log, &journal->sequence, &after);
	if (!error && get32_be(journal->log.super.s_start) != 0)
		journal->sequence++;
	if (error) {
		log_close(&journal->log);
		free(journal);
		return error;
	}
	fs->journal = journal;
	return 0;
}

void journal_free(struct ext2 *fs)
{
	if (!fs->journal)
		return;
	log_close(&fs->journal->log);
	free(fs->journal);
	fs->journal = NULL;
}

int journal_format(struct device *device, uint32_t block_bytes, uint64_t first,
		   uint32_t blocks, const uint8_t uuid[16])
{
	struct disk_journal_super super = {
		.s_header = { .h_magic = put32_be(JOURNAL_MAGIC),
			      .h_blocktype = put32_be(JOURNAL_SUPER_2) },
		.s_blocksize = put32_be(block_bytes),
		.s_maxlen = put32_be(blocks),
		.s_first = put32_be(1),
		.s_sequence = put32_be(1),
		.s_feature_incompat = put32_be(JOURNAL_INCOMPAT_REVOKE),
		.s_nr_users = put32_be(1),
	};

	memcpy(super.s_uuid, uuid, sizeof(super.s_uuid));
	return device_write(device, first * block_bytes, &super, sizeof(super));
}

// ## The two superblocks

// What the log's says from now on.
static int write_log_super(struct journal *journal, uint32_t start,
			   uint32_t sequence, uint32_t length)
{
	struct log *log = &journal->log;
	int error;

	log->super.s_start = put32_be(start);
	log->super.s_sequence = put32_be(sequence);
	log->super.s_maxlen = put32_be(length);
	error = device_write(log->device, log->super_block * log->block_bytes,
			     &log->super, SECTOR_BYTES);
	return error ? error : device_flush(log->device);
}

static int ask_for_recovery(struct ext2 *fs, bool ask)
{
	struct disk_super super;
	int error = device_read(fs->device, SUPER_OFFSET, &super, SECTOR_BYTES);

	if (error)
		return error;
	journal_mark_super((uint8_t *)&super, ask);
	return device_write(fs->device, SUPER_OFFSET, &super, SECTOR_BYTES);
}

void journal_mark_super(uint8_t *bytes, bool ask)
{
	const size_t at = offsetof(struct disk_super, s_feature_incompat);
	le32 incompat;

	memcpy(&incompat, bytes + at, sizeof(incompat));
	incompat = put32(ask ? get32(incompat) | INCOMPAT_RECOVER
			     : get32(incompat) & ~INCOMPAT_RECOVER);
	memcpy(bytes + at, &incompat, sizeof(incompat));
}

// ## Writing the log
//
// Neighbours in the journal (nearly all) are gathered and written in one piece; a
// descriptor is written when its last tag is known.

struct writer {
	struct log *log;
	uint32_t sequence, end; // end: behind the last block that may be used
	uint32_t at;            // the next block of the journal
	uint8_t *descriptor, *zeros, *old;
	uint32_t descriptor_at, used, last_tag;
	uint8_t *run;
	uint64_t run_place;
	uint32_t run_blocks;
};

static int write_run(struct writer *writer)
{
	const uint32_t block_bytes = writer->log->block_bytes;
	const uint32_t blocks = writer->run_blocks;

	writer->run_blocks = 0;
	return blocks == 0 ? 0
			   : device_write(writer->log->device,
					  writer->run_place * block_bytes,
					  writer->run, blocks * block_bytes);
}

// The room for block n of the journal in what is gathered.
static int gather(struct writer *writer, uint32_t n, uint8_t **bytes)
{
	const uint32_t block_bytes = writer->log->block_bytes;
	uint64_t place;
	int error = log_place(writer->log, n, &place);

	if (error)
		return error;
	if (writer->run_place + writer->run_blocks != place ||
	    (writer->run_blocks + 1) * block_bytes > GATHERED_BYTES)
		error = write_run(writer);
	if (error)
		return error;
	if (writer->run_blocks == 0)
		writer->run_place = place;
	*bytes = writer->run + writer->run_blocks++ * block_bytes;
	return 0;
}

static int end_descriptor(struct writer *writer)
{
	const size_t at = writer->last_tag +
			  offsetof(struct disk_journal_tag, t_flags);
	uint8_t *bytes;
	be16 flags;
	int error;

	if (writer->used == 0)
		return 0;
	memcpy(&flags, writer->descriptor + at, sizeof(flags));
	flags = put16_be(get16_be(flags) | TAG_LAST);
	memcpy(writer->descriptor + at, &flags, sizeof(flags));
	error = gather(writer, writer->descriptor_at, &bytes);
	if (!error)
		memcpy(bytes, writer->descriptor, writer->log->block_bytes);
	writer->used = 0;
	return error;
}

static void begin(const struct writer *writer, uint8_t *bytes, uint32_t type)
{
	struct disk_journal_header header = {
		.h_magic = put32_be(JOURNAL_MAGIC),
		.h_blocktype = put32_be(type),
		.h_sequence = put32_be(writer->sequence),
	};

	memset(bytes, 0, writer->log->block_bytes);
	memcpy(bytes, &header, sizeof(header));
}

// The first tag of a descriptor is followed by the log's UUID, which the others
// share.
static int add_tag(struct writer *writer, uint64_t block, uint32_t flags)
{
	struct disk_journal_tag tag = { .t_blocknr =
						put32_be((uint32_t)block) };

	if (writer->used + sizeof(tag) > writer->log->block_bytes) {
		int error = end_descriptor(writer);

		if (error)
			return error;
	}
	if (writer->used == 0) {
		if (writer->at == writer->end)
			return -EFBIG;
		begin(writer, writer->descriptor, JOURNAL_DESCRIPTOR);
		writer->descriptor_at = writer->at++;
		writer->used = sizeof(struct disk_journal_header);
		tag.t_flags = put16_be(flags);
		memcpy(writer->descriptor + writer->used + sizeof(tag),
		       writer->log->super.s_uuid, UUID_BYTES);
	} else {
		tag.t_flags = put16_be(flags | TAG_SAME_UUID);
	}
	writer->last_tag = writer->used;
	memcpy(writer->descriptor + writer->used, &tag, sizeof(tag));
	writer->used += sizeof(tag);
	if (!(get16_be(tag.t_flags) & TAG_SAME_UUID))
		writer->used += UUID_BYTES;
	return 0;
}

static int make_room_at_home(struct writer *writer, uint64_t block)
{
	const struct log *log = writer->log;
	const uint64_t offset = block * log->block_bytes;
	int error = device_read(log->device, offset, writer->old,
				log->block_bytes);

	if (error || memcmp(writer->old, writer->zeros, log->block_bytes) != 0)
		return error;
	return device_write(log->device, offset, writer->zeros,
			    log->block_bytes);
}

static int add_copy(void *context, uint64_t block, const uint8_t *bytes)
{
	struct writer *writer = context;
	const be32 magic = put32_be(JOURNAL_MAGIC);
	bool escape = memcmp(bytes, &magic, sizeof(magic)) == 0;
	uint8_t *copy;
	int error;

	if (block > UINT32_MAX)
		return -EFBIG;
	error = make_room_at_home(writer, block);
	if (!error)
		error = add_tag(writer, block, escape ? TAG_ESCAPE : 0);
	if (!error && writer->at == writer->end)
		error = -EFBIG;
	if (!error)
		error = gather(writer, writer->at++, &copy);
	if (error)
		return error;
	memcpy(copy, bytes, writer->log->block_bytes);
	if (escape)
		memset(copy, 0, sizeof(magic));
	return 0;
}

// What lies behind the commit block must not pass for the next transaction. It
// could where the journal's blocks held another one before.
static int end_log(struct writer *writer)
{
	struct disk_journal_header header = { 0 };
	uint64_t place;
	uint8_t *bytes;
	int error;

	if (writer->at == writer->end)
		return 0;
	error = log_place(writer->log, writer->at, &place);
	if (!error)
		error = device_read(writer->log->device,
				    place * writer->log->block_bytes, &header,
				    sizeof(header));
	if (error || get32_be(header.h_magic) != JOURNAL_MAGIC ||
	    get32_be(header.h_sequence) != writer->sequence + 1)
		return error;
	error = gather(writer, writer->at, &bytes);
	if (!error)
		memset(bytes, 0, writer->log->block_bytes);
	return error;
}

static int end_transaction(struct writer *writer, struct ext2_time now)
{
	struct disk_commit commit = {
		.h_commit_sec_high = put32_be((uint64_t)now.seconds >> 32),
		.h_commit_sec = put32_be((uint32_t)now.seconds),
		.h_commit_nsec = put32_be(now.ns),
	};
	uint8_t *bytes;
	int error = end_descriptor(writer);

	if (!error && writer->at == writer->end)
		error = -EFBIG;
	if (!error)
		error = gather(writer, writer->at++, &bytes);
	if (error)
		return error;
	begin(writer, bytes, JOURNAL_COMMIT);
	memcpy(bytes + sizeof(commit.h_header),
	       (uint8_t *)&commit + sizeof(commit.h_header),
	       sizeof(commit) - sizeof(commit.h_header));
	error = end_log(writer);
	return error ? error : write_run(writer);
}

static int write_log(struct ext2 *fs, const struct transaction *transaction)
{
	struct log *log = &fs->journal->log;
	struct writer writer = {
		.log = log,
		.sequence = fs->journal->sequence,
		.at = log->first,
		.end = transaction->length,
		.descriptor = malloc(log->block_bytes),
		.zeros = calloc(1, log->block_bytes),
		.old = malloc(log->block_bytes),
		.run = malloc(GATHERED_BYTES),
	};
	int error = -ENOMEM;

	if (writer.descriptor && writer.zeros && writer.old && writer.run)
		error = transaction->each(transaction->context, add_copy,
					  &writer);
	if (!error)
		error = end_transaction(&writer, fs->now);
	free(writer.descriptor);
	free(writer.zeros);
	free(writer.old);
	free(writer.run);
	return error;
}

// ## The five steps

uint64_t journal_need(const struct log *log, uint64_t blocks)
{
	const uint64_t tags = (log->block_bytes -
			       sizeof(struct disk_journal_header) -
			       UUID_BYTES) /
			      sizeof(struct disk_journal_tag);

	return log->first + blocks + (blocks + tags - 1) / tags + 1;
}

static int prepare(struct ext2 *fs, const struct transaction *transaction)
{
	struct journal *journal = fs->journal;
	int error = 0;

	if (get32_be(journal->log.super.s_start) != 0)
		error = write_log_super(journal, 0, journal->sequence,
					journal->log.length);
	if (!error)
		error = ask_for_recovery(fs, true);
	if (!error)
		error = write_log(fs, transaction);
	return error ? error : device_flush(fs->device);
}

int journal_pass(struct ext2 *fs, const struct transaction *transaction,
		 bool *decided)
{
	struct journal *journal = fs->journal;
	struct log *log = &journal->log;
	const uint32_t sequence = journal->sequence;
	int error = prepare(fs, transaction);

	if (error) {
		ask_for_recovery(fs, false);
		return error;
	}
	error = write_log_super(journal, log->first, sequence,
				transaction->length);
	if (error) {
		if (!write_log_super(journal, 0, sequence, log->length))
			ask_for_recovery(fs, false);
		return error;
	}
	*decided = true;
	journal->sequence++;
	error = transaction->home(transaction->context);
	if (!error)
		error = device_flush(fs->device);
	if (!error)
		error = write_log_super(journal, 0, journal->sequence,
					log->length);
	if (!error)
		error = ask_for_recovery(fs, false);
	return error ? error : device_flush(fs->device);
}

// ## All that is dirty, as a transaction

enum { LOGGED = ((1 << BLOCK_KINDS) - 1) & ~(1 << BLOCK_NEW) };

struct pass_on {
	int (*block)(void *writer, uint64_t block, const uint8_t *bytes);
	void *writer;
};

static int pass_dirty(void *context, uint64_t block, enum block_kind kind,
		      const uint8_t *bytes)
{
	const struct pass_on *on = context;

	(void)kind;
	return on->block(on->writer, block, bytes);
}

static int each_dirty(void *context,
		      int (*block)(void *writer, uint64_t block,
				   const uint8_t *bytes),
		      void *writer)
{
	struct ext2 *fs = context;
	struct pass_on on = { block, writer };

	return cache_each_dirty(fs->cache, LOGGED, pass_dirty, &on);
}

static int dirty_home(void *context)
{
	struct ext2 *fs = context;

	return cache_write_home(fs->cache, LOGGED, true);
}

// The superblock in the cache, if it is about to be written.
static int mark_cached_super(struct ext2 *fs, bool ask)
{
	struct buffer *buffer;
	int error = cache_get(fs->cache, SUPER_OFFSET / fs->block_bytes, 0,
			      &buffer);

	if (error)
		return error;
	if (buffer->dirty || !ask)
		journal_mark_super(
			buffer->bytes + SUPER_OFFSET % fs->block_bytes, ask);
	cache_drop(buffer);
	return 0;
}

int journal_commit(struct ext2 *fs)
{
	struct journal *journal = fs->journal;
	struct transaction transaction = {
		.each = each_dirty,
		.home = dirty_home,
		.context = fs,
	};
	int error = cache_write_home(fs->cache, 1 << BLOCK_NEW, true);

	fs->decided = false;
	if (!error && cache_dirty_count(fs->cache, LOGGED) == 0)
		return device_flush(fs->device);
	if (!error)
		error = journal_room(fs, LOGGED, &transaction.length);
	if (!error)
		error = mark_cached_super(fs, true);
	if (!error)
		error = journal_pass(fs, &transaction, &fs->decided);
	if (!error && journal->log.inode_blocks > journal->log.length)
		error = journal_shrink(fs);
	return error ? error : mark_cached_super(fs, false);
}
