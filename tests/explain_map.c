// # img map and who: every block belongs to whom debugfs says

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_parts.h"

// debugfs icheck prints "block<TAB>inode", or "<block not found>".
START_TEST(explain_who_is_icheck)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	explain_make(_i);
	char *blocks = img_text("img df --format=json x.img | "
				"sed -n 's/^ *\"blocks\": "
				"*\\([0-9]*\\).*/\\1/p' | tr -d '\\n'");
	int64_t step = atol(blocks) / 300 + 1;
	char *asked = img_text("seq -s ' ' 700 %" PRId64 " %s | tr -d '\\n'",
			       step, blocks);
	asked[strcspn(asked, "\n")] = '\0';
	json_t *page = explain_json("who x.img %s", asked), *row;
	char *theirs = debugfs_says("icheck %s", asked), *at = theirs;
	size_t i, owned = 0;

	at = strchr(at, '\n') + 1;
	json_array_foreach(page, i, row)
	{
		const json_t *owner =
			json_array_get(json_object_get(row, "owners"), 0);
		const json_t *ino = json_object_get(owner, "inode");
		ck_assert_int_eq(strtoll(at, &at, 10),
				 explain_number(row, "block"));
		int64_t said = strtoll(at, NULL, 10); // 0: not found
		ck_assert_int_eq(json_integer_value(ino), said);
		ck_assert(!owner ||
			  json_is_true(json_object_get(row, "in_use")));
		owned += said != 0;
		at = strchr(at, '\n') + 1;
	}
	ck_assert_uint_gt(owned, 2);
	// Its names are those of ncheck.
	int64_t ino = debugfs_number("Inode: ", "stat /big");
	int64_t block = debugfs_number("", "bmap /big 0");
	img_do("set -e; img who x.img %" PRId64
	       " | grep -q 'data of inode %" PRId64 " (/big), its block 0'; "
	       "debugfs -R 'ncheck %" PRId64 "' x.img 2>/dev/null | "
	       "grep -q '/big$'",
	       block, ino, ino);
	json_decref(page);
	free(theirs);
	free(asked);
	free(blocks);
}
END_TEST

// What the picture counts is what dumpe2fs counts.
START_TEST(explain_map_adds_up)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	explain_make(_i);
	json_t *page = explain_json("map x.img"), *value, *cell;
	const json_t *kinds = json_object_get(page, "by_use");
	char *theirs = img_text("dumpe2fs -h x.img 2>/dev/null | "
				"sed -n 's/^Free blocks: *//p'");
	int64_t sum = 0, used = 0;
	const char *key;
	size_t i;

	ck_assert_int_eq(explain_number(kinds, "free"), atol(theirs));
	json_object_foreach((json_t *)kinds, key, value)
		sum += json_integer_value(value);
	json_array_foreach(json_object_get(page, "cells"), i, cell)
		used += explain_number(cell, "used");
	ck_assert_int_eq(sum, explain_number(page, "blocks"));
	ck_assert_int_eq(used + atol(theirs), sum);
	free(theirs);
	json_decref(page);
}
END_TEST

START_TEST(explain_map_is_drawn)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	explain_make(0);
	img_prints("", "for o in '' --files --span=1; do img map $o x.img; "
		       "done | awk 'length($0) > 80'");
	img_do("set -e; img map x.img | grep -q '^ *0  [SRB]'; "
	       "img map x.img >a; if grep -q \"$(printf '\\033')\" a; then "
	       "exit 1; fi");
	// A name that means something in XML, and one that is no UTF-8.
	img_do("set -e; echo x >n; img put x.img n '/a<b>&\"c'; "
	       "head -c 9000 /dev/urandom >n; "
	       "img put x.img n \"/$(printf 'a\\377\\033[31m')\"; "
	       "img map x.img --span=1 --svg=m.svg >/dev/null; "
	       "grep -q 'a&lt;b&gt;&amp;&quot;c' m.svg; "
	       "grep -q 'a\\\\377\\\\033' m.svg; "
	       "test $(grep -c '<title>' m.svg) = 49152; "
	       "test $(grep -c 'of inode .*/big</title>' m.svg) = "
	       "$(img stat --format=json x.img /big | "
	       "sed -n 's/.*\"sectors\":\\([0-9]*\\).*/\\1/p' | "
	       "awk '{ print $1 / 2 }')");
	struct outcome o = img_shell(
		"command -v python3 >/dev/null || exit 0; python3 -c 'import "
		"xml.dom.minidom as m; m.parse(\"m.svg\")'");
	ck_assert_msg(o.exit == 0, "%s", o.err);
	outcome_free(&o);
}
END_TEST

