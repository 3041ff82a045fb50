// # chmod and chown: who may do what
//
// As the kernel does it, a new owner takes the setuid and setgid bits from what is
// no directory, and its capabilities: what ran with the rights of one owner must not
// run with those of another unasked. And where a file has an ACL, its permissions
// stand in there, too (acl(5)): the group's bits of the mode are the ACL's mask.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/values.h"

struct options {
	struct session *session;
	char **paths; // those after the mode or owner
	int count;
	bool recursive, numeric, no_follow;
	char *text; // the mode or owner
	struct mode_change mode;
	struct owner owner;
	int (*change)(struct options *, struct ext2_inode *);
};

enum { OPT_NUMERIC = 256 };

static bool parse_shared(struct options *o, int key,
			 const struct argp_state *state, const char *first)
{
	switch (key) {
	case 'R':
		o->recursive = true;
		return true;
	case ARGP_KEY_ARGS:
		o->text = state->argv[state->next];
		o->paths = state->argv + state->next + 1;
		o->count = state->argc - state->next - 1;
		if (o->count == 0)
			argp_failure(state, EXIT_USAGE, 0,
				     "want a PATH after the %s", first);
		return true;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0, "want IMAGE, %s and PATH",
			     first);
		return true;
	}
	return false;
}

// ## Paths

static int change_one(struct options *o, struct ext2_inode *inode,
		      const char *path)
{
	struct session *s = o->session;

	inode->ctime = ext2_now(s->fs);
	int error = o->change(o, inode);
	if (!error)
		error = ext2_set_inode(s->fs, inode);
	return error ? complain(s, error, "cannot change %s", path)
		     : EXIT_SUCCESS;
}

// A symlink's mode means nothing, so chmod -R leaves it out.
static int each(void *context, struct visit *visit)
{
	struct options *o = context;

	if (S_ISLNK(visit->inode.mode) && o->mode.count)
		return 0;
	return change_one(o, &visit->inode, visit->path);
}

