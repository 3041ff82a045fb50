// # mkdir and mknod: new names for new inodes
//
// What is made belongs to root (0:0) unless --owner says something else: the
// numbers of whoever edits an image mean nothing in it.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/values.h"
#include "must.h"

struct options {
	char **paths;
	int count;
	bool parents, numeric; // numeric: --owner has numbers
	const char *owner_text;
	struct owner owner;
	struct mode_change mode;
};

enum { OPT_OWNER = 256, OPT_NUMERIC };

static bool parse_shared(struct options *o, int key, char *text,
			 const struct argp_state *state)
{
	switch (key) {
	case 'm':
		option_mode(state, "--mode", text, &o->mode);
		return true;
	case OPT_OWNER:
		o->owner_text = text;
		return true;
	case OPT_NUMERIC:
		o->numeric = true;
		return true;
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		return true;
	case ARGP_KEY_SUCCESS:
		if (o->owner_text)
			option_owner(state, "--owner", o->owner_text,
				     o->numeric, &o->owner);
		return true;
	}
	return false;
}

// All that a new inode is given.
static struct ext2_inode attributes_of(const struct session *s,
				       const struct options *o, uint16_t format,
				       uint16_t mode)
{
	struct ext2_time now = ext2_now(s->fs);

	return (struct ext2_inode){
		.mode = format | (mode_changed(&o->mode, mode) & 07777),
		.uid = o->owner.uid < 0 ? 0 : (uint32_t)o->owner.uid,
		.gid = o->owner.gid < 0 ? 0 : (uint32_t)o->owner.gid,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
	};
}

// ## mkdir

static const struct argp_option mkdir_table[] = {
	{ "parents", 'p', 0, 0,
	  "Make what is missing above it, too (0755), and do not mind a "
	  "directory that exists", 1 },
	{ "mode", 'm', "MODE", 0, "Octal or as u=rwx,go=rx (0755)", 1 },
	{ "owner", OPT_OWNER, "USER:GROUP", 0, "Whose it is (0:0)", 1 },
	{ "numeric", OPT_NUMERIC, 0, 0, "These are numbers, not names", 1 },
	{ 0 }
};

static error_t parse_mkdir(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	if (key == 'p')
		o->parents = true;
	else if (key == ARGP_KEY_NO_ARGS)
		argp_failure(state, EXIT_USAGE, 0, "want IMAGE and PATH");
	else if (!parse_shared(o, key, text, state))
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp mkdir_parser = {
	.options = mkdir_table,
	.parser = parse_mkdir,
	.args_doc = "IMAGE PATH...",
	.doc = "Makes directories in an image."
	       "\vExample:\n"
	       "  img mkdir -p disk.img /usr/share/doc",
};

static int make_directory(struct session *s, const char *path,
			  const struct ext2_inode *attributes)
{
	uint32_t dir, ino;
	const char *name;
	size_t length;

	int error = ext2_walk_parent(s->fs, from_here(s), path, &dir, &name,
				     &length);
	if (!error)
		error = ext2_create(s->fs, dir, name, length, attributes, &ino);
	return error;
}

// "/a/b/c": /a, then /a/b.
static int make_parents(struct session *s, const struct options *o,
			const char *path)
{
	struct ext2_inode attributes = attributes_of(s, o, S_IFDIR, 0755);
	char *copy = must_ptr(strdup(path));
	uint32_t there;
	int error = 0;

	attributes.mode = S_IFDIR | 0755;
	for (char *at = copy; *at && !error;) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
		if (!at[strspn(at, "/")])
			break;
		char end = *at;
		*at = '\0';
		if (!leads_to_directory(s, copy, &there))
			error = make_directory(s, copy, &attributes);
		if (error)
			complain(s, error, "cannot make %s", copy);
		*at = end;
	}
	free(copy);
	return error;
}

static int run_mkdir(struct session *s, int argc, char **argv)
{
	struct options o = { .owner = { -1, -1 } };
	uint32_t there;

	command_parse(s, &mkdir_parser, argc, argv, &o);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	struct ext2_inode attributes = attributes_of(s, &o, S_IFDIR, 0755);
	for (int i = 0; i < o.count; i++) {
		const char *path = o.paths[i];
		if (o.parents && leads_to_directory(s, path, &there))
			continue;
		if (o.parents && make_parents(s, &o, path) != 0)
			return EXIT_FAILURE;
		int error = make_directory(s, path, &attributes);
		if (error)
			return complain(s, error, "cannot make %s", path);
	}
	return EXIT_SUCCESS;
}

