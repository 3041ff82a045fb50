// Logs made here, of every kind that jbd2 knows, judged by e2fsck
//
// Transactions of random sizes begin anywhere in the ring and go round its end;
// a few dozen blocks are logged and revoked again and again; copies that begin
// with the magic number are escaped; tags have a UUID or share it; the last
// transactions may be torn. Replay has to make the same bytes as e2fsck does.
//
// Checksums are computed bit by bit, from their definitions: CRC-32C and the
// CRC-32 of Ethernet, most significant bit first. Check values ("123456789"):
// Koopman's and Cook's catalogues, as in RFC 3720 and ISO 3309.

#include "journal_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t crc32c_bits(uint32_t crc, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

static uint32_t crc32_bits(uint32_t crc, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= (uint32_t)bytes[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
	}
	return crc;
}

START_TEST(checksums_have_their_check_values)
{
	const uint8_t digits[] = "123456789";

	ck_assert_uint_eq(crc32c_bits(UINT32_MAX, digits, 9) ^ UINT32_MAX,
			  0xe3069283);
	// CRC-32/BZIP2.
	ck_assert_uint_eq(crc32_bits(UINT32_MAX, digits, 9) ^ UINT32_MAX,
			  0xfc891918);
}
END_TEST

// ## Making one

struct maker {
	struct image *image;
	const struct made_kind *kind;
	struct random *random;
	struct made_count *count;
	struct log log;
	uint32_t at, left, sequence;
	uint64_t home;
	uint32_t homes;
	uint32_t crc; // of a transaction (MADE_OLD)
	uint64_t seconds;
};

static bool one_in(struct maker *m, uint32_t n)
{
	return random_below(m->random, n) == 0;
}

static void put_be(uint8_t *at, uint32_t value)
{
	be32 word = put32_be(value);

	memcpy(at, &word, sizeof(word));
}

// The next block of the ring.
static uint8_t *next(struct maker *m)
{
	uint64_t place;

	ck_assert_uint_gt(m->left, 0);
	ck_assert_int_eq(log_place(&m->log, m->at, &place), 0);
	m->left--;
	if (++m->at == m->log.last) {
		m->at = m->log.first;
		m->count->wrapped++;
	}
	return m->image->bytes + place * m->kind->block_bytes;
}

static void begin(struct maker *m, uint8_t *block, uint32_t type)
{
	memset(block, 0, m->kind->block_bytes);
	put_be(block, JOURNAL_MAGIC);
	put_be(block + 4, type);
	put_be(block + 8, m->sequence);
}

static bool sealed(const struct maker *m)
{
	return m->kind->checksum == MADE_V2 || m->kind->checksum == MADE_V3;
}

static uint32_t seed(const struct maker *m)
{
	return crc32c_bits(UINT32_MAX, m->log.super.s_uuid, 16);
}

static void seal(const struct maker *m, uint8_t *block, uint32_t at)
{
	if (sealed(m))
		put_be(block + at,
		       crc32c_bits(seed(m), block, m->kind->block_bytes));
}

static uint32_t tag_bytes(const struct maker *m)
{
	if (m->kind->checksum == MADE_V3)
		return 16;
	return 8 + (m->kind->wide ? 4 : 0) +
	       (m->kind->checksum == MADE_V2 ? 2 : 0);
}

static void put_tag(const struct maker *m, uint8_t *at, uint64_t home,
		    uint32_t flags, const uint8_t *copy)
{
	uint8_t sequence[4];
	uint32_t crc;

	put_be(sequence, m->sequence);
	crc = crc32c_bits(crc32c_bits(seed(m), sequence, 4), copy,
			  m->kind->block_bytes);
	memset(at, 0, tag_bytes(m));
	put_be(at, (uint32_t)home);
	if (m->kind->checksum == MADE_V3) {
		put_be(at + 4, flags);
		put_be(at + 12, crc);
		return;
	}
	at[6] = (uint8_t)(flags >> 8);
	at[7] = (uint8_t)flags;
	if (m->kind->checksum == MADE_V2) {
		at[4] = (uint8_t)(crc >> 8);
		at[5] = (uint8_t)crc;
	}
}

static void make_copy(struct maker *m, uint8_t *copy, uint32_t *flags)
{
	for (uint32_t i = 0; i < m->kind->block_bytes; i += 8) {
		uint64_t word = random_next(m->random);

		memcpy(copy + i, &word, 8);
	}
	if (one_in(m, 5)) {
		*flags |= TAG_ESCAPE;
		put_be(copy, 0);
		m->count->escapes++;
	}
	if (one_in(m, 9))
		*flags |= TAG_DELETED; // nobody looks at it
}

