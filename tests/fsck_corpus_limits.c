// Logs to be replayed, images without room, devices that fail, repairs that are
// declined, and images that are none of our business.

#define _GNU_SOURCE
#include "content_parts.h"
#include "crash_parts.h"
#include "fsck_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct damage *row(const char *name)
{
	for (int i = 0; i < corpus_structure_count; i++)
		if (!strcmp(corpus_structures[i].name, name))
			return &corpus_structures[i];
	ck_abort_msg("no row '%s'", name);
}

// ## Logs

// The image in the file: what is found, and what is there after our repair and
// after that of e2fsck.
static void judge_log(const char *name, const char *codes, const char *allowed)
{
	struct device *image, *overlay;
	struct check_result result;
	char copy[4000], *rest = copy, *word, *lost;
	struct told told;
	const char *said;

	ck_assert_int_eq(device_file(content_image, DEVICE_READ, 0, 0, &image),
			 0);
	ck_assert_int_eq(device_overlay(image, 512, 8 << 20, &overlay), 0);
	ck_assert_int_eq(corpus_look(overlay, false, &told, &result), 0);
	ck_assert_uint_eq(device_overlay_units(overlay), 0);
	ck_assert_msg(strstr(told.codes, codes), "%s: %s", name, told.text);
	snprintf(copy, sizeof copy, "%s", told.codes);
	while ((word = strsep(&rest, " ")))
		ck_assert_msg(strstr(allowed, word), "%s: %s\n%s", name, word,
			      told.text);
	ck_assert_int_eq(corpus_look(overlay, true, &told, &result), 0);
	ck_assert_msg(!result.left, "%s: %s", name, told.text);
	ck_assert_int_eq(corpus_look(overlay, false, &told, &result), 0);
	ck_assert_msg(!told.count, "%s: %s", name, told.text);
	content_do("cp image theirs");

	struct crash_bytes ours = bytes_of_device(overlay);
	char theirs[120];

	snprintf(theirs, sizeof theirs, "%s/theirs", content_folder);
	put_sector_bytes(crash_image(), &ours);
	ck_assert_msg(!e2fsck("-fn", crash_image(), &said), "%s: %s", name,
		      said);
	ck_assert_int_le(e2fsck("-fy", theirs, &said), 1);

	struct device *first, *second;

	ck_assert_int_eq(device_file(theirs, DEVICE_READ, 0, 0, &first), 0);
	ck_assert_int_eq(device_memory(ours.n, &second), 0);
	ck_assert_int_eq(device_write(second, 0, ours.bytes, ours.n), 0);
	lost = corpus_lost(first, second, NULL);
	ck_assert_msg(!lost, "%s: e2fsck keeps %s", name, lost);
	lost = corpus_lost(second, first, NULL);
	ck_assert_msg(!lost, "%s: only we keep %s", name, lost);
	device_close(first);
	device_close(second);
	device_close(overlay);
	device_close(image);
	free(ours.bytes);
}

START_TEST(fsck_replays_a_log_of_debugfs)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_do("mke2fs -q -F -t ext3 -b 1024 image 12M && "
		   "head -c 5000 /dev/zero | tr '\\0' x >f && "
		   "debugfs -w -R 'write f f' image && "
		   "B=$(debugfs -R 'blocks f' image | tail -1 | cut -d' ' "
		   "-f2) && tr x y <f | head -c 1024 >new && "
		   "printf \"jo\\njw -b $B new\\njc\\n\" >script && "
		   "debugfs -w -f script image");
	if (_i) // its inode is only to be had from the copy
		content_do("debugfs -w -R 'clri <8>' image");
	judge_log("debugfs", " journal-replay ",
		  _i ? "journal-inode journal-replay" : "journal-replay");
}
END_TEST

// The image is copied from under the kernel, after fsync(2) of one file; another
// has been deleted, but is open.
START_TEST(fsck_replays_a_log_of_the_kernel)
{
	char *said;
	bool mounted;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	if (geteuid())
		SKIP("mounting needs root");
	content_do("mke2fs -q -F -t ext3 -b %d -O ^dir_index live 16M",
		   _i ? 4096 : 1024);
	said = content_shell(
		"unshare -m sh -c 'mkdir at && mount -o loop live at && "
		"cd at && mkdir d && for i in $(seq 200); do echo $i >d/$i; "
		"done && sync d/7 && rm d/1* && head -c 90000 /dev/zero >open "
		"&& exec 3<open && rm open && echo x >>d/7 && sync d/7 && "
		"cp ../live ../image && cd .. && exec 3<&- && umount at' "
		">/dev/null 2>&1 && echo yes || echo no");
	mounted = !strcmp(said, "yes\n");
	free(said);
	if (!mounted)
		SKIP("no loop mounts here");
	judge_log("kernel", " journal-replay ", "journal-replay orphan");
}
END_TEST

