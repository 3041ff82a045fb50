// directory.c - the suite: paths, and the rules for names
//
// Judges: e2fsck says whether links, entries and ".." agree; path_resolution(7)
// describes the kernel's own way along a path.

#define _GNU_SOURCE
#include "directory_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ## Shared

struct ext2_inode wanted(uint16_t mode)
{
	struct ext2_time time = { 1600000000, 123456789 };

	return (struct ext2_inode){ .mode = mode,
				    .atime = time,
				    .mtime = time,
				    .ctime = time,
				    .crtime = time };
}

uint32_t make_dir(struct ext2 *fs, uint32_t parent, const char *name)
{
	struct ext2_inode attributes = wanted(S_IFDIR | 0755);
	uint32_t ino;

	ck_assert_int_eq(ext2_create(fs, parent, name, strlen(name),
				     &attributes, &ino),
			 0);
	return ino;
}

uint32_t directory_make_file(struct ext2 *fs, uint32_t parent, const char *name)
{
	struct ext2_inode attributes = wanted(S_IFREG | 0644);
	uint32_t ino;

	ck_assert_int_eq(ext2_create(fs, parent, name, strlen(name),
				     &attributes, &ino),
			 0);
	return ino;
}

int find_name(struct ext2 *fs, uint32_t dir, const char *name, uint32_t *ino)
{
	struct ext2_entry entry;
	int error = ext2_find(fs, dir, name, strlen(name), &entry);

	if (!error)
		*ino = entry.ino;
	return error;
}

size_t many_name(uint32_t i, char name[NAME_LONGEST + 1])
{
	return (size_t)snprintf(name, NAME_LONGEST + 1, "name-%u%.*s", i,
				(int)(i * 7919 % 23),
				".............................");
}

struct content_image fresh_image(uint32_t block_bytes, uint64_t blocks,
				 uint32_t inodes, uint64_t journal)
{
	struct ext2_plan plan = {
		.blocks = blocks,
		.block_bytes = block_bytes,
		.inode_bytes = 256,
		.inodes = inodes,
		.journal = journal,
		.uuid = { 1, 2, 3, 4, 5, 6, 7, 8 },
		.hash_seed = { 9, 8, 7, 6, 5, 4, 3, 2, 1 },
		.root_mode = 0755,
		.lost_and_found = true,
		.now = { 1700000000, 0 },
	};
	struct content_image image;

	unlink(content_image);
	ck_assert_int_eq(device_create(content_image, blocks * block_bytes,
				       &image.device),
			 0);
	ck_assert_int_eq(ext2_make(image.device, &plan), 0);
	ck_assert_int_eq(device_publish(image.device), 0);
	device_close(image.device);
	return content_open(EXT2_WRITE | EXT2_FRESH);
}

bool has_index(struct ext2 *fs, uint32_t dir)
{
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(fs, dir, &inode), 0);
	return inode.flags & INODE_INDEX;
}

// ## Paths

struct told {
	char text[4096];
	size_t length;
};

static void tell(void *context, const struct ext2_step *step)
{
	struct told *told = context;
	static const char *const kinds[] = { "start", "entry", "symlink" };

	told->length += (size_t)snprintf(
		told->text + told->length, sizeof told->text - told->length,
		"%s %u %.*s%s %d\n", kinds[step->kind], step->ino,
		step->kind == STEP_ENTRY ? (int)step->name_len : 0,
		step->kind == STEP_ENTRY ? step->name : "",
		step->kind == STEP_SYMLINK ? step->target : "", step->depth);
	if (step->kind == STEP_ENTRY && step->name_len > 0 &&
	    strncmp(step->name, "..", step->name_len) != 0) {
		ck_assert_uint_eq(step->entry.ino, step->ino);
		ck_assert_uint_gt(step->entry.block, 0);
		ck_assert_uint_eq(step->entry.name_len, step->name_len);
	}
}

static uint32_t make_link(struct ext2 *fs, uint32_t dir, const char *name,
			  const char *target)
{
	struct ext2_inode attributes = wanted(S_IFLNK | 0777);
	uint32_t ino;

	ck_assert_int_eq(ext2_symlink(fs, dir, name, strlen(name), &attributes,
				      target, strlen(target), &ino),
			 0);
	return ino;
}

static int walk_to(struct ext2 *fs, const char *path, int flags, uint32_t *ino)
{
	*ino = 0;
	return ext2_walk(fs, INO_ROOT, path, flags, NULL, NULL, ino);
}

