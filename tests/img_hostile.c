// # img get and hostile images
//
// Made from good ones by changing bytes (a name of the same length), or by debugfs,
// which does what it is told. Whatever an image says: nothing outside the target
// directory changes, what is good in it comes out, and the rest is said.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "img_parts.h"

// Beside the target directory there is something to be hit.
static void make_image(void)
{
	img_do("mke2fs -q -F -t ext2 -b 1024 -I 256 x.img 8M; "
	       "mkdir -p box/out victim; echo safe >victim/file; "
	       "chmod 700 victim; touch -d @7 victim/file victim");
}

static void victim_is_safe(void)
{
	img_prints("victim/file 644 7\nvictim 700 7\nsafe\n",
		   "stat -c '%%n %%a %%Y' victim/file victim; cat victim/file");
	img_prints("box\nbox/out\n", "find box -maxdepth 1 | sort");
}

// It ends with 1, within a time, and says the words.
static void get_says(const char *words, const char *options)
{
	struct outcome o = img_shell("cd box && timeout 20 \"$B/fs/img\" get "
				     "%s ../x.img / out",
				     options);

	ck_assert_msg(o.exit == 1, "exit %d: %.1000s", o.exit, o.err);
	ck_assert_msg(strstr(o.err, words), "not '%s': %.1000s", words, o.err);
	outcome_free(&o);
}

START_TEST(img_get_refuses_names)
{
	static const struct {
		const char *good, *evil;
	} rows[] = {
		{ "AA-x-BB", "../../x" },  { "AA-victim", "../victim" },
		{ "a-b", "a/b" },	   { "YY", ".." },
		{ "Z", "." },		   { "-tmp-x", "/tmp/x" },
		{ "AA-box", "../box" },
	};
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image();
	const char *good = rows[_i % 7].good, *evil = rows[_i % 7].evil;
	bool directory = _i >= 7;
	img_do("mkdir t; %s; touch t/fine; img put x.img t/. /",
	       directory ? "mkdir 't/it'; echo evil >t/it/file; chmod 777 t/it"
			 : "echo evil >t/it");
	img_do("img mv x.img /it /%s", good);
	img_patch("x.img", good, evil);
	get_says("refused", "");
	victim_is_safe();
	get_says("refused", "--force");
	victim_is_safe();
	img_prints("box/out/fine\n", "ls -d box/out/fine");
	img_fails(1, "refused", "img get --tar x.img / - >all.tar");
	img_do("tar tf all.tar >list; ! grep -e '\\.\\./' -e '^/' list");
	img_fails(1, "refused",
		  "img get --tar x.img / none.tar; s=$?; "
		  "test ! -e none.tar && exit $s");
}
END_TEST

// What the image puts there first, or what was there, must not lead out.
START_TEST(img_get_follows_no_symlink)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image();
	img_do("img ln -s x.img ../../victim /EF; mkdir EE; "
	       "echo evil >EE/file; chmod 777 EE; img put x.img EE /EE");
	img_patch("x.img", "EE", "EF");
	get_says("EF", "");
	victim_is_safe();
	img_do("rm -rf box/out; mkdir box/out; cd box; "
	       "img get --force ../x.img / out; test ! -L out/EF");
	victim_is_safe();

	// Now the target has the symlink already, the image a directory.
	img_do("rm -rf box/out; mkdir box/out; ln -s ../../victim box/out/d; "
	       "ln -s ../../victim/file box/out/f; "
	       "mke2fs -q -F -t ext2 x.img 8M; mkdir d; echo evil >d/file; "
	       "echo evil >f; img put x.img d f /");
	get_says("not replaced", "");
	victim_is_safe();
	img_do("cd box; img get --force ../x.img / out");
	victim_is_safe();
	img_prints("evil\nevil\n", "cat box/out/d/file box/out/f; "
				   "test ! -L box/out/d -a ! -L box/out/f");
}
END_TEST

// A file of the user's is not linked to, written into, or given away.
START_TEST(img_get_leaves_what_exists)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image();
	img_do("mkdir t; echo evil >t/a; ln t/a t/b; chmod 666 t/a; "
	       "img put x.img t/. /; echo mine >box/out/a; "
	       "chmod 600 box/out/a");
	get_says("/a: not replaced", "");
	img_prints("mine\nevil\n600 1\n666 1\n",
		   "cd box/out; cat a b; stat -c '%%a %%h' a b");
	img_do("cd box; img get --force ../x.img / out; cd out; "
	       "test a -ef b; cmp a ../../t/a");
	victim_is_safe();
	// Half of a file is no file.
	img_do("rm -rf box/out/*; mkdir box/out/a; "
	       "ln -s nowhere box/out/b; touch box/out/a/x");
	get_says("of another kind", "--force");
	img_prints("evil\n", "cat box/out/b; ls box/out/a >&2");
}
END_TEST

