// Random writes and truncations against a sparse file of the host, with commits and
// with closing instead; full images; devices that fail. What the last commit held
// must never be written over: a recorder below the file system sees every write.

#define _GNU_SOURCE
#include "content_parts.h"
#include "fs/ext2/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- watched --------------------------------------------------------------------

struct watched {
	struct device *file, *recorder;
	struct recording recording;
	struct ext2 *fs;
	uint32_t block_bytes;
	uint64_t blocks;
	bool *in_use; // at the last commit
};

static void watch_from_here(struct watched *w)
{
	recording_clear(&w->recording);
	for (uint64_t i = 0; i < w->blocks; i++)
		if (ext2_block_in_use(w->fs, i, &w->in_use[i]))
			ck_abort_msg("block %llu", (unsigned long long)i);
}

// The recorder keeps a pointer to w->recording: *w must stay where it is.
static void watched_open(struct watched *w)
{
	struct ext2_numbers numbers;

	*w = (struct watched){ 0 };
	ck_assert_int_eq(
		device_file(content_image, DEVICE_WRITE, 0, 0, &w->file), 0);
	ck_assert_int_eq(device_recorder(w->file, &w->recording, &w->recorder),
			 0);
	ck_assert_int_eq(ext2_open(w->recorder, EXT2_WRITE, &w->fs, NULL), 0);
	ext2_numbers(w->fs, &numbers);
	w->block_bytes = numbers.block_bytes;
	w->blocks = numbers.blocks;
	w->in_use = calloc(numbers.blocks, sizeof *w->in_use);
	watch_from_here(w);
}

// No write since the last commit has met a block that was in use then.
static void watched_check(struct watched *w)
{
	for (size_t i = 0; i < w->recording.count; i++) {
		const struct recorded *r = &w->recording.item[i];

		if (r->kind != RECORDED_WRITE)
			continue;
		for (uint64_t b = r->offset / w->block_bytes;
		     b <= (r->offset + r->n - 1) / w->block_bytes; b++)
			if (w->in_use[b])
				ck_abort_msg("block %llu was overwritten",
					     (unsigned long long)b);
	}
	recording_clear(&w->recording);
}

static void watched_close(struct watched *w)
{
	ext2_close(w->fs);
	device_close(w->recorder);
	device_close(w->file);
	recording_clear(&w->recording);
	free(w->in_use);
	w->in_use = NULL;
}

// --- random edits ---------------------------------------------------------------

enum { FILES = 3 };

struct play {
	struct random random;
	struct watched watched;
	int model[FILES], committed[FILES];
	uint32_t block_bytes;
};

// Mostly close to where a map changes its form.
static uint64_t random_place(struct play *p)
{
	struct content_edges edges = content_edges(p->block_bytes);
	uint64_t bytes = p->block_bytes;
	uint32_t which = random_below(&p->random, 5);
	uint64_t at = which < 3 ? edges.at[which] * bytes : 0;
	uint64_t off = random_below(&p->random, (uint32_t)(8 * bytes));

	if (which == 4) // and a leaf of the double one
		at = (edges.at[1] + bytes / 4) * bytes;
	switch (random_below(&p->random, 3)) {
	case 0:
		return at;
	case 1:
		return at + off;
	default:
		return at > off ? at - off : off;
	}
}

static void play_write(struct play *p, int file)
{
	static uint8_t bytes[400000]; // some past the buffer
	uint64_t at = random_place(p);
	size_t n = random_below(&p->random, random_below(&p->random, 8)
						    ? 6 * p->block_bytes
						    : sizeof bytes) +
		   1;
	uint32_t ino = FIRST_FILE + (uint32_t)file;
	int error;

	content_fill(&p->random, bytes, n);
	ck_assert_int_eq(pwrite(p->model[file], bytes, n, (off_t)at),
			 (ssize_t)n);
	if (random_below(&p->random, 2))
		error = ext2_write(p->watched.fs, ino, at, bytes, n);
	else
		error = ext2_write_from(p->watched.fs, ino, at, p->model[file],
					at, n);
	ck_assert_int_eq(error, 0);
}

static void play_truncate(struct play *p, int file)
{
	uint64_t size = random_place(p);

	ck_assert_int_eq(ftruncate(p->model[file], (off_t)size), 0);
	ck_assert_int_eq(ext2_truncate(p->watched.fs,
				       FIRST_FILE + (uint32_t)file, size),
			 0);
}

// Whole blocks become holes.
static void play_punch(struct play *p, int file)
{
	uint64_t at = random_place(p) / p->block_bytes;
	uint64_t n = 1 + random_below(&p->random,
				      random_below(&p->random, 2) ? 4 : 900);
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(p->watched.fs, FIRST_FILE + (uint32_t)file,
				    &inode),
			 0);
	ck_assert_int_eq(map_set(p->watched.fs, &inode, at, 0, n), 0);
	ck_assert_int_eq(inode_put(p->watched.fs, &inode), 0);
	ck_assert_int_eq(fallocate(p->model[file],
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)(at * p->block_bytes),
				   (off_t)(n * p->block_bytes)),
			 0);
}

