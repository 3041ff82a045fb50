// # img get and img put: nothing is lost on the way

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "img_parts.h"

static const struct {
	const char *type;
	int block_bytes;
} formats[] = {
	{ "ext2", 1024 }, { "ext2", 2048 }, { "ext2", 4096 },
	{ "ext3", 1024 }, { "ext3", 2048 }, { "ext3", 4096 },
};

enum { FORMATS = sizeof formats / sizeof *formats };

static void make_image(int format)
{
	img_do("rm -f x.img; mke2fs -q -F -t %s -b %d -I 256 -N 4000 x.img 64M",
	       formats[format].type, formats[format].block_bytes);
}

// ## Trees

START_TEST(img_tree_goes_in_and_out)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_hard_tree("tree");
	img_do("img put x.img tree /new");
	img_clean("x.img");
	img_do("img mkdir x.img /old && img put x.img tree/. /old");
	img_clean("x.img");
	img_do("img get --devices x.img /new out && "
	       "img get --devices x.img /old o2");
	img_same("tree", "out");
	// The directory was there, and keeps its attributes.
	img_do("chmod 755 o2 && touch -d @5.987654321 -m o2 && "
	       "touch -d @5.123456789 -a o2");
	img_same("tree", "o2");
	img_do("img rm -r x.img /new /old");
	img_clean("x.img");
	img_prints("/lost+found\n", "img find --mindepth=1 x.img");
}
END_TEST

// The kernel's view of what put has made, without our reader.
START_TEST(img_put_as_the_kernel_sees_it)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (geteuid() != 0)
		SKIP("mounting needs root");
	make_image(_i);
	img_hard_tree("tree");
	img_do("img put x.img tree /new && mkdir mnt");
	struct outcome o = img_shell("unshare -m sh -ec '"
				     "mount -o loop,ro,noatime x.img mnt "
				     "2>/dev/null || exit 77; "
				     "cp -a mnt/new out; umount mnt'");
	if (o.exit == 77) {
		outcome_free(&o);
		SKIP("no loop mounts here");
	}
	ck_assert_msg(o.exit == 0, "exit %d: %s", o.exit, o.err);
	outcome_free(&o);
	img_same("tree", "out");
}
END_TEST

START_TEST(img_put_and_get_merge)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("mkdir -p one/sub two/sub; echo 1 >one/sub/a; echo 2 >two/sub/b;"
	       "echo 3 >two/sub/a; chmod 700 two/sub");
	img_do("img put x.img one/. /t");
	img_fails(1, "force", "img put x.img two/. /t");
	img_prints("1\n", "img cat x.img /t/sub/a");
	img_fails(1, "ENOENT", "img cat x.img /t/sub/b");
	img_clean("x.img");
	img_do("img put --force x.img two/. /t");
	img_prints("3\n2\n", "img cat x.img /t/sub/a /t/sub/b");
	img_prints("0700\n",
		   "img stat x.img /t/sub | awk '/^mode/ { print $2 }'");
	img_clean("x.img");

	img_do("mkdir -p out/sub; echo 9 >out/sub/a; chmod 755 out/sub");
	img_fails(1, "/t/sub/a: not replaced", "img get x.img /t/. out");
	img_prints("9\n2\n755\n",
		   "cat out/sub/a out/sub/b; stat -c %%a out/sub");
	img_do("img get --force x.img /t/. out");
	img_prints("3\n2\n700\n",
		   "cat out/sub/a out/sub/b; stat -c %%a out/sub");
}
END_TEST

