// img mkfs, get and put: what went in comes out again
//
// The hard tree becomes an image and is taken out of it: to a directory, and as a
// tar stream that becomes an image again. Nothing may differ in the end.

#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "mkfs_parts.h"
#include "tree_compare.h"

enum { ENTRIES = 1500 };

static const char *const block_sizes[] = { "1K", "2K", "4K" };

static void same(const char *name)
{
	char paths[2][128], first[512];

	snprintf(paths[0], sizeof paths[0], "%s/tree", mkfs_folder);
	snprintf(paths[1], sizeof paths[1], "%s/%s", mkfs_folder, name);
	int n = tree_differences(paths[0], paths[1], first, sizeof first);
	ck_assert_msg(n == 0, "tree and %s: %d differences: %s", name, n,
		      first);
}

START_TEST(to_a_directory)
{
	mkfs_hard_tree("tree", ENTRIES);
	mkfs_expect(0,
		    "$IMG mkfs image --quiet --from=tree --block-size=%s && "
		    "$IMG get --devices image / back",
		    block_sizes[_i]);
	same("back");
}
END_TEST

START_TEST(as_a_stream)
{
	mkfs_hard_tree("tree", ENTRIES);
	mkfs_expect(0, "rm tree/socket"); // tar has none
	struct outcome o = mkfs_shell(
		"set -e; $IMG mkfs a --quiet --from=tree --block-size=%s; "
		"$IMG get --tar a / x.tar; $IMG get --tar a / - | cmp - x.tar; "
		"$IMG mkfs b --quiet --from=- <x.tar; "
		"$IMG get --devices b / back",
		block_sizes[_i]);
	if (o.exit == 77)
		SKIP("no archives here");
	ck_assert_msg(o.exit == 0, "exit %d: %s", o.exit, o.out);
	outcome_free(&o);
	same("back");
}
END_TEST

// Into an image that is there, with a journal and without; the kernel's view, too.
START_TEST(by_put)
{
	mkfs_hard_tree("tree", ENTRIES);
	mkfs_expect(0,
		    "$IMG mkfs image --quiet --size=96M --inodes=4000 "
		    "--block-size=%s %s && $IMG put --force image tree/. / && "
		    "$IMG get --devices image / back",
		    block_sizes[_i % 3], _i < 3 ? "" : "--journal");
	same("back");
	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_check("image");
	mkfs_compare("image", "tree");
}
END_TEST

// What an image says of devices is only done when it is asked for.
START_TEST(devices_only_when_asked)
{
	mkfs_expect(0, "mkdir tree && echo /zero c 666 0 0 1 5 >table && "
		       "$IMG mkfs image --quiet --from=tree --table=table");
	mkfs_expect_text(0, "1 device was left out", "$IMG get image / back");
	mkfs_expect(0, "[ -d back ] && [ ! -e back/zero ]");
	if (geteuid() != 0)
		return;
	mkfs_expect(0, "$IMG get --devices image / more && [ -c more/zero ]");
}
END_TEST

void add_mkfs_back_tests(Suite *suite)
{
	TCase *tcase = mkfs_case("mkfs back");

	tcase_add_loop_test(tcase, to_a_directory, 0, 3);
	tcase_add_loop_test(tcase, as_a_stream, 0, 3);
	tcase_add_loop_test(tcase, by_put, 0, 6);
	tcase_add_test(tcase, devices_only_when_asked);
	suite_add_tcase(suite, tcase);
}
