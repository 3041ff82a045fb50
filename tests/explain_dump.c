// # img dump: field by field what dumpe2fs, debugfs and the bytes say

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_parts.h"

// ## Superblock and groups

START_TEST(explain_dump_super)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	static const struct {
		const char *field, *line;
	} rows[] = {
		{ "s_inodes_count", "Inode count" },
		{ "s_blocks_count", "Block count" },
		{ "s_r_blocks_count", "Reserved block count" },
		{ "s_free_blocks_count", "Free blocks" },
		{ "s_free_inodes_count", "Free inodes" },
		{ "s_first_data_block", "First block" },
		{ "s_blocks_per_group", "Blocks per group" },
		{ "s_inodes_per_group", "Inodes per group" },
		{ "s_mnt_count", "Mount count" },
		{ "s_max_mnt_count", "Maximum mount count" },
		{ "s_first_ino", "First inode" },
		{ "s_inode_size", "Inode size" },
		{ "s_reserved_gdt_blocks", "Reserved GDT blocks" },
		{ "s_uuid", "Filesystem UUID" },
		{ "s_hash_seed", "Directory Hash Seed" },
		{ "s_want_extra_isize", "Desired extra isize" },
	};
	explain_make(_i);
	img_do("dumpe2fs -h x.img >d 2>/dev/null");
	json_t *super = explain_json("dump x.img super");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const json_t *value = json_object_get(super, rows[i].field);
		char *theirs = img_text("sed -n 's/^%s: *//p' d | "
					"awk '{ printf \"%%s\", $1 }'",
					rows[i].line);
		char ours[64];
		snprintf(ours, sizeof ours, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
		// One that is 0 is not in dumpe2fs's list.
		ck_assert_str_eq(*theirs ? theirs : "0",
				 json_is_string(value)
					 ? json_string_value(value)
					 : ours);
		free(theirs);
	}
	json_decref(super);
	img_prints("", "for o in '' --hex; do img dump $o x.img super; done | "
		       "awk 'length($0) > 80'");
	// The copy of group 1 says that it is.
	json_t *copy = explain_json("dump x.img super --copy=1");
	ck_assert_int_eq(explain_number(copy, "s_block_group_nr"), 1);
	json_decref(copy);
}
END_TEST

// "7882-8192, 9000" of dumpe2fs against our runs in use: no number is in both, and
// together they are all.
static void judge_bits(const json_t *runs, const char *free_runs, int64_t total)
{
	int64_t counted = 0, from, to;
	int used;
	json_t *run;
	size_t i;

	json_array_foreach((json_t *)runs, i, run)
		counted += json_integer_value(json_array_get(run, 1)) -
			   json_integer_value(json_array_get(run, 0)) + 1;
	for (const char *at = free_runs;
	     sscanf(at, " %" SCNd64 "%n", &from, &used) == 1;
	     at += strspn(at, ", ")) {
		at += used;
		to = from;
		if (*at == '-')
			to = strtoll(at + 1, (char **)&at, 10);
		counted += to - from + 1;
		json_array_foreach((json_t *)runs, i, run) ck_assert(
			json_integer_value(json_array_get(run, 1)) < from ||
			json_integer_value(json_array_get(run, 0)) > to);
	}
	ck_assert_int_eq(counted, total);
}

