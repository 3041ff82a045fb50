// # fill: free space becomes zeros
//
//     $ img fill disk.img
//     disk.img: 11,904 free blocks (46.5 MiB) are zeros now, in 3 runs
//
// What deleted files leave behind makes an image large where it is kept sparse or
// compressed, and tells their content to whoever gets it. The blocks that are free
// by the bitmaps become holes of the image file (fallocate(2), PUNCH_HOLE), or with
// --write real zeros. Nothing else is touched: not the ends of blocks behind the
// ends of files, not free inodes, not the log. `img undelete` finds nothing
// afterwards.
//
// A log that holds something is replayed first, and what is pending is committed:
// after that the bitmaps on the disk say what is free, so that this can be cut off
// anywhere.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "fs/img/img.h"
#include "must.h"

struct fill {
	struct session *session;
	bool write;
	uint64_t blocks, runs;
	uint8_t *zeros;
};

enum { OPT_WRITE = 256, ZEROS = 1 << 20, PUNCH_MOST = 1 << 30 };

static const struct argp_option table[] = {
	{ "write", OPT_WRITE, 0, 0, "Write zeros, instead of making holes", 1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct fill *f = state->input;

	if (key == ARGP_KEY_ARG)
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want nothing after the image", text);
	if (key != OPT_WRITE)
		return ARGP_ERR_UNKNOWN;
	f->write = true;
	return 0;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE",
	.doc = "Makes the free blocks of an image zeros, so that it compresses "
	       "well and tells nothing of what was deleted. Holes of the image "
	       "file where the host can make them."
	       "\vExamples:\n"
	       "  img fill disk.img\n"
	       "  img fill disk.img --write",
};

static int clear_run(struct fill *f, uint64_t offset, uint64_t n)
{
	struct device *device = f->session->device;
	uint64_t most = f->write ? ZEROS : PUNCH_MOST;
	int error = 0;

	f->runs++;
	while (!error && n) {
		uint64_t some = n < most ? n : most;

		error = f->write ? device_write(device, offset, f->zeros,
						(size_t)some)
				 : device_punch(device, offset, some);
		offset += some;
		n -= some;
	}
	return error;
}

static int clear_free(struct fill *f, const struct ext2_numbers *n,
		      struct progress *progress)
{
	uint64_t run = 0, block = n->first_data_block;
	int error = 0;

	for (; !error && block <= n->blocks; block++) {
		bool used = true;
		if (block < n->blocks)
			error = ext2_block_in_use(f->session->fs, block, &used);
		if (error)
			break;
		progress_add(progress, 1);
		f->blocks += !used;
		if (!used) {
			run++;
		} else if (run) {
			error = clear_run(f, (block - run) * n->block_bytes,
					  run * n->block_bytes);
			run = 0;
		}
	}
	return error ? error : device_flush(f->session->device);
}

static int report(const struct fill *f, const struct ext2_numbers *n)
{
	const struct session *s = f->session;
	char size[HUMAN_BYTES];
	uint64_t bytes = f->blocks * n->block_bytes;

	if (s->json)
		return print_json(must_ptr(json_pack(
			"{s:s, s:I, s:I, s:I}", "image", s->image_path,
			"free_blocks", (json_int_t)f->blocks, "bytes",
			(json_int_t)bytes, "runs", (json_int_t)f->runs)));
	if (!s->quiet)
		printf("%s: %" PRIu64 " free block%s (%s) %s zeros now, in "
		       "%" PRIu64 " run%s\n",
		       s->image_path, f->blocks, f->blocks == 1 ? "" : "s",
		       human_size(size, bytes), f->blocks == 1 ? "is" : "are",
		       f->runs, f->runs == 1 ? "" : "s");
	return EXIT_SUCCESS;
}

static int fill(struct session *s, int argc, char **argv)
{
	struct fill f = { .session = s };
	struct ext2_numbers n;
	struct progress progress;

	command_parse(s, &parser, argc, argv, &f);
	int status = session_open(s, EXT2_WRITE);
	if (status)
		return status;
	int error = ext2_commit(s->fs);
	if (error)
		return complain(s, error, "cannot write what is pending");
	ext2_numbers(s->fs, &n);
	f.zeros = must_ptr(calloc(1, ZEROS));
	progress_begin(&progress, s, "clearing", n.blocks);
	error = clear_free(&f, &n, &progress);
	progress_end(&progress);
	free(f.zeros);
	return error ? complain(s, error, "cannot clear all that is free")
		     : report(&f, &n);
}

const struct command fill_command = {
	.name = "fill",
	.summary = "makes free blocks zeros",
	.heading = "Caring",
	.run = fill,
	.alone = true,
};
