// # diff: an image against another, or against a directory
//
//     $ img diff disk.img tree
//     /etc/passwd: mode: 0644, other 0600
//     /etc/motd: content: differs from byte 17 on
//     only in disk.img: /tmp/x
//
// Both trees are walked side by side, the names of each directory in the order of
// their bytes. What is compared can be set by whoever copies a file: type,
// permissions, owner, size, time of the last change, device, a symlink's target,
// content, which names are links to one file, and if asked for extended attributes
// and the other times. What cannot is not: sizes of directories, numbers of inodes,
// where holes are. A time has ns only if both sides keep them. A directory that is
// on one side only is one line.
//
// Content is compared where either side has data; where both have holes there is
// nothing to read, so that a file of 3 TiB with four blocks costs four blocks.

#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/img/numbers.h"
#include "fs/img/sides.h"
#include "must.h"

enum { SAME, DIFFER, TROUBLE, CHUNK = 256 << 10 };

struct level { // a directory that is on both sides
	struct listing list[2];
	size_t next[2];
	size_t path_length;
};

struct linked { // the first name of a file with several
	char *path;
	uint64_t dev, ino; // on the other side
};

struct diff {
	struct session *session;
	const char *other, *root;
	bool ignore_times, all_times, xattrs;

	struct side side[2];
	struct level *level;
	size_t depth, room;
	char *path;
	size_t path_length, path_room;
	struct numbers met;   // directories of the image
	struct numbers links; // struct linked, by the image's inode
	struct json_list list;
	uint64_t differences;
	bool trouble;
	uint8_t *bytes[2];
};

// ## The command line

enum { OPT_ROOT = 256, OPT_IGNORE_TIMES, OPT_ALL_TIMES, OPT_XATTRS };

