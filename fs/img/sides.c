// # The two sides of a diff
//
// On the host nothing is followed and nothing but ordinary files is opened (a fifo
// would wait for ever). Directories are those of beneath.h, so that a deep tree
// needs few descriptors. Extended attributes are asked for by /proc/self/fd, since
// those of a symlink cannot be had through a descriptor.

#define _GNU_SOURCE
#include "fs/img/sides.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/img/mkfs.h"
#include "must.h"

enum { FIELDS_WITH_NS = 12 }; // i_extra_isize that has i_mtime_extra

// ## Beginning and end

static void push_dir(struct side *side, uint32_t ino)
{
	if (side->depth == side->room) {
		side->room = side->room ? side->room * 2 : 16;
		side->dir = must_ptr(
			realloc(side->dir, side->room * sizeof *side->dir));
	}
	side->dir[side->depth++] = ino;
}

int side_image(struct side *side, struct session *s, uint32_t start)
{
	struct ext2_numbers n;

	ext2_numbers(s->fs, &n);
	*side = (struct side){
		.session = s,
		.image_bytes = n.blocks * n.block_bytes,
	};
	push_dir(side, start);
	return 0;
}

int side_directory(struct side *side, const char *path)
{
	*side = (struct side){ 0 };
	return beneath_begin(&side->beneath, path);
}

void side_end(struct side *side)
{
	if (!side_is_image(side))
		beneath_end(&side->beneath);
	free(side->dir);
	*side = (struct side){ 0 };
}

int side_enter(struct side *side, const struct listed *item)
{
	if (!side_is_image(side))
		return beneath_enter(&side->beneath, item->name);
	push_dir(side, item->ino);
	return 0;
}

int side_leave(struct side *side)
{
	if (!side_is_image(side))
		return beneath_leave(&side->beneath);
	side->depth--;
	return 0;
}

// ## Names

int by_bytes(const struct listed *a, const struct listed *b)
{
	size_t least = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, least);

	return order ? order : a->name_len - b->name_len;
}

static int by_bytes_of(const void *a, const void *b)
{
	return by_bytes(a, b);
}

static void add_name(struct listing *l, const char *name)
{
	size_t n = strnlen(name, NAME_LONGEST);

	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->item = must_ptr(realloc(l->item, l->room * sizeof *l->item));
	}
	if (l->name_bytes + n + 1 > l->name_room) {
		l->name_room = (l->name_bytes + n + 1) * 2;
		l->names = must_ptr(realloc(l->names, l->name_room));
	}
	memcpy(l->names + l->name_bytes, name, n);
	l->names[l->name_bytes + n] = '\0';
	l->name_bytes += n + 1;
	l->item[l->count++] = (struct listed){ .name_len = (uint8_t)n };
}

static int list_directory(int dir, struct listing *l)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t at = 0;

	*l = (struct listing){ 0 };
	if (!stream)
		return -errno;
	errno = 0;
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			add_name(l, entry->d_name);
	int error = -errno;
	closedir(stream);
	for (size_t i = 0; i < l->count; i++) {
		l->item[i].name = l->names + at;
		at += l->item[i].name_len + 1u;
	}
	if (l->count)
		qsort(l->item, l->count, sizeof *l->item, by_bytes_of);
	return error;
}

int side_list(struct side *side, struct listing *l)
{
	return side_is_image(side)
		       ? listing_read(side->session->fs,
				      side->dir[side->depth - 1], LIST_SORTED,
				      l)
		       : list_directory(beneath_here(&side->beneath), l);
}

// ## Facts

static struct ext2_time when(struct timespec t)
{
	return (struct ext2_time){ t.tv_sec, (uint32_t)t.tv_nsec };
}

static int host_facts(int dir, const char *name, struct facts *f)
{
	struct stat info;

	if (fstatat(dir, name, &info,
		    AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)))
		return -errno;
	*f = (struct facts){
		.dev = info.st_dev,
		.ino = info.st_ino,
		.mode = (uint16_t)info.st_mode,
		.uid = info.st_uid,
		.gid = info.st_gid,
		.major = major(info.st_rdev),
		.minor = minor(info.st_rdev),
		.size = (uint64_t)info.st_size,
		.links = info.st_nlink,
		.time = { when(info.st_mtim), when(info.st_atim),
			  when(info.st_ctim) },
		.has_ns = true,
	};
	return 0;
}

int side_facts(struct side *side, const struct listed *item, struct facts *f)
{
	if (!side_is_image(side))
		return host_facts(beneath_here(&side->beneath),
				  item ? item->name : "", f);
	*f = (struct facts){ 0 };
	struct ext2_inode *i = &f->inode;
	uint32_t ino = item ? item->ino : side->dir[side->depth - 1];
	int error = ext2_inode(side->session->fs, ino, i);
	if (error)
		return error;
	f->ino = ino;
	f->mode = i->mode;
	f->uid = i->uid;
	f->gid = i->gid;
	f->major = i->device_major;
	f->minor = i->device_minor;
	f->size = i->size;
	f->links = i->links;
	f->time[TIME_CHANGED] = i->mtime;
	f->time[TIME_READ] = i->atime;
	f->time[TIME_STATUS] = i->ctime;
	f->time[TIME_MADE] = i->crtime;
	f->has_ns = i->extra >= FIELDS_WITH_NS;
	f->has_made = i->crtime.seconds || i->crtime.ns;
	return 0;
}

