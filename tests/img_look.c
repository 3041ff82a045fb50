// # img's looking commands: ls, tree, cat, stat, df, find; help; bad usage

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "img_parts.h"

// An image made by mke2fs and filled by debugfs: nothing of it is ours.
static void make_foreign_image(void)
{
	img_do("mke2fs -q -F -t ext2 -b 1024 -I 256 x.img 8M; "
	       "echo hello >f; truncate -s 300K h; printf end >>h; "
	       "debugfs -w -R 'mkdir /d' x.img 2>/dev/null; "
	       "debugfs -w -R 'mkdir /d/e' x.img 2>/dev/null; "
	       "debugfs -w -R 'write f /d/f' x.img 2>/dev/null; "
	       "debugfs -w -R 'write h /h' x.img 2>/dev/null; "
	       "debugfs -w -R 'symlink /d/s f' x.img 2>/dev/null; "
	       "debugfs -w -R 'mknod null c 1 3' x.img 2>/dev/null; "
	       "debugfs -w -R 'sif /d/f uid 70000' x.img 2>/dev/null; "
	       "debugfs -w -R 'sif /d/f mode 0104755' x.img 2>/dev/null; "
	       "debugfs -w -R 'sif /d/f mtime 20400102030405' x.img "
	       "2>/dev/null");
}

START_TEST(img_ls_and_tree)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_foreign_image();
	img_prints("d\nh\nlost+found\nnull\n", "img ls x.img");
	img_prints("e\nf\ns\n", "img ls x.img /d");
	img_prints(".\n..\ne\nf\ns\n", "img ls -a x.img /d");
	img_prints("s\nf\ne\n", "img ls -r x.img d");
	img_prints("/d\n", "img ls -d x.img /d");
	img_prints("/d:\ne\nf\ns\n\n/d/e:\n", "img ls -R x.img /d");
	img_prints("f\ns\n", "img ls -S x.img /d | grep -v e");
	img_prints("-rwsr-xr-x 70000 6 2040-01-02T03:04:05Z f\n",
		   "img ls -l x.img /d | "
		   "awk '$7 == \"f\" { print $1, $3, $5, $6, $7 }'");
	img_prints("lrwxrwxrwx s -> f\n",
		   "img ls -l x.img /d | awk '$7 == \"s\" "
		   "{ print $1, $7, $8, $9 }'");
	img_prints("c--------- 1, 3\n", "img ls -l x.img /null | "
					"awk '{ print $1, $5, $6 }'");
	// The inode's number as debugfs finds it.
	img_do("test \"$(img ls -i x.img /d/f | awk '{ print $1 }')\" = "
	       "\"$(debugfs -R 'ncheck '$(img ls -i x.img /d/f | "
	       "awk '{ print $1 }') x.img 2>/dev/null | "
	       "awk '$2 == \"/d/f\" { print $1 }')\"");
	img_prints("/d\n|-- e\n|-- f\n`-- s -> f\n\n1 directory, 2 others\n",
		   "img tree x.img /d");
	img_prints("/\n|-- d\n`-- lost+found\n\n2 directories, 0 others\n",
		   "img tree -d -L 1 x.img");
	img_prints("/d\n├── e\n├── f\n└── s -> f\n",
		   "LC_ALL=C.UTF-8 img tree --quiet x.img /d");
}
END_TEST

START_TEST(img_names_cannot_hurt)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 x.img 1M; rm -rf t; mkdir t; "
	       "touch \"t/$(printf '\\033[31m\\nred\\377')\" 't/back\\slash' "
	       "t/한글 \"t/$(printf 'a\\342\\200\\256b')\"; "
	       "img put x.img t /");
	img_prints("\\033[31m\\012red\\377\n"
		   "a\\342\\200\\256b\n"
		   "back\\\\slash\n"
		   "한글\n",
		   "img ls x.img /t");
	img_fails(1, "/t/\\033[0m: No such file",
		  "img cat x.img \"/t/$(printf '\\033[0m')\"");
	char *text = img_text("img ls --format=json x.img /t");
	json_t *list = json_loads(text, 0, NULL);
	ck_assert_msg(json_is_array(list), "%s", text);
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(list, 0), "name_bytes")),
			 "1b5b33316d0a726564ff");
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(list, 3), "name")),
			 "한글");
	json_decref(list);
	free(text);
	// Their bytes, for programs.
	img_prints("/t/back\\slash\n", "img find --print0 x.img /t | tr '\\0' "
				       "'\\n' | grep back");
}
END_TEST

