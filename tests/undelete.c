// # img undelete, after deleting by ourselves, by debugfs, and by the kernel
//
// What came back is compared with what was there: content, attributes, and the
// inode numbers. e2fsck -fn has nothing to say afterwards.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "img_parts.h"
#include "random.h"
#include "teaching_parts.h"

// A tree of every kind of file, and an image of it, x.img.
static void make_tree(void)
{
	img_do("mkdir -p tree/d/e && cd tree && "
	       "head -c 3000 /dev/urandom >small && "
	       "head -c 100000 /dev/urandom >big && "
	       "head -c 3000000 /dev/urandom >d/deep && "
	       "truncate -s 400000 d/holes && "
	       "printf tail | dd of=d/holes bs=1 seek=300000 conv=notrunc "
	       "status=none && "
	       "echo in >d/e/in && ln -s abc fast && "
	       "ln -s $(printf 'x%%.0s' $(seq 100)) slow && mkfifo fifo && "
	       "chmod 4711 small && touch -d '1999-12-31 23:59:59Z' big d/e");
}

static void make_image(const char *type, int block_bytes)
{
	img_do("mke2fs -q -F -t %s -b %d x.img 32M && img mkdir x.img /keep "
	       "&& img put x.img tree /t && "
	       "img xattr x.img /t/small set user.short abc && "
	       "img xattr x.img /t/big set user.long %0300d",
	       type, block_bytes, 7);
}

// Not the times of directories: to be emptied is a change, too.
static char *state_of(const char *image)
{
	return img_text(
		"img ls -liR %s /t | awk '$2 ~ /^d/ { $7 = \"\" } 1' && "
		"img get %s /t out --force "
		"--devices >&2 && (cd out && find . -type f | sort | "
		"xargs sha256sum) && rm -r out && "
		"img xattr %s /t/small && img xattr %s /t/big",
		image, image, image, image);
}

static const struct {
	const char *type;
	int block_bytes;
	const char *delete;
} deletions[] = {
	{ "ext2", 1024, "img rm -r x.img /t" },
	{ "ext3", 1024, "img rm -r x.img /t" },
	{ "ext2", 4096, "img rm -r x.img /t" },
	{ "ext3", 4096, "img rm -r x.img /t" },
	{ "ext2", 1024, "debugfs" },
	{ "ext3", 4096, "debugfs" },
};

enum { DELETIONS = sizeof deletions / sizeof *deletions };

static const char by_debugfs[] =
	"printf '%s\\n' 'rm /t/d/e/in' 'rmdir /t/d/e' 'rm /t/d/deep' "
	"'rm /t/d/holes' 'rmdir /t/d' 'rm /t/small' 'rm /t/big' 'rm /t/fast' "
	"'rm /t/slow' 'rm /t/fifo' 'rmdir /t' | debugfs -w x.img 2>&1; "
	// It forgets the block of attributes, which stays in use.
	"e2fsck -fp x.img || test $? = 1";

START_TEST(undelete_brings_a_tree_back)
{
	const char *delete = deletions[_i].delete;

	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_tree();
	make_image(deletions[_i].type, deletions[_i].block_bytes);
	char *before = state_of("x.img");
	img_do("%s", strcmp(delete, "debugfs") ? delete : by_debugfs);
	img_clean("x.img");
	img_do("cp x.img deleted.img");
	char *list = img_text("img undelete x.img");
	ck_assert_msg(strstr(list, "11 deleted files: 11 whole\n"), "%s", list);
	ck_assert_msg(strstr(list, "/t/d/e/in\n"), "%s", list);
	ck_assert_msg(strstr(list, "/t/fast (symlink)\n"), "%s", list);
	free(list);
	img_do("cmp x.img deleted.img"); // a list writes nothing
	img_do("img undelete x.img /t");
	img_clean("x.img");
	char *after = state_of("x.img");
	ck_assert_str_eq(before, after);
	list = img_text("img undelete x.img");
	ck_assert_msg(strstr(list, ": 0 deleted files"), "%s", list);
	free(list);

	// All of it, to another place.
	img_do("img undelete deleted.img --all --to=/keep");
	img_clean("deleted.img");
	img_do("img mv deleted.img /keep/t /t");
	free(after);
	after = state_of("deleted.img");
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(undelete_one_leaves_the_others)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_tree();
	make_image(_i ? "ext3" : "ext2", 1024);
	img_do("img rm -r x.img /t/small /t/big /t/d");
	// Directories and maps need blocks: not those of the deleted.
	img_do("img undelete x.img /t/d/e --to=/keep/e");
	img_do("img undelete x.img /t/d/deep --to=/keep/e");
	img_clean("x.img");
	img_do("mkdir all && img undelete x.img --all --output=all");
	img_do("img undelete x.img --all --to=/keep");
	img_clean("x.img");
	img_do("img get x.img /keep out && cmp out/e/deep tree/d/deep && "
	       "cmp out/e/in tree/d/e/in && cd out && find . -type f -size "
	       "3000c "
	       "| xargs cmp ../tree/small && find . -type f -size 100000c | "
	       "xargs cmp ../tree/big");
	img_do("cd all && find . -type f -size 3000c | xargs cmp ../tree/small "
	       "&& find . -type f -size 100000c | xargs cmp ../tree/big");
}
END_TEST