int side_target(struct side *side, const struct listed *item,
		const struct facts *f, char **target)
{
	char *text = must_ptr(calloc(1, PATH_MAX + 1));
	int error = 0;

	if (side_is_image(side))
		error = ext2_readlink(side->session->fs, f->inode.ino, text,
				      PATH_MAX + 1);
	else if (readlinkat(beneath_here(&side->beneath), item->name, text,
			    PATH_MAX) < 0)
		error = -errno;
	*target = text;
	return error;
}

// ## Extended attributes

static void add_xattr(struct side_xattrs *x, const char *name,
		      const void *value, size_t size)
{
	x->item = must_ptr(realloc(x->item, (x->count + 1) * sizeof *x->item));
	struct side_xattr *item = &x->item[x->count++];
	item->name = must_ptr(strdup(name));
	item->value = must_ptr(malloc(size + 1));
	if (size)
		memcpy(item->value, value, size);
	item->size = size;
}

static int take_xattr(void *context, const char *name, const void *value,
		      size_t size, bool in_inode)
{
	(void)in_inode;
	add_xattr(context, name, value, size);
	return 0;
}

static int host_xattrs(const char *path, struct side_xattrs *x)
{
	char *names = must_ptr(malloc(XATTR_LIST_MAX));
	char *value = must_ptr(malloc(XATTR_SIZE_MAX));
	ssize_t n = llistxattr(path, names, XATTR_LIST_MAX);
	int error = n < 0 && errno != ENOTSUP ? -errno : 0;

	for (char *at = names; !error && at < names + n; at += strlen(at) + 1) {
		if (!is_kept_xattr(at))
			continue;
		ssize_t size = lgetxattr(path, at, value, XATTR_SIZE_MAX);
		if (size >= 0)
			add_xattr(x, at, value, (size_t)size);
		else if (errno != ENODATA)
			error = -errno;
	}
	free(names);
	free(value);
	return error;
}

static int by_xattr_name(const void *a, const void *b)
{
	const struct side_xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int side_xattrs(struct side *side, const struct listed *item,
		const struct facts *f, struct side_xattrs *x)
{
	char path[64 + NAME_LONGEST];
	int error;

	*x = (struct side_xattrs){ 0 };
	if (side_is_image(side)) {
		error = ext2_xattrs(side->session->fs, f->inode.ino, take_xattr,
				    x);
	} else {
		snprintf(path, sizeof path, "/proc/self/fd/%d/%s",
			 beneath_here(&side->beneath), item ? item->name : ".");
		error = host_xattrs(path, x);
	}
	if (x->count)
		qsort(x->item, x->count, sizeof *x->item, by_xattr_name);
	return error;
}

void side_xattrs_free(struct side_xattrs *x)
{
	for (size_t i = 0; i < x->count; i++) {
		free(x->item[i].name);
		free(x->item[i].value);
	}
	free(x->item);
	*x = (struct side_xattrs){ 0 };
}

// ## Content

int side_open(struct side *side, const struct listed *item,
	      const struct facts *f, struct side_file *file)
{
	*file = (struct side_file){ .side = side, .facts = f, .fd = -1 };
	if (side_is_image(side))
		return 0;
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	int dir = beneath_here(&side->beneath);
	file->fd = beneath_open(dir, item->name, flags | O_NOATIME, 0);
	if (file->fd == -EPERM)
		file->fd = beneath_open(dir, item->name, flags, 0);
	return file->fd < 0 ? file->fd : 0;
}

static int image_run(struct side_file *file, uint64_t at, uint64_t *from,
		     uint64_t *end)
{
	struct session *s = file->side->session;
	uint64_t size = file->facts->size;
	struct ext2_numbers n;
	struct ext2_run run;

	ext2_numbers(s->fs, &n);
	*from = size;
	*end = size;
	for (uint64_t next; at < size; at = next) {
		int error = ext2_run_at(s->fs, &file->facts->inode,
					at / n.block_bytes, &run);
		if (error)
			return error;
		if (!run.blocks)
			return 0;
		next = (run.logical + run.blocks) * n.block_bytes;
		if (!run.physical || run.unwritten)
			continue;
		*from = at;
		*end = next < size ? next : size;
		return 0;
	}
	return 0;
}

static int host_run(const struct side_file *file, uint64_t at, uint64_t *from,
		    uint64_t *end)
{
	uint64_t size = file->facts->size;
	off_t data = lseek(file->fd, (off_t)at, SEEK_DATA);
	off_t hole = data < 0 ? -1 : lseek(file->fd, data, SEEK_HOLE);

	*from = data < 0 ? at : (uint64_t)data;
	if ((data < 0 && errno == ENXIO) || *from > size)
		*from = size;
	*end = hole <= data || (uint64_t)hole > size ? size : (uint64_t)hole;
	return 0;
}

int side_run(struct side_file *file, uint64_t at, uint64_t *from, uint64_t *end)
{
	return side_is_image(file->side) ? image_run(file, at, from, end)
					 : host_run(file, at, from, end);
}

int side_read(struct side_file *file, uint64_t at, void *bytes, size_t n)
{
	char *to = bytes;

	while (n) {
		int64_t got;

		if (side_is_image(file->side))
			got = ext2_read(file->side->session->fs,
					file->facts->inode.ino, at, to, n);
		else if ((got = pread(file->fd, to, n, (off_t)at)) < 0)
			got = -errno;
		if (got < 0)
			return (int)got;
		if (got == 0) // it became shorter
			return -EAGAIN;
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

void side_close(struct side_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
}
