// # cat: the bytes of files

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/img/img.h"
#include "must.h"

struct options {
	char **paths;
	int count;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	switch (key) {
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0, "want IMAGE and PATH");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.parser = parse,
	.args_doc = "IMAGE PATH...",
	.doc = "Writes files of an image to standard output, one after "
	       "another; holes are zeros."
	       "\vExample:\n"
	       "  img cat disk.img /etc/motd /home/notes.txt",
};

bool possible_size(const struct session *s, const struct ext2_inode *inode)
{
	struct ext2_numbers numbers;

	ext2_numbers(s->fs, &numbers);
	return inode->size <= (uint64_t)numbers.block_bytes << 32;
}

int print_content(struct session *s, const struct ext2_inode *inode,
		  const char *path)
{
	enum { BUFFER_BYTES = 1 << 18 };
	int status = EXIT_SUCCESS;
	int64_t n = 1;

	if (!possible_size(s, inode))
		return complain(s, EUCLEAN, "the size of %s", path);
	char *buffer = must_ptr(malloc(BUFFER_BYTES));
	for (uint64_t at = 0; n > 0 && at < inode->size; at += (uint64_t)n) {
		n = ext2_read(s->fs, inode->ino, at, buffer, BUFFER_BYTES);
		if (n < 0)
			status = complain(s, (int)n, "cannot read %s", path);
		else if (fwrite(buffer, 1, (size_t)n, stdout) != (size_t)n)
			status = EXIT_FAILURE; // options_end says it
		if (status != EXIT_SUCCESS)
			break;
	}
	free(buffer);
	return status;
}

static int cat(struct session *s, const char *path)
{
	struct ext2_inode inode;

	if (reach_inode(s, path, 0, &inode) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (S_ISREG(inode.mode))
		return print_content(s, &inode, path);
	return complain(s, S_ISDIR(inode.mode) ? EISDIR : 0,
			S_ISDIR(inode.mode) ? "%s" : "%s: it has no content",
			path);
}

static int run_cat(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };
	int status = EXIT_SUCCESS;

	command_parse(s, &parser, argc, argv, &o);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	for (int i = 0; i < o.count && !ferror(stdout); i++)
		if (cat(s, o.paths[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	return status;
}

const struct command cat_command = {
	.name = "cat",
	.summary = "writes files to standard output",
	.heading = "Looking",
	.run = run_cat,
};
