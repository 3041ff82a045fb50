// Logs that others have left: the kernel and debugfs
//
// The kernel's are taken from under a mounted image, after fsync of one file
// (sync(1) would write everything home). Judges: e2fsck -E journal_only, and the
// kernel, which replays when it mounts, read-only here so that it does nothing
// else. Every block but superblocks and journal has to be the same.

#define _GNU_SOURCE
#include "journal_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## The kernel's

// Runs `work` in the mounted image and leaves a copy of it, taken meanwhile, as
// "log".
static void mounted(const char *mke2fs, const char *options, const char *work)
{
	journal_do("rm -f image log; mke2fs -q -F %s image 12m", mke2fs);
	journal_do("mkdir -p m; unshare -m sh -ec '\n"
		   "mount -t ext4 -o loop,%s image m\n"
		   "trap \"umount m\" EXIT\n"
		   "(cd m\n%s\n)\n"
		   "cp image log'",
		   options, work);
}

// Both judges of the file "log"; ours is in the file "ours" after it.
static void judge(const char *what, uint64_t *found, bool kernel)
{
	char why[200] = "";

	journal_do("cp log ours; cp log theirs; cp log kernel");
	int error = replay_file("ours", found);

	ck_assert_msg(error == 0, "%s: %s", what, strerror(-error));
	ck_assert_int_le(
		journal_shell(NULL, "e2fsck -E journal_only -y theirs"), 1);
	struct image before = image_load("log"), ours = image_load("ours");
	struct image theirs = image_load("theirs");
	struct device *device = image_device(&before);
	struct log log;

	ck_assert_int_eq(log_open(&log, device), 0);
	bool sums = get32(log.fs.s_feature_ro_compat) & RO_COMPAT_METADATA_CSUM;

	log_close(&log);
	ck_assert_msg(image_same(&ours, &theirs, sums, why), "%s, e2fsck: %s",
		      what, why);
	if (*found)
		ck_assert_msg(!image_same(&before, &ours, false, why),
			      "%s: the log holds nothing new", what);
	if (kernel) {
		// A loop device that can be written, mounted so that it is not.
		journal_do("unshare -m sh -ec '\n"
			   "l=$(losetup -f --show kernel)\n"
			   "trap \"losetup -d $l\" EXIT\n"
			   "mount -o ro $l m\numount m'");
		struct image kernels = image_load("kernel");

		ck_assert_msg(image_same(&ours, &kernels, false, why),
			      "%s, kernel: %s", what, why);
		image_free(&kernels);
	}
	image_free(&before);
	image_free(&ours);
	image_free(&theirs);
	device_close(device);
	journal_do("e2fsck -fn ours");
}

struct seen {
	uint32_t revokes, copies, escaped, revoked, last;
	bool went_round;
};

static int see(void *context, const struct journal_seen *item)
{
	struct seen *seen = context;

	if (!item->live)
		return 0;
	seen->went_round |= item->log_block < seen->last;
	seen->last = item->log_block;
	seen->revokes += item->revoke_count;
	seen->copies += item->type == 0;
	seen->escaped += item->escaped;
	seen->revoked += item->revoked;
	return 0;
}

static struct seen look_at_log(void)
{
	struct disk_journal_super super;
	struct image image = image_load("log");
	struct device *device = image_device(&image);
	struct seen seen = { 0 };

	ck_assert_int_eq(journal_look(device, &super, see, &seen), 0);
	device_close(device);
	image_free(&image);
	return seen;
}

#define MANY_FILES "for i in $(seq 200); do echo $i >f$i; done; sync f7\n"
#define DIRECTORIES "mkdir d; for i in $(seq 300); do ln -s x d/$i; done\n" \
	"sync f8; rm -r d f1*; head -c 300k /dev/urandom >data; sync data\n"

