// # img in trouble: no room, two writers, no reader, signals

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "img_parts.h"

// ## No room

static const struct {
	const char *type, *command;
} full[] = {
	{ "ext2", "put x.img big /new" },
	{ "ext3", "put x.img big /new" },
	{ "ext2", "put --force x.img big /old" },
	{ "ext3", "put --force x.img big /old" },
	{ "ext2", "put x.img tree /" },
	{ "ext3", "put x.img tree /" },
	{ "ext2", "put x.img - /new <big" },
	{ "ext2", "mkdir -p x.img $(seq -s ' ' -f /d/%g 1 600)" },
	{ "ext3", "mkdir -p x.img $(seq -s ' ' -f /d/%g 1 600)" },
	{ "ext2", "touch x.img $(seq -s ' ' -f /t%g 1 600)" },
};

enum { FULL = sizeof full / sizeof *full };

START_TEST(img_full_image_stays_as_it_was)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t %s -b 1024 -N 200 x.img 3M; "
	       "echo old >old; img put x.img old /; "
	       "head -c 4M /dev/urandom >big; mkdir -p tree/a tree/b; "
	       "cp big tree/b; echo 1 >tree/a/1; "
	       "img ls -liR x.img >before; img df x.img >>before",
	       full[_i].type);
	img_fails(1, "ENOSPC", "img %s", full[_i].command);
	img_clean("x.img");
	img_do("img ls -liR x.img >after; img df x.img >>after; "
	       "cmp before after");
	img_prints("old\n", "img cat x.img /old");
	img_do("img put x.img old /still"); // and it goes on
	img_clean("x.img");
}
END_TEST

// The host has no room for what comes out.
START_TEST(img_get_on_a_full_host)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 x.img 8M; head -c 100000 /dev/zero | "
	       "tr '\\0' x >f; img put x.img f /a; img put x.img f /b");
	// A limit of file size stands for a full disk, which not everybody has.
	struct outcome o = img_shell("trap '' XFSZ; ulimit -f 50; mkdir out; "
				     "img get x.img / out");
	ck_assert_msg(o.exit == 1, "exit %d: %s", o.exit, o.err);
	ck_assert_msg(strstr(o.err, "EFBIG"), "%s", o.err);
	outcome_free(&o);
	img_prints("lost+found\n", "ls out"); // no half of a file
	img_fails(1, "cannot write", "img cat x.img /a >/dev/full");
	img_fails(1, "cannot write", "img ls -l x.img >/dev/full");
	img_fails(1, "cannot write", "img get x.img /a - >/dev/full");
	img_fails(1, "cannot write", "img ls --format=json x.img >/dev/full");
	img_fails(1, "cannot write", "img get --tar x.img / - >/dev/full");
	img_fails(1, "cannot write", "img --help >/dev/full");
}
END_TEST

// ## No reader

START_TEST(img_closed_pipe_is_quiet)
{
	static const char *const commands[] = {
		"cat x.img /big", "get x.img /big -", "get --tar x.img / -",
		"find x.img",	  "ls -lR x.img",     "tree x.img",
	};
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 -N 3000 x.img 16M; "
	       "head -c 4M /dev/zero | tr '\\0' x >big; mkdir many; "
	       "(cd many; touch $(seq 1 2000)); img put x.img big many /");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct outcome o = img_shell("img %s | head -c 100 >/dev/null",
					     commands[i]);
		ck_assert_msg(o.exit == 0 && !*o.err, "%s: exit %d: %s",
			      commands[i], o.exit, o.err);
		outcome_free(&o);
		o = img_shell("trap '' PIPE; img %s | head -c 100 >/dev/null",
			      commands[i]);
		ck_assert_msg(o.exit == 0 && !*o.err, "%s: exit %d: %s",
			      commands[i], o.exit, o.err);
		outcome_free(&o);
	}
}
END_TEST

// ## Two writers

START_TEST(img_second_writer_is_refused)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	// The first holds the image while it waits for its standard input.
	img_do("mke2fs -q -F -t ext2 x.img 8M; mkfifo p");
	struct outcome o = img_shell(
		"img put x.img - /f <p & exec 3>p; echo hello >&3; "
		"while ! grep -q \"WRITE.*:$(stat -c %%i x.img) \" "
		"/proc/locks; "
		"do : ; done; "
		"img mkdir x.img /d; echo $?; img ls x.img; echo $?; "
		"img rm x.img /lost; echo $?; exec 3>&-; wait; "
		"img cat x.img /f");
	ck_assert_msg(!strcmp(o.out, "1\n1\n1\nhello\n"), "%s%s", o.out, o.err);
	ck_assert_msg(strstr(o.err, "is changing it"), "%s", o.err);
	outcome_free(&o);
	img_clean("x.img");
	// Two readers do not mind each other.
	img_do("head -c 9M /dev/zero >f; mke2fs -q -F -t ext2 y.img 16M; "
	       "img put y.img f /; img cat y.img /f | { img ls y.img; cat; } "
	       ">/dev/null");
}
END_TEST