static void play_copy_out(struct play *p, int file)
{
	struct ext2_inode inode;
	int out = content_model();

	ck_assert_int_eq(ext2_inode(p->watched.fs, FIRST_FILE + (uint32_t)file,
				    &inode),
			 0);
	ck_assert_int_eq(ext2_copy_out(p->watched.fs, &inode, out), 0);
	content_compare_files(out, p->model[file]);
	close(out);
}

static void play_reopen(struct play *p, bool commit)
{
	int *from = commit ? p->model : p->committed;
	int *to = commit ? p->committed : p->model;

	watched_check(&p->watched);
	if (commit)
		ck_assert_int_eq(ext2_commit(p->watched.fs), 0);
	if (!commit || random_below(&p->random, 2)) {
		watched_close(&p->watched);
		watched_open(&p->watched);
	} else {
		watch_from_here(&p->watched);
	}
	for (int i = 0; i < FILES; i++) {
		close(to[i]);
		to[i] = content_model_copy(from[i]);
	}
}

START_TEST(random_edits_are_those_of_a_model)
{
	static const char *const options[] = { "-t ext2 -b 1024",
					       "-t ext2 -b 2048",
					       "-t ext2 -b 4096",
					       "-t ext3 -b 1024 -J size=1" };
	static const uint32_t sizes[] = { 1024, 2048, 4096, 1024 };
	struct play p = { .random = { (uint64_t)_i + 5 },
			  .block_bytes = sizes[_i] };
	int steps = soaking() ? 10000 : 250;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(options[_i], "24M", FILES);
	for (int i = 0; i < FILES; i++) {
		p.model[i] = content_model();
		p.committed[i] = content_model();
	}
	watched_open(&p.watched);
	for (int step = 0; step < steps; step++) {
		int file = (int)random_below(&p.random, FILES);
		uint32_t what = random_below(&p.random, 20);

		if (what < 12)
			play_write(&p, file);
		else if (what < 16)
			play_truncate(&p, file);
		else if (what < 18)
			play_punch(&p, file);
		else
			play_reopen(&p, what == 19);
		if (step % 3)
			content_compare(p.watched.fs,
					FIRST_FILE + (uint32_t)file,
					p.model[file]);
		else
			play_copy_out(&p, file);
	}
	play_reopen(&p, true);
	watched_close(&p.watched);
	content_check();

	struct content_image image = content_open(EXT2_WRITE);
	struct content_edges edges = content_edges(p.block_bytes);
	struct ext2_inode inode;

	for (int i = 0; i < FILES; i++) {
		content_compare(image.fs, FIRST_FILE + (uint32_t)i, p.model[i]);
		close(p.model[i]);
		close(p.committed[i]);
	}
	// All holes, piece by piece: the indirect blocks go, too.
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	for (int i = 3; i >= 0; i--) {
		uint64_t from = i ? edges.at[i - 1] : 0, n = edges.at[i] - from;

		if (edges.at[i] > map_limit(image.fs))
			n = map_limit(image.fs) - from;
		ck_assert_int_eq(map_set(image.fs, &inode, from + n / 3, 0,
					 n - n / 3),
				 0);
		ck_assert_int_eq(map_set(image.fs, &inode, from, 0, n / 3 + 1),
				 0);
	}
	ck_assert_uint_eq(inode.sectors, 0);
	ck_assert(content_zeros(inode.block, sizeof inode.block));
	ck_assert_int_eq(inode_put(image.fs, &inode), 0);
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

// A file with data everywhere near the edges is cut at each edge, a byte or a block
// before and behind it, downwards.
START_TEST(files_can_be_cut_anywhere)
{
	uint32_t bytes = 1024;
	struct content_edges edges = content_edges(bytes);
	uint64_t at[64], n = 0;
	struct random random = { 9 };

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(_i ? "-t ext3 -b 1024 -J size=1" : "-t ext2 -b 1024",
			   "12M", 1);
	at[n++] = edges.at[2] + 600;
	at[n++] = edges.at[2] + 257;
	at[n++] = edges.at[2] + 256;
	at[n++] = edges.at[2];
	at[n++] = edges.at[2] - 256;
	at[n++] = edges.at[1] + 256;
	at[n++] = edges.at[1];
	at[n++] = edges.at[0];
	at[n++] = 1;

	int model = content_model();
	struct content_image image = content_open(EXT2_WRITE);

	for (uint64_t i = 0; i < n; i++)
		content_island(model, &random, at[i] * bytes - bytes,
			       5 * bytes);
	for (off_t from = 0; (from = lseek(model, from, SEEK_DATA)) >= 0;) {
		off_t end = lseek(model, from, SEEK_HOLE);

		ck_assert_int_eq(ext2_write_from(image.fs, FIRST_FILE,
						 (uint64_t)from, model,
						 (uint64_t)from,
						 (uint64_t)(end - from)),
				 0);
		from = end;
	}
	content_commit(&image);
	for (uint64_t i = 0; i < n; i++)
		for (int k = 3; k >= -3; k--) {
			int64_t size = (int64_t)(at[i] * bytes) +
				       k / 2 * (int)bytes + k % 2;

			if (size < 0)
				continue;
			ck_assert_int_eq(ftruncate(model, size), 0);
			ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE,
						       (uint64_t)size),
					 0);
			content_compare(image.fs, FIRST_FILE, model);
			if (k == 0) {
				content_commit(&image);
				content_check();
			}
		}
	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 0), 0);
	content_commit(&image);

	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_uint_eq(inode.sectors, 0);
	ck_assert(content_zeros(inode.block, sizeof inode.block));
	content_close(&image);
	content_check();
	close(model);
}
END_TEST