// A journal that is lost with its copy is followed by another, into which the
// next change is written.
START_TEST(fsck_makes_a_journal)
{
	struct ext2_inode like = { .mode = S_IFREG | 0600 };
	struct check_result result;
	struct ext2_refusal why;
	struct corpus c;
	struct told told;
	struct ext2 *fs;
	const char *said;
	uint32_t ino;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	for (int i = 0; i < CORPUS_KINDS; i++) {
		if (!(corpus_kinds[i].has & KIND_JOURNAL))
			continue;
		corpus_make(&c, &corpus_kinds[i]);
		corpus_copy(&c);
		damage_do(&c, row("log's inode and its copy gone"));
		ck_assert_int_eq(corpus_look(c.device, true, &told, &result),
				 0);
		ck_assert_msg(!ext2_open(c.device, EXT2_WRITE, &fs, &why), "%s",
			      why.text);
		ck_assert_msg(get32(ext2_super(fs)->s_feature_compat) &
				      COMPAT_HAS_JOURNAL,
			      "%s: %s", c.kind->name, told.text);
		ck_assert_int_eq(
			ext2_create(fs, INO_ROOT, "new", 3, &like, &ino), 0);
		ck_assert_int_eq(ext2_commit(fs), 0);
		ext2_close(fs);
		corpus_put_file(&c, crash_image());
		ck_assert_msg(!e2fsck("-fn", crash_image(), &said), "%s", said);
		corpus_free(&c);
	}
}
END_TEST

// ## No room

static void fill_up(struct corpus *c)
{
	struct ext2_inode like = { .mode = S_IFREG | 0600 };
	struct ext2_refusal why;
	struct ext2 *fs;
	char bytes[1 << 16] = { 1 };
	uint32_t ino;
	int error = ext2_open(c->device, EXT2_WRITE, &fs, &why);

	ck_assert_msg(!error, "%s", why.text);
	ck_assert_int_eq(ext2_create(fs, INO_ROOT, "full", 4, &like, &ino), 0);
	for (size_t n = sizeof bytes; n >= 512;) {
		struct ext2_inode inode;

		ck_assert_int_eq(ext2_inode(fs, ino, &inode), 0);
		error = ext2_write(fs, ino, inode.size, bytes, n);
		ck_assert(!error || error == -ENOSPC);
		if (error)
			n /= 2;
	}
	for (int i = 0; !error || i < 2; i++) {
		char name[20];

		snprintf(name, sizeof name, "e%d", i);
		error = ext2_create(fs, INO_ROOT, name, strlen(name), &like,
				    &ino);
		if (error)
			break;
	}
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
}

// What cannot be repaired for want of room is left, and said to be; nothing else
// is lost by that, and a second repair finds just the same.
START_TEST(fsck_without_room)
{
	static const char *const rows[] = {
		"many lost", "no lost+found", "two files", "two directories",
		"directory without block", "root without block", "file and map",
	};
	struct check_result result, again;
	struct told told;
	struct corpus c;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[CORPUS_KINDS - 1]);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		corpus_copy(&c);
		fill_up(&c);
		damage_do(&c, row(rows[i]));
		ck_assert_int_eq(corpus_look(c.device, true, &told, &result),
				 0);
		ck_assert_uint_gt(result.findings, 0);
		ck_assert_uint_eq(result.findings,
				  result.repaired + result.left);
		ck_assert_int_eq(corpus_look(c.device, true, &told, &again), 0);
		ck_assert_msg(again.left <= result.left, "%s: %s", rows[i],
			      told.text);
	}
	corpus_free(&c);
}
END_TEST

// ## A device that fails

START_TEST(fsck_with_errors)
{
	struct corpus c;
	uint64_t calls;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[CORPUS_KINDS - 1]);
	for (uint64_t at = 0, step = soaking() ? 1 : 7;; at += step) {
		struct recording recording = { .fail_at = at,
					       .error = EIO,
					       .fail_reads = true,
					       .fail_ever_after = at % 2 };
		struct device *recorder;
		struct check_result result;
		struct told told;
		int error;

		corpus_copy(&c);
		damage_do(&c, row("many lost"));
		damage_do(&c, row("two maps"));
		damage_do(&c, row("index garbage"));
		ck_assert_int_eq(
			device_recorder(c.device, &recording, &recorder), 0);
		error = corpus_look(recorder, true, &told, &result);
		calls = recording.calls;
		recording_clear(&recording);
		device_close(recorder);
		if (at >= calls)
			break;
		ck_assert_msg(error == -EIO || error == 0, "call %ju: %s",
			      (uintmax_t)at, strerror(-error));
		ck_assert_msg(error || !(at % 2), "call %ju: no error",
			      (uintmax_t)at);
	}
	ck_assert_uint_gt(calls, 50);
	corpus_free(&c);
}
END_TEST

// ## Answers

static bool never(void *context, const struct finding *f)
{
	(void)f;
	++*(int *)context;
	return false;
}

static bool if_safe(void *context, const struct finding *f)
{
	(void)context;
	return f->safe;
}