static void make_descriptor(struct maker *m, uint32_t tags)
{
	uint8_t *descriptor = next(m);
	uint32_t at = 12, end = m->kind->block_bytes - (sealed(m) ? 4 : 0);
	uint8_t *copies[4096 / 8];
	uint32_t made = 0;

	begin(m, descriptor, JOURNAL_DESCRIPTOR);
	while (made < tags && m->left > 4 && at + tag_bytes(m) <= end) {
		uint32_t flags = at > 12 && !one_in(m, 3) ? TAG_SAME_UUID : 0;
		uint64_t home = m->home + random_below(m->random, m->homes);
		uint32_t room = tag_bytes(m) + (flags ? 0 : 16);

		if (at + room > end)
			flags = TAG_SAME_UUID;
		room = tag_bytes(m) + (flags ? 0 : 16);
		if (at + room > end)
			break;
		copies[made] = next(m);
		make_copy(m, copies[made], &flags);
		if (made + 1 == tags || m->left <= 4 ||
		    at + room + tag_bytes(m) > end)
			flags |= TAG_LAST;
		put_tag(m, descriptor + at, home, flags, copies[made]);
		made++;
		at += room;
	}
	seal(m, descriptor, m->kind->block_bytes - 4);
	m->count->descriptors++;
	m->crc = crc32_bits(m->crc, descriptor, m->kind->block_bytes);
	for (uint32_t i = 0; i < made; i++)
		m->crc = crc32_bits(m->crc, copies[i], m->kind->block_bytes);
}

static void make_revoke(struct maker *m)
{
	uint8_t *revoke = next(m);
	uint32_t each = m->kind->wide ? 8 : 4, count;

	begin(m, revoke, JOURNAL_REVOKE);
	count = random_below(m->random, 8);
	put_be(revoke + 12, 16 + count * each);
	for (uint32_t i = 0; i < count; i++)
		put_be(revoke + 16 + (i + 1) * each - 4,
		       (uint32_t)(m->home + random_below(m->random, m->homes)));
	seal(m, revoke, m->kind->block_bytes - 4);
	m->count->revokes += count;
}

static void make_commit(struct maker *m, bool good)
{
	uint8_t *commit = next(m);

	begin(m, commit, JOURNAL_COMMIT);
	m->seconds += random_below(m->random, 3);
	put_be(commit + 48, 0);
	put_be(commit + 52, (uint32_t)m->seconds);
	if (m->kind->checksum == MADE_OLD) {
		commit[12] = 1; // crc32
		commit[13] = 4; // bytes of it
		put_be(commit + 16, m->crc ^ (good ? 0 : 1));
	}
	seal(m, commit, 16);
	if (!good && m->kind->checksum != MADE_OLD) {
		// A crash: not written, or (a disk with a mind of its own)
		// another block's content.
		commit[one_in(m, 2) ? 8 : 0] ^= 0x5a;
	}
	m->crc = UINT32_MAX;
}

static void make_transaction(struct maker *m, bool whole)
{
	uint32_t parts = 1 + random_below(m->random, 3);

	for (uint32_t i = 0; i < parts && m->left > 8; i++) {
		uint32_t many = one_in(m, 6) ? 300 : 12;

		if (one_in(m, 3))
			make_revoke(m);
		else
			make_descriptor(m, 1 + random_below(m->random, many));
	}
	make_commit(m, whole);
	m->sequence++;
	m->count->transactions++;
	m->count->torn += !whole;
}

static void write_supers(struct maker *m, uint32_t start, uint32_t sequence)
{
	struct disk_journal_super *super = &m->log.super;
	uint32_t incompat = JOURNAL_INCOMPAT_REVOKE;

	if (m->kind->wide)
		incompat |= JOURNAL_INCOMPAT_64BIT;
	if (m->kind->checksum == MADE_V2)
		incompat |= JOURNAL_INCOMPAT_CSUM_2;
	if (m->kind->checksum == MADE_V3)
		incompat |= JOURNAL_INCOMPAT_CSUM_3;
	super->s_feature_incompat = put32_be(incompat);
	super->s_feature_compat = put32_be(m->kind->checksum == MADE_OLD);
	super->s_start = put32_be(start);
	super->s_sequence = put32_be(sequence);
	super->s_checksum_type = sealed(m) ? 4 : 0; // crc32c
	super->s_checksum = put32_be(0);
	if (sealed(m))
		super->s_checksum = put32_be(crc32c_bits(
			UINT32_MAX, (const uint8_t *)super, sizeof(*super)));
	memcpy(m->image->bytes + m->log.super_block * m->kind->block_bytes,
	       super, sizeof(*super));
	m->image->bytes[SUPER_OFFSET + 96] |= INCOMPAT_RECOVER;
}

void made_log(struct image *image, const struct made_kind *kind,
	      struct random *random, uint64_t home, uint32_t homes,
	      struct made_count *count, uint32_t *whole)
{
	struct device *device = image_device(image);
	struct maker m = { .image = image,
			   .kind = kind,
			   .random = random,
			   .count = count,
			   .home = home,
			   .homes = homes,
			   .crc = UINT32_MAX,
			   .seconds = 1000000000 };
	uint32_t wanted = 1 + random_below(random, 9);

