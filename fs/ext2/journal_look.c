// journal_look.c - what a log holds, for people
//
// First what a replay would play, from s_start on. Then the rest of the ring: a
// log that has been played is not erased, only declared empty, and its blocks lie
// there until the ring comes round. So earlier transactions can still be seen
// (and, with luck, what was deleted in them). They are found by their headers; a
// copy whose descriptor has been overwritten cannot be told from anything else and
// is passed over.
//
// Whether a copy is revoked is known only when the revokes behind it have been
// seen: so each walk is made three times, to collect which blocks have copies, to
// note when each was revoked last, and to tell. Memory is 16 bytes for each copy,
// however many revokes a hostile log holds.

#include <errno.h>
#include <stdlib.h>

#include "fs/ext2/ext2.h"
#include "fs/ext2/log.h"

struct revoke {
	uint64_t block;
	uint32_t sequence;
	bool revoked;
};

struct look {
	struct log *log;
	struct revoke *revoke; // of blocks that have copies, by number
	size_t count, room;
	uint32_t left, passed; // blocks that may be told; of this walk
	uint32_t after;        // the block behind the last that was told
	bool live;
	int stopped; // what `each` returned
	int (*each)(void *context, const struct journal_seen *);
	void *context;
};

// ## Which copies are revoked

static int collect(void *context, const struct log_item *item)
{
	struct look *look = context;

	if (look->passed++ == look->left)
		return 1;
	if (item->type != 0)
		return 0;
	if (look->count == look->room) {
		size_t room = look->room ? look->room * 2 : 64;
		struct revoke *more = realloc(look->revoke,
					      room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		look->revoke = more;
		look->room = room;
	}
	look->revoke[look->count++] = (struct revoke){ .block = item->home };
	return 0;
}

static int by_block(const void *a, const void *b)
{
	const struct revoke *one = a, *two = b;

	return (one->block > two->block) - (one->block < two->block);
}

static void sort(struct look *look)
{
	size_t kept = 0;

	if (look->count == 0)
		return;
	qsort(look->revoke, look->count, sizeof(*look->revoke), by_block);
	for (size_t i = 0; i < look->count; i++)
		if (kept == 0 ||
		    look->revoke[kept - 1].block != look->revoke[i].block)
			look->revoke[kept++] = look->revoke[i];
	look->count = kept;
}

static struct revoke *revoke_of(const struct look *look, uint64_t block)
{
	const struct revoke key = { .block = block };

	return look->count ? bsearch(&key, look->revoke, look->count,
				     sizeof(key), by_block)
			   : NULL;
}

static int note(void *context, const struct log_item *item)
{
	struct look *look = context;
	int64_t n = 0;

	if (look->passed++ == look->left)
		return 1;
	if (item->type == JOURNAL_REVOKE)
		n = log_revokes(look->log, item->bytes);
	for (int64_t i = 0; i < n; i++) {
		uint64_t block = log_revoke(look->log, item->bytes,
					    (uint32_t)i);
		struct revoke *revoke = revoke_of(look, block);

		if (!revoke)
			continue;
		revoke->revoked = true;
		revoke->sequence = item->sequence;
	}
	return 0;
}

// ## Telling

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

	if (look->passed++ == look->left)
		return 1;
	look->after = item->log_block + 1;
	if (look->after == look->log->last)
		look->after = look->log->first;
	if (item->type == 0) {
		const struct revoke *revoke = revoke_of(look, item->home);

		seen.home = item->home;
		seen.escaped = item->flags & TAG_ESCAPE;
		seen.revoked = revoke && revoke->revoked &&
			       (int32_t)(revoke->sequence - item->sequence) >=
				       0;
	}
	if (item->type == JOURNAL_REVOKE) {
		int64_t n = log_revokes(look->log, item->bytes);

		seen.revoke_count = n > 0 ? (uint32_t)n : 0;
		seen.revokes = calloc(seen.revoke_count + 1u,
				      sizeof(*seen.revokes));
		if (!seen.revokes)
			return -ENOMEM;
		for (uint32_t i = 0; i < seen.revoke_count; i++)
			seen.revokes[i] = log_revoke(look->log, item->bytes, i);
	}
	look->stopped = look->each(look->context, &seen);
	free(seen.revokes);
	return look->stopped ? 1 : 0;
}

static int walk(struct look *look, uint32_t at, uint32_t sequence,
		const uint32_t *end,
		int (*each)(void *context, const struct log_item *))
{
	look->passed = 0;
	return log_walk(look->log, at, sequence, end, false, each, look);
}

static int look_from(struct look *look, uint32_t at, uint32_t sequence,
		     const uint32_t *end)
{
	int error;

	look->count = 0;
	error = walk(look, at, sequence, end, collect);
	sort(look);
	if (!error)
		error = walk(look, at, sequence, end, note);
	if (!error)
		error = walk(look, at, sequence, end, tell);
	look->left -= look->passed < look->left ? look->passed : look->left;
	return error ? error : look->stopped;
}

// Whether one of the log's own blocks lies there, and of which transaction.
static int begins_at(struct log *log, uint32_t at, bool *begins,
		     uint32_t *sequence)
{
	struct disk_journal_header header;
	uint64_t place;
	int error = log_place(log, at, &place);

	if (!error)
		error = device_read(log->device, place * log->block_bytes,
				    &header, sizeof(header));
	if (error)
		return error;
	uint32_t type = get32_be(header.h_blocktype);

	*begins = get32_be(header.h_magic) == JOURNAL_MAGIC &&
		  (type == JOURNAL_DESCRIPTOR || type == JOURNAL_REVOKE ||
		   type == JOURNAL_COMMIT);
	*sequence = get32_be(header.h_sequence);
	return 0;
}

static int look_at(struct look *look)
{
	struct log *log = look->log;
	const uint32_t start = get32_be(log->super.s_start);
	const uint32_t begin = get32_be(log->super.s_sequence);
	uint32_t end, after;
	int stop = 0;

	look->left = log->last - log->first;
	look->after = start ? start : log->first;
	if (start) {
		stop = log_scan(log, &end, &after);
		look->live = true;
		if (!stop && end != begin)
			stop = look_from(look, start, begin, &end);
	}
	look->live = false;
	while (!stop && look->left > 0) {
		uint32_t sequence;
		bool begins;

		stop = begins_at(log, look->after, &begins, &sequence);
		if (!stop && begins) {
			stop = look_from(look, look->after, sequence, NULL);
			continue;
		}
		look->left--;
		if (++look->after == log->last)
			look->after = log->first;
	}
	return stop;
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
