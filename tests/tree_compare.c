// Two trees side by side: each directory's names are sorted and merged, what both
// have is compared, attribute by attribute. Links are compared by structure: the
// first names under which two files are met are remembered, and every further name
// must be one of both.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "must.h"
#include "tree_compare.h"

struct met { // a file with several names, in both trees
	dev_t dev[2];
	ino_t ino[2];
};

struct comparison {
	int differences;
	char *first;
	size_t size;
	struct met *met;
	size_t met_count, met_room;
	char *path; // below the tops
};

enum { CHUNK = 1 << 20, XATTR_LIST = 64 << 10 };

static void differ(struct comparison *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void differ(struct comparison *c, const char *fmt, ...)
{
	va_list ap;

	if (c->differences++ || !c->size)
		return;
	int n = snprintf(c->first, c->size, "%s: ", c->path);
	if (n < 0 || (size_t)n >= c->size)
		return;
	va_start(ap, fmt);
	vsnprintf(c->first + n, c->size - (size_t)n, fmt, ap);
	va_end(ap);
}

static int open_quietly(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_CLOEXEC | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(dir, name, flags | O_CLOEXEC)
					: fd;
}

// ## Attributes

static void compare_times(struct comparison *c, const char *what,
			  struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec)
		differ(c, "%s %lld.%09ld, %lld.%09ld", what,
		       (long long)a.tv_sec, a.tv_nsec, (long long)b.tv_sec,
		       b.tv_nsec);
}

static void compare_links(struct comparison *c, const struct stat s[2])
{
	if (s[0].st_nlink != s[1].st_nlink)
		differ(c, "%ju links, %ju", (uintmax_t)s[0].st_nlink,
		       (uintmax_t)s[1].st_nlink);
	if (s[0].st_nlink < 2 && s[1].st_nlink < 2)
		return;
	for (size_t i = 0; i < c->met_count; i++) {
		bool same[2];

		for (int k = 0; k < 2; k++)
			same[k] = c->met[i].ino[k] == s[k].st_ino &&
				  c->met[i].dev[k] == s[k].st_dev;
		if (same[0] != same[1])
			differ(c, "a link to another file");
		if (same[0] || same[1])
			return;
	}
	if (c->met_count == c->met_room) {
		c->met_room = c->met_room ? 2 * c->met_room : 64;
		c->met =
			must_ptr(realloc(c->met, c->met_room * sizeof *c->met));
	}
	c->met[c->met_count++] = (struct met){
		{ s[0].st_dev, s[1].st_dev },
		{ s[0].st_ino, s[1].st_ino },
	};
}

static void compare_attributes(struct comparison *c, const struct stat s[2])
{
	bool directory = S_ISDIR(s[0].st_mode);

	if (s[0].st_mode != s[1].st_mode)
		differ(c, "mode %o, %o", s[0].st_mode, s[1].st_mode);
	if (s[0].st_uid != s[1].st_uid || s[0].st_gid != s[1].st_gid)
		differ(c, "owner %u:%u, %u:%u", s[0].st_uid, s[0].st_gid,
		       s[1].st_uid, s[1].st_gid);
	if (!directory && s[0].st_size != s[1].st_size)
		differ(c, "size %jd, %jd", (intmax_t)s[0].st_size,
		       (intmax_t)s[1].st_size);
	if ((S_ISCHR(s[0].st_mode) || S_ISBLK(s[0].st_mode)) &&
	    s[0].st_rdev != s[1].st_rdev)
		differ(c, "device %u:%u, %u:%u", major(s[0].st_rdev),
		       minor(s[0].st_rdev), major(s[1].st_rdev),
		       minor(s[1].st_rdev));
	if (!directory)
		compare_links(c, s);
	if (!S_ISLNK(s[0].st_mode))
		compare_times(c, "atime", s[0].st_atim, s[1].st_atim);
	compare_times(c, "mtime", s[0].st_mtim, s[1].st_mtim);
}

// ## Extended attributes

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

// The names, sorted; *n of them; to be freed, and *list, too.
static char **xattr_names(const char *path, char **list, size_t *n)
{
	*list = must_ptr(malloc(XATTR_LIST));
	ssize_t bytes = llistxattr(path, *list, XATTR_LIST);
	char **names = must_ptr(calloc(XATTR_LIST / 2, sizeof *names));

	*n = 0;
	for (char *at = *list; bytes > 0 && at < *list + bytes;
	     at += strlen(at) + 1)
		names[(*n)++] = at;
	qsort(names, *n, sizeof *names, by_text);
	return names;
}

