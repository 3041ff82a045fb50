// # img walk: each hop is where debugfs finds it

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_parts.h"

// The pointer that a step names stands in the image where it says. Extents put
// other things there: theirs are judged by bmap alone.
static void judge_way(const json_t *way, bool extents)
{
	uint32_t block_bytes = explain_block_bytes();
	json_t *step;
	size_t i;

	ck_assert_uint_gt(json_array_size(way), 0);
	json_array_foreach((json_t *)way, i, step)
	{
		int64_t holder = explain_number(step, "holder");
		int64_t offset = explain_number(step, "offset");
		if (!extents)
			ck_assert_int_eq(
				explain_le32((uint64_t)holder * block_bytes +
					     (uint64_t)offset),
				explain_number(step, "value"));
		if (i)
			ck_assert_int_eq(
				holder,
				explain_number(json_array_get(way, i - 1),
					       "value"));
	}
}

static int64_t way_end(const json_t *way)
{
	return explain_number(json_array_get(way, json_array_size(way) - 1),
			      "value");
}

static void judge_inode(const json_t *step)
{
	int64_t ino = explain_number(step, "inode");

	ck_assert_int_eq(explain_number(step, "inode_block"),
			 debugfs_number("located at block ",
					"imap <%" PRId64 ">", ino));
	ck_assert_int_eq(explain_number(step, "inode_offset"),
			 debugfs_number("offset ", "imap <%" PRId64 ">", ino));
}

static void judge_index(const json_t *step, const char *name)
{
	const json_t *index = json_object_get(step, "index");
	char *seed = img_text("dumpe2fs -h x.img 2>/dev/null | sed -n "
			      "'s/^Directory Hash Seed: *//p'");

	ck_assert(json_is_object(index));
	seed[strcspn(seed, "\n")] = '\0';
	ck_assert_int_eq(explain_number(index, "hash"),
			 debugfs_number(" is ", "dx_hash -h half_md4 -s %s %s",
					seed, name));
	const json_t *nodes = json_object_get(index, "nodes");
	const json_t *last = json_array_get(nodes, json_array_size(nodes) - 1);
	ck_assert_int_eq(explain_number(last, "child"),
			 explain_number(step, "directory_block"));
	free(seed);
}

static void judge_entry(const json_t *step, bool extents)
{
	int64_t dir = explain_number(step, "directory");
	int64_t block = explain_number(step, "block");
	const char *name = explain_text(step, "name");
	char found[256] = "";
	uint64_t at = (uint64_t)block * explain_block_bytes() +
		      (uint64_t)explain_number(step, "offset");

	ck_assert_int_eq(
		block, debugfs_number("", "bmap <%" PRId64 "> %" PRId64, dir,
				      explain_number(step, "directory_block")));
	ck_assert_int_eq(explain_le32(at), explain_number(step, "inode"));
	explain_bytes(at + 8, found, strlen(name));
	ck_assert_str_eq(found, name);
	judge_way(json_object_get(step, "way"), extents);
	ck_assert_int_eq(way_end(json_object_get(step, "way")), block);
	judge_inode(step);
}

static void judge_walk(const char *path, bool extents, size_t hops)
{
	json_t *page = explain_json("walk x.img %s", path), *step;
	size_t i, entries = 0;

	json_array_foreach(json_object_get(page, "steps"), i, step)
	{
		const char *kind = explain_text(step, "step");
		if (!strcmp(kind, "entry")) {
			judge_entry(step, extents);
			entries++;
		} else if (!strcmp(kind, "start")) {
			ck_assert_int_eq(explain_number(step, "inode"), 2);
			judge_inode(step);
		} else {
			ck_assert_str_eq(kind, "symlink");
		}
	}
	ck_assert_uint_eq(entries, hops);
	json_decref(page);
}

START_TEST(explain_walk_is_true)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	bool extents = !strcmp(explain_images[_i].type, "ext4");
	explain_make(_i);
	judge_walk("/home/ubuntu/link.txt", extents, 4);
	judge_walk("/u/notes.txt", extents, 4);
	judge_walk("/home/../u/..", extents, 6);

	// A directory of many blocks: by way of its index.
	const char *name = "a-name-that-takes-some-room-777";
	json_t *page = explain_json("walk x.img /many/%s", name);
	const json_t *steps = json_object_get(page, "steps");
	judge_entry(json_array_get(steps, 2), extents);
	judge_index(json_array_get(steps, 2), name);
	json_decref(page);

	// A file with all levels: the first and last block of each run.
	page = explain_json("walk x.img /big");
	json_t *run;
	size_t i, deepest = 0;
	json_array_foreach(json_object_get(page, "blocks"), i, run)
	{
		const json_t *way = json_object_get(run, "way");
		int64_t first = explain_number(run, "logical");
		int64_t last = first + explain_number(run, "blocks") - 1;
		int64_t at = explain_number(run, "physical");
		ck_assert_int_eq(
			debugfs_number("", "bmap /big %" PRId64, first), at);
		ck_assert_int_eq(debugfs_number("", "bmap /big %" PRId64, last),
				 at ? at + last - first : 0);
		if (!at)
			continue;
		judge_way(way, extents);
		ck_assert_int_eq(way_end(way), at);
		if (json_array_size(way) > deepest)
			deepest = json_array_size(way);
	}
	ck_assert_uint_gt(i, 2);
	if (!extents)
		ck_assert_uint_eq(deepest,
				  explain_images[_i].block_bytes == 1024 ? 4
									 : 3);
	json_decref(page);
}
END_TEST

