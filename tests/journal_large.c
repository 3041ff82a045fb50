// Transactions larger than the log
//
// The log has 1024 blocks, and 2000 directories with names are made and others
// removed in one transaction, which takes half as many again. At every cut between
// two flushes the tree is the old or the new one, and e2fsck -fn finds nothing;
// when all is done the journal is what it was, to the block.

#include "journal_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DIRECTORIES = 1800, BLOCK = 1024 };

static void make_image(const char *size, uint32_t block_bytes)
{
	journal_do("rm -rf plain; mke2fs -q -F -t ext3 -b %u -N 6000 "
		   "-J size=%u plain %s",
		   block_bytes, block_bytes / 1024, size);
}

// Old directories, which a first transaction makes, go; new ones come.
static int large_edit(struct ext2 *fs, const char *come, const char *go)
{
	const struct ext2_inode folder = { .mode = S_IFDIR | 0755 };
	const struct ext2_inode file = { .mode = S_IFREG | 0644 };
	int error = 0;

	for (int i = 0; i < DIRECTORIES && !error; i++) {
		char name[20];
		uint32_t dir, ino;
		size_t n;

		n = (size_t)snprintf(name, sizeof(name), "%s%d", go, i);
		if (*go)
			error = ext2_rmdir(fs, INO_ROOT, name, n);
		n = (size_t)snprintf(name, sizeof(name), "%s%d", come, i);
		if (!error)
			error = ext2_create(fs, INO_ROOT, name, n, &folder,
					    &dir);
		if (!error && *go)
			error = ext2_create(fs, dir, "file", 4, &file, &ino);
	}
	return error;
}

static struct ext2 *open_large(struct device *device)
{
	struct ext2_refusal why;
	struct ext2 *fs;
	int error = ext2_open(device, EXT2_WRITE, &fs, &why);

	ck_assert_msg(error == 0, "%s", why.text);
	return fs;
}

static uint32_t names_with(struct device *device, char letter)
{
	uint32_t ino, count = 0;
	struct ext2 *fs;

	ck_assert_int_eq(ext2_open(device, 0, &fs, NULL), 0);
	for (int i = 0; i < DIRECTORIES; i++) {
		char path[20];

		snprintf(path, sizeof(path), "/%c%d", letter, i);
		count += !ext2_walk(fs, INO_ROOT, path, 0, NULL, NULL, &ino);
	}
	ext2_close(fs);
	return count;
}

static void same_journal(const struct image *a, const struct image *b)
{
	struct device *devices[] = { image_device(a), image_device(b) };
	struct log logs[2];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(log_open(&logs[i], devices[i]), 0);
	ck_assert_uint_eq(logs[0].inode_blocks, logs[1].inode_blocks);
	ck_assert_uint_eq(logs[0].length, logs[1].length);
	ck_assert_mem_eq(&logs[0].inode, &logs[1].inode, INODE_BYTES_OLD);
	ck_assert_mem_eq(logs[0].fs.s_jnl_blocks, logs[1].fs.s_jnl_blocks,
			 sizeof(logs[0].fs.s_jnl_blocks));
	for (uint64_t n = 0; n < logs[0].inode_blocks; n++) {
		uint64_t places[2];

		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(log_place(&logs[i], n, &places[i]), 0);
		ck_assert_uint_eq(places[0], places[1]);
	}
	for (int i = 0; i < 2; i++) {
		log_close(&logs[i]);
		device_close(devices[i]);
	}
}