static void compare_value(struct comparison *c, const char *const path[2],
			  const char *name)
{
	char *value[2];
	ssize_t n[2];

	for (int k = 0; k < 2; k++) {
		value[k] = must_ptr(malloc(XATTR_LIST));
		n[k] = lgetxattr(path[k], name, value[k], XATTR_LIST);
	}
	if (n[0] != n[1] ||
	    (n[0] > 0 && memcmp(value[0], value[1], (size_t)n[0]) != 0))
		differ(c, "attribute %s: %zd bytes, %zd", name, n[0], n[1]);
	free(value[0]);
	free(value[1]);
}

static void compare_xattrs(struct comparison *c, const int dir[2],
			   const char *name)
{
	char path[2][300], *list[2], **names[2];
	const char *const paths[2] = { path[0], path[1] };
	size_t n[2];

	for (int k = 0; k < 2; k++) {
		snprintf(path[k], sizeof path[k], "/proc/self/fd/%d/%s", dir[k],
			 name);
		names[k] = xattr_names(path[k], &list[k], &n[k]);
	}
	for (size_t i = 0, j = 0; i < n[0] || j < n[1];) {
		int order = i == n[0]   ? 1
			    : j == n[1] ? -1
					: strcmp(names[0][i], names[1][j]);
		if (order)
			differ(c, "attribute %s only in the %s",
			       order < 0 ? names[0][i] : names[1][j],
			       order < 0 ? "first" : "second");
		else
			compare_value(c, paths, names[0][i]);
		i += order <= 0;
		j += order >= 0;
	}
	for (int k = 0; k < 2; k++) {
		free(names[k]);
		free(list[k]);
	}
}

// ## Content

static bool knows_holes(int fd, const struct stat *s)
{
	return lseek(fd, 0, SEEK_HOLE) < s->st_size ||
	       s->st_blocks * 512 >= s->st_size;
}

// Holes, by lseek(2) where both know of them, else by the blocks in use: those of
// the block map may be more.
static void compare_holes(struct comparison *c, const int fd[2],
			  const struct stat s[2])
{
	enum { MAP_SHARE = 128, MAP_LEAST = 64 << 10 };
	off_t at = 0, data[2], hole[2];

	if (!knows_holes(fd[0], &s[0]) || !knows_holes(fd[1], &s[1])) {
		int64_t bytes[2] = { s[0].st_blocks * 512,
				     s[1].st_blocks * 512 };
		int64_t more = llabs(bytes[0] - bytes[1]);
		if (more > bytes[0] / MAP_SHARE + MAP_LEAST)
			differ(c, "%jd bytes in use, %jd", (intmax_t)bytes[0],
			       (intmax_t)bytes[1]);
		return;
	}
	while (at < s[0].st_size) {
		for (int k = 0; k < 2; k++) {
			data[k] = lseek(fd[k], at, SEEK_DATA);
			hole[k] = data[k] < 0
					  ? -1
					  : lseek(fd[k], data[k], SEEK_HOLE);
		}
		if (data[0] != data[1] || hole[0] != hole[1]) {
			differ(c, "data at %jd to %jd, %jd to %jd",
			       (intmax_t)data[0], (intmax_t)hole[0],
			       (intmax_t)data[1], (intmax_t)hole[1]);
			return;
		}
		if (data[0] < 0)
			return;
		at = hole[0];
	}
}

static void compare_bytes(struct comparison *c, const int fd[2], off_t size)
{
	char *bytes[2];
	bool same = true;

	for (int k = 0; k < 2; k++)
		bytes[k] = must_ptr(malloc(CHUNK));
	for (off_t at = 0; same && at < size; at += CHUNK) {
		off_t data[2];
		ssize_t n[2];

		// Where both have a hole there is nothing to be read.
		for (int k = 0; k < 2; k++) {
			data[k] = lseek(fd[k], at, SEEK_DATA);
			if (data[k] < 0)
				data[k] = errno == ENXIO ? size : at;
		}
		off_t next = data[0] < data[1] ? data[0] : data[1];
		at = next > at ? next / CHUNK * CHUNK : at;
		if (at >= size)
			break;
		for (int k = 0; k < 2; k++)
			n[k] = pread(fd[k], bytes[k], CHUNK, at);
		same = n[0] == n[1] && n[0] >= 0 &&
		       !memcmp(bytes[0], bytes[1], (size_t)n[0]);
		if (!same)
			differ(c, "content from byte %jd on", (intmax_t)at);
	}
	free(bytes[0]);
	free(bytes[1]);
}

