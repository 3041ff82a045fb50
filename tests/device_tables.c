// Tests of fs/ext2/device_partitions: tables made by hand, read by
// partx(8) too, and tables by somebody who means harm.

#define _GNU_SOURCE
#include "device_parts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

enum { SECTOR = 512, SECTORS = 8192, MOST = 16 };

static struct device *disk(void)
{
	struct device *d;

	ck_assert_int_eq(device_memory((uint64_t)SECTORS * SECTOR, &d), 0);
	return d;
}

static void put_le32(uint8_t *at, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(n >> 8 * i);
}

// One of the four entries of a sector, which becomes one with a table.
static void entry(struct device *d, uint64_t sector, int slot, uint8_t type,
		  uint32_t first, uint32_t sectors)
{
	uint8_t bytes[16] = { 0 };

	bytes[4] = type;
	put_le32(bytes + 8, first);
	put_le32(bytes + 12, sectors);
	ck_assert_int_eq(device_write(d, sector * SECTOR + 446 + 16 * slot,
				      bytes, 16),
			 0);
	ck_assert_int_eq(device_write(d, sector * SECTOR + 510, "\x55\xaa", 2),
			 0);
}

static void check_row(const struct partition *p, int number, uint64_t first,
		      uint64_t sectors, const char *type)
{
	ck_assert_int_eq(p->number, number);
	ck_assert_uint_eq(p->offset, first * SECTOR);
	ck_assert_uint_eq(p->bytes, sectors * SECTOR);
	ck_assert_str_eq(p->type, type);
	ck_assert_str_eq(p->name, "");
}

START_TEST(partitions_none)
{
	struct device *d;
	struct partition list[MOST];

	ck_assert_int_eq(device_memory(0, &d), 0);
	ck_assert_int_eq(device_partitions(d, list, MOST), -EINVAL);
	ck_assert_int_eq(device_resize(d, 511), 0);
	ck_assert_int_eq(device_partitions(d, list, MOST), -EINVAL);
	ck_assert_int_eq(device_resize(d, 512), 0);
	ck_assert_int_eq(device_partitions(d, list, MOST), -EINVAL);
	ck_assert_int_eq(device_write(d, 510, "\x55\xaa", 2), 0);
	ck_assert_int_eq(device_partitions(d, list, MOST), 0);
	// A boot sector with code where the table would be.
	ck_assert_int_eq(device_write(d, 446, "\xeb\x3c\x90", 3), 0);
	ck_assert_int_eq(device_partitions(d, list, MOST), -EINVAL);
	device_close(d);
}
END_TEST

START_TEST(partitions_mbr)
{
	struct device *d = disk();
	struct partition p[MOST];

	entry(d, 0, 0, 0x83, 100, 200);
	ck_assert_int_eq(device_write(d, 446, "\x80", 1), 0); // active
	entry(d, 0, 2, 0x0b, 1000, 50);
	ck_assert_int_eq(device_partitions(d, p, MOST), 2);
	check_row(&p[0], 1, 100, 200, "83");
	check_row(&p[1], 3, 1000, 50, "b");
	ck_assert_int_eq(device_partitions(d, p, 1), 1);
	ck_assert_int_eq(device_partitions(d, p, 0), 0);

	// Two logical ones; the second table stands before the first.
	entry(d, 0, 1, 0x05, 2000, 4000);
	entry(d, 2000, 0, 0x83, 1000, 500);
	entry(d, 2000, 1, 0x05, 100, 300);
	entry(d, 2100, 0, 0x82, 50, 60);
	ck_assert_int_eq(device_partitions(d, p, MOST), 5);
	check_row(&p[1], 2, 2000, 4000, "5");
	check_row(&p[3], 5, 3000, 500, "83");
	check_row(&p[4], 6, 2150, 60, "82");
	device_close(d);
}
END_TEST

