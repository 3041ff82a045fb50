// # touch and truncate: times and sizes

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/values.h"

struct options {
	struct session *session;
	char **paths;
	int count;
	bool no_create, no_follow;

	bool atime_only, mtime_only; // touch
	const char *reference;
	struct ext2_time when, atime, mtime;
	bool when_given;

	char sign; // truncate: + - or 0
	uint64_t size;
	bool size_given;
};

enum { OPT_REFERENCE = 256 };

static bool parse_shared(struct options *o, int key,
			 const struct argp_state *state)
{
	switch (key) {
	case 'c':
		o->no_create = true;
		return true;
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		return true;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0, "want IMAGE and PATH");
		return true;
	}
	return false;
}

// ## The file, made where it is missing

// At the end of a path that leads nowhere: a name that is missing, or a symlink to
// one, or to another such symlink.
static int make_empty(struct session *s, const char *path, uint32_t *ino)
{
	enum { DEEPEST = 40, TARGET_MOST = 4096 };
	struct ext2_time now = ext2_now(s->fs);
	const struct ext2_inode attributes = {
		.mode = S_IFREG | 0644,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
	};
	char target[2][TARGET_MOST + 1];
	uint32_t dir = from_here(s);
	struct ext2_entry entry;
	const char *name;
	size_t length;

	for (int depth = 0; depth <= DEEPEST; depth++) {
		int error = ext2_walk_parent(s->fs, dir, path, &dir, &name,
					     &length);
		if (error)
			return error;
		if (name[length] == '/')
			return -EISDIR;
		error = ext2_find(s->fs, dir, name, length, &entry);
		if (error == -ENOENT)
			return ext2_create(s->fs, dir, name, length,
					   &attributes, ino);
		path = target[depth % 2];
		if (!error)
			error = ext2_readlink(s->fs, entry.ino,
					      target[depth % 2],
					      sizeof target[0]);
		if (error)
			return error;
	}
	return -ELOOP;
}

