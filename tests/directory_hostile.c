// directory_hostile.c - directories that lie
//
// One field at a time is set to what no honest directory has, in a plain directory
// and in the index of a large one; then everything is tried that reads or changes
// names: it ends, what is broken is an error, and nothing beyond the directory is
// hurt. The image may be committed after it: e2fsck -fy mends it, and beside the
// damage all is as it was.

#define _GNU_SOURCE
#include "directory_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1024, PLAIN_FILES = 20, INDEXED_FILES = 400 };

// ## An image with a victim and a bystander

struct victim {
	uint32_t dir, good, bystander;
	uint64_t block[2];  // of the directory: the first, and a node or leaf
	uint32_t offset[4]; // in block 0: ".", "..", the third entry, the next
};

static int note_entry(void *context, const struct ext2_entry *entry)
{
	struct victim *v = context;
	int i = 0;

	if (entry->logical == 1 && !v->block[1])
		v->block[1] = entry->block;
	if (entry->logical != 0)
		return 0;
	v->block[0] = entry->block;
	while (i < 4 && v->offset[i] != UINT32_MAX)
		i++;
	if (i < 4)
		v->offset[i] = entry->offset;
	return 0;
}

static struct victim make_victim(int files)
{
	struct content_image image = fresh_image(BLOCK, 4000, 900, 0);
	struct ext2 *fs = image.fs;
	struct victim v = { .offset = { UINT32_MAX, UINT32_MAX, UINT32_MAX,
					UINT32_MAX } };
	char name[NAME_LONGEST + 1];

	v.dir = make_dir(fs, INO_ROOT, "d");
	v.good = make_dir(fs, INO_ROOT, "good");
	v.bystander = directory_make_file(fs, v.good, "file");
	ck_assert_int_eq(ext2_write(fs, v.bystander, 0, "safe", 4), 0);
	for (int i = 0; i < files; i++) {
		many_name((uint32_t)i, name);
		directory_make_file(fs, v.dir, name);
	}
	make_dir(fs, v.dir, "below");
	content_commit(&image);
	ck_assert_int_eq(ext2_list(fs, v.dir, note_entry, &v), 0);
	ck_assert(has_index(fs, v.dir) == (files == INDEXED_FILES));
	content_close(&image);
	return v;
}

static void patch(uint64_t block, uint32_t offset, const void *bytes, size_t n)
{
	int fd = open(content_image, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, n, (off_t)(block * BLOCK + offset)),
			 (ssize_t)n);
	close(fd);
}

// ## Everything that can be tried

static int count_entries(void *context, const struct ext2_entry *entry)
{
	uint32_t *count = context;

	ck_assert_uint_le(entry->offset + ENTRY_HEADER + entry->name_len,
			  BLOCK);
	ck_assert_uint_lt(++*count, 100000); // it ends
	return 0;
}

// Whether it is one that may be said of a directory that lies.
static void is_sober(int error)
{
	static const int known[] = {
		0,       -EUCLEAN, -ENOENT, -ENOTEMPTY, -EEXIST, -ENOTDIR,
		-EISDIR, -EINVAL,  -EPERM,  -EMLINK,    -ENOSPC, -ELOOP,
	};
	size_t i = 0;

	while (i < sizeof known / sizeof *known && known[i] != error)
		i++;
	ck_assert_msg(i < sizeof known / sizeof *known, "%s", strerror(-error));
}

static void change_names(struct ext2 *fs, const struct victim *v)
{
	struct ext2_inode file = wanted(S_IFREG | 0644);
	char name[NAME_LONGEST + 1], other[32];
	uint32_t ino;

	for (uint32_t i = 0; i < 40; i++) {
		size_t length = many_name(i * 3, name);
		int n = snprintf(other, sizeof other, "other-%u", i);

		is_sober(
			ext2_create(fs, v->dir, other, (size_t)n, &file, &ino));
		is_sober(ext2_rename(fs, v->dir, name, length, v->dir, other,
				     (size_t)n));
		is_sober(ext2_unlink(fs, v->dir, name, length));
		length = many_name(i * 3 + 1, name);
		is_sober(ext2_unlink(fs, v->dir, name, length));
		is_sober(ext2_link(fs, v->dir, name, length, v->bystander));
	}
	is_sober(ext2_unlink(fs, v->dir, "evil", 4));
	is_sober(ext2_rmdir(fs, v->dir, "evil", 4));
	is_sober(ext2_rename(fs, v->dir, "evil", 4, v->good, "evil", 4));
	is_sober(ext2_rename(fs, v->dir, "below", 5, v->good, "below", 5));
	is_sober(ext2_rename(fs, INO_ROOT, "good", 4, v->dir, "good", 4));
	is_sober(ext2_rename(fs, v->dir, "good", 4, INO_ROOT, "good", 4));
	is_sober(ext2_rmdir(fs, INO_ROOT, "d", 1));
}

