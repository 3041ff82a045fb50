// # ls: what a directory holds
//
// As ls(1), but owners are numbers: which names they have, a file in the image
// says and not this host. Times are in UTC. A device has its major and minor
// number where a file has its size.

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
	bool long_lines, recursive, numbers, all, directory, reverse, human;
	enum { BY_NAME, BY_SIZE, BY_TIME, UNSORTED } sort;
	char **paths;
	int count;
	bool printed; // something already: an empty line comes first
	struct json_list list;
	struct session *session;
};

// ## The command line

enum { OPT_SORT = 256 };

static const struct argp_option table[] = {
	{ "long", 'l', 0, 0, "Mode, links, owner, group, size and time, too",
	  1 },
	{ "inode", 'i', 0, 0, "The inode's number, too", 1 },
	{ "human", 'h', 0, 0, "With -l: sizes as 1.5 MiB", 1 },
	{ "all", 'a', 0, 0, "Also names that begin with a dot", 2 },
	{ "recursive", 'R', 0, 0, "Also the directories in it, and so on", 2 },
	{ "directory", 'd', 0, 0, "A directory itself, not what it holds", 2 },
	{ "sort", OPT_SORT, "name|size|time|none", 0,
	  "By name (the default), largest first, newest first, or as they lie "
	  "in the directory", 3 },
	{ 0, 'S', 0, 0, "As --sort=size", 3 },
	{ 0, 't', 0, 0, "As --sort=time", 3 },
	{ "reverse", 'r', 0, 0, "The other way round", 3 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const sorts[] = { "name", "size", "time", "none",
					     NULL };
	struct options *o = state->input;

	switch (key) {
	case 'l':
		o->long_lines = true;
		return 0;
	case 'i':
		o->numbers = true;
		return 0;
	case 'h':
		o->human = true;
		return 0;
	case 'a':
		o->all = true;
		return 0;
	case 'R':
		o->recursive = true;
		return 0;
	case 'd':
		o->directory = true;
		return 0;
	case 'S':
		o->sort = BY_SIZE;
		return 0;
	case 't':
		o->sort = BY_TIME;
		return 0;
	case 'r':
		o->reverse = true;
		return 0;
	case OPT_SORT:
		o->sort = option_choice(state, "--sort", text, sorts);
		return 0;
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE [PATH...]",
	.doc = "Lists directories of an image (/ where none is given), one "
	       "name a line or in columns on a terminal."
	       "\vExample:\n"
	       "  img ls -l disk.img /home",
};

// ## Lines

struct row {
	char *name;   // as shown
	char *target; // of a symlink, as shown, or NULL
	size_t bytes; // of the raw name, for --format=json
	const char *raw;
	struct ext2_inode inode;
	int error; // of reading the inode
	size_t order;
};

// The target is at most a block long, and a hostile size is refused below us.
static char *target_of(struct ext2 *fs, const struct ext2_inode *inode)
{
	enum { LONGEST = 65536 };
	char *target;

	if (!S_ISLNK(inode->mode))
		return NULL;
	target = must_ptr(malloc(LONGEST + 1));
	if (ext2_readlink(fs, inode->ino, target, LONGEST + 1) < 0) {
		free(target);
		return strdup("?");
	}
	char *text = shown(target, strlen(target));
	free(target);
	return text;
}

static void size_text(const struct options *o, const struct ext2_inode *inode,
		      char text[HUMAN_BYTES])
{
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		snprintf(text, HUMAN_BYTES, "%" PRIu32 ", %" PRIu32,
			 inode->device_major, inode->device_minor);
	else if (o->human)
		human_size(text, inode->size);
	else
		snprintf(text, HUMAN_BYTES, "%" PRIu64, inode->size);
}

struct widths {
	int ino, links, uid, gid, size;
};

static void widen(int *width, int used)
{
	if (used > *width)
		*width = used;
}

static struct widths measure(const struct options *o, const struct row *rows,
			     size_t n)
{
	struct widths w = { 0 };
	char text[HUMAN_BYTES];

	for (size_t i = 0; i < n; i++) {
		const struct ext2_inode *inode = &rows[i].inode;
		widen(&w.ino, snprintf(NULL, 0, "%" PRIu32, inode->ino));
		widen(&w.links, snprintf(NULL, 0, "%" PRIu32, inode->links));
		widen(&w.uid, snprintf(NULL, 0, "%" PRIu32, inode->uid));
		widen(&w.gid, snprintf(NULL, 0, "%" PRIu32, inode->gid));
		size_text(o, inode, text);
		widen(&w.size, (int)strlen(text));
	}
	return w;
}

static void print_long(const struct options *o, const struct row *row,
		       const struct widths *w)
{
	const struct ext2_inode *inode = &row->inode;
	char mode[11], size[HUMAN_BYTES], when[40];

	if (o->numbers)
		printf("%*" PRIu32 " ", w->ino, inode->ino);
	size_text(o, inode, size);
	printf("%s %*" PRIu32 " %*" PRIu32 " %*" PRIu32 " %*s %s %s",
	       mode_text(inode->mode, mode), w->links, inode->links, w->uid,
	       inode->uid, w->gid, inode->gid, w->size, size,
	       time_text(inode->mtime, false, when), row->name);
	if (row->target)
		printf(" -> %s", row->target);
	putchar('\n');
}

static int cell_columns(const struct options *o, const struct row *row,
			const struct widths *w)
{
	return text_columns(row->name) + (o->numbers ? w->ino + 1 : 0);
}

// As many columns as fit when each is as wide as the longest name, filled from
// top to bottom.
static void print_short(const struct options *o, const struct row *rows,
			size_t n, const struct widths *w)
{
	enum { GAP = 2 };
	int widest = 1;
	size_t columns = 1;

	for (size_t i = 0; i < n; i++)
		widen(&widest, cell_columns(o, &rows[i], w));
	if (isatty(STDOUT_FILENO))
		columns = (size_t)(canvas_of(STDOUT_FILENO).columns + GAP) /
			  (size_t)(widest + GAP);
	if (columns == 0)
		columns = 1;
	size_t lines = (n + columns - 1) / columns;
	for (size_t line = 0; line < lines; line++) {
		for (size_t i = line; i < n; i += lines) {
			if (o->numbers)
				printf("%*" PRIu32 " ", w->ino,
				       rows[i].inode.ino);
			fputs(rows[i].name, stdout);
			if (i + lines < n)
				printf("%*s",
				       widest + GAP -
					       cell_columns(o, &rows[i], w),
				       "");
		}
		putchar('\n');
	}
}

static json_t *row_json(const struct row *row, const char *directory)
{
	json_t *object = json_inode(&row->inode);
	char *path = must_ptr(malloc(strlen(directory) + row->bytes + 2));
	size_t n = strlen(directory);

	memcpy(path, directory, n);
	if (n && path[n - 1] != '/')
		path[n++] = '/';
	memcpy(path + n, row->raw, row->bytes);
	json_set_name(object, "name", row->raw, row->bytes);
	json_set_name(object, "path", path, n + row->bytes);
	if (row->target)
		must(json_object_set_new(object, "target",
					 must_ptr(json_string(row->target))));
	free(path);
	return object;
}

static int compare_sizes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->inode.size != y->inode.size)
		return x->inode.size > y->inode.size ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int compare_times(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const struct ext2_time *s = &x->inode.mtime, *t = &y->inode.mtime;

	if (s->seconds != t->seconds)
		return s->seconds > t->seconds ? -1 : 1;
	if (s->ns != t->ns)
		return s->ns > t->ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void sort_rows(const struct options *o, struct row *rows, size_t n)
{
	if (n && o->sort == BY_SIZE)
		qsort(rows, n, sizeof *rows, compare_sizes);
	if (n && o->sort == BY_TIME)
		qsort(rows, n, sizeof *rows, compare_times);
	for (size_t i = 0; o->reverse && i < n / 2; i++) {
		struct row row = rows[i];
		rows[i] = rows[n - 1 - i];
		rows[n - 1 - i] = row;
	}
}

static void print_rows(struct options *o, struct row *rows, size_t n,
		       const char *directory)
{
	struct widths w = measure(o, rows, n);

	sort_rows(o, rows, n);
	if (o->session->json)
		for (size_t i = 0; i < n; i++)
			json_list_add(&o->list, row_json(&rows[i], directory));
	else if (o->long_lines)
		for (size_t i = 0; i < n; i++)
			print_long(o, &rows[i], &w);
	else
		print_short(o, rows, n, &w);
	o->printed = true;
}

static int make_row(struct options *o, struct row *row, const char *name,
		    size_t length, uint32_t ino)
{
	struct ext2 *fs = o->session->fs;
	bool plain = !o->long_lines && !o->session->json && !o->recursive &&
		     o->sort != BY_SIZE && o->sort != BY_TIME;

	row->raw = name;
	row->bytes = length;
	row->name = shown(name, length);
	row->inode.ino = ino;
	if (plain)
		return EXIT_SUCCESS;
	row->error = ext2_inode(fs, ino, &row->inode);
	row->inode.ino = ino;
	if (row->error)
		return complain(o->session, row->error,
				"cannot read inode %" PRIu32 ", named %s", ino,
				row->name);
	if (o->long_lines || o->session->json)
		row->target = target_of(fs, &row->inode);
	return EXIT_SUCCESS;
}

static void free_rows(struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(rows[i].name);
		free(rows[i].target);
	}
	free(rows);
}

// ## One directory, and those in it

static void print_heading(const struct options *o, const char *path)
{
	char *text;

	if (o->session->json || (!o->recursive && o->count < 2))
		return;
	text = shown(path, strlen(path));
	printf("%s%s:\n", o->printed ? "\n" : "", text);
	free(text);
}

static bool hidden(const struct options *o, const struct listed *item)
{
	return !o->all && item->name[0] == '.';
}

static int list_directory(struct options *o, uint32_t dir, const char *path)
{
	struct listing listing = { 0 };
	int status = EXIT_SUCCESS;
	size_t n = 0;

	int error = listing_read(o->session->fs, dir,
				 (o->all ? LIST_DOTS : 0) |
					 (o->sort == UNSORTED ? LIST_AS_IS
							      : LIST_SORTED),
				 &listing);
	if (error)
		status = complain(o->session, error,
				  "cannot read all of the directory %s", path);
	print_heading(o, path);
	struct row *rows = must_ptr(calloc(listing.count + 1, sizeof *rows));
	for (size_t i = 0; i < listing.count; i++) {
		const struct listed *item = &listing.item[i];
		if (hidden(o, item))
			continue;
		rows[n].order = n;
		if (make_row(o, &rows[n], item->name, item->name_len,
			     item->ino) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
		n++;
	}
	print_rows(o, rows, n, path);
	free_rows(rows, n);
	listing_free(&listing);
	return status;
}

struct recursion {
	struct options *options;
	int status;
};

static int each_directory(void *context, struct visit *visit)
{
	struct recursion *r = context;
	const char *name = visit->entry ? visit->entry->name : "";

	if (!S_ISDIR(visit->inode.mode))
		return 0;
	if (visit->depth && name[0] == '.' && !r->options->all)
		visit->skip = true;
	else if (list_directory(r->options, visit->inode.ino, visit->path) !=
		 EXIT_SUCCESS)
		r->status = EXIT_FAILURE;
	return 0;
}

static int list_path(struct options *o, const char *path)
{
	struct session *s = o->session;
	bool follow = !o->long_lines && !o->directory;
	struct recursion recursion = { o, EXIT_SUCCESS };
	struct ext2_inode inode;

	if (reach_inode(s, path, follow ? 0 : EXT2_NOFOLLOW, &inode) !=
	    EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!S_ISDIR(inode.mode) || o->directory) {
		struct row *row = must_ptr(calloc(1, sizeof *row));
		int status = make_row(o, row, path, strlen(path), inode.ino);
		print_rows(o, row, 1, "");
		free_rows(row, 1);
		return status;
	}
	if (!o->recursive)
		return list_directory(o, inode.ino, path);
	int error = visit_tree(s, inode.ino, path, true, each_directory,
			       &recursion);
	return error ? EXIT_FAILURE : recursion.status;
}

static int run_ls(struct session *s, int argc, char **argv)
{
	static char here[] = ".", root[] = "/";
	char *roots[] = { s->start ? here : root };
	struct options o = { .session = s };
	int status = EXIT_SUCCESS;

	command_parse(s, &parser, argc, argv, &o);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (o.count == 0) {
		o.paths = roots;
		o.count = 1;
	}
	for (int i = 0; i < o.count; i++)
		if (list_path(&o, o.paths[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	if (s->json)
		json_list_end(&o.list);
	return status;
}

const struct command ls_command = {
	.name = "ls",
	.summary = "lists directories",
	.heading = "Looking",
	.run = run_ls,
};
