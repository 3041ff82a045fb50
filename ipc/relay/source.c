// # Where the bytes come from
//
// A file is read at offsets (pread(2)), so that every mechanism finds it from
// its beginning and nobody moves anybody's place in it. It is read, not mapped:
// a file that somebody cuts short under a mapping kills its reader (SIGBUS).
// How long it is, is asked once: what is appended later (`relay --to - x >> x`)
// is not carried.
//
// A pipe, a terminal or a socket can be read once. For one mechanism that is
// enough, and nothing is kept; for several the bytes go to a file in the
// ledger's directory (names.h, $TMPDIR) whose name is removed before the first
// byte is written: whatever kills us, the kernel frees it.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "must.h"
#include "names.h"
#include "relay.h"

enum { PIECE_BYTES = 1 << 20 };

// Some regular files have no length that means anything (/proc says 0), some
// have one that is too large (/sys says 4096): the one are streams, in the
// others the end comes early.
static void look(struct source *source)
{
	struct stat facts;

	source->bytes = ANY_BYTES;
	if (fstat(source->fd, &facts) == -1 ||
	    !(S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode)))
		return;
	off_t start = lseek(source->fd, 0, SEEK_CUR);
	off_t end = start == -1 ? -1 : lseek(source->fd, 0, SEEK_END);
	if (end == -1 || lseek(source->fd, start, SEEK_SET) == -1)
		return;
	if (end > start) {
		source->seekable = true;
		source->start = start;
		source->bytes = end - start;
	}
}

bool source_open(struct source *source, const char *path)
{
	char none;

	*source = (struct source){ .name = path, .fd = STDIN_FILENO };
	if (!path || !strcmp(path, "-"))
		source->name = "standard input";
	else
		source->fd = open(path, O_RDONLY | O_CLOEXEC);
	// a directory can be opened; only reading it fails
	if (source->fd == -1 || read(source->fd, &none, 0) == -1) {
		complain(source->name, "%s", strerror(errno));
		return false;
	}
	look(source);
	return true;
}

ssize_t source_read(const struct source *source, uint64_t at, void *buffer,
		    size_t n)
{
	ssize_t got;

	if (source->fd == -1)
		return n;
	if (source->bytes != ANY_BYTES && n > source->bytes - at)
		n = source->bytes - at;
	if (n == 0)
		return 0;
	do
		got = source->seekable
			      ? pread(source->fd, buffer, n, source->start + at)
			      : read(source->fd, buffer, n);
	while (got == -1 && errno == EINTR);
	return got == -1 ? -errno : got;
}

// ## Keeping what comes only once

static int nameless_file(char directory[NAME_BYTES])
{
	int error = names_fresh(NAME_PATH, directory);
	if (error)
		return error;
	int fd = open(directory, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	error = fd == -1 ? -errno : names_remove(NAME_PATH, directory, 0);
	if (error && fd != -1)
		close(fd);
	*strrchr(directory, '/') = '\0';
	return error ? error : fd;
}

static bool cannot_keep(const char *directory, int error)
{
	complain("standard input",
		 "cannot be kept for several mechanisms%s%s: %s (TMPDIR names "
		 "another folder; a single mechanism needs none)",
		 *directory ? " in " : "", directory, strerror(-error));
	return false;
}

bool source_keep(struct source *source, struct progress *progress)
{
	char directory[NAME_BYTES] = "";

	if (source->seekable)
		return true;
	int fd = nameless_file(directory);
	if (fd < 0)
		return cannot_keep(directory, fd);
	char *piece = must_ptr(malloc(PIECE_BYTES));
	uint64_t kept = 0;
	ssize_t n;
	int error = 0;

	progress_begin(progress);
	while ((n = source_read(source, kept, piece, PIECE_BYTES)) > 0) {
		error = sink_write(fd, piece, n);
		if (error)
			break;
		kept += n;
		progress_show(progress, "keeping the input", kept, ANY_BYTES);
	}
	progress_clear(progress);
	free(piece);
	if (error)
		return cannot_keep(directory, error);
	if (n < 0) {
		complain(source->name, "%s", strerror((int)-n));
		return false;
	}
	source->fd = fd;
	source->seekable = true;
	source->start = 0;
	source->bytes = kept;
	return true;
}

// ## The page cache

// Half of what /proc/meminfo calls available; nothing where it does not tell.
static uint64_t cache_bytes(void)
{
	char line[128];
	uint64_t kib = 0;
	FILE *info = fopen("/proc/meminfo", "re");

	while (info && !kib && fgets(line, sizeof line, info))
		if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) != 1)
			kib = 0;
	if (info)
		fclose(info);
	return kib * 1024 / 2;
}

bool source_warm(const struct source *source, struct progress *progress)
{
	if (!source->seekable || source->bytes > cache_bytes())
		return true;
	char *piece = must_ptr(malloc(PIECE_BYTES));
	uint64_t at = 0;
	ssize_t n;

	progress_begin(progress);
	while ((n = source_read(source, at, piece, PIECE_BYTES)) > 0) {
		at += n;
		progress_show(progress, "reading the input", at, source->bytes);
	}
	progress_clear(progress);
	free(piece);
	if (n < 0)
		complain(source->name, "%s", strerror((int)-n));
	return n == 0;
}
