// # Where the receiver writes what it got (--to)
//
// A file that is being written should not be taken for a whole one. So its
// bytes go into a file without a name (O_TMPFILE, open(2)) in the same folder,
// and only when everything has come and the checksums agree does it get the
// name (linkat(2)), and in one step takes the place of a file that had it
// (rename(2)). Whatever happens before, and be it SIGKILL: the old file is as
// it was, and nothing lies beside it.
//
// What is no regular file (a device, a FIFO, a terminal) is written to as it
// comes; so is a file in a folder where we may not make one, or on a file
// system that knows no files without names.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "must.h"
#include "relay.h"

static bool cannot(const struct sink *sink, int error)
{
	complain(sink->path, "%s", strerror(error));
	return false;
}

// umask(2) can only be asked by setting it.
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

static int open_unnamed(const char *path)
{
	char *copy = must_ptr(strdup(path));
	int fd = open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	free(copy);
	return fd;
}

// The file that a symbolic link leads to is written, not the link.
static bool find_target(struct sink *sink)
{
	if (realpath(sink->path, sink->target))
		return true;
	size_t n = strlen(sink->path);
	if (errno == ENOENT && n < sizeof sink->target) {
		memcpy(sink->target, sink->path, n + 1);
		return true;
	}
	return false;
}

bool sink_open(struct sink *sink, const char *path)
{
	struct stat facts;

	*sink = (struct sink){ .path = path, .fd = -1 };
	if (!path)
		return true;
	if (!strcmp(path, "-")) {
		sink->path = "standard output";
		sink->fd = STDOUT_FILENO;
		return true;
	}
	if (!find_target(sink))
		return cannot(sink, errno);
	bool there = stat(sink->target, &facts) == 0;
	// who may not write a file must not replace it; and a link that leads
	// to nothing stays a link
	bool may = there ? S_ISREG(facts.st_mode) &&
				   access(sink->target, W_OK) == 0
			 : lstat(path, &facts) == -1;
	sink->mode = there ? facts.st_mode & 0777 : usual_mode();
	sink->fd = may ? open_unnamed(sink->target) : -1;
	sink->unnamed = sink->fd != -1;
	if (sink->fd == -1)
		sink->fd = open(sink->target,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return sink->fd != -1 || cannot(sink, errno);
}

int sink_write(int fd, const void *bytes, size_t n)
{
	for (const char *at = bytes; n > 0;) {
		ssize_t written = write(fd, at, n);
		if (written == -1 && errno != EINTR)
			return -errno;
		if (written > 0) {
			at += written;
			n -= written;
		}
	}
	return 0;
}

// linkat does not replace: where there is a file, the new one first gets a name
// of its own beside it.
static int give_name(const struct sink *sink)
{
	char from[64], beside[PATH_MAX];

	snprintf(from, sizeof from, "/proc/self/fd/%d", sink->fd);
	if (linkat(AT_FDCWD, from, AT_FDCWD, sink->target, AT_SYMLINK_FOLLOW) ==
	    0)
		return 0;
	if (errno != EEXIST)
		return errno;
	if (snprintf(beside, sizeof beside, "%s.%d.%lld", sink->target,
		     getpid(), (long long)now_ns()) >= (int)sizeof beside)
		return ENAMETOOLONG;
	if (linkat(AT_FDCWD, from, AT_FDCWD, beside, AT_SYMLINK_FOLLOW) == -1)
		return errno;
	if (rename(beside, sink->target) == 0)
		return 0;
	int error = errno;
	unlink(beside);
	return error;
}

bool sink_keep(struct sink *sink)
{
	int error = 0;

	if (sink->fd == -1 || sink->fd == STDOUT_FILENO)
		return true;
	if (sink->unnamed)
		error = fchmod(sink->fd, sink->mode) == -1 ? errno
							   : give_name(sink);
	if (close(sink->fd) == -1 && !error)
		error = errno;
	sink->fd = -1;
	return !error || cannot(sink, error);
}
