// # Objects with names: how each kind is removed
//
// Each function returns how many objects it removed, 0 when there was none
// (also because this kernel has no such objects), or -errno.
//
// Sources: mq_overview(7), shm_overview(7), sem_overview(7), sysvipc(7),
// openat(2), statx(2).

#define _GNU_SOURCE
#include "objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"

static int removed(int result)
{
	if (result == 0)
		return 1;
	return errno == ENOENT || errno == ENOSYS || errno == EIDRM ? 0
								    : -errno;
}

// On a read-only file system unlink(2) says EROFS, whether there is something or
// not; so where it does, we look.
static int remove_shm(int directory, const char *name)
{
	int result = removed(shm_unlink(name));

	(void)directory;
	if (result != -EROFS)
		return result;
	int fd = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
	if (fd != -1)
		close(fd);
	return fd == -1 && errno == ENOENT ? 0 : -EROFS;
}

static int remove_sem(int directory, const char *name)
{
	int result = removed(sem_unlink(name));

	(void)directory;
	if (result != -EROFS)
		return result;
	sem_t *semaphore = sem_open(name, 0);
	if (semaphore != SEM_FAILED)
		sem_close(semaphore);
	return semaphore == SEM_FAILED && errno == ENOENT ? 0 : -EROFS;
}

// A system call of its own: it works where /dev/mqueue is not mounted, too.
static int remove_mq(int directory, const char *name)
{
	(void)directory;
	return removed(mq_unlink(name));
}

static int remove_posix(int directory, const char *name)
{
	int count = 0, error = 0;
	int results[] = { remove_shm(directory, name),
			  remove_sem(directory, name),
			  remove_mq(directory, name) };

	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (results[i] < 0)
			error = results[i];
		else
			count += results[i];
	return error ? error : count;
}

void object_key_label(char label[LABEL_BYTES], key_t key)
{
	snprintf(label, LABEL_BYTES, "%08" PRIx32, (uint32_t)key);
}

static key_t key_of(const char *label)
{
	return (key_t)strtoul(label, NULL, 16);
}

static int remove_msg(int directory, const char *label)
{
	(void)directory;
	int id = msgget(key_of(label), 0);
	return removed(id == -1 ? -1 : msgctl(id, IPC_RMID, NULL));
}

static int remove_shmid(int directory, const char *label)
{
	(void)directory;
	int id = shmget(key_of(label), 0, 0);
	return removed(id == -1 ? -1 : shmctl(id, IPC_RMID, NULL));
}

static int remove_semid(int directory, const char *label)
{
	(void)directory;
	int id = semget(key_of(label), 0, 0);
	return removed(id == -1 ? -1 : semctl(id, 0, IPC_RMID));
}

// A directory on which somebody mounted something is the door to other people's
// files (a bind mount of / for a container, say), and stays shut.
static bool is_mount_point(int fd)
{
	struct statx facts;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &facts) == -1)
		return true;
	return facts.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

// Opens a directory to empty it, giving ourselves the permissions a scene may
// have taken away. O_NOFOLLOW: never the target of a link.
static int open_to_empty(int parent, const char *name)
{
	enum { HOW = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
	int fd = openat(parent, name, HOW);

	if (fd == -1 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, HOW);
	if (fd == -1)
		return -errno;
	if (is_mount_point(fd)) {
		close(fd);
		return -EBUSY;
	}
	(void)fchmod(fd, 0700);
	return fd;
}

static int remove_path(int parent, const char *name);

// Again from the start as long as something went: readdir(3) may skip entries
// while others are removed.
static int empty(DIR *entries)
{
	int error, turn;

	do {
		error = turn = 0;
		rewinddir(entries);
		for (struct dirent *entry; (entry = readdir(entries));) {
			const char *name = entry->d_name;
			if (!strcmp(name, ".") || !strcmp(name, ".."))
				continue;
			int result = remove_path(dirfd(entries), name);
			if (result < 0)
				error = result;
			else
				turn += result;
		}
	} while (turn > 0);
	return error;
}

// A file, or a directory with all that is in it: one object.
static int remove_path(int parent, const char *name)
{
	if (unlinkat(parent, name, 0) == 0)
		return 1;
	if (errno != EISDIR)
		return removed(-1);
	int fd = open_to_empty(parent, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	DIR *entries = fdopendir(fd);
	if (!entries) {
		close(fd);
		return -ENOMEM;
	}
	int error = empty(entries);
	closedir(entries);
	return error ? error : removed(unlinkat(parent, name, AT_REMOVEDIR));
}

// At the top of whichever hierarchy it was made in.
static int remove_cgroup(int directory, const char *label)
{
	(void)directory;
	return cgroup_remove(label + 1);
}

const struct object_kind object_kinds[NAME_KINDS] = {
	[NAME_SHM] = { "shm", "/oslab.", remove_shm },
	[NAME_SEM] = { "sem", "/oslab.", remove_sem },
	[NAME_MQ] = { "mq", "/oslab.", remove_mq },
	[NAME_POSIX] = { "posix", "/oslab.", remove_posix },
	[NAME_PATH] = { "path", "", remove_path },
	[NAME_DIRECTORY] = { "directory", "", remove_path },
	[NAME_SYSV_MSG] = { "sysv-msg", NULL, remove_msg },
	[NAME_SYSV_SHM] = { "sysv-shm", NULL, remove_shmid },
	[NAME_SYSV_SEM] = { "sysv-sem", NULL, remove_semid },
	[NAME_CGROUP] = { "cgroup", "/oslab.", remove_cgroup },
};

// Whatever a ledger holds, nothing but ours is removed: of POSIX names those
// that begin as ours do, of paths those in the ledger's own directory.
bool object_label_fits(const struct object_kind *kind, const char *label)
{
	if (!kind->prefix)
		return strlen(label) == 8 &&
		       strspn(label, "0123456789abcdef") == 8 &&
		       key_of(label) != IPC_PRIVATE;
	size_t length = strlen(kind->prefix);
	return !strncmp(label, kind->prefix, length) && label[length] >= '0' &&
	       label[length] <= '9' && !strchr(label + length, '/');
}

bool object_key_is_free(enum name_kind kind, key_t key)
{
	int id = kind == NAME_SYSV_MSG   ? msgget(key, 0)
		 : kind == NAME_SYSV_SHM ? shmget(key, 0, 0)
					 : semget(key, 0, 0);

	return id == -1 && (errno == ENOENT || errno == ENOSYS);
}