START_TEST(img_cat_and_stat)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_foreign_image();
	img_do("img cat x.img /h | cmp - h; img cat x.img /d/s | cmp - f");
	img_prints("hello\nhello\n", "img cat x.img /d/f /d/s");
	img_fails(1, "EISDIR", "img cat x.img /d");
	img_fails(1, "no content", "img cat x.img /null");
	img_fails(1, "ENOENT", "img cat x.img /none");
	img_fails(1, "ENOTDIR", "img cat x.img /d/f/g");
	img_fails(1, "ELOOP", "img ln -s x.img l /l && img cat x.img /l");

	// Where the content lies, as debugfs has it: BLOCKS: (0):N ...
	img_do("for file in /h /d/f; do "
	       "n=$(img stat x.img $file | awk '/^ +[0-9]/ && $2 != \"-\" "
	       "{ split($2, a, \"-\"); print a[1] }' | head -1); "
	       "debugfs -R \"stat $file\" x.img 2>/dev/null | "
	       "grep -q \"[(:]$n\\b\\|:$n-\"; done");
	img_prints("/h: file\n", "img stat x.img /h | head -1");
	img_prints("hole\n", "img stat x.img /h | grep -o hole | sort -u");
	img_prints("/d/s -> f: symlink\n", "img stat x.img /d/s | head -1");
	img_prints("/d/s: file\n", "img stat -L x.img /d/s | head -1");
	img_prints("2: directory\n", "img stat -i x.img 2 | head -1");
	img_fails(1, "want an inode from 1 to 2048", "img stat -i x.img 2049");
	img_prints("device      1:3\n",
		   "img stat x.img /null | grep device:\\ "
		   "|| img stat x.img /null | grep ^device");
}
END_TEST

START_TEST(img_df_says_what_dumpe2fs_says)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext3 -b 2048 -L label x.img 32M; "
	       "img df --format=json x.img >j; dumpe2fs -h x.img >d "
	       "2>/dev/null");
	static const struct {
		const char *ours, *theirs;
	} rows[] = {
		{ "blocks", "Block count" },
		{ "free_blocks", "Free blocks" },
		{ "reserved_blocks", "Reserved block count" },
		{ "inodes", "Inode count" },
		{ "free_inodes", "Free inodes" },
		{ "block_bytes", "Block size" },
		{ "overhead_blocks", "Overhead clusters" },
		{ "uuid", "Filesystem UUID" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		img_do("ours=$(tr -d '\", ' <j | sed -n 's/^%s://p'); "
		       "theirs=$(sed -n 's/^%s: *//p' d); "
		       "echo \"%s: $ours, $theirs\" >&2; "
		       "test -n \"$ours\" -a \"$ours\" = \"$theirs\"",
		       rows[i].ours, rows[i].theirs, rows[i].ours);
	img_prints("ext3, blocks of 2048 bytes\n",
		   "img df x.img | sed -n 's/, labelled label\\(.*bytes\\), "
		   "inodes.*/\\1/p'");
}
END_TEST

START_TEST(img_find_tests)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_foreign_image();
	static const struct {
		const char *tests, *found;
	} rows[] = {
		{ "--name=f", "/d/f\n" },
		{ "--name='[ef]'", "/d/e\n/d/f\n" },
		{ "--iname=NULL", "/null\n" },
		{ "--path='/d/*'", "/d/e\n/d/f\n/d/s\n" },
		{ "--type=l", "/d/s\n" },
		{ "--type=cd --mindepth=1", "/d\n/d/e\n/lost+found\n/null\n" },
		{ "--size=6", "/d/f\n" },
		{ "--size=+100K --type=f", "/h\n" },
		{ "--size=-100K --type=f", "/d/f\n" },
		{ "--empty", "/d/e\n/lost+found\n" },
		{ "--user=70000", "/d/f\n" },
		{ "--perm=4755", "/d/f\n" },
		{ "--perm=/6000", "/d/f\n" },
		{ "--perm=-4000", "/d/f\n" },
		{ "--newer=2039-12-31", "/d/f\n" },
		{ "--mtime=-1 --name=f", "/d/f\n" },
		{ "--mtime=+36500 --name=null", "" },
		{ "--links=+2 --type=d --not --path=/", "/d\n" },
		{ "--inum=2", "/\n" },
		{ "--not --type=d --not --user=0", "/d/f\n" },
		{ "--maxdepth=0", "/\n" },
		{ "--maxdepth=1 --type=f", "/h\n" },
		{ "--xattr=user.none", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		img_prints(rows[i].found, "img find x.img %s", rows[i].tests);
	img_prints("/d/f\n/d/s\n", "img find x.img /d/f d/s | sed 's,^d,/d,'");
}
END_TEST

// Reading leaves every byte of the image as it is, a dirty log too.
START_TEST(img_readers_never_write)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext3 -b 1024 x.img 16M; echo hello >f; "
	       "printf 'jo\\njw -b 900 /dev/zero\\njc\\n' | "
	       "debugfs -w x.img >/dev/null 2>&1; "
	       "img put x.img f / 2>/dev/null; sha256sum <x.img >before; "
	       "touch -d @7 x.img");
	static const char *const commands[] = {
		"ls -lR x.img",
		"tree x.img",
		"cat x.img /f",
		"stat x.img /f /",
		"df x.img",
		"find x.img",
		"xattr x.img /f",
		"get --force x.img /f out",
		"get --force --tar x.img / out.tar",
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		img_do("img %s >log 2>&1; sha256sum <x.img | cmp - before && "
		       "test $(stat -c %%Y x.img) = 7",
		       commands[i]);
}
END_TEST

START_TEST(img_partitions)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	// A partition table by hand: one entry, sectors 2048 to 18431, type 83.
	img_do("mke2fs -q -F -t ext2 p.img 8M; truncate -s 16M disk; "
	       "dd if=p.img of=disk bs=1M seek=1 conv=notrunc 2>/dev/null; "
	       "printf '\\203\\0\\0\\0\\0\\010\\0\\0\\0\\100\\0\\0' | "
	       "dd of=disk bs=1 seek=450 conv=notrunc 2>/dev/null; "
	       "printf '\\125\\252' | "
	       "dd of=disk bs=1 seek=510 conv=notrunc 2>/dev/null");
	img_prints("lost+found\n", "img ls --offset=1M disk");
	img_prints("lost+found\n", "img ls --partition=1 disk");
	img_do("img mkdir --partition=1 disk /d; "
	       "dd if=disk of=p.img bs=1M skip=1 count=8 2>/dev/null");
	img_clean("p.img");
	img_prints("d\nlost+found\n", "img ls p.img");
	img_fails(1, "no partition 2", "img ls --partition=2 disk");
	img_fails(1, "partition table", "img ls --partition=1 p.img");
	img_fails(2, "one of them", "img ls --partition=1 --offset=1M disk");
	img_fails(1, "no ext2", "img ls disk");
}
END_TEST