// The example of the notes: every step of /home/ubuntu/link.txt.
START_TEST(a_walk_step_by_step)
{
	struct content_image image = fresh_image(1024, 2000, 100, 0);
	struct ext2 *fs = image.fs;
	uint32_t home = make_dir(fs, INO_ROOT, "home");
	uint32_t ubuntu = make_dir(fs, home, "ubuntu");
	uint32_t file = directory_make_file(fs, ubuntu, "file.txt");
	uint32_t link = make_link(fs, ubuntu, "link.txt", "../ubuntu/file.txt");
	struct told told = { .length = 0 };
	char expected[1024];
	uint32_t ino;

	ck_assert_int_eq(ext2_walk(fs, home, "/home/ubuntu/link.txt", 0, tell,
				   &told, &ino),
			 0);
	ck_assert_uint_eq(ino, file);
	snprintf(expected, sizeof expected,
		 "start 2  0\n"
		 "entry %u home 0\n"
		 "entry %u ubuntu 0\n"
		 "entry %u link.txt 0\n"
		 "symlink %u ../ubuntu/file.txt 1\n"
		 "entry %u .. 1\n"
		 "entry %u ubuntu 1\n"
		 "entry %u file.txt 1\n",
		 home, ubuntu, link, link, home, ubuntu, file);
	ck_assert_str_eq(told.text, expected);
	ck_assert_int_eq(
		walk_to(fs, "/home/ubuntu/link.txt", EXT2_NOFOLLOW, &ino), 0);
	ck_assert_uint_eq(ino, link);
	ck_assert_int_eq(ext2_walk(fs, ubuntu, "../ubuntu/link.txt", 0, NULL,
				   NULL, &ino),
			 0);
	ck_assert_uint_eq(ino, file);
	content_close(&image);
}
END_TEST

START_TEST(paths_of_all_kinds)
{
	struct content_image image = fresh_image(1024, 4000, 200, 0);
	struct ext2 *fs = image.fs;
	uint32_t d = make_dir(fs, INO_ROOT, "d"),
		 f = directory_make_file(fs, d, "f");
	uint32_t to_d = make_link(fs, INO_ROOT, "to_d", "d");
	uint32_t to_f = make_link(fs, d, "to_f", "f");
	char name[300], target[1024];
	uint32_t up = d;

	make_link(fs, d, "root", "/");
	make_link(fs, d, "slashes", "//d///f");
	make_link(fs, d, "slashed", "f/");
	make_link(fs, d, "nowhere", "no/where");
	make_link(fs, d, "self", "self");
	make_link(fs, d, "ping", "pong");
	make_link(fs, d, "pong", "/to_d/ping");
	memset(target, '/', sizeof target); // the longest that 1 KiB holds
	memcpy(target + 1022, "d", 2);
	uint32_t longest = make_link(fs, d, "longest", target);

	const struct {
		const char *path;
		int flags, error;
		uint32_t ino;
	} cases[] = {
		{ "/", 0, 0, INO_ROOT },
		{ "///", 0, 0, INO_ROOT },
		{ "/..", 0, 0, INO_ROOT },
		{ "/../../d/..", 0, 0, INO_ROOT },
		{ ".", 0, 0, INO_ROOT },
		{ "d", 0, 0, d },
		{ "d/.", 0, 0, d },
		{ "d//./f", 0, 0, f },
		{ "/d/", 0, 0, d },
		{ "", 0, -ENOENT, 0 },
		{ "/d/f/", 0, -ENOTDIR, 0 },
		{ "/d/f/..", 0, -ENOTDIR, 0 },
		{ "/d/f/x", 0, -ENOTDIR, 0 },
		{ "/d/g", 0, -ENOENT, 0 },
		{ "/x/g", 0, -ENOENT, 0 },
		{ "/to_d", 0, 0, d },
		{ "/to_d", EXT2_NOFOLLOW, 0, to_d },
		{ "/to_d/", EXT2_NOFOLLOW, 0, d },
		{ "/to_d/f", EXT2_NOFOLLOW, 0, f },
		{ "/d/to_f", 0, 0, f },
		{ "/d/to_f", EXT2_NOFOLLOW, 0, to_f },
		{ "/d/to_f/", 0, -ENOTDIR, 0 },
		{ "/d/to_f/", EXT2_NOFOLLOW, -ENOTDIR, 0 },
		{ "/d/root/d/root/to_d/f", 0, 0, f },
		{ "/d/slashes", 0, 0, f },
		{ "/d/slashed", 0, -ENOTDIR, 0 },
		{ "/d/nowhere", 0, -ENOENT, 0 },
		{ "/d/self", 0, -ELOOP, 0 },
		{ "/d/self", EXT2_NOFOLLOW, 0, 0 },
		{ "/d/self/x", EXT2_NOFOLLOW, -ELOOP, 0 },
		{ "/d/ping", 0, -ELOOP, 0 },
		{ "/d/longest", 0, 0, d },
		{ "/d/longest/f", 0, 0, f },
		{ "/d/longest", EXT2_NOFOLLOW, 0, longest },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t ino;
		int error = walk_to(fs, cases[i].path, cases[i].flags, &ino);

		ck_assert_msg(error == cases[i].error, "%s: %s", cases[i].path,
			      strerror(-error));
		if (!error && cases[i].ino)
			ck_assert_msg(ino == cases[i].ino, "%s: %u",
				      cases[i].path, ino);
	}

	memset(name, 'n', sizeof name);
	name[256] = '\0';
	ck_assert_int_eq(walk_to(fs, name, 0, &up), -ENAMETOOLONG);
	name[255] = '\0';
	ck_assert_int_eq(walk_to(fs, name, 0, &up), -ENOENT);

	// 40 symlinks in a row are the most there may be.
	for (int i = 0; i <= 41; i++) {
		char next[16];

		snprintf(name, sizeof name, "l%d", i);
		snprintf(next, sizeof next, "l%d", i + 1);
		if (i < 41)
			make_link(fs, INO_ROOT, name, next);
		else
			directory_make_file(fs, INO_ROOT, name);
	}
	ck_assert_int_eq(walk_to(fs, "l1", 0, &up), 0);
	ck_assert_int_eq(walk_to(fs, "l0", 0, &up), -ELOOP);
	content_close(&image);
}
END_TEST