const struct command mkdir_command = {
	.name = "mkdir",
	.summary = "makes directories",
	.heading = "Changing",
	.run = run_mkdir,
};

// ## mknod

static const struct argp_option mknod_table[] = {
	{ "mode", 'm', "MODE", 0, "Octal or as u=rw,go=r (0644)", 1 },
	{ "owner", OPT_OWNER, "USER:GROUP", 0, "Whose it is (0:0)", 1 },
	{ "numeric", OPT_NUMERIC, 0, 0, "These are numbers, not names", 1 },
	{ 0 }
};

static error_t parse_mknod(int key, char *text, struct argp_state *state)
{
	if (key == ARGP_KEY_NO_ARGS)
		argp_failure(state, EXIT_USAGE, 0,
			     "want IMAGE, PATH and b, c, p or s");
	return parse_shared(state->input, key, text, state) ? 0
							    : ARGP_ERR_UNKNOWN;
}

static const struct argp mknod_parser = {
	.options = mknod_table,
	.parser = parse_mknod,
	.args_doc = "IMAGE PATH b|c MAJOR MINOR\nIMAGE PATH p|s",
	.doc = "Makes a block or character device, a fifo (p) or a socket (s) "
	       "in an image; root is not needed for that."
	       "\vExample:\n"
	       "  img mknod -m 0666 disk.img /dev/null c 1 3",
};

// What an inode has room for: 12 bits and 20.
static const int64_t LARGEST_MAJOR = (1 << 12) - 1;
static const int64_t LARGEST_MINOR = (1 << 20) - 1;

static int refuse_mknod(const char *what, const char *text)
{
	char *name = shown(text, strlen(text));

	fprintf(stderr, "img mknod: %s: want %s\n", name, what);
	free(name);
	return EXIT_USAGE;
}

static int run_mknod(struct session *s, int argc, char **argv)
{
	static const char kinds[] = "bcps";
	static const uint16_t formats[] = { S_IFBLK, S_IFCHR, S_IFIFO,
					    S_IFSOCK };
	struct options o = { .owner = { -1, -1 } };
	int64_t major = 0, minor = 0;
	uint32_t dir, ino;
	const char *name, *kind;
	size_t length;

	command_parse(s, &mknod_parser, argc, argv, &o);
	kind = o.count < 2 ? "" : o.paths[1];
	if (strlen(kind) != 1 || !strchr(kinds, *kind))
		return refuse_mknod("b, c, p or s after the path", kind);
	bool device = *kind == 'b' || *kind == 'c';
	if (o.count != (device ? 4 : 2))
		return refuse_mknod(device ? "MAJOR and MINOR, and no more"
					   : "nothing after the kind",
				    o.count < 3 ? kind : o.paths[2]);
	if (device && parse_number(o.paths[2], 0, LARGEST_MAJOR, &major) != 0)
		return refuse_mknod("a major number from 0 to 4095",
				    o.paths[2]);
	if (device && parse_number(o.paths[3], 0, LARGEST_MINOR, &minor) != 0)
		return refuse_mknod("a minor number from 0 to 1048575",
				    o.paths[3]);
	if (session_open(s, EXT2_WRITE) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	struct ext2_inode attributes = attributes_of(
		s, &o, formats[strchr(kinds, *kind) - kinds], 0644);
	attributes.device_major = (uint32_t)major;
	attributes.device_minor = (uint32_t)minor;
	int error = ext2_walk_parent(s->fs, from_here(s), o.paths[0], &dir,
				     &name, &length);
	if (!error && name[length] == '/')
		error = -ENOTDIR;
	if (!error)
		error = ext2_create(s->fs, dir, name, length, &attributes,
				    &ino);
	return error ? complain(s, error, "cannot make %s", o.paths[0])
		     : EXIT_SUCCESS;
}

const struct command mknod_command = {
	.name = "mknod",
	.summary = "makes devices, fifos and sockets",
	.heading = "Changing",
	.run = run_mknod,
};
