// journal_look.c - what a log holds, for people
//
// First what a replay would play, from s_start on. Then what is left behind it: a
// log that has been played is not erased, only declared empty, and its blocks lie
// there until the ring comes round. So the last transactions can still be seen (and,
// with luck, what was deleted in them).
//
// That a copy is revoked is known only when all revokes have been seen: those are
// collected first.

#include <errno.h>
#include <stdlib.h>

#include "fs/ext2/ext2.h"
#include "fs/ext2/log.h"

struct revoke {
	uint64_t block;
	uint32_t sequence;
};

struct look {
	struct log *log;
	struct revoke *revoke;
	size_t count, room;
	bool live;
	int (*each)(void *context, const struct journal_seen *);
	void *context;
};

static int collect(void *context, const struct log_item *item)
{
	struct look *look = context;

	if (item->type != JOURNAL_REVOKE || item->bad_checksum)
		return 0;
	int64_t n = log_revokes(look->log, item->bytes);
	for (int64_t i = 0; i < n; i++) {
		if (look->count == look->room) {
			size_t room = look->room ? look->room * 2 : 64;
			struct revoke *more = realloc(look->revoke,
						      room * sizeof *more);
			if (!more)
				return -ENOMEM;
			look->revoke = more;
			look->room = room;
		}
		look->revoke[look->count++] = (struct revoke){
			log_revoke(look->log, item->bytes, (uint32_t)i),
			item->sequence,
		};
	}
	return 0;
}

static int by_block(const void *a, const void *b)
{
	const struct revoke *one = a, *two = b;

	if (one->block != two->block)
		return one->block < two->block ? -1 : 1;
	return (int32_t)(one->sequence - two->sequence) < 0 ? -1 : 1;
}

// Whether a transaction from `sequence` on says so: the last of the block counts.
static bool is_revoked(const struct look *look, uint64_t block,
		       uint32_t sequence)
{
	size_t low = 0, high = look->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (look->revoke[middle].block <= block)
			low = middle + 1;
		else
			high = middle;
	}
	return low && look->revoke[low - 1].block == block &&
	       (int32_t)(look->revoke[low - 1].sequence - sequence) >= 0;
}

static int tell(void *context, const struct log_item *item)
{
	struct look *look = context;
	struct journal_seen seen = {
		.log_block = item->log_block,
		.disk_block = item->place,
		.sequence = item->sequence,
		.type = item->type,
		.live = look->live,
	};

	if (item->type == 0) {
		seen.home = item->home;
		seen.escaped = item->flags & TAG_ESCAPE;
		seen.revoked = is_revoked(look, item->home, item->sequence);
	}
	if (item->type == JOURNAL_REVOKE) {
		int64_t n = log_revokes(look->log, item->bytes);
		seen.revoke_count = n > 0 ? (uint32_t)n : 0;
		seen.revokes = calloc(seen.revoke_count + 1u,
				      sizeof *seen.revokes);
		if (!seen.revokes)
			return -ENOMEM;
		for (uint32_t i = 0; i < seen.revoke_count; i++)
			seen.revokes[i] = log_revoke(look->log, item->bytes, i);
	}
	int stop = look->each(look->context, &seen);
	free(seen.revokes);
	return stop;
}

static int walk_twice(struct look *look, uint32_t at, uint32_t sequence,
		      const uint32_t *end)
{
	look->count = 0;
	int stop = log_walk(look->log, at, sequence, end, false, collect, look);

	if (look->count)
		qsort(look->revoke, look->count, sizeof *look->revoke,
		      by_block);
	return stop ? stop
		    : log_walk(look->log, at, sequence, end, false, tell, look);
}

// The transaction that a block of the log belongs to, if it is one's beginning.
static int begins_at(struct log *log, uint32_t at, uint32_t *sequence)
{
	struct disk_journal_header header;
	uint64_t place;
	int error = log_place(log, at, &place);

	if (!error)
		error = device_read(log->device, place * log->block_bytes,
				    &header, sizeof header);
	if (error)
		return error;
	uint32_t type = get32_be(header.h_blocktype);
	if (get32_be(header.h_magic) != JOURNAL_MAGIC ||
	    (type != JOURNAL_DESCRIPTOR && type != JOURNAL_REVOKE &&
	     type != JOURNAL_COMMIT))
		return -ENOENT;
	*sequence = get32_be(header.h_sequence);
	return 0;
}

static int look_at(struct look *look)
{
	struct log *log = look->log;
	uint32_t start = get32_be(log->super.s_start), sequence = 0;
	uint32_t end, after = log->first;
	int stop;

	if (start) {
		stop = log_scan(log, &end, &after);
		look->live = true;
		if (!stop && end != get32_be(log->super.s_sequence))
			stop = walk_twice(look, start,
					  get32_be(log->super.s_sequence),
					  &end);
		if (stop)
			return stop;
	}
	look->live = false;
	if (after < log->first || after >= log->last)
		after = log->first;
	stop = begins_at(log, after, &sequence);
	if (stop)
		return stop == -ENOENT ? 0 : stop;
	return walk_twice(look, after, sequence, NULL);
}

int journal_look(struct device *device, struct disk_journal_super *super,
		 int (*each)(void *context, const struct journal_seen *),
		 void *context)
{
	struct log log;
	struct look look = { .log = &log, .each = each, .context = context };
	int error = log_open(&log, device);

	if (!error) {
		*super = log.super;
		if (each)
			error = look_at(&look);
	}
	log_close(&log);
	free(look.revoke);
	return error;
}
