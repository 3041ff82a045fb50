// # Attacks on the commands that change an image
//
// Whatever is wrong, with the arguments, the image, the file it is in or the disk
// below: one sentence says it, and the image is what it was.

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "img_parts.h"

// ## What cannot be done

static const struct {
	const char *command, *words;
	int status;
} refused[] = {
	{ "rm -r x.img /", "want a name", 1 },
	{ "rm -rf x.img /.", "want a name", 1 },
	{ "rm -rf x.img /d/..", "want a name", 1 },
	{ "rm x.img ''", "ENOENT", 1 },
	{ "mv x.img / /d", "EINVAL", 1 },
	{ "mv x.img /d/. /e", "EINVAL", 1 },
	{ "mv x.img /d /d", "EINVAL", 1 },
	{ "mv x.img /d /d/e/x", "EINVAL", 1 },
	{ "mv -T x.img /f /d", "EISDIR", 1 },
	{ "mv -T x.img /other /d", "ENOTEMPTY", 1 },
	{ "mv x.img /other/e /d", "ENOTEMPTY", 1 },
	{ "mv -T x.img /d /f", "ENOTDIR", 1 },
	{ "mv x.img /f /none/x", "ENOENT", 1 },
	{ "mv x.img /f /f/x", "ENOTDIR", 1 },
	{ "mv x.img /f /$(printf %0256d 0)", "ENAMETOOLONG", 1 },
	{ "ln x.img /d /new", "one name", 1 },
	{ "ln x.img / /new", "one name", 1 },
	{ "ln x.img /f /d/e/../e", "", 0 }, // a name in a directory
	{ "ln -f x.img /f /d", "", 0 },
	{ "ln -fT x.img /f /d", "EISDIR", 1 },
	{ "ln -s x.img $(printf %04096d 0) /new", "ENAMETOOLONG", 1 },
	{ "touch x.img /loop", "ELOOP", 1 },
	{ "touch x.img /into", "ENOENT", 1 }, // to a directory not there
	{ "touch x.img /new/", "EISDIR", 1 },
	{ "touch x.img /f/", "ENOTDIR", 1 },
	{ "chmod x.img 0 /loop", "ELOOP", 1 },
	{ "chown x.img 0 /loop/x", "ELOOP", 1 },
	{ "chown x.img no-such-user /f", "OWNER=no-such-user", 2 },
	{ "chown x.img -- -1 /f", "OWNER=-1", 2 },
	{ "chmod x.img 10000 /f", "MODE=10000", 2 },
	{ "truncate -s 1G x.img /d", "no size", 1 },
	{ "truncate -s 5T x.img /f", "EFBIG", 1 },
	{ "truncate -s 8E x.img /f", "--size=8E", 2 },
	{ "truncate -s +8000000T x.img /f", "EFBIG", 1 },
	{ "touch -d 1901-12-13T20:45:51Z x.img /f", "1901-12-13", 2 },
	{ "touch -d 1901-12-13T20:45:52Z x.img /f", "", 0 },
	{ "touch -d 2446-05-10T22:38:56Z x.img /f", "2446-05-10", 2 },
	{ "touch -d 2446-05-10T22:38:55Z x.img /f", "", 0 },
	{ "touch -d 10000-01-01 x.img /f", "--date=10000-01-01", 2 },
	{ "touch -d 2026-13-01 x.img /f", "--date", 2 },
	{ "touch -d 2026-01-01T00:00:60 x.img /f", "--date", 2 },
	{ "touch -d 2026-01-01T00:00:00+24:00 x.img /f", "--date", 2 },
	{ "touch -d '' x.img /f", "--date", 2 },
	{ "touch -d @ x.img /f", "--date=@", 2 },
	{ "touch -d @1. x.img /f", "--date=@1.", 2 },
	{ "touch -d 2026-01-01T00:00:00.1234567899 x.img /f", "", 0 },
	{ "mkdir x.img /none/new", "ENOENT", 1 },
	{ "mkdir x.img /loop/new", "ELOOP", 1 },
	{ "mkdir -p x.img /f/new", "EEXIST", 1 },
	{ "mknod x.img /d p", "EEXIST", 1 },
	{ "xattr x.img /f set nothing value", "nothing of /f", 1 },
	{ "xattr x.img /f set user. value", "user. of /f", 1 },
	{ "xattr x.img /f set system.posix_acl_access 0x00", "EINVAL", 1 },
	{ "xattr x.img /none set user.x y", "ENOENT", 1 },
	{ "batch x.img none-such", "cannot open none-such", 1 },
	{ "resize x.img 0", "SIZE=0", 2 },
	{ "resize x.img 4000T", "EFBIG", 1 },
	{ "resize x.img 8M 9M", "9M", 2 },
	{ "defrag x.img more", "more", 2 },
	{ "fill x.img more", "more", 2 },
	{ "mkdir --partition=1 x.img /new", "partition table", 1 },
	{ "mkdir --offset=1G x.img /new", "img mkdir: x.img", 1 },
	{ "mkdir --offset=1M x.img /new", "img mkdir: x.img", 1 },
};

enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(img_refuses_and_changes_nothing)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 -b 4096 -I 256 x.img 16M; "
	       "img mkdir x.img /d /d/e /other /other/e /d/e/in; "
	       "img touch x.img /f /d/x /d/e/y; "
	       "img ln -s x.img loop /loop; img ln -s x.img no/no /into; "
	       "cp x.img before");
	for (int i = 0; i < REFUSED; i++) {
		if (refused[i].status) {
			img_fails(refused[i].status, refused[i].words, "img %s",
				  refused[i].command);
			img_do("cmp x.img before");
		} else {
			img_do("img %s; cp before x.img", refused[i].command);
		}
	}
}
END_TEST

// An inode of 128 bytes has 32 bits of seconds: what is beyond is refused where it
// was asked for, and else the nearest that it can say, as the kernel has it.
START_TEST(img_times_of_small_inodes)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 -I 128 x.img 8M; cp x.img before");
	img_fails(1, "/f: its inode holds times only to 2038-01-19",
		  "img touch -d 2100-01-01 x.img /f");
	img_do("cmp x.img before");
	img_do("SOURCE_DATE_EPOCH=2208988800 img touch x.img /f");
	img_prints("2038-01-19T03:14:07.000000000Z",
		   "img stat x.img /f | "
		   "awk '/^modified/ { printf \"%%s\", $2 }'");
	img_clean("x.img");
}
END_TEST

// ## Features

START_TEST(img_features_are_named)
{
	static const struct {
		const char *set, *words;
		bool reads;
	} rows[] = {
		{ "feature_incompat 0x10002", "encrypt", false },
		{ "feature_incompat 0x80000002", "incompatible feature 31", false },
		{ "feature_ro_compat 0x403", "metadata_csum", true },
		{ "feature_ro_compat 0x80000003", "feature 31", true },
		{ "feature_ro_compat 0x103", "quota", true },
		{ "feature_ro_compat 0x203", "bigalloc", false },
	};
	static const char *const commands[] = {
		"mkdir x.img /new",
		"rm x.img /f",
		"chmod x.img 0 /f",
		"truncate -s 1 x.img /f",
		"put x.img before /new",
		"xattr x.img /f set user.a b",
		"resize x.img 20M",
		"defrag x.img",
		"fill --write x.img",
	};

	if (!img_judges())
		SKIP(IMG_NEEDS);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		img_do("rm -f before; mke2fs -q -F -t ext2 x.img 8M; "
		       "img touch x.img /f; "
		       "debugfs -w -R 'ssv %s' x.img 2>/dev/null; "
		       "cp x.img before",
		       rows[i].set);
		for (size_t k = 0; k < sizeof commands / sizeof *commands; k++)
			img_fails(1, rows[i].words, "img %s", commands[k]);
		img_do("cmp x.img before");
		if (rows[i].reads)
			img_prints("f\nlost+found\n", "img ls x.img");
	}
}
END_TEST

// ## The file it is in

START_TEST(img_may_not_be_written)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 x.img 8M; img touch x.img /f; "
	       "cp x.img before; chmod 444 x.img");
	if (geteuid() == 0)
		img_fails(1, "EACCES",
			  "chmod 755 .; setpriv --reuid=65534 --regid=65534 "
			  "--clear-groups \"$B/fs/img\" mkdir x.img /d");
	else
		img_fails(1, "EACCES", "img mkdir x.img /d");
	img_do("cmp x.img before; chmod 644 x.img");
	img_fails(1, "ENOTDIR", "img mkdir x.img/x /d");
	img_fails(1, "img mkdir: /dev/null: ", "img mkdir /dev/null /d");
}
END_TEST

// A sparse image on a disk that has no room for what it promises.
START_TEST(img_on_a_full_disk)
{
	static const char *const types[] = { "ext2", "ext3" };

	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
		SKIP("needs root, for a small tmpfs");
	img_do("mount --make-rprivate /; mkdir small; "
	       "mount -t tmpfs -o size=6M none small; "
	       "mke2fs -q -F -t %s -b 1024 small/x.img 40M; echo old >old; "
	       "img put small/x.img old /; head -c 20M /dev/urandom >big; "
	       "img ls -liR small/x.img >before; cp small/x.img before.img",
	       types[_i]);
	static const char *const commands[] = {
		"put small/x.img big /big",
		"put --force small/x.img big /old",
		"put small/x.img - /big <big",
		"mkdir -p small/x.img $(seq -s ' ' -f /d/%g 1 9000)",
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct outcome o = img_shell("img %s", commands[i]);
		ck_assert_msg(o.exit == 1 && strstr(o.err, "ENOSPC"),
			      "%s: exit %d: %s", commands[i], o.exit, o.err);
		outcome_free(&o);
		// What was written stands in free blocks, and takes room.
		img_do("cp --sparse=always small/x.img x.img; "
		       "img ls -liR x.img >after; cmp before after; "
		       "rm small/x.img; cp --sparse=always before.img "
		       "small/x.img");
		img_clean("x.img");
		img_prints("old\n", "img cat x.img /old");
	}
	img_do("head -c 5M /dev/urandom >half; img put small/x.img half /h || "
	       "true; e2fsck -fn small/x.img; "
	       "head -c 3M /dev/zero >small/fill || true");
	img_fails(1, "ENOSPC", "img resize --quiet small/x.img 50M");
	img_clean("small/x.img");
	img_do("umount small");
}
END_TEST

