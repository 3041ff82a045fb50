// Images and trees of the suite crash.

#define _GNU_SOURCE
#include "crash_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <xxhash.h>

char crash_folder[64];

void make_crash_folder(void)
{
	const char *above = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	snprintf(crash_folder, sizeof(crash_folder), "%s/crash.XXXXXX", above);
	ck_assert_ptr_nonnull(mkdtemp(crash_folder));
}

static int remove_one(const char *path, const struct stat *info, int kind,
		      struct FTW *place)
{
	(void)info;
	(void)kind;
	(void)place;
	return remove(path);
}

void remove_crash_folder(void)
{
	enum { OPEN = 16 };

	ck_assert_int_eq(
		nftw(crash_folder, remove_one, OPEN, FTW_DEPTH | FTW_PHYS), 0);
}

// ## Images

struct crash_bytes bytes_of_device(struct device *device)
{
	struct crash_bytes made = { .bytes = malloc(device->bytes),
				    .n = device->bytes };

	ck_assert_ptr_nonnull(made.bytes);
	ck_assert_int_eq(device_read(device, 0, made.bytes, made.n), 0);
	return made;
}

struct device *device_of_bytes(const struct crash_bytes *bytes)
{
	struct device *device;

	ck_assert_int_eq(device_memory(bytes->n, &device), 0);
	ck_assert_int_eq(device_write(device, 0, bytes->bytes, bytes->n), 0);
	return device;
}

// ## Trees

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct tree_row *)a)->path,
		      ((const struct tree_row *)b)->path);
}

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct tree_row *)row)->path);
}

const struct tree_row *crash_tree_find(const struct tree *tree,
				       const char *path)
{
	return tree->count ? bsearch(path, tree->row, tree->count,
				     sizeof(*tree->row), by_name)
			   : NULL;
}

void tree_clear(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		free(tree->row[i].path);
		free(tree->row[i].line);
	}
	free(tree->row);
	*tree = (struct tree){ 0 };
}

const char *tree_difference(const struct tree *a, const struct tree *b)
{
	static char text[1200];

	for (size_t i = 0; i < a->count || i < b->count; i++) {
		const char *x = i < a->count ? a->row[i].line : "(no more)";
		const char *y = i < b->count ? b->row[i].line : "(no more)";

		if (strcmp(x, y)) {
			snprintf(text, sizeof(text), "%.500s, not %.500s", x,
				 y);
			return text;
		}
	}
	return NULL;
}

struct found {
	const char *path;
	uint16_t mode;
	uint32_t links, uid, gid, ns;
	int64_t mtime, ctime;
	uint64_t size, sectors, content, others;
};

static void add_row(struct tree *tree, const struct found *f)
{
	struct tree_row *row;

	if (tree->count == tree->room) {
		tree->room = tree->room ? 2 * tree->room : 64;
		tree->row = realloc(tree->row, tree->room * sizeof(*row));
		ck_assert_ptr_nonnull(tree->row);
	}
	row = &tree->row[tree->count++];
	*row = (struct tree_row){
		.path = strdup(f->path),
		.mode = f->mode,
		.size = f->size,
		.content = f->content,
		.others = f->others ^ ((uint64_t)f->uid << 32 | f->gid),
	};
	ck_assert(asprintf(&row->line,
			   "%s %o links %u owner %u:%u size %" PRIu64
			   " sectors %" PRIu64 " time %" PRId64
			   ".%u changed %" PRId64 " content %" PRIx64
			   " attributes %" PRIx64,
			   f->path, f->mode, f->links, f->uid, f->gid, f->size,
			   f->sectors, f->mtime, f->ns, f->ctime, f->content,
			   f->others) > 0);
}

// A sum: the order of attributes means nothing.
static uint64_t attribute_hash(const char *name, const void *value, size_t size)
{
	return XXH3_64bits_withSeed(value, size,
				    XXH3_64bits(name, strlen(name)));
}

// ## Of an image

enum { PIECE = 65536 };

struct walk {
	struct ext2 *fs;
	struct tree *tree;
	const char *path;
	int error, depth;
};

static int content_of(struct ext2 *fs, const struct ext2_inode *inode,
		      uint64_t *hash)
{
	XXH3_state_t *state = XXH3_createState();
	static uint8_t bytes[PIECE];
	uint64_t at = 0;
	int64_t got;

	ck_assert_ptr_nonnull(state);
	XXH3_64bits_reset(state);
	while ((got = ext2_read(fs, inode->ino, at, bytes, sizeof(bytes))) >
	       0) {
		XXH3_64bits_update(state, bytes, got);
		at += got;
	}
	*hash = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return got < 0 ? (int)got : 0;
}

static int add_attribute(void *context, const char *name, const void *value,
			 size_t size, bool in_inode)
{
	(void)in_inode;
	*(uint64_t *)context += attribute_hash(name, value, size);
	return 0;
}

static int walk_inode(struct walk *walk, uint32_t ino, const char *path);

static int walk_entry(void *context, const struct ext2_entry *entry)
{
	struct walk *walk = context;
	char path[4096];

	if (entry->name_len <= 2 && !memcmp(entry->name, "..", entry->name_len))
		return 0;
	snprintf(path, sizeof(path), "%s/%.*s", walk->path, entry->name_len,
		 entry->name);
	return walk_inode(walk, entry->ino, path);
}

