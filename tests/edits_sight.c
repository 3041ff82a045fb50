// # What is there, seen by the model, by our library and by the kernel
//
// Each tells the same of every path. Content and attributes become sums (which block,
// and what is in it), so that three views of a tree fit into memory side by side.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "edits_parts.h"

// ## Sums

// Fowler, Noll and Vo's FNV-1a of 64 bits, eight bytes a step where there are so
// many.
static uint64_t sum_of(uint64_t sum, const void *bytes, size_t n)
{
	const uint64_t prime = UINT64_C(0x100000001b3);
	const uint8_t *at = bytes;

	for (; n >= 8; n -= 8, at += 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		sum = (sum ^ word) * prime;
		sum ^= sum >> 32;
	}
	for (; n; n--)
		sum = (sum ^ *at++) * prime;
	return sum;
}

static const uint64_t BASIS = UINT64_C(0xcbf29ce484222325);

void seen_block(struct seen *seen, uint64_t logical, const uint8_t *bytes,
		size_t n)
{
	seen->content += sum_of(sum_of(BASIS, &logical, sizeof logical), bytes,
				n);
	seen->blocks++;
}

void seen_xattr(struct seen *seen, const char *name, const void *value,
		size_t n)
{
	seen->xattrs += sum_of(sum_of(BASIS, name, strlen(name) + 1), value, n);
}

// ## The list

struct seen *sight_add(struct sight *sight, const char *path)
{
	if (sight->count == sight->room) {
		sight->room = sight->room ? sight->room * 2 : 256;
		sight->item = realloc(sight->item,
				      sight->room * sizeof *sight->item);
		ck_assert_ptr_nonnull(sight->item);
	}
	struct seen *seen = &sight->item[sight->count++];
	*seen = (struct seen){ .path = strdup(path) };
	ck_assert_ptr_nonnull(seen->path);
	return seen;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->path,
		      ((const struct seen *)b)->path);
}

static int by_id(const void *a, const void *b)
{
	const struct seen *const *x = a, *const *y = b;

	if ((*x)->id != (*y)->id)
		return (*x)->id < (*y)->id ? -1 : 1;
	return *x < *y ? -1 : 1;
}

// A file's number becomes the place of its first name: the same for all who look.
void sight_sort(struct sight *sight)
{
	struct seen **order = calloc(sight->count + 1, sizeof(struct seen *));
	uint64_t id = 0;

	ck_assert_ptr_nonnull(order);
	qsort(sight->item, sight->count, sizeof *sight->item, by_path);
	for (size_t i = 0; i < sight->count; i++)
		order[i] = &sight->item[i];
	qsort(order, sight->count, sizeof(struct seen *), by_id);
	for (size_t i = 0, next; i < sight->count; i = next) {
		id = order[i]->id;
		uint64_t first = (uint64_t)(order[i] - sight->item);
		for (next = i; next < sight->count && order[next]->id == id;)
			next++;
		for (size_t k = i; k < next; k++)
			order[k]->id = first;
	}
	free(order);
}

void sight_free(struct sight *sight)
{
	for (size_t i = 0; i < sight->count; i++) {
		free(sight->item[i].path);
		free(sight->item[i].target);
	}
	free(sight->item);
	*sight = (struct sight){ 0 };
}

// ## Differences

static char *differ_at(const struct seen *a, const struct seen *b)
{
	static const char *const times[] = { "read", "modified", "changed",
					     "made" };
	const struct {
		const char *what;
		uint64_t a, b;
	} rows[] = {
		{ "mode", a->mode, b->mode },
		{ "user", a->uid, b->uid },
		{ "group", a->gid, b->gid },
		{ "links", a->links, b->links },
		{ "size", a->size, b->size },
		{ "major", a->major, b->major },
		{ "minor", a->minor, b->minor },
		{ "file", a->id, b->id },
		{ "blocks", a->blocks, b->blocks },
		{ "content", a->content, b->content },
		{ "attributes", a->xattrs, b->xattrs },
	};
	char *text;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].a != rows[i].b &&
		    asprintf(&text, "%.300s: %s: %" PRIu64 ", %" PRIu64,
			     a->path, rows[i].what, rows[i].a, rows[i].b) > 0)
			return text;
	for (int i = 0; i < 4; i++)
		if ((a->time[i].seconds != b->time[i].seconds ||
		     a->time[i].ns != b->time[i].ns) &&
		    asprintf(&text,
			     "%.300s: %s: %" PRId64 ".%09" PRIu32 ", %" PRId64
			     ".%09" PRIu32,
			     a->path, times[i], a->time[i].seconds,
			     a->time[i].ns, b->time[i].seconds,
			     b->time[i].ns) > 0)
			return text;
	if (strcmp(a->target ? a->target : "", b->target ? b->target : "") !=
		    0 &&
	    asprintf(&text, "%.300s: target: %s, %s", a->path, a->target,
		     b->target) > 0)
		return text;
	return NULL;
}