static void walk_about(struct ext2 *fs)
{
	static const char *const paths[] = {
		"/d/evil",	  "/d/evil/evil/evil", "/d/..",
		"/d/../good",	  "/d/below/../..",    "/d/evil/../evil/..",
		"/d/./name-0/..",
	};
	uint32_t ino;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		is_sober(
			ext2_walk(fs, INO_ROOT, paths[i], 0, NULL, NULL, &ino));
}

// What listing says, and finding all names.
static int look(struct ext2 *fs, const struct victim *v)
{
	char name[NAME_LONGEST + 1];
	struct ext2_entry entry;
	struct ext2_inode inode;
	uint32_t count = 0;
	int error = ext2_list(fs, v->dir, count_entries, &count);

	is_sober(error);
	for (uint32_t i = 0; i < INDEXED_FILES; i += 7) {
		size_t length = many_name(i, name);
		int found = ext2_find(fs, v->dir, name, length, &entry);
		is_sober(found);
		if (!found && entry.ino != 0)
			is_sober(ext2_inode(fs, entry.ino, &inode));
	}
	walk_about(fs);
	return error;
}

static void attack(const struct victim *v, const char *what, int wanted_error)
{
	struct content_image image = content_open(0);
	char read[8] = "";
	uint32_t ino;

	int error = look(image.fs, v);
	ck_assert_msg(wanted_error > 0 || error == wanted_error, "%s: list: %s",
		      what, strerror(-error));
	content_close(&image);
	image = content_open(EXT2_WRITE);
	change_names(image.fs, v);
	look(image.fs, v);
	error = ext2_commit(image.fs);
	ck_assert_msg(error == 0 || error == -EUCLEAN, "%s: commit: %s", what,
		      strerror(-error));
	content_close(&image);

	image = content_open(0);
	ck_assert_int_eq(ext2_walk(image.fs, INO_ROOT, "/good/file", 0, NULL,
				   NULL, &ino),
			 0);
	ck_assert_uint_eq(ino, v->bystander);
	ck_assert_int_eq(ext2_read(image.fs, ino, 0, read, sizeof read), 4);
	ck_assert_str_eq(read, "safe");
	content_close(&image);
	if (!content_judges())
		return;
	// Once is not always enough for it, where ".." has no place of its own.
	content_do("e2fsck -fy image >log 2>&1; e2fsck -fy image >log 2>&1; "
		   "test $? -le 1 || { cat log; exit 1; }");
	content_do("debugfs -R 'cat /good/file' image 2>/dev/null | "
		   "grep -q '^safe$'");
}

// ## A plain directory

enum { ANY = 1 }; // whatever listing says