static void compare_content(struct comparison *c, const int dir[2],
			    const char *name, const struct stat s[2])
{
	int fd[2];

	for (int k = 0; k < 2; k++)
		fd[k] = open_quietly(dir[k], name, O_RDONLY | O_NOFOLLOW);
	if (fd[0] < 0 || fd[1] < 0) {
		differ(c, "cannot be opened: %s", strerror(errno));
	} else if (s[0].st_size == s[1].st_size) {
		compare_holes(c, fd, s);
		compare_bytes(c, fd, s[0].st_size);
	}
	for (int k = 0; k < 2; k++)
		if (fd[k] >= 0)
			close(fd[k]);
}

static void compare_targets(struct comparison *c, const int dir[2],
			    const char *name)
{
	char target[2][4096];
	ssize_t n[2];

	for (int k = 0; k < 2; k++)
		n[k] = readlinkat(dir[k], name, target[k], sizeof target[k]);
	if (n[0] != n[1] || n[0] < 0 ||
	    memcmp(target[0], target[1], (size_t)n[0]) != 0)
		differ(c, "leads elsewhere");
}

// ## Trees

struct names {
	char **name;
	size_t count, room;
};

static struct names list_names(int dir)
{
	struct names all = { 0 };
	DIR *open_dir = must_ptr(fdopendir(must(dup(dir))));

	rewinddir(open_dir);
	for (struct dirent *entry; (entry = readdir(open_dir));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (all.count == all.room) {
			all.room = all.room ? 2 * all.room : 64;
			all.name = must_ptr(
				realloc(all.name, all.room * sizeof *all.name));
		}
		all.name[all.count++] = must_ptr(strdup(entry->d_name));
	}
	closedir(open_dir);
	if (all.count)
		qsort(all.name, all.count, sizeof *all.name, by_text);
	return all;
}

static void free_names(struct names *all)
{
	for (size_t i = 0; i < all->count; i++)
		free(all->name[i]);
	free(all->name);
}

static void compare_directories(struct comparison *c, const int dir[2]);

static void compare_node(struct comparison *c, const int dir[2],
			 const char *name)
{
	struct stat s[2];
	int below[2];

	for (int k = 0; k < 2; k++)
		if (fstatat(dir[k], name, &s[k], AT_SYMLINK_NOFOLLOW)) {
			differ(c, "cannot be asked: %s", strerror(errno));
			return;
		}
	compare_attributes(c, s);
	compare_xattrs(c, dir, name);
	if ((s[0].st_mode ^ s[1].st_mode) & S_IFMT)
		return;
	if (S_ISREG(s[0].st_mode))
		compare_content(c, dir, name, s);
	if (S_ISLNK(s[0].st_mode))
		compare_targets(c, dir, name);
	if (!S_ISDIR(s[0].st_mode))
		return;
	for (int k = 0; k < 2; k++)
		below[k] = open_quietly(dir[k], name,
					O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (below[0] < 0 || below[1] < 0)
		differ(c, "cannot be opened: %s", strerror(errno));
	else
		compare_directories(c, below);
	for (int k = 0; k < 2; k++)
		if (below[k] >= 0)
			close(below[k]);
}

static void compare_directories(struct comparison *c, const int dir[2])
{
	struct names all[2] = { list_names(dir[0]), list_names(dir[1]) };
	char *above = c->path;

	for (size_t i = 0, j = 0; i < all[0].count || j < all[1].count;) {
		int order = i == all[0].count ? 1
			    : j == all[1].count
				    ? -1
				    : strcmp(all[0].name[i], all[1].name[j]);
		const char *name = order <= 0 ? all[0].name[i] : all[1].name[j];

		must(asprintf(&c->path, "%s/%s", above, name));
		if (order == 0)
			compare_node(c, dir, name);
		else if (order < 0 || *above || strcmp(name, "lost+found") != 0)
			differ(c, "only in the %s",
			       order < 0 ? "first" : "second");
		free(c->path);
		i += order <= 0;
		j += order >= 0;
	}
	c->path = above;
	free_names(&all[0]);
	free_names(&all[1]);
}

int tree_differences(const char *a, const char *b, char *first, size_t size)
{
	char top[] = "";
	struct comparison c = { .first = first, .size = size, .path = top };
	int dir[2] = { open_quietly(AT_FDCWD, a, O_RDONLY | O_DIRECTORY),
		       open_quietly(AT_FDCWD, b, O_RDONLY | O_DIRECTORY) };

	if (size)
		*first = '\0';
	if (dir[0] < 0 || dir[1] < 0)
		differ(&c, "cannot be opened: %s", strerror(errno));
	else
		compare_node(&c, dir, ".");
	for (int k = 0; k < 2; k++)
		if (dir[k] >= 0)
			close(dir[k]);
	free(c.met);
	return c.differences;
}