// Every name comes back, or it is said that it does not.
START_TEST(undelete_all_names)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t %s -I 256 x.img 8M; mkdir -p t/sub; "
	       "echo hello >t/a; img put x.img t /t; "
	       "img mkdir x.img /else /keep; echo mine >mine; "
	       "img put x.img mine /mine; img put x.img mine /else/other; "
	       "img ln x.img /t/a /t/hard; "
	       "img ln x.img /t/a /t/sub/deep; img ln x.img /t/a /else/far; "
	       "img ls -iR x.img /t /else >before; "
	       "img rm -r x.img /t /else/far; cp x.img deleted.img",
	       _i ? "ext3" : "ext2");
	img_prints("/t/a again: 6 B\n/t/hard again, too\n"
		   "/t/sub/deep again, too\n/else/far again, too\n",
		   "img undelete x.img /t | grep -v directory | "
		   "sed 's/^inode [0-9]* is //' | sort -t/ -k2,2r -k3,3 "
		   ">said; grep ^/t said; grep ^/else said");
	img_clean("x.img");
	img_do("img ls -iR x.img /t /else | cmp - before; "
	       "img stat x.img /t/hard | grep -q 'links *4'");
	// A name that is taken, and names beside one that was given.
	img_do("cp deleted.img x.img; img rm x.img /else/other; "
	       "img mv x.img /mine /else/far; "
	       "img undelete x.img /t 2>said; "
	       "grep 'does not get back its name /else/far: File exists' said; "
	       "test $(wc -l <said) = 1; "
	       "img stat x.img /t/hard | grep -q 'links *3'");
	img_prints("mine\n", "img cat x.img /else/far");
	img_clean("x.img");
	img_do("img undelete deleted.img /else/far --to=/keep/new 2>said; "
	       "! grep /else/far said; test $(grep -c 'its name /t/' said) = "
	       "3");
	img_clean("deleted.img");
}
END_TEST

// A block that two deleted files had is the later one's.
START_TEST(undelete_the_later_one)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t %s -b 1024 -N 64 x.img 2M && echo >one && "
	       "head -c 300000 /dev/urandom >old && "
	       "head -c 200000 /dev/urandom >new && img put x.img one /one && "
	       "img put x.img old /old && "
	       "SOURCE_DATE_EPOCH=1000000 img rm x.img /one /old && "
	       "img put x.img new /new && "
	       "SOURCE_DATE_EPOCH=%d img rm x.img /new",
	       _i ? "ext3 -O ^has_journal" : "ext2", 2000000);
	char *list = img_text("img undelete x.img");
	ck_assert_msg(strstr(list, "whole    /new\n"), "%s", list);
	ck_assert_msg(strstr(list, "in part  /old\n"), "%s", list);
	ck_assert_msg(strstr(list, "a file's that was deleted later"), "%s",
		      list);
	free(list);
	img_do("img undelete x.img --all --partial --to=/ >said");
	img_clean("x.img");
	img_do("img get x.img /new n && cmp n new && img get x.img /old o && "
	       "test $(stat -c %%s o) = 300000");
}
END_TEST

// Inodes with the same attributes share their block, and do so again.
START_TEST(undelete_shared_attributes)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t %s x.img 8M && echo 1 >a && echo 2 >b && "
	       "img put x.img a /a && img put x.img b /b && printf '%%s\n' "
	       "'xattr /a set user.long %0300d' 'xattr /b set user.long %0300d'"
	       " | img batch x.img - && img xattr x.img /a >before && "
	       "img xattr x.img /b >>before && img rm x.img /a /b",
	       _i ? "ext3" : "ext2", 1, 1);
	img_do("img undelete x.img --all --to=/");
	img_clean("x.img");
	img_do("img xattr x.img /a >after && img xattr x.img /b >>after && "
	       "cmp before after");
}
END_TEST