START_TEST(img_mounted_image_is_refused)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (geteuid() != 0)
		SKIP("mounting needs root");
	img_do("mke2fs -q -F -t ext2 x.img 8M; mkdir mnt");
	struct outcome o = img_shell(
		"unshare -m sh -c 'mount -o loop x.img mnt 2>/dev/null || "
		"exit 77; touch mnt/kernel; $B/fs/img mkdir x.img /ours; "
		"echo $?; $B/fs/img mkfs --force --size=8M x.img; echo $?; "
		"umount mnt'");
	if (o.exit == 77) {
		outcome_free(&o);
		SKIP("no loop mounts here");
	}
	ck_assert_msg(!strcmp(o.out, "1\n1\n") &&
			      strstr(o.err,
				     "img mkdir: x.img: it is mounted") &&
			      strstr(o.err, "img mkfs: x.img: it is mounted"),
		      "%s%s", o.out, o.err);
	outcome_free(&o);
	img_prints("kernel\nlost+found\n", "img ls x.img");
	img_clean("x.img");
}
END_TEST

// ## Signals

// At any moment of a command: the image is as before, or complete. (SIGTERM and not
// SIGINT, which a shell has its jobs in the background ignore.)
START_TEST(img_interrupted)
{
	static const char *const types[] = { "ext2", "ext3" };
	bool before = false, complete = false;

	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t %s -b 1024 -N 3000 clean.img 24M; mkdir t; "
	       "for i in $(seq 1 500); do seq 1 $i >t/$i; done; "
	       "echo old >old; img put clean.img old /",
	       types[_i]);
	for (int us = 0; us < 60000; us += soaking() ? 200 : 5000) {
		struct outcome o = img_shell(
			"cp clean.img x.img; img put x.img t /new & p=$!; "
			"sleep 0.%06d; kill -TERM $p 2>/dev/null; wait $p; "
			"img ls x.img",
			us);
		bool is_new = strstr(o.out, "new") != NULL;
		before |= !is_new;
		complete |= is_new;
		outcome_free(&o);
		img_clean("x.img");
		img_prints("old\n", "img cat x.img /old");
		if (is_new) {
			img_do("rm -rf back; img get x.img /new back");
			img_same("t", "back");
		}
	}
	// The first of them comes before the program has read its arguments.
	ck_assert(before);
	ck_assert(complete || !soaking());
}
END_TEST

START_TEST(img_errors_name_image_and_path)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 x.img 8M; mkdir d; cp x.img d/y.img");
	img_fails(1,
		  "img cat: d/y.img: /none: No such file or directory "
		  "(ENOENT)",
		  "img cat d/y.img /none");
	img_fails(1, "img mkdir: x.img: cannot make /: ", "img mkdir x.img /");
	img_fails(1,
		  "img rm: x.img: cannot remove /none: ", "img rm x.img /none");
	img_fails(1, "img ls: none.img: cannot open it: ", "img ls none.img");
}
END_TEST

// What is not ours to write is said, by name.
START_TEST(img_features_we_do_not_write)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext4 x.img 8M; echo hello >f; "
	       "debugfs -w -R 'write f /f' x.img 2>/dev/null");
	img_prints("hello\n", "img cat x.img /f");
	img_do("img ls -l x.img; img stat x.img /f; img get x.img / out");
	img_fails(1, "extent", "img mkdir x.img /d");
	img_do("mke2fs -q -F -t ext4 -O inline_data z.img 8M");
	img_fails(1, "inline_data", "img ls z.img");
}
END_TEST

void add_img_trouble_tests(Suite *suite)
{
	TCase *trouble = tcase_create("trouble");

	tcase_add_checked_fixture(trouble, img_set_up, img_tear_down);
	tcase_set_timeout(trouble, 120);
	tcase_add_loop_test(trouble, img_full_image_stays_as_it_was, 0, FULL);
	tcase_add_test(trouble, img_get_on_a_full_host);
	tcase_add_test(trouble, img_closed_pipe_is_quiet);
	tcase_add_test(trouble, img_second_writer_is_refused);
	tcase_add_test(trouble, img_mounted_image_is_refused);
	tcase_add_loop_test(trouble, img_interrupted, 0, 2);
	tcase_add_test(trouble, img_errors_name_image_and_path);
	tcase_add_test(trouble, img_features_we_do_not_write);
	suite_add_tcase(suite, trouble);
}
