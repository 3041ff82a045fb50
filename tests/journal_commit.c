// Our own transactions, cut off at every write
//
// An edit of an ext3 image is recorded. Up to the sector that decides, every
// replay (ours, e2fsck's, the kernel's) gives the tree from before; from it on, the
// new one; e2fsck -fn finds nothing in either. (The suite crash also tears and
// reorders writes.)

#include "journal_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void make_plain(uint32_t block_bytes)
{
	journal_do("rm -rf tree plain; mkdir -p tree/sub; "
		   "for i in $(seq 40); do echo $i >tree/sub/$i; done; "
		   "head -c 40k /dev/urandom >tree/old; "
		   "mke2fs -q -F -t ext3 -b %u -J size=%u -d tree plain %uk",
		   block_bytes, block_bytes / 1024, block_bytes * 5 / 2);
}

static uint32_t walk_to(struct ext2 *fs, const char *path)
{
	uint32_t ino;

	return ext2_walk(fs, INO_ROOT, path, 0, NULL, NULL, &ino) ? 0 : ino;
}

// The edit: a directory with files, others removed, renamed, longer.
static int edit(struct ext2 *fs)
{
	const struct ext2_inode file = { .mode = S_IFREG | 0644 };
	const struct ext2_inode folder = { .mode = S_IFDIR | 0755 };
	uint8_t *bytes = calloc(1, 70000);
	uint32_t dir, ino, sub = walk_to(fs, "/sub");
	int error = ext2_create(fs, INO_ROOT, "new", 3, &folder, &dir);

	for (int i = 0; i < 60 && !error; i++) {
		char name[20];
		size_t n = (size_t)snprintf(name, sizeof(name), "file%d", i);

		error = ext2_create(fs, dir, name, n, &file, &ino);
		if (!error && i % 20 == 0) {
			memset(bytes, i + 1, 70000);
			error = ext2_write(fs, ino, 0, bytes, 70000);
		}
	}
	if (!error)
		error = ext2_unlink(fs, INO_ROOT, "old", 3);
	if (!error)
		error = ext2_rename(fs, sub, "7", 1, dir, "seven", 5);
	if (!error)
		error = ext2_unlink(fs, sub, "8", 1);
	if (!error)
		error = ext2_write(fs, walk_to(fs, "/sub/9"), 5000, bytes,
				   9000);
	free(bytes);
	return error;
}

enum state { BEFORE, AFTER, NEITHER };

// Which tree an image (that needs no replay) holds.
static enum state state_of(struct device *device)
{
	struct ext2 *fs;
	struct ext2_inode nine;
	int error = ext2_open(device, 0, &fs, NULL);

	ck_assert_int_eq(error, 0);
	bool old = walk_to(fs, "/old") && walk_to(fs, "/sub/7") &&
		   walk_to(fs, "/sub/8") && !walk_to(fs, "/new");
	bool new = !walk_to(fs, "/old") && !walk_to(fs, "/sub/7") &&
		   !walk_to(fs, "/sub/8") && walk_to(fs, "/new/seven") &&
		   walk_to(fs, "/new/file59");

	ck_assert_int_eq(ext2_inode(fs, walk_to(fs, "/sub/9"), &nine), 0);
	old = old && nine.size == 2;
	new = new &&nine.size == 14000;
	ext2_close(fs);
	return old ? BEFORE : new ? AFTER : NEITHER;
}

struct played {
	struct image before;
	struct recording recording;
	uint64_t edited; // calls to the device when the commit began
	int error;
	bool decided;
};

// Edits a copy of the file "plain" and commits; the recording, if a call is to
// fail, has been told so.
static void play(struct played *played, struct device **after)
{
	struct device *base, *recorder;
	struct ext2_refusal why;
	struct ext2 *fs;

	played->before = image_load("plain");
	base = image_device(&played->before);
	ck_assert_int_eq(device_recorder(base, &played->recording, &recorder),
			 0);
	int error = ext2_open(recorder, EXT2_WRITE, &fs, &why);

	ck_assert_msg(error == 0, "%s", why.text);
	ck_assert_int_eq(edit(fs), 0);
	played->edited = played->recording.calls;
	played->error = ext2_commit(fs);
	played->decided = ext2_decided(fs);
	ext2_close(fs);
	device_close(recorder);
	if (after)
		*after = base;
	else
		device_close(base);
}

static void played_free(struct played *played)
{
	image_free(&played->before);
	recording_clear(&played->recording);
}