// Longer than PATH_MAX: 60 directories, whose names have 255 bytes.
START_TEST(a_long_path)
{
	enum { DEPTH = 60 };
	struct content_image image = fresh_image(1024, 4000, 200, 0);
	struct ext2 *fs = image.fs;
	char *path = calloc(DEPTH, 256), name[256];
	uint32_t dir = INO_ROOT, ino;

	memset(name, 'x', 255);
	name[255] = '\0';
	for (int i = 0; i < DEPTH; i++) {
		dir = make_dir(fs, dir, name);
		memset(path + (size_t)i * 256, 'x', 255);
		path[(size_t)i * 256 + 255] = i + 1 < DEPTH ? '/' : '\0';
	}
	ck_assert_int_eq(walk_to(fs, path, 0, &ino), 0);
	ck_assert_uint_eq(ino, dir);
	free(path);
	content_close(&image);
}
END_TEST

START_TEST(the_parent_of_a_path)
{
	struct content_image image = fresh_image(1024, 2000, 100, 0);
	struct ext2 *fs = image.fs;
	uint32_t d = make_dir(fs, INO_ROOT, "d");

	directory_make_file(fs, d, "f");
	make_link(fs, INO_ROOT, "to_d", "d");

	const struct {
		const char *path;
		int error;
		uint32_t dir;
		const char *name;
	} cases[] = {
		{ "/new", 0, INO_ROOT, "new" },
		{ "new", 0, INO_ROOT, "new" },
		{ "new/", 0, INO_ROOT, "new" },
		{ "/d/new//", 0, d, "new" },
		{ "d//f", 0, d, "f" },
		{ "/to_d/new", 0, d, "new" },
		{ "d/./..//to_d/../d/new", 0, d, "new" },
		{ "/", -EINVAL, 0, "" },
		{ "//", -EINVAL, 0, "" },
		{ "", -ENOENT, 0, "" },
		{ ".", -EINVAL, 0, "" },
		{ "/d/..", -EINVAL, 0, "" },
		{ "/d/../", -EINVAL, 0, "" },
		{ "/d/f/new", -ENOTDIR, 0, "" },
		{ "/x/new", -ENOENT, 0, "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *name;
		size_t length;
		uint32_t dir;
		int error = ext2_walk_parent(fs, INO_ROOT, cases[i].path, &dir,
					     &name, &length);

		ck_assert_msg(error == cases[i].error, "%s: %s", cases[i].path,
			      strerror(-error));
		if (error)
			continue;
		ck_assert_uint_eq(dir, cases[i].dir);
		ck_assert_uint_eq(length, strlen(cases[i].name));
		ck_assert_mem_eq(name, cases[i].name, length);
	}
	content_close(&image);
}
END_TEST

// ## Symlinks

START_TEST(symlinks_of_all_lengths)
{
	static const size_t lengths[] = { 1,   58,  59,   60,   61,
					  62,  63,  64,   127,  128,
					  511, 512, 1000, 1022, 1023 };
	struct content_image image = fresh_image(1024, 2000, 100, 0);
	struct ext2_inode attributes = wanted(S_IFLNK | 0777), inode;
	char target[1100], read[1100];
	uint32_t ino;

	memset(target, 't', sizeof target);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		char name[16];
		int n = snprintf(name, sizeof name, "l%zu", lengths[i]);

		ck_assert_int_eq(ext2_symlink(image.fs, INO_ROOT, name,
					      (size_t)n, &attributes, target,
					      lengths[i], &ino),
				 0);
		ck_assert_int_eq(ext2_inode(image.fs, ino, &inode), 0);
		ck_assert_uint_eq(inode.size, lengths[i]);
		ck_assert_uint_eq(inode.sectors, lengths[i] < 60 ? 0 : 2);
		ck_assert_int_eq(
			ext2_readlink(image.fs, ino, read, lengths[i] + 1), 0);
		ck_assert_uint_eq(strlen(read), lengths[i]);
		ck_assert_mem_eq(read, target, lengths[i]);
		ck_assert_int_eq(ext2_readlink(image.fs, ino, read, lengths[i]),
				 -ENAMETOOLONG);
	}
	ck_assert_int_eq(ext2_symlink(image.fs, INO_ROOT, "x", 1, &attributes,
				      target, 1024, &ino),
			 -ENAMETOOLONG);
	ck_assert_int_eq(ext2_symlink(image.fs, INO_ROOT, "x", 1, &attributes,
				      target, 0, &ino),
			 -EINVAL);
	ck_assert_int_eq(ext2_symlink(image.fs, INO_ROOT, "x", 1, &attributes,
				      "a\0b", 3, &ino),
			 -EINVAL);
	ck_assert_int_eq(ext2_readlink(image.fs, INO_ROOT, read, sizeof read),
			 -EINVAL);
	content_commit(&image);
	content_close(&image);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_check();

	char *out = content_shell("debugfs -R 'stat /l1000' image 2>/dev/null");

	ck_assert_ptr_nonnull(strstr(out, "Type: symlink"));
	free(out);
}
END_TEST

