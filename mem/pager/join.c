// # A hash join
//
// Two tables of keys and values are joined on the key, as a database does it: the
// smaller one goes into a hash table, the larger one is read once and each of its
// rows looked up. The rows come page by page; the hash table is hit anywhere.

#include "mem/pager/work.h"

enum {
	SMALL = 6 * USED / 2, // rows of two words
	LARGE = 12 * USED / 2,
	SLOTS = 4096, // of two words: a power of two, above SMALL
	SMALL_AT = 0,
	LARGE_AT = 6 * USED,
	SLOTS_AT = 18 * USED,
	OUT_AT = SLOTS_AT + 2 * SLOTS, // a count, then sums
	PAGES = OUT_AT / USED + 7,
	KEYS = 2 * SMALL,
};

static void prepare(struct view view)
{
	for (size_t i = 0; i < SMALL; i++) {
		set(view, SMALL_AT + 2 * i, 2 * i + 1);
		set(view, SMALL_AT + 2 * i + 1, mixed(i));
	}
	for (size_t i = 0; i < LARGE; i++) {
		set(view, LARGE_AT + 2 * i, mixed(i) % KEYS + 1);
		set(view, LARGE_AT + 2 * i + 1, i);
	}
}

// Where a key is, or would be: a slot with key 0 is free.
static size_t slot_of(struct view view, uint64_t key)
{
	size_t slot = mixed(key) % SLOTS;
	uint64_t found;

	while ((found = get(view, SLOTS_AT + 2 * slot)) != 0 && found != key)
		slot = (slot + 1) % SLOTS;
	return SLOTS_AT + 2 * slot;
}

static void join(struct view view)
{
	uint64_t joined = 0;

	for (size_t i = 0; i < SMALL; i++) {
		uint64_t key = get(view, SMALL_AT + 2 * i);
		size_t at = slot_of(view, key);
		set(view, at, key);
		set(view, at + 1, get(view, SMALL_AT + 2 * i + 1));
	}
	for (size_t i = 0; i < LARGE; i++) {
		uint64_t key = get(view, LARGE_AT + 2 * i);
		size_t at = slot_of(view, key);
		if (get(view, at) != key)
			continue;
		joined++;
		set(view, OUT_AT + joined,
		    get(view, at + 1) + get(view, LARGE_AT + 2 * i + 1));
	}
	set(view, OUT_AT, joined);
}

const struct work work_join = { "join", "hash join of two tables", PAGES,
				prepare, join };
