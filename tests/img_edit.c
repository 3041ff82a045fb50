// # img's changing commands
//
// After each edit e2fsck -fn must find nothing; then debugfs says whether it is
// what was meant. On ext2 and on ext3, in each block size.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "img_parts.h"

static const struct {
	const char *type;
	int block_bytes, inode_bytes;
} formats[] = {
	{ "ext2", 1024, 256 }, { "ext2", 2048, 256 }, { "ext2", 4096, 256 },
	{ "ext3", 1024, 256 }, { "ext3", 4096, 256 }, { "ext2", 1024, 128 },
};

enum { FORMATS = sizeof formats / sizeof *formats };

static void make_image(int i)
{
	img_do("rm -f x.img; mke2fs -q -F -t %s -b %d -I %d x.img 16M",
	       formats[i].type, formats[i].block_bytes, formats[i].inode_bytes);
}

// What debugfs says of an inode, a word a line: "Type: directory" and so on.
static void debugfs_says(const char *words, const char *path)
{
	img_do("debugfs -R 'stat %s' x.img 2>/dev/null >said; "
	       "tr -s ' ' <said | grep -q -- '%s' || { cat said >&2; exit 1; }",
	       path, words);
}

#define EDIT(...)                   \
	do {                        \
		img_do(__VA_ARGS__); \
		img_clean("x.img"); \
	} while (0)

START_TEST(img_mkdir_and_mknod)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	EDIT("img mkdir x.img /a /a/b c");
	debugfs_says("Type: directory Mode: 0755", "/a/b");
	debugfs_says("Links: 3", "/a");
	EDIT("img mkdir -p -m 2750 --owner=70000:100000 x.img /p/q/r /a");
	debugfs_says("Mode: 02750", "/p/q/r");
	debugfs_says("User: 70000 Group: 100000", "/p/q/r");
	debugfs_says("Mode: 0755", "/p/q");
	img_fails(1, "/a: File exists", "img mkdir x.img /new /a");
	img_fails(1, "ENOENT", "img ls x.img /new"); // all of it or nothing
	img_fails(1, "ENOENT", "img mkdir x.img /none/x");
	img_fails(1, "ENOTDIR", "img touch x.img /f && img mkdir x.img /f/x");
	img_fails(1, "EINVAL", "img mkdir x.img /");
	img_fails(1, "ENAMETOOLONG", "img mkdir x.img /$(printf %%0256d 0)");
	EDIT("img mkdir x.img /$(printf %%0255d 0)");
	EDIT("img mkdir x.img /slash/");
	img_do("img stat x.img /slash");

	EDIT("img mknod -m 666 x.img /null c 1 3; "
	     "img mknod x.img /disk b 259 70000; "
	     "img mknod --owner=1 x.img /fifo p; img mknod x.img /sock s");
	debugfs_says("character special Mode: 0666", "/null");
	debugfs_says("Device major/minor number: 01:03", "/null");
	debugfs_says("Device major/minor number: 259:70000", "/disk");
	debugfs_says("Type: FIFO Mode: 0644", "/fifo");
	debugfs_says("User: 1 Group: 0", "/fifo");
	debugfs_says("Type: socket", "/sock");
	img_fails(1, "EEXIST", "img mknod x.img /null p");
	img_clean("x.img");
}
END_TEST

START_TEST(img_rm_removes)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("img df --format=json x.img | grep free_ >before");
	img_do("mkdir -p t/a/b; seq 1 100000 >t/a/f; ln t/a/f t/g; "
	       "ln -s %0100d t/slow; ln -s short t/fast; mkfifo t/p; "
	       "touch t/a/b/x; img put x.img t /",
	       0);
	img_fails(1, "wants -r", "img rm x.img /t/fast /t");
	img_do("img stat x.img /t/fast"); // all of them or none
	EDIT("img rm x.img /t/fast");     // the one that e2rm cannot
	EDIT("img rm x.img /t/slow /t/p");
	EDIT("img rm x.img /t/g");
	img_do("img cat x.img /t/a/f | cmp - t/a/f");
	img_fails(1, "ENOENT", "img rm x.img /t/g");
	EDIT("img rm -f x.img /t/g /none/x /t/a/f");
	img_fails(1, "ENOTEMPTY", "img rm -d x.img /t/a");
	EDIT("img rm x.img /t/a/b/x; img rm -d x.img /t/a/b");
	img_fails(1, "want a name", "img rm -r x.img /");
	img_fails(1, "want a name", "img rm -r x.img /t/.");
	img_fails(1, "want a name", "img rm -r x.img /t/..");
	EDIT("img put x.img t/a/f /; img ln -s x.img t /to_t");
	img_fails(1, "ENOTDIR", "img rm x.img /f/");
	img_fails(1, "ENOTDIR", "img rm -r x.img /to_t/");
	EDIT("img rm -r x.img /t/ /f /to_t");
	img_do("img df --format=json x.img | grep free_ | cmp - before");
}
END_TEST

