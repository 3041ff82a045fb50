// # The ledger of names
//
// A program's ledger is a text file, DIRECTORY/PID.START.ledger. Each line is
// one act, written before the object is made or after it was removed:
//
//     +posix /oslab.4711.100200.1     an object of this name may exist
//     +path 4711.100200.2             a file, in this directory
//     +sysv-shm 5a3c1f09              a SysV object with this key
//     -posix /oslab.4711.100200.1     it does not any more
//
// The lock of flock(2) belongs to the open file, not to a process: fork(2)
// shares it, and it lasts until the last copy of the descriptor is closed,
// which the kernel does for whoever dies, of whatever. So a ledger that can be
// locked has no family any more. It is the only proof that never errs: process
// IDs come back, and times can be set.
//
// How each kind of object is removed: objects.c.
// Sources: flock(2), unix(7) (sun_path), openat(2).

#define _GNU_SOURCE
#include "names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "objects.h"

enum {
	HIGH_FD = 500, // out of the way of the numbers readers expect
	TRIES = 1000,
	// A path must fit sun_path, 108 bytes: that leaves so much for TMPDIR
	// beside "/oslab-4294967295", "/PID.START.n" and the final '\0'.
	TMPDIR_LONGEST = 50,
};

static const char ledger_suffix[] = ".ledger";

// ## The directory

static void directory_path(const char *parent, char path[NAME_BYTES])
{
	if (!parent || *parent != '/' || strlen(parent) > TMPDIR_LONGEST)
		parent = "/tmp";
	snprintf(path, NAME_BYTES, "%s/oslab-%u", parent, (unsigned)geteuid());
}

// In /tmp anybody may have made this name before us, to make us write or remove
// where they like. O_NOFOLLOW refuses a link, and what we opened, and not what
// the name may mean a moment later, is looked at: it must be ours, and nobody
// else may enter. All we do then is relative to this descriptor.
static int open_directory(const char *path)
{
	struct stat facts;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (fstat(fd, &facts) == -1 || facts.st_uid != geteuid() ||
	    facts.st_mode & 0077) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

// -ESTALE: a sweep, the last one out, has just removed it.
static int make_directory(const char *path)
{
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return -errno;
	int fd = open_directory(path);
	return fd == -ENOENT ? -ESTALE : fd;
}

// ## Reading a ledger

struct entry {
	const struct object_kind *kind;
	char label[LABEL_BYTES];
};

struct entries {
	struct entry *list;
	size_t count, room;
};

static int add_entry(struct entries *entries, const struct entry *entry)
{
	if (entries->count == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 64;
		void *list = reallocarray(entries->list, room, sizeof *entry);
		if (!list)
			return -ENOMEM;
		entries->list = list;
		entries->room = room;
	}
	entries->list[entries->count++] = *entry;
	return 0;
}

// From the end: what is removed was mostly made last.
static void cross_out(struct entries *entries, const struct entry *entry)
{
	for (size_t i = entries->count; i-- > 0;)
		if (entries->list[i].kind == entry->kind &&
		    !strcmp(entries->list[i].label, entry->label)) {
			entries->list[i] = entries->list[--entries->count];
			return;
		}
}

// A line that is none of ours (cut by a full disk, say) says nothing.
static int read_line(struct entries *entries, const char *line)
{
	char word[16];
	struct entry entry = { 0 };

	if (sscanf(line + 1, "%15s %63s", word, entry.label) != 2)
		return 0;
	for (int i = 0; i < NAME_KINDS; i++)
		if (!strcmp(object_kinds[i].word, word))
			entry.kind = &object_kinds[i];
	if (!entry.kind || !object_label_fits(entry.kind, entry.label))
		return 0;
	if (*line == '+')
		return add_entry(entries, &entry);
	if (*line == '-')
		cross_out(entries, &entry);
	return 0;
}

// Through a copy of the descriptor, which the stream may close. The list is the
// caller's to free.
static int read_ledger(int fd, struct entries *entries)
{
	char line[128];
	int error = 0, copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy == -1)
		return -errno;
	FILE *ledger = fdopen(copy, "r");
	if (!ledger) {
		close(copy);
		return -ENOMEM;
	}
	rewind(ledger);
	while (!error && fgets(line, sizeof line, ledger))
		error = read_line(entries, line);
	if (ferror(ledger))
		error = -EIO;
	fclose(ledger);
	return error;
}

// Removes all that a ledger names. Returns how many objects that were, or the
// first error, after everything else was tried.
static int remove_entries(int directory, int ledger)
{
	struct entries entries = { 0 };
	int count = 0, error = read_ledger(ledger, &entries);

	for (size_t i = 0; i < entries.count; i++) {
		const struct entry *entry = &entries.list[i];
		int result = entry->kind->remove(directory, entry->label);
		if (result >= 0)
			count += result;
		else if (!error)
			error = result;
	}
	free(entries.list);
	return error ? error : count;
}