START_TEST(explain_dump_groups)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	static const char *const bits[] = { "block", "inode" };
	explain_make(_i);
	char *count = img_text("dumpe2fs x.img 2>/dev/null >d; "
			       "grep -c '^Group [0-9]' d");
	json_t *super = explain_json("dump x.img super");
	int64_t per_group = explain_number(super, "s_inodes_per_group");
	json_decref(super);
	for (int group = 0; group < atol(count); group++) {
		json_t *page = explain_json("dump x.img group %d", group);
		const json_t *descriptor = json_object_get(page, "descriptor");
		img_do("awk '/^Group/ { p = $2 == \"%d:\" } p' d >g", group);
		for (int i = 0; i < 2; i++) {
			char key[32];
			snprintf(key, sizeof key, "%ss_in_use", bits[i]);
			char *runs = img_text("sed -n 's/^  Free %ss: *//p' g",
					      bits[i]);
			judge_bits(json_object_get(page, key), runs,
				   i ? per_group
				     : explain_number(page, "blocks"));
			free(runs);
			char *at = img_text("grep -o '%s bitmap at [0-9]*' g -i"
					    " | head -1 | grep -o '[0-9]*$'",
					    bits[i]);
			snprintf(key, sizeof key, "bg_%s_bitmap", bits[i]);
			ck_assert_int_eq(atol(at),
					 explain_number(descriptor, key));
			free(at);
		}
		char *table = img_text("grep -o 'Inode table at [0-9]*' g | "
				       "grep -o '[0-9]*$'");
		ck_assert_int_eq(atol(table),
				 explain_number(descriptor, "bg_inode_table"));
		free(table);
		json_decref(page);
	}
	free(count);
}
END_TEST

// ## Inodes

static void judge_inode(const char *path)
{
	int64_t ino = debugfs_number("Inode: ", "stat %s", path);
	json_t *page = explain_json("dump x.img inode %" PRId64, ino);
	uint64_t at = (uint64_t)explain_number(page, "block") *
			      explain_block_bytes() +
		      (uint64_t)explain_number(page, "offset");
	const json_t *words = json_object_get(page, "i_block");
	char *stat = debugfs_says("stat %s", path);

	ck_assert_int_eq(explain_number(page, "block"),
			 debugfs_number("located at block ", "imap %s", path));
	ck_assert_int_eq(explain_number(page, "i_mode") & 07777,
			 strtol(strstr(stat, "Mode:") + 5, NULL, 8));
	free(stat);
	ck_assert_int_eq(explain_number(page, "i_size"),
			 debugfs_number("Size: ", "stat %s", path));
	ck_assert_int_eq(explain_number(page, "i_links_count"),
			 debugfs_number("Links: ", "stat %s", path));
	ck_assert_int_eq(explain_number(page, "i_blocks"),
			 debugfs_number("Blockcount: ", "stat %s", path));
	ck_assert_uint_eq(json_array_size(words), 15);
	for (size_t i = 0; i < 15; i++)
		ck_assert_int_eq(json_integer_value(json_array_get(words, i)),
				 explain_le32(at + 40 + 4 * i));
	json_decref(page);
}

