// ext2_cache.c - the cache: small memory, many blocks
//
// A model keeps what each block must read as, now and at home. Blocks of all kinds
// are changed in random order in a cache that holds 32 of 600.

#include "ext2_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 600, BYTES = 1024 };

struct model {
	struct device *home;
	struct cache *cache;
	uint8_t now[BLOCKS], at_home[BLOCKS]; // each block is full of this byte
	int kind[BLOCKS];                     // -1: clean
	struct random random;
};

static void begin(struct model *m, bool fresh)
{
	memset(m, 0, sizeof *m);
	m->random.state = 3;
	ck_assert_int_eq(device_memory(BLOCKS * BYTES, &m->home), 0);
	ck_assert_int_eq(
		cache_make(m->home, BYTES, BLOCKS, fresh, 1, &m->cache), 0);
	for (int i = 0; i < BLOCKS; i++)
		m->kind[i] = -1;
}

static void end(struct model *m)
{
	cache_free(m->cache);
	device_close(m->home);
}

static bool is_full_of(const uint8_t *bytes, uint8_t byte)
{
	return bytes[0] == byte && !memcmp(bytes, bytes + 1, BYTES - 1);
}

static struct buffer *get(struct model *m, uint32_t block, int flags)
{
	struct buffer *b;

	ck_assert_int_eq(cache_get(m->cache, block, flags, &b), 0);
	ck_assert_uint_eq(b->block, block);
	return b;
}

static void read_block(struct model *m, uint32_t block)
{
	struct buffer *b = get(m, block, 0);

	ck_assert_msg(is_full_of(b->bytes, m->now[block]),
		      "block %u is %02x, not %02x", block, b->bytes[0],
		      m->now[block]);
	cache_drop(b);
}

static void change_block(struct model *m, uint32_t block, enum block_kind kind)
{
	struct buffer *b = get(m, block,
			       random_below(&m->random, 2) ? CACHE_ZERO : 0);

	m->now[block] = (uint8_t)random_next(&m->random);
	memset(b->bytes, m->now[block], BYTES);
	cache_dirty(m->cache, b, kind);
	if (m->kind[block] != BLOCK_NEW)
		m->kind[block] = kind;
	cache_drop(b);
}

static void at_home(struct model *m, uint32_t block, uint8_t byte)
{
	uint8_t bytes[BYTES];

	ck_assert_int_eq(
		device_read(m->home, (uint64_t)block * BYTES, bytes, BYTES), 0);
	ck_assert_msg(is_full_of(bytes, byte),
		      "at home block %u is %02x, not "
		      "%02x",
		      block, bytes[0], byte);
}

static uint64_t dirty(const struct model *m, unsigned kinds)
{
	uint64_t n = 0;

	for (int i = 0; i < BLOCKS; i++)
		n += m->kind[i] >= 0 && kinds & 1u << m->kind[i];
	return n;
}

struct seen {
	struct model *m;
	unsigned kinds;
	uint64_t count, last;
};

static int see(void *context, uint64_t block, enum block_kind kind,
	       const uint8_t *bytes)
{
	struct seen *seen = context;
	struct model *m = seen->m;

	ck_assert(!seen->count || block > seen->last);
	ck_assert_int_eq(m->kind[block], (int)kind);
	ck_assert(seen->kinds & 1u << kind);
	ck_assert(is_full_of(bytes, m->now[block]));
	seen->last = block;
	seen->count++;
	return 0;
}

