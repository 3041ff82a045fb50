// # defrag: every file in one piece
//
//     $ img defrag disk.img
//     disk.img: 120 files in 431 runs, 58 of them in pieces
//     disk.img: 120 files in 120 runs, none of them in pieces
//
// The image is written anew beside itself, at the same size (remake.c; what is not
// kept stands at the head of resize.c): directory by directory, so that files of
// one directory lie side by side, too. A file that is longer than what a group has
// in a row stays in pieces, since every group begins with its own metadata; and a
// large directory may have two or three (its first block, its names, an index). Files
// and directories count that have blocks of their own; a hole is no break, and
// neither is an indirect block.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "fs/img/pieces.h"
#include "fs/img/remake.h"
#include "must.h"

static error_t parse(int key, char *text, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want nothing after the image", text);
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.parser = parse,
	.args_doc = "IMAGE",
	.doc = "Writes an image anew so that each file lies in one piece, or "
	       "in as few as the groups' own metadata leaves room for. "
	       "The new image is written beside the old one, which needs room "
	       "for its content, and then takes its place: whole, or not at "
	       "all. Inode numbers change."
	       "\vExample:\n"
	       "  img defrag disk.img",
};

struct counting {
	struct scatter scatter;
	uint32_t block_bytes;
};

static int count(void *context, const struct piece *piece)
{
	struct counting *c = context;

	scatter_note(&c->scatter, piece, c->block_bytes);
	return 0;
}

static int count_pieces(const struct session *s, struct ext2 *fs,
			struct scatter *scatter)
{
	struct session look = *s;
	struct ext2_numbers n;

	look.fs = fs;
	ext2_numbers(fs, &n);
	struct counting c = { .block_bytes = n.block_bytes };
	int error = pieces_each(&look, count, &c);
	*scatter = c.scatter;
	return error ? EXIT_FAILURE : EXIT_SUCCESS; // it has said why
}

static void say(const struct session *s, const struct scatter *x)
{
	printf("%s: %" PRIu64 " file%s in %" PRIu64 " run%s, ", s->image_path,
	       x->files, x->files == 1 ? "" : "s", x->runs,
	       x->runs == 1 ? "" : "s");
	if (x->split)
		printf("%" PRIu64 " of them in pieces\n", x->split);
	else
		puts("none of them in pieces");
}

static json_t *json_scatter(const struct scatter *x)
{
	return must_ptr(json_pack(
		"{s:I, s:I, s:I}", "files", (json_int_t)x->files, "runs",
		(json_int_t)x->runs, "split", (json_int_t)x->split));
}

static int report(const struct session *s, const struct scatter *before,
		  const struct scatter *after)
{
	if (s->json)
		return print_json(must_ptr(json_pack(
			"{s:s, s:o, s:o}", "image", s->image_path, "before",
			json_scatter(before), "after", json_scatter(after))));
	if (!s->quiet) {
		say(s, before);
		say(s, after);
	}
	return EXIT_SUCCESS;
}

static int defrag(struct session *s, int argc, char **argv)
{
	struct scatter before, after;
	struct ext2_numbers n;
	struct remade r;

	command_parse(s, &parser, argc, argv, NULL);
	int status = remake_open(s);
	if (!status)
		status = count_pieces(s, s->fs, &before);
	if (status)
		return status;
	ext2_numbers(s->fs, &n);
	uint64_t blocks = s->device->bytes / n.block_bytes;
	if (blocks > UINT32_MAX)
		blocks = n.blocks;
	int error = remake(s, blocks, "writing", &r);
	if (error == -ENOSPC)
		return complain(s, error,
				"cannot write the new image beside the old "
				"one, or it is so full that it does not fit "
				"again: make it larger (img resize)");
	if (error)
		return remake_complain(s, error);
	status = count_pieces(s, r.fs, &after);
	if (status) {
		remake_drop(&r);
		return status;
	}
	status = remake_publish(s, &r);
	return status ? status : report(s, &before, &after);
}

const struct command defrag_command = {
	.name = "defrag",
	.summary = "puts files into one piece each, where they fit",
	.heading = "Caring",
	.run = defrag,
	.alone = true,
};
