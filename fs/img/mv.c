// # mv and ln: a name for what is there already
//
// Both change directories and no content: what a name means is a number in an
// entry, and moving a file of any size is two entries.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "must.h"

struct options {
	char **paths;
	int count;
	bool keep;     // mv -n: what is there
	bool no_entry; // -T: the destination is no directory to go into
	bool symbolic, force;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	switch (key) {
	case 'n':
		o->keep = true;
		return 0;
	case 'T':
		o->no_entry = true;
		return 0;
	case 's':
		o->symbolic = true;
		return 0;
	case 'f':
		o->force = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		if (o->count < 2)
			argp_failure(state, EXIT_USAGE, 0,
				     "want IMAGE and two paths or more");
		if (o->count > 2 && o->no_entry)
			argp_failure(state, EXIT_USAGE, 0,
				     "-T: want just two paths");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0,
			     "want IMAGE and two paths or more");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

// ## Where a new name goes

struct place {
	uint32_t dir;
	const char *name;
	size_t length;
	char *path; // for people
	bool slash; // at its end: for a directory only
};

// The new name of `source`: inside a destination that is a directory, with the
// name it has, else the destination itself.
static int find_place(struct session *s, const struct options *o,
		      const char *source, struct place *place)
{
	const char *destination = o->paths[o->count - 1];

	if (!o->no_entry && leads_to_directory(s, destination, &place->dir)) {
		place->name = path_last(source, &place->length);
		must(asprintf(&place->path, "%s/%.*s", destination,
			      (int)place->length, place->name));
		return EXIT_SUCCESS;
	}
	if (o->count > 2)
		return complain(s, 0,
				"%s: want a directory for more than one source",
				destination);
	int error = ext2_walk_parent(s->fs, from_here(s), destination,
				     &place->dir, &place->name, &place->length);
	if (error)
		return complain(s, error, "%s", destination);
	place->path = must_ptr(strdup(destination));
	place->slash = place->name[place->length] == '/';
	return EXIT_SUCCESS;
}

static int for_each_source(struct session *s, const struct options *o,
			   int (*each)(struct session *, const struct options *,
				       const char *source,
				       const struct place *))
{
	int status = EXIT_SUCCESS;

	for (int i = 0; i + 1 < o->count && status == EXIT_SUCCESS; i++) {
		struct place place = { 0 };
		status = find_place(s, o, o->paths[i], &place);
		if (status == EXIT_SUCCESS)
			status = each(s, o, o->paths[i], &place);
		free(place.path);
	}
	return status;
}

// ## mv

static const struct argp_option mv_table[] = {
	{ "no-clobber", 'n', 0, 0, "Leave what has the new name already", 1 },
	{ "no-target-directory", 'T', 0, 0,
	  "A destination that is a directory is replaced (when it is empty), "
	  "not gone into", 1 },
	{ 0 }
};

static const struct argp mv_parser = {
	.options = mv_table,
	.parser = parse,
	.args_doc = "IMAGE SOURCE... DESTINATION",
	.doc = "Renames what is in an image, or moves it into a directory. "
	       "As rename(2), it replaces what has the new name."
	       "\vExample:\n"
	       "  img mv disk.img /home/draft.txt /home/old",
};

static int move(struct session *s, const struct options *o, const char *source,
		const struct place *to)
{
	struct ext2_entry entry = { 0 };
	struct ext2_inode inode;
	const char *name;
	size_t length;
	uint32_t dir;

	int error = ext2_walk_parent(s->fs, from_here(s), source, &dir, &name,
				     &length);
	if (!error)
		error = ext2_find(s->fs, dir, name, length, &entry);
	if (!error)
		error = ext2_inode(s->fs, entry.ino, &inode);
	if (!error && name[length] == '/' && !S_ISDIR(inode.mode))
		error = -ENOTDIR;
	if (error)
		return complain(s, error, "cannot move %s", source);
	if (to->slash && !S_ISDIR(inode.mode))
		return complain(s, ENOTDIR, "%s", to->path);
	if (o->keep &&
	    ext2_find(s->fs, to->dir, to->name, to->length, &entry) == 0)
		return EXIT_SUCCESS;
	error = ext2_rename(s->fs, dir, name, length, to->dir, to->name,
			    to->length);
	return error ? complain(s, error, "cannot move %s to %s", source,
				to->path)
		     : EXIT_SUCCESS;
}

static int run_mv(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };

	command_parse(s, &mv_parser, argc, argv, &o);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return for_each_source(s, &o, move);
}

const struct command mv_command = {
	.name = "mv",
	.summary = "renames and moves",
	.heading = "Changing",
	.run = run_mv,
};

// ## ln

static const struct argp_option ln_table[] = {
	{ "symbolic", 's', 0, 0,
	  "A symlink, which says TARGET as it was given here", 1 },
	{ "force", 'f', 0, 0, "Replace what has the new name", 1 },
	{ "no-target-directory", 'T', 0, 0,
	  "A LINK that is a directory is an error, not gone into", 1 },
	{ 0 }
};

static const struct argp ln_parser = {
	.options = ln_table,
	.parser = parse,
	.args_doc = "IMAGE TARGET... LINK",
	.doc = "Makes another name for a file in an image, or a symlink."
	       "\vExample:\n"
	       "  img ln -s disk.img ../notes.txt /home/link.txt",
};

// --force: as ln(1), not of a directory.
static int clear_place(struct session *s, const struct place *to)
{
	int error = ext2_unlink(s->fs, to->dir, to->name, to->length);

	return error && error != -ENOENT
		       ? complain(s, error, "cannot replace %s", to->path)
		       : EXIT_SUCCESS;
}

static int make_symlink(struct session *s, const char *target,
			const struct place *to)
{
	struct ext2_time now = ext2_now(s->fs);
	const struct ext2_inode attributes = {
		.mode = S_IFLNK | 0777,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
	};
	uint32_t ino;

	if (!*target)
		return complain(s, 0, "cannot make %s: an empty target",
				to->path);
	int error = ext2_symlink(s->fs, to->dir, to->name, to->length,
				 &attributes, target, strlen(target), &ino);
	return error ? complain(s, error, "cannot make %s", to->path)
		     : EXIT_SUCCESS;
}

static int make_link(struct session *s, const struct options *o,
		     const char *target, const struct place *to)
{
	struct ext2_inode inode = { 0 };
	struct ext2_entry entry;
	uint32_t there;

	if (to->slash && reach(s, to->path, 0, &there) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!o->symbolic &&
	    reach_inode(s, target, EXT2_NOFOLLOW, &inode) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (S_ISDIR(inode.mode))
		return complain(s, 0,
				"%s: a directory has one name; want -s for a "
				"symlink",
				target);
	if (!o->symbolic && o->force &&
	    ext2_find(s->fs, to->dir, to->name, to->length, &entry) == 0 &&
	    entry.ino == inode.ino)
		return EXIT_SUCCESS;
	if (o->force && clear_place(s, to) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (o->symbolic)
		return make_symlink(s, target, to);
	int error = ext2_link(s->fs, to->dir, to->name, to->length, inode.ino);
	return error ? complain(s, error, "cannot link %s to %s", to->path,
				target)
		     : EXIT_SUCCESS;
}

static int run_ln(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };

	command_parse(s, &ln_parser, argc, argv, &o);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return for_each_source(s, &o, make_link);
}

const struct command ln_command = {
	.name = "ln",
	.summary = "gives files further names, or makes symlinks",
	.heading = "Changing",
	.run = run_ln,
};