static const struct {
	const char *what;
	int entry;   // 0 ".", 1 "..", 2 and 3 further ones
	uint32_t at; // in the entry
	const char *bytes;
	size_t n;
	int error; // of ext2_list
} plain[] = {
	{ "rec_len 0", 2, 4, "\0\0", 2, -EUCLEAN },
	{ "rec_len 4", 2, 4, "\4\0", 2, -EUCLEAN },
	{ "rec_len 8", 2, 4, "\10\0", 2, -EUCLEAN },
	{ "rec_len 0, not in use", 2, 0, "\0\0\0\0\0\0", 6, -EUCLEAN },
	{ "rec_len 8, not in use", 2, 0, "\0\0\0\0\10\0", 6, -EUCLEAN },
	{ "rec_len 13", 2, 4, "\15\0", 2, -EUCLEAN },
	{ "rec_len past the end", 2, 4, "\0\4", 2, -EUCLEAN },
	{ "rec_len 65532", 2, 4, "\374\377", 2, -EUCLEAN },
	{ "rec_len 65535", 2, 4, "\377\377", 2, -EUCLEAN },
	{ "rec_len of . 0", 0, 4, "\0\0", 2, -EUCLEAN },
	{ "rec_len of .. past the end", 1, 4, "\0\4", 2, -EUCLEAN },
	{ "rec_len of .. goes into a name", 1, 4, "\24\0", 2, ANY },
	{ "name_len 0", 2, 6, "\0", 1, -EUCLEAN },
	{ "name_len beyond rec_len", 2, 6, "\377", 1, -EUCLEAN },
	{ "a name with a slash", 2, 8, "a/b", 3, 0 },
	{ "a name with NUL", 2, 8, "a\0b", 3, 0 },
	{ "a name that is ..", 2, 6, "\2\1..", 4, 0 },
	{ "a name that is .", 2, 6, "\1\1.", 3, 0 },
	{ "inode out of range", 2, 0, "\377\377\377\377", 4, ANY },
	{ "inode one beyond", 2, 0, "\1\0\1\0", 4, ANY },
	{ "inode of bad blocks", 2, 0, "\1\0\0\0", 4, ANY },
	{ "inode of the root", 2, 0, "\2\0\0\0\14\0\4\2evil", 12, ANY },
	{ "inode of the descriptors", 2, 0, "\7\0\0\0", 4, ANY },
	{ "inode of the journal", 2, 0, "\10\0\0\0", 4, ANY },
	{ "inode not in use", 2, 0, "\50\3\0\0", 4, ANY },
	{ "an unknown type", 2, 7, "\377", 1, ANY },
	{ "a file that says directory", 2, 7, "\2", 1, ANY },
	{ ". is called x", 0, 8, "x", 1, ANY },
	{ ". is not in use", 0, 0, "\0\0\0\0", 4, ANY },
	{ ". is the root", 0, 0, "\2\0\0\0", 4, ANY },
	{ ".. is called xx", 1, 8, "xx", 2, ANY },
	{ ".. is not in use", 1, 0, "\0\0\0\0", 4, ANY },
	{ ".. is out of range", 1, 0, "\377\377\377\377", 4, ANY },
	{ ".. is a file", 1, 0, "\17\0\0\0", 4, ANY },
	{ ".. is the journal", 1, 0, "\10\0\0\0", 4, ANY },
};

enum { PLAIN = sizeof plain / sizeof *plain };

START_TEST(a_field_of_an_entry_lies)
{
	struct victim v = make_victim(PLAIN_FILES);

	patch(v.block[0], v.offset[plain[_i].entry] + plain[_i].at,
	      plain[_i].bytes, plain[_i].n);
	attack(&v, plain[_i].what, plain[_i].error);
}
END_TEST

// ## Circles

// The entry that is the third becomes "evil", a directory: of the inode `ino`.
static void plant(const struct victim *v, uint32_t ino)
{
	struct {
		le32 inode;
		uint8_t rest[8];
	} entry = { put32(ino), "\14\0\4\2evil" };

	entry.rest[0] = 12;
	patch(v->block[0], v->offset[2], &entry, sizeof entry);
}

static void set_up_entry(uint64_t block, uint32_t offset, uint32_t ino)
{
	le32 up = put32(ino);

	patch(block, offset, &up, sizeof up);
}

static uint64_t first_block(uint32_t dir)
{
	struct content_image image = content_open(0);
	struct ext2_inode inode;
	struct ext2_run run;

	ck_assert_int_eq(ext2_inode(image.fs, dir, &inode), 0);
	ck_assert_int_eq(ext2_run_at(image.fs, &inode, 0, &run), 0);
	content_close(&image);
	return run.physical;
}