// ## Partitions, by sfdisk

START_TEST(img_edits_partitions)
{
	static const char *const tables[] = { "dos", "gpt" };

	if (!img_judges())
		SKIP(IMG_NEEDS);
	struct outcome o = img_shell("command -v sfdisk");
	bool sfdisk = o.exit == 0;
	outcome_free(&o);
	if (!sfdisk)
		SKIP("needs sfdisk (package fdisk)");
	img_do("truncate -s 40M disk; printf 'label: %s\\n"
	       "start=2048, size=16384\\nstart=20480, size=32768\\n' | "
	       "sfdisk -q disk; "
	       "mke2fs -q -F -t ext3 -b 1024 p.img 16M; "
	       "dd if=p.img of=disk bs=1M seek=10 conv=notrunc 2>/dev/null; "
	       "head -c 10485760 disk >first; tail -c +27262977 disk >last",
	       tables[_i]);
	img_do("seq 1 9000 >f; img put --partition=2 disk f /f; "
	       "img mkdir --partition=2 disk /d; "
	       "img mv --offset=10M disk /f /d; "
	       "printf 'chmod 600 /d/f\\ntouch /t\\n' | "
	       "img batch --partition=2 disk; "
	       "img xattr --partition=2 disk /t set user.a b; "
	       "img fill --write --quiet --partition=2 disk");
	img_fails(1, "no ext2", "img mkdir --partition=1 disk /d");
	img_fails(1, "no partition 3", "img mkdir --partition=3 disk /d");
	// Nothing before it and nothing behind it has changed.
	img_do("head -c 10485760 disk | cmp - first; "
	       "tail -c +27262977 disk | cmp - last; "
	       "dd if=disk of=p.img bs=1M skip=10 count=16 2>/dev/null; "
	       "debugfs -R 'cat /d/f' p.img 2>/dev/null | cmp - f");
	img_clean("p.img");
}
END_TEST

// ## Sizes

// To every size of a range, up and down, by 1 KiB blocks.
START_TEST(img_resizes_to_every_size)
{
	int step = soaking() ? 1 : 97;

	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mkdir -p t/d; seq 1 20000 >t/f; ln t/f t/d/g; "
	       "ln -s %0100d t/s; touch $(seq -f t/d/%%g 1 60); "
	       "img mkfs --quiet x.img --block-size=1K --size=4M --from=t",
	       0);
	for (int i = 0; i < 1600; i += step) {
		// Groups of 8192 blocks begin and end within these.
		int size = i % 2 ? 8192 - 400 + i / 2 : 16384 + 400 - i / 2;
		img_do("img resize --quiet x.img %dK; "
		       "test $(stat -c %%s x.img) -eq %d; "
		       "img diff x.img t --root=/",
		       size, size * 1024);
		img_clean("x.img");
	}
}
END_TEST

// An image with no block left is written anew, or left as it is.
START_TEST(img_defrags_what_is_full)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 -b 1024 -N 300 x.img 5M; mkdir t; "
	       "head -c 50000 /dev/urandom >t/f; "
	       "for i in $(seq 1 200); do img put x.img t/f /$i 2>/dev/null || "
	       "break; done; "
	       "for i in $(seq 1 99); do head -c 1000 t/f | "
	       "img put x.img - /s$i 2>/dev/null || break; done; "
	       "cp x.img before; img df x.img");
	struct outcome o = img_shell("img defrag --quiet x.img");
	ck_assert_msg(o.exit == 0 || (o.exit == 1 && strstr(o.err, "ENOSPC")),
		      "exit %d: %s", o.exit, o.err);
	if (o.exit)
		img_do("cmp x.img before");
	outcome_free(&o);
	img_clean("x.img");
	img_do("img diff before x.img --all-times");
}
END_TEST

void add_img_attack_tests(Suite *suite)
{
	TCase *attack = tcase_create("attack");

	tcase_add_checked_fixture(attack, img_set_up, img_tear_down);
	tcase_set_timeout(attack, soaking() ? 600 : 120);
	tcase_add_test(attack, img_refuses_and_changes_nothing);
	tcase_add_test(attack, img_times_of_small_inodes);
	tcase_add_test(attack, img_features_are_named);
	tcase_add_test(attack, img_may_not_be_written);
	tcase_add_loop_test(attack, img_on_a_full_disk, 0, 2);
	tcase_add_loop_test(attack, img_edits_partitions, 0, 2);
	tcase_add_test(attack, img_resizes_to_every_size);
	tcase_add_test(attack, img_defrags_what_is_full);
	suite_add_tcase(suite, attack);
}