START_TEST(img_mv_and_ln)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("echo 1 >1; echo 2 >2; mkdir d e; echo 3 >d/3; "
	       "img put x.img 1 2 d e /");
	EDIT("img mv x.img /1 /one");
	EDIT("img mv x.img /one /2"); // replaced
	img_prints("1\n", "img cat x.img /2");
	EDIT("img mv x.img /d /2 /e");
	img_prints("/e\n/e/2\n/e/d\n/e/d/3\n", "img find x.img /e");
	img_prints("..\n",
		   "img ls -ai x.img /e/d | awk -v n=$(img ls -id x.img "
		   "/e | awk '{ print $1 }') '$1 == n { print $2 }'");
	img_fails(1, "EINVAL", "img mv x.img /e /e/d/x");
	img_fails(1, "EINVAL", "img mv x.img /e /e/d");
	img_fails(1, "want a directory", "img mv x.img /e/2 /e/d /none");
	img_fails(1, "ENOENT", "img mv x.img /none /e");
	EDIT("img mkdir x.img /empty; img mv -T x.img /empty /full; "
	     "img mv -T x.img /e/d /full");
	img_prints("3\n", "img cat x.img /full/3");
	img_fails(1, "ENOTEMPTY",
		  "img mkdir x.img /n && img mv -T x.img /n /full");
	img_fails(1, "ENOTDIR", "img mv -T x.img /n /e/2");
	img_fails(1, "EISDIR", "img mv -T x.img /e/2 /n");
	EDIT("img put x.img 1 2 / && img mv -n x.img /1 /2");
	img_prints("1\n2\n", "img cat x.img /1 /2");

	EDIT("img ln x.img /1 /hard");
	debugfs_says("Links: 2", "/hard");
	EDIT("img ln x.img /1 /2 /n");
	debugfs_says("Links: 3", "/1");
	EDIT("img ln -s x.img ../n/1 /n/soft; img ln -s x.img %0200d /n/slow",
	     0);
	debugfs_says("Fast link dest: \"../n/1\"", "/n/soft");
	img_prints("1\n", "img cat x.img /n/soft");
	img_fails(1, "EEXIST", "img ln x.img /1 /2");
	EDIT("img ln -f x.img /1 /2; img ln -f x.img /1 /2");
	img_prints("1\n", "img cat x.img /2");
	EDIT("img ln -sf x.img /n /2");
	img_fails(1, "one name", "img ln x.img /n /m");
	img_fails(1, "empty target", "img ln -s x.img '' /m");
	img_fails(1, "ENOENT", "img ln x.img /none /m");

	// A slash at the end is for directories.
	img_fails(1, "ENOTDIR", "img mv x.img /1 /none/");
	img_fails(1, "ENOTDIR", "img mv x.img /1/ /none");
	img_fails(1, "ENOTDIR", "img mv x.img /1 /hard/");
	img_fails(1, "ENOENT", "img ln x.img /1 /none/");
	img_fails(1, "ENOENT", "img ln -s x.img /1 /none/");
	img_fails(1, "ENOTDIR", "img ln -f x.img /1 /hard/");
	img_fails(1, "ENOTDIR", "img mknod x.img /none/ p");
	EDIT("img mv x.img /n/ /m/; img mv x.img /m /n");
	EDIT("img rm -r x.img /n /1 /hard");
}
END_TEST