// stat, find, ls and tree against the kernel.
START_TEST(explain_looks_as_the_kernel_does)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	struct outcome o = img_shell(
		"test $(id -u) = 0 && unshare -m true && mkdir -p m && "
		"mke2fs -q -F -t ext2 y.img 1M && "
		"unshare -m sh -c 'mount -o loop,ro y.img m'");
	if (o.exit != 0) {
		outcome_free(&o);
		SKIP("needs root and loop mounts");
	}
	outcome_free(&o);
	img_hard_tree("hard");
	img_do("rm hard/holes"); // 3 GiB to be read, by both
	img_do("mke2fs -q -F -t ext3 -I 256 -d hard x.img 64M >/dev/null");
	img_do("set -e; cat >kernel <<'.'\n"
	       "mount -o loop,ro x.img m && cd m || exit 1\n"
	       "find . -printf '%%i %%#m %%n %%U %%G %%y\\n' | "
	       "sed 's/ 0\\([0-7]\\)/ \\1/' | sort >../theirs\n"
	       "find . -type f -size +0 -exec sha256sum {} + | cut -c1-64 | "
	       "sort >../sums\n"
	       "stat -f -c '%%b %%f %%c %%d' . >../df\n"
	       ".\n"
	       "unshare -m sh kernel; "
	       "img find --format=json x.img | tr -d '{}\"' | "
	       "sed -n 's/.*inode:\\([0-9]*\\),.*/\\1/p' | sort >numbers; "
	       "cut -d' ' -f1 theirs | sort | cmp - numbers; "
	       "test -s theirs");
	img_do("set -e; img df --format=json x.img >j; read -r b f c d <df; "
	       "grep -q \"\\\"inodes\\\": $c\\b\" j; "
	       "grep -q \"\\\"free_inodes\\\": $d\\b\" j; "
	       "grep -q \"\\\"free_blocks\\\": $f\\b\" j; "
	       "o=$(sed -n 's/.*\"overhead_blocks\": \\([0-9]*\\).*/\\1/p' j); "
	       "t=$(sed -n 's/^ *\"blocks\": \\([0-9]*\\).*/\\1/p' j); "
	       "test $((t - o)) = $b");
	// The bytes of all files.
	img_do("set -e; img get x.img / out 2>/dev/null || true; cd out && "
	       "find . -type f -size +0 -exec sha256sum {} + | cut -c1-64 | "
	       "sort | cmp - ../sums");
	// Long lines: mode, links, owner, group by inode.
	img_do("set -e; img ls -lRia x.img | awk '/^ *[0-9]+ [-dlcbps]/ { "
	       "print $1, "
	       "$3, $4, $5 }' | sort -u >ours; "
	       "awk '{ print $1, $3, $4, $5 }' theirs | sort -u >want; "
	       "cmp ours want");
}
END_TEST

void add_explain_map_tests(Suite *suite)
{
	TCase *map = tcase_create("map");

	tcase_add_checked_fixture(map, img_set_up, img_tear_down);
	tcase_set_timeout(map, 150);
	tcase_add_loop_test(map, explain_who_is_icheck, 0, EXPLAIN_IMAGES);
	tcase_add_loop_test(map, explain_map_adds_up, 0, EXPLAIN_IMAGES);
	tcase_add_test(map, explain_map_is_drawn);
	tcase_add_test(map, explain_looks_as_the_kernel_does);
	suite_add_tcase(suite, map);
}
