// # Every inode below a directory
//
// A walk with a stack of its own: how deep a tree is, a hostile image decides,
// and it must not be the program's stack that ends first. In an image that is
// whole a directory has one name; one that is met a second time (a loop, or a
// fan of directories each of which holds the next twice, 2^n paths in n blocks)
// is said and left out.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/numbers.h"

// ## The walk

struct level { // a directory whose entries are being visited
	struct listing listing;
	size_t next;
	size_t path_length;
	struct visit visit; // of the directory itself
};

struct walk {
	struct session *session;
	const struct visitor *visitor;
	struct level *level;
	size_t depth, room;
	char *path;
	size_t path_length, path_room;
	struct numbers met; // directories
	int first_error;    // of what could not be read
};

static void note(struct walk *w, int error, const char *what)
{
	complain(w->session, error, "%s %s", what, w->path);
	if (!w->first_error)
		w->first_error = error;
}

static int path_append(struct walk *w, const char *name, size_t length)
{
	size_t need = w->path_length + length + 2;

	if (!w->path || need > w->path_room) {
		char *more = realloc(w->path, need * 2);
		if (!more)
			return -ENOMEM;
		w->path = more;
		w->path_room = need * 2;
	}
	if (w->path_length && w->path[w->path_length - 1] != '/' && length)
		w->path[w->path_length++] = '/';
	memcpy(w->path + w->path_length, name, length);
	w->path_length += length;
	w->path[w->path_length] = '\0';
	return 0;
}

static void keep_wanted(const struct visitor *v, struct listing *listing)
{
	size_t n = 0;

	if (!v->wanted)
		return;
	for (size_t i = 0; i < listing->count; i++)
		if (v->wanted(v->context, &listing->item[i]))
			listing->item[n++] = listing->item[i];
	listing->count = n;
}

// Into the directory: its entries become the top of the stack.
static int enter(struct walk *w, const struct visit *visit, size_t length)
{
	if (w->depth == w->room) {
		size_t room = w->room ? w->room * 2 : 16;
		struct level *more = realloc(w->level, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		w->level = more;
		w->room = room;
	}
	struct level *level = &w->level[w->depth++];
	*level = (struct level){ .path_length = length, .visit = *visit };
	int error = listing_read(w->session->fs, visit->inode.ino,
				 w->visitor->list_flags, &level->listing);
	if (error)
		note(w, error, "cannot read all of the directory");
	keep_wanted(w->visitor, &level->listing);
	return error == -ENOMEM ? error : 0;
}

static int visit_one(struct walk *w, uint32_t ino,
		     const struct ext2_entry *entry, bool last)
{
	struct visit visit = {
		.entry = entry,
		.depth = (int)w->depth,
		.last = last,
		.path = w->path,
	};

	int error = ext2_inode(w->session->fs, ino, &visit.inode);
	if (error) {
		note(w, error, "cannot read the inode of");
		return 0;
	}
	if (S_ISDIR(visit.inode.mode)) {
		int met = numbers_add(&w->met, ino, NULL);
		if (met == 0)
			note(w, -EUCLEAN, "a directory with a second name:");
		if (met <= 0)
			return met;
	}
	int stop = w->visitor->each(w->visitor->context, &visit);
	if (stop || !S_ISDIR(visit.inode.mode) || visit.skip)
		return stop;
	return enter(w, &visit, w->path_length);
}

static int leave_level(struct walk *w)
{
	struct level *level = &w->level[--w->depth];

	listing_free(&level->listing);
	if (!w->visitor->leave)
		return 0;
	w->path_length = level->path_length;
	w->path[w->path_length] = '\0';
	level->visit.path = w->path;
	return w->visitor->leave(w->visitor->context, &level->visit);
}

static int walk_on(struct walk *w)
{
	struct level *level = &w->level[w->depth - 1];

	if (level->next == level->listing.count)
		return leave_level(w);
	const struct listed *item = &level->listing.item[level->next++];
	w->path_length = level->path_length;
	int error = path_append(w, item->name, item->name_len);
	return error ? error
		     : visit_one(w, item->ino, &item->entry,
				 level->next == level->listing.count);
}

size_t path_trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && (path[n - 1] == '/' ||
			 (path[n - 1] == '.' && path[n - 2] == '/')))
		n--;
	return n;
}

const char *path_last(const char *path, size_t *length)
{
	size_t end = strlen(path);

	while (end && path[end - 1] == '/')
		end--;
	size_t begin = end;
	while (begin && path[begin - 1] != '/')
		begin--;
	*length = end - begin;
	return path + begin;
}

int visit_with(struct session *s, uint32_t start, const char *path,
	       const struct visitor *visitor)
{
	struct walk walk = { .session = s, .visitor = visitor };

	int error = path_append(&walk, path, path_trimmed(path));
	if (!error)
		error = visit_one(&walk, start, NULL, true);
	while (!error && walk.depth)
		error = walk_on(&walk);
	while (walk.depth)
		listing_free(&walk.level[--walk.depth].listing);
	free(walk.level);
	free(walk.path);
	numbers_free(&walk.met, NULL);
	return error ? error : walk.first_error;
}

int visit_tree(struct session *s, uint32_t start, const char *path, bool sorted,
	       int (*each)(void *context, struct visit *), void *context)
{
	const struct visitor visitor = {
		.list_flags = sorted ? LIST_SORTED : 0,
		.each = each,
		.context = context,
	};

	return visit_with(s, start, path, &visitor);
}
