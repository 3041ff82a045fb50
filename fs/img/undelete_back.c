// # Bringing deleted files back
//
// Into the image: an inode gets back its number, its fields and its blocks, and a
// name. Nothing is copied, so that nothing is needed but room for the name (and for
// a new block map); copying would have to write into free blocks, which are those
// that are to be saved. All that is to come back is claimed first, for the same
// reason, and what other deleted files have is held while this goes on. Then
// directories are made before what goes into them. (A name that is written may cover
// the name of another in the slack. So it is best to bring back all at once.)
//
// A file of several names gets all of them again, once every file has its first:
// nobody's first name is to be taken. (A file that was renamed can have an old name
// in the slack, too, and nothing there tells it from a hard link. A name too many
// can be seen and removed; one that is forgotten is gone.) A name that does not
// come back is said.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/undelete.h"
#include "must.h"

// ## What comes back

void plan_add(struct plan *p, struct deleted *d, size_t parent, uint32_t dir,
	      const char *name)
{
	p->chosen[d - p->search->deleted] = true;
	if (p->count == p->room) {
		p->room = p->room ? p->room * 2 : 16;
		p->back = must_ptr(realloc(p->back, p->room * sizeof *p->back));
	}
	p->back[p->count++] = (struct back){
		.d = d, .parent = parent, .dir = dir, .name = name
	};
}

// From `from` on: what was deleted in directories that come back.
static void add_below(struct plan *p, size_t from)
{
	struct search *s = p->search;
	size_t first;

	for (size_t i = from; i < p->count; i++) {
		if (!S_ISDIR(p->back[i].d->mode))
			continue;
		size_t n = names_in(s, p->back[i].d->ino, &first);
		for (size_t k = 0; k < n; k++) {
			const struct deleted_name *name =
				&s->name[s->by_dir[first + k]];
			if (!p->chosen[name->of])
				plan_add(p, &s->deleted[name->of], i, 0,
					 name->name);
		}
	}
}

static bool hopeless(const struct bring *b, const struct deleted *d)
{
	return d->state > DELETED_PART ||
	       (d->state == DELETED_PART && !b->partial);
}

// A directory that is to come back, too, has its name.
static bool goes_below(const struct plan *p, const struct deleted *d)
{
	const struct search *s = p->search;

	for (uint32_t i = 0; i < d->names; i++) {
		const struct deleted *dir =
			search_find(s, s->name[d->first_name + i].dir);
		if (dir && dir != d && S_ISDIR(dir->mode) &&
		    !hopeless(p->bring, dir))
			return true;
	}
	return false;
}

// The second time round: directories that lie in each other.
void plan_add_all(struct plan *p, uint32_t dir)
{
	struct search *s = p->search;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < s->count; i++) {
			struct deleted *d = &s->deleted[i];
			size_t from = p->count;

			if (p->chosen[i] || hopeless(p->bring, d) ||
			    (!round && goes_below(p, d)))
				continue;
			plan_add(p, d, NOWHERE, dir,
				 d->names ? s->name[d->first_name].name : NULL);
			add_below(p, from);
		}
	}
}

// ## Claiming

int back_left_out(struct plan *p, const struct deleted *d, const char *why)
{
	p->left++;
	complain(p->session, 0, "inode %" PRIu32 " does not come back: %s",
		 d->ino, why);
	return EXIT_FAILURE;
}

const char *back_why_not(const struct bring *b, const struct deleted *d)
{
	switch (d->state) {
	case DELETED_CLEARED:
		return "only its times are left: it was empty, or the kernel "
		       "has deleted it and the log does not hold it any more";
	case DELETED_GONE:
		return "all of its blocks are in use again";
	case DELETED_PART:
		return b->partial ? NULL
				  : "only a part of it is there (--partial "
				    "brings that back)";
	default:
		return NULL;
	}
}

// A block of attributes that is another's now, or is none: it comes back without.
static int look_at_attributes(struct plan *p, struct back *b)
{
	struct disk_xattr_header header;
	uint8_t *bytes = p->search->block;
	bool in_use = true;
	int error = 0;

	if (!b->inode.xattr_block)
		return 0;
	for (const struct back *other = p->back; other < b; other++)
		if (other->claimed &&
		    other->inode.xattr_block == b->inode.xattr_block)
			return 0;
	error = ext2_block_in_use(p->session->fs, b->inode.xattr_block,
				  &in_use);
	if (!error && !in_use)
		error = ext2_read_block(p->session->fs, b->inode.xattr_block,
					bytes);
	if (error && error != -EUCLEAN && error != -EINVAL)
		return error;
	if (!error)
		memcpy(&header, bytes, sizeof header);
	if (!error && !in_use && get32(header.h_magic) == XATTR_MAGIC)
		return 0;
	b->inode.xattr_block = 0;
	complain(p->session, 0,
		 "inode %" PRIu32 " comes back without its attributes: their "
		 "block is another's",
		 b->d->ino);
	return 0;
}

