// Logs that want to do harm, or have been damaged
//
// Whatever a log says: replay ends, writes nothing outside the file system, and
// nothing at all if it does not do all of it. The images lie under an overlay, so
// that what was written can be counted, and are longer than the file system, so
// that there is something outside it.

#include "journal_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, BEYOND = 64 * BLOCK, FREE = 2900 };

static struct image hostile_plain(void)
{
	journal_do("rm -f plain && mke2fs -q -F -t ext3 -b 1024 -J size=1 "
		   "plain 3m && truncate -s +%d plain",
		   BEYOND);
	return image_load("plain");
}

static int is_inside(void *context, uint64_t offset, const void *bytes)
{
	const uint64_t *end = context;

	(void)bytes;
	ck_assert_uint_le(offset + 512, *end);
	return 0;
}

// Replays on an overlay. Returns what journal_replay does.
static int replay_apart(const struct image *image)
{
	struct device *base = image_device(image), *overlay;
	struct disk_journal_super super;
	uint64_t found, end = image->n - BEYOND;

	ck_assert_int_eq(device_overlay(base, 512, 1 << 24, &overlay), 0);
	journal_look(overlay, &super, NULL, NULL);
	int error = journal_replay(overlay, &found);

	if (error)
		ck_assert_uint_eq(device_overlay_units(overlay), 0);
	device_overlay_each(overlay, is_inside, &end);
	device_close(overlay);
	device_close(base);
	return error;
}

// ## One field that lies

struct at {                              // where things are in the plain image
	uint64_t super, log, inode, map; // bytes
};

static struct at find_all(const struct image *image)
{
	struct device *device = image_device(image);
	struct log log;
	uint64_t first;
	struct at at;

	ck_assert_int_eq(log_open(&log, device), 0);
	ck_assert_int_eq(log_place(&log, 1, &first), 0);
	at.super = log.super_block * BLOCK;
	at.log = first * BLOCK;
	at.inode = log.inode_block * BLOCK + log.inode_offset;
	at.map = get32(log.inode.i_block[BLOCK_SINGLE]) * (uint64_t)BLOCK;
	log_close(&log);
	device_close(device);
	return at;
}

static void poke_be(struct image *image, uint64_t at, uint32_t value)
{
	be32 word = put32_be(value);

	memcpy(image->bytes + at, &word, sizeof(word));
}

static void poke(struct image *image, uint64_t at, uint32_t value)
{
	le32 word = put32(value);

	memcpy(image->bytes + at, &word, sizeof(word));
}

// One transaction: a descriptor with one tag, the copy, the commit block.
static void small_log(struct image *image, const struct at *at, uint32_t home)
{
	static const uint32_t types[] = { JOURNAL_DESCRIPTOR, 0,
					  JOURNAL_COMMIT };

	for (uint32_t i = 0; i < 3; i++) {
		uint64_t block = at->log + i * BLOCK;

		memset(image->bytes + block, types[i] ? 0 : 0xab, BLOCK);
		if (!types[i])
			continue;
		poke_be(image, block, JOURNAL_MAGIC);
		poke_be(image, block + 4, types[i]);
		poke_be(image, block + 8, 1);
	}
	poke_be(image, at->log + 12, home);
	poke_be(image, at->log + 16, TAG_LAST);
	poke_be(image, at->super + 28, 1); // s_start
	image->bytes[SUPER_OFFSET + 96] |= INCOMPAT_RECOVER;
}