char *sight_difference(const struct sight *a, const struct sight *b)
{
	char *text = NULL;

	for (size_t i = 0; i < a->count || i < b->count; i++) {
		int order = i == a->count   ? 1
			    : i == b->count ? -1
					    : by_path(&a->item[i], &b->item[i]);
		if (order) {
			int n = asprintf(&text, "only in the %s: %.300s",
					 order < 0 ? "first" : "second",
					 order < 0 ? a->item[i].path
						   : b->item[i].path);
			ck_assert_int_gt(n, 0);
			return text;
		}
		text = differ_at(&a->item[i], &b->item[i]);
		if (text)
			return text;
	}
	return NULL;
}

// ## Our library

struct view {
	struct sight *sight;
	struct ext2 *fs;
	char *path;
	size_t length;
	uint8_t *bytes; // a block
};

static void view_content(struct view *v, const struct ext2_inode *inode,
			 struct seen *seen)
{
	uint32_t block_bytes = v->sight->block_bytes;
	uint64_t end = (inode->size + block_bytes - 1) / block_bytes;
	struct ext2_run run;

	for (uint64_t at = 0; at < end; at = run.logical + run.blocks) {
		ck_assert_int_eq(ext2_run_at(v->fs, inode, at, &run), 0);
		if (!run.blocks)
			break;
		for (uint64_t k = 0; run.physical && k < run.blocks; k++) {
			int64_t n = ext2_read(v->fs, inode->ino,
					      (run.logical + k) * block_bytes,
					      v->bytes, block_bytes);
			ck_assert_int_gt(n, 0);
			seen_block(seen, run.logical + k, v->bytes, (size_t)n);
		}
	}
}

static int view_attribute(void *context, const char *name, const void *value,
			  size_t size, bool in_inode)
{
	(void)in_inode;
	seen_xattr(context, name, value, size);
	return 0;
}

static int view_entry(void *context, const struct ext2_entry *entry);

static int view_inode(struct view *v, uint32_t ino)
{
	struct seen *seen = sight_add(v->sight, v->path);
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(v->fs, ino, &inode), 0);
	seen->id = ino;
	seen->mode = inode.mode;
	seen->uid = inode.uid;
	seen->gid = inode.gid;
	seen->links = inode.links;
	seen->major = inode.device_major;
	seen->minor = inode.device_minor;
	seen->size = S_ISDIR(inode.mode) ? 0 : inode.size;
	seen->time[0] = inode.atime;
	seen->time[1] = inode.mtime;
	seen->time[2] = inode.ctime;
	seen->time[3] = inode.crtime;
	if (S_ISLNK(inode.mode)) {
		seen->target = calloc(1, EDIT_PATH + 1);
		ck_assert_int_eq(
			ext2_readlink(v->fs, ino, seen->target, EDIT_PATH), 0);
	}
	if (S_ISREG(inode.mode))
		view_content(v, &inode, seen);
	ck_assert_int_eq(ext2_xattrs(v->fs, ino, view_attribute, seen), 0);
	return S_ISDIR(inode.mode) ? ext2_list(v->fs, ino, view_entry, v) : 0;
}

static int view_entry(void *context, const struct ext2_entry *entry)
{
	struct view *v = context;
	size_t had = v->length;

	if (entry->name[0] == '.' && entry->name_len <= 2 &&
	    entry->name[entry->name_len - 1] == '.')
		return 0;
	ck_assert_uint_lt(had + entry->name_len + 2, EDIT_PATH);
	v->length = had > 1 ? had + 1 : had;
	if (had > 1)
		v->path[had] = '/';
	memcpy(v->path + v->length, entry->name, entry->name_len);
	v->length += entry->name_len;
	v->path[v->length] = '\0';
	int error = view_inode(v, entry->ino);
	v->length = had;
	v->path[had] = '\0';
	return error;
}