START_TEST(img_chmod_and_chown)
{
	static const struct {
		const char *mode, *before, *after;
	} rows[] = {
		{ "0", "755", "0000" },	      { "7777", "0", "7777" },
		{ "u+x", "644", "0744" },     { "a+r,go-w", "222", "0644" },
		{ "g=u", "750", "0770" },     { "o=g-w", "775", "0775" },
		{ "u=rwX,go=rX", "777", "0755" },
		{ "u=rwX,go=rX", "666", "0644" },
		{ "+t", "755", "1755" },      { "u+s,g+s", "755", "6755" },
		{ "ug-s", "6755", "0755" },   { "=", "755", "0000" },
		{ "a-x+X", "755", "0644" },   { "u-rwx+r", "700", "0400" },
	};
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("img touch x.img /f /g; img mkdir x.img /d /d/e");
	size_t n = _i ? 3 : sizeof rows / sizeof *rows;
	for (size_t i = 0; i < n; i++) {
		img_do("umask 0; img chmod x.img %s /f && "
		       "img chmod -- x.img %s /f",
		       rows[i].before, rows[i].mode);
		img_prints(rows[i].after,
			   "img stat x.img /f | "
			   "awk '/^mode/ { printf \"%%s\", $2 }'");
	}
	// As chmod(1) understands them.
	for (size_t i = 0; i < n; i++)
		img_prints("ok\n",
			   "umask 0; rm -f f; : >f; chmod %s f; chmod -- %s f; "
			   "test 0$(stat -c %%a f) -eq %s && echo ok",
			   rows[i].before, rows[i].mode, rows[i].after);
	img_clean("x.img");
	EDIT("img ln -s x.img /f /d/link; img touch x.img /d/e/x; "
	     "img chmod -R x.img 700 /d");
	debugfs_says("Mode: 0700", "/d/e/x");
	debugfs_says("Mode: 0777", "/d/link");

	EDIT("img chmod x.img 6775 /f /d; img chown x.img 70000:100000 /f /d");
	debugfs_says("User: 70000 Group: 100000", "/f");
	debugfs_says("Mode: 0775", "/f"); // as the kernel does it
	debugfs_says("Mode: 06775", "/d");
	EDIT("img chown x.img 7 /f; img chown x.img :8 /g; "
	     "img chown --numeric x.img 9:9 /d/link");
	debugfs_says("User: 9 Group: 9", "/f"); // through the link
	debugfs_says("User: 0 Group: 8", "/g");
	EDIT("img chown -h x.img 5:5 /d/link; img chown -R x.img root: /d");
	debugfs_says("User: 0 Group: 0", "/d/link");
	debugfs_says("User: 9 Group: 9", "/f");
	img_fails(1, "ENOENT", "img chmod x.img 0 /f /none");
	debugfs_says("Mode: 0775", "/f"); // all of them or none
	EDIT("img xattr x.img /g set security.capability "
	     "0x0100000200040000000000000000000000000000; "
	     "img chown x.img 1 /g");
	img_prints("", "img xattr x.img /g");
}
END_TEST