static void put_down(struct image *image, const struct recorded *item)
{
	if (item->kind == RECORDED_WRITE)
		memcpy(image->bytes + item->offset, item->bytes, item->n);
	if (item->kind == RECORDED_PUNCH)
		memset(image->bytes + item->offset, 0, item->n);
}

// Ours and e2fsck's replay of `image` give the same; what they give is returned.
static enum state judge_state(const struct image *image, const char *where)
{
	struct device *device = image_device(image);
	uint64_t found;
	char why[200];

	ck_assert_int_eq(journal_replay(device, &found), 0);
	struct image ours = image_of(device);

	image_save("ours", &ours);
	image_save("theirs", image);
	ck_assert_int_le(
		journal_shell(NULL, "e2fsck -E journal_only -y theirs"), 1);
	struct image theirs = image_load("theirs");

	ck_assert_msg(image_same(&ours, &theirs, false, why), "%s: %s", where,
		      why);
	journal_do("e2fsck -fn ours");
	enum state state = state_of(device);

	ck_assert_msg(state != NEITHER, "%s: neither before nor after", where);
	image_free(&theirs);
	image_free(&ours);
	device_close(device);
	return state;
}

static void cut_everywhere(uint32_t block_bytes)
{
	struct played played = { 0 };
	enum state state = BEFORE;
	struct image image;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_plain(block_bytes);
	play(&played, NULL);
	ck_assert_int_eq(played.error, 0);
	ck_assert(played.decided);
	image = (struct image){ malloc(played.before.n), played.before.n };
	memcpy(image.bytes, played.before.bytes, image.n);
	for (size_t i = 0; i < played.recording.count; i++) {
		const struct recorded *item = &played.recording.item[i];
		char where[40];

		put_down(&image, item);
		if (item->kind == RECORDED_FLUSH)
			continue;
		snprintf(where, sizeof(where), "cut after %zu", i);
		enum state now = judge_state(&image, where);

		// One sector decides, and nothing goes back.
		ck_assert_msg(now == state || (state == BEFORE &&
					       item->n == SECTOR_BYTES),
			      "%s", where);
		state = now;
	}
	ck_assert_int_eq(state, AFTER);
	// All is home: nothing is left to be replayed.
	ck_assert(!(image.bytes[SUPER_OFFSET + 96] & INCOMPAT_RECOVER));
	image_free(&image);
	played_free(&played);
}

START_TEST(cut_off_with_1_kib)
{
	cut_everywhere(1024);
}
END_TEST

START_TEST(cut_off_with_4_kib)
{
	cut_everywhere(4096);
}
END_TEST

START_TEST(kernel_replays_ours)
{
	struct played played = { 0 };
	bool decided = false;
	uint32_t mounted = 0;
	struct image image;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	if (!journal_mounts())
		SKIP(JOURNAL_NEEDS_ROOT);
	make_plain(1024);
	play(&played, NULL);
	image = (struct image){ malloc(played.before.n), played.before.n };
	memcpy(image.bytes, played.before.bytes, image.n);
	for (size_t i = 0; i < played.recording.count; i++) {
		const struct recorded *item = &played.recording.item[i];

		put_down(&image, item);
		if (item->kind == RECORDED_FLUSH || item->n != SECTOR_BYTES)
			continue;
		image_save("image", &image);
		// It goes on with it, too: the log is used as it was found.
		journal_do("unshare -m sh -ec 'mount -o loop image m\n"
			   "trap \"umount m\" EXIT\nls m >list\n"
			   "if test -e m/new; then cmp m/new/seven tree/sub/7; "
			   "test ! -e m/sub/7; test ! -e m/old; "
			   "test $(ls m/new | wc -l) = 61; "
			   "else cmp m/old tree/old; "
			   "diff -r m/sub tree/sub; fi\n"
			   "for i in $(seq 30); do echo >m/k$i; sync m/k$i; "
			   "done' && e2fsck -fn image");
		bool now = journal_shell(NULL, "grep -qx new list") == 0;

		ck_assert(now || !decided);
		decided = now;
		mounted++;
	}
	// The superblock, the decision, the log is empty, the superblock.
	ck_assert_uint_eq(mounted, 4);
	ck_assert(decided);
	image_free(&image);
	played_free(&played);
}
END_TEST

// ## What fails

struct failures {
	uint32_t seen[2]; // by: was it decided?
	uint32_t unknown;
};