// ## What is refused

START_TEST(what_names_may_be)
{
	struct content_image image = fresh_image(1024, 2000, 100, 0);
	struct ext2 *fs = image.fs;
	struct ext2_inode file = wanted(S_IFREG | 0644);
	struct ext2_inode odd = wanted(0644), link = wanted(S_IFLNK | 0777);
	char name[300];
	uint32_t ino, f = directory_make_file(fs, INO_ROOT, "f");
	uint32_t d = make_dir(fs, INO_ROOT, "d");

	memset(name, 'n', sizeof name);

	const struct {
		const char *name;
		size_t length;
		int error;
	} bad[] = {
		{ "", 0, -ENOENT },	{ ".", 1, -EINVAL },
		{ "..", 2, -EINVAL },	{ "a/b", 3, -EINVAL },
		{ "a\0b", 3, -EINVAL }, { name, 256, -ENAMETOOLONG },
		{ "f", 1, -EEXIST },	{ "d", 1, -EEXIST },
	};
	const struct {
		const char *name;
		size_t length;
	} good[] = {
		{ "...", 3 }, { ".a", 2 }, { "a.", 2 }, { name, 255 },
		{ "\n\t \\\"", 5 }, { "\xff\xfe\x80", 3 }, { "..a", 3 },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *n = bad[i].name;
		size_t length = bad[i].length;

		ck_assert_int_eq(ext2_create(fs, INO_ROOT, n, length, &file,
					     &ino),
				 bad[i].error);
		ck_assert_int_eq(ext2_link(fs, INO_ROOT, n, length, f),
				 bad[i].error);
		if (bad[i].error == -EEXIST)
			continue;
		ck_assert_int_eq(ext2_unlink(fs, INO_ROOT, n, length),
				 bad[i].error);
		ck_assert_int_eq(ext2_rmdir(fs, INO_ROOT, n, length),
				 bad[i].error);
		ck_assert_int_eq(ext2_rename(fs, INO_ROOT, n, length, INO_ROOT,
					     "x", 1),
				 bad[i].error);
		ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "f", 1, INO_ROOT, n,
					     length),
				 bad[i].error);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_int_eq(ext2_create(fs, d, good[i].name,
					     good[i].length, &file, &ino),
				 0);
		ck_assert_int_eq(
			ext2_unlink(fs, d, good[i].name, good[i].length), 0);
	}
	ck_assert_int_eq(ext2_create(fs, INO_ROOT, "x", 1, &odd, &ino),
			 -EINVAL);
	ck_assert_int_eq(ext2_create(fs, INO_ROOT, "x", 1, &link, &ino),
			 -EINVAL);
	ck_assert_int_eq(ext2_create(fs, f, "x", 1, &file, &ino), -ENOTDIR);
	ck_assert_int_eq(ext2_create(fs, 99, "x", 1, &file, &ino), -ENOTDIR);
	ck_assert_int_lt(ext2_create(fs, 1 << 30, "x", 1, &file, &ino), 0);
	ck_assert_int_eq(ext2_link(fs, INO_ROOT, "x", 1, d), -EPERM);
	ck_assert_int_eq(ext2_unlink(fs, INO_ROOT, "d", 1), -EISDIR);
	ck_assert_int_eq(ext2_rmdir(fs, INO_ROOT, "f", 1), -ENOTDIR);
	ck_assert_int_eq(ext2_unlink(fs, INO_ROOT, "g", 1), -ENOENT);
	ck_assert_int_eq(ext2_unlink(fs, f, "g", 1), -ENOTDIR);
	directory_make_file(fs, d, "in");
	ck_assert_int_eq(ext2_rmdir(fs, INO_ROOT, "d", 1), -ENOTEMPTY);
	content_commit(&image);
	content_close(&image);
	if (content_judges())
		content_check();
}
END_TEST