// What is not new stays away from home until it is sent there; then all of its
// kind is there, and nothing else.
START_TEST(random_changes)
{
	static struct model model;
	struct model *m = &model;
	int rounds = soaking() ? 400000 : 40000;

	begin(m, false);
	for (int i = 0; i < rounds; i++) {
		uint32_t block = random_below(&m->random, BLOCKS);
		uint32_t what = random_below(&m->random, 1000);
		unsigned kinds = (unsigned)random_below(&m->random,
							1 << BLOCK_KINDS);

		// Blocks below 200 are new ones.
		if (what < 450)
			read_block(m, block);
		else if (what < 980)
			change_block(m, block,
				     block < 200 ? BLOCK_NEW : 1 + block % 6);
		else if (what < 990) {
			cache_forget(m->cache, block);
			m->kind[block] = -1;
			if (block >= 200) {
				m->now[block] = m->at_home[block];
				continue;
			}
			// It may have gone home before.
			ck_assert_int_eq(device_read(m->home,
						     (uint64_t)block * BYTES,
						     &m->now[block], 1),
					 0);
		} else if (what < 995) {
			struct seen seen = { m, kinds, 0, 0 };
			uint64_t count = cache_dirty_count(m->cache, kinds);

			ck_assert_int_eq(cache_each_dirty(m->cache, kinds, see,
							  &seen),
					 0);
			ck_assert_uint_eq(seen.count, count);
			// New ones may be home already.
			ck_assert_uint_le(count, dirty(m, kinds));
			ck_assert_uint_eq(cache_dirty_count(m->cache,
							    kinds & ~1u),
					  dirty(m, kinds & ~1u));
		} else if (what < 997) {
			ck_assert_int_eq(
				cache_write_home(m->cache, kinds, true), 0);
			for (uint32_t k = 0; k < BLOCKS; k++)
				if (m->kind[k] >= 0 &&
				    kinds & 1u << m->kind[k]) {
					m->at_home[k] = m->now[k];
					m->kind[k] = -1;
					at_home(m, k, m->at_home[k]);
				} else if (k >= 200) {
					at_home(m, k, m->at_home[k]);
				}
		}
	}
	for (uint32_t k = 0; k < BLOCKS; k++)
		read_block(m, k);
	ck_assert_int_eq(cache_write_home(m->cache, ~0u, true), 0);
	ck_assert_uint_eq(cache_dirty_count(m->cache, ~0u), 0);
	for (uint32_t k = 0; k < BLOCKS; k++)
		at_home(m, k, m->now[k]);
	end(m);
}
END_TEST

START_TEST(fresh_blocks_go_home_in_large_writes)
{
	struct recording recording = { .fail_at = UINT64_MAX };
	static struct model model;
	struct model *m = &model;
	struct device *recorder;

	begin(m, true);
	cache_free(m->cache);
	ck_assert_int_eq(device_recorder(m->home, &recording, &recorder), 0);
	ck_assert_int_eq(cache_make(recorder, BYTES, BLOCKS, true, 64 * BYTES,
				    &m->cache),
			 0);
	for (uint32_t k = 0; k < BLOCKS; k++)
		change_block(m, k, BLOCK_INODES);
	ck_assert_int_eq(cache_write_home(m->cache, ~0u, true), 0);
	ck_assert_uint_le(recording.count, BLOCKS / 64 + 1);
	for (uint32_t k = 0; k < BLOCKS; k++)
		at_home(m, k, m->now[k]);
	cache_free(m->cache);
	device_close(recorder);
	recording_clear(&recording);
	device_close(m->home);
}
END_TEST

// All pinned: the cache grows; what is pinned does not move.
START_TEST(pins)
{
	static struct buffer *held[BLOCKS];
	static struct model model;
	struct model *m = &model;

	begin(m, false);
	for (uint32_t k = 0; k < BLOCKS; k++) {
		held[k] = get(m, k, CACHE_ZERO);
		memset(held[k]->bytes, (int)k, BYTES);
		cache_dirty(m->cache, held[k], BLOCK_MAP);
	}
	for (uint32_t k = 0; k < BLOCKS; k++) {
		struct buffer *again = get(m, k, 0);

		ck_assert_ptr_eq(again, held[k]);
		ck_assert(is_full_of(again->bytes, (uint8_t)k));
		cache_drop(again);
		cache_drop(held[k]);
	}
	for (uint32_t k = 0; k < BLOCKS; k++) {
		m->now[k] = (uint8_t)k;
		at_home(m, k, 0);
	}
	for (uint32_t k = BLOCKS; k-- > 0;)
		read_block(m, k);
	ck_assert_uint_eq(cache_dirty_count(m->cache, 1u << BLOCK_MAP), BLOCKS);
	cache_drop(NULL);
	end(m);
}
END_TEST