START_TEST(explain_dump_inodes)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	bool extents = !strcmp(explain_images[_i].type, "ext4");
	explain_make(_i);
	img_do("debugfs -w -R 'mknod null c 1 3' x.img 2>/dev/null");
	if (!extents)
		img_do("img mknod x.img /wide b 259 70000");
	static const char *const paths[] = { "/",  "/home", "/big", "/many",
					     "/u", "/long", "/null" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		judge_inode(paths[i]);
	static const struct {
		const char *path, *holds, *text;
	} rows[] = {
		{ "/u", "target", "i_block .*/home/ubuntu *the symlink" },
		{ "/null", "device", "i_block.0. .*1:3" },
		{ "/wide", "device", "i_block.1. .*259:70000" },
		{ "/big", NULL, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (extents && !strcmp(rows[i].path, "/wide"))
			continue; // not written by us, and debugfs has no room
		int64_t ino = debugfs_number("Inode: ", "stat %s",
					     rows[i].path);
		json_t *page = explain_json("dump x.img inode %" PRId64, ino);
		ck_assert_str_eq(explain_text(page, "i_block_holds"),
				 rows[i].holds ? rows[i].holds
				 : extents     ? "extents"
					       : "pointers");
		json_decref(page);
		if (rows[i].text)
			img_do("img dump x.img inode %" PRId64 " | grep -q "
			       "'%s'",
			       ino, rows[i].text);
	}
	img_prints("", "for i in 2 7 8 12 13 14 15; do for o in '' --hex; do "
		       "img dump $o x.img inode $i; done; done | "
		       "awk 'length($0) > 80'");
	// Both fields together make the time that stat has.
	img_do("mke2fs -q -F -t ext2 -I 256 t.img 1M; "
	       "img touch -m -d 2106-02-07T06:28:14Z t.img /far; "
	       "img dump t.img inode $(img ls -di t.img /far | "
	       "awk '{ print $1 }') >far; grep -q 'i_mtime  *1969-12-31' far; "
	       "grep -q 'i_mtime_extra  *+1 . 2^32 s, 0 ns: "
	       "2106-02-07T06:28:14Z' far; "
	       "grep -q 'i_atime_extra  *[0-9]* ns' far");
	// The words for flags are the same in stat and dump.
	img_do("a=$(img stat x.img /many | sed -n 's/^flags *//p'); "
	       "b=$(img dump x.img inode $(img ls -di x.img /many | "
	       "awk '{ print $1 }') | sed -n 's/^  i_flags *//p'); "
	       "echo \"$a / $b\" >&2; case $b in \"$(echo $a | tr -d ,)\"*) "
	       ";; *) exit 1; esac");
}
END_TEST

// ## Directories

// debugfs htree_dump: the same hashes lead to the same blocks.
START_TEST(explain_dump_index)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	explain_make(_i);
	char *theirs = img_text("debugfs -R 'htree_dump /many' x.img "
				"2>/dev/null | sed -n 's/^Entry #[0-9]*: Hash "
				"\\(0x[0-9a-f]*\\)[^,]*, block \\([0-9]*\\).*/"
				"\\1 \\2/p'");
	json_t *page = explain_json("dump x.img dir /many"), *entry;
	const json_t *root = json_array_get(json_object_get(page, "blocks"), 0);
	const json_t *list = json_object_get(json_object_get(root, "index"),
					     "entries");
	char *at = theirs;
	size_t i;

	ck_assert_uint_gt(json_array_size(list), 2);
	json_array_foreach(list, i, entry)
	{
		ck_assert_int_eq(strtoll(at, &at, 16),
				 explain_number(entry, "hash"));
		ck_assert_int_eq(strtoll(at, &at, 10),
				 explain_number(entry, "block"));
	}
	free(theirs);
	// All 1202 names, by number as debugfs lists them.
	img_do("set -e; img dump --format=json x.img dir /many | grep -c "
	       "'\"name\"' "
	       ">ours; debugfs -R 'ls -l /many' x.img 2>/dev/null | "
	       "grep -c '[^ ]' >theirs; cmp ours theirs");
	json_decref(page);
	img_prints("", "img dump --hex x.img dir /many | "
		       "awk 'length($0) > 80'");
}
END_TEST

// ## What is broken is shown, and said

static uint64_t place_of(const char *dir, const char *name)
{
	json_t *page = explain_json("walk x.img %s/%s", dir, name);
	const json_t *steps = json_object_get(page, "steps");
	const json_t *last = json_array_get(steps, json_array_size(steps) - 1);
	uint64_t at = (uint64_t)explain_number(last, "block") *
			      explain_block_bytes() +
		      (uint64_t)explain_number(last, "offset");

	json_decref(page);
	return at;
}