START_TEST(fields_that_lie)
{
	enum where { SUPER, LOG, INODE, MAP, FS };
	static const struct {
		const char *what;
		enum where where;
		uint32_t offset, value;
		int error;
	} lies[] = {
		{ "nothing", LOG, 12, FREE, 0 },
		{ "home beyond the end", LOG, 12, 3072, -EUCLEAN },
		{ "home far away", LOG, 12, UINT32_MAX, -EUCLEAN },
		{ "magic", SUPER, 0, 0, -EUCLEAN },
		{ "type", SUPER, 4, 9, -EUCLEAN },
		{ "block size", SUPER, 12, 4096, -EUCLEAN },
		{ "longer than the file", SUPER, 16, 1025, -EUCLEAN },
		{ "endless", SUPER, 16, UINT32_MAX, -EUCLEAN },
		{ "too short", SUPER, 16, 2, -EUCLEAN },
		{ "no blocks", SUPER, 16, 0, -EUCLEAN },
		{ "first 0", SUPER, 20, 0, -EUCLEAN },
		{ "first behind the end", SUPER, 20, 1024, -EUCLEAN },
		{ "start before the first", SUPER, 20, 2, -EUCLEAN },
		{ "start behind the end", SUPER, 28, 1024, -EUCLEAN },
		{ "incompatible feature", SUPER, 40, 1 << 6, -ENOTSUP },
		{ "read-only feature", SUPER, 44, 1, -ENOTSUP },
		{ "checksums, of which none is right", SUPER, 40, 16,
		  -EUCLEAN },
		{ "two kinds of checksums", SUPER, 40, 24, -EUCLEAN },
		{ "more fast commits than blocks", SUPER, 40, 32, 0 },
		{ "a directory", INODE, 0, 0x000041ed, -EUCLEAN },
		{ "deleted", INODE, 26, 0, -EUCLEAN },
		{ "in the inode", INODE, 32, INODE_INLINE_DATA, -EUCLEAN },
		{ "extents, of which there are none", INODE, 32, INODE_EXTENTS,
		  -EUCLEAN },
		{ "superblock in a hole", INODE, 40, 0, -EUCLEAN },
		{ "superblock beyond the end", INODE, 40, 4000, -EUCLEAN },
		{ "log in a hole", INODE, 44, 0, -EUCLEAN },
		{ "map beyond the end", INODE, 88, UINT32_MAX, -EUCLEAN },
		{ "a hole in the log", MAP, 900, 0, -EUCLEAN },
		{ "no such inode", FS, 224, UINT32_MAX, -EUCLEAN },
		{ "inode 0", FS, 224, 0, -EUCLEAN },
		{ "inode in another group", FS, 40, 1, -EUCLEAN },
		{ "no inodes in a group", FS, 40, 0, -EUCLEAN },
		{ "blocks of 2 to the 41", FS, 24, 31, -EUCLEAN },
		{ "blocks of 64 KiB", FS, 24, 6, -EUCLEAN },
		{ "inodes of 3 bytes", FS, 88, 3, -EUCLEAN },
		{ "no magic", FS, 56, 0, -EUCLEAN },
		{ "no journal at all", FS, 92, 0, -EUCLEAN },
	};

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image plain = hostile_plain();
	struct at at = find_all(&plain);
	const uint64_t base[] = { [SUPER] = at.super,
				  [LOG] = at.log,
				  [INODE] = at.inode,
				  [MAP] = at.map,
				  [FS] = SUPER_OFFSET };

	small_log(&plain, &at, FREE);
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct image image = { malloc(plain.n), plain.n };
		uint64_t to = base[lies[i].where] + lies[i].offset;

		memcpy(image.bytes, plain.bytes, plain.n);
		if (lies[i].where == SUPER || lies[i].where == LOG)
			poke_be(&image, to, lies[i].value);
		else
			poke(&image, to, lies[i].value);
		int error = replay_apart(&image);

		ck_assert_msg(error == lies[i].error, "%s: %s, not %s",
			      lies[i].what, strerror(-error),
			      strerror(-lies[i].error));
		image_free(&image);
	}
	image_free(&plain);
}
END_TEST

// A log that overwrites itself would be read while it changes.
START_TEST(homes_in_the_log)
{
	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image image = hostile_plain();
	struct at at = find_all(&image);

	small_log(&image, &at, (uint32_t)(at.super / BLOCK));
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	small_log(&image, &at, (uint32_t)(at.log / BLOCK) + 2);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	small_log(&image, &at, (uint32_t)(at.log / BLOCK) + 1000);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	image_free(&image);
}
END_TEST

