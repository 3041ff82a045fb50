// # Which edit comes next
//
// Most are such that they succeed, some are not. For some hundred edits more is made
// than removed, then the other way round, so that images fill up and empty again.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "edits_random.h"

static void random_name(struct run *r, char *name)
{
	size_t length;

	switch (below(r, 6)) {
	case 0:
	case 1:
		snprintf(name, 256, "%c", 'a' + (int)below(r, 16));
		return;
	case 2:
	case 3:
		snprintf(name, 256, "name-%u", below(r, 500));
		return;
	case 4:
		length = 200 + below(r, 56);
		break;
	default:
		length = 1 + below(r, 60);
	}
	for (size_t i = 0; i < length; i++)
		do
			name[i] = (char)(1 + below(r, 255));
		while (name[i] == '/' || (i == 0 && strchr(".-@#", name[i])));
	name[length] = '\0';
}

enum { LONGEST_PATH = 1200 };

// A name that is not there, most of the time; many in one directory.
static void new_path(struct run *r, char path[EDIT_PATH])
{
	char name[256];
	size_t n;

	if (below(r, 4) == 0 && model_look(r->model, "/hot").there) {
		snprintf(path, EDIT_PATH, "/hot/%u%.*s", below(r, 4000),
			 (int)below(r, 60),
			 "............................................"
			 "................");
		return;
	}
	do
		ck_assert(
			model_pick(r->model, &r->random, PICK_DIRECTORY, path));
	while (strlen(path) > LONGEST_PATH);
	random_name(r, name);
	n = strlen(path);
	snprintf(path + n, EDIT_PATH - n, "/%s", name);
}

static void old_path(struct run *r, int what, char path[EDIT_PATH])
{
	if (one_in(r, 40) || !model_pick(r->model, &r->random, what, path) ||
	    !*path)
		new_path(r, path);
}

// A regular file; false: there is none at hand.
static bool file_path(struct run *r, char path[EDIT_PATH])
{
	for (int i = 0; i < 20; i++)
		if (model_pick(r->model, &r->random, PICK_OTHER, path) &&
		    S_ISREG(model_look(r->model, path).mode))
			return true;
	return false;
}

static struct ext2_time random_time(struct run *r)
{
	static const int64_t some[] = {
		-157766400, 0,
		-1,         INT32_MAX,
		2208988800, 4291747200,
		INT32_MIN,  INT32_MIN + (INT64_C(1) << 34) - 1
	};
	struct ext2_time time = { (int64_t)below(r, UINT32_MAX),
				  below(r, 1000000000) };

	if (one_in(r, 2))
		time.seconds = some[below(r, sizeof some / sizeof *some)];
	// touch refuses what an inode has no room for.
	if (!model_is_wide(r->model) && time.seconds > INT32_MAX)
		time.seconds = INT32_MAX;
	return time;
}

static uint64_t random_offset(struct run *r, uint64_t size)
{
	switch (below(r, 8)) {
	case 0:
		return 0;
	case 1:
		return size;
	case 2:
		return size + below(r, 100000);
	case 3:
		return (uint64_t)below(r, 80) << 20;
	case 4:
		return one_in(r, 4)
			       ? (UINT64_C(2) << 30) - 5000 + below(r, 1 << 30)
			       : size / 2;
	default:
		return size ? random_next(&r->random) % size : 0;
	}
}

static uint64_t random_size(struct run *r)
{
	static const uint32_t most[] = { 1, 100, 5000, 20000, EDIT_PIECE };

	return 1 + below(r, most[below(r, 5)]);
}

static void fill_bytes(struct run *r, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 8) {
		uint64_t word = random_next(&r->random) |
				UINT64_C(0x0101010101010101);
		memcpy(r->bytes + i, &word, 8);
	}
	r->e.bytes = r->bytes;
	r->e.size = n;
}

static void choose_attribute(struct run *r, struct edit *e)
{
	uint32_t mode = model_look(r->model, e->path).mode;
	bool user = (S_ISREG(mode) || S_ISDIR(mode)) && one_in(r, 2);
	uint32_t most = one_in(r, 10) ? r->block_bytes - 150 : 60;

	snprintf(e->name, sizeof e->name, "%s.%u",
		 user ? "user.name" : "trusted.t", below(r, 5));
	fill_bytes(r, below(r, most < EDIT_VALUE ? most : EDIT_VALUE));
}

static void choose_mknod(struct run *r, struct edit *e)
{
	static const uint16_t formats[] = { S_IFIFO, S_IFSOCK, S_IFCHR,
					    S_IFBLK };

	e->mode |= formats[below(r, 4)];
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode)) {
		e->major = below(r, one_in(r, 2) ? 256 : 4096);
		e->minor = below(r, one_in(r, 2) ? 256 : 1 << 20);
	}
}

