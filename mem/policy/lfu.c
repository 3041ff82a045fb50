// lfu.c - least frequently used
//
// Each page counts its references since it was loaded; who has the fewest goes,
// among equals the least recently used. A page that was popular once has a high
// count for ever: LFU is slow to forget.
//
// Pages with the same count share a bucket, a list with the last used at its
// head; the buckets are a list by count. A reference moves a page to the next
// bucket, which may have to be made, and a bucket with one page just counts on:
// O(1), no heap. 56 bytes a frame, 4 a page.

#include "slots.h"

// Bucket b's pages are the list of slot b. Bucket 0 is none: the list of
// buckets is a circle through it, the lowest count first.
struct bucket {
	uint64_t uses;
	uint32_t prev, next;
};

// A slot's info: PAGE_RESIDENT | PAGE_MODIFIED. Its bucket is in an array of
// its own, for a bucket's number needs all 32 bits.
struct lfu {
	struct slots slots;
	struct bucket *buckets;
	uint32_t *bucket_of;   // of each slot
	uint32_t fresh, spare; // buckets never used, used before
};

ALWAYS_INLINE uint32_t bucket_after(struct lfu *lfu, uint32_t prev,
				    uint64_t uses)
{
	struct bucket *buckets = lfu->buckets;
	uint32_t next = buckets[prev].next;

	if (next && buckets[next].uses == uses)
		return next;

	uint32_t bucket = lfu->spare;

	if (bucket)
		lfu->spare = buckets[bucket].next;
	else
		bucket = lfu->fresh++;
	buckets[bucket] = (struct bucket){ uses, prev, next };
	buckets[prev].next = bucket;
	buckets[next].prev = bucket;
	return bucket;
}

// (The list of an empty bucket is a circle of its own slot, and stays so.)
ALWAYS_INLINE void bucket_leave(struct lfu *lfu, uint32_t bucket)
{
	struct bucket *buckets = lfu->buckets;
	uint32_t prev = buckets[bucket].prev, next = buckets[bucket].next;

	if (lfu->slots.at[bucket].next != bucket)
		return;
	buckets[prev].next = next;
	buckets[next].prev = prev;
	buckets[bucket].next = lfu->spare;
	lfu->spare = bucket;
}

ALWAYS_INLINE void lfu_hit(struct lfu *lfu, uint32_t slot)
{
	struct slot *at = lfu->slots.at;
	struct bucket *buckets = lfu->buckets;
	uint32_t bucket = lfu->bucket_of[slot], next = buckets[bucket].next;
	uint64_t uses = buckets[bucket].uses + 1;

	if (at[slot].prev == at[slot].next &&
	    (!next || buckets[next].uses != uses)) {
		buckets[bucket].uses = uses;
		return;
	}
	next = bucket_after(lfu, bucket, uses);
	slot_out(at, slot);
	slot_in(at, next, slot);
	lfu->bucket_of[slot] = next;
	bucket_leave(lfu, bucket);
}

ALWAYS_INLINE struct replacement_outcome lfu_one(void *state, uint32_t page,
						 bool write)
{
	struct lfu *lfu = state;
	struct slots *slots = &lfu->slots;
	struct slot *at = slots->at;
	unsigned modified = write ? PAGE_MODIFIED : 0;
	uint32_t slot = slots->where[page];
	struct replacement_outcome outcome = NOBODY_LEAVES;

	if (slot) {
		at[slot].info |= modified;
		lfu_hit(lfu, slot);
		return HIT;
	}
	if (slots->used == slots->frames) {
		uint32_t rarest = lfu->buckets[0].next;

		outcome = slot_evict(slots, at[rarest].prev);
		slots_tail_soon(slots, rarest);
		bucket_leave(lfu, rarest);
	}

	uint32_t once = bucket_after(lfu, 0, 1);

	slot = slot_take(slots, page, PAGE_RESIDENT | modified);
	slot_in(at, once, slot);
	lfu->bucket_of[slot] = once;
	slots->used++;
	return outcome;
}

static void lfu_destroy(void *state)
{
	struct lfu *lfu = state;

	if (lfu) {
		free(lfu->buckets);
		free(lfu->bucket_of);
	}
	slots_destroy(lfu);
}

// While a page moves there is one bucket more than there are frames, and there
// is number 0.
static int lfu_create(void **state, const struct replacement_setup *setup)
{
	size_t buckets = (size_t)setup->frames + 2;
	void *made;

	if (setup->frames > REPLACEMENT_FRAMES)
		return -EINVAL;
	int error = slots_create(&made, setup, sizeof(struct lfu),
				 (unsigned)buckets, setup->frames);
	if (error)
		return error;

	struct lfu *lfu = made;
	lfu->fresh = 1;
	lfu->buckets = replacement_zeros(buckets, sizeof *lfu->buckets);
	lfu->bucket_of = replacement_zeros(buckets + setup->frames,
					   sizeof *lfu->bucket_of);
	if (!lfu->buckets || !lfu->bucket_of) {
		lfu_destroy(lfu);
		return -ENOMEM;
	}
	*state = lfu;
	return 0;
}

ALWAYS_INLINE void lfu_next(const void *state, uint32_t page)
{
	const struct lfu *lfu = state;
	uint32_t slot = lfu->slots.where[page];

	__builtin_prefetch(&lfu->slots.at[slot], 1);
	__builtin_prefetch(&lfu->bucket_of[slot], 1);
}

REPLACEMENT_PLAYED(lfu, slots_soon, lfu_next)

const struct replacement replacement_lfu = {
	.name = "lfu",
	.title = "least frequently used",
	.summary = "the page with the fewest references since it was loaded "
		   "goes, among equals the least recently used",
	.source = "Shah, Mitra, Matani, An O(1) algorithm for implementing the "
		  "LFU cache eviction scheme (2010); Silberschatz, Galvin, "
		  "Gagne, section 10.4.6",
	.bound = "O(1)",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = 2 * sizeof(struct slot) + sizeof(struct bucket) + 8,
	.page_bytes = 4,
	.create = lfu_create,
	.destroy = lfu_destroy,
	.grow = slots_grow,
	.reference = lfu_reference,
	.run = lfu_run,
	.page = slots_page,
	.resident = slots_resident,
};
