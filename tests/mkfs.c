// img mkfs: what it makes is what it was made of
//
// Images of a hard tree in all forms: e2fsck finds nothing, and the kernel, which
// mounts them, shows the same tree in every attribute (as root). mkfs_back.c: what
// get makes of them. mkfs_sizes.c: how large they are. mkfs_tars.c: archives and
// tables. mkfs_trouble.c: what goes wrong.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mkfs_parts.h"

enum { ENTRIES = 5000, ENTRIES_SOAKING = 60000 };

static const char *const block_sizes[] = { "1K", "2K", "4K" };

static int entries(void)
{
	return soaking() ? ENTRIES_SOAKING : ENTRIES;
}

START_TEST(hard_tree)
{
	bool mounted = true;

	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_hard_tree("tree", entries());
	for (int journal = 0; journal < 2; journal++) {
		mkfs_expect(0,
			    "$IMG mkfs image --quiet --from=tree "
			    "--block-size=%s %s",
			    block_sizes[_i], journal ? "--journal" : "");
		mkfs_check("image");
		mounted &= mkfs_compare("image", "tree");
		mkfs_expect(journal ? 0 : 1,
			    "dumpe2fs -h image | grep has_journal");
		mkfs_expect(0, "rm image");
	}
	if (geteuid() == 0 && !mounted)
		SKIP("the kernel cannot mount a loop device here");
}
END_TEST

START_TEST(large_inodes)
{
	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_hard_tree("tree", 10);
	for (int size = 512; size <= 1024; size *= 2) {
		mkfs_expect(0,
			    "$IMG mkfs image --force --quiet --from=tree "
			    "--inode-size=%d",
			    size);
		mkfs_check("image");
		mkfs_compare("image", "tree");
		ck_assert_int_eq(mkfs_number("image", "Inode size"), size);
	}
}
END_TEST

// Whole seconds, up to 2038: what is later becomes the last that can be said.
START_TEST(small_inodes)
{
	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir tree && touch -d @1700000000.7 tree/now && "
		       "touch -d @2208988800 tree/2040 && "
		       "touch -d @-157766400 tree/1965");
	mkfs_expect(0, "$IMG mkfs image --quiet --from=tree --inode-size=128");
	mkfs_check("image");
	mkfs_expect_text(0, "mtime: 0x6553f100", "debugfs -R 'stat now' image");
	mkfs_expect_text(0, "mtime: 0x7fffffff",
			 "debugfs -R 'stat 2040' image");
	mkfs_expect_text(0, "mtime: 0xf698ad00",
			 "debugfs -R 'stat 1965' image");
}
END_TEST

// ## Reproducible

START_TEST(reproducible)
{
	mkfs_hard_tree("tree", 200);
	mkfs_expect(0, "cp -a tree copy && touch -a copy/direct copy/below");
	mkfs_expect(0, "export SOURCE_DATE_EPOCH=1800000000; "
		       "$IMG mkfs a --quiet --from=tree && "
		       "$IMG mkfs b --quiet --from=copy && cmp a b");
	// Another file, another UUID; the same UUID, another seed of the hashes.
	mkfs_expect(1, "export SOURCE_DATE_EPOCH=1800000000; "
		       "echo x >copy/x && touch -d @1 copy copy/x tree && "
		       "$IMG mkfs b --force --quiet --from=copy && "
		       "[ \"$(dumpe2fs -h a | grep UUID)\" = "
		       "\"$(dumpe2fs -h b | grep UUID)\" ]");
	// The times count only where they are not later than the epoch.
	mkfs_expect(0, "export SOURCE_DATE_EPOCH=1700000000; "
		       "rm copy/x && touch -d @1700000001 copy/empty && "
		       "touch -d @1700000002 tree/empty && "
		       "touch -d @1 copy tree && "
		       "$IMG mkfs a --force --quiet --from=tree && "
		       "$IMG mkfs b --force --quiet --from=copy && cmp a b");
}
END_TEST