// ## Help and bad usage

START_TEST(img_helps)
{
	img_prints("Looking\nChanging\nMaking\n",
		   "img --help | grep -x 'Looking\\|Changing\\|Making'");
	img_do("img --help >a; img help >b; cmp a b; "
	       "img put --help >a; img help put >b; cmp a b");
	img_do("img --version | grep -q '^fs/img (oslab) '; "
	       "img --catalogue | grep -q '^fs/img.*tool$'; "
	       "img --sweep >/dev/null");
	// Each command has a sentence and an example, and fits into 40 columns.
	img_do("COLUMNS=40 img --help >all; img --help | "
	       "sed -n 's/^  \\([a-z]*\\)  .*/\\1/p' | grep -v '^img$' | sort "
	       "-u "
	       ">list; test $(wc -l <list) -ge 20");
	img_do("while read -r name; do img $name --help >one </dev/null && "
	       "grep -q '^Example' one && grep -q \"img $name \" one || "
	       "{ echo no example: $name; exit 1; }; done <list >&2");
	img_do("test $(COLUMNS=40 img --help | sed '/^  img/d; /^Usage/d' | "
	       "awk '{ if (length($0) > m) m = length($0) } END { print m }') "
	       "-le 42"); // bytes: there is a "·" in it
	img_fails(2, "do you mean `put'", "img putt x.img");
	img_fails(2, "do you mean `chmod'", "img chmdo x.img");
	img_fails(2, "no command `\\033x'", "img \"$(printf '\\033x')\"");
	img_fails(2, "want a command", "img");
	img_fails(2, "before its options", "img --quiet ls x.img");
	img_fails(2, "no command", "img help none");
}
END_TEST

