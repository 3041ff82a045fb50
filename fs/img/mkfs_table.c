// # A table of devices
//
// Whoever builds a root file system without being root cannot make devices, or
// files that belong to others. So a table says what they are to be. The form is that
// of genext2fs -D and of buildroot's makedevs, ten fields a line (trailing ones may
// be missing):
//
//     NAME  TYPE  MODE  UID  GID  MAJOR  MINOR  START  INC  COUNT
//
// Both tools agree on it, but for what COUNT numbers are: makedevs takes START to
// START + COUNT - 1, and so do we.
//
// Errors are told with the line's number, and nothing is made.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/mkfs.h"
#include "must.h"

enum { FIELDS = 10, MODE_MOST = 07777, COUNT_MOST = 65536, KEEP = -1 };

static const uint32_t MAJOR_MOST = 0xfff, MINOR_MOST = 0xfffff;

struct line {
	const char *name;
	char type;
	int64_t mode, uid, gid, major, minor, start, step, count;
};

struct table {
	struct tree *tree;
	const char *path;
	unsigned number; // of the line
	uint64_t now;
};

static int refuse(const struct table *t, const char *field, const char *wanted)
{
	return complain(t->tree->session, 0, "%s:%u: %s: want %s", t->path,
			t->number, field, wanted);
}

// ## Fields

static int parse_field(const struct table *t, char *field, const char *what,
		       int64_t least, int64_t most, int64_t *value)
{
	char wanted[80];

	*value = least < 0 ? KEEP : 0;
	if (!field || !strcmp(field, "-"))
		return 0;
	if (!parse_number(field, least, most, value))
		return 0;
	snprintf(wanted, sizeof wanted, "%s, a number up to %" PRId64 ", or -",
		 what, most);
	return refuse(t, field, wanted);
}

static int parse_octal(const struct table *t, const char *field, int64_t *mode)
{
	char *end;
	unsigned long value;

	*mode = KEEP;
	if (!field || !strcmp(field, "-") || !strcmp(field, "-1"))
		return 0;
	value = strtoul(field, &end, 8);
	if (*field < '0' || *field > '7' || *end || value > MODE_MOST)
		return refuse(t, field, "a mode in octal, such as 4755, or -");
	*mode = (int64_t)value;
	return 0;
}

// \040 and such, in place.
static void unescape(char *name)
{
	char *to = name;

	for (const char *at = name; *at;) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' &&
		    at[2] >= '0' && at[2] <= '7' && at[3] >= '0' &&
		    at[3] <= '7') {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
				       (at[3] - '0'));
			at += 4;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

static int parse_line(const struct table *t, char *text, struct line *line)
{
	static const char blank[] = " \t\r\n";
	char *field[FIELDS] = { NULL }, *rest = text, *next;
	int n = 0;

	while ((next = strsep(&rest, blank)) && n < FIELDS)
		if (*next)
			field[n++] = next;
	if (next && next[strspn(next, blank)])
		return refuse(t, next, "ten fields and no more");
	if (n < 2)
		return refuse(t, field[0], "a type after the name");
	if (!strchr("dcbpsfFr", field[1][0]) || field[1][1])
		return refuse(t, field[1], "a type: d, c, b, p, s, f, F or r");
	unescape(field[0]);
	line->name = field[0];
	line->type = field[1][0];
	return parse_octal(t, field[2], &line->mode) ||
	       parse_field(t, field[3], "a UID", KEEP, UINT32_MAX - 1,
			   &line->uid) ||
	       parse_field(t, field[4], "a GID", KEEP, UINT32_MAX - 1,
			   &line->gid) ||
	       parse_field(t, field[5], "a major number", 0, MAJOR_MOST,
			   &line->major) ||
	       parse_field(t, field[6], "a minor number", 0, MINOR_MOST,
			   &line->minor) ||
	       parse_field(t, field[7], "the first number", 0, UINT32_MAX,
			   &line->start) ||
	       parse_field(t, field[8], "a step", 0, MINOR_MOST, &line->step) ||
	       parse_field(t, field[9], "a count", 0, COUNT_MOST, &line->count);
}

// ## Doing what a line says

static void apply(struct node *node, const struct line *line)
{
	if (line->mode != KEEP)
		node->mode = (uint16_t)((node->mode & S_IFMT) | line->mode);
	if (line->uid != KEEP)
		node->uid = (uint32_t)line->uid;
	if (line->gid != KEEP)
		node->gid = (uint32_t)line->gid;
}

// All names of an inode mean the same.
static struct node *inode_of(const struct tree *tree, uint32_t i)
{
	while (tree->node[i].flags & NODE_LINK)
		i = tree->node[i].target;
	return &tree->node[i];
}

