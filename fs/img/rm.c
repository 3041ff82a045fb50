// # rm: names, and with the last of them what they mean
//
// A tree is taken down from the leaves. Nothing of it is gone before all of it
// is: one transaction (see ext2_commit), so that a failure or Ctrl-C leaves the
// image as it was.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"

struct options {
	char **paths;
	int count;
	bool recursive, force, directories;
};

static const struct argp_option table[] = {
	{ "recursive", 'r', 0, 0, "Directories with all that is in them", 1 },
	{ 0, 'R', 0, OPTION_ALIAS, 0, 1 },
	{ "dir", 'd', 0, 0, "Empty directories, too", 1 },
	{ "force", 'f', 0, 0, "Do not mind names that are not there", 1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	switch (key) {
	case 'r':
	case 'R':
		o->recursive = true;
		return 0;
	case 'd':
		o->directories = true;
		return 0;
	case 'f':
		o->force = true;
		return 0;
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
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE PATH...",
	.doc = "Removes files, and with -r directories, from an image. All of "
	       "them, or on a failure none."
	       "\vExample:\n"
	       "  img rm -r disk.img /var/cache /tmp/x",
};

// ## A tree

struct removal {
	struct session *session;
	uint32_t *parent; // by depth
	size_t room;
};

static int remember_parent(struct removal *r, const struct visit *visit)
{
	size_t need = (size_t)visit->depth + 1;

	if (need > r->room) {
		uint32_t *more = realloc(r->parent, need * 2 * sizeof *more);
		if (!more)
			return -ENOMEM;
		r->parent = more;
		r->room = need * 2;
	}
	r->parent[visit->depth] = visit->inode.ino;
	return 0;
}

static int told(const struct removal *r, int error, const struct visit *visit)
{
	if (error)
		complain(r->session, error, "cannot remove %s", visit->path);
	return error;
}

static int each(void *context, struct visit *visit)
{
	struct removal *r = context;

	if (S_ISDIR(visit->inode.mode))
		return remember_parent(r, visit);
	return told(r,
		    ext2_unlink(r->session->fs, r->parent[visit->depth - 1],
				visit->entry->name, visit->entry->name_len),
		    visit);
}

static int leave(void *context, struct visit *visit)
{
	struct removal *r = context;

	if (visit->depth == 0)
		return 0; // its name is the caller's
	return told(r,
		    ext2_rmdir(r->session->fs, r->parent[visit->depth - 1],
			       visit->entry->name, visit->entry->name_len),
		    visit);
}

static int remove_content(struct session *s, uint32_t ino, const char *path)
{
	struct removal removal = { .session = s };
	const struct visitor visitor = {
		.each = each,
		.leave = leave,
		.context = &removal,
	};

	int error = visit_with(s, ino, path, &visitor);
	free(removal.parent);
	return error;
}

// ## One path

static int remove_path(struct session *s, const struct options *o,
		       const char *path)
{
	struct ext2_inode inode;
	struct ext2_entry entry;
	const char *name;
	uint32_t dir;
	size_t length;

	int error = ext2_walk_parent(s->fs, from_here(s), path, &dir, &name,
				     &length);
	if (error == -EINVAL)
		return complain(s, 0,
				"cannot remove %s: want a name, not /, . or ..",
				path);
	if (!error)
		error = ext2_find(s->fs, dir, name, length, &entry);
	if (error == -ENOENT && o->force)
		return EXIT_SUCCESS;
	if (!error)
		error = ext2_inode(s->fs, entry.ino, &inode);
	if (!error && name[length] == '/' && !S_ISDIR(inode.mode))
		error = -ENOTDIR;
	if (error)
		return complain(s, error, "cannot remove %s", path);
	if (!S_ISDIR(inode.mode))
		error = ext2_unlink(s->fs, dir, name, length);
	else if (!o->recursive && !o->directories)
		return complain(s, 0, "cannot remove %s: a directory wants -r",
				path);
	else if (o->recursive && remove_content(s, entry.ino, path) != 0)
		return EXIT_FAILURE;
	else
		error = ext2_rmdir(s->fs, dir, name, length);
	return error ? complain(s, error, "cannot remove %s", path)
		     : EXIT_SUCCESS;
}

static int run_rm(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };

	command_parse(s, &parser, argc, argv, &o);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	for (int i = 0; i < o.count; i++)
		if (remove_path(s, &o, o.paths[i]) != EXIT_SUCCESS)
			return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

const struct command rm_command = {
	.name = "rm",
	.summary = "removes files and directories",
	.heading = "Changing",
	.run = run_rm,
};
