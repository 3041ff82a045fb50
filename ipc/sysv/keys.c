// # Keys: how strangers find the same object, and how they do by mistake
//
// A System V object has no name, only a number of 32 bits, its key. Whoever
// asks msgget(), shmget() or semget() for the same key gets the same object. So
// all programs of the machine share one space of numbers, and nobody hands them
// out.

#define _GNU_SOURCE
#include <ftw.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"
#include "privilege.h"
#include "sysv.h"

// ## ftok: a hash that collides
//
// ftok(3) makes a key of a file that both programs know and a number that they
// agree on. But a file is told from others by its device (32 bits) and its
// inode number (64), and ftok keeps 8 and 16 of them:
//
//     number, low 8 bits | device, low 8 bits | inode, low 16 bits
//
// Within a file system there are just 65,536 keys to a number. By the birthday
// paradox 300 files are enough for an even chance that two of them share one.
// We look for such a pair among files of this machine, the first 5,000.
//
// And the other way round, one path need not have one key: who replaces a file
// by a new one (as editors and package managers do) changes the inode, and so
// the key. Two programs that were started before and after do not find each
// other.

enum { INODES = 1 << 16, MOST_FILES = 5000, PROJECT = 'o' };

static struct seen {
	char *path;
	dev_t device;
	ino_t inode;
} seen[INODES], twin;

static int files;

static key_t key_by_hand(const struct stat *facts, int project)
{
	return (key_t)((uint32_t)(project & 0xff) << 24 |
		       (uint32_t)(facts->st_dev & 0xff) << 16 |
		       (uint32_t)(facts->st_ino & 0xffff));
}

// For nftw(3): ends the walk when two files have the same low bits. Two names
// of one file (hard links) are no pair.
static int look_for_twin(const char *path, const struct stat *facts, int type,
			 struct FTW *place)
{
	struct seen *first = &seen[facts->st_ino & 0xffff];
	bool again = first->path;

	(void)place;
	if (type != FTW_F)
		return 0;
	files++;
	if (again &&
	    ((first->device ^ facts->st_dev) & 0xff ||
	     (first->inode == facts->st_ino && first->device == facts->st_dev)))
		return files == MOST_FILES;
	*(again ? &twin : first) = (struct seen){ must_ptr(strdup(path)),
						  facts->st_dev,
						  facts->st_ino };
	return again || files == MOST_FILES;
}

static void find_twins(void)
{
	if (nftw("/etc", look_for_twin, 32, FTW_PHYS) != 1)
		(void)nftw("/usr", look_for_twin, 32, FTW_PHYS);
	if (!twin.path) {
		say("among %d files here no two have the same key", files);
		return;
	}
	const struct seen *first = &seen[twin.inode & 0xffff];
	key_t a = ftok(first->path, PROJECT), b = ftok(twin.path, PROJECT);
	if (a == -1 || b == -1) {
		say("%s and %s: one has just gone", first->path, twin.path);
		return;
	}
	say("%d files, and two of them have the key %08x:", files, (unsigned)a);
	say("inode %#jx, %s", (uintmax_t)first->inode, first->path);
	say("inode %#jx, %s", (uintmax_t)twin.inode, twin.path);
	claim(a == b, "two different files have the same key");
}

static key_t make_file(const char *path)
{
	FILE *file = must_ptr(fopen(path, "we"));

	must(fclose(file));
	return must(ftok(path, PROJECT));
}

// A new file whose inode ends in the same 16 bits is possible, and would be one
// more collision; then we take another.
static void replace(const char *path)
{
	key_t before = make_file(path), after;
	const char *other;

	do {
		other = fresh_path();
		after = make_file(other);
	} while (after == before);
	must(rename(other, path));
	after = must(ftok(path, PROJECT));
	say("key %08x; the file replaced by a new one: %08x", (unsigned)before,
	    (unsigned)after);
	claim(before != after, "a path whose file was replaced has a new key");
}

void file_keys(void)
{
	const char *path = fresh_path();
	struct stat facts;

	key_t key = make_file(path);
	must(stat(path, &facts));
	claim(key == key_by_hand(&facts, PROJECT),
	      "a key is 8 bits of number, 8 of device, 16 of inode");
	claim(key == must(ftok(path, PROJECT + 256)),
	      "numbers that differ by 256 give the same key");
	find_twins();
	replace(path);
}

// ## Two strangers, one key
//
// IPC_CREAT alone means "make it if it is not there, or give me what is there".
// So two programs that have never heard of each other, with the same key by
// mistake, work on one queue, and neither is told. With IPC_EXCL the second is
// refused: it knows, and can take another key. A fresh random key (as our
// ledger gives, lib/names.h) with IPC_EXCL is right, and the partner is told
// the key: by inheritance, by a file, by an argument.

void meeting(void)
{
	struct letter got;
	key_t key;

	int ours = make_queue(0600, &key);
	int theirs = must(msgget(key, IPC_CREAT | 0600));
	must_zero(send_text(ours, 1, "our secret", 0));
	must(msgrcv(theirs, &got, TEXT, 0, IPC_NOWAIT));
	say("a stranger with our key has received \"%.10s\"", got.text);
	claim(ours == theirs && !memcmp(got.text, "our secret", 10),
	      "IPC_CREAT alone: strangers share a queue, and nobody is told");
	int error = FAILURE(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
	claim(error == EEXIST, "with IPC_EXCL the second is refused (EEXIST)");
}

// ## Objects without a key, and a world of one's own
//
// The key IPC_PRIVATE means "no key: a new object". It is not private, whatever
// the name says: anybody who learns the identifier, and has the permission, may
// use it. It just cannot be found by a key. Descendants inherit the number.
//
// To be really alone takes an IPC namespace, as a container has: keys and
// identifiers of its own, limits of its own, and the kernel removes all that is
// in it when its last process ends. That is why IPC_PRIVATE is shown here: no
// ledger could find such an object again if we were killed.

static void use_without_key(void)
{
	struct letter got;
	int one = must(msgget(IPC_PRIVATE, 0600));
	int two = must(msgget(IPC_PRIVATE, 0600));

	claim(one != two, "IPC_PRIVATE makes a new queue each time");
	pid_t child = fork_as("child");
	if (child == 0) {
		must_zero(send_text(one, 1, "hello", 0));
		_exit(0);
	}
	reap(child);
	ssize_t n = must(msgrcv(one, &got, TEXT, 0, IPC_NOWAIT));
	claim(n == 5, "and who knows its identifier may use it");
}

static void make_them_all(void)
{
	unsigned long long made = 0, most = kernel_number("shmmni");

	while (made <= most && shmget(IPC_PRIVATE, 1, 0600) != -1)
		made++;
	int error = errno;
	if (error == ENOMEM || error == ENFILE)
		skip("no memory or no files for %llu segments: raise the "
		     "cgroup's memory, or fs.file-max",
		     most);
	say("made %llu segments; the next: %s", made, strerror(error));
	claim(made == most && error == ENOSPC,
	      "a namespace has shmmni segments and no more (ENOSPC)");
}

static void be_alone(key_t outside)
{
	enter_own_namespaces(CLONE_NEWIPC);
	claim(FAILURE(msgget(outside, 0)) == ENOENT,
	      "in a namespace of its own the key leads nowhere (ENOENT)");
	use_without_key();
	make_them_all();
	_exit(0);
}

void own_namespace(void)
{
	key_t key;

	(void)make_queue(0600, &key);
	pid_t child = fork_as("alone");
	if (child == 0)
		be_alone(key);
	reap(child);
}