static const struct argp_option table[] = {
	{ "root", OPT_ROOT, "PATH", 0,
	  "Compare what is below PATH in the image (and in OTHER, if that is "
	  "an image)",
	  1 },
	{ "ignore-times", OPT_IGNORE_TIMES, 0, 0,
	  "Do not compare the times of the last change", 1 },
	{ "all-times", OPT_ALL_TIMES, 0, 0,
	  "Compare those of the last access, of the inode's change and of its "
	  "making, too",
	  1 },
	{ "xattrs", OPT_XATTRS, 0, 0, "Compare extended attributes and ACLs",
	  1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct diff *d = state->input;

	switch (key) {
	case OPT_ROOT:
		d->root = text;
		return 0;
	case OPT_IGNORE_TIMES:
		d->ignore_times = true;
		return 0;
	case OPT_ALL_TIMES:
		d->all_times = true;
		return 0;
	case OPT_XATTRS:
		d->xattrs = true;
		return 0;
	case ARGP_KEY_ARG:
		if (d->other)
			argp_failure(state, EXIT_USAGE, 0,
				     "%s: want two things to compare", text);
		d->other = text;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (!d->other)
			argp_failure(state, EXIT_USAGE, 0,
				     "want an image or a directory to compare "
				     "it with");
		if (d->ignore_times && d->all_times)
			argp_failure(state, EXIT_USAGE, 0,
				     "--ignore-times and --all-times: want one "
				     "of them");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE OTHER",
	.doc = "Compares an image with another image or with a directory, "
	       "file by file; a line for each difference."
	       "\vExit status, as diff(1) has it: 0 they are the same, 1 they "
	       "differ, 2 trouble. An empty lost+found that a directory lacks "
	       "is no difference.\n\n"
	       "Examples:\n"
	       "  img diff disk.img tree --ignore-times\n"
	       "  img diff before.img after.img --xattrs --all-times",
};

// ## Saying it

static void trouble(struct diff *d, int error, const char *what)
{
	complain(d->session, error, "%s %s", what, d->path);
	d->trouble = true;
}

static void differ(struct diff *d, const char *what, const char *image,
		   const char *other)
{
	d->differences++;
	if (d->session->json) {
		json_t *object = json_object();
		json_set_name(object, "path", d->path, d->path_length);
		json_object_set_new(object, "what", json_string(what));
		json_set_name(object, "image", image, strlen(image));
		json_set_name(object, "other", other, strlen(other));
		json_list_add(&d->list, object);
		return;
	}
	char *path = shown(d->path, d->path_length);
	char *x = shown(image, strlen(image)), *y = shown(other, strlen(other));
	printf("%s: %s: %s, other %s\n", path, what, x, y);
	free(path);
	free(x);
	free(y);
}

static void differ_text(struct diff *d, const char *what, char *image,
			char *other)
{
	if (strcmp(image, other) != 0)
		differ(d, what, image, other);
	free(image);
	free(other);
}

static char *text_of(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static char *text_of(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	must(vasprintf(&text, fmt, ap));
	va_end(ap);
	return text;
}

static void only_in(struct diff *d, int which)
{
	d->differences++;
	if (d->session->json) {
		json_t *object = json_object();
		json_set_name(object, "path", d->path, d->path_length);
		json_object_set_new(object, "what", json_string("missing"));
		json_object_set_new(object, "only_in",
				    json_string(which ? "other" : "image"));
		json_list_add(&d->list, object);
		return;
	}
	const char *where = which ? d->other : d->session->image_path;
	char *path = shown(d->path, d->path_length);
	char *name = shown(where, strlen(where));
	printf("only in %s: %s\n", name, path);
	free(path);
	free(name);
}

// ## One file

static void compare_times(struct diff *d, const struct facts f[2])
{
	static const char *const what[TIMES] = {
		[TIME_CHANGED] = "modified",
		[TIME_READ] = "accessed",
		[TIME_STATUS] = "changed",
		[TIME_MADE] = "made",
	};
	bool ns = f[0].has_ns && f[1].has_ns;
	char x[40], y[40];

	if (d->ignore_times)
		return;
	for (int i = 0; i < TIMES; i++) {
		struct ext2_time a = f[0].time[i], b = f[1].time[i];
		if ((i != TIME_CHANGED && !d->all_times) ||
		    (i == TIME_MADE && !(f[0].has_made && f[1].has_made)))
			continue;
		if (a.seconds == b.seconds && (a.ns == b.ns || !ns))
			continue;
		differ(d, what[i], time_text(a, ns, x), time_text(b, ns, y));
	}
}

static void compare_targets(struct diff *d, struct listed *const item[2],
			    const struct facts f[2])
{
	char *target[2] = { NULL, NULL };

	for (int i = 0; i < 2; i++) {
		int error = side_target(&d->side[i], item[i], &f[i],
					&target[i]);
		if (error)
			trouble(d, error, "cannot read the symlink");
	}
	differ_text(d, "target", target[0], target[1]);
}

static bool same_xattr(const struct side_xattr *a, const struct side_xattr *b)
{
	return a->size == b->size && !memcmp(a->value, b->value, a->size);
}

static void compare_xattr(struct diff *d, const char *name,
			  const struct side_xattr *a,
			  const struct side_xattr *b)
{
	// Who is not root does not see them on the host.
	if (geteuid() != 0 && !side_is_image(&d->side[1]) &&
	    !strncmp(name, "trusted.", 8))
		return;
	if (a && b && same_xattr(a, b))
		return;
	char *what = text_of("attribute %s", name);
	char *x = a ? text_of("%zu bytes", a->size) : text_of("missing");
	char *y = b ? text_of(a ? "%zu others" : "%zu bytes", b->size)
		    : text_of("missing");
	differ(d, what, x, y);
	free(what);
	free(x);
	free(y);
}

static void compare_xattrs(struct diff *d, struct listed *const item[2],
			   const struct facts f[2])
{
	struct side_xattrs x[2];
	size_t i = 0, j = 0;

	for (int k = 0; k < 2; k++) {
		int error = side_xattrs(&d->side[k], item[k], &f[k], &x[k]);
		if (error)
			trouble(d, error, "cannot read the attributes of");
	}
	while (i < x[0].count || j < x[1].count) {
		int order = i == x[0].count   ? 1
			    : j == x[1].count ? -1
					      : strcmp(x[0].item[i].name,
						       x[1].item[j].name);
		compare_xattr(
			d, order <= 0 ? x[0].item[i].name : x[1].item[j].name,
			order <= 0 ? &x[0].item[i] : NULL,
			order >= 0 ? &x[1].item[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	side_xattrs_free(&x[0]);
	side_xattrs_free(&x[1]);
}

// ## Content

static int compare_range(struct diff *d, struct side_file file[2], uint64_t at,
			 uint64_t end, uint64_t *first)
{
	for (size_t n; at < end; at += n) {
		n = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		int error = side_read(&file[0], at, d->bytes[0], n);
		if (!error)
			error = side_read(&file[1], at, d->bytes[1], n);
		if (error)
			return error;
		if (!memcmp(d->bytes[0], d->bytes[1], n))
			continue;
		size_t i = 0;
		while (d->bytes[0][i] == d->bytes[1][i])
			i++;
		*first = at + i;
		return 1;
	}
	return 0;
}

// 1: they differ, at *first.
static int compare_bytes(struct diff *d, struct side_file file[2],
			 uint64_t size, uint64_t *first)
{
	int found = 0;

	for (uint64_t at = 0, stop; !found && at < size; at = stop) {
		uint64_t from[2], end[2];
		for (int i = 0; i < 2; i++) {
			int error = side_run(&file[i], at, &from[i], &end[i]);
			if (error)
				return error;
		}
		int nearer = from[1] < from[0];
		at = from[nearer];
		if (at >= size)
			break;
		stop = end[nearer];
		// An image can point at one block many times.
		file[nearer].met += stop - at;
		if (side_is_image(&d->side[nearer]) &&
		    file[nearer].met > d->side[nearer].image_bytes)
			return -EUCLEAN;
		found = compare_range(d, file, at, stop, first);
	}
	return found;
}

static void compare_content(struct diff *d, struct listed *const item[2],
			    const struct facts f[2])
{
	struct side_file file[2] = { { .fd = -1 }, { .fd = -1 } };
	uint64_t first = 0;
	int result = side_open(&d->side[0], item[0], &f[0], &file[0]);

	if (!result)
		result = side_open(&d->side[1], item[1], &f[1], &file[1]);
	if (!result)
		result = compare_bytes(d, file, f[0].size, &first);
	side_close(&file[0]);
	side_close(&file[1]);
	if (result < 0)
		trouble(d, result, "cannot compare the content of");
	if (result <= 0)
		return;
	char *text = text_of("differs from byte %" PRIu64 " on", first);
	if (d->session->json) {
		differ(d, "content", text, text);
	} else {
		char *path = shown(d->path, d->path_length);
		printf("%s: content: %s\n", path, text);
		free(path);
		d->differences++;
	}
	free(text);
}

// ## Links

// Names of one file in the image are to be names of one file on the other side;
// that there are no more of them there, the count says.
static void compare_links(struct diff *d, const struct facts f[2])
{
	if (S_ISDIR(f[0].mode))
		return;
	differ_text(d, "links", text_of("%" PRIu64, f[0].links),
		    text_of("%" PRIu64, f[1].links));
	if (f[0].links < 2)
		return;
	const struct linked *known = numbers_find(&d->links,
						  (uint32_t)f[0].ino);
	if (!known) {
		struct linked *new = must_ptr(malloc(sizeof *new));
		*new = (struct linked){ must_ptr(strdup(d->path)), f[1].dev,
					f[1].ino };
		if (numbers_add(&d->links, (uint32_t)f[0].ino, new) < 0)
			must_ptr(NULL);
	} else if (known->dev != f[1].dev || known->ino != f[1].ino) {
		char *text = text_of("a link to %s", known->path);
		differ(d, "file", text, "another file");
		free(text);
	}
}

static void release(void *value)
{
	struct linked *linked = value;

	free(linked->path);
	free(linked);
}

// ## All of one file

// Returns whether both are directories.
static bool compare_file(struct diff *d, struct listed *a, struct listed *b)
{
	struct listed *const item[2] = { a, b };
	struct facts *f = must_ptr(calloc(2, sizeof *f));
	bool directory = false;
	int error = 0;

	for (int i = 0; !error && i < 2; i++)
		error = side_facts(&d->side[i], item[i], &f[i]);
	if (error) {
		trouble(d, error, "cannot look at");
		free(f);
		return false;
	}
	uint16_t mode = f[0].mode;
	if ((mode & S_IFMT) != (f[1].mode & S_IFMT)) {
		differ(d, "type", type_word(mode), type_word(f[1].mode));
		free(f);
		return false;
	}
	differ_text(d, "mode", text_of("%04o", mode & 07777),
		    text_of("%04o", f[1].mode & 07777));
	differ_text(d, "owner", text_of("%u:%u", f[0].uid, f[0].gid),
		    text_of("%u:%u", f[1].uid, f[1].gid));
	compare_times(d, f);
	compare_links(d, f);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		differ_text(d, "device",
			    text_of("%u:%u", f[0].major, f[0].minor),
			    text_of("%u:%u", f[1].major, f[1].minor));
	if (S_ISLNK(mode))
		compare_targets(d, item, f);
	if (S_ISREG(mode) && f[0].size != f[1].size)
		differ_text(d, "size", text_of("%" PRIu64, f[0].size),
			    text_of("%" PRIu64, f[1].size));
	else if (S_ISREG(mode))
		compare_content(d, item, f);
	if (d->xattrs)
		compare_xattrs(d, item, f);
	directory = S_ISDIR(mode);
	free(f);
	return directory;
}

// ## The walk

static void path_set(struct diff *d, size_t length, const struct listed *item)
{
	size_t need = length + item->name_len + 2u;

	if (need > d->path_room) {
		d->path_room = need * 2;
		d->path = must_ptr(realloc(d->path, d->path_room));
	}
	if (length > 1)
		d->path[length++] = '/';
	memcpy(d->path + length, item->name, item->name_len);
	d->path_length = length + item->name_len;
	d->path[d->path_length] = '\0';
}

static void open_level(struct diff *d)
{
	if (d->depth == d->room) {
		d->room = d->room ? d->room * 2 : 16;
		d->level =
			must_ptr(realloc(d->level, d->room * sizeof *d->level));
	}
	struct level *l = &d->level[d->depth++];
	*l = (struct level){ .path_length = d->path_length };
	for (int i = 0; i < 2; i++) {
		int error = side_list(&d->side[i], &l->list[i]);
		if (error)
			trouble(d, error, "cannot read all of");
	}
}

static void enter(struct diff *d, const struct listed *a,
		  const struct listed *b)
{
	int new = numbers_add(&d->met, a->ino, NULL), error;

	if (new <= 0) {
		trouble(d, new ? new : -ELOOP, "cannot go into");
		return;
	}
	error = side_enter(&d->side[0], a);
	if (!error) {
		error = side_enter(&d->side[1], b);
		if (error)
			side_leave(&d->side[0]);
	}
	if (error)
		trouble(d, error, "cannot go into");
	else
		open_level(d);
}

// Returns 0, or an error after which there is no way on.
static int leave(struct diff *d)
{
	struct level *l = &d->level[--d->depth];

	listing_free(&l->list[0]);
	listing_free(&l->list[1]);
	if (!d->depth)
		return 0;
	int error = side_leave(&d->side[0]);
	return error ? error : side_leave(&d->side[1]);
}

// An image has it from the beginning, a tree that was put into it has not.
static bool is_bare_lost_found(struct diff *d, int which,
			       const struct listed *item)
{
	struct listing inside;

	if (which != 0 || side_is_image(&d->side[1]) || d->depth != 1 ||
	    strcmp(item->name, "lost+found") != 0)
		return false;
	int error = listing_read(d->session->fs, item->ino, LIST_AS_IS,
				 &inside);
	bool bare = !error && inside.count == 0;
	listing_free(&inside);
	return bare;
}

static void step(struct diff *d)
{
	struct level *l = &d->level[d->depth - 1];
	struct listed *item[2] = { NULL, NULL };
	int order = 0;

	for (int i = 0; i < 2; i++)
		if (l->next[i] < l->list[i].count)
			item[i] = &l->list[i].item[l->next[i]];
	order = !item[0] ? 1 : !item[1] ? -1 : by_bytes(item[0], item[1]);
	assert(item[order > 0]);
	path_set(d, l->path_length, item[order > 0]);
	l->next[0] += order <= 0;
	l->next[1] += order >= 0;
	if (order) {
		if (!is_bare_lost_found(d, order > 0, item[order > 0]))
			only_in(d, order > 0);
	} else if (compare_file(d, item[0], item[1])) {
		enter(d, item[0], item[1]);
	}
}

static void walk(struct diff *d, uint32_t start)
{
	d->path = must_ptr(strdup("/"));
	d->path_length = 1;
	d->path_room = 2;
	numbers_add(&d->met, start, NULL);
	if (compare_file(d, NULL, NULL))
		open_level(d);
	while (d->depth) {
		const struct level *l = &d->level[d->depth - 1];
		if (l->next[0] < l->list[0].count ||
		    l->next[1] < l->list[1].count) {
			step(d);
			continue;
		}
		int error = leave(d);
		if (error) {
			trouble(d, error, "cannot go on after");
			while (d->depth)
				leave(d);
		}
	}
	free(d->path);
	free(d->level);
	numbers_free(&d->met, NULL);
	numbers_free(&d->links, release);
}

// ## Both sides

static int begin_image(struct diff *d, int which, struct session *s,
		       uint32_t *start)
{
	struct ext2_inode inode;

	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (reach_inode(s, d->root, 0, &inode) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (!S_ISDIR(inode.mode))
		return complain(s, ENOTDIR, "%s", d->root);
	*start = inode.ino;
	return side_image(&d->side[which], s, inode.ino);
}

static int begin_other(struct diff *d, struct session *other)
{
	struct stat info;
	uint32_t start;

	if (stat(d->other, &info))
		return complain(d->session, errno, "%s", d->other);
	if (!S_ISDIR(info.st_mode))
		return begin_image(d, 1, other, &start);
	int error = side_directory(&d->side[1], d->other);
	return error ? complain(d->session, error, "%s", d->other)
		     : EXIT_SUCCESS;
}

static int diff(struct session *s, int argc, char **argv)
{
	struct diff d = { .session = s, .root = "/" };
	uint32_t start = INO_ROOT;

	command_parse(s, &parser, argc, argv, &d);
	struct session other = {
		.command = s->command,
		.image_path = d.other,
		.quiet = s->quiet,
	};
	if (begin_image(&d, 0, s, &start))
		return TROUBLE;
	int status = begin_other(&d, &other);
	if (!status) {
		d.bytes[0] = must_ptr(malloc(CHUNK));
		d.bytes[1] = must_ptr(malloc(CHUNK));
		walk(&d, start);
		if (s->json)
			json_list_end(&d.list);
		free(d.bytes[0]);
		free(d.bytes[1]);
		side_end(&d.side[1]);
	}
	session_end(&other, status);
	side_end(&d.side[0]);
	return status || d.trouble ? TROUBLE : d.differences ? DIFFER : SAME;
}

const struct command diff_command = {
	.name = "diff",
	.summary = "compares an image with another or with a directory",
	.heading = "Looking",
	.run = diff,
};