// cp's meaning of an existing directory, both ways.
START_TEST(img_destinations)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(0);
	img_do("mkdir d; echo x >f; echo y >g; echo z >d/h; "
	       "img mkdir x.img /e");
	img_do("img put x.img f /new; img put x.img f g d /e");
	img_prints("d\nf\ng\n", "img ls x.img /e");
	img_prints("x\nz\n", "img cat x.img /new /e/d/h");
	img_fails(1, "want a directory", "img put x.img f g /none");
	img_fails(1, "/e/g (--force replaces it)", "img put x.img g /e");
	img_fails(1, "/none/x: No such file", "img put x.img f /none/x");
	img_fails(1, "Not a directory", "img put x.img d /new");
	img_fails(1, "cannot read none", "img put x.img none /e");

	img_do("img get x.img /new back; mkdir in; img get x.img /e/f /e/d in");
	img_prints("x\nx\nz\n", "cat back in/f in/d/h");
	img_fails(1, "want a directory", "img get x.img /new /e none");
	img_fails(1, "No such file", "img get x.img /none in");
	img_fails(1, "No such file", "img get x.img /new none/x");
	img_fails(1, "Not a directory", "img get x.img /new none/");
	img_fails(1, "ENOTDIR", "img get x.img /new f/x");
	img_fails(1, "/new: not replaced", "img get x.img /new back");
	img_do("ln -s back sym; img get --force x.img /e/g sym");
	img_prints("x\ny\n", "cat back; cat sym; test ! -L sym");
	img_fails(1, "of another kind",
		  "mkdir d1; mkdir d1/f; "
		  "img get --force x.img /e/f d1");
	img_fails(1, "of another kind", "img get --force x.img /e/d f");
	img_prints("x\n", "cat f");
	// The image is not replaced by what it holds, whatever leads to it.
	img_do("mkdir box; ln x.img box/f; ln -s ../x.img box/g; "
	       "cp x.img before");
	img_fails(1, "it is the image itself",
		  "img get --force x.img /e/f x.img");
	img_fails(1, "/e/f: not replaced: it is the image itself",
		  "img get --force x.img /e/. box");
	img_fails(1, "it is the image itself",
		  "img get --force --tar x.img /e x.img");
	img_fails(1, "it is the image itself",
		  "rm box/g; ln -s ../x.img box/g;"
		  "img get --force --tar x.img /e box/g");
	img_prints("z\n",
		   "cat box/d/h; cmp x.img before; test x.img -ef box/f");
	img_clean("x.img");
}
END_TEST

// ## Streams

START_TEST(img_standard_input_and_output)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image(_i);
	img_do("seq 1 200000 >f; cat f | img put x.img - /f; "
	       "img get x.img /f - | cmp - f; img cat x.img /f | cmp - f");
	img_prints(
		"0644 0:0\n",
		"img stat x.img /f | "
		"awk '/^mode/ { printf \"%%s \", $2 } /^owner/ { print $2 }'");
	img_do("img put --owner=7:8 x.img - /e </dev/null");
	img_prints("7:8\n0\n",
		   "img stat x.img /e | "
		   "awk '/^owner|^size/ { print $2 + 0 == 0 ? 0 : $2 }'");
	img_fails(1, "want a name", "img put x.img - / <f");
	img_fails(1, "ENOTDIR", "img put x.img f /none/");
	img_fails(1, "ENOTDIR", "img put x.img - /none/ <f");
	img_fails(1, "ENOTDIR", "img put -f x.img f /e/");
	img_do("mkdir slash; img put x.img slash /made/; img ls x.img /made/");
	img_fails(1, "want a file for standard output", "img get x.img / -");
	img_clean("x.img");

	// A hole is zeros where it cannot be a hole.
	img_do("truncate -s 3M h; echo end >>h; img put x.img h /; "
	       "img get x.img /h - | cmp - h");
}
END_TEST