static const struct {
	const char *mke2fs, *options;
} kernel_kinds[] = {
	{ "-t ext3 -b 1024 -J size=1", "data=ordered" },
	{ "-t ext3 -b 2048 -J size=2", "data=ordered" },
	{ "-t ext3 -b 4096 -J size=4", "data=ordered" },
	{ "-t ext3 -b 1024 -J size=1", "data=journal" },
	{ "-t ext3 -b 1024 -J size=1", "journal_checksum" },
	{ "-t ext3 -b 1024 -J size=1",
	  "data=writeback,journal_async_commit" },
	{ "-t ext4 -O ^64bit,^metadata_csum -b 1024 -J size=1", "commit=90" },
	{ "-t ext4 -O 64bit,metadata_csum -b 1024 -J size=1", "commit=90" },
	{ "-t ext4 -O 64bit,metadata_csum -b 4096 -J size=4", "commit=90" },
	{ "-t ext4 -O 64bit,^metadata_csum -b 4096 -J size=4", "commit=90" },
};

START_TEST(kernels_logs)
{
	const char *mke2fs = kernel_kinds[_i].mke2fs;
	uint64_t found;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	if (!journal_mounts())
		SKIP(JOURNAL_NEEDS_ROOT);
	mounted(mke2fs, kernel_kinds[_i].options, MANY_FILES DIRECTORIES);
	struct seen seen = look_at_log();

	judge(mke2fs, &found, true);
	ck_assert_uint_ge(found, 2);
	// Where data are logged, too, a block that becomes data needs no revoke.
	ck_assert(seen.revokes > 0 ||
		  !strcmp(kernel_kinds[_i].options, "data=journal"));
}
END_TEST

// A journal of data: a file's blocks can begin with anything.
START_TEST(kernels_escaped_magic)
{
	uint64_t found;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	if (!journal_mounts())
		SKIP(JOURNAL_NEEDS_ROOT);
	mounted("-t ext3 -b 1024 -J size=1", "data=journal",
		"for i in $(seq 20); do\n"
		"printf \"\\300\\073\\071\\230 %1019d\" $i; done >magic\n"
		"sync magic\n");
	struct seen seen = look_at_log();

	ck_assert_uint_eq(seen.escaped, 20);
	judge("magic", &found, true);
	journal_do("test \"$(debugfs -R 'cat /magic' ours 2>/dev/null |"
		   " head -c 4 | od -An -tx1)\" = ' c0 3b 39 98'");
}
END_TEST

START_TEST(kernels_log_goes_round)
{
	uint64_t found;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	if (!journal_mounts())
		SKIP(JOURNAL_NEEDS_ROOT);
	// Where the ring's end is depends on when the kernel makes room.
	for (int files = 110;; files += 7) {
		char work[200];

		ck_assert_int_lt(files, 300);
		snprintf(work, sizeof(work),
			 "for i in $(seq %d); do echo $i >f$i; sync f$i; "
			 "rm -f f$((i - 9)); done\n",
			 files);
		mounted("-t ext3 -b 1024 -J size=1", "data=ordered", work);
		if (look_at_log().went_round)
			break;
	}
	judge("round", &found, true);
}
END_TEST