static int change_paths(struct options *o)
{
	struct session *s = o->session;
	struct ext2_inode inode;

	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	for (int i = 0; i < o->count; i++) {
		const char *path = o->paths[i];
		int flags = o->no_follow ? EXT2_NOFOLLOW : 0;
		if (reach_inode(s, path, flags, &inode) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		if (o->recursive ? visit_tree(s, inode.ino, path, false, each,
					      o) != 0
				 : change_one(o, &inode, path) != EXIT_SUCCESS)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

// ## chmod

static const struct argp_option chmod_table[] = {
	{ "recursive", 'R', 0, 0, "Directories and all that is in them", 1 },
	{ 0 }
};

static error_t parse_chmod(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	if (!parse_shared(o, key, state, "MODE"))
		return ARGP_ERR_UNKNOWN;
	if (key == ARGP_KEY_ARGS && parse_mode(o->text, &o->mode) != 0)
		option_refuse(state, "MODE", o->text,
			      "a mode, such as 0755 or u+x,go-w");
	return 0;
}

static const struct argp chmod_parser = {
	.options = chmod_table,
	.parser = parse_chmod,
	.args_doc = "IMAGE MODE PATH...",
	.doc = "Changes permissions of files in an image: MODE is octal, or as "
	       "u+x,go-w. (One that begins with - wants -- before the image.)"
	       "\vExamples:\n"
	       "  img chmod disk.img 4755 /bin/su\n"
	       "  img chmod -R disk.img u=rwX,go=rX /srv",
};

// The ACL follows the mode; the form of its value: see acl.c of fs/ext2.
static int set_acl(struct ext2 *fs, const struct ext2_inode *inode)
{
	enum {
		HEADER = 4,
		ENTRY = 8,
		OWNER = 1,
		GROUP = 4,
		MASK = 16,
		OTHERS = 32,
		LARGEST = 16384
	};
	static const char name[] = "system.posix_acl_access";
	uint8_t acl[LARGEST];
	uint8_t *group = NULL;
	int n = ext2_xattr(fs, inode->ino, name, acl, sizeof acl);

	if (n < 0)
		return n == -ENODATA ? 0 : n;
	for (uint8_t *at = acl + HEADER; at + ENTRY <= acl + n; at += ENTRY) {
		switch (at[0] | at[1] << 8) {
		case OWNER:
			at[2] = inode->mode >> 6 & 7;
			break;
		case GROUP:
			group = group ? group : at;
			break;
		case MASK:
			group = at;
			break;
		case OTHERS:
			at[2] = inode->mode & 7;
			break;
		}
	}
	if (group)
		group[2] = inode->mode >> 3 & 7;
	return ext2_set_xattr(fs, inode->ino, name, acl, (size_t)n);
}

static int set_mode(struct options *o, struct ext2_inode *inode)
{
	inode->mode = (inode->mode & S_IFMT) |
		      (mode_changed(&o->mode, inode->mode) & 07777);
	return S_ISLNK(inode->mode) ? 0 : set_acl(o->session->fs, inode);
}

static int run_chmod(struct session *s, int argc, char **argv)
{
	struct options o = { .session = s, .change = set_mode };

	command_parse(s, &chmod_parser, argc, argv, &o);
	return change_paths(&o);
}

const struct command chmod_command = {
	.name = "chmod",
	.summary = "changes permissions",
	.heading = "Changing",
	.run = run_chmod,
};

// ## chown

static const struct argp_option chown_table[] = {
	{ "recursive", 'R', 0, 0, "Directories and all that is in them", 1 },
	{ "no-dereference", 'h', 0, 0, "A symlink itself, not its target", 1 },
	{ "numeric", OPT_NUMERIC, 0, 0,
	  "OWNER and GROUP are numbers, not names of this host", 1 },
	{ 0 }
};

static error_t parse_chown(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	if (key == 'h')
		o->no_follow = true;
	else if (key == OPT_NUMERIC)
		o->numeric = true;
	else if (key == ARGP_KEY_SUCCESS && o->text)
		option_owner(state, "OWNER", o->text, o->numeric, &o->owner);
	else if (!parse_shared(o, key, state, "OWNER"))
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp chown_parser = {
	.options = chown_table,
	.parser = parse_chown,
	.args_doc = "IMAGE OWNER[:GROUP] PATH...\nIMAGE :GROUP PATH...",
	.doc = "Changes whose files of an image are. Names are those of this "
	       "host; the image only knows their numbers."
	       "\vExample:\n"
	       "  img chown -R disk.img 1000:1000 /home/ubuntu",
};

static int set_owner(struct options *o, struct ext2_inode *inode)
{
	if (o->owner.uid >= 0)
		inode->uid = (uint32_t)o->owner.uid;
	if (o->owner.gid >= 0)
		inode->gid = (uint32_t)o->owner.gid;
	if (S_ISDIR(inode->mode))
		return 0;
	inode->mode &= (uint16_t)~S_ISUID;
	if (inode->mode & S_IXGRP)
		inode->mode &= (uint16_t)~S_ISGID;

	// The attribute may be in the inode's own bytes: read it again after.
	struct ext2_inode changed = *inode;
	struct ext2 *fs = o->session->fs;
	int error = ext2_remove_xattr(fs, inode->ino, "security.capability");
	if (error == -ENODATA)
		return 0;
	if (!error)
		error = ext2_inode(fs, inode->ino, inode);
	inode->uid = changed.uid;
	inode->gid = changed.gid;
	inode->mode = changed.mode;
	inode->ctime = changed.ctime;
	return error;
}

static int run_chown(struct session *s, int argc, char **argv)
{
	struct options o = { .session = s, .change = set_owner };

	command_parse(s, &chown_parser, argc, argv, &o);
	return change_paths(&o);
}

const struct command chown_command = {
	.name = "chown",
	.summary = "changes owners and groups",
	.heading = "Changing",
	.run = run_chown,
};