START_TEST(img_get_ends)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image();
	// A directory inside itself; and 40 directories of which each holds the
	// next twice: 2^40 paths.
	img_do("mkdir -p t/loop; echo fine >t/loop/f; img put x.img t/. /; "
	       "debugfs -w -R 'ln /loop /loop/again' x.img 2>/dev/null");
	img_do("for i in $(seq 0 40); do echo mkdir d$i; done >s; "
	       "for i in $(seq 0 39); do j=$((i + 1)); echo ln d$j d$i/x; "
	       "echo ln d$j d$i/y; done >>s; "
	       "debugfs -w -f s x.img >/dev/null 2>&1");
	get_says("second name", "");
	img_prints("fine\n", "cat box/out/loop/f");
	victim_is_safe();
	img_do("for c in 'tree x.img' 'find x.img' 'ls -lR x.img' "
	       "'get --tar x.img / out.tar' 'rm -r x.img /d0'; do "
	       "timeout 20 $B/fs/img $c >log 2>&1; test $? = 1 || "
	       "{ echo $c; exit 1; }; done >&2");
}
END_TEST

START_TEST(img_get_believes_no_number)
{
	static const char *const edits[] = {
		"sif /f size 0x0fffffffffffffff", // more than blocks can be
		"sif /f size 40000000000",
		"sif /f block[0] 99999999",
		"sif /f block[IND] 99999999",
		"sif /s size 5000",
		"sif /f mtime_extra 0xfffffffc", // "now", to utimensat(2)
		"sif /f mtime_extra 0xfffffff8", // "leave it"
		"sif /d block[0] 99999999",
		"sif /d size 0x7fffffff",
		"sif /f mode 0170644",
		"sif /f file_acl 99999999",
		"sif /f extra_isize 60000",
		"sif / block[0] 0",
		"sif /f flags 0x80000", // extents where there are none
		"sif /d flags 0x10081000",
		"sif /f links_count 0",
	};
	if (!img_judges())
		SKIP(IMG_NEEDS);
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		make_image();
		img_do("rm -rf t box; mkdir -p t/d box/out; seq 1 5000 >t/f; "
		       "touch t/d/x t/fine; ln -s %0100d t/s; "
		       "img put x.img t/. /; debugfs -w -R '%s' x.img "
		       ">/dev/null 2>&1",
		       0, edits[i]);
		struct outcome o = img_shell(
			"for c in 'get x.img / box/out' "
			"'get --tar x.img / box/tar' 'ls -lR x.img' "
			"'stat x.img /f /d /s' 'tree x.img' "
			"'find --empty x.img' 'xattr x.img /f' 'df x.img' "
			"'rm -r x.img /d /f /s' 'chmod x.img 0 /f' "
			"'truncate -s 3 x.img /f' 'put --force x.img t/f /'; "
			"do "
			"timeout -s KILL 20 $B/fs/img $c >log 2>>err; s=$?; "
			"test $s -le 1 || { echo \"$c: $s\" >&2; exit 1; }; "
			"rm -f box/tar log; "
			"done; img cat x.img /f 2>>err | head -c 100000 >log; "
			"cat err >&2; rm err");
		ck_assert_msg(o.exit == 0, "%s: %.2000s", edits[i], o.err);
		outcome_free(&o);
		img_prints("safe\n", "cat victim/file");
	}
}
END_TEST

// As root: a device of the image is made only when that is asked for, and setuid
// files are what they were, not more.
START_TEST(img_get_makes_no_devices)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image();
	img_do("img mknod -m 666 x.img /mem c 1 1; img mknod x.img /p p");
	struct outcome o = img_shell("img get x.img / box/out");
	ck_assert_msg(o.exit == 0 && strstr(o.err, "1 device was left out"),
		      "exit %d: %s", o.exit, o.err);
	outcome_free(&o);
	img_prints("box/out/p\n", "find box/out -type p");
	img_prints("", "find box/out -type c");
	if (geteuid() != 0)
		img_fails(1, "EPERM",
			  "rm -r box/out; img get --devices x.img /mem .");
}
END_TEST

// Deeper than a process may have open files.
START_TEST(img_get_goes_deep)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_image();
	img_do("ulimit -n 100; p=/; for i in $(seq 1 300); do "
	       "p=$p/d; done; img mkdir -p x.img $p && "
	       "echo bottom | img put x.img - $p/f && "
	       "img touch -d @7 x.img /d/d && "
	       "img get x.img / box/out && cat box/out/$p/f >bottom && "
	       "test $(stat -c %%Y box/out/d/d) = 7");
	img_prints("bottom\n", "cat bottom");
	img_do("rm -r box/out; img rm -r x.img /d");
	img_clean("x.img");
}
END_TEST

void add_img_hostile_tests(Suite *suite)
{
	TCase *hostile = tcase_create("hostile");

	tcase_add_checked_fixture(hostile, img_set_up, img_tear_down);
	tcase_set_timeout(hostile, 120);
	tcase_add_loop_test(hostile, img_get_refuses_names, 0, 14);
	tcase_add_test(hostile, img_get_follows_no_symlink);
	tcase_add_test(hostile, img_get_leaves_what_exists);
	tcase_add_test(hostile, img_get_ends);
	tcase_add_test(hostile, img_get_believes_no_number);
	tcase_add_test(hostile, img_get_makes_no_devices);
	tcase_add_test(hostile, img_get_goes_deep);
	suite_add_tcase(suite, hostile);
}
