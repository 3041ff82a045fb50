// # img inject: each kind of damage against both checkers
//
// The kinds come from the program (--list). Each row says what img fsck finds and
// what e2fsck says; both are asked, and both have to mend it.

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "img_parts.h"
#include "teaching_parts.h"

// An image with a place for every kind: base.img.
static void make_base(void)
{
	img_do("mkdir -p t/dir/sub t/many t/other && cd t && "
	       "for i in 0 1 2 3 4 5; do head -c $((3000 + i * 1000)) "
	       "/dev/urandom >dir/file$i; head -c 5000 /dev/urandom "
	       ">other/f$i; done && head -c 4000 /dev/urandom >dir/sub/deep && "
	       "head -c 400000 /dev/urandom >big && truncate -s 3G large && "
	       "ln -s dir/sub fast && mkfifo fifo && cd many && "
	       "touch $(seq -f 'a_name_that_is_long_enough_%%04g' 400) && "
	       "cd ../.. && "
	       "img mkfs --quiet base.img --from=t --size=17M --block-size=1K "
	       "--journal && "
	       "img xattr base.img /dir/file1 set user.long %0300d && "
	       "img xattr base.img /other/f1 set user.long %0300d && "
	       "img xattr base.img /dir/file2 set user.short abc",
	       7, 7);
	img_clean("base.img");
}

static json_t *json_of(const char *command)
{
	struct outcome o = img_shell("%s", command);
	json_t *value = json_loads(o.out, 0, NULL);

	ck_assert_msg(value != NULL, "%s: no JSON\n%.1000s%.1000s", command,
		      o.out, o.err);
	outcome_free(&o);
	return value;
}