// Every block of the ring belongs to the transaction: it never ends.
START_TEST(ring_without_end)
{
	static const uint32_t types[] = { JOURNAL_DESCRIPTOR, JOURNAL_REVOKE };
	struct disk_journal_super super;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image image = hostile_plain();
	struct at at = find_all(&image);
	struct device *device = image_device(&image);
	struct log log;

	ck_assert_int_eq(log_open(&log, device), 0);
	for (size_t k = 0; k < 2; k++) {
		small_log(&image, &at, FREE);
		for (uint32_t n = log.first; n < log.last; n++) {
			uint64_t place;

			ck_assert_int_eq(log_place(&log, n, &place), 0);
			memset(image.bytes + place * BLOCK, 0, BLOCK);
			poke_be(&image, place * BLOCK, JOURNAL_MAGIC);
			poke_be(&image, place * BLOCK + 4, types[k]);
			poke_be(&image, place * BLOCK + 8, 1);
			poke_be(&image, place * BLOCK + 12,
				types[k] == JOURNAL_REVOKE ? BLOCK : FREE);
		}
		ck_assert_int_eq(replay_apart(&image), 0);
		struct device *all = image_device(&image);

		ck_assert_int_eq(journal_look(all, &super, NULL, NULL), 0);
		device_close(all);
	}
	log_close(&log);
	device_close(device);
	image_free(&image);
}
END_TEST

// A revoke block that says that it holds more than it can.
START_TEST(too_many_revokes)
{
	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image image = hostile_plain();
	struct at at = find_all(&image);

	small_log(&image, &at, FREE);
	poke_be(&image, at.log + 4, JOURNAL_REVOKE);
	poke_be(&image, at.log + 12, BLOCK + 1);
	memmove(image.bytes + at.log + BLOCK, image.bytes + at.log + 2 * BLOCK,
		BLOCK);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	poke_be(&image, at.log + 12, UINT32_MAX);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	poke_be(&image, at.log + 12, 3);
	ck_assert_int_eq(replay_apart(&image), 0);
	image_free(&image);
}
END_TEST

// An index that leads to itself, and a leaf that is not where it should be.
START_TEST(extents_in_a_circle)
{
	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image image = hostile_plain();
	struct at at = find_all(&image);
	const uint32_t node = FREE;

	small_log(&image, &at, FREE + 1);
	poke(&image, at.inode + 32, INODE_EXTENTS);
	for (int i = 0; i < 2; i++) {
		uint64_t to = i ? node * (uint64_t)BLOCK : at.inode + 40;

		poke(&image, to, EXTENT_MAGIC | 1 << 16);
		poke(&image, to + 4, 4 | 3 << 16); // depth 3
		poke(&image, to + 12, 0);
		poke(&image, to + 16, node);
		poke(&image, to + 20, 0);
	}
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	poke(&image, node * BLOCK + 4, 4 | 2 << 16);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	poke(&image, at.inode + 44, 4 | 60000u << 16);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	poke(&image, at.inode + 40, EXTENT_MAGIC | 9000u << 16);
	ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
	image_free(&image);
}
END_TEST

// Checksums that are wrong: in a copy, in a descriptor. Linux plays the rest of
// it; here nothing is.
START_TEST(damaged_copies)
{
	static const enum made_checksum kinds[] = { MADE_V2, MADE_V3 };
	struct random random = { 5 };
	struct made_count count = { 0 };
	uint32_t damaged = 0;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image plain = hostile_plain();

	for (int round = 0; round < 40; round++) {
		struct made_kind kind = { BLOCK, round & 2, kinds[round & 1] };
		struct image image = { malloc(plain.n), plain.n };
		uint32_t whole;
		struct log log;
		uint64_t place;
		struct disk_journal_header header;

		memcpy(image.bytes, plain.bytes, plain.n);
		made_log(&image, &kind, &random, FREE, 60, &count, &whole);
		struct device *device = image_device(&image);

		ck_assert_int_eq(log_open(&log, device), 0);
		ck_assert_int_eq(log_place(&log, get32_be(log.super.s_start),
					   &place),
				 0);
		memcpy(&header, image.bytes + place * BLOCK, sizeof(header));
		log_close(&log);
		device_close(device);
		if (whole > 0) {
			ck_assert_int_eq(replay_apart(&image), 0);
			// The last byte but one of the tail, or of an entry.
			image.bytes[place * BLOCK + BLOCK - 2] ^= 1;
			ck_assert_int_eq(replay_apart(&image), -EUCLEAN);
			damaged++;
		}
		image_free(&image);
	}
	ck_assert_uint_gt(damaged, 20);
	image_free(&plain);
}
END_TEST