START_TEST(uuid_is_taken)
{
	const char *uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

	if (!mkfs_have("dumpe2fs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0,
		    "$IMG mkfs a --size=1M --uuid=%s --label='sixteen bytes "
		    "16'",
		    uuid);
	mkfs_expect_text(0, uuid, "dumpe2fs -h a");
	mkfs_expect_text(0, "sixteen bytes 16", "dumpe2fs -h a");
	mkfs_expect(1, "$IMG mkfs b --size=1M && $IMG mkfs c --size=1M && "
		       "[ \"$(dumpe2fs -h b | grep UUID)\" = "
		       "\"$(dumpe2fs -h c | grep UUID)\" ]");
}
END_TEST

// ## Options that change what is in it

START_TEST(owner)
{
	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir -p tree/d && echo x >tree/f");
	mkfs_expect(0,
		    "$IMG mkfs image --quiet --from=tree --owner=70000:80000");
	mkfs_check("image");
	for (int i = 0; i < 3; i++)
		mkfs_expect_text(0, "User: 70000   Group: 80000",
				 "debugfs -R 'stat %s' image",
				 (const char *[]){ "/", "d", "f" }[i]);
}
END_TEST

// Zeros that are there become holes when that is asked for, and only then.
START_TEST(zeros_become_holes)
{
	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir tree && head -c 1M /dev/zero >tree/f && "
		       "echo end >>tree/f && head -c 8191 /dev/zero >tree/z");
	mkfs_expect(0, "$IMG mkfs a --quiet --from=tree && "
		       "$IMG mkfs b --quiet --from=tree --sparse --free=0");
	mkfs_check("a");
	mkfs_check("b");
	mkfs_expect_text(0, "Blockcount: 2064", "debugfs -R 'stat f' a");
	mkfs_expect_text(0, "Blockcount: 16\n", "debugfs -R 'stat f' b");
	mkfs_expect_text(0, "Blockcount: 0\n", "debugfs -R 'stat z' b");
	mkfs_expect(0, "debugfs -R 'cat f' b 2>/dev/null | cmp - tree/f");
	ck_assert_int_eq(mkfs_number("b", "Free blocks"), 0);
}
END_TEST

// An image must not hold itself.
START_TEST(image_in_its_own_tree)
{
	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir tree && echo x >tree/f && "
		       "$IMG mkfs tree/image --quiet --from=tree && "
		       "$IMG mkfs tree/image --quiet --from=tree --force && "
		       "$IMG mkfs tree/image --quiet --from=tree --force");
	mkfs_check("tree/image");
	mkfs_expect(1, "debugfs -R 'ls -p /' tree/image | grep /image/");
	mkfs_expect(0, "debugfs -R 'ls -p /' tree/image | grep /f/");
}
END_TEST

START_TEST(other_file_systems)
{
	if (geteuid() != 0)
		SKIP("needs root, to mount");
	mkfs_expect(0, "mkdir -p tree/other tree/own && echo x >tree/own/f");
	struct outcome o = mkfs_shell(
		"unshare -m sh -c 'mount -t tmpfs none tree/other && "
		"echo y >tree/other/inside && "
		"$0 mkfs all --quiet --from=tree && "
		"$0 mkfs one --quiet --from=tree --one-file-system' $IMG");
	if (o.exit)
		SKIP("cannot mount a tmpfs here");
	outcome_free(&o);
	mkfs_check("all");
	mkfs_check("one");
	mkfs_expect(0, "debugfs -R 'ls -p /other' all | grep /inside/");
	mkfs_expect(1, "debugfs -R 'ls -p /other' one | grep /inside/");
	mkfs_expect(0, "debugfs -R 'ls -p /' one | grep /other/");
}
END_TEST

Suite *mkfs_suite(void)
{
	Suite *suite = suite_create("mkfs");
	TCase *tcase = mkfs_case("mkfs");

	tcase_add_loop_test(tcase, hard_tree, 0, 3);
	tcase_add_test(tcase, large_inodes);
	tcase_add_test(tcase, small_inodes);
	tcase_add_test(tcase, reproducible);
	tcase_add_test(tcase, uuid_is_taken);
	tcase_add_test(tcase, owner);
	tcase_add_test(tcase, zeros_become_holes);
	tcase_add_test(tcase, image_in_its_own_tree);
	tcase_add_test(tcase, other_file_systems);
	suite_add_tcase(suite, tcase);
	add_mkfs_back_tests(suite);
	add_mkfs_size_tests(suite);
	add_mkfs_tar_tests(suite);
	add_mkfs_trouble_tests(suite);
	return suite;
}