// A device that is dead from the flush of the decision on leaves nobody knowing.
static bool may_be_after(const struct played *played)
{
	const struct recording *recording = &played->recording;
	const struct recorded *last = &recording->item[recording->count - 1];

	return recording->fail_ever_after && !played->decided &&
	       last->kind == RECORDED_WRITE && last->n == SECTOR_BYTES &&
	       last->offset != SUPER_OFFSET;
}

static void fail_at(uint64_t call, bool ever_after, uint64_t short_bytes,
		    bool reads, struct failures *failures)
{
	struct played played = {
		.recording = { .error = EIO,
			       .fail_at = call,
			       .fail_ever_after = ever_after,
			       .short_bytes = short_bytes,
			       .fail_reads = reads },
	};
	struct device *device;
	uint64_t found;

	play(&played, &device);
	ck_assert_int_eq(played.error, -EIO);
	ck_assert_int_eq(journal_replay(device, &found), 0);
	enum state state = state_of(device);

	// "As before" or "as meant, once the log has been replayed".
	if (state == AFTER && may_be_after(&played))
		failures->unknown++;
	else
		ck_assert_msg(state == (played.decided ? AFTER : BEFORE),
			      "call %llu of %s: %s, decided: %d",
			      (unsigned long long)call,
			      reads ? "all" : "writes",
			      state == BEFORE  ? "before"
			      : state == AFTER ? "after"
					       : "neither",
			      played.decided);
	struct image image = image_of(device);

	if (soaking() || call % 7 == 0) {
		image_save("failed", &image);
		journal_do("e2fsck -fn failed");
	}
	failures->seen[played.decided]++;
	image_free(&image);
	device_close(device);
	played_free(&played);
}

START_TEST(failures_at_every_call)
{
	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_plain(1024);
	for (int reads = 0; reads < 2; reads++) {
		struct played whole = { .recording = { .fail_reads = reads } };
		struct failures failures = { 0 };

		play(&whole, NULL);
		for (uint64_t call = whole.edited; call < whole.recording.calls;
		     call++) {
			fail_at(call, false, 0, reads, &failures);
			if (!reads)
				fail_at(call, false, 300, reads, &failures);
			fail_at(call, true, 0, reads, &failures);
		}
		ck_assert_uint_gt(failures.seen[false], 5);
		ck_assert_uint_gt(failures.seen[true], 5);
		ck_assert_uint_eq(failures.unknown, 1);
		played_free(&whole);
	}
}
END_TEST

// ## Special blocks

static struct ext2 *open_writing(struct device *device)
{
	struct ext2_refusal why;
	struct ext2 *fs;
	int error = ext2_open(device, EXT2_WRITE, &fs, &why);

	ck_assert_msg(error == 0, "%s", why.text);
	return fs;
}

static int count_escaped(void *context, const struct journal_seen *seen)
{
	uint32_t *count = context;

	count[seen->escaped]++;
	return 0;
}

// A block of metadata that begins with the log's magic number.
START_TEST(magic_is_escaped)
{
	const be32 magic = put32_be(JOURNAL_MAGIC);
	struct disk_journal_super super;
	struct recording recording = { 0 };
	struct device *base, *recorder;
	uint32_t count[2] = { 0 };
	bool live = false;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_plain(1024);
	struct image image = image_load("plain");

	base = image_device(&image);
	ck_assert_int_eq(device_recorder(base, &recording, &recorder), 0);
	struct ext2 *fs = open_writing(recorder);
	struct buffer *buffer;

	ck_assert_int_eq(cache_get(fs->cache, 2400, CACHE_ZERO, &buffer), 0);
	memcpy(buffer->bytes, &magic, sizeof(magic));
	memset(buffer->bytes + 4, 0x77, 1020);
	cache_dirty(fs->cache, buffer, BLOCK_DIRECTORY);
	cache_drop(buffer);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	ck_assert_int_eq(journal_look(base, &super, count_escaped, count), 0);
	ck_assert_uint_eq(count[true], 1);

	for (size_t i = 0; i < recording.count && !live; i++) {
		struct recorded *item = &recording.item[i];

		// Cut off before it goes home.
		live = item->kind == RECORDED_WRITE &&
		       item->offset <= 2400 * 1024 &&
		       item->offset + item->n > 2400 * 1024 &&
		       !memcmp((uint8_t *)item->bytes +
				       (2400 * 1024 - item->offset),
			       &magic, 4);
		if (!live)
			put_down(&image, item);
	}
	ck_assert(live);
	image_save("theirs", &image);
	journal_shell(NULL, "e2fsck -E journal_only -y theirs");
	struct image theirs = image_load("theirs");

	ck_assert_mem_eq(theirs.bytes + 2400 * 1024, &magic, 4);
	ck_assert_uint_eq(theirs.bytes[2400 * 1024 + 4], 0x77);
	image_free(&theirs);
	device_close(recorder);
	device_close(base);
	recording_clear(&recording);
	image_free(&image);
}
END_TEST