// ## Anything

// The log itself, mostly; the two superblocks, inode 8, its map.
static void damage(struct image *image, const struct at *at,
		   struct random *random)
{
	const uint64_t start = (image->bytes[at->super + 30] << 8 |
				image->bytes[at->super + 31]) -
			       1u;
	const uint64_t begin[] = { at->log + start * BLOCK, at->super,
				   at->inode, SUPER_OFFSET, at->map };
	const uint32_t size[] = { 0, 80, 128, 356, BLOCK };
	uint32_t times = 1 + random_below(random, 6);

	for (uint32_t i = 0; i < times; i++) {
		uint32_t region = random_below(random, 8);
		uint64_t to;

		if (region > 4)
			region = 0;
		to = begin[region];
		if (region == 0)
			to += random_below(random, 20) * BLOCK +
			      random_below(random, 40);
		else
			to += random_below(random, size[region]);
		if (to >= image->n - BEYOND)
			continue;
		image->bytes[to] =
			random_below(random, 3)
				? (uint8_t)random_next(random)
				: (uint8_t)(image->bytes[to] ^
					    1u << random_below(random, 8));
	}
}

START_TEST(random_damage)
{
	struct random random = { 2024 };
	struct made_count count = { 0 };
	uint32_t failed = 0, went = 0;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	struct image plain = hostile_plain();
	struct at at = find_all(&plain);
	struct image image = { malloc(plain.n), plain.n };

	for (int round = 0; round < (soaking() ? 20000 : 200); round++) {
		struct made_kind kind = { BLOCK, round & 1, round >> 1 & 3 };
		struct ext2_refusal why;
		struct device *device;
		struct ext2 *fs;
		uint32_t whole;

		memcpy(image.bytes, plain.bytes, plain.n);
		made_log(&image, &kind, &random, FREE, 60, &count, &whole);
		damage(&image, &at, &random);
		if (replay_apart(&image))
			failed++;
		else
			went++;
		device = image_device(&image);
		if (!ext2_open(device, EXT2_WRITE, &fs, &why)) {
			struct ext2_inode root;

			if (!ext2_inode(fs, INO_ROOT, &root)) {
				root.mtime.seconds++;
				ext2_set_inode(fs, &root);
				ext2_commit(fs);
			}
			ext2_close(fs);
		} else {
			ck_assert_uint_gt(strlen(why.text), 0);
		}
		device_close(device);
	}
	ck_assert_uint_gt(failed, 10);
	ck_assert_uint_gt(went, 10);
	image_free(&image);
	image_free(&plain);
}
END_TEST

TCase *journal_hostile_case(void)
{
	TCase *tcase = tcase_create("hostile");

	tcase_add_checked_fixture(tcase, journal_set_up, journal_tear_down);
	tcase_set_timeout(tcase, soaking() ? 3600 : 120);
	tcase_add_test(tcase, fields_that_lie);
	tcase_add_test(tcase, homes_in_the_log);
	tcase_add_test(tcase, ring_without_end);
	tcase_add_test(tcase, too_many_revokes);
	tcase_add_test(tcase, extents_in_a_circle);
	tcase_add_test(tcase, damaged_copies);
	tcase_add_test(tcase, random_damage);
	return tcase;
}
