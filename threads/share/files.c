// # Folders and descriptors: CLONE_FS and CLONE_FILES
//
// Two more pointers of a task. One leads to where it stands in the file system
// (fs_struct: root, working directory, umask), the other to its table of
// descriptors (files_struct). What a descriptor leads to, the open file with
// its offset, is shared either way: fork copies the table, not the files
// (open(2), "open file description").

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"
#include "threads/share/share.h"

static void prepare_folder(struct trial *trial)
{
	(void)trial;
	must(chdir("/"));
}

static void change_folder(struct trial *trial)
{
	(void)trial;
	must(chdir("/proc"));
}

static bool folder_changed(struct trial *trial)
{
	char folder[16];

	(void)trial;
	return !strcmp(must_ptr(getcwd(folder, sizeof folder)), "/proc");
}

enum { OUR_UMASK = 022, ITS_UMASK = 077 };

static void prepare_umask(struct trial *trial)
{
	(void)trial;
	umask(OUR_UMASK);
}

static void change_umask(struct trial *trial)
{
	(void)trial;
	umask(ITS_UMASK);
}

static bool umask_changed(struct trial *trial)
{
	(void)trial;
	return umask(OUR_UMASK) == ITS_UMASK;
}

static void open_a_file(struct trial *trial)
{
	trial->fd = must(open("/", O_RDONLY | O_CLOEXEC));
}

static bool is_open(struct trial *trial)
{
	return fcntl(trial->fd, F_GETFD) != -1;
}

// The mark "close this at execve" belongs to the descriptor, not to the file.
static void change_flag(struct trial *trial)
{
	must(fcntl(trial->fd, F_SETFD, 0));
}

static bool flag_changed(struct trial *trial)
{
	return must(fcntl(trial->fd, F_GETFD)) == 0;
}

static void prepare_offset(struct trial *trial)
{
	trial->fd = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

static void change_offset(struct trial *trial)
{
	must(lseek(trial->fd, 1, SEEK_SET));
}

static bool offset_changed(struct trial *trial)
{
	return must(lseek(trial->fd, 0, SEEK_CUR)) == 1;
}

const struct thing file_things[] = {
	{ "working folder", CLONE_FS, prepare_folder, change_folder,
	  folder_changed },
	{ "umask", CLONE_FS, prepare_umask, change_umask, umask_changed },
	{ "new descriptor", CLONE_FILES, NULL, open_a_file, is_open },
	{ "close-on-exec", CLONE_FILES, open_a_file, change_flag,
	  flag_changed },
	{ "file offset", ALWAYS, prepare_offset, change_offset,
	  offset_changed },
	{ 0 }
};