static int walk_inode(struct walk *walk, uint32_t ino, const char *path)
{
	struct ext2 *fs = walk->fs;
	struct ext2_inode inode;
	struct found f = { .path = *path ? path : "/" };
	char target[4096];
	int error = ext2_inode(fs, ino, &inode);

	if (error)
		return error;
	f.mode = inode.mode;
	f.links = inode.links;
	f.uid = inode.uid;
	f.gid = inode.gid;
	f.mtime = inode.mtime.seconds;
	f.ns = inode.mtime.ns;
	f.ctime = inode.ctime.seconds;
	f.size = inode.size;
	f.sectors = inode.sectors;
	if (S_ISREG(inode.mode))
		error = content_of(fs, &inode, &f.content);
	else if (S_ISLNK(inode.mode))
		error = ext2_readlink(fs, ino, target, sizeof(target));
	if (error < 0)
		return error;
	if (S_ISLNK(inode.mode))
		f.content = XXH3_64bits(target, strlen(target));
	if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode))
		f.others = (uint64_t)inode.device_major << 32 |
			   inode.device_minor;
	error = ext2_xattrs(fs, ino, add_attribute, &f.others);
	if (error)
		return error;
	add_row(walk->tree, &f);
	if (!S_ISDIR(inode.mode))
		return 0;
	if (walk->depth == 60)
		return -ELOOP;

	const char *above = walk->path;

	walk->path = path;
	walk->depth++;
	error = ext2_list(fs, ino, walk_entry, walk);
	walk->depth--;
	walk->path = above;
	return error;
}

int tree_of_fs(struct ext2 *fs, struct tree *tree)
{
	struct walk walk = { .fs = fs, .tree = tree, .path = "" };
	int error = walk_inode(&walk, INO_ROOT, "");

	qsort(tree->row, tree->count, sizeof(*tree->row), by_path);
	return error;
}

int tree_of_device(struct device *device, struct tree *tree)
{
	struct ext2 *fs;
	int error = ext2_open(device, 0, &fs, NULL);

	*tree = (struct tree){ 0 };
	if (error)
		return error;
	error = tree_of_fs(fs, tree);
	ext2_close(fs);
	return error;
}

// ## Of a folder of the host

static uint64_t host_attributes(const char *path)
{
	char names[4096], value[65536];
	ssize_t n = llistxattr(path, names, sizeof(names));
	uint64_t sum = 0;

	for (char *name = names; n > 0 && name < names + n;
	     name += strlen(name) + 1) {
		ssize_t size = lgetxattr(path, name, value, sizeof(value));

		if (size >= 0)
			sum += attribute_hash(name, value, size);
	}
	return sum;
}

static int host_content(const char *path, uint64_t *hash)
{
	XXH3_state_t *state = XXH3_createState();
	static uint8_t bytes[PIECE];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : 0;

	ck_assert_ptr_nonnull(state);
	XXH3_64bits_reset(state);
	while (fd >= 0 && (got = read(fd, bytes, sizeof(bytes))) > 0)
		XXH3_64bits_update(state, bytes, got);
	int error = got < 0 ? -errno : 0;

	*hash = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	if (fd >= 0)
		close(fd);
	return error;
}

static int host_walk(struct tree *tree, const char *top, const char *path)
{
	char full[4096], target[4096];
	struct stat info;
	struct found f = { .path = *path ? path : "/" };
	int error = 0;

	snprintf(full, sizeof(full), "%s%s", top, path);
	if (lstat(full, &info))
		return -errno;
	f.mode = (uint16_t)info.st_mode;
	f.links = (uint32_t)info.st_nlink;
	f.uid = info.st_uid;
	f.gid = info.st_gid;
	f.mtime = info.st_mtim.tv_sec;
	f.ns = (uint32_t)info.st_mtim.tv_nsec;
	f.ctime = info.st_ctim.tv_sec;
	f.size = info.st_size;
	f.sectors = info.st_blocks;
	if (S_ISREG(info.st_mode))
		error = host_content(full, &f.content);
	if (S_ISLNK(info.st_mode)) {
		ssize_t n = readlink(full, target, sizeof(target));

		error = n < 0 ? -errno : 0;
		f.content = XXH3_64bits(target, n < 0 ? 0 : n);
	}
	if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
		f.others = (uint64_t)major(info.st_rdev) << 32 |
			   minor(info.st_rdev);
	f.others += host_attributes(full);
	add_row(tree, &f);
	if (error || !S_ISDIR(info.st_mode))
		return error;

	DIR *dir = opendir(full);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while (!error && (errno = 0, entry = readdir(dir))) {
		char below[4096];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(below, sizeof(below), "%.3000s/%s", path,
			 entry->d_name);
		error = host_walk(tree, top, below);
	}
	if (!error)
		error = -errno;
	closedir(dir);
	return error;
}

int tree_of_folder(const char *folder, struct tree *tree)
{
	*tree = (struct tree){ 0 };

	int error = host_walk(tree, folder, "");

	qsort(tree->row, tree->count, sizeof(*tree->row), by_path);
	return error;
}
