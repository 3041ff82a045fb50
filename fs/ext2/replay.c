// replay.c - what the log says is done again
//
// After a crash the blocks of a file system are partly old and partly new; the log
// holds the new ones of every transaction that was decided. Replaying copies them
// to where they belong. Doing it twice does no harm, so a crash while replaying
// is mended by replaying.
//
// A block may be in the log many times; its last copy counts. So instead of
// playing the film this keeps a table with the last copy of each block, and then
// writes each once, by rising number. A revoke of a block says that copies up to
// its transaction are void (the block has become data, which is not logged); as
// transactions only rise, it is enough to hold it against the last copy. The
// table is as large as the log has different blocks: 24 bytes for each block of
// the log at most, half as much again for the room that a hash table wants.
//
// Before anything is written all of it is looked at: every block inside the image,
// none of them in the log itself (whoever wrote that did not want the log to be
// read to its end), checksums as the tags have them. Linux begins to write and
// stops where it meets damage; we leave the image as it is (-EUCLEAN), and that is
// the only difference: of a log that is whole it makes the same bytes.
//
// A log is only played when the file system's superblock asks for it
// (INCOMPAT_RECOVER): one that is not asked for is a leftover, which Linux wipes.
// When the copies are safely home, the log's superblock says that it is empty and
// only then the file system's that nothing is to be done.
//
// Fast commits (ext4) are a second log, of operations and not of blocks, behind
// the ring; an image whose second log holds some is refused (-ENOTSUP).
//
// Source: Linux, Documentation/filesystems/ext4/journal.rst.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/fs.h"
#include "fs/ext2/log.h"

enum { ESCAPED = 1, REVOKED = 2, TABLE_FIRST = 1024, FAST_HEAD = 9 };

struct copy {
	uint64_t home;
	uint64_t place : 62; // of the copy; 0: this row is free
	uint64_t flags : 2;
	uint32_t sequence, checksum;
};
static_assert(sizeof(struct copy) == 24, "a row");

struct replay {
	struct log *log;
	struct copy *copy;
	size_t room, count; // room: a power of two
	uint8_t *bytes;
};

// ## The table: open addressing, at most two thirds full

static struct copy *row_of(const struct replay *replay, uint64_t home)
{
	uint64_t hash = home * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	for (;; hash++) {
		struct copy *copy = &replay->copy[hash & (replay->room - 1)];

		if (copy->place == 0 || copy->home == home)
			return copy;
	}
}

static int make_room(struct replay *replay)
{
	struct copy *old = replay->copy;
	const size_t rows = replay->room;

	if (replay->count * 3 < rows * 2)
		return 0;
	replay->room = rows ? rows * 2 : TABLE_FIRST;
	replay->copy = calloc(replay->room, sizeof(*replay->copy));
	if (!replay->copy) {
		replay->copy = old;
		replay->room = rows;
		return -ENOMEM;
	}
	for (size_t i = 0; i < rows; i++) {
		if (old[i].place)
			*row_of(replay, old[i].home) = old[i];
	}
	free(old);
	return 0;
}

static int note_copy(void *context, const struct log_item *item)
{
	struct replay *replay = context;

	if (item->bad_checksum)
		return -EUCLEAN;
	if (item->type != 0)
		return 0;
	int error = make_room(replay);

	if (error)
		return error;
	struct copy *copy = row_of(replay, item->home);

	if (copy->place == 0)
		replay->count++;
	copy->home = item->home;
	copy->place = item->place & (UINT64_MAX >> 2);
	copy->flags = item->flags & TAG_ESCAPE ? ESCAPED : 0;
	copy->sequence = item->sequence;
	copy->checksum = item->checksum;
	return 0;
}

static int note_revokes(void *context, const struct log_item *item)
{
	struct replay *replay = context;

	if (item->type != JOURNAL_REVOKE)
		return 0;
	int64_t count = log_revokes(replay->log, item->bytes);

	if (count < 0)
		return (int)count;
	for (int64_t i = 0; i < count; i++) {
		struct copy *copy = row_of(replay,
					   log_revoke(replay->log, item->bytes,
						      (uint32_t)i));

		// Numbers go round: the difference counts.
		if (copy->place &&
		    (int32_t)(copy->sequence - item->sequence) <= 0)
			copy->flags |= REVOKED;
	}
	return 0;
}

