// # tree: a directory and all that is in it, drawn

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/img.h"
#include "must.h"

struct options {
	const char *path;
	bool all, directories, numbers, sizes;
	int64_t deepest;
	struct session *session;
	struct canvas canvas;
	struct json_list list;
	char *trunk; // by depth: whether the directory there has more to come
	size_t room;
	uint64_t directory_count, other_count;
};

// ## The command line

static const struct argp_option table[] = {
	{ "all", 'a', 0, 0, "Also names that begin with a dot", 1 },
	{ "directories", 'd', 0, 0, "Directories only", 1 },
	{ "level", 'L', "N", 0, "Go N directories deep", 1 },
	{ "inode", 'i', 0, 0, "The inodes' numbers, too", 2 },
	{ "size", 's', 0, 0, "Sizes, too", 2 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'a':
		o->all = true;
		return 0;
	case 'd':
		o->directories = true;
		return 0;
	case 'L':
		o->deepest = option_number(state, "--level", text, 1,
					   INT32_MAX);
		return 0;
	case 'i':
		o->numbers = true;
		return 0;
	case 's':
		o->sizes = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_failure(state, EXIT_USAGE, 0,
				     "%s: want one PATH, or none", text);
		o->path = text;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE [PATH]",
	.doc = "Draws a directory of an image (/ where none is given) and all "
	       "that is below it."
	       "\vExample:\n"
	       "  img tree -L 2 disk.img /home",
};

// ## Drawing

static void print_target(struct options *o, const struct ext2_inode *inode)
{
	enum { LONGEST = 65536 };
	char *target;

	if (!S_ISLNK(inode->mode))
		return;
	target = must_ptr(malloc(LONGEST + 1));
	if (ext2_readlink(o->session->fs, inode->ino, target, LONGEST + 1) >=
	    0) {
		char *text = shown(target, strlen(target));
		printf(" -> %s", text);
		free(text);
	}
	free(target);
}

static void print_branch(struct options *o, const struct visit *visit)
{
	const char *on = o->canvas.utf8 ? "│   " : "|   ";
	const char *more = o->canvas.utf8 ? "├── " : "|-- ";
	const char *end = o->canvas.utf8 ? "└── " : "`-- ";

	for (int depth = 1; depth < visit->depth; depth++)
		fputs(o->trunk[depth] ? on : "    ", stdout);
	if (visit->depth)
		fputs(visit->last ? end : more, stdout);
}

static void print_visit(struct options *o, const struct visit *visit)
{
	const char *name = visit->entry ? visit->entry->name : visit->path;
	size_t length = visit->entry ? visit->entry->name_len
				     : strlen(visit->path);
	char *text = shown(name, length), size[HUMAN_BYTES];

	print_branch(o, visit);
	if (o->numbers)
		printf("[%" PRIu32 "] ", visit->inode.ino);
	fputs(text, stdout);
	if (o->sizes && S_ISREG(visit->inode.mode))
		printf(" (%s)", human_size(size, visit->inode.size));
	print_target(o, &visit->inode);
	putchar('\n');
	free(text);
}

static void list_visit(struct options *o, const struct visit *visit)
{
	json_t *object = json_inode(&visit->inode);

	json_set_name(object, "path", visit->path, strlen(visit->path));
	json_object_set_new(object, "depth", json_integer(visit->depth));
	json_list_add(&o->list, object);
}

static int each(void *context, struct visit *visit)
{
	struct options *o = context;
	bool directory = S_ISDIR(visit->inode.mode);

	visit->skip = o->deepest && visit->depth >= o->deepest;
	if ((size_t)visit->depth >= o->room) {
		size_t room = (size_t)visit->depth * 2 + 16;
		o->trunk = must_ptr(realloc(o->trunk, room));
		o->room = room;
	}
	o->trunk[visit->depth] = !visit->last;
	if (o->session->json)
		list_visit(o, visit);
	else
		print_visit(o, visit);
	if (visit->depth)
		(*(directory ? &o->directory_count : &o->other_count))++;
	return 0;
}

// What is left out must be known before a line is drawn: whether it is the last.
static bool wanted(void *context, const struct listed *item)
{
	const struct options *o = context;
	struct ext2_inode inode;

	if (!o->all && item->name[0] == '.')
		return false;
	if (!o->directories || item->type == TYPE_DIRECTORY)
		return true;
	return item->type == TYPE_UNKNOWN &&
	       ext2_inode(o->session->fs, item->ino, &inode) == 0 &&
	       S_ISDIR(inode.mode);
}

static int run_tree(struct session *s, int argc, char **argv)
{
	struct options o = { .path = s->start ? "." : "/", .session = s };
	const struct visitor visitor = {
		.list_flags = LIST_SORTED,
		.each = each,
		.wanted = wanted,
		.context = &o,
	};
	uint32_t start;

	command_parse(s, &parser, argc, argv, &o);
	o.canvas = canvas_of(STDOUT_FILENO);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS ||
	    reach(s, o.path, 0, &start) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	int error = visit_with(s, start, o.path, &visitor);
	free(o.trunk);
	if (s->json)
		json_list_end(&o.list);
	else if (!s->quiet)
		printf("\n%" PRIu64 " director%s, %" PRIu64 " other%s\n",
		       o.directory_count, o.directory_count == 1 ? "y" : "ies",
		       o.other_count, o.other_count == 1 ? "" : "s");
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command tree_command = {
	.name = "tree",
	.summary = "draws a directory and all that is in it",
	.heading = "Looking",
	.run = run_tree,
};