static const char *text_in(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is_word_of(const char *word, const char *words)
{
	char *copy = strdup(words), *rest = copy, *one;
	bool found = false;

	ck_assert_ptr_nonnull(copy);
	while ((one = strsep(&rest, " ")))
		found |= !strcmp(one, word);
	free(copy);
	return found;
}

static bool any_finding(const char *image, const char *codes)
{
	char command[64];
	const json_t *finding;
	bool found = false;
	size_t i;

	snprintf(command, sizeof command, "img fsck -fn %s --format=json",
		 image);
	json_t *all = json_of(command);
	json_array_foreach(json_object_get(all, "findings"), i, finding)
		found |= is_word_of(text_in(finding, "code"), codes);
	json_decref(all);
	return found;
}

static void check_kind(const json_t *kind, int seed)
{
	const char *name = text_in(kind, "kind");
	const char *judge = text_in(kind, "e2fsck");

	img_do("cp --sparse=always base.img x.img && "
	       "img inject --quiet x.img %s --seed=%d",
	       name, seed);
	ck_assert_msg(any_finding("x.img", text_in(kind, "codes")),
		      "%s: img fsck does not find it", name);
	struct outcome o = img_shell("e2fsck -fn x.img 2>&1");
	if (judge)
		ck_assert_msg(strstr(o.out, judge), "%s: not '%s':\n%.2000s",
			      name, judge, o.out);
	else
		ck_assert_msg(o.exit == 0, "%s: e2fsck speaks:\n%.2000s", name,
			      o.out);
	outcome_free(&o);

	img_do("cp --sparse=always x.img y.img");
	o = img_shell("img fsck -fy x.img");
	ck_assert_msg(o.exit == 1, "%s: img fsck -fy: %d", name, o.exit);
	outcome_free(&o);
	img_clean("x.img");
	o = img_shell("img fsck -fn x.img");
	ck_assert_msg(o.exit == 0, "%s: %.1000s", name, o.out);
	outcome_free(&o);

	bool gives_up = json_is_true(json_object_get(kind, "e2fsck_gives_up"));
	o = img_shell("e2fsck -fy y.img");
	ck_assert_msg((o.exit == 8) == gives_up, "%s: e2fsck -fy: %d", name,
		      o.exit);
	outcome_free(&o);
	if (gives_up) { // then it has to be told of a copy
		o = img_shell("e2fsck -fy -b 8193 -B 1024 y.img");
		outcome_free(&o);
	}
	img_clean("y.img");
}

// In parts, so that no test takes long.
enum { PARTS = 6 };

START_TEST(inject_every_kind)
{
	const json_t *kind;
	size_t i;

	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_base();
	json_t *kinds = json_of("img inject --list --format=json");
	ck_assert_uint_ge(json_array_size(kinds), 60);
	json_array_foreach(kinds, i,
			   kind) if ((int)(i % PARTS) ==
				     _i) for (int seed = 0;
					      seed < (soaking() ? 10 : 1);
					      seed++) check_kind(kind, seed);
	json_decref(kinds);
}
END_TEST

// Every structure that the format has is among them.
START_TEST(inject_knows_all_structures)
{
	static const char *const structures[] = {
		"superblock",	   "group descriptor",
		"block bitmap",	   "inode bitmap",
		"inode",	   "block map",
		"directory entry", "directory",
		"htree",	   "extended attributes",
		"journal inode",   "journal superblock",
	};
	json_t *kinds = json_of("img inject --list --format=json");
	const json_t *kind;
	size_t i;

	for (size_t k = 0; k < sizeof structures / sizeof *structures; k++) {
		int n = 0;

		json_array_foreach(kinds, i, kind)
			n += !strcmp(text_in(kind, "structure"), structures[k]);
		ck_assert_msg(n > 0, "%s", structures[k]);
	}
	json_decref(kinds);
}
END_TEST

// ## Exercises

// How many bytes of this change differ, all of which have to be lines of cmp -l.
static size_t told(const json_t *change, const char *differing)
{
	const char *was = text_in(change, "before");
	const char *is = text_in(change, "after");
	long long at = json_integer_value(json_object_get(change, "offset"));
	size_t count = 0;

	for (size_t n = 0; was[n]; n += 2) {
		char line[64];
		unsigned a, b;

		ck_assert_int_eq(sscanf(was + n, "%2x", &a), 1);
		ck_assert_int_eq(sscanf(is + n, "%2x", &b), 1);
		if (a == b)
			continue;
		snprintf(line, sizeof line, "\n%lld %o %o\n",
			 at + (long long)(n / 2) + 1, a, b);
		ck_assert_msg(strstr(differing, line), "%s", line);
		count++;
	}
	return count;
}

// Bytes that differ, as cmp -l says them, are those of the answer.
static void check_answer(int count, int seed)
{
	char command[96];
	const json_t *damage, *change;
	size_t i, k, said = 0;

	img_do("rm -f c.img && img inject --quiet base.img --exercise=%d "
	       "--seed=%d --to=c.img",
	       count, seed);
	snprintf(command, sizeof command,
		 "img inject base.img --exercise=%d --seed=%d -c --format=json",
		 count, seed);
	json_t *answer = json_of(command);
	ck_assert_int_eq(json_array_size(json_object_get(answer, "damage")),
			 count);
	// cmp -l pads its columns.
	char *differing = img_text("echo; { cmp -l base.img c.img || true; } | "
				   "awk '{ print $1, $2, $3 }'");
	for (const char *at = differing + 1; (at = strchr(at, '\n')); at++)
		said++;
	json_array_foreach(json_object_get(answer, "damage"), i, damage)
		json_array_foreach(json_object_get(damage, "changes"), k,
				   change) said -= told(change, differing);
	ck_assert_uint_eq(said, 0);
	json_decref(answer);
	free(differing);
}

START_TEST(inject_exercise)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_base();
	img_do("cp --sparse=always base.img before");
	char *one = img_text("img inject base.img --exercise=3 --seed=7 && "
			     "cp base.img.exercise first");
	ck_assert_msg(strstr(one, "base.img.exercise is base.img with 3 things "
				  "damaged (seed 7)"),
		      "%s", one);
	free(one);
	img_do("img inject --quiet base.img --exercise=3 --seed=7 && "
	       "cmp first base.img.exercise");
	img_do("img inject --quiet base.img --exercise=3 --seed=8 && "
	       "! cmp -s first base.img.exercise");
	char *answers = img_text("img inject base.img --exercise=3 --seed=7 "
				 "-c");
	ck_assert_msg(strstr(answers, "1  ") && strstr(answers, "\n3  ") &&
			      strstr(answers, " -> ") &&
			      strstr(answers, "img fsck   ") &&
			      strstr(answers, "e2fsck     "),
		      "%s", answers);
	free(answers);
	for (int seed = 1; seed <= 6; seed++) {
		check_answer(1 + seed % 4, seed);
		img_do("e2fsck -fy c.img >/dev/null 2>&1 || test $? = 1");
		img_clean("c.img");
		img_do("img inject --quiet base.img --exercise=%d --seed=%d "
		       "--to=c.img && { img fsck -fy c.img >/dev/null || "
		       "test $? = 1; }",
		       1 + seed % 4, seed);
		img_clean("c.img");
	}
	img_do("cmp base.img before");
	img_fails(1, "want another file",
		  "img inject base.img --exercise --to=./base.img");
	img_do("cmp base.img before");
}
END_TEST

