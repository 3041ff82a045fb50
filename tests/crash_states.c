// Every state in which a loss of power may have left an image
//
// A flush returned: all that was written before is on the disk. Of what was
// written since, anything may be there, in any order, since a disk (and the kernel
// before it) sorts as it likes; and of a single write any sectors of 512 bytes.
// Those states are too many, so of the writes between two flushes these are built:
//
//     prefix    the first k (0, 1, ... all)
//     torn      the first k, and of the next the first sectors
//     missing   all but one
//     alone     only one
//     subset    50 times some, by a random choice
//     sectors   50 times some sectors of each

#include "crash_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, SUBSETS = 50, TORN_MOST = 64 };

struct builder {
	const struct recording *recording;
	struct crash_bytes durable; // up to point.first
	struct crash_bytes state;   // the same, but for the calls of the window
	struct random random;
	uint64_t count, total, wanted, seen;
	void (*each)(void *context, const struct crash_bytes *,
		     const struct crash_point *);
	void *context;
};

static void apply_part(struct crash_bytes *to, const struct recorded *item,
		       uint64_t from, uint64_t n)
{
	if (item->kind == RECORDED_WRITE)
		memcpy(to->bytes + item->offset + from,
		       (const uint8_t *)item->bytes + from, n);
	else if (item->kind == RECORDED_PUNCH)
		memset(to->bytes + item->offset + from, 0, n);
}

static void apply(struct crash_bytes *to, const struct recorded *item)
{
	apply_part(to, item, 0, item->n);
}

// Sectors of the disk, not of the write.
static void apply_sectors(struct crash_bytes *to, const struct recorded *item,
			  struct random *random)
{
	uint64_t end = item->offset + item->n;

	for (uint64_t at = item->offset, n; at < end; at += n) {
		n = SECTOR - at % SECTOR;
		n = n < end - at ? n : end - at;
		if (random_below(random, 2))
			apply_part(to, item, at - item->offset, n);
	}
}

static void copy_part(struct crash_bytes *to, const struct crash_bytes *from,
		      const struct recorded *item)
{
	if (item->kind == RECORDED_WRITE || item->kind == RECORDED_PUNCH)
		memcpy(to->bytes + item->offset, from->bytes + item->offset,
		       item->n);
}

static void build(struct builder *b, const struct crash_point *p)
{
	struct random random = { p->seed };

	for (size_t i = p->first; i < p->end; i++)
		copy_part(&b->state, &b->durable, &b->recording->item[i]);
	for (size_t i = p->first; i < p->end; i++) {
		const struct recorded *item = &b->recording->item[i];
		bool there = false;

		switch (p->kind) {
		case POINT_PREFIX:
			there = i < p->which;
			break;
		case POINT_TORN:
			there = i < p->which;
			if (i == p->which)
				apply_part(&b->state, item, 0, p->torn);
			break;
		case POINT_MISSING:
			there = i != p->which;
			break;
		case POINT_ALONE:
			there = i == p->which;
			break;
		case POINT_SUBSET:
			there = random_below(&random, 2);
			break;
		case POINT_SECTORS:
			apply_sectors(&b->state, item, &random);
			break;
		}
		if (there)
			apply(&b->state, item);
	}
}

// Counts only, in the first round; then each is chosen with the same chance, but for
// those that say most about the order: whatever has to come first in a window has
// not, or only what comes last has.
static void point(struct builder *b, const struct crash_point *p)
{
	bool telling = (p->kind == POINT_MISSING && p->which == p->first) ||
		       (p->kind == POINT_ALONE && p->which + 1 == p->end);

	b->count++;
	if (!b->total)
		return;
	if (b->wanted && b->wanted < b->total && !telling &&
	    random_unit(&b->random) * (double)b->total >= (double)b->wanted)
		return;
	build(b, p);
	b->seen++;
	b->each(b->context, &b->state, p);
}

static void torn_points(struct builder *b, struct crash_point p)
{
	const struct recorded *item = &b->recording->item[p.which];
	uint64_t first = SECTOR - item->offset % SECTOR;
	uint64_t cuts = item->n > first ? (item->n - first - 1) / SECTOR + 1
					: 0;
	uint64_t step = cuts / TORN_MOST + 1;

	p.kind = POINT_TORN;
	for (uint64_t i = 0; i < cuts; i += i + step < cuts ? step : 1) {
		p.torn = first + i * SECTOR;
		point(b, &p);
	}
}

static void window(struct builder *b, size_t first, size_t end)
{
	struct crash_point p = { .first = first, .end = end };

	for (p.which = first; p.which <= end; p.which++) {
		p.kind = POINT_PREFIX;
		point(b, &p);
		if (p.which < end)
			torn_points(b, p);
	}
	if (end - first < 2)
		return;
	for (p.which = first; p.which < end; p.which++) {
		p.kind = POINT_MISSING;
		point(b, &p);
		p.kind = POINT_ALONE;
		point(b, &p);
	}
	for (int i = 0; i < SUBSETS; i++) {
		p.seed = first * SUBSETS + i;
		p.kind = POINT_SUBSET;
		point(b, &p);
		p.kind = POINT_SECTORS;
		point(b, &p);
	}
}

static void all_windows(struct builder *b, const struct crash_bytes *base)
{
	const struct recording *r = b->recording;
	size_t first = 0;

	memcpy(b->durable.bytes, base->bytes, base->n);
	memcpy(b->state.bytes, base->bytes, base->n);
	b->count = 0;
	for (size_t i = 0; i <= r->count; i++) {
		if (i < r->count && r->item[i].kind != RECORDED_FLUSH)
			continue;
		window(b, first, i);
		for (; first < i; first++) {
			apply(&b->durable, &r->item[first]);
			apply(&b->state, &r->item[first]);
		}
		first = i + 1;
	}
}

uint64_t crash_states(const struct crash_bytes *base,
		      const struct recording *recording, uint64_t wanted,
		      uint64_t seed, uint64_t *seen,
		      void (*each)(void *context, const struct crash_bytes *,
				   const struct crash_point *),
		      void *context)
{
	struct builder b = {
		.recording = recording,
		.durable = { malloc(base->n), base->n },
		.state = { malloc(base->n), base->n },
		.random = { seed },
		.wanted = wanted,
		.each = each,
		.context = context,
	};

	ck_assert(b.durable.bytes && b.state.bytes);
	all_windows(&b, base);
	b.total = b.count;
	all_windows(&b, base);
	free(b.durable.bytes);
	free(b.state.bytes);
	*seen += b.seen;
	return b.total;
}

struct crash_bytes crash_prefix(const struct crash_bytes *base,
				const struct recording *recording, size_t end)
{
	struct crash_bytes made = { malloc(base->n), base->n };

	ck_assert_ptr_nonnull(made.bytes);
	memcpy(made.bytes, base->bytes, base->n);
	for (size_t i = 0; i < end; i++)
		apply(&made, &recording->item[i]);
	return made;
}

const char *crash_point_text(const struct crash_point *p)
{
	static const char *const kinds[] = {
		[POINT_PREFIX] = "the first",   [POINT_TORN] = "torn",
		[POINT_MISSING] = "missing",    [POINT_ALONE] = "alone",
		[POINT_SUBSET] = "some writes", [POINT_SECTORS] = "some sectors",
	};
	static char text[200];

	snprintf(text, sizeof(text),
		 "of the calls %zu to %zu: %s (%zu), %ju bytes, seed %ju",
		 p->first, p->end, kinds[p->kind], p->which - p->first,
		 (uintmax_t)p->torn, (uintmax_t)p->seed);
	return text;
}