// The image of a large first transaction, in the file "plain".
static void first_transaction(void)
{
	struct image image = image_load("plain");
	struct device *device = image_device(&image);
	struct ext2 *fs = open_large(device);

	ck_assert_int_eq(large_edit(fs, "a", ""), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);

	// The same fs goes on.
	const struct ext2_inode file = { .mode = S_IFREG | 0644 };
	uint32_t ino;

	ck_assert_int_eq(ext2_create(fs, INO_ROOT, "x", 1, &file, &ino), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ck_assert_int_eq(ext2_unlink(fs, INO_ROOT, "x", 1), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	struct image after = image_of(device);

	same_journal(&image, &after);
	image_save("plain", &after);
	journal_do("e2fsck -fn plain");
	image_free(&after);
	image_free(&image);
	device_close(device);
}

struct cuts {
	struct image image;
	uint32_t old, new; // cuts that gave the one or the other tree
	uint64_t longest;  // of the journal
};

static void judge_cut(struct cuts *cuts, size_t i, bool kernel)
{
	struct device *device = image_device(&cuts->image);
	uint64_t found;
	struct log log;

	ck_assert_int_eq(journal_replay(device, &found), 0);
	struct image ours = image_of(device);

	image_save("ours", &ours);
	journal_do("e2fsck -fn ours || { echo cut %zu; false; }", i);
	if (names_with(device, 'a') == DIRECTORIES) {
		ck_assert_uint_eq(names_with(device, 'b'), 0);
		ck_assert_uint_eq(cuts->new, 0);
		cuts->old++;
	} else {
		ck_assert_uint_eq(names_with(device, 'a'), 0);
		ck_assert_uint_eq(names_with(device, 'b'), DIRECTORIES);
		cuts->new ++;
	}
	ck_assert_int_eq(log_open(&log, device), 0);
	if (log.inode_blocks > cuts->longest)
		cuts->longest = log.inode_blocks;
	log_close(&log);
	image_free(&ours);
	device_close(device);
	if (!kernel)
		return;
	// The kernel replays, and uses the log that it has found: a journal
	// that has just grown or shrunk must not get under its feet.
	image_save("image", &cuts->image);
	journal_do("unshare -m sh -ec 'mount -o loop image m\n"
		   "trap \"umount m\" EXIT\n"
		   "test $(ls m | grep -c ^b) = %d\n"
		   "for i in $(seq 60); do head -c 3k /dev/zero >m/k$i; "
		   "sync m/k$i; done' && e2fsck -fn image || "
		   "{ echo cut %zu; false; }",
		   cuts->new ? DIRECTORIES : 0, i);
}

START_TEST(grows_and_shrinks)
{
	struct recording recording = { 0 };
	struct device *base, *recorder;
	struct cuts cuts = { 0 };

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_image("14m", BLOCK);
	first_transaction();
	struct image before = image_load("plain");

	cuts.image = image_load("plain");
	bool kernel = journal_mounts();

	base = image_device(&before);
	ck_assert_int_eq(device_recorder(base, &recording, &recorder), 0);
	struct ext2 *fs = open_large(recorder);

	ck_assert_int_eq(large_edit(fs, "b", "a"), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	for (size_t i = 0; i < recording.count; i++) {
		const struct recorded *item = &recording.item[i];
		const bool sector = item->kind == RECORDED_WRITE &&
				    item->n == SECTOR_BYTES;

		if (item->kind == RECORDED_WRITE)
			memcpy(cuts.image.bytes + item->offset, item->bytes,
			       item->n);
		if (item->kind == RECORDED_FLUSH || sector ||
		    (soaking() && i % 50 == 0))
			judge_cut(&cuts, i, kernel && (sector || soaking()));
	}
	ck_assert_uint_gt(cuts.old, 5);
	ck_assert_uint_gt(cuts.new, 5);
	ck_assert_uint_gt(cuts.longest, 1024);
	same_journal(&before, &cuts.image);
	image_free(&cuts.image);
	image_free(&before);
	recording_clear(&recording);
	device_close(recorder);
	device_close(base);
}
END_TEST

// A crash left a journal that is longer than it says: the next commit cuts it.
START_TEST(leftover_length_goes)
{
	struct recording recording = { 0 };
	struct device *base, *recorder;
	size_t cut = 0;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_image("14m", BLOCK);
	first_transaction();
	struct image before = image_load("plain"), image = image_load("plain");

	base = image_device(&before);
	ck_assert_int_eq(device_recorder(base, &recording, &recorder), 0);
	struct ext2 *fs = open_large(recorder);

	ck_assert_int_eq(large_edit(fs, "b", "a"), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	device_close(recorder);
	device_close(base);
	// Up to the second time that the log is empty: the first was that of
	// the growing. Then the same edit once more.
	for (int flushes = 0; flushes < 5; cut++) {
		flushes += recording.item[cut].kind == RECORDED_FLUSH;
		if (recording.item[cut].kind == RECORDED_WRITE)
			memcpy(image.bytes + recording.item[cut].offset,
			       recording.item[cut].bytes,
			       recording.item[cut].n);
	}
	base = image_device(&image);
	struct log log;

	ck_assert_int_eq(log_open(&log, base), 0);
	ck_assert_uint_gt(log.inode_blocks, log.length);
	log_close(&log);
	fs = open_large(base);
	struct ext2_inode root;

	ck_assert_int_eq(ext2_inode(fs, INO_ROOT, &root), 0);
	root.mtime.seconds++;
	ck_assert_int_eq(ext2_set_inode(fs, &root), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	// What came back can be used.
	ck_assert_int_eq(large_edit(fs, "b", "a"), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	struct image after = image_of(base);

	same_journal(&before, &after);
	image_save("after", &after);
	journal_do("e2fsck -fn after");
	image_free(&after);
	image_free(&image);
	image_free(&before);
	recording_clear(&recording);
	device_close(base);
}
END_TEST

// No room for a longer log: nothing has changed, and -EFBIG says so.
START_TEST(no_room_to_grow)
{
	const struct ext2_inode file = { .mode = S_IFREG | 0644 };
	struct device *device;
	struct ext2_refusal why;
	struct ext2 *fs;
	uint32_t ino;
	uint8_t *bytes;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	bytes = calloc(1, 1 << 20);
	make_image("14m", BLOCK);
	first_transaction();
	struct image image = image_load("plain");

	device = image_device(&image);
	fs = open_large(device);
	ck_assert_int_eq(large_edit(fs, "b", "a"), 0);
	ck_assert_int_eq(ext2_create(fs, INO_ROOT, "full", 4, &file, &ino), 0);
	memset(bytes, 7, 1 << 20);
	for (uint64_t at = 0, n = 1 << 20; n >= BLOCK;) {
		int error = ext2_write(fs, ino, at, bytes, n);

		if (error)
			ck_assert_int_eq(error, -ENOSPC);
		at += error ? 0 : n;
		n = error ? n / 2 : n;
	}
	ck_assert_int_eq(ext2_commit(fs), -EFBIG);
	ck_assert(!ext2_decided(fs));
	ck_assert_int_ne(ext2_commit(fs), 0);
	ext2_close(fs);
	ck_assert_uint_eq(names_with(device, 'b'), 0);
	ck_assert_uint_eq(names_with(device, 'a'), DIRECTORIES);
	ck_assert_int_eq(ext2_open(device, EXT2_WRITE, &fs, &why), 0);
	ck_assert_int_eq(ext2_create(fs, INO_ROOT, "x", 1, &file, &ino), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	struct image after = image_of(device);

	same_journal(&image, &after);
	image_save("after", &after);
	journal_do("e2fsck -fn after");
	free(bytes);
	image_free(&after);
	image_free(&image);
	device_close(device);
}
END_TEST

// Each call fails once, in all three transactions.
START_TEST(failures_while_it_grows)
{
	struct recording whole = { 0 };
	uint32_t decided = 0, tried = 0;
	uint64_t edited = 0, step;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_image("14m", BLOCK);
	first_transaction();
	struct image image = image_load("plain");

	for (uint64_t call = 0;; call += step) {
		struct recording recording = { .error = tried ? ENOSPC : 0,
					       .fail_at = call };
		struct device *base = image_device(&image), *recorder;
		uint64_t found;

		ck_assert_int_eq(device_recorder(base, &recording, &recorder),
				 0);
		struct ext2 *fs = open_large(recorder);

		ck_assert_int_eq(large_edit(fs, "b", "a"), 0);
		edited = recording.calls;
		int error = ext2_commit(fs);
		bool is_decided = ext2_decided(fs);

		ext2_close(fs);
		ck_assert_int_eq(error, tried ? -ENOSPC : 0);
		ck_assert_int_eq(journal_replay(base, &found), 0);
		ck_assert_uint_eq(names_with(base, 'b'),
				  is_decided ? DIRECTORIES : 0);
		struct image failed = image_of(base);

		image_save("failed", &failed);
		journal_do("e2fsck -fn failed || { echo call %llu; false; }",
			   (unsigned long long)call);
		image_free(&failed);
		device_close(recorder);
		device_close(base);
		decided += is_decided;
		if (tried++ == 0) {
			whole.calls = recording.calls;
			call = edited;
		}
		recording_clear(&recording);
		if (call >= whole.calls - 1)
			break;
		// The long middle is one write after another.
		step = soaking() || call < edited + 40 ||
				       call + 60 > whole.calls
			       ? 1 + (uint64_t)!soaking() * 3
			       : (whole.calls - 60 - call) / 2 + 1;
		if (call + step >= whole.calls)
			step = whole.calls - 1 - call;
	}
	ck_assert_uint_gt(decided, 5);
	ck_assert_uint_gt(tried - decided, 5);
	image_free(&image);
}
END_TEST

TCase *journal_large_case(void)
{
	TCase *tcase = tcase_create("large");

	tcase_add_checked_fixture(tcase, journal_set_up, journal_tear_down);
	tcase_set_timeout(tcase, soaking() ? 3600 : 300);
	tcase_add_test(tcase, grows_and_shrinks);
	tcase_add_test(tcase, leftover_length_goes);
	tcase_add_test(tcase, no_room_to_grow);
	tcase_add_test(tcase, failures_while_it_grows);
	return tcase;
}