// The node of a path; NO_NODE: there is none, but its directory is *parent.
static int find(const struct table *t, const char *path, uint32_t *parent,
		const char **last, uint32_t *found)
{
	uint32_t at = ROOT_NODE;

	*parent = ROOT_NODE;
	*last = "";
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");

		if (at == NO_NODE || !S_ISDIR(t->tree->node[at].mode))
			return refuse(t, *last, "a directory there before");
		if (n > NAME_LONGEST || !strncmp(path, "..", n) ||
		    !strncmp(path, ".", n))
			return refuse(t, path,
				      "a name of up to 255 bytes, and no . or "
				      "..");
		*parent = at;
		*last = path;
		at = tree_child(t->tree, at, path, n);
		path += n;
	}
	*found = at;
	return 0;
}

static uint16_t format_of(char type)
{
	return type == 'c'   ? S_IFCHR
	       : type == 'b' ? S_IFBLK
	       : type == 'p' ? S_IFIFO
	       : type == 's' ? S_IFSOCK
			     : S_IFDIR;
}

static int make_one(struct table *t, const struct line *line, const char *path,
		    int64_t minor)
{
	struct tree *tree = t->tree;
	uint16_t format = format_of(line->type);
	uint32_t parent = 0, found = NO_NODE;
	const char *last = path;
	struct node *node;

	if (find(t, path, &parent, &last, &found))
		return EXIT_FAILURE;
	if (found != NO_NODE) {
		node = inode_of(tree, found);
		if ((node->mode & S_IFMT) != format)
			return refuse(t, path,
				      "no file there that is "
				      "something else");
	} else {
		node = tree_add(tree, parent, last, strcspn(last, "/"));
		node->mode = format | (S_ISDIR(format) ? 0755 : 0644);
		node->atime = node->mtime = node->ctime = t->now;
		tree->arranged = false;
	}
	apply(node, line);
	if (S_ISCHR(format) || S_ISBLK(format))
		node->size = (uint64_t)line->major << 32 | (uint64_t)minor;
	return EXIT_SUCCESS;
}

static int make_all(struct table *t, const struct line *line)
{
	int status = EXIT_SUCCESS;

	if (!line->count)
		return make_one(t, line, line->name, line->minor);
	for (int64_t i = 0; !status && i < line->count; i++) {
		int64_t minor = line->minor + i * line->step;
		char *path;

		if (minor > MINOR_MOST)
			return refuse(t, line->name,
				      "no minor number above "
				      "1048575");
		must(asprintf(&path, "%s%" PRId64, line->name,
			      line->start + i));
		status = make_one(t, line, path, minor);
		free(path);
	}
	return status;
}

// A directory and all below it; modes, too, if one is given.
static void apply_below(struct tree *tree, uint32_t top,
			const struct line *line)
{
	bool *below = must_ptr(calloc(tree->count, sizeof *below));

	below[top] = true;
	apply(inode_of(tree, top), line);
	// Whoever is in the tree comes after the directory that it is in.
	for (uint32_t i = 1; i < tree->count; i++)
		if (!below[i] && below[tree->node[i].parent]) {
			below[i] = true;
			if (!S_ISLNK(tree->node[i].mode) || line->mode == KEEP)
				apply(inode_of(tree, i), line);
		}
	free(below);
}

static int change(struct table *t, const struct line *line)
{
	uint32_t parent, found = NO_NODE;
	const char *last;

	if (find(t, line->name, &parent, &last, &found))
		return EXIT_FAILURE;
	if (found == NO_NODE)
		return line->type == 'F'
			       ? EXIT_SUCCESS
			       : refuse(t, line->name, "a file that is there");
	if (line->type == 'r') {
		apply_below(t->tree, found, line);
		return EXIT_SUCCESS;
	}
	apply(inode_of(t->tree, found), line);
	return EXIT_SUCCESS;
}

int apply_table(struct tree *tree, const struct make_options *o)
{
	struct table t = {
		.tree = tree,
		.path = o->table,
		.now = pack_time(o->now.seconds, o->now.ns),
	};
	FILE *file = fopen(o->table, "re");
	int status = EXIT_SUCCESS;
	char *text = NULL;
	size_t room = 0;

	if (!file)
		return complain(tree->session, errno, "cannot open %s",
				o->table);
	while (!status && getline(&text, &room, file) >= 0) {
		struct line line = { .name = "" };

		t.number++;
		text[strcspn(text, "#")] = '\0';
		if (!text[strspn(text, " \t\r\n")])
			continue;
		status = parse_line(&t, text, &line);
		if (!status)
			status = strchr("fFr", line.type) ? change(&t, &line)
							  : make_all(&t, &line);
	}
	if (!status && ferror(file))
		status = complain(tree->session, errno, "cannot read %s",
				  o->table);
	free(text);
	fclose(file);
	return status;
}