// ## From the table to the disk

static int by_home(const void *a, const void *b)
{
	const struct copy *one = a, *two = b;

	return (one->home > two->home) - (one->home < two->home);
}

static int read_copy(const struct replay *replay, const struct copy *copy)
{
	const struct log *log = replay->log;
	const be32 magic = put32_be(JOURNAL_MAGIC);
	int error = device_read(log->device, copy->place * log->block_bytes,
				replay->bytes, log->block_bytes);

	if (error)
		return error;
	if (!log_copy_is_whole(log, copy->sequence, copy->checksum,
			       replay->bytes))
		return -EUCLEAN;
	if (copy->flags & ESCAPED)
		memcpy(replay->bytes, &magic, sizeof(magic));
	return 0;
}

static int look_at_all(struct replay *replay)
{
	struct log *log = replay->log;

	for (uint32_t n = 0; n < log->length; n++) {
		uint64_t place;
		int error = log_place(log, n, &place);

		if (error)
			return error;
		const struct copy *copy = row_of(replay, place);

		if (copy->place && !(copy->flags & REVOKED))
			return -EUCLEAN;
	}
	// The rows that count come to the front and are sorted; from here on it
	// is no hash table any more.
	size_t kept = 0;

	for (size_t i = 0; i < replay->room; i++) {
		const struct copy *copy = &replay->copy[i];

		if (copy->place == 0 || copy->flags & REVOKED)
			continue;
		if (copy->home >= log->blocks)
			return -EUCLEAN;
		replay->copy[kept++] = *copy;
	}
	replay->count = kept;
	qsort(replay->copy, kept, sizeof(*replay->copy), by_home);
	if (log->tail_bytes == 0)
		return 0;
	for (size_t i = 0; i < kept; i++) {
		int error = read_copy(replay, &replay->copy[i]);

		if (error)
			return error;
	}
	return 0;
}

static int write_all(struct replay *replay)
{
	const struct log *log = replay->log;

	for (size_t i = 0; i < replay->count; i++) {
		int error = read_copy(replay, &replay->copy[i]);

		if (!error)
			error = device_write(log->device,
					     replay->copy[i].home *
						     log->block_bytes,
					     replay->bytes, log->block_bytes);
		if (error)
			return error;
	}
	return replay->count ? device_flush(log->device) : 0;
}

static int play(struct log *log, uint32_t end)
{
	const uint32_t start = get32_be(log->super.s_start);
	const uint32_t begin = get32_be(log->super.s_sequence);
	struct replay replay = { .log = log };
	int error = make_room(&replay);

	if (!error) {
		replay.bytes = malloc(log->block_bytes);
		error = replay.bytes ? 0 : -ENOMEM;
	}
	if (!error)
		error = log_walk(log, start, begin, &end, false, note_copy,
				 &replay);
	if (!error)
		error = log_walk(log, start, begin, &end, false, note_revokes,
				 &replay);
	if (!error)
		error = look_at_all(&replay);
	if (!error)
		error = write_all(&replay);
	free(replay.copy);
	free(replay.bytes);
	return error;
}

// ## Before and after

static int fast_commits(struct log *log, uint32_t end)
{
	struct {
		le16 tag, length;
		le32 features, sequence;
	} head;
	uint64_t place;
	int error;

	// (Linux leaves out the block right behind the ring.)
	if (!(log->incompat & JOURNAL_INCOMPAT_FAST_COMMIT) ||
	    log->last + 1 >= log->length)
		return 0;
	error = log_place(log, log->last + 1, &place);
	if (!error)
		error = device_read(log->device, place * log->block_bytes,
				    &head, sizeof(head));
	if (error)
		return error;
	return get16(head.tag) == FAST_HEAD && get32(head.sequence) == end
		       ? -ENOTSUP
		       : 0;
}

