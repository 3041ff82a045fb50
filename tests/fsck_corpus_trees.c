// What one image holds and another does not.
//
// Every path of the first has to stand in the second, with the same content, mode
// and attributes. Where one of the two checkers put a file into lost+found, the
// other may have left it elsewhere, or named it otherwise: the content has to be
// there under any name. Of directories only those count that have a path.
//
// Content is compared by a hash over the blocks that are not holes or zeros, as
// files here are far larger than what they hold.

#define _GNU_SOURCE
#include "fsck_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct row {
	char *path;
	uint16_t mode;
	uint64_t size, content, others;
};

struct rows {
	struct ext2 *fs;
	struct row *row;
	size_t count, room;
	const char *path; // of the directory that is listed
	int depth;
};

enum { DEEPEST = 40, PATH_BYTES = 12000 };

static int hash_content(struct ext2 *fs, const struct ext2_inode *inode,
			uint64_t *hash)
{
	struct ext2_numbers numbers;
	struct ext2_run run;
	uint8_t *bytes;
	int error = 0;

	ext2_numbers(fs, &numbers);
	bytes = malloc(numbers.block_bytes);
	ck_assert_ptr_nonnull(bytes);
	for (uint64_t at = 0; !error; at = run.logical + run.blocks) {
		error = ext2_run_at(fs, inode, at, &run);
		if (error || !run.blocks)
			break;
		for (uint64_t i = 0; !error && run.physical && i < run.blocks;
		     i++) {
			uint64_t offset = (run.logical + i) *
					  numbers.block_bytes;
			int64_t n = ext2_read(fs, inode->ino, offset, bytes,
					      numbers.block_bytes);

			if (n < 0)
				error = (int)n;
			for (int64_t k = 0; k < n; k++)
				if (bytes[k]) {
					*hash += XXH3_64bits_withSeed(
						bytes, (size_t)n, offset);
					break;
				}
		}
	}
	free(bytes);
	return error;
}

static int hash_attribute(void *context, const char *name, const void *value,
			  size_t size, bool in_inode)
{
	(void)in_inode;
	*(uint64_t *)context += XXH3_64bits_withSeed(
		value, size, XXH3_64bits(name, strlen(name)));
	return 0;
}

static int add_inode(struct rows *rows, uint32_t ino, const char *path);

static int add_entry(void *context, const struct ext2_entry *entry)
{
	struct rows *rows = context;
	char path[PATH_BYTES];

	if (entry->name_len <= 2 && !memcmp(entry->name, "..", entry->name_len))
		return 0;
	snprintf(path, sizeof path, "%s/%.*s", rows->path, entry->name_len,
		 entry->name);
	return add_inode(rows, entry->ino, path);
}

static int add_inode(struct rows *rows, uint32_t ino, const char *path)
{
	struct ext2 *fs = rows->fs;
	const char *above = rows->path;
	struct ext2_inode inode;
	char target[4097];
	int error = ext2_inode(fs, ino, &inode);
	struct row row = { .mode = inode.mode };

	if (error)
		return error;
	row.size = S_ISDIR(inode.mode) ? 0 : inode.size;
	if (S_ISREG(inode.mode))
		error = hash_content(fs, &inode, &row.content);
	else if (S_ISLNK(inode.mode))
		error = ext2_readlink(fs, ino, target, sizeof target);
	if (!error && S_ISLNK(inode.mode))
		row.content = XXH3_64bits(target, strlen(target));
	if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode))
		row.content = (uint64_t)inode.device_major << 32 |
			      inode.device_minor;
	if (!error)
		error = ext2_xattrs(fs, ino, hash_attribute, &row.others);
	if (error)
		return error;
	row.path = strdup(path);
	if (rows->count == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 256;
		rows->row = reallocarray(rows->row, rows->room, sizeof row);
	}
	ck_assert(row.path && rows->row);
	rows->row[rows->count++] = row;
	if (!S_ISDIR(inode.mode))
		return 0;
	if (rows->depth == DEEPEST)
		return -ELOOP;
	rows->path = path;
	rows->depth++;
	error = ext2_list(fs, ino, add_entry, rows);
	rows->depth--;
	rows->path = above;
	return error;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->path,
		      ((const struct row *)b)->path);
}

// NULL, or what cannot be read.
static char *read_rows(struct device *device, struct rows *rows)
{
	struct ext2_refusal why = { "" };
	char *wrong = NULL;
	int error = ext2_open(device, EXT2_ANY_STATE, &rows->fs, &why);

	if (!error) {
		rows->path = "";
		error = add_inode(rows, INO_ROOT, "");
		ext2_close(rows->fs);
	}
	if (error && asprintf(&wrong, "a tree that cannot be read: %s %s",
			      strerror(-error), why.text) < 0)
		abort();
	if (rows->count)
		qsort(rows->row, rows->count, sizeof *rows->row, by_path);
	return wrong;
}

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->row[i].path);
	free(rows->row);
}

static bool in_lost(const char *path)
{
	return !strncmp(path, "/lost+found/", 12);
}

static bool same(const struct row *a, const struct row *b)
{
	return a->mode == b->mode && a->size == b->size &&
	       a->content == b->content && a->others == b->others;
}

// Of two with one name either may get another: "x" and "x~0".
static bool may_be_named(const struct row *a, const struct row *b)
{
	return in_lost(a->path) || in_lost(b->path) || strchr(a->path, '~') ||
	       strchr(b->path, '~');
}

static bool is_kept(const struct row *row, const struct rows *second,
		    const char *spoilt)
{
	const struct row *there = second->count ? bsearch(row, second->row,
							  second->count,
							  sizeof *row, by_path)
						: NULL;

	if (there &&
	    (same(there, row) || (spoilt && !strcmp(row->path, spoilt) &&
				  there->mode == row->mode)))
		return true;
	if (S_ISDIR(row->mode))
		return in_lost(row->path);
	for (size_t i = 0; i < second->count; i++)
		if (same(&second->row[i], row) &&
		    may_be_named(row, &second->row[i]))
			return true;
	return false;
}

char *corpus_lost(struct device *first, struct device *second,
		  const char *spoilt)
{
	struct rows a = { 0 }, b = { 0 };
	char *lost = read_rows(first, &a);

	if (!lost)
		lost = read_rows(second, &b);
	for (size_t i = 0; !lost && i < a.count; i++)
		if (!is_kept(&a.row[i], &b, spoilt) &&
		    asprintf(&lost, "%s %o size %ju content %jx others %jx",
			     a.row[i].path, a.row[i].mode,
			     (uintmax_t)a.row[i].size,
			     (uintmax_t)a.row[i].content,
			     (uintmax_t)a.row[i].others) < 0)
			abort();
	free_rows(&a);
	free_rows(&b);
	return lost;
}