START_TEST(partitions_beyond_the_end)
{
	struct device *d = disk();
	struct partition p[MOST];

	entry(d, 0, 0, 0x83, 8000, 1000);
	entry(d, 0, 1, 0x83, 9000, 1000);
	entry(d, 0, 2, 0x83, UINT32_MAX, UINT32_MAX);
	ck_assert_int_eq(device_partitions(d, p, MOST), 3);
	check_row(&p[0], 1, 8000, SECTORS - 8000, "83");
	check_row(&p[1], 2, SECTORS, 0, "83");
	check_row(&p[2], 3, SECTORS, 0, "83");
	device_close(d);
}
END_TEST

START_TEST(partitions_chains_without_end)
{
	struct device *d;
	struct partition p[MOST];
	const uint32_t next[] = { 0, 1, 4, 100000, UINT32_MAX };

	// To itself is no link; to the other one and back; out of the image.
	for (size_t i = 0; i < sizeof(next) / sizeof(*next); i++) {
		d = disk();
		entry(d, 0, 0, 0x0f, 2000, 4000);
		entry(d, 2000, 0, 0x83, 10, 5);
		entry(d, 2000, 1, 0x05, next[i], 10);
		entry(d, 2004, 0, 0x83, 10, 5);
		entry(d, 2004, 1, 0x05, 4, 10);
		ck_assert_int_eq(device_partitions(d, p, MOST),
				 next[i] == 0 ? 2 : -EINVAL);
		device_close(d);
	}

	// Without any partition in it, and the extended one at the table itself.
	d = disk();
	entry(d, 0, 0, 0x05, 2000, 4000);
	entry(d, 2000, 1, 0x05, 1, 10);
	entry(d, 2001, 1, 0x05, 1, 10);
	ck_assert_int_eq(device_partitions(d, p, MOST), -EINVAL);
	device_close(d);
	d = disk();
	entry(d, 0, 0, 0x05, 0, 4000);
	int count = device_partitions(d, p, MOST);
	ck_assert(count == -EINVAL || (count >= 0 && count <= MOST));
	device_close(d);

	// Four extended ones, each with four links.
	d = disk();
	for (int i = 0; i < 4; i++)
		entry(d, 0, i, 0x05, 1000 + i, 10);
	for (int s = 0; s < 4; s++)
		for (int i = 0; i < 4; i++)
			entry(d, 1000 + s, i, 0x85, 1 + (s + i) % 3, 10);
	ck_assert_int_eq(device_partitions(d, p, MOST), -EINVAL);
	device_close(d);
}
END_TEST

// ## GPT, by hand

static uint32_t crc32_by_table(const uint8_t *bytes, size_t n)
{
	uint32_t table[256], crc = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1) * 0xedb88320;
	}
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
	return ~crc;
}

enum { LIST = 2, ENTRIES = 8, ENTRY = 128 };

struct gpt {
	uint8_t header[SECTOR], list[ENTRIES * ENTRY];
};

static const uint8_t linux_guid[16] = {
	0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
	0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
};

static void gpt_entry(struct gpt *gpt, int slot, uint32_t first, uint32_t last,
		      const char *name)
{
	uint8_t *e = gpt->list + slot * ENTRY;

	memcpy(e, linux_guid, 16);
	e[16] = slot + 1;
	put_le32(e + 32, first);
	put_le32(e + 40, last);
	for (int i = 0; name[i]; i++)
		e[56 + 2 * i] = name[i];
}

// Header and list to the sectors given, with checksums as they should be.
static void gpt_seal(struct gpt *gpt, struct device *d, uint64_t own,
		     uint64_t list)
{
	uint8_t *h = gpt->header;

	entry(d, 0, 0, 0xee, 1, UINT32_MAX);
	memset(h, 0, SECTOR);
	memcpy(h, "EFI PART", 8);
	put_le32(h + 8, 0x10000);
	put_le32(h + 12, 92);
	put_le32(h + 24, own);
	put_le32(h + 32, own == 1 ? SECTORS - 1 : 1);
	put_le32(h + 40, LIST + 2); // usable: first, last
	put_le32(h + 48, SECTORS - 20);
	put_le32(h + 72, list);
	put_le32(h + 80, ENTRIES);
	put_le32(h + 84, ENTRY);
	put_le32(h + 88, crc32_by_table(gpt->list, sizeof(gpt->list)));
	put_le32(h + 16, crc32_by_table(h, 92));
	device_write(d, own * SECTOR, h, SECTOR);
	device_write(d, list * SECTOR, gpt->list, sizeof(gpt->list));
}