// As rename(2) has it.
START_TEST(what_may_be_renamed)
{
	struct content_image image = fresh_image(1024, 2000, 100, 0);
	struct ext2 *fs = image.fs;
	uint32_t a = make_dir(fs, INO_ROOT, "a"), b = make_dir(fs, a, "b");
	uint32_t c = make_dir(fs, b, "c"),
		 f = directory_make_file(fs, INO_ROOT, "f");
	uint32_t e = make_dir(fs, INO_ROOT, "e"), ino;
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_link(fs, c, "g", 1, f), 0);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "a", 1, c, "x", 1), -EINVAL);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "a", 1, a, "x", 1), -EINVAL);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "f", 1, INO_ROOT, "e", 1),
			 -EISDIR);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "e", 1, INO_ROOT, "f", 1),
			 -ENOTDIR);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "e", 1, INO_ROOT, "a", 1),
			 -ENOTEMPTY);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "no", 2, INO_ROOT, "a", 1),
			 -ENOENT);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "f", 1, f, "a", 1),
			 -ENOTDIR);

	// To itself, and to another name of the same file: nothing happens.
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "a", 1, INO_ROOT, "a", 1),
			 0);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "f", 1, c, "g", 1), 0);
	ck_assert_int_eq(find_name(fs, INO_ROOT, "f", &ino), 0);

	ck_assert_int_eq(ext2_rename(fs, b, "c", 1, INO_ROOT, "e", 1), 0);
	ck_assert_int_eq(find_name(fs, INO_ROOT, "e", &ino), 0);
	ck_assert_uint_eq(ino, c);
	ck_assert_int_eq(find_name(fs, c, "..", &ino), 0);
	ck_assert_uint_eq(ino, INO_ROOT);
	ck_assert_int_eq(find_name(fs, b, "c", &ino), -ENOENT);
	ck_assert_int_eq(ext2_create(fs, e, "x", 1, &inode, &ino), -EINVAL);
	ck_assert_int_eq(ext2_inode(fs, b, &inode), 0);
	ck_assert_uint_eq(inode.links, 2);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "a", 1, c, "a", 1), 0);
	ck_assert_int_eq(walk_to(fs, "/e/a/b", 0, &ino), 0);
	ck_assert_uint_eq(ino, b);
	content_commit(&image);
	content_close(&image);
	if (content_judges())
		content_check();
}
END_TEST