START_TEST(explain_hostile_images)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	static const struct {
		const char *what, *said;
	} rows[] = {
		{ "\0\0\0\0\0\0", "too short to lead to the next" },
		{ "\014\0\0\0\005\0", "too short to lead to the next" },
		{ "\014\0\0\0\015\0", "no multiple of 4" },
		{ "\014\0\0\0\374\377", "over the end of the block" },
		{ "\014\0\0\0\010\0", "does not fit" },
		{ "\377\377\377\177\024\0", "no such inode" },
	};
	explain_make(1);
	img_do("cp x.img good");
	uint64_t at = place_of("/home/ubuntu", "notes.txt");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		img_do("cp good x.img");
		explain_put_bytes(at, rows[i].what, 6);
		img_do("set -e; img dump x.img dir /home/ubuntu | grep -q "
		       "'broken: "
		       ".*%s'; img dump --format=json x.img dir /home/ubuntu | "
		       "grep -q '\"broken\": '",
		       rows[i].said);
		struct outcome o = img_shell("img walk x.img "
					     "/home/ubuntu/notes.txt");
		ck_assert_int_eq(o.exit, 1);
		outcome_free(&o);
	}
	// A free inode, and a pointer out of the image.
	img_do("cp good x.img; debugfs -w -R 'clri /home/ubuntu/notes.txt' "
	       "x.img 2>/dev/null; "
	       "debugfs -w -R 'sif /big block[3] 99999999' x.img 2>/dev/null; "
	       "debugfs -w -R 'sif /many block[IND] 99999999' x.img "
	       "2>/dev/null");
	static const char *const commands[] = {
		"walk x.img /home/ubuntu/notes.txt",
		"walk x.img /big",
		"walk x.img /many/none",
		"dump x.img dir /many",
		"map x.img",
		"who x.img 100 2000",
		"stat x.img /big",
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct outcome o = img_shell("img %s", commands[i]);
		ck_assert_msg(o.exit == (i ? 1 : 0) || i == 0, "%s: %d, %.500s",
			      commands[i], o.exit, o.err);
		outcome_free(&o);
		o = img_shell("img %s --format=json 2>/dev/null", commands[i]);
		json_t *page = json_loads(o.out, 0, NULL);
		ck_assert_msg(page, "%s: %.500s", commands[i], o.out);
		json_decref(page);
		outcome_free(&o);
	}
}
END_TEST

// ## The log, as debugfs wrote it, and as it reads it

START_TEST(explain_dump_journal)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	explain_make(1);
	img_do("printf 'jo\\njw -b 900,901 /dev/zero\\njc\\n"
	       "jo\\njw -r 77,78\\njc\\n' | debugfs -w x.img >/dev/null 2>&1");
	json_t *page = explain_json("dump x.img journal"), *seen;
	char *theirs = debugfs_says("logdump -a");
	size_t i, copies = 0, revoked = 0, commits = 0;

	json_array_foreach(json_object_get(page, "log"), i, seen)
	{
		const char *is = explain_text(seen, "is");
		char sought[96];
		if (!json_is_true(json_object_get(seen, "live")))
			continue;
		ck_assert_int_eq(
			explain_number(seen, "disk_block"),
			debugfs_number("", "bmap <8> %" PRId64,
				       explain_number(seen, "log_block")));
		if (!strcmp(is, "copy")) {
			snprintf(sought, sizeof sought,
				 "FS block %" PRId64
				 " logged at journal block %" PRId64,
				 explain_number(seen, "home"),
				 explain_number(seen, "log_block"));
			copies++;
		} else if (!strcmp(is, "commit")) {
			snprintf(sought, sizeof sought,
				 "Found expected sequence %" PRId64
				 ", type 2 (commit block) at block %" PRId64,
				 explain_number(seen, "sequence"),
				 explain_number(seen, "log_block"));
			commits++;
		} else if (!strcmp(is, "revoke")) {
			const json_t *list = json_object_get(seen, "revokes");
			revoked += json_array_size(list);
			snprintf(sought, sizeof sought, "type 5 (revoke");
		} else {
			snprintf(sought, sizeof sought, "type 1 (descriptor");
		}
		ck_assert_msg(strstr(theirs, sought), "no '%s' in\n%.2000s",
			      sought, theirs);
	}
	ck_assert_uint_eq(copies, 2);
	ck_assert_uint_eq(commits, 2);
	ck_assert_uint_eq(revoked, 2);
	free(theirs);
	json_decref(page);
	img_fails(1, "no journal",
		  "mke2fs -q -F -t ext2 e.img 1M >/dev/null; "
		  "img dump e.img journal");
}
END_TEST