static int claim(struct plan *p, struct back *b)
{
	const char *why = back_why_not(p->bring, b->d);
	int error = deleted_inode(p->search, b->d, &b->inode);

	if (why)
		return back_left_out(p, b->d, why);
	if (!error && b->inode.flags & INODE_EXTENTS)
		return back_left_out(p, b->d,
				     "it has extents, which are not "
				     "written here (--output)");
	if (!error)
		error = deleted_runs(p->search, b->d, &b->inode, false,
				     &b->runs, &b->run_count);
	if (!error)
		error = look_at_attributes(p, b);
	if (!error)
		error = ext2_claim(p->session->fs, &b->inode, b->runs,
				   b->run_count);
	if (error == -EEXIST)
		return back_left_out(
			p, b->d,
			"some of its blocks come back with another "
			"file, or its map names them twice");
	if (error)
		return complain(p->session, error,
				"cannot bring back inode %" PRIu32, b->d->ino);
	b->claimed = true;
	return EXIT_SUCCESS;
}

// ## What does not come back now must not be covered: a directory or a map needs
// blocks, and would take the first that are free.

static uint64_t room_needed(const struct plan *p)
{
	enum { AT_LEAST = 64, A_BLOCK_OF_MAP = 128 };
	uint64_t blocks = AT_LEAST;

	for (size_t i = 0; i < p->count; i++) {
		blocks++;
		for (size_t k = 0; k < p->back[i].run_count; k++)
			blocks += 3 +
				  p->back[i].runs[k].blocks / A_BLOCK_OF_MAP;
	}
	return blocks;
}

static void hold_others(struct plan *p)
{
	struct search *s = p->search;
	struct ext2_inode inode;
	struct ext2_numbers n;
	uint64_t needed = room_needed(p);

	p->held = must_ptr(calloc(s->count + 1, sizeof *p->held));
	for (size_t i = 0; i < s->count; i++) {
		struct held *h = &p->held[p->held_count];
		const struct deleted *d = &s->deleted[i];
		size_t count = 0;

		ext2_numbers(p->session->fs, &n);
		if (p->chosen[i] || d->state > DELETED_PART ||
		    n.free_blocks < needed + d->free)
			continue;
		if (deleted_inode(s, d, &inode) ||
		    deleted_runs(s, d, &inode, true, &h->runs, &count))
			count = 0;
		h->count = ext2_hold(p->session->fs, h->runs, count);
		p->held_count++;
	}
}

static void let_go(struct plan *p)
{
	for (size_t i = 0; i < p->held_count; i++) {
		ext2_let_go(p->session->fs, p->held[i].runs, p->held[i].count);
		free(p->held[i].runs);
	}
	free(p->held);
}

// ## Reviving

char *back_name(const struct back *b, int try)
{
	char *name;

	if (!b->name)
		must(asprintf(&name, "#%" PRIu32, b->d->ino));
	else if (!try)
		name = must_ptr(strdup(b->name));
	else
		must(asprintf(&name, "%.240s~%" PRIu32, b->name, b->d->ino));
	return name;
}

void back_tell(struct plan *p, struct back *b, const char *name,
	       const char *path)
{
	const char *what = path ? path : name;
	char size[HUMAN_BYTES], *text = shown(what, strlen(what));
	const struct deleted *d = b->d;
	bool whole = d->state == DELETED_WHOLE;

	p->done++;
	if (p->list) {
		json_t *object = must_ptr(json_pack(
			"{s:I, s:s, s:I, s:I}", "inode", (json_int_t)d->ino,
			"state", deleted_words[d->state], "size",
			(json_int_t)d->size, "blocks_lost",
			(json_int_t)d->lost));
		json_set_name(object, "name", name, strlen(name));
		if (path)
			json_set_name(object, "path", path, strlen(path));
		json_array_append_new(p->list, object);
		b->told = object;
	} else if (!p->session->quiet) {
		printf("inode %" PRIu32 " is %s again: ", d->ino, text);
		if (S_ISREG(d->mode))
			printf("%s", human_size(size, d->size));
		else
			printf("a %s", type_word(d->mode));
		if (!whole)
			printf(", in part: %" PRIu64 " block%s missing%s",
			       d->lost, d->lost == 1 ? " is" : "s are",
			       d->map_broken ? ", and what its map does not "
					       "say any more"
					     : "");
		printf("\n");
	}
	free(text);
}

static int no_attributes(void *context, const char *name, const void *value,
			 size_t size, bool in_inode)
{
	(void)context;
	(void)name;
	(void)value;
	(void)size;
	(void)in_inode;
	return 0;
}