void see_library(struct sight *sight, struct ext2 *fs)
{
	struct ext2_numbers n;
	struct view v = { .sight = sight, .fs = fs, .length = 1 };

	ext2_numbers(fs, &n);
	*sight = (struct sight){ .block_bytes = n.block_bytes };
	v.path = calloc(1, EDIT_PATH);
	v.bytes = malloc(n.block_bytes);
	ck_assert(v.path && v.bytes);
	v.path[0] = '/';
	ck_assert_int_eq(view_inode(&v, INO_ROOT), 0);
	free(v.path);
	free(v.bytes);
	sight_sort(sight);
}

// ## The kernel

static struct ext2_time time_of(struct statx_timestamp t)
{
	return (struct ext2_time){ t.tv_sec, t.tv_nsec };
}

static void mount_content(const struct sight *sight, struct seen *seen, int dir,
			  const char *name)
{
	int fd = openat(dir, name,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
	uint8_t *bytes = malloc(sight->block_bytes);
	off_t at = 0, end;

	ck_assert_int_ge(fd, 0);
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		ck_assert_int_gt(end, at);
		for (; at < end; at += sight->block_bytes) {
			ssize_t n = pread(fd, bytes, sight->block_bytes, at);
			ck_assert_int_gt(n, 0);
			seen_block(seen, (uint64_t)at / sight->block_bytes,
				   bytes, (size_t)n);
		}
	}
	ck_assert_int_eq(errno, ENXIO);
	free(bytes);
	close(fd);
}

static void mount_attributes(struct seen *seen, int dir, const char *name)
{
	enum { MOST = 65536 };
	char *path, *list = malloc(MOST), *value = malloc(MOST);

	int length = dir < 0 ? asprintf(&path, "%s", name)
			     : asprintf(&path, "/proc/self/fd/%d/%s", dir,
					name);
	ck_assert_int_gt(length, 0);
	ssize_t n = llistxattr(path, list, MOST);
	ck_assert_int_ge(n, 0);
	for (char *at = list; at < list + n; at += strlen(at) + 1) {
		ssize_t size = lgetxattr(path, at, value, MOST);
		ck_assert_int_ge(size, 0);
		seen_xattr(seen, at, value, (size_t)size);
	}
	free(path);
	free(list);
	free(value);
}

static void mount_directory(struct sight *sight, int fd, const char *path);

static void mount_node(struct sight *sight, int dir, const char *name,
		       const char *path)
{
	struct seen *seen = sight_add(sight, path);
	size_t index = sight->count - 1;
	struct statx s;

	ck_assert_msg(statx(dir, name, AT_SYMLINK_NOFOLLOW,
			    STATX_BASIC_STATS | STATX_BTIME, &s) == 0,
		      "%s: %m", path);
	seen->id = s.stx_ino;
	seen->mode = s.stx_mode;
	seen->uid = s.stx_uid;
	seen->gid = s.stx_gid;
	seen->links = s.stx_nlink;
	if (S_ISCHR(s.stx_mode) || S_ISBLK(s.stx_mode)) {
		seen->major = s.stx_rdev_major;
		seen->minor = s.stx_rdev_minor;
	}
	seen->size = S_ISDIR(s.stx_mode) ? 0 : s.stx_size;
	seen->time[0] = time_of(s.stx_atime);
	seen->time[1] = time_of(s.stx_mtime);
	seen->time[2] = time_of(s.stx_ctime);
	if (s.stx_mask & STATX_BTIME)
		seen->time[3] = time_of(s.stx_btime);
	if (S_ISLNK(s.stx_mode)) {
		seen->target = calloc(1, EDIT_PATH + 1);
		ck_assert_int_gt(readlinkat(dir, name, seen->target, EDIT_PATH),
				 0);
	}
	if (S_ISREG(s.stx_mode))
		mount_content(sight, seen, dir, name);
	mount_attributes(&sight->item[index], dir, name);
	if (S_ISDIR(s.stx_mode)) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		mount_directory(sight, fd, path);
	}
}

static void mount_directory(struct sight *sight, int fd, const char *path)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	char *below;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		ck_assert_int_gt(asprintf(&below, "%s/%s", path[1] ? path : "",
					  entry->d_name),
				 0);
		mount_node(sight, fd, entry->d_name, below);
		free(below);
	}
	closedir(dir);
}

void see_mounted(struct sight *sight, const char *folder, uint32_t block_bytes)
{
	*sight = (struct sight){ .block_bytes = block_bytes };
	mount_node(sight, AT_FDCWD, folder, "/");
	sight_sort(sight);
}