START_TEST(inject_and_back)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	make_base();
	img_do("cp --sparse=always base.img x.img && "
	       "img inject x.img --random=5 --seed=3 --keep-undo=undo && "
	       "! cmp -s base.img x.img");
	struct outcome o = img_shell("img fsck --undo=undo x.img");
	ck_assert_int_eq(o.exit, 1);
	outcome_free(&o);
	img_do("cmp base.img x.img");
	// The same seed is the same damage.
	img_do("img inject --quiet x.img --random=5 --seed=3 && "
	       "cp --sparse=always base.img y.img && "
	       "img inject --quiet y.img --random=5 --seed=3 && "
	       "cmp x.img y.img");
	img_fails(2, "does not exist yet",
		  "img inject y.img dot --keep-undo=undo");
}
END_TEST

// ## Refusals

static const struct {
	int status;
	const char *words, *arguments;
} refused[] = {
	{ 1, "it has not a journal", "e2.img log-magic" },
	{ 1, "it has not a directory with an index", "e2.img index-count" },
	{ 1, "it has not a file", "e2.img inode-size" },
	{ 1, "not plain ext2 or ext3", "e4.img dot" },
	{ 1, "no superblock", "none.img dot" },
	{ 2, "want one that", "e2.img nothing" },
	{ 2, "want a KIND", "e2.img" },
	{ 2, "want a KIND", "e2.img dot --exercise" },
	{ 2, "want them with --exercise", "e2.img dot -c" },
	{ 2, "want it without --to", "e2.img --exercise -c --to=x" },
	{ 2, "from 1 to 40", "e2.img --random=0" },
	{ 2, "from 1 to 40", "e2.img --exercise=41" },
	{ 2, "--seed", "e2.img dot --seed=x" },
	{ 2, "leaves IMAGE alone", "e2.img --exercise --keep-undo=u" },
	{ 2, "IMAGE", "" },
};

enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(inject_refuses)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do("mke2fs -q -F -t ext2 e2.img 2M && "
	       "mke2fs -q -F -t ext4 e4.img 8M && truncate -s 1M none.img && "
	       "cat e2.img e4.img none.img >before");
	for (int i = 0; i < REFUSED; i++)
		img_fails(refused[i].status, refused[i].words, "img inject %s",
			  refused[i].arguments);
	// Another has it open, or may write to it.
	img_fails(1, "another program has it open",
		  "flock e2.img $B/fs/img inject e2.img super-free-blocks");
	img_do("cat e2.img e4.img none.img | cmp - before");
	if (geteuid() == 0) {
		struct outcome o = img_shell(
			"d=$(losetup -f --show e2.img) || exit 77; "
			"img inject $d super-free-blocks; s=$?; losetup -d $d; "
			"exit $s");
		if (o.exit != 77) {
			ck_assert_int_eq(o.exit, 1);
			ck_assert_msg(strstr(o.err, "it is a disk"), "%s",
				      o.err);
		}
		outcome_free(&o);
		img_do("cat e2.img e4.img none.img | cmp - before");
	}
}
END_TEST

void inject_tests(Suite *suite)
{
	TCase *c = tcase_create("inject");

	tcase_set_timeout(c, soaking() ? 1200 : 60);
	tcase_add_checked_fixture(c, img_set_up, img_tear_down);
	tcase_add_loop_test(c, inject_every_kind, 0, PARTS);
	tcase_add_test(c, inject_knows_all_structures);
	tcase_add_test(c, inject_exercise);
	tcase_add_test(c, inject_and_back);
	tcase_add_test(c, inject_refuses);
	suite_add_tcase(suite, c);
}