static char *path_in(const char *dir, const char *name)
{
	char *path;

	must(asprintf(&path, "%s/%s", strcmp(dir, "/") ? dir : "", name));
	return path;
}

static int revive(struct plan *p, struct back *b, bool may_rename)
{
	struct ext2 *fs = p->session->fs;
	uint32_t dir = b->parent == NOWHERE ? b->dir
					    : p->back[b->parent].d->ino;
	char *name = back_name(b, 0);
	int error = ext2_revive(fs, dir, name, strlen(name), &b->inode, b->runs,
				b->run_count);

	if (error == -EEXIST && may_rename) {
		free(name);
		name = back_name(b, 1);
		error = ext2_revive(fs, dir, name, strlen(name), &b->inode,
				    b->runs, b->run_count);
	}
	if (!error)
		error = ext2_xattrs(fs, b->inode.ino, no_attributes, NULL);
	if (error) {
		complain(p->session, error,
			 "cannot bring back inode %" PRIu32 " as %s", b->d->ino,
			 name);
	} else {
		b->path = path_in(b->parent == NOWHERE
					  ? p->where
					  : p->back[b->parent].path,
				  name);
		back_tell(p, b, name, b->path);
	}
	free(name);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

// ## Further names

static int is_directory(struct session *s, uint32_t ino, bool *yes)
{
	struct ext2_inode inode;
	int error = ext2_inode(s->fs, ino, &inode);

	*yes = !error && S_ISDIR(inode.mode);
	return error;
}

// The directory that a further name goes into, and its path; NULL: none. With --to
// nothing goes elsewhere, and a new name that was given is the only one.
static const char *place_of(const struct plan *p, const struct back *b,
			    const struct deleted_name *name, uint32_t *dir)
{
	const struct deleted *gone = search_find(p->search, name->dir);
	bool directory;

	*dir = name->dir;
	for (size_t i = 0; gone && i < p->count; i++)
		if (p->back[i].d == gone && p->back[i].path &&
		    S_ISDIR(gone->mode))
			return p->back[i].path;
	if (p->bring->to) {
		*dir = b->dir;
		return b->parent == NOWHERE && !p->renamed ? p->where : NULL;
	}
	if (is_directory(p->session, name->dir, &directory) || !directory)
		return NULL;
	return path_known(p->search, name->dir);
}

static int link_name(struct plan *p, struct back *b,
		     const struct deleted_name *name)
{
	uint32_t dir;
	const char *where = place_of(p, b, name, &dir);
	char *path = where ? path_in(where, name->name)
			   : deleted_path(p->search, name);
	int error = 0;

	if (where && !strcmp(path, b->path)) {
		free(path);
		return EXIT_SUCCESS;
	}
	if (where)
		error = ext2_link(p->session->fs, dir, name->name, name->length,
				  b->d->ino);
	if (!where || error) {
		complain(p->session, error,
			 "inode %" PRIu32 " does not get back its name %s",
			 b->d->ino, path ? path : name->name);
	} else if (b->told) {
		json_t *links = json_object_get(b->told, "links");
		if (!links) {
			links = must_ptr(json_array());
			json_object_set_new(b->told, "links", links);
		}
		json_array_append_new(links, json_name(path, strlen(path)));
	} else if (!p->session->quiet) {
		char *text = shown(path, strlen(path));
		printf("inode %" PRIu32 " is %s again, too\n", b->d->ino, text);
		free(text);
	}
	free(path);
	return error == -EIO || error == -ENOMEM ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int link_further_names(struct plan *p, struct back *b)
{
	const struct deleted_name *first = &p->search->name[b->d->first_name];
	int status = EXIT_SUCCESS;

	for (uint32_t i = 0; i < b->d->names && !status; i++)
		if (first[i].name != b->name && first[i].name != p->replaced)
			status = link_name(p, b, &first[i]);
	return status;
}

// Directories have been touched by what was put into them.
static int set_times(struct plan *p)
{
	struct ext2_inode inode;

	for (size_t i = 0; i < p->count; i++) {
		const struct back *b = &p->back[i];
		if (!b->claimed || !S_ISDIR(b->inode.mode))
			continue;
		int error = ext2_inode(p->session->fs, b->inode.ino, &inode);
		inode.atime = b->inode.atime;
		inode.mtime = b->inode.mtime;
		if (!error)
			error = ext2_set_inode(p->session->fs, &inode);
		if (error)
			return complain(p->session, error,
					"cannot set the times of inode "
					"%" PRIu32,
					b->inode.ino);
	}
	return EXIT_SUCCESS;
}

static int carry_out(struct plan *p, bool may_rename)
{
	int status = EXIT_SUCCESS;

	for (size_t i = 0; i < p->count && !status; i++)
		if (claim(p, &p->back[i]) && (!i && p->bring->which))
			status = EXIT_FAILURE; // the one that was asked for
	hold_others(p);
	for (size_t i = 0; i < p->count && !status; i++) {
		struct back *b = &p->back[i];
		if (b->claimed && b->parent != NOWHERE &&
		    !p->back[b->parent].claimed)
			status = complain(p->session, 0,
					  "inode %" PRIu32
					  ": its directory does not come back",
					  b->d->ino);
		else if (b->claimed)
			status = revive(p, b, may_rename || i);
	}
	for (size_t i = 0; i < p->count && !status; i++)
		if (p->back[i].path && !S_ISDIR(p->back[i].d->mode))
			status = link_further_names(p, &p->back[i]);
	let_go(p);
	return status ? status : set_times(p);
}

// ## Where to

static const struct deleted_name *its_name(const struct bring *b)
{
	if (b->name)
		return b->name;
	return b->which->names ? &b->search->name[b->which->first_name] : NULL;
}

static int old_place(struct plan *p)
{
	const struct bring *b = p->bring;
	const struct deleted_name *name = b->which ? its_name(b) : NULL;
	bool directory = false;
	int error = 0;

	if (!b->which)
		return complain(p->session, 0, "want --to=DIRECTORY");
	if (!name)
		return complain(p->session, 0,
				"inode %" PRIu32 ": its name is not known: "
				"want --to=PATH or --output=FILE",
				b->which->ino);
	if (path_known(p->search, name->dir))
		error = is_directory(p->session, name->dir, &directory);
	if (error || !directory)
		return complain(p->session, error,
				"the directory of %s is not there, either: "
				"bring that back, or use --to=PATH",
				name->name);
	p->where = must_ptr(strdup(path_known(p->search, name->dir)));
	plan_add(p, b->which, NOWHERE, name->dir, name->name);
	return EXIT_SUCCESS;
}

// "/a/b" of "a/b/".
static char *absolute(const char *path, size_t length)
{
	char *text;

	while (length && *path == '/') {
		path++;
		length--;
	}
	while (length && path[length - 1] == '/')
		length--;
	must(asprintf(&text, "/%.*s", (int)length, path));
	return text;
}

static int new_place(struct plan *p, char **own)
{
	const struct bring *b = p->bring;
	struct session *s = p->session;
	const struct deleted_name *old = b->which ? its_name(b) : NULL;
	bool directory = false;
	const char *name;
	uint32_t ino, dir;
	size_t length;
	int error = ext2_walk(s->fs, INO_ROOT, b->to, 0, NULL, NULL, &ino);

	if (!error)
		error = is_directory(s, ino, &directory);
	if (!b->which && (error || !directory))
		return complain(s, error ? error : -ENOTDIR, "--to=%s", b->to);
	if (!error && directory)
		p->where = absolute(b->to, strlen(b->to));
	if (!b->which) {
		plan_add_all(p, ino);
	} else if (directory) {
		plan_add(p, b->which, NOWHERE, ino, old ? old->name : NULL);
	} else {
		error = ext2_walk_parent(s->fs, INO_ROOT, b->to, &dir, &name,
					 &length);
		if (error)
			return complain(s, error, "--to=%s", b->to);
		*own = must_ptr(strndup(name, length));
		p->where = absolute(b->to, (size_t)(name - b->to));
		p->renamed = true;
		p->replaced = old ? old->name : NULL;
		plan_add(p, b->which, NOWHERE, dir, *own);
	}
	return EXIT_SUCCESS;
}

void plan_begin(struct plan *p, const struct bring *bring)
{
	*p = (struct plan){
		.bring = bring,
		.search = bring->search,
		.session = bring->search->session,
	};
	p->chosen = must_ptr(calloc(p->search->count + 1, sizeof *p->chosen));
	if (p->session->json)
		p->list = must_ptr(json_array());
}

int plan_end(struct plan *p, int status)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->back[i].runs);
		free(p->back[i].path);
	}
	free(p->back);
	free(p->where);
	free(p->chosen);
	if (p->list && !status)
		return print_json(p->list);
	json_decref(p->list);
	if (!status && !p->bring->which && !p->session->quiet)
		printf("%zu came back, %zu did not\n", p->done, p->left);
	return status;
}

int bring_into_image(const struct bring *bring)
{
	struct plan plan;
	char *own = NULL;
	int status;

	plan_begin(&plan, bring);
	status = bring->to ? new_place(&plan, &own) : old_place(&plan);
	if (!status && bring->which)
		add_below(&plan, 0);
	if (!status)
		status = carry_out(&plan, !bring->which);
	status = plan_end(&plan, status);
	free(own);
	return status;
}
