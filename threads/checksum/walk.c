// # All files below a directory, always in the same order
//
// readdir(3) returns names as they lie in the file system, in no order that means
// anything. Sorted by name, directory by directory, the order would still not be
// that of the whole paths: "a.c" comes before "a/b" ('.' is 46, '/' is 47), but
// "a" before "a.c". So a directory is compared as if its name ended with '/', as
// it will in every path below it. Then this is the order of
//
//     find -H PATH -type f -print0 | LC_ALL=C sort -z
//
// and the names of one directory after another are all that must be held.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "threads/checksum/checksum.h"

// Names end with '/' where they are a directory's.
struct names {
	char **name;
	size_t count, room;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

// Whether an entry is of interest: 'd' a directory, 'f' a file, 0 neither.
// Where the file system does not tell (DT_UNKNOWN), ask.
static char kind_of(DIR *dir, const struct dirent *entry, int *error)
{
	struct stat st;

	*error = 0;
	if (entry->d_type == DT_DIR)
		return 'd';
	if (entry->d_type == DT_REG)
		return 'f';
	if (entry->d_type != DT_UNKNOWN)
		return 0;
	if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		*error = errno;
	else if (S_ISDIR(st.st_mode))
		return 'd';
	else if (S_ISREG(st.st_mode))
		return 'f';
	return 0;
}

static int add_name(struct names *names, const char *name, bool directory)
{
	size_t bytes = strlen(name) + 2;
	char *copy;

	if (names->count == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		char **more = realloc(names->name, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		names->name = more;
		names->room = room;
	}
	copy = malloc(bytes);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, bytes - 1);
	if (directory)
		memcpy(copy + bytes - 2, "/", 2);
	names->name[names->count++] = copy;
	return 0;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

static char *join(const char *folder, const char *name)
{
	size_t a = strlen(folder), b = strlen(name) + 1;
	bool slash = a > 0 && folder[a - 1] == '/';
	char *path = malloc(a + !slash + b);

	if (path) {
		memcpy(path, folder, a);
		path[a] = '/';
		memcpy(path + a + !slash, name, b);
	}
	return path;
}

static int tell(struct visitor *visitor, const char *folder, const char *name,
		int error)
{
	char *path = join(folder, name);

	if (!path)
		return -ENOMEM;
	visitor->trouble(visitor, path, error);
	free(path);
	return 0;
}

// Reads the directory to its end and closes it before anything else is opened.
static int read_names(const char *path, bool named, struct visitor *visitor,
		      struct names *names)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = open(path, flags | (named ? 0 : O_NOFOLLOW)), error = 0;
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		visitor->trouble(visitor, path, errno);
		if (fd != -1)
			close(fd);
		return 0;
	}
	while (!error && (errno = 0, entry = readdir(dir))) {
		const char *name = entry->d_name;
		int unknown;
		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		char kind = kind_of(dir, entry, &unknown);
		if (unknown)
			error = tell(visitor, path, name, unknown);
		else if (kind)
			error = add_name(names, name, kind == 'd');
	}
	if (!error && errno)
		visitor->trouble(visitor, path, errno);
	closedir(dir);
	return error;
}

static int walk_below(const char *path, bool named, struct visitor *visitor)
{
	struct names names = { 0 };
	int result = read_names(path, named, visitor, &names);

	if (names.count)
		qsort(names.name, names.count, sizeof *names.name, compare);
	for (size_t i = 0; i < names.count && !result; i++) {
		char *name = names.name[i], *slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		char *below = join(path, name);
		if (!below)
			result = -ENOMEM;
		else if (slash)
			result = walk_below(below, false, visitor);
		else
			result = visitor->file(visitor, below, false);
		free(below);
		free(name);
		names.name[i] = NULL;
	}
	free_names(&names);
	return result;
}

int walk(const char *path, struct visitor *visitor)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		visitor->trouble(visitor, path, errno);
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return walk_below(path, true, visitor);
	if (S_ISREG(st.st_mode))
		return visitor->file(visitor, path, true);
	visitor->trouble(visitor, path, EINVAL);
	return 0;
}