START_TEST(undelete_in_part)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	// `last` holds a higher inode than what comes later, so that it is not
	// taken; its blocks are.
	img_do("mke2fs -q -F -t %s -b 1024 -N 64 x.img 2M && echo >one && "
	       "img put x.img one /a && "
	       "head -c 1000000 /dev/urandom >last && "
	       "img put x.img last /last && img rm x.img /a /last && "
	       "head -c 200000 /dev/urandom >new && img put x.img new /new && "
	       "cp x.img before",
	       _i ? "ext3 -O ^has_journal" : "ext2");
	char *list = img_text("img undelete x.img");
	ck_assert_msg(strstr(list, "in part  /last"), "%s", list);
	ck_assert_msg(strstr(list, "inode 12's (/new)"), "%s", list);
	free(list);
	img_fails(1, "only a part", "img undelete x.img /last");
	img_do("cmp x.img before");
	img_do("img undelete x.img /last --partial");
	img_clean("x.img");
	img_do("img get x.img /last got && test $(stat -c %%s got) = 1000000 "
	       "&& "
	       "img get x.img /new n && cmp n new");
	// What came back is the old byte or a hole, and not all of it is holes.
	char *same = img_text("cmp -l got last | awk '$2 != 0 { n++ } "
			      "END { print n + 0 }'");
	ck_assert_str_eq(same, "0\n");
	free(same);
	same = img_text("cmp -l got last | wc -l");
	ck_assert_int_lt(atol(same), 1000000);
	ck_assert_int_gt(atol(same), 100000);
	free(same);
}
END_TEST

START_TEST(undelete_to_the_host)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_tree();
	make_image("ext3", 1024);
	img_do("img rm -r x.img /t && cp x.img before");
	img_do("img undelete x.img /t/d/deep --output=deep && "
	       "cmp deep tree/d/deep && "
	       "img undelete x.img /t/big --output=- | cmp - tree/big && "
	       "img undelete x.img /t/d/holes --output=- | cmp - tree/d/holes "
	       "&& img undelete x.img /t/d/holes --output=holes && "
	       "cmp holes tree/d/holes && "
	       "test $(stat -c %%b holes) -lt 400");
	img_fails(1, "EEXIST", "img undelete x.img /t/big --output=deep");
	img_fails(1, "only files of data",
		  "img undelete x.img /t/fast --output=fast");
	img_fails(1, "ENOSPC",
		  "img undelete x.img /t/big --output=- "
		  ">/dev/full");
	img_do("cmp x.img before");
	// A reader that goes away ends it without a word.
	struct outcome o = img_shell("img undelete x.img /t/d/deep --output=- "
				     "| head -c 1 >first");
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);
}
END_TEST

// ## The kernel

static bool can_mount(void)
{
	if (geteuid() != 0)
		return false;
	struct outcome o = img_shell(
		"mke2fs -q -F -t ext2 probe 1M && mkdir -p m && "
		"unshare -m sh -c 'mount -o loop probe m && umount m'");
	bool yes = o.exit == 0;

	outcome_free(&o);
	return yes;
}

START_TEST(undelete_after_the_kernel)
{
	bool log = _i;

	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (!can_mount())
		SKIP("needs root and loop mounts");
	make_tree();
	// What is below d has inodes that nothing takes later.
	img_do("mke2fs -q -F -t %s -b 1024 x.img 32M && unshare -m sh -ec '"
	       "mount -o loop -t %s x.img m; cp -a tree m/t; sync; "
	       "debugfs -R \"stat t/big\" x.img | "
	       "sed -n \"s/.*(IND):\\([0-9]*\\).*/\\1/p\" >map; "
	       "rm -r m/t; sync; umount m'",
	       log ? "ext3" : "ext2", log ? "ext3" : "ext2");
	img_clean("x.img");
	char *list = img_text("img undelete x.img --cleared");
	if (!log) {
		ck_assert_msg(strstr(list, "of which only times are left"),
			      "%s", list);
		ck_assert_msg(strstr(list, "the kernel has deleted it"), "%s",
			      list);
	} else {
		ck_assert_msg(strstr(list, "stands in the log"), "%s", list);
		// The indirect block has been taken since, but the log has it.
		img_do("test -s map && cp x.img y.img && debugfs -w -R \"setb "
		       "$(cat map)\" "
		       "y.img && img undelete y.img /t/big --output=big && "
		       "cmp big tree/big");
		img_do("img undelete x.img /t && img get x.img /t t && "
		       "diff -r --no-dereference --exclude=fifo t tree && "
		       "test $(stat -c %%a.%%Y t/small) = "
		       "$(stat -c %%a.%%Y tree/small)");
		img_clean("x.img");
		img_do("unshare -m sh -ec 'mount -o loop,ro -t ext3 x.img m; "
		       "cmp m/t/d/deep tree/d/deep; cmp m/t/big tree/big; "
		       "umount m'");
	}
	free(list);
}
END_TEST