static int for_each_file(struct options *o,
			 int (*change)(struct options *, struct ext2_inode *,
				       const char *path))
{
	struct session *s = o->session;
	struct ext2_inode inode;
	uint32_t ino;

	for (int i = 0; i < o->count; i++) {
		const char *path = o->paths[i];
		int error = ext2_walk(s->fs, from_here(s), path,
				      o->no_follow ? EXT2_NOFOLLOW : 0, NULL,
				      NULL, &ino);
		if (error == -ENOENT && o->no_create)
			continue;
		if (error == -ENOENT)
			error = make_empty(s, path, &ino);
		if (!error)
			error = ext2_inode(s->fs, ino, &inode);
		if (error)
			return complain(s, error, "%s", path);
		if (change(o, &inode, path) != EXIT_SUCCESS)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

// ## touch

static const struct argp_option touch_table[] = {
	{ "date", 'd', "TIME", 0,
	  "2026-03-01T12:34:56.5Z, or a part of that (UTC unless it says "
	  "+09:00), or @SECONDS since 1970", 1 },
	{ "reference", OPT_REFERENCE, "PATH", 0,
	  "The times of this file in the image", 1 },
	{ 0, 'a', 0, 0, "Only when it was read", 2 },
	{ 0, 'm', 0, 0, "Only when it was changed", 2 },
	{ "no-create", 'c', 0, 0, "Make no files", 2 },
	{ "no-dereference", 'h', 0, 0, "A symlink itself, not its target", 2 },
	{ 0 }
};

static error_t parse_touch(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'd':
		option_when(state, "--date", text, &o->when);
		o->when_given = true;
		return 0;
	case OPT_REFERENCE:
		o->reference = text;
		return 0;
	case 'a':
		o->atime_only = true;
		return 0;
	case 'm':
		o->mtime_only = true;
		return 0;
	case 'h':
		o->no_follow = true;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (o->when_given && o->reference)
			argp_failure(state, EXIT_USAGE, 0,
				     "--date and --reference: want one of "
				     "them");
		return 0;
	}
	return parse_shared(o, key, state) ? 0 : ARGP_ERR_UNKNOWN;
}

static const struct argp touch_parser = {
	.options = touch_table,
	.parser = parse_touch,
	.args_doc = "IMAGE PATH...",
	.doc = "Sets when files in an image were read and changed (to now), "
	       "and makes empty ones where there are none."
	       "\vExample:\n"
	       "  img touch -d 2040-01-01T00:00:00.5Z disk.img /etc/later",
};

// Those of now are kept as near as can be, as the kernel does; not those that were
// asked for.
static int refuse_other_time(struct session *s, const char *path,
			     struct ext2_time wanted, struct ext2_time kept)
{
	char text[40];

	if (wanted.seconds <= kept.seconds)
		return EXIT_SUCCESS;
	return complain(s, 0,
			"cannot set the times of %s: its inode holds times "
			"only to %s",
			path, time_text(kept, false, text));
}

static int set_times(struct options *o, struct ext2_inode *inode,
		     const char *path)
{
	struct session *s = o->session;
	struct ext2_inode kept;

	if (!o->mtime_only || o->atime_only)
		inode->atime = o->atime;
	if (!o->atime_only || o->mtime_only)
		inode->mtime = o->mtime;
	inode->ctime = ext2_now(s->fs);
	int error = ext2_set_inode(s->fs, inode);
	if (!error)
		error = ext2_inode(s->fs, inode->ino, &kept);
	if (error)
		return complain(s, error, "cannot set the times of %s", path);
	if (!o->when_given && !o->reference)
		return EXIT_SUCCESS;
	return refuse_other_time(s, path, inode->atime, kept.atime) ||
	       refuse_other_time(s, path, inode->mtime, kept.mtime);
}

static int run_touch(struct session *s, int argc, char **argv)
{
	struct options o = { .session = s };
	struct ext2_inode reference;

	command_parse(s, &touch_parser, argc, argv, &o);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	o.atime = o.mtime = o.when_given ? o.when : ext2_now(s->fs);
	if (o.reference) {
		if (reach_inode(s, o.reference, 0, &reference) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		o.atime = reference.atime;
		o.mtime = reference.mtime;
	}
	return for_each_file(&o, set_times);
}

const struct command touch_command = {
	.name = "touch",
	.summary = "sets times, makes empty files",
	.heading = "Changing",
	.run = run_touch,
};

// ## truncate

static const struct argp_option truncate_table[] = {
	{ "size", 's', "[+|-]SIZE", 0,
	  "Bytes, or 64K, 3G; with a sign: so many more or fewer", 1 },
	{ "no-create", 'c', 0, 0, "Make no files", 1 },
	{ 0 }
};

static error_t parse_truncate(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		o->sign = *text == '+' || *text == '-' ? *text : '\0';
		o->size = option_size(state, "--size", text + (o->sign != 0), 0,
				      INT64_MAX);
		o->size_given = true;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (!o->size_given)
			argp_failure(state, EXIT_USAGE, 0, "want --size=SIZE");
		return 0;
	}
	return parse_shared(o, key, state) ? 0 : ARGP_ERR_UNKNOWN;
}

static const struct argp truncate_parser = {
	.options = truncate_table,
	.parser = parse_truncate,
	.args_doc = "IMAGE PATH...",
	.doc = "Makes files in an image shorter or longer. What is new is a "
	       "hole: it reads as zeros and takes no block."
	       "\vExample:\n"
	       "  img truncate --size=3G disk.img /var/swap",
};

static int set_size(struct options *o, struct ext2_inode *inode,
		    const char *path)
{
	struct session *s = o->session;
	uint64_t size = o->size;

	if (!S_ISREG(inode->mode))
		return complain(s, 0, "%s: a %s has no size to set", path,
				type_word(inode->mode));
	if (o->sign == '+')
		size = inode->size + o->size;
	else if (o->sign == '-')
		size = inode->size > o->size ? inode->size - o->size : 0;
	int error = ext2_truncate(s->fs, inode->ino, size);
	if (!error)
		error = ext2_inode(s->fs, inode->ino, inode);
	inode->mtime = inode->ctime = ext2_now(s->fs);
	if (!error)
		error = ext2_set_inode(s->fs, inode);
	return error ? complain(s, error, "cannot set the size of %s", path)
		     : EXIT_SUCCESS;
}

static int run_truncate(struct session *s, int argc, char **argv)
{
	struct options o = { .session = s };

	command_parse(s, &truncate_parser, argc, argv, &o);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return for_each_file(&o, set_size);
}

const struct command truncate_command = {
	.name = "truncate",
	.summary = "makes files shorter or longer",
	.heading = "Changing",
	.run = run_truncate,
};