// What stands behind the end of a file, in its last block or in blocks that it has
// beyond, as after a crash in the middle of a write, is zeros when it grows.
START_TEST(the_tail_is_zeros)
{
	uint8_t bytes[4096], got[3000];
	struct random random = { 11 };

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024", "4M", 1);
	content_fill(&random, bytes, sizeof bytes);

	struct content_image image = content_open(EXT2_WRITE);

	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 0, bytes, 4096), 0);
	content_commit(&image);
	content_close(&image);
	content_do("debugfs -w -R 'set_inode_field /f0 size 10' image "
		   "2>/dev/null");
	image = content_open(EXT2_WRITE);
	switch (_i) {
	case 0:
		ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 3000), 0);
		break;
	case 1:
		ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 2999, "", 1),
				 0);
		break;
	case 2:
		ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 20, "", 1),
				 0);
		ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 3000), 0);
		break;
	default:
		ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 7), 0);
		ck_assert_int_eq(
			ext2_write(image.fs, FIRST_FILE, 7, bytes + 7, 3), 0);
		ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 3000), 0);
	}
	ck_assert_int_eq(ext2_read(image.fs, FIRST_FILE, 0, got, 3000), 3000);
	ck_assert_mem_eq(got, bytes, 10);
	ck_assert(content_zeros(got + 10, 2990));
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

// --- full -----------------------------------------------------------------------

static uint64_t free_blocks(struct ext2 *fs)
{
	struct ext2_numbers numbers;

	ext2_numbers(fs, &numbers);
	return numbers.free_blocks;
}

// Data blocks of the largest new file for which n blocks are enough.
static uint64_t largest_file(uint64_t n, uint64_t pointers)
{
	uint64_t data = n, nodes;

	do {
		data--;
		nodes = 0;
		if (data > 12)
			nodes++;
		if (data > 12 + pointers)
			nodes += 1 + (data - 12 - pointers + pointers - 1) /
					     pointers;
	} while (data + nodes > n);
	return data;
}

START_TEST(a_full_image_stays_as_it_was)
{
	static uint8_t bytes[4 << 20];
	struct random random = { 12 };
	struct ext2_inode before, after;

	memset(&before, 0, sizeof before); // also what lies between the fields
	memset(&after, 0, sizeof after);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(_i ? "-t ext3 -b 1024 -J size=1 -m 0"
			      : "-t ext2 -b 1024 -m 0",
			   _i ? "4M" : "2M", 2);
	content_fill(&random, bytes, sizeof bytes);

	struct content_image image = content_open(EXT2_WRITE);
	uint64_t room = free_blocks(image.fs);
	uint64_t most = largest_file(room, 256) * 1024;
	int model = content_model();

	ck_assert_uint_lt(most, sizeof bytes);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 0, bytes, 5000), 0);
	content_commit(&image);

	// One block too many: nothing has changed.
	room = free_blocks(image.fs);
	most = largest_file(room, 256) * 1024;
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE + 1, &before), 0);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE + 1, 0, bytes,
				    most + 1),
			 -ENOSPC);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE + 1, &after), 0);
	ck_assert_mem_eq(&before, &after, sizeof before);
	ck_assert_uint_eq(free_blocks(image.fs), room);

	// As much as there is room for.
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE + 1, 0, bytes, most),
			 0);
	ck_assert_int_eq(pwrite(model, bytes, most, 0), (ssize_t)most);
	ck_assert_uint_eq(free_blocks(image.fs),
			  room - most / 1024 -
				  (room - largest_file(room, 256)));
	content_compare(image.fs, FIRST_FILE + 1, model);
	content_commit(&image);
	content_check();

	// A committed block can only be replaced where there is another.
	while (free_blocks(image.fs))
		ck_assert_int_eq(
			ext2_write(image.fs, FIRST_FILE,
				   5120 + 1024 * (free_blocks(image.fs) - 1),
				   bytes, 1),
			0);
	content_commit(&image);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 10, bytes, 1),
			 -ENOSPC);
	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 100), -ENOSPC);
	ck_assert_int_eq(ext2_truncate(image.fs, FIRST_FILE, 1024), 0);
	// What became free is not used again before the commit.
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 10, bytes, 1),
			 -ENOSPC);
	content_commit(&image);
	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 10, bytes, 1), 0);
	content_compare(image.fs, FIRST_FILE + 1, model);
	content_commit(&image);
	content_close(&image);
	content_check();
	close(model);
}
END_TEST

