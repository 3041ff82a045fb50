// # Parts that several scenes of ipc/file use

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"

const char *file_with(const char *text)
{
	const char *path = fresh_path();
	int fd = must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));

	must(write(fd, text, strlen(text)));
	must(close(fd));
	return path;
}

void fresh_directory(char path[NAME_BYTES])
{
	must_neg(names_fresh(NAME_DIRECTORY, path));
	must(mkdir(path, 0700));
}

int open_again(const char *path)
{
	return must(open(path, O_RDWR | O_CLOEXEC));
}

void read_text(const char *path, char *text, size_t bytes)
{
	int fd = must(open(path, O_RDONLY | O_CLOEXEC));
	size_t got = 0;

	for (ssize_t n = 1; n > 0 && got < bytes - 1; got += n)
		n = must(read(fd, text + got, bytes - 1 - got));
	text[got] = '\0';
	must(close(fd));
}

// Who is refused gets EAGAIN; POSIX allows EACCES, too.
int lock_byte(int fd, int command, short type, off_t byte)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	if (fcntl(fd, command, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return EAGAIN;
	if (errno == EDEADLK)
		return EDEADLK;
	if (errno != EINVAL && errno != ENOLCK && errno != EPERM &&
	    errno != ENOSYS && errno != EOPNOTSUPP)
		die_at(__FILE__, __LINE__, "fcntl(lock)", errno);
	skip("no locks of this kind in the temporary folder (%s): take Linux "
	     "3.15 and a local file system (set TMPDIR)",
	     strerror(errno));
}

char *map_file(int fd, size_t bytes, int flags)
{
	char *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (start == MAP_FAILED && errno == ENODEV)
		skip("files of the temporary folder cannot be mapped: set "
		     "TMPDIR to a folder on a local file system");
	return must(start);
}

int watch_directory(const char *directory, uint32_t events, int flags)
{
	int fd = inotify_init1(flags | IN_CLOEXEC);

	if (fd != -1 && inotify_add_watch(fd, directory, events) != -1)
		return fd;
	if (errno == ENOSYS || errno == EPERM)
		skip("no inotify here: it wants a kernel with "
		     "CONFIG_INOTIFY_USER, and a container that allows it");
	if (errno == EMFILE || errno == ENOSPC)
		skip("this user has too many inotify watches: raise sysctl "
		     "fs.inotify.max_user_instances, max_user_watches");
	die_at(__FILE__, __LINE__, "inotify_add_watch", errno);
}

void *shared_memory(size_t bytes)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void picture_begin(struct picture *picture)
{
	picture->stream =
		must_ptr(open_memstream(&picture->text, &picture->bytes));
}

void picture_end(struct picture *picture)
{
	if (fclose(picture->stream) != 0)
		die_at(__FILE__, __LINE__, "fclose(picture)", errno);
	show(picture->text);
	free(picture->text);
}