// The text says the same numbers, in lines that fit.
START_TEST(explain_walk_as_text)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	explain_make(0);
	json_t *page = explain_json("walk x.img /home/ubuntu/link.txt");
	const json_t *last = json_array_get(json_object_get(page, "steps"), 5);
	char *text = img_text("img walk x.img /home/ubuntu/link.txt"), *flat;
	char sought[128];

	// Without rails and line breaks.
	flat = img_text("img walk x.img /home/ubuntu/link.txt | "
			"sed 's/^  [|>]*//' | tr -s ' \\n' ' '");
	snprintf(sought, sizeof sought,
		 "(i_block[0] = block %" PRId64 " of the disk) at byte %" PRId64
		 ": inode %" PRId64,
		 explain_number(last, "block"), explain_number(last, "offset"),
		 explain_number(last, "inode"));
	ck_assert_msg(strstr(flat, sought), "no '%s' in\n%s", sought, flat);
	ck_assert(strstr(flat, "says \"notes.txt\": the walk goes on"));
	ck_assert_ptr_null(strchr(text, '\033'));
	img_prints("", "for o in '' --hex; do for p in /u/link.txt /big "
		       "/many/a-name-that-takes-some-room-9; do "
		       "img walk $o x.img $p; done; done | "
		       "awk 'length($0) > 80'");
	// The bytes are those of the image.
	img_do("set -e; img walk --hex x.img /u >out; "
	       "grep -q '2f 68 6f 6d  i_block' out; grep -q /home/ubuntu out");
	json_decref(page);
	page = explain_json("walk --hex x.img /u --no-follow");
	last = json_array_get(json_object_get(page, "steps"), 1);
	ck_assert(strstr(explain_text(last, "inode_bytes"),
			 "2f686f6d652f7562756e7475")); // "/home/ubuntu"
	ck_assert_str_eq(explain_text(last, "entry_bytes") + 12,
			 "010775"); // one byte of name, a symlink, "u"
	json_decref(page);
	free(text);
	free(flat);
}
END_TEST

// Where a walk ends, and how that is said: on the page, and in one line.
START_TEST(explain_walk_fails)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	static const struct {
		const char *path, *word, *page;
	} rows[] = {
		{ "/home/none", "ENOENT", "\"none\"?" },
		{ "/many/none", "ENOENT", "no: it is not in that block" },
		{ "/home/ubuntu/notes.txt/x", "ENOTDIR", "notes.txt" },
		{ "/loop", "ELOOP", "(symlink 40" },
		{ "/long", "ENOENT", "0000000007\"" },
		{ "''", "an empty path", "" },
	};
	explain_make(1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o = img_shell("img walk x.img %s", rows[i].path);
		ck_assert_int_eq(o.exit, 1);
		ck_assert_msg(strstr(o.err, rows[i].word), "%s: %s",
			      rows[i].path, o.err);
		ck_assert_msg(strstr(o.out, rows[i].page), "%s: %.1000s",
			      rows[i].path, o.out);
		ck_assert_ptr_eq(strchr(o.err, '\n'), strrchr(o.err, '\n'));
		outcome_free(&o);
		o = img_shell("img walk --format=json x.img %s 2>/dev/null",
			      rows[i].path);
		json_t *page = json_loads(o.out, 0, NULL);
		ck_assert(page && json_is_null(json_object_get(page, "inode")));
		json_decref(page);
		outcome_free(&o);
	}
}
END_TEST

void add_explain_walk_tests(Suite *suite)
{
	TCase *walk = tcase_create("walk");

	tcase_add_checked_fixture(walk, img_set_up, img_tear_down);
	tcase_set_timeout(walk, 150);
	tcase_add_loop_test(walk, explain_walk_is_true, 0, EXPLAIN_IMAGES);
	tcase_add_test(walk, explain_walk_as_text);
	tcase_add_test(walk, explain_walk_fails);
	suite_add_tcase(suite, walk);
}