// Where there is no room for the indirect blocks, map_set changes nothing.
START_TEST(a_map_that_does_not_fit_stays_as_it_was)
{
	struct ext2_inode before, after;
	uint64_t first, kept;
	uint32_t got;

	memset(&before, 0, sizeof before);
	memset(&after, 0, sizeof after);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024 -m 0", "2M", 1);

	struct content_image image = content_open(EXT2_WRITE);

	ck_assert_int_eq(blocks_allocate(image.fs, 0, 1, &kept, &got), 0);
	while (free_blocks(image.fs) > 2)
		ck_assert_int_eq(
			blocks_allocate(image.fs, 0,
					(uint32_t)free_blocks(image.fs) - 2,
					&first, &got),
			0);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &before), 0);
	memcpy(&after, &before, sizeof after);
	ck_assert_int_eq(map_set(image.fs, &after,
				 content_edges(1024).at[2] + 5, kept, 1),
			 -ENOSPC);
	ck_assert_mem_eq(&before, &after, sizeof before);
	ck_assert_uint_eq(free_blocks(image.fs), 2);
	ck_assert_int_eq(map_set(image.fs, &after,
				 content_edges(1024).at[1] + 5, kept, 1),
			 0);
	ck_assert_uint_eq(free_blocks(image.fs), 0);
	content_close(&image);
}
END_TEST

// --- a device that fails --------------------------------------------------------

// Whatever call fails: the error comes back, closing leaves the image as it was,
// and a commit of what was done until then makes a sound image, or says no.
START_TEST(a_device_that_fails_breaks_nothing)
{
	static uint8_t bytes[900000];
	struct random random = { 14 };
	bool failed = true;
	int sound = 0;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024", "4M", 1);
	content_fill(&random, bytes, sizeof bytes);

	struct content_image image = content_open(EXT2_WRITE);
	int model = content_model();

	ck_assert_int_eq(ext2_write(image.fs, FIRST_FILE, 0, bytes, 300000), 0);
	ck_assert_int_eq(pwrite(model, bytes, 300000, 0), 300000);
	content_commit(&image);
	content_close(&image);
	content_do("cp image base");
	for (uint64_t call = 0; failed; call++) {
		for (int commit = 0; commit <= 1; commit++) {
			struct watched w;
			int error;

			watched_open(&w);
			w.recording.calls = 0;
			w.recording.fail_at = call;
			w.recording.fail_reads = true;
			w.recording.error = EIO;
			error = ext2_write(w.fs, FIRST_FILE, 20000, bytes,
					   sizeof bytes);
			failed = error;
			ck_assert(error == 0 || error == -EIO);
			if (!error)
				error = ext2_truncate(w.fs, FIRST_FILE, 30001);
			ck_assert(error == 0 || error == -EIO);
			failed = failed || error;
			w.recording.error = 0;
			watched_check(&w);
			bool committed = commit && !ext2_commit(w.fs);

			sound += commit && failed && committed;
			watched_close(&w);
			content_check();
			if (!committed) {
				image = content_open(0);
				content_compare(image.fs, FIRST_FILE, model);
				content_close(&image);
			}
			content_do("cp base image");
		}
		ck_assert_uint_lt(call, 1000);
	}
	ck_assert_int_gt(sound, 0);
	close(model);
}
END_TEST

TCase *content_model_case(void)
{
	TCase *t = tcase_create("model");

	tcase_set_timeout(t, 600);
	tcase_add_checked_fixture(t, content_set_up, content_tear_down);
	tcase_add_loop_test(t, random_edits_are_those_of_a_model, 0, 4);
	tcase_add_loop_test(t, files_can_be_cut_anywhere, 0, 2);
	tcase_add_loop_test(t, the_tail_is_zeros, 0, 4);
	tcase_add_loop_test(t, a_full_image_stays_as_it_was, 0, 2);
	tcase_add_test(t, a_map_that_does_not_fit_stays_as_it_was);
	tcase_add_test(t, a_device_that_fails_breaks_nothing);
	return t;
}