static void gpt_reseal(struct gpt *gpt, struct device *d)
{
	put_le32(gpt->header + 16, 0);
	put_le32(gpt->header + 16, crc32_by_table(gpt->header, 92));
	device_write(d, SECTOR, gpt->header, SECTOR);
}

START_TEST(partitions_gpt)
{
	struct device *d = disk();
	struct partition p[MOST];
	struct gpt gpt = { 0 };

	// From zlib's manual: the CRC-32 of "123456789" is cbf43926.
	ck_assert_uint_eq(crc32_by_table((const uint8_t *)"123456789", 9),
			  0xcbf43926);
	gpt_entry(&gpt, 0, 100, 199, "root");
	gpt_entry(&gpt, 5, 1000, 1000, "");
	gpt_seal(&gpt, d, 1, LIST);
	ck_assert_int_eq(device_partitions(d, p, MOST), 2);
	ck_assert_int_eq(p[0].number, 1);
	ck_assert_uint_eq(p[0].offset, 100 * SECTOR);
	ck_assert_uint_eq(p[0].bytes, 100 * SECTOR);
	ck_assert_str_eq(p[0].type, "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
	ck_assert_str_eq(p[0].name, "root");
	ck_assert_int_eq(p[1].number, 6);
	ck_assert_uint_eq(p[1].bytes, SECTOR);
	ck_assert_int_eq(device_partitions(d, p, 1), 1);

	// The first copy is damaged: the one at the end counts.
	gpt_entry(&gpt, 0, 200, 299, "copy");
	gpt_seal(&gpt, d, SECTORS - 1, SECTORS - 10);
	ck_assert_int_eq(device_partitions(d, p, MOST), 2);
	ck_assert_str_eq(p[0].name, "root");
	device_write(d, LIST * SECTOR + 3, "\1", 1);
	ck_assert_int_eq(device_partitions(d, p, MOST), 2);
	ck_assert_str_eq(p[0].name, "copy");
	device_write(d, SECTOR, "efi", 3);
	ck_assert_int_eq(device_partitions(d, p, MOST), 2);
	device_write(d, (SECTORS - 1) * SECTOR, "efi", 3);
	ck_assert_int_eq(device_partitions(d, p, MOST), -EINVAL);
	device_close(d);
}
END_TEST

START_TEST(partitions_gpt_names)
{
	static const struct {
		uint16_t unit[37];
		const char *text;
	} names[] = {
		{ { 0xe9, 0x20ac, 'x' }, "\xc3\xa9\xe2\x82\xacx" },
		{ { 0xd83d, 0xde00 }, "\xf0\x9f\x98\x80" },
		{ { 0xd83d, 'x' }, "\xef\xbf\xbdx" },
		{ { 0xde00, 0xd83d }, "\xef\xbf\xbd\xef\xbf\xbd" },
		// 36 of three bytes each: what fits into 39.
		{ { 0xac00, 0xac00, 0xac00, 0xac00, 0xac00, 0xac00, 0xac00,
		    0xac00, 0xac00, 0xac00, 0xac00, 0xac00, 0xac00, 0xac00 },
		  "\xea\xb0\x80\xea\xb0\x80\xea\xb0\x80\xea\xb0\x80"
		  "\xea\xb0\x80\xea\xb0\x80\xea\xb0\x80\xea\xb0\x80"
		  "\xea\xb0\x80\xea\xb0\x80\xea\xb0\x80\xea\xb0\x80"
		  "\xea\xb0\x80" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct device *d = disk();
		struct partition p[MOST];
		struct gpt gpt = { 0 };

		gpt_entry(&gpt, 0, 100, 199, "");
		for (int k = 0; k < 36; k++) {
			gpt.list[56 + 2 * k] = names[i].unit[k] & 255;
			gpt.list[57 + 2 * k] = names[i].unit[k] >> 8;
		}
		gpt_seal(&gpt, d, 1, LIST);
		ck_assert_int_eq(device_partitions(d, p, MOST), 1);
		ck_assert_str_eq(p[0].name, names[i].text);
		device_close(d);
	}
}
END_TEST

// Sealed with the right checksums, and wrong all the same.
START_TEST(partitions_gpt_hostile)
{
	static const struct {
		int at;
		uint32_t value;
	} fields[] = {
		{ 12, 0 },	     { 12, 91 },	  { 12, 513 },
		{ 12, UINT32_MAX },  { 24, 2 },		  { 72, 0x7fffffff },
		{ 72, UINT32_MAX },  { 76, UINT32_MAX },  { 80, 0 },
		{ 80, UINT32_MAX },  { 84, 0 },		  { 84, 127 },
		{ 84, UINT32_MAX },  { 84, 0x80000000 },  { 80, 8193 },
		{ 72, SECTORS - 1 }, { 72, SECTORS },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct device *d = disk();
		struct partition p[MOST];
		struct gpt gpt = { 0 };

		gpt_entry(&gpt, 0, 100, 199, "");
		gpt_seal(&gpt, d, 1, LIST);
		ck_assert_int_eq(device_partitions(d, p, MOST), 1);
		put_le32(gpt.header + fields[i].at, fields[i].value);
		gpt_reseal(&gpt, d);
		ck_assert_int_eq(device_partitions(d, p, MOST), -EINVAL);
		device_close(d);
	}

	// First after last, and the largest numbers there are.
	for (int i = 0; i < 3; i++) {
		struct device *d = disk();
		struct partition p[MOST];
		struct gpt gpt = { 0 };

		gpt_entry(&gpt, 0, 200, 199, "");
		if (i)
			memset(gpt.list + 40, 255, 8);
		if (i == 2)
			memset(gpt.list + 32, 255, 8);
		gpt_seal(&gpt, d, 1, LIST);
		ck_assert_int_eq(device_partitions(d, p, MOST), -EINVAL);
		device_close(d);
	}
}
END_TEST

// ## Whatever the bytes: an error, or partitions inside the image

static void check_inside(struct device *d)
{
	struct partition p[MOST];
	int count = device_partitions(d, p, MOST);

	ck_assert(count <= MOST);
	for (int i = 0; i < count; i++) {
		ck_assert_uint_le(p[i].offset, d->bytes);
		ck_assert_uint_le(p[i].bytes, d->bytes - p[i].offset);
		ck_assert_uint_lt(strlen(p[i].type), sizeof(p[i].type));
		ck_assert_uint_lt(strlen(p[i].name), sizeof(p[i].name));
	}
}

START_TEST(partitions_random_damage)
{
	struct random random = { 8 };
	int turns = soaking() ? 500000 : 10000;
	struct device *d = disk();
	struct gpt gpt = { 0 };

	for (int i = 0; i < turns; i++) {
		entry(d, 0, 0, 0x83, 100, 200);
		entry(d, 0, 1, 0x05, 2000, 4000);
		entry(d, 2000, 0, 0x83, 1000, 500);
		entry(d, 2000, 1, 0x05, 100, 300);
		entry(d, 2100, 0, 0x82, 50, 60);
		entry(d, 2100, 1, 0, 0, 0);
		if (i & 1) {
			gpt_entry(&gpt, 0, 100, 199, "root");
			gpt_seal(&gpt, d, 1, LIST);
		}
		for (uint32_t k = random_below(&random, 4) + 1; k--;) {
			const int tables[] = { 0, 1, 2, 2000, 2100 };
			uint8_t byte = (uint8_t)random_next(&random);
			int table = tables[random_below(&random, 5)];
			int at = table == 1
					 ? (int)random_below(&random, 92)
					 : 440 + (int)random_below(&random, 70);

			device_write(d, table * SECTOR + at, &byte, 1);
			if (table == 1) {
				device_read(d, SECTOR, gpt.header, SECTOR);
				gpt_reseal(&gpt, d);
			}
		}
		check_inside(d);
	}
	device_close(d);
}
END_TEST

// ## The judge: partx(8), which reads with libblkid

static void save(struct device *d, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(device_copy_out(d, 0, fd, 0, d->bytes), 0);
	close(fd);
}

// libblkid shows a type as "0x83", or as a GUID in small letters.
static void check_as_partx(struct device *d, int wanted)
{
	char command[500], line[200], *text;
	struct partition p[MOST];
	int count = device_partitions(d, p, MOST);

	ck_assert_int_eq(count, wanted);
	save(d, device_path("disk"));
	snprintf(command, sizeof(command),
		 "partx -g -r -o NR,START,SECTORS,TYPE,NAME '%s'",
		 device_path("disk"));

	struct outcome said = run_shell(command);
	char *rest = said.out;

	ck_assert_msg(said.exit == 0, "%s", said.err);
	for (int i = 0; i < count; i++) {
		bool guid = strlen(p[i].type) > 2;

		snprintf(line, sizeof(line), "%d %ju %ju %s%s %s", p[i].number,
			 (uintmax_t)p[i].offset / SECTOR,
			 (uintmax_t)p[i].bytes / SECTOR, guid ? "" : "0x",
			 p[i].type, p[i].name);
		for (char *c = line; guid && *c && c - line < 55; c++)
			*c = tolower((unsigned char)*c);
		text = strsep(&rest, "\n");
		ck_assert_ptr_nonnull(text);
		ck_assert_str_eq(text, line);
	}
	ck_assert(!rest || !*rest);
	outcome_free(&said);
}

START_TEST(partitions_as_partx_has_them)
{
	struct outcome there = run_shell("command -v partx");
	struct device *d = disk();
	struct gpt gpt = { 0 };
	int missing = there.exit;

	outcome_free(&there);
	if (missing) {
		device_close(d);
		SKIP("no partx");
	}
	entry(d, 0, 0, 0x83, 100, 200);
	entry(d, 0, 1, 0x05, 2000, 4000);
	entry(d, 0, 3, 0x0c, 1000, 50);
	entry(d, 2000, 0, 0x83, 1000, 500);
	entry(d, 2000, 1, 0x05, 100, 300);
	entry(d, 2100, 0, 0x82, 50, 60);
	check_as_partx(d, 5);
	device_close(d);

	d = disk();
	gpt_entry(&gpt, 0, 100, 199, "root");
	gpt_entry(&gpt, 1, 300, 300, "one-sector");
	gpt_entry(&gpt, 7, 1000, 1099, "last");
	gpt_seal(&gpt, d, 1, LIST);
	check_as_partx(d, 3);
	device_close(d);
}
END_TEST

void add_device_partition_tests(Suite *suite)
{
	TCase *tests = tcase_create("partitions");

	tcase_add_checked_fixture(tests, make_device_folder,
				  remove_device_folder);
	tcase_add_test(tests, partitions_none);
	tcase_add_test(tests, partitions_mbr);
	tcase_add_test(tests, partitions_beyond_the_end);
	tcase_add_test(tests, partitions_chains_without_end);
	tcase_add_test(tests, partitions_gpt);
	tcase_add_test(tests, partitions_gpt_names);
	tcase_add_test(tests, partitions_gpt_hostile);
	tcase_add_test(tests, partitions_random_damage);
	tcase_add_test(tests, partitions_as_partx_has_them);
	suite_add_tcase(suite, tests);
}
