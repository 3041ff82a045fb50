// # get: files leave the image
//
// As `cp -a`: with all that the host and the user's rights allow to keep
// (extract.c), or as a tar stream (tar.c). A source that is / or ends with /.
// means what the directory holds, not the directory.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/img/extract.h"
#include "fs/img/img.h"
#include "fs/img/tar.h"
#include "must.h"

struct options {
	char **sources;
	int count; // of sources
	const char *destination;
	bool force, devices, no_owner, no_xattrs, follow, tar;
};

enum { OPT_DEVICES = 256, OPT_NO_OWNER, OPT_NO_XATTRS, OPT_TAR };

static const struct argp_option table[] = {
	{ "force", 'f', 0, 0,
	  "Replace files that exist, and give directories that exist their "
	  "attributes", 1 },
	{ "dereference", 'L', 0, 0,
	  "A SOURCE that is a symlink means its target", 1 },
	{ "tar", OPT_TAR, 0, 0,
	  "DESTINATION becomes a tar archive (pax); - is standard output", 1 },
	{ "devices", OPT_DEVICES, 0, 0, "Make devices, too (as root)", 2 },
	{ "no-owner", OPT_NO_OWNER, 0, 0,
	  "All is the user's own; so it is anyway, but for root", 2 },
	{ "no-xattrs", OPT_NO_XATTRS, 0, 0,
	  "Leave out extended attributes and ACLs", 2 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	switch (key) {
	case 'f':
		o->force = true;
		return 0;
	case 'L':
		o->follow = true;
		return 0;
	case OPT_TAR:
		o->tar = true;
		return 0;
	case OPT_DEVICES:
		o->devices = true;
		return 0;
	case OPT_NO_OWNER:
		o->no_owner = true;
		return 0;
	case OPT_NO_XATTRS:
		o->no_xattrs = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->sources = state->argv + state->next;
		o->count = state->argc - state->next - 1;
		o->destination = state->argv[state->argc - 1];
		if (o->count < 1 || !*o->destination)
			argp_failure(state, EXIT_USAGE, 0,
				     "want IMAGE, SOURCE and DESTINATION");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0,
			     "want IMAGE, SOURCE and DESTINATION");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE SOURCE... DESTINATION",
	.doc = "Copies files and trees out of an image, with modes, owners "
	       "(as root), times, links, holes and attributes. Nothing is "
	       "written outside DESTINATION, whatever the image says."
	       "\vA DESTINATION that is a directory gets the sources in it; "
	       "- is standard output.\n\n"
	       "Examples:\n"
	       "  img get disk.img /home/notes.txt .\n"
	       "  img get disk.img / copy\n"
	       "  img get --tar disk.img / - | zstd >disk.tar.zst",
};

// ## Where to

static bool is_directory(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

// The last component; "" where the content is meant.
static char *name_of(const char *path)
{
	size_t length;
	const char *last = path_last(path, &length);
	char *name = must_ptr(strndup(last, length));
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		*name = '\0';
	return name;
}

static char *parent_of(const char *path)
{
	size_t end = strlen(path);

	while (end && path[end - 1] == '/')
		end--;
	while (end && path[end - 1] != '/')
		end--;
	return end ? must_ptr(strndup(path, end)) : must_ptr(strdup("."));
}

static int reach_source(struct session *s, const struct options *o,
			const char *source, struct ext2_inode *inode)
{
	return reach_inode(s, source, o->follow ? 0 : EXT2_NOFOLLOW, inode);
}

// ## Into a directory, or as a new name

static int into_directory(struct extraction *x, const struct options *o)
{
	struct ext2_inode inode;
	int status = extract_begin(x, o->destination);

	if (status != EXIT_SUCCESS)
		return status;
	for (int i = 0; i < o->count; i++) {
		char *name = name_of(o->sources[i]);
		if (reach_source(x->session, o, o->sources[i], &inode) !=
			    EXIT_SUCCESS ||
		    extract_tree(x, inode.ino, o->sources[i], name) !=
			    EXIT_SUCCESS)
			status = EXIT_FAILURE;
		free(name);
	}
	extract_end(x);
	return status;
}

static int as_new_name(struct extraction *x, const struct options *o)
{
	struct session *s = x->session;
	struct ext2_inode inode;

	if (o->count > 1)
		return complain(s, 0,
				"%s: want a directory for more than one source",
				o->destination);
	if (reach_source(s, o, o->sources[0], &inode) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	size_t length = strlen(o->destination);
	if (o->destination[length - 1] == '/' && !S_ISDIR(inode.mode))
		return complain(s, ENOTDIR, "%s", o->destination);
	char *parent = parent_of(o->destination);
	char *name = name_of(o->destination);
	int status = *name ? extract_begin(x, parent)
			   : complain(s, ENOENT, "%s", o->destination);
	if (status == EXIT_SUCCESS) {
		status = extract_tree(x, inode.ino, o->sources[0], name);
		extract_end(x);
	}
	free(parent);
	free(name);
	return status;
}

static int to_files(struct session *s, const struct options *o)
{
	struct progress progress;
	struct ext2_numbers n;
	struct extraction x = {
		.session = s,
		.force = o->force,
		.devices = o->devices,
		.owners = !o->no_owner && geteuid() == 0,
		.xattrs = !o->no_xattrs,
		.progress = &progress,
	};
	bool all = o->count == 1 && !strcmp(o->sources[0], "/");

	ext2_numbers(s->fs, &n);
	progress_begin(&progress, s, "copying",
		       all ? (n.blocks - n.free_blocks) * (n.block_bytes / 512)
			   : 0);
	int status = is_directory(o->destination) ? into_directory(&x, o)
						  : as_new_name(&x, o);
	progress_end(&progress);
	return status;
}

// ## To standard output

static int to_output(struct session *s, const struct options *o)
{
	struct ext2_inode inode;

	for (int i = 0; i < o->count; i++) {
		const char *source = o->sources[i];
		if (reach_inode(s, source, 0, &inode) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		if (!S_ISREG(inode.mode))
			return complain(s, 0,
					"%s is a %s: want a file for standard "
					"output, or --tar",
					source, type_word(inode.mode));
		if (print_content(s, &inode, source) != EXIT_SUCCESS)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int to_tar(struct session *s, const struct options *o)
{
	struct tar_request request = {
		.session = s,
		.destination = o->destination,
		.force = o->force,
		.xattrs = !o->no_xattrs,
	};
	struct ext2_inode inode;

	int status = tar_begin(&request);
	if (status != EXIT_SUCCESS)
		return status;
	for (int i = 0; i < o->count; i++) {
		char *name = name_of(o->sources[i]);
		if (reach_source(s, o, o->sources[i], &inode) != EXIT_SUCCESS ||
		    tar_tree(&request, inode.ino, o->sources[i], name) !=
			    EXIT_SUCCESS)
			status = EXIT_FAILURE;
		free(name);
	}
	return tar_end(&request, status);
}

static int run_get(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };

	command_parse(s, &parser, argc, argv, &o);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (o.tar)
		return to_tar(s, &o);
	return strcmp(o.destination, "-") ? to_files(s, &o) : to_output(s, &o);
}

const struct command get_command = {
	.name = "get",
	.summary = "copies files and trees out of the image",
	.heading = "Looking",
	.run = run_get,
};