	ck_assert_int_eq(log_open(&m.log, device), 0);
	ck_assert_uint_eq(m.log.block_bytes, kind->block_bytes);
	m.at = m.log.first + random_below(random, m.log.last - m.log.first);
	if (one_in(&m, 2)) // near the end of the ring
		m.at = m.log.last - 1 - random_below(random, 40);
	m.left = m.log.last - m.log.first - 1;
	m.sequence = one_in(&m, 4) ? UINT32_MAX - random_below(random, 4)
				   : (uint32_t)random_next(random) | 1;

	const uint32_t start = m.at, begin_at = m.sequence;
	const uint32_t torn = one_in(&m, 2) ? random_below(random, wanted + 1)
					    : wanted;

	for (uint32_t i = 0; i < wanted && m.left > 10; i++) {
		make_transaction(&m, i != torn);
		*whole = i < torn ? i + 1 : torn;
	}
	if (m.sequence < begin_at)
		count->lapped++;
	write_supers(&m, start, begin_at);
	log_close(&m.log);
	device_close(device);
}

// ## Replaying them

static void plain_image(uint32_t block_bytes)
{
	journal_do("rm -f plain && mke2fs -q -F -t ext3 -b %u -J size=%u "
		   "plain %uk",
		   block_bytes, block_bytes / 1024, 3 * block_bytes);
}

static void replay_made(const struct made_kind *kind, struct random *random,
			const struct image *plain, struct made_count *count)
{
	struct image image = { malloc(plain->n), plain->n };
	uint32_t whole = 0;
	uint64_t found;
	char why[200];

	memcpy(image.bytes, plain->bytes, plain->n);
	made_log(&image, kind, random, 2900, 60, count, &whole);
	image_save("theirs", &image);

	struct device *device = image_device(&image);
	int error = journal_replay(device, &found);
	struct image ours = image_of(device);
	int exit = journal_shell(NULL, "e2fsck -E journal_only -y theirs");
	struct image theirs = image_load("theirs");

	ck_assert_msg(error == 0, "%s (block %u, wide %d, checksum %d)",
		      strerror(-error), kind->block_bytes, kind->wide,
		      kind->checksum);
	ck_assert_uint_eq(found, whole);
	ck_assert_int_le(exit, 1);
	ck_assert_msg(image_same(&ours, &theirs, false, why),
		      "%s (block %u, wide %d, checksum %d)", why,
		      kind->block_bytes, kind->wide, kind->checksum);
	ck_assert(!(ours.bytes[SUPER_OFFSET + 96] & INCOMPAT_RECOVER));

	// A second replay finds nothing and changes nothing.
	ck_assert_int_eq(journal_replay(device, &found), 0);
	ck_assert_uint_eq(found, 0);
	struct image again = image_of(device);

	ck_assert_mem_eq(again.bytes, ours.bytes, ours.n);
	image_free(&again);
	image_free(&theirs);
	image_free(&ours);
	image_free(&image);
	device_close(device);
}

static void replay_made_of(uint32_t block_bytes)
{
	struct made_count count = { 0 };
	struct random random = { block_bytes };

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	plain_image(block_bytes);
	struct image plain = image_load("plain");

	for (int round = 0; round < (soaking() ? 400 : 2); round++)
		for (int i = 0; i < 8; i++) {
			struct made_kind kind = { block_bytes, i & 4, i & 3 };

			replay_made(&kind, &random, &plain, &count);
		}
	ck_assert_uint_gt(count.torn, 0);
	ck_assert_uint_gt(count.wrapped, 0);
	ck_assert_uint_gt(count.revokes, 0);
	ck_assert_uint_gt(count.escapes, 0);
	ck_assert_uint_gt(count.lapped, 0);
	image_free(&plain);
}

START_TEST(made_logs_of_1_kib)
{
	replay_made_of(1024);
}
END_TEST

START_TEST(made_logs_of_2_kib)
{
	replay_made_of(2048);
}
END_TEST

START_TEST(made_logs_of_4_kib)
{
	replay_made_of(4096);
}
END_TEST

TCase *journal_made_case(void)
{
	TCase *tcase = tcase_create("made");

	tcase_add_checked_fixture(tcase, journal_set_up, journal_tear_down);
	tcase_set_timeout(tcase, soaking() ? 3600 : 120);
	tcase_add_test(tcase, checksums_have_their_check_values);
	tcase_add_test(tcase, made_logs_of_1_kib);
	tcase_add_test(tcase, made_logs_of_2_kib);
	tcase_add_test(tcase, made_logs_of_4_kib);
	return tcase;
}
