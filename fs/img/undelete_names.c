// # The names of deleted files
//
// Removing a name gives its room to the entry before it, and leaves its bytes in
// the slack, until another name is put there:
//
//     ┌──────────┬─────────────────────────────────────┬─────────
//     │ .. 2     │ slack: 12 "notes.txt", 17 "a" ...   │
//     └──────────┴─────────────────────────────────────┴─────────
//       rec_len ───────────────────────────────────────▶
//
// So every directory's blocks are read at each multiple of 4 for what could be an
// entry: a number of a deleted inode, lengths that fit, a type that is the inode's.
// (Linux has put zeros over removed names since 5.13.) The blocks of directories
// that were deleted themselves are not written again when they go, also by the
// kernel: what stands in them are the names that were there at the end. And the log
// has older copies of the blocks of directories, from before the name was removed.
//
// A number may have been given to another file after the name was removed. Both
// names stand for that inode then, and nobody can tell.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/undelete.h"
#include "must.h"

// ## Paths of living inodes

struct known_path {
	char *text; // NULL: not met
};

int path_want(struct search *s, uint32_t ino)
{
	struct known_path *path;

	if (numbers_find(&s->paths, ino))
		return 0;
	path = must_ptr(calloc(1, sizeof *path));
	int added = numbers_add(&s->paths, ino, path);
	if (added != 1)
		free(path);
	return added < 0 ? added : 0;
}

const char *path_known(const struct search *s, uint32_t ino)
{
	const struct known_path *path = numbers_find(&s->paths, ino);

	return path ? path->text : NULL;
}

static void release(void *value)
{
	struct known_path *path = value;

	free(path->text);
	free(path);
}

void paths_free(struct search *s)
{
	numbers_free(&s->paths, release);
}

static int note_path(void *context, struct visit *visit)
{
	struct search *s = context;
	struct known_path *path = numbers_find(&s->paths, visit->inode.ino);

	if (path && !path->text)
		path->text = must_ptr(strdup(visit->path));
	return 0;
}

// ## What could be an entry

static bool fits(const struct search *s, const uint8_t *bytes, uint32_t at,
		 const struct disk_entry **entry)
{
	uint32_t left = s->numbers.block_bytes - at, rec_len, need;
	const struct disk_entry *e = (const void *)(bytes + at);

	*entry = e;
	if (left < ENTRY_HEADER + 4)
		return false;
	rec_len = get16(e->rec_len);
	need = entry_bytes(e->name_len);
	if (!rec_len || rec_len == UINT16_MAX)
		rec_len = s->numbers.block_bytes == 65536 ? 65536 : rec_len;
	return e->name_len && need <= left && rec_len % 4 == 0 &&
	       rec_len >= need && rec_len <= left && e->file_type < TYPES &&
	       !memchr(e->name, '/', e->name_len) &&
	       !memchr(e->name, '\0', e->name_len) &&
	       !(e->name_len <= 2 && e->name[0] == '.' &&
		 e->name[e->name_len - 1] == '.');
}

static void add_name(struct search *s, const struct deleted *d, uint32_t dir,
		     const struct disk_entry *e, int from)
{
	if (s->names == s->name_room) {
		s->name_room = s->name_room ? s->name_room * 2 : 64;
		s->name = must_ptr(
			realloc(s->name, s->name_room * sizeof *s->name));
	}
	s->name[s->names++] = (struct deleted_name){
		.of = (uint32_t)(d - s->deleted),
		.dir = dir,
		.length = e->name_len,
		.name = must_ptr(strndup((const char *)e->name, e->name_len)),
		.from = from,
	};
}

static void read_names(struct search *s, const uint8_t *bytes, uint32_t dir,
		       int from)
{
	const struct disk_entry *e;
	uint32_t at = 0;

	while (at < s->numbers.block_bytes) {
		const struct deleted *d = NULL;

		if (!fits(s, bytes, at, &e)) {
			at += 4;
			continue;
		}
		if (get32(e->inode) && get32(e->inode) != dir)
			d = search_find(s, get32(e->inode));
		if (d && d->mode && e->file_type &&
		    e->file_type != type_of_mode(d->mode))
			d = NULL;
		if (d && d->mode)
			add_name(s, d, dir, e, from);
		at += d || get32(e->inode) ? entry_bytes(e->name_len) : 4;
	}
}

// ## Where to look

static void mark_copies(struct search *s, uint64_t block, uint32_t dir)
{
	size_t first, n = copies_of(s, block, &first);

	for (size_t i = 0; i < n; i++)
		s->copy[first + i].dir = dir;
}

static int read_directory(struct search *s, const struct ext2_inode *inode)
{
	struct ext2_run run;
	uint64_t at = 0;
	int error;

	while (!(error = ext2_run_at(s->session->fs, inode, at, &run)) &&
	       run.blocks) {
		at += run.blocks;
		for (uint64_t i = 0; i < run.blocks && run.physical; i++) {
			error = ext2_read_block(s->session->fs,
						run.physical + i, s->block);
			if (error)
				return error;
			read_names(s, s->block, inode->ino, NAME_SLACK);
			mark_copies(s, run.physical + i, inode->ino);
		}
	}
	return error;
}

static int read_living(struct search *s)
{
	struct ext2_inode inode;
	bool in_use;
	int error = 0;

	for (uint32_t ino = INO_ROOT; ino <= s->numbers.inodes; ino++) {
		if (ino > INO_ROOT && ino < s->first_ino)
			continue;
		error = ext2_inode_in_use(s->session->fs, ino, &in_use);
		if (!error && in_use)
			error = ext2_inode(s->session->fs, ino, &inode);
		if (!error && in_use && S_ISDIR(inode.mode))
			error = read_directory(s, &inode);
		if (error == -EUCLEAN)
			error = 0;
		if (error)
			break;
	}
	return error;
}