// ## Sweeping
//
// Two programs may sweep at once, and a third one start. Only who holds a
// ledger's lock may remove its name. So while we hold the lock and the file
// still has a name (its link count), that name is this file's; without a name,
// somebody was faster, and the work is done. A program that has made its ledger
// but not locked it yet may lose it to us, and looks for the same sign.

static bool has_name(int fd)
{
	struct stat facts;

	return fstat(fd, &facts) == 0 && facts.st_nlink > 0;
}

// -EWOULDBLOCK: its family lives.
static int sweep_ledger(int directory, const char *file)
{
	int fd = openat(directory, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return errno == ENOENT ? 0 : -errno;
	int result = flock(fd, LOCK_EX | LOCK_NB) == -1 ? -errno : 0;
	if (result == 0 && has_name(fd)) {
		result = remove_entries(directory, fd);
		if (result >= 0 && unlinkat(directory, file, 0) == -1)
			result = -errno;
	}
	close(fd);
	return result;
}

static bool is_ledger(const char *file)
{
	size_t length = strlen(file), suffix = sizeof ledger_suffix - 1;

	return length > suffix &&
	       !strcmp(file + length - suffix, ledger_suffix);
}

static int sweep_directory(const char *path)
{
	int count = 0, error = 0;

	int fd = open_directory(path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	DIR *files = fdopendir(fd);
	if (!files) {
		close(fd);
		return -ENOMEM;
	}
	for (struct dirent *entry; (entry = readdir(files));) {
		if (!is_ledger(entry->d_name))
			continue;
		int result = sweep_ledger(fd, entry->d_name);
		if (result >= 0)
			count += result;
		else if (result != -EWOULDBLOCK && !error)
			error = result;
	}
	closedir(files);
	// The last one out; ENOTEMPTY: somebody is in.
	(void)rmdir(path);
	return error ? error : count;
}

// Ledgers lie below TMPDIR; those of a run without it, below /tmp.
int names_sweep(void)
{
	char path[NAME_BYTES], usual[NAME_BYTES];

	directory_path(getenv("TMPDIR"), path);
	directory_path(NULL, usual);
	int count = sweep_directory(path);
	if (count >= 0 && strcmp(path, usual) != 0) {
		int more = sweep_directory(usual);
		count = more < 0 ? more : count + more;
	}
	return count;
}

// ## This program's own ledger

static struct {
	int fd;
	dev_t device;          // the file that fd should be: a scene that
	ino_t inode;           // closes all descriptors may reuse the number
	char path[NAME_BYTES]; // of the directory
	char family[LABEL_BYTES - 16]; // "PID.START"
	_Atomic unsigned *count;       // shared by the family
} own = { .fd = -1 };

// Field 22 of /proc/self/stat, in clock ticks since boot; behind the name,
// which may hold anything. Without /proc any number nobody else has will do.
static uint64_t start_time(void)
{
	char text[1024];
	uint64_t start = (uint64_t)now_ns();
	FILE *stat = fopen("/proc/self/stat", "re");

	if (!stat)
		return start;
	text[fread(text, 1, sizeof text - 1, stat)] = '\0';
	fclose(stat);
	const char *name_end = strrchr(text, ')');
	if (name_end)
		sscanf(name_end + 1,
		       " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		       " %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
		       &start);
	return start;
}

static void ledger_name(char file[LABEL_BYTES])
{
	snprintf(file, LABEL_BYTES, "%s%s", own.family, ledger_suffix);
}

// A ledger with a name and our lock, or -errno. -EEXIST: somebody in another
// PID namespace has our process ID and start time, and this directory. -ENOENT
// and -ESTALE: a sweep was faster, try again.
static int create_ledger(int directory)
{
	char file[LABEL_BYTES];
	int error = 0;

	ledger_name(file);
	int swept = sweep_ledger(directory, file);
	if (swept < 0)
		return -EEXIST;
	int fd = openat(directory, file,
			O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
				O_CLOEXEC,
			0600);
	if (fd == -1)
		return -errno;
	while (flock(fd, LOCK_EX) == -1 && !error)
		if (errno != EINTR)
			error = -errno;
	if (!error && !has_name(fd))
		error = -ESTALE;
	if (!error)
		return fd;
	close(fd);
	return error;
}

// The descriptor goes to a high number and is inherited across exec, too: the
// lock must last as long as anybody of the family.
static int keep_ledger(int fd)
{
	struct stat facts;
	int high = -1;

	for (int lowest = HIGH_FD; high == -1 && lowest > 3; lowest /= 2)
		high = fcntl(fd, F_DUPFD, lowest);
	int error = high == -1 || fstat(high, &facts) == -1 ? -errno : 0;
	close(fd);
	if (error)
		return error;
	own.fd = high;
	own.device = facts.st_dev;
	own.inode = facts.st_ino;
	return 0;
}

int names_open(void)
{
	if (own.fd != -1)
		return 0;
	if (!own.count) {
		void *page = mmap(NULL, sizeof *own.count,
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED)
			return -errno;
		own.count = page;
	}
	directory_path(getenv("TMPDIR"), own.path);
	uint64_t start = start_time();
	for (int i = 0; i < TRIES; i++) {
		int directory = make_directory(own.path);
		if (directory == -ESTALE)
			continue;
		if (directory < 0)
			return directory;
		snprintf(own.family, sizeof own.family, "%d.%" PRIu64, getpid(),
			 start);
		int fd = create_ledger(directory);
		close(directory);
		if (fd >= 0)
			return keep_ledger(fd);
		if (fd == -EEXIST)
			start++;
		else if (fd != -ENOENT && fd != -ESTALE)
			return fd;
	}
	return -EAGAIN;
}

// One write(2) a line, so that the lines of several processes stay whole. It
// begins with a newline, too: a line that a full disk cut short must not spoil
// the next.
static int append(char sign, enum name_kind kind, const char *label)
{
	char line[128];
	struct stat facts;

	int n = snprintf(line, sizeof line, "\n%c%s %s\n", sign,
			 object_kinds[kind].word, label);
	if (fstat(own.fd, &facts) == -1)
		return -errno;
	if (facts.st_dev != own.device || facts.st_ino != own.inode)
		return -EBADF;
	ssize_t written = write(own.fd, line, n);
	if (written == -1)
		return -errno;
	return written == n ? 0 : -ENOSPC;
}

int names_fresh(enum name_kind kind, char name[NAME_BYTES])
{
	char label[LABEL_BYTES];

	if ((unsigned)kind >= NAME_KINDS || !object_kinds[kind].prefix)
		return -EINVAL;
	int error = names_open();
	if (error)
		return error;
	snprintf(label, sizeof label, "%s%s.%u", object_kinds[kind].prefix,
		 own.family,
		 atomic_fetch_add_explicit(own.count, 1, memory_order_relaxed));
	error = append('+', kind, label);
	if (error)
		return error;
	int n = *label == '/'
			? snprintf(name, NAME_BYTES, "%s", label)
			: snprintf(name, NAME_BYTES, "%s/%s", own.path, label);
	return n < NAME_BYTES ? 0 : -ENAMETOOLONG;
}

// Keys are 32 bits that all programs of the machine share, so a taken one is
// not written down: the ledger would call a stranger's object ours.
int names_fresh_key(enum name_kind kind, key_t *key)
{
	char label[LABEL_BYTES];
	uint32_t number;

	if ((unsigned)kind >= NAME_KINDS || object_kinds[kind].prefix)
		return -EINVAL;
	int error = names_open();
	if (error)
		return error;
	for (int i = 0; i < TRIES; i++) {
		if (getrandom(&number, sizeof number, 0) != sizeof number)
			return -errno;
		if ((key_t)number == IPC_PRIVATE || (key_t)number == -1 ||
		    !object_key_is_free(kind, (key_t)number))
			continue;
		object_key_label(label, (key_t)number);
		error = append('+', kind, label);
		if (!error)
			*key = (key_t)number;
		return error;
	}
	return -EEXIST;
}

int names_remove(enum name_kind kind, const char *name, key_t key)
{
	char label[LABEL_BYTES] = "";

	if ((unsigned)kind >= NAME_KINDS || own.fd == -1)
		return -EINVAL;
	const char *base = name ? name : label;
	if (!object_kinds[kind].prefix)
		object_key_label(label, key);
	else if (!*object_kinds[kind].prefix && name && strrchr(name, '/'))
		base = strrchr(name, '/') + 1;
	if (base != label) {
		if (strlen(base) >= sizeof label)
			return -ENAMETOOLONG;
		snprintf(label, sizeof label, "%s", base);
	}
	if (!object_label_fits(&object_kinds[kind], label))
		return -EINVAL;
	int directory = open_directory(own.path);
	if (directory < 0)
		return directory;
	int result = object_kinds[kind].remove(directory, label);
	close(directory);
	return result < 0 ? result : append('-', kind, label);
}

int names_clear(void)
{
	if (own.fd == -1)
		return 0;
	int directory = open_directory(own.path);
	if (directory < 0)
		return directory;
	int result = remove_entries(directory, own.fd);
	close(directory);
	if (result < 0)
		return result;
	return ftruncate(own.fd, 0) == -1 ? -errno : 0;
}

int names_close(void)
{
	char file[LABEL_BYTES];

	if (own.fd == -1)
		return 0;
	int error = names_clear(), directory = open_directory(own.path);
	ledger_name(file);
	if (directory < 0)
		error = directory;
	else if (!error && unlinkat(directory, file, 0) == -1)
		error = -errno;
	if (directory >= 0)
		close(directory);
	close(own.fd);
	own.fd = -1;
	(void)rmdir(own.path);
	return error;
}