// Linux wipes a log that nobody asks to replay, and so do we: our asking for our
// own must not bring it back.
START_TEST(leftover_log_is_wiped)
{
	struct played played = { 0 };

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_plain(1024);
	journal_do("yes | head -c 10k >data; printf 'jo\njw -b 1-9 data\njc\n'"
		   " >script; debugfs -w -f script plain; "
		   "debugfs -w -R 'feature -needs_recovery' plain");
	play(&played, NULL);
	ck_assert_int_eq(played.error, 0);
	struct image image = { malloc(played.before.n), played.before.n };

	memcpy(image.bytes, played.before.bytes, image.n);
	for (size_t i = 0; i < played.recording.count; i++) {
		put_down(&image, &played.recording.item[i]);
		if (image.bytes[SUPER_OFFSET + 96] & INCOMPAT_RECOVER)
			judge_state(&image, "leftover");
	}
	image_free(&image);
	played_free(&played);
}
END_TEST

// What stands behind our commit block must not be taken for the next transaction.
START_TEST(old_transaction_behind_ours)
{
	struct recording recording = { 0 };
	struct device *base, *recorder;
	uint32_t deep = 0;

	if (!journal_judges())
		SKIP(JOURNAL_NEEDS);
	make_plain(1024);
	struct image image = image_load("plain");
	struct device *device = image_device(&image);
	struct log log;

	// The whole log is full of transaction 2, of one block each.
	ck_assert_int_eq(log_open(&log, device), 0);
	for (uint32_t n = 1; n < log.last; n++) {
		uint64_t place;

		ck_assert_int_eq(log_place(&log, n, &place), 0);
		uint8_t *block = image.bytes + place * 1024;
		be32 header[5] = { put32_be(JOURNAL_MAGIC),
				   put32_be(JOURNAL_COMMIT), put32_be(2) };

		memset(block, 0, 1024);
		memcpy(block, header, sizeof(header));
	}
	log_close(&log);
	device_close(device);
	base = image_device(&image);
	ck_assert_int_eq(device_recorder(base, &recording, &recorder), 0);
	struct ext2 *fs = open_writing(recorder);

	ck_assert_int_eq(edit(fs), 0);
	ck_assert_int_eq(ext2_commit(fs), 0);
	ext2_close(fs);
	for (size_t i = 0; i < recording.count; i++) {
		uint64_t found;

		put_down(&image, &recording.item[i]);
		device = image_device(&image);
		ck_assert_int_eq(journal_replay(device, &found), 0);
		ck_assert_uint_le(found, 1);
		deep += found == 1;
		device_close(device);
	}
	ck_assert_uint_gt(deep, 0);
	device_close(recorder);
	device_close(base);
	recording_clear(&recording);
	image_free(&image);
}
END_TEST

START_TEST(formatted_journal_is_known)
{
	const uint8_t uuid[16] = { 1, 2, 3 };
	struct device *device;
	struct disk_journal_super super;

	ck_assert_int_eq(device_memory(2048 * 1024, &device), 0);
	ck_assert_int_eq(journal_format(device, 1024, 100, 1024, uuid), 0);
	ck_assert_int_eq(device_read(device, 100 * 1024, &super, sizeof(super)),
			 0);
	ck_assert_uint_eq(get32_be(super.s_header.h_magic), JOURNAL_MAGIC);
	ck_assert_uint_eq(get32_be(super.s_maxlen), 1024);
	ck_assert_uint_eq(get32_be(super.s_start), 0);
	ck_assert_mem_eq(super.s_uuid, uuid, 16);
	device_close(device);
}
END_TEST

TCase *journal_commit_case(void)
{
	TCase *tcase = tcase_create("commit");

	tcase_add_checked_fixture(tcase, journal_set_up, journal_tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, cut_off_with_1_kib);
	tcase_add_test(tcase, cut_off_with_4_kib);
	tcase_add_test(tcase, kernel_replays_ours);
	tcase_add_test(tcase, failures_at_every_call);
	tcase_add_test(tcase, magic_is_escaped);
	tcase_add_test(tcase, leftover_log_is_wiped);
	tcase_add_test(tcase, old_transaction_behind_ours);
	tcase_add_test(tcase, formatted_journal_is_known);
	return tcase;
}