START_TEST(img_touch_and_truncate)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		// This one fits into an inode of 128 bytes, too.
		{ "2026-03-01", "2026-03-01T00:00:00.000000000Z" },
		{ "2026-03-01T12:34:56.789Z",
		  "2026-03-01T12:34:56.789000000Z" },
		{ "2026-03-01 12:34+09:00", "2026-03-01T03:34:00.000000000Z" },
		{ "2040-02-29T23:59:59.999999999Z",
		  "2040-02-29T23:59:59.999999999Z" },
		{ "2446-05-10", "2446-05-10T00:00:00.000000000Z" },
		{ "1965-01-02T03:04:05.25Z", "1965-01-02T03:04:05.250000000Z" },
		{ "@-1.5", "1969-12-31T23:59:58.500000000Z" },
		{ "@1700000000.5", "2023-11-14T22:13:20.500000000Z" },
	};
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("echo hello >f; img put x.img f /");
	size_t n = _i ? 1 : sizeof rows / sizeof *rows;
	for (size_t i = 0; i < n; i++) {
		img_do("img touch -d '%s' x.img /f", rows[i].text);
		img_prints(rows[i].shown,
			   "img stat x.img /f | "
			   "awk '/^modified/ { printf \"%%s\", $2 }'");
		img_prints(rows[i].shown,
			   "img stat x.img /f | "
			   "awk '/^accessed/ { printf \"%%s\", $2 }'");
	}
	EDIT("img touch -d @1000 x.img /f; img touch -a -d @2000 x.img /f; "
	     "img touch -m -d @3000 x.img /f");
	debugfs_says("atime: 0x000007d0", "/f");
	debugfs_says("mtime: 0x00000bb8", "/f");
	EDIT("img touch --reference=/f x.img /new; img touch -c x.img /none");
	debugfs_says("mtime: 0x00000bb8", "/new");
	img_fails(1, "ENOENT", "img stat x.img /none");
	EDIT("SOURCE_DATE_EPOCH=86400 img touch x.img /day");
	debugfs_says("crtime: 0x00015180\\|mtime: 0x00015180", "/day");
	EDIT("img ln -s x.img f /l; img touch -h -d @5 x.img /l");
	debugfs_says("mtime: 0x00000005", "/l");
	debugfs_says("mtime: 0x00000bb8", "/f");

	EDIT("img truncate -s 3 x.img /f");
	img_prints("hel", "img cat x.img /f");
	EDIT("img truncate --size=+2 x.img /f");
	img_prints("hel\\0\\0", "img cat x.img /f | sed 's/\\x00/\\\\0/g'");
	EDIT("img truncate -s 20M x.img /f; img truncate -s -1M x.img /f");
	img_prints("19922944\n", "img cat x.img /f | wc -c");
	EDIT("seq 1 300000 >n; img put x.img n /; img truncate -s 100K x.img "
	     "/n; "
	     "img cat x.img /n >m; truncate -s 100K n; cmp n m");
	EDIT("img truncate -s 0 x.img /n; img truncate -s 5 x.img /made");
	img_fails(1, "no size", "img truncate -s 0 x.img /");
	img_fails(1, "EFBIG", "img truncate -s 100T x.img /n");
	img_clean("x.img");
}
END_TEST

START_TEST(img_xattr_values)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("img touch x.img /f");
	EDIT("img xattr x.img /f set user.text 'a \"quoted\" text'; "
	     "img xattr x.img /f set user.hex 0x00fF10; "
	     "img xattr x.img /f set user.empty ''; "
	     "printf 'from\\nhere' | img xattr x.img /f set user.in -");
	img_prints("user.hex=0x00ff10\n", "img xattr x.img /f get user.hex");
	img_prints("user.text=\"a \\\"quoted\\\" text\"\n",
		   "img xattr x.img /f get user.text");
	img_prints("from\nhere", "img xattr --raw x.img /f get user.in");
	img_prints("4\n", "img xattr x.img /f list | wc -l");
	img_do("debugfs -R 'ea_get /f user.text' x.img 2>/dev/null | "
	       "grep -q quoted");
	EDIT("img xattr x.img /f set user.hex 0x77; "
	     "img xattr x.img /f remove user.text");
	img_fails(1, "no such attribute", "img xattr x.img /f get user.text");
	img_fails(1, "ENODATA", "img xattr x.img /f remove user.text");
	img_fails(2, "hexadecimal", "img xattr x.img /f set user.x 0x123");
	img_fails(1, "user.big",
		  "head -c 5000 /dev/zero | "
		  "img xattr x.img /f set user.big -");
	img_fails(1, "ENOSPC",
		  "head -c 70000 /dev/zero | "
		  "img xattr x.img /f set user.big -");
	EDIT("img xattr x.img /f remove user.in; img rm x.img /f");
}
END_TEST

void add_img_edit_tests(Suite *suite)
{
	TCase *edit = tcase_create("edit");

	tcase_add_checked_fixture(edit, img_set_up, img_tear_down);
	tcase_set_timeout(edit, 60);
	tcase_add_loop_test(edit, img_mkdir_and_mknod, 0, FORMATS);
	tcase_add_loop_test(edit, img_rm_removes, 0, FORMATS);
	tcase_add_loop_test(edit, img_mv_and_ln, 0, FORMATS);
	tcase_add_loop_test(edit, img_chmod_and_chown, 0, FORMATS);
	tcase_add_loop_test(edit, img_touch_and_truncate, 0, FORMATS);
	tcase_add_loop_test(edit, img_xattr_values, 0, FORMATS);
	suite_add_tcase(suite, edit);
}
