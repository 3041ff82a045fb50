// # The folder of a process
//
// A number may be given to another process between two opens. The folder, once
// open, stays with its own: below it, a file of a process that is gone is -ESRCH.

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int process_open(pid_t pid)
{
	char path[32] = "/proc/self";

	if (pid < 0)
		return -ESRCH;
	if (pid > 0)
		snprintf(path, sizeof path, "/proc/%d", pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1)
		return fd;
	if (errno == ENOENT && pid > 0 && access("/proc/self", F_OK) == 0)
		return -ESRCH;
	return -errno;
}

// The line is "PID (NAME) STATE ...", and NAME may hold anything, so what
// follows it begins at the last parenthesis. Returns it, or NULL.
static const char *stat_after_name(int folder, char *line, size_t bytes)
{
	int fd = openat(folder, "stat", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return NULL;
	ssize_t n = read(fd, line, bytes - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	line[n] = '\0';
	const char *end = strrchr(line, ')');
	return end && end[1] == ' ' ? end + 2 : NULL;
}

// The kernel's flags of the process; 0 when there is none.
static unsigned flags_of(int folder)
{
	char line[1024];
	unsigned flags = 0;
	const char *fields = stat_after_name(folder, line, sizeof line);

	if (!fields ||
	    sscanf(fields, "%*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		return 0;
	return flags;
}

enum { PF_EXITING = 0x4, PF_KTHREAD = 0x200000 };

bool process_is_kernels(int folder)
{
	return flags_of(folder) & PF_KTHREAD;
}

int process_file_open(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

	if (fd != -1)
		return fd;
	int error = errno;
	// A process that is gone has an empty folder; the files of one that has
	// lost its memory are root's.
	if (error == ENOENT && faccessat(folder, "stat", F_OK, 0) == -1)
		return -ESRCH;
	if (error == EACCES && flags_of(folder) & PF_EXITING)
		return -ESRCH;
	return -error;
}

int process_stream_open(int folder, const char *name, FILE **file)
{
	int fd = process_file_open(folder, name);

	if (fd < 0)
		return fd;
	*file = fdopen(fd, "re");
	if (*file)
		return 0;
	close(fd);
	return -ENOMEM;
}

int faults_of(pid_t pid, uint64_t *minor, uint64_t *major)
{
	char line[1024];
	unsigned long long without, with;
	int folder = process_open(pid);

	if (folder < 0)
		return folder;
	const char *fields = stat_after_name(folder, line, sizeof line);
	close(folder);
	if (!fields)
		return -ESRCH;
	// state, ppid, group, session, terminal, its group, flags; then these,
	// each followed by that of waited-for children
	if (sscanf(fields, "%*c %*d %*d %*d %*d %*d %*u %llu %*u %llu",
		   &without, &with) != 2)
		return -EBADMSG;
	*minor = without;
	*major = with;
	return 0;
}

// A number, in bytes where the line says kB.
static bool number_of(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (end == text || errno)
		return false;
	*value = strncmp(end, " kB", 3) ? number : number * 1024;
	return true;
}

int status_field(pid_t pid, const char *field, uint64_t *value)
{
	char *line = NULL;
	size_t room = 0, length = strlen(field);
	FILE *file;
	int result = -ENODATA, folder = process_open(pid);

	if (folder < 0)
		return folder;
	int opened = process_stream_open(folder, "status", &file);
	close(folder);
	if (opened < 0)
		return opened;
	while (result == -ENODATA && getline(&line, &room, file) != -1)
		if (!strncmp(line, field, length) && line[length] == ':')
			result = number_of(line + length + 1, value) ? 0
								     : -EBADMSG;
	if (ferror(file))
		result = -errno;
	free(line);
	fclose(file);
	return result;
}
