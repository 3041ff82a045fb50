// # resize: an image grows or shrinks
//
//     $ img resize disk.img 1G
//     disk.img: 64 MiB became 1 GiB; 911 MiB free
//
// The tree is written into a new image, which then takes the name of the old one
// (remake.c): it needs room beside it, and whatever happens the image is the old
// one or the new one, whole. resize2fs(8) moves blocks in place: it needs no room,
// and a crash half way costs the file system.
//
// Not kept: the numbers of inodes (so do not resize what an NFS server exports),
// what img undelete could still find, room kept for more descriptors
// (resize_inode), lists of bad blocks; and hard links to the image file itself go
// on to name the old one. All else stays: see fs/ext2/rebuild.c.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "draw.h"
#include "fs/img/remake.h"
#include "must.h"

struct options {
	uint64_t size;
	bool minimum;
};

enum { OPT_MINIMUM = 256 };

static const struct argp_option table[] = {
	{ "minimum", OPT_MINIMUM, 0, 0,
	  "As small as its content allows, instead of SIZE", 1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_MINIMUM:
		o->minimum = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->size)
			argp_failure(state, EXIT_USAGE, 0, "%s: want one SIZE",
				     text);
		o->size = option_size(state, "SIZE", text, 1, INT64_MAX);
		return 0;
	case ARGP_KEY_SUCCESS:
		if (!o->size == !o->minimum)
			argp_failure(state, EXIT_USAGE, 0,
				     "want a SIZE such as 1G, or --minimum");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE [SIZE]",
	.doc = "Makes an image larger or smaller. The new image is written "
	       "beside the old one, which needs room for its content, and "
	       "then takes its place: whole, or not at all. Inode numbers "
	       "change."
	       "\vExamples:\n"
	       "  img resize disk.img 1G\n"
	       "  img resize disk.img --minimum",
};

// ## Working

static int too_small(struct session *s, uint64_t size)
{
	char least[HUMAN_BYTES];
	struct ext2_numbers n;
	uint64_t blocks;
	int error = remake_least(s, &blocks);

	ext2_numbers(s->fs, &n);
	if (error == -ENOSPC || (!error && blocks * n.block_bytes <= size))
		return complain(s, ENOSPC,
				"cannot write the new image beside the old "
				"one");
	if (error)
		return remake_complain(s, error);
	return complain(s, ENOSPC,
			"its content does not fit: want a SIZE of at least "
			"%" PRIu64 " (%s)",
			blocks * n.block_bytes,
			human_size(least, blocks * n.block_bytes));
}

static int shrink_most(struct session *s, struct remade *r)
{
	enum { TURNS = 64 };
	uint64_t blocks;
	int error = remake_least(s, &blocks);

	if (error)
		return error;
	// The count has room for indexes of directories, too, which are left
	// out where there is none. What another order may cost is tried.
	for (int turn = 0; turn < TURNS; turn++) {
		error = remake(s, blocks, "writing", r);
		if (error != -ENOSPC)
			return error;
		blocks += 1 + blocks / 512;
	}
	return error;
}

static int report(const struct session *s, uint64_t before, uint64_t after,
		  const struct ext2_numbers *n)
{
	char old[HUMAN_BYTES], new[HUMAN_BYTES], room[HUMAN_BYTES];

	if (s->json)
		return print_json(must_ptr(json_pack(
			"{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "image",
			s->image_path, "bytes_before", (json_int_t)before,
			"bytes", (json_int_t)after, "blocks",
			(json_int_t)n->blocks, "free_blocks",
			(json_int_t)n->free_blocks, "inodes",
			(json_int_t)n->inodes, "free_inodes",
			(json_int_t)n->free_inodes)));
	if (!s->quiet)
		printf("%s: %s became %s; %s free\n", s->image_path,
		       human_size(old, before), human_size(new, after),
		       human_size(room, n->free_blocks * n->block_bytes));
	return EXIT_SUCCESS;
}

static int resize(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };
	struct ext2_numbers n;
	struct remade r;
	int error;

	command_parse(s, &parser, argc, argv, &o);
	int status = remake_open(s);
	if (status)
		return status;
	ext2_numbers(s->fs, &n);
	uint64_t before = s->device->bytes, blocks = o.size / n.block_bytes;
	if (blocks > UINT32_MAX)
		error = -EFBIG;
	else if (o.minimum)
		error = shrink_most(s, &r);
	else
		error = blocks ? remake(s, blocks, "writing", &r) : -ENOSPC;
	if (error == -ENOSPC)
		return too_small(s, o.minimum ? UINT64_MAX : o.size);
	if (error)
		return remake_complain(s, error);
	uint64_t after = r.device->bytes;
	struct ext2_numbers numbers = r.numbers;
	status = remake_publish(s, &r);
	return status ? status : report(s, before, after, &numbers);
}

const struct command resize_command = {
	.name = "resize",
	.summary = "makes an image larger or smaller",
	.heading = "Caring",
	.run = resize,
	.alone = true,
};