static const struct {
	const char *command, *words;
} bad[] = {
	{ "ls", "IMAGE" },
	{ "ls ''", "not an empty name" },
	{ "ls --sort=x x", "name, size, time or none" },
	{ "ls --offset=1x x", "--offset=1x: want a size" },
	{ "ls --offset=-1 x", "want a size" },
	{ "ls --partition=0 x", "from 1 to 1024" },
	{ "ls --format=xml x", "text or json" },
	{ "tree -L 0 x", "--level=0" },
	{ "tree x /a /b", "want one PATH" },
	{ "cat x", "want IMAGE and PATH" },
	{ "stat x", "want IMAGE and PATH" },
	{ "stat --runs=-1 x /", "--runs=-1" },
	{ "df x y", "want nothing after the image" },
	{ "find --size=x x", "--size=x" },
	{ "find --type=q x", "--type=q" },
	{ "find --perm=9 x", "--perm=9" },
	{ "find --mtime=1.5 x", "--mtime=1.5" },
	{ "find --newer=yesterday x", "--newer=yesterday" },
	{ "find --user=no-such-user x", "--user=no-such-user" },
	{ "find --inum=-0x1 x", "--inum" },
	{ "find --maxdepth=-1 x", "--maxdepth=-1" },
	{ "find x --not", "--not: want a test" },
	{ "get x /", "want IMAGE, SOURCE and DESTINATION" },
	{ "get x / ''", "want IMAGE, SOURCE and DESTINATION" },
	{ "put x y", "want IMAGE, SOURCE and DESTINATION" },
	{ "put --owner=: x y /", "--owner=:" },
	{ "put --numeric --owner=root x y /", "want numbers" },
	{ "mkdir x", "want IMAGE and PATH" },
	{ "mkdir -m 99 x /d", "--mode=99" },
	{ "mkdir -m u+q x /d", "--mode=u+q" },
	{ "mkdir -m '' x /d", "--mode=" },
	{ "mkdir --owner=1:2:3 x /d", "--owner=1:2:3" },
	{ "rm x", "want IMAGE and PATH" },
	{ "mv x /a", "two paths" },
	{ "mv -T x /a /b /c", "just two paths" },
	{ "ln x /a", "two paths" },
	{ "chmod x 755", "want a PATH after the MODE" },
	{ "chmod x 88 /a", "MODE=88" },
	{ "chmod x u+x, /a", "MODE=u+x," },
	{ "chown x 1:2", "want a PATH after the OWNER" },
	{ "chown x 4294967295 /a", "OWNER=4294967295" },
	{ "touch x", "want IMAGE and PATH" },
	{ "touch -d 2026-02-30 x /a", "--date=2026-02-30" },
	{ "touch -d 2026-01-01T25:00 x /a", "--date" },
	{ "touch -d 2447-01-01 x /a", "1901-12-13 to 2446-05-10" },
	{ "touch -d @1e9 x /a", "--date=@1e9" },
	{ "touch -d @1 --reference=/b x /a", "one of them" },
	{ "truncate x /a", "want --size" },
	{ "truncate -s 1z x /a", "--size=1z" },
	{ "mknod x /a", "want b, c, p or s" },
	{ "mknod x /a q", "want b, c, p or s" },
	{ "mknod x /a b", "MAJOR and MINOR" },
	{ "mknod x /a b 1", "MAJOR and MINOR" },
	{ "mknod x /a b 4096 1", "from 0 to 4095" },
	{ "mknod x /a c 1 1048576", "from 0 to 1048575" },
	{ "mknod x /a p 1", "nothing after" },
	{ "xattr x", "want IMAGE and PATH" },
	{ "xattr x /a show", "list, get, set or remove" },
	{ "xattr x /a get", "want a NAME" },
	{ "xattr x /a set user.x", "NAME and VALUE" },
	{ "xattr x /a list more", "nothing after list" },
};

START_TEST(img_bad_usage)
{
	img_fails(2, bad[_i].words, "img %s", bad[_i].command);
}
END_TEST

// No command touches a file that is no image.
START_TEST(img_what_is_no_image)
{
	img_do("echo text >x; : >empty; mkdir dir");
	img_fails(1, "no ext2", "img ls x");
	img_fails(1, "img ls: empty: ", "img ls empty");
	img_fails(1, "img ls: none: ", "img ls none");
	img_fails(1, "img ls: dir: ", "img ls dir");
	img_fails(1, "no ext2", "img mkdir x /d");
	img_prints("text\n", "cat x");
}
END_TEST

void add_img_look_tests(Suite *suite)
{
	TCase *look = tcase_create("look");

	tcase_add_checked_fixture(look, img_set_up, img_tear_down);
	tcase_set_timeout(look, 60);
	tcase_add_test(look, img_ls_and_tree);
	tcase_add_test(look, img_names_cannot_hurt);
	tcase_add_test(look, img_cat_and_stat);
	tcase_add_test(look, img_df_says_what_dumpe2fs_says);
	tcase_add_test(look, img_find_tests);
	tcase_add_test(look, img_readers_never_write);
	tcase_add_test(look, img_partitions);
	tcase_add_test(look, img_helps);
	tcase_add_loop_test(look, img_bad_usage, 0, sizeof bad / sizeof *bad);
	tcase_add_test(look, img_what_is_no_image);
	suite_add_tcase(suite, look);
}