// Files that were open when their last name went. Replay leaves them in the list;
// who opens the image for writing frees them, as the kernel does when it mounts.
// e2fsck (1.47) does both at once, so debugfs is the judge of the first.
START_TEST(kernels_orphans)
{
	struct device *device;
	uint64_t found;
	struct ext2 *fs;
	char path[128], why[200];

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	if (!journal_mounts())
		SKIP(JOURNAL_NEEDS_ROOT);
	mounted(_i ? "-t ext3 -b 4096 -J size=4" : "-t ext3 -b 1024 -J size=1",
		"data=ordered",
		"seq 90000 >a; seq 900 >b; mkdir d; ln -s x c; touch e; sync "
		"e\n"
		"exec 3<a 4<b 5<e; rm a b e; seq 7 >f; sync f\n");
	journal_do("cp log ours; cp log theirs; debugfs -w -R jr theirs");
	ck_assert_int_eq(replay_file("ours", &found), 0);
	ck_assert_uint_ge(found, 1);
	struct image ours = image_load("ours"), theirs = image_load("theirs");

	ck_assert_msg(image_same(&ours, &theirs, false, why), "%s", why);
	image_free(&ours);
	image_free(&theirs);
	journal_do("for i in ours theirs; do dumpe2fs -h $i 2>&1 | "
		   "grep 'First orphan' >$i.first; done\n"
		   "test -s ours.first; cmp ours.first theirs.first");

	journal_do("cp log ours; cp log kernel");
	snprintf(path, sizeof(path), "%s/ours", journal_folder);
	ck_assert_int_eq(device_file(path, DEVICE_WRITE, 0, 0, &device), 0);
	ck_assert_int_eq(ext2_open(device, EXT2_WRITE, &fs, NULL), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	device_close(device);
	journal_do("e2fsck -fn ours\n"
		   "unshare -m sh -ec 'mount -o loop kernel m; umount m'\n"
		   "for i in ours kernel; do dumpe2fs -h $i 2>&1 | "
		   "grep -E '^Free|orphan' >$i.free; done\n"
		   "cmp ours.free kernel.free; ! grep -q orphan ours.free");
}
END_TEST

// Operations instead of blocks are not for us, and said so.
START_TEST(kernels_fast_commits)
{
	struct ext2_refusal why;
	struct device *device;
	struct ext2 *fs;
	char path[128];

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	if (!journal_mounts())
		SKIP(JOURNAL_NEEDS_ROOT);
	mounted("-t ext4 -O fast_commit -b 1024", "commit=90",
		"touch a; sync a; for i in 1 2 3; do echo $i >>a; sync a; "
		"done");
	snprintf(path, sizeof(path), "%s/log", journal_folder);
	ck_assert_int_eq(device_file(path, DEVICE_READ, 0, 0, &device), 0);
	ck_assert_int_eq(ext2_open(device, 0, &fs, &why), -ENOTSUP);
	ck_assert_msg(strstr(why.text, "fast_commit") != NULL, "%s", why.text);
	ck_assert_int_eq(ext2_open(device, EXT2_NO_REPLAY, &fs, NULL), 0);
	ext2_close(fs);
	device_close(device);

	// A log without is played, although it could hold some. (What cannot be
	// said as an operation makes a commit of the other kind.)
	uint64_t found;

	mounted("-t ext4 -O fast_commit -b 1024", "commit=90",
		"mkdir d e; mv d e; touch a; sync a");
	judge("no fast commits", &found, true);
}
END_TEST

// ## Those of debugfs

#define EXT3 "-t ext3"
#define THREE "jw -b 2900-2909 data\njw -r 2901\njw -b 2902 late\n"

START_TEST(debugfs_logs)
{
	static const struct {
		const char *what, *open, *commands;
		uint64_t found;
		const char *mke2fs;
	} logs[] = {
		{ "one", "jo", "jw -b 2900-2909 data\n", 1, EXT3 },
		{ "copies of one block", "jo",
		  "jw -b 2900 data\njw -b 2900 late\njw -b 2901 data\n", 3,
		  EXT3 },
		{ "long", "jo", "jw -b 2000-2700 data\n", 1, EXT3 },
		{ "many", "jo",
		  "jw -b 2900 data\njw -b 2901 data\njw -b 2902 data\n"
		  "jw -b 2903 data\njw -b 2900-2903 late\njw -b 2905 data\n"
		  "jw -b 2906 data\njw -b 2907 data\n",
		  8, EXT3 },
		{ "revoked", "jo",
		  "jw -b 2900-2909 data\njw -r 2903,2904\njw -b 2904 late\n",
		  3, EXT3 },
		{ "torn", "jo", "jw -b 2900 data\njw -b 2901-2905 -c data\n",
		  1, EXT3 },
		{ "torn at once", "jo", "jw -b 2901-2905 -c data\n", 0, EXT3 },
		// Of 1.47: its oldest checksum covers revoke blocks, which
		// that of the kernel and of e2fsck does not. So the log ends.
		{ "oldest checksums", "jo -c",
		  "jw -b 2900-2909 data\njw -b 2901 late\njw -r 2901\n"
		  "jw -b 2902 late\n",
		  2, EXT3 },
		{ "checksums 2", "jo -c -v 2", THREE, 3,
		  "-t ext4 -O ^64bit,metadata_csum" },
		{ "checksums 3", "jo -c -v 3", THREE, 3,
		  "-t ext4 -O ^64bit,metadata_csum" },
		{ "64 bits", "jo", THREE, 3, "-t ext4 -O 64bit,^metadata_csum" },
		{ "64 bits, checksums 3", "jo -c -v 3", THREE, 3,
		  "-t ext4 -O 64bit,metadata_csum" },
	};

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	journal_do("head -c 800k /dev/urandom >data; cp data late\n"
		   "printf '\\300\\073\\071\\230' |"
		   " dd of=late conv=notrunc status=none");
	for (size_t i = 0; i < sizeof(logs) / sizeof(*logs); i++) {
		uint64_t found;

		journal_do("rm -f log; mke2fs -q -F %s -b 1024 -J size=1 "
			   "log 3m; printf '%s\\n%sjc\\n' >script; "
			   "debugfs -w -f script log",
			   logs[i].mke2fs, logs[i].open, logs[i].commands);
		judge(logs[i].what, &found, false);
		ck_assert_msg(found == logs[i].found, "%s: found %llu",
			      logs[i].what, (unsigned long long)found);
	}
}
END_TEST

// ## Looking

struct told {
	FILE *out;
};

static int tell_as_debugfs(void *context, const struct journal_seen *seen)
{
	struct told *told = context;

	if (!seen->live)
		return 0;
	if (seen->type == 0)
		fprintf(told->out, "FS block %llu logged at journal block %u\n",
			(unsigned long long)seen->home, seen->log_block);
	else
		fprintf(told->out, "sequence %u, type %d at block %u\n",
			seen->sequence, seen->type, seen->log_block);
	for (uint32_t i = 0; i < seen->revoke_count; i++)
		fprintf(told->out, "Revoke FS block %llu\n",
			(unsigned long long)seen->revokes[i]);
	return 0;
}

START_TEST(look_sees_what_debugfs_sees)
{
	struct disk_journal_super super;
	struct told told;
	char *ours, *theirs;
	size_t size;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	journal_do("head -c 90k /dev/urandom >data; printf 'jo\njw -b "
		   "2900-2980 data\njw -r 2901,2903\njw -b 2903 data\njc\n' "
		   ">script; mke2fs -q -F -t ext3 -b 1024 -J size=1 log 3m; "
		   "debugfs -w -f script log");
	ck_assert_int_eq(
		journal_shell(
			&theirs,
			"debugfs -R \"logdump -a\" log 2>/dev/null | sed -nE '"
			"s/^Found expected (sequence [0-9]+, type [0-9])"
			"[^)]*[)]/\\1/p; "
			"s/^ *(FS block .*) [(].*/\\1/p; "
			"s/^ *(Revoke FS block [0-9]+).*/\\1/p'"),
		0);
	struct image image = image_load("log");
	struct device *device = image_device(&image);

	told.out = open_memstream(&ours, &size);
	ck_assert_int_eq(journal_look(device, &super, tell_as_debugfs, &told),
			 0);
	fclose(told.out);
	ck_assert_str_eq(ours, theirs);
	ck_assert_ptr_nonnull(strstr(ours, "Revoke FS block 2903"));
	free(ours);
	free(theirs);

	device_close(device);
	image_free(&image);
}
END_TEST

static int count_all(void *context, const struct journal_seen *seen)
{
	uint32_t *count = context;

	ck_assert(!seen->live);
	count[seen->type]++;
	return 0;
}

static int stop_at_third(void *context, const struct journal_seen *seen)
{
	uint32_t *count = context;

	(void)seen;
	return ++*count == 3 ? 77 : 0;
}

START_TEST(look_finds_what_was_played)
{
	struct disk_journal_super super;
	uint32_t count[8] = { 0 }, told = 0;
	uint64_t found;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	journal_do("head -c 90k /dev/urandom >data; printf 'jo\njw -b "
		   "2900-2909 data\njw -r 2901,2903\njc\n' >script; "
		   "mke2fs -q -F -t ext3 -b 1024 -J size=1 log 3m; "
		   "debugfs -w -f script log");
	ck_assert_int_eq(replay_file("log", &found), 0);
	ck_assert_uint_eq(found, 2);
	struct image image = image_load("log");
	struct device *device = image_device(&image);

	ck_assert_int_eq(journal_look(device, &super, count_all, count), 0);
	ck_assert_uint_eq(count[0], 10);
	ck_assert_uint_eq(count[JOURNAL_DESCRIPTOR], 1);
	ck_assert_uint_eq(count[JOURNAL_COMMIT], 2);
	ck_assert_uint_eq(count[JOURNAL_REVOKE], 1);
	ck_assert_int_eq(journal_look(device, &super, stop_at_third, &told),
			 77);
	ck_assert_uint_eq(told, 3);
	ck_assert_int_eq(journal_look(device, &super, NULL, NULL), 0);
	device_close(device);
	image_free(&image);
}
END_TEST

// ## Reading only

START_TEST(reader_replays_in_memory)
{
	struct ext2_numbers numbers;
	struct ext2_refusal why;
	struct device *device;
	struct ext2 *fs;
	uint8_t block[1024];
	char path[128];

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	journal_do("head -c 10k /dev/urandom >data; printf 'jo\njw -b "
		   "2900-2909 data\njc\n' >script; "
		   "mke2fs -q -F -t ext3 -b 1024 -J size=1 log 3m; "
		   "debugfs -w -f script log; cp log before");
	struct image data = image_load("data");

	snprintf(path, sizeof(path), "%s/log", journal_folder);
	ck_assert_int_eq(device_file(path, DEVICE_READ, 0, 0, &device), 0);
	int error = ext2_open(device, 0, &fs, &why);

	ck_assert_msg(error == 0, "%s", why.text);
	ext2_numbers(fs, &numbers);
	ck_assert(numbers.replayed);
	ck_assert(!(numbers.incompat & INCOMPAT_RECOVER));
	ck_assert_int_eq(ext2_read_block(fs, 2901, block), 0);
	ck_assert_mem_eq(block, data.bytes + 1024, 1024);
	ext2_close(fs);
	ck_assert_int_eq(ext2_open(device, EXT2_NO_REPLAY, &fs, &why), 0);
	ck_assert_int_eq(ext2_read_block(fs, 2901, block), 0);
	ck_assert_mem_ne(block, data.bytes + 1024, 1024);
	ext2_close(fs);
	device_close(device);
	journal_do("cmp log before");
	image_free(&data);
}
END_TEST

Suite *journal_suite(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = tcase_create("left");

	tcase_add_checked_fixture(tcase, journal_set_up, journal_tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, kernels_logs, 0,
			    sizeof(kernel_kinds) / sizeof(*kernel_kinds));
	tcase_add_test(tcase, kernels_escaped_magic);
	tcase_add_test(tcase, kernels_log_goes_round);
	tcase_add_loop_test(tcase, kernels_orphans, 0, 2);
	tcase_add_test(tcase, kernels_fast_commits);
	tcase_add_test(tcase, debugfs_logs);
	tcase_add_test(tcase, look_sees_what_debugfs_sees);
	tcase_add_test(tcase, look_finds_what_was_played);
	tcase_add_test(tcase, reader_replays_in_memory);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, journal_made_case());
	suite_add_tcase(suite, journal_hostile_case());
	suite_add_tcase(suite, journal_commit_case());
	suite_add_tcase(suite, journal_large_case());
	return suite;
}