static bool is_odd(void *context, uint64_t block)
{
	(void)context;
	return block % 2;
}

START_TEST(kinds)
{
	static struct model model;
	struct model *m = &model;
	struct buffer *b;

	begin(m, false);
	cache_ask_new(m->cache, is_odd, NULL);
	b = get(m, 4, 0);
	cache_dirty(m->cache, b, BLOCK_DIRECTORY);
	ck_assert_int_eq(b->kind, BLOCK_DIRECTORY);
	cache_dirty(m->cache, b, BLOCK_MAP);
	ck_assert_int_eq(b->kind, BLOCK_MAP);
	ck_assert_uint_eq(cache_dirty_count(m->cache, 1u << BLOCK_DIRECTORY),
			  0);
	cache_drop(b);
	b = get(m, 5, 0);
	cache_dirty(m->cache, b, BLOCK_DIRECTORY);
	ck_assert_int_eq(b->kind, BLOCK_NEW);
	cache_dirty(m->cache, b, BLOCK_MAP);
	ck_assert_int_eq(b->kind, BLOCK_NEW);
	cache_drop(b);
	ck_assert_int_eq(cache_get(m->cache, BLOCKS, 0, &b), -EUCLEAN);
	ck_assert_int_eq(cache_get(m->cache, UINT64_MAX, 0, &b), -EUCLEAN);
	ck_assert_ptr_null(cache_peek(m->cache, 100));
	read_block(m, 100);
	ck_assert_ptr_nonnull(cache_peek(m->cache, 100));
	end(m);
}
END_TEST

// Each call of the device fails once: nothing is lost, nothing is left pinned.
START_TEST(a_failing_device)
{
	for (uint64_t at = 0; at < 200; at++) {
		struct recording recording = { .fail_at = at,
					       .error = EIO,
					       .fail_reads = true };
		struct device *home, *recorder;
		struct cache *cache;
		struct buffer *b;

		ck_assert_int_eq(device_memory(BLOCKS * BYTES, &home), 0);
		ck_assert_int_eq(device_recorder(home, &recording, &recorder),
				 0);
		ck_assert_int_eq(cache_make(recorder, BYTES, BLOCKS, false, 1,
					    &cache),
				 0);
		for (uint32_t k = 0; k < 100; k++) {
			int error = cache_get(cache, k, 0, &b);

			if (error) { // once more: the fault is over
				ck_assert_int_eq(error, -EIO);
				error = cache_get(cache, k, 0, &b);
			}
			ck_assert_int_eq(error, 0);
			memset(b->bytes, (int)k, BYTES);
			cache_dirty(cache, b, k % 2 ? BLOCK_NEW : BLOCK_MAP);
			cache_drop(b);
		}
		if (cache_write_home(cache, ~0u, true))
			ck_assert_int_eq(cache_write_home(cache, ~0u, true), 0);
		ck_assert_uint_eq(cache_dirty_count(cache, ~0u), 0);
		for (uint32_t k = 0; k < 100; k++) {
			uint8_t bytes[BYTES];

			ck_assert_int_eq(
				device_read(home, k * BYTES, bytes, BYTES), 0);
			ck_assert(is_full_of(bytes, (uint8_t)k));
		}
		cache_free(cache);
		device_close(recorder);
		recording_clear(&recording);
		device_close(home);
	}
}
END_TEST

TCase *ext2_cache_case(void)
{
	TCase *tests = tcase_create("cache");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, random_changes);
	tcase_add_test(tests, fresh_blocks_go_home_in_large_writes);
	tcase_add_test(tests, pins);
	tcase_add_test(tests, kinds);
	tcase_add_test(tests, a_failing_device);
	return tests;
}