static const struct {
	int status;
	const char *command, *words;
} bad[] = {
	{ 2, "walk x.img", "want a PATH" },
	{ 2, "walk x.img / /", "want one PATH" },
	{ 2, "dump x.img", "want super, group N" },
	{ 2, "dump x.img sup", "super, group, inode, block, dir or journal" },
	{ 2, "dump x.img group", "want its number" },
	{ 2, "dump x.img dir", "want a PATH" },
	{ 2, "dump x.img inode 0", "inode=0: want" },
	{ 2, "dump x.img block 1x", "block=1x" },
	{ 2, "dump x.img super 3", "want nothing more" },
	{ 2, "dump --copy=x x.img super", "--copy=x" },
	{ 2, "map --span=0 x.img", "--span=0" },
	{ 2, "map --svg= x.img", "--svg=" },
	{ 2, "map x.img y", "want nothing after the image" },
	{ 2, "who x.img", "want the number of a BLOCK" },
	{ 2, "who x.img 1x", "BLOCK=1x" },
	{ 2, "batch x.img a b", "want one SCRIPT" },
	{ 2, "batch --keep-going x.img", "want it with --each" },
	{ 1, "dump x.img group 9999", "want one from 0 to" },
	{ 1, "dump x.img inode 99999999", "want one from 1 to" },
	{ 1, "dump x.img block 99999999", "want one from 0 to" },
	{ 1, "dump x.img super --copy=2", "want a group with a copy" },
	{ 1, "dump x.img dir /none", "ENOENT" },
	{ 1, "dump x.img dir /f", "ENOTDIR" },
	{ 1, "who x.img 99999999", "want one from 0 to" },
	{ 1, "map x.img --svg=/dev/full >/dev/null", "cannot write" },
	{ 1, "map x.img --svg=/none/x >/dev/null", "cannot write" },
	{ 1, "batch x.img /none", "cannot open /none" },
};

START_TEST(explain_bad_usage)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 -b 1024 x.img 20M; : >f; "
	       "img put x.img f /");
	img_fails(bad[_i].status, bad[_i].words, "img %s", bad[_i].command);
}
END_TEST

// A closed pipe ends quietly; what cannot be written is said.
START_TEST(explain_output_that_fails)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	static const char *const commands[] = {
		"walk x.img /many/a-name-that-takes-some-room-9",
		"walk --format=json x.img /big",
		"dump x.img super",
		"dump x.img dir /many",
		"dump --format=json x.img dir /many",
		"dump x.img journal",
		"map x.img",
		"map --format=json x.img",
		"who x.img 1",
		"ls -lR x.img",
		"tree x.img",
		"df x.img",
	};
	explain_make(1);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		img_fails(1, "img", "img %s >/dev/full", commands[i]);
		img_prints("",
			   "{ img %s 2>&3; } 3>&1 >/dev/null | head -c 0; "
			   "img %s 2>said | head -c 1 >/dev/null; cat said",
			   commands[i], commands[i]);
	}
}
END_TEST

void add_explain_dump_tests(Suite *suite)
{
	TCase *dump = tcase_create("dump");
	const int n = sizeof bad / sizeof *bad;

	tcase_add_checked_fixture(dump, img_set_up, img_tear_down);
	tcase_set_timeout(dump, 150);
	tcase_add_loop_test(dump, explain_dump_super, 0, 2);
	tcase_add_loop_test(dump, explain_dump_groups, 0, EXPLAIN_IMAGES);
	tcase_add_loop_test(dump, explain_dump_inodes, 0, 2);
	tcase_add_loop_test(dump, explain_dump_inodes, 5, 6);
	tcase_add_loop_test(dump, explain_dump_index, 0, 3);
	tcase_add_loop_test(dump, explain_dump_index, 5, 6);
	tcase_add_test(dump, explain_hostile_images);
	tcase_add_test(dump, explain_dump_journal);
	tcase_add_loop_test(dump, explain_bad_usage, 0, n);
	tcase_add_test(dump, explain_output_that_fails);
	suite_add_tcase(suite, dump);
}