START_TEST(img_tar_streams)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_hard_tree("tree");
	make_image(_i);
	// tar(1) has no sockets, and no hard links to devices.
	img_do("rm -f tree/socket tree/zero");
	img_do("touch -d @5.987654321 -m tree; touch -d @5.123456789 -a tree");
	img_do("img put x.img tree /t");
	struct outcome o = img_shell("img get --tar x.img /t/. - >t.tar");
	if (o.exit == 77) {
		outcome_free(&o);
		SKIP("built without archives, or libarchive is not here");
	}
	ck_assert_msg(o.exit == 0 && !*o.err, "exit %d: %s", o.exit, o.err);
	outcome_free(&o);
	img_do("mkdir out; tar --xattrs --xattrs-include='*' --acls "
	       "-C out -xpf t.tar 2>err");
	// The times of reading are not restored by tar(1).
	img_do("find tree out -exec touch -h -a -d @7 {} +");
	img_same("tree", "out");
	img_do("img mkdir x.img /u; img put --tar x.img t.tar /u; "
	       "img get --devices x.img /u back");
	img_clean("x.img");
	img_do("chmod 755 back; touch -d @5.987654321 -m back; "
	       "find back -exec touch -h -a -d @7 {} +");
	img_same("tree", "back");

	img_do("img mkdir x.img /v; img put --tar x.img - /v <t.tar; "
	       "img find x.img /v | grep -q ^/v/d/e/c");
	img_do("img get --tar x.img /t/a /t/d f.tar; tar tf f.tar >list");
	img_prints("a\nd/\nd/e/\nd/e/c\n", "cat list");
	img_fails(1, "force", "img get --tar x.img /t f.tar");
	img_do("img get --force --tar x.img /t/a f.tar; tar xOf f.tar a >a");
	img_prints("shared", "cat a");
	img_fails(1, "want a directory", "img put --tar x.img t.tar /none");
	img_fails(1, "cannot read h",
		  "echo rubbish >h; "
		  "img put --tar x.img h /u");
}
END_TEST

// ## Rights

START_TEST(img_ordinary_user)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (geteuid() != 0)
		SKIP("only root can become somebody else");
	img_hard_tree("tree");
	make_image(_i);
	img_do("img put x.img tree /t; chmod 644 x.img; "
	       "mkdir u; chown 65534:65534 u");
	struct outcome o = img_shell(
		"setpriv --reuid=65534 --regid=65534 --clear-groups "
		"$B/fs/img get x.img /t u/out");
	ck_assert_msg(o.exit == 0, "exit %d: %s", o.exit, o.err);
	ck_assert_msg(strstr(o.err, "3 devices were left out"), "%s", o.err);
	outcome_free(&o);
	// All is his; what ran with another's rights does not run with his.
	img_prints("", "find u/out ! -user 65534");
	img_prints("755\n", "stat -c %%a u/out/suid");
	img_prints("", "find u/out -perm /6000");
	img_do("rm -f u/out/none"); // which he may not read
	img_do("setpriv --reuid=65534 --regid=65534 --clear-groups sh -ec '"
	       "cp x.img u/y.img; $B/fs/img put u/y.img u/out /v; "
	       "$B/fs/img mknod u/y.img /dev c 1 3; "
	       "$B/fs/img get u/y.img /v u/back'");
	img_clean("u/y.img");
	img_same("u/out", "u/back");
}
END_TEST

START_TEST(img_rights_of_the_image)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (geteuid() == 0)
		SKIP("root may do anything");
	make_image(0);
	img_do("chmod 444 x.img");
	img_do("img ls x.img");
	img_fails(1, "EACCES", "img mkdir x.img /d");
}
END_TEST

void add_img_copy_tests(Suite *suite)
{
	TCase *copy = tcase_create("copy");

	tcase_add_checked_fixture(copy, img_set_up, img_tear_down);
	tcase_set_timeout(copy, 120);
	tcase_add_loop_test(copy, img_tree_goes_in_and_out, 0, FORMATS);
	tcase_add_loop_test(copy, img_put_as_the_kernel_sees_it, 1, 4);
	tcase_add_loop_test(copy, img_put_and_get_merge, 2, 4);
	tcase_add_test(copy, img_destinations);
	tcase_add_loop_test(copy, img_standard_input_and_output, 0, FORMATS);
	tcase_add_loop_test(copy, img_tar_streams, 2, 4);
	tcase_add_loop_test(copy, img_ordinary_user, 2, 4);
	tcase_add_test(copy, img_rights_of_the_image);
	suite_add_tcase(suite, copy);
}