static void choose_target(struct run *r, struct edit *e)
{
	static const uint32_t lengths[] = { 1, 58, 59, 60, 61, 400, 1000 };
	uint32_t n = lengths[below(r, sizeof lengths / sizeof *lengths)];

	memset(e->other, 't', n);
	e->other[n] = '\0';
	e->mode = 0777;
}

static enum edit_kind choose_kind(struct run *r)
{
	static const uint8_t weights[2][EDIT_KINDS] = {
		{ 2, 2, 3, 8, 10, 2, 1, 2, 35, 15, 8, 3, 3, 3, 3, 4 },
		{ 8, 10, 10, 14, 6, 6, 4, 8, 8, 3, 10, 3, 3, 4, 6, 3 },
	};
	const uint8_t *weight = weights[r->growing];
	uint32_t all = 0, at;
	int kind = 0;

	for (int i = 0; i < EDIT_KINDS; i++)
		all += weight[i];
	for (at = below(r, all); at >= weight[kind]; kind++)
		at -= weight[kind];
	return (enum edit_kind)kind;
}

void random_edit(struct run *r, bool by_program)
{
	struct edit *e = &r->e;
	struct model_look look;

	if (one_in(r, r->growing ? 600 : 100))
		r->growing = !r->growing;
	if (!by_program)
		r->now += below(r, 4);
	e->now = (struct ext2_time){ r->now,
				     by_program ? 0 : below(r, 1000000000) };
	e->kind = choose_kind(r);
	if (by_program && e->kind == EDIT_WRITE)
		e->kind = EDIT_PUT;
	e->mode = (uint16_t)below(r, 010000);
	e->uid = one_in(r, 2) ? below(r, 5) : below(r, 2000000000);
	e->gid = one_in(r, 2) ? 0 : 65536 + below(r, 3);
	e->atime = random_time(r);
	e->mtime = random_time(r);
	e->other[0] = '\0';
	e->major = e->minor = 0;
	e->offset = e->size = 0;
	if ((e->kind == EDIT_WRITE || e->kind == EDIT_TRUNCATE) &&
	    !file_path(r, e->path))
		e->kind = EDIT_CREATE;
	look = model_look(r->model, e->path);
	switch (e->kind) {
	case EDIT_WRITE:
		fill_bytes(r, random_size(r));
		e->offset = random_offset(r, look.size);
		return;
	case EDIT_TRUNCATE:
		e->size = random_offset(r, look.size);
		return;
	case EDIT_LINK:
	case EDIT_RENAME:
		old_path(r, one_in(r, 3) ? PICK_DIRECTORY : PICK_OTHER,
			 e->path);
		if (one_in(r, 4))
			old_path(r, PICK_DIRECTORY | PICK_OTHER, e->other);
		else
			new_path(r, e->other);
		return;
	case EDIT_UNLINK:
		old_path(r, one_in(r, 30) ? PICK_DIRECTORY : PICK_OTHER,
			 e->path);
		return;
	case EDIT_RMDIR:
		old_path(r, one_in(r, 30) ? PICK_OTHER : PICK_DIRECTORY,
			 e->path);
		return;
	case EDIT_CHMOD:
		do
			old_path(r, PICK_DIRECTORY | PICK_OTHER, e->path);
		while (S_ISLNK(model_look(r->model, e->path).mode));
		return;
	case EDIT_CHOWN:
	case EDIT_TIMES:
		old_path(r, PICK_DIRECTORY | PICK_OTHER, e->path);
		return;
	case EDIT_SET_XATTR:
	case EDIT_REMOVE_XATTR:
		old_path(r, PICK_DIRECTORY | PICK_OTHER, e->path);
		choose_attribute(r, e);
		return;
	default:
		new_path(r, e->path);
	}
	if (e->kind == EDIT_PUT) {
		fill_bytes(r, random_size(r));
		e->offset = one_in(r, 4) ? (uint64_t)below(r, 300) << 12 : 0;
	}
	if (e->kind == EDIT_SYMLINK)
		choose_target(r, e);
	if (e->kind == EDIT_MKNOD)
		choose_mknod(r, e);
}

// lost+found stays: e2fsck would miss it. The program's touch makes what is not
// there and is content with what is, its rm -d removes files, too, and put goes into
// directories.
bool edit_is_possible(const struct run *r, bool by_program)
{
	const struct edit *e = &r->e;
	struct model_look look = model_look(r->model, e->path);

	if (!strcmp(e->path, "/lost+found") || !strcmp(e->other, "/lost+found"))
		return false;
	if (!by_program)
		return true;
	switch (e->kind) {
	case EDIT_TIMES:
		return look.there;
	case EDIT_CREATE:
		return !look.there;
	case EDIT_PUT:
		return !S_ISDIR(look.mode);
	case EDIT_RMDIR:
		return !look.there || S_ISDIR(look.mode);
	default:
		return true;
	}
}