// The directory of which this is the first block, by its entry "."; 0: it is none.
static uint32_t head_of(const struct search *s, const uint8_t *bytes)
{
	const struct disk_entry *dot = (const void *)bytes;
	const struct disk_entry *dots = (const void *)(bytes + 12);

	if (get16(dot->rec_len) != 12 || dot->name_len != 1 ||
	    dot->name[0] != '.' || dots->name_len != 2 ||
	    memcmp(dots->name, "..", 2) != 0 ||
	    get32(dot->inode) < s->first_ino ||
	    get32(dot->inode) > s->numbers.inodes)
		return 0;
	return get32(dot->inode);
}

// A deleted directory's blocks. follow() in undelete_find.c knows which; here the
// direct ones do, and for what is beyond there is the log.
static int read_deleted(struct search *s, const struct deleted *d)
{
	struct ext2_inode inode;
	le32 pointer[BLOCK_POINTERS];
	int error = deleted_inode(s, d, &inode);

	if (error || inode.flags & (INODE_EXTENTS | INODE_INLINE_DATA))
		return error;
	memcpy(pointer, inode.block, sizeof pointer);
	for (uint32_t i = 0; i < BLOCKS_DIRECT && !error; i++) {
		uint32_t block = get32(pointer[i]);
		bool in_use = true;

		if (block <= s->numbers.first_data_block ||
		    block >= s->numbers.blocks)
			continue;
		error = ext2_block_in_use(s->session->fs, block, &in_use);
		if (!error && !in_use)
			error = ext2_read_block(s->session->fs, block,
						s->block);
		if (error || in_use || (!i && head_of(s, s->block) != d->ino))
			continue;
		read_names(s, s->block, d->ino, NAME_DELETED);
		mark_copies(s, block, d->ino);
	}
	return error;
}

static int read_copies(struct search *s)
{
	int error = 0;

	for (size_t i = 0; i < s->copies && !error; i++) {
		error = copy_read(s, &s->copy[i], s->block);
		uint32_t head = error ? 0 : head_of(s, s->block);
		uint32_t dir = head ? head : s->copy[i].dir;

		if (!error && dir)
			read_names(s, s->block, dir, NAME_LOG);
	}
	return error;
}

// ## In order

static int by_deleted(const void *a, const void *b)
{
	const struct deleted_name *x = a, *y = b;
	int order;

	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	order = strcmp(x->name, y->name);
	return order ? order : (int)x->from - (int)y->from;
}

static void sort_names(struct search *s)
{
	size_t kept = 0;

	if (s->names)
		qsort(s->name, s->names, sizeof *s->name, by_deleted);
	for (size_t i = 0; i < s->names; i++) {
		const struct deleted_name *last = kept ? &s->name[kept - 1]
						       : NULL;
		if (last && last->of == s->name[i].of &&
		    last->dir == s->name[i].dir &&
		    !strcmp(last->name, s->name[i].name))
			free(s->name[i].name);
		else
			s->name[kept++] = s->name[i];
	}
	s->names = kept;
	for (size_t i = s->names; i-- > 0;) {
		struct deleted *d = &s->deleted[s->name[i].of];
		d->first_name = (uint32_t)i;
		d->names++;
	}
}

static int by_directory(const void *a, const void *b, void *context)
{
	const struct search *s = context;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;

	if (s->name[i].dir != s->name[k].dir)
		return s->name[i].dir < s->name[k].dir ? -1 : 1;
	return (i > k) - (i < k);
}

int names_find(struct search *s)
{
	int error = read_living(s);

	for (size_t i = 0; i < s->count && !error; i++)
		if (S_ISDIR(s->deleted[i].mode))
			error = read_deleted(s, &s->deleted[i]);
	if (!error)
		error = read_copies(s);
	sort_names(s);
	s->by_dir = must_ptr(calloc(s->names + 1, sizeof *s->by_dir));
	for (size_t i = 0; i < s->names && !error; i++) {
		s->by_dir[i] = (uint32_t)i;
		if (!search_find(s, s->name[i].dir))
			error = path_want(s, s->name[i].dir);
	}
	if (s->names)
		qsort_r(s->by_dir, s->names, sizeof *s->by_dir, by_directory,
			s);
	if (!error && s->paths.count)
		visit_tree(s->session, INO_ROOT, "/", false, note_path, s);
	return error;
}

size_t names_in(const struct search *s, uint32_t dir, size_t *first)
{
	size_t low = 0, high = s->names, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->name[s->by_dir[middle]].dir < dir)
			low = middle + 1;
		else
			high = middle;
	}
	*first = end = low;
	while (end < s->names && s->name[s->by_dir[end]].dir == dir)
		end++;
	return end - low;
}

char *deleted_path(const struct search *s, const struct deleted_name *name)
{
	enum { DEEPEST = 64 };
	char *path = must_ptr(strdup(name->name)), *longer;
	uint32_t dir = name->dir;

	for (int depth = 0; depth < DEEPEST; depth++) {
		const char *living = path_known(s, dir);
		const struct deleted *d = search_find(s, dir);
		const char *above = living;

		if (!living && (!d || !d->names))
			break;
		if (!living) {
			above = s->name[d->first_name].name;
			dir = s->name[d->first_name].dir;
		}
		must(asprintf(&longer, "%s%s%s", above,
			      living && !strcmp(living, "/") ? "" : "/", path));
		free(path);
		path = longer;
		if (living)
			return path;
	}
	free(path);
	return NULL;
}