// ## Refusals

static const struct {
	int status;
	const char *words, *arguments;
} refused[] = {
	{ 1, "not one that was deleted", "x.img 2" },
	{ 1, "not one that was deleted", "x.img 999999" },
	{ 1, "no deleted file is known", "x.img /none" },
	{ 1, "no deleted file is known", "x.img /keep" },
	{ 1, "EEXIST", "x.img /t/big --to=/keep/new" },
	{ 1, "ENOENT", "x.img /t/big --to=/none/new" },
	{ 1, "ENOTDIR", "x.img --all --to=/keep/new" },
	{ 2, "want --to=DIRECTORY", "x.img --all" },
	{ 2, "want one of", "x.img 12 --to=/a --output=b" },
	{ 2, "want one of", "x.img 12 --all --to=/" },
	{ 2, "want an INODE", "x.img --partial" },
	{ 2, "want a path", "x.img 12 --to=" },
	{ 2, "IMAGE", "" },
};

enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(undelete_refuses)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_tree();
	make_image("ext2", 1024);
	img_do("img touch x.img /keep/new && img rm -r x.img /t && "
	       "cp x.img before");
	for (int i = 0; i < REFUSED; i++)
		img_fails(refused[i].status, refused[i].words,
			  "img undelete %s", refused[i].arguments);
	img_do("cmp x.img before");
}
END_TEST

// Damage at random where deleted inodes, names and the log stand: whatever is said,
// it ends, and nothing outside the image is touched.
START_TEST(undelete_hostile)
{
	enum { IMAGES = 12, BYTES = 60 };
	struct random random = { (uint64_t)_i + 1 };
	int images = soaking() ? IMAGES * 20 : IMAGES;

	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_tree();
	make_image(_i ? "ext3" : "ext2", 1024);
	img_do("img rm -r x.img /t && mkdir -p out");
	char path[128];
	snprintf(path, sizeof path, "%s/y.img", img_folder);
	for (int i = 0; i < images; i++) {
		img_do("cp x.img y.img");
		FILE *file = fopen(path, "r+b");
		ck_assert_ptr_nonnull(file);
		for (int k = 0; k < BYTES; k++) {
			// Tables, maps and directories are in the first part.
			long at = 2048 + (long)random_below(&random, 3 << 20);
			ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
			fputc((int)random_below(&random, 256), file);
		}
		fclose(file);
		struct outcome o = img_shell(
			"img undelete y.img --cleared; "
			"img undelete y.img --format=json; "
			"img undelete y.img --all --partial --output=out; "
			"img undelete y.img --all --partial --to=/; "
			"rm -rf out/*");
		ck_assert_msg(o.exit == 0, "image %d: %d %.500s", i, o.exit,
			      o.err);
		ck_assert_msg(!strstr(o.err, "egmentation") &&
				      !strstr(o.err, "anitizer") &&
				      !strstr(o.err, "ssert"),
			      "image %d: %.2000s", i, o.err);
		outcome_free(&o);
	}
}
END_TEST

void undelete_tests(Suite *suite)
{
	TCase *c = tcase_create("undelete");

	tcase_set_timeout(c, soaking() ? 1200 : 60);
	tcase_add_checked_fixture(c, img_set_up, img_tear_down);
	tcase_add_loop_test(c, undelete_brings_a_tree_back, 0, DELETIONS);
	tcase_add_loop_test(c, undelete_one_leaves_the_others, 0, 2);
	tcase_add_loop_test(c, undelete_all_names, 0, 2);
	tcase_add_loop_test(c, undelete_the_later_one, 0, 2);
	tcase_add_loop_test(c, undelete_shared_attributes, 0, 2);
	tcase_add_loop_test(c, undelete_in_part, 0, 2);
	tcase_add_test(c, undelete_to_the_host);
	tcase_add_loop_test(c, undelete_after_the_kernel, 0, 2);
	tcase_add_test(c, undelete_refuses);
	tcase_add_loop_test(c, undelete_hostile, 0, 2);
	suite_add_tcase(suite, c);
}