// Who says no to all has an image as it was.
START_TEST(fsck_declined)
{
	int asked = 0;
	struct check_options options = {
		.repair = true, .force = true, .agree = never, .context = &asked
	};
	struct check_result result;
	struct corpus c;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[_i]);
	for (int i = 0; i < corpus_structure_count; i++) {
		struct device *overlay;

		if (!damage_possible(&c, &corpus_structures[i]))
			continue;
		corpus_copy(&c);
		damage_do(&c, &corpus_structures[i]);
		ck_assert_int_eq(
			device_overlay(c.device, 512, 1 << 20, &overlay), 0);
		ck_assert_int_eq(ext2_check(overlay, &options, &result), 0);
		ck_assert_msg(!result.repaired && result.left && asked, "%s",
			      corpus_structures[i].name);
		ck_assert_msg(!device_overlay_units(overlay), "%s: written",
			      corpus_structures[i].name);
		device_close(overlay);
	}
	corpus_free(&c);
}
END_TEST

// A superblock that says clean is believed when a root and the places of all
// tables bear it out.
START_TEST(fsck_says_clean)
{
	static const char *const rows[] = {
		"inode table of zeros", "inode tables outside", "root gone",
		"descriptors gone",
	};
	const struct check_options options = { .repair = false };
	struct check_result result;
	struct corpus c;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[0]);
	corpus_copy(&c);
	ck_assert_int_eq(ext2_check(c.device, &options, &result), 0);
	ck_assert(result.was_clean && !result.findings);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		corpus_copy(&c);
		damage_do(&c, row(rows[i]));
		ck_assert_int_eq(ext2_check(c.device, &options, &result), 0);
		ck_assert_msg(!result.was_clean && result.findings, "%s",
			      rows[i]);
	}
	corpus_free(&c);
}
END_TEST

// Safe repairs lose nothing: what a tree can be read of is there afterwards.
START_TEST(fsck_safe_repairs)
{
	struct check_options options = { .repair = true,
					 .force = true,
					 .agree = if_safe };
	static const char *const rows[] = {
		"block bitmap garbage", "inode bitmap garbage", "many lost",
		"orphan to be cut", "leaves exchanged", "index garbage",
	};
	struct check_result result;
	struct corpus c;
	struct told told;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[_i]);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		corpus_copy(&c);
		damage_do(&c, row(rows[i]));
		ck_assert_int_eq(ext2_check(c.device, &options, &result), 0);
		ck_assert_msg(!result.left && result.repaired, "%s", rows[i]);
		ck_assert_int_eq(corpus_look(c.device, false, &told, &result),
				 0);
		ck_assert_msg(!told.count, "%s: %s", rows[i], told.text);
	}
	corpus_free(&c);
}
END_TEST

// ## Not ours

static const struct {
	const char *options;
	int error;
} others[] = {
	{ "-t ext4", -ENOTSUP },
	{ "-t ext4 -O ^64bit,^metadata_csum,^extent", -ENOTSUP },
	{ "-t ext2 -O metadata_csum", -ENOTSUP },
	{ "-t ext2 -O bigalloc,extent", -ENOTSUP },
	{ "-t ext2 -O quota", -ENOTSUP },
	{ "-O journal_dev -b 1024", -ENOTSUP },
};

START_TEST(fsck_refuses)
{
	struct device *image;
	struct check_result result;
	struct told told;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_do("rm -f image; mke2fs -q -F %s image 24M",
		   others[_i].options);
	ck_assert_int_eq(device_file(content_image, DEVICE_READ, 0, 0, &image),
			 0);
	ck_assert_int_eq(corpus_look(image, true, &told, &result),
			 others[_i].error);
	ck_assert_int_eq(told.count, 0);
	device_close(image);
}
END_TEST

START_TEST(fsck_refuses_what_is_no_image)
{
	struct check_result result;
	struct device *device;
	struct told told;

	for (uint64_t bytes = 1; bytes <= 1 << 22; bytes *= 4) {
		ck_assert_int_eq(device_memory(bytes, &device), 0);
		ck_assert_int_eq(corpus_look(device, true, &told, &result),
				 -EINVAL);
		device_close(device);
	}
}
END_TEST

void fsck_limit_tests(Suite *suite)
{
	TCase *tests = tcase_create("limits");

	tcase_add_checked_fixture(tests, corpus_set_up, corpus_tear_down);
	tcase_set_timeout(tests, 0);
	tcase_add_loop_test(tests, fsck_replays_a_log_of_debugfs, 0, 2);
	tcase_add_loop_test(tests, fsck_replays_a_log_of_the_kernel, 0, 2);
	tcase_add_test(tests, fsck_makes_a_journal);
	tcase_add_test(tests, fsck_without_room);
	tcase_add_test(tests, fsck_with_errors);
	tcase_add_test(tests, fsck_says_clean);
	tcase_add_loop_test(tests, fsck_declined, 0, CORPUS_KINDS);
	tcase_add_loop_test(tests, fsck_safe_repairs, 0, CORPUS_KINDS);
	tcase_add_loop_test(tests, fsck_refuses, 0,
			    sizeof others / sizeof *others);
	tcase_add_test(tests, fsck_refuses_what_is_no_image);
	suite_add_tcase(suite, tests);
}