// 32,000 links are the most: 31,998 directories in one, 32,000 names of a file.
START_TEST(most_links)
{
	struct content_image image = fresh_image(1024, 60000, 33000, 0);
	struct ext2 *fs = image.fs;
	struct ext2_inode directory = wanted(S_IFDIR | 0755), inode;
	uint32_t many = make_dir(fs, INO_ROOT, "many"), ino;
	uint32_t other = make_dir(fs, INO_ROOT, "other");
	uint32_t file = directory_make_file(fs, INO_ROOT, "file");
	char name[16];

	for (int i = 0; i < 31998; i++) {
		int n = snprintf(name, sizeof name, "d%d", i);

		ck_assert_int_eq(ext2_create(fs, many, name, (size_t)n,
					     &directory, &ino),
				 0);
	}
	ck_assert_int_eq(ext2_create(fs, many, "x", 1, &directory, &ino),
			 -EMLINK);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "other", 5, many, "x", 1),
			 -EMLINK);
	ck_assert_int_eq(ext2_rename(fs, many, "d7", 2, many, "x", 1), 0);
	ck_assert_int_eq(ext2_rename(fs, INO_ROOT, "other", 5, many, "d8", 2),
			 0);
	ck_assert_int_eq(find_name(fs, many, "d8", &ino), 0);
	ck_assert_uint_eq(ino, other);
	for (int i = 0; i < 31999; i++) {
		int n = snprintf(name, sizeof name, "l%d", i);

		ck_assert_int_eq(ext2_link(fs, INO_ROOT, name, (size_t)n, file),
				 0);
	}
	ck_assert_int_eq(ext2_link(fs, INO_ROOT, "x", 1, file), -EMLINK);
	ck_assert_int_eq(ext2_inode(fs, file, &inode), 0);
	ck_assert_uint_eq(inode.links, LINKS_MOST);
	content_commit(&image);
	content_close(&image);
	if (content_judges())
		content_check();
}
END_TEST

// ## Times

START_TEST(times_of_directories)
{
	struct content_image image = fresh_image(1024, 2000, 100, 0);
	struct ext2 *fs = image.fs;
	uint32_t d = make_dir(fs, INO_ROOT, "d");
	struct ext2_time first = { 1800000000, 7 }, second = { 1800000001, 8 };
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(fs, d, &inode), 0);
	ck_assert_int_eq(inode.mtime.seconds, 1600000000);
	ext2_set_now(fs, first);
	directory_make_file(fs, d, "a");
	ck_assert_int_eq(ext2_inode(fs, d, &inode), 0);
	ck_assert_int_eq(inode.mtime.seconds, first.seconds);
	ck_assert_uint_eq(inode.ctime.ns, first.ns);
	ck_assert_int_eq(inode.crtime.seconds, 1600000000);

	// Somebody sets others, and a name comes after that.
	inode.mtime.seconds = 5;
	ck_assert_int_eq(ext2_set_inode(fs, &inode), 0);
	directory_make_file(fs, d, "b");
	ck_assert_int_eq(ext2_inode(fs, d, &inode), 0);
	ck_assert_int_eq(inode.mtime.seconds, first.seconds);
	ext2_set_now(fs, second);
	ck_assert_int_eq(ext2_unlink(fs, d, "a", 1), 0);
	ck_assert_int_eq(ext2_inode(fs, d, &inode), 0);
	ck_assert_int_eq(inode.mtime.seconds, second.seconds);
	content_close(&image);
}
END_TEST

Suite *directory_suite(void)
{
	Suite *suite = suite_create("directory");
	TCase *tests = tcase_create("names");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, soaking() ? 1200 : 120);
	tcase_add_test(tests, a_walk_step_by_step);
	tcase_add_test(tests, paths_of_all_kinds);
	tcase_add_test(tests, a_long_path);
	tcase_add_test(tests, the_parent_of_a_path);
	tcase_add_test(tests, symlinks_of_all_lengths);
	tcase_add_test(tests, what_names_may_be);
	tcase_add_test(tests, what_may_be_renamed);
	tcase_add_test(tests, most_links);
	tcase_add_test(tests, times_of_directories);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, directory_tables_case());
	suite_add_tcase(suite, directory_model_case());
	suite_add_tcase(suite, directory_index_case());
	suite_add_tcase(suite, directory_hostile_case());
	return suite;
}