// The file system's superblock may have come from the log just now.
static int clear_recover(struct log *log, bool failed)
{
	struct disk_super *fs = &log->fs;
	size_t changed = SECTOR_BYTES;
	int error = device_read(log->device, SUPER_OFFSET, fs, sizeof(*fs));

	if (error)
		return error;
	if (failed)
		fs->s_state = put16(get16(fs->s_state) | STATE_ERRORS);
	fs->s_feature_incompat = put32(get32(fs->s_feature_incompat) &
				       ~INCOMPAT_RECOVER);
	if (get32(fs->s_feature_ro_compat) & RO_COMPAT_METADATA_CSUM) {
		const size_t at = sizeof(*fs) - sizeof(le32);
		le32 crc = put32(log_crc32c(log, UINT32_MAX, fs, at));

		memcpy((uint8_t *)fs + at, &crc, sizeof(crc));
		changed = sizeof(*fs);
	}
	error = device_write(log->device, SUPER_OFFSET, fs, changed);
	return error ? error : device_flush(log->device);
}

static int replay_log(struct log *log, uint64_t *found)
{
	const uint32_t begin = get32_be(log->super.s_sequence);
	uint32_t end, after;
	int error = log_scan(log, &end, &after);

	if (!error && get32_be(log->super.s_start) != 0) {
		error = fast_commits(log, end);
		if (!error && end != begin)
			error = play(log, end);
	}
	if (error)
		return error;
	*found = end - begin;

	// The number that the torn transaction had is not used again: so none of
	// its blocks can be taken for the next one's.
	bool failed = get32_be(log->super.s_errno) != 0;

	if (get32_be(log->super.s_start) != 0 || failed) {
		log->super.s_start = put32_be(0);
		log->super.s_sequence = put32_be(end + 1);
		log->super.s_errno = put32_be(0);
		log_seal_super(log, &log->super);
		error = device_write(log->device,
				     log->super_block * log->block_bytes,
				     &log->super, sizeof(log->super));
		if (!error)
			error = device_flush(log->device);
		if (error)
			return error;
	}
	return clear_recover(log, failed);
}

int journal_replay(struct device *device, uint64_t *found)
{
	struct log log;
	int error;

	*found = 0;
	error = log_open(&log, device);
	if (log.blocks != 0 &&
	    !(get32(log.fs.s_feature_incompat) & INCOMPAT_RECOVER))
		error = 0;
	else if (error == -ENOENT)
		error = -EUCLEAN;
	else if (!error)
		error = replay_log(&log, found);
	log_close(&log);
	return error;
}

// ## Why not

// As dumpe2fs(8) has them.
static const char *const incompat_name[] = {
	"journal_incompat_revoke", "journal_64bit",	  "journal_async_commit",
	"journal_checksum_v2",	   "journal_checksum_v3", "fast_commit",
};

static void refuse_feature(const struct log *log, struct ext2_refusal *why)
{
	const uint32_t plain = JOURNAL_INCOMPAT_REVOKE |
			       JOURNAL_INCOMPAT_ASYNC_COMMIT;
	const uint32_t odd = log->incompat & ~plain;
	const uint32_t unknown =
		odd >> (sizeof(incompat_name) / sizeof(*incompat_name));

	if (log->super_block == 0)
		refuse(why, "its journal lies on another device");
	else if (unknown)
		refuse(why, "its journal uses incompatible feature %d",
		       __builtin_ctz(odd & ~0x3fu));
	else if (odd == 0)
		refuse(why, "its journal has a feature or a map that is not "
			    "known here");
	else if (odd & JOURNAL_INCOMPAT_FAST_COMMIT)
		refuse(why,
		       "its journal holds changes of the kind fast_commit");
	else
		refuse(why, "its journal uses %s",
		       incompat_name[__builtin_ctz(odd)]);
}

void journal_refuse(struct device *device, int error, struct ext2_refusal *why)
{
	struct log log;

	if (error == -ENOTSUP) {
		log_open(&log, device);
		refuse_feature(&log, why);
		log_close(&log);
	} else if (error == -EUCLEAN || error == -ENOENT) {
		refuse(why, "its journal is damaged: check it first");
	} else {
		refuse(why, "its journal cannot be used: %s", strerror(-error));
	}
}
