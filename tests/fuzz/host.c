// # What the program reads besides images
//
//     partitions   partition tables (steps, on a disk)
//     undo         the undo file of a repair
//     table        mkfs --table: the devices of a root file system
//     values       words, modes, owners, times, numbers, sizes; the first byte says
//                  which

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "fs/ext2/ext2.h"
#include "fs/img/mkfs.h"
#include "fs/img/values.h"
#include "fs/img/words.h"
#include "must.h"
#include "options.h"
#include "tests/fuzz/fuzz.h"

// ## Partition tables

// A GPT says its own checksums, which damage would make wrong: unless the option
// says not to, they are made right again.
static uint32_t crc_of(const uint8_t *bytes, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static uint32_t number_in(const uint8_t *bytes)
{
	le32 n;

	memcpy(&n, bytes, sizeof n);
	return get32(n);
}

static void put_number(uint8_t *bytes, uint32_t value)
{
	const le32 n = put32(value);

	memcpy(bytes, &n, sizeof n);
}

static void mend_header(uint8_t *disk, size_t size, size_t at)
{
	uint8_t *head = disk + at;
	uint64_t list = (uint64_t)number_in(head + 72) * 512;
	uint64_t bytes = (uint64_t)number_in(head + 80) * number_in(head + 84);
	uint32_t header = number_in(head + 12);

	if (list < size && bytes <= size - list)
		put_number(head + 88, crc_of(disk + list, bytes));
	put_number(head + 16, 0);
	if (header <= 512)
		put_number(head + 16, crc_of(head, header));
}

int fuzz_partitions(const uint8_t *bytes, size_t n)
{
	enum { MOST = 64, SECTOR = 512 };
	struct partition list[MOST];

	if (n < STEPS_BEGIN)
		return 0;
	const struct base *disk = disk_of(bytes[0]);
	struct scratch *s = scratch_begin(disk, bytes, n, NULL, NULL);

	if (!(bytes[1] & 1)) {
		mend_header(s->bytes, disk->size, SECTOR);
		mend_header(s->bytes, disk->size, disk->size - SECTOR);
		scratch_touch(SECTOR, SECTOR);
		scratch_touch(disk->size - SECTOR, SECTOR);
	}
	s->seal = true;
	int found = device_partitions(&s->device, list, MOST);
	promise(found <= MOST, "%d partitions", found);
	for (int i = 0; i < found; i++) {
		promise(list[i].offset <= disk->size &&
				list[i].bytes <= disk->size - list[i].offset,
			"partition %d lies outside", list[i].number);
		promise(memchr(list[i].name, 0, sizeof list[i].name) &&
				memchr(list[i].type, 0, sizeof list[i].type),
			"a name without an end");
	}
	return 0;
}

// ## Undo files
//
//     option  unit  count  cut  (place place)...
//
// become one: the units' bytes do not matter. The option puts a bit of the header
// wrong, or the sum, and `cut` so many bytes are missing at its end.

static void put_long(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static size_t make_undo(const uint8_t *bytes, size_t n, uint64_t disk,
			uint8_t *file, size_t room)
{
	enum { HEADER = 64, SUM = 40, GIVEN = 4 };
	uint64_t unit = 512u << bytes[1] % 4;
	size_t count = bytes[2] % 8u, size = HEADER + count * (8 + unit);

	if (size > room)
		return 0;
	memset(file, 0x5a, size);
	memset(file, 0, HEADER);
	memcpy(file, "oslab-undo-file\n", 16);
	put_long(file + 16, disk);
	put_long(file + 24, bytes[0] & 2 ? UINT64_MAX / (unit + 8) : count);
	put_long(file + 32, unit + (bytes[0] & 4 ? 1 : 0));
	for (size_t i = 0; i < count && GIVEN + 2 * i + 2 <= n; i++) {
		const uint8_t *place = bytes + GIVEN + 2 * i;

		put_long(file + HEADER + 8 * i,
			 (place[0] | (uint64_t)place[1] << 8) *
				 (bytes[0] & 8 ? 1 : unit));
	}
	put_long(file + SUM, XXH3_64bits(file, size));
	file[bytes[0] & 1 ? bytes[0] / 2 : 0] ^= bytes[0] & 1;
	return bytes[3] < size ? size - bytes[3] : size;
}

int fuzz_undo(const uint8_t *bytes, size_t n)
{
	static uint8_t file[8 * 4200];
	char path[32];

	if (n < 4)
		return 0;
	const struct base *disk = disk_of(0);
	struct scratch *s = scratch_begin(disk, NULL, 0, NULL, NULL);
	size_t size = make_undo(bytes, n, disk->size, file, sizeof file);
	int fd = fuzz_file(file, size, path);
	int error = device_undo(&s->device, path);

	promise(!error || !s->writes, "error %d after %ju writes", error,
		(uintmax_t)s->writes);
	close(fd);
	return 0;
}

// ## The table of devices

int fuzz_table(const uint8_t *bytes, size_t n)
{
	struct session s = { .image_path = "new", .command = "mkfs" };
	struct make_options o = { .now = { .seconds = 1000000000 } };
	struct tree tree;
	char path[32];

	int fd = fuzz_file(bytes, n, path);
	o.table = path;
	tree_begin(&tree, &s);
	struct node *file = tree_add(&tree, ROOT_NODE, "file", 4);
	file->mode = S_IFREG | 0644;
	uint32_t dir = tree.count;
	tree_add(&tree, ROOT_NODE, "dev", 3)->mode = S_IFDIR | 0755;
	tree_add(&tree, dir, "sda", 3)->mode = S_IFBLK | 0600;
	tree.arranged = false;
	fuzz_hush();
	int status = apply_table(&tree, &o);
	if (status == EXIT_SUCCESS)
		tree_arrange(&tree);
	fuzz_speak();
	for (uint32_t i = 1; i < tree.count; i++) {
		const char *name = node_name(&tree, &tree.node[i]);
		size_t length = node_name_len(&tree, &tree.node[i]);

		promise(length && !memchr(name, '/', length) &&
				strcmp(name, ".") && strcmp(name, ".."),
			"a node called %.*s", (int)length, name);
		promise(tree.node[i].parent < tree.count &&
				S_ISDIR(tree.node[tree.node[i].parent].mode),
			"a node that is in no directory");
	}
	tree_end(&tree);
	close(fd);
	return 0;
}

// ## Values

static void play_words(const char *text)
{
	struct words words;
	size_t bytes = 0;

	if (words_of(text, &words) != 0)
		return;
	for (int i = 0; i < words.count; i++)
		bytes += strlen(words.word[i]);
	promise(bytes <= strlen(text) && !words.word[words.count], "%d words",
		words.count);
	words_free(&words);
}

static void play_mode(const char *text)
{
	struct mode_change change;

	if (parse_mode(text, &change) != 0)
		return;
	for (unsigned mode = 0; mode <= 07777; mode += 0123) {
		uint16_t changed = mode_changed(&change,
						(uint16_t)(S_IFDIR | mode));

		promise((changed & S_IFMT) == S_IFDIR, "mode %o", changed);
	}
}

static void play_owner(const char *text)
{
	struct owner owner = { -1, -1 };

	if (!parse_owner(text, true, &owner))
		promise(owner.uid >= -1 && owner.uid < UINT32_MAX &&
				owner.gid >= -1 && owner.gid < UINT32_MAX &&
				(owner.uid >= 0 || owner.gid >= 0),
			"%jd:%jd", (intmax_t)owner.uid, (intmax_t)owner.gid);
}

static void play_when(const char *text)
{
	struct ext2_time when;

	if (!parse_when(text, &when))
		promise(when.ns < 1000000000 && when.seconds >= INT32_MIN &&
				when.seconds < INT32_MIN + (INT64_C(1) << 34),
			"%jd.%09" PRIu32, (intmax_t)when.seconds, when.ns);
}

static void play_number(const char *text)
{
	int64_t n;

	if (!parse_number(text, -5, INT64_MAX, &n))
		promise(n >= -5, "%jd", (intmax_t)n);
}

// What comes out is written by us in a form that gives the same again.
static void play_size(const char *text)
{
	char name[HUMAN_BYTES];
	uint64_t size, again;

	if (parse_size(text, 1, UINT64_MAX, &size))
		return;
	promise(size >= 1 &&
			!parse_size(size_name(name, size), 1, UINT64_MAX,
				    &again) &&
			again == size,
		"%ju", (uintmax_t)size);
}

static void play_duration(const char *text)
{
	char name[HUMAN_BYTES];
	int64_t ns, again;

	if (parse_duration(text, 1, INT64_MAX, &ns))
		return;
	promise(ns >= 1 &&
			!parse_duration(duration_name(name, ns), 1, INT64_MAX,
					&again) &&
			again == ns,
		"%jd", (intmax_t)ns);
}

static void play_real(const char *text)
{
	double value;

	if (!parse_real(text, -10, 1e6, &value))
		promise(value >= -10 && value <= 1e6, "%g", value);
}

int fuzz_values(const uint8_t *bytes, size_t n)
{
	static void (*const plays[])(const char *) = {
		play_words,  play_mode, play_owner,    play_when,
		play_number, play_size, play_duration, play_real,
	};

	if (!n)
		return 0;
	char *text = must_ptr(strndup((const char *)bytes + 1, n - 1));
	plays[*bytes % (sizeof plays / sizeof *plays)](text);
	free(text);
	return 0;
}