START_TEST(directories_in_a_circle)
{
	struct victim v = make_victim(PLAIN_FILES);
	struct content_image image = content_open(0);
	uint32_t below;

	ck_assert_int_eq(find_name(image.fs, v.dir, "below", &below), 0);
	content_close(&image);
	uint64_t block = first_block(below);
	switch (_i) {
	case 0: // itself
		plant(&v, v.dir);
		break;
	case 1: // the one above
		plant(&v, INO_ROOT);
		break;
	case 2: // its neighbour's
		plant(&v, v.good);
		break;
	case 3: // ".." of both leads round
		set_up_entry(v.block[0], v.offset[1], below);
		break;
	case 4: // ".." is itself
		set_up_entry(v.block[0], v.offset[1], v.dir);
		break;
	case 5: // below it, too
		set_up_entry(block, 12, below);
		break;
	}
	attack(&v, "a circle", ANY);
}
END_TEST

// ## An index

static const struct {
	const char *what;
	int block; // 0: the root of the index; 1: a leaf
	uint32_t at;
	const char *bytes;
	size_t n;
} indexed[] = {
	{ "reserved", 0, 24, "\1\0\0\0", 4 },
	{ "an unknown hash", 0, 28, "\11", 1 },
	{ "another hash", 0, 28, "\0", 1 },
	{ "length of the header 0", 0, 29, "\0", 1 },
	{ "length of the header 255", 0, 29, "\377", 1 },
	{ "a level more", 0, 30, "\1", 1 },
	{ "two levels more", 0, 30, "\2", 1 },
	{ "255 levels", 0, 30, "\377", 1 },
	{ "flags", 0, 31, "\377", 1 },
	{ "limit 0", 0, 32, "\0\0", 2 },
	{ "limit 65535", 0, 32, "\377\377", 2 },
	{ "count 0", 0, 34, "\0\0", 2 },
	{ "count beyond the limit", 0, 34, "\377\377", 2 },
	{ "count beyond what is there", 0, 34, "\170\0", 2 },
	{ "the first leaf is the root", 0, 36, "\0\0\0\0", 4 },
	{ "the first leaf is beyond the end", 0, 36, "\377\377\377\0", 4 },
	{ "the first leaf is beyond 32 bits", 0, 36, "\377\377\377\377", 4 },
	{ "the second leaf is the first", 0, 44, "\1\0\0\0", 4 },
	{ "hashes fall", 0, 40, "\376\377\377\377", 4 },
	{ "hashes are equal", 0, 48, "\0\0\0\0", 4 },
	{ ".. ends before the index", 0, 16, "\14\0", 2 },
	{ "the root is no root", 0, 0, "\0\0\0\0\0\0\0\0", 8 },
	{ "a leaf that is a node", 1, 0, "\0\0\0\0\0\4\0\0", 8 },
	{ "a leaf with rec_len 0", 1, 4, "\0\0", 2 },
};

enum { INDEXED = sizeof indexed / sizeof *indexed };

START_TEST(a_field_of_an_index_lies)
{
	struct victim v = make_victim(INDEXED_FILES);

	patch(v.block[indexed[_i].block], indexed[_i].at, indexed[_i].bytes,
	      indexed[_i].n);
	attack(&v, indexed[_i].what, ANY);
}
END_TEST

// ## Anything

START_TEST(random_damage_of_directories)
{
	struct random random = { (uint64_t)_i };
	int rounds = soaking() ? 400 : 4;

	for (int i = 0; i < rounds; i++) {
		bool large = random_below(&random, 2);
		struct victim v = make_victim(large ? INDEXED_FILES
						    : PLAIN_FILES);
		uint32_t n = 1 + random_below(&random, 6);

		for (uint32_t k = 0; k < n; k++) {
			uint8_t byte = (uint8_t)random_next(&random);
			uint32_t where = random_below(&random, 2) ? 64 : BLOCK;

			patch(v.block[large && random_below(&random, 2)],
			      random_below(&random, where), &byte, 1);
		}
		attack(&v, "random bytes", ANY);
	}
}
END_TEST

TCase *directory_hostile_case(void)
{
	TCase *t = tcase_create("hostile");

	tcase_add_checked_fixture(t, content_set_up, content_tear_down);
	tcase_set_timeout(t, soaking() ? 1200 : 120);
	tcase_add_loop_test(t, a_field_of_an_entry_lies, 0, PLAIN);
	tcase_add_loop_test(t, directories_in_a_circle, 0, 6);
	tcase_add_loop_test(t, a_field_of_an_index_lies, 0, INDEXED);
	tcase_add_loop_test(t, random_damage_of_directories, 0, 8);
	return t;
}
